"""Names with an underscore that libraries import from PyTorch: that they are there, and do what PyTorch's do."""

import pytest

import cygrad as torch
from cygrad import _utils


def test_flattening():
    tensors = [torch.arange(3.0), torch.ones(2, 2)]
    flat = _utils._flatten_dense_tensors(tensors)
    assert flat.shape == (7,)
    for a, b in zip(_utils._unflatten_dense_tensors(flat, tensors), tensors, strict=True):
        assert torch.equal(a, b) and a.untyped_storage().data_ptr() == flat.untyped_storage().data_ptr()
    assert [len(part) for part in _utils._take_tensors([torch.ones(4)] * 3, 40)] == [2, 1]


def test_device_index():
    assert _utils._get_device_index(torch.device("cuda", 1)) == 1
    assert _utils._get_device_index("cpu", allow_cpu=True) == -1
    with pytest.raises(ValueError, match="Expected a non cpu device"):
        _utils._get_device_index("cpu")


def test_of_the_core():
    assert torch._C._nn._parse_to(torch.float64, non_blocking=True)[:3] == (None, torch.float64, True)
    assert torch._C._is_tracing() is False and torch._C._current_graph_task_id() == -1
    assert torch._C._get_default_device() == "cpu"


def test_of_modules_and_distributions():
    from cygrad.distributions.transforms import ExpTransform, _InverseTransform
    from cygrad.distributions.utils import _sum_rightmost
    from cygrad.nn.modules.module import _EXTRA_STATE_KEY_SUFFIX
    from cygrad.serialization import MAP_LOCATION  # noqa: F401

    assert isinstance(ExpTransform().inv, _InverseTransform)
    assert _sum_rightmost(torch.ones(2, 3, 4), 2).tolist() == [12.0, 12.0]
    assert _EXTRA_STATE_KEY_SUFFIX == "_extra_state"


def test_marks_decorate():
    @torch.cuda.nvtx.range("step {}", 1)
    def step():
        return 3

    assert step() == step() == 3
    assert torch.cuda.nvtx.range_push("a") == 0 and torch.cuda.nvtx.range_pop() == 0


def test_indices_of_sparse_layouts():
    crow = torch._convert_indices_from_coo_to_csr(torch.tensor([0, 0, 2]), 3)
    assert crow.tolist() == [0, 2, 2, 3]
    pairs = torch._convert_indices_from_csr_to_coo(crow, torch.tensor([0, 1, 2]))
    assert pairs.tolist() == [[0, 0, 2], [0, 1, 2]]


def test_kinds_of_sparse_tensors():
    made = torch.sparse.FloatTensor(torch.tensor([[0, 1], [1, 0]]), torch.tensor([1.0, 2.0]), torch.Size([2, 2]))
    assert made.to_dense().tolist() == [[0.0, 1.0], [2.0, 0.0]]
    assert isinstance(made, torch.sparse.FloatTensor) and not isinstance(made, torch.sparse.DoubleTensor)
    assert not isinstance(torch.ones(2), torch.sparse.FloatTensor)
    assert torch.sparse.LongTensor(2, 3).shape == (2, 3)
    diagonals = torch.sparse.spdiags(torch.tensor([[1.0, 2, 3], [4, 5, 6]]), torch.tensor([0, 1]), (3, 3))
    assert diagonals.to_dense().tolist() == [[1.0, 5.0, 0.0], [0.0, 2.0, 6.0], [0.0, 0.0, 3.0]]


def test_gradients_of_softmax():
    x = torch.tensor([[1.0, 2.0, 0.5]], requires_grad=True)
    y, g = x.softmax(1), torch.tensor([[1.0, -2.0, 3.0]])
    y.backward(g)
    assert torch.allclose(torch._softmax_backward_data(g, y.detach(), 1, torch.float32), x.grad)


def test_swapping():
    from cygrad.utils import swap_tensors

    a, b = torch.ones(2, requires_grad=True) * 2, torch.zeros(3, 3)
    a.note = 1
    swap_tensors(a, b)
    assert a.shape == (3, 3) and not a.requires_grad and b.note == 1 and b.grad_fn is not None
    p, q = torch.nn.Parameter(torch.ones(2)), torch.nn.Parameter(torch.zeros(3), requires_grad=False)
    swap_tensors(p, q)
    assert p.tolist() == [0.0] * 3 and not p.requires_grad and q.requires_grad


def test_a_dict_for_a_tensor():
    t = torch.ones(2)
    t.__dict__ = {"a": 1}
    assert t.a == 1


def test_nodes_list_what_they_saved():
    x = torch.full((2,), 3.0, requires_grad=True)
    node = (x * x).grad_fn
    assert [n for n in dir(node) if n.startswith("_saved")] == ["_saved_other", "_saved_self"]
    assert node._saved_self is x
    assert "_saved_result" in dir(x.exp().grad_fn) and "_saved_self" in dir(x.pow(2).grad_fn)
    assert not any(n.startswith("_saved") for n in dir((x + x).grad_fn))


def test_lists_by_device_and_dtype():
    from cygrad.utils import _foreach_utils

    a, b, c = torch.ones(2), torch.ones(2).double(), torch.zeros(1)
    groups = _foreach_utils._group_tensors_by_device_and_dtype([[a, b, c], [None, a, b]], with_indices=True)
    assert groups == {
        (a.device, torch.float32): ([[a, c], [None, b]], [0, 2]),
        (a.device, torch.float64): ([[b], [a]], [1]),
    }


def test_weak_dictionaries_go_by_identity():
    from cygrad.utils.weak import TensorWeakRef, WeakIdKeyDictionary

    x, y = torch.ones(2), torch.ones(2)
    names, reference = WeakIdKeyDictionary({x: "x"}), TensorWeakRef(x)
    names[y] = "y"
    assert names[x] == "x" and names.get(torch.ones(2)) is None and [k is y for k in names] == [False, True]
    assert reference() is x and x in names and 3 not in names
    del x
    assert len(names) == 1 and reference() is None
    del names[y]
    assert not names


def test_placements():
    from cygrad.distributed.tensor import Partial, Replicate, Shard

    assert repr([Shard(1), Replicate(), Partial()]) == "[Shard(dim=1), Replicate(), Partial(sum)]"
    assert Shard(1).is_shard() and not Shard(1).is_shard(0) and Replicate().is_replicate() and Partial().is_partial()
