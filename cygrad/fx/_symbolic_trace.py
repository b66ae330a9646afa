"""Tracing: a module's `forward` is run once on proxies, which write down what it does."""

import builtins
import contextlib
import functools
import inspect
import math
import types

import cygrad
from cygrad import nn

from .graph import Graph
from .graph_module import GraphModule
from .node import map_aggregate, wrapped_names
from .proxy import Proxy, TracerBase

__all__ = ["PH", "Tracer", "is_fx_tracing", "symbolic_trace", "wrap"]

_tracing = 0


class _Placeholder:
    def __repr__(self):
        return "PH"


PH = _Placeholder()


def is_fx_tracing():
    """Whether a program is being traced."""
    return _tracing > 0


is_fx_symbolic_tracing = is_fx_tracing


def wrap(fn_or_name):
    """Has calls of a function of the calling module, given or named, be nodes rather than be traced through.

    To be called at module scope, or as a decorator.
    """
    if not callable(fn_or_name) and not isinstance(fn_or_name, str):
        raise RuntimeError("Unsupported type for global function! Must be either a callable or string name")
    name = fn_or_name if isinstance(fn_or_name, str) else fn_or_name.__name__
    frame = inspect.currentframe().f_back
    if frame.f_code.co_name != "<module>":
        raise NotImplementedError("wrap must be called at the top level of a module")
    wrapped_names[id(frame.f_globals), name] = frame.f_globals
    return fn_or_name


def _first_proxy(args, kwargs):
    found = []
    map_aggregate((tuple(args), dict(kwargs)), lambda a: found.append(a) if isinstance(a, Proxy) else None)
    return found[0] if found else None


def _recorder(function):
    """`function`, whose calls with proxies become nodes."""

    @functools.wraps(function)
    def recorded(*args, **kwargs):
        proxy = _first_proxy(args, kwargs)
        if proxy is None:
            return function(*args, **kwargs)
        return proxy.tracer.create_proxy("call_function", function, args, kwargs)

    return recorded


@contextlib.contextmanager
def _replaced(changes):
    """Sets (container, name, value) for a block; a container is a namespace or a class."""
    undo = []
    missing = object()
    try:
        for where, name, value in changes:
            if isinstance(where, dict):
                undo.append((where, name, where.get(name, missing)))
                where[name] = value
            else:
                undo.append((where, name, where.__dict__.get(name, missing)))
                setattr(where, name, value)
        yield
    finally:
        for where, name, value in reversed(undo):
            if isinstance(where, dict):
                if value is missing:
                    del where[name]
                else:
                    where[name] = value
            elif value is missing:
                delattr(where, name)
            else:
                setattr(where, name, value)


