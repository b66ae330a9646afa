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
#endif
