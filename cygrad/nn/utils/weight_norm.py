"""The older weight normalisation, by a forward hook (Salimans and Kingma, 2016)."""

import warnings

from ..parameter import Parameter
from ._weight_hook import WeightHook


def norm_except_dim(v, dim):
    """The norm over all dimensions but ``dim`` (None: over all), of a shape to broadcast."""
    if dim is None or dim == -1:
        return v.norm()
    dim = dim % v.dim()
    rows = v.transpose(0, dim)
    norm = rows.reshape(rows.size(0), -1).norm(2, 1)
    shape = [1] * v.dim()
    shape[dim] = -1
    return norm.reshape(shape)


class WeightNorm(WeightHook):
    """The hook that computes weight = g v / ||v|| before each forward."""

    _title = "weight_norm"
    _parts = ("_g", "_v")

    def __init__(self, name, dim):
        self.name = name
        self.dim = -1 if dim is None else dim

    def compute_weight(self, module):
        """The weight of the module's g and v."""
        g, v = getattr(module, self.name + "_g"), getattr(module, self.name + "_v")
        return v * (g / norm_except_dim(v, self.dim))

    @staticmethod
    def apply(module, name, dim):
        """Replace the parameter ``name`` by g and v."""
        hook = WeightNorm(name, dim)
        hook._check_alone(module)
        weight = getattr(module, name)
        del module._parameters[name]
        module.register_parameter(name + "_g", Parameter(norm_except_dim(weight, hook.dim).data))
        module.register_parameter(name + "_v", Parameter(weight.data))
        setattr(module, name, hook.compute_weight(module))
        module.register_forward_pre_hook(hook)
        return hook

    def remove(self, module):
        """Put an ordinary parameter back."""
        self._restore(module, self.compute_weight(module))

    def __call__(self, module, inputs):
        setattr(module, self.name, self.compute_weight(module))


def weight_norm(module, name="weight", dim=0):
    """Split a parameter into magnitude name_g and direction name_v; deprecated.

    module: a module
    name: a name
    dim: the dimension, counted from the last where it is negative
    """
    warnings.warn(
        "`torch.nn.utils.weight_norm` is deprecated "
        "in favor of `torch.nn.utils.parametrizations.weight_norm`.",
        FutureWarning,
        stacklevel=2,
    )
    WeightNorm.apply(module, name, dim)
    return module


def remove_weight_norm(module, name="weight"):
    """Undo `weight_norm`.

    module: a module
    name: a name
    """
    return WeightNorm._remove_from(module, name)
