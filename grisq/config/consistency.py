"""Sizes of a model that have to divide each other."""

from collections.abc import Iterator

from grisq.config.schema import ModelConfig
from grisq.runtime.errors import InputError


def check_sizes(config: ModelConfig) -> None:
    """Raise InputError that names two settings of a model where one does not divide the other."""
    for name, value, divisor_name, divisor in _divisions(config):
        if value % divisor:
            raise InputError(
                f"{name} is {value}, which is not divisible by {divisor_name}{divisor}: change one of them."
            )


def _divisions(config: ModelConfig) -> Iterator[tuple[str, int, str, int]]:
    """(name, value, divisor's name, divisor) of everything that is cut into equal parts."""
    channels = config.channels
    yield "model.channels", channels, "model.heads = ", config.heads
    yield "model.channels", channels, "", 8 if channels <= 256 else 32  # up to 32 groups in group normalization
    yield "model.text.hidden", config.text.hidden, "model.text.heads = ", config.text.heads
    if config.system in ("lisa", "gsva"):  # Llama turns pairs of channels by a position's angle
        yield "model.text.hidden", config.text.hidden, "2 x model.text.heads = ", 2 * config.text.heads
    for stage, heads in enumerate(config.swin.num_heads):
        width = config.swin.embed_dim * 2**stage
        yield f"The width of Swin's stage {stage + 1} (model.swin.embed_dim x {2**stage})", width, "its heads, ", heads
    cris, lts, vlt = config.cris, config.lts, config.vlt
    yield "model.cris.neck[1]", cris.neck[1], "model.cris.heads = ", cris.heads
    yield "model.cris.trunk.widths[3]", cris.trunk.widths[3], "model.cris.pool_heads = ", cris.pool_heads
    yield "model.lts.neck[1]", lts.neck[1], "model.lts.heads = ", lts.heads
    yield "model.vlt.width", vlt.width, "model.vlt.heads = ", vlt.heads
