/* Sorting by keys: every dtype maps to unsigned integers in its own order (NaN last, -0 equal to 0), so that one radix
 * sort, which is stable, and one selection serve all of them.  A descending order is that of the inverted keys. */
#pragma once
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define K uint32_t
#define N(name) name##_uint32_t
#include "_kernels/ties.h"
#undef K
#undef N
#define K uint64_t
#define N(name) name##_uint64_t
#include "_kernels/ties.h"
#undef K
#undef N

/* What becomes of equal elements: they keep their order (and of several the first is chosen), or go as PyTorch's do;
 * the first k as well need be in no order but PyTorch's. */
enum { CG_STABLE, CG_LOOSE, CG_UNSORTED };
/* Longer lines are sorted stably whatever was asked for: by radix, in half the time. */
#define CG_LOOSE_MOST 16384

static uint32_t cg_key16(uint16_t v, uint16_t infinity)
{
    if ((v & 0x7fff) > infinity)
        return 0xffff;
    if ((v & 0x7fff) == 0)
        return 0x8000;
    return v & 0x8000 ? (uint16_t)~v : v | 0x8000u;
}

static uint32_t cg_key32(uint32_t v)
{
    if ((v & 0x7fffffffu) > 0x7f800000u)
        return 0xffffffffu;
    if ((v & 0x7fffffffu) == 0)
        return 0x80000000u;
    return v & 0x80000000u ? ~v : v | 0x80000000u;
}

static uint64_t cg_key64(uint64_t v)
{
    const uint64_t a = v & 0x7fffffffffffffffull;
    if (a > 0x7ff0000000000000ull)
        return ~0ull;
    if (a == 0)
        return 0x8000000000000000ull;
    return v >> 63 ? ~v : v | 0x8000000000000000ull;
}

/* Keys of n elements `stride` elements apart; dtype codes as in _core.pxd, those of 8 bytes have 64-bit keys. */
#define CG_EACH(T, EXPRESSION)                                                                                        \
    for (ptrdiff_t i = 0; i < n; i++) {                                                                               \
        T v;                                                                                                          \
        memcpy(&v, in + i * stride * (ptrdiff_t)sizeof(T), sizeof(T));                                                \
        key[i] = (EXPRESSION) ^ flip;                                                                                 \
    }                                                                                                                 \
    break

static void cg_keys_u32(int dt, ptrdiff_t n, const char* in, ptrdiff_t stride, int descending, uint32_t* key)
{
    const uint32_t flip = descending ? 0xffffffffu : 0;
    switch (dt) {
    case 0: case 1: CG_EACH(uint8_t, v);
    case 2: CG_EACH(uint8_t, v ^ 0x80u);
    case 3: CG_EACH(uint16_t, v ^ 0x8000u);
    case 4: CG_EACH(uint32_t, v ^ 0x80000000u);
    case 6: CG_EACH(uint16_t, cg_key16(v, 0x7c00));
    case 7: CG_EACH(uint16_t, cg_key16(v, 0x7f80));
    case 8: CG_EACH(uint32_t, cg_key32(v));
    }
}

static void cg_keys_u64(int dt, ptrdiff_t n, const char* in, ptrdiff_t stride, int descending, uint64_t* key)
{
    const uint64_t flip = descending ? ~0ull : 0;
    switch (dt) {
    case 5: CG_EACH(uint64_t, v ^ 0x8000000000000000ull);
    case 9: CG_EACH(uint64_t, cg_key64(v));
    default:
        for (ptrdiff_t i = 0; i < n; i++) {
            uint32_t k;
            static const int size[8] = {1, 1, 1, 2, 4, 8, 2, 2};
            cg_keys_u32(dt, 1, in + i * stride * (dt == 8 ? 4 : size[dt]), 1, 0, &k);
            key[i] = (uint64_t)k ^ flip;
        }
    }
}

static int cg_has_nan_key(int dt, uint64_t key)
{
    return dt == 9 ? key == ~0ull : dt == 8 ? key == 0xffffffffu : dt == 6 || dt == 7 ? key == 0xffff : 0;
}

