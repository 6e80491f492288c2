"""What one call of `check.py` is asked for, and where its phases leave what they find."""

import json
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROWS = ("baseline", "query", "plurality", "no-target", "ours")


@dataclass(frozen=True)
class Plan:
    """The options of one call, the same in every phase."""

    out: Path  # folder of the results
    seconds: float = 530  # limit of the whole call
    dry: bool = False  # everything small, on the CPU
    side: int = 128  # canvas of the trained runs in pixels; the preset `small` has 256
    share: float = 1.0  # of the pictures of the synthetic set `small`
    rows: tuple[str, ...] = ROWS  # experiments that the phase `train` runs

    @property
    def work(self) -> Path:
        """Folder of intermediate files: data, logs and runs."""
        return self.out / "work" if self.dry else Path(tempfile.gettempdir()) / "grisq-gpu-check"

    @property
    def data(self) -> Path:
        """Folder of the synthetic set."""
        return self.work / "data"

    @property
    def device(self) -> str:
        return "cpu" if self.dry else "cuda"

    def arguments(self) -> list[str]:
        """Command line that gives a child process this plan."""
        options = ["--out", str(self.out), "--side", str(self.side), "--share", str(self.share)]
        return [*options, "--rows", ",".join(self.rows), *(["--dry"] if self.dry else [])]


def threads_each(count: int) -> dict[str, str]:
    """Environment in which each of several processes computes with so many threads of the CPU."""
    return dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), str(count))


class Findings:
    """What a phase has found so far; the file is written anew whenever something is added."""

    def __init__(self, path: Path):
        self.path = path
        self.values: dict = {"lines": []}

    def add(self, name: str, value: object) -> None:
        """Store a value under a name."""
        self.values[name] = value
        self._write()

    def note(self, line: str) -> None:
        """Print a line and keep it for the summary."""
        print(line, flush=True)
        self.values["lines"].append(line)
        self._write()

    def attempt(self, name: str, measure: Callable[[], object]) -> None:
        """Run one measurement; if it fails, note the error and go on with the next one."""
        try:
            measure()
        except Exception as error:  # whatever went wrong, the next measurement may still work
            self.note(f"{name}: FAILED {type(error).__name__}: {str(error)[:300]}")
            traceback.print_exc()

    def _write(self) -> None:
        partial = self.path.with_suffix(".partial")
        partial.write_text(json.dumps(self.values, indent=1), encoding="utf-8")
        partial.replace(self.path)


def read_findings(path: Path) -> dict:
    """What a phase has written, {} if it wrote nothing."""
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
