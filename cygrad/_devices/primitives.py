"""The primitives: what a device does for the operators.  Each stands here once, with its contract, and once a device.

An operator (`_operators`, `_ops`, `_reduce`, ...) checks arguments, finds dtypes and shapes, allocates the results, and
records the gradient; then it calls one of these, by `_core.backend_of(dev)`, or on the CPU as a direct C call.  A
primitive gets tensors and fills tensors: bytes in, bytes out.  Unless its text says otherwise

* operands and results are on one device; results are contiguous and not empty, operands have any strides, and have
  been expanded to the shapes that are named;
* all have one dtype; half types are computed in float32 and rounded once, at the end;
* nothing is recorded, no version counter moves, nothing is returned;
* what does not depend on the data has been checked; indices out of range are for the primitive to find.

Devices: `_kernels` by way of `cpu.py` (the CPU), `cygrad/cl` (OpenCL), `meta.py` (shapes without memory).  A device
that lacks a primitive raises NotImplementedError with its name (`lacking`).
"""

import types

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
    """Row `name` (or a gradient such as "sigmoid.da") in dtype code `compute`, stored as out's dtype.

    Operands have out's shape and any dtype, or are Python numbers; `params` are the row's, None for a default.  `out`
    may be strided."""


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
    """out = x (rows, k) @ weight (n, k).T + bias (n), which may be None; out has rows * n elements; k may be 0.
    float32, float64 or complex."""


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


def require(condition, error):
    """Where `condition` (bool, of one element) is not true, _walk.out_of_range(error, 0, 0, 0) is raised, at the latest
    where the host waits.  Another's than the CPU's, where one looks."""


def linear_index(out, x, dims, indices):
    """out (int64) = the sum of the indices (of out's shape), each checked for its dimension of x and multiplied by its
    stride; negative ones count from the end."""


# ------------------------------------------------------------------ by mask or count: what returns something waits


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


def sequence(out, start, step, end, base):
    """out[i] = start + step * i of n elements, from Python numbers: integers if out's dtype is one and start and step
    are.  Where end is not None, the second half counts back from it: end - step * (n - 1 - i).  Where base is not None,
    its powers.  Another than the CPU's, which has these in _creation/sequences.pyx."""


def triangle(out, x, diagonal, lower):
    """(A batch of) matrices x, 0 above the diagonal (where `lower`) or below it."""


def triangle_indices(out, rows, columns, diagonal, lower):
    """out (2, n) = the rows and columns of all places of a matrix below (or above) a diagonal, with it, row by row."""


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


# ------------------------------------------------------------------ order
# Every dtype has one order: NaN last, -0 equal to 0.  Complex numbers have none.


def sort(values, indices, x, dim, descending):
    """x sorted stably along `dim`, into `values` (None: not wanted) and `indices` (int64, places along dim)."""


def choose(name, values, indices, x, dim, k, largest):
    """Elements of x along `dim`, whose results have size k there for "topk" (the largest or smallest, in order), else
    1: "kthvalue" (the k-th smallest, from 0), "median" (the lower of two; the first NaN), "nanmedian", "mode" (the
    smallest of the most frequent, the last place it is at).  Of equal ones the first; on the CPU that which PyTorch
    chooses (its two primitives take one argument more, whether `sort` is stable and whether "topk" is in order)."""


def order_rows(order, x):
    """order (n) int64: the stable order of the rows of x (n, m), compared from the first column on."""


def runs(group, x, order, nan_equal):
    """group (n) int64: the number of the run of equal rows, from 0, that row order[i] of x (n, m) is in (order None:
    row i).  Returns how many runs there are.  NaN equals NaN if nan_equal, or where m > 1."""


def run_places(first, inverse, counts, group, order):
    """Of `runs`: first (runs) is the place i where each begins, counts (runs) its length; inverse[order[i]] =
    group[i]."""


def search(out, bounds, values, sorter, right):
    """out int64, of values' shape: the first place in sorted `bounds` (n), or in the row of bounds (..., n) that a
    value is in, with an element not less (right: greater) than it; sorter (None or int64, of bounds' shape) sorts
    bounds."""


def bincount(out, x):
    """out (bins) int64: how often each number 0 .. bins - 1 is in x (int64)."""


def histc(out, x, low, high):
    """out (bins): how many elements of x (float32 or float64) lie in each of equal bins from low to high, which both
    count."""


# ------------------------------------------------------------------ running operators


def scan(name, out, indices, x, dim):
    """out, of x's shape and dtype: "cumsum", "cumprod", "logcumsumexp", "cummax" or "cummin" along `dim`; half types
    are joined in float32.  indices (int64; extremes only): the last place of equal ones; NaN stays."""


# ------------------------------------------------------------------ random numbers
# The CPU's are in _kernels/random.pyx, on raw memory.


def generator(dev=None, seed=None):
    """A new stream of random numbers, or the default one of a device, which begins at `seed`.  It has `seed`, `offset`,
    start(seed), set_offset, state_bytes and set_state_bytes."""