class Tracer(TracerBase):
    """Traces modules and functions; `is_leaf_module` says which submodules are nodes rather than traced through.

    autowrap_modules    modules of functions that become nodes when they are called with proxies
    autowrap_functions  functions that do
    param_shapes_constant   sizes of parameters are numbers rather than nodes
    """

    def __init__(self, autowrap_modules=(math,), autowrap_functions=(), param_shapes_constant=False):
        super().__init__()
        self._modules = list(autowrap_modules)
        self._functions = {
            id(value): value
            for module in autowrap_modules
            for name, value in module.__dict__.items()
            if not name.startswith("_") and callable(value)
        } | {id(f): f for f in autowrap_functions}
        self.param_shapes_constant = param_shapes_constant
        self.root = None
        self.submodule_paths = None

    # ---- for subclasses

    def is_leaf_module(self, m, module_qualified_name):
        """Whether calls of a submodule are nodes: those of torch.nn are, containers aside."""
        return m.__module__.partition(".")[0] in ("cygrad", "torch") and not isinstance(m, nn.Sequential)

    def path_of_module(self, mod):
        """A submodule's path; NameError for one that is none."""
        path = self.submodule_paths.get(mod)
        if path is None:
            raise NameError("module is not installed as a submodule")
        return path

    def call_module(self, m, forward, args, kwargs):
        """What a call of a submodule becomes: a node, or what `forward` gives."""
        path = self.path_of_module(m)
        if self.is_leaf_module(m, path):
            return self.create_proxy("call_module", path, args, kwargs)
        return forward(*args, **kwargs)

    def getattr(self, attr, attr_val, parameter_proxy_cache):
        """What an attribute of a module becomes: parameters are nodes."""
        if isinstance(attr_val, nn.Parameter):
            return self._attribute_proxy(self.root.named_parameters(), attr_val, parameter_proxy_cache)
        if self.proxy_buffer_attributes and isinstance(attr_val, cygrad.Tensor):
            return self._attribute_proxy(self.root.named_buffers(), attr_val, parameter_proxy_cache)
        return attr_val

    def _attribute_proxy(self, named, value, cache):
        path = next((name for name, found in named if found is value), None)
        if path is None:
            return value
        if path not in cache:
            factory = _ParameterProxy.maker(self, path, value) if self.param_shapes_constant else None
            cache[path] = self.create_proxy("get_attr", path, (), {}, proxy_factory_fn=factory)
        return cache[path]

    def create_arg(self, a):
        """As TracerBase.create_arg; tensors and modules of the root are attributes, other tensors constants of it."""
        if isinstance(a, nn.Parameter):
            path = next((name for name, p in self.root.named_parameters() if p is a), None)
            if path is None:
                raise NameError("parameter is not a member of this module")
            return self.create_node("get_attr", path, (), {})
        if isinstance(a, cygrad.Tensor):
            return self.create_node("get_attr", self._attribute_of(a, "_tensor_constant"), (), {})
        if isinstance(a, nn.Module) and a in self.submodule_paths:
            return self.create_node("get_attr", self.path_of_module(a), (), {})
        return super().create_arg(a)

    def _attribute_of(self, tensor, prefix):
        path = self._tensors.get(id(tensor))
        if path is None:
            number = 0
            while hasattr(self.root, f"{prefix}{number}"):
                number += 1
            path = f"{prefix}{number}"
            setattr(self.root, path, tensor)
            self._tensors[id(tensor)] = path
        return path

    # ---- tracing

    def create_args_for_root(self, root_fn, is_module, concrete_args=None):
        """(function, its arguments as proxies); values of `concrete_args` take the place of proxies."""
        function = inspect.unwrap(root_fn)
        code = function.__code__
        names = list(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])
        parameters = inspect.signature(function).parameters
        if is_module:
            if not names:
                raise RuntimeError("``self`` argument cannot be part of *args expansion!")
            names = names[1:]
        concrete = dict(concrete_args or {})

        def proxy_for(name, default, kind):
            if name in concrete:
                return self._concrete(name, concrete[name], function)
            args = () if default is inspect.Parameter.empty else (default,)
            return self.create_proxy("placeholder", name, args, {}, type_expr=kind)

        positional, by_name = [self.root] if is_module else [], {}
        for name in names:
            parameter = parameters[name]
            kind = None if parameter.annotation is inspect.Parameter.empty else function.__annotations__.get(name)
            proxy = proxy_for(name, parameter.default, kind)
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
                by_name[name] = proxy
            else:
                positional.append(proxy)
        for parameter in parameters.values():
            if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
                positional.append(self.create_proxy("placeholder", f"*{parameter.name}", (), {}))
            elif parameter.kind is inspect.Parameter.VAR_KEYWORD:
                by_name[parameter.name] = self.create_proxy("placeholder", f"**{parameter.name}", (), {})
        if code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS):
            # *args and **kwargs are one proxy each: the function's body runs as one that takes them plainly.
            flat = code.replace(
                co_flags=code.co_flags & ~(inspect.CO_VARARGS | inspect.CO_VARKEYWORDS),
                co_argcount=code.co_argcount + bool(code.co_flags & inspect.CO_VARARGS),
                co_kwonlyargcount=code.co_kwonlyargcount + bool(code.co_flags & inspect.CO_VARKEYWORDS),
                co_varnames=code.co_varnames,
            )
            if code.co_kwonlyargcount and code.co_flags & inspect.CO_VARARGS:
                raise NotImplementedError("keyword-only parameters beside *args are not traced")
            function = types.FunctionType(
                flat, function.__globals__, function.__name__, function.__defaults__, function.__closure__
            )
            function.__kwdefaults__ = inspect.unwrap(root_fn).__kwdefaults__
        return function, positional, by_name

    def _concrete(self, name, value, function):
        """The value an argument is fixed to; PH within it stays open."""
        if value is PH:
            return self.create_proxy("placeholder", name, (), {})
        count = 0

        def leaf(x):
            nonlocal count
            count += 1
            open_ = self.create_proxy("placeholder", f"{name}_{count}", (), {})
            if x is PH:
                return open_
            if isinstance(x, bool | int | float | str):
                self.create_proxy(
                    "call_function", cygrad._assert,
                    (open_ == x, f"{name} has been specialized to have value {x} but got another value"), {},
                    name="_assert",
                )  # fmt: skip
            return x

        return map_aggregate(value, leaf)

    def trace(self, root, concrete_args=None):
        """The Graph of a module's forward, or of a function; `concrete_args` {name: value} fixes arguments."""
        global _tracing
        if isinstance(root, nn.Module):
            self.root, function = root, getattr(type(root), self.traced_func_name)
            if isinstance(root, GraphModule) or "forward" in root.__dict__:
                function = type(root).forward
            self.root_module_name = root._get_name() if hasattr(root, "_get_name") else ""
        else:
            self.root, function, self.root_module_name = nn.Module(), root, ""
        self.submodule_paths = {module: name for name, module in self.root.named_modules()}
        self._tensors = {
            id(value): (f"{path}." if path else "") + name
            for path, module in self.root.named_modules()
            for name, value in [*module.__dict__.items(), *module._buffers.items()]
            if isinstance(value, cygrad.Tensor)
        }
        self.graph = Graph(tracer_cls=type(self))
        called, positional, by_name = self.create_args_for_root(function, isinstance(root, nn.Module), concrete_args)
        cache = {}
        get_attribute, call = nn.Module.__getattr__, nn.Module.__call__

        def patched_getattr(module, name):
            return self.getattr(name, get_attribute(module, name), cache)

        def patched_call(module, *args, **kwargs):
            if _first_proxy(args, kwargs) is None and module not in self.submodule_paths:
                return call(module, *args, **kwargs)
            return self.call_module(module, lambda *a, **k: call(module, *a, **k), args, kwargs)

        changes = [(nn.Module, "__getattr__", patched_getattr), (nn.Module, "__call__", patched_call)]
        for names in [function.__globals__ if hasattr(function, "__globals__") else {},
                      *(m.__dict__ for m in self._modules)]:  # fmt: skip
            opaque = [(name, value) for name, value in names.items() if id(value) in self._functions]
            changes += [(names, name, _recorder(value)) for name, value in opaque]
        for (_, name), names in wrapped_names.items():
            found = names.get(name, getattr(builtins, name, None))
            if found is not None:
                changes.append((names, name, _recorder(found)))
        _tracing += 1
        try:
            with _replaced(changes):
                result = called(*positional, **by_name)
                kind = getattr(function, "__annotations__", {}).get("return")
                self.create_node("output", "output", (self.create_arg(result),), {}, type_expr=kind)
        finally:
            _tracing -= 1
        return self.graph


class _ParameterProxy(Proxy):
    """A parameter's proxy that knows its sizes."""

    @classmethod
    def maker(cls, tracer, name, value):
        def make(node):
            proxy = cls(node, tracer)
            proxy.param = value
            return proxy

        return make

    @property
    def shape(self):
        return self.param.shape

    def size(self, *dim):
        return self.param.size(*dim)

    def dim(self):
        return self.param.dim()

    @property
    def ndim(self):
        return self.param.ndim

    def numel(self):
        return self.param.numel()


def symbolic_trace(root, concrete_args=None):
    """A GraphModule that does what a module's forward, or a function, does for any input of the traced kind.

    Control flow that depends on inputs raises TraceError; other control flow is followed once. `concrete_args` fixes
    arguments to values, whose control flow may then be followed.

        >>> traced = torch.fx.symbolic_trace(lambda x: torch.relu(x) + 1)
        >>> traced(torch.tensor([-1.0, 2.0]))
        tensor([1., 3.])
    """
    tracer = Tracer()
    graph = tracer.trace(root, concrete_args)
    name = type(root).__name__ if isinstance(root, nn.Module) else root.__name__
    return GraphModule(tracer.root, graph, name)
