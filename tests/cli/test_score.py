"""`grisq score` on the command line."""

import json
from itertools import chain
from xml.etree import ElementTree

import pytest
from PIL import Image
from typer.testing import CliRunner

from grisq.cli.main import app
from grisq.data import masks
from grisq.evaluation import score
from grisq.runtime.errors import InputError


@pytest.fixture(scope="module")
def written(mini, tmp_path_factory):
    """Predictions for the mini set's val: the annotated masks, some of them denied."""
    found = []
    for number, row in enumerate(mini.rows("val").tolist()):
        expression, mask = mini.expression(row), mini.mask(row)
        found.append(
            {
                "ref_id": expression.ref_id,
                "sent_id": expression.sent_id,
                "segmentation": masks.encode(mask) if mask.any() else None,
                "score": 0.9 if mask.any() and number % 3 else 0.2,
            }
        )
    path = tmp_path_factory.mktemp("score") / "mine.json"
    path.write_text(json.dumps(found))
    return path


def run(*arguments):
    result = CliRunner().invoke(app, ["score", *map(str, arguments)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_one_command_gives_a_row_with_intervals_and_every_file(written, mini, mini_root, tmp_path):
    outs = [tmp_path / name for name in ("r.json", "r.md", "r.png", "r.svg", "r.parquet")]
    shown = run(
        written,
        "--data",
        mini_root,
        "--protocol",
        "rela",
        "--protocol",
        "gsva",
        *chain(*(("-o", path) for path in outs)),
    )
    assert shown.exit_code == 0
    expected = score(written, mini, protocols=["rela", "gsva"], progress=False)
    giou = expected.splits["val"].protocols["rela"].metrics["gIoU"].describe()
    assert giou in shown.output
    assert json.loads(outs[0].read_text()) == json.loads(expected.to_json())
    assert giou in outs[1].read_text()
    assert "| gIoU |" in outs[1].read_text()
    assert Image.open(outs[2]).size[0] > 800
    assert ElementTree.parse(outs[3]).getroot().tag.endswith("svg")
    again = run(outs[4], "--data", mini_root, "--protocol", "gsva", "--protocol", "rela")
    assert giou in again.output


def test_two_files_are_compared(written, mini_root, tmp_path):
    other = json.loads(written.read_text())
    for each in other:
        each["score"] = 0.9
    path = tmp_path / "other.json"
    path.write_text(json.dumps(other))
    shown = run(written, "--data", mini_root, "--compare", path, "-o", tmp_path / "r.png", "-o", tmp_path / "r.md")
    assert "difference" in shown.output
    assert "mine.json minus other.json" in (tmp_path / "r.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out", "r.txt"], "r.txt has no known ending: choose .json"),
        (["--shard", "3"], "--shard takes I/N, such as 2/8"),
        (["--shard", "3/2"], "There is no shard 3/2"),
        (["--split", "dev"], "There is no split 'dev'"),
    ],
)
def test_wrong_options_are_one_sentence(written, mini_root, arguments, message):
    with pytest.raises(InputError, match=message):
        run(written, "--data", mini_root, *arguments)


def test_a_part_without_expressions_is_written_and_merges(written, mini, mini_root, tmp_path):
    parts = [tmp_path / f"{number}.parquet" for number in (1, 2, 3)]
    one = tmp_path / "one.json"
    one.write_text(json.dumps(json.loads(written.read_text())[:1]))
    for number, path in enumerate(parts, start=1):
        shown = run(one, "--data", mini_root, "--missing", "skip", "--shard", f"{number}/3", "-o", path)
        assert ("has no expressions" in shown.output) == (number > 1)
    assert run(*parts, "--data", mini_root).stdout == run(one, "--data", mini_root, "--missing", "skip").stdout


def test_a_table_has_a_line_for_every_split_and_protocol(written, mini):
    report = score(written, mini, protocols=["rela", "refzom"], compare=written, progress=False)
    assert list(report.table().index) == [
        ("val", "rela"),
        ("val", "rela, difference"),
        ("val", "refzom"),
        ("val", "refzom, difference"),
    ]
    assert report.table().loc[("val", "rela, difference"), "gIoU"] == "+0.0 (+0.0 to +0.0)"
