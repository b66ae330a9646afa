"""What nodes save, by PyTorch's names: `grad_fn._saved_self`, and hooks on it through `_raw_saved_self`."""

import numpy as np
import pytest

import cygrad


def leaf(*shape, m=cygrad):
    return m.from_numpy(np.random.default_rng(0).uniform(0.2, 0.8, shape)).requires_grad_()


def test_saved_tensors_are_the_operands_and_results():
    x, w = leaf(2, 3), leaf(3, 4)
    node = (x @ w).grad_fn
    assert node._saved_self is x and node._saved_mat2 is w
    y = x.exp()
    assert y.grad_fn._saved_result.grad_fn is y.grad_fn
    assert {"_saved_mat2", "_raw_saved_mat2"} <= set(dir(node))
    assert (
        cygrad.equal((x * 3).grad_fn._saved_other, cygrad.tensor(3))
        and (x**2).grad_fn._saved_exponent == 2
    )
    with pytest.raises(
        AttributeError, match="'MmBackward0' object has no attribute '_saved_other'"
    ):
        _ = node._saved_other
    with pytest.raises(AttributeError):
        _ = (x + x).grad_fn._saved_self


def test_what_was_freed_is_refused():
    y = leaf(3).exp()
    y.sum().backward()
    for name in ("_saved_result", "_raw_saved_result"):
        with pytest.raises(
            RuntimeError, match="directly access saved tensors after they have already been freed"
        ):
            getattr(y.grad_fn, name)


def test_hooks_on_one_saved_tensor():
    x, w = leaf(3), leaf(3)
    packed = []
    y = x * w

    def pack(t):
        packed.append(t)
        return len(packed) - 1

    saved = y.grad_fn._raw_saved_self
    saved.register_hooks(pack, lambda i: packed[i] * 2)
    assert packed[0] is x
    (g,) = cygrad.autograd.grad(y.sum(), w)
    assert cygrad.equal(g, 2 * x)
    z = x.exp() * w
    z.grad_fn._raw_saved_self.register_hooks(lambda t: t.detach().numpy(), cygrad.from_numpy)
    (g,) = cygrad.autograd.grad(z.sum(), w, create_graph=True)
    (h,) = cygrad.autograd.grad(g.sum(), x)
    assert cygrad.allclose(h, x.exp())  # what unpack gives is in its place in the graph
    with pytest.raises(TypeError):
        (x * w).grad_fn._raw_saved_self.register_hooks(pack, 3)
    node = (x * w).grad_fn
    node._raw_saved_self.register_hooks(lambda t: t, lambda t: t)
    with pytest.raises(RuntimeError, match="whose hooks have already been set"):
        node._raw_saved_self.register_hooks(lambda t: t, lambda t: t)


_FUNCTIONS = {
    "mm": lambda m, x: x @ x.t(),
    "addmm": lambda m, x: m.addmm(x, x, x),
    "linear": lambda m, x: m.nn.functional.linear(x, x),
    "conv": lambda m, x: m.nn.functional.conv1d(x[None], x[:, :, None]),
    "layer norm": lambda m, x: m.nn.functional.layer_norm(x, (3,), x[0], x[1]),
    "softmax": lambda m, x: x.softmax(0),
    "where": lambda m, x: m.where(x > 0.5, x, x),
    "clamp": lambda m, x: m.clamp(x, x / 2, x * 2),
    "addcdiv": lambda m, x: m.addcdiv(x, x, x),
    "lerp": lambda m, x: m.lerp(x, x, x),
    "pow": lambda m, x: x**x,
    "power": lambda m, x: x**3,
    "gather": lambda m, x: x.gather(0, m.zeros_like(x).long()),
    "topk": lambda m, x: x.topk(2)[0],
    "prod": lambda m, x: x.prod(0),
    "norm": lambda m, x: m.linalg.vector_norm(x),
    "svd": lambda m, x: m.linalg.svd(x)[1],
    "cdist": lambda m, x: m.cdist(x, x),
    "tanh": lambda m, x: x.tanh(),
    "log": lambda m, x: x.log(),
    "times": lambda m, x: x * 3,
    "over": lambda m, x: x / 3,
}


@pytest.mark.parametrize("name", _FUNCTIONS)
def test_names_and_values_are_pytorchs(name):
    torch = pytest.importorskip("torch")
    seen = []
    for m in (cygrad, torch):
        node = _FUNCTIONS[name](m, leaf(3, 3, m=m)).grad_fn
        names = [n for n in dir(node) if n.startswith("_raw_saved_")]
        seen.append((node.name(), {n: getattr(node, n.replace("_raw", "")) for n in names}))
    (ours, mine), (theirs, all_of_them) = seen
    assert ours == theirs and set(mine) <= set(all_of_them)
    for n, t in mine.items():
        if isinstance(t, cygrad.Tensor) and all_of_them[n] is not None:
            a, b = t.detach().resolve_conj().numpy(), all_of_them[n].detach().numpy()
            np.testing.assert_allclose(np.abs(a).ravel(), np.abs(b).ravel(), rtol=1e-6)
