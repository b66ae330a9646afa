"""torch.library as far as it is Python: operators of one's own. What compiles or traces is not there."""

import ast
import inspect

from . import _standins
from ._core import Tensor, is_grad_enabled
from .autograd.function import Function
from .autograd.grad_mode import no_grad
from .ops import _namespace

globals().update(
    _standins.made(
        "library",
        "operators are not traced, and there are none but cygrad's own and those that programs define",
        """get_ctx; infer_schema; opcheck; register_autocast; register_vmap; register_torch_dispatch; wrap_triton;
        fallthrough_kernel; get_kernel""",
    )
)
_defined = {}
_ANYWHERE, _COMPOSITE, _AUTOGRAD = "CompositeExplicitAutograd", "CompositeImplicitAutograd", "Autograd"
_DEVICES = {"cpu": "CPU", "opencl": "CUDA", "cuda": "CUDA", "meta": "Meta"}
_KEYS = {*_DEVICES.values(), _ANYWHERE, _COMPOSITE, _AUTOGRAD, "AutogradCPU", "AutogradCUDA"}


def _signature(schema):
    """What ``name(Tensor x, float alpha=1.0, *, int n) -> Tensor`` says of the arguments; None if that is not known."""
    inside, found = schema.partition("(")[2].rpartition("->")[0].strip().rstrip(")"), []
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    for part in filter(None, (p.strip() for p in inside.split(","))):
        if part == "*":
            kind = inspect.Parameter.KEYWORD_ONLY
            continue
        declared, _, default = part.partition("=")
        try:
            value = ast.literal_eval(default.strip()) if default else inspect.Parameter.empty
            found.append(inspect.Parameter(declared.split()[-1], kind, default=value))
        except (ValueError, SyntaxError, IndexError):
            return None
    return inspect.Signature(found)


class CustomOpDef:
    """An operator of a program: it calls a function, and has the gradient that was registered, or none."""

    def __init__(self, name, signature):
        self._qualname, self._signature = name, signature
        self._kernels = {}
        self._backward = self._setup_context = None
        self.__name__ = name.rpartition("::")[2]

    def __call__(self, *args, **kwargs):
        if self._signature is not None:
            bound = self._signature.bind(*args, **kwargs)
            bound.apply_defaults()
            args, kwargs = bound.args, bound.kwargs
        tensors = [x for x in (*args, *kwargs.values()) if isinstance(x, Tensor)]
        where = _DEVICES[tensors[0].device.type] if tensors else "CPU"
        if self._backward is None and is_grad_enabled() and any(t.requires_grad for t in tensors):
            for key in (_AUTOGRAD, "Autograd" + where):
                if key in self._kernels:
                    return self._kernels[key](*args, **kwargs)
        for key in (where, _ANYWHERE, _COMPOSITE):
            if key in self._kernels:
                break
        else:
            raise NotImplementedError(
                f"Could not run '{self._qualname}' with arguments from the '{where}' backend. This could be because "
                "the operator doesn't exist for this backend"
            )
        if key == _COMPOSITE:
            return self._kernels[key](*args, **kwargs)
        return _Operation.apply(self, self._kernels[key], tuple(kwargs), *args, *kwargs.values())

    def register_autograd(self, backward, /, *, setup_context=None):
        """The gradient: ``setup_context(ctx, inputs, output)`` saves, ``backward(ctx, *grads)`` computes."""
        self._backward, self._setup_context = backward, setup_context

    def register_fake(self, fn, /):
        """Returns the function, which only tracing would call."""
        return fn

    def register_kernel(self, device_types, fn=None, /):
        """The function on some kinds of device ("cpu", "cuda", a sequence of them, or None: any); a decorator without
        `fn`."""
        if fn is None:
            return lambda function: self.register_kernel(device_types, function)
        kinds = [device_types] if device_types is None or isinstance(device_types, str) else device_types
        for kind in kinds:
            self._kernels[_ANYWHERE if kind is None else _key(kind)] = fn
        return fn

    @property
    def default(self):
        """The operator's only form: itself."""
        return self

    def __repr__(self):
        return f"<CustomOpDef({self._qualname})>"


def _key(name):
    """A dispatch key by its name or by a kind of device."""
    key = _DEVICES.get(name, name)
    if key not in _KEYS:
        raise RuntimeError(f"could not parse dispatch key: {name}")
    return key


class _Operation(Function):
    @staticmethod
    def forward(ctx, op, kernel, names, *args):
        ctx.op = op
        count = len(args) - len(names)
        with no_grad():
            output = kernel(*args[:count], **dict(zip(names, args[count:], strict=True)))
        if op._setup_context is not None:
            op._setup_context(ctx=ctx, inputs=args, output=output)
        return output

    @staticmethod
    def backward(ctx, *grads):
        if ctx.op._backward is None:
            raise RuntimeError(
                f"Trying to backward through {ctx.op._qualname} but no autograd formula was registered. "
                "Please use register_autograd to add one."
            )
        result = ctx.op._backward(ctx, *grads)
        return (None, None, None, *(result if isinstance(result, tuple | list) else (result,)))


