import matplotlib.pyplot as plt
import numpy as np
import pytest

from grisq.augment.plan import plan_batch
from grisq.augment.recipes import Mosaic, NoTarget
from grisq.config import AugmentConfig
from grisq.course.doses import Doses
from grisq.data.scenarios import SCENARIOS
from grisq.runtime.errors import InputError

SHARES = {"even": dict.fromkeys(SCENARIOS, 1 / 3), "single": dict(zip(SCENARIOS, (0.0, 1.0, 0.0)))}


@pytest.fixture
def doses():
    return Doses(SHARES, 12, AugmentConfig(tau_no=0.0, tau_multi=0.0))


def test_without_augmentation_nothing_changes(doses):
    assert doses.after == pytest.approx(SHARES["even"])
    assert doses.mosaics == 0
    assert "no-target: 33.3 → 33.3 %" in doses.bars.value


def test_sliders_give_what_many_planned_batches_have(doses):
    doses.whose.value, doses.processes.value = "single", 2
    doses.tau_no.value, doses.tau_multi.value = 0.5, 0.5
    rng, ids = np.random.default_rng(0), np.arange(6)
    augment = AugmentConfig(tau_no=0.5, tau_multi=0.5)
    parts = [plan_batch(ids, np.ones(6), ids, augment, rng) for _ in range(4000)]
    made = [sum(isinstance(recipe, kind) for part in parts for recipe in part) for kind in (NoTarget, Mosaic)]
    assert doses.after["no-target"] == pytest.approx(made[0] / (6 * 4000), abs=0.01)
    assert doses.after["multi-target"] == pytest.approx(made[1] / (6 * 4000), abs=0.01)
    assert doses.mosaics == pytest.approx(2 * made[1] / 4000, abs=0.03)
    assert f"{doses.mosaics:.2f}" in doses.bars.value


def test_processes_divide_the_batch(doses):
    assert list(doses.processes.options) == [1, 2, 3, 4, 6]


def test_on_paper_a_sentence_stands_in_its_place(doses, monkeypatch):
    seen = []
    monkeypatch.setattr("grisq.course.doses.display", lambda bundle, raw: seen.append(bundle))
    doses.show()
    assert "application/vnd.jupyter.widget-view+json" in seen[0]
    assert seen[0]["text/plain"].startswith("Sliders stand here")


def test_a_still_picture_shows_what_the_sliders_say(doses):
    doses.tau_no.value = 0.5
    left, right = doses.still().axes
    assert [line.get_xdata()[0] for line in left.lines[1::2]] == pytest.approx(
        [0.5, doses.tau_multi.value, 1 / max(doses.processes.options)]
    )
    widths = [bar.get_width() for bar in right.patches]
    assert widths == pytest.approx([100 * doses.after[kind] for kind in SCENARIOS])
    assert f"{doses.mosaics:.2f}" in right.get_title()
    plt.close("all")


def test_no_data_set_is_one_sentence():
    with pytest.raises(InputError, match="at least one data set"):
        Doses({}, 12, AugmentConfig())
