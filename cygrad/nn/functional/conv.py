"""Linear maps and convolutions: arguments checked here, the work in the compiled functions."""

import functools

from cygrad import Tensor
from cygrad._fronts import nn as _nn

from ._common import c_name, hashable, ints, scalar_name
from .padding import pad


def linear(input, weight, bias=None):
    """x @ weight.T + bias; weight is (out_features, in_features)."""
    return _nn.linear(input, weight, bias)


def bilinear(input1, input2, weight, bias=None):
    """y_k = x1 @ weight_k @ x2 + bias_k; weight is (out, in1, in2)."""
    out, in1, in2 = weight.shape
    for i, x, size in ((1, input1, in1), (2, input2, in2)):
        if x.size(-1) != size:
            raise RuntimeError(
                f"bilinear(): input{i} size does not match weight size: got {x.size(-1)} but "
                f"expected {size}"
            )
    left = input1.matmul(weight.permute(1, 0, 2).reshape(in1, out * in2))
    left = left.reshape(*input1.shape[:-1], out, in2)
    result = (left * input2.unsqueeze(-2)).sum(-1)
    return result if bias is None else result + bias


def _per_dimension(value, n, nd, what):
    value = ints(value, nd)
    if len(value) != n:
        raise RuntimeError(
            f"expected {what} to be a single integer value or a list of {n} values to match the "
            f"convolution dimensions, but got {what}={list(value)}"
        )
    return value


def _check_shapes(x, w, b, stride, padding, dilation, transposed, groups):
    if groups <= 0:
        raise RuntimeError("non-positive groups is not supported")
    if min(padding) < 0:
        raise RuntimeError("negative padding is not supported")
    if min(stride) <= 0:
        raise RuntimeError("non-positive stride is not supported")
    if min(dilation) <= 0:
        raise RuntimeError(f"dilation should be greater than zero, but got {list(dilation)}")
    given = f"Given transposed={int(transposed)}" if transposed else f"Given groups={groups}"
    channels = w[0] if transposed else w[1] * groups
    if w[0] < groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be at least {groups} at dimension 0, "
            f"but got weight of size {list(w)} instead"
        )
    if w[0] % groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, "
            f"but got weight of size [{list(w)}] instead"
        )
    if x[1] != channels:
        raise RuntimeError(
            f"{given}, weight of size {list(w)}, expected input{list(x)} to have "
            f"{channels} channels, but got {x[1]} channels instead"
        )
    out = w[1] * groups if transposed else w[0]
    if b is not None and (len(b) != 1 or b[0] != out):
        given = "Given transposed=1, weight" if transposed else "Given weight"
        raise RuntimeError(
            f"{given} of size {list(w)}, expected bias to be 1-dimensional with {out} "
            f"elements, but got bias of size {list(b)} instead"
        )


def _check_kernel(x, w, padding, dilation):
    padded = [s + 2 * p for s, p in zip(x[2:], padding, strict=False)]
    kernel = [d * (k - 1) + 1 for k, d in zip(w[2:], dilation, strict=False)]
    if any(s < k for s, k in zip(padded, kernel, strict=False)):
        raise RuntimeError(
            f"Calculated padded input size per channel: ({' x '.join(map(str, padded))}). "
            f"Kernel size: ({' x '.join(map(str, kernel))}). "
            "Kernel size can't be greater than actual input size"
        )


def _check_tensors(name, input, weight, bias):
    if not isinstance(input, Tensor) or not isinstance(weight, Tensor):
        kinds = ", ".join(type(v).__name__ for v in (input, weight))
        head = " * (Tensor input, Tensor weight, Tensor bias = None, tuple of ints stride = 1, "
        rest = "tuple of ints dilation = 1, int groups = 1)"
        forms = (f"tuple of ints padding = 0, {rest}", f'str padding = "valid", {rest}')
        if "transpose" in name:
            forms = ("tuple of ints padding = 0, tuple of ints output_padding = 0, "
                     "int groups = 1, tuple of ints dilation = 1)",)
        raise TypeError(
            f"{name}() received an invalid combination of arguments - got ({kinds}), but expected "
            "one of:\n" + "".join(f"{head}{form}\n" for form in forms)
        )
    if bias is not None and bias.dtype != input.dtype:
        raise RuntimeError(
            f"Input type ({c_name(input.dtype)}) and bias type ({c_name(bias.dtype)}) "
            "should be the same"
        )
    if input.dtype != weight.dtype:
        raise RuntimeError(
            f"expected scalar type {scalar_name(input.dtype)} but found "
            f"{scalar_name(weight.dtype)}"
        )


def _batched(x, name, n):
    """The shape ``x`` with a batch dimension. Raises RuntimeError."""
    if len(x) not in (n + 1, n + 2):
        raise RuntimeError(
            f"Expected {n + 1}D (unbatched) or {n + 2}D (batched) input to {name}, "
            f"but got input of size: {list(x)}"
        )
    return (1, *x) if len(x) == n + 1 else x


# Shapes and sizes repeat from call to call: they are checked once.
@functools.lru_cache(maxsize=4096)
def _plan(name, nd, x, w, b, stride, padding, dilation, groups):
    """(stride, padding, dilation, what to pad before) of a convolution. Raises RuntimeError."""
    x = _batched(x, name, nd)
    n = len(w) - 2
    if n < 1:
        raise RuntimeError("weight should have at least three dimensions")
    if padding == "same" and len(x) != len(w):
        raise RuntimeError(
            f"Expected {len(w)}-dimensional input for {len(w)}-dimensional weight{list(w)}, "
            f"but got {len(x)}-dimensional input of size {list(x)} instead"
        )
    stride = _per_dimension(stride, n, nd, "stride")
    dilation = _per_dimension(dilation, n, nd, "dilation")
    extra = None
    if isinstance(padding, str):
        padding, extra = _string_padding(w, stride, padding, dilation)
    else:
        padding = _per_dimension(padding, n, nd, "padding")
    _check_shapes(x, w, b, stride, padding, dilation, False, groups)
    if extra is None:
        _check_kernel(x, w, padding, dilation)
    return stride, padding, dilation, extra


