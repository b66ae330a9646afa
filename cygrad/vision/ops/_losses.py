"""Losses for detection."""

import cygrad
from cygrad.nn import functional as F


def _reduce(loss, reduction, empty_safe=True):
    if reduction == "none":
        return loss
    if reduction == "mean":
        # The sum of no losses at all is 0, their mean would be NaN.
        return loss.mean() if loss.numel() or not empty_safe else 0.0 * loss.sum()
    if reduction == "sum":
        return loss.sum()
    raise ValueError(
        f"Invalid Value for arg 'reduction': '{reduction} \n Supported reduction modes: 'none', 'mean', 'sum'"
    )


def sigmoid_focal_loss(inputs, targets, alpha=0.25, gamma=2, reduction="none"):
    """Binary cross entropy of logits, times (1 - p of the true class) ** gamma (Lin et al., 2017, RetinaNet).

    ``alpha`` from 0 to 1 weighs the positive examples against the negative ones; -1 weighs none.
    """
    if not (0 <= alpha <= 1) and alpha != -1:
        raise ValueError(
            f"Invalid alpha value: {alpha}. alpha must be in the range [0,1] or -1 for ignore."
        )
    p = cygrad.sigmoid(inputs)
    loss = F.binary_cross_entropy_with_logits(inputs, targets, reduction="none")
    loss = loss * (1 - (p * targets + (1 - p) * (1 - targets))) ** gamma
    if alpha >= 0:
        loss = (alpha * targets + (1 - alpha) * (1 - targets)) * loss
    return _reduce(loss, reduction, empty_safe=False)


def _overlap(boxes1, boxes2, eps):
    """(intersection, union, IoU) of the boxes of two sets pair by pair."""
    low = cygrad.maximum(boxes1[..., :2], boxes2[..., :2])
    high = cygrad.minimum(boxes1[..., 2:], boxes2[..., 2:])
    sides = high - low
    common = cygrad.where((sides > 0).all(-1), sides[..., 0] * sides[..., 1], 0.0)
    areas = sum((b[..., 2] - b[..., 0]) * (b[..., 3] - b[..., 1]) for b in (boxes1, boxes2))
    union = areas - common
    return common, union, common / (union + eps)


def _hull(boxes1, boxes2):
    low = cygrad.minimum(boxes1[..., :2], boxes2[..., :2])
    return cygrad.maximum(boxes1[..., 2:], boxes2[..., 2:]) - low


def _distance_loss(boxes1, boxes2, eps):
    _, _, iou = _overlap(boxes1, boxes2, eps)
    diagonal = (_hull(boxes1, boxes2) ** 2).sum(-1) + eps
    between = (boxes1[..., :2] + boxes1[..., 2:]) / 2 - (boxes2[..., :2] + boxes2[..., 2:]) / 2
    return 1 - iou + (between**2).sum(-1) / diagonal, iou


def generalized_box_iou_loss(boxes1, boxes2, reduction="none", eps=1e-7):
    """1 - the generalised IoU of each pair of boxes (N, 4) of (x1, y1, x2, y2)."""
    _, union, iou = _overlap(boxes1, boxes2, eps)
    sides = _hull(boxes1, boxes2)
    area = sides[..., 0] * sides[..., 1]
    return _reduce(1 - (iou - (area - union) / (area + eps)), reduction)


def distance_box_iou_loss(boxes1, boxes2, reduction="none", eps=1e-7):
    """1 - IoU + the squared distance of the centres by that of the common box's corners."""
    return _reduce(_distance_loss(boxes1, boxes2, eps)[0], reduction)


def complete_box_iou_loss(boxes1, boxes2, reduction="none", eps=1e-7):
    """`distance_box_iou_loss` + a term for the difference of the aspect ratios."""
    loss, iou = _distance_loss(boxes1, boxes2, eps)
    angles = [
        cygrad.atan((b[..., 2] - b[..., 0]) / (b[..., 3] - b[..., 1])) for b in (boxes1, boxes2)
    ]
    v = 4 / cygrad.pi**2 * (angles[1] - angles[0]) ** 2
    with cygrad.no_grad():
        alpha = v / (1 - iou + v + eps)
    return _reduce(loss + alpha * v, reduction)
