/* The CPU levels of the convolution tiles, and the moves between tensors and the flat padded images they read.
 *
 * The levels differ in the shape of the tile (32 registers of 64 bytes against 16 of 32 or 16), which target_clones
 * cannot say; so each level is compiled by its own include and one table is chosen at run time. */
#ifndef CG_CONV_H
#define CG_CONV_H
#include <stddef.h>
#include <string.h>

typedef struct { ptrdiff_t g, b, n; } cg_segment;   /* offsets into both operands, and pixels (a multiple of VW) */

#define CG_TABLE(T, NAME) \
    typedef struct { \
        int vw, mr, nv, gr, gt, ar; \
        void (*product[8][3])(ptrdiff_t, const T *, const ptrdiff_t *, const T *, const T *, T *); \
        void (*correlate[4][6])(ptrdiff_t, const cg_segment *, const T *, ptrdiff_t, const T *, const ptrdiff_t *, \
                                T *, ptrdiff_t); \
        void (*gathered[8][2])(ptrdiff_t, const T *, const ptrdiff_t *, const ptrdiff_t *, const T *, T *); \
        void (*transpose)(ptrdiff_t, ptrdiff_t, const T *, ptrdiff_t, T *, ptrdiff_t); \
    } NAME;
CG_TABLE(float, cg_tiles_f32)
CG_TABLE(double, cg_tiles_f64)

#define CG_CAT_(a, b) a##b
#define CG_CAT(a, b) CG_CAT_(a, b)
#define NVX 3
#define CG_KEEP(v) ((void)0)

/* A product and its sum are one instruction here, whatever the flags of the build say. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC push_options
#pragma GCC optimize("fp-contract=fast")
#endif

#if defined(__x86_64__) && defined(__GNUC__) && __GNUC__ >= 11 && !defined(CG_NO_CLONES)
#define CG_LEVELS 1
#undef CG_KEEP
#define CG_KEEP(v) __asm__("" : "+v"(v))
#define TARGET __attribute__((target("arch=x86-64-v4")))
#define MRX 8
#define GRX 4
#define GTX 6
#define ARX 8
#define T float
#define VW 16
#define TILES cg_tiles_f32
#define NAME(x) CG_CAT(x, _f32_v4)
#include "_kernels/conv_tiles.h"
#undef T
#undef VW
#undef TILES
#undef NAME
#define T double
#define VW 8
#define TILES cg_tiles_f64
#define NAME(x) CG_CAT(x, _f64_v4)
#include "_kernels/conv_tiles.h"
#undef T
#undef VW
#undef TILES
#undef NAME
#undef TARGET
#undef MRX
#undef GRX
#undef GTX
#undef ARX
#undef CG_KEEP
#define CG_KEEP(v) __asm__("" : "+x"(v))
#define TARGET __attribute__((target("arch=x86-64-v3")))
#define MRX 4
#define GRX 3
#define GTX 4
#define ARX 6
#define T float
#define VW 8
#define TILES cg_tiles_f32
#define NAME(x) CG_CAT(x, _f32_v3)
#include "_kernels/conv_tiles.h"
#undef T
#undef VW
#undef TILES
#undef NAME
#define T double
#define VW 4
#define TILES cg_tiles_f64
#define NAME(x) CG_CAT(x, _f64_v3)
#include "_kernels/conv_tiles.h"
#undef T
#undef VW
#undef TILES
#undef NAME
#undef TARGET
#undef MRX
#undef GRX
#undef GTX
#undef ARX
#undef CG_KEEP
#define CG_KEEP(v) ((void)0)
#endif

#define TARGET
#define MRX 4
#define GRX 3
#define GTX 4
#define ARX 6
#define T float
#define VW 4
#define TILES cg_tiles_f32
#define NAME(x) CG_CAT(x, _f32_base)
#include "_kernels/conv_tiles.h"
#undef T
#undef VW
#undef TILES
#undef NAME
#define T double
#define VW 2
#define TILES cg_tiles_f64
#define NAME(x) CG_CAT(x, _f64_base)
#include "_kernels/conv_tiles.h"
#undef T
#undef VW
#undef TILES
#undef NAME
#undef TARGET
#undef MRX
#undef GRX
#undef GTX
#undef ARX
#undef NVX
#undef CG_KEEP
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC pop_options
#endif

static int cg_conv_level(void)
{
#ifdef CG_LEVELS
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512cd"))
        return 4;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2"))
        return 3;
#endif
    return 1;
}

static const cg_tiles_f32 *cg_tiles_of_f32(int level)
{
#ifdef CG_LEVELS
    if (level == 4) return &tiles_f32_v4;
    if (level == 3) return &tiles_f32_v3;
#endif
    return &tiles_f32_base;
}

static const cg_tiles_f64 *cg_tiles_of_f64(int level)
{
#ifdef CG_LEVELS
    if (level == 4) return &tiles_f64_v4;
    if (level == 3) return &tiles_f64_v3;
#endif
    return &tiles_f64_base;
}

/* One product of a flat padded image with packed weights: what a convolution, its input gradient and a transposed
 * convolution all come to.  Three spatial dimensions; fewer are of size 1. */
