"""Data pipes: datasets that are put together of steps, `source.map(f).shuffle().batch(4)`."""

from . import iter, map  # noqa: A004, F401 - the names of PyTorch's modules
