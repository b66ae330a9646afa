"""One operation of a traced program: what is called with which arguments, and which nodes use what it gives."""

import builtins
import inspect
import operator
import types

import cygrad
from cygrad.overrides import resolve_name

from .immutable_collections import immutable_dict, immutable_list

__all__ = ["Node", "has_side_effect", "map_aggregate", "map_arg"]

BASE_TYPES = (str, int, float, bool, complex, type(None), type(...), cygrad.dtype, cygrad.device, cygrad.layout,
              cygrad.memory_format, cygrad.Tensor)  # fmt: skip
Argument = object  # a Node, a number, text, a dtype, device or Tensor, or lists, tuples, dicts and slices of these
Target = object  # a function, or the name of a method, module or attribute
_side_effects = set()
wrapped_names = {}  # (id of a module's globals, name): the globals, of functions that `wrap` makes opaque


def has_side_effect(fn):
    """Says that calls of `fn` are not dead though nobody uses their results; returns `fn`."""
    _side_effects.add(fn)
    return fn


def map_aggregate(a, fn):
    """`a` with `fn` of each leaf of its tuples, lists, dicts and slices."""
    if isinstance(a, tuple):
        mapped = [map_aggregate(x, fn) for x in a]
        return type(a)(*mapped) if hasattr(a, "_fields") else tuple(mapped)
    if isinstance(a, list):
        return immutable_list([map_aggregate(x, fn) for x in a])
    if isinstance(a, dict):
        return immutable_dict([(k, map_aggregate(v, fn)) for k, v in a.items()])
    if isinstance(a, slice):
        return slice(map_aggregate(a.start, fn), map_aggregate(a.stop, fn), map_aggregate(a.step, fn))
    return fn(a)


def map_arg(a, fn):
    """`a` with `fn` of each Node in it."""
    if not callable(fn):
        raise AssertionError("torch.fx.map_arg(a, fn): fn must be a callable")
    return map_aggregate(a, lambda x: fn(x) if isinstance(x, Node) else x)


def qualified_name(function):
    """The name that a function is found by: "torch.relu", "operator.add"."""
    if (found := resolve_name(function)) is not None:
        return found
    name, module = getattr(function, "__qualname__", function.__name__), function.__module__ or ""
    if getattr(builtins, function.__name__, None) is function:
        return function.__name__
    if isinstance(function, types.MethodDescriptorType | types.WrapperDescriptorType):
        return f"{function.__objclass__.__module__}.{function.__objclass__.__name__}.{function.__name__}"
    module = {"_operator": "operator"}.get(module, module)
    if module == "cygrad" or module.startswith("cygrad."):
        module = "torch" + module[6:]
    if "<lambda>" in name or "<locals>" in name:
        name = function.__name__
    return f"{module}.{name}" if module else name


def is_wrapped(function):
    """Whether a function is one that `wrap` or `autowrap_modules` made opaque."""
    name = getattr(function, "__name__", None)
    return getattr(function, "__module__", None) in ("math",) or any(
        wrapped == name and names.get(wrapped) in (function, getattr(function, "__wrapped__", function))
        for (_, wrapped), names in wrapped_names.items()
    )


def pretty_target(target):
    """A target as the listing of a graph shows it."""
    if isinstance(target, str):
        return target
    if getattr(target, "__module__", None) == "builtins":
        return f"builtins.{target.__name__}"
    return qualified_name(target)


