/* Row loops of softmax, losses and normalisation.
 *
 * A reduction keeps CG_LANES partial results, so that it vectorises without -ffast-math and rounds the same way at every
 * CPU level and thread count.  exp is our own: the libm one is a call per element. */
#ifndef CG_NORM_H
#define CG_NORM_H
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "_level.h"

#define CG_LANES 16
#define CG_BLOCK 4096 /* elements that are summed in their own type */
CG_FUSED

/* exp by 2^n * e^r, |r| <= ln 2 / 2, n from the low bits of a sum with 1.5 * 2^23; error below 1 unit in the last place
 * (polynomial: weighted least squares).  n is added to the exponent, and 64 more where the result is below the normal
 * range, undone by a product. */
CG_HELPER float cg_exp_f32(float x)
{
    const float c = x < -110.0f ? -110.0f : x;
    union { float f; int32_t i; } t, y;
    t.f = c * 1.44269504f + 12582912.0f;
    const float k = t.f - 12582912.0f;
    float r = c - k * 0.693359375f;
    r = r + k * 2.12194440e-4f;
    float p = 1.3950485736e-3f;
    p = p * r + 8.3688879386e-3f;
    p = p * r + 4.1666205973e-2f;
    p = p * r + 1.6666518152e-1f;
    p = p * r + 0.5f;
    y.f = 1.0f + r * (1.0f + r * p);
    const int low = c < -80.0f;
    y.i = (int32_t)((uint32_t)y.i + ((uint32_t)(t.i + (low ? 64 : 0)) << 23));
    /* not by a product that vanishes: the CPU is slow about those, and a mask is made of them */
    const float e = y.f * (c < -104.5f ? 0.0f : low ? 5.421010862427522e-20f : 1.0f);
    return x <= 88.72283f ? e : x + __builtin_inff();
}

/* The same in double: Taylor's series to r^13, whose remainder is below 2^-57. */
CG_HELPER double cg_exp_f64(double x)
{
    const double c = x > 710.0 ? 710.0 : x < -746.0 ? -746.0 : x;
    union { double f; int64_t i; } t, a, b;
    t.f = c * 1.4426950408889634 + 6755399441055744.0;
    const int64_t n = t.i - 0x4338000000000000LL;
    const int64_t h = (int32_t)n >> 1;
    const double k = t.f - 6755399441055744.0;
    double r = c - k * 6.93145751953125e-1;
    r = r - k * 1.42860682030941723212e-6;
    double p = 1.0 / 6227020800.0;
    p = p * r + 1.0 / 479001600.0;
    p = p * r + 1.0 / 39916800.0;
    p = p * r + 1.0 / 3628800.0;
    p = p * r + 1.0 / 362880.0;
    p = p * r + 1.0 / 40320.0;
    p = p * r + 1.0 / 5040.0;
    p = p * r + 1.0 / 720.0;
    p = p * r + 1.0 / 120.0;
    p = p * r + 1.0 / 24.0;
    p = p * r + 1.0 / 6.0;
    p = p * r + 0.5;
    p = p * r * r + r + 1.0;
    a.i = (h + 1023) << 52;
    b.i = (n - h + 1023) << 52;
    return x != x ? x : p * a.f * b.f;
}

#define CG_SUM_LANES(T, s) \
    for (int h_ = CG_LANES / 2; h_; h_ /= 2) \
        for (int l_ = 0; l_ < h_; l_++) (s)[l_] += (s)[l_ + h_];

#define CG_ROWS(T, X, LOG, INF, BITS, GREATEST, KEY_OF_INF) \
CG_HELPER T cg_max_##X(ptrdiff_t n, const T *x) \
{ \
    /* as integers of the same order, whose maximum may be taken in any order; of NaN one sign comes out, and either makes \
     * NaN of the sum */ \
    BITS m = -KEY_OF_INF - 1, v; \
    for (ptrdiff_t i = 0; i < n; i++) { \
        memcpy(&v, x + i, sizeof v); \
        v ^= (v >> (8 * sizeof v - 1)) & GREATEST; \
        m = v > m ? v : m; \
    } \
    m ^= (m >> (8 * sizeof m - 1)) & GREATEST; \
    T y; \
    memcpy(&y, &m, sizeof y); \
    return y; \
} \
/* y = exp(x - m) where y is wanted; the sum in any case, of long rows in four times the lanes.  The tail is padded, so that \
 * it is one vector too. */ \
