/* Winograd's transforms for 3x3 kernels, included once per element type and CPU level (see _kernels/conv_levels.h).
 *
 * Two outputs of a filter of three taps, and three of two taps, take four products each instead of six (S. Winograd,
 * Arithmetic Complexity of Computations, 1980; A. Lavin and S. Gray, Fast Algorithms for Convolutional Neural Networks,
 * 2015): both with points 0, 1, -1 and infinity, so that they share the input's transform.  In two dimensions 16 instead
 * of 36.  Every function works on `n` channels side by side (a multiple of VW), at `plane` elements for each of the 16.
 *
 * T, VW, TARGET, NAME as in conv_tiles.h. */

#define CG_AT(p) (*(NAME(vec) *)(p))
#define CG_GET(p) (*(const NAME(vec) *)(p))

/* v = B' d B of the 4x4 pixels of an image [row][pixel][channel] */
TARGET static void NAME(from_pixels)(ptrdiff_t n, const T *d, ptrdiff_t line, ptrdiff_t pixel, T *v, ptrdiff_t plane)
{
    for (ptrdiff_t c = 0; c < n; c += VW) {
        NAME(vec) t[4][4];
        _Pragma("GCC unroll 4") for (int i = 0; i < 4; i++) {
            const T *p = d + i * line + c;
            const NAME(vec) a = CG_GET(p), b = CG_GET(p + pixel), e = CG_GET(p + 2 * pixel), f = CG_GET(p + 3 * pixel);
            t[i][0] = a - e, t[i][1] = b + e, t[i][2] = e - b, t[i][3] = b - f;
        }
        _Pragma("GCC unroll 4") for (int j = 0; j < 4; j++) {
            T *p = v + j * plane + c;
            CG_AT(p) = t[0][j] - t[2][j];
            CG_AT(p + 4 * plane) = t[1][j] + t[2][j];
            CG_AT(p + 8 * plane) = t[2][j] - t[1][j];
            CG_AT(p + 12 * plane) = t[1][j] - t[3][j];
        }
    }
}

/* u = G g G' of 3x3 weights, the taps `step` elements apart, from the last to the first where step is negative */
TARGET static void NAME(from_weights)(ptrdiff_t n, const T *g, ptrdiff_t step, T *u, ptrdiff_t plane)
{
    for (ptrdiff_t c = 0; c < n; c += VW) {
        NAME(vec) t[4][3];
        _Pragma("GCC unroll 4") for (int j = 0; j < 3; j++) {
            const NAME(vec) a = CG_GET(g + j * step + c), b = CG_GET(g + (3 + j) * step + c),
                            e = CG_GET(g + (6 + j) * step + c), s = (a + e) * (T)0.5, h = b * (T)0.5;
            t[0][j] = a, t[1][j] = s + h, t[2][j] = s - h, t[3][j] = e;
        }
        _Pragma("GCC unroll 4") for (int i = 0; i < 4; i++) {
            T *p = u + 4 * i * plane + c;
            const NAME(vec) s = (t[i][0] + t[i][2]) * (T)0.5, h = t[i][1] * (T)0.5;
            CG_AT(p) = t[i][0], CG_AT(p + plane) = s + h, CG_AT(p + 2 * plane) = s - h, CG_AT(p + 3 * plane) = t[i][2];
        }
    }
}

/* The 2x2 pixels to[0..3] = A' m A + bias; those that are NULL lie outside */
TARGET static void NAME(to_pixels)(ptrdiff_t n, const T *m, ptrdiff_t plane, const T *bias, T *const *to)
{
    for (ptrdiff_t c = 0; c < n; c += VW) {
        NAME(vec) t[2][4];
        _Pragma("GCC unroll 4") for (int j = 0; j < 4; j++) {
            const T *p = m + j * plane + c;
            const NAME(vec) b = CG_GET(p + 4 * plane), e = CG_GET(p + 8 * plane);
            t[0][j] = CG_GET(p) + b + e, t[1][j] = b - e - CG_GET(p + 12 * plane);
        }
        const NAME(vec) z = CG_GET(bias + c);
        _Pragma("GCC unroll 4") for (int i = 0; i < 2; i++) {
            if (to[2 * i]) CG_AT(to[2 * i] + c) = t[i][0] + t[i][1] + t[i][2] + z;
            if (to[2 * i + 1]) CG_AT(to[2 * i + 1] + c) = t[i][1] - t[i][2] - t[i][3] + z;
        }
    }
}

/* u = G g G' of 2x2 pixels, zero where NULL: the shorter filter of the weight gradient */
TARGET static void NAME(from_gradient)(ptrdiff_t n, const T *const *from, T *u, ptrdiff_t plane)
{
    for (ptrdiff_t c = 0; c < n; c += VW) {
        NAME(vec) t[4][2];
        _Pragma("GCC unroll 4") for (int j = 0; j < 2; j++) {
            const NAME(vec) a = from[j] ? CG_GET(from[j] + c) : (NAME(vec)){0};
            const NAME(vec) b = from[2 + j] ? CG_GET(from[2 + j] + c) : (NAME(vec)){0};
            t[0][j] = a, t[1][j] = (a + b) * (T)0.5, t[2][j] = (a - b) * (T)0.5, t[3][j] = b;
        }
        _Pragma("GCC unroll 4") for (int i = 0; i < 4; i++) {
            T *p = u + 4 * i * plane + c;
            CG_AT(p) = t[i][0], CG_AT(p + plane) = (t[i][0] + t[i][1]) * (T)0.5;
            CG_AT(p + 2 * plane) = (t[i][0] - t[i][1]) * (T)0.5, CG_AT(p + 3 * plane) = t[i][1];
        }
    }
}

/* The 3x3 weights A' m A, `step` elements apart */
TARGET static void NAME(to_weights)(ptrdiff_t n, const T *m, ptrdiff_t plane, T *w, ptrdiff_t step)
{
    for (ptrdiff_t c = 0; c < n; c += VW) {
        NAME(vec) t[3][4];
        _Pragma("GCC unroll 4") for (int j = 0; j < 4; j++) {
            const T *p = m + j * plane + c;
            const NAME(vec) b = CG_GET(p + 4 * plane), e = CG_GET(p + 8 * plane);
            t[0][j] = CG_GET(p) + b + e, t[1][j] = b - e, t[2][j] = b + e - CG_GET(p + 12 * plane);
        }
        _Pragma("GCC unroll 4") for (int i = 0; i < 3; i++) {
            CG_AT(w + 3 * i * step + c) = t[i][0] + t[i][1] + t[i][2];
            CG_AT(w + (3 * i + 1) * step + c) = t[i][1] - t[i][2];
            CG_AT(w + (3 * i + 2) * step + c) = t[i][1] + t[i][2] - t[i][3];
        }
    }
}

#undef CG_AT
#undef CG_GET
