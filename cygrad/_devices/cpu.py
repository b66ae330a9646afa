"""The CPU's column of the primitives, as tests and tools see it.  Operators call `_kernels` directly."""

from cygrad._kernels.matmul import column_sum, dot, gemm, gemv, linear

__all__ = ["column_sum", "dot", "gemm", "gemv", "linear"]
