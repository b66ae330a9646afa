"""Numerical functions of tensors that belong to no family: distances, differences, histograms, padding, grids."""

import math

import cygrad
from cygrad import _core, return_types as _return_types
from cygrad._core import Tensor
from cygrad._operators import scan as _scan
from cygrad._operators.family import deliver


def _kind(x):
    return _core.SCALAR_TYPE_NAMES[x.dtype.code]


def _need_tensor(function, x, argument="input", position=1):
    if not isinstance(x, Tensor):
        raise TypeError(
            f"{function}(): argument '{argument}' (position {position}) must be Tensor, not {type(x).__name__}"
        )


# ---------------------------------------------------------------- distances of rows

_MODES = (
    "use_mm_for_euclid_dist_if_necessary",
    "use_mm_for_euclid_dist",
    "donot_use_mm_for_euclid_dist",
)
_MANY = 25  # rows above which Euclidean distances come from a matrix product


def _distance_pull(a, b, dist, g, p):
    """The gradient of a in differentiable operators."""
    d = a.unsqueeze(-2) - b.unsqueeze(-3)
    far, g = dist.unsqueeze(-1), g.unsqueeze(-1)
    if p == 1:
        return (d.sgn() * g).sum(-2)
    size = d.abs()
    if p == math.inf:
        return (d.sgn() * (size == far).to(d.dtype) * g).sum(-2)
    still = d == 0
    size = cygrad.where(still, 1.0, size)
    far = cygrad.where(far == 0, 1.0, far)
    return cygrad.where(still, 0.0, d.sgn() * size ** (p - 1) * (g / far ** (p - 1))).sum(-2)


def _euclidean_pull(a, b, weights):
    return weights.sum(-1, keepdim=True) * a - weights @ b


def _cdist_backward(node, g):
    a, b, dist = node.saved()
    p = node.args[0]
    if p == 0:
        return cygrad.zeros_like(a), cygrad.zeros_like(b)
    if p == 2:
        weights = cygrad.where(dist == 0, 0.0, g / cygrad.where(dist == 0, 1.0, dist))
        return (
            _euclidean_pull(a, b, weights) if node.needs(0) else None,
            _euclidean_pull(b, a, weights.mT) if node.needs(1) else None,
        )
    if cygrad.is_grad_enabled():
        pull = _distance_pull
    else:
        from cygrad._operators.distance import pull
    return (
        pull(a, b, dist, g, p) if node.needs(0) else None,
        pull(b, a, dist.mT, g.mT, p) if node.needs(1) else None,
    )


def _need_rows(x1, x2, p):
    for i, x in enumerate((x1, x2), 1):
        _need_tensor("cdist", x, f"x{i}", i)
        if x.dim() < 2:
            raise RuntimeError(f"cdist only supports at least 2D tensors, X{i} got: {x.dim()}D")
    if x1.shape[-1] != x2.shape[-1]:
        raise RuntimeError(
            f"X1 and X2 must have the same number of columns. X1: {x1.shape[-1]} X2: {x2.shape[-1]}"
        )
    for i, x in enumerate((x1, x2), 1):
        if not x.is_floating_point():
            raise RuntimeError(f"cdist only supports floating-point dtypes, X{i} got: {_kind(x)}")
    if p < 0:
        raise RuntimeError("cdist only supports non-negative p values")
    if x1.dtype != x2.dtype:
        raise RuntimeError(f"expected scalar type {_kind(x1)} but found {_kind(x2)}")
    if x1.dtype in (cygrad.float16, cygrad.bfloat16):
        raise NotImplementedError(f"\"cdist\" not implemented for '{_kind(x1)}'")


def cdist(x1, x2, p=2.0, compute_mode=_MODES[0]):
    """The p-norm distances (..., P, R) of the rows of x1 (..., P, M) and x2 (..., R, M); batches broadcast.

    Euclidean distances of more than 25 rows go by a matrix product, which is fast and loses digits where rows are
    close, unless `compute_mode` says otherwise.
    """
    compute_mode = _MODES[0] if compute_mode is None else compute_mode
    if compute_mode not in _MODES:
        raise ValueError(f"{compute_mode} is not a valid value for compute_mode")
    _need_rows(x1, x2, p)
    batch = cygrad.broadcast_shapes(x1.shape[:-2], x2.shape[:-2])
    a, b = x1.expand(*batch, *x1.shape[-2:]), x2.expand(*batch, *x2.shape[-2:])
    many = max(a.shape[-2], b.shape[-2]) > _MANY
    with cygrad.no_grad():
        if p == 2 and (compute_mode == _MODES[1] or (compute_mode == _MODES[0] and many)):
            squares = a.square().sum(-1, keepdim=True) + b.square().sum(-1, keepdim=True).mT
            dist = (squares - 2 * (a @ b.mT)).clamp_(min=0).sqrt_()
        else:
            from cygrad._operators.distance import distances

            dist = distances(a.detach(), b.detach(), p)
    (dist,) = _core.record(
        (dist,), "CdistBackward0", (a, b), _cdist_backward, (a, b, dist), (float(p),)
    )
    return dist


