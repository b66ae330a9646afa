"""DenseNet (Huang et al., 2016)."""

import re
from collections import OrderedDict

import cygrad
from cygrad import nn
from cygrad.nn import functional as F
from cygrad.utils.checkpoint import checkpoint

from ._api import builder, weights_enum
from ._utils import init_layers


class _DenseLayer(nn.Module):
    """1 x 1 and 3 x 3 over all maps so far, each after norm and ReLU."""

    def __init__(self, num_input_features, growth_rate, bn_size, drop_rate, memory_efficient=False):
        super().__init__()
        self.norm1 = nn.BatchNorm2d(num_input_features)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(
            num_input_features, bn_size * growth_rate, kernel_size=1, stride=1, bias=False
        )
        self.norm2 = nn.BatchNorm2d(bn_size * growth_rate)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(
            bn_size * growth_rate, growth_rate, kernel_size=3, stride=1, padding=1, bias=False
        )
        self.drop_rate = float(drop_rate)
        self.memory_efficient = memory_efficient

    def bn_function(self, *inputs):
        return self.conv1(self.relu1(self.norm1(cygrad.cat(inputs, 1))))

    def forward(self, input):
        inputs = [input] if isinstance(input, cygrad.Tensor) else input
        if self.memory_efficient and any(tensor.requires_grad for tensor in inputs):
            squeezed = checkpoint(self.bn_function, *inputs, use_reentrant=False)
        else:
            squeezed = self.bn_function(*inputs)
        new = self.conv2(self.relu2(self.norm2(squeezed)))
        return F.dropout(new, p=self.drop_rate, training=self.training) if self.drop_rate else new


class _DenseBlock(nn.ModuleDict):
    def __init__(
        self,
        num_layers,
        num_input_features,
        bn_size,
        growth_rate,
        drop_rate,
        memory_efficient=False,
    ):
        super().__init__()
        for i in range(num_layers):
            self[f"denselayer{i + 1}"] = _DenseLayer(
                num_input_features + i * growth_rate,
                growth_rate,
                bn_size,
                drop_rate,
                memory_efficient,
            )

    def forward(self, init_features):
        features = [init_features]
        for layer in self.values():
            features.append(layer(features))
        return cygrad.cat(features, 1)


class _Transition(nn.Sequential):
    """Between blocks: half the channels, half the size."""

    def __init__(self, num_input_features, num_output_features):
        super().__init__()
        self.norm = nn.BatchNorm2d(num_input_features)
        self.relu = nn.ReLU(inplace=True)
        self.conv = nn.Conv2d(
            num_input_features, num_output_features, kernel_size=1, stride=1, bias=False
        )
        self.pool = nn.AvgPool2d(kernel_size=2, stride=2)


class DenseNet(nn.Module):
    """Blocks in which each layer reads the maps of all before it.

    ``growth_rate`` maps come from a layer, ``block_config`` layers make the blocks, ``bn_size`` times the growth pass
    the 1 x 1; ``memory_efficient`` computes these again in the backward pass.
    """

    def __init__(
        self,
        growth_rate=32,
        block_config=(6, 12, 24, 16),
        num_init_features=64,
        bn_size=4,
        drop_rate=0,
        num_classes=1000,
        memory_efficient=False,
    ):
        super().__init__()
        self.features = nn.Sequential(
            OrderedDict(
                conv0=nn.Conv2d(
                    3, num_init_features, kernel_size=7, stride=2, padding=3, bias=False
                ),
                norm0=nn.BatchNorm2d(num_init_features),
                relu0=nn.ReLU(inplace=True),
                pool0=nn.MaxPool2d(kernel_size=3, stride=2, padding=1),
            )
        )
        channels = num_init_features
        for i, num_layers in enumerate(block_config):
            block = _DenseBlock(
                num_layers, channels, bn_size, growth_rate, drop_rate, memory_efficient
            )
            self.features.add_module(f"denseblock{i + 1}", block)
            channels += num_layers * growth_rate
            if i != len(block_config) - 1:
                transition = _Transition(channels, channels // 2)
                self.features.add_module(f"transition{i + 1}", transition)
                channels //= 2
        self.features.add_module("norm5", nn.BatchNorm2d(channels))
        self.classifier = nn.Linear(channels, num_classes)
        init_layers(self, conv=nn.init.kaiming_normal_)
        nn.init.zeros_(self.classifier.bias)

    def forward(self, x):
        out = F.relu(self.features(x), inplace=True)
        return self.classifier(cygrad.flatten(F.adaptive_avg_pool2d(out, (1, 1)), 1))


def _load(model, weights, progress):
    # The files are older than the rule that a module's name has no dot: `norm.1.weight` is `norm1.weight` today.
    state = weights.get_state_dict(progress=progress, check_hash=True)
    old = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.([12]\.)")
    model.load_state_dict({old.sub(r"\1\2", name): value for name, value in state.items()})
    return model


def _builder(name, enum, growth_rate, block_config, num_init_features):
    def make(**kwargs):
        return DenseNet(growth_rate, block_config, num_init_features, **kwargs)

    return builder(name, enum, make, load=_load)


DenseNet121_Weights = weights_enum("DenseNet121", __name__)
DenseNet161_Weights = weights_enum("DenseNet161", __name__)
DenseNet169_Weights = weights_enum("DenseNet169", __name__)
DenseNet201_Weights = weights_enum("DenseNet201", __name__)
densenet121 = _builder("densenet121", DenseNet121_Weights, 32, (6, 12, 24, 16), 64)
densenet161 = _builder("densenet161", DenseNet161_Weights, 48, (6, 12, 36, 24), 96)
densenet169 = _builder("densenet169", DenseNet169_Weights, 32, (6, 12, 32, 32), 64)
densenet201 = _builder("densenet201", DenseNet201_Weights, 32, (6, 12, 48, 32), 64)
