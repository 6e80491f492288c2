"""A grammar of referring expressions whose meaning over annotated instances is computed exactly.

An expression is a small tree: `Extreme(With(Kind("cup"), "red"), "left")` is "leftmost red cup". The same tree is
rendered to English and evaluated against the annotated instances of a picture, so that single-target, multi-target
and no-target are computed, not guessed. `grisq.data.synthetic.noun_phrases` defines the three outcomes of a meaning; an
expression becomes ground truth only where it is clear, and positions and sizes are compared with margins to that end.
"""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np

from grisq.data.synthetic import spatial_relations, vocabulary
from grisq.data.synthetic.noun_phrases import NOTHING, Kind, Meaning, Node, Selector, Side, With
from grisq.data.synthetic.scene import Scene
from grisq.runtime.errors import InputError
from grisq.runtime.seed import chance, pick


class Expression(Node):
    """A whole expression."""

    @abstractmethod
    def render(self, rng: np.random.Generator) -> str:
        """One wording out of several; which one depends on the generator alone."""


@dataclass(frozen=True)
class One(Expression):
    """A singular noun phrase: "red cup". Unclear where several fit.

    Unclear, too, is "cup on the left" of two cups on the right: some would take the one farther left.
    """

    noun: Selector

    def meaning(self, scene: Scene) -> Meaning:
        ids = self.noun.meaning(scene)
        if isinstance(self.noun, Side) and not ids and len(self.noun.base.denotes(scene)) > 1:
            return None
        return ids if ids is None or len(ids) <= 1 else None

    def render(self, rng: np.random.Generator, word: str | None = None) -> str:
        return vocabulary.article(rng) + self.noun.phrase(rng, False, word)


@dataclass(frozen=True)
class Extreme(Expression):
    """The outermost, middle, biggest or smallest of several: "leftmost dog", "biggest man in red"."""

    noun: Selector
    which: str

    def meaning(self, scene: Scene) -> Meaning:
        ids = self.noun.meaning(scene)
        if not ids:
            return ids
        members = scene.pick(ids)
        if len(members) < 2:
            return None
        if self.which in ("biggest", "smallest"):
            return spatial_relations.extreme_in_size(members, largest=self.which == "biggest")
        if self.which != "middle":
            return spatial_relations.row(members, scene, self.which, 1)
        half = len(members) // 2
        if len(members) % 2 == 0 or len(members) < 3 or not spatial_relations.lies_across(members):
            return None
        before, upto = (
            spatial_relations.row(members, scene, "left", half),
            spatial_relations.row(members, scene, "left", half + 1),
        )
        return None if before is None or upto is None else upto - before

    def render(self, rng: np.random.Generator, word: str | None = None) -> str:
        return vocabulary.article(rng) + vocabulary.extreme(self.noun.phrase(rng, False, word), self.which, rng)


@dataclass(frozen=True)
class Ordinal(Expression):
    """Counted from a side: "second cup from the left". Nothing where the row is shorter."""

    noun: Selector
    rank: int
    side: str

    def meaning(self, scene: Scene) -> Meaning:
        ids = self.noun.meaning(scene)
        if ids is None or len(ids) < self.rank:
            return ids if ids is None else NOTHING
        members = scene.pick(ids)
        before = spatial_relations.row(members, scene, self.side, self.rank - 1)
        upto = spatial_relations.row(members, scene, self.side, self.rank)
        return None if before is None or upto is None else upto - before

    def render(self, rng: np.random.Generator) -> str:
        phrase = self.noun.phrase(rng, plural=False)
        return vocabulary.article(rng) + vocabulary.ordinal(phrase, self.rank, self.side, rng)


@dataclass(frozen=True)
class Group(Expression):
    """Several at the end of a longer row: "two cups on the left" of four."""

    noun: Selector
    count: int
    side: str

    def meaning(self, scene: Scene) -> Meaning:
        ids = self.noun.meaning(scene)
        if not ids:
            return ids
        members = scene.pick(ids)
        return None if len(members) <= self.count else spatial_relations.row(members, scene, self.side, self.count)

    def render(self, rng: np.random.Generator) -> str:
        return vocabulary.group(self.noun.phrase(rng, plural=True), self.count, self.side, rng)


@dataclass(frozen=True)
class Every(Expression):
    """All of several: "all cups", "everyone". Unclear where there is only one."""

    noun: Selector

    def meaning(self, scene: Scene) -> Meaning:
        ids = self.noun.meaning(scene)
        return None if ids is not None and len(ids) == 1 else ids

    def render(self, rng: np.random.Generator) -> str:
        singular, plural = self.noun.phrase(rng, plural=False), self.noun.phrase(rng, plural=True)
        return vocabulary.every(self.noun.kind, isinstance(self.noun, Kind), singular, plural, rng)


