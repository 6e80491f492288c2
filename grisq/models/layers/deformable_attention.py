"""Multi-scale deformable attention (Zhu et al. 2020), the heart of a MSDS block (Sec. 3.1)."""

import math
from collections.abc import Callable
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grisq.runtime.constants import constant
from grisq.runtime.errors import InputError

Sizes = list[tuple[int, int]]
_WIDEST_HEAD = 128  # channels that a program of the Triton kernel holds in registers


def deformable_attention_reference(value: Tensor, sizes: Sizes, locations: Tensor, weights: Tensor) -> Tensor:
    """The definition, level by level with `grid_sample`; any device, any differentiable dtype.

    out[q, h] = sum_l sum_p weights[q, h, l, p] * bilinear(value of level l, head h, at locations[q, h, l, p])
    and zero outside a level. A location that is not finite gives nan.

    Args:
        value: (B, S, H, D), the levels one after the other, S = sum of H_l * W_l.
        sizes: (H_l, W_l) of each level.
        locations: (B, Q, H, L, P, 2) as (x, y), in [0, 1] on a level's canvas.
        weights: (B, Q, H, L, P).

    Returns:
        (B, Q, H, D).
    """
    B, _, H, D = value.shape
    Q, P = weights.shape[1], weights.shape[4]
    out = value.new_zeros(B, Q, H, D)
    levels = value.split([height * width for height, width in sizes], dim=1)
    for level, (part, (height, width)) in enumerate(zip(levels, sizes)):
        maps = part.permute(0, 2, 3, 1).reshape(B * H, D, height, width)
        grid = (2 * locations[:, :, :, level] - 1).transpose(1, 2).reshape(B * H, Q, P, 2)
        sampled = F.grid_sample(maps, grid, mode="bilinear", padding_mode="zeros", align_corners=False)  # (BH, D, Q, P)
        weight = weights[:, :, :, level].transpose(1, 2).reshape(B * H, 1, Q, P)
        out = out + (sampled * weight).sum(-1).view(B, H, D, Q).permute(0, 3, 1, 2)
    return out


def deformable_attention(value: Tensor, sizes: Sizes, locations: Tensor, weights: Tensor) -> Tensor:
    """The same by the fastest way there is: kernels in numba on CPUs and in Triton on CUDA, else the reference.

    An exported model must run where the kernels are not, so export takes the reference too. Numba and triton are
    imported with the first use of their kernel: other devices do not need them.

    Args and Returns: as `deformable_attention_reference`, but `value` may be of a shorter type than locations and
    weights: the kernel for CUDA reads it as it is and returns its type, the other forms widen it first.
    Raises: InputError if the sizes do not fit the value or the locations.
    """
    _check_levels(value, sizes, locations.shape[3], "locations")
    if kernel := _cuda_kernel_for(value, locations, weights):
        return kernel(value, sizes, locations, weights)
    value = value.to(locations.dtype)
    if fits_kernel(value, locations, weights):
        offsets = locations * _pixels(sizes, locations)  # from the level's corner
        corner = locations.new_zeros(*locations.shape[:2], len(sizes), 2)
        return _by_kernel(value, sizes, corner, offsets, weights, softmax=False)
    return deformable_attention_reference(value, sizes, locations, weights)


def attend_by_scores(value: Tensor, sizes: Sizes, reference: Tensor, offsets: Tensor, scores: Tensor) -> Tensor:
    """Deformable attention of what a query's linear functions give: raw offsets and scores.

    location = reference + offset / (W_l, H_l),   weights = softmax over all levels and points of a head

    Where the numba kernel runs it computes both itself; elsewhere this is `deformable_attention` of the two.

    Args:
        value: (B, S, H, D), the levels one after the other; may be of a shorter type than the others.
        sizes: (H_l, W_l) of each level.
        reference: (B, Q, L, 2) as (x, y), in [0, 1] on each level's canvas.
        offsets: (B, Q, H, L, P, 2), in pixels of the level.
        scores: (B, Q, H, L, P).

    Returns:
        (B, Q, H, D).

    Raises:
        InputError: the sizes do not fit the value or the offsets.
    """
    _check_levels(value, sizes, offsets.shape[3], "offsets")
    if fits_kernel(reference, offsets, scores):
        return _by_kernel(value.float(), sizes, reference, offsets, scores, softmax=True)
    locations, weights = sampling_locations(reference, offsets, sizes), attention_weights(scores)
    return deformable_attention(value, sizes, locations, weights)


def sampling_locations(reference: Tensor, offsets: Tensor, sizes: Sizes) -> Tensor:
    """reference + offset / (W_l, H_l). Arguments as `attend_by_scores` -> (B, Q, H, L, P, 2)."""
    return reference[:, :, None, :, None, :] + offsets / _pixels(sizes, offsets)


def attention_weights(scores: Tensor) -> Tensor:
    """Softmax over all levels and points of a head. (B, Q, H, L, P) -> the same shape."""
    return scores.flatten(3).softmax(-1).view_as(scores)


def fits_kernel(*tensors: Tensor) -> bool:
    """Whether the numba kernel takes these tensors: float32 on a CPU, and not while a model is exported."""
    on_cpu = all(tensor.device.type == "cpu" and tensor.dtype == torch.float32 for tensor in tensors)
    return on_cpu and not torch.compiler.is_exporting()


def _cuda_kernel_for(value: Tensor, locations: Tensor, weights: Tensor) -> Callable[..., Tensor] | None:
    """The Triton kernel for tensors on CUDA of types and a head size that it takes, not while a model is exported."""
    types = (torch.float32, torch.bfloat16, torch.float16)
    fits = value.dtype in types and locations.dtype == weights.dtype == torch.float32 and value.shape[3] <= _WIDEST_HEAD
    return _triton_kernel() if fits and value.device.type == "cuda" and not torch.compiler.is_exporting() else None


