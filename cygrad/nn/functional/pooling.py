"""Pooling: arguments checked here, the windows in the compiled functions."""

import functools
import math

import cygrad
from cygrad._fronts import nn as _nn

from ._common import has_values, hashable, ints, scalar_name, shape_text

_BE = {"kernel_size": "either be ", "padding": "either be ", "dilation": "be either "}
_WORDS = {1: "one", 2: "two", 3: "three"}


def _window(name, n, kernel_size, stride, padding, dilation=1):
    """kernel, stride, padding, dilation as tuples of n. Raises RuntimeError."""
    result = []
    no_stride = stride is None or (not isinstance(stride, int) and len(stride) == 0)
    for what, value in (("kernel_size", kernel_size),
                        ("stride", kernel_size if no_stride else stride),
                        ("padding", padding), ("dilation", dilation)):
        if isinstance(value, str):
            position = {"kernel_size": 2, "stride": 3, "padding": 4, "dilation": 5}[what]
            raise TypeError(
                f"{name}(): argument '{what}' (position {position}) must be tuple of ints, "
                f"not {type(value).__name__}"
            )
        value = ints(value, n)
        if len(value) != n:
            optional = "either be omitted, " if what == "stride" else _BE[what]
            raise RuntimeError(
                f"{name}: {what} must {optional}a single int, "
                f"or a tuple of {_WORDS[n]} ints"
            )
        result.append(value)
    return result


