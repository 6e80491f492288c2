import matplotlib.pyplot as plt
import pytest

from grisq.course import task_figure
from grisq.course.style import SCENARIO_COLORS
from grisq.data.scenarios import SCENARIOS, scenario_of
from grisq.runtime.errors import InputError


def test_all_three_expressions_are_about_one_picture_and_as_short_as_can_be(mini):
    found = task_figure.rows_about_one_picture(mini, "train")
    assert len({int(mini.image_ids[rows["no-target"]]) for rows in found}) == len(found)
    for rows in found:
        (image,) = {int(mini.image_ids[row]) for row in rows.values()}
        assert set(rows) == set(SCENARIOS)
        for scenario, row in rows.items():
            assert scenario_of(mini.target_counts[row]) == scenario
            others = [
                len(mini.expression(int(each)).text)
                for each in mini.rows("train")
                if mini.image_ids[each] == image and scenario_of(mini.target_counts[each]) == scenario
            ]
            assert len(mini.expression(row).text) == min(others)


def test_a_split_without_one_kind_is_one_sentence(mini, monkeypatch):
    monkeypatch.setattr(mini, "target_counts", mini.target_counts.clip(max=1))
    with pytest.raises(InputError, match="No picture of val has expressions of all three kinds"):
        task_figure.rows_about_one_picture(mini, "val")


def test_the_picture_stands_first_then_one_several_nothing(mini):
    rows = task_figure.rows_about_one_picture(mini, "train")[0]
    figure = task_figure.task_figure(mini, rows)
    titles = [axis.title for axis in figure.axes]
    order = ("single-target", "multi-target", "no-target")
    assert [title.get_text().replace("\n", " ") for title in titles] == [
        "",
        *(mini.expression(rows[scenario]).text for scenario in order),
    ]
    assert [title.get_color() for title in titles[1:]] == [SCENARIO_COLORS[scenario] for scenario in order]
    assert next(text.get_text() for axis in figure.axes for text in axis.texts) == "the picture"
    plt.close(figure)
