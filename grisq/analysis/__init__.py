"""Statistics of outcomes, and a look inside a trained model."""
