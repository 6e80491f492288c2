"""`grisq data expressions` and `grisq data check` as they are called: what is printed, and in which order."""

import json
import shutil

import pytest
from typer.testing import CliRunner

from grisq.cli.data import app
from grisq.data.layout import IMAGES, INSTANCES, REFS
from grisq.runtime.errors import InputError


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def instances(mini_root, tmp_path):
    """The mini set's own annotations, every tenth without its outline."""
    document = json.loads((mini_root / INSTANCES).read_text(encoding="utf-8"))
    for record in document["annotations"][::10]:
        record["segmentation"] = []
    (tmp_path / "instances.json").write_text(json.dumps(document), encoding="utf-8")
    return tmp_path / "instances.json"


def test_what_was_left_out_is_said_before_the_set_is_announced(mini_root, instances, tmp_path):
    options = ("expressions", "--instances", instances, "--images", mini_root / IMAGES)
    done = run(*options, "-o", tmp_path / "a")
    assert done.exit_code == 0
    *sentences, last = done.stdout.splitlines()
    assert "annotations have no outline, the first is" in sentences[0]
    assert last == f"The set is in {tmp_path / 'a'}"
    done = run(*options, "-o", tmp_path / "b", "--boxes-as-masks")
    assert "their boxes are used as masks" in done.stdout
    done = run(*options, "-o", tmp_path / "c", "--orientation", "sideways")
    assert isinstance(done.exception, InputError)
    assert "choose auto, upright or stored" in str(done.exception)


def test_a_sound_file_is_turned_into_a_set_without_a_remark(mini_root, tmp_path):
    done = run(
        "expressions", "--instances", mini_root / INSTANCES, "--images", mini_root / IMAGES, "-o", tmp_path / "a"
    )
    assert [line for line in done.stdout.splitlines() if "nothing about which" not in line] == [
        f"The set is in {tmp_path / 'a'}"
    ]


def test_check_deletes_nothing_through_links(mini_root, tmp_path):
    root = shutil.copytree(mini_root, tmp_path / "set", ignore=shutil.ignore_patterns(".grisq-cache"))
    (root / IMAGES).rename(tmp_path / "photographs")
    (root / IMAGES).symlink_to(tmp_path / "photographs")
    broken = next((tmp_path / "photographs").iterdir())
    broken.write_text("no picture", encoding="utf-8")
    done = run("check", "--root", root, "--delete-broken")
    assert done.exit_code == 1
    assert "Deleted: 0." in done.stdout
    assert "Kept" in done.stdout
    assert broken.exists()


def test_own_words_for_a_category_are_used_in_its_expressions(mini_root, tmp_path):
    document = json.loads((mini_root / INSTANCES).read_text(encoding="utf-8"))
    for category in document["categories"]:
        category["name"] = f"Ding {category['id']}"
    (tmp_path / "instances.json").write_text(json.dumps(document), encoding="utf-8")
    words = {category["name"]: {"singular": "blorb", "plural": "blorbim"} for category in document["categories"]}
    (tmp_path / "words.json").write_text(json.dumps(words), encoding="utf-8")
    options = ("expressions", "--instances", tmp_path / "instances.json", "--images", mini_root / IMAGES)
    assert run(*options, "-o", tmp_path / "a", "--words", tmp_path / "words.json").exit_code == 0
    texts = [s["raw"] for ref in json.loads((tmp_path / "a" / REFS).read_text("utf-8")) for s in ref["sentences"]]
    assert any("blorb" in text for text in texts)
    assert not any("Ding" in text or "ding" in text for text in texts)
    (tmp_path / "words.json").write_text('{"Ding 1": "blorb"}', encoding="utf-8")
    done = run(*options, "-o", tmp_path / "b", "--words", tmp_path / "words.json")
    assert "must hold the words of each category" in str(done.exception)
