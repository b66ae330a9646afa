"""With this folder on PYTHONPATH, `import torch` means cygrad, in a program and in its workers."""

import importlib
import importlib.abc
import importlib.machinery
import sys


class AsTorch(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Answers `torch.x.y` with the very module `cygrad.x.y`, not with a second copy of it."""

    def find_spec(self, name, path=None, target=None):
        return importlib.machinery.ModuleSpec(name, self) if name.startswith("torch.") else None

    def create_module(self, spec):
        module = importlib.import_module("cygrad" + spec.name.removeprefix("torch"))
        # The import system writes over the module's own spec; exec_module puts it back.
        spec.loader_state = module.__spec__, module.__loader__, module.__package__
        return module

    def exec_module(self, module):
        module.__spec__, module.__loader__, module.__package__ = module.__spec__.loader_state


sys.meta_path.insert(0, AsTorch())
sys.modules["torch"] = importlib.import_module("cygrad")
