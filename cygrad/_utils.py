"""What stands in the pickles of tensors: functions that PyTorch's files name `torch._utils._rebuild_...`."""

import operator
import threading
from contextlib import contextmanager

from . import _types
from ._creation import bridge as _bridge

_LARGEST = 2**63 - 1
_makers = {}  # of what stands above this module, by name


def set_makers(**makers):
    """What makes parameters (`parameter`) and sparse tensors (`sparse_coo`, `sparse_csr`)."""
    _makers.update(makers)


_reading = threading.local()


@contextmanager
def work_within(limit):
    """Within it what a file makes of its parts, again and again, may come to `limit` bytes and elements."""
    before = getattr(_reading, "left", None)
    _reading.left = limit
    try:
        yield
    finally:
        _reading.left = before


def spend(count):
    """Notes that a file asks for work on `count` bytes or elements; refuses what is out of proportion to it."""
    left = getattr(_reading, "left", None)
    if left is not None:
        _reading.left = left - count
        if left < count:
            raise RuntimeError(
                "the file makes far more of its contents than it holds; corrupt file?"
            )


@contextmanager
def bytes_come_later():
    """Within it tensors are made before the bytes of their storages are read: a list of what to call after that."""
    before = _changes()
    _reading.changes = []
    try:
        yield _reading.changes
    finally:
        _reading.changes = before


def _changes():
    return getattr(_reading, "changes", None)


def _listed(numbers, what):
    """The integers of a tuple or list, and of nothing that could be longer than the file that it stands in."""
    if not isinstance(numbers, (tuple, list)):
        raise TypeError(f"the {what} of a tensor must be a tuple, not {type(numbers).__name__}")
    return tuple(map(operator.index, numbers))


_FREELY_READ = 2**20  # elements


def _refuse_reading(tensor):
    """Refuses to read a tensor that has far more elements than its storage: a small file could say so of any number."""
    spend(tensor.numel())
    if tensor.numel() > max(
        _FREELY_READ, tensor.untyped_storage().nbytes() // tensor.element_size()
    ):
        raise RuntimeError(
            f"a tensor of {tensor.numel()} elements lies on fewer, and cannot be read as the file asks"
        )


def _on(storage, dtype, storage_offset, size, stride):
    """The tensor of `size` and `stride` on a storage; refuses what does not lie within it (RuntimeError)."""
    offset = operator.index(storage_offset)
    size, stride = _listed(size, "size"), _listed(stride, "stride")
    if len(size) != len(stride):
        raise RuntimeError(f"unequal size length ({len(size)}) and stride length ({len(stride)})")
    if len(size) > 64:
        raise RuntimeError(f"a tensor has at most 64 dimensions, this one has {len(size)}")
    if offset < 0:
        raise RuntimeError(f"Tensor: invalid storage offset {offset}")
    if any(s < 0 for s in stride):
        raise RuntimeError(
            f"Storage size calculation overflowed with sizes={list(size)} and strides={list(stride)}"
        )
    numel = 1
    for n in size:
        numel *= max(n, 1)
        if n < 0 or numel > _LARGEST:
            raise RuntimeError("numel: integer multiplication overflow")
    itemsize = dtype.itemsize
    needed = 0
    if 0 not in size:
        needed = (offset + sum((n - 1) * s for n, s in zip(size, stride)) + 1) * itemsize
    if needed > storage.nbytes() or max((offset, *stride)) * itemsize > _LARGEST:
        raise RuntimeError(
            f"Trying to resize storage that is not resizable: sizes={list(size)} and strides={list(stride)} at "
            f"offset {offset} need {needed} bytes, the storage has {storage.nbytes()}"
        )
    return _bridge.rebuild_tensor(storage, dtype, offset, size, stride)


def _changed(tensor, change):
    """change(tensor), expanded where that is; filled in later where the bytes of the storage have not been read yet."""
    shape = tensor.shape
    for d, step in enumerate(tensor.stride()):
        if step == 0 and shape[d] > 1:
            tensor = tensor.narrow(d, 0, 1)
    _refuse_reading(tensor)
    if (changes := _changes()) is None:
        result = change(tensor)
    else:
        result = tensor.clone()
        changes.append(lambda: result.data.copy_(change(tensor)))
    return result.expand(shape)


def _with_metadata(tensor, requires_grad, metadata):
    for name, value in (metadata or {}).items():
        if name not in ("conj", "neg"):
            raise RuntimeError(f"cygrad does not know the property {name!r} of a tensor")
        if value:
            tensor = _changed(tensor, type(tensor).conj if name == "conj" else type(tensor).neg)
    tensor.requires_grad = bool(requires_grad)
    return tensor


def _rebuild_tensor(storage, storage_offset, size, stride):
    """The tensor of `size` and `stride` on a typed storage."""
    return _on(storage.untyped(), storage.dtype, storage_offset, size, stride)


