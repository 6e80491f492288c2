"""The package's own code shown in a notebook, so that what is read is what runs."""

import inspect
import textwrap

from IPython.display import Markdown


def show_source(thing: object, *, folded: bool = False) -> Markdown:
    """Show the source of a class, function or module as a listing, under its full name.

    nbval compares the listing with the committed one, so a notebook whose text explains old code fails.

    Args:
        thing: what to show.
        folded: whether the listing opens on a click alone, for a long one that the text does without.
    """
    module = inspect.getmodule(thing)
    name = getattr(thing, "__qualname__", "")
    where = f"{module.__name__}.{name}" if name else module.__name__
    listing = f"```python\n{textwrap.dedent(inspect.getsource(thing)).rstrip()}\n```"
    if folded:
        return Markdown(f"<details><summary><code>{where}</code></summary>\n\n{listing}\n\n</details>")
    return Markdown(f"`{where}`\n{listing}")
