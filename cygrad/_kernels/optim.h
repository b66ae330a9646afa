/* One pass of an optimizer over one parameter: every tensor is read and written once. */
#ifndef CG_OPTIM_H
#define CG_OPTIM_H
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include "_level.h"

#define CG_STEPS(T, X, SQRT) \
/* buf may be NULL (no momentum); `first`: it takes the gradient instead of adding to it. */ \
CG_LEVELED static void cg_sgd_##X(ptrdiff_t n, T *restrict p, const T *restrict grad, T *restrict buf, int first, \
                                  T lr, T momentum, T damp, T decay, int nesterov, int maximize) \
{ \
    const T sign = maximize ? (T)-1 : (T)1; \
    if (!buf) { \
        if (decay != 0) \
            for (ptrdiff_t i = 0; i < n; i++) p[i] -= lr * (sign * grad[i] + decay * p[i]); \
        else \
            for (ptrdiff_t i = 0; i < n; i++) p[i] -= lr * (sign * grad[i]); \
        return; \
    } \
    for (ptrdiff_t i = 0; i < n; i++) { \
        const T g = sign * grad[i] + decay * p[i]; \
        const T b = first ? g : momentum * buf[i] + damp * g; \
        buf[i] = b; \
        p[i] -= lr * (nesterov ? g + momentum * b : b); \
    } \
} \
/* step_size = lr / (1 - beta1^t), root = sqrt(1 - beta2^t); largest may be NULL (no amsgrad). */ \
CG_LEVELED static void cg_adam_##X(ptrdiff_t n, T *restrict p, const T *restrict grad, T *restrict m, T *restrict v, \
    T *restrict largest, T step_size, T root, T one_beta1, T beta2, T one_beta2, T eps, T decay, T shrink, \
    int maximize) \
{ \
    const T sign = maximize ? (T)-1 : (T)1; \
    for (ptrdiff_t i = 0; i < n; i++) { \
        const T w = p[i] * shrink, g = sign * grad[i] + decay * w; \
        const T a = m[i] + one_beta1 * (g - m[i]), b = beta2 * v[i] + one_beta2 * g * g; \
        T top = b; \
        m[i] = a, v[i] = b; \
        if (largest) { \
            top = largest[i] > b ? largest[i] : b; \
            top = b != b ? b : top; \
            largest[i] = top; \
        } \
        p[i] = w - step_size * (a / (SQRT(top) / root + eps)); \
    } \
}
CG_STEPS(float, f32, sqrtf)
CG_STEPS(double, f64, sqrt)
#undef CG_STEPS

/* Optimizers whose step is a formula of one weight w, its gradient g and at most three moments a, b, c of it.
 * k: sign, decay and shrink, which are done here, then the constants of the loop, in double until here. */
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
#define CG_LIST(...) __VA_ARGS__
#define CG_LARGER(x, y) ((x) > (y) || (x) != (x) ? (x) : (y)) /* NaN if any is */
#define CG_BETAS(T) one_beta1 = (T)k[3], beta2 = (T)k[4], one_beta2 = (T)k[5]
#define CG_MEANS(T) \
    const T m = as[i] + one_beta1 * (g - as[i]), v = beta2 * bs[i] + one_beta2 * g * g; \
    as[i] = m, bs[i] = v;

#define CG_DENSES(T, X, SQRT) \
CG_DENSE(adadelta, T, X, CG_LIST(rho = (T)k[3], one_rho = (T)k[4], eps = (T)k[5], lr = (T)k[6]), \
    const T v = rho * as[i] + one_rho * g * g, d = SQRT(bs[i] + eps) / SQRT(v + eps) * g; \
    as[i] = v, bs[i] = rho * bs[i] + one_rho * d * d; \
    w -= lr * d;) \
CG_DENSE(adagrad, T, X, CG_LIST(eps = (T)k[3], rate = (T)k[4]), \
    const T v = as[i] + g * g; \
    as[i] = v; \
    w -= rate * (g / (SQRT(v) + eps));) \
CG_DENSE(adamax, T, X, CG_LIST(one_beta1 = (T)k[3], beta2 = (T)k[4], eps = (T)k[5], rate = (T)k[6]), \
    const T m = as[i] + one_beta1 * (g - as[i]), old = bs[i] * beta2, now = (g < 0 ? -g : g) + eps; \
    const T v = CG_LARGER(old, now); \
    as[i] = m, bs[i] = v; \
    w -= rate * (m / v);) \
CG_DENSE(asgd, T, X, CG_LIST(keep = (T)k[3], eta = (T)k[4], mu = (T)k[5]), \
    w = w * keep - eta * g; \
    as[i] = mu == 1 ? w : as[i] + mu * (w - as[i]);) \
CG_DENSE(nadam, T, X, CG_LIST(CG_BETAS(T), correction2 = (T)k[6], eps = (T)k[7], rate = (T)k[8], next = (T)k[9]), \
    CG_MEANS(T) \
    const T d = SQRT(v / correction2) + eps; \
    w = w - rate * (g / d) - next * (m / d);) \
/* scale is 0 in the first steps, which are of plain momentum. */ \
CG_DENSE(radam, T, X, CG_LIST(CG_BETAS(T), rate = (T)k[6], eps = (T)k[7], scale = (T)k[8]), \
    CG_MEANS(T) \
    w -= scale != 0 ? rate * m * (scale / (SQRT(v) + eps)) : rate * m;) \
/* Moments of no use to the options are NULL. */ \
CG_DENSE(rmsprop, T, X, CG_LIST(alpha = (T)k[3], one_alpha = (T)k[4], eps = (T)k[5], momentum = (T)k[6], \
                                lr = (T)k[7]), \
    T v = alpha * as[i] + one_alpha * g * g; \
    as[i] = v; \
    if (cs) { \
        const T m = cs[i] + one_alpha * (g - cs[i]); \
        cs[i] = m; \
        v -= m * m; \
    } \
    T d = g / (SQRT(v) + eps); \
    if (bs) bs[i] = d = momentum * bs[i] + d; \
    w -= lr * d;) \
CG_DENSE(rprop, T, X, CG_LIST(smaller = (T)k[3], larger = (T)k[4], least = (T)k[5], greatest = (T)k[6]), \
    const T turn = g * as[i]; \
    T size = bs[i] * (turn > 0 ? larger : turn < 0 ? smaller : (T)1); \
    size = size < least ? least : size; \
    size = size > greatest ? greatest : size; \
    g = turn < 0 ? (T)0 : g; \
    as[i] = g, bs[i] = size; \
    w -= g > 0 ? size : g < 0 ? -size : (T)0;)
CG_DENSES(float, f32, sqrtf)
CG_DENSES(double, f64, sqrt)

#define CG_ENTRY(NAME) {#NAME, {cg_##NAME##_f32, cg_##NAME##_f64}}
static const struct { const char *name; cg_dense loops[2]; } cg_denses[] = {
    CG_ENTRY(adadelta), CG_ENTRY(adagrad), CG_ENTRY(adamax), CG_ENTRY(asgd),
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
