"""Convolutions with 3x3 kernels and stride 1 by Winograd's transforms: 16 products for four pixels in place of 36.

A tile of 4x4 pixels and the 3x3 weights are transformed to 16 numbers each (winograd_tiles.h, with the sources), for
each of which one product over the channels is done by panels; 2x2 output pixels come out.  The input's gradient is the
same with the weights turned round; the weight's has the tile's 2x2 gradients for the shorter filter, and 3x3 weights
come out.  The sums differ from the direct ones by a few roundings: 1e-6 of the largest (PyTorch's own: 3e-7).  Sizes
decide, never the number of threads.
Refused: tiles of 4x4 outputs (36 products in place of 144; their roundings are ten times as large).
"""
from cython.parallel cimport prange
from libc.string cimport memset

from cygrad._core cimport FLOAT, Tensor, data_of
from cygrad._kernels.conv_panels cimport panel_rows
from cygrad._kernels.conv_plan cimport Geometry, cg_product, cg_tiles_f32, offsets, tiles_f32
from cygrad._kernels.copies cimport vector
from cygrad._threads cimport Region, close_region, end_part, open_region

cdef extern from "_kernels/winograd.h" nogil:
    ctypedef struct cg_winograd:
        Py_ssize_t channels, padded, rows, line, image_step, chunk
        Py_ssize_t size[2]
        Py_ssize_t pad[2]
        Py_ssize_t out[2]
        Py_ssize_t tiles[2]
        const Py_ssize_t* at
        const Py_ssize_t* steps
    void cg_pack_panels_f32(const cg_tiles_f32*, Py_ssize_t, Py_ssize_t, const float*, Py_ssize_t, const Py_ssize_t*,
                            float*, Py_ssize_t, Py_ssize_t)
    void cg_pixel_panels_f32(const cg_tiles_f32*, Py_ssize_t, Py_ssize_t, const float*, Py_ssize_t, Py_ssize_t, float*)
    void cg_unpack_panels_f32(const cg_tiles_f32*, Py_ssize_t, Py_ssize_t, const float*, float*, Py_ssize_t, Py_ssize_t)
    void cg_settle_f32(const cg_tiles_f32*, const cg_product*, Py_ssize_t, Py_ssize_t, const float*, const Py_ssize_t*,
                       float*, Py_ssize_t, Py_ssize_t)
    Py_ssize_t cg_plane(Py_ssize_t, Py_ssize_t)
    void cg_by_pixels(const cg_tiles_f32*, const cg_winograd*, const float*, float*)
    void cg_winograd_weights(const cg_tiles_f32*, const cg_winograd*, const float*, int, float*, Py_ssize_t, Py_ssize_t)
    void cg_winograd_tiles(const cg_tiles_f32*, const cg_winograd*, const float*, const float*, const float*, float*,
                           float*, float*, Py_ssize_t, Py_ssize_t, Py_ssize_t)
    void cg_winograd_images(const cg_tiles_f32*, const cg_winograd*, const cg_product*, const float*, float*,
                            const float*, const float*, float*, float*, float*, float*, Py_ssize_t, Py_ssize_t,
                            Py_ssize_t)
    void cg_winograd_operands(const cg_tiles_f32*, const cg_winograd*, const float*, const float*, Py_ssize_t, float*,
                              float*, Py_ssize_t, Py_ssize_t, Py_ssize_t)
    void cg_winograd_weigh(const cg_tiles_f32*, const cg_winograd*, const float*, const float*, float*, Py_ssize_t,
                           Py_ssize_t, Py_ssize_t)
    void cg_winograd_unweigh(const cg_tiles_f32*, const cg_winograd*, const float*, float*, Py_ssize_t, Py_ssize_t)

cdef enum:
    FEW = 32                    # channels below which the transforms cost more than they save
    HELD = 1 << 18              # numbers of transformed pixels at a time, for a core's own cache
    BOTH = 1 << 19              # and of both operands of the weight gradient, for all cores
    TRANSFORM = 200             # multiply-adds that cost as much as a channel of a tile's transform
    READ = 500                  # and as much as 16 transformed weights


