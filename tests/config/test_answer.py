"""One definition of an answer, in everything that holds probabilities."""

import numpy as np
import pytest
import torch
from PIL import Image

from grisq.config.answer import THRESHOLD
from grisq.data.masks import encode
from grisq.experiments.results import Example
from grisq.inference.prediction import Prediction
from grisq.models.base import Decision, Output

CASES = [  # presence, plurality, answer, number
    (0.49, 0.9, "nothing", "several"),
    (0.5, 0.49, "one", "one"),
    (0.51, 0.5, "several", "several"),
    (0.9, None, "present", None),
    (0.1, None, "nothing", None),
]


def holders(presence, plurality):
    picture, mask = Image.new("RGB", (4, 4)), np.ones((4, 4), dtype=bool)
    return (
        Decision(torch.zeros(2, 2), presence, plurality),
        Prediction(picture, "a dog", mask, mask, presence, plurality),
        Example(0, "a dog", encode(mask), presence, plurality),
    )


@pytest.mark.parametrize(("presence", "plurality", "answer", "number"), CASES)
def test_every_holder_of_probabilities_answers_alike(presence, plurality, answer, number):
    for each in holders(presence, plurality):
        assert (each.answer, each.number, each.threshold) == (answer, number, THRESHOLD)
        assert each.present == (answer != "nothing")
        assert each.several == (None if plurality is None else number == "several")


def test_another_threshold_moves_presence_and_not_the_number():
    output = Output(torch.zeros(1, 2, 2, 2), torch.tensor([[0.0, 1.0]]), torch.tensor([[0.0, 1.0]]))  # 0.73 each
    assert [decision.answer for decision in output.decide()] == ["several"]
    assert [decision.answer for decision in output.decide(0.8)] == ["nothing"]
    assert [decision.number for decision in output.decide(0.8)] == ["several"]


@pytest.mark.parametrize(("pixels", "answer"), [(3, "nothing"), (4, "present")])
def test_without_a_presence_head_the_mask_decides(pixels, answer):
    """50 of 480 x 480 pixels are 3.5 of 128 x 128."""
    mask = np.zeros((128, 128), dtype=bool)
    mask.flat[:pixels] = True
    assert Decision(torch.zeros(2, 2), None, None).present is None
    assert Example(0, "a dog", encode(mask), None, None).answer == answer
