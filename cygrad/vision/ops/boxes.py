"""Boxes: conversions, overlaps, and the choice of the best."""

import cygrad


def nms(boxes, scores, iou_threshold):
    """Indices of the boxes that are left, by falling score, when those that overlap a better one are dropped.

    ``boxes`` (N, 4) of (x1, y1, x2, y2), ``scores`` (N,); dropped is what has an IoU above ``iou_threshold``.
    """
    if boxes.dim() != 2:
        raise RuntimeError(f"boxes should be a 2d tensor, got {boxes.dim()}D")
    if boxes.size(1) != 4:
        raise RuntimeError(f"boxes should have 4 elements in dimension 1, got {boxes.size(1)}")
    if scores.dim() != 1:
        raise RuntimeError(f"scores should be a 1d tensor, got {scores.dim()}D")
    if boxes.size(0) != scores.size(0):
        raise RuntimeError(
            "boxes and scores should have same number of elements in dimension 0, got "
            f"{boxes.size(0)} and {scores.size(0)}"
        )
    # Each box that stays removes others: a loop by its nature, over rows that NumPy compares at once.
    corners = boxes.detach().cpu().numpy()
    order = scores.detach().cpu().sort(stable=True, descending=True).indices.numpy()
    areas = (corners[:, 2] - corners[:, 0]) * (corners[:, 3] - corners[:, 1])
    kept = []
    while order.size:
        best, others = order[0], order[1:]
        kept.append(int(best))
        low = corners[others, :2].clip(min=corners[best, :2])
        high = corners[others, 2:].clip(max=corners[best, 2:])
        sides = (high - low).clip(min=0)
        common = sides[:, 0] * sides[:, 1]
        # Written so that a box without an area (0 / 0) is kept.
        order = others[~(common > iou_threshold * (areas[best] + areas[others] - common))]
    return cygrad.tensor(kept, dtype=cygrad.int64, device=boxes.device)


def batched_nms(boxes, scores, idxs, iou_threshold):
    """`nms` within each category of ``idxs`` (N,); boxes of different categories do not drop each other."""
    if boxes.numel() == 0:
        return cygrad.empty((0,), dtype=cygrad.int64, device=boxes.device)
    # Categories are moved apart, so that they cannot overlap.
    offsets = idxs.to(boxes) * (boxes.max() + 1)
    return nms(boxes + offsets[:, None], scores, iou_threshold)


def remove_small_boxes(boxes, min_size):
    """Indices of the boxes with both sides at least ``min_size``."""
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    return cygrad.where((width >= min_size) & (height >= min_size))[0]


def clip_boxes_to_image(boxes, size):
    """Boxes of (x1, y1, x2, y2) cut to an image of ``size`` = (height, width)."""
    height, width = size
    x = boxes[..., 0::2].clamp(min=0, max=width)
    y = boxes[..., 1::2].clamp(min=0, max=height)
    return cygrad.stack((x, y), dim=boxes.dim()).reshape(boxes.shape)


_FORMATS = ("xyxy", "xywh", "cxcywh", "xywhr", "cxcywhr", "xyxyxyxy")


def _to_corners(boxes, fmt):
    a, b, c, d = boxes.unbind(-1)
    if fmt == "xywh":
        return cygrad.stack([a, b, a + c, b + d], dim=-1)
    return cygrad.stack([a - 0.5 * c, b - 0.5 * d, a + 0.5 * c, b + 0.5 * d], dim=-1)


def _from_corners(boxes, fmt):
    x1, y1, x2, y2 = boxes.unbind(-1)
    if fmt == "xywh":
        return cygrad.stack([x1, y1, x2 - x1, y2 - y1], dim=-1)
    return cygrad.stack([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1], dim=-1)


def box_convert(boxes, in_fmt, out_fmt):
    """Boxes (..., 4) from one format to another: "xyxy", "xywh" (corner and size), "cxcywh" (centre and size)."""
    if in_fmt not in _FORMATS or out_fmt not in _FORMATS:
        raise ValueError(
            f"Unsupported Bounding Box Conversions for given in_fmt {in_fmt} and out_fmt {out_fmt}"
        )
    if in_fmt == out_fmt:
        return boxes.clone()
    for fmt in (in_fmt, out_fmt):
        if fmt not in _FORMATS[:3]:
            raise NotImplementedError(f"box_convert: cygrad has no rotated boxes ({fmt})")
    corners = boxes if in_fmt == "xyxy" else _to_corners(boxes, in_fmt)
    return corners if out_fmt == "xyxy" else _from_corners(corners, out_fmt)