# ---------------------------------------------------------------- differences


def _slope(f, dim, h, edge_order):
    """The derivative along `dim` of samples at distance h, to the second order inside (Fornberg, 1988)."""

    def at(start, stop=None):
        start, stop, _ = slice(start, stop).indices(f.shape[dim])
        return f.narrow(dim, start, stop - start)

    def times(x, factor):
        return _scan.by_number("mul", x, factor)

    def over(x, divisor):
        return _scan.by_number("div", x, divisor)

    inside = over(over(at(2) - at(0, -2), h), 2)
    if edge_order == 1:
        first, last = over(at(1, 2) - at(0, 1), h), over(at(-1) - at(-2, -1), h)
    else:
        first = over(times(at(0, 1), -1.5) + times(at(1, 2), 2) - times(at(2, 3), 0.5), h)
        last = over(times(at(-3, -2), 0.5) - times(at(-2, -1), 2) + times(at(-1), 1.5), h)
    return cygrad.cat((first, inside, last), dim)


def _slope_between(f, dim, x, edge_order):
    """The same for samples at the places x."""
    n = f.shape[dim]
    if x.shape[0] != n:
        raise RuntimeError(
            f"torch.gradient expected the coordinates of dimension {dim} to have {n} elements, but got {x.shape[0]}"
        )
    shape = [-1 if i == dim else 1 for i in range(f.dim())]
    dx = x.diff().reshape(shape)
    before, after = dx.narrow(dim, 0, n - 2), dx.narrow(dim, 1, n - 2)

    def at(i):
        return f.narrow(dim, i % n, 1)

    inside = (
        f.narrow(dim, 2, n - 2) * (before / after)
        + f.narrow(dim, 1, n - 2) * ((after - before) * (after + before) / (before * after))
        - f.narrow(dim, 0, n - 2) * (after / before)
    ) / (before + after)
    near, far = dx.narrow(dim, 0, 1), dx.narrow(dim, n - 2, 1)
    if edge_order == 1:
        first, last = (at(1) - at(0)) / near, (at(-1) - at(-2)) / far
    else:
        u, v = near, dx.narrow(dim, 1, 1)
        first = (
            -(2 * u + v) / (u * (u + v)) * at(0)
            + (u + v) / (u * v) * at(1)
            - u / (v * (u + v)) * at(2)
        )
        u, v = dx.narrow(dim, n - 3, 1), far
        last = (
            v / (u * (u + v)) * at(-3)
            - (u + v) / (u * v) * at(-2)
            + (2 * v + u) / (v * (u + v)) * at(-1)
        )
    return cygrad.cat((first, inside, last), dim)


def gradient(input, *, spacing=1, dim=None, edge_order=1):
    """The derivatives of samples along each of `dim` (None: all): central differences inside, one-sided at the ends.

    spacing: a number; a number or a tensor of coordinates for each dimension.
    """
    _need_tensor("gradient", input)
    dims = range(input.dim()) if dim is None else (dim,) if isinstance(dim, int) else dim
    dims = [_core.wrapped_dim(d, input.dim()) for d in dims]
    if len(set(dims)) < len(dims):
        twice = next(d for i, d in enumerate(dims) if d in dims[:i])
        raise RuntimeError(f"dim {twice} appears multiple times in the list of dims")
    if input.dtype == cygrad.uint8:
        raise RuntimeError("torch.gradient does not support uint8 input.")
    if isinstance(spacing, Tensor) and not spacing.dim():
        spacing = spacing.item()
    if isinstance(spacing, Tensor):
        raise TypeError(
            "gradient(): argument 'spacing' must be a number or a tuple of numbers or Tensors, not Tensor"
        )
    if isinstance(spacing, (tuple, list)):
        for t in spacing:
            if isinstance(t, Tensor) and t.device != input.device:
                raise RuntimeError(
                    "torch.gradient expected each tensor to be on the same device, but got devices "
                    f"{input.device} and {t.device}!"
                )
        if len(spacing) != len(dims):
            raise RuntimeError(
                "torch.gradient expected spacing to be unspecified, a scalar or it's spacing and dim arguments to have "
                f"the same length, but got a spacing argument of length {len(spacing)} and a dim argument of length "
                f"{len(dims)}."
            )
    else:
        spacing = [1 if spacing is None else spacing] * len(dims)
    if edge_order not in (1, 2):
        raise RuntimeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    for d in dims:
        if input.shape[d] < edge_order + 1:
            raise RuntimeError(
                "torch.gradient expected each dimension size to be at least edge_order+1"
            )
    if not (input.is_floating_point() or input.is_complex()):
        input = input.to(cygrad.get_default_dtype())
    return tuple(
        (_slope_between if isinstance(s, Tensor) else _slope)(input, d, s, edge_order)
        for d, s in zip(dims, spacing, strict=True)
    )


