#!/usr/bin/env python3
"""Whether imports run one way, in Python and Cython alike: by the layers of pyproject.toml, and without circles.

import-linter keeps the same layers, but sees neither compiled modules nor what imports them.  An import counts wherever
it stands, inside a function too.  `import cygrad` alone is left aside in Python, where it stands for public names that
are looked up when they are used; a compiled module takes none.  Prints a line for each wrong arrow and each circle.
"""

import ast
import pathlib
import re
import sys
import tomllib

ROOT = pathlib.Path(__file__).parent.parent
SHIM = ROOT / "cygrad/_as_torch/shim"  # other processes run it, as their `torch`
TEXT = re.compile(r'"""(?:.|\n)*?"""|#.*')  # docstrings and comments
FROM = re.compile(r"^[ \t]*from\s+([.\w]+)\s+c?import\s+(\([^)]*\)|.*)", re.MULTILINE)
IMPORT = re.compile(r"^[ \t]*c?import\s+(.+)", re.MULTILINE)


def read_layers():
    """{subpackage: (height, whether others of its height may import it)}."""
    with open(ROOT / "pyproject.toml", "rb") as file:
        (contract,) = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    return {
        name.strip("() "): (height, ":" in row)
        for height, row in enumerate(reversed(contract["layers"]))
        for name in re.split(r"[|:]", row)
    }


def find_modules():
    """{module: its files}."""
    found = {}
    for path in sorted((ROOT / "cygrad").rglob("*")):
        if path.suffix in (".py", ".pyx", ".pxd") and SHIM not in path.parents:
            parts = path.relative_to(ROOT).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            found.setdefault(name, []).append(path)
    return found


def statements(path):
    """(line, module, with its leading dots, the names that are taken from it) of every import."""
    text = path.read_text()
    if path.suffix == ".py":
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom):
                yield node.lineno, "." * node.level + (node.module or ""), [a.name for a in node.names]
            elif isinstance(node, ast.Import):
                yield from ((node.lineno, alias.name, []) for alias in node.names)
            elif isinstance(node, ast.Call) and getattr(node.func, "attr", None) == "import_module":
                name = node.args[0]
                if isinstance(name, ast.Constant) and name.value.startswith("cygrad."):
                    yield node.lineno, name.value, []
        return
    text = TEXT.sub(lambda match: "\n" * match[0].count("\n"), text)
    for match in FROM.finditer(text):
        names = [part.split()[0] for part in match[2].strip("()").split(",") if part.strip()]
        yield text.count("\n", 0, match.start()) + 1, match[1], names
    for match in IMPORT.finditer(text):
        for part in match[1].split(","):
            yield text.count("\n", 0, match.start()) + 1, part.split()[0], []


def arrows(modules):
    """{module: {module of cygrad that it imports: where}}."""
    found = {module: {} for module in modules}
    for module, paths in modules.items():
        for path in paths:
            for line, target, names in statements(path):
                dots = len(target) - len(target.lstrip("."))
                if dots:
                    package = module.split(".") + ["_"] * (path.name == "__init__.py")
                    target = ".".join(package[:-dots] + [target[dots:]] * (len(target) > dots))
                if target.partition(".")[0] != "cygrad":
                    continue
                whole = [f"{target}.{name}" for name in names if f"{target}.{name}" in modules]
                if len(whole) < len(names) or not names:
                    while target not in modules:  # an attribute, or a module that is made when it is asked for
                        target = target.rpartition(".")[0]
                    whole.append(target)
                for other in whole:
                    found[module].setdefault(other, f"{path.relative_to(ROOT)}:{line}")
    return found


def wrong(module, other, compiled, layers):
    """What is wrong with an arrow between two modules, or None."""
    if other == "cygrad":
        return "a compiled module takes no public names" if compiled else None
    own, theirs = module.split(".")[1], other.split(".")[1]
    if own == theirs:
        return None
    (height, _), (above, shared) = layers[own], layers[theirs]
    if above > height:
        return f"{theirs} lies above {own}"
    return None if above < height or shared else f"{theirs} lies beside {own}"


def circles(found):
    """The sets of modules that import one another, by Tarjan's algorithm; the package itself is left aside."""
    number, low, waiting, sets = {}, {}, [], []

    def visit(module):
        number[module] = low[module] = len(number)
        waiting.append(module)
        for other in found[module]:
            if other in ("cygrad", module):
                continue
            if other not in number:
                visit(other)
            if other in waiting:
                low[module] = min(low[module], low[other])
        if low[module] == number[module]:
            sets.append(waiting[waiting.index(module) :])
            del waiting[waiting.index(module) :]

    for module in found:
        if module not in number and module != "cygrad":
            visit(module)
    return [sorted(members) for members in sets if len(members) > 1]


def main():
    layers, modules = read_layers(), find_modules()
    found = arrows(modules)
    rooms = {module.split(".")[1] for module in modules if "." in module}
    lines = [f"cygrad.{room}: no layer of pyproject.toml has it" for room in sorted(rooms - layers.keys())]
    lines += [f"cygrad.{room}: a layer of pyproject.toml, and not there" for room in sorted(layers.keys() - rooms)]
    for module in [] if lines else modules.keys() - {"cygrad"}:
        compiled = any(path.suffix != ".py" for path in modules[module])
        for other, where in found[module].items():
            reason = wrong(module, other, compiled, layers)
            if reason:
                lines.append(f"{where}: {module} imports {other}: {reason}")
    lines += [f"circle of {len(members)}: {' '.join(members)}" for members in circles(found)]
    print("\n".join(sorted(lines)), end="\n" if lines else "")
    return bool(lines)


if __name__ == "__main__":
    sys.exit(main())
