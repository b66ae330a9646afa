"""torch.func, torch.vmap and forward_ad: closed forms, nesting, structures, and messages as PyTorch 2.13's."""

from collections import namedtuple

import pytest

import cygrad as torch
from cygrad.autograd import forward_ad
from cygrad.func import (
    functional_call,
    grad,
    grad_and_value,
    hessian,
    jacfwd,
    jacrev,
    jvp,
    linearize,
    stack_module_state,
    vjp,
    vmap,
)

S, V = torch.tensor(0.7), torch.tensor([0.3, -1.2, 2.0])
M = torch.arange(6.0).reshape(2, 3)


def close(a, b):
    torch_all = torch.allclose(a, b, rtol=1e-5, atol=1e-6)
    assert a.shape == b.shape and torch_all, (a, b)
    return True


# ---- gradients


def test_grad_nests_and_leaves_no_graph_behind():
    close(grad(torch.sin)(S), S.cos())
    close(grad(grad(torch.sin))(S), -S.sin())
    close(grad(grad(grad(torch.sin)))(S), -S.cos())
    assert not grad(torch.sin)(S).requires_grad and S.grad is None and not S.requires_grad


def test_grad_stays_differentiable_for_those_outside():
    w = torch.tensor(3.0, requires_grad=True)
    g = grad(lambda x: w * x**2)(S)
    g.backward()
    close(w.grad, 2 * S)
    x = torch.tensor(0.5, requires_grad=True)
    grad(torch.sin)(x).backward()
    close(x.grad, -x.detach().sin())
    with torch.no_grad():
        assert not grad(lambda x: w * x**2)(S).requires_grad


def test_argnums_aux_and_structures():
    def f(x, y):
        return (x * y).sum(), {"twice": 2 * x}

    g, aux = grad(f, argnums=(0, -1), has_aux=True)(V, V + 1)
    close(g[0], V + 1), close(g[1], V), close(aux["twice"], 2 * V)
    assert not aux["twice"].requires_grad
    g, (value, _) = grad_and_value(f, argnums=1, has_aux=True)(V, V)
    close(g, V), close(value, (V * V).sum())
    g = grad(lambda d: (d["a"] * d["b"][0]).sum())({"a": V, "b": [2 * V]})
    close(g["a"], 2 * V), close(g["b"][0], V)
    close(grad(lambda x, scale=1: (scale * x).sum())(V, scale=3), torch.full((3,), 3.0))
    assert float(grad(lambda x: x.detach())(S)) == 0


def test_vjp_and_jvp():
    out, pull = vjp(lambda x, y: {"p": x * y, "s": x.sum()}, V, V + 1)
    for _ in range(2):
        gx, gy = pull({"p": torch.ones(3), "s": S})
        close(gx, V + 1 + S), close(gy, V)
    assert not out["p"].requires_grad
    value, tangent = jvp(lambda x, y: (x * y, x.sin()), (V, V + 1), (torch.ones(3), V))
    close(tangent[0], V + 1 + V * V), close(tangent[1], V.cos())
    value, tangent, aux = jvp(lambda x: (x.exp(), x), (V,), (V,), has_aux=True)
    close(tangent, V * value), close(aux, V)
    _, push = linearize(torch.sin, V)
    close(push(V), V * V.cos()), close(push(2 * V), 2 * V * V.cos())
    # a product of products: d/dt sin'(x) t
    close(jvp(lambda x: jvp(torch.sin, (x,), (V,))[1], (V,), (V,))[1], -V * V * V.sin())
    close(jvp(grad(lambda x: x.sin().sum()), (V,), (V,))[1], -V * V.sin())


