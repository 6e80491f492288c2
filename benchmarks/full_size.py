"""Make a set of gRefCOCO's size, format and irregularities, with nothing of gRefCOCO in it, to test what scales.

    python benchmarks/full_size.py FOLDER [--share 0.01]

19,994 pictures of COCO's commonest sizes (names linked to a few hundred files, so that the set takes 60 MB of disk),
200,000 annotations with COCO's spread of areas and numbers of corners, 259,859 expressions in the splits of the
release that the paper counts (reference: `grisq.data.statistics`). Texts are random and mean nothing.
"""

import argparse
import os
from pathlib import Path

import msgspec
import numpy as np
from PIL import Image
from tqdm import tqdm

from grisq.data import layout
from grisq.data.synthetic.backgrounds import PHOTOGRAPHS
from grisq.runtime.packages import package_folder

IMAGES = {"train": 16_994, "val": 1_500, "testA": 750, "testB": 750}
EXPRESSIONS = {  # no-target, single, multi; val's scenarios and the exact test splits are not published
    "train": (19_140, 120_624, 69_580),
    "val": (6_917, 4_892, 5_061),
    "testA": (4_335, 5_767, 8_610),
    "testB": (4_344, 5_249, 5_340),
}
ANNOTATIONS = 200_000  # of all objects of the pictures, targets or not
SIZES = ((640, 480), (640, 427), (480, 640), (640, 426), (427, 640), (500, 375), (640, 360), (375, 500))
SIZE_SHARES = (0.33, 0.22, 0.14, 0.1, 0.09, 0.06, 0.04, 0.02)
FILES_PER_SIZE = 40  # the other pictures of that size are links to these
CROWDS = 0.012  # of COCO's annotations; run-length encoded there too
TWO_PARTS = 0.1  # occluded objects
PROMINENT = 4  # people refer to a picture's larger objects: targets are among its n largest
BARE_IDS = 0.3  # of single-target refs: a number instead of a list, as in some releases
WORDS = (
    ("left", "right", "red", "blue", "big", "small", "white", "front", "second", "black"),
    ("man", "woman", "kid", "dog", "bus", "pizza", "chair", "giraffe", "umbrella", "couple", "player", "bowl"),
    ("", "on the left", "in the back", "with a hat", "next to the table", "standing up", "near us", "cut off"),
)


def write(root: Path, *, share: float = 1.0, pictures: bool = True, seed: int = 0, progress: bool = True) -> Path:
    """Write the set, or a share of it, and return its folder.

    Args:
        root: The folder, which must not exist.
        share: Of pictures, annotations and expressions.
        pictures: Whether to write pictures too, or the two annotation files alone.
        seed: Of everything random.
        progress: Whether to draw bars.
    """
    rng = np.random.default_rng(seed)
    (root / layout.REFS).parent.mkdir(parents=True)
    images, split_of = _images(share, rng)
    annotations = _annotations(images, round(ANNOTATIONS * share), rng, progress)
    categories = [{"id": i, "name": f"category {i}", "supercategory": "thing"} for i in range(1, 81)]
    document = {"images": images, "annotations": annotations, "categories": categories}
    (root / layout.INSTANCES).write_bytes(msgspec.json.encode(document))
    (root / layout.REFS).write_bytes(msgspec.json.encode(_refs(images, annotations, split_of, share, rng)))
    if pictures:
        _write_pictures(root, images, rng, progress)
    return root


def _images(share: float, rng: np.random.Generator) -> tuple[list[dict], dict[int, str]]:
    """Draw the records of the pictures, and the split of each by id."""
    images, split_of = [], {}
    for split, count in IMAGES.items():
        for _ in range(max(2, round(count * share))):
            number = len(images) + 1
            width, height = SIZES[rng.choice(len(SIZES), p=SIZE_SHARES)]
            name = f"COCO_train2014_{number:012}.jpg"
            images.append({"id": number, "file_name": name, "width": width, "height": height})
            split_of[number] = split
    return images, split_of


