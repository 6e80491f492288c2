from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from PIL import Image

from grisq.analysis.trace import trace
from grisq.course import query_animation, query_figures
from grisq.course.style import SCENARIO_COLORS
from grisq.data.sample import collate
from grisq.models.grisq import GRISQ
from grisq.runtime.errors import InputError


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


@pytest.fixture
def samples(reader, mini):
    rows = mini.rows("val")
    chosen = [next(row for row in rows if mini.target_counts[row] == count) for count in (0, 1, 2)]
    return [reader.read(int(row)) for row in chosen]


@pytest.fixture
def tokens(reader, samples):
    return [reader.tokenizer.tokens(sample.text) for sample in samples]


def traced(model, samples):
    return trace(model, *collate(samples).inputs())


def test_a_line_shows_annotation_answer_words_and_a_map_for_each_block(model, samples, tokens):
    seen = traced(model, samples)
    figure = query_figures.query_figure(samples, tokens, seen)
    axes = np.array(figure.axes[:-1]).reshape(3, 5)  # the last one is the color bar
    for line, sample, own_tokens, number in zip(axes, samples, tokens, range(3)):
        assert line[0].get_title().replace("\n", " ") == sample.text
        assert [label.get_text() for label in line[2].get_yticklabels()] == own_tokens
        drawn = [bar.get_width() for bar in line[2].patches]
        np.testing.assert_allclose(drawn, seen.output.attention[0][number, : len(own_tokens)], atol=1e-6)
        for axis, weights in zip(line[3:], seen.output.attention[1:]):
            np.testing.assert_allclose(axis.images[1].get_array().ravel(), weights[number], atol=1e-6)
    assert [axis.title.get_color() for axis in axes[:, 0]] == list(SCENARIO_COLORS.values())
    assert len({axis.images[1].get_clim() for axis in axes[:, 3:].flat}) == 1  # one scale


@pytest.mark.parametrize(("blocks", "shown"), [(1, [1]), (3, [1, 2, 3]), (6, [1, 3, 6])])
def test_of_many_blocks_three_are_shown(model_config, samples, tokens, blocks, shown):
    model = GRISQ(replace(model_config, blocks=blocks)).eval()
    figure = query_figures.query_figure(samples, tokens, traced(model, samples))
    titles = [axis.get_title() for axis in figure.axes[3 : 3 + len(shown)]]
    assert titles == [rf"$\mathbf{{e}}_{{{block}}}$ over the picture" for block in shown]
    assert len(figure.axes) == 3 * (3 + len(shown)) + 1


def test_an_answer_is_judged_by_presence_and_mask(model, samples):
    nothing, one, _ = samples
    decision = traced(model, samples).output.decide()[0]
    fitting = replace(decision, difference=torch.from_numpy(one.mask - 0.5), presence=0.9, plurality=0.1)
    for sample, answer, title in (
        (one, fitting, "✓ one (0.90), IoU 1.00"),
        (one, replace(fitting, difference=-fitting.difference), "✗ one (0.90), IoU 0.00"),
        (one, replace(fitting, presence=0.1), "✗ nothing (0.10)"),
        (nothing, replace(fitting, presence=0.1), "✓ nothing (0.10)"),
        (nothing, fitting, "✗ one (0.90)"),
    ):
        axis = plt.figure().subplots()
        query_figures.answer_axis(axis, sample, answer)
        assert axis.get_title() == title
        whole = query_figures.without_padding(sample, sample.image)
        assert np.array_equal(axis.images[0].get_array(), whole) == title.endswith("nothing (0.10)")


def test_the_animation_stands_at_every_stage_and_loops(model, samples, tokens, tmp_path):
    seen = traced(model, samples)
    path = tmp_path / "new" / "query.gif"
    frames = query_animation.save_query_animation(samples, tokens, seen, path)
    with Image.open(path) as stored:
        assert stored.n_frames == len(frames) == 4 * 3  # e_0, e_1, e_2 and the answer, each with two that fade
        assert stored.info["loop"] == 0
        assert stored.size == frames[0].size
        durations = []
        for number in range(stored.n_frames):
            stored.seek(number)
            durations.append(stored.info["duration"])
    assert [number for number, each in enumerate(durations) if each == query_animation.HOLD] == [0, 3, 6, 9]
    first = path.read_bytes()
    query_animation.save_query_animation(samples, tokens, seen, path)
    assert path.read_bytes() == first
    assert len(first) < 1_000_000


def test_colors_of_an_animation_are_those_of_the_map(model, samples):
    """Brighter cells of the map are brighter in the picture, and what lies between two stages is their mean."""
    stages = query_animation._stages(samples, traced(model, samples))
    words, first, _, answer = stages
    assert words.reads_words
    assert not any(stage.reads_words for stage in stages[1:])
    assert list(words.headings) == [sample.text for sample in samples]
    assert all(heading.startswith(("✓", "✗")) for heading in answer.headings)
    bright = query_animation._heated(samples[0], np.array([[1.0, 0.0], [0.0, 0.0]]))
    dark = query_animation._heated(samples[0], np.zeros((2, 2)))
    assert (bright[:32, :32] > dark[:32, :32]).any()
    np.testing.assert_array_equal(bright[:, 32:], dark[:, 32:])
    assert first.pictures[0].shape == words.pictures[0].shape == answer.pictures[0].shape


def test_a_model_without_query_has_nothing_to_look_at(model_config, samples, tokens, tmp_path):
    plain = GRISQ(replace(model_config, target_query=False, plurality=False)).eval()
    with pytest.raises(InputError, match="no target query"):
        query_figures.query_figure(samples, tokens, traced(plain, samples))
    with pytest.raises(InputError, match="no target query"):
        query_animation.save_query_animation(samples, tokens, traced(plain, samples), tmp_path / "query.gif")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "shown"), [("e_0", r"$\mathbf{e}_{0}$"), ("words", "words"), ("e_12", r"$\mathbf{e}_{12}$")]
)
def test_queries_are_typeset_alike(name, shown):
    assert query_figures.typeset(name) == shown
