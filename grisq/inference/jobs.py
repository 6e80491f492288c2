"""Tables of pictures and expressions, as spreadsheets and programs write them: CSV of every dialect, or JSON Lines."""

import csv
import io
import json
import logging
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

from grisq.inference.picture_input import address_fault
from grisq.runtime.errors import InputError

_DELIMITERS = {",": "a comma", ";": "a semicolon", "\t": "a tab"}
_BYTE_ORDER_MARKS = {  # the longer ones first: UTF-16's is the beginning of UTF-32's
    b"\xff\xfe\x00\x00": "utf-32",
    b"\x00\x00\xfe\xff": "utf-32",
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
_WHOLE_NUMBER = re.compile(r"\d{1,18}", re.ASCII)  # str.isdigit takes "²" for one


@dataclass(frozen=True)
class Job:
    """One line of a table: a question about a picture."""

    line: int  # in the file, counted from 1, as editors count
    picture: Path
    text: str  # the expression
    image_id: int | str | None = None
    fault: str | None = None  # why the line cannot be a question; the other fields then mean nothing


def read_jobs(path: Path, encoding: str | None = None) -> list[Job]:
    """Read the questions of a table. Blank lines are left out; a faulty line becomes a job with its `fault`.

    Args:
        path: a CSV file whose first line names the columns picture and text, and image_id if you like; case and spaces
            in the names do not matter. Fields are separated by commas, semicolons or tabs. A file that ends in .jsonl
            has one JSON object with these fields a line. Pictures are relative to the file's folder.
        encoding: of the text; by default UTF-8, UTF-16 and Windows-1252 are recognized.

    Raises:
        InputError: for a missing file, unreadable text, a missing column, or a table without questions.
    """
    if not path.is_file():
        raise InputError(f"{path} is missing: give a CSV file with the columns picture and text.")
    text = _decode(path, path.read_bytes(), encoding)
    rows = _json_rows(text) if path.suffix.lower() in (".jsonl", ".ndjson") else _csv_rows(path, text)
    jobs = [_job(path.parent, line, row) for line, row in rows]
    if not jobs:
        raise InputError(f"{path} holds no expression: write a picture and a text into each line below the first.")
    return jobs


def _decode(path: Path, content: bytes, encoding: str | None) -> str:
    """Decode by the encoding given, by the byte order mark, or by what the bytes can be."""
    marked = next((name for mark, name in _BYTE_ORDER_MARKS.items() if content.startswith(mark)), None)
    even, odd = content[::2].count(0), content[1::2].count(0)  # in UTF-16, ASCII letters have one zero byte
    if 4 * max(even, odd) > len(content):
        marked = marked or ("utf-16-be" if even > odd else "utf-16-le")
    for name in (encoding,) if encoding else (marked,) if marked else ("utf-8", "cp1252"):
        try:
            text = content.decode(name)
        except UnicodeDecodeError:
            continue
        except LookupError:
            raise InputError(f"There is no encoding {name!r}: use a name such as utf-8, cp1252 or cp1251.") from None
        if name == "cp1252" and not encoding:
            logging.getLogger(__name__).warning(
                "%s is not UTF-8 text; it is read as Windows-1252. If accents come out wrong, give --encoding.", path
            )
        return text
    tried = encoding or marked or "UTF-8, UTF-16 or Windows-1252"
    raise InputError(f"{path} is not {tried} text: save it as CSV UTF-8, or name its encoding with --encoding.")


def _csv_rows(path: Path, text: str) -> Iterator[tuple[int, dict[str, str] | str]]:
    """Yield each line's number with its fields by column, or with what is wrong with it."""
    lines = list(io.StringIO(text, newline=""))
    first = next((number for number, line in enumerate(lines) if line.strip()), len(lines))
    delimiter, columns = _header(path, lines[first] if first < len(lines) else "")
    for number, row in _records(lines, first + 1, delimiter):
        if isinstance(row, str):
            yield number, row
        elif any(field.strip() for field in row):
            fault = (
                f"it has {len(row)} field{'s' * (len(row) != 1)} and the first line has {len(columns)}: "
                f'put a text that holds {_DELIMITERS[delimiter]} in double quotes, "like this".'
            )
            yield number, dict(zip(columns, row)) if len(row) == len(columns) else fault


def _header(path: Path, line: str) -> tuple[str, list[str]]:
    """Find the delimiter that separates the columns' names, and the names in the form of `_plain`."""
    found = []
    for delimiter in _DELIMITERS:
        names = [_plain(name) for name in next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])]
        if {"picture", "text"} <= set(names):
            found = names
            break
        found = max(found, names, key=len)
    for name in ("picture", "text"):
        if found.count(name) != 1:
            count = "no column" if name not in found else "more than one column"
            raise InputError(f"{path} has {count} {name!r} in its first line: it needs picture and text, once each.")
    return delimiter, found


def _records(lines: list[str], first: int, delimiter: str) -> Iterator[tuple[int, list[str] | str]]:
    """Yield CSV records with their first line's number. After a broken quote, reading starts again at the next line."""
    while first < len(lines):
        reader = csv.reader(lines[first:], delimiter=delimiter, skipinitialspace=True, strict=True)
        begin = 0  # where the record begins, counted from `first`
        try:
            for row in reader:
                yield first + begin + 1, row
                begin = reader.line_num
            return
        except csv.Error as error:
            first += begin + 1
            yield first, f'its double quotes do not pair ({error}): write "" for a quote inside of a quoted text.'


def _json_rows(text: str) -> Iterator[tuple[int, dict[str, str] | str]]:
    """Yield each line's number with its fields by name, or with what is wrong with it."""
    for number, line in enumerate(io.StringIO(text), start=1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except (json.JSONDecodeError, RecursionError):
            found = None
        if isinstance(found, dict):
            row = {_plain(name): str(value) for name, value in found.items() if value is not None}
            missing = next((name for name in ("picture", "text") if name not in row), None)
            yield number, f"it has no field {missing!r}: it needs picture and text." if missing else row
        else:
            yield number, "it is no JSON object: write one with picture and text."


def _job(folder: Path, line: int, row: dict[str, str] | str) -> Job:
    if isinstance(row, str):
        return Job(line, folder, "", fault=row)
    name, text, image_id = (row.get(column, "").strip() for column in ("picture", "text", "imageid"))
    fault = None
    if not name:
        fault = "its picture is empty: give a file's name."
    elif "\0" in name + text:
        fault = "it holds a NUL character: delete it, or save the table as UTF-8."
    else:
        fault = address_fault(name)
    if fault:
        return Job(line, folder, text, fault=fault)
    number = int(image_id) if _WHOLE_NUMBER.fullmatch(image_id) else image_id or None
    return Job(line, _picture(folder, name), text, number)


def _picture(folder: Path, name: str) -> Path:
    """Find the file of that name, whose folders may be separated as on Windows."""
    path = folder / name
    if "\\" in name and not os.path.exists(path):
        return folder / PureWindowsPath(name).as_posix()
    return path


def _plain(name: str) -> str:
    """Return a column's name without case, spaces and underscores."""
    return re.sub(r"[\s_]+", "", name).casefold()