typedef struct {
    ptrdiff_t taps, rows;           /* (input channel, tap) pairs; output channels */
    ptrdiff_t count[3];             /* output pixels in each dimension */
    ptrdiff_t plane, line;          /* steps of the padded image from one depth, one row to the next */
    ptrdiff_t out_row, out_at, out_step[3]; /* steps in the output: channel, first pixel, pixel in each dimension */
    int mr;                         /* rows per packed block */
} cg_product;

/* Where the padded image of `channels` channels comes from: dimension i of the image is split by `split[i]` phases (the
 * stride of a convolution, 1 elsewhere), index q of phase r shows source index q * split + r - pad. */
typedef struct {
    ptrdiff_t channels, channel_step, size[3], step[3];   /* the source */
    ptrdiff_t pad[3], split[3], length[3];                /* the image; length of a phase */
    const unsigned char *used;                            /* which of the phases are read */
} cg_image;

/* A product by panels, with the pixels of as many images as are held at a time. */
typedef struct {
    cg_product c;
    const ptrdiff_t *off, *at;      /* taps in the image; pixels in the images held */
    const ptrdiff_t *places;        /* pixels in the output, NULL where they follow each other */
    const void *panels;             /* weights of the groups */
    ptrdiff_t group;                /* elements from one group's panels to the next's */
} cg_panel_job;

#define CG_DEPTH 128   /* steps of a gathered product at a time: two vectors for each stay in the nearest cache */

