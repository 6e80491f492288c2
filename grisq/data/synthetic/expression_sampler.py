"""Samples expressions that are true of a scene (single-target, multi-target) or mean nothing in it (no-target).

Every expression is proposed at random and kept only if its computed meaning fits the scenario. A *near* no-target is
a true expression with one word changed, so it still shares a noun or a color with the scene; a *far* one shares
neither.
"""

from collections.abc import Callable, Collection
from typing import NamedTuple

import numpy as np

from grisq.data.scenarios import MULTI_TARGET, NO_TARGET, SINGLE_TARGET
from grisq.data.synthetic.expression_trees import HORIZONTAL, change_one_word, heads, is_equivalent, shares_word
from grisq.data.synthetic.grammar import And, Count, Every, Except, Expression, Extreme, Group, One, Ordinal, Related
from grisq.data.synthetic.noun_phrases import NOTHING, Noun, Side, With, tag_of
from grisq.data.synthetic.scene import Instance, Scene
from grisq.data.synthetic.vocabulary import HYPERNYMS, PEOPLE, Vocabulary
from grisq.data.synthetic.wording import COMPARED, IN_PICTURE, MAX_COUNT, MAX_ORDINAL, PLACES, RELATIONS
from grisq.runtime.seed import chance, pick

MIN_INSTANCES = {SINGLE_TARGET: 1, MULTI_TARGET: 2, NO_TARGET: 0}
NEAR_SHARE = 0.8  # of the no-target expressions; far ones are easy, as the paper's swapped captions often are
TRIES = 30  # proposals before a scene is given up
TRIES_PER_FORM = 12  # proposals before another form is drawn


class Description(NamedTuple):
    """An expression about a scene."""

    tree: Expression
    targets: tuple[int, ...]  # annotation ids in ascending order
    form: str  # tag of the tree's root; "near" or "far" for a no-target expression


