"""What stands where: the loss against a loop over positions, and what of the model it reaches."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from grisq.config import TrainConfig
from grisq.data.sample import Collate
from grisq.models.layers.object_labels import object_loss
from grisq.models.registry import build_model
from grisq.runtime.errors import InputError


@pytest.fixture(scope="module")
def batch(mini, reader):
    with_objects = replace(reader, with_instances=True)
    return Collate(reader.tokenizer.pad_id)([with_objects.read(int(row)) for row in mini.rows("train")[:4]])


@pytest.fixture
def model(model_config, mini):
    return build_model(replace(model_config, object_categories=len(mini.categories), object_colors=12)).train()


def slow_loss(categories, colors, objects, valid):
    total = 0.0
    for b in range(len(categories)):
        weighted = weights = colored = known = 0.0
        side = objects.masks.shape[-1] // 2
        for n in range(categories.shape[1]):
            if not valid[b, n]:
                continue
            y, x = 2 * (n // side) + 1, 2 * (n % side) + 1
            here = [k for k in range(objects.masks.shape[1]) if objects.real[b, k] and objects.masks[b, k, y, x]]
            label, weight = (1 + int(objects.categories[b, here[0]]), 1.0) if here else (0, 0.3)
            weighted += weight * F.cross_entropy(categories[b, n], torch.tensor(label)).item()
            weights += weight
            if here and (color := int(objects.colors[b, here[0]])) >= 0:
                colored += F.cross_entropy(colors[b, n], torch.tensor(color)).item()
                known += 1
        total += weighted / max(weights, 1) + colored / max(known, 1)
    return total / len(categories)


def test_the_loss_is_that_of_a_loop(batch):
    categories, colors = torch.randn(4, 64, 31), torch.randn(4, 64, 12)
    covered = batch.instances.masks[..., 1::2, 1::2].flatten(2).any(1)
    valid = covered | (torch.rand(4, 64) > 0.2)  # no object lies in the padding
    found = object_loss(categories, colors, batch.instances, valid)
    slow = slow_loss(categories, colors, batch.instances, valid)
    assert found.item() == pytest.approx(slow, rel=1e-5)


def test_it_reaches_the_decoder_and_not_the_query(model, batch):
    output = model(*model.inputs(batch))
    model.extra_losses(output, batch, TrainConfig())["objects"].value.backward()
    reached = {name.split(".")[0] for name, p in model.named_parameters() if p.grad is not None and p.grad.any()}
    assert {"object_labels", "pixel_decoder", "multimodal_encoder"} <= reached
    assert not reached & {"target_query", "presence_head", "mask_head"}


def test_it_is_part_of_training_alone(model, batch):
    assert not model.eval()(*model.inputs(batch)).extras


def test_samples_without_objects_are_refused(model, batch):
    output = model(*model.inputs(batch))
    with pytest.raises(InputError, match="with_instances"):
        model.extra_losses(output, replace(batch, instances=None), TrainConfig())
