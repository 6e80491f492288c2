import sys

import nbformat
import pytest

from grisq import checkpoint
from grisq.course import reproduce
from grisq.runtime.errors import InputError


def notebook(folder, name, *cells):
    book = nbformat.v4.new_notebook()
    book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    book.cells = [nbformat.v4.new_code_cell('preset = "tiny"\nvalue = 1', metadata={"tags": ["parameters"]})]
    book.cells += [nbformat.v4.new_code_cell(cell) for cell in cells]
    nbformat.write(book, folder / f"{name}.ipynb")


@pytest.fixture
def folder(tmp_path):
    notebook(tmp_path, "01_first", "print(preset, value)")
    notebook(tmp_path, "02_second", "open('ran', 'a').write('x')")
    return tmp_path


def read(folder, name):
    return nbformat.read(folder / "executed" / "tiny" / f"{name}.ipynb", as_version=4)


def test_notebooks_run_in_order_with_parameters_and_provenance(folder, capsys):
    assert reproduce.reproduce("tiny", folder=folder, parameters={"value": 7})
    first = read(folder, "01_first")
    assert first.cells[-1].outputs[0].text == "tiny 7\n"
    assert first.metadata["grisq"]["parameters"] == {"preset": "tiny", "value": 7}
    log = (folder / "executed" / "tiny" / reproduce.LOG).read_text(encoding="utf-8").splitlines()
    assert [line.split()[2:4] for line in log] == [["01_first", "done"], ["02_second", "done"]]
    assert first.metadata["grisq"]["provenance"]["packages"]["torch"]
    assert (folder / "ran").read_text(encoding="utf-8") == "x"  # it ran in the notebooks' own folder
    out = capsys.readouterr().out
    assert out.index("01_first") < out.index("02_second")
    assert "MB" in out


def test_finished_and_unchanged_notebooks_are_skipped_unless_fresh(folder, capsys):
    assert reproduce.reproduce("tiny", folder=folder, only=["02"])
    assert reproduce.reproduce("tiny", folder=folder, only=["02"])
    assert "unchanged" in capsys.readouterr().out
    assert (folder / "ran").read_text(encoding="utf-8") == "x"
    assert reproduce.reproduce("tiny", folder=folder, only=["02"], fresh=True)
    assert (folder / "ran").read_text(encoding="utf-8") == "xx"


def test_a_failure_stops_is_named_and_leaves_no_finished_copy(tmp_path, capsys):
    notebook(tmp_path, "01_breaks", "1 / 0")
    notebook(tmp_path, "02_later", "open('ran', 'a').write('x')")
    assert not reproduce.reproduce("tiny", folder=tmp_path)
    out = capsys.readouterr().out
    assert "ZeroDivisionError" in out
    assert not (tmp_path / "ran").exists()
    assert not (tmp_path / "executed/tiny/01_breaks.ipynb").exists()
    assert (tmp_path / "executed/tiny/01_breaks.partial.ipynb").exists()


def test_a_dead_kernel_is_a_failure_too(tmp_path, capsys):
    notebook(tmp_path, "01_dies", "import os; os._exit(9)")
    assert not reproduce.reproduce("tiny", folder=tmp_path)
    assert "failed" in capsys.readouterr().out


def test_a_parameter_that_does_not_exist_is_refused_before_anything_runs(folder):
    with pytest.raises(InputError, match=r"01_first\.ipynb has no parameter 'color'"):
        reproduce.reproduce("tiny", folder=folder, parameters={"color": "red"})
    assert not (folder / "executed").exists()


def test_a_notebook_says_what_a_reproduction_does_more(tmp_path):
    notebook(tmp_path, "01_looks", "print(value)")
    book = nbformat.read(tmp_path / "01_looks.ipynb", as_version=4)
    book.cells[0].metadata["reproduce"] = {"value": 5}
    nbformat.write(book, tmp_path / "01_looks.ipynb")
    assert reproduce.full_parameters(tmp_path / "01_looks.ipynb") == {"value": 5}
    assert reproduce.reproduce("tiny", folder=tmp_path)
    assert read(tmp_path, "01_looks").cells[-1].outputs[0].text == "5\n"
    assert reproduce.reproduce("tiny", folder=tmp_path, parameters={"value": 6})  # what is asked for comes first
    assert read(tmp_path, "01_looks").cells[-1].outputs[0].text == "6\n"


def test_one_notebook_trains_in_a_reproduction():
    more = {path.stem: reproduce.full_parameters(path) for path in reproduce.paths.NOTEBOOKS.glob("*.ipynb")}
    assert {name: found for name, found in more.items() if found} == {"10_training": {"train": True}}


def test_numbers_choose_notebooks(folder):
    assert reproduce.reproduce("tiny", folder=folder, start="02")
    assert not (folder / "executed/tiny/01_first.ipynb").exists()
    with pytest.raises(InputError, match="there are 01, 02"):
        reproduce.reproduce("tiny", folder=folder, start="05")


