"""The evaluator on pictures of 128 x 64 with a stub model whose masks are known, counted by hand."""

import pickle
from dataclasses import replace
from multiprocessing import get_all_start_methods, get_context
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from PIL import Image
from torch import distributed, nn

from grisq.data import grefcoco, grefcoco_writer, layout, masks
from grisq.data.sample import SampleReader
from grisq.data.tokenizer import ExpressionTokenizer
from grisq.evaluation.evaluator import Evaluator
from grisq.evaluation.protocols import PROTOCOLS
from grisq.models.base import Output
from grisq.models.grisq import GRISQ
from grisq.runtime.errors import InputError

WIDTH, HEIGHT, SIDE = 128, 64, 64  # a picture fills the upper half of the canvas


def rectangle(left, top, right, bottom):
    return [[float(v) for v in (left, top, right, top, right, bottom, left, bottom)]]


OBJECTS = {11: rectangle(32, 8, 96, 24), 12: rectangle(0, 32, 63, 64)}  # by id of the annotation
EXPRESSIONS = [("the bar", [11]), ("a zebra", [-1]), ("both bars", [11, 12]), ("another zebra", [-1])]


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    """A data set of two pictures of 128 x 64, with four expressions each."""
    root = tmp_path_factory.mktemp("wide")
    names = {7: "seven.jpg", 8: "eight.jpg"}
    images = [{"id": i, "file_name": name, "width": WIDTH, "height": HEIGHT} for i, name in names.items()]
    shared = {"category_id": 1, "iscrowd": 0, "area": 1024.0, "bbox": [0.0, 0.0, 1.0, 1.0]}
    annotations = [
        {"id": 100 * (i == 8) + ann_id, "image_id": i, "segmentation": outline, **shared}
        for i in names
        for ann_id, outline in OBJECTS.items()
    ]
    refs = [
        {
            "image_id": i,
            "file_name": name,
            "split": "val",
            "ann_id": [ann_id if ann_id < 0 else 100 * (i == 8) + ann_id for ann_id in ann_ids],
            "category_id": 1,
            "no_target": ann_ids == [-1],
            "sentences": [{"raw": text, "sent": text, "tokens": []}],
        }
        for i, name in names.items()
        for text, ann_ids in EXPRESSIONS
    ]
    categories = [{"id": 1, "name": "bar", "supercategory": "thing"}]
    grefcoco_writer.write(root, refs, {"images": images, "annotations": annotations, "categories": categories})
    (root / layout.IMAGES).mkdir(parents=True)
    for name in names.values():
        Image.new("RGB", (WIDTH, HEIGHT), "gray").save(root / layout.IMAGES / name)
    return grefcoco.load(root)


@pytest.fixture(scope="module")
def wide_reader(wide):
    tokenizer = ExpressionTokenizer.train(wide.expressions["text"].to_pylist(), 100)
    return SampleReader(wide, tokenizer, SIDE, 20)


class Stub(nn.Module):
    """Predicts that the `columns` leftmost columns of the canvas are target, by a margin of 0.1 in the logits."""

    def __init__(self, columns, presence, plurality=None):
        super().__init__()
        self.columns, self.answers = columns, {"presence_logits": presence, "plurality_logits": plurality}
        self.decides_presence = presence is not None
        self.turn, self.was_training = 0, set()

    def inputs(self, batch):
        return batch.inputs()

    def forward(self, images, valid, tokens, token_mask):
        self.was_training.add(self.training)
        first, self.turn = self.turn, self.turn + len(images)
        logits = torch.full((len(images), 2, SIDE, SIDE), -0.3)
        logits[:, 0] = -0.2  # background
        logits[..., : self.columns] = torch.tensor([-0.2, -0.1]).view(1, 2, 1, 1)  # both negative inside too
        heads = {name: self._logits(values, first) for name, values in self.answers.items()}
        return Output(logits, **heads)

    def _logits(self, values, first):
        """(B, 2) whose softmax gives the probabilities of these samples."""
        if values is None:
            return None
        chosen = torch.tensor(values[first : self.turn], dtype=torch.float64)
        return torch.stack([torch.zeros_like(chosen), torch.logit(chosen)], dim=1)


def run(model, reader, *names, keep=True, rows=range(4), **options):
    options = {"batch": 3, "progress": False, **options}  # 4 samples: a batch of three and one of one
    return Evaluator(model, reader, protocols=names, **options).run(rows, keep_samples=keep)


SURE = [0.9, 0.1, 0.8, 0.6]  # finds both targets, rejects the first zebra, sees the second


