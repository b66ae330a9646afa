"""Rows of the table on a device: index spaces, elementwise kernels, copies, reductions.

Shapes are worked out on the host: operands become strided index spaces with as few dimensions as possible, so that
contiguous work needs no division in the kernel.  A space goes to the kernel as one struct, in which a few dozen numbers
cost what one argument costs; what a kernel is compiled for is dtypes alone.
"""
from cygrad._core cimport (
    BOOL, HALF, BFLOAT16, CFLOAT, CDOUBLE, FLOAT, DOUBLE, INT64, Tensor, new_tensor, data_of, itemsize_of,
    dtype_object, device_object, same_shape)
from cygrad._ops cimport MAX_OPERANDS, Plan, coalesce, copy_into
from cygrad.cl._launch cimport (
    Args, Buffer, Device, Kernel, add_buffer, add_long, add_number, buffer_of, check_fp64, device_of, launch,
    make_kernel)
from cygrad._table import rows as _table

cdef enum:
    RANK = 8                        # dimensions that a kernel walks: _source.RANK
    SCALAR = 15                     # dtype code of an operand that is a Python number
    COLUMNS = 64                    # outputs side by side in a column reduction: _reductions.COLUMNS
    STRIP = 64                      # elements that a kernel gathers at a time: _elementwise.STRIP


# ------------------------------------------------------------------ index spaces

# A space is a Plan of the executor without its pointers; strides count elements, not bytes.

cdef Py_ssize_t ceil_div(Py_ssize_t a, Py_ssize_t b) noexcept nogil:
    return (a + b - 1) // b


# ------------------------------------------------------------------ elementwise

cdef struct Walk:
    long long rank, flat, chunk, rows, block, count
    long long size[RANK]            # innermost first
    long long rest[MAX_OPERANDS + MAX_OPERANDS * RANK]      # where each tensor begins, then the strides of each


