"""Memory and traffic of one training step on a GPU, counted on fake tensors: no GPU is needed, nothing is computed.

    python benchmarks/gpu_memory.py [--preset paper --batch 24 48 --precision bf16]

Fake tensors have shapes, types and storages but no values. The step runs on them under the rules of CUDA's autocast,
once with deformable attention by the Triton kernel and once by `grid_sample`, what GPUs run where triton is missing.
"Kept" is what autograd saves between forward and backward; what a GPU needs for a while comes on top: an H200
measured a sixth more at `paper`, and 30 % more by `grid_sample`.
"Moved" is what every launched operation reads and writes, as if nothing stayed in a cache.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Literal
from unittest import mock

import torch
import torch.nn.functional as F
from interleaved import options, table
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from grisq.config import ModelConfig, TrainConfig, preset
from grisq.data.sample import Batch
from grisq.models.base import System, count_parameters
from grisq.models.layers import deformable_attention as deformable
from grisq.models.registry import build_on_meta
from grisq.training.losses import total_loss

Way = Literal["triton", "numba", "grid_sample"]
GB = 1e9
BYTES_A_PARAMETER = 16  # float32 weight, gradient and the two moments of AdamW
VIEWS = {  # operations that launch nothing
    *("view", "_unsafe_view", "view_as", "reshape", "_reshape_alias", "as_strided", "alias", "detach", "lift_fresh"),
    *("t", "transpose", "permute", "expand", "unsqueeze", "squeeze", "unfold", "diagonal", "is_same_size"),
    *("slice", "select", "split", "split_with_sizes", "unbind", "chunk", "narrow"),
    *("empty", "empty_like", "new_empty", "empty_strided"),
}


class CudaAutocast(TorchFunctionMode):
    """Cast to float32 what CUDA's autocast computes in float32 and the CPU's autocast leaves in bfloat16."""

    FLOAT32 = frozenset(
        (
            *(F.layer_norm, torch.layer_norm, F.softmax, torch.softmax, Tensor.softmax, F.log_softmax),
            *(torch.sum, Tensor.sum, torch.pow, Tensor.pow, torch.rsqrt, Tensor.exp),
        )
    )

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func in self.FLOAT32 and args and isinstance(args[0], Tensor) and args[0].is_floating_point():
            args = (args[0].float(), *args[1:])
        return func(*args, **(kwargs or {}))


class Traffic(TorchDispatchMode):
    """Count launched operations and the bytes that they read and write, by the operation's name."""

    def __init__(self):
        super().__init__()
        self.launches: Counter[str] = Counter()
        self.moved: Counter[str] = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        name = func._schema.name.split("::")[1]
        if name not in VIEWS and not func._schema.name.startswith("prim"):
            touched = [leaf for leaf in tree_leaves((args, out)) if isinstance(leaf, Tensor)]
            self.launches[name] += 1
            self.moved[name] += sum(_bytes_touched(tensor) for tensor in touched)
        return out


def _bytes_touched(tensor: Tensor) -> int:
    """Bytes of the elements that differ in memory: an expanded dimension counts once."""
    count = tensor.element_size()
    for length, stride in zip(tensor.shape, tensor.stride()):
        count *= length if stride else 1
    return count


class KeptForBackward:
    """Add up the storages that autograd saves while this is open; those of the model's parameters do not count."""

    def __init__(self, model: nn.Module):
        self._owned = {parameter.untyped_storage()._cdata for parameter in model.parameters()}
        self._sizes: dict[int, int] = {}
        self._alive: list[Tensor] = []  # a storage that was freed could be met again as another one
        self._hooks = torch.autograd.graph.saved_tensors_hooks(self._note, lambda tensor: tensor)

    def __enter__(self) -> "KeptForBackward":
        self._hooks.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._hooks.__exit__(*error)

    @property
    def total(self) -> int:
        return sum(self._sizes.values())

    def _note(self, tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in self._owned:
            self._sizes[storage._cdata] = storage.nbytes()
            self._alive.append(tensor)
        return tensor


_FAKE_ONLY = "This operator is counted on fake tensors and computes nothing: numbers are what grisq's kernels are for."


@torch.library.custom_op("grisq_benchmarks::deformable", mutates_args=())
def _deformable(value: Tensor, locations: Tensor, weights: Tensor) -> Tensor:
    """Stands for the Triton kernel, so that what it reads and writes is counted; nothing is computed."""
    raise NotImplementedError(_FAKE_ONLY)


@_deformable.register_fake
def _(value: Tensor, locations: Tensor, weights: Tensor) -> Tensor:
    return value.new_empty(*locations.shape[:2], *value.shape[2:])


@torch.library.custom_op("grisq_benchmarks::deformable_backward", mutates_args=())
def _deformable_backward(grad: Tensor, value: Tensor, locations: Tensor, weights: Tensor) -> list[Tensor]:
    raise NotImplementedError(_FAKE_ONLY)


@_deformable_backward.register_fake
def _(grad: Tensor, value: Tensor, locations: Tensor, weights: Tensor) -> list[Tensor]:
    return [torch.empty_like(value, dtype=torch.float32), torch.empty_like(locations), torch.empty_like(weights)]


class _ByKernel(torch.autograd.Function):
    """What a kernel keeps and launches: it saves its inputs, and sums the gradient of `value` in float32."""

    @staticmethod
    def forward(ctx, value: Tensor, locations: Tensor, weights: Tensor) -> Tensor:
        ctx.save_for_backward(value, locations, weights)
        return _deformable(value, locations, weights)

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, ...]:
        value, locations, weights = ctx.saved_tensors
        torch.zeros_like(value, dtype=torch.float32)  # what the kernel adds to
        sums, *others = _deformable_backward(grad.contiguous(), value, locations, weights)
        return sums.to(value.dtype), *others


