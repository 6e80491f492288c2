"""Words and phrases of referring expressions in several wordings: terse, as in RefCOCO.

Nothing here knows what an expression means; `grisq.data.synthetic.grammar` joins these phrases to a meaning.
"""

import numpy as np

from grisq.data.synthetic.vocabulary import LEXICON, Lexicon, is_human
from grisq.runtime.seed import chance, pick

_PLACES = {
    "left": ("on the left", "on left", "on the left side", "at left", "left"),
    "right": ("on the right", "on right", "on the right side", "at right", "right"),
    "top": ("at the top", "at top", "on top", "in the upper half", "up high"),
    "bottom": ("at the bottom", "at bottom", "on bottom", "in the lower half", "down low"),
}

_EXTREMES = {  # {} is the noun phrase
    "left": ("leftmost {}", "left {}", "{} furthest left"),
    "right": ("rightmost {}", "right {}", "{} furthest right"),
    "top": ("top {}", "highest {}", "uppermost {}", "topmost {}"),
    "bottom": ("bottom {}", "lowest {}", "bottommost {}"),
    "middle": ("middle {}",),
    "biggest": ("biggest {}", "largest {}", "big {}"),
    "smallest": ("smallest {}", "littlest {}", "tiniest {}", "small {}"),
    "far left": ("far left {}", "{} on the far left"),
    "far right": ("far right {}", "{} on the far right"),
    "very top": ("{} at the very top",),
    "very bottom": ("{} at the very bottom",),
    "center": ("center {}", "{} in the middle", "{} in center"),
}

_RELATIONS = {
    "left of": ("left of", "to the left of", "on the left of"),
    "right of": ("right of", "to the right of", "on the right of"),
    "above": ("above", "over", "higher than"),
    "below": ("below", "under", "lower than"),
    "next to": ("next to", "closest to", "nearest", "nearest to", "beside"),
}

_COLORED_PERSON = ("{n} in {c}", "{n} in {c}", "{n} wearing {c}", "{n} in {c} shirt", "{n} with {c} shirt")
_ORDINAL = ("{o} {p} from the {s}", "{o} {p} from {s}", "{p} {o} from {s}", "{o} from {s} {p}")
_GROUP = ("{c} {s} {p}", "{c} {s}most {p}", "{c} {p} furthest {s}")
_ORDINALS = {2: ("second", "2nd"), 3: ("third", "3rd"), 4: ("fourth", "4th")}
_NUMBERS = {2: ("two", "2"), 3: ("three", "3"), 4: ("four", "4"), 5: ("five", "5"), 6: ("six", "6")}

IN_PICTURE = {  # superlatives that also promise a place in the picture, by those that only compare
    "left": "far left",
    "right": "far right",
    "top": "very top",
    "bottom": "very bottom",
    "middle": "center",
}
PLACES, EXTREMES, RELATIONS = tuple(_PLACES), tuple(_EXTREMES), tuple(_RELATIONS)
COMPARED = tuple(which for which in _EXTREMES if which not in IN_PICTURE.values())
MAX_ORDINAL, MAX_COUNT = max(_ORDINALS), max(_NUMBERS)


class Wording:
    """Chooses among the wordings of each phrase at random.

    Args:
        rng: Source of every choice.
        lexicon: The words for each noun.
    """

    def __init__(self, rng: np.random.Generator, lexicon: Lexicon = LEXICON):
        self.rng = rng
        self.lexicon = lexicon

    def noun(self, name: str, plural: bool) -> str:
        """Choose a word for a noun: the most common one in most cases, else any synonym."""
        forms = self.lexicon.forms_of(name)
        chosen = forms[0] if chance(self.rng, 0.7) else pick(self.rng, forms)
        return chosen[plural]

    def colored(self, name: str, phrase: str, color: str) -> str:
        """Add a color to the phrase for the noun `name`; a person's color is that of the clothes."""
        if not is_human(name):
            return f"{color} {phrase}"
        return pick(self.rng, _COLORED_PERSON).format(n=phrase, c=color)

    def placed(self, phrase: str, place: str) -> str:
        """Locate the phrase at a side of the picture."""
        return f"{phrase} {pick(self.rng, _PLACES[place])}"

    def extreme(self, phrase: str, which: str) -> str:
        """Turn the phrase into a superlative."""
        return pick(self.rng, _EXTREMES[which]).format(phrase)

    def ordinal(self, phrase: str, rank: int, side: str) -> str:
        """Count the phrase from a side."""
        word = pick(self.rng, _ORDINALS[rank])
        return pick(self.rng, _ORDINAL).format(o=word, p=phrase, s=side)

    def related(self, phrase: str, relation: str, landmark: str) -> str:
        """Relate the phrase to a landmark."""
        return f"{phrase} {pick(self.rng, _RELATIONS[relation])} {landmark}"

    def number(self, count: int) -> str:
        """Write the number as a word or as a digit."""
        return pick(self.rng, _NUMBERS[count])

    def group(self, phrase: str, count: int, side: str) -> str:
        """Name the first `count` of the plural phrase, from a side."""
        template = pick(self.rng, _GROUP)
        return template.format(c=self.number(count), p=phrase, s=side)

    def counted(self, phrase: str, count: int) -> str:
        """Name exactly `count` of the plural phrase."""
        number = self.number(count)
        options = (number, number, f"the {number}", f"all {number}") if count != 2 else (number, "both", "the two")
        return f"{pick(self.rng, options)} {phrase}"

    def every(self, name: str, bare: bool, singular: str, plural: str) -> str:
        """Name all of them.

        Args:
            name: The noun.
            bare: Whether nothing but the noun restricts them; then "everyone" may stand for people.
            singular: The noun phrase in the singular.
            plural: The noun phrase in the plural.
        """
        if bare and name == "person" and self.lexicon.everyone and chance(self.rng, 0.6):
            return pick(self.rng, ("everyone", "everybody"))
        options = (f"all {plural}", f"all the {plural}", f"all of the {plural}", f"every {singular}", plural)
        return pick(self.rng, options)

    def excepted(self, phrase: str, exception: str) -> str:
        """Exclude the exception from the phrase."""
        return f"{phrase} {pick(self.rng, ('except', 'except', 'but', 'except for'))} {exception}"

    def listed(self, phrases: list[str]) -> str:
        """Join two or more phrases by commas and an "and"."""
        *first, last = phrases
        return f"{', '.join(first)} {pick(self.rng, ('and', 'and', 'and', '&'))} {last}"

    def article(self) -> str:
        """Choose an article: mostly none, as in RefCOCO."""
        return "the " if chance(self.rng, 0.3) else ""
