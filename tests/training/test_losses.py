import math
from dataclasses import replace

import pytest
import torch

from grisq.config import ReLAConfig, TrainConfig
from grisq.data.sample import Batch
from grisq.models.base import LossTerm, Output
from grisq.models.rela import ReLA
from grisq.training.losses import total_loss


def make_batch(masks, presence, plurality, weight):
    B, S = len(masks), masks.shape[-1]
    return Batch(
        images=torch.zeros(B, 3, S, S, dtype=torch.uint8),
        valid=torch.ones(B, S, S, dtype=torch.bool),
        masks=masks,
        tokens=torch.zeros(B, 1, dtype=torch.long),
        token_mask=torch.ones(B, 1, dtype=torch.bool),
        presence=torch.tensor(presence),
        plurality=torch.tensor(plurality),
        plurality_weight=torch.tensor(weight),
        samples=[],
    )


def naive_cross_entropy(logits, label):
    return math.log(sum(math.exp(float(value)) for value in logits)) - float(logits[label])


def test_equation_5_term_by_term():
    masks = torch.rand(3, 4, 4) > 0.5
    batch = make_batch(masks, [1, 0, 1], [0, -1, 1], [0.5, 0.0, 0.5])
    output = Output(torch.randn(3, 2, 4, 4), torch.randn(3, 2), torch.randn(3, 2))
    losses = total_loss(output, batch, TrainConfig())
    pixel = sum(
        naive_cross_entropy(output.mask_logits[b, :, i, j], int(masks[b, i, j]))
        for b in range(3)
        for i in range(4)
        for j in range(4)
    )
    presence = sum(naive_cross_entropy(output.presence_logits[b], label) for b, label in enumerate([1, 0, 1])) / 3
    plurality = (
        naive_cross_entropy(output.plurality_logits[0], 0) + naive_cross_entropy(output.plurality_logits[2], 1)
    ) / 2
    assert float(losses.pixel) == pytest.approx(pixel / 48, rel=1e-5)
    assert float(losses.presence) == pytest.approx(presence, rel=1e-5)
    assert float(losses.plurality) == pytest.approx(plurality, rel=1e-5)
    assert float(losses.total) == pytest.approx(pixel / 48 + 0.1 * presence + 0.01 * plurality, rel=1e-5)


def test_pixel_weights_are_those_of_background_and_target():
    masks = torch.rand(2, 3, 3) > 0.5
    batch, logits = make_batch(masks, [1, 1], [0, 0], [0.5, 0.5]), torch.randn(2, 2, 3, 3)
    losses = total_loss(Output(logits), batch, TrainConfig(pixel_weights=(0.9, 1.1)))
    terms = [
        (0.9, 1.1)[int(masks[b, i, j])] * naive_cross_entropy(logits[b, :, i, j], int(masks[b, i, j]))
        for b in range(2)
        for i in range(3)
        for j in range(3)
    ]
    assert float(losses.pixel) == pytest.approx(sum(terms) / 18, rel=1e-5)


def test_plurality_ignores_no_target_samples():
    batch = make_batch(torch.zeros(2, 2, 2, dtype=torch.bool), [0, 1], [-1, 1], [0.0, 1.0])
    plurality = torch.randn(2, 2, requires_grad=True)
    output = Output(torch.randn(2, 2, 2, 2), torch.randn(2, 2), plurality)
    total_loss(output, batch, TrainConfig(lambda_plurality=1.0)).plurality.backward()
    assert not plurality.grad[0].any()
    assert plurality.grad[1].any()


def test_a_batch_without_any_target_has_no_plurality_loss():
    batch = make_batch(torch.zeros(2, 2, 2, dtype=torch.bool), [0, 0], [-1, -1], [0.0, 0.0])
    output = Output(torch.randn(2, 2, 2, 2), torch.randn(2, 2), torch.randn(2, 2))
    losses = total_loss(output, batch, TrainConfig())
    assert float(losses.plurality) == 0
    assert torch.isfinite(losses.total)


def test_heads_that_are_not_there_cost_nothing():
    batch = make_batch(torch.zeros(1, 2, 2, dtype=torch.bool), [0], [-1], [0.0])
    losses = total_loss(Output(torch.randn(1, 2, 2, 2)), batch, TrainConfig())
    assert float(losses.total) == float(losses.pixel)


def test_large_bfloat16_logits_stay_finite_and_exact():
    batch = make_batch(torch.ones(1, 2, 2, dtype=torch.bool), [1], [0], [1.0])
    logits = torch.tensor([[300.0, -300.0]], dtype=torch.bfloat16)
    output = Output(logits[..., None, None].expand(1, 2, 2, 2), logits, logits.flip(1))
    losses = total_loss(output, batch, TrainConfig(lambda_presence=1.0, lambda_plurality=1.0))
    assert losses.total.dtype == torch.float32
    assert float(losses.total) == pytest.approx(1800)


def test_a_systems_own_terms_are_added_with_their_weights_and_recorded_without():
    batch = make_batch(torch.zeros(1, 2, 2, dtype=torch.bool), [0], [-1], [0.0])
    output, config = Output(torch.randn(1, 2, 2, 2)), TrainConfig(loss_scale=2.0)
    own = {"dice": LossTerm(torch.tensor(0.5), 4.0), "words": LossTerm(torch.tensor(3.0), 0.1)}
    losses = total_loss(output, batch, config, own)
    assert float(losses.total) == pytest.approx(2 * (float(losses.pixel) + 0.5 * 4 + 3 * 0.1))
    assert losses.named() == {
        "total": losses.total,
        "pixel": losses.pixel,
        "presence": losses.presence,
        "plurality": losses.plurality,
        "dice": own["dice"].value,
        "words": own["words"].value,
    }


@pytest.mark.parametrize("weight", [0.1, 0.5])
def test_relas_loss_term_by_term(model_config, weight):
    """5 (CE[0.9, 1.1](mask) + 0.1 CE[0.9, 1.1](minimap) + 0.1 CE[0.9 present, 1.1 absent])."""
    masks = torch.zeros(2, 4, 4, dtype=torch.bool)
    masks[0, :2, :2] = True
    batch = make_batch(masks, [1, 0], [0, -1], [1.0, 0.0])
    output = Output(torch.randn(2, 2, 4, 4), torch.randn(2, 2), extras={"minimap": torch.randn(2, 2, 2, 2)})
    config = TrainConfig(pixel_weights=(0.9, 1.1), presence_weights=(1.1, 0.9), loss_scale=5.0)
    rela = ReLA(replace(model_config, system="rela", rela=ReLAConfig(layers=1, lambda_minimap=weight)))
    losses = total_loss(output, batch, config, rela.extra_losses(output, batch, config))

    def weighted(logits, labels):
        each = [(0.9, 1.1)[label] * naive_cross_entropy(value, label) for value, label in zip(logits, labels)]
        return sum(each) / len(each)

    pixel = weighted(output.mask_logits.permute(0, 2, 3, 1).reshape(-1, 2), masks.flatten().int().tolist())
    minimap = weighted(output.extras["minimap"].permute(0, 2, 3, 1).reshape(-1, 2), [1, 0, 0, 0, 0, 0, 0, 0])
    absent, present = output.presence_logits[1], output.presence_logits[0]
    presence = (0.9 * naive_cross_entropy(present, 1) + 1.1 * naive_cross_entropy(absent, 0)) / 2
    assert float(losses.extras["minimap"]) == pytest.approx(minimap, rel=1e-5)
    assert float(losses.total) == pytest.approx(5 * (pixel + weight * minimap + 0.1 * presence), rel=1e-5)
