"""Hooks of modules: handles, the registry of global hooks, and how backward hooks enter the graph.

A full backward hook needs the gradients of a module's inputs and outputs. Two identity nodes,
one around the inputs and one around the outputs, see exactly those gradients: their backward
runs the hooks. This needs nothing of the engine but a custom autograd function.
"""

import functools
import itertools
import warnings
import weakref
from collections import OrderedDict

import cygrad
from cygrad import Tensor


class RemovableHandle:
    """What registering a hook returns: ``remove()`` takes the hook out; a context manager too."""

    _ids = itertools.count()

    def __init__(self, hooks_dict, *, extra_dict=None):
        self.id = next(RemovableHandle._ids)
        extras = extra_dict if isinstance(extra_dict, list) else [extra_dict]
        self._dicts = tuple(weakref.ref(d) for d in [hooks_dict, *extras] if d is not None)

    def remove(self):
        """Remove the hook; a second call does nothing."""
        for ref in self._dicts:
            hooks = ref()
            if hooks is not None:
                hooks.pop(self.id, None)

    def __getstate__(self):
        return self.id, tuple(ref() for ref in self._dicts)

    def __setstate__(self, state):
        self.id, hooks = state
        # A dictionary that was gone when the handle was saved stays gone.
        self._dicts = tuple(weakref.ref(OrderedDict() if d is None else d) for d in hooks)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.remove()


class _GlobalHooks:
    """Hooks that run for every module. ``call`` says whether calling a module must look here."""

    def __init__(self):
        self.forward_pre = OrderedDict()
        self.forward = OrderedDict()
        self.forward_with_kwargs = OrderedDict()
        self.forward_always = OrderedDict()
        self.backward_pre = OrderedDict()
        self.backward = OrderedDict()
        self.backward_is_full = None
        self.parameter_registration = OrderedDict()
        self.module_registration = OrderedDict()
        self.buffer_registration = OrderedDict()

    def any_for_call(self):
        return self.forward_pre or self.forward or self.backward_pre or self.backward


GLOBAL = _GlobalHooks()


def add_hook(hooks, hook, prepend=False, extra=()):
    """Put ``hook`` into ``hooks`` and mark it in each of ``extra``; return its handle."""
    handle = RemovableHandle(hooks, extra_dict=list(extra))
    hooks[handle.id] = hook
    for marks in extra:
        marks[handle.id] = True
    if prepend:
        hooks.move_to_end(handle.id, last=False)
        for marks in extra:
            marks.move_to_end(handle.id, last=False)
    return handle


def register_module_forward_pre_hook(hook):
    """Run ``hook(module, args)`` before the forward of every module."""
    return add_hook(GLOBAL.forward_pre, hook)


def register_module_forward_hook(hook, *, with_kwargs=False, always_call=False):
    """Run ``hook(module, args, output)`` after the forward of every module."""
    extra = [GLOBAL.forward_with_kwargs] * with_kwargs + [GLOBAL.forward_always] * always_call
    return add_hook(GLOBAL.forward, hook, extra=extra)


def register_module_full_backward_pre_hook(hook):
    """Run ``hook(module, grad_output)`` before the backward of every module."""
    return add_hook(GLOBAL.backward_pre, hook)


def backward_kind(before, full, where):
    """``full``, unless hooks of the other kind are there ``before`` (None: no hooks)."""
    if before is (not full):
        raise RuntimeError(
            f"Cannot use both regular backward hooks and full backward hooks {where}. Please use "
            "only one of them."
        )
    return full


def _add_global_backward_hook(hook, full):
    before = GLOBAL.backward_is_full
    GLOBAL.backward_is_full = backward_kind(before, full, "as a global Module hook")
    return add_hook(GLOBAL.backward, hook)


def register_module_full_backward_hook(hook):
    """Run ``hook(module, grad_input, grad_output)`` after the backward of every module."""
    return _add_global_backward_hook(hook, full=True)


def register_module_backward_hook(hook):
    """The deprecated form of `register_module_full_backward_hook`."""
    return _add_global_backward_hook(hook, full=False)


def register_module_parameter_registration_hook(hook):
    """Run ``hook(module, name, parameter)`` when any module registers a parameter."""
    return add_hook(GLOBAL.parameter_registration, hook)


def register_module_module_registration_hook(hook):
    """Run ``hook(module, name, submodule)`` when any module registers a child."""
    return add_hook(GLOBAL.module_registration, hook)


def register_module_buffer_registration_hook(hook):
    """Run ``hook(module, name, buffer)`` when any module registers a buffer."""
    return add_hook(GLOBAL.buffer_registration, hook)


def registered(hooks, module, name, value):
    """Let registration hooks replace ``value``."""
    for hook in hooks.values():
        replaced = hook(module, name, value)
        if replaced is not None:
            value = replaced
    return value


@functools.cache
def _identity():
    """The identity node; made at first use, since the package imports nn before it is complete."""

    class BackwardHookFunction(cygrad.autograd.Function):
        @staticmethod
        def forward(ctx, on_gradients, materialize, *tensors):
            ctx.on_gradients = on_gradients
            ctx.set_materialize_grads(materialize)
            ctx.mark_non_differentiable(*[t for t in tensors if not t.requires_grad])
            return tensors

        @staticmethod
        def backward(ctx, *grads):
            return (None, None, *ctx.on_gradients(grads))

    return BackwardHookFunction


