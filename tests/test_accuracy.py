"""How far results are from the exact ones, in units of the last place, over the whole range of floats.

The reference for float32 computes in float64, whose own error is nothing beside a float32's last place; that for
float64 is the C library, which is within one.
"""

import math
import statistics

import numpy as np
import pytest

import cygrad as torch

_erf, _erfc = np.vectorize(math.erf, otypes=[float]), np.vectorize(math.erfc, otypes=[float])
_quantile = np.vectorize(statistics.NormalDist().inv_cdf, otypes=[float])


@np.vectorize
def _lgamma(x):
    return math.inf if x <= 0 and x == math.floor(x) else math.lgamma(x)


def _sinc(x):
    return np.where(x == np.rint(x), x == 0, np.sinc(x))


@np.vectorize
def _erfinv(a):
    y = 0.0
    for _ in range(60):  # Newton's steps from 0 go past the root once, then come down to it
        y -= min((math.erf(y) - a) * math.exp(y * y) * math.sqrt(math.pi) / 2, 1.0)
    return y


# name: (reference, most ulp); what is measured lies below by a tenth or more
FUNCTIONS = {
    "exp": (np.exp, 2), "exp2": (np.exp2, 2), "expm1": (np.expm1, 3), "log": (np.log, 2), "log2": (np.log2, 2),
    "log10": (np.log10, 2), "log1p": (np.log1p, 2), "tanh": (np.tanh, 4), "sinh": (np.sinh, 4), "cosh": (np.cosh, 4),
    "asinh": (np.arcsinh, 4), "acosh": (np.arccosh, 4), "atanh": (np.arctanh, 4), "sin": (np.sin, 4),
    "cos": (np.cos, 4), "tan": (np.tan, 4), "asin": (np.arcsin, 4), "acos": (np.arccos, 4), "atan": (np.arctan, 4),
    "sqrt": (np.sqrt, 0.51), "erf": (_erf, 1.5), "erfc": (_erfc, 4),
    "sigmoid": (lambda x: np.exp(-np.logaddexp(0, -x)), 4), "sinc": (_sinc, 4), "lgamma": (_lgamma, 0.51),
}  # fmt: skip

# Of a part of the range: (reference, from, to, most ulp)
PARTS = {
    "erfinv": (_erfinv, -0.999999, 0.999999, 2.5),
    "ndtri": (_quantile, 1e-30, 1 - 1e-7, 0.51),
    "ndtr": (lambda x: 0.5 * _erfc(-x * math.sqrt(0.5)), -13, 6, 0.51),
    "erfcx": (lambda x: np.exp(x * x) * _erfc(x), -9, 20, 0.51),
    "i0": (np.i0, -85, 85, 0.51),
}
DOUBLES = {"exp": (math.exp, -700, 700), "log": (math.log, 1e-5, 5), "log1p": (math.log1p, -0.9, 5),
           "tanh": (math.tanh, -4, 4), "erf": (math.erf, -6, 6), "erfc": (math.erfc, -3, 26)}  # fmt: skip


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
    if name in ("sinc", "lgamma"):
        x = x[np.abs(x) < 1e3]  # the reference itself loses what lies beside a large integer
    with np.errstate(all="ignore"):
        exact = reference(x.astype(np.float64))
    y = getattr(torch, name)(torch.from_numpy(x)).numpy()
    error = error_in_ulp(y, exact)
    worst = np.nanargmax(error)
    assert not np.isnan(error).any(), f"{name}({x[np.isnan(error)][0]!r}) is wrong about NaN"
    assert error[worst] <= most, f"{name}({x[worst]!r}) = {y[worst]!r} is {error[worst]:.2f} ulp off"


@pytest.mark.parametrize("name", PARTS)
def test_error_of_a_part(name):
    reference, low, high, most = PARTS[name]
    x = np.linspace(low, high, 4001).astype(np.float32)
    x = np.concatenate([x, np.float32(0.5) + np.float32(2) ** np.arange(-20, -3)]) if name == "ndtri" else x
    error = error_in_ulp(getattr(torch.special, name)(torch.from_numpy(x)).numpy(), reference(x.astype(np.float64)))
    assert error.max() <= most, f"{name}({x[error.argmax()]!r}) is {error.max():.2f} ulp off"


@pytest.mark.parametrize("name", DOUBLES)
def test_error_in_double(name):
    reference, low, high = DOUBLES[name]
    x = np.linspace(low, high, 10_001)
    exact = np.array([reference(v) for v in x.tolist()])
    error = np.abs(getattr(torch, name)(torch.from_numpy(x)).numpy() - exact) / np.spacing(np.abs(exact))
    assert error.max() <= 4, f"{name}({x[error.argmax()]!r}) is {error.max():.2f} ulp off"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_ldexp_rounds_once(dtype):
    """Where 2**b alone would overflow or vanish, too."""
    rng, e = np.random.default_rng(0), 120 if dtype == np.float32 else 1000
    a = rng.standard_normal(2000) * 2.0 ** rng.integers(-e, e, 2000)
    a = np.concatenate([a, [0, -0.0, 1, -1, np.inf, np.nan, 3e-39]])
    a, b = a.astype(dtype), rng.integers(-2 * e - 40, 2 * e + 40, len(a))
    with np.errstate(all="ignore"):
        exact = np.ldexp(a, b)
    np.testing.assert_array_equal(torch.ldexp(torch.from_numpy(a), torch.from_numpy(b)).numpy(), exact)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_pow_and_hypot_at_the_ends(dtype):
    ends = [0.0, -0.0, 1, -1, 2, -2, 3, -3, 0.5, -2.5, np.inf, -np.inf, np.nan]
    ends += [np.finfo(dtype).tiny, -np.finfo(dtype).max]
    a, b = (x.ravel() for x in np.meshgrid(np.array(ends, dtype=dtype), np.array(ends, dtype=dtype)))
    for ours, reference in ((torch.pow, np.power), (torch.hypot, np.hypot)):
        with np.errstate(all="ignore"):
            exact = reference(a, b)
        y = ours(torch.from_numpy(a), torch.from_numpy(b)).numpy()
        np.testing.assert_allclose(y, exact, rtol=4 * np.finfo(dtype).eps)
        number = ~np.isnan(exact)
        np.testing.assert_array_equal(np.signbit(y)[number], np.signbit(exact)[number])


def test_softmax_of_masked_rows():
    """Most of a row at minus infinity, in every position of a vector."""
    x = np.random.default_rng(0).standard_normal((70, 70)).astype(np.float32)
    x[np.triu_indices(70, 1)] = -np.inf
    y = torch.from_numpy(x).softmax(1).numpy()
    e = np.exp(x.astype(np.float64))
    np.testing.assert_allclose(y, e / e.sum(1, keepdims=True), rtol=1e-6)
    assert (y[np.triu_indices(70, 1)] == 0).all()
