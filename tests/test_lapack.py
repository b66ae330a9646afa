"""torch.linalg and its older names: one table of operators over many shapes and dtypes, then errors and odd inputs."""

import itertools
import pickle
import warnings

import numpy as np
import pytest

import cygrad
from cygrad import linalg as L

INF, NAN = float("inf"), float("nan")
RNG = np.random.default_rng(3)


@pytest.fixture(autouse=True)
def same_numbers():
    """A test sees the same matrices whichever others run."""
    global RNG
    RNG = np.random.default_rng(3)


def general(*shape):
    return RNG.standard_normal(shape)


def positive(*shape):
    a = RNG.standard_normal(shape)
    return a @ np.swapaxes(a, -1, -2) + 2 * np.eye(shape[-1])


def factor(*shape):
    return np.linalg.cholesky(positive(*shape))


def complex_of(make):
    """The same kind of matrix with complex elements."""

    def made(*shape):
        a = general(*shape) + 1j * general(*shape)
        if make is general:
            return a
        a = a @ np.swapaxes(a.conj(), -1, -2) + 2 * np.eye(shape[-1])
        return np.linalg.cholesky(a) if make is factor else a

    return made


def call(function, *kinds, shapes):
    return function, kinds, shapes


def phase_free(values):
    """Vectors are known up to a sign or phase; their sizes are not."""
    return [v.abs() for v in values]


SQUARE = [((3, 3),), ((2, 4, 4),)]
ANY = [((3, 3),), ((2, 4, 3),), ((2, 3, 4),), ((5, 2),)]
WITH_RIGHT = [((3, 3), (3, 2)), ((2, 3, 3), (2, 3, 1)), ((2, 3, 3), (3, 2)), ((1, 3, 3), (2, 3, 2))]
WITH_LEFT = [((3, 3), (2, 3)), ((2, 3, 3), (2, 1, 3))]
WITH_ROWS = [((4, 3), (4, 2)), ((2, 3, 4), (2, 3, 1)), ((3, 3), (3, 2))]
G, P, F = general, positive, factor

