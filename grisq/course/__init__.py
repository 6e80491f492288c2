"""What notebooks import: exercises, figures, tables, source listings, the demo, and running them in order."""
