"""Where modules stand now that pickles of earlier versions name: `cygrad._bridge` became `cygrad._creation.bridge`.

Such a pickle imports the old name; the finder answers with a module whose attributes are those of the new one.
"""

import importlib
import importlib.machinery
import sys

# What a pickle can name: rebuilding functions, and classes and functions that have no public place.
MOVED = {
    "cygrad._bridge": "cygrad._creation.bridge",
    "cygrad._dlpack": "cygrad._creation.dlpack",
    "cygrad._draws": "cygrad._operators.generators",
    "cygrad._misc": "cygrad._fronts.misc",
    "cygrad._return_types": "cygrad.return_types",
    "cygrad._sparse": "cygrad.sparse._tensors",
    "cygrad._to_sparse": "cygrad.sparse._making",
}


class _Finder:
    """Answers for the old names alone."""

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return importlib.machinery.ModuleSpec(name, cls) if name in MOVED else None

    @staticmethod
    def create_module(spec):
        return None

    @staticmethod
    def exec_module(module):
        present = importlib.import_module(MOVED[module.__name__])
        module.__getattr__ = lambda name: getattr(present, name)


sys.meta_path.append(_Finder)
