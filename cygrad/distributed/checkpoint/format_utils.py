"""From a checkpoint of several ranks to one file of `torch.save`, and back."""

import cygrad

from ._saving import save
from ._storage import FileSystemReader

__all__ = ["dcp_to_torch_save", "torch_save_to_dcp"]


def dcp_to_torch_save(dcp_checkpoint_dir, torch_save_path):
    """Writes one file with all that the checkpoint holds, by its flat keys."""
    reader = FileSystemReader(dcp_checkpoint_dir)
    files, result = {}, {}
    for key, place in reader.read_metadata().items():
        if place["file"] not in files:
            files[place["file"]] = reader.read(place["file"])
        result[key] = files[place["file"]][key]
    cygrad.save(result, torch_save_path)


def torch_save_to_dcp(torch_save_path, dcp_checkpoint_dir):
    """Writes a checkpoint of what a file of `torch.save` holds."""
    save(cygrad.load(torch_save_path, weights_only=False), checkpoint_id=dcp_checkpoint_dir, no_dist=True)
