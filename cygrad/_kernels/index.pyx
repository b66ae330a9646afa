"""Elements moved by an index, by a mask or into a triangle, on the CPU.

* A walk visits up to four operands together; one of them may be a table of offsets (`index.h`).  It is cut over threads
  along a dimension in which no two positions share an element, so results do not depend on their number.
* An index is checked as a whole before anything is written.  One without negative numbers serves as the table as it
  stands.
"""
from cython.parallel cimport prange
from libc.stdint cimport int64_t
from libc.string cimport memcpy, memset

from cygrad import _ops, _walk
from cygrad._core cimport (
    INT64, MAX_DIMS, Tensor, data_of, itemsize_of, new_tensor, raw_view, refuse_complex)
from cygrad._kernels.copies cimport as_float, plain, vector
from cygrad._ops cimport GRAIN, copy_into
from cygrad._threads cimport Region, close_region, end_part, num_threads, open_region

cdef extern from "_kernels/index.h" nogil:
    ctypedef void (*cg_move)(Py_ssize_t n, char** p, const Py_ssize_t* s) noexcept
    ctypedef Py_ssize_t (*cg_masked)(Py_ssize_t n, char* out, const char* inp, const char* mask) noexcept
    cg_move[5] cg_gets
    cg_move[5] cg_puts
    cg_move[5] cg_wheres
    cg_masked[5] cg_compresses
    cg_masked[5] cg_expands
    cg_move[4][12] cg_accumulates
    Py_ssize_t cg_count_mask(Py_ssize_t n, const char* mask)
    void cg_mask_positions(Py_ssize_t n, Py_ssize_t size, const char* mask, int64_t* out)
    Py_ssize_t cg_first_bad(Py_ssize_t n, const int64_t* index, int64_t size)
    Py_ssize_t cg_offsets(Py_ssize_t n, int64_t* table, const int64_t* index, int64_t size, int64_t step,
                          int adds, int wraps)

cdef enum:
    WALK_OPERANDS = 4
    GET = -2


# ------------------------------------------------------------------ walks

cdef struct Walk:
    int nd
    int n                                   # operands
    Py_ssize_t count
    Py_ssize_t sizes[64]
    Py_ssize_t strides[WALK_OPERANDS][64]   # bytes
    char* ptr[WALK_OPERANDS]
    Py_ssize_t scale                        # bytes per step of the table, where operand 2 is one
    bint safe[64]                           # different positions along the dimension never meet in one element


cdef int log2_size(int dt) noexcept nogil:
    cdef int n = itemsize_of(dt)
    return 0 if n == 1 else 1 if n == 2 else 2 if n == 4 else 3 if n == 8 else 4


cdef void merge_walk(Walk* w) noexcept nogil:
    """Drops dimensions of size 1 and joins neighbours that are one run for every operand."""
    cdef int i, k, last = -1
    for i in range(w.nd):
        if w.sizes[i] == 1:
            continue
        if last >= 0 and w.safe[last] == w.safe[i]:
            for k in range(w.n):
                if w.strides[k][last] != w.strides[k][i] * w.sizes[i]:
                    break
            else:
                w.sizes[last] *= w.sizes[i]
                for k in range(w.n):
                    w.strides[k][last] = w.strides[k][i]
                continue
        last += 1
        w.sizes[last], w.safe[last] = w.sizes[i], w.safe[i]
        for k in range(w.n):
            w.strides[k][last] = w.strides[k][i]
    w.nd = last + 1


