/* Register tiles of the direct convolution, included once per element type and CPU level (see _kernels/conv_levels.h).
 *
 * T, VW     element type and elements per vector
 * MRX, NVX  the largest tile of the product, rows (output channels) by vectors (pixels)
 * GRX, GTX  the largest tile of the correlation, rows by taps
 * ARX       the largest tile of the gathered product, rows by two vectors
 * TARGET    the level's attribute; NAME(x) the level's name of x
 *
 * A convolution of stride 1 over a flat padded image is a matrix product whose right operand is never written down: row
 * k of it (one tap of one channel) is the image itself, shifted by off[k].  So one tile serves every kernel size,
 * dilation and number of channels, and the accumulators stay in registers over all taps. */

typedef T NAME(vec) __attribute__((vector_size(VW * sizeof(T)), aligned(sizeof(T)), may_alias));

/* c[i][j] = bias[i] + sum over k of w[k][i] * b[off[k] + j] */
TARGET static inline __attribute__((always_inline)) void NAME(product)(const int mr, const int nv, ptrdiff_t taps,
    const T *b, const ptrdiff_t *off, const T *w, const T *bias, T *c)
{
    NAME(vec) acc[MRX][NVX];
    _Pragma("GCC unroll 16") for (int i = 0; i < mr; i++)
        _Pragma("GCC unroll 16") for (int j = 0; j < nv; j++) acc[i][j] = (NAME(vec)){0} + bias[i];
    for (ptrdiff_t k = 0; k < taps; k++) {
        const T *p = b + off[k];
        NAME(vec) x[NVX];
        _Pragma("GCC unroll 16") for (int j = 0; j < nv; j++) x[j] = *(const NAME(vec) *)(p + j * VW);
        _Pragma("GCC unroll 16") for (int i = 0; i < mr; i++)
            _Pragma("GCC unroll 16") for (int j = 0; j < nv; j++) acc[i][j] += w[i] * x[j];
        w += mr;
    }
    _Pragma("GCC unroll 16") for (int i = 0; i < mr; i++)
        _Pragma("GCC unroll 16") for (int j = 0; j < nv; j++) *(NAME(vec) *)(c + (i * nv + j) * VW) = acc[i][j];
}

/* c[i][k] += sum over segments s, pixels p of g[seg[s].g + i * gstep + p] * b[seg[s].b + off[k] + p] */
TARGET static inline __attribute__((always_inline)) void NAME(correlate)(const int gr, const int gt, ptrdiff_t segments,
    const cg_segment *seg, const T *g, ptrdiff_t gstep, const T *b, const ptrdiff_t *off, T *c, ptrdiff_t cstep)
{
    NAME(vec) acc[GRX][GTX];
    _Pragma("GCC unroll 16") for (int i = 0; i < gr; i++)
        _Pragma("GCC unroll 16") for (int k = 0; k < gt; k++) acc[i][k] = (NAME(vec)){0};
    for (ptrdiff_t s = 0; s < segments; s++) {
        const T *gp = g + seg[s].g, *bp = b + seg[s].b;
        for (ptrdiff_t p = 0; p < seg[s].n; p += VW) {
            NAME(vec) x[GRX];
            _Pragma("GCC unroll 16") for (int i = 0; i < gr; i++) x[i] = *(const NAME(vec) *)(gp + i * gstep + p);
            _Pragma("GCC unroll 16") for (int k = 0; k < gt; k++) {
                NAME(vec) y = *(const NAME(vec) *)(bp + off[k] + p);
                CG_KEEP(y); /* or gcc folds the load, mostly a split one, into each of the products */
                _Pragma("GCC unroll 16") for (int i = 0; i < gr; i++) acc[i][k] += x[i] * y;
            }
        }
    }
    for (int i = 0; i < gr; i++)
        for (int k = 0; k < gt; k++) {
            T t[VW];
            *(NAME(vec) *)t = acc[i][k];
            for (int h = VW / 2; h; h /= 2)
                for (int l = 0; l < h; l++) t[l] += t[l + h];
            c[i * cstep + k] += t[0];
        }
}

/* c[i][j] += sum over q of a[rows[i] + steps[q]] * b[q][j], j over nv vectors: the left operand is gathered from padded
 * images, by pixels and taps either way round; no pixel of the padding is touched for nothing. */