def elementwise(str name, Tensor out not None, list operands, list params, int compute):
    """Row `name` of the table (or a gradient such as "sigmoid.da") on operands of out's shape (expanded tensors of any
    dtype, or numbers), computed in dtype code `compute` (half types: in float32), stored as out's dtype."""
    cdef Device device = device_of(out.dev)
    cdef Plan p
    cdef Args a
    cdef Walk w
    cdef Tensor t
    cdef int i, k, rank, outer, n_ops = <int> len(operands)
    cdef unsigned long long key
    cdef Py_ssize_t n, extent
    cdef bint wide = False
    if out.count == 0:
        return
    if compute == HALF or compute == BFLOAT16:
        compute = FLOAT
    if n_ops >= MAX_OPERANDS:
        raise ValueError(f"{name} has more than {MAX_OPERANDS - 1} operands")
    # --- the index space, the arguments, and what the kernel is made for
    p.nd = out.nd
    for i in range(out.nd):
        p.sizes[i] = out.sizes[i]
        p.strides[0][i] = out.strides[i]
    p.n = 1
    w.rest[0] = out.offset
    a.n = 0
    add_buffer(&a, buffer_of(out))
    key = out.dt | compute << 4
    i = 9
    for x in operands:
        if isinstance(x, Tensor):
            t = <Tensor> x
            if t.dev != out.dev and device_of(t.dev) is not device:
                raise RuntimeError("Expected all tensors to be on the same device, but found at least two devices, "
                                   f"{device_object(out.dev)} and {device_object(t.dev)}!")
            if not same_shape(t, out):
                raise ValueError(f"{name}: an operand of shape {list(t.shape)} for an output of {list(out.shape)}")
            for k in range(t.nd):
                p.strides[p.n][k] = t.strides[k]
            w.rest[p.n] = t.offset
            p.n += 1
            add_buffer(&a, buffer_of(t))
            key |= <unsigned long long> t.dt << i
        else:
            add_number(&a, compute, x)
            key |= <unsigned long long> SCALAR << i
        i += 4
    for i, x in enumerate(params):
        add_number(&a, compute, default_param(name, i) if x is None else x)
    coalesce(&p, True)
    if p.nd == 0:                   # one element: as a contiguous run of one
        p.nd, p.sizes[0] = 1, 1
        for i in range(p.n):
            p.strides[i][0] = 1
    if not device.cpu:              # a work-item per element counts in 32 bits where they fit
        for k in range(p.n):
            extent = w.rest[k]
            for i in range(p.nd):
                extent += (p.sizes[i] - 1) * p.strides[k][i]
            wide |= extent >= <Py_ssize_t> 1 << 31
        wide |= out.count >= <Py_ssize_t> 1 << 31
        key |= <int> wide << 8
    kernels = device.elementwise_kernels.get(name)
    kernel = None if kernels is None else (<dict> kernels).get(key)
    if kernel is None:
        kernel = elementwise_kernel(device, name, out, operands, compute, wide, key)
    # --- the struct, and how the work is cut
    outer = p.nd - RANK if p.nd > RANK else 0
    rank = p.nd - outer
    w.rank, w.rows, w.flat = rank, 1, rank == 1
    for i in range(rank):
        w.size[i] = p.sizes[p.nd - 1 - i]
        if i:
            w.rows *= w.size[i]
    for k in range(p.n):
        for i in range(rank):
            w.rest[p.n + k * RANK + i] = p.strides[k][p.nd - 1 - i]
        w.flat &= p.strides[k][p.nd - 1] == 1
    n = w.size[0]
    w.count = n * w.rows
    w.chunk = w.block = 1
    if not device.cpu:              # of complex numbers, each by itself
        w.flat &= compute < CFLOAT and out.dt < CFLOAT
        for x in operands:
            w.flat &= not isinstance(x, Tensor) or (<Tensor> x).dt < CFLOAT
    if device.cpu:
        w.chunk = min(max(ceil_div(w.count, 4 * device.units), 4096), 65536) // 64 * 64
        if rank > 1:
            # Rows below each other are neighbours in memory for whom this dimension is none: strips of all rows.
            for k in range(p.n):
                if p.strides[k][p.nd - 1] > 1 and n > STRIP:
                    w.block = w.chunk // STRIP
                    w.chunk = STRIP
                    break
            else:
                if n < w.chunk:
                    w.block = max(w.chunk // n, 1)
                    w.chunk = n
    if outer == 0:
        launch_walk(device, <Kernel> kernel, &a, &w, p.n)
    else:
        launch_parts(device, <Kernel> kernel, &a, &w, &p, outer)


cdef int launch_walk(Device device, Kernel kernel, Args* a, Walk* w, int n) except -1:
    cdef size_t size = (6 + RANK + n + n * RANK) * sizeof(long long)
    if device.cpu:
        return launch(device, kernel, a, w, size, ceil_div(w.size[0], w.chunk), ceil_div(w.rows, w.block), 1)
    cdef Py_ssize_t items = ceil_div(w.count, 4) if w.flat else w.count
    return launch(device, kernel, a, w, size, ceil_div(items, device.group) * device.group, 1, device.group)


cdef int launch_parts(Device device, Kernel kernel, Args* a, Walk* w, Plan* p, int outer) except -1:
    """One launch for each place in the outermost dimensions, which are too many for a kernel."""
    cdef Py_ssize_t[64] at
    cdef int i, k
    for i in range(outer):
        at[i] = 0
    while True:
        launch_walk(device, kernel, a, w, p.n)
        i = outer - 1
        while i >= 0:
            at[i] += 1
            for k in range(p.n):
                w.rest[k] += p.strides[k][i]
            if at[i] < p.sizes[i]:
                break
            for k in range(p.n):
                w.rest[k] -= p.sizes[i] * p.strides[k][i]
            at[i] = 0
            i -= 1
        if i < 0:
            return 0


cdef object default_param(str name, int i):
    """What the table gives for a parameter that was not given; NaN where it gives nothing, as on the CPU."""
    default = _table.by_name[name.partition(".d")[0]].params[i][1]
    return float("nan") if default is None else default


cdef Kernel elementwise_kernel(Device device, str name, Tensor out, list operands, int compute, bint wide,
                               unsigned long long key):
    from cygrad.cl import _elementwise
    check_fp64(device, out.dev, out.dt)
    check_fp64(device, out.dev, compute)
    dts = []
    for x in operands:
        if isinstance(x, Tensor):
            check_fp64(device, out.dev, (<Tensor> x).dt)
            dts.append((<Tensor> x).dt)
        else:
            dts.append(SCALAR)
    sig = _elementwise.Signature(out.dt, tuple(dts), compute, wide)
    if _elementwise.find(name, compute)[1] is None:
        raise NotImplementedError(f"\"{name}\" not implemented for {dtype_object(compute)!r} on OpenCL devices")
    names = _elementwise.companions(name, sig)
    kernel = make_kernel(device, ("elementwise", sig, min(names)), _elementwise.kernel_name(name),
                         lambda: _elementwise.elementwise_program(name, sig, device.schedule, device.fp64))
    device.elementwise_kernels.setdefault(name, {})[key] = kernel
    return kernel


# ------------------------------------------------------------------ copies

cdef int compute_dtype(int dt) noexcept:
    return FLOAT if dt == HALF or dt == BFLOAT16 else dt


def fill(Tensor dst not None, value):
    """Every element becomes the Python number."""
    elementwise("_copy", dst, [value], [], compute_dtype(dst.dt))


def where(Tensor out not None, Tensor cond not None, a, b):
    """out = a where cond else b; a and b are expanded tensors or numbers."""
    elementwise("_where", out, [cond, a, b], [], compute_dtype(out.dt))


cdef Tensor of_bits(Tensor t):
    """A contiguous bool tensor of the CPU with bytes 0 and 1, as kernels expect them; NumPy's views may have others."""
    cdef const unsigned char* p = <const unsigned char*> data_of(t)
    cdef unsigned char* q
    cdef unsigned char seen = 0
    cdef Py_ssize_t i
    cdef Tensor r
    for i in range(t.count):
        seen |= p[i]
    if seen <= 1:
        return t
    r = new_tensor(t.nd, t.sizes, BOOL, 0)
    q = <unsigned char*> data_of(r)
    for i in range(t.count):
        q[i] = p[i] != 0
    return r


cdef object _watcher = None


def watch(watcher):
    """watcher(tensor, onward) is told of each copy from host memory to the device (`onward`), and back, before it
    begins; None ends that."""
    global _watcher
    _watcher = watcher


cdef bint same_layout(Tensor a, Tensor b) noexcept:
    """Whether both have the same elements in the same order in one gapless run each."""
    cdef int i
    cdef Py_ssize_t extent = 1
    if a.contiguous and b.contiguous:
        return True
    for i in range(a.nd):
        if a.sizes[i] != 1 and a.strides[i] != b.strides[i]:
            return False
        extent += (a.sizes[i] - 1) * a.strides[i]
    return extent == a.count


cdef Tensor host_copy(Tensor t, int dt):
    """A contiguous CPU tensor of dtype `dt` with t's elements: `t` itself where it is one."""
    cdef Tensor r
    if t.contiguous and t.dt == dt:
        return t
    r = new_tensor(t.nd, t.sizes, dt, 0)
    copy_into(r, t)
    return r


cdef bint transposed(Tensor dst, Tensor src) except -1:
    """Whether the copy was done by tiles."""
    from cygrad.cl import transpose
    return transpose.transpose(dst, src)


def copy(Tensor dst not None, Tensor src not None):
    """The elements of `src`, which has dst's shape, cast to dst's dtype; one at least is on an OpenCL device."""
    cdef Device device
    cdef Tensor t
    cdef Py_ssize_t size
    cdef int dt
    if not same_shape(dst, src):
        raise ValueError(f"copy: the shapes {list(dst.shape)} and {list(src.shape)} differ")
    if dst.count == 0:
        return
    if dst.dev and src.dev and device_of(dst.dev) is device_of(src.dev):
        device = device_of(dst.dev)
        if dst.dt == src.dt and buffer_of(dst) is not buffer_of(src) and same_layout(dst, src):
            size = itemsize_of(dst.dt)
            device.copy(buffer_of(dst), dst.offset * size, buffer_of(src), src.offset * size, dst.count * size)
        elif device.cpu or dst.dt != src.dt or dst.nd < 2 or dst.count < 1024 or not transposed(dst, src):
            elementwise("_copy", dst, [src], [], compute_dtype(src.dt))
    elif src.dev == 0:
        if _watcher is not None:
            _watcher(dst, True)
        device = device_of(dst.dev)
        dt = src.dt
        # The cast is done where the smaller type travels, and never by a device that lacks the type.
        if itemsize_of(dst.dt) <= itemsize_of(dt) or (not device.fp64 and dt in (DOUBLE, CDOUBLE)):
            dt = dst.dt
        if dst.dt == dt and dst.contiguous:
            t = dst
        else:
            t = new_tensor(dst.nd, dst.sizes, dt, dst.dev)
        src = host_copy(src, dt)
        if dt == BOOL:
            src = of_bits(src)
        device.write(buffer_of(t), t.offset * itemsize_of(dt), data_of(src), t.count * itemsize_of(dt))
        if t is not dst:
            copy(dst, t)
    elif dst.dev == 0:
        if _watcher is not None:
            _watcher(src, False)
        device = device_of(src.dev)
        dt = src.dt
        if itemsize_of(dst.dt) <= itemsize_of(dt) and device.fp64:
            dt = dst.dt
        if not src.contiguous or src.dt != dt:
            t = new_tensor(src.nd, src.sizes, dt, src.dev)
            copy(t, src)
            src = t
        t = dst if dst.contiguous and dst.dt == dt else new_tensor(dst.nd, dst.sizes, dt, 0)
        device.read(buffer_of(src), src.offset * itemsize_of(dt), data_of(t), t.count * itemsize_of(dt))
        if t is not dst:
            copy_into(dst, t)
    else:
        t = new_tensor(src.nd, src.sizes, src.dt, 0)
        copy(t, src)
        copy(dst, t)


# ------------------------------------------------------------------ reductions

cdef int split_dims(Tensor x, tuple dims, Plan* kept, Plan* reduced) except -1:
    """The dimensions of x as those that stay (with the strides of a contiguous result) and those that go."""
    cdef unsigned long long gone = 0
    cdef Py_ssize_t step = 1
    cdef int i, k
    for d in dims:
        gone |= <unsigned long long> 1 << <int> (d + x.nd if d < 0 else d)
    kept.n, reduced.n, kept.nd, reduced.nd = 2, 1, 0, 0
    for i in range(x.nd):
        if gone >> i & 1:
            reduced.sizes[reduced.nd] = x.sizes[i]
            reduced.strides[0][reduced.nd] = x.strides[i]
            reduced.nd += 1
        else:
            kept.sizes[kept.nd] = x.sizes[i]
            kept.strides[0][kept.nd] = x.strides[i]
            kept.nd += 1
    for k in range(kept.nd - 1, -1, -1):
        kept.strides[1][k] = step
        step *= kept.sizes[k]
    return 0


cdef struct Cut:
    long long outs, block, splits, chunk, total, at_o, at_x, kept, reduced
    long long kd[RANK]              # innermost first: sizes, strides in x, strides in the result
    long long kx[RANK]
    long long ko[RANK]
    long long rd[RANK]
    long long rx[RANK]


cdef int cut_dims(Cut* c, Plan* kept, Plan* reduced) noexcept:
    """Fills in the dimensions."""
    cdef int i
    c.kept, c.reduced = kept.nd, reduced.nd
    for i in range(kept.nd):
        c.kd[i] = kept.sizes[kept.nd - 1 - i]
        c.kx[i] = kept.strides[0][kept.nd - 1 - i]
        c.ko[i] = kept.strides[1][kept.nd - 1 - i]
    for i in range(reduced.nd):
        c.rd[i] = reduced.sizes[reduced.nd - 1 - i]
        c.rx[i] = reduced.strides[0][reduced.nd - 1 - i]
    return 0


cdef void at_least_one(Plan* p) noexcept:
    """An empty list of dimensions as one of size 1."""
    if p.nd == 0:
        p.nd, p.sizes[0] = 1, 1
        p.strides[0][0] = p.strides[1][0] = 1


cdef Py_ssize_t product(Plan* p) noexcept:
    cdef Py_ssize_t n = 1
    cdef int i
    for i in range(p.nd):
        n *= p.sizes[i]
    return n


def reduce(str name, Tensor out not None, Tensor x not None, tuple dims, list params):
    """Reduction row `name` over the dimensions `dims` of x into `out`, which is contiguous with the kept sizes.

    Sums accumulate in float64 where the device has it, else blockwise in float32; integers in int64.  The order of
    the additions depends on the shape alone.
    """
    from cygrad.cl import _reductions
    cdef Device device = device_of(x.dev)
    cdef Plan kept, reduced
    cdef Args a
    cdef Cut c
    cdef Buffer partial = None
    cdef Py_ssize_t outs, total, splits, chunk, block = 1, cells, per_item
    cdef int i, acc
    cdef bint columns, tree = False
    cdef Py_ssize_t group = 0       # work-items of a tree
    cdef str mode
    row = _table.by_name[name]
    check_fp64(device, x.dev, x.dt)
    check_fp64(device, x.dev, out.dt)
    if not out.contiguous:
        raise ValueError(f"{name}: the result must be contiguous")
    found = _reductions.accumulator(row, x.dt, device.fp64)
    if found is None:
        raise NotImplementedError(f"\"{name}\" not implemented for {dtype_object(x.dt)!r} on OpenCL devices")
    acc = found
    split_dims(x, dims, &kept, &reduced)
    outs = product(&kept)
    if outs != out.count:
        raise ValueError(f"{name}: {out.count} results where x has {outs}")
    if outs == 0:
        return
    total = product(&reduced)
    coalesce(&kept, True)
    coalesce(&reduced, True)
    at_least_one(&kept)
    at_least_one(&reduced)
    if kept.nd > RANK or reduced.nd > RANK:
        reduce(name, out, merged(x, dims), tuple(range(-len(dims), 0)), params)
        return
    i = kept.nd - 1
    columns = reduced.strides[0][reduced.nd - 1] != 1 and kept.strides[0][i] == 1 and kept.sizes[i] >= 8
    # --- how the work is cut: by the shape alone
    if device.cpu:
        mode = "columns" if columns else "rows"
        if columns:
            cells = ceil_div(kept.sizes[kept.nd - 1], COLUMNS) * (outs // kept.sizes[kept.nd - 1])
            per_item, i = 16384 // COLUMNS, 1
        else:
            cells, per_item, i = outs, 32768, 512
        splits = min(ceil_div(total, per_item), max(64 // cells, 1))
        if not columns and total:
            block = max(32768 // total, 1)
    else:
        tree = not columns and total >= 32
        group = device.group if total >= 256 else min(32, device.group)
        mode = "tree" if tree else "items"
        cells, i = outs, 1
        splits = min(ceil_div(total, 4096 if tree else 64), max((1024 if tree else 65536) // outs, 1))
    splits = max(splits, 1)
    chunk = ceil_div(ceil_div(total, splits), i) * i
    splits = max(ceil_div(total, chunk), 1) if chunk else 1
    # --- launch
    if splits > 1:
        partial = device.allocate(outs * splits * itemsize_of(acc))
    key = (name, x.dt, out.dt if splits == 1 else None, mode, total >= 1 << 32, group if tree else 0)
    kernel = device.reduction_kernels.get(key)
    if kernel is None:
        sig = _reductions.Reduction(*key[1:])
        kernel = make_kernel(device, ("reduction", sig), _reductions.kernel_name(name),
                             lambda: _reductions.reduction_program(name, sig, device.schedule, device.fp64))
        device.reduction_kernels[key] = kernel
    a.n = 0
    add_buffer(&a, buffer_of(out) if splits == 1 else partial)
    add_buffer(&a, buffer_of(x))
    for value in params:
        add_number(&a, acc, value)
    c.outs, c.block, c.splits, c.chunk, c.total = outs, block, splits, chunk, total
    c.at_o, c.at_x = out.offset if splits == 1 else 0, x.offset
    cut_dims(&c, &kept, &reduced)
    if device.cpu:
        launch(device, <Kernel> kernel, &a, &c, sizeof(Cut), cells if columns else ceil_div(outs, block), splits, 1)
    elif tree:
        launch(device, <Kernel> kernel, &a, &c, sizeof(Cut), outs * splits * group, 1, group)
    else:
        launch_items(device, <Kernel> kernel, &a, &c, outs * splits)
    if splits == 1:
        return
    key = (name, x.dt, out.dt)
    kernel = device.reduction_kernels.get(key)
    if kernel is None:
        kernel = make_kernel(device, ("join", x.dt, out.dt), _reductions.kernel_name(name) + "_join",
                             lambda: _reductions.join_program(name, x.dt, out.dt, device.schedule, device.fp64))
        device.reduction_kernels[key] = kernel
    a.n = 0
    add_buffer(&a, buffer_of(out))
    add_long(&a, out.offset)
    add_buffer(&a, partial)
    add_long(&a, outs)
    add_long(&a, splits)
    launch_items(device, <Kernel> kernel, &a, NULL, outs)


cdef Tensor merged(Tensor x, tuple dims):
    """A contiguous copy of x with the dimensions `dims` last: two runs, whatever x's strides are."""
    cdef int nd = x.nd
    gone = {d + nd if d < 0 else d for d in dims}
    moved = x.permute([d for d in range(nd) if d not in gone] + sorted(gone))
    copied = new_tensor(nd, (<Tensor> moved).sizes, x.dt, x.dev)
    copy(copied, moved)
    return copied


cdef int launch_items(Device device, Kernel kernel, Args* a, Cut* c, Py_ssize_t n) except -1:
    """At least n work-items; the kernel guards its end."""
    cdef Py_ssize_t local = min(16, device.group) if device.cpu else device.group
    return launch(device, kernel, a, c, sizeof(Cut) if c != NULL else 0, ceil_div(n, local) * local, 1, local)


def arg_reduce(str name, Tensor values, Tensor indices not None, Tensor x not None, dim):
    """The place (int64, into `indices`) and, if `values` is a tensor, the value of the greatest ("argmax") or least
    ("argmin") element of x along `dim`, or of all of x in its logical order (dim None).  The first of equal ones; NaN
    counts as the greatest and the least.  Results are contiguous."""
    from cygrad.cl import _reductions
    cdef Device device = device_of(x.dev)
    cdef Plan kept, reduced
    cdef Args a
    cdef Cut c
    cdef Buffer part_values, part_indices
    cdef Py_ssize_t outs, total, splits, chunk
    cdef int element = compute_dtype(x.dt)
    check_fp64(device, x.dev, x.dt)
    if indices.dt != INT64 or not indices.contiguous or (values is not None and
                                                         (values.dt != x.dt or not values.contiguous)):
        raise ValueError(f"{name}: the indices must be contiguous int64, the values contiguous of x's dtype")
    dims = tuple(range(x.nd)) if dim is None else (dim,)
    split_dims(x, dims, &kept, &reduced)
    outs, total = product(&kept), product(&reduced)
    if outs != indices.count:
        raise ValueError(f"{name}: {indices.count} results where x has {outs}")
    if outs == 0:
        return
    if total == 0:
        raise IndexError(f"{name}(): Expected reduction dim to have non-zero size.")
    kept.n = 1
    coalesce(&kept, False)          # in logical order: an output's number is its place in `indices`
    coalesce(&reduced, False)
    at_least_one(&kept)
    at_least_one(&reduced)
    if kept.nd > RANK or reduced.nd > RANK:
        x = merged(x, dims)
        split_dims(x, tuple(range(-len(dims), 0)), &kept, &reduced)
        kept.n = 1
        coalesce(&kept, False)
        coalesce(&reduced, False)
        at_least_one(&kept)
        at_least_one(&reduced)
    if device.cpu:
        splits = min(ceil_div(total, 8192), max(64 // outs, 1))
    else:
        splits = min(ceil_div(total, 32), max(65536 // outs, 1))
    chunk = ceil_div(total, splits)
    splits = ceil_div(total, chunk)
    part_values = device.allocate(outs * splits * itemsize_of(element))
    part_indices = device.allocate(outs * splits * 8)
    key = (name, x.dt)
    kernels = device.reduction_kernels.get(key)
    if kernels is None:
        def make():
            return _reductions.arg_program(key[1], device.schedule, device.fp64)

        kernels = tuple([make_kernel(device, ("arg", key[1]), f"k_{name}{end}", make) for end in ("", "_join")])
        device.reduction_kernels[key] = kernels
    a.n = 0
    add_buffer(&a, part_values)
    add_buffer(&a, part_indices)
    add_buffer(&a, buffer_of(x))
    c.outs, c.block, c.splits, c.chunk, c.total, c.at_o, c.at_x = outs, 1, splits, chunk, total, 0, x.offset
    cut_dims(&c, &kept, &reduced)
    launch_items(device, <Kernel> kernels[0], &a, &c, outs * splits)
    a.n = 0
    add_buffer(&a, buffer_of(indices if values is None else values))
    add_long(&a, 0 if values is None else values.offset)
    add_buffer(&a, buffer_of(indices))
    add_long(&a, indices.offset)
    add_buffer(&a, part_values)
    add_buffer(&a, part_indices)
    add_long(&a, outs)
    add_long(&a, splits)
    add_long(&a, values is not None)
    launch_items(device, <Kernel> kernels[1], &a, NULL, outs)
