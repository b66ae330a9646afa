/* The moves between tensors and the flat padded images that the tiles read, and the loops over tiles of pixels. */
#ifndef CG_CONV_H
#define CG_CONV_H
#include "_kernels/conv_table.h"

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
