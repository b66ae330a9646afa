"""How far float32 results are from the exact ones, in units of the last place, over the whole range of floats.

The reference computes in float64, whose own error is nothing beside a float32's last place.
"""

import math

import numpy as np
import pytest

import cygrad as torch

_erf, _erfc = np.vectorize(math.erf, otypes=[float]), np.vectorize(math.erfc, otypes=[float])
# name: (reference, most ulp); what is measured lies below by a tenth or more
FUNCTIONS = {
    "exp": (np.exp, 2), "exp2": (np.exp2, 2), "expm1": (np.expm1, 3), "log": (np.log, 2), "log2": (np.log2, 2),
    "log10": (np.log10, 2), "log1p": (np.log1p, 2), "tanh": (np.tanh, 4), "sinh": (np.sinh, 4), "cosh": (np.cosh, 4),
    "asinh": (np.arcsinh, 4), "acosh": (np.arccosh, 4), "atanh": (np.arctanh, 4), "sin": (np.sin, 4),
    "cos": (np.cos, 4), "tan": (np.tan, 4), "asin": (np.arcsin, 4), "acos": (np.arccos, 4), "atan": (np.arctan, 4),
    "sqrt": (np.sqrt, 0.51), "erf": (_erf, 1.5), "erfc": (_erfc, 4),
    "sigmoid": (lambda x: 1 / (1 + np.exp(-x)), 4),
}  # fmt: skip


def floats(step=60_013):
    """Every `step`-th float of either sign, denormals and the ends of the range among them."""
    bits = np.concatenate([np.arange(0, 0x7F800000, step, dtype=np.uint32), [1, 0x007FFFFF, 0x00800000, 0x7F7FFFFF]])
    x = bits.astype(np.uint32).view(np.float32)
    near_one = np.linspace(-4, 4, 20_001, dtype=np.float32)
    return np.concatenate([x, -x, near_one])


def error_in_ulp(y, exact):
    with np.errstate(all="ignore"):
        _, exponent = np.frexp(np.abs(exact.astype(np.float32)))
        place = np.ldexp(1.0, np.maximum(exponent, -125) - 24)
        same = (y == exact.astype(np.float32)) | (np.isnan(y) & np.isnan(exact))  # infinities and NaN among them
        return np.where(same, 0.0, np.abs(y.astype(np.float64) - exact) / place)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_error(name):
    reference, most = FUNCTIONS[name]
    x = floats()
    if name in ("sin", "cos", "tan"):
        x = x[np.abs(x) < 1e4]  # float32's own spacing makes more of no use
    if name == "sigmoid":
        x = x[x > -87]  # below, exp(-x) is infinite and the result 0, as PyTorch's
    with np.errstate(all="ignore"):
        exact = reference(x.astype(np.float64))
    y = getattr(torch, name)(torch.from_numpy(x)).numpy()
    error = error_in_ulp(y, exact)
    worst = np.nanargmax(error)
    assert not np.isnan(error).any(), f"{name}({x[np.isnan(error)][0]!r}) is wrong about NaN"
    assert error[worst] <= most, f"{name}({x[worst]!r}) = {y[worst]!r} is {error[worst]:.2f} ulp off"