def _wide(x):
    """In a dtype in which sums and products of coordinates fit."""
    if x.is_floating_point():
        return x if x.dtype in (cygrad.float32, cygrad.float64) else x.float()
    return x if x.dtype in (cygrad.int32, cygrad.int64) else x.int()


def _check_format(fmt):
    if fmt not in _FORMATS[:3]:
        raise ValueError(f"Unsupported Bounding Box area for given format {fmt}")


def box_area(boxes, fmt="xyxy"):
    """Areas of boxes (N, 4) as (N,)."""
    _check_format(fmt)
    boxes = _wide(boxes)
    if fmt == "xyxy":
        return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])
    return boxes[..., 2] * boxes[..., 3]


def _intersection_union(boxes1, boxes2, fmt="xyxy"):
    """(intersection, union) of each box of one set with each of the other, as (N, M)."""
    _check_format(fmt)
    area1, area2 = box_area(boxes1, fmt), box_area(boxes2, fmt)
    if fmt != "xyxy":
        boxes1, boxes2 = _to_corners(boxes1, fmt), _to_corners(boxes2, fmt)
    low = cygrad.maximum(boxes1[..., None, :2], boxes2[..., None, :, :2])
    high = cygrad.minimum(boxes1[..., None, 2:], boxes2[..., None, :, 2:])
    sides = _wide(high - low).clamp(min=0)
    common = sides[..., 0] * sides[..., 1]
    return common, area1[..., None] + area2[..., None, :] - common


def box_iou(boxes1, boxes2, fmt="xyxy"):
    """Intersection over union of each box of (N, 4) with each of (M, 4), as (N, M)."""
    common, union = _intersection_union(boxes1, boxes2, fmt)
    return common / union


def _hull(boxes1, boxes2):
    """Sides (N, M, 2) of the least box around each pair."""
    low = cygrad.minimum(boxes1[..., None, :2], boxes2[..., None, :, :2])
    high = cygrad.maximum(boxes1[..., None, 2:], boxes2[..., None, :, 2:])
    return _wide(high - low).clamp(min=0)


def generalized_box_iou(boxes1, boxes2):
    """IoU less the part of the least common box that neither covers (Rezatofighi et al., 2019), as (N, M)."""
    common, union = _intersection_union(boxes1, boxes2)
    sides = _hull(boxes1, boxes2)
    area = sides[..., 0] * sides[..., 1]
    return common / union - (area - union) / area


def distance_box_iou(boxes1, boxes2, eps=1e-7):
    """IoU less the squared distance of the centres by the squared diagonal of the common box (Zheng et al., 2019)."""
    return box_iou(boxes1, boxes2) - _center_penalty(boxes1, boxes2, eps)


def _center_penalty(boxes1, boxes2, eps):
    diagonal = (_hull(boxes1, boxes2) ** 2).sum(-1) + eps
    center1, center2 = ((b[..., :2] + b[..., 2:]) / 2 for b in (boxes1, boxes2))
    distance = (_wide(center1[..., None, :] - center2[..., None, :, :]) ** 2).sum(-1)
    return distance / diagonal


def complete_box_iou(boxes1, boxes2, eps=1e-7):
    """`distance_box_iou` less a term for the difference of the aspect ratios (Zheng et al., 2019)."""
    iou = box_iou(boxes1, boxes2)
    angle1, angle2 = (
        cygrad.atan((b[..., 2] - b[..., 0]) / (b[..., 3] - b[..., 1])) for b in (boxes1, boxes2)
    )
    v = 4 / cygrad.pi**2 * (angle1[..., None] - angle2[..., None, :]) ** 2
    with cygrad.no_grad():
        alpha = v / (1 - iou + v + eps)
    return iou - _center_penalty(boxes1, boxes2, eps) - alpha * v


def masks_to_boxes(masks):
    """The least boxes (N, 4) of (x1, y1, x2, y2) around the nonzero places of masks (N, height, width)."""
    boxes = cygrad.zeros((masks.shape[0], 4), device=masks.device, dtype=cygrad.float)
    for index, mask in enumerate(masks):
        y, x = cygrad.where(mask != 0)
        boxes[index] = cygrad.stack([x.min(), y.min(), x.max(), y.max()]).float()
    return boxes
