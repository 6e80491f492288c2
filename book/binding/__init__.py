"""What makes a book of the repository's files; `conf.py` puts the parts together."""
