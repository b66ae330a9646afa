"""torch.fft beside NumPy's, its gradients and errors; stft and istft; torch.signal.windows."""

import inspect
import warnings

import numpy as np
import pytest
from test_complex import check_gradients, numbers

import cygrad as torch
from cygrad import fft

rng = np.random.default_rng(1)
NORMS = (None, "backward", "ortho", "forward")
LINES = ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")
GRIDS = ("fftn", "ifftn", "rfftn", "irfftn")
REAL = ("rfft", "ihfft", "rfftn", "rfft2", "ihfftn", "ihfft2")


def data(name, *shape):
    return rng.standard_normal(shape) if name in REAL else numbers(*shape)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", LINES)
def test_lines(name, norm):
    a = data(name, 4, 6, 5)
    for dim in (-1, 0, 1):
        for n in (None, 3, 8):
            want = getattr(np.fft, name)(a, n, dim, norm)
            got = getattr(fft, name)(torch.from_numpy(a), n, dim, norm)
            np.testing.assert_allclose(got.numpy(), want, rtol=1e-12, atol=1e-12)
            x = torch.from_numpy(a).to(torch.float32 if name in REAL else torch.complex64)
            single = getattr(fft, name)(x, n, dim, norm)
            assert single.dtype is (torch.complex64 if got.is_complex() else torch.float32)
            np.testing.assert_allclose(single.numpy(), want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", GRIDS)
def test_grids(name, norm):
    a = data(name, 4, 3, 5)
    for s, dim in ((None, None), ((6, 4), (0, 2)), ((2, -1), (2, 0)), (None, (1, 0)), ((4, 4), None)):
        given = None if s is None else [a.shape[d] if n == -1 else n for n, d in zip(s, dim or (1, 2))]
        if given and name == "irfftn" and s[-1] == -1:
            given[-1] = 2 * (given[-1] - 1)
        want = getattr(np.fft, name)(a, given, dim if dim or not s else (1, 2), norm)
        got = getattr(fft, name)(torch.from_numpy(a), s, dim, norm)
        np.testing.assert_allclose(got.numpy(), want, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["fft2", "ifft2", "rfft2", "irfft2", "hfft2", "ihfft2", "hfftn", "ihfftn"])
def test_twos(name):
    """The defaults; Hermitian transforms against their definitions."""
    x = torch.from_numpy(data(name, 2, 4, 5))
    got = getattr(fft, name)(x, norm="ortho")
    if "h" not in name:
        want = getattr(fft, name[:-1] + "n")(x, dim=(-2, -1), norm="ortho")
    elif name.startswith("i"):
        dims = (1,) if name == "ihfft2" else (0, 1)
        want = fft.ifftn(fft.ihfft(x, norm="ortho"), dim=dims, norm="ortho")
    else:
        dims = (1,) if name == "hfft2" else (0, 1)
        want = fft.hfft(fft.fftn(x, dim=dims, norm="ortho"), norm="ortho")
    assert torch.allclose(got, want)


def test_round_trips():
    x = torch.randn(3, 7, dtype=torch.float64)
    assert torch.allclose(fft.irfft(fft.rfft(x), 7), x)
    assert torch.allclose(fft.ifft(fft.fft(x)).real, x)
    assert torch.allclose(fft.hfft(fft.ihfft(x), 7), x)
    assert torch.allclose(fft.irfft2(fft.rfft2(x), (3, 7)), x)
    assert torch.allclose(fft.hfft2(fft.ihfft2(x), (3, 7)), x)


@pytest.mark.parametrize("norm", NORMS[1:])
@pytest.mark.parametrize("n", [None, 3, 6])
@pytest.mark.parametrize("name", LINES)
def test_gradients_of_lines(name, n, norm):
    f = getattr(fft, name)
    check_gradients(lambda x: f(x, n, norm=norm) ** 2, data(name, 2, 4), tol=1e-5)
    if name in ("fft", "ifft"):  # of real numbers
        check_gradients(lambda x: f(x, n, 0, norm) ** 2, rng.standard_normal((4, 2)), tol=1e-5)


@pytest.mark.parametrize("name", ["fftn", "ifftn", "rfftn", "irfftn", "hfftn", "ihfftn"])
def test_gradients_of_grids(name):
    f = getattr(fft, name)
    for s, dim in ((None, None), ((3, 4), (1, 0)), ((2, 5), None)):
        check_gradients(lambda x, s=s, dim=dim: f(x, s, dim) ** 2, data(name, 3, 3), tol=1e-5)


def test_promotion_and_nodes():
    i = torch.arange(6).reshape(2, 3)
    x = torch.ones(2, 3, requires_grad=True)
    z = torch.ones(2, 3, dtype=torch.complex64, requires_grad=True)
    assert fft.fft(i).dtype is torch.complex64 and fft.fft(i > 2).dtype is torch.complex64
    assert fft.fft(i.double()).dtype is torch.complex128 and fft.irfft(i).dtype is torch.float32
    for r, name in (
        (fft.fft(x), "FftR2C"), (fft.rfft(x), "FftR2C"), (fft.ifft(x), "Conj"), (fft.fft2(x), "FftC2C"),
        (fft.rfft2(x), "FftR2C"), (fft.irfft(z), "FftC2R"), (fft.hfft(z), "FftC2R"), (fft.ihfft(x), "Conj"),
        (fft.ihfftn(x), "FftC2C"), (fft.fft(z), "FftC2C"),
    ):  # fmt: skip
        assert type(r.grad_fn).__name__ == name + "Backward0"


@pytest.mark.parametrize(
    ("call", "kind", "text"),
    [
        (lambda x, z: fft.fft(x.half()), RuntimeError, "Unsupported dtype Half"),
        (lambda x, z: fft.fft(x[0, 0]), IndexError, "Dimension specified as -1 but tensor has no dimensions"),
        (lambda x, z: fft.fft(x, 0), RuntimeError, "Invalid number of data points (0) specified"),
        (lambda x, z: fft.fft(x, -1), RuntimeError, "Invalid number of data points (-1) specified"),
        (lambda x, z: fft.fft(x, 2.5), TypeError, "fft_fft(): argument 'n' must be int, not float"),
        (lambda x, z: fft.fft(x, dim=2), IndexError,
         "Dimension out of range (expected to be in range of [-2, 1], but got 2)"),
        (lambda x, z: fft.fft(x, norm="bad"), RuntimeError, 'Invalid normalization mode: "bad"'),
        (lambda x, z: fft.fft(x, norm=3), TypeError, "fft_fft(): argument 'norm' must be str, not int"),
        (lambda x, z: fft.fft([1.0]), TypeError, "fft_fft(): argument 'input' (position 1) must be Tensor, not list"),
        (lambda x, z: fft.rfft(z), RuntimeError, "rfft expects a real input tensor, but got ComplexFloat"),
        (lambda x, z: fft.ihfft(z), RuntimeError, "ihfft expects a real input tensor, but got ComplexFloat"),
        (lambda x, z: fft.rfftn(z), RuntimeError, "rfftn expects a real-valued input tensor, but got ComplexFloat"),
        (lambda x, z: fft.ihfftn(z), RuntimeError, "Only supports floating-point dtypes, but found: ComplexFloat"),
        (lambda x, z: fft.irfft(z[:, :1]), RuntimeError, "Invalid number of data points (0) specified"),
        (lambda x, z: fft.fft2(x, (2,)), RuntimeError, "When given, dim and shape arguments must have the same length"),
        (lambda x, z: fft.fftn(x, dim=(0, 0)), RuntimeError, "FFT dims must be unique"),
        (lambda x, z: fft.fftn(x, (2, 2, 2)), RuntimeError,
         "Got shape with 3 values but input tensor only has 2 dimensions."),
        (lambda x, z: fft.fftn(x, "a"), TypeError, "fft_fftn(): argument 's' must be tuple of ints, not str"),
        (lambda x, z: fft.irfftn(z, dim=()), RuntimeError, "irfftn must transform at least one axis"),
        (lambda x, z: fft.fft(x, out=torch.zeros(2)), RuntimeError,
         "fft expects a complex output tensor, but got Float"),
        (lambda x, z: fft.irfft(z, out=torch.zeros(2, dtype=torch.cfloat)), RuntimeError,
         "irfft expects a floating point output tensor, but got ComplexFloat"),
        (lambda x, z: fft.fft(x.clone().requires_grad_(), out=torch.zeros(2, dtype=torch.cfloat)), RuntimeError,
         "_fft_r2c(): functions with out=... arguments don't support automatic differentiation, but one of the "
         "arguments requires grad."),
        (lambda x, z: fft.fftfreq(5, dtype=torch.int64), RuntimeError,
         "fftfreq requires a floating point or complex dtype"),
        (lambda x, z: fft.fftfreq(-1), RuntimeError, "Trying to create tensor with negative dimension -1: [-1]"),
    ],
)  # fmt: skip
def test_errors(call, kind, text):
    x = torch.arange(6.0).reshape(2, 3)
    with pytest.raises(kind) as error:
        call(x, x + 1j)
    assert str(error.value) == text


def test_out():
    x = torch.arange(6.0).reshape(2, 3)
    out = torch.zeros(0, dtype=torch.complex128)
    assert fft.fft(x, out=out) is out and torch.allclose(out, fft.fft(x).to(out.dtype))


def test_frequencies_and_shifts():
    for n in (0, 1, 4, 5):
        for d in (1, 0.3):
            for f, g in ((fft.fftfreq, np.fft.fftfreq), (fft.rfftfreq, np.fft.rfftfreq)):
                if n:
                    np.testing.assert_allclose(f(n, d, dtype=torch.float64).numpy(), g(n, d), rtol=1e-14)
                else:
                    assert f(n, d).numel() == (f is fft.rfftfreq)
    assert fft.fftfreq(4).dtype is torch.float32 and fft.rfftfreq(4, dtype=torch.half).dtype is torch.half
    a = rng.standard_normal((4, 5))
    for dim in (None, 0, (1,), (0, 1)):
        np.testing.assert_array_equal(fft.fftshift(torch.from_numpy(a), dim).numpy(), np.fft.fftshift(a, dim))
        np.testing.assert_array_equal(fft.ifftshift(torch.from_numpy(a), dim).numpy(), np.fft.ifftshift(a, dim))


def test_signatures_agree_with_pytorch():
    peer = pytest.importorskip("torch")
    for name in fft.__all__:
        doc = (getattr(peer.fft, name).__doc__ or "").strip().split("\n")[0]
        if not doc.startswith(name):
            continue
        theirs = doc[doc.index("(") + 1 : doc.index(") ->")].replace("torch.strided", "None")
        ours = [p for p in inspect.signature(getattr(fft, name)).parameters if p != "pin_memory"]
        assert [p.split("=")[0] for p in theirs.split(", ") if p not in ("*", "-1)")] == ours, name


# ---- stft


def frames_by_hand(x, n, hop, window, half):
    count = 1 + (len(x) - n) // hop
    f = np.fft.rfft if half else np.fft.fft
    return np.stack([f(x[i * hop : i * hop + n] * window) for i in range(count)], 1)


def test_stft():
    x = rng.standard_normal(50)
    w = np.hanning(8)
    t, window = torch.from_numpy(x), torch.from_numpy(w)
    np.testing.assert_allclose(
        torch.stft(t, 8, 3, window=window, center=False, return_complex=True).numpy(),
        frames_by_hand(x, 8, 3, w, True), rtol=1e-9, atol=1e-12,
    )  # fmt: skip
    padded = np.pad(x, 4, mode="reflect")
    got = torch.stft(t, 8, window=window, onesided=False, return_complex=True)
    np.testing.assert_allclose(got.numpy(), frames_by_hand(padded, 8, 2, w, False), rtol=1e-9, atol=1e-12)
    short = np.pad(w, 2)  # a window shorter than the transform lies in its middle
    got = t.stft(12, 4, 8, window, pad_mode="constant", normalized=True, return_complex=True)
    want = frames_by_hand(np.pad(x, 6), 12, 4, short, True) / np.sqrt(12)
    np.testing.assert_allclose(got.numpy(), want, rtol=1e-9, atol=1e-12)
    both = torch.stft(torch.stack([t, t * 2]), 8, window=window, return_complex=True)
    assert both.shape == (2, 5, 26) and torch.allclose(both[1], 2 * both[0])
    z = torch.stft(t + 1j, 8, window=window)
    assert z.shape == (8, 26)
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("always")
        assert torch.equal(torch.stft(t, 8, window=window, return_complex=False), torch.view_as_real(torch.stft(
            t, 8, window=window, return_complex=True)))  # fmt: skip


@pytest.mark.parametrize(
    "options", [{}, {"normalized": True}, {"onesided": False}, {"hop_length": 4}, {"win_length": 12}]
)
def test_istft_inverts_stft(options):
    x = torch.randn(2, 64, dtype=torch.float64)
    window = torch.hann_window(options.get("win_length", 16), dtype=torch.float64)
    spectrum = torch.stft(x, 16, window=window, return_complex=True, **options)
    assert torch.allclose(torch.istft(spectrum, 16, window=window, length=64, **options), x)
    assert torch.istft(spectrum[0], 16, window=window, length=50, **options).shape == (50,)
    if "win_length" in options:  # the tail lies under no window
        return
    with pytest.warns(UserWarning, match="shorter than the length parameter"):
        assert torch.istft(spectrum, 16, window=window, length=90, **options)[:, 80:].sum() == 0


def test_gradients_of_stft():
    window = torch.hann_window(4, dtype=torch.float64)
    x = rng.standard_normal(7)
    check_gradients(lambda x: torch.stft(x, 4, window=window, return_complex=True) ** 2, x, tol=1e-5)
    check_gradients(lambda z: torch.istft(z, 4, window=window) ** 2, numbers(3, 4), tol=1e-5)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda x, w: torch.stft(x, 4, window=w),
         "stft requires the return_complex parameter be given for real inputs, and will further require that "
         "return_complex=True in a future PyTorch release."),
        (lambda x, w: torch.stft(x, 40, window=w, center=False, return_complex=True),
         "stft(torch.FloatTensor[8], n_fft=40, hop_length=10, win_length=40, window=torch.FloatTensor{[4]}, "
         "normalized=0, "
         "onesided=None, return_complex=1, align_to_window=None) : expected 0 < n_fft < 8, but got n_fft=40"),
        (lambda x, w: torch.stft(x, 4, win_length=5, window=w, return_complex=True),
         "stft(torch.FloatTensor[12], n_fft=4, hop_length=1, win_length=5, window=torch.FloatTensor{[4]}, "
         "normalized=0, "
         "onesided=None, return_complex=1, align_to_window=None) : expected 0 < win_length <= n_fft, but got "
         "win_length=5"),
        (lambda x, w: torch.stft(x + 1j, 4, window=w, onesided=True),
         "Cannot have onesided output if window or input is complex"),
        (lambda x, w: torch.istft(torch.zeros(3, 5), 4, window=w),
         "istft requires a complex-valued input tensor matching the output from stft with return_complex=True."),
        (lambda x, w: torch.istft(torch.zeros(3, 5, dtype=torch.cfloat), 8, window=w),
         "istft(CPUComplexFloatType[3, 5], n_fft=8, hop_length=2, win_length=8, window=torch.FloatTensor{[4]}, "
         "center=1, normalized=0, onesided=None, length=None, return_complex=0) : expected the frequency "
         "dimension (3rd to the "
         "last) of the input tensor to match n_fft / 2 + 1 when onesided=True, but got 3"),
        (lambda x, w: torch.istft(torch.stft(x, 4, window=w, return_complex=True), 4, window=w, center=False),
         "istft(CPUComplexFloatType[3, 9], n_fft=4, hop_length=1, win_length=4, window=torch.FloatTensor{[4]}, "
         "center=0, normalized=0, onesided=None, length=None, return_complex=0) window overlap add min: 1\n[ "
         "CPUBoolType{} ]"),
    ],
)  # fmt: skip
def test_errors_of_stft(call, text):
    with pytest.raises(RuntimeError) as error:
        call(torch.arange(8.0), torch.hann_window(4))
    assert str(error.value) == text


