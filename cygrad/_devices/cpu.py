"""The CPU's column of the primitives, as Python sees it: tests and tools read it.  Operators call `_kernels` directly."""

from cygrad._kernels.conv import convolve, convolve_input, convolve_weight
from cygrad._kernels.matmul import column_sum, dot, gemm, gemv, linear

__all__ = ["column_sum", "convolve", "convolve_input", "convolve_weight", "dot", "gemm", "gemv", "linear"]
