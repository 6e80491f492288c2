"""The training loop of Sec. 3.4 and 4.2, its losses and its optimizer."""
