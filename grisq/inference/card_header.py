"""The part of a model's card that the Hugging Face Hub reads: what the model is, and what was measured."""

import math
from collections.abc import Iterator, Sequence

from huggingface_hub import EvalResult, EvalResultEntry, ModelCardData, eval_result_entries_to_yaml

from grisq.data.statistics import CURRENT
from grisq.evaluation.checkpoints import SHOWN

HUB_DATASET = "FudanCVL/gRefCOCO"  # where gRefCOCO's annotations are
_OTHER_DATASET = "grefcoco-layout"
_TASK = "image-segmentation"  # the hub's name that comes nearest
_TAGS = ["grisq", "referring-image-segmentation", "generalized-referring-image-segmentation", "grefcoco"]


def header(name: str, report: dict, release: str, *, license_name: str = "mit") -> str:
    """Write the YAML header of a card, with its lines of dashes.

    Args:
        name: of the model.
        report: of `evaluate_checkpoint`.
        release: of the data that it was measured on, see `release_of`.
        license_name: the hub's identifier of the weights' license.
    """
    known = release == CURRENT.name
    results = [
        EvalResult(
            task_type=_TASK,
            task_name="generalized referring image segmentation",
            dataset_type=HUB_DATASET if known else _OTHER_DATASET,
            dataset_name="gRefCOCO" if known else f"annotations SHA-256 {report['data'][:12]}",
            dataset_split=split,
            metric_type=metric,
            metric_name=f"{metric} ({protocol})",
            metric_value=value,
        )
        for split, protocol, metric, value in _measured(report, SHOWN)
    ]
    data = ModelCardData(
        library_name="grisq",
        pipeline_tag=_TASK,
        license=license_name,
        language="en",
        tags=_TAGS,
        datasets=[HUB_DATASET] if known else None,
        model_name=name,
        eval_results=results or None,
    )
    return f"---\n{data.to_yaml()}\n---\n\n"


def eval_results(report: dict, release: str) -> list[dict] | None:
    """Return the entries of `.eval_results/grefcoco.yaml`, which feed a benchmark's leaderboard.

    None where the data are not a release of gRefCOCO: a number on other data does not belong there.
    """
    if release != CURRENT.name:
        return None
    entries = [
        EvalResultEntry(
            dataset_id=HUB_DATASET,
            task_id=f"{split}_{metric.lower().replace('-', '_')}",
            value=value,
            notes=f"protocol {protocol}, annotations SHA-256 {report['data'][:12]}",
        )
        for split, protocol, metric, value in _measured(report, ("gIoU", "cIoU", "N-acc", "T-acc"))
    ]
    return eval_result_entries_to_yaml(entries)


def _measured(report: dict, shown: Sequence[str]) -> Iterator[tuple[str, str, str, float]]:
    """Split, protocol, metric and value, with two decimals, of everything that has a value."""
    for split, outcome in report["results"].items():
        for protocol, metrics in outcome["protocols"].items():
            for metric in shown:
                if not math.isnan(metrics[metric]):
                    yield split, protocol, metric, round(metrics[metric], 2)
