"""The solutions against the package and against torch: what readers are shown as right is right."""

import re
from fractions import Fraction
from math import lcm

import nbformat
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import ndimage
from scipy.sparse.csgraph import connected_components
from scipy.stats import ttest_ind
from sklearn.metrics import matthews_corrcoef

from grisq.course import exercises
from grisq.course.exercises import ex08
from grisq.course.exercises.registry import exercise
from grisq.evaluation.intervals import over_pictures, tally
from grisq.evaluation.metrics import ScoreSums
from grisq.evaluation.protocols import PROTOCOLS, Scores, protocol, score
from grisq.models.layers.deformable_attention import deformable_attention_reference
from grisq.models.layers.pixel_word_attention import LanguageGate
from grisq.models.target_query import CrossAttentionBlock
from grisq.runtime.paths import NOTEBOOKS


def by_scipys_labels(mask):
    return ndimage.label(mask)[1]


def by_scikit_learn(n_acc, t_acc, no_target):
    weights = [no_target * n_acc, no_target * (100 - n_acc), (1 - no_target) * t_acc, (1 - no_target) * (100 - t_acc)]
    return 100 * matthews_corrcoef([0, 0, 1, 1], [0, 1, 1, 0], sample_weight=weights)


def by_blocks(images, masks, cells):
    """Means of 2 x 2 pixels by a reshape, and the four cells of the grid put together as blocks."""
    images, masks = images.numpy(), masks.numpy().astype(float)
    n, channels, side, _ = images.shape
    colors = images.reshape(n, channels, side // 2, 2, side // 2, 2).mean((3, 5))
    covered = masks.reshape(n, 1, side // 2, 2, side // 2, 2).sum((3, 5)) >= 2
    tiles = dict(zip(cells, np.concatenate([colors, covered], axis=1)))
    empty = np.zeros_like(next(iter(tiles.values())))
    return np.block([[tiles.get(2 * line + column, empty) for column in range(2)] for line in range(2)])


def by_timm(height, width, window, shift):
    from timm.models.swin_transformer import SwinTransformerBlock  # after grisq.models, which lets timm be imported

    options = {"window_size": window, "shift_size": shift, "always_partition": True}
    mask = SwinTransformerBlock(1, (height, width), num_heads=1, **options).attn_mask
    windows = height * width // window**2
    return torch.ones(windows, window**2, window**2, dtype=torch.bool) if mask is None else mask == 0


def by_autograd_through_the_gate(first, last, fused, grad):
    gate = LanguageGate(len(first))
    with torch.no_grad():
        gate.first.weight.copy_(first)
        gate.last.weight.copy_(last)
    gate(torch.zeros_like(fused)[None], fused[None]).backward(grad[None])
    return torch.stack([gate.first.weight.grad, gate.last.weight.grad])


def by_autograd_through_the_sampling(grid, x, y):
    spot = torch.tensor([x, y], dtype=torch.double, requires_grad=True)
    value, weight = grid.double().view(1, -1, 1, 1), torch.ones(1, 1, 1, 1, 1, dtype=torch.double)
    deformable_attention_reference(value, [tuple(grid.shape)], spot.view(1, 1, 1, 1, 1, 2), weight).sum().backward()
    return tuple(spot.grad.tolist())


def by_the_package(e, memory, known, w, heads):
    """The package's block, whose attention is torch's, with the given weights put into it."""
    block = CrossAttentionBlock(
        channels=e.shape[-1], memory_channels=memory.shape[-1], heads=heads, feedforward=len(w["expand"][0])
    )
    state = {f"attention.{name}_proj_weight": w[name][0] for name in "qkv"}
    if memory.shape[-1] == e.shape[-1]:  # then torch keeps the three in one
        state = {"attention.in_proj_weight": torch.cat([w[name][0] for name in "qkv"])}
    state["attention.in_proj_bias"] = torch.cat([w[name][1] for name in "qkv"])
    places = {"out": "attention.out_proj", "norm_1": "attention_norm", "norm_2": "feedforward_norm"}
    for name in ("out", "norm_1", "expand", "contract", "norm_2"):
        place = places.get(name, name)
        state |= {f"{place}.weight": w[name][0], f"{place}.bias": w[name][1]}
    block.load_state_dict(state)
    return block(e, memory, known)[0].detach()


def by_counting_samples(presence, iou, target, share):
    """A data set in which every expression stands so often that the share is as wished, under the metrics' own rules.

    An IoU is that of a mask of 1,000 pixels.
    """
    wanted = Fraction(share).limit_denominator(100) * Fraction(1, int(target.sum()))
    other = (1 - Fraction(share).limit_denominator(100)) * Fraction(1, int((~target).sum()))
    times = [int(each * lcm(wanted.denominator, other.denominator)) for each in (wanted, other)]
    masks = [np.arange(1000) < round(1000 * value) for value in iou]
    whole, nothing = np.ones(1000, bool), np.zeros(1000, bool)
    found = []
    for threshold in np.arange(101) / 100:
        meter = ScoreSums(PROTOCOLS["rela"])
        for mask, probability, there in zip(masks, presence, target):
            facts = {"target_count": int(there), "predicted_present": bool(probability >= threshold)}
            scored = score(mask, whole if there else nothing, protocol=PROTOCOLS["rela"], **facts)
            for _ in range(times[0] if there else times[1]):
                meter.update(scored)
        found.append(meter.compute()["gIoU"])
    return int(np.argmax(np.round(found, 9))) / 100


def by_the_whole_batch(weight, parts):
    weight = weight.clone().requires_grad_()
    features, labels = (torch.cat(each) for each in zip(*parts))
    if (labels == -1).all():
        return torch.zeros_like(weight)
    F.cross_entropy(features @ weight.T, labels, ignore_index=-1).backward()
    return weight.grad


def by_the_protocol(mask, target, presence, threshold):
    said = {"target_count": int(target.any()), "predicted_present": presence >= threshold}
    return float(score(mask, target, **said, protocol=PROTOCOLS["rela"]).iou)


def by_connected_components(image_ids, alike, chosen):
    ids = sorted({*image_ids.tolist(), *chosen, *(each for pair in alike for each in pair)})
    links = np.zeros((len(ids), len(ids)))
    for one, other in alike:
        links[ids.index(one), ids.index(other)] = 1
    group = dict(zip(ids, connected_components(links, directed=False)[1]))
    taken = {group[each] for each in chosen}
    return np.array([group[each] in taken for each in image_ids.tolist()])


def by_welchs_test(ours, theirs):
    return tuple(ttest_ind(ours, theirs, equal_var=False).confidence_interval(0.95))


def giou_of_masks(rule, ious, target_counts, predicted_present):
    """gIoU by the evaluation, from masks of 10,000 pixels that have these IoUs."""
    meter = ScoreSums(protocol(rule))
    for iou, count, present in zip(ious, target_counts, predicted_present):
        target = np.ones(10_000, bool) if count else np.zeros(10_000, bool)
        mask = np.arange(10_000) < round(iou * 10_000)
        facts = {"target_count": int(count), "predicted_present": bool(present), "protocol": protocol(rule)}
        meter.update(score(mask, target, **facts))
    return float(meter.compute()["gIoU"])


def by_the_diagnostic_protocol(ious, target_counts, predicted_present):
    """gIoU under the truth, and with perfect masks, minus gIoU as it is."""
    as_it_is, truth = (giou_of_masks(rule, ious, target_counts, predicted_present) for rule in ("rela", "rela-truth"))
    return truth - as_it_is, giou_of_masks("rela", np.ones(len(ious)), target_counts, predicted_present) - as_it_is


def by_the_truth_about_one_kind_at_a_time(ours, theirs, target_counts):
    """What the truth about presence is worth to either system, on each kind of expression, and what then remains."""
    nothing = target_counts == 0

    def lost(system, kind):
        told = np.where(kind, ~nothing, system.present)
        as_it_is, better = (giou_of_masks("rela", system.ious, target_counts, said) for said in (system.present, told))
        return better - as_it_is

    truth = [giou_of_masks("rela-truth", each.ious, target_counts, each.present) for each in (ours, theirs)]
    return {
        "presence on no-target": lost(theirs, nothing) - lost(ours, nothing),
        "presence on targets": lost(theirs, ~nothing) - lost(ours, ~nothing),
        "masks": truth[0] - truth[1],
    }


def by_the_package_on_its_own_resamples(ours, theirs, pictures, drawn):
    """`over_pictures` draws the same pictures as `drawn`, which has the seed that is its default."""
    present = np.ones(len(pictures), bool)
    sums = [tally(pictures, Scores(0 * ious, 0 * ious, ious, present, present, 1 * present)) for ious in (ours, theirs)]
    found = over_pictures(sums[0], ["gIoU"], minus=sums[1], draws=len(drawn))["gIoU"]
    return found.low, found.high


def by_the_headings(paragraph):
    """The pitfalls that were put into each paragraph, by the words of their headings in the notebook."""
    put = {
        "A": ("another release", "n-acc without t-acc", "one training"),
        "B": ("a threshold of your own", "the best checkpoint", "in train and in val"),
        "C": ("giou or ciou", "without its protocol", "a thing of that name"),
    }
    cells = nbformat.read(next(NOTEBOOKS.glob("14_*.ipynb")), as_version=4).cells
    found = re.findall(r"^## (\d+) · (.+)$", "\n".join(cell.source for cell in cells), re.MULTILINE)
    headings = {title.lower(): int(number) for number, title in found}
    return sorted(number for words in put[paragraph] for title, number in headings.items() if words in title)


def by_a_convolution_for_each(features, filters):
    return torch.stack([F.conv2d(x[None], f[None], padding=1)[0, 0] for x, f in zip(features, filters)])


TRUTHS = {
    "00": by_the_protocol,
    "01": by_scipys_labels,
    "02": by_scikit_learn,
    "03": by_blocks,
    "04": by_timm,
    "05": by_autograd_through_the_gate,
    "06": by_autograd_through_the_sampling,
    "07": by_a_convolution_for_each,
    "08": by_the_package,
    "09": by_counting_samples,
    "10": by_the_whole_batch,
    "11": by_welchs_test,
    "12": by_the_diagnostic_protocol,
    "13": by_the_truth_about_one_kind_at_a_time,
    "14": by_the_package_on_its_own_resamples,
    "14b": by_the_headings,
    "15": by_connected_components,
}


@pytest.mark.parametrize("number", exercises.EXERCISES)
def test_the_solution_agrees_with_the_package(number, capsys):
    exercises.check(number, TRUTHS[number])
    assert capsys.readouterr().out == "Right.\n"
    assert exercises.solution(number).startswith("def ")
    compile(exercises.solution(number), "solution", "exec")


@pytest.mark.parametrize("number", exercises.EXERCISES)
def test_a_constant_is_not_an_answer(number, capsys):
    """Every exercise has inputs with different answers, so that nobody passes by luck."""
    first = exercises.EXERCISES[number].solution(*exercises.inputs(number)[0])
    exercises.check(number, lambda *_: first)
    assert capsys.readouterr().out.startswith("Not yet: ")


def test_every_notebook_has_its_exercise_in_a_file_of_its_own():
    numbers = {path.name[:2] for path in NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")}
    assert numbers == {number for number in exercises.EXERCISES if len(number) == 2}
    for number, each in exercises.EXERCISES.items():
        assert each.solution.__module__ == f"grisq.course.exercises.ex{number[:2]}"
    assert list(exercises.EXERCISES) == sorted(exercises.EXERCISES)


def test_a_new_exercise_is_its_file(capsys):
    """The decorator alone makes an exercise known, and the solution is shown without it."""

    @exercise("99", inputs=lambda: [(1,), (2,)])
    def double(x: int) -> int:
        return 2 * x

    try:
        exercises.check("99", lambda x: x + x)
        assert capsys.readouterr().out == "Right.\n"
        assert exercises.inputs("99") == [(1,), (2,)]
    finally:
        exercises.EXERCISES.pop("99")


def test_solutions_are_shown_as_a_reader_would_write_them():
    assert exercises.solution("12").splitlines()[:2] == [
        "def gains(ious: np.ndarray, target_counts: np.ndarray, predicted_present: np.ndarray) -> tuple[float, float]:",
        "    no_target = target_counts == 0",
    ]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda *_: None, "returns nothing"),
        (lambda *_: 1 / 0, "ZeroDivisionError"),
        (lambda *_: -1.0, "should be 0.5 and is -1.0"),
        (lambda *_: np.zeros(3), "should be"),
        (lambda *_: torch.ones(2, requires_grad=True), "should be"),
        (lambda *_: "text", "should be"),
    ],
)
def test_a_wrong_answer_gets_a_reason(answer, message, capsys):
    exercises.check("00", answer)
    assert message in capsys.readouterr().out


