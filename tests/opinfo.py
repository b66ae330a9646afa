"""PyTorch's table of its operators (OpInfo), with samples of arguments, for tests that go through all operators."""

import pytest

import cygrad

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest", reason="PyTorch's table of operators needs it")
from torch.testing._internal.common_methods_invocations import op_db  # noqa: E402

OUT_OF_SCOPE = ("jiterator", "torch.ops.", "_", "sparse.", "to_sparse")
OPERATORS = {f"{op.name}.{op.variant_test_name}".rstrip("."): op for op in op_db if torch.float32 in op.dtypes}
NAMES = [n for n in OPERATORS if not n.startswith(OUT_OF_SCOPE)]


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
