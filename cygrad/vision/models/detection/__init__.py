"""Models that find objects."""

from . import (
    anchor_utils,
    backbone_utils,
    faster_rcnn,
    generalized_rcnn,
    image_list,
    mask_rcnn,
    roi_heads,
    rpn,
    transform,
)
from .faster_rcnn import FasterRCNN, FasterRCNN_ResNet50_FPN_Weights, fasterrcnn_resnet50_fpn
from .mask_rcnn import MaskRCNN, MaskRCNN_ResNet50_FPN_Weights, maskrcnn_resnet50_fpn

__all__ = [
    "FasterRCNN",
    "FasterRCNN_ResNet50_FPN_Weights",
    "MaskRCNN",
    "MaskRCNN_ResNet50_FPN_Weights",
    "anchor_utils",
    "backbone_utils",
    "faster_rcnn",
    "fasterrcnn_resnet50_fpn",
    "generalized_rcnn",
    "image_list",
    "mask_rcnn",
    "maskrcnn_resnet50_fpn",
    "roi_heads",
    "rpn",
    "transform",
]


def __getattr__(name):
    raise AttributeError(
        f"module 'torchvision.models.detection' has no attribute '{name}': cygrad does not have it yet"
    )
