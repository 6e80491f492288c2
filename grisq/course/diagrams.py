"""One drawing for each system of Table 1, all in one style: where words meet the picture, and what the outputs are."""

from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from grisq.course.style import OKABE_ITO
from grisq.runtime.errors import InputError

_FILL = {"picture": "sky blue", "words": "yellow", "both": "reddish purple", "answer": "orange"}
_WIDTH, _HEIGHT = 1.45, 0.66


class Box(NamedTuple):
    """A part of a system."""

    text: str
    kind: str  # what it has seen: picture, words or both; answer for an output
    x: float
    y: float


class Diagram(NamedTuple):
    """Boxes by name and arrows between them."""

    boxes: dict[str, Box]
    arrows: tuple[str, ...]  # "a > b"


def _ends(**more: Box) -> dict[str, Box]:
    """Picture and words at the left, and what a diagram adds."""
    return {"x": Box("picture", "picture", 0, 2), "t": Box("expression", "words", 0, 0)} | more


DIAGRAMS = {
    "mattnet": Diagram(
        _ends(
            trunk=Box("ResNet-101", "picture", 1.7, 2),
            proposals=Box("detector:\nobjects", "picture", 3.4, 2),
            phrases=Box("LSTM, three\nattentions", "words", 1.7, 0),
            match=Box("subject, location,\nrelationship", "both", 5.1, 1),
            score=Box("a score for\neach object", "both", 6.8, 1),
            mask=Box("masks above\na threshold", "answer", 8.5, 1),
        ),
        (
            "x > trunk",
            "trunk > proposals",
            "proposals > match",
            "t > phrases",
            "phrases > match",
            "match > score",
            "score > mask",
        ),
    ),
    "lts": Diagram(
        _ends(
            trunk=Box("DarkNet-53", "picture", 1.7, 2),
            words=Box("GRU", "words", 1.7, 0),
            neck=Box("neck: sentence\ntimes map", "both", 3.4, 1),
            prior=Box("locate: prior\n(stride 16)", "both", 5.1, 0.3),
            segment=Box("segment:\nconvolutions", "both", 6.8, 1),
            mask=Box("mask", "answer", 8.5, 1),
        ),
        (
            "x > trunk",
            "trunk > neck",
            "t > words",
            "words > neck",
            "words > prior",
            "neck > prior",
            "neck > segment",
            "trunk > segment",
            "prior > segment",
            "segment > mask",
        ),
    ),
    "vlt": Diagram(
        _ends(
            trunk=Box("DarkNet-53", "picture", 1.7, 2),
            words=Box("GRU", "words", 1.7, 0),
            neck=Box("neck: sentence\ntimes map", "both", 3.4, 2),
            queries=Box("16 queries:\nreadings of words", "both", 3.4, 0.5),
            transformer=Box("transformer", "both", 5.1, 1.25),
            balance=Box("balance,\nmaps", "both", 6.8, 1.25),
            mask=Box("mask", "answer", 8.5, 1.25),
        ),
        (
            "x > trunk",
            "trunk > neck",
            "t > words",
            "words > neck",
            "words > queries",
            "neck > queries",
            "neck > transformer",
            "queries > transformer",
            "transformer > balance",
            "balance > mask",
        ),
    ),
    "cris": Diagram(
        _ends(
            trunk=Box("CLIP's\nResNet-101", "picture", 1.7, 2),
            words=Box("CLIP's\ntransformer", "words", 1.7, 0),
            neck=Box("neck: sentence\ntimes map", "both", 3.4, 2),
            decoder=Box("positions attend\nto words", "both", 5.1, 2),
            filter=Box("sentence as a\n3×3 filter", "words", 5.1, 0),
            product=Box("filter over\nthe map", "both", 6.8, 1),
            mask=Box("mask", "answer", 8.5, 1),
        ),
        (
            "x > trunk",
            "trunk > neck",
            "t > words",
            "words > neck",
            "neck > decoder",
            "words > decoder",
            "words > filter",
            "decoder > product",
            "filter > product",
            "product > mask",
        ),
    ),
    "lavt": Diagram(
        _ends(
            swin=Box("Swin, words after\nevery stage", "both", 2.4, 1.4),
            words=Box("BERT", "words", 1.7, 0),
            decoder=Box("top-down\nconvolutions", "both", 5.1, 1.4),
            mask=Box("mask", "answer", 8.5, 1.4),
        ),
        ("x > swin", "t > words", "words > swin", "swin > decoder", "decoder > mask"),
    ),
    "rela": Diagram(
        _ends(
            swin=Box("Swin, words after\nevery stage", "both", 2.4, 1.4),
            words=Box("BERT", "words", 1.7, 0),
            decoder=Box("pixel decoder", "both", 4.5, 1.4),
            regions=Box("region queries:\npixels, words,\nother regions", "both", 6.4, 0.6),
            mask=Box("weighted sum\nof masks", "answer", 8.5, 1.4),
            presence=Box("presence: mean\nof logits", "answer", 8.5, 0.2),
        ),
        (
            "x > swin",
            "t > words",
            "words > swin",
            "swin > decoder",
            "decoder > regions",
            "words > regions",
            "decoder > mask",
            "regions > mask",
            "regions > presence",
        ),
    ),
    "lisa": Diagram(
        _ends(
            clip=Box("CLIP ViT", "picture", 1.7, 1.2),
            sam=Box("SAM's encoder", "picture", 3.4, 2.2),
            llama=Box("Llama reads\npatches, words", "both", 3.4, 0.4),
            state=Box("state for the\nnext word", "both", 5.1, 0.4),
            decoder=Box("SAM's mask\ndecoder", "both", 6.8, 1.4),
            mask=Box("mask", "answer", 8.5, 1.4),
        ),
        (
            "x > clip",
            "x > sam",
            "clip > llama",
            "t > llama",
            "llama > state",
            "state > decoder",
            "sam > decoder",
            "decoder > mask",
        ),
    ),
    "gsva": Diagram(
        _ends(
            clip=Box("CLIP ViT", "picture", 1.7, 1.2),
            sam=Box("SAM's encoder", "picture", 3.4, 2.2),
            llama=Box("Llama reads\npatches, words", "both", 3.4, 0.4),
            state=Box("state for the\nnext word", "both", 5.1, 0.4),
            decoder=Box("SAM's mask\ndecoder", "both", 6.8, 1.4),
            mask=Box("mask", "answer", 8.5, 1.4),
            presence=Box("[SEG] or [REJ]", "answer", 8.5, 0.2),
        ),
        (
            "x > clip",
            "x > sam",
            "clip > llama",
            "t > llama",
            "llama > state",
            "state > decoder",
            "sam > decoder",
            "decoder > mask",
            "state > presence",
        ),
    ),
    "grisq": Diagram(
        _ends(
            swin=Box("Swin, words after\nevery stage", "both", 2.4, 1.9),
            words=Box("BERT", "words", 1.7, 0),
            decoder=Box("pixel decoder,\nL blocks", "both", 4.8, 1.9),
            heard=Box("target query e₀:\nhas read the words", "words", 4.4, 0),
            query=Box("e_L: then reads\nf₀, f₁, …", "both", 6.4, 0.95),
            mask=Box("mask", "answer", 8.5, 1.9),
            presence=Box("presence", "answer", 8.5, 0.95),
            plurality=Box("plurality", "answer", 8.5, 0),
        ),
        (
            "x > swin",
            "t > words",
            "words > swin",
            "swin > decoder",
            "words > heard",
            "heard > query",
            "decoder > query",
            "decoder > mask",
            "query > presence",
            "heard > plurality",
        ),
    ),
}


