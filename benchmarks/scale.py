"""A data set of gRefCOCO's full size in every part: counting, the input pipeline, evaluation, a killed training.

    python benchmarks/scale.py [--share 1.0] [--epoch] [--folder FOLDER]

Makes the set of `full_size.py` in a temporary folder, or in FOLDER, where the next call finds it. `--epoch` reads a
whole epoch instead of 100 batches. Pictures come from the page cache, as on a machine with 5 GB of memory to spare.
"""

import json
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import full_size
import numpy as np
from interleaved import in_own_process, options, table
from torch.utils.data import DataLoader
from tqdm import tqdm

from grisq.augment.render import RecipeDataset
from grisq.augment.sampler import StepSampler, TrainingPlan
from grisq.config import preset
from grisq.data import grefcoco, statistics
from grisq.data.check import check
from grisq.data.grefcoco import GRefCOCO
from grisq.data.letterbox import Letterbox
from grisq.data.sample import Collate, SampleReader, collate, empty_canvas, open_picture, place
from grisq.data.tokenizer import ExpressionTokenizer

PAPER = preset("paper")
BATCHES = 100
EVALUATED = 16_000
EVALUATION = """
import sys, threading, time, psutil
from grisq import checkpoint
from grisq.runtime import paths
from grisq.data import grefcoco
from grisq.data.sample import SampleReader
from grisq.evaluation.evaluator import Evaluator
data = grefcoco.load(sys.argv[1])
rows = [row for split in ("val", "testA", "testB") for row in data.rows(split)][:int(sys.argv[2])]
loaded = checkpoint.load(paths.BUNDLED_MODEL)
config = loaded.model.config
reader = SampleReader(data, loaded.tokenizer, config.image_size, config.text.max_tokens)
resident, done, process = [], threading.Event(), psutil.Process()
def watch():
    while not done.wait(0.5):
        resident.append(process.memory_info().rss / 1e6)
begin = time.perf_counter()
watcher = threading.Thread(target=watch)
watcher.start()
Evaluator(loaded.model, reader, progress=False).run(rows)
done.set(), watcher.join()
print(time.perf_counter() - begin, *(resident[int(len(resident) * part)] for part in (0.1, 0.5, 0.99)))
"""


def load_and_count(root: Path) -> list[list]:
    """Time the first reading, a later one, and the counts of `grisq stats`."""
    lines = []
    for name in ("first reading (builds the cache)", "later reading"):
        begin = time.perf_counter()
        data = grefcoco.load(root)
        lines.append([name, f"{time.perf_counter() - begin:.1f} s"])
    begin = time.perf_counter()
    counts = statistics.counts(data).loc["all"]
    lines.append(["counts by split and scenario", f"{time.perf_counter() - begin:.1f} s"])
    skipped = ", ".join(f"{n} {reason}" for reason, n in data.skipped.items())
    lines.append(["found", f"{counts['expressions']:.0f} expressions, {counts['masks']:.0f} masks; skipped: {skipped}"])
    return lines


def check_every_picture(root: Path) -> list[str]:
    """Time `grisq data check` and report whether it found the set complete."""
    begin = time.perf_counter()
    found = check(root)
    seconds = time.perf_counter() - begin
    return [f"check of {found.pictures:,} pictures, decoded", f"{seconds:.0f} s; whole: {found.whole}"]


def reader_of(data: GRefCOCO) -> SampleReader:
    """Make a reader at the size of `paper`, with a tokenizer trained on the set."""
    texts = data.expressions["text"].take(data.rows("train")).to_pylist()
    tokenizer = ExpressionTokenizer.train(texts, PAPER.model.text.vocabulary)
    return SampleReader(data, tokenizer, PAPER.model.image_size, PAPER.model.text.max_tokens)


def parts_of_a_sample(reader: SampleReader, count: int = 400) -> dict[str, float]:
    """Measure the milliseconds that one core spends on each part of a sample: means over evenly spaced expressions."""
    data, side = reader.data, reader.side
    spent = dict.fromkeys(("row", "decode", "place", "mask", "words", "stack"), 0.0)
    samples, clock = [], time.perf_counter
    for row in np.linspace(0, len(data) - 1, count).astype(int):
        times = [clock()]
        expression, info = data.expression(int(row)), data.image(int(data.image_ids[row]))
        times.append(clock())
        picture = open_picture(data.image_path(info.image_id), near=side)
        times.append(clock())
        box, (canvas, valid) = Letterbox(info.width, info.height, side), empty_canvas(side)
        place(canvas, valid, picture, box, 0, 0)
        times.append(clock())
        reader.target_mask(expression.ann_ids, box, side)
        times.append(clock())
        reader.tokenizer.encode(expression.text, reader.max_tokens)
        times.append(clock())
        for name, seconds in zip(spent, np.diff(times)):
            spent[name] += 1000 * seconds / count
        if len(samples) < PAPER.train.batch:
            samples.append(reader.read(int(row)))
    begin = clock()
    collate(samples)
    return spent | {"stack": 1000 * (clock() - begin) / len(samples)}


