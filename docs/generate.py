"""Writes the pages that come from the library itself into docs/_generated: the reference of every public name, the
table of what is supported, the differences from PyTorch, pictures.
"""

import functools
import importlib
import inspect
import re
import shutil
import tomllib
from pathlib import Path

import cygrad as torch
from cygrad import viz
from cygrad._table import rows

# Modules of the reference, by chapter.
CHAPTERS = {
    "Tensors and functions": "cygrad cygrad.Tensor cygrad.linalg cygrad.fft cygrad.special cygrad.signal.windows "
    "cygrad.sparse cygrad.masked cygrad.random",
    "Networks": "cygrad.nn cygrad.nn.functional cygrad.nn.init cygrad.nn.utils cygrad.nn.utils.rnn "
    "cygrad.nn.utils.parametrizations cygrad.nn.utils.parametrize cygrad.nn.utils.prune cygrad.nn.attention",
    "Training": "cygrad.optim cygrad.optim.lr_scheduler cygrad.optim.swa_utils cygrad.autograd "
    "cygrad.autograd.functional cygrad.func cygrad.amp cygrad.distributions cygrad.distributions.transforms "
    "cygrad.distributions.constraints",
    "Data and files": "cygrad.utils.data cygrad.utils.tensorboard cygrad.utils.checkpoint cygrad.hub "
    "cygrad.vision.datasets cygrad.vision.models cygrad.vision.transforms cygrad.vision.transforms.v2 "
    "cygrad.vision.ops cygrad.vision.utils cygrad.vision.io",
    "Machines": "cygrad.opencl cygrad.cuda cygrad.accelerator cygrad.cpu cygrad.backends cygrad.distributed "
    "cygrad.multiprocessing cygrad.profiler cygrad.utils.benchmark",
    "More": "cygrad.viz cygrad.onnx cygrad.testing cygrad.overrides cygrad.library cygrad.futures cygrad.jit "
    "cygrad.compiler",
}
ADDRESS = re.compile(r" at 0x[0-9a-f]+")
SPECIAL = re.compile(r"([\\*_`|<>\[\]])")


def public(module):
    """The public names of a module or class that stand in it: not its submodules, nor what it imports from Python."""
    names = {*getattr(module, "__all__", dir(module)), *getattr(module, "_ELSEWHERE", ())}
    if module is torch.Tensor:
        names = set(dir(module))
    for name in sorted(names, key=lambda n: (n.lower(), n)):
        value = getattr(module, name, None)
        if name.startswith("_") or value is None or inspect.ismodule(value):
            continue
        home = getattr(value, "__module__", None)
        if isinstance(home, str) and home.split(".")[0] not in ("cygrad", "torch", "builtins"):
            continue
        if home == "builtins" and isinstance(value, type):
            continue
        yield name, value


def escaped(text):
    """A line of a docstring as reStructuredText: what stands in backticks is code, nothing else has a meaning."""
    parts = re.split(r"(``[^`]+``|`[^`]+`|\$[^$]+\$)", text)
    made = ""
    for i, part in enumerate(parts):
        code = part.strip("`$").strip() if i % 2 else ""
        if code and not code.endswith("\\"):
            before = "\\ " if made and not made[-1].isspace() and made[-1] not in "([{<\"'/-" else ""
            after = "\\ " if parts[i + 1][:1].isalnum() else ""
            made += f"{before}``{code}``{after}"
        else:
            made += SPECIAL.sub(r"\\\1", part)
    return made


