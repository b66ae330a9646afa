"""Graphs: the operations of a program in the order in which they run, and the Python code that runs them."""

import builtins
import contextlib
import dataclasses
import inspect
import keyword
import math
import re
import types

import cygrad

from .node import Node, is_wrapped, map_aggregate, map_arg, qualified_name, typename

__all__ = ["CodeGen", "Graph", "PythonCode"]

MAGIC = {
    "add": "{} + {}", "sub": "{} - {}", "mul": "{} * {}", "truediv": "{} / {}", "floordiv": "{} // {}",
    "mod": "{} % {}", "pow": "{} ** {}", "matmul": "{} @ {}", "lshift": "{} << {}", "rshift": "{} >> {}",
    "and_": "{} & {}", "or_": "{} | {}", "xor": "{} ^ {}", "eq": "{} == {}", "ne": "{} != {}", "lt": "{} < {}",
    "gt": "{} > {}", "le": "{} <= {}", "ge": "{} >= {}", "neg": "-{}", "pos": "+{}", "invert": "~{}",
    "getitem": "{}[{}]",
}  # fmt: skip
INPLACE = {
    "iadd": "+=", "isub": "-=", "imul": "*=", "itruediv": "/=", "ifloordiv": "//=", "imod": "%=", "ipow": "**=",
    "imatmul": "@=", "ilshift": "<<=", "irshift": ">>=", "iand": "&=", "ior": "|=", "ixor": "^=",
}  # fmt: skip


@dataclasses.dataclass
class PythonCode:
    """Source of a `forward`, and the objects that it names."""

    src: str
    globals: dict


class CodeGen:
    """Writes a graph as Python; subclasses may change how inputs come and outputs go."""

    def gen_fn_def(self, free_vars, maybe_return_annotation):
        """The line that begins the function."""
        if not free_vars or free_vars[0] != "self":
            free_vars.insert(0, "self")
        return f"def forward({', '.join(free_vars)}){maybe_return_annotation}:"

    def generate_output(self, output_args):
        """The line that returns."""
        return f"return {output_args!r}"

    def process_inputs(self, *args):
        """Arguments of the function as values of the placeholders."""
        return args

    def process_outputs(self, outputs):
        """The output node's value as the function's result."""
        return outputs

    def additional_globals(self):
        """(name, object) pairs that the code needs besides."""
        return []