#define CG_DEFINE(T, X) \
/* w[block][k][row in block], from weights w[row * row_step + at[k]] */ \
static void cg_pack_##X(const cg_product *c, const T *w, ptrdiff_t row_step, const ptrdiff_t *at, T *packed) \
{ \
    for (ptrdiff_t r = 0; r < c->rows; r += c->mr) { \
        const ptrdiff_t m = c->rows - r < c->mr ? c->rows - r : c->mr; \
        for (ptrdiff_t i = 0; i < m; i++) \
            for (ptrdiff_t k = 0; k < c->taps; k++) packed[k * m + i] = w[(r + i) * row_step + at[k]]; \
        packed += m * c->taps; \
    } \
} \
static void cg_fill_##X(const cg_image *im, const T *src, T *image) \
{ \
    const ptrdiff_t n0 = im->length[0], n1 = im->length[1], n2 = im->length[2]; \
    for (ptrdiff_t c = 0; c < im->channels; c++) { \
        ptrdiff_t phase = 0; \
        for (ptrdiff_t r0 = 0; r0 < im->split[0]; r0++) \
        for (ptrdiff_t r1 = 0; r1 < im->split[1]; r1++) \
        for (ptrdiff_t r2 = 0; r2 < im->split[2]; r2++, phase++, image += n0 * n1 * n2) { \
            if (!im->used[phase]) continue; \
            T *row = image; \
            const ptrdiff_t s2 = im->split[2], first = r2 - im->pad[2]; \
            ptrdiff_t lo = first >= 0 ? 0 : (-first + s2 - 1) / s2; \
            ptrdiff_t hi = first >= im->size[2] ? 0 : (im->size[2] - first + s2 - 1) / s2; \
            if (lo > n2) lo = n2; \
            if (hi > n2) hi = n2; \
            if (hi < lo) hi = lo; \
            for (ptrdiff_t q0 = 0; q0 < n0; q0++) { \
                const ptrdiff_t i0 = q0 * im->split[0] + r0 - im->pad[0]; \
                for (ptrdiff_t q1 = 0; q1 < n1; q1++, row += n2) { \
                    const ptrdiff_t i1 = q1 * im->split[1] + r1 - im->pad[1]; \
                    if (i0 < 0 || i0 >= im->size[0] || i1 < 0 || i1 >= im->size[1]) { \
                        memset(row, 0, n2 * sizeof(T)); \
                        continue; \
                    } \
                    const T *from = src + c * im->channel_step + i0 * im->step[0] + i1 * im->step[1] + first; \
                    for (ptrdiff_t q = 0; q < lo; q++) row[q] = 0; \
                    if (s2 == 1) \
                        for (ptrdiff_t q = lo; q < hi; q++) row[q] = from[q]; \
                    else \
                        for (ptrdiff_t q = lo; q < hi; q++) row[q] = from[q * s2]; \
                    for (ptrdiff_t q = hi; q < n2; q++) row[q] = 0; \
                } \
            } \
        } \
    } \
} \
/* Tiles [from, to) of the flat run of output pixels; `bias` has a value for every row. */ \
static void cg_run_##X(const cg_tiles_##X *t, const cg_product *c, const T *image, const ptrdiff_t *off, \
                       const T *packed, const T *bias, T *out, ptrdiff_t from, ptrdiff_t to) \
{ \
    const ptrdiff_t flat = (c->count[1] - 1) * c->line + c->count[2], wide = (ptrdiff_t)t->vw * t->nv; \
    const ptrdiff_t per = (flat + wide - 1) / wide; \
    T tile[8 * 3 * 16]; \
    for (ptrdiff_t at = from; at < to; at++) { \
        const ptrdiff_t d = at / per, p = at % per * wide; \
        const ptrdiff_t n = flat - p < wide ? flat - p : wide; \
        const int nv = (int)((n + t->vw - 1) / t->vw); \
        const T *w = packed; \
        for (ptrdiff_t r = 0; r < c->rows; r += c->mr) { \
            const ptrdiff_t m = c->rows - r < c->mr ? c->rows - r : c->mr; \
            t->product[m - 1][nv - 1](c->taps, image + d * c->plane + p, off, w, bias + r, tile); \
            w += m * c->taps; \
            ptrdiff_t y = p / c->line, x = p % c->line; \
            T *base = out + r * c->out_row + c->out_at + d * c->out_step[0]; \
            for (ptrdiff_t done = 0; done < n;) { \
                if (x >= c->count[2]) { \
                    done += c->line - x; \
                    y++, x = 0; \
                    continue; \
                } \
                const ptrdiff_t len = c->count[2] - x < n - done ? c->count[2] - x : n - done; \
                T *to_row = base + y * c->out_step[1] + x * c->out_step[2]; \
                for (ptrdiff_t i = 0; i < m; i++) { \
                    const T *s = tile + i * nv * t->vw + done; \
                    T *o = to_row + i * c->out_row; \
                    if (c->out_step[2] == 1) \
                        memcpy(o, s, len * sizeof(T)); \
                    else \
                        for (ptrdiff_t j = 0; j < len; j++) o[j * c->out_step[2]] = s[j]; \
                } \
                done += len, x += len; \
            } \
        } \
    } \
} \
/* Output pixels laid out as the image is, zeros between: rows of `line`, `run` (a multiple of VW) per depth. */ \
static void cg_spread_##X(const T *src, ptrdiff_t channels, ptrdiff_t channel_step, const ptrdiff_t *count, \
                          ptrdiff_t line, ptrdiff_t run, T *to) \
{ \
    memset(to, 0, channels * count[0] * run * sizeof(T)); \
    for (ptrdiff_t c = 0; c < channels; c++) \
        for (ptrdiff_t d = 0; d < count[0]; d++, to += run) \
            for (ptrdiff_t y = 0; y < count[1]; y++) \
                memcpy(to + y * line, src + c * channel_step + (d * count[1] + y) * count[2], count[2] * sizeof(T)); \
} \
/* Tiles [from, to) of the weight gradient: rows by taps, row blocks of `gr`, tap blocks of `gt`. */ \
static void cg_weigh_##X(const cg_tiles_##X *t, ptrdiff_t rows, ptrdiff_t taps, int gr, int gt, ptrdiff_t segments, \
                         const cg_segment *seg, const T *g, ptrdiff_t gstep, const T *image, const ptrdiff_t *off, \
                         T *c, ptrdiff_t from, ptrdiff_t to) \
{ \
    const ptrdiff_t across = (taps + gt - 1) / gt; \
    for (ptrdiff_t at = from; at < to; at++) { \
        const ptrdiff_t r = at / across * gr, k = at % across * gt; \
        const ptrdiff_t m = rows - r < gr ? rows - r : gr, n = taps - k < gt ? taps - k : gt; \
        t->correlate[m - 1][n - 1](segments, seg, g + r * gstep, gstep, image, off + k, c + r * taps + k, taps); \
    } \
} \
/* Panels: the columns of a matrix [depth][cols] in blocks of two vectors (the last of one where that holds the rest, \
 * with zeros beyond), each block [depth][its width] by itself. */ \
