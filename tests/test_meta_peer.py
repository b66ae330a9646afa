"""Every operator on `meta`: shapes, dtypes and strides of what the CPU gives, for samples of PyTorch's table."""

import pytest

import cygrad

torch = pytest.importorskip("torch")
from opinfo import NAMES, OPERATORS, function_of, mirrored  # noqa: E402

SAMPLES = 4
# What asks for values that are not there, where PyTorch gives a shape all the same.
LACKING = ("index_put", "matrix_exp", "nn.functional.embedding_bag", "nonzero_static")


def described(x):
    if isinstance(x, cygrad.Tensor):
        strides = [s for s, n in zip(x.stride(), x.shape, strict=True) if n > 1]
        return tuple(x.shape), x.dtype, strides if x.numel() else None
    if isinstance(x, (list, tuple)):
        return [described(v) for v in x]
    return type(x).__name__


def outcome(function, sample, device):
    try:
        args = mirrored((sample.input, *sample.args), device)
        return described(function(*args, **mirrored(sample.kwargs, device)))
    except Exception as error:  # noqa: BLE001 - the kind is what is compared
        return error


@pytest.mark.parametrize("name", NAMES)
def test_meta_gives_what_the_cpu_gives(name):
    op = OPERATORS[name]
    if name in LACKING:
        pytest.xfail("asks for values")
    ours, theirs = function_of(cygrad, op.name), function_of(torch, op.name)
    if ours is None:
        pytest.skip("cygrad does not have it")
    for i, sample in enumerate(op.sample_inputs("cpu", torch.float32, requires_grad=False)):
        if i == SAMPLES:
            break
        if isinstance(sample.input, torch.Tensor) and not sample.input.is_contiguous():
            continue  # .to("meta") has the elements in a row
        wanted = outcome(ours, sample, "cpu")
        if isinstance(wanted, Exception):
            continue
        got = outcome(ours, sample, "meta")
        if isinstance(got, Exception):
            on_meta = torch.utils._pytree.tree_map(
                lambda x: x.to("meta") if isinstance(x, torch.Tensor) else x, (sample.input, sample.args, sample.kwargs)
            )
            with pytest.raises(Exception):  # noqa: B017 - PyTorch must have none either
                theirs(on_meta[0], *on_meta[1], **on_meta[2])
                pytest.fail(f"on meta: {type(got).__name__}: {got}", pytrace=False)
            continue
        assert got == wanted
