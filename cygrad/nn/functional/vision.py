"""Resampling and rearranging images: every dimension by itself where the method allows it."""

import math
import warnings

import cygrad
from cygrad._operators.family import channels_lie_last, kept_format

from ._common import ints, linear_step, require_floating, shape_text
from .padding import pad
from .pooling import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d

_LINEAR = {"linear": 3, "bilinear": 4, "trilinear": 5, "bicubic": 4, "lanczos": 4}


def _positions(size, out, scale, align_corners, clamp, device, dtype):
    """Where each of ``out`` samples lies, in units of input pixels."""
    steps = cygrad.arange(out, device=device, dtype=dtype)
    if align_corners:
        return steps * ((size - 1) / (out - 1) if out > 1 else 0.0)
    ratio = 1.0 / scale if scale else size / out
    where = (steps + 0.5) * ratio - 0.5
    return where.clamp(min=0) if clamp else where


def _shaped(values, axis, dim):
    shape = [1] * dim
    shape[axis] = -1
    return values.reshape(shape)


def _nearest(input, axis, out, scale, exact):
    size = input.shape[axis]
    if out == size and input.dim() == 4 and not exact:  # whatever the scale
        return input
    if out == 2 * size and not scale and not exact:
        return input.repeat_interleave(2, axis)
    # float32 throughout: the index rule is part of what the operator promises.
    steps = cygrad.arange(out, device=input.device, dtype=cygrad.float32)
    ratio = cygrad.tensor(1.0 / scale if scale else size / out, dtype=cygrad.float32,
                          device=input.device)
    index = ((steps + 0.5 if exact else steps) * ratio).floor().long()
    return input.index_select(axis, index.clamp(max=size - 1))


def _linear(input, axis, out, scale, align_corners):
    size = input.shape[axis]
    if out == size:  # whatever the scale
        return input
    wide = cygrad.float64 if input.dtype == cygrad.float64 else cygrad.float32
    where = _positions(size, out, scale, align_corners, True, input.device, wide)
    low = where.floor().long().clamp(max=size - 1)
    high = (low + 1).clamp(max=size - 1)
    weight = _shaped((where - low).clamp(0, 1).to(input.dtype), axis, input.dim())
    return input.index_select(axis, low) * (1 - weight) + input.index_select(axis, high) * weight


def _cubic_parts(a):
    """Keys, Cubic convolution interpolation (1981): the weight up to a distance of 1, and from 1 to 2."""
    def near(x):
        return ((a + 2) * x - (a + 3)) * x * x + 1

    def far(x):
        return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a

    return near, far


def _cubic_weights(t):
    """The weights of the four neighbours."""
    near, far = _cubic_parts(-0.75)
    return far(t + 1), near(t), near(1 - t), far(2 - t)


def _cubic(input, axis, out, scale, align_corners):
    size = input.shape[axis]
    if out == size and not scale:
        return input
    wide = cygrad.float64 if input.dtype == cygrad.float64 else cygrad.float32
    where = _positions(size, out, scale, align_corners, False, input.device, wide)
    low = where.floor()
    total = 0
    for step, weight in enumerate(_cubic_weights(where - low)):
        index = (low.long() + step - 1).clamp(0, size - 1)
        weight = _shaped(weight.to(input.dtype), axis, input.dim())
        total = total + input.index_select(axis, index) * weight
    return total


def _triangle(x):
    return (1 - x.abs()).clamp(min=0)


def _keys(x):
    x = x.abs()
    near, far = _cubic_parts(-0.5)
    return cygrad.where(x < 1, near(x), cygrad.where(x < 2, far(x), 0.0))


def _lanczos3(x):
    return cygrad.where(x.abs() < 3, x.sinc() * (x / 3).sinc(), 0.0)


_FILTERS = {"bilinear": (_triangle, 1), "bicubic": (_keys, 2), "lanczos": (_lanczos3, 3)}


