"""What was tried for the regime of the tables, as tables to read."""

from collections.abc import Sequence

import pandas as pd

from grisq.course.tables import number
from grisq.experiments.regime_trials import METRICS, RegimeTrial


def trials_table(trials: Sequence[RegimeTrial]) -> pd.DataFrame:
    """Format a line for each trial: settings, time, and metrics in percent on held-out train pictures."""
    return pd.DataFrame(
        {
            "trial": place,
            "what": each.what,
            "row": each.row,
            "steps × batch": f"{each.steps:,} × {each.batch}",
            "lr": f"{each.lr:g}",
            "lr of Swin": f"{each.lr_backbone:g}",
            "τ_no": f"{each.tau_no:g}",
            "λ of presence": f"{each.lambda_presence:g}",
            "Swin": each.encoder,
            "BERT": each.bert,
            "data": each.data,
            "s": number(each.seconds, 0),
            **{metric: number(each.metrics[metric], 1) for metric in METRICS},
        }
        for place, each in enumerate(trials, start=1)
    )


def encoder_table(trials: Sequence[RegimeTrial]) -> pd.DataFrame:
    """Format a line for each pair of encoders: how they were pretrained, and metrics in percent."""
    return pd.DataFrame(
        {
            "Swin": each.encoder,
            "BERT": each.bert,
            **{metric: number(each.metrics[metric], 1) for metric in METRICS},
        }
        for each in trials
    )
