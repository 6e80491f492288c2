import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grisq.data import statistics


def test_counts_equal_a_plain_loop(mini):
    table = statistics.counts(mini)
    for split in mini.splits:
        rows = [mini.expression(int(row)) for row in mini.rows(split)]
        line = table.loc[split]
        assert line["images"] == len({row.image_id for row in rows})
        assert line["refs"] == len({row.ref_id for row in rows})
        assert line["expressions"] == len(rows)
        assert line["masks"] == len({ann for row in rows for ann in row.ann_ids})
        kinds = [
            sum(test(row.target_count) for row in rows)
            for test in (lambda n: n == 0, lambda n: n == 1, lambda n: n > 1)
        ]
        assert [line["no-target"], line["single-target"], line["multi-target"]] == kinds
        assert line["two"] + line["three or more"] == line["multi-target"]
        assert line["no-target %"] + line["single-target %"] + line["multi-target %"] == pytest.approx(100, abs=0.02)
    assert table.loc["all", "expressions"] == len(mini)


def test_per_expression_and_categories(mini):
    frame = statistics.per_expression(mini)
    assert len(frame) == len(mini)
    assert (frame["words"] == [len(text.split()) for text in mini.expressions["text"].to_pylist()]).all()
    assert statistics.category_histogram(mini).sum() == frame["targets"].sum()
    for split in mini.splits:
        meant = statistics.category_histogram(mini, split)
        assert meant.sum() == frame[frame["split"] == split]["targets"].sum()
        assert meant.is_monotonic_decreasing
    assert set(statistics.category_histogram(mini, "testA").index) == {"person"}
    assert set(frame["kind"]) == {"no-target", "single-target", "multi-target"}


def test_known_counts_are_consistent_with_the_paper():
    current, earlier = statistics.RELEASES
    for total, no, single, multi in current.splits.values():
        assert total == no + single + multi
    train = current.splits["train"]
    assert 100 * train[1] / train[0] == pytest.approx(statistics.PAPER_TRAIN_SHARES["no-target"], abs=0.005)
    assert 100 * train[3] / train[0] == pytest.approx(33.24, abs=0.005)  # the paper says 25.53: not reproducible
    assert sum(counts[0] for counts in earlier.splits.values()) == statistics.PAPER["expressions"]
    assert sum(counts[0] for counts in current.splits.values()) == 258_836


def test_an_unknown_set_is_no_release_and_a_known_hash_is(mini, monkeypatch):
    assert statistics.release_of(mini).startswith("none that is known")
    monkeypatch.setattr(mini, "refs_hash", statistics.CURRENT.refs_sha256)
    assert statistics.release_of(mini) == statistics.CURRENT.name


@given(st.lists(st.tuples(st.sampled_from(["a", "A ", "b", "two c"]), st.booleans()), max_size=30))
def test_the_ceiling_of_text_is_that_of_the_best_rule_over_all_rules(rows):
    """Every function of the text, tried one by one."""
    texts = [text for text, _ in rows]
    kinds = [text.strip().lower() for text in texts]
    kept = [(kind, label) for kind, (_, label) in zip(kinds, rows) if kinds.count(kind) > 1]
    found = statistics.text_ceiling(texts, np.array([label for _, label in rows], dtype=bool))
    assert found.expressions == len(kept)
    if kept:
        names = sorted({kind for kind, _ in kept})
        rules = [dict(zip(names, says)) for says in itertools.product([False, True], repeat=len(names))]
        best = max(sum(rule[kind] == label for kind, label in kept) for rule in rules)
        assert found.right == pytest.approx(100 * best / len(kept))
        labels = [label for _, label in kept]
        assert found.always == pytest.approx(100 * max(labels.count(True), labels.count(False)) / len(kept))
        right = 0
        for place, (kind, label) in enumerate(kept):
            others = [each for other, (name, each) in enumerate(kept) if name == kind and other != place]
            yes, no = others.count(True), others.count(False)
            right += label == (yes > no if yes != no else labels.count(True) > labels.count(False))
        assert found.from_others == pytest.approx(100 * right / len(kept))
