"""What becomes of a call whose arguments do not fit: other spellings that PyTorch takes, or its words for the error.

Asked for by `_dispatch` after a TypeError alone, so that calls that fit pay nothing.  NumPy's names of arguments
(`axis`, `keepdims`, `x`, `a`, `x1`, `x2`) and the deprecated orders with numbers in front of tensors
(`add(input, alpha, other)`) are turned into today's form, for all functions and methods that PyTorch parses itself.
"""

import functools
import inspect
import re

from .. import _dispatch
from .._core import Tensor
from .._warnings import warn_once

# NumPy's names of arguments, by PyTorch's.
_NUMPY = {"axis": "dim", "keepdims": "keepdim", "x": "input", "a": "input", "x1": "input", "x2": "other"}
# By the function: the tensors after the first, and the numbers that once stood before tensors.
_ORDERS = {
    "add": (("other",), ("alpha",)),
    "sub": (("other",), ("alpha",)),
    "addcmul": (("tensor1", "tensor2"), ("value",)),
    "addcdiv": (("tensor1", "tensor2"), ("value",)),
    "addmm": (("mat1", "mat2"), ("beta", "alpha")),
    "addmv": (("mat", "vec"), ("beta", "alpha")),
    "addr": (("vec1", "vec2"), ("beta", "alpha")),
    "addbmm": (("batch1", "batch2"), ("beta", "alpha")),
    "baddbmm": (("batch1", "batch2"), ("beta", "alpha")),
}
# Names that an argument has in one of the forms of a function.
_FORMS = {
    "Tensor.split": {"split_size": "split_size_or_sections"},
    "heaviside": {"values": "other"},
    "isin": {"element": "elements", "test_element": "test_elements"},
    "Tensor.copy_": {"other": "src"},
    "Tensor.resize_as_": {"the_template": "other"},
    "cholesky_solve": {"input2": "L"},
    "orgqr": {"input2": "tau"},
    "ormqr": {"input2": "tau", "input3": "other"},
    "householder_product": {"input": "A"},
    "lstsq": {"b": "B"},
    "matrix_rank": {"input": "A"},
    "tensorsolve": {"other": "B"},
}
_WITH_OUT_DTYPE = frozenset(("addmm", "baddbmm"))
_SIGNATURE = re.compile(
    r"([\w.<>]+)\(\) (got an unexpected keyword argument|got multiple values|takes |missing )(?:.*'(\w+)'$)?"
)


def explain(public, args, kwargs, error):
    """(args, kwargs) to call the function with instead, or the exception to raise."""
    told = _SIGNATURE.match(str(error))
    if told is None or not _is_its_own(error, told[1].rpartition(".")[2], public.__wrapped__):
        return error
    instead = _respelt(public, args, kwargs)
    if instead is None and not _dispatch.is_written_in_python(public):
        instead = _reordered(public, args, kwargs)
    if instead is not None:
        return instead
    return TypeError(_words(public, args, kwargs, told[3] if "unexpected" in told[2] else None, str(error)))


def _function(public):
    """What does the work: of methods that are imported at their first call, what is called then."""
    inner = public.__wrapped__
    return inner.imported() if hasattr(inner, "imported") else inner


def _is_its_own(error, name, inner):
    """Whether the error is about the arguments of the function, not of one that it calls."""
    frame = error.__traceback__
    if hasattr(inner, "imported"):
        frame, inner = frame and frame.tb_next, inner.imported()
    if inspect.isfunction(inner):  # fails before it has a frame
        return frame is None
    return frame is not None and frame.tb_next is None and frame.tb_frame.f_code.co_name.rpartition(".")[2] == name


