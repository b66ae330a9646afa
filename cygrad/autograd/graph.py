"""The graph from the outside: nodes, edges, hooks on what it saves, hooks over several tensors."""

import contextlib
import threading
from typing import NamedTuple

from .. import _core, _engine
from .._core import Node, RemovableHandle, Tensor

__all__ = [
    "GradientEdge", "Node", "disable_saved_tensors_hooks", "get_gradient_edge", "increment_version",
    "register_multi_grad_hook", "save_on_cpu", "saved_tensors_hooks",
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
