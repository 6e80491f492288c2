"""Nouns of referring expressions: words for people, hypernyms, synonyms, and their plurals."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from grisq.data.synthetic.plurals import forms, head_of

Forms = tuple[tuple[str, str], ...]
"""Words for one noun as (singular, plural), the most common one first."""


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split(","))


PEOPLE = {
    "man": frozenset({"man"}),
    "woman": frozenset({"woman"}),
    "boy": frozenset({"boy"}),
    "girl": frozenset({"girl"}),
    "kid": frozenset({"boy", "girl"}),
}
"""Words for people, each with the variants of a person that it covers."""

ALSO_CALLED = {"girl": frozenset({"woman"})}
"""Variants that a word for people may cover in a looser sense: RefCOCO's speakers call women girls."""

HUMANS = _names("adult,baby,boy,child,girl,guy,human,kid,lady,man,pedestrian,person,toddler,woman,worker")
"""Words for people, alone or as the head of a name: "construction worker"."""

OCCUPATIONS = _names(
    "biker,bride,customer,cyclist,doctor,driver,fireman,goalkeeper,groom,guard,infant,motorcyclist,nurse,passenger,"
    "player,policeman,policewoman,referee,rider,runner,skier,soldier,student,surfer,swimmer,teacher,teenager"
)
"""More words for people, as a whole name only: a record player is no person."""

HYPERNYMS = {
    "animal": frozenset(
        {"bird", "cat", "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe"},
    ),
    "vehicle": frozenset(
        {"bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat"},
    ),
    "bag": frozenset({"backpack", "handbag", "suitcase"}),
}
"""Words for several COCO categories at once."""

LOOKALIKES = {"animal": frozenset({"teddy bear"}), "bear": frozenset({"teddy bear"})}
"""Categories whose presence makes a noun unclear: some people would count a teddy bear as an animal."""

COCO_NAMES = _names(
    "person,bicycle,car,motorcycle,airplane,bus,train,truck,boat,traffic light,fire hydrant,stop sign,parking meter,"
    "bench,bird,cat,dog,horse,sheep,cow,elephant,bear,zebra,giraffe,backpack,umbrella,handbag,tie,suitcase,frisbee,skis,"
    "snowboard,sports ball,kite,baseball bat,baseball glove,skateboard,surfboard,tennis racket,bottle,wine glass,cup,"
    "fork,knife,spoon,bowl,banana,apple,sandwich,orange,broccoli,carrot,hot dog,pizza,donut,cake,chair,couch,"
    "potted plant,bed,dining table,toilet,tv,laptop,mouse,remote,keyboard,cell phone,microwave,oven,toaster,sink,"
    "refrigerator,book,clock,vase,scissors,teddy bear,hair drier,toothbrush"
)
"""The 80 categories of COCO, for which HYPERNYMS is complete."""

SYNONYMS: Mapping[str, Forms] = {
    "person": (("person", "people"),),
    "man": (("man", "men"), ("guy", "guys"), ("dude", "dudes")),
    "woman": (("woman", "women"), ("lady", "ladies")),
    "boy": (("boy", "boys"),),
    "girl": (("girl", "girls"),),
    "kid": (("kid", "kids"), ("child", "children")),
    "bicycle": (("bicycle", "bicycles"), ("cycle", "cycles")),
    "motorcycle": (("motorcycle", "motorcycles"), ("motorbike", "motorbikes")),
    "airplane": (("plane", "planes"), ("airplane", "airplanes")),
    "bus": (("bus", "buses"),),
    "truck": (("truck", "trucks"), ("lorry", "lorries")),
    "cat": (("cat", "cats"), ("kitty", "kitties")),
    "dog": (("dog", "dogs"), ("puppy", "puppies"), ("doggy", "doggies")),
    "horse": (("horse", "horses"), ("pony", "ponies")),
    "sheep": (("sheep", "sheep"),),
    "handbag": (("handbag", "handbags"), ("purse", "purses")),
    "backpack": (("backpack", "backpacks"), ("rucksack", "rucksacks")),
    "cup": (("cup", "cups"), ("mug", "mugs")),
    "couch": (("couch", "couches"), ("sofa", "sofas")),
    "sports ball": (("ball", "balls"),),
    "wine glass": (("wine glass", "wine glasses"), ("glass of wine", "glasses of wine")),
    "knife": (("knife", "knives"),),
    "sandwich": (("sandwich", "sandwiches"),),
    "donut": (("donut", "donuts"), ("doughnut", "doughnuts")),
    "tv": (("tv", "tvs"), ("television", "televisions")),
    "cell phone": (("phone", "phones"), ("cell phone", "cell phones")),
    "bench": (("bench", "benches"),),
    "mouse": (("mouse", "mice"),),
    "toothbrush": (("toothbrush", "toothbrushes"),),
    "skis": (("pair of skis", "pairs of skis"),),
    "scissors": (("pair of scissors", "pairs of scissors"),),
    "broccoli": (("piece of broccoli", "pieces of broccoli"), ("broccoli", "broccoli")),
    "potted plant": (("plant", "plants"), ("potted plant", "potted plants")),
    "refrigerator": (("fridge", "fridges"), ("refrigerator", "refrigerators")),
    "dining table": (("table", "tables"), ("dining table", "dining tables")),
}


@dataclass(frozen=True)
class Lexicon:
    """The words that a set of expressions uses."""

    forms: Mapping[str, Forms] = field(default_factory=lambda: SYNONYMS)  # by noun; others follow the rules of English
    everyone: bool = True  # whether "everyone" means exactly what the noun "person" means

    def forms_of(self, noun: str) -> Forms:
        """Return the words for a noun."""
        return self.forms.get(noun) or (forms(noun),)


LEXICON = Lexicon()
"""The words for COCO's categories."""


@dataclass(frozen=True)
class Vocabulary:
    """What a set of expressions is about."""

    nouns: tuple[str, ...]  # nouns whose presence the annotations decide
    colors: tuple[str, ...] = ()  # none where colors are not annotated, as in COCO
    lexicon: Lexicon = LEXICON  # the words for the nouns


@lru_cache(maxsize=4096)
def is_human(noun: str) -> bool:
    """Return whether the noun is a word for people."""
    return noun in OCCUPATIONS or head_of(noun) in HUMANS
