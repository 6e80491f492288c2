"""Reading annotations of gRefCOCO's full size: the first read, later reads, and memory.

    python benchmarks/reader.py [--share 1.0]

Makes the two JSON files of `full_size.py` in a temporary folder, then reads them in processes of their own. Memory is
what a process holds for itself (unique set size) and all it has mapped (resident set size).
"""

import tempfile
import time
from pathlib import Path

import full_size
from interleaved import in_own_process, options, table

from grisq.data.layout import INSTANCES, REFS

PROBE = """
import sys, time, psutil
process = psutil.Process()
from grisq.data import grefcoco
before = process.memory_full_info()
begin = time.perf_counter()
data = grefcoco.load(sys.argv[1])
expression = data.expression(len(data) // 2)
data.mask(len(data) // 2)
seconds = time.perf_counter() - begin
after = process.memory_full_info()
print(seconds, after.uss / 1e6, after.rss / 1e6, before.uss / 1e6)
"""


def main() -> None:
    parser = options(__doc__, "a hundredth of the set")
    parser.add_argument("--share", type=float, default=1.0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        root = full_size.write(
            Path(folder) / "full", share=0.01 if arguments.quick else arguments.share, pictures=False
        )
        size = sum((root / name).stat().st_size for name in (REFS, INSTANCES)) / 1e6
        print(f"{size:.0f} MB of JSON written in {time.perf_counter() - begin:.0f} s\n")
        lines = []
        for name in ("first read", "later read", "later read"):
            seconds, unique, resident, before = in_own_process(["-c", PROBE, str(root)])
            lines.append([name, f"{seconds:.2f}", f"{unique:.0f}", f"{resident:.0f}", f"{before:.0f}"])
    print(table(["what", "seconds", "own memory, MB", "resident, MB", "own memory before, MB"], lines))


if __name__ == "__main__":
    main()
