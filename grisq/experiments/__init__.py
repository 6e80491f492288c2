"""The paper's numbers, our runs by name, their results, and a verdict for every claim."""