def test_masks_of_a_wide_picture_are_counted_by_hand(wide_reader):
    """24 of 64 columns of the canvas are 180 of 480 columns, and 48 of the picture's 128.

    At 480 x 480 the bar is 240 x 120 pixels from (120, 60) on, the second one 236 x 240 from (0, 240) on
    (63 of 128 columns are 236.25).
    """
    found = run(Stub(24, SURE), wide_reader, "rela", "original")
    square = [
        (180 * 480, 240 * 120, 60 * 120),
        (180 * 480, 0, 0),
        (180 * 480, 240 * 120 + 236 * 240, 60 * 120 + 180 * 240),
        (180 * 480, 0, 0),
    ]
    kept = [(each["predicted"], each["annotated"], each["intersection"]) for each in found.samples]
    assert kept == square
    ious = [7200 / (86400 + 28800 - 7200), 1, 50400 / (86400 + 85440 - 50400), 0]
    assert [each["scores"]["rela"]["iou"] for each in found.samples] == pytest.approx(ious)
    assert found.metrics["rela"]["gIoU"] == pytest.approx(25 * sum(ious))
    unions = 108000 + 0 + 121440 + 86400  # the rejected zebra adds nothing, the other one its whole mask
    assert found.metrics["rela"]["cIoU"] == pytest.approx(100 * (7200 + 50400) / unions)
    original = [each["scores"]["original"] for each in found.samples]
    assert [each["intersection"] for each in original] == [16 * 16, 0, 16 * 16 + 48 * 32, 0]
    assert [each["union"] for each in original] == [3840, 0, 4320, 48 * 64]


def test_decisions_and_accuracies_by_hand(wide_reader):
    found = run(Stub(24, [0.9, 0.1, 0.4, 0.5], [0.2, 0.9, 0.7, 0.1]), wide_reader, "rela")
    metrics = found.metrics["rela"]
    assert (metrics["N-acc"], metrics["T-acc"]) == (50, 50)  # 0.5 counts as present
    assert (metrics["n_no_target"], metrics["n_single"], metrics["n_multi"]) == (2, 1, 1)
    assert metrics["IoU multi"] == 0
    assert found.accuracy == {
        "presence no-target": 50,
        "presence single-target": 100,
        "presence multi-target": 0,
        "plurality single-target": 100,
        "plurality multi-target": 100,
    }
    assert [each["target_count"] for each in found.samples] == [1, 0, 2, 0]
    assert [each["presence"] for each in found.samples] == pytest.approx([0.9, 0.1, 0.4, 0.5])
    assert [each["scores"]["rela"]["predicted_present"] for each in found.samples] == [True, False, False, True]


def test_gsva_differs_only_where_a_target_is_missed(wide_reader):
    found = run(Stub(24, [0.9, 0.1, 0.4, 0.5]), wide_reader, "original", "gsva")
    for each in found.samples:
        ours, theirs = each["scores"]["original"], each["scores"]["gsva"]
        missed = each["target_count"] == 2
        assert (ours["iou"] == pytest.approx(theirs["iou"])) == (not missed)
    assert found.samples[2]["scores"]["gsva"]["iou"] == pytest.approx(1792 / 4320)