# Functions of (library, matrices...) that can be differentiated twice.
CASES = {
    "det": call(lambda t, a: t.linalg.det(a), G, shapes=SQUARE),
    "slogdet": call(lambda t, a: t.linalg.slogdet(a)[1], G, shapes=SQUARE),
    "logdet": call(lambda t, a: t.logdet(a), P, shapes=SQUARE),
    "inv": call(lambda t, a: t.linalg.inv(a), G, shapes=SQUARE),
    "inv_ex": call(lambda t, a: t.linalg.inv_ex(a)[0], G, shapes=SQUARE),
    "solve": call(lambda t, a, b: t.linalg.solve(a, b), G, G, shapes=WITH_RIGHT),
    "solve_vector": call(
        lambda t, a, b: t.linalg.solve(a, b), G, G, shapes=[((3, 3), (3,)), ((2, 3, 3), (2, 3))]
    ),
    "solve_right": call(lambda t, a, b: t.linalg.solve(a, b, left=False), G, G, shapes=WITH_LEFT),
    "solve_triangular": call(
        lambda t, a, b: t.linalg.solve_triangular(a.mT, b, upper=True), F, G, shapes=WITH_RIGHT
    ),
    "solve_triangular_unit": call(
        lambda t, a, b: t.linalg.solve_triangular(a, b, upper=False, left=False, unitriangular=True),
        G, G, shapes=WITH_LEFT,
    ),
    "triangular_solve": call(
        lambda t, a, b: t.triangular_solve(b, a, upper=False, transpose=True), F, G, shapes=WITH_RIGHT
    ),
    "cholesky": call(lambda t, a: t.linalg.cholesky(a), P, shapes=SQUARE),
    "cholesky_upper": call(lambda t, a: t.linalg.cholesky(a, upper=True), P, shapes=SQUARE),
    "cholesky_inverse": call(lambda t, a: t.cholesky_inverse(a), F, shapes=SQUARE),
    "cholesky_solve": call(lambda t, a, b: t.cholesky_solve(b, a), F, G, shapes=WITH_RIGHT[:2]),
    "lu": call(lambda t, a: t.linalg.lu(a)[1:], G, shapes=ANY),
    "lu_factor": call(lambda t, a: t.linalg.lu_factor(a)[0], G, shapes=ANY),
    "lu_unpack": call(lambda t, a: t.lu_unpack(*t.linalg.lu_factor(a))[1:], G, shapes=ANY),
    "lu_solve": call(
        lambda t, a, b: t.linalg.lu_solve(*t.linalg.lu_factor(a), b), G, G, shapes=WITH_RIGHT[:2]
    ),
    "lu_solve_adjoint": call(
        lambda t, a, b: t.linalg.lu_solve(*t.linalg.lu_factor(a), b, left=False, adjoint=True),
        G, G, shapes=WITH_LEFT,
    ),
    "qr": call(lambda t, a: t.linalg.qr(a), G, shapes=ANY),
    "qr_complete": call(lambda t, a: t.linalg.qr(a, "complete"), G, shapes=[((3, 3),), ((2, 3, 4),)]),
    "householder": call(
        lambda t, a, b: t.linalg.householder_product(a, b), G, G,
        shapes=[((4, 3), (3,)), ((2, 3, 3), (2, 2)), ((3, 2), (0,))],
    ),
    "ormqr": call(
        lambda t, a, b, c: t.ormqr(a, b, c, transpose=True), G, G, G, shapes=[((4, 3), (3,), (4, 2))]
    ),
    "svd": call(lambda t, a: phase_free(t.linalg.svd(a, full_matrices=False)), G, shapes=ANY),
    "svd_values": call(lambda t, a: t.svd(a, compute_uv=False)[1], G, shapes=ANY),
    "svdvals": call(lambda t, a: t.linalg.svdvals(a), G, shapes=ANY),
    "eigh": call(lambda t, a: phase_free(t.linalg.eigh(a)), P, shapes=SQUARE),
    "eigvalsh": call(lambda t, a: t.linalg.eigvalsh(a, UPLO="U"), P, shapes=SQUARE),
    "eig": call(lambda t, a: phase_free(t.linalg.eig(a)), G, shapes=[((3, 3),)]),
    "eigvals": call(lambda t, a: t.linalg.eigvals(a).abs(), G, shapes=[((3, 3),)]),
    "pinv": call(lambda t, a: t.linalg.pinv(a), G, shapes=ANY),
    "pinv_hermitian": call(lambda t, a: t.linalg.pinv(a, hermitian=True), P, shapes=SQUARE),
    "lstsq": call(lambda t, a, b: t.linalg.lstsq(a, b)[0], G, G, shapes=WITH_ROWS),
    "matrix_exp": call(lambda t, a: t.linalg.matrix_exp(a), G, shapes=SQUARE),
    "matrix_power": call(lambda t, a: t.linalg.matrix_power(a, 3), G, shapes=SQUARE),
    "matrix_power_negative": call(lambda t, a: t.linalg.matrix_power(a, -2), G, shapes=SQUARE),
    "norm_nuc": call(lambda t, a: t.linalg.matrix_norm(a, "nuc"), G, shapes=ANY),
    "norm_2": call(lambda t, a: t.linalg.norm(a, 2, (-2, -1), True), G, shapes=ANY),
    "norm_fro": call(lambda t, a: t.linalg.matrix_norm(a), G, shapes=ANY),
    "norm_1": call(lambda t, a: t.linalg.matrix_norm(a, 1, (0, 1)), G, shapes=ANY),
    "norm_inf": call(lambda t, a: t.linalg.matrix_norm(a, -INF), G, shapes=ANY),
    "cond": call(lambda t, a: t.linalg.cond(a), G, shapes=ANY),
    "cond_nuc": call(lambda t, a: t.linalg.cond(a, "nuc"), G, shapes=SQUARE),
    "tensorinv": call(lambda t, a: t.linalg.tensorinv(a, ind=1), G, shapes=[((6, 2, 3),)]),
    "tensorsolve": call(lambda t, a, b: t.linalg.tensorsolve(a, b), G, G, shapes=[((2, 3, 6), (2, 3))]),
    "cross": call(lambda t, a, b: t.linalg.cross(a, b), G, G, shapes=[((2, 3), (2, 3)), ((3,), (3,))]),
    "vander": call(lambda t, a: t.linalg.vander(a, N=4), G, shapes=[((3,),), ((2, 2),)]),
    "vecdot": call(lambda t, a, b: t.linalg.vecdot(a, b, dim=0), G, G, shapes=[((3, 2), (3, 2))]),
    "multi_dot": call(
        lambda t, a, b, c: t.linalg.multi_dot([a, b, c]), G, G, G, shapes=[((2, 3), (3, 4), (4, 2))]
    ),
}  # fmt: skip
ROWS = [
    pytest.param(f, kinds, shapes, id=f"{name}-{'x'.join(map(str, shapes[0]))}")
    for name, (f, kinds, all_shapes) in CASES.items()
    for shapes in all_shapes
]
DOMAINS = {"real": lambda make: make, "complex": complex_of}


