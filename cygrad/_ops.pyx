"""The executor: broadcasting, promotion, strips over threads, and the operators made from the table.

Design
------
* A `Plan` is the one place that knows about shapes: operands are given the output's shape with stride 0 where they
  are broadcast, dimensions are ordered by the output's strides and merged where they can be, and what remains is
  an inner run that a C strip does and an outer index that is walked.
* Types are the walker's business too.  An operand that does not have the compute type is converted in blocks of
  BLOCK elements on the stack, so an int tensor plus a float one, or any half tensor, makes no temporary.
* The same strips compute gradients: a row's gradient text is one more operator over g, a, b, c and y, fused.  Under
  `create_graph` the very text is evaluated on tensors instead, so that it can be differentiated again.
* Small work runs on the caller's thread; above GRAIN elements the index range is cut into one part per thread.  With
  one thread no OpenMP region is ever entered, which is what a forked worker needs.

Longer than 800 lines: Plan, promotion and the nodes of the rows are one path, which every operator takes.
"""
cimport cython
from cython.parallel cimport prange
from libc.math cimport HUGE_VAL
from libc.string cimport memcpy, memset, strcmp

from cygrad._core cimport (
    BOOL, UINT8, INT8, INT16, INT64, HALF, BFLOAT16, FLOAT, DOUBLE, CFLOAT, CDOUBLE, CHALF, MAX_DIMS, N_DTYPES,
    complex_of, Tensor, Node, SavedTensor, dtype, new_tensor, empty_strided_like, raw_view,
    shallow, data_of, itemsize_of, grad_enabled, grad_required, set_history, check_inplace, bump, rebase, save_input,
    save_output, node_type, same_shape, make_size, default_dtype_code, dtype_object, attach)
from cygrad._threads cimport Region, close_region, end_part, num_threads, open_region
from cygrad import _core
from cygrad._table import outs as _outs, rows as _table
from cygrad._warnings import warn_once

cdef extern from "kernels.h" nogil:
    const cg_op* cg_ops
    int cg_n_ops
    const cg_reduction* cg_reductions
    int cg_n_reductions
    cg_cast cg_casts[12][12]

cdef extern from *:
    """
    #define cg_tp_new(type, args) (((PyTypeObject *)(type))->tp_new((PyTypeObject *)(type), (args), NULL))
    """
    object cg_tp_new(object type, object args)


# ------------------------------------------------------------------ promotion

cdef int promote(int a, int b) noexcept nogil:
    """The dtype that holds both."""
    if a == b:
        return a
    if a > b:
        a, b = b, a
    if b >= CFLOAT:
        return CDOUBLE if a == DOUBLE else CFLOAT if b == CHALF and a >= FLOAT else b
    if b >= HALF:
        return FLOAT if a == HALF and b == BFLOAT16 else b
    if a == UINT8:                      # no unsigned type but this: int8 and uint8 meet in int16
        return INT16 if b == INT8 else b
    return b


def promote_types(a, b):
    """The smallest dtype that both dtypes can be cast to without loss of kind."""
    return dtype_object(promote((<dtype?> a).code, (<dtype?> b).code))


def can_cast(of, to):
    """Whether PyTorch's casting rules let `of` be stored as `to`: not from float to int, nor from anything to bool."""
    return can_cast_codes((<dtype?> of).code, (<dtype?> to).code)


cdef bint can_cast_codes(int of, int to) noexcept nogil:
    if (of >= HALF and to < HALF) or (of >= CFLOAT and to < CFLOAT):
        return False
    return not (of != BOOL and to == BOOL)


cdef int _category(int dt) noexcept nogil:
    return 0 if dt == BOOL else 1 if dt < HALF else 2 if dt < CFLOAT else 3


cdef int result_dtype(tuple operands) except -1:
    """Tensors with dimensions decide; then 0-dim tensors, then Python numbers, where they are of a higher kind."""
    cdef int dims = -1, zero = -1, wrapped = -1, dt
    cdef Tensor t
    for x in operands:
        if isinstance(x, Tensor):
            t = <Tensor> x
            if t.nd:
                dims = t.dt if dims < 0 else promote(dims, t.dt)
            else:
                zero = t.dt if zero < 0 else promote(zero, t.dt)
        elif x is not None:
            dt = BOOL if isinstance(x, bool) else INT64 if isinstance(x, int) else \
                complex_of(default_dtype_code()) if isinstance(x, complex) else default_dtype_code()
            wrapped = dt if wrapped < 0 else promote(wrapped, dt)
    dt = dims
    if dt < 0 or (zero >= 0 and _category(zero) > _category(dt)):
        dt = zero if dt < 0 or zero < 0 else promote(dt, zero)
    if dt < 0:
        dt = wrapped
    elif wrapped >= 0 and _category(wrapped) > _category(dt):
        dt = complex_of(dt) if wrapped >= CFLOAT and dt >= HALF else wrapped
    if dt == CHALF:
        raise _core.no_complex32()
    return dt


def result_type(a, b):
    """The dtype that an operator on the two arguments (tensors or numbers) computes in."""
    return dtype_object(result_dtype((a, b)))


# ------------------------------------------------------------------ numbers

cdef int number_param(object x, cg_param* p) except -1:
    """Stores a Python number; returns 0 for bool, 1 for int, 2 for float, 3 for complex."""
    p[0].im = 0
    if isinstance(x, float):
        p[0].f = x
        return 2
    if isinstance(x, bool):
        p[0].i = 1 if x else 0
        return 0
    if isinstance(x, int):
        if not -(1 << 63) <= x < (1 << 63):
            raise RuntimeError("Overflow when unpacking long long")
        p[0].i = x
        return 1
    return complex_param(x, p)


cdef int complex_param(object x, cg_param* p) except -1:
    # Apart, so that number_param stays small enough to be inlined.
    if not isinstance(x, complex):
        raise TypeError(f"must be Number, not {type(x).__name__}")
    p[0].f, p[0].im = x.real, x.imag
    return 3


cdef object as_number(object x):
    """A Python number of `x`, NumPy scalars included; None if it is not one."""
    if isinstance(x, (float, int, complex)):
        return x
    kind = getattr(getattr(x, "dtype", None), "kind", None)
    if kind is not None and getattr(x, "ndim", 1) == 0 and not isinstance(x, Tensor):
        return x.item()
    return None


cdef double[N_DTYPES] LOWEST = [0, 0, -128, -32768, -2147483648.0, -9223372036854775808.0,
                                -65504.0, -3.3895313892515355e38, -3.4028234663852886e38, -HUGE_VAL,
                                -3.4028234663852886e38, -HUGE_VAL]
cdef double[N_DTYPES] HIGHEST = [0, 255, 127, 32767, 2147483647.0, 9223372036854774784.0,
                                 65504.0, 3.3895313892515355e38, 3.4028234663852886e38, HUGE_VAL,
                                 3.4028234663852886e38, HUGE_VAL]


cdef inline bint in_range(int dt, double x) noexcept nogil:
    return LOWEST[dt] <= x <= HIGHEST[dt] or (dt >= HALF and x - x != 0)       # infinities and NaN


cdef bint holds(int dt, const cg_param* p, int kind) noexcept nogil:
    """Whether an element of dtype `dt` can be the number, but for rounding; `kind` is what `number_param` returned."""
    if dt == BOOL or kind == 0:
        return True
    if kind == 1:
        if dt == UINT8:                 # negative integers count from 256
            return -255 <= p[0].i <= 255
        return dt == INT64 or in_range(dt, <double> p[0].i)
    if kind == 3 and not (in_range(dt, p[0].im) if dt >= CFLOAT else p[0].im == 0):
        return False
    return in_range(dt, p[0].f)


cdef int check_fits(int dt, const cg_param* p, int kind) except -1:
    if not holds(dt, p, kind):
        raise RuntimeError(f"value cannot be converted to type {_core.C_WRITTEN_NAMES[dt]} without overflow")
    return 0


cdef void store_param(int dt, const cg_param* p, int kind, char* to) noexcept nogil:
    """Writes the number, of a kind that `number_param` found, as an element of dtype `dt`."""
    cdef double f
    cdef long long i
    if kind == 2:
        f = p[0].f
        cg_casts[dt][DOUBLE](1, to, 0, <const char*> &f, 0)
    elif kind == 3:
        cg_casts[dt][CDOUBLE](1, to, 0, <const char*> p, 0)
    else:
        i = p[0].i
        cg_casts[dt][INT64](1, to, 0, <const char*> &i, 0)


cdef cg_cast cast_kernel(int to, int of) noexcept nogil:
    return cg_casts[to][of]


cdef const cg_reduction* reduction_kernels(str name) except NULL:
    cdef bytes raw = name.encode()
    cdef int i
    for i in range(cg_n_reductions):
        if strcmp(cg_reductions[i].name, <const char*> raw) == 0:
            return &cg_reductions[i]
    raise KeyError(name)


