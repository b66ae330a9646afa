"""The modules of torch.nn, one file for each family."""

# ruff: noqa: F401

from . import (
    activation,
    adaptive,
    batchnorm,
    channelshuffle,
    container,
    conv,
    distance,
    dropout,
    flatten,
    fold,
    instancenorm,
    lazy,
    linear,
    linear_cross_entropy_options,
    loss,
    module,
    normalization,
    padding,
    pixelshuffle,
    pooling,
    rnn,
    sparse,
    transformer,
    upsampling,
    utils,
)
from .linear_cross_entropy_options import LinearCrossEntropyOptions
from .module import Module

_FAMILIES = (
    activation, adaptive, batchnorm, channelshuffle, container, conv, distance, dropout, flatten,
    fold, instancenorm, linear, loss, normalization, padding, pixelshuffle, pooling, rnn, sparse,
    transformer, upsampling,
)
# NonDynamicallyQuantizableLinear is reached by its own path only, as in PyTorch.
_CLASSES = {
    name: value
    for family in _FAMILIES
    for name, value in vars(family).items()
    if isinstance(value, type)
    and issubclass(value, Module)
    and value.__module__ == family.__name__
    and not name.startswith("_")
    and name != "NonDynamicallyQuantizableLinear"
}
globals().update(_CLASSES)
__all__ = ["LinearCrossEntropyOptions", "Module", *sorted(_CLASSES)]
