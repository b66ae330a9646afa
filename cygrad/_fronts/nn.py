"""What `nn.functional` calls: the neural-network operators under one roof, each differentiable.

Arguments are PyTorch's.  Sizes of windows may be ints or tuples, one per spatial dimension.
"""

from cygrad._fronts.from_rows import FUNCTIONAL, row_function
from cygrad._operators import pool as _pool
from cygrad._operators.conv import convolution
from cygrad._operators.draws import dropout
from cygrad._operators.embedding import embedding
from cygrad._operators.loss import (
    cross_entropy,
    log_softmax,
    mse_loss,
    nll_loss,
    softmax,
)
from cygrad._operators.lstm import lstm_layer, suits as lstm_suits
from cygrad._operators.matmul import linear
from cygrad._operators.norm import batch_norm, group_norm, layer_norm

__all__ = ["FUNCTIONAL", "adaptive_avg_pool", "adaptive_max_pool", "avg_pool", "batch_norm", "convolution",
           "cross_entropy", "dropout", "embedding", "group_norm", "layer_norm", "linear", "log_softmax",
           "lstm_layer", "lstm_suits",
           "max_pool", "mse_loss", "nll_loss", "row_function", "softmax"]  # fmt: skip


def _dimensions(x, size):
    """How many dimensions a window has: as many as sizes, or all but batch and channel."""
    return x.dim() - 2 if isinstance(size, int) else len(size)


def max_pool(x, kernel, stride=None, padding=0, dilation=1, ceil_mode=False):
    """The maximum of every window, and its index in the plane (int64)."""
    return _pool.max_pool(x, kernel, stride, padding, dilation, ceil_mode, _dimensions(x, kernel))


def avg_pool(x, kernel, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None):
    """The average of every window."""
    return _pool.avg_pool(x, kernel, stride, padding, ceil_mode, count_include_pad, divisor_override,
                          _dimensions(x, kernel))


def adaptive_avg_pool(x, out_size):
    """The averages of out_size equal parts of the input."""
    return _pool.adaptive_avg_pool(x, out_size, _dimensions(x, out_size))


def adaptive_max_pool(x, out_size):
    """The maxima of out_size equal parts of the input, and their indices."""
    return _pool.adaptive_max_pool(x, out_size, _dimensions(x, out_size))

