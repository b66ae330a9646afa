"""vmap of every operator of PyTorch's table: called once on whole batches it gives what a loop over slices gives."""

import functools

import pytest

import cygrad
from cygrad.func import _batched, _vmap

torch = pytest.importorskip("torch")
from opinfo import NAMES, OPERATORS, function_of, mirrored  # noqa: E402

SAMPLES = 3
COUNT = 3


def slices_of(x):
    """Some tensors like `x`: itself, and others of its kind."""
    if x.is_floating_point():
        return cygrad.stack([x, x * 0.75, x * 0.5])
    return cygrad.stack([x, x.flip(0) if x.dim() else x, x])


def compared(a, b):
    assert a.shape == b.shape and a.dtype == b.dtype
    if a.dtype in (cygrad.float32, cygrad.complex64, cygrad.float64, cygrad.complex128):
        bound = 1e-4 * max(1.0, float(b.abs().nan_to_num(0, 0, 0).max())) if b.numel() else 0
        assert cygrad.allclose(a, b, rtol=1e-3, atol=bound, equal_nan=True)
    else:
        assert cygrad.equal(a, b)


def outcome(call, *args):
    cygrad.manual_seed(0)
    try:
        return call(*args)
    except Exception as error:  # noqa: BLE001 - errors are compared too
        return error


NO_VALUES = {"empty", "empty_like", "new_empty", "new_empty_strided", "empty_strided", "empty_permuted"}


@pytest.mark.parametrize("name", [n for n in NAMES if n not in NO_VALUES])
def test_as_a_loop(name, monkeypatch):
    op = OPERATORS[name]
    function = function_of(cygrad, op.name)
    if function is None:
        pytest.skip("cygrad does not have it")
    ran = 0
    for sample in list(op.sample_inputs("cpu", torch.float32, requires_grad=False))[:SAMPLES]:
        args, options = mirrored((sample.input, *sample.args), "cpu"), mirrored(sample.kwargs, "cpu")
        for batched in ("all", "first", "last"):
            tensors = [i for i, a in enumerate(args) if isinstance(a, cygrad.Tensor)]
            chosen = {"all": tensors, "first": tensors[:1], "last": tensors[-1:]}[batched]
            if not chosen or batched != "all" and len(tensors) == 1:
                continue
            given = [slices_of(a) if i in chosen else a for i, a in enumerate(args)]
            dims = tuple(0 if i in chosen else None for i in range(len(args)))

            call = functools.partial(function, **options)

            got = outcome(cygrad.vmap(call, in_dims=dims, randomness="same"), *given)
            with monkeypatch.context() as patched:
                patched.setattr(_batched, "call", lambda *_: None)
                wanted = outcome(_vmap.vmap(call, in_dims=dims, randomness="same"), *given)
            if isinstance(got, RuntimeError) and "`self` not being vmapped" in str(got):
                continue  # writes into what slices share, which a loop would do several times
            assert type(got) is type(wanted), (got, wanted)
            if isinstance(wanted, Exception):
                assert str(got) == str(wanted)
                continue
            ran += 1
            for a, b in zip(*(cygrad.utils._pytree.tree_leaves(x) for x in (got, wanted)), strict=True):
                compared(a, b)
    if not ran:
        pytest.skip("no sample that a loop takes")
