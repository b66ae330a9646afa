"""Text of tensors: `repr(tensor)`, `set_printoptions` and `get_printoptions`.

The shown values are taken out of the tensor in one `tolist`, formatted once each, padded to a
common width and then folded into nested, wrapped rows. A summarised tensor is first cut down to
its edges, so that the column width is decided by what is shown and nothing else.
"""

import contextlib
import dataclasses
import math
from typing import Any

import cygrad

__all__ = ["get_printoptions", "printoptions", "set_printoptions"]


@dataclasses.dataclass
class _PrinterOptions:
    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


PRINT_OPTS = _PrinterOptions()

_PROFILES = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": math.inf, "edgeitems": 3, "linewidth": 80},
}


def set_printoptions(
    precision=None,
    threshold=None,
    edgeitems=None,
    linewidth=None,
    profile=None,
    sci_mode=None,
):
    """Set how tensors are printed; options not given keep their value, except `sci_mode`.

    precision: digits after the point (4).
    threshold: number of elements above which only the edges are shown (1000).
    edgeitems: how many items are shown at each end of a dimension of a summarised tensor (3).
    linewidth: characters per line (80).
    profile: "default", "short" or "full": a set of the above, which they then override.
    sci_mode: scientific notation always (True), never (False) or where it is needed (None).
    """
    if profile is not None:
        for name, value in _PROFILES.get(profile.lower(), {}).items():
            setattr(PRINT_OPTS, name, value)
    if precision is not None:
        PRINT_OPTS.precision = precision
    if threshold is not None:
        PRINT_OPTS.threshold = threshold
    if edgeitems is not None:
        PRINT_OPTS.edgeitems = edgeitems
    if linewidth is not None:
        PRINT_OPTS.linewidth = linewidth
    PRINT_OPTS.sci_mode = sci_mode


def get_printoptions() -> dict[str, Any]:
    """The options of printing as a dict that `set_printoptions(**options)` accepts."""
    return dataclasses.asdict(PRINT_OPTS)


@contextlib.contextmanager
def printoptions(**kwargs):
    """Set the options of printing inside a `with` block, as `set_printoptions` does."""
    old = get_printoptions()
    set_printoptions(**kwargs)
    try:
        yield
    finally:
        set_printoptions(**old)


def _format_floats(values: list[float], signed: bool = False) -> tuple[list[str], int]:
    """Texts of `values` in one common style, and the width to pad them to.

    Zeros, infinities and NaNs are formatted in that style too but neither choose it nor count
    for the width. `signed` writes the sign of positive numbers as well (imaginary parts).
    """
    regular = [abs(v) for v in values if v and math.isfinite(v)]
    integral = all(map(float.is_integer, regular))
    precision = PRINT_OPTS.precision
    scientific = False
    if regular:
        scientific = PRINT_OPTS.sci_mode
        if scientific is None:
            low, high = min(regular), max(regular)
            scientific = high / low > 1000 or high > 1e8 or (not integral and low < 1e-4)
    plain = integral and not scientific
    style = f".{precision}e" if scientific else ".0f" if plain else f".{precision}f"
    texts = [format(v, style) for v in values]
    if plain:
        texts = [t if t[-1] in "nf" else t + "." for t in texts]
    width = max((len(t) for t, v in zip(texts, values) if v and math.isfinite(v)), default=1)
    if signed:
        texts = [t if t[0] == "-" else "+" + t for t in texts]
    return texts, width


def _format_values(values: list, dtype) -> tuple[list[str], int]:
    """Padded texts of `values`, and the width of one text as the wrapping of lines counts it."""
    if dtype.is_complex:
        real, real_width = _format_floats([v.real for v in values])
        imag, imag_width = _format_floats([v.imag for v in values], signed=True)
        texts = [f"{r:>{real_width}}{i}j" for r, i in zip(real, imag)]
        return texts, real_width + imag_width + 1
    if dtype.is_floating_point:
        texts, width = _format_floats(values)
    else:
        texts = [str(v) for v in values]
        width = max(map(len, texts), default=1)
    return [t.rjust(width) for t in texts], width


def _edges(tensor, edgeitems: int):
    """`tensor` with the middle cut out of every dimension longer than twice `edgeitems`."""
    for dim, size in enumerate(tensor.shape):
        if size > 2 * edgeitems:
            head = tensor.narrow(dim, 0, edgeitems)
            tail = tensor.narrow(dim, size - edgeitems, edgeitems)
            tensor = cygrad.cat((head, tail), dim)
    return tensor


