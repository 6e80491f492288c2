"""The descriptions of pictures, where MyST-NB looks for them."""

import json

from binding.alt_text import descriptions, with_alt_text


def picture(alt=None):
    metadata = {"image/png": {"alt": alt}} if alt else {}
    return {"output_type": "display_data", "data": {"image/png": "AAAA"}, "metadata": metadata}


def cell(*outputs, **metadata):
    return {"cell_type": "code", "source": "", "metadata": metadata, "outputs": list(outputs), "execution_count": 1}


def changed(*cells):
    return json.loads(with_alt_text(json.dumps({"cells": list(cells)})))["cells"]


def test_a_cell_says_what_its_picture_shows():
    text = {"output_type": "stream", "name": "stdout", "text": "x"}
    (found,) = changed(cell(text, picture("Two dogs"), tags=["a"]))
    assert found["metadata"] == {"tags": ["a"], "mystnb": {"image": {"alt": "Two dogs"}}}
    assert found["outputs"][1] == picture("Two dogs")


def test_other_settings_of_the_cell_stay():
    (found,) = changed(cell(picture("Two dogs"), mystnb={"image": {"width": "50%"}, "x": 1}))
    assert found["metadata"]["mystnb"] == {"image": {"width": "50%", "alt": "Two dogs"}, "x": 1}


def test_what_has_no_described_picture_stays_as_it_is():
    cells = [cell(picture()), cell(), {"cell_type": "markdown", "source": "x", "metadata": {}}]
    assert changed(*cells) == cells


def test_several_pictures_of_a_cell_are_told_apart():
    assert descriptions(cell(picture("One"), picture(), picture("Three"))) == ["One", "", "Three"]
    (found,) = changed(cell(picture(), picture("Two")))
    assert found["metadata"]["mystnb"]["image"]["alt"] == "Two"
