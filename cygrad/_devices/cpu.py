"""The CPU's column of the primitives, as tests and tools see it.  Operators call `_kernels` directly."""

from cygrad._kernels.index import (
    compress,
    coordinates,
    gather,
    interleave,
    linear_index,
    masked_put,
    positions,
    scatter,
    triangle,
    triangle_indices,
    where,
)
from cygrad._kernels.matmul import column_sum, dot, gemm, gemv, linear

__all__ = [
    "column_sum", "compress", "coordinates", "dot", "gather", "gemm", "gemv", "interleave", "linear", "linear_index",
    "masked_put", "positions", "scatter", "triangle", "triangle_indices",
    "where",
]  # fmt: skip
