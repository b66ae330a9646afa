"""Indexing and joining operators that are composed of others, and the lists of all public names of this family."""

import math

from cygrad import _core, _ops, _walk
from cygrad._creation import sequences as _sequences
from cygrad._operators import (
    gather as _gather,
    index as _index,
    masked as _masked,
    move as _move,
    scan as _scan,
    sort as _sort,
)
from cygrad._operators.move import cat, stack

Tensor = _core.Tensor
INT64 = _core.DTYPE_BY_NAME["int64"]
_BOOL, _LONG = 0, 5


def _op(name, *operands):
    return _ops.call(_ops.OPS[name], operands)


def _tensors(name, tensors):
    """A non-empty list of tensors."""
    if isinstance(tensors, Tensor) or not isinstance(tensors, (list, tuple)):
        raise TypeError(
            f"{name}(): argument 'tensors' (position 1) must be tuple of Tensors, not {type(tensors).__name__}"
        )
    for i, t in enumerate(tensors):
        if not isinstance(t, Tensor):
            raise TypeError(f"expected Tensor as element {i} in argument 0, but got {type(t).__name__}")
    if not tensors:
        raise RuntimeError(f"{name} expects a non-empty TensorList")
    return tensors


def _given(tensors):
    """Tensors given one by one or in one sequence."""
    return tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)) else tensors


def _at_least(t, ndim):
    """`t` with the dimensions that atleast_1d, atleast_2d and atleast_3d add."""
    if t.ndim == 0:
        t = t.reshape((1,))
    if ndim >= 2 and t.ndim == 1:
        t = t.unsqueeze(0)
    if ndim == 3 and t.ndim == 2:
        t = t.unsqueeze(-1)
    return t


# ------------------------------------------------------------------ joining


def hstack(tensors, *, out=None):
    """Joins tensors along dimension 1, or 0 where they have one dimension."""
    tensors = [_at_least(t, 1) for t in _tensors("hstack", tensors)]
    return cat(tensors, 0 if tensors[0].ndim == 1 else 1, out=out)


def vstack(tensors, *, out=None):
    """Joins tensors, as rows if they have one dimension, along dimension 0."""
    return cat([_at_least(t, 2) for t in _tensors("vstack", tensors)], 0, out=out)


def dstack(tensors, *, out=None):
    """Joins tensors along dimension 2."""
    return cat([_at_least(t, 3) for t in _tensors("dstack", tensors)], 2, out=out)


def column_stack(tensors, *, out=None):
    """Joins tensors along dimension 1, those of fewer than two dimensions as columns."""
    return cat([t.reshape((t.numel(), 1)) if t.ndim <= 1 else t for t in _tensors("column_stack", tensors)], 1, out=out)


def block_diag(*tensors):
    """Matrices on the diagonal of a matrix of zeros."""
    blocks = [t if t.ndim == 2 else t.reshape((1, t.numel())) if t.ndim < 2 else t for t in tensors]
    for i, t in enumerate(blocks):
        if t.ndim > 2:
            raise RuntimeError(
                f"torch.block_diag: Input tensors must have 2 or fewer dimensions. Input {i} has {t.ndim} dimensions"
            )
    if not blocks:
        return _ops.full((1, 0), 0, _core.DTYPES.index(_core.get_default_dtype()))
    code = _code(blocks[0])
    for t in blocks[1:]:
        code = _core.DTYPES.index(_ops.promote_types(_core.DTYPES[code], t.dtype))
    shape = (sum(t.shape[0] for t in blocks), sum(t.shape[1] for t in blocks))
    r = blocks[0].new_zeros(shape, dtype=_core.DTYPES[code])
    corners, row, column = [], 0, 0
    for t in blocks:
        n, m = t.shape
        r[row : row + n, column : column + m] = t.detach()
        corners.append((row, column, n, m))
        row, column = row + n, column + m
    like = [(t.shape, t.dtype) for t in tensors]
    return _core.record(r, "BlockDiagBackward0", tensors, _block_diag_backward, None, (corners, like))


def _block_diag_backward(node, g):
    return tuple(
        g[r : r + n, c : c + m].reshape(shape).to(dtype)
        for (r, c, n, m), (shape, dtype) in zip(*node.args, strict=True)
    )


