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


def stored(figure, monkeypatch):
    """The figure as drawn, and as the notebook stores it: (H, W, 3) each."""
    seen, whole = [], io.BytesIO()
    figure.savefig(whole, format="png", dpi=figure.dpi)
    monkeypatch.setattr("grisq.course.figures.display", lambda bundle, raw, metadata: seen.append(bundle["image/png"]))
    show(figure, "A figure as it is stored.")
    return [np.asarray(Image.open(each).convert("RGB")).astype(int) for each in (whole, io.BytesIO(seen[0]))]


def test_white_and_the_colors_of_titles_survive_beside_photographs(monkeypatch):
    """Blue must not come out as green: titles tell kinds apart with it."""
    noise = np.random.default_rng(0).integers(0, 256, (150, 150, 3), dtype=np.uint8)
    grid = image_grid([Tile(noise, "some words", color) for color in style.SCENARIO_COLORS.values()], 3)
    _, pixels = stored(grid, monkeypatch)
    assert (pixels[0] == 255).all()
    for color in style.SCENARIO_COLORS.values():
        assert (pixels == style.rgb(color)).all(-1).any(), color


def test_few_colors_are_kept_as_they_are(monkeypatch):
    drawn, pixels = stored(draw(), monkeypatch)
    assert len(np.unique(drawn.reshape(-1, 3), axis=0)) <= 256
    assert np.array_equal(pixels, drawn)


def test_many_colors_are_hardly_changed(monkeypatch):
    """A picture with smooth transitions, where a small palette would show as bands."""
    y, x = np.mgrid[:150, :150] / 149
    smooth = (255 * np.stack([x, 0.5 + 0 * x, y], -1)).astype(np.uint8)
    drawn, pixels = stored(image_grid([Tile(smooth, "words")], 1), monkeypatch)
    assert len(np.unique(drawn.reshape(-1, 3), axis=0)) > 5000
    assert np.quantile(np.abs(pixels - drawn).max(-1), 0.99) <= 16


def test_scenarios_differ_by_more_than_color():
    for table in (style.SCENARIO_COLORS, style.SCENARIO_MARKERS, style.SCENARIO_HATCHES):
        assert len(set(table.values())) == 3


def test_source_is_the_packages_own():
    listing = show_source(save).data
    assert listing.startswith("`grisq.course.figures.save`\n```python\ndef save(")
    assert listing.endswith("```")
    folded = show_source(save, folded=True).data
    assert folded.startswith(
        "<details><summary><code>grisq.course.figures.save</code></summary>\n\n```python\ndef save("
    )
    assert folded.endswith("```\n\n</details>")  # blank lines, or the listing would not be read as Markdown


def test_the_colors_of_scenarios_mean_nothing_else():
    others = {*style.OTHER_COLORS, *(color for color, _ in style.HEAD_STYLES)}
    others |= {look["color"] for look in style.METRIC_STYLES.values()}
    assert not others & set(style.SCENARIO_COLORS.values())
    assert len(set(style.HEAD_STYLES)) == len({color for color, _ in style.HEAD_STYLES}) == 8


def test_colors_are_read_from_their_names():
    assert style.rgb("#0072B2") == (0, 114, 178)


def test_a_tint_lies_between_the_color_and_white():
    assert [style.tint("#0072B2", strength) for strength in (0, 0.5, 1)] == ["#FFFFFF", "#80B8D8", "#0072B2"]