# ------------------------------------------------------------------ the plan

cdef void coalesce(Plan* p, bint reorder) noexcept nogil:
    """Drops dimensions of size 1, orders the rest by stride, largest first (if `reorder`), and merges those that are
    one run for all.  Of a single element no dimension is left."""
    cdef int i, j, k, kept = 0
    cdef Py_ssize_t size, s
    for i in range(p.nd):               # drop dimensions of size 1
        if p.sizes[i] != 1:
            p.sizes[kept] = p.sizes[i]
            for k in range(p.n):
                p.strides[k][kept] = p.strides[k][i]
            kept += 1
    p.nd = kept
    if kept == 0:
        return
    for i in range(1, p.nd if reorder else 1):      # insertion sort: stable, and the usual order is already right
        j = i
        while j > 0 and before(p, j, j - 1):
            size = p.sizes[j]
            p.sizes[j] = p.sizes[j - 1]
            p.sizes[j - 1] = size
            for k in range(p.n):
                s = p.strides[k][j]
                p.strides[k][j] = p.strides[k][j - 1]
                p.strides[k][j - 1] = s
            j -= 1
    kept = 0
    for i in range(1, p.nd):
        for k in range(p.n):
            if p.strides[k][kept] != p.strides[k][i] * p.sizes[i]:
                break
        else:
            p.sizes[kept] *= p.sizes[i]
            for k in range(p.n):
                p.strides[k][kept] = p.strides[k][i]
            continue
        kept += 1
        p.sizes[kept] = p.sizes[i]
        for k in range(p.n):
            p.strides[k][kept] = p.strides[k][i]
    p.nd = kept + 1


cdef bint before(Plan* p, int i, int j) noexcept nogil:
    """Whether dimension i belongs outside of dimension j."""
    cdef int k
    for k in range(p.n):
        if p.strides[k][i] and p.strides[k][j]:
            if p.strides[k][i] != p.strides[k][j]:
                return p.strides[k][i] > p.strides[k][j]
    return False


cdef void run_strip(Plan* p, char** at, Py_ssize_t n, cg_kernel kernel, int compute, int result,
                    const cg_param* q) noexcept nogil:
    """One inner run of n elements, converted in blocks where an operand has another type than the kernel."""
    cdef char buffer[MAX_OPERANDS][BLOCK_BYTES]
    cdef char* ptr[MAX_OPERANDS]
    cdef Py_ssize_t stride[MAX_OPERANDS]
    cdef Py_ssize_t done, m
    cdef Py_ssize_t room = BLOCK if compute < CDOUBLE else BLOCK // 2
    cdef int k, last = p.nd - 1
    cdef bint converts = p.dt[0] != result
    for k in range(p.n):
        stride[k] = p.strides[k][last]
        if k and p.dt[k] != compute:
            converts = True
    if not converts:
        kernel(n, at, stride, q)
        return
    done = 0
    while done < n:
        m = n - done if n - done < room else room
        for k in range(p.n):
            stride[k] = p.strides[k][last]
            ptr[k] = at[k] + done * stride[k]
            if k and p.dt[k] != compute:
                if stride[k] == 0:
                    cg_casts[compute][p.dt[k]](1, buffer[k], 0, ptr[k], 0)
                else:
                    cg_casts[compute][p.dt[k]](m, buffer[k], itemsize_of(compute), ptr[k], stride[k])
                    stride[k] = itemsize_of(compute)
                ptr[k] = buffer[k]
        if p.dt[0] != result:
            ptr[0] = buffer[0]
            stride[0] = itemsize_of(result)
            kernel(m, ptr, stride, q)
            cg_casts[p.dt[0]][result](m, at[0] + done * p.strides[0][last], p.strides[0][last], buffer[0], stride[0])
        else:
            kernel(m, ptr, stride, q)
        done += m


cdef void walk(Plan* p, Py_ssize_t lo, Py_ssize_t hi, cg_kernel kernel, int compute, int result,
               const cg_param* q) noexcept nogil:
    """Elements lo..hi of the plan's index space."""
    cdef Py_ssize_t[MAX_DIMS] index
    cdef char* at[MAX_OPERANDS]
    cdef Py_ssize_t rest = lo, n, inner = p.sizes[p.nd - 1]
    cdef int i, k
    for k in range(p.n):
        at[k] = p.ptr[k]
    for i in range(p.nd - 1, -1, -1):
        index[i] = rest % p.sizes[i]
        rest //= p.sizes[i]
        for k in range(p.n):
            at[k] += index[i] * p.strides[k][i]
    while lo < hi:
        n = inner - index[p.nd - 1]
        if n > hi - lo:
            n = hi - lo
        run_strip(p, at, n, kernel, compute, result, q)
        lo += n
        if lo >= hi:
            return
        for k in range(p.n):
            at[k] -= index[p.nd - 1] * p.strides[k][p.nd - 1]
        index[p.nd - 1] = 0
        for i in range(p.nd - 2, -1, -1):
            index[i] += 1
            for k in range(p.n):
                at[k] += p.strides[k][i]
            if index[i] < p.sizes[i]:
                break
            index[i] = 0
            for k in range(p.n):
                at[k] -= p.sizes[i] * p.strides[k][i]


