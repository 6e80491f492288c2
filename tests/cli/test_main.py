import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from grisq import checkpoint
from grisq.cli import main
from grisq.config import override, preset
from grisq.data import grefcoco
from grisq.data.layout import IMAGES, INSTANCES
from grisq.runtime.files import read_json
from grisq.runtime.paths import ROOT

COMMANDS = [
    [],
    ["data"],
    ["data", "synthetic"],
    ["data", "expressions"],
    ["data", "download"],
    ["data", "check"],
    ["stats"],
    ["train"],
    ["eval"],
    ["experiments"],
    ["experiments", "list"],
    ["experiments", "run"],
    ["pack"],
    ["predict"],
    ["predict-many"],
    ["export"],
]
SMALLER = [
    "train.steps=2",
    "train.batch=4",
    "train.eval_samples=4",
    "model.image_size=64",
    "model.channels=16",
    "model.swin.embed_dim=16",
    "model.swin.num_heads=1,1,2,2",
    "model.swin.pretrained=none",
    "model.text.pretrained=none",
]


def grisq(monkeypatch, capsys, *arguments):
    """Run the command line in this process: exit status, standard output, standard error."""
    monkeypatch.setattr(sys, "argv", ["grisq", *map(str, arguments)])
    try:
        main.main()
        status = 0
    except SystemExit as stop:
        status = stop.code or 0
    said = capsys.readouterr()
    return status, said.out, said.err


@pytest.fixture(scope="module")
def run(mini_root, tmp_path_factory):
    """A trained run, made by the command line."""
    folder = tmp_path_factory.mktemp("runs") / "first"
    with pytest.MonkeyPatch.context() as patch:
        settings = [part for pair in SMALLER for part in ("--set", pair)]
        patch.setattr(sys, "argv", ["grisq", "train", "--data", str(mini_root), "--run", str(folder), *settings])
        with pytest.raises(SystemExit) as stop:
            main.main()
        assert not stop.value.code
    return folder


@pytest.fixture
def picture(tmp_path):
    Image.new("RGB", (70, 50), "green").save(tmp_path / "picture.png")
    return tmp_path / "picture.png"


@pytest.mark.parametrize("command", [*COMMANDS, ["reproduce"]], ids=" ".join)
def test_every_command_explains_itself(monkeypatch, capsys, command):
    status, out, _ = grisq(monkeypatch, capsys, *command, "--help")
    assert status == 0
    assert "Usage" in out
    assert len(out) > 300


def test_help_does_not_load_torch():
    probe = "import sys, grisq.cli.main; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_train_writes_a_checkpoint_with_the_settings_given(run):
    about = checkpoint.load(run).about
    assert about["step"] == 2
    assert about["preset"]["model"]["channels"] == 16
    assert override(preset("tiny"), {"model.channels": "16"}).model.channels == 16


def test_eval_prints_a_table_and_writes_json(monkeypatch, capsys, run, mini_root, tmp_path):
    out_file = tmp_path / "numbers.json"
    status, out, _ = grisq(
        monkeypatch,
        capsys,
        "eval",
        run,
        "--data",
        mini_root,
        "--protocol",
        "rela",
        "--protocol",
        "gsva",
        "-o",
        out_file,
    )
    assert status == 0
    for word in ("gIoU", "T-acc", "testA", "gsva", "data "):
        assert word in out
    report = read_json(out_file)
    assert report["data"] == grefcoco.load(mini_root).content_hash
    assert report["provenance"]["packages"]["torch"]
    assert set(report["results"]) == {"val", "testA", "testB"}
    counts = report["counts"]["val"]
    metrics = report["results"]["val"]["protocols"]["rela"]
    assert metrics["n_no_target"] == counts["no-target"]


def test_predict_says_and_writes(monkeypatch, capsys, run, picture, tmp_path):
    status, out, _ = grisq(
        monkeypatch,
        capsys,
        "predict",
        picture,
        "two dogs",
        "a cat",
        "-m",
        run,
        "-o",
        tmp_path / "out.png",
        "--threshold",
        0,
    )
    assert status == 0
    assert "'two dogs'" in out
    assert Image.open(tmp_path / "1-out.png").size == (70, 50)
    assert (tmp_path / "2-out.png").is_file()


def test_stats_counts_a_folder(monkeypatch, capsys, mini_root):
    status, out, _ = grisq(monkeypatch, capsys, "stats", mini_root)
    assert status == 0
    assert "no-target" in out
    assert "Release: none that is known" in out