cdef void walk_part(const Walk* whole, int cut, Py_ssize_t lo, Py_ssize_t hi, cg_move f) noexcept nogil:
    """Positions lo..hi of dimension `cut`, all of the others."""
    cdef Py_ssize_t[MAX_DIMS] index
    cdef Py_ssize_t[MAX_DIMS] sizes
    cdef char* at[WALK_OPERANDS]
    cdef Py_ssize_t steps[WALK_OPERANDS]
    cdef int i, k, last = whole.nd - 1
    cdef Py_ssize_t inner
    for k in range(whole.n):
        at[k] = whole.ptr[k]
        if last >= 0:
            at[k] += lo * whole.strides[k][cut]
        steps[k] = whole.strides[k][last] if last >= 0 else 0
    if whole.n == 3:
        steps[3] = whole.scale
    for i in range(whole.nd):
        index[i] = 0
        sizes[i] = hi - lo if i == cut else whole.sizes[i]
    inner = sizes[last] if last >= 0 else 1
    while True:
        f(inner, at, steps)
        for i in range(last - 1, -1, -1):
            index[i] += 1
            for k in range(whole.n):
                at[k] += whole.strides[k][i]
            if index[i] < sizes[i]:
                break
            index[i] = 0
            for k in range(whole.n):
                at[k] -= sizes[i] * whole.strides[k][i]
        else:
            return


