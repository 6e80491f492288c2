import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from grisq.course import predictions
from grisq.course.style import rgb
from grisq.course.verdict import color_of, verdict
from grisq.inference.prediction import Prediction
from grisq.inference.segmenter import Segmenter
from grisq.models.grisq import GRISQ
from grisq.runtime.errors import InputError


@pytest.fixture
def segmenter(model_config, reader):
    return Segmenter(GRISQ(model_config), reader.tokenizer, device="cpu")


def test_the_first_row_that_is_accepted(mini, segmenter, capsys):
    asked = []

    def third(prediction, target):
        assert target.shape == prediction.mask.shape
        asked.append(prediction.text)
        return len(asked) == 3

    singles = [int(row) for row in mini.rows("val") if mini.target_counts[row] == 1]
    assert predictions.first_row(segmenter, mini, "val", 1, third) == singles[2]
    assert predictions.first_row(segmenter, mini, "val", 1, lambda prediction, target: False, tries=2) == singles[0]
    assert "here is its first one" in capsys.readouterr().out
    with pytest.raises(InputError, match="val has no expression with 50 targets"):
        predictions.first_row(segmenter, mini, "val", 50, third)


def test_scenarios_with_few_rows_give_all_of_them(mini):
    rows = predictions.rows_of_each_scenario(mini, "val", 1000, seed=0)
    assert sorted(rows) == sorted(int(row) for row in mini.rows("val"))
    assert [mini.target_counts[row] > 0 for row in rows] == sorted(mini.target_counts[row] > 0 for row in rows)


def test_pictures_that_are_shown_already_are_left_out(mini, segmenter):
    singles = [int(row) for row in mini.rows("val") if mini.target_counts[row] == 1]
    other = next(row for row in singles if mini.image_ids[row] != mini.image_ids[singles[0]])
    assert predictions.first_row(segmenter, mini, "val", 1, lambda *_: True) == singles[0]
    assert predictions.first_row(segmenter, mini, "val", 1, lambda *_: True, shown=singles[:1]) == other


def test_predictions_stand_below_the_annotation_under_their_verdict(mini, segmenter):
    rows = predictions.rows_of_each_scenario(mini, "val", 1, seed=0)
    figure = predictions.prediction_grid(segmenter, mini, rows, ("annotated", "predicted"))
    titles = [axis.title for axis in figure.axes]
    assert [title.get_text().replace("\n", " ") for title in titles[: len(rows)]] == [
        mini.expression(row).text for row in rows
    ]
    for title, row in zip(titles[len(rows) :], rows):
        said = predictions.ask(segmenter, mini, row)
        target = mini.mask(row) if mini.target_counts[row] else None
        assert title.get_text() == verdict(said.answer, said.presence, said.mask, target)
        assert title.get_color() == color_of(said.answer)
        tile = predictions.answer_tile(said)
        assert tile.title.startswith(f"{mini.expression(row).text}: {said.answer}")
        assert tile.color == color_of(said.answer)
    plt.close(figure)


def test_after_six_columns_two_more_lines_begin(segmenter, mini):
    rows = [int(row) for row in mini.rows("val")[:8]]
    figure = predictions.prediction_grid(segmenter, mini, rows, ("annotated", "predicted"))
    titles = [axis.get_title().replace("\n", " ") for axis in figure.axes]
    assert len(titles) == 24
    assert titles[:6] + titles[12:14] == [mini.expression(row).text for row in rows]
    assert titles[14:18] == titles[20:] == [""] * 4
    labels = [text.get_text() for axis in figure.axes for text in axis.texts]
    assert labels == ["annotated", "predicted"] * 2
    plt.close(figure)


def test_a_picture_asked_again_says_how_much_of_the_first_mask_is_there():
    left, right = np.zeros((2, 10, 10), bool)
    left[2:6, 2:6] = right[2:6, 4:8] = True
    empty, picture = np.zeros_like(left), Image.new("RGB", (10, 10), "gray")
    said = [
        Prediction(picture, text, empty, mask, presence, 0.1)
        for text, mask, presence in (("red cup", left, 0.9), ("cup red", right, 0.4), ("cup", empty, 0.1))
    ]
    figure = predictions.asked_again_grid(said, ["as it is", "backwards", "shorter"])
    titles = [axis.get_title() for axis in figure.axes]
    assert titles[0] == "as it is:\nred cup\nIoU 1.00, presence 0.90"
    assert titles[1] == "backwards:\ncup red\nIoU 0.33, presence 0.40"  # 8 of 24 pixels
    assert titles[2].endswith("IoU 0.00, presence 0.10")
    drawn = np.asarray(figure.axes[1].images[0].get_array())
    assert (drawn != np.asarray(picture)).any()  # the mask shows although the model says "nothing"
    outlines = [np.asarray(axis.images[0].get_array())[1, 3 + 2 * place] for place, axis in enumerate(figure.axes[:2])]
    assert outlines[0].tolist() == list(rgb(color_of(said[0].answer)))
    assert outlines[1].tolist() == [0, 0, 0]  # not in the color of "nothing"
    plt.close(figure)
