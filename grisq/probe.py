"""What a feature knows: linear probes on the parts of a trained model (after Alain and Bengio 2016).

A probe is a logistic regression from one frozen vector to one label. What it tells above chance stands in that vector
in a form that a single linear layer can read.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from grisq.augment.recipes import NoTarget
from grisq.augment.render import RecipeDataset
from grisq.data.sample import Batch, SampleReader, collate
from grisq.evaluate import batches
from grisq.model.network import GRISQ
from grisq.model.trace import Trace, trace

_BATCH = 32


@dataclass
class Features:
    """Vectors of every sample by name, each (N, channels), and target_counts (N,)."""

    vectors: dict[str, np.ndarray]
    target_counts: np.ndarray


def collect(model: GRISQ, reader: SampleReader, rows: Sequence[int]) -> Features:
    """The vectors that a presence or plurality head could be fed with.

    "words": mean of f^T over the words; "mask features": mean of f_L^{M,2} over the picture, from which the mask is
    made; "e_0" ... "e_L": the target query after the words and after each block.
    """
    found: dict[str, list[np.ndarray]] = {}
    counts: list[int] = []
    for each in batches(reader, rows, batch=_BATCH):
        traced = trace(model, *each.inputs())
        for name, vector in _vectors(traced, each).items():
            found.setdefault(name, []).append(vector.float().cpu().numpy())
        counts += [sample.target_count for sample in each.samples]
    return Features({name: np.concatenate(parts) for name, parts in found.items()}, np.array(counts))


def _vectors(traced: Trace, batch: Batch) -> dict[str, Tensor]:
    level = traced.levels[1]
    valid = None if level.valid is None else level.valid.flatten(1)
    vectors = {
        "words": _mean(traced.words, batch.token_mask),
        "mask features": _mean(traced.decoded.subsequence(2)[-1], valid),
    }
    return vectors | {f"e_{number}": query for number, query in enumerate(traced.queries)}


def _mean(x: Tensor, keep: Tensor | None) -> Tensor:
    """Mean over the second axis of what is kept. (B, N, C), (B, N) bool or None -> (B, C)."""
    if keep is None:
        return x.mean(1)
    weight = keep[..., None].to(x.dtype)
    return (x * weight).sum(1) / weight.sum(1)


@dataclass
class Probed:
    """How well a probe does on samples that it was not fitted on: shares of right answers in percent (balanced: the
    mean over the two classes), and the area under the ROC curve, 0.5 for a coin."""

    accuracy: float
    balanced: float
    auc: float


def probe(train: np.ndarray, labels: np.ndarray, test: np.ndarray, test_labels: np.ndarray) -> Probed:
    """Fit on train (N, C) with labels (N,) bool, measure on test. Classes weigh the same, whatever their shares."""
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000, class_weight="balanced"))
    classifier.fit(train, labels)
    score = classifier.decision_function(test)
    right = (score > 0) == test_labels
    balanced = np.mean([right[test_labels].mean(), right[~test_labels].mean()])
    return Probed(100 * right.mean(), 100 * balanced, float(roc_auc_score(test_labels, score)))


def answers(model: GRISQ, reader: SampleReader, texts: Sequence[int], pictures: Sequence[int]) -> np.ndarray:
    """The presence head's probability for the words of some rows asked of the pictures of others. -> (N,)."""
    painter = RecipeDataset(reader, reader.max_tokens)
    probabilities = []
    pairs = list(zip(texts, pictures, strict=True))
    for start in range(0, len(pairs), _BATCH):
        samples = [painter.render(NoTarget(int(image), int(text))) for text, image in pairs[start : start + _BATCH]]
        batch = collate(samples, reader.tokenizer.pad_id)
        with torch.inference_mode():
            output = model(*batch.inputs())
        probabilities.append(output.presence_logits.softmax(-1)[:, 1].numpy())
    return np.concatenate(probabilities)


def separation(high: np.ndarray, low: np.ndarray) -> float:
    """Area under the ROC curve: how often a value of `high` exceeds one of `low`; 0.5 if they are alike."""
    return float(roc_auc_score(np.repeat([1, 0], [len(high), len(low)]), np.concatenate([high, low])))
