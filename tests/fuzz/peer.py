"""How two libraries' outcomes of one call differ."""

import math


def close(a, b, rtol):
    if isinstance(a, list):
        return (
            isinstance(b, list)
            and len(a) == len(b)
            and all(close(x, y, rtol) for x, y in zip(a, b))
        )
    if isinstance(a, complex) or isinstance(b, complex):
        a, b = complex(a), complex(b)
        return (
            close(a.real, b.real, rtol * 10)
            and close(a.imag, b.imag, rtol * 10)
            or abs(a - b) <= rtol * abs(b)
        )
    if isinstance(a, str) or a is None:
        return a == b
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    return a == b or abs(a - b) <= rtol * max(1, abs(b))


def difference(ours, theirs):
    """What differs, in a word, or None."""
    if theirs.how not in ("raises", "result"):
        return None  # PyTorch itself breaks
    if ours.how != theirs.how:
        if ours.how == "raises":
            return "raises: " + ours.what[:100]
        return "PyTorch raises: " + theirs.what[:100]
    if ours.how == "raises":
        return None
    if len(ours.values) != len(theirs.values):
        return "count of results"
    for a, b in zip(ours.values, theirs.values):
        if a[0] != b[0]:
            return f"dtype {a[0]} {b[0]}"
        if a[1] != b[1]:
            return "shape"
        if a[2] != b[2]:
            return "layout"
        rtol = {"torch.float16": 1e-2, "torch.bfloat16": 5e-2, "torch.float64": 1e-5}.get(
            a[0], 1e-3
        )
        if a[3] is not None and b[3] is not None and not close(a[3], b[3], rtol):
            return "values"
    return None
