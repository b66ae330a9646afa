/* Pooling over one plane (a channel of an image) of up to three dimensions. */
#ifndef CG_POOL_H
#define CG_POOL_H
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "_level.h"

typedef struct {
    ptrdiff_t size[3], out[3], kernel[3], stride[3], pad[3], dilation[3];
    int count_padding;          /* the average divides by padded positions too */
    ptrdiff_t divisor;          /* or by this, if not 0 */
    int adaptive;               /* windows by out[i] equal parts of size[i], not by kernel and stride */
} cg_pool;

/* The window of output o in one dimension: first and last + 1 source index, clipped, and the padded length. */
CG_HELPER void cg_window(const cg_pool *p, int i, ptrdiff_t o, ptrdiff_t *lo, ptrdiff_t *hi, ptrdiff_t *padded)
{
    if (p->adaptive) {
        *lo = o * p->size[i] / p->out[i];
        *hi = ((o + 1) * p->size[i] + p->out[i] - 1) / p->out[i];
        *padded = *hi - *lo;
        return;
    }
    const ptrdiff_t start = o * p->stride[i] - p->pad[i], d = p->dilation[i];
    ptrdiff_t end = start + (p->kernel[i] - 1) * d + 1;
    *padded = (end < p->size[i] + p->pad[i] ? end : p->size[i] + p->pad[i]) - start;
    *lo = start < 0 ? start + (-start + d - 1) / d * d : start;
    *hi = end < p->size[i] ? end : p->size[i];
}

