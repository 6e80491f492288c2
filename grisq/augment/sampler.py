"""Which recipes each step and each process gets: pure functions of (seed, step), so any run can be resumed."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from torch.utils.data import Sampler

from grisq.augment.plan import plan_batch
from grisq.augment.recipes import Mosaic, Plain, Recipe
from grisq.config import AugmentConfig
from grisq.runtime.errors import InputError
from grisq.runtime.seed import generator

_ORDER, _AUGMENT = 0, 1  # streams of randomness


class Slot(NamedTuple):
    """A recipe and its weight in the plurality loss, which averages over the samples that have a target.

    A process sees only its share of the global batch and cannot count those samples itself. Each slot therefore
    carries the factor `parts / n_with_target`, counted over the global batch.
    """

    recipe: Recipe
    plurality_weight: float


@dataclass
class TrainingPlan:
    """The whole training as a function of the step: epochs of shuffled rows, cut into global batches, augmented."""

    rows: np.ndarray  # (N,) of the expression table, ascending
    target_counts: np.ndarray  # (N,) targets of each
    image_ids: np.ndarray  # (N,) picture of each
    batch: int  # global: over all processes and accumulation parts
    seed: int
    augment: AugmentConfig
    together: int = 1  # expressions of one picture that follow each other
    _orders: dict[int, np.ndarray] = field(default_factory=dict, repr=False)

    def __post_init__(self):
        if len(self.rows) == 0:
            raise InputError("The training split has no expressions: choose another split or data set.")
        if np.any(np.diff(self.rows) <= 0):  # `has_target` searches in them
            raise InputError("The rows to train on must be in ascending order, each once: sort them.")
        check_parts(self.batch, 1, 1, self.together)

    def recipes(self, step: int) -> list[Recipe]:
        """Return the recipes of one global batch; steps count from 0."""
        positions = np.arange(step * self.batch, (step + 1) * self.batch)
        length = len(self._order(0))  # of an epoch, the same for all
        epochs, places = positions // length, positions % length
        drawn = np.array([self._order(int(epoch))[place] for epoch, place in zip(epochs, places)])
        rng = generator(self.seed, _AUGMENT, step)
        return plan_batch(self.rows[drawn], self.target_counts[drawn], self.image_ids[drawn], self.augment, rng)

    def has_target(self, recipe: Recipe) -> bool:
        """Whether a recipe's sample has anything to segment."""
        if isinstance(recipe, Plain):
            return bool(self.target_counts[np.searchsorted(self.rows, recipe.row)] > 0)
        return isinstance(recipe, Mosaic)

    def _order(self, epoch: int) -> np.ndarray:
        if epoch not in self._orders:
            for old in [known for known in self._orders if known < epoch - 1]:
                del self._orders[old]
            order = generator(self.seed, _ORDER, epoch).permutation(len(self.rows))
            self._orders[epoch] = order if self.together == 1 else self._grouped(order)
        return self._orders[epoch]

    def _grouped(self, order: np.ndarray) -> np.ndarray:
        """The same order with `together` expressions of a picture in a row, where the first of them stood.

        The last group of a picture is filled up with expressions that it already had.
        """
        by_picture: dict[int, list[int]] = {}
        for place in order.tolist():
            by_picture.setdefault(int(self.image_ids[place]), []).append(place)
        groups, turn = [], dict.fromkeys(by_picture, 0)
        for place in order.tolist():
            picture = int(self.image_ids[place])
            turn[picture] += 1
            if (turn[picture] - 1) % self.together == 0:
                first, own = turn[picture] - 1, by_picture[picture]
                groups.append([own[(first + i) % len(own)] for i in range(self.together)])
        return np.array(groups).ravel()


def check_parts(batch: int, world: int, accumulate: int, together: int = 1) -> None:
    """Check that a global batch can be cut evenly over processes and accumulation steps.

    Args:
        batch: samples of a step.
        world: processes.
        accumulate: accumulation steps.
        together: expressions of one picture that stay together.

    Raises:
        InputError: if it cannot.
    """
    parts = world * accumulate
    if batch % (parts * together):
        groups = f" of whole groups of {together} (train.expressions_per_picture)" if together > 1 else ""
        raise InputError(
            f"The global batch of {batch} cannot be cut into {parts} equal parts ({world} processes x "
            f"{accumulate} accumulation steps){groups}: set train.batch to a multiple of {parts * together}."
        )


class StepSampler(Sampler[list[Slot]]):
    """A DataLoader's batch sampler: this process's slots of every step, one list per accumulation part.

    The plan is made for the global batch and then cut, so that processes and accumulation change nothing in it.
    Raises: InputError as `check_parts`.
    """

    def __init__(
        self, plan: TrainingPlan, *, start: int, stop: int, rank: int = 0, world: int = 1, accumulate: int = 1
    ):
        check_parts(plan.batch, world, accumulate, plan.together)
        self.plan, self.start, self.stop = plan, start, stop
        self.rank, self.world, self.accumulate = rank, world, accumulate

    def __iter__(self) -> Iterator[list[Slot]]:
        parts = self.world * self.accumulate
        for step in range(self.start, self.stop):
            recipes = self.plan.recipes(step)
            n_with_target = sum(self.plan.has_target(recipe) for recipe in recipes)
            weight = parts / max(n_with_target, 1)
            for part in range(self.accumulate):
                yield [Slot(recipe, weight) for recipe in self._share(recipes, part * self.world + self.rank, parts)]

    def _share(self, recipes: list[Recipe], index: int, parts: int) -> list[Recipe]:
        """One of so many equal parts of a batch; expressions of one picture stay together."""
        size = self.plan.together
        return [
            recipe
            for start in range(index * size, len(recipes), parts * size)
            for recipe in recipes[start : start + size]
        ]

    def __len__(self) -> int:
        return (self.stop - self.start) * self.accumulate
