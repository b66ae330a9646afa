"""Convolutions of one, two and three dimensions on the CPU: the primitives (see _devices/primitives.py).

Design
------
* F (convolve) and I (convolve_input) are one computation.  The image is copied once, padded, into a buffer that a
  core's own cache holds; strides become phases (x[::2] and x[1::2] side by side), after which every convolution has
  stride 1 and row k of its im2col matrix is the buffer shifted by a constant, which is never written.  I with stride s
  is s**d such products, one for each residue of the input position.  Two kinds of register tile do them (conv_tiles.h),
  with the accumulators in registers over all taps:
  - 8 channels by 48 pixels, vectors of pixels: for few channels;
  - 8 pixels by 32 channels, vectors of channels ("panels"): for many.  Its pixels are any, of several images, so none of
    the padding is computed, and weights that no cache holds are read once for all pixels of the images held.
* W (convolve_weight) is the second tile with taps in place of pixels: y is turned to [pixel][channel], and the pixels of
  many images add to 8 taps by 32 channels.  Where channels don't fill a vector, a tile of 4 channels by 6 taps runs over
  vectors of pixels.
* Threads share out images (or parts of one image); a thread's sums do not depend on their number, so results are the
  same bits for any.
Refused: im2col with BLAS throughout (slower at few channels: it writes 25 times the input to read it once).
"""
from cython.parallel cimport prange
from libc.string cimport memset

from cygrad._core cimport (
    INT64, HALF, BFLOAT16, FLOAT, DOUBLE, Tensor, data_of, itemsize_of)
from cygrad._kernels.copies cimport as_float, like, vector
from cygrad._ops cimport copy_into
from cygrad._threads cimport Region, close_region, end_part, num_threads, open_region

cdef extern from "_kernels/conv.h" nogil:
    ctypedef struct cg_segment:
        Py_ssize_t g, b, n
    ctypedef struct cg_tiles_f32:
        int vw, mr, nv, gr, gt, ar
    ctypedef struct cg_tiles_f64:
        int vw, mr, nv, gr, gt, ar
    ctypedef struct cg_product:
        Py_ssize_t taps, rows, plane, line, out_row, out_at
        Py_ssize_t count[3]
        Py_ssize_t out_step[3]
        int mr
    ctypedef struct cg_image:
        Py_ssize_t channels, channel_step
        Py_ssize_t size[3]
        Py_ssize_t step[3]
        Py_ssize_t pad[3]
        Py_ssize_t split[3]
        Py_ssize_t length[3]
        const unsigned char* used
    ctypedef struct cg_panel_job:
        cg_product c
        const Py_ssize_t* off
        const Py_ssize_t* at
        const Py_ssize_t* places
        const void* panels
        Py_ssize_t group
    int cg_conv_level()
    const cg_tiles_f32* cg_tiles_of_f32(int level)
    const cg_tiles_f64* cg_tiles_of_f64(int level)
    void cg_pack_f32(const cg_product*, const float*, Py_ssize_t, const Py_ssize_t*, float*)
    void cg_pack_f64(const cg_product*, const double*, Py_ssize_t, const Py_ssize_t*, double*)
    void cg_fill_f32(const cg_image*, const float*, float*)
    void cg_fill_f64(const cg_image*, const double*, double*)
    void cg_run_f32(const cg_tiles_f32*, const cg_product*, const float*, const Py_ssize_t*, const float*, const float*,
                    float*, Py_ssize_t, Py_ssize_t)
    void cg_run_f64(const cg_tiles_f64*, const cg_product*, const double*, const Py_ssize_t*, const double*, const double*,
                    double*, Py_ssize_t, Py_ssize_t)
    void cg_spread_f32(const float*, Py_ssize_t, Py_ssize_t, const Py_ssize_t*, Py_ssize_t, Py_ssize_t, float*)
    void cg_spread_f64(const double*, Py_ssize_t, Py_ssize_t, const Py_ssize_t*, Py_ssize_t, Py_ssize_t, double*)
    void cg_weigh_f32(const cg_tiles_f32*, Py_ssize_t, Py_ssize_t, int, int, Py_ssize_t, const cg_segment*,
                      const float*, Py_ssize_t, const float*, const Py_ssize_t*, float*, Py_ssize_t, Py_ssize_t)
    void cg_weigh_f64(const cg_tiles_f64*, Py_ssize_t, Py_ssize_t, int, int, Py_ssize_t, const cg_segment*,
                      const double*, Py_ssize_t, const double*, const Py_ssize_t*, double*, Py_ssize_t, Py_ssize_t)
    void cg_pack_panels_f32(const cg_tiles_f32*, Py_ssize_t, Py_ssize_t, const float*, Py_ssize_t, const Py_ssize_t*, float*,
                            Py_ssize_t, Py_ssize_t)
    void cg_panel_products_f32(const cg_tiles_f32*, const cg_panel_job*, int, Py_ssize_t, Py_ssize_t, const float*,
                               const float*, float*, float*, Py_ssize_t, Py_ssize_t, Py_ssize_t)
    void cg_panel_images_f32(const cg_tiles_f32*, const cg_image*, const cg_panel_job*, int, const float*, Py_ssize_t, float*,
                             Py_ssize_t, const float*, float*, Py_ssize_t, float*, Py_ssize_t, Py_ssize_t, Py_ssize_t,
                             Py_ssize_t, Py_ssize_t)
    void cg_pixel_panels_f32(const cg_tiles_f32*, Py_ssize_t, Py_ssize_t, const float*, Py_ssize_t, Py_ssize_t, float*)
    void cg_weigh_panels_f32(const cg_tiles_f32*, Py_ssize_t, Py_ssize_t, Py_ssize_t, const float*, const Py_ssize_t*,
                             const Py_ssize_t*, const float*, float*, Py_ssize_t, Py_ssize_t)
    void cg_unpack_panels_f32(const cg_tiles_f32*, Py_ssize_t, Py_ssize_t, const float*, float*)
    void cg_pack_panels_f64(const cg_tiles_f64*, Py_ssize_t, Py_ssize_t, const double*, Py_ssize_t, const Py_ssize_t*, double*,
                            Py_ssize_t, Py_ssize_t)
    void cg_panel_products_f64(const cg_tiles_f64*, const cg_panel_job*, int, Py_ssize_t, Py_ssize_t, const double*,
                               const double*, double*, double*, Py_ssize_t, Py_ssize_t, Py_ssize_t)
    void cg_panel_images_f64(const cg_tiles_f64*, const cg_image*, const cg_panel_job*, int, const double*, Py_ssize_t, double*,
                             Py_ssize_t, const double*, double*, Py_ssize_t, double*, Py_ssize_t, Py_ssize_t, Py_ssize_t,
                             Py_ssize_t, Py_ssize_t)
    void cg_pixel_panels_f64(const cg_tiles_f64*, Py_ssize_t, Py_ssize_t, const double*, Py_ssize_t, Py_ssize_t, double*)
    void cg_weigh_panels_f64(const cg_tiles_f64*, Py_ssize_t, Py_ssize_t, Py_ssize_t, const double*, const Py_ssize_t*,
                             const Py_ssize_t*, const double*, double*, Py_ssize_t, Py_ssize_t)
    void cg_unpack_panels_f64(const cg_tiles_f64*, Py_ssize_t, Py_ssize_t, const double*, double*)
    void cg_channel_sum_f32(const float*, Py_ssize_t, Py_ssize_t, Py_ssize_t, float*)
    void cg_channel_sum_f64(const double*, Py_ssize_t, Py_ssize_t, Py_ssize_t, double*)

