"""Proxies: they stand for the values of a program that is being traced, and write down what is done to them."""

import dis
import inspect
import operator

from cygrad.overrides import is_tensor_method_or_property

from .graph import MAGIC
from .immutable_collections import immutable_dict, immutable_list
from .node import BASE_TYPES, Node, map_aggregate

__all__ = ["Attribute", "GraphAppendingTracer", "Proxy", "TraceError", "TracerBase"]

_ITERATED = (
    "Proxy object cannot be iterated. This can be attempted when the Proxy is used in a loop or as a *args or **kwargs "
    "function argument. See the torch.fx docs on pytorch.org for a more detailed explanation of what types of control "
    "flow can be traced, and check out the Proxy docstring for help troubleshooting Proxy iteration errors"
)


class TraceError(ValueError):
    """What a program does can't be written down."""


class TracerBase:
    """Makes nodes of calls whose arguments are proxies; subclasses say what is opaque to them."""

    graph = None
    record_stack_traces = False
    trace_asserts = False
    proxy_buffer_attributes = False
    traced_func_name = "forward"

    def create_node(self, kind, target, args, kwargs, name=None, type_expr=None):
        """The node of a call, its arguments already `create_arg`'s."""
        return self.graph.create_node(kind, target, args, kwargs, name, type_expr)

    def proxy(self, node):
        """The proxy for a node's value."""
        return Proxy(node, self)

    def create_proxy(self, kind, target, args, kwargs, name=None, type_expr=None, proxy_factory_fn=None):
        """The proxy for a new node; `args` and `kwargs` as the program gave them."""
        args, kwargs = self.create_arg(args), self.create_arg(kwargs)
        node = self.create_node(kind, target, tuple(args), dict(kwargs), name, type_expr)
        if self.record_stack_traces:
            import traceback

            frames = [f for f in traceback.extract_stack() if f"cygrad{'/'}fx" not in f.filename.replace("\\", "/")]
            node.stack_trace = "".join(traceback.format_list(frames))
        return (proxy_factory_fn or self.proxy)(node)

    def create_arg(self, a):
        """A value of the program as a node's argument: proxies become their nodes."""
        if hasattr(a, "__fx_create_arg__"):
            return a.__fx_create_arg__(self)
        if isinstance(a, Proxy):
            return a.node
        if isinstance(a, tuple):
            made = [self.create_arg(x) for x in a]
            return type(a)(*made) if hasattr(a, "_fields") else tuple(made)
        if isinstance(a, list):
            return immutable_list([self.create_arg(x) for x in a])
        if isinstance(a, dict):
            for key in a:
                map_aggregate(key, _refuse_key)
            return immutable_dict([(self.create_arg(k), self.create_arg(v)) for k, v in a.items()])
        if isinstance(a, slice):
            return slice(self.create_arg(a.start), self.create_arg(a.stop), self.create_arg(a.step))
        if isinstance(a, range):
            return range(a.start, a.stop, a.step)
        if isinstance(a, (*BASE_TYPES, Node)) or inspect.isroutine(a) or isinstance(a, type):
            return a
        raise NotImplementedError(f"argument of type: {type(a)}")

    def to_bool(self, obj):
        """The truth of a proxy: not known."""
        raise TraceError("symbolically traced variables cannot be used as inputs to control flow")

    def iter(self, obj):
        """An iterator over a proxy: only where the program unpacks a fixed number of values."""
        frame = inspect.currentframe().f_back.f_back
        at = next((i for i in dis.get_instructions(frame.f_code) if i.offset == frame.f_lasti), None)
        if at is not None and at.opname == "UNPACK_SEQUENCE":
            return (obj[i] for i in range(at.argval))
        raise TraceError(_ITERATED)

    def keys(self, obj):
        """The keys of a proxy, for **: a value of its own."""
        return Attribute(obj, "keys")()


def _refuse_key(key):
    if isinstance(key, Proxy):
        raise RuntimeError(
            f"Keys for dictionaries used as an argument cannot contain a Node. Got key: {key.node}"
        )


class GraphAppendingTracer(TracerBase):
    """Writes to the end of a given graph."""

    def __init__(self, graph):
        super().__init__()
        self.graph = graph


class Proxy:
    """Stands for the value of `node`; each operator, method or function of it becomes a node.

    Control flow that depends on the value raises TraceError: the graph has one path.
    """

    def __init__(self, node, tracer=None):
        self.tracer = GraphAppendingTracer(node.graph) if tracer is None else tracer
        self.node = node

    def __repr__(self):
        return f"Proxy({self.node.name})"

    def __getattr__(self, name):
        if name in ("__deepcopy__", "__fx_create_arg__", "__torch_dispatch__") or name.startswith("__array"):
            raise AttributeError(name)
        return Attribute(self, name)

    def __call__(self, *args, **kwargs):
        return self.tracer.create_proxy("call_method", "__call__", (self, *args), kwargs)

    def __iter__(self):
        return self.tracer.iter(self)

    def __bool__(self):
        return self.tracer.to_bool(self)

    def __len__(self):
        raise RuntimeError(
            "'len' is not supported in symbolic tracing by default. If you want this call to be recorded, please call "
            "torch.fx.wrap('len') at module scope"
        )

    def __abs__(self):
        return self.tracer.create_proxy("call_function", abs, (self,), {})

    def __round__(self, n=None):
        return self.tracer.create_proxy("call_function", round, (self,) if n is None else (self, n), {})

    def keys(self):
        return self.tracer.keys(self)

    __hash__ = object.__hash__

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        kwargs = {} if kwargs is None else kwargs
        found = []
        map_aggregate((tuple(args), dict(kwargs)), lambda a: found.append(a.tracer) if isinstance(a, Proxy) else None)
        if not found:
            raise RuntimeError(f"no proxy among the arguments of {func}")
        if any(tracer is not found[0] for tracer in found):
            raise TraceError(f"Found multiple different tracers {set(found)} while trying to trace operations {func}")
        if is_tensor_method_or_property(func):
            name = func.__name__
            if name == "__get__":
                return Attribute(args[0], func.__self__.__name__)
            return found[0].create_proxy("call_method", name, tuple(args), kwargs)
        return found[0].create_proxy("call_function", func, tuple(args), kwargs, name=func.__name__)


class Attribute(Proxy):
    """An attribute of a proxy: a node only if it is used otherwise than by calling it, which is a method's node."""

    def __init__(self, root, attr):
        self.root, self.attr, self.tracer, self._node = root, attr, root.tracer, None

    @property
    def node(self):
        """The node that takes the attribute."""
        if self._node is None:
            self._node = self.tracer.create_proxy("call_function", getattr, (self.root, self.attr), {}).node
        return self._node

    def __call__(self, *args, **kwargs):
        return self.tracer.create_proxy("call_method", self.attr, (self.root, *args), kwargs)


def _operator_method(name, reflected=False):
    function = getattr(operator, name)

    def method(self, *others):
        args = (*others, self) if reflected else (self, *others)
        return self.tracer.create_proxy("call_function", function, args, {})

    return method


for _name in MAGIC:
    setattr(Proxy, f"__{_name.rstrip('_')}__", _operator_method(_name))
for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "lshift", "rshift", "and_", "or_",
              "xor"):  # fmt: skip
    setattr(Proxy, f"__r{_name.rstrip('_')}__", _operator_method(_name, reflected=True))
del _name

