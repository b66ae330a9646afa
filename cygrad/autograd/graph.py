"""The graph from the outside: nodes, edges, hooks on what it saves, hooks over several tensors."""

import contextlib
import threading
import weakref
from typing import NamedTuple

from .. import _core, _engine
from .._core import Node, RemovableHandle, Tensor

__all__ = [
    "GradientEdge", "Node", "allow_mutation_on_saved_tensors", "disable_saved_tensors_hooks",
    "get_gradient_edge", "increment_version", "region_activation_memory_budget",
    "register_multi_grad_hook", "save_on_cpu", "saved_tensors_hooks", "set_override_stale_capture_stream",
    "set_warn_on_accumulate_grad_stream_mismatch",
]  # fmt: skip


class GradientEdge(NamedTuple):
    """Where a gradient goes: output `output_nr` of `node`."""

    node: Node
    output_nr: int
    ownership_token: object = None


def get_gradient_edge(tensor):
    """The edge of the graph that the gradient of `tensor` takes."""
    if not tensor.requires_grad:
        raise RuntimeError(
            "It is not possible to get the gradient edge for a Tensor that does not require "
            "gradients"
        )
    return GradientEdge(*_core.get_gradient_edge(tensor))


def increment_version(tensor):
    """Tells autograd that the memory of a tensor (or of several) was written behind its back."""
    for t in (tensor,) if isinstance(tensor, Tensor) else tensor:
        t._bump_version()


_disabled = threading.local()


class saved_tensors_hooks:
    """Inside, a tensor that a node saves is kept as `pack_hook(tensor)`, and given back by
    `unpack_hook`.
    """

    def __init__(self, pack_hook, unpack_hook):
        self.pack_hook = pack_hook
        self.unpack_hook = unpack_hook

    def _pack(self, tensor):
        version = None if tensor.is_inference() else tensor._version
        packed = self.pack_hook(tensor)
        if version is not None and tensor._version != version:
            raise RuntimeError(
                "A saved tensor pack hook is modifying its input in place. Tensors provided as "
                "input to pack hook cannot be modified by in-place operations as this can lead to "
                "unexpected side-effects. Please open an issue if you need to perform in-place "
                "operations on the input to a pack hook."
            )
        return packed

    def _unpack(self, packed):
        tensor = self.unpack_hook(packed)
        if not isinstance(tensor, Tensor):
            raise TypeError(
                "Output of saved tensor unpack_hook expected to be a Tensor but got result of type "
                f"{type(tensor).__name__}"
            )
        return tensor

    def __enter__(self):
        message = getattr(_disabled, "message", None)
        if message is not None:
            raise RuntimeError(message)
        _core.push_saved_tensors_hooks(self._pack, self._unpack)
        _disabled.depth = getattr(_disabled, "depth", 0) + 1

    def __exit__(self, *exc):
        _core.pop_saved_tensors_hooks()
        _disabled.depth -= 1


class save_on_cpu(saved_tensors_hooks):
    """Inside, what the backward pass needs is kept in host memory."""

    def __init__(self, pin_memory=False, device_type="cuda"):
        def pack(tensor):
            if not pin_memory:
                return tensor.device, tensor.cpu()
            packed = tensor.cpu()
            return tensor.device, packed.pin_memory() if tensor.device.type != "cpu" else packed

        def unpack(packed):
            device, tensor = packed
            return tensor.to(device, non_blocking=pin_memory)

        super().__init__(pack, unpack)


@contextlib.contextmanager
def disable_saved_tensors_hooks(error_message):
    """Inside, entering `saved_tensors_hooks` raises a RuntimeError with this message."""
    if getattr(_disabled, "depth", 0):
        raise RuntimeError(error_message)
    before = getattr(_disabled, "message", None)
    _disabled.message = error_message
    try:
        yield
    finally:
        _disabled.message = before


class _MultiHandle(RemovableHandle):
    """Removes several hooks."""

    def __init__(self, handles):
        self.handles = handles

    def remove(self):
        for handle in self.handles:
            handle.remove()


