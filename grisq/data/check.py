"""Is a data set complete? Its release, its counts next to the known ones, every picture, every outline."""

import os
import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec
import pandas as pd
import pyarrow.compute as pc
from tqdm import tqdm

from grisq.data import grefcoco, statistics
from grisq.data.grefcoco import GRefCOCO, ImageInfo
from grisq.data.inspection.annotations import repair_annotation
from grisq.data.inspection.findings import Fault, Findings
from grisq.data.inspection.safe_paths import is_file
from grisq.data.layout import IMAGES
from grisq.data.pictures import Header, UnreadableError, decode_fully, has_shape, read_header

_SHOWN = 3  # names of pictures in a sentence
_COCO_NAME = re.compile(r"COCO_train2014_\d{12}\.jpg")
_TURNED = Fault("pictures", "{are} turned by EXIF and read upright", "instances.json has the upright size")
_STORED = Fault("pictures", "{are} turned by EXIF and read as stored", "instances.json has the stored size")


@dataclass
class CheckReport:
    """What was found in a data set."""

    release: str  # its name
    hash: str  # SHA-256 of the refs
    counts: pd.DataFrame  # expressions by split and scenario, found and known
    pictures: int  # that expressions are about
    downloadable: bool = False  # whether the set is gRefCOCO, whose pictures COCO's server has
    missing: list[str] = field(default_factory=list)  # names of pictures that are not there
    broken: dict[str, str] = field(default_factory=dict)  # name -> what is wrong with the file
    misshapen: set[str] = field(default_factory=set)  # of the broken: whole pictures of another shape
    remarks: Findings = field(default_factory=Findings)  # on outlines, areas, boxes, and EXIF turns

    @property
    def whole(self) -> bool:
        """Whether every picture is there and can be used."""
        return not self.missing and not self.broken

    @property
    def unreadable(self) -> list[str]:
        """Names of pictures that are not, or not completely, pictures."""
        return [name for name in self.broken if name not in self.misshapen]

    def describe(self, root: Path) -> str:
        """What was found, and for each fault what to do."""
        lines = [f"Annotations: {self.release}, SHA-256 {self.hash[:12]}", self.counts.to_string(), ""]
        good = self.pictures - len(self.missing) - len(self.broken)
        lines.append(f"Pictures: {good:,} of {self.pictures:,} are there and can be read.")
        if self.missing:
            remedy = f"grisq data download --root {root}" if self.downloadable else f"copy them to {root / IMAGES}"
            lines.append(f"{len(self.missing):,} are missing ({_few(self.missing)}): {remedy}")
        if self.broken:
            reasons = [f"{name}: {reason}" for name, reason in self.broken.items()]
            lines.append(f"{len(self.broken):,} cannot be used ({_few(reasons)}): {self._remedy(root)}")
        return "\n".join([*lines, *self.remarks.lines(consequences=False)])

    def _remedy(self, root: Path) -> str:
        if not self.unreadable:
            return "they belong to other annotations; nothing is wrong with the files themselves"
        if self.downloadable and any(is_own_file(root, name) for name in self.unreadable):
            return f"grisq data check --root {root} --delete-broken, then grisq data download --root {root}"
        return f"copy complete ones to {root / IMAGES}"


def check(root: str | Path, *, fast: bool = False, progress: bool = True) -> CheckReport:
    """Look at everything that training and evaluation will read of a data set.

    Args:
        root: its folder.
        fast: look at the pictures' headers alone, not at whether they are complete.
        progress: whether to draw a bar.

    Raises:
        InputError: the annotations are missing or cannot be read, or a target cannot have a pixel.
    """
    data = grefcoco.load(root)
    infos = pictures_of(data)
    found = CheckReport(
        statistics.release_of(data),
        data.refs_hash,
        statistics.beside_known(data),
        len(infos),
        downloadable=is_grefcoco(data),
        remarks=Findings({"pictures": len(infos)}),
    )
    look = partial(_look, data, fast=fast)
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # Pillow decodes outside Python's lock
        seen = tqdm(pool.map(look, infos), total=len(infos), desc="pictures", unit="picture", disable=not progress)
        for info, each in zip(infos, seen):
            _enter(found, info, each)
    _look_at_annotations(data, found.remarks, progress)
    return found


