"""A data set as parquet, which `datasets.load_dataset("parquet", ...)` and the viewer of the Hugging Face Hub read.

One file a split, one row an expression. The picture is stored as its file's bytes, once for each expression about it,
because a row has to stand alone; the mask is COCO's compressed run lengths.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from grisq.data import masks
from grisq.data.grefcoco import GRefCOCO
from grisq.runtime.errors import InputError
from grisq.runtime.files import atomic_file

_ROWS = 100  # of a row group: what a viewer reads at once
_MASK = pa.struct([("size", pa.list_(pa.int32())), ("counts", pa.string())])
_PICTURE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
_COLUMNS = {
    "image": _PICTURE,
    "text": pa.string(),
    "mask": _MASK,
    "presence": pa.bool_(),
    "target_count": pa.int32(),
    "ref_id": pa.int64(),
    "sent_id": pa.int64(),
    "image_id": pa.int64(),
    "ann_ids": pa.list_(pa.int64()),
}


def to_parquet(data: GRefCOCO, out: Path, *, images: bool = True, progress: bool = True) -> list[Path]:
    """Write SPLIT.parquet for every split.

    Args:
        data: the data set.
        out: folder, made if it is missing.
        images: False leaves the pictures out.
        progress: whether to draw a bar.

    Returns:
        The files.

    Raises:
        InputError: a picture is missing, or a file cannot be written.
    """
    columns = {name: kind for name, kind in _COLUMNS.items() if images or name != "image"}
    schema = pa.schema(list(columns.items())).with_metadata({"huggingface": _features(columns)})
    paths = []
    for split in data.splits:
        path = out / f"{split}.parquet"
        rows = data.rows(split)
        bar = tqdm(total=len(rows), unit="expression", desc=split, disable=not progress, leave=False)
        with bar, atomic_file(path) as partial, pq.ParquetWriter(partial, schema) as writer:
            for first in range(0, len(rows), _ROWS):
                some = rows[first : first + _ROWS].tolist()
                writer.write_table(pa.Table.from_pylist(list(_rows(data, some, images)), schema=schema))
                bar.update(len(some))
        paths.append(path)
    return paths


def _rows(data: GRefCOCO, rows: list[int], images: bool) -> Iterator[dict]:
    for row in rows:
        expression = data.expression(row)
        values = {
            "text": expression.text,
            "mask": masks.encode(data.mask(row)),
            "presence": expression.target_count > 0,
            "target_count": expression.target_count,
            "ref_id": expression.ref_id,
            "sent_id": expression.sent_id,
            "image_id": expression.image_id,
            "ann_ids": list(expression.ann_ids),
        }
        if images:
            path = data.image_path(expression.image_id)
            try:
                values["image"] = {"bytes": path.read_bytes(), "path": path.name}
            except OSError as error:
                raise InputError(
                    f"{path} cannot be read ({error.strerror}): get it, or leave the pictures out."
                ) from None
        yield values


def _features(columns: dict[str, pa.DataType]) -> str:
    """What `datasets` wants to know about the columns: the image is one, the rest follows from the types."""
    names = {"string": "string", "bool": "bool", "int32": "int32", "int64": "int64"}
    features: dict[str, object] = {}
    for name, kind in columns.items():
        if name == "image":
            features[name] = {"_type": "Image"}
        elif name == "mask":
            size = {"feature": {"dtype": "int32", "_type": "Value"}, "_type": "List"}
            features[name] = {"size": size, "counts": {"dtype": "string", "_type": "Value"}}
        elif pa.types.is_list(kind):
            features[name] = {"feature": {"dtype": "int64", "_type": "Value"}, "_type": "List"}
        else:
            features[name] = {"dtype": names[str(kind)], "_type": "Value"}
    return json.dumps({"info": {"features": features}})