cdef bint by_transform(Geometry g, int dt) noexcept:
    """Whether a convolution is of the kind, and large enough to gain."""
    cdef int i
    cdef Py_ssize_t tiles = g.n * ((g.out[1] + 1) // 2) * ((g.out[2] + 1) // 2), pairs = g.c * g.o
    if dt != FLOAT or g.groups != 1 or g.c < FEW or g.o < FEW or g.size[0] != 1 or g.kernel[0] != 1 or g.pad[0]:
        return False
    for i in range(1, 3):
        if g.kernel[i] != 3 or g.stride[i] != 1 or g.dilation[i] != 1 or g.pad[i] > 2:
            return False
    return tiles * (16 * pairs + TRANSFORM * (g.c + g.o)) + READ * pairs < 9 * pairs * g.n * g.out[1] * g.out[2]


cdef int blocks_of(const cg_winograd* w) noexcept nogil:
    return <int> ((w.rows + 2 * tiles_f32.vw - 1) // (2 * tiles_f32.vw))


cdef void describe(cg_winograd* w, Geometry g, bint of_input) noexcept:
    cdef int i
    w.channels, w.rows = (g.o, g.c) if of_input else (g.c, g.o)
    w.padded = panel_rows(w.channels, FLOAT)
    for i in range(2):
        w.size[i], w.out[i], w.pad[i] = g.size[i + 1], g.out[i + 1], g.pad[i + 1]
        if of_input:
            w.size[i], w.out[i], w.pad[i] = w.out[i], w.size[i], 2 - w.pad[i]
        w.tiles[i] = (w.out[i] + 1) // 2
    w.line = 2 * w.tiles[1] + 2
    w.image_step = (2 * w.tiles[0] + 2) * w.line * w.padded


cdef Tensor multiples(Py_ssize_t count, Py_ssize_t step):
    cdef Tensor table = offsets(count)
    cdef Py_ssize_t i
    for i in range(count):
        (<Py_ssize_t*> data_of(table))[i] = i * step
    return table


cdef struct Transformed:        # what run_transformed tells its threads
    cg_winograd w
    cg_product c
    Py_ssize_t images, held, row_step
    bint flipped
    const Py_ssize_t* taps
    float* weights
    float* panels
    float* u
    float* x
    float* y
    float* bias
    float* padded               # for each thread: `held` images,
    float* v                    # a chunk of transformed tiles,
    float* m                    # their products,
    float* sums                 # and outputs by pixels


cdef void transform_weights(const Transformed* t, int part, int parts) noexcept nogil:
    cdef Py_ssize_t blocks = blocks_of(&t.w), first = blocks * part // parts, last = blocks * (part + 1) // parts
    cg_pack_panels_f32(tiles_f32, 9 * t.w.channels, t.w.rows, t.weights, t.row_step, t.taps, t.panels, first, last)
    cg_winograd_weights(tiles_f32, &t.w, t.panels, t.flipped, t.u, first, last)


cdef void transform_images(const Transformed* t, int thread, Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    cdef Py_ssize_t area = t.w.out[0] * t.w.out[1]
    cg_winograd_images(tiles_f32, &t.w, &t.c, t.x, t.y, t.u, t.bias, t.padded + thread * t.held * t.w.image_step,
                       t.v + thread * 16 * cg_plane(t.w.chunk, t.w.padded),
                       t.m + thread * 16 * cg_plane(t.w.chunk, 2 * tiles_f32.vw),
                       t.sums + thread * t.held * area * panel_rows(t.w.rows, FLOAT), t.held, lo, hi)


cdef void transform_part(const Transformed* t, Py_ssize_t i, int part, int parts) noexcept nogil:
    """Part of the tiles of image i, which lies padded."""
    cdef Py_ssize_t tiles = t.w.tiles[0] * t.w.tiles[1]
    cg_winograd_tiles(tiles_f32, &t.w, t.padded, t.u, t.bias, t.v + part * 16 * cg_plane(t.w.chunk, t.w.padded),
                      t.m + part * 16 * cg_plane(t.w.chunk, 2 * tiles_f32.vw), t.sums, t.w.out[0] * t.w.out[1],
                      tiles * part // parts, tiles * (part + 1) // parts)


cdef void run_threads(const Transformed* t, int nt) noexcept nogil:
    cdef Region region
    cdef Py_ssize_t i, in_step = t.w.channels * t.w.size[0] * t.w.size[1]
    cdef Py_ssize_t out_step = t.w.rows * t.w.out[0] * t.w.out[1]
    cdef int part
    open_region(&region, nt)
    for part in prange(nt, num_threads=region.n, schedule="static"):
        transform_weights(t, part, nt)
        end_part(&region)
    close_region(&region)
    if t.images >= nt:
        open_region(&region, nt)
        for part in prange(nt, num_threads=region.n, schedule="static"):
            transform_images(t, part, t.images * part // nt, t.images * (part + 1) // nt)
            end_part(&region)
        close_region(&region)
        return
    for i in range(t.images):
        cg_by_pixels(tiles_f32, &t.w, t.x + i * in_step, t.padded)
        open_region(&region, nt)
        for part in prange(nt, num_threads=region.n, schedule="static"):
            transform_part(t, i, part, nt)
            end_part(&region)
        close_region(&region)
        cg_settle_f32(tiles_f32, &t.c, 0, t.w.out[0] * t.w.out[1], t.sums, NULL, t.y + i * out_step, 0,
                      blocks_of(&t.w))


cdef int run_transformed(Tensor y, Geometry g, Tensor w, Tensor x, Tensor bias, bint of_input, int nt) except -1:
    """y = the convolution of x with w and bias; of_input: y = its input's gradient for the output's, x."""
    cdef Transformed t
    cdef Py_ssize_t i, rows, area, per
    cdef Tensor at, steps, taps, panels, u, padded, v, m, sums
    describe(&t.w, g, of_input)
    rows, area, per = panel_rows(t.w.rows, FLOAT), t.w.out[0] * t.w.out[1], t.w.tiles[0] * t.w.tiles[1]
    t.w.chunk = max(16, min(256, HELD // (16 * t.w.padded) // 8 * 8))
    t.images, t.held = g.n, max(1, min((t.w.chunk + per - 1) // per, (g.n + nt - 1) // nt))
    at, steps, taps = multiples(t.w.chunk, t.w.padded), multiples(t.w.channels, 1), offsets(9 * t.w.channels)
    for i in range(taps.count):
        (<Py_ssize_t*> data_of(taps))[i] = i // 9 * 9 * g.c + i % 9 if of_input else i
    t.w.at, t.w.steps, t.taps = <Py_ssize_t*> data_of(at), <Py_ssize_t*> data_of(steps), <Py_ssize_t*> data_of(taps)
    t.row_step, t.flipped = 9 if of_input else 9 * g.c, of_input
    t.c.rows, t.c.out_row, t.c.count[0], t.c.count[1], t.c.count[2] = t.w.rows, area, 1, t.w.out[0], t.w.out[1]
    panels, u = vector(9 * t.w.channels * rows, FLOAT), vector(16 * t.w.channels * rows, FLOAT)
    padded, v = vector(nt * t.held * t.w.image_step, FLOAT), vector(nt * 16 * cg_plane(t.w.chunk, t.w.padded), FLOAT)
    m, sums = vector(nt * 16 * cg_plane(t.w.chunk, 2 * tiles_f32.vw), FLOAT), vector(nt * t.held * area * rows, FLOAT)
    memset(data_of(padded), 0, padded.count * sizeof(float))
    t.weights, t.panels, t.u = <float*> data_of(w), <float*> data_of(panels), <float*> data_of(u)
    t.x, t.y, t.bias = <float*> data_of(x), <float*> data_of(y), <float*> data_of(bias)
    t.padded, t.v, t.m = <float*> data_of(padded), <float*> data_of(v), <float*> data_of(m)
    t.sums = <float*> data_of(sums)
    with nogil:
        run_threads(&t, nt)
    return 0


# ------------------------------------------------------------------ the weight gradient

cdef struct Weighing:           # what weigh_transformed tells its threads
    cg_winograd w
    Py_ssize_t images, rows, area, tiles
    float* x
    float* y
    float* padded
    float* pixels               # y by pixels
    float* v
    float* u
    float* sums
    float* panels
    float* weights


cdef void lay_out(const Weighing* t, Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(lo, hi):
        cg_by_pixels(tiles_f32, &t.w, t.x + i * t.w.channels * t.w.size[0] * t.w.size[1],
                     t.padded + i * t.w.image_step)
        cg_pixel_panels_f32(tiles_f32, t.w.rows, t.area, t.y + i * t.w.rows * t.area, i * t.area, t.images * t.area,
                            t.pixels)


cdef void weigh_threads(const Weighing* t, int nt) noexcept nogil:
    cdef Region region
    cdef Py_ssize_t parts = blocks_of(&t.w) * 16 * ((t.w.channels + tiles_f32.ar - 1) // tiles_f32.ar)
    cdef int part
    open_region(&region, nt)
    for part in prange(nt, num_threads=region.n, schedule="static"):
        lay_out(t, t.images * part // nt, t.images * (part + 1) // nt)
        end_part(&region)
    close_region(&region)
    open_region(&region, nt)
    for part in prange(nt, num_threads=region.n, schedule="static"):
        cg_winograd_operands(tiles_f32, &t.w, t.padded, t.pixels, t.images * t.area, t.v, t.u, t.tiles,
                             t.tiles * part // nt, t.tiles * (part + 1) // nt)
        end_part(&region)
    close_region(&region)
    open_region(&region, nt)
    for part in prange(nt, num_threads=region.n, schedule="static"):
        cg_winograd_weigh(tiles_f32, &t.w, t.v, t.u, t.sums, t.tiles, parts * part // nt, parts * (part + 1) // nt)
        end_part(&region)
    close_region(&region)


cdef void unweigh_threads(const Weighing* t, int nt) noexcept nogil:
    cdef Region region
    cdef Py_ssize_t blocks = blocks_of(&t.w)
    cdef int part
    open_region(&region, nt)
    for part in prange(nt, num_threads=region.n, schedule="static"):
        cg_winograd_unweigh(tiles_f32, &t.w, t.sums, t.panels, blocks * part // nt, blocks * (part + 1) // nt)
        cg_unpack_panels_f32(tiles_f32, 9 * t.w.channels, t.w.rows, t.panels, t.weights, blocks * part // nt,
                             blocks * (part + 1) // nt)
        end_part(&region)
    close_region(&region)


cdef int weigh_transformed(Tensor w, Tensor x, Tensor y, Geometry g, int nt) except -1:
    """w = the weight's gradient for the input x and the output's gradient y."""
    cdef Weighing t
    cdef Py_ssize_t done = 0, per, tiles
    cdef Tensor at, steps, padded, pixels, v, u, sums, panels
    describe(&t.w, g, False)
    t.rows, t.area, tiles = panel_rows(t.w.rows, FLOAT), t.w.out[0] * t.w.out[1], t.w.tiles[0] * t.w.tiles[1]
    per = max(1, min(g.n, BOTH // (16 * (t.w.padded + t.rows)) // tiles))
    at, steps = multiples(per * tiles, t.w.padded), multiples(t.w.channels, 1)
    t.w.at, t.w.steps = <Py_ssize_t*> data_of(at), <Py_ssize_t*> data_of(steps)
    padded, pixels = vector(per * t.w.image_step, FLOAT), vector(per * t.area * t.rows, FLOAT)
    v = vector(16 * cg_plane(per * tiles, t.w.padded), FLOAT)
    u = vector(16 * blocks_of(&t.w) * cg_plane(per * tiles, 2 * tiles_f32.vw), FLOAT)
    sums, panels = vector(16 * t.w.channels * t.rows, FLOAT), vector(9 * t.w.channels * t.rows, FLOAT)
    memset(data_of(padded), 0, padded.count * sizeof(float))
    memset(data_of(sums), 0, sums.count * sizeof(float))
    t.padded, t.pixels, t.v = <float*> data_of(padded), <float*> data_of(pixels), <float*> data_of(v)
    t.u, t.sums, t.panels = <float*> data_of(u), <float*> data_of(sums), <float*> data_of(panels)
    t.weights = <float*> data_of(w)
    while done < g.n:
        t.images = min(per, g.n - done)
        t.tiles = t.images * tiles
        t.x = <float*> data_of(x) + done * t.w.channels * t.w.size[0] * t.w.size[1]
        t.y = <float*> data_of(y) + done * t.w.rows * t.area
        with nogil:
            weigh_threads(&t, nt)
        done += t.images
    with nogil:
        unweigh_threads(&t, nt)
    return 0
