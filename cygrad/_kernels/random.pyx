"""The CPU's random stream: MT19937 and the rules by which PyTorch turns its words into numbers.

Design
------
Everything here works on raw memory: an address, a number of elements, a dtype code (0 bool, 1
uint8, 2 int8, 3 int16, 4 int32, 5 int64, 6 float16, 7 bfloat16, 8 float32, 9 float64). It knows
nothing of tensors, so it can be tested against PyTorch alone. A rule is written once, in the widest
type that it needs, over a chunk on the stack; `store` narrows the chunk to the output's dtype.
Only the hot strips (block of words, uniforms, the float Box-Muller, the Bernoulli mask) are C, so
that they can be cloned for AVX2 and AVX-512.

The float Box-Muller must give PyTorch's bits, not just its accuracy, because seeded programs print
what comes of it. PyTorch's AVX2 code agrees bit for bit with the logf, sinf and cosf of the Cephes
library (S. Moshier; in the form of J. Pommier's sse_mathfun) when products and sums are fused in
one certain way. That way is written out with `fmaf`: a compiler is then not free to differ, and a
machine without FMA gets the same numbers slowly.

The file is over 800 lines because a rule, its C strip and its checks are read together; parts would
only move the generator's state behind another interface.

Drawing is serial on purpose: the stream is one sequence. The Python functions hold the GIL, which
is the generator's lock.

Words: w32 is the next 32-bit output, w64 = (w32 << 32) | w32 with the first word high,
u24 = (w32 mod 2^24) 2^-24, u53 = (w64 mod 2^53) 2^-53. fma(a, b, c) = a b + c rounded once.
"Scalar normal" is the second of the two rules of `normal`.

uniform         f16 bf16 f32: fma(u24, to - from, from) in float; f64: the same with u53. A result
                that rounds to `to` becomes `from`.
uniform_wide    u53 (to - from) + from in double for every dtype, its bounds rounded to the dtype
                first: rrelu's noise, drawn for the elements <= 0 only.
normal          16 elements or more, contiguous: u24 (f64: u53) for all, then by 16s, j < 8:
                r = sqrt(-2 log(1 - x[j])), t = 2 pi x[j+8], x[j] = r cos t, x[j+8] = r sin t.
                If n % 16 != 0 the last 16 elements are drawn and made again; f16 and bf16 do not
                draw for the odd tail the first time.
                Fewer than 16 elements, or any strided output: pairs in double: t = 2 pi u53, then
                r = sqrt(-2 log1p(-u53)); r cos t comes first, r sin t is kept in the generator for
                the next scalar normal. Only scalar normals (these, log_normal, standard_gamma) use
                or clear the kept one; seeding drops it. Then fma(x, std, mean) in both.
random_from_to  range < 2^28: w32 % range + from; else w64 % range + from; all 64 bits: w64.
                For floating dtypes the bounds are first moved to what the dtype can hold.
random          w32 % 2, 2^8, 2^7, 2^15, 2^31 for bool, uint8, int8, int16, int32; w64 % 2^63 for
                int64; w32 % (2^d + 1) for f16, bf16, f32 (d = 11, 8, 24); w64 % (2^53 + 1) for f64.
randperm        for i = 0 .. n-2: swap(i, i + w32 % (n - i)), for every n.
bernoulli       scalar p: u53 < p. Tensor p: u24 < p, or u53 < p for float64 p.
dropout         keeps where u53 < 1 - p, times 1 / (1 - p) rounded to the dtype; no draw if p is 0
                or 1. dropout1d, 2d, 3d: one draw per channel.
exponential     (-1 / lambda) log1p(-u53); in double, then rounded, as all that follow
cauchy          fma(sigma, tan(pi (u53 - 1/2)), median)
geometric       ceil(log(u53) / log1p(-p))
log_normal      exp(fma(scalar normal, std, mean))
multinomial     One sample, or no replacement: q = exponential(1) for every entry, in p's dtype; the
                largest p / q win. Else per row cumulative sums / total (float, f64: double), then
                one u53 per sample: the first entry whose cumulative sum is not below it.
                Equal p / q (seen in f16 and bf16 only) go by index; torch's order is its topk's.
trunc_normal    mass of [a, b] >= 0.3: normal for all, and the whole tensor again while any is
                outside, replacing those. Else uniform(a, b) for all, then uniform u for all, kept
                where log u <= z0^2 / 2 - z^2 / 2, z = (x - mean) / std, z0 its smallest size in
                [a, b], each step rounded to the dtype; the whole again for the rest.
poisson         rate < 10: products of u53 (Knuth); else PTRS (Hoermann 1993)
binomial        n p < 10: sums of geometric draws; else BTRS (Hoermann 1993); p > 1/2 mirrored
standard_gamma  Marsaglia and Tsang 2000, with scalar normals

Which element gets which draw
    In-place draws visit memory order: dimensions by stride, largest first, whatever the logical
    order. A strided `normal_` (or trunc_normal_) takes scalar normals for any size: fill a
    contiguous buffer with strided=True and copy it in memory order.
    Fresh results (rand, randn, bernoulli(p), multinomial, normal with a tensor) are contiguous and
    drawn in logical order, except dropout's mask: it has its input's strides when those are dense.
    normal with tensor mean or std: randn for the broadcast shape, times std, plus mean, rounded
    after each. A complex randn is a real one of twice the length times sqrt(1/2).

State: 5,056 bytes, little-endian: seed u64; words left i32, seeded i32; next u64; 624 words as u64;
an unused f64, the kept normal f64, an unused f64, its flag u64; a kept float f32, its flag i32.
"""
cimport cython
import os
import sys
import warnings

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.math cimport (ceil, cos, erf, exp, floor, fma, INFINITY, isfinite, lgamma, log, log1p,
                        M_PI, pow, sin, sqrt, tan)
from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from cygrad._core import C_TYPE_NAMES, SCALAR_TYPE_NAMES

