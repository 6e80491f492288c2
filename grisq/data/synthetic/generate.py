"""Generates a synthetic data set: composed pictures and computed expressions in gRefCOCO's layout (Sec. 4.1).

Each picture has its own generator, seeded with (seed, image id), so the annotations are the same bytes on every
machine and for every number of workers. The shares of no-target and multi-target expressions are exact.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from itertools import count
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from tqdm import tqdm

from grisq.data import grefcoco_writer
from grisq.data.layout import IMAGES
from grisq.data.scenarios import MULTI_TARGET, NO_TARGET, SINGLE_TARGET
from grisq.data.synthetic import dataset_card, sprites
from grisq.data.synthetic.drawing import Task, draw, save
from grisq.data.synthetic.specs import SyntheticSpec
from grisq.runtime.distributed import available_cores
from grisq.runtime.errors import InputError
from grisq.runtime.files import atomic_folder

FORMAT = 3  # increased whenever the same spec would give other annotations
MIN_PICTURES_FOR_WORKERS = 64  # below this, starting processes costs more than it saves
_STAMP = "spec.json"
T = TypeVar("T")


class Made(NamedTuple):
    """The records of one picture that has been written."""

    image: dict[str, Any]
    annotations: list[dict[str, Any]]
    refs: list[dict[str, Any]]


def generate(spec: SyntheticSpec, root: str | Path, *, workers: int | None = None, progress: bool = True) -> Path:
    """Make a set unless it is already there. The folder is written atomically.

    Args:
        spec: Which set.
        root: The folder to make.
        workers: Number of processes, by default one per available core; 1 stays in this process. A script that
            calls this with several workers needs `if __name__ == "__main__":`.
        progress: Whether to show a progress bar.

    Returns:
        The folder.

    Raises:
        InputError: If `root` holds anything but this very set.
    """
    root = Path(root)
    stamp = stamp_of(spec)
    if holds(root, stamp):
        return root
    tasks = plan(spec)
    with stamped_folder(root, stamp) as folder:
        (folder / IMAGES).mkdir(parents=True)
        job = partial(make, spec=spec, folder=folder / IMAGES)
        made = make_all(tasks, job, workers=workers, name=spec.name, progress=progress)
        refs = [ref for one in made for ref in one.refs]
        grefcoco_writer.write(folder, refs, instances_of(spec, made))
        (folder / "README.md").write_text(dataset_card.text(stamp, refs), encoding="utf-8")
    return root


def plan(spec: SyntheticSpec) -> list[Task]:
    """List all pictures with their expressions' scenarios: exact shares in each split, shuffled among its pictures."""
    image_ids = count(1)
    tasks = []
    for index, split in enumerate(spec.splits):
        nobody, several = round(split.no_target * split.expressions), round(split.multi * split.expressions)
        labels = (
            [NO_TARGET] * nobody + [MULTI_TARGET] * several + [SINGLE_TARGET] * (split.expressions - nobody - several)
        )
        order = np.random.default_rng([spec.seed, index, 0]).permutation(len(labels))
        for share in np.array_split(order, split.pictures):
            tasks.append(Task(next(image_ids), split, tuple(labels[i] for i in share)))
    return tasks


def make(task: Task, spec: SyntheticSpec, folder: Path) -> Made:
    """Draw one picture and write it into `folder`."""
    drawing = draw(task, spec)
    save(drawing.picture, folder / drawing.image["file_name"])
    return Made(drawing.image, drawing.annotations, drawing.refs)


def make_all(
    tasks: Sequence[Task], job: Callable[[Task], T], *, workers: int | None, name: str, progress: bool
) -> list[T]:
    """Do a job for each picture, in this process or in several, and return the results in the tasks' order.

    Args:
        tasks: The pictures.
        job: A function that can be sent to other processes.
        workers: Number of processes, by default one per available core.
        name: Name of the set, for the progress bar.
        progress: Whether to show a progress bar.

    Raises:
        InputError: If the other processes could not start.
    """
    workers = available_cores() if workers is None else workers
    with tqdm(total=len(tasks), desc=f"synthetic set '{name}'", unit="picture", disable=not progress) as bar:
        done = []
        for one in _do_all(tasks, job, workers):
            done.append(one)
            bar.update()
    return done


def _do_all(tasks: Sequence[Task], job: Callable[[Task], T], workers: int) -> Iterator[T]:
    if workers <= 1 or len(tasks) < MIN_PICTURES_FOR_WORKERS:
        yield from map(job, tasks)
        return
    try:
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            yield from pool.map(job, tasks, chunksize=16)
    except BrokenProcessPool as error:
        advice = "guard the script with `if __name__ == '__main__':` or call generate(..., workers=1)"
        raise InputError(f"The workers that make the synthetic set could not start: {advice}.") from error


def instances_of(spec: SyntheticSpec, made: Sequence[Made]) -> dict[str, Any]:
    """Make the instances document of a set."""
    return {
        "info": {"description": f"grisq synthetic set '{spec.name}', seed {spec.seed}"},
        "images": [one.image for one in made],
        "annotations": [annotation for one in made for annotation in one.annotations],
        "categories": [{"id": c.id, "name": c.name, "supercategory": c.supercategory} for c in sprites.CATEGORIES],
    }


def stamp_of(spec: SyntheticSpec, **more: Any) -> dict[str, Any]:
    """Return what spec.json holds: two sets with equal stamps have equal annotations."""
    return json.loads(json.dumps({"format": FORMAT, **more, **asdict(spec)}))


@contextmanager
def stamped_folder(root: Path, stamp: dict[str, Any]) -> Iterator[Path]:
    """Make a set with its stamp by `atomic_folder`; if another process was faster with the same set, keep its copy.

    Raises: InputError as `atomic_folder`, if `root` holds anything else.
    """
    try:
        with atomic_folder(root, replace=False) as folder:
            yield folder
            (folder / _STAMP).write_text(json.dumps(stamp, indent=1) + "\n", encoding="utf-8")
    except InputError:
        if not holds(root, stamp):
            raise


def holds(root: Path, stamp: dict[str, Any]) -> bool:
    """Return whether the folder holds the very set of this stamp, complete."""
    return (root / _STAMP).is_file() and json.loads((root / _STAMP).read_text(encoding="utf-8")) == stamp
