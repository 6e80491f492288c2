"""The moving picture of notebook 00: each answer stands as the model gave it, and words appear one by one before it."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from grisq.course.demo_animation import HOLD, TYPE, answer_figure, save_demo_animation
from grisq.course.verdict import color_of
from grisq.inference.overlay import overlay
from grisq.inference.prediction import Prediction
from grisq.runtime.errors import InputError


@pytest.fixture
def answers():
    picture, mask = Image.new("RGB", (40, 30), "gray"), np.zeros((30, 40), bool)
    mask[5:15, 5:20] = True
    return [
        Prediction(picture, "two red dogs", mask, mask, 0.9, 0.7),
        Prediction(picture, "cat", np.zeros_like(mask), mask, 0.2, 0.6),
    ]


def test_every_answer_stands_and_every_word_is_typed(answers, tmp_path):
    path = tmp_path / "new" / "demo.gif"
    frames = save_demo_animation(answers, path)
    with Image.open(path) as stored:
        assert stored.info["loop"] == 0
        durations = []
        for number in range(stored.n_frames):
            stored.seek(number)
            durations.append(stored.info["duration"])
    assert durations == [HOLD, TYPE, HOLD, TYPE, TYPE, TYPE]  # "cat" is one word, "two red dogs" are three
    assert len(frames) == 6
    first = path.read_bytes()
    save_demo_animation(answers, path)
    assert path.read_bytes() == first


def test_a_figure_says_what_the_model_said(answers):
    said, absent = answers
    figure = answer_figure(said)
    left, right = figure.axes
    texts = [text.get_text() for text in right.texts]
    assert {"two red dogs", "0.90", "0.70", "several"} <= set(texts)
    drawn = left.images[0].get_array()
    color = tuple(round(255 * each) for each in plt.matplotlib.colors.to_rgb(color_of("several")))
    np.testing.assert_array_equal(drawn, overlay(np.asarray(said.picture), said.mask, color))
    texts = [text.get_text() for text in answer_figure(absent).axes[1].texts]
    assert {"nothing", "0.20"} <= set(texts)
    assert "0.60" not in texts  # no plurality of nothing


def test_nothing_to_show_is_said(tmp_path):
    with pytest.raises(InputError, match="at least one prediction"):
        save_demo_animation([], tmp_path / "demo.gif")