def test_experiments_are_listed_with_their_changes_and_seeds(monkeypatch, capsys, tmp_path):
    status, out, _ = grisq(monkeypatch, capsys, "experiments", "list", "--out", tmp_path)
    assert status == 0
    assert "model.target_query=False" in out
    assert "Figure 4" in out
    assert re.search(r"seeds committed: \[0, [\d, ]+\], own: none", out)


def test_data_expressions_makes_a_readable_set(monkeypatch, capsys, mini_root, tmp_path):
    """COCO annotations in, gRefCOCO format out; the synthetic set's own instances are COCO annotations too."""
    status, _, err = grisq(
        monkeypatch,
        capsys,
        *("data", "expressions", "--instances", mini_root / INSTANCES),
        *("--images", mini_root / IMAGES, "--out", tmp_path / "mine"),
    )
    assert status == 0, err
    made = grefcoco.load(tmp_path / "mine")
    assert {"train", "val"} <= set(made.splits)
    assert (made.target_counts == 0).any()


def test_the_slurm_script_is_sound_and_its_command_is_ours(monkeypatch, capsys):
    script = ROOT / "scripts" / "paper.slurm"
    subprocess.run(["bash", "-n", script], check=True)
    command = re.search(r"srun grisq (\w+) (.*?) &\n", script.read_text(encoding="utf-8"), re.DOTALL)
    _, help_text, _ = grisq(monkeypatch, capsys, command[1], "--help")
    options = re.findall(r"--[a-z-]+", command[2])
    assert len(options) == 6
    assert all(option in help_text for option in options)


def test_data_check_finds_a_broken_picture_and_deletes_it(monkeypatch, capsys, mini_root, tmp_path):
    root = shutil.copytree(mini_root, tmp_path / "set")
    assert grisq(monkeypatch, capsys, "data", "check", "--root", root)[0] == 0
    broken = next((root / IMAGES).iterdir())
    broken.write_text("not found", encoding="utf-8")
    status, out, _ = grisq(monkeypatch, capsys, "data", "check", "--root", root, "--delete-broken")
    assert status == 1
    assert broken.name in out
    assert not broken.exists()