def test_jacobians_and_hessians():
    for jac in (jacrev, jacfwd):
        close(jac(torch.sin)(V), V.cos().diag())
        a, b = jac(lambda x, y: (x[:, None] * y, y.sum()), argnums=(0, 1))(V[:2], V)
        assert a[0].shape == (2, 3, 2) and a[1].shape == (2, 3, 3) and b[0].shape == (2,)
        close(b[1], torch.ones(3))
        close(jac(lambda x: torch.tensor(1.0))(V), torch.zeros(3))
        j, aux = jac(lambda x: (x * x, x), has_aux=True)(V)
        close(j, (2 * V).diag()), close(aux, V)
    for second in (hessian, lambda f: jacfwd(jacfwd(f)), lambda f: jacrev(jacfwd(f))):
        close(second(lambda x: (x**3).sum())(V), (6 * V).diag())
    h = hessian(lambda x, y: (x**2 * y).sum(), argnums=(0, 1))(V, V)
    (
        close(h[0][0], (2 * V).diag()),
        close(h[0][1], (2 * V).diag()),
        close(h[1][1], torch.zeros(3, 3)),
    )


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: grad(torch.sin)(V), RuntimeError, "grad_and_value(f)(*args): Expected f(*args) to return a scalar Tensor, got tensor with 1 dims. Maybe you wanted to use the vjp or jacrev APIs instead?"),  # noqa: E501
        (lambda: grad(torch.sin)(2.0), ValueError, "Thing passed to transform API must be Tensor, got <class 'float'>"),
        (lambda: grad(torch.sin)(torch.tensor(2)), RuntimeError, "only Tensors of floating point dtype can require gradients"),  # noqa: E501
        (lambda: grad(lambda x: 3)(S), RuntimeError, "grad_and_value(f)(*args): Expected f(*args) to return a Tensor, got <class 'int'>"),  # noqa: E501
        (lambda: grad(torch.mul, argnums=2)(S, S), RuntimeError, "Got argnum=2, but only 2 positional inputs"),
        (lambda: grad(torch.mul, argnums=(0, 0))(S, S), RuntimeError, "argnums elements must be unique, got (0, 0)"),
        (lambda: grad(torch.mul, argnums=())(S, S), RuntimeError, "argnums must be non-empty"),
        (lambda: grad(lambda x: x, has_aux=True)(S), RuntimeError, "grad_and_value(f)(*args): output of function f should be a tuple: (output, aux) if has_aux is True"),  # noqa: E501
        (lambda: vjp(torch.sin, V)[1]((V,)), RuntimeError, "Expected pytree structure of cotangents to be the same as pytree structure of outputs to the function. cotangents: (*,), primal output: *"),  # noqa: E501
        (lambda: jvp(torch.sin, V, V), RuntimeError, "jvp(f, primals, tangents): Expected primals to be a tuple. E.g. it should be valid to call f(*primals)."),  # noqa: E501
        (lambda: jacrev(torch.sin, chunk_size=0), ValueError, "jacrev: `chunk_size` should be greater than 0."),
        (lambda: vmap(torch.mul)(M, 3), ValueError, "vmap(mul, in_dims=0, ...)(<inputs>): Got in_dim=0 for an input but the input is of type <class 'int'>. We cannot vmap over non-Tensor arguments, please use None as the respective in_dim"),  # noqa: E501
        (lambda: vmap(torch.mul)(M, M.t()), ValueError, "vmap: Expected all tensors to have the same size in the mapped dimension, got sizes [2, 3] for the mapped dimension"),  # noqa: E501
        (lambda: vmap(torch.mul, (0,))(M, M), ValueError, "vmap(mul, in_dims=(0,), ...)(<inputs>): in_dims is not compatible with the structure of `inputs`. in_dims has structure TreeSpec(tuple, None, [*]) but inputs has structure TreeSpec(tuple, None, [*,\n  *])."),  # noqa: E501
        (lambda: vmap(torch.mul, (None, None))(M, M), ValueError, "vmap: Expected at least one Tensor to vmap over"),
        (lambda: vmap(torch.sin, randomness="x"), RuntimeError, "Only allowed values for randomness are 'error', 'different', or 'same'. Got x"),  # noqa: E501
        (lambda: vmap(lambda x: x + torch.rand(3))(M), RuntimeError, "vmap: called random operation while in randomness error mode. Please either use the 'same' or 'different' randomness flags on vmap or perform the randomness operation out of vmap"),  # noqa: E501
        (lambda: vmap(lambda x: 3)(M), ValueError, "vmap(<lambda>, ...): `<lambda>` must only return Tensors, got type <class 'int'>. Did you mean to set out_dims= to None for output?"),  # noqa: E501
        (lambda: vmap(lambda x: x, out_dims=None)(M), ValueError, "vmap(<lambda>, ...): `<lambda>` can not return a BatchedTensor when out_dim is None"),  # noqa: E501
        (lambda: stack_module_state([]), RuntimeError, "stack_module_state: Expected at least one model, got 0."),
        (lambda: functional_call(torch.nn.Linear(1, 1), ({"bias": S}, {"bias": S}), S), ValueError, "['bias'] appeared in multiple dictionaries; behavior of functional call is ambiguous"),  # noqa: E501
        (lambda: torch.func.functionalize(torch.sin), NotImplementedError, "cygrad: torch.func.functionalize is not implemented"),  # noqa: E501
    ],
)  # fmt: skip
def test_messages(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == text


# ---- vmap


def test_vmap_dimensions_and_structures():
    assert torch.vmap is vmap
    close(vmap(torch.dot)(M, M), (M * M).sum(1))
    close(vmap(torch.dot, in_dims=(0, 1))(M, M.t()), (M * M).sum(1))
    close(vmap(torch.mv, in_dims=(None, 0))(M, M), M @ M.t())
    close(vmap(lambda x: 2 * x, in_dims=1, out_dims=-1)(M), 2 * M)
    out = vmap(
        lambda d, k: [d["a"] + d["b"], {"k": k}],
        in_dims=({"a": 0, "b": None}, None),
        out_dims=[1, None],
    )({"a": M, "b": V}, 5)
    close(out[0], (M + V).t())
    assert out[1] == {"k": 5}
    Pair = namedtuple("Pair", "a b")
    pair = vmap(lambda x: Pair(x, x.sum()))(M)
    assert isinstance(pair, Pair)
    close(pair.b, M.sum(1))
    outer = vmap(vmap(torch.mul, in_dims=(None, 0)), in_dims=(0, None))(V, V)
    close(outer, torch.outer(V, V))
    assert vmap(torch.sin)(M[:0]).shape == (0, 3)
    close(vmap(lambda x: x if x.sum() > 5 else -x)(M), torch.stack([-M[0], M[1]]))


def test_vmap_nests_with_derivatives():
    per_sample = vmap(grad(lambda w, x: (w * x).sum() ** 2), in_dims=(None, 0))(V, M)
    close(per_sample, 2 * (M @ V)[:, None] * M)
    close(vmap(jacrev(torch.sin))(M), torch.stack([row.cos().diag() for row in M]))
    j = jacrev(vmap(torch.sin))(M)
    close(j.reshape(6, 6), M.flatten().cos().diag())
    close(grad(lambda x: vmap(torch.sin)(x).sum())(M), M.cos())
    x = M.clone().requires_grad_()
    vmap(lambda r: r.prod())(x).sum().backward()
    close(x.grad[1], torch.tensor([20.0, 15.0, 12.0]))
    close(vmap(lambda x, t: jvp(torch.sin, (x,), (t,))[1])(M, M), M * M.cos())


def test_vmap_randomness():
    torch.manual_seed(0)
    different = vmap(lambda x: x + torch.randn(3), randomness="different")(M)
    torch.manual_seed(0)
    close(different, M + torch.randn(2, 3))
    torch.manual_seed(0)
    same = vmap(lambda x: x + torch.randn(3), randomness="same")(M)
    torch.manual_seed(0)
    close(same, M + torch.randn(3))


# ---- modules


def test_modules_as_functions():
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
    parameters = {k: v.detach() for k, v in net.named_parameters()}

    def loss(p, x, y):
        return (functional_call(net, p, (x,)) - y).square().mean()

    x, y = torch.randn(5, 3), torch.randn(5, 1)
    g = grad(loss)(parameters, x, y)
    (net(x) - y).square().mean().backward()
    for name, p in net.named_parameters():
        close(g[name], p.grad)
    each = vmap(grad(loss), in_dims=(None, 0, 0))(parameters, x, y)
    close(each["0.weight"].mean(0), net[0].weight.grad)


def test_ensembles():
    nets = [torch.nn.Linear(3, 2) for _ in range(4)]
    parameters, buffers = stack_module_state(nets)
    assert parameters["weight"].shape == (4, 2, 3) and parameters["weight"].is_leaf
    assert parameters["weight"].requires_grad and buffers == {}
    out = vmap(lambda p, x: functional_call(nets[0], p, x), in_dims=(0, None))(parameters, M)
    close(out, torch.stack([n(M) for n in nets]))
    norm = torch.func.replace_all_batch_norm_modules_(torch.nn.Sequential(torch.nn.BatchNorm1d(3)))
    assert norm[0].running_mean is None and not norm[0].track_running_stats


@pytest.mark.parametrize(
    "module, shape",
    [
        (
            torch.nn.Sequential(torch.nn.Conv2d(2, 3, 3), torch.nn.ReLU(), torch.nn.MaxPool2d(2)),
            (2, 2, 6, 6),
        ),
        (torch.nn.BatchNorm1d(3), (4, 3)),
        (torch.nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0), (3, 2, 4)),
        (torch.nn.GRU(3, 4), (3, 2, 3)),
    ],
)
def test_forward_products_through_modules(module, shape):
    """Against central differences in double; so every module's gradient is differentiable itself."""
    module = module.double()

    def f(x):
        out = module(x)
        return out[0] if isinstance(out, tuple) else out

    x, v = torch.randn(shape, dtype=torch.float64), torch.randn(shape, dtype=torch.float64)
    with torch.no_grad():
        slope = (f(x + 1e-5 * v) - f(x - 1e-5 * v)) / 2e-5
    close(jvp(f, (x,), (v,))[1], slope)


