"""`Function`: operations with a gradient written by hand.

The node of the graph and the `ctx` that `forward` and `backward` see are one object, of a class
that belongs to the Function (`ExpBackward` for `class Exp(Function)`).  `forward` runs with
recording off, and its outputs then get the node.
"""

import functools
import inspect
import warnings

from .. import _core
from .._core import CustomNode, FunctionNode, Tensor, is_grad_enabled
from .grad_mode import no_grad

__all__ = [
    "FunctionCtx",
    "BackwardCFunction",
    "FunctionMeta",
    "Function",
    "once_differentiable",
    "InplaceFunction",
    "NestedIOFunction",
]


class FunctionCtx:
    """What `forward` leaves for `backward`."""

    to_save = None
    saved_for_forward = None
    dirty_tensors = ()
    non_differentiable = ()
    materialize_grads = True

    def save_for_backward(self, *tensors):
        """Keeps tensors (or None) for `backward`, which finds them in `saved_tensors`, checked to
        be unchanged.
        """
        self.to_save = tensors

    def save_for_forward(self, *tensors):
        """Keeps tensors for `jvp`, which nothing calls: tangents come of the backward passes here."""
        self.saved_for_forward = tensors

    def mark_dirty(self, *args):
        """Says which inputs `forward` has written in place; they must be among its outputs."""
        self.dirty_tensors = args

    def mark_non_differentiable(self, *args):
        """Says which outputs have no gradient."""
        self.non_differentiable = args

    def mark_shared_storage(self, *pairs):
        """Deprecated: tensors with shared memory are tracked by themselves."""
        warnings.warn(
            "mark_shared_storage is deprecated. Tensors with shared storages are automatically tracked. Note that "
            "calls to `set_()` are not tracked",
            FutureWarning,
            stacklevel=2,
        )

    def maybe_clear_saved_tensors(self):
        """Nothing is cleared before the backward pass lets go of it."""

    def set_materialize_grads(self, value):
        """Whether `backward` gets zeros (the default) or None for outputs that nothing depends
        on.
        """
        if not isinstance(value, bool):
            raise TypeError(
                "set_materialize_grads received an invalid combination of arguments - got (), but "
                "expected (bool)"
            )
        self.materialize_grads = value


class BackwardCFunction(CustomNode, FunctionCtx):
    """The node that an application of a Function adds to the graph, its `ctx`."""

    @property
    def saved_tensors(self):
        """The tensors of `save_for_backward`."""
        return () if self._saves_nothing else tuple(self.saved())

    _saves_nothing = False

    def __repr__(self):
        return f"<torch.autograd.function.{type(self).__name__} object at 0x{id(self):x}>"


class FunctionMeta(type):
    """Gives every Function class the class of its nodes."""

    def __init__(cls, name, bases, namespace):
        super().__init__(name, bases, namespace)
        node = type(f"{name}Backward", (BackwardCFunction,), {"_forward_cls": cls})
        node.__module__ = "torch.autograd.function"
        node.__qualname__ = node.__name__
        cls._backward_cls = node


class Function(FunctionCtx, metaclass=FunctionMeta):
    """A differentiable operation with its own gradient.

    Subclasses have static methods `forward(ctx, *args)` and `backward(ctx, *grad_outputs)`, the
    latter with one gradient per argument of `forward` (None for one that needs none); or
    `forward(*args)` and `setup_context(ctx, inputs, output)`. They are called through `apply`.
    """

    def __init__(self, *args, **kwargs):
        warnings.warn(
            f"{type(self)} should not be instantiated. Methods on autograd functions are all "
            "static, so you should invoke them on the class itself. Instantiating an autograd "
            "function will raise an error in a future version of PyTorch.",
            DeprecationWarning,
            stacklevel=2,
        )

    def __call__(self, *args, **kwargs):
        raise RuntimeError(
            "Legacy autograd function with non-static forward method is deprecated. Please use "
            "new-style autograd function with static forward method. (Example: "
            "https://pytorch.org/docs/stable/autograd.html#torch.autograd.Function)"
        )

    @staticmethod
    def forward(*args, **kwargs):
        raise NotImplementedError(
            "You must implement the forward function for custom autograd.Function."
        )

    @staticmethod
    def setup_context(ctx, inputs, output):
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx, *grad_outputs):
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom "
            "autograd.Function to use it with backward mode AD."
        )

    vjp = backward
    generate_vmap_rule = clear_saved_tensors_on_access = boxed_grads_call = False

    @staticmethod
    def vmap(info, in_dims, *args):
        raise NotImplementedError(
            "To use autograd.Function with vmap, you must either override the vmap static method or set "
            "generate_vmap_rule=True."
        )

    @staticmethod
    def jvp(ctx, *grad_inputs):
        raise NotImplementedError(
            "You must implement the jvp function for custom autograd.Function to use it with "
            "forward mode AD."
        )

    @classmethod
    def apply(cls, *args, **kwargs):
        """Calls `forward` and records the result."""
        separate = cls.setup_context is not Function.setup_context
        if kwargs or separate and getattr(cls.forward, "__defaults__", None):
            placeholder = () if separate else (None,)
            bound = inspect.signature(cls.forward).bind(*placeholder, *args, **kwargs)
            bound.apply_defaults()
            args = bound.args[len(placeholder) :]
        ctx = _core.new_function_node(cls._backward_cls, "", args)
        ctx.needs_input_grad = tuple([isinstance(x, Tensor) and x.requires_grad for x in args])
        recorded = is_grad_enabled() and any(ctx.needs_input_grad)
        before = _core.set_grad_mode(False)
        try:
            if separate:
                output = cls.forward(*args)
                cls.setup_context(ctx, args, output)
            else:
                output = cls.forward(ctx, *args)
            return _wrap(cls, ctx, args, output, recorded)
        finally:
            _core.set_grad_mode(before)


