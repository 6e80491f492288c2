"""Pages that the build completes: the course, the map of the paper, sessions, exercises, runs."""

import json
import os
import re
import subprocess
import sys

import pytest

from binding import course, lectures, paper_map, reference_tables
from binding.fill import fill, is_filled, store, table
from binding.notebook import Exercise, read_notebook
from binding.pages import notebooks, read_contents
from grisq.config import PRESETS
from grisq.evaluation.metrics import MCC, METRICS
from grisq.evaluation.protocols import DIAGNOSTICS, PROTOCOLS
from grisq.experiments import paper
from grisq.experiments.registry import EXPERIMENTS
from grisq.runtime.errors import InputError
from grisq.runtime.paths import ROOT

BOOK = ROOT / "book"


def test_a_line_is_filled_and_an_unknown_one_refused(tmp_path):
    assert (
        fill("a\n<!-- fill: x -->\nb `<!-- fill: x -->`", {"x": lambda: "1\n2"}, "p") == "a\n1\n2\nb `<!-- fill: x -->`"
    )
    with pytest.raises(InputError, match=r"page\.md asks for 'y'"):
        fill("<!-- fill: y -->", {"x": str}, "page.md")
    (tmp_path / "a.md").write_text("<!-- fill: y -->\n", encoding="utf-8")
    (tmp_path / "b.md").write_text("no\n", encoding="utf-8")
    assert [is_filled(tmp_path / name) for name in ("a.md", "b.md")] == [True, False]


def test_a_stored_text_is_written_anew_and_replaced_by_the_build():
    page = "a\n<!-- fill: x -->\n\nold\n\n<!-- end of x -->\nb\n<!-- fill: y -->\nc\n"
    writers = {"x": lambda: "new", "y": lambda: "built"}
    stored = store(page, writers)
    assert stored == page.replace("old", "new")
    assert store(stored, writers) == stored
    assert fill(stored, writers, "p") == "a\nnew\nb\nbuilt\nc\n"


def test_a_cell_does_not_end_its_table():
    assert table(["a", "b"], [["1\n2", "|x|"]]) == "| a | b |\n| --- | --- |\n| 1 2 | \\|x\\| |"


def test_what_is_read_from_a_notebook(notebook, tmp_path):
    header = "# 06 · The *query*\n\n* **Paper**: x\n* **You can say at the end**: why $e_0$.\n* **Runs in**: 1 s"
    exercises = (
        "## Exercises\n\nTwo.\n\n★★ Write `f`. Solution: `x`.\n\n**★** Write `g`:\n\n**★★ Bold.** h\n\n## Next\n\n★ No."
    )
    notebook(tmp_path / "06_query.ipynb", [header, "## Exercise\n\nWrite\n`h(x)`. Solution: y.\n\nMore.", exercises])
    found = read_notebook(tmp_path / "06_query.ipynb")
    assert (found.number, found.title, found.aim) == ("06", "The *query*", "why $e_0$.")
    assert found.exercises[:2] == (Exercise("", "Write `h(x)`."), Exercise("★★", "Write `f`."))
    assert found.exercises[2:] == (Exercise("★", "Write `g` …"), Exercise("★★", "**Bold.** h"))


def test_the_front_page_lists_every_notebook_with_what_it_is_for():
    contents = read_contents()
    text, trees = course.parts(contents), course.trees(contents)
    for path in notebooks():
        assert f"](../notebooks/{path.name})" in text
        assert f"/notebooks/{path.stem}\n" in trees
        assert read_notebook(path).aim
    assert trees.count("```{toctree}") == len(contents.parts)


def test_the_map_has_every_line_of_the_paper():
    text = paper_map.paper_map()
    for row in paper.equations().itertuples():
        assert f"<{row.module}>`" in text
        assert f"](../notebooks/{row.notebook}.ipynb)" in text
        assert f"](../{row.test})" in text
        assert (ROOT / row.test).is_file()


def test_sessions_take_every_notebook_once_and_decks_at_most_once():
    taken = [path for session in lectures.read_sessions() for path in session.notebooks]
    assert sorted(taken) == notebooks()
    shown = [path for deck in lectures.read_decks() for path in deck.notebooks]
    assert len(shown) == len(set(shown))
    assert len(lectures.read_decks()) == 3


def test_every_notebook_has_an_exercise_on_the_teachers_page():
    text = lectures.exercises_table()
    for path in notebooks():
        assert f"](../notebooks/{path.name})" in text
    assert "Write `" in text


def terms():
    """The terms of the glossary."""
    blocks = re.findall(r"```\{glossary\}\n(.*?)\n```", (BOOK / "glossary.md").read_text(encoding="utf-8"), re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line and not line.startswith(" ")]


def test_the_glossary_explains_every_metric_protocol_preset_and_run():
    known = set(terms())
    assert len(known) == len(terms())
    assert {*PROTOCOLS, *DIAGNOSTICS} <= known
    text = (BOOK / "glossary.md").read_text(encoding="utf-8")
    for metric in (*METRICS, MCC):
        assert metric in known or metric.startswith("Pr@") or f"*{metric}*" in text, metric
    assert "Pr@X" in known
    assert all(f"| `{name}` |" in reference_tables.presets_table() for name in PRESETS)
    runs = reference_tables.runs_table()
    assert all(f"| `{name}` |" in runs for name, each in EXPERIMENTS.items() if not each.tunes)


def test_terms_that_pages_refer_to_are_in_the_glossary():
    known = {term.lower() for term in terms()}
    texts = [path.read_text(encoding="utf-8") for path in (*BOOK.glob("*.md"), *ROOT.glob("docs/*.md"))]
    texts += [
        "".join(cell["source"])
        for path in notebooks()
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
        if cell["cell_type"] == "markdown"
    ]
    used = [found for text in texts for found in re.findall(r"\{term\}`([^`]+)`", text)]
    assert len(used) > 20
    for name in used:
        assert re.sub(r".*<(.+)>", r"\1", name).lower() in known, name


def test_what_the_unit_tests_use_of_the_book_needs_no_sphinx():
    """`make unit` runs without the extra `book`."""
    blocked = "import sys\nfor name in ('sphinx', 'docutils', 'myst_nb', 'myst_parser'): sys.modules[name] = None\n"
    used = ("alt_text", "api", "course", "demo", "docstrings", "fill", "lectures", "links", "markdown", "paper_map")
    used += ("reference_tables", "signatures", "slides", "tables")
    code = blocked + "".join(f"import binding.{name}\n" for name in used)
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)})
