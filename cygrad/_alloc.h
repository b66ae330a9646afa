/* The caching allocator of CPU tensors.
 *
 * A fresh page costs more than the arithmetic done on it (the kernel zeroes it), so blocks are kept and
 * reused: sizes are rounded up to four steps an octave, each size has a stack of free blocks, and a block
 * goes back to its stack when its storage dies.  Every block is 64-byte aligned.  Blocks of more than
 * CG_CACHE_LARGEST bytes, and any beyond CG_CACHE_LIMIT bytes kept in all, go straight back to the system.
 * All calls hold the GIL, which is the lock.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CG_ALIGN 64
#define CG_BINS 164
#define CG_CACHE_LARGEST ((size_t)1 << 30)
#define CG_CACHE_LIMIT ((size_t)3 << 30)

typedef struct cg_block { struct cg_block *next; } cg_block;

static cg_block *cg_free_blocks[CG_BINS];
static size_t cg_bytes_cached, cg_bytes_active;

/* The bin of a request and the size its blocks have: 64, 80, 96, 112, 128, 160, ... */
static inline int cg_bin(size_t nbytes, size_t *rounded)
{
    if (nbytes <= CG_ALIGN) { *rounded = CG_ALIGN; return 0; }
    int octave = 63 - __builtin_clzll((unsigned long long)(nbytes - 1));
    size_t step = ((size_t)1 << octave) >> 2;
    size_t quarter = (nbytes - 1 - ((size_t)1 << octave)) / step;
    *rounded = ((size_t)1 << octave) + (quarter + 1) * step;
    return (octave - 6) * 4 + (int)quarter + 1;
}

static inline void *cg_alloc(size_t nbytes)
{
    if (nbytes >> 45) return NULL; /* no machine has it, and no bin is kept for it */
    size_t size;
    int bin = cg_bin(nbytes, &size);
    cg_block *block = cg_free_blocks[bin];
    if (block) {
        cg_free_blocks[bin] = block->next;
        cg_bytes_cached -= size;
        cg_bytes_active += size;
        return block;
    }
    void *fresh = NULL;
    if (posix_memalign(&fresh, CG_ALIGN, (size + CG_ALIGN - 1) / CG_ALIGN * CG_ALIGN)) return NULL;
    cg_bytes_active += size;
    return fresh;
}

static inline void cg_free(void *p, size_t nbytes)
{
    size_t size;
    int bin = cg_bin(nbytes, &size);
    cg_bytes_active -= size;
    if (size > CG_CACHE_LARGEST || cg_bytes_cached + size > CG_CACHE_LIMIT) { free(p); return; }
    cg_block *block = (cg_block *)p;
    block->next = cg_free_blocks[bin];
    cg_free_blocks[bin] = block;
    cg_bytes_cached += size;
}

static inline void cg_release_cached(void)
{
    for (int bin = 0; bin < CG_BINS; bin++)
        while (cg_free_blocks[bin]) {
            cg_block *block = cg_free_blocks[bin];
            cg_free_blocks[bin] = block->next;
            free(block);
        }
    cg_bytes_cached = 0;
}