def samples_per_second(reader: SampleReader, workers: int, batches: int) -> float:
    """Measure the training's own loader with the paper's batch and augmentation, after one batch to warm up.

    Args:
        reader: Of the set.
        workers: Processes of the loader.
        batches: Number that is timed.
    """
    data, train = reader.data, PAPER.train
    rows = data.rows("train")
    plan = TrainingPlan(rows, data.target_counts[rows], data.image_ids[rows], train.batch, 0, PAPER.augment)
    loader = DataLoader(
        RecipeDataset(reader, PAPER.model.text.max_tokens_mosaic),
        batch_sampler=StepSampler(plan, start=0, stop=batches + 1),
        num_workers=workers,
        collate_fn=Collate(reader.tokenizer.pad_id),
    )
    stream = iter(loader)
    next(stream)
    begin = time.perf_counter()
    for _ in tqdm(stream, total=batches, desc=f"{workers} workers", unit="batch"):
        pass
    return batches * train.batch / (time.perf_counter() - begin)


def killed_and_resumed(root: Path, folder: Path) -> str:
    """Compare the losses of a short training that is killed and resumed with those of one that is not."""
    command = [sys.executable, "-m", "grisq", "train", "--data", str(root), "--device", "cpu", "--run"]
    settings = {"steps": 40, "checkpoint_every": 10, "eval_every": 40, "eval_samples": 64}
    options = [part for name, value in settings.items() for part in ("--set", f"train.{name}={value}")]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run([*command, str(folder / "whole"), *options], check=True, **quiet)
    process = subprocess.Popen([*command, str(folder / "killed"), *options], **quiet)
    while len(_losses(folder / "killed")) < 2:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = len(_losses(folder / "killed"))
    subprocess.run([*command, str(folder / "killed"), *options], check=True, **quiet)
    same = _losses(folder / "killed") == _losses(folder / "whole")
    return f"killed after step {10 * before} of 40, losses {'equal to the last bit' if same else 'DIFFER'}"


def _losses(run: Path) -> list[float]:
    path = run / "history.jsonl"
    records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.is_file() else []
    return [record["loss"] for record in records if record["kind"] == "train"]


def main() -> None:
    parser = options(__doc__, "a two-hundredth of the set, fewer batches")
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--epoch", action="store_true")
    parser.add_argument("--folder", type=Path)
    arguments = parser.parse_args()
    share, most = (0.005, 4) if arguments.quick else (arguments.share, BATCHES)
    with tempfile.TemporaryDirectory() as temporary:
        root = arguments.folder or Path(temporary) / "full"
        if not root.exists():
            full_size.write(root, share=share)
        lines = [*load_and_count(root), check_every_picture(root)]
        data = grefcoco.load(root)
        reader = reader_of(data)
        for name, milliseconds in parts_of_a_sample(reader).items():
            lines.append([f"one sample at 480 px: {name}", f"{milliseconds:.2f} ms"])
        everything = len(data.rows("train")) // PAPER.train.batch
        for workers in (0, 1, 2):
            batches = everything if arguments.epoch and workers == 2 else min(most, everything - 1)
            speed = samples_per_second(reader, workers, batches)
            lines.append([f"{batches} batches, {workers} workers", f"{speed:.0f} samples/s"])
        evaluated = min(EVALUATED, round(EVALUATED * share))
        seconds, *resident = in_own_process(["-c", EVALUATION, str(root), str(evaluated)])
        memory = ", ".join(f"{value:.0f}" for value in resident)
        lines.append([f"evaluation of {evaluated}", f"{seconds:.0f} s; resident at 10, 50, 99 %: {memory} MB"])
        lines.append(["a training", killed_and_resumed(root, Path(temporary))])
    print(table(["what", "measured"], lines))


if __name__ == "__main__":
    main()