static ptrdiff_t cg_width_##X(const cg_tiles_##X *t, ptrdiff_t cols, ptrdiff_t block) \
{ \
    return cols - block * 2 * t->vw > t->vw ? 2 * t->vw : t->vw; \
} \
/* panels[tap][row] of weights w[row * row_step + at[tap]], blocks [first, last) */ \
static void cg_pack_panels_##X(const cg_tiles_##X *t, ptrdiff_t taps, ptrdiff_t rows, const T *w, ptrdiff_t row_step, \
                               const ptrdiff_t *at, T *panels, ptrdiff_t first, ptrdiff_t last) \
{ \
    for (ptrdiff_t b = first; b < last; b++) { \
        const ptrdiff_t r = b * 2 * t->vw, wide = cg_width_##X(t, rows, b), m = rows - r < wide ? rows - r : wide; \
        T *to = panels + r * taps; \
        if (m < wide) memset(to, 0, taps * wide * sizeof(T)); \
        for (ptrdiff_t k = 0, run; k < taps; k += run) { \
            const T *from = w + r * row_step + at[k]; \
            for (run = 1; k + run < taps && at[k + run] == at[k] + run; run++) {} \
            if (row_step == 1) { \
                run = 1; \
                memcpy(to + k * wide, from, m * sizeof(T)); \
            } else if (run < 4) \
                for (ptrdiff_t i = 0; i < run; i++) \
                    for (ptrdiff_t j = 0; j < m; j++) to[(k + i) * wide + j] = from[j * row_step + i]; \
            else \
                t->transpose(m, run, from, row_step, to + k * wide, wide); \
        } \
    } \
} \
/* sums[pixel][row] = bias[row] + the taps' products, pixels at `at` of the image; blocks [first, last) of rows. */ \
static void cg_gather_##X(const cg_tiles_##X *t, ptrdiff_t taps, ptrdiff_t pixels, ptrdiff_t rows, const T *image, \
                          const ptrdiff_t *at, const ptrdiff_t *off, const T *panels, const T *bias, T *sums, \
                          ptrdiff_t first, ptrdiff_t last) \
{ \
    for (ptrdiff_t b = first; b < last; b++) { \
        const ptrdiff_t r = b * 2 * t->vw, wide = cg_width_##X(t, rows, b), m = rows - r < wide ? rows - r : wide; \
        T *to = sums + r * pixels; \
        for (ptrdiff_t p = 0; p < pixels; p++) { \
            memcpy(to + p * wide, bias + r, m * sizeof(T)); \
            if (m < wide) memset(to + p * wide + m, 0, (wide - m) * sizeof(T)); \
        } \
        for (ptrdiff_t k = 0; k < taps; k += CG_DEPTH) { \
            const ptrdiff_t n = taps - k < CG_DEPTH ? taps - k : CG_DEPTH; \
            for (ptrdiff_t p = 0; p < pixels; p += t->ar) { \
                const ptrdiff_t rest = pixels - p < t->ar ? pixels - p : t->ar; \
                t->gathered[rest - 1][wide / t->vw - 1](n, image, at + p, off + k, panels + r * taps + k * wide, \
                                                        to + p * wide); \
            } \
        } \
    } \
} \
/* Rows of the panels `sums`, of which this image's first pixel is number `pixel`, to their places in the output. */ \
static void cg_settle_##X(const cg_tiles_##X *t, const cg_product *c, ptrdiff_t pixel, ptrdiff_t pixels, const T *sums, \
                          const ptrdiff_t *places, T *out, ptrdiff_t first, ptrdiff_t last) \
{ \
    const ptrdiff_t area = c->count[0] * c->count[1] * c->count[2]; \
    for (ptrdiff_t b = first; b < last; b++) { \
        const ptrdiff_t r = b * 2 * t->vw, wide = cg_width_##X(t, c->rows, b); \
        const ptrdiff_t m = c->rows - r < wide ? c->rows - r : wide; \
        const T *from = sums + r * pixels + pixel * wide; \
        T *to = out + r * c->out_row; \
        if (!places) { \
            t->transpose(area, m, from, wide, to, c->out_row); \
            continue; \
        } \
        T turned[2 * 16 * 16]; \
        for (ptrdiff_t p = 0; p < area; p += t->vw) { \
            const ptrdiff_t n = area - p < t->vw ? area - p : t->vw; \
            t->transpose(n, m, from + p * wide, wide, turned, t->vw); \
            for (ptrdiff_t i = 0; i < m; i++) \
                for (ptrdiff_t j = 0; j < n; j++) to[i * c->out_row + places[p + j]] = turned[i * t->vw + j]; \
        } \
    } \
} \
/* The products of one group over `n` padded images, of which image i goes to out + i * out_step. */ \
static void cg_panel_products_##X(const cg_tiles_##X *t, const cg_panel_job *jobs, int n_jobs, ptrdiff_t group, \
                                  ptrdiff_t n, const T *image, const T *bias, T *sums, T *out, ptrdiff_t out_step, \
                                  ptrdiff_t part, ptrdiff_t parts) \
{ \
    for (const cg_panel_job *j = jobs; j < jobs + n_jobs; j++) { \
        const ptrdiff_t area = j->c.count[0] * j->c.count[1] * j->c.count[2]; \
        const ptrdiff_t blocks = (j->c.rows + 2 * t->vw - 1) / (2 * t->vw); \
        const ptrdiff_t first = blocks * part / parts, last = blocks * (part + 1) / parts; \
        cg_gather_##X(t, j->c.taps, n * area, j->c.rows, image, j->at, j->off, (const T *)j->panels + group * j->group, \
                      bias + group * j->c.rows, sums, first, last); \
        for (ptrdiff_t i = 0; i < n; i++) \
            cg_settle_##X(t, &j->c, i * area, n * area, sums, j->places, out + i * out_step + j->c.out_at, first, last); \
    } \
} \
/* Items [from, to) of the (group, image) pairs, at most `held` images at a time. */ \
static void cg_panel_images_##X(const cg_tiles_##X *t, const cg_image *im, const cg_panel_job *jobs, int n_jobs, \
                                const T *x, ptrdiff_t in_group, T *y, ptrdiff_t out_group, const T *bias, T *image, \
                                ptrdiff_t image_step, T *sums, ptrdiff_t held, ptrdiff_t images, ptrdiff_t groups, \
                                ptrdiff_t from, ptrdiff_t to) \
{ \
    while (from < to) { \
        const ptrdiff_t group = from / images, first = from % images; \
        ptrdiff_t n = images - first < held ? images - first : held; \
        if (n > to - from) n = to - from; \
        for (ptrdiff_t i = 0; i < n; i++) \
            cg_fill_##X(im, x + ((first + i) * groups + group) * in_group, image + i * image_step); \
        cg_panel_products_##X(t, jobs, n_jobs, group, n, image, bias, sums, y + (first * groups + group) * out_group, \
                              groups * out_group, 0, 1); \
        from += n; \
    } \
} \
/* panels[pixel][row] of an image y[row][area], which lies from pixel number `pixel` of `pixels`. */ \
static void cg_pixel_panels_##X(const cg_tiles_##X *t, ptrdiff_t rows, ptrdiff_t area, const T *y, ptrdiff_t pixel, \
                                ptrdiff_t pixels, T *panels) \
{ \
    for (ptrdiff_t r = 0; r < rows; r += 2 * t->vw) { \
        const ptrdiff_t wide = cg_width_##X(t, rows, r / (2 * t->vw)), m = rows - r < wide ? rows - r : wide; \
        T *to = panels + r * pixels + pixel * wide; \
        if (m < wide) memset(to, 0, area * wide * sizeof(T)); \
        t->transpose(m, area, y + r * area, area, to, wide); \
    } \
} \
/* sums[tap][row] += the pixels' products, tiles [from, to) of blocks of rows by tiles of taps. */ \
static void cg_weigh_panels_##X(const cg_tiles_##X *t, ptrdiff_t taps, ptrdiff_t pixels, ptrdiff_t rows, \
                                const T *image, const ptrdiff_t *at, const ptrdiff_t *off, const T *panels, T *sums, \
                                ptrdiff_t from, ptrdiff_t to) \
{ \
    const ptrdiff_t across = (taps + t->ar - 1) / t->ar; \
    for (ptrdiff_t p = 0; p < pixels; p += CG_DEPTH) { \
        const ptrdiff_t n = pixels - p < CG_DEPTH ? pixels - p : CG_DEPTH; \
        for (ptrdiff_t i = from; i < to; i++) { \
            const ptrdiff_t b = i / across, k = i % across * t->ar, r = b * 2 * t->vw; \
            const ptrdiff_t wide = cg_width_##X(t, rows, b), rest = taps - k < t->ar ? taps - k : t->ar; \
            t->gathered[rest - 1][wide / t->vw - 1](n, image, off + k, at + p, panels + r * pixels + p * wide, \
                                                    sums + r * taps + k * wide); \
        } \
    } \
} \
/* w[row][tap] from panels[tap][row] */ \
static void cg_unpack_panels_##X(const cg_tiles_##X *t, ptrdiff_t taps, ptrdiff_t rows, const T *panels, T *w) \
{ \
    for (ptrdiff_t r = 0; r < rows; r += 2 * t->vw) { \
        const ptrdiff_t wide = cg_width_##X(t, rows, r / (2 * t->vw)), m = rows - r < wide ? rows - r : wide; \
        t->transpose(taps, m, panels + r * taps, wide, w + r * taps, taps); \
    } \
}
CG_DEFINE(float, f32)
CG_DEFINE(double, f64)

/* out[c] = sum over images and pixels of x[n][c][p] */
#define CG_CHANNEL_SUM(T, X) \
static void cg_channel_sum_##X(const T *x, ptrdiff_t images, ptrdiff_t channels, ptrdiff_t pixels, T *out) \
{ \
    for (ptrdiff_t c = 0; c < channels; c++) { \
        T lane[16] = {0}, s = 0; \
        for (ptrdiff_t n = 0; n < images; n++) { \
            const T *p = x + (n * channels + c) * pixels; \
            ptrdiff_t i = 0; \
            for (; i + 16 <= pixels; i += 16) \
                for (int l = 0; l < 16; l++) lane[l] += p[i + l]; \
            for (; i < pixels; i++) lane[i & 15] += p[i]; \
        } \
        for (int l = 0; l < 16; l++) s += lane[l]; \
        out[c] = s; \
    } \
}
CG_CHANNEL_SUM(float, f32)
CG_CHANNEL_SUM(double, f64)
#endif
