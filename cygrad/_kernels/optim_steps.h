/* Steps of optimizers: formulas of one weight w, its gradient g and at most three moments as[i], bs[i], cs[i] of it.
 *
 * C and OpenCL C: who includes this defines CG_DENSE(name, T, X, constants, formula) first, which makes the loop or the
 * kernel and does what k[0] (sign), k[1] (decay) and k[2] (shrink) say; the constants follow in k. */
#define CG_LIST(...) __VA_ARGS__
#define CG_LARGER(x, y) ((x) > (y) || (x) != (x) ? (x) : (y)) /* NaN if any is */
#define CG_BETAS(T) one_beta1 = (T)k[3], beta2 = (T)k[4], one_beta2 = (T)k[5]
#define CG_MEANS(T) \
    const T m = as[i] + one_beta1 * (g - as[i]), v = beta2 * bs[i] + one_beta2 * g * g; \
    as[i] = m, bs[i] = v;

#define CG_DENSES(T, X, SQRT) \
/* as: the momentum buffer, NULL without momentum; first: it takes the gradient instead of adding to it. */ \
CG_DENSE(sgd, T, X, CG_LIST(lr = (T)k[3], momentum = (T)k[4], damp = (T)k[5], first = (T)k[6], \
                            nesterov = (T)k[7]), \
    if (as) { \
        const T b = first != 0 ? g : momentum * as[i] + damp * g; \
        as[i] = b; \
        g = nesterov != 0 ? g + momentum * b : b; \
    } \
    w -= lr * g;) \
/* rate = lr / (1 - beta1^t), root = sqrt(1 - beta2^t); cs, the largest v so far, is NULL without amsgrad. */ \
CG_DENSE(adam, T, X, CG_LIST(CG_BETAS(T), rate = (T)k[6], root = (T)k[7], eps = (T)k[8]), \
    CG_MEANS(T) \
    T top = v; \
    if (cs) { \
        top = cs[i] > v ? cs[i] : v; \
        top = v != v ? v : top; \
        cs[i] = top; \
    } \
    w -= rate * (m / (SQRT(top) / root + eps));) \
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