def bad(tmp_path: Path, run: Path, mini_root: Path, picture: Path) -> dict[str, tuple[list, str]]:
    """Wrong commands and what must be said about each."""
    return {
        "packed without its data": (
            ["pack", run, "-o", tmp_path / "o", "--trained-on", tmp_path / "none"],
            "no folder",
        ),
        "nothing to pack": (["pack", tmp_path / "none", "-o", tmp_path / "o"], "holds no checkpoint"),
        "missing data": (["stats", tmp_path / "none"], "There is no folder"),
        "nothing to check": (["data", "check", "--root", tmp_path / "none"], "There is no folder"),
        "addresses that are not there": (
            ["data", "download", "--root", tmp_path / "set", "--sources", tmp_path / "mirror.json"],
            "mirror.json is missing",
        ),
        "missing picture": (["predict", tmp_path / "none.png", "dog", "-m", run], "does not exist"),
        "jobs without a column": (
            ["predict-many", tmp_path / "jobs.csv", "-o", tmp_path / "o", "-m", run],
            "no column 'text'",
        ),
        "half precision that CPUs do not have": (["predict", picture, "dog", "-m", run, "--precision", "fp16"], "bf16"),
        "unknown format": (["export", "-m", run, "-o", tmp_path / "o", "--format", "tflite"], "onnx or pt2"),
        "an export to nowhere": (["export", "-m", run], "with --out, or that of a web page with --web"),
        "a page in a format": (["export", "--web", tmp_path / "o", "--format", "pt2"], "does not go with --web"),
        "a runtime without a page": (["export", "-o", tmp_path / "o", "--runtime", tmp_path], "does not go with --out"),
        "a runtime that is not there": (
            ["export", "-m", run, "--web", tmp_path / "o", "--runtime", tmp_path],
            "npm install onnxruntime-web@",
        ),
        "no picture": (["predict", tmp_path / "note.png", "dog", "-m", run], "cannot be read as a picture"),
        "empty expression": (["predict", picture, " ", "-m", run], "expression is empty"),
        "no checkpoint": (["predict", picture, "dog", "-m", tmp_path], "holds no checkpoint"),
        "unknown split": (["eval", run, "-d", mini_root, "--split", "test"], "it has train, val, testA, testB"),
        "unknown protocol": (["eval", run, "-d", mini_root, "--protocol", "x"], "rela, original, gsva"),
        "unknown preset": (["train", "-p", "huge"], "tiny, pretrained-tiny, small, paper"),
        "unknown setting": (["train", "-s", "train.stepz=3"], "train.stepz"),
        "setting without value": (["train", "-s", "train.steps"], "name=value"),
        "no data for paper": (["train", "-p", "paper", "-r", tmp_path / "r"], "--data"),
        "no weights": (
            ["train", "-p", "paper", "-d", mini_root, "-r", tmp_path / "r", "-s", "model.swin.pretrained=none"],
            "model.text.pretrained",
        ),
        "no BERT there": (
            ["train", "-d", mini_root, "-r", tmp_path / "r", "--bert", "no/bert"],
            "text.pretrained=PATH",
        ),
        "no Swin there": (
            ["train", "-d", mini_root, "-r", tmp_path / "r", "--swin", "no/swin"],
            "swin.pretrained=PATH",
        ),
        "another run's settings": (["train", "-d", mini_root, "-r", run], "choose another folder"),
        "unknown set": (["data", "synthetic", "large"], "mini, tiny, tiny-long, encoders, small"),
        "unknown set of a preset": (
            ["train", "-s", "data=large", "-r", tmp_path / "r"],
            "mini, tiny, tiny-long, encoders, small",
        ),
        "missing instances": (
            ["data", "expressions", "--instances", tmp_path / "i.json", "--images", tmp_path, "-o", tmp_path / "o"],
            "i.json",
        ),
        "no experiment named": (["experiments", "run"], "or give --all"),
        "experiments and all of them": (["experiments", "run", "ours", "--all"], "either names or --all, not both"),
        "unknown experiment": (["experiments", "run", "table2", "-d", mini_root], "choose from baseline, query"),
        "seeds that are no numbers": (["experiments", "run", "ours", "--seeds", "all", "-d", mini_root], "0,1,2"),
        "unknown notebook": (["reproduce", "--only", "77"], "There is no notebook"),
        "picture format": (
            ["predict", picture, "dog", "-m", run, "-o", tmp_path / "out.gif", "--threshold", 0],
            ".png",
        ),
        "no GPU": (["predict", picture, "dog", "-m", run, "--device", "cuda:9"], "GPU"),
        "no GPU to train on": (["train", "-d", mini_root, "-r", tmp_path / "r", "--device", "cuda:9"], "GPU"),
        "no GPU to evaluate on": (["eval", run, "-d", mini_root, "--device", "cuda:9"], "GPU"),
        "no such device": (["train", "-d", mini_root, "-r", tmp_path / "r", "--device", "qux"], "auto, cpu, cuda"),
    }


@pytest.mark.parametrize("case", bad(Path(), Path(), Path(), Path()))
def test_bad_input_is_one_sentence_and_status_2(monkeypatch, capsys, tmp_path, run, mini_root, picture, case):
    (tmp_path / "note.png").write_text("no picture", encoding="utf-8")
    (tmp_path / "jobs.csv").write_text("picture\n", encoding="utf-8")
    arguments, said = bad(tmp_path, run, mini_root, picture)[case]
    status, _, err = grisq(monkeypatch, capsys, *arguments)
    assert status == 2
    lines = [line for line in err.splitlines() if line.startswith("grisq: ")]
    assert len(lines) == 1
    assert said in lines[0]
    assert "Traceback" not in err
    assert checkpoint.load(run).about["step"] == 2  # nothing finished was lost


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        (["stats"], "grisq: stopped.\n"),
        (["train"], "grisq: stopped; the same command resumes from the last checkpoint.\n"),
        (["train", "--fresh"], "grisq: stopped; the same command without --fresh resumes from the last checkpoint.\n"),
        (["experiments", "list"], "grisq: stopped.\n"),
    ],
    ids=str,
)
def test_a_stop_promises_only_what_the_command_does(monkeypatch, capsys, arguments, advice):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("grisq.config.preset", interrupt)
    monkeypatch.setattr("grisq.experiments.selection.collect", interrupt)
    status, _, err = grisq(monkeypatch, capsys, *arguments)
    assert (status, err) == (130, advice)


def test_a_bad_ending_is_refused_before_the_model_is_read(monkeypatch, capsys, picture, tmp_path):
    status, _, err = grisq(monkeypatch, capsys, "predict", picture, "dog", "-m", tmp_path / "none", "-o", "out.gif")
    assert status == 2
    assert "out.gif must end in .png" in err
