"""Convolutions of one, two and three dimensions on the CPU: the primitives (see _devices/primitives.py).

Design
------
* F (convolve) and I (convolve_input) are one computation (conv_plan.pyx): products of padded images with weights, by
  one of two kinds of register tile (conv_tiles.h), with the accumulators in registers over all taps:
  - 8 channels by 48 pixels, vectors of pixels: here, for few channels;
  - 8 pixels by 32 channels, vectors of channels: conv_panels.pyx, for many;
  and for 3x3 kernels on many channels by transforms that take 4 products for every 9 (winograd.pyx).
* W (convolve_weight) too is by panels or transforms where channels fill a vector; else a tile of 4 channels by 6 taps
  runs over vectors of pixels.
* Threads share out images (or parts of one image); a thread's sums do not depend on their number, so results are the
  same bits for any.
Refused: im2col with BLAS throughout (slower at few channels: it writes 25 times the input to read it once).
"""
from cython.parallel cimport prange
from libc.string cimport memset

from cygrad._core cimport BFLOAT16, DOUBLE, FLOAT, HALF, Tensor, data_of, itemsize_of
from cygrad._kernels.conv_panels cimport by_panels, panel_rows, run_panels, weigh_panels
from cygrad._kernels.conv_plan cimport (
    CACHE, CHUNK, Geometry, Plan, Product, cg_image, cg_product, cg_segment, cg_tiles_f32, cg_tiles_f64, geometry,
    input_taps, new_plan, offsets, plan_forward, plan_input, tiles_f32, tiles_f64)
from cygrad._kernels.copies cimport as_float, like, vector
from cygrad._kernels.winograd cimport by_transform, run_transformed, weigh_transformed
from cygrad._ops cimport copy_into
from cygrad._threads cimport Region, close_region, end_part, num_threads, open_region

cdef extern from "_kernels/conv.h" nogil:
    void cg_pack_f32(const cg_product*, const float*, Py_ssize_t, const Py_ssize_t*, float*)
    void cg_pack_f64(const cg_product*, const double*, Py_ssize_t, const Py_ssize_t*, double*)
    void cg_fill_f32(const cg_image*, const float*, float*)
    void cg_fill_f64(const cg_image*, const double*, double*)
    void cg_run_f32(const cg_tiles_f32*, const cg_product*, const float*, const Py_ssize_t*, const float*, const float*,
                    float*, Py_ssize_t, Py_ssize_t)
    void cg_run_f64(const cg_tiles_f64*, const cg_product*, const double*, const Py_ssize_t*, const double*,
                    const double*, double*, Py_ssize_t, Py_ssize_t)
    void cg_spread_f32(const float*, Py_ssize_t, Py_ssize_t, const Py_ssize_t*, Py_ssize_t, Py_ssize_t, float*)
    void cg_spread_f64(const double*, Py_ssize_t, Py_ssize_t, const Py_ssize_t*, Py_ssize_t, Py_ssize_t, double*)
    void cg_weigh_f32(const cg_tiles_f32*, Py_ssize_t, Py_ssize_t, int, int, Py_ssize_t, const cg_segment*,
                      const float*, Py_ssize_t, const float*, const Py_ssize_t*, float*, Py_ssize_t, Py_ssize_t)
    void cg_weigh_f64(const cg_tiles_f64*, Py_ssize_t, Py_ssize_t, int, int, Py_ssize_t, const cg_segment*,
                      const double*, Py_ssize_t, const double*, const Py_ssize_t*, double*, Py_ssize_t, Py_ssize_t)
    void cg_channel_sum_f32(const float*, Py_ssize_t, Py_ssize_t, Py_ssize_t, float*)
    void cg_channel_sum_f64(const double*, Py_ssize_t, Py_ssize_t, Py_ssize_t, double*)

cdef enum:
    SLACK = 64                  # elements that a tile may read past the last pixel
    GRAIN = 1 << 19             # multiply-adds below which a second thread costs more than it saves

ctypedef fused real:
    float
    double


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
    if by_transform(g, x.dt):
        return run_transformed(y, g, w, x, bias, plan.of_input, nt)
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
    if by_transform(g, dt):
        return weigh_transformed(w, x, y, g, nt)
    if 4 * og >= 3 * panel_rows(og, dt):    # vectors of channels are mostly full
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
    cdef Tensor y = out if out.dt == dt else like(out, dt)
    run_plan(y, plan_forward(g, dt), g, as_float(weight, dt), as_float(x, dt),
             None if bias is None else as_float(bias, dt))
    return 0 if y is out else copy_into(out, y)


cpdef int convolve_input(Tensor out, Tensor y, Tensor weight, Tensor bias, tuple stride, tuple padding, tuple dilation,
                         Py_ssize_t groups) except -1:
    cdef Geometry g = geometry(out, weight, y, stride, padding, dilation, groups)
    cdef int dt = working_dtype(y)
    cdef Tensor x = out if out.dt == dt else like(out, dt)
    run_plan(x, plan_input(g, dt), g, as_float(weight, dt), as_float(y, dt),
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