def _antialiased(input, axis, out, scale, align_corners, mode):
    """Each place the sum of its neighbours by a filter that grows with the reduction, as Pillow has it."""
    kernel, radius = _FILTERS[mode]
    size = input.shape[axis]
    if out == size:
        return input
    if align_corners:
        ratio = (size - 1) / (out - 1) if out > 1 else 0.0
    else:
        ratio = 1.0 / scale if scale else size / out
    stretch = max(ratio, 1.0)
    support = radius * stretch
    # In float64 on the CPU; a device may not have it.
    wide = cygrad.float64 if input.is_cpu or input.dtype is cygrad.float64 else cygrad.float32
    center = ratio * (cygrad.arange(out, dtype=wide, device=input.device) + 0.5)
    first = (center - support + 0.5).trunc().clamp(min=0).unsqueeze(1)
    last = (center + support + 0.5).trunc().clamp(max=size).unsqueeze(1)
    places = first + cygrad.arange(math.ceil(support) * 2 + 1, device=input.device)
    weights = kernel((places - center.unsqueeze(1) + 0.5) / stretch)
    weights = cygrad.where(places < last, weights, 0.0)
    weights = (weights / weights.sum(1, keepdim=True)).to(input.dtype)
    places = places.long().clamp(max=size - 1)
    neighbours = input.index_select(axis, places.flatten()).unflatten(axis, places.shape)
    return (neighbours * weights.reshape(places.shape + (1,) * (input.dim() - 1 - axis))).sum(axis + 1)


def _interpolate_sizes(input, size, scale_factor, recompute):
    spatial = list(input.shape[2:])
    n = len(spatial)
    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if size is None and scale_factor is None:
        raise ValueError("either size or scale_factor should be defined")
    if size is not None:
        if isinstance(size, (list, tuple)):
            if len(size) != n:
                raise ValueError(
                    "Input and output must have the same number of spatial dimensions, but got "
                    f"input with spatial dimensions of {spatial} and output size of {size}. "
                    "Please provide input tensor in (N, C, d1, d2, ...,dK) format and output size "
                    "in (o1, o2, ...,oK) format."
                )
            sizes = [int(s) for s in size]
        else:
            sizes = [int(size)] * n
        if recompute:
            raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
        return sizes, [None] * n
    if isinstance(scale_factor, (list, tuple)):
        if len(scale_factor) != n:
            raise ValueError(
                "Input and scale_factor must have the same number of spatial dimensions, but got "
                f"input with spatial dimensions of {spatial} and scale_factor of shape "
                f"{scale_factor}. Please provide input tensor in (N, C, d1, d2, ...,dK) format and "
                "scale_factor in (s1, s2, ...,sK) format."
            )
        scales = [float(s) for s in scale_factor]
    else:
        scales = [float(scale_factor)] * n
    sizes = [math.floor(s * f) for s, f in zip(spatial, scales, strict=False)]
    return sizes, [None] * n if recompute else scales


def interpolate(input, size=None, scale_factor=None, mode="nearest", align_corners=None,
                recompute_scale_factor=None, antialias=False):
    """Resample (N, C, L), (N, C, H, W) or (N, C, D, H, W) to ``size`` or by ``scale_factor``.

    Modes: nearest, nearest-exact, area, linear (3-d), bilinear and bicubic (4-d), trilinear
    (5-d), lanczos (4-d, antialias). ``antialias`` widens the filter when it shrinks.
    """
    unaligned = mode in ("nearest", "area", "nearest-exact")
    if unaligned and align_corners is not None:
        raise ValueError(
            "align_corners option can only be set with the interpolating modes: linear | bilinear "
            "| bicubic | trilinear"
        )
    align_corners = bool(align_corners)
    sizes, scales = _interpolate_sizes(input, size, scale_factor, recompute_scale_factor)
    if antialias and not (mode in _FILTERS and input.ndim == 4):
        raise ValueError(
            "Anti-alias option is restricted to bilinear, bicubic, and lanczos modes and requires "
            "a 4-D tensor as input"
        )
    if input.dim() not in (3, 4, 5) or not (unaligned or mode in _LINEAR):
        raise NotImplementedError(
            f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {input.dim()}D) for "
            "the modes: nearest | linear | bilinear | bicubic | trilinear | lanczos | area | "
            f"nearest-exact (got {mode})"
        )
    if mode in _LINEAR and input.dim() != _LINEAR[mode]:
        raise NotImplementedError(
            f"Got {input.dim()}D input, but {mode} mode needs {_LINEAR[mode]}D input"
        )
    if mode == "lanczos" and not antialias:
        raise ValueError("lanczos mode requires antialias=True")
    if min(sizes) <= 0 or (mode != "area" and 0 in input.shape[2:]):
        names = "DHW"[-len(sizes):]
        told = [", ".join(f"{a}: {v}" for a, v in zip(names, values, strict=False))
                for values in (input.shape[2:], sizes)]
        raise RuntimeError(
            f"Input and output sizes should be greater than 0, but got input ({told[0]}) "
            f"output ({told[1]})"
        )
    if mode == "area":
        pool = (adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d)[input.dim() - 3]
        return pool(input, sizes)
    if input.size(1) == 0:
        raise RuntimeError(
            f"Non-empty {input.dim()}D data tensor expected but got a tensor with sizes {shape_text(input)}"
        )
    if input.dtype != cygrad.uint8:
        require_floating(input, f"upsample_{mode}{input.dim() - 2}d_channels_last")
    if not cygrad.is_grad_enabled() or not input.requires_grad:
        out = _resampled(input, sizes, scales, mode, align_corners, antialias)
        return input.clone() if out is input else out
    kind = "".join(part.capitalize() for part in mode.split("-"))
    return linear_step(
        f"Upsample{kind}{input.dim() - 2}D{'Aa' if antialias else ''}Backward0",
        lambda x: _resampled(x, sizes, scales, mode, align_corners, antialias), input,
    )


