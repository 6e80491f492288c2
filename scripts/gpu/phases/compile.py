"""Regions of the step of `paper` under torch.compile: windows' attention, MLPs, PWAM, feed-forward layers."""

import time

import torch
import torch.nn.functional as F
from plan import Findings, Plan
from timing import measure_step
from torch import Tensor

from grisq.models import pixel_decoder
from grisq.models.layers import pixel_word_attention, swin
from phases.step import models


def run(plan: Plan, limit: float, findings: Findings) -> None:
    """Measure `paper` with compiled regions."""
    torch._dynamo.config.recompile_limit = 64
    options = {"dynamic": False} | ({"backend": "eager"} if plan.dry else {})
    _compile_windows(options)
    attention = pixel_word_attention.PixelWordAttention
    attention.forward = torch.compile(attention.forward, **options)
    _compile_feed_forward(options)
    begin = time.time()
    config, size = models(plan)["paper"]
    measure_step(plan, findings, f"paper {size}, compiled regions", config, size)
    findings.note(f"compiling and measuring took {time.time() - begin:.0f} s")


def _compile_windows(options: dict) -> None:
    for name in ("_attend", "_feed_forward"):
        setattr(swin, name, torch.compile(getattr(swin, name), **options))


def _feed_forward(block: pixel_decoder.MSDSBlock, f: Tensor) -> Tensor:
    """The second half of an MSDS block."""
    return block.feedforward_norm(f + block.contract(F.relu(block.expand(f))))


def _compile_feed_forward(options: dict) -> None:
    after = torch.compile(_feed_forward, **options)

    def forward(self, f, positions, reference, sizes, valid):
        return after(self, self.attention_norm(f + self.attention(f + positions, reference, f, sizes, valid)))

    pixel_decoder.MSDSBlock.forward = forward
