"""`import grisq` is enough for most programs, and costs nothing until a name is used."""

import subprocess
import sys

import pytest

import grisq


@pytest.mark.parametrize("name", grisq.__all__)
def test_every_public_name_is_there(name):
    assert getattr(grisq, name).__doc__
    assert name in dir(grisq)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="Segmentor"):
        grisq.Segmentor  # noqa: B018


def test_importing_the_package_imports_nothing_heavy():
    heavy = "torch", "timm", "transformers", "numpy", "pandas", "numba"
    code = f"import grisq, sys; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_data_set_by_the_name_of_its_preset(mini_root):
    assert (
        grisq.load_dataset("tiny", mini_root).content_hash
        == grisq.load_dataset(grisq.preset("tiny"), mini_root).content_hash
    )