#define CG_POOLS(T, X, LEAST) \
/* 2 x 2 windows side by side, the common case, in a form that vectorises.  NaN wins, the later of equals loses. */ \
CG_LEVELED static void cg_max_2x2_##X(const T *restrict x, ptrdiff_t width, ptrdiff_t height, ptrdiff_t ow, \
                                      ptrdiff_t oh, T *restrict y, int64_t *restrict at) \
{ \
    (void)height; \
    for (ptrdiff_t i = 0; i < oh; i++) { \
        const T *a = x + 2 * i * width, *b = a + width; \
        for (ptrdiff_t j = 0; j < ow; j++) { \
            T m = a[2 * j], v; \
            int64_t k = 0; \
            v = a[2 * j + 1]; k = (v > m) | (v != v) ? 1 : k; m = (v > m) | (v != v) ? v : m; \
            v = b[2 * j]; k = (v > m) | (v != v) ? width : k; m = (v > m) | (v != v) ? v : m; \
            v = b[2 * j + 1]; k = (v > m) | (v != v) ? width + 1 : k; m = (v > m) | (v != v) ? v : m; \
            y[i * ow + j] = m; \
            at[i * ow + j] = 2 * i * width + 2 * j + k; \
        } \
    } \
} \
static void cg_max_pool_##X(const cg_pool *p, const T *x, T *y, int64_t *at) \
{ \
    ptrdiff_t lo[3], hi[3], padded; \
    const ptrdiff_t area = p->size[1] * p->size[2]; \
    if (!p->adaptive && p->size[0] == 1 && p->kernel[0] == 1 && p->stride[0] == 1 && !p->pad[0] && p->kernel[1] == 2 && \
        p->kernel[2] == 2 && p->stride[1] == 2 && p->stride[2] == 2 && !p->pad[1] && !p->pad[2] && \
        p->dilation[1] == 1 && p->dilation[2] == 1 && 2 * p->out[1] <= p->size[1] && 2 * p->out[2] <= p->size[2]) { \
        cg_max_2x2_##X(x, p->size[2], p->size[1], p->out[2], p->out[1], y, at); \
        return; \
    } \
    const ptrdiff_t d0 = p->adaptive ? 1 : p->dilation[0], d1 = p->adaptive ? 1 : p->dilation[1]; \
    const ptrdiff_t d2 = p->adaptive ? 1 : p->dilation[2]; \
    for (ptrdiff_t o0 = 0; o0 < p->out[0]; o0++) { \
        cg_window(p, 0, o0, &lo[0], &hi[0], &padded); \
        for (ptrdiff_t o1 = 0; o1 < p->out[1]; o1++) { \
            cg_window(p, 1, o1, &lo[1], &hi[1], &padded); \
            for (ptrdiff_t o2 = 0; o2 < p->out[2]; o2++) { \
                cg_window(p, 2, o2, &lo[2], &hi[2], &padded); \
                ptrdiff_t k = lo[0] * area + lo[1] * p->size[2] + lo[2]; \
                T m = LEAST; /* stays where the window has padding only */ \
                for (ptrdiff_t i = lo[0]; i < hi[0]; i += d0) \
                    for (ptrdiff_t j = lo[1]; j < hi[1]; j += d1) { \
                        const T *row = x + i * area + j * p->size[2]; \
                        for (ptrdiff_t l = lo[2]; l < hi[2]; l += d2) { \
                            const T v = row[l]; \
                            if ((v > m) | (v != v)) m = v, k = row + l - x; \
                        } \
                    } \
                *y++ = m; \
                *at++ = k; \
            } \
        } \
    } \
} \
/* One output of all channels, which lie side by side. */ \
CG_LEVELED static void cg_max_last_##X(const cg_pool *p, ptrdiff_t channels, ptrdiff_t o, const T *x, T *restrict y, \
                                       int64_t *restrict at) \
{ \
    ptrdiff_t lo[3], hi[3], padded; \
    cg_window(p, 0, o / (p->out[1] * p->out[2]), &lo[0], &hi[0], &padded); \
    cg_window(p, 1, o / p->out[2] % p->out[1], &lo[1], &hi[1], &padded); \
    cg_window(p, 2, o % p->out[2], &lo[2], &hi[2], &padded); \
    const ptrdiff_t d0 = p->adaptive ? 1 : p->dilation[0], d1 = p->adaptive ? 1 : p->dilation[1]; \
    const ptrdiff_t d2 = p->adaptive ? 1 : p->dilation[2], first = (lo[0] * p->size[1] + lo[1]) * p->size[2] + lo[2]; \
    for (ptrdiff_t c = 0; c < channels; c++) \
        y[c] = LEAST, at[c] = first; \
    for (ptrdiff_t i = lo[0]; i < hi[0]; i += d0) \
        for (ptrdiff_t j = lo[1]; j < hi[1]; j += d1) \
            for (ptrdiff_t l = lo[2]; l < hi[2]; l += d2) { \
                const ptrdiff_t k = (i * p->size[1] + j) * p->size[2] + l; \
                const T *row = x + k * channels; \
                for (ptrdiff_t c = 0; c < channels; c++) { \
                    const T v = row[c]; \
                    const int better = (v > y[c]) | (v != v); \
                    at[c] = better ? k : at[c]; \
                    y[c] = better ? v : y[c]; \
                } \
            } \
} \
/* The gradient goes to where the maximum was: nowhere from a window of padding, whose place is outside. */ \
static void cg_unpool_##X(ptrdiff_t n, ptrdiff_t size, const T *g, const int64_t *at, T *x) \
{ \
    memset(x, 0, size * sizeof(T)); \
    for (ptrdiff_t i = 0; i < n; i++) \
        if ((size_t)at[i] < (size_t)size) x[at[i]] += g[i]; \
}

/* Windows of one layer that lie inside it, unpadded: all outputs of a row at once, in the order of the general form. */
#define CG_ROW_SUMS(STEP) \
    for (ptrdiff_t i = 0; i < p->kernel[1]; i++) \
        for (ptrdiff_t l = 0; l < p->kernel[2]; l++) { \
            const float *row = x + (o * p->stride[1] + i) * p->size[2] + l; \
            for (ptrdiff_t j = 0; j < width; j++) y[j] += row[j * (STEP)]; \
        }
CG_LEVELED static void cg_avg_rows_f32(const cg_pool *p, const float *x, float *restrict y)
{
    const ptrdiff_t width = p->out[2];
    const float n = p->divisor ? p->divisor : p->kernel[1] * p->kernel[2];
    for (ptrdiff_t o = 0; o < p->out[1]; o++, y += width) {
        memset(y, 0, width * sizeof(float));
        if (p->stride[2] == 1) { CG_ROW_SUMS(1) }
        else if (p->stride[2] == 2) { CG_ROW_SUMS(2) }
        else { CG_ROW_SUMS(p->stride[2]) }
        for (ptrdiff_t j = 0; j < width; j++) y[j] /= n;
    }
}
#undef CG_ROW_SUMS
CG_HELPER int cg_all_inside(const cg_pool *p)
{
    if (p->adaptive || p->size[0] != 1 || p->kernel[0] != 1 || p->stride[0] != 1 || p->pad[0]) return 0;
    for (int i = 1; i < 3; i++)
        if (p->pad[i] || (p->out[i] - 1) * p->stride[i] + p->kernel[i] > p->size[i]) return 0;
    return 1;
}