# ---- forward_ad


def test_dual_tensors():
    with forward_ad.dual_level():
        a, b = forward_ad.make_dual(V, torch.ones(3)), forward_ad.make_dual(V + 1, V)
        primal, tangent = forward_ad.unpack_dual(a * b.sin())
        close(primal, V * (V + 1).sin())
        close(tangent, (V + 1).sin() + V * (V + 1).cos() * V)
        close(forward_ad.unpack_dual(a).tangent, torch.ones(3))
        assert forward_ad.unpack_dual(V).tangent is None
        with pytest.raises(
            RuntimeError, match="Nested forward mode AD is not supported at the moment"
        ):
            forward_ad.enter_dual_level()
    with pytest.raises(RuntimeError, match="no level exists"):
        forward_ad.make_dual(V, V)
    w = torch.tensor(2.0, requires_grad=True)
    with forward_ad.dual_level():
        tangent = forward_ad.unpack_dual(w * forward_ad.make_dual(V, V).sin()).tangent
    tangent.sum().backward()
    close(w.grad, (V * V.cos()).sum())


# ---- rearrange


def test_rearrange():
    x = torch.arange(24.0).reshape(2, 3, 4)
    r = torch.func.rearrange
    close(r(x, "a b c -> c b a"), x.permute(2, 1, 0))
    close(r(x, "a b c -> (b a) c"), x.transpose(0, 1).reshape(6, 4))
    close(r(x, "a b (c d) -> a d b c", c=2), x.reshape(2, 3, 2, 2).permute(0, 3, 1, 2))
    close(r(x, "a ... -> (...) a 1"), x.permute(1, 2, 0).reshape(12, 2, 1))
    close(r([x, x], "n a b c -> a n b c"), torch.stack([x, x], 1))
    close(r(x[:, :, :1], "a b () -> a b"), x[:, :, 0])
    for pattern, text in (
        (
            "a b c -> a b",
            "Identifiers only on one side of rearrange expression (should be on both): {'c'}",
        ),
        (
            "a b -> a b",
            "Number of dimensions in pattern (2) must be equal to the number of dimensions in the tensor (3)",
        ),
        ("a a b -> a b", "Indexing expression contains duplicate dimension 'a'"),
        ("a b (c d) -> a b c d", "cannot infer the sizes of two dimensions at once c and d"),
        ("a ((b c)) -> a", "Axis composition is one-level (brackets inside brackets not allowed)"),
        ("a b", "Pattern must contain a single '->' separator"),
    ):
        with pytest.raises(ValueError) as caught:
            r(x, pattern)
        assert str(caught.value) == text


