"""Tables of the glossary that are read from the code: presets and runs."""

from binding.fill import table
from grisq.config import PRESETS
from grisq.experiments.registry import EXPERIMENTS, REFERENCES


def presets_table() -> str:
    """Write every preset with its sizes."""
    rows = [
        [
            f"`{name}`",
            "gRefCOCO" if preset.data is None else f"synthetic, `{preset.data}`",
            f"{preset.model.image_size} px",
            str(preset.model.swin.embed_dim),
            str(preset.model.text.hidden),
            str(preset.model.blocks),
            str(preset.model.channels),
            f"{preset.train.steps:,} × {preset.train.batch}",
        ]
        for name, preset in PRESETS.items()
    ]
    header = ["preset", "data", "canvas", "width of Swin", "width of the text", "L", "C", "steps × batch"]
    return table(header, rows)


def runs_table() -> str:
    """Write every run of the tables and figures, without those that chose a learning rate."""
    rows = [
        [
            f"`{name}`",
            run.title,
            run.question or ", ".join(run.shown_in),
            ", ".join(f"`{setting}={value}`" for setting, value in run.changes.items()) or "nothing",
            str(run.seeds),
        ]
        for name, run in EXPERIMENTS.items()
        if not run.tunes
    ]
    return table(["run", "as a row", "for", "what it changes", "trainings"], rows)


def references_table() -> str:
    """Write the reference rows."""
    return table(["name", "as a row"], [[f"`{name}`", title] for name, title in REFERENCES.items()])
