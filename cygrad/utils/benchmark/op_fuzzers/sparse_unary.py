"""Inputs of operators of one sparse tensor."""

import cygrad

from ..utils.fuzzer import FuzzedParameter, Fuzzer, ParameterAlias
from ..utils.sparse_fuzzer import FuzzedSparseTensor

__all__ = ["UnaryOpSparseFuzzer"]
_POWERS = {2**i: 1 / 8 for i in range(4, 12)}


def parameters():
    """The sizes, the density, the sparse dimensions, and whether elements are coalesced."""
    return [
        FuzzedParameter("dim_parameter", distribution={1: 0.3, 2: 0.4, 3: 0.3}, strict=True),
        FuzzedParameter("sparse_dim", distribution={1: 0.4, 2: 0.4, 3: 0.2}, strict=True),
        *[FuzzedParameter(f"k_any_{i}", 16, 2048, distribution="loguniform") for i in range(3)],
        *[FuzzedParameter(f"k_pow2_{i}", distribution=_POWERS) for i in range(3)],
        *[
            FuzzedParameter(f"k{i}", distribution={
                ParameterAlias(f"k_any_{i}"): 0.8, ParameterAlias(f"k_pow2_{i}"): 0.2,
            }, strict=True)
            for i in range(3)
        ],
        FuzzedParameter("density", distribution={0.1: 0.4, 0.05: 0.3, 0.01: 0.3}),
        FuzzedParameter("coalesced", distribution={True: 0.5, False: 0.5}),
    ]  # fmt: skip


def tensor(name, dtype, cuda):
    """A sparse tensor of the shape that the parameters say."""
    return FuzzedSparseTensor(
        name, size=("k0", "k1", "k2"), dim_parameter="dim_parameter", sparse_dim="sparse_dim", min_elements=4 * 1024,
        max_elements=32 * 1024**2, density="density", coalesced="coalesced", dtype=dtype, cuda=cuda,
    )  # fmt: skip


class UnaryOpSparseFuzzer(Fuzzer):
    """A sparse tensor `x`."""

    def __init__(self, seed, dtype=cygrad.float32, cuda=False):
        super().__init__(parameters(), [tensor("x", dtype, cuda)], seed=seed)
