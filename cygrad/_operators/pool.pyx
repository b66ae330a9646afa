"""Max and average pooling over one, two and three dimensions, adaptive or by kernel.

The maximum keeps where it was found, so its gradient is a scatter and its second derivative a gather there.
"""
from cygrad import _core
from cygrad._core cimport BOOL, INT64, HALF, FunctionNode, Tensor, attach, refuse_complex
from cygrad._kernels.copies cimport plain, shaped
from cygrad._kernels.pool cimport (
    Windows, pool_average, pool_average_gradient, pool_average_gradient_last, pool_average_last, pool_max,
    pool_max_gradient, pool_max_last)
from cygrad._operators.family cimport as_matrix, as_rows, format_of, laid_as, new_in_format, wants


cdef class Pool(Windows):
    """The windows of a pooling, and the shapes on both sides of it."""
    cdef int nd
    cdef tuple x_shape, y_shape


# ------------------------------------------------------------------ arguments

cdef str number_word(int n):
    return ("one int", "a tuple of two ints", "a tuple of three ints")[n - 1]


cdef tuple listed(str function, str name, object value, int nd):
    if isinstance(value, int):
        return (value,) * nd
    value = tuple(value)
    if len(value) == 1:
        return value * nd
    if len(value) != nd:
        if nd == 1 and function == "max_pool1d":
            raise RuntimeError(f"max_pool1d() {name} must be an int, list of ints or tuple of ints of size 1 but got "
                               f"size {len(value)}")
        if nd == 1:
            raise RuntimeError(f"{function}() argument '{name}' should contain one int (got {len(value)})")
        start = "must either be omitted, a single int, or" if name == "stride" else "must either be a single int, or" \
            if name == "kernel_size" else "must be either be a single int, or"
        raise RuntimeError(f"{function}: {name} {start} {number_word(nd)}")
    return value


cdef str by(values):
    return "x".join([str(v) for v in values])