def _output_size(size, k, s, p, d, ceil_mode):
    span = size + 2 * p - d * (k - 1) - 1
    count = (-(-span // s) if ceil_mode else span // s) + 1
    # The last window must start inside the input or its left padding.
    return count - 1 if ceil_mode and (count - 1) * s >= size + p else count


def _axes(n):
    return ("T", "H", "W")[3 - n:]


def _check_padding(kernel, stride, padding, dilation):
    if min(stride) == 0:
        raise RuntimeError("stride should not be zero")
    for k, p, d in zip(kernel, padding, dilation, strict=False):
        if p < 0:
            raise RuntimeError(f"pad must be non-negative, but got pad: {p}")
        if p > (d * (k - 1) + 1) // 2:
            raise RuntimeError(
                "pad should be at most half of effective kernel size, but got "
                f"pad={p}, kernel_size={k} and dilation={d}"
            )


def _check_window(shape, n, kernel, stride, padding, dilation, ceil_mode):
    if min(stride) == 0:
        raise RuntimeError("stride should not be zero")
    if min(kernel) <= 0:
        axes = " ".join(f"k{a}: {k}" for a, k in zip(_axes(n), kernel, strict=False))
        raise RuntimeError(f"kernel size should be greater than zero, but got {axes}")
    if min(dilation) <= 0:
        axes = " ".join(f"dilation{a}: {d}" for a, d in zip(_axes(n), dilation, strict=False))
        raise RuntimeError(f"dilation should be greater than zero, but got {axes}")
    _check_padding(kernel, stride, padding, dilation)
    if any(p > k // 2 for k, p in zip(kernel, padding, strict=True)):
        if n == 2:
            got = "padW = {1}, padH = {0}, kW = {3}, kH = {2}".format(*padding, *kernel)
        else:
            got = "kT: {0} kW: {2} kH: {1} padT: {3} padW: {5} padH: {4}".format(*kernel, *padding)
        raise RuntimeError(
            f"pad should be smaller than or equal to half of kernel size, but got {got}"
        )
    sizes = shape[-n:]
    each = zip(sizes, kernel, stride, padding, dilation, strict=True)
    out = [_output_size(*args, ceil_mode) for args in each]
    if min(out) < 1:
        channels = shape[-n - 1]
        given = "x".join(map(str, (channels, *sizes)))
        got = "x".join(map(str, (channels, *out)))
        raise RuntimeError(
            f"Given input size: ({given}). Calculated output size: ({got}). "
            "Output size is too small"
        )


def _check_max_pool1d(shape, kernel, stride, padding, dilation, ceil_mode):
    if len(shape) not in (2, 3) or 0 in shape[-2:]:
        raise RuntimeError(
            "max_pool1d: Expected 2D or 3D (batch mode) tensor with optional 0 dim batch size for "
            f"input, but got:{list(shape)}"
        )
    for what, value in (("kernel_size", kernel), ("stride", stride), ("dilation", dilation)):
        if value <= 0:
            raise RuntimeError(f"max_pool1d() {what} must be greater than zero, but got {value}")
    if padding < 0:
        raise RuntimeError(f"max_pool1d() padding must be non-negative, but got {padding}")
    if padding > kernel // 2:
        raise RuntimeError(
            "max_pool1d() padding should be at most half of kernel size, but got "
            f"padding={padding} and kernel_size={kernel}"
        )
    size = _output_size(shape[-1], kernel, stride, padding, dilation, ceil_mode)
    if size < 1:
        raise RuntimeError(f"max_pool1d() Invalid computed output size: {size}")


# Shapes and sizes repeat from call to call: they are checked once.
@functools.lru_cache(maxsize=4096)
def _max_plan(n, shape, kernel_size, stride, padding, dilation, ceil_mode, with_indices=False):
    """kernel, stride, padding, dilation as tuples. Raises RuntimeError."""
    window = _window(f"max_pool{n}d", n, kernel_size, stride, padding, dilation)
    if n == 1:
        if with_indices and min(window[0] + window[1] + window[3]) > 0:
            _check_padding(*window)  # PyTorch then pools one dimension as two, which shows in its messages
        _check_max_pool1d(shape, *(w[0] for w in window), ceil_mode)
        return window
    if len(shape) not in (n + 1, n + 2):
        raise RuntimeError(
            f"non-empty {n + 1}D or {n + 2}D (batch mode) tensor expected for input"
        )
    if min(window[0]) > 0 and min(window[3]) > 0:
        _check_padding(*window)
    if 0 in shape[-n - 1:]:
        raise _empty_error(n, shape, "max_pool3d_with_indices_out_cpu_template")
    _check_window(shape, n, *window, ceil_mode)
    return window


def _empty_error(n, shape, name):
    if n == 3:
        return RuntimeError(
            f"{name}(): Expected input's non-batch dimensions to have positive length, but input has a shape of "
            f"{list(shape)} and non-batch dimension 0 has length zero!"
        )
    return RuntimeError(
        f"Expected {n + 1}D or {n + 2}D (batch mode) tensor with optional 0 dim batch size for input, "
        f"but got:{list(shape)}"
    )


def _max_pool(n, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices):
    window = _max_plan(n, input.shape, hashable(kernel_size), hashable(stride), hashable(padding),
                       hashable(dilation), ceil_mode, n == 1 and return_indices)
    if input.dim() == n + 1:
        values, indices = _nn.max_pool(input.unsqueeze(0), *window, ceil_mode)
        values = values.squeeze(0)
        return (values, indices.squeeze(0)) if return_indices else values
    values, indices = _nn.max_pool(input, *window, ceil_mode)
    return (values, indices) if return_indices else values


def max_pool1d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False,
               return_indices=False):
    """Largest value of each window of (N, C, L) or (C, L), with its index if asked."""
    return _max_pool(1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool2d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False,
               return_indices=False):
    """Largest value of each window of (N, C, H, W) or (C, H, W), with its index if asked."""
    return _max_pool(2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool3d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False,
               return_indices=False):
    """Largest value of each window of (N, C, D, H, W) or without N, with its index if asked."""
    return _max_pool(3, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool1d_with_indices(input, kernel_size, stride=None, padding=0, dilation=1,
                            ceil_mode=False, return_indices=False):
    """`max_pool1d` with indices."""
    return _max_pool(1, input, kernel_size, stride, padding, dilation, ceil_mode, True)


def max_pool2d_with_indices(input, kernel_size, stride=None, padding=0, dilation=1,
                            ceil_mode=False, return_indices=False):
    """`max_pool2d` with indices."""
    return _max_pool(2, input, kernel_size, stride, padding, dilation, ceil_mode, True)


def max_pool3d_with_indices(input, kernel_size, stride=None, padding=0, dilation=1,
                            ceil_mode=False, return_indices=False):
    """`max_pool3d` with indices."""
    return _max_pool(3, input, kernel_size, stride, padding, dilation, ceil_mode, True)


@functools.lru_cache(maxsize=4096)
def _avg_plan(n, shape, kernel_size, stride, padding, ceil_mode):
    """kernel, stride, padding as tuples. Raises RuntimeError."""
    window = _window(f"avg_pool{n}d", n, kernel_size, stride, padding)
    dims = len(shape)
    if n == 1:
        if dims not in (2, 3):
            raise RuntimeError(
                f"Expected 2 to 3 dimensions, but got {dims}-dimensional tensor for "
                "argument #1 'self' (while checking arguments for avg_pool1d)"
            )
        # PyTorch pools one dimension as two, and its messages show it.
        flat = (*shape[:-1], 1, shape[-1])
        tall = [(one, *w) for one, w in zip((1, 1, 0, 1), window, strict=False)]
        _check_window(flat, 2, *tall, ceil_mode)
        return window[:3]
    if dims < n + 1 and n == 2:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-dims}, {dims - 1}], "
            f"but got {-n - 1})"
        )
    if dims not in (n + 1, n + 2):
        raise RuntimeError(
            f"non-empty {n + 1}D or {n + 2}D (batch mode) tensor expected for input"
        )
    if min(window[0]) > 0:
        _check_padding(*window)
    if 0 in shape[-n - 1:]:
        raise _empty_error(n, shape, "avg_pool3d")
    _check_window(shape, n, *window, ceil_mode)
    return window[:3]


