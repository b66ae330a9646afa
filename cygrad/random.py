"""The generator of random numbers that functions use when they are given none: `torch.random`."""

import contextlib

from cygrad._core import backend, device
from cygrad._operators.draws import Generator, default_generator

__all__ = ["set_rng_state", "get_rng_state", "manual_seed", "seed", "initial_seed", "fork_rng"]


def manual_seed(seed):
    """Restart the random numbers at `seed`, an int in [-2^63, 2^64); returns the generator."""
    return default_generator.manual_seed(int(seed))


def seed():
    """Restart the random numbers at a seed from the operating system, and return it."""
    return default_generator.seed()


def initial_seed():
    """The seed that the random numbers were last started at."""
    return default_generator.initial_seed()


def get_rng_state():
    """The state of the generator as a tensor of bytes."""
    return default_generator.get_state()


def set_rng_state(new_state):
    """Go on from a state that `get_rng_state` gave."""
    default_generator.set_state(new_state)


@contextlib.contextmanager
def fork_rng(
    devices=None, enabled=True, _caller="fork_rng", _devices_kw="devices", device_type=None
):
    """Put the state of the generator back at the end of a `with` block; AssertionError for `devices` without a GPU."""
    if device_type is not None:
        device(device_type)  # an error for a type that there is not
    if not enabled:
        yield
        return
    if devices and (device_type or "cuda") == "cuda":
        for index in devices:
            backend("cuda").device_code("cuda", index if isinstance(index, int) else device(index).index)
    state = get_rng_state()
    try:
        yield
    finally:
        set_rng_state(state)


__all__ += ["Generator", "default_generator"]
