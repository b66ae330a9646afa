"""Random tensors: the numbers, layouts, gradients and errors of PyTorch."""

import copy
import os
import pickle
import subprocess
import sys

import pytest

import cygrad

torch = pytest.importorskip("torch")

FLOATS = ["float16", "bfloat16", "float32", "float64"]
SIZES = [(), (0,), (1,), (3,), (15,), (16,), (17,), (2, 3), (7, 5, 4), (100, 33)]


def same(f, *, seed=7, twice=True):
    """`f(library)` gives the same tensor in both, and leaves the streams at the same place."""
    got = []
    for lib in (cygrad, torch):
        lib.manual_seed(seed)
        results = [f(lib) for _ in range(1 + twice)]
        got.append(
            [(t.dtype, tuple(t.shape), t.stride(), t.tolist()) for t in results]
            + [lib.randint(1 << 40, ()).item()]
        )
    mine, theirs = got
    assert repr(mine) == repr(theirs)


def error(f):
    """`f(library)` raises the same error in both."""
    errors = []
    for lib in (cygrad, torch):
        with pytest.raises(Exception) as info:
            f(lib)
        errors.append((info.type, str(info.value)))
    assert errors[0] == errors[1]


def test_known_numbers():
    cygrad.manual_seed(1729)
    assert repr(cygrad.rand(2, 2)) == "tensor([[0.3126, 0.3791],\n        [0.3087, 0.0736]])"


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", FLOATS)
def test_rand_and_randn(size, dtype):
    same(lambda lib: lib.rand(size, dtype=getattr(lib, dtype)))
    same(lambda lib: lib.randn(size, dtype=getattr(lib, dtype)))
    same(lambda lib: lib.normal(2.0, 3.0, size, dtype=getattr(lib, dtype)))


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "int32", "int64", *FLOATS])
def test_integers(dtype):
    same(lambda lib: lib.randint(100, (5, 7), dtype=getattr(lib, dtype)))
    same(lambda lib: lib.randint(3, 90, (5,), dtype=getattr(lib, dtype)))
    same(lambda lib: lib.randperm(50, dtype=getattr(lib, dtype)))
    same(lambda lib: lib.randint_like(lib.ones(3, 4, dtype=getattr(lib, dtype)), 17))
    same(lambda lib: lib.empty(9, dtype=getattr(lib, dtype)).random_())
    same(lambda lib: lib.empty(9, dtype=getattr(lib, dtype)).random_(5))
    same(lambda lib: lib.empty(9, dtype=getattr(lib, dtype)).random_(2, 5))
    same(lambda lib: lib.empty(20, dtype=getattr(lib, dtype)).bernoulli_(0.3))
    same(lambda lib: lib.empty(20, dtype=getattr(lib, dtype)).geometric_(0.3))