def _resampled(input, sizes, scales, mode, align_corners, antialias):
    if channels_lie_last(input):
        out = _resampled_along(input.movedim(1, -1), 1, sizes, scales, mode, align_corners, antialias)
        return kept_format(out.movedim(-1, 1), input)
    return _resampled_along(input, 2, sizes, scales, mode, align_corners, antialias)


def _resampled_along(input, first, sizes, scales, mode, align_corners, antialias):
    """Resamples the dimensions from `first` on."""
    # Bytes are rounded (halves up) after each direction, the last direction first.
    whole = input.dtype == cygrad.uint8 and mode in _LINEAR
    passes = list(enumerate(zip(sizes, scales, strict=True), first))
    for axis, (out, scale) in passes[::-1] if whole else passes:
        if whole:
            input = input.to(cygrad.float32)
        if antialias:
            input = _antialiased(input, axis, out, scale, align_corners, mode)
        elif mode.startswith("nearest"):
            input = _nearest(input, axis, out, scale, mode == "nearest-exact")
        elif mode == "bicubic":
            input = _cubic(input, axis, out, scale, align_corners)
        else:
            input = _linear(input, axis, out, scale, align_corners)
        if whole:
            input = (input + 0.5).floor().clamp(0, 255).to(cygrad.uint8)
    return input


def _warn_upsample(name):
    warnings.warn(
        f"`nn.functional.{name}` is deprecated. Use `nn.functional.interpolate` instead.",
        stacklevel=3,
    )


def upsample(input, size=None, scale_factor=None, mode="nearest", align_corners=None):
    """The deprecated name of `interpolate`."""
    _warn_upsample("upsample")
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input, size=None, scale_factor=None):
    """Deprecated: `interpolate` with mode nearest."""
    _warn_upsample("upsample_nearest")
    return interpolate(input, size, scale_factor, mode="nearest")


def upsample_bilinear(input, size=None, scale_factor=None):
    """Deprecated: `interpolate` with mode bilinear and aligned corners."""
    _warn_upsample("upsample_bilinear")
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)


_ALIGN_WARNING = (
    "Default grid_sample and affine_grid behavior has changed "
    "to align_corners=False since 1.3.0. Please specify "
    "align_corners=True if the old behavior is desired. "
    "See the documentation of grid_sample for details."
)


def _unnormalised(coordinate, size, align_corners):
    if align_corners:
        return (coordinate + 1) / 2 * (size - 1)
    return ((coordinate + 1) * size - 1) / 2


def _bounced(where, low2, high2):
    """Reflect at low2 / 2 and high2 / 2 until inside."""
    if low2 == high2:
        return cygrad.zeros_like(where)
    low, span = low2 / 2, (high2 - low2) / 2
    away = (where - low).abs()
    extra = away.fmod(span)
    even = (away / span).floor().remainder(2) == 0
    return cygrad.where(even, extra + low, span - extra + low)


def _folded(where, size, padding_mode, align_corners):
    if padding_mode == "border":
        return where.clamp(0, size - 1)
    if padding_mode == "reflection":
        ends = (0, 2 * (size - 1)) if align_corners else (-1, 2 * size - 1)
        return _bounced(where, *ends).clamp(0, size - 1)
    return where


