"""A report on predictions: numbers with intervals, as a table, JSON or Markdown."""

import msgspec
import pandas as pd

from grisq.evaluation.markdown import markdown

_UNITS = "All numbers are percent, with 95 % bootstrap intervals over pictures."


class Value(msgspec.Struct, frozen=True):
    """A number in percent with its 95 % interval for other pictures; None where there is none."""

    value: float | None
    low: float | None = None
    high: float | None = None

    def describe(self, digits: int = 1) -> str:
        """Return `71.3 (70.1 to 72.4)`, or a dash."""
        if self.value is None:
            return "–"
        text = f"{self.value:.{digits}f}"
        return text if self.low is None else f"{text} ({self.low:.{digits}f} to {self.high:.{digits}f})"


class Presence(msgspec.Struct, frozen=True):
    """What the probability of presence knows, whatever the threshold."""

    auroc: float | None  # percent: how often a target gets a higher probability than no target does; 50 is chance
    threshold: list[float]  # the curve, under the rules of `rela`
    giou: list[float]
    n_acc: list[float | None]
    t_acc: list[float | None]
    best_threshold: float  # highest gIoU on these very expressions, so an upper bound
    best_giou: float


class OfProtocol(msgspec.Struct, frozen=True):
    """The numbers under one protocol."""

    rules: str
    metrics: dict[str, Value]
    differences: dict[str, Value] = {}  # less those of the predictions that they are compared with


class OfSplit(msgspec.Struct, frozen=True):
    """The numbers of one split."""

    counts: dict[str, int]  # pictures, expressions, and those of each scenario
    protocols: dict[str, OfProtocol]
    giou_at_share: dict[str, float | None]  # gIoU under `rela`, if that share of the expressions had no target
    recall: dict[str, float | None]  # of annotated objects, percent, see `grisq.evaluation.recall`
    presence: Presence | None = None  # None if predictions have no probability


class Report(msgspec.Struct, frozen=True):
    """What `grisq score` found."""

    predictions: str
    data: str  # SHA-256 of grefs(unc).json
    release: str  # of gRefCOCO
    rules: dict[str, str | float]
    matching: dict[str, int]  # expressions, and what was missing, repeated or unknown
    splits: dict[str, OfSplit]
    compared_with: str | None = None
    matching_of_other: dict[str, int] | None = None  # the same of the predictions that these are compared with

    def table(self) -> pd.DataFrame:
        """A line for each split and protocol; text, percent with intervals."""
        lines = {}
        for split, found in self.splits.items():
            for name, outcome in found.protocols.items():
                lines[split, name] = {metric: value.describe() for metric, value in outcome.metrics.items()}
                if outcome.differences:
                    signed = {metric: _signed(value) for metric, value in outcome.differences.items()}
                    lines[split, f"{name}, difference"] = signed
        return pd.DataFrame.from_dict(lines, orient="index").rename_axis(["split", "protocol"]).fillna("–")

    def to_text(self) -> str:
        """What a terminal shows: a block for each split and protocol, and what was found on the way."""
        lines = [f"{self.predictions}: {_listing(self.matching)}"]
        if self.matching_of_other is not None:
            lines.append(f"{self.compared_with}: {_listing(self.matching_of_other)}")
            lines.append(self._differences())
        lines += [f"release: {self.release}", _UNITS]
        for split, found in self.splits.items():
            lines += ["", f"{split}: {_listing(found.counts)}"]
            for outcome in found.protocols.values():
                lines += [outcome.rules, _vertical(outcome).to_string(index=False, justify="left")]
            lines.append(_further(found).to_string(index=False, justify="left"))
        return "\n".join(lines)

    def to_json(self) -> str:
        """Everything, as JSON; what has no value is null."""
        return msgspec.json.format(msgspec.json.encode(self)).decode() + "\n"

    def to_markdown(self) -> str:
        """Everything that a reader of a table needs next to it."""
        lines = [f"# {self.predictions}", ""]
        lines.append(f"Release: {self.release}; SHA-256 of `grefs(unc).json`: `{self.data[:12]}`.")
        lines.append("Rules: " + ", ".join(f"{name} {value}" for name, value in self.rules.items()) + ".")
        lines.append(f"Found: {_listing(self.matching)}.")
        if self.matching_of_other is not None:
            lines.append(f"Found in {self.compared_with}: {_listing(self.matching_of_other)}.")
            lines.append(self._differences())
        lines.append(_UNITS)
        for split, found in self.splits.items():
            lines += ["", f"## {split}", ""]
            lines.append(f"{_listing(found.counts)}.")
            for outcome in found.protocols.values():
                lines += ["", f"**{outcome.rules}**", "", markdown(_vertical(outcome))]
            lines += ["", "**Further** (rules of `rela`)", "", markdown(_further(found))]
        return "\n".join(lines) + "\n"

    def _differences(self) -> str:
        return f"Differences: {self.predictions} minus {self.compared_with}, paired by picture."


def _listing(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items())


def _signed(value: Value) -> str:
    if value.value is None:
        return "–"
    interval = "" if value.low is None else f" ({value.low:+.1f} to {value.high:+.1f})"
    return f"{value.value:+.1f}{interval}"


def _vertical(outcome: OfProtocol) -> pd.DataFrame:
    frame = pd.DataFrame(
        [(name, each.describe()) for name, each in outcome.metrics.items()], columns=["metric", "value"]
    )
    if outcome.differences:
        frame["difference"] = [_signed(outcome.differences.get(name, Value(None))) for name in outcome.metrics]
    return frame


def _further(found: OfSplit) -> pd.DataFrame:
    lines = {f"gIoU at a no-target share of {share}": value for share, value in found.giou_at_share.items()}
    if found.presence is not None:
        lines["AUROC of presence"] = found.presence.auroc
        lines[f"gIoU at the best threshold for this split, {found.presence.best_threshold:.2f}"] = (
            found.presence.best_giou
        )
    lines |= {f"recall: {name}": value for name, value in found.recall.items()}
    return pd.DataFrame(
        [(name, Value(value).describe()) for name, value in lines.items()], columns=["further", "value"]
    )