@dataclass(frozen=True)
class Count(Expression):
    """So many, and there are exactly so many: "two dogs". Nothing where there are fewer, unclear where more."""

    noun: Selector
    count: int

    def meaning(self, scene: Scene) -> Meaning:
        ids = self.noun.meaning(scene)
        if ids is None or len(ids) > self.count:
            return None
        return ids if len(ids) == self.count else NOTHING

    def render(self, rng: np.random.Generator) -> str:
        return vocabulary.counted(self.noun.phrase(rng, plural=True), self.count, rng)


@dataclass(frozen=True)
class Related(Expression):
    """One that stands in a spatial relation to one landmark: "dog left of the red car"."""

    noun: Selector
    relation: str
    landmark: One

    def meaning(self, scene: Scene) -> Meaning:
        ids, landmarks = self.noun.meaning(scene), self.landmark.meaning(scene)
        if ids is None or landmarks is None:
            return None
        if not ids - landmarks or not landmarks:
            return NOTHING if not ids or not landmarks else None
        (landmark,) = scene.pick(landmarks)
        members = scene.pick(ids - landmarks)
        if self.relation == "next to":
            return spatial_relations.nearest(members, landmark, scene)
        holds = {member.ann_id: spatial_relations.holds(self.relation, member, landmark, scene) for member in members}
        if None in holds.values():
            return None
        found = frozenset(ann_id for ann_id, held in holds.items() if held)
        return found if len(found) <= 1 else None

    def render(self, rng: np.random.Generator) -> str:
        phrase = self.noun.phrase(rng, plural=False)
        return vocabulary.article(rng) + vocabulary.related(phrase, self.relation, self.landmark.render(rng), rng)


@dataclass(frozen=True)
class And(Expression):
    """Several different targets, each described: "red cup and blue car". Nothing only where all parts fail."""

    parts: tuple[Expression, ...]

    def meaning(self, scene: Scene) -> Meaning:
        meanings = [part.meaning(scene) for part in self.parts]
        if any(ids is None for ids in meanings):
            return None
        union = NOTHING.union(*meanings)
        if not union:
            return NOTHING
        disjoint = len(union) == sum(map(len, meanings))
        return union if all(meanings) and disjoint else None

    def render(self, rng: np.random.Generator) -> str:
        *first, last = [part.render(rng) for part in self.parts]
        return f"{', '.join(first)} {pick(rng, ('and', 'and', 'and', '&'))} {last}"


@dataclass(frozen=True)
class Except(Expression):
    """All but one: "everyone except the boy". Unclear where there is nothing to leave out, or nothing else."""

    noun: Selector
    left_out: One | Extreme

    def meaning(self, scene: Scene) -> Meaning:
        ids, out = self.noun.meaning(scene), self.left_out.meaning(scene)
        if ids is None or out is None:
            return None
        if not ids and not out:
            return NOTHING
        return ids - out if out and out < ids else None

    def render(self, rng: np.random.Generator) -> str:
        singular, plural = self.noun.phrase(rng, plural=False), self.noun.phrase(rng, plural=True)
        all_of = vocabulary.every(self.noun.kind, isinstance(self.noun, Kind), singular, plural, rng)
        bare = isinstance(self.left_out, One) and isinstance(self.left_out.noun, Kind)
        same = self.left_out.noun.kind == self.noun.kind and not bare
        out = self.left_out.render(rng, "one" if same and chance(rng, 0.7) else None)
        return f"{all_of} {pick(rng, ('except', 'except', 'but', 'except for'))} {out}"


FORMS = (One, Extreme, Ordinal, Group, Every, Count, Related, And, Except)
_CLASSES = {cls.__name__.lower(): cls for cls in (Kind, With, Side, *FORMS)}


def parse_tree(tree: list[Any]) -> Node:
    """The node that `Node.to_json` wrote; InputError for anything else."""
    try:
        return _CLASSES[tree[0]](*(_parse_field(part) for part in tree[1:]))
    except (KeyError, IndexError, TypeError) as error:
        raise InputError(f"'tree' must hold an expression as `to_json` writes it, not {tree!r}.") from error


def _parse_field(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    if value and isinstance(value[0], list):
        return tuple(parse_tree(part) for part in value)
    return parse_tree(value)
