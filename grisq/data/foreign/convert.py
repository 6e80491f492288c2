"""Converts foreign data sets into gRefCOCO's layout."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from tqdm import tqdm

from grisq.data import grefcoco, grefcoco_writer
from grisq.data.foreign.converted import Converted
from grisq.data.foreign.instancevg import read_instancevg
from grisq.data.foreign.refer import read_refer
from grisq.data.inspection.safe_paths import is_inside
from grisq.data.layout import IMAGES
from grisq.runtime.errors import InputError
from grisq.runtime.files import atomic_folder, link_or_copy, refuse_if_taken

Form = Literal["refcoco", "refzom", "rrefcoco", "instancevg"]
FORMS: tuple[Form, ...] = ("refcoco", "refzom", "rrefcoco", "instancevg")


def convert(
    form: Form,
    source: str | Path,
    out: str | Path,
    *,
    images: str | Path | None = None,
    partition: str | None = None,
    progress: bool = True,
    report: Callable[[str], None] = print,
) -> Path:
    """Write a data set in gRefCOCO's layout into the new folder `out`, which appears only when it is complete.

    Refs and sentences keep their ids, except where a file uses one twice, and pictures their names.

    Args:
        form: refcoco (RefCOCO, + and g), refzom, rrefcoco, or instancevg.
        source: the folder with refs(...).p and instances.json, or InstanceVG's JSON file.
        out: the folder to make.
        images: folder of the pictures, which are linked or copied; None: annotations alone, enough for `grisq score`.
        partition: which of several pickles, such as unc, google or umd.
        progress: whether to draw a bar.
        report: called with one sentence for everything that was changed or left out.

    Returns:
        The folder `out`.

    Raises:
        InputError: a file is missing, damaged or of another form, a picture is missing, or `out` is taken.
    """
    if form not in FORMS:
        raise InputError(f"There is no form {form!r}: choose {', '.join(FORMS)}.")
    source, out = Path(source), Path(out)
    refuse_if_taken(out)
    if form == "instancevg":
        found = read_instancevg(source)
    elif source.is_dir():
        found = read_refer(source, form, partition)
    else:
        raise InputError(f"{source} is not a folder: give the one that holds refs(...).p and instances.json.")
    return write_converted(found, out, None if images is None else Path(images), progress=progress, report=report)


def write_converted(
    found: Converted, out: Path, images: Path | None, *, progress: bool, report: Callable[[str], None]
) -> Path:
    """Write a converted set, and read it once to see that it is whole. Arguments and errors as `convert`."""
    found.finish()
    with atomic_folder(out, replace=False) as folder:
        grefcoco_writer.write_numbered(folder, found.refs, found.instances)
        (folder / IMAGES).mkdir(parents=True, exist_ok=True)
        if images is not None:
            _place_pictures(found, images, folder, progress)
        try:
            skipped = grefcoco.load(folder).skipped
        except InputError as error:  # about files that are gone in a moment
            raise InputError(
                f"The data set does not fit together. {str(error).replace(str(folder), out.name)}"
            ) from None
    for line in found.lines():
        report(line)
    for reason, number in skipped.items():
        report(f"{number:,} {reason} are left out.")
    return out


def _place_pictures(found: Converted, images: Path, folder: Path, progress: bool) -> None:
    used = {ref["image_id"] for ref in found.refs}
    names = list(dict.fromkeys(image["file_name"] for image in found.instances["images"] if image["id"] in used))
    for name in tqdm(names, unit="picture", desc="pictures", disable=not progress, leave=False):
        if not is_inside(name):
            raise InputError(f"The picture {name!r} lies outside of its folder: get instances.json from its authors.")
        if not (images / name).is_file():
            raise InputError(
                f"{images / name} is missing: give the folder that holds all pictures that instances.json names, or "
                "leave out --images if you only want to score."
            )
        link_or_copy(images / name, folder / IMAGES / name)
