"""The layers that the systems are made of."""