@cache
def _triton_kernel() -> Callable[..., Tensor] | None:
    """The kernel, imported when it is first asked for; None where triton is not installed."""
    try:
        from grisq.models.layers.deformable_triton import deformable_attention_triton
    except ImportError:
        return None
    return deformable_attention_triton


def _pixels(sizes: Sizes, like: Tensor) -> Tensor:
    """(W_l, H_l) of each level, (L, 1, 2), to multiply with (..., L, P, 2)."""
    return constant(tuple((width, height) for height, width in sizes), like.dtype, device=like.device)[:, None, :]


def _check_levels(value: Tensor, sizes: Sizes, levels: int, of: str) -> None:
    positions = sum(height * width for height, width in sizes)
    if value.shape[1] != positions or levels != len(sizes):
        raise InputError(
            f"The levels {list(sizes)} have {positions} positions, but value has {value.shape[1]} and {of} have "
            f"{levels} levels: give the sizes of the levels that value is made of."
        )


def _by_kernel(
    value: Tensor, sizes: Sizes, reference: Tensor, offsets: Tensor, scores: Tensor, *, softmax: bool
) -> Tensor:
    flat = [side for size in sizes for side in size]
    given = (tensor.contiguous() for tensor in (reference, offsets, scores))
    return _kernel()(value.contiguous(), flat, *given, softmax)[0]


def _kernel() -> Callable[..., tuple[Tensor, Tensor]]:
    """The kernel, imported when it is first used."""
    try:
        from grisq.models.layers.deformable_kernel import deformable_attention_cpu
    except ImportError as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(f"numba cannot be imported ({reason}): install one that fits the installed numpy.") from None
    return deformable_attention_cpu


class MultiScaleDeformableAttention(nn.Module):
    """Each query attends to a few points of every level; their offsets and weights are linear functions of the query.

    location = reference + offset / (W_l, H_l),  weights = softmax over all levels and points of a head.
    Sampling runs in float32 under any autocast: bfloat16 has too few digits for a position.

    Shapes: query (B, Q, C), reference (B, Q, L, 2) as (x, y) in [0, 1] of each level's canvas, memory (B, S, C),
    sizes [(H_l, W_l)], valid (B, S) bool, False on padding, or None -> (B, Q, C).
    """

    def __init__(self, *, channels: int, heads: int, levels: int, points: int):
        super().__init__()
        self.heads, self.levels, self.points = heads, levels, points
        self.sampling_offsets = nn.Linear(channels, heads * levels * points * 2)
        self.attention_weights = nn.Linear(channels, heads * levels * points)
        self.value_proj = nn.Linear(channels, channels)
        self.output_proj = nn.Linear(channels, channels)
        self._reset()

    def _reset(self) -> None:
        """Initial offsets: head h samples in direction h, its point p at p + 1 pixels, with equal weights."""
        angle = torch.arange(self.heads, dtype=torch.float32) * (2 * math.pi / self.heads)
        direction = torch.stack([angle.cos(), angle.sin()], dim=-1)
        direction = direction / direction.abs().max(-1, keepdim=True).values  # onto the unit square
        distance = torch.arange(1, self.points + 1, dtype=torch.float32)
        offsets = direction[:, None, None, :] * distance[None, None, :, None]  # (heads, 1, points, 2)
        with torch.no_grad():
            self.sampling_offsets.bias.copy_(offsets.expand(-1, self.levels, -1, -1).reshape(-1))
        nn.init.zeros_(self.sampling_offsets.weight)
        nn.init.zeros_(self.attention_weights.weight)
        nn.init.zeros_(self.attention_weights.bias)
        for projection in (self.value_proj, self.output_proj):
            nn.init.xavier_uniform_(projection.weight)
            nn.init.zeros_(projection.bias)

    def forward(
        self, query: Tensor, reference: Tensor, memory: Tensor, sizes: Sizes, valid: Tensor | None = None
    ) -> Tensor:
        B, Q, C = query.shape
        value = self.value_proj(memory)  # (B, S, C)
        if valid is not None:
            value = value.masked_fill(~valid[..., None], 0.0)
        value = value.view(B, -1, self.heads, C // self.heads)  # (B, S, heads, C / heads)
        out = attend_by_scores(value, sizes, reference.float(), self._offsets(query), self._scores(query))
        return self.output_proj(out.reshape(B, Q, C).to(value.dtype))

    def locations(self, query: Tensor, reference: Tensor, sizes: Sizes) -> Tensor:
        """The sampling locations of each head. -> (B, Q, heads, L, points, 2), (x, y) in [0, 1], float32.

        Args:
            query: (B, Q, C).
            reference: (B, Q, L, 2) as (x, y), in [0, 1] on each level's canvas.
            sizes: (H_l, W_l) of each level.
        """
        return sampling_locations(reference.float(), self._offsets(query), sizes)

    def weights(self, query: Tensor) -> Tensor:
        """The attention weight of each location. -> (B, Q, heads, L, points), float32, summing to 1 for each head."""
        return attention_weights(self._scores(query))

    def _offsets(self, query: Tensor) -> Tensor:
        """Raw offsets in pixels of each level. -> (B, Q, heads, L, points, 2), float32."""
        return self.sampling_offsets(query).view(*query.shape[:2], self.heads, self.levels, self.points, 2).float()

    def _scores(self, query: Tensor) -> Tensor:
        """Raw scores of each location. -> (B, Q, heads, L, points), float32."""
        return self.attention_weights(query).view(*query.shape[:2], self.heads, self.levels, self.points).float()
