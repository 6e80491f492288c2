"""Sizes of a model that have to divide each other."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from grisq.config.schema import ConvNetConfig, ModelConfig
from grisq.runtime.errors import InputError

_Divisions = Iterator[tuple[str, int, str, int]]


def check_sizes(config: ModelConfig) -> None:
    """Raise InputError that names two settings of a model where one does not divide the other."""
    for name, value, divisor_name, divisor in _divisions(config):
        if value % divisor:
            raise InputError(
                f"{name} is {value}, which is not divisible by {divisor_name}{divisor}: change one of them."
            )


def _divisions(config: ModelConfig) -> _Divisions:
    """(name, value, divisor's name, divisor) of everything that is cut into equal parts."""
    channels = config.channels
    yield "model.channels", channels, "model.heads = ", config.heads
    yield "model.channels", channels, "", 8 if channels <= 256 else 32  # up to 32 groups in group normalization
    yield "model.text.hidden", config.text.hidden, "model.text.heads = ", config.text.heads
    for stage, heads in enumerate(config.swin.num_heads):
        width = config.swin.embed_dim * 2**stage
        yield f"The width of Swin's stage {stage + 1} (model.swin.embed_dim x {2**stage})", width, "its heads, ", heads
    yield from _OF_SYSTEM.get(config.system, lambda _: iter(()))(config)


def _mattnet(config: ModelConfig) -> _Divisions:
    yield from _trunk("model.mattnet.trunk", config.mattnet.trunk)


def _lts(config: ModelConfig) -> _Divisions:
    sizes = config.lts
    yield from _trunk("model.lts.trunk", sizes.trunk)
    yield "model.lts.neck[1]", sizes.neck[1], "model.lts.heads = ", sizes.heads
    yield "model.lts.neck[1]", sizes.neck[1], "", 4  # sines and cosines of x and y


def _vlt(config: ModelConfig) -> _Divisions:
    sizes = config.vlt
    yield from _trunk("model.vlt.trunk", sizes.trunk)
    yield "model.vlt.width", sizes.width, "model.vlt.heads = ", sizes.heads
    yield "model.vlt.width", sizes.width, "", 2  # sines and cosines


def _cris(config: ModelConfig) -> _Divisions:
    sizes = config.cris
    yield from _trunk("model.cris.trunk", sizes.trunk)
    yield "model.cris.neck[1]", sizes.neck[1], "model.cris.heads = ", sizes.heads
    yield "model.cris.neck[1]", sizes.neck[1], "", 4  # sines and cosines of x and y
    yield "model.cris.trunk.widths[3]", sizes.trunk.widths[3], "model.cris.pool_heads = ", sizes.pool_heads
    yield "model.text.hidden", config.text.hidden, "", 2  # sines and cosines


def _lisa(config: ModelConfig) -> _Divisions:
    tower, sam = config.lisa.vision_tower, config.lisa.sam
    yield "model.text.hidden", config.text.hidden, "2 x model.text.heads = ", 2 * config.text.heads  # rotated in pairs
    yield "model.lisa.vision_tower.hidden", tower.hidden, "model.lisa.vision_tower.heads = ", tower.heads
    yield "model.lisa.vision_tower.side", tower.side, "model.lisa.vision_tower.patch = ", tower.patch
    yield "model.lisa.sam.hidden", sam.hidden, "model.lisa.sam.heads = ", sam.heads
    yield "model.lisa.sam.channels", sam.channels, "twice model.lisa.sam.decoder_heads = ", 2 * sam.decoder_heads
    yield "model.image_size", config.image_size, "model.lisa.sam.patch = ", sam.patch


def _trunk(name: str, trunk: ConvNetConfig) -> _Divisions:
    if trunk.family != "darknet":  # bottlenecks are a quarter as wide
        for stage, width in enumerate(trunk.widths):
            yield f"{name}.widths[{stage}]", width, "", 4


_OF_SYSTEM: Mapping[str, Callable[[ModelConfig], _Divisions]] = MappingProxyType(
    {"mattnet": _mattnet, "lts": _lts, "vlt": _vlt, "cris": _cris, "lisa": _lisa, "gsva": _lisa}
)
