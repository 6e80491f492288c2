"""Two runs compared on the same pictures, each under any rule about presence.

A run is named by its experiment, with "@" and a rule where presence is not decided by the model's own head:

rela          its presence head; the 50-pixel rule for a model without one
rela@pixels   the 50-pixel rule of Sec. 4.1
rela@truth    the annotation: perfect presence, the model's own masks
rela@masks    the model's own presence, perfect masks (IoU 1)
"""

import msgspec
import numpy as np

from grisq.analysis.significance import Difference, bootstrap_difference, tally
from grisq.evaluation.metrics import metrics_of
from grisq.evaluation.outcomes import RULES, Samples
from grisq.experiments.selection import Results, runs_of
from grisq.runtime.errors import InputError

MASKS = "masks"  # the rule that replaces masks in place of presence decisions


def experiment_of(run: str) -> str:
    """Return the experiment in the name of a run: "rela" of "rela@truth"."""
    return run.partition("@")[0]


def tallies(results: Results, run: str, split: str = "val") -> np.ndarray:
    """Sum the outcomes of a run per picture.

    Returns:
        (seeds, pictures, scenarios, columns) as `grisq.analysis.significance` takes them.
    Raises:
        InputError: the experiment was not run or not on this split, or the rule behind "@" is unknown.
    """
    name, _, rule = run.partition("@")
    if rule and rule not in (*RULES, MASKS):
        raise InputError(f"There is no presence rule {rule!r}: use {', '.join(RULES)} or {MASKS}, as in rela@truth.")
    stored = runs_of(results, name)
    if not stored:
        raise InputError(f"There is no result of {name!r}: run grisq experiments run {name}.")
    if any(split not in result.samples for result in stored):
        raise InputError(f"The results of {name!r} have no split {split!r}: use {', '.join(stored[0].samples)}.")
    return np.stack([_tally(result.samples[split], rule or "head") for result in stored])


def _tally(samples: Samples, rule: str) -> np.ndarray:
    if rule == MASKS:
        samples, rule = with_perfect_masks(samples), "head"
    return tally(np.array(samples.image), samples.scores(rule))


def with_perfect_masks(samples: Samples) -> Samples:
    """Replace every mask by the annotated one and keep the decision on presence."""
    presence = samples.presence
    if presence is None:  # the 50-pixel rule decides, on the masks that the model drew
        presence = [float(pixels >= RULES["pixels"].min_pixels) for pixels in samples.predicted]
    perfect = {"predicted": samples.annotated, "intersection": samples.annotated}
    return msgspec.structs.replace(samples, presence=presence, **perfect)


def means(results: Results, run: str, split: str = "val") -> dict[str, float]:
    """Average gIoU, cIoU, N-acc and T-acc of a run over its seeds, in percent. Raises: as `tallies`."""
    return {name: float(values.mean()) for name, values in metrics_of(tallies(results, run, split).sum(1)).items()}


def compare(results: Results, system: str, reference: str, metric: str, split: str = "val") -> Difference:
    """Bootstrap how far one run lies above another in a metric.

    Two rules applied to one experiment are compared training by training, two experiments are not paired.

    Args:
        results: by experiment and seed.
        system: the run that should be higher.
        reference: the run to compare it with.
        metric: one of `grisq.evaluation.metrics.METRICS`.
        split: of the data set.
    Raises:
        InputError: as `tallies`, and for an unknown metric.
    """
    pair = (tallies(results, run, split) for run in (system, reference))
    same = experiment_of(system) == experiment_of(reference)
    return bootstrap_difference(*pair, metric, same_trainings=same)


def explained_by_presence(
    results: Results, system: str, reference: str, metric: str, split: str = "val"
) -> tuple[Difference, Difference]:
    """Measure which part of the gap between two experiments disappears when both get the true presence.

    With a and b for the metric of system and reference, and a* and b* for the same under the true presence:

    part = (a - b) - (a* - b*),   margin = part - (a* - b*)

    The gap comes mostly from presence if the margin is positive: then more disappears than remains.

    Args and Raises: as `compare`; also InputError for cIoU, whose denominator depends on the presence decisions.
    Returns:
        The part and the margin, each with its interval.
    """
    if metric == "cIoU":
        raise InputError("A gap in cIoU cannot be divided: its denominator depends on the presence decisions.")
    less_once = (_less_true_presence(results, name, split, 1) for name in (system, reference))
    less_twice = (_less_true_presence(results, name, split, 2) for name in (system, reference))
    return bootstrap_difference(*less_once, metric), bootstrap_difference(*less_twice, metric)


def _less_true_presence(results: Results, name: str, split: str, times: int) -> np.ndarray:
    """Tallies whose metric is a - times * a*, but for a constant.

    Where tallies share their denominator, the metric of their sum is a sum of their metrics. The perfect prediction,
    100 % for every system, keeps the denominator of the sum and cancels in a difference.
    """
    runs = [result.samples[split] for result in runs_of(results, name)]
    perfect = np.stack([_tally(with_perfect_masks(samples), "truth") for samples in runs])
    return tallies(results, name, split) + times * (perfect - tallies(results, f"{name}@truth", split))
