"""Names of files from somebody's annotations: whether they stay in their folder, and whether there is such a file."""

from pathlib import Path


def is_inside(name: str) -> bool:
    """Whether a name stays in the folder that it is relative to, on every system."""
    plain = name.replace("\\", "/")
    return bool(plain) and not plain.startswith("/") and plain[1:2] != ":" and ".." not in plain.split("/")


def is_file(path: Path) -> bool:
    """Whether there is such a file; False also for names that the system does not take."""
    try:
        return path.is_file()
    except (OSError, ValueError):  # too long, or with a NUL
        return False
