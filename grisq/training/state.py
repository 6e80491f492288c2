"""What a training run keeps on disk to be resumed, and when resuming is refused."""

import math
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from grisq import checkpoint
from grisq.config import Preset, flat, from_dict, to_dict
from grisq.runtime.distributed import agree, gather
from grisq.runtime.errors import InputError
from grisq.runtime.files import finished_folder, read_json
from grisq.training.history import read_history

RUN = "run.json"  # the run's settings, written when it starts

# Settings that change neither what is trained nor which checkpoint is chosen, so a run resumes with other ones.
FREE_SETTINGS = (
    "train.workers",
    "train.cache_mb",
    "train.eval_every",
    "train.eval_samples",
    "train.checkpoint_every",
)
_CHOOSING = ("train.eval_every", "train.eval_samples")  # of these, what `best` depends on where there is a hold-out
# Names of files and folders whose content is in the checkpoint already: they may have moved since.
_MOVABLE = ("model.swin.pretrained", "model.text.pretrained")
_STEPS = "train.steps"


@dataclass(frozen=True)
class Resumable:
    """A run's last checkpoint, and how far its evaluations are."""

    path: Path  # of the checkpoint
    step: int  # finished steps
    best: float  # highest gIoU on the held-out pictures so far; -inf without
    evaluated: bool  # whether the periodic evaluation of this very step is in the history


def find_resumable(folder: Path, about: dict) -> Resumable | None:
    """Find the checkpoint that a run resumes from; process 0 looks, and all others must see the same one.

    Args:
        folder: of the run.
        about: the settings asked for, as they are written to run.json.

    Returns:
        None if there is no checkpoint yet.

    Raises:
        InputError: if the run in the folder has settings that would give another result, if its checkpoint is
            broken, or if a process does not see it.
    """
    found = agree(lambda: _look(folder, about))
    if found is None:
        return None
    mine = folder / found.path.name  # in the folder that this process was given
    seen = gather(_step_of(mine) == found.step)
    if not all(seen):
        absent = ", ".join(str(process) for process, sees in enumerate(seen) if not sees)
        raise InputError(
            f"The run resumes from step {found.step} in {found.path}, which process {absent} does not see: put the "
            "run's folder on a disk that all nodes share, or copy it to every node."
        )
    return replace(found, path=mine)


def _look(folder: Path, about: dict) -> Resumable | None:
    """`find_resumable` for one process."""
    last = finished_folder(folder / "last")
    begun = (folder / RUN).is_file()
    if begun:
        _refuse_other_settings(folder, about)
    if last is None:
        return None
    step = _step_of(last)
    if step is None or not begun:  # training anew would overwrite it
        absent = last / checkpoint.STATE if begun else folder / RUN
        raise InputError(
            f"{last} cannot be resumed from without {absent}: choose another folder for this run (with --init {last} "
            "to start from it), or start it afresh with --fresh."
        )
    evaluated = any(record["step"] == step for record in read_history(folder, "eval"))
    return Resumable(last, step, _best_score(folder), evaluated)


def _step_of(path: Path) -> int | None:
    """The step of a checkpoint that can be resumed from; None if it is not there."""
    if not (path / checkpoint.STATE).is_file():
        return None
    return checkpoint.read_about(path)["step"]


def _best_score(folder: Path) -> float:
    """The score with which the run's `best` was chosen on held-out pictures; -inf if there is none."""
    best = finished_folder(folder / "best")
    return -math.inf if best is None else checkpoint.read_about(best).get(checkpoint.HOLDOUT_SCORE, -math.inf)


def _refuse_other_settings(folder: Path, about: dict) -> None:
    """Raise an InputError if the folder's run has other settings than `about` and they matter for its result."""
    stored = read_json(folder / RUN)
    if "preset" in stored:  # a field younger than the run had its default's meaning
        stored["preset"] = to_dict(from_dict(Preset, stored["preset"], f"{folder / RUN}: preset"))
    before, wanted = (_settings_by_name(values, about) for values in (stored, about))
    different = [name for name in before if not _is_same(name, before[name], wanted.get(name), about)]
    if not different:
        return
    name = different[0]
    advice = "choose another folder for this run, or start it afresh with --fresh"
    if name == "data":
        raise InputError(f"{folder} holds a run on other annotations than those given with --data: {advice}.")
    if different == [_STEPS] and wanted[_STEPS] > before[_STEPS]:
        advice = f"for more steps start from it with --init {folder} in another folder"
    raise InputError(f"{folder} holds a run with {name} = {before[name]}, not {wanted.get(name)}: {advice}.")


