"""Automatic differentiation: the functions around the graph and its engine."""

import importlib

from .. import _core, _dispatch, _engine
from .._core import Tensor
from .._engine import backward
from . import anomaly_mode, forward_ad, function, functional, grad_mode, graph, variable
from ._grad import grad
from ._saved_names import SAVED
from .anomaly_mode import detect_anomaly, set_detect_anomaly
from .function import Function, NestedIOFunction
from .grad_mode import (
    enable_grad,
    enforce_grad_layout_policy,
    inference_mode,
    is_multithreading_enabled,
    no_grad,
    set_grad_enabled,
    set_multithreading_enabled,
)
from .gradcheck import gradcheck, gradgradcheck
from .variable import Variable

__all__ = [
    "Function", "NestedIOFunction", "Variable", "anomaly_mode", "backward", "detect_anomaly", "enable_grad",
    "enforce_grad_layout_policy", "forward_ad", "function", "functional", "grad", "grad_mode", "gradcheck",
    "gradgradcheck", "graph", "inference_mode", "is_multithreading_enabled", "no_grad", "set_detect_anomaly",
    "set_grad_enabled", "set_multithreading_enabled", "variable",
]  # fmt: skip

_core.saved_names.update(SAVED)


Tensor.backward = _engine.tensor_backward
_dispatch.publish(globals(), ("backward",))


def __getattr__(name):
    if name in ("profiler", "profiler_legacy", "profiler_util"):  # not before they are used
        return importlib.import_module("." + name, __name__)
    raise AttributeError(f"module 'torch.autograd' has no attribute '{name}'")