def _annotations(images: list[dict], count: int, rng: np.random.Generator, progress: bool) -> list[dict]:
    """Draw annotations, at least one a picture. As in COCO, 40 % of areas are below 32x32, a quarter above 96x96."""
    owners = np.concatenate([np.arange(len(images)), rng.integers(len(images), size=max(0, count - len(images)))])
    sides = np.exp(rng.normal(np.log(45), 1.1, len(owners)))
    corners = np.clip(rng.lognormal(3.2, 0.8, len(owners)), 4, 300).astype(int)  # median about 25
    crowd = rng.random(len(owners)) < CROWDS
    crowd[: len(images)] = False
    found = []
    for i, owner in enumerate(tqdm(owners, desc="annotations", unit="annotation", disable=not progress)):
        picture = images[owner]
        box = _box(picture, sides[i], rng)
        segmentation = _runs(picture, box) if crowd[i] else _polygons(box, corners[i], rng)
        found.append(
            {
                "id": 1000 + i,
                "image_id": picture["id"],
                "category_id": int(rng.integers(1, 81)),
                "iscrowd": int(crowd[i]),
                "area": round(0.7 * box[2] * box[3], 2),
                "bbox": [round(v, 2) for v in box],
                "segmentation": segmentation,
            }
        )
    return found


def _box(picture: dict, side: float, rng: np.random.Generator) -> tuple[float, float, float, float]:
    stretch = np.exp(rng.normal(0, 0.35))
    width, height = min(max(side * stretch, 4), picture["width"]), min(max(side / stretch, 4), picture["height"])
    return (
        float(rng.uniform(0, picture["width"] - width)),
        float(rng.uniform(0, picture["height"] - height)),
        float(width),
        float(height),
    )


def _polygons(box: tuple[float, ...], corners: int, rng: np.random.Generator) -> list[list[float]]:
    """Draw a bumpy ring of corners in the box. One in ten has two parts, one in 10,000 a part without area."""
    x, y, width, height = box
    angles = np.sort(rng.uniform(0, 2 * np.pi, corners))
    radius = rng.uniform(0.6, 1, corners)
    ring = np.stack([x + width * (1 + radius * np.cos(angles)) / 2, y + height * (1 + radius * np.sin(angles)) / 2], 1)
    ring = ring.round(2)
    half = corners // 2
    parts = [ring[:half], ring[half:]] if half >= 3 and rng.random() < TWO_PARTS else [ring]
    if rng.random() < 1e-4:
        parts.append(ring[:2])  # fewer than three corners
    return [part.ravel().tolist() for part in parts]


def _runs(picture: dict, box: tuple[float, ...]) -> dict:
    """Encode the box as COCO's uncompressed run lengths: column by column, background first."""
    x, y, width, height = (int(v) for v in box)
    high = max(1, height)
    runs, before = [], x * picture["height"] + y
    for _ in range(max(1, width)):
        runs += [before, high]
        before = picture["height"] - high
    runs.append(picture["height"] * picture["width"] - sum(runs))
    return {"size": [picture["height"], picture["width"]], "counts": runs}


def _refs(
    images: list[dict], annotations: list[dict], split_of: dict[int, str], share: float, rng: np.random.Generator
) -> list[dict]:
    of_picture: dict[int, list[dict]] = {picture["id"]: [] for picture in images}
    for annotation in annotations:
        of_picture[annotation["image_id"]].append(annotation)
    names = {picture["id"]: picture["file_name"] for picture in images}
    refs: list[dict] = []
    sentences = 0
    for split, by_scenario in EXPRESSIONS.items():
        singles = np.array([i for i in of_picture if split_of[i] == split])
        several = np.array([i for i in singles if sum(not a["iscrowd"] for a in of_picture[i]) > 1])
        for scenario, wanted in enumerate(by_scenario):
            left = max(1, round(wanted * share))
            while left:
                count = 1 if scenario == 0 else min(left, int(rng.integers(1, 5)))
                image = int(rng.choice(several if scenario == 2 else singles))
                targets = _targets(of_picture[image], scenario, rng)
                refs.append(_ref(len(refs), image, names[image], split, targets, sentences, count, rng))
                sentences += count
                left -= count
    return refs + _irregular_refs(len(refs), sentences, refs[0], annotations, split_of, names)


