"""Single-target expressions joined to a split that has none.

The val split of today's gRefCOCO has no expression with a single target; that of the paper had some. RefCOCO's UNC val
is about the same pictures and has nothing else. Joined, the two are not a release of gRefCOCO. Every number on them
must say so, and `grisq.data.statistics.release_of` does.
"""

from collections.abc import Callable
from pathlib import Path

from grisq.data import grefcoco_writer
from grisq.data.foreign.converted import Converted
from grisq.data.foreign.refer import read_refer
from grisq.data.layout import IMAGES, INSTANCES, NOBODY, REFS
from grisq.runtime.errors import InputError
from grisq.runtime.files import atomic_folder, link_or_copy, read_json, refuse_if_taken

JOINED = "joined"  # a field of the refs that came from the other data set, for whoever reads the JSON


def join_singles(
    grefcoco_root: str | Path,
    refcoco: str | Path,
    out: str | Path,
    *,
    split: str = "val",
    partition: str = "unc",
    report: Callable[[str], None] = print,
) -> Path:
    """Write gRefCOCO with RefCOCO's single-target expressions of one split added, into the new folder `out`.

    Expressions about pictures that gRefCOCO's split does not have are left out, so that no picture of another split
    comes in. The added refs get new ids behind gRefCOCO's own.

    Args:
        grefcoco_root: folder in gRefCOCO's layout.
        refcoco: folder with refs(unc).p and instances.json.
        out: the folder to make.
        split: which one.
        partition: of RefCOCO.
        report: called with one sentence about what was added.

    Raises:
        InputError: a file is missing or of another form, nothing can be added, or `out` is taken.
    """
    root, out = Path(grefcoco_root), Path(out)
    refuse_if_taken(out)
    refs, instances = read_json(root / REFS), read_json(root / INSTANCES)
    other = read_refer(Path(refcoco), "refcoco", partition)
    singles = sum(_is_single(ref["ann_id"]) for ref in refs if ref["split"] == split)
    if singles:
        raise InputError(
            f"{split} of {root} has {singles:,} refs with a single target already: nothing is missing there."
        )
    pictures = {ref["image_id"] for ref in refs if ref["split"] == split}
    known = {record["id"] for record in instances["annotations"]}
    added = [ref for ref in other.refs if ref["split"] == split and ref["image_id"] in pictures]
    if not added:
        raise InputError(
            f"{refcoco} has no expression of {split} about a picture of {root}'s {split}: nothing to join."
        )
    named = {ann_id for ref in added for ann_id in ref["ann_id"]}
    instances["annotations"] += [record for record in other.instances["annotations"] if record["id"] in named - known]
    found = Converted([], instances)
    first_ref = 1 + max(ref["ref_id"] for ref in refs)
    first_sent = 1 + max(sentence["sent_id"] for ref in refs for sentence in ref["sentences"])
    for ref in added:
        sentences = [
            {**sentence, "sent_id": first_sent + i, "source_sent_id": sentence["sent_id"]}
            for i, sentence in enumerate(ref["sentences"])
        ]
        first_sent += len(sentences)
        found.refs.append(
            {
                **ref,
                "ref_id": first_ref + len(found.refs),
                "sentences": sentences,
                JOINED: {"from": "refcoco", "ref_id": ref["ref_id"]},
            }
        )
    found.finish()
    with atomic_folder(out, replace=False) as folder:
        grefcoco_writer.write_numbered(folder, refs + found.refs, instances)
        (folder / IMAGES).mkdir(parents=True, exist_ok=True)
        for image in instances["images"]:
            if (root / IMAGES / image["file_name"]).is_file():
                link_or_copy(root / IMAGES / image["file_name"], folder / IMAGES / image["file_name"])
    left = sum(ref["split"] == split for ref in other.refs) - len(added)
    expressions = sum(len(ref["sentences"]) for ref in found.refs)
    report(
        f"{expressions:,} single-target expressions were added to {split}; {left:,} refs are about pictures that it "
        "does not have. The result is not a release of gRefCOCO: say so next to every number."
    )
    return out


def _is_single(ann_id: int | list[int]) -> bool:
    return isinstance(ann_id, int) or (len(ann_id) == 1 and ann_id != NOBODY)
