"""Options that several commands take, and functions that read their text."""

from pathlib import Path
from typing import Annotated

import typer

from grisq.runtime.errors import InputError

PresetOption = Annotated[
    str, typer.Option("--preset", "-p", help="tiny (laptop), pretrained-tiny (photographs), small (one GPU) or paper.")
]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", "-s", help="Change one setting, e.g. train.steps=100; repeatable.")
]
DataOption = Annotated[
    Path | None, typer.Option("--data", "-d", help="Folder in gRefCOCO's layout; default: the preset's synthetic set.")
]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")]
RayOption = Annotated[
    int | None,
    typer.Option(min=1, help="Workers on a Ray cluster, or on this machine; a worker that dies costs its part alone."),
]
ProcessesOption = Annotated[
    int, typer.Option(min=1, help="Processes on this machine that share the work: one for each GPU.")
]


def read_settings(pairs: list[str] | None) -> dict[str, str]:
    """Read the name=value pairs of `--set`. Raises InputError for one without a value."""
    settings = {}
    for pair in pairs or []:
        name, equals, value = pair.partition("=")
        if not equals:
            raise InputError(f"--set takes name=value, for example train.steps=100, not {pair!r}.")
        settings[name] = value
    return settings


def read_numbers(text: str) -> list[int]:
    """Read seeds such as "0,1,2". Raises InputError for what is not a whole number."""
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise InputError(f"--seeds takes whole numbers separated by commas, such as 0,1,2, not {text!r}.") from None
