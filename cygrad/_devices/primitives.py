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
    """out = a where cond (bool) else b; a and b are tensors or Python numbers."""


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


# ------------------------------------------------------------------ convolutions
#
# In one to three dimensions, after (images, channels): x (n, c, size...), weight (o, c / groups, kernel...) and
# y (n, o, pixels...), which is as large as stride, padding and dilation (tuples, padding alike at both ends) say, or as
# the transposed convolution's output padding lets it be.  x and y may have no elements.  Real dtypes; integers are
# exact where the sums fit into 53 bits.


def convolve(out, x, weight, bias, stride, padding, dilation, groups):
    """out = y[n, o, p] = bias[o] + sum over c and k of weight[o, c, k] * x[n, c, p * stride + k * dilation - padding]:
    the cross-correlation; outside of x there are zeros.  bias (o) may be None."""


def convolve_input(out, y, weight, bias, stride, padding, dilation, groups):
    """out = x, the adjoint of `convolve` in x: each y[n, o, p] * weight[o, c, k] added to where it was read; plus
    bias (c), or None.  This is the transposed convolution."""


def convolve_weight(out, x, y, stride, padding, dilation, groups):
    """out = weight, the adjoint of `convolve` in the weight: the sums over images and pixels of x times y."""


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
