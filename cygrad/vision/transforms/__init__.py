"""Transforms of images, v1 (reached as torchvision.transforms); `v2` transforms whole samples."""

from . import autoaugment, functional, transforms
from .autoaugment import *  # noqa: F403
from .transforms import *  # noqa: F403

__all__ = [*autoaugment.__all__, *transforms.__all__, "autoaugment", "functional", "transforms", "v2"]


def __getattr__(name):
    if name == "v2":
        import importlib

        return importlib.import_module(".v2", __name__)
    raise AttributeError(f"module 'torchvision.transforms' has no attribute '{name}'")