def as_rst(doc, indent="   "):
    """A docstring as reStructuredText; indented parts and examples are code."""
    doc = inspect.cleandoc(doc or "")
    lines, code = [], False
    for paragraph in re.split(r"\n\s*\n", doc):
        if not paragraph.strip():
            continue
        first = paragraph.split("\n")[0]
        if first.startswith(">>>") or first.startswith(" "):
            lines += ["", ".. code-block:: pycon" if first.strip().startswith(">>>") else ".. code-block:: text", ""]
            lines += ["   " + line for line in paragraph.split("\n")] + [""]
            code = True
            continue
        text, code, item = [], False, False
        for line in paragraph.split("\n"):
            if line.startswith(">>>") and not code:
                lines += [*text, "", ".. code-block:: pycon", ""]
                text, code = [], True
            name, colon, rest = line.partition(": ")
            if code:
                lines.append("   " + line)
            elif colon and indent and re.fullmatch(r"(?!Returns|Raises)[*]{0,2}\w+(, [*]{0,2}\w+)*", name):
                text += ["", f"- ``{name}``: {escaped(rest)}"]
                item = True
            elif re.match(r"(Returns|Raises)\b", line):
                text += ["", escaped(line)]
                item = False
            else:
                text.append("  " * (item or line.startswith(" ")) + escaped(line.strip()))
        lines += [*text, ""]
    return "\n".join(indent + line if line else "" for line in lines)


def signature(value):
    try:
        found = inspect.signature(value)
        found = found.replace(
            parameters=[p.replace(annotation=inspect.Parameter.empty) for p in found.parameters.values()],
            return_annotation=inspect.Signature.empty,
        )
    except (ValueError, TypeError):
        return "(...)"
    text = re.sub(r"<module '(\w+)'[^>]*>", r"\1", ADDRESS.sub("", str(found)))
    return re.sub(r"<(?:class |function |object )?'?([\w. ]+)'?[^>]*>", r"\1", text)


def entry(prefix, name, value, kind):
    """One name of the reference, as reStructuredText."""
    method = kind == "method"
    directive = "class" if isinstance(value, type) else kind if callable(value) else "attribute" if method else "data"
    head = signature(value) if callable(value) else ""
    if directive == "class" and issubclass(value, Exception):
        directive, head = "exception", ""
    lines = [f".. py:{directive}:: {prefix}.{name}{head}", "", ""]
    doc = inspect.getdoc(value) if callable(value) or method else None
    if not callable(value) and not method:
        doc = f"``{ADDRESS.sub('', repr(value))[:200]}``" if not isinstance(value, (dict, list, set)) else None
        lines.append(f"   {doc or ''}")
    else:
        lines.append(as_rst(doc))
    if directive == "class":
        methods = [
            (n, m) for n, m in vars(value).items()
            if not n.startswith("_") and (inspect.isfunction(m) or isinstance(m, property)) and inspect.getdoc(m)
        ]  # fmt: skip
        for n, m in sorted(methods):
            if isinstance(m, property):
                lines += ["", f"   .. py:property:: {n}", "", as_rst(inspect.getdoc(m), "      ")]
            else:
                lines += ["", f"   .. py:method:: {n}{signature(m)}", "", as_rst(inspect.getdoc(m), "      ")]
    return "\n".join(lines) + "\n\n"


def reference(folder):
    """A page for each module, and the list of them."""
    names = 0
    index = ["# Reference", "",
             "Every public name, with its arguments. In programs that say `import torch`, `torch` stands for `cygrad` "
             "and `torchvision` for `cygrad.vision`.", ""]  # fmt: skip
    for chapter, modules in CHAPTERS.items():
        index += [f"## {chapter}", "", "```{toctree}", ":maxdepth: 1", ""]
        for path in modules.split():
            index.append(path)
            if path == "cygrad.Tensor":
                module, kind = torch.Tensor, "method"
            else:
                module, kind = importlib.import_module(path), "function"
            doc = "" if kind == "method" else as_rst(module.__doc__, "")
            parts = [f"{path}\n{'=' * len(path)}\n\n.. py:currentmodule:: {path}\n\n{doc}\n\n"]
            groups = {}
            for name, value in public(module):
                groups.setdefault(group(path, name, value), []).append((name, value))
                names += 1
            for title, members in sorted(groups.items(), key=lambda item: (item[0] in LAST, item[0])):
                if len(groups) > 1:
                    parts.append(f"{title}\n{'-' * len(title)}\n\n")
                parts += [entry(path, name, value, kind) for name, value in members]
            write(folder / f"{path}.rst", "".join(parts))
        index += ["```", ""]
    write(folder / "index.md", "\n".join(index))
    return names


