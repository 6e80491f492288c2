"""MAttNet (Yu et al. 2018): look at objects first, then ask which of them the words fit."""

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grisq.config import MAttNetConfig, ModelConfig, TrainConfig
from grisq.models.base import LossTerm, Output, TrunkSystem, check_canvas, check_count, of_one_logit
from grisq.models.layers.conversations import next_of_picture
from grisq.models.layers.convolution import without_padding
from grisq.models.layers.detector import Detector, DetectorOutput, Proposals, detector_losses, propose, read_regions
from grisq.models.layers.feature_map import FeatureMap
from grisq.models.layers.object_geometry import FAR, clip, distances, nearest, offsets_to
from grisq.models.layers.object_matching import Matching, Objects, Phrases
from grisq.models.layers.padding import extend, extents, mean_of_weighted
from grisq.runtime.errors import InputError

if TYPE_CHECKING:
    from grisq.data.sample import Batch

_SURE = 20.0  # logit of an annotated mask
MARGIN = 0.1  # of the ranking losses
NO_COLOR = -1  # label of an object without one, as in `grisq.data.instances`, which models do not import
_REJECTED = -20.0  # logit where nothing is proposed


class MAttNet(TrunkSystem):
    """A detector proposes; the words say which of the proposals are meant.

    Mask = union of the proposals with kappa (S - tau) > 0; "nothing" = no such proposal. kappa and tau are learned, an
    extension: the released system always answers with the best proposal (`always_answer`), so it cannot refuse.

    It learns from the mask and the category of every object of the training pictures, which no other system sees.
    Matching is trained on annotated objects and evaluated on its own proposals, as the authors do; with `annotated` on
    the annotated ones, as a diagnostic. It gives the features that it reads no gradient.
    """

    group = "mattnet"
    learns_from_instances = True
    free_length = False
    text_encoders = ("matching.language.",)

    def __init__(self, config: ModelConfig):
        super().__init__(config)
        sizes: MAttNetConfig = self.sizes
        channels = self.trunk.channels
        self.detector = Detector(channels, channels=sizes.detector, categories=sizes.categories, maps=sizes.mask_maps)
        self.matching = Matching(sizes, config.text.vocabulary, *channels[2:])
        self.kappa, self.tau = nn.Parameter(torch.tensor(5.0)), nn.Parameter(torch.tensor(0.2))

    @property
    def decides_presence(self) -> bool:
        """By its threshold, unless it always answers."""
        return not self.config.mattnet.always_answer

    def check_labels(self, categories: int, colors: int) -> None:
        """Raise InputError for more categories or colors than it has, and for the diagnostic `annotated`."""
        sizes = self.sizes
        if sizes.annotated:
            raise InputError("model.mattnet.annotated is a diagnostic of evaluation: set it to false for a training.")
        check_count(categories, "categories", "model.mattnet.categories", sizes.categories)
        if sizes.lambda_attributes:
            check_count(colors, "colors", "model.mattnet.attributes", sizes.attributes)

    @property
    def reads_instances(self) -> bool:
        """In training, and for the diagnostic `annotated`."""
        return self.training or self.config.mattnet.annotated

    def inputs(self, batch: "Batch") -> tuple[Tensor | None, ...]:
        """In training, and for the diagnostic, also the annotated objects; in training an expression to tell apart."""
        if not self.reads_instances:
            return batch.inputs()
        objects = batch.instances
        if objects is None:
            raise InputError(
                "MAttNet learns from the objects of every picture, and these samples have none: read them with "
                "with_instances=True."
            )
        other = next_of_picture(batch).to(objects.real.device) if self.training else None
        return *batch.inputs(), objects.boxes, objects.categories, objects.masks, objects.real, other

    def forward(
        self,
        image: Tensor,
        valid: Tensor | None,
        tokens: Tensor,
        token_mask: Tensor,
        boxes: Tensor | None = None,
        categories: Tensor | None = None,
        masks: Tensor | None = None,
        real: Tensor | None = None,
        other: Tensor | None = None,
    ) -> Output:
        """As every system; with annotated objects (see `InstanceBatch`) these take the place of its proposals.

        Args:
            image: (B or 1, 3, H, W).
            valid: (B or 1, H, W) bool, or None.
            tokens: (B, T).
            token_mask: (B, T).
            boxes: (B, K, 4).
            categories: (B, K) long.
            masks: (B, K, H/4, W/4) bool.
            real: (B, K) bool.
            other: (B,) long, for every sample another one of the same picture, or itself; given in training.
        """
        check_canvas(image)
        sizes = self.config.mattnet
        levels = self.trunk(image, valid)
        found = self.detector(levels)
        canvas = image.new_tensor([image.shape[-2:]]).expand(image.shape[0], 2)
        height_width = canvas if valid is None else extents(valid).to(image.dtype)
        if boxes is None:
            proposals = propose(found, sizes.proposals, sizes.least_score)
            proposals = proposals._replace(boxes=clip(proposals.boxes, height_width))
            if sizes.always_answer:  # so the likeliest counts, however unlikely it is
                first = torch.arange(proposals.real.shape[1], device=image.device) == 0
                proposals = proposals._replace(real=proposals.real | first)
        else:
            proposals = Proposals(boxes, categories, _SURE * (2.0 * masks - 1), real)
        objects = self._objects(levels, proposals, height_width)
        phrases = self.matching.language(tokens, token_mask)
        B = tokens.shape[0]
        objects = Objects(*(each.expand(B, *each.shape[1:]) for each in objects))  # one picture, several expressions
        real = proposals.real.expand(B, -1)
        scores, modules = self.matching(objects, phrases)
        scores, modules = scores.masked_fill(~real, -1.0), modules.masked_fill(~real[..., None], -1.0)
        extras = {"scores": scores, "modules": modules, "word_attention": phrases.attention, "weights": phrases.weights}
        if other is not None:
            extras["other"] = other
            extras["over_threshold"] = self.kappa * (scores - self.tau)
            extras["other_text"] = self.matching(objects, Phrases(*(each[other] for each in phrases)))[0]
            if sizes.lambda_attributes:
                extras["colors"] = self.matching.colors(objects)
            extras |= found._asdict()
        masks = proposals.masks.expand(B, -1, -1, -1)
        return self._answer(scores, masks, real, levels[0].valid, image.shape[-2:], extras)

    def _answer(
        self,
        scores: Tensor,
        masks: Tensor,
        real: Tensor,
        valid: Tensor | None,
        size: tuple[int, int],
        extras: dict[str, Tensor],
    ) -> Output:
        """Mask and presence from scores and masks of the candidates.

        In training both are detached: `extra_losses` trains what they are made of.
        """
        accepted = (self.kappa * (scores - self.tau)).masked_fill(~real, _REJECTED)  # (B, K)
        if self.config.mattnet.always_answer:
            best = scores.masked_fill(~real, _REJECTED).argmax(1)
            accepted = torch.where(F.one_hot(best, real.shape[1]).bool() & real, _SURE, _REJECTED)
        logit = torch.minimum(accepted[..., None, None], masks).amax(1, keepdim=True)  # (B, 1, S/4, S/4)
        presence = accepted.amax(1)
        if self.training:
            logit, presence = logit.detach(), presence.detach()
        if valid is not None:
            logit = extend(logit, valid.expand(logit.shape[0], -1, -1))
        presence_logits = torch.stack([torch.zeros_like(presence), presence], dim=-1)
        return Output(of_one_logit(logit, size), presence_logits if self.decides_presence else None, extras=extras)

    def _objects(self, levels: list[FeatureMap], proposals: Proposals, height_width: Tensor) -> Objects:
        """What the modules read of the candidates; nothing of it gives the trunk a gradient.

        height_width: of each picture without its padding, in pixels, (B, 2).
        """
        boxes, cells = proposals.boxes.detach(), self.config.mattnet.cells
        near, deep = (
            read_regions(
                without_padding(level.features.permute(0, 3, 1, 2).detach(), level.valid), boxes, stride, cells
            )
            for level, stride in zip(levels[2:], (16, 32))
        )
        x1, y1, x2, y2 = boxes.unbind(-1)
        height, width = height_width[:, :1], height_width[:, 1:]
        area = (x2 - x1) * (y2 - y1) / (width * height)
        where = torch.stack([x1 / width, y1 / height, x2 / width, y2 / height, area], dim=-1)
        apart = distances(boxes, proposals.real)
        alike = proposals.categories[:, :, None] == proposals.categories[:, None]
        same, known = nearest(apart.masked_fill(~alike, FAR))
        offsets = offsets_to(boxes, same) * known[..., None]
        # Those of other categories come first, then those of the same; by distance within both.
        others, known_others = nearest(torch.where(alike & (apart < FAR), apart + FAR / 2, apart))
        return Objects(
            near,
            deep,
            where,
            offsets.flatten(2),
            others,
            offsets_to(boxes, others) * known_others[..., None],
            known_others,
        )

    def extra_losses(self, output: Output, batch: "Batch", config: TrainConfig) -> dict[str, LossTerm]:
        """Those of the detector and of the matching.

        matching = `ranking_loss` + binary cross-entropy of kappa (S - tau) over all objects

        Args: as `System.extra_losses`.
        """
        if "heat" not in output.extras:
            return {}
        objects, real, meant = batch.instances, batch.instances.real, batch.instances.meant
        extras = {name: value.float() for name, value in output.extras.items()}  # losses are float32 under any autocast
        found = DetectorOutput(*(extras[name] for name in DetectorOutput._fields))
        valid = batch.valid if batch.padded else None
        centers, edges, masks = detector_losses(found, objects.boxes, objects.categories, objects.masks, real, valid)
        scores = extras["scores"]
        chosen = F.binary_cross_entropy_with_logits(extras["over_threshold"], meant.float(), reduction="none")
        matching = ranking_loss(scores, extras["other_text"], real, meant, output.extras["other"])
        matching = matching + mean_of_weighted(chosen, real.float())
        terms = {
            "centers": LossTerm(centers, 1.0),
            "edges": LossTerm(edges, 1.0),
            "masks": LossTerm(masks, 1.0),
            "matching": LossTerm(matching, 1.0),
        }
        if self.config.mattnet.lambda_attributes:
            colored = real & (objects.colors != NO_COLOR)
            logits, wanted = extras["colors"].flatten(0, 1), objects.colors.clamp(min=0).flatten()
            each = F.cross_entropy(logits, wanted, reduction="none")
            terms["colors"] = LossTerm(
                mean_of_weighted(each.view_as(scores), colored.float()), self.config.mattnet.lambda_attributes
            )
        return terms


def ranking_loss(scores: Tensor, of_other_text: Tensor, real: Tensor, meant: Tensor, other: Tensor) -> Tensor:
    """Mean of max(0, 0.1 + S(other object) - S) over pairs of an object that is meant and one that is not, plus mean of
    max(0, 0.1 + S(other text) - S) over objects that are meant, and not by the other text.

    Args:
        scores: S (B, K).
        of_other_text: (B, K), of the same objects for another expression.
        real: (B, K) bool, False where there is no object.
        meant: (B, K) bool.
        other: (B,) long, the sample of the other expression; the sample itself where its picture has none.
    """
    pairs = (meant[:, :, None] & (real & ~meant)[:, None]).float()
    short_by = (MARGIN + scores[:, None] - scores[..., None]).clamp(min=0)  # (B, K, K): meant, other
    other_object = mean_of_weighted(short_by.flatten(1), pairs.flatten(1))
    told_apart = meant & ~meant[other]
    return other_object + mean_of_weighted((MARGIN + of_other_text - scores).clamp(min=0), told_apart.float())
