"""MAttNet (Yu et al. 2018): look at objects first, then ask which of them the words fit."""

from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grisq.config import MAttNetConfig, ModelConfig, TrainConfig
from grisq.models.base import LossTerm, Output, TrunkSystem, check_canvas, check_count, of_one_logit
from grisq.models.layers.bidirectional import both_directions
from grisq.models.layers.conversations import next_of_picture
from grisq.models.layers.convolution import without_padding
from grisq.models.layers.detector import Detector, DetectorOutput, Proposals, detector_losses, propose, read_regions
from grisq.models.layers.feature_map import FeatureMap
from grisq.models.layers.padding import extend, extents
from grisq.runtime.errors import InputError

if TYPE_CHECKING:
    from grisq.data.sample import Batch

MODULES = ("subject", "place", "relation")
NEIGHBORS = 5
_SURE = 20.0  # logit of an annotated mask
_FAR = 1e6  # pixels, for a neighbor that does not exist
MARGIN = 0.1  # of the ranking losses
NO_COLOR = -1  # label of an object without one, as in `grisq.data.instances`, which models do not import
_REJECTED = -20.0  # logit where nothing is proposed


class Scale(nn.Module):
    """n(x) = g * x / |x| with a learned g, 20 at the start. Shapes: (..., C) -> (..., C)."""

    def __init__(self, channels: int):
        super().__init__()
        self.gain = nn.Parameter(torch.full((channels,), 20.0))

    def forward(self, x: Tensor) -> Tensor:
        return self.gain * F.normalize(x, dim=-1)


class CosineMatching(nn.Module):
    """cos(MLP(object), MLP(words)). Shapes: objects (B, K, C), words (B, D) -> (B, K).

    Layer normalization in place of batch normalization: places without an object would enter its statistics.
    """

    def __init__(self, channels: int, text_channels: int, width: int, dropout: float):
        super().__init__()
        self.of_object, self.of_words = (
            nn.Sequential(
                nn.Linear(C, width),
                nn.LayerNorm(width),
                nn.ReLU(),
                nn.Dropout(dropout),
                nn.Linear(width, width),
                nn.LayerNorm(width),
            )
            for C in (channels, text_channels)
        )

    def forward(self, objects: Tensor, words: Tensor) -> Tensor:
        pair = F.normalize(self.of_object(objects), dim=-1), F.normalize(self.of_words(words), dim=-1)
        return (pair[0] @ pair[1][..., None])[..., 0]


class Phrases(NamedTuple):
    """An expression taken apart."""

    queries: Tensor  # (B, 3, D), one for each module
    attention: Tensor  # (B, 3, T), the words that it read
    weights: Tensor  # (B, 3), how much each module counts


class LanguageNetwork(nn.Module):
    """Three attentions over the words, one for each module, and the weights of the modules.

    q^m = sum_t softmax_t(f_m . h_t) x_t,   w = softmax(W [last state forward, first state backward])

    with x the embedded words and h the states of a bidirectional LSTM over them.
    """

    def __init__(self, vocabulary: int, width: int, dropout: float):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.word = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)
        self.ahead, self.back = (nn.LSTM(width, width, batch_first=True) for _ in range(2))
        self.phrases = nn.ModuleList(nn.Linear(2 * width, 1) for _ in MODULES)
        self.weights = nn.Linear(2 * width, len(MODULES))

    def forward(self, tokens: Tensor, token_mask: Tensor) -> Phrases:
        x = F.relu(self.word(self.dropout(self.embedding(tokens))))  # (B, T, D)
        forward, backward = both_directions(self.ahead, self.back, x, token_mask)
        last = token_mask.sum(1, keepdim=True) - 1
        h = torch.cat([forward, backward], dim=-1)
        scores = torch.cat([phrase(h) for phrase in self.phrases], dim=-1).transpose(1, 2)  # (B, 3, T)
        attention = scores.masked_fill(~token_mask[:, None], float("-inf")).softmax(-1)
        end = forward.gather(1, last[..., None].expand(-1, -1, x.shape[-1]))[:, 0]
        weights = self.weights(torch.cat([end, backward[:, 0]], dim=-1)).softmax(-1)
        return Phrases(attention @ x, attention, weights)


class Objects(NamedTuple):
    """What the modules read of K candidates."""

    near: Tensor  # G4 (B, K, R, C4), of R cells of each box
    deep: Tensor  # G5 (B, K, R, C5)
    where: Tensor  # l (B, K, 5)
    same: Tensor  # delta (B, K, 25), of the nearest of the same category
    others: Tensor  # (B, K, 5) long, the nearest others, those of other categories first
    offsets: Tensor  # delta to each of them (B, K, 5, 5)
    known: Tensor  # (B, K, 5) bool, False where there are fewer


