"""ConvNeXt (Liu et al., "A ConvNet for the 2020s", 2022)."""

from functools import partial

import cygrad
from cygrad import nn
from cygrad.nn import functional as F

from ..ops import Permute, StochasticDepth
from ..ops.misc import Conv2dNormActivation
from ._api import builder, weights_enum
from ._utils import init_layers


class LayerNorm2d(nn.LayerNorm):
    """`LayerNorm` over the channels of images."""

    def forward(self, x):
        x = x.permute(0, 2, 3, 1)
        x = F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)
        return x.permute(0, 3, 1, 2)


class CNBlock(nn.Module):
    """7 x 7 by channel, norm, and two linear layers over the channels, scaled, beside the identity."""

    def __init__(self, dim, layer_scale, stochastic_depth_prob, norm_layer=None):
        super().__init__()
        norm_layer = norm_layer or partial(nn.LayerNorm, eps=1e-6)
        self.block = nn.Sequential(
            nn.Conv2d(dim, dim, kernel_size=7, padding=3, groups=dim, bias=True),
            Permute([0, 2, 3, 1]),
            norm_layer(dim),
            nn.Linear(dim, 4 * dim, bias=True),
            nn.GELU(),
            nn.Linear(4 * dim, dim, bias=True),
            Permute([0, 3, 1, 2]),
        )
        self.layer_scale = nn.Parameter(cygrad.ones(dim, 1, 1) * layer_scale)
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")

    def forward(self, input):
        return self.stochastic_depth(self.layer_scale * self.block(input)) + input


class CNBlockConfig:
    """A stage of ``num_layers`` blocks; then, unless ``out_channels`` is None, half the size."""

    def __init__(self, input_channels, out_channels, num_layers):
        self.input_channels = input_channels
        self.out_channels = out_channels
        self.num_layers = num_layers


class ConvNeXt(nn.Module):
    """Stages of the configurations ``block_setting``; dropping a block grows likelier up to the given probability."""

    def __init__(
        self,
        block_setting,
        stochastic_depth_prob=0.0,
        layer_scale=1e-6,
        num_classes=1000,
        block=None,
        norm_layer=None,
        **kwargs,
    ):
        super().__init__()
        if not block_setting:
            raise ValueError("The block_setting should not be empty")
        if not all(isinstance(cnf, CNBlockConfig) for cnf in block_setting):
            raise TypeError("The block_setting should be List[CNBlockConfig]")
        block = block or CNBlock
        norm_layer = norm_layer or partial(LayerNorm2d, eps=1e-6)
        layers = [
            Conv2dNormActivation(
                3,
                block_setting[0].input_channels,
                kernel_size=4,
                stride=4,
                padding=0,
                norm_layer=norm_layer,
                activation_layer=None,
                bias=True,
            )
        ]
        total = sum(cnf.num_layers for cnf in block_setting)
        done = 0
        for cnf in block_setting:
            stage = []
            for _ in range(cnf.num_layers):
                probability = stochastic_depth_prob * done / (total - 1.0)
                stage.append(block(cnf.input_channels, layer_scale, probability))
                done += 1
            layers.append(nn.Sequential(*stage))
            if cnf.out_channels is not None:
                layers.append(
                    nn.Sequential(
                        norm_layer(cnf.input_channels),
                        nn.Conv2d(cnf.input_channels, cnf.out_channels, kernel_size=2, stride=2),
                    )
                )
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        last = block_setting[-1].out_channels or block_setting[-1].input_channels
        self.classifier = nn.Sequential(
            norm_layer(last), nn.Flatten(1), nn.Linear(last, num_classes)
        )
        draw = partial(nn.init.trunc_normal_, std=0.02)
        init_layers(self, conv=draw, linear=draw)

    def forward(self, x):
        return self.classifier(self.avgpool(self.features(x)))


def _builder(name, enum, channels, depths, stochastic_depth_prob):
    def make(*, stochastic_depth_prob=stochastic_depth_prob, **kwargs):
        stages = zip(channels, [*channels[1:], None], depths)
        setting = [CNBlockConfig(*stage) for stage in stages]
        return ConvNeXt(setting, stochastic_depth_prob, **kwargs)

    return builder(name, enum, make)


ConvNeXt_Tiny_Weights = weights_enum("ConvNeXt_Tiny", __name__)
ConvNeXt_Small_Weights = weights_enum("ConvNeXt_Small", __name__)
ConvNeXt_Base_Weights = weights_enum("ConvNeXt_Base", __name__)
ConvNeXt_Large_Weights = weights_enum("ConvNeXt_Large", __name__)

_96, _deep = [96, 192, 384, 768], [3, 3, 27, 3]
_128, _192 = [128, 256, 512, 1024], [192, 384, 768, 1536]
convnext_tiny = _builder("convnext_tiny", ConvNeXt_Tiny_Weights, _96, [3, 3, 9, 3], 0.1)
convnext_small = _builder("convnext_small", ConvNeXt_Small_Weights, _96, _deep, 0.4)
convnext_base = _builder("convnext_base", ConvNeXt_Base_Weights, _128, _deep, 0.5)
convnext_large = _builder("convnext_large", ConvNeXt_Large_Weights, _192, _deep, 0.5)
