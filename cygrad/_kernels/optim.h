/* One pass of an optimizer over one parameter: every tensor is read and written once. */
#ifndef CG_OPTIM_H
#define CG_OPTIM_H
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include "_level.h"

/* k: sign, decay and shrink, which are done here, then the constants of the formula, in double until here. */
typedef void (*cg_dense)(ptrdiff_t n, void *p, const void *grad, void *const *moments, const double *k);

#define CG_DENSE(NAME, T, X, CONSTANTS, ...) \
CG_LEVELED static void cg_##NAME##_##X(ptrdiff_t n, void *param, const void *gradient, void *const *moments, \
                                       const double *k) \
{ \
    T *restrict p = param, *restrict as = moments[0], *restrict bs = moments[1], *restrict cs = moments[2]; \
    const T *restrict grad = gradient; \
    const T sign = (T)k[0], decay = (T)k[1], shrink = (T)k[2]; \
    const T CONSTANTS; \
    (void)as, (void)bs, (void)cs; \
    for (ptrdiff_t i = 0; i < n; i++) { \
        T w = p[i] * shrink, g = sign * grad[i]; \
        if (decay != 0) g += decay * w; \
        __VA_ARGS__ \
        p[i] = w; \
    } \
}
#include "optim_steps.h"

CG_DENSES(float, f32, sqrtf)
CG_DENSES(double, f64, sqrt)

#define CG_ENTRY(NAME) {#NAME, {cg_##NAME##_f32, cg_##NAME##_f64}}
static const struct { const char *name; cg_dense loops[2]; } cg_denses[] = {
    CG_ENTRY(sgd), CG_ENTRY(adam), CG_ENTRY(adadelta), CG_ENTRY(adagrad), CG_ENTRY(adamax), CG_ENTRY(asgd),
    CG_ENTRY(nadam), CG_ENTRY(radam), CG_ENTRY(rmsprop), CG_ENTRY(rprop),
};
enum { CG_DENSE_COUNT = sizeof cg_denses / sizeof *cg_denses };
#undef CG_ENTRY
#undef CG_DENSES
#undef CG_MEANS
#undef CG_BETAS
#undef CG_LARGER
#undef CG_LIST
#undef CG_DENSE
#endif
