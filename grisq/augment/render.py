"""From recipes to samples: the only place of the augmentation that touches pixels. Runs in data workers."""

from dataclasses import dataclass, replace

import numpy as np
from torch.utils.data import Dataset

from grisq.augment.recipes import Mosaic, NoTarget, Plain, Recipe
from grisq.augment.sampler import Slot
from grisq.data.instances import Instances
from grisq.data.sample import Sample, SampleReader, empty_canvas, paste


@dataclass
class RecipeDataset(Dataset):
    """Makes the sample of a slot. Picklable, so that data workers may be forked or spawned."""

    reader: SampleReader
    max_tokens_mosaic: int  # the longer limit for expressions joined by "and"

    def __getitem__(self, slot: Slot) -> Sample:
        return replace(self.render(slot.recipe), plurality_weight=slot.plurality_weight)

    def render(self, recipe: Recipe) -> Sample:
        """Make the sample of a recipe; see the recipes for what each one means."""
        match recipe:
            case Plain(row):
                return self.reader.read(row)
            case NoTarget(image, text_from):
                return self._no_target(image, text_from)
            case Mosaic(cells):
                return self._mosaic(cells)

    def _no_target(self, row: int, text_from: int) -> Sample:
        sample = self.reader.read(row)
        text = self.reader.expression(text_from).text
        return replace(
            sample,
            mask=np.zeros_like(sample.mask),
            text=text,
            tokens=self.reader.tokens(text, self.reader.max_tokens),
            target_count=0,
            instances=sample.instances and sample.instances.meant_by_none(),
            row=-1,
        )

    def _mosaic(self, cells: tuple[tuple[int, int], ...]) -> Sample:
        """Letterbox each original into its cell.

        The whole canvas counts as picture: its gaps are not at the right and below, as padding must be, so the model
        sees them as mean color.
        """
        side = self.reader.side
        half = side // 2
        image, valid = empty_canvas(side)
        mask = np.zeros((side, side), dtype=bool)
        texts, objects = [], []
        for cell, row in cells:
            expression = self.reader.expression(row)
            x, y = half * (cell % 2), half * (cell // 2)
            pixels, box = self.reader.fitted(expression.image_id, half)
            paste(image, valid, pixels, x, y)
            mask |= self.reader.target_mask(expression.ann_ids, box, side, x, y)
            texts.append(expression.text)
            objects.append(self.reader.instances(expression.image_id, expression.ann_ids, box, side, x, y))
        valid[:] = True
        text = " and ".join(texts)
        tokens = self.reader.tokenizer.encode(text, self.max_tokens_mosaic, annotated=True)  # hardly ever the same
        instances = Instances.joined(objects) if all(objects) else None
        return Sample(image, valid, mask, tokens, text, target_count=len(cells), instances=instances)
