"""Activation functions: composites of elementwise operators, replaced by compiled rows if any.

Conditions are written so that NaN goes through (``x <= t`` is False for it) and so that no branch
that is not taken has an infinite derivative, which would turn its zero gradient into NaN.
"""

import math
import warnings

import cygrad
from cygrad._fronts import nn as _nn

from ._common import fused, in_place, require_floating, scalar_name

_SELU_ALPHA = 1.6732632423543772848170429916717
_SELU_SCALE = 1.0507009873554804934193349852946


def relu(input, inplace=False):
    """max(0, x)."""
    return input.relu_() if inplace else input.relu()


def relu_(input):
    """`relu` in place."""
    return input.relu_()


@fused
def _threshold(input, threshold, value):
    return cygrad.where(input <= threshold, value, input)


def threshold(input, threshold, value, inplace=False):
    """x where x > threshold, else ``value``."""
    if inplace:
        return in_place(input, _threshold, threshold, value)
    return _threshold(input, threshold, value)


def threshold_(input, threshold, value):
    """`threshold` in place."""
    return in_place(input, _threshold, threshold, value)


@fused
def _hardtanh(input, min_val, max_val):
    return cygrad.where(
        input <= min_val, min_val, cygrad.where(input >= max_val, max_val, input)
    ).to(input.dtype)


def hardtanh(input, min_val=-1.0, max_val=1.0, inplace=False):
    """x clipped to [min_val, max_val]; the gradient is zero at the ends."""
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    if inplace:
        return in_place(input, _hardtanh, min_val, max_val)
    return _hardtanh(input, min_val, max_val)


def hardtanh_(input, min_val=-1.0, max_val=1.0):
    """`hardtanh` in place."""
    return hardtanh(input, min_val, max_val, inplace=True)


def relu6(input, inplace=False):
    """min(max(0, x), 6)."""
    return hardtanh(input, 0, 6, inplace)


@fused
def _elu(input, alpha, scale, input_scale):
    require_floating(input, "elu_cpu")
    negative = alpha * cygrad.expm1(input.clamp(max=0) * input_scale)
    return scale * cygrad.where(input > 0, input, negative)


def elu(input, alpha=1.0, inplace=False):
    """x for x > 0, alpha * (exp(x) - 1) otherwise."""
    return in_place(input, _elu, alpha, 1, 1) if inplace else _elu(input, alpha, 1, 1)


def elu_(input, alpha=1.0):
    """`elu` in place."""
    return elu(input, alpha, inplace=True)


def selu(input, inplace=False):
    """scale * elu(x, alpha) with the constants of self-normalising networks (2017)."""
    args = (_SELU_ALPHA, _SELU_SCALE, 1)
    return in_place(input, _elu, *args) if inplace else _elu(input, *args)


def selu_(input):
    """`selu` in place."""
    return selu(input, inplace=True)


def celu(input, alpha=1.0, inplace=False):
    """max(0, x) + min(0, alpha * (exp(x / alpha) - 1))."""
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    args = (alpha, 1, 1 / alpha)
    return in_place(input, _elu, *args) if inplace else _elu(input, *args)


def celu_(input, alpha=1.0):
    """`celu` in place."""
    return celu(input, alpha, inplace=True)


@fused
def _leaky_relu(input, negative_slope):
    require_floating(input, "leaky_relu_cpu")
    return cygrad.where(input > 0, input, input * negative_slope)


def leaky_relu(input, negative_slope=0.01, inplace=False):
    """x for x > 0, negative_slope * x otherwise."""
    if inplace:
        return in_place(input, _leaky_relu, negative_slope)
    return _leaky_relu(input, negative_slope)


def leaky_relu_(input, negative_slope=0.01):
    """`leaky_relu` in place."""
    return leaky_relu(input, negative_slope, inplace=True)


@fused
def _prelu(input, weight):
    return cygrad.where(input > 0, input, weight * input)


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
    shape = [1] * input.dim()
    if input.dim() > 1:
        shape[1] = count
    return _prelu(input, weight.reshape(shape))


