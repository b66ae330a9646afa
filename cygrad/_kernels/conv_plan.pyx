"""Plans of convolutions on the CPU: which padded images are read where, by which products, for which outputs.

The image is copied once, padded, into a buffer that a core's own cache holds; strides become phases (x[::2] and x[1::2]
side by side), after which every convolution has stride 1 and row k of its im2col matrix is the buffer shifted by a
constant, which is never written.  The input's gradient with stride s is s**d such products, one for each residue of the
input position.  How a product is done is conv.pyx's, conv_panels.pyx's and winograd.pyx's.
"""
from cygrad._core cimport FLOAT, INT64, Tensor, data_of
from cygrad._kernels.copies cimport vector

cdef extern from "_kernels/conv_levels.h" nogil:
    int cg_conv_level()
    const cg_tiles_f32* cg_tiles_of_f32(int level)
    const cg_tiles_f64* cg_tiles_of_f64(int level)

tiles_f32 = cg_tiles_of_f32(cg_conv_level())
tiles_f64 = cg_tiles_of_f64(cg_conv_level())


cdef int vector_width(int dt) noexcept nogil:
    """Elements of a vector of FLOAT or DOUBLE."""
    return tiles_f32.vw if dt == FLOAT else tiles_f64.vw


cdef Geometry geometry(Tensor x, Tensor w, Tensor y, tuple stride, tuple padding, tuple dilation, Py_ssize_t groups):
    cdef Geometry g = Geometry.__new__(Geometry)
    cdef int i, j
    g.n, g.c, g.o, g.groups = x.sizes[0], x.sizes[1], y.sizes[1], groups
    g.taps = 1
    for i in range(3):
        j = i - (5 - x.nd)
        g.size[i] = x.sizes[j + 2] if j >= 0 else 1
        g.kernel[i] = w.sizes[j + 2] if j >= 0 else 1
        g.out[i] = y.sizes[j + 2] if j >= 0 else 1
        g.stride[i] = stride[j] if j >= 0 else 1
        g.pad[i] = padding[j] if j >= 0 else 0
        g.dilation[i] = dilation[j] if j >= 0 else 1
        g.taps *= g.kernel[i]
    return g


cdef Tensor offsets(Py_ssize_t count):
    return vector(count, INT64)


cdef Py_ssize_t area_of(const cg_product* c) noexcept nogil:
    return c.count[0] * c.count[1] * c.count[2]


