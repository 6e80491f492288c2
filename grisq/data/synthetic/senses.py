"""Which categories of a file people could also call by the name of another one."""

from collections.abc import Mapping

from grisq.data.synthetic.plurals import singular
from grisq.data.synthetic.vocabulary import HYPERNYMS, LOOKALIKES, PEOPLE, SYNONYMS, is_human

_ANYBODY = ("person", "human")
_AGE_AND_SEX = {  # adult or child, man or woman; "?" where the word leaves it open
    "man": "am",
    "guy": "am",
    "woman": "aw",
    "lady": "aw",
    "adult": "a?",
    "boy": "cm",
    "girl": "cw",
    "kid": "c?",
    "child": "c?",
    "baby": "c?",
    "toddler": "c?",
}


def wider_senses(supercategories: Mapping[str, str | None]) -> dict[str, frozenset[str]]:
    """Find the nouns of a file that have a wider sense in English.

    "Vehicle", as a category next to "car", means its own annotations, but a car is a vehicle, too: no expression about
    a vehicle may be called a no-target expression in a picture of a car.

    Args:
        supercategories: The supercategory of each noun of the file.

    Returns:
        The other nouns of the file that each such noun could also mean. A noun of the file that the grammar would
        otherwise take for a hypernym or a word for people is listed in any case.
    """
    narrower: dict[str, set[str]] = {noun: set() for noun in supercategories}
    for other, supercategory in supercategories.items():
        above = singular(str(supercategory or "").replace("_", " ").lower())
        for name in (_other_names(other) | {above}) & narrower.keys() - {other}:
            narrower[name].add(other)
    people = [noun for noun in supercategories if is_human(noun)]
    found = {}
    for noun in supercategories:
        wider = _reachable(noun, narrower) | {other for other in people if _could_be_the_same_person(noun, other)}
        if wider - {noun} or noun in HYPERNYMS or noun in PEOPLE:
            found[noun] = frozenset(wider - {noun})
    return found


def _reachable(noun: str, narrower: Mapping[str, set[str]]) -> set[str]:
    """Return the nouns directly below a noun, those below them, and so on."""
    found, left = set(), [noun]
    while left:
        new = narrower[left.pop()] - found
        found |= new
        left += new
    return found


def _other_names(noun: str) -> set[str]:
    """Return what else people could call an instance of a category: a police car is a car."""
    words = [part.split() for part in noun.split(" or ")]
    tails = {" ".join(part[start:]) for part in words for start in range(len(part))}
    broader = {name for table in (HYPERNYMS, LOOKALIKES) for name, members in table.items() if noun in members}
    synonyms = {one for one, _ in SYNONYMS.get(noun, ())}
    inverse = {name for name, forms in SYNONYMS.items() if any(one == noun for one, _ in forms)}
    return tails | broader | synonyms | inverse


def _could_be_the_same_person(noun: str, other: str) -> bool:
    """Return whether both are words for people that can fit the same one: man and person, but not man and boy."""
    if not (is_human(noun) and is_human(other)):
        return False
    if noun in _ANYBODY:
        return True
    if noun == "girl" and _AGE_AND_SEX.get(other) == "aw":  # many would call a woman a girl
        return True
    if noun not in _AGE_AND_SEX or other not in _AGE_AND_SEX:
        return noun in _AGE_AND_SEX and other in _ANYBODY
    return all(a == b or "?" in (a, b) for a, b in zip(_AGE_AND_SEX[noun], _AGE_AND_SEX[other]))
