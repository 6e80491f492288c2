import pytest

from grisq.augment.render import RecipeDataset
from grisq.data.sample import SampleReader
from grisq.data.tokenizer import ExpressionTokenizer


@pytest.fixture(scope="module")
def dataset(mini):
    """Recipes of the small set, rendered at 64 px without a cache."""
    tokenizer = ExpressionTokenizer.train(mini.expressions["text"].to_pylist(), 300)
    return RecipeDataset(SampleReader(mini, tokenizer, side=64, max_tokens=20), max_tokens_mosaic=80)
