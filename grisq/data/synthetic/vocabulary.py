"""The words of referring expressions: nouns, synonyms, hypernyms, places; RefCOCO-like and terse.

Nothing here knows what an expression means; `grisq.data.synthetic.grammar` joins these words to a meaning.
"""

import numpy as np

from grisq.runtime.seed import chance, pick

PEOPLE = {
    "man": frozenset({"man"}),
    "woman": frozenset({"woman"}),
    "boy": frozenset({"boy"}),
    "girl": frozenset({"girl"}),
    "kid": frozenset({"boy", "girl"}),
}
"""Kinds of person, each with the variants of an instance that it covers."""

HYPERNYMS = {
    "animal": frozenset(
        {"bird", "cat", "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe"},
    ),
    "vehicle": frozenset(
        {"bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat"},
    ),
    "bag": frozenset({"backpack", "handbag", "suitcase"}),
}
"""Words for several COCO categories at once."""

LOOKALIKES = {"animal": frozenset({"teddy bear"})}
"""Categories beside which a hypernym is unclear: some people would count a teddy bear as an animal."""

COLORS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "white", "black")

_NOUNS = {  # singular and plural, the commonest first
    "person": (("person", "people"),),
    "man": (("man", "men"), ("guy", "guys"), ("dude", "dudes")),
    "woman": (("woman", "women"), ("lady", "ladies")),
    "boy": (("boy", "boys"),),
    "girl": (("girl", "girls"),),
    "kid": (("kid", "kids"), ("child", "children")),
    "bicycle": (("bicycle", "bicycles"), ("cycle", "cycles")),
    "motorcycle": (("motorcycle", "motorcycles"), ("motorbike", "motorbikes")),
    "airplane": (("plane", "planes"), ("airplane", "airplanes")),
    "bus": (("bus", "buses"),),
    "truck": (("truck", "trucks"), ("lorry", "lorries")),
    "cat": (("cat", "cats"), ("kitty", "kitties")),
    "dog": (("dog", "dogs"), ("puppy", "puppies"), ("doggy", "doggies")),
    "horse": (("horse", "horses"), ("pony", "ponies")),
    "sheep": (("sheep", "sheep"),),
    "handbag": (("handbag", "handbags"), ("purse", "purses")),
    "backpack": (("backpack", "backpacks"), ("rucksack", "rucksacks")),
    "cup": (("cup", "cups"), ("mug", "mugs")),
    "couch": (("couch", "couches"), ("sofa", "sofas")),
    "sports ball": (("ball", "balls"),),
    "wine glass": (("wine glass", "wine glasses"), ("glass of wine", "glasses of wine")),
    "knife": (("knife", "knives"),),
    "sandwich": (("sandwich", "sandwiches"),),
    "donut": (("donut", "donuts"), ("doughnut", "doughnuts")),
    "tv": (("tv", "tvs"), ("television", "televisions")),
    "cell phone": (("phone", "phones"), ("cell phone", "cell phones")),
    "bench": (("bench", "benches"),),
    "mouse": (("mouse", "mice"),),
    "toothbrush": (("toothbrush", "toothbrushes"),),
    "skis": (("pair of skis", "pairs of skis"),),
    "scissors": (("pair of scissors", "pairs of scissors"),),
    "broccoli": (("piece of broccoli", "pieces of broccoli"), ("broccoli", "broccoli")),
    "potted plant": (("plant", "plants"), ("potted plant", "potted plants")),
    "refrigerator": (("fridge", "fridges"), ("refrigerator", "refrigerators")),
    "dining table": (("table", "tables"), ("dining table", "dining tables")),
}

_PLACES = {
    "left": ("on the left", "on left", "on the left side", "at left", "left"),
    "right": ("on the right", "on right", "on the right side", "at right", "right"),
    "top": ("at the top", "at top", "on top", "in the upper half", "up high"),
    "bottom": ("at the bottom", "at bottom", "on bottom", "in the lower half", "down low"),
}

_EXTREMES = {  # {} is the noun phrase
    "left": ("leftmost {}", "left {}", "far left {}", "{} on the far left", "{} furthest left"),
    "right": ("rightmost {}", "right {}", "far right {}", "{} on the far right", "{} furthest right"),
    "top": ("top {}", "highest {}", "uppermost {}", "{} at the very top", "topmost {}"),
    "bottom": ("bottom {}", "lowest {}", "bottommost {}", "{} at the very bottom"),
    "middle": ("middle {}", "center {}", "{} in the middle", "{} in center"),
    "biggest": ("biggest {}", "largest {}", "big {}"),
    "smallest": ("smallest {}", "littlest {}", "tiniest {}", "small {}"),
}

