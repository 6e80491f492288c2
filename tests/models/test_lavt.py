from dataclasses import replace

import torch
import torch.nn.functional as F

from grisq.config import LAVTConfig, preset
from grisq.models.base import count_parameters
from grisq.models.lavt import LAVT
from grisq.models.registry import build_on_meta


def lavt(model_config):
    return LAVT(replace(model_config, system="lavt", lavt=LAVTConfig(hidden=12))).eval()


def test_decoder_equals_its_description(model_config):
    """Upsample, concatenate, two convolutions with normalization and ReLU; three times; 1x1; upsample."""
    model = lavt(model_config)
    image, tokens = torch.randn(1, 3, 64, 64), torch.randint(5, 200, (1, 4))
    mask = torch.ones(1, 4, dtype=torch.bool)
    with torch.no_grad():
        output = model(image, None, tokens, mask)
        words = model.text_encoder(tokens, mask)
        f = [level.features.permute(0, 3, 1, 2) for level in model.multimodal_encoder(image, words, mask)]
        x = f[3]
        for step, finer in zip(model.steps, (f[2], f[1], f[0])):
            x = torch.cat([F.interpolate(x, scale_factor=2, mode="bilinear"), finer], dim=1)
            for convolution, norm in zip(step.convolutions, step.norms):
                x = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), convolution.weight)
                x = (x - norm.running_mean[:, None, None]) / (norm.running_var[:, None, None] + norm.eps).sqrt()
                x = (x * norm.weight[:, None, None] + norm.bias[:, None, None]).clamp(min=0)
        expected = F.interpolate(model.mask_logits(x), scale_factor=4, mode="bilinear")
    torch.testing.assert_close(output.mask_logits, expected, atol=1e-5, rtol=1e-4)
    assert output.presence_logits is output.plurality_logits is None
    assert not output.extras


def test_paper_size_has_the_parameters_that_the_description_gives():
    """Widths 128 to 1024, hidden 512: 9 C_in C_out weights a convolution, 2 C_out for its norm; 1x1 to two logits."""
    hidden, total = 512, 0
    for channels_in in (1024 + 512, 512 + 256, 512 + 128):
        total += 9 * channels_in * hidden + 9 * hidden * hidden + 4 * hidden
    model = build_on_meta(replace(preset("paper").model, system="lavt"))
    assert count_parameters(model.steps) == total
    assert count_parameters(model.mask_logits) == 2 * hidden + 2
