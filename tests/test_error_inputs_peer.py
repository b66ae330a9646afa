"""What PyTorch refuses is refused here, with the exception and a text that PyTorch's own tests would accept.

The calls are the `error_inputs` of its table of operators.
"""

import re

import pytest

import cygrad

pytest.importorskip("torch")
from opinfo import NAMES, OPERATORS, function_of, mirrored, torch  # noqa: E402

# What is not refused here, and why.
ACCEPTED = {
    "native_layer_norm": "is not here",
}
REORDERED = {"nn.functional.embedding": lambda weight, index, **options: cygrad.nn.functional.embedding(
    index, weight, **options)}  # fmt: skip
CHECKED = [n for n in NAMES if OPERATORS[n].error_inputs_func is not None]


def ours(op):
    """The function of an operator, which PyTorch's table may call with its arguments in another order."""
    if op.name in REORDERED:
        return REORDERED[op.name]
    found = None if op.variant_test_name == "in_place" else function_of(cygrad, op.name)
    return found or getattr(cygrad.Tensor, f"{op.name}_")


def mirror(x, storages):
    """An argument as ours; tensors that share memory there share it here."""
    if isinstance(x, (list, tuple)) and any(isinstance(t, torch.Tensor) for t in x):
        return type(x)([mirror(t, storages) for t in x])
    if not isinstance(x, torch.Tensor):
        return mirrored(x, "cpu")
    if x.device.type == "meta":
        return cygrad.empty(x.shape, dtype=mirrored(x.dtype, "cpu"), device="meta")
    key = x.untyped_storage()._cdata, x.dtype
    if key not in storages:
        flat = torch.empty(0, dtype=x.dtype).set_(x.untyped_storage())
        storages[key] = cygrad.from_numpy(flat.clone().numpy()).clone()
    if id(x) not in storages:
        view = storages[key].as_strided(x.shape, x.stride(), x.storage_offset())
        storages[id(x)] = view.detach().requires_grad_(x.requires_grad)
    return storages[id(x)]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CHECKED)
def test_what_pytorch_refuses_is_refused_with_its_text(name):
    op, wrong = OPERATORS[name], []
    if name in ACCEPTED:
        pytest.skip(ACCEPTED[name])
    for expected in op.error_inputs("cpu"):
        sample = expected.sample_input
        args, kwargs, storages = (sample.input, *sample.args), sample.kwargs, {}
        if any(isinstance(x, torch.Tensor) and x.dim() > 64 for x in args):
            continue  # it can't be made here at all
        our_args = [mirror(x, storages) for x in args]
        our_kwargs = {k: mirror(v, storages) for k, v in kwargs.items()}
        try:
            op.op(*args, **kwargs)
            continue  # PyTorch takes it after all
        except Exception as e:
            theirs = e
        try:
            ours(op)(*our_args, **our_kwargs)
        except Exception as e:
            if isinstance(e, expected.error_type) and re.search(expected.error_regex, str(e)):
                continue
            got = e
        else:
            got = "nothing"
        wrong.append(f"{theirs!r:.300}\n        {got!r:.300}")
    assert not wrong, "\n    ".join(["PyTorch raises, and here:", *wrong])
