import pickle

import pytest

from grisq.data.tokenizer import ExpressionTokenizer
from grisq.runtime.errors import InputError

TEXTS = ["the red dog", "two dogs on the left", "everyone except the kid in white", "left cup"] * 5


@pytest.fixture(scope="module")
def tokenizer():
    return ExpressionTokenizer.train(TEXTS, 200)


def test_an_expression_is_framed_and_case_does_not_matter(tokenizer):
    assert tokenizer.tokens("The Red DOG") == ["[CLS]", "the", "red", "dog", "[SEP]"]


def test_words_that_training_did_not_see_are_spelt_from_pieces(tokenizer):
    pieces = tokenizer.tokens("redo")
    assert "".join(piece.removeprefix("##") for piece in pieces[1:-1]) == "redo"


@pytest.mark.parametrize("limit", [3, 5, 20])
def test_a_long_expression_is_cut_and_still_ends_in_sep(tokenizer, limit):
    ids = tokenizer.encode(" ".join(["dog"] * 500), limit)
    assert len(ids) == limit
    assert ids[-1] == tokenizer.encode("dog", 20)[-1]
    assert ids[0] == tokenizer.encode("dog", 20)[0]


def test_training_is_deterministic(tokenizer, tmp_path):
    for name, one in (("a", tokenizer), ("b", ExpressionTokenizer.train(TEXTS, 200))):
        (tmp_path / name).mkdir()
        one.save(tmp_path / name)
    assert (tmp_path / "a/tokenizer.json").read_bytes() == (tmp_path / "b/tokenizer.json").read_bytes()


def test_saved_loaded_and_pickled_say_the_same(tokenizer, tmp_path):
    tokenizer.save(tmp_path)
    expected = tokenizer.encode(TEXTS[2], 20)
    assert ExpressionTokenizer.load(tmp_path).encode(TEXTS[2], 20) == expected
    assert pickle.loads(pickle.dumps(tokenizer)).encode(TEXTS[2], 20) == expected


def test_equal_to_transformers_bert_tokenizer(tokenizer, tmp_path):
    """The same vocabulary in transformers' own BERT tokenizer gives the same ids."""
    from transformers import BertTokenizer

    vocabulary = tokenizer._tokenizer.get_vocab()
    theirs = BertTokenizer(vocab=vocabulary)
    for text in (*TEXTS, "b;ack cup!", "café 2 dogs"):
        assert tokenizer.encode(text, 99) == theirs(text)["input_ids"]


@pytest.mark.parametrize("text", ["", "   ", "\n"])
def test_an_empty_expression_is_refused(tokenizer, text):
    with pytest.raises(InputError, match="empty"):
        tokenizer.encode(text, 20)


@pytest.mark.parametrize("text", ["...", "?!", "🐶", "狗", "\u200b", "\x00", "ЖЖ", "- _ -", "¿", "…"])
def test_a_text_without_a_word_is_refused(tokenizer, text):
    with pytest.raises(InputError, match="has no word that the model knows"):
        tokenizer.encode(text, 20)
    with pytest.raises(InputError, match="has no word"):
        tokenizer.check(text)


@pytest.mark.parametrize(
    "text", ["dog?", "...dog", "the 🐶", "23", "café", "l'été", "(cup)", "zebra-crossing", "狗 dog"]
)
def test_words_with_punctuation_and_numbers_are_expressions(tokenizer, text):
    """Numbers are what people call players by."""
    tokenizer.check(text)
    assert len(tokenizer.encode(text, 20)) >= 3


def test_a_data_set_may_hold_a_text_without_words(tokenizer):
    """Training must not end at an annotator's "?", however late it meets it."""
    assert len(tokenizer.encode("?", 20, annotated=True)) == 3


def test_half_a_surrogate_pair_is_refused(tokenizer):
    with pytest.raises(InputError, match="not valid Unicode"):
        tokenizer.encode("dog \ud800", 20)


def test_a_missing_or_broken_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"tokenizer\.json is missing"):
        ExpressionTokenizer.load(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match="not a tokenizer file"):
        ExpressionTokenizer.load(tmp_path)
