"""How a tensor lies on a mesh of devices, in words: programs name placements in plans that cygrad does not run."""

from dataclasses import dataclass

__all__ = ["Partial", "Placement", "Replicate", "Shard"]


class Placement:
    """How a tensor lies along one dimension of a mesh."""

    def is_shard(self, dim=None):
        """Whether it is cut, along `dim` where that is given."""
        return isinstance(self, Shard) and dim in (None, self.dim)

    def is_replicate(self):
        """Whether each device has all of it."""
        return isinstance(self, Replicate)

    def is_partial(self, reduce_op=None):
        """Whether each device has a term of it, of the reduction `reduce_op` where that is given."""
        return isinstance(self, Partial) and reduce_op in (None, self.reduce_op)


@dataclass(frozen=True)
class Shard(Placement):
    """Each device has a part along the tensor's dimension `dim`."""

    dim: int


@dataclass(frozen=True)
class Replicate(Placement):
    """Each device has all of the tensor."""


@dataclass(frozen=True)
class Partial(Placement):
    """Each device has a tensor of the full size, which `reduce_op` ("sum", "avg", "max", ...) joins."""

    reduce_op: str = "sum"

    def __repr__(self):
        return f"Partial({self.reduce_op})"
