"""Tables in Markdown."""

import pandas as pd


def markdown(frame: pd.DataFrame) -> str:
    """Write a table in Markdown, without its index."""
    lines = [frame.columns, ["---"] * len(frame.columns), *frame.itertuples(index=False)]
    return "\n".join("| " + " | ".join(str(value) for value in line) + " |" for line in lines)
