"""Open a data set: a folder of the user's, or a preset's synthetic set, which is made on first use."""

from pathlib import Path

from grisq.config import Preset
from grisq.config import preset as find_preset
from grisq.data import grefcoco
from grisq.data.grefcoco import GRefCOCO
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
    root = generate(find_spec(preset.data), DATA / "synthetic" / preset.data, progress=progress)
    return grefcoco.load(root)
