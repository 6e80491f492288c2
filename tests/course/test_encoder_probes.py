import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from grisq.course import encoder_probes
from grisq.models.layers.feature_map import FeatureMap


@pytest.fixture(scope="module")
def pictures(mini):
    return encoder_probes.labeled_pictures(mini, "train", 30, 64)


class Knowing(torch.nn.Module):
    """An encoder whose features are the labels themselves, at two strides; it takes the pictures in their order."""

    def __init__(self, pictures):
        super().__init__()
        places = torch.arange(pictures.classes.shape[2]).expand_as(pictures.classes)
        one_hot = [F.one_hot(each.clamp(min=0)) for each in (pictures.classes, pictures.colors)]
        self.known, self.start = torch.cat([*one_hot, places[..., None]], dim=-1).float(), 0

    def forward(self, images, valid):
        known = self.known[self.start : self.start + len(images)]
        self.start = (self.start + len(images)) % len(self.known)
        return [FeatureMap(known, None), FeatureMap(known[:, 1::2, 1::2], None)]


def test_features_that_are_the_labels_answer_everything(pictures):
    found = encoder_probes.probe_stages(Knowing(pictures), pictures, pictures)
    assert found.index.tolist() == [1, 2]
    assert (found > 95).all(axis=None)


def test_features_that_never_differ_answer_with_the_most_frequent(pictures):
    def nothing(images, valid):
        return [FeatureMap(torch.zeros(len(images), 16, 16, 3), None)]

    (line,) = encoder_probes.probe_stages(nothing, pictures, pictures).to_dict("records")
    on_objects = (pictures.classes > 0) & (pictures.colors >= 0)
    for name, labels in (("category", pictures.classes), ("color", pictures.colors)):
        share = 100 * labels[on_objects].bincount().max() / on_objects.sum()
        assert line[name] == pytest.approx(float(share), abs=3)  # of the positions that were drawn
    assert line["place"] == pytest.approx(0, abs=1)


def test_the_control_sees_the_colors_of_its_own_pixels_alone():
    image = torch.zeros(1, 3, 64, 64)
    image[0, 0, :8, :4] = 1
    levels = encoder_probes.MeanColors()(image, None)
    assert [level.size for level in levels] == [(16, 16), (8, 8), (4, 4), (2, 2)]
    assert [float(level.features[0, 0, 0, 0]) for level in levels] == [1, 0.5, 0.125, 0.03125]


def test_the_figure_has_an_axis_for_each_question(pictures):
    known = {"mean color": encoder_probes.probe_stages(encoder_probes.MeanColors(), pictures, pictures)}
    figure = encoder_probes.probe_figure(known)
    assert [axis.get_title() for axis in figure.axes] == list(encoder_probes.QUESTIONS)
    for axis in figure.axes:
        np.testing.assert_allclose(axis.lines[0].get_ydata(), known["mean color"][axis.get_title()])
    plt.close(figure)
