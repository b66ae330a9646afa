"""How samples of gamma and beta distributions move with their parameters, at fixed values of the distribution function.

Implicit reparametrisation (Figurnov, Mohamed and Mnih 2018): x(a) with F(x; a) constant has dx/da = -(dF/da) / f, f the
density.  F is a series of positive terms T_n whose logarithms have simple derivatives in a, so that

    dx/da = -sum r_n (d/da log T_n),    r_n = T_n / f,

where both r_n and the digammas in the derivative follow by recurrences.  The sum is taken on the side of the mean where
it converges fast; numbers are double whatever the tensors are.

    gamma   T_n = x^(a+n) exp(-x) / Gamma(a+n+1)                          (Abramowitz and Stegun 6.5.29)
    beta    T_n = x^(a+n) (1-x)^b Gamma(a+b+n) / (Gamma(b) Gamma(a+n+1))  (Abramowitz and Stegun 26.5.4)

In the upper tail of the gamma distribution, some twelve standard deviations out, where that series would cancel, one
node of Gauss-Laguerre quadrature of the complement does: a few per cent, of what does not come up.
"""
from libc.math cimport fabs, INFINITY, log, log1p, NAN, sqrt

cdef extern from *:
    """
    #include <math.h>

    /* digamma of a > 0: up to 10 by the recurrence, then the asymptotic series (A. and S. 6.3.18) */
    static double positive_digamma(double a) {
        double shift = 0, z;
        while (a < 10) { shift -= 1 / a; a += 1; }
        z = 1 / (a * a);
        z *= 1.0 / 12 - z * (1.0 / 120 - z * (1.0 / 252 - z * (1.0 / 240 - z * (1.0 / 132 - z * 691.0 / 32760))));
        return shift + log(a) - 0.5 / a - z;
    }
    """
    double positive_digamma(double a) noexcept nogil

cdef enum:
    MOST_TERMS = 1000000


cdef double gamma_gradient(double a, double x) noexcept nogil:
    """dx/da of a standard gamma sample."""
    cdef double digamma, rate, r, part, total = 0
    cdef int n
    if not (a > 0 and x >= 0) or x == INFINITY:
        return NAN
    if x == 0:
        return 0
    if a > 1e6:  # the normal limit and its first correction
        return 1 + (x - a) / (2 * a)
    if x > a + 12 * sqrt(a) + 30:
        rate = 1 - (a - 1) / x
        return (log(x + 1 / rate) - positive_digamma(a)) / rate
    digamma = positive_digamma(a + 1)
    r = x / a
    for n in range(1, MOST_TERMS):
        part = r * (log(x) - digamma)
        total -= part
        if a + n > x and fabs(part) < 1e-17 * fabs(total):
            break
        digamma += 1 / (a + n)
        r *= x / (a + n)
    return total


cdef double beta_gradient(double x, double a, double b) noexcept nogil:
    """dx/da of a sample of Beta(a, b)."""
    cdef double y = 1 - x, u, v, r, part, total = 0
    cdef int n
    if not (a > 0 and b > 0 and 0 <= x <= 1):
        return NAN
    if x == 0 or x == 1:
        return 0
    u = positive_digamma(a + b)
    if x * (a + b + 2) < a + 1:
        v = positive_digamma(a + 1)
        r = x * y / a
        for n in range(1, MOST_TERMS):
            part = r * (log(x) + u - v)
            total -= part
            if (a + b + n) * x < a + n and fabs(part) < 1e-17 * fabs(total):
                break
            u += 1 / (a + b + n - 1)
            v += 1 / (a + n)
            r *= (a + b + n - 1) / (a + n) * x
        return total
    # the same series for 1 - x, of Beta(b, a)
    v = positive_digamma(a)
    r = x * y / b
    for n in range(1, MOST_TERMS):
        part = r * (log1p(-y) + u - v)
        total += part
        if (a + b + n) * y < b + n and fabs(part) < 1e-17 * fabs(total):
            break
        u += 1 / (a + b + n - 1)
        r *= (a + b + n - 1) / (b + n) * y
    return total


def gamma_gradients(size_t out, size_t alpha, size_t sample, Py_ssize_t n, bint double_precision):
    """out[i] = dx/da of the samples; float32, or float64 with `double_precision`."""
    cdef Py_ssize_t i
    with nogil:
        for i in range(n):
            if double_precision:
                (<double*> out)[i] = gamma_gradient((<double*> alpha)[i], (<double*> sample)[i])
            else:
                (<float*> out)[i] = <float> gamma_gradient((<float*> alpha)[i], (<float*> sample)[i])


def dirichlet_gradients(size_t out, size_t sample, size_t alpha, size_t total, Py_ssize_t n, bint double_precision):
    """out[i] = dx/da / (1 - x) of x as a sample of Beta(alpha, total - alpha): by it a component moves all others.

    dx_i/dalpha_j = out[j] (delta_ij - x_i)  (Jankowiak and Obermeyer, Pathwise derivatives beyond the
    reparameterization trick, 2018).
    """
    cdef Py_ssize_t i
    cdef double x, a, b
    with nogil:
        for i in range(n):
            if double_precision:
                x, a, b = (<double*> sample)[i], (<double*> alpha)[i], (<double*> total)[i]
            else:
                x, a, b = (<float*> sample)[i], (<float*> alpha)[i], (<float*> total)[i]
            x = beta_gradient(x, a, b - a) / (1 - x) if x < 1 else beta_at_one(a, b - a)
            if double_precision:
                (<double*> out)[i] = x
            else:
                (<float*> out)[i] = <float> x


cdef double beta_at_one(double a, double b) noexcept nogil:
    """The limit of dx/da / (1 - x) for x to 1: the first term of the series for 1 - x."""
    return (positive_digamma(a + b) - positive_digamma(a)) / b
