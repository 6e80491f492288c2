"""Reading annotations of gRefCOCO's full size: the first read, later reads, and memory.

    python benchmarks/reader.py [--images 20000 --expressions 260000 --annotations 200000]

Makes the two JSON files in a temporary folder, polygons of COCO's usual length, then reads them in processes of
their own. Memory is what a process holds for itself (unique set size) and all it has mapped (resident set size).
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
from interleaved import in_own_process, table

from grisq.data import grefcoco

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


def write(root: Path, images: int, expressions: int, annotations: int, seed: int = 0) -> float:
    """Both files; returns their size in megabytes."""
    rng = np.random.default_rng(seed)
    (root / "grefcoco").mkdir(parents=True)
    corners = np.clip(rng.lognormal(3.2, 0.8, annotations), 4, 300).astype(int)  # COCO: median about 25 corners
    owners = np.sort(rng.integers(0, images, annotations))
    anns = [
        {
            "id": 1000 + i,
            "image_id": int(owners[i]),
            "category_id": int(i % 80 + 1),
            "iscrowd": 0,
            "area": 1234.5,
            "bbox": [10.0, 10.0, 100.0, 80.0],
            "segmentation": [rng.uniform(0, 480, 2 * corners[i]).round(2).tolist()],
        }
        for i in range(annotations)
    ]
    pictures = [
        {"id": i, "file_name": f"COCO_train2014_{i:012}.jpg", "width": 640, "height": 480} for i in range(images)
    ]
    categories = [{"id": i, "name": f"category {i}", "supercategory": "thing"} for i in range(1, 81)]
    instances = {"images": pictures, "annotations": anns, "categories": categories}
    (root / grefcoco.INSTANCES).write_text(json.dumps(instances))
    refs = []
    for i in range(expressions):
        first = int(rng.integers(0, annotations))
        count = int(rng.choice([0, 1, 2, 3], p=[0.13, 0.52, 0.32, 0.03]))
        targets = [1000 + (first + k) % annotations for k in range(count)] or [-1]
        text = "the person in the red shirt on the left"
        refs.append(
            {
                "ref_id": i,
                "image_id": int(owners[first]),
                "split": ("train", "val", "testA", "testB")[i % 10 if i % 10 < 4 else 0],
                "ann_id": targets,
                "category_id": [1] * len(targets),
                "no_target": targets == [-1],
                "sent_ids": [i],
                "sentences": [{"raw": text, "sent": text, "sent_id": i, "tokens": text.split()}],
            }
        )
    (root / grefcoco.REFS).write_text(json.dumps(refs))
    return sum((root / name).stat().st_size for name in (grefcoco.REFS, grefcoco.INSTANCES)) / 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("images", 20_000), ("expressions", 260_000), ("annotations", 200_000)):
        parser.add_argument(f"--{name}", type=int, default=default)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "full"
        begin = time.perf_counter()
        size = write(root, arguments.images, arguments.expressions, arguments.annotations)
        print(f"{size:.0f} MB of JSON written in {time.perf_counter() - begin:.0f} s\n")
        lines = []
        for name in ("first read", "later read", "later read"):
            seconds, unique, resident, before = in_own_process(["-c", PROBE, str(root)])
            lines.append([name, f"{seconds:.2f}", f"{unique:.0f}", f"{resident:.0f}", f"{before:.0f}"])
    print(table(["what", "seconds", "own memory, MB", "resident, MB", "own memory before, MB"], lines))


if __name__ == "__main__":
    main()
