"""RefCOCO, RefCOCO+, RefCOCOg, Ref-ZOM and R-RefCOCO, which share one form: a pickle of refs beside instances.json.

* RefCOCO, + and g: every ref has one target.
* Ref-ZOM: a ref whose `source` is "zero" has no target, whatever its `ann_id` says; others have one or several.
* R-RefCOCO: a sentence whose `exist` is false has no target, although the ref that it stands in has one. Both halves
  keep the ref's id, by which R-RefCOCO's metrics group them.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, Literal

import msgspec

from grisq.data.coco_instances import inspect_document
from grisq.data.foreign.converted import Converted
from grisq.data.foreign.safe_pickle import read_plain_pickle
from grisq.data.layout import NOBODY
from grisq.runtime.errors import InputError
from grisq.runtime.files import read_json

Form = Literal["refcoco", "refzom", "rrefcoco"]

_TEST = "test"  # Ref-ZOM's loader takes every split whose name holds it


class _Sentence(msgspec.Struct):
    sent_id: int
    raw: str | None = None
    sent: str | None = None
    exist: bool | int | float = True  # R-RefCOCO's; the others have none


class _Ref(msgspec.Struct):
    ref_id: int
    image_id: int
    split: str
    ann_id: Any
    sentences: list[_Sentence]
    source: str | None = None  # Ref-ZOM's


def read_refer(folder: Path, form: Form, partition: str | None = None) -> Converted:
    """Read a data set.

    Args:
        folder: holds refs(PARTITION).p and instances.json.
        form: which traps to expect.
        partition: which of several pickles, such as unc, google or umd; needed only where there are several.

    Raises:
        InputError: a file is missing or damaged, holds more than plain values, or is of another form.
    """
    refs_file, instances_file = _refs_file(folder, partition), folder / "instances.json"
    inspected = inspect_document(read_json(instances_file), instances_file)
    try:
        refs = msgspec.convert(read_plain_pickle(refs_file), list[_Ref], strict=False)
    except msgspec.ValidationError as error:
        raise InputError(f"{refs_file} holds no refs ({error}): give the pickle of {form}.") from None
    _check_form(refs, form, refs_file)
    found = Converted([], inspected.document, repairs=inspected.findings.lines())
    _check_refs(refs, form, refs_file)
    fresh = count(max((sentence.sent_id for ref in refs for sentence in ref.sentences), default=0) + 1)
    used: set[tuple[int, int]] = set()
    for ref in refs:
        for record in _records(ref, form):
            for sentence in record["sentences"]:
                if (record["ref_id"], sentence["sent_id"]) in used:
                    sentence["source_sent_id"], sentence["sent_id"] = sentence["sent_id"], next(fresh)
                    found.note("Sentences renumbered, because their ref uses the id already (source_sent_id has it)")
                used.add((record["ref_id"], sentence["sent_id"]))
            found.refs.append(record)
        if form == "refzom" and ref.source == "zero" and ref.ann_id not in (NOBODY, NOBODY[0], []):
            found.note('Refs of the source "zero" whose annotation ids were ignored')
    return found


def _refs_file(folder: Path, partition: str | None) -> Path:
    if partition is not None:
        return folder / f"refs({partition}).p"
    found = sorted([*folder.glob("refs*.p"), *folder.glob("Ref-ZOM*.p")])
    if len(found) != 1:
        names = ", ".join(path.name for path in found)
        fix = (
            f"choose one of {names} with --partition"
            if found
            else "give the folder that holds refs(...).p or Ref-ZOM(final).p"
        )
        raise InputError(f"{folder} has {len(found)} pickles of refs: {fix}.")
    return found[0]


def _check_form(refs: list[_Ref], form: Form, path: Path) -> None:
    has_source = any(ref.source is not None for ref in refs)
    has_absent = any(not sentence.exist for ref in refs for sentence in ref.sentences)
    should = "rrefcoco" if has_absent else "refzom" if has_source else None
    if should is not None and should != form:
        field = "exist" if has_absent else "source"
        raise InputError(f"{path} has the field {field!r} of {should}: convert it as {should}, not as {form}.")
    if form == "rrefcoco" and not has_absent:
        raise InputError(
            f"{path} has no sentence whose 'exist' is false, by which R-RefCOCO marks those without target."
        )
    if form == "refzom" and not has_source:
        raise InputError(f"{path} has no field 'source', by which Ref-ZOM marks expressions without target.")


def _check_refs(refs: list[_Ref], form: Form, path: Path) -> None:
    """Refuse ids that stand for two refs, and refs without target that are not marked as such."""
    numbers = Counter(ref.ref_id for ref in refs)
    twice = next((ref_id for ref_id, number in numbers.items() if number > 1), None)
    if twice is not None:
        raise InputError(f"{path}: ref {twice} is there {numbers[twice]} times; ids must name one ref.")
    for ref in refs:
        if form == "refzom" and ref.source == "zero":
            continue  # its annotation ids mean nothing
        named = ref.ann_id if isinstance(ref.ann_id, list) else [ref.ann_id]
        if not named or not all(type(ann_id) is int and ann_id >= 0 for ann_id in named):
            raise InputError(f"{path}: ref {ref.ref_id} names the annotations {ref.ann_id!r}; expected an id, or some.")


def _records(ref: _Ref, form: Form) -> Iterator[dict[str, Any]]:
    """The ref in gRefCOCO's form: one for its sentences with a target, one for those without."""
    targets = list(ref.ann_id) if isinstance(ref.ann_id, list) else [ref.ann_id]
    split = _TEST if form == "refzom" and _TEST in ref.split else ref.split
    nothing = form == "refzom" and ref.source == "zero"
    for exists in (True, False):
        sentences = [sentence for sentence in ref.sentences if bool(sentence.exist) == exists]
        if sentences:
            ann_ids = targets if exists and not nothing else NOBODY
            yield {
                "ref_id": ref.ref_id,
                "image_id": ref.image_id,
                "split": split,
                "ann_id": ann_ids,
                "no_target": ann_ids == NOBODY,
                "sentences": [_sentence(each) for each in sentences],
            }


def _sentence(sentence: _Sentence) -> dict[str, Any]:
    raw, sent = sentence.raw or sentence.sent or "", sentence.sent or sentence.raw or ""
    return {"sent_id": sentence.sent_id, "raw": raw, "sent": sent, "tokens": sent.split()}
