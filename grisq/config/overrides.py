"""Configurations as plain dicts and back, and single settings changed by their dotted name."""

import dataclasses
import types
import typing
from typing import Literal

from grisq.runtime.errors import InputError


def to_dict(config: object) -> dict:
    """Nested plain dict of any configuration dataclass, ready for JSON."""
    return dataclasses.asdict(config)


def from_dict(kind: type, values: dict, where: str = "configuration"):
    """Rebuild a configuration dataclass from `to_dict`'s form (or from JSON, where tuples are lists).

    Errors: InputError naming an unknown field.
    """
    hints = typing.get_type_hints(kind)
    unknown = sorted(set(values) - set(hints))
    if unknown:
        raise InputError(f"{where} has no field {unknown[0]!r}: it knows {', '.join(sorted(hints))}.")
    built = {}
    for name, value in values.items():
        if dataclasses.is_dataclass(hints[name]):
            value = from_dict(hints[name], value, f"{where}.{name}")
        elif isinstance(value, list):
            value = tuple(value)
        built[name] = value
    return kind(**built)


def flat(values: dict, prefix: str = "") -> dict:
    """Nested dicts as one, with dotted names; tuples become lists, as in JSON."""
    found = {}
    for key, value in values.items():
        if isinstance(value, dict):
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[prefix + key] = list(value) if isinstance(value, tuple) else value
    return found


def override(config, changes: dict[str, object]):
    """A copy with fields replaced by dotted name: `override(preset, {"model.plurality": False})`.

    Values may be strings, as a command line gives them; they are read as the type of the field.
    Errors: InputError naming the field and what it takes.
    """
    for name, value in changes.items():
        config = _replace(config, name.split("."), value, name)
    return config


def _replace(config, path: list[str], value, full_name: str):
    hints = typing.get_type_hints(type(config))
    head, *rest = path
    if head not in hints:
        raise InputError(f"There is no setting {full_name!r}: {head!r} is not one of {', '.join(hints)}.")
    if rest:
        return dataclasses.replace(config, **{head: _replace(getattr(config, head), rest, value, full_name)})
    if isinstance(value, str):
        value = _read(value, hints[head], full_name)
    return dataclasses.replace(config, **{head: value})


def _read(text: str, hint, name: str):
    """`text` as the type `hint`: bool, int, float, str, tuple of int or float, Literal, or one of these or None."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        if text.lower() == "none":
            return None
        hint = next(kind for kind in arguments if kind is not type(None))
    if origin is Literal:
        choices = {str(choice): choice for choice in arguments}
        if text not in choices:
            raise InputError(f"Setting {name} cannot be {text!r}: choose one of {', '.join(choices)}.")
        return choices[text]
    fixed = origin is tuple and arguments[-1] is not Ellipsis
    takes = getattr(hint, "__name__", hint)
    if origin is tuple:
        takes = f"{len(arguments) if fixed else 'a few'} numbers with a comma between"
    try:
        if hint is bool:
            return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}[text.lower()]
        if origin is tuple:
            parts = [arguments[0](part) for part in text.strip("()[]").split(",") if part.strip()]
            if fixed and len(parts) != len(arguments):
                raise ValueError(text)
            return tuple(parts)
        return hint(text)
    except (KeyError, ValueError, TypeError):
        raise InputError(f"Setting {name} cannot be {text!r}: it takes {takes}.") from None
