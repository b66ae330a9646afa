"""torch.special: the functions of the table that live here, and their other names."""

from . import _dispatch
from ._fronts import elementwise as _elementwise

globals().update(_elementwise.SPECIAL)
__all__ = sorted(_elementwise.SPECIAL)
_dispatch.publish(globals(), __all__)


def __getattr__(name):
    import cygrad

    if name in ("logsumexp", "softmax", "log_softmax"):
        return getattr(cygrad, name)
    raise AttributeError(f"module 'torch.special' has no attribute '{name}'")
