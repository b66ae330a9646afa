/* Strips of indexing: one inner run over elements, some of whose addresses come from a table of byte offsets.
 *
 * Movement is by element size, arithmetic by element type.  Operand 0 is the dense side (laid out as the index is),
 * operand 1 the indexed side, operand 2 the table: where its stride is 0 one offset serves the whole run.  The fourth
 * stride is what the table's numbers are multiplied by: with it a checked index serves as a table as it stands. */
#pragma once
#include <complex.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#undef I /* complex.h takes the letter */

typedef void (*cg_move)(ptrdiff_t n, char** p, const ptrdiff_t* s);

#define CG_OFFSET(i) (*(const int64_t*)(p[2] + (i) * s[2]) * s[3])

#define CG_MOVES(T)                                                                                                   \
    static void cg_get_##T(ptrdiff_t n, char** p, const ptrdiff_t* s)                                                 \
    {                                                                                                                 \
        char* const out = p[0];                                                                                       \
        const ptrdiff_t so = s[0], si = s[1];                                                                         \
        if (s[2] == 0) {                                                                                              \
            const char* const in = p[1] + CG_OFFSET(0);                                                               \
            if (so == sizeof(T) && si == sizeof(T))                                                                   \
                memcpy(out, in, n * sizeof(T));                                                                       \
            else                                                                                                      \
                for (ptrdiff_t i = 0; i < n; i++)                                                                     \
                    *(T*)(out + i * so) = *(const T*)(in + i * si);                                                   \
        } else                                                                                                        \
            for (ptrdiff_t i = 0; i < n; i++)                                                                         \
                *(T*)(out + i * so) = *(const T*)(p[1] + i * si + CG_OFFSET(i));                                      \
    }                                                                                                                 \
    static void cg_put_##T(ptrdiff_t n, char** p, const ptrdiff_t* s)                                                 \
    {                                                                                                                 \
        const char* const in = p[0];                                                                                  \
        const ptrdiff_t si = s[0], so = s[1];                                                                         \
        if (s[2] == 0) {                                                                                              \
            char* const out = p[1] + CG_OFFSET(0);                                                                    \
            if (so == sizeof(T) && si == sizeof(T))                                                                   \
                memcpy(out, in, n * sizeof(T));                                                                       \
            else                                                                                                      \
                for (ptrdiff_t i = 0; i < n; i++)                                                                     \
                    *(T*)(out + i * so) = *(const T*)(in + i * si);                                                   \
        } else                                                                                                        \
            for (ptrdiff_t i = 0; i < n; i++)                                                                         \
                *(T*)(p[1] + i * so + CG_OFFSET(i)) = *(const T*)(in + i * si);                                       \
    }                                                                                                                 \
    static void cg_where_##T(ptrdiff_t n, char** p, const ptrdiff_t* s)                                               \
    {                                                                                                                 \
        char* const out = p[0];                                                                                       \
        const char *const c = p[1], *const a = p[2], *const b = p[3];                                                 \
        if (s[0] == sizeof(T) && s[1] == 1 && s[2] == sizeof(T) && s[3] == sizeof(T))                                 \
            for (ptrdiff_t i = 0; i < n; i++) {                                                                       \
                const T x = ((const T*)a)[i], y = ((const T*)b)[i];                                                   \
                ((T*)out)[i] = c[i] ? x : y;                                                                          \
            }                                                                                                         \
        else                                                                                                          \
            for (ptrdiff_t i = 0; i < n; i++)                                                                         \
                *(T*)(out + i * s[0]) = c[i * s[1]] ? *(const T*)(a + i * s[2]) : *(const T*)(b + i * s[3]);          \
    }                                                                                                                 \
    static ptrdiff_t cg_compress_##T(ptrdiff_t n, char* out, const char* in, const char* mask)                        \
    {                                                                                                                 \
        ptrdiff_t k = 0;                                                                                              \
        for (ptrdiff_t i = 0; k < n; i++) { /* no branch to guess: what is not wanted is overwritten */               \
            ((T*)out)[k] = ((const T*)in)[i];                                                                         \
            k += mask[i] != 0;                                                                                        \
        }                                                                                                             \
        return k;                                                                                                     \
    }                                                                                                                 \
    static ptrdiff_t cg_expand_##T(ptrdiff_t n, char* out, const char* in, const char* mask)                          \
    {                                                                                                                 \
        ptrdiff_t k = 0;                                                                                              \
        for (ptrdiff_t i = 0; i < n; i++)                                                                             \
            if (mask[i])                                                                                              \
                ((T*)out)[i] = ((const T*)in)[k++];                                                                   \
        return k;                                                                                                     \
    }

