"""The data set of a preset: a folder of the user's, or a synthetic one made on first use."""

from pathlib import Path

from grisq.config import Preset
from grisq.data import grefcoco
from grisq.data.grefcoco import GRefCOCO
from grisq.data.synthetic import generate
from grisq.data.synthetic.specs import find_spec
from grisq.runtime.errors import InputError
from grisq.runtime.paths import DATA


def open_dataset(preset: Preset, folder: Path | None = None, *, progress: bool = True) -> GRefCOCO:
    """Read `folder`, or make (once) and read the synthetic set that the preset names.

    Errors: InputError if no folder is given and the preset names no set, or one that there is not, or if the folder
    cannot be read.
    """
    if folder is not None:
        return grefcoco.load(folder)
    if preset.data is None:
        raise InputError(
            f"The preset {preset.name!r} trains on gRefCOCO: give its folder with --data (it holds grefcoco/ and "
            "images/)."
        )
    root = generate.generate(find_spec(preset.data), DATA / "synthetic" / preset.data, progress=progress)
    return grefcoco.load(root)
