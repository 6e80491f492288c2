"""Functions on expression trees: their words, their nouns, and trees with one word changed."""

from dataclasses import fields, replace

import numpy as np

from grisq.data.synthetic.grammar import And, Expression
from grisq.data.synthetic.noun_phrases import NOTHING, Node, Noun, Selector, With
from grisq.data.synthetic.scene import Scene
from grisq.data.synthetic.vocabulary import Vocabulary, is_human
from grisq.data.synthetic.wording import EXTREMES, MAX_COUNT, MAX_ORDINAL, PLACES, RELATIONS
from grisq.runtime.seed import pick

HORIZONTAL = ("left", "right")
Word = str | int


def leaves(node: Node) -> list[tuple[str, Word]]:
    """Return the words that a tree is made of as (name of the field, word), in the tree's order."""
    values = [(f.name, getattr(node, f.name)) for f in fields(node)]
    own = [(name, value) for name, value in values if isinstance(value, str | int)]
    return own + [leaf for child in children(node) for leaf in leaves(child)]


def children(node: Node) -> list[Node]:
    """Return the nodes directly below a node, in the tree's order."""
    values = [getattr(node, f.name) for f in fields(node)]
    parts = [part for value in values for part in (value if isinstance(value, tuple) else (value,))]
    return [part for part in parts if isinstance(part, Node)]


def heads(node: Node) -> set[str]:
    """Return the nouns that an expression is about, without landmarks and exceptions."""
    if isinstance(node, And):
        return set().union(*(heads(part) for part in node.parts))
    return {node.name if isinstance(node, Selector) else node.noun.name}


def is_equivalent(tree: Expression, other: Expression) -> bool:
    """Return whether two trees are equal, whatever the order of the parts of an "and"-list."""
    if isinstance(tree, And) and isinstance(other, And):
        return set(tree.parts) == set(other.parts)
    return tree == other


def shares_word(node: Node, scene: Scene) -> bool:
    """Return whether a noun of the expression fits something in the scene, or one of its colors is there."""
    if isinstance(node, Noun):
        return node.meaning(scene) != NOTHING
    if isinstance(node, With) and any(instance.color == node.color for instance in scene.instances):
        return True
    return any(shares_word(child, scene) for child in children(node))


def change_one_word(tree: Node, vocabulary: Vocabulary, rng: np.random.Generator) -> Node | None:
    """Change one noun, color, number, rank, side or relation of a tree wherever it occurs.

    Args:
        tree: The tree, which is not modified.
        vocabulary: The nouns and colors to choose from.
        rng: Source of the choice of the word and of its replacement.

    Returns:
        The changed tree, or None if nothing can replace the chosen word.
    """
    field, word = pick(rng, tuple(dict.fromkeys(leaves(tree))))
    others = tuple(other for other in _alternatives(field, word, vocabulary) if other != word)
    return _substitute(tree, field, word, pick(rng, others)) if others else None


def _alternatives(field: str, word: Word, vocabulary: Vocabulary) -> tuple[Word, ...]:
    """Return what may replace a word; people are replaced by people, things by things."""
    if field == "name":
        return tuple(noun for noun in vocabulary.nouns if is_human(noun) == is_human(word))
    if field == "count":
        return tuple(n for n in (word - 1, word + 1) if 2 <= n <= MAX_COUNT)
    return {
        "color": vocabulary.colors,
        "which": EXTREMES,
        "rank": tuple(range(2, MAX_ORDINAL + 1)),
        "side": HORIZONTAL,
        "place": PLACES,
        "relation": RELATIONS,
    }[field]


def _substitute(node: Node, field: str, word: Word, other: Word) -> Node:
    """Replace `word` by `other` in every field of this name."""

    def changed(name: str, value: object) -> object:
        if isinstance(value, Node):
            return _substitute(value, field, word, other)
        if isinstance(value, tuple):
            return tuple(_substitute(part, field, word, other) for part in value)
        return other if (name, value) == (field, word) else value

    return replace(node, **{f.name: changed(f.name, getattr(node, f.name)) for f in fields(node)})