#define CG_AVERAGES(T, A, X) \
/* Forward: y = the average of each window.  Backward: x gets y's share back (x is cleared first). */ \
static void cg_avg_pool_##X(const cg_pool *p, T *x, T *y, int backward) \
{ \
    ptrdiff_t lo[3], hi[3], padded[3]; \
    const ptrdiff_t area = p->size[1] * p->size[2]; \
    if (backward) memset(x, 0, p->size[0] * area * sizeof(T)); \
    for (ptrdiff_t o0 = 0; o0 < p->out[0]; o0++) { \
        cg_window(p, 0, o0, &lo[0], &hi[0], &padded[0]); \
        for (ptrdiff_t o1 = 0; o1 < p->out[1]; o1++) { \
            cg_window(p, 1, o1, &lo[1], &hi[1], &padded[1]); \
            for (ptrdiff_t o2 = 0; o2 < p->out[2]; o2++, y++) { \
                cg_window(p, 2, o2, &lo[2], &hi[2], &padded[2]); \
                const ptrdiff_t n = p->divisor ? p->divisor : p->count_padding ? padded[0] * padded[1] * padded[2] \
                    : (hi[0] - lo[0]) * (hi[1] - lo[1]) * (hi[2] - lo[2]); \
                A s = backward ? (A)*y / (A)n : 0; \
                for (ptrdiff_t i = lo[0]; i < hi[0]; i++) \
                    for (ptrdiff_t j = lo[1]; j < hi[1]; j++) { \
                        T *row = x + i * area + j * p->size[2]; \
                        if (backward) \
                            for (ptrdiff_t l = lo[2]; l < hi[2]; l++) row[l] += (T)s; \
                        else \
                            for (ptrdiff_t l = lo[2]; l < hi[2]; l++) s += row[l]; \
                    } \
                if (!backward) *y = (T)(s / (A)n); \
            } \
        } \
    } \
}
#define CG_AVERAGES_LAST(T, A, X) \
/* One output of all channels, which lie side by side; backward x, cleared before, gets its share of y back. */ \
CG_LEVELED static void cg_avg_last_##X(const cg_pool *p, ptrdiff_t channels, ptrdiff_t o, T *x, T *restrict y, \
                                       int backward) \
{ \
    ptrdiff_t lo[3], hi[3], padded[3]; \
    cg_window(p, 0, o / (p->out[1] * p->out[2]), &lo[0], &hi[0], &padded[0]); \
    cg_window(p, 1, o / p->out[2] % p->out[1], &lo[1], &hi[1], &padded[1]); \
    cg_window(p, 2, o % p->out[2], &lo[2], &hi[2], &padded[2]); \
    const A n = p->divisor ? p->divisor : p->count_padding ? padded[0] * padded[1] * padded[2] \
        : (hi[0] - lo[0]) * (hi[1] - lo[1]) * (hi[2] - lo[2]); \
    if (!backward) memset(y, 0, channels * sizeof(T)); \
    for (ptrdiff_t i = lo[0]; i < hi[0]; i++) \
        for (ptrdiff_t j = lo[1]; j < hi[1]; j++) { \
            T *row = x + (i * p->size[1] + j) * p->size[2] * channels; \
            for (ptrdiff_t l = lo[2]; l < hi[2]; l++) \
                for (ptrdiff_t c = 0; c < channels; c++) { \
                    T *to = row + l * channels + c; \
                    if (backward) *to += (T)((A)y[c] / n); else y[c] += *to; \
                } \
        } \
    if (!backward) \
        for (ptrdiff_t c = 0; c < channels; c++) \
            y[c] = (T)((A)y[c] / n); \
}
CG_POOLS(float, f32, -INFINITY)
CG_POOLS(double, f64, -INFINITY)
CG_POOLS(int64_t, i64, INT64_MIN)
CG_AVERAGES(float, float, f32)
CG_AVERAGES(double, double, f64)
CG_AVERAGES(int64_t, int64_t, i64)
CG_AVERAGES_LAST(float, float, f32)
CG_AVERAGES_LAST(double, double, f64)
#undef CG_POOLS
#undef CG_AVERAGES_LAST
#undef CG_AVERAGES
#endif
