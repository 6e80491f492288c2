"""Reading a training's batches with and without a cache, and evaluating the same rows twice; CPU time of one process.

    python benchmarks/reading.py [--steps 1600]

The steps are those of the preset `tiny`, rendered and stacked as its training does, without the model. Without a cache
every step costs the same, so only the first hundred are read. Memory is what the process has grown by.
"""

import time
from collections.abc import Callable

import numpy as np
import psutil
import torch
from interleaved import options, table

from grisq import checkpoint
from grisq.augment.render import RecipeDataset
from grisq.augment.sampler import Slot, TrainingPlan
from grisq.config import preset
from grisq.data.catalog import load_dataset
from grisq.data.grefcoco import GRefCOCO
from grisq.data.loader import evenly
from grisq.data.sample import SampleReader, collate
from grisq.data.tokenizer import ExpressionTokenizer
from grisq.evaluation.evaluator import Evaluator
from grisq.evaluation.protocols import PROTOCOLS
from grisq.runtime.byte_cache import MB
from grisq.runtime.paths import DATA

TINY = preset("tiny")
UNCACHED_STEPS = 100


def cpu_ms(call: Callable[[], object]) -> tuple[float, object]:
    """CPU milliseconds of a call, and what it returned."""
    begin = time.process_time()
    found = call()
    return 1e3 * (time.process_time() - begin), found


def read_steps(data: GRefCOCO, tokenizer: ExpressionTokenizer, side: int, cache_mb: int, steps: int) -> list[str]:
    """Render and stack the batches of the first n steps; a line of the table."""
    reader = SampleReader(data, tokenizer, side, TINY.model.text.max_tokens, cache_mb * MB)
    dataset = RecipeDataset(reader, TINY.model.text.max_tokens_mosaic)
    rows = data.rows("train")
    plan = TrainingPlan(rows, data.target_counts[rows], data.image_ids[rows], TINY.train.batch, 0, TINY.augment)
    process, before = psutil.Process(), psutil.Process().memory_info().rss
    times = []
    for step in range(steps):
        slots = [Slot(recipe, 1.0) for recipe in plan.recipes(step)]
        reading, samples = cpu_ms(lambda slots=slots: [dataset[slot] for slot in slots])
        stacking, _ = cpu_ms(lambda samples=samples: collate(samples))
        times.append((reading, stacking))
    reading, stacking = np.array(times).T
    grown = (process.memory_info().rss - before) / 1e6
    late = np.median(reading[steps // 2 :])
    what = f"{side} px, {f'cache of {cache_mb} MB' if cache_mb else 'no cache'}, {steps} steps"
    return [what, f"{reading.mean():.1f}", f"{late:.1f}", f"{np.median(stacking):.2f}", f"{grown:.0f}"]


def evaluate_twice(data: GRefCOCO, count: int) -> list[list[str]]:
    """Evaluate the bundled model twice, as two evaluations of a training do; lines of the table."""
    loaded = checkpoint.load(DATA / "models" / "tiny")
    config = loaded.model.config
    rows = evenly(data.rows("val"), count)
    lines = []
    for name, cache_mb in (("no cache", 0), (f"cache of {TINY.train.cache_mb} MB", TINY.train.cache_mb)):
        reader = SampleReader(data, loaded.tokenizer, config.image_size, config.text.max_tokens, cache_mb * MB)
        Evaluator(loaded.model, reader, progress=False).run(rows[:1])  # compiles
        for names in (("rela",), tuple(PROTOCOLS)):
            evaluator = Evaluator(loaded.model, reader, protocols=names, progress=False)
            first, again = (cpu_ms(lambda evaluator=evaluator: evaluator.run(rows))[0] for _ in range(2))
            lines.append([f"{', '.join(names)}; {name}", f"{first / len(rows):.2f}", f"{again / len(rows):.2f}"])
    return lines


def main() -> None:
    parser = options(__doc__, "ten steps and twenty samples")
    parser.add_argument("--steps", type=int, default=TINY.train.steps)
    arguments = parser.parse_args()
    steps, count = (10, 20) if arguments.quick else (arguments.steps, TINY.train.eval_samples)
    torch.set_num_threads(1)
    data = load_dataset(TINY, progress=False)
    tokenizer = checkpoint.load(DATA / "models" / "tiny").tokenizer
    lines = [
        read_steps(data, tokenizer, side, cache_mb, steps if cache_mb else min(steps, UNCACHED_STEPS))
        for side in (64, 128)
        for cache_mb in (0, TINY.train.cache_mb)
    ]
    print(table(["what", "samples of a batch, ms", "... later half", "stacking it, ms", "memory, MB"], lines))
    print()
    print(
        table(["evaluation, with the model", "first, ms a sample", "again, ms a sample"], evaluate_twice(data, count))
    )


if __name__ == "__main__":
    main()
