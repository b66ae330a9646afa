"""Discrete Fourier transforms: `torch.fft`.

Three transforms do the work, each by NumPy's pocketfft in the precision of its input: complex to
complex, real to complex (half of the spectrum; the rest is its mirror image) and complex to real.
Each is linear, so its gradient is its adjoint: the transform of the other direction, normalised the
other way.  The adjoints are made of the same three, so gradients can be differentiated again.  The
public functions parse arguments as PyTorch does and call these.
"""

import math

import cygrad

from . import _core, _dispatch
from ._devices import host

__all__ = [
    "fft", "ifft", "fft2", "ifft2", "fftn", "ifftn", "rfft", "irfft", "rfft2", "irfft2", "rfftn", "irfftn", "hfft",
    "ihfft", "hfft2", "ihfft2", "hfftn", "ihfftn", "fftfreq", "rfftfreq", "fftshift", "ifftshift",
]  # fmt: skip

_OTHER = {"backward": "forward", "forward": "backward", "ortho": "ortho"}


# ---- the transforms, recorded


def _on_numpy(name, x, dims, norm, dtype, sizes=None):
    import numpy as np

    array = host.fetched(x.detach()).numpy()
    if len(dims) == 1:  # half the overhead
        r = getattr(np.fft, name)(array, sizes and sizes[0], dims[0], norm)
    else:
        r = getattr(np.fft, name + "n")(array, sizes, dims, norm)
    # Before its version 2, NumPy computed in double.
    return host.returned(cygrad.from_numpy(r).to(dtype), x.device)


def _c2c(x, dims, norm, forward):
    """Complex to complex over `dims`; the sign of the exponent is minus if `forward`."""
    if not dims:
        return x.clone()
    r = _on_numpy("fft" if forward else "ifft", x, dims, norm, x.dtype)
    return _core.record(r, "FftC2CBackward0", (x,), _c2c_backward, None, (dims, norm, forward))


def _c2c_backward(node, g):
    dims, norm, forward = node.args
    return _c2c(g, dims, _OTHER[norm], not forward)


def _r2c_full(x, dims, norm):
    """Real to complex over `dims`, forward, the whole spectrum."""
    r = _on_numpy("fft", x, dims, norm, x.dtype.to_complex())
    return _core.record(r, "FftR2CBackward0", (x,), _r2c_full_backward, (x,), (dims, norm))


def _r2c_full_backward(node, g):
    node.saved()  # PyTorch's node keeps its input, which is to be what it was
    dims, norm = node.args
    return _c2c(g, dims, _OTHER[norm], False).real