cdef extern from *:
    """
    #include <math.h>
    #include <stdint.h>
    #include <string.h>

    #if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__) \\
        && !defined(CG_NO_CLONES)
    #define STRIP __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
    #else
    #define STRIP
    #endif
    #if defined(__GNUC__) && !defined(__clang__)
    #define INDEPENDENT _Pragma("GCC ivdep")
    #else
    #define INDEPENDENT
    #endif

    #define TWIST(far, now, next) \\
        ((far) ^ ((((now) & 0x80000000u) | ((next) & 0x7fffffffu)) >> 1) \\
               ^ (-((next) & 1u) & 0x9908b0dfu))

    STRIP static void temper(const uint32_t *s, uint32_t *w) {
        for (int i = 0; i < 624; i++) {
            uint32_t y = s[i];
            y ^= y >> 11;
            y ^= (y << 7) & 0x9d2c5680u;
            y ^= (y << 15) & 0xefc60000u;
            w[i] = y ^ (y >> 18);
        }
    }

    /* The next 624 states. The loops read i + 1 before it changes and 227 back after it did, so any
       vector of up to 227 words is in order. */
    STRIP static void twist(uint32_t *s) {
        INDEPENDENT
        for (int i = 0; i < 227; i++) s[i] = TWIST(s[i + 397], s[i], s[i + 1]);
        INDEPENDENT
        for (int i = 227; i < 623; i++) s[i] = TWIST(s[i - 227], s[i], s[i + 1]);
        s[623] = TWIST(s[396], s[623], s[0]);
    }

    STRIP static void strip_u24(const uint32_t *w, float *out, long n, float lo, float range) {
        for (long i = 0; i < n; i++)
            out[i] = fmaf((float)(int32_t)(w[i] & 0xffffffu) * 0x1p-24f, range, lo);
    }

    STRIP static void strip_u53(const uint32_t *w, double *out, long n, double lo, double range) {
        for (long i = 0; i < n; i++) {
            int64_t k = ((int64_t)(w[2 * i] & 0x1fffffu) << 32) | w[2 * i + 1];
            out[i] = fma((double)k * 0x1p-53, range, lo);
        }
    }

    /* u53 < p on pairs of words, as integers: u53 2^53 < limit = ceil(p 2^53). */
    STRIP static void strip_below(const uint32_t *w, uint8_t *out, long n, uint64_t limit) {
        for (long i = 0; i < n; i++) {
            uint64_t k = ((uint64_t)(w[2 * i] & 0x1fffffu) << 32) | w[2 * i + 1];
            out[i] = k < limit;
        }
    }

    /* w % range by two multiplications (Lemire, Kaser and Kurz 2019). */
    static void strip_mod(const uint32_t *w, int64_t *out, long n, uint32_t range, int64_t lo) {
        uint64_t inverse = UINT64_MAX / range + 1;
        for (long i = 0; i < n; i++) {
            uint64_t low = inverse * w[i];
            out[i] = lo + (int64_t)(((unsigned __int128)low * range) >> 64);
        }
    }

    /* Cephes logf, for x in (0, 1]. */
    static inline __attribute__((always_inline)) float cephes_log(float x) {
        uint32_t bits;
        memcpy(&bits, &x, 4);
        float e = (float)((int)(bits >> 23) - 126), m;
        bits = (bits & 0x007fffffu) | 0x3f000000u;
        memcpy(&m, &bits, 4);
        int small = m < 0.707106781186547524f;
        e = small ? e - 1.0f : e;
        m = (m - 1.0f) + (small ? m : 0.0f);
        float z = m * m, y = 7.0376836292e-2f;
        y = fmaf(y, m, -1.1514610310e-1f);
        y = fmaf(y, m, 1.1676998740e-1f);
        y = fmaf(y, m, -1.2420140846e-1f);
        y = fmaf(y, m, 1.4249322787e-1f);
        y = fmaf(y, m, -1.6668057665e-1f);
        y = fmaf(y, m, 2.0000714765e-1f);
        y = fmaf(y, m, -2.4999993993e-1f);
        y = fmaf(y, m, 3.3333331174e-1f);
        y = fmaf(y * m, z, e * -2.12194440e-4f);
        y = fmaf(z, -0.5f, y);
        return fmaf(e, 0.693359375f, m + y);
    }

    /* Cephes sinf and cosf, for x in [0, 2 pi]. */
    static inline __attribute__((always_inline)) void cephes_sincos(float x, float *s, float *c) {
        int32_t j = ((int32_t)(x * 1.27323954473516f) + 1) & ~1;
        float y = (float)j;
        x = fmaf(y, -0.78515625f, x);
        x = fmaf(y, -2.4187564849853515625e-4f, x);
        x = fmaf(y, -3.77489497744594108e-8f, x);
        float z = x * x, cosine = 2.443315711809948e-5f, sine = -1.9515295891e-4f;
        cosine = fmaf(cosine, z, -1.388731625493765e-3f);
        cosine = fmaf(cosine, z, 4.166664568298827e-2f);
        cosine = fmaf(cosine * z, z, -0.5f * z) + 1.0f;
        sine = fmaf(sine, z, 8.3321608736e-3f);
        sine = fmaf(sine, z, -1.6666654611e-1f);
        sine = fmaf(sine * z, x, x);
        float a = (j & 2) ? cosine : sine, b = (j & 2) ? sine : cosine;
        *s = (j & 4) ? -a : a;
        *c = ((j + 2) & 4) ? -b : b;
    }

    STRIP static void strip_box_muller(float *x, long blocks, float mean, float std) {
        for (long b = 0; b < blocks; b++, x += 16) {
            for (int j = 0; j < 8; j++) {
                float r = sqrtf(-2.0f * cephes_log(1.0f - x[j])), s, c;
                cephes_sincos(6.283185307179586f * x[j + 8], &s, &c);
                x[j] = fmaf(r * c, std, mean);
                x[j + 8] = fmaf(r * s, std, mean);
            }
        }
    }

    static inline uint32_t float_bits(float x) { uint32_t b; memcpy(&b, &x, 4); return b; }
    static inline float bits_float(uint32_t b) { float x; memcpy(&x, &b, 4); return x; }

    /* IEEE 754 binary16, ties to even. */
    static inline uint16_t half_bits(float x) {
        uint32_t b = float_bits(x), sign = (b >> 16) & 0x8000u;
        b &= 0x7fffffffu;
        if (b > 0x7f800000u) return (uint16_t)(sign | 0x7e00u);
        if (b >= 0x477ff000u) return (uint16_t)(sign | 0x7c00u);
        if (b < 0x38800000u)
            return (uint16_t)(sign | (float_bits(bits_float(b) + 0.5f) - 0x3f000000u));
        return (uint16_t)(sign | ((b - 0x38000000u + 0xfffu + ((b >> 13) & 1u)) >> 13));
    }
    static inline float half_value(uint16_t h) {
        uint32_t sign = (uint32_t)(h & 0x8000u) << 16, b = h & 0x7fffu;
        if (b >= 0x7c00u) return bits_float(sign | 0x7f800000u | ((b & 0x3ffu) << 13));
        if (b >= 0x400u) return bits_float(sign | ((b << 13) + 0x38000000u));
        return bits_float(sign | float_bits((float)b * 0x1p-24f));
    }
    static inline uint16_t bfloat16_bits(float x) {
        uint32_t b = float_bits(x);
        if ((b & 0x7fffffffu) > 0x7f800000u) return 0x7fc0u;
        return (uint16_t)((b + 0x7fffu + ((b >> 16) & 1u)) >> 16);
    }
    static inline float bfloat16_value(uint16_t h) { return bits_float((uint32_t)h << 16); }
    """
    void temper(const uint32_t *s, uint32_t *w) noexcept nogil
    void twist(uint32_t *s) noexcept nogil
    void strip_u24(const uint32_t *w, float *out, long n, float lo, float range_) noexcept nogil
    void strip_u53(const uint32_t *w, double *out, long n, double lo, double range_) noexcept nogil
    void strip_below(const uint32_t *w, uint8_t *out, long n, uint64_t limit) noexcept nogil
    void strip_mod(const uint32_t *w, int64_t *out, long n, uint32_t range_,
                   int64_t lo) noexcept nogil
    void strip_box_muller(float *x, long blocks, float mean, float std) noexcept nogil
    uint16_t half_bits(float x) noexcept nogil
    float half_value(uint16_t h) noexcept nogil
    uint16_t bfloat16_bits(float x) noexcept nogil
    float bfloat16_value(uint16_t h) noexcept nogil


cdef enum:
    BOOL, UINT8, INT8, INT16, INT32, INT64, FLOAT16, BFLOAT16, FLOAT32, FLOAT64
    CHUNK = 624             # elements per stack buffer; a multiple of 16

cdef Py_ssize_t *ITEMSIZE = [1, 1, 1, 2, 4, 8, 2, 2, 4, 8]


# ---------------------------------------------------------------- words

