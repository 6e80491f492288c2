"""Prediction with a trained model, its release and its export."""