def _code(t):
    return _core.DTYPES.index(t.dtype)


# ------------------------------------------------------------------ grids


def broadcast_tensors(*tensors):
    """Views of the tensors with the shape that all broadcast to."""
    tensors = _tensors("broadcast_tensors", list(_given(tensors)))
    shape = broadcast_shapes(*[t.shape for t in tensors])
    return tuple(t.expand(shape) for t in tensors)


def broadcast_shapes(*shapes):
    """The shape that the given shapes broadcast to."""
    sizes = []
    for shape in shapes:
        shape = (shape,) if isinstance(shape, int) else tuple(shape)
        sizes[:0] = [1] * (len(shape) - len(sizes))
        for i in range(-1, -len(shape) - 1, -1):
            if shape[i] < 0:
                raise RuntimeError(
                    f"Trying to create tensor with negative dimension ({shape[i]}): ({list(shape)})"
                )
            if shape[i] not in (1, sizes[i]):
                if sizes[i] != 1:
                    at = len(sizes) + i
                    raise RuntimeError(
                        f"The size of tensor a ({sizes[i]}) must match the size of tensor b ({shape[i]}) "
                        f"at non-singleton dimension {at}"
                    )
                sizes[i] = shape[i]
    return _core.Size(sizes)


def broadcast_to(input, *size):
    """A view of `input` with the given shape."""
    return input.expand(*size)


def meshgrid(*tensors, indexing=None):
    """Grids of coordinates from 1-dim tensors: output i varies along dimension i ("xy": the first two swapped)."""
    tensors = list(_given(tensors))
    if indexing is None:
        import warnings

        warnings.warn(
            "torch.meshgrid: in an upcoming release, it will be required to pass the indexing argument.",
            UserWarning,
            stacklevel=2,
        )
        indexing = "ij"
    if not tensors:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    for t in tensors:
        if t.ndim > 1:
            raise RuntimeError(f"torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: {t}")
    if any(t.dtype is not tensors[0].dtype for t in tensors):
        raise RuntimeError("meshgrid expects all tensors to have the same dtype")
    if any(t.device != tensors[0].device for t in tensors):
        raise RuntimeError("meshgrid expects all tensors to have the same device")
    if indexing not in ("ij", "xy"):
        raise RuntimeError(f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}')
    swap = indexing == "xy" and len(tensors) >= 2
    if swap:
        tensors[:2] = tensors[1::-1]
    n = len(tensors)
    shape = tuple(t.numel() for t in tensors)
    grids = [t.reshape([-1 if i == k else 1 for i in range(n)]).expand(shape) for k, t in enumerate(tensors)]
    if swap:
        grids[:2] = grids[1::-1]
    return tuple(grids)


def cartesian_prod(*tensors):
    """All tuples with one element of each 1-dim tensor, as rows."""
    for t in tensors:
        if t.ndim != 1:
            raise RuntimeError(f"Expect a 1D vector, but got shape {list(t.shape)}")
    if len(tensors) == 1:
        return tensors[0]
    return stack([g.reshape((-1,)) for g in meshgrid(*tensors, indexing="ij")], 1)


_MOST_COMBINED = 2**28  # elements


def _more_than(most, n, k):
    """Whether there are more than `most` ways to choose k of n; counted as far as that."""
    count = 1
    for i in range(min(k, n - k)):
        count = count * (n - i) // (i + 1)
        if count > most:
            return True
    return count > most


