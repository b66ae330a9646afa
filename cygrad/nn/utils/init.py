"""Making modules without drawing their parameters."""

import inspect

import cygrad

from ..module import Module


def skip_init(module_cls, *args, **kwargs):
    """An instance of ``module_cls`` whose parameters hold arbitrary values, no random number used up.

    There is no meta device to build it on without memory: the constructor runs as always.
    """
    if not issubclass(module_cls, Module):
        raise RuntimeError(f"Expected a Module; got {module_cls}")
    if "device" not in inspect.signature(module_cls).parameters:
        raise RuntimeError("Module must support a 'device' arg to skip initialization")
    state = cygrad.get_rng_state()
    try:
        return module_cls(*args, **kwargs)
    finally:  # the draws of the constructor are not to be seen
        cygrad.set_rng_state(state)