cdef void seed_mt(mt19937 *g, uint64_t seed) noexcept nogil:
    cdef int i
    cdef uint32_t x = <uint32_t>seed
    memset(g, 0, sizeof(mt19937))
    for i in range(624):
        g.state[i] = x
        x = 1812433253u * (x ^ (x >> 30)) + i + 1
    g.seed = seed
    g.next = 624
    g.fresh = True


cdef inline void refill(mt19937 *g) noexcept nogil:
    twist(g.state)
    temper(g.state, g.word)
    g.next = 0
    g.fresh = False


cdef uint32_t random32(mt19937 *g) noexcept nogil:
    if g.next == 624:
        refill(g)
    g.next += 1
    return g.word[g.next - 1]


cdef uint64_t random64(mt19937 *g) noexcept nogil:
    cdef uint64_t high = random32(g)
    return (high << 32) | random32(g)


cdef inline float uniform24(mt19937 *g) noexcept nogil:
    return <float>(random32(g) & 0xffffff) * <float>(1.0 / (1 << 24))


cdef double uniform53(mt19937 *g) noexcept nogil:
    return <double>(random64(g) & ((<uint64_t>1 << 53) - 1)) * (1.0 / (<uint64_t>1 << 53))


cdef double normal_scalar(mt19937 *g) noexcept nogil:
    """One standard normal by the scalar rule: the kept one, or the first of a new pair."""
    cdef double t, r
    if g.has_normal:
        g.has_normal = False
        return g.normal
    t = 2 * M_PI * uniform53(g)
    r = sqrt(-2 * log1p(-uniform53(g)))
    g.normal = r * sin(t)
    g.has_normal = True
    return r * cos(t)


cdef inline const uint32_t *take(mt19937 *g, Py_ssize_t *count, uint32_t *spill,
                                 int width) noexcept nogil:
    """Words for at most count[0] items of `width` words, fewer where the block ends; sets count[0].
    A pair that straddles two blocks is put together in `spill`."""
    cdef Py_ssize_t left
    cdef const uint32_t *words
    if g.next == 624:
        refill(g)
    left = (624 - g.next) // width
    if left == 0:
        spill[0] = random32(g)
        spill[1] = random32(g)
        count[0] = 1
        return spill
    if count[0] > left:
        count[0] = left
    words = g.word + g.next
    g.next += <int>count[0] * width
    return words


# ---------------------------------------------------------------- dtypes

cdef inline void *element(void *base, Py_ssize_t i, int dtype) noexcept nogil:
    return <char *>base + i * ITEMSIZE[dtype]


ctypedef fused number_t:
    uint8_t
    int64_t
    float
    double


cdef void store(void *out, const number_t *x, Py_ssize_t n, int dtype) noexcept nogil:
    """Numbers as elements of a dtype; bytes are 0 or 1."""
    cdef Py_ssize_t i
    if dtype == FLOAT64:
        for i in range(n):
            (<double *>out)[i] = <double>x[i]
    elif dtype == FLOAT32:
        for i in range(n):
            (<float *>out)[i] = <float>x[i]
    elif dtype == FLOAT16:
        for i in range(n):
            if number_t is uint8_t:
                (<uint16_t *>out)[i] = x[i] * 0x3c00
            else:
                (<uint16_t *>out)[i] = half_bits(<float>x[i])
    elif dtype == BFLOAT16:
        for i in range(n):
            if number_t is uint8_t:
                (<uint16_t *>out)[i] = x[i] * 0x3f80
            else:
                (<uint16_t *>out)[i] = bfloat16_bits(<float>x[i])
    elif dtype == INT64:
        for i in range(n):
            (<int64_t *>out)[i] = <int64_t>x[i]
    elif dtype == INT32:
        for i in range(n):
            (<int32_t *>out)[i] = <int32_t>x[i]
    elif dtype == INT16:
        for i in range(n):
            (<int16_t *>out)[i] = <int16_t><int64_t>x[i]
    elif dtype == BOOL:
        for i in range(n):
            (<uint8_t *>out)[i] = x[i] != 0
    else:
        for i in range(n):
            (<uint8_t *>out)[i] = <uint8_t><int64_t>x[i]


cdef inline double load(const void *x, Py_ssize_t i, int dtype) noexcept nogil:
    """Element i of a floating array."""
    if dtype == FLOAT32:
        return (<const float *>x)[i]
    if dtype == FLOAT64:
        return (<const double *>x)[i]
    if dtype == FLOAT16:
        return half_value((<const uint16_t *>x)[i])
    return bfloat16_value((<const uint16_t *>x)[i])


cdef inline double rounded(double x, int dtype) noexcept nogil:
    """x as the floating dtype holds it."""
    if dtype == FLOAT64:
        return x
    if dtype == FLOAT16:
        return half_value(half_bits(<float>x))
    if dtype == BFLOAT16:
        return bfloat16_value(bfloat16_bits(<float>x))
    return <float>x


# ---------------------------------------------------------------- uniform, normal

cdef void fill_uniform(mt19937 *g, void *out, Py_ssize_t n, int dtype, double lo,
                       double hi) noexcept nogil:
    cdef Py_ssize_t i, k, done = 0
    cdef uint32_t[2] spill
    cdef const uint32_t *words
    cdef float[CHUNK] f
    cdef float lo_f = <float>lo, range_f = <float>hi - <float>lo, hi_f = <float>rounded(hi, dtype)
    cdef float low_f = <float>rounded(lo, dtype)
    cdef float *strip
    if dtype == FLOAT64:
        while done < n:
            k = n - done
            words = take(g, &k, spill, 2)
            strip_u53(words, <double *>out + done, k, lo, hi - lo)
            for i in range(done, done + k):
                if (<double *>out)[i] == hi:
                    (<double *>out)[i] = lo
            done += k
        return
    while done < n:
        k = n - done
        words = take(g, &k, spill, 1)
        strip = <float *>out + done if dtype == FLOAT32 else f
        strip_u24(words, strip, k, lo_f, range_f)
        if dtype == FLOAT32:
            # u24 < 1, so u24 itself needs no look at the upper end
            if lo != 0 or hi != 1:
                for i in range(k):
                    strip[i] = lo_f if strip[i] == hi_f else strip[i]
        else:
            for i in range(k):
                f[i] = <float>rounded(f[i], dtype)
                f[i] = low_f if f[i] == hi_f else f[i]
            store(element(out, done, dtype), f, k, dtype)
        done += k


cdef void box_muller_f64(double *x, Py_ssize_t blocks, double mean, double std) noexcept nogil:
    cdef Py_ssize_t _block
    cdef int j
    cdef double r, t
    for _block in range(blocks):
        for j in range(8):
            r = sqrt(-2 * log(1 - x[j]))
            t = 2 * M_PI * x[j + 8]
            x[j] = fma(r * cos(t), std, mean)
            x[j + 8] = fma(r * sin(t), std, mean)
        x += 16


