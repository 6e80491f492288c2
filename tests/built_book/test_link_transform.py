"""What becomes of links while the book is built, node by node; `tests/book/test_links.py` has where they lead."""

from types import SimpleNamespace

import pytest
from docutils import nodes
from sphinx import addnodes
from sphinx.util.docutils import new_document

from binding.link_transform import Links
from binding.pages import notebooks
from grisq.runtime.paths import ROOT

FIRST = notebooks()[0]


def transformed(child, *, page="docs/scoring", repository=""):
    """A paragraph with a node, after the transform."""
    document = new_document("page")
    document.settings.env = SimpleNamespace(docname=page, config=SimpleNamespace(repository=repository))
    paragraph = nodes.paragraph("", "", child)
    document += paragraph
    Links(document).apply()
    return paragraph


def link(target, text="words"):
    """What MyST makes of a link to a file."""
    kind = addnodes.download_reference if (ROOT / "docs" / target).is_file() else addnodes.pending_xref
    node = kind(refdomain=None, reftype="myst", reftarget=target, refexplicit=True)
    node += nodes.inline(text, text)
    return node


def test_a_folder_with_a_page_leads_to_it():
    (node,) = transformed(link("../data/models/tiny")).children
    assert (node["refdomain"], node["reftarget"], node.astext()) == ("doc", "data/models/tiny", "words")


def test_a_source_file_leads_to_the_reference():
    (node,) = transformed(link("../grisq/config/presets.py")).children
    assert (node["refdomain"], node["reftype"], node["reftarget"]) == ("py", "mod", "grisq.config.presets")


def test_a_small_text_file_is_copied_until_the_repository_has_an_address():
    (node,) = transformed(link("../scripts/paper.slurm")).children
    assert isinstance(node, addnodes.download_reference)
    (node,) = transformed(link("../scripts/paper.slurm"), repository="https://host.example/o/n").children
    assert node["refuri"] == "https://host.example/o/n/blob/main/scripts/paper.slurm"


def test_what_is_neither_is_shown_as_code():
    paragraph = transformed(link("../data/results"))
    assert paragraph.astext() == "words (data/results/)"
    assert [node.astext() for node in paragraph.findall(nodes.literal)] == ["data/results/"]
    assert transformed(link("../data/results", "data/results")).astext() == "data/results/"
    (node,) = transformed(link("../data/results"), repository="https://host.example/o/n").children
    assert node["refuri"] == "https://host.example/o/n/blob/main/data/results"


def test_a_link_in_an_output_is_resolved_like_any_other():
    """There MyST knows no files, and makes a plain reference."""
    (node,) = transformed(nodes.reference("", "words", refuri="../data/models/tiny/README.md")).children
    assert (node["refdomain"], node["reftarget"], node.astext()) == ("doc", "data/models/tiny", "words")
    (node,) = transformed(nodes.reference("", "words", refuri="../scripts/paper.slurm")).children
    assert (type(node), node["reftarget"]) == (addnodes.download_reference, "../scripts/paper.slurm")
    (node,) = transformed(nodes.reference("", "words", refuri="https://host.example")).children
    assert node["refuri"] == "https://host.example"


@pytest.mark.parametrize("text", [FIRST.stem.split("_")[0], FIRST.stem])
def test_the_name_of_a_notebook_is_a_link_but_on_its_own_page(text):
    (node,) = transformed(nodes.literal(text, text)).children
    assert (node["refdomain"], node["reftarget"], node.astext()) == ("doc", f"notebooks/{FIRST.stem}", text)
    (node,) = transformed(nodes.literal(text, text), page=f"notebooks/{FIRST.stem}").children
    assert isinstance(node, nodes.literal)


def test_names_of_the_package_are_links_and_other_code_is_not():
    (node,) = transformed(nodes.literal("", "grisq.models.rela.ReLA")).children
    assert (node["refdomain"], node["reftype"], node["reftarget"]) == ("py", "obj", "grisq.models.rela.ReLA")
    for text in ("grisq predict", "grisqual.x", "x = 1"):
        (node,) = transformed(nodes.literal("", text)).children
        assert isinstance(node, nodes.literal)


def test_code_inside_of_a_link_stays_as_it_is():
    code = nodes.literal(FIRST.stem, FIRST.stem)
    (node,) = transformed(nodes.reference("", "", code, refuri="https://host.example")).children
    assert node.children == [code]
