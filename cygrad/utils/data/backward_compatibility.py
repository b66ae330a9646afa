"""torch.utils.data.backward_compatibility."""

import warnings

__all__ = ["worker_init_fn"]


def worker_init_fn(worker_id):
    """Deprecated: the DataLoader deals data pipes out by itself."""
    warnings.warn(
        "Usage of backward_compatibility.worker_init_fn is deprecated as DataLoader automatically applies sharding in "
        "every worker",
        stacklevel=2,
    )
