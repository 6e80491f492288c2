"""Writes the annotation files of a data set in gRefCOCO's format."""

import json
import math
from pathlib import Path
from typing import Any

from grisq.data.layout import INSTANCES, REFS


def number(refs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give refs and sentences their ref_id and sent_id, counted from 1 in their order."""
    numbered, next_sentence = [], 1
    for ref_id, ref in enumerate(refs, start=1):
        ids = list(range(next_sentence, next_sentence + len(ref["sentences"])))
        next_sentence += len(ids)
        sentences = [{**sentence, "sent_id": i} for sentence, i in zip(ref["sentences"], ids)]
        numbered.append({"ref_id": ref_id, **ref, "sent_ids": ids, "sentences": sentences})
    return numbered


def write(root: Path, refs: list[dict[str, Any]], instances: dict[str, Any]) -> None:
    """Number the refs and write both annotation files below `root`; see `write_numbered`."""
    write_numbered(root, number(refs), instances)


def write_numbered(root: Path, refs: list[dict[str, Any]], instances: dict[str, Any]) -> None:
    """Write both annotation files below `root`; numbers that JSON does not have (NaN, infinity) become null."""
    for place, content in ((REFS, refs), (INSTANCES, instances)):
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (root / place).write_text(to_json(content), encoding="utf-8")


def to_json(content: Any) -> str:
    """JSON as the sets are written: without spaces, and readable by parsers that take nothing but JSON.

    Numbers that JSON does not have become null, and halves of a character pair, which some exporters leave, U+FFFD.
    """
    try:
        text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    except ValueError:
        text = ""
    if not text or "\\ud" in text:
        text = json.dumps(_strict(content), separators=(",", ":"), allow_nan=False)
    return text


def _strict(value: Any) -> Any:
    if isinstance(value, dict):
        return {_strict(key): _strict(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_strict(each) for each in value]
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return None if isinstance(value, float) and not math.isfinite(value) else value