def squares(y):
    """|y|**2; by abs() the second derivative would be lost at 0."""
    return y.real.square() + y.imag.square() if y.is_complex() else y.square()


def dot(g, v):
    """What a step along the array v adds, by the gradient g."""
    v = cygrad.from_numpy(v)
    return (g.real * v.real + g.imag * v.imag).sum() if g.is_complex() else (g * v).sum()


def flat(values):
    return list(values) if isinstance(values, (tuple, list)) else [values]


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("function, kinds, shapes", ROWS)
def test_gradients_by_differences(function, kinds, shapes, domain):
    """Central differences in random directions agree with the gradient, and with the gradient's gradient."""
    arrays = [DOMAINS[domain](kind)(*shape) for kind, shape in zip(kinds, shapes, strict=True)]
    if kinds[0] is positive:  # matrices are moved within the Hermitian ones
        ways = [complex_of(P)(*a.shape) if domain == "complex" else positive(*a.shape) for a in arrays]
    else:
        ways = [DOMAINS[domain](G)(*a.shape) for a in arrays]
    if kinds[0] is factor:
        ways[0] = DOMAINS[domain](F)(*arrays[0].shape)
    weights = {}

    def loss(*xs):
        total = 0
        for i, y in enumerate(flat(function(cygrad, *xs))):
            w = weights.setdefault(i, cygrad.from_numpy(np.asarray(general(*y.shape))))
            total = total + (squares(y) * w).sum()
        return total

    def slope(*xs):
        """The derivative of the loss along `ways`, and it can be differentiated itself."""
        grads = cygrad.autograd.grad(loss(*xs), xs, create_graph=True, allow_unused=True)
        parts = [dot(g, v) for g, v in zip(grads, ways, strict=True) if g is not None]
        return sum(parts, cygrad.zeros((), dtype=cygrad.float64))

    for f, derivative in ((loss, slope), (slope, None)):
        h = 1e-6

        def at(s, f=f):
            return float(f(*[cygrad.from_numpy(a + s * v).requires_grad_() for a, v in zip(arrays, ways, strict=True)]))

        expected = (at(h) - at(-h)) / (2 * h)
        xs = [cygrad.from_numpy(a).requires_grad_() for a in arrays]
        if derivative is None:
            y = f(*xs)
            grads = cygrad.autograd.grad(y, xs, allow_unused=True) if y.requires_grad else [None] * len(xs)
            got = float(sum(dot(g, v) for g, v in zip(grads, ways, strict=True) if g is not None))
        else:
            got = float(derivative(*xs))
        assert got == pytest.approx(expected, rel=2e-4, abs=2e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize("function, kinds, shapes", ROWS)
def test_peer(function, kinds, shapes, dtype):
    """Values, of which dtype they are, and gradients, as PyTorch has them."""
    torch = pytest.importorskip("torch")
    wrap = DOMAINS["complex" if "complex" in dtype else "real"]
    arrays = [wrap(kind)(*shape).astype(dtype) for kind, shape in zip(kinds, shapes, strict=True)]
    tolerance = 2e-3 if dtype in ("float32", "complex64") else 1e-8
    results = []
    for t in (cygrad, torch):
        xs = [t.from_numpy(a.copy()).requires_grad_() for a in arrays]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ys = flat(function(t, *xs))
        total = sum((y.abs() ** 2).sum() for y in ys if y.requires_grad)
        grads = t.autograd.grad(total, xs, allow_unused=True)
        grads = [t.zeros_like(x) if g is None else g for g, x in zip(grads, xs, strict=True)]
        results.append([v.detach().resolve_conj().numpy() for v in (*ys, *grads)])
    for ours, theirs in zip(*results, strict=True):
        assert ours.dtype == theirs.dtype
        scale = max(1.0, np.abs(theirs).max(initial=0))
        np.testing.assert_allclose(ours / scale, theirs / scale, atol=tolerance)


# ---------------------------------------------------------------- identities


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("shape", [(3, 3), (6, 3), (3, 7), (2, 5, 4), (2, 1, 4, 6), (40, 30), (1, 1)])
def test_factors_give_the_matrix(shape, domain):
    A = cygrad.from_numpy(DOMAINS[domain](G)(*shape))

    def same(X, Y=A):
        assert cygrad.allclose(X, Y, atol=1e-10)

    m, n = shape[-2:]
    for full, mode in itertools.product((True, False), ("reduced", "complete")):
        U, S, Vh = cygrad.linalg.svd(A, full_matrices=full)
        k = min(m, n)
        same(U[..., :k] * S.unsqueeze(-2) @ Vh[..., :k, :])
        assert U.shape[-1] == (m if full else k) and Vh.shape[-2] == (n if full else k)
        same(U.mH @ U, cygrad.eye(U.shape[-1], dtype=A.dtype).expand(*shape[:-2], -1, -1))
        same(Vh @ Vh.mH, cygrad.eye(Vh.shape[-2], dtype=A.dtype).expand(*shape[:-2], -1, -1))
        Q, R = cygrad.linalg.qr(A, mode)
        same(Q @ R)
    same(cygrad.linalg.qr(A, "r").R, cygrad.linalg.qr(A).R)
    same(cygrad.ormqr(*cygrad.geqrf(A), cygrad.linalg.qr(A, "complete").R) if m <= n else A)
    P, L, U = cygrad.linalg.lu(A)
    same(P @ L @ U)
    Y = cygrad.linalg.pinv(A)
    same(A @ Y @ A)
    same(Y @ A @ Y, Y)
    assert (cygrad.linalg.matrix_rank(A) == k).all()


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("n", [1, 2, 5, 30])
def test_spectra(n, domain):
    A = cygrad.from_numpy(DOMAINS[domain](G)(2, n, n))
    H = A + A.mH
    for UPLO in "LU":
        L, V = cygrad.linalg.eigh(H.tril() if UPLO == "L" else H.triu(), UPLO)
        assert cygrad.allclose(V * L.unsqueeze(-2) @ V.mH, H) and not L.is_complex()
    values, vectors = cygrad.linalg.eig(A)
    assert cygrad.allclose(A.to(vectors.dtype) @ vectors, vectors * values.unsqueeze(-2))
    assert cygrad.allclose(vectors.abs().square().sum(-2), cygrad.ones(2, n, dtype=cygrad.float64))
    LD, pivots = cygrad.linalg.ldl_factor(H, hermitian=True)
    X = cygrad.linalg.ldl_solve(LD, pivots, A, hermitian=True)
    assert cygrad.allclose(H @ X, A)
    E = cygrad.linalg.matrix_exp(A) @ cygrad.linalg.matrix_exp(-A)
    assert n > 5 or cygrad.allclose(E, cygrad.eye(n, dtype=A.dtype).expand(2, n, n), atol=1e-8)


@pytest.mark.parametrize("dtype", [cygrad.float32, cygrad.float64, cygrad.complex64, cygrad.complex128])
@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_spectra_that_need_no_reduction(n, dtype):
    """Matrices that LAPACK's balancing leaves nothing, or one row, to reduce of."""
    full = cygrad.arange(1.0, n * n + 1).view(n, n) / n
    shift = cygrad.eye(n).roll(1, 0)
    matrices = [cygrad.eye(n), cygrad.zeros(n, n), full.diag().diag(), full.triu(), full.tril(), full.triu(1), shift]
    for A in [m.to(dtype) for m in matrices]:
        values, vectors = cygrad.linalg.eig(A)
        A = A.to(values.dtype)
        cygrad.testing.assert_close(A @ vectors, vectors * values, atol=1e-4, rtol=1e-4)
        cygrad.testing.assert_close(cygrad.linalg.vector_norm(vectors, dim=0), cygrad.ones(n, dtype=values.real.dtype))
        got = cygrad.linalg.eigvals(A)
        cygrad.testing.assert_close(got.real.sort()[0], values.real.sort()[0], atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("driver", ["gels", "gelsy", "gelsd", "gelss"])
def test_least_squares(driver):
    A, B = cygrad.from_numpy(general(2, 5, 3)), cygrad.from_numpy(general(2, 5, 2))
    r = cygrad.linalg.lstsq(A, B, driver=driver)
    assert cygrad.allclose(A.mH @ (A @ r.solution - B), cygrad.zeros(2, 3, 2, dtype=A.dtype), atol=1e-10)
    assert r.rank.tolist() == ([] if driver == "gels" else [3, 3])
    assert r.singular_values.shape == ((2, 3) if driver in ("gelsd", "gelss") else (0,))
    if driver == "gelsy":
        assert r.residuals.numel() == 0
    else:
        assert cygrad.allclose(r.residuals, (A @ r.solution - B).square().sum(-2))
    wide = cygrad.linalg.lstsq(A.mT, cygrad.ones(2, 3, dtype=A.dtype), driver=driver)
    assert wide.solution.shape == (2, 5)
    assert cygrad.allclose((A.mT @ wide.solution.unsqueeze(-1)).squeeze(-1), cygrad.ones(2, 3, dtype=A.dtype))


def test_ranks_are_of_the_matrices_that_were_given():
    A, B = cygrad.randn(1, 3, 3), cygrad.randn(2, 3, 3)
    found = cygrad.linalg.lstsq(A, B, driver="gelsd")
    assert found.solution.shape == (2, 3, 3) and found.rank.tolist() == [3] and found.singular_values.shape == (1, 3)
    cygrad.testing.assert_close(found.singular_values, cygrad.linalg.svdvals(A))


def test_gradient_of_singular_determinants():
    """The gradient is the matrix of cofactors, which exists where the inverse does not."""
    A = cygrad.tensor([[1.0, 2.0], [2.0, 4.0]], dtype=cygrad.float64, requires_grad=True)
    (g,) = cygrad.autograd.grad(cygrad.det(A), A)
    assert cygrad.allclose(g, cygrad.tensor([[4.0, -2.0], [-2.0, 1.0]], dtype=cygrad.float64))


def test_low_rank():
    A = cygrad.from_numpy(general(30, 4) @ general(4, 20))
    U, S, V = cygrad.svd_lowrank(A, q=6)
    assert cygrad.allclose(U * S @ V.mT, A) and S[4] < 1e-10
    U, S, V = cygrad.pca_lowrank(A.mT, q=5)
    centred = A.mT - A.mT.mean(0)
    assert cygrad.allclose(U * S @ V.mT, centred, atol=1e-8)


@pytest.mark.parametrize("largest", [True, False])
def test_few_eigenpairs(largest):
    A = cygrad.from_numpy(positive(2, 40, 40))
    every = L.eigvalsh(A)
    expected = every.flip(-1)[..., :3] if largest else every[..., :3]
    B = cygrad.from_numpy(positive(40, 40))
    for tol, arguments in ((1e-6, {}), (1e-4, {"iK": L.inv(A)}), (1e-6, {"X": cygrad.from_numpy(general(2, 40, 4))})):
        E, V = cygrad.lobpcg(A, k=3, largest=largest, tol=1e-9, **arguments)
        assert cygrad.allclose(E, expected, rtol=tol)
        assert cygrad.allclose(A @ V, V * E.unsqueeze(-2), atol=1e-3)
    E, V = cygrad.lobpcg(A[0], k=2, B=B, largest=largest, tol=1e-9)
    assert cygrad.allclose(A[0] @ V, B @ V * E, atol=1e-3)
    E, _ = cygrad.lobpcg(A.clone().requires_grad_(), k=3, largest=largest)
    assert cygrad.allclose(E, expected) and E.requires_grad
    with pytest.raises(ValueError, match=r"^LOBPCG algorithm is not applicable when the number of A rows \(=9\)"):
        cygrad.lobpcg(cygrad.eye(9), k=4)


# ---------------------------------------------------------------- odd inputs

ONE = [
    "det", "slogdet", "inv_ex", "cholesky_ex", "qr", "lu", "lu_factor_ex", "ldl_factor_ex", "svd", "svdvals", "eigh",
    "eigvalsh", "eig", "eigvals", "pinv", "matrix_rank", "cond", "matrix_norm", "matrix_exp",
]  # fmt: skip


@pytest.mark.parametrize("name", ONE)
def test_non_contiguous(name):
    A = cygrad.from_numpy(positive(2, 6, 6))
    f = getattr(cygrad.linalg, name)
    for view in (A[:, ::2, ::2], A.mT, A[0].expand(3, 6, 6), A.permute(2, 0, 1)[:, :, :2], A[:, :4, 1:5]):
        for ours, plain in zip(flat(f(view)), flat(f(view.clone(memory_format=cygrad.contiguous_format))), strict=True):
            assert cygrad.allclose(ours, plain) if ours.dtype != cygrad.int32 else cygrad.equal(ours, plain)


@pytest.mark.parametrize("name", ONE)
def test_empty_and_not_finite(name):
    """Nothing crashes or hangs; what fails does so with RuntimeError."""
    f = getattr(cygrad.linalg, name)
    for shape in ((0, 0), (0, 3, 3), (2, 0, 0), (3, 0, 2, 2)):
        for result in flat(f(cygrad.empty(shape))):
            assert isinstance(result, cygrad.Tensor)
    for value in (NAN, INF, -INF):
        for spoilt in ([[value]], [[1.0, value, 0.0], [2.0, 1.0, 3.0], [0.0, 1.0, 1.0]], [[value] * 4] * 4):
            try:
                f(cygrad.tensor(spoilt))
            except RuntimeError as e:
                assert "linalg" in str(e)


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (2, 0, 3), (2, 3, 0)])
def test_empty_rectangles(shape):
    A = cygrad.empty(shape)
    m, n = shape[-2:]
    U, S, Vh = cygrad.linalg.svd(A)
    assert U.shape[-2:] == (m, m) and S.shape[-1] == 0 and Vh.shape[-2:] == (n, n)
    Q, R = cygrad.linalg.qr(A, "complete")
    assert Q.shape[-2:] == (m, m) and R.shape[-2:] == (m, n)
    assert cygrad.equal(Q, cygrad.eye(m).expand_as(Q))
    assert cygrad.linalg.pinv(A).shape == (*shape[:-2], n, m)
    assert cygrad.linalg.lstsq(A, cygrad.ones(*shape[:-1], 1)).solution.shape == (*shape[:-2], n, 1)
    assert (cygrad.linalg.matrix_rank(A) == 0).all()


