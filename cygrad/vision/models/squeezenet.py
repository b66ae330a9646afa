"""SqueezeNet (Iandola et al., 2016)."""

from functools import partial

import cygrad
from cygrad import nn

from ._api import builder, weights_enum
from ._utils import init_layers


class Fire(nn.Module):
    """A squeeze by 1 x 1, then 1 x 1 and 3 x 3 side by side."""

    def __init__(self, inplanes, squeeze_planes, expand1x1_planes, expand3x3_planes):
        super().__init__()
        self.inplanes = inplanes
        self.squeeze = nn.Conv2d(inplanes, squeeze_planes, kernel_size=1)
        self.squeeze_activation = nn.ReLU(inplace=True)
        self.expand1x1 = nn.Conv2d(squeeze_planes, expand1x1_planes, kernel_size=1)
        self.expand1x1_activation = nn.ReLU(inplace=True)
        self.expand3x3 = nn.Conv2d(squeeze_planes, expand3x3_planes, kernel_size=3, padding=1)
        self.expand3x3_activation = nn.ReLU(inplace=True)

    def forward(self, x):
        x = self.squeeze_activation(self.squeeze(x))
        return cygrad.cat(
            [
                self.expand1x1_activation(self.expand1x1(x)),
                self.expand3x3_activation(self.expand3x3(x)),
            ],
            1,
        )


# Channels of the first convolution and its size, then the fires (input, squeeze, expand) and "M" for a pooling.
_VERSIONS = {
    "1_0": (
        (96, 7),
        ["M", (96, 16, 64), (128, 16, 64), (128, 32, 128), "M", (256, 32, 128), (256, 48, 192)]
        + [(384, 48, 192), (384, 64, 256), "M", (512, 64, 256)],
    ),
    "1_1": (
        (64, 3),
        ["M", (64, 16, 64), (128, 16, 64), "M", (128, 32, 128), (256, 32, 128), "M"]
        + [(256, 48, 192), (384, 48, 192), (384, 64, 256), (512, 64, 256)],
    ),
}


class SqueezeNet(nn.Module):
    """Version "1_0", or "1_1" with 2.4 times fewer operations."""

    def __init__(self, version="1_0", num_classes=1000, dropout=0.5):
        super().__init__()
        self.num_classes = num_classes
        if version not in _VERSIONS:
            raise ValueError(f"Unsupported SqueezeNet version {version}: 1_0 or 1_1 expected")
        (channels, size), plan = _VERSIONS[version]
        self.features = nn.Sequential(
            nn.Conv2d(3, channels, kernel_size=size, stride=2),
            nn.ReLU(inplace=True),
            *(
                nn.MaxPool2d(kernel_size=3, stride=2, ceil_mode=True)
                if item == "M"
                else Fire(*item, item[2])
                for item in plan
            ),
        )
        self.classifier = nn.Sequential(
            nn.Dropout(p=dropout),
            nn.Conv2d(512, self.num_classes, kernel_size=1),
            nn.ReLU(inplace=True),
            nn.AdaptiveAvgPool2d((1, 1)),
        )
        init_layers(self.features, conv=nn.init.kaiming_uniform_)
        init_layers(self.classifier, conv=partial(nn.init.normal_, std=0.01))

    def forward(self, x):
        return cygrad.flatten(self.classifier(self.features(x)), 1)


SqueezeNet1_0_Weights = weights_enum("SqueezeNet1_0", __name__)
SqueezeNet1_1_Weights = weights_enum("SqueezeNet1_1", __name__)
squeezenet1_0 = builder(
    "squeezenet1_0", SqueezeNet1_0_Weights, lambda **kw: SqueezeNet("1_0", **kw)
)
squeezenet1_1 = builder(
    "squeezenet1_1", SqueezeNet1_1_Weights, lambda **kw: SqueezeNet("1_1", **kw)
)
