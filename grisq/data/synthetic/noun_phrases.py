"""Noun phrases and what they fit in a scene of annotated instances: the lower half of the grammar.

A *meaning* has three outcomes, here and in `grisq.data.synthetic.grammar`:

* a non-empty set of annotation ids: these instances are meant;
* the empty set: people would agree that nothing in the picture is meant (no-target);
* `None`, unclear: people could disagree ("the dog" in a picture of two dogs, "left" of something in the middle).

Boxes are COCO's (x, y, width, height) in pixels with y downward; areas are in pixels.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import Any

from grisq.data.synthetic.scene import Instance, Scene
from grisq.data.synthetic.vocabulary import ALSO_CALLED, HYPERNYMS, LOOKALIKES, PEOPLE
from grisq.data.synthetic.wording import Wording

SIDE_BAND = 0.08  # share of the picture's side: half the width of the undecided band around its middle

Meaning = frozenset[int] | None
NOTHING: frozenset[int] = frozenset()
_TAGS = {"Noun": "kind"}  # names on disk of classes that are not called by their lower-case name there


def tag_of(node_class: type["Node"]) -> str:
    """Return the name that stands for a class of nodes on disk, and in tables of forms."""
    return _TAGS.get(node_class.__name__, node_class.__name__.lower())


class Node(ABC):
    """A part of an expression."""

    def meaning(self, scene: Scene) -> Meaning:
        """Return the annotation ids meant in the scene: none for nothing, None where people could disagree.

        A name of a category means its annotations. "Nothing" must also hold for the wider sense of the name: people
        could disagree that a picture of a car and no other vehicle shows no vehicle, or one of a woman no girl.
        """
        ids = self.evaluate(scene)
        check = ids == NOTHING and not scene.widened
        return None if check and self.evaluate(scene.in_wider_senses) != NOTHING else ids

    @abstractmethod
    def evaluate(self, scene: Scene) -> Meaning:
        """Return the meaning, with every noun taken in the sense that the scene gives it."""

    def denotes(self, scene: Scene) -> frozenset[int]:
        """Return the annotation ids of the targets: none for no-target and for unclear expressions alike."""
        return self.meaning(scene) or NOTHING

    def to_json(self) -> list[Any]:
        """Return the tree as nested lists, each with the node's tag first; `parse_tree` reads it back."""
        return [tag_of(type(self)), *(_field_to_json(getattr(self, f.name)) for f in fields(self))]


class Selector(Node):
    """A noun phrase without number: the set of instances that it fits. Its `name` is the noun."""

    name: str

    @abstractmethod
    def phrase(self, wording: Wording, plural: bool, head: str | None = None) -> str:
        """Word the noun phrase without an article; `head` replaces the noun ("the white one")."""


@dataclass(frozen=True)
class Noun(Selector):
    """A noun: a category, a word for people ("woman") or a hypernym ("animal")."""

    name: str

    def evaluate(self, scene: Scene) -> Meaning:
        if self.name in scene.wider:
            return self._evaluate_category(scene)
        variants = PEOPLE.get(self.name)
        if variants and scene.widened:
            variants |= ALSO_CALLED.get(self.name, frozenset())
        categories = frozenset({"person"}) if variants else HYPERNYMS.get(self.name, {self.name})
        present = {instance.category for instance in scene.instances} | scene.unclear
        if scene.unclear & categories or present & LOOKALIKES.get(self.name, frozenset()):
            return None
        members = [instance for instance in scene.instances if instance.category in categories]
        if variants is not None:
            if any(instance.variant is None for instance in members):
                return None
            members = [instance for instance in members if instance.variant in variants]
        return frozenset(instance.ann_id for instance in members)

    def _evaluate_category(self, scene: Scene) -> Meaning:
        """Return the instances of the category of this name and, in a widened scene, of those it could also mean."""
        categories = {self.name} | (scene.wider[self.name] if scene.widened else NOTHING)
        if scene.unclear & categories:
            return None
        return frozenset(instance.ann_id for instance in scene.instances if instance.category in categories)

    def phrase(self, wording: Wording, plural: bool, head: str | None = None) -> str:
        return head or wording.noun(self.name, plural)


@dataclass(frozen=True)
class With(Selector):
    """A noun of one color: "red cup", "man in red"."""

    base: Noun
    color: str

    @property
    def name(self) -> str:
        return self.base.name

    def evaluate(self, scene: Scene) -> Meaning:
        ids = self.base.meaning(scene)
        if ids is None:
            return None
        members = scene.pick(ids)
        if any(instance.color is None for instance in members):
            return None
        return frozenset(instance.ann_id for instance in members if instance.color == self.color)

    def phrase(self, wording: Wording, plural: bool, head: str | None = None) -> str:
        return wording.colored(self.name, self.base.phrase(wording, plural, head), self.color)


@dataclass(frozen=True)
class Side(Selector):
    """Those in one half of the picture: "cup on the left"; unclear where one of them is near the middle."""

    base: Noun | With
    place: str

    @property
    def name(self) -> str:
        return self.base.name

    def evaluate(self, scene: Scene) -> Meaning:
        ids = self.base.meaning(scene)
        if ids is None:
            return None
        offsets = {instance.ann_id: self._offset(instance, scene) for instance in scene.pick(ids)}
        if any(abs(offset) < SIDE_BAND for offset in offsets.values()):
            return None
        return frozenset(ann_id for ann_id, offset in offsets.items() if offset > 0)

    def _offset(self, instance: Instance, scene: Scene) -> float:
        """Return the distance of the center from the picture's middle toward the place, in sides of the picture."""
        x, y = instance.center
        across = x / scene.width if self.place in ("left", "right") else y / scene.height
        return 0.5 - across if self.place in ("left", "top") else across - 0.5

    def phrase(self, wording: Wording, plural: bool, head: str | None = None) -> str:
        return wording.placed(self.base.phrase(wording, plural, head), self.place)


def _field_to_json(value: Any) -> Any:
    if isinstance(value, Node):
        return value.to_json()
    return [part.to_json() for part in value] if isinstance(value, tuple) else value
