"""Sequences: arange, range, linspace, logspace and eye, to the last bit of PyTorch's on the CPU.

Other devices have a primitive, `sequence`.
"""
import math
import warnings

from cpython.number cimport PyNumber_Index
from libc.math cimport fma, fmaf, pow, powf
from libc.stdint cimport int64_t, uint16_t

from cygrad._core cimport (
    BFLOAT16, BOOL, CDOUBLE, CFLOAT, DOUBLE, FLOAT, HALF, INT64, META, Tensor, default_dtype_code, device_object,
    raw_view, retyped_view)
from cygrad._core cimport new_tensor as make
from cygrad._ops cimport cast_kernel, copy_into, fill
from cygrad._creation.factories cimport (
    as_number, check_layout, deliver, device_option, dtype_option, filled, number_of, out_dtype, zeros_raw)
from cygrad import _core, _ops
from cygrad._creation import bridge as _bridge


cdef object finite_bounds(object start, object end, object step):
    if not step > 0 and not step < 0:
        raise RuntimeError("step must be nonzero")
    if not (math.isfinite(start) and math.isfinite(end)):
        raise RuntimeError(f"unsupported range: {start:g} -> {end:g}")
    if (step > 0 and end < start) or (step < 0 and end > start):
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")


cdef Tensor sequence(object start, object step, Py_ssize_t n, int dt, int dev, object end=None, object base=None):
    """The numbers of the primitive `sequence` in any dtype, on another device than the CPU."""
    cdef int real = dt - 2 if dt >= CFLOAT else dt
    cdef Tensor t = make(1, &n, real, dev)
    if n:
        _core.backend_of(dev).sequence(t, start, step, end, base)
    return <Tensor> _ops.to_dtype_device(t, dt, dev)


cdef Tensor progression(double start, double step, Py_ssize_t n, int dt, int dev):
    """start, start + step, ... in a floating dtype, computed in double."""
    if dev:
        return sequence(start, step, n, dt, dev)
    cdef Tensor t = make(1, &n, DOUBLE, 0)
    cdef double* p = <double*> t.storage.ptr
    cdef Py_ssize_t i
    for i in range(n):
        p[i] = start + step * i
    return <Tensor> _ops.to_dtype_device(t, dt, 0)


cdef float round16(float x, int dt) noexcept nogil:
    """The nearest number of a 16-bit dtype."""
    cdef uint16_t bits
    cast_kernel(dt, FLOAT)(1, <char*> &bits, 2, <const char*> &x, 4)
    cast_kernel(FLOAT, dt)(1, <char*> &x, 4, <const char*> &bits, 2)
    return x


cdef Tensor vector_progression(double start, double step, Py_ssize_t n, int dt, int dev):
    """start, start + step, ... with the last bits that PyTorch's vectors of 32 bytes give.

    The first element of a vector is computed from its index and rounded, the others by their distance from it; what is
    left after pairs of vectors is computed from the index alone.
    """
    if dev:
        return sequence(start, step, n, dt, dev)
    cdef int lanes = 4 if dt == DOUBLE else 8 if dt == FLOAT else 16, lane
    cdef Py_ssize_t i, whole = n - n % (2 * lanes)
    cdef Tensor t = make(1, &n, DOUBLE if dt == DOUBLE else FLOAT, 0)
    cdef double* d = <double*> t.storage.ptr
    cdef float* f = <float*> t.storage.ptr
    cdef double base
    cdef float near
    if dt < FLOAT:
        start, step = <float> start, <float> step
    for i in range(0, whole, lanes):
        base = fma(step, <double> i, start)
        if dt == DOUBLE:
            for lane in range(lanes):
                d[i + lane] = fma(step, <double> lane, base)
        else:
            near = <float> base if dt == FLOAT else round16(<float> base, dt)
            for lane in range(lanes):
                f[i + lane] = <float> (near + step * lane)
    for i in range(whole, n):
        base = fma(step, <double> i, start)
        if dt == DOUBLE:
            d[i] = base
        else:
            f[i] = <float> base
    return <Tensor> _ops.to_dtype_device(t, dt, 0)


cdef Tensor integer_progression(long long start, long long step, Py_ssize_t n, int dt, int dev):
    if dev:
        return sequence(start, step, n, dt, dev)
    cdef Tensor t = make(1, &n, INT64, 0)
    cdef int64_t* p = <int64_t*> t.storage.ptr
    cdef Py_ssize_t i
    for i in range(n):
        p[i] = start + step * i
    return <Tensor> _ops.to_dtype_device(t, dt, 0)


