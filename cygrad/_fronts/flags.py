"""Settings of the whole library: deterministic algorithms, the precision of float32 products, warnings.

cygrad computes the same bits for the same input in every run, and never rounds float32 to TF32; so what these switch in
PyTorch has no effect on results here. They keep, check and report what they are told.
"""

import warnings

from cygrad._warnings import is_warn_always_enabled, set_warn_always  # noqa: F401 - published with these

_PRECISIONS = ("highest", "high", "medium")
_state = {"deterministic": 0, "precision": "highest", "matmul": "none", "interop": 2}


def _name(value):
    return type(value).__name__


def use_deterministic_algorithms(mode, *, warn_only=False):
    """Whether operators must give the same bits in every run (they do)."""
    if not isinstance(mode, bool):
        raise TypeError(
            f"_set_deterministic_algorithms(): argument 'mode' (position 1) must be bool, not {_name(mode)}"
        )
    if not isinstance(warn_only, bool):
        raise TypeError(
            f"_set_deterministic_algorithms(): argument 'warn_only' must be bool, not {_name(warn_only)}"
        )
    _state["deterministic"] = (1 if warn_only else 2) if mode else 0


def are_deterministic_algorithms_enabled():
    """Whether `use_deterministic_algorithms` was switched on."""
    return _state["deterministic"] > 0


def is_deterministic_algorithms_warn_only_enabled():
    """Whether it was, to warn only."""
    return _state["deterministic"] == 1


def set_deterministic_debug_mode(debug_mode):
    """The same by name or number: "default" or 0, "warn" or 1, "error" or 2."""
    names = ("default", "warn", "error")
    if not isinstance(debug_mode, str | int):
        raise TypeError(f"debug_mode must be str or int, but got {type(debug_mode)}")
    if isinstance(debug_mode, str):
        if debug_mode not in names:
            raise RuntimeError(
                f"invalid value of debug_mode, expected one of `default`, `warn`, `error`, but got {debug_mode}"
            )
        debug_mode = names.index(debug_mode)
    if debug_mode not in (0, 1, 2):
        raise RuntimeError(f"invalid value of debug_mode, expected 0, 1, or 2, but got {debug_mode}")
    _state["deterministic"] = int(debug_mode)


def get_deterministic_debug_mode():
    """0, 1 or 2: off, warn, raise."""
    return _state["deterministic"]


def set_float32_matmul_precision(precision):
    """How far products of float32 may be rounded: "highest", "high" or "medium" (here they never are)."""
    if not isinstance(precision, str):
        raise RuntimeError(f"set_float32_matmul_precision expects a str, but got {_name(precision)}")
    if precision not in _PRECISIONS:
        warnings.warn(
            f"{precision} is not one of 'highest', 'high', or 'medium'; the current"
            "setFloat32MatmulPrecision call has no effect.",
            stacklevel=2,
        )
        return
    _state["precision"] = precision
    _state["matmul"] = "ieee" if precision == "highest" else "tf32"


def get_float32_matmul_precision():
    """What `set_float32_matmul_precision` was told; at first "highest"."""
    return _state["precision"]


def get_num_interop_threads():
    """How many operators may run side by side; a number that is kept, and used by nothing."""
    return _state["interop"]


def set_num_interop_threads(num, /):
    """Sets that number."""
    if not isinstance(num, int) or isinstance(num, bool):
        raise RuntimeError(f"set_num_interop_threads expects an int, but got {_name(num)}")
    if num <= 0:
        raise RuntimeError("Expected num_interop_threads > 0 to be true, but got false.")
    _state["interop"] = num


FUNCTIONS = (
    "use_deterministic_algorithms", "are_deterministic_algorithms_enabled", "get_deterministic_debug_mode",
    "is_deterministic_algorithms_warn_only_enabled", "set_deterministic_debug_mode", "set_float32_matmul_precision",
    "get_float32_matmul_precision", "set_warn_always", "is_warn_always_enabled", "get_num_interop_threads",
    "set_num_interop_threads",
)  # fmt: skip