cdef enum:
    SLACK = 64                  # elements that a tile may read past the last pixel
    GRAIN = 1 << 19             # multiply-adds below which a second thread costs more than it saves
    CACHE = 512 << 10           # bytes of both operands that a pass of the weight gradient works on
    CHUNK = 32 << 20            # bytes of padded images kept at a time by the weight gradient
    TURN = 40                   # taps that cost as much as an element's way out of the panels

ctypedef fused real:
    float
    double

cdef const cg_tiles_f32* tiles_f32 = cg_tiles_of_f32(cg_conv_level())
cdef const cg_tiles_f64* tiles_f64 = cg_tiles_of_f64(cg_conv_level())


cdef class Geometry:
    """A convolution from (n, c, size...) to (n, o, out...); dimensions missing in front have size 1."""
    cdef Py_ssize_t n, c, o, groups, taps
    cdef Py_ssize_t size[3]
    cdef Py_ssize_t kernel[3]
    cdef Py_ssize_t out[3]
    cdef Py_ssize_t stride[3]
    cdef Py_ssize_t pad[3]
    cdef Py_ssize_t dilation[3]


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


cdef class Product:
    """One stride-1 product over the padded image: its tile counts, its taps and its packed weights (per group)."""
    cdef cg_product c
    cdef Tensor off             # of the taps in the image
    cdef Tensor at              # and in a row's weights
    cdef Tensor packed, pixels, places
    cdef Py_ssize_t row_step, packed_group, tiles, work


cdef class Plan:
    """What F or I does to every image: the padded copy, and the products over it."""
    cdef cg_image image
    cdef Py_ssize_t image_size, in_group, out_group
    cdef list products
    cdef bytearray used         # which phases are read


cdef Py_ssize_t area_of(const cg_product* c) noexcept nogil:
    return c.count[0] * c.count[1] * c.count[2]


cdef Py_ssize_t panel_rows(Py_ssize_t rows, int vw) noexcept nogil:
    """Rows in panels of whole vectors."""
    return (rows + vw - 1) // vw * vw


