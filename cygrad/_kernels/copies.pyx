"""Working memory: contiguous or widened copies of operands, and results in the dtype that was asked for.

The functions that make new tensors by shape take a device code (0: the CPU).
"""
from cygrad._core cimport HALF, BFLOAT16, FLOAT, MAX_DIMS, Tensor, new_tensor
from cygrad._ops cimport copy_into


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


cdef Tensor dense_copy(Tensor t):
    """A contiguous copy, outside the graph."""
    cdef Tensor r = new_tensor(t.nd, t.sizes, t.dt, t.dev)
    copy_into(r, t)
    return r


cdef int working_dtype(Tensor t) noexcept:
    """Half is computed in float."""
    return FLOAT if t.dt == HALF or t.dt == BFLOAT16 else t.dt


cdef Tensor back_to(Tensor r, int dt):
    """A result in the dtype of the operands."""
    cdef Tensor other
    if r.dt == dt:
        return r
    other = new_tensor(r.nd, r.sizes, dt, r.dev)
    copy_into(other, r)
    return other


cdef Tensor work_on(Tensor out):
    """Where a kernel writes `out`: `out` itself, or a float tensor in place of a half one (see settle)."""
    return new_tensor(out.nd, out.sizes, FLOAT, out.dev) if out.dt == HALF or out.dt == BFLOAT16 else out


cdef int settle(Tensor out, Tensor r) except -1:
    """Rounds what was worked on in place of `out`."""
    if r is not out:
        copy_into(out, r)
    return 0


cdef Tensor like(Tensor t, int dt):
    return new_tensor(t.nd, t.sizes, dt, t.dev)


cdef Tensor vector(Py_ssize_t n, int dt, int dev=0):
    return new_tensor(1, &n, dt, dev)


cdef Tensor shaped(tuple shape, int dt, int dev=0):
    cdef Py_ssize_t[MAX_DIMS] sizes
    cdef int i
    for i in range(len(shape)):
        sizes[i] = shape[i]
    return new_tensor(<int> len(shape), sizes, dt, dev)