def test_data_and_model_reach_the_notebooks_that_have_them(tmp_path, mini_root, mini):
    """Paths are made absolute, since notebooks run in their own folder; the data's hash goes into the provenance."""
    notebook(tmp_path, "01_looks", "print(data_root, model)")
    book = nbformat.read(tmp_path / "01_looks.ipynb", as_version=4)
    book.cells[0].source = 'preset = "tiny"\ndata_root = None\nmodel = None\nseed = 3'
    nbformat.write(book, tmp_path / "01_looks.ipynb")
    notebook(tmp_path, "02_has_none", "print(preset)")
    (tmp_path / checkpoint.WEIGHTS).write_bytes(b"")
    assert reproduce.reproduce("tiny", folder=tmp_path, data=mini_root, model=tmp_path)
    seen = read(tmp_path, "01_looks")
    assert seen.cells[-1].outputs[0].text == f"{mini_root} {tmp_path}\n"
    assert seen.metadata["grisq"]["parameters"]["seed"] == 3
    assert seen.metadata["grisq"]["provenance"]["data"] == mini.content_hash


def test_another_model_under_the_same_path_is_looked_at_again(tmp_path, capsys):
    notebook(tmp_path, "01_looks", "print(model)")
    book = nbformat.read(tmp_path / "01_looks.ipynb", as_version=4)
    book.cells[0].source = 'preset = "tiny"\nmodel = None'
    nbformat.write(book, tmp_path / "01_looks.ipynb")
    model = tmp_path / "model"
    model.mkdir()
    for weights in (b"first", b"second"):
        (model / checkpoint.WEIGHTS).write_bytes(weights)
        assert reproduce.reproduce("tiny", folder=tmp_path, model=model)
        assert "unchanged" not in capsys.readouterr().out
    assert reproduce.reproduce("tiny", folder=tmp_path, model=model)
    assert "unchanged" in capsys.readouterr().out


def test_new_results_are_looked_at_again(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(reproduce.paths, "RESULTS", tmp_path / "results")
    (tmp_path / "results" / "tiny").mkdir(parents=True)
    for content in ("{}", '{"seed": 1}'):
        (tmp_path / "results" / "tiny" / "ours-seed0.json").write_text(content, encoding="utf-8")
        assert reproduce.reproduce("tiny", folder=folder, only=["01"])
        assert "unchanged" not in capsys.readouterr().out


def test_a_cell_that_did_not_run_is_a_failure(folder, monkeypatch, capsys):
    """As the others it stands in the table and in the log."""

    def execute(book, target, **_):
        nbformat.write(book, target)  # as it was: no cell has a number

    monkeypatch.setattr(reproduce.papermill, "execute_notebook", execute)
    assert not reproduce.reproduce("tiny", folder=folder)
    assert "has a code cell that did not run (number 0)" in capsys.readouterr().out
    assert "failed" in (folder / "executed" / "tiny" / reproduce.LOG).read_text(encoding="utf-8")


def test_results_made_on_this_machine_count_where_none_are_committed(folder, tmp_path, monkeypatch, capsys):
    made = tmp_path / "experiments" / "results" / "small"
    made.mkdir(parents=True)
    monkeypatch.setattr(reproduce.paths, "EXPERIMENTS", tmp_path / "experiments")
    (made / "ours-seed0.json").write_text("{}", encoding="utf-8")
    for expected in (False, True):
        assert reproduce.reproduce("small", folder=folder, only=["01"])
        assert ("unchanged" in capsys.readouterr().out) == expected
    (made / "ours-seed1.json").write_text("{}", encoding="utf-8")
    assert reproduce.reproduce("small", folder=folder, only=["01"])
    assert "unchanged" not in capsys.readouterr().out


def test_a_default_that_is_no_literal_is_named(tmp_path):
    notebook(tmp_path, "01_computes")
    book = nbformat.read(tmp_path / "01_computes.ipynb", as_version=4)
    book.cells[0].source = 'preset = "tiny"\nsteps = 8 * 60'
    nbformat.write(book, tmp_path / "01_computes.ipynb")
    with pytest.raises(InputError, match=r"'steps' of 01_computes\.ipynb must be one literal"):
        reproduce.reproduce("tiny", folder=tmp_path)


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"kernelspec": {"name": "my-venv", "display_name": "My venv"}},
        {"kernelspec": {"name": "conda-env-x-py", "display_name": "x", "language": "python"}},
        {"language_info": {"name": "python"}},
    ],
    ids=["none", "unknown", "another environment's", "language only"],
)
def test_notebooks_saved_with_another_kernel_run_in_this_environment(tmp_path, metadata):
    notebook(tmp_path, "01_saved", "import sys; print(sys.prefix)")
    book = nbformat.read(tmp_path / "01_saved.ipynb", as_version=4)
    book.metadata = nbformat.from_dict(metadata)
    nbformat.write(book, tmp_path / "01_saved.ipynb")
    assert reproduce.reproduce("tiny", folder=tmp_path)
    made = read(tmp_path, "01_saved")
    assert made.cells[-1].outputs[0].text == f"{sys.prefix}\n"
    assert made.metadata["kernelspec"]["name"] == reproduce.KERNEL


def test_what_is_no_python_notebook_is_one_sentence(tmp_path):
    notebook(tmp_path, "01_r")
    book = nbformat.read(tmp_path / "01_r.ipynb", as_version=4)
    book.metadata = nbformat.from_dict({"kernelspec": {"name": "ir", "display_name": "R", "language": "R"}})
    nbformat.write(book, tmp_path / "01_r.ipynb")
    with pytest.raises(InputError, match="is written in R"):
        reproduce.reproduce("tiny", folder=tmp_path)
    (tmp_path / "01_r.ipynb").write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match="is not a valid notebook"):
        reproduce.reproduce("tiny", folder=tmp_path)
