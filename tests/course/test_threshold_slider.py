import io

import numpy as np
import pytest
from PIL import Image

from grisq.course.threshold_slider import ThresholdSlider
from grisq.inference.segmenter import Segmenter


@pytest.fixture
def slider(mini, model, reader):
    rows = mini.rows("val")
    presence = np.linspace(0.05, 0.95, len(rows))[::-1].copy()
    segmenter = Segmenter(model, reader.tokenizer, device="cpu")
    return ThresholdSlider(segmenter, mini, rows, presence, np.full(len(rows), 0.5))


def test_it_starts_at_the_models_threshold_with_its_numbers(slider, mini):
    target = mini.target_counts[slider.rows] > 0
    said = slider.presence >= 0.5
    giou = np.where(target, 0.5 * said, ~said).mean()
    assert slider.threshold.value == 0.5
    assert slider.label.value.endswith(f"gIoU {100 * giou:.1f} %")
    assert slider.label.value.startswith(f"N-acc {100 * (~said)[~target].mean():.1f} %, T-acc ")


def test_the_expressions_closest_to_the_threshold_are_shown(slider):
    slider.threshold.value = 0.7
    shown = [slider.presence[list(slider.rows).index(row)] for row in slider.nearest]
    below, above = slider.presence[slider.presence < 0.7], slider.presence[slider.presence >= 0.7]
    assert shown == [*np.sort(below)[-2:], *np.sort(above)[:2]]


@pytest.mark.parametrize(("threshold", "shown"), [(0.0, 2), (1.0, 2)])
def test_at_the_ends_there_is_one_side_alone(slider, threshold, shown):
    slider.threshold.value = threshold
    assert len(slider.nearest) == shown


def test_moving_it_draws_another_picture(slider):
    before = slider.image.value
    slider.threshold.value = 0.9
    assert slider.image.value != before
    assert Image.open(io.BytesIO(slider.image.value)).width > 900
    slider.threshold.value = 0.5
    assert slider.image.value == before


def test_it_is_shown_alive_and_as_a_still_picture_on_paper(slider, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "grisq.course.threshold_slider.display", lambda bundle, **options: seen.append((bundle, options))
    )
    slider.threshold.value = 0.7
    slider.show()
    bundle, options = seen[0]
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert "at a threshold of 0.70" in bundle["text/plain"]
    assert slider.label.value in bundle["text/plain"]
    still, alive = (
        np.asarray(Image.open(io.BytesIO(each)).convert("RGB")) for each in (bundle["image/png"], slider.image.value)
    )
    assert np.abs(still.astype(int) - alive).mean() < 3
    assert options["metadata"]["image/png"]["alt"] == bundle["text/plain"]
