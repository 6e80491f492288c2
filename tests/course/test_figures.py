import io

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from grisq.course import style
from grisq.course.figures import save, show
from grisq.course.source import show_source
from grisq.course.tiles import Tile, image_grid


@pytest.fixture(autouse=True)
def _style():
    style.use()
    yield
    plt.close("all")


def draw():
    figure, axis = plt.subplots(figsize=(3, 2))
    axis.bar(["a", "b"], [1, 2], hatch=["", "//"])
    return figure


def test_the_same_figure_gives_the_same_bytes(tmp_path):
    first, second = (save(draw(), "bars", tmp_path / name) for name in ("one", "two"))
    assert [path.suffix for path in first] == [".png", ".svg", ".pdf"]
    for one, other in zip(first, second):
        assert one.read_bytes() == other.read_bytes()


def test_a_shown_figure_carries_its_description(capsys, monkeypatch):
    seen = []
    monkeypatch.setattr("grisq.course.figures.display", lambda bundle, raw, metadata: seen.append((bundle, metadata)))
    figure = draw()
    show(figure, "Two bars, the second twice as high.")
    ((bundle, metadata),) = seen
    assert bundle["image/png"].startswith(b"\x89PNG")
    assert metadata == {"image/png": {"alt": "Two bars, the second twice as high."}}
    assert capsys.readouterr().out.strip() == "Two bars, the second twice as high."
    assert not plt.fignum_exists(figure.number)


def test_colors_of_titles_survive_beside_photographs(monkeypatch):
    """Blue must not come out as green: titles say with it whether the model is right."""
    seen = []
    monkeypatch.setattr("grisq.course.figures.display", lambda bundle, raw, metadata: seen.append(bundle["image/png"]))
    noise = np.random.default_rng(0).integers(0, 256, (150, 150, 3), dtype=np.uint8)
    show(
        image_grid([Tile(noise, "some words", color) for color in style.SCENARIO_COLORS.values()], 3),
        "Three tiles of noise.",
    )
    pixels = np.asarray(Image.open(io.BytesIO(seen[0])).convert("RGB")).astype(int)
    for color in style.SCENARIO_COLORS.values():
        assert np.abs(pixels - style.rgb(color)).max(-1).min() < 20, color


def test_scenarios_differ_by_more_than_color():
    for table in (style.SCENARIO_COLORS, style.SCENARIO_MARKERS, style.SCENARIO_HATCHES):
        assert len(set(table.values())) == 3


def test_source_is_the_packages_own():
    listing = show_source(save).data
    assert listing.startswith("`grisq.course.figures.save`\n```python\ndef save(")
    assert listing.endswith("```")


def test_colors_are_read_from_their_names():
    assert style.rgb("#0072B2") == (0, 114, 178)


def test_a_tint_lies_between_the_color_and_white():
    assert [style.tint("#0072B2", strength) for strength in (0, 0.5, 1)] == ["#FFFFFF", "#80B8D8", "#0072B2"]