cdef void run_plan(Plan* p, cg_kernel kernel, int compute, int result, const cg_param* q) noexcept nogil:
    cdef Region region
    cdef int parts, t
    cdef Py_ssize_t share
    if p.count == 0:
        return
    coalesce(p, True)
    if p.nd == 0:                       # a single element
        p.nd, p.sizes[0] = 1, 1
        for t in range(p.n):
            p.strides[t][0] = 0
    parts = 1 if p.count < GRAIN else <int> min(<Py_ssize_t> num_threads(), p.count // (GRAIN // 2))
    if parts == 1:
        walk(p, 0, p.count, kernel, compute, result, q)
        return
    share = ((p.count + parts - 1) // parts + 63) // 64 * 64
    open_region(&region, parts)
    for t in prange(parts, schedule="static", num_threads=region.n):
        if t * share < p.count:
            walk(p, t * share, min(p.count, (t + 1) * share), kernel, compute, result, q)
        end_part(&region)
    close_region(&region)


cdef void plan_operand(Plan* p, int k, Tensor t) noexcept:
    """Operand k, broadcast to the plan's shape (which it is known to fit)."""
    cdef int i, shift = p.nd - t.nd
    cdef Py_ssize_t size = itemsize_of(t.dt)
    p.ptr[k] = data_of(t)
    p.dt[k] = t.dt
    for i in range(shift):
        p.strides[k][i] = 0
    for i in range(t.nd):
        p.strides[k][i + shift] = 0 if t.sizes[i] == 1 else t.strides[i] * size


cdef void plan_shape(Plan* p, Tensor t, int n) noexcept:
    cdef int i
    p.n = n
    p.nd = t.nd
    p.count = t.count
    for i in range(t.nd):
        p.sizes[i] = t.sizes[i]


# ------------------------------------------------------------------ operators

cdef enum:
    KIND_FLOAT = 0
    KIND_NUMBER = 1
    KIND_TEST = 2
    KIND_BITS = 3
    GRAD_NONE = 0
    GRAD_ZERO = 1
    GRAD_MISSING = 2
    GRAD_IDENTITY = 3
    GRAD_TEXT = 4
    IN_PLACE = 7        # in `node_types`: of three operands that are numbers, which cannot be

_KINDS = {"float": KIND_FLOAT, "number": KIND_NUMBER, "test": KIND_TEST, "bits": KIND_BITS}
POWERS = {"square": 2, "_cube": 3}      # exponents that have a row of their own
OPS = {}
# What gradient texts call: filled by the fronts with the public functions of these names.
GRADIENT_NAMESPACE = {}


@cython.binding(False)    # its methods check the type of `self`
cdef class Op:
    """An operator made from a row of the table."""

    def __repr__(self):
        return f"<op {self.name}>"


@cython.binding(False)    # its methods check the type of `self`
cdef class ElementwiseNode(Node):
    cdef Op op
    cdef SavedTensor saved_a, saved_b, saved_c, saved_y
    cdef object number_a, number_b, number_c
    cdef tuple params
    cdef tuple shapes               # of the inputs, where one was broadcast; else None
    cdef int dts[3]
    cdef bint freed

    cdef Tensor operand(self, int which):
        cdef SavedTensor s = self.saved_a if which == 1 else self.saved_b if which == 2 else \
            self.saved_c if which == 3 else self.saved_y
        if s is None:
            if self.freed:
                raise RuntimeError(_core.FREED_MESSAGE)
            return None
        return s.get(self)

    cdef object number(self, int which):
        return self.number_a if which == 1 else self.number_b if which == 2 else self.number_c

    cdef object apply(self, list grads):
        cdef Tensor g = <Tensor> grads[0]
        cdef int i
        if self.op.arity == 1:
            return self.gradient(0, g)
        if self.op.arity == 2:
            return (None if self.nexts[0] is None else self.gradient(0, g),
                    None if self.nexts[1] is None else self.gradient(1, g))
        return [None if self.nexts[i] is None else self.gradient(i, g) for i in range(self.op.arity)]

    cdef Tensor gradient(self, int i, Tensor g):
        cdef Op op = self.op
        cdef int mode = op.grad_mode[i], j
        cdef Tensor r
        cdef list operands
        cdef dict names
        if mode == GRAD_IDENTITY:
            r = g
        elif mode == GRAD_ZERO:
            for j in range(1, 5):       # what is kept is to be what it was, read or not
                if op.needs[i] >> j & 1:
                    self.operand(j)
            r = zeros_like(g)
        elif mode == GRAD_TEXT:
            if grad_enabled():
                names = dict(GRADIENT_NAMESPACE)
                names.update(zip([n for n, _ in op.row.params], all_params(op, self.params)))
                names["g"] = g
                for j in range(1, 5):
                    if op.needs[i] >> j & 1:
                        t = self.operand(j)
                        names["gabcy"[j]] = self.number(j) if t is None else t
                from cygrad._table import formula as _formula  # not at import: it is the parser of the texts
                r = <Tensor?> _formula.compile_tensor(op.grad_texts[i])(names)
            else:
                r = self.fast_gradient(i, g)
                if r is None:
                    operands = [g] if op.needs[i] & 1 else []
                    for j in range(1, 5):
                        if op.needs[i] >> j & 1:
                            t = self.operand(j)
                            operands.append(self.number(j) if t is None else t)
                    j = self.dts[i] if self.dts[i] > g.dt else g.dt     # of a real result of complex operands
                    r = run_raw(<Op> op.grads[i], tuple(operands), self.params, j, j, g)
        else:
            raise NotImplementedError(op.row.missing or f"derivative for aten::{op.name} is not implemented")
        if self.shapes is not None:
            r = sum_to(r, self.shapes[i])
        if r.dt != self.dts[i]:
            r = to_dtype(r, self.dts[i])
        return r

    cdef Tensor fast_gradient(self, int i, Tensor g):
        """The kernel called once, where it reads small contiguous tensors of g's shape and type; else None."""
        cdef Op op = <Op> self.op.grads[i]
        cdef int needs = self.op.needs[i], j, k = 1, kind
        cdef char* ptr[MAX_OPERANDS]
        cdef Py_ssize_t stride[MAX_OPERANDS]
        cdef char numbers[MAX_OPERANDS][16]
        cdef cg_param[6] q
        cdef cg_param number
        cdef SavedTensor s
        cdef Tensor t, r
        if g.dt < FLOAT or g.dev or g.count >= GRAIN or not g.contiguous or op.c.k[g.dt] == NULL:
            return None
        if needs & 1:
            ptr[1] = data_of(g)
            stride[1] = itemsize_of(g.dt)
            k = 2
        for j in range(1, 5):
            if needs >> j & 1:
                s = self.saved_a if j == 1 else self.saved_b if j == 2 else self.saved_c if j == 3 else self.saved_y
                if s is None:
                    if self.freed:
                        raise RuntimeError(_core.FREED_MESSAGE)
                    kind = number_param(self.number(j), &number)
                    store_param(g.dt, &number, kind, numbers[k])
                    ptr[k] = numbers[k]
                    stride[k] = 0
                else:
                    if s.unpack is not None:        # nothing would keep what it gives
                        return None
                    t = s.get(self)
                    if t.dt != g.dt or t.dev or not t.contiguous or not same_shape(t, g):
                        return None
                    ptr[k] = data_of(t)
                    stride[k] = itemsize_of(g.dt)
                k += 1
        if op.n_params:
            fill_params(op, self.params, q, g.dt)
        r = new_tensor(g.nd, g.sizes, g.dt, 0)
        ptr[0] = data_of(r)
        stride[0] = itemsize_of(g.dt)
        op.c.k[g.dt](g.count, ptr, stride, q)
        return r

    cdef void release(self):
        if self.saved_a is not None or self.saved_b is not None or self.saved_c is not None or \
                self.saved_y is not None or self.reads_number():
            self.saved_a = self.saved_b = self.saved_c = self.saved_y = None
            self.freed = True

    cdef bint reads_number(self) noexcept:
        """Whether a gradient reads an operand that is a number: PyTorch saves it as it saves a tensor."""
        cdef int i, j
        for i in range(self.op.arity):
            if self.nexts[i] is not None:
                for j in range(self.op.arity):
                    if self.op.needs[i] >> (j + 1) & 1 and self.number(j + 1) is not None:
                        return True
        return False

    def __getattr__(self, str name):
        """The operands and the result that the gradients read, by PyTorch's names: `_saved_self`, ..."""
        if name.startswith("_saved_") and name[7:] in self.saved_numbers():
            return self.saved_numbers()[name[7:]]
        return _core.saved_by_name(self, name, self.saved_as(), self.kept(), self.freed)

    def __dir__(self):
        return sorted(_core.dir_with_saved(self, self.saved_as()) +
                      ["_saved_" + name for name in self.saved_numbers()])

    def saved_numbers(self):
        """The operator's parameters by name."""
        if self.op.name in POWERS:
            return {"exponent": POWERS[self.op.name]}
        return dict(zip([name for name, _ in self.op.row.params], all_params(self.op, self.params)))

    def saved_as(self):
        """PyTorch's names of `kept`, None for what no gradient reads."""
        cdef int i, read = 0
        for i in range(self.op.arity):
            read |= self.op.needs[i]
        names = _core.saved_names.get(self.name(), ("self", "other", None, "result"))
        return [name if read >> (i + 1) & 1 else None for i, name in enumerate(names)]

    def kept(self):
        """What is saved of the operands and the result: SavedTensors and numbers, which PyTorch makes tensors of."""
        cdef list kept = [self.saved_a, self.saved_b, self.saved_c, self.saved_y]
        cdef int i
        for i in range(3):
            x = self.number(i + 1)
            if kept[i] is None and x is not None:
                kept[i] = x if self.name().startswith("Pow") else save_input(full((), x, number_dtype(x)))
        return kept


cdef Tensor zeros_like(Tensor t):
    cdef Tensor r = new_tensor(t.nd, t.sizes, t.dt, t.dev)
    if t.dev:
        _core.backend_of(r.dev).fill(r, 0)
    else:
        memset(r.storage.ptr, 0, r.storage.size_bytes)
    return r


cdef int refuse_dtypes(Op op, tuple operands) except -1:
    """Refuses a bool tensor, or tensors of two dtypes, as the row says."""
    cdef int bools = 0
    if op.row.one_dtype:
        if operands[0].is_complex() or operands[1].is_complex():
            raise kernel_missing(op, CFLOAT)
        if operands[0].dtype is not operands[1].dtype:
            raise RuntimeError(op.row.one_dtype)
        return 0
    for x in operands:
        bools += isinstance(x, Tensor) and (<Tensor> x).dt == BOOL
    if bools == len(operands):
        raise RuntimeError(op.row.error)
    if bools:
        raise RuntimeError(op.row.bool_error)
    return 0


cdef object kernel_missing(Op op, int dt):
    if op.row.no_complex and dt >= CFLOAT:
        return NotImplementedError(op.row.no_complex)
    if op.row.error and dt < CFLOAT:
        return RuntimeError(op.row.error)
    return NotImplementedError(f"\"{op.row.label}\" not implemented for '{_core.SCALAR_TYPE_NAMES[dt]}'")


cdef object broadcast_error(Py_ssize_t a, Py_ssize_t b, int dim):
    return RuntimeError(f"The size of tensor a ({a}) must match the size of tensor b ({b}) at non-singleton "
                        f"dimension {dim}")


cdef int broadcast_dims(tuple operands, Py_ssize_t* sizes) except -1:
    """The broadcast shape of the tensors among the operands; returns its number of dimensions."""
    cdef int nd = 0, i, j
    cdef Tensor t
    for x in operands:
        if isinstance(x, Tensor) and (<Tensor> x).nd > nd:
            nd = (<Tensor> x).nd
    for i in range(nd):
        sizes[i] = 1
    for x in operands:
        if isinstance(x, Tensor):
            t = <Tensor> x
            for i in range(t.nd - 1, -1, -1):
                j = i + nd - t.nd
                if t.sizes[i] != sizes[j] and t.sizes[i] != 1:
                    if sizes[j] != 1:
                        raise broadcast_error(sizes[j], t.sizes[i], j)
                    sizes[j] = t.sizes[i]
    return nd


cdef object broadcast_shapes_of(tuple tensors):
    cdef Py_ssize_t[MAX_DIMS] sizes
    cdef int nd = broadcast_dims(tensors, sizes)
    return make_size(nd, sizes)


cdef bint dense(Tensor t) noexcept:
    """Whether the elements fill their memory without gaps or overlap, in some order of the dimensions."""
    cdef Py_ssize_t expected = 1
    cdef int i, found, n = 0
    cdef unsigned long long seen = 0
    if t.contiguous:
        return True
    for i in range(t.nd):
        if t.sizes[i] == 1:
            seen |= <unsigned long long> 1 << i
            n += 1
    while n < t.nd:
        found = -1
        for i in range(t.nd):
            if not (seen >> i & 1) and t.strides[i] == expected:
                found = i
                break
        if found < 0:
            return False
        seen |= <unsigned long long> 1 << found
        expected *= t.sizes[found]
        n += 1
    return True


cpdef int refuse_self_overlap(Tensor out) except -1:
    """A tensor some of whose elements are one place in memory cannot be written element by element."""
    cdef int i
    for i in range(out.nd):
        if out.strides[i] == 0 and out.sizes[i] > 1:
            raise RuntimeError("unsupported operation: more than one element of the written-to tensor refers to a "
                               "single memory location. Please clone() the tensor before performing the operation.")
    return 0


def is_expanded(Tensor t not None):
    """Whether elements of `t` are one place in memory because a dimension has stride 0."""
    cdef int i
    for i in range(t.nd):
        if t.strides[i] == 0 and t.sizes[i] > 1:
            return True
    return False


def warn_of_expanded(str name, Tensor t not None, str example):
    """PyTorch's warning of an in-place operator that fills elements which are one place in memory."""
    import warnings
    if is_expanded(t):
        warnings.warn(f"Use of {name} on expanded tensors is deprecated. Please clone() the tensor before performing "
                      f"this operation. This also applies to advanced indexing e.g. tensor{example}", UserWarning,
                      stacklevel=3)


def refuse_overlap(Tensor out not None, Tensor result, *inputs):
    """Makes `out` fit the result, and refuses one of which elements are one place in memory or that shares memory with
    an input at all: for operators that read their input in another order than they write."""
    cdef Tensor x
    refuse_self_overlap(out)
    if result is not None and not same_shape(out, result):
        resize_out(out, make_size(result.nd, result.sizes))
    for t in inputs:
        if isinstance(t, Tensor):
            x = <Tensor> t
            if out.count and x.count and (x is out or (x.storage is out.storage and same_memory(x, out))):
                raise overlap_error()
            refuse_partial_overlap(out, x)


cdef object overlap_error():
    return RuntimeError("unsupported operation: some elements of the input tensor and the written-to tensor refer to "
                        "a single memory location. Please clone() the tensor before performing the operation.")


cpdef int refuse_partial_overlap(Tensor out, Tensor x) except -1:
    """An operand that shares a part of the memory that is written, or all of it in another order, is refused; as in
    PyTorch only where both fill their memory without gaps."""
    if x is out or x.storage is not out.storage or out.count == 0 or x.count == 0:
        return 0
    if not (out.contiguous or dense(out)) or not (x.contiguous or dense(x)):
        return 0
    cdef Py_ssize_t a = out.offset * itemsize_of(out.dt), b = x.offset * itemsize_of(x.dt)
    cdef Py_ssize_t a_end = a + out.count * itemsize_of(out.dt), b_end = b + x.count * itemsize_of(x.dt)
    if a >= b_end or b >= a_end or (a == b and a_end == b_end and same_memory(x, out)):
        return 0
    raise overlap_error()


cdef Tensor new_like_operands(int nd, const Py_ssize_t* sizes, tuple operands, int dt, int dev):
    """An output whose memory is laid out as the operands are."""
    cdef Py_ssize_t[MAX_DIMS] strides
    cdef Tensor t
    cdef int i
    cdef bint first = True
    for x in operands:
        if isinstance(x, Tensor):
            t = <Tensor> x
            if t.nd != nd:
                first = first and t.nd == 0
                continue
            for i in range(nd):
                if t.sizes[i] != sizes[i]:
                    first = False
                    break
            else:
                if t.contiguous:
                    break
                if first and dense(t):
                    return empty_strided_like(nd, sizes, t.strides, dt, dev)
                strides_in_order(nd, sizes, operands, strides)
                return empty_strided_like(nd, sizes, strides, dt, dev)
    return new_tensor(nd, sizes, dt, dev)


cdef int strides_in_order(int nd, const Py_ssize_t* sizes, tuple operands, Py_ssize_t* strides) except -1:
    """Strides without gaps, with the dimensions in the order that the operands have.

    Dimensions are sorted from the last one on by the strides of the first operand, of the next one where the first does
    not say (a stride of 0, as it is where it is broadcast).  Of two equal strides the smaller size is the inner one.
    """
    cdef int[MAX_DIMS] order
    cdef int i, j, at, a, b, sign
    cdef Py_ssize_t step = 1, sa, sb
    cdef Tensor t
    for i in range(nd):
        order[i] = nd - 1 - i
    for i in range(1, nd):
        at = i
        for j in range(i - 1, -1, -1):
            a, b = order[j], order[at]
            sign = 0
            for x in operands:
                if not isinstance(x, Tensor):
                    continue
                t = <Tensor> x
                sa, sb = stride_in(t, nd, sizes, a), stride_in(t, nd, sizes, b)
                if sa == 0 or sb == 0:
                    continue
                sign = (sa > sb) - (sa < sb)
                if sign == 0 and sizes[a] > sizes[b]:
                    sign = 1
                if sign:
                    break
            if sign > 0:
                order[j], order[at] = b, a
                at = j
            elif sign < 0:
                break
    for i in range(nd):
        strides[order[i]] = step
        step *= sizes[order[i]]
    return 0


cdef inline Py_ssize_t stride_in(Tensor t, int nd, const Py_ssize_t* sizes, int i) noexcept:
    """The stride of an operand in dimension i of the result, 0 where it is broadcast."""
    cdef int own = i - (nd - t.nd)
    if own < 0 or (t.sizes[own] == 1 and sizes[i] != 1):
        return 0
    return t.strides[own]


cdef int device_of(str name, tuple operands) except -1:
    """The device of the operands; a 0-dim CPU tensor goes anywhere."""
    cdef int dev = 0
    cdef bint pinned = False
    cdef Tensor t
    for x in operands:
        if isinstance(x, Tensor):
            t = <Tensor> x
            if t.dev:
                if dev and dev != t.dev:
                    raise different_devices(name, dev, t.dev)
                dev = t.dev
            elif t.nd:
                pinned = True
    if dev and pinned:
        raise different_devices(name, dev, 0)
    return dev


cdef object different_devices(str name, int a, int b):
    return RuntimeError(f"Expected all tensors to be on the same device, but found at least two devices, "
                        f"{_core.device_of_code(a)} and {_core.device_of_code(b)}!")


cdef list all_params(Op op, tuple params):
    """The row's parameters: those that are given, else the defaults."""
    cdef list defaults = [default for _, default in op.row.params]
    return [d if p is None else p for p, d in zip(params, defaults, strict=True)] if params else defaults


cdef int fill_params(Op op, tuple params, cg_param* q, int compute) except -1:
    """The row's parameters (given ones, else the defaults) as the kernels of type `compute` read them."""
    cdef int i, kind
    for i in range(op.n_params):
        if params is None or params[i] is None:
            q[i] = op.defaults[i]
            if compute < HALF:
                q[i].i = <long long> op.defaults[i].f
            continue
        kind = number_param(params[i].item() if isinstance(params[i], Tensor) else params[i], &q[i])
        if kind == 3 and compute < CFLOAT:
            raise RuntimeError("value cannot be converted to type double without overflow")
        if compute < HALF:
            check_fits(compute, &q[i], kind)
        if compute >= HALF and kind < 2:
            q[i].f = <double> q[i].i
        elif compute < HALF and kind == 2:
            q[i].i = <long long> q[i].f
    return 0


cdef Tensor run_raw(Op op, tuple operands, tuple params, int compute, int result, Tensor like):
    """Runs `op` on operands that broadcast to the shape of `like`, into a new tensor of dtype `result`."""
    cdef Py_ssize_t[MAX_DIMS] sizes
    cdef int nd = broadcast_dims(operands, sizes)
    cdef Tensor out = new_like_operands(nd, sizes, operands, result, like.dev)
    run_into(op, operands, params, compute, out)
    return out


cdef int run_into(Op op, tuple operands, tuple params, int compute, Tensor out) except -1:
    """Computes `op` on operands that fit the shape of `out`, in dtype `compute` (half types: in float)."""
    cdef Plan p
    cdef cg_param[6] q
    cdef char numbers[MAX_OPERANDS][16]
    cdef cg_param number
    cdef int k = 0, kind, result, real = compute
    cdef cg_kernel kernel
    if out.dev:
        _core.backend_of(out.dev).elementwise(op.name, out, [
            x if not isinstance(x, Tensor) or (<Tensor> x).dev == out.dev and same_shape(<Tensor> x, out)
            else expand_to(<Tensor> x, out.nd, out.sizes) if (<Tensor> x).dev == out.dev else x.item()
            for x in operands],
            all_params(op, params), compute)
        return 0
    if compute == HALF or compute == BFLOAT16:
        real = FLOAT
    kernel = op.c.k[real]
    if kernel == NULL:
        raise kernel_missing(op, compute)
    result = result_of(op, real)
    if op.n_params:
        fill_params(op, params, q, real)
    plan_shape(&p, out, <int> len(operands) + 1)
    plan_operand(&p, 0, out)
    for x in operands:
        k += 1
        if isinstance(x, Tensor):
            plan_operand(&p, k, <Tensor> x)
        else:
            kind = number_param(x, &number)
            store_param(real, &number, kind, numbers[k])
            p.ptr[k] = numbers[k]
            p.dt[k] = real
            memset(p.strides[k], 0, p.nd * sizeof(Py_ssize_t))
    if p.count < GRAIN:
        run_plan(&p, kernel, real, result, q)
    else:
        with nogil:
            run_plan(&p, kernel, real, result, q)
    return 0


cdef inline int result_of(Op op, int compute) noexcept:
    """The dtype that the kernel of a compute dtype writes."""
    return BOOL if op.kind == KIND_TEST else compute - 2 if op.real_result and compute >= CFLOAT else compute


cdef int check_zero_division(object divisor) except -1:
    if isinstance(divisor, Tensor):
        if (<Tensor> divisor).count and (divisor == 0).any().item():
            raise RuntimeError("ZeroDivisionError")
    elif divisor == 0:
        raise RuntimeError("ZeroDivisionError")
    return 0


cdef object cast_error(int of, int to):
    return RuntimeError(f"result type {_core.SCALAR_TYPE_NAMES[of]} can't be cast to the desired output type "
                        f"{_core.SCALAR_TYPE_NAMES[to]}")


cdef Tensor check_out(str name, Tensor out, int nd, const Py_ssize_t* sizes, int result, bint inplace, int dev):
    """Makes `out` fit the result, or says why it cannot."""
    cdef int i
    if out.dev != dev:
        raise different_devices(name, dev, out.dev)
    if not can_cast_codes(result, out.dt):
        raise cast_error(result, out.dt)
    if out.nd == nd:
        for i in range(nd):
            if out.sizes[i] != sizes[i]:
                break
        else:
            refuse_self_overlap(out)
            return out
    if inplace:
        raise RuntimeError(f"output with shape {list(make_size(out.nd, out.sizes))} doesn't match the broadcast shape "
                           f"{list(make_size(nd, sizes))}")
    resize_out(out, make_size(nd, sizes))
    return out


cdef int check_out_dtype(Op op, Tensor out, int dt, int result) except -1:
    """Refuses an `out` of another dtype where PyTorch casts to none; `dt` is that of the operands."""
    if op.row.out == "bool" and out.dt != BOOL:
        raise RuntimeError(f"{op.name} does not support non-boolean outputs.")
    if op.row.one_dtype and out.dt != dt:
        raise RuntimeError(op.row.one_dtype)
    if op.row.out == "same" and out.dt != dt and not (op.real_result and out.dt == result):
        raise RuntimeError(f"Found dtype {_core.SCALAR_TYPE_NAMES[out.dt]} but expected "
                           f"{_core.SCALAR_TYPE_NAMES[dt]}")
    return 0


cdef int resize_out(Tensor out, object shape) except -1:
    """Makes an `out` argument fit, with PyTorch's warning where it held something."""
    if out.count:
        import warnings
        warnings.warn(
            f"An output with one or more elements was resized since it had shape {list(out.shape)}, which does not "
            f"match the required output shape {list(shape)}. This behavior is deprecated, and in a future PyTorch "
            "release outputs will not be resized unless they have zero elements. You can explicitly reuse an out "
            "tensor t by resizing it, inplace, to zero elements with t.resize_(0).", UserWarning, stacklevel=3)
    out.resize_(shape)
    return 0


cdef int check_stored_dtype(str name, int to, int of, OutRule rule) except -1:
    """Refuses an `out` of another dtype than the result's, where the operator takes none or not this one."""
    cdef str text = _outs.SAME.get(name)
    if text is None and name in _outs.CASTS:
        if can_cast_codes(of, to):
            return 0
        text = _outs.CASTS[name]
    elif text is None and name in _outs.KINDS:
        text, kinds = _outs.KINDS[name]
        if str(dtype_object(to)).removeprefix("torch.") in kinds:
            return 0
    elif text is None and rule == SAME_DTYPE:
        text = "Expected out tensor to have dtype {c_of}, but got {c_to} instead"
    elif text is None:
        if rule == CASTS and not can_cast_codes(of, to):
            if of != INT64 and of != BOOL:
                raise cast_error(of, to)
            raise RuntimeError(f"{name}(): Expected out tensor to have dtype {dtype_object(of)}, but got "
                               f"{dtype_object(to)} instead")
        return 0
    raise (TypeError if name in _outs.TYPE_ERRORS else RuntimeError)(text.format(
        of=_core.SCALAR_TYPE_NAMES[of], to=_core.SCALAR_TYPE_NAMES[to],
        c_of=_core.C_TYPE_NAMES[of], c_to=_core.C_TYPE_NAMES[to]))


cpdef object store(str name, object out, Tensor r, OutRule rule):
    """What operator `name` ("" where it is not known) returns: its result, or `out`, if it was given, holding it."""
    cdef Tensor o
    if out is None:
        return r
    shown = name.partition(" ")[0]
    if not isinstance(out, Tensor):
        raise TypeError(f"{shown + '(): ' if name else ''}argument 'out' must be Tensor, not {type(out).__name__}")
    o = <Tensor> out
    if o.dev != r.dev:
        raise different_devices(name, r.dev, o.dev)
    if o.dt != r.dt:
        check_stored_dtype(name, o.dt, r.dt, rule)
    if grad_enabled() and (grad_required(r) or grad_required(o)):
        raise RuntimeError(f"{shown + '(): functions with ' if name else ''}out=... arguments don't support automatic "
                           "differentiation, but one of the arguments requires grad.")
    if not same_shape(o, r):
        resize_out(o, make_size(r.nd, r.sizes))
    refuse_self_overlap(o)
    copy_into(o, r)
    bump(o)
    return o


cdef bint same_memory(Tensor a, Tensor b) noexcept:
    cdef int i
    if a.offset != b.offset or a.nd != b.nd or a.dt != b.dt:
        return False
    for i in range(a.nd):
        if a.sizes[i] != b.sizes[i] or a.strides[i] != b.strides[i]:
            return False
    return True


cdef tuple without_overlap(Tensor out, tuple operands):
    """Operands that share memory with `out` at other positions are refused, or copied before `out` is written where
    PyTorch would not notice."""
    cdef list fixed = None
    cdef int i
    for i, x in enumerate(operands):
        if isinstance(x, Tensor) and (<Tensor> x).storage is out.storage and x is not out and \
                not same_memory(<Tensor> x, out):
            refuse_partial_overlap(out, <Tensor> x)
            if fixed is None:
                fixed = list(operands)
            fixed[i] = clone(shallow(<Tensor> x))
    return operands if fixed is None else tuple(fixed)


cdef Tensor elementwise(Op op, tuple operands, tuple params, Tensor out, bint inplace):
    """The operator on tensors and Python numbers, recorded for autograd.  `inplace`: out is operands[0]."""
    cdef Py_ssize_t[MAX_DIMS] sizes
    cdef int nd, dt, compute, result, dev, i, j, need = 0, wanted = 0
    cdef bint record = False
    cdef Tensor t, r, a
    cdef ElementwiseNode node
    cdef SavedTensor saved
    cdef tuple given
    # --- what to compute
    dt = result_dtype(operands)
    if op.no_bool_operand:
        refuse_dtypes(op, operands)
    compute = dt
    if op.kind == KIND_FLOAT and dt < HALF:
        compute = default_dtype_code()
    elif op.kind == KIND_BITS and dt >= HALF:
        raise kernel_missing(op, dt)
    result = result_of(op, compute)
    if op.c.k[FLOAT if compute == HALF or compute == BFLOAT16 else compute] == NULL or \
            (dt < HALF and op.no_ints) or (op.no_half and (compute == HALF or compute == BFLOAT16)):
        if out is not None and not inplace and not op.row.out and not can_cast_codes(result, out.dt):
            raise cast_error(result, out.dt)
        raise kernel_missing(op, dt)
    if inplace and result != compute and op.real_result:
        raise RuntimeError(f"In-place {op.name} is not supported for complex tensors.")
    if dt < HALF and op.row.zero_division:
        check_zero_division(operands[1])
    nd = broadcast_dims(operands, sizes)
    dev = device_of(op.name, operands)
    # --- whether to record it
    if grad_enabled() and result >= HALF and op.node_types[0] is not None:
        for i in range(op.arity):
            x = operands[i]
            if isinstance(x, Tensor) and grad_required(<Tensor> x):
                record = True
                wanted |= 1 << i
                need |= op.needs[i]
    if out is None:
        r = new_like_operands(nd, sizes, operands, result, dev)
        run_into(op, operands, params, compute, r)
    else:
        if not inplace and record:
            raise RuntimeError(f"{op.row.name.strip('_')}(): functions with out=... arguments don't support automatic "
                               "differentiation, but one of the arguments requires grad.")
        if not inplace and grad_enabled() and out.needs_grad:
            raise RuntimeError(f"{op.row.name.strip('_')}(): functions with out=... arguments don't support automatic "
                               "differentiation, but one of the arguments requires grad.")
        if not inplace:
            check_out_dtype(op, out, dt, result)
        if out.inference or (inplace and grad_enabled() and (record or grad_required(out))):
            check_inplace(out)
        r = check_out(op.name, out, nd, sizes, result, inplace, dev)
        given = operands
        operands = without_overlap(r, operands)
        if record and need & 2:             # the operator overwrites what its gradient reads
            operands = (operands[0], *operands[1:])
            a = clone(shallow(r))
        run_into(op, operands, params, compute, r)
        bump(r)
        operands = given
    if not record:
        return r
    # --- the node
    i = 0
    for j in range(op.arity):
        if not isinstance(operands[j], Tensor):
            i |= 1 << j
    if inplace and op.node_types[IN_PLACE] is not None:
        i = IN_PLACE
    kind = op.node_types[i]
    node = <ElementwiseNode> cg_tp_new(kind, ())
    node.op = op
    node.params = params
    node.connect(operands)
    for j in range(op.arity):
        x = operands[j]
        if isinstance(x, Tensor):
            t = <Tensor> x
            node.dts[j] = t.dt
            if t.nd != nd or not same_shape(t, r):
                node.shapes = ()
            if need >> (j + 1) & 1:
                saved = save_input(a if inplace and j == 0 else t)
                if inplace and j == 0:          # the copy stands where the operand was in the graph
                    saved.node, saved.output_nr = node.nexts[0], node.nrs[0]
                elif inplace and t.storage is r.storage:
                    saved.version -= 1          # it had another value then: the backward pass is to say so
                if j == 0:
                    node.saved_a = saved
                elif j == 1:
                    node.saved_b = saved
                else:
                    node.saved_c = saved
        elif j == 0:
            node.number_a = x
        elif j == 1:
            node.number_b = x
        else:
            node.number_c = x
    if node.shapes is not None:
        node.shapes = tuple([make_size((<Tensor> x).nd, (<Tensor> x).sizes) if isinstance(x, Tensor) else None
                             for x in operands])
    if inplace:
        rebase(r, node)
    else:
        set_history(r, node, 0)
    if need & 16:
        node.saved_y = save_output(r, node, 0)
    return r


cdef Tensor fast(Op op, Tensor like, object x, object y):
    """The common case, done without a plan: contiguous tensors of one shape and a kernel's dtype, or numbers, on the
    CPU.  `like` is one of the tensors; y is None for one operand.  None if the case is not common."""
    cdef cg_kernel kernel
    cdef Tensor r, t
    cdef int dt = like.dt, n = 1 if y is None else 2, i, kind
    cdef char* ptr[3]
    cdef Py_ssize_t stride[3]
    cdef char numbers[3][16]
    cdef cg_param number
    cdef object operand
    cdef bint recorded = False
    if like.dev or like.count >= GRAIN or not like.contiguous or dt < op.fast_from or dt >= op.fast_to:
        return None
    kernel = op.c.k[dt]
    if kernel == NULL:
        return None
    for i in range(n):
        operand = y if i else x
        if isinstance(operand, Tensor):
            t = <Tensor> operand
            if t is not like and (t.dt != dt or t.dev or not t.contiguous or not same_shape(t, like)):
                return None
            ptr[i + 1] = data_of(t)
            stride[i + 1] = itemsize_of(dt)
            recorded = recorded or grad_required(t)
        else:
            if dt < HALF and (dt == BOOL or not isinstance(operand, int)):
                return None
            kind = number_param(operand, &number)
            store_param(dt, &number, kind, numbers[i])
            ptr[i + 1] = numbers[i]
            stride[i + 1] = 0
    if op.kind == KIND_TEST:
        recorded = False
        r = new_tensor(like.nd, like.sizes, BOOL, 0)
    else:
        r = new_tensor(like.nd, like.sizes, dt, 0)
    ptr[0] = r.storage.ptr
    stride[0] = itemsize_of(r.dt)
    kernel(like.count, ptr, stride, NULL)
    if recorded and grad_enabled() and dt >= HALF and op.node_types[0] is not None:
        record_fast(op, r, x, y, n)
    return r


cdef int record_fast(Op op, Tensor r, object x, object y, int n) except -1:
    """The node of an operator whose operands have the result's shape and dtype."""
    cdef bint tensor_x = isinstance(x, Tensor), tensor_y = isinstance(y, Tensor)
    cdef ElementwiseNode node = <ElementwiseNode> cg_tp_new(
        op.node_types[(not tensor_x) | (n == 2 and not tensor_y) << 1], ())
    cdef int need = 0
    node.op = op
    node.connect((x,) if n == 1 else (x, y))
    node.dts[0] = node.dts[1] = r.dt
    if node.nexts[0] is not None:
        need |= op.needs[0]
    if n == 2 and node.nexts[1] is not None:
        need |= op.needs[1]
    if need & 2:
        if tensor_x:
            node.saved_a = save_input(<Tensor> x)
        else:
            node.number_a = x
    if need & 4:
        if tensor_y:
            node.saved_b = save_input(<Tensor> y)
        else:
            node.number_b = y
    set_history(r, node, 0)
    if need & 16:
        node.saved_y = save_output(r, node, 0)
    return 0


# ------------------------------------------------------------------ copies, casts, fills

cdef Tensor expand_to(Tensor t, int nd, const Py_ssize_t* sizes):
    """`t` (which broadcasts to `sizes`) with the strides of that shape."""
    cdef Py_ssize_t[MAX_DIMS] strides
    cdef int i, shift = nd - t.nd
    for i in range(nd):
        strides[i] = 0 if i < shift or t.sizes[i - shift] == 1 else t.strides[i - shift]
    return raw_view(t, nd, sizes, strides, t.offset)


cdef void copy_strip(Py_ssize_t n, char** p, const Py_ssize_t* stride, const cg_param* q) noexcept nogil:
    cg_casts[q[0].i >> 8][q[0].i & 255](n, p[0], stride[0], p[1], stride[1])


cdef int copy_into(Tensor dst, Tensor src) except -1:
    """Elements of `src`, which broadcasts to dst's shape, cast and stored; the two do not overlap."""
    cdef Plan p
    cdef cg_param q
    if dst.dev or src.dev:
        src = src if same_shape(dst, src) else expand_to(src, dst.nd, dst.sizes)
        _core.backend_of(max(dst.dev, src.dev)).copy(dst, src)
        return 0
    # Bytes of a bool may be other than 0 and 1 (a view of other bytes); a copy's are not.
    if dst.contiguous and src.contiguous and dst.dt == src.dt and dst.dt != BOOL and same_shape(dst, src) and \
            dst.count < GRAIN:
        memcpy(data_of(dst), data_of(src), dst.count * itemsize_of(dst.dt))
        return 0
    plan_shape(&p, dst, 2)
    plan_operand(&p, 0, dst)
    plan_operand(&p, 1, src)
    q.i = dst.dt << 8 | src.dt
    # The strip itself casts, so to the walker both sides have the type it asks for.
    p.dt[0] = p.dt[1] = dst.dt
    with nogil:
        run_plan(&p, copy_strip, dst.dt, dst.dt, &q)
    return 0


cdef void fill_strip(Py_ssize_t n, char** p, const Py_ssize_t* stride, const cg_param* q) noexcept nogil:
    cdef int dt = <int> q[1].i
    cg_casts[dt][dt](n, p[0], stride[0], <const char*> q, 0)


cdef void fill_words(unsigned int* to, Py_ssize_t n, unsigned int word) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        to[i] = word


cdef int fill(Tensor t, object value) except -1:
    """Every element of `t` becomes the Python number, which its dtype must be able to hold."""
    cdef Plan p
    cdef cg_param[2] q
    cdef cg_param number
    cdef int kind
    if isinstance(value, int) and not -(1 << 63) <= value < (1 << 63):
        if not 0 < value < 1 << 64:
            raise OverflowError("int too big to convert")
        value = float(value)
    kind = number_param(value, &number)
    check_fits(t.dt, &number, kind)
    if t.dev:
        if t.dt == BOOL:
            value = value != 0
        elif kind == 3 and t.dt < CFLOAT:
            value = value.real
        _core.backend_of(t.dev).fill(t, value)
        return 0
    q[0].i, q[0].im = 0, 0
    store_param(t.dt, &number, kind, <char*> q)
    if q[0].i == 0 and (<long long*> q)[1] == 0 and t.contiguous:
        memset(data_of(t), 0, t.count * itemsize_of(t.dt))
        return 0
    q[1].i = t.dt
    if t.contiguous and itemsize_of(t.dt) == 4 and t.count < GRAIN:
        fill_words(<unsigned int*> data_of(t), t.count, <unsigned int> q[0].i)
        return 0
    plan_shape(&p, t, 1)
    plan_operand(&p, 0, t)
    with nogil:
        run_plan(&p, fill_strip, t.dt, t.dt, q)
    return 0


cdef Tensor clone(Tensor t):
    """A copy that is laid out as `t` where that has no gaps, else contiguous; without history."""
    cdef Tensor r
    if t.contiguous or not dense(t):
        r = new_tensor(t.nd, t.sizes, t.dt, t.dev)
    else:
        r = empty_strided_like(t.nd, t.sizes, t.strides, t.dt, t.dev)
    copy_into(r, t)
    return r


def _clone_backward(node, g):
    return g


cdef object _mover = None


def set_mover(f):
    """f(to_dtype_device, g, dt, dev) takes gradients back to the device that the program took a tensor from."""
    global _mover
    _mover = f


def moved_back(Tensor g not None, int dt, int dev):
    """The gradient of a copy of another dtype or device."""
    if g.dev == dev or _mover is None:
        return to_dtype_device(g, dt, dev)
    return _mover(to_dtype_device, g, dt, dev)


def _to_backward(node, g):
    dt, dev = node.args
    return moved_back(g, dt, dev)


cdef Tensor to_dtype(Tensor t, int dt):
    return to_dtype_device(t, dt, t.dev)


cpdef Tensor to_dtype_device(Tensor t, int dt, int dev):
    """`t` itself, or a recorded copy of another dtype or on another device."""
    cdef Tensor r
    if t.dt == dt and t.dev == dev:
        return t
    if t.contiguous or not dense(t):
        r = new_tensor(t.nd, t.sizes, dt, dev)
    else:
        r = empty_strided_like(t.nd, t.sizes, t.strides, dt, dev)
    copy_into(r, t)
    return attach(r, "ToCopyBackward0", (t,), _to_backward, None, (t.dt, t.dev))


cdef Tensor contiguous(Tensor t):
    cdef Tensor r
    if t.contiguous:
        return t
    r = new_tensor(t.nd, t.sizes, t.dt, t.dev)
    copy_into(r, t)
    return attach(r, "CloneBackward0", (t,), _clone_backward, None, ())


def clone_tensor(Tensor t not None, bint preserve=True):
    """A recorded copy; contiguous unless `preserve` and the source is dense."""
    cdef Tensor r
    if preserve:
        r = clone(t)
    else:
        r = new_tensor(t.nd, t.sizes, t.dt, t.dev)
        copy_into(r, t)
    return attach(r, "CloneBackward0", (t,), _clone_backward, None, ())


def contiguous_tensor(Tensor t not None):
    return contiguous(t)


def empty(shape, int dt, int dev=0):
    """An uninitialised tensor."""
    cdef Py_ssize_t[MAX_DIMS] sizes
    cdef int nd = 0
    for s in shape:
        if nd >= MAX_DIMS:
            raise RuntimeError(f"tensors with more than {MAX_DIMS} dimensions are not supported")
        sizes[nd] = s
        nd += 1
    return new_tensor(nd, sizes, dt, dev)


def empty_strided_tensor(shape, strides, int dt, int dev=0):
    cdef Py_ssize_t[MAX_DIMS] sizes
    cdef Py_ssize_t[MAX_DIMS] steps
    cdef int nd = 0
    for n, s in zip(shape, strides, strict=True):
        sizes[nd], steps[nd] = n, s
        nd += 1
    return empty_strided_like(nd, sizes, steps, dt, dev)


def empty_like_tensor(Tensor t not None, int dt, int dev):
    """Uninitialised, laid out as `t` where that is dense."""
    if t.contiguous or not dense(t):
        return new_tensor(t.nd, t.sizes, dt, dev)
    return empty_strided_like(t.nd, t.sizes, t.strides, dt, dev)


def is_dense(Tensor t not None):
    return dense(t)


def full(shape, value, int dt, int dev=0):
    cdef Tensor t = empty(shape, dt, dev)
    fill(t, value)
    return t


def _fill_backward(node, g):
    return (zeros_like(<Tensor> g), g.sum() if node.needs(1) else None)


def fill_(Tensor self not None, value):
    """Fills in place with a number or a 0-dim tensor."""
    if isinstance(value, Tensor):
        if (<Tensor> value).nd:
            raise RuntimeError("fill_ only supports 0-dimension value tensor but got tensor with "
                               f"{(<Tensor> value).nd} dimensions.")
        recorded = _core.prepare_inplace(self, value)
        copy_into(self, <Tensor> value)
        inputs = (self, value)
    else:
        number = as_number(value)
        if number is None:
            raise TypeError(f"fill_(): argument 'value' (position 1) must be Number, not {type(value).__name__}")
        recorded = _core.prepare_inplace(self)
        fill(self, number)
        inputs = (self, None)
    if recorded:
        node = _core.new_function_node(node_type("FillBackward0" if inputs[1] is None else "FillBackward1",
                                                 _core.FunctionNode), "", inputs)
        _core.set_function(node, _fill_backward, 1)
        rebase(self, node)
    bump(self)
    return self


cdef int warn_of_parts(int of, int to) except -1:
    """Says once that a cast which the user asked for drops imaginary parts."""
    if of >= CFLOAT and BOOL < to < CFLOAT:
        warn_once("Casting complex values to real discards the imaginary part")
    return 0


def _copy_backward(node, g):
    shape, dt, dev = node.args
    return (zeros_like(<Tensor> g) if node.needs(0) else None,
            moved_back(sum_to(<Tensor> g, shape), dt, dev) if node.needs(1) else None)


def copy_(Tensor self not None, Tensor src not None, non_blocking=False):
    """Copies the elements of `src`, which must broadcast to this shape, into this tensor; returns it."""
    cdef int i, shift = self.nd - src.nd
    if shift < 0:
        raise RuntimeError(f"output with shape {list(self.shape)} doesn't match the broadcast shape "
                           f"{list(broadcast_shapes_of((self, src)))}")
    for i in range(src.nd):
        if src.sizes[i] != 1 and src.sizes[i] != self.sizes[i + shift]:
            raise broadcast_error(self.sizes[i + shift], src.sizes[i], i + shift)
    refuse_self_overlap(self)
    refuse_partial_overlap(self, src)
    cdef bint recorded = _core.prepare_inplace(self, src)
    cdef Tensor of = src
    warn_of_parts(src.dt, self.dt)
    if src.storage is self.storage and src is not self:
        of = clone(shallow(src))
    if src is not self:
        copy_into(self, of)
    if recorded:
        node = _core.new_function_node(node_type("CopyBackwards", _core.FunctionNode), "", (self, src))
        _core.set_function(node, _copy_backward, 1)
        _core.set_args(node, (src.shape, src.dt, src.dev))
        rebase(self, node)
    bump(self)
    return self


cdef Tensor sum_to(Tensor g, object shape):
    """Sums a gradient over the dimensions that broadcasting added; differentiable."""
    cdef Py_ssize_t n = len(shape)
    cdef int i, shift = g.nd - <int> n
    cdef list dims = []
    for i in range(g.nd):
        if i < shift or (g.sizes[i] != 1 and <Py_ssize_t> shape[i - shift] == 1):
            dims.append(i)
    if dims:
        g = <Tensor> GRADIENT_NAMESPACE["_sum"](g, dims)
    if g.nd != n:
        g = <Tensor> g.reshape(shape)
    elif g.shape != shape:
        g = <Tensor> g.expand(shape)
    return g


# ------------------------------------------------------------------ making the operators

cdef Op make_op(object row, dict kernels):
    cdef Op op = Op.__new__(Op)
    cdef int i, j
    op.name, op.row, op.arity, op.kind = row.name, row, row.arity, _KINDS[row.kind]
    op.c = &cg_ops[<int> kernels[row.name]]
    op.n_params = len(row.params)
    # Integer division looks at its divisor first; parameters, and results of another type, want a plan.
    op.fast_from = N_DTYPES if row.params else FLOAT if row.zero_division or op.kind == KIND_FLOAT else BOOL
    op.fast_to = CFLOAT if row.real_result else N_DTYPES
    op.no_ints, op.no_half = row.ints is False and row.kind == "float", not row.half
    op.no_bool_operand = bool(row.bool_error or row.one_dtype)
    op.real_result = row.real_result
    op.node_types, op.grads, op.grad_texts = [None] * 8, [None] * 3, [None] * 3
    for i, (_, default) in enumerate(row.params):
        op.defaults[i].f = float("nan") if default is None else default
    for i in range(8):
        name = row.grad_name_ if i == IN_PLACE else row.grad_name
        if i == 1 and row.grad_name_a:
            name = row.grad_name_a
        if i == 2 and row.grad_name_b:
            name = row.grad_name_b
        op.node_types[i] = node_type(name, ElementwiseNode) if name else None
    for i, text in enumerate((row.da, row.db, row.dc)):
        if text is None:
            op.grad_mode[i] = GRAD_NONE
        elif text == _table.ZERO:
            op.grad_mode[i] = GRAD_ZERO
        elif text == _table.MISSING:
            op.grad_mode[i] = GRAD_MISSING
        elif text == "g":
            op.grad_mode[i] = GRAD_IDENTITY
        else:
            op.grad_mode[i] = GRAD_TEXT
            grad = Op.__new__(Op)
            (<Op> grad).name = f"{row.name}.d{'abc'[i]}"
            (<Op> grad).row, (<Op> grad).kind = row, KIND_FLOAT
            (<Op> grad).c = &cg_ops[<int> kernels[(<Op> grad).name]]
            (<Op> grad).n_params = op.n_params
            (<Op> grad).defaults = op.defaults
            op.grads[i] = <Op> grad
            op.grad_texts[i] = text
            for j, letter in enumerate("gabcy"):
                if letter in (<Op> grad).c.args.decode():
                    op.needs[i] |= 1 << j
        for letter in row.saves[i] if i < len(row.saves) else "":
            op.needs[i] |= 1 << "gabcy".index(letter)
    return op


def _make_ops():
    cdef int i
    kernels = {cg_ops[i].name.decode(): i for i in range(cg_n_ops)}
    for row in _table.rows():
        if not row.start:
            OPS[row.name] = make_op(row, kernels)


_make_ops()


cdef object operand(str function, str argument, int position, object x):
    """A tensor, or a Python number; anything else is refused as PyTorch refuses it."""
    if isinstance(x, Tensor):
        return x
    number = as_number(x)
    if number is None:
        raise TypeError(f"{function}(): argument '{argument}' (position {position}) must be Tensor, not "
                        f"{type(x).__name__}")
    return number


cdef Tensor checked_out(str function, object out):
    if out is not None and not isinstance(out, Tensor):
        raise TypeError(f"{function}(): argument 'out' must be Tensor, not {type(out).__name__}")
    return <Tensor> out


def call(Op op not None, tuple operands, tuple params=None, out=None):
    """The operator on operands (tensors or numbers, at least one tensor) with its parameters in order."""
    cdef str name = op.name
    cdef list checked = []
    cdef int i
    for i, x in enumerate(operands):
        checked.append(operand(name, ("input", "other", "other")[i], i + 1, x))
    return elementwise(op, tuple(checked), params, checked_out(name, out), False)


def call_(Op op not None, Tensor self not None, tuple others=(), tuple params=None):
    """The operator in place on `self`."""
    return elementwise(op, (self, *[operand(op.name + "_", "other", 1, x) for x in others]), params, self, True)


def unary_function(Op op not None, str name):
    """torch.<name>(input, *, out=None)"""
    def f(input, *, out=None):
        if not isinstance(input, Tensor):
            raise TypeError(f"{name}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
        if out is None:
            r = fast(op, <Tensor> input, input, None)
            if r is not None:
                return r
        return elementwise(op, (input,), None, checked_out(name, out), False)
    f.__name__ = f.__qualname__ = name
    f.__doc__ = op.row.doc or f"{name}(input, *, out=None) -> Tensor: {op.row.text} of each element a."
    return f


def unary_method(Op op not None, str name):
    def f(self):
        cdef Tensor r = fast(op, <Tensor?> self, self, None)
        return elementwise(op, (self,), None, None, False) if r is None else r
    f.__name__ = f.__qualname__ = name
    return f


def unary_method_(Op op not None, str name):
    def f(self):
        return elementwise(op, (<Tensor?> self,), None, <Tensor> self, True)
    f.__name__ = f.__qualname__ = name
    return f


cdef int number_dtype(object x):
    """The dtype of a tensor made of a Python number."""
    if isinstance(x, bool):
        return BOOL
    if isinstance(x, int):
        return INT64
    return default_dtype_code() if isinstance(x, float) else complex_of(default_dtype_code())


cdef str no_such_operands(str name, object x, object y):
    return (f"{name}() received an invalid combination of arguments - got ({type(x).__name__}, {type(y).__name__}), "
            "but expected one of:\n * (Tensor input, Tensor other, *, Tensor out = None)\n"
            " * (Tensor input, Number other, *, Tensor out = None)\n")


cdef object no_tensor(str name, str argument, int position, object x):
    return TypeError(f"{name}(): argument '{argument}' (position {position}) must be Tensor, not {type(x).__name__}")


def binary_function(Op op not None, str name):
    """torch.<name>(input, other, *, out=None)"""
    cdef str numbers = op.row.numbers, second = op.row.arguments[1]

    def f(input, other, *, out=None):
        cdef Tensor r
        if out is None and isinstance(input, Tensor) and isinstance(other, Tensor):
            r = fast(op, <Tensor> input, input, other)
            if r is not None:
                return r
        a = operand(name, "input", 1, input)
        b = operand(name, second, 2, other)
        if not isinstance(a, Tensor):
            if numbers == "other":
                raise TypeError(no_such_operands(name, input, other))
            if numbers == "none" or (numbers == "one" and not isinstance(b, Tensor)):
                raise no_tensor(name, "input", 1, input)
            if not isinstance(b, Tensor):
                a = full((), a, number_dtype(a))
        elif numbers == "none" and not isinstance(b, Tensor):
            raise no_tensor(name, second, 2, other)
        return elementwise(op, (a, b), None, checked_out(name, out), False)
    f.__name__ = f.__qualname__ = name
    f.__doc__ = op.row.doc or f"{name}(input, other, *, out=None) -> Tensor: {op.row.text} of the elements a and b."
    return f


def binary_method(Op op not None, str name):
    cdef bint numbers = op.row.numbers != "none"
    cdef str second = op.row.arguments[1]

    def f(self, other):
        cdef Tensor r
        if isinstance(other, Tensor) or numbers and isinstance(other, (float, int)):
            r = fast(op, <Tensor?> self, self, other)
            if r is not None:
                return r
        elif not numbers:
            raise no_tensor(name, second, 1, other)
        return elementwise(op, (<Tensor?> self, operand(name, second, 1, other)), None, None, False)
    f.__name__ = f.__qualname__ = name
    return f


def binary_method_(Op op not None, str name):
    cdef bint numbers = op.row.numbers != "none"

    def f(self, other):
        if not numbers and not isinstance(other, Tensor):
            raise no_tensor(name, op.row.arguments[1], 1, other)
        return elementwise(op, (<Tensor?> self, operand(name, "other", 1, other)), None, <Tensor> self, True)
    f.__name__ = f.__qualname__ = name
    return f


def binary_operator(Op op not None, str name, bint reflected=False, bint inplace=False):
    """The method behind a Python operator: NotImplemented for operands that are no numbers."""
    def f(self, other):
        cdef Tensor r
        if isinstance(other, (Tensor, float, int)):
            if not inplace:
                r = fast(op, <Tensor?> self, other, self) if reflected else fast(op, <Tensor?> self, self, other)
                if r is not None:
                    return r
        else:
            number = as_number(other)
            if number is not None:
                other = number
            elif hasattr(other, "__array__") and not inplace:
                other = _core.tensor_of_array(other)
            else:
                return NotImplemented
        if inplace:
            return elementwise(op, (self, other), None, <Tensor?> self, True)
        return elementwise(op, (other, self) if reflected else (self, other), None, None, False)
    f.__name__ = f.__qualname__ = name
    return f


def number_of(str function, str argument, int position, x):
    """A Python number of `x`; anything else is refused as PyTorch refuses it."""
    number = as_number(x)
    if number is None:
        raise TypeError(f"{function}(): argument '{argument}' (position {position}) must be Number, not "
                        f"{type(x).__name__}")
    return number


def as_number_or_none(x):
    return as_number(x)


def _zero_backward(node, g):
    return zeros_like(<Tensor> g)


def zero_(Tensor self not None):
    """Fills with zeros in place."""
    recorded = _core.prepare_inplace(self)
    fill(self, 0)
    if recorded:
        node = _core.new_function_node(node_type("ZeroBackward0", _core.FunctionNode), "", (self,))
        _core.set_function(node, _zero_backward, 1)
        rebase(self, node)
    bump(self)
    return self


def fill_function(Tensor input not None, value):
    """A tensor of the input's shape and dtype filled with `value` (a number or a 0-dim tensor)."""
    return fill_(clone_tensor(input), value)


FUNCTIONS = {"fill": fill_function, "fill_": fill_, "zero_": zero_}
METHODS = {"copy_": copy_, "fill_": fill_, "zero_": zero_}
