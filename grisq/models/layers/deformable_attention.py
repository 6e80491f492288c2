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
    positions = sum(height * width for height, width in sizes)
    if value.shape[1] != positions or locations.shape[3] != len(sizes):
        raise InputError(
            f"The levels {list(sizes)} have {positions} positions, but value has {value.shape[1]} and locations have "
            f"{locations.shape[3]} levels: give the sizes of the levels that value is made of."
        )
    if not torch.compiler.is_exporting() and (kernel := _cuda_kernel_for(value, locations, weights)):
        return kernel(value, sizes, locations, weights)
    value = value.to(locations.dtype)
    on_cpu = value.device.type == "cpu" and value.dtype == locations.dtype == weights.dtype == torch.float32
    if on_cpu and not torch.compiler.is_exporting():
        flat = [side for size in sizes for side in size]
        return _kernel()(value.contiguous(), flat, locations.contiguous(), weights.contiguous())
    return deformable_attention_reference(value, sizes, locations, weights)


def _cuda_kernel_for(value: Tensor, locations: Tensor, weights: Tensor) -> Callable[..., Tensor] | None:
    """The Triton kernel where these tensors are on CUDA and of types and a head size that it takes, else None."""
    types = (torch.float32, torch.bfloat16, torch.float16)
    fits = value.dtype in types and locations.dtype == weights.dtype == torch.float32 and value.shape[3] <= _WIDEST_HEAD
    return _triton_kernel() if fits and value.device.type == "cuda" else None


@cache
def _triton_kernel() -> Callable[..., Tensor] | None:
    """The kernel, imported when it is first asked for; None where triton is not installed."""
    try:
        from grisq.models.layers.deformable_triton import deformable_attention_triton
    except ImportError:
        return None
    return deformable_attention_triton


def _kernel() -> Callable[..., Tensor]:
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
        locations, weights = self.locations(query, reference, sizes), self.weights(query)
        out = deformable_attention(value, sizes, locations, weights).reshape(B, Q, C)
        return self.output_proj(out.to(value.dtype))

    def locations(self, query: Tensor, reference: Tensor, sizes: Sizes) -> Tensor:
        """The sampling locations of each head. -> (B, Q, heads, L, points, 2), (x, y) in [0, 1], float32.

        Args:
            query: (B, Q, C).
            reference: (B, Q, L, 2) as (x, y), in [0, 1] on each level's canvas.
            sizes: (H_l, W_l) of each level.
        """
        B, Q, _ = query.shape
        offsets = self.sampling_offsets(query).view(B, Q, self.heads, self.levels, self.points, 2).float()
        pixels = constant(tuple((width, height) for height, width in sizes), device=query.device)  # (L, 2)
        return reference.float()[:, :, None, :, None, :] + offsets / pixels[:, None, :]

    def weights(self, query: Tensor) -> Tensor:
        """The attention weight of each location. -> (B, Q, heads, L, points), float32, summing to 1 for each head."""
        B, Q, _ = query.shape
        scores = self.attention_weights(query).view(B, Q, self.heads, self.levels * self.points).float()
        return scores.softmax(-1).view(B, Q, self.heads, self.levels, self.points)
