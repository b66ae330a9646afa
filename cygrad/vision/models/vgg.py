"""VGG (Simonyan and Zisserman, "Very Deep Convolutional Networks", 2014)."""

from functools import partial

import cygrad
from cygrad import nn

from ._api import builder, fit_classes, weights_enum
from ._utils import by_outputs, init_layers


class VGG(nn.Module):
    """``features``, then three linear layers."""

    def __init__(self, features, num_classes=1000, init_weights=True, dropout=0.5):
        super().__init__()
        self.features = features
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096),
            nn.ReLU(True),
            nn.Dropout(p=dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(True),
            nn.Dropout(p=dropout),
            nn.Linear(4096, num_classes),
        )
        if init_weights:
            init_layers(self, conv=by_outputs, linear=partial(nn.init.normal_, std=0.01))

    def forward(self, x):
        return self.classifier(cygrad.flatten(self.avgpool(self.features(x)), 1))


def make_layers(cfg, batch_norm=False):
    """Convolutions of 3 x 3 with the given numbers of channels; "M" stands for a pooling."""
    layers = []
    in_channels = 3
    for size in cfg:
        if size == "M":
            layers.append(nn.MaxPool2d(kernel_size=2, stride=2))
            continue
        layers.append(nn.Conv2d(in_channels, size, kernel_size=3, padding=1))
        if batch_norm:
            layers.append(nn.BatchNorm2d(size))
        layers.append(nn.ReLU(inplace=True))
        in_channels = size
    return nn.Sequential(*layers)


def _stages(*depths):
    return [
        item
        for depth, size in zip(depths, (64, 128, 256, 512, 512))
        for item in [size] * depth + ["M"]
    ]


cfgs = {
    "A": _stages(1, 1, 2, 2, 2),
    "B": _stages(2, 2, 2, 2, 2),
    "D": _stages(2, 2, 3, 3, 3),
    "E": _stages(2, 2, 4, 4, 4),
}


def _fit(weights, kwargs):
    kwargs["init_weights"] = False
    fit_classes(weights, kwargs)


def _builder(name, enum, cfg, batch_norm):
    def make(**kwargs):
        return VGG(make_layers(cfgs[cfg], batch_norm), **kwargs)

    return builder(name, enum, make, fit=_fit)


VGG11_Weights = weights_enum("VGG11", __name__)
VGG11_BN_Weights = weights_enum("VGG11_BN", __name__)
VGG13_Weights = weights_enum("VGG13", __name__)
VGG13_BN_Weights = weights_enum("VGG13_BN", __name__)
VGG16_Weights = weights_enum("VGG16", __name__)
VGG16_BN_Weights = weights_enum("VGG16_BN", __name__)
VGG19_Weights = weights_enum("VGG19", __name__)
VGG19_BN_Weights = weights_enum("VGG19_BN", __name__)

vgg11 = _builder("vgg11", VGG11_Weights, "A", False)
vgg11_bn = _builder("vgg11_bn", VGG11_BN_Weights, "A", True)
vgg13 = _builder("vgg13", VGG13_Weights, "B", False)
vgg13_bn = _builder("vgg13_bn", VGG13_BN_Weights, "B", True)
vgg16 = _builder("vgg16", VGG16_Weights, "D", False)
vgg16_bn = _builder("vgg16_bn", VGG16_BN_Weights, "D", True)
vgg19 = _builder("vgg19", VGG19_Weights, "E", False)
vgg19_bn = _builder("vgg19_bn", VGG19_BN_Weights, "E", True)
