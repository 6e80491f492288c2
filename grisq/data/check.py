"""Is a data set whole? Which release it is, its counts beside the known ones, and every picture opened."""

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pandas as pd
from PIL import Image
from tqdm import tqdm

from grisq.data import grefcoco, statistics
from grisq.data.grefcoco import GRefCOCO, ImageInfo
from grisq.data.layout import IMAGES
from grisq.data.sample import has_shape

_SHOWN = 3  # names of pictures in a sentence


@dataclass
class Findings:
    """release: its name; hash: SHA-256 of the refs; counts: expressions by split and kind, found and known; pictures:
    how many the expressions are about; missing: their names; broken: name -> what is wrong with the file."""

    release: str
    hash: str
    counts: pd.DataFrame
    pictures: int
    missing: list[str] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)

    @property
    def whole(self) -> bool:
        """Every picture is there and can be read."""
        return not self.missing and not self.broken

    def describe(self, root: Path) -> str:
        """What was found, and for each fault what to do."""
        lines = [f"Annotations: {self.release}, SHA-256 {self.hash[:12]}", self.counts.to_string(), ""]
        good = self.pictures - len(self.missing) - len(self.broken)
        lines.append(f"Pictures: {good:,} of {self.pictures:,} are there and can be read.")
        if self.missing:
            lines.append(f"{len(self.missing):,} are missing ({_few(self.missing)}): grisq data download --root {root}")
        if self.broken:
            told = [f"{name}: {reason}" for name, reason in self.broken.items()]
            lines.append(
                f"{len(self.broken):,} cannot be used ({_few(told)}): grisq data check --root {root} --delete-broken, "
                f"then grisq data download --root {root}"
            )
        return "\n".join(lines)


def check(root: str | Path, *, fast: bool = False, progress: bool = True) -> Findings:
    """Look at everything that training and evaluation will read of a data set.

    fast: look at the pictures' headers alone, not at whether they are complete.
    Errors: InputError if the annotations are missing or cannot be read.
    """
    data = grefcoco.load(root)
    infos = pictures_of(data)
    found = Findings(statistics.release_of(data), data.refs_hash, statistics.beside_known(data), len(infos))
    look = partial(_fault_of, data, fast=fast)
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # Pillow decodes outside Python's lock
        faults = tqdm(pool.map(look, infos), total=len(infos), desc="pictures", unit="picture", disable=not progress)
        for info, fault in zip(infos, faults):
            if fault == _ABSENT:
                found.missing.append(info.file_name)
            elif fault:
                found.broken[info.file_name] = fault
    return found


def pictures_of(data: GRefCOCO) -> list[ImageInfo]:
    """The pictures that expressions are about, by id."""
    return [data.image(int(image_id)) for image_id in sorted(set(data.image_ids.tolist()))]


def fault_of_picture(path: Path, width: int, height: int, *, fast: bool = False) -> str | None:
    """What is wrong with a picture annotated at that size, or None; it is decoded to its end unless `fast`."""
    try:
        with Image.open(path) as picture:
            if not has_shape(picture.size, width, height):
                return f"{picture.width}x{picture.height} pixels, annotated as {width}x{height}"
            if not fast:
                picture.draft("RGB", (1, 1))  # every byte is read, an eighth of the pixels is made
                picture.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        return f"no complete picture ({error})" if str(error) else "no complete picture"
    return None


_ABSENT = "missing"


def _fault_of(data: GRefCOCO, info: ImageInfo, *, fast: bool) -> str | None:
    path = data.root / IMAGES / info.file_name
    return fault_of_picture(path, info.width, info.height, fast=fast) if path.is_file() else _ABSENT


def _few(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
