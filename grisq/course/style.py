"""One style for every figure: Okabe-Ito colors, which color-blind readers can distinguish, and byte-stable output."""

import matplotlib as mpl
from PIL import ImageColor

OKABE_ITO = {
    "black": "#000000",
    "orange": "#E69F00",
    "sky blue": "#56B4E9",
    "bluish green": "#009E73",
    "yellow": "#F0E442",
    "blue": "#0072B2",
    "vermillion": "#D55E00",
    "reddish purple": "#CC79A7",
}
# A scenario has one color, marker and hatching everywhere, so no figure depends on color alone. These three colors mean
# nothing else.
SCENARIO_COLORS = {
    "no-target": OKABE_ITO["vermillion"],
    "single-target": OKABE_ITO["blue"],
    "multi-target": OKABE_ITO["bluish green"],
}
SCENARIO_MARKERS = {"no-target": "X", "single-target": "o", "multi-target": "s"}
SCENARIO_HATCHES = {"no-target": "xx", "single-target": "", "multi-target": "//"}
# Colors of bars and lines that are about anything else: splits, metrics, protocols, parts of a model.
OTHER_COLORS = tuple(OKABE_ITO[name] for name in ("sky blue", "reddish purple", "yellow", "orange", "black"))
# Color and line of each metric that is drawn as a curve, the same in every notebook.
METRIC_STYLES = {
    "gIoU": {"color": OKABE_ITO["black"], "linestyle": "-"},
    "cIoU": {"color": OKABE_ITO["orange"], "linestyle": "--"},
    "N-acc": {"color": OKABE_ITO["sky blue"], "linestyle": "-."},
    "T-acc": {"color": OKABE_ITO["reddish purple"], "linestyle": ":"},
}
# Color and marker of each attention head. Five colors are left besides those of the scenarios; grays are the others.
HEAD_STYLES = tuple(
    zip(
        [OKABE_ITO[name] for name in ("orange", "sky blue", "reddish purple", "black", "yellow")]
        + ["#7F7F7F", "#4D4D4D", "#B3B3B3"],
        "os^DvpPh",
    )
)


def use() -> None:
    """Set matplotlib's defaults for the whole session."""
    mpl.rcParams.update(
        {
            "figure.dpi": 100,
            "savefig.dpi": 150,
            "figure.constrained_layout.use": True,
            "font.size": 10,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.prop_cycle": mpl.cycler(color=OTHER_COLORS),
            "hatch.linewidth": 0.6,
            "image.interpolation": "none",  # SVG and PDF hold a picture's own pixels, not enlarged ones
            "svg.hashsalt": "grisq",  # element ids that do not change from run to run
            "svg.fonttype": "none",  # text stays text: searchable, readable by screen readers
            "pdf.fonttype": 42,
        }
    )


def rgb(color: str) -> tuple[int, int, int]:
    """Convert #RRGGBB to three numbers from 0 to 255."""
    return ImageColor.getrgb(color)


def tint(color: str, strength: float) -> str:
    """Mix #RRGGBB with white, to #RRGGBB; a strength of 1 leaves it as it is."""
    return "#" + "".join(f"{round(255 - strength * (255 - channel)):02X}" for channel in rgb(color))
