/* The orders in which sorts that are not stable leave equal elements: those of the algorithms behind C++'s std::sort,
 * std::nth_element and std::partial_sort as GCC's library has them, and of a quickselect about the middle of three.
 * PyTorch's results show them, and programs are compared with PyTorch's by index; so lines with ties go this way.
 * Elements are keys (see sort.h) with their positions; only keys are compared.  Included once for each type K of keys,
 * whose functions are named by N. */
#include <stddef.h>
#include <stdint.h>

#ifndef CG_TIES_DEPTH
#define CG_TIES_DEPTH
/* How deep a partition may go before a heap takes over: twice the logarithm. */
static int cg_depth(ptrdiff_t n)
{
    int depth = 0;
    for (; n > 1; n >>= 1)
        depth += 2;
    return depth;
}
#endif

typedef struct { K key; uint32_t at; } N(cg_pair);

static inline void N(cg_exchange)(N(cg_pair)* a, N(cg_pair)* b)
{
    const N(cg_pair) t = *a;
    *a = *b;
    *b = t;
}

static void N(cg_insert_pairs)(N(cg_pair)* x, ptrdiff_t n)
{
    for (ptrdiff_t i = 1; i < n; i++) {
        const N(cg_pair) p = x[i];
        ptrdiff_t j = i;
        for (; j > 0 && p.key < x[j - 1].key; j--)
            x[j] = x[j - 1];
        x[j] = p;
    }
}

/* Puts `p` into the heap (the greatest on top) whose place `hole` is free: down along the greater children to a leaf,
 * then up to where it belongs. */
static void N(cg_sift)(N(cg_pair)* x, ptrdiff_t hole, ptrdiff_t n, N(cg_pair) p)
{
    const ptrdiff_t top = hole;
    for (ptrdiff_t child; (child = 2 * hole + 2) <= n; hole = child) {
        if (child == n || x[child].key < x[child - 1].key)
            child--;
        x[hole] = x[child];
    }
    for (ptrdiff_t parent; hole > top && x[parent = (hole - 1) / 2].key < p.key; hole = parent)
        x[hole] = x[parent];
    x[hole] = p;
}

static void N(cg_heap)(N(cg_pair)* x, ptrdiff_t n)
{
    for (ptrdiff_t i = n / 2 - 1; i >= 0; i--)
        N(cg_sift)(x, i, n, x[i]);
}

static void N(cg_sort_heap)(N(cg_pair)* x, ptrdiff_t n)
{
    while (n-- > 1) {
        const N(cg_pair) p = x[n];
        x[n] = x[0];
        N(cg_sift)(x, 0, n, p);
    }
}

/* The `k` least of n on a heap in front. */
static void N(cg_heap_select)(N(cg_pair)* x, ptrdiff_t k, ptrdiff_t n)
{
    N(cg_heap)(x, k);
    for (ptrdiff_t i = k; i < n; i++)
        if (x[i].key < x[0].key) {
            const N(cg_pair) p = x[i];
            x[i] = x[0];
            N(cg_sift)(x, 0, k, p);
        }
}

/* Splits n > 3 elements by the median of the second, the middle and the last: none before the cut is greater. */
static ptrdiff_t N(cg_cut)(N(cg_pair)* x, ptrdiff_t n)
{
    N(cg_pair) *a = x + 1, *b = x + n / 2, *c = x + n - 1;
    if (a->key < b->key)
        N(cg_exchange)(x, b->key < c->key ? b : a->key < c->key ? c : a);
    else
        N(cg_exchange)(x, a->key < c->key ? a : b->key < c->key ? c : b);
    const K pivot = x->key;
    for (ptrdiff_t i = 1, j = n;; i++) {
        while (x[i].key < pivot)
            i++;
        do
            j--;
        while (pivot < x[j].key);
        if (i >= j)
            return i;
        N(cg_exchange)(x + i, x + j);
    }
}

static void N(cg_split_all)(N(cg_pair)* x, ptrdiff_t n, int depth)
{
    while (n > 16) {
        if (depth-- == 0) {
            N(cg_heap)(x, n);
            N(cg_sort_heap)(x, n);
            return;
        }
        const ptrdiff_t cut = N(cg_cut)(x, n);
        N(cg_split_all)(x + cut, n - cut, depth);
        n = cut;
    }
}

static void N(cg_introsort)(N(cg_pair)* x, ptrdiff_t n)
{
    N(cg_split_all)(x, n, cg_depth(n));
    N(cg_insert_pairs)(x, n);
}

/* Puts the k-th (from 0) of n elements in its place, none greater before it, none less behind. */
static void N(cg_introselect)(N(cg_pair)* x, ptrdiff_t k, ptrdiff_t n)
{
    int depth = cg_depth(n);
    while (n > 3) {
        if (depth-- == 0) {
            N(cg_heap_select)(x, k + 1, n);
            N(cg_exchange)(x, x + k);
            return;
        }
        const ptrdiff_t cut = N(cg_cut)(x, n);
        if (cut <= k) {
            x += cut;
            k -= cut;
            n -= cut;
        } else {
            n = cut;
        }
    }
    N(cg_insert_pairs)(x, n);
}

/* The k-th (from 0) by quickselect: the middle one is put second, three are ordered about it, and the first divides. */
static N(cg_pair) N(cg_quickselect)(N(cg_pair)* x, ptrdiff_t k, ptrdiff_t n)
{
    ptrdiff_t lo = 0, hi = n - 1;
    while (hi > lo + 1) {
        N(cg_exchange)(x + (lo + hi) / 2, x + lo + 1);
        if (x[lo + 1].key > x[hi].key)
            N(cg_exchange)(x + lo + 1, x + hi);
        if (x[lo].key > x[hi].key)
            N(cg_exchange)(x + lo, x + hi);
        if (x[lo + 1].key > x[lo].key)
            N(cg_exchange)(x + lo + 1, x + lo);
        const K pivot = x[lo].key;
        ptrdiff_t i = lo + 1, j = hi;
        for (;;) {
            do
                i++;
            while (x[i].key < pivot);
            do
                j--;
            while (x[j].key > pivot);
            if (j < i)
                break;
            N(cg_exchange)(x + i, x + j);
        }
        N(cg_exchange)(x + lo, x + j);
        if (j <= k)
            lo = i;
        if (j >= k)
            hi = j - 1;
    }
    if (hi == lo + 1 && x[lo].key > x[hi].key)
        N(cg_exchange)(x + lo, x + hi);
    return x[k];
}
