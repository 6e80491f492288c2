"""The recipes of docs/extending.md work as they are written, and touch no more places than they promise."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import grisq
from grisq.data import grefcoco, layout
from grisq.runtime.paths import ROOT

# A notebook has a place in the book as well: to which part and session it belongs, no name can tell.
MAX_PLACES = {"A system": 4, "A data set": 3, "A metric": 2, "A notebook": 4}
_HEADING = re.compile(r"### \d+\. `(.+)`")


def recipe(title: str) -> str:
    """The text of one recipe."""
    sections = re.split(r"^## ", (ROOT / "docs" / "extending.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    return next(section for section in sections if section.startswith(f"{title}:"))


def blocks(text: str) -> list[tuple[str, str]]:
    """(language, content) of every fenced block."""
    return re.findall(r"^```(\w+)\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def places(text: str) -> list[tuple[str, list[tuple[str, str]]]]:
    """(path, blocks) of every numbered place."""
    parts = re.split(r"^(?=### \d+\. )", text, flags=re.MULTILINE)[1:]
    return [(_HEADING.match(part)[1], blocks(part)) for part in parts]


def apply(title: str, root: Path) -> set[str]:
    """Carry out a recipe in a copy of the package; returns the files that were touched."""
    touched = set()
    for path, changes in places(recipe(title)):
        file = root / path
        for language, content in changes:
            if language == "python":
                assert not file.exists(), f"{path} is no new file"
                file.write_text(content, encoding="utf-8")
            else:
                old, new = (
                    "".join(f"{line[1:]}\n" for line in content.splitlines() if line[0] == sign) for sign in "-+"
                )
                source = file.read_text(encoding="utf-8")
                assert source.count(old) == 1, f"{path} does not hold this once:\n{old}"
                file.write_text(source.replace(old, new), encoding="utf-8")
            touched.add(path)
    return touched


@pytest.fixture
def copy(tmp_path):
    """A copy of the package to extend."""
    shutil.copytree(Path(grisq.__file__).parent, tmp_path / "grisq", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def run(copy: Path, code: str, *arguments: object) -> str:
    """What Python prints when it imports the copy."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, cwd=copy, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    return done.stdout


TRAIN_AND_MEASURE = """
import sys
from pathlib import Path
import grisq
from grisq.config import override
from grisq.data.grefcoco import load
from grisq.experiments.registry import find_experiment
assert Path(grisq.__file__).is_relative_to(Path.cwd())
small = {"train.steps": 2, "train.batch": 4, "train.eval_samples": 4, "train.warmup": 0, "model.pointwise.hidden": 8}
small |= {"model.swin.pretrained": None, "model.text.pretrained": None}  # the copy has the package alone
preset = override(find_experiment("pointwise").configure(grisq.preset("tiny")), small)
run = Path("run")
grisq.train(preset, load(sys.argv[1]), run, device="cpu", progress=False)
report = grisq.evaluate(run, sys.argv[1], splits=["val"], device="cpu", progress=False)
print(sorted(name for name in report["results"]["val"]["protocols"]["rela"]))
prediction = grisq.Segmenter.from_pretrained(run, device="cpu")(sys.argv[2], "two dogs")
print(prediction.mask.shape, prediction.plurality)
"""


def test_a_toy_system_and_a_toy_metric_are_trained_and_measured(copy, mini_root, tmp_path):
    system, metric = apply("A system", copy), apply("A metric", copy)
    assert len(system) <= MAX_PLACES["A system"]
    assert len(metric) <= MAX_PLACES["A metric"]
    Image.new("RGB", (40, 30)).save(tmp_path / "picture.png")
    printed = run(copy, TRAIN_AND_MEASURE, mini_root, tmp_path / "picture.png")
    assert "'Pr@0.9', 'Pr@0.95'" in printed
    assert "(30, 40) None" in printed


def test_a_toy_data_set_is_read(tmp_path):
    ((_, code),) = blocks(recipe("A data set"))
    exec(compile(code, "extending.md", "exec"), {"root": tmp_path})
    (tmp_path / layout.IMAGES).mkdir(parents=True)
    Image.new("RGB", (64, 48)).save(tmp_path / layout.IMAGES / "one.png")
    data = grefcoco.load(tmp_path)
    assert data.expression(0).text == "Two cars"
    assert data.target_counts.tolist() == [2]
    assert data.mask(0).sum() == 2 * 64


@pytest.mark.parametrize("title", MAX_PLACES)
def test_no_recipe_has_more_places_than_promised(title):
    numbered = re.findall(r"^(?:### )?\d+\. `", recipe(title), flags=re.MULTILINE)
    assert 1 <= len(numbered) <= MAX_PLACES[title]
