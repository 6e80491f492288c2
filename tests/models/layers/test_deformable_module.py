"""The module of deformable attention: Mask2Former's in transformers, padding, export and autocast."""

import pytest
import torch

from grisq.models.layers.deformable_attention import MultiScaleDeformableAttention

SIZES = [(7, 5), (4, 3), (1, 1)]


def transformers_twin(channels, heads, points, levels=3):
    """transformers' module of Mask2Former's pixel decoder, and ours with the same weights."""
    from transformers.models.mask2former.modeling_mask2former import (
        Mask2FormerPixelDecoderEncoderMultiscaleDeformableAttention as Theirs,
    )

    theirs = Theirs(embed_dim=channels, num_heads=heads, n_levels=levels, n_points=points)
    ours = MultiScaleDeformableAttention(channels=channels, heads=heads, levels=levels, points=points)
    for parameter in theirs.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    ours.load_state_dict(theirs.state_dict())
    return theirs, ours


@pytest.mark.parametrize("padded", [False, True])
def test_module_equals_transformers_in_values_and_gradients(padded):
    theirs, ours = transformers_twin(16, 4, 3)
    S = sum(height * width for height, width in SIZES)
    valid = torch.arange(S)[None] % 5 != 0 if padded else None
    valid = None if valid is None else valid.expand(2, -1)
    reference = torch.rand(2, S, 3, 2)
    results = []
    for module in (theirs, ours):
        memory = torch.linspace(-1, 1, 2 * S * 16).view(2, S, 16).sin().requires_grad_()
        if module is theirs:
            mask = None if valid is None else ~valid  # theirs marks the padding
            out = module(
                memory,
                attention_mask=mask,
                encoder_hidden_states=memory,
                reference_points=reference,
                spatial_shapes_list=SIZES,
            )[0]
        else:
            out = module(memory, reference, memory, SIZES, valid)
        out.square().sum().backward()
        results.append([out.detach(), memory.grad, *(p.grad for _, p in sorted(module.named_parameters()))])
    for theirs_value, ours_value in zip(*results):
        torch.testing.assert_close(ours_value, theirs_value, atol=2e-3, rtol=1e-3)


def test_new_module_looks_in_every_direction_with_equal_weights():
    module = MultiScaleDeformableAttention(channels=16, heads=8, levels=2, points=3)
    reference = torch.full((1, 1, 2, 2), 0.5)
    spots = module.locations(torch.randn(1, 1, 16), reference, [(10, 20), (5, 10)])
    offsets = (spots - 0.5) * torch.tensor([[20.0, 10.0], [10.0, 5.0]])[:, None]
    assert {tuple(spot) for spot in offsets[0, 0, :, 0, 0].round(decimals=3).tolist()} == {
        (1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1),
    }  # fmt: skip
    torch.testing.assert_close(offsets[0, 0, 0, 1, :, 0], torch.tensor([1.0, 2.0, 3.0]))


def test_padding_is_not_seen():
    module = MultiScaleDeformableAttention(channels=8, heads=2, levels=1, points=2)
    memory, valid = torch.randn(1, 12, 8), torch.arange(12)[None] < 8
    garbage = torch.where(valid[..., None], memory, 1e4)
    query, reference = torch.randn(1, 5, 8), torch.rand(1, 5, 1, 2)
    torch.testing.assert_close(
        module(query, reference, garbage, [(3, 4)], valid), module(query, reference, memory, [(3, 4)], valid)
    )


def test_meta_tensors_and_export_need_no_numbers():
    module = MultiScaleDeformableAttention(channels=8, heads=2, levels=1, points=2)
    query, reference = torch.randn(1, 12, 8), torch.rand(1, 12, 1, 2)

    class Wrapped(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.module = module

        def forward(self, query, reference):
            return self.module(query, reference, query, [(3, 4)])

    exported = torch.export.export(Wrapped(), (query, reference)).module()
    torch.testing.assert_close(exported(query, reference), module(query, reference, query, [(3, 4)]))
    meta = module.to("meta")
    assert meta(query.to("meta"), reference.to("meta"), query.to("meta"), [(3, 4)]).shape == (1, 12, 8)


def test_sampling_stays_float32_under_autocast():
    module = MultiScaleDeformableAttention(channels=8, heads=2, levels=1, points=2)
    query, reference = torch.randn(1, 12, 8), torch.rand(1, 12, 1, 2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert module.locations(query, reference, [(3, 4)]).dtype == torch.float32
        assert module(query, reference, query, [(3, 4)]).dtype == torch.bfloat16


def test_a_module_compiles_without_a_break():
    module = MultiScaleDeformableAttention(channels=8, heads=2, levels=1, points=2)
    query, reference = torch.randn(1, 12, 8), torch.rand(1, 12, 1, 2)
    compiled = torch.compile(module, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(query, reference, query, [(3, 4)]), module(query, reference, query, [(3, 4)]))
