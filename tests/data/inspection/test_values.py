"""Numbers as exporters write them, and texts that only look like numbers."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grisq.data.inspection.values import whole_number


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *((7, 7), ("7", 7), (" -7 ", -7), (7.0, 7), ("007", 7), ("9" * 18, 10**18 - 1)),
        *((text, None) for text in ("--5", "-", "", "1.0", "²", "٣", "9" * 19, "5-", "- 5", "+5")),
        *((value, None) for value in (True, None, 7.5, float("inf"), float("nan"), 1e300, [7])),
    ],
)
def test_whole_numbers_however_written(value, expected):
    assert whole_number(value) == expected


@settings(deadline=None)
@given(st.text("0123456789-+_ .eE", max_size=22))
def test_no_text_is_a_traceback(text):
    found = whole_number(text)
    assert found is None or found == int(text)
