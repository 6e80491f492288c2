"""`grisq score`: what anybody's predictions are worth."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from grisq.cli.options import RayOption
from grisq.config.answer import THRESHOLD
from grisq.runtime.errors import InputError

if TYPE_CHECKING:
    from grisq.evaluation.protocols import Protocol
    from grisq.evaluation.scoring.measurements import Measurements
    from grisq.evaluation.scoring.report import Report

# Heavy modules are imported inside the command, so that --help answers at once.

_WRITERS = (".json", ".md", ".png", ".svg", ".pdf", ".parquet")


def score(
    predictions: Annotated[
        list[Path],
        typer.Argument(
            help="COCO results JSON, JSON lines, a folder of JSON lines or of PNG masks; or .parquet counts to merge."
        ),
    ],
    data: Annotated[Path, typer.Option("--data", "-d", help="Folder in gRefCOCO's layout.")],
    split: Annotated[list[str] | None, typer.Option(help="Splits; default: those that predictions are about.")] = None,
    protocol: Annotated[
        list[str] | None, typer.Option(help="rela, gsva, original, refzom, rrefcoco; repeatable; default: rela.")
    ] = None,
    compare: Annotated[
        Path | None, typer.Option(help="Other predictions: print the differences to them, with intervals.")
    ] = None,
    out: Annotated[
        list[Path] | None,
        typer.Option(
            "--out",
            "-o",
            help="Also write .json (everything), .md (tables), .png, .svg or .pdf (figure), .parquet (counts that "
            "merge); repeatable.",
        ),
    ] = None,
    threshold: Annotated[float, typer.Option(min=0, max=1, help="Least score that counts as present.")] = THRESHOLD,
    decided_by: Annotated[
        str, typer.Option(help="What decides on presence: score, pixels50 or mask_empty. Without scores: pixels50.")
    ] = "score",
    missing: Annotated[
        str | None,
        typer.Option(help="Expressions without prediction: refuse (default), nothing (their answer), or skip."),
    ] = None,
    repeated: Annotated[
        str | None,
        typer.Option(
            help="Several predictions of an expression: refuse (default), merge (unite all masks, whatever their "
            "scores; presence is the highest score), instances (as merge, and match each with the annotated objects), "
            "first or last."
        ),
    ] = None,
    unknown: Annotated[
        str | None,
        typer.Option(help="Predictions about expressions that the data set lacks: refuse (default) or ignore."),
    ] = None,
    resize: Annotated[
        str | None,
        typer.Option(help="How masks of another size are resized: nearest (pixel under the center; default) or area."),
    ] = None,
    share: Annotated[
        list[float] | None,
        typer.Option(min=0, max=1, help="Restate gIoU for this share of no-target expressions; repeatable."),
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Processes.")] = 1,
    ray: RayOption = None,
    shard: Annotated[
        str | None,
        typer.Option(help="Count part I/N of the expressions alone, e.g. 2/8; write it with --out part.parquet."),
    ] = None,
) -> None:
    """Score predictions of any model on a data set in gRefCOCO's layout.

    A prediction is a JSON object with ref_id and sent_id (or row, counted from 0 in the table of expressions),
    segmentation (run lengths or polygons; null for an empty mask) and score, the probability that there is a target.
    A PNG mask is named REF_SENT.png; probabilities are in presence.json next to the masks.
    """
    from grisq.data import grefcoco
    from grisq.evaluation.scoring.compute import DIAGNOSED, SHARES, report
    from grisq.evaluation.scoring.measurements import ENDING
    from grisq.evaluation.scoring.score import decided, measure, rules_of
    from grisq.runtime.shard import Shard

    outs = out or []
    for path in outs:
        if path.suffix.lower() not in _WRITERS:
            raise InputError(f"{path} has no known ending: choose {', '.join(_WRITERS)}.")
    rules = rules_of(protocol or ["rela"], decided_by)
    dataset = grefcoco.load(data)
    counting = {
        "splits": split,
        "missing": missing,
        "repeated": repeated,
        "unknown": unknown,
        "resize": resize,
        "shard": None if shard is None else Shard.read(shard),
    }
    counting = {name: value for name, value in counting.items() if value is not None} | {"jobs": jobs}
    if ray and shard:
        raise InputError("--ray makes its own shards: leave out --shard.")
    source = predictions[0] if len(predictions) == 1 else predictions
    found = (
        _on_ray(source, data, rules, ray, counting) if ray else measure(source, dataset, protocols=rules, **counting)
    )
    pages = [path for path in outs if path.suffix.lower() != ENDING]
    for path in outs:
        if path not in pages:  # counts, before the report, for which a shard may be too small
            found.write(path)
    if shard and not len(found.row):
        print(f"Part {shard} has no expressions.")
        return
    other = None if compare is None else measure(compare, dataset, protocols=rules, **counting)
    diagnosed = decided(DIAGNOSED, decided_by)
    made = report(found, dataset, rules, threshold=threshold, shares=share or SHARES, other=other, diagnosed=diagnosed)
    for path in pages:  # before anything is printed: a closed pipe must not cost them
        _write(path, made)
    print(made.to_text())
    for path in outs:
        print(f"Written: {path}")


def _on_ray(
    source: Path | list[Path], data: Path, rules: list["Protocol"], workers: int, counting: dict
) -> "Measurements":
    """Count on Ray's workers; their files lie beside the predictions until they are merged."""
    from grisq.evaluation.scoring import measurements
    from grisq.evaluation.scoring.entries import open_predictions
    from grisq.evaluation.scoring.measurements import ENDING
    from grisq.inference.on_ray import Counts, over_shards
    from grisq.runtime.files import clear_disk_errors

    if not isinstance(source, Path) or source.suffix == ENDING:
        raise InputError("--ray counts predictions in one file or folder: give that.")
    open_predictions(source)  # raises if it is missing
    options = {name: value for name, value in counting.items() if name != "jobs"}
    shared = source.resolve().parent  # a disk that all workers see, as they read the predictions there
    with clear_disk_errors(shared), TemporaryDirectory(prefix=f"{source.name}-counts-", dir=shared) as folder:
        make = Counts(str(source.resolve()), str(data.resolve()), folder, tuple(rules), options)
        parts = over_shards(make, 4 * workers, workers)
        return measurements.merge([measurements.read(path) for path in parts])


def _write(path: Path, made: "Report") -> None:
    from grisq.evaluation.scoring.figure import report_figure
    from grisq.runtime.files import atomic_file, write_text

    ending = path.suffix.lower()
    if ending in (".json", ".md"):
        write_text(path, made.to_json() if ending == ".json" else made.to_markdown())
    else:
        with atomic_file(path) as partial:
            report_figure(made).savefig(partial, format=ending[1:], dpi=150)
