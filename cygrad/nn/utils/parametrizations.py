"""Ready parametrisations: weight norm, spectral norm, orthogonal matrices."""

import cygrad

from .. import functional as F
from ..module import Module
from . import parametrize
from .spectral_norm import as_matrix, check_iterations, output_dim
from .weight_norm import norm_except_dim


def _tensor_of(module, name):
    tensor = getattr(module, name, None)
    if not isinstance(tensor, cygrad.Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    return tensor


class _WeightNorm(Module):
    """weight = g v / ||v|| (Salimans and Kingma, 2016)."""

    def __init__(self, dim=0):
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g, weight_v):
        return weight_v * (weight_g / norm_except_dim(weight_v, self.dim))

    def right_inverse(self, weight):
        return norm_except_dim(weight, self.dim), weight


def weight_norm(module, name="weight", dim=0):
    """Parametrise a weight by magnitude (original0) and direction (original1)."""

    def upgrade(state_dict, prefix, *rest):
        # Files written with the older hook have name_g and name_v.
        for old, new in (("_g", "original0"), ("_v", "original1")):
            key = f"{prefix}{name}{old}"
            if key in state_dict:
                state_dict[f"{prefix}parametrizations.{name}.{new}"] = state_dict.pop(key)

    parametrize.register_parametrization(module, name, _WeightNorm(dim), unsafe=True)
    module._register_load_state_dict_pre_hook(upgrade)
    return module


class _SpectralNorm(Module):
    """weight / its largest singular value, by power iteration (Miyato et al., 2018)."""

    def __init__(self, weight, n_power_iterations=1, dim=0, eps=1e-12):
        super().__init__()
        count = weight.ndim
        if dim >= count or dim < -count:
            raise IndexError(
                f"Dimension out of range (expected to be in range of [-{count}, {count - 1}] but "
                f"got {dim})"
            )
        check_iterations(n_power_iterations)
        self.dim = dim if dim >= 0 else dim + count
        self.eps = eps
        if count > 1:
            self.n_power_iterations = n_power_iterations
            matrix = self._reshape_weight_to_matrix(weight)
            h, w = matrix.size()
            u = matrix.new_empty(h).normal_(0, 1)
            v = matrix.new_empty(w).normal_(0, 1)
            self.register_buffer("_u", F.normalize(u, dim=0, eps=eps))
            self.register_buffer("_v", F.normalize(v, dim=0, eps=eps))
            self._power_method(matrix, 15)

    def _reshape_weight_to_matrix(self, weight):
        return as_matrix(weight, self.dim)

    def _power_method(self, matrix, iterations):
        with cygrad.no_grad():
            for _ in range(iterations):
                self._u.copy_(F.normalize(matrix.mv(self._v), dim=0, eps=self.eps))
                self._v.copy_(F.normalize(matrix.t().mv(self._u), dim=0, eps=self.eps))

    def forward(self, weight):
        if weight.ndim == 1:
            return F.normalize(weight, dim=0, eps=self.eps)
        matrix = self._reshape_weight_to_matrix(weight)
        if self.training:
            self._power_method(matrix, self.n_power_iterations)
        # Copies for the graph: the next forward changes the vectors in place.
        u, v = self._u.clone(), self._v.clone()
        return weight / u.dot(matrix.mv(v))

    def right_inverse(self, value):
        return value


def spectral_norm(module, name="weight", n_power_iterations=1, eps=1e-12, dim=None):
    """Parametrise a weight so that its spectral norm is 1."""
    weight = _tensor_of(module, name)
    dim = output_dim(module) if dim is None else dim
    with cygrad.no_grad():
        norm = _SpectralNorm(weight, n_power_iterations, dim, eps)
    return parametrize.register_parametrization(module, name, norm)


_MAPS = ("matrix_exp", "cayley", "householder")


