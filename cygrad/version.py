"""Versions: of the PyTorch interface that is followed, and of the library itself."""

from .torch_version import TorchVersion

__version__ = TorchVersion("2.13.0")
cygrad = "0.1.0"
cuda = None
hip = None
git_version = "unknown"
debug = False