def pictures_of(data: GRefCOCO) -> list[ImageInfo]:
    """The pictures that expressions are about, by id."""
    return [data.image(int(image_id)) for image_id in sorted(set(data.image_ids.tolist()))]


def is_grefcoco(data: GRefCOCO) -> bool:
    """Whether a set is gRefCOCO: a known release, or COCO's pictures with expressions that no grammar made."""
    if statistics.is_known(data):
        return True
    made = pc.any(pc.is_valid(data.expressions["tree"])).as_py()
    return not made and all(_COCO_NAME.fullmatch(info.file_name) for info in pictures_of(data))


def fault_of_picture(path: Path, width: int, height: int, *, fast: bool = False) -> str | None:
    """What is wrong with a picture annotated at that size, or None; it is decoded to its end unless `fast`."""
    return _look_at(path, width, height, fast=fast).fault


def delete_unreadable(root: Path, found: CheckReport) -> tuple[list[str], list[str]]:
    """Delete pictures that cannot be read, so that `download` fetches them.

    A picture of another shape stays, and so does a file that is also somewhere else: a link, a file with another name
    on the disk, or one in a linked folder.

    Returns:
        The names that were deleted, and those that were kept.
    """
    deleted, kept = [], sorted(found.misshapen)
    for name in found.unreadable:
        if is_own_file(root, name):
            (root / IMAGES / name).unlink()
            deleted.append(name)
        else:
            kept.append(name)
    return deleted, kept


def is_own_file(root: Path, name: str) -> bool:
    """Whether a picture is in the set alone: no link, no second name on the disk, and in no linked folder."""
    path = root / IMAGES / name
    inside = path.parent.resolve() == (root.resolve() / IMAGES / name).parent
    return inside and not path.is_symlink() and path.stat().st_nlink == 1


class _Seen(NamedTuple):
    fault: str | None
    misshapen: bool = False
    header: Header | None = None


def _look(data: GRefCOCO, info: ImageInfo, *, fast: bool) -> _Seen | None:
    """None if the picture is not there."""
    path = data.root / IMAGES / info.file_name
    return _look_at(path, info.width, info.height, fast=fast) if is_file(path) else None


def _look_at(path: Path, width: int, height: int, *, fast: bool) -> _Seen:
    try:
        header = read_header(path)
        if not has_shape(header.upright, width, height) and not has_shape(header.stored, width, height):
            size = "x".join(map(str, header.upright))
            return _Seen(f"{size} pixels, annotated as {width}x{height}", True, header)
        if not fast:
            decode_fully(path)
    except UnreadableError as error:
        return _Seen(f"no complete picture: it {error.reason}")
    return _Seen(None, header=header)


def _enter(found: CheckReport, info: ImageInfo, seen: _Seen | None) -> None:
    if seen is None:
        found.missing.append(info.file_name)
        return
    if seen.fault:
        found.broken[info.file_name] = seen.fault
    if seen.misshapen:
        found.misshapen.add(info.file_name)
    elif seen.header and seen.header.turned:
        upright = has_shape(seen.header.upright, info.width, info.height)
        found.remarks.add(_TURNED if upright else _STORED, info.file_name)


def _look_at_annotations(data: GRefCOCO, remarks: Findings, progress: bool) -> None:
    """Every outline, area and bbox, also of objects that no expression means."""
    table = data.annotations
    remarks.totals["annotations"] = len(table)
    sizes = {info.image_id: (info.width, info.height) for info in data.images()}
    bar = tqdm(total=len(table), desc="annotations", unit="annotation", disable=not progress)
    with bar:
        for batch in table.select(("id", "image_id", "iscrowd", "area", "bbox", "segmentation")).to_batches(10_000):
            for record in batch.to_pylist():
                if size := sizes.get(record["image_id"]):
                    outline = msgspec.json.decode(record["segmentation"])
                    repair_annotation({**record, "segmentation": outline}, *size, remarks)
            bar.update(len(batch))


def _few(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
