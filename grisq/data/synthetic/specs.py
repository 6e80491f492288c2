"""Which synthetic sets there are: their splits, shares and sizes."""

from dataclasses import dataclass

from grisq.runtime.errors import InputError


@dataclass(frozen=True)
class SplitSpec:
    """One split: numbers of pictures and expressions, shares by expression, share of people among objects.

    With `about_people` all expressions are about people, as in testA.
    """

    name: str
    pictures: int
    expressions: int
    no_target: float
    multi: float
    people: float = 0.25
    about_people: bool = False


@dataclass(frozen=True)
class SyntheticSpec:
    """A whole set; two equal specs give equal annotations.

    `sides`: shortest and longest side of a picture in pixels. `objects`: fewest and most in a picture.
    """

    name: str
    splits: tuple[SplitSpec, ...]
    sides: tuple[int, int] = (96, 128)
    objects: tuple[int, int] = (2, 8)
    seed: int = 0


def paper_splits(train: tuple[int, int], val: tuple[int, int], test: tuple[int, int]) -> tuple[SplitSpec, ...]:
    """The four splits with the paper's shares; each argument is (pictures, expressions), `test` twice."""
    return (
        SplitSpec("train", *train, no_target=0.0914, multi=0.2553),
        SplitSpec("val", *val, no_target=0.41, multi=0.30),
        SplitSpec("testA", *test, no_target=0.232, multi=0.46, people=0.75, about_people=True),
        SplitSpec("testB", *test, no_target=0.291, multi=0.358, people=0.0),
    )


SPECS = {
    "mini": SyntheticSpec("mini", paper_splits((24, 96), (8, 32), (6, 24)), sides=(64, 96), objects=(2, 5)),
    "tiny": SyntheticSpec("tiny", paper_splits((3000, 12000), (500, 1500), (250, 1000))),
    # For the checkpoint that comes with the project: more of the same, from another seed, so that none of tiny's
    # pictures was seen when it was trained.
    "tiny-long": SyntheticSpec("tiny-long", paper_splits((12000, 48000), (500, 1500), (50, 200)), seed=1),
    "small": SyntheticSpec("small", paper_splits((16000, 64000), (1500, 6000), (1250, 5000)), sides=(192, 256)),
}


def find_spec(name: str) -> SyntheticSpec:
    """Errors: InputError that lists the sets there are."""
    if name not in SPECS:
        raise InputError(f"There is no synthetic set {name!r}: choose one of {', '.join(SPECS)}.")
    return SPECS[name]
