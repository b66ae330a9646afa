"""DeepLabV3 (Chen et al., "Rethinking Atrous Convolution", 2017)."""

import cygrad
from cygrad import nn
from cygrad.nn import functional as F

from .._api import weights_enum
from ..resnet import resnet50, resnet101
from ._utils import _SimpleSegmentationModel, resnet_segmentation
from .fcn import FCNHead


class DeepLabV3(_SimpleSegmentationModel):
    """A backbone with a `DeepLabHead`."""


class ASPPConv(nn.Sequential):
    """A dilated 3 x 3."""

    def __init__(self, in_channels, out_channels, dilation):
        super().__init__(
            nn.Conv2d(
                in_channels, out_channels, 3, padding=dilation, dilation=dilation, bias=False
            ),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(),
        )


class ASPPPooling(nn.Sequential):
    """The mean of the whole map, spread over it."""

    def __init__(self, in_channels, out_channels):
        super().__init__(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(in_channels, out_channels, 1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(),
        )

    def forward(self, x):
        return F.interpolate(
            super().forward(x), size=x.shape[-2:], mode="bilinear", align_corners=False
        )


class ASPP(nn.Module):
    """Convolutions of several dilations and the mean, side by side."""

    def __init__(self, in_channels, atrous_rates, out_channels=256):
        super().__init__()
        self.convs = nn.ModuleList(
            [
                nn.Sequential(
                    nn.Conv2d(in_channels, out_channels, 1, bias=False),
                    nn.BatchNorm2d(out_channels),
                    nn.ReLU(),
                ),
                *(ASPPConv(in_channels, out_channels, rate) for rate in atrous_rates),
                ASPPPooling(in_channels, out_channels),
            ]
        )
        self.project = nn.Sequential(
            nn.Conv2d(len(self.convs) * out_channels, out_channels, 1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(),
            nn.Dropout(0.5),
        )

    def forward(self, x):
        return self.project(cygrad.cat([conv(x) for conv in self.convs], dim=1))


class DeepLabHead(nn.Sequential):
    """`ASPP`, 3 x 3, and 1 x 1 to the classes."""

    def __init__(self, in_channels, num_classes, atrous_rates=(12, 24, 36)):
        super().__init__(
            ASPP(in_channels, atrous_rates),
            nn.Conv2d(256, 256, 3, padding=1, bias=False),
            nn.BatchNorm2d(256),
            nn.ReLU(),
            nn.Conv2d(256, num_classes, 1),
        )


DeepLabV3_ResNet50_Weights = weights_enum("DeepLabV3_ResNet50", __name__)
DeepLabV3_ResNet101_Weights = weights_enum("DeepLabV3_ResNet101", __name__)
deeplabv3_resnet50 = resnet_segmentation(
    "deeplabv3_resnet50", DeepLabV3_ResNet50_Weights, resnet50, DeepLabV3, DeepLabHead, FCNHead
)
deeplabv3_resnet101 = resnet_segmentation(
    "deeplabv3_resnet101", DeepLabV3_ResNet101_Weights, resnet101, DeepLabV3, DeepLabHead, FCNHead
)
