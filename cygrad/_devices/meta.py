"""Devices without memory of their own.

On `meta` every operator gives its result's shape and dtype: its primitives fill nothing.  `nn.Module.to_empty` gives
memory.  A sparse tensor is, to operators on strided tensors, on a device where none of them runs.
"""

from cygrad._core import HOLLOW

from . import primitives


class _Meta:
    """Every primitive, doing nothing, but for those that have something to say to the host."""

    @staticmethod
    def allocate(dev, nbytes):
        return None

    @staticmethod
    def data_ptr(t):
        return 0

    @staticmethod
    def copy(dst, src):
        if dst.device.type != "meta":
            raise NotImplementedError("Cannot copy out of meta tensor; no data!")

    @staticmethod
    def positions(mask):
        raise NotImplementedError("nonzero() on a meta tensor: the shape of the result depends on data")

    @staticmethod
    def compress(x, mask):
        raise NotImplementedError("masked_select() on a meta tensor: the shape of the result depends on data")


for _name in primitives.NAMES:
    if not hasattr(_Meta, _name):
        setattr(_Meta, _name, staticmethod(lambda *args: None))


class _Sparse:
    @staticmethod
    def allocate(dev, nbytes):
        return None

    def __getattr__(self, operator):
        def refuse(*args):
            named = operator != "elementwise"
            raise NotImplementedError(
                f"Could not run 'aten::{operator if named else args[0]}' with arguments from the 'SparseCPU' backend. "
                "cygrad does not have it for sparse tensors; to_dense() gives a strided one"
            )

        return refuse


BACKENDS = {HOLLOW["meta"]: _Meta(), HOLLOW["sparse"]: _Sparse()}
