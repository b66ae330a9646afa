"""EfficientNet (Tan and Le, 2019) and EfficientNetV2 (2021)."""

import copy
import math
from functools import partial

import cygrad
from cygrad import nn

from ..ops import StochasticDepth
from ..ops.misc import Conv2dNormActivation, SqueezeExcitation
from ._api import builder, weights_enum
from ._utils import _make_divisible, by_outputs, init_layers


class MBConvConfig:
    """A stage of ``num_layers`` blocks; the multipliers scale channels and depth."""

    fused = False

    def __init__(
        self,
        expand_ratio,
        kernel,
        stride,
        input_channels,
        out_channels,
        num_layers,
        width_mult=1.0,
        depth_mult=1.0,
        block=None,
    ):
        self.expand_ratio = expand_ratio
        self.kernel = kernel
        self.stride = stride
        self.input_channels = self.adjust_channels(input_channels, width_mult)
        self.out_channels = self.adjust_channels(out_channels, width_mult)
        self.num_layers = math.ceil(num_layers * depth_mult)
        self.block = block or (FusedMBConv if self.fused else MBConv)

    @staticmethod
    def adjust_channels(channels, width_mult, min_value=None):
        return _make_divisible(channels * width_mult, 8, min_value)


class FusedMBConvConfig(MBConvConfig):
    """A stage of `FusedMBConv`."""

    fused = True


class _Block(nn.Module):
    """``block`` beside the identity where that fits, dropped for samples at random in training."""

    def __init__(self, cnf, layers, stochastic_depth_prob):
        super().__init__()
        if not 1 <= cnf.stride <= 2:
            raise ValueError("illegal stride value")
        self.use_res_connect = cnf.stride == 1 and cnf.input_channels == cnf.out_channels
        self.block = nn.Sequential(*layers)
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")
        self.out_channels = cnf.out_channels

    def forward(self, input):
        result = self.block(input)
        if self.use_res_connect:
            result = self.stochastic_depth(result)
            result += input
        return result


class MBConv(_Block):
    """Expansion, convolution by channel, squeeze and excitation, projection."""

    def __init__(self, cnf, stochastic_depth_prob, norm_layer, se_layer=SqueezeExcitation):
        shared = {"norm_layer": norm_layer, "activation_layer": nn.SiLU}
        expanded = cnf.adjust_channels(cnf.input_channels, cnf.expand_ratio)
        layers = []
        if expanded != cnf.input_channels:
            layers.append(
                Conv2dNormActivation(cnf.input_channels, expanded, kernel_size=1, **shared)
            )
        layers += [
            Conv2dNormActivation(
                expanded,
                expanded,
                kernel_size=cnf.kernel,
                stride=cnf.stride,
                groups=expanded,
                **shared,
            ),
            se_layer(
                expanded,
                max(1, cnf.input_channels // 4),
                activation=partial(nn.SiLU, inplace=True),
            ),
            Conv2dNormActivation(
                expanded,
                cnf.out_channels,
                kernel_size=1,
                norm_layer=norm_layer,
                activation_layer=None,
            ),
        ]
        super().__init__(cnf, layers, stochastic_depth_prob)


class FusedMBConv(_Block):
    """The expansion and the convolution as one."""

    def __init__(self, cnf, stochastic_depth_prob, norm_layer):
        first = {"kernel_size": cnf.kernel, "stride": cnf.stride, "norm_layer": norm_layer}
        expanded = cnf.adjust_channels(cnf.input_channels, cnf.expand_ratio)
        if expanded == cnf.input_channels:
            layers = [
                Conv2dNormActivation(
                    cnf.input_channels, cnf.out_channels, activation_layer=nn.SiLU, **first
                )
            ]
        else:
            layers = [
                Conv2dNormActivation(
                    cnf.input_channels, expanded, activation_layer=nn.SiLU, **first
                ),
                Conv2dNormActivation(
                    expanded,
                    cnf.out_channels,
                    kernel_size=1,
                    norm_layer=norm_layer,
                    activation_layer=None,
                ),
            ]
        super().__init__(cnf, layers, stochastic_depth_prob)


def _uniform_by_outputs(weight):
    bound = 1.0 / math.sqrt(weight.shape[0])
    nn.init.uniform_(weight, -bound, bound)


class EfficientNet(nn.Module):
    """Stages of the configurations ``inverted_residual_setting``.

    The last of them is dropped at random with nearly ``stochastic_depth_prob``, those before less.
    """

    def __init__(
        self,
        inverted_residual_setting,
        dropout,
        stochastic_depth_prob=0.2,
        num_classes=1000,
        norm_layer=None,
        last_channel=None,
    ):
        super().__init__()
        setting = inverted_residual_setting
        if not setting:
            raise ValueError("The inverted_residual_setting should not be empty")
        if not all(isinstance(s, MBConvConfig) for s in setting):
            raise TypeError("The inverted_residual_setting should be List[MBConvConfig]")
        norm_layer = norm_layer or nn.BatchNorm2d
        shared = {"norm_layer": norm_layer, "activation_layer": nn.SiLU}
        layers = [
            Conv2dNormActivation(3, setting[0].input_channels, kernel_size=3, stride=2, **shared)
        ]
        total = sum(cnf.num_layers for cnf in setting)
        done = 0
        for cnf in setting:
            stage = []
            for _ in range(cnf.num_layers):
                block_cnf = copy.copy(cnf)
                if stage:
                    block_cnf.input_channels = block_cnf.out_channels
                    block_cnf.stride = 1
                probability = stochastic_depth_prob * float(done) / total
                stage.append(block_cnf.block(block_cnf, probability, norm_layer))
                done += 1
            layers.append(nn.Sequential(*stage))
        last_in = setting[-1].out_channels
        last_out = 4 * last_in if last_channel is None else last_channel
        layers.append(Conv2dNormActivation(last_in, last_out, kernel_size=1, **shared))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            nn.Dropout(p=dropout, inplace=True), nn.Linear(last_out, num_classes)
        )
        init_layers(self, conv=by_outputs, linear=_uniform_by_outputs)

    def forward(self, x):
        return self.classifier(cygrad.flatten(self.avgpool(self.features(x)), 1))


