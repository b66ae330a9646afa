"""Comparing with PyTorch, for tests that run beside it; without it their modules skip."""

import warnings

import pytest

import cygrad

torch = pytest.importorskip("torch")


def outcome(f, lib):
    try:
        r = f(lib)
    except Exception as e:
        return type(e).__name__, str(e)
    return (
        (r.dtype, tuple(r.shape), r.stride(), r.requires_grad, r.tolist())
        if isinstance(r, lib.Tensor)
        else r
    )


def same(*functions):
    """Each `f(library)` gives the same tensor, value or error in both."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for f in functions:
            assert repr(outcome(f, cygrad)) == repr(outcome(f, torch))