def random(name, out, generator, params):
    """Fills `out` from a stream: "uniform" (from, to), "normal" (mean, std), "log_normal" (mean, std), "bernoulli" (p),
    "exponential" (rate), "cauchy" (median, sigma), "geometric" (p), "integers" (the least, how many, whether they are
    drawn from two words each)."""


def random_of(name, out, generator, operands):
    """out[i] drawn by operands of out's shape: "bernoulli" (float32 chances), "poisson" (rates), "standard_gamma"
    (shapes), "binomial" (trials, chances)."""


def randperm(out, generator):
    """out (n) = a permutation of 0 .. n - 1."""


def dropout(out, mask, x, generator, p):
    """mask (bool) = 1 with probability 1 - p, else 0; out = x * mask / (1 - p).  All contiguous."""


def gamma_gradients(out, alpha, sample):
    """How gamma samples move with their shapes, see _operators/gamma.pyx; float32 or float64."""


def dirichlet_gradients(out, sample, alpha, total):
    """What `dirichlet_gradients` of _operators/gamma.pyx says."""


# ------------------------------------------------------------------ softmax and losses of classes


def softmax(out, x, dim, log):
    """out = softmax(x) over `dim`, or its logarithm."""


def softmax_gradient(out, y, g, dim, log):
    """The gradient of x by that of y = softmax(x) (or its logarithm)."""


def cross_entropy(out, p, divisor, x, target, weight, ignore_index, reduction):
    """-log softmax(x)[target] * weight[target] of x (rows, classes) or (classes), whose target is contiguous int64;
    0 where the target is ignore_index, else IndexError where it is no class.  reduction 0: out has target's shape;
    1: out is the mean, the sum over `divisor`, which gets the sum of the weights of targets that count; 2: the sum.
    p (x's shape; None) becomes softmax(x).  weight (classes) may be None; p and divisor are never half.  Targets may
    be none where out is one number."""


def cross_entropy_gradient(out, p, target, weight, g, divisor, ignore_index):
    """out = weight[target] * g / divisor * (p - 1 at the target); g has target's shape or none; divisor or None: 1."""


def nll(out, divisor, x, target, weight, ignore_index, reduction):
    """As cross_entropy, of -x[target] alone; x may be (n, classes, ...) with target (n, ...)."""


def nll_gradient(out, target, weight, g, divisor, ignore_index):
    """out (of x's shape) = -weight[target] * g / divisor at the targets, else 0."""


# ------------------------------------------------------------------ normalisation


def normalize(out, mean, rstd, x, weight, bias, groups, span, eps):
    """Rows of x, as many as mean has elements: mean, rstd = 1 / sqrt(var + eps), out = (x - mean) * rstd * weight +
    bias.  weight and bias (or None, float or out's dtype) have an element for every `span` of a row, and those of
    `groups` rows after each other; then they start again.  mean and rstd are never half."""


def normalize_gradient(dx, dw, db, x, g, weight, mean, rstd, groups, span):
    """The gradients of x, weight and bias in normalize, those that are not None."""


def batch_norm(out, mean, rstd, x, weight, bias, running_mean, running_var, training, momentum, eps):
    """out = (x - mean) * rstd * weight + bias per channel (dimension 1).  In training mean and variance are x's, and
    the running ones (or None) move towards them by `momentum` (the variance unbiased); else they are the running
    ones."""


def batch_norm_gradient(dx, dw, db, x, g, weight, mean, rstd, training):
    """The gradients of x, weight and bias in batch_norm, those that are not None."""


# ------------------------------------------------------------------ pooling


def pool_max(out, indices, x, windows):
    """The maximum of each window (`_kernels.pool.Windows`) of each plane, and its place in the plane (int64): the last
    NaN, else the first of equals.  A window that is all padding gives the dtype's least value and the place where its
    first element would be in a longer plane."""


def pool_max_gradient(out, g, indices, windows):
    """Each element of a plane gets the sum of g over the windows that it is the maximum of."""


def pool_average(out, x, windows):
    """The sum over each window over what `windows` says."""


def pool_average_gradient(out, g, windows):
    """Each element of a plane gets its share of g from the windows that it is in."""


# ------------------------------------------------------------------ distances


def distances(out, a, b, p):
    """out (..., P, R) = the p-norms of the differences of the rows of a (..., P, M) and b (..., R, M)."""


def distances_gradient(out, a, b, dist, g, p):
    """The gradient of a by that of dist; p is neither 0 nor 2."""


# ------------------------------------------------------------------ optimizers


def optimizer_step(kind, param, grad, moments, constants):
    """One step of formula `kind` of `_kernels/optim_steps.h`, in place: up to three moments (tensors or None) and the
    constants k[0], k[1], ... of it.  All float32 or all float64, contiguous, of one size."""


# ------------------------------------------------------------------

NAMES = tuple(
    name
    for name, f in globals().items()
    if isinstance(f, types.FunctionType)
)


def lacking(kind):
    """The module-level `__getattr__` of a device's module: says which primitive the devices of a kind lack."""

    def __getattr__(name):
        if name in NAMES:
            raise NotImplementedError(f"cygrad: the primitive '{name}' is not implemented on {kind} devices")
        raise AttributeError(f"module has no attribute '{name}'")

    return __getattr__
