"""Comparing cygrad with PyTorch: the same text evaluated in both, the results held together."""

import numpy as np
import pytest

import cygrad

torch = pytest.importorskip("torch")


def to_torch(value):
    """A cygrad value as PyTorch's, gradients left behind."""
    if isinstance(value, cygrad.Tensor):
        value = value.detach().cpu()
        if value.dtype == cygrad.bfloat16:
            return torch.from_numpy(np.array(value.float().numpy())).bfloat16()
        return torch.from_numpy(np.array(value.numpy()))
    if isinstance(value, (tuple, list)):
        return type(value)(to_torch(v) for v in value) if type(value) in (tuple, list) else tuple(
            to_torch(v) for v in value
        )
    if isinstance(value, dict):
        return {k: to_torch(v) for k, v in value.items()}
    return value


def to_cygrad(value):
    """A PyTorch value as cygrad's."""
    if isinstance(value, torch.Tensor):
        result = cygrad.from_numpy(np.array(value.detach().numpy()))
        return result.requires_grad_(value.requires_grad)
    if isinstance(value, (tuple, list)):
        return type(value)(to_cygrad(v) for v in value)
    if isinstance(value, dict):
        return {k: to_cygrad(v) for k, v in value.items()}
    return value


def leaves(value):
    """All tensors in nested tuples, lists and dictionaries."""
    if isinstance(value, (cygrad.Tensor, torch.Tensor)):
        return [value]
    if isinstance(value, str):
        return []
    if isinstance(value, dict):
        value = value.values()
    if isinstance(value, (tuple, list)) or not hasattr(value, "shape"):
        try:
            return [leaf for v in value for leaf in leaves(v)]
        except TypeError:
            return []
    return []


def same(ours, theirs, rtol=1e-4, atol=1e-5, what=""):
    """Assert equal structure, dtypes, shapes and (nearly) values."""
    ours, theirs = leaves(ours), leaves(theirs)
    assert len(ours) == len(theirs), what
    for a, b in zip(ours, theirs, strict=True):
        assert str(a.dtype).rpartition(".")[2] == str(b.dtype).rpartition(".")[2], what
        assert tuple(a.shape) == tuple(b.shape), what
        torch.testing.assert_close(
            to_torch(a), b.detach(), rtol=rtol, atol=atol, equal_nan=True,
            msg=lambda m: f"{what}: {m}",
        )
