"""`assert_close`: compares tensors, arrays, numbers, and containers of them, and says where they differ most."""

import cmath
import collections.abc
import math
import warnings

import numpy as np

import cygrad as torch

# rtol, atol by dtype; those of a dtype that is not here are 0, and its values must be equal
_TOLERANCES = {
    "float16": (1e-3, 1e-5),
    "bfloat16": (1.6e-2, 1e-5),
    "float32": (1.3e-6, 1e-5),
    "float64": (1e-7, 1e-7),
    "complex32": (1e-3, 1e-5),
    "complex64": (1.3e-6, 1e-5),
    "complex128": (1e-7, 1e-7),
}


class _Mismatch(Exception):
    """Carries the type of the error to raise and its text, without the place in the containers."""

    def __init__(self, text, kind=AssertionError):
        self.text, self.kind, self.place = text, kind, ""


class _Comparison:
    def __init__(self, rtol, atol, allow_subclasses, **options):
        if (rtol is None) != (atol is None):
            given, missing = ("rtol", "atol") if atol is None else ("atol", "rtol")
            raise ValueError(
                f"Both 'rtol' and 'atol' must be either specified or omitted, but got no {missing}."
            )
        self.given = None if rtol is None else (rtol, atol)
        self.allow_subclasses = allow_subclasses
        self.options = options

    def compare(self, actual, expected, place=""):
        """Compares two things; _Mismatch, with the place of the first difference, if they are not close."""
        try:
            if _both(actual, expected, collections.abc.Sequence, but=(str, bytes)):
                pairs = self.sequences(actual, expected)
            elif _both(actual, expected, collections.abc.Mapping):
                pairs = self.mappings(actual, expected)
            else:
                self.leaves(actual, expected)
                return
        except _Mismatch as mismatch:
            mismatch.place = place
            raise
        for key, ours, theirs in pairs:
            self.compare(ours, theirs, f"{place}[{key!r}]")

    def sequences(self, actual, expected):
        if len(actual) != len(expected):
            raise _Mismatch(
                f"The length of the sequences mismatch: {len(actual)} != {len(expected)}"
            )
        return [(i, *pair) for i, pair in enumerate(zip(actual, expected))]

    def mappings(self, actual, expected):
        missing, extra = expected.keys() - actual.keys(), actual.keys() - expected.keys()
        if missing or extra:
            raise _Mismatch(
                "The keys of the mappings do not match:\n"
                f"Missing keys in the actual mapping: {_sorted(missing)}\n"
                f"Additional keys in the actual mapping: {_sorted(extra)}"
            )
        return [(key, actual[key], expected[key]) for key in _sorted(actual)]

    def leaves(self, actual, expected):
        if actual is None or expected is None:
            if actual is not expected:
                raise _Mismatch(f"None mismatch: {actual} is not {expected}")
        elif _both(actual, expected, (bool, np.bool_)):
            if bool(actual) is not bool(expected):
                raise _Mismatch(f"Booleans mismatch: {bool(actual)} is not {bool(expected)}")
        elif _both(actual, expected, (int, float, complex, np.number)):
            self.numbers(actual, expected)
        else:
            self.tensors(*self.as_tensors(actual, expected))

    def tolerances(self, dtypes):
        if self.given:
            return self.given
        found = [_TOLERANCES.get(name, (0.0, 0.0)) for name in dtypes]
        return max(rtol for rtol, _ in found), max(atol for _, atol in found)

    def numbers(self, actual, expected):
        kinds = [_python(actual), _python(expected)]
        if self.options["check_dtype"] and kinds[0] is not kinds[1]:
            raise _Mismatch(f"The (d)types do not match: {kinds[0]} != {kinds[1]}.")
        names = {int: "int64", float: "float64", complex: "complex128", bool: "bool"}
        rtol, atol = self.tolerances(names[kind] for kind in kinds)
        actual, expected = kinds[0](actual), kinds[1](expected)
        if self.options["equal_nan"] and cmath.isnan(actual) and cmath.isnan(expected):
            return
        gap = abs(actual - expected)
        # An infinite difference is never close, though the bound of an infinite value is infinite as well.
        if actual == expected or (gap <= atol + rtol * abs(expected) and math.isfinite(gap)):
            return
        raise _Mismatch(_scalar_text(actual, expected, gap, rtol, atol))

    def as_tensors(self, actual, expected):
        related = isinstance(actual, type(expected)) or isinstance(expected, type(actual))
        if related and (self.allow_subclasses or type(actual) is type(expected)):
            try:
                return torch.as_tensor(actual).detach(), torch.as_tensor(expected).detach()
            except Exception:  # whatever it is, it is nothing that makes a tensor
                pass
        raise _Mismatch(
            f"No comparison pair was able to handle inputs of type {type(actual)} and {type(expected)}.",
            TypeError,
        )

    def tensors(self, actual, expected):
        attributes = [("shape", True, actual.shape, expected.shape)] + [
            (name, self.options[f"check_{name.removesuffix('()')}"], ours, theirs)
            for name, ours, theirs in (
                ("layout", actual.layout, expected.layout),
                ("device", actual.device, expected.device),
                ("dtype", actual.dtype, expected.dtype),
                ("stride()", *(t.stride() if t.layout == torch.strided else () for t in (actual, expected))),
            )
        ]
        for name, checked, ours, theirs in attributes:
            if checked and ours != theirs:
                raise _Mismatch(
                    f"The values for attribute '{name}' do not match: {ours} != {theirs}."
                )
        rtol, atol = self.tolerances(str(t.dtype).removeprefix("torch.") for t in (actual, expected))
        actual, expected = _comparable(actual), _comparable(expected)
        if actual.dtype != expected.dtype:
            dtype = torch.promote_types(actual.dtype, expected.dtype)
            actual, expected = actual.to(dtype), expected.to(dtype)
        close = torch.isclose(
            actual, expected, rtol=rtol, atol=atol, equal_nan=self.options["equal_nan"]
        )
        if not bool(close.all()):
            raise _Mismatch(_tensor_text(actual, expected, close, rtol, atol))


