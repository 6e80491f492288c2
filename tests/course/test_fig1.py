"""The task in pictures: one picture, an expression of each scenario, and the annotated targets outlined."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from grisq.course.fig1 import ANSWERS, describe_task, expressions_of_all_scenarios, task_figure
from grisq.course.figures import save
from grisq.course.style import SCENARIO_COLORS, rgb
from grisq.data.scenarios import scenario_of
from grisq.runtime.errors import InputError


@pytest.fixture
def rows(mini):
    return expressions_of_all_scenarios(mini, "train")


def test_the_three_expressions_are_about_one_picture(mini, rows):
    assert set(rows) == set(ANSWERS)
    assert len({mini.expression(row).image_id for row in rows.values()}) == 1
    assert all(scenario_of(mini.target_counts[row]) == scenario for scenario, row in rows.items())


def test_targets_are_outlined_in_the_color_of_their_scenario(mini, rows):
    figure = task_figure(mini, "train")
    axes = {axis.get_label(): axis for axis in figure.axes}
    plain = axes["picture"].images[0].get_array()
    assert min(plain.shape[:2]) >= 256
    for scenario, row in rows.items():
        image = axes[scenario].images[0].get_array()
        outline = (image == rgb(SCENARIO_COLORS[scenario])).all(-1)
        assert outline.any() == bool(mini.target_counts[row])
        unchanged, mask = (image == plain).all(-1), mini.mask(row)
        if mask.any():  # inside the annotated mask the picture keeps its colors
            inside = np.repeat(np.repeat(mask, len(image) // len(mask), 0), image.shape[1] // mask.shape[1], 1)
            assert unchanged[inside].mean() > 0.9
            assert unchanged[~inside].mean() < 0.2
        else:
            assert unchanged.all()
        assert axes[scenario].get_title().replace("\n", " ") == f"“{mini.expression(row).text}”"
        assert axes[f"below {scenario}"].texts[0].get_text() == ANSWERS[scenario][0]
    plt.close(figure)


def test_its_files_name_no_clips(mini, tmp_path):
    """matplotlib names them after coordinates whose last digits differ from run to run."""
    figure = task_figure(mini, "train")
    drawn, *_ = [path for path in save(figure, "task", tmp_path) if path.suffix == ".svg"]
    assert "clip" not in drawn.read_text(encoding="utf-8")
    plt.close(figure)


def test_its_description_quotes_the_expressions(mini, rows):
    said = describe_task(mini, "train")
    assert all(f"“{mini.expression(row).text}”" in said for row in rows.values())


def test_a_picture_without_all_three_is_refused(mini, rows):
    chosen = mini.expression(next(iter(rows.values()))).image_id
    assert expressions_of_all_scenarios(mini, "train", chosen) == rows
    with pytest.raises(InputError, match="Picture -1 is not one of train with expressions for no, one and several"):
        task_figure(mini, "train", image_id=-1)
