"""Noun phrases and what they fit in a scene of annotated instances: the lower half of the grammar.

A *meaning* has three outcomes, here and in `grisq.data.synthetic.grammar`:

* a non-empty set of annotation ids: these instances are meant;
* the empty set: people would agree that nothing in the picture is meant (no-target);
* `None`, unclear: people could disagree ("the dog" beside two dogs, "left" of something half-way).

Boxes are COCO's (x, y, width, height) in pixels with y downwards, areas are in pixels.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from grisq.data.synthetic import vocabulary
from grisq.data.synthetic.scene import Instance, Scene

SIDE_BAND = 0.08  # of the picture's side: half the width of the undecided band around its middle

Meaning = frozenset[int] | None
NOTHING: frozenset[int] = frozenset()


class Node(ABC):
    """A part of an expression."""

    @abstractmethod
    def meaning(self, scene: Scene) -> Meaning:
        """Annotation ids meant in the scene; empty where nothing is meant; None where people could disagree."""

    def denotes(self, scene: Scene) -> frozenset[int]:
        """Annotation ids of the targets; empty for no-target and for unclear expressions alike."""
        return self.meaning(scene) or NOTHING

    def may_fit(self, scene: Scene) -> bool:
        """Whether somebody could find a target: false exactly where nothing is clearly meant."""
        return self.meaning(scene) != NOTHING

    def to_json(self) -> list[Any]:
        """The tree as nested lists, the node's lower-case name first; `parse_tree` reads it back."""
        return [type(self).__name__.lower(), *(_field_to_json(getattr(self, f.name)) for f in fields(self))]


class Selector(Node):
    """A noun phrase without number: the set of instances that it fits. Its `kind` is the noun's."""

    kind: str

    @abstractmethod
    def phrase(self, rng: np.random.Generator, plural: bool, word: str | None = None) -> str:
        """The noun phrase without an article; `word` stands for the noun ("the white one")."""


@dataclass(frozen=True)
class Kind(Selector):
    """A noun: a COCO category, a kind of person ("woman") or a hypernym ("animal")."""

    kind: str

    def meaning(self, scene: Scene) -> Meaning:
        variants = vocabulary.PEOPLE.get(self.kind)
        categories = frozenset({"person"}) if variants else vocabulary.HYPERNYMS.get(self.kind, {self.kind})
        present = {instance.category for instance in scene.instances} | scene.unclear
        if scene.unclear & categories or present & vocabulary.LOOKALIKES.get(self.kind, frozenset()):
            return None
        members = [instance for instance in scene.instances if instance.category in categories]
        if variants is not None:
            if any(instance.variant is None for instance in members):
                return None
            members = [instance for instance in members if instance.variant in variants]
        return frozenset(instance.ann_id for instance in members)

    def phrase(self, rng: np.random.Generator, plural: bool, word: str | None = None) -> str:
        return word or vocabulary.noun(self.kind, plural, rng)


@dataclass(frozen=True)
class With(Selector):
    """A kind of one color: "red cup", "man in red"."""

    base: Kind
    color: str

    @property
    def kind(self) -> str:
        return self.base.kind

    def meaning(self, scene: Scene) -> Meaning:
        ids = self.base.meaning(scene)
        if ids is None:
            return None
        members = scene.pick(ids)
        if any(instance.color is None for instance in members):
            return None
        return frozenset(instance.ann_id for instance in members if instance.color == self.color)

    def phrase(self, rng: np.random.Generator, plural: bool, word: str | None = None) -> str:
        return vocabulary.colored(self.kind, self.base.phrase(rng, plural, word), self.color, rng)


@dataclass(frozen=True)
class Side(Selector):
    """Those in one half of the picture: "cup on the left"; unclear where one of them is near the middle."""

    base: Kind | With
    place: str

    @property
    def kind(self) -> str:
        return self.base.kind

    def meaning(self, scene: Scene) -> Meaning:
        ids = self.base.meaning(scene)
        if ids is None:
            return None
        offsets = {instance.ann_id: self._offset(instance, scene) for instance in scene.pick(ids)}
        if any(abs(offset) < SIDE_BAND for offset in offsets.values()):
            return None
        return frozenset(ann_id for ann_id, offset in offsets.items() if offset > 0)

    def _offset(self, instance: Instance, scene: Scene) -> float:
        """Distance of the center from the picture's middle towards the place, in sides of the picture."""
        x, y = instance.center
        across = x / scene.width if self.place in ("left", "right") else y / scene.height
        return 0.5 - across if self.place in ("left", "top") else across - 0.5

    def phrase(self, rng: np.random.Generator, plural: bool, word: str | None = None) -> str:
        return vocabulary.placed(self.base.phrase(rng, plural, word), self.place, rng)


def _field_to_json(value: Any) -> Any:
    if isinstance(value, Node):
        return value.to_json()
    return [part.to_json() for part in value] if isinstance(value, tuple) else value
