import subprocess

import pytest

from grisq.runtime import provenance


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout of its own with one file of code and one figure, both committed."""
    for name in ("grisq/training/trainer.py", "figures/curve.svg"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("as committed", encoding="utf-8")
    author = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    for arguments in (("init", "-q"), ("add", "."), (*author, "commit", "-q", "-m", "first")):
        subprocess.run(["git", "-C", tmp_path, *arguments], check=True)
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    return tmp_path


def test_a_new_figure_is_no_change_of_the_code(checkout):
    clean = provenance.commit()
    (checkout / "figures/curve.svg").write_text("drawn again", encoding="utf-8")
    assert provenance.commit() == clean
    assert len(clean) == 12


def test_changed_code_is_said(checkout):
    clean = provenance.commit()
    (checkout / "grisq/training/trainer.py").write_text("edited", encoding="utf-8")
    assert provenance.commit() == clean + "+changes"


def test_outside_a_checkout_there_is_no_commit(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    assert provenance.commit() is None
