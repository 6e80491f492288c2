"""What was tried before the regime of the tables was fixed: length, batch, rates, no-target samples and encoders.

All metrics are from train pictures that were held out, so no trial looked at val. One seed each: they led to a choice
and prove nothing.
"""

from pathlib import Path
from typing import Literal

import msgspec

from grisq.experiments.registry import find_experiment
from grisq.runtime.errors import InputError
from grisq.runtime.files import read_json
from grisq.runtime.paths import RESULTS

TRIALS = RESULTS / "regime_trials.json"
TRUE_PRESENCE = "gIoU, true presence"
METRICS = ("gIoU", "cIoU", "N-acc", "T-acc", TRUE_PRESENCE, "IoU single", "IoU multi")


class RegimeTrial(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One training with settings that were tried; all others are those of the preset `tiny`.

    metrics, in percent: gIoU is at val's shares of the scenarios, from the averages of each of them; gIoU, cIoU, N-acc
    and T-acc are under the model's own presence decision, the other three under the true presence.
    """

    what: str
    row: str  # the experiment that was trained
    steps: int
    batch: int  # samples of a step
    lr: float  # highest learning rate of new parameters
    lr_backbone: float  # highest learning rate of Swin, and of BERT where it is pretrained
    tau_no: float  # probability of the no-target augmentation
    lambda_presence: float  # weight of the presence loss
    encoder: str  # how Swin was pretrained: the task, positions named rightly where that was measured, the step
    bert: str  # how BERT was pretrained
    data: str  # the synthetic set and its format
    seed: int
    seconds: float  # that the training took
    metrics: dict[str, float]

    def __post_init__(self):
        if tuple(self.metrics) != METRICS:
            raise ValueError(f"the metrics are not {', '.join(METRICS)}")

    @property
    def samples(self) -> int:
        """Samples that were seen."""
        return self.steps * self.batch


def read_trials(part: Literal["regime", "encoders"] = "regime", path: Path = TRIALS) -> list[RegimeTrial]:
    """Read the trials of one part, in the order in which they were made.

    Args:
        part: those that led to the regime, or those of the baseline row that differ in their encoders alone.
        path: the file.

    Raises: InputError naming file, trial and field if the file is missing or broken, or for an unknown experiment.
    """
    stored = read_json(path)
    if not isinstance(stored, dict) or not isinstance(stored.get(part), list):
        raise InputError(f'{path} has no list "{part}": compare it with git.')
    found = []
    for number, each in enumerate(stored[part], start=1):
        try:
            found.append(msgspec.convert(each, RegimeTrial))
        except msgspec.ValidationError as error:
            raise InputError(f"{path}: {part}, trial {number} cannot be read ({error}): compare it with git.") from None
        find_experiment(found[-1].row)
    return found