def _both(actual, expected, kind, but=()):
    return all(isinstance(value, kind) and not isinstance(value, but) for value in (actual, expected))


def _sorted(keys):
    try:
        return sorted(keys)
    except TypeError:
        return list(keys)


def _python(number):
    """The Python type of a number, also of NumPy's."""
    return type(number.item() if isinstance(number, np.number) else number)


def _comparable(t):
    """The tensor on the CPU, dense; integers and booleans as int64."""
    t = t.cpu()
    if t.layout != torch.strided:
        t = t.to_dense()
    return t if t.dtype.is_floating_point or t.dtype.is_complex else t.to(torch.int64)


def _allowed(tolerance, rtol, atol):
    return "" if rtol == 0 and atol == 0 else f" (up to {tolerance} allowed)"


def _head(what, rtol, atol):
    return f"{what} are not {'equal' if rtol == 0 and atol == 0 else 'close'}!\n\n"


def _scalar_text(actual, expected, gap, rtol, atol):
    relative = gap / abs(expected) if expected != 0 else math.inf
    return (
        f"{_head('Scalars', rtol, atol)}Expected {expected} but got {actual}.\n"
        f"Absolute difference: {gap}{_allowed(atol, rtol, atol)}\n"
        f"Relative difference: {relative}{_allowed(rtol, rtol, atol)}"
    )


def _tensor_text(actual, expected, close, rtol, atol):
    gap = (actual - expected).abs()
    if actual.ndim == 0:
        return _scalar_text(actual.item(), expected.item(), gap.item(), rtol, atol)
    count, bad = close.numel(), int((~close).sum())
    lines = [f"Mismatched elements: {bad} / {count} ({bad / count:.1%})"]
    for name, values, tolerance in (
        ("absolute", gap, atol),
        ("relative", gap / expected.abs(), rtol),
    ):
        values = values.masked_fill(close, 0).flatten()
        where = int(values.argmax())
        index = tuple(int(i) for i in np.unravel_index(where, tuple(actual.shape)))
        lines.append(
            f"Greatest {name} difference: {values[where].item()} at index {index}"
            f"{_allowed(tolerance, rtol, atol)}"
        )
    return _head("Tensor-likes", rtol, atol) + "\n".join(lines)


def assert_close(
    actual, expected, *, allow_subclasses=True, rtol=None, atol=None, equal_nan=False, check_device=True,
    check_dtype=True, check_layout=True, check_stride=False, msg=None,
):  # fmt: skip
    """Checks that |actual - expected| <= atol + rtol * |expected| for tensors, numbers and containers of them.

    AssertionError says how many elements differ and where most; `msg` is another text, or a function of that text.
    Tolerances default by dtype. TypeError for what cannot be compared.
    """
    comparison = _Comparison(
        rtol, atol, allow_subclasses, equal_nan=equal_nan, check_device=check_device,
        check_dtype=check_dtype, check_layout=check_layout, check_stride=check_stride,
    )  # fmt: skip
    try:
        with torch.no_grad():
            comparison.compare(actual, expected)
    except _Mismatch as mismatch:
        text = mismatch.text
        if mismatch.place:
            text += f"\n\nThe failure occurred for item {mismatch.place}"
        if msg is not None:
            text = msg(text) if callable(msg) else msg
        error = mismatch.kind(text)
    else:
        return
    raise error


def assert_allclose(actual, expected, rtol=None, atol=None, equal_nan=True, msg=""):
    """The old form of `assert_close`: `expected` may be anything that makes a tensor, dtypes are not compared."""
    warnings.warn(
        "`torch.testing.assert_allclose()` is deprecated since 1.12 and will be removed in a future release. "
        "Please use `torch.testing.assert_close()` instead.",
        FutureWarning,
        stacklevel=2,
    )
    actual = torch.as_tensor(actual)
    expected = torch.as_tensor(expected, dtype=actual.dtype)
    if rtol is None and atol is None:
        loose = {"float16": 1e-3, "float32": 1e-4, "float64": 1e-5}
        rtol = max(loose.get(str(t.dtype).removeprefix("torch."), 0.0) for t in (actual, expected))
        atol = 1e-5 if rtol else 0.0
    assert_close(
        actual, expected, rtol=rtol, atol=atol, equal_nan=equal_nan, check_device=True, check_dtype=False,
        check_stride=False, msg=msg or None,
    )  # fmt: skip
