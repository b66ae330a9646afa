"""torch.linalg: factorisations, solvers, spectra and norms of batches of matrices (..., m, n).

LAPACK does the work (`_operators.lapack`), for float32, float64 and their complex dtypes; gradients are composed of
tensor operators, and so can be differentiated again.
"""

from .. import _dispatch
from ._common import LinAlgError
from ._determinants import det, slogdet
from ._least_squares import lstsq, matrix_rank, pinv
from ._norms import (
    cond,
    cross,
    diagonal,
    matmul,
    matrix_norm,
    matrix_power,
    multi_dot,
    norm,
    tensorinv,
    tensorsolve,
    vander,
    vecdot,
    vector_norm,
)
from ._solve import (
    cholesky,
    cholesky_ex,
    inv,
    inv_ex,
    ldl_factor,
    ldl_factor_ex,
    ldl_solve,
    lu,
    lu_factor,
    lu_factor_ex,
    lu_solve,
    solve,
    solve_ex,
    solve_triangular,
)
from ._spectral import (
    eig,
    eigh,
    eigvals,
    eigvalsh,
    householder_product,
    matrix_exp,
    qr,
    svd,
    svdvals,
)

__all__ = [
    "LinAlgError", "cholesky", "cholesky_ex", "cond", "cross", "det", "diagonal", "eig", "eigh", "eigvals", "eigvalsh",
    "householder_product", "inv", "inv_ex", "ldl_factor", "ldl_factor_ex", "ldl_solve", "lstsq", "lu", "lu_factor",
    "lu_factor_ex", "lu_solve", "matmul", "matrix_exp", "matrix_norm", "matrix_power", "matrix_rank", "multi_dot",
    "norm", "pinv", "qr", "slogdet", "solve", "solve_ex", "solve_triangular", "svd", "svdvals", "tensorinv",
    "tensorsolve", "vander", "vecdot", "vector_norm",
]  # fmt: skip
_dispatch.publish(globals(), __all__)


def __getattr__(name):
    raise AttributeError(
        f"module 'torch.linalg' has no attribute '{name}': cygrad does not have it yet"
    )
