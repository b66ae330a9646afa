"""How tensors come about: factory functions, sequences, NumPy's arrays and Python's lists, DLPack, storages.

May use the core and the executor.
Must not know operators beyond copies and casts, or anything above them.
"""

from .factories import is_tensor  # pickles of earlier versions name it here

__all__ = ["is_tensor"]
