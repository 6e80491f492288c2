"""A grammar of referring expressions whose meaning over annotated instances is computed exactly.

An expression is a small tree: `Extreme(With(Noun("cup"), "red"), "left")` is "leftmost red cup". The same tree is
rendered to English and evaluated on the annotated instances of a picture, so its targets are computed, not guessed.
`grisq.data.synthetic.noun_phrases` defines the three outcomes of a meaning. An expression becomes ground truth only
where its meaning is clear; positions and sizes are therefore compared with margins.
"""

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from grisq.data.synthetic import spatial_relations
from grisq.data.synthetic.noun_phrases import NOTHING, Meaning, Node, Noun, Selector, Side, With, tag_of
from grisq.data.synthetic.scene import Instance, Scene
from grisq.data.synthetic.vocabulary import LEXICON, Lexicon, is_human
from grisq.data.synthetic.wording import IN_PICTURE, Wording
from grisq.runtime.errors import InputError
from grisq.runtime.seed import chance


class Expression(Node):
    """A whole expression."""

    def render(self, rng: np.random.Generator, lexicon: Lexicon = LEXICON) -> str:
        """Word the expression in one of several ways, chosen by the generator alone."""
        return self.sentence(Wording(rng, lexicon))

    @abstractmethod
    def sentence(self, wording: Wording) -> str:
        """Word the expression with these choices."""


@dataclass(frozen=True)
class One(Expression):
    """A singular noun phrase: "red cup". Unclear where several fit.

    "Cup on the left" is also unclear where there are two cups on the right: some would take the one farther left.
    """

    noun: Selector

    def evaluate(self, scene: Scene) -> Meaning:
        ids = self.noun.meaning(scene)
        if isinstance(self.noun, Side) and not ids and len(self.noun.base.denotes(scene)) > 1:
            return None
        return ids if ids is None or len(ids) <= 1 else None

    def sentence(self, wording: Wording, head: str | None = None) -> str:
        return wording.article() + self.noun.phrase(wording, False, head)


@dataclass(frozen=True)
class Extreme(Expression):
    """The outermost, middle, biggest or smallest of several: "leftmost dog", "biggest man in red".

    "Dog on the far left" and "dog in the middle" are also about the picture: unclear where the leftmost dog stands on
    the right, or the middle one off the center.
    """

    noun: Selector
    which: str

    def evaluate(self, scene: Scene) -> Meaning:
        ids = self.noun.meaning(scene)
        if not ids:
            return ids
        members = scene.pick(ids)
        if len(members) < 2:
            return None
        if self.which in ("biggest", "smallest"):
            return spatial_relations.extreme_in_size(members, largest=self.which == "biggest")
        if self.which in ("middle", "center"):
            return self._middle(members, scene)
        side = _COMPARED.get(self.which, self.which)
        found = spatial_relations.row(members, scene, side, 1)
        if found is None or self.which == side:
            return found
        (member,) = scene.pick(found)
        return found if spatial_relations.is_far_out(member, scene, side) else None

    def _middle(self, members: list[Instance], scene: Scene) -> Meaning:
        """Find the middle one; unclear where the middle of all cups is another one of the red cups."""
        found = spatial_relations.middle(members, scene)
        if found is None:
            return None
        if isinstance(self.noun, With):
            of_all = spatial_relations.middle(scene.pick(self.noun.base.denotes(scene)), scene)
            if of_all and of_all != found and of_all <= self.noun.denotes(scene):
                return None
        (member,) = scene.pick(found)
        if self.which == "center" and not spatial_relations.is_most_central(member, members, scene):
            return None
        return found

    def sentence(self, wording: Wording, head: str | None = None) -> str:
        return wording.article() + wording.extreme(self.noun.phrase(wording, False, head), self.which)


@dataclass(frozen=True)
class Ordinal(Expression):
    """One counted from a side: "second cup from the left". Nothing where the row is shorter.

    "Red cup second from the left" is unclear where the second of all cups is another red one.
    """

    noun: Selector
    rank: int
    side: str

    def evaluate(self, scene: Scene) -> Meaning:
        ids = self.noun.meaning(scene)
        if ids is None:
            return None
        members = scene.pick(ids)
        found: Meaning = NOTHING
        if len(members) >= self.rank:
            before = spatial_relations.row(members, scene, self.side, self.rank - 1)
            upto = spatial_relations.row(members, scene, self.side, self.rank)
            found = None if before is None or upto is None else upto - before
        if found is None or not isinstance(self.noun, With):
            return found
        of_all = replace(self, noun=self.noun.base).evaluate(scene)
        return None if of_all is None or not of_all & ids <= found else found

    def sentence(self, wording: Wording) -> str:
        phrase = self.noun.phrase(wording, plural=False)
        return wording.article() + wording.ordinal(phrase, self.rank, self.side)


