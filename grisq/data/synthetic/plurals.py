"""English plurals of the names of things, and the singular of a name that is given in the plural.

Rules for regular endings, and tables of the exceptions among concrete nouns. The head of a phrase takes the ending:
"cup of tea" becomes "cups of tea".
"""

import re


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_IRREGULAR = {
    "alga": "algae",
    "axis": "axes",
    "bacterium": "bacteria",
    "child": "children",
    "crisis": "crises",
    "die": "dice",
    "foot": "feet",
    "fungus": "fungi",
    "goose": "geese",
    "larva": "larvae",
    "louse": "lice",
    "man": "men",
    "mouse": "mice",
    "nucleus": "nuclei",
    "oasis": "oases",
    "ox": "oxen",
    "passerby": "passersby",
    "person": "people",
    "quiz": "quizzes",
    "tooth": "teeth",
    "woman": "women",
}
_COMPOUNDED = ("child", "man", "mouse", "woman")  # also as endings: policeman, grandchild, dormouse
_NOT_COMPOUNDED = {"caiman", "doberman", "german", "human", "ottoman", "roman", "shaman", "talisman"}
_NOT_PLURAL = {"abdomen", "cyclamen", "omen", "pumice", "ramen", "regimen", "specimen", "stamen"}
_VES = ("calf", "elf", "half", "hoof", "knife", "leaf", "loaf", "scarf", "shelf", "thief", "wharf", "wife", "wolf")
_OES = {"buffalo", "domino", "echo", "hero", "mango", "mosquito", "potato", "tomato", "tornado", "torpedo", "volcano"}
_HARD_CH = {"epoch", "eunuch", "loch", "monarch", "patriarch", "stomach", "tech"}  # pronounced k: no e
_UNCHANGED = _words(
    "aluminum asparagus baggage bison bread broccoli cardboard cash cattle chassis clothing cod corn corrosion cotton"
    " crossroads debris deer equipment foliage food footwear furniture garbage glassware graffiti grass hardware hay"
    " headquarters headwear jewelry laundry lettuce litter livestock luggage machinery mail meat milk money moose mud"
    " offspring paper pasta plastic police poultry rice rust salmon sand seaweed series sheep shrimp silverware snow"
    " spaghetti species squid sushi swine toast traffic trash trout tuna underwear vegetation waste water wheat"
    " wildlife wood"
)  # nouns without a plural form of their own, and substances
_UNCHANGED_ENDINGS = ("craft", "fish")
_PAIRS = _words(
    "binoculars clippers earbuds earphones eyeglasses glasses goggles headphones jeans leggings overalls pajamas pants"
    " pliers pyjamas scissors shears shorts skis sunglasses tights tongs trousers tweezers forceps"
)
_PLURAL_ONLY = {
    "clothes": ("piece of clothing", "pieces of clothing"),
    "stairs": ("flight of stairs", "flights of stairs"),
}
_SINGULAR_IN_S = _words(
    "alias asbestos atlas barracks bias canvas christmas cosmos gallows gas ibis iris lens mantis pancreas rhinoceros"
    " thermos trellis"
)
_SINGULAR_IN_E = _words(
    "birdie bowtie brownie cache calorie cookie fuse genie hoodie magpie moustache movie mustache necktie niche pie"
    " quiche selfie smoothie tie zombie"
)
_SINGULAR_IN_VOWEL = {"bikini", "emu", "gnu", "kiwi", "menu", "taxi", "zucchini"}
_DRINKS = ("beer", "champagne", "cocktail", "drinking", "martini", "shot", "water", "wine")  # of a glass
_PREPOSITIONS = "at|behind|beside|by|for|from|in|of|off|on|over|to|under|with|without"
_SIBILANT = re.compile(r"(s|x|z|sh|ch)$")
_HEAD = re.compile(rf"^(?P<before>(?:.*? )??)(?P<head>[^ ]+)(?P<after>(?: (?:{_PREPOSITIONS}) .+)?)$")


def forms(name: str) -> tuple[str, str]:
    """Return the singular and the plural of a name that is given in either."""
    before, head, after = _split(name)
    if _is_pair(before, head):
        return f"pair of {before}{head}{after}", f"pairs of {before}{head}{after}"
    if head in _PLURAL_ONLY:
        one, several = _PLURAL_ONLY[head]
        return f"{before}{one}{after}", f"{before}{several}{after}"
    one = _singular(head)
    return f"{before}{one}{after}", f"{before}{_plural(one)}{after}"


def singular(name: str) -> str:
    """Return the singular of a name that is given in the singular or in the plural; "glasses" stays as it is."""
    before, head, after = _split(name)
    return name if _is_pair(before, head) or head in _PLURAL_ONLY else before + _singular(head) + after


def head_of(name: str) -> str:
    """Return the singular of the word that the rest of a name describes: "cup" of "red cups of tea"."""
    return _singular(_split(name)[1])


def _split(name: str) -> tuple[str, str, str]:
    """Split a name into what precedes its head, the head, and what follows it."""
    match = _HEAD.match(name)
    return (match["before"], match["head"], match["after"]) if match else ("", name, "")


def _is_pair(before: str, head: str) -> bool:
    """Return whether a name in the plural is that of one thing: glasses on a nose, but not wine glasses."""
    return head in _PAIRS and not before.rstrip().endswith(_DRINKS)


def _plural(word: str) -> str:
    """Return the plural of one singular word."""
    if not word.isascii() or word in _UNCHANGED or word.endswith(_UNCHANGED_ENDINGS):
        return word
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    for ending in _COMPOUNDED:
        if word.endswith(ending) and word not in _NOT_COMPOUNDED:
            return word.removesuffix(ending) + _IRREGULAR[ending]
    if word.endswith(_VES):
        return re.sub(r"fe?$", "ves", word)
    if word in _OES or (_SIBILANT.search(word) and word not in _HARD_CH):
        return word + "es"
    return word[:-1] + "ies" if re.search(r"([^aeiou]|qu)y$", word) else word + "s"


def _singular(word: str) -> str:
    """Return the singular of one word that is in the singular or in the plural."""
    if word in _SINGULARS:
        return _SINGULARS[word]
    if word in _NOT_PLURAL | _SINGULAR_IN_S | _UNCHANGED:
        return word
    for one, several in _ENDINGS.items():
        if word.endswith(several):
            return word.removesuffix(several) + one
    if len(word) < 3 or not word.endswith("s") or re.search(r"(ss|us|is|\ds)$", word):
        return word
    if word[:-1] in _SINGULAR_IN_E:
        return word[:-1]
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    takes_es = re.search(r"(ss|x|ch|sh|tz|[^aeo]us)es$", word) or word[:-2] in _OES | _SINGULAR_IN_S
    return word[:-2] if takes_es else word[:-1]


_ENDINGS = {one: _plural(one) for one in (*_COMPOUNDED, *_VES)}
_SINGULARS = (
    {several: one for one, several in _IRREGULAR.items()}
    | {word + "s": word for word in _SINGULAR_IN_VOWEL}
    | {"axes": "axe", "persons": "person"}
)
