"""GraphModule: an nn.Module whose forward is the code of a graph."""

import copy
import itertools
import linecache
import os

import cygrad
from cygrad import nn

from .graph import Graph

__all__ = ["GraphModule"]

_numbers = itertools.count()


def _compile(code, names):
    """The function `forward` of the code; its lines show in tracebacks."""
    filename = f"<eval_with_key>.{next(_numbers)}"
    linecache.cache[filename] = (len(code), None, code.splitlines(True), filename)
    namespace = dict(names)
    exec(compile(code, filename, "exec"), namespace)
    return namespace["forward"]


def _copy_attribute(source, target, path):
    """Has `target` hold what `source` has at a path, with empty modules on the way."""
    *way, name = path.split(".")
    for part in way:
        found = getattr(source, part)
        if getattr(target, part, None) is None:
            target.add_module(part, nn.Module())
        source, target = found, getattr(target, part)
    value = getattr(source, name)
    if isinstance(value, cygrad.Tensor) and not isinstance(value, nn.Parameter):
        target.register_buffer(name, value)
    else:
        setattr(target, name, value)


def _assign(target, path, value):
    *way, name = path.split(".")
    for part in way:
        if getattr(target, part, None) is None:
            target.add_module(part, nn.Module())
        target = getattr(target, part)
    setattr(target, name, value)


class GraphModule(nn.Module):
    """A module made of a Graph: `forward` runs its code, submodules and parameters are those that it names.

    root    the module that has them, or {path: module or tensor}
    graph   the Graph; set it, or call `recompile` after changing it
    """

    def __new__(cls, *args, **kwargs):
        # A class of its own for each, since forward is a method.
        base = next(c for c in cls.__mro__ if c.__qualname__ != "GraphModuleImpl")
        return super().__new__(type("GraphModuleImpl", (base,), {"__module__": base.__module__}))

    def __init__(self, root, graph, class_name="GraphModule"):
        super().__init__()
        type(self).__name__ = class_name
        paths = [n.target for n in graph.nodes if n.op in ("get_attr", "call_module")]
        if isinstance(root, nn.Module):
            self.training = root.training
            for path in paths:
                _copy_attribute(root, self, path)
        elif isinstance(root, dict):
            missing = [path for path in paths if path not in root]
            if missing:
                node = next(n for n in graph.nodes if n.target == missing[0])
                raise RuntimeError(
                    f"Node {node} referenced target {node.target} but that target was not provided in ``root``!"
                )
            for path in sorted(set(paths), key=lambda p: p.count(".")):
                _assign(self, path, root[path])
        else:
            raise RuntimeError(f"Unsupported type {root} passed for root!")
        self.meta = dict(getattr(root, "meta", {})) if isinstance(root, GraphModule) else {}
        self.graph = graph

    __jit_unused_properties__ = ["graph"]

    @property
    def graph(self):
        """The graph; setting it compiles."""
        return self._graph

    @graph.setter
    def graph(self, g):
        if not isinstance(g, Graph):
            raise AssertionError(f"Expected a Graph instance, but got {type(g)}")
        object.__setattr__(self, "_graph", g)
        g.owning_module = self
        self.recompile()

    @property
    def code(self):
        """The Python code of forward."""
        return self._code

    def recompile(self):
        """Writes and compiles the code anew, after changes of the graph; the PythonCode."""
        written = self._graph.python_code("self")
        object.__setattr__(self, "_code", written.src)
        type(self).forward = _compile(written.src, written.globals)
        return written

    # ---- submodules

    def add_submodule(self, target, m):
        """Puts a module at a path; False where something else stands on the way."""
        *way, name = target.split(".")
        at = self
        for part in way:
            found = getattr(at, part, None)
            if found is None:
                found = nn.Module()
                at.add_module(part, found)
            if not isinstance(found, nn.Module):
                return False
            at = found
        at.add_module(name, m)
        return True

    def delete_submodule(self, target):
        """Removes the module at a path; whether there was one."""
        *way, name = target.split(".")
        at = self
        for part in way:
            at = getattr(at, part, None)
            if not isinstance(at, nn.Module):
                return False
        if not isinstance(getattr(at, name, None), nn.Module):
            return False
        delattr(at, name)
        return True

    def delete_all_unused_submodules(self):
        """Removes the submodules that no node of the graph names."""
        used = set()
        for node in self.graph.nodes:
            if node.op in ("call_module", "get_attr"):
                parts = node.target.split(".")
                used.update(".".join(parts[:i]) for i in range(1, len(parts) + 1))
                if node.op == "call_module":
                    used.update(f"{node.target}.{name}" for name, _ in self.get_submodule(node.target).named_modules())
        for name in [name for name, _ in self.named_modules() if name and name not in used]:
            self.delete_submodule(name)

    # ---- copies and files

    def __deepcopy__(self, memo):
        holder = nn.Module()
        holder.__dict__.update(copy.deepcopy({k: v for k, v in self.__dict__.items() if k != "_graph"}, memo))
        made = GraphModule(holder, copy.deepcopy(self._graph), type(self).__name__)
        made.__dict__.update({k: v for k, v in holder.__dict__.items() if k not in ("_graph", "_code")})
        memo[id(self)] = made
        return made

    def __copy__(self):
        made = GraphModule(self, self._graph, type(self).__name__)
        self._graph.owning_module = self
        return made

    def __reduce__(self):
        state = {k: v for k, v in self.__dict__.items() if k not in ("_graph", "_code")}
        return _rebuild, (state, self._graph, type(self).__name__)

    def to_folder(self, folder, module_name="FxModule"):
        """Writes the module as a package: module.py with its code, state.pt with all that it holds."""
        os.makedirs(folder, exist_ok=True)
        cygrad.save(self, os.path.join(folder, "module.pt"))
        with open(os.path.join(folder, "module.py"), "w") as file:
            file.write(
                "import os\n\nimport torch\n\n\n"
                f"def {module_name}():\n"
                '    path = os.path.join(os.path.dirname(__file__), "module.pt")\n'
                "    return torch.load(path, weights_only=False)\n\n\n" + _commented(self.code)
            )
        with open(os.path.join(folder, "__init__.py"), "w") as file:
            file.write("from .module import *\n")

    def print_readable(self, print_output=True, include_stride=False, include_device=False, colored=False, *,
                       fast_sympy_print=False, expanded_def=False, additional_meta=None):  # fmt: skip
        """Prints (and returns) the code as a class, with those of submodules that are GraphModules."""
        code = self._graph.python_code("self", verbose=True).src.lstrip("\n")
        name = type(self).__name__
        text = f"class {name}(torch.nn.Module):\n" + "\n".join(
            f"    {line}" if line.strip() else "" for line in code.rstrip().split("\n")
        )
        for child in self.children():
            if isinstance(child, GraphModule):
                inner = child.print_readable(print_output=False).rstrip()
                text += "\n\n" + "\n".join(f"    {line}" if line else "" for line in inner.split("\n"))
        if print_output:
            print(text + "\n")
        return text + "\n"

    def __str__(self):
        hint = "# To see more debug info, please use `graph_module.print_readable()`"
        return "\n".join([super().__repr__(), self._code, hint])


def _commented(code):
    return "".join(f"# {line}\n" if line else "#\n" for line in code.strip().split("\n"))


def _rebuild(state, graph, name):
    holder = nn.Module()
    holder.__dict__.update(state)
    made = GraphModule(holder, graph, name)
    made.__dict__.update(state)
    return made
