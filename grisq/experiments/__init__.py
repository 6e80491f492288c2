"""The paper's numbers, our runs by name, their results, tables of both, and a verdict on every claim."""