def test_the_check_does_not_give_the_pitfalls_away(capsys):
    exercises.check("14b", lambda paragraph: [1])
    assert capsys.readouterr().out == "Not yet: for the input 'A' the answer is another one.\n"


def test_weights_are_those_that_the_trained_block_computes_with():
    for memory_channels in (6, 4):  # torch keeps the projections in one tensor, and apart
        block = CrossAttentionBlock(channels=6, memory_channels=memory_channels, heads=3, feedforward=8)
        e, memory = torch.randn(2, 1, 6), torch.randn(2, 5, memory_channels)
        known = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
        found = ex08.cross_attention(e, memory, known, ex08.weights_of(block), 3)
        torch.testing.assert_close(found, block(e, memory, known)[0].detach())


def test_a_mean_of_the_parts_means_is_not_the_gradient_of_the_batch(capsys):
    """The mistake that the exercise is about: parts with different numbers of labeled samples."""

    def mean_of_means(weight, parts):
        return sum(by_the_whole_batch(weight, [part]) for part in parts) / len(parts)

    exercises.check("10", mean_of_means)
    assert "exercises.inputs('10')[1]" in capsys.readouterr().out  # equal parts do not show it


def test_one_pass_over_the_pairs_misses_a_chain(capsys):
    def one_pass(image_ids, alike, chosen):
        taken = set(chosen)
        for pair in alike:
            if taken & {*pair}:
                taken |= {*pair}
        return np.isin(image_ids, [*taken])

    exercises.check("15", one_pass)
    assert "exercises.inputs('15')[0]" in capsys.readouterr().out


def test_an_answer_that_works_in_place_spoils_nothing(capsys):
    def greedy(mask):
        mask &= False
        return -1

    exercises.check("01", greedy)
    assert "exercises.inputs('01')[0]" in capsys.readouterr().out
    assert exercises.inputs("01")[0][0].any()


def test_an_unknown_exercise_is_one_sentence(capsys):
    exercises.check("99", lambda: 1)
    assert capsys.readouterr().out.startswith("There is no exercise '99': there are 00, 01")
