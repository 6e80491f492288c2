"""Tables: shown in a notebook with a caption, saved byte-stably as Markdown, HTML, LaTeX and CSV."""

from pathlib import Path

import pandas as pd
from IPython.display import HTML, display

from grisq.evaluation.markdown import markdown
from grisq.runtime.files import write_text
from grisq.runtime.paths import FIGURES

MISSING = "–"


def save(table: pd.DataFrame, name: str, caption: str, folder: Path = FIGURES) -> list[Path]:
    """Write name.md, name.html, name.tex and name.csv and return their paths; the same table gives the same bytes.

    Args:
        table: text or numbers as they are to be read. Its index is left out, its columns may have two levels.
        name: of the files.
        caption: says what the numbers rest on.
        folder: of the files.
    """
    flat = table.copy()
    flat.columns = [_joined(column) for column in table.columns]
    flat = flat.fillna(MISSING)
    texts = {
        "md": f"{caption}\n\n{markdown(flat)}\n",
        "html": _html(table, caption) + "\n",
        "tex": _latex(table, caption),
        "csv": flat.to_csv(index=False, lineterminator="\n"),
    }
    paths = []
    for ending, text in texts.items():
        paths.append(folder / f"{name}.{ending}")
        write_text(paths[-1], text)
    return paths


def show(table: pd.DataFrame, caption: str) -> None:
    """Display a table in a notebook, with its caption; plain text for readers without HTML."""
    display(HTML(_html(table, caption)))


def show_part(table: pd.DataFrame, caption: str, part: pd.DataFrame) -> None:
    """Display the part of a table that the text is about, with the caption, and the whole table folded below it.

    Args:
        table: as `show`.
        caption: says what the numbers rest on.
        part: some of its rows and columns.
    """
    rows, columns = table.shape
    summary = f"<summary>The whole table: {rows} rows, {columns} columns</summary>"
    display(HTML(f"{_html(part, caption)}\n<details>{summary}\n{_html(table)}\n</details>"))


def spread(mean: float, deviation: float, digits: int = 1) -> str:
    """Format `39.2 ± 0.8`, or `39.2` where there is one seed only."""
    return number(mean, digits) + ("" if pd.isna(deviation) else f" ± {deviation:.{digits}f}")


def number(value: float, digits: int) -> str:
    """Format a number with `digits` decimals; a dash for nan."""
    return MISSING if pd.isna(value) else f"{value:.{digits}f}"


def _joined(column: object) -> str:
    parts = column if isinstance(column, tuple) else (column,)
    return " ".join(str(part) for part in parts if str(part))


def _html(table: pd.DataFrame, caption: str = "") -> str:
    body = table.to_html(index=False, na_rep=MISSING, border=0, justify="left")
    if not caption:
        return body
    return body.replace(">", f">\n  <caption>{caption}</caption>", 1)


def _latex(table: pd.DataFrame, caption: str) -> str:
    escaped = table.map(_escaped)
    if isinstance(table.columns, pd.MultiIndex):
        escaped.columns = pd.MultiIndex.from_tuples([tuple(map(_escaped, column)) for column in table.columns])
    else:
        escaped.columns = [_escaped(column) for column in table.columns]
    text = escaped.to_latex(index=False, na_rep=MISSING, caption=_escaped(caption), multicolumn_format="c")
    return text.replace("±", r"$\pm$").replace("✓", r"\checkmark{}").replace("−", "$-$")


def _escaped(value: object) -> object:
    if not isinstance(value, str):
        return value
    for sign in "&%_#":
        value = value.replace(sign, "\\" + sign)
    return value
