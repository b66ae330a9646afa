"""MobileNetV2 (Sandler et al., 2018)."""

from functools import partial

import cygrad
from cygrad import nn

from ..ops.misc import Conv2dNormActivation
from ._api import builder, weights_enum
from ._utils import _make_divisible, by_outputs, init_layers


class InvertedResidual(nn.Module):
    """1 x 1 to ``expand_ratio`` times the channels, 3 x 3 by channel, 1 x 1 back; beside the identity if it fits."""

    def __init__(self, inp, oup, stride, expand_ratio, norm_layer=None):
        super().__init__()
        self.stride = stride
        if stride not in (1, 2):
            raise ValueError(f"stride should be 1 or 2 instead of {stride}")
        norm_layer = norm_layer or nn.BatchNorm2d
        hidden = int(round(inp * expand_ratio))
        self.use_res_connect = stride == 1 and inp == oup
        shared = {"norm_layer": norm_layer, "activation_layer": nn.ReLU6}
        layers = []
        if expand_ratio != 1:
            layers.append(Conv2dNormActivation(inp, hidden, kernel_size=1, **shared))
        layers += [
            Conv2dNormActivation(hidden, hidden, stride=stride, groups=hidden, **shared),
            nn.Conv2d(hidden, oup, 1, 1, 0, bias=False),
            norm_layer(oup),
        ]
        self.conv = nn.Sequential(*layers)
        self.out_channels = oup
        self._is_cn = stride > 1

    def forward(self, x):
        return x + self.conv(x) if self.use_res_connect else self.conv(x)


_SETTING = [  # expand ratio, channels, blocks, stride of the first
    [1, 16, 1, 1],
    [6, 24, 2, 2],
    [6, 32, 3, 2],
    [6, 64, 4, 2],
    [6, 96, 3, 1],
    [6, 160, 3, 2],
    [6, 320, 1, 1],
]


class MobileNetV2(nn.Module):
    """``width_mult`` scales the numbers of channels, which stay multiples of ``round_nearest``."""

    def __init__(
        self,
        num_classes=1000,
        width_mult=1.0,
        inverted_residual_setting=None,
        round_nearest=8,
        block=None,
        norm_layer=None,
        dropout=0.2,
    ):
        super().__init__()
        block = block or InvertedResidual
        norm_layer = norm_layer or nn.BatchNorm2d
        setting = inverted_residual_setting or _SETTING
        if len(setting[0]) != 4:
            raise ValueError(
                f"inverted_residual_setting should be non-empty or a 4-element list, got {setting}"
            )
        channels = _make_divisible(32 * width_mult, round_nearest)
        self.last_channel = _make_divisible(1280 * max(1.0, width_mult), round_nearest)
        shared = {"norm_layer": norm_layer, "activation_layer": nn.ReLU6}
        features = [Conv2dNormActivation(3, channels, stride=2, **shared)]
        for ratio, size, count, stride in setting:
            out_channels = _make_divisible(size * width_mult, round_nearest)
            for i in range(count):
                features.append(
                    block(
                        channels,
                        out_channels,
                        stride if i == 0 else 1,
                        expand_ratio=ratio,
                        norm_layer=norm_layer,
                    )
                )
                channels = out_channels
        features.append(Conv2dNormActivation(channels, self.last_channel, kernel_size=1, **shared))
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(
            nn.Dropout(p=dropout), nn.Linear(self.last_channel, num_classes)
        )
        init_layers(self, conv=by_outputs, linear=partial(nn.init.normal_, mean=0, std=0.01))

    def forward(self, x):
        x = nn.functional.adaptive_avg_pool2d(self.features(x), (1, 1))
        return self.classifier(cygrad.flatten(x, 1))


MobileNet_V2_Weights = weights_enum("MobileNet_V2", __name__)
mobilenet_v2 = builder("mobilenet_v2", MobileNet_V2_Weights, lambda **kw: MobileNetV2(**kw))
