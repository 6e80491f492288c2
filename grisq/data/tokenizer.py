"""Expressions to token ids: a WordPiece made from the train split, or the tokenizer of BERT, CLIP or Llama."""

import string
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from tokenizers import Encoding, Tokenizer, models, normalizers, pre_tokenizers, processors

from grisq.runtime.errors import InputError

TOKENIZER_FILE = "tokenizer.json"
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_END_OF_WORD = "</w>"  # how CLIP's pieces say that a word ends with them
_FEWEST = 0.9  # share of a BERT's vectors that its tokenizer uses; some vocabularies are padded to a round number


class Marks(NamedTuple):
    """The pieces of a vocabulary that are no words."""

    padding: str
    begin: str
    end: str | None  # what every expression ends with, however much of it had to be cut


BERT = Marks("[PAD]", "[CLS]", "[SEP]")
CLIP = Marks("<|endoftext|>", "<|startoftext|>", "<|endoftext|>")
LLAMA = Marks("<unk>", "<s>", None)
NO_WORDS = {*SPECIAL, *CLIP, "<unk>", "<s>", "</s>"}


class ExpressionTokenizer:
    """A tokenizer that puts its mark before every expression and, but for Llama's, after it.

    Picklable, so data workers each hold one. `pad_id` fills what a batch does not use; `end_id` is the mark after every
    expression, or None.
    """

    def __init__(self, tokenizer: Tokenizer):
        self._tokenizer = tokenizer
        tokenizer.no_truncation()  # `encode` cuts, and keeps [SEP]
        tokenizer.no_padding()  # `collate` pads to the longest of the batch
        known = [marks for marks in (BERT, CLIP, LLAMA) if tokenizer.token_to_id(marks.begin) is not None]
        self.marks = known[0] if known else BERT
        self.pad_id = tokenizer.token_to_id(self.marks.padding)
        self.end_id = self.marks.end and tokenizer.token_to_id(self.marks.end)

    @classmethod
    def train(cls, texts: Iterable[str], vocabulary: int) -> "ExpressionTokenizer":
        """A vocabulary of the expressions' letters and most frequent words; lower-cased, like bert-base-uncased.

        Rarer words are spelt from letters. (tokenizers' own trainer breaks ties by hash order, so that two runs
        of one seed would not see the same ids.) At most `vocabulary` pieces, unless there are more letters.
        """
        normalizer, splitter = normalizers.BertNormalizer(lowercase=True), pre_tokenizers.BertPreTokenizer()
        words = Counter(word for text in texts for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(text)))
        letters = sorted({letter for word in words for letter in word} | set(string.ascii_lowercase + string.digits))
        pieces = [*SPECIAL, *letters, *(f"##{letter}" for letter in letters)]
        frequent = sorted(words.keys() - set(letters), key=lambda word: (-words[word], word))
        pieces += frequent[: max(0, vocabulary - len(pieces))]
        ids = {piece: number for number, piece in enumerate(pieces)}
        tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))
        tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, splitter
        tokenizer.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]",
            special_tokens=[(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")],
        )
        return cls(tokenizer)

    @classmethod
    def load(cls, folder: str | Path) -> "ExpressionTokenizer":
        """Read tokenizer.json from a folder, as a checkpoint or a downloaded BERT has it.

        Raises: InputError if there is none or it cannot be read.
        """
        path = Path(folder) / TOKENIZER_FILE
        if not path.is_file():
            raise InputError(f"{path} is missing: give a folder that holds a checkpoint or a BERT with its tokenizer.")
        try:
            return cls(Tokenizer.from_file(str(path)))
        except Exception as error:  # tokenizers raises bare Exception
            raise InputError(f"{path} is not a tokenizer file ({error}): copy it again from its source.") from None

    @classmethod
    def pretrained(cls, name: str, vocabulary: int) -> "ExpressionTokenizer":
        """The tokenizer of a pretrained text encoder.

        Args:
            name: a local folder or a hub name.
            vocabulary: number of word pieces that the encoder has vectors for.

        Raises:
            InputError: the tokenizer cannot be read, or belongs to another vocabulary.
        """
        if (Path(name) / TOKENIZER_FILE).is_file():
            found = cls.load(name)
        else:
            from transformers import AutoTokenizer  # slow to import; only vocab.txt or a hub name needs it

            try:
                found = cls(AutoTokenizer.from_pretrained(name).backend_tokenizer)
            except Exception as error:  # network and file errors of two libraries
                reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
                raise InputError(
                    f"The tokenizer of {name!r} cannot be loaded ({reason}): give a local folder with "
                    "model.text.pretrained=PATH, or model.text.pretrained=none to train one on the data."
                ) from None
        # Without its files, transformers makes a tokenizer that knows no word at all.
        needed = SPECIAL[:4] if found.marks is BERT else [mark for mark in found.marks if mark]
        lacking = [token for token in needed if found._tokenizer.token_to_id(token) is None]
        if lacking or not _FEWEST * vocabulary <= len(found) <= vocabulary:
            raise InputError(
                f"The tokenizer of {name!r} has {len(found)} pieces{f' and no {lacking[0]}' if lacking else ''}, but "
                f"model.text.vocabulary is {vocabulary}: put the vocab.txt or tokenizer.json of the same model into "
                "its folder, or set model.text.vocabulary to the size of that model."
            )
        return found

    def to_json(self) -> str:
        """Return the content of tokenizer.json."""
        return self._tokenizer.to_str()

    def save(self, folder: Path) -> None:
        """Write tokenizer.json into the folder."""
        self._tokenizer.save(str(folder / TOKENIZER_FILE))

    def encode(self, text: str, max_tokens: int, *, annotated: bool = False) -> list[int]:
        """Tokenize one expression between its marks, [CLS] ... [SEP]; words are cut so that the marks remain.

        Args:
            text: the expression.
            max_tokens: the largest number of ids.
            annotated: True for an expression of a data set, which may hold anything but nothing at all. What a user
                asks must hold a word, since a model answers punctuation as readily as words.

        Raises:
            InputError: for a text without a word that this vocabulary knows.
        """
        encoding = self._encoded(text)
        if not annotated and not any(map(_is_word, encoding.tokens)):
            raise InputError(
                f"The expression {text!r} has no word that the model knows: say what to look for in words, "
                "for example 'the dog on the left'."
            )
        ids = encoding.ids
        if len(ids) <= max_tokens:
            return ids
        return ids[:max_tokens] if self.end_id is None else [*ids[: max_tokens - 1], self.end_id]

    def check(self, text: str) -> None:
        """Raise InputError for a text that `encode` would refuse."""
        self.encode(text, max_tokens=2)

    def _encoded(self, text: str) -> Encoding:
        if not text.strip():
            raise InputError("The expression is empty: say what to look for, for example 'the dog on the left'.")
        try:
            return self._tokenizer.encode(text)
        except (TypeError, UnicodeError):  # half of a surrogate pair, as broken JSON has it
            raise InputError(f"The expression {text!r} is not valid Unicode text: type it again.") from None

    def tokens(self, text: str) -> list[str]:
        """The pieces of an expression, for showing attention over words."""
        return self._tokenizer.encode(text).tokens

    def __len__(self) -> int:
        return self._tokenizer.get_vocab_size()


def _is_word(piece: str) -> bool:
    """Whether a piece is a word, a number or a part of one: neither punctuation nor [UNK]."""
    return piece not in NO_WORDS and any(letter.isalnum() for letter in piece.removesuffix(_END_OF_WORD))
