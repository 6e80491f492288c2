"""Draws expressions that are true of a scene (single-target, multi-target) or clearly mean nothing in it (no-target).

Every expression is proposed at random and kept only if its computed meaning is the wanted one. A *near* no-target
is a true expression with one word changed, so that it still shares a noun or a color with what is there; a *far*
one shares neither.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, fields, replace
from typing import NamedTuple

import numpy as np

from grisq.data.synthetic.grammar import And, Count, Every, Except, Expression, Extreme, Group, One, Ordinal, Related
from grisq.data.synthetic.noun_phrases import Kind, Node, Selector, Side, With
from grisq.data.synthetic.scene import Instance, Scene
from grisq.data.synthetic.vocabulary import (
    EXTREMES,
    HYPERNYMS,
    MAX_COUNT,
    MAX_ORDINAL,
    PEOPLE,
    PLACES,
    RELATIONS,
    is_human,
)
from grisq.runtime.seed import chance, pick

SINGLE, MULTI, NO_TARGET = "single", "multi", "no_target"
_FEWEST = {SINGLE: 1, MULTI: 2, NO_TARGET: 0}  # instances that a scene must have
NEAR_SHARE = 0.8  # of the no-target expressions; far ones are easy, as the paper's swapped captions often are
TRIES = 30  # proposals before a scene is given up
TRIES_A_FORM = 12  # proposals before another form has its turn
HORIZONTAL = ("left", "right")


class Description(NamedTuple):
    """An expression with its targets; `form` is its node's name, or "near"/"far" for a no-target expression."""

    tree: Expression
    targets: tuple[int, ...]
    form: str


@dataclass(frozen=True)
class Vocabulary:
    """What the whole set talks about: kinds that annotations can decide, and colors (none in plain COCO)."""

    kinds: tuple[str, ...]
    colors: tuple[str, ...] = ()


