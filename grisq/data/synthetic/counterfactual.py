"""Counterfactual pairs: an expression with its picture, and with the same picture after one change that makes it false.

A model that answers from the words alone, or from what is usual, gives both halves the same answer. Made from the val
split of a synthetic set, in gRefCOCO's layout: the split `val` holds both halves, and `pairs.json` says which
expressions belong together.
"""

import json
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from grisq.data import grefcoco_writer
from grisq.data.layout import COUNTERFACTUAL, IMAGES, PAIRS
from grisq.data.synthetic import dataset_card
from grisq.data.synthetic.drawing import Drawing, Task, draw, image_record, save
from grisq.data.synthetic.edits import Edited, edit_against
from grisq.data.synthetic.expression_sampler import Description
from grisq.data.synthetic.expression_trees import shares_word
from grisq.data.synthetic.generate import Made, holds, instances_of, make_all, plan, stamp_of, stamped_folder
from grisq.data.synthetic.refs import ref_record
from grisq.data.synthetic.specs import SyntheticSpec
from grisq.runtime.errors import InputError

SPLIT = "val"
VERSION = 1  # increased whenever the same pictures would give other edits
EDITS_PER_IMAGE = 100  # ids of edited pictures are id of the picture * 100 + number of the edit, from 1


class RefPair(NamedTuple):
    """Two refs with the same sentences, and what was done to the picture between them."""

    original: dict[str, Any]
    edited: dict[str, Any]
    edit: str  # see `edits.KINDS`
    clause: str  # see `edits.CLAUSES`
    changed: list[int]  # annotation ids in the original picture


class PicturePairs(NamedTuple):
    """All that comes of one picture: its own records first, then those of its edited versions."""

    made: list[Made]
    pairs: list[RefPair]
    left_out: Counter[str]  # expressions without a valid edit, by form


def generate_counterfactual(
    spec: SyntheticSpec, root: str | Path, *, workers: int | None = None, progress: bool = True
) -> Path:
    """Make the pairs of a synthetic set unless they are already there. The folder is written atomically.

    Args:
        spec: The synthetic set; it need not be on disk, its pictures are drawn again.
        root: The folder to make.
        workers: Number of processes, by default one per available core; see `generate`.
        progress: Whether to show a progress bar.

    Returns:
        The folder.

    Raises:
        InputError: If `root` holds anything but this very set, or the synthetic set has no val split.
    """
    root = Path(root)
    stamp = stamp_of(spec, counterfactual=VERSION)
    stamp["name"] = spec.name + COUNTERFACTUAL
    if holds(root, stamp):
        return root
    tasks = [task for task in plan(spec) if task.split.name == SPLIT]
    if not tasks:
        raise InputError(f"The synthetic set {spec.name!r} has no {SPLIT} split to make pairs from.")
    with stamped_folder(root, stamp) as folder:
        (folder / IMAGES).mkdir(parents=True)
        job = partial(make_pairs, spec=spec, folder=folder / IMAGES)
        found = make_all(tasks, job, workers=workers, name=stamp["name"], progress=progress)
        made = [one for each in found for one in each.made]
        refs = grefcoco_writer.number([ref for one in made for ref in one.refs])
        pairs = _entries([pair for each in found for pair in each.pairs], refs)
        left_out = sum((each.left_out for each in found), Counter())
        grefcoco_writer.write(folder, refs, instances_of(spec, made))
        content = {"pairs": pairs, "left_out": dict(sorted(left_out.items()))}
        (folder / PAIRS).write_text(grefcoco_writer.to_json(content), encoding="utf-8")
        card = dataset_card.counterfactual_text(stamp, spec.name, refs, pairs, left_out)
        (folder / "README.md").write_text(card, encoding="utf-8")
    return root


def make_pairs(task: Task, spec: SyntheticSpec, folder: Path) -> PicturePairs:
    """Draw one picture again and edit it once for each of its expressions with a target; write what has a pair."""
    drawing = draw(task, spec)
    originals, edited_pictures, pairs = [], [], []
    left_out: Counter[str] = Counter()
    for index, (description, ref) in enumerate(zip(drawing.descriptions, drawing.refs)):
        if not description.targets:
            continue
        rng = np.random.default_rng([spec.seed, task.image_id, index, 1])
        image_id = task.image_id * EDITS_PER_IMAGE + len(pairs) + 1
        edited = edit_against(description, drawing, image_id, rng)
        if edited is None:
            left_out[description.form] += len(ref["sentences"])
            continue
        other = _made(edited, image_id, description, ref)
        save(edited.picture, folder / other.image["file_name"])
        originals.append(ref)
        edited_pictures.append(other)
        changed = [drawing.annotations[place]["id"] for place in edited.changed]
        pairs.append(RefPair(ref, other.refs[0], edited.kind, edited.clause, changed))
    if not pairs:
        return PicturePairs([], [], left_out)
    save(drawing.picture, folder / drawing.image["file_name"])
    return PicturePairs([_original(drawing, originals), *edited_pictures], pairs, left_out)


def _original(drawing: Drawing, refs: list[dict[str, Any]]) -> Made:
    return Made(drawing.image, drawing.annotations, refs)


def _made(edited: Edited, image_id: int, description: Description, ref: dict[str, Any]) -> Made:
    """Make the records of an edited picture with its one ref, which has no target."""
    image = image_record(edited.picture, image_id)
    form = "near" if shares_word(description.tree, edited.scene) else "far"
    sentences = [sentence["raw"] for sentence in ref["sentences"]]
    nothing = Description(description.tree, (), form)
    return Made(image, edited.annotations, [ref_record(image, SPLIT, nothing, sentences, {})])


def _entries(pairs: list[RefPair], refs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Write one entry for each sentence of each pair, with the running numbers of both halves."""
    numbered = {(ref["image_id"], json.dumps(ref["tree"])): ref for ref in refs}
    entries = []
    for pair in pairs:
        first, second = (numbered[half["image_id"], json.dumps(half["tree"])] for half in (pair.original, pair.edited))
        for a, b in zip(first["sentences"], second["sentences"]):
            entries.append(
                {
                    "sentence": a["sent"],
                    "original": _half(first, a),
                    "edited": _half(second, b),
                    "edit": pair.edit,
                    "clause": pair.clause,
                    "changed": pair.changed,
                }
            )
    return entries


def _half(ref: dict[str, Any], sentence: dict[str, Any]) -> dict[str, int]:
    return {"ref_id": ref["ref_id"], "sent_id": sentence["sent_id"], "image_id": ref["image_id"]}
