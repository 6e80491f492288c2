"""MAttNet: the published size of its matching, its three modules by hand, and how it refuses."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from grisq.config import TrainConfig, override, preset
from grisq.data.sample import Collate
from grisq.models.layers.object_geometry import nearest, offsets_to
from grisq.models.layers.object_matching import LanguageNetwork
from grisq.models.mattnet import MARGIN, MAttNet
from grisq.models.registry import build_on_meta
from grisq.runtime.errors import InputError


@pytest.fixture
def mattnet(model_config, small_systems):
    return MAttNet(replace(model_config, system="mattnet", **small_systems))


@pytest.fixture
def batch(mini, reader):
    """Six samples of which the first four are pairs about two pictures."""
    with_objects, rows = replace(reader, with_instances=True), mini.rows("train")
    by_picture = [rows[mini.image_ids[rows] == picture] for picture in np.unique(mini.image_ids[rows])]
    by_picture.sort(key=len, reverse=True)
    chosen = [*by_picture[0][:2], *by_picture[1][:2], by_picture[2][0], by_picture[3][0]]
    return Collate(reader.tokenizer.pad_id)([with_objects.read(int(row)) for row in chosen])


def test_the_matching_has_the_published_size():
    """13,955,164 parameters: counted from the released class, built with the 1,999 words of RefCOCO."""
    model = build_on_meta(override(preset("paper"), {"model.system": "mattnet"}).model)
    assert sum(p.numel() for p in model.matching.parameters()) == 13_955_164
    assert sum(p.numel() for p in model.trunk.parameters()) == 42_500_160


def test_each_module_has_words_of_its_own():
    network = LanguageNetwork(30, 4, 0.0)
    tokens, mask = torch.randint(30, (1, 5)), torch.tensor([[True, True, True, False, False]])
    phrases = network(tokens, mask)
    torch.testing.assert_close(phrases.attention.sum(-1), torch.ones(1, 3))
    assert not phrases.attention[..., 3:].any()
    x = F.relu(network.word(network.embedding(tokens)))[0, :3]
    ahead = network.ahead(x[None])[0][0]
    back = network.back(x.flip(0)[None])[0][0].flip(0)
    h = torch.cat([ahead, back], dim=-1)
    for m in range(3):
        shares = network.phrases[m](h)[:, 0].softmax(0)
        torch.testing.assert_close(phrases.queries[0, m], shares @ x)
    expected = network.weights(torch.cat([ahead[-1], back[0]])).softmax(0)
    torch.testing.assert_close(phrases.weights[0], expected)


def test_offsets_and_neighbors_by_hand():
    boxes = torch.tensor([[[0.0, 0.0, 10.0, 20.0], [10.0, 20.0, 30.0, 40.0]]])
    which = torch.tensor([[[1], [0]]])
    # From the center (5, 10) of the first, in units of its sides 10 and 20; the other has twice its area.
    expected = [(10 - 5) / 10, (20 - 10) / 20, (30 - 5) / 10, (40 - 10) / 20, 400 / 200]
    torch.testing.assert_close(offsets_to(boxes, which)[0, 0, 0], torch.tensor(expected))
    apart = torch.tensor([[[1e6, 3.0, 1.0], [3.0, 1e6, 1e6], [1.0, 1e6, 1e6]]])
    closest, known = nearest(apart)
    assert closest[0, 0, :2].tolist() == [2, 1]
    assert known[0].sum(-1).tolist() == [2, 1, 1]


def test_a_relation_is_the_best_neighbor_and_zero_without_one(mattnet, batch):
    seen = {}
    mattnet.matching.register_forward_pre_hook(lambda _, inputs: seen.update(objects=inputs[0], phrases=inputs[1]))
    mattnet.eval()
    found = batch.instances
    with torch.no_grad():
        mattnet(*batch.inputs(), found.boxes, found.categories, found.masks, found.real)
        objects, q = seen["objects"], seen["phrases"].queries[:, 2]
        scores = mattnet.matching._relation(objects, q)
        matching, pooled = mattnet.matching, objects.deep.mean(2)
        for i in range(pooled.shape[1]):
            likeness = [0.0] * int((~objects.known[0, i]).any())
            for k in range(5):
                if objects.known[0, i, k]:
                    other = matching.scale_other(pooled[0, objects.others[0, i, k]])
                    r = matching.relation_in(torch.cat([other, matching.scale_offset(objects.offsets[0, i, k])]))
                    likeness.append(matching.relation(r[None, None], q[:1])[0, 0].item())
            assert scores[0, i].item() == pytest.approx(max(likeness), abs=1e-4)


def test_the_score_is_the_weighted_sum_of_the_modules(mattnet, batch):
    output = mattnet.eval()(*batch.inputs())
    scores, modules, weights = (output.extras[name] for name in ("scores", "modules", "weights"))
    real = scores > -1
    expected = (modules * weights[:, None]).sum(-1)
    torch.testing.assert_close(scores[real], expected[real], atol=1e-5, rtol=1e-4)


def test_matching_does_not_change_the_trunk(mattnet, batch):
    output = mattnet(*mattnet.inputs(batch))
    mattnet.extra_losses(output, batch, TrainConfig())["matching"].value.backward()
    assert not any(p.grad is not None and p.grad.any() for p in mattnet.trunk.parameters())
    assert any(p.grad.any() for p in mattnet.matching.language.parameters())


def test_the_ranking_losses_by_hand(mattnet, batch):
    output = mattnet(*mattnet.inputs(batch))
    value = mattnet.extra_losses(output, batch, TrainConfig())["matching"].value.item()
    scores, of_other_text = output.extras["scores"], output.extras["other_text"]
    partner = [1, 0, 3, 2, 4, 5]  # the last two are alone with their picture
    assert not torch.equal(of_other_text[0], scores[0])
    assert torch.equal(of_other_text[4][batch.instances.real[4]], scores[4][batch.instances.real[4]])
    total = 0.0
    for b in range(len(batch)):
        real, meant = batch.instances.real[b], batch.instances.meant[b]
        own, other = (
            [k for k in range(len(real)) if meant[k]],
            [k for k in range(len(real)) if real[k] and not meant[k]],
        )
        pairs = [max(0.0, MARGIN + (scores[b, j] - scores[b, i]).item()) for i in own for j in other]
        apart = [i for i in own if not batch.instances.meant[partner[b], i]]
        assert not apart or b < 4
        texts = [max(0.0, MARGIN + (of_other_text[b, i] - scores[b, i]).item()) for i in apart]
        chosen = [
            F.binary_cross_entropy_with_logits(mattnet.kappa * (scores[b, k] - mattnet.tau), meant[k].float()).item()
            for k in (*own, *other)
        ]
        total += sum(sum(each) / max(1, len(each)) for each in (pairs, texts, chosen))
    assert value == pytest.approx(total / len(batch), rel=1e-4)


def test_with_no_proposal_above_the_threshold_nothing_is_meant(mattnet, batch):
    mattnet.eval().tau.data.fill_(2.0)  # no score is that high
    decisions = mattnet(*batch.inputs()).decide()
    assert not any(each.presence > 0.5 or (each.difference > 0).any() for each in decisions)


def test_the_released_rule_answers_with_one_proposal_however_unlikely(mattnet, batch):
    mattnet.eval().detector.heat.bias.data.fill_(-9.0)
    mattnet.detector.heat.weight.data.mul_(1e-3)
    assert not (mattnet(*batch.inputs()).extras["scores"] > -1).any()  # no proposal at all
    mattnet.config = override_always(mattnet.config)
    output = mattnet(*batch.inputs())
    assert (output.extras["scores"] > -1).sum(1).tolist() == [1] * len(batch)
    assert output.presence_logits is None
    assert not mattnet.decides_presence


def override_always(config):
    return replace(config, mattnet=replace(config.mattnet, always_answer=True))


def test_annotated_objects_can_take_the_place_of_proposals(mattnet, batch):
    mattnet.config = replace(mattnet.config, mattnet=replace(mattnet.config.mattnet, annotated=True))
    mattnet.eval().tau.data.fill_(-2.0)  # every object is accepted
    decision = mattnet(*mattnet.inputs(batch)).decide()[0]
    objects = batch.instances.masks[0].any(0)
    shown = decision.difference[2::4, 2::4] > 0
    assert (shown & objects).sum() > 0.8 * objects.sum()


def test_samples_without_objects_are_refused_in_one_sentence(mattnet, reader, mini):
    batch = Collate(reader.tokenizer.pad_id)([reader.read(int(mini.rows("train")[0]))])
    with pytest.raises(InputError, match="read them with with_instances=True"):
        mattnet.train().inputs(batch)