cdef void run_walk(Walk* w, cg_move f) noexcept nogil:
    """Calls the strip `f` on all of the walk, on several threads where that pays."""
    cdef Region region
    cdef int i, cut = 0, parts, t
    cdef Py_ssize_t size, share
    if w.count == 0:
        return
    merge_walk(w)
    parts = num_threads()
    if parts > 1 and w.count >= GRAIN:
        if parts > w.count // (GRAIN // 2):
            parts = <int> (w.count // (GRAIN // 2))
        cut = -1
        for i in range(w.nd):
            if w.safe[i] and (cut < 0 or w.sizes[i] > w.sizes[cut]):
                cut = i
                if w.sizes[i] >= 4 * parts:
                    break
        if cut >= 0 and w.sizes[cut] > 1:
            size = w.sizes[cut]
            if parts > size:
                parts = <int> size
            share = (size + parts - 1) // parts
            open_region(&region, parts)
            for t in prange(parts, schedule="static", num_threads=region.n):
                if t * share < size:
                    walk_part(w, cut, t * share, min(size, (t + 1) * share), f)
                end_part(&region)
            close_region(&region)
            return
        cut = 0
    walk_part(w, cut, 0, w.sizes[0] if w.nd else 1, f)


cdef int run(Walk* w, cg_move f) except -1:
    if w.count < GRAIN:
        run_walk(w, f)
    else:
        with nogil:
            run_walk(w, f)
    return 0


# ------------------------------------------------------------------ by index

cdef int move(Tensor dense, Tensor x, int dim, Tensor index, bint wraps, int error, int place, int op) except -1:
    """Elements between `dense` and the places along `dim` of `x` that `index` names."""
    cdef Walk w
    cdef Py_ssize_t[MAX_DIMS] once          # the index without what is only expanded
    cdef Tensor table = index, t
    cdef int i, nd = index.nd, item = itemsize_of(x.dt)
    cdef Py_ssize_t size = x.sizes[dim], bad = -1
    cdef const int64_t* at
    cdef bint dense_index = index.dt == INT64
    w.nd, w.n, w.count, w.scale = nd, 3, index.count, x.strides[dim] * item
    cdef Py_ssize_t n = 1
    for i in range(nd - 1, -1, -1):
        w.sizes[i] = index.sizes[i]
        once[i] = 1 if index.strides[i] == 0 else index.sizes[i]
        w.strides[0][i] = dense.strides[i] * item
        w.strides[1][i] = x.strides[i] * item if i != dim else 0
        w.strides[2][i] = n * 8 if once[i] != 1 else 0
        w.safe[i] = op == GET or (i != dim and x.strides[i] != 0)
        dense_index = dense_index and (once[i] == 1 or index.strides[i] == n)
        n *= once[i]
    if not dense_index:
        t = raw_view(index, nd, once, index.strides, index.offset)
        table = new_tensor(nd, once, INT64, 0)
        copy_into(table, t)
    at = <const int64_t*> data_of(table)
    if error:
        if n < GRAIN:
            bad = cg_first_bad(n, at, size)
        else:
            with nogil:
                bad = cg_first_bad(n, at, size)
        if bad >= 0 and wraps:
            t = vector(n, INT64)
            bad = cg_offsets(n, <int64_t*> t.storage.ptr, at, size, w.scale, False, True)
            table, w.scale = t, 1
        if bad >= 0:
            raise _walk.out_of_range(error, at[bad], place, size)
    w.ptr[0], w.ptr[1], w.ptr[2] = data_of(dense), data_of(x), data_of(table)
    cdef cg_move f = cg_gets[log2_size(x.dt)] if op == GET else cg_puts[log2_size(x.dt)] if op == PUT else \
        cg_accumulates[op][x.dt]
    if f == NULL:
        refuse_complex("scatter_reduce", x)
    return run(&w, f)


cpdef int gather(Tensor out, Tensor x, int dim, Tensor index, bint wraps, int error, int place) except -1:
    return move(out, x, dim, index, wraps, error, place, GET)


cpdef int scatter(Tensor x, int dim, Tensor index, Tensor src, int op, bint wraps, int error, int place) except -1:
    return move(src, x, dim, index, wraps, error, place, op)


cpdef int linear_index(Tensor out, Tensor x, tuple dims, tuple indices) except -1:
    cdef Py_ssize_t bad = -1, at
    cdef Tensor t
    cdef int k, dim
    cdef object error = None
    for k in range(<int> len(dims)):
        dim = dims[k]
        t = as_float(<Tensor> indices[k], INT64)
        at = cg_offsets(t.count, <int64_t*> data_of(out), <int64_t*> data_of(t), x.sizes[dim], x.strides[dim], k > 0,
                        True)
        if at >= 0 and (bad < 0 or at < bad):
            bad = at
            error = _walk.out_of_range(_walk.INDEX, (<int64_t*> data_of(t))[at], k, x.sizes[dim])
    if bad >= 0:
        raise error
    return 0


# ------------------------------------------------------------------ by mask

cpdef int where(Tensor out, Tensor cond, object a, object b) except -1:
    cdef Walk w
    cdef int i, k, shift, item = itemsize_of(out.dt)
    cdef Tensor t
    if not isinstance(a, Tensor):
        a = _ops.full((), a, out.dt, 0)
    if not isinstance(b, Tensor):
        b = _ops.full((), b, out.dt, 0)
    w.nd, w.n, w.count = out.nd, 4, out.count
    for k in range(4):
        t = out if k == 0 else cond if k == 1 else <Tensor> a if k == 2 else <Tensor> b
        w.ptr[k] = data_of(t)
        shift = out.nd - t.nd
        for i in range(out.nd):
            w.strides[k][i] = 0 if i < shift or t.sizes[i - shift] == 1 else \
                t.strides[i - shift] * (1 if k == 1 else item)
    for i in range(out.nd):
        w.sizes[i] = out.sizes[i]
        w.safe[i] = True
    return run(&w, cg_wheres[log2_size(out.dt)])


cpdef Tensor positions(Tensor mask):
    cdef Tensor m = plain(mask), r
    r = vector(cg_count_mask(m.count, data_of(m)), INT64)
    cg_mask_positions(r.count, m.count, data_of(m), <int64_t*> r.storage.ptr)
    return r


cpdef Tensor compress(Tensor x, Tensor mask):
    cdef Tensor m = plain(mask), a = plain(x)
    cdef Tensor r = vector(cg_count_mask(m.count, data_of(m)), x.dt)
    cg_compresses[log2_size(x.dt)](r.count, r.storage.ptr, data_of(a), data_of(m))
    return r


cpdef int masked_put(Tensor out, Tensor mask, Tensor src) except -1:
    cdef Tensor m = plain(mask), s = plain(src)
    if cg_count_mask(m.count, data_of(m)) > s.count:
        raise _walk.too_few()
    cg_expands[log2_size(out.dt)](m.count, data_of(out), data_of(s), data_of(m))
    return 0


cpdef int coordinates(Tensor out, Tensor flat, object sizes) except -1:
    cdef int64_t* to = <int64_t*> data_of(out)
    cdef const int64_t* of = <const int64_t*> data_of(flat)
    cdef Py_ssize_t[MAX_DIMS] size
    cdef Py_ssize_t[MAX_DIMS] here          # the coordinates of the first element of the row
    cdef Py_ssize_t i, n = flat.count, row = -1, start = 0, rest
    cdef int k, last = <int> len(sizes) - 1
    for k in range(last + 1):
        size[k] = sizes[k]
    with nogil:
        for i in range(n):
            if row < 0 or of[i] - start >= size[last]:
                row = rest = of[i] // size[last]
                start = row * size[last]
                for k in range(last - 1, 0, -1):
                    here[k] = rest % size[k]
                    rest = rest // size[k]
                here[0] = rest
            for k in range(last):
                to[k * n + i] = here[k]
            to[last * n + i] = of[i] - start
    return 0


# ------------------------------------------------------------------ places known beforehand

cdef void triangle_rows(char* to, const char* of, Py_ssize_t lo, Py_ssize_t hi, Py_ssize_t rows, Py_ssize_t columns,
                        Py_ssize_t diagonal, Py_ssize_t item, bint lower) noexcept nogil:
    cdef Py_ssize_t row, edge, at
    for row in range(lo, hi):
        at = row * columns * item
        edge = row % rows + diagonal + (1 if lower else 0)
        edge = 0 if edge < 0 else columns if edge > columns else edge
        if lower:
            memcpy(to + at, of + at, edge * item)
            memset(to + at + edge * item, 0, (columns - edge) * item)
        else:
            memset(to + at, 0, edge * item)
            memcpy(to + at + edge * item, of + at + edge * item, (columns - edge) * item)


cpdef int triangle(Tensor out, Tensor x, Py_ssize_t diagonal, bint lower) except -1:
    cdef Region region
    cdef Tensor a = plain(x)
    cdef Py_ssize_t rows = x.sizes[x.nd - 2], columns = x.sizes[x.nd - 1], total = out.count // columns, share
    cdef Py_ssize_t item = itemsize_of(x.dt)
    cdef int t, parts = num_threads()
    cdef char* to = data_of(out)
    cdef char* of = data_of(a)
    if parts > 1 and out.count >= GRAIN:
        share = (total + parts - 1) // parts
        open_region(&region, parts)
        for t in prange(parts, schedule="static", num_threads=region.n, nogil=True):
            triangle_rows(to, of, min(total, t * share), min(total, (t + 1) * share), rows, columns, diagonal, item,
                          lower)
            end_part(&region)
        close_region(&region)
    else:
        triangle_rows(to, of, 0, total, rows, columns, diagonal, item, lower)
    return 0


cpdef Tensor interleave(Tensor counts):
    cdef Tensor c = as_float(counts, INT64), r
    cdef const int64_t* count = <const int64_t*> data_of(c)
    cdef int64_t* to
    cdef Py_ssize_t i, j, total = 0
    for i in range(c.count):
        if count[i] < 0:
            raise _walk.out_of_range(_walk.REPEATS, count[i], 0, 0)
        total += count[i]
    r = vector(total, INT64)
    to = <int64_t*> r.storage.ptr
    with nogil:
        for i in range(c.count):
            for j in range(count[i]):
                to[j] = i
            to += count[i]
    return r


cpdef int triangle_indices(Tensor out, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t diagonal,
                           bint lower) except -1:
    cdef int64_t* row = <int64_t*> data_of(out)
    cdef int64_t* column = row + out.sizes[1]
    cdef Py_ssize_t i, j, low, high
    # The rows that have elements: there may be any number of others.
    cdef Py_ssize_t first = max(-diagonal, 0) if lower else 0
    cdef Py_ssize_t end = rows if lower else min(rows, max(columns - diagonal, 0))
    with nogil:
        for i in range(first, end):
            low = 0 if lower else max(i + diagonal, 0)
            high = min(i + diagonal + 1, columns) if lower else columns
            for j in range(low, high):
                row[0], column[0] = i, j
                row += 1
                column += 1
    return 0
