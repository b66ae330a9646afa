"""torch.__future__: how modules are converted and loaded; PyTorch's defaults are all there is."""

from ._standins import refusing

_WHY = "modules are converted in place"


def get_overwrite_module_params_on_conversion():
    """Whether converting a module makes new parameters: no."""
    return False


def get_swap_module_params_on_conversion():
    """Whether converting a module swaps its parameters for others: no."""
    return False


set_overwrite_module_params_on_conversion = refusing("__future__.set_overwrite_module_params_on_conversion", _WHY)
set_swap_module_params_on_conversion = refusing("__future__.set_swap_module_params_on_conversion", _WHY)
