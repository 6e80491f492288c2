"""Tokenizers of CLIP's and of Llama's kind have other marks than BERT's."""

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from grisq.data.tokenizer import CLIP, LLAMA, ExpressionTokenizer
from grisq.runtime.errors import InputError


def made(pieces, template):
    """A tokenizer of whole words, with marks as the template says."""
    ids = {piece: number for number, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.WordLevel(ids, unk_token=pieces[0]))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    marks = [each for each in template.split() if each != "$A"]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=template, special_tokens=[(mark, ids[mark]) for mark in dict.fromkeys(marks)]
    )
    return ExpressionTokenizer(tokenizer)


@pytest.fixture
def clip():
    return made([CLIP.end, CLIP.begin, "red</w>", "dog</w>", "!</w>"], f"{CLIP.begin} $A {CLIP.end}")


@pytest.fixture
def llama():
    return made(["<unk>", "<s>", "</s>", "▁red", "▁dog", "▁!"], "<s> $A")


def test_clip_ends_in_its_end_of_text_which_is_also_its_padding(clip):
    assert (clip.marks, clip.pad_id) == (CLIP, 0)
    assert clip.encode("red</w> dog</w>", 10) == [1, 2, 3, 0]
    assert clip.encode("red</w> dog</w>", 3) == [1, 2, 0]


def test_llama_ends_with_the_words(llama):
    assert (llama.marks, llama.pad_id) == (LLAMA, 0)
    assert llama.encode("▁red ▁dog", 10) == [1, 3, 4]
    assert llama.encode("▁red ▁dog", 2) == [1, 3]


def test_punctuation_is_no_word_in_any_of_them(clip, llama):
    for tokenizer, text in ((clip, "!</w>"), (llama, "▁!")):
        with pytest.raises(InputError, match="no word that the model knows"):
            tokenizer.encode(text, 10)
