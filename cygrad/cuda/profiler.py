"""torch.cuda.profiler: starting and stopping Nvidia's profiler, which is not there."""

import contextlib

__all__ = ["init", "profile", "start", "stop"]


def init(output_file, flags=None, output_mode="key_value"):
    """Not there: cygrad has no profiler of CUDA's."""
    raise NotImplementedError("cuda.profiler.init: cygrad has no profiler of CUDA's; use torch.profiler")


def start():
    """Nothing is recording."""


def stop():
    """Nothing is recording."""


@contextlib.contextmanager
def profile():
    """A context in which nothing is recorded."""
    yield
