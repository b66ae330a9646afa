"""The import path of Module that PyTorch code uses; see `cygrad.nn.module`."""

# ruff: noqa: F401

from .._hooks import (
    GLOBAL as _GLOBAL,
    register_module_backward_hook,
    register_module_buffer_registration_hook,
    register_module_forward_hook,
    register_module_forward_pre_hook,
    register_module_full_backward_hook,
    register_module_full_backward_pre_hook,
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
)
from ..module import _EXTRA_STATE_KEY_SUFFIX, Module, _IncompatibleKeys

# the dictionaries that hooks are looked up in
_global_forward_pre_hooks = _GLOBAL.forward_pre
_global_forward_hooks = _GLOBAL.forward
_global_forward_hooks_with_kwargs = _GLOBAL.forward_with_kwargs
_global_forward_hooks_always_called = _GLOBAL.forward_always
_global_backward_pre_hooks = _GLOBAL.backward_pre
_global_backward_hooks = _GLOBAL.backward
_global_parameter_registration_hooks = _GLOBAL.parameter_registration
_global_module_registration_hooks = _GLOBAL.module_registration
_global_buffer_registration_hooks = _GLOBAL.buffer_registration


def _addindent(text, numSpaces):
    """The lines of a text, those after the first moved to the right."""
    return ("\n" + " " * numSpaces).join(text.split("\n"))
