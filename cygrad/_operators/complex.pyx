"""Complex numbers and their parts: views as real numbers, conjugates, and tensors made of two parts.

PyTorch defers a conjugate and marks the tensor; here it is computed at once, so that `is_conj` is always False and no
kernel has to ask.
"""
from cygrad._core cimport (
    BFLOAT16, CFLOAT, FLOAT, DOUBLE, HALF, MAX_DIMS, Tensor, attach, is_complex_code, retyped_view,
    shallow)
from cygrad._operators.family cimport one_device
from cygrad._ops cimport SAME_DTYPE, broadcast_shapes_of, contiguous, copy_into, new_like_operands, store, sum_to
from cygrad._walk cimport select_of
from cygrad import _core, _ops
from cygrad._operators import shape as _shape


cdef Tensor checked(str function, object x):
    if not isinstance(x, Tensor):
        raise TypeError(f"{function}(): argument 'input' (position 1) must be Tensor, not {type(x).__name__}")
    return <Tensor> x


# ------------------------------------------------------------------ views

def _view_as_real_backward(node, g):
    return view_as_complex(contiguous(g))


def view_as_real(input):
    """The real and imaginary parts as a last dimension of size 2, without a copy."""
    cdef Py_ssize_t[MAX_DIMS] sizes
    cdef Py_ssize_t[MAX_DIMS] strides
    cdef Tensor t = checked("view_as_real", input)
    cdef int i
    if not is_complex_code(t.dt):
        raise RuntimeError("view_as_real is only supported for complex tensors")
    if t.nd == MAX_DIMS:
        raise RuntimeError(f"tensors with more than {MAX_DIMS} dimensions are not supported")
    for i in range(t.nd):
        sizes[i], strides[i] = t.sizes[i], 2 * t.strides[i]
    sizes[t.nd], strides[t.nd] = 2, 1
    r = retyped_view(t, t.dt - 2, t.nd + 1, sizes, strides, 2 * t.offset)
    return attach(r, "ViewAsRealBackward0", (t,), _view_as_real_backward, None, ())


def _view_as_complex_backward(node, g):
    return view_as_real(g)


