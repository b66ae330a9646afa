"""Helpers that several models share."""

from collections import OrderedDict
from functools import partial

from cygrad import nn


def _make_divisible(v, divisor, min_value=None):
    """`v` rounded to a multiple of `divisor`, but not below 90 % of it."""
    rounded = max(min_value or divisor, int(v + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * v else rounded


by_outputs = partial(nn.init.kaiming_normal_, mode="fan_out")
_KINDS = {"conv": nn.Conv2d, "linear": nn.Linear, "norm": (nn.BatchNorm2d, nn.GroupNorm)}


def init_layers(model, zero_biases=True, **draws):
    """Start the layers of a model: ``conv(weight)`` and ``linear(weight)`` draw, norms become the identity.

    Biases of the drawn kinds become 0; a kind that is not given stays as it is.
    """
    draws["norm"] = nn.init.ones_
    for module in model.modules():
        for kind, draw in draws.items():
            if isinstance(module, _KINDS[kind]):
                draw(module.weight)
                if module.bias is not None and (zero_biases or kind == "norm"):
                    nn.init.zeros_(module.bias)


class IntermediateLayerGetter(nn.ModuleDict):
    """Runs the children of a model in order and returns some of their outputs, {new name: output}.

    ``return_layers`` is {name of the child: new name}; what comes after the last of them is left out.
    """

    def __init__(self, model, return_layers):
        names = [name for name, _ in model.named_children()]
        if not set(map(str, return_layers)) <= set(names):
            raise ValueError("return_layers are not present in model")
        last = max(names.index(str(name)) for name in return_layers)
        super().__init__(OrderedDict(list(model.named_children())[: last + 1]))
        self.return_layers = {str(name): new for name, new in return_layers.items()}

    def forward(self, x):
        out = OrderedDict()
        for name, module in self.items():
            x = module(x)
            if name in self.return_layers:
                out[self.return_layers[name]] = x
        return out
