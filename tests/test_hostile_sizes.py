"""Sizes, strides and offsets whose products do not fit 64 bits are refused before they become an address."""

import pytest

import cygrad as torch

HUGE = 2**62


@pytest.mark.parametrize(
    "call",
    [
        lambda: torch.ones(4).as_strided((4,), (0,), 2**63 - 1),
        lambda: torch.ones(4).as_strided((5, HUGE), (0, 1)),
        lambda: torch.ones(4).as_strided((4, HUGE), (0, 0)),
        lambda: torch.ones(4).as_strided((-1,), (1,)),
        lambda: torch.ones(4).as_strided_((2, HUGE), (1, 4)),
        lambda: torch.empty_strided((5, HUGE), (0, 1)),
        lambda: torch.empty_strided((2, 2), (HUGE, HUGE)),
        lambda: torch.as_strided_scatter(torch.zeros(4), torch.ones(1), (1,), (1,), -3),
        lambda: torch.as_strided_scatter(torch.zeros(4), torch.ones(2), (2,), (HUGE,), 0),
        lambda: torch.ones(2**20, 1).expand(2**20, 2**44),
        lambda: torch.zeros(HUGE, 4),
    ],
)
def test_is_refused(call):
    with pytest.raises(RuntimeError):
        call()


def test_no_elements_need_no_memory():
    assert torch.zeros(HUGE, 0).numel() == 0
    assert torch.empty_strided((HUGE, 0), (HUGE, 1)).numel() == 0
    assert torch.ones(0, 1).expand(0, HUGE).shape == (0, HUGE)


@pytest.mark.parametrize("diagonal", [2**63 - 1, -(2**63), 2, -2])
def test_diagonals_beyond_the_matrix(diagonal):
    lower = torch.tril(torch.ones(2, 2), diagonal)
    assert lower.tolist() == ([[1, 1], [1, 1]] if diagonal > 0 else [[0, 0], [0, 0]])
    assert (lower + torch.triu(torch.ones(2, 2), diagonal)).tolist() == [[1, 1], [1, 1]]


@pytest.mark.parametrize("bad", [3, -2, 2**40])
def test_a_sorter_that_leaves_the_boundaries(bad):
    with pytest.raises(RuntimeError, match="sorter index out of range"):
        torch.searchsorted(torch.tensor([3.0, 1, 2]), torch.tensor([2.0]), sorter=torch.tensor([1, bad, bad]))