def _picker(input):
    """A function that reads (N, C, *sizes) at integer places: a tensor (N, *out) for each dimension.

    Places outside give zero, for which the input is framed once.
    """
    sizes = input.shape[2:]
    framed = pad(input, (1, 1) * len(sizes))
    n, c = input.shape[:2]
    flat = framed.flatten(2)

    def pick(index):
        place = 0
        for where, size in zip(index, sizes, strict=True):
            place = place * (size + 2) + (where.clamp(-1, size) + 1)
        out = place.shape[1:]
        if n == 1:  # the common case, at half the cost
            picked = flat.index_select(2, place.reshape(-1))
        else:
            picked = flat.gather(2, place.flatten(1).unsqueeze(1).expand(n, c, math.prod(out)))
        return picked.reshape(n, c, *out)

    return pick


def grid_sample(input, grid, mode="bilinear", padding_mode="zeros", align_corners=None):
    """Values of ``input`` (N, C, [D,] H, W) at the places ``grid`` (N, ..., 2 or 3) in [-1, 1].

    The last dimension of the grid is (x, y[, z]).
    """
    if mode not in ("bilinear", "nearest", "bicubic"):
        raise ValueError(
            "nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', "
            f"but got: '{mode}'"
        )
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ValueError(
            "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or "
            f"'reflection', but got: '{padding_mode}'"
        )
    if align_corners is None:
        warnings.warn(_ALIGN_WARNING, stacklevel=2)
        align_corners = False
    if input.size(0) != grid.size(0):
        raise RuntimeError(
            "grid_sampler(): expected grid and input to have same batch size, but got input with "
            f"sizes {shape_text(input)} and grid with sizes {shape_text(grid)}"
        )
    n = input.dim() - 2
    if grid.size(-1) != n:
        raise RuntimeError(
            f"grid_sampler(): expected grid to have size {n} in last dimension, but got grid with "
            f"sizes {shape_text(grid)}"
        )
    if mode == "bicubic" and n != 2:
        raise RuntimeError("grid_sampler(): bicubic interpolation only supports 4D input")
    sizes = input.shape[2:]
    if 0 in sizes:
        raise RuntimeError(
            "grid_sampler(): expected input to have non-empty spatial dimensions, but input has sizes "
            f"{shape_text(input)} with dimension {sizes.index(0) + 2} being empty"
        )
    where = [
        _unnormalised(grid[..., n - 1 - i], size, align_corners) for i, size in enumerate(sizes)
    ]
    pick = _picker(input)
    if mode == "bicubic":
        return _sample_cubic(pick, sizes, where, padding_mode, align_corners)
    where = [_folded(w, s, padding_mode, align_corners) for w, s in zip(where, sizes, strict=False)]
    if mode == "nearest":
        picked = pick([w.round().long() for w in where])
        if grid.requires_grad:  # it takes part in the graph, by a gradient of zero
            everywhere = cygrad.ones_like(where[0], dtype=cygrad.bool)
            picked = picked + where[0].masked_fill(everywhere, 0.0).unsqueeze(1)
        return picked
    total = 0
    lows = [w.floor() for w in where]
    for corner in range(2 ** n):
        bits = [(corner >> i) & 1 for i in range(n)]
        weight = 1
        for w, low, bit in zip(where, lows, bits, strict=False):
            weight = weight * ((w - low) if bit else (low + 1 - w))
        index = [low.long() + bit for low, bit in zip(lows, bits, strict=False)]
        total = total + pick(index) * weight.unsqueeze(1)
    return total


def _sample_cubic(pick, sizes, where, padding_mode, align_corners):
    lows = [w.floor() for w in where]
    weights = [_cubic_weights(w - low) for w, low in zip(where, lows, strict=False)]
    total = 0
    for i in range(4):
        for j in range(4):
            index = [
                _folded(low + step - 1, size, padding_mode, align_corners).round().long()
                for low, step, size in zip(lows, (i, j), sizes, strict=False)
            ]
            weight = weights[0][i] * weights[1][j]
            total = total + pick(index) * weight.unsqueeze(1)
    return total


