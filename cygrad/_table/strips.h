/* What the generated kernels stand on: their types, the CPU levels, vector math, and the way of
 * strided operands.
 *
 * A kernel is one contiguous loop (a strip) behind a wrapper.  Operands that are not contiguous
 * pass through blocks on the stack, so a formula is compiled once, always vectorised, and a
 * scalar operand costs one small fill. Refused: a loop per stride pattern (four times the code
 * for what the blocks do at cache speed), -ffast-math (it flushes denormals for the whole
 * process and breaks NaN), OpenMP pragmas here (they do not mix with target_clones). */
#ifndef CG_STRIPS_H
#define CG_STRIPS_H
#include <complex.h>
#include <math.h>
#undef I /* complex.h takes the letter */
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "kernels.h"

#if defined(__GNUC__) && !defined(__clang__)
#define CG_GCC __GNUC__
#else
#define CG_GCC 0
#endif

/* One copy of each strip per CPU level, chosen at load time; needs ifunc, so gcc on glibc. */
#if CG_GCC >= 11 && defined(__x86_64__) && defined(__GLIBC__) && !defined(CG_NO_CLONES) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define CG_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CG_CLONES
#endif

/* p[0] may be the very address of an operand (in-place), never an overlapping other one: each
 * iteration is its own. */
#if CG_GCC
#define CG_IVDEP _Pragma("GCC ivdep")
#define CG_INLINE static inline __attribute__((always_inline))
#elif defined(__clang__)
#define CG_IVDEP _Pragma("clang loop vectorize(assume_safety)")
#define CG_INLINE static inline __attribute__((always_inline))
#else
#define CG_IVDEP
#define CG_INLINE static inline
#endif

/* glibc's vector math.  Its own prototypes appear only under -ffast-math; these are the
 * functions present since 2.22. */
#if CG_GCC && defined(__x86_64__) && defined(__GLIBC__) && !defined(CG_NO_LIBMVEC)
#define CG_SIMD __attribute__((simd("notinbranch")))
extern CG_SIMD float sinf(float), cosf(float), powf(float, float);
extern CG_SIMD double sin(double), cos(double), pow(double, double);
#endif

/* Strips made of polynomials fuse a product and its sum, where the CPU has the instruction: half the work, and no less
 * exact.  Other strips round each step, as the formula is written.  And gcc is kept from splitting the loop's body where
 * a comparison follows from another one: it can't vectorise what has jumps. */
#if CG_GCC
#define CG_FUSED __attribute__((optimize("fp-contract=fast", "no-thread-jumps")))
#else
#define CG_FUSED
#endif

#if defined(__GNUC__) || defined(__clang__)
#define CG_USED __attribute__((unused, noinline))
#define CG_WRAPPER __attribute__((visibility("hidden")))
#else
#define CG_USED
#define CG_WRAPPER
#endif

#define CG_BLOCK 512 /* elements per stack block: four operands of 8 bytes stay in a 32 kB L1 */
#define CG_ROOM(size) ((size) > 8 ? CG_BLOCK / 2 : CG_BLOCK) /* of complex128 half as many */

typedef void (*cg_strip)(ptrdiff_t n, char **p, const cg_param *q);

CG_USED static void cg_pick(ptrdiff_t n, size_t size, char *to, ptrdiff_t so, const char *from,
    ptrdiff_t si)
{
#define CG_PICK(U) \
    for (ptrdiff_t i = 0; i < n; i++) *(U *)(to + i * so) = *(const U *)(from + i * si)
    switch (size) {
    case 1: CG_PICK(uint8_t); break;
    case 2: CG_PICK(uint16_t); break;
    case 4: CG_PICK(uint32_t); break;
    case 8: CG_PICK(uint64_t); break;
    default: CG_PICK(double _Complex);
    }
#undef CG_PICK
}

/* Runs a strip over operands of any stride (bytes; 0 = one value for all). */
CG_USED static void cg_blocks(ptrdiff_t n, char **p, const ptrdiff_t *stride, const cg_param *q,
    int nin, size_t out_size,
                      size_t in_size, cg_strip strip)
{
    _Alignas(64) char store[6][CG_BLOCK * 8];
    char *at[6], *use[6];
    int packed = n == 1 || stride[0] == (ptrdiff_t)out_size;
    int all = packed;
    for (int k = 1; k <= nin; k++)
        all &= n == 1 || stride[k] == (ptrdiff_t)in_size;
    if (all) {
        strip(n, p, q);
        return;
    }
    const ptrdiff_t room = CG_ROOM(in_size);
    at[0] = p[0];
    use[0] = store[0];
    for (int k = 1; k <= nin; k++) {
        at[k] = p[k];
        use[k] = store[k];
        if (stride[k] == 0)
            cg_pick(n < room ? n : room, in_size, store[k], (ptrdiff_t)in_size, p[k], 0);
    }
    for (ptrdiff_t done = 0; done < n; done += room) {
        const ptrdiff_t m = n - done < room ? n - done : room;
        for (int k = 1; k <= nin; k++) {
            if (stride[k] == (ptrdiff_t)in_size)
                use[k] = at[k];
            else if (stride[k])
                cg_pick(m, in_size, store[k], (ptrdiff_t)in_size, at[k], stride[k]);
            at[k] += m * stride[k];
        }
        if (packed)
            use[0] = at[0];
        strip(m, use, q);
        if (!packed)
            cg_pick(m, out_size, at[0], stride[0], store[0], (ptrdiff_t)out_size);
        at[0] += m * stride[0];
    }
}

