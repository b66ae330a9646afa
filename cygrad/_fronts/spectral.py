"""Short-time Fourier transforms, composed of `fft` and tensor operators."""

import warnings

import cygrad
from cygrad import _core
from cygrad._warnings import warn_once


def _say(value):
    """How PyTorch's messages spell an argument."""
    if isinstance(value, _core.Tensor):
        return f"torch.{_core.SCALAR_TYPE_NAMES[value.dtype.code]}Tensor{{{list(value.shape)}}}"
    return str(int(value)) if isinstance(value, bool) else str(value)


def _named(**arguments):
    return ", ".join(f"{name}={_say(value)}" for name, value in arguments.items())


_NO_WINDOW = "A window was not provided. A rectangular window will be applied{}To suppress this warning and use a " \
    "rectangular window, explicitly set `window=torch.ones(n_fft, device=<device>)`."  # fmt: skip


def _whole_window(window, win_length, n_fft, like):
    """The window in the middle of n_fft zeros; of ones where there is none."""
    if window is None:
        if win_length == n_fft:
            return None
        window = cygrad.ones(win_length, dtype=like.dtype.to_real(), device=like.device)
    left = (n_fft - win_length) // 2
    return cygrad.nn.functional.pad(window, (left, n_fft - win_length - left))


def stft(input, n_fft, hop_length=None, win_length=None, window=None, center=True, pad_mode="reflect",
         normalized=False, onesided=None, return_complex=None, align_to_window=None):  # fmt: skip
    """The spectra of windows along a signal (L,) or (B, L): complex (n_fft // 2 + 1 or n_fft, frames).

    A window of `win_length` numbers (n_fft unless given) is laid on every `hop_length`-th place
    (n_fft // 4), the signal having been padded so that the first lies on its beginning (`center`).
    """
    if window is None:
        warn_once(_NO_WINDOW.format(
            ",which is known to cause spectral leakage. Other windows such as torch.hann_window or "
            "torch.hamming_window are recommended to reduce spectral leakage."
        ), stacklevel=3)  # fmt: skip
    if center and align_to_window is not None:
        raise RuntimeError("stft align_to_window should only be set when center = false")
    hop = n_fft // 4 if hop_length is None else hop_length
    win_length = n_fft if win_length is None else win_length
    pad = (n_fft - win_length) // 2 if align_to_window else n_fft // 2 if center else 0
    x = input
    if pad and x.dim():
        shape = x.shape
        x = cygrad.nn.functional.pad(
            x.reshape([1] * (3 - x.dim()) + list(shape)), (pad, pad), pad_mode if center else "constant"
        )
        x = x.reshape(*shape[:-1], x.shape[-1])
    call = f"stft(torch.{_core.SCALAR_TYPE_NAMES[x.dtype.code]}Tensor{list(x.shape)}, " + _named(
        n_fft=n_fft, hop_length=hop, win_length=win_length, window=window, normalized=normalized, onesided=onesided,
        return_complex=return_complex, align_to_window=align_to_window,
    ) + ") : "  # fmt: skip
    is_complex = x.is_complex() or (window is not None and window.is_complex())
    if return_complex is None and not is_complex:
        raise RuntimeError(
            "stft requires the return_complex parameter be given for real inputs, and will further require that "
            "return_complex=True in a future PyTorch release."
        )
    if return_complex is False:
        warn_once(
            "stft with return_complex=False is deprecated. In a future pytorch release, stft will return complex "
            "tensors for all inputs, and return_complex=False will raise an error.\nNote: you can still call "
            "torch.view_as_real on the complex output to recover the old return format.",
            stacklevel=3,
        )
    if not (x.is_floating_point() or x.is_complex()):
        raise RuntimeError(call + "expected a tensor of floating point or complex values")
    if not 1 <= x.dim() <= 2:
        raise RuntimeError(call + "expected a 1D or 2D tensor")
    length = x.shape[-1]
    if not 0 < n_fft <= length:
        raise RuntimeError(call + f"expected 0 < n_fft < {length}, but got n_fft={n_fft}")
    if hop <= 0:
        raise RuntimeError(call + f"expected hop_length > 0, but got hop_length={hop}")
    if not 0 < win_length <= n_fft:
        raise RuntimeError(call + f"expected 0 < win_length <= n_fft, but got win_length={win_length}")
    if window is not None and (window.dim() != 1 or window.shape[0] != win_length):
        raise RuntimeError(
            call + f"expected a 1D window tensor of size equal to win_length={win_length}, but got window with size "
            f"{list(window.shape)}"
        )
    if onesided and is_complex:
        raise RuntimeError("Cannot have onesided output if window or input is complex")
    window = _whole_window(window, win_length, n_fft, x)
    frames = x.unfold(-1, n_fft, hop)
    if window is not None:
        frames = frames * window
    half = onesided is not False and not is_complex
    r = (cygrad.fft.rfft if half else cygrad.fft.fft)(frames, norm="ortho" if normalized else None)
    r = r.transpose(-2, -1)
    return cygrad.view_as_real(r) if return_complex is False else r


