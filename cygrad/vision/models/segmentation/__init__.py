"""Models that give each pixel a class."""

from .deeplabv3 import (
    DeepLabV3,
    DeepLabV3_ResNet50_Weights,
    DeepLabV3_ResNet101_Weights,
    deeplabv3_resnet50,
    deeplabv3_resnet101,
)
from .fcn import FCN, FCN_ResNet50_Weights, FCN_ResNet101_Weights, fcn_resnet50, fcn_resnet101

__all__ = [
    "DeepLabV3",
    "DeepLabV3_ResNet101_Weights",
    "DeepLabV3_ResNet50_Weights",
    "FCN",
    "FCN_ResNet101_Weights",
    "FCN_ResNet50_Weights",
    "deeplabv3_resnet101",
    "deeplabv3_resnet50",
    "fcn_resnet101",
    "fcn_resnet50",
]


def __getattr__(name):
    raise AttributeError(
        f"module 'torchvision.models.segmentation' has no attribute '{name}': cygrad does not have it yet"
    )
