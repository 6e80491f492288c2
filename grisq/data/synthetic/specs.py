"""The synthetic sets by name: their splits, shares and sizes; and the split shares that every made set aims at."""

from dataclasses import dataclass
from typing import NamedTuple

from grisq.runtime.errors import InputError


class Shares(NamedTuple):
    """Shares of a split's expressions; the rest is single-target."""

    no_target: float
    multi: float


SHARES = {
    "train": Shares(no_target=0.0914, multi=0.2553),
    "val": Shares(no_target=0.41, multi=0.30),
    "testA": Shares(no_target=0.232, multi=0.46),
    "testB": Shares(no_target=0.291, multi=0.358),
}
"""The paper's shares (Sec. 3.3 and 4.1) by split."""


@dataclass(frozen=True)
class SplitSpec:
    """One split of a synthetic set."""

    name: str
    pictures: int
    expressions: int
    no_target: float  # share of the expressions
    multi: float  # share of the expressions
    people: float = 0.25  # share of people among the objects
    about_people: bool = False  # whether all expressions are about people, as in testA


@dataclass(frozen=True)
class SyntheticSpec:
    """A whole synthetic set; two equal specs give equal annotations."""

    name: str
    splits: tuple[SplitSpec, ...]
    sides: tuple[int, int] = (96, 128)  # shortest and longest side of a picture in pixels
    objects: tuple[int, int] = (2, 8)  # fewest and most in a picture
    seed: int = 0


def paper_splits(train: tuple[int, int], val: tuple[int, int], test: tuple[int, int]) -> tuple[SplitSpec, ...]:
    """Define the four splits with the paper's shares.

    Args:
        train: Numbers of pictures and expressions of train.
        val: Numbers of pictures and expressions of val.
        test: Numbers of pictures and expressions of testA, and the same again of testB.
    """
    return (
        SplitSpec("train", *train, *SHARES["train"]),
        SplitSpec("val", *val, *SHARES["val"]),
        SplitSpec("testA", *test, *SHARES["testA"], people=0.75, about_people=True),
        SplitSpec("testB", *test, *SHARES["testB"], people=0.0),
    )


SPECS = {
    "mini": SyntheticSpec("mini", paper_splits((24, 96), (8, 32), (6, 24)), sides=(64, 96), objects=(2, 5)),
    "tiny": SyntheticSpec("tiny", paper_splits((6000, 24000), (500, 1500), (250, 1000))),
    # For training the bundled model: more of the same from another seed, so that none of tiny's pictures is seen in
    # training.
    "tiny-long": SyntheticSpec("tiny-long", paper_splits((12000, 48000), (500, 1500), (50, 200)), seed=1),
    # For pretraining the two encoders: a third seed, so that no set that a table is about shares its pictures.
    "encoders": SyntheticSpec("encoders", paper_splits((12000, 48000), (500, 1500), (50, 200)), seed=2),
    "small": SyntheticSpec("small", paper_splits((16000, 64000), (1500, 6000), (1250, 5000)), sides=(192, 256)),
}


def find_spec(name: str) -> SyntheticSpec:
    """Look up a set by name. Raises InputError listing the known names."""
    if name not in SPECS:
        raise InputError(f"There is no synthetic set {name!r}: choose one of {', '.join(SPECS)}.")
    return SPECS[name]
