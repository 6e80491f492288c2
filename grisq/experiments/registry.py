"""Every training run by name: those that a table or figure needs, and a few that answer a question."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from grisq.config import ModelConfig, Preset, override
from grisq.runtime.errors import InputError

RATES = (3e-4, 6e-4, 1.2e-3, 2.4e-3)  # learning rates tried for every system alike
BACKBONE_SHARE = 0.25  # of the learning rate, for encoders that start from pretrained weights
# By preset and system: the rate that `grisq.experiments.tuning` chose.
TUNED: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "tiny": {
            "grisq": 1.2e-3,
            "mattnet": 1.2e-3,
            "lts": 1.2e-3,
            "vlt": 6e-4,
            "cris": 1.2e-3,
            "lavt": 6e-4,
            "rela": 1.2e-3,
            "lisa": 2.4e-3,
            "gsva": 1.2e-3,
        }
    }
)


def rates(lr: float | None) -> dict[str, object]:
    """The settings of a learning rate; none for None."""
    return {} if lr is None else {"train.lr": lr, "train.lr_backbone": lr * BACKBONE_SHARE}


@dataclass(frozen=True)
class Experiment:
    """A training run: the preset with some settings changed."""

    name: str  # in commands and file names
    title: str  # as a row of its table, where it may say what it adds to the one above
    changes: Mapping[str, object] = field(default_factory=dict, hash=False)  # setting -> value, as `--set` takes them
    at: Mapping[str, Mapping[str, object]] = field(default_factory=dict, hash=False, kw_only=True)  # more, by preset
    shown_in: tuple[str, ...] = ()  # the tables and figures that need it
    label: str = ""  # where it stands alone; the title by default
    question: str = ""  # for a run that no table or figure needs: what a notebook asks of it
    seeds: int = 5  # trainings that the tables rest on; 0: not run yet
    tunes: bool = False  # whether it chooses a learning rate: measured on held-out train pictures alone

    @property
    def system(self) -> str:
        """The model that it trains, a key of `grisq.models.registry.SYSTEMS`."""
        return str(self.changes.get("model.system", ModelConfig.system))

    def configure(self, preset: Preset) -> Preset:
        """Apply the rate that suits the system at this preset, where one was chosen, and the run's own changes.

        A run that chooses a rate takes two thirds of the steps, with one evaluation at the end.

        Raises: InputError for a setting that does not exist.
        """
        settings = rates(TUNED.get(preset.name, {}).get(self.system)) | dict(self.at.get(preset.name, {}))
        settings |= self.changes
        if self.tunes:
            steps = max(1, int(settings.get("train.steps", preset.train.steps)) * 2 // 3)
            settings |= {"train.steps": steps, "train.eval_every": steps}
        return override(preset, settings)


_PLAIN = {"augment.tau_no": 0.0, "augment.tau_multi": 0.0}  # no augmentation
_NO_QUERY = {"model.target_query": False, "model.plurality": False}  # presence from the pooled decoder features
_QUERY = {"model.plurality": False}  # presence from the query, which is not asked for plurality
_MATTNET, _LTS, _VLT, _CRIS, _LAVT, _RELA, _LISA, _GSVA = (
    {"model.system": name} for name in ("mattnet", "lts", "vlt", "cris", "lavt", "rela", "lisa", "gsva")
)
# A batch of sixteen pictures, as the other systems have; and twice as many steps, for they learn slowly.
_SLOW = {"tiny": {"train.batch": 64, "train.steps": 4800, "train.eval_every": 800}}
_LONG = {"tiny": {"train.steps": 4800, "train.eval_every": 480}}  # twice as many steps as the others
# As many parameters as the query's cross-attention blocks have: tests/experiments/test_registry.py counts them.
_WIDE = _NO_QUERY | {"model.pooled_hidden": 246}

_FIGURE_4 = ("Figure 4",)

_RUNS = (
    Experiment("baseline", "baseline", _NO_QUERY | _PLAIN, ("Table 2",)),
    Experiment("query", "+ target query", _QUERY | _PLAIN, ("Table 2",), label="query"),
    Experiment("plurality", "+ plurality", _PLAIN, ("Table 2", "Figure 4"), label="ours, not augmented"),
    Experiment(
        "no-target", "+ no-target augmentation", {"augment.tau_multi": 0.0}, ("Table 2",), label="no-target augm."
    ),
    Experiment(
        "ours", "+ multi-target augmentation (ours)", {}, ("Table 1", "Table 2", "Figures 4, 5, 6"), label="ours"
    ),
    Experiment("mattnet", "MAttNet", _MATTNET | _PLAIN, ("Table 1",)),
    Experiment("lts", "LTS", _LTS | _PLAIN, ("Table 1",)),
    Experiment("vlt", "VLT", _VLT | _PLAIN, ("Table 1",)),
    Experiment("cris", "CRIS", _CRIS | _PLAIN, ("Table 1",)),
    Experiment("lavt", "LAVT", _LAVT | _PLAIN, ("Table 1",)),
    Experiment("rela", "ReLA", _RELA | _PLAIN, ("Table 1", "Figures 4, 5a, 6")),
    Experiment("lisa", "LISA", _LISA | _PLAIN, ("Table 1",), seeds=3, at=_SLOW),
    Experiment("gsva", "GSVA", _GSVA | _PLAIN, ("Table 1",), seeds=3, at=_SLOW),
    Experiment("rela-augmented", "ReLA + augmentation", _RELA, _FIGURE_4, "ReLA + augm."),
    Experiment("mattnet-augmented", "MAttNet + augmentation", _MATTNET, _FIGURE_4, "MAttNet + augm.", seeds=1),
    Experiment("lts-augmented", "LTS + augmentation", _LTS, _FIGURE_4, "LTS + augm.", seeds=1),
    Experiment("vlt-augmented", "VLT + augmentation", _VLT, _FIGURE_4, "VLT + augm.", seeds=1),
    Experiment("cris-augmented", "CRIS + augmentation", _CRIS, _FIGURE_4, "CRIS + augm.", seeds=1),
    Experiment("lavt-augmented", "LAVT + augmentation", _LAVT, _FIGURE_4, "LAVT + augm.", seeds=1),
    Experiment("lisa-augmented", "LISA + augmentation", _LISA, _FIGURE_4, "LISA + augm.", seeds=1, at=_SLOW),
    Experiment("gsva-augmented", "GSVA + augmentation", _GSVA, _FIGURE_4, "GSVA + augm.", seeds=1, at=_SLOW),
    Experiment("baseline-augmented", "baseline + augmentation", _NO_QUERY, ("2x2",), seeds=3, label="baseline + augm."),
    Experiment("query-augmented", "target query + augmentation", _QUERY, ("2x2",), seeds=3, label="query + augm."),
    Experiment(
        "baseline-wide",
        "pooled head as large as the query",
        _WIDE | _PLAIN,
        label="wide pooled head",
        question="Is it the query, or its 71,000 parameters?",
        seeds=3,
    ),
    Experiment(
        "ours-objects",
        "ours, with MAttNet's labels",
        {"model.object_categories": 27, "model.object_colors": 10},
        label="ours, MAttNet's labels",
        question="How much of MAttNet's score do its labels explain: what does ours gain from them?",
        seeds=1,
    ),
    Experiment(
        "vlt-long",
        "VLT, twice as many steps",
        _VLT | _PLAIN,
        at=_LONG,
        question="Under the true presence VLT is level with painting all objects: is it unable, or slow?",
        seeds=1,
    ),
    Experiment(
        "ours-long",
        "ours, twice as many steps",
        {},
        at=_LONG,
        question="What do the same steps give ours: does the distance to VLT shrink?",
        seeds=1,
    ),
    Experiment(
        "rela-augmented-long",
        "ReLA + augmentation, twice as many steps",
        _RELA,
        at=_LONG,
        label="ReLA + augm., twice as many steps",
        question="Ours gains ten points from twice as many steps: does ReLA, trained alike?",
        seeds=1,
    ),
    Experiment(
        "mattnet-long",
        "MAttNet, twice as many steps",
        _MATTNET | _PLAIN,
        at=_LONG,
        question="Does its lead in Table 1 outlast longer training?",
        seeds=1,
    ),
    Experiment(
        "ours-level3",
        "ours, presence from stride 16",
        {"model.query_level": 3},
        label="ours, stride 16",
        question="Eq. 4 reads stride 32: is the next finer level worse, as the paper's Sec. A says?",
        seeds=3,
    ),
    Experiment(
        "ours-level2",
        "ours, presence from stride 8",
        {"model.query_level": 2},
        label="ours, stride 8",
        question="The same for the finest level that the decoder has.",
        seeds=3,
    ),
)
_TUNED_BY = (
    "baseline",
    "mattnet",
    "lts",
    "vlt",
    "cris",
    "lavt",
    "rela",
    "lisa",
    "gsva",
)  # the run of each system that the rates are tried on
_HOLDOUT = {"train.holdout": 0.1, "train.eval_samples": 1_000_000}


def _at_rate(experiment: Experiment, lr: float) -> Experiment:
    """A shorter run of the same with one in ten train pictures held out, to try a learning rate."""
    return Experiment(
        name=f"{experiment.name}-lr{lr:g}",
        title=f"{experiment.title}, learning rate {lr:g}",
        changes={**experiment.changes, **rates(lr), **_HOLDOUT},
        at=experiment.at,
        question="Which learning rate suits this system?",
        seeds=1,
        tunes=True,
    )


_TUNING = tuple(_at_rate(each, lr) for each in _RUNS if each.name in _TUNED_BY for lr in RATES)
EXPERIMENTS: Mapping[str, Experiment] = MappingProxyType({each.name: each for each in (*_RUNS, *_TUNING)})

_RULE_LABELS = {  # of the rules about presence in `grisq.experiments.comparison`
    "": "own presence",
    "head": "own presence",
    "pixels": "50-pixel rule",
    "truth": "true presence",
    "masks": "perfect masks",
}

# Reference rows, which need no training, by the name of their result: see `grisq.experiments.reference_rows`.
REFERENCES: Mapping[str, str] = MappingProxyType(
    {
        "blind-nothing": "always nothing",
        "blind-words": "oracle outlines of all objects, presence by words",
        "blind-all": "oracle outlines of all objects",
        "blind-category": "oracle outlines of the named categories",
    }
)


def label_of(run: str) -> str:
    """Return the label of a run, with its rule about presence: "ReLA, true presence" for "rela@truth".

    That of a reference row is its title; an unknown name stays as it is.
    """
    name, _, rule = run.partition("@")
    label = REFERENCES.get(name, name)
    if name in EXPERIMENTS:
        label = EXPERIMENTS[name].label or EXPERIMENTS[name].title
    return f"{label}, {_RULE_LABELS[rule]}" if rule else label


def describe_pair(system: str, reference: str) -> str:
    """Return "ours over ReLA", or "ReLA: true presence over perfect masks" for one experiment under two rules."""
    (name, _, rule), (other, _, other_rule) = system.partition("@"), reference.partition("@")
    if name == other:
        return f"{label_of(name)}: {_RULE_LABELS[rule]} over {_RULE_LABELS[other_rule]}"
    return f"{label_of(system)} over {label_of(reference)}"


def find_experiment(name: str) -> Experiment:
    """Look up an experiment by name. Raises InputError listing the known names."""
    if name not in EXPERIMENTS:
        raise InputError(f"There is no experiment {name!r}: choose from {', '.join(EXPERIMENTS)}.")
    return EXPERIMENTS[name]


def for_tuning(system: str | None = None) -> list[str]:
    """List the runs that choose the learning rate of one system or, by default, of all."""
    return [name for name, each in EXPERIMENTS.items() if each.tunes and system in (None, each.system)]
