"""Download gRefCOCO and the COCO pictures that it is about, from the addresses in sources.json."""

import json
import shutil
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

import httpx2
from tqdm import tqdm

from grisq.data import grefcoco
from grisq.data.check import fault_of_picture, pictures_of
from grisq.data.fetch import Source, fetch, open_client, partial_of
from grisq.data.grefcoco import ImageInfo
from grisq.data.layout import IMAGES, INSTANCES, REFS
from grisq.runtime.errors import InputError
from grisq.runtime.files import clear_disk_errors, read_json

ARCHIVE = "train2014.zip"
GIVE_UP_AFTER = 24  # failures without one success: the address is dead
_SPARE = 200_000_000  # bytes that a disk should keep free
_FIELDS = {"refs": {"url"}, "instances": {"url"}, "images": {"url", "mean_size"}, "archive": {"url", "size"}}


@dataclass(frozen=True)
class Sources:
    """Where everything comes from."""

    refs: Source  # grefs(unc).json
    instances: Source  # instances.json
    images: Source  # one picture; its address has {name}
    mean_size: int  # of a picture, in bytes
    archive: Source  # all pictures of COCO train2014 in one file


def read_sources(path: Path | None = None) -> Sources:
    """Read the addresses in a mirror's file, or the bundled ones. Raises InputError naming what the file lacks."""
    own = json.loads(resources.files("grisq.data").joinpath("sources.json").read_text(encoding="utf-8"))
    given = own if path is None else read_json(path)
    for name, fields in _FIELDS.items():
        entry = given.get(name) if isinstance(given, dict) else None
        for one in sorted(fields):
            value = entry.get(one) if isinstance(entry, dict) else None
            if not isinstance(value, str if one == "url" else int):
                raise InputError(f"{path}: '{name}' has no '{one}' that can be used: write it as in sources.json.")
    sources = {
        name: Source(entry["url"], entry.get("by_hand", entry["url"]), entry.get("size"), entry.get("sha256"))
        for name in _FIELDS
        for entry in [given[name]]
    }
    return Sources(mean_size=given["images"]["mean_size"], **sources)


def download(
    root: str | Path,
    *,
    sources: Sources | None = None,
    images: bool = True,
    archive: bool = False,
    jobs: int = 8,
    progress: bool = True,
    wait: Callable[[float], None] = time.sleep,
) -> Path:
    """Fetch what `root` lacks: the annotations, then the pictures that they name, several at once.

    Finished files are found and not fetched again; large ones resume where they broke off.

    Args:
        root: the folder of the data set.
        sources: addresses; the bundled ones without.
        images: fetch pictures too.
        archive: take them from the one file with all of COCO train2014 (13.5 GB, of which a quarter is needed) instead
            of one by one.
        jobs: pictures at once.
        progress: whether to draw bars.
        wait: called with the seconds to wait before another try.

    Returns:
        The folder.

    Raises:
        InputError: an address is dead or gives something else, the disk has too little room, or pictures are still
            missing at the end. Everything that arrived stays.
    """
    root, sources = Path(root), sources or read_sources()
    with open_client(jobs) as client:
        for source, place in ((sources.refs, REFS), (sources.instances, INSTANCES)):
            if not (root / place).is_file():
                _fetch_large(client, source, root / place, progress, wait)
        if images:
            folder = root / IMAGES
            lacking = [info for info in pictures_of(grefcoco.load(root)) if not (folder / info.file_name).is_file()]
            if lacking and archive:
                _from_archive(client, sources, root, lacking, progress, wait)
            elif lacking:
                _one_by_one(client, sources, folder, lacking, jobs, progress, wait)
    return root


def _fetch_large(client: httpx2.Client, source: Source, target: Path, progress: bool, wait) -> None:
    if source.size:
        _need(target.parent, source.size, target.name)
    partial = partial_of(target)
    begun = partial.stat().st_size if partial.is_file() else 0
    bar = tqdm(
        total=source.size, initial=begun, desc=target.name, unit="B", unit_scale=True, unit_divisor=1024,
        disable=not progress,
    )  # fmt: skip
    with bar:
        fetch(client, source, target, received=bar.update, wait=wait)


