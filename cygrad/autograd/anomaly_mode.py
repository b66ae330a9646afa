"""Anomaly detection: says which forward call a failing or NaN-producing node came from."""

import traceback
import warnings

from .. import _core, _engine
from .._core import Tensor

__all__ = [
    "detect_anomaly",
    "set_detect_anomaly",
    "is_anomaly_enabled",
    "is_anomaly_check_nan_enabled",
]

_enabled = False
_check_nan = True


class _Watcher:
    """Runs nodes in the engine's place, and looks at what happens."""

    def __init__(self):
        self.running = []

    def metadata(self):
        """What a node made now is to remember."""
        # Without the frames of this module, which are not the user's call.
        found = {"traceback_": traceback.format_stack()[:-1]}
        if self.running:
            found["parent_"] = self.running[-1]
        return found

    def run(self, node, grads):
        self.running.append(node)
        try:
            results = _engine.apply_node(node, grads)
        except Exception as error:
            _report(node)
            hint = "Hint: enable anomaly detection"
            if error.args and isinstance(error.args[0], str) and hint in error.args[0]:
                text = error.args[0]
                error.args = (
                    text[: text.index(hint)]
                    + "Hint: the backtrace further above shows the operation that failed to "
                    "compute its gradient. The variable in question was changed in there or "
                    "anywhere later. Good luck!",
                )
            raise
        finally:
            self.running.pop()
        if _check_nan:
            for i, g in enumerate(results if isinstance(results, (tuple, list)) else (results,)):
                if (
                    isinstance(g, Tensor)
                    and (g.is_floating_point() or g.is_complex())
                    and g.detach().isnan().any().item()
                ):
                    _report(node)
                    raise RuntimeError(
                        f"Function '{node.name()}' returned nan values in its {i}th output."
                    )
        return results


def _report(node):
    stack = node.metadata.get("traceback_")
    if stack is None:
        message = (
            f"Error detected in {node.name()}. No forward pass information available. Enable "
            "detect anomaly during forward pass for more information."
        )
    else:
        message = (
            f"Error detected in {node.name()}. Traceback of forward call that caused the error:\n"
            + "".join(stack)
        )
        parent = node.metadata.get("parent_")
        while parent is not None:
            above = parent.metadata.get("traceback_")
            message += f"\n\nPrevious calculation was induced by {parent.name()}. " + (
                "Traceback of forward call that induced the previous calculation:\n"
                f"{''.join(above)}"
                if above
                else "No forward pass information available."
            )
            parent = parent.metadata.get("parent_")
    warnings.warn(message, UserWarning, stacklevel=4)


def _set(enabled, check_nan):
    global _enabled, _check_nan
    _enabled, _check_nan = enabled, check_nan
    watcher = _Watcher() if enabled else None
    _core.set_node_recorder(watcher.metadata if watcher else None)
    _engine.set_anomaly(watcher)


def is_anomaly_enabled():
    """Whether anomaly detection is on."""
    return _enabled


def is_anomaly_check_nan_enabled():
    """Whether anomaly detection, when on, looks for NaN."""
    return _check_nan


class detect_anomaly:
    """Inside, a node that raises or returns NaN names the forward call that made it, in a
    warning.
    """

    def __init__(self, check_nan=True):
        self.prev = _enabled, _check_nan
        self.check_nan = check_nan
        warnings.warn(
            "Anomaly Detection has been enabled. This mode will increase the runtime and should "
            "only be enabled for debugging.",
            stacklevel=2,
        )

    def __enter__(self):
        self.prev = _enabled, _check_nan
        _set(True, self.check_nan)

    def __exit__(self, *exc):
        _set(*self.prev)


class set_detect_anomaly:
    """Turns anomaly detection on or off: at once as a function, for a block as a context."""

    def __init__(self, mode, check_nan=True):
        self.prev = _enabled, _check_nan
        _set(mode, check_nan)

    def __enter__(self):
        pass

    def __exit__(self, *exc):
        _set(*self.prev)
