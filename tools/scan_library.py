#!/usr/bin/env python3
"""Which of PyTorch's names libraries use that cygrad can't resolve: `scan_library.py torchmetrics-1.9.0.whl timm/ ...`.

Reads the source of each wheel, archive or folder for chains that begin at torch (`torch.nn.functional.relu`, `F.relu`,
`from torch.utils.data import Dataset`), and looks every one up in cygrad. With PyTorch installed as well (`--peer`),
names that it does not have either are left out: they are of other versions. Runs none of the library.
"""

import argparse
import ast
import collections
import importlib
import pathlib
import sys
import tarfile
import warnings
import zipfile


def sources(path):
    """Yields (name, text) of the Python files of a wheel, an archive or a folder."""
    path = pathlib.Path(path)
    if path.is_dir():
        for file in sorted(path.rglob("*.py")):
            yield str(file.relative_to(path)), file.read_bytes()
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if name.endswith(".py"):
                    yield name, archive.read(name)
    else:
        with tarfile.open(path) as archive:
            for member in archive:
                if member.isfile() and member.name.endswith(".py"):
                    yield member.name, archive.extractfile(member).read()


class Chains(ast.NodeVisitor):
    """The chains of names that begin at torch in one file."""

    def __init__(self):
        self.bound = {}  # a name of the file -> what it stands for, "torch.nn.functional"
        self.found = set()

    def visit_Import(self, node):
        for alias in node.names:
            if alias.name.split(".")[0] == "torch":
                self.found.add(alias.name)
                self.bound[alias.asname or "torch"] = alias.name if alias.asname else "torch"

    def visit_ImportFrom(self, node):
        if node.level == 0 and (node.module or "").split(".")[0] == "torch":
            for alias in node.names:
                chain = node.module if alias.name == "*" else f"{node.module}.{alias.name}"
                self.found.add(chain)
                self.bound[alias.asname or alias.name] = chain

    def visit_Attribute(self, node):
        parts, root = [node.attr], node.value
        while isinstance(root, ast.Attribute):
            parts.append(root.attr)
            root = root.value
        if isinstance(root, ast.Name) and root.id in self.bound:
            self.found.add(".".join([self.bound[root.id], *reversed(parts)]))
        else:
            self.visit(root)


def chains(text):
    """The chains in a source; empty where it does not parse."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return set()
    visitor = Chains()
    # Imports stand anywhere, also behind what uses them.
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            visitor.visit(node)
    visitor.visit(tree)
    return visitor.found


def lacking(chain, package):
    """The part of a chain up to the first name that a package lacks, or None.

    Only modules and classes are looked into: what a value's attributes are is not known from outside.
    """
    parts = chain.split(".")
    found, path = importlib.import_module(package), package
    for i, part in enumerate(parts[1:], 2):
        if not isinstance(found, type) and not hasattr(found, "__path__") and not hasattr(found, "__spec__"):
            return None
        try:
            found = getattr(found, part)
        except (AttributeError, NotImplementedError):
            try:
                found = importlib.import_module(f"{path}.{part}")
            except Exception:
                return ".".join(parts[:i])
        path = f"{path}.{part}"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("libraries", nargs="+", help="wheels, archives or folders")
    parser.add_argument("--peer", action="store_true", help="leave out what the installed PyTorch lacks too")
    parser.add_argument("--files", action="store_true", help="say in which files")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    users = collections.defaultdict(dict)  # missing name -> library -> files
    known, total, clean = {}, 0, 0
    for library in options.libraries:
        uses = collections.defaultdict(list)
        for name, text in sources(library):
            for chain in chains(text):
                uses[chain].append(name)
        short, missing = pathlib.Path(library).name.split("-")[0], set()
        for chain, files in uses.items():
            if chain not in known:
                lost = lacking(chain, "cygrad")
                known[chain] = None if lost and options.peer and lacking(lost, "torch") else lost
            if known[chain]:
                missing.add(known[chain])
                users[known[chain]].setdefault(short, []).extend(files)
        total += len(uses)
        clean += not missing
        print(f"{short}: {len(uses) - len(missing)} of {len(uses)} names")
    for name, libraries in sorted(users.items(), key=lambda item: (-len(item[1]), item[0])):
        print(f"  {name}: {', '.join(sorted(libraries))}")
        if options.files:
            for library, files in sorted(libraries.items()):
                print(f"      {library}: {', '.join(sorted(set(files))[:5])}")
    distinct = len(known)
    lost = sum(1 for value in known.values() if value)
    print(f"{distinct - lost} of {distinct} distinct names")
    print(f"{clean} of {len(options.libraries)} libraries without a loss")
    return 1 if users else 0


if __name__ == "__main__":
    sys.exit(main())