def affine_grid(theta, size, align_corners=None):
    """The grid of `grid_sample` for affine maps theta (N, 2, 3) or (N, 3, 4)."""
    if align_corners is None:
        warnings.warn(_ALIGN_WARNING, stacklevel=2)
        align_corners = False
    if not theta.is_floating_point():
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    if min(size, default=1) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {tuple(size)}")
    n = len(size) - 2
    if n not in (2, 3):
        raise NotImplementedError(
            "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, "
            f"respectively. Got size {tuple(size)}."
        )
    if theta.dim() != 3 or tuple(theta.shape[1:]) != (n, n + 1):
        raise ValueError(
            f"Expected a batch of {n}D affine matrices of shape Nx{n}x{n + 1} for size "
            f"{tuple(size)}. Got {theta.shape}."
        )
    if theta.shape[0] != size[0]:
        raise RuntimeError(
            "Expected size for first two dimensions of batch2 tensor to be: "
            f"[{size[0]}, {n + 1}] but got: [{theta.shape[0]}, {n + 1}]."
        )
    spatial = list(size[2:])
    if align_corners and min(spatial) == 1:
        warnings.warn(
            "Since version 1.3.0, affine_grid behavior has changed for unit-size grids when "
            "align_corners=True. This is not an intended use case of affine_grid. See the "
            "documentation of affine_grid for details.", stacklevel=2,
        )
    columns = []
    for i, count in enumerate(spatial):
        steps = cygrad.linspace(-1, 1, count, dtype=theta.dtype, device=theta.device)
        if count == 1:
            steps = steps.new_zeros(1)
        elif not align_corners:
            steps = steps * ((count - 1) / count)
        columns.insert(0, _shaped(steps, i, n).expand(spatial))
    columns.append(cygrad.ones(spatial, dtype=theta.dtype, device=theta.device))
    base = cygrad.stack(columns, -1).reshape(1, -1, n + 1)
    grid = base.expand(size[0], -1, -1).bmm(theta.transpose(1, 2))
    return grid.reshape(size[0], *spatial, n)


def _check_shuffle(input, factor, name, what):
    if input.dim() < 3:
        raise RuntimeError(
            f"{name} expects input to have at least 3 dimensions, but got input with "
            f"{input.dim()} dimension(s)"
        )
    if factor <= 0:
        raise RuntimeError(f"{name} expects a positive {what}, but got {factor}")


