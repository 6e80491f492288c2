"""`grisq settings`: every setting of a preset with its type, value and meaning."""

import json
from typing import Annotated

import typer


def settings(
    preset: Annotated[str, typer.Argument(help="The preset whose values are listed.")] = "tiny",
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list instead of text.")] = False,
) -> None:
    """List every setting: its value, what it takes and what it means. A star marks values that differ from `paper`.

    Change one with --set NAME=VALUE in the commands that train.
    """
    from grisq import config

    listed = list(config.settings_of(config.preset(preset)))
    paper = {each.name: each.value for each in config.settings_of(config.preset("paper"))}
    if as_json:
        lines = [vars(each) | {"differs_from_paper": each.value != paper[each.name]} for each in listed]
        print(json.dumps(lines, indent=1))
        return
    for each in listed:
        star = "*" if each.value != paper[each.name] else " "
        print(f"{star} {each.name} = {_as_typed(each.value)}")
        print(f"    {each.meaning} ({each.takes})")


def _as_typed(value: object) -> str:
    """A value as `--set` takes it."""
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)