# ---------------------------------------------------------------- histograms


def _no_derivative(node, *_):
    raise NotImplementedError(f"the derivative for '{node.args[0]}' is not implemented.")


def _bin_edges(x, bins, range_, name):
    """The edges of equal bins for each column of x (M, N)."""
    n = x.shape[1]
    if range_ is not None:
        if len(range_) != 2 * n:
            raise RuntimeError(
                f"torch.histogramdd: for a {n}-dimensional histogram range should have {2 * n} elements, but got "
                f"{len(range_)}"
            )
        low, high = list(range_[0::2]), list(range_[1::2])
    elif x.shape[0]:
        low, high = x.amin(0).tolist(), x.amax(0).tolist()
    else:
        low, high = [0.0] * n, [1.0] * n
    edges = []
    for i, (a, b, count) in enumerate(zip(low, high, bins, strict=True)):
        if count <= 0:
            raise RuntimeError(f"{name}(): bins must be > 0, but got {count} for dimension {i}")
        if not (math.isfinite(a) and math.isfinite(b)):
            raise RuntimeError(
                f"torch.histogramdd: dimension {i}'s range [{a:g}, {b:g}] is not finite"
            )
        if a > b:
            raise RuntimeError(
                f"torch.histogramdd: min should not exceed max, but got min {a:g} max {b:g} for dimension {i}"
            )
        a, b = (a - 0.5, b + 0.5) if a == b else (a, b)
        edges.append(cygrad.linspace(a, b, count + 1, dtype=x.dtype, device=x.device))
    return edges


def _given_edges(x, bins):
    for i, edges in enumerate(bins):
        if edges.dim() != 1:
            raise RuntimeError(
                f"torch.histogramdd: bins tensor should have one dimension, but got {edges.dim()} dimensions in the "
                f"bins "
                f"tensor for dimension {i}"
            )
        if not edges.numel():
            raise RuntimeError(
                f"torch.histogramdd: bins tensor should have at least 1 element, but got 0 elements in the bins tensor "
                f"for dimension {i}"
            )
        if edges.dtype != x.dtype:
            kinds = [_core.C_TYPE_NAMES[t.dtype.code] for t in (x, edges)]
            raise RuntimeError(
                "torch.histogramdd: input tensor and bins tensors should have the same dtype, but got input with dtype "
                f"{kinds[0]} and bins for dimension {i} with dtype {kinds[1]}"
            )
    return list(bins)


def _counts(x, edges, weight, density):
    """The counts, or sums of weights, of the rows of x (M, N) in the boxes between the edges of each column.

    A box holds its lower edge; the last holds its upper edge as well.
    """
    shape = [e.shape[0] - 1 for e in edges]
    place = x.new_zeros(x.shape[0], dtype=cygrad.int64)
    inside = x.new_ones(x.shape[0], dtype=cygrad.bool)
    for column, e, n in zip(x.unbind(1), edges, shape, strict=True):
        column = column.contiguous()
        inside &= (column >= e[0]) & (column <= e[-1])
        where = cygrad.searchsorted(e, column, right=True) - 1
        place = place * n + where.clamp(min=0, max=max(n - 1, 0))
    w = x.new_ones(x.shape[0]) if weight is None else weight.to(x.dtype)
    total = x.new_zeros(math.prod(shape))
    if total.numel():
        total = total.index_add(0, place[inside], w[inside])
    r = total.reshape(shape)
    if density:
        r = r / r.sum()
        for i, e in enumerate(edges):
            r = r / e.diff().reshape([-1 if j == i else 1 for j in range(len(edges))])
    return r