TARGET static inline __attribute__((always_inline)) void NAME(gathered)(const int mr, const int nv, ptrdiff_t n,
    const T *a, const ptrdiff_t *rows, const ptrdiff_t *steps, const T *b, T *c)
{
    NAME(vec) acc[ARX][2];
    const T *row[ARX];
    _Pragma("GCC unroll 16") for (int i = 0; i < mr; i++) {
        row[i] = a + rows[i];
        _Pragma("GCC unroll 16") for (int j = 0; j < nv; j++) acc[i][j] = *(const NAME(vec) *)(c + (i * nv + j) * VW);
    }
    for (ptrdiff_t q = 0; q < n; q++) {
        NAME(vec) x[2];
        _Pragma("GCC unroll 16") for (int j = 0; j < nv; j++) x[j] = *(const NAME(vec) *)(b + j * VW);
        _Pragma("GCC unroll 16") for (int i = 0; i < mr; i++)
            _Pragma("GCC unroll 16") for (int j = 0; j < nv; j++) acc[i][j] += row[i][steps[q]] * x[j];
        b += nv * VW;
    }
    _Pragma("GCC unroll 16") for (int i = 0; i < mr; i++)
        _Pragma("GCC unroll 16") for (int j = 0; j < nv; j++) *(NAME(vec) *)(c + (i * nv + j) * VW) = acc[i][j];
}

/* Exchanges bit s of the row with bit s of the lane. */
typedef __typeof__((NAME(vec)){0} < (NAME(vec)){0}) NAME(lanes);
TARGET static inline __attribute__((always_inline)) void NAME(exchange)(NAME(vec) *r, const int s)
{
#if defined(__GNUC__) && !defined(__clang__)
    NAME(lanes) lo, hi;
    _Pragma("GCC unroll 16") for (int l = 0; l < VW; l++) {
        lo[l] = l & s ? VW + l - s : l;
        hi[l] = l & s ? VW + l : l + s;
    }
    _Pragma("GCC unroll 16") for (int i = 0; i < VW; i++)
        if (!(i & s)) {
            const NAME(vec) a = r[i], b = r[i + s];
            r[i] = __builtin_shuffle(a, b, lo);
            r[i + s] = __builtin_shuffle(a, b, hi);
        }
#else
    for (int i = 0; i < VW; i++)
        for (int l = 0; l < VW && !(i & s); l++)
            if (!(l & s)) {
                const T x = r[i][l + s];
                r[i][l + s] = r[i + s][l];
                r[i + s][l] = x;
            }
#endif
}

TARGET static inline __attribute__((always_inline)) void NAME(turn)(const T *from, ptrdiff_t from_step, T *to,
                                                                    ptrdiff_t to_step)
{
    NAME(vec) r[VW];
    _Pragma("GCC unroll 16") for (int i = 0; i < VW; i++) r[i] = *(const NAME(vec) *)(from + i * from_step);
    NAME(exchange)(r, 1);
    if (VW > 2) NAME(exchange)(r, VW > 2 ? 2 : 1);
    if (VW > 4) NAME(exchange)(r, VW > 4 ? 4 : 1);
    if (VW > 8) NAME(exchange)(r, VW > 8 ? 8 : 1);
    _Pragma("GCC unroll 16") for (int i = 0; i < VW; i++) *(NAME(vec) *)(to + i * to_step) = r[i];
}

/* to[j][i] = from[i][j] */
TARGET static void NAME(transpose)(ptrdiff_t rows, ptrdiff_t cols, const T *from, ptrdiff_t from_step, T *to,
                                   ptrdiff_t to_step)
{
    for (ptrdiff_t i = 0; i < rows; i += VW)
        for (ptrdiff_t j = 0; j < cols; j += VW) {
            const ptrdiff_t m = rows - i < VW ? rows - i : VW, n = cols - j < VW ? cols - j : VW;
            const T *f = from + i * from_step + j;
            T *t = to + j * to_step + i;
            if (m == VW && n == VW) {
                NAME(turn)(f, from_step, t, to_step);
                continue;
            }
            T in[VW * VW], out[VW * VW];
            for (ptrdiff_t r = 0; r < m; r++) memcpy(in + r * VW, f + r * from_step, n * sizeof(T));
            NAME(turn)(in, VW, out, VW);
            for (ptrdiff_t r = 0; r < n; r++) memcpy(t + r * to_step, out + r * VW, m * sizeof(T));
        }
}

