"""Boxes as offsets to others, which truth belongs to which box, and what a loss is computed of."""

import math

import cygrad


def _sizes(boxes):
    """(width, height, x and y of the centre), each (N, 1)."""
    width, height = boxes[:, 2:3] - boxes[:, 0:1], boxes[:, 3:4] - boxes[:, 1:2]
    return width, height, boxes[:, 0:1] + 0.5 * width, boxes[:, 1:2] + 0.5 * height


_CLIP = math.log(1000.0 / 16)


class BoxCoder:
    """Boxes as shifts and logarithms of scales relative to others, times ``weights`` (Girshick et al., 2013)."""

    def __init__(self, weights, bbox_xform_clip=_CLIP):
        self.weights = weights
        self.bbox_xform_clip = bbox_xform_clip

    def encode(self, reference_boxes, proposals):
        """Offsets from the proposals to the reference boxes; both are lists over images."""
        counts = [len(boxes) for boxes in reference_boxes]
        offsets = self.encode_single(cygrad.cat(reference_boxes), cygrad.cat(proposals))
        return offsets.split(counts, 0)

    def encode_single(self, reference_boxes, proposals):
        wx, wy, ww, wh = self.weights
        width, height, x, y = _sizes(proposals)
        to_width, to_height, to_x, to_y = _sizes(reference_boxes)
        return cygrad.cat(
            (
                wx * (to_x - x) / width,
                wy * (to_y - y) / height,
                ww * cygrad.log(to_width / width),
                wh * cygrad.log(to_height / height),
            ),
            dim=1,
        )

    def decode(self, rel_codes, boxes):
        """Boxes (N, classes, 4) of offsets (N, 4 * classes) from a list of boxes over images."""
        boxes = cygrad.cat(boxes)
        return self.decode_single(rel_codes, boxes).reshape(len(boxes), -1, 4)

    def decode_single(self, rel_codes, boxes):
        wx, wy, ww, wh = self.weights
        width, height, x, y = _sizes(boxes.to(rel_codes.dtype))
        x = rel_codes[:, 0::4] / wx * width + x
        y = rel_codes[:, 1::4] / wy * height + y
        # A wild offset must not overflow.
        half_width = (
            0.5 * cygrad.exp((rel_codes[:, 2::4] / ww).clamp(max=self.bbox_xform_clip)) * width
        )
        half_height = (
            0.5 * cygrad.exp((rel_codes[:, 3::4] / wh).clamp(max=self.bbox_xform_clip)) * height
        )
        return cygrad.stack(
            (x - half_width, y - half_height, x + half_width, y + half_height), dim=2
        ).flatten(1)


class Matcher:
    """Gives each prediction the true box that overlaps it most.

    It is -1 below ``low_threshold`` and -2 between the two.  ``allow_low_quality_matches`` also gives each true box the
    predictions that overlap it most, however little.
    """

    BELOW_LOW_THRESHOLD = -1
    BETWEEN_THRESHOLDS = -2

    def __init__(self, high_threshold, low_threshold, allow_low_quality_matches=False):
        if low_threshold > high_threshold:
            raise AssertionError("low_threshold should be <= high_threshold")
        self.high_threshold = high_threshold
        self.low_threshold = low_threshold
        self.allow_low_quality_matches = allow_low_quality_matches

    def __call__(self, match_quality_matrix):
        """Indices (M,) from the overlaps (N, M) of N true boxes and M predictions."""
        if match_quality_matrix.numel() == 0:
            kind = "ground-truth" if match_quality_matrix.shape[0] == 0 else "proposal"
            raise ValueError(f"No {kind} boxes available for one of the images during training")
        quality, best = match_quality_matrix.max(dim=0)
        matches = best.clone()
        matches[quality < self.low_threshold] = self.BELOW_LOW_THRESHOLD
        between = (quality >= self.low_threshold) & (quality < self.high_threshold)
        matches[between] = self.BETWEEN_THRESHOLDS
        if self.allow_low_quality_matches:
            highest = match_quality_matrix.max(dim=1).values
            _, restored = cygrad.where(match_quality_matrix == highest[:, None])
            matches[restored] = best[restored]
        return matches


class BalancedPositiveNegativeSampler:
    """Draws ``batch_size_per_image`` boxes of each image, at most ``positive_fraction`` of them with an object."""

    def __init__(self, batch_size_per_image, positive_fraction):
        self.batch_size_per_image = batch_size_per_image
        self.positive_fraction = positive_fraction

    def __call__(self, matched_idxs):
        """(positive, negative) masks for each image, from labels that are > 0, 0, or -1 for "neither"."""
        positives, negatives = [], []
        for labels in matched_idxs:
            positive, negative = cygrad.where(labels >= 1)[0], cygrad.where(labels == 0)[0]
            count = min(positive.numel(), int(self.batch_size_per_image * self.positive_fraction))
            others = min(negative.numel(), self.batch_size_per_image - count)
            for found, number, masks in (
                (positive, count, positives),
                (negative, others, negatives),
            ):
                chosen = cygrad.randperm(found.numel(), device=found.device)[:number]
                mask = cygrad.zeros_like(labels, dtype=cygrad.uint8)
                mask[found[chosen]] = 1
                masks.append(mask)
        return positives, negatives


def overwrite_eps(model, eps):
    """Sets `eps` of all frozen norms: the first published detectors were trained with 0."""
    from ...ops.misc import FrozenBatchNorm2d

    for module in model.modules():
        if isinstance(module, FrozenBatchNorm2d):
            module.eps = eps
