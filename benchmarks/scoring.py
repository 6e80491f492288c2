"""`grisq score` on predictions of gRefCOCO's size: time against decoding the same masks, and memory.

    python benchmarks/scoring.py [--expressions 16000] [--rounds 5]

Pictures of 480 x 640 with blots for objects, as many targets an expression as testB has; each prediction is a target
moved by a few pixels, as COCO's compressed run lengths. Decoding is pycocotools.mask.decode of each prediction, after
the JSON was read. Memory is what the process has grown by, with the annotations open.
"""

import json
import tempfile
from pathlib import Path

import numpy as np
from interleaved import in_own_process, medians, options, table
from pycocotools import mask as coco

from grisq.data import grefcoco, grefcoco_writer, layout, masks

HEIGHT, WIDTH, PER_PICTURE = 480, 640, 10
_CHILD = """
import sys, psutil
from grisq.data import grefcoco
from grisq.evaluation import score
data = grefcoco.load(sys.argv[1])
score(sys.argv[3], data, missing="skip", progress=False)  # compiles, and opens the tables
process = psutil.Process()
before = process.memory_info().rss
score(sys.argv[2], data, missing="skip", progress=False)
print((process.memory_info().rss - before) / 1e6)
"""


def blot(rng: np.random.Generator) -> np.ndarray:
    """A closed outline around a center, 40 corners (x, y, x, y, ...)."""
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    radius = rng.uniform(30, 110) * (1 + 0.3 * np.cumsum(rng.normal(0, 0.3, 40)) / 6)
    center = rng.uniform((120, 120), (WIDTH - 120, HEIGHT - 120))
    points = center + np.stack([np.cos(angle), np.sin(angle)], 1) * radius[:, None]
    return np.clip(points, 0, (WIDTH - 1, HEIGHT - 1)).round(2)


def make(root: Path, expressions: int) -> list[dict]:
    """Write annotations, and return a prediction for every expression."""
    rng = np.random.default_rng(0)
    images, annotations, refs, found = [], [], [], []
    for image_id in range(1, expressions // PER_PICTURE + 1):
        images.append({"id": image_id, "file_name": f"{image_id}.jpg", "width": WIDTH, "height": HEIGHT})
        outlines = {10 * image_id + i: blot(rng) for i in range(6)}
        for ann_id, outline in outlines.items():
            annotations.append(
                {
                    "id": ann_id,
                    "image_id": image_id,
                    "category_id": 1,
                    "iscrowd": 0,
                    "segmentation": [outline.ravel().tolist()],
                    "bbox": [*outline.min(0).tolist(), *np.ptp(outline, 0).tolist()],
                    "area": 1.0,
                }
            )
        for _ in range(PER_PICTURE):
            count = int(rng.choice([0, 1, 2, 3], p=[0.29, 0.35, 0.26, 0.10]))
            chosen = rng.choice(list(outlines), count, replace=False).tolist()
            drawn = [(outlines[i] + rng.normal(0, 4, 2)).ravel().tolist() for i in chosen or list(outlines)[:1]]
            rle = masks.union([[part] for part in drawn], HEIGHT, WIDTH)
            segmentation = {"size": rle["size"], "counts": rle["counts"].decode()}
            found.append({"row": len(refs), "segmentation": segmentation, "score": float(rng.random())})
            refs.append(
                {
                    "image_id": image_id,
                    "split": "testB",
                    "ann_id": chosen or layout.NOBODY,
                    "category_id": [1],
                    "no_target": not chosen,
                    "sentences": [{"raw": "it", "sent": "it", "tokens": ["it"]}],
                }
            )
    categories = [{"id": 1, "name": "blot", "supercategory": "thing"}]
    grefcoco_writer.write(root, refs, {"images": images, "annotations": annotations, "categories": categories})
    (root / layout.IMAGES).mkdir(parents=True)
    return found


def growth(root: Path, predictions: Path, few: Path) -> float:
    """Megabytes that a process grows by while it scores."""
    return in_own_process(["-c", _CHILD, str(root), str(predictions), str(few)])[0]


def main() -> None:
    parser = options(__doc__, "200 expressions, one round")
    parser.add_argument("--expressions", type=int, default=16_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    expressions, rounds = (200, 1) if arguments.quick else (arguments.expressions, arguments.rounds)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "set"
        found = make(root, expressions)
        paths = {}
        for count in (expressions // 8, expressions):
            paths[count] = Path(folder) / f"{count}.json"
            paths[count].write_text(json.dumps(found[:count]), encoding="utf-8")
        from grisq.evaluation import score  # here, since a process that starts imports this file

        data = grefcoco.load(root)

        def scored(**more) -> None:
            score(paths[expressions], data, progress=False, **more)

        def decoded() -> None:
            for each in json.loads(paths[expressions].read_text(encoding="utf-8")):
                coco.decode(each["segmentation"])

        seconds = medians(
            {
                "read the JSON, decode every mask": decoded,
                "score, rela": scored,
                "score, original": lambda: scored(protocols=["original"]),
                "score, rela, two processes": lambda: scored(jobs=2),
                "score, rela, resized by area": lambda: scored(resize="area"),
                "score, rela, resized by area, two processes": lambda: scored(resize="area", jobs=2),
            },
            rounds,
        )
        base = seconds["read the JSON, decode every mask"]
        lines = [[name, f"{value:.2f}", f"{value / base:.2f}"] for name, value in seconds.items()]
        print(table([f"{expressions:,} expressions", "s", "of decoding"], lines))
        print()
        few = Path(folder) / "few.json"
        few.write_text(json.dumps(found[:100]), encoding="utf-8")
        lines = [
            [f"{count:,}", f"{paths[count].stat().st_size / 1e6:.1f}", f"{growth(root, paths[count], few):.0f}"]
            for count in paths
        ]
        print(table(["predictions", "file, MB", "memory grows by, MB"], lines))


if __name__ == "__main__":
    main()
