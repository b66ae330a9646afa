/* Loops of the matrix products that BLAS does not do: integers, sums over rows. */
#ifndef CG_LINALG_H
#define CG_LINALG_H
#include <stddef.h>
#include <stdint.h>

#include "_level.h"

CG_FUSED
/* c = alpha * a @ b + beta * c with any strides of a and b; unsigned arithmetic, since it wraps. */
#define CG_INTEGER_GEMM(T, U, X) \
CG_LEVELED static void cg_gemm_##X(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, long long alpha_, const T *a, ptrdiff_t ar, \
    ptrdiff_t ac, const T *b, ptrdiff_t br, ptrdiff_t bc, long long beta_, T *c, ptrdiff_t ldc) \
{ \
    const U alpha = (U)alpha_, beta = (U)beta_; \
    for (ptrdiff_t i = 0; i < m; i++) { \
        T *row = c + i * ldc; \
        for (ptrdiff_t j = 0; j < n; j++) row[j] = beta ? (T)(beta * (U)row[j]) : 0; \
        for (ptrdiff_t p = 0; p < k; p++) { \
            const U s = (U)(alpha * (U)a[i * ar + p * ac]); \
            const T *r = b + p * br; \
            if (bc == 1) \
                for (ptrdiff_t j = 0; j < n; j++) row[j] = (T)((U)row[j] + s * (U)r[j]); \
            else \
                for (ptrdiff_t j = 0; j < n; j++) row[j] = (T)((U)row[j] + s * (U)r[j * bc]); \
        } \
    } \
}
CG_INTEGER_GEMM(uint8_t, uint32_t, u8)
CG_INTEGER_GEMM(int8_t, uint32_t, i8)
CG_INTEGER_GEMM(int16_t, uint32_t, i16)
CG_INTEGER_GEMM(int32_t, uint32_t, i32)
CG_INTEGER_GEMM(int64_t, uint64_t, i64)
#undef CG_INTEGER_GEMM

/* out[j] = sum over i of x[i][j] */
#define CG_COLUMN_SUM(T, X) \
CG_LEVELED static void cg_column_sum_##X(ptrdiff_t m, ptrdiff_t n, const T *restrict x, T *restrict out) \
{ \
    for (ptrdiff_t j = 0; j < n; j++) out[j] = 0; \
    ptrdiff_t i = 0; \
    for (; i + 4 <= m; i += 4) { \
        const T *a = x + i * n, *b = a + n, *c = b + n, *d = c + n; \
        for (ptrdiff_t j = 0; j < n; j++) out[j] += (a[j] + b[j]) + (c[j] + d[j]); \
    } \
    for (; i < m; i++) \
        for (ptrdiff_t j = 0; j < n; j++) out[j] += x[i * n + j]; \
}
CG_COLUMN_SUM(float, f32)
CG_COLUMN_SUM(double, f64)
#undef CG_COLUMN_SUM
CG_FUSED_END
#endif
