"""Padding: constants by copying into a filled tensor, the other modes by picking indices."""

import cygrad
from cygrad._operators.family import channels_lie_last, kept_format


def _constant(input, pads, value):
    shape, inner, outer = list(input.shape), [], []
    for axis in range(input.dim()):
        place = 2 * (input.dim() - 1 - axis)
        before, after = pads[place:place + 2] if place < len(pads) else (0, 0)
        size = shape[axis]
        if max(size + min(before, 0), 0) + min(after, 0) < 0 or size + before + after < 0:
            raise RuntimeError("narrow(): length must be non-negative.")
        inner.append(slice(max(-before, 0), size - max(-after, 0)))
        outer.append(slice(max(before, 0), max(before, 0) + size + min(before, 0) + min(after, 0)))
        shape[axis] = size + before + after
    source = input[tuple(inner)]
    if all(p <= 0 for p in pads):
        return source.clone()
    result = input.new_full(shape, value)
    result[tuple(outer)] = source
    return result


def _reflected(size, before, after, device):
    index = cygrad.arange(-before, size + after, device=device).abs()
    return size - 1 - (size - 1 - index).abs()


def _replicated(size, before, after, device):
    return cygrad.arange(-before, size + after, device=device).clamp(0, size - 1)


def _wrapped(size, before, after, device):
    first, last = max(0, -before), size - max(0, -after)  # what is cut off is not wrapped around
    index = cygrad.arange(-max(0, before), last - first + max(0, after), device=device)
    return first + index.remainder(last - first)


_INDEX = {"reflect": _reflected, "replicate": _replicated, "circular": _wrapped}


def _check_mode(input, pads, mode):
    count = len(pads) // 2
    if count not in (1, 2, 3) or input.dim() not in (count + 1, count + 2):
        raise NotImplementedError(
            f"Padding size {len(pads)} is not supported for {input.dim()}D input tensor.\n"
            "Supported combinations for non-constant padding:\n"
            "  - 2D or 3D input: padding size = 2 (pads last dimension)\n"
            "  - 3D or 4D input: padding size = 4 (pads last 2 dimensions)\n"
            "  - 4D or 5D input: padding size = 6 (pads last 3 dimensions)"
        )
    if 0 in input.shape[-count - 1:]:
        raise RuntimeError(
            f"Expected {count + 1}D or {count + 2}D (batch mode) tensor with possibly 0 batch size "
            f"and other non-zero dimensions for input, but got: {list(input.shape)}"
        )
    for i in range(count):
        before, after = pads[2 * i:2 * i + 2]
        axis, size = input.dim() - 1 - i, input.shape[-1 - i]
        if mode == "reflect" and (before >= size or after >= size):
            raise RuntimeError(
                "Argument #4: Padding size should be less than the corresponding input "
                f"dimension, but got: padding ({before}, {after}) at dimension {axis} of input "
                f"{list(input.shape)}"
            )
        if mode == "circular" and (before > size or after > size):
            raise RuntimeError("Padding value causes wrapping around more than once.")


def pad(input, pad, mode="constant", value=None):
    """Pad the last dimensions: ``pad`` is (before, after) pairs, the last dimension first.

    ``mode`` is constant, reflect, replicate or circular; negative amounts of a constant pad cut.
    """
    pads = tuple(pad)
    if len(pads) % 2:
        raise RuntimeError("Padding length must be divisible by 2")
    if len(pads) // 2 > input.dim():
        raise RuntimeError(
            "Padding length should be less than or equal to two times the input dimension but "
            f"got padding length {len(pads)} and input of dimension {input.dim()}"
        )
    if mode == "constant":
        value = 0.0 if value is None else value
        if channels_lie_last(input) and len(pads) == 2 * (input.dim() - 2):
            return _constant(input.movedim(1, -1), (0, 0, *pads), value).movedim(-1, 1)
        return kept_format(_constant(input, pads, value), input)
    if value is not None and value != 0:
        raise RuntimeError(f'Padding mode "{mode}" doesn\'t take in value argument')
    if mode not in _INDEX:
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    _check_mode(input, pads, mode)
    given = input
    for i in range(len(pads) // 2):
        before, after = pads[2 * i:2 * i + 2]
        if before or after:
            axis = input.dim() - 1 - i
            index = _INDEX[mode](input.shape[axis], before, after, input.device)
            input = input.index_select(axis, index)
    return input if mode == "circular" else kept_format(input, given)  # as PyTorch has it
