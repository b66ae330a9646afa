"""The second stage: what is in the proposed boxes, their final place, and masks (He et al., "Mask R-CNN", 2017)."""

import cygrad
from cygrad import nn
from cygrad.nn import functional as F

from ...ops import boxes as box_ops, roi_align
from . import _utils


def fastrcnn_loss(class_logits, box_regression, labels, regression_targets):
    """(cross entropy of the classes, smooth L1 of the offsets of the true classes) over lists for each image."""
    labels, targets = cygrad.cat(labels), cygrad.cat(regression_targets)
    classification = F.cross_entropy(class_logits, labels)
    positive = cygrad.where(labels > 0)[0]
    offsets = box_regression.reshape(len(class_logits), -1, 4)[positive, labels[positive]]
    box = F.smooth_l1_loss(offsets, targets[positive], beta=1 / 9, reduction="sum")
    return classification, box / labels.numel()


def maskrcnn_loss(mask_logits, proposals, gt_masks, gt_labels, mask_matched_idxs):
    """Binary cross entropy of the masks of the true classes, within the proposals."""
    size = mask_logits.shape[-1]
    labels = cygrad.cat([label[idx] for label, idx in zip(gt_labels, mask_matched_idxs)])
    targets = []
    for masks, boxes, idx in zip(gt_masks, proposals, mask_matched_idxs):
        rois = cygrad.cat([idx[:, None].to(boxes), boxes], dim=1)
        targets.append(roi_align(masks[:, None].to(rois), rois, (size, size), 1.0)[:, 0])
    targets = cygrad.cat(targets)
    if targets.numel() == 0:  # the mean of nothing would be NaN
        return mask_logits.sum() * 0
    rows = cygrad.arange(labels.shape[0], device=labels.device)
    return F.binary_cross_entropy_with_logits(mask_logits[rows, labels], targets)


def paste_masks_in_image(masks, boxes, img_shape, padding=1):
    """Masks (N, 1, M, M) of boxes (N, 4), put to their places in an image (height, width): (N, 1, height, width)."""
    height, width = img_shape
    size = masks.shape[-1]
    scale = float(size + 2 * padding) / size
    masks = F.pad(masks, (padding,) * 4)
    half = (boxes[:, 2:] - boxes[:, :2]) * 0.5 * scale
    center = (boxes[:, 2:] + boxes[:, :2]) * 0.5
    places = cygrad.cat([center - half, center + half], dim=1).to(cygrad.int64).tolist()
    result = masks.new_zeros((len(masks), 1, height, width))
    for out, mask, (x1, y1, x2, y2) in zip(result, masks, places):
        wide, high = max(x2 - x1 + 1, 1), max(y2 - y1 + 1, 1)
        mask = F.interpolate(mask[None], size=(high, wide), mode="bilinear", align_corners=False)
        left, right = max(x1, 0), min(x2 + 1, width)
        top, bottom = max(y1, 0), min(y2 + 1, height)
        if right > left and bottom > top:
            out[0, top:bottom, left:right] = mask[
                0, 0, top - y1 : bottom - y1, left - x1 : right - x1
            ]
    return result


