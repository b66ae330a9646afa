"""Utilities around tensors; the submodules are imported when they are first used."""

import importlib
import importlib.util

from . import data

__all__ = ["data"]


def __getattr__(name: str):
    full = f"{__name__}.{name}"
    if name.startswith("__") or importlib.util.find_spec(full) is None:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return importlib.import_module(full)
