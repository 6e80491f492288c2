"""The package is written for Linux, macOS and Windows: no Unix-only import, no encoding of the system, no fork."""

import ast
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

import grisq
from grisq.augment.recipes import Plain
from grisq.augment.render import RecipeDataset
from grisq.augment.sampler import Slot
from grisq.data.sample import Collate
from grisq.runtime.paths import ROOT

FILES = sorted(path for folder in ("grisq", "benchmarks", "book", "scripts") for path in (ROOT / folder).rglob("*.py"))
IMPORT_EVERYTHING = """
import builtins, pkgutil, sys

UNIX = {"resource", "fcntl", "pwd", "grp", "termios", "tty", "pty", "syslog", "posix", "crypt", "spwd", "readline"}
ordinary = builtins.__import__

def refuse(name, globals=None, *rest, **options):
    module = (globals or {}).get("__name__", "")
    if module.split(".")[0] == "grisq" and name.split(".")[0] in UNIX:
        raise ModuleNotFoundError(f"{module} imports {name}, which Windows does not have")
    return ordinary(name, globals, *rest, **options)

builtins.__import__ = refuse
import grisq
for module in pkgutil.walk_packages(grisq.__path__, "grisq."):
    if module.name not in ("grisq.__main__", "grisq.models.layers.deformable_triton"):  # the latter: CUDA on Linux
        __import__(module.name)
print(len([name for name in sys.modules if name.startswith("grisq.")]))
"""


def test_every_module_imports_without_what_only_unix_has():
    found = subprocess.run(
        [sys.executable, "-c", IMPORT_EVERYTHING], capture_output=True, encoding="utf-8", check=False
    )
    assert found.returncode == 0, found.stderr
    assert int(found.stdout) > 80


def is_text(call: ast.Call) -> bool:
    """Whether a call opens, reads or writes text, or talks to a process in text."""
    function = call.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    options = {keyword.arg: keyword.value for keyword in call.keywords}
    if name in ("run", "Popen", "check_output") and {"text", "universal_newlines"} & options.keys():
        return True
    if isinstance(function, ast.Attribute) and name in ("read_text", "write_text"):
        return True
    if name != "open" or ast.unparse(function) in ("Image.open", "os.open", "archive.open", "tarfile.open"):
        return False
    place = 0 if isinstance(function, ast.Attribute) else 1  # of the mode: path.open(mode), open(path, mode)
    mode = options.get("mode", call.args[place] if len(call.args) > place else ast.Constant("r"))
    return not any(isinstance(node, ast.Constant) and "b" in str(node.value) for node in ast.walk(mode))


def test_every_text_is_read_and_written_as_utf_8():
    """On Windows the default is the system's code page, before Python 3.15."""
    missing = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {ast.unparse(node)[:60]}"
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and is_text(node) and "encoding" not in {keyword.arg for keyword in node.keywords}
    ]
    assert not missing, "\n".join(missing)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("path.read_text()", True),
        ("open(path, 'w')", True),
        ("path.open('rb')", False),
        ("open(path, mode='ab')", False),
        ("path.open('ab' if more else 'wb')", False),
        ("subprocess.run(a, text=True)", True),
        ("Image.open(path)", False),
    ],
)
def test_the_search_for_texts_knows_them(code, expected):
    assert is_text(ast.parse(code).body[0].value) is expected


@pytest.mark.skipif(not sys.flags.warn_default_encoding, reason="`make unit` turns the warning on")
def test_a_text_without_an_encoding_is_an_error_here(tmp_path):
    (tmp_path / "a.txt").write_text("a", encoding="utf-8")
    code = compile("path.read_text()", str(Path(grisq.__file__)), "exec")
    with pytest.raises(EncodingWarning):
        exec(code, {"path": tmp_path / "a.txt", "__name__": "grisq.example", "__warningregistry__": {}})


def test_data_workers_start_by_spawn(reader, mini):
    """As on Windows and macOS, and as every start but fork needs it: the data set travels by pickle."""
    rows = [int(row) for row in np.flatnonzero(mini.target_counts)[:3]]
    dataset, collate = RecipeDataset(reader, max_tokens_mosaic=80), Collate(reader.tokenizer.pad_id)
    slots = [[Slot(Plain(row), 1.0) for row in rows]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch, about the number of cores
        loader = DataLoader(
            dataset, batch_sampler=slots, num_workers=1, collate_fn=collate, multiprocessing_context="spawn"
        )
        (found,) = list(loader)
    expected = collate([dataset[slot] for slot in slots[0]])
    for name in ("images", "masks", "tokens", "plurality"):
        assert torch.equal(getattr(found, name), getattr(expected, name))


def test_help_is_fast():
    """`grisq --help` loads nothing that computes; its processor time stays far below what importing torch takes."""
    code = (
        "import sys, time\nsys.argv = ['grisq', '--help']\nfrom grisq.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'numpy', 'pandas', 'transformers', 'PIL', 'httpx', 'httpx2', 'pyarrow'} & set(sys.modules)\n"
        "print(sorted(heavy), time.process_time(), file=sys.stderr)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True)
    heavy, seconds = found.stderr.strip().rsplit(maxsplit=1)
    assert heavy == "[]"
    assert float(seconds) < 1.0  # 0.1 where it was measured
