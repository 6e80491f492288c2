"""The demo in the browser: a finished folder with an `index.html`, copied beside the book's pages if there is one."""

import os
import shutil
from pathlib import Path

from grisq.runtime.errors import InputError

VARIABLE = "DEMO"  # of the environment: `make book DEMO=folder`


def demo_folder() -> Path | None:
    """Return the folder that the environment names, if any. Raises InputError if it holds no page."""
    if not (named := os.environ.get(VARIABLE)):
        return None
    folder = Path(named).expanduser().resolve()
    if not (folder / "index.html").is_file():
        raise InputError(f"{VARIABLE}={named} holds no index.html: name the folder that `grisq export --web` wrote.")
    return folder


def copy_demo(out: Path) -> None:
    """Put the demo under `demo/` of a built book, or take away that of an earlier build."""
    folder, place = demo_folder(), out / "demo"
    shutil.rmtree(place, ignore_errors=True)
    if folder:
        shutil.copytree(folder, place)


def demo_link() -> str:
    """Write the front page's paragraph about the demo as Markdown; nothing without a demo."""
    if demo_folder() is None:
        return ""
    link = '<a href="demo/index.html">Try the model in your browser</a>'
    return f'<p class="demo-link">{link}: it runs there, and nothing is sent anywhere.</p>'