@contextmanager
def deformable_by(way: Way) -> Iterator[None]:
    """Let MSDS blocks run that form of deformable attention; numba is the one that tensors of a CPU get anyway."""

    def counted(value: Tensor, sizes: deformable.Sizes, locations: Tensor, weights: Tensor) -> Tensor:
        return _ByKernel.apply(value, locations, weights)

    with ExitStack() as patches:
        if way != "numba":  # as on a GPU
            kernel = counted if way == "triton" else None
            patches.enter_context(mock.patch.object(deformable, "fits_kernel", return_value=False))
            patches.enter_context(mock.patch.object(deformable, "_cuda_kernel_for", return_value=kernel))
        yield


@dataclass(frozen=True)
class StepCount:
    """What one training step of a batch needs."""

    parameters: int
    kept: int  # bytes saved by autograd between forward and backward
    moved: int  # bytes read and written by forward and backward, without the optimizer
    launches: int  # operations of forward and backward that start a kernel
    flops: int  # of matrix products, convolutions and fused attention, forward and backward

    @property
    def total(self) -> int:
        """Bytes that the step holds at its peak, less scratch space."""
        return BYTES_A_PARAMETER * self.parameters + self.kept


def count_step(
    config: ModelConfig,
    batch: int,
    *,
    precision: Literal["fp32", "bf16"] = "bf16",
    device: Literal["cuda", "cpu"] = "cuda",
    way: Way = "triton",
    tokens: int = 20,
) -> StepCount:
    """Run forward, loss and backward of a letterboxed batch on fake tensors and count.

    Args:
        config: The model, at its own image size.
        batch: Number of samples.
        precision: What autocast computes in.
        device: Whose autocast rules apply; the tensors are fake either way.
        way: The form of deformable attention.
        tokens: Words of each expression.
    """
    model = build_on_meta(config).train()
    train, traffic, flops = TrainConfig(), Traffic(), FlopCounterMode(display=False)
    rules = CudaAutocast() if device == "cuda" and precision == "bf16" else nullcontext()
    with ExitStack() as stack:
        stack.enter_context(deformable_by(way))
        stack.enter_context(FakeTensorMode(allow_non_fake_inputs=True))
        _allocate(model)
        given = _fake_batch(batch, config.image_size, tokens)
        image = torch.empty(batch, 3, config.image_size, config.image_size)
        kept = KeptForBackward(model)
        with flops, traffic:
            with kept, torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"), rules:
                output = model(image, given.valid, given.tokens, given.token_mask)
                extras = model.extra_losses(output, given, train)
                loss = total_loss(output, given, train, extras).total
            loss.backward()
    return StepCount(
        count_parameters(model),
        kept.total,
        sum(traffic.moved.values()),
        sum(traffic.launches.values()),
        flops.get_total_flops(),
    )


def _allocate(model: System) -> None:
    """Give a model on the meta device fake tensors of the CPU."""
    for module in model.modules():
        for tensors, wrap in ((module._parameters, nn.Parameter), (module._buffers, lambda tensor: tensor)):
            for name, tensor in tensors.items():
                if tensor is not None:
                    tensors[name] = wrap(torch.empty(tensor.shape, dtype=tensor.dtype))


def _fake_batch(size: int, side: int, tokens: int) -> Batch:
    canvas = (size, side, side)
    return Batch(
        images=torch.empty(size, 3, side, side, dtype=torch.uint8),
        valid=torch.empty(canvas, dtype=torch.bool),
        masks=torch.empty(canvas, dtype=torch.bool),
        tokens=torch.empty(size, tokens, dtype=torch.long),
        token_mask=torch.empty(size, tokens, dtype=torch.bool),
        presence=torch.empty(size, dtype=torch.long),
        plurality=torch.empty(size, dtype=torch.long),
        plurality_weight=torch.empty(size),
        samples=[],
    )


def main() -> None:
    parser = options(__doc__, "the preset tiny, two samples")
    parser.add_argument("--preset", default="paper")
    parser.add_argument("--batch", type=int, nargs="+", default=[24, 48])
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="bf16")
    arguments = parser.parse_args()
    config = preset("tiny" if arguments.quick else arguments.preset).model
    lines = []
    for batch in [2] if arguments.quick else arguments.batch:
        for way in ("triton", "grid_sample"):
            found = count_step(config, batch, precision=arguments.precision, way=way)
            sizes = (found.kept / GB / batch, found.total / GB, found.moved / GB, found.flops / 1e12)
            lines.append([batch, way, *(f"{size:.2f}" for size in sizes), found.launches])
    header = ["batch", "deformable attention", "kept a sample, GB", "memory, GB", "moved, GB", "TFLOP", "launches"]
    print(table(header, lines))


if __name__ == "__main__":
    main()
