"""Vectors of words: how far the sentence around a word moves its vector, and which words lie next to each other."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import pandas as pd
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor

from grisq.course.style import OKABE_ITO
from grisq.data.tokenizer import ExpressionTokenizer
from grisq.models.text_encoder import TextEncoder
from grisq.runtime.errors import InputError

_LINES = ("low", "median", "high")
_QUANTILES = (0.1, 0.5, 0.9)
_LOOKS = ((OKABE_ITO["black"], "o"), (OKABE_ITO["sky blue"], "s"), (OKABE_ITO["orange"], "D"))


def context_shifts(
    encoder: TextEncoder,
    tokenizer: ExpressionTokenizer,
    triples: Sequence[Sequence[str]],
    base: str,
    exchanged: str,
    changes: Mapping[str, str],
) -> pd.DataFrame:
    """How far a noun's vector moves with the words around it, in units of how far another noun moves it.

    Args:
        encoder: of the words.
        tokenizer: of the encoder.
        triples: of nouns A, B and C; every word here and in the sentences is a piece of the vocabulary.
        base: a sentence with the places {A} and {B}. The vector looked at is that of {B}.
        exchanged: the same with {C} in the place of {B}: the unit.
        changes: by name, other sentences with {B} at that place.

    Returns:
        A line for each change: the first decile, the median and the last decile over the triples.

    Raises:
        InputError: a word is not one piece, or {B} stands elsewhere in a changed sentence.
    """
    place = base.split().index("{B}")
    if any(change.split()[place : place + 1] != ["{B}"] for change in changes.values()):
        raise InputError(f"{{B}} must be word {place + 1} of every sentence, as in {base!r}: reword the changes.")

    def vectors(sentence: str) -> Tensor:
        return _vectors(encoder, tokenizer, [sentence.format(**dict(zip("ABC", each))) for each in triples], place)

    start = vectors(base)
    unit = (start - vectors(exchanged)).norm(dim=-1)
    moved = {name: (start - vectors(change)).norm(dim=-1) / unit for name, change in changes.items()}
    quantiles = torch.tensor(_QUANTILES)
    return pd.DataFrame({name: each.quantile(quantiles).tolist() for name, each in moved.items()}, index=_LINES).T


@torch.inference_mode()
def _vectors(encoder: TextEncoder, tokenizer: ExpressionTokenizer, texts: list[str], place: int) -> Tensor:
    """The vectors of the words at a place of sentences of the same length. -> (N, D)."""
    for text in texts:
        if tokenizer.tokens(text)[1:-1] != text.split():
            raise InputError(f"Not every word of {text!r} is a piece of the vocabulary: choose other words.")
    ids = torch.tensor([tokenizer.encode(text, len(texts[0].split()) + 2) for text in texts])
    return encoder(ids, torch.ones_like(ids, dtype=torch.bool))[:, place + 1]  # after [CLS]


@torch.inference_mode()
def nearest_words(
    encoder: TextEncoder, tokenizer: ExpressionTokenizer, sorts: Mapping[str, Sequence[str]]
) -> pd.DataFrame:
    """Which word's vector is nearest to that of each word, before any context: by the cosine of the centered vectors.

    Args:
        encoder: of the words.
        tokenizer: of the encoder.
        sorts: words by their sort, each a piece of the vocabulary.

    Returns:
        A line for each word: the nearest one, and whether it is of the same sort.

    Raises:
        InputError: a word is not one piece.
    """
    words = [word for members in sorts.values() for word in members]
    sort = {word: name for name, members in sorts.items() for word in members}
    ids = [_id(tokenizer, word) for word in words]
    vectors = encoder.bert.embeddings.word_embeddings.weight[ids]
    vectors = vectors - vectors.mean(0)
    likeness = F.cosine_similarity(vectors[:, None], vectors, dim=-1).fill_diagonal_(-2)
    nearest = [words[place] for place in likeness.argmax(1)]
    same = [sort[word] == sort[other] for word, other in zip(words, nearest)]
    return pd.DataFrame({"nearest": nearest, "same sort": same}, index=words)


def _id(tokenizer: ExpressionTokenizer, word: str) -> int:
    ids = tokenizer.encode(word, 512)
    if len(ids) != 3:
        raise InputError(f"{word!r} is not a piece of the vocabulary: choose other words.")
    return ids[1]


def shift_figure(shifts: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw the shifts of several encoders: a dot at the median, a line over the middle 80 %.

    Args:
        shifts: of `context_shifts` by the name of the encoder, at most three.
    """
    figure, axis = plt.subplots(figsize=(9, 2.6))
    changes = list(next(iter(shifts.values())).index)
    for number, ((name, table), (color, marker)) in enumerate(zip(shifts.items(), _LOOKS)):
        places = [place + 0.22 * (number - (len(shifts) - 1) / 2) for place in range(len(changes))]
        axis.hlines(places, table["low"], table["high"], color=color)
        axis.plot(table["median"], places, marker, color=color, label=name)
    axis.axvline(1, color="black", linewidth=0.8, linestyle=":")
    axis.set_yticks(range(len(changes)), changes)
    axis.set(xscale="log", ylim=(len(changes) - 0.5, -0.5))
    axis.xaxis.set_major_formatter("{x:g}")
    axis.set_xlabel("how far the noun's vector moves (1: as far as with another noun in its place)")
    figure.legend(loc="outside right center", frameon=False, title="encoder")
    return figure
