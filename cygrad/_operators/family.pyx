"""What the compiled operators share: checks of arguments, and the `out=` argument."""
from cygrad import _core
from cygrad._core cimport (
    CFLOAT, HALF, MAX_DIMS, Tensor, empty_strided_like, grad_enabled, grad_required, new_tensor, raw_view)
from cygrad._creation.bridge cimport (
    CHANNELS_LAST, CHANNELS_LAST_3D, CONTIGUOUS, channels_last_strides, copy_as, fits)
from cygrad._ops cimport SAME_DTYPE, copy_into, different_devices, store


cdef int one_device(str name, Tensor a, Tensor b=None, Tensor c=None) except -1:
    """The device code of the operands, which are all on one device."""
    cdef int dev = a.dev
    if (b is None or b.dev == dev) and (c is None or c.dev == dev):
        return dev
    raise different_devices(name, dev, b.dev if b is not None and b.dev != dev else c.dev)


cdef bint wants(Tensor t):
    return t is not None and grad_enabled() and t.dt >= HALF and grad_required(t)


cdef int need_floating(Tensor x, str kernel) except -1:
    if not HALF <= x.dt < CFLOAT:
        raise NotImplementedError(f'"{kernel}" not implemented for \'{_core.SCALAR_TYPE_NAMES[x.dt]}\'')
    return 0


cpdef object deliver(object out, Tensor result, str name=""):
    """`result`, written to `out`, which has to have its dtype, where the caller gave one."""
    return store(name, out, result, SAME_DTYPE)


cdef int format_of(Tensor t) noexcept:
    """The memory format that `t` asks of what is made of it: channels last where its channels lie nearest and its
    batches farthest, whatever the gaps."""
    cdef Py_ssize_t span = 0
    cdef int k, i
    if t.nd != 4 and t.nd != 5 or t.count == 0 or t.strides[1] == 0:
        return CONTIGUOUS
    for k in range(t.nd):
        i = 1 if k == 0 else t.nd - k if k < t.nd - 1 else 0
        if t.strides[i] < span or (i == 0 and span == t.strides[1]):    # all of size 1 says nothing
            return CONTIGUOUS
        span = t.strides[i] * t.sizes[i]
    return CHANNELS_LAST if t.nd == 4 else CHANNELS_LAST_3D


cdef Tensor in_format(Tensor y, int format):
    """The elements of `y` in a memory format, outside the graph."""
    cdef Tensor r
    if format == CONTIGUOUS or y.nd != format + 2:
        return y
    r = new_in_format(y.nd, y.sizes, y.dt, y.dev, format)
    copy_into(r, y)
    return r


cdef Tensor as_rows(Tensor t):
    """The matrix (everything else, channels) that a tensor is in memory if it is channels last without gaps, outside
    the graph; None if it is not."""
    cdef int format = format_of(t)
    return None if format == CONTIGUOUS or not fits(t, format) else as_matrix(t)


cdef Tensor as_matrix(Tensor t):
    """`as_rows` of a tensor that is known to be channels last without gaps."""
    cdef Py_ssize_t[2] sizes
    cdef Py_ssize_t[2] strides
    sizes[0], sizes[1] = t.count // t.sizes[1], t.sizes[1]
    strides[0], strides[1] = t.sizes[1], 1
    return raw_view(t, 2, sizes, strides, t.offset)


cdef Tensor new_in_format(int nd, const Py_ssize_t* sizes, int dt, int dev, int format):
    cdef Py_ssize_t[MAX_DIMS] strides
    if format == CONTIGUOUS:
        return new_tensor(nd, sizes, dt, dev)
    channels_last_strides(nd, sizes, format, strides)
    return empty_strided_like(nd, sizes, strides, dt, dev)


cdef Tensor laid_as(Tensor y, Tensor x):
    """`y`, which is contiguous, in the memory format that `x` asks for."""
    return in_format(y, format_of(x))


def kept_format(Tensor y not None, Tensor x not None):
    """A recorded copy of `y` in the memory format that `x` asks for, `y` itself where it has it."""
    cdef int format = format_of(x)
    if format == CONTIGUOUS or y.nd != format + 2 or format_of(y) == format:
        return y
    return copy_as(y, y.dt, y.dev, format, "CloneBackward0")


def channels_lie_last(Tensor x not None):
    """Whether `x` asks for a channels-last format of what is made of it."""
    return format_of(x) != CONTIGUOUS
