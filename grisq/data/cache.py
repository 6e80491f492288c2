"""Arrow tables on disk, memory-mapped: parsed once, shared by every process that reads them."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa

from grisq.data.annotation_files import Tables
from grisq.runtime.errors import InputError

VERSION = 2  # of the tables' layout; part of the cache's key
_NAMES = ("expressions", "images", "annotations", "categories")
_DONE = "skipped.json"  # written last


def open_or_build(root: Path, key: str, build: Callable[[], Tables]) -> Path:
    """The folder that holds the tables for this key; made by `build` if it is not there yet or is damaged.

    Looks in `root/.grisq-cache`, then in `$GRISQ_CACHE` or `~/.cache/grisq`, then in the system's temporary
    folder: the first that can be written. Processes that build at the same time all succeed; one result stays.
    Errors: InputError if no place can be written.
    """
    name = f"{key[:16]}-v{VERSION}"
    places = [place / name for place in _places(root)]
    for folder in places:
        if _is_whole(folder):
            return folder
    tables: Tables | None = None
    reasons = []
    for folder in places:
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f"{name}.") as partial:
                tables = tables or build()
                _write(Path(partial), tables)
                _put(Path(partial), folder)
        except OSError as error:
            reasons.append(f"{folder.parent}: {error.strerror}")
            continue
        return folder
    raise InputError(
        f"The parsed annotations of {root} cannot be stored ({'; '.join(reasons)}): set GRISQ_CACHE to a folder "
        "with some space that you may write to."
    )


def read_table(folder: Path, name: str) -> pa.Table:
    """One table, memory-mapped: pages are read when touched and shared between processes."""
    with pa.memory_map(str(folder / f"{name}.arrow")) as source:
        return pa.ipc.open_file(source).read_all()


def read_skipped(folder: Path) -> dict[str, int]:
    """What the parser left out, by reason."""
    return json.loads((folder / _DONE).read_text(encoding="utf-8"))


def _places(root: Path) -> list[Path]:
    home = os.environ.get("GRISQ_CACHE") or Path.home() / ".cache" / "grisq"
    return [root / ".grisq-cache", Path(home), Path(tempfile.gettempdir()) / "grisq-cache"]


def _is_whole(folder: Path) -> bool:
    try:
        read_skipped(folder)
        for name in _NAMES:
            read_table(folder, name)
    except (OSError, ValueError):  # pyarrow's errors for broken files are ValueErrors
        return False
    return True


def _write(folder: Path, tables: Tables) -> None:
    for name in _NAMES:
        table = getattr(tables, name).combine_chunks()
        with pa.OSFile(str(folder / f"{name}.arrow"), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
    (folder / _DONE).write_text(json.dumps(tables.skipped), encoding="utf-8")


def _put(partial: Path, folder: Path) -> None:
    """Rename the finished folder into place, unless another process was faster."""
    if _is_whole(folder):
        return
    shutil.rmtree(folder, ignore_errors=True)
    finished = folder.with_name(f"{folder.name}.{os.getpid()}")
    shutil.copytree(partial, finished, dirs_exist_ok=True)
    try:
        finished.rename(folder)
    except OSError:
        shutil.rmtree(finished, ignore_errors=True)
        if not _is_whole(folder):
            raise
