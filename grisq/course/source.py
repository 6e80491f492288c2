"""The package's own code shown in a notebook, so that what is read is what runs."""

import inspect
import textwrap

from IPython.display import Markdown


def show_source(thing: object) -> Markdown:
    """Show the source of a class, function or module as a listing, under its full name.

    nbval compares the listing with the committed one, so a notebook whose text explains old code fails.
    """
    module = inspect.getmodule(thing)
    name = getattr(thing, "__qualname__", "")
    where = f"{module.__name__}.{name}" if name else module.__name__
    return Markdown(f"`{where}`\n```python\n{textwrap.dedent(inspect.getsource(thing)).rstrip()}\n```")
