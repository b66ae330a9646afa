/* The CPU levels of the convolution's register tiles.
 *
 * The levels differ in the shape of the tile (32 registers of 64 bytes against 16 of 32 or 16), which target_clones
 * cannot say; so each level is compiled by its own include and one table is chosen at run time. */
#ifndef CG_CONV_LEVELS_H
#define CG_CONV_LEVELS_H
#include "_kernels/conv_table.h"

#define CG_CAT_(a, b) a##b
#define CG_CAT(a, b) CG_CAT_(a, b)
#define NVX 3
#define CG_KEEP(v) ((void)0)

/* A product and its sum are one instruction here, whatever the flags of the build say. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC push_options
#pragma GCC optimize("fp-contract=fast")
#endif

#if defined(__x86_64__) && defined(__GNUC__) && __GNUC__ >= 11 && !defined(CG_NO_CLONES)
#define CG_LEVELS 1
#undef CG_KEEP
#define CG_KEEP(v) __asm__("" : "+v"(v))
#define TARGET __attribute__((target("arch=x86-64-v4")))
#define MRX 8
#define GRX 4
#define GTX 6
#define ARX 8
#define T float
#define VW 16
#define TILES cg_tiles_f32
#define NAME(x) CG_CAT(x, _f32_v4)
#include "_kernels/conv_tiles.h"
#undef T
#undef VW
#undef TILES
#undef NAME
#define T double
#define VW 8
#define TILES cg_tiles_f64
#define NAME(x) CG_CAT(x, _f64_v4)
#include "_kernels/conv_tiles.h"
#undef T
#undef VW
#undef TILES
#undef NAME
#undef TARGET
#undef MRX
#undef GRX
#undef GTX
#undef ARX
#undef CG_KEEP
#define CG_KEEP(v) __asm__("" : "+x"(v))
#define TARGET __attribute__((target("arch=x86-64-v3")))
#define MRX 4
#define GRX 3
#define GTX 4
#define ARX 6
#define T float
#define VW 8
#define TILES cg_tiles_f32
#define NAME(x) CG_CAT(x, _f32_v3)
#include "_kernels/conv_tiles.h"
#undef T
#undef VW
#undef TILES
#undef NAME
#define T double
#define VW 4
#define TILES cg_tiles_f64
#define NAME(x) CG_CAT(x, _f64_v3)
#include "_kernels/conv_tiles.h"
#undef T
#undef VW
#undef TILES
#undef NAME
#undef TARGET
#undef MRX
#undef GRX
#undef GTX
#undef ARX
#undef CG_KEEP
#define CG_KEEP(v) ((void)0)
#endif

#define TARGET
#define MRX 4
#define GRX 3
#define GTX 4
#define ARX 6
#define T float
#define VW 4
#define TILES cg_tiles_f32
#define NAME(x) CG_CAT(x, _f32_base)
#include "_kernels/conv_tiles.h"
#undef T
#undef VW
#undef TILES
#undef NAME
#define T double
#define VW 2
#define TILES cg_tiles_f64
#define NAME(x) CG_CAT(x, _f64_base)
#include "_kernels/conv_tiles.h"
#undef T
#undef VW
#undef TILES
#undef NAME
#undef TARGET
#undef MRX
#undef GRX
#undef GTX
#undef ARX
#undef NVX
#undef CG_KEEP
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC pop_options
#endif

static int cg_conv_level(void)
{
#ifdef CG_LEVELS
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512cd"))
        return 4;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2"))
        return 3;
#endif
    return 1;
}

static const cg_tiles_f32 *cg_tiles_of_f32(int level)
{
#ifdef CG_LEVELS
    if (level == 4) return &tiles_f32_v4;
    if (level == 3) return &tiles_f32_v3;
#endif
    return &tiles_f32_base;
}

static const cg_tiles_f64 *cg_tiles_of_f64(int level)
{
#ifdef CG_LEVELS
    if (level == 4) return &tiles_f64_v4;
    if (level == 3) return &tiles_f64_v3;
#endif
    return &tiles_f64_base;
}
#endif
