"""Few real photographs: from random weights, with pretrained words, or from the model that was trained on drawings?

    python benchmarks/real_pictures.py --instances instances.json --images FOLDER [--seeds 3 --steps 300]

Takes any COCO annotations. For each seed the pictures are split anew (a quarter for val), expressions are made, and
every way to start trains on the same expressions for as many steps; measured on val, rules of `rela`, last checkpoint.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from interleaved import table

from grisq.config import override, preset
from grisq.data import grefcoco
from grisq.data.synthetic.from_coco import expressions_from_coco
from grisq.evaluation.report import evaluate_checkpoint
from grisq.runtime import paths
from grisq.training.trainer import train

METRICS = ("gIoU", "cIoU", "N-acc", "T-acc", "IoU single", "IoU multi")
WAYS = {  # preset, checkpoint to start from
    "tiny, random weights": ("tiny", None),
    "pretrained-tiny: words of MiniLM": ("pretrained-tiny", None),
    "tiny, from the model of the drawings": ("tiny", paths.BUNDLED_MODEL),
}


def measure(way: str, data: grefcoco.GRefCOCO, run: Path, seed: int, steps: int) -> dict[str, float]:
    """Metrics on val and seconds of training."""
    name, start = WAYS[way]
    settings = {"train.steps": steps, "train.eval_every": steps, "train.eval_samples": 8}
    begin = time.perf_counter()
    last = train(override(preset(name), settings), data, run, seed=seed, init=start, device="cpu")
    seconds = time.perf_counter() - begin
    report = evaluate_checkpoint(last, data.root, splits=["val"], device="cpu")
    return report["results"]["val"]["protocols"]["rela"] | {"seconds": seconds}


def spread(values: list[float]) -> str:
    deviation = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.1f}{deviation}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instances", type=Path, required=True)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=300)
    arguments = parser.parse_args()
    found: dict[str, list[dict]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as temporary:
        for seed in range(arguments.seeds):
            root = expressions_from_coco(
                arguments.instances, arguments.images, Path(temporary) / f"set{seed}", seed=seed, val_share=0.25
            )
            data = grefcoco.load(root)
            print(f"seed {seed}: " + ", ".join(f"{split} {len(data.rows(split))}" for split in data.splits))
            for number, way in enumerate(WAYS):
                run = Path(temporary) / f"run{seed}-{number}"
                found[way].append(measure(way, data, run, seed, arguments.steps))
    columns = (*METRICS, "seconds")
    lines = [[way, *(spread([each[name] for each in runs]) for name in columns)] for way, runs in found.items()]
    print(table(["start", *columns], lines))


if __name__ == "__main__":
    main()
