"""The import path of Module that PyTorch code uses; see `cygrad.nn.module`."""

# ruff: noqa: F401

from .._hooks import (
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
