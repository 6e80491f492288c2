"""The drawing of the whole model can be read: nothing overlaps, and text is large and dark enough."""

import itertools
import re
from xml.etree import ElementTree

from PIL import ImageFont

from grisq.course import drawing, fig2, svg
from grisq.course.architecture import IN_FIGURES, architecture
from grisq.course.fig2 import ARROWS, BOXES, PARTS
from grisq.course.shapes import shapes_of

SPACE = "{http://www.w3.org/2000/svg}"
FONTS = {"sans-serif": "DejaVuSans", "serif": "DejaVuSerif-Italic", "monospace": "DejaVuSansMono"}


def lines_of_boxes(drawn):
    """The lines of text in each box, by its name; they are found by where they stand."""
    texts = measured(drawn)
    return {name: [line for line, extent in texts if within(extent, box.place)] for name, box in BOXES.items()}


def within(extent, place):
    x, y, width, height = place
    return x <= extent[0] and extent[2] <= x + width and y <= extent[1] and extent[3] <= y + height


def measured(drawn):
    """(text, (left, top, right, bottom)) of every line of text, in the fonts of the PNG."""
    found = []
    for line in ElementTree.fromstring(drawn.svg).iter(f"{SPACE}text"):
        bold, family = line.get("font-weight"), line.get("font-family", "sans-serif")
        size = float(line.get("font-size", svg.SMALLEST))
        width = text_width(line.text or "", family, size, bold)
        for run in line.iter():
            if run is not line:
                run_family, run_size = run.get("font-family", family), float(run.get("font-size", size))
                width += text_width(run.text or "", run_family, run_size, bold)
                width += text_width(run.tail or "", family, size, bold)
        x, y = float(line.get("x")), float(line.get("y"))
        left = x - {"start": 0, "middle": width / 2, "end": width}[line.get("text-anchor")]
        found.append(("".join(line.itertext()), (left, y - 9, left + width, y + 2)))
    return found


def text_width(content, family, size, bold):
    path = drawing.FONTS / f"{FONTS[family]}{'-Bold' if bold and family == 'sans-serif' else ''}.ttf"
    return ImageFont.truetype(str(path), 100).getlength(content.replace("\u200b", "")) * size / 100


def test_drawn_shapes_are_those_of_the_forward_pass():
    for name, lines in lines_of_boxes(architecture()).items():
        if tensor := BOXES[name].tensor:
            shapes = ["×".join(map(str, shapes_of(size)[tensor])) for size in ("paper", "tiny")]
            drawn = re.findall(r"[\d×]+", " ".join(lines[len(BOXES[name].lines) :]))
            assert drawn == list(dict.fromkeys(shapes)), name


def test_every_line_of_a_box_fits_into_it():
    drawn = lines_of_boxes(architecture(links=IN_FIGURES))
    for name, box in BOXES.items():
        assert len(drawn[name]) >= len(box.lines) + bool(box.tensor), (name, drawn[name])


def test_no_text_touches_another_and_all_of_it_is_on_the_card():
    texts = measured(architecture())
    for (one, a), (other, b) in itertools.combinations(texts, 2):
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1], (one, other)
    assert all(within(extent, (0, 0, *fig2.SIZE)) for _, extent in texts)


def test_titles_stay_in_their_frames():
    texts = dict(measured(architecture(links=IN_FIGURES)))
    for part in PARTS.values():
        for line in (part.title, part.code.split(".")[-1]):
            assert within(texts[line], part.frame), line


def overlapping(a, b):
    return a[0] < b[0] + b[2] and b[0] < a[0] + a[2] and a[1] < b[1] + b[3] and b[1] < a[1] + a[3]


def test_boxes_and_frames_do_not_overlap():
    for (one, a), (other, b) in itertools.combinations(BOXES.items(), 2):
        assert not overlapping(a.place, b.place), (one, other)
    for (one, a), (other, b) in itertools.combinations(PARTS.items(), 2):
        assert not overlapping(a.frame, b.frame), (one, other)


def ways():
    """(arrow, its pieces, each a flat box) of every arrow."""
    for arrow in ARROWS:
        places = [BOXES[name].place if name in BOXES else PARTS[name].frame for name in (arrow.start, arrow.end)]
        points = svg.way(*places, arrow.corners)
        pieces = []
        for (x, y), (u, v) in itertools.pairwise(points):
            assert x == u or y == v, arrow  # straight
            pieces.append((min(x, u), min(y, v), abs(x - u), abs(y - v)))
        yield arrow, pieces


def crossing(a, b):
    """Whether two flat boxes have a point in common."""
    return a[0] <= b[0] + b[2] and b[0] <= a[0] + a[2] and a[1] <= b[1] + b[3] and b[1] <= a[1] + a[3]


def test_arrows_cross_no_box_no_text_and_no_other_arrow():
    drawn = list(ways())
    texts = [
        (line, (left, top, right - left, bottom - top)) for line, (left, top, right, bottom) in measured(architecture())
    ]
    for arrow, pieces in drawn:
        for name, box in BOXES.items():
            if name not in (arrow.start, arrow.end):
                assert not any(crossing(piece, box.place) for piece in pieces), (arrow, name)
        for line, place in texts:
            assert not any(crossing(piece, place) for piece in pieces), (arrow, line)
    for (one, pieces), (other, others) in itertools.combinations(drawn, 2):
        if one.start != other.start:  # those of one box may share a stretch
            assert not any(crossing(a, b) for a, b in itertools.product(pieces, others)), (one, other)


def test_text_is_large_enough_in_a_readme():
    """At least 11 pixels where the drawing is 800 pixels wide."""
    sizes = [float(size) for size in re.findall(r'font-size="([\d.]+)"', architecture().svg)]
    assert min(sizes) * 800 / fig2.SIZE[0] >= 11


def luminance(color):
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_text_stands_out_from_every_fill():
    """WCAG's contrast of at least 4.5 to 1."""
    fills = set(re.findall(r'<rect [^>]*fill="(#\w{6})"', architecture().svg))
    assert len(fills) == 6  # four kinds, frames, the card and what is white on it
    for fill, ink in itertools.product(fills, (svg.INK, svg.FAINT)):
        assert (luminance(fill) + 0.05) / (luminance(ink) + 0.05) >= 4.5, (fill, ink)