def _inside(x, dim, n, factor):
    """`x`, half of a spectrum of `n` frequencies, with those that stand for two multiplied."""
    factors = cygrad.ones(n // 2 + 1, dtype=x.dtype.to_real(), device=x.device)
    factors[1 : (n + 1) // 2] = factor
    return x * factors.reshape([-1] + [1] * (x.dim() - 1 - dim))


def _r2c(x, dims, norm):
    """Real to complex over `dims`, forward, half of the spectrum along the last of them."""
    r = _on_numpy("rfft", x, dims, norm, x.dtype.to_complex())
    return _core.record(r, "FftR2CBackward0", (x,), _r2c_backward, (x,), (dims, norm, x.shape[dims[-1]]))


def _r2c_backward(node, g):
    node.saved()
    dims, norm, n = node.args
    return _c2r(_inside(g, dims[-1], n, 0.5), dims, _OTHER[norm], n)


def _c2r(x, dims, norm, n):
    """Complex to real over `dims`, backward; `x` is half of a spectrum of `n` along the last of them."""
    sizes = [x.shape[d] for d in dims[:-1]] + [n]
    r = _on_numpy("irfft", x, dims, norm, x.dtype.to_real(), sizes)
    return _core.record(r, "FftC2RBackward0", (x,), _c2r_backward, None, (dims, norm, n))


def _c2r_backward(node, g):
    dims, norm, n = node.args
    return _inside(_r2c(g, dims, _OTHER[norm]), dims[-1], n, 2.0)


# ---- arguments


def _parse(name, input, norm):
    if not isinstance(input, _core.Tensor):
        raise TypeError(
            f"fft_{name}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}"
        )
    if norm is None:
        return "backward"
    if not isinstance(norm, str):
        raise TypeError(f"fft_{name}(): argument 'norm' must be str, not {type(norm).__name__}")
    if norm not in _OTHER:
        raise RuntimeError(f'Invalid normalization mode: "{norm}"')
    return norm


def _as_real(x, error):
    """A floating tensor; `error` has a place for the dtype of a complex one."""
    if x.is_complex():
        raise RuntimeError(error.format(_core.SCALAR_TYPE_NAMES[x.dtype.code]))
    if not x.is_floating_point():
        return x.to(cygrad.get_default_dtype())
    if x.dtype.itemsize < 4:
        raise RuntimeError(f"Unsupported dtype {_core.SCALAR_TYPE_NAMES[x.dtype.code]}")
    return x


def _as_complex(x):
    return x if x.is_complex() else _as_real(x, "").to(_as_real(x, "").dtype.to_complex())


def _is_int(x):
    return hasattr(x, "__index__") and not isinstance(x, bool)


def _axis(dim, nd):
    if not nd:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    return _core.wrapped_dim(dim, nd)


def _line(name, x, n, dim):
    """(n or None, dim) of a transform along one dimension."""
    for argument, value in (("n", n), ("dim", dim)):
        if not _is_int(value) and not (argument == "n" and value is None):
            raise TypeError(
                f"fft_{name}(): argument '{argument}' must be int, not {type(value).__name__}"
            )
    return None if n is None else _check_length(n.__index__()), _axis(dim.__index__(), x.dim())


def _ints(name, argument, value):
    if _is_int(value):
        return [value.__index__()]
    if not isinstance(value, (tuple, list)) or not all(map(_is_int, value)):
        raise TypeError(
            f"fft_{name}(): argument '{argument}' must be tuple of ints, not {type(value).__name__}"
        )
    return [v.__index__() for v in value]


def _grid(name, x, s, dim):
    """(sizes, dims) of a transform over several dimensions; a size of -1 stands for the one there is."""
    nd = x.dim()
    sizes = None if s is None else _ints(name, "s", s)
    if dim is not None:
        dims = tuple(_axis(d, nd) for d in _ints(name, "dim", dim))
        if len(set(dims)) < len(dims):
            raise RuntimeError("FFT dims must be unique")
        if sizes is not None and len(sizes) != len(dims):
            raise RuntimeError("When given, dim and shape arguments must have the same length")
    elif sizes is not None:
        if len(sizes) > nd:
            raise RuntimeError(
                f"Got shape with {len(sizes)} values but input tensor only has {nd} dimensions."
            )
        dims = tuple(range(nd - len(sizes), nd))
    else:
        dims = tuple(range(nd))
    return [-1] * len(dims) if sizes is None else sizes, dims


def _check_length(n):
    if n < 1:
        raise RuntimeError(f"Invalid number of data points ({n}) specified")
    return n


def _resize(x, sizes, dims):
    """`x` cut or padded with zeros to the sizes (-1, None: as it is) along dims."""
    for n, d in zip(sizes, dims):
        old = x.shape[d]
        n = _check_length(old if n is None or n == -1 else n)
        if n < old:
            x = x.narrow(d, 0, n)
        elif n > old:
            shape = list(x.shape)
            shape[d] = n - old
            x = cygrad.cat((x, x.new_zeros(shape)), d)
    return x


def _half(x, n, dim):
    """(`x` as half of a spectrum of `n` frequencies along `dim`, n)."""
    n = _check_length(2 * (x.shape[dim] - 1) if n is None else n)
    return _resize(x, (n // 2 + 1,), (dim,)), n


def _deliver(name, kind, r, out):
    if out is None:
        return r
    complex_result = r.is_complex()
    if out.is_complex() != complex_result or not (complex_result or out.is_floating_point()):
        raise RuntimeError(
            f"{name} expects a {'complex' if complex_result else 'floating point'} output tensor, but got "
            f"{_core.SCALAR_TYPE_NAMES[out.dtype.code]}"
        )
    if r.requires_grad or out.requires_grad:
        raise RuntimeError(
            f"_fft_{kind}(): functions with out=... arguments don't support automatic differentiation, but one of "
            "the arguments requires grad."
        )
    return out.resize_(r.shape).copy_(r)


# ---- along one dimension


def fft(input, n=None, dim=-1, norm=None, *, out=None):
    """The transform along `dim`, of `input` cut or zero-padded to `n`: sum_j x[j] exp(-2 pi i j k / n)."""
    norm = _parse("fft", input, norm)
    n, dim = _line("fft", input, n, dim)
    if input.is_complex():
        return _deliver("fft", "c2c", _c2c(_resize(input, (n,), (dim,)), (dim,), norm, True), out)
    x = _resize(_as_real(input, ""), (n,), (dim,))
    return _deliver("fft", "r2c", _r2c_full(x, (dim,), norm), out)


def ifft(input, n=None, dim=-1, norm=None, *, out=None):
    """The inverse of `fft`: 1/n sum_k x[k] exp(2 pi i j k / n)."""
    norm = _parse("ifft", input, norm)
    n, dim = _line("ifft", input, n, dim)
    if input.is_complex():
        return _deliver("ifft", "c2c", _c2c(_resize(input, (n,), (dim,)), (dim,), norm, False), out)
    x = _resize(_as_real(input, ""), (n,), (dim,))
    return _deliver("ifft", "r2c", _r2c_full(x, (dim,), _OTHER[norm]).conj(), out)


def rfft(input, n=None, dim=-1, norm=None, *, out=None):
    """The first n // 2 + 1 frequencies of `fft` of a real tensor."""
    norm = _parse("rfft", input, norm)
    x = _as_real(input, "rfft expects a real input tensor, but got {}")
    n, dim = _line("rfft", x, n, dim)
    return _deliver("rfft", "r2c", _r2c(_resize(x, (n,), (dim,)), (dim,), norm), out)


def irfft(input, n=None, dim=-1, norm=None, *, out=None):
    """The inverse of `rfft`: `n` (2 (m - 1) unless given) real numbers of m frequencies."""
    norm = _parse("irfft", input, norm)
    n, dim = _line("irfft", input, n, dim)
    x, n = _half(_as_complex(input), n, dim)
    return _deliver("irfft", "c2r", _c2r(x, (dim,), norm, n), out)


def hfft(input, n=None, dim=-1, norm=None, *, out=None):
    """`fft`, which is real, of a signal whose second half mirrors the conjugate of `input`."""
    norm = _parse("hfft", input, norm)
    n, dim = _line("hfft", input, n, dim)
    x, n = _half(_as_complex(input), n, dim)
    return _deliver("hfft", "c2r", _c2r(x.conj(), (dim,), _OTHER[norm], n), out)


def ihfft(input, n=None, dim=-1, norm=None, *, out=None):
    """The inverse of `hfft`: the first half of `ifft` of a real tensor."""
    norm = _parse("ihfft", input, norm)
    x = _as_real(input, "ihfft expects a real input tensor, but got {}")
    n, dim = _line("ihfft", x, n, dim)
    return _deliver("ihfft", "r2c", _r2c(_resize(x, (n,), (dim,)), (dim,), _OTHER[norm]).conj(), out)


# ---- over several dimensions


def _fftn(name, input, s, dim, norm, out, forward):
    norm = _parse(name, input, norm)
    x = _as_complex(input)
    sizes, dims = _grid(name, x, s, dim)
    return _deliver(name, "c2c", _c2c(_resize(x, sizes, dims), dims, norm, forward), out)


def _need_axis(name, dims):
    if not dims:
        raise RuntimeError(f"{name} must transform at least one axis")


def _last_length(x, n, dim):
    return 2 * (x.shape[dim] - 1) if n == -1 else n


def _rfftn(name, input, s, dim, norm, out):
    norm = _parse(name, input, norm)
    x = _as_real(input, f"{name} expects a real-valued input tensor, but got {{}}")
    sizes, dims = _grid(name, x, s, dim)
    _need_axis(name, dims)
    return _deliver(name, "r2c", _r2c(_resize(x, sizes, dims), dims, norm), out)


def _irfftn(name, input, s, dim, norm, out):
    norm = _parse(name, input, norm)
    x = _as_complex(input)
    sizes, dims = _grid(name, x, s, dim)
    _need_axis(name, dims)
    x, n = _half(x, _last_length(x, sizes[-1], dims[-1]), dims[-1])
    return _deliver(name, "c2r", _c2r(_resize(x, sizes[:-1], dims[:-1]), dims, norm, n), out)


def _hfftn(name, input, s, dim, norm, out):
    norm = _parse(name, input, norm)
    x = _as_complex(input)
    sizes, dims = _grid(name, x, s, dim)
    _need_axis(name, dims)
    x, n = _half(x, _last_length(x, sizes[-1], dims[-1]), dims[-1])
    x = _c2c(_resize(x, sizes[:-1], dims[:-1]), dims[:-1], norm, True)
    return _deliver(name, "c2r", _c2r(x.conj(), dims[-1:], _OTHER[norm], n), out)


def _ihfftn(name, input, s, dim, norm, out):
    norm = _parse(name, input, norm)
    x = _as_real(input, "Only supports floating-point dtypes, but found: {}")
    sizes, dims = _grid(name, x, s, dim)
    _need_axis(name, dims)
    x = _r2c(_resize(x, sizes, dims), dims[-1:], _OTHER[norm]).conj()
    return _deliver(name, "c2c", _c2c(x, dims[:-1], norm, False) if dims[:-1] else x, out)


def fftn(input, s=None, dim=None, norm=None, *, out=None):
    """`fft` over the dimensions `dim` (None: all), cut or zero-padded to the sizes `s`."""
    return _fftn("fftn", input, s, dim, norm, out, True)


def ifftn(input, s=None, dim=None, norm=None, *, out=None):
    """The inverse of `fftn`."""
    return _fftn("ifftn", input, s, dim, norm, out, False)


def fft2(input, s=None, dim=(-2, -1), norm=None, *, out=None):
    """`fftn` over the last two dimensions unless told otherwise."""
    return _fftn("fft2", input, s, dim, norm, out, True)


def ifft2(input, s=None, dim=(-2, -1), norm=None, *, out=None):
    """The inverse of `fft2`."""
    return _fftn("ifft2", input, s, dim, norm, out, False)


def rfftn(input, s=None, dim=None, norm=None, *, out=None):
    """`fftn` of a real tensor: half of the spectrum along the last dimension."""
    return _rfftn("rfftn", input, s, dim, norm, out)


def irfftn(input, s=None, dim=None, norm=None, *, out=None):
    """The inverse of `rfftn`; the last of `s` is 2 (m - 1) unless given."""
    return _irfftn("irfftn", input, s, dim, norm, out)


def rfft2(input, s=None, dim=(-2, -1), norm=None, *, out=None):
    """`rfftn` over the last two dimensions unless told otherwise."""
    return _rfftn("rfft2", input, s, dim, norm, out)


def irfft2(input, s=None, dim=(-2, -1), norm=None, *, out=None):
    """The inverse of `rfft2`."""
    return _irfftn("irfft2", input, s, dim, norm, out)


def hfftn(input, s=None, dim=None, norm=None, *, out=None):
    """`fftn`, which is real, of a signal with Hermitian symmetry, of which `input` is one half."""
    return _hfftn("hfftn", input, s, dim, norm, out)


def ihfftn(input, s=None, dim=None, norm=None, *, out=None):
    """The inverse of `hfftn`."""
    return _ihfftn("ihfftn", input, s, dim, norm, out)


def hfft2(input, s=None, dim=(-2, -1), norm=None, *, out=None):
    """`hfftn` over the last two dimensions unless told otherwise."""
    return _hfftn("hfft2", input, s, dim, norm, out)


def ihfft2(input, s=None, dim=(-2, -1), norm=None, *, out=None):
    """The inverse of `hfft2`."""
    return _ihfftn("ihfft2", input, s, dim, norm, out)


# ---- frequencies


def _frequencies(name, n, d, parts, out, dtype, layout, device, requires_grad):
    if not _is_int(n):
        raise TypeError(
            f"fft_{name}(): argument 'n' (position 1) must be int, not {type(n).__name__}"
        )
    dtype = dtype or (cygrad.get_default_dtype() if out is None else out.dtype)
    if not (dtype.is_floating_point or dtype.is_complex):
        raise RuntimeError(f"{name} requires a floating point or complex dtype")
    cygrad.empty(n.__index__())  # says what a negative n is
    steps = [cygrad.arange(*part, dtype=dtype, layout=layout, device=device) for part in parts]
    r = cygrad.cat(steps) * (1.0 / (n * d) if n * d else math.inf)
    if out is not None:
        return out.resize_(r.shape).copy_(r)
    return r.requires_grad_(requires_grad)


def fftfreq(n, d=1.0, *, out=None, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False):
    """The frequencies of `fft` of n samples `d` apart: [0, ..., (n-1)//2, -(n//2), ..., -1] / (d n)."""
    parts = (0, (n + 1) // 2), (-(n // 2), 0)
    return _frequencies("fftfreq", n, d, parts, out, dtype, layout, device, requires_grad)


def rfftfreq(n, d=1.0, *, out=None, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False):
    """The frequencies of `rfft` of n samples `d` apart: [0, ..., n // 2] / (d n)."""
    return _frequencies("rfftfreq", n, d, ((0, n // 2 + 1),), out, dtype, layout, device, requires_grad)


def _shift(name, input, dim, inverse):
    _parse(name, input, None)
    dims = range(input.dim()) if dim is None else [_axis(d, input.dim()) for d in _ints(name, "dim", dim)]
    sizes = [input.shape[d] for d in dims]
    return input.roll([(n + inverse) // 2 for n in sizes], tuple(dims)) if sizes else input.clone()


def fftshift(input, dim=None):
    """Moves the zero frequency to the middle of the dimensions `dim` (None: all)."""
    return _shift("fftshift", input, dim, 0)


def ifftshift(input, dim=None):
    """The inverse of `fftshift`."""
    return _shift("ifftshift", input, dim, 1)


_dispatch.publish(globals(), __all__)