def _one_by_one(
    client: httpx2.Client, sources: Sources, folder: Path, infos: list[ImageInfo], jobs: int, progress: bool, wait
) -> None:
    _need(folder, sources.mean_size * len(infos), f"{len(infos):,} pictures")
    outcome = _Outcome()

    def fetch_one(info: ImageInfo) -> None:
        if outcome.hopeless:
            return
        try:
            _fetch_picture(client, sources, folder, info, wait)
        except InputError as error:
            outcome.failed[info.file_name] = str(error)
        else:
            outcome.arrived = True

    pool = ThreadPoolExecutor(jobs)
    try:
        tasks = [pool.submit(fetch_one, info) for info in infos]
        for task in tqdm(as_completed(tasks), total=len(tasks), desc="pictures", unit="picture", disable=not progress):
            task.result()
    finally:
        pool.shutdown(cancel_futures=True)  # an interrupt waits for the few that are under way
    if outcome.failed:
        first, reason = next(iter(outcome.failed.items()))
        lacking = sum(not (folder / info.file_name).is_file() for info in infos)
        raise InputError(
            f"{lacking:,} of {len(infos):,} pictures did not come; what came is in {folder}, the same command asks "
            f"for the others again. The first is {first}: {reason}"
        )


@dataclass
class _Outcome:
    """What has become of the pictures so far; written by the threads that fetch them."""

    failed: dict[str, str] = field(default_factory=dict)  # name -> reason
    arrived: bool = False  # whether any did

    @property
    def hopeless(self) -> bool:
        """Whether to spare the server, and the user, twenty thousand time-outs."""
        return not self.arrived and len(self.failed) >= GIVE_UP_AFTER


def _fetch_picture(client: httpx2.Client, sources: Sources, folder: Path, info: ImageInfo, wait) -> None:
    source = Source(sources.images.url.replace("{name}", info.file_name), sources.images.by_hand)
    fetch(
        client,
        source,
        folder / info.file_name,
        check=lambda path: fault_of_picture(path, info.width, info.height),
        wait=wait,
    )


def _from_archive(
    client: httpx2.Client, sources: Sources, root: Path, infos: list[ImageInfo], progress: bool, wait
) -> None:
    packed, folder = root / ARCHIVE, root / IMAGES
    if not packed.is_file():
        _fetch_large(client, sources.archive, packed, progress, wait)
    _need(folder, sources.mean_size * len(infos), f"{len(infos):,} pictures")
    try:
        with zipfile.ZipFile(packed) as archive:
            members = {Path(member.filename).name: member for member in archive.infolist()}
            for info in tqdm(infos, desc="unpacking", unit="picture", disable=not progress):
                if info.file_name in members:
                    _unpack(archive, members[info.file_name], folder / info.file_name)
    except zipfile.BadZipFile as error:
        raise InputError(f"{packed} is not a complete zip file ({error}): delete it and run this again.") from None
    absent = [info.file_name for info in infos if not (folder / info.file_name).is_file()]
    if absent:
        raise InputError(
            f"{packed} lacks {len(absent):,} pictures, for example {absent[0]}: run this without --archive."
        )


def _unpack(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
    """Write a member under the name that the annotations give it, whatever path the archive has."""
    partial = partial_of(target)
    with clear_disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(member) as packed, partial.open("wb") as file:
            shutil.copyfileobj(packed, file)
        partial.replace(target)


def _need(folder: Path, size: int, what: str) -> None:
    """Raises InputError if the disk of `folder` has no room for that many bytes."""
    there = next(place for place in (folder, *folder.parents) if place.is_dir())
    free = shutil.disk_usage(there).free
    if free < size + _SPARE:
        raise InputError(
            f"{what} need about {size / 1e9:.1f} GB and {there} has {free / 1e9:.1f} GB free: make room, or give "
            "another folder with --root."
        )
