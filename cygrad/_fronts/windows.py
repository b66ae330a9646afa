"""Window functions and Vandermonde matrices, composed of tensor operators."""

import math

from cygrad import _core, _ops
from cygrad._creation import factories as _creation, sequences as _sequences
from cygrad._fronts import elementwise as _elementwise
from cygrad._fronts.from_rows import define

_OPTIONS = ["dtype=None", "layout=None", "device=None", "pin_memory=False", "requires_grad=False"]


def _made(shape, n, periodic, parameters, dtype, layout, device, requires_grad):
    """`shape(x, steps, *parameters)` of x = 0, 1, ..., steps; a periodic window loses its last element."""
    name = shape.__name__
    code = _core.DTYPES.index(dtype or _core.get_default_dtype())
    if not _core.DTYPES[code].is_floating_point:
        raise RuntimeError(
            f"{name} expects floating point dtypes, got: TensorOptions(dtype={_core.C_TYPE_NAMES[code]}, "
            "device=cpu, layout=Strided (default), requires_grad=false (default), "
            "pinned_memory=false, memory_format=(nullopt))"
        )
    if n < 0:
        raise RuntimeError(f"{name} requires non-negative window_length, got window_length={n}")
    options = {"dtype": dtype, "layout": layout, "device": device}
    if n <= 1:
        return _creation.ones(n, requires_grad=requires_grad, **options)
    steps = n if periodic else n - 1
    x = _sequences.arange(steps + 1, **options | {"dtype": _core.DTYPES[code]})
    return shape(x, steps, *parameters).narrow(0, 0, n).clone().requires_grad_(requires_grad)


def _window(*parameters):
    """Makes the public function of a window from its shape, with these parameters after `periodic`."""

    def decorate(shape):
        values = "".join(parameter.partition("=")[0] + ", " for parameter in parameters)
        f = define(
            shape.__name__, ["window_length", "periodic=True", *parameters, "*", *_OPTIONS],
            [f"return made(shape, window_length, periodic, ({values}), dtype, layout, device, requires_grad)"],
            made=_made, shape=shape, __name__=__name__,
        )  # fmt: skip
        f.__doc__ = shape.__doc__
        return f

    return decorate


@_window("alpha=0.54", "beta=0.46")
def hamming_window(x, steps, alpha, beta):
    """alpha - beta cos(2 pi i / (N - 1))."""
    return x.mul_(2 * math.pi / steps).cos_().mul_(-beta).add_(alpha)


@_window()
def hann_window(x, steps):
    """1/2 - 1/2 cos(2 pi i / (N - 1))."""
    return x.mul_(2 * math.pi / steps).cos_().mul_(-0.5).add_(0.5)


@_window()
def blackman_window(x, steps):
    """0.42 - 0.5 cos(2 pi i / (N - 1)) + 0.08 cos(4 pi i / (N - 1))."""
    x = x.mul_(math.pi / steps)
    return x.mul(4).cos_().mul_(0.08) - x.mul(2).cos_().mul_(0.5) + 0.42


@_window()
def bartlett_window(x, steps):
    """1 - |2 i / (N - 1) - 1|."""
    x = x.mul_(2 / steps)
    half = steps // 2 + 1
    x[half:] = 2 - x[half:]
    return x


@_window("beta=12.0")
def kaiser_window(x, steps, beta):
    """I0(beta sqrt(1 - (2 i / (N - 1) - 1)^2)) / I0(beta), with I0 the modified Bessel function."""
    i0 = _elementwise.SPECIAL["i0"]
    x = x.mul_(2 / steps).sub_(1)
    return i0((1 - x * x).clamp_(min=0).sqrt_() * beta) / i0(_creation.tensor(beta, dtype=x.dtype))


def vander(x, N=None, increasing=False):
    """The powers of a vector in columns: x^(N-1), ..., x, 1, or 1, x, ... if `increasing`."""
    if x.dim() != 1:
        raise RuntimeError("x must be a one-dimensional tensor.")
    columns = x.shape[0] if N is None else N
    if columns < 0:
        raise RuntimeError("N must be non-negative.")
    dtype = (
        _ops.promote_types(x.dtype, _core.DTYPE_BY_NAME["int64"])
        if not (x.dtype.is_floating_point or x.dtype.is_complex)
        else x.dtype
    )
    powers = _creation.ones(x.shape[0], columns, dtype=dtype, device=x.device)
    if columns > 1:
        from cygrad import cat

        rest = x.to(dtype).unsqueeze(1).expand(x.shape[0], columns - 1).cumprod(1)
        powers = cat([powers.narrow(1, 0, 1), rest], 1)
    return powers if increasing else powers.flip(1)


FUNCTIONS = {
    f.__name__: f
    for f in (hamming_window, hann_window, blackman_window, bartlett_window, kaiser_window, vander)
}