# ---- windows


@pytest.mark.parametrize(
    ("name", "options", "values"),
    [
        ("hann", {}, [0.0, 0.5, 1.0, 0.5, 0.0]),
        ("hann", {"sym": False}, [0.0, 0.3455, 0.9045, 0.9045, 0.3455]),
        ("kaiser", {}, [5.2773e-05, 2.1567e-01, 1.0, 2.1567e-01, 5.2773e-05]),
        ("gaussian", {}, [0.1353, 0.6065, 1.0, 0.6065, 0.1353]),
        ("exponential", {}, [0.1353, 0.3679, 1.0, 0.3679, 0.1353]),
        ("exponential", {"center": 1, "sym": False}, [0.3679, 1.0, 0.3679, 0.1353, 0.0498]),
        ("general_cosine", {"a": [0.5, 0.5]}, [0.0, 0.5, 1.0, 0.5, 0.0]),
        ("cosine", {}, [0.3090, 0.8090, 1.0, 0.8090, 0.3090]),
        ("bartlett", {}, [0.0, 0.5, 1.0, 0.5, 0.0]),
        ("nuttall", {}, [3.6280e-04, 2.2698e-01, 1.0, 2.2698e-01, 3.6280e-04]),
        ("blackman", {}, [0.0, 0.34, 1.0, 0.34, 0.0]),
        ("hamming", {}, [0.08, 0.54, 1.0, 0.54, 0.08]),
        ("general_hamming", {"alpha": 0.6, "sym": False}, [0.2, 0.4764, 0.9236, 0.9236, 0.4764]),
        ("cosine", {"M": 4, "sym": False}, [0.3090, 0.8090, 1.0, 0.8090]),
        ("gaussian", {"M": 4, "std": 2, "sym": False}, [0.6065, 0.8825, 1.0, 0.8825]),
        ("kaiser", {"M": 4, "beta": 3, "sym": False}, [0.2049, 0.7269, 1.0, 0.7269]),
        ("nuttall", {"M": 4, "sym": False}, [3.6280e-04, 2.2698e-01, 1.0, 2.2698e-01]),
        ("hann", {"M": 1}, [1.0]),
        ("gaussian", {"M": 0}, []),
    ],
)
def test_windows(name, options, values):
    got = getattr(torch.signal.windows, name)(**({"M": 5} | options))
    np.testing.assert_allclose(got.numpy(), values, atol=5e-5, rtol=5e-5)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda w: w.hann(-1), "general_cosine requires non-negative window length, got M=-1"),
        (lambda w: w.hann(5, dtype=torch.int64), "general_cosine expects float32 or float64 dtypes, got: torch.int64"),
        (lambda w: w.kaiser(5, beta=-1), "beta must be non-negative, got: -1 instead."),
        (lambda w: w.gaussian(5, std=0), "Standard deviation must be positive, got: 0 instead."),
        (lambda w: w.exponential(5, center=1), "Center must be None for symmetric windows"),
        (lambda w: w.exponential(5, tau=0), "Tau must be positive, got: 0 instead."),
        (lambda w: w.general_cosine(5, a=[]), "Coefficients cannot be empty"),
    ],
)
def test_errors_of_windows(call, text):
    with pytest.raises(ValueError) as error:
        call(torch.signal.windows)
    assert str(error.value) == text
