"""A trained model at work: a picture and an expression in, a mask out."""