/* Folds n elements into the one accumulator v[0]. */
CG_USED static void cg_fold(ptrdiff_t n, char **v, const ptrdiff_t *stride, const cg_param *q,
    size_t in_size, cg_strip strip)
{
    _Alignas(64) char store[CG_BLOCK * 8];
    char *use[2] = {v[0], store};
    if (stride[1] == (ptrdiff_t)in_size) {
        strip(n, v, q);
        return;
    }
    const ptrdiff_t room = CG_ROOM(in_size);
    for (ptrdiff_t done = 0; done < n; done += room) {
        const ptrdiff_t m = n - done < room ? n - done : room;
        cg_pick(m, in_size, store, (ptrdiff_t)in_size, v[1] + done * stride[1], stride[1]);
        strip(m, use, q);
    }
}

/* acc[j] = op(acc[j], in[j]) for accumulators and inputs of any stride. */
CG_USED static void cg_update(ptrdiff_t n, char **v, const ptrdiff_t *stride, const cg_param *q,
    size_t acc_size, size_t in_size,
                      cg_strip strip)
{
    _Alignas(64) char acc[CG_BLOCK * 8], in[CG_BLOCK * 8];
    const int acc_packed = stride[0] == (ptrdiff_t)acc_size,
        in_packed = stride[1] == (ptrdiff_t)in_size;
    if (acc_packed & in_packed) {
        strip(n, v, q);
        return;
    }
    const ptrdiff_t room = CG_ROOM(acc_size > in_size ? acc_size : in_size);
    for (ptrdiff_t done = 0; done < n; done += room) {
        const ptrdiff_t m = n - done < room ? n - done : room;
        char *const va = v[0] + done * stride[0], *const vi = v[1] + done * stride[1];
        char *use[2] = {acc_packed ? va : acc, in_packed ? vi : in};
        if (!acc_packed)
            cg_pick(m, acc_size, acc, (ptrdiff_t)acc_size, va, stride[0]);
        if (!in_packed)
            cg_pick(m, in_size, in, (ptrdiff_t)in_size, vi, stride[1]);
        strip(m, use, q);
        if (!acc_packed)
            cg_pick(m, acc_size, va, stride[0], acc, (ptrdiff_t)acc_size);
    }
}

CG_INLINE float cg_from_bits(uint32_t u)
{
    float f;
    memcpy(&f, &u, 4);
    return f;
}

CG_INLINE uint32_t cg_to_bits(float f)
{
    uint32_t u;
    memcpy(&u, &f, 4);
    return u;
}

CG_INLINE double cg_from_bits64(uint64_t u)
{
    double f;
    memcpy(&f, &u, 8);
    return f;
}

CG_INLINE uint64_t cg_to_bits64(double f)
{
    uint64_t u;
    memcpy(&u, &f, 8);
    return u;
}

/* Half precision in plain integer arithmetic, without branches, so that it vectorises at every
 * CPU level.
 *
 * A half's exponent and mantissa, shifted into a float's place, are off by 2^112, normal or not:
 * one product sets both right.  Infinity and NaN then land at 2^16 and above and get a full
 * exponent. */
CG_INLINE float cg_half_to_float(uint16_t h)
{
    const uint32_t m = (uint32_t)(h & 0x7fff) << 13;
    const float f = cg_from_bits(m) * cg_from_bits(0x77800000u);
    const uint32_t u = cg_to_bits(f) | (f >= 65536.0f ? 0x7f800000u : 0u);
    return cg_from_bits(u | (uint32_t)(h & 0x8000) << 16);
}

/* Rounding to nearest even: by integers for normal results, and for subnormal ones by the float
 * adder itself (0.5 has a unit in the last place of 2^-24, the least half). */
CG_INLINE uint16_t cg_float_to_half(float f)
{
    const uint32_t u = cg_to_bits(f), m = u & 0x7fffffffu;
    const uint32_t normal = (m + 0xc8000fffu + (m >> 13 & 1)) >> 13;
    const uint32_t small = cg_to_bits(cg_from_bits(m) + 0.5f) - 0x3f000000u;
    uint32_t h = m < 0x38800000u ? small : normal;
    h = m >= 0x477ff000u ? 0x7c00u : h;
    h = m > 0x7f800000u ? 0x7e00u : h;
    return (uint16_t)(h | (u >> 16 & 0x8000));
}

CG_INLINE float cg_bfloat_to_float(uint16_t b) { return cg_from_bits((uint32_t)b << 16); }

CG_INLINE uint16_t cg_float_to_bfloat(float f)
{
    const uint32_t u = cg_to_bits(f);
    return (uint16_t)((u & 0x7fffffffu) > 0x7f800000u ? 0x7fc0u : (u + 0x7fffu
        + (u >> 16 & 1)) >> 16);
}

/* A conversion with its contiguous case apart, which vectorises. */
#define CG_CAST(NAME, TO, FROM, VALUE)                                                        \
    CG_CLONES static void NAME##_strip(ptrdiff_t n, TO *out, const FROM *in)                  \
    {                                                                                         \
        CG_IVDEP                                                                              \
        for (ptrdiff_t i = 0; i < n; i++) {                                                   \
            const FROM x = in[i];                                                             \
            out[i] = (TO)(VALUE);                                                             \
        }                                                                                     \
    }                                                                                         \
    static void NAME(ptrdiff_t n, char *out, ptrdiff_t so, const char *in, ptrdiff_t si)      \
    {                                                                                         \
        if (so == (ptrdiff_t)sizeof(TO) && si == (ptrdiff_t)sizeof(FROM)) {                   \
            NAME##_strip(n, (TO *)out, (const FROM *)in);                                     \
            return;                                                                           \
        }                                                                                     \
        for (ptrdiff_t i = 0; i < n; i++) {                                                   \
            const FROM x = *(const FROM *)(in + i * si);                                      \
            *(TO *)(out + i * so) = (TO)(VALUE);                                              \
        }                                                                                     \
    }

#endif