def view_as_complex(input):
    """Pairs of numbers in a last dimension of size 2 as complex numbers, without a copy."""
    cdef Py_ssize_t[MAX_DIMS] sizes
    cdef Py_ssize_t[MAX_DIMS] strides
    cdef Tensor t = checked("view_as_complex", input)
    cdef int i
    if not HALF <= t.dt < CFLOAT or t.dt == BFLOAT16:
        raise RuntimeError("view_as_complex is only supported for half, float and double tensors, but got a tensor of "
                           f"scalar type: {_core.SCALAR_TYPE_NAMES[t.dt]}")
    if t.dt == HALF:
        raise _core.no_complex32()
    if t.nd == 0:
        raise RuntimeError("Input tensor must have one or more dimensions")
    if t.sizes[t.nd - 1] != 2:
        raise RuntimeError("Tensor must have a last dimension of size 2")
    if t.strides[t.nd - 1] != 1:
        raise RuntimeError("Tensor must have a last dimension with stride 1")
    for i in range(t.nd - 1):
        if t.strides[i] % 2 and t.sizes[i] != 1:
            raise RuntimeError("Tensor must have a stride divisible by 2 for all but last dimension")
        sizes[i], strides[i] = t.sizes[i], t.strides[i] // 2
    if t.offset % 2:
        raise RuntimeError("Tensor must have a storage_offset divisible by 2")
    r = retyped_view(t, t.dt + 2, t.nd - 1, sizes, strides, t.offset // 2)
    return attach(r, "ViewAsComplexBackward0", (t,), _view_as_complex_backward, None, ())


def real(input):
    """The real part of a complex tensor, as a view; a real tensor itself."""
    cdef Tensor t = checked("real", input)
    return select_of(view_as_real(t), t.nd, 0) if is_complex_code(t.dt) else t


def imag(input):
    """The imaginary part of a complex tensor, as a view."""
    cdef Tensor t = checked("imag", input)
    if not is_complex_code(t.dt):
        raise RuntimeError("imag is not implemented for tensors with non-complex dtypes.")
    return select_of(view_as_real(t), t.nd, 1)


cdef object put(Tensor part, object value):
    return part.copy_(value) if isinstance(value, Tensor) else part.fill_(value)


def set_real(Tensor self not None, value):
    put(real(self), value)


def set_imag(Tensor self not None, value):
    put(imag(self), value)


def conj(input):
    """The complex conjugate, as a copy (PyTorch defers it); a real tensor itself."""
    cdef Tensor t = checked("conj", input)
    return _ops.call(_ops.OPS["_conj"], (t,)) if is_complex_code(t.dt) else t


def parts_gradient(g, base_shape, base_stride, shape, stride, offset, complex_base):
    """as_strided_gradient where base and view are a complex tensor and a real one; the region counts real numbers."""
    if not complex_base:
        return _shape.as_strided_gradient(view_as_real(g), base_shape, base_stride, shape, stride, offset)
    parts = _shape.as_strided_gradient(g, (*base_shape, 2), (*[2 * s for s in base_stride], 1), shape, stride, offset)
    return view_as_complex(parts)


def parts_region(Tensor base not None, shape, stride, offset):
    """view_region likewise."""
    if is_complex_code(base.dt):
        return _shape.view_region(view_as_real(base), shape, stride, offset)
    return view_as_complex(_shape.view_region(base, shape, stride, offset))


_core.set_parts_functions(parts_gradient, parts_region)


def conj_physical(input, *, out=None):
    """The complex conjugate; a real tensor itself."""
    cdef Tensor t = checked("conj_physical", input)
    if is_complex_code(t.dt):
        return _ops.call(_ops.OPS["_conj_physical"], (t,), None, out)
    return t if out is None else store("conj_physical", out, t, SAME_DTYPE)


def conj_physical_(input):
    """conj_physical in place."""
    cdef Tensor t = checked("conj_physical_", input)
    return _ops.call_(_ops.OPS["_conj_physical"], t) if is_complex_code(t.dt) else t


def resolve_conj(input):
    """The tensor itself: conjugates are computed at once."""
    return checked("resolve_conj", input)


def is_conj(input):
    """False: conjugates are computed at once."""
    checked("is_conj", input)
    return False


def adjoint(Tensor self not None):
    if self.nd < 2:
        raise RuntimeError(f"tensor.adjoint() is only supported on matrices or batches of matrices. Got {self.nd}-D "
                           "tensor.")
    return conj(_shape.transpose(self, -2, -1))


def H(Tensor self not None):
    """The conjugate transpose of a matrix."""
    if self.nd != 0 and self.nd != 2:
        raise RuntimeError(f"tensor.H is only supported on matrices (2-D tensors). Got {self.nd}-D tensor.")
    return conj(_shape.numpy_T(self))


def mH(Tensor self not None):
    """The conjugate transpose of the last two dimensions."""
    if self.nd < 2:
        raise RuntimeError(f"tensor.mH is only supported on matrices or batches of matrices. Got {self.nd}-D tensor.")
    return conj(_shape.transpose(self, -2, -1))


# ------------------------------------------------------------------ of two parts

cdef int check_parts(Tensor a, Tensor b) except -1:
    names = _core.SCALAR_TYPE_NAMES
    if a.dt not in (HALF, FLOAT, DOUBLE) or b.dt not in (HALF, FLOAT, DOUBLE):
        raise RuntimeError(f"Expected both inputs to be Half, Float or Double tensors but got {names[a.dt]} and "
                           f"{names[b.dt]}")
    if a.dt != b.dt:
        raise RuntimeError(f"Expected object of scalar type {names[a.dt]} but got scalar type {names[b.dt]} for "
                           "second argument")
    if a.dt == HALF:
        raise _core.no_complex32()
    return 0


def _complex_backward(node, g):
    node.saved()                # PyTorch's node keeps both parts, which are to be what they were
    shapes = node.args
    return tuple([sum_to(part(g), shape) if node.needs(i) else None
                  for i, (part, shape) in enumerate(zip((real, imag), shapes))])


def complex_(real, imag, *, out=None):
    """real + imag * 1j of two floating tensors of one dtype, which broadcast."""
    cdef Tensor a = checked("complex", real), b = checked("complex", imag), r
    cdef Py_ssize_t[MAX_DIMS] sizes
    cdef int i
    check_parts(a, b)
    one_device("complex", a, b)
    shape = broadcast_shapes_of((a, b))
    for i in range(len(shape)):
        sizes[i] = shape[i]
    r = new_like_operands(<int> len(shape), sizes, (a, b), a.dt + 2, a.dev)
    parts = view_as_real(shallow(r))
    copy_into(select_of(parts, r.nd, 0), a.expand(shape))
    copy_into(select_of(parts, r.nd, 1), b.expand(shape))
    r = attach(r, "ComplexBackward0", (a, b), _complex_backward, (a, b), (a.shape, b.shape))
    return r if out is None else deliver("complex", out, r)


cdef object deliver(str function, object out, Tensor r):
    if out.dtype is not r.dtype:
        raise RuntimeError(f"Expected object of scalar type {_core.SCALAR_TYPE_NAMES[r.dt]} but got scalar type "
                           f"{_core.SCALAR_TYPE_NAMES[(<Tensor?> out).dt]} for argument 'out'")
    return out.resize_(r.shape).copy_(r)


def polar(abs, angle, *, out=None):
    """abs * exp(1j * angle) of two floating tensors of one dtype, which broadcast."""
    cdef Tensor a = checked("polar", abs), b = checked("polar", angle)
    check_parts(a, b)
    return complex_(a * b.cos(), a * b.sin(), out=out)


FUNCTIONS = {f.__name__: f for f in (
    view_as_real, view_as_complex, real, imag, conj, conj_physical, conj_physical_, resolve_conj, is_conj, adjoint,
    polar)}
FUNCTIONS |= {"complex": complex_, "resolve_neg": resolve_conj, "is_neg": is_conj}
METHODS = {f.__name__: f for f in (conj, conj_physical, conj_physical_, resolve_conj, is_conj, adjoint)}
METHODS |= {"resolve_neg": resolve_conj, "is_neg": is_conj}
PROPERTIES = {"H": H, "mH": mH, "real": property(real, set_real), "imag": property(imag, set_imag)}