def register_multi_grad_hook(tensors, fn, *, mode="all"):
    """Calls `fn` in every backward pass that reaches `tensors`.

    mode="all": `fn(gradients)` once all gradients that this pass computes are there (None for the
    others); mode="any": `fn(gradient)` with the first one.
    """
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    for t in tensors:
        if not t.requires_grad:
            raise AssertionError("Expected gradient function to be set")
    lock = threading.Lock()
    runs = {}  # of backward passes under way: [how many gradients are to come, those so far]
    nodes = [_core.get_gradient_edge(t)[0] for t in tensors]

    def arrived(index, gradient):
        run = _engine.current_run()
        with lock:
            if run not in runs:
                # A pass that failed leaves its entry; it is told by the passes being numbered
                # upwards.
                for old in [r for r in runs if not _engine.is_active(r)]:
                    del runs[old]
                runs[run] = [sum(map(_engine.will_execute, nodes)), [None] * len(nodes)]
            state = runs[run]
            state[0] -= 1
            state[1][index] = gradient
            if state[0]:
                return
            del runs[run]
        fn(state[1])

    seen = set()

    def first(gradient):
        run = _engine.current_run()
        with lock:
            if run in seen:
                return
            seen.difference_update([r for r in seen if not _engine.is_active(r)])
            seen.add(run)
        fn(gradient)

    def hook(index):
        return (lambda gradient: arrived(index, gradient)) if mode == "all" else first

    return _MultiHandle(tuple([t.register_hook(hook(i)) for i, t in enumerate(tensors)]))


def leads_outside(tensors, own):
    """Whether any tensor was recorded from a leaf that is not among `own` (a set of ids)."""
    waiting, seen = [], set()
    for x in tensors:
        if x.grad_fn is not None:
            waiting.append(x.grad_fn)
        elif x.requires_grad and id(x) not in own:
            return True
    while waiting:
        node = waiting.pop()
        if node in seen:
            continue
        seen.add(node)
        leaf = getattr(node, "variable", None)
        if leaf is not None and id(leaf) not in own:
            return True
        waiting.extend([n for n, _ in node.next_functions if n is not None])
    return False


# ---------------------------------------------------------------- writing into what was saved


class _Saved:
    """A tensor that a node saved; from the first write into its memory on, a copy of it."""

    def __init__(self, tensor):
        self.tensor, self.requires_grad = tensor, tensor.requires_grad
        self.memory, self.version = tensor.untyped_storage().data_ptr(), tensor._version
        self.clone = None

    def get(self):
        return self.tensor if self.clone is None else self.clone

    def before_write(self):
        if self.clone is None and self.tensor._version == self.version:
            with _core_no_grad():
                self.clone = self.tensor.detach().clone()
            self.tensor = None


def _core_no_grad():
    from .grad_mode import no_grad

    return no_grad()


class _AllowMutationOnSavedContext:
    """What `allow_mutation_on_saved_tensors` holds: the tensors saved under it, by the memory they lie in."""

    def __init__(self):
        self.saved = {}

    def clear(self):
        """Lets go of everything."""
        self.saved.clear()

    def pack(self, tensor):
        entry = _Saved(tensor)
        self.saved.setdefault(entry.memory, weakref.WeakSet()).add(entry)
        return entry

    def unpack(self, entry):
        return entry.get()

    def before_write(self, tensor):
        for entry in list(self.saved.get(tensor.untyped_storage().data_ptr(), ())):
            entry.before_write()


_allowing = threading.local()


@contextlib.contextmanager
def allow_mutation_on_saved_tensors():
    """Inside, a tensor that was saved for the backward pass may be written in place: it is copied before.

    Forward and backward pass must both run inside.
    """
    import cygrad

    if getattr(_allowing, "on", False):
        raise RuntimeError("allow_mutation_on_saved_tensors contexts cannot be nested")
    context = _AllowMutationOnSavedContext()

    class Watch(cygrad.overrides.TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            kwargs = kwargs or {}
            name = getattr(func, "__name__", "")
            in_place = name.endswith("_") and not name.endswith("__")
            if in_place or name in ("__setitem__", "__set__") or name.startswith("__i"):
                written = [*args[:1], kwargs.get("input")]
            else:
                out = kwargs.get("out")
                written = list(out) if isinstance(out, (tuple, list)) else [out]
            for t in written:
                if isinstance(t, Tensor):
                    context.before_write(t)
            return func(*args, **kwargs)

    with saved_tensors_hooks(context.pack, context.unpack), Watch():
        _allowing.on = True
        try:
            yield context
        finally:
            _allowing.on = False
            context.clear()


# ---------------------------------------------------------------- of compilers and streams


@contextlib.contextmanager
def region_activation_memory_budget(budget):
    """Kept for programs that set it: a budget of compiled programs, of which there are none."""
    if not 0.0 <= budget <= 1.0:
        raise ValueError(f"activation memory budget must be in [0, 1], got {budget}")
    yield


def set_warn_on_accumulate_grad_stream_mismatch(enabled):
    """Kept for programs that set it: gradients meet on one stream."""


def set_override_stale_capture_stream(enabled):
    """Kept for programs that set it: nothing is captured."""
