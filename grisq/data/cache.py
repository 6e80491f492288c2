"""Cache the parsed annotations as memory-mapped Arrow tables: parsed once, shared by every process that reads them."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa

from grisq.data.annotation_parser import Tables
from grisq.runtime.errors import InputError
from grisq.runtime.files import atomic_folder

VERSION = 2  # of the tables' layout; part of the cache's key
_NAMES = ("expressions", "images", "annotations", "categories")
_DONE = "skipped.json"  # written last


def open_or_build(root: Path, key: str, build: Callable[[], Tables]) -> Path:
    """Find the folder that holds the tables for a key, or make it.

    Looks in `root/.grisq-cache`, then in `$GRISQ_CACHE` or `~/.cache/grisq`, then in the system's temporary folder; the
    first that can be written gets the tables. Processes that build at the same time all succeed; one result stays.

    Args:
        root: the data set's folder.
        key: changes when the annotation files do.
        build: called if there are no complete tables for this key.

    Returns:
        The folder.

    Raises:
        InputError: no place can be written, or `build` raises it.
    """
    folders = [place / f"{key[:16]}-v{VERSION}" for place in _places(root)]
    for folder in folders:
        if _is_complete(folder):
            return folder
    tables, reasons = build(), []
    for folder in folders:
        try:
            if folder.is_dir() and not _is_complete(folder):
                shutil.rmtree(folder)
            with atomic_folder(folder, replace=False) as partial:
                _write(partial, tables)
        except (OSError, InputError) as error:
            if _is_complete(folder):  # another process was faster
                return folder
            reasons.append(getattr(error, "strerror", None) or str(error))
        else:
            return folder
    raise InputError(
        f"The parsed annotations of {root} cannot be stored ({'; '.join(reasons)}): set GRISQ_CACHE to a folder "
        "with some space that you may write to."
    )


def read_table(folder: Path, name: str) -> pa.Table:
    """Open one table memory-mapped: pages are read when touched and shared between processes."""
    with pa.memory_map(str(folder / f"{name}.arrow")) as source:
        return pa.ipc.open_file(source).read_all()


def read_skipped(folder: Path) -> dict[str, int]:
    """Read what the parser left out, counted by reason."""
    return json.loads((folder / _DONE).read_text(encoding="utf-8"))


def _places(root: Path) -> list[Path]:
    home = os.environ.get("GRISQ_CACHE") or Path.home() / ".cache" / "grisq"
    return [root / ".grisq-cache", Path(home), Path(tempfile.gettempdir()) / "grisq-cache"]


def _is_complete(folder: Path) -> bool:
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
