"""A drawing in SVG: text stays text, in generic font families, and the same drawing gives the same bytes."""

import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

import matplotlib
import resvg_py
from PIL import Image

from grisq.course import svg
from grisq.runtime.files import atomic_file, write_text
from grisq.runtime.paths import FIGURES

# matplotlib brings these fonts along, so a picture is the same where the system has others.
FONTS = Path(matplotlib.get_data_path(), "fonts", "ttf")
_FAMILIES = {"sans_serif": "DejaVu Sans", "serif": "DejaVu Serif", "monospace": "DejaVu Sans Mono"}
_FILES = ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSerif", "DejaVuSerif-Italic", "DejaVuSansMono")


@dataclass(frozen=True)
class Drawing:
    """A finished drawing, which Jupyter shows as a picture with its alternative text.

    It is shown as PNG: JupyterLab puts SVG into a page without alternative text and without links, and not at all
    before it trusts a notebook.
    """

    svg: str
    alt: str
    width: int  # units, which are pixels at its natural size

    def png(self, zoom: float = 2) -> bytes:
        """Render it with the fonts that matplotlib brings along, with 256 colors.

        Args:
            zoom: pixels for each unit.
        """
        rendered = resvg_py.svg_to_bytes(
            svg_string=self.svg,
            zoom=zoom,
            background="#FFFFFF",
            skip_system_fonts=True,
            font_files=[str(FONTS / f"{name}.ttf") for name in _FILES],
            **{f"{generic}_family": family for generic, family in _FAMILIES.items()},
        )
        small = io.BytesIO()
        picture = Image.open(io.BytesIO(bytes(rendered))).convert("RGB")
        picture.quantize(256, Image.Quantize.MAXCOVERAGE).save(small, "png", optimize=True)
        return small.getvalue()

    def save(self, name: str, folder: Path = FIGURES) -> list[Path]:
        """Write name.svg and name.png and return their paths; the same drawing gives the same bytes."""
        paths = [folder / f"{name}.svg", folder / f"{name}.png"]
        write_text(paths[0], self.svg)
        with atomic_file(paths[1]) as partial:
            partial.write_bytes(self.png())
        return paths

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> tuple[dict, dict]:
        return {"image/png": self.png(), "text/plain": self.alt}, {"image/png": {"alt": self.alt, "width": self.width}}


def card(size: tuple[int, int], body: Iterable[str], *, title: str, description: str, linked: bool) -> str:
    """Put elements on a white card, which stays white where a page is dark.

    Args:
        size: width and height, units.
        body: the elements, the lowest first.
        title: its accessible name.
        description: what a screen reader can read further.
        linked: whether it holds links; a screen reader would not find them in what calls itself one picture.
    """
    width, height = size
    role = "group" if linked else "img"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
            f'height="{height}" role="{role}" {svg.TEXT}>',
            f"<title>{escape(title)}</title>",
            f"<desc>{escape(description)}</desc>",
            svg.rectangle((0.5, 0.5, width - 1, height - 1), fill="#FFFFFF", stroke="#CCCCCC", radius=8),
            *filter(None, body),
            "</svg>\n",
        ]
    )