def _make(name, signature):
    namespace, _, last = name.partition("::")
    if not last:
        raise ValueError(f"custom_op: the name must be namespace::name, but got {name}")
    op = _defined[name] = CustomOpDef(name, signature)
    setattr(_namespace(namespace), last, op)
    return op


def custom_op(name, fn=None, /, *, mutates_args, device_types=None, schema=None, tags=None):
    """Makes an operator ``torch.ops.NAMESPACE.NAME`` of a function; a decorator without `fn`."""

    def define(function):
        op = _make(name, inspect.signature(function))
        op.__name__, op.__doc__ = function.__name__, function.__doc__
        op.register_kernel(device_types, function)
        return op

    return define if fn is None else define(fn)


def triton_op(name, fn=None, /, *, mutates_args, schema=None):
    """As `custom_op`: the operator is there, and what it calls through `wrap_triton` is not."""
    return custom_op(name, fn, mutates_args=mutates_args, schema=schema)


class Library:
    """The operators of a namespace: `define` says what there is, `impl` how it is computed.

    ns: the namespace, of ``torch.ops.ns.name``
    kind: "DEF" for a new namespace, "FRAGMENT" for more of one, "IMPL" for functions alone
    dispatch_key: the one of `impl` where that names none
    ValueError: another kind

    >>> from torch.library import Library
    >>> library = Library("doc_example", "DEF")
    >>> library.define("twice(Tensor x, int n=2) -> Tensor")
    'twice'
    >>> library.impl("twice", lambda x, n: x * n, "CPU")
    >>> torch.ops.doc_example.twice(torch.ones(2))
    tensor([2., 2.])
    """

    def __init__(self, ns, kind, dispatch_key=""):
        if kind not in ("DEF", "IMPL", "FRAGMENT"):
            raise ValueError("Unsupported kind: ", kind)
        self.ns, self.kind, self.dispatch_key = ns, kind, dispatch_key

    def define(self, schema, alias_analysis="", *, tags=()):
        """Makes an operator of a schema, ``name(Tensor x, float alpha=1.0) -> Tensor``; gives its name."""
        if self.kind == "IMPL":
            raise RuntimeError("def() cannot be called on an IMPL library")
        name = schema.partition("(")[0].strip()
        _make(f"{self.ns}::{name}", _signature(schema))
        return name

    def impl(self, op_name, fn, dispatch_key="", *, with_keyset=False, allow_override=False):
        """The function of an operator under a dispatch key: "CPU", "CUDA" (OpenCL devices), "Meta",
        "CompositeExplicitAutograd" (any device), "CompositeImplicitAutograd" (any device, differentiated through),
        "Autograd" (called where a gradient is wanted)."""
        if not callable(fn):
            raise TypeError(f"Input function is required to be a callable but found type {type(fn)}")
        name = op_name if isinstance(op_name, str) else op_name.__name__
        name = name if "::" in name else f"{self.ns}::{name}"
        _find(name.partition(".")[0])._kernels[_key(dispatch_key or self.dispatch_key or _COMPOSITE)] = fn


def define(qualname, schema, *, lib=None, tags=()):
    """Makes an operator ``namespace::name`` of a schema of its arguments, ``(Tensor x) -> Tensor``."""
    _make(qualname if lib is None else f"{lib.ns}::{qualname.rpartition('::')[2]}", _signature(schema))


def impl(qualname, types, func=None, *, lib=None):
    """The function of an operator on some kinds of device, or under dispatch keys; a decorator without `func`.

    Called as ``impl(library, name, dispatch_key)``, a decorator for `Library.impl`.
    """
    if isinstance(qualname, Library):

        def register(function):
            qualname.impl(types, function, func or "")
            return function

        return register
    if func is None:
        return lambda function: impl(qualname, types, function, lib=lib) or function
    for kind in [types] if isinstance(types, str) else types:
        _find(qualname)._kernels[_ANYWHERE if kind == "default" else _key(kind)] = func
    return None


def _find(op):
    if isinstance(op, CustomOpDef):
        return op
    if op not in _defined:
        raise RuntimeError(f"there is no operator {op}; torch.library.custom_op makes one")
    return _defined[op]


def register_autograd(op, backward, /, *, setup_context=None, lib=None):
    """Gives an operator its gradient; see `CustomOpDef.register_autograd`."""
    _find(op).register_autograd(backward, setup_context=setup_context)


def register_kernel(op, device_types, func=None, /, *, lib=None):
    """Gives an operator its function on some kinds of device; see `CustomOpDef.register_kernel`."""
    return _find(op).register_kernel(device_types, func)


def register_fake(op, func=None, /, *, lib=None, _stacklevel=1, allow_override=True):
    """Returns the function, which only tracing would call; a decorator without `func`."""
    return (lambda function: function) if func is None else func


def impl_abstract(qualname, func=None, *, lib=None, _stacklevel=1):
    """The old name of `register_fake`."""
    return register_fake(qualname, func)
