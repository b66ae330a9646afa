"""The CPU's column of the primitives, as Python sees it: tests and tools read it.  Operators call `_kernels` directly."""

from cygrad._kernels.matmul import column_sum, dot, gemm, gemv, linear
from cygrad._kernels.scan import scan
from cygrad._kernels.sort import bincount, choose, histc, order_rows, run_places, runs, search, sort

__all__ = ["column_sum", "dot", "gemm", "gemv", "linear"]
__all__ += ["bincount", "choose", "histc", "order_rows", "run_places", "runs", "scan", "search", "sort"]