CG_MOVES(uint8_t)
CG_MOVES(uint16_t)
CG_MOVES(uint32_t)
CG_MOVES(uint64_t)
typedef float _Complex complex64;
typedef double _Complex complex128;
CG_MOVES(complex128)

/* By log2 of the element size. */
static const cg_move cg_gets[5] = {cg_get_uint8_t, cg_get_uint16_t, cg_get_uint32_t, cg_get_uint64_t,
                                  cg_get_complex128};
static const cg_move cg_puts[5] = {cg_put_uint8_t, cg_put_uint16_t, cg_put_uint32_t, cg_put_uint64_t,
                                  cg_put_complex128};
static const cg_move cg_wheres[5] = {cg_where_uint8_t, cg_where_uint16_t, cg_where_uint32_t, cg_where_uint64_t,
                                     cg_where_complex128};
typedef ptrdiff_t (*cg_masked)(ptrdiff_t n, char* out, const char* in, const char* mask);
static const cg_masked cg_compresses[5] = {cg_compress_uint8_t, cg_compress_uint16_t, cg_compress_uint32_t,
                                           cg_compress_uint64_t, cg_compress_complex128};
static const cg_masked cg_expands[5] = {cg_expand_uint8_t, cg_expand_uint16_t, cg_expand_uint32_t, cg_expand_uint64_t,
                                        cg_expand_complex128};

/* Arithmetic into the indexed side.  Signed sums wrap, as PyTorch's do: they are done on the unsigned twin. */
#define CG_ACCUMULATE(NAME, T, STEP)                                                                                  \
    static void cg_acc_##NAME##_##T(ptrdiff_t n, char** p, const ptrdiff_t* s)                                        \
    {                                                                                                                 \
        char* const out = p[1];                                                                                       \
        const char* const in = p[0];                                                                                  \
        const ptrdiff_t si = s[0], so = s[1];                                                                         \
        if (s[2] == 0) {                                                                                              \
            char* const from = out + CG_OFFSET(0);                                                                    \
            if (si == sizeof(T) && so == sizeof(T))                                                                   \
                for (ptrdiff_t i = 0; i < n; i++) {                                                                   \
                    const T a = ((const T*)from)[i], b = ((const T*)in)[i];                                           \
                    ((T*)from)[i] = (T)(STEP);                                                                        \
                }                                                                                                     \
            else                                                                                                      \
                for (ptrdiff_t i = 0; i < n; i++) {                                                                   \
                    const T a = *(const T*)(from + i * so), b = *(const T*)(in + i * si);                             \
                    *(T*)(from + i * so) = (T)(STEP);                                                                 \
                }                                                                                                     \
        } else                                                                                                        \
            for (ptrdiff_t i = 0; i < n; i++) {                                                                       \
                T* const to = (T*)(out + i * so + CG_OFFSET(i));                                                      \
                const T a = *to, b = *(const T*)(in + i * si);                                                        \
                *to = (T)(STEP);                                                                                      \
            }                                                                                                         \
    }
#define CG_ACCUMULATES(T, U)                                                                                          \
    CG_ACCUMULATE(add, T, (U)a + (U)b)                                                                                \
    CG_ACCUMULATE(mul, T, (U)a*(U)b)                                                                                  \
    CG_ACCUMULATE(max, T, (a >= b) | (a != a) ? a : b)                                                                \
    CG_ACCUMULATE(min, T, (a <= b) | (a != a) ? a : b)

