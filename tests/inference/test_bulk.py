"""A table of jobs is answered line by line, goes on after a stop, and comes out as COCO's tools want it."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from grisq.data.tokenizer import ExpressionTokenizer
from grisq.inference.bulk import LINES, RESULTS, SETTINGS, Job, predict_many, read_jobs
from grisq.inference.segmenter import Segmenter
from grisq.models.grisq import GRISQ
from grisq.runtime.errors import InputError

TEXTS = ["the red dog", "two cups", "all cars"]


@pytest.fixture
def segmenter(model_config):
    return Segmenter(GRISQ(model_config), ExpressionTokenizer.train(TEXTS, 200), device="cpu", threshold=0.0)


@pytest.fixture
def jobs(tmp_path):
    """Three pictures, three expressions, as a CSV file beside them."""
    for number, size in enumerate([(90, 60), (50, 80), (70, 70)]):
        pixels = np.random.default_rng(number).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    with (tmp_path / "jobs.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["picture", "text", "image_id"])
        rows.writerows([f"{number}.png", text, 10 + number] for number, text in enumerate(TEXTS))
    return read_jobs(tmp_path / "jobs.csv")


def test_answers_are_those_of_the_segmenter_and_pycocotools_reads_them(segmenter, jobs, tmp_path):
    summary = predict_many(segmenter, jobs, tmp_path / "out", batch=2, overlays=True, progress=False)
    assert (summary.answered, summary.failed) == (3, {})
    images = [
        {"id": 10 + number, "height": job_size(job)[1], "width": job_size(job)[0]} for number, job in enumerate(jobs)
    ]
    truth = COCO()
    truth.dataset = {"images": images, "annotations": [], "categories": [{"id": 1}]}
    truth.createIndex()
    found = truth.loadRes(str(tmp_path / "out" / RESULTS))
    for number, job in enumerate(jobs):
        (annotation,) = found.loadAnns(found.getAnnIds(imgIds=[10 + number]))
        expected = segmenter(job.picture, job.text)
        assert (found.annToMask(annotation).astype(bool) == expected.mask).mean() > 0.99
        assert annotation["caption"] == job.text
        assert Image.open(tmp_path / "out" / f"{number + 1}.png").size == job_size(job)


def job_size(job):
    return Image.open(job.picture).size


def test_a_stopped_run_goes_on_and_a_cut_line_is_answered_again(segmenter, jobs, tmp_path, monkeypatch):
    out = tmp_path / "out"
    predict_many(segmenter, jobs, out, batch=1, progress=False)  # others in a batch change the last digits
    whole = (out / RESULTS).read_text(encoding="utf-8")
    lines = (out / LINES).read_text(encoding="utf-8").splitlines()
    (out / LINES).write_bytes(f"{lines[0]}\n{lines[1][:40]}".encode() + b"\xc3")  # in the middle of a character
    asked = []
    original = Segmenter.many
    monkeypatch.setattr(
        Segmenter, "many", lambda self, some, batch: asked.extend(some) or original(self, some, batch=batch)
    )
    predict_many(segmenter, jobs, out, batch=1, progress=False)
    assert [text for _, text in asked] == TEXTS[1:]
    assert json.loads((out / RESULTS).read_text(encoding="utf-8")) == json.loads(whole)
    assert len((out / LINES).read_text(encoding="utf-8").splitlines()) == 3


def test_a_line_that_fails_is_counted_and_the_others_are_answered(segmenter, jobs, tmp_path):
    jobs[0].picture.write_text("no picture", encoding="utf-8")
    jobs[2] = replace(jobs[2], text=" ")
    summary = predict_many(segmenter, jobs, tmp_path / "out", progress=False)
    assert summary.answered == 1
    assert "cannot be read as a picture" in summary.failed[2]
    assert "expression is empty" in summary.failed[4]
    assert [entry["id"] for entry in json.loads((tmp_path / "out" / RESULTS).read_text(encoding="utf-8"))] == [2]


def test_a_folder_with_answers_to_other_jobs_is_left_alone(segmenter, jobs, tmp_path):
    predict_many(segmenter, jobs, tmp_path / "out", progress=False)
    before = (tmp_path / "out" / LINES).read_text(encoding="utf-8")
    jobs[0] = replace(jobs[0], text="the blue dog")
    with pytest.raises(InputError, match="answers to other jobs"):
        predict_many(segmenter, jobs, tmp_path / "out", progress=False)
    assert (tmp_path / "out" / LINES).read_text(encoding="utf-8") == before


@pytest.mark.parametrize("change", ["model", "threshold", "mask_threshold"])
def test_answers_of_another_model_or_threshold_are_not_mixed(segmenter, jobs, tmp_path, model_config, change):
    out = tmp_path / "out"
    predict_many(segmenter, jobs[:1], out, progress=False)
    before = (out / LINES).read_text(encoding="utf-8")
    model = GRISQ(model_config) if change == "model" else segmenter.model
    given = {"threshold": 0.0, "mask_threshold": 0.5} | ({} if change == "model" else {change: 0.25})
    other = Segmenter(model, segmenter.tokenizer, device="cpu", **given)
    with pytest.raises(
        InputError, match=rf"holds answers with other settings \({change}; see settings\.json\): choose another folder"
    ):
        predict_many(other, jobs, out, progress=False)
    assert (out / LINES).read_text(encoding="utf-8") == before
    assert predict_many(segmenter, jobs, out, progress=False).answered == 3


def test_a_folder_where_every_line_failed_takes_another_threshold(segmenter, jobs, tmp_path):
    lost = [replace(jobs[0], picture=tmp_path / "lost.png")]
    assert predict_many(segmenter, lost, tmp_path / "out", progress=False).answered == 0
    other = Segmenter(segmenter.model, segmenter.tokenizer, device="cpu", threshold=0.25)
    assert predict_many(other, jobs, tmp_path / "out", progress=False).answered == 3


def test_answers_without_settings_are_not_taken_for_this_models(segmenter, jobs, tmp_path):
    predict_many(segmenter, jobs[:1], tmp_path / "out", progress=False)
    (tmp_path / "out" / SETTINGS).unlink()
    with pytest.raises(InputError, match=r"holds answers without settings\.json"):
        predict_many(segmenter, jobs, tmp_path / "out", progress=False)


def test_answers_of_an_earlier_call_get_their_overlays_too(segmenter, jobs, tmp_path):
    once, twice = tmp_path / "once", tmp_path / "twice"
    predict_many(segmenter, jobs, once, batch=1, overlays=True, progress=False)
    predict_many(segmenter, jobs[:2], twice, batch=1, progress=False)
    predict_many(segmenter, jobs, twice, batch=1, overlays=True, progress=False)
    for number in (1, 2, 3):
        assert (twice / f"{number}.png").read_bytes() == (once / f"{number}.png").read_bytes()
    (twice / "1.png").unlink()
    jobs[0].picture.unlink()
    assert "does not exist" in predict_many(segmenter, jobs, twice, overlays=True, progress=False).failed[2]


def test_a_fault_of_the_table_is_reported_with_its_line_and_the_others_are_answered(segmenter, jobs, tmp_path):
    table = "picture,text\n0.png,the red dog, the one on the left\n1.png,two cups\n\n2.png\n0.png,...\n1.png,all cars\n"
    (tmp_path / "commas.csv").write_text(table, encoding="utf-8")
    summary = predict_many(segmenter, read_jobs(tmp_path / "commas.csv"), tmp_path / "out", progress=False)
    assert summary.answered == 2
    assert list(summary.failed) == [2, 5, 6]
    assert "3 fields and the first line has 2: put a text that holds a comma" in summary.failed[2]
    assert "1 field and" in summary.failed[5]
    assert "no word" in summary.failed[6]


def test_lines_that_were_mended_are_answered_by_the_same_command(segmenter, jobs, tmp_path):
    table = tmp_path / "table.csv"
    for text, answered in (("two cups, left", 1), ('"two cups, left"', 2)):
        table.write_text(f"picture,text\n0.png,{text}\n1.png,all cars\n", encoding="utf-8")
        assert predict_many(segmenter, read_jobs(table), tmp_path / "out", progress=False).answered == answered
    captions = [entry["caption"] for entry in json.loads((tmp_path / "out" / RESULTS).read_text(encoding="utf-8"))]
    assert captions == ["two cups, left", "all cars"]


def test_answers_before_a_full_disk_or_a_kill_are_kept(segmenter, jobs, tmp_path, monkeypatch):
    """Also while the answers of an earlier call are read and a cut line is taken out of them."""
    out = tmp_path / "out"
    predict_many(segmenter, jobs[:2], out, batch=1, progress=False)
    with (out / LINES).open("a", encoding="utf-8") as lines:
        lines.write('{"id": 3, "cap')
    before = (out / LINES).read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            predict_many(segmenter, jobs, out, batch=1, progress=False)
    assert (out / LINES).read_bytes() == before
    monkeypatch.setattr(
        "grisq.inference.prediction.Prediction.save", lambda *_: (_ for _ in ()).throw(InputError("full"))
    )
    with pytest.raises(InputError, match="full"):
        predict_many(segmenter, jobs, out, batch=1, overlays=True, progress=False)
    assert [json.loads(line)["id"] for line in (out / LINES).read_text(encoding="utf-8").splitlines()] == [1, 2, 3]


def test_masks_are_those_of_the_upright_picture(segmenter, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 20)).save(tmp_path / "turned.jpg", exif=exif)
    predict_many(segmenter, [Job(2, tmp_path / "turned.jpg", "two cups")], tmp_path / "out", progress=False)
    (entry,) = json.loads((tmp_path / "out" / RESULTS).read_text(encoding="utf-8"))
    assert entry["segmentation"]["size"] == [40, 20]  # height, width
    assert entry["image_id"] == "turned.jpg"
