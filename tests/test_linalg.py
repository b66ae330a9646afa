"""Matrix products, einsum and their relatives against PyTorch."""

import numpy as np
import pytest
from families import assert_same, check_gradients, compare, compare_errors, peer, to_cygrad, to_peer

import cygrad
from cygrad._fronts import nn as _nn, products as _products
from cygrad._operators import matmul as _linalg


def arrays(*shapes, dtype="float64"):
    rng = np.random.default_rng(0)
    return [rng.standard_normal(s).astype(dtype) for s in shapes]


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("m, k, n", [(2, 3, 4), (1, 5, 1), (4, 400, 120), (130, 70, 150), (0, 3, 2), (2, 0, 3)])
def test_matrices(m, k, n, dtype):
    torch = peer()
    a, b, w, c, v = arrays((m, k), (k, n), (n, k), (n,), (k,), dtype=dtype)
    compare(_products.mm, torch.mm, a, b)
    compare(_products.mv, torch.mv, a, v)
    compare(_products.dot, torch.dot, v, v)
    compare(lambda c, a, b: _products.addmm(c, a, b, beta=0.5, alpha=2),
            lambda c, a, b: torch.addmm(c, a, b, beta=0.5, alpha=2), c, a, b)
    compare(_nn.linear, torch.nn.functional.linear, a, w, c)
    compare(_nn.linear, torch.nn.functional.linear, a, w)


@pytest.mark.parametrize(
    "a, b",
    [((3, 2, 4), (3, 4, 5)), ((40, 30, 40), (40, 40, 50)), ((2, 3, 4), (4, 5)), ((2, 3, 4), (4,)), ((4,), (3, 4, 5)),
     ((4,), (4, 5)), ((5, 1, 2, 3), (4, 3, 2)), ((4,), (4,)), ((3, 4), (4,))],
)  # fmt: skip
def test_matmul(a, b):
    compare(_products.matmul, peer().matmul, *arrays(a, b))


def test_strided_operands():
    a, b = arrays((6, 8), (8, 6))
    for f in (lambda x, y: x.t() @ y.t(), lambda x, y: x[::2, 1::2] @ y[::2, ::3], lambda x, y: x[:, :1] @ y[:1],
              lambda x, y: x[:1].expand(5, 8) @ y):
        compare(f, f, a, b)


def test_linear_shapes():
    f = peer().nn.functional.linear
    x, w, b = arrays((2, 5, 3), (4, 3), (4,))
    for case in ((x, w, b), (x, w), (x[0, 0], w, b), (x[0, 0], w), (x[0, 0], w[0])):
        compare(_nn.linear, f, *case)


def test_batched_sums():
    torch = peer()
    c, a, b, v = arrays((2, 5), (3, 2, 4), (3, 4, 5), (4,))
    for name in ("baddbmm", "addbmm"):
        compare(lambda *t, name=name: getattr(_products, name)(*t, beta=0.5, alpha=2),
                lambda *t, name=name: getattr(torch, name)(*t, beta=0.5, alpha=2), c, a, b)
    compare(lambda *t: _products.addmv(*t, beta=0.5), lambda *t: torch.addmv(*t, beta=0.5), c[:, 0], a[0], v)
    compare(_products.outer, torch.outer, v, v)


def test_addr_of_bools_and_integers():
    b, i = cygrad.tensor([True, False]), cygrad.tensor([1, 2])
    for kw in ({}, {"beta": 2}, {"alpha": 2}, {"beta": False}):
        out = cygrad.addr(cygrad.tensor([[True, False], [False, True]]), b, b, **kw)
        expected = [[True, False], [False, kw.get("beta", True) is not False]]
        assert out.dtype == cygrad.bool and out.tolist() == expected
    assert cygrad.addr(i, b, b).tolist() == [[2, 2], [1, 2]]
    with pytest.raises(RuntimeError, match="Boolean alpha only supported for Boolean results."):
        cygrad.addr(i, i, i, alpha=True)
    with pytest.raises(RuntimeError, match="For integral input tensors, argument beta must not be a floating point"):
        cygrad.addr(i, i, i, beta=1.5)


