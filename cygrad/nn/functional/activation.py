"""Activation functions that do more than call a row of the table, and the softmax family.

Most activations are rows (`cygrad/_table/rows.py`, those whose forms have an F): `cygrad._fronts.from_rows` makes relu,
elu, silu and the like, arguments, checks and all.
"""

import warnings

import cygrad
from cygrad._fronts import nn as _nn

from ._common import require_floating, scalar_name

_hardtanh, _leaky_relu = _nn.FUNCTIONAL["hardtanh"], _nn.FUNCTIONAL["leaky_relu"]
_gelu, _gelu_tanh = _nn.row_function("gelu"), _nn.row_function("_gelu_tanh", "gelu")
_prelu, _softshrink = _nn.row_function("_prelu", "prelu"), _nn.row_function("softshrink")


def relu6(input, inplace=False):
    """min(max(0, x), 6)."""
    return _hardtanh(input, 0, 6, inplace)


def prelu(input, weight):
    """x for x > 0, weight * x otherwise; one weight, or one for each channel (dimension 1)."""
    count = weight.numel()
    if count != 1:
        if input.dim() == 0:
            raise RuntimeError("Not allow zero-dim input tensor.")
        channels = input.shape[1] if input.dim() > 1 else 1
        if channels != count:
            raise RuntimeError(
                "Mismatch of parameter numbers and input channel size. Found parameter numbers = "
                f"{count} and channel size = {channels}."
            )
    if weight.dim() > 1:
        raise RuntimeError(
            f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {weight.dim()}"
        )
    shape = [1] * input.dim()
    if input.dim() > 1:
        shape[1] = count
    return _prelu(input, weight.reshape(shape))


def rrelu(input, lower=1.0 / 8, upper=1.0 / 3, training=False, inplace=False):
    """Leaky ReLU whose slope is drawn from U(lower, upper) in training, else their mean."""
    if lower > upper:
        raise RuntimeError("Lower bound should be less than or equal to the upper bound")
    if not training:
        return _leaky_relu(input, (lower + upper) / 2, inplace)
    require_floating(input, "rrelu_with_noise_out_cpu")
    if input.is_meta:
        return input
    if not input.is_cpu:
        slope = cygrad.where(input <= 0, cygrad.empty_like(input).uniform_(lower, upper), 1)
        return input.mul_(slope) if inplace else input * slope
    # One draw for each element that is not positive, in order, in double precision.
    flat = (input <= 0).reshape(-1)
    draws = cygrad.empty(int(flat.sum()), dtype=cygrad.float64, device=input.device)
    slope = cygrad.ones(flat.shape[0], dtype=input.dtype, device=input.device)
    slope[flat] = draws.uniform_(lower, upper).to(input.dtype)
    slope = slope.reshape(input.shape)
    return input.mul_(slope) if inplace else input * slope


def rrelu_(input, lower=1.0 / 8, upper=1.0 / 3, training=False):
    """`rrelu` in place."""
    return rrelu(input, lower, upper, training, inplace=True)


def gelu(input, approximate="none"):
    """x * Phi(x), exactly or by the tanh approximation (Gaussian error linear units, 2016)."""
    if approximate not in ("none", "tanh"):
        raise RuntimeError("approximate argument must be either none or tanh.")
    return _gelu(input) if approximate == "none" else _gelu_tanh(input)


def softshrink(input, lambd=0.5):
    """x moved towards zero by lambd, and 0 within lambd of it."""
    require_floating(input, "softshrink_check")
    if lambd < 0:
        raise RuntimeError(
            f"lambda must be in range [0, {cygrad.finfo(input.dtype).max:g}] for input dtype "
            f"{scalar_name(input.dtype)}, but found {lambd:g}"
        )
    return _softshrink(input, lambd)


def tanhshrink(input):
    """x - tanh(x)."""
    return input - input.tanh()


def softsign(input):
    """x / (1 + \\|x\\|)."""
    return input / (input.abs() + 1)


def glu(input, dim=-1):
    """a * sigmoid(b) for the two halves a, b of ``input`` along ``dim``."""
    if input.dim() == 0:
        raise RuntimeError("glu does not support scalars because halving size must be even")
    wrapped = dim + input.dim() if dim < 0 else dim
    if input.size(dim) % 2:
        raise RuntimeError(
            f"Halving dimension must be even, but dimension {wrapped} is size {input.size(dim)}"
        )
    a, b = input.chunk(2, dim)
    return a * cygrad.sigmoid(b)


def _get_softmax_dim(name, ndim, stacklevel):
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. "
        "Change the call to include dim=X as an argument.",
        stacklevel=stacklevel,
    )
    return 0 if ndim in (0, 1, 3) else 1


def softmax(input, dim=None, _stacklevel=3, dtype=None):
    """exp(x) / sum(exp(x)) along ``dim``; ``dtype`` converts the input first."""
    if dim is None:
        dim = _get_softmax_dim("softmax", input.dim(), _stacklevel)
    return _nn.softmax(input if dtype is None else input.to(dtype), dim)


def log_softmax(input, dim=None, _stacklevel=3, dtype=None):
    """log(softmax(x)) along ``dim``."""
    if dim is None:
        dim = _get_softmax_dim("log_softmax", input.dim(), _stacklevel)
    return _nn.log_softmax(input if dtype is None else input.to(dtype), dim)


def softmin(input, dim=None, _stacklevel=3, dtype=None):
    """softmax(-x) along ``dim``."""
    if dim is None:
        dim = _get_softmax_dim("softmin", input.dim(), _stacklevel)
    return _nn.softmax(-input if dtype is None else (-input).to(dtype), dim)


def gumbel_softmax(logits, tau=1, hard=False, eps=1e-10, dim=-1):
    """Softmax of logits plus Gumbel noise; ``hard`` gives one-hot values with soft gradients."""
    if eps != 1e-10:
        warnings.warn("`eps` parameter is deprecated and has no effect.", stacklevel=2)
    noise = cygrad.empty_like(logits, memory_format=cygrad.legacy_contiguous_format)
    gumbels = -noise.exponential_().log()
    soft = softmax((logits + gumbels) / tau, dim)
    if not hard:
        return soft
    index = soft.max(dim, keepdim=True)[1]
    one_hot = cygrad.zeros_like(
        logits, memory_format=cygrad.legacy_contiguous_format
    ).scatter_(dim, index, 1.0)
    return one_hot - soft.detach() + soft