cdef void fill_normal(mt19937 *g, void *out, Py_ssize_t n, int dtype, double mean, double std,
                      bint strided) noexcept nogil:
    cdef Py_ssize_t i, k, done = 0, whole = n // 16 * 16
    cdef double[CHUNK] d
    cdef float[CHUNK] f
    if n < 16 or strided:
        while done < n:
            k = min(n - done, <Py_ssize_t>CHUNK)
            for i in range(k):
                d[i] = fma(normal_scalar(g), std, mean)
            store(element(out, done, dtype), d, k, dtype)
            done += k
        return
    while done < whole:
        k = min(whole - done, <Py_ssize_t>CHUNK)
        if dtype == FLOAT32:
            fill_uniform(g, <float *>out + done, k, FLOAT32, 0, 1)
            strip_box_muller(<float *>out + done, k // 16, <float>mean, <float>std)
        elif dtype == FLOAT64:
            fill_uniform(g, <double *>out + done, k, FLOAT64, 0, 1)
            box_muller_f64(<double *>out + done, k // 16, mean, std)
        else:
            fill_uniform(g, f, k, FLOAT32, 0, 1)
            strip_box_muller(f, k // 16, <float>mean, <float>std)
            store(element(out, done, dtype), f, k, dtype)
        done += k
    if whole < n:
        if dtype == FLOAT32 or dtype == FLOAT64:
            fill_uniform(g, d, n - whole, dtype, 0, 1)
        fill_normal(g, element(out, n - 16, dtype), 16, dtype, mean, std, False)


# ---------------------------------------------------------------- integers

cdef void fill_random_range(mt19937 *g, void *out, Py_ssize_t n, int dtype, int64_t lo,
                            uint64_t range_, bint full) noexcept nogil:
    """lo + word % range_; all 64-bit words where `full`. range_ < 2^28 takes 32-bit words."""
    cdef Py_ssize_t i, k, done = 0
    cdef uint32_t[2] spill
    cdef const uint32_t *words
    cdef int64_t[CHUNK] x
    while done < n:
        if not full and range_ < <uint64_t>1 << 28:
            k = n - done
            words = take(g, &k, spill, 1)
            strip_mod(words, x, k, <uint32_t>range_, lo)
        else:
            k = min(n - done, <Py_ssize_t>CHUNK)
            for i in range(k):
                x[i] = <int64_t>random64(g)
            if not full:
                for i in range(k):
                    x[i] = <int64_t>(<uint64_t>x[i] % range_ + <uint64_t>lo)
        store(element(out, done, dtype), x, k, dtype)
        done += k


cdef uint64_t *RANDOM_RANGE = [
    2, 1 << 8, 1 << 7, 1 << 15, <uint64_t>1 << 31, <uint64_t>1 << 63,
    (1 << 11) + 1, (1 << 8) + 1, (1 << 24) + 1, (<uint64_t>1 << 53) + 1]


cdef void fill_random(mt19937 *g, void *out, Py_ssize_t n, int dtype) noexcept nogil:
    """`random_()`: the dtype's whole range, from 0."""
    cdef Py_ssize_t i, k, done = 0
    cdef uint64_t range_ = RANDOM_RANGE[dtype]
    cdef int64_t[CHUNK] x
    while done < n:
        k = min(n - done, <Py_ssize_t>CHUNK)
        if dtype == INT64 or dtype == FLOAT64:
            for i in range(k):
                x[i] = <int64_t>(random64(g) % range_)
        else:
            for i in range(k):
                x[i] = random32(g) % <uint32_t>range_
        store(element(out, done, dtype), x, k, dtype)
        done += k


ctypedef fused word_t:
    uint8_t
    uint16_t
    uint32_t
    uint64_t


cdef void shuffle(word_t *x, Py_ssize_t n, mt19937 *g) noexcept nogil:
    cdef Py_ssize_t i, j
    cdef word_t kept
    for i in range(n - 1):
        j = i + <Py_ssize_t>(random32(g) % <uint64_t>(n - i))
        kept = x[i]
        x[i] = x[j]
        x[j] = kept


cdef void fill_randperm(mt19937 *g, void *out, Py_ssize_t n, int dtype) noexcept nogil:
    cdef Py_ssize_t i, k, done = 0
    cdef int64_t[CHUNK] x
    while done < n:
        k = min(n - done, <Py_ssize_t>CHUNK)
        for i in range(k):
            x[i] = done + i
        store(element(out, done, dtype), x, k, dtype)
        done += k
    if ITEMSIZE[dtype] == 8:
        shuffle(<uint64_t *>out, n, g)
    elif ITEMSIZE[dtype] == 4:
        shuffle(<uint32_t *>out, n, g)
    elif ITEMSIZE[dtype] == 2:
        shuffle(<uint16_t *>out, n, g)
    else:
        shuffle(<uint8_t *>out, n, g)


# ---------------------------------------------------------------- bernoulli, dropout

cdef void draw_mask(mt19937 *g, uint8_t *mask, Py_ssize_t n, double p) noexcept nogil:
    """mask[i] = u53 < p."""
    cdef Py_ssize_t k, done = 0
    cdef uint32_t[2] spill
    cdef const uint32_t *words
    cdef uint64_t limit = <uint64_t>ceil(p * (<uint64_t>1 << 53))
    while done < n:
        k = n - done
        words = take(g, &k, spill, 2)
        strip_below(words, mask + done, k, limit)
        done += k


cdef void fill_bernoulli(mt19937 *g, void *out, Py_ssize_t n, int dtype, double p) noexcept nogil:
    cdef Py_ssize_t k, done = 0
    cdef uint8_t[CHUNK] mask
    while done < n:
        k = min(n - done, <Py_ssize_t>CHUNK)
        draw_mask(g, mask, k, p)
        store(element(out, done, dtype), mask, k, dtype)
        done += k


cdef bint fill_bernoulli_tensor(mt19937 *g, void *out, Py_ssize_t n, int dtype, const void *p,
                                int p_dtype) noexcept nogil:
    """False where a probability lies outside [0, 1]; the output is then half written."""
    cdef Py_ssize_t i, k, done = 0
    cdef uint8_t[CHUNK] mask
    cdef double q
    while done < n:
        k = min(n - done, <Py_ssize_t>CHUNK)
        for i in range(k):
            q = load(p, done + i, p_dtype)
            if not 0 <= q <= 1:
                return False
            mask[i] = (uniform53(g) if p_dtype == FLOAT64 else uniform24(g)) < q
        store(element(out, done, dtype), mask, k, dtype)
        done += k
    return True


cdef void fill_dropout(mt19937 *g, void *out, uint8_t *mask, const void *x, Py_ssize_t n, int dtype,
                       double p) noexcept nogil:
    cdef Py_ssize_t i
    cdef double scale
    draw_mask(g, mask, n, 1 - p)
    # torch divides a tensor of ones by 1 - p: in float, also for the 16-bit dtypes
    scale = 1 / (1 - p) if dtype == FLOAT64 else rounded(1 / <float>(1 - p), dtype)
    if dtype == FLOAT32:
        for i in range(n):
            (<float *>out)[i] = (<const float *>x)[i] * (<float>scale * mask[i])
    elif dtype == FLOAT64:
        for i in range(n):
            (<double *>out)[i] = (<const double *>x)[i] * (scale * mask[i])
    elif dtype == FLOAT16:          # a loop each: with the choice inside, half takes twice as long
        for i in range(n):
            (<uint16_t *>out)[i] = half_bits(half_value((<const uint16_t *>x)[i]) * (<float>scale * mask[i]))
    else:
        for i in range(n):
            (<uint16_t *>out)[i] = bfloat16_bits(
                bfloat16_value((<const uint16_t *>x)[i]) * (<float>scale * mask[i]))


# ---------------------------------------------------------------- continuous, one at a time

ctypedef double (*draw_t)(mt19937 *g, double a, double b) noexcept nogil


cdef double draw_uniform(mt19937 *g, double lo, double range_) noexcept nogil:
    return uniform53(g) * range_ + lo


cdef double draw_exponential(mt19937 *g, double lambd, double unused) noexcept nogil:
    return -1 / lambd * log1p(-uniform53(g))


cdef double draw_cauchy(mt19937 *g, double median, double sigma) noexcept nogil:
    return fma(sigma, tan(M_PI * (uniform53(g) - 0.5)), median)


cdef double draw_geometric(mt19937 *g, double log_q, double unused) noexcept nogil:
    return ceil(log(uniform53(g)) / log_q)


cdef double draw_log_normal(mt19937 *g, double mean, double std) noexcept nogil:
    return exp(fma(normal_scalar(g), std, mean))


cdef void fill_by(draw_t draw, mt19937 *g, void *out, Py_ssize_t n, int dtype, double a,
                  double b) noexcept nogil:
    cdef Py_ssize_t i, k, done = 0
    cdef double[CHUNK] d
    while done < n:
        k = min(n - done, <Py_ssize_t>CHUNK)
        for i in range(k):
            d[i] = draw(g, a, b)
        store(element(out, done, dtype), d, k, dtype)
        done += k


# ---------------------------------------------------------------- poisson, binomial, gamma

cdef double draw_poisson(mt19937 *g, double rate) noexcept nogil:
    cdef double limit, product, k, root, b, a, inverse_alpha, v_r, u, v, us
    if not rate < INFINITY:                 # infinite or NaN: nothing would be accepted
        return rate
    if rate >= 10:
        # Hoermann, "The transformed rejection method for generating Poisson random
        # variables" (1993)
        root = sqrt(rate)
        b = 0.931 + 2.53 * root
        a = -0.059 + 0.02483 * b
        inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
        v_r = 0.9277 - 3.6224 / (b - 2)
        while True:
            u = uniform53(g) - 0.5
            v = uniform53(g)
            us = 0.5 - (u if u >= 0 else -u)
            k = floor((2 * a / us + b) * u + rate + 0.43)
            if us >= 0.07 and v <= v_r:
                return k
            if k < 0 or (us < 0.013 and v > us):
                continue
            if (log(v) + log(inverse_alpha) - log(a / (us * us) + b)
                    <= -rate + k * log(rate) - lgamma(k + 1)):
                return k
    if rate == 0:
        return 0
    limit = exp(-rate)
    k = 0
    product = 1
    while True:
        product *= uniform53(g)
        if product <= limit:
            return k
        k += 1


ctypedef fused real:
    float
    double


cdef real stirling_tail(real k) noexcept nogil:
    """log k! less Stirling's leading terms."""
    cdef double *small = [
        0.0810614667953272, 0.0413406959554092, 0.0276779256849983, 0.02079067210376509,
        0.0166446911898211, 0.0138761288230707, 0.0118967099458917, 0.0104112652619720,
        0.00925546218271273, 0.00833056343336287]
    cdef real square
    if k <= 9:
        return <real>small[<int>k]
    square = (k + 1) * (k + 1)
    return <real>((1.0 / 12 - (1.0 / 360 - 1.0 / 1260 / square) / square) / (k + 1))


cdef real draw_binomial(mt19937 *g, real n, real p) noexcept nogil:
    """Every variable is of the dtype's own precision, as the draws of PyTorch show."""
    cdef real k, total, root, b, a, c, alpha, v_r, r, m, u, v, us, bound
    if n != n or p != p:                    # of NaN nothing would be accepted
        return n + p
    if n <= 0 or p <= 0:
        return 0
    if p >= 1 or not isfinite(n):
        return n
    if p > 0.5:
        return n - draw_binomial(g, n, <real>(1 - p))
    if <real>(n * p) < 10:
        k = 0
        total = 0
        while True:
            total += <real>ceil(<real>log(<real>uniform53(g)) / <real>log1p(-p))
            if total > n:
                return k
            k += 1
    # Hoermann, "The generation of binomial random variates" (1993), algorithm BTRS
    root = <real>sqrt(n * p * (1 - p))
    b = <real>(1.15 + 2.53 * root)
    a = <real>(-0.0873 + 0.0248 * b + 0.01 * p)
    c = <real>(n * p + 0.5)
    v_r = <real>(0.92 - 4.2 / b)
    r = p / (1 - p)
    alpha = <real>((2.83 + 5.1 / b) * root)
    m = <real>floor((n + 1) * p)
    while True:
        u = <real>(uniform53(g) - 0.5)
        v = <real>uniform53(g)
        us = <real>(0.5 - (u if u >= 0 else -u))
        k = <real>floor((2 * a / us + b) * u + c)
        if us >= 0.07 and v <= v_r:
            return k
        if k < 0 or k > n:
            continue
        v = <real>log(v * alpha / (a / (us * us) + b))
        bound = <real>((m + 0.5) * log((m + 1) / (r * (n - m + 1)))
                       + (n + 1) * log((n - m + 1) / (n - k + 1))
                       + (k + 0.5) * log(r * (n - k + 1) / (k + 1))
                       + stirling_tail(m) + stirling_tail(n - m)
                       - stirling_tail(k) - stirling_tail(n - k))
        if v <= bound:
            return k


cdef double draw_gamma(mt19937 *g, real alpha) noexcept nogil:
    """Marsaglia and Tsang, "A simple method for generating gamma variables" (2000). alpha and what
    is made of it alone keep its precision, and the constants are floats: the draws show it."""
    cdef double scale = 1, d, c, x, y, v, u, xx
    if not alpha > 0:
        return alpha if alpha != alpha else 0  # what is no shape would draw for ever
    if alpha < 1:
        scale = pow(1 - uniform53(g), <real>1 / alpha)
        alpha += 1
    d = alpha - <float>(1.0 / 3)
    c = 1 / sqrt(9 * d)
    while True:
        while True:
            x = normal_scalar(g)
            y = 1 + c * x
            if y > 0:
                break
        v = y * y * y
        u = 1 - uniform53(g)
        xx = x * x
        if u < 1 - <float>0.0331 * xx * xx or log(u) < 0.5 * xx + d * (1 - v + log(v)):
            return scale * d * v


# ---------------------------------------------------------------- truncated normal, multinomial

cdef double normal_cdf(double x) noexcept nogil:
    return (1 + erf(x / sqrt(2.0))) / 2


cdef int fill_trunc_normal(mt19937 *g, void *out, Py_ssize_t n, int dtype, double mean, double std,
                           double a, double b, bint strided) noexcept nogil:
    """-1 where there is no memory."""
    cdef bint by_normal = normal_cdf((b - mean) / std) - normal_cdf((a - mean) / std) >= 0.3
    cdef double peak = (min(max(mean, a), b) - mean) / std, x, z, u
    cdef Py_ssize_t i, left = n, size = ITEMSIZE[dtype]
    cdef char *fresh = <char *>malloc(n * size + 1)
    cdef char *test = <char *>malloc(n * size + 1)
    cdef char *rejected = <char *>malloc(n + 1)
    if not fresh or not test or not rejected:
        free(fresh)
        free(test)
        free(rejected)
        return -1
    memset(rejected, 1, n)
    while left:
        if by_normal:
            fill_normal(g, fresh, n, dtype, mean, std, strided)
        else:
            fill_uniform(g, fresh, n, dtype, a, b)
            fill_uniform(g, test, n, dtype, 0, 1)
        left = 0
        for i in range(n):
            if rejected[i]:
                memcpy(<char *>out + i * size, fresh + i * size, size)
                x = load(fresh, i, dtype)
                if by_normal:
                    rejected[i] = x < rounded(a, dtype) or x > rounded(b, dtype)
                else:
                    z = rounded(rounded(x - rounded(mean, dtype), dtype) / std, dtype)
                    z = rounded(-0.5 * rounded(z * z, dtype), dtype)
                    u = rounded(log(load(test, i, dtype)), dtype)
                    rejected[i] = not u <= rounded(z + rounded(0.5 * peak * peak, dtype), dtype)
                left += rejected[i]
    free(fresh)
    free(test)
    free(rejected)
    return 0


ctypedef struct entry:
    double key
    int64_t index


cdef inline bint behind(entry x, entry y) noexcept nogil:
    """x comes after y in the order of falling keys; equal keys go by index."""
    return x.key < y.key or (x.key == y.key and x.index > y.index)


cdef void sift(entry *heap, Py_ssize_t i, Py_ssize_t n) noexcept nogil:
    """Restore the heap (the last in order on top) below i."""
    cdef Py_ssize_t child
    cdef entry x = heap[i]
    while 2 * i + 1 < n:
        child = 2 * i + 1
        if child + 1 < n and behind(heap[child + 1], heap[child]):
            child += 1
        if not behind(heap[child], x):
            break
        heap[i] = heap[child]
        i = child
    heap[i] = x


cdef void largest(entry *heap, const double *key, Py_ssize_t n, int64_t *out,
                  Py_ssize_t k) noexcept nogil:
    """Indices of the k largest keys, largest first, by a heap of k entries."""
    cdef Py_ssize_t i
    cdef entry x
    for i in range(k):
        heap[i].key = key[i]
        heap[i].index = i
    for i in range(k // 2 - 1, -1, -1):
        sift(heap, i, k)
    for i in range(k, n):
        x.key = key[i]
        x.index = i
        if behind(heap[0], x):
            heap[0] = x
            sift(heap, 0, k)
    for i in range(k - 1, -1, -1):
        out[i] = heap[0].index
        heap[0] = heap[i]
        sift(heap, 0, i)


cdef inline Py_ssize_t first_not_below(const double *x, Py_ssize_t n, double u) noexcept nogil:
    cdef Py_ssize_t lo = 0, hi = n, mid
    while lo < hi:
        mid = lo + (hi - lo) // 2
        if x[mid] < u:
            lo = mid + 1
        else:
            hi = mid
    return lo


cdef enum:
    DONE, NO_MEMORY, NEGATIVE, NOT_FINITE, NO_MASS


cdef int fill_multinomial(mt19937 *g, int64_t *out, const void *p, Py_ssize_t rows, Py_ssize_t cols,
                          int dtype, Py_ssize_t samples, bint replacement) noexcept nogil:
    cdef Py_ssize_t i, j, at
    cdef double total, x
    cdef int sum_dtype = FLOAT64 if dtype == FLOAT64 else FLOAT32, status = DONE
    cdef double *key = <double *>malloc(cols * sizeof(double) + 1)
    cdef entry *heap = <entry *>malloc(samples * sizeof(entry) + 1)
    if not key or not heap:
        free(key)
        free(heap)
        return NO_MEMORY
    if replacement and samples > 1:
        for i in range(rows):
            total = 0
            for j in range(cols):
                x = load(p, i * cols + j, dtype)
                if status == DONE:
                    status = NEGATIVE if not x >= 0 else DONE if isfinite(x) else NOT_FINITE
                total = rounded(total + x, sum_dtype)
                key[j] = total
            if status == DONE and not total > 0:
                status = NO_MASS
            if status != DONE:
                break
            for j in range(cols):
                key[j] = rounded(key[j] / total, sum_dtype)
            key[cols - 1] = 1
            for j in range(samples):
                out[i * samples + j] = first_not_below(key, cols, uniform53(g))
    else:
        for i in range(rows):
            total = 0
            for j in range(cols):
                x = load(p, i * cols + j, dtype)
                if not (x >= 0 and isfinite(x)):
                    status = NOT_FINITE
                total += x
            if status == DONE and total == 0:
                status = NO_MASS
        if status == DONE:
            for i in range(rows):
                for j in range(cols):
                    at = i * cols + j
                    x = rounded(draw_exponential(g, 1, 0), dtype)
                    key[j] = rounded(load(p, at, dtype) / x, dtype)
                largest(heap, key, cols, out + i * samples, samples)
    free(key)
    free(heap)
    return status


# ---------------------------------------------------------------- Python

DIGITS = {FLOAT16: 11, BFLOAT16: 8, FLOAT32: 24, FLOAT64: 53}
LARGEST = {FLOAT16: 65504.0, BFLOAT16: (2 - 2.0 ** -7) * 2.0 ** 127,
           FLOAT32: (2 - 2.0 ** -23) * 2.0 ** 127, FLOAT64: sys.float_info.max}
INTEGERS = {BOOL: (0, 1), UINT8: (0, 255), INT8: (-128, 127), INT16: (-2**15, 2**15 - 1),
            INT32: (-2**31, 2**31 - 1), INT64: (-2**63, 2**63 - 1)}
STATE_SIZE = 5056
DEFAULT_SEED = 67280421310721


@cython.binding(False)    # its methods check the type of `self`
cdef class Generator:
    """Generator(device='cpu'): an MT19937 stream with PyTorch's seeding and state."""

    def __cinit__(self, device="cpu"):
        self.device = device
        seed_mt(&self.mt, DEFAULT_SEED)

    def manual_seed(self, seed):
        """Restart the stream at `seed`, an int in [-2^63, 2^64); negative ones count from 2^64."""
        if not isinstance(seed, int) or isinstance(seed, bool):
            raise RuntimeError(f"manual_seed expected a long, but got {type(seed).__name__}")
        if not -2**63 <= seed < 2**64:
            raise ValueError("Overflow when unpacking long long")
        seed_mt(&self.mt, <uint64_t>(seed & 0xffffffffffffffff))
        return self

    def seed(self):
        """Restart at a seed from the operating system and return it."""
        seed_mt(&self.mt, <uint64_t>int.from_bytes(os.urandom(8), "little"))
        return self.mt.seed

    def initial_seed(self):
        return self.mt.seed

    def get_offset(self):
        raise RuntimeError("CPU Generator does not use offset")

    def set_offset(self, offset):
        raise RuntimeError("CPU Generator does not use offset")

    def state_bytes(self):
        """The stream's state as `torch.Generator.get_state` lays it out: 5,056 bytes."""
        cdef state_t s
        cdef int i
        memset(&s, 0, sizeof(s))
        s.seed = self.mt.seed
        s.left = 1 if self.mt.fresh else 625 - self.mt.next
        s.seeded = 1
        s.next = 0 if self.mt.fresh else self.mt.next
        for i in range(624):
            s.state[i] = self.mt.state[i]
        if self.mt.has_normal:
            s.normal = self.mt.normal
            s.has_normal = 1
        if self.mt.has_normal_float:
            s.normal_float = self.mt.normal_float
            s.has_normal_float = 1
        return PyBytes_FromStringAndSize(<char *>&s, sizeof(s))

    def set_state_bytes(self, bytes state not None):
        """Go on from a state of `state_bytes` or of `torch.Generator.get_state`."""
        cdef state_t s
        cdef int i
        if len(state) != STATE_SIZE:
            raise RuntimeError(f"Expected a CPUGeneratorImplState of size {STATE_SIZE} but found "
                               f"the input RNG state size to be {len(state)}")
        memcpy(&s, <const char *>state, sizeof(s))
        if s.seeded != 1 or not (s.left == 1 and s.next == 0 or
                                 0 < s.left <= 624 and s.left + s.next == 625):
            raise RuntimeError("Invalid mt19937 state")
        self.mt.seed = s.seed
        self.mt.fresh = s.next == 0
        self.mt.next = 625 - s.left
        for i in range(624):
            self.mt.state[i] = <uint32_t>s.state[i]
        temper(self.mt.state, self.mt.word)
        self.mt.has_normal = s.has_normal & 0xffffffff != 0
        self.mt.normal = s.normal
        self.mt.has_normal_float = s.has_normal_float != 0
        self.mt.normal_float = s.normal_float
        return self

    def clone_state(self):
        return type(self)(self.device).set_state_bytes(self.state_bytes())

    def __reduce__(self):
        return type(self), (self.device,), self.state_bytes()

    def __setstate__(self, state):
        if isinstance(state, tuple):    # of a file: the seed, an offset of other devices, the state as a tensor
            state = bytes(state[2].tolist())
        self.set_state_bytes(state)


cdef struct state_t:
    uint64_t seed
    int32_t left
    int32_t seeded
    uint64_t next
    uint64_t[624] state
    double unused_x
    double normal
    double unused_rho
    uint64_t has_normal
    float normal_float
    int32_t has_normal_float


cdef int need_float(int dtype, str kernel) except -1:
    if dtype < FLOAT16:
        raise NotImplementedError(f'"{kernel}" not implemented for \'{SCALAR_TYPE_NAMES[dtype]}\'')
    return 0


# The functions below check their arguments and fill; with 0 for `out` they check alone, for other devices.

def uniform(Generator gen not None, size_t out, Py_ssize_t n, int dtype, double lo=0,
            double hi=1):
    """u * (hi - lo) + lo in [lo, hi)."""
    need_float(dtype, "check_uniform_bounds")
    limit = LARGEST[dtype]
    for name, bound in (("from", lo), ("to", hi)):
        if not -limit <= bound <= limit:
            raise RuntimeError(f"{name} is out of bounds for {C_TYPE_NAMES[dtype]}")
    if lo > hi:
        raise RuntimeError("uniform_ expects to return a [from, to) range, but found "
                           f"from={lo:g} > to={hi:g}")
    if hi - lo > limit:
        raise RuntimeError("uniform_ expects to-from <= std::numeric_limits<Float>::max(), but "
                           f"found to={hi:g} and from={lo:g} which result in to-from to exceed "
                           "the limit")
    if out:
        fill_uniform(&gen.mt, <void *>out, n, dtype, lo, hi)


def uniform_wide(Generator gen not None, size_t out, Py_ssize_t n, int dtype, double lo, double hi):
    """u * (hi - lo) + lo from 53 bits for each of the floating dtypes."""
    need_float(dtype, "uniform_wide")
    lo = rounded(lo, dtype)
    fill_by(draw_uniform, &gen.mt, <void *>out, n, dtype, lo, rounded(hi, dtype) - lo)


def normal(Generator gen not None, size_t out, Py_ssize_t n, int dtype, double mean=0, double std=1,
           bint strided=False):
    """`strided`: the numbers that a strided output of n elements gets, in memory order."""
    if not std >= 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std:g}")
    if n:
        need_float(dtype, "normal_kernel_cpu")
    if out:
        fill_normal(&gen.mt, <void *>out, n, dtype, mean, std, strided)


def _float_bounds(int dtype, lo, hi):
    """`lo` and `hi` moved inside what the floating dtype can hold, as randint does."""
    digits = DIGITS[dtype]
    last, first = rounded(hi - 1, dtype), rounded(lo + 1, dtype)
    if hi <= last < 2.0 ** 63:
        hi = int(last) - (1 << ((hi - 1).bit_length() - digits))
    if -INFINITY < first < lo:
        lo = int(first) + (1 << (abs(lo + 1).bit_length() - digits))
    return lo, hi


def _check_integer(name, value, int dtype):
    low, high = INTEGERS.get(dtype) or (-LARGEST[dtype], LARGEST[dtype])
    if not low <= value <= high:
        raise RuntimeError(f"{name} is out of bounds for {C_TYPE_NAMES[dtype]}")
    digits = DIGITS.get(dtype, 64)
    if abs(value) > 1 << digits:
        warnings.warn(
            f"{name} is out of bounds [-(2^{digits}), 2^{digits}]. Due to precision limitations "
            f"{C_TYPE_NAMES[dtype]} can support discrete uniform distribution only within this range. "
            "This warning will become an error in version 1.7 release, please fix the code in "
            "advance",
            UserWarning, stacklevel=3)


def random_from_to(Generator gen not None, size_t out, Py_ssize_t n, int dtype, lo, hi):
    """Integers in [lo, hi). hi=None: up to the largest that the dtype holds exactly, inclusive.

    Returns (the least, how many there are, whether two words are drawn for each).
    """
    full = hi is None and lo == -2**63
    if not (-2**63 <= lo < 2**63 and (hi is None or -2**63 <= hi < 2**63)):
        raise ValueError("Overflow when unpacking long long")
    if full:
        if n and dtype in (BOOL, FLOAT16):
            raise NotImplementedError('"random_full_64_bits_range_kernel_cpu" not implemented for '
                                      f"'{SCALAR_TYPE_NAMES[dtype]}'")
        if n and dtype < INT64:
            raise RuntimeError("random_full_64_bits_range_kernel_cpu handles only int64, double, "
                               "float and bfloat16")
        if out:
            fill_random_range(&gen.mt, <void *>out, n, dtype, 0, 0, True)
        return -2**63, 2**64, True
    if hi is None:
        top = INTEGERS[dtype][1] if dtype <= INT64 else 1 << DIGITS[dtype]
        if dtype >= FLOAT16:
            lo = _float_bounds(dtype, lo, top)[0]
        _check_integer("from", lo, dtype)
        if lo > top or dtype >= FLOAT16 and lo >= top:
            raise RuntimeError("random_ expects 'from' casted to dtype to be less than or equal to "
                               f"'to_inc' casted to dtype, but got from={lo} > to_inc={top}")
        hi = top + 1
    else:
        if lo >= hi:
            raise RuntimeError("random_ expects 'from' to be less than 'to', but got "
                               f"from={lo} >= to={hi}")
        if dtype >= FLOAT16:
            lo, hi = _float_bounds(dtype, lo, hi)
            if lo >= hi:
                raise RuntimeError("random_ expects 'from' casted to dtype to be less than 'to' "
                                   f"casted to dtype, but got from={lo} >= to={hi}")
        _check_integer("from", lo, dtype)
        _check_integer("to - 1", hi - 1, dtype)
    if out:
        fill_random_range(&gen.mt, <void *>out, n, dtype, lo, hi - lo, False)
    return lo, hi - lo, False


def random(Generator gen not None, size_t out, Py_ssize_t n, int dtype):
    """`random_()`: integers over the dtype's range from 0 up."""
    if out:
        fill_random(&gen.mt, <void *>out, n, dtype)
    top = INTEGERS[dtype][1] if dtype <= INT64 else 1 << DIGITS[dtype]
    return 0, top + 1, dtype in (INT64, FLOAT64)


def randperm(Generator gen not None, size_t out, Py_ssize_t n, int dtype):
    """A permutation of 0 .. n-1."""
    if dtype == BOOL:
        raise NotImplementedError("\"randperm\" not implemented for 'Bool'")
    if dtype <= INT64:
        if n - 1 > INTEGERS[dtype][1]:
            kind = "uint8_t" if dtype == UINT8 else f"int{8 * ITEMSIZE[dtype]}_t"
            raise RuntimeError(f"value cannot be converted to type {kind} without overflow")
    elif dtype != BFLOAT16 and n > (1 << DIGITS[dtype]) + 1:
        top = "2049" if dtype == FLOAT16 else f"2^{DIGITS[dtype]}+1"
        raise RuntimeError(f"n cannot be greater than {top} for {SCALAR_TYPE_NAMES[dtype]} type.")
    if out:
        fill_randperm(&gen.mt, <void *>out, n, dtype)


def bernoulli(Generator gen not None, size_t out, Py_ssize_t n, int dtype, double p):
    """1 with probability p, else 0, in any dtype."""
    if not 0 <= p <= 1:
        raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p:g}")
    if out:
        fill_bernoulli(&gen.mt, <void *>out, n, dtype, p)


def bernoulli_tensor(Generator gen not None, size_t out, Py_ssize_t n, int dtype, size_t p,
                     int p_dtype):
    """1 with probability p[i]; p holds n elements of a floating dtype."""
    need_float(p_dtype, "bernoulli_tensor_cpu_p_")
    if not fill_bernoulli_tensor(&gen.mt, <void *>out, n, dtype, <void *>p, p_dtype):
        raise RuntimeError("Expected p_in >= 0 && p_in <= 1 to be true, but got false.  (Could "
                           "this error message be improved?  If so, please report an enhancement "
                           "request to PyTorch.)")


def dropout(Generator gen not None, size_t out, size_t mask, size_t x, Py_ssize_t n, int dtype,
            double p):
    """out = x * mask / (1 - p) with a new bool mask of keeps; out may be x. For 0 < p < 1."""
    need_float(dtype, "dropout")
    fill_dropout(&gen.mt, <void *>out, <uint8_t *>mask, <void *>x, n, dtype, p)


def exponential(Generator gen not None, size_t out, Py_ssize_t n, int dtype, double lambd=1):
    if not lambd > 0:
        raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={lambd:g}")
    if n and dtype < FLOAT16:
        raise RuntimeError("Exponential distribution is a continuous probability distribution. "
                           f"dtype must be a floating point but you specified {SCALAR_TYPE_NAMES[dtype]}")
    if out:
        fill_by(draw_exponential, &gen.mt, <void *>out, n, dtype, lambd, 0)


def cauchy(Generator gen not None, size_t out, Py_ssize_t n, int dtype, double median=0,
           double sigma=1):
    if dtype < FLOAT16:
        raise RuntimeError("Cauchy distribution is a continuous probability distribution. dtype "
                           f"must be a floating point but you specified {C_TYPE_NAMES[dtype]}")
    if sigma <= 0:
        raise RuntimeError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma:g}")
    if out:
        fill_by(draw_cauchy, &gen.mt, <void *>out, n, dtype, median, sigma)


def geometric(Generator gen not None, size_t out, Py_ssize_t n, int dtype, double p):
    """Trials up to the first success, in any dtype but bool."""
    if not 0 < p < 1:
        raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p:g}")
    if n and dtype == BOOL:
        raise NotImplementedError("\"geometric_cpu\" not implemented for 'Bool'")
    if out:
        fill_by(draw_geometric, &gen.mt, <void *>out, n, dtype, log1p(-p), 0)