@dataclass(frozen=True)
class Group(Expression):
    """Several at the end of a longer row: "two leftmost cups" of four."""

    noun: Selector
    count: int
    side: str

    def evaluate(self, scene: Scene) -> Meaning:
        ids = self.noun.meaning(scene)
        if not ids:
            return ids
        members = scene.pick(ids)
        return None if len(members) <= self.count else spatial_relations.row(members, scene, self.side, self.count)

    def sentence(self, wording: Wording) -> str:
        return wording.group(self.noun.phrase(wording, plural=True), self.count, self.side)


@dataclass(frozen=True)
class Every(Expression):
    """All of several: "all cups", "everyone". Unclear where there is only one."""

    noun: Selector

    def evaluate(self, scene: Scene) -> Meaning:
        ids = self.noun.meaning(scene)
        return None if ids is not None and len(ids) == 1 else ids

    def sentence(self, wording: Wording) -> str:
        singular, plural = self.noun.phrase(wording, plural=False), self.noun.phrase(wording, plural=True)
        return wording.every(self.noun.name, isinstance(self.noun, Noun), singular, plural)


@dataclass(frozen=True)
class Count(Expression):
    """A count of all there are: "two dogs". Nothing where there are fewer, unclear where there are more.

    "Two cups on the left" is also unclear where some of the two are elsewhere: some would take the two leftmost.
    """

    noun: Selector
    count: int

    def evaluate(self, scene: Scene) -> Meaning:
        ids = self.noun.meaning(scene)
        if ids is None or len(ids) > self.count:
            return None
        if isinstance(self.noun, Side) and len(ids) < self.count <= len(self.noun.base.denotes(scene)):
            return None
        return ids if len(ids) == self.count else NOTHING

    def sentence(self, wording: Wording) -> str:
        return wording.counted(self.noun.phrase(wording, plural=True), self.count)


@dataclass(frozen=True)
class Related(Expression):
    """One in a spatial relation to one landmark: "dog left of the red car"."""

    noun: Selector
    relation: str
    landmark: One

    def evaluate(self, scene: Scene) -> Meaning:
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

    def sentence(self, wording: Wording) -> str:
        phrase = self.noun.phrase(wording, plural=False)
        return wording.article() + wording.related(phrase, self.relation, self.landmark.sentence(wording))


@dataclass(frozen=True)
class And(Expression):
    """Several different targets, each described: "red cup and blue car". Nothing only where no part fits.

    People described by their clothes come last: "girl in white and red backpack" would be one girl to most readers.
    """

    parts: tuple[Expression, ...]

    def evaluate(self, scene: Scene) -> Meaning:
        meanings = [part.meaning(scene) for part in self.parts]
        if any(ids is None for ids in meanings):
            return None
        union = NOTHING.union(*meanings)
        if not union:
            return NOTHING
        disjoint = len(union) == sum(map(len, meanings))
        return union if all(meanings) and disjoint else None

    def sentence(self, wording: Wording) -> str:
        parts = sorted(self.parts, key=_tells_clothes)
        return wording.listed([part.sentence(wording) for part in parts])


@dataclass(frozen=True)
class Except(Expression):
    """All but one: "everyone except the boy". Unclear where there is nothing to leave out, or not several left."""

    noun: Selector
    left_out: One | Extreme

    def evaluate(self, scene: Scene) -> Meaning:
        ids, out = self.noun.meaning(scene), self.left_out.meaning(scene)
        if ids is None or out is None:
            return None
        if not ids and not out:
            return NOTHING
        return ids - out if out and out < ids and len(ids - out) > 1 else None

    def sentence(self, wording: Wording) -> str:
        singular, plural = self.noun.phrase(wording, plural=False), self.noun.phrase(wording, plural=True)
        all_of = wording.every(self.noun.name, isinstance(self.noun, Noun), singular, plural)
        bare = isinstance(self.left_out, One) and isinstance(self.left_out.noun, Noun)
        same = self.left_out.noun.name == self.noun.name and not bare
        exception = self.left_out.sentence(wording, "one" if same and chance(wording.rng, 0.7) else None)
        return wording.excepted(all_of, exception)


_COMPARED = {placed: compared for compared, placed in IN_PICTURE.items()}


def _tells_clothes(tree: Expression) -> bool:
    """Return whether an expression describes people by the color of their clothes."""
    selector = tree.noun
    selector = selector.base if isinstance(selector, Side) else selector
    return isinstance(selector, With) and is_human(selector.name)


FORMS = (One, Extreme, Ordinal, Group, Every, Count, Related, And, Except)
_CLASSES = {tag_of(cls): cls for cls in (Noun, With, Side, *FORMS)}


def parse_tree(tree: list[Any]) -> Node:
    """Read back the node that `Node.to_json` wrote. Raises InputError for anything else."""
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