def test_beta_zero_ignores_nan():
    a, b = arrays((2, 3), (3, 4))
    nan = np.full(4, np.nan)
    assert_same(_products.addmm(*map(to_cygrad, (nan, a, b)), beta=0), peer().addmm(*map(to_peer, (nan, a, b)), beta=0))


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "int32", "int64"])
def test_integers_wrap(dtype):
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 100, (5, 7)).astype(dtype), rng.integers(0, 100, (7, 6)).astype(dtype)
    compare(_products.mm, peer().mm, a, b)


@pytest.mark.parametrize(
    "equation, shapes",
    [("ij,jk->ik", [(2, 3), (3, 4)]), ("ij,jk", [(2, 3), (3, 4)]), ("ii->i", [(3, 3)]), ("ii", [(3, 3)]),
     ("ij->ji", [(2, 3)]), ("ij->", [(2, 3)]), ("bij,bjk->bik", [(2, 3, 4), (2, 4, 5)]),
     ("...ij,...jk->...ik", [(5, 2, 3), (6, 1, 3, 4)]), ("i,j->ij", [(2,), (3,)]),
     ("bn,anm,bm->ba", [(2, 3), (4, 3, 5), (2, 5)]), ("ijk,ijk->", [(2, 3, 4)] * 2), ("ij,ij->ij", [(1, 3), (2, 3)]),
     ("bhqd,bhkd->bhqk", [(2, 3, 4, 5), (2, 3, 6, 5)])],
)  # fmt: skip
def test_einsum(equation, shapes):
    torch = peer()
    ops = arrays(*shapes)
    ours = _products.einsum(equation, *map(to_cygrad, ops))
    assert_same(ours, torch.einsum(equation, *map(to_peer, ops)))
    check_gradients(lambda *t: _products.einsum(equation, *t), *[o[..., :3] * 1 for o in ops], second=False) \
        if equation == "i,j->ij" else None


def test_einsum_sublists():
    a, b = map(to_cygrad, arrays((2, 3), (3, 4)))
    x, y = map(to_peer, arrays((2, 3), (3, 4)))
    assert_same(_products.einsum(a, [0, 1], b, [1, 2], [0, 2]), x @ y)
    assert_same(_products.einsum(a, [..., 1], b, [1, 2]), peer().einsum(x, [..., 1], y, [1, 2]))


def test_relatives():
    torch = peer()
    for a, b, dims in [((2, 3, 4), (3, 4, 5), 2), ((2, 3), (4, 5), 0), ((2, 3, 4), (4, 3, 5), ([1, 2], [1, 0]))]:
        x = arrays(a, b)
        assert_same(_products.tensordot(*map(to_cygrad, x), dims), torch.tensordot(*map(to_peer, x), dims))
    for name, a, b in [("kron", (2, 3), (4,)), ("kron", (2,), (3,)), ("inner", (2, 3), (4, 3)), ("inner", (3,), (3,))]:
        x = arrays(a, b)
        assert_same(getattr(_products, name)(*map(to_cygrad, x)), getattr(torch, name)(*map(to_peer, x)))
    chain = arrays((2, 3), (3, 7), (7, 4), (4, 1))
    assert_same(_products.multi_dot(list(map(to_cygrad, chain))), torch.linalg.multi_dot(list(map(to_peer, chain))))


def test_out():
    a, b = map(to_cygrad, arrays((2, 3), (3, 4)))
    out = cygrad.zeros(2, 4, dtype=cygrad.float64)
    assert _products.mm(a, b, out=out) is out
    assert_same(out, _linalg.mm(a, b))


def test_gradients_of_two_orders():
    check_gradients(_linalg.mm, *arrays((2, 3), (3, 2)))
    check_gradients(_linalg.bmm, *arrays((2, 2, 3), (2, 3, 2)))
    check_gradients(_linalg.matmul, *arrays((2, 1, 2, 3), (2, 3, 2)))
    check_gradients(_linalg.matmul, *arrays((3,), (2, 3, 2)))
    check_gradients(_linalg.matmul, *arrays((2, 3, 0), (0, 2)))
    check_gradients(_linalg.mv, *arrays((2, 3), (3,)))
    check_gradients(_nn.linear, *arrays((2, 3), (4, 3), (4,)))
    check_gradients(lambda c, a, b: _products.addmm(c, a, b, beta=0.5, alpha=2), *arrays((2,), (3, 4), (4, 2)))


