"""Finished pages: header cells with a scope, signatures as lines."""

from binding.signatures import as_lines
from binding.signatures import readable as readable_signature
from binding.tables import readable

TABLE = (
    '<table><thead><tr><th></th><th colspan="2" halign="left">a</th></tr></thead>'
    "<tbody><tr><th>x</th><td>1.0 ± 0.5</td><td>+1 (−2 to +3), up to us</td></tr></tbody></table>"
)


def test_header_cells_say_what_they_head():
    found = readable(f"<th>out</th>{TABLE}")
    assert '<th scope="col"></th><th scope="colgroup" colspan="2">a</th>' in found
    assert '<th scope="row">x</th>' in found
    assert found.startswith("<th>out</th>")
    assert readable(found) == found


def test_numbers_stay_with_their_spread():
    found = readable(TABLE)
    assert "1.0\u00a0±\u00a00.5" in found
    assert "(−2\u00a0to\u00a0+3), up to us" in found


def test_a_signature_is_no_list():
    argument = '<dd><em class="sig-param">{}</em>,</dd>'
    page = f"<dl><dt>f(\n<dl>\n{argument.format('a')}\n{argument.format('b')}\n</dl>\n)</dt><dd>x</dd></dl>"
    line = '<span class="sig-line"><em class="sig-param">{}</em>,</span>'
    assert as_lines(page) == f"<dl><dt>f(\n{line.format('a')}\n{line.format('b')}\n\n)</dt><dd>x</dd></dl>"


def test_a_default_without_a_value_is_readable_python():
    assert readable_signature("(extras: dict[str, Tensor] = <factory>)") == "(extras: dict[str, Tensor] = ...)"
    assert readable_signature(None) is None
