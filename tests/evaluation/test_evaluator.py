from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from grisq.data.loader import evenly
from grisq.evaluation.evaluator import evaluate
from grisq.evaluation.protocols import PROTOCOLS
from grisq.models.grisq import GRISQ


def test_evaluation_takes_rules_of_ones_own(mini, reader, model_config):
    """The same model under a named protocol and under a variant of it that is nowhere registered."""
    ours = replace(PROTOCOLS["rela"], name="never", presence="pixels50", min_pixels=480 * 480 + 1)
    found = evaluate(GRISQ(model_config), reader, mini.rows("val"), protocols=["rela", ours], progress=False)
    assert found.metrics["never"]["N-acc"] == 100
    assert found.metrics["never"]["T-acc"] == 0
    assert found.metrics["rela"]["n_single"] == found.metrics["never"]["n_single"]


@given(st.integers(1, 200), st.integers(1, 250))
def test_evenly_spaced_rows_are_rows_in_order_and_reach_both_ends(total, count):
    rows = np.arange(total) * 3
    kept = evenly(rows, count)
    assert len(kept) == min(total, count)
    assert len(set(kept)) == len(kept)
    assert set(kept) <= set(rows)
    assert (np.diff(kept) > 0).all()
    assert kept[0] == 0
    if count > 1:
        assert kept[-1] == rows[-1]