def _settings_by_name(values: dict, about: dict) -> dict:
    """The values by the names that `--set` takes, and those next to the preset: seed, data, init."""
    names = flat({key: values.get(key) for key in about})
    return {name.removeprefix("preset."): value for name, value in names.items()}


def _is_same(name: str, before: object, wanted: object, about: dict) -> bool:
    """Whether a setting's two values give the same result."""
    if before == wanted:
        return True
    if name in FREE_SETTINGS:
        return name not in _CHOOSING or about["preset"]["train"]["holdout"] == 0
    if name in _MOVABLE and before and wanted:
        return not str(wanted).startswith("package:") and Path(str(before)).name == Path(str(wanted)).name
    return False


def read_state(path: Path) -> dict:
    """Read what a checkpoint keeps for resuming: {"optimizer": its state, "step": finished steps}.

    Raises: InputError if the file is broken.
    """
    try:
        stored = torch.load(path / checkpoint.STATE, map_location="cpu", weights_only=True)
        return {name: stored[name] for name in ("optimizer", "step")}
    except Exception:  # torch raises several types for a broken file, with texts about its own code
        raise InputError(
            f"{path / checkpoint.STATE} is broken: start this run afresh with --fresh, or start another folder's run "
            f"from its weights with --init {path}."
        ) from None


def all_finite(model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> bool:
    """Whether every weight, every buffer and the optimizer's state are finite. Waits for the device once."""
    tensors = [*model.parameters(), *model.buffers()]
    tensors += [value for state in optimizer.state.values() for value in state.values() if torch.is_tensor(value)]
    checks = [torch.isfinite(tensor).all().to(tensors[0].device) for tensor in tensors if tensor.is_floating_point()]
    return bool(torch.stack(checks).all())


def diverged(what: str, step: int, folder: Path, saved_step: int | None) -> InputError:
    """Make the error of a training that diverged.

    Args:
        what: is not finite, the beginning of a sentence.
        step: at which that was noticed.
        folder: of the run.
        saved_step: of the run's last checkpoint, None if it has none.
    """
    kept = "there is no checkpoint yet"
    if saved_step is not None:
        kept = f"the checkpoint in {folder / 'last'} is from step {saved_step}"
    return InputError(f"{what} at step {step}: lower train.lr or set train.clip=1.0; {kept}.")


def how_to_resume(run: Path, *, fresh: bool = False) -> str:
    """Return the advice for a training that ended before its time, as the end of a sentence."""
    command = "the same command without --fresh" if fresh else "the same command"
    return f"{command} resumes from the last checkpoint in {run}."


def refuse_to_delete(folder: Path, init: Path | None = None) -> None:
    """Raise an InputError if starting afresh would delete more than a run.

    Args:
        folder: of the run. It may hold a run, be empty or be missing.
        init: checkpoint to start from, which must not lie in the folder.
    """
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise InputError(f"{folder} is a link or a file, which --fresh does not delete: choose a folder for the run.")
    if folder.is_dir() and any(folder.iterdir()) and not _holds_run(folder):
        raise InputError(
            f"{folder} holds no training run ({RUN} or a checkpoint `last`), so --fresh does not delete it: choose "
            "another folder for the run."
        )
    if init is not None and folder.resolve() in (init.resolve(), *init.resolve().parents):
        raise InputError(f"{init} lies in {folder}, which starting afresh deletes: choose another folder for the run.")


def _holds_run(folder: Path) -> bool:
    last = finished_folder(folder / "last")
    return (folder / RUN).is_file() or (last is not None and (last / checkpoint.WEIGHTS).is_file())


def delete_run(folder: Path) -> None:
    """Delete a run's folder if there is one. Raises InputError if it holds no run or cannot be deleted."""
    refuse_to_delete(folder)
    try:
        if folder.is_dir():
            shutil.rmtree(folder)
    except OSError as error:
        raise InputError(
            f"{error.filename or folder} cannot be deleted ({error.strerror}): close programs that have it open, or "
            "choose another folder for the run."
        ) from None
