"""Every training run by name: those that a table or figure needs, and a few that answer a question."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from grisq.config import ModelConfig, Preset, override
from grisq.runtime.errors import InputError


@dataclass(frozen=True)
class Experiment:
    """A training run: the preset with some settings changed."""

    name: str  # in commands and file names
    title: str  # in tables and figures
    changes: Mapping[str, object] = field(default_factory=dict, hash=False)  # setting -> value, as `--set` takes them
    shown_in: tuple[str, ...] = ()  # the tables and figures that need it
    question: str = ""  # for a run that no table or figure needs: what a notebook asks of it

    @property
    def system(self) -> str:
        """The model that it trains, a key of `grisq.models.registry.SYSTEMS`."""
        return str(self.changes.get("model.system", ModelConfig.system))

    def configure(self, preset: Preset) -> Preset:
        """Apply the changes to a preset. Raises InputError for a setting that does not exist."""
        return override(preset, dict(self.changes))


_PLAIN = {"augment.tau_no": 0.0, "augment.tau_multi": 0.0}  # no augmentation
_NO_QUERY = {"model.target_query": False, "model.plurality": False}  # presence from the pooled decoder features
_WEIGHTS = {"train.pixel_weights": (0.9, 1.1)}  # background, target: those of LAVT and of ReLA
# ReLA's own losses: class weights for mask, minimap and presence, and the sum times five.
_RELA = {"model.system": "rela", "train.presence_weights": (1.1, 0.9), "train.loss_scale": 5.0} | _WEIGHTS

_ALL = (
    Experiment("baseline", "baseline", _NO_QUERY | _PLAIN, ("Table 2",)),
    Experiment("query", "+ target query", {"model.plurality": False} | _PLAIN, ("Table 2",)),
    Experiment("plurality", "+ plurality", _PLAIN, ("Table 2", "Figure 4")),
    Experiment("no-target", "+ no-target augmentation", {"augment.tau_multi": 0.0}, ("Table 2",)),
    Experiment("ours", "+ multi-target augmentation (ours)", {}, ("Table 1", "Table 2", "Figures 4, 5, 6")),
    Experiment("lavt", "LAVT", {"model.system": "lavt"} | _WEIGHTS | _PLAIN, ("Table 1",)),
    Experiment("rela", "ReLA", _RELA | _PLAIN, ("Table 1", "Figures 4, 5a, 6")),
    Experiment("rela-augmented", "ReLA + augmentation", _RELA, ("Figure 4",)),
    Experiment(
        "baseline-level4",
        "baseline, presence from stride 32",
        _NO_QUERY | _PLAIN | {"model.query_level": 4},
        question="Does the level that presence is read from matter without a query too?",
    ),
    Experiment(
        "baseline-weights",
        "baseline, no class weights",
        _NO_QUERY | _PLAIN | {"train.pixel_weights": (1.0, 1.0)},
        question="Do LAVT's class weights in the pixel loss help the baseline?",
    ),
    Experiment(
        "query-level4",
        "target query at stride 32",
        {"model.plurality": False, "model.query_level": 4} | _PLAIN,
        question="Eq. 4 reads stride 32, which leaves 2x2 positions at 64 px: what does `tiny` gain by stride 8?",
    ),
    Experiment(
        "ours-paper-rates",
        "ours, augmented as often as the paper",
        {"augment.tau_no": 0.05},
        question="The paper's tau_no is 0.05, that of `tiny` 0.15: how much of its step is the rate?",
    ),
    Experiment(
        "ours-more-mosaics",
        "ours, tau_multi 0.15",
        {"augment.tau_multi": 0.15},
        question="Mosaics are 0.7 % of what `tiny` trains on: do three to four times as many bring more?",
    ),
)
EXPERIMENTS: Mapping[str, Experiment] = MappingProxyType({each.name: each for each in _ALL})

# Reference rows, which need no training, by the name of their result: see `grisq.experiments.reference_rows`.
REFERENCES: Mapping[str, str] = MappingProxyType(
    {
        "blind-nothing": "always nothing",
        "blind-words": "all objects, presence by words alone",
        "blind-all": "all objects",
        "blind-category": "all objects of the named categories",
    }
)


def title_of(name: str) -> str:
    """Return the title of an experiment or reference row. Raises InputError for an unknown name."""
    return REFERENCES[name] if name in REFERENCES else find_experiment(name).title


def find_experiment(name: str) -> Experiment:
    """Look up an experiment by name. Raises InputError listing the known names."""
    if name not in EXPERIMENTS:
        raise InputError(f"There is no experiment {name!r}: choose from {', '.join(EXPERIMENTS)}.")
    return EXPERIMENTS[name]


def for_tables() -> list[str]:
    """List the runs that a table or figure needs, in the order of the tables."""
    return [name for name, each in EXPERIMENTS.items() if each.shown_in]