def test_extreme_scales():
    """Wide matrices of tiny or huge elements have their singular values as well."""
    for scale in (1e-160, 1e160):
        A = cygrad.tensor([[1.0, 2.0, 3.0, 4.0], [2.0, 0.0, 1.0, 1.0]], dtype=cygrad.float64)
        expected = cygrad.linalg.svdvals(A)
        U, S, Vh = cygrad.linalg.svd(A * scale, full_matrices=False)
        assert cygrad.allclose(S / scale, expected) and cygrad.allclose(U * expected @ Vh, A)


# ---------------------------------------------------------------- what users read

SINGULAR = cygrad.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
PAIR = cygrad.stack((cygrad.eye(3), SINGULAR))
WIDE = cygrad.ones(2, 3)
THREE = cygrad.ones(3)
EYE = cygrad.eye(2)
ERRORS = [
    (lambda: L.inv(SINGULAR), L.LinAlgError, "linalg.inv: The diagonal element 2 is zero, the inversion could not be "
     "completed because the input matrix is singular."),
    (lambda: L.inv(PAIR), L.LinAlgError, "linalg.inv: (Batch element 1): The diagonal element 2 is zero, the inversion "
     "could not be completed because the input matrix is singular."),
    (lambda: L.inv(WIDE), RuntimeError, "linalg.inv: A must be batches of square matrices, but they are 2 by 3 "
    "matrices"),
    (lambda: L.inv(THREE), RuntimeError, "linalg.inv: The input tensor A must have at least 2 dimensions."),
    (lambda: L.inv(EYE.long()), RuntimeError, "linalg.inv: Expected a floating point or complex tensor as input. Got "
    "Long"),
    (lambda: L.inv(EYE.half()), RuntimeError, "linalg.inv: Low precision dtypes not supported. Got Half"),
    (lambda: L.inv([1]), TypeError, "linalg_inv(): argument 'A' (position 1) must be Tensor, not list"),
    (lambda: L.solve(SINGULAR, THREE), L.LinAlgError,
     "torch.linalg.solve: The solver failed because the input matrix is singular."),
    (lambda: L.solve(PAIR, cygrad.ones(2, 3, 1)), L.LinAlgError,
     "torch.linalg.solve: (Batch element 1): The solver failed because the input matrix is singular."),
    (lambda: L.solve(cygrad.eye(3), cygrad.ones(4, 2)), RuntimeError,
     "linalg.solve: Incompatible shapes of A and B for the equation AX = B (3x3 and 4x2)"),
    (lambda: L.solve(EYE, EYE.double()), RuntimeError,
     "linalg.solve: Expected A and B to have the same dtype, but found A of type Float and B of type Double instead"),
    (lambda: L.cholesky(-cygrad.eye(3)), L.LinAlgError,
     "linalg.cholesky: The factorization could not be completed because the input is not positive-definite (the "
     "leading "
     "minor of order 1 is not positive-definite)."),
    (lambda: L.cholesky(cygrad.full((2, 2), NAN)), L.LinAlgError,
     "linalg.cholesky: The factorization could not be completed because the input is not positive-definite (the "
     "leading "
     "minor of order 1 is not positive-definite)."),
    (lambda: L.svd(cygrad.full((2, 2), NAN)), L.LinAlgError,
     "linalg.svd: The algorithm failed to converge because the input matrix contained non-finite values."),
    (lambda: L.eigvals(cygrad.full((2, 2), INF)), RuntimeError,
     "torch.linalg.eigvals: input tensor should not contain infs or NaNs."),
    (lambda: L.eigh(EYE, "X"), RuntimeError, "Expected UPLO argument to be 'L' or 'U', but got X"),
    (lambda: L.qr(EYE, "bad"), RuntimeError,
     "qr received unrecognized mode 'bad' but expected one of 'reduced' (default), 'r', or 'complete'"),
    (lambda: L.lu_factor(SINGULAR), RuntimeError,
     "torch.linalg.lu_factor: U[2,2] is zero and using it on lu_solve would result in a division by zero. If you still "
     "want to perform the factorization, consider calling linalg.lu(A, pivot) or linalg.lu_factor_ex(A, pivot)"),
    (lambda: L.lu_solve(EYE, cygrad.tensor([1, 5], dtype=cygrad.int32), EYE), RuntimeError,
     "Pivots given to lu_solve must all be smaller or equal to LU.size(-2). Did you properly pass the result of "
     "lu_factor?"),
    (lambda: L.ldl_solve(EYE, cygrad.tensor([5, 5], dtype=cygrad.int32), EYE), RuntimeError,
     "Pivots given to ldl_solve must all satisfy |pivot| <= LD.size(-2). Did you properly pass the result of "
     "ldl_factor?"),
    (lambda: L.ldl_solve(EYE, cygrad.tensor([1, -1], dtype=cygrad.int32), EYE), RuntimeError,
     "Pivots given to ldl_solve must all satisfy |pivot| <= LD.size(-2). Did you properly pass the result of "
     "ldl_factor?"),
    (lambda: cygrad.ormqr(cygrad.ones(2, 3, 2), cygrad.ones(3, 2), cygrad.ones(2, 3, 2)), RuntimeError,
     "torch.ormqr: Expected batch dimensions of tau to be equal to input.shape[:-2], but got [3]"),
    (lambda: cygrad.ormqr(cygrad.ones(3, 2), cygrad.ones(2), cygrad.ones(2, 3, 2)), RuntimeError,
     "torch.ormqr: Expected other to have the same number of dimensions as input, but got other.ndim equal to 3 and "
     "input.ndim is equal to 2"),
    (lambda: cygrad.lu_unpack(EYE, cygrad.tensor([1, 9], dtype=cygrad.int32)), RuntimeError,
     "pivots passed to lu_unpack must be between 1 and LU.size(-2) inclusive.Did you properly pass the result of "
     "lu_factor?"),
    (lambda: L.lstsq(EYE, EYE, driver="x"), RuntimeError,
     "torch.linalg.lstsq: parameter `driver` should be one of (gels, gelsy, gelsd, gelss)"),
    (lambda: L.matrix_norm(WIDE, 0), RuntimeError, "linalg.matrix_norm: Order 0 not supported."),
    (lambda: L.norm(cygrad.ones(2, 2, 2), 2), RuntimeError,
     "linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got 3D."),
    (lambda: L.cond(EYE, 3), RuntimeError, "linalg.cond got an invalid norm type: 3"),
    (lambda: L.cross(THREE, THREE[:2]), RuntimeError,
     "linalg.cross: inputs dimension -1 must have length 3. Got 3 and 2"),
    (lambda: L.tensorinv(WIDE), RuntimeError, "Expected self to satisfy the requirement prod(self.shape[ind:]) == "
     "prod(self.shape[:ind]), but got 1 != 6"),
    (lambda: cygrad.symeig(EYE), RuntimeError, "This function was deprecated since version 1.9 and is now removed. The "
     "default behavior has changed from using the upper triangular portion of the matrix by default to using the lower "
     "triangular portion.\n\nL, _ = torch.symeig(A, upper=upper) should be replaced with:\nL = "
     "torch.linalg.eigvalsh(A, "
     "UPLO='U' if upper else 'L')\n\nand\n\nL, V = torch.symeig(A, eigenvectors=True) should be replaced with:\nL, V = "
     "torch.linalg.eigh(A, UPLO='U' if upper else 'L')"),
    (lambda: L.svd(EYE, out=(cygrad.empty(0),)), TypeError, "expected tuple of 3 elements but got 1"),
    (lambda: L.inv(EYE, out=cygrad.empty(0).double()), RuntimeError,
     "Expected out tensor to have dtype float, but got double instead"),
]  # fmt: skip