def describe(
    scene: Scene,
    plurality: str,
    vocabulary: Vocabulary,
    rng: np.random.Generator,
    *,
    about: Callable[[str], bool] | None = None,
    known: Collection[Expression] = (),
) -> Description | None:
    """One expression of the wanted plurality that is not `known`, or None if none is found.

    With `about`, its nouns satisfy this predicate; landmarks and what is left out may be anything.
    Raises: KeyError for a plurality other than SINGLE, MULTI, NO_TARGET.
    """
    draw = {SINGLE: _single, MULTI: _multi, NO_TARGET: _no_target}[plurality]
    if len(scene.instances) < _FEWEST[plurality]:
        return None
    for _ in range(TRIES if plurality != NO_TARGET else TRIES // 3):
        found = draw(scene, vocabulary, rng)
        if found is None or any(_same(found.tree, other) for other in known):
            continue
        if about is None or all(about(kind) for kind in heads(found.tree)):
            return found
    return None


def _same(tree: Expression, other: Expression) -> bool:
    """Whether two trees say the same; the order of an "and"-list does not matter."""
    if isinstance(tree, And) and isinstance(other, And):
        return set(tree.parts) == set(other.parts)
    return tree == other


def heads(node: Node) -> set[str]:
    """The nouns that an expression is about: landmarks and what is left out do not count."""
    if isinstance(node, And):
        return set().union(*(heads(part) for part in node.parts))
    return {node.kind if isinstance(node, Selector) else node.noun.kind}


def shares_word(node: Node, scene: Scene) -> bool:
    """Whether some noun of the expression fits something in the scene, or some color of it is there."""
    if isinstance(node, Kind):
        return node.meaning(scene) != frozenset()
    if isinstance(node, With) and any(instance.color == node.color for instance in scene.instances):
        return True
    return any(shares_word(child, scene) for child in _children(node))


def _children(node: Node) -> list[Node]:
    values = [getattr(node, f.name) for f in fields(node)]
    parts = [part for value in values for part in (value if isinstance(value, tuple) else (value,))]
    return [part for part in parts if isinstance(part, Node)]


def _single(scene: Scene, vocabulary: Vocabulary, rng: np.random.Generator) -> Description | None:
    build = _SINGLE_FORMS[int(rng.choice(len(_SINGLE_FORMS), p=_SINGLE_WEIGHTS))]
    for _ in range(TRIES_A_FORM):
        target = pick(rng, scene.instances)
        tree = build(scene, _noun(target, vocabulary, rng), vocabulary, rng)
        if tree.meaning(scene) == {target.ann_id}:
            return Description(tree, (target.ann_id,), _name(tree))
    return None


def _multi(scene: Scene, vocabulary: Vocabulary, rng: np.random.Generator) -> Description | None:
    build = _MULTI_FORMS[int(rng.choice(len(_MULTI_FORMS), p=_MULTI_WEIGHTS))]
    for _ in range(TRIES_A_FORM):
        tree = build(scene, _noun(pick(rng, scene.instances), vocabulary, rng), vocabulary, rng)
        ids = tree.meaning(scene)
        if ids is not None and len(ids) >= 2:
            return Description(tree, tuple(sorted(ids)), _name(tree))
    return None


def _one(scene: Scene, noun: Kind | With, vocabulary: Vocabulary, rng: np.random.Generator) -> Expression:
    return One(noun)


def _one_side(scene: Scene, noun: Kind | With, vocabulary: Vocabulary, rng: np.random.Generator) -> Expression:
    return One(Side(noun, pick(rng, PLACES)))


def _extreme(scene: Scene, noun: Kind | With, vocabulary: Vocabulary, rng: np.random.Generator) -> Expression:
    return Extreme(noun, pick(rng, EXTREMES))


def _ordinal(scene: Scene, noun: Kind | With, vocabulary: Vocabulary, rng: np.random.Generator) -> Expression:
    return Ordinal(noun, int(rng.integers(2, MAX_ORDINAL + 1)), pick(rng, HORIZONTAL))


def _related(scene: Scene, noun: Kind | With, vocabulary: Vocabulary, rng: np.random.Generator) -> Expression:
    landmark = One(_noun(pick(rng, scene.instances), vocabulary, rng))
    return Related(noun, pick(rng, RELATIONS), landmark)


def _except(scene: Scene, noun: Kind | With, vocabulary: Vocabulary, rng: np.random.Generator) -> Expression:
    members = scene.pick(noun.denotes(scene)) or list(scene.instances)
    inner = _noun(pick(rng, tuple(members)), vocabulary, rng)
    return Except(noun, One(inner) if chance(rng, 0.7) else Extreme(inner, pick(rng, HORIZONTAL)))


def _and(scene: Scene, noun: Kind | With, vocabulary: Vocabulary, rng: np.random.Generator) -> Expression:
    others = [_noun(pick(rng, scene.instances), vocabulary, rng) for _ in range(1 if chance(rng, 0.85) else 2)]
    return And(tuple(_part(part, rng) for part in (noun, *others)))


def _part(noun: Kind | With, rng: np.random.Generator) -> Expression:
    """A member of an "and"-list: short, and now and then a plural."""
    form = rng.random()
    if form < 0.7:
        return One(noun)
    if form < 0.9:
        return Extreme(noun, pick(rng, HORIZONTAL))
    return Every(noun) if chance(rng, 0.5) else Count(noun, 2)


def _count(scene: Scene, noun: Kind | With, vocabulary: Vocabulary, rng: np.random.Generator) -> Expression:
    return Count(noun, min(max(len(noun.denotes(scene)), 2), MAX_COUNT))


def _every(scene: Scene, noun: Kind | With, vocabulary: Vocabulary, rng: np.random.Generator) -> Expression:
    return Every(noun)


def _every_side(scene: Scene, noun: Kind | With, vocabulary: Vocabulary, rng: np.random.Generator) -> Expression:
    return Every(Side(noun, pick(rng, PLACES)))


def _group(scene: Scene, noun: Kind | With, vocabulary: Vocabulary, rng: np.random.Generator) -> Expression:
    return Group(noun, int(rng.integers(2, 4)), pick(rng, HORIZONTAL))


_SINGLE_FORMS = (_one, _one_side, _extreme, _ordinal, _related, _except)
_SINGLE_WEIGHTS = (0.58, 0.12, 0.14, 0.06, 0.07, 0.03)  # of trying: the simple forms succeed more often
_MULTI_FORMS = (_and, _count, _every, _every_side, _group, _except)
_MULTI_WEIGHTS = (0.50, 0.16, 0.16, 0.06, 0.04, 0.08)


def _noun(instance: Instance, vocabulary: Vocabulary, rng: np.random.Generator) -> Kind | With:
    """A noun phrase that fits the instance, with its color more often than not."""
    names = [name for name in kinds_of(instance) if name in vocabulary.kinds]
    own = [name for name in names if name in (instance.category, instance.variant)]
    kind = Kind(pick(rng, (*names, *own, *own, *own)))  # hypernyms are rarer than the things' own names
    colored = bool(vocabulary.colors) and instance.color is not None and chance(rng, 0.65)
    return With(kind, instance.color) if colored else kind


def kinds_of(instance: Instance) -> tuple[str, ...]:
    """All kinds that fit an instance: its category, its hypernyms, for a person the variants' words."""
    hypernyms = [name for name, members in HYPERNYMS.items() if instance.category in members]
    variants = [name for name, members in PEOPLE.items() if instance.variant in members]
    return (instance.category, *hypernyms, *variants)


def _no_target(scene: Scene, vocabulary: Vocabulary, rng: np.random.Generator) -> Description | None:
    near = bool(scene.instances) and chance(rng, NEAR_SHARE)
    for _ in range(TRIES):
        tree = _near(scene, vocabulary, rng) if near else _far(vocabulary, rng)
        if tree is not None and tree.meaning(scene) == frozenset() and shares_word(tree, scene) == near:
            return Description(tree, (), "near" if near else "far")
    return None


def _near(scene: Scene, vocabulary: Vocabulary, rng: np.random.Generator) -> Expression | None:
    several = len(scene.instances) > 1 and chance(rng, 0.3)
    true = _multi(scene, vocabulary, rng) if several else _single(scene, vocabulary, rng)
    return None if true is None else change_one_word(true.tree, vocabulary, rng)


def _far(vocabulary: Vocabulary, rng: np.random.Generator) -> Expression:
    kind = Kind(pick(rng, vocabulary.kinds))
    color = bool(vocabulary.colors) and chance(rng, 0.4)
    noun = With(kind, pick(rng, vocabulary.colors)) if color else kind
    form = rng.random()
    if form < 0.4:
        return One(noun)
    if form < 0.6:
        return Extreme(noun, pick(rng, EXTREMES))
    if form < 0.7:
        return One(Side(noun, pick(rng, PLACES)))
    if form < 0.8:
        return Count(noun, int(rng.integers(2, 4)))
    return Every(noun) if form < 0.9 else Ordinal(noun, int(rng.integers(2, 4)), pick(rng, HORIZONTAL))


def change_one_word(tree: Node, vocabulary: Vocabulary, rng: np.random.Generator) -> Node | None:
    """The same tree with one noun, color, number, rank, side or relation changed wherever it occurs."""
    field, word = pick(rng, tuple(dict.fromkeys(leaves(tree))))
    others = tuple(other for other in _alternatives(field, word, vocabulary) if other != word)
    return _substitute(tree, field, word, pick(rng, others)) if others else None


def leaves(node: Node) -> list[tuple[str, str | int]]:
    """The words that a tree is made of as (name of the field, word), in the order of the tree."""
    found = [(f.name, getattr(node, f.name)) for f in fields(node)]
    own = [(name, value) for name, value in found if isinstance(value, str | int)]
    return own + [leaf for child in _children(node) for leaf in leaves(child)]


def _substitute(node: Node, field: str, word: str | int, other: str | int) -> Node:
    """The tree with `other` in every field of this name that holds `word`."""

    def changed(name: str, value: object) -> object:
        if isinstance(value, Node):
            return _substitute(value, field, word, other)
        if isinstance(value, tuple):
            return tuple(_substitute(part, field, word, other) for part in value)
        return other if (name, value) == (field, word) else value

    return replace(node, **{f.name: changed(f.name, getattr(node, f.name)) for f in fields(node)})


def _alternatives(field: str, word: str | int, vocabulary: Vocabulary) -> tuple[str | int, ...]:
    """What may stand in a field instead of the word; people are changed for people, things for things."""
    if field == "kind":
        return tuple(kind for kind in vocabulary.kinds if is_human(kind) == is_human(word))
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


def _name(tree: Expression) -> str:
    return type(tree).__name__.lower()
