"""The region proposal network (Ren et al., "Faster R-CNN", 2015)."""

import cygrad
from cygrad import nn
from cygrad.nn import functional as F

from ...ops import boxes as box_ops
from ...ops.misc import Conv2dNormActivation
from . import _utils
from .anchor_utils import AnchorGenerator

__all__ = ["AnchorGenerator", "RPNHead", "RegionProposalNetwork"]


class RPNHead(nn.Module):
    """For each anchor at each place the logit of an object and four offsets."""

    def __init__(self, in_channels, num_anchors, conv_depth=1):
        super().__init__()
        self.conv = nn.Sequential(
            *(
                Conv2dNormActivation(in_channels, in_channels, kernel_size=3, norm_layer=None)
                for _ in range(conv_depth)
            )
        )
        self.cls_logits = nn.Conv2d(in_channels, num_anchors, kernel_size=1, stride=1)
        self.bbox_pred = nn.Conv2d(in_channels, num_anchors * 4, kernel_size=1, stride=1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, std=0.01)
                nn.init.constant_(module.bias, 0)

    def _load_from_state_dict(self, state_dict, prefix, *args):
        for kind in ("weight", "bias"):  # as older files name them
            if f"{prefix}conv.{kind}" in state_dict:
                state_dict[f"{prefix}conv.0.0.{kind}"] = state_dict.pop(f"{prefix}conv.{kind}")
        super()._load_from_state_dict(state_dict, prefix, *args)

    def forward(self, x):
        hidden = [self.conv(feature) for feature in x]
        return [self.cls_logits(h) for h in hidden], [self.bbox_pred(h) for h in hidden]


def _by_anchor(layer, size):
    """(N, anchors * size, H, W) as (N, H * W * anchors, size)."""
    n, _, height, width = layer.shape
    return layer.view(n, -1, size, height, width).permute(0, 3, 4, 1, 2).reshape(n, -1, size)


class RegionProposalNetwork(nn.Module):
    """Proposes boxes with objects; in training it returns its losses as well.

    ``pre_nms_top_n`` and ``post_nms_top_n`` are {"training": n, "testing": n}.
    """

    def __init__(
        self,
        anchor_generator,
        head,
        fg_iou_thresh,
        bg_iou_thresh,
        batch_size_per_image,
        positive_fraction,
        pre_nms_top_n,
        post_nms_top_n,
        nms_thresh,
        score_thresh=0.0,
    ):
        super().__init__()
        self.anchor_generator = anchor_generator
        self.head = head
        self.box_coder = _utils.BoxCoder(weights=(1.0, 1.0, 1.0, 1.0))
        self.box_similarity = box_ops.box_iou
        self.proposal_matcher = _utils.Matcher(
            fg_iou_thresh, bg_iou_thresh, allow_low_quality_matches=True
        )
        self.fg_bg_sampler = _utils.BalancedPositiveNegativeSampler(
            batch_size_per_image, positive_fraction
        )
        self._pre_nms_top_n = pre_nms_top_n
        self._post_nms_top_n = post_nms_top_n
        self.nms_thresh = nms_thresh
        self.score_thresh = score_thresh
        self.min_size = 1e-3

    def pre_nms_top_n(self):
        return self._pre_nms_top_n["training" if self.training else "testing"]

    def post_nms_top_n(self):
        return self._post_nms_top_n["training" if self.training else "testing"]

    def assign_targets_to_anchors(self, anchors, targets):
        """(labels 1, 0 or -1 for "neither", true boxes) of the anchors, for each image."""
        labels, matched_boxes = [], []
        for each, target in zip(anchors, targets):
            truth = target["boxes"]
            if truth.numel() == 0:
                matched_boxes.append(cygrad.zeros_like(each))
                labels.append(each.new_zeros((len(each),)))
                continue
            matches = self.proposal_matcher(self.box_similarity(truth, each))
            matched_boxes.append(truth[matches.clamp(min=0)])
            label = (matches >= 0).to(cygrad.float32)
            label[matches == self.proposal_matcher.BETWEEN_THRESHOLDS] = -1.0
            labels.append(label)
        return labels, matched_boxes

    def filter_proposals(self, proposals, objectness, image_shapes, num_anchors_per_level):
        """The best boxes and their scores for each image: the best of each level, cut, without doubles."""
        count = len(proposals)
        objectness = objectness.detach().reshape(count, -1)
        levels, chosen, offset = [], [], 0
        for index, part in enumerate(objectness.split(num_anchors_per_level, 1)):
            best = part.topk(min(self.pre_nms_top_n(), part.shape[1]), dim=1).indices
            chosen.append(best + offset)
            levels += [index] * best.shape[1]
            offset += part.shape[1]
        chosen = cygrad.cat(chosen, dim=1)
        levels = cygrad.tensor(levels, dtype=cygrad.int64, device=proposals.device)
        found, found_scores = [], []
        for boxes, logits, places, size in zip(proposals, objectness, chosen, image_shapes):
            boxes, scores = boxes[places], cygrad.sigmoid(logits[places])
            boxes = box_ops.clip_boxes_to_image(boxes, size)
            keep = box_ops.remove_small_boxes(boxes, self.min_size)
            boxes, scores, level = boxes[keep], scores[keep], levels[keep]
            keep = cygrad.where(scores >= self.score_thresh)[0]
            boxes, scores, level = boxes[keep], scores[keep], level[keep]
            keep = box_ops.batched_nms(boxes, scores, level, self.nms_thresh)
            keep = keep[: self.post_nms_top_n()]
            found.append(boxes[keep])
            found_scores.append(scores[keep])
        return found, found_scores

    def compute_loss(self, objectness, pred_bbox_deltas, labels, regression_targets):
        positive, negative = self.fg_bg_sampler(labels)
        positive = cygrad.where(cygrad.cat(positive))[0]
        sampled = cygrad.cat([positive, cygrad.where(cygrad.cat(negative))[0]])
        labels, targets = cygrad.cat(labels), cygrad.cat(regression_targets)
        box_loss = F.smooth_l1_loss(
            pred_bbox_deltas[positive], targets[positive], beta=1 / 9, reduction="sum"
        ) / (sampled.numel())
        logits = objectness.flatten()[sampled]
        return F.binary_cross_entropy_with_logits(logits, labels[sampled]), box_loss

    def forward(self, images, features, targets=None):
        features = list(features.values())
        objectness, deltas = self.head(features)
        anchors = self.anchor_generator(images, features)
        per_level = [each.shape[1] * each.shape[2] * each.shape[3] for each in objectness]
        objectness = cygrad.cat([_by_anchor(o, 1) for o in objectness], dim=1).reshape(-1, 1)
        deltas = cygrad.cat([_by_anchor(d, 4) for d in deltas], dim=1).reshape(-1, 4)
        # The proposals are given to the second stage as they are: it does not train the first.
        proposals = self.box_coder.decode(deltas.detach(), anchors).view(len(anchors), -1, 4)
        boxes, _ = self.filter_proposals(proposals, objectness, images.image_sizes, per_level)
        losses = {}
        if self.training:
            if targets is None:
                raise ValueError("targets should not be None")
            labels, matched = self.assign_targets_to_anchors(anchors, targets)
            regression_targets = self.box_coder.encode(matched, anchors)
            loss, box_loss = self.compute_loss(objectness, deltas, labels, regression_targets)
            losses = {"loss_objectness": loss, "loss_rpn_box_reg": box_loss}
        return boxes, losses
