"""Checkpoints that all ranks write together: each a share, to be loaded onto any number of ranks.

A checkpoint is a folder: `__RANK_0.distcp`, what a rank has written, and `.metadata`, what is where. The files are laid
out as PyTorch's: each library reads what the other has written, sharded tensors too.
"""

from ... import _standins
from ._saving import CheckpointException, async_save, load, load_state_dict, save, save_state_dict
from ._storage import FileSystemReader, FileSystemWriter
from .metadata import (
    BytesStorageMetadata,
    ChunkStorageMetadata,
    Metadata,
    TensorStorageMetadata,
)

_WHY = "checkpoints are folders, of which each rank writes a share"
for _name in (
    "StorageReader()", "StorageWriter()", "SavePlanner()", "LoadPlanner()", "DefaultSavePlanner()",
    "DefaultLoadPlanner()", "HuggingFaceStorageReader()", "HuggingFaceStorageWriter()",
    "load_sharded_optimizer_state_dict",
):  # fmt: skip
    globals()[_name.removesuffix("()")] = _standins.stand_in(f"distributed.checkpoint.{_name}", _WHY)

__all__ = [
    "BytesStorageMetadata",
    "CheckpointException",
    "ChunkStorageMetadata",
    "FileSystemReader",
    "FileSystemWriter",
    "Metadata",
    "TensorStorageMetadata",
    "async_save",
    "load",
    "load_state_dict",
    "save",
    "save_state_dict",
]


def __getattr__(name):
    return _standins.submodule("distributed.checkpoint", name)