def log_normal(Generator gen not None, size_t out, Py_ssize_t n, int dtype, double mean=1,
               double std=2):
    if not std > 0:
        raise RuntimeError(f"log_normal_ expects std > 0.0, but found std={std:g}")
    if n:
        need_float(dtype, "log_normal_cpu")
    if out:
        fill_by(draw_log_normal, &gen.mt, <void *>out, n, dtype, mean, std)


def trunc_normal(Generator gen not None, size_t out, Py_ssize_t n, int dtype, double mean=0,
                 double std=1, double a=-2, double b=2, bint strided=False):
    """`nn.init.trunc_normal_`. ZeroDivisionError for std = 0."""
    need_float(dtype, "normal_kernel_cpu")
    if std == 0:
        raise ZeroDivisionError("division by zero")
    if out and fill_trunc_normal(&gen.mt, <void *>out, n, dtype, mean, std, a, b, strided):
        raise MemoryError


def multinomial(Generator gen not None, size_t out, size_t p, Py_ssize_t rows, Py_ssize_t cols,
                int p_dtype, Py_ssize_t num_samples, bint replacement=False):
    """`num_samples` int64 indices for each of `rows` rows of `cols` weights."""
    if p_dtype < FLOAT16:
        raise RuntimeError("multinomial only supports floating-point dtypes for input, got: "
                           f"{SCALAR_TYPE_NAMES[p_dtype]}")
    if num_samples <= 0:
        raise RuntimeError("cannot sample n_sample <= 0 samples")
    if not replacement and num_samples > cols:
        raise RuntimeError("cannot sample n_sample > prob_dist.size(-1) samples without "
                           "replacement")
    if cols > 1 << 24:
        raise RuntimeError("number of categories cannot exceed 2^24")
    status = fill_multinomial(&gen.mt, <int64_t *>out, <void *>p, rows, cols, p_dtype, num_samples,
                              replacement)
    if status == NO_MEMORY:
        raise MemoryError
    if status == NO_MASS:
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
    if status and not (replacement and num_samples > 1):
        raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
    if status == NEGATIVE:
        raise RuntimeError("invalid multinomial distribution (encountering probability entry < 0)")
    if status == NOT_FINITE:
        raise RuntimeError("invalid multinomial distribution (encountering probability entry = "
                           "infinity or NaN)")


