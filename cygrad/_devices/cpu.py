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
from cygrad._kernels.scan import scan
from cygrad._kernels.sort import bincount, choose, histc, order_rows, run_places, runs, search, sort

__all__ = [
    "bincount", "choose", "column_sum", "compress", "coordinates", "dot", "gather", "gemm", "gemv", "histc",
    "interleave", "linear", "linear_index", "masked_put", "order_rows", "positions", "run_places", "runs", "scan",
    "scatter", "search", "sort", "triangle", "triangle_indices", "where",
]  # fmt: skip
