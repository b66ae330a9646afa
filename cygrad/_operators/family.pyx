"""What the compiled operators share: checks of arguments, and the `out=` argument."""
from cygrad import _core
from cygrad._core cimport CFLOAT, HALF, Tensor, grad_enabled, grad_required
from cygrad._core cimport refuse_complex
from cygrad._ops cimport copy_into, different_devices


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


cpdef object deliver(object out, Tensor result):
    """`result`, written to `out` where the caller gave one."""
    cdef Tensor o
    if out is None:
        return result
    if not isinstance(out, Tensor):
        raise TypeError(f"argument 'out' must be Tensor, not {type(out).__name__}")
    o = <Tensor> out
    if o.dt != result.dt:
        raise RuntimeError(f"Expected out tensor to have dtype {_core.C_TYPE_NAMES[result.dt]}, but got "
                           f"{_core.C_TYPE_NAMES[o.dt]} instead")
    if wants(o) or wants(result):
        raise RuntimeError("out=... arguments don't support automatic differentiation, but one of the arguments "
                           "requires grad.")
    if o.shape != result.shape:
        if o.count:
            import warnings
            warnings.warn(
                f"An output with one or more elements was resized since it had shape {list(o.shape)}, which does not "
                f"match the required output shape {list(result.shape)}. This behavior is deprecated, and in a future "
                "PyTorch release outputs will not be resized unless they have zero elements. You can explicitly reuse "
                "an out tensor t by resizing it, inplace, to zero elements with t.resize_(0).", UserWarning,
                stacklevel=3)
        o.resize_(result.shape)
    copy_into(o, result)
    o.storage.version += 1
    return o