@pytest.mark.parametrize("i", range(len(ERRORS)))
def test_errors(i):
    f, kind, text = ERRORS[i]
    with pytest.raises(kind) as caught:
        f()
    assert str(caught.value) == text


@pytest.mark.parametrize("mode, rows", [("r", 2), ("complete", 3)])
def test_qr_without_a_gradient(mode, rows):
    A = cygrad.ones(rows, 2).tril().requires_grad_()
    with pytest.raises(RuntimeError, match="derivative|differentiable"):
        L.qr(A, mode)[1].sum().backward()


def test_named_results():
    A = cygrad.tensor([[2.0, 0.0], [0.0, 1.0]])
    assert repr(L.eigh(A)) == (
        "torch.return_types.linalg_eigh(\neigenvalues=tensor([1., 2.]),\neigenvectors=tensor([[0., 1.],\n"
        "        [1., 0.]]))"
    )
    assert repr(A.slogdet()) == "torch.return_types.slogdet(\nsign=tensor(1.),\nlogabsdet=tensor(0.6931))"
    out = (cygrad.empty(0), cygrad.empty(0, dtype=cygrad.int32))
    r = L.inv_ex(A, out=out)
    assert r[0] is out[0] and type(r).__name__ == "linalg_inv_ex_out" and out[0].tolist() == [[0.5, 0.0], [0.0, 1.0]]
    nodes = {"inv": "LinalgInvExBackward0", "det": "LinalgDetBackward0", "pinv": "LinalgPinvBackward0"}
    for name, node in nodes.items():
        assert getattr(L, name)(A.clone().requires_grad_()).grad_fn.name() == node
    assert issubclass(L.LinAlgError, RuntimeError)


