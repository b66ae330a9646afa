"""`_foreach_*`: operators over lists of tensors, against PyTorch's."""

import numpy as np
import pytest

import cygrad

torch = pytest.importorskip("torch")


def _lists(m):
    return [m.tensor([0.5, 1.5]), m.tensor([[0.25], [2.0]]), m.tensor(0.75)]


_CALLS = {
    "add-number": lambda m, f: f(_lists(m), 2),
    "add-alpha": lambda m, f: f(_lists(m), _lists(m), alpha=3),
    "add-numbers": lambda m, f: f(_lists(m), [1.0, 2.0, 3.0]),
    "sub-number": lambda m, f: f(_lists(m), 2.0),
    "mul-tensor": lambda m, f: f(_lists(m), m.tensor(3.0)),
    "div-lists": lambda m, f: f(_lists(m), _lists(m)),
    "maximum-number": lambda m, f: f(_lists(m), 1.0),
    "clamp_max-lists": lambda m, f: f(_lists(m), _lists(m)),
    "minimum-numbers": lambda m, f: f(_lists(m), [0.1, 9.0, 0.5]),
    "pow-number": lambda m, f: f(_lists(m), 2),
    "addcmul-number": lambda m, f: f(_lists(m), _lists(m), _lists(m), 0.5),
    "addcdiv-numbers": lambda m, f: f(_lists(m), _lists(m), _lists(m), [1.0, 2.0, 3.0]),
    "addcdiv-tensor": lambda m, f: f(_lists(m), _lists(m), _lists(m), m.tensor([1.0, 2.0, 3.0])),
    "lerp-number": lambda m, f: f(_lists(m), [t * 2 for t in _lists(m)], 0.25),
    "lerp-lists": lambda m, f: f(_lists(m), [t * 2 for t in _lists(m)], _lists(m)),
    "norm": lambda m, f: f(_lists(m), 1),
    "max": lambda m, f: f(_lists(m)),
    "powsum": lambda m, f: f(_lists(m), 3),
    "clone": lambda m, f: f(_lists(m)),
    "mm-lists": lambda m, f: f([m.ones(2, 3)], [m.ones(3, 4)]),
    "sub-tensor-alpha": lambda m, f: f(_lists(m), m.tensor(2.0)),
    "maximum-ints": lambda m, f: f(_lists(m), [t * 2 for t in _lists(m)]),
    "clamp_min-list": lambda m, f: f(_lists(m), [0.1, 9, 0.5]),
    "lerp-numbers": lambda m, f: f(_lists(m), [t * 2 for t in _lists(m)], [0.25, 1, 0.5]),
    **{name: lambda m, f: f(_lists(m)) for name in "abs exp sqrt rsqrt reciprocal neg sign sigmoid log1p".split()},
}


@pytest.mark.parametrize("name", _CALLS)
def test_lists_as_pytorch(name):
    function = "_foreach_" + name.partition("-")[0]
    ours, theirs = (_CALLS[name](m, getattr(m, function)) for m in (cygrad, torch))
    assert isinstance(ours, tuple) == isinstance(theirs, tuple)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-6)


@pytest.mark.parametrize("name", [n for n in _CALLS if n not in ("norm", "max", "powsum", "clone", "mm-lists")])
def test_in_place_writes_and_returns_the_list(name):
    base = name.partition("-")[0]
    kept = []

    def call(tensors, *args, **kwargs):
        kept.append(tensors)
        return getattr(cygrad, f"_foreach_{base}_")(tensors, *args, **kwargs)

    expected = _CALLS[name](cygrad, getattr(cygrad, f"_foreach_{base}"))
    assert _CALLS[name](cygrad, call) is kept[0]
    for a, b in zip(kept[0], expected, strict=True):
        assert cygrad.equal(a, b)


@pytest.mark.parametrize(
    "call",
    [
        lambda m: m._foreach_add([], 1),
        lambda m: m._foreach_add(_lists(m), _lists(m)[:2]),
        lambda m: m._foreach_mul(_lists(m), [1.0]),
        lambda m: m._foreach_addcmul(_lists(m), _lists(m)[:1], _lists(m)),
    ],
)
def test_lengths_that_do_not_fit(call):
    with pytest.raises(RuntimeError) as theirs:
        call(torch)
    with pytest.raises(RuntimeError) as ours:
        call(cygrad)
    assert str(ours.value) == str(theirs.value)


def test_zero_copy_and_gradients():
    xs = [x.requires_grad_() for x in _lists(cygrad)]
    sum(t.sum() for t in cygrad._foreach_mul(xs, 3)).backward()
    assert xs[0].grad.tolist() == [3.0, 3.0]
    into = [cygrad.empty_like(x) for x in xs]
    cygrad._foreach_copy_(into, [x.detach() for x in xs])
    assert all(map(cygrad.equal, into, xs))
    cygrad._foreach_zero_(into)
    assert not any(t.any() for t in into)


def test_all_names_are_here():
    assert {n for n in dir(torch) if n.startswith("_foreach_")} <= set(dir(cygrad))


def test_whole_numbers_grow_as_in_pytorch():
    for name in ("maximum", "clamp_max", "add", "sqrt"):
        results = []
        for m in (cygrad, torch):
            ints = [m.tensor([1, 2]), m.tensor([3])]
            args = () if name == "sqrt" else (1.5,)
            results.append([(str(t.dtype), t.tolist()) for t in getattr(m, f"_foreach_{name}")(ints, *args)])
        assert repr(results[0]) == repr(results[1])


def test_bounds_that_are_nan():
    for m in (cygrad, torch):
        assert all(t.isnan().all() for t in m._foreach_clamp_min(_lists(m), float("nan")))


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("add", lambda a, m: ([], 1)),
        ("add", lambda a, m: (a, a[:1])),
        ("add", lambda a, m: (a, [1.0])),
        ("add", lambda a, m: (a, m.ones(2))),
        ("add", lambda a, m: ([1], [2])),
        ("sqrt", lambda a, m: (a[0],)),
        ("sqrt", lambda a, m: ([1, 2],)),
        ("addcmul", lambda a, m: (a, a, a, m.ones(3))),
        ("addcmul", lambda a, m: (a, a, a, m.ones(2, 2))),
        ("addcdiv", lambda a, m: (a, a, a, [1.0])),
        ("lerp", lambda a, m: (a, a, a[:1])),
        ("copy_", lambda a, m: (a, a[:1])),
        ("norm", lambda a, m: (a, "x")),
        ("powsum", lambda a, m: ([m.tensor([1, 2])],)),
        ("max", lambda a, m: ([m.ones(0)],)),
        ("mm", lambda a, m: ([], [])),
        ("maximum_", lambda a, m: (a, [m.ones(2, 2), a[1]])),
    ],
)
def test_errors_are_pytorchs(name, args):
    said = []
    for m in (cygrad, torch):
        with pytest.raises(Exception) as error:
            getattr(m, f"_foreach_{name}")(*args([m.ones(2), m.ones(3)], m))
        said.append((error.type.__name__, str(error.value)))
    assert said[0] == said[1]


def test_gradients_go_through_lists():
    xs = [cygrad.tensor([1.0, 2.0], requires_grad=True), cygrad.tensor(3.0, requires_grad=True)]
    ys = cygrad._foreach_addcmul(xs, xs, xs, [2.0, 3.0])
    grads = cygrad.autograd.grad([y.sum() for y in ys], xs)
    assert [g.tolist() for g in grads] == [[5.0, 9.0], 19.0]
