"""`grisq predict | predict-many | export`: a trained model at work."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grisq.cli.options import DeviceOption, RayOption
from grisq.config.answer import THRESHOLD
from grisq.runtime.errors import InputError

if TYPE_CHECKING:
    from grisq.runtime.shard import Shard

# Heavy modules are imported inside the commands, so that --help answers at once.

app = typer.Typer()

ModelOption = Annotated[
    Path | None,
    typer.Option("--model", "-m", help="Run, checkpoint, or user/name on the Hugging Face Hub; default: bundled."),
]
ThresholdOption = Annotated[float, typer.Option(min=0, max=1, help="Minimum probability of a target's presence.")]
MaskThresholdOption = Annotated[
    float, typer.Option(min=0, max=1, help="Minimum probability for a pixel to belong to the mask.")
]
PrecisionOption = Annotated[str, typer.Option(help="fp32, bf16 (half precision) or auto (bf16 on GPUs).")]
ThreadsOption = Annotated[int | None, typer.Option(min=1, help="CPU threads; default: one per core.")]


def _segmenter(model: Path | None, threads: int | None, **options):
    import torch

    from grisq.inference.segmenter import Segmenter

    if threads is not None:
        torch.set_num_threads(threads)
    return Segmenter.from_pretrained(model, **options)


@app.command()
def predict(
    picture: Annotated[Path, typer.Argument(help="A photograph.")],
    text: Annotated[list[str], typer.Argument(help="One or more expressions, each in quotes.")],
    model: ModelOption = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="Overlay (.png, .jpg), bare mask (.mask.png) or RLE (.json); several expressions write 1-NAME, 2-NAME "
            "and so on.",
        ),
    ] = None,
    threshold: ThresholdOption = THRESHOLD,
    mask_threshold: MaskThresholdOption = THRESHOLD,
    precision: PrecisionOption = "auto",
    threads: ThreadsOption = None,
    device: DeviceOption = "auto",
) -> None:
    """Segment what each expression means in a picture, and predict whether it is present and whether it is several."""
    from grisq.inference.prediction import check_ending

    if out:
        check_ending(out)  # before the model is read
    options = {"threshold": threshold, "mask_threshold": mask_threshold, "precision": precision, "device": device}
    segmenter = _segmenter(model, threads, **options)
    for number, prediction in enumerate(segmenter(picture, text)):
        print(prediction.describe())
        if out:
            target = out if len(text) == 1 else out.with_name(f"{number + 1}-{out.name}")
            print(f"  written to {prediction.save(target)}")


@app.command()
def predict_many(
    jobs: Annotated[
        Path | None,
        typer.Argument(help="CSV or JSON Lines file with the columns picture and text, and image_id if you like."),
    ] = None,
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of answers; the same command resumes it.")],
    data: Annotated[
        Path | None,
        typer.Option("--data", "-d", help="In place of a table: a data set in gRefCOCO's layout, for grisq score."),
    ] = None,
    split: Annotated[list[str] | None, typer.Option(help="With --data: splits; default: all but train.")] = None,
    masks_for: Annotated[
        str, typer.Option(help="With --data: the protocol at whose resolution masks are written.")
    ] = "rela",
    shard: Annotated[
        str, typer.Option(help="Answer part I/N alone, e.g. 2/8, for one of several machines that share --out.")
    ] = "1/1",
    workers: Annotated[int, typer.Option(help="With --data: processes that read pictures.")] = 0,
    ray: RayOption = None,
    shards: Annotated[int | None, typer.Option(min=1, help="With --ray: parts; default: four for each worker.")] = None,
    model: ModelOption = None,
    overlays: Annotated[bool, typer.Option("--overlays", help="Also draw every answer.")] = False,
    batch: Annotated[int, typer.Option(min=1, help="Pictures at once.")] = 8,
    encoding: Annotated[
        str | None,
        typer.Option(
            help="Encoding of the table, e.g. cp1251; default: UTF-8, UTF-16 and Windows-1252 are recognized."
        ),
    ] = None,
    threshold: ThresholdOption = THRESHOLD,
    mask_threshold: MaskThresholdOption = THRESHOLD,
    precision: PrecisionOption = "auto",
    threads: ThreadsOption = None,
    device: DeviceOption = "auto",
) -> None:
    """Answer a table of pictures and expressions into predictions.json, a list in COCO's results format.

    Fields are separated by commas, semicolons or tabs, and pictures are relative to the table's folder. Masks have the
    size of the upright picture: a photograph with an EXIF orientation is turned before it is segmented. The exit status
    is 1 if a line could not be answered; the other lines are answered all the same.

    With --data every expression of a data set is answered into predictions.jsonl, which grisq score reads. Shards are
    scored together by giving their folder; those of a table are gathered by the same command without --shard.
    """
    from grisq.inference.bulk import predict_many as answer
    from grisq.inference.bulk import read_jobs
    from grisq.runtime.shard import WHOLE, Shard

    part = Shard.read(shard)
    if (jobs is None) == (data is None):
        raise InputError("Give a table of pictures and texts, or a data set with --data.")
    if data is not None:
        of_a_table = {
            "--overlays": overlays,
            "--encoding": encoding is not None,
            "--threshold": threshold != THRESHOLD,
            "--mask-threshold": mask_threshold != THRESHOLD,
        }
        _refuse(of_a_table, "is about a table of pictures: with --data, grisq score decides by thresholds.")
        options = {"splits": split, "masks_for": masks_for, "batch": batch, "workers": workers}
        options |= {"device": device, "precision": precision}
        if ray and part != WHOLE:
            raise InputError("--ray makes its own shards: leave out --shard.")
        if shards and not ray:
            raise InputError("--shards is the number of parts on a Ray cluster: give --ray as well, or --shard I/N.")
        if ray and threads:
            raise InputError("--threads is about this process, and Ray's workers have one each: leave it out.")
        _answer_splits(model, data, out, part, ray, shards, threads, options)
        return
    of_a_set = {"--split": split, "--ray": ray, "--shards": shards, "--workers": workers}
    of_a_set["--masks-for"] = masks_for != "rela"
    _refuse(of_a_set, "is about a data set: give it with --data.")
    lines = read_jobs(jobs, encoding)
    options = {"threshold": threshold, "mask_threshold": mask_threshold, "precision": precision, "device": device}
    summary = answer(_segmenter(model, threads, **options), lines, out, batch=batch, overlays=overlays, shard=part)
    print(f"{summary.answered} of {len(lines)} answers are in {out}")
    for line, reason in summary.failed.items():
        print(f"  not answered: line {line}: {reason}")
    if summary.failed:
        raise typer.Exit(1)


def _refuse(options: dict[str, object], why: str) -> None:
    for name, given in options.items():
        if given:
            raise InputError(f"{name} {why}")


def _answer_splits(
    model: Path | None,
    data: Path,
    out: Path,
    part: "Shard",
    ray: int | None,
    shards: int | None,
    threads: int | None,
    options: dict,
) -> None:
    import torch

    from grisq import checkpoint
    from grisq.data import grefcoco
    from grisq.inference.hub import find_model
    from grisq.inference.on_ray import Answers, gpus_for, over_shards
    from grisq.inference.split_answers import answer_splits

    if threads is not None:
        torch.set_num_threads(threads)
    if ray is not None:
        name = model.resolve() if model is not None and model.exists() else model
        make = Answers(None if name is None else name.as_posix(), str(data.resolve()), str(out.resolve()), options)
        over_shards(make, shards or 4 * ray, ray, gpus=gpus_for(options["device"], ray))
    else:
        loaded = checkpoint.load(find_model(model))
        answer_splits(loaded, grefcoco.load(data), out, shard=part, **options)
    print(f"The answers are in {out} (grisq score {out} --data {data})")


@app.command()
def export(
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder to write; its old content is replaced.")
    ] = None,
    web: Annotated[
        Path | None, typer.Option("--web", help="In place of --out: folder of a web page on which the model answers.")
    ] = None,
    model: ModelOption = None,
    form: Annotated[str | None, typer.Option("--format", help="onnx (the default) or pt2 (torch.export).")] = None,
    runtime: Annotated[
        Path | None,
        typer.Option(help="With --web: a node_modules folder with the page's programs; default: fetched once."),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option("--data", "-d", help="With --web: data set whose pictures stand on the page; default: synthetic."),
    ] = None,
) -> None:
    """Write a model that runs without grisq: the network, its tokenizer, and a JSON file that explains their use.

    With --web they come with a page that runs them in the browser. Any file server shows it: run python -m http.server
    in the folder. The page's two JavaScript programs are fetched from the npm registry, verified and kept for the next
    time, or taken from --runtime.
    """
    if (out is None) == (web is None):
        raise InputError("Give the folder of the model with --out, or that of a web page with --web.")
    of_other_form = {"--format": form} if web else {"--runtime": runtime, "--data": data}
    for name, given in of_other_form.items():
        if given is not None:
            raise InputError(f"{name} does not go with {'--web' if web else '--out'}: leave it out.")
    if web is None:
        from grisq.inference.export import export as export_model

        print(f"The exported model is in {export_model(model, out, form=form or 'onnx')}")
        return
    from grisq.inference.web.page import export_web

    folder = export_web(model, web, runtime=runtime, data=data)
    print(f"The page is in {folder}. See it: python -m http.server --bind 127.0.0.1 --directory {folder}")
