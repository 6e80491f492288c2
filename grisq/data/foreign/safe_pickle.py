"""Pickles of plain values, read without running anything.

A pickle is a program: it may name any function of any module and call it. The data sets of referring segmentation are
published as pickles of lists, dicts, texts and numbers, which need no such thing. So the file is first read as a list
of instructions, and one that does more than build such values is refused before any of it is carried out.
"""

import io
import pickle
import pickletools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from grisq.runtime.errors import InputError
from grisq.runtime.files import read_bytes

# Instructions that build plain values. None of them looks up a name, calls something, or reserves memory by itself.
# fmt: off
_PLAIN = frozenset({
    "PROTO", "FRAME", "STOP", "MARK", "POP", "POP_MARK", "NONE", "NEWTRUE", "NEWFALSE", "INT", "BININT",
    "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING", "BINSTRING",
    "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "EMPTY_LIST", "LIST",
    "APPEND", "APPENDS", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_DICT", "DICT", "SETITEM",
    "SETITEMS", "PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE", "GET", "BINGET", "LONG_BINGET",
})
# fmt: on
_NAMES = ("GLOBAL", "INST")  # instructions with a name in them
_INSTRUCTIONS = {each.code.encode("latin-1"): each for each in pickletools.opcodes}
_STORES = ("PUT", "LONG_BINPUT")  # into a numbered place; the reader makes room for all places up to it


class _PlainValues(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:  # never reached; a second lock on the same door
        raise pickle.UnpicklingError(f"it names {module}.{name}")


def read_plain_pickle(path: Path) -> Any:
    """Read a pickle of lists, tuples, dicts, texts and numbers; texts of Python 2 are UTF-8, or else Latin-1.

    Raises:
        InputError: the file is missing or damaged, or it holds anything else, which is never carried out.
    """
    content = read_bytes(path)
    _check(content, path)
    for encoding in ("utf-8", "latin-1"):
        try:
            return _PlainValues(io.BytesIO(content), encoding=encoding).load()
        except UnicodeDecodeError:
            continue
        except Exception as error:  # a damaged file can fail in any way
            raise _damaged(path, error) from None
    raise InputError(f"{path} is damaged (a text cannot be read): download it again.")


def _check(content: bytes, path: Path) -> None:
    """Raise InputError if one of the instructions does more than build a plain value."""
    try:
        for name, argument, place in _instructions(content):
            if name not in _PLAIN:
                what = f"names {argument.replace(' ', '.')}" if name in _NAMES else f"has the instruction {name}"
                raise InputError(
                    f"{path} is refused: it {what} (byte {place:,}), which could run a program, and a data set holds "
                    "lists, dicts, texts and numbers alone; save these instead, or ask its authors to."
                )
            if name in _STORES and argument > len(content):
                raise InputError(f"{path} is damaged (byte {place:,}): download it again.")
    except (ValueError, IndexError) as error:
        raise _damaged(path, error) from None


def _instructions(content: bytes) -> Iterator[tuple[str, Any, int]]:
    """Name, argument and place of each. As `pickletools.genops`, which refuses Python 2's texts beyond ASCII."""
    stream = io.BytesIO(content)
    name = ""
    while name != "STOP":
        place = stream.tell()
        instruction = _INSTRUCTIONS.get(stream.read(1))
        if instruction is None:
            raise ValueError(f"byte {place:,} is not an instruction")
        name = instruction.name
        if name == "STRING":
            argument = stream.readline()
        else:
            argument = None if instruction.arg is None else instruction.arg.reader(stream)
        yield name, argument, place


def _damaged(path: Path, error: Exception) -> InputError:
    return InputError(f"{path} is not a pickle, or it is damaged ({error}): download it again.")
