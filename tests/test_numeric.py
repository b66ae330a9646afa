"""Distances, differences, histograms and the copies of views."""

import math

import numpy as np
import pytest

import cygrad
from cygrad._fronts import copies as _copies

X = np.random.default_rng(5).standard_normal((2, 3, 4))
GRID = np.sort(np.random.default_rng(6).standard_normal(4))


def gradcheck(f, *arrays, second=True):
    xs = [cygrad.from_numpy(a.copy()).requires_grad_() for a in arrays]
    assert cygrad.autograd.gradcheck(f, xs)
    assert not second or cygrad.autograd.gradgradcheck(f, xs)


# ---------------------------------------------------------------- cdist


@pytest.mark.parametrize("p", [0, 0.5, 1, 1.5, 2, 3, math.inf])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_cdist(p, dtype):
    rng = np.random.default_rng(1)
    for a, b in (((3, 4), (5, 4)), ((2, 1, 3, 9), (4, 2, 9)), ((30, 19), (40, 19)), ((2, 0), (3, 0))):
        x, y = rng.standard_normal(a).astype(dtype), rng.standard_normal(b).astype(dtype)
        d = np.abs(x[..., :, None, :].astype("float64") - y[..., None, :, :])
        if p == 0:
            expected = (d != 0).sum(-1)
        elif p == math.inf:
            expected = d.max(-1, initial=0)
        else:
            expected = (d**p).sum(-1) ** (1 / p)
        got = cygrad.cdist(cygrad.from_numpy(x), cygrad.from_numpy(y), p)
        np.testing.assert_allclose(got.numpy(), expected, rtol=2e-4 if dtype == "float32" else 1e-7)


@pytest.mark.parametrize("p", [0.5, 1, 1.5, 2, 3, math.inf])
def test_cdist_gradients(p):
    gradcheck(lambda a, b: cygrad.cdist(a, b, p), X[:, :2], X[1, 1:] + X[0, :2], second=p >= 1)


@pytest.mark.parametrize("p", [1, 1.5, 2, math.inf])
def test_cdist_gradient_kernels(p):
    """The compiled gradient is the one in tensor operators, which create_graph takes; equal rows have none."""
    a, b = (cygrad.from_numpy(X[i].copy()).requires_grad_() for i in (0, 1))
    with cygrad.no_grad():
        b[1] = a[0]
    results = [
        cygrad.autograd.grad(cygrad.cdist(a, b, p).sum(), (a, b), create_graph=graph) for graph in (False, True)
    ]
    for one, other in zip(*results, strict=True):
        assert cygrad.allclose(one, other) and bool(one.isfinite().all())


def test_cdist_modes_and_nan():
    a = cygrad.from_numpy(X[0]).repeat(20, 1)
    exact = cygrad.cdist(a, a, compute_mode="donot_use_mm_for_euclid_dist")
    assert cygrad.allclose(cygrad.cdist(a, a), exact, atol=1e-6) and exact.diagonal().eq(0).all()
    a[0, 0] = math.nan
    for p in (1, 2, 3, math.inf):
        assert cygrad.cdist(a[:3], a[:5], p).isnan().tolist()[0] == [True] * 5


@pytest.mark.parametrize(
    "arguments, kind, text",
    [
        (((2, 3), (3,)), RuntimeError, "cdist only supports at least 2D tensors, X2 got: 1D"),
        (((2, 3), (2, 2)), RuntimeError, "X1 and X2 must have the same number of columns. X1: 3 X2: 2"),
        (((2, 3), (2, 3), -1), RuntimeError, "cdist only supports non-negative p values"),
        (((2, 3), (2, 3), 2, "x"), ValueError, "x is not a valid value for compute_mode"),
    ],
)
def test_cdist_errors(arguments, kind, text):
    a, b, *rest = arguments
    with pytest.raises(kind) as caught:
        cygrad.cdist(cygrad.ones(a), cygrad.ones(b), *rest)
    assert str(caught.value) == text


# ---------------------------------------------------------------- gradient, histograms


@pytest.mark.parametrize("edge_order", [1, 2])
@pytest.mark.parametrize("dim", [None, 0, -1, (2, 1)])
def test_gradient_is_numpys(dim, edge_order):
    x = np.random.default_rng(2).standard_normal((3, 4, 5))
    axis = None if dim is None else dim
    expected = np.gradient(x, axis=axis, edge_order=edge_order)
    expected = expected if isinstance(expected, (list, tuple)) else [expected]
    for got, e in zip(cygrad.gradient(cygrad.from_numpy(x), dim=dim, edge_order=edge_order), expected, strict=True):
        np.testing.assert_allclose(got.numpy(), e)
    got = cygrad.gradient(cygrad.from_numpy(x), dim=1, spacing=[cygrad.from_numpy(GRID)], edge_order=edge_order)
    np.testing.assert_allclose(got[0].numpy(), np.gradient(x, GRID, axis=1, edge_order=edge_order))


def test_gradient_arguments():
    ramp = cygrad.arange(4)
    assert cygrad.gradient(ramp, spacing=2.0)[0].tolist() == [0.5] * 4
    assert cygrad.gradient(cygrad.tensor(1.0)) == ()
    gradcheck(lambda x: cygrad.gradient(x, edge_order=2, dim=(0, 1)), X[:, :, 0].T.repeat(2, 1)[:, :3])
    for f, text in (
        (lambda: cygrad.gradient(ramp, edge_order=3), "torch.gradient only supports edge_order=1 and edge_order=2."),
        (lambda: cygrad.gradient(ramp[:1]), "torch.gradient expected each dimension size to be at least edge_order+1"),
        (lambda: cygrad.gradient(ramp.view(2, 2), dim=(0, 0)), "dim 0 appears multiple times in the list of dims"),
    ):
        with pytest.raises(RuntimeError) as caught:
            f()
        assert str(caught.value) == text


