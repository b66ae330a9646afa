"""DeviceMesh: the ranks in an array, with a group along each of its dimensions for each rank."""

import math

import cygrad

from . import _groups
from ._checks import default_group
from ._process_group import GroupMember, ProcessGroup

__all__ = ["DeviceMesh", "init_device_mesh"]


class DeviceMesh:
    """Ranks in an array of one or more dimensions. All ranks of the job make it; those in it have groups along it.

    device_type: "cpu", "opencl", ... mesh: nested lists, or a tensor, of ranks. mesh_dim_names: of the dimensions.
    """

    def __init__(self, device_type, mesh, *, mesh_dim_names=None, backend_override=None, _groups_of=None):
        self.device_type = device_type
        self.mesh = cygrad.as_tensor(mesh, dtype=cygrad.int32, device="cpu").detach()
        self.mesh_dim_names = None if mesh_dim_names is None else tuple(mesh_dim_names)
        if not _groups.is_initialized():
            _groups.init_process_group()
        world = default_group()
        if self.mesh.numel() > world.size():
            raise RuntimeError(
                f"Mesh should not be bigger than default world size {world.size()}, "
                f"but found {self.mesh.numel()} ranks!"
            )
        self._rank = world.rank()
        places = (self.mesh == self._rank).nonzero().tolist()
        self._place = tuple(places[0]) if places else None
        self._dim_groups = self._make_groups(world) if _groups_of is None else _groups_of

    def _make_groups(self, world):
        """The group of this rank along each dimension; every rank makes all of them."""
        found = []
        for dim in range(self.mesh.dim()):
            lines = self.mesh.movedim(dim, -1).reshape(-1, self.mesh.shape[dim]).tolist()
            mine = GroupMember.NON_GROUP_MEMBER
            for ranks in lines:
                whole = ranks == list(range(world.size()))
                group = world if whole else _groups.new_group(ranks, group_desc=f"mesh_{self._dim_name(dim)}")
                if self._rank in ranks:
                    mine = group
            found.append(mine)
        return found

    @staticmethod
    def from_group(group, device_type, mesh=None, *, mesh_dim_names=None):
        """A mesh of a group, or of one for each dimension of `mesh`."""
        if isinstance(group, ProcessGroup):
            ranks = _groups.get_process_group_ranks(group)
            if mesh is not None and cygrad.as_tensor(mesh).tolist() != ranks:
                raise ValueError(f"Invalid mesh {mesh} for ProcessGroup with ranks {ranks}")
            return DeviceMesh(device_type, ranks, mesh_dim_names=mesh_dim_names, _groups_of=[group])
        if not group:
            raise ValueError("Expect at least one ProcessGroup to be specified")
        if mesh is None:
            raise ValueError("Must pass mesh if passing multiple ProcessGroups")
        return DeviceMesh(device_type, mesh, mesh_dim_names=mesh_dim_names, _groups_of=list(group))

    # --- questions

    @property
    def ndim(self):
        """The number of dimensions."""
        return self.mesh.dim()

    @property
    def shape(self):
        """The number of ranks along each dimension."""
        return tuple(self.mesh.shape)

    def size(self, mesh_dim=None):
        """The number of ranks, of all or along a dimension."""
        return self.mesh.numel() if mesh_dim is None else self.mesh.shape[mesh_dim]

    def get_rank(self):
        """The rank of this process in the job."""
        return self._rank

    def get_coordinate(self):
        """The place of this rank in the mesh; None where it is not in it."""
        return self._place

    def get_local_rank(self, mesh_dim=None):
        """The place of this rank along a dimension, which may be left out of a mesh of one."""
        if mesh_dim is None and self.ndim > 1:
            raise RuntimeError(
                f"Found the DeviceMesh have {self.ndim} dimensions",
                "Optional kwarg `mesh_dim` needs to be specified when device_mesh.ndim > 1.",
            )
        return _groups.get_rank(self.get_group(mesh_dim))

    def get_group(self, mesh_dim=None):
        """The group of this rank along a dimension (its number or name), which may be left out of a mesh of one."""
        if mesh_dim is None:
            if self.ndim > 1:
                raise RuntimeError(
                    f"Found the DeviceMesh have {self.ndim} dimensions",
                    "Optional kwarg `mesh_dim` needs to be specified when device_mesh.ndim > 1.",
                    "If you want to get the list of all the ProcessGroups in the DeviceMesh,"
                    "please use `get_all_groups()` instead.",
                )
            mesh_dim = 0
        if isinstance(mesh_dim, str):
            if mesh_dim not in (self.mesh_dim_names or ()):
                raise KeyError(
                    f"Mesh dimension '{mesh_dim}' does not exist.",
                    f"Available mesh dimensions are: mesh_dim_names={self.mesh_dim_names}",
                )
            mesh_dim = self.mesh_dim_names.index(mesh_dim)
        return self._dim_groups[mesh_dim]

    def get_all_groups(self):
        """The group of this rank along each dimension."""
        return list(self._dim_groups)

    # --- parts

    def __getitem__(self, names):
        """The mesh of this rank's place in all dimensions but those that are named, which come in this order."""
        if not self.mesh_dim_names:
            raise RuntimeError("Cannot slice a DeviceMesh without mesh_dim_names!")
        names = (names,) if isinstance(names, str) else tuple(names)
        if not names or any(n not in self.mesh_dim_names for n in names):
            raise KeyError(
                f"Invalid mesh_dim_names {names} specified. Valid mesh_dim_names are {list(self.mesh_dim_names)}."
            )
        if names == self.mesh_dim_names:
            return self
        dims = [self.mesh_dim_names.index(n) for n in names]
        rest = [d for d in range(self.ndim) if d not in dims]
        place = self._place or (0,) * self.ndim
        part = self.mesh.permute(*rest, *dims)[tuple(place[d] for d in rest)]
        return DeviceMesh(
            self.device_type, part, mesh_dim_names=names, _groups_of=[self._dim_groups[d] for d in dims]
        )

    def _flatten(self, mesh_dim_name=None):
        """The mesh of all its ranks in one dimension."""
        name = mesh_dim_name or "_".join(self.mesh_dim_names or ())
        return DeviceMesh(self.device_type, self.mesh.flatten(), mesh_dim_names=(name,) if name else None)

    def _dim_name(self, dim):
        return self.mesh_dim_names[dim] if self.mesh_dim_names else f"dim_{dim}"

    def __repr__(self):
        if self.mesh_dim_names:
            sizes = ", ".join(f"{n}={s}" for n, s in zip(self.mesh_dim_names, self.shape, strict=True))
        else:
            sizes = ", ".join(map(str, self.shape)) + ("," if self.ndim == 1 else "")
        strides = tuple(math.prod(self.shape[d + 1 :]) if s > 1 else () for d, s in enumerate(self.shape))
        return f"DeviceMesh(({sizes}), '{self.device_type}', stride={strides})"

    def __eq__(self, other):
        if not isinstance(other, DeviceMesh):
            return NotImplemented
        return (
            self.device_type == other.device_type
            and self.mesh_dim_names == other.mesh_dim_names
            and self.shape == other.shape
            and cygrad.equal(self.mesh, other.mesh)
        )

    def __hash__(self):
        return hash((self.device_type, self.mesh_dim_names, self.shape, tuple(self.mesh.flatten().tolist())))


DeviceMesh.__module__ = "torch.distributed.device_mesh"


def init_device_mesh(device_type, mesh_shape, *, mesh_dim_names=None, backend_override=None):
    """A mesh of the shape, of the ranks in their order. Initialises the default group where that was not done."""
    if mesh_dim_names is not None:
        if len(set(mesh_dim_names)) != len(mesh_dim_names):
            raise RuntimeError(
                f"Each mesh_dim_name must be unique. Found repeated mesh_dim_name in mesh_dim_names {mesh_dim_names}"
            )
        if len(mesh_shape) != len(mesh_dim_names):
            raise RuntimeError(
                "mesh_shape and mesh_dim_names should have same length! Found len(mesh_dim_names): "
                f"{len(mesh_dim_names)} and len(mesh_shape):{len(mesh_shape)}."
            )
    if device_type and not device_type.isalpha():
        raise RuntimeError(
            f"Device type with index is not supported but got {device_type}. ",
            "If you maintained a 'torch.device' object, it's recommended to pass in 'device.type'.",
        )
    mesh = cygrad.arange(math.prod(mesh_shape), dtype=cygrad.int32, device="cpu").view(*mesh_shape)
    return DeviceMesh(device_type, mesh, mesh_dim_names=mesh_dim_names)
