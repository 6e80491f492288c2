"""`grisq data ...`: making, getting, converting and checking data sets."""

from pathlib import Path
from typing import Annotated

import typer

# Heavy modules are imported inside the commands, so that --help answers at once.

app = typer.Typer(
    help="Make, get and check data sets in gRefCOCO's format.", no_args_is_help=True, rich_markup_mode=None
)

RootOption = Annotated[Path, typer.Option("--root", "-r", help="Folder that holds grefcoco/ and images/.")]


@app.command()
def synthetic(
    name: Annotated[str, typer.Argument(help="tiny, small, tiny-long or encoders.")] = "tiny",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder; default: data/synthetic/NAME.")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes; default: one per core.")] = None,
) -> None:
    """Make a synthetic set: pictures, masks and expressions whose meaning is computed."""
    from grisq.data.catalog import synthetic_set

    print(f"The set is in {synthetic_set(name, out, workers=workers)}")


@app.command()
def counterfactual(
    name: Annotated[str, typer.Argument(help="The synthetic set whose val split is paired.")] = "tiny",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder; default: data/synthetic/NAME-counterfactual.")
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Processes; default: one per core.")] = None,
) -> None:
    """Make pairs of pictures: an expression's own, and the same after one change that leaves it without a target."""
    from grisq.data.catalog import synthetic_set
    from grisq.data.layout import COUNTERFACTUAL

    print(f"The set is in {synthetic_set(name + COUNTERFACTUAL, out, workers=workers)}")


@app.command()
def expressions(
    instances: Annotated[Path, typer.Option(help="COCO instances.json (CVAT and labelme export it).")],
    images: Annotated[Path, typer.Option(help="Folder with its pictures.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to make.")],
    seed: Annotated[int, typer.Option(help="Another seed makes other expressions.")] = 0,
    words: Annotated[
        Path | None,
        typer.Option(
            help='JSON with singular and plural of categories: {"Hund": {"singular": "dog", "plural": "dogs"}}.'
        ),
    ] = None,
    boxes_as_masks: Annotated[
        bool, typer.Option("--boxes-as-masks", help="Where an object has no outline, take its box for one.")
    ] = False,
    orientation: Annotated[
        str,
        typer.Option(
            help="auto, upright or stored: on which picture photographs turned by EXIF were annotated, where their own "
            "size and outlines do not tell; auto follows the other pictures, and asks where they do not tell either."
        ),
    ] = "auto",
) -> None:
    """Turn your own COCO annotations into expressions and masks for this task.

    At the end it reports what was corrected in the annotations and what was left out.
    """
    from grisq.data.synthetic.category_nouns import read_words
    from grisq.data.synthetic.from_coco import expressions_from_coco

    made = expressions_from_coco(
        instances,
        images,
        out,
        seed=seed,
        words=None if words is None else read_words(words),
        boxes_as_masks=boxes_as_masks,
        orientation=orientation,
    )
    print(f"The set is in {made}")


@app.command()
def download(
    root: RootOption,
    no_images: Annotated[bool, typer.Option("--no-images", help="The annotations alone (0.3 GB).")] = False,
    archive: Annotated[
        bool,
        typer.Option("--archive", help="All of COCO train2014 in one file (13.5 GB) instead of picture by picture."),
    ] = False,
    jobs: Annotated[int, typer.Option(min=1, help="Pictures at once.")] = 8,
    sources: Annotated[
        Path | None, typer.Option(help="Addresses of a mirror, written like grisq/data/sources.json.")
    ] = None,
) -> None:
    """Get gRefCOCO's annotations and the 19,994 COCO pictures that they are about (3.3 GB).

    The same command resumes after a stop and fetches only what is missing.
    """
    from grisq.data.download import download as fetch_all
    from grisq.data.download import read_sources

    folder = fetch_all(root, sources=read_sources(sources), images=not no_images, archive=archive, jobs=jobs)
    print(f"The data are in {folder}; grisq data check --root {folder} looks at every picture.")


@app.command()
def convert(
    form: Annotated[str, typer.Argument(help="refcoco (RefCOCO, + and g), refzom, rrefcoco or instancevg.")],
    source: Annotated[
        Path, typer.Argument(help="Folder with refs(...).p and instances.json, or InstanceVG's JSON file.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to make.")],
    images: Annotated[
        Path | None, typer.Option(help="Folder of the pictures; without it annotations alone, enough for grisq score.")
    ] = None,
    partition: Annotated[str | None, typer.Option(help="Which of several pickles: unc, google, umd.")] = None,
) -> None:
    """Convert another data set into gRefCOCO's layout, so that every other command reads it.

    Pickles are read without running anything: one that holds more than lists, dicts, texts and numbers is refused.
    """
    from grisq.data.foreign.convert import convert as convert_set

    print(f"The set is in {convert_set(form, source, out, images=images, partition=partition)}")


@app.command()
def join(
    root: RootOption,
    refcoco: Annotated[Path, typer.Argument(help="RefCOCO: folder with refs(unc).p and instances.json.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to make.")],
    split: Annotated[str, typer.Option(help="Which split gets them.")] = "val",
    partition: Annotated[str, typer.Option(help="Which pickle of RefCOCO.")] = "unc",
) -> None:
    """Add RefCOCO's single-target expressions to a split of gRefCOCO; val, as it is distributed today, has none.

    The result is not a release of gRefCOCO, and grisq stats and grisq score say so.
    """
    from grisq.data.foreign.join import join_singles

    print(f"The set is in {join_singles(root, refcoco, out, split=split, partition=partition)}")


@app.command()
def parquet(
    root: RootOption,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of SPLIT.parquet.")],
    no_images: Annotated[bool, typer.Option("--no-images", help="Leave the pictures out.")] = False,
) -> None:
    """Write a data set as parquet, which datasets.load_dataset and the viewer of the Hugging Face Hub read."""
    from grisq.data import grefcoco
    from grisq.data.foreign.parquet import to_parquet

    for path in to_parquet(grefcoco.load(root), out, images=not no_images):
        print(f"Written: {path}")


@app.command()
def check(
    root: RootOption,
    fast: Annotated[bool, typer.Option("--fast", help="Look at the pictures' headers alone.")] = False,
    delete_broken: Annotated[
        bool,
        typer.Option(
            "--delete-broken", help="Delete files that are no pictures (never links), so that download gets them."
        ),
    ] = False,
) -> None:
    """Look at a data set: its release, its counts next to the known ones, its pictures and its outlines.

    Exit status 1 if a picture is missing or cannot be used.
    """
    from grisq.data.check import check as look
    from grisq.data.check import delete_unreadable

    found = look(root, fast=fast)
    print(found.describe(root))
    if delete_broken:
        deleted, kept = delete_unreadable(root, found)
        print(f"Deleted: {len(deleted):,}.")
        if kept:
            print(f"Kept {len(kept):,} files: links, shared copies, or readable pictures of another size.")
    if not found.whole:
        raise typer.Exit(1)
