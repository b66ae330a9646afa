"""The CPU's column of the primitives, as Python sees it: tests and tools read it.  Operators call `_kernels` directly."""

from cygrad._kernels.conv import convolve, convolve_input, convolve_weight
from cygrad._kernels.distance import distances, distances_gradient
from cygrad._kernels.matmul import column_sum, dot, gemm, gemv, linear
from cygrad._kernels.norm import batch_norm, batch_norm_gradient, normalize, normalize_gradient
from cygrad._kernels.optim import optimizer_step
from cygrad._kernels.pool import pool_average, pool_average_gradient, pool_max, pool_max_gradient
from cygrad._kernels.softmax import (
    cross_entropy,
    cross_entropy_gradient,
    nll,
    nll_gradient,
    softmax,
    softmax_gradient,
)

__all__ = ["batch_norm", "batch_norm_gradient", "column_sum", "convolve", "convolve_input", "convolve_weight",
           "cross_entropy", "cross_entropy_gradient", "distances", "distances_gradient", "dot", "gemm", "gemv",
           "linear", "nll", "nll_gradient", "normalize", "normalize_gradient", "optimizer_step", "pool_average",
           "pool_average_gradient", "pool_max", "pool_max_gradient", "softmax", "softmax_gradient"]  # fmt: skip