_RELATIONS = {
    "left of": ("left of", "to the left of", "on the left of"),
    "right of": ("right of", "to the right of", "on the right of"),
    "above": ("above", "over", "higher than"),
    "below": ("below", "under", "lower than"),
    "next to": ("next to", "closest to", "nearest", "nearest to", "beside"),
}

_ORDINALS = {2: ("second", "2nd"), 3: ("third", "3rd"), 4: ("fourth", "4th")}
_NUMBERS = {2: ("two", "2"), 3: ("three", "3"), 4: ("four", "4"), 5: ("five", "5"), 6: ("six", "6")}

PLACES, EXTREMES, RELATIONS = tuple(_PLACES), tuple(_EXTREMES), tuple(_RELATIONS)
MAX_ORDINAL, MAX_COUNT = max(_ORDINALS), max(_NUMBERS)


def is_human(kind: str) -> bool:
    """Whether the kind is a word for people."""
    return kind == "person" or kind in PEOPLE


def noun(kind: str, plural: bool, rng: np.random.Generator) -> str:
    """A word for the kind; the commonest in most cases, else any synonym."""
    words = _NOUNS.get(kind) or ((kind, kind + "s"),)
    chosen = words[0] if chance(rng, 0.7) else pick(rng, words)
    return chosen[plural]


def colored(kind: str, noun: str, color: str, rng: np.random.Generator) -> str:
    """The noun with its color; of people it is the color of what they wear."""
    if not is_human(kind):
        return f"{color} {noun}"
    templates = ("{n} in {c}", "{n} in {c}", "{n} wearing {c}", "{n} in {c} shirt", "{n} with {c} shirt")
    return pick(rng, templates).format(n=noun, c=color)


def placed(phrase: str, place: str, rng: np.random.Generator) -> str:
    """The phrase at a side of the picture."""
    return f"{phrase} {pick(rng, _PLACES[place])}"


def extreme(phrase: str, which: str, rng: np.random.Generator) -> str:
    """The phrase as a superlative."""
    return pick(rng, _EXTREMES[which]).format(phrase)


def ordinal(phrase: str, rank: int, side: str, rng: np.random.Generator) -> str:
    """The phrase counted from a side."""
    word = pick(rng, _ORDINALS[rank])
    templates = ("{o} {p} from the {s}", "{o} {p} from {s}", "{p} {o} from {s}", "{o} from {s} {p}")
    return pick(rng, templates).format(o=word, p=phrase, s=side)


def related(phrase: str, relation: str, landmark: str, rng: np.random.Generator) -> str:
    """The phrase in a spatial relation to a landmark."""
    return f"{phrase} {pick(rng, _RELATIONS[relation])} {landmark}"


def number(count: int, rng: np.random.Generator) -> str:
    """The number as a word or as a digit."""
    return pick(rng, _NUMBERS[count])


def group(phrase: str, count: int, side: str, rng: np.random.Generator) -> str:
    """So many of the (plural) phrase at the end of a row."""
    templates = ("{c} {p} on the {s}", "{c} {s} {p}", "{c} {s}most {p}", "{c} {p} on {s}", "{c} {p} furthest {s}")
    return pick(rng, templates).format(c=number(count, rng), p=phrase, s=side)


def counted(phrase: str, count: int, rng: np.random.Generator) -> str:
    """So many of the (plural) phrase, no more and no fewer."""
    plain = number(count, rng)
    words = (plain, plain, f"the {plain}", f"all {plain}") if count != 2 else (plain, "both", "the two")
    return f"{pick(rng, words)} {phrase}"


def every(kind: str, bare: bool, singular: str, plural: str, rng: np.random.Generator) -> str:
    """All of them; `bare` says that nothing but the kind restricts them, so "everyone" may stand for people."""
    if bare and kind == "person" and chance(rng, 0.6):
        return pick(rng, ("everyone", "everybody"))
    options = (f"all {plural}", f"all the {plural}", f"all of the {plural}", f"every {singular}", plural)
    return pick(rng, options)


def article(rng: np.random.Generator) -> str:
    """Mostly none, as in RefCOCO."""
    return "the " if chance(rng, 0.3) else ""
