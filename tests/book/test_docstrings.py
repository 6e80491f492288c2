"""Docstrings become reStructuredText without losing a sign or gaining a meaning."""

import pytest

from binding.docstrings import escaped, readable


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("|x| is a * b", r"\|x\| is a \* b"),
        ("f_ and f_text", r"f\_ and f_text"),
        ("rela@truth", r"rela\@truth"),
        ("see `--set a=b` and `x`", "see ``--set a=b`` and ``x``"),
        ("a `name * with|signs_` b*", r"a ``name * with|signs_`` b\*"),
        ("a `lonely", "a 'lonely"),
        ("`grisq.models`", ":py:obj:`grisq.models <grisq.models>`"),
        ("`TargetQuery`", ":py:obj:`TargetQuery <grisq.models.target_query.TargetQuery>`"),
        ("`score_counts()`", ":py:obj:`score_counts() <grisq.evaluation.protocols.score_counts>`"),
        ("`score_counts`", "``score_counts``"),  # rather an argument or a field of that name
    ],
)
def test_signs_and_code(text, expected):
    assert escaped(text) == expected


def test_paragraphs_lists_and_equations():
    lines = ["One *sentence*.", "", "As in", "    y = a * b", "and so on.", "", "* first", "  more_", "* second", ""]
    expected = [r"One \*sentence\*.", "", "As in", "", "::", "", "      y = a * b", "", "and so on.", "", "* first"]
    assert readable([*lines, "a    b", "cd   e"]) == [
        *expected,
        r"  more\_",
        "* second",
        "",
        "::",
        "",
        "  a    b",
        "  cd   e",
    ]


def test_the_sections_of_googles_style_stay():
    lines = ["One.", "", "Args:", "    x: |x| of `a b`", "    **options: more", "", "Returns:", "    a * b", "", "Two."]
    assert readable(lines) == [
        *("One.", "", "Args:", r"    x: \|x\| of ``a b``", "    **options: more", ""),
        *("Returns:", r"    a \* b", "", "Two."),
    ]