ARANGE_FORMS = "\n" + "".join(
    f" * ({form}, *, {{out}}torch.dtype dtype = None, torch.layout layout = None, torch.device device = None, bool "
    "pin_memory = False, bool requires_grad = False)\n".format(out=out)
    for form, out in (("Number end", "Tensor out = None, "), ("Number start, Number end", ""),
                      ("Number start, Number end, Number step = 1", "Tensor out = None, ")))


cdef dict given_names(object start, object end, object step):
    return {k: v for k, v in (("start", start), ("end", end), ("step", step)) if v is not None}


def arange(*args, start=None, end=None, step=None, out=None, dtype=None, layout=None, device=None, requires_grad=False,
           pin_memory=False):
    """start, start + step, ... below `end`: ceil((end - start) / step) elements.

    The dtype is torch.int64 if all arguments are integers, else the default dtype.
    """
    cdef Tensor t
    cdef int dt
    cdef Py_ssize_t given = len(args)
    if given == 1 and start is None and end is None and step is None:
        values = [0, args[0], 1]
    else:
        named = {"start": start, "end": end, "step": step}
        values = [0, None, 1]
        names = ("end",) if given == 1 and end is None and start is None else ("start", "end", "step")
        bad = given > 3
        for name, x in zip(names, args):
            bad = bad or named[name] is not None
            named[name] = x
        if bad or named["end"] is None or (step is not None and given == 0 and start is None):
            raise _bridge.combination_error("arange", args, given_names(start, end, step), ARANGE_FORMS)
        for i, name in enumerate(("start", "end", "step")):
            if named[name] is not None:
                values[i] = named[name]
    try:
        lo, hi, by = [x if isinstance(x, (int, float)) else number_of("arange", "end", 1, x) for x in values]
    except TypeError:
        options = {k: v for k, v in (("out", out), ("dtype", dtype), ("layout", layout), ("device", device))
                   if v is not None} | given_names(start, end, step)
        if given == 1 and not options:
            raise
        raise _bridge.combination_error("arange", args, options, ARANGE_FORMS) from None
    lo, hi, by = [_bridge.real_of(x, "double") if isinstance(x, complex) else x for x in (lo, hi, by)]
    check_layout("arange", layout)
    dt = INT64 if isinstance(lo, int) and isinstance(hi, int) and isinstance(by, int) else default_dtype_code()
    dt = dtype_option("arange", dtype, dt)
    if out is not None:
        dt = out_dtype(out, dtype, dt, dt)
    if dt == BOOL:
        raise NotImplementedError("\"arange_cpu\" not implemented for 'Bool'")
    if dt >= CFLOAT:
        raise NotImplementedError(f"\"arange_cpu\" not implemented for '{_core.SCALAR_TYPE_NAMES[dt]}'")
    t = arange_raw(lo, hi, by, dt, device_of("arange", out, device))
    return deliver("arange", out, t, requires_grad)


cdef int device_of(str function, object out, object device) except -1:
    """Where a result is made: where `out` is, or on the device of that name."""
    return (<Tensor> out).dev if isinstance(out, Tensor) else device_option(function, device)