cdef Pool make_pool(str function, Tensor x, kernel, stride, padding, dilation, bint ceil_mode, bint is_max):
    """The windows, after PyTorch's checks of the arguments."""
    cdef Pool pool = Pool.__new__(Pool)
    cdef int nd, i, j
    cdef Py_ssize_t k, s, p, d, n, out
    # One kernel size for all dimensions leaves their number to the name of the function.
    nd = int(function[len(function) - 2])
    pool.nd = nd
    kernel = listed(function, "kernel_size", kernel, nd)
    stride = kernel if stride is None or (isinstance(stride, (tuple, list)) and not len(stride)) \
        else listed(function, "stride", stride, nd)
    padding, dilation = listed(function, "padding", padding, nd), listed(function, "dilation", dilation, nd)
    if x.nd != nd + 1 and x.nd != nd + 2:
        if nd == 1 and is_max:
            raise RuntimeError("max_pool1d: Expected 2D or 3D (batch mode) tensor with optional 0 dim batch size "
                               f"for input, but got:{list(x.shape)}")
        if nd == 1:
            raise RuntimeError(f"Expected 2 to 3 dimensions, but got {x.nd}-dimensional tensor for argument #1 'self' "
                               f"(while checking arguments for {function})")
        raise RuntimeError(f"non-empty {nd + 1}D or {nd + 2}D (batch mode) tensor expected for input")
    for i in range(nd):
        k, s, p, d = kernel[i], stride[i], padding[i], dilation[i]
        if nd == 1 and is_max:
            for name, value in (("kernel_size", k), ("stride", s)):
                if value <= 0:
                    raise RuntimeError(f"max_pool1d() {name} must be greater than zero, but got {value}")
            if p < 0:
                raise RuntimeError(f"max_pool1d() padding must be non-negative, but got {p}")
            if p > k // 2:
                raise RuntimeError("max_pool1d() padding should be at most half of kernel size, but got "
                                   f"padding={p} and kernel_size={k}")
            if d <= 0:
                raise RuntimeError(f"max_pool1d() dilation must be greater than zero, but got {d}")
        if s == 0:
            raise RuntimeError("stride should not be zero")
        if k <= 0 or s < 0:
            raise RuntimeError(f"{'kernel size' if k <= 0 else 'stride'} should be greater than zero, but got "
                               + " ".join([f"{'k' if k <= 0 else 'd'}{a}: {v}" for a, v in zip(
                                   "TTHW"[4 - nd:], kernel if k <= 0 else stride)]))
        if d <= 0:
            raise RuntimeError("dilation should be greater than zero, but got " + " ".join(
                [f"dilation{a}: {v}" for a, v in zip("THW"[3 - nd:], dilation)]))
        if p < 0:
            raise RuntimeError(f"pad must be non-negative, but got pad: {p}")
        if p > ((k - 1) * d + 1) // 2:
            raise RuntimeError("pad should be at most half of effective kernel size, but got "
                               f"pad={p}, kernel_size={k} and dilation={d}")
    for i in range(1 if x.nd == nd + 2 else 0, x.nd):
        if x.sizes[i] == 0:
            raise RuntimeError(f"Expected {nd + 1}D or {nd + 2}D (batch mode) tensor with optional 0 dim batch size "
                               f"for input, but got:{list(x.shape)}")
    if nd > 1:
        for k, p in zip(kernel, padding):
            if p > k // 2:
                if nd == 2:
                    got = "padW = {1}, padH = {0}, kW = {3}, kH = {2}".format(*padding, *kernel)
                else:
                    got = "kT: {0} kW: {2} kH: {1} padT: {3} padW: {5} padH: {4}".format(*kernel, *padding)
                raise RuntimeError(f"pad should be smaller than or equal to half of kernel size, but got {got}")
    for i in range(3):
        j = i - (3 - nd)
        pool.c.size[i] = x.sizes[x.nd - nd + j] if j >= 0 else 1
        pool.c.kernel[i] = kernel[j] if j >= 0 else 1
        pool.c.stride[i] = stride[j] if j >= 0 else 1
        pool.c.pad[i] = padding[j] if j >= 0 else 0
        pool.c.dilation[i] = dilation[j] if j >= 0 else 1
        k, s, p, d, n = pool.c.kernel[i], pool.c.stride[i], pool.c.pad[i], pool.c.dilation[i], pool.c.size[i]
        out = n + 2 * p - d * (k - 1) - 1
        if out < 0:
            out = -((-out + s - 1) // s) if not ceil_mode else -(-out // s)
        else:
            out = (out + (s - 1 if ceil_mode else 0)) // s
        out += 1
        if ceil_mode and (out - 1) * s >= n + p:        # the last window must start inside
            out -= 1
        pool.c.out[i] = out
    for i in range(3 - nd, 3):
        if pool.c.out[i] < 1:
            if nd == 1 and is_max:
                raise RuntimeError(f"max_pool1d() Invalid computed output size: {pool.c.out[2]}")
            first = 3 - nd if nd > 1 else 1
            channels = x.sizes[x.nd - nd - 1]
            raise RuntimeError(f"Given input size: ({channels}x{by([pool.c.size[j] for j in range(first, 3)])}). "
                               f"Calculated output size: ({channels}x{by([pool.c.out[j] for j in range(first, 3)])}). "
                               "Output size is too small")
    return complete(pool, x)


cdef Pool complete(Pool pool, Tensor x):
    cdef int i
    pool.planes = pool.inside = pool.outside = 1
    for i in range(x.nd - pool.nd):
        pool.planes *= x.sizes[i]
    for i in range(3):
        pool.inside *= pool.c.size[i]
        pool.outside *= pool.c.out[i]
    pool.x_shape = tuple(x.shape)
    pool.y_shape = pool.x_shape[:x.nd - pool.nd] + tuple([pool.c.out[i] for i in range(3 - pool.nd, 3)])
    return pool


cdef Pool make_adaptive(str function, Tensor x, out_size):
    cdef Pool pool = Pool.__new__(Pool)
    cdef int nd = int(function[len(function) - 2]), i, j
    cdef bint average = "avg" in function
    if isinstance(out_size, int):
        out_size = (out_size,) * nd
    if len(out_size) != nd:
        raise RuntimeError(f"{function}: output_size must be {nd}")
    if x.nd != nd + 1 and x.nd != nd + 2:
        if nd == 1:
            raise RuntimeError(f"Expected 2 to 3 dimensions, but got {x.nd}-dimensional tensor for argument #1 'self' "
                               f"(while checking arguments for {function})")
        raise RuntimeError(f"{function}(): Expected {nd + 1}D or {nd + 2}D tensor, but got{'' if average else ':'} "
                           f"{list(x.shape)}")
    for i in range(1 if x.nd == nd + 2 else 0, x.nd):
        if x.sizes[i] == 0:
            raise RuntimeError(f"{function}(): Expected input to have non-zero size for non-batch dimensions, but "
                               f"input has sizes {list(x.shape)} with dimension {i} being empty")
    out_size = tuple([x.sizes[x.nd - nd + i] if n is None else n for i, n in enumerate(out_size)])
    if average and min(out_size) < 0:
        raise RuntimeError(f"{function}: elements of output_size must be greater than or equal to 0 but received "
                           f"{{{', '.join([str(n) for n in out_size])}}}")
    pool.nd = nd
    pool.c.adaptive = 1
    for i in range(3):
        j = i - (3 - nd)
        pool.c.size[i] = x.sizes[x.nd - nd + j] if j >= 0 else 1
        pool.c.out[i] = out_size[j] if j >= 0 else 1
        pool.c.kernel[i] = pool.c.stride[i] = pool.c.dilation[i] = 1
    return complete(pool, x)


# ------------------------------------------------------------------ maximum

cdef Tensor rows_of(Tensor t):
    """`as_rows` of what the CPU's kernels take channels last: floating tensors."""
    return as_rows(t) if t.dev == 0 and t.dt >= HALF else None


cdef Tensor flat_planes(Tensor t, Pool pool):
    return <Tensor> t.reshape((pool.planes, -1))


cdef Tensor scatter(Tensor g, Tensor at, Pool pool):
    """The gradient of the maximum: g at the places `at`, zero elsewhere."""
    cdef Tensor x = shaped(pool.x_shape, g.dt, g.dev)
    if x.count:
        if x.dev:
            _core.backend_of(x.dev).pool_max_gradient(x, g, at, pool)
        else:
            pool_max_gradient(x, g, at, pool)
    return attach(x, "MaxPoolBackwardBackward0", (g,), _scatter_backward, (at,), (pool,))


def _scatter_backward(node, Tensor g):
    cdef Pool pool = node.args[0]
    at = node.saved()[0]
    return flat_planes(g, pool).gather(1, flat_planes(<Tensor> at, pool)).reshape(pool.y_shape)


def _max_backward(node, g, _=None):
    if g is None:
        return None
    return scatter(<Tensor> g, plain(<Tensor> node.saved()[0]), <Pool> node.args[0])


cdef tuple run_max(str function, str name, Tensor x, Pool pool):
    cdef Tensor y, at, rows
    refuse_complex(function, x)
    if x.dt == BOOL:
        raise NotImplementedError(f'"{function}" not implemented for \'Bool\'')
    y, at = shaped(pool.y_shape, x.dt, x.dev), shaped(pool.y_shape, INT64, x.dev)
    rows = rows_of(x)
    if rows is not None and y.count:
        y = new_in_format(y.nd, y.sizes, y.dt, 0, format_of(x))
        at = new_in_format(y.nd, y.sizes, INT64, 0, format_of(x))
        pool_max_last(as_matrix(y), as_matrix(at), rows, pool)
    elif y.count:
        if y.dev:
            _core.backend_of(y.dev).pool_max(y, at, x, pool)
        else:
            pool_max(y, at, x, pool)
    y = laid_as(y, x)
    if wants(x):
        attach(y, name, (x,), _max_backward, (at,), (pool,))
    return y, laid_as(at, x)


def max_pool(Tensor x not None, kernel, stride, padding, dilation, bint ceil_mode, int nd):
    """The maximum over windows of the last `nd` dimensions, and where in its plane it is (int64)."""
    function = f"max_pool{nd}d"
    name = "SqueezeBackward1" if nd == 1 else f"MaxPool{nd}DWithIndicesBackward0"
    return run_max(function, name, x, make_pool(function, x, kernel, stride, padding, dilation, ceil_mode, True))


def adaptive_max_pool(Tensor x not None, out_size, int nd):
    """The maximum over out_size equal parts of the last `nd` dimensions, and where in its plane it is."""
    function = f"adaptive_max_pool{nd}d"
    name = "SqueezeBackward1" if nd == 1 else f"AdaptiveMaxPool{nd}DBackward0"
    return run_max(function, name, x, make_adaptive(function, x, out_size))


# ------------------------------------------------------------------ average

cdef Tensor average(Tensor x, Pool pool, str name, bint keeps=False):
    """keeps: the node keeps x, as PyTorch's does, though the gradient has no use for its values."""
    cdef Tensor y = shaped(pool.y_shape, x.dt, x.dev), rows = rows_of(x)
    if rows is not None and y.count:
        y = new_in_format(y.nd, y.sizes, y.dt, 0, format_of(x))
        pool_average_last(as_matrix(y), rows, pool)
    elif y.count:
        if y.dev:
            _core.backend_of(y.dev).pool_average(y, x, pool)
        else:
            pool_average(y, x, pool)
    y = laid_as(y, x) if rows is None else y
    return attach(y, name, (x,), _average_backward, (x,) if keeps else None, (pool,))


cdef Tensor spread(Tensor g, Pool pool):
    cdef Tensor x = shaped(pool.x_shape, g.dt, g.dev), rows = rows_of(g)
    if rows is not None and x.count:
        x = new_in_format(x.nd, x.sizes, x.dt, 0, format_of(g))
        pool_average_gradient_last(as_matrix(x), rows, pool)
    elif x.count:
        if x.dev:
            _core.backend_of(x.dev).pool_average_gradient(x, g, pool)
        else:
            pool_average_gradient(x, g, pool)
    x = laid_as(x, g) if rows is None else x
    return attach(x, "AvgPoolBackwardBackward0", (g,), _spread_backward, None, (pool,))


def _average_backward(FunctionNode node, Tensor g):
    if node.saved_tensors is not None:
        node.saved()
    return spread(g, <Pool> node.args[0])


def _spread_backward(node, Tensor g):
    return average(g, <Pool> node.args[0], "AvgPoolBackward0")


def avg_pool(Tensor x not None, kernel, stride, padding, bint ceil_mode, bint count_include_pad, divisor_override,
             int nd):
    """The average over windows of the last `nd` dimensions."""
    cdef str function = f"avg_pool{nd}d"
    cdef Pool pool
    refuse_complex(function, x)
    pool = make_pool(function, x, kernel, stride, padding, 1, ceil_mode, False)
    if divisor_override is not None:
        if divisor_override == 0:
            raise RuntimeError("divisor must be not zero")
        pool.c.divisor = divisor_override
    pool.c.count_padding = count_include_pad
    if x.dt == BOOL:
        raise NotImplementedError(f'"{function}" not implemented for \'Bool\'')
    return average(x, pool, "SqueezeBackward1" if nd == 1 else f"AvgPool{nd}DBackward0", True)


def adaptive_avg_pool(Tensor x not None, out_size, int nd):
    """The average over out_size equal parts of the last `nd` dimensions."""
    cdef str function = f"adaptive_avg_pool{nd}d"
    cdef Pool pool = make_adaptive(function, x, out_size)
    refuse_complex(function, x)
    if x.dt < HALF:
        raise NotImplementedError(f'"{function}" not implemented for \'{_core.SCALAR_TYPE_NAMES[x.dt]}\'')
    one = pool.outside == 1
    return average(x, pool, "SqueezeBackward1" if nd == 1 else "MeanBackward1" if one
                   else f"AdaptiveAvgPool{nd}DBackward0", not one)