def poisson(Generator gen not None, size_t out, size_t rate, Py_ssize_t n, int dtype):
    """out[i] ~ Poisson(rate[i]), both of the floating dtype."""
    cdef Py_ssize_t i
    cdef double x
    need_float(dtype, "poisson_cpu")
    for i in range(n):
        x = load(<void *>rate, i, dtype)
        if not x >= 0:
            raise RuntimeError("invalid Poisson rate, expected rate to be non-negative")
        x = draw_poisson(&gen.mt, x)
        store(element(<void *>out, i, dtype), &x, 1, dtype)


def binomial(Generator gen not None, size_t out, size_t count, size_t prob, Py_ssize_t n,
             int dtype):
    """out[i] ~ Binomial(count[i], prob[i]), all float32 or float64."""
    cdef Py_ssize_t i
    if dtype < FLOAT32:
        raise NotImplementedError(f'"binomial_cpu" not implemented for \'{SCALAR_TYPE_NAMES[dtype]}\'')
    for i in range(n):
        if dtype == FLOAT32:
            (<float *>out)[i] = draw_binomial(&gen.mt, (<float *>count)[i], (<float *>prob)[i])
        else:
            (<double *>out)[i] = draw_binomial(&gen.mt, (<double *>count)[i], (<double *>prob)[i])


def standard_gamma(Generator gen not None, size_t out, size_t alpha, Py_ssize_t n, int dtype):
    """out[i] ~ Gamma(alpha[i], 1), both float32 or float64; at least the smallest normal."""
    cdef Py_ssize_t i
    cdef double x
    if dtype < FLOAT32:
        raise NotImplementedError(f'"gamma_cpu" not implemented for \'{SCALAR_TYPE_NAMES[dtype]}\'')
    for i in range(n):
        if dtype == FLOAT32:
            x = draw_gamma(&gen.mt, (<float *>alpha)[i])
            (<float *>out)[i] = <float>max(2.0 ** -126, x)
        else:
            x = draw_gamma(&gen.mt, (<double *>alpha)[i])
            (<double *>out)[i] = max(2.0 ** -1022, x)