def _wrap(cls, ctx, args, output, recorded):
    """The output as the caller gets it: with `ctx` as its history where that is wanted."""
    single = not isinstance(output, tuple)
    outputs = [output] if single else list(output)
    for i, t in enumerate(ctx.to_save or ()):
        if t is not None and not isinstance(t, Tensor):
            raise TypeError(
                f"save_for_backward can only save variables, but argument {i} is of type "
                f"{type(t).__name__}"
            )
    # By identity: `in` would compare elements.
    inputs = {id(x): i for i, x in enumerate(args) if isinstance(x, Tensor)}
    dirty = _identities(ctx.dirty_tensors, "mark_dirty can only accept variables, but argument ")
    fixed = _identities(
        ctx.non_differentiable, "mark_non_differentiable only accepts variable arguments, but got "
    )
    if dirty:
        _check_dirty(ctx, args, outputs, dirty, inputs, recorded)
    if recorded:
        _core.set_function(ctx, _run_backward, len(outputs))
        ctx._inputs = tuple(
            [(x.shape, x.dtype, x.device) if isinstance(x, Tensor) else None for x in args]
        )
    made = {}
    for i, t in enumerate(outputs):
        if not isinstance(t, Tensor):
            continue
        key = id(t)
        if key in made:
            outputs[i] = made[key]
            continue
        if key in dirty:
            t._bump_version()
        elif key in inputs:
            t = outputs[i] = t.view_as(t)
        if not (t.is_floating_point() or t.is_complex()) or key in fixed or not recorded:
            if t.requires_grad and key not in inputs:
                t.detach_()
        elif key in dirty and key in inputs:
            _core.make_rebase(
                t, _region_first(ctx, inputs[key], len(outputs)) if t._is_view() else ctx
            )
        else:
            _core.set_output(t, ctx, i)
            _core.mark_custom_function_view(t, len(outputs) > 1)
        made[key] = t
    if recorded:
        ctx._outputs = tuple(
            [(t.shape, t.dtype, t.device) if isinstance(t, Tensor) else None for t in outputs]
        )
        if ctx.to_save:
            outputs_of_ctx = [
                t if isinstance(t, Tensor) and t.grad_fn is ctx else None for t in outputs
            ]
            _core.set_saved(ctx, ctx.to_save, outputs_of_ctx)
        else:
            ctx._saves_nothing = True
    ctx.to_save = None
    return outputs[0] if single else tuple(outputs)


def _identities(tensors, message):
    for t in tensors:
        if not isinstance(t, Tensor):
            raise RuntimeError(message)
    return {id(t) for t in tensors}


def _check_dirty(ctx, args, outputs, dirty, inputs, recorded):
    returned = {id(t) for t in outputs}
    if not dirty <= returned:
        raise RuntimeError(
            "Some elements marked as dirty during the forward method were not returned as output. "
            "The inputs that are modified inplace must all be outputs of the Function."
        )
    for t in ctx.dirty_tensors:
        if id(t) not in inputs:
            warnings.warn(
                "ctx.mark_dirty() received a tensor that was not an input. Only input Tensors "
                "that have been mutated should be passed to ctx.mark_dirty().",
                UserWarning,
                stacklevel=4,
            )
        elif recorded:
            if t.requires_grad and t.is_leaf:
                raise RuntimeError(
                    "a leaf Variable that requires grad has been used in an in-place operation."
                )
            if t._is_view() and len(outputs) != 1:
                raise RuntimeError(
                    "If your Function modifies inplace an input that is a view of another Tensor, "
                    "your Function cannot return more than one Tensor. This is not supported by "
                    "the current autograd engine. You should either make sure the input is not a "
                    "view (using .clone() for example) or make your Function only return one "
                    "Tensor (potentially splitting it into two Functions: one doing the inplace "
                    "that returns a single Tensor and a second one that does the other "
                    "operations). You can ask on the forum https://discuss.pytorch.org/ if you "
                    "need help to do this change."
                )
            before = _core.set_grad_mode(True)
            try:
                _core.prepare_inplace(t, *args)
            finally:
                _core.set_grad_mode(before)


def _region_first(ctx, position, n_outputs):
    """`ctx`, or a node like it whose first input is the view that was written, as the history of a
    base needs it.
    """
    if position == 0:
        return ctx
    raise NotImplementedError(
        f"{ctx.name()}: a view that the Function writes in place must be the first argument of "
        "forward"
    )