def _avg_pool(n, input, kernel_size, stride, padding, ceil_mode, count_include_pad,
              divisor_override):
    if divisor_override == 0:
        raise RuntimeError("divisor must be not zero")
    window = _avg_plan(n, input.shape, hashable(kernel_size), hashable(stride), hashable(padding),
                       ceil_mode)
    x = input.unsqueeze(0) if input.dim() == n + 1 else input
    result = _nn.avg_pool(x, *window, ceil_mode, count_include_pad, divisor_override)
    return result.squeeze(0) if x is not input else result


def avg_pool1d(input, kernel_size, stride=None, padding=0, ceil_mode=False,
               count_include_pad=True):
    """Mean of each window of (N, C, L) or (C, L)."""
    return _avg_pool(1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None)


def avg_pool2d(input, kernel_size, stride=None, padding=0, ceil_mode=False,
               count_include_pad=True, divisor_override=None):
    """Mean of each window of (N, C, H, W) or (C, H, W)."""
    return _avg_pool(2, input, kernel_size, stride, padding, ceil_mode, count_include_pad,
                     divisor_override)


def avg_pool3d(input, kernel_size, stride=None, padding=0, ceil_mode=False,
               count_include_pad=True, divisor_override=None):
    """Mean of each window of (N, C, D, H, W) or (C, D, H, W)."""
    return _avg_pool(3, input, kernel_size, stride, padding, ceil_mode, count_include_pad,
                     divisor_override)