def _overlap_add(frames, hop):
    """The sum of frames (..., count, n), each `hop` places after the one before."""
    count, n = frames.shape[-2:]
    start = cygrad.arange(0, count * hop, hop, device=frames.device)
    at = start.unsqueeze(1) + cygrad.arange(n, device=frames.device)
    total = frames.new_zeros(*frames.shape[:-2], n + hop * (count - 1))
    return total.index_add(-1, at.reshape(-1), frames.reshape(*frames.shape[:-2], -1))


def istft(input, n_fft, hop_length=None, win_length=None, window=None, center=True, normalized=False, onesided=None,
          length=None, return_complex=False):  # fmt: skip
    """The signal (L,) or (B, L) of which `stft` gives `input`: (frequencies, frames), after a batch dimension or not.

    Griffin and Lim 1984: the frames' inverse transforms, windowed once more, are added up and
    divided by the sum of the squared windows, which must be zero nowhere.
    """
    if window is None:
        warn_once(
            _NO_WINDOW.format(".Please provide the same window used by stft to make the inversion lossless."),
            stacklevel=3,
        )
    hop = n_fft // 4 if hop_length is None else hop_length
    win_length = n_fft if win_length is None else win_length
    call = f"istft(CPU{_core.SCALAR_TYPE_NAMES[input.dtype.code]}Type{list(input.shape)}, " + _named(
        n_fft=n_fft, hop_length=hop, win_length=win_length, window=window, center=center, normalized=normalized,
        onesided=onesided, length=length, return_complex=return_complex,
    ) + ")"  # fmt: skip
    if not input.is_complex():
        raise RuntimeError(
            "istft requires a complex-valued input tensor matching the output from stft with return_complex=True."
        )
    if not input.numel():
        raise RuntimeError(call + " : input tensor cannot be empty.")
    if input.dim() not in (2, 3):
        if input.dim() < 2:
            raise IndexError(
                f"Dimension out of range (expected to be in range of [{-input.dim() - 1}, {input.dim()}], but got -3)"
            )
        raise RuntimeError(call + f" : expected a tensor with 3 or 4 dimensions, but got {input.dim() + 1}")
    frequencies, count = input.shape[-2:]
    half = frequencies != n_fft if onesided is None else onesided
    if frequencies != (n_fft // 2 + 1 if half else n_fft):
        raise RuntimeError(
            call + " : expected the frequency dimension (3rd to the last) of the input tensor to match n_fft"
            f"{' / 2 + 1' if half else ''} when onesided={half}, but got {frequencies}"
        )
    if not 0 < hop <= win_length:
        raise RuntimeError(call + " : expected 0 < hop_length <= win_length")
    if not 0 < win_length <= n_fft:
        raise RuntimeError(call + " : expected 0 < win_length <= n_fft")
    if window is not None and (window.dim() != 1 or window.shape[0] != win_length):
        raise RuntimeError(call + " : Invalid window shape. window has to be 1D and length of `win_length`")
    if return_complex and half:
        raise RuntimeError("Cannot have onesided output if window or input is complex")
    if not return_complex and window is not None and window.is_complex():
        raise RuntimeError("Complex windows are incompatible with return_complex=False")
    norm = "ortho" if normalized else None
    x = input.transpose(-2, -1)
    if return_complex:
        frames = cygrad.fft.ifft(x, norm=norm)
    else:
        frames = cygrad.fft.irfft(x[..., : n_fft // 2 + 1], n_fft, norm=norm)
    window = _whole_window(window, win_length, n_fft, input)
    if window is None:
        window = cygrad.ones(n_fft, dtype=input.dtype.to_real(), device=input.device)
    y = _overlap_add(frames * window, hop)
    weight = _overlap_add((window * window).expand(count, n_fft), hop)
    start = n_fft // 2 if center else 0
    total = y.shape[-1]
    end = start + length if length is not None else total - start
    y, weight = y[..., start:end], weight[start:end]
    if not weight.abs().min().item() > 1e-11:
        raise RuntimeError(call + " window overlap add min: 1\n[ CPUBoolType{} ]")
    y = y / weight
    if end > total:
        warnings.warn(
            "The length of signal is shorter than the length parameter. Result is being padded with zeros in the tail. "
            "Please check your center and hop_length settings.",
            UserWarning,
            stacklevel=2,
        )
        y = cygrad.nn.functional.pad(y, (0, end - total))
    return y