class Matching(nn.Module):
    """S = sum_m w_m S_m over subject, place and relation: how well the words fit each candidate, from -1 to 1.

    13,955,164 parameters at the published sizes.
    """

    def __init__(self, config: MAttNetConfig, vocabulary: int, near: int, deep: int):
        super().__init__()
        D = config.width
        self.language = LanguageNetwork(vocabulary, D, config.word_dropout)
        self.scale_near, self.scale_deep, self.scale_fused = Scale(near), Scale(deep), Scale(D)
        self.fuse, self.fuse_norm = nn.Linear(near + deep, D), nn.LayerNorm(D)
        self.attributes = nn.Linear(D, config.attributes).requires_grad_(config.lambda_attributes > 0)
        self.scale_subject = Scale(D)
        self.cells, self.cell_score = nn.Linear(deep + 2 * D, D), nn.Linear(D, 1)
        self.subject = CosineMatching(deep + D, D, D, config.dropout)
        self.scale_where, self.scale_same = Scale(5), Scale(5 * NEIGHBORS)
        self.place_in = nn.Linear(5 + 5 * NEIGHBORS, D)
        self.place = CosineMatching(D, D, D, config.dropout)
        self.scale_other, self.scale_offset = Scale(deep), Scale(5)
        self.relation_in = nn.Linear(deep + 5, D)
        self.relation = CosineMatching(D, D, D, config.dropout)

    def forward(self, objects: Objects, phrases: Phrases) -> tuple[Tensor, Tensor]:
        """-> scores (B, K) and those of each module (B, K, 3)."""
        subject, place, relation = phrases.queries.unbind(1)
        each = torch.stack(
            [self._subject(objects, subject), self._place(objects, place), self._relation(objects, relation)], dim=-1
        )
        return (each * phrases.weights[:, None]).sum(-1), each

    def fused(self, objects: Objects) -> Tensor:
        """u (B, K, R, D)."""
        both = torch.cat([self.scale_near(objects.near), self.scale_deep(objects.deep)], dim=-1)
        return F.relu(self.fuse_norm(self.fuse(both)))

    def colors(self, objects: Objects) -> Tensor:
        """Logits of the attributes (B, K, attributes)."""
        return self.attributes(self.fused(objects).mean(2))

    def _subject(self, objects: Objects, q: Tensor) -> Tensor:
        v = torch.cat([self.scale_deep(objects.deep), self.scale_fused(self.fused(objects))], dim=-1)
        words = self.scale_subject(q)[:, None, None].expand(*v.shape[:3], -1)
        attention = self.cell_score(torch.tanh(self.cells(torch.cat([v, words], dim=-1)))).softmax(2)
        return self.subject((attention * v).sum(2), q)

    def _place(self, objects: Objects, q: Tensor) -> Tensor:
        x = torch.cat([self.scale_where(objects.where), self.scale_same(objects.same)], dim=-1)
        return self.place(self.place_in(x), q)

    def _relation(self, objects: Objects, q: Tensor) -> Tensor:
        pooled = objects.deep.mean(2)  # (B, K, C5)
        B, K, N = objects.others.shape
        index = objects.others.flatten(1)[..., None].expand(-1, -1, pooled.shape[-1])
        others = pooled.gather(1, index).view(B, K, N, -1)
        r = self.relation_in(torch.cat([self.scale_other(others), self.scale_offset(objects.offsets)], dim=-1))
        likeness = self.relation(r.flatten(1, 2), q).view(B, K, N)
        return torch.where(objects.known, likeness, 0.0).amax(-1)  # a missing neighbor counts as 0


