/* Distances of rows to rows, and their gradients.  Modes: 0 how many elements differ, 1 and 2 the norms of that order,
 * 3 the greatest difference, 4 any order p. */
#ifndef CG_DISTANCE_H
#define CG_DISTANCE_H
#include <math.h>
#include <stddef.h>

#include "_level.h"

#define CG_LANES 8

#define CG_EACH_LANE(T, M, body)                                                                                    \
    do {                                                                                                            \
        ptrdiff_t m = 0;                                                                                            \
        for (; m + CG_LANES <= (M); m += CG_LANES)                                                                  \
            for (int k = 0; k < CG_LANES; k++) {                                                                    \
                const T d = x[m + k] - y[m + k];                                                                    \
                body;                                                                                               \
            }                                                                                                       \
        for (int k = 0; m < (M); m++) {                                                                             \
            const T d = x[m] - y[m];                                                                                \
            body;                                                                                                   \
        }                                                                                                           \
    } while (0)

#define CG_DISTANCES(T, NAME, F)                                                                                    \
    CG_HELPER T cg_distance_##NAME(int mode, T p, ptrdiff_t M, const T *x, const T *y)                              \
    {                                                                                                               \
        T lane[CG_LANES] = {0}, r = 0;                                                                              \
        switch (mode) {                                                                                             \
        case 0: CG_EACH_LANE(T, M, lane[k] += d != 0); break;                                                       \
        case 1: CG_EACH_LANE(T, M, lane[k] += fabs##F(d)); break;                                                   \
        case 2: CG_EACH_LANE(T, M, lane[k] += d * d); break;                                                        \
        case 3: CG_EACH_LANE(T, M, const T s = fabs##F(d); lane[k] = s > lane[k] || s != s ? s : lane[k]); break;   \
        default: CG_EACH_LANE(T, M, lane[k] += pow##F(fabs##F(d), p));                                              \
        }                                                                                                           \
        for (int k = 0; k < CG_LANES; k++)                                                                          \
            r = mode != 3 ? r + lane[k] : lane[k] > r || lane[k] != lane[k] ? lane[k] : r;                          \
        return mode == 2 ? sqrt##F(r) : mode == 4 ? pow##F(r, 1 / p) : r;                                           \
    }                                                                                                               \
    static CG_LEVELED void cg_distances_##NAME(int mode, double p, ptrdiff_t R, ptrdiff_t M, const T *x, const T *b,\
                                               T *out)                                                              \
    {                                                                                                               \
        for (ptrdiff_t j = 0; j < R; j++)                                                                           \
            out[j] = cg_distance_##NAME(mode, (T)p, M, x, b + j * M);                                               \
    }                                                                                                               \
    /* What moves row x by the gradients g of its distances to the rows of b. */                                    \
    static CG_LEVELED void cg_distance_pull_##NAME(int mode, double p, ptrdiff_t R, ptrdiff_t M, const T *x,        \
                                                   const T *b, const T *dist, const T *g, T *out)                   \
    {                                                                                                               \
        for (ptrdiff_t m = 0; m < M; m++)                                                                           \
            out[m] = 0;                                                                                             \
        for (ptrdiff_t j = 0; j < R; j++) {                                                                         \
            const T *y = b + j * M, w = g[j], far = dist[j];                                                        \
            const T scale = mode == 4 && far != 0 ? w / pow##F(far, (T)p - 1) : w;                                  \
            if (mode == 1)                                                                                          \
                for (ptrdiff_t m = 0; m < M; m++)                                                                   \
                    out[m] += x[m] > y[m] ? w : x[m] < y[m] ? -w : 0;                                               \
            else if (mode == 3)                                                                                     \
                for (ptrdiff_t m = 0; m < M; m++) {                                                                 \
                    const T d = x[m] - y[m];                                                                        \
                    out[m] += fabs##F(d) != far ? 0 : d > 0 ? w : d < 0 ? -w : 0;                                   \
                }                                                                                                   \
            else                                                                                                    \
                for (ptrdiff_t m = 0; m < M; m++) {                                                                 \
                    const T d = x[m] - y[m];                                                                        \
                    out[m] += d == 0 ? 0 : copysign##F(pow##F(fabs##F(d), (T)p - 1), d) * scale;                    \
                }                                                                                                   \
        }                                                                                                           \
    }
CG_DISTANCES(float, f32, f)
CG_DISTANCES(double, f64, )
#undef CG_DISTANCES
#undef CG_EACH_LANE
#endif
