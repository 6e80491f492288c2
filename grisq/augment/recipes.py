"""What can stand in a slot of a batch. A recipe names rows of the expression table and holds no pixel."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Plain:
    """The expression of that row as annotated."""

    row: int


@dataclass(frozen=True)
class NoTarget:
    """The picture of row `image` with the expression of row `text_from`, and nothing to segment."""

    image: int
    text_from: int


@dataclass(frozen=True)
class Mosaic:
    """Two to four single-target samples in distinct cells of a 2x2 grid, their expressions joined by "and".

    cells: (cell, row) in raster order; cell 0 is top-left, 1 top-right, 2 bottom-left, 3 bottom-right.
    """

    cells: tuple[tuple[int, int], ...]


Recipe = Plain | NoTarget | Mosaic
