"""Reading predictions: every form, streamed, and every fault as one sentence with its place."""

import json
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from grisq.evaluation.scoring import entries
from grisq.evaluation.scoring.entries import Key, open_predictions
from grisq.runtime.errors import InputError

ONE = {"ref_id": 1, "sent_id": 2, "segmentation": None, "score": 0.5}


def read(path):
    return list(open_predictions(path))


def written(tmp_path, text, name="p.json"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


records = st.lists(
    st.fixed_dictionaries(
        {
            "ref_id": st.integers(0, 9),
            "sent_id": st.integers(0, 9),
            "segmentation": st.none() | st.fixed_dictionaries({"size": st.just([1, 1]), "counts": st.text(max_size=9)}),
            "caption": st.text(max_size=12),
            "score": st.floats(0, 1),
        }
    ),
    max_size=8,
)


@given(records, st.sampled_from([1, 2, 3, 7, 64]), st.sampled_from([None, 0, 3]))
@settings(max_examples=200, deadline=None)
def test_lists_and_lines_are_read_whatever_the_chunks(tmp_path_factory, drawn, chunk, indent):
    """Chunks of a few characters cut through numbers, escapes and brackets."""
    folder, old = tmp_path_factory.mktemp("chunks"), entries._CHUNK
    entries._CHUNK = chunk
    try:
        listed = read(written(folder, json.dumps(drawn, indent=indent)))
        lines = "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in drawn)
        lined = read(written(folder, lines or "[]", "p.jsonl"))
    finally:
        entries._CHUNK = old
    for found in (listed, lined):
        assert [(e.key, e.score, e.segmentation) for e in found] == [
            (Key(ids=(each["ref_id"], each["sent_id"])), each["score"], each["segmentation"]) for each in drawn
        ]


def test_a_long_list_is_never_in_memory(tmp_path):
    path = written(tmp_path, json.dumps([{**ONE, "caption": "x" * 2000}] * 10_000))
    assert path.stat().st_size > 20_000_000
    tracemalloc.start()
    assert sum(1 for _ in open_predictions(path)) == 10_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8_000_000  # two chunks of text, and what Python makes of one record


def test_a_byte_order_mark_and_windows_line_ends_do_not_matter(tmp_path):
    text = "\ufeff" + json.dumps(ONE) + "\r\n" + json.dumps(ONE) + "\r\n"
    assert len(read(written(tmp_path, text, "p.jsonl"))) == 2


def test_a_decision_stands_for_a_probability(tmp_path):
    plain = {"row": 3, "segmentation": None}
    (yes,), (no,) = (read(written(tmp_path, json.dumps([{**plain, "present": p}]))) for p in (True, False))
    assert (yes.score, no.score, yes.key) == (1.0, 0.0, Key(3))


def test_numbers_as_text_and_of_numpy_are_read():
    found = list(
        open_predictions([{"ref_id": np.int64(1), "sent_id": "2", "segmentation": None, "score": np.float32(0.5)}])
    )
    assert (found[0].key, found[0].score) == (Key(ids=(1, 2)), 0.5)


def test_a_generator_can_be_read_twice():
    predictions = open_predictions({**ONE} for _ in range(3))
    assert len(list(predictions)) == len(list(predictions)) == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "p.json is empty: give a JSON list of predictions, JSON lines, or a folder of PNG masks"),
        ("ref_id,sent_id", "p.json is not JSON"),
        ("[", "is damaged or cut short"),
        ('[{"row": 1, "segmentation": null}', "is damaged or cut short"),
        ('[{"row": 1, "segmentation": nul', "is damaged or cut short"),
        ("[1]", "prediction 1 is not a JSON object"),
        ('[{"row": 1, "segmentation": null}] [2]', "something follows the list"),
        ('{"annotations": []}', "is an object, not a list: give the list of predictions alone"),
        ('{\n"annotations": []}', "line 1 is not one JSON object: give the list of predictions alone"),
        ('{"row": 1, "segmentation": null}\n{"row"', "line 2 is not one JSON object"),
        ('[{"ref_id": 1, "segmentation": null}]', "does not say which expression it answers: give ref_id and sent_id"),
        ('[{"row": 1}]', "has no segmentation: give run lengths or polygons, or null"),
        ('[{"row": 1.5, "segmentation": null}]', r"prediction 1: Expected `int"),
        ('[{"row": 1, "segmentation": null, "score": 1.5}]', "its score is 1.5; give the probability of presence"),
        ('[{"row": 1, "segmentation": null, "score": NaN}]', "its score is nan"),
        ('[{"row": 1, "segmentation": null, "score": "high"}]', "Expected `float"),
        (b"\xff\xfe[\x00]\x00", "is not UTF-8 text"),
        ("[" * 100_000, "cannot be read .maximum recursion depth"),
    ],
)
def test_a_fault_is_one_sentence(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        read(written(tmp_path, text))


def test_what_is_not_there_is_told(tmp_path):
    with pytest.raises(InputError, match=r"nothing\.json is missing"):
        open_predictions(tmp_path / "nothing.json")
    with pytest.raises(InputError, match=r"holds no mask named REF_SENT\.png"):
        read(tmp_path)


def test_masks_are_named_by_ids_or_rows(tmp_path):
    mask = np.eye(3, dtype=np.uint8)
    Image.fromarray(mask * 255).save(tmp_path / "12_34.png")
    palette = Image.fromarray(mask * 3, "P")
    palette.putpalette([0, 0, 0] * 256)
    palette.save(tmp_path / "7.png")
    (tmp_path / "notes.txt").write_text("x")
    found = read(tmp_path)
    assert [each.key for each in found] == [Key(ids=(12, 34)), Key(7)]
    assert all(each.score is None for each in found)
    assert all(np.array_equal(entries.read_mask(each.segmentation), mask > 0) for each in found)


def test_an_empty_mask_needs_no_picture(tmp_path):
    Image.fromarray(np.eye(3, dtype=np.uint8)).save(tmp_path / "7.png")
    (tmp_path / "presence.json").write_text('{"7": 0.9, "8_1": 0.2}')
    drawn, empty = read(tmp_path)
    assert (drawn.key, drawn.score) == (Key(7), 0.9)
    assert (empty.key, empty.score, empty.segmentation) == (Key(ids=(8, 1)), 0.2, None)


def test_a_damaged_place_in_a_long_list_is_shown(tmp_path, monkeypatch):
    monkeypatch.setattr(entries, "_LONGEST", 1000)
    monkeypatch.setattr(entries, "_CHUNK", 100)
    path = written(tmp_path, "[" + json.dumps(ONE) + ', {"ref_id": oops' + " " * 5000)
    with pytest.raises(InputError, match=r"in the prediction that begins with '\{\"ref_id\": oops"):
        read(path)


def test_faulty_masks_and_probabilities_are_told(tmp_path):
    path = tmp_path / "1_2.png"
    Image.fromarray(np.zeros((3, 3, 3), np.uint8)).save(path)
    with pytest.raises(InputError, match="is a picture in RGB: write masks in gray"):
        entries.read_mask(path)
    path.write_bytes(b"no picture")
    with pytest.raises(InputError, match="cannot be read as a mask"):
        entries.read_mask(path)
    with pytest.raises(InputError, match="is one mask: give the folder"):
        read(path)
    (tmp_path / "presence.json").write_text('{"3_4": 0.5}')
    with pytest.raises(InputError, match="has no probability of '1_2': give one for every mask"):
        read(tmp_path)
    (tmp_path / "presence.json").write_text('{"1_2": 0.5, "dog": 0.5}')
    with pytest.raises(InputError, match="'dog' names no expression: write REF_SENT or ROW"):
        read(tmp_path)
    (tmp_path / "presence.json").write_text('{"1_2": 7}')
    with pytest.raises(InputError, match="its score is 7"):
        read(tmp_path)
    (tmp_path / "presence.json").write_text("[1]")
    with pytest.raises(InputError, match="must be an object"):
        read(tmp_path)
