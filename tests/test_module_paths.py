"""Names that PyTorch offers from more than one module are one object here as well."""

import importlib
import inspect

import pytest

import cygrad

PATHS = [
    ("accelerator.memory", "accelerator", "empty_cache get_memory_info max_memory_allocated max_memory_reserved "
     "memory_allocated memory_reserved memory_stats reset_accumulated_memory_stats reset_peak_memory_stats"),
    ("cpu.amp.autocast_mode", "cpu.amp", "autocast"),
    ("cpu.amp.grad_scaler", "cpu.amp", "GradScaler"),
    ("signal.windows.windows", "signal.windows", "bartlett blackman cosine exponential gaussian general_cosine "
     "general_hamming hamming hann kaiser nuttall"),
]  # fmt: skip


@pytest.mark.parametrize("inner, outer, names", PATHS)
def test_the_inner_module_has_the_outer_ones_objects(inner, outer, names):
    inner, outer = (importlib.import_module(f"cygrad.{name}") for name in (inner, outer))
    for name in names.split():
        assert getattr(inner, name) is getattr(outer, name)


def test_functional_has_what_torch_has():
    for name in ("istft", "pca_lowrank", "svd_lowrank"):
        assert getattr(cygrad.functional, name) is getattr(cygrad, name)
        assert name in dir(cygrad.functional)


def test_a_window_shows_its_arguments():
    shown = inspect.signature(cygrad.signal.windows.gaussian).parameters
    assert list(shown) == ["M", "std", "sym", "dtype", "layout", "device", "requires_grad"]
    assert shown["std"].default == 1.0
