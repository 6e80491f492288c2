"""Folders of installed Python packages, found without importing them."""

from importlib.util import find_spec
from pathlib import Path


def package_folder(name: str) -> Path | None:
    """Find the folder of an installed package; None if it is not installed or is a single file."""
    spec = find_spec(name) if name.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0])