def _targets(found: list[dict], scenario: int, rng: np.random.Generator) -> list[dict]:
    """Choose no, one or several of a picture's objects; several may hold a crowd region, which the reader skips."""
    if scenario == 0:
        return []
    whole = sorted((a for a in found if not a["iscrowd"]), key=lambda a: -a["area"])[:PROMINENT]
    if scenario == 1:
        return [whole[int(rng.integers(len(whole)))]]
    count = min(len(whole), 2 if rng.random() < 0.95 else int(rng.integers(3, 5)))
    chosen = [whole[i] for i in rng.choice(len(whole), count, replace=False)]
    crowds = [a for a in found if a["iscrowd"]]
    return chosen + (crowds[:1] if crowds and rng.random() < 0.02 else [])


def _ref(
    number: int,
    image: int,
    name: str,
    split: str,
    targets: list[dict],
    first: int,
    count: int,
    rng: np.random.Generator,
) -> dict:
    ids, categories = [a["id"] for a in targets] or [-1], [a["category_id"] for a in targets] or [-1]
    single = len(targets) == 1
    if single:  # RefCOCO's refs carry the annotation in the picture's name
        name = name.replace(".jpg", f"_{number}.jpg")
    bare = single and rng.random() < BARE_IDS
    texts = [" ".join(str(rng.choice(words)) for words in WORDS).strip() for _ in range(count)]
    return {
        "ref_id": number,
        "image_id": image,
        "file_name": name,
        "split": split,
        "ann_id": ids[0] if bare else ids,
        "category_id": categories[0] if bare else categories,
        "no_target": not targets,
        "sent_ids": list(range(first, first + count)),
        "sentences": [
            {"raw": text, "sent": text, "sent_id": first + i, "tokens": text.split()} for i, text in enumerate(texts)
        ],
    }


def _irregular_refs(
    number: int, sentences: int, like: dict, annotations: list[dict], split_of: dict[int, str], names: dict[int, str]
) -> list[dict]:
    """Make refs that the reader skips: without sentences, with empty ones, and of crowd regions alone."""
    no_sentence = like | {"ref_id": number, "sentences": [], "sent_ids": []}
    empty = {"raw": " ", "sent": "", "sent_id": sentences, "tokens": []}
    refs = [no_sentence, like | {"ref_id": number + 1, "sentences": [empty], "sent_ids": [sentences]}]
    crowd = next((a for a in annotations if a["iscrowd"]), None)
    if crowd:
        image = crowd["image_id"]
        about = {"image_id": image, "file_name": names[image], "split": split_of[image]}
        sentence = {"raw": "everyone", "sent": "everyone", "sent_id": sentences + 1, "tokens": ["everyone"]}
        refs.append(like | about | {"ref_id": number + 2, "ann_id": [crowd["id"]], "category_id": [1]})
        refs[-1] |= {"no_target": False, "sentences": [sentence], "sent_ids": [sentences + 1]}
    return refs


def _write_pictures(root: Path, images: list[dict], rng: np.random.Generator, progress: bool) -> None:
    """Write JPEGs of about COCO's size in bytes; all but FILES_PER_SIZE of each shape are links."""
    folder = root / layout.IMAGES
    folder.mkdir(parents=True)
    kept: dict[tuple[int, int], list[Path]] = {}
    for picture in tqdm(images, desc="pictures", unit="picture", disable=not progress):
        size, path = (picture["width"], picture["height"]), folder / picture["file_name"]
        files = kept.setdefault(size, [])
        if len(files) < FILES_PER_SIZE:
            _crop(size, rng).save(path, quality=92)
            files.append(path)
        else:
            os.link(files[int(rng.integers(len(files)))], path)


def _crop(size: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    photograph = PHOTOGRAPHS[int(rng.integers(len(PHOTOGRAPHS)))]
    picture = Image.open(package_folder(photograph.package) / photograph.path).convert("RGB")
    factor = min(picture.width / size[0], picture.height / size[1]) * rng.uniform(0.5, 1)
    width, height = size[0] * factor, size[1] * factor
    left, top = rng.uniform(0, picture.width - width), rng.uniform(0, picture.height - height)
    crop = picture.resize(size, Image.Resampling.BICUBIC, (left, top, left + width, top + height))
    grain = rng.normal(0, 6, (size[1], size[0], 1))  # enlarged crops are smoother than photographs
    return Image.fromarray(np.clip(np.asarray(crop) + grain, 0, 255).astype(np.uint8))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--share", type=float, default=1.0)
    arguments = parser.parse_args()
    print(f"The set is in {write(arguments.folder, share=arguments.share)}")


if __name__ == "__main__":
    main()
