import pytest

from grisq.evaluation.named_categories import NamedCategories

CATEGORIES = {1: "person", 3: "car", 8: "truck", 17: "cat", 18: "dog", 20: "sheep", 58: "hot dog", 62: "chair"}


@pytest.fixture(scope="module")
def categories():
    return NamedCategories(CATEGORIES)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("the red cars", {3}),
        ("Two Puppies left of the chair", {18, 62}),
        ("woman in blue", {1}),
        ("everybody but the leftmost kid", {1}),
        ("construction worker & kitties", {1, 17}),
        ("all vehicles", {3, 8}),
        ("hot dogs", {58}),
        ("both sheep", {20}),
        ("dog and hot dog", {18, 58}),
        ("the lorry", {8}),
        ("carpet", set()),
        ("red one on the left", set()),
        ("", set()),
    ],
)
def test_words_name_categories(categories, text, named):
    assert categories.find(text) == named


def test_a_category_of_the_set_wins_over_a_word_for_people():
    assert NamedCategories({1: "person", 2: "driver", 5: "bag", 6: "suitcase"}).find("driver with a bag") >= {2, 5}
    assert NamedCategories({2: "Golf Club"}).find("golf clubs") == {2}
    assert NamedCategories({3: "c++ (logo)"}).find("anything") == set()
    assert NamedCategories({}).find("dog") == set()


def test_every_expression_of_the_synthetic_set_names_the_categories_of_its_targets(mini):
    categories = NamedCategories(mini.categories)
    for row in range(len(mini)):
        expression = mini.expression(row)
        assert categories.find(expression.text) >= set(expression.category_ids), expression.text