def _run_backward(node, *grads):
    """Calls the user's backward and makes of what it returns one gradient per input."""
    cls = node._forward_cls
    has_backward = cls.backward is not Function.backward
    if has_backward and cls.vjp is not Function.vjp:
        raise RuntimeError(
            "Implementing both 'backward' and 'vjp' for a custom Function is not allowed. You "
            "should only implement one of them."
        )
    if node.materialize_grads:
        grads = [
            _zeros(meta) if g is None and meta else g
            for g, meta in zip(grads, node._outputs, strict=True)
        ]
    results = (cls.backward if has_backward else cls.vjp)(node, *grads)
    if not isinstance(results, tuple):
        results = (results,)
    name, expected = node.name(), len(node._inputs)
    while len(results) > expected and results[-1] is None:
        results = results[:-1]
    if len(results) != expected:
        raise RuntimeError(
            f"function {name} returned an incorrect number of gradients (expected {expected}, got "
            f"{len(results)})"
        )
    return tuple(
        [
            _checked(node, i, g, meta)
            for i, (g, meta) in enumerate(zip(results, node._inputs, strict=True))
        ]
    )


def _zeros(meta):
    from .. import zeros

    shape, dtype, device = meta
    return zeros(shape, dtype=dtype, device=device)


def _checked(node, i, g, meta):
    """Gradient `i`, made to fit its input."""
    if g is None:
        return None
    if meta is None:
        raise RuntimeError(
            f"function {node.name()} returned a gradient different than None at position {i + 1}, "
            "but the corresponding forward input was not a Variable"
        )
    if not isinstance(g, Tensor):
        raise RuntimeError(f"expected Variable or None (got {type(g).__name__})")
    if not node.needs(i):
        return None
    shape, dtype, device = meta
    if g.shape != shape:
        if not _expands_to(shape, g.shape):
            raise RuntimeError(
                f"Function {node.name()} returned an invalid gradient at index {i} - got "
                f"{list(g.shape)} but expected shape compatible with {list(shape)}"
            )
        g = g.sum_to_size(shape)
    if not g.is_floating_point() and g.is_complex() != dtype.is_complex:
        raise RuntimeError(
            "Expected isFloatingType(grad.scalar_type()) || (input_is_complex == grad_is_complex) to "
            "be true, but got false.  (Could this error message be improved?  If so, please report an "
            "enhancement request to PyTorch.)"
        )
    if g.device != device:
        raise RuntimeError(
            f"Function {node.name()} returned an invalid gradient at index {i} - expected device "
            f"{device} but got {g.device}"
        )
    return g if g.dtype is dtype else g.to(dtype)


def _expands_to(shape, larger):
    return len(shape) <= len(larger) and all(
        n in (1, m) for n, m in zip(reversed(shape), reversed(larger), strict=False)
    )


class Error(FunctionNode):
    """The node of what must not be differentiated again."""

    def name(self):
        return "torch::autograd::Error"


def _differentiated_twice(node, *grads):
    raise RuntimeError(
        "trying to differentiate twice a function that was marked with @once_differentiable"
    )


def once_differentiable(fn):
    """A `backward` that is not to be differentiated: recording its result raises when that is
    tried.
    """

    @functools.wraps(fn)
    def wrapper(ctx, *args):
        with no_grad():
            outputs = fn(ctx, *args)
        sources = tuple([x for x in args if isinstance(x, Tensor) and x.requires_grad])
        if not is_grad_enabled() or not sources:
            return outputs

        def mark(x):
            if not isinstance(x, Tensor) or not (x.is_floating_point() or x.is_complex()):
                return x
            node = _core.new_function_node(Error, "", sources)
            _core.set_function(node, _differentiated_twice, 1)
            marked = x.detach()
            _core.set_output(marked, node, 0)
            return marked

        return tuple([mark(x) for x in outputs]) if isinstance(outputs, tuple) else mark(outputs)

    return wrapper


class InplaceFunction(Function):
    """Kept for programs that derive from it: a Function with an `inplace` flag."""

    def __init__(self, inplace=False):
        super().__init__()
        self.inplace = inplace


class NestedIOFunction(Function):
    """Kept for programs that name it: a Function of nested arguments with methods that are not static."""

    def __init__(self, *args, **kwargs):
        raise NotImplementedError("NestedIOFunction: cygrad has no Functions with methods that are not static")


# What a `ctx` has is found on the class as well, as PyTorch's: to be named, and for completion.
for _name in (
    "metadata", "name", "needs_input_grad", "next_functions", "register_hook", "register_prehook", "requires_grad",
    "saved_tensors",
):  # fmt: skip
    if not hasattr(Function, _name):
        setattr(Function, _name, getattr(BackwardCFunction, _name, None) or property(
            lambda self, name=_name: getattr(self._backward_cls, name)))
Function.saved_variables = property(lambda self: self.saved_tensors)
BackwardCFunction.saved_variables = property(lambda self: self.saved_tensors)