def snake(text):
    """CamelCase as snake_case."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", text).lower()


class _Names:
    """Names that are not taken twice, no keywords and no builtins."""

    def __init__(self):
        self.used = set()
        self.counts = {}

    def create(self, candidate):
        candidate = re.sub(r"[^0-9a-zA-Z_]+", "_", candidate)
        if not candidate:
            candidate = "_unnamed"
        if candidate[0].isdigit():
            candidate = f"_{candidate}"
        match = re.fullmatch(r"(.*)_(\d+)", candidate)
        base, number = (match[1], int(match[2])) if match and match[1] else (candidate, None)
        name = candidate
        number = max(number or 0, self.counts.get(base, 0)) if name in self.used or number is None else number
        while name in self.used or name in dir(builtins) or keyword.iskeyword(name) or name in ("self", "torch"):
            number += 1
            name = f"{base}_{number}"
        self.used.add(name)
        self.counts[base] = max(self.counts.get(base, 0), number)
        return name


class _NodeList:
    """The nodes of a graph in order; one that is erased on the way does not disturb the walk."""

    def __init__(self, graph, direction="_next"):
        self.graph, self.direction = graph, direction

    def __len__(self):
        return self.graph._len

    def __iter__(self):
        root = self.graph._root
        at = getattr(root, self.direction)
        while at is not root:
            if not at._erased:
                yield at
            at = getattr(at, self.direction)

    def __reversed__(self):
        return iter(_NodeList(self.graph, "_prev" if self.direction == "_next" else "_next"))


class Graph:
    """A program as a list of Nodes; `python_code` writes it, `lint` checks it."""

    def __init__(self, owning_module=None, tracer_cls=None, tracer_extras=None):
        self._root = Node(self, "", "root", "", (), {})
        self._insert = self._root.prepend
        self._names = _Names()
        self._len = 0
        self._codegen = CodeGen()
        self._code_hooks = []
        self._tracer_cls = tracer_cls
        self.owning_module = owning_module

    @property
    def nodes(self):
        """All nodes, in the order in which they run; can be reversed."""
        return _NodeList(self)

    def output_node(self):
        """The node that returns."""
        node = next(iter(reversed(self.nodes)))
        if node.op != "output":
            raise AssertionError(f"Expected last node to be 'output', got '{node.op}'")
        return node

    def find_nodes(self, *, op, target=None, sort=True):
        """The nodes of a kind, and with a target if one is given; for "call_function" it has to be."""
        if op == "call_function" and target is None:
            return [n for n in self.nodes if n.op == op]
        return [n for n in self.nodes if n.op == op and (target is None or n.target == target)]

    # ---- making nodes

    def create_node(self, op, target, args=None, kwargs=None, name=None, type_expr=None):
        """A node at the place of insertion (the end, unless within `inserting_before`)."""
        args, kwargs = () if args is None else args, {} if kwargs is None else kwargs
        if not isinstance(args, tuple):
            raise AssertionError(f"args must be a tuple, got {type(args)}")
        if not isinstance(kwargs, dict):
            raise AssertionError(f"kwargs must be a dict, got {type(kwargs)}")
        if name is None:
            name = target if isinstance(target, str) else target.__name__
            name = snake(name.removeprefix("__").removesuffix("__") if name.startswith("__") else name)
            if op == "call_function":
                name = name.lstrip("_") or name
        if op == "call_function" and getattr(target, "__name__", "") == "_assert":
            name = "_assert"
        node = Node(self, self._names.create(name), op, target, args, kwargs, type_expr)
        self._insert(node)
        self._len += 1
        return node

    def placeholder(self, name, type_expr=None, default_value=inspect.Signature.empty):
        """An input."""
        args = () if default_value is inspect.Signature.empty else (default_value,)
        return self.create_node("placeholder", name, args, type_expr=type_expr)

    def get_attr(self, qualified_name, type_expr=None):
        """An attribute of the module, by its path."""
        return self.create_node("get_attr", qualified_name, type_expr=type_expr)

    def call_module(self, module_name, args=None, kwargs=None, type_expr=None):
        """A call of a submodule, by its path."""
        return self.create_node("call_module", module_name, args, kwargs, type_expr=type_expr)

    def call_method(self, method_name, args=None, kwargs=None, type_expr=None):
        """A call of a method of args[0]."""
        return self.create_node("call_method", method_name, args, kwargs, type_expr=type_expr)

    def call_function(self, the_function, args=None, kwargs=None, type_expr=None, name=None):
        """A call of a function."""
        return self.create_node("call_function", the_function, args, kwargs, name=name, type_expr=type_expr)

    def output(self, result, type_expr=None):
        """What the program returns."""
        return self.create_node("output", "output", (result,), type_expr=type_expr)

    def node_copy(self, node, arg_transform=lambda x: x):
        """A copy of a node, of another graph too; `arg_transform` says which node stands for each of its inputs."""
        args, kwargs = map_arg(node.args, arg_transform), map_arg(node.kwargs, arg_transform)
        copied = self.create_node(node.op, node.target, args, dict(kwargs), node.name, node.type)
        copied.meta = dict(node.meta)
        return copied

    def graph_copy(self, g, val_map, return_output_node=False):
        """Copies the nodes of `g`, whose inputs and results `val_map` ({its node: node here}) takes part in; what it
        returns."""
        for node in g.nodes:
            if node in val_map:
                continue
            if node.op == "output":
                result = map_arg(node.args[0], lambda n: val_map[n])
                return (result, node) if return_output_node else result
            val_map[node] = self.node_copy(node, lambda n: val_map[n])
        return None

    def __deepcopy__(self, memo=None):
        copied = Graph(tracer_cls=self._tracer_cls)
        copied._codegen = self._codegen
        values = {}
        result = copied.graph_copy(self, values, return_output_node=True)
        if result is not None:
            output = copied.output(result[0], type_expr=result[1].type)
            output.meta = dict(result[1].meta)
        if memo is not None:
            memo[id(self)] = copied
        return copied

    def __reduce__(self):
        index = {node: i for i, node in enumerate(self.nodes)}
        # A reference to a node is its number, in a wrapper, within args that are otherwise data.
        nodes = [
            (n.op, n.name, n.target, map_arg(n.args, lambda m: _Reference(index[m])),
             map_arg(n.kwargs, lambda m: _Reference(index[m])), n.type)
            for n in self.nodes
        ]  # fmt: skip
        return _rebuild_graph, (nodes,)

    # ---- changing the graph

    def erase_node(self, to_erase):
        """Removes a node that nobody uses."""
        if to_erase.users:
            raise RuntimeError(
                f"Tried to erase Node {to_erase} but it still had {len(to_erase.users)} users in the graph: "
                f"{to_erase.users}!"
            )
        if to_erase.graph is not self:
            raise RuntimeError(f"Attempting to remove {to_erase} from wrong graph!")
        if to_erase._erased:
            return
        to_erase._set((), {})
        to_erase._remove_from_list()
        to_erase._erased = True
        self._len -= 1

    @contextlib.contextmanager
    def _inserting(self, insert):
        before, self._insert = self._insert, insert
        try:
            yield
        finally:
            self._insert = before

    def inserting_before(self, n=None):
        """A block (or, called plainly, a state) in which new nodes come before `n`, or before all."""
        if n is None:
            return self.inserting_after(self._root)
        if n.graph is not self:
            raise AssertionError("Node to insert before is not in graph.")
        return self._inserting(n.prepend)

    def inserting_after(self, n=None):
        """A block in which new nodes come after `n`, or after all."""
        if n is None:
            return self.inserting_before(self._root)
        if n.graph is not self:
            raise AssertionError("Node to insert after is not in graph.")
        at = [n]

        def insert(new):
            at[0].append(new)
            at[0] = new

        return self._inserting(insert)

    def eliminate_dead_code(self, is_impure_node=None):
        """Removes what nobody uses and that has no effect; whether there was any."""
        self.lint()
        changed = False
        for node in reversed(self.nodes):
            impure = is_impure_node(node) if is_impure_node else node.is_impure()
            if not impure and not node.users:
                self.erase_node(node)
                changed = True
        return changed

    def lint(self):
        """RuntimeError where the graph is no program: a node used before it runs, a name twice, a missing target."""
        seen, names = set(), set()
        for node in self.nodes:
            if node.graph is not self:
                raise RuntimeError(f"Node '{node}' does not belong to this Graph!")
            for source in node.all_input_nodes:
                if source.graph is not self:
                    raise RuntimeError(
                        f"Argument '{source}' of Node '{node}' does not belong to this Graph, but was used as an "
                        "argument! If you are copying nodes from another graph, make sure to use ``arg_transform`` on "
                        f"node_copy() to remap values\n{self}"
                    )
                if source not in seen:
                    raise RuntimeError(
                        f"Argument '{source}' of Node '{node}' was used before it has been defined! Please check that "
                        f"Nodes in the graph are topologically ordered\n{self}"
                    )
            if node.name in names:
                raise RuntimeError(f"Node redefined name {node.name}!")
            seen.add(node)
            names.add(node.name)
            if self.owning_module is not None and node.op in ("get_attr", "call_module"):
                at = self.owning_module
                for i, part in enumerate(node.target.split(".")):
                    if not hasattr(at, part):
                        path = ".".join(node.target.split(".")[: i + 1])
                        raise RuntimeError(
                            f"Node {node} target {node.target} references nonexistent attribute {part} of {path}"
                        )
                    at = getattr(at, part)
                if node.op == "call_module" and not isinstance(at, cygrad.nn.Module):
                    raise RuntimeError(
                        f"Node {node} target {node.target} {part} of {node.target} does not reference an nn.Module"
                    )

    # ---- as text

    def set_codegen(self, codegen):
        """Who writes the code."""
        self._codegen = codegen

    def on_generate_code(self, make_transformer):
        """Has a function change the code's lines; `make_transformer` is given the current one or None."""
        before = self._code_hooks[-1] if self._code_hooks else None
        self._code_hooks.append(make_transformer(before))

        @contextlib.contextmanager
        def undo():
            try:
                yield
            finally:
                self._code_hooks.pop()

        return undo()

    def process_inputs(self, *args):
        """Arguments as the placeholders take them."""
        return self._codegen.process_inputs(*args)

    def process_outputs(self, out):
        """The result as the caller gets it."""
        return self._codegen.process_outputs(out)

    def python_code(self, root_module, *, verbose=False, include_stride=False, include_device=False, colored=False,
                    expanded_def=False, record_func=False, additional_meta=None):  # fmt: skip
        """The PythonCode of a function `forward`; submodules and attributes are found at `root_module` ("self")."""
        return _Writer(self, root_module, verbose).write()

    def __str__(self):
        names, returns = [], [""]
        lines = [line for n in self.nodes if (line := n.format_node(names, returns)) is not None]
        return f"graph(){returns[0]}:" + "".join(f"\n    {line}" for line in lines)

    def print_tabular(self):
        """Prints the nodes as a table (by the package tabulate)."""
        try:
            from tabulate import tabulate
        except ImportError:
            print(
                "`print_tabular` relies on the library `tabulate`, which could not be found on this machine. Run `pip "
                "install tabulate` to install the library."
            )
            raise
        rows = [[n.op, n.name, n.target, n.args, n.kwargs] for n in self.nodes]
        print(tabulate(rows, headers=["opcode", "name", "target", "args", "kwargs"]))


