"""Atomic writes: a killed process, a full disk or a power cut never leaves half a file under a finished file's name."""

import errno
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from grisq.runtime.errors import InputError


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield the path of a temporary file to write; it takes the place of `path` only when the block succeeds.

    Raises:
        InputError: if the disk is full or the file cannot be written; an older file is still there.
    """
    partial = path.with_name(path.name + ".partial")
    with clear_disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield partial
            _flush_to_disk(partial)
            os.replace(partial, path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        _flush_to_disk(path.parent)


@contextmanager
def atomic_folder(folder: Path, *, replace: bool) -> Iterator[Path]:
    """Yield an empty folder to fill; it takes the place of `folder` only when the block succeeds.

    A kill in the middle of a replacement leaves the older folder as `<folder>.old`; see `finished_folder`.

    Args:
        folder: where the content appears at the end.
        replace: True replaces an older folder; False refuses one that holds something, so that of two processes that
            make the same folder at once the slower one is refused.

    Raises:
        InputError: if `folder` is taken, the disk is full or the folder cannot be written. What was there stays.
    """
    if not replace:
        refuse_if_taken(folder)
    partial = folder.with_name(folder.name + (".partial" if replace else f".partial-{os.getpid()}"))
    shutil.rmtree(partial, ignore_errors=True)  # of a killed process
    with clear_disk_errors(folder):
        try:
            partial.mkdir(parents=True)
            yield partial
            for path in (*partial.rglob("*"), partial):
                _flush_to_disk(path)
            if replace:
                _move_aside(folder)
            _take_place(partial, folder)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            if replace and _older(folder).is_dir() and not folder.exists():
                _older(folder).rename(folder)
            raise
        _flush_to_disk(folder.parent)
    if replace:
        shutil.rmtree(_older(folder), ignore_errors=True)


def refuse_if_taken(folder: Path) -> None:
    """Raise InputError if `folder` is a file or holds something."""
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise InputError(f"{folder} already holds something else: name a new folder or remove this one.")


def link_or_copy(source: Path, target: Path) -> None:
    """Make a hard link to a file, or a copy of it where links are impossible."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source.resolve(), target)
    except OSError:  # another file system, or one without links
        shutil.copyfile(source, target)


def finished_folder(folder: Path) -> Path | None:
    """Find `folder`, or the older copy that a kill in the middle of replacing it left; None if there is neither."""
    return next((path for path in (folder, _older(folder)) if path.is_dir()), None)


def write_text(path: Path, text: str) -> None:
    """Write a text as UTF-8 by `atomic_file`. Raises InputError if the disk is full."""
    with atomic_file(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_json(path: Path, value: object) -> None:
    """Write JSON with sorted keys by `atomic_file`. Raises InputError if the disk is full."""
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


def read_bytes(path: Path) -> bytes:
    """Read a file. Raises InputError if it is missing or may not be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path} is missing: give the folder that holds it.") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): give a file that you may read.") from None


def read_utf8(path: Path) -> bytes:
    """The bytes of a text file as UTF-8 without byte order mark; UTF-16 and UTF-32 are recognized.

    Raises:
        InputError: the file is missing, empty, an archive, a web page, or in another encoding.
    """
    content = read_bytes(path)
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


DISK_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))  # Windows knows no quota error
NOT_WRITABLE = (errno.EACCES, errno.EROFS, errno.EPERM)
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
    """Turn "no space left" and "no permission" into an InputError that names `path`."""
    try:
        yield
    except OSError as error:
        if error.errno in DISK_FULL:
            raise InputError(f"The disk is full: {path} was not written; free some space and run this again.") from None
        if error.errno in NOT_WRITABLE:
            raise InputError(
                f"{path} cannot be written: give a folder that you may write to, and close programs that have it open."
            ) from None
        raise


def _older(folder: Path) -> Path:
    """Return where the folder that is being replaced waits."""
    return folder.with_name(folder.name + ".old")


def _move_aside(folder: Path) -> None:
    """Rename an existing folder, to be deleted once the new one is in its place."""
    if folder.exists():
        shutil.rmtree(_older(folder), ignore_errors=True)
        folder.rename(_older(folder))


def _take_place(partial: Path, folder: Path) -> None:
    """Rename the complete folder. Raises InputError if another process has just made `folder`."""
    refuse_if_taken(folder)
    with suppress(OSError):
        folder.rmdir()  # an empty one: Windows renames onto nothing that exists
    try:
        partial.rename(folder)
    except OSError:
        refuse_if_taken(folder)
        raise


def _flush_to_disk(path: Path) -> None:
    """Wait until the disk has a file or a folder: after a power cut, a rename may have survived without the content."""
    if path.is_symlink() or (os.name == "nt" and path.is_dir()):  # Windows opens no folders
        return
    try:
        descriptor = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    except PermissionError:
        return  # a link to somebody's read-only picture
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # a file system without this call
            raise
    finally:
        os.close(descriptor)
