"""torch.library as far as it is Python: operators of one's own by `custom_op`. What compiles or traces is not there."""

import inspect

from . import _standins
from .autograd.function import Function
from .autograd.grad_mode import no_grad
from .ops import _namespace

globals().update(
    _standins.made(
        "library",
        "there are no operators but cygrad's own",
        """Library(); custom_op; define; get_ctx; impl; impl_abstract; infer_schema; opcheck; register_autocast;
        register_autograd; register_fake; register_kernel; register_vmap; register_torch_dispatch; triton_op;
        wrap_triton; CustomOpDef(); fallthrough_kernel; get_kernel""",
    )
)
_defined = {}


class CustomOpDef:
    """An operator made from a function: it calls the function, and has the gradient that was registered, or none."""

    def __init__(self, name, fn):
        self._qualname, self._fn = name, fn
        self._signature = inspect.signature(fn)
        self._backward = self._setup_context = None
        self.__name__, self.__doc__ = fn.__name__, fn.__doc__

    def __call__(self, *args, **kwargs):
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return _Operation.apply(self, *bound.args, *bound.kwargs.values())

    def register_autograd(self, backward, /, *, setup_context=None):
        """The gradient: ``setup_context(ctx, inputs, output)`` saves, ``backward(ctx, *grads)`` computes."""
        self._backward, self._setup_context = backward, setup_context

    def register_fake(self, fn, /):
        """Returns the function, which only tracing would call."""
        return fn

    def register_kernel(self, device_types, fn=None, /):
        """Not in cygrad: the function of the operator runs on every device."""
        raise _standins.error("library.CustomOpDef.register_kernel", "an operator has one function")

    def __repr__(self):
        return f"<CustomOpDef({self._qualname})>"


class _Operation(Function):
    @staticmethod
    def forward(ctx, op, *args):
        ctx.op, ctx.count = op, len(args)
        with no_grad():
            output = op._fn(*args)
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
        return (None, *(result if isinstance(result, tuple | list) else (result,)))


def custom_op(name, fn=None, /, *, mutates_args, device_types=None, schema=None, tags=None):
    """Makes an operator ``torch.ops.NAMESPACE.NAME`` of a function; a decorator without `fn`."""

    def define(function):
        namespace, _, last = name.partition("::")
        if not last:
            raise ValueError(f"custom_op: the name must be namespace::name, but got {name}")
        op = _defined[name] = CustomOpDef(name, function)
        setattr(_namespace(namespace), last, op)
        return op

    return define if fn is None else define(fn)


def _find(op):
    if isinstance(op, CustomOpDef):
        return op
    if op not in _defined:
        raise RuntimeError(f"there is no operator {op}; torch.library.custom_op makes one")
    return _defined[op]


def register_autograd(op, backward, /, *, setup_context=None, lib=None):
    """Gives an operator its gradient; see `CustomOpDef.register_autograd`."""
    _find(op).register_autograd(backward, setup_context=setup_context)


def register_fake(op, func=None, /, *, lib=None, _stacklevel=1, allow_override=True):
    """Returns the function, which only tracing would call; a decorator without `func`."""
    return (lambda function: function) if func is None else func