CG_ACCUMULATES(uint8_t, uint8_t)
CG_ACCUMULATES(int8_t, uint8_t)
CG_ACCUMULATES(int16_t, uint32_t)
CG_ACCUMULATES(int32_t, uint32_t)
CG_ACCUMULATES(int64_t, uint64_t)
CG_ACCUMULATES(float, float)
CG_ACCUMULATES(double, double)
CG_ACCUMULATE(add, complex64, a + b)
CG_ACCUMULATE(mul, complex64, a* b)
CG_ACCUMULATE(add, complex128, a + b)
CG_ACCUMULATE(mul, complex128, a* b)

#define CG_ACC_ROW(NAME, ...)                                                                                         \
    {NULL, cg_acc_##NAME##_uint8_t, cg_acc_##NAME##_int8_t, cg_acc_##NAME##_int16_t, cg_acc_##NAME##_int32_t,         \
     cg_acc_##NAME##_int64_t, NULL, NULL, cg_acc_##NAME##_float, cg_acc_##NAME##_double,    \
     __VA_ARGS__}
/* By operation and dtype code; bool and the half types are computed in another type, complex numbers have no order. */
static const cg_move cg_accumulates[4][12] = {
    CG_ACC_ROW(add, cg_acc_add_complex64, cg_acc_add_complex128),
    CG_ACC_ROW(mul, cg_acc_mul_complex64, cg_acc_mul_complex128), CG_ACC_ROW(max, NULL, NULL),
    CG_ACC_ROW(min, NULL, NULL)};

static ptrdiff_t cg_count_mask(ptrdiff_t n, const char* mask)
{
    ptrdiff_t total = 0;
    for (ptrdiff_t i = 0; i < n;) {
        const ptrdiff_t end = n - i < 4096 ? n : i + 4096;
        uint32_t part = 0;
        for (; i < end; i++)
            part += mask[i] != 0;
        total += part;
    }
    return total;
}

/* The positions of the n ones of a mask of `size` elements, as flat numbers. */
static void cg_mask_positions(ptrdiff_t n, ptrdiff_t size, const char* mask, int64_t* out)
{
    ptrdiff_t k = 0;
    for (ptrdiff_t i = 0; k < n; i += 8) {
        if (i + 8 <= size) {
            uint64_t word;
            memcpy(&word, mask + i, 8);
            if (!word)
                continue;
        }
        for (ptrdiff_t j = i; j < i + 8 && k < n; j++) { /* no branch to guess: what is not wanted is overwritten */
            out[k] = j;
            k += mask[j] != 0;
        }
    }
}

/* The place of the first index out of range, or -1. */
static ptrdiff_t cg_first_bad(ptrdiff_t n, const int64_t* index, int64_t size)
{
    int bad = 0;
    for (ptrdiff_t j = 0; j < n; j++)
        bad |= (uint64_t)index[j] >= (uint64_t)size;
    if (bad)
        for (ptrdiff_t j = 0; j < n; j++)
            if ((uint64_t)index[j] >= (uint64_t)size)
                return j;
    return -1;
}

/* table[j] (+)= index[j]*step, with negative positions counted from the end where `wraps`.
 * Returns the place of the first index out of range, or -1. */
static ptrdiff_t cg_offsets(ptrdiff_t n, int64_t* table, const int64_t* index, int64_t size, int64_t step, int adds,
                            int wraps)
{
    const int64_t low = wraps ? -size : 0;
    int bad = 0;
    for (ptrdiff_t j = 0; j < n; j++) {
        const int64_t i = index[j];
        bad |= (i < low) | (i >= size);
        table[j] = (adds ? table[j] : 0) + (i < 0 ? i + size : i) * step;
    }
    if (bad)
        for (ptrdiff_t j = 0; j < n; j++)
            if (index[j] < low || index[j] >= size)
                return j;
    return -1;
}