@pytest.mark.parametrize("columns", [0, 1])
def test_without_a_presence_head_the_share_of_the_mask_decides(wide_reader, columns):
    """One column of the canvas is 128 pixels of the picture; a rule of 2 % (of 1 %) asks for 164 (for 82)."""
    for percent in (1, 2):
        rules = [
            replace(PROTOCOLS[name], name=name, min_pixels=480 * 480 * percent // 100) for name in ("rela", "original")
        ]
        found = run(Stub(columns, None), wide_reader, *rules)
        present = columns == 1 and percent == 1
        for metrics in found.metrics.values():
            assert (metrics["N-acc"], metrics["T-acc"]) == ((0, 100) if present else (100, 0))
        assert found.accuracy == {}
        assert found.samples[0]["presence"] is None


def test_any_batch_size_and_order_of_rows(wide_reader):
    presence = [0.9, 0.1, 0.8, 0.6, 0.3, 0.7, 0.2, 0.4]
    whole = run(Stub(24, presence), wide_reader, "rela", rows=range(8), batch=8)
    for batch in (1, 3):
        assert run(Stub(24, presence), wide_reader, "rela", rows=range(8), batch=batch) == whole
    back = run(Stub(24, presence[::-1]), wide_reader, "rela", rows=range(7, -1, -1))
    assert back.samples == whole.samples[::-1]
    assert back.metrics["rela"]["cIoU"] == whole.metrics["rela"]["cIoU"]


def test_the_covered_pixels_of_every_target_are_counted_by_hand(wide_reader):
    """The mask is 180 of 480 columns; the bar's begin at 120, the second one's at 0 (see the first test)."""
    instances = {
        "rela": ([240 * 120, 236 * 240], [60 * 120, 180 * 240]),
        "original": ([64 * 16, 63 * 32], [16 * 16, 48 * 32]),
    }
    for first, second in (("rela", "original"), ("original", "rela")):
        found = run(Stub(24, SURE), wide_reader, first, second)
        for each in found.samples:
            n = each["target_count"]
            pixels, covered = instances[first]
            assert (each["instance_pixels"], each["instance_covered"]) == (pixels[:n], covered[:n])
    empty = run(Stub(0, SURE), wide_reader, "rela")
    assert [each["instance_covered"] for each in empty.samples] == [[0], [], [0, 0], []]


def test_a_second_run_finds_the_same_without_drawing_a_target(wide_reader, monkeypatch):
    evaluator = Evaluator(Stub(24, SURE), wide_reader, protocols=("rela", "original"), progress=False)
    first = evaluator.run(range(4), keep_samples=True)
    evaluator.model.turn = 0
    with monkeypatch.context() as patch:
        patch.setattr("grisq.evaluation.bits.masks.rasterize", undrawn := Mock(wraps=masks.rasterize))
        assert evaluator.run(range(4), keep_samples=True) == first
    sizes = {(call.kwargs["out_height"], call.kwargs["out_width"]) for call in undrawn.call_args_list}
    assert sizes == {(SIDE, SIDE)}  # of reading alone: this reader has no cache


def test_samples_are_kept_only_when_asked(wide_reader):
    kept = run(Stub(24, SURE), wide_reader, "rela")
    dropped = run(Stub(24, SURE), wide_reader, "rela", keep=False)
    assert dropped.samples == []
    assert dropped.metrics == kept.metrics


def test_a_model_evaluates_in_evaluation_mode_and_keeps_its_own(wide_reader):
    for training in (True, False):
        model = Stub(24, SURE).train(training)
        run(model, wide_reader, "rela")
        assert model.was_training == {False}
        assert model.training == training


def test_no_rows_give_no_numbers(wide_reader):
    found = run(Stub(24, SURE), wide_reader, "rela", rows=[])
    assert np.isnan(found.metrics["rela"]["gIoU"])
    assert found.metrics["rela"]["n_single"] == 0


def test_rules_of_ones_own(mini, reader, model_config):
    """The same model under a named protocol and under a variant of it that is nowhere registered."""
    ours = replace(PROTOCOLS["rela"], name="never", presence="pixels50", min_pixels=480 * 480 + 1)
    found = run(GRISQ(model_config), reader, "rela", ours, rows=mini.rows("val"))
    assert found.metrics["never"]["N-acc"] == 100
    assert found.metrics["never"]["T-acc"] == 0
    assert found.metrics["rela"]["n_single"] == found.metrics["never"]["n_single"]


@pytest.mark.parametrize("precision", ["fp16", "half", ""])
def test_an_unknown_precision_is_refused(wide_reader, precision):
    with pytest.raises(InputError, match=f"precision cannot be '{precision}': choose fp32, bf16 or auto"):
        Evaluator(Stub(24, SURE), wide_reader, precision=precision)


def test_the_precision_is_resolved(wide_reader):
    assert Evaluator(Stub(24, SURE), wide_reader).precision == "fp32"
    assert Evaluator(Stub(24, SURE), wide_reader, precision="bf16").precision == "bf16"


def test_unknown_protocols_and_processes_that_are_not_connected(wide_reader):
    with pytest.raises(InputError, match="no protocol 'reala'"):
        Evaluator(Stub(24, SURE), wide_reader, protocols=["reala"])
    with pytest.raises(InputError, match="2 processes are not connected"):
        run(Stub(24, SURE), wide_reader, "rela", rank=1, world=2)


@pytest.mark.skipif("fork" not in get_all_start_methods(), reason="the processes share the stub and the pictures")
@pytest.mark.parametrize("rows", [range(8), range(7), range(1)])
def test_every_process_gets_all_samples_in_the_order_of_the_rows(wide_reader, tmp_path, rows):
    """Two connected processes against one; each takes every second row, so the second may have none."""
    presence = [0.9, 0.1, 0.8, 0.6, 0.3, 0.7, 0.2, 0.4]

    def work(rank):
        torch.set_num_threads(1)
        store = distributed.FileStore(str(tmp_path / "store"), 2)
        distributed.init_process_group("gloo", store=store, rank=rank, world_size=2)
        model = Stub(24, [presence[row] for row in rows[rank::2]])
        found = run(model, wide_reader, "rela", "gsva", rows=rows, rank=rank, world=2)
        (tmp_path / str(rank)).write_bytes(pickle.dumps(found))
        if rank == 0:  # alone, while the other one has gone: it must not be asked
            alone = run(Stub(24, presence), wide_reader, "rela", "gsva", rows=rows)
            (tmp_path / "alone").write_bytes(pickle.dumps(alone))
        distributed.destroy_process_group()

    processes = [get_context("fork").Process(target=work, args=(rank,)) for rank in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        process.kill()
    whole = run(Stub(24, presence), wide_reader, "rela", "gsva", rows=rows)
    for name in ("0", "1", "alone"):
        found = pickle.loads((tmp_path / name).read_bytes())
        assert found.samples == whole.samples
        assert found.accuracy == whole.accuracy
        for rules, metrics in whole.metrics.items():
            assert found.metrics[rules] == pytest.approx(metrics, nan_ok=True)
