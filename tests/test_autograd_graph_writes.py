"""Writing in place into what the backward pass needs, where that is allowed."""

import pytest

import cygrad as torch
from cygrad.autograd.graph import allow_mutation_on_saved_tensors


def test_a_write_copies_what_was_saved():
    with allow_mutation_on_saved_tensors():
        a = torch.ones(2, 3, requires_grad=True)
        b = a.clone()
        out = (b**2).sum()
        b.sin_()
        b[0] = 5
        out.backward()
    assert a.grad.tolist() == [[2.0] * 3] * 2


def test_writes_by_out_and_through_views():
    a = torch.full((3,), 2.0, requires_grad=True)
    with allow_mutation_on_saved_tensors():
        w = torch.tensor([1.0, 2.0, 3.0])
        y = (a * w).sum()
        torch.zeros(3, out=w)
        z = torch.ones(4)
        y = y + (a * z[1:]).sum()
        z.view(2, 2).mul_(9)
        y.backward()
    assert a.grad.tolist() == [2.0, 3.0, 4.0]


def test_does_not_nest():
    with allow_mutation_on_saved_tensors():
        with pytest.raises(RuntimeError, match="cannot be nested"), allow_mutation_on_saved_tensors():
            pass
