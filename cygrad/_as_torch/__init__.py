"""cygrad under the name `torch`: the finder, the shim that other processes find, and names of what is not here.

May use the package as its users do.
Must not be needed by it: all of cygrad works without.
"""

from .names import install_as_torch

__all__ = ["install_as_torch"]
