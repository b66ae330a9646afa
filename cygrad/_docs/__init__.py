"""Documentation of public functions and methods, put together when somebody asks for it: help(torch.exp), ?, the site.

May use the package as its users do, and the table's rows.
Must not be imported before a docstring is read: it costs programs nothing.
"""

import inspect

from .._table import rows as _rows
from .glossary import ARGUMENTS
from .texts import TEXTS

_KINDS = {
    "float": "Integers are taken as the default floating dtype.",
    "number": "The result has the operands' promoted dtype.",
    "test": "The result is bool.",
    "bits": "For integers and bool.",
}


def _split(doc, name):
    """A docstring without the signature that Cython puts first."""
    doc = inspect.cleandoc(doc or "")
    first, _, rest = doc.partition("\n\n")
    signed = first.startswith(f"{name}(") or first.partition("(")[0].endswith(name) and first.endswith(")")
    return rest if signed else doc


def _row_of(name):
    for form in (name, "special." + name, name.rstrip("_")):
        if form in _rows.aliases():
            return _rows.by_name[_rows.aliases()[form][0]]
    return None


def _summary(name, own):
    """The first paragraphs, and whether they say all there is to say."""
    if name in TEXTS:
        return TEXTS[name]
    row = _row_of(name)
    if row is not None and not row.start:
        text = row.doc or own or f"{row.name}, element by element."
        return text if text.endswith(".") else text + "."
    return own


def _arguments(function, method, text):
    """Lines on the arguments that the text says nothing of."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (ValueError, TypeError):
        return []
    lines = []
    for i, p in enumerate(parameters):
        if (method and i == 0) or p.name.startswith("_") or f"\n{p.name}: " in f"\n{text}":
            continue
        meaning = ARGUMENTS.get(p.name)
        if meaning:
            default = "" if p.default in (p.empty, None) or p.name == "out" else f" (default: {p.default!r})"
            lines.append(f"{p.name}: {meaning}{default}")
    return lines


def _example(name, row, method, in_place):
    """An example of a row, computed now."""
    import cygrad as torch

    domain = row.domain if row.domain and not isinstance(row.domain[0], (tuple, list)) else None
    values = [0.25, 0.5] if row.kind == "float" and domain is None else [1.0, 2.0]
    if domain is not None:
        low, high = domain
        values = [round(low + (high - low) * share, 2) for share in (0.25, 0.75)]
    if row.kind == "bits" or row.name in ("gcd", "lcm"):
        values = [6, 10]
    operands = [f"torch.tensor({values})", f"torch.tensor({values[::-1]})", f"torch.tensor({values})"][: row.arity]
    dotted = f"special.{name}" if not hasattr(torch, name) and hasattr(torch.special, name) else name
    first, rest = operands[0], ", ".join(operands[1:])
    call = f"{first}.{name}({rest})" if method else f"torch.{dotted}({', '.join(operands)})"
    if not method and not hasattr(torch, name) and dotted == name:
        call = f"torch.nn.functional.{name}({', '.join(operands)})"
    state = torch.get_rng_state()
    try:
        with torch.no_grad():
            return f">>> {call}\n{eval(call, {'torch': torch})!r}"
    except Exception:  # a row may take other operands than these
        return ""
    finally:
        torch.set_rng_state(state)


def text_of(name, inner, method=False):
    """The docstring of a public function or method of tensors.

    name: its public name; inner: the function that does the work; method: a method of tensors.
    """
    own = _split(getattr(inner, "__doc__", None), getattr(inner, "__name__", name))
    in_place = name.endswith("_") and not name.startswith("_")
    base = name.rstrip("_") if in_place else name
    text = _summary(base, own if not in_place or name in TEXTS else "")
    if method and not text:
        text = own or _of_function(base)
    if method and name in TEXTS:
        text = TEXTS[name]
    if not text:
        return own
    row = _row_of(base)
    parts = [text.strip()]
    if in_place:
        parts[0] = f"`{base}` in place: the result is written into the tensor, and the tensor returned.\n\n{parts[0]}"
    body, example = parts[0], ""
    if ">>>" in body:
        at = body.index(">>>")
        body, example = body[:at].rstrip(), body[at:]
        if in_place or method:
            example = example if method and name in TEXTS else ""
    lines = _arguments(inner, method, body)
    blocks = [body]
    if lines:
        blocks.append("\n".join(lines))
    if row is not None and not row.start and base not in TEXTS:
        blocks.append(_KINDS[row.kind] + (" Operands are broadcast." if row.arity > 1 else ""))
        example = _example(name if method else base, row, method, in_place)
    if "\nReturns" not in f"\n{body}" and (lines or row is not None):
        blocks.append(_returned(base, in_place, row))
    if example:
        blocks.append(example)
    return "\n\n".join(block for block in blocks if block)


def _returned(name, in_place, row):
    if in_place:
        return "Returns the tensor itself."
    if row is not None and not row.start:
        shape = "of the input's shape" if row.arity == 1 else "of the shape that the operands broadcast to"
        return f"Returns a tensor {shape}."
    return ""


def _of_function(name):
    """What stands with the function of a method's name."""
    import cygrad as torch

    function = getattr(torch, name, None) or getattr(torch.nn.functional, name, None)
    wrapped = getattr(function, "__wrapped__", function)
    return _split(getattr(wrapped, "__doc__", None), name) if function is not None else ""
