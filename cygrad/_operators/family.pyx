"""What the compiled families share: checks of arguments, working copies, and the `out=` argument."""
from cygrad import _core
from cygrad._core cimport CFLOAT, HALF, BFLOAT16, FLOAT, MAX_DIMS, Tensor, grad_enabled, grad_required, new_tensor
from cygrad._core cimport refuse_complex
from cygrad._ops cimport copy_into

C_TYPE_NAMES = ("bool", "unsigned char", "signed char", "short int", "int", "long int", "c10::Half", "c10::BFloat16",
                "float", "double", "c10::complex<float>", "c10::complex<double>")


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


cdef int need_real_cpu(str name, Tensor a, Tensor b=None, Tensor c=None) except -1:
    """need_cpu, of real numbers."""
    need_cpu(name, a, b, c)
    refuse_complex(name, a)
    if b is not None:
        refuse_complex(name, b)
    if c is not None:
        refuse_complex(name, c)
    return 0


cdef Tensor plain(Tensor t):
    """The elements of `t` in row-major order, outside the graph."""
    cdef Tensor r
    if t.contiguous:
        return t
    r = new_tensor(t.nd, t.sizes, t.dt, t.dev)
    copy_into(r, t)
    return r


cdef Tensor as_float(Tensor t, int dt):
    """`t` in another dtype, contiguous, outside the graph; `t` itself where it is that already."""
    cdef Tensor r
    if t.dt == dt:
        return plain(t)
    r = new_tensor(t.nd, t.sizes, dt, t.dev)
    copy_into(r, t)
    return r


cdef bint wants(Tensor t):
    return t is not None and grad_enabled() and t.dt >= HALF and grad_required(t)


cdef int working_dtype(Tensor t) noexcept:
    """Half is computed in float."""
    return FLOAT if t.dt == HALF or t.dt == BFLOAT16 else t.dt


cdef Tensor back_to(Tensor r, int dt):
    """A result in the dtype of the operands."""
    cdef Tensor other
    if r.dt == dt:
        return r
    other = new_tensor(r.nd, r.sizes, dt, 0)
    copy_into(other, r)
    return other


cdef Tensor like(Tensor t, int dt):
    return new_tensor(t.nd, t.sizes, dt, 0)


cdef Tensor vector(Py_ssize_t n, int dt):
    return new_tensor(1, &n, dt, 0)


cdef Tensor shaped(tuple shape, int dt):
    cdef Py_ssize_t[MAX_DIMS] sizes
    cdef int i
    for i in range(len(shape)):
        sizes[i] = shape[i]
    return new_tensor(<int> len(shape), sizes, dt, 0)


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
        raise RuntimeError(f"Expected out tensor to have dtype {C_TYPE_NAMES[result.dt]}, but got "
                           f"{C_TYPE_NAMES[o.dt]} instead")
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
