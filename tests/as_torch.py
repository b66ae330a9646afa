"""Runs a program in which `import torch` means cygrad: python as_torch.py PROGRAM [ARGUMENT ...]."""

import importlib
import importlib.abc
import importlib.machinery
import runpy
import sys


class AsTorch(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Answers `torch` and `torch.x.y` with the very modules `cygrad` and `cygrad.x.y`."""

    def find_spec(self, name, path=None, target=None):
        if name == "torch" or name.startswith("torch."):
            return importlib.machinery.ModuleSpec(name, self)
        return None

    def create_module(self, spec):
        module = importlib.import_module("cygrad" + spec.name.removeprefix("torch"))
        # The import system writes the new name over the module's own spec; exec_module puts it back.
        self.kept = module.__spec__, module.__loader__, getattr(module, "__package__", None)
        return module

    def exec_module(self, module):
        module.__spec__, module.__loader__, module.__package__ = self.kept


if __name__ == "__main__":
    sys.meta_path.insert(0, AsTorch())
    del sys.argv[0]
    runpy.run_path(sys.argv[0], run_name="__main__")
