"""The whole model (Fig. 2) as data: its parts, boxes and arrows, and where each stands on a card of 900 units."""

from typing import NamedTuple

from grisq.course.svg import Place, Point

SIZE = (900, 804)


class Part(NamedTuple):
    """What one notebook explains: a frame around boxes, with a title, its code, and where the paper has it."""

    title: str
    code: str  # full name; its rows in data/paper/equations.json name equation and notebook
    frame: Place
    header: tuple[Point, Point, Point]  # where title, code, and equation with notebook begin
    dashed: bool = False  # there in training alone


class Box(NamedTuple):
    """A tensor, or a step of the computation. Lines name facts of the configuration as in "%(blocks)s"."""

    lines: tuple[str, ...]
    kind: str  # what it has seen: picture, words or both; "learned" for a parameter, "answer" for an output
    part: str
    place: Place
    code: str = ""  # full name of what computes it; without one that of its part
    tensor: str = ""  # whose shape it shows, see `grisq.course.shapes`
    is_step: bool = True  # else it is that tensor
    unit: str = ""  # what the shape counts


class Arrow(NamedTuple):
    """What flows from one box or frame to another, straight or around corners."""

    start: str
    end: str
    corners: tuple[Point, ...] = ()
    label: str = ""
    label_at: Point = (0, 0)
    repeats: bool = False  # stands for further steps of the same kind


class Note(NamedTuple):
    """A line of text in a part."""

    line: str
    part: str
    at: Point  # where it begins


def _tensor(line: str, kind: str, part: str, place: Place, tensor: str, code: str = "", unit: str = "") -> Box:
    return Box((line,), kind, part, place, code, tensor, is_step=False, unit=unit)


def _stacked(x: float, y: float) -> tuple[Point, Point, Point]:
    return (x, y), (x, y + 17), (x, y + 34)


_MODELS, _LAYERS = "grisq.models", "grisq.models.layers"
PARTS = {
    "text encoder": Part("Text encoder", f"{_MODELS}.text_encoder.TextEncoder", (44, 562, 172, 172), _stacked(54, 581)),
    "multimodal encoder": Part(
        "Multimodal encoder",
        f"{_MODELS}.multimodal_encoder.MultimodalEncoder",
        (44, 92, 296, 456),
        _stacked(146, 112),
    ),
    "pixel decoder": Part(
        "Pixel decoder",
        f"{_MODELS}.pixel_decoder.PixelDecoder",
        (348, 246, 364, 302),
        ((358, 264), (358, 281), (458, 281)),
    ),
    "mask head": Part("Mask head", f"{_MODELS}.heads.MaskHead", (512, 92, 200, 146), _stacked(522, 112)),
    "target query": Part(
        "Target query", f"{_MODELS}.target_query.TargetQuery", (224, 562, 412, 204), _stacked(234, 581)
    ),
    "answer": Part("Answer", "grisq.config.answer.Answer", (726, 306, 164, 222), _stacked(736, 325)),
    "losses": Part(
        "In training", "grisq.training.losses.total_loss", (726, 12, 164, 102), _stacked(736, 30), dashed=True
    ),
}

_LEVELS = (224, 320, 416, 512)  # middle of each level, and of the step that makes it
_STAGE, _LEVEL, _FIRST, _LATE = (58, 144), (228, 104), (358, 78), (546, 78)  # x and width of columns
_LANE, _BELOW = 655, 731  # middle of the row of the query, and of the row below it


def _encoder() -> dict[str, Box]:
    part, (x, width) = "multimodal encoder", _STAGE
    swin, attention = f"{_LAYERS}.swin.run_stage", f"{_LAYERS}.pixel_word_attention.PixelWordAttention"
    boxes = {"picture": _tensor("picture", "picture", part, (x, 12, width, 64), "picture")}
    for i, middle in enumerate(_LEVELS, start=1):
        stage = (f"Swin stage {i}", f"%(depth_{i})s blocks")
        kind = "picture" if i == 1 else "both"  # the words enter the trunk by the gate after stage 1
        boxes[f"swin_{i}"] = Box(stage, kind, part, (x, middle - 69, width, 42), swin)
        fusion = ("PWAM and gate",) if i < len(_LEVELS) else ("PWAM",)
        boxes[f"pwam_{i}"] = Box(fusion, "both", part, (x, middle - 14, width, 28), attention)
        level = (_LEVEL[0], middle - 30, _LEVEL[1], 60)
        boxes[f"F{i}"] = _tensor(f"$F^{{M,{i}}}$", "both", part, level, f"F{i}")
    return boxes


def _decoder() -> dict[str, Box]:
    part, module = "pixel decoder", f"{_MODELS}.pixel_decoder"
    boxes = {}
    for j, middle in zip((2, 3, 4), _LEVELS[1:]):
        for name, low, (x, width), code in (
            ("f0", "0", _FIRST, "LevelProjection"),
            ("fl", "{L−1}", _LATE, "MSDSBlock"),
        ):
            box, symbol, place = f"{name}_{j}", f"$f_{low}^{{M,{j}}}$", (x, middle - 30, width, 60)
            boxes[box] = _tensor(symbol, "both", part, place, box, f"{module}.{code}")
    top, height = _LEVELS[1] - 30, _LEVELS[3] - _LEVELS[1] + 60
    for name, line, x in (("msds_1", "MSDS$_1$", 448), ("msds_L", "MSDS$_L$", 636)):
        boxes[name] = Box((line,), "both", part, (x, top, 54, height), f"{module}.MSDSBlock")
    return boxes


