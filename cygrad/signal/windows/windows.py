"""Window functions: `torch.signal.windows`.

Each is symmetric (`sym`, for the design of filters) or one period of a longer one (for spectra).
Formulas: Harris 1978, "On the use of windows for harmonic analysis"; Nuttall 1981.
"""

import functools
import inspect
import math

import cygrad

__all__ = [
    "bartlett", "blackman", "cosine", "exponential", "gaussian", "general_cosine", "general_hamming", "hamming",
    "hann", "kaiser", "nuttall",
]  # fmt: skip


def _window(shape):
    """Makes a public window of `shape(steps, at, **own)`: `at(a, b)` is M numbers, the step from each to the
    next (b - a) / steps."""

    @functools.wraps(shape)
    def window(M, *, sym=True, dtype=None, layout=None, device=None, requires_grad=False, **own):
        name = shape.__name__
        dtype = dtype or cygrad.get_default_dtype()
        if M < 0:
            raise ValueError(f"{name} requires non-negative window length, got M={M}")
        if layout is not None and layout is not cygrad.strided:
            raise ValueError(f"{name} is implemented for strided tensors only, got: {layout}")
        if dtype not in (cygrad.float32, cygrad.float64):
            raise ValueError(f"{name} expects float32 or float64 dtypes, got: {dtype}")
        steps = max(M - 1 if sym else M, 1)
        options = {"dtype": dtype, "device": device}

        def at(a, b):
            return cygrad.linspace(a, a + (M - 1) * (b - a) / steps, M, **options)

        values = shape(steps, at, sym=sym, **own) if M > 1 else None
        if values is None:
            shape(1, lambda a, b: cygrad.zeros(1), sym=sym, **own)  # checks the window's own arguments
            values = cygrad.ones(M, **options)
        return values.requires_grad_(requires_grad)

    # What is shown: the length, the window's own arguments by name, those that all windows have.
    length, *common, _ = inspect.signature(window, follow_wrapped=False).parameters.values()
    _, _, _, *own = inspect.signature(shape).parameters.values()
    own = [parameter.replace(kind=parameter.KEYWORD_ONLY) for parameter in own]
    window.__signature__ = inspect.Signature([length, *own, *common])
    return window


@_window
def bartlett(steps, at, sym):
    """A triangle: 1 - |2 n / steps - 1|."""
    return 1 - at(-1.0, 1.0).abs()


@_window
def general_cosine(steps, at, sym, a):
    """sum_i (-1)**i a[i] cos(2 pi i n / steps)."""
    if not isinstance(a, (list, tuple)):
        raise TypeError("Coefficients must be a list/tuple")
    if not a:
        raise ValueError("Coefficients cannot be empty")
    k = at(0.0, 2 * math.pi)
    return sum((-1) ** i * c * (k * i).cos() for i, c in enumerate(a))


def general_hamming(M, *, alpha=0.54, **options):
    """alpha - (1 - alpha) cos(2 pi n / steps)."""
    return general_cosine(M, a=[alpha, 1.0 - alpha], **options)


def hamming(M, **options):
    """0.54 - 0.46 cos(2 pi n / steps)."""
    return general_hamming(M, **options)


def hann(M, **options):
    """1/2 - 1/2 cos(2 pi n / steps)."""
    return general_hamming(M, alpha=0.5, **options)


def blackman(M, **options):
    """0.42 - 0.5 cos(2 pi n / steps) + 0.08 cos(4 pi n / steps)."""
    return general_cosine(M, a=[0.42, 0.5, 0.08], **options)


def nuttall(M, **options):
    """Nuttall's minimal four-term window with continuous first derivative."""
    return general_cosine(M, a=[0.3635819, 0.4891775, 0.1365995, 0.0106411], **options)


@_window
def cosine(steps, at, sym):
    """sin(pi (n + 1/2) / M), of the next M if not `sym`."""
    size = steps + 1
    return (at(0.5, 0.5 + steps) * (math.pi / size)).sin()


@_window
def exponential(steps, at, sym, center=None, tau=1.0):
    """exp(-|n - center| / tau); `center` is the middle unless given."""
    if tau <= 0:
        raise ValueError(f"Tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise ValueError("Center must be None for symmetric windows")
    center = steps / 2 if center is None else center
    return (-(at(-center / tau, (steps - center) / tau).abs())).exp()


@_window
def gaussian(steps, at, sym, std=1.0):
    """exp(-((n - steps / 2) / std)**2 / 2)."""
    if std <= 0:
        raise ValueError(f"Standard deviation must be positive, got: {std} instead.")
    edge = steps / (2 * math.sqrt(2) * std)
    return (-(at(-edge, edge) ** 2)).exp()


@_window
def kaiser(steps, at, sym, beta=12.0):
    """I0(beta sqrt(1 - (2 n / steps - 1)**2)) / I0(beta)."""
    if beta < 0:
        raise ValueError(f"beta must be non-negative, got: {beta} instead.")
    k = at(-beta, beta)
    top = cygrad.full((), beta, dtype=k.dtype)
    return cygrad.i0((beta * beta - k * k).clamp(min=0).sqrt()) / cygrad.i0(top)
