"""Edits of a composed picture after which one clause of an expression is false, so that it has no target anymore.

An object is taken away, gets another color, gives its place to another object, or moves. The picture is composed again
from the same backdrop and the same other layers. Whether the expression means nothing then is computed by the grammar.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from grisq.data.synthetic import sprites
from grisq.data.synthetic.compositor import Actor, Layer, Picture, flatten, object_actor, person_actor
from grisq.data.synthetic.drawing import ANNOTATIONS_PER_IMAGE, Drawing, annotate, scene_in
from grisq.data.synthetic.expression_sampler import Description
from grisq.data.synthetic.grammar import And, Count, Expression, Ordinal, Related
from grisq.data.synthetic.noun_phrases import NOTHING, Noun, Selector, Side, With
from grisq.data.synthetic.scene import Scene
from grisq.data.synthetic.vocabulary import PEOPLE
from grisq.runtime.seed import chance, pick

KINDS = ("removed", "recolored", "replaced", "moved")
CLAUSES = ("noun", "color", "count", "rank", "place", "relation", "landmark", "every part")
_TRIES = {"removed": 1, "recolored": 4, "replaced": 12, "moved": 40}
_EAGERNESS = {"removed": 1, "recolored": 3, "replaced": 1, "moved": 4}  # kinds that fewer expressions allow come first
_EAGERNESS_FOR_LANDMARKS = 3

Indices = tuple[int, ...]
"""Objects of a picture by their places among its layers, counted from the back."""


class Edited(NamedTuple):
    """An edited picture in which the expression means nothing."""

    kind: str  # one of KINDS
    clause: str  # the one that is false now, one of CLAUSES
    changed: Indices  # of the original picture
    picture: Picture
    annotations: list[dict[str, Any]]  # ids end in the places of the objects in the original picture
    scene: Scene


class _Change(NamedTuple):
    """What becomes of some objects."""

    layers: dict[int, Layer | None]  # None: taken away
    repaired: Expression | None = None  # must mean the former targets, so that nothing but this clause is false


class _Plan(NamedTuple):
    """One way to make the expression false."""

    kind: str
    clause: str
    objects: Indices
    change: Callable[[], _Change]


def edit_against(description: Description, drawing: Drawing, image_id: int, rng: np.random.Generator) -> Edited | None:
    """Find an edit of the picture that leaves an expression without a target.

    As few objects as possible are changed: mostly one, for "all cups" every cup. All others keep their pixels but where
    the changed ones were or are, and at least one object remains. A list ("cup and car") has no target only if each
    of its parts fails, so all of its objects are removed or replaced.

    Args:
        description: An expression that has a target in the picture.
        drawing: The picture.
        image_id: Of the edited picture.
        rng: Source of every random choice.

    Returns:
        The edited picture, or None if no edit makes the expression clearly false.
    """
    plans = list(_Editor(description, drawing, rng).plans())
    turn = {key: rng.random() ** (1 / _eagerness(*key)) for key in dict.fromkeys(map(_turn_key, plans))}
    for plan in sorted(plans, key=lambda plan: -turn[_turn_key(plan)]):  # stable: few objects before many
        for _ in range(_TRIES[plan.kind]):
            change = plan.change()
            edited = _recompose(plan, change, drawing, image_id)
            if _is_valid(edited, change, description):
                return edited
    return None


def _turn_key(plan: _Plan) -> tuple[str, bool]:
    return plan.kind, plan.clause == "landmark"


def _eagerness(kind: str, of_landmark: bool) -> int:
    return _EAGERNESS_FOR_LANDMARKS if of_landmark else _EAGERNESS[kind]


def _recompose(plan: _Plan, change: _Change, drawing: Drawing, image_id: int) -> Edited:
    layers = dict(enumerate(drawing.picture.layers)) | change.layers
    kept = {index: layer for index, layer in layers.items() if layer is not None}
    picture = flatten(drawing.picture.backdrop, list(kept.values()))
    annotations = annotate(picture, image_id, tuple(kept))
    return Edited(plan.kind, plan.clause, plan.objects, picture, annotations, scene_in(picture, annotations))


def _is_valid(edited: Edited, change: _Change, description: Description) -> bool:
    if not edited.annotations or not edited.picture.shows_enough():
        return False
    if description.tree.meaning(edited.scene) != NOTHING:
        return False
    if change.repaired is None:
        return True
    meant = change.repaired.meaning(edited.scene) or NOTHING
    return set(_places(meant)) == set(_places(description.targets))


def _places(ann_ids: frozenset[int] | tuple[int, ...]) -> Indices:
    return tuple(sorted(ann_id % ANNOTATIONS_PER_IMAGE for ann_id in ann_ids))


class _Editor:
    """Lists the ways to make an expression false."""

    def __init__(self, description: Description, drawing: Drawing, rng: np.random.Generator):
        self.tree = description.tree
        self.targets = _places(description.targets)
        self.drawing = drawing
        self.layers = drawing.picture.layers
        self.rng = rng

    def plans(self) -> Iterator[_Plan]:
        """Yield the ways; of each kind, those that change fewer objects first."""
        if isinstance(self.tree, And):
            yield _Plan("removed", "every part", self.targets, partial(self.remove, self.targets))
            yield _Plan("replaced", "every part", self.targets, partial(self.replace, self.targets))
            return
        members = _places(self.tree.noun.denotes(self.drawing.scene))
        for group in dict.fromkeys((*((target,) for target in self.targets), self.targets, members)):
            yield from self.plans_about(self.tree.noun, group, members, self.rename)
        if isinstance(self.tree, Related):
            landmark = _places(self.tree.landmark.denotes(self.drawing.scene))
            yield from self.plans_about(self.tree.landmark.noun, landmark, landmark, self.rename_landmark, "landmark")

    def plans_about(
        self,
        selector: Selector,
        group: Indices,
        members: Indices,
        rename: Callable[[str], Expression],
        clause: str | None = None,
    ) -> Iterator[_Plan]:
        """Yield the ways to make a part of the expression false by changing a group of the objects that it fits."""
        some_left = set(group) < set(members)
        in_number = {Count: "count", Ordinal: "rank"}.get(type(self.tree), "noun") if some_left else "noun"
        yield _Plan("removed", clause or in_number, group, partial(self.remove, group))
        renamed = None if some_left else rename
        replacing = partial(self.replace, group, variants=PEOPLE.get(selector.name), rename=renamed)
        yield _Plan("replaced", clause or in_number, group, replacing)
        color = _color_of(selector)
        if color is not None:
            yield _Plan("recolored", clause or "color", group, partial(self.recolor, group, color))
        if clause is None and isinstance(self.tree, Related):
            yield _Plan("moved", "relation", group, partial(self.move, group))
        elif isinstance(selector, Side):
            yield _Plan("moved", clause or "place", group, partial(self.move, group))

    def rename(self, name: str) -> Expression:
        """Return the expression about another noun."""
        return replace(self.tree, noun=_renamed(self.tree.noun, name))

    def rename_landmark(self, name: str) -> Expression:
        """Return the expression with another noun for its landmark."""
        return replace(self.tree, landmark=replace(self.tree.landmark, noun=_renamed(self.tree.landmark.noun, name)))

    def remove(self, group: Indices) -> _Change:
        return _Change(dict.fromkeys(group))

    def recolor(self, group: Indices, color: str) -> _Change:
        """Give all of a group one other color."""
        other = pick(self.rng, tuple(name for name in sprites.PALETTE if name != color))
        return _Change({i: self.showing(i, self.layers[i].actor.recolored(other)) for i in group})

    def replace(
        self,
        group: Indices,
        variants: frozenset[str] | None = None,
        rename: Callable[[str], Expression] | None = None,
    ) -> _Change:
        """Put objects of one other category, or people of none of these variants, in the places of a group."""
        if variants is not None and chance(self.rng, 0.5):
            other = pick(self.rng, tuple(variant for variant in sprites.HEADS if variant not in variants))
            drawn = {i: self.person(other, self.layers[i].actor) for i in group}
        else:
            here = {self.layers[i].actor.category for i in group}
            category = pick(self.rng, tuple(each for each in sprites.OBJECTS if each not in here))
            other = category.name
            drawn = {i: self.thing(category, self.layers[i].actor) for i in group}
        layers = {i: self.showing(i, actor) for i, actor in drawn.items()}
        return _Change(layers, None if rename is None else rename(other))

    def move(self, group: Indices) -> _Change:
        """Move each of a group anywhere."""
        height, width = self.drawing.picture.pixels.shape[:2]
        moved = {}
        for i in group:
            h, w = self.layers[i].rgba.shape[:2]
            left, top = int(self.rng.integers(width - w + 1)), int(self.rng.integers(height - h + 1))
            moved[i] = self.layers[i]._replace(left=left, top=top)
        return _Change(moved)

    def showing(self, index: int, actor: Actor) -> Layer:
        """Return the layer with another actor."""
        height, width = self.drawing.picture.pixels.shape[:2]
        return self.layers[index].showing(actor, width, height)

    def person(self, variant: str, like: Actor) -> Actor:
        """Draw somebody in the same clothes."""
        return person_actor(
            variant, pick(self.rng, sprites.HEADS[variant]), pick(self.rng, sprites.SKIN_TONES), like.color
        )

    def thing(self, category: sprites.Category, like: Actor) -> Actor:
        """Draw an object of the same color, or in its own colors where that color has no name."""
        sprite = pick(self.rng, category.sprites)
        if like.color is None:
            return object_actor(category, sprite, sprite.color, original=True)
        return object_actor(category, sprite, like.color)


def _color_of(selector: Selector) -> str | None:
    selector = selector.base if isinstance(selector, Side) else selector
    return selector.color if isinstance(selector, With) else None


def _renamed(selector: Selector, name: str) -> Selector:
    return Noun(name) if isinstance(selector, Noun) else replace(selector, base=_renamed(selector.base, name))
