"""Which categories of a data set the words of an expression name: a rule without learning."""

import re
from collections.abc import Collection, Mapping
from itertools import chain

from grisq.data.synthetic.plurals import forms
from grisq.data.synthetic.vocabulary import HUMANS, HYPERNYMS, LEXICON, OCCUPATIONS, PEOPLE, Lexicon, is_human

_EVERYONE = ("everyone", "everybody")


class NamedCategories:
    """Finds the categories that an expression names: `NamedCategories({1: "person", 18: "dog"}).find("two puppies")`.

    A category is named by its own name, by the synonyms of the lexicon, by a hypernym ("vehicle") that covers it, and
    people by every word for them, all in the singular and in the plural. Longer names win over their parts, so "hot
    dog" names no dog. Colors, places and relations are not read, and the landmark of "dog left of the car" is named as
    well. A color that is also a category ("orange") names the category.

    Args:
        categories: names by id.
        lexicon: the words for the nouns; by default those of COCO and of the synthetic sets.
    """

    def __init__(self, categories: Mapping[int, str], lexicon: Lexicon = LEXICON):
        names = {ident: name.lower() for ident, name in categories.items()}
        people = {ident for ident, name in names.items() if is_human(name)}
        self._ids: dict[str, frozenset[int]] = dict.fromkeys(_EVERYONE, frozenset(people)) if people else {}
        covered = [(noun, people) for noun in sorted(HUMANS | OCCUPATIONS | set(PEOPLE))]
        covered += [(noun, _named(names, members)) for noun, members in HYPERNYMS.items()]
        covered += [(name, _named(names, {name})) for name in names.values()]  # last: the set's own names win
        for noun, ids in covered:
            if ids:
                self._ids |= dict.fromkeys(_phrases(noun, lexicon), frozenset(ids))
        phrases = sorted((re.escape(phrase) for phrase in self._ids), key=len, reverse=True)
        self._pattern = re.compile(rf"\b(?:{'|'.join(phrases)})\b") if phrases else None

    def find(self, text: str) -> frozenset[int]:
        """Return the ids of the named categories; empty if the words name none."""
        if self._pattern is None:
            return frozenset()
        return frozenset(chain.from_iterable(self._ids[found[0]] for found in self._pattern.finditer(text.lower())))


def _named(names: Mapping[int, str], wanted: Collection[str]) -> set[int]:
    return {ident for ident, name in names.items() if name in wanted}


def _phrases(noun: str, lexicon: Lexicon) -> set[str]:
    """Every way to say a noun, in the singular and in the plural."""
    return {noun, *forms(noun), *chain.from_iterable(lexicon.forms_of(noun))}