LAYOUTS = {
    "transposed": lambda lib, d: lib.zeros(6, 7, dtype=d).t(),
    "permuted": lambda lib, d: lib.zeros(3, 4, 5, dtype=d).permute(2, 0, 1),
    "sliced": lambda lib, d: lib.zeros(6, 8, dtype=d)[::2, 1::3],
    "column": lambda lib, d: lib.zeros(30, 3, dtype=d)[:, 1],
    "row": lambda lib, d: lib.zeros(3, 30, dtype=d)[1],
    "channels_last": lambda lib, d: lib.zeros(2, 3, 4, 5, dtype=d).contiguous(
        memory_format=lib.channels_last
    ),
}
IN_PLACE = {
    "uniform_": (-1, 2),
    "normal_": (1, 2),
    "exponential_": (2,),
    "cauchy_": (0, 1),
    "log_normal_": (0, 1),
    "geometric_": (0.4,),
    "bernoulli_": (0.4,),
    "random_": (9,),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", IN_PLACE)
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_in_place_of_any_layout(name, layout, dtype):
    same(lambda lib: getattr(LAYOUTS[layout](lib, getattr(lib, dtype)), name)(*IN_PLACE[name]))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_like(layout):
    same(lambda lib: lib.rand_like(LAYOUTS[layout](lib, lib.float32)))
    same(lambda lib: lib.randn_like(LAYOUTS[layout](lib, lib.float32)))
    same(lambda lib: lib.randint_like(LAYOUTS[layout](lib, lib.float32), 2, 50))
    same(lambda lib: lib.bernoulli(LAYOUTS[layout](lib, lib.float32) + 0.5))
    same(
        lambda lib: LAYOUTS[layout](lib, lib.float32).bernoulli_(
            0.5 + LAYOUTS[layout](lib, lib.float32)
        )
    )
    same(lambda lib: lib.dropout(LAYOUTS[layout](lib, lib.float32) + 1, 0.4, True))


def test_tensor_arguments():
    same(lambda lib: lib.normal(lib.arange(20.0), lib.arange(20.0) / 3))
    same(lambda lib: lib.normal(lib.arange(20.0), 0.5))
    same(lambda lib: lib.normal(2.0, lib.arange(5.0)))
    same(lambda lib: lib.normal(lib.arange(3.0)[:, None], lib.arange(4.0)))
    same(lambda lib: lib.normal(lib.arange(3.0, dtype=lib.float64)))
    same(lambda lib: lib.empty(5, 4).bernoulli_(lib.arange(4.0) / 4))
    same(lambda lib: lib.empty(5).bernoulli_(lib.tensor(0.5)))
    same(lambda lib: lib.bernoulli(lib.arange(5.0, dtype=lib.float64) / 5))
    same(lambda lib: lib.bernoulli(lib.ones(9), 0.25))
    same(lambda lib: lib.poisson(lib.arange(30.0)))
    same(lambda lib: lib.binomial(lib.full((9,), 20.0), lib.tensor(0.3)))
    same(lambda lib: lib._standard_gamma(lib.arange(1.0, 9)))


def test_multinomial():
    same(lambda lib: lib.multinomial(lib.arange(1.0, 9), 3))
    same(lambda lib: lib.multinomial(lib.arange(1.0, 9).reshape(2, 4), 9, replacement=True))
    same(lambda lib: lib.multinomial(lib.arange(1.0, 9, dtype=lib.float64).reshape(2, 4).t(), 2))
    same(lambda lib: lib.arange(1.0, 9).multinomial(1, True))


def test_generators():
    def f(lib):
        g = lib.Generator().manual_seed(3)
        return lib.cat(
            [
                lib.rand(2, generator=g),
                lib.randn(3, generator=g),
                lib.empty(2).normal_(generator=g),
                lib.randperm(4, generator=g).float(),
                lib.randint(9, (2,), generator=g).float(),
            ]
        )

    same(f)
    g = cygrad.Generator()
    assert g.device == cygrad.device("cpu")
    assert g.initial_seed() == torch.Generator().initial_seed()
    assert g.manual_seed(-1).initial_seed() == 2**64 - 1


def test_state_is_pytorchs():
    cygrad.manual_seed(11)
    torch.manual_seed(11)
    cygrad.randn(5)
    torch.randn(5)
    state = cygrad.get_rng_state()
    assert state.dtype == cygrad.uint8 and state.shape == (5056,)
    assert state.tolist() == torch.get_rng_state().tolist()
    expected = cygrad.rand(3).tolist()
    other = torch.Generator()
    other.set_state(torch.tensor(state.tolist(), dtype=torch.uint8))
    assert torch.rand(3, generator=other).tolist() == expected
    cygrad.set_rng_state(state)
    assert cygrad.rand(3).tolist() == expected
    error(lambda lib: lib.Generator().set_state(3))
    error(lambda lib: lib.Generator().set_state(lib.zeros(3)))
    error(lambda lib: lib.Generator().set_state(lib.zeros(3, dtype=lib.uint8)))


def test_generators_are_copied_and_pickled():
    g = cygrad.Generator().manual_seed(5)
    cygrad.rand(3, generator=g)
    for other in (pickle.loads(pickle.dumps(g)), copy.deepcopy(g), g.clone_state()):
        assert type(other) is cygrad.Generator
        assert other.get_state().tolist() == g.get_state().tolist()


def test_fork_rng():
    cygrad.manual_seed(0)
    with cygrad.random.fork_rng():
        first = cygrad.rand(3).tolist()
    assert cygrad.rand(3).tolist() == first
    assert isinstance(cygrad.seed(), int)
    assert cygrad.manual_seed(2.5) is cygrad.default_generator and cygrad.initial_seed() == 2


def test_options_and_out():
    t = cygrad.rand(2, requires_grad=True)
    assert t.requires_grad and t.is_leaf
    out = cygrad.empty(3)
    assert cygrad.randn(3, out=out) is out
    same(lambda lib: lib.rand(3, out=lib.empty(3)))
    same(lambda lib: lib.rand(size=(2, 3)))


def test_gradients():
    for draw in (
        "normal_",
        "uniform_",
        "exponential_",
        "bernoulli_",
        "random_",
        "cauchy_",
        "log_normal_",
    ):
        names = []
        for lib in (cygrad, torch):
            x = lib.ones(3, requires_grad=True)
            y = getattr(x * 2, draw)()
            y.sum().backward()
            assert x.grad.tolist() == [0, 0, 0]
            names.append(type(y.grad_fn).__name__)
        assert names[0] == names[1]
    mean = cygrad.zeros(3, requires_grad=True)
    drawn = cygrad.normal(mean, cygrad.ones(3))
    assert type(drawn.grad_fn).__name__ == "NormalBackward3"
    drawn.sum().backward()
    assert mean.grad.tolist() == [0, 0, 0]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("p", [0.1, 0.5, 0.8, 1.0, 0.0])
def test_dropout(dtype, p):
    def f(lib, part):
        x = lib.arange(1, 41, dtype=getattr(lib, dtype)).reshape(5, 8).requires_grad_()
        y = lib.dropout(x, p, True)
        (g,) = lib.autograd.grad(y, x, y.detach())
        return (y.detach(), g)[part]

    same(lambda lib: f(lib, 0))
    same(lambda lib: f(lib, 1))


def test_dropout_kinds():
    x = cygrad.ones(4)
    assert cygrad.dropout(x, 0.5, False) is x and cygrad.dropout(x, 0, True) is x
    y = cygrad.dropout(cygrad.ones(4, requires_grad=True), 0.5, True)
    assert type(y.grad_fn).__name__ == "MulBackward0"
    same(lambda lib: lib.dropout_(lib.arange(30.0), 0.3, True))
    same(lambda lib: lib.feature_dropout(lib.ones(3, 4, 2, 2), 0.3, True))
    x = cygrad.arange(1.0, 9, dtype=cygrad.float64).requires_grad_()
    state = cygrad.get_rng_state()

    def f(x):
        cygrad.set_rng_state(state)
        return cygrad.dropout(x * x, 0.5, True).sum()

    (g,) = cygrad.autograd.grad(f(x), x, create_graph=True)
    (gg,) = cygrad.autograd.grad(g.sum(), x)
    assert set(gg.tolist()) <= {0.0, 4.0}


@pytest.mark.parametrize(
    "f",
    [
        lambda lib: lib.rand(2, dtype=lib.int64),
        lambda lib: lib.randn(2, dtype=lib.int64),
        lambda lib: lib.rand(2.5),
        lambda lib: lib.randn(-2),
        lambda lib: lib.randint(10, 3, (2,)),
        lambda lib: lib.randint(10),
        lambda lib: lib.randint(0, 10, 2),
        lambda lib: lib.randint(0.0, 10, (2,)),
        lambda lib: lib.randperm(-1),
        lambda lib: lib.randperm(2.5),
        lambda lib: lib.normal(0.0, 1.0),
        lambda lib: lib.normal(0.0, -1.0, (2,)),
        lambda lib: lib.normal(lib.zeros(2), -lib.ones(2)),
        lambda lib: lib.normal(lib.zeros(2), lib.ones(3)),
        lambda lib: lib.bernoulli(lib.tensor([0.5, 2])),
        lambda lib: lib.bernoulli(lib.tensor([1, 0])),
        lambda lib: lib.bernoulli(0.5),
        lambda lib: lib.ones(4).bernoulli_(3),
        lambda lib: lib.multinomial(lib.ones(2, 4), 6),
        lambda lib: lib.multinomial(lib.ones(2, 2, 4), 1),
        lambda lib: lib.multinomial(lib.ones(4), 0),
        lambda lib: lib.multinomial(lib.tensor([1, 2]), 1),
        lambda lib: lib.ones(3).uniform_(2, 1),
        lambda lib: lib.ones(3).uniform_("a"),
        lambda lib: lib.ones(3, dtype=lib.int64).uniform_(),
        lambda lib: lib.ones(3).normal_(0, -1),
        lambda lib: lib.ones(3).normal_("a"),
        lambda lib: lib.ones(3).random_(5, 2),
        lambda lib: lib.ones(3).exponential_(0),
        lambda lib: lib.ones(3, requires_grad=True).normal_(),
        lambda lib: lib.ones(1).expand(3).normal_(),
        lambda lib: lib.poisson(lib.ones(3, dtype=lib.int64)),
        lambda lib: lib.dropout(lib.ones(4), 2.0, True),
        lambda lib: lib.dropout(lib.ones(4, dtype=lib.int64), 0.5, True),
        lambda lib: lib.manual_seed("a"),
        lambda lib: lib.manual_seed(2**64),
        lambda lib: lib.Generator("foo"),
    ],
)
def test_errors(f):
    error(f)


# ------------------------------------------------------------------ other devices: the stream of PyTorch on CUDA


@pytest.fixture
def opencl():
    from cygrad import cl

    if not cl.device_count("opencl"):
        pytest.skip("no OpenCL device")
    return cygrad.device("opencl")


def drawn(device, seed, f):
    cygrad.manual_seed(seed)
    return f(device).cpu()


def close(x, *numbers):
    """To the four decimals that were published."""
    assert [round(v, 4) for v in x.flatten().tolist()] == pytest.approx(list(numbers), abs=1.01e-4)


def test_known_numbers_of_cuda(opencl):
    cygrad.manual_seed(1729)
    close(cygrad.rand(2, 2, device=opencl), 0.3344, 0.2640, 0.2119, 0.0582)
    close(cygrad.rand(2, 2, device=opencl), 0.0024, 0.6778, 0.2441, 0.6812)
    close(drawn(opencl, 0, lambda d: cygrad.rand(2, device=d)), 0.3990, 0.5167)
    normal = drawn(opencl, 0, lambda d: cygrad.randn(6, device=d))
    close(normal, -0.9247, -0.4253, -2.6438, 0.1452, -0.1209, -0.5797)
    # 9.5 million numbers, in rounds of as many threads as an A100 holds
    x = drawn(opencl, 1, lambda d: cygrad.randn(1, 49 * 12 * 112 * 144, device=d))[0]
    close(x[:3], -0.2963, 2.6764, -0.1408)
    close(x[-3:], 0.1549, -0.6797, -0.1656)


def test_generators_of_devices(opencl):
    g = cygrad.Generator(device=opencl).manual_seed(3)
    first = cygrad.rand(5, device=opencl, generator=g)
    state = g.get_state()
    assert state.tolist() == [3] + 7 * [0] + [4] + 7 * [0] and g.get_offset() == 4 and g.initial_seed() == 3
    second = cygrad.rand(5, device=opencl, generator=g)
    g.set_state(state)
    assert cygrad.rand(5, device=opencl, generator=g).tolist() == second.tolist() != first.tolist()
    g.set_offset(0)
    assert cygrad.rand(5, device=opencl, generator=g).tolist() == first.tolist()
    assert copy.deepcopy(g).get_state().tolist() == g.get_state().tolist()
    with pytest.raises(RuntimeError, match="Expected a 'cpu' device type for generator but found 'opencl'"):
        cygrad.rand(3, generator=g)
    with pytest.raises(RuntimeError, match="Expected a 'opencl' device type for generator but found 'cpu'"):
        cygrad.rand(3, device=opencl, generator=cygrad.Generator())
    with pytest.raises(RuntimeError, match="RNG state is wrong size"):
        g.set_state(cygrad.zeros(5, dtype=cygrad.uint8))


def test_cuda_states():
    code = """
import cygrad as torch
torch.manual_seed(5)
a, state = torch.rand(3, device="cuda").tolist(), torch.cuda.get_rng_state()
with torch.random.fork_rng():
    b = torch.rand(3, device="cuda").tolist()
assert b == torch.rand(3, device="cuda").tolist() != a and state.shape == (16,)
torch.cuda.set_rng_state(state)
assert b == torch.rand(3, device="cuda").tolist()
torch.cuda.manual_seed(5)
assert a == torch.rand(3, device="cuda").tolist() and torch.cuda.initial_seed() == 5
torch.cuda.manual_seed_all(6)
assert a != torch.rand(3, device="cuda").tolist()
print(torch.rand(1 << 20, device="cuda")[-1].item() == torch.rand(1 << 20, device="cuda")[-1].item())
"""
    cl = pytest.importorskip("cygrad.cl")
    if not cl.device_count("opencl"):
        pytest.skip("no OpenCL device")
    env = os.environ | {"CYGRAD_DEVICE": "0", "CYGRAD_PHILOX_SMS": "40:1024"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == ["False"], done.stderr


MOMENTS = {  # name: (draw, mean, standard deviation)
    "uniform": (lambda t: t.uniform_(2, 5), 3.5, 0.866),
    "normal": (lambda t: t.normal_(1, 2), 1, 2),
    "log_normal": (lambda t: t.log_normal_(0, 0.5), 1.133, 0.604),
    "exponential": (lambda t: t.exponential_(2), 0.5, 0.5),
    "bernoulli": (lambda t: t.bernoulli_(0.3), 0.3, 0.458),
    "by chances": (lambda t: cygrad.bernoulli(t.fill_(0.3)), 0.3, 0.458),
    "geometric": (lambda t: t.geometric_(0.3), 3.333, 2.789),
    "trunc_normal": (lambda t: cygrad.nn.init.trunc_normal_(t, 0, 1, -1, 1), 0, 0.5395),
    "poisson": (lambda t: cygrad.poisson(t.fill_(3)), 3, 1.732),
    "poisson of 30": (lambda t: cygrad.poisson(t.fill_(30)), 30, 5.477),
    "randint": (lambda t: cygrad.randint_like(t, 3, 10), 6, 2),
}
OF_SHAPES = {
    "gamma": (lambda t: cygrad._standard_gamma(t.fill_(2.5)), 2.5, 1.581),
    "gamma of 0.5": (lambda t: cygrad._standard_gamma(t.fill_(0.5)), 0.5, 0.707),
    "binomial": (lambda t: cygrad.binomial(t.fill_(10), t * 0 + 0.3), 3, 1.449),
    "binomial of 100": (lambda t: cygrad.binomial(t.fill_(100), t * 0 + 0.6), 60, 4.899),
}


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", [*MOMENTS, *OF_SHAPES])
def test_moments_on_devices(name, dtype, opencl):
    if name in OF_SHAPES and dtype in FLOATS[:2]:
        pytest.skip("of float32 and float64")
    f, mean, deviation = (MOMENTS | OF_SHAPES)[name]
    n = 40001
    t = cygrad.empty(n + 7, dtype=getattr(cygrad, dtype), device=opencl)[7:]
    x = f(t).double().cpu()
    assert x.shape == (n,)
    assert abs(x.mean().item() - mean) < 6 * deviation / n**0.5 + (0.01 * mean if dtype in FLOATS[:2] else 0)
    assert x.std().item() == pytest.approx(deviation, rel=0.05)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int8", "int16", "int32", "int64"])
def test_integers_on_devices(dtype, opencl):
    t = cygrad.empty(1000, dtype=getattr(cygrad, dtype), device=opencl)
    top = 2 if dtype == "bool" else 5
    assert sorted(set(t.random_(0, top).cpu().tolist())) == list(range(top))
    assert t.random_().cpu().long().min() >= 0
    assert set(t.bernoulli_(0.5).cpu().long().tolist()) == {0, 1}


def test_layouts_and_gradients_on_devices(opencl):
    t = cygrad.zeros(40, 50, device=opencl)
    cygrad.manual_seed(2)
    t.T.uniform_()
    want = drawn(opencl, 2, lambda d: cygrad.rand(40, 50, device=d))
    assert t.cpu().tolist() == want.tolist()  # in the order of memory
    assert (t[:, ::3].normal_().shape, cygrad.rand(0, device=opencl).shape) == ((40, 17), (0,))
    x = cygrad.ones(8, requires_grad=True)
    y = x.to(opencl)
    y.normal_()
    y.sum().backward()
    assert x.grad.tolist() == [0] * 8
    with pytest.raises(RuntimeError, match="uniform_ expects to return a"):
        t.uniform_(3, 2)


@pytest.mark.parametrize("n", [4000, 4002, 4001])
def test_dropout_on_devices(n, opencl):
    x = cygrad.ones(n, device=opencl, requires_grad=True)
    y = cygrad.nn.functional.dropout(x, 0.25)
    y.sum().backward()
    kept = y.detach().cpu()
    assert set(kept.tolist()) == {0.0, cygrad.tensor(1 / 0.75).item()} and 0.7 < (kept > 0).float().mean() < 0.8
    assert cygrad.equal(x.grad.cpu(), kept)
    assert cygrad.nn.functional.dropout2d(x.detach().reshape(1, n, 1, 1), 0.5).unique().numel() == 2


@pytest.mark.parametrize("n", [0, 1, 2, 7, 3000, 40000])
def test_randperm_on_devices(n, opencl):
    p = cygrad.randperm(n, device=opencl)
    assert p.dtype is cygrad.int64 and sorted(p.tolist()) == list(range(n))
    assert n < 5 or p.tolist() != list(range(n))


def test_randperm_on_devices_is_of_the_seed(opencl):
    for dtype in (cygrad.int64, cygrad.int32):
        cygrad.manual_seed(7)
        p = cygrad.randperm(40000, device=opencl, dtype=dtype).cpu().long()
        assert p[:5].tolist() == [4306, 36847, 27598, 31695, 37057]
        assert (p * cygrad.arange(40000)).sum().item() == 16006408748079


def test_multinomial_on_devices(opencl):
    weights = cygrad.tensor([1.0, 0, 3, 4], device=opencl)
    assert sorted(weights.multinomial(3).tolist()) == [0, 2, 3]
    counts = weights.multinomial(40000, True).bincount(minlength=4).cpu()
    assert cygrad.allclose(counts / 40000, cygrad.tensor([0.125, 0, 0.375, 0.5]), atol=0.02)
    assert weights.expand(5, 4).multinomial(2).shape == (5, 2)
    for bad in ([0.0, 0], [-1.0, 2], [float("inf"), 1]):
        with pytest.raises(RuntimeError):
            cygrad.tensor(bad, device=opencl).multinomial(1)


@pytest.mark.parametrize("dtype", FLOATS[2:])
def test_gamma_gradients_on_devices(dtype, opencl):
    cygrad.manual_seed(0)
    alpha = cygrad.rand(50, 4, dtype=getattr(cygrad, dtype)) * 30 + 0.01
    x, y, total = cygrad._standard_gamma(alpha), cygrad._sample_dirichlet(alpha), alpha.sum(-1, True).expand(50, 4)
    for f in (lambda d: cygrad._standard_gamma_grad(alpha.to(d), x.to(d)),
              lambda d: cygrad._dirichlet_grad(y.to(d), alpha.to(d), total.to(d))):  # fmt: skip
        cygrad.testing.assert_close(f(opencl).cpu(), f("cpu"))
    rate = alpha.to(opencl).requires_grad_()
    cygrad.distributions.Gamma(rate, rate).rsample().sum().backward()
    assert rate.grad.isfinite().all()


def test_draws_on_meta():
    x = cygrad.rand(3, 4, device="meta")
    assert (x.normal_() is x, x.multinomial(2).shape, cygrad.poisson(x).shape) == (True, (3, 2), (3, 4))
    assert cygrad.nn.functional.dropout(x).shape == (3, 4) and cygrad.randperm(5, device="meta").shape == (5,)
    with pytest.raises(RuntimeError, match="META is not supported"):
        cygrad.Generator("meta")


@pytest.mark.skipif("CYGRAD_CL_SCHEDULE" in os.environ, reason="this is the other schedule")
def test_the_other_schedule(opencl):
    from cygrad import cl

    other = "gpu" if cl.device_properties(1).type & 2 else "cpu"
    chosen = "(devices or cuda) and not float16 and not float64"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-k", chosen, __file__],
        env=os.environ | {"CYGRAD_CL_SCHEDULE": other}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
