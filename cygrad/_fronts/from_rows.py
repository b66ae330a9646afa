"""The functions and methods that the table's rows ask for by their `forms`, each with its row's signature.

Those of one or two operands without parameters are compiled (`_ops.unary_function` and so on), with a short way for
small tensors.  The others are written out as Python.
"""

from cygrad import _ops
from cygrad._core import Tensor
from cygrad._table import rows as _table

FUNCTIONS = {}  # torch.x
METHODS = {}  # Tensor.x
SPECIAL = {}  # torch.special.x
FUNCTIONAL = {}  # nn.functional.x

_COMPILED = {
    1: (_ops.unary_function, _ops.unary_method, _ops.unary_method_),
    2: (_ops.binary_function, _ops.binary_method, _ops.binary_method_),
}


def tensor_argument(function, x, argument="input", position=1):
    """`x`, which must be a tensor."""
    if not isinstance(x, Tensor):
        kind = type(x).__name__
        if argument == "self":
            of = f"descriptor '{function}' for 'torch._C.TensorBase' objects"
            raise TypeError(f"{of} doesn't apply to a '{kind}' object")
        raise TypeError(f"{function}(): argument '{argument}' (position {position}) must be Tensor, not {kind}")
    return x


def _refuse(function, **operands):
    """Raises for the first operand that is no tensor."""
    for position, (argument, x) in enumerate(operands.items(), start="self" not in operands):
        tensor_argument(function, x, argument, position)


def define(name, arguments, lines, **names):
    """The function of this text: with it signature, defaults and complaints about arguments are Python's own."""
    text = f"def {name}({', '.join(arguments)}):\n    " + "\n    ".join(lines)
    exec(compile(text, "<row>", "exec"), names)  # tracebacks leave this file out
    return names[name]


def row_function(name, shown=None):
    """A row as a function of its operands and then its parameters.  shown: its name in messages."""
    op, arity = _ops.OPS[name], _table.by_name[name].arity
    if arity in _COMPILED and not _table.by_name[name].params:
        return _COMPILED[arity][0](op, shown or name)

    def f(*args):
        return _ops.call(op, args[:arity], args[arity:] or None)

    f.__name__ = f.__qualname__ = shown or name
    return f


def _written(row, name, first="input", out=False, switch=False):
    """The function of a row as Python; in place if its name ends in "_".  out, switch: it takes out=, inplace=."""
    op, arguments = _ops.OPS[row.name], [first, *row.arguments[1:]]
    named = [a.partition("=")[0] for a in arguments if a != "*"]
    operands, params = named[: row.arity], named[row.arity :]
    plain = in_place = None
    if params or row.arity > 2:
        others, values = (f"({''.join(n + ', ' for n in names)})" for names in (operands[1:], params))
        there = f"call_(op, {first}, {others}, {values})"
        result = f"call(op, ({', '.join(operands)},), {values}{', out' * out})"
    else:
        _, plain, in_place = (make(op, name.rstrip("_")) for make in _COMPILED[row.arity])
        result, there = (f"{f}({', '.join(operands)})" for f in ("plain", "in_place"))
    tensors = " and ".join(f"isinstance({x}, Tensor)" for x in operands)
    lines = [f"if not ({tensors}): refuse({name!r}, {', '.join(f'{x}={x}' for x in operands)})"]
    if row.refuses:
        condition, error, text = row.refuses
        lines.append(f"if {condition}: raise {error.__name__}({text!r})")
    if switch:
        arguments.append("inplace=False")
        lines.append(f"if inplace: return {there}")
    if out:
        arguments += ["out=None"] if "*" in arguments else ["*", "out=None"]
    lines.append(f"return {there if name.endswith('_') else result}")
    f = define(name, arguments, lines, op=op, Tensor=Tensor, call=_ops.call, call_=_ops.call_, refuse=_refuse,
               plain=plain, in_place=in_place, __name__=__name__)  # fmt: skip
    f.__doc__ = f"`{name[:-1]}` in place." if name.endswith("_") else row.doc or None
    return f


def _make(row, name, forms):
    """Puts the functions of a row under a name where the forms say."""
    special, short = name.startswith("special.") or "s" in forms, name.removeprefix("special.")
    bare = not row.params and row.arity in _COMPILED
    if bare:
        op, (function, method, method_) = _ops.OPS[row.name], _COMPILED[row.arity]
        function, method, method_ = function(op, short), method(op, short), method_(op, short + "_")
        function_ = method_
    else:
        function = _written(row, short, out="o" in forms or special)
        method = _written(row, short, "self")
        method_, function_ = _written(row, short + "_", "self"), _written(row, short + "_")
    if special:
        SPECIAL[short] = function
        return
    if "f" in forms:
        FUNCTIONS[short] = function
    if "m" in forms:
        METHODS[short] = method
    if "i" in forms:
        METHODS[short + "_"] = method_
    if "I" in forms:
        FUNCTIONS[short + "_"] = function_
    if "F" in forms:
        FUNCTIONAL[short] = _written(row, short, switch="P" in forms)
    if "Q" in forms:
        FUNCTIONAL[short + "_"] = _written(row, short + "_")


for _name, (_row, _forms) in _table.aliases().items():
    if _row in _ops.OPS and _table.by_name[_row].signature is not None:
        _make(_table.by_name[_row], _name, _forms)