class MAttNet(TrunkSystem):
    """A detector proposes; the words say which of the proposals are meant.

    Mask = union of the proposals with kappa (S - tau) > 0; "nothing" = no such proposal. kappa and tau are learned, an
    extension: the released system always answers with the best proposal (`always_answer`), so it cannot refuse.

    It learns from the mask and the category of every object of the training pictures, which no other system sees.
    Matching is trained on annotated objects over features that it does not change, as by the authors, and evaluated on
    its own proposals; with `annotated` on the annotated ones, as a diagnostic.
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
        """Whether batches have to carry all objects of their pictures."""
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
        if boxes is None:
            proposals = propose(found, sizes.proposals, sizes.least_score)
            if sizes.always_answer:  # so the likeliest counts, however unlikely it is
                first = torch.arange(proposals.real.shape[1], device=image.device) == 0
                proposals = proposals._replace(real=proposals.real | first)
        else:
            proposals = Proposals(boxes, categories, _SURE * (2.0 * masks - 1), real)
        objects = self._objects(levels, proposals, valid, image.shape[-2:])
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
        """Mask and presence from scores and masks of the candidates. In training the losses below train them."""
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

    def _objects(
        self, levels: list[FeatureMap], proposals: Proposals, valid: Tensor | None, size: tuple[int, int]
    ) -> Objects:
        """What the modules read of the candidates; nothing of it gives the trunk a gradient."""
        boxes, cells = proposals.boxes.detach(), self.config.mattnet.cells
        near, deep = (
            read_regions(
                without_padding(level.features.permute(0, 3, 1, 2).detach(), level.valid), boxes, stride, cells
            )
            for level, stride in zip(levels[2:], (16, 32))
        )
        if valid is None:
            height_width = boxes.new_tensor([size]).expand(boxes.shape[0], 2)
        else:
            height_width = extents(valid).to(boxes.dtype)
        x1, y1, x2, y2 = boxes.unbind(-1)
        height, width = height_width[:, :1], height_width[:, 1:]
        area = (x2 - x1) * (y2 - y1) / (width * height)
        where = torch.stack([x1 / width, y1 / height, x2 / width, y2 / height, area], dim=-1)
        apart = _distances(boxes, proposals.real)
        alike = proposals.categories[:, :, None] == proposals.categories[:, None]
        same, known = _nearest(apart.masked_fill(~alike, _FAR))
        offsets = _offsets(boxes, same) * known[..., None]
        # Those of other categories come first, then those of the same; by distance within both.
        others, known_others = _nearest(torch.where(alike & (apart < _FAR), apart + _FAR / 2, apart))
        return Objects(
            near,
            deep,
            where,
            offsets.flatten(2),
            others,
            _offsets(boxes, others) * known_others[..., None],
            known_others,
        )

    def extra_losses(self, output: Output, batch: "Batch", config: TrainConfig) -> dict[str, LossTerm]:
        """Those of the detector and of the matching.

        matching = mean of max(0, 0.1 + S(other object) - S) over pairs of an object that is meant and one that is not
                   + mean of max(0, 0.1 + S(other text) - S) over objects that are meant, and not by the other text
                   + binary cross-entropy of kappa (S - tau) over all objects

        The other text is about the same picture, if the batch has one.

        Args: as `System.extra_losses`.
        """
        if "heat" not in output.extras:
            return {}
        objects, real, meant = batch.instances, batch.instances.real, batch.instances.meant
        extras = {name: value.float() for name, value in output.extras.items()}  # losses are float32 under any autocast
        found = DetectorOutput(*(extras[name] for name in DetectorOutput._fields))
        valid = batch.valid if batch.padded else None
        centers, edges, masks = detector_losses(found, objects.boxes, objects.categories, objects.masks, real, valid)
        scores, of_other_text = extras["scores"], extras["other_text"]
        told_apart = meant & ~meant[output.extras["other"]]
        pairs = (meant[:, :, None] & (real & ~meant)[:, None]).float()
        other_object = _mean((MARGIN + scores[:, None] - scores[..., None]).clamp(min=0).flatten(1), pairs.flatten(1))
        other_text = _mean((MARGIN + of_other_text - scores).clamp(min=0), told_apart.float())
        chosen = F.binary_cross_entropy_with_logits(extras["over_threshold"], meant.float(), reduction="none")
        matching = other_object + other_text + _mean(chosen, real.float())
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
                _mean(each.view_as(scores), colored.float()), self.config.mattnet.lambda_attributes
            )
        return terms


def _mean(values: Tensor, weights: Tensor) -> Tensor:
    """Weighted mean of each sample, 0 where nothing has weight, and the mean over the samples. (B, N) -> scalar."""
    return ((values * weights).sum(1) / weights.sum(1).clamp(min=1)).mean()


def _distances(boxes: Tensor, real: Tensor) -> Tensor:
    """Between the centers of K boxes, `_FAR` from a box to itself and to what is no object. -> (B, K, K)."""
    centers = (boxes[..., :2] + boxes[..., 2:]) / 2
    apart = (centers[:, :, None] - centers[:, None]).norm(dim=-1)  # cdist cannot be exported
    oneself = torch.eye(boxes.shape[1], dtype=torch.bool, device=boxes.device)
    return apart.masked_fill(oneself | ~real[:, None], _FAR)


def _nearest(apart: Tensor) -> tuple[Tensor, Tensor]:
    """The nearest five of each: which (B, K, 5) long, and whether they exist (B, K, 5) bool."""
    missing = max(0, NEIGHBORS - apart.shape[2])
    distance, which = F.pad(apart, (0, missing), value=_FAR).topk(NEIGHBORS, dim=2, largest=False)
    known = distance < _FAR
    return torch.where(known, which, 0), known


def _offsets(boxes: Tensor, which: Tensor) -> Tensor:
    """delta: corners of each neighbor from one's own center in units of one's own sides, and the ratio of areas.

    Shapes: boxes (B, K, 4), which (B, K, N) long -> (B, K, N, 5).
    """
    B, K, N = which.shape
    theirs = boxes.gather(1, which.flatten(1)[..., None].expand(-1, -1, 4)).view(B, K, N, 4)
    sides = (boxes[..., 2:] - boxes[..., :2]).clamp(min=1)[:, :, None]  # (B, K, 1, 2)
    center = ((boxes[..., :2] + boxes[..., 2:]) / 2)[:, :, None]
    corners = (theirs - torch.cat([center, center], dim=-1)) / torch.cat([sides, sides], dim=-1)
    area = (theirs[..., 2:] - theirs[..., :2]).prod(-1, keepdim=True) / sides.prod(-1, keepdim=True)
    return torch.cat([corners, area], dim=-1)