def _adaptive(function, name, n, input, output_size):
    average = "avg" in name
    if n == 1 and not isinstance(output_size, int) and len(output_size) != 1:
        raise RuntimeError(f"{name}() argument 'output_size' should contain one int (got {len(output_size)})")
    if n > 1 and not isinstance(output_size, int) and input.dim() <= len(output_size):
        raise ValueError(f"Input dimension should be at least {len(output_size) + 1}")
    if input.dim() not in (n + 1, n + 2):
        if n == 1:
            raise RuntimeError(
                f"Expected 2 to 3 dimensions, but got {input.dim()}-dimensional tensor for "
                f"argument #1 'self' (while checking arguments for {name})"
            )
        colon = "" if average else ":"
        raise RuntimeError(
            f"{name}(): Expected {n + 1}D or {n + 2}D tensor, but got{colon} {shape_text(input)}"
        )
    sizes = input.shape[-n:]
    wanted = ints(output_size, n) if output_size is not None else (None,) * n
    if len(wanted) != n:
        raise RuntimeError(
            f"{name}: output_size must be {n}" if average
            else f"{name}(): internal error: output_size.size() must be {n}"
        )
    wanted = tuple(size if w is None else w for w, size in zip(wanted, sizes, strict=False))
    if min(wanted) < 0 and average:
        flat = n == 1  # PyTorch pools one dimension as two, and its messages show it
        raise RuntimeError(
            f"{'adaptive_avg_pool2d' if flat else name}: elements of output_size must be greater than or equal to 0 "
            f"but received {{{', '.join(map(str, (1, *wanted) if flat else wanted))}}}"
        )
    if min(wanted) < 0:
        shape = [*input.shape[:-n], *((1,) if n == 1 else ()), *wanted]
        raise RuntimeError(f"Trying to create tensor with negative dimension {min(wanted)}: {shape}")
    for axis in range(-n, 0):
        if input.shape[axis] == 0:
            raise RuntimeError(
                f"{name}(): Expected input to have non-zero size for non-batch dimensions, but "
                f"input has sizes {shape_text(input)} with dimension {input.dim() + axis} being "
                "empty"
            )
    if input.dim() == n + 2:
        return function(input, wanted)
    result = function(input.unsqueeze(0), wanted)
    if isinstance(result, tuple):
        return tuple(r.squeeze(0) for r in result)
    return result.squeeze(0)


def adaptive_avg_pool1d(input, output_size):
    """Means of windows chosen to give ``output_size`` outputs."""
    return _adaptive(_nn.adaptive_avg_pool, "adaptive_avg_pool1d", 1, input, output_size)


def adaptive_avg_pool2d(input, output_size):
    """Means of windows chosen to give ``output_size``; None keeps a size."""
    return _adaptive(_nn.adaptive_avg_pool, "adaptive_avg_pool2d", 2, input, output_size)


def adaptive_avg_pool3d(input, output_size):
    """Means of windows chosen to give ``output_size``; None keeps a size."""
    return _adaptive(_nn.adaptive_avg_pool, "adaptive_avg_pool3d", 3, input, output_size)


def _adaptive_max(n, input, output_size, return_indices):
    values, indices = _adaptive(
        lambda x, size: tuple(_nn.adaptive_max_pool(x, size)),
        f"adaptive_max_pool{n}d", n, input, output_size,
    )
    return (values, indices) if return_indices else values


def adaptive_max_pool1d(input, output_size, return_indices=False):
    """Largest values of windows chosen to give ``output_size`` outputs."""
    return _adaptive_max(1, input, output_size, return_indices)


def adaptive_max_pool2d(input, output_size, return_indices=False):
    """Largest values of windows chosen to give ``output_size``; None keeps a size."""
    return _adaptive_max(2, input, output_size, return_indices)


def adaptive_max_pool3d(input, output_size, return_indices=False):
    """Largest values of windows chosen to give ``output_size``; None keeps a size."""
    return _adaptive_max(3, input, output_size, return_indices)


def adaptive_max_pool1d_with_indices(input, output_size, return_indices=False):
    """`adaptive_max_pool1d` with indices."""
    return _adaptive_max(1, input, output_size, True)


def adaptive_max_pool2d_with_indices(input, output_size, return_indices=False):
    """`adaptive_max_pool2d` with indices."""
    return _adaptive_max(2, input, output_size, True)


def adaptive_max_pool3d_with_indices(input, output_size, return_indices=False):
    """`adaptive_max_pool3d` with indices."""
    return _adaptive_max(3, input, output_size, True)


def _lp_pool(n, avg_pool, input, norm_type, kernel_size, stride, ceil_mode):
    kernel = ints(kernel_size, n)
    mean = avg_pool(input.pow(norm_type), kernel, stride, 0, ceil_mode)
    # Written with sign and relu so that a power sum below zero gives zero and not NaN.
    sign_mean = cygrad.sign(mean) * cygrad.relu(cygrad.abs(mean))
    return (sign_mean * math.prod(kernel)).pow(1.0 / norm_type)


