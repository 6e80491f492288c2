"""The drawn calibration curve holds the numbers of the counted one."""

import numpy as np
import pytest

from grisq.evaluation.calibration import calibration
from grisq.evaluation.calibration_figure import calibration_figure
from grisq.runtime.errors import InputError


def test_a_point_stands_where_its_bin_was_counted_and_is_as_large_as_its_share():
    found = calibration([0.1, 0.3, 0.5, 0.9, 1.0], [False, True, False, True, True], bins=2)
    (axis,) = calibration_figure({"head": found}).axes
    (points,) = axis.collections
    np.testing.assert_allclose(points.get_offsets(), [[20, 50], [80, 200 / 3]])
    assert np.diff(points.get_sizes()) == pytest.approx(300 * (3 - 2) / 5)
    assert axis.get_legend().get_texts()[0].get_text() == f"head: ECE {100 * found.ece:.1f} %"


def test_two_curves_differ_in_more_than_color_and_empty_bins_have_no_point():
    curves = {"raw": calibration([0.05, 0.95], [False, True]), "corrected": calibration([0.5], [True])}
    (axis,) = calibration_figure(curves).axes
    assert [len(points.get_offsets()) for points in axis.collections] == [2, 1]
    assert len({line.get_linestyle() for line in axis.lines[1:]}) == 2
    with pytest.raises(InputError, match="room for 2"):
        calibration_figure(curves | {"third": curves["raw"]})
