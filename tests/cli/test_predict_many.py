"""Options of `grisq predict-many` that do not go together are refused before anything is read."""

import pytest
from typer.testing import CliRunner

from grisq.cli.main import app
from grisq.runtime.errors import InputError


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Give a table of pictures and texts, or a data set with --data"),
        (["jobs.csv", "--data", "set"], "Give a table of pictures and texts, or a data set with --data"),
        (["--data", "set", "--overlays"], "--overlays is about a table of pictures"),
        (["--data", "set", "--threshold", "0.7"], "grisq score decides by thresholds"),
        (["--data", "set", "--shards", "8"], "--shards is the number of parts on a Ray cluster: give --ray"),
        (["--data", "set", "--ray", "2", "--shard", "1/2"], "--ray makes its own shards: leave out --shard"),
        (["--data", "set", "--ray", "2", "--threads", "1"], "--threads is about this process"),
        (["jobs.csv", "--ray", "2"], "--ray is about a data set: give it with --data"),
        (["jobs.csv", "--masks-for", "original"], "--masks-for is about a data set: give it with --data"),
    ],
)
def test_options_that_do_not_go_together_are_refused(tmp_path, arguments, message):
    result = CliRunner().invoke(app, ["predict-many", "--out", str(tmp_path / "o"), *arguments])
    assert isinstance(result.exception, InputError)
    assert message in str(result.exception)
    assert not (tmp_path / "o").exists()
