"""Fully convolutional networks (Long et al., 2014)."""

from cygrad import nn

from .._api import weights_enum
from ..resnet import resnet50, resnet101
from ._utils import _SimpleSegmentationModel, resnet_segmentation


class FCN(_SimpleSegmentationModel):
    """A backbone with an `FCNHead`."""


class FCNHead(nn.Sequential):
    """3 x 3 to a quarter of the channels, 1 x 1 to the classes."""

    def __init__(self, in_channels, channels):
        inter = in_channels // 4
        super().__init__(
            nn.Conv2d(in_channels, inter, 3, padding=1, bias=False),
            nn.BatchNorm2d(inter),
            nn.ReLU(),
            nn.Dropout(0.1),
            nn.Conv2d(inter, channels, 1),
        )


FCN_ResNet50_Weights = weights_enum("FCN_ResNet50", __name__)
FCN_ResNet101_Weights = weights_enum("FCN_ResNet101", __name__)
fcn_resnet50 = resnet_segmentation(
    "fcn_resnet50", FCN_ResNet50_Weights, resnet50, FCN, FCNHead, FCNHead
)
fcn_resnet101 = resnet_segmentation(
    "fcn_resnet101", FCN_ResNet101_Weights, resnet101, FCN, FCNHead, FCNHead
)