def _respelt(public, args, kwargs):
    """The arguments with the function's names for NumPy's, or None if there are none, or both."""
    taken = [p.name for p in _parameters(_function(public))]
    others = {} if _dispatch.is_written_in_python(public) else _NUMPY
    others = others | (_FORMS.get(public.__qualname__) or _FORMS.get(public.__name__.removesuffix("_"), {}))
    named = {}
    for name, value in kwargs.items():
        if name not in taken and others.get(name) in taken:
            name = others[name]
        if name in named:
            return None
        named[name] = value
    if named.keys() != kwargs.keys():
        return args, named
    shown = getattr(_function(public), "__signature__", None)  # where the code's own names are not PyTorch's
    try:
        bound = shown and shown.bind(*args, **kwargs)
    except TypeError:
        return None
    return (bound.args, bound.kwargs) if bound and len(bound.args) > len(args) else None


def _reordered(public, args, kwargs):
    """`add(input, alpha, other)` as `add(input, other, alpha=alpha)`, and its like; None if this is none."""
    name = public.__name__
    if name.removesuffix("_") not in _ORDERS:
        return None
    tensors, numbers = _ORDERS[name.removesuffix("_")]
    method = _is_method(public)
    # In the order in which they once stood: methods have theirs behind the tensor, functions beta before it.
    order = ["input", *numbers] if method or len(numbers) == 1 else [numbers[0], "input", numbers[1]]
    given = [isinstance(x, Tensor) for x in args]
    for left_out in ((), ("alpha",)) if len(numbers) == 2 else ((),):
        names = [n for n in order if n not in left_out] + list(tensors)
        k = len(args)
        if given == [n not in numbers for n in names[:k]] and kwargs.keys() - {"out"} == set(names[k:]):
            _warn_of_order(name, names, tensors, numbers, method)
            values = {**dict(zip(names, args)), **kwargs}
            return tuple(values.pop(n) for n in ("input", *tensors)), values
    return None


def _warn_of_order(name, names, tensors, numbers, method):
    def form(names, defaults, extra=""):
        listed = [f"{'Number' if n in numbers else 'Tensor'} {n}" for n in names if not method or n != "input"]
        keywords = [f"Number {n} = 1" for n in defaults] + ([] if method else ["Tensor out = None"])
        return f"\n\t{name}({', '.join(listed)}{extra}{', *, ' * bool(keywords)}{', '.join(keywords)})"

    now = form(("input", *tensors), numbers)
    if name in _WITH_OUT_DTYPE and not method:
        now += form(("input", *tensors), numbers, ", torch.dtype out_dtype")
    warn_once(
        f"This overload of {name} is deprecated:{form(names, ())}\n"
        f"Consider using one of the following signatures instead:{now}",
        stacklevel=4,  # whoever called the operator
    )


def _is_method(public):
    return public.__qualname__.startswith("Tensor.")


@functools.cache
def _parameters(function):
    try:
        return tuple(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return ()


def _words(public, args, kwargs, unexpected, text):
    """PyTorch's words for arguments that do not fit."""
    name = public.__name__
    parameters = _parameters(_function(public))
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    open_ended = not parameters or any(p.kind is p.VAR_POSITIONAL for p in parameters)
    if not open_ended and not _dispatch.is_written_in_python(public):
        missing = [p.name for p in positional[len(args):] if p.default is p.empty and p.name not in kwargs]
        own = 1 if _is_method(public) else 0
        given, most = len(args) - own, len(positional) - own
        if missing:
            quoted = ", ".join(f'"{n}"' for n in missing)
            return f"{name}() missing {len(missing)} required positional argument{'s' * (len(missing) == 1)}: {quoted}"
        if given > most and own and most == 0 and len(parameters) == 1:
            return f"TensorBase.{name}() takes no arguments ({given} given)"
        if given > most:
            were = "was" if given == 1 else "were"
            return f"{name}() takes {most} positional argument{'s' * (most != 1)} but {given} {were} given"
    if unexpected is not None:
        return f"{name}() got an unexpected keyword argument '{unexpected}'"
    return re.sub(r"^[\w.<>]+\(\)", f"{name}()", text)
