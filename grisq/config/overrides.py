"""Configurations as plain dicts and back, and single settings changed by their dotted name."""

import copy
import dataclasses
from typing import TypeVar

from grisq.config.fields import field_hints, read_value
from grisq.config.schema import ModelConfig, Preset
from grisq.config.systems import settings_of_system
from grisq.runtime.errors import InputError

Config = TypeVar("Config")

# Settings of older versions, so that what was stored with them still loads.
_MOVED = {"train.lambda_minimap": "model.rela.lambda_minimap"}
_REMOVED = {  # with the value that the code now always has
    "model.mask_mlp_layers": 3,
    "model.smoothing": False,
    "model.presence_without_query": "pooled",
}
_PREFIXES = {Preset: "", ModelConfig: "model."}  # of a class's fields in these names


def to_dict(config: object) -> dict:
    """Nested plain dict of any configuration dataclass, ready for JSON."""
    return dataclasses.asdict(config)


def from_dict(cls: type[Config], values: dict, where: str = "configuration") -> Config:
    """Rebuild a configuration from the form of `to_dict`, or from JSON, also from an older version's.

    Args:
        cls: the configuration dataclass to build.
        values: its fields; those with a default may be left out.
        where: what the values are, for error messages.

    Raises:
        InputError: a field is unknown, missing, or has a value that it does not take.
    """
    return _build(cls, _updated(cls, values), where)


def _build(cls: type[Config], values: object, where: str) -> Config:
    hints = field_hints(cls)
    if not isinstance(values, dict):
        raise InputError(f"{where} cannot be {values!r}: it is a group with the fields {', '.join(hints)}.")
    built = {}
    for name, value in values.items():
        if name not in hints:
            raise InputError(f"{where} has no field {name!r}: it has {', '.join(hints)}.")
        build = _build if dataclasses.is_dataclass(hints[name]) else None
        at = f"{where}.{name}"
        built[name] = build(hints[name], value, at) if build else read_value(value, hints[name], at)
    for each in dataclasses.fields(cls):
        required = each.default is each.default_factory is dataclasses.MISSING
        if required and each.name not in built:
            raise InputError(f"{where} lacks the field {each.name!r}: it has {', '.join(hints)}.")
    return cls(**built)


def _updated(cls: type, values: dict) -> dict:
    """Stored values of an older version as this version has them."""
    prefix, values = _PREFIXES.get(cls), copy.deepcopy(values)
    if prefix is None or not isinstance(values, dict):
        return values
    for old, new in _MOVED.items():
        if old.startswith(prefix) and (found := _parent(values, old.removeprefix(prefix))) is not None:
            *above, last = new.removeprefix(prefix).split(".")
            place = values
            for group in above:
                place = place.setdefault(group, {})
            place.setdefault(last, found.pop(old.rpartition(".")[2]))
    for old, always in _REMOVED.items():
        if old.startswith(prefix) and (found := _parent(values, old.removeprefix(prefix))) is not None:
            value = found.pop(old.rpartition(".")[2])
            if value != always:
                raise InputError(
                    f"The stored setting {old} is {value!r}, and this version always has {always!r}: use the version "
                    "of grisq that stored it."
                )
    return values


def _parent(values: object, path: str) -> dict | None:
    """The dict that holds the last name of a dotted path, None if there is none."""
    *above, last = path.split(".")
    for name in above:
        values = values.get(name) if isinstance(values, dict) else None
    return values if isinstance(values, dict) and last in values else None


def flat(values: dict, prefix: str = "") -> dict:
    """Nested dicts as one, with dotted names; tuples become lists, as in JSON."""
    found = {}
    for key, value in values.items():
        if isinstance(value, dict):
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[prefix + key] = list(value) if isinstance(value, tuple) else value
    return found


def override(config: Config, changes: dict[str, object]) -> Config:
    """A copy with fields replaced by dotted name: `override(preset, {"model.plurality": False})`.

    Values may be strings, as a command line gives them; they are read as the type of the field. With `model.system`
    a preset also takes the sizes and losses of that system (see `grisq.config.systems`), which other changes then
    change.
    Raises: InputError that names the setting and what it takes.
    """
    if isinstance(config, Preset):
        changes = {**settings_of_system(config.name, str(changes.get("model.system"))), **changes}
    for name, value in changes.items():
        config = _replace(config, name.split("."), value, name)
    return config


def _replace(config: Config, path: list[str], value: object, full_name: str) -> Config:
    hints = field_hints(type(config))
    head, *rest = path
    if head not in hints:
        raise InputError(_unknown(full_name, head, hints))
    if rest:
        value = _replace(getattr(config, head), rest, value, full_name)
    elif dataclasses.is_dataclass(hints[head]):  # a whole group, as a system's sizes are
        if not isinstance(value, hints[head]):
            names = ", ".join(f"{full_name}.{each}" for each in field_hints(hints[head]))
            raise InputError(f"Setting {full_name} is a group: set one of {names}.")
    else:
        value = read_value(value, hints[head], f"Setting {full_name}")
    return dataclasses.replace(config, **{head: value})


def _unknown(full_name: str, head: str, hints: dict) -> str:
    if full_name in _MOVED:
        return f"There is no setting {full_name!r}: it is called {_MOVED[full_name]} now."
    if full_name in _REMOVED:
        return f"There is no setting {full_name!r} any more: it is always {_REMOVED[full_name]!r}."
    known = f"{head!r} is not one of {', '.join(hints)}" if hints else f"{head!r} stands below a single value"
    return f"There is no setting {full_name!r}: {known}. grisq settings lists all of them."
