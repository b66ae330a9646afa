/* Convolutions by panels: weights (or gradients) in blocks of two vectors of channels, met by any pixels of any of the
 * images held, so that neither padding is computed nor a sum taken over lanes. */
#ifndef CG_CONV_PANELS_H
#define CG_CONV_PANELS_H
#include "_kernels/conv.h"

/* A product by panels, with the pixels of as many images as are held at a time. */
typedef struct {
    cg_product c;
    const ptrdiff_t *off, *at;      /* taps in the image; pixels in the images held */
    const ptrdiff_t *places;        /* pixels in the output, NULL where they follow each other */
    const void *panels;             /* weights of the groups */
    ptrdiff_t group;                /* elements from one group's panels to the next's */
} cg_panel_job;

#define CG_DEPTH 128   /* steps of a gathered product at a time: two vectors for each stay in the nearest cache */

#define CG_PANELS(T, X) \
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
/* w[row][tap] from panels[tap][row], blocks [first, last) */ \
static void cg_unpack_panels_##X(const cg_tiles_##X *t, ptrdiff_t taps, ptrdiff_t rows, const T *panels, T *w, \
                                 ptrdiff_t first, ptrdiff_t last) \
{ \
    for (ptrdiff_t b = first; b < last; b++) { \
        const ptrdiff_t r = b * 2 * t->vw, wide = cg_width_##X(t, rows, b), m = rows - r < wide ? rows - r : wide; \
        t->transpose(taps, m, panels + r * taps, wide, w + r * taps, taps); \
    } \
}
CG_PANELS(float, f32)
CG_PANELS(double, f64)
#endif
