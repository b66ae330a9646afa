"""torch.functional: the functions of torch that PyTorch writes in Python."""

import cygrad

_NAMES = frozenset(
    """align_tensors atleast_1d atleast_2d atleast_3d block_diag broadcast_shapes broadcast_tensors cartesian_prod cdist
    chain_matmul einsum istft lu meshgrid norm pca_lowrank split stft svd_lowrank tensordot unique unique_consecutive
    unravel_index""".split()
)


def __getattr__(name):
    if name in _NAMES:
        return getattr(cygrad, name)
    raise AttributeError(f"module 'torch.functional' has no attribute '{name}'")


def __dir__():
    return sorted(_NAMES)