class BackwardHook:
    """The full backward hooks of one call of one module."""

    def __init__(self, module, user_hooks, user_pre_hooks):
        self.module = module
        self.hooks = user_hooks
        self.pre_hooks = user_pre_hooks
        self.grad_outputs = None
        self.input_count = 0
        self.has_input_node = False

    def _wrap(self, values, on_gradients, materialize):
        """Pass the tensors among ``values`` through a node that calls ``on_gradients``."""
        where = [i for i, v in enumerate(values) if isinstance(v, Tensor)]
        tensors = [values[i] for i in where]
        if not (cygrad.is_grad_enabled() and any(t.requires_grad for t in tensors)):
            return values, False

        def placed(grads):
            full = [None] * len(values)
            for i, grad in zip(where, grads, strict=False):
                full[i] = grad
            full = on_gradients(tuple(full))
            return [full[i] for i in where]

        wrapped = _identity().apply(placed, materialize, *tensors)
        wrapped = wrapped if isinstance(wrapped, tuple) else (wrapped,)
        values = list(values)
        for i, tensor in zip(where, wrapped, strict=False):
            values[i] = tensor
        return tuple(values), True

    def wrap_inputs(self, args):
        """The arguments of forward, watched."""
        self.input_count = len(args)
        args, self.has_input_node = self._wrap(args, self._on_grad_inputs, True)
        return args

    def wrap_outputs(self, result):
        """The result of forward, watched."""
        single = isinstance(result, Tensor)
        if not single and not (
            isinstance(result, tuple) and any(isinstance(r, Tensor) for r in result)
        ):
            warnings.warn(
                "For backward hooks to be called, module output should be a "
                f"Tensor or a tuple of Tensors but received {type(result)}",
                stacklevel=4,
            )
            return result
        outputs, _ = self._wrap((result,) if single else result, self._on_grad_outputs, False)
        if single:
            return outputs[0]
        made = getattr(type(result), "_make", type(result))  # a named tuple is made of its fields
        return made(outputs)

    def _on_grad_outputs(self, grads):
        for hook in self.pre_hooks:
            replaced = hook(self.module, grads)
            if replaced is not None:
                grads = self._checked(replaced, len(grads), "grad_output")
        self.grad_outputs = grads
        if not self.has_input_node:
            warnings.warn(
                "Full backward hook is firing when gradients are computed with respect to module "
                "outputs since no inputs require gradients. See "
                "https://docs.pytorch.org/docs/main/generated/torch.nn.Module.html"
                "#torch.nn.Module.register_full_backward_hook for more details.",
                stacklevel=2,
            )
            self._run(tuple([None] * self.input_count))
        return grads

    def _on_grad_inputs(self, grads):
        # The gradient of an input may arrive without the gradients of the outputs, for
        # instance when a caller differentiates an intermediate of the module.
        if self.grad_outputs is None:
            return grads
        return self._run(grads)

    def _run(self, grads):
        for hook in self.hooks:
            replaced = hook(self.module, grads, self.grad_outputs)
            if replaced is None:
                continue
            replaced = self._checked(replaced, len(grads), "grad_input")
            if not self.has_input_node and any(r is not None for r in replaced):
                raise RuntimeError(
                    "Backward hook for Modules where no input requires "
                    "gradient should always return None or None for all gradients."
                )
            grads = replaced
        self.grad_outputs = None
        return grads

    @staticmethod
    def _checked(grads, count, what):
        grads = grads if isinstance(grads, tuple) else (grads,)
        if len(grads) != count:
            raise RuntimeError(
                f"Backward hook returned an invalid number of {what}, "
                f"got {len(grads)}, but expected {count}"
            )
        return grads


def attach_regular_hooks(module, hooks, args, result):
    """Hang deprecated (not full) backward hooks on the node that made the result."""
    output = result
    while not isinstance(output, Tensor):
        values = output.values() if isinstance(output, dict) else output
        output = next((v for v in values if isinstance(v, Tensor)), None)
        if output is None:
            return
    node = output.grad_fn
    if node is None:
        return
    for hook in hooks:
        node.register_hook(functools.wraps(hook)(functools.partial(hook, module)))
    _warn_regular(args, result, node)


def _warn_regular(args, result, node):
    def say(what, missing):
        warnings.warn(
            f"Using {what} is deprecated and will be removed in future versions. This hook will "
            f"be missing some {missing}. Please use register_full_backward_hook to get the "
            "documented behavior.",
            FutureWarning,
            stacklevel=5,
        )

    def all_tensors(values):
        return isinstance(values, tuple) and all(isinstance(v, Tensor) for v in values)

    if not (isinstance(result, Tensor) or all_tensors(result)):
        say(
            "non-full backward hooks on a Module that does not return a single Tensor or a tuple "
            "of Tensors",
            "of the grad_output",
        )
    elif not (isinstance(args, Tensor) or all_tensors(args)):
        say(
            "non-full backward hooks on a Module that does not take as input a single Tensor or a "
            "tuple of Tensors",
            "of the grad_input",
        )
    elif isinstance(result, tuple) and any(r.grad_fn is not node for r in result):
        say("a non-full backward hook when outputs are generated by different autograd Nodes",
            "grad_output")
    else:
        inputs = {a.grad_fn for a in args if a.grad_fn is not None}
        if any(n not in inputs for n, _ in node.next_functions if n is not None
               and n.name() != "torch::autograd::AccumulateGrad"):
            say("a non-full backward hook when the forward contains multiple autograd Nodes",
                "grad_input")