CG_HELPER T cg_exp_sum_##X(ptrdiff_t n, const T *x, T m, T *y) \
{ \
    T s[4 * CG_LANES] = {0}, e[4 * CG_LANES]; \
    ptrdiff_t i = 0; \
    if (n >= 4 * CG_LANES) { \
        for (; i + 4 * CG_LANES <= n; i += 4 * CG_LANES) { \
            T *const to = y ? y + i : e; \
            _Pragma("GCC ivdep") \
            for (int l = 0; l < 4 * CG_LANES; l++) { \
                const T v = cg_exp_##X(x[i + l] - m); \
                s[l] += v; \
                to[l] = v; \
            } \
        } \
        for (int l = 0; l < CG_LANES; l++) \
            s[l] = (s[l] + s[l + 2 * CG_LANES]) + (s[l + CG_LANES] + s[l + 3 * CG_LANES]); \
    } \
    for (; i + CG_LANES <= n; i += CG_LANES) { \
        for (int l = 0; l < CG_LANES; l++) e[l] = cg_exp_##X(x[i + l] - m); \
        for (int l = 0; l < CG_LANES; l++) s[l] += e[l]; \
        if (y) memcpy(y + i, e, CG_LANES * sizeof *e); \
    } \
    if (i < n) { \
        T t[CG_LANES]; \
        for (int l = 0; l < CG_LANES; l++) t[l] = 0; \
        for (int l = 0; l < n - i; l++) t[l] = x[i + l] - m; \
        for (int l = 0; l < CG_LANES; l++) e[l] = cg_exp_##X(t[l]); \
        for (int l = 0; l < n - i; l++) s[l] += e[l]; \
        if (y) for (int l = 0; l < n - i; l++) y[i + l] = e[l]; \
    } \
    CG_SUM_LANES(T, s) \
    return s[0]; \
} \
CG_LEVELED static void cg_softmax_##X(ptrdiff_t rows, ptrdiff_t n, const T *x, T *y, int logs) \
{ \
    for (ptrdiff_t r = 0; r < rows; r++, x += n, y += n) { \
        const T m = cg_max_##X(n, x), s = cg_exp_sum_##X(n, x, m, logs ? 0 : y); \
        if (logs) { \
            const T d = LOG(s); \
            for (ptrdiff_t i = 0; i < n; i++) y[i] = x[i] - m - d; \
        } else { \
            const T q = (T)1 / s; \
            for (ptrdiff_t i = 0; i < n; i++) y[i] *= q; \
        } \
    } \
} \
/* Over the middle of (n, inner), columns [lo, hi). */ \
CG_LEVELED static void cg_softmax_columns_##X(ptrdiff_t n, ptrdiff_t inner, ptrdiff_t lo, ptrdiff_t hi, const T *x, \
                                              T *y, int logs) \
{ \
    for (ptrdiff_t j = lo; j < hi; j += CG_LANES) { \
        const ptrdiff_t w = hi - j < CG_LANES ? hi - j : CG_LANES; \
        T m[CG_LANES], s[CG_LANES] = {0}; \
        for (ptrdiff_t l = 0; l < w; l++) m[l] = -INF; \
        for (ptrdiff_t i = 0; i < n; i++) \
            for (ptrdiff_t l = 0; l < w; l++) { \
                const T v = x[i * inner + j + l]; \
                m[l] = v > m[l] ? v : m[l]; \
            } \
        for (ptrdiff_t i = 0; i < n; i++) \
            for (ptrdiff_t l = 0; l < w; l++) { \
                const T e = cg_exp_##X(x[i * inner + j + l] - m[l]); \
                s[l] += e; \
                if (!logs) y[i * inner + j + l] = e; \
            } \
        for (ptrdiff_t l = 0; l < w; l++) s[l] = logs ? m[l] + LOG(s[l]) : (T)1 / s[l]; \
        for (ptrdiff_t i = 0; i < n; i++) \
            for (ptrdiff_t l = 0; l < w; l++) { \
                const ptrdiff_t k = i * inner + j + l; \
                y[k] = logs ? x[k] - s[l] : y[k] * s[l]; \
            } \
    } \
} \
CG_LEVELED static void cg_softmax_back_##X(ptrdiff_t rows, ptrdiff_t n, const T *y, const T *g, T *dx, int logs) \
{ \
    for (ptrdiff_t r = 0; r < rows; r++, y += n, g += n, dx += n) { \
        T s[CG_LANES] = {0}; \
        ptrdiff_t i = 0; \
        for (; i + CG_LANES <= n; i += CG_LANES) \
            for (int l = 0; l < CG_LANES; l++) s[l] += logs ? g[i + l] : g[i + l] * y[i + l]; \
        for (; i < n; i++) s[0] += logs ? g[i] : g[i] * y[i]; \
        CG_SUM_LANES(T, s) \
        const T t = s[0]; \
        if (logs) \
            for (i = 0; i < n; i++) dx[i] = g[i] - cg_exp_##X(y[i]) * t; \
        else \
            for (i = 0; i < n; i++) dx[i] = y[i] * (g[i] - t); \
    } \
} \
CG_LEVELED static void cg_softmax_columns_back_##X(ptrdiff_t n, ptrdiff_t inner, ptrdiff_t lo, ptrdiff_t hi, \
                                                   const T *y, const T *g, T *dx, int logs) \
{ \
    for (ptrdiff_t j = lo; j < hi; j += CG_LANES) { \
        const ptrdiff_t w = hi - j < CG_LANES ? hi - j : CG_LANES; \
        T s[CG_LANES] = {0}; \
        for (ptrdiff_t i = 0; i < n; i++) \
            for (ptrdiff_t l = 0; l < w; l++) { \
                const ptrdiff_t k = i * inner + j + l; \
                s[l] += logs ? g[k] : g[k] * y[k]; \
            } \
        for (ptrdiff_t i = 0; i < n; i++) \
            for (ptrdiff_t l = 0; l < w; l++) { \
                const ptrdiff_t k = i * inner + j + l; \
                dx[k] = logs ? g[k] - cg_exp_##X(y[k]) * s[l] : y[k] * (g[k] - s[l]); \
            } \
    } \
} \
/* Cross entropy of rows: loss[r] = weight[t] * (log sum exp x - x[t]) and, where p is wanted, p = softmax(x). */ \
CG_LEVELED static void cg_cross_entropy_##X(ptrdiff_t rows, ptrdiff_t n, const T *x, const int64_t *target, \
                                            const T *weight, int64_t ignore, T *p, T *loss) \
{ \
    for (ptrdiff_t r = 0; r < rows; r++, x += n) { \
        const T m = cg_max_##X(n, x), s = cg_exp_sum_##X(n, x, m, p); \
        const int64_t t = target[r]; \
        loss[r] = t == ignore ? 0 : (weight ? weight[t] : (T)1) * (LOG(s) - (x[t] - m)); \
        if (p) { \
            const T q = (T)1 / s; \
            for (ptrdiff_t i = 0; i < n; i++) p[i] *= q; \
            p += n; \
        } \
    } \
} \
/* dx = scale * weight[t] * (p - onehot(t)); scale is g[r] where g has a value per row. */ \
CG_LEVELED static void cg_cross_entropy_back_##X(ptrdiff_t rows, ptrdiff_t n, const T *p, const int64_t *target, \
    const T *weight, int64_t ignore, const T *g, int per_row, T divisor, T *dx) \
{ \
    for (ptrdiff_t r = 0; r < rows; r++, p += n, dx += n) { \
        const int64_t t = target[r]; \
        if (t == ignore) { \
            memset(dx, 0, n * sizeof(T)); \
            continue; \
        } \
        const T c = g[per_row ? r : 0] * (weight ? weight[t] : (T)1) / divisor; \
        for (ptrdiff_t i = 0; i < n; i++) dx[i] = c * p[i]; \
        dx[t] -= c; \
    } \
} \
CG_HELPER T cg_block_sum_##X(ptrdiff_t n, const T *x) \
{ \
    T s[CG_LANES] = {0}; \
    ptrdiff_t i = 0; \
    for (; i + CG_LANES <= n; i += CG_LANES) \
        for (int l = 0; l < CG_LANES; l++) s[l] += x[i + l]; \
    for (int l = 0; i < n; i++, l++) s[l] += x[i]; \
    CG_SUM_LANES(T, s) \
    return s[0]; \
} \
CG_HELPER T cg_block_squares_##X(ptrdiff_t n, const T *x, T mean) \
{ \
    T s[CG_LANES] = {0}; \
    ptrdiff_t i = 0; \
    for (; i + CG_LANES <= n; i += CG_LANES) \
        for (int l = 0; l < CG_LANES; l++) s[l] += (x[i + l] - mean) * (x[i + l] - mean); \
    for (int l = 0; i < n; i++, l++) s[l] += (x[i] - mean) * (x[i] - mean); \
    CG_SUM_LANES(T, s) \
    return s[0]; \
} \
CG_HELPER void cg_block_dots_##X(ptrdiff_t n, const T *g, const T *u, const T *x, T mean, double *sum, double *dot) \
{ \
    T s[CG_LANES] = {0}, t[CG_LANES] = {0}; \
    ptrdiff_t i = 0; \
    for (; i + CG_LANES <= n; i += CG_LANES) \
        for (int l = 0; l < CG_LANES; l++) { \
            const T v = u ? g[i + l] * u[i + l] : g[i + l]; \
            s[l] += v; \
            t[l] += v * (x[i + l] - mean); \
        } \
    for (int l = 0; i < n; i++, l++) { \
        const T v = u ? g[i] * u[i] : g[i]; \
        s[l] += v; \
        t[l] += v * (x[i] - mean); \
    } \
    CG_SUM_LANES(T, s) CG_SUM_LANES(T, t) \
    *sum += s[0], *dot += t[0]; \
} \
/* Sums of rows: in their own type within a block, blocks in double, so that long rows keep their digits. */ \
CG_HELPER double cg_sum_##X(ptrdiff_t n, const T *x) \
{ \
    double total = 0; \
    for (; n > CG_BLOCK; n -= CG_BLOCK, x += CG_BLOCK) total += cg_block_sum_##X(CG_BLOCK, x); \
    return total + cg_block_sum_##X(n, x); \
} \
CG_HELPER double cg_square_sum_##X(ptrdiff_t n, const T *x, T mean) \
{ \
    double total = 0; \
    for (; n > CG_BLOCK; n -= CG_BLOCK, x += CG_BLOCK) total += cg_block_squares_##X(CG_BLOCK, x, mean); \
    return total + cg_block_squares_##X(n, x, mean); \
} \
/* Adds the sums of g and of g * (x - mean), with g weighed by u if that is not null. */ \
CG_HELPER void cg_dots_##X(ptrdiff_t n, const T *g, const T *u, const T *x, T mean, double *sum, double *dot) \
{ \
    for (; n > CG_BLOCK; n -= CG_BLOCK, g += CG_BLOCK, x += CG_BLOCK) { \
        cg_block_dots_##X(CG_BLOCK, g, u, x, mean, sum, dot); \
        u = u ? u + CG_BLOCK : u; \
    } \
    cg_block_dots_##X(n, g, u, x, mean, sum, dot); \
} \
/* Rows of n: mean, 1 / sqrt(var + eps), y = (x - mean) * rstd * weight + bias.  weight and bias have a value for each \
 * `span` elements (layer norm 1, group norm the pixels of a channel), the ones of row r start at r % groups * n / span. */ \
