"""MobileNetV3 (Howard et al., 2019)."""

from functools import partial

import cygrad
from cygrad import nn

from ..ops.misc import Conv2dNormActivation, SqueezeExcitation
from ._api import builder, weights_enum
from ._utils import _make_divisible, by_outputs, init_layers


class InvertedResidualConfig:
    """What a block is made of; ``activation`` is "RE" or "HS"."""

    def __init__(
        self,
        input_channels,
        kernel,
        expanded_channels,
        out_channels,
        use_se,
        activation,
        stride,
        dilation,
        width_mult,
    ):
        self.input_channels = self.adjust_channels(input_channels, width_mult)
        self.kernel = kernel
        self.expanded_channels = self.adjust_channels(expanded_channels, width_mult)
        self.out_channels = self.adjust_channels(out_channels, width_mult)
        self.use_se = use_se
        self.use_hs = activation == "HS"
        self.stride = stride
        self.dilation = dilation

    @staticmethod
    def adjust_channels(channels, width_mult):
        return _make_divisible(channels * width_mult, 8)


_excitation = partial(SqueezeExcitation, scale_activation=nn.Hardsigmoid)


class InvertedResidual(nn.Module):
    """Expansion, convolution by channel, squeeze and excitation, projection."""

    def __init__(
        self,
        cnf,
        norm_layer,
        se_layer=_excitation,
    ):
        super().__init__()
        if not 1 <= cnf.stride <= 2:
            raise ValueError("illegal stride value")
        self.use_res_connect = cnf.stride == 1 and cnf.input_channels == cnf.out_channels
        shared = {
            "norm_layer": norm_layer,
            "activation_layer": nn.Hardswish if cnf.use_hs else nn.ReLU,
        }
        expanded = cnf.expanded_channels
        layers = []
        if expanded != cnf.input_channels:
            layers.append(
                Conv2dNormActivation(cnf.input_channels, expanded, kernel_size=1, **shared)
            )
        layers.append(
            Conv2dNormActivation(
                expanded,
                expanded,
                kernel_size=cnf.kernel,
                stride=1 if cnf.dilation > 1 else cnf.stride,
                dilation=cnf.dilation,
                groups=expanded,
                **shared,
            )
        )
        if cnf.use_se:
            layers.append(se_layer(expanded, _make_divisible(expanded // 4, 8)))
        layers.append(
            Conv2dNormActivation(
                expanded,
                cnf.out_channels,
                kernel_size=1,
                norm_layer=norm_layer,
                activation_layer=None,
            )
        )
        self.block = nn.Sequential(*layers)
        self.out_channels = cnf.out_channels
        self._is_cn = cnf.stride > 1

    def forward(self, input):
        result = self.block(input)
        if self.use_res_connect:
            result += input
        return result


class MobileNetV3(nn.Module):
    """Blocks of the configurations ``inverted_residual_setting``, then a classifier of ``last_channel``."""

    def __init__(
        self,
        inverted_residual_setting,
        last_channel,
        num_classes=1000,
        block=None,
        norm_layer=None,
        dropout=0.2,
        **kwargs,
    ):
        super().__init__()
        setting = inverted_residual_setting
        if not setting:
            raise ValueError("The inverted_residual_setting should not be empty")
        if not all(isinstance(s, InvertedResidualConfig) for s in setting):
            raise TypeError("The inverted_residual_setting should be List[InvertedResidualConfig]")
        block = block or InvertedResidual
        norm_layer = norm_layer or partial(nn.BatchNorm2d, eps=0.001, momentum=0.01)
        shared = {"norm_layer": norm_layer, "activation_layer": nn.Hardswish}
        last_conv = 6 * setting[-1].out_channels
        self.features = nn.Sequential(
            Conv2dNormActivation(3, setting[0].input_channels, kernel_size=3, stride=2, **shared),
            *(block(cnf, norm_layer) for cnf in setting),
            Conv2dNormActivation(setting[-1].out_channels, last_conv, kernel_size=1, **shared),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            nn.Linear(last_conv, last_channel),
            nn.Hardswish(inplace=True),
            nn.Dropout(p=dropout, inplace=True),
            nn.Linear(last_channel, num_classes),
        )
        init_layers(self, conv=by_outputs, linear=partial(nn.init.normal_, mean=0, std=0.01))

    def forward(self, x):
        return self.classifier(cygrad.flatten(self.avgpool(self.features(x)), 1))


# Input, kernel, expanded and output channels, squeeze and excitation, activation, stride.
_LARGE = """
16 3  16  16 - RE 1
16 3  64  24 - RE 2
24 3  72  24 - RE 1
24 5  72  40 + RE 2
40 5 120  40 + RE 1
40 5 120  40 + RE 1
40 3 240  80 - HS 2
80 3 200  80 - HS 1
80 3 184  80 - HS 1
80 3 184  80 - HS 1
80 3 480 112 + HS 1
112 3 672 112 + HS 1
112 5 672 160 + HS 2
160 5 960 160 + HS 1
160 5 960 160 + HS 1
"""
_SMALL = """
16 3  16 16 + RE 2
16 3  72 24 - RE 2
24 3  88 24 - RE 1
24 5  96 40 + HS 2
40 5 240 40 + HS 1
40 5 240 40 + HS 1
40 5 120 48 + HS 1
48 5 144 48 + HS 1
48 5 288 96 + HS 2
96 5 576 96 + HS 1
96 5 576 96 + HS 1
"""


def _setting(rows, width_mult=1.0, reduced_tail=False, dilated=False):
    """The configurations of a table; the last three may have half the channels, and dilation in place of the stride."""
    rows = [row.split() for row in rows.strip().splitlines()]
    found = []
    for index, (inp, kernel, expanded, out, se, activation, stride) in enumerate(rows):
        in_tail, after_tail_start = index >= len(rows) - 3, index >= len(rows) - 2
        divide = 2 if reduced_tail else 1
        found.append(
            InvertedResidualConfig(
                int(inp) // (divide if after_tail_start else 1),
                int(kernel),
                int(expanded) // (divide if after_tail_start else 1),
                int(out) // (divide if in_tail else 1),
                se == "+",
                activation,
                int(stride),
                2 if dilated and in_tail else 1,
                width_mult,
            )
        )
    return found


def _builder(name, enum, rows, last_channel):
    def make(*, width_mult=1.0, reduced_tail=False, dilated=False, **kwargs):
        setting = _setting(rows, width_mult, reduced_tail, dilated)
        last = last_channel // (2 if reduced_tail else 1)
        last = InvertedResidualConfig.adjust_channels(last, width_mult)
        return MobileNetV3(setting, last, **kwargs)

    return builder(name, enum, make)


MobileNet_V3_Large_Weights = weights_enum("MobileNet_V3_Large", __name__)
MobileNet_V3_Small_Weights = weights_enum("MobileNet_V3_Small", __name__)
mobilenet_v3_large = _builder("mobilenet_v3_large", MobileNet_V3_Large_Weights, _LARGE, 1280)
mobilenet_v3_small = _builder("mobilenet_v3_small", MobileNet_V3_Small_Weights, _SMALL, 1024)
