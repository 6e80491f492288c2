"""What a prediction is worth under named rules (Sec. 4.1)."""
