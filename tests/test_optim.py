"""Optimizers, schedulers and averaging: stored PyTorch values, and PyTorch itself where it is."""

import copy
import math
import pickle
import warnings

import pytest

import cygrad
from cygrad import optim
from cygrad.optim import _composite, lr_scheduler, swa_utils

pytestmark = pytest.mark.usefixtures("everywhere")

ALL = [
    "SGD", "Adam", "AdamW", "Adadelta", "Adagrad", "Adamax", "NAdam", "RAdam", "RMSprop", "Rprop",
    "ASGD", "LBFGS", "SparseAdam", "Adafactor", "Muon",
]  # fmt: skip
CASES = [
    ("SGD", {}),
    ("SGD", {"momentum": 0.9}),
    ("SGD", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    ("SGD", {"momentum": 0.9, "dampening": 0.3, "maximize": True}),
    ("Adam", {}),
    ("Adam", {"lr": 0.1, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.05, "amsgrad": True}),
    ("Adam", {"maximize": True, "betas": (0.5, 0.8), "eps": 1e-3}),
    ("AdamW", {}),
    ("AdamW", {"lr": 0.1, "weight_decay": 0.1}),
    ("AdamW", {"lr": 0.05, "amsgrad": True, "maximize": True}),
    ("Adadelta", {"lr": 0.5, "rho": 0.8, "weight_decay": 0.1}),
    (
        "Adagrad",
        {"lr": 0.1, "lr_decay": 0.1, "weight_decay": 0.1, "initial_accumulator_value": 0.1},
    ),
    ("Adamax", {"lr": 0.1, "weight_decay": 0.1}),
    ("NAdam", {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("NAdam", {"maximize": True}),
    ("RAdam", {"lr": 0.1, "weight_decay": 0.1}),
    ("RAdam", {"betas": (0.9, 0.99)}),
    ("RMSprop", {}),
    ("RMSprop", {"momentum": 0.9, "centered": True, "weight_decay": 0.1}),
    ("Rprop", {"lr": 0.1, "etas": (0.3, 1.5), "step_sizes": (1e-3, 1.0)}),
    ("ASGD", {"lr": 0.1, "t0": 10, "weight_decay": 0.1, "lambd": 0.01}),
    ("Adafactor", {"lr": 0.1, "weight_decay": 0.1, "d": 1.5}),
    ("Muon", {"lr": 0.1, "weight_decay": 0.2}),
    ("Muon", {"adjust_lr_fn": "match_rms_adamw", "nesterov": False}),
]


def parameter(*shape, value=1.0):
    return cygrad.nn.Parameter(cygrad.full(shape or (2,), value))


def sgd(lr=0.1, groups=1, **options):
    return optim.SGD([{"params": [parameter()]} for _ in range(groups)], lr=lr, **options)


def _start_values(name):
    shapes = [(4, 3), (5, 7)] if name == "Muon" else [(4, 3), (3,), (2, 3, 2), ()]
    values = []
    for k, shape in enumerate(shapes):
        n = math.prod(shape)
        values.append((shape, [math.sin(1.7 * i + k) for i in range(n)]))
    return values


def _noise(step, k, n):
    return [math.cos(0.7 * i + 1.3 * k + 2.1 * step) for i in range(n)]


def _run(module, name, options, steps, between=None):
    """The parameters of `module`'s optimizer after some steps on a fixed problem."""
    params = [
        module.nn.Parameter(module.tensor(values).reshape(shape))
        for shape, values in _start_values(name)
    ]
    optimizer = getattr(module.optim, name)(params, **options)
    for step in range(steps):
        for k, p in enumerate(params):
            if step % 7 == 3 and k == 1:
                p.grad = None  # a parameter that takes no part in this step
                continue
            noise = module.tensor(_noise(step, k, p.numel())).reshape(p.shape)
            p.grad = p.detach() * 0.5 + noise * 0.3
        optimizer.step()
        if between is not None:
            between(optimizer)
    return params, optimizer


# ------------------------------------------------------------------ updates


@pytest.mark.parametrize("name, options", CASES)
def test_a_hundred_steps_equal_pytorchs(name, options):
    torch = pytest.importorskip("torch")
    ours, optimizer = _run(cygrad, name, options, 100)
    theirs, reference = _run(torch, name, options, 100)
    # bfloat16 inside Muon: one rounding more or less shows at this size.
    tolerance = 2e-2 if name == "Muon" else 1e-5
    for p, q in zip(ours, theirs):
        assert cygrad.flatten(p.detach()).tolist() == pytest.approx(
            torch.flatten(q.detach()).tolist(), abs=tolerance, rel=tolerance
        )
    assert repr(optimizer) == repr(reference)
    mine, other = optimizer.state_dict(), reference.state_dict()
    assert mine["param_groups"] == other["param_groups"]
    for i, entries in other["state"].items():
        assert list(mine["state"][i]) == list(entries)
        for key, value in entries.items():
            assert str(mine["state"][i][key].dtype) == str(value.dtype)
            assert tuple(mine["state"][i][key].shape) == tuple(value.shape)


@pytest.mark.parametrize(
    "name, options, expected",
    [
        ("SGD", {"lr": 0.1, "momentum": 0.9}, [0.439, -2.561]),
        ("Adam", {"lr": 0.1}, [0.7, -2.3]),
        ("AdamW", {"lr": 0.1, "weight_decay": 0.1}, [0.673289, -2.237608]),
        ("RMSprop", {"lr": 0.1}, [-1.28913, -4.28913]),
    ],
)
def test_three_steps_on_a_slope(name, options, expected):
    p = cygrad.nn.Parameter(cygrad.tensor([1.0, -2.0]))
    optimizer = getattr(optim, name)([p], **options)
    for _ in range(3):
        p.grad = cygrad.ones(2)
        optimizer.step()
    assert p.tolist() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
@pytest.mark.parametrize("maximize", [False, True])
@pytest.mark.parametrize("momentum, nesterov", [(0.0, False), (0.9, False), (0.9, True)])
def test_sgd_steps_as_its_composite(momentum, nesterov, maximize, weight_decay):
    cygrad.manual_seed(0)
    params = [cygrad.nn.Parameter(cygrad.randn(5, 3)), cygrad.nn.Parameter(cygrad.randn(7))]
    copies = [p.detach().clone() for p in params]
    bufs = [None, None]
    optimizer = optim.SGD(params, 0.1, momentum, 0, weight_decay, nesterov, maximize=maximize)
    for _ in range(5):
        for p in params:
            p.grad = cygrad.randn(p.shape)
        grads = [p.grad.clone() for p in params]
        optimizer.step()
        _composite.sgd(copies, grads, bufs, 0.1, momentum, 0, weight_decay, nesterov, maximize)
    for p, q in zip(params, copies):
        assert cygrad.allclose(p.detach(), q, atol=1e-6)


@pytest.mark.parametrize("decoupled", [False, True])
@pytest.mark.parametrize("amsgrad", [False, True])
@pytest.mark.parametrize("maximize", [False, True])
def test_adam_steps_as_its_composite(amsgrad, maximize, decoupled):
    cygrad.manual_seed(0)
    params = [cygrad.nn.Parameter(cygrad.randn(5, 3)), cygrad.nn.Parameter(cygrad.randn(7))]
    copies = [p.detach().clone() for p in params]
    first, second, largest = ([cygrad.zeros_like(p) for p in copies] for _ in range(3))
    steps = [cygrad.tensor(0.0) for _ in copies]
    optimizer = optim.Adam(
        params, 0.1, (0.8, 0.9), 1e-6, 0.1, amsgrad,
        maximize=maximize, decoupled_weight_decay=decoupled,
    )  # fmt: skip
    for _ in range(5):
        for p in params:
            p.grad = cygrad.randn(p.shape)
        grads = [p.grad.clone() for p in params]
        optimizer.step()
        _composite.adam(
            copies, grads, first, second, largest, steps,
            0.1, 0.8, 0.9, 1e-6, 0.1, amsgrad, maximize, decoupled,
        )  # fmt: skip
    for p, q in zip(params, copies):
        assert cygrad.allclose(p.detach(), q, atol=1e-6)
    assert [optimizer.state[p]["step"].item() for p in params] == [5.0, 5.0]


LOOPS = [case for case in CASES if getattr(getattr(optim, case[0]), "_loop", None)] + [
    ("Adadelta", {"maximize": True}),
    ("Adagrad", {"maximize": True}),
    ("Adamax", {"betas": (0.5, 0.8), "maximize": True}),
    ("ASGD", {"t0": 2, "maximize": True}),
    ("NAdam", {"weight_decay": 0.1, "foreach": True}),
    ("RAdam", {"weight_decay": 0.1, "decoupled_weight_decay": True, "maximize": True}),
    ("RMSprop", {"momentum": 0.9}),
    ("RMSprop", {"centered": True, "maximize": True}),
    ("Rprop", {"maximize": True}),
]


def _both_ways(monkeypatch, name, options, make, steps=12):
    """The optimizer after steps on `make()` of the compiled loop, and of the operators."""
    optimizers = []
    for loop in (True, False):
        with monkeypatch.context() as patch:
            if not loop:
                patch.setattr(optim.optimizer, "_compiled", None)
            cygrad.manual_seed(0)
            params = [cygrad.nn.Parameter(p) for p in make()]
            optimizer = getattr(optim, name)(params, **options)
            for _ in range(steps):
                for p in params:
                    p.grad = cygrad.randn(p.shape, dtype=p.dtype) + 0.1 * p.detach()
                optimizer.step()
        optimizers.append(optimizer)
    return optimizers


def _assert_same(one, other, tolerance):
    for p, q in zip(one.param_groups[0]["params"], other.param_groups[0]["params"]):
        cygrad.testing.assert_close(p, q, atol=tolerance, rtol=tolerance)
        assert list(one.state[p]) == list(other.state[q])
        for key, value in one.state[p].items():
            cygrad.testing.assert_close(value, other.state[q][key], atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("dtype", [cygrad.float32, cygrad.float64])
@pytest.mark.parametrize("name, options", LOOPS)
def test_a_loop_steps_as_its_operators(monkeypatch, name, options, dtype):
    def make():
        values = [cygrad.randn(shape, dtype=dtype) for shape in [(5, 7), (33,), (), (0, 3)]]
        # A transposed one and one of another dtype, which the loop leaves to the operators.
        return [*values, cygrad.randn(4, 6, dtype=dtype).t(), cygrad.randn(3).bfloat16()]

    calls = []
    compiled = optim.optimizer._compiled
    monkeypatch.setattr(
        optim.optimizer, "_compiled", lambda *args: calls.append(compiled(*args)) or calls[-1]
    )
    one, other = _both_ways(monkeypatch, name, options, make)
    left = [id(p) for p in one.param_groups[0]["params"][4:]]
    assert [[id(p) for p in call] for call in calls] == [left] * 12
    _assert_same(one, other, 1e-5 if dtype == cygrad.float32 else 1e-6)


@pytest.mark.parametrize("name, options", LOOPS)
def test_a_loop_is_the_same_in_any_number_of_threads(name, options):
    before = cygrad.get_num_threads()
    results = []
    try:
        for threads in (1, 3):
            cygrad.set_num_threads(threads)
            cygrad.manual_seed(0)
            p = cygrad.nn.Parameter(cygrad.randn(70001))
            optimizer = getattr(optim, name)([p], **options)
            for _ in range(3):
                p.grad = cygrad.randn(70001)
                optimizer.step()
            results.append(p)
    finally:
        cygrad.set_num_threads(before)
    assert cygrad.equal(*results)


@pytest.mark.parametrize("name", sorted({name for name, _ in LOOPS}))
def test_a_loop_keeps_what_is_not_finite(monkeypatch, name):
    special = [math.nan, math.inf, -math.inf, 0.0, -0.0, 1e-30, 1e30]
    results = []
    for loop in (True, False):
        if not loop:
            monkeypatch.setattr(optim.optimizer, "_compiled", None)
        p = cygrad.nn.Parameter(cygrad.tensor([1.0] * 7 + special))
        optimizer = getattr(optim, name)([p])
        for _ in range(3):
            p.grad = cygrad.tensor(special + [1.0] * 7)
            optimizer.step()
        results.append(p)
    cygrad.testing.assert_close(*results, equal_nan=True)


def test_a_loop_takes_every_kind_of_rate_and_counter():
    """Parameters that are at different steps, a tensor as rate, and a version that counts up."""
    p, q = parameter(), parameter()
    optimizer = optim.NAdam([p, q], lr=0.1)
    same = [parameter(), parameter()]
    apart = [optim.NAdam([s], lr=cygrad.tensor(0.1, dtype=cygrad.float64)) for s in same]
    for step in range(4):
        p.grad = same[0].grad = cygrad.ones(2)
        q.grad = same[1].grad = None if step < 2 else cygrad.ones(2)
        optimizer.step()
        for each in apart:
            each.step()
    assert [optimizer.state[t]["step"].item() for t in (p, q)] == [4.0, 2.0]
    assert p.tolist() == pytest.approx(same[0].tolist())
    assert q.tolist() == pytest.approx(same[1].tolist())
    out = (p * p).sum()
    optimizer.step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        out.backward()


def test_a_tensor_as_rate():
    p, q = parameter(), parameter()
    p.grad = q.grad = cygrad.ones(2)
    optim.Adam([p], lr=cygrad.tensor(0.1)).step()
    optim.Adam([q], lr=0.1).step()
    assert p.tolist() == pytest.approx(q.tolist())


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
def test_a_differentiable_step(name):
    start = cygrad.tensor([1.0, -2.0], requires_grad=True)
    lr = cygrad.tensor(0.1, requires_grad=True)
    w = start.clone()
    optimizer = getattr(optim, name)([w], lr=lr, differentiable=True, weight_decay=0.0)
    for _ in range(3):
        w.grad = cygrad.tensor([0.5, 0.3])
        optimizer.step()
    w.sum().backward()
    assert start.grad.tolist() == pytest.approx([1.0, 1.0])
    assert lr.grad.item() == pytest.approx(-2.4 if name == "SGD" else -6.0, rel=1e-4)


# ------------------------------------------------------------------ LBFGS


def _rosenbrock(x):
    return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2


def _minimize(module, steps, **options):
    x = module.nn.Parameter(module.tensor([-1.2, 1.0], dtype=module.float64))
    optimizer = module.optim.LBFGS([x], **options)
    evaluations = 0

    def closure():
        nonlocal evaluations
        evaluations += 1
        optimizer.zero_grad()
        loss = _rosenbrock(x)
        loss.backward()
        return loss

    for _ in range(steps):
        optimizer.step(closure)
    return x.tolist(), evaluations


def test_lbfgs_finds_the_minimum():
    x, _ = _minimize(cygrad, 5, line_search_fn="strong_wolfe")
    assert x == pytest.approx([1.0, 1.0], abs=1e-4)


@pytest.mark.parametrize(
    "options",
    [
        {"lr": 0.01},
        {"line_search_fn": "strong_wolfe"},
        {"line_search_fn": "strong_wolfe", "lr": 0.01, "max_iter": 7},
        {"line_search_fn": "strong_wolfe", "history_size": 2, "max_iter": 30, "max_eval": 12},
    ],
)
def test_lbfgs_evaluates_as_pytorch(options):
    torch = pytest.importorskip("torch")
    x, evaluations = _minimize(cygrad, 3, **options)
    y, count = _minimize(torch, 3, **options)
    assert evaluations == count and x == pytest.approx(y, rel=1e-6)


# ------------------------------------------------------------------ the base class


def test_repr():
    assert repr(sgd()) == (
        "SGD (\nParameter Group 0\n    dampening: 0\n    differentiable: False\n    foreach: None\n"
        "    fused: None\n    lr: 0.1\n    maximize: False\n    momentum: 0\n    nesterov: False\n"
        "    weight_decay: 0\n)"
    )


@pytest.mark.parametrize(
    "params, error, message",
    [
        (lambda: [], ValueError, "optimizer got an empty parameter list"),
        (
            lambda: parameter(),
            TypeError,
            "params argument given to the optimizer should be an iterable",
        ),
        (
            lambda: [3],
            TypeError,
            "optimizer can only optimize Tensors, but one of the params is int",
        ),
        (lambda: [parameter() * 2], ValueError, "can't optimize a non-leaf Tensor"),
        (
            lambda: [{"params": {parameter()}}],
            TypeError,
            "optimizer parameters need to be organized in ordered",
        ),
        (
            lambda: [{"params": [parameter()]}, 3],
            TypeError,
            "param_group must be a dict, but got <class 'int'>",
        ),
        (lambda: [("a", parameter()), parameter()], ValueError, "Some param names are missing"),
    ],
)
def test_parameters_that_do_not_fit(params, error, message):
    with pytest.raises(error, match=message):
        optim.SGD(params(), lr=0.1)


def test_a_parameter_given_twice():
    p = parameter()
    with pytest.warns(
        UserWarning, match="optimizer contains a parameter group with duplicate parameters"
    ):
        optim.SGD([p, p], lr=0.1)
    with pytest.raises(ValueError, match="some parameters appear in more than one parameter group"):
        optim.SGD([{"params": [p]}, {"params": [p]}], lr=0.1)


@pytest.mark.parametrize(
    "name, options, message",
    [
        ("SGD", {"lr": -1}, "Invalid learning rate: -1"),
        ("SGD", {"momentum": -1}, "Invalid momentum value: -1"),
        ("SGD", {"nesterov": True}, "Nesterov momentum requires a momentum and zero dampening"),
        ("Adam", {"betas": (1.0, 0.9)}, "Invalid beta parameter at index 0: 1.0"),
        ("Adam", {"eps": -1}, "Invalid epsilon value: -1"),
        ("AdamW", {"weight_decay": -1}, "Invalid weight_decay value: -1"),
        ("Adadelta", {"rho": 2}, "Invalid rho value: 2"),
        ("Rprop", {"etas": (2, 1)}, "Invalid eta values: 2, 1"),
        ("Adafactor", {"d": 0.5}, "Clipping threshold d should be >= 1 but is: 0.5"),
        ("Muon", {"adjust_lr_fn": "zz"}, "Adjust learning rate function zz is not supported"),
    ],
)
def test_options_that_do_not_fit(name, options, message):
    with pytest.raises(ValueError, match=message):
        getattr(optim, name)([parameter(2, 2)], **options)


def test_other_errors():
    with pytest.raises(RuntimeError, match="`fused` and `foreach` cannot be `True` together."):
        optim.Adam([parameter()], foreach=True, fused=True)
    with pytest.raises(ValueError, match="LBFGS doesn't support per-parameter options"):
        optim.LBFGS([{"params": [parameter()]}, {"params": [parameter()]}])
    with pytest.raises(ValueError, match="Muon only supports 2D parameters"):
        optim.Muon([parameter(3)])
    with pytest.raises(NotImplementedError):
        optim.Optimizer([parameter()], {}).step()
    p = parameter()
    p.grad = cygrad.ones(2)
    with pytest.raises(RuntimeError, match="SparseAdam does not support dense gradients"):
        optim.SparseAdam([p]).step()


@pytest.mark.cpu_only
def test_no_capture_on_the_cpu():
    p = parameter()
    p.grad = cygrad.ones(2)
    with pytest.raises(AssertionError, match="If capturable=True, params and state_steps must be"):
        optim.Adam([p], capturable=True).step()


def test_groups_with_options_of_their_own():
    a, b = parameter(), parameter()
    optimizer = optim.SGD([{"params": a}, {"params": [b], "lr": 0.01}], lr=0.1)
    optimizer.add_param_group({"params": [parameter()], "momentum": 0.9})
    assert [g["lr"] for g in optimizer.param_groups] == [0.1, 0.01, 0.1]
    a.grad = b.grad = cygrad.ones(2)
    optimizer.step()
    assert a.tolist() == pytest.approx([0.9] * 2) and b.tolist() == pytest.approx([0.99] * 2)


def test_zero_grad():
    p = parameter()
    optimizer = optim.SGD([p], lr=0.1)
    p.grad = grad = cygrad.ones(2)
    optimizer.zero_grad(set_to_none=False)
    assert p.grad is grad and grad.tolist() == [0, 0]
    optimizer.zero_grad()
    assert p.grad is None


def test_closure_runs_with_gradients():
    p = parameter()
    optimizer = optim.SGD([p], lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    with cygrad.no_grad():
        assert optimizer.step(closure).item() == 2
    assert p.tolist() == pytest.approx([0.8, 0.8])


def test_hooks():
    log = []
    optimizer = sgd()
    optimizer.register_step_pre_hook(lambda o, args, kwargs: log.append("pre"))
    handle = optimizer.register_step_post_hook(lambda o, args, kwargs: log.append("post"))
    optimizer.register_state_dict_post_hook(lambda o, state: {"replaced": state})
    optimizer.step()
    handle.remove()
    optimizer.step()
    assert log == ["pre", "post", "pre"]
    assert list(optimizer.state_dict()) == ["replaced"]
    optimizer.register_step_pre_hook(lambda o, args, kwargs: 5)
    with pytest.raises(RuntimeError, match="must return None or a tuple of .*, but got 5."):
        optimizer.step()


def test_hooks_of_all_optimizers():
    log = []
    handle = optim.optimizer.register_optimizer_step_post_hook(lambda o, a, k: log.append(o))
    optimizer = sgd()
    optimizer.step()
    handle.remove()
    optimizer.step()
    assert log == [optimizer]


def test_an_optimizer_of_the_user():
    class Mine(optim.Optimizer):
        def __init__(self, params):
            super().__init__(params, {"lr": 0.5})

        @cygrad.no_grad()
        def step(self, closure=None):
            for group in self.param_groups:
                for p in group["params"]:
                    p.add_(p.grad, alpha=-group["lr"])

    p = parameter()
    p.grad = cygrad.ones(2)
    optimizer = Mine([p])
    optimizer.step()
    assert (
        p.tolist() == [0.5, 0.5] and repr(optimizer) == "Mine (\nParameter Group 0\n    lr: 0.5\n)"
    )


# ------------------------------------------------------------------ saving and loading


@pytest.mark.parametrize("name, options", CASES)
def test_a_loaded_state_goes_on_the_same(name, options):
    params, optimizer = _run(cygrad, name, options, 5)
    copies = [cygrad.nn.Parameter(p.detach().clone()) for p in params]
    other = getattr(optim, name)(copies)
    other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for p, q in zip(params, copies):
        p.grad = cygrad.ones_like(p)
        q.grad = cygrad.ones_like(p)
    optimizer.step()
    other.step()
    for p, q in zip(params, copies):
        assert p.tolist() == q.tolist()


def test_state_dict_format():
    p, q = parameter(), parameter()
    optimizer = optim.Adam([{"params": [p]}, {"params": [q]}])
    p.grad = cygrad.ones(2)
    optimizer.step()
    saved = optimizer.state_dict()
    assert list(saved) == ["state", "param_groups"]
    assert list(saved["state"]) == [0]
    assert list(saved["state"][0]) == ["step", "exp_avg", "exp_avg_sq"]
    assert [g["params"] for g in saved["param_groups"]] == [[0], [1]]
    assert saved["state"][0]["step"].item() == 1.0


def test_loading_casts_to_the_parameter():
    p = parameter()
    p.grad = cygrad.ones(2)
    optimizer = optim.Adam([p])
    optimizer.step()
    saved = copy.deepcopy(optimizer.state_dict())
    saved["state"][0]["step"] = 3
    del saved["param_groups"][0]["amsgrad"]
    q = cygrad.nn.Parameter(cygrad.ones(2, dtype=cygrad.float64))
    other = optim.Adam([q])
    other.load_state_dict(saved)
    state = other.state[q]
    assert state["exp_avg"].dtype == cygrad.float64
    assert state["step"].dtype == cygrad.float32 and state["step"].item() == 3
    assert other.param_groups[0]["amsgrad"] is False


def test_states_that_do_not_fit():
    with pytest.raises(
        ValueError, match="loaded state dict has a different number of parameter groups"
    ):
        sgd(groups=2).load_state_dict(sgd().state_dict())
    two = optim.SGD([parameter(), parameter()], lr=0.1)
    with pytest.raises(
        ValueError, match="loaded state dict contains a parameter group that doesn't match"
    ):
        two.load_state_dict(sgd().state_dict())


def test_names_of_parameters():
    optimizer = optim.SGD([("a", parameter())], lr=0.1)
    assert optimizer.state_dict()["param_groups"][0]["param_names"] == ["a"]
    optimizer.load_state_dict(sgd(lr=0.3).state_dict())
    assert optimizer.param_groups[0]["param_names"] == ["a"]


def test_copy_and_pickle():
    optimizer = sgd(momentum=0.9)
    optimizer.param_groups[0]["params"][0].grad = cygrad.ones(2)
    optimizer.step()
    for other in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
        p = other.param_groups[0]["params"][0]
        p.grad = cygrad.ones(2)
        other.step()
        assert p.tolist() == pytest.approx([0.71, 0.71])


# ------------------------------------------------------------------ schedulers

SCHEDULERS = {
    "lambda": lambda m, o: m.LambdaLR(o, lambda e: 0.9**e),
    "multiplicative": lambda m, o: m.MultiplicativeLR(o, lambda e: 0.9 + e * 0.01),
    "step": lambda m, o: m.StepLR(o, 3),
    "multistep": lambda m, o: m.MultiStepLR(o, [2, 5, 5, 9], 0.5),
    "constant": lambda m, o: m.ConstantLR(o, 0.5, 4),
    "linear": lambda m, o: m.LinearLR(o, 0.3, 0.8, 7),
    "exponential": lambda m, o: m.ExponentialLR(o, 0.9),
    "cosine": lambda m, o: m.CosineAnnealingLR(o, 5, 0.01),
    "polynomial": lambda m, o: m.PolynomialLR(o, 9, 2.0),
    "restarts": lambda m, o: m.CosineAnnealingWarmRestarts(o, 3, 2),
    "cyclic": lambda m, o: m.CyclicLR(o, 0.05, 0.2, 3, 5),
    "triangular2": lambda m, o: m.CyclicLR(o, 0.05, 0.2, 4, mode="triangular2"),
    "exp_range": lambda m, o: m.CyclicLR(o, 0.05, 0.2, 4, mode="exp_range", gamma=0.95),
    "onecycle": lambda m, o: m.OneCycleLR(o, 0.5, 45),
    "three phases": lambda m, o: m.OneCycleLR(
        o, 0.5, 45, three_phase=True, anneal_strategy="linear"
    ),
    "sequential": lambda m, o: m.SequentialLR(
        o, [m.ConstantLR(o, 0.1, 3), m.LinearLR(o, 0.2, 1.0, 4), m.ExponentialLR(o, 0.9)], [4, 10]
    ),
    "chained": lambda m, o: m.ChainedScheduler([m.ConstantLR(o, 0.1, 3), m.ExponentialLR(o, 0.9)]),
}


def _schedule(module, make, epochs=40):
    params = [module.nn.Parameter(module.ones(2)) for _ in range(2)]
    optimizer = module.optim.SGD(
        [{"params": params[:1]}, {"params": params[1:], "lr": 0.3}], 0.1, 0.9
    )
    scheduler = make(module.optim.lr_scheduler, optimizer)
    seen = []
    for _ in range(epochs):
        seen.append([(g["lr"], g["momentum"]) for g in optimizer.param_groups])
        assert scheduler.get_last_lr() == [g["lr"] for g in optimizer.param_groups]
        optimizer.step()
        scheduler.step()
    return seen, scheduler.state_dict()


@pytest.mark.parametrize("name", SCHEDULERS)
def test_schedules_equal_pytorchs(name):
    torch = pytest.importorskip("torch")
    ours, state = _schedule(cygrad, SCHEDULERS[name])
    theirs, reference = _schedule(torch, SCHEDULERS[name])
    for a, b in zip(ours, theirs):
        assert a == [pytest.approx(pair, rel=1e-9, abs=1e-12) for pair in b]
    assert list(state) == list(reference)


@pytest.mark.parametrize(
    "name, expected",
    [
        ("step", [0.1, 0.1, 0.1, 0.01, 0.01]),
        ("cosine", [0.1, 0.091406, 0.068906, 0.041094, 0.018594]),
        ("linear", [0.03, 0.037143, 0.044286, 0.051429, 0.058571]),
        ("onecycle", [0.02, 0.02754, 0.049686, 0.085048, 0.131402]),
    ],
)
def test_schedules(name, expected):
    seen, _ = _schedule(cygrad, SCHEDULERS[name], 5)
    assert [groups[0][0] for groups in seen] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("name", SCHEDULERS)
def test_a_loaded_schedule_goes_on_the_same(name):
    optimizer, other = sgd(momentum=0.9), sgd(momentum=0.9)
    scheduler = SCHEDULERS[name](lr_scheduler, optimizer)
    fresh = SCHEDULERS[name](lr_scheduler, other)
    for _ in range(6):
        optimizer.step()
        scheduler.step()
    other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    fresh.load_state_dict(copy.deepcopy(scheduler.state_dict()))
    other.step()
    for _ in range(6):
        scheduler.step()
        fresh.step()
        assert other.param_groups[0]["lr"] == optimizer.param_groups[0]["lr"]


def test_reduce_on_plateau():
    optimizer = sgd()
    scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, patience=1, cooldown=1)
    rates = []
    for loss in [1.0, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.5]:
        scheduler.step(cygrad.tensor(loss))
        rates.append(optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([0.1, 0.1, 0.1, 0.01, 0.01, 0.01, 0.001, 0.001])
    with pytest.raises(ValueError, match="mode x is unknown!"):
        lr_scheduler.ReduceLROnPlateau(optimizer, mode="x")
    with pytest.raises(ValueError, match="Factor should be < 1.0."):
        lr_scheduler.ReduceLROnPlateau(optimizer, factor=1.0)


def test_warnings_of_schedulers():
    scheduler = lr_scheduler.StepLR(sgd(), 1)
    with pytest.warns(UserWarning, match="Detected call of `lr_scheduler.step"):
        scheduler.step()
    with pytest.warns(UserWarning, match="please use `get_last_lr"):
        scheduler.get_lr()
    with pytest.warns(UserWarning, match="The epoch parameter in `scheduler.step"):
        scheduler.step(3)
    assert scheduler.get_last_lr() == pytest.approx([1e-4])
    optimizer = sgd()
    scheduler = lr_scheduler.StepLR(optimizer, 1)
    optimizer.step()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scheduler.step()


@pytest.mark.parametrize(
    "make, error, message",
    [
        (lambda: lr_scheduler.StepLR(3, 2), TypeError, "int is not an Optimizer"),
        (
            lambda: lr_scheduler.LambdaLR(sgd(), [abs, abs]),
            ValueError,
            "Expected 1 lr_lambdas, but got 2",
        ),
        (
            lambda: lr_scheduler.StepLR(sgd(), 2, last_epoch=3),
            KeyError,
            "param 'initial_lr' is not specified",
        ),
        (
            lambda: lr_scheduler.OneCycleLR(sgd(), 0.1),
            ValueError,
            "You must define either total_steps OR",
        ),
        (
            lambda: lr_scheduler.CyclicLR(sgd(), [0.1, 0.2], 0.3),
            ValueError,
            "base_lr must have the same length",
        ),
        (
            lambda: lr_scheduler.ChainedScheduler([]),
            ValueError,
            "expects at least one scheduler to be chained",
        ),
        (
            lambda: lr_scheduler.SequentialLR(sgd(), [], []),
            ValueError,
            "expects at least one scheduler",
        ),
    ],
)
def test_schedulers_that_do_not_fit(make, error, message):
    with pytest.raises(error, match=message):
        make()


# ------------------------------------------------------------------ averaging


def test_averaged_model():
    model = cygrad.nn.Linear(2, 1)
    mean = swa_utils.AveragedModel(model)
    moving = swa_utils.AveragedModel(model, multi_avg_fn=swa_utils.get_ema_multi_avg_fn(0.9))
    single = swa_utils.AveragedModel(model, avg_fn=swa_utils.get_ema_avg_fn(0.9))
    for value in (1.0, 2.0, 6.0):
        with cygrad.no_grad():
            model.weight.fill_(value)
        for average in (mean, moving, single):
            average.update_parameters(model)
    assert mean.module.weight.tolist()[0] == pytest.approx([3.0, 3.0])
    assert moving.module.weight.tolist()[0] == pytest.approx([1.59, 1.59])
    assert single.module.weight.tolist()[0] == pytest.approx([1.59, 1.59])
    assert mean.n_averaged.item() == 3 and list(mean.state_dict())[0] == "n_averaged"
    with pytest.raises(ValueError, match="Invalid decay value 2 provided"):
        swa_utils.get_ema_avg_fn(2)


def test_update_bn():
    model = cygrad.nn.Sequential(cygrad.nn.BatchNorm1d(2))
    model.eval()
    batch = cygrad.tensor([[0.0, 2.0], [2.0, 4.0]])
    swa_utils.update_bn([(batch, None), (batch + 2, None)], model)
    assert model[0].running_mean.tolist() == pytest.approx([2.0, 4.0])
    assert model[0].momentum == 0.1 and not model.training


def test_swalr():
    optimizer = sgd()
    scheduler = swa_utils.SWALR(optimizer, 0.5, 4, "linear")
    rates = []
    for _ in range(6):
        optimizer.step()
        scheduler.step()
        rates.append(optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([0.2, 0.3, 0.4, 0.5, 0.5, 0.5])


def test_optimizer_around_another():
    """accelerate's optimizer derives from Optimizer, and never calls its __init__."""

    class Around(optim.Optimizer):
        def __init__(self, inner):
            self.inner = inner

        def step(self):
            return self.inner.step()

    w = cygrad.nn.Parameter(cygrad.ones(1))
    w.grad = cygrad.ones(1)
    Around(optim.SGD([w], lr=0.5)).step()
    assert w.item() == 0.5
