"""The fields of a configuration: what each takes in words, what it means, and how a value is read for it."""

import dataclasses
import math
import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec

from grisq.runtime.errors import InputError

_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


@dataclass(frozen=True)
class Setting:
    """One field of a configuration."""

    name: str  # dotted, as `--set` takes it
    takes: str  # its type in words
    value: object
    meaning: str


def settings_of(config: object, prefix: str = "") -> Iterator[Setting]:
    """Every field of a configuration and of those inside it, in the order of their definition."""
    for name, hint in field_hints(type(config)).items():
        value = getattr(config, name)
        if dataclasses.is_dataclass(hint):
            yield from settings_of(value, f"{prefix}{name}.")
        else:
            yield Setting(prefix + name, in_words(hint), value, meaning(hint))


def field_hints(cls: type) -> dict[str, object]:
    """The fields of a configuration dataclass with their annotated types."""
    return typing.get_type_hints(cls, include_extras=True) if dataclasses.is_dataclass(cls) else {}


def meaning(hint: object) -> str:
    """The text behind a field's type, "" where there is none."""
    return next((each for each in getattr(hint, "__metadata__", ()) if isinstance(each, str)), "")


def in_words(hint: object) -> str:
    """What a field of this type takes: "a whole number of at least 1", "one of full, quarter", ..."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        return in_words(arguments[0]) + "".join(map(_bounds, arguments[1:]))
    if origin in (typing.Union, types.UnionType):
        return " or ".join("none" if each is type(None) else in_words(each) for each in arguments)
    if origin is Literal:
        return "one of " + ", ".join(map(str, arguments))
    if origin is tuple and arguments[-1] is ...:
        return f"any number of {'whole ' if _bare(arguments[0]) is int else ''}numbers with commas between"
    if origin is tuple:
        return f"{len(arguments)} {'whole ' if _bare(arguments[0]) is int else ''}numbers with commas between"
    return _WORDS[hint]


def _bounds(meta: object) -> str:
    if not isinstance(meta, msgspec.Meta):
        return ""
    words = ""
    if meta.multiple_of is not None:
        words += f" divisible by {meta.multiple_of}"
    if meta.gt is not None:
        words += f" above {meta.gt}"
    if meta.ge is not None:
        words += f" of at least {meta.ge}"
    if meta.le is not None:
        words += f" and at most {meta.le}"
    if meta.lt is not None:
        words += f" and below {meta.lt}"
    return words


def read_value(value: object, hint: object, where: str) -> object:
    """A value as the type of its field.

    Args:
        value: of a matching type, or a string as a command line has it.
        hint: the field's annotated type.
        where: names the value in the error.

    Raises:
        InputError: the field does not take this value; the sentence says what it takes.
    """
    plain = value
    if isinstance(plain, str) and plain.lower() == "none" and type(None) in typing.get_args(_bare(hint)):
        plain = None
    elif isinstance(plain, str) and typing.get_origin(_bare(hint)) is tuple:
        plain = [part.strip() for part in plain.strip("()[] ").split(",") if part.strip()]
    wrong = InputError(f"{where} cannot be {value!r}: expected {in_words(hint)}.")
    try:
        read = msgspec.convert(plain, hint, strict=False)
    except msgspec.ValidationError:
        raise wrong from None
    numbers = read if isinstance(read, tuple) else (read,)
    if any(isinstance(each, float) and not math.isfinite(each) for each in numbers):
        raise wrong
    return read


def _bare(hint: object) -> object:
    """The type without its meaning."""
    return typing.get_args(hint)[0] if typing.get_origin(hint) is Annotated else hint
