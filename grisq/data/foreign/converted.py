"""A data set on its way into gRefCOCO's layout."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Converted:
    """Refs and instances in gRefCOCO's form, and what had to be changed."""

    refs: list[dict[str, Any]]
    instances: dict[str, Any]
    notes: Counter[str] = field(default_factory=Counter)  # what -> how often
    repairs: list[str] = field(default_factory=list)  # sentences about outlines that were mended or left out

    def note(self, text: str) -> None:
        """Count something that a reader of the numbers should know."""
        self.notes[text] += 1

    def lines(self) -> list[str]:
        """Sentences for the user."""
        return [*self.repairs, *(f"{text}: {number:,}." for text, number in self.notes.items())]

    def finish(self) -> None:
        """Fill the fields that follow from others, as gRefCOCO has them."""
        images = {image["id"]: image for image in self.instances["images"]}
        categories = {record["id"]: record["category_id"] for record in self.instances["annotations"]}
        for ref in self.refs:
            ref["category_id"] = [categories.get(ann_id, -1) for ann_id in ref["ann_id"]]
            ref["sent_ids"] = [sentence["sent_id"] for sentence in ref["sentences"]]
            if ref["image_id"] in images:
                ref["file_name"] = images[ref["image_id"]]["file_name"]
