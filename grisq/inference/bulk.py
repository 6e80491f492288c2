"""Answer a table of pictures and expressions into a folder; a run that was stopped resumes."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from grisq.inference.jobs import Job, read_jobs
from grisq.inference.prediction import Prediction
from grisq.inference.segmenter import Segmenter, read_picture
from grisq.runtime.errors import InputError
from grisq.runtime.files import clear_disk_errors, write_json, write_text

__all__ = ["LINES", "RESULTS", "Job", "Summary", "predict_many", "read_jobs"]

LINES, RESULTS = "predictions.jsonl", "predictions.json"


@dataclass
class Summary:
    """How many jobs have an answer, and why the others have none."""

    answered: int = 0  # with those of earlier calls
    failed: dict[int, str] = field(default_factory=dict)  # line of the table -> reason


def predict_many(
    segmenter: Segmenter,
    jobs: Sequence[Job],
    out: Path,
    *,
    batch: int = 8,
    overlays: bool = False,
    progress: bool = True,
) -> Summary:
    """Answer every job and write predictions.json, a list in COCO's results format.

    Answers go to predictions.jsonl batch by batch, and what is there is not computed again. A job that fails is
    reported and the others are answered. Masks have the size of the upright picture: a photograph with an EXIF
    orientation is turned before it is segmented.

    Args:
        segmenter: the model.
        jobs: the table, from `read_jobs`.
        out: folder of the answers, made if it is missing.
        batch: pictures at once.
        overlays: also draw each answer as NUMBER.png, numbers counted from 1 in the order of the jobs.
        progress: show a bar.

    Raises:
        InputError: if `out` holds the answers to other jobs, or the disk is full; what was answered stays.
    """
    with clear_disk_errors(out):
        out.mkdir(parents=True, exist_ok=True)
    done = _read(out / LINES, jobs)
    summary, waiting = Summary(), [number for number in range(1, len(jobs) + 1) if number not in done]
    bar = tqdm(total=len(jobs), initial=len(done), unit="answer", disable=not progress)
    with bar, clear_disk_errors(out / LINES), (out / LINES).open("a", encoding="utf-8") as lines:
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
    write_json(out / RESULTS, [done[number] for number in sorted(done)])
    return summary


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


def _read(path: Path, jobs: Sequence[Job]) -> dict[int, dict]:
    """Read the answers of an earlier call, by number. A line that a kill cut short is left out and answered again."""
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
    if cut:  # else the next answer would be glued to what is left of it
        write_text(path, "".join(json.dumps(entry) + "\n" for entry in found.values()))
    return found
