"""Numbers and flags as exporters write them: also as text, and whole numbers as 1.0."""

import math
import re
from typing import Any

_WHOLE_NUMBER = re.compile(r"-?\d{1,18}", re.ASCII)  # below 2**63


def number(value: Any) -> float | None:
    """A finite number, also one written as text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def whole_number(value: Any) -> int | None:
    """A whole number, also written as text or as 1.0; None for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str):
        return int(value) if _WHOLE_NUMBER.fullmatch(value.strip()) else None
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else None


def flag(value: Any) -> bool:
    """Whether a flag is set: true, 1, 1.0, "1", "true", "yes"."""
    if isinstance(value, str) and value.strip().lower() in ("true", "yes"):
        return True
    return value is True or bool(number(value))