def _rows(shapes, channels, layers):
    """Of each stage expansion, kernel, stride, input and output channels, and blocks."""
    return [(*shapes[i], *channels[i : i + 2], n) for i, n in enumerate(layers)]


_B = _rows(
    [(1, 3, 1), (6, 3, 2), (6, 5, 2), (6, 3, 2), (6, 5, 1), (6, 5, 2), (6, 3, 1)],
    (32, 16, 24, 40, 80, 112, 192, 320),
    (1, 2, 2, 3, 3, 4, 1),
)
# Of the second version the first three stages are fused.
_V2 = [(1, 3, 1), (4, 3, 2), (4, 3, 2), (4, 3, 2), (6, 3, 1), (6, 3, 2), (6, 3, 1)]
_V2_S = _rows(_V2, (24, 24, 48, 64, 128, 160, 256), (2, 4, 4, 6, 9, 15))
_V2_M = _rows(_V2, (24, 24, 48, 80, 160, 176, 304, 512), (3, 5, 5, 7, 14, 18, 5))
_V2_L = _rows(_V2, (32, 32, 64, 96, 192, 224, 384, 640), (4, 7, 7, 10, 19, 25, 7))


def _first(name, enum, width_mult, depth_mult, dropout, norm_layer=None):
    def make(*, dropout=dropout, **kwargs):
        setting = [MBConvConfig(*row, width_mult, depth_mult) for row in _B]
        kwargs.setdefault("norm_layer", norm_layer)
        return EfficientNet(setting, dropout, **kwargs)

    return builder(name, enum, make)


def _second(name, enum, rows, dropout):
    def make(*, dropout=dropout, **kwargs):
        kinds = [FusedMBConvConfig] * 3 + [MBConvConfig] * (len(rows) - 3)
        kwargs.setdefault("norm_layer", partial(nn.BatchNorm2d, eps=1e-03))
        setting = [kind(*row) for kind, row in zip(kinds, rows)]
        return EfficientNet(setting, dropout, last_channel=1280, **kwargs)

    return builder(name, enum, make)


EfficientNet_B0_Weights = weights_enum("EfficientNet_B0", __name__)
EfficientNet_B1_Weights = weights_enum("EfficientNet_B1", __name__)
EfficientNet_B2_Weights = weights_enum("EfficientNet_B2", __name__)
EfficientNet_B3_Weights = weights_enum("EfficientNet_B3", __name__)
EfficientNet_B4_Weights = weights_enum("EfficientNet_B4", __name__)
EfficientNet_B5_Weights = weights_enum("EfficientNet_B5", __name__)
EfficientNet_B6_Weights = weights_enum("EfficientNet_B6", __name__)
EfficientNet_B7_Weights = weights_enum("EfficientNet_B7", __name__)
EfficientNet_V2_S_Weights = weights_enum("EfficientNet_V2_S", __name__)
EfficientNet_V2_M_Weights = weights_enum("EfficientNet_V2_M", __name__)
EfficientNet_V2_L_Weights = weights_enum("EfficientNet_V2_L", __name__)

_norm = partial(
    nn.BatchNorm2d, eps=0.001, momentum=0.01
)  # of the weights that came from TensorFlow
efficientnet_b0 = _first("efficientnet_b0", EfficientNet_B0_Weights, 1.0, 1.0, 0.2)
efficientnet_b1 = _first("efficientnet_b1", EfficientNet_B1_Weights, 1.0, 1.1, 0.2)
efficientnet_b2 = _first("efficientnet_b2", EfficientNet_B2_Weights, 1.1, 1.2, 0.3)
efficientnet_b3 = _first("efficientnet_b3", EfficientNet_B3_Weights, 1.2, 1.4, 0.3)
efficientnet_b4 = _first("efficientnet_b4", EfficientNet_B4_Weights, 1.4, 1.8, 0.4)
efficientnet_b5 = _first("efficientnet_b5", EfficientNet_B5_Weights, 1.6, 2.2, 0.4, _norm)
efficientnet_b6 = _first("efficientnet_b6", EfficientNet_B6_Weights, 1.8, 2.6, 0.5, _norm)
efficientnet_b7 = _first("efficientnet_b7", EfficientNet_B7_Weights, 2.0, 3.1, 0.5, _norm)
efficientnet_v2_s = _second("efficientnet_v2_s", EfficientNet_V2_S_Weights, _V2_S, 0.2)
efficientnet_v2_m = _second("efficientnet_v2_m", EfficientNet_V2_M_Weights, _V2_M, 0.3)
efficientnet_v2_l = _second("efficientnet_v2_l", EfficientNet_V2_L_Weights, _V2_L, 0.4)
