"""Writing so that a killed process or a full disk never leaves half a file in a finished file's place."""

import errno
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from grisq.runtime.errors import InputError


@contextmanager
def replaced_folder(folder: Path) -> Iterator[Path]:
    """Fill the yielded empty folder; only when that succeeded does it take `folder`'s place.

    A kill between the two renames leaves `folder` under `<folder>.old`; see `finished_folder`.
    Errors: InputError if the disk is full; what stood at `folder` before is still there.
    """
    partial, old = folder.with_name(folder.name + ".partial"), folder.with_name(folder.name + ".old")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    with clear_disk_errors(folder):
        try:
            yield partial
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
    if folder.exists():
        shutil.rmtree(old, ignore_errors=True)
        folder.rename(old)
    partial.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


@contextmanager
def appears_whole(root: Path) -> Iterator[Path]:
    """A folder beside `root` to write into; renamed to `root` at the end, removed if anything goes wrong.

    Raises: InputError if `root` exists and is not an empty folder, or if the disk is full.
    """
    refuse_if_taken(root)
    partial = root.with_name(f"{root.name}.partial-{os.getpid()}")  # two processes may make the same set at once
    shutil.rmtree(partial, ignore_errors=True)
    try:
        with clear_disk_errors(root):
            partial.mkdir(parents=True)
            yield partial
            refuse_if_taken(root)
            partial.replace(root)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def refuse_if_taken(root: Path) -> None:
    """InputError if `root` holds something."""
    if root.is_file() or (root.is_dir() and any(root.iterdir())):
        raise InputError(f"{root} already holds something else: name a new folder or remove this one.")


def finished_folder(folder: Path) -> Path | None:
    """`folder`, or the copy that a kill in the middle of replacing it left, or None."""
    old = folder.with_name(folder.name + ".old")
    return next((path for path in (folder, old) if path.is_dir()), None)


def write_text(path: Path, text: str) -> None:
    """Write a text through a temporary file beside `path`. Errors: InputError if the disk is full."""
    partial = path.with_name(path.name + ".partial")
    with clear_disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, path)


def write_json(path: Path, value: object) -> None:
    """Write JSON with sorted keys, whole or not at all. Errors: InputError if the disk is full."""
    write_text(path, json.dumps(value, indent=1, sort_keys=True) + "\n")


def read_json(path: Path) -> dict:
    """Parse a JSON file. Raises InputError that says what the file is instead, and what to do."""
    text = read_utf8(path).decode("utf-8")
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"{path} is not valid JSON ({error}): {_remedy(text, error)}.") from None
    except RecursionError:
        raise InputError(f"{path} is not valid JSON (nested too deeply): write or copy it again.") from None


def read_utf8(path: Path) -> bytes:
    """The bytes of a text file as UTF-8 without byte order mark; UTF-16 and UTF-32 are recognized.

    Raises:
        InputError: the file is missing, empty, an archive, a web page, or in another encoding.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path} is missing: give the folder that holds it.") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): give a file that you may read.") from None
    for start, what in _NOT_TEXT.items():
        if content.startswith(start):
            raise InputError(f"{path} is {what}: unpack it and give the file inside.")
    if not content.strip():
        raise InputError(f"{path} is empty: write or copy it again.")
    if content.lstrip()[:1] == b"<":
        raise InputError(f"{path} is a web page or XML, not JSON: save the file that the page links to.")
    try:
        encoding = json.detect_encoding(content)
        content = content if encoding == "utf-8" else content.decode(encoding).encode("utf-8")
        content.decode("utf-8")
    except UnicodeError as error:
        place = getattr(error, "start", 0)
        raise InputError(
            f"{path} is not in UTF-8 (byte {place:,}; in Windows-1252 it would be "
            f"{content[place : place + 1].decode('cp1252', 'replace')!r}): save it as UTF-8."
        ) from None
    return content


_NOT_TEXT = {
    b"PK\x03\x04": "a ZIP archive",
    b"\x1f\x8b": "compressed by gzip",
    b"BZh": "compressed by bzip2",
    b"\xfd7zXZ": "compressed by xz",
}


def _remedy(text: str, error: json.JSONDecodeError) -> str:
    if error.msg == "Extra data":
        return "several documents follow each other (JSON lines?), write one"
    near = text[max(error.pos - 20, 0) : error.pos + 2]
    if re.search(r",\s*[\]}]", near) or near.endswith(("//", "/*")) or near.rstrip().endswith("#"):
        return "JSON has no comments, and no comma before a closing bracket"
    if "'" in near[-2:]:
        return "JSON has double quotes only"
    return "write or copy it again"


@contextmanager
def clear_disk_errors(path: Path) -> Iterator[None]:
    """Turns "no space left" and "no permission" into one sentence about `path`."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise InputError(f"The disk is full: {path} was not written; free some space and run this again.") from None
        if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
            raise InputError(f"{path} cannot be written: give a folder that you may write to.") from None
        raise