cdef int add_product(Plan plan, Product p, Py_ssize_t row_step, int dt) except -1:
    """Tile counts of a product whose taps are known."""
    cdef int mr = tiles_f32.mr if dt == FLOAT else tiles_f64.mr
    cdef Py_ssize_t wide = vector_width(dt) * (tiles_f32.nv if dt == FLOAT else tiles_f64.nv)
    cdef Py_ssize_t blocks = (p.c.rows + mr - 1) // mr
    cdef Py_ssize_t flat = (p.c.count[1] - 1) * p.c.line + p.c.count[2]
    p.c.mr = <int> ((p.c.rows + blocks - 1) // blocks)
    p.tiles = p.c.count[0] * ((flat + wide - 1) // wide)
    p.work = p.c.taps * p.c.rows * p.c.count[0] * flat
    p.row_step = row_step
    p.packed_group = p.c.rows * p.c.taps
    plan.products.append(p)
    return 0


cdef Plan new_plan(Py_ssize_t channels, const Py_ssize_t* size):
    cdef Plan plan = Plan.__new__(Plan)
    cdef int i
    plan.products = []
    plan.image.channels = channels
    plan.image.step[2] = 1
    plan.image.step[1] = size[2]
    plan.image.step[0] = size[2] * size[1]
    plan.image.channel_step = size[0] * size[1] * size[2]
    for i in range(3):
        plan.image.size[i] = size[i]
    plan.in_group = channels * plan.image.channel_step
    return plan


cdef Tensor input_taps(Plan plan, Geometry g):
    """Splits the padded input into phases; where each (channel, tap) finds its pixels in them."""
    cdef Py_ssize_t cg = g.c // g.groups, c, k, phase, at, rest, i
    cdef Py_ssize_t q[3]
    cdef Py_ssize_t phases = 1
    cdef Tensor off = offsets(cg * g.taps)
    cdef Py_ssize_t* to = <Py_ssize_t*> data_of(off)
    for i in range(3):
        plan.image.split[i], plan.image.pad[i] = g.stride[i], g.pad[i]
        plan.image.length[i] = g.out[i] + (g.kernel[i] - 1) * g.dilation[i] // g.stride[i]
        phases *= g.stride[i]
    plan.used = bytearray(phases)
    cdef unsigned char* used = plan.used
    plan.image.used = used
    plan.image_size = cg * phases * plan.image.length[0] * plan.image.length[1] * plan.image.length[2]
    for c in range(cg):
        for k in range(g.taps):
            rest = k
            for i in range(2, -1, -1):
                q[i] = rest % g.kernel[i] * g.dilation[i]
                rest //= g.kernel[i]
            phase = at = 0
            for i in range(3):
                phase = phase * g.stride[i] + q[i] % g.stride[i]
                at = at * plan.image.length[i] + q[i] // g.stride[i]
            used[phase] = 1
            to[c * g.taps + k] = ((c * phases + phase) * plan.image.length[0] * plan.image.length[1]
                                  * plan.image.length[2] + at)
    return off


cdef Plan plan_forward(Geometry g, int dt):
    cdef Py_ssize_t cg = g.c // g.groups, i
    cdef Plan plan = new_plan(cg, g.size)
    cdef Product p = Product.__new__(Product)
    p.off = input_taps(plan, g)
    p.at = offsets(p.off.count)
    for i in range(p.off.count):
        (<Py_ssize_t*> data_of(p.at))[i] = i
    p.c.taps, p.c.rows = p.off.count, g.o // g.groups
    p.c.line, p.c.plane = plan.image.length[2], plan.image.length[1] * plan.image.length[2]
    for i in range(3):
        p.c.count[i] = g.out[i]
    p.c.out_step[2], p.c.out_step[1], p.c.out_step[0] = 1, g.out[2], g.out[1] * g.out[2]
    p.c.out_row = g.out[0] * g.out[1] * g.out[2]
    plan.out_group = p.c.rows * p.c.out_row
    add_product(plan, p, cg * g.taps, dt)
    return plan


cdef Py_ssize_t floor_div(Py_ssize_t a, Py_ssize_t b) noexcept nogil:
    return a // b if a >= 0 else -((b - 1 - a) // b)


cdef Plan plan_input(Geometry g, int dt):
    """For input positions x = q * s + r - pad (r a residue): the sum over taps k with k * d = r + s * m of y[q - m]."""
    cdef Py_ssize_t og = g.o // g.groups, cg = g.c // g.groups, o, i, k, n, at, rest, area
    cdef Py_ssize_t lo[3]
    cdef Py_ssize_t hi[3]
    cdef Py_ssize_t r[3]
    cdef Py_ssize_t first[3]
    cdef Py_ssize_t out_step[3]
    cdef Py_ssize_t tap[3]
    cdef Py_ssize_t phases = 1, phase, m, qmin, qmax
    cdef bint fits
    cdef Plan plan = new_plan(og, g.out)
    cdef Product p
    cdef Py_ssize_t* off
    cdef Py_ssize_t* weight_at
    plan.of_input = True
    for i in range(3):          # how far the shifted rows reach beyond y
        lo[i], hi[i] = 0, g.out[i] - 1
        for k in range(g.kernel[i]):
            rest = k * g.dilation[i] % g.stride[i]
            m = k * g.dilation[i] // g.stride[i]
            qmin = -floor_div(rest - g.pad[i], g.stride[i])
            qmax = floor_div(g.size[i] - 1 + g.pad[i] - rest, g.stride[i])
            if qmin - m < lo[i]:
                lo[i] = qmin - m
            if qmax - m > hi[i]:
                hi[i] = qmax - m
        plan.image.split[i], plan.image.pad[i] = 1, -lo[i]
        plan.image.length[i] = hi[i] - lo[i] + 1
        phases *= g.stride[i]
    plan.used = bytearray(b"\1")
    plan.image.used = plan.used
    area = plan.image.length[0] * plan.image.length[1] * plan.image.length[2]
    plan.image_size = og * area
    out_step[2], out_step[1], out_step[0] = 1, g.size[2], g.size[1] * g.size[2]
    plan.out_group = cg * g.size[0] * out_step[0]
    for phase in range(phases):
        p = Product.__new__(Product)
        rest = phase
        n = 1
        p.c.out_at = 0
        for i in range(2, -1, -1):
            r[i] = rest % g.stride[i]
            rest //= g.stride[i]
            first[i] = -floor_div(r[i] - g.pad[i], g.stride[i])
            p.c.count[i] = floor_div(g.size[i] - 1 + g.pad[i] - r[i], g.stride[i]) - first[i] + 1
            p.c.out_at += (first[i] * g.stride[i] + r[i] - g.pad[i]) * out_step[i]
            p.c.out_step[i] = g.stride[i] * out_step[i]
            if p.c.count[i] <= 0:
                n = 0
        if n == 0:
            continue
        p.off, p.at = offsets(og * g.taps), offsets(og * g.taps)
        off, weight_at = <Py_ssize_t*> data_of(p.off), <Py_ssize_t*> data_of(p.at)
        n = 0
        for o in range(og):
            for k in range(g.taps):
                rest = k
                for i in range(2, -1, -1):
                    tap[i] = rest % g.kernel[i] * g.dilation[i]
                    rest //= g.kernel[i]
                fits = True
                at = 0
                for i in range(3):
                    fits = fits and tap[i] % g.stride[i] == r[i]
                    at = at * plan.image.length[i] + first[i] - tap[i] // g.stride[i] - lo[i]
                if fits:
                    off[n] = o * area + at
                    weight_at[n] = o * cg * g.taps + k
                    n += 1
        p.c.taps, p.c.rows = n, cg
        p.c.line, p.c.plane = plan.image.length[2], plan.image.length[1] * plan.image.length[2]
        p.c.out_row = g.size[0] * out_step[0]
        add_product(plan, p, g.taps, dt)
    return plan
