"""The few largest or smallest eigenpairs of a symmetric matrix (Knyazev, Toward the optimal preconditioned eigensolver:
locally optimal block preconditioned conjugate gradient method, 2001).
"""

import cygrad

from ._common import finfo_eps, need_square, need_tensor
from ._spectral import eigh

_MOST = 1000  # iterations where the caller sets no limit


def _times(M, X):
    return X if M is None else M @ X


def _basis(S, B):
    """B-orthonormal columns that span those of S; directions that are nearly in the others are dropped."""
    S = S / S.norm(dim=0).clamp(min=cygrad.finfo(S.dtype).tiny)
    L, V = eigh(S.mT @ _times(B, S))
    kept = L > L[-1] * finfo_eps(S) * S.shape[-2]
    return S @ (V[:, kept] * L[kept].rsqrt())


def _ritz(S, A, B, n, largest):
    """The n best eigenpairs of A in the span of S: values, vectors."""
    S = _basis(S, B)
    L, V = eigh(S.mT @ (A @ S))
    order = cygrad.arange(L.shape[0], device=L.device)
    order = (order.flip(0) if largest else order)[:n]
    return L[order], S @ V[:, order]


def _iterate(A, B, X, K, niter, tol, largest):
    n = X.shape[-1]
    E, X = _ritz(X, A, B, n, largest)
    P = X[:, :0]
    size = A.norm()
    for _ in range(niter):
        R = A @ X - _times(B, X) * E
        if bool((R.norm(dim=0) <= tol * (size + E.abs()) * X.norm(dim=0)).all()):
            break
        E, following = _ritz(cygrad.cat((X, _times(K, R), P), 1), A, B, n, largest)
        P = following - X @ (X.mT @ _times(B, following))  # the step, without its part along X
        X = following
    return E, X


def lobpcg(
    A, k=None, B=None, X=None, n=None, iK=None, niter=None, tol=None, largest=None, method=None, tracker=None,
    ortho_iparams=None, ortho_fparams=None, ortho_bparams=None,
):  # fmt: skip
    """(eigenvalues (..., k), eigenvectors (..., m, k)) of A x = l B x for symmetric A and positive definite B.

    X is where to start (by default random), iK a preconditioner, niter the most iterations, tol the relative residual.
    Both `method`s name one method here.  Where a gradient is wanted, all eigenpairs are computed instead.
    """
    need_tensor("lobpcg", A)
    need_square("lobpcg", A)
    if tracker is not None or any(
        p is not None for p in (ortho_iparams, ortho_fparams, ortho_bparams)
    ):
        raise NotImplementedError(
            "cygrad: lobpcg takes no tracker and no parameters of an orthogonalisation"
        )
    if method not in (None, "basic", "ortho"):
        raise ValueError(f"expected method to be 'basic' or 'ortho', but got {method}")
    m = A.shape[-1]
    k = (1 if X is None else X.shape[-1]) if k is None else k
    n = (k if n is None else n) if X is None else X.shape[-1]
    if m < 3 * n:
        raise ValueError(
            f"LOBPCG algorithm is not applicable when the number of A rows (={m}) is smaller than 3 x the number of "
            f"requested eigenpairs (={n})"
        )
    largest = True if largest is None else largest
    tol = finfo_eps(A) ** 0.5 if tol is None else tol
    niter = _MOST if niter is None or niter < 0 else niter
    if cygrad.is_grad_enabled() and (A.requires_grad or (B is not None and B.requires_grad)):
        if B is not None:
            raise ValueError(
                "lobpcg.backward: only generalized eigenproblem with B = identity is supported"
            )
        L, V = eigh((A + A.mT) / 2)
        return (L.flip(-1)[..., :k], V.flip(-1)[..., :k]) if largest else (L[..., :k], V[..., :k])
    with cygrad.no_grad():
        if X is None:
            X = cygrad.randn(*A.shape[:-1], n, dtype=A.dtype, device=A.device)

        def each(M):
            return (
                [None] * rows
                if M is None
                else M.expand(*A.shape[:-2], *M.shape[-2:]).reshape(-1, *M.shape[-2:])
            )

        rows = A.shape[:-2].numel()
        pairs = [
            _iterate(a, b, x, preconditioner, niter, tol, largest)
            for a, b, x, preconditioner in zip(each(A), each(B), each(X), each(iK), strict=True)
        ]
        E = cygrad.stack([e for e, _ in pairs])[:, :k].reshape(*A.shape[:-2], k)
        V = cygrad.stack([v for _, v in pairs])[..., :k].reshape(*A.shape[:-1], k)
    return E, V
