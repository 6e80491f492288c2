"""What expressions call the categories of somebody's file: names cleaned, merged, left out, or given by the user."""

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from grisq.data.synthetic.plurals import forms, singular
from grisq.data.synthetic.vocabulary import COCO_NAMES, SYNONYMS, Forms, Lexicon, is_human
from grisq.runtime.errors import InputError
from grisq.runtime.files import read_json

Words = Mapping[str, tuple[str, str]]
"""Singular and plural to use for a category, by its name."""

_PLACEHOLDER = re.compile(
    r"_+.*_+|background|do ?n'?t ?care|ignored?( regions?)?|misc|n/a|none|null|others?|undefined|unknown|unlabell?ed"
    r"|void"
)
_BETWEEN_WORDS = re.compile(
    r"_|(?<=[^\W\d_]{2})-(?=[^\W\d_]{2})|(?<=[^\W\d_])[.:>|](?=[^\W\d_])|(?<=[a-z]{3})(?=[A-Z][a-z]{2})"
)
_GLOSS = re.compile(r"\s*\(([^()]*)\)\s*")  # "crane (bird)"
_ALTERNATIVES = re.compile(r"(?<=\w\w)\s*/\s*(?=\w\w)")  # "helmet/cap"
_WITH = ((re.compile(r"\bw/o\b\s*"), "without "), (re.compile(r"\bw/\s*"), "with "))


class _Entry(msgspec.Struct, forbid_unknown_fields=True):
    singular: str
    plural: str


@dataclass(frozen=True)
class CategoryNouns:
    """The nouns of a file's categories."""

    noun_of: dict[int, str | None]  # by category id; None: no expression mentions the category
    lexicon: Lexicon  # the words for the nouns
    notes: tuple[str, ...]  # what was merged and what is left out, one sentence each


def read_words(path: Path) -> dict[str, tuple[str, str]]:
    """Read words for categories: JSON such as {"Hund": {"singular": "dog", "plural": "dogs"}}.

    Raises:
        InputError: If the file is missing or not of this form.
    """
    content = read_json(path)
    try:
        entries = msgspec.convert(content, dict[str, _Entry])
    except msgspec.ValidationError as error:
        example = '{"Hund": {"singular": "dog", "plural": "dogs"}}'
        raise InputError(f"{path} must hold the words of each category, such as {example}: {error}.") from None
    return {name: (entry.singular, entry.plural) for name, entry in entries.items()}


def name_categories(
    categories: Sequence[Mapping[str, Any]], annotated: Collection[int], words: Words | None = None
) -> CategoryNouns:
    """Find the noun for each category of a file.

    Args:
        categories: COCO category records.
        annotated: Ids of the categories that have annotations.
        words: The user's own singular and plural by category name; they take precedence over everything.

    Raises:
        InputError: If `words` names a category that the file does not have, or if no category is left.
    """
    names = {category["id"]: str(category["name"]) for category in categories}
    given = _match_words(words or {}, names)
    own = {i: name for i, name in names.items() if i not in given}
    parents = _parents(categories) - set(annotated)
    faults = {i: fault for i, name in own.items() if (fault := _fault(name, i in parents))}
    cleaned = _clean_all({i: name for i, name in own.items() if i not in faults})
    english = _look_english(cleaned.values())
    found = {i: singular(name.lower()) if english else name.lower() for i, name in cleaned.items()}
    found |= {i: one.lower() for i, (one, _) in given.items()}
    if not found:
        raise InputError(
            f"No category has a name to use in expressions ({_quoted(names.values())}): give them words (--words)."
        )
    forms_of: dict[str, Forms] = {found[i]: (pair,) for i, pair in given.items()}
    notes = [*_notes_on_merging(names, found), *faults.values()]
    if not english:
        forms_of = {found[i]: ((name, name),) for i, name in cleaned.items()} | forms_of
        notes.append(
            "The names of the categories do not look English: they are used as they are, without a plural "
            "(--words gives them one)."
        )
    return CategoryNouns({i: found.get(i) for i in names}, _lexicon(set(found.values()), forms_of), tuple(notes))


