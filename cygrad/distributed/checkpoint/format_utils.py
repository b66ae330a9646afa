"""From a checkpoint of several ranks to one file of `torch.save`, and back."""

import cygrad

from ._saving import save
from ._storage import FileSystemReader

__all__ = ["dcp_to_torch_save", "torch_save_to_dcp"]


def dcp_to_torch_save(dcp_checkpoint_dir, torch_save_path):
    """Writes one file of the nested dict that was saved."""
    reader, result = FileSystemReader(dcp_checkpoint_dir), {}
    metadata = reader.read_metadata()
    for key in metadata.state_dict_metadata:
        path = (metadata.planner_data or {}).get(key, (key,))
        _put(result, path, reader.read(key))
    cygrad.save(result, torch_save_path)


def _put(container, path, value):
    """Puts the value at its path in nested dicts and, where keys are numbers, lists."""
    for key, after in zip(path, [*path[1:], None], strict=True):
        if after is None:
            inner = value
        else:
            inner = [] if isinstance(after, int) else {}
        if isinstance(container, list):
            container.extend([None] * (key + 1 - len(container)))
            if after is None or container[key] is None:
                container[key] = inner
        elif after is None or key not in container:
            container[key] = inner
        container = container[key]


def torch_save_to_dcp(torch_save_path, dcp_checkpoint_dir):
    """Writes a checkpoint of what a file of `torch.save` holds."""
    save(cygrad.load(torch_save_path, weights_only=False), checkpoint_id=dcp_checkpoint_dir, no_dist=True)