def combinations(input, r=2, with_replacement=False):
    """All sub-sequences of length r of a 1-dim tensor, as rows."""
    if input.ndim != 1:
        raise RuntimeError(f"Expect a 1D vector, but got shape {list(input.shape)}")
    if r < 0:
        raise RuntimeError(f"Expect a non-negative number, but got {r}")
    if r == 0:
        return input.new_empty((0,))
    n = input.numel()
    if r > n and not (with_replacement and n):
        return input[:0].unsqueeze(1).expand(0, r).clone()
    if _more_than(_MOST_COMBINED // r, n + r - 1 if with_replacement else n, r):
        raise RuntimeError(f"combinations: the sub-sequences of length {r} of {n} elements are more than fit here")
    last = _sequences.arange(n if with_replacement else n - r + 1, device=input.device)
    steps = [(last, None)]  # the last place of each sub-sequence so far, and which shorter one it continues
    for k in range(2, r + 1):  # what may follow each, which leaves enough for the rest
        end = n if with_replacement else n - r + k
        counts = _op("sub", end if with_replacement else end - 1, last)
        rows = math.comb(n + k - 1 if with_replacement else end, k)
        before = _op("sub", counts.cumsum(0), counts)
        first = repeat_interleave(_op("sub", _op("sub", end, counts), before), counts, 0, output_size=rows)
        of = repeat_interleave(_sequences.arange(len(last), device=input.device), counts, 0, output_size=rows)
        last = _op("add", first, _sequences.arange(rows, device=input.device))
        steps.append((last, of))
    columns, rows = [], _sequences.arange(len(last), device=input.device)
    for last, of in reversed(steps):
        columns.append(_index.index_select(input, 0, _index.index_select(last, 0, rows)))
        rows = rows if of is None else _index.index_select(of, 0, rows)
    return stack(columns[::-1], 1)


# ------------------------------------------------------------------ repeating


def tile(input, *times, dims=None):
    """repeat(), with the shorter of the times (or dims) and input's shape padded by ones in front."""
    dims = tuple(_given(times) if dims is None else dims)
    return _move.repeat(input, (1,) * (input.ndim - len(dims)) + dims)


def repeat_interleave(input, repeats=None, dim=None, *, output_size=None):
    """Each element (slice along `dim`) repeated in place; of repeats alone, the indices that do it."""
    if repeats is None:
        return _interleaved(input, output_size)
    if isinstance(repeats, int):
        if repeats < 0:
            raise RuntimeError("Repeats must be non-negative")
        if dim is None:
            input, dim = input.reshape((-1,)), 0
        dim = _walk.positive_dim(dim, input.ndim)
        shape = list(input.shape)
        if output_size is not None and output_size != shape[dim] * repeats:
            raise RuntimeError(
                f"repeat_interleave: Invalid output_size, expected {shape[dim] * repeats} but got {output_size}"
            )
        wide = input.unsqueeze(dim + 1).expand(shape[: dim + 1] + [repeats] + shape[dim + 1 :])
        shape[dim] *= repeats
        return _ops.clone_tensor(wide, False).view(shape)
    if dim is None:
        input, dim = input.reshape((-1,)), 0
    if repeats.ndim > 1:
        raise RuntimeError("repeats must be 0-dim or 1-dim tensor")
    n = input.shape[dim] if input.ndim else 1
    if repeats.numel() == 1:
        repeats = repeats.reshape((1,)).expand((n,))
    if repeats.numel() != n:
        raise RuntimeError(
            "repeats must have the same size as input along dim, "
            f"but got repeats.size(0) = {repeats.numel()} and input.size({dim}) = {n}"
        )
    return _index.index_select(input, dim, _interleaved(repeats, output_size))


def _interleaved(repeats, output_size=None):
    """0 repeated repeats[0] times, 1 repeats[1] times, ..."""
    if repeats.ndim != 1:
        raise RuntimeError("repeat_interleave only accept 1D vector as repeat")
    if repeats.dtype.name not in ("int32", "int64"):
        name = _core.SCALAR_TYPE_NAMES[_code(repeats)]
        raise NotImplementedError(f"\"repeat_interleave_cpu\" not implemented for '{name}'")
    if repeats.device.type == "meta":
        if output_size is None:
            raise RuntimeError("cannot repeat_interleave a meta tensor without output_size")
        return repeats.new_empty((output_size,))
    r = _move.interleave(repeats.detach())
    if output_size is not None and output_size != r.numel():
        raise RuntimeError("allocated size does not match required size")
    return r if repeats.dtype is INT64 else r.to(repeats.dtype)


# ------------------------------------------------------------------ flips and rotations


def fliplr(input):
    """A copy with dimension 1 reversed."""
    if input.ndim < 2:
        raise RuntimeError("Input must be >= 2-d.")
    return _move.flip(input, (1,))


def flipud(input):
    """A copy with dimension 0 reversed."""
    if input.ndim < 1:
        raise RuntimeError("Input must be >= 1-d.")
    return _move.flip(input, (0,))


def rot90(input, k=1, dims=(0, 1)):
    """A copy turned by k quarters in the plane of `dims`, from the first towards the second."""
    if len(dims) != 2:
        raise RuntimeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if input.ndim < 2:
        raise RuntimeError(f"expected total dims >= 2, but got total dims = {input.ndim}")
    if dims[0] == dims[1] or abs(dims[0] - dims[1]) == input.ndim:
        raise RuntimeError(
            f"expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}"
        )
    dims = tuple(_walk.positive_dim(d, input.ndim) for d in dims)
    k %= 4
    if k == 1:
        r = _move.flip(input.detach(), (dims[1],)).transpose(*dims)
    elif k == 2:
        r = _move.flip(input.detach(), dims)
    elif k == 3:
        r = _move.flip(input.detach(), (dims[0],)).transpose(*dims)
    else:
        r = _ops.clone_tensor(input.detach(), False)
    return _core.record(r.detach(), "Rot90Backward0", (input,), _rot90_backward, None, (k, tuple(dims)))


def _rot90_backward(node, g):
    k, dims = node.args
    return rot90(g, -k, dims)


# ------------------------------------------------------------------ triangles and diagonals


def _triangle_indices(row, col, offset, dtype, device, lower):
    if row < 0 or col < 0:
        which, n = ("row", row) if row < 0 else ("col", col)
        raise RuntimeError(f"{which} must be non-negative, got{n}")
    r = _move.triangle_indices(row, col, offset, lower, device)
    return r if dtype is None or dtype is INT64 else r.to(dtype)


def tril_indices(row, col, offset=0, *, dtype=None, device=None, layout=None):
    """The row and column numbers of the lower triangle, (2, n)."""
    return _triangle_indices(row, col, offset, dtype, device, True)


def triu_indices(row, col, offset=0, *, dtype=None, device=None, layout=None):
    """The row and column numbers of the upper triangle, (2, n)."""
    return _triangle_indices(row, col, offset, dtype, device, False)


def diag(input, diagonal=0, *, out=None):
    """A matrix with the vector `input` on a diagonal, or a diagonal of the matrix `input`."""
    if input.ndim not in (1, 2):
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {input.ndim}D")
    r = _move.diag_embed(input, diagonal) if input.ndim == 1 else _move.diagonal_copy(input, diagonal)
    return _walk.store(out, r, "diag")


def diagflat(input, offset=0):
    """A matrix with all elements of `input` on a diagonal."""
    return _move.diag_embed(input.reshape((-1,)), offset)


# ------------------------------------------------------------------ indices


def take_along_dim(input, indices, dim=None, *, out=None):
    """gather() with input and indices broadcast against each other but for `dim`; flat without dim."""
    if indices.dtype is not INT64:
        name = _core.SCALAR_TYPE_NAMES[_code(indices)]
        raise RuntimeError(f"torch.take_along_dim(): dtype of indices should be Long but got {name}")
    if dim is None:
        return _gather.gather(input.reshape((-1,)), 0, indices.reshape((-1,)), out=out)
    if input.ndim != indices.ndim:
        raise RuntimeError(
            "torch.take_along_dim(): input and indices should have the same number of dimensions, "
            f"but got {input.ndim} dimensions for input, and {indices.ndim} dimensions for indices"
        )
    dim = _walk.positive_dim(dim, input.ndim)
    a, b = list(input.shape), list(indices.shape)
    if input.ndim:
        a[dim] = b[dim] = 1
    shape = list(broadcast_shapes(a, b))
    of, at = list(shape), list(shape)
    if input.ndim:
        of[dim], at[dim] = input.shape[dim], indices.shape[dim]
        if indices.numel() and (not indices.is_cpu or indices.min().item() < 0):
            indices = _masked.where(_op("lt", indices, 0), _op("add", indices, input.shape[dim]), indices)
    return _gather.gather(input.expand(of), dim, indices.expand(at), out=out)


def one_hot(tensor, num_classes=-1):
    """Rows with a one at the class number: int64, shape (*, num_classes)."""
    if tensor.dtype is not INT64:
        raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor.")
    if tensor.numel() == 0:
        if num_classes <= 0:
            raise RuntimeError("Can not infer total number of classes from empty tensor.")
        return tensor.new_zeros((*tensor.shape, num_classes))
    if tensor.min().item() < 0:
        raise RuntimeError("Class values must be non-negative.")
    top = tensor.max().item()
    if num_classes == -1:
        num_classes = top + 1
    elif num_classes <= top:
        raise RuntimeError("Class values must be smaller than num_classes.")
    r = tensor.new_zeros((*tensor.shape, num_classes))
    return _gather.scatter_(r, -1, tensor.unsqueeze(-1), 1)


def isin(elements, test_elements, *, assume_unique=False, invert=False, out=None):
    """Whether each of `elements` is among `test_elements`."""
    if not isinstance(elements, Tensor) and not isinstance(test_elements, Tensor):
        raise TypeError("isin(): at least one argument must be a Tensor")
    if not isinstance(elements, Tensor):
        elements = test_elements.new_full((), elements)
    if not isinstance(test_elements, Tensor):
        r = _op("ne" if invert else "eq", elements, test_elements)
        return _walk.store(out, r, "isin")
    elements, test_elements = elements.detach(), test_elements.detach()
    if test_elements.numel() == 0:
        return _walk.store(out, elements.new_full(elements.shape, invert, dtype=_core.DTYPES[_BOOL]), "isin")
    common = _ops.promote_types(elements.dtype, test_elements.dtype)
    elements, test_elements = elements.to(common), test_elements.to(common)
    ordered = _sort.sort(test_elements.reshape((-1,)), 0)[0]
    at = _sort.searchsorted(ordered, elements)
    at = _masked.where(_op("lt", at, ordered.numel()), at, ordered.numel() - 1)
    found = _op("eq", _gather.take(ordered, at), elements)
    return _walk.store(out, _op("logical_not", found) if invert else found, "isin")


def unravel_index(indices, shape):
    """The coordinates of flat indices in an array of `shape`: one tensor per dimension."""
    if indices.dtype.is_floating_point or indices.dtype.name == "bool":
        raise TypeError(f"expected 'indices' to be integer dtype, but got {indices.dtype}")
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    if any(n < 0 for n in shape):
        raise ValueError(f"'shape' cannot have negative values, but got {shape}")
    coordinates = []
    for n in reversed(shape):
        coordinates.append(_op("remainder", indices, n))
        indices = _op("_div_floor", indices, n)
    return tuple(reversed(coordinates))


_COMPILED = (_index, _masked, _gather, _move, _sort, _scan)

FUNCTIONS = {name: f for module in _COMPILED for name, f in module.FUNCTIONS.items()} | {
    "hstack": hstack, "vstack": vstack, "row_stack": vstack, "dstack": dstack, "column_stack": column_stack,
    "block_diag": block_diag, "broadcast_tensors": broadcast_tensors, "broadcast_shapes": broadcast_shapes,
    "broadcast_to": broadcast_to, "meshgrid": meshgrid, "cartesian_prod": cartesian_prod,
    "combinations": combinations, "tile": tile, "repeat_interleave": repeat_interleave, "fliplr": fliplr,
    "flipud": flipud, "rot90": rot90, "tril_indices": tril_indices, "triu_indices": triu_indices, "diag": diag,
    "diagflat": diagflat, "take_along_dim": take_along_dim, "isin": isin, "unravel_index": unravel_index,
}  # fmt: skip
METHODS = {name: f for module in _COMPILED for name, f in module.METHODS.items()} | {
    "broadcast_to": broadcast_to, "tile": tile, "repeat_interleave": repeat_interleave, "fliplr": fliplr,
    "flipud": flipud, "rot90": rot90, "diag": diag, "diagflat": diagflat, "take_along_dim": take_along_dim,
}  # fmt: skip
# torch.nn.functional.one_hot
NN_FUNCTIONS = {"one_hot": one_hot}
