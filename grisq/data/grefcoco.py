"""A data set in gRefCOCO's layout as one table of expressions, with masks by annotation id (Sec. 4.1)."""

import hashlib
import json
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from grisq.data import annotation_parser, cache, masks
from grisq.data.layout import IMAGES, INSTANCES, REFS
from grisq.runtime.errors import InputError


class Expression(NamedTuple):
    """One row of the table: a sentence about a picture and what it means there."""

    ref_id: int
    sent_id: int
    image_id: int
    split: str
    text: str  # as written, upper and lower case
    ann_ids: tuple[int, ...]  # the annotations that are meant, crowd regions left out
    category_ids: tuple[int, ...]  # theirs
    target_count: int  # their number; 0 for a no-target expression


class ImageInfo(NamedTuple):
    """A picture as instances.json has it."""

    image_id: int
    file_name: str  # below images/train2014
    width: int  # pixels, of the frame that was annotated
    height: int


class Annotation(NamedTuple):
    """One annotated object."""

    ann_id: int
    category_id: int
    iscrowd: bool  # a region of many objects, which is never a target
    area: float  # pixels
    bbox: tuple[float, ...]  # x, y, width, height in pixels
    segmentation: Any  # in COCO's form; [] where the object has no outline
    attributes: dict  # color and the like, in synthetic sets


def load(root: str | Path) -> "GRefCOCO":
    """Open a folder that holds `grefcoco/grefs(unc).json`, `grefcoco/instances.json` and `images/train2014/`.

    The first call parses the files and keeps memory-mapped tables next to them; later calls, and data workers,
    open those. Raises InputError naming the folder or file, what is wrong, and the fix.
    """
    root = Path(root)
    refs_file, instances_file = root / REFS, root / INSTANCES
    _check_layout(root, refs_file, instances_file)
    digests = [_sha256(path) for path in (refs_file, instances_file)]
    content = hashlib.sha256("".join(digests).encode()).hexdigest()
    folder = cache.open_or_build(root, content, lambda: annotation_parser.parse(refs_file, instances_file))
    return GRefCOCO(root, folder, content, digests[0])