# ---- whole batches


def counted(monkeypatch):
    """How often a loop over slices was needed."""
    from cygrad.func import _vmap

    loops, by_loop = [], _vmap._by_loop
    monkeypatch.setattr(_vmap, "_by_loop", lambda *args: loops.append(1) or by_loop(*args))
    return loops


def test_networks_are_called_once_on_whole_batches(monkeypatch):
    loops, calls = counted(monkeypatch), []
    F = torch.nn.functional

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.norm = torch.nn.Conv2d(2, 4, 3, padding=1), torch.nn.GroupNorm(2, 4)
            self.out = torch.nn.Linear(4 * 9, 5)

        def forward(self, x):
            calls.append(1)
            x = F.max_pool2d(F.relu(self.norm(self.conv(x))), 2)
            return F.log_softmax(self.out(F.dropout(x.flatten(1), 0.5, training=False)), 1)

    net = Net()
    parameters = {k: v.detach() for k, v in net.named_parameters()}
    x, y = torch.randn(7, 2, 6, 6), torch.randint(0, 5, (7,))

    def loss(p, x, y):
        return F.nll_loss(functional_call(net, p, (x[None],)), y[None])

    each = vmap(grad(loss), in_dims=(None, 0, 0))(parameters, x, y)
    assert not loops and len(calls) == 1
    for i in range(7):
        alone = grad(loss)(parameters, x[i], y[i])
        assert all(torch.allclose(each[k][i], alone[k], atol=1e-5) for k in alone)