#include "_kernels/winograd_tiles.h"

#define CG_P(M, N) \
    TARGET static void NAME(product_##M##_##N)(ptrdiff_t taps, const T *b, const ptrdiff_t *off, const T *w, \
                                               const T *bias, T *c) \
    { NAME(product)(M, N, taps, b, off, w, bias, c); }
#define CG_P3(M) CG_P(M, 1) CG_P(M, 2) CG_P(M, 3)
#define CG_G(M, K) \
    TARGET static void NAME(correlate_##M##_##K)(ptrdiff_t segments, const cg_segment *seg, const T *g, \
        ptrdiff_t gstep, const T *b, const ptrdiff_t *off, T *c, ptrdiff_t cstep) \
    { NAME(correlate)(M, K, segments, seg, g, gstep, b, off, c, cstep); }
#define CG_PN(M) {NAME(product_##M##_1), NAME(product_##M##_2), NAME(product_##M##_3)}

CG_P3(1) CG_P3(2) CG_P3(3) CG_P3(4)
#if MRX == 8
CG_P3(5) CG_P3(6) CG_P3(7) CG_P3(8)
#define CG_PALL CG_PN(1), CG_PN(2), CG_PN(3), CG_PN(4), CG_PN(5), CG_PN(6), CG_PN(7), CG_PN(8)
#else
#define CG_PALL CG_PN(1), CG_PN(2), CG_PN(3), CG_PN(4)
#endif
CG_G(1, 1) CG_G(1, 2) CG_G(1, 3) CG_G(1, 4) CG_G(2, 1) CG_G(2, 2) CG_G(2, 3) CG_G(2, 4)
CG_G(3, 1) CG_G(3, 2) CG_G(3, 3) CG_G(3, 4)
#if GTX == 6
CG_G(1, 5) CG_G(1, 6) CG_G(2, 5) CG_G(2, 6) CG_G(3, 5) CG_G(3, 6)
CG_G(4, 1) CG_G(4, 2) CG_G(4, 3) CG_G(4, 4) CG_G(4, 5) CG_G(4, 6)
#define CG_GN(M) {NAME(correlate_##M##_1), NAME(correlate_##M##_2), NAME(correlate_##M##_3), \
    NAME(correlate_##M##_4), NAME(correlate_##M##_5), NAME(correlate_##M##_6)}
#define CG_GALL CG_GN(1), CG_GN(2), CG_GN(3), CG_GN(4)
#else
#define CG_GN(M) {NAME(correlate_##M##_1), NAME(correlate_##M##_2), NAME(correlate_##M##_3), NAME(correlate_##M##_4)}
#define CG_GALL CG_GN(1), CG_GN(2), CG_GN(3)
#endif

#define CG_A(M, N) \
    TARGET static void NAME(gathered_##M##_##N)(ptrdiff_t n, const T *a, const ptrdiff_t *rows, \
                                                const ptrdiff_t *steps, const T *b, T *c) \
    { NAME(gathered)(M, N, n, a, rows, steps, b, c); }
#define CG_A2(M) CG_A(M, 1) CG_A(M, 2)
#define CG_AN(M) {NAME(gathered_##M##_1), NAME(gathered_##M##_2)}
CG_A2(1) CG_A2(2) CG_A2(3) CG_A2(4) CG_A2(5) CG_A2(6)
#if ARX == 8
CG_A2(7) CG_A2(8)
#define CG_AALL CG_AN(1), CG_AN(2), CG_AN(3), CG_AN(4), CG_AN(5), CG_AN(6), CG_AN(7), CG_AN(8)
#else
#define CG_AALL CG_AN(1), CG_AN(2), CG_AN(3), CG_AN(4), CG_AN(5), CG_AN(6)
#endif

static const TILES NAME(tiles) = {VW, MRX, NVX, GRX, GTX, ARX, {CG_PALL}, {CG_GALL}, {CG_AALL}, NAME(transpose),
    NAME(from_pixels), NAME(from_weights), NAME(to_pixels), NAME(from_gradient), NAME(to_weights)};

#undef CG_P
#undef CG_P3
#undef CG_PN
#undef CG_PALL
#undef CG_G
#undef CG_GN
#undef CG_GALL
#undef CG_A
#undef CG_A2
#undef CG_AN
#undef CG_AALL