def _string_padding(w, stride, padding, dilation):
    if padding == "valid":
        return (0,) * len(stride), None
    if padding != "same":
        raise RuntimeError(f"Invalid padding string: '{padding}'")
    if max(stride) > 1:
        raise RuntimeError("padding='same' is not supported for strided convolutions")
    totals = [d * (k - 1) for k, d in zip(w[2:], dilation, strict=False)]
    # An odd total is padded once more at the end; the rest is left to the convolution.
    odd = [amount for t in reversed(totals) for amount in (0, t % 2)]
    return tuple(t // 2 for t in totals), tuple(odd) if any(odd) else None


def _conv(name, nd, input, weight, bias, stride, padding, dilation, groups):
    if isinstance(input, Tensor) and isinstance(weight, Tensor):
        stride, padding, dilation, extra = _plan(
            name, nd, input.shape, weight.shape, None if bias is None else bias.shape,
            hashable(stride), hashable(padding), hashable(dilation), groups,
        )
    _check_tensors(name, input, weight, bias)
    if extra is not None:
        input = pad(input, extra)
    none = (0,) * len(stride)
    if input.dim() == nd + 1:
        return _nn.convolution(input.unsqueeze(0), weight, bias, stride, padding, dilation, False,
                               none, groups).squeeze(0)
    return _nn.convolution(input, weight, bias, stride, padding, dilation, False, none, groups)


def conv1d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Cross-correlation over (N, C, L) or (C, L); weight is (out, C / groups, K)."""
    return _conv("conv1d", 1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Cross-correlation over (N, C, H, W) or (C, H, W)."""
    return _conv("conv2d", 2, input, weight, bias, stride, padding, dilation, groups)


def conv3d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Cross-correlation over (N, C, D, H, W) or (C, D, H, W)."""
    return _conv("conv3d", 3, input, weight, bias, stride, padding, dilation, groups)


@functools.lru_cache(maxsize=4096)
def _transposed_plan(name, nd, x, w, b, stride, padding, output_padding, groups, dilation):
    """(stride, padding, dilation, output padding) of a transposed convolution."""
    x = _batched(x, name, nd)
    n = len(w) - 2
    stride = _per_dimension(stride, n, nd, "stride")
    padding = _per_dimension(padding, n, nd, "padding")
    output_padding = _per_dimension(output_padding, n, nd, "output_padding")
    dilation = _per_dimension(dilation, n, nd, "dilation")
    _check_shapes(x, w, b, stride, padding, dilation, True, groups)
    if any(o >= s and o >= d for o, s, d in zip(output_padding, stride, dilation, strict=False)):
        axes = ("depth", "height", "width")[3 - n:] if n > 1 else ("width",)
        values = [
            f"{what}_{axis}: {v}"
            for what, vs in (("output_padding", output_padding), ("stride", stride),
                             ("dilation", dilation))
            for axis, v in zip(axes, vs, strict=False)
        ]
        raise RuntimeError(
            "output padding must be smaller than either stride or dilation, but got "
            + " ".join(values)
        )
    sizes = [
        (size - 1) * s - 2 * p + d * (k - 1) + o + 1
        for size, s, p, d, k, o in zip(
            x[2:], stride, padding, dilation, w[2:], output_padding, strict=True
        )
    ]
    if min(sizes) <= 0:
        raise RuntimeError(
            f"Given input size per channel: ({' x '.join(map(str, x[2:]))}). "
            f"Calculated output size per channel: ({' x '.join(map(str, sizes))}). "
            "Output size is too small"
        )
    return stride, padding, dilation, output_padding


def _conv_transpose(name, nd, input, weight, bias, stride, padding, output_padding, groups,
                    dilation):
    if isinstance(input, Tensor) and isinstance(weight, Tensor):
        stride, padding, dilation, output_padding = _transposed_plan(
            name, nd, input.shape, weight.shape, None if bias is None else bias.shape,
            hashable(stride), hashable(padding), hashable(output_padding), groups,
            hashable(dilation),
        )
    _check_tensors(name, input, weight, bias)
    x = input.unsqueeze(0) if input.dim() == nd + 1 else input
    result = _nn.convolution(x, weight, bias, stride, padding, dilation, True, output_padding,
                             groups)
    return result.squeeze(0) if x is not input else result


def conv_transpose1d(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1,
                     dilation=1):
    """The gradient of `conv1d` for its input, as an operator; weight is (C, out / groups, K)."""
    return _conv_transpose("conv_transpose1d", 1, input, weight, bias, stride, padding,
                           output_padding, groups, dilation)


def conv_transpose2d(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1,
                     dilation=1):
    """The gradient of `conv2d` for its input, as an operator."""
    return _conv_transpose("conv_transpose2d", 2, input, weight, bias, stride, padding,
                           output_padding, groups, dilation)


def conv_transpose3d(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1,
                     dilation=1):
    """The gradient of `conv3d` for its input, as an operator."""
    return _conv_transpose("conv_transpose3d", 3, input, weight, bias, stride, padding,
                           output_padding, groups, dilation)


def conv_tbc(input, weight, bias, pad=0):
    """1-d convolution over (time, batch, channels); weight is (K, in, out)."""
    result = conv1d(input.permute(1, 2, 0), weight.permute(2, 1, 0), bias, padding=pad)
    return result.permute(2, 0, 1)
