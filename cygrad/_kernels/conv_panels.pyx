"""Convolutions by panels: 8 pixels (or taps) by two vectors of channels at a time, for many channels.

The pixels are any, of several images: none of the padding is computed, and weights that no cache holds are read once
for all pixels of the images held.  The weight gradient is the same tile with taps in place of pixels: y is turned to
[pixel][channel], and the pixels of many images add to the tile.
"""
from cython.parallel cimport prange
from libc.string cimport memset

from cygrad._core cimport DOUBLE, FLOAT, Tensor, data_of, itemsize_of
from cygrad._kernels.copies cimport vector
from cygrad._kernels.conv_plan cimport (
    CACHE, CHUNK, Geometry, Plan, Product, area_of, cg_image, cg_product, cg_tiles_f32, cg_tiles_f64, offsets,
    tiles_f32, tiles_f64, vector_width)
from cygrad._threads cimport Region, close_region, end_part, open_region

cdef extern from "_kernels/conv_panels.h" nogil:
    ctypedef struct cg_panel_job:
        cg_product c
        const Py_ssize_t* off
        const Py_ssize_t* at
        const Py_ssize_t* places
        const void* panels
        Py_ssize_t group
    void cg_fill_f32(const cg_image*, const float*, float*)
    void cg_fill_f64(const cg_image*, const double*, double*)
    void cg_pack_panels_f32(const cg_tiles_f32*, Py_ssize_t, Py_ssize_t, const float*, Py_ssize_t,
                            const Py_ssize_t*, float*, Py_ssize_t, Py_ssize_t)
    void cg_panel_products_f32(const cg_tiles_f32*, const cg_panel_job*, int, Py_ssize_t, Py_ssize_t, const float*,
                               const float*, float*, float*, Py_ssize_t, Py_ssize_t, Py_ssize_t)
    void cg_panel_images_f32(const cg_tiles_f32*, const cg_image*, const cg_panel_job*, int, const float*, Py_ssize_t,
                             float*, Py_ssize_t, const float*, float*, Py_ssize_t, float*, Py_ssize_t, Py_ssize_t,
                             Py_ssize_t, Py_ssize_t, Py_ssize_t)
    void cg_pixel_panels_f32(const cg_tiles_f32*, Py_ssize_t, Py_ssize_t, const float*, Py_ssize_t, Py_ssize_t, float*)
    void cg_weigh_panels_f32(const cg_tiles_f32*, Py_ssize_t, Py_ssize_t, Py_ssize_t, const float*, const Py_ssize_t*,
                             const Py_ssize_t*, const float*, float*, Py_ssize_t, Py_ssize_t)
    void cg_unpack_panels_f32(const cg_tiles_f32*, Py_ssize_t, Py_ssize_t, const float*, float*, Py_ssize_t,
                              Py_ssize_t)
    void cg_pack_panels_f64(const cg_tiles_f64*, Py_ssize_t, Py_ssize_t, const double*, Py_ssize_t,
                            const Py_ssize_t*, double*, Py_ssize_t, Py_ssize_t)
    void cg_panel_products_f64(const cg_tiles_f64*, const cg_panel_job*, int, Py_ssize_t, Py_ssize_t, const double*,
                               const double*, double*, double*, Py_ssize_t, Py_ssize_t, Py_ssize_t)
    void cg_panel_images_f64(const cg_tiles_f64*, const cg_image*, const cg_panel_job*, int, const double*, Py_ssize_t,
                             double*, Py_ssize_t, const double*, double*, Py_ssize_t, double*, Py_ssize_t, Py_ssize_t,
                             Py_ssize_t, Py_ssize_t, Py_ssize_t)
    void cg_pixel_panels_f64(const cg_tiles_f64*, Py_ssize_t, Py_ssize_t, const double*, Py_ssize_t, Py_ssize_t,
                             double*)
    void cg_weigh_panels_f64(const cg_tiles_f64*, Py_ssize_t, Py_ssize_t, Py_ssize_t, const double*, const Py_ssize_t*,
                             const Py_ssize_t*, const double*, double*, Py_ssize_t, Py_ssize_t)
    void cg_unpack_panels_f64(const cg_tiles_f64*, Py_ssize_t, Py_ssize_t, const double*, double*, Py_ssize_t,
                              Py_ssize_t)

cdef enum:
    TURN = 40                   # taps that cost as much as an element's way out of the panels


cdef Py_ssize_t panel_rows(Py_ssize_t rows, int dt) noexcept nogil:
    """Rows in panels of whole vectors."""
    cdef int vw = vector_width(dt)
    return (rows + vw - 1) // vw * vw


cdef bint by_panels(Plan plan, Geometry g, int dt, int nt) noexcept:
    """Whether vectors of channels do the work in less time than vectors of pixels, whose tiles cover padding too."""
    cdef int vw = vector_width(dt)
    cdef Py_ssize_t wide = vw * (tiles_f32.nv if dt == FLOAT else tiles_f64.nv), tiles = 0, panels = 0, rows
    cdef Product p
    for p in plan.products:
        rows = panel_rows(p.c.rows, dt)
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
    cdef Py_ssize_t i, wide = 2 * vector_width(dt)
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
        j.group = panel_rows(p.c.rows, dt) * p.c.taps
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
        v.sums_step = max(v.sums_step, area_of(&p.c) * panel_rows(p.c.rows, x.dt))
    v.held = max(1, min(CACHE // ((v.image_step + v.sums_step) * size), (g.n + nt - 1) // nt))
    buffers = v.held * (nt if g.n * g.groups >= nt else 1)
    padded, sums = vector(buffers * v.image_step, x.dt), vector(buffers * v.sums_step, x.dt)
    v.x, v.y, v.bias, v.padded, v.sums = data_of(x), data_of(y), data_of(bias), data_of(padded), data_of(sums)
    pack_panels(plan, <cg_panel_job*> data_of(store), g, w, v.held, v.image_step, nt)
    with nogil:
        all_panels(&v, nt)
    return 0


# ------------------------------------------------------------------ the weight gradient

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
    cdef int vw = vector_width(x.dt), ar = tiles_f32.ar if x.dt == FLOAT else tiles_f64.ar
    cdef Tensor padded, panels, sums, pixels
    cdef cg_product c
    cdef PanelWeighing v
    for i in range(3):
        c.count[i] = g.out[i]
    c.line, c.plane = plan.image.length[2], plan.image.length[1] * plan.image.length[2]
    v.image, v.dt, v.groups, v.rows, v.taps = plan.image, x.dt, g.groups, g.o // g.groups, off.count
    v.area, v.in_group, v.image_size = area_of(&c), plan.in_group, plan.image_size
    v.y_group, v.sums_group = v.rows * v.area, panel_rows(v.rows, x.dt) * v.taps
    blocks = (v.rows + 2 * vw - 1) // (2 * vw)
    v.tiles = blocks * ((v.taps + ar - 1) // ar)
    step = panel_rows(v.rows, x.dt) * v.area
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
                                 <float*> v.w + i * v.rows * v.taps, 0, blocks)
        else:
            cg_unpack_panels_f64(tiles_f64, v.taps, v.rows, <double*> v.sums + i * v.sums_group,
                                 <double*> v.w + i * v.rows * v.taps, 0, blocks)
    return 0
