"""What the book says about a notebook without opening it: its heading, its aim, and its exercises."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from binding.pages import NUMBERED

STAR = "★"
_AIM = re.compile(r"\*\*You can say at the end\*\*:\s*(.+)")
_STARRED = re.compile(rf"(\**) ?({STAR}*)(\**)(.*)", re.DOTALL)
_HEADING = re.compile(r"^#+ ", re.MULTILINE)


@dataclass(frozen=True)
class Exercise:
    """An exercise of a notebook."""

    grade: str  # one to three stars; empty where the notebook gives none
    text: str  # Markdown: what is asked


@dataclass(frozen=True)
class Notebook:
    """A notebook as the book lists it."""

    path: Path
    number: str  # such as "06"
    title: str  # Markdown, without the number
    aim: str  # Markdown: what one can say at the end; empty if the header does not tell
    exercises: tuple[Exercise, ...]


def read_notebook(path: Path) -> Notebook:
    """Read the heading, the aim and the exercises of a notebook from its Markdown cells."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    texts = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
    number = NUMBERED.fullmatch(path.stem)[1]
    heading = texts[0].splitlines()[0].removeprefix("# ")
    aim = _AIM.search(texts[0])
    return Notebook(
        path,
        number,
        heading.removeprefix(number).lstrip(" ·"),
        aim[1].strip() if aim else "",
        tuple(exercise for text in texts for exercise in _exercises(text)),
    )


def _exercises(text: str) -> list[Exercise]:
    """The exercises in a cell: its sections whose heading begins with that word, or each paragraph with stars."""
    found = []
    for section in _HEADING.split(text):
        heading, _, body = section.partition("\n")
        if not heading.strip().startswith("Exercise"):
            continue
        paragraphs = [paragraph.strip() for paragraph in body.split("\n\n") if paragraph.strip()]
        starred = [paragraph for paragraph in paragraphs if paragraph.lstrip("* ").startswith(STAR)]
        stars_in_heading = STAR * heading.count(STAR)
        for paragraph in starred or paragraphs[:1]:
            found.append(_exercise(paragraph, stars_in_heading))
    return found


def _exercise(paragraph: str, grade: str) -> Exercise:
    """An exercise without its stars, which may stand inside of bold words, and without the way to its solution."""
    opening, stars, closing, question = _STARRED.fullmatch(paragraph).groups()
    question = re.split(r"\s*Solution:", question)[0].lstrip(" :.")
    if opening and not closing:
        question = opening + question
    question = " ".join(question.split())
    return Exercise(stars or grade, re.sub(r"[,:]$", " …", question))
