"""Names with a wider sense in English, and what they mean in scenes of such files."""

import pytest

from grisq.data.synthetic.grammar import Count, Every, One
from grisq.data.synthetic.noun_phrases import Noun, Side
from grisq.data.synthetic.scene import scenes_of
from grisq.data.synthetic.senses import wider_senses
from grisq.data.synthetic.vocabulary import COCO_NAMES


@pytest.mark.parametrize(
    ("supercategories", "expected"),
    [
        ({"cat": "animal", "car": "vehicle"}, {}),
        ({"vehicle": None, "animal": None}, {"vehicle": set(), "animal": set()}),
        ({"vehicle": "", "car": "", "police car": ""}, {"vehicle": {"car", "police car"}, "car": {"police car"}}),
        ({"fruit": "", "apple": "Fruits", "cup": "kitchen"}, {"fruit": {"apple"}}),
        ({"couch": "", "sofa": ""}, {"couch": {"sofa"}, "sofa": {"couch"}}),
        ({"table": "", "dining table": ""}, {"table": {"dining table"}, "dining table": {"table"}}),
        ({"car": "", "car or truck": ""}, {"car": {"car or truck"}}),
        ({"person": "", "man": "", "boy": ""}, {"person": {"man", "boy"}, "man": {"person"}, "boy": {"person"}}),
        ({"man": "", "woman": "", "kid": ""}, {"man": set(), "woman": set(), "kid": set()}),
        ({"girl": "", "woman": "", "man": ""}, {"girl": {"woman"}, "woman": set(), "man": set()}),
        ({"kid": "", "boy": ""}, {"kid": {"boy"}, "boy": {"kid"}}),
        ({"person": "", "rider": ""}, {"person": {"rider"}}),
    ],
)
def test_wider_senses(supercategories, expected):
    assert wider_senses(supercategories) == expected


def test_two_of_cocos_names_have_a_wider_sense():
    assert wider_senses(dict.fromkeys(COCO_NAMES)) == {"bear": {"teddy bear"}, "dog": {"hot dog"}}


#          x 20      x 80
VEHICLE, CAR = 1, 2


def scene(*placed, crowd=False):
    """A picture of vehicles and cars at horizontal places in hundredths of its width."""
    annotations = [
        {"id": i, "image_id": 1, "category_id": category, "bbox": [x - 5, 45, 10, 10], "area": 100, "iscrowd": crowd}
        for i, (category, x) in enumerate(placed, 1)
    ]
    categories = [{"id": VEHICLE, "name": "vehicle"}, {"id": CAR, "name": "car"}]
    images = [{"id": 1, "width": 100, "height": 100}]
    return scenes_of({"images": images, "annotations": annotations, "categories": categories})[1]


@pytest.mark.parametrize(
    ("tree", "placed", "expected"),
    [
        (One(Noun("vehicle")), [(VEHICLE, 20), (CAR, 80)], {1}),
        (One(Noun("car")), [(VEHICLE, 20), (CAR, 80)], {2}),
        (Every(Noun("vehicle")), [(VEHICLE, 20), (VEHICLE, 50), (CAR, 80)], {1, 2}),
        (One(Noun("vehicle")), [(CAR, 80)], None),
        (One(Noun("car")), [(VEHICLE, 20)], set()),
        (One(Side(Noun("vehicle"), "right")), [(VEHICLE, 20), (CAR, 80)], None),
        (One(Side(Noun("vehicle"), "right")), [(VEHICLE, 20), (CAR, 30)], None),  # two vehicles on the left, some say
        (Every(Side(Noun("vehicle"), "right")), [(VEHICLE, 20), (CAR, 30)], set()),
        (Count(Noun("vehicle"), 2), [(VEHICLE, 20), (CAR, 80)], None),
        (Count(Noun("vehicle"), 3), [(VEHICLE, 20), (CAR, 80)], set()),
        (One(Noun("vehicle")), [], set()),
    ],
)
def test_a_name_means_its_annotations_and_nothing_means_nothing_in_the_wider_sense(tree, placed, expected):
    assert tree.meaning(scene(*placed)) == expected


def test_a_crowd_of_cars_leaves_it_open_whether_there_is_a_vehicle():
    assert One(Noun("vehicle")).meaning(scene((CAR, 20), crowd=True)) is None