def test_jacobians_come_from_one_batch(monkeypatch):
    calls = []

    def f(x):
        calls.append(1)
        return (x[:, None] * x).sin().sum(0)

    x = torch.randn(6, dtype=torch.float64)
    for jac in (jacrev, jacfwd):
        calls.clear()
        J = jac(f)(x)
        assert len(calls) == 2
        close(J, torch.autograd.functional.jacobian(f, x))
    H = hessian(lambda x: f(x).cos().sum())(x)
    close(H, torch.autograd.functional.hessian(lambda x: f(x).cos().sum(), x))
    close(jacrev(f, chunk_size=2)(x), J)


def test_what_needs_a_loop(monkeypatch):
    loops = counted(monkeypatch)
    close(vmap(lambda x: x * 2 if x.sum() > 5 else x)(M), torch.stack([x * 2 if x.sum() > 5 else x for x in M]))
    assert len(loops) == 1
    state = torch.zeros(3)
    with pytest.raises(RuntimeError, match=r"vmap: add_\(self, \*extra_args\) is not possible"):
        vmap(lambda x: state.add_(x))(M)
    assert state.tolist() == [0, 0, 0]
    kept = []
    vmap(lambda x: kept.append(x) or x)(M)
    with pytest.raises(RuntimeError, match="used after the call that made it"):
        kept[0] + 1


def test_dtypes_of_slices_without_dimensions():
    a, b = torch.ones(4, dtype=torch.float64), torch.ones(4, 3)
    assert vmap(torch.mul)(a, b).dtype == torch.float32 and vmap(torch.mul)(a, a.float()).dtype == torch.float64
    assert vmap(lambda x: x + torch.ones(2))(a).dtype == torch.float32