LAST = ("Attributes and constants", "Dtypes", "Others", "Types")
TITLES = {
    "from_rows": "Elementwise", "elementwise": "Elementwise",
    "factories": "Making tensors", "sequences": "Making tensors",
    "bridge": "Making tensors", "dlpack": "Making tensors", "draws": "Random numbers", "random": "Random numbers",
    "reductions": "Reductions", "_reduce": "Reductions", "shape": "Shapes, joining and splitting",
    "indexing": "Indexing, sorting and choosing", "products": "Products", "_torch": "Linear algebra",
    "windows": "Windows", "spectral": "Spectra", "nn": "Networks",
}  # fmt: skip


def group(path, name, value):
    """The heading that a name of the package goes under: by the module that it is defined in."""
    if path not in ("cygrad", "cygrad.Tensor"):
        return ""
    if isinstance(value, torch.dtype):
        return "Dtypes"
    if isinstance(value, type):
        return "Types" if path == "cygrad" else "Others"
    if not callable(value):
        return "Attributes and constants"
    if name.rstrip("_") in rows.aliases():
        return "Elementwise" if not rows.by_name[rows.aliases()[name.rstrip("_")][0]].start else "Reductions"
    home = getattr(getattr(value, "__wrapped__", value), "__module__", None) or ""
    return TITLES.get(home.rpartition(".")[2], "Others")


# ---------------------------------------------------------------- what is supported

DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64", "complex64",
          "complex128"]  # fmt: skip
SHORT = {"bool": DTYPES[:1], "integers": DTYPES[1:6], "float16, bfloat16": DTYPES[6:8],
         "float32, float64": DTYPES[8:10], "complex": DTYPES[10:]}  # fmt: skip


def _works(call, *arguments):
    try:
        call(*arguments)
    except Exception:  # an operator may refuse a dtype in any way
        return False
    return True


def _operands(row, dtype, grad=False):
    """Small operands of a dtype for a row, inside its domain."""
    made = []
    for i in range(row.arity):
        domain = row.domain
        if domain and isinstance(domain[0], (tuple, list)):
            domain = domain[i]
        if not getattr(torch, dtype).is_floating_point and not getattr(torch, dtype).is_complex:
            made.append(torch.ones(3, dtype=getattr(torch, dtype)))
            continue
        low, high = domain or (0.2, 0.9)
        x = torch.linspace(low + 0.1 * (high - low), high - 0.1 * (high - low), 3, dtype=torch.float64)
        made.append(x.to(getattr(torch, dtype)).requires_grad_(grad))
    return made


def support():
    """[(public names, {column: mark})] of the rows: dtypes by trying them, the rest by the row and by trying."""
    found, by_row = [], {}
    for name, (row, forms) in rows.aliases().items():
        if "f" in forms:
            by_row.setdefault(row, []).append(name)
        elif "s" in forms:
            by_row.setdefault(row, []).append("special." + name.removeprefix("special."))
    for row in rows.ROWS:
        if row.name not in by_row or row.start or row.signature is not None and row.arity > 2:
            continue
        names = by_row[row.name]
        function = functools.reduce(getattr, names[0].split("."), torch)
        marks = {title: all(_works(function, *_operands(row, d)) for d in dtypes) for title, dtypes in SHORT.items()}
        marks["OpenCL"] = True  # each row's kernels are made of the one text for both
        x = _operands(row, "float64", grad=True)
        marks["gradient"] = _works(_first, function, x)
        marks["second"] = marks["gradient"] and _works(_second, function, x)
        marks["forward mode"] = marks["gradient"] and _works(_forward, function, x)
        found.append((names, marks))
    return found


def _first(function, x):
    return torch.autograd.grad(function(*x).sum(), x)


