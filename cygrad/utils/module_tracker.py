"""Which modules are running, forward and backward."""

import weakref

from ..autograd.graph import register_multi_grad_hook
from ..nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from ._pytree import tree_leaves

__all__ = ["ModuleTracker"]


class ModuleTracker:
    """A context: `parents` holds the names of the modules that are running, and "Global"; `is_bw` whether backward."""

    def __init__(self):
        self.parents = {"Global"}
        self._known = weakref.WeakKeyDictionary()
        self._seen = weakref.WeakSet()
        self._handles = []
        self._in_backward = False

    @property
    def is_bw(self):
        """Whether a backward pass has been seen since the last module ran forward."""
        return self._in_backward

    def _name(self, module):
        if module not in self._known:
            self._known[module] = type(module).__name__
        name = self._known[module]
        if module not in self._seen:
            for child_name, child in module.named_children():
                self._known[child] = f"{name}.{child_name}"
            self._seen.add(module)
        return name

    def _push(self, name):
        def run(*args):
            self._in_backward = bool(args)
            self.parents.add(name)

        return run

    def _pop(self, name):
        def run(*args):
            self._in_backward = bool(args)
            self.parents.discard(name)

        return run

    def _around(self, values, hook):
        tensors = [t for t in tree_leaves(values) if getattr(t, "requires_grad", False)]
        if tensors:
            self._handles.append(register_multi_grad_hook(tensors, hook))

    def _before(self, module, inputs):
        name = self._name(module)
        self._push(name)()
        self._around(inputs, self._pop(name))

    def _after(self, module, inputs, outputs):
        name = self._name(module)
        self._pop(name)()
        self._around(outputs, self._push(name))

    def __enter__(self):
        self._handles = [register_module_forward_pre_hook(self._before), register_module_forward_hook(self._after)]
        return self

    def __exit__(self, *args):
        for handle in self._handles:
            handle.remove()
        self._handles = []