def _need_histogram(input, weight):
    if not input.is_floating_point() or input.dtype in (cygrad.float16, cygrad.bfloat16):
        raise NotImplementedError(f"\"histogramdd\" not implemented for '{_kind(input)}'")
    if weight is not None and weight.shape != input.shape[:-1]:
        raise RuntimeError(
            "torch.histogramdd: if weight tensor is provided it should have the same shape as the input tensor "
            "excluding "
            f"its innermost dimension, but got input with shape {list(input.shape)} and weight with shape "
            f"{list(weight.shape)}"
        )


def histogram(input, bins, *, range=None, weight=None, density=False, out=None):
    """How many elements lie in each bin, and the edges: `bins` equal ones (between min and max, or in `range`), or the
    tensor of edges given.
    """
    _need_tensor("histogram", input)
    column = input.detach().reshape(-1, 1)
    _need_histogram(column, weight if weight is None else weight.reshape(-1))
    if isinstance(bins, Tensor):
        edges = _given_edges(column, [bins])
    else:
        edges = _bin_edges(column, [bins], range, "torch.histogram")
    hist = _counts(column, edges, None if weight is None else weight.detach().reshape(-1), density)
    hist, edge = _core.record(
        (hist, edges[0].detach()), "NotImplemented", (input,), _no_derivative, None, ("histogram",)
    )
    if out is None:
        return _return_types.named("histogram", ("hist", "bin_edges"), (hist, edge))
    return _return_types.named(
        "histogram_out",
        ("hist", "bin_edges"),
        (deliver(out[0], hist, "histogram hist"), deliver(out[1], edge, "histogram bin_edges")),
    )


def histogramdd(input, bins, *, range=None, weight=None, density=False):
    """The histogram of the points in the rows of input (..., N): counts of N dimensions, and a tuple of edges.

    bins: a number, a number for each dimension, or a tensor of edges for each.
    """
    _need_tensor("histogramdd", input)
    if input.dim() < 2:
        raise RuntimeError("torch.histogramdd: input tensor should have at least 2 dimensions")
    n = input.shape[-1]
    bins = [bins] * n if isinstance(bins, int) else list(bins)
    if len(bins) != n:
        raise RuntimeError(
            "histogramdd: The size of bins must be equal to the innermost dimension of the input."
        )
    _need_histogram(input, weight)
    points = input.detach().reshape(-1, n)
    if isinstance(bins[0], Tensor):
        edges = _given_edges(points, bins)
    else:
        edges = _bin_edges(points, bins, range, "torch.histogramdd")
    hist = _counts(points, edges, None if weight is None else weight.detach().reshape(-1), density)
    return _return_types.named("histogramdd", ("hist", "bin_edges"), (hist, tuple(edges)))


# ---------------------------------------------------------------- the rest


def nonzero_static(input, *, size, fill_value=-1):
    """The first `size` rows of nonzero(input), filled up with fill_value."""
    _need_tensor("nonzero_static", input)
    if size < 0:
        raise RuntimeError("nonzero_static: 'size' must be an non-negative integer")
    found = input.nonzero()[:size]
    rest = found.new_full((size - found.shape[0], input.dim()), fill_value)
    return cygrad.cat((found, rest))


def constant_pad_nd(input, pad, value=0):
    """Pads the last dimensions by (before, after) pairs, the last dimension first; negative numbers cut off."""
    _need_tensor("constant_pad_nd", input)
    if len(pad) % 2:
        raise RuntimeError(f"Length of pad must be even but instead it equals {len(pad)}")
    if len(pad) > 2 * input.dim():
        raise RuntimeError(
            f"Length of pad should be no more than twice the number of dimensions of the input. Pad length is "
            f"{len(pad)}"
            f"while the input has {input.dim()}dimensions."
        )
    return cygrad.nn.functional.pad(input, tuple(pad), value=value)


def grid_sampler(input, grid, interpolation_mode, padding_mode, align_corners):
    """As nn.functional.grid_sample, with its modes by number."""
    mode = ("bilinear", "nearest", "bicubic")[interpolation_mode]
    padding = ("zeros", "border", "reflection")[padding_mode]
    return cygrad.nn.functional.grid_sample(input, grid, mode, padding, align_corners)


grid_sampler_2d = grid_sampler_3d = grid_sampler


def affine_grid_generator(theta, size, align_corners):
    """As nn.functional.affine_grid."""
    return cygrad.nn.functional.affine_grid(theta, size, align_corners)
