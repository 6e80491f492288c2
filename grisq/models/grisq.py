"""GRISQ: generalized referring image segmentation with a target query, the whole of Fig. 2."""

from typing import TYPE_CHECKING

from torch import Tensor

from grisq.config import ModelConfig, TrainConfig
from grisq.models.base import FusedSystem, LossTerm, Output, check_count
from grisq.models.heads import MaskHead, mlp
from grisq.models.layers.object_labels import ObjectLabels, object_loss
from grisq.models.layers.padding import mean_over, pool
from grisq.models.pixel_decoder import PixelDecoder
from grisq.models.target_query import TargetQuery
from grisq.runtime.errors import InputError

if TYPE_CHECKING:
    from grisq.data.sample import Batch


class GRISQ(FusedSystem):
    """Multimodal encoder, pixel decoder, mask head and target query (Sec. 3.1-3.2, Fig. 2).

    `config.target_query` and `config.plurality` are the switches of Table 2. Without the query, presence is predicted
    from the mean of f_L^{M,j} over the picture, where j is `config.query_level`; `config.pooled_hidden` gives that head
    as many parameters as the query has.

    With `config.object_categories` it also learns in training what stands where, from labels that MAttNet has.

    With `need_weights` the output holds the query's attention.
    Raises: InputError for switches that exclude each other.
    """

    def __init__(self, config: ModelConfig):
        super().__init__(config)
        if config.plurality and not config.target_query:
            raise InputError("model.plurality reads the target query: set model.target_query to true as well.")
        if config.pooled_hidden and config.target_query:
            raise InputError("model.pooled_hidden is for presence without the query: set model.target_query to false.")
        if config.query_level not in (2, 3, 4):
            raise InputError(f"model.query_level is {config.query_level}: the decoder has the levels 2, 3 and 4.")
        C, D = config.channels, config.text.hidden
        widths = self.multimodal_encoder.channels
        shared = {
            "channels": C,
            "heads": config.heads,
            "feedforward": config.feedforward,
            "blocks": config.blocks,
        }
        self.pixel_decoder = PixelDecoder(channels_in=widths[1:], points=config.points, **shared)
        self.mask_head = MaskHead(channels_in=widths[0], channels=C, at=config.mask_mlp_at)
        self.target_query = TargetQuery(text_channels=D, **shared) if config.target_query else None
        self.presence_head = mlp(C, config.pooled_hidden or C, 2, layers=3 if config.pooled_hidden else 2)
        self.plurality_head = mlp(C, C, 2, layers=2) if config.plurality else None
        labels = {"categories": config.object_categories, "colors": config.object_colors}
        self.object_labels = ObjectLabels(channels=C, **labels) if config.object_categories else None

    @property
    def learns_from_instances(self) -> bool:
        """Whether training needs all objects of the pictures."""
        return self.object_labels is not None

    def check_labels(self, categories: int, colors: int) -> None:
        """Raise InputError for more categories or colors than it learns."""
        check_count(categories, "categories", "model.object_categories", self.config.object_categories)
        check_count(colors, "colors", "model.object_colors", self.config.object_colors)

    def forward(
        self,
        image: Tensor,
        valid: Tensor | None,
        tokens: Tensor,
        token_mask: Tensor,
        need_weights: bool = False,
    ) -> Output:
        words, levels = self.encode(image, valid, tokens, token_mask)  # f^T (B, T, D), F^{M,1..4}
        decoded = self.pixel_decoder(levels[1:])  # f_0 ... f_L
        finest = decoded.subsequence(2)[-1]
        mask_logits = self.mask_head(finest, levels[1], levels[0], valid)
        learned = self.training and self.object_labels is not None
        extras = dict(zip(("categories", "colors"), self.object_labels(finest))) if learned else {}
        level = self.config.query_level
        memories = decoded.subsequence(level)  # f_0^{M,j} ... f_L^{M,j}, each (B, H_j*W_j, C)
        memory_valid = levels[level - 1].flat_valid  # (B, H_j*W_j) or None
        if self.target_query is None:
            return Output(mask_logits, self.presence_head(mean_over(memories[-1], memory_valid)), extras=extras)
        e_0, e_L, attention = self.target_query(
            words, token_mask, memories[:-1], decoded.positions_of(level), memory_valid, need_weights
        )  # (B, C) each
        plurality = None if self.plurality_head is None else self.plurality_head(e_0)  # (B, 2)
        return Output(mask_logits, self.presence_head(e_L), plurality, attention=attention, extras=extras)

    def extra_losses(self, output: Output, batch: "Batch", config: TrainConfig) -> dict[str, LossTerm]:
        """That of the categories and colors of all positions, where they are learned.

        Args: as `System.extra_losses`.
        """
        if not output.extras:
            return {}
        if batch.instances is None:
            raise InputError("model.object_categories needs all objects of the pictures: read with_instances=True.")
        valid = pool(batch.valid, 8).flatten(1) if batch.padded else None
        predicted = (output.extras["categories"], output.extras["colors"])
        return {"objects": LossTerm(object_loss(*predicted, batch.instances, valid), config.lambda_objects)}
