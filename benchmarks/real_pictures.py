"""A few real photographs, trained from the drawings' encoders, with words of the world, or from the bundled model.

    python benchmarks/real_pictures.py --instances instances.json --images FOLDER [--seeds 3 --steps 300]

Takes any COCO annotations. For each seed the pictures are split anew (a quarter for val) and expressions are made;
every start then trains on the same expressions for the same number of steps. The last checkpoint is measured on val
under the rules of `rela`.
"""

import statistics
import tempfile
import time
from pathlib import Path

from interleaved import options, table

from grisq.config import override, preset
from grisq.data import grefcoco
from grisq.data.synthetic.from_coco import expressions_from_coco
from grisq.evaluation.checkpoints import evaluate_checkpoint
from grisq.runtime import paths
from grisq.training.trainer import train

METRICS = ("gIoU", "cIoU", "N-acc", "T-acc", "IoU single", "IoU multi")
STARTS = {  # preset, checkpoint to start from
    "tiny: the two bundled encoders": ("tiny", None),
    "pretrained-tiny: MiniLM reads the words": ("pretrained-tiny", None),
    "tiny: the whole bundled model": ("tiny", paths.BUNDLED_MODEL),
}


def measure(start: str, data: grefcoco.GRefCOCO, run: Path, seed: int, steps: int) -> dict[str, float]:
    """Train and return the metrics on val and the seconds of the training.

    Args:
        start: A name in STARTS.
        data: The set with train and val.
        run: Folder of the run.
        seed: Of the training.
        steps: Of the training.
    """
    name, checkpoint = STARTS[start]
    settings = {"train.steps": steps, "train.eval_every": steps, "train.eval_samples": 8}
    begin = time.perf_counter()
    last = train(override(preset(name), settings), data, run, seed=seed, init=checkpoint, device="cpu")
    seconds = time.perf_counter() - begin
    report = evaluate_checkpoint(last, data.root, splits=["val"], device="cpu")
    return report["results"]["val"]["protocols"]["rela"] | {"seconds": seconds}


def spread(values: list[float]) -> str:
    """Format the mean and, of several values, the standard deviation."""
    deviation = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.1f}{deviation}"


def main() -> None:
    parser = options(__doc__, "one seed, two steps")
    parser.add_argument("--instances", type=Path, required=True)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=300)
    arguments = parser.parse_args()
    seeds, steps = (1, 2) if arguments.quick else (arguments.seeds, arguments.steps)
    found: dict[str, list[dict]] = {start: [] for start in STARTS}
    with tempfile.TemporaryDirectory() as temporary:
        for seed in range(seeds):
            root = expressions_from_coco(
                arguments.instances, arguments.images, Path(temporary) / f"set{seed}", seed=seed, val_share=0.25
            )
            data = grefcoco.load(root)
            print(f"seed {seed}: " + ", ".join(f"{split} {len(data.rows(split))}" for split in data.splits))
            for number, start in enumerate(STARTS):
                run = Path(temporary) / f"run{seed}-{number}"
                found[start].append(measure(start, data, run, seed, steps))
    columns = (*METRICS, "seconds")
    lines = [[start, *(spread([each[name] for each in runs]) for name in columns)] for start, runs in found.items()]
    print(table(["start", *columns], lines))


if __name__ == "__main__":
    main()