def pixel_shuffle(input, upscale_factor):
    """(*, C r^2, H, W) to (*, C, H r, W r)."""
    _check_shuffle(input, upscale_factor, "pixel_shuffle", "upscale_factor")
    r = upscale_factor
    *lead, c, h, w = input.shape
    if c % (r * r):
        raise RuntimeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square "
            f"of upscale_factor, but input.size(-3)={c} is not divisible by {r * r}"
        )
    parts = input.reshape(math.prod(lead), c // (r * r), r, r, h, w).permute(0, 1, 4, 2, 5, 3)
    return kept_format(parts.reshape(*lead, c // (r * r), h * r, w * r), input)


def pixel_unshuffle(input, downscale_factor):
    """(*, C, H r, W r) to (*, C r^2, H, W)."""
    _check_shuffle(input, downscale_factor, "pixel_unshuffle", "downscale_factor")
    r = downscale_factor
    *lead, c, h, w = input.shape
    for name, axis, size in (("height", -2, h), ("width", -1, w)):
        if size % r:
            raise RuntimeError(
                f"pixel_unshuffle expects {name} to be divisible by downscale_factor, but "
                f"input.size({axis})={size} is not divisible by {r}"
            )
    parts = input.reshape(math.prod(lead), c, h // r, r, w // r, r).permute(0, 1, 3, 5, 2, 4)
    return kept_format(parts.reshape(*lead, c * r * r, h // r, w // r), input)


def channel_shuffle(input, groups):
    """(N, g c, ...) with its channels read as (g, c) and written as (c, g)."""
    if input.dim() < 3:
        raise RuntimeError(
            "channel_shuffle expects input with > 2 dims, but got input with sizes "
            f"{shape_text(input)}"
        )
    n, c, *rest = input.shape
    if groups <= 0:
        raise RuntimeError(
            f"Number of groups to divide channels in must be positive. Value of groups:{groups}"
        )
    if c % groups:
        raise RuntimeError(
            "Number of channels must be divisible by groups. "
            f"Got {c} channels and {groups} groups."
        )
    parts = input.reshape(n, groups, c // groups, *rest).transpose(1, 2)
    return kept_format(parts.reshape(input.shape), input)


native_channel_shuffle = channel_shuffle


def _check_windows(kernel, dilation, padding, stride):
    for name, of, values in (
        ("kernel size", "kernel", kernel), ("dilation", "dilation", dilation), ("stride", "stride", stride)
    ):  # fmt: skip
        if min(values) < 1:
            raise RuntimeError(
                f"{name} should be greater than zero, but got {of}_height: {values[0]} {of}_width: {values[1]}"
            )
    if min(padding) < 0:
        raise RuntimeError(
            f"padding should be non-negative, but got pad_height: {padding[0]} pad_width: {padding[1]}"
        )


def _blocks(sizes, kernel, dilation, padding, stride):
    return [
        (s + 2 * p - d * (k - 1) - 1) // st + 1
        for s, k, d, p, st in zip(sizes, kernel, dilation, padding, stride, strict=False)
    ]


def unfold(input, kernel_size, dilation=1, padding=0, stride=1):
    """The sliding blocks of (N, C, H, W) as columns: (N, C k, blocks)."""
    kernel, dilation, padding, stride = (
        ints(v, 2) for v in (kernel_size, dilation, padding, stride)
    )
    _check_windows(kernel, dilation, padding, stride)
    if input.dim() not in (3, 4) or 0 in input.shape[-3:]:
        input.size(2)
        raise RuntimeError(
            "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero "
            f"dimensions for input, but got: {shape_text(input)}"
        )
    unbatched = input.dim() == 3
    x = input.unsqueeze(0) if unbatched else input
    count = _blocks(x.shape[2:], kernel, dilation, padding, stride)
    if min(count) < 1:
        raise RuntimeError(
            f"Given input with spatial size {tuple(x.shape[2:])}, kernel_size={kernel}, "
            f"dilation={dilation}, padding={padding}, calculated shape of the array of sliding "
            f"blocks as {tuple(count)}, but its components must be at least one."
        )
    if max(padding):
        x = pad(x, (padding[1], padding[1], padding[0], padding[0]))
    n, c = x.shape[:2]
    for axis in (2, 3):
        i = axis - 2
        span = dilation[i] * (kernel[i] - 1) + 1
        x = x.unfold(axis, span, stride[i])
    x = x[..., ::dilation[0], ::dilation[1]]
    result = x.permute(0, 1, 4, 5, 2, 3).reshape(n, c * math.prod(kernel), math.prod(count))
    return result.squeeze(0) if unbatched else result


def fold(input, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """Sum columns (N, C k, blocks) into the places that `unfold` took them from."""
    size, kernel, dilation, padding, stride = (
        ints(v, 2) for v in (output_size, kernel_size, dilation, padding, stride)
    )
    _check_windows(kernel, dilation, padding, stride)
    if input.dim() not in (2, 3) or 0 in input.shape[-2:]:
        raise RuntimeError(
            "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and "
            f"non-zero dimensions for input, but got: {shape_text(input)}"
        )
    unbatched = input.dim() == 2
    x = input.unsqueeze(0) if unbatched else input
    taps = math.prod(kernel)
    if x.size(1) % taps:
        raise RuntimeError(
            "Expected size of input's dimension 1 to be divisible by the product of kernel_size, "
            f"but got input.size(1)={x.size(1)} and kernel_size={kernel}."
        )
    count = _blocks(size, kernel, dilation, padding, stride)
    if x.size(2) != math.prod(count):
        raise RuntimeError(
            f"Given output_size={size}, kernel_size={kernel}, dilation={dilation}, "
            f"padding={padding}, stride={stride}, expected size of input's dimension 2 to match "
            f"the calculated number of sliding blocks {count[0]} * {count[1]} = "
            f"{math.prod(count)}, but got input.size(2)={x.size(2)}."
        )
    n, c = x.size(0), x.size(1) // taps
    padded = [s + 2 * p for s, p in zip(size, padding, strict=False)]
    rows, columns = (
        cygrad.arange(k, device=x.device).reshape(-1, 1) * d
        + cygrad.arange(b, device=x.device) * st
        for k, d, b, st in zip(kernel, dilation, count, stride, strict=False)
    )
    place = rows.reshape(kernel[0], 1, count[0], 1) * padded[1]
    place = place + columns.reshape(1, kernel[1], 1, count[1])
    flat = x.new_zeros((n, c, math.prod(padded)))
    flat = flat.index_add(2, place.reshape(-1), x.reshape(n, c, place.numel()))
    result = flat.reshape(n, c, *padded)
    result = result[:, :, padding[0]:padding[0] + size[0], padding[1]:padding[1] + size[1]]
    return result.squeeze(0) if unbatched else result