def _mask_head() -> dict[str, Box]:
    part, (x, width) = "mask head", (520, 184)
    steps = {"mask_mlp": ("MLP, upsample ×4", 164), "mask_sum": ("upsample ×2, add $F^{M,1}$", 204)}
    return {name: Box((line,), "both", part, (x, y, width, 26)) for name, (line, y) in steps.items()}


def _query() -> dict[str, Box]:
    part, top = "target query", _LANE - 29
    block, head = f"{_MODELS}.target_query.CrossAttentionBlock", f"{_MODELS}.heads.mlp"
    return {
        "initial": _tensor("$e′_0$, learned", "learned", part, (232, _BELOW - 21, 100, 42), "initial"),
        "cross_words": Box(("CrossAttn", "Eq. 3"), "words", part, (232, top, 100, 58), block, "e_0"),
        "cross_1": Box(("CrossAttn$_1$", "Eq. 4"), "both", part, (_FIRST[0], top, _FIRST[1], 58), block, "e_1"),
        "cross_L": Box(("CrossAttn$_L$", "Eq. 4"), "both", part, (_LATE[0], top, _LATE[1], 58), block, "e_L"),
        "presence_head": Box(("presence", "head"), "both", part, (666, _LANE - 21, 74, 42), head),
        "plurality_head": Box(("plurality", "head"), "words", part, (666, _BELOW - 21, 74, 42), head),
    }


def _answers() -> dict[str, Box]:
    part, output, x = "answer", f"{_MODELS}.base.Output", 762
    answers = {
        "nothing": ("presence < %(threshold)s:", "“nothing”, no mask"),
        "one": ("else plurality < %(threshold)s:", "“one”, the mask"),
        "several": ("else:", "“several”, the mask"),
    }
    return {
        "mask": _tensor("mask $Ŷ$", part, part, (x, 147, 126, 60), "mask", output),
        "presence": _tensor("presence $ŷ_{pr}$", part, part, (x, _LANE - 21, 100, 42), "presence", output),
        "plurality": _tensor("plurality $ŷ_{pl}$", part, part, (x, _BELOW - 21, 126, 42), "plurality", output),
    } | {name: Box(lines, part, part, (733, 370 + 50 * n, 150, 42)) for n, (name, lines) in enumerate(answers.items())}


def _losses() -> dict[str, Box]:
    places = {"pixel": (762, 123, 126, 24), "pr": (762, _LANE + 21, 100, 24), "pl": (762, _BELOW + 21, 126, 24)}
    return {
        f"loss_{name}": Box((f"loss $L_{{{name}}}$",), "training", "losses", place) for name, place in places.items()
    }


BOXES = {
    "tokens": _tensor("expression", "words", "text encoder", (58, 748, 144, 42), "tokens", unit=" tokens"),
    "bert": Box(("BERT, %(layers)s layers",), "words", "text encoder", (58, 698, 144, 28)),
    "words": _tensor("$f^T$", "words", "text encoder", (58, 627, 144, 58), "words"),
    **_encoder(),
    **_decoder(),
    **_mask_head(),
    **_query(),
    **_answers(),
    **_losses(),
}

_BUS, _FORK = 24, 345  # x of the words' way up, and of the query's way down to the plurality head
ARROWS = (
    Arrow("tokens", "bert"),
    Arrow("bert", "words"),
    *(Arrow("words", f"pwam_{i}", ((_BUS, _LANE), (_BUS, middle))) for i, middle in enumerate(_LEVELS, start=1)),
    Arrow("picture", "swin_1", label="patches", label_at=(94, 131)),
    *(Arrow(f"swin_{i}", f"pwam_{i}") for i in (1, 2, 3, 4)),
    *(Arrow(f"pwam_{i}", f"swin_{i + 1}") for i in (1, 2, 3)),
    *(Arrow(f"pwam_{i}", f"F{i}") for i in (1, 2, 3, 4)),
    Arrow("F1", "mask_sum"),
    *(Arrow(f"F{j}", f"f0_{j}") for j in (2, 3, 4)),
    *(Arrow(f"f0_{j}", "msds_1") for j in (2, 3, 4)),
    *(Arrow("msds_1", f"fl_{j}", repeats=True) for j in (2, 3, 4)),
    *(Arrow(f"fl_{j}", "msds_L") for j in (2, 3, 4)),
    Arrow("msds_L", "mask_sum", label="$f_L^{M,2}$", label_at=(687, 270)),
    Arrow("mask_sum", "mask_mlp"),
    Arrow("mask_mlp", "mask"),
    Arrow("words", "cross_words"),
    Arrow("initial", "cross_words"),
    Arrow("cross_words", "cross_1", label="$e_0$", label_at=(345, 646)),
    Arrow("f0_4", "cross_1"),
    Arrow("cross_1", "cross_L", label="$e_1$ … $e_{L−1}$", label_at=(490, 646), repeats=True),
    Arrow("fl_4", "cross_L"),
    Arrow("cross_L", "presence_head", label="$e_L$", label_at=(649, 646)),
    Arrow("cross_words", "plurality_head", ((_FORK, _LANE), (_FORK, _BELOW))),
    Arrow("presence_head", "presence"),
    Arrow("plurality_head", "plurality"),
    Arrow("mask", "answer"),
    Arrow("presence", "answer"),
    Arrow("plurality", "answer", ((876, 690),)),
)

NOTES = (
    Note("L = %(blocks)s blocks", "pixel decoder", (466, 264)),
    Note("$L_{pixel}$ + %(lambda_presence)s $L_{pr}$", "losses", (736, 86)),
    Note("+ %(lambda_plurality)s $L_{pl}$", "losses", (736, 106)),
)