def _match_words(words: Words, names: Mapping[int, str]) -> dict[int, tuple[str, str]]:
    """Return the words for each category id. Raises InputError for words that belong to no category or are empty."""
    found = {}
    for name, pair in words.items():
        ids = [i for i, other in names.items() if other == name] or [
            i for i, other in names.items() if _clean(other).lower() == _clean(name).lower()
        ]
        if not ids:
            raise InputError(
                f"There are words for {name!r}, which is no category: there are {_quoted(names.values())}."
            )
        one, several = (" ".join(word.split()) for word in pair)
        if not one or not several:
            raise InputError(f"The words for {name!r} must not be empty: give a singular and a plural.")
        found |= dict.fromkeys(ids, (one, several))
    return found


def _clean_all(names: Mapping[int, str]) -> dict[int, str]:
    """Clean each name; a gloss in parentheses is dropped where it does not distinguish two names."""
    parts = {i: (_clean(_GLOSS.sub(" ", name)), _clean(" ".join(_GLOSS.findall(name)))) for i, name in names.items()}
    glosses: dict[str, set[str]] = {}
    for plain, gloss in parts.values():
        glosses.setdefault(plain.lower(), set()).add(gloss.lower())
    return {
        i: plain if plain and len(glosses[plain.lower()]) == 1 else f"{gloss} {plain}".strip()
        for i, (plain, gloss) in parts.items()
    }


def _clean(name: str) -> str:
    """Write a name as words between single spaces: "Traffic_light " becomes "Traffic light"."""
    visible = "".join(letter for letter in name if letter.isprintable() or letter.isspace())
    text = unicodedata.normalize("NFKC", visible)
    for pattern, words in _WITH:
        text = pattern.sub(words, text)
    return " ".join(_ALTERNATIVES.sub(" or ", _BETWEEN_WORDS.sub(" ", text)).split())


def _parents(categories: Sequence[Mapping[str, Any]]) -> set[int]:
    """Return the ids of the categories that are the supercategory of another one."""
    children: dict[str, set[int]] = {}
    for category in categories:
        children.setdefault(_clean(str(category.get("supercategory"))).lower(), set()).add(category["id"])
    return {c["id"] for c in categories if children.get(_clean(str(c["name"])).lower(), set()) - {c["id"]}}


def _fault(name: str, empty_parent: bool) -> str | None:
    """Return why no expression can mention a category, or None."""
    bare = _clean(name).lower()
    if any(_PLACEHOLDER.fullmatch(form) for form in (name.strip(), bare)):
        return f"No expression mentions the category {name!r}: its name is a placeholder."
    if not any(letter.isalpha() for letter in bare):
        return f"No expression mentions the category {name!r}: its name has no letters (--words gives it words)."
    if empty_parent:
        return f"No expression mentions the category {name!r}: it has no annotations, only categories below it."
    return None


def _look_english(names: Collection[str]) -> bool:
    """Return False where a name has letters beyond ASCII and none is one that this package knows."""
    known = COCO_NAMES | set(SYNONYMS)
    return all(name.isascii() for name in names) or any(
        singular(name.lower()) in known or is_human(name.lower()) for name in names
    )


def _lexicon(nouns: Collection[str], forms_of: Mapping[str, Forms]) -> Lexicon:
    """Collect the words for the nouns; a synonym that another category could claim is left to that one."""
    owner = {noun: noun for noun in nouns}
    owner |= {one: noun for noun, pairs in forms_of.items() for one, _ in pairs if one not in nouns}
    found = dict(SYNONYMS)
    for noun in nouns:
        synonyms = tuple(pair for pair in SYNONYMS.get(noun, ()) if owner.get(pair[0], noun) == noun)
        found[noun] = forms_of.get(noun) or synonyms or (_forms_of_alternatives(noun),)
    return Lexicon(found, everyone=not any(is_human(noun) for noun in nouns if noun != "person"))


def _forms_of_alternatives(noun: str) -> tuple[str, str]:
    """Return singular and plural of a name; of "car or truck" each part takes the plural."""
    parts = [forms(part) for part in noun.split(" or ")]
    return " or ".join(one for one, _ in parts), " or ".join(several for _, several in parts)


def _notes_on_merging(names: Mapping[int, str], noun_of: Mapping[int, str]) -> list[str]:
    groups: dict[str, list[str]] = {}
    for i, noun in noun_of.items():
        groups.setdefault(noun, []).append(names[i])
    return [
        f"The categories {_quoted(group)} are one in expressions: {noun}."
        for noun, group in groups.items()
        if len(group) > 1
    ]


def _quoted(names: Collection[str]) -> str:
    return ", ".join(repr(name) for name in names)
