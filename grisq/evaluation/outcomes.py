"""What a model predicted for every expression of a split, column by column, and its score under any presence rule."""

from typing import Literal

import msgspec

from grisq.config.answer import THRESHOLD
from grisq.evaluation.protocols import DIAGNOSTICS, PROTOCOLS, PixelCounts, SampleScore, score_counts

Rule = Literal["head", "pixels", "truth"]
# Who decides on presence, as in "rela@truth".
RULES = {"head": PROTOCOLS["rela"], "pixels": DIAGNOSTICS["rela-pixels"], "truth": DIAGNOSTICS["rela-truth"]}


class Samples(msgspec.Struct, forbid_unknown_fields=True):
    """What the model said of every expression of a split, column by column; pixels at the protocol `rela`'s 480x480.

    row, image: of the data set; target_count; predicted, annotated, intersection: pixels of the masks, before any
    word on presence; presence, plurality: probabilities, None for a model without that head.
    """

    row: list[int]
    image: list[int]
    target_count: list[int]
    predicted: list[int]
    annotated: list[int]
    intersection: list[int]
    presence: list[float] | None
    plurality: list[float] | None

    def scores(self, rule: Rule = "head") -> list[SampleScore]:
        """Scores under the protocol `rela` with that word on presence; a model without head is judged by its pixels."""
        rules = RULES[rule]
        said = [None] * len(self.row)
        if self.presence is None:
            rules = rules.without_head()
        else:
            said = [probability >= THRESHOLD for probability in self.presence]
        pixels = zip(self.predicted, self.annotated, self.intersection)
        return [
            score_counts(PixelCounts(*each), target_count=count, predicted_present=word, protocol=rules)
            for each, count, word in zip(pixels, self.target_count, said)
        ]
