"""The generator of random numbers that functions use when they are given none: `torch.random`."""

import contextlib

from cygrad._core import backend, backend_loaded, device
from cygrad._operators.generators import Generator, default_for, default_generator, seed_devices

__all__ = ["set_rng_state", "get_rng_state", "manual_seed", "seed", "initial_seed", "fork_rng", "thread_safe_generator"]


def manual_seed(seed):
    """Restart the random numbers of all devices at `seed`, an int in [-2^63, 2^64); returns the CPU's generator."""
    default_generator.manual_seed(int(seed))
    seed_devices(default_generator.initial_seed())
    return default_generator


def seed():
    """Restart the random numbers at a seed from the operating system, and return it."""
    start = default_generator.seed()
    seed_devices(start)
    return start


def initial_seed():
    """The seed that the random numbers were last started at."""
    return default_generator.initial_seed()


def get_rng_state():
    """The state of the generator as a tensor of bytes."""
    return default_generator.get_state()


def set_rng_state(new_state):
    """Go on from a state that `get_rng_state` gave."""
    default_generator.set_state(new_state)


def thread_safe_generator():
    """The generator of a DataLoader's worker where that is a thread, else None: cygrad's workers are processes."""
    return None


@contextlib.contextmanager
def fork_rng(
    devices=None, enabled=True, _caller="fork_rng", _devices_kw="devices", device_type=None
):
    """Put the generators' states back at the end of a `with` block; AssertionError for `devices` without a GPU."""
    if device_type is not None:
        device(device_type)  # an error for a type that there is not
    if not enabled:
        yield
        return
    kind = device_type or "cuda"
    if kind not in ("cuda", "opencl"):
        devices = []
    elif devices is None:
        devices = range(backend(kind).device_count(kind)) if backend_loaded() else []
    generators = [default_generator]
    for index in devices:
        code = backend(kind).device_code(kind, index if isinstance(index, int) else device(index).index)
        generators.append(default_for(code))
    states = [generator.get_state() for generator in generators]
    try:
        yield
    finally:
        for generator, state in zip(generators, states, strict=True):
            generator.set_state(state)


__all__ += ["Generator", "default_generator"]
