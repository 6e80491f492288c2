"""Which tests a mutated module is tried against. The mutants themselves are `make mutants`, not a test."""

import subprocess
import sys
import tomllib

import mutants
import pytest

from grisq.runtime.paths import ROOT


def test_every_module_of_the_core_has_tests_that_exist():
    modules = mutants.find_modules(list(mutants.CORE))
    assert "data/letterbox" in modules
    assert not [module for module in modules if module.endswith("__init__")]
    for module in modules:
        files = mutants.tests_of(module)
        assert files, module
        assert all((ROOT / file).is_file() for file in files), module


def test_modules_with_tests_elsewhere_are_modules():
    assert set(mutants.OTHER_TESTS) <= set(mutants.find_modules(list(mutants.CORE)))


def test_a_path_names_a_module_or_a_folder():
    assert mutants.find_modules(["grisq/data/masks.py", "data/masks"]) == ["data/masks"]
    assert len(mutants.find_modules(["augment"])) > 1
    with pytest.raises(SystemExit, match="There is no module or folder grisq/data/nothing"):
        mutants.find_modules(["data/nothing"])


def test_the_settings_are_toml_that_names_module_and_tests():
    text = mutants.SETTINGS.format(source="grisq/data/masks.py", tests='["tests/data/test_masks.py"]')
    settings = tomllib.loads(text)["tool"]["mutmut"]
    assert settings["only_mutate"] == ["grisq/data/masks.py"]
    assert settings["pytest_add_cli_args_test_selection"] == ["tests/data/test_masks.py"]


def test_the_share_counts_mutants_that_no_test_reaches():
    result = mutants.Result("data/masks", 6, 1, 1, 10.0, (), ())
    assert result.share == "75 %"
    assert mutants.Result("data/masks", 0, 0, 0, 1.0, (), ()).share == "-"


def test_help_says_what_is_left_out():
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts/mutants.py"), "--help"], capture_output=True, encoding="utf-8"
    )
    assert "decorated" in done.stdout
