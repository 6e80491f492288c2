"""Where a picture lies whose name was written on another system: separators, addresses, accents, endings."""

import os
import unicodedata
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path, PurePosixPath
from urllib.parse import parse_qs, unquote, urlsplit

from grisq.data.inspection.safe_paths import is_file, is_inside
from grisq.runtime.errors import InputError

_SHOWN = 100  # letters of a name in a sentence


class PictureFolder:
    """A folder of pictures, searched by the names in an annotation file."""

    def __init__(self, folder: Path):
        if not folder.is_dir():
            raise InputError(f"There is no folder {folder}: give the one that holds the pictures.")
        self.folder = folder

    def find(self, name: str) -> str | None:
        """The picture's path relative to the folder, with /, or None if it is not there or more than one may be meant.

        Tried in turn: the name as it is; with / and unquoted; without an address, a drive or the folder's own name;
        the same without regard to case and to the form of accents; the last part alone, if one file has it.
        """
        spellings = list(dict.fromkeys(self._spellings(name)))
        for spelling in spellings:
            if is_inside(spelling) and is_file(self.folder / spelling):
                return PurePosixPath(spelling).as_posix()
        for spelling in spellings:
            if found := self._one(self._by_path.get(_fold(spelling))):
                return found
        for spelling in spellings:
            if found := self._one(self._by_last_part.get(_fold(spelling.rpartition("/")[2]))):
                return found
        return None

    def describe_missing(self, name: str, count: int, total: int) -> str:
        """Say of a name that was not found what was looked for, and what lies in the folder."""
        last = list(self._spellings(name))[-1].rpartition("/")[2]
        same = self._by_last_part.get(_fold(last), [])
        if len(same) > 1:
            more = " among them" if len(same) > 2 else ""
            there = f"{self.folder} has {len(same)} files of that name, {same[0]} and {same[1]}{more}"
        elif self._files:
            there = f"{self.folder} holds {len(self._files):,} files, for example {_short(self._files[0])}"
        else:
            there = f"{self.folder} holds no files"
        others = f", and so {'is 1 other' if count == 2 else f'are {count - 1:,} others'} of {total:,}"
        also = f"; nor is there '{_short(last)}' below it" if last != name and not same else ""
        return (
            f"The picture {self.folder / _short(name)} is missing{others if count > 1 else ''}{also}. {there}: give "
            "the folder that 'file_name' is relative to."
        )

    def _spellings(self, name: str) -> Iterator[str]:
        """The name, then ever freer readings of it."""
        yield name
        plain = name.replace("\\", "/")
        yield plain
        yield unquote(plain)
        address = urlsplit(plain) if "?" in plain or "://" in plain else None
        for text in [*(parse_qs(address.query).get("d", []) if address else []), address.path if address else plain]:
            text = unquote(text).replace("\\", "/")
            text = text[2:] if text[1:2] == ":" else text
            text = text.lstrip("/").removeprefix("./")
            yield text
            yield text.removeprefix(f"{self.folder.resolve().name}/")

    @staticmethod
    def _one(found: list[str] | None) -> str | None:
        return found[0] if found and len(found) == 1 else None

    @cached_property
    def _files(self) -> list[str]:
        return sorted(
            Path(folder, file).relative_to(self.folder).as_posix()
            for folder, _, files in os.walk(self.folder, followlinks=True)
            for file in files
        )

    @cached_property
    def _by_path(self) -> dict[str, list[str]]:
        return _grouped(self._files, _fold)

    @cached_property
    def _by_last_part(self) -> dict[str, list[str]]:
        return _grouped(self._files, lambda file: _fold(file.rpartition("/")[2]))


def _grouped(files: list[str], key) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for file in files:
        groups.setdefault(key(file), []).append(file)
    return groups


def _fold(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _short(name: str) -> str:
    return name if len(name) <= _SHOWN else f"{name[:_SHOWN]}..."
