"""Checkpoints that all ranks write together: each a share, to be loaded onto any number of ranks.

A checkpoint is a folder: `__RANK_0.distcp`, what a rank has written, and `.metadata`, what is where. The files are
cygrad's own, as `torch.save` writes them; those of PyTorch's distributed checkpoints are laid out otherwise and cannot
be read.
"""

from ... import _standins
from ._saving import CheckpointException, async_save, load, load_state_dict, save, save_state_dict
from ._storage import FileSystemReader, FileSystemWriter

_WHY = "checkpoints are folders, of which each rank writes a share"
for _name in (
    "StorageReader()", "StorageWriter()", "SavePlanner()", "LoadPlanner()", "DefaultSavePlanner()",
    "DefaultLoadPlanner()", "HuggingFaceStorageReader()", "HuggingFaceStorageWriter()",
    "load_sharded_optimizer_state_dict",
):  # fmt: skip
    globals()[_name.removesuffix("()")] = _standins.stand_in(f"distributed.checkpoint.{_name}", _WHY)

__all__ = [
    "CheckpointException",
    "FileSystemReader",
    "FileSystemWriter",
    "async_save",
    "load",
    "load_state_dict",
    "save",
    "save_state_dict",
]


def __getattr__(name):
    return _standins.submodule("distributed.checkpoint", name)
