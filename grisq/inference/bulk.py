"""A table of pictures and expressions in, a folder of answers out; a stopped run goes on where it was."""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from grisq.inference.prediction import Prediction
from grisq.inference.segmenter import Segmenter, read_picture
from grisq.runtime.errors import InputError
from grisq.runtime.files import clear_disk_errors, write_json

LINES, RESULTS = "predictions.jsonl", "predictions.json"


@dataclass
class Summary:
    """answered: all jobs that have an answer now; failed: job number -> what was wrong with it."""

    answered: int = 0
    failed: dict[int, str] = field(default_factory=dict)


def read_jobs(path: Path) -> list[dict]:
    """Lines of a CSV file with the columns picture and text, and image_id if there is one.

    Pictures are relative to the file's folder. Errors: InputError for a missing file or column.
    """
    if not path.is_file():
        raise InputError(f"{path} is missing: give a CSV file with the columns picture and text.")
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = csv.DictReader(file)
        for name in ("picture", "text"):
            if name not in (rows.fieldnames or ()):
                raise InputError(f"{path} has no column {name!r} in its first line: it needs picture and text.")
        return [row | {"picture": path.parent / (row["picture"] or "")} for row in rows]


def predict_many(
    segmenter: Segmenter, jobs: list[dict], out: Path, *, batch: int = 8, overlays: bool = False, progress: bool = True
) -> Summary:
    """Answer every job (see `read_jobs`) and write predictions.json, a list in COCO's results format.

    Answers go to predictions.jsonl batch by batch; what stands there is not asked again. A job that fails is counted
    and the others go on. overlays: also draw each answer as NUMBER.png, numbers counted from 1 in the jobs' order.
    Errors: InputError if `out` holds the answers to other jobs, or the disk is full.
    """
    out.mkdir(parents=True, exist_ok=True)
    done = _read(out / LINES, jobs)
    summary, waiting = Summary(), [number for number in range(1, len(jobs) + 1) if number not in done]
    bar = tqdm(total=len(jobs), initial=len(done), unit="answer", disable=not progress)
    with bar, clear_disk_errors(out / LINES), (out / LINES).open("a", encoding="utf-8") as lines:
        for begin in range(0, len(waiting), batch):
            numbers = waiting[begin : begin + batch]
            for number, prediction in _answers(segmenter, jobs, numbers, summary):
                if overlays:
                    prediction.save(out / f"{number}.png")
                done[number] = _entry(jobs[number - 1], number, prediction)
                lines.write(json.dumps(done[number]) + "\n")
            lines.flush()
            bar.update(len(numbers))
    summary.answered = len(done)
    write_json(out / RESULTS, [done[number] for number in sorted(done)])
    return summary


def _answers(
    segmenter: Segmenter, jobs: list[dict], numbers: list[int], summary: Summary
) -> Iterator[tuple[int, Prediction]]:
    """The jobs that can be answered, as one batch."""
    good = []
    for number in numbers:
        try:
            text = jobs[number - 1]["text"] or ""
            segmenter.tokenizer.encode(text, 3)  # an empty one is refused
            good.append((number, read_picture(jobs[number - 1]["picture"]), text))
        except InputError as error:
            summary.failed[number] = str(error)
    predictions = segmenter.many([(picture, text) for _, picture, text in good], batch=len(numbers))
    return zip([number for number, _, _ in good], predictions)


def _entry(job: dict, number: int, prediction: Prediction) -> dict:
    image_id = job.get("image_id") or job["picture"].name
    image_id = int(image_id) if image_id.isdigit() else image_id
    return {"id": number, "picture": str(job["picture"])} | prediction.to_coco(image_id)


def _read(path: Path, jobs: list[dict]) -> dict[int, dict]:
    """Answers of an earlier call, by number. A line that a kill cut short is left out and answered again."""
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            entry = json.loads(line)
        except json.JSONDecodeError:
            continue
        number = entry["id"]
        same = number <= len(jobs) and (str(jobs[number - 1]["picture"]), jobs[number - 1]["text"]) == (
            entry["picture"],
            entry["caption"],
        )
        if not same:
            raise InputError(f"{path} holds answers to other jobs (number {number}): choose another folder.")
        found[number] = entry
    if path.is_file():  # without a cut line, to which the next one would be glued
        path.write_text("".join(json.dumps(entry) + "\n" for entry in found.values()), encoding="utf-8")
    return found
