"""Warnings that a program sees once, as in PyTorch, and every time under `set_warn_always(True)`."""

import warnings

_given = set()  # their texts
_state = {"always": False}


def warn_once(text, category=UserWarning, stacklevel=1):
    """warnings.warn, for each text at its first call; `stacklevel` counts from the caller, as there."""
    if text not in _given or _state["always"]:
        _given.add(text)
        warnings.warn(text, category, stacklevel=stacklevel + 1)


def forget_given():
    """Each text may be seen once more."""
    _given.clear()


def set_warn_always(b, /):
    """Whether warnings that PyTorch gives once are given every time."""
    if not isinstance(b, bool):
        raise RuntimeError(f"setWarnOnlyOnce expects a bool, but got {type(b).__name__}")
    _state["always"] = b


def is_warn_always_enabled():
    """What `set_warn_always` was told."""
    return _state["always"]
