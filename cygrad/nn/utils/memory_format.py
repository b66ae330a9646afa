"""Memory formats of convolution weights."""

from ..modules.conv import Conv2d, Conv3d, ConvTranspose2d, ConvTranspose3d


def _convert(module, memory_format, classes):
    for m in module.modules():
        if isinstance(m, classes):
            m.weight.data = m.weight.detach().clone(memory_format=memory_format)
    return module


def convert_conv2d_weight_memory_format(module, memory_format):
    """Give the weights of all 2-d convolutions a memory format.

    module: a module
    memory_format: how the result's elements lie in memory
    """
    return _convert(module, memory_format, (Conv2d, ConvTranspose2d))


def convert_conv3d_weight_memory_format(module, memory_format):
    """Give the weights of all 3-d convolutions a memory format.

    module: a module
    memory_format: how the result's elements lie in memory
    """
    return _convert(module, memory_format, (Conv3d, ConvTranspose3d))