#define CG_SORTS(K, BYTES)                                                                                            \
    /* Stable insertion sort of keys with their positions. */                                                         \
    static void cg_insert_##K(ptrdiff_t n, K* key, uint32_t* at)                                                      \
    {                                                                                                                 \
        for (ptrdiff_t i = 1; i < n; i++) {                                                                           \
            const K k = key[i];                                                                                       \
            const uint32_t a = at[i];                                                                                 \
            ptrdiff_t j = i;                                                                                          \
            for (; j > 0 && key[j - 1] > k; j--) {                                                                    \
                key[j] = key[j - 1];                                                                                  \
                at[j] = at[j - 1];                                                                                    \
            }                                                                                                         \
            key[j] = k;                                                                                               \
            at[j] = a;                                                                                                \
        }                                                                                                             \
    }                                                                                                                 \
    /* Sorts keys and positions by their bytes, the lowest first; bytes in which all agree cost nothing. */           \
    static void cg_radix_##K(ptrdiff_t n, K* key, uint32_t* at, K* key2, uint32_t* at2)                               \
    {                                                                                                                 \
        uint32_t count[BYTES][256];                                                                                   \
        K *from = key, *to = key2;                                                                                    \
        uint32_t *from_at = at, *to_at = at2;                                                                         \
        if (n <= 48) {                                                                                                \
            cg_insert_##K(n, key, at);                                                                                \
            return;                                                                                                   \
        }                                                                                                             \
        memset(count, 0, sizeof count);                                                                               \
        for (ptrdiff_t i = 0; i < n; i++)                                                                             \
            for (int b = 0; b < BYTES; b++)                                                                           \
                count[b][key[i] >> 8 * b & 255]++;                                                                    \
        for (int b = 0; b < BYTES; b++) {                                                                             \
            uint32_t* const c = count[b];                                                                             \
            uint32_t sum = 0;                                                                                         \
            if (c[from[0] >> 8 * b & 255] == (uint32_t)n)                                                             \
                continue;                                                                                             \
            for (int d = 0; d < 256; d++) {                                                                           \
                const uint32_t m = c[d];                                                                              \
                c[d] = sum;                                                                                           \
                sum += m;                                                                                             \
            }                                                                                                         \
            for (ptrdiff_t i = 0; i < n; i++) {                                                                       \
                const uint32_t p = c[from[i] >> 8 * b & 255]++;                                                       \
                to[p] = from[i];                                                                                      \
                to_at[p] = from_at[i];                                                                                \
            }                                                                                                         \
            K* const k = from;                                                                                        \
            uint32_t* const a = from_at;                                                                              \
            from = to, from_at = to_at;                                                                               \
            to = k, to_at = a;                                                                                        \
        }                                                                                                             \
        if (from != key) {                                                                                            \
            memcpy(key, from, n * sizeof(K));                                                                         \
            memcpy(at, from_at, n * sizeof(uint32_t));                                                                \
        }                                                                                                             \
    }                                                                                                                 \
    /* The k-th smallest key; reorders the keys. */                                                                   \
    static K cg_select_##K(ptrdiff_t n, K* key, ptrdiff_t k)                                                          \
    {                                                                                                                 \
        ptrdiff_t lo = 0, hi = n - 1;                                                                                 \
        while (lo < hi) {                                                                                             \
            const K a = key[lo], b = key[lo + (hi - lo) / 2], c = key[hi];                                            \
            const K pivot = a < b ? (b < c ? b : a < c ? c : a) : (a < c ? a : b < c ? c : b);                        \
            ptrdiff_t i = lo, j = hi;                                                                                 \
            while (i <= j) {                                                                                          \
                while (key[i] < pivot)                                                                                \
                    i++;                                                                                              \
                while (key[j] > pivot)                                                                                \
                    j--;                                                                                              \
                if (i <= j) {                                                                                         \
                    const K t = key[i];                                                                               \
                    key[i++] = key[j];                                                                                \
                    key[j--] = t;                                                                                     \
                }                                                                                                     \
            }                                                                                                         \
            if (k <= j)                                                                                               \
                hi = j;                                                                                               \
            else if (k >= i)                                                                                          \
                lo = i;                                                                                               \
            else                                                                                                      \
                break;                                                                                                \
        }                                                                                                             \
        return key[k];                                                                                                \
    }                                                                                                                 \
    /* The position of the k-th element in stable order.  `work` takes n keys. */                                     \
    static ptrdiff_t cg_kth_##K(ptrdiff_t n, const K* key, K* work, ptrdiff_t k)                                      \
    {                                                                                                                 \
        memcpy(work, key, n * sizeof(K));                                                                             \
        const K at = cg_select_##K(n, work, k);                                                                       \
        ptrdiff_t less = 0;                                                                                           \
        for (ptrdiff_t i = 0; i < n; i++)                                                                             \
            less += key[i] < at;                                                                                      \
        for (ptrdiff_t i = 0, rank = k - less; i < n; i++)                                                            \
            if (key[i] == at && rank-- == 0)                                                                          \
                return i;                                                                                             \
        return 0;                                                                                                     \
    }                                                                                                                 \
    static int cg_any_equal_##K(ptrdiff_t n, const K* key)                                                            \
    {                                                                                                                 \
        int any = 0;                                                                                                  \
        for (ptrdiff_t i = 1; i < n; i++)                                                                             \
            any |= key[i] == key[i - 1];                                                                              \
        return any;                                                                                                   \
    }                                                                                                                 \
    static ptrdiff_t cg_count_##K(ptrdiff_t n, const K* key, K of)                                                    \
    {                                                                                                                 \
        ptrdiff_t count = 0;                                                                                          \
        for (ptrdiff_t i = 0; i < n; i++)                                                                             \
            count += key[i] == of;                                                                                    \
        return count;                                                                                                 \
    }                                                                                                                 \
    /* Of sorted keys the last place of the smallest of the most frequent. */                                         \
    static ptrdiff_t cg_mode_##K(ptrdiff_t n, const K* key)                                                           \
    {                                                                                                                 \
        ptrdiff_t last = 0;                                                                                           \
        for (ptrdiff_t i = 0, j, most = 0; i < n; i = j) {                                                            \
            for (j = i + 1; j < n && key[j] == key[i]; j++)                                                           \
                ;                                                                                                     \
            if (j - i > most) {                                                                                       \
                most = j - i;                                                                                         \
                last = j - 1;                                                                                         \
            }                                                                                                         \
        }                                                                                                             \
        return last;                                                                                                  \
    }                                                                                                                 \
    /* The few first of many in order, by a heap of them: in the order of std::partial_sort. */                       \
    static void cg_few_##K(ptrdiff_t n, const K* key, ptrdiff_t k, uint32_t* at, cg_pair_##K* few)                    \
    {                                                                                                                 \
        for (ptrdiff_t i = 0; i < k; i++)                                                                             \
            few[i] = (cg_pair_##K){key[i], (uint32_t)i};                                                              \
        cg_heap_##K(few, k);                                                                                          \
        for (ptrdiff_t i = k; i < n; i++)                                                                             \
            if (key[i] < few->key)                                                                                    \
                cg_sift_##K(few, 0, k, (cg_pair_##K){key[i], (uint32_t)i});                                           \
        cg_sort_heap_##K(few, k);                                                                                     \
        for (ptrdiff_t i = 0; i < k; i++)                                                                             \
            at[i] = few[i].at;                                                                                        \
    }                                                                                                                 \
    /* One line: writes what `op` asks for as positions, `k` of them.  Nonzero if `loose`, and the positions depend on\
       the order of equal elements. */                                                                                \
    static int cg_line_##K(int op, int dt, ptrdiff_t n, ptrdiff_t k, const char* in, ptrdiff_t stride,                \
                           int descending, int loose, K* key, uint32_t* at, K* key2, uint32_t* at2)                   \
    {                                                                                                                 \
        ptrdiff_t m = 0, good = n;                                                                                    \
        cg_keys_##K##_of(dt, n, in, stride, descending, key);                                                         \
        switch (op) {                                                                                                 \
        case 0: /* sort */                                                                                            \
        sort:                                                                                                         \
            for (ptrdiff_t i = 0; i < n; i++)                                                                         \
                at[i] = (uint32_t)i;                                                                                  \
            cg_radix_##K(n, key, at, key2, at2);                                                                      \
            return loose && cg_any_equal_##K(op == 1 && k < n ? k + 1 : n, key);                                      \
        case 1: /* the first k in order */                                                                            \
            if (k == 0)                                                                                               \
                return 0;                                                                                             \
            if (64 * k <= n) {                                                                                        \
                cg_few_##K(n, key, k, at, (cg_pair_##K*)key2);                                                        \
                return 0;                                                                                             \
            }                                                                                                         \
            if (4 * k > n)                                                                                            \
                goto sort;                                                                                            \
            memcpy(key2, key, n * sizeof(K));                                                                         \
            const K last = cg_select_##K(n, key2, k - 1);                                                             \
            const int more = loose && cg_count_##K(n - k, key2 + k, last);                                            \
            ptrdiff_t less = 0;                                                                                       \
            for (ptrdiff_t i = 0; i < n; i++)                                                                         \
                less += key[i] < last;                                                                                \
            for (ptrdiff_t i = 0, ties = k - less; m < k; i++)                                                        \
                if (key[i] < last || (key[i] == last && ties-- > 0)) {                                                \
                    at[m] = (uint32_t)i;                                                                              \
                    key[m++] = key[i];                                                                                \
                }                                                                                                     \
            cg_radix_##K(k, key, at, key2, at2);                                                                      \
            return more || (loose && cg_any_equal_##K(k, key));                                                       \
        case 3: /* median: the first NaN if there is one, else the lower of the two in the middle */                  \
        case 4: /* the median of what is not NaN */                                                                   \
            for (ptrdiff_t i = n - 1; i >= 0; i--)                                                                    \
                if (cg_has_nan_key(dt, key[i])) {                                                                     \
                    good--;                                                                                           \
                    m = i;                                                                                            \
                }                                                                                                     \
            at[0] = (uint32_t)((op == 3 && good < n) || good == 0 ? m                                                 \
                                                                  : cg_kth_##K(n, key, key2, (good - 1) / 2));        \
            return 0;                                                                                                 \
        case 5: /* mode: the last place, in order, of the smallest of the most frequent */                            \
            for (ptrdiff_t i = 0; i < n; i++)                                                                         \
                at[i] = (uint32_t)i;                                                                                  \
            cg_radix_##K(n, key, at, key2, at2);                                                                      \
            at[0] = at[cg_mode_##K(n, key)];                                                                          \
            return loose && cg_any_equal_##K(n, key);                                                                 \
        }                                                                                                             \
        return 0;                                                                                                     \
    }                                                                                                                 \
    /* The positions of a line again, as PyTorch has them where elements are equal. */                                \
    static void cg_loose_line_##K(int op, int dt, ptrdiff_t n, ptrdiff_t k, const char* in, ptrdiff_t stride,         \
                                  int descending, int loose, K* key, uint32_t* at, cg_pair_##K* pairs)                \
    {                                                                                                                 \
        cg_keys_##K##_of(dt, n, in, stride, descending, key);                                                         \
        for (ptrdiff_t i = 0; i < n; i++)                                                                             \
            pairs[i] = (cg_pair_##K){key[i], (uint32_t)i};                                                            \
        if (op == 2) {                                                                                                \
            at[0] = cg_quickselect_##K(pairs, k, n).at;                                                               \
            return;                                                                                                   \
        }                                                                                                             \
        if (op == 0 || op == 5) {                                                                                     \
            k = n;                                                                                                    \
            cg_introsort_##K(pairs, n);                                                                               \
        } else {                                                                                                      \
            cg_introselect_##K(pairs, k - 1, n);                                                                      \
            if (loose != CG_UNSORTED)                                                                                 \
                cg_introsort_##K(pairs, k - 1);                                                                       \
        }                                                                                                             \
        for (ptrdiff_t i = 0; i < k; i++) {                                                                           \
            key[i] = pairs[i].key;                                                                                    \
            at[i] = pairs[i].at;                                                                                      \
        }                                                                                                             \
        if (op == 5)                                                                                                  \
            at[0] = at[cg_mode_##K(n, key)];                                                                          \
    }

#define cg_keys_uint32_t_of cg_keys_u32
#define cg_keys_uint64_t_of cg_keys_u64
CG_SORTS(uint32_t, 4)
CG_SORTS(uint64_t, 8)

static void cg_take_line(int itemsize, ptrdiff_t k, const char* in, ptrdiff_t stride, const uint32_t* at, char* values,
                         int64_t* index, ptrdiff_t out_stride)
{
    for (ptrdiff_t i = 0; i < k; i++)
        index[i * out_stride] = at[i];
    if (values == NULL)
        return;
#define CG_TAKE(T)                                                                                                    \
    for (ptrdiff_t i = 0; i < k; i++)                                                                                 \
        ((T*)values)[i * out_stride] = ((const T*)in)[at[i] * stride];                                                \
    break
    switch (itemsize) {
    case 1: CG_TAKE(uint8_t);
    case 2: CG_TAKE(uint16_t);
    case 4: CG_TAKE(uint32_t);
    case 8: CG_TAKE(uint64_t);
    }
}

/* Lines lo..hi of a contiguous (outer, n, inner) array; results are (outer, k, inner).  Nonzero: out of memory. */
static int cg_lines(int op, int dt, int itemsize, ptrdiff_t lo, ptrdiff_t hi, ptrdiff_t n, ptrdiff_t k, ptrdiff_t nth,
                    ptrdiff_t inner, const char* in, char* values, int64_t* index, int descending, int loose)
{
    const size_t wide = itemsize == 8 ? 8 : 4;
    const size_t room = (n + 2) & ~(size_t)1; /* even, so that all areas are aligned to 8 bytes */
    char* const work = (char*)malloc(2 * room * (wide + 4));
    if (work == NULL)
        return 1;
    char* const work2 = work + room * wide;
    uint32_t* const at = (uint32_t*)(work2 + room * wide);
    uint32_t* const at2 = at + room;
    void* pairs = NULL;
    int failed = 0;
    if ((op == 0 || op == 5) && (n <= 16 || n > CG_LOOSE_MOST))
        loose = CG_STABLE;
    /* the k-th alone, the first in no order, and bytes of which some must be equal */
    const int straight = op == 2 || (loose == CG_UNSORTED && 64 * nth > n) ||
                         (op == 0 && loose == CG_LOOSE && itemsize == 1 && n > 256);
    for (ptrdiff_t line = lo; line < hi; line++) {
        const ptrdiff_t from = line / inner * n * inner + line % inner, to = line / inner * k * inner + line % inner;
        const char* const start = in + from * itemsize;
        int again = straight;
        if (!straight)
            again = wide == 8 ? cg_line_uint64_t(op, dt, n, nth, start, inner, descending, loose, (uint64_t*)work, at,
                                                 (uint64_t*)work2, at2)
                              : cg_line_uint32_t(op, dt, n, nth, start, inner, descending, loose, (uint32_t*)work, at,
                                                 (uint32_t*)work2, at2);
        if (again) {
            if (pairs == NULL && (pairs = malloc(n * sizeof(cg_pair_uint64_t))) == NULL) {
                failed = 1;
                break;
            }
            if (wide == 8)
                cg_loose_line_uint64_t(op, dt, n, nth, start, inner, descending, loose, (uint64_t*)work, at, pairs);
            else
                cg_loose_line_uint32_t(op, dt, n, nth, start, inner, descending, loose, (uint32_t*)work, at, pairs);
        }
        cg_take_line(itemsize, k, start, inner, at, values ? values + to * itemsize : NULL, index + to, inner);
    }
    free(pairs);
    free(work);
    return failed;
}

/* Where runs of equal keys begin: group[i] numbers the run that element i is in; returns the number of runs. NaN is
 * equal to nothing. */
static ptrdiff_t cg_runs(int dt, ptrdiff_t n, const uint64_t* key, int64_t* group)
{
    ptrdiff_t g = -1;
    for (ptrdiff_t i = 0; i < n; i++) {
        g += i == 0 || key[i] != key[i - 1] || cg_has_nan_key(dt, key[i]);
        group[i] = g;
    }
    return g + 1;
}

/* Rows of m keys, compared from the first on. */
static int cg_compare_rows(ptrdiff_t m, const uint64_t* a, const uint64_t* b)
{
    for (ptrdiff_t i = 0; i < m; i++)
        if (a[i] != b[i])
            return a[i] < b[i] ? -1 : 1;
    return 0;
}

/* Stable merge sort of row numbers. */
static void cg_sort_rows(ptrdiff_t n, ptrdiff_t m, const uint64_t* key, int64_t* at, int64_t* work)
{
    for (ptrdiff_t i = 0; i < n; i++)
        at[i] = i;
    for (ptrdiff_t width = 1; width < n; width *= 2) {
        for (ptrdiff_t lo = 0; lo < n; lo += 2 * width) {
            const ptrdiff_t mid = lo + width < n ? lo + width : n, hi = mid + width < n ? mid + width : n;
            ptrdiff_t i = lo, j = mid, k = lo;
            while (i < mid && j < hi)
                work[k++] = cg_compare_rows(m, key + at[j] * m, key + at[i] * m) < 0 ? at[j++] : at[i++];
            while (i < mid)
                work[k++] = at[i++];
            while (j < hi)
                work[k++] = at[j++];
        }
        memcpy(at, work, n * sizeof(int64_t));
    }
}

/* The first place of `key` in sorted keys that is not less than v (right: greater than v). */
static ptrdiff_t cg_bound(ptrdiff_t n, const uint64_t* key, const int64_t* sorter, uint64_t v, int right)
{
    ptrdiff_t lo = 0, hi = n;
    while (lo < hi) {
        const ptrdiff_t mid = lo + (hi - lo) / 2;
        const uint64_t k = key[sorter ? sorter[mid] : mid];
        if (right ? k <= v : k < v)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}
