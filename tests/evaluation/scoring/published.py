"""The published evaluators, each as one slow loop over masks, from the description of its rules.

A case is (prediction, target, number of targets, whether presence is predicted, ref). The masks are bool arrays of one
size. Nothing of grisq is imported.
"""

import numpy as np


def rela(cases):
    """ReLA's evaluator: gIoU, cIoU, N-acc, T-acc, Pr@X, in percent."""
    ious, intersection, union = [], 0, 0
    noticed, absent, kept, present = 0, 0, 0, 0
    precise = {0.7: 0, 0.8: 0, 0.9: 0}
    for prediction, target, count, says_present, _ in cases:
        if count == 0:
            absent += 1
            if not says_present:
                noticed += 1
                ious.append(1.0)
            else:
                ious.append(0.0)
                union += int(prediction.sum())
            continue
        present += 1
        i, u = int((prediction & target).sum()), int((prediction | target).sum())
        union += u
        if not says_present:
            ious.append(0.0)
            continue
        kept += 1
        intersection += i
        iou = i / u if u > 0 else 0.0
        ious.append(iou)
        for threshold in precise:
            precise[threshold] += iou >= threshold
    return {
        "gIoU": 100 * sum(ious) / len(ious),
        "cIoU": 100 * intersection / union,
        "N-acc": 100 * noticed / absent,
        "T-acc": 100 * kept / present,
        **{f"Pr@{threshold}": 100 * hits / present for threshold, hits in precise.items()},
    }


def gsva(cases):
    """GSVA's evaluator: a target that is rejected keeps its real IoU; pixels say whether there is a target."""
    ious, intersection, union = [], 0.0, 0.0
    noticed, absent, kept, present = 0, 0, 0, 0
    for prediction, target, _, says_present, _ in cases:
        if target.sum() < 1:
            absent += 1
            noticed += not says_present
            ious.append(0.0 if says_present else 1.0)
            union += int(prediction.sum()) if says_present else 0
            continue
        present += 1
        kept += says_present
        i, u = int((prediction & target).sum()), int((prediction | target).sum())
        ious.append(i / (u + 1e-8))
        intersection += i
        union += u
    return {
        "gIoU": 100 * sum(ious) / len(ious),
        "cIoU": 100 * intersection / (union + 1e-8),
        "N-acc": 100 * noticed / absent,
        "T-acc": 100 * kept / present,
    }


def refzom(cases):
    """Ref-ZOM's: IoUs of targeted expressions alone; without target an answer is right if it has no pixel."""
    ious, intersection, union, right = [], 0, 0, []
    for prediction, target, count, _, _ in cases:
        if count == 0:
            right.append(prediction.sum() == 0)
            continue
        i, u = int((prediction & target).sum()), int((prediction | target).sum())
        ious.append(i / u if u else 0.0)
        intersection, union = intersection + i, union + u
    return {
        "oIoU": 100 * intersection / union,
        "mIoU": 100 * np.mean(ious),
        "Acc": 100 * np.mean(right),
        **{f"Pr@{x / 10}": 100 * np.mean([iou >= x / 10 for iou in ious]) for x in range(5, 10)},
    }


def rrefcoco(cases, *, running_sum=False):
    """R-RefCOCO's: by ref. With `running_sum` Pr@X as its code has it, which tests the sum of a ref's IoUs so far."""
    refs = {}
    for case in cases:
        refs.setdefault(case[-1], []).append(case)
    intersections, unions, mean_ious, shares, quotients, tested = 0, 0, [], [], [], []
    for group in refs.values():
        i_all, u_all, ious, empty = 0, 0, [], []
        for prediction, target, count, says_present, _ in group:
            drawn = prediction if says_present else np.zeros_like(prediction)
            if count:
                i, u = int((drawn & target).sum()), int((drawn | target).sum())
                i_all, u_all = i_all + i, u_all + u
                ious.append(i / u if u else 0.0)
                tested.append(sum(ious) if running_sum else ious[-1])
        intersections, unions = intersections + i_all, unions + u_all
        for prediction, _, count, says_present, _ in group:
            if not count:
                drawn = int(prediction.sum()) if says_present else 0
                empty.append(drawn == 0)
                u_all += drawn
        if ious:
            mean_ious.append(np.mean(ious))
            if u_all:
                quotients.append(i_all / u_all)
        if empty:
            shares.append(np.mean(empty))
    return {
        "oIoU": 100 * intersections / unions,
        "mIoU": 100 * np.mean(mean_ious),
        "r": 100 * np.mean(shares),
        "rIoU": 100 * np.mean(quotients),
        **{f"Pr@{x / 10}": 100 * np.mean([iou >= x / 10 for iou in tested]) for x in range(5, 10)},
    }