def _forward(function, x):
    x = tuple(t.detach() for t in x)
    return torch.func.jvp(function, x, tuple(torch.ones_like(t) for t in x))


def _second(function, x):
    first = torch.autograd.grad(function(*x).sum(), x, create_graph=True)
    total = sum((g * g).sum() for g in first)
    return total if not total.requires_grad else torch.autograd.grad(total, x, allow_unused=True)


def primitives():
    """[(name, what it does, whether OpenCL has it)] of what a device does beyond the table."""
    from cygrad import cl
    from cygrad._devices import primitives as contract

    listed = [n for n, f in vars(contract).items() if inspect.isfunction(f) and not n.startswith("_")]
    return [(name, inspect.getdoc(getattr(contract, name)) or "", hasattr(cl, name)) for name in sorted(listed)]


def support_page(path):
    table = support()
    columns = list(table[0][1])
    lines = ["# What is supported", "",
             f"Made from the table of operators: {len(table)} elementwise operators, each tried on each dtype when "
             "this page was built. *second* is the gradient of the gradient. OpenCL kernels are made of the same text "
             "as the CPU's, for the same dtypes; float64 needs a device that has it.", "",
             "| operator | " + " | ".join(columns) + " |", "|---|" + ":-:|" * len(columns)]  # fmt: skip
    for names, marks in table:
        cells = " | ".join("✓" if marks[c] else "" for c in columns)
        lines.append(f"| {', '.join(f'`{n}`' for n in names)} | {cells} |")
    lines += ["", "## Primitives", "",
              "What is no row of the table is composed of others, or is one of these. The CPU has them all. Operators "
              "without a primitive of their own run on every device, and differentiate any number of times.", "",
              "| primitive | what it does | OpenCL |", "|---|---|:-:|"]  # fmt: skip
    for name, doc, there in primitives():
        first = re.sub(r"([|<*_])", r"\\\1", " ".join(doc.split("\n\n")[0].split()).replace("`", ""))
        lines.append(f"| `{name}` | {first} | {'✓' if there else ''} |")
    write(path, "\n".join(lines) + "\n")


# ---------------------------------------------------------------- differences, pictures


def differences_page(path, source):
    with open(source, "rb") as file:
        entries = tomllib.load(file)["difference"]
    lines = ["| | here | PyTorch | why |", "|---|---|---|---|"]
    lines += [f"| **{e['name']}** | {e['here']} | {e['pytorch']} | {e['why']} |" for e in entries]
    write(path, "\n".join(lines) + "\n")


def pictures(folder):
    """The graph of an expression and of a network."""
    if shutil.which("dot") is None:
        for name in ("graph", "network"):
            write(folder / f"{name}.svg", '<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>')
        return
    w, x, b = (torch.ones(n, requires_grad=True) for n in (3, 3, 1))
    loss = ((w * x).sum() + b).sigmoid().log().neg().sum()
    write(folder / "graph.svg", viz.graph(loss, {"w": w, "x": x, "b": b}).render("svg").decode())
    net = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(144, 10))
    write(folder / "network.svg", viz.graph(net(torch.rand(1, 1, 8, 8)), net).render("svg").decode())


def included(folder, root):
    """Pages of the checkout's own files."""
    for name in ("CHANGELOG.md", "SECURITY.md"):
        path = root / name
        text = path.read_text() if path.exists() else f"# {path.stem.title()}\n\n{name} is not there yet.\n"
        write(folder / name.lower(), text.replace("](docs/", "](../"))  # links to pages of this site


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def main(here):
    made = Path(here) / "_generated"
    names = reference(made / "reference")
    support_page(made / "support.md")
    differences_page(made / "differences.md", Path(here) / "differences.toml")
    pictures(made)
    included(made, Path(here).parent)
    write(made / "count.txt", f"{names}\n")
    return names


if __name__ == "__main__":
    print(main(Path(__file__).parent), "names in the reference")
