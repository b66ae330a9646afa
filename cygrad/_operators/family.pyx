"""What the compiled operators share: checks of arguments, and the `out=` argument."""
from cygrad import _core
from cygrad._core cimport CFLOAT, HALF, Tensor, grad_enabled, grad_required
from cygrad._core cimport refuse_complex
from cygrad._ops cimport SAME_DTYPE, different_devices, store


cdef int need_cpu(str name, Tensor a, Tensor b=None, Tensor c=None) except -1:
    """Refuses tensors that are not in host memory: this family has CPU kernels only."""
    cdef Tensor t = a
    if a.dev == 0 and (b is None or b.dev == 0) and (c is None or c.dev == 0):
        return 0
    if b is not None and b.dev != 0:
        t = b
    if c is not None and c.dev != 0:
        t = c
    raise NotImplementedError(f"{name} on device '{t.device}' is not implemented yet")


cdef int one_device(str name, Tensor a, Tensor b=None, Tensor c=None) except -1:
    """The device code of the operands, which are all on one device."""
    cdef int dev = a.dev
    if (b is None or b.dev == dev) and (c is None or c.dev == dev):
        return dev
    raise different_devices(name, dev, b.dev if b is not None and b.dev != dev else c.dev)


cdef int need_real_cpu(str name, Tensor a, Tensor b=None, Tensor c=None) except -1:
    """need_cpu, of real numbers."""
    need_cpu(name, a, b, c)
    refuse_complex(name, a)
    if b is not None:
        refuse_complex(name, b)
    if c is not None:
        refuse_complex(name, c)
    return 0


cdef bint wants(Tensor t):
    return t is not None and grad_enabled() and t.dt >= HALF and grad_required(t)


cdef int need_floating(Tensor x, str kernel) except -1:
    if not HALF <= x.dt < CFLOAT:
        raise NotImplementedError(f'"{kernel}" not implemented for \'{_core.SCALAR_TYPE_NAMES[x.dt]}\'')
    return 0


cpdef object deliver(object out, Tensor result, str name=""):
    """`result`, written to `out`, which has to have its dtype, where the caller gave one."""
    return store(name, out, result, SAME_DTYPE)