class _Reference:
    """Stands for a node by its number, in a pickled graph."""

    def __init__(self, index):
        self.index = index


def _rebuild_graph(nodes):
    graph, made = Graph(), []
    for op, name, target, args, kwargs, kind in nodes:
        args, kwargs = map_aggregate((args, kwargs), lambda a: made[a.index] if isinstance(a, _Reference) else a)
        made.append(graph.create_node(op, target, args, dict(kwargs), name, kind))
    return graph


class _Writer:
    """Writes one graph as Python."""

    def __init__(self, graph, root, verbose):
        self.graph, self.root, self.verbose = graph, root, verbose
        self.globals = {"torch": cygrad, **dict(graph._codegen.additional_globals())}
        self.wrapped = {}

    def name_global(self, hint, thing):
        """A name of the code's for `thing`: its own path under torch, or one that is added to the globals."""
        if hint.split(".")[0] == "torch" and self.find(hint) is thing:
            return hint
        base = hint.rsplit(".", 1)[-1] if hint.startswith("builtins.") else hint.replace(".", "_")
        base = re.sub(r"\W", "_", base)
        name, count = base, 0
        while self.globals.get(name, thing) is not thing:
            count += 1
            name = f"{base}_{count}"
        self.globals[name] = thing
        return name

    @staticmethod
    def find(path):
        thing = cygrad
        for part in path.split(".")[1:]:
            thing = getattr(thing, part, None)
        return thing

    def repr(self, a):
        """An argument as an expression."""
        if isinstance(a, Node):
            return a.name
        if isinstance(a, tuple) and hasattr(a, "_fields"):
            return f"{self.name_global(type(a).__name__, type(a))}({', '.join(map(self.repr, a))})"
        if isinstance(a, tuple):
            return f"({', '.join(map(self.repr, a))}{',' if len(a) == 1 else ''})"
        if isinstance(a, list):
            return f"[{', '.join(map(self.repr, a))}]"
        if isinstance(a, dict):
            return "{" + ", ".join(f"{k!r}: {self.repr(v)}" for k, v in a.items()) + "}"
        if isinstance(a, slice):
            return f"slice({self.repr(a.start)}, {self.repr(a.stop)}, {self.repr(a.step)})"
        if isinstance(a, float) and not math.isfinite(a):
            self.globals |= {"inf": math.inf, "nan": math.nan}
            return repr(a)
        if isinstance(a, cygrad.device):
            self.globals["device"] = cygrad.device
            return repr(a)
        if isinstance(a, type) or callable(a) and not isinstance(a, cygrad.nn.Module) and hasattr(a, "__name__"):
            if getattr(builtins, a.__name__, None) is a:
                return a.__name__
            return self.name_global(qualified_name(a), a)
        return repr(a)

    def arguments(self, args, kwargs):
        return ", ".join([self.repr(a) for a in args] + [f"{k} = {self.repr(v)}" for k, v in kwargs.items()])

    @staticmethod
    def path(base, target):
        """`base` followed by the attributes of a path."""
        for part in target.split("."):
            plain = part.isidentifier() and not keyword.iskeyword(part)
            base = f"{base}.{part}" if plain else f'getattr({base}, "{part}")'
        return base

    def call(self, node):
        """The expression of a node that computes something."""
        args, kwargs = node.args, node.kwargs
        if node.op == "get_attr":
            return self.path(self.root, node.target)
        if node.op == "call_module":
            return f"{self.path(self.root, node.target)}({self.arguments(args, kwargs)})"
        if node.op == "call_method":
            return f"{self.path(self.repr(args[0]), node.target)}({self.arguments(args[1:], kwargs)})"
        target, name = node.target, node.target.__name__
        if getattr(target, "__module__", None) == "_operator" and name in MAGIC and not kwargs:
            return MAGIC[name].format(*map(self.repr, args))
        if target is getattr and len(args) == 2 and isinstance(args[1], str) and args[1].isidentifier():
            return f"{self.repr(args[0])}.{args[1]}"
        if getattr(builtins, name, None) is target:
            return f"{name}({self.arguments(args, kwargs)})"
        hint = qualified_name(target)
        called = self.name_global(hint, target)
        if is_wrapped(target):
            self.wrapped[called] = None
        return f"{called}({self.arguments(args, kwargs)})"

    def last_uses(self):
        """{node: the nodes whose last use it is}."""
        seen, dying = set(), {}
        for node in reversed(self.graph.nodes):
            for source in node._input_nodes:
                if source not in seen:
                    seen.add(source)
                    dying.setdefault(node, []).append(source)
        return dying

    def write(self):
        graph, codegen = self.graph, self.graph._codegen
        dying, parameters, body, annotation = self.last_uses(), [], [], ""
        for node in graph.nodes:
            typed = f" : {self.annotation(node.type)}" if node.type is not None else ""
            if node.op == "placeholder":
                default = f" = {self.repr(node.args[0])}" if node.args else ""
                parameters.append(f"{node.target}{typed}{default}")
                raw = node.target.lstrip("*")
                if raw != node.name:
                    body.append(f"{node.name} = {raw}\n")
                continue
            if node.op == "output":
                if node.type is not None:
                    annotation = f" -> {self.annotation(node.type)}"
                returned = codegen.generate_output(_Written(self.repr(node.args[0])))
                body.append(returned + "\n")
                continue
            if self.verbose and node.stack_trace:
                where = node.stack_trace.strip().rsplit("\n", 2)
                body.append(f"\n# {' '.join(part.strip() for part in where[-2:])}\n")
            name = getattr(node.target, "__name__", "")
            if node.op == "call_function" and node.target.__module__ == "_operator" and name in INPLACE:
                text = f"{node.name} = {self.repr(node.args[0])}; {node.name} {INPLACE[name]} {self.repr(node.args[1])}"
            else:
                text = f"{node.name}{typed} = {self.call(node)}"
            gone = list(dying.get(node, ()))
            if not node.users:
                gone.append(node)
            body.append(text + (f";  {' = '.join(n.name for n in gone)} = None" if gone else "") + "\n")
        if not body or len(graph.nodes) == len(parameters):
            body.append("pass\n")
        for hook in graph._code_hooks[-1:]:
            body = hook(body) if hook else body
        wraps = "".join(f'\ntorch.fx._symbolic_trace.wrap("{name}")\n' for name in self.wrapped)
        head = codegen.gen_fn_def(parameters, annotation)
        lines = "".join(body).split("\n")
        code = "\n".join(f"    {line}" for line in lines)
        return PythonCode(f"{wraps or 2 * chr(10)}\n{head}\n{code}", self.globals)

    def annotation(self, kind):
        text = typename(kind)
        if text.startswith("torch.") or "." not in text and hasattr(builtins, text):
            return text
        if isinstance(kind, type) and not isinstance(kind, types.GenericAlias):
            return self.name_global(text, kind)
        self.globals["typing"] = __import__("typing")
        return text


class _Written:
    """An expression that has been written; its repr is its text."""

    def __init__(self, text):
        self.text = text

    def __repr__(self):
        return self.text
