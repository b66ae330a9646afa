"""The primitives: what a device does for the operators.  Each stands here once, with its contract, and once a device.

An operator (`_operators`, `_ops`, `_reduce`, ...) checks arguments, finds dtypes and shapes, allocates the results, and
records the gradient; then it calls one of these, by `_core.backend_of(dev)`, or on the CPU as a direct C call.  A
primitive gets tensors and fills tensors: bytes in, bytes out.  Unless its text says otherwise

* operands and results are on one device; results are contiguous and not empty, operands have any strides, and have
  been expanded to the shapes that are named;
* all have one dtype; half types are computed in float32 and rounded once, at the end;
* nothing is recorded, no version counter moves, nothing is returned;
* what does not depend on the data has been checked; indices out of range are for the primitive to find.

Devices: `_kernels` by way of `cpu.py` (the CPU), `cygrad/cl` (OpenCL), `meta.py` (shapes without memory).  A device that
lacks a primitive raises NotImplementedError with its name (`lacking`).
"""

import inspect

# ------------------------------------------------------------------ memory


def allocate(dev, nbytes):
    """A block of at least `nbytes` on the device with code `dev`: what the storage keeps as its owner."""


def data_ptr(t):
    """A number that tells the first element's place from others."""


def copy(dst, src):
    """The elements of `src`, of dst's shape, cast to dst's dtype; either may be on another device or on the CPU."""


def copy_bytes(to, of, nbytes):
    """The first `nbytes` of one block into another of the same device."""


def fill(dst, value):
    """Every element of `dst` (any strides) becomes the Python number `value`."""


# ------------------------------------------------------------------ rows of the table


def elementwise(name, out, operands, params, compute):
    """Row `name` (or a gradient such as "sigmoid.da") in dtype code `compute`, stored as out's dtype.  Operands have
    out's shape and any dtype, or are Python numbers; `params` are the row's, None for a default.  `out` may be strided."""


def where(out, cond, a, b):
    """out = a where cond (bool or uint8) is not 0, else b; a and b are tensors or Python numbers.  out may be
    strided."""


def reduce(name, out, x, dims, params):
    """Reduction row `name` over the dimensions `dims` of x; `out` has the sizes that stay."""


def arg_reduce(name, values, indices, x, dim):
    """The place (int64) and, where `values` is a tensor, the value of the first greatest ("argmax") or least ("argmin")
    element along `dim`, or of all in logical order (None).  NaN is the greatest and the least."""


# ------------------------------------------------------------------ matrix products


def gemm(out, a, b, c, alpha, beta):
    """out (..., m, n) = alpha * a (..., m, k) @ b (..., k, n) + beta * c.  The batch dimensions of a and b broadcast
    to out's; c has out's shape, or is None and not added.  k may be 0.  Every dtype but bool."""


def gemv(out, a, v):
    """out (m) = a (m, k) @ v (k), of a real floating dtype; k may be 0."""


def dot(out, a, b):
    """out () = the sum of a (n) * b (n), of float32 or float64; n may be 0."""


def linear(out, x, weight, bias):
    """out (rows, n), of any shape with as many elements, = x (rows, k) @ weight (n, k).T + bias (n) or None; k may be 0.
    float32, float64 or complex."""


def column_sum(out, x):
    """out (n) = the sum over the rows of x (m, n), of a real floating dtype."""


# ------------------------------------------------------------------ by index
#
# `index` (int64 or int32, of any strides, not empty) has as many dimensions as x; along `dim` it counts x's elements,
# in the others an element of x stands at its position in the index.  Strides of 0 are as good as any: so one index
# serves whole slices.  An index that is not in 0 .. x.size(dim), after x.size(dim) was added to a negative one where
# `wraps`, is _walk.out_of_range(error, index, place, size): raised before anything is moved, or, by a device that works
# behind the host's back, at the latest where the host waits for it.  With error 0 it was checked before.


def gather(out, x, dim, index, wraps, error, place):
    """out[i, j, k] = x[i, index[i, j, k], k] for dim 1; out has the index's shape and any strides."""


def scatter(x, dim, index, src, op, wraps, error, place):
    """x[i, index[i, j, k], k] = src[i, j, k] for dim 1, where op is -1; or the element that was there before plus (0),
    times (1) this, the greater (2) or the lesser (3) of them, the positions of the index in their order.  src is at
    least as large as the index; neither bool nor half types for op >= 0."""


def linear_index(out, x, dims, indices):
    """out (int64) = the sum of the indices (of out's shape), each checked for its dimension of x and multiplied by its
    stride; negative ones count from the end."""


# ------------------------------------------------------------------ by mask or count: what returns something waits for it


def positions(mask):
    """A new int64 tensor: the flat positions in which a bool or uint8 tensor is not 0."""


def compress(x, mask):
    """A new 1-dim tensor: the elements of x where the mask of the same shape is not 0, in order."""


def masked_put(out, mask, src):
    """The elements of src, in order, go where the mask of out's shape is not 0; too few: _walk.too_few()."""


def interleave(counts):
    """A new int64 tensor: 0 counts[0] times (int64 or int32, 1-dim), 1 counts[1] times, ..."""


def coordinates(out, flat, sizes):
    """out (dimensions, n): the coordinates of flat positions, which ascend, in a tensor with two sizes or more."""


# ------------------------------------------------------------------ places known beforehand


def triangle(out, x, diagonal, lower):
    """(A batch of) matrices x, 0 above the diagonal (where `lower`) or below it."""


def triangle_indices(out, rows, columns, diagonal, lower):
    """out (2, n) = the rows and columns of all places of a matrix below (or above) a diagonal, with it, row by row."""


# ------------------------------------------------------------------

NAMES = tuple(
    name
    for name, f in globals().items()
    if inspect.isfunction(f) and f.__module__ == __name__ and not name.startswith("_")
)


def lacking(kind):
    """The module-level `__getattr__` of a device's module: says which primitive the devices of a kind lack."""

    def __getattr__(name):
        if name in NAMES:
            raise NotImplementedError(f"cygrad: the primitive '{name}' is not implemented on {kind} devices")
        raise AttributeError(f"module has no attribute '{name}'")

    return __getattr__
