"""cygrad: a small, fast tensor library with PyTorch's interface.

    import cygrad as torch

Everything below gives the compiled core its public names: each module lists its functions (`FUNCTIONS`), tensor methods
(`METHODS`) and properties, and `_publish` puts them here and on `Tensor`.
"""

import importlib as _importlib
import math as _math

from . import _core
from ._core import (  # noqa: F401
    DTYPES as _DTYPES,
)
from ._core import (
    Size,
    Tensor,
    device,
    dtype,
    get_default_device,
    get_default_dtype,
    is_grad_enabled,
    is_inference_mode_enabled,
    set_default_device,
    set_default_dtype,
)

__version__ = "2.13.0"  # of the interface; the library's own is `cygrad.version.cygrad`
pi, e, inf, nan, newaxis = _math.pi, _math.e, _math.inf, _math.nan, None

for _d in _DTYPES:
    globals()[_d.name] = _d
half, float, double = float16, float32, float64  # noqa: F821
short, int, long = int16, int32, int64  # noqa: F821

from . import _ops  # noqa: E402
from ._ops import can_cast, get_num_threads, promote_types, result_type, set_num_threads  # noqa: E402, F401


def _publish(module):
    """Makes the functions and methods that a module lists public."""
    for name, f in _listed(module, "FUNCTIONS"):
        globals()[name] = f
    for name, f in _listed(module, "METHODS"):
        setattr(Tensor, name, f)
    for name, getter in getattr(module, "PROPERTIES", {}).items():
        setattr(Tensor, name, getter if isinstance(getter, property) else property(getter))


def _listed(module, kind):
    found = getattr(module, kind, {})
    return found.items() if isinstance(found, dict) else [(name, getattr(module, name)) for name in found]


Tensor.__module__ = "torch"

import os as _os
for _name in ("_shape", "_elementwise", "_reduce", "_reductions", "_creation", "_bridge", "_draws", "_indexing",
              "_products"):  # fmt: skip
    try:
        _publish(_importlib.import_module("." + _name, __name__))
    except ImportError as _e:
        if "DEVMISSING" in _os.environ: print("missing", _name, _e)

from . import _elementwise, _tensor_str  # noqa: E402

for _name, _operator in _elementwise.OPERATORS.items():
    setattr(Tensor, _name, _operator)
Tensor.__repr__ = Tensor.__str__ = _tensor_str._str
