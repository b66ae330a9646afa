"""`make_tensor`: random tensors to test with."""

import math

import cygrad as torch


def make_tensor(
    *shape, dtype, device, low=None, high=None, requires_grad=False, noncontiguous=False, exclude_zero=False,
    memory_format=None,
):  # fmt: skip
    """A tensor of random numbers in [low, high), by default [-9, 9], for unsigned integers [0, 9].

    `low` and `high` are brought into the range of `dtype`. ValueError for an empty range, for NaN, for
    `requires_grad` with integers.
    """
    if noncontiguous and memory_format is not None:
        raise ValueError(
            "The parameters `noncontiguous` and `memory_format` are mutually exclusive, but got "
            f"noncontiguous={noncontiguous} and memory_format={memory_format}"
        )
    if len(shape) == 1 and isinstance(shape[0], tuple | list):
        shape = shape[0]
    real = dtype.is_floating_point or dtype.is_complex
    if requires_grad and not real:
        raise ValueError(
            f"`requires_grad=True` is not supported for boolean and integral dtypes, but got dtype={dtype}"
        )
    low, high = _range(low, high, dtype, real)
    if dtype.is_complex:
        part = torch.empty(0, dtype=dtype).real.dtype
        t = torch.view_as_complex(torch.empty(*shape, 2, dtype=part, device=device).uniform_(low, high))
    elif real:
        t = torch.empty(tuple(shape), dtype=dtype, device=device).uniform_(low, high)
    else:
        t = torch.randint(low, high, tuple(shape), dtype=dtype, device=device)
    if noncontiguous and t.numel() > 1:
        t = torch.repeat_interleave(t, 2, dim=-1)[..., ::2]
    elif memory_format is not None:
        t = t.clone(memory_format=memory_format)
    if exclude_zero:
        t[t == 0] = torch.finfo(dtype).tiny if dtype.is_floating_point else 1
    return t.requires_grad_() if requires_grad else t


def _range(low, high, dtype, real):
    if any(isinstance(bound, float) and math.isnan(bound) for bound in (low, high)):
        raise ValueError(f"`low` and `high` cannot be NaN, but got low={low} and high={high}")
    if dtype == torch.bool:
        lowest, highest, defaults = 0, 2, (0, 2)
    elif real:
        info = torch.finfo(torch.float32 if dtype.is_complex else dtype)
        lowest, highest, defaults = info.min, info.max, (-9, 9)
    else:
        info = torch.iinfo(dtype)
        # randint's `high` is an int64, and no value reaches it
        lowest, highest = info.min, min(info.max + 1, torch.iinfo(torch.int64).max)
        defaults = (max(info.min, -9), 10)
    low = defaults[0] if low is None else low
    high = defaults[1] if high is None else high
    if low >= high:
        raise ValueError(f"`low` must be less than `high`, but got {low} >= {high}")
    low, high = max(low, lowest), min(high, highest)
    return (low, high) if real else (math.ceil(low), math.ceil(high))