def test_same_bits_for_any_number_of_threads():
    a, b = arrays((300, 200), (200, 310), dtype="float32")
    results = []
    before = cygrad.get_num_threads()
    for n in (1, 2):
        cygrad.set_num_threads(n)
        results.append(_linalg.bmm(to_cygrad(np.stack([a] * 3)), to_cygrad(np.stack([b] * 3))).numpy())
    cygrad.set_num_threads(before)
    np.testing.assert_array_equal(*results)


@pytest.mark.parametrize(
    "name, shapes",
    [("mm", [(2, 3), (4, 5)]), ("mm", [(2, 3), (3,)]), ("bmm", [(2, 3), (4, 5)]), ("bmm", [(2, 2, 3), (3, 3, 2)]),
     ("mv", [(2, 3), (2, 3)]), ("mv", [(2, 3), (2,)]), ("dot", [(2,), (3,)]), ("dot", [(2, 3), (2, 3)]),
     ("matmul", [(2, 3, 4), (3, 4, 5)]), ("matmul", [(2, 3, 4), (2, 3, 5)]), ("matmul", [(2, 3, 4), (5,)]),
     ("matmul", [(2, 3, 4), (5, 6)]), ("matmul", [(3,), (2, 3)]), ("matmul", [(), (2,)]),
     ("addmm", [(3,), (2, 3), (4, 5)]), ("addmm", [(5,), (2, 3), (3, 4)]), ("addmv", [(3,), (2, 3), (3,)]),
     ("baddbmm", [(3,), (2, 2, 3), (2, 3, 2)]), ("inner", [(2, 3), (4, 5)]), ("outer", [(2, 3), (3,)]),
     ("addr", [(2, 3), (2, 3), (3,)])],
)  # fmt: skip
def test_errors(name, shapes):
    compare_errors(getattr(_products, name), getattr(peer(), name), *arrays(*shapes))


def test_dtype_errors():
    a, b = arrays((2, 3), (3, 2))
    for name, x, y in [("mm", a, b.astype("float32")), ("mm", a > 0, b > 0), ("dot", a[0], b[:, 0].astype("float32"))]:
        compare_errors(getattr(_products, name), getattr(peer(), name), x, y)


class FirstPair:
    """Stands in for the package opt_einsum: contracts the last two operands first."""

    def __init__(self):
        self.asked = []

    def get_symbol(self, i):
        return chr(ord("a") + i)

    def contract_path(self, equation, *sizes, optimize, shapes):
        self.asked.append((equation, optimize))
        return [(len(sizes) - 1, len(sizes) - 2)] + [(0, 1)] * (len(sizes) - 2), None


def test_einsum_takes_the_order_of_opt_einsum(monkeypatch):
    import cygrad

    package = FirstPair()
    monkeypatch.setattr(_products, "get_opt_einsum", lambda: package)
    opt_einsum = cygrad.backends.opt_einsum
    assert opt_einsum.is_available() and opt_einsum.enabled and opt_einsum.strategy == "auto"
    a, b, c = cygrad.randn(2, 3), cygrad.randn(3, 4), cygrad.randn(4, 5)
    with opt_einsum.flags(enabled=True, strategy="greedy"):
        found = cygrad.einsum("ij,jk,kl->il", a, b, c)
    assert package.asked == [("ab,bc,cd->ad", "greedy")]
    cygrad.testing.assert_close(found, a @ b @ c)
    with opt_einsum.flags(enabled=False, strategy="auto"):
        cygrad.testing.assert_close(cygrad.einsum("ij,jk,kl->il", a, b, c), a @ b @ c)
    cygrad.einsum("ij,jk->ik", a, b)
    assert len(package.asked) == 1 and opt_einsum.enabled and opt_einsum.strategy == "auto"
    cygrad.einsum("ij,jk,kl->il", a, b, c)
    assert len(package.asked) == 2
