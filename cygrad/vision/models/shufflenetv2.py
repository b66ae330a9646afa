"""ShuffleNetV2 (Ma et al., 2018)."""

import cygrad
from cygrad import nn
from cygrad.nn import functional as F

from ._api import builder, weights_enum


def _conv_norm(inp, oup, kernel_size, relu=True, **how):
    layers = [nn.Conv2d(inp, oup, kernel_size, bias=False, **how), nn.BatchNorm2d(oup)]
    return [*layers, nn.ReLU(inplace=True)] if relu else layers


class InvertedResidual(nn.Module):
    """Two halves of the channels, one of them through convolutions; at stride 2 both, from all channels."""

    def __init__(self, inp, oup, stride):
        super().__init__()
        if not 1 <= stride <= 3:
            raise ValueError("illegal stride value")
        half = oup // 2
        if stride == 1 and inp != half << 1:
            raise ValueError(
                f"Invalid combination of stride {stride}, inp {inp} and oup {oup} values. If stride == 1 then inp "
                f"should be equal to oup // 2 << 1."
            )
        self.stride = stride
        by_channel = {"stride": stride, "padding": 1}
        self.branch1 = nn.Sequential()
        if stride > 1:
            self.branch1 = nn.Sequential(
                *_conv_norm(inp, inp, 3, relu=False, groups=inp, **by_channel),
                *_conv_norm(inp, half, 1),
            )
        self.branch2 = nn.Sequential(
            *_conv_norm(inp if stride > 1 else half, half, 1),
            *_conv_norm(half, half, 3, relu=False, groups=half, **by_channel),
            *_conv_norm(half, half, 1),
        )

    def forward(self, x):
        if self.stride == 1:
            kept, x = x.chunk(2, dim=1)
            out = cygrad.cat((kept, self.branch2(x)), dim=1)
        else:
            out = cygrad.cat((self.branch1(x), self.branch2(x)), dim=1)
        return F.channel_shuffle(out, 2)


class ShuffleNetV2(nn.Module):
    """Three stages with the given numbers of blocks and, with the first and the last layer, five of channels."""

    def __init__(
        self,
        stages_repeats,
        stages_out_channels,
        num_classes=1000,
        inverted_residual=InvertedResidual,
    ):
        super().__init__()
        if len(stages_repeats) != 3:
            raise ValueError("expected stages_repeats as list of 3 positive ints")
        if len(stages_out_channels) != 5:
            raise ValueError("expected stages_out_channels as list of 5 positive ints")
        self._stage_out_channels = stages_out_channels
        first, *stages, last = stages_out_channels
        self.conv1 = nn.Sequential(*_conv_norm(3, first, 3, stride=2, padding=1))
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        channels = first
        for index, (repeats, size) in enumerate(zip(stages_repeats, stages)):
            blocks = [inverted_residual(channels, size, 2)]
            blocks += [inverted_residual(size, size, 1) for _ in range(repeats - 1)]
            setattr(self, f"stage{index + 2}", nn.Sequential(*blocks))
            channels = size
        self.conv5 = nn.Sequential(*_conv_norm(channels, last, 1))
        self.fc = nn.Linear(last, num_classes)

    def forward(self, x):
        x = self.maxpool(self.conv1(x))
        x = self.conv5(self.stage4(self.stage3(self.stage2(x))))
        return self.fc(x.mean([2, 3]))


def _builder(name, enum, channels):
    def make(**kwargs):
        return ShuffleNetV2([4, 8, 4], channels, **kwargs)

    return builder(name, enum, make)


ShuffleNet_V2_X0_5_Weights = weights_enum("ShuffleNet_V2_X0_5", __name__)
ShuffleNet_V2_X1_0_Weights = weights_enum("ShuffleNet_V2_X1_0", __name__)
ShuffleNet_V2_X1_5_Weights = weights_enum("ShuffleNet_V2_X1_5", __name__)
ShuffleNet_V2_X2_0_Weights = weights_enum("ShuffleNet_V2_X2_0", __name__)
shufflenet_v2_x0_5 = _builder(
    "shufflenet_v2_x0_5", ShuffleNet_V2_X0_5_Weights, [24, 48, 96, 192, 1024]
)
shufflenet_v2_x1_0 = _builder(
    "shufflenet_v2_x1_0", ShuffleNet_V2_X1_0_Weights, [24, 116, 232, 464, 1024]
)
shufflenet_v2_x1_5 = _builder(
    "shufflenet_v2_x1_5", ShuffleNet_V2_X1_5_Weights, [24, 176, 352, 704, 1024]
)
shufflenet_v2_x2_0 = _builder(
    "shufflenet_v2_x2_0", ShuffleNet_V2_X2_0_Weights, [24, 244, 488, 976, 2048]
)