@pytest.mark.parametrize("density", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_histograms_are_numpys(density, weighted):
    rng = np.random.default_rng(4)
    x, w = rng.standard_normal((50, 2)), rng.random(50)
    weight = cygrad.from_numpy(w) if weighted else None
    w = w if weighted else None
    edges = np.array([-1.0, -0.5, 0.25, 2.0])
    for bins, span in ((5, None), (4, (-1.0, 1.0)), (edges, None)):
        expected = np.histogram(x[:, 0], bins, range=span, weights=w, density=density)
        ours = cygrad.from_numpy(bins) if isinstance(bins, np.ndarray) else bins
        got = cygrad.histogram(cygrad.from_numpy(x)[:, 0], ours, range=span, weight=weight, density=density)
        np.testing.assert_allclose(got.hist.numpy(), expected[0])
        np.testing.assert_allclose(got.bin_edges.numpy(), expected[1])
    expected = np.histogramdd(x, (3, 4), weights=w, density=density)
    got = cygrad.histogramdd(cygrad.from_numpy(x), [3, 4], weight=weight, density=density)
    np.testing.assert_allclose(got.hist.numpy(), expected[0])
    for g, e in zip(got.bin_edges, expected[1], strict=True):
        np.testing.assert_allclose(g.numpy(), e)


def test_histogram_edges():
    V = cygrad.arange(4.0)
    assert repr(V.histogram(3)) == (
        "torch.return_types.histogram(\nhist=tensor([1., 1., 2.]),\nbin_edges=tensor([0., 1., 2., 3.]))"
    )
    assert cygrad.histogram(V * 0, 3).bin_edges.tolist() == pytest.approx([-0.5, -1 / 6, 1 / 6, 0.5])
    assert cygrad.histogram(cygrad.empty(0), 2).bin_edges.tolist() == [0.0, 0.5, 1.0]
    for f, text in (
        (lambda: cygrad.histogram(V, 0), "torch.histogram(): bins must be > 0, but got 0 for dimension 0"),
        (lambda: cygrad.histogram(V, 3, range=(3.0, 1.0)),
         "torch.histogramdd: min should not exceed max, but got min 3 max 1 for dimension 0"),
        (lambda: cygrad.histogram(cygrad.tensor([1.0, math.nan]), 3),
         "torch.histogramdd: dimension 0's range [nan, nan] is not finite"),
        (lambda: cygrad.histogramdd(V, [2]), "torch.histogramdd: input tensor should have at least 2 dimensions"),
    ):  # fmt: skip
        with pytest.raises(RuntimeError) as caught:
            f()
        assert str(caught.value) == text


# ---------------------------------------------------------------- copies, padding


COPIES = {
    "alias": (), "as_strided": ((3, 2), (4, 1), 1), "detach": (), "diagonal": (0, 0, 1), "expand": ((5, 2, 3, 4),),
    "permute": ((2, 0, 1),), "select": (1, 2), "slice": (2, 1, 4, 2), "split": (2, 1), "split_with_sizes": ([1, 2], 1),
    "squeeze": (), "transpose": (0, 2), "unbind": (1,), "unfold": (2, 3, 1), "unsqueeze": (1,), "view": ((6, 4),),
}  # fmt: skip


@pytest.mark.parametrize("name", COPIES)
def test_copies(name):
    args = COPIES[name]
    x = cygrad.from_numpy(X.copy()).requires_grad_()
    copy, view = getattr(cygrad, f"{name}_copy"), _copies._VIEWS[name]
    got, expected = copy(x, *args), view(x, *args)
    for g, e in zip(*((v if isinstance(v, tuple) else [v]) for v in (got, expected)), strict=True):
        assert cygrad.equal(g, e) and not g._is_view() and g.is_contiguous()
        assert g.data_ptr() != e.data_ptr()
    if name == "detach":
        assert not got.requires_grad
        return
    gradcheck(lambda x: copy(x, *args), X)
    node = (got[0] if isinstance(got, tuple) else got).grad_fn.name()
    assert node == "".join(p.capitalize() for p in name.split("_")) + "Backward0_copy"


def test_copies_of_others():
    M = cygrad.arange(6.0).reshape(2, 3)
    assert cygrad.t_copy(M).tolist() == M.T.tolist()
    z = cygrad.view_as_complex_copy(cygrad.ones(2, 2))
    assert z.dtype == cygrad.complex64 and cygrad.view_as_real_copy(z).tolist() == [[1.0, 1.0], [1.0, 1.0]]
    out = cygrad.empty(0)
    assert cygrad.view_copy(M, [6], out=out) is out and out.tolist() == list(range(6))
    assert cygrad.view_copy(M, cygrad.int32).dtype == cygrad.int32


def test_padding_and_places():
    V = cygrad.arange(4.0)
    assert cygrad.constant_pad_nd(V, [1, -2], 5).tolist() == [5.0, 0.0, 1.0]
    with pytest.raises(RuntimeError, match="^Length of pad must be even but instead it equals 1$"):
        cygrad.constant_pad_nd(V, [1])
    assert V.nonzero_static(size=2).tolist() == [[1], [2]]
    assert cygrad.nonzero_static(V, size=5, fill_value=7).tolist() == [[1], [2], [3], [7], [7]]
    theta = cygrad.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    grid = cygrad.affine_grid_generator(theta, [1, 1, 2, 2], False)
    image = cygrad.arange(4.0).reshape(1, 1, 2, 2)
    assert cygrad.allclose(cygrad.grid_sampler(image, grid, 0, 0, False), image)