def _rows(texts, shape, cut, width: int, indent: int) -> str:
    """Fold the iterator `texts` into nested brackets; `cut[d]` asks for "..." in dimension d."""
    if not shape:
        return next(texts)
    half = shape[0] // 2
    if len(shape) == 1:
        items = [next(texts) for _ in range(shape[0])]
        if cut[0]:
            items.insert(half, " ...")
        per_line = max(1, (PRINT_OPTS.linewidth - indent) // (width + 2))
        indent += 1  # of the bracket, which the line above leaves out, as PyTorch does
        if len(items) <= per_line:
            return "[" + ", ".join(items) + "]"
        lines = [", ".join(items[i : i + per_line]) for i in range(0, len(items), per_line)]
        return "[" + (",\n" + " " * indent).join(lines) + "]"
    indent += 1
    parts = [_rows(texts, shape[1:], cut[1:], width, indent) for _ in range(shape[0])]
    if cut[0]:
        parts.insert(half, "...")
    return "[" + ("," + "\n" * (len(shape) - 1) + " " * indent).join(parts) + "]"


def _contents(tensor, indent: int) -> str:
    """The values of a non-empty tensor, its lines indented by `indent` after the first."""
    shape = list(tensor.shape)
    cut = [False] * len(shape)
    if shape and tensor.numel() > PRINT_OPTS.threshold:
        edgeitems = PRINT_OPTS.edgeitems
        if not edgeitems:
            return "[...]"
        cut = [size > 2 * edgeitems for size in shape]
        tensor = _edges(tensor, edgeitems)
        shape = list(tensor.shape)
    texts, width = _format_values(tensor.reshape(-1).tolist(), tensor.dtype)
    return _rows(iter(texts), shape, cut, width, indent)


def _has_default_dtype(tensor) -> bool:
    """Whether the values alone tell the dtype, so that it need not be printed."""
    dtype, default = tensor.dtype, cygrad.get_default_dtype()
    if not tensor.numel():
        return dtype == default
    if dtype.is_complex:
        return dtype.itemsize == 2 * default.itemsize
    return dtype in (default, cygrad.int64, cygrad.bool)


def _prefix(tensor) -> tuple[str, str]:
    """How the text of `tensor` opens and closes; subclasses show their name."""
    cls = type(tensor)
    if cls is cygrad.Tensor:
        return "tensor(", ")"
    nn = cygrad.nn
    if cls is nn.Parameter or cls is getattr(nn, "Buffer", None):
        return "tensor(", ")"
    if isinstance(tensor, nn.Parameter):
        return f"Parameter({cls.__name__}(", "))"
    return f"{cls.__name__}(", ")"


def _str(self, *, tensor_contents: str | None = None) -> str:
    """The text of `repr(tensor)`; `tensor_contents` replaces the values in it."""
    opening, closing = _prefix(self)
    indent = len(opening)
    suffixes = []
    device = self.device
    if device.type != "cpu":
        suffixes.append(f"device='{device}'")

    size = f"size={tuple(self.shape)}"
    if device.type == "meta":
        contents = "..."
        suffixes.append(size)
    elif not self.numel():
        contents = "[]"
        if self.dim() != 1:
            suffixes.append(size)
    else:
        if not PRINT_OPTS.edgeitems:
            suffixes.append(size)
        contents = tensor_contents
        if contents is None:
            contents = _contents(self.detach(), indent)
    if tensor_contents is not None:
        contents = tensor_contents

    if not _has_default_dtype(self):
        suffixes.append(f"dtype={self.dtype}")
    try:
        grad_fn = self.grad_fn
        name = type(grad_fn).__name__
    except RuntimeError:  # a view made under no_grad, of what was written since
        grad_fn = name = "Invalid"
    if grad_fn is not None:
        suffixes.append(f"grad_fn=<{name}>")
    elif self.requires_grad:
        suffixes.append("requires_grad=True")

    return _with_suffixes(opening, contents, suffixes, closing, indent)


def _with_suffixes(opening: str, contents: str, suffixes: list[str], closing: str, indent: int, breaks=False) -> str:
    """The text of a tensor: a suffix goes to the last line where it fits there, and begins a new line where not (the
    first one also if `breaks`)."""
    # The first one counts two characters more than there are, as PyTorch does.
    out = [opening, contents]
    newline = contents.rfind("\n")
    last = 2 + (indent + len(contents) if newline < 0 else len(contents) - newline - 1)
    for i, suffix in enumerate(suffixes):
        if last + len(suffix) + 2 > PRINT_OPTS.linewidth or i == 0 and breaks:
            out.append(",\n" + " " * indent + suffix)
            last = indent + len(suffix)
        else:
            out.append(", " + suffix)
            last += len(suffix) + 2
    out.append(closing)
    return "".join(out)


# ---- the parts, by the names under which libraries that print tensors of their own take them


def _tensor_str(self, indent):
    """The values of a tensor in brackets, its lines indented after the first."""
    return _contents(self.detach(), indent) if self.numel() else "[]"


def _str_intern(inp, *, tensor_contents=None):
    return _str(inp, tensor_contents=tensor_contents)


def _add_suffixes(tensor_str, suffixes, indent, force_newline):
    return _with_suffixes("", tensor_str, suffixes, ")", indent, breaks=force_newline)