CG_LEVELED static void cg_normalize_##X(ptrdiff_t lo, ptrdiff_t hi, ptrdiff_t n, ptrdiff_t span, ptrdiff_t groups, \
    const T *x, const T *weight, const T *bias, double eps, T *y, T *mean, T *rstd) \
{ \
    for (ptrdiff_t r = lo; r < hi; r++) { \
        const T *a = x + r * n; \
        T *o = y + r * n; \
        const T m = (T)(cg_sum_##X(n, a) / (double)n); \
        const T q = (T)(1.0 / sqrt(cg_square_sum_##X(n, a, m) / (double)n + eps)); \
        const ptrdiff_t c0 = r % groups * (n / span); \
        mean[r] = m, rstd[r] = q; \
        if (span == 1 && weight && bias) \
            for (ptrdiff_t i = 0; i < n; i++) o[i] = (a[i] - m) * q * weight[c0 + i] + bias[c0 + i]; \
        else if (span == 1 && weight) \
            for (ptrdiff_t i = 0; i < n; i++) o[i] = (a[i] - m) * q * weight[c0 + i]; \
        else if (!weight && !bias) \
            for (ptrdiff_t i = 0; i < n; i++) o[i] = (a[i] - m) * q; \
        else { \
            for (ptrdiff_t c = 0; c < n / span; c++) { \
                const T k = q * (weight ? weight[c0 + c] : (T)1), b = (bias ? bias[c0 + c] : (T)0) - m * k; \
                for (ptrdiff_t i = c * span; i < (c + 1) * span; i++) o[i] = a[i] * k + b; \
            } \
        } \
    } \
} \
/* dx of the above: rstd * (h - mean(h) - xhat * mean(h * xhat)) with h = g * weight. */ \
CG_LEVELED static void cg_normalize_back_##X(ptrdiff_t lo, ptrdiff_t hi, ptrdiff_t n, ptrdiff_t span, \
    ptrdiff_t groups, const T *x, const T *g, const T *weight, const T *mean, const T *rstd, T *dx) \
{ \
    for (ptrdiff_t r = lo; r < hi; r++) { \
        const T *a = x + r * n, *h = g + r * n; \
        T *o = dx + r * n; \
        const T m = mean[r], q = rstd[r]; \
        const ptrdiff_t c0 = r % groups * (n / span); \
        double sum = 0, dot = 0; \
        if (span == 1) { \
            const T *const u = weight ? weight + c0 : 0; \
            cg_dots_##X(n, h, u, a, m, &sum, &dot); \
            const T c = (T)(sum / (double)n), d = (T)(dot / (double)n) * q * q; \
            if (u) \
                for (ptrdiff_t i = 0; i < n; i++) o[i] = q * (h[i] * u[i] - c - (a[i] - m) * d); \
            else \
                for (ptrdiff_t i = 0; i < n; i++) o[i] = q * (h[i] - c - (a[i] - m) * d); \
            continue; \
        } \
        for (ptrdiff_t c = 0; c < n / span; c++) { \
            const double k = weight ? weight[c0 + c] : (T)1; \
            double s = 0, t = 0; \
            if (span > CG_BLOCK) \
                cg_dots_##X(span, h + c * span, 0, a + c * span, m, &s, &t); \
            else { \
                T u[CG_LANES] = {0}, v[CG_LANES] = {0}; \
                ptrdiff_t i = c * span, end = i + span; \
                for (; i + CG_LANES <= end; i += CG_LANES) \
                    for (int l = 0; l < CG_LANES; l++) u[l] += h[i + l], v[l] += h[i + l] * (a[i + l] - m); \
                for (int l = 0; i < end; i++, l++) u[l] += h[i], v[l] += h[i] * (a[i] - m); \
                CG_SUM_LANES(T, u) CG_SUM_LANES(T, v) \
                s = u[0], t = v[0]; \
            } \
            sum += k * s, dot += k * t; \
        } \
        const T c1 = (T)(sum / (double)n), d = (T)(dot / (double)n) * q * q; \
        for (ptrdiff_t c = 0; c < n / span; c++) { \
            const T k = weight ? weight[c0 + c] : (T)1; \
            for (ptrdiff_t i = c * span; i < (c + 1) * span; i++) o[i] = q * (h[i] * k - c1 - (a[i] - m) * d); \
        } \
    } \
} \
/* dw += sum of g * xhat, db += sum of g over rows [lo, hi), per weight (span 1). */ \
CG_LEVELED static void cg_affine_back_##X(ptrdiff_t lo, ptrdiff_t hi, ptrdiff_t n, const T *x, const T *g, \
                                          const T *mean, const T *rstd, T *restrict dw, T *restrict db) \
{ \
    for (ptrdiff_t r = lo; r < hi; r++) { \
        const T *a = x + r * n, *h = g + r * n; \
        const T m = mean[r], q = rstd[r]; \
        for (ptrdiff_t i = 0; i < n; i++) dw[i] += h[i] * ((a[i] - m) * q), db[i] += h[i]; \
    } \
} \
/* The same where weights have `span` elements each: channels of (images, channels, span). */ \
CG_LEVELED static void cg_affine_channels_##X(ptrdiff_t images, ptrdiff_t channels, ptrdiff_t span, \
    ptrdiff_t groups, const T *x, const T *g, const T *mean, const T *rstd, T *dw, T *db) \
{ \
    for (ptrdiff_t c = 0; c < channels; c++) { \
        double w = 0, b = 0; \
        for (ptrdiff_t i = 0; i < images; i++) { \
            const ptrdiff_t row = i * groups + c / (channels / groups), at = (i * channels + c) * span; \
            double dot = 0; \
            cg_dots_##X(span, g + at, 0, x + at, mean[row], &b, &dot); \
            w += dot * rstd[row]; \
        } \
        dw[c] = (T)w, db[c] = (T)b; \
    } \
} \
/* Batch norm over (images, channels, pixels), channels [lo, hi).  Statistics: biased mean and variance. */ \
CG_LEVELED static void cg_channel_stats_##X(ptrdiff_t lo, ptrdiff_t hi, ptrdiff_t images, ptrdiff_t channels, \
                                            ptrdiff_t pixels, const T *x, T *mean, T *var) \
{ \
    const T n = (T)(images * pixels); \
    if (pixels == 1) { \
        for (ptrdiff_t c = lo; c < hi; c++) mean[c] = var[c] = 0; \
        for (ptrdiff_t i = 0; i < images; i++) \
            for (ptrdiff_t c = lo; c < hi; c++) mean[c] += x[i * channels + c]; \
        for (ptrdiff_t c = lo; c < hi; c++) mean[c] /= n; \
        for (ptrdiff_t i = 0; i < images; i++) \
            for (ptrdiff_t c = lo; c < hi; c++) { \
                const T d = x[i * channels + c] - mean[c]; \
                var[c] += d * d; \
            } \
        for (ptrdiff_t c = lo; c < hi; c++) var[c] /= n; \
        return; \
    } \
    for (ptrdiff_t c = lo; c < hi; c++) { \
        double s = 0, q = 0; \
        for (ptrdiff_t i = 0; i < images; i++) s += cg_sum_##X(pixels, x + (i * channels + c) * pixels); \
        const T m = (T)(s / n); \
        for (ptrdiff_t i = 0; i < images; i++) q += cg_square_sum_##X(pixels, x + (i * channels + c) * pixels, m); \
        mean[c] = m, var[c] = (T)(q / n); \
    } \
} \
/* y = x * scale + shift per channel, images [lo, hi). */ \
CG_LEVELED static void cg_scale_##X(ptrdiff_t lo, ptrdiff_t hi, ptrdiff_t channels, ptrdiff_t pixels, const T *x, \
                                    const T *scale, const T *shift, T *y) \
{ \
    for (ptrdiff_t i = lo; i < hi; i++) { \
        if (pixels == 1) { \
            for (ptrdiff_t c = 0; c < channels; c++) y[i * channels + c] = x[i * channels + c] * scale[c] + shift[c]; \
            continue; \
        } \
        for (ptrdiff_t c = 0; c < channels; c++) { \
            const T *a = x + (i * channels + c) * pixels; \
            T *o = y + (i * channels + c) * pixels; \
            const T k = scale[c], b = shift[c]; \
            for (ptrdiff_t p = 0; p < pixels; p++) o[p] = a[p] * k + b; \
        } \
    } \
} \
/* Sums of g and of g * (x - mean) per channel. */ \
CG_LEVELED static void cg_channel_dots_##X(ptrdiff_t lo, ptrdiff_t hi, ptrdiff_t images, ptrdiff_t channels, \
                                           ptrdiff_t pixels, const T *x, const T *g, const T *mean, T *sum, T *dot) \
{ \
    for (ptrdiff_t c = lo; c < hi; c++) sum[c] = dot[c] = 0; \
    for (ptrdiff_t i = 0; i < images; i++) { \
        if (pixels == 1) { \
            for (ptrdiff_t c = lo; c < hi; c++) { \
                const T h = g[i * channels + c]; \
                sum[c] += h, dot[c] += h * (x[i * channels + c] - mean[c]); \
            } \
            continue; \
        } \
        for (ptrdiff_t c = lo; c < hi; c++) { \
            const T *a = x + (i * channels + c) * pixels, *h = g + (i * channels + c) * pixels; \
            const T m = mean[c]; \
            T u[CG_LANES] = {0}, v[CG_LANES] = {0}; \
            ptrdiff_t k = 0; \
            for (; k + CG_LANES <= pixels; k += CG_LANES) \
                for (int l = 0; l < CG_LANES; l++) u[l] += h[k + l], v[l] += h[k + l] * (a[k + l] - m); \
            for (int l = 0; k < pixels; k++, l++) u[l] += h[k], v[l] += h[k] * (a[k] - m); \
            CG_SUM_LANES(T, u) CG_SUM_LANES(T, v) \
            sum[c] += u[0], dot[c] += v[0]; \
        } \
    } \
} \
/* dx = scale * g + slope * (x - mean) + shift per channel, images [lo, hi). */ \
CG_LEVELED static void cg_batch_back_##X(ptrdiff_t lo, ptrdiff_t hi, ptrdiff_t channels, ptrdiff_t pixels, \
    const T *x, const T *g, const T *mean, const T *scale, const T *slope, const T *shift, T *dx) \
{ \
    for (ptrdiff_t i = lo; i < hi; i++) { \
        const ptrdiff_t at = i * channels * pixels; \
        if (pixels == 1) { \
            for (ptrdiff_t c = 0; c < channels; c++) \
                dx[at + c] = scale[c] * g[at + c] + slope[c] * (x[at + c] - mean[c]) + shift[c]; \
            continue; \
        } \
        for (ptrdiff_t c = 0; c < channels; c++) { \
            const T *a = x + at + c * pixels, *h = g + at + c * pixels; \
            T *o = dx + at + c * pixels; \
            const T s = scale[c], k = slope[c], b = shift[c], m = mean[c]; \
            for (ptrdiff_t p = 0; p < pixels; p++) o[p] = s * h[p] + k * (a[p] - m) + b; \
        } \
    } \
} \
/* Rows of a table by index, and their gradient. */ \
CG_LEVELED static double cg_square_error_##X(ptrdiff_t n, const T *x, const T *y) \
{ \
    double total = 0; \
    for (ptrdiff_t at = 0; at < n; at += 4096) { \
        const ptrdiff_t m = n - at < 4096 ? n - at : 4096; \
        T s[CG_LANES] = {0}; \
        ptrdiff_t i = 0; \
        for (; i + CG_LANES <= m; i += CG_LANES) \
            for (int l = 0; l < CG_LANES; l++) { \
                const T d = x[at + i + l] - y[at + i + l]; \
                s[l] += d * d; \
            } \
        for (int l = 0; i < m; i++, l++) s[l] += (x[at + i] - y[at + i]) * (x[at + i] - y[at + i]); \
        CG_SUM_LANES(T, s) \
        total += s[0]; \
    } \
    return total; \
} \
CG_LEVELED static void cg_difference_##X(ptrdiff_t n, const T *x, const T *y, T scale, T *out) \
{ \
    for (ptrdiff_t i = 0; i < n; i++) out[i] = scale * (x[i] - y[i]); \
}
CG_ROWS(float, f32, logf, INFINITY, int32_t, 0x7fffffff, 0x7f800000)
CG_ROWS(double, f64, log, (double)INFINITY, int64_t, 0x7fffffffffffffff, 0x7ff0000000000000)
#undef CG_ROWS
CG_FUSED_END
#endif