class _Orthogonal(Module):
    """A matrix with orthonormal columns (or rows, if it is wide) from a free matrix.

    matrix_exp: exp(A - A^H); cayley: (I - S/2)^-1 (I + S/2), S skew; householder: a product of
    reflections. ``base`` is a fixed orthogonal factor in front: at the start the free matrix
    stands for the identity (Lezcano-Casado, Trivializations, 2019).
    """

    def __init__(self, weight, orthogonal_map, *, use_trivialization=True):
        super().__init__()
        if weight.is_complex() and orthogonal_map == "householder":
            raise ValueError("The householder parametrization does not support complex tensors.")
        self.shape = weight.shape
        self.orthogonal_map = orthogonal_map
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, X):
        n, k = X.size(-2), X.size(-1)
        transposed = n < k
        if transposed:
            X = X.mT
            n, k = k, n
        if self.orthogonal_map == "householder":
            A = X.tril(diagonal=-1)
            tau = 2.0 / (1.0 + (A * A).sum(-2))
            Q = cygrad.linalg.householder_product(A, tau)
            # The diagonal holds signs.
            Q = Q * X.diagonal(dim1=-2, dim2=-1).int().unsqueeze(-2)
        else:
            A = X.tril()
            if n != k:
                zeros = A.new_zeros((*A.shape[:-2], n, n - k))
                A = cygrad.cat([A, zeros], -1)
            A = A - A.mH
            if self.orthogonal_map == "matrix_exp":
                Q = cygrad.linalg.matrix_exp(A)
            else:
                eye = cygrad.eye(n, dtype=A.dtype, device=A.device)
                Q = cygrad.linalg.solve(eye - 0.5 * A, eye + 0.5 * A)
            if n != k:
                Q = Q[..., :k]
        if getattr(self, "base", None) is not None:
            Q = self.base @ Q
        return Q.mT if transposed else Q

    def right_inverse(self, Q):
        if Q.shape != self.shape:
            expected = f"Expected a matrix or batch of matrices of shape {self.shape}."
            raise ValueError(f"{expected} Got a tensor of shape {Q.shape}.")
        transposed = Q.size(-2) < Q.size(-1)
        if transposed:
            Q = Q.mT
        n, k = Q.size(-2), Q.size(-1)
        if not hasattr(self, "base"):
            if self.orthogonal_map != "householder":
                raise NotImplementedError(
                    "It is not possible to assign to the matrix exponential or the Cayley "
                    "parametrizations when use_trivialization=False."
                )
            A, tau = cygrad.geqrf(Q)
            signs = A.diagonal(dim1=-2, dim2=-1)
            signs.sign_()
            signs[tau == 0.0] *= -1
            return A.mT if transposed else A
        if n == k:
            # A square matrix that is orthogonal already is kept as it is.
            base = Q.clone() if _is_orthogonal(Q) else _make_orthogonal(Q)
        else:
            extra = cygrad.randn((*Q.shape[:-2], n, n - k), dtype=Q.dtype, device=Q.device)
            base = _make_orthogonal(cygrad.cat([Q, extra], -1))
        self.base = base
        # -1 on the diagonal is the identity for all three maps.
        start = cygrad.zeros_like(self.base[..., :k] if n != k else base)
        start.diagonal(dim1=-2, dim2=-1).fill_(-1.0)
        return start.mT if transposed else start


def _is_orthogonal(Q, eps=None):
    n, k = Q.size(-2), Q.size(-1)
    eye = cygrad.eye(k, dtype=Q.dtype, device=Q.device)
    eps = 10.0 * n * cygrad.finfo(Q.dtype).eps if eps is None else eps
    return bool(cygrad.allclose(Q.mH @ Q, eye, atol=eps))


def _make_orthogonal(A):
    """The orthogonal factor of A whose product with it has a positive diagonal."""
    Q, R = cygrad.linalg.qr(A)
    return Q * R.diagonal(dim1=-2, dim2=-1).sgn().unsqueeze(-2)


def orthogonal(module, name="weight", orthogonal_map=None, *, use_trivialization=True):
    """Parametrise a matrix to be orthogonal, by matrix_exp, cayley or householder."""
    weight = _tensor_of(module, name)
    if weight.ndim < 2:
        raise ValueError(
            f"Expected a matrix or batch of matrices. Got a tensor of {weight.ndim} dimensions."
        )
    if orthogonal_map is None:
        square = weight.size(-2) == weight.size(-1)
        orthogonal_map = "matrix_exp" if square or weight.is_complex() else "householder"
    if orthogonal_map not in _MAPS:
        known = ", ".join([f'"{name}"' for name in _MAPS])
        raise ValueError(f"orthogonal_map has to be one of {known}. Got: {orthogonal_map}")
    orth = _Orthogonal(weight, orthogonal_map, use_trivialization=use_trivialization)
    return parametrize.register_parametrization(module, name, orth, unsafe=True)
