"""What a training step of each system costs, measured once and committed."""

from pathlib import Path

from grisq.runtime.errors import InputError
from grisq.runtime.files import read_json
from grisq.runtime.paths import COST


def read_cost(path: Path = COST) -> dict[str, dict[str, dict[str, float]]]:
    """Read what benchmarks/systems.py measured, the systems taking turns.

    Returns:
        {size: {system: {"step_s", "forward_s", "peak_mb", "parameters"}}}
    Raises:
        InputError: the file is missing or broken, or lacks the field "systems".
    """
    stored = read_json(path)
    if not isinstance(stored, dict) or "systems" not in stored:
        again = f"python benchmarks/systems.py --out {path}"
        raise InputError(f'{path} has no field "systems": make it again with {again}.')
    return stored["systems"]
