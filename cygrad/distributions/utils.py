"""What the distributions share: broadcasting of parameters, probabilities and logits, triangular vectors."""

from numbers import Number

import cygrad

from .._core import Tensor
from ..autograd.grad_mode import enable_grad
from ..nn import functional as F

__all__ = [
    "broadcast_all", "clamp_probs", "lazy_property", "logits_to_probs", "probs_to_logits", "tril_matrix_to_vec",
    "vec_to_tril_matrix",
]  # fmt: skip

euler_constant = 0.57721566490153286060


def broadcast_all(*values):
    """The values as tensors of one shape; numbers take dtype and device of the tensors among them."""
    if not all(isinstance(v, (Number, Tensor)) for v in values):
        raise ValueError(
            "Input arguments must all be instances of Number, torch.Tensor or objects implementing "
            "__torch_function__."
        )
    if not all(isinstance(v, Tensor) for v in values):
        like = {"dtype": cygrad.get_default_dtype()}
        for v in values:
            if isinstance(v, Tensor):
                like = {"dtype": v.dtype, "device": v.device}
                break
        values = [v if isinstance(v, Tensor) else cygrad.tensor(v, **like) for v in values]
    return tuple(cygrad.broadcast_tensors(*values))


def standard_normal(shape, dtype, device):
    return cygrad.normal(
        cygrad.zeros(shape, dtype=dtype, device=device),
        cygrad.ones(shape, dtype=dtype, device=device),
    )


_standard_normal = standard_normal  # as libraries call it


def sum_rightmost(value, dim):
    """The sum over the last `dim` dimensions."""
    return value if dim == 0 else value.reshape(value.shape[: value.dim() - dim] + (-1,)).sum(-1)


def logits_to_probs(logits, is_binary=False):
    """Sigmoid of binary logits, else softmax over the last dimension."""
    return cygrad.sigmoid(logits) if is_binary else F.softmax(logits, dim=-1)


def clamp_probs(probs):
    """Probabilities kept off 0 and 1 by the dtype's eps."""
    eps = cygrad.finfo(probs.dtype).eps
    return probs.clamp(min=eps, max=1 - eps)


def probs_to_logits(probs, is_binary=False):
    """The log-odds of binary probabilities, else their logarithms; finite by `clamp_probs`."""
    clamped = clamp_probs(probs)
    return cygrad.log(clamped) - cygrad.log1p(-clamped) if is_binary else cygrad.log(clamped)


_sum_rightmost = sum_rightmost  # the name that libraries know


class lazy_property:
    """An attribute that is computed at its first reading, recording gradients whatever the mode."""

    def __init__(self, wrapped):
        self.wrapped = wrapped
        self.__doc__ = wrapped.__doc__

    def __get__(self, instance, owner=None):
        if instance is None:
            return self
        with enable_grad():
            value = self.wrapped(instance)
        setattr(instance, self.wrapped.__name__, value)
        return value


def tril_matrix_to_vec(mat, diag=0):
    """The elements on and below the diagonal `diag`, row by row: (..., n, n) to (..., k)."""
    n = mat.shape[-1]
    if not -n <= diag < n:
        raise ValueError(f"diag ({diag}) provided is outside [{-n}, {n - 1}].")
    rows, columns = cygrad.tril_indices(n, n, diag)
    return mat[..., rows, columns]


def vec_to_tril_matrix(vec, diag=0):
    """The matrix with zeros elsewhere that `tril_matrix_to_vec` takes apart into `vec`."""
    # k = n (n + 1) / 2 for diag = 0; n grows by one for each diagonal left out.
    k = vec.shape[-1]
    n = (-(1 + 2 * diag) + ((1 + 2 * diag) ** 2 + 8 * k + 4 * abs(diag) * (diag + 1)) ** 0.5) / 2
    if round(n) - n > cygrad.finfo(vec.dtype).eps:
        raise ValueError(
            f"The size of last dimension is {k} which cannot be expressed as the lower triangular part of a square D "
            "x D matrix."
        )
    n = round(n)
    rows, columns = cygrad.tril_indices(n, n, diag)
    matrix = vec.new_zeros(vec.shape[:-1] + (n, n))
    matrix[..., rows, columns] = vec
    return matrix
