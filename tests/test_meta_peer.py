"""Every operator on `meta`: shapes, dtypes and strides of what the CPU gives, for samples of PyTorch's table."""

import pytest

import cygrad

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest", reason="PyTorch's table of operators needs it")
from torch.testing._internal.common_methods_invocations import op_db  # noqa: E402

OPERATORS = {f"{op.name}.{op.variant_test_name}".rstrip("."): op for op in op_db if torch.float32 in op.dtypes}
OUT_OF_SCOPE = ("jiterator", "torch.ops.", "_", "sparse.", "to_sparse")
SAMPLES = 4
# What asks for values that are not there, where PyTorch gives a shape all the same.
LACKING = ("index_put", "matrix_exp", "nn.functional.embedding_bag", "nonzero_static")


def mirrored(x, device):
    """An argument of PyTorch's as ours, tensors on `device`."""
    if isinstance(x, torch.Tensor):
        return cygrad.from_numpy(x.detach().resolve_conj().resolve_neg().numpy()).to(device)
    if isinstance(x, (torch.dtype, torch.layout, torch.memory_format)):
        return getattr(cygrad, str(x).rpartition(".")[2])
    if isinstance(x, torch.device):
        return cygrad.device(device)
    if isinstance(x, dict):
        return {k: mirrored(v, device) for k, v in x.items()}
    if isinstance(x, (list, tuple)):
        made = [mirrored(v, device) for v in x]
        return type(x)(made) if type(x) in (list, tuple) else tuple(made)
    return x


def function_of(root, name):
    found = root
    for part in name.split("."):
        found = getattr(found, part, None)
    if callable(found):
        return found
    method = getattr(root.Tensor, name, None)
    return method if callable(method) else None


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


@pytest.mark.parametrize("name", [n for n in OPERATORS if not n.startswith(OUT_OF_SCOPE)])
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
