"""Choosing how attention is computed. There is one way here, so the choice changes nothing."""

import contextlib
import enum

from . import bias, flex_attention, varlen

__all__ = [
    "SDPBackend", "WARN_FOR_UNFUSED_KERNELS", "activate_flash_attention_impl", "bias", "current_flash_attention_impl",
    "flex_attention", "list_flash_attention_impls", "register_flash_attention_impl", "restore_flash_attention_impl",
    "sdpa_kernel", "varlen",
]  # fmt: skip
WARN_FOR_UNFUSED_KERNELS = False


class SDPBackend(enum.IntEnum):
    """The backends of scaled_dot_product_attention that PyTorch names."""

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4

    def __repr__(self):
        return f"<SDPBackend.{self.name}: {self.value}>"

    def __str__(self):
        return f"SDPBackend.{self.name}"


@contextlib.contextmanager
def sdpa_kernel(backends, set_priority=False):
    """Accept the wish for certain backends; the results are the same with each of them."""
    if not isinstance(backends, (list, SDPBackend)):
        raise AssertionError(
            "Backend must be an instance of SDPBackend or a list of SDPBackend instances"
        )
    yield {}


# ---------------------------------------------------------------- kernels that others bring along

_implementations, _active = {}, {"name": None, "handle": None}


def register_flash_attention_impl(impl, *, register_fn):
    """Makes an implementation known under a name; `register_fn()` puts it to use, and returns what can undo that."""
    _implementations[impl] = register_fn


def list_flash_attention_impls():
    """The names that implementations are known under."""
    return sorted(_implementations)


def current_flash_attention_impl():
    """The name of the one in use, None for cygrad's own."""
    return _active["name"]


def activate_flash_attention_impl(impl):
    """Puts a registered implementation to use."""
    if impl not in _implementations:
        raise ValueError(
            f"Unknown flash attention impl '{impl}'. Available implementations: {list_flash_attention_impls()}"
        )
    restore_flash_attention_impl(False)
    _active["handle"] = _implementations[impl]()
    _active["name"] = impl


def restore_flash_attention_impl(_raise_warn=True):
    """Goes back to cygrad's own."""
    handle, _active["handle"], _active["name"] = _active["handle"], None, None
    if hasattr(handle, "remove"):
        handle.remove()