def rrelu(input, lower=1.0 / 8, upper=1.0 / 3, training=False, inplace=False):
    """Leaky ReLU whose slope is drawn from U(lower, upper) in training, else their mean."""
    if lower > upper:
        raise RuntimeError("Lower bound should be less than or equal to the upper bound")
    if not training:
        return leaky_relu(input, (lower + upper) / 2, inplace)
    require_floating(input, "rrelu_with_noise_out_cpu")
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


@fused
def _gelu(input, approximate):
    require_floating(input, "GeluKernelImpl")
    if approximate == "tanh":
        inner = math.sqrt(2 / math.pi) * (input + 0.044715 * input * input * input)
        return 0.5 * input * (1 + cygrad.tanh(inner))
    return 0.5 * input * (1 + cygrad.erf(input * math.sqrt(0.5)))


def gelu(input, approximate="none"):
    """x * Phi(x), exactly or by the tanh approximation (Gaussian error linear units, 2016)."""
    if approximate not in ("none", "tanh"):
        raise RuntimeError("approximate argument must be either none or tanh.")
    return _gelu(input, approximate)


@fused
def _silu(input):
    require_floating(input, "silu_cpu")
    return input * cygrad.sigmoid(input)


def silu(input, inplace=False):
    """x * sigmoid(x)."""
    return in_place(input, _silu) if inplace else _silu(input)


@fused
def _mish(input):
    require_floating(input, "mish_cpu")
    return input * cygrad.tanh(softplus(input))


def mish(input, inplace=False):
    """x * tanh(softplus(x))."""
    return in_place(input, _mish) if inplace else _mish(input)


@fused
def _softplus(input, beta, threshold):
    require_floating(input, "softplus_cpu")
    scaled = input * beta
    small = cygrad.log1p(cygrad.exp(scaled.clamp(max=threshold))) / beta
    return cygrad.where(scaled > threshold, input, small)


def softplus(input, beta=1.0, threshold=20.0):
    """log(1 + exp(beta * x)) / beta, and x itself where beta * x > threshold."""
    return _softplus(input, beta, threshold)


@fused
def _logsigmoid(input):
    require_floating(input, "log_sigmoid_cpu")
    return -cygrad.logaddexp(-input, cygrad.zeros_like(input))


def logsigmoid(input):
    """log(1 / (1 + exp(-x)))."""
    return _logsigmoid(input)


@fused
def _hardsigmoid(input):
    require_floating(input, "hardsigmoid_cpu")
    return _hardtanh(input + 3, 0, 6) / 6


def hardsigmoid(input, inplace=False):
    """min(max(x + 3, 0), 6) / 6."""
    return in_place(input, _hardsigmoid) if inplace else _hardsigmoid(input)


@fused
def _hardswish(input):
    require_floating(input, "hardswish_cpu")
    return input * _hardtanh(input + 3, 0, 6) / 6


def hardswish(input, inplace=False):
    """x * min(max(x + 3, 0), 6) / 6."""
    return in_place(input, _hardswish) if inplace else _hardswish(input)


@fused
def _hardshrink(input, lambd):
    require_floating(input, "hardshrink_cpu")
    return cygrad.where(input.abs() <= lambd, 0.0, input)


def hardshrink(input, lambd=0.5):
    """x where \\|x\\| > lambd, else 0."""
    return _hardshrink(input, lambd)


@fused
def _softshrink(input, lambd):
    require_floating(input, "softshrink_check")
    moved = cygrad.where(input > 0, input - lambd, input + lambd)
    return cygrad.where(input.abs() <= lambd, 0.0, moved)


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


def sigmoid(input):
    """1 / (1 + exp(-x))."""
    return input.sigmoid()


def tanh(input):
    """The hyperbolic tangent."""
    return input.tanh()


@fused
def _glu(input, dim):
    a, b = input.chunk(2, dim)
    return a * cygrad.sigmoid(b)


def glu(input, dim=-1):
    """a * sigmoid(b) for the two halves a, b of ``input`` along ``dim``."""
    if input.dim() == 0:
        raise RuntimeError("glu does not support scalars because halving size must be even")
    wrapped = dim + input.dim() if dim < 0 else dim
    if input.size(dim) % 2:
        raise RuntimeError(
            f"Halving dimension must be even, but dimension {wrapped} is size {input.size(dim)}"
        )
    return _glu(input, dim)


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
