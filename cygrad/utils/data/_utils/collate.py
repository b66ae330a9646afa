"""Making a batch out of samples."""

import copy
import re
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence

import numpy as np

import cygrad

__all__ = ["collate", "default_collate", "default_convert"]

np_str_obj_array_pattern = re.compile("[SaUO]")  # of the names of dtypes whose arrays make no tensor
_NUMPY_SCALARS = (np.bool_, np.number, np.object_)


def _has_values(array) -> bool:
    """Whether a NumPy array holds what a tensor can, not strings or objects."""
    return array.dtype.kind not in "SUOaV"


def _rebuild_mapping(original: Mapping, items: dict):
    """A mapping of the type of `original` with `items`; a dict where that cannot be made."""
    try:
        if isinstance(original, MutableMapping):
            # A copy keeps what the type adds, such as a default factory.
            clone = copy.copy(original)
            clone.update(items)
            return clone
        return type(original)(items)
    except TypeError:
        return items


def _rebuild_sequence(original: Sequence, items: list):
    """A sequence of the type of `original` with `items`; a list where that cannot be made."""
    try:
        if isinstance(original, MutableSequence):
            clone = copy.copy(original)
            for i, item in enumerate(items):
                clone[i] = item
            return clone
        return type(original)(items)
    except TypeError:
        return items


def default_convert(data):
    """`data` with NumPy arrays and numbers made tensors, inside containers too.

    data: numbers, nested sequences, an array or a tensor
    """
    if isinstance(data, cygrad.Tensor):
        return data
    if isinstance(data, np.ndarray):
        return cygrad.as_tensor(data) if _has_values(data) else data
    if isinstance(data, (np.bool_, np.number)):
        return cygrad.as_tensor(data)
    if isinstance(data, Mapping):
        return _rebuild_mapping(data, {key: default_convert(data[key]) for key in data})
    if isinstance(data, tuple):
        items = [default_convert(item) for item in data]
        return type(data)(*items) if hasattr(data, "_fields") else items
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        return _rebuild_sequence(data, [default_convert(item) for item in data])
    return data


def collate(batch, *, collate_fn_map: dict[type | tuple[type, ...], Callable] | None = None):
    """Make one batch of a list of samples of the same structure.

    collate_fn_map: functions (batch, *, collate_fn_map) by the type of the first sample, found by
    the very type first and by isinstance then. Mappings and sequences are collated item by item.
    """
    elem = batch[0]
    elem_type = type(elem)
    known = collate_fn_map or {}
    function = known.get(elem_type) or next(
        (known[kind] for kind in known if isinstance(elem, kind)), None
    )
    if function is not None:
        return function(batch, collate_fn_map=collate_fn_map)

    def again(samples):
        return collate(samples, collate_fn_map=collate_fn_map)

    if isinstance(elem, Mapping):
        return _rebuild_mapping(elem, {key: again([d[key] for d in batch]) for key in elem})
    if isinstance(elem, tuple) and hasattr(elem, "_fields"):
        return elem_type(*(again(samples) for samples in zip(*batch)))
    if isinstance(elem, Sequence):
        if any(len(sample) != len(elem) for sample in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        items = [again(samples) for samples in zip(*batch)]
        return items if isinstance(elem, tuple) else _rebuild_sequence(elem, items)
    raise TypeError(_message(elem_type))


def _message(found) -> str:
    return (
        "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; "
        f"found {found}"
    )


def collate_tensor_fn(batch, *, collate_fn_map=None):
    """Stack tensors along a new first dimension."""
    return cygrad.stack(batch, 0)


def collate_numpy_array_fn(batch, *, collate_fn_map=None):
    """Stack arrays into a tensor."""
    if not _has_values(batch[0]):
        raise TypeError(_message(batch[0].dtype))
    return collate([cygrad.as_tensor(b) for b in batch], collate_fn_map=collate_fn_map)


def collate_numpy_scalar_fn(batch, *, collate_fn_map=None):
    """A tensor of NumPy numbers."""
    return cygrad.as_tensor(batch)


def collate_float_fn(batch, *, collate_fn_map=None):
    """A tensor of Python floats, in double."""
    return cygrad.tensor(batch, dtype=cygrad.float64)


def collate_int_fn(batch, *, collate_fn_map=None):
    """A tensor of Python integers or bools."""
    return cygrad.tensor(batch)


def collate_str_fn(batch, *, collate_fn_map=None):
    """Strings stay as they are."""
    return batch


default_collate_fn_map: dict[type | tuple[type, ...], Callable] = {
    cygrad.Tensor: collate_tensor_fn,
    np.ndarray: collate_numpy_array_fn,
    _NUMPY_SCALARS: collate_numpy_scalar_fn,
    float: collate_float_fn,
    int: collate_int_fn,
    str: collate_str_fn,
    bytes: collate_str_fn,
}


def default_collate(batch):
    """Make one batch of a list of samples: tensors are stacked, numbers become tensors, and
    containers keep their structure with a batch in place of each item."""
    return collate(batch, collate_fn_map=default_collate_fn_map)
