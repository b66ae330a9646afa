/* CPU levels of hand-written loops: CG_LEVELED compiles a function once per level, the best is taken at load time.
 * Between CG_FUSED and CG_FUSED_END a product and its sum are one instruction, whatever the flags of the build say. */
#ifndef CG_LEVEL_H
#define CG_LEVEL_H
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 11 && defined(__x86_64__) && defined(__GLIBC__) && \
    !defined(CG_NO_CLONES)
#define CG_LEVELED __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CG_LEVELED
#endif
#if defined(__GNUC__) && !defined(__clang__)
#define CG_FUSED _Pragma("GCC push_options") _Pragma("GCC optimize(\"fp-contract=fast\")")
#define CG_FUSED_END _Pragma("GCC pop_options")
#define CG_HELPER static inline __attribute__((always_inline))
#else
#define CG_FUSED
#define CG_FUSED_END
#define CG_HELPER static inline
#endif
#endif
