"""What the compiled operators share: checks of arguments, and the `out=` argument."""
from cygrad import _core
from cygrad._core cimport CFLOAT, HALF, Tensor, grad_enabled, grad_required
from cygrad._ops cimport SAME_DTYPE, different_devices, store


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
