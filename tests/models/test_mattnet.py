"""MAttNet: the published size of its matching, its three modules by hand, and how it refuses."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from grisq.config import TrainConfig, override, preset
from grisq.data.sample import Collate
from grisq.models.layers.detector import Proposals, propose
from grisq.models.layers.feature_map import FeatureMap
from grisq.models.layers.object_matching import LanguageNetwork, Objects, Scale
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


@pytest.fixture
def matching(mattnet):
    """With gains that differ, so that none can take another's place."""
    for module in mattnet.matching.modules():
        if isinstance(module, Scale):
            module.gain.data.uniform_(2.0, 20.0)
    return mattnet.matching.eval()


@pytest.fixture
def objects():
    """Two of each of two pictures, three cells of each; without neighbors."""
    return Objects(
        torch.randn(2, 2, 3, 24),
        torch.randn(2, 2, 3, 32),
        torch.rand(2, 2, 5),
        torch.randn(2, 2, 25),
        torch.zeros(2, 2, 5, dtype=torch.long),
        torch.zeros(2, 2, 5, 5),
        torch.zeros(2, 2, 5, dtype=torch.bool),
    )


def scaled(scale, x):
    return scale.gain * x / x.norm()


def cosine(pair, thing, words):
    one, other = pair.of_object(thing), pair.of_words(words)
    return (one @ other) / (one.norm() * other.norm())


def test_a_subject_is_read_from_the_cells_that_the_words_choose(matching, objects):
    q = torch.randn(2, 16)
    expected = torch.zeros(2, 2)
    for b in range(2):
        for i in range(2):
            cells, scores = [], []
            for r in range(3):
                near, deep = (
                    scaled(scale, cell[b, i, r])
                    for scale, cell in ((matching.scale_near, objects.near), (matching.scale_deep, objects.deep))
                )
                u = matching.fuse_norm(matching.fuse(torch.cat([near, deep]))).clamp(min=0)
                v = torch.cat([deep, scaled(matching.scale_fused, u)])
                heard = torch.tanh(matching.cells(torch.cat([v, scaled(matching.scale_subject, q[b])])))
                cells.append(v)
                scores.append(matching.cell_score(heard))
            shares = torch.cat(scores).softmax(0)
            seen = sum(share * v for share, v in zip(shares, cells))
            expected[b, i] = cosine(matching.subject, seen, q[b])
    torch.testing.assert_close(matching._subject(objects, q), expected, atol=1e-5, rtol=1e-4)


def test_a_place_is_where_an_object_lies_and_where_its_like_lie(matching, objects):
    q = torch.randn(2, 16)
    expected = torch.zeros(2, 2)
    for b in range(2):
        for i in range(2):
            where = scaled(matching.scale_where, objects.where[b, i])
            same = scaled(matching.scale_same, objects.same[b, i])
            expected[b, i] = cosine(matching.place, matching.place_in(torch.cat([where, same])), q[b])
    torch.testing.assert_close(matching._place(objects, q), expected, atol=1e-5, rtol=1e-4)


def read_objects(mattnet, boxes, categories, real, height_width):
    """What the matching receives of these objects on a canvas of 64x96 whose features are x and y in pixels."""

    def ramp(stride):
        y, x = (stride * (torch.arange(side // stride) + 0.5) for side in (64, 96))
        return FeatureMap(torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)[None], None)

    proposals = Proposals(torch.tensor([boxes]), torch.tensor([categories]), torch.zeros(0), torch.tensor([real]))
    return mattnet._objects([ramp(stride) for stride in (4, 8, 16, 32)], proposals, torch.tensor([height_width]))


def test_objects_know_their_place_and_their_neighbors(mattnet):
    """Five of two categories in a picture of 40x80 pixels, and a place without an object near the first."""
    boxes = [
        [0.0, 0.0, 10.0, 20.0],
        [40.0, 10.0, 60.0, 30.0],
        [64.0, 20.0, 80.0, 40.0],
        [20.0, 0.0, 40.0, 20.0],
        [10.0, 30.0, 20.0, 40.0],
        [2.0, 0.0, 12.0, 20.0],
    ]
    found = read_objects(mattnet, boxes, [0, 0, 1, 1, 0, 0], [True] * 5 + [False], [40.0, 80.0])
    torch.testing.assert_close(found.where[0, 0], torch.tensor([0.0, 0.0, 0.125, 0.5, 200 / 3200]))
    torch.testing.assert_close(found.where[0, 2], torch.tensor([0.8, 0.5, 1.0, 1.0, 320 / 3200]))
    # The first has its center at (5, 10) and sides of 10 and 20 pixels. Of its category the fifth comes first.
    fifth, second = [0.5, 1.0, 1.5, 1.5, 100 / 200], [3.5, 0.0, 5.5, 1.0, 400 / 200]
    torch.testing.assert_close(found.same[0, 0], torch.tensor([*fifth, *second, *[0.0] * 15]))
    # The third has its center at (72, 30) and sides of 16 and 20 pixels; of its category there is only the fourth.
    fourth = [-52 / 16, -30 / 20, -32 / 16, -10 / 20, 400 / 320]
    torch.testing.assert_close(found.same[0, 2], torch.tensor([*fourth, *[0.0] * 20]))
    others = [each[known].tolist() for each, known in zip(found.others[0], found.known[0])]
    assert others[:5] == [[3, 2, 4, 1], [3, 2, 4, 0], [1, 4, 0, 3], [1, 0, 4, 2], [3, 2, 0, 1]]
    torch.testing.assert_close(found.offsets[0, 0, 0], torch.tensor([1.5, -0.5, 3.5, 0.5, 400 / 200]))
    torch.testing.assert_close(found.offsets[0, 0, 3], torch.tensor(second))
    assert not found.offsets[0, 0, 4].any()


def test_objects_are_read_from_the_two_coarsest_levels(mattnet):
    """At the same places in both: the centers of 3x3 bins of a box, in raster order."""
    found = read_objects(mattnet, [[20.0, 20.0, 74.0, 44.0]], [0], [True], [64.0, 96.0])
    expected = torch.tensor([[x, y] for y in (24.0, 32.0, 40.0) for x in (29.0, 47.0, 65.0)])
    torch.testing.assert_close(found.near[0, 0], expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(found.deep[0, 0], expected, atol=1e-4, rtol=1e-4)


def test_the_boxes_that_are_judged_lie_in_the_picture(mattnet, batch):
    assert batch.padded
    mattnet.eval().detector.edges.bias.data.fill_(2.0)  # about 17 pixels to every side
    seen = {}
    mattnet.detector.register_forward_hook(lambda _, inputs, output: seen.update(found=output))
    mattnet.matching.register_forward_pre_hook(lambda _, inputs: seen.update(where=inputs[0].where))
    with torch.no_grad():
        mattnet(*batch.inputs())
    raw = propose(seen["found"], 100, 0.05).boxes
    assert (raw < 0).any()
    assert (raw > 64).any()
    where = seen["where"]
    assert ((where >= 0) & (where <= 1)).all()
    assert (where[..., :2] < where[..., 2:4]).all()


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