cdef Tensor arange_raw(object lo, object hi, object by, int dt, int dev):
    cdef Py_ssize_t n
    finite_bounds(lo, hi, by)
    if dt == INT64:                     # counted exactly, in integers
        lo, hi, by = int(lo), int(hi), int(by)
        if by == 0:
            raise ValueError("step must be nonzero")
        if not all(-(1 << 63) <= x < 1 << 63 for x in (lo, hi, by)):
            raise OverflowError("int too big to convert")
        n = max(0, -((lo - hi) // by))
        return integer_progression(lo, by, n, INT64, dev)
    size = math.ceil((float(hi) - float(lo)) / float(by))
    if size >= 1 << 63:
        raise RuntimeError("invalid size, possible overflow?")
    n = size
    if dt < HALF:
        return integer_progression(int(lo), int(by), n, dt, dev)
    return vector_progression(lo, by, n, dt, dev)


def range_(start=0, end=None, step=1, *, out=None, dtype=None, layout=None, device=None, requires_grad=False,
           pin_memory=False):
    """start, start + step, ... up to and with `end`; deprecated in favour of arange."""
    cdef int dt
    cdef Py_ssize_t n
    if end is None:
        raise TypeError('range() missing 1 required positional arguments: "end"')
    warnings.warn("torch.range is deprecated and will be removed in a future release because its behavior is "
                  "inconsistent with Python's range builtin. Instead, use torch.arange, which produces values in "
                  "[start, end).", UserWarning, stacklevel=2)
    lo, hi, by = (number_of("range", name, i + 1, x)
                  for i, (name, x) in enumerate((("start", start), ("end", end), ("step", step))))
    dt = dtype_option("range", dtype, default_dtype_code())
    if out is not None:
        dt = out_dtype(out, dtype, dt, dt)
    finite_bounds(lo, hi, by)
    n = math.floor((hi - lo) / by) + 1
    dev = device_of("range", out, device)
    t = progression(lo, by, n, dt, dev) if dt >= HALF else integer_progression(int(lo), int(by), n, dt, dev)
    return deliver("range", out, t, requires_grad)


cdef object space_number(str function, str name, object x):
    if isinstance(x, Tensor) and (<Tensor> x).nd:
        raise RuntimeError(f"{function} only supports 0-dimensional start and end tensors, but got {name} with "
                           f"{(<Tensor> x).nd} dimension(s).")
    if isinstance(x, Tensor):
        # A meta tensor has no value; one of a subclass stands for values that are elsewhere.
        return 0.0 if (<Tensor> x).dev == META and type(x) is Tensor else _bridge.item(x)
    if isinstance(x, (int, float)):
        return x
    return as_number(x)


def _space_forms(base):
    forms = ("Tensor start, Tensor end", "Number start, Tensor end", "Tensor start, Number end",
             "Number start, Number end")
    return "\n" + "".join(
        f" * ({form}, int steps{base}, *, Tensor out = None, torch.dtype dtype = None, torch.layout layout = None, "
        "torch.device device = None, bool pin_memory = False, bool requires_grad = False)\n" for form in forms)


cdef tuple space_arguments(str function, object start, object end, object steps, str base, dict given):
    numbers = space_number(function, "start", start), space_number(function, "end", end)
    if None in numbers or isinstance(steps, (bool, float)) or not hasattr(steps, "__index__"):
        raise _bridge.combination_error(function, tuple(x for x in (start, end, steps) if x is not None), given,
                                        _space_forms(base))
    count = PyNumber_Index(steps)
    if count < 0:
        raise RuntimeError("number of steps must be non-negative")
    return (*numbers, count)


cdef Tensor of_parts(Tensor real, Tensor imag):
    """The complex numbers of two vectors of floats or doubles."""
    cdef Py_ssize_t n = real.count, step = 2
    cdef Tensor t = make(1, &n, real.dt + 2, real.dev)
    copy_into(retyped_view(t, real.dt, 1, &n, &step, 0), real)
    copy_into(retyped_view(t, real.dt, 1, &n, &step, 1), imag)
    return t


def linspace(start, end, steps=None, *, out=None, dtype=None, layout=None, device=None, requires_grad=False,
             pin_memory=False):
    """`steps` numbers evenly spaced from `start` to `end`, both included."""
    if isinstance(start, complex) or isinstance(end, complex):
        dtype = (dtype or _core.get_default_dtype()).to_complex()
        ends = complex(start), complex(end)
        device = device_object(device_of("linspace", out, device))
        parts = [linspace(*part, steps, dtype=dtype.to_real(), layout=layout, device=device)
                 for part in ([z.real for z in ends], [z.imag for z in ends])]
        return deliver("linspace", out, of_parts(parts[0], parts[1]), requires_grad)
    cdef int dt = dtype_option("linspace", dtype, default_dtype_code())
    lo, hi, n = space_arguments("linspace", start, end, steps, "", {})
    check_layout("linspace", layout)
    if out is not None:
        dt = out_dtype(out, dtype, dt, dt)
    if dt == BOOL and n > 1:
        raise NotImplementedError("\"linspace_cpu\" not implemented for 'Bool'")
    t = spaced(lo, hi, n, dt, 0, False, device_of("linspace", out, device))
    return deliver("linspace", out, t, requires_grad)


def logspace(start, end, steps=None, base=10.0, *, out=None, dtype=None, layout=None, device=None,
             requires_grad=False, pin_memory=False):
    """`steps` powers of `base`, whose exponents are evenly spaced from `start` to `end`, both included."""
    cdef int dt = dtype_option("logspace", dtype, default_dtype_code())
    lo, hi, n = space_arguments("logspace", start, end, steps, ", float base = 10.0", {})
    check_layout("logspace", layout)
    if out is not None:
        dt = out_dtype(out, dtype, dt, dt)
    if dt == BOOL and n > 1:
        raise NotImplementedError("\"logspace_cpu\" not implemented for 'Bool'")
    t = spaced(lo, hi, n, dt, base, True, device_of("logspace", out, device))
    return deliver("logspace", out, t, requires_grad)


cdef Tensor spaced(object start, object end, Py_ssize_t n, int dt, double base, bint powers, int dev):
    """Both halves are counted from their own end.

    Steps and elements are rounded as PyTorch rounds them: once in float32 and float64, at every operation in the 16-bit
    dtypes; integers are cut from float64, between ends cut first, and powers from float32.
    """
    cdef bint whole = BOOL < dt < HALF and not powers, wide = dt == DOUBLE or dt == CDOUBLE or whole
    cdef Tensor t
    cdef double* d
    cdef float* f
    if whole:
        start, end = [_bridge.item(filled(0, NULL, bound, dt, 0)) for bound in (start, end)]
    cdef double lo = start, hi = end, step = (hi - lo) / (n - 1) if n > 1 else 0
    cdef float flo = <float> lo, fhi = <float> hi, fstep, x
    cdef bint small = dt == HALF or dt == BFLOAT16
    cdef Py_ssize_t i, half = n // 2 if n > 1 else n
    if small:
        flo, fhi = round16(flo, dt), round16(fhi, dt)
        fstep = round16(round16(fhi - flo, dt) / round16(<float> (n - 1), dt), dt) if n > 1 else 0
    else:
        fstep = (fhi - flo) / <float> (n - 1) if n > 1 else 0
    if dev:
        bounds = (lo, step, hi) if wide else (<double> flo, <double> fstep, <double> fhi)
        return sequence(bounds[0], bounds[1], n, dt, dev, bounds[2], base if powers else None)
    t = make(1, &n, DOUBLE if wide else FLOAT, 0)
    d, f = <double*> t.storage.ptr, <float*> t.storage.ptr
    for i in range(n):
        if wide:
            d[i] = fma(step, <double> i, lo) if i < half else fma(-step, <double> (n - 1 - i), hi)
            if powers:
                d[i] = pow(base, d[i])
            continue
        if small:
            x = round16(fstep * round16(<float> (i if i < half else n - 1 - i), dt), dt)
            x = round16(flo + x if i < half else fhi - x, dt)
        else:
            x = fmaf(fstep, <float> i, flo) if i < half else fmaf(-fstep, <float> (n - 1 - i), fhi)
        f[i] = powf(<float> base, x) if powers else x
    return <Tensor> _ops.to_dtype_device(t, dt, 0)


def eye(n, m=None, *, out=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False):
    """Ones on the diagonal, zeros elsewhere; n by m, or n by n."""
    cdef Py_ssize_t[2] sizes
    cdef int dt = dtype_option("eye", dtype, default_dtype_code()), i
    cdef Py_ssize_t step, count
    cdef Tensor t
    for i, (name, x) in enumerate((("n", n), ("m", n if m is None else m))):
        if isinstance(x, (bool, float)) or not hasattr(x, "__index__"):
            raise TypeError(f"eye(): argument '{name}' (position {i + 1}) must be int, not {type(x).__name__}")
        sizes[i] = PyNumber_Index(x)
        if sizes[i] < 0:
            raise RuntimeError(f"{name} must be greater or equal to 0, got {sizes[i]}")
    check_layout("eye", layout)
    if out is not None:
        dt = out_dtype(out, dtype, dt, dt)
    t = zeros_raw(2, sizes, dt, device_of("eye", out, device))
    count, step = min(sizes[0], sizes[1]), sizes[1] + 1
    if count:
        fill(raw_view(t, 1, &count, &step, 0), 1)
    return deliver("eye", out, t, requires_grad)


FUNCTIONS = {"arange": arange, "range": range_, "linspace": linspace, "logspace": logspace, "eye": eye}