def describe(
    scene: Scene,
    scenario: str,
    vocabulary: Vocabulary,
    rng: np.random.Generator,
    *,
    about: Callable[[str], bool] | None = None,
    known: Collection[Expression] = (),
) -> Description | None:
    """Sample one expression of a scenario.

    Args:
        scene: What the expression is about.
        scenario: NO_TARGET, SINGLE_TARGET or MULTI_TARGET.
        vocabulary: The nouns and colors to use.
        rng: Source of every random choice.
        about: A condition on the nouns; landmarks and exceptions need not satisfy it.
        known: Expressions that must not be sampled again.

    Returns:
        The expression with its targets, or None if none was found.
    """
    if len(scene.instances) < MIN_INSTANCES[scenario]:
        return None
    sampler = Sampler(scene, vocabulary, rng)
    propose = {SINGLE_TARGET: sampler.single, MULTI_TARGET: sampler.multi, NO_TARGET: sampler.no_target}[scenario]
    for _ in range(TRIES if scenario != NO_TARGET else TRIES // 3):
        found = propose()
        if found is None or any(is_equivalent(found.tree, other) for other in known):
            continue
        if about is None or all(about(noun) for noun in heads(found.tree)):
            return found
    return None


class Sampler:
    """Proposes expressions about one scene; SINGLE_FORMS and MULTI_FORMS below list the forms with their weights.

    Args:
        scene: What the expressions are about.
        vocabulary: The nouns and colors to use.
        rng: Source of every random choice.
    """

    def __init__(self, scene: Scene, vocabulary: Vocabulary, rng: np.random.Generator):
        self.scene = scene
        self.vocabulary = vocabulary
        self.rng = rng

    def single(self) -> Description | None:
        """Propose an expression that means exactly one instance; None if no proposal of a form does."""
        form = self.draw_form(SINGLE_FORMS)
        for _ in range(TRIES_PER_FORM):
            target = self.instance()
            tree = form(self, self.noun(target))
            if tree.meaning(self.scene) == {target.ann_id}:
                return Description(tree, (target.ann_id,), tag_of(type(tree)))
        return None

    def multi(self) -> Description | None:
        """Propose an expression that means two or more instances; None if no proposal of a form does."""
        form = self.draw_form(MULTI_FORMS)
        for _ in range(TRIES_PER_FORM):
            tree = form(self, self.noun(self.instance()))
            ids = tree.meaning(self.scene)
            if ids is not None and len(ids) >= 2:
                return Description(tree, tuple(sorted(ids)), tag_of(type(tree)))
        return None

    def no_target(self) -> Description | None:
        """Propose an expression that clearly means nothing: near or far, see the module's docstring."""
        near = bool(self.scene.instances) and chance(self.rng, NEAR_SHARE)
        for _ in range(TRIES):
            tree = self.near() if near else self.far()
            if tree is not None and tree.meaning(self.scene) == NOTHING and shares_word(tree, self.scene) == near:
                return Description(tree, (), "near" if near else "far")
        return None

    def near(self) -> Expression | None:
        """Change one word of an expression that has a target."""
        several = len(self.scene.instances) > 1 and chance(self.rng, 0.3)
        true = self.multi() if several else self.single()
        return None if true is None else change_one_word(true.tree, self.vocabulary, self.rng)

    def far(self) -> Expression:
        """Draw an expression without looking at the scene."""
        noun = Noun(pick(self.rng, self.vocabulary.nouns))
        if self.vocabulary.colors and chance(self.rng, 0.4):
            noun = With(noun, pick(self.rng, self.vocabulary.colors))
        form = self.rng.random()
        if form < 0.4:
            return One(noun)
        if form < 0.6:
            return self.extreme(noun)
        if form < 0.7:
            return self.one_side(noun)
        if form < 0.8:
            return Count(noun, self.small_number())
        return Every(noun) if form < 0.9 else Ordinal(noun, self.small_number(), self.side())

    def draw_form(self, forms: tuple[tuple[float, Callable], ...]) -> Callable[["Sampler", Noun | With], Expression]:
        """Draw a form by its weight."""
        weights = [weight for weight, _ in forms]
        return forms[int(self.rng.choice(len(forms), p=weights))][1]

    def instance(self) -> Instance:
        """Draw an instance of the scene."""
        return pick(self.rng, self.scene.instances)

    def noun(self, instance: Instance) -> Noun | With:
        """Draw a noun phrase that fits the instance, with its color more often than not."""
        names = [name for name in nouns_of(instance) if name in self.vocabulary.nouns]
        own = [name for name in names if name in (instance.category, instance.variant)]
        noun = Noun(pick(self.rng, (*names, *own, *own, *own)))  # hypernyms are rarer than an object's own names
        colored = bool(self.vocabulary.colors) and instance.color is not None and chance(self.rng, 0.65)
        return With(noun, instance.color) if colored else noun

    def side(self) -> str:
        """Draw left or right."""
        return pick(self.rng, HORIZONTAL)

    def small_number(self) -> int:
        """Draw two or three."""
        return int(self.rng.integers(2, 4))

    def one(self, noun: Noun | With) -> Expression:
        return One(noun)

    def one_side(self, noun: Noun | With) -> Expression:
        return One(Side(noun, pick(self.rng, PLACES)))

    def extreme(self, noun: Noun | With) -> Expression:
        return Extreme(noun, self.maybe_in_picture(pick(self.rng, COMPARED)))

    def maybe_in_picture(self, which: str) -> str:
        """Sometimes let a superlative also promise a place: the leftmost becomes the one on the far left."""
        return IN_PICTURE[which] if which in IN_PICTURE and chance(self.rng, 0.4) else which

    def outermost(self, noun: Noun | With) -> Extreme:
        return Extreme(noun, self.maybe_in_picture(self.side()))

    def ordinal(self, noun: Noun | With) -> Expression:
        return Ordinal(noun, int(self.rng.integers(2, MAX_ORDINAL + 1)), self.side())

    def related(self, noun: Noun | With) -> Expression:
        landmark = One(self.noun(self.instance()))
        return Related(noun, pick(self.rng, RELATIONS), landmark)

    def excepted(self, noun: Noun | With) -> Expression:
        members = self.scene.pick(noun.denotes(self.scene)) or list(self.scene.instances)
        exception = self.noun(pick(self.rng, tuple(members)))
        return Except(noun, One(exception) if chance(self.rng, 0.7) else self.outermost(exception))

    def listed(self, noun: Noun | With) -> Expression:
        others = [self.noun(self.instance()) for _ in range(1 if chance(self.rng, 0.85) else 2)]
        return And(tuple(self.list_part(part) for part in (noun, *others)))

    def list_part(self, noun: Noun | With) -> Expression:
        """Draw a part of an "and"-list: short, and sometimes a plural."""
        form = self.rng.random()
        if form < 0.7:
            return One(noun)
        if form < 0.9:
            return self.outermost(noun)
        return Every(noun) if chance(self.rng, 0.5) else Count(noun, 2)

    def count(self, noun: Noun | With) -> Expression:
        return Count(noun, min(max(len(noun.denotes(self.scene)), 2), MAX_COUNT))

    def every(self, noun: Noun | With) -> Expression:
        return Every(noun)

    def every_side(self, noun: Noun | With) -> Expression:
        return Every(Side(noun, pick(self.rng, PLACES)))

    def count_side(self, noun: Noun | With) -> Expression:
        return Count(Side(noun, pick(self.rng, PLACES)), self.small_number())

    def group(self, noun: Noun | With) -> Expression:
        return Group(noun, self.small_number(), self.side())


SINGLE_FORMS = (  # weight of proposing, form; simple forms are accepted more often
    (0.58, Sampler.one),
    (0.12, Sampler.one_side),
    (0.14, Sampler.extreme),
    (0.06, Sampler.ordinal),
    (0.10, Sampler.related),
)
MULTI_FORMS = (
    (0.50, Sampler.listed),
    (0.16, Sampler.count),
    (0.16, Sampler.every),
    (0.06, Sampler.every_side),
    (0.02, Sampler.count_side),
    (0.02, Sampler.group),
    (0.08, Sampler.excepted),
)


def nouns_of(instance: Instance) -> tuple[str, ...]:
    """Return all nouns that fit an instance: its category, its hypernyms, and for a person the variant's words."""
    hypernyms = [name for name, members in HYPERNYMS.items() if instance.category in members]
    variants = [name for name, members in PEOPLE.items() if instance.variant in members]
    return (instance.category, *hypernyms, *variants)