def _rebuild_tensor_v2(
    storage, storage_offset, size, stride, requires_grad, backward_hooks, metadata=None
):
    """A tensor with its `requires_grad`; `metadata` may say that it is to be read conjugated or negated."""
    tensor = _rebuild_tensor(storage, storage_offset, size, stride)
    return _with_metadata(tensor, requires_grad, metadata)


def _rebuild_tensor_v3(
    storage, storage_offset, size, stride, requires_grad, backward_hooks, dtype, metadata=None
):
    """As _rebuild_tensor_v2, of a storage that does not name the dtype."""
    tensor = _on(storage.untyped(), dtype, storage_offset, size, stride)
    return _with_metadata(tensor, requires_grad, metadata)


def _rebuild_sparse_tensor(layout, data):
    """A sparse tensor: COO of (indices, values, size[, coalesced]), CSR of (crow, col, values, size)."""
    if not isinstance(data, (tuple, list)):
        raise RuntimeError(
            f"the parts of a sparse tensor must be a tuple, not {type(data).__name__}"
        )
    if layout is _types.CONSTANTS["sparse_coo"]:
        indices, values, size, *coalesced = data
        _refuse_reading(indices)
        options = {"is_coalesced": bool(coalesced and coalesced[0])}
        return _makers["sparse_coo"](
            indices, values, _listed(size, "size"), **options, _later=_changes()
        )
    if layout is _types.CONSTANTS["sparse_csr"]:
        crow, col, values, size = data
        _refuse_reading(crow)
        _refuse_reading(col)
        return _makers["sparse_csr"](crow, col, values, _listed(size, "size"), _later=_changes())
    raise NotImplementedError(
        f"rebuilding a sparse tensor of layout {layout if isinstance(layout, _types.layout) else type(layout)}"
    )


def _rebuild_parameter(data, requires_grad, backward_hooks):
    return _makers["parameter"](data, requires_grad)


def _rebuild_parameter_with_state(data, requires_grad, backward_hooks, state):
    param = _rebuild_parameter(data, requires_grad, backward_hooks)
    return _set_state(param, state)


def _set_state(tensor, state):
    """Gives a tensor the attributes that users had set on it: a dict, or a pair of a dict and one of slots."""
    parts = state if isinstance(state, tuple) else (state,)
    if len(parts) > 2 or not all(part is None or isinstance(part, dict) for part in parts):
        raise RuntimeError("the state of a tensor must be a dict, or a pair of dicts")
    for part in parts:
        for name, value in (part or {}).items():
            if name.startswith("__"):
                raise RuntimeError(f"a file may not set {name} of a tensor")
            setattr(tensor, name, value)
    return tensor


# ---------------------------------------------------------------- helpers that libraries import


def _flatten_dense_tensors(tensors):
    """The elements of several tensors as one row."""
    import cygrad

    tensors = list(tensors)
    if len(tensors) == 1:
        return tensors[0].contiguous().view(-1)
    return cygrad.cat([t.contiguous().view(-1) for t in tensors])


def _unflatten_dense_tensors(flat, tensors):
    """Views of a row, of the shapes of tensors."""
    tensors = list(tensors)
    parts = flat.split([t.numel() for t in tensors])
    return tuple(part.view_as(t) for part, t in zip(parts, tensors, strict=True))


def _take_tensors(tensors, size_limit):
    """Yields lists of tensors of one type, each of about so many bytes."""
    waiting = {}
    for t in tensors:
        held = waiting.setdefault(t.type(), [[], 0])
        size = t.numel() * t.element_size()
        if held[1] + size > size_limit and held[1] > 0:
            yield held[0]
            held[:] = [[], 0]
        held[0].append(t)
        held[1] += size
    for held, size in waiting.values():
        if size:
            yield held


def _element_size(dtype):
    """The bytes of a number."""
    return dtype.itemsize


def _get_device_index(device, optional=False, allow_cpu=False):
    """The index of a device: of "cuda:1" 1; without an index the current one where `optional`."""
    import cygrad

    if isinstance(device, int):
        return device
    device = cygrad.device(device) if isinstance(device, str) else device
    if isinstance(device, cygrad.device):
        if device.type == "cpu" and not allow_cpu:
            raise ValueError(f"Expected a non cpu device, but got: {device}")
        if device.index is not None:
            return device.index
        if device.type == "cpu":
            return -1
    if optional:
        return cygrad.cuda.current_device()
    raise ValueError(f"Expected a torch.device with a specified index or an integer, but got:{device}")


def _accelerator_or_cpu():
    """The accelerator, or the CPU where there is none."""
    import cygrad

    return cygrad.accelerator.current_accelerator() or cygrad.device("cpu")


def _default_device():
    """The name of the kind of device that tensors are made on."""
    import cygrad

    return cygrad.get_default_device().type