def lp_pool1d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    """(sum of x^p)^(1/p) of each window."""
    return _lp_pool(1, avg_pool1d, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    """(sum of x^p)^(1/p) of each window."""
    input.size(-3)
    return _lp_pool(2, avg_pool2d, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    """(sum of x^p)^(1/p) of each window."""
    input.size(-4)
    return _lp_pool(3, avg_pool3d, input, norm_type, kernel_size, stride, ceil_mode)


def _unpool_output_size(input, kernel, stride, padding, output_size):
    n = len(kernel)
    default = [
        (size - 1) * s + k - 2 * p
        for size, s, k, p in zip(input.shape[-n:], stride, kernel, padding, strict=False)
    ]
    if output_size is None:
        return default
    given = tuple(output_size)
    if len(given) == n + 2:
        given = given[2:]
    if len(given) != n:
        raise ValueError(
            f"output_size should be a sequence containing {n} or {n + 2} elements, "
            f"but it has a length of '{len(given)}'"
        )
    for d, (size, s) in enumerate(zip(default, stride, strict=False)):
        if not size - s < given[d] < size + s:
            raise ValueError(
                f'invalid output_size "{tuple(given)}" (dim {d} must be between {size - s} and '
                f"{size + s})"
            )
    return list(given)


def _max_unpool(n, input, indices, kernel_size, stride, padding, output_size):
    kernel = ints(kernel_size, n)
    stride = kernel if stride is None else ints(stride, n)
    size = _unpool_output_size(input, kernel, stride, ints(padding, n), output_size)
    if indices.dtype != cygrad.int64:
        raise RuntimeError(
            f"elements in indices should be type int64 but got: {scalar_name(indices.dtype)}"
        )
    if input.dim() not in (n + 1, n + 2):
        raise RuntimeError(
            f"Input to max_unpooling{n}d should be a {n + 1}d or {n + 2}d Tensor, but got a "
            f"tensor with {input.dim()} dimensions."
        )
    if indices.shape != input.shape:
        raise RuntimeError(
            "Expected shape of indices to be same as that of the input tensor "
            f"({shape_text(input)}) but got indices tensor with shape: {shape_text(indices)}"
        )
    batched = input.dim() == n + 2
    shown = [*input.shape, 1] if n == 1 else list(input.shape)
    for axis in range(1 if batched else n + 9, input.dim()):
        if input.shape[axis] == 0:
            raise RuntimeError(
                f"max_unpooling{max(n, 2)}d_forward_out_cpu(): Expected input to have non-zero size for "
                f"non-batch dimensions, but got {shown} with dimension {axis} being empty."
            )
    count = math.prod(size)
    if has_values(indices):
        low, high = int(indices.min()), int(indices.max())
        if low < 0 or high >= count:
            raise RuntimeError(
                f"Found an invalid max index: {low if low < 0 else high} (output volumes are of "
                f"size {'x'.join(map(str, size))})"
            )
    lead = input.shape[:-n]
    flat = input.new_zeros((*lead, count))
    flat = flat.scatter(-1, indices.flatten(-n), input.flatten(-n))
    return flat.reshape(*lead, *size)


def max_unpool1d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    """Put the values of `max_pool1d` back where ``indices`` says, zeros elsewhere."""
    return _max_unpool(1, input, indices, kernel_size, stride, padding, output_size)


def max_unpool2d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    """Put the values of `max_pool2d` back where ``indices`` says, zeros elsewhere."""
    return _max_unpool(2, input, indices, kernel_size, stride, padding, output_size)


def max_unpool3d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    """Put the values of `max_pool3d` back where ``indices`` says, zeros elsewhere."""
    return _max_unpool(3, input, indices, kernel_size, stride, padding, output_size)


def _fractional(n, input, kernel_size, output_size, output_ratio, return_indices, samples):
    """Graham, Fractional max-pooling (2014): windows at pseudo-random starts."""
    name = f"fractional_max_pool{n}d"
    if output_size is None and output_ratio is None:
        raise ValueError(f"{name} requires specifying either an output_size or an output_ratio")
    if input.dim() not in (n + 1, n + 2):
        raise RuntimeError(f"{name}: Expected {n + 1}D or {n + 2}D tensor")
    kernel = ints(kernel_size, n)
    sizes = input.shape[-n:]
    if output_size is None:
        ratio = (output_ratio,) * n if isinstance(output_ratio, float) else output_ratio
        out = tuple(int(s * r) for s, r in zip(sizes, ratio, strict=False))
    else:
        out = ints(output_size, n)
    for axis in range(input.dim() - n - (input.dim() == n + 2), input.dim()):
        if input.shape[axis] == 0 and axis:
            raise RuntimeError(
                f"{name}{'_out' if n == 3 else ''}(): Expected input to have non-zero size for non-batch "
                f"dimensions, but got{shape_text(input)} with dimension {axis} being empty."
            )
    for axis, (size, k, o) in enumerate(zip(sizes, kernel, out, strict=False)):
        if o + k - 1 > size:
            raise RuntimeError(
                f"{name}(): pool {('time', 'height', 'width')[3 - n + axis]} {k} too large "
                f"relative to input {('time', 'height', 'width')[3 - n + axis]} {size}"
            )
    unbatched = input.dim() == n + 1
    x = input.unsqueeze(0) if unbatched else input
    batch, channels = x.shape[:2]
    if samples is None:
        samples = cygrad.rand(batch, channels, n, dtype=x.dtype, device=x.device)
    # The last column of the samples belongs to the first spatial dimension from the end.
    index = None
    for axis in range(n):
        column = samples[..., axis if n == 3 else n - 1 - axis]
        starts = _fractional_starts(column, sizes[axis], out[axis], kernel[axis])
        steps = cygrad.arange(kernel[axis], device=x.device)
        along = starts.unsqueeze(-1) + steps  # (batch, channels, out, kernel)
        shape = [batch, channels] + [1] * (2 * n)
        shape[2 + axis], shape[2 + n + axis] = out[axis], kernel[axis]
        along = along.reshape(shape)
        index = along if index is None else index * sizes[axis] + along
    index = index.expand(batch, channels, *out, *kernel).flatten(2)
    windows = x.flatten(2).gather(2, index)
    shape = (batch, channels, *out, math.prod(kernel))
    values, where = windows.reshape(shape).max(-1)
    indices = index.reshape(shape).gather(-1, where.unsqueeze(-1)).squeeze(-1)
    if unbatched:
        values, indices = values.squeeze(0), indices.squeeze(0)
    return (values, indices) if return_indices else values


def _fractional_starts(sample, size, out, kernel):
    last = size - kernel
    starts = []
    if out > 1:
        alpha = (size - kernel) / (out - 1)
        steps = cygrad.arange(out - 1, dtype=sample.dtype, device=sample.device)
        u = sample.unsqueeze(-1)
        starts.append((((steps + u) * alpha).trunc() - (u * alpha).trunc()).to(cygrad.int64))
    starts.append(cygrad.full((*sample.shape, 1), last, dtype=cygrad.int64, device=sample.device))
    return cygrad.cat(starts, -1)


def fractional_max_pool2d(input, kernel_size, output_size=None, output_ratio=None,
                          return_indices=False, _random_samples=None):
    """Max pooling over windows at random places, to a given size or ratio."""
    return _fractional(2, input, kernel_size, output_size, output_ratio, return_indices,
                       _random_samples)


def fractional_max_pool3d(input, kernel_size, output_size=None, output_ratio=None,
                          return_indices=False, _random_samples=None):
    """Max pooling over windows at random places, to a given size or ratio."""
    return _fractional(3, input, kernel_size, output_size, output_ratio, return_indices,
                       _random_samples)


def fractional_max_pool2d_with_indices(input, kernel_size, output_size=None, output_ratio=None,
                                       return_indices=False, _random_samples=None):
    """`fractional_max_pool2d` with indices."""
    return _fractional(2, input, kernel_size, output_size, output_ratio, True, _random_samples)


def fractional_max_pool3d_with_indices(input, kernel_size, output_size=None, output_ratio=None,
                                       return_indices=False, _random_samples=None):
    """`fractional_max_pool3d` with indices."""
    return _fractional(3, input, kernel_size, output_size, output_ratio, True, _random_samples)
