"""Open a data set: a folder of the user's, or a set that grisq makes, which is made on first use."""

from pathlib import Path

from grisq.config import Preset
from grisq.config import preset as find_preset
from grisq.data import grefcoco
from grisq.data.grefcoco import GRefCOCO
from grisq.data.layout import COUNTERFACTUAL
from grisq.data.synthetic.counterfactual import generate_counterfactual
from grisq.data.synthetic.generate import generate
from grisq.data.synthetic.specs import find_spec
from grisq.runtime.errors import InputError
from grisq.runtime.paths import DATA


def load_dataset(preset: Preset | str, folder: str | Path | None = None, *, progress: bool = True) -> GRefCOCO:
    """Read `folder`, or make (once) and read the synthetic set that the preset names.

    Args:
        preset: a configuration, or the name of a preset.
        folder: a data set in gRefCOCO's layout; without it the preset's own synthetic set is read.
        progress: whether to draw a bar while a set is made.

    Raises:
        InputError: the folder cannot be read, or none is given and the preset names no set that exists.
    """
    preset = find_preset(preset) if isinstance(preset, str) else preset
    if folder is not None:
        return grefcoco.load(folder)
    if preset.data is None:
        raise InputError(
            f"The preset {preset.name!r} trains on gRefCOCO: give its folder with --data (it holds grefcoco/ and "
            "images/)."
        )
    return grefcoco.load(synthetic_set(preset.data, progress=progress))


def synthetic_set(
    name: str, root: str | Path | None = None, *, workers: int | None = None, progress: bool = True
) -> Path:
    """Make (once) a synthetic set, such as "tiny", or its counterfactual pairs, "tiny-counterfactual".

    Args:
        name: which set.
        root: its folder, by default `data/synthetic/NAME`.
        workers: number of processes, by default one per available core.
        progress: whether to draw a bar while the set is made.

    Returns:
        The folder.

    Raises:
        InputError: there is no such set, or the folder holds something else.
    """
    spec = find_spec(name.removesuffix(COUNTERFACTUAL))
    make = generate_counterfactual if name.endswith(COUNTERFACTUAL) else generate
    return make(spec, synthetic_folder(name) if root is None else root, workers=workers, progress=progress)


def synthetic_folder(name: str) -> Path:
    """Where a synthetic set is made unless a folder is named."""
    return DATA / "synthetic" / name