def _check_layout(root: Path, refs_file: Path, instances_file: Path) -> None:
    if not root.is_dir():
        raise InputError(f"There is no folder {root}: give the one that holds grefcoco/ and images/.")
    pickled = refs_file.with_suffix(".p")
    if pickled.is_file() and not refs_file.is_file():
        raise InputError(
            f"{root} has {pickled.name} only, and opening a pickle can run anything: get {refs_file.name} instead."
        )
    for path in (refs_file, instances_file):
        if not path.is_file():
            raise InputError(f"{path} is missing: {root} must hold {REFS}, {INSTANCES} and {IMAGES}/.")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class GRefCOCO:
    """The table of expressions and what it refers to; read-only, cheap to pickle. Made by `load`."""

    def __init__(self, root: Path, folder: Path, content_hash: str, refs_hash: str):
        self.root, self._folder = root, folder
        self.content_hash = content_hash  # SHA-256 over both annotation files
        self.refs_hash = refs_hash  # SHA-256 of grefs(unc).json alone, which names a release
        self.expressions = cache.read_table(folder, "expressions")  # one row a sentence
        self._images = cache.read_table(folder, "images")
        self.annotations = cache.read_table(folder, "annotations")  # by image, then id

    def __reduce__(self):
        return GRefCOCO, (self.root, self._folder, self.content_hash, self.refs_hash)

    def __len__(self) -> int:
        return len(self.expressions)

    @cached_property
    def categories(self) -> dict[int, str]:
        """Category names by id."""
        table = cache.read_table(self._folder, "categories")
        return dict(zip(table["id"].to_pylist(), table["name"].to_pylist()))

    @cached_property
    def skipped(self) -> dict[str, int]:
        """Counts of what the files hold and the table leaves out, by reason."""
        return cache.read_skipped(self._folder)

    @cached_property
    def target_counts(self) -> np.ndarray:
        """(N,) number of annotated targets of every expression."""
        return self.expressions["target_count"].to_numpy()

    @cached_property
    def image_ids(self) -> np.ndarray:
        """(N,) picture of every expression."""
        return self.expressions["image_id"].to_numpy()

    @cached_property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits, in the usual order."""
        found = pc.unique(self.expressions["split"]).to_pylist()
        usual = ["train", "val", "testA", "testB"]
        return tuple(sorted(found, key=lambda name: (usual.index(name) if name in usual else len(usual), name)))

    def rows(self, split: str) -> np.ndarray:
        """Indices of a split's expressions. Raises InputError for a split that does not exist."""
        if split not in self.splits:
            raise InputError(f"There is no split {split!r} in {self.root}: it has {', '.join(self.splits)}.")
        return np.flatnonzero(pc.equal(self.expressions["split"], split).to_numpy())

    def expression(self, row: int) -> Expression:
        """One row of the table."""
        values = [self.expressions[name][row].as_py() for name in Expression._fields]
        return Expression(*(tuple(value) if isinstance(value, list) else value for value in values))

    def image(self, image_id: int) -> ImageInfo:
        """Look up a picture. Raises InputError if instances.json does not have it."""
        row = self._find(self._image_index, image_id, "image")
        return ImageInfo(*(self._images[name][row].as_py() for name in ("id", "file_name", "width", "height")))

    def images(self) -> list[ImageInfo]:
        """Every picture of instances.json, by id."""
        columns = [self._images[name].to_pylist() for name in ("id", "file_name", "width", "height")]
        return [ImageInfo(*values) for values in zip(*columns)]

    def image_path(self, image_id: int) -> Path:
        """Where the picture should be; the file may be missing."""
        return self.root / IMAGES / self.image(image_id).file_name

    def segmentations(self, ann_ids: tuple[int, ...]) -> list[masks.Segmentation]:
        """Parse the COCO segmentations of annotations. Raises InputError for an id that does not exist."""
        index, order = self._annotation_index
        rows = [order[self._find(index, ann_id, "annotation")] for ann_id in ann_ids]
        return [self._segmentation(int(row)) for row in rows]

    def mask(self, row: int) -> np.ndarray:
        """Union of an expression's targets at the picture's own size. (H, W) bool."""
        expression = self.expression(row)
        info = self.image(expression.image_id)
        return masks.decode(masks.union(self.segmentations(expression.ann_ids), info.height, info.width))

    def annotations_of(self, image_id: int) -> list[Annotation]:
        """Every annotated object of a picture, crowd regions included."""
        ids = self._annotation_images
        first, last = np.searchsorted(ids, image_id, "left"), np.searchsorted(ids, image_id, "right")
        return [self._annotation(row) for row in range(first, last)]

    def _annotation(self, row: int) -> Annotation:
        names = ("id", "category_id", "iscrowd", "area", "bbox", "attributes")
        ann_id, category_id, iscrowd, area, bbox, attributes = (self.annotations[name][row].as_py() for name in names)
        outline = self._segmentation(row)
        return Annotation(ann_id, category_id, iscrowd, area, tuple(bbox), outline, attributes_of(attributes))

    def _segmentation(self, row: int) -> masks.Segmentation:
        return msgspec.json.decode(self.annotations["segmentation"][row].as_buffer())

    @cached_property
    def _image_index(self) -> np.ndarray:
        return self._images["id"].to_numpy()

    @cached_property
    def _annotation_images(self) -> np.ndarray:
        return self.annotations["image_id"].to_numpy()

    @cached_property
    def _annotation_index(self) -> tuple[np.ndarray, np.ndarray]:
        ids = self.annotations["id"].to_numpy()
        order = np.argsort(ids, kind="stable")
        return ids[order], order

    def _find(self, index: np.ndarray, wanted: int, what: str) -> int:
        place = int(np.searchsorted(index, wanted))
        if place == len(index) or index[place] != wanted:
            raise InputError(f"{self.root / INSTANCES} has no {what} {wanted}.")
        return place


def table(data: GRefCOCO, split: str | None = None) -> pa.Table:
    """The expressions of one split, or all."""
    return data.expressions if split is None else data.expressions.take(pa.array(data.rows(split)))


def attributes_of(text: str | None) -> dict:
    """The attributes of an annotation from their JSON; none for null or a list, which some exports have."""
    found = json.loads(text) if text else {}
    return found if isinstance(found, dict) else {}
