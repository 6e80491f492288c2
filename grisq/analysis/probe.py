"""What a feature knows: linear probes on the parts of a trained model (after Alain and Bengio 2016).

A probe is a logistic regression from one frozen vector to one label. What it predicts above chance is in that vector in
a form that a single linear layer can read.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from grisq.analysis.trace import Trace, presence_again, trace
from grisq.augment.recipes import NoTarget
from grisq.augment.render import RecipeDataset
from grisq.data.loader import batches
from grisq.data.sample import Batch, SampleReader, collate
from grisq.models.grisq import GRISQ
from grisq.models.layers.padding import mean_over
from grisq.runtime.errors import InputError

_BATCH = 32


@dataclass
class Features:
    """Vectors of every sample."""

    vectors: dict[str, np.ndarray]  # by name, each (N, channels)
    target_counts: np.ndarray  # (N,)


def collect(model: GRISQ, reader: SampleReader, rows: Sequence[int]) -> Features:
    """Collect the vectors that a presence or plurality head could read.

    They are "words", the mean of f^T over the words; "mask features", the mean over the picture of f_L^{M,2}, which the
    mask is made of; and "e_0" ... "e_L", the target query after the words and after each block.

    Args:
        model: in evaluation mode.
        reader: of the data set.
        rows: expressions of the data set.
    """
    found: dict[str, list[np.ndarray]] = {}
    counts: list[int] = []
    device = next(model.parameters()).device
    for batch in batches(reader, rows, batch=_BATCH):
        batch = batch.to(device)
        traced = trace(model, *model.inputs(batch), with_maps=False)
        for name, vector in _vectors(traced, batch).items():
            found.setdefault(name, []).append(vector.float().cpu().numpy())
        counts += [sample.target_count for sample in batch.samples]
    return Features({name: np.concatenate(parts) for name, parts in found.items()}, np.array(counts))


def _vectors(traced: Trace, batch: Batch) -> dict[str, Tensor]:
    vectors = {
        "words": mean_over(traced.words, batch.token_mask),
        "mask features": mean_over(traced.decoded.subsequence(2)[-1], traced.levels[1].flat_valid),
    }
    return vectors | {f"e_{number}": query for number, query in enumerate(traced.queries)}


@dataclass
class Probed:
    """How well a probe does on samples that it was not fitted on."""

    accuracy: float  # percent
    auc: float  # area under the ROC curve; 0.5 by chance
    auc_error: float  # its standard error over resampled test samples


def probe(train: np.ndarray, labels: np.ndarray, test: np.ndarray, test_labels: np.ndarray) -> Probed:
    """Fit a probe and measure it on other samples. Both classes have the same weight, whatever their shares.

    Args:
        train: (N, C), to fit on.
        labels: (N,) bool.
        test: (M, C), to measure on.
        test_labels: (M,) bool.

    Raises:
        InputError: the samples of one of the two sides are all of one class.
    """
    labels, test_labels = np.asarray(labels, bool), np.asarray(test_labels, bool)
    for side, found in (("fitted", labels), ("measured", test_labels)):
        if found.all() or not found.any():
            raise InputError(f"The samples that the probe is {side} on are all of one class: choose other rows.")
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000, class_weight="balanced"))
    classifier.fit(train, labels)
    score = classifier.decision_function(test)
    accuracy = 100 * float(((score > 0) == test_labels).mean())
    high, low = score[test_labels], score[~test_labels]
    return Probed(accuracy, separation(high, low), separation_error(high, low))


def answers(
    model: GRISQ,
    reader: SampleReader,
    texts: Sequence[int],
    pictures: Sequence[int],
    ask: Callable[[GRISQ, Trace], Tensor] = presence_again,
) -> np.ndarray:
    """The probability of presence for the expressions of some rows in the pictures of others.

    Args:
        model: in evaluation mode.
        reader: of the data set.
        texts: N rows whose expressions are taken.
        pictures: N rows whose pictures are taken.
        ask: from the trace of a batch to probabilities (B,), or to K probabilities for each sample, (B, K).

    Returns:
        (N,) or (N, K).

    Raises:
        InputError: there are no rows, or the model has no target query.
    """
    renderer = RecipeDataset(reader, reader.max_tokens)
    probabilities, device = [], next(model.parameters()).device
    pairs = list(zip(texts, pictures, strict=True))
    if not pairs:
        raise InputError("There are no expressions to ask: choose other rows.")
    for start in range(0, len(pairs), _BATCH):
        samples = [renderer.render(NoTarget(int(image), int(text))) for text, image in pairs[start : start + _BATCH]]
        batch = collate(samples, reader.tokenizer.pad_id)
        traced = trace(model, *model.inputs(batch.to(device)), with_maps=False)
        probabilities.append(ask(model, traced).float().cpu().numpy())
    return np.concatenate(probabilities)


def separation(high: np.ndarray, low: np.ndarray) -> float:
    """Area under the ROC curve: how often a value of `high` (N,) exceeds one of `low` (M,); 0.5 if they are alike.

    Raises: InputError if one of them is empty.
    """
    if not len(high) or not len(low):
        raise InputError("One of the two groups to separate is empty: choose other rows.")
    # The Mann-Whitney statistic: scikit-learn's roc_auc_score gives the same and takes ten times as long.
    ranks = rankdata(np.concatenate([high, low]))[: len(high)]
    return float((ranks.sum() - len(high) * (len(high) + 1) / 2) / (len(high) * len(low)))


def separation_error(high: np.ndarray, low: np.ndarray, rounds: int = 200) -> float:
    """Standard error of `separation` by the bootstrap, from a fixed seed.

    Args:
        high: (N,), resampled with replacement.
        low: (M,), likewise.
        rounds: number of resamplings.
    """
    rng = np.random.default_rng(0)
    drawn = [separation(rng.choice(high, len(high)), rng.choice(low, len(low))) for _ in range(rounds)]
    return float(np.std(drawn))