class Node:
    """A node of a Graph.

    op      "placeholder" (an input: target is its name, args its default), "get_attr" (an attribute of the module,
            target its path), "call_function" (target the function), "call_method" (target the name, args[0] the
            object), "call_module" (target the module's path) or "output" (args[0] the result)
    args, kwargs    what it is called with; Nodes among it are inputs
    users   {Node: None} of those that use it
    meta    a dict for whoever passes over the graph
    """

    def __init__(self, graph, name, op, target, args, kwargs, return_type=None):
        if op not in ("placeholder", "call_method", "call_module", "call_function", "get_attr", "output", "root"):
            raise AssertionError(f"invalid op: {op}")
        if op == "call_function":
            if not callable(target):
                raise ValueError(
                    f"Node [graph = {graph}, name = '{name}'] target {target} has type {type(target)} but a Callable "
                    "is expected"
                )
        elif not isinstance(target, str):
            raise ValueError(
                f"Node [graph = {graph}, name = '{name}'] target {target} has type {type(target)} but a str is expected"
            )
        self.graph, self.name, self.op, self.target, self.type = graph, name, op, target, return_type
        self._input_nodes, self.users, self.meta = {}, {}, {}
        self._prev = self._next = self
        self._erased, self._repr_fn, self._args, self._kwargs = False, None, (), {}
        self._set(args, kwargs)

    # ---- arguments

    def _set(self, args, kwargs):
        for old in self._input_nodes:
            old.users.pop(self, None)
        self._input_nodes = {}

        def use(node):
            self._input_nodes.setdefault(node)
            node.users.setdefault(self)
            return node

        self._args, self._kwargs = map_arg(tuple(args), use), map_arg(dict(kwargs), use)

    @property
    def args(self):
        """The positional arguments; set as a whole."""
        return self._args

    @args.setter
    def args(self, args):
        self._set(args, self._kwargs)

    @property
    def kwargs(self):
        """The arguments by keyword; set as a whole."""
        return self._kwargs

    @kwargs.setter
    def kwargs(self, kwargs):
        self._set(self._args, kwargs)

    @property
    def all_input_nodes(self):
        """The nodes among the arguments, each once."""
        return list(self._input_nodes)

    def update_arg(self, idx, arg):
        """Sets one positional argument."""
        args = list(self.args)
        args[idx] = arg
        self.args = tuple(args)

    def insert_arg(self, idx, arg):
        """Puts a positional argument before number `idx`."""
        if not 0 <= idx <= len(self.args):
            raise AssertionError("insert_args index must be between 0 and len(self.args)")
        self.args = (*self.args[:idx], arg, *self.args[idx:])

    def update_kwarg(self, key, arg):
        """Sets one argument by keyword."""
        self.kwargs = {**self.kwargs, key: arg}

    def replace_input_with(self, old_input, new_input):
        """Has this node use another one in place of `old_input`."""
        self._set(*map_arg((self.args, self.kwargs), lambda n: new_input if n is old_input else n))

    def replace_all_uses_with(self, replace_with, delete_user_cb=lambda user: True, *, propagate_meta=False):
        """Has all users (for which `delete_user_cb` holds) use `replace_with` instead; returns them."""
        if propagate_meta:
            if replace_with.meta:
                raise AssertionError(
                    "Called node.replace_all_uses_with(replace_with, propagate_meta=True), but replace_with already "
                    "has .meta keys"
                )
            replace_with.meta.update(self.meta)
        changed = [user for user in self.users if delete_user_cb is None or delete_user_cb(user)]
        for user in changed:
            user.replace_input_with(self, replace_with)
        return changed

    # ---- the place in the graph

    @property
    def next(self):
        """The node after this one."""
        return self._next

    @property
    def prev(self):
        """The node before this one."""
        return self._prev

    def _remove_from_list(self):
        self._prev._next, self._next._prev = self._next, self._prev

    def prepend(self, x):
        """Moves node `x` before this one."""
        if self.graph is not x.graph:
            raise AssertionError("Attempting to move a Node into a different Graph")
        if self is x:
            return
        x._remove_from_list()
        before = self._prev
        before._next, x._prev = x, before
        x._next, self._prev = self, x

    def append(self, x):
        """Moves node `x` after this one."""
        self._next.prepend(x)

    # ---- what it is

    @property
    def stack_trace(self):
        """Where the program called it, if the tracer kept that."""
        return self.meta.get("stack_trace")

    @stack_trace.setter
    def stack_trace(self, trace):
        self.meta["stack_trace"] = trace

    def is_impure(self, impure_random=True):
        """Whether the node does something beside giving a result: not to be removed though nobody uses it."""
        if self.op in ("placeholder", "output"):
            return True
        if self.op == "call_function":
            name = getattr(self.target, "__name__", "")
            return (
                self.target in _side_effects
                or name == "_assert"
                or self.target in (operator.setitem, builtins.setattr)
                or (impure_random and name in ("rand", "randn", "randint", "dropout", "bernoulli", "randperm"))
            )
        if self.op == "call_method":
            return self.target.endswith("_") and not self.target.endswith("__")
        if self.op == "call_module":
            owner = self.graph.owning_module
            if owner is None:
                raise AssertionError("self.graph.owning_module not set for purity check")
            return getattr(owner.get_submodule(self.target), "_is_impure", False)
        return False

    def normalized_arguments(self, root, arg_types=None, kwarg_types=None, normalize_to_only_use_kwargs=False):
        """(args, kwargs) by the signature of a call_function's or call_module's target; None without one."""
        called = self.target if self.op == "call_function" else None
        if self.op == "call_module":
            called = root.get_submodule(self.target).forward
        try:
            bound = inspect.signature(called).bind(*self.args, **self.kwargs)
        except (TypeError, ValueError):
            return None
        bound.apply_defaults()
        return ((), dict(bound.arguments)) if normalize_to_only_use_kwargs else (bound.args, bound.kwargs)

    def format_node(self, placeholder_names=None, maybe_return_typename=None, *, include_tensor_metadata=False):
        """The node's line in a listing of its graph; collects placeholders' names if asked to."""
        typed = f" : {typename(self.type)}" if self.type else ""
        used = f"[num_users={len(self.users)}]"
        if self.op == "placeholder":
            if placeholder_names is not None:
                placeholder_names.append(self.target + (f" : {typename(self.type)}" if self.type else ""))
            default = f"(default={self.args[0]})" if self.args else ""
            return f"%{self.name} : {used}{typed.replace(':', '', 1)} = placeholder[target={self.target}]{default}"
        if self.op == "get_attr":
            return f"%{self.name} : {used}{typed.replace(':', '', 1)} = get_attr[target={self.target}]"
        if self.op == "output":
            if maybe_return_typename is not None and self.type:
                maybe_return_typename[0] = f" -> {typename(self.type)}"
            return f"return {self.args[0]}"
        args, kwargs = listing(self.args), listing(self.kwargs)
        typed = typed.replace(":", "", 1)
        called = f"{self.op}[target={pretty_target(self.target)}](args = {args}, kwargs = {kwargs})"
        return f"%{self.name} : {used}{typed} = {called}"

    def __repr__(self):
        return self._repr_fn(self) if self._repr_fn else self.name


def typename(kind):
    """A type annotation as code spells it."""
    if kind is cygrad.Tensor:
        return "torch.Tensor"
    if isinstance(kind, type) and not getattr(kind, "__args__", ()):
        return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return repr(kind).replace("cygrad.", "torch.")


def listing(a):
    """Arguments as the listing of a graph shows them: %nodes, texts without quotes."""
    if isinstance(a, Node):
        return f"%{a.name}"
    if isinstance(a, tuple):
        inner = ", ".join(map(listing, a))
        return f"({inner},)" if len(a) == 1 else f"({inner})"
    if isinstance(a, list):
        return f"[{', '.join(map(listing, a))}]"
    if isinstance(a, dict):
        return "{" + ", ".join(f"{k}: {listing(v)}" for k, v in a.items()) + "}"
    if isinstance(a, slice):
        return f"slice({listing(a.start)}, {listing(a.stop)}, {listing(a.step)})"
    return str(a)
