"""cygrad under the names `torch` and `torchvision`: what `install_as_torch` and `python -m cygrad` do.

There is one module object for both names: `torch.nn is cygrad.nn`.  From the call on, modules, classes and functions go
by PyTorch's names, so that they print and pickle as PyTorch's do.

Processes started later get there by the folder `shim`, which is put on `sys.path` (multiprocessing hands it on to the
children that it spawns) and on PYTHONPATH (for all others): its `torch.py` calls `install_as_torch` when it is
imported.  The folder also holds what `importlib.metadata` reads: the versions of `torch` and `torchvision`.
"""

import importlib
import importlib.machinery
import importlib.util
import os
import sys
import types

import cygrad

SHIM = os.path.join(os.path.dirname(__file__), "shim")
_PACKAGES = {"torchvision": "cygrad.vision", "torch": "cygrad"}


def _own(name):
    """The name in cygrad of a module of torch or torchvision; None for any other."""
    root, dot, rest = name.partition(".")
    return _PACKAGES[root] + dot + rest if root in _PACKAGES else None


def _theirs(name):
    """The name in PyTorch of a module of cygrad."""
    for theirs, own in _PACKAGES.items():
        if name == own or name.startswith(own + "."):
            return theirs + name.removeprefix(own)
    return name


def _rename(module):
    """Gives a module, and what it defines, the names that they have in PyTorch.

    `__package__` and `__spec__` stay: the module's own relative imports go by them. Libraries such as cloudpickle look
    into sys.modules for the name.
    """
    own, module.__name__ = module.__name__, _theirs(module.__name__)
    sys.modules.setdefault(module.__name__, module)
    kinds = (type, types.FunctionType, type(cygrad.relu), type(cygrad.get_num_threads))
    for name, value in list(vars(module).items()):
        if isinstance(value, kinds) and value.__module__ and value.__module__.startswith("cygrad"):
            public = value.__module__.startswith("cygrad._") and vars(cygrad).get(name) is value
            if public or value.__module__ == own:
                value.__module__ = "torch" if public else module.__name__


class _Alias:
    """Loads `torch.x` as the very module `cygrad.x`."""

    @staticmethod
    def create_module(spec):
        module = importlib.import_module(_own(spec.name))
        spec.loader_state = module.__spec__  # the import system writes over it
        return module

    @staticmethod
    def exec_module(module):
        module.__spec__ = module.__spec__.loader_state
        # What is loaded is not to be imported again: that would set it on its package, over a function of its name
        # (torch.multiprocessing.spawn).
        for name, loaded in list(sys.modules.items()):
            if name.startswith(module.__spec__.name + "."):
                sys.modules.setdefault(_theirs(name), loaded)


class _Renaming:
    """A loader that renames what another loader made: at the end of the outermost import.

    Until then modules of cygrad know each other by their own names.
    """

    _loaded, _depth = [], 0

    def __init__(self, loader):
        self._loader = loader

    def __getattr__(self, name):
        return getattr(self._loader, name)

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module):
        _Renaming._depth += 1
        try:
            self._loader.exec_module(module)
            self._loaded.append(module)
        finally:
            _Renaming._depth -= 1
            while not _Renaming._depth and self._loaded:
                _rename(self._loaded.pop())


class _Finder:
    """Answers for torch.* and torchvision.*, and for the modules of cygrad that are not loaded yet."""

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name.startswith("cygrad."):
            for finder in sys.meta_path:
                spec = None if finder is cls else finder.find_spec(name, path, target)
                if spec is not None:
                    if spec.loader is not None:
                        spec.loader = _Renaming(spec.loader)
                    return spec
            return None
        own = _own(name)
        if own is None or not (own in sys.modules or importlib.util.find_spec(own)):
            return None
        return importlib.machinery.ModuleSpec(name, _Alias)


def install_as_torch():
    """Makes `import torch` and `import torchvision` mean cygrad, in this process and in those that it starts.

    It may be called again. RuntimeError if another torch has already been imported.
    """
    if _Finder in sys.meta_path:
        return
    for name in _PACKAGES:
        present = getattr(sys.modules.get(name), "__file__", None)
        if present and os.path.dirname(present) != SHIM:
            raise RuntimeError(
                f"install_as_torch(): another {name} has already been imported, from {present}; "
                "call cygrad.install_as_torch() before anything imports it"
            )
    sys.meta_path.insert(0, _Finder)
    for name, module in list(sys.modules.items()):
        if module is not None and name.partition(".")[0] == "cygrad":
            _rename(module)
    sys.modules["torch"] = cygrad
    if SHIM not in sys.path:
        sys.path.insert(1, SHIM)  # after the program's own folder, before an installed torch
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if SHIM not in paths:
        os.environ["PYTHONPATH"] = os.pathsep.join([SHIM, *filter(None, paths)])