def draw_system(axis: Axes, system: str) -> None:
    """Draw a system: blue has seen the picture, yellow the words, purple both; orange boxes are outputs.

    Raises: InputError for a system without a drawing.
    """
    if system not in DIAGRAMS:
        raise InputError(f"There is no drawing of {system!r}: choose from {', '.join(DIAGRAMS)}.")
    diagram = DIAGRAMS[system]
    for box in diagram.boxes.values():
        corner = (box.x - _WIDTH / 2, box.y - _HEIGHT / 2)
        axis.add_patch(
            FancyBboxPatch(
                corner,
                _WIDTH,
                _HEIGHT,
                boxstyle="round,pad=0.04",
                facecolor=OKABE_ITO[_FILL[box.kind]],
                alpha=0.35,
                edgecolor="black",
                linewidth=0.8,
            )
        )
        axis.text(box.x, box.y, box.text, ha="center", va="center", fontsize=8)
    for arrow in diagram.arrows:
        start, end = (diagram.boxes[name] for name in arrow.split(" > "))
        axis.add_patch(
            FancyArrowPatch(
                _edge(start, end), _edge(end, start), arrowstyle="-|>", mutation_scale=9, linewidth=0.8, color="black"
            )
        )
    axis.set(xlim=(-0.8, 9.3), ylim=(-0.5, 2.7))
    axis.set_aspect("equal")
    axis.axis("off")


def _edge(of: Box, toward: Box) -> tuple[float, float]:
    """Where a line from the center of a box to that of another leaves the box."""
    dx, dy = toward.x - of.x, toward.y - of.y
    width, height = _WIDTH / 2 + 0.06, _HEIGHT / 2 + 0.06
    share = min(width / abs(dx) if dx else float("inf"), height / abs(dy) if dy else float("inf"))
    return of.x + share * dx, of.y + share * dy
