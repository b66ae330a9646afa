"""torch.functional: the functions of torch that PyTorch writes in Python."""

import cygrad

__all__ = [
    "align_tensors", "atleast_1d", "atleast_2d", "atleast_3d", "block_diag", "broadcast_shapes", "broadcast_tensors",
    "cartesian_prod", "cdist", "chain_matmul", "einsum", "lu", "meshgrid", "norm", "split", "stft", "tensordot",
    "unique", "unique_consecutive", "unravel_index",
]  # fmt: skip
__all__ = [name for name in __all__ if hasattr(cygrad, name)]
globals().update({name: getattr(cygrad, name) for name in __all__})
