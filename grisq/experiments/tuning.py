"""The learning rate of each system: the same rates are tried, on held-out train pictures, with one seed.

The score is gIoU as it would be at val's shares of the scenarios: train has far fewer no-target expressions, and a rate
chosen at its shares would be chosen for masks alone.
"""

from dataclasses import dataclass

from grisq.data.synthetic.specs import SHARES
from grisq.experiments.registry import RATES, find_experiment, for_tuning
from grisq.experiments.results import Result
from grisq.experiments.selection import Results, runs_of


@dataclass(frozen=True)
class Trial:
    """One learning rate tried for one system; metrics in percent, on held-out train pictures."""

    system: str
    lr: float
    score: float  # gIoU at val's shares
    metrics: dict[str, float]  # of the last periodic evaluation
    seconds: float  # what the training took


def score(metrics: dict[str, float]) -> float:
    """gIoU at val's shares of the scenarios, from the averages of each of them."""
    val = SHARES["val"]
    single = 1 - val.no_target - val.multi
    return val.no_target * metrics["N-acc"] + single * metrics["IoU single"] + val.multi * metrics["IoU multi"]


def trials(results: Results) -> list[Trial]:
    """Every rate that was tried, by system and rate; those that were not run are left out."""
    return [_trial(result) for name in for_tuning() for result in runs_of(results, name)]


def choose(results: Results) -> dict[str, float]:
    """The rate with the highest score of each system of which all rates were tried."""
    found = trials(results)
    by_system = {each.system: [other for other in found if other.system == each.system] for each in found}
    return {
        system: max(tried, key=lambda trial: trial.score).lr
        for system, tried in by_system.items()
        if {trial.lr for trial in tried} >= set(RATES)
    }


def _trial(result: Result) -> Trial:
    metrics = {name: values[-1] for name, values in result.history["eval"].items()}
    experiment = find_experiment(result.experiment)
    return Trial(experiment.system, experiment.changes["train.lr"], score(metrics), metrics, result.cost.seconds)