class RoIHeads(nn.Module):
    """Classifies proposals and moves them; with ``mask_roi_pool``, ``mask_head`` and ``mask_predictor`` also masks."""

    def __init__(
        self,
        box_roi_pool,
        box_head,
        box_predictor,
        fg_iou_thresh,
        bg_iou_thresh,
        batch_size_per_image,
        positive_fraction,
        bbox_reg_weights,
        score_thresh,
        nms_thresh,
        detections_per_img,
        mask_roi_pool=None,
        mask_head=None,
        mask_predictor=None,
        keypoint_roi_pool=None,
        keypoint_head=None,
        keypoint_predictor=None,
    ):
        super().__init__()
        if keypoint_roi_pool or keypoint_head or keypoint_predictor:
            raise NotImplementedError(
                "cygrad has no keypoint heads in torchvision.models.detection yet"
            )
        self.box_similarity = box_ops.box_iou
        self.proposal_matcher = _utils.Matcher(
            fg_iou_thresh, bg_iou_thresh, allow_low_quality_matches=False
        )
        self.fg_bg_sampler = _utils.BalancedPositiveNegativeSampler(
            batch_size_per_image, positive_fraction
        )
        self.box_coder = _utils.BoxCoder(bbox_reg_weights or (10.0, 10.0, 5.0, 5.0))
        self.box_roi_pool = box_roi_pool
        self.box_head = box_head
        self.box_predictor = box_predictor
        self.score_thresh = score_thresh
        self.nms_thresh = nms_thresh
        self.detections_per_img = detections_per_img
        self.mask_roi_pool = mask_roi_pool
        self.mask_head = mask_head
        self.mask_predictor = mask_predictor

    def has_mask(self):
        return None not in (self.mask_roi_pool, self.mask_head, self.mask_predictor)

    def assign_targets_to_proposals(self, proposals, gt_boxes, gt_labels):
        """(indices of the true boxes, labels; 0 is the background, -1 nothing) for each image."""
        matched, labels = [], []
        for boxes, truth, classes in zip(proposals, gt_boxes, gt_labels):
            if truth.numel() == 0:
                zeros = cygrad.zeros((len(boxes),), dtype=cygrad.int64, device=boxes.device)
                matched.append(zeros)
                labels.append(zeros.clone())
                continue
            matches = self.proposal_matcher(self.box_similarity(truth, boxes))
            index = matches.clamp(min=0)
            label = classes[index].to(cygrad.int64)
            label[matches == self.proposal_matcher.BELOW_LOW_THRESHOLD] = 0
            label[matches == self.proposal_matcher.BETWEEN_THRESHOLDS] = -1
            matched.append(index)
            labels.append(label)
        return matched, labels

    def select_training_samples(self, proposals, targets):
        """(proposals, indices of true boxes, labels, offsets) of the drawn samples; true boxes are proposals too."""
        if targets is None:
            raise ValueError("targets should not be None")
        dtype = proposals[0].dtype
        gt_boxes = [target["boxes"].to(dtype) for target in targets]
        gt_labels = [target["labels"] for target in targets]
        proposals = [cygrad.cat((boxes, truth)) for boxes, truth in zip(proposals, gt_boxes)]
        matched, labels = self.assign_targets_to_proposals(proposals, gt_boxes, gt_labels)
        matched_boxes = []
        for i, (positive, negative) in enumerate(zip(*self.fg_bg_sampler(labels))):
            chosen = cygrad.where(positive | negative)[0]
            proposals[i], labels[i], matched[i] = (
                proposals[i][chosen],
                labels[i][chosen],
                matched[i][chosen],
            )
            truth = gt_boxes[i] if gt_boxes[i].numel() else gt_boxes[i].new_zeros((1, 4))
            matched_boxes.append(truth[matched[i]])
        return proposals, matched, labels, self.box_coder.encode(matched_boxes, proposals)

    def postprocess_detections(self, class_logits, box_regression, proposals, image_shapes):
        """(boxes, scores, labels) for each image: likely enough, not tiny, without doubles of a class, the best."""
        counts = [len(boxes) for boxes in proposals]
        all_boxes = self.box_coder.decode(box_regression, proposals).split(counts)
        all_scores = F.softmax(class_logits, -1).split(counts)
        results = [], [], []
        for boxes, scores, size in zip(all_boxes, all_scores, image_shapes):
            boxes = box_ops.clip_boxes_to_image(boxes, size)
            labels = (
                cygrad.arange(scores.shape[1], device=scores.device).view(1, -1).expand_as(scores)
            )
            boxes = boxes[:, 1:].reshape(-1, 4)  # 0 is the background
            scores, labels = scores[:, 1:].reshape(-1), labels[:, 1:].reshape(-1)
            keep = cygrad.where(scores > self.score_thresh)[0]
            boxes, scores, labels = boxes[keep], scores[keep], labels[keep]
            keep = box_ops.remove_small_boxes(boxes, min_size=1e-2)
            boxes, scores, labels = boxes[keep], scores[keep], labels[keep]
            keep = box_ops.batched_nms(boxes, scores, labels, self.nms_thresh)
            keep = keep[: self.detections_per_img]
            for result, value in zip(results, (boxes, scores, labels)):
                result.append(value[keep])
        return results

    def forward(self, features, proposals, image_shapes, targets=None):
        for target in targets or ():
            if target["boxes"].dtype not in (cygrad.float, cygrad.double, cygrad.half):
                raise TypeError(
                    f"target boxes must of float type, instead got {target['boxes'].dtype}"
                )
            if target["labels"].dtype != cygrad.int64:
                raise TypeError(
                    f"target labels must of int64 type, instead got {target['labels'].dtype}"
                )
        if self.training:
            proposals, matched, labels, regression_targets = self.select_training_samples(
                proposals, targets
            )
        pooled = self.box_roi_pool(features, proposals, image_shapes)
        class_logits, box_regression = self.box_predictor(self.box_head(pooled))
        result, losses = [], {}
        if self.training:
            classification, box = fastrcnn_loss(
                class_logits, box_regression, labels, regression_targets
            )
            losses = {"loss_classifier": classification, "loss_box_reg": box}
        else:
            found = self.postprocess_detections(
                class_logits, box_regression, proposals, image_shapes
            )
            for boxes, scores, classes in zip(*found):
                result.append({"boxes": boxes, "labels": classes, "scores": scores})
        if not self.has_mask():
            return result, losses

        if self.training:
            positive = [cygrad.where(label > 0)[0] for label in labels]
            mask_proposals = [boxes[keep] for boxes, keep in zip(proposals, positive)]
            matched = [index[keep] for index, keep in zip(matched, positive)]
        else:
            mask_proposals = [found["boxes"] for found in result]
        pooled = self.mask_roi_pool(features, mask_proposals, image_shapes)
        logits = self.mask_predictor(self.mask_head(pooled))
        if self.training:
            masks, classes = ([target[key] for target in targets] for key in ("masks", "labels"))
            losses["loss_mask"] = maskrcnn_loss(logits, mask_proposals, masks, classes, matched)
        else:
            classes = cygrad.cat([found["labels"] for found in result])
            rows = cygrad.arange(len(classes), device=classes.device)
            masks = logits.sigmoid()[rows, classes][:, None]
            for found, part in zip(result, masks.split([len(f["labels"]) for f in result])):
                found["masks"] = part
        return result, losses