def test_methods():
    A = cygrad.tensor([[4.0, 2.0], [2.0, 3.0]])
    assert A.det().item() == pytest.approx(8.0)
    assert cygrad.allclose(A.inverse() @ A, cygrad.eye(2), atol=1e-6)
    assert cygrad.allclose(A.svd().S, L.svdvals(A)) and cygrad.allclose(A.pinverse(), A.inverse(), atol=1e-6)
    with pytest.warns(UserWarning, match=r"torch.cholesky is deprecated in favor of torch.linalg.cholesky"):
        assert cygrad.allclose(A.cholesky(), L.cholesky(A))
    LU, pivots = A.lu()
    assert cygrad.allclose(THREE[:2].unsqueeze(1).lu_solve(LU, pivots), A.inverse().sum(1, keepdim=True), atol=1e-6)
    assert A.matrix_power(2).tolist() == [[20.0, 14.0], [14.0, 13.0]] and A.logdet().exp().item() == pytest.approx(8)


def test_return_types():
    r = L.eigh(cygrad.eye(2))
    assert type(r) is cygrad.return_types.linalg_eigh and type(pickle.loads(pickle.dumps(r))) is type(r)
    assert cygrad.return_types.linalg_svd._fields == ("U", "S", "Vh") and cygrad.return_types.max.n_fields == 2
    with pytest.raises(AttributeError, match="has no attribute 'nope'"):
        cygrad.return_types.nope  # noqa: B018
