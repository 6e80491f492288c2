"""Answer a table of pictures and expressions into a folder; a run that was stopped resumes."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from grisq.data import masks
from grisq.inference.fingerprint import SETTINGS, fingerprint, keep_settings
from grisq.inference.jobs import Job, read_jobs
from grisq.inference.picture_input import read_picture
from grisq.inference.prediction import Prediction
from grisq.inference.segmenter import Segmenter
from grisq.runtime.errors import InputError
from grisq.runtime.files import clear_disk_errors, write_json, write_text
from grisq.runtime.shard import WHOLE, Shard

__all__ = ["LINES", "RESULTS", "SETTINGS", "Job", "Summary", "predict_many", "read_jobs"]

LINES, RESULTS, SHARDS = "predictions.jsonl", "predictions.json", "predictions-*-of-*.jsonl"


@dataclass
class Summary:
    """How many jobs have an answer, and why the others have none, or no overlay."""

    answered: int = 0  # with those of earlier calls
    failed: dict[int, str] = field(default_factory=dict)  # line of the table -> reason


def predict_many(
    segmenter: Segmenter,
    jobs: Sequence[Job],
    out: Path,
    *,
    batch: int = 8,
    overlays: bool = False,
    shard: Shard = WHOLE,
    progress: bool = True,
) -> Summary:
    """Answer every job and write predictions.json, a list in COCO's results format.

    Answers go to predictions.jsonl batch by batch, and what is there is not computed again. The model and the
    thresholds go to settings.json, so that one folder never mixes the answers of two models. A job that fails is
    reported and the others are answered. Masks have the size of the upright picture: a photograph with an EXIF
    orientation is turned before it is segmented.

    Args:
        segmenter: the model.
        jobs: the table, from `read_jobs`.
        out: folder of the answers, made if it is missing.
        batch: pictures at once.
        overlays: also draw each answer as NUMBER.png, numbers counted from 1 in the order of the jobs; answers of
            earlier calls that lack a drawing get one.
        shard: answer this part of the jobs alone, for one of several machines that share the folder. A call without
            it gathers what all of them answered, answers what is missing, and writes predictions.json.
        progress: show a bar.

    Raises:
        InputError: if `out` holds the answers to other jobs, by another model or with other thresholds, or the disk is
            full; what was answered stays.
    """
    settings = {
        "model": fingerprint(segmenter.model, segmenter.tokenizer),
        "threshold": segmenter.threshold,
        "mask_threshold": segmenter.mask_threshold,
    }
    path = keep_settings(settings, out, shard)
    done = _read(path, jobs)
    if shard == WHOLE:
        for other in sorted(out.glob(SHARDS)):
            done |= _read(other, jobs, mend=False)
    mine = [place + 1 for place in shard.take(len(jobs))]
    summary, waiting = Summary(), [number for number in mine if number not in done]
    bar = tqdm(total=len(mine), initial=len(mine) - len(waiting), unit="answer", disable=not progress)
    with bar, clear_disk_errors(path), path.open("a", encoding="utf-8") as lines:
        for begin in range(0, len(waiting), batch):
            numbers = waiting[begin : begin + batch]
            for number, prediction in _answers(segmenter, jobs, numbers, summary):
                done[number] = _entry(jobs[number - 1], number, prediction)
                lines.write(json.dumps(done[number]) + "\n")
                if overlays:
                    prediction.save(out / f"{number}.png")
            lines.flush()
            bar.update(len(numbers))
    summary.answered = len(done)
    if shard == WHOLE:
        write_json(out / RESULTS, [done[number] for number in sorted(done)])
    if overlays:
        _draw_missing(done, jobs, out, summary)
    return summary


def _draw_missing(done: dict[int, dict], jobs: Sequence[Job], out: Path, summary: Summary) -> None:
    """Draw the answers of earlier calls that have no overlay; a picture that is gone goes to the summary."""
    for number in sorted(number for number in done if not (out / f"{number}.png").is_file()):
        job, entry = jobs[number - 1], done[number]
        try:
            picture = read_picture(job.picture)
        except InputError as error:
            summary.failed[job.line] = str(error)
            continue
        mask = masks.decode(entry["segmentation"])
        Prediction(picture, job.text, mask, mask, entry["score"], entry["plurality"]).save(out / f"{number}.png")


def _answers(
    segmenter: Segmenter, jobs: Sequence[Job], numbers: list[int], summary: Summary
) -> Iterator[tuple[int, Prediction]]:
    """Answer those jobs that can be answered, as one batch; the others go to the summary."""
    good = []
    for number in numbers:
        job = jobs[number - 1]
        try:
            if job.fault:
                raise InputError(job.fault)
            segmenter.tokenizer.check(job.text)
            good.append((number, read_picture(job.picture), job.text))
        except InputError as error:
            summary.failed[job.line] = str(error)
    predictions = segmenter.many([(picture, text) for _, picture, text in good], batch=len(numbers))
    return zip([number for number, _, _ in good], predictions)


def _entry(job: Job, number: int, prediction: Prediction) -> dict:
    image_id = job.picture.name if job.image_id is None else job.image_id
    return {"id": number, "picture": job.picture.as_posix()} | prediction.to_coco(image_id)


def _read(path: Path, jobs: Sequence[Job], *, mend: bool = True) -> dict[int, dict]:
    """Read the answers of an earlier call, by number. A line that a kill cut short is left out and answered again.

    mend: whether that line is deleted; another process may be writing it.
    """
    if not path.is_file():
        return {}
    found, cut = {}, False
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            entry = json.loads(line)
        except json.JSONDecodeError:
            cut = True
            continue
        number = entry["id"]
        asked = jobs[number - 1] if number <= len(jobs) else None
        if asked is None or (asked.picture.as_posix(), asked.text) != (entry["picture"], entry["caption"]):
            raise InputError(f"{path} holds answers to other jobs (number {number}): choose another folder.")
        found[number] = entry
    if cut and mend:  # else the next answer would be glued to what is left of it
        write_text(path, "".join(json.dumps(entry) + "\n" for entry in found.values()))
    return found