cdef int add_product(Plan plan, Product p, Geometry g, Py_ssize_t row_step, int mr, Py_ssize_t wide) except -1:
    """Tile counts of a product whose taps are known."""
    cdef Py_ssize_t blocks = (p.c.rows + mr - 1) // mr
    cdef Py_ssize_t flat = (p.c.count[1] - 1) * p.c.line + p.c.count[2]
    p.c.mr = <int> ((p.c.rows + blocks - 1) // blocks)
    p.tiles = p.c.count[0] * ((flat + wide - 1) // wide)
    p.work = p.c.taps * p.c.rows * p.c.count[0] * flat
    p.row_step = row_step
    p.packed_group = p.c.rows * p.c.taps
    plan.products.append(p)
    return 0


cdef int pack(Plan plan, Geometry g, Tensor w) except -1:
    """The weights as the tiles of channels by pixels read them."""
    cdef Py_ssize_t i, group = w.count // g.groups
    cdef Product p
    for p in plan.products:
        p.packed = vector(p.packed_group * g.groups, w.dt)
        for i in range(g.groups):
            if w.dt == FLOAT:
                cg_pack_f32(&p.c, <float*> data_of(w) + i * group, p.row_step, <Py_ssize_t*> data_of(p.at),
                            <float*> data_of(p.packed) + i * p.packed_group)
            else:
                cg_pack_f64(&p.c, <double*> data_of(w) + i * group, p.row_step, <Py_ssize_t*> data_of(p.at),
                            <double*> data_of(p.packed) + i * p.packed_group)
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


cdef Plan plan_forward(Geometry g, int mr, Py_ssize_t wide):
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
    add_product(plan, p, g, cg * g.taps, mr, wide)
    return plan


cdef Py_ssize_t floor_div(Py_ssize_t a, Py_ssize_t b) noexcept nogil:
    return a // b if a >= 0 else -((b - 1 - a) // b)


cdef Plan plan_input(Geometry g, int mr, Py_ssize_t wide):
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
        add_product(plan, p, g, g.taps, mr, wide)
    return plan


cdef struct Job:                # the C side of a Product
    cg_product c
    const Py_ssize_t* off
    char* packed
    Py_ssize_t packed_group, tiles


cdef void run_jobs(real* y, const real* bias, const real* image, const Job* jobs, int n, Py_ssize_t group,
                   Py_ssize_t t, Py_ssize_t nt) noexcept nogil:
    """Part t of nt of the tiles of every product over one image and group."""
    cdef const Job* j
    cdef int k
    for k in range(n):
        j = &jobs[k]
        if real is float:
            cg_run_f32(tiles_f32, &j.c, image, j.off, <float*> j.packed + group * j.packed_group, bias, y,
                       j.tiles * t // nt, j.tiles * (t + 1) // nt)
        else:
            cg_run_f64(tiles_f64, &j.c, image, j.off, <double*> j.packed + group * j.packed_group, bias, y,
                       j.tiles * t // nt, j.tiles * (t + 1) // nt)


cdef void fill(const cg_image* im, const real* x, real* image) noexcept nogil:
    if real is float:
        cg_fill_f32(im, x, image)
    else:
        cg_fill_f64(im, x, image)


cdef void images_of_thread(real* x, real* y, const real* bias, real* image, const cg_image* im, const Job* jobs,
                           int n_jobs, Py_ssize_t groups, Py_ssize_t in_group, Py_ssize_t out_group, Py_ssize_t rows,
                           Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(lo, hi):
        fill(im, x + i * in_group, image)
        run_jobs(y + i * out_group, bias + i % groups * rows, image, jobs, n_jobs, i % groups, 0, 1)


cdef void all_images(real* x, real* y, const real* bias, real* image, Py_ssize_t image_step, const cg_image* im,
                     const Job* jobs, int n_jobs, Py_ssize_t images, Py_ssize_t groups, Py_ssize_t in_group,
                     Py_ssize_t out_group, Py_ssize_t rows, int nt) noexcept nogil:
    cdef Region region
    cdef Py_ssize_t i
    cdef int t
    if nt == 1:
        images_of_thread(x, y, bias, image, im, jobs, n_jobs, groups, in_group, out_group, rows, 0, images)
    elif images >= nt:
        open_region(&region, nt)
        for t in prange(nt, num_threads=region.n, schedule="static"):
            images_of_thread(x, y, bias, image + t * image_step, im, jobs, n_jobs, groups, in_group, out_group, rows,
                             images * t // nt, images * (t + 1) // nt)
            end_part(&region)
        close_region(&region)
    else:
        for i in range(images):
            fill(im, x + i * in_group, image)
            open_region(&region, nt)
            for t in prange(nt, num_threads=region.n, schedule="static"):
                run_jobs(y + i * out_group, bias + i % groups * rows, image, jobs, n_jobs, i % groups, t, nt)
                end_part(&region)
            close_region(&region)


cdef int run_plan(Tensor y, Plan plan, Geometry g, Tensor w, Tensor x, Tensor bias) except -1:
    """y = the products of `plan` over the images of x."""
    cdef Tensor image
    cdef Job[64] few
    cdef Job* jobs = few
    cdef Tensor store = None
    cdef Product p
    cdef Py_ssize_t work = 0, images = g.n * g.groups, step, rows = y.sizes[1] // g.groups
    cdef Py_ssize_t buffers, size = itemsize_of(x.dt)
    cdef int n = <int> len(plan.products), i, nt = num_threads()
    if y.count == 0:
        return 0
    if bias is None:
        bias = vector(y.sizes[1], x.dt)
        memset(data_of(bias), 0, bias.count * itemsize_of(x.dt))
    for p in plan.products:
        work += p.work
    if work * images < GRAIN:
        nt = 1
    if by_panels(plan, g, x.dt, nt):
        return run_panels(y, plan, g, w, x, bias, nt)
    pack(plan, g, w)
    if n > 64:
        store = vector(n * sizeof(Job) // 8 + 1, DOUBLE)
        jobs = <Job*> data_of(store)
    for i in range(n):
        p = <Product> plan.products[i]
        jobs[i].c, jobs[i].off, jobs[i].packed = p.c, <Py_ssize_t*> data_of(p.off), data_of(p.packed)
        jobs[i].packed_group, jobs[i].tiles = p.packed_group, p.tiles
    step = plan.image_size + SLACK
    buffers = nt if images >= nt else 1
    image = vector(step * buffers, x.dt)
    cdef char* px = data_of(x)
    cdef char* py = data_of(y)
    cdef char* pb = data_of(bias)
    cdef char* pi = data_of(image)
    cdef int dt = x.dt
    for i in range(buffers):
        memset(pi + ((i + 1) * step - SLACK) * size, 0, SLACK * size)
    with nogil:
        if dt == FLOAT:
            all_images[float](<float*> px, <float*> py, <float*> pb, <float*> pi, step, &plan.image, jobs, n, images,
                              g.groups, plan.in_group, plan.out_group, rows, nt)
        else:
            all_images[double](<double*> px, <double*> py, <double*> pb, <double*> pi, step, &plan.image, jobs, n,
                               images, g.groups, plan.in_group, plan.out_group, rows, nt)
    return 0


# ------------------------------------------------------------------ by panels

cdef bint by_panels(Plan plan, Geometry g, int dt, int nt) noexcept:
    """Whether vectors of channels do the work in less time than vectors of pixels, whose tiles cover padding too."""
    cdef int vw = tiles_f32.vw if dt == FLOAT else tiles_f64.vw
    cdef Py_ssize_t wide = vw * (tiles_f32.nv if dt == FLOAT else tiles_f64.nv), tiles = 0, panels = 0, rows
    cdef Product p
    for p in plan.products:
        rows = panel_rows(p.c.rows, vw)
        if g.n * g.groups < nt and rows < 2 * vw * nt:
            return False        # too few blocks to share out
        tiles += p.c.taps * p.c.rows * p.tiles * wide * (3 if p.packed_group * itemsize_of(dt) > CACHE else 2)
        panels += (p.c.taps + TURN) * rows * area_of(&p.c) * 2
    return panels < tiles


cdef Tensor pixel_table(const cg_product* c, Py_ssize_t images, Py_ssize_t image_step, bint of_output):
    """Where each pixel lies in the output, or each of so many images' in the padded images."""
    cdef Tensor table = offsets(images * area_of(c))
    cdef Py_ssize_t* to = <Py_ssize_t*> data_of(table)
    cdef Py_ssize_t i, d, h, v, n = 0
    for i in range(images):
        for d in range(c.count[0]):
            for h in range(c.count[1]):
                for v in range(c.count[2]):
                    to[n] = (d * c.out_step[0] + h * c.out_step[1] + v * c.out_step[2] if of_output else
                             i * image_step + d * c.plane + h * c.line + v)
                    n += 1
    return table


cdef void pack_part(const cg_panel_job* j, const Py_ssize_t* at, Py_ssize_t row_step, char* w, Py_ssize_t group,
                    Py_ssize_t groups, int dt, Py_ssize_t t, Py_ssize_t nt) noexcept nogil:
    """Part t of nt of the blocks of each group's panels."""
    cdef Py_ssize_t i, wide = 2 * (tiles_f32.vw if dt == FLOAT else tiles_f64.vw)
    cdef Py_ssize_t blocks = (j.c.rows + wide - 1) // wide
    for i in range(groups):
        if dt == FLOAT:
            cg_pack_panels_f32(tiles_f32, j.c.taps, j.c.rows, <float*> w + i * group, row_step, at,
                               <float*> j.panels + i * j.group, blocks * t // nt, blocks * (t + 1) // nt)
        else:
            cg_pack_panels_f64(tiles_f64, j.c.taps, j.c.rows, <double*> w + i * group, row_step, at,
                               <double*> j.panels + i * j.group, blocks * t // nt, blocks * (t + 1) // nt)


cdef int pack_panels(Plan plan, cg_panel_job* jobs, Geometry g, Tensor w, Py_ssize_t held, Py_ssize_t image_step,
                     int nt) except -1:
    """Fills `jobs`: the weights by panels, the tables of pixels."""
    cdef Region region
    cdef Product p
    cdef cg_panel_job* j
    cdef int i, t, dt = w.dt
    cdef Py_ssize_t row_step, group = w.count // g.groups, groups = g.groups
    cdef Py_ssize_t* at
    cdef char* pw = data_of(w)
    for i in range(<int> len(plan.products)):
        p, j = <Product> plan.products[i], &jobs[i]
        j.c, j.off = p.c, <Py_ssize_t*> data_of(p.off)
        j.group = panel_rows(p.c.rows, tiles_f32.vw if dt == FLOAT else tiles_f64.vw) * p.c.taps
        p.packed, p.pixels = vector(j.group * groups, dt), pixel_table(&p.c, held, image_step, False)
        j.panels, j.at, j.places = data_of(p.packed), <Py_ssize_t*> data_of(p.pixels), NULL
        if (p.c.out_step[2] != 1 or p.c.count[1] > 1 and p.c.out_step[1] != p.c.count[2]
                or p.c.count[0] > 1 and p.c.out_step[0] != p.c.count[1] * p.c.count[2]):
            p.places = pixel_table(&p.c, 1, 0, True)
            j.places = <Py_ssize_t*> data_of(p.places)
        at, row_step = <Py_ssize_t*> data_of(p.at), p.row_step
        if nt == 1:
            pack_part(j, at, row_step, pw, group, groups, dt, 0, 1)
            continue
        with nogil:
            open_region(&region, nt)
            for t in prange(nt, num_threads=region.n, schedule="static"):
                pack_part(j, at, row_step, pw, group, groups, dt, t, nt)
                end_part(&region)
            close_region(&region)
    return 0


cdef struct Panels:             # what run_panels tells its threads
    const cg_image* image
    const cg_panel_job* jobs
    int n_jobs, dt
    Py_ssize_t images, groups, in_group, out_group, image_step, sums_step, held
    char* x
    char* y
    char* bias
    char* padded                # `held` images for each thread
    char* sums                  # and the products over them


cdef void panel_images(const Panels* v, int t, Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    """Items [lo, hi) of the (group, image) pairs, by thread t."""
    if v.dt == FLOAT:
        cg_panel_images_f32(tiles_f32, v.image, v.jobs, v.n_jobs, <float*> v.x, v.in_group, <float*> v.y, v.out_group,
                            <float*> v.bias, <float*> v.padded + t * v.held * v.image_step, v.image_step,
                            <float*> v.sums + t * v.held * v.sums_step, v.held, v.images, v.groups, lo, hi)
    else:
        cg_panel_images_f64(tiles_f64, v.image, v.jobs, v.n_jobs, <double*> v.x, v.in_group, <double*> v.y, v.out_group,
                            <double*> v.bias, <double*> v.padded + t * v.held * v.image_step, v.image_step,
                            <double*> v.sums + t * v.held * v.sums_step, v.held, v.images, v.groups, lo, hi)


cdef void panel_blocks(const Panels* v, Py_ssize_t i, Py_ssize_t group, int t, int nt) noexcept nogil:
    """Part t of nt of the rows of one image and group."""
    if v.dt == FLOAT:
        cg_panel_products_f32(tiles_f32, v.jobs, v.n_jobs, group, 1, <float*> v.padded, <float*> v.bias,
                              <float*> v.sums, <float*> v.y + i * v.out_group, 0, t, nt)
    else:
        cg_panel_products_f64(tiles_f64, v.jobs, v.n_jobs, group, 1, <double*> v.padded, <double*> v.bias,
                              <double*> v.sums, <double*> v.y + i * v.out_group, 0, t, nt)


cdef void all_panels(const Panels* v, int nt) noexcept nogil:
    cdef Region region
    cdef Py_ssize_t items = v.images * v.groups, i
    cdef int t
    if nt == 1:
        panel_images(v, 0, 0, items)
    elif items >= nt:
        open_region(&region, nt)
        for t in prange(nt, num_threads=region.n, schedule="static"):
            panel_images(v, t, items * t // nt, items * (t + 1) // nt)
            end_part(&region)
        close_region(&region)
    else:
        for i in range(items):
            if v.dt == FLOAT:
                cg_fill_f32(v.image, <float*> v.x + i * v.in_group, <float*> v.padded)
            else:
                cg_fill_f64(v.image, <double*> v.x + i * v.in_group, <double*> v.padded)
            open_region(&region, nt)
            for t in prange(nt, num_threads=region.n, schedule="static"):
                panel_blocks(v, i, i % v.groups, t, nt)
                end_part(&region)
            close_region(&region)


cdef int run_panels(Tensor y, Plan plan, Geometry g, Tensor w, Tensor x, Tensor bias, int nt) except -1:
    """As run_plan, with vectors of channels over as many images at a time as the cache holds."""
    cdef Py_ssize_t size = itemsize_of(x.dt), n = len(plan.products), buffers
    cdef Tensor store = vector(n * sizeof(cg_panel_job) // 8 + 1, DOUBLE), padded, sums
    cdef Product p
    cdef Panels v
    v.image, v.jobs, v.n_jobs, v.dt = &plan.image, <cg_panel_job*> data_of(store), <int> n, x.dt
    v.images, v.groups, v.in_group, v.out_group = g.n, g.groups, plan.in_group, plan.out_group
    v.image_step, v.sums_step = plan.image_size, 0
    for p in plan.products:
        v.sums_step = max(v.sums_step, area_of(&p.c) * panel_rows(p.c.rows, tiles_f32.vw if x.dt == FLOAT
                                                                  else tiles_f64.vw))
    v.held = max(1, min(CACHE // ((v.image_step + v.sums_step) * size), (g.n + nt - 1) // nt))
    buffers = v.held * (nt if g.n * g.groups >= nt else 1)
    padded, sums = vector(buffers * v.image_step, x.dt), vector(buffers * v.sums_step, x.dt)
    v.x, v.y, v.bias, v.padded, v.sums = data_of(x), data_of(y), data_of(bias), data_of(padded), data_of(sums)
    pack_panels(plan, <cg_panel_job*> data_of(store), g, w, v.held, v.image_step, nt)
    with nogil:
        all_panels(&v, nt)
    return 0


# ------------------------------------------------------------------ the weight gradient

cdef struct Weighing:
    cg_image image
    Py_ssize_t images, groups, og, taps, image_size, spread_size, in_group, y_group, y_channel, line, run, segments
    Py_ssize_t count[3]
    int gr, gt
    const Py_ssize_t* off
    const cg_segment* seg
    const Py_ssize_t* passes        # ends of the passes over the segments
    Py_ssize_t n_passes


cdef void prepare(const Weighing* v, real* x, real* y, real* image, real* spread, Py_ssize_t lo,
                  Py_ssize_t hi) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(lo, hi):
        if real is float:
            cg_fill_f32(&v.image, x + i * v.in_group, image + i * v.image_size)
            cg_spread_f32(y + i * v.y_group, v.og, v.y_channel, v.count, v.line, v.run, spread + i * v.spread_size)
        else:
            cg_fill_f64(&v.image, x + i * v.in_group, image + i * v.image_size)
            cg_spread_f64(y + i * v.y_group, v.og, v.y_channel, v.count, v.line, v.run, spread + i * v.spread_size)


cdef void weigh(const Weighing* v, real* image, real* spread, real* w, int t, int nt) noexcept nogil:
    """This thread's tiles of every group: whole groups where there are enough, else a part of each."""
    cdef Py_ssize_t tiles = ((v.og + v.gr - 1) // v.gr) * ((v.taps + v.gt - 1) // v.gt)
    cdef Py_ssize_t group, lo = 0, hi = tiles, i, start
    cdef bint by_group = v.groups >= nt
    if not by_group:
        lo, hi = tiles * t // nt, tiles * (t + 1) // nt
    for group in range(v.groups):
        if by_group and group % nt != t:
            continue
        start = 0
        for i in range(v.n_passes):
            if real is float:
                cg_weigh_f32(tiles_f32, v.og, v.taps, v.gr, v.gt, v.passes[i] - start, v.seg + start,
                             spread + group * v.spread_size, v.count[0] * v.run, image + group * v.image_size, v.off,
                             w + group * v.og * v.taps, lo, hi)
            else:
                cg_weigh_f64(tiles_f64, v.og, v.taps, v.gr, v.gt, v.passes[i] - start, v.seg + start,
                             spread + group * v.spread_size, v.count[0] * v.run, image + group * v.image_size, v.off,
                             w + group * v.og * v.taps, lo, hi)
            start = v.passes[i]


cdef void weigh_chunk(const Weighing* v, real* x, real* y, real* image, real* spread, real* w,
                      int nt) noexcept nogil:
    cdef Region region
    cdef int t
    if nt == 1:
        prepare(v, x, y, image, spread, 0, v.images)
        weigh(v, image, spread, w, 0, 1)
        return
    open_region(&region, nt)
    for t in prange(nt, num_threads=region.n, schedule="static"):
        prepare(v, x, y, image, spread, v.images * t // nt, v.images * (t + 1) // nt)
        end_part(&region)
    close_region(&region)
    open_region(&region, nt)
    for t in prange(nt, num_threads=region.n, schedule="static"):
        weigh(v, image, spread, w, t, nt)
        end_part(&region)
    close_region(&region)


cdef int weigh_all(Tensor w, Tensor x, Tensor y, Geometry g) except -1:
    """W(x, y): w[o, c, k] = sum over images and pixels p of y[o, p] * x[c, p * stride + k * dilation - pad]."""
    cdef Tensor off, image, spread, segments, passes
    cdef Plan plan
    cdef Weighing v
    cdef Py_ssize_t cg = g.c // g.groups, og = g.o // g.groups, per, at, done, n, d, block, held, length, i
    cdef Py_ssize_t size = itemsize_of(x.dt), vw, flat
    cdef int nt = num_threads(), gr, gt, dt = x.dt
    cdef cg_segment* seg
    cdef Py_ssize_t* ends
    memset(data_of(w), 0, w.count * size)
    if w.count == 0 or x.count == 0 or y.count == 0:
        return 0
    plan = new_plan(cg, g.size)
    off = input_taps(plan, g)
    if dt == FLOAT:
        vw, gr, gt = tiles_f32.vw, tiles_f32.gr, tiles_f32.gt
    else:
        vw, gr, gt = tiles_f64.vw, tiles_f64.gr, tiles_f64.gt
    v.image, v.groups, v.og, v.taps, v.off = plan.image, g.groups, og, off.count, <Py_ssize_t*> data_of(off)
    v.line = plan.image.length[2]
    flat = (g.out[1] - 1) * v.line + g.out[2]
    v.run = (flat + vw - 1) // vw * vw
    for i in range(3):
        v.count[i] = g.out[i]
    v.image_size, v.spread_size = plan.image_size, og * g.out[0] * v.run
    v.in_group, v.y_channel = plan.in_group, g.out[0] * g.out[1] * g.out[2]
    v.y_group = og * v.y_channel
    blocks = (og + gr - 1) // gr
    v.gr = <int> ((og + blocks - 1) // blocks)
    blocks = (v.taps + gt - 1) // gt
    v.gt = <int> ((v.taps + blocks - 1) // blocks)
    if g.n * g.groups * og * v.taps * g.out[0] * flat < GRAIN:
        nt = 1
    if 4 * og >= 3 * panel_rows(og, vw):    # vectors of channels are mostly full
        return weigh_panels(w, x, y, g, plan, off, nt)
    per = CHUNK // ((v.image_size + v.spread_size) * g.groups * size) if nt else 0
    if per < 1:
        per = 1
    if per > g.n:
        per = g.n
    image = vector(per * g.groups * v.image_size + SLACK, dt)
    # What is read and not filled meets zeros of y, and must be a number for that to give zero.
    if b"\0" in plan.used:
        memset(data_of(image), 0, image.count * size)
    else:
        memset(data_of(image) + (image.count - SLACK) * size, 0, SLACK * size)
    spread = vector(per * g.groups * v.spread_size, dt)
    # A pass covers as many pixels as keep both operands in the cache; long runs are cut.
    block = CACHE // ((og + cg) * size) // vw * vw
    if block < 16 * vw:
        block = 16 * vw
    length = per * g.out[0] * ((v.run + block - 1) // block)
    segments, passes = offsets(3 * length), offsets(length)
    seg, ends = <cg_segment*> data_of(segments), <Py_ssize_t*> data_of(passes)
    v.seg, v.passes = seg, ends
    done = 0
    while done < g.n:
        if per > g.n - done:
            per = g.n - done
        v.images = per * g.groups
        v.segments = v.n_passes = held = 0
        for n in range(per):
            for d in range(g.out[0]):
                at = 0
                while at < v.run:
                    length = v.run - at if v.run - at < block else block
                    if held + length > block and held:
                        ends[v.n_passes] = v.segments
                        v.n_passes += 1
                        held = 0
                    seg[v.segments].g = n * g.groups * v.spread_size + d * v.run + at
                    seg[v.segments].b = n * g.groups * v.image_size + d * v.line * plan.image.length[1] + at
                    seg[v.segments].n = length
                    v.segments += 1
                    held += length
                    at += length
        ends[v.n_passes] = v.segments
        v.n_passes += 1
        px, py = <size_t> data_of(x), <size_t> data_of(y)
        weigh_typed(&v, <char*> <size_t> px + done * g.groups * v.in_group * size,
                    <char*> <size_t> py + done * g.groups * v.y_group * size, data_of(image), data_of(spread),
                    data_of(w), nt, dt)
        done += per
    return 0


cdef struct PanelWeighing:      # what weigh_panels tells its threads
    cg_image image
    int dt
    Py_ssize_t images, groups, rows, taps, area, in_group, image_size, y_group, panels_group, sums_group, tiles
    const Py_ssize_t* off
    const Py_ssize_t* at
    char* x
    char* y
    char* padded
    char* panels
    char* sums
    char* w


cdef void prepare_panels(const PanelWeighing* v, Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    """Items [lo, hi) of the (image, group) pairs: the padded image, and y by pixels."""
    cdef Py_ssize_t i, pixel, to
    for i in range(lo, hi):
        pixel, to = i // v.groups * v.area, i % v.groups * v.panels_group
        if v.dt == FLOAT:
            cg_fill_f32(&v.image, <float*> v.x + i * v.in_group, <float*> v.padded + i * v.image_size)
            cg_pixel_panels_f32(tiles_f32, v.rows, v.area, <float*> v.y + i * v.y_group, pixel, v.images * v.area,
                                <float*> v.panels + to)
        else:
            cg_fill_f64(&v.image, <double*> v.x + i * v.in_group, <double*> v.padded + i * v.image_size)
            cg_pixel_panels_f64(tiles_f64, v.rows, v.area, <double*> v.y + i * v.y_group, pixel, v.images * v.area,
                                <double*> v.panels + to)


cdef void weigh_by_panels(const PanelWeighing* v, Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    """Tiles [lo, hi) of all groups'."""
    cdef Py_ssize_t group, end
    while lo < hi:
        group = lo // v.tiles
        end = min(hi, (group + 1) * v.tiles)
        if v.dt == FLOAT:
            cg_weigh_panels_f32(tiles_f32, v.taps, v.images * v.area, v.rows, <float*> v.padded + group * v.image_size,
                                v.at, v.off, <float*> v.panels + group * v.panels_group,
                                <float*> v.sums + group * v.sums_group, lo - group * v.tiles, end - group * v.tiles)
        else:
            cg_weigh_panels_f64(tiles_f64, v.taps, v.images * v.area, v.rows, <double*> v.padded + group * v.image_size,
                                v.at, v.off, <double*> v.panels + group * v.panels_group,
                                <double*> v.sums + group * v.sums_group, lo - group * v.tiles, end - group * v.tiles)
        lo = end


cdef void weigh_panels_chunk(const PanelWeighing* v, int nt) noexcept nogil:
    cdef Region region
    cdef Py_ssize_t items = v.images * v.groups, tiles = v.tiles * v.groups
    cdef int t
    if nt == 1:
        prepare_panels(v, 0, items)
        weigh_by_panels(v, 0, tiles)
        return
    open_region(&region, nt)
    for t in prange(nt, num_threads=region.n, schedule="static"):
        prepare_panels(v, items * t // nt, items * (t + 1) // nt)
        end_part(&region)
    close_region(&region)
    open_region(&region, nt)
    for t in prange(nt, num_threads=region.n, schedule="static"):
        weigh_by_panels(v, tiles * t // nt, tiles * (t + 1) // nt)
        end_part(&region)
    close_region(&region)


cdef int weigh_panels(Tensor w, Tensor x, Tensor y, Geometry g, Plan plan, Tensor off, int nt) except -1:
    """W with vectors of output channels: a tile of taps by channels, to which the pixels of many images add."""
    cdef Py_ssize_t size = itemsize_of(x.dt), per, done = 0, i, step, blocks
    cdef int vw = tiles_f32.vw if x.dt == FLOAT else tiles_f64.vw, ar = tiles_f32.ar if x.dt == FLOAT else tiles_f64.ar
    cdef Tensor padded, panels, sums, pixels
    cdef cg_product c
    cdef PanelWeighing v
    for i in range(3):
        c.count[i] = g.out[i]
    c.line, c.plane = plan.image.length[2], plan.image.length[1] * plan.image.length[2]
    v.image, v.dt, v.groups, v.rows, v.taps = plan.image, x.dt, g.groups, g.o // g.groups, off.count
    v.area, v.in_group, v.image_size = area_of(&c), plan.in_group, plan.image_size
    v.y_group, v.sums_group = v.rows * v.area, panel_rows(v.rows, vw) * v.taps
    blocks = (v.rows + 2 * vw - 1) // (2 * vw)
    v.tiles = blocks * ((v.taps + ar - 1) // ar)
    step = panel_rows(v.rows, vw) * v.area
    per = max(1, min(g.n, CHUNK // ((v.image_size + step) * g.groups * size)))
    padded, panels = vector(per * g.groups * v.image_size, x.dt), vector(per * g.groups * step, x.dt)
    sums, pixels = vector(g.groups * v.sums_group, x.dt), pixel_table(&c, per, g.groups * v.image_size, False)
    memset(data_of(sums), 0, sums.count * size)
    v.off, v.at = <Py_ssize_t*> data_of(off), <Py_ssize_t*> data_of(pixels)
    v.padded, v.panels, v.sums, v.w = data_of(padded), data_of(panels), data_of(sums), data_of(w)
    while done < g.n:
        v.images = min(per, g.n - done)
        v.panels_group = v.images * step
        v.x = data_of(x) + done * g.groups * v.in_group * size
        v.y = data_of(y) + done * g.groups * v.y_group * size
        with nogil:
            weigh_panels_chunk(&v, nt)
        done += v.images
    for i in range(g.groups):
        if x.dt == FLOAT:
            cg_unpack_panels_f32(tiles_f32, v.taps, v.rows, <float*> v.sums + i * v.sums_group,
                                 <float*> v.w + i * v.rows * v.taps)
        else:
            cg_unpack_panels_f64(tiles_f64, v.taps, v.rows, <double*> v.sums + i * v.sums_group,
                                 <double*> v.w + i * v.rows * v.taps)
    return 0


cdef void weigh_typed(const Weighing* v, char* x, char* y, char* image, char* spread, char* w, int nt,
                      int dt) noexcept:
    with nogil:
        if dt == FLOAT:
            weigh_chunk[float](v, <float*> x, <float*> y, <float*> image, <float*> spread, <float*> w, nt)
        else:
            weigh_chunk[double](v, <double*> x, <double*> y, <double*> image, <double*> spread, <double*> w, nt)


# ------------------------------------------------------------------ the primitives

cdef int working_dtype(Tensor t) noexcept:
    """Half works in float; integers, exact below 2**53, in double."""
    return FLOAT if t.dt == HALF or t.dt == BFLOAT16 else DOUBLE if t.dt < HALF else t.dt


cpdef int convolve(Tensor out, Tensor x, Tensor weight, Tensor bias, tuple stride, tuple padding, tuple dilation,
                   Py_ssize_t groups) except -1:
    cdef Geometry g = geometry(x, weight, out, stride, padding, dilation, groups)
    cdef int dt = working_dtype(x)
    cdef int mr = tiles_f32.mr if dt == FLOAT else tiles_f64.mr
    cdef Py_ssize_t wide = tiles_f32.vw * tiles_f32.nv if dt == FLOAT else tiles_f64.vw * tiles_f64.nv
    cdef Tensor y = out if out.dt == dt else like(out, dt)
    run_plan(y, plan_forward(g, mr, wide), g, as_float(weight, dt), as_float(x, dt),
             None if bias is None else as_float(bias, dt))
    return 0 if y is out else copy_into(out, y)


cpdef int convolve_input(Tensor out, Tensor y, Tensor weight, Tensor bias, tuple stride, tuple padding, tuple dilation,
                         Py_ssize_t groups) except -1:
    cdef Geometry g = geometry(out, weight, y, stride, padding, dilation, groups)
    cdef int dt = working_dtype(y)
    cdef int mr = tiles_f32.mr if dt == FLOAT else tiles_f64.mr
    cdef Py_ssize_t wide = tiles_f32.vw * tiles_f32.nv if dt == FLOAT else tiles_f64.vw * tiles_f64.nv
    cdef Tensor x = out if out.dt == dt else like(out, dt)
    run_plan(x, plan_input(g, mr, wide), g, as_float(weight, dt), as_float(y, dt),
             None if bias is None else as_float(bias, dt))
    return 0 if x is out else copy_into(out, x)


cpdef int convolve_weight(Tensor out, Tensor x, Tensor y, tuple stride, tuple padding, tuple dilation,
                          Py_ssize_t groups) except -1:
    cdef Geometry g = geometry(x, out, y, stride, padding, dilation, groups)
    cdef int dt = working_dtype(x)
    cdef Tensor w = out if out.dt == dt else like(out, dt)
    weigh_all(w, as_float(x, dt), as_float(y, dt), g)
    return 0 if w is out else copy_into(out, w)


cpdef int channel_sum(Tensor out, Tensor t) except -1:
    cdef int dt = working_dtype(t)
    cdef Tensor x = as_float(t, dt), sums = out if out.dt == dt else like(out, dt)
    cdef Py_ssize_t c = x.sizes[1]
    cdef Py_ssize_t pixels = 0 if x.count == 0 else x.count // (x.sizes[0] * c)
    if dt == FLOAT:
        cg_channel_sum_f32(<float*> data_of(x), x.sizes[0], c, pixels, <float*> data_of(sums))
    else:
        cg_channel_sum_f64(<double*> data_of(x), x.sizes[0], c, pixels, <double*> data_of(sums))
    return 0 if sums is out else copy_into(out, sums)
