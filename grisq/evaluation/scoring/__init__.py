"""Scores of anybody's predictions, read from files: `grisq score` (Sec. 4.1)."""
