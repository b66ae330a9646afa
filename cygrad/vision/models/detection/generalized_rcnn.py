"""A detector of two stages."""

from collections import OrderedDict

import cygrad
from cygrad import nn


class GeneralizedRCNN(nn.Module):
    """``transform``, ``backbone``, ``rpn`` and ``roi_heads``, one after the other.

    Takes a list of images (C, H, W).  In training also a list of dicts with "boxes" (N, 4) and "labels" (N,), and
    returns the dict of losses; else a list of dicts with "boxes", "labels" and "scores".
    """

    def __init__(self, backbone, rpn, roi_heads, transform):
        super().__init__()
        self.transform = transform
        self.backbone = backbone
        self.rpn = rpn
        self.roi_heads = roi_heads

    def forward(self, images, targets=None):
        if self.training:
            if targets is None:
                raise AssertionError("targets should not be none when in training mode")
            for target in targets:
                boxes = target["boxes"]
                if not isinstance(boxes, cygrad.Tensor):
                    raise AssertionError(
                        f"Expected target boxes to be of type Tensor, got {type(boxes)}."
                    )
                if boxes.dim() != 2 or boxes.shape[-1] != 4:
                    raise AssertionError(
                        f"Expected target boxes to be a tensor of shape [N, 4], got {boxes.shape}."
                    )
        sizes = [tuple(image.shape[-2:]) for image in images]
        images, targets = self.transform(images, targets)
        for i, target in enumerate(targets or ()):
            boxes = target["boxes"]
            degenerate = (boxes[:, 2:] <= boxes[:, :2]).any(dim=1)
            if degenerate.any():
                box = boxes[cygrad.where(degenerate)[0][0]].tolist()
                raise AssertionError(
                    "All bounding boxes should have positive height and width. Found invalid box "
                    f"{box} for target at index {i}."
                )
        features = self.backbone(images.tensors)
        if isinstance(features, cygrad.Tensor):
            features = OrderedDict([("0", features)])
        proposals, proposal_losses = self.rpn(images, features, targets)
        detections, detector_losses = self.roi_heads(
            features, proposals, images.image_sizes, targets
        )
        if self.training:
            return {**detector_losses, **proposal_losses}
        return self.transform.postprocess(detections, images.image_sizes, sizes)
