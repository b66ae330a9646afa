/* Complex numbers in OpenCL C: what C's operators and complex.h do, on vectors of two.
 *
 * A program includes the text once, with T the type of the parts, C the vector of two and L(x) a literal of type T. */

static inline C cg_conj(C a) { return (C)(a.x, -a.y); }
static inline C cg_conj_physical(C a) { return (C)(a.x, -a.y); }
static inline C cg_times_i(C a) { return (C)(-a.y, a.x); }
static inline C cg_mul(C a, C b) { return (C)(a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x); }
static inline C cg_add_real(T a, C b) { return (C)(a + b.x, b.y); }
static inline C cg_sub_real(T a, C b) { return (C)(a - b.x, -b.y); }
static inline int cg_eq(C a, C b) { return (a.x == b.x) & (a.y == b.y); }
static inline int cg_isnan(C a) { return (a.x != a.x) | (a.y != a.y); }
static inline int cg_isinf(C a) { return (fabs(a.x) == (T)INFINITY) | (fabs(a.y) == (T)INFINITY); }
static inline int cg_isfinite(C a) { return (fabs(a.x) < (T)INFINITY) & (fabs(a.y) < (T)INFINITY); }
static inline T cg_abs(C a) { return hypot(a.x, a.y); }
static inline T cg_angle(C a) { return atan2(a.y, a.x); }
static inline C cg_square(C a) { return cg_mul(a, a); }

/* Smith 1962; of zero infinities with the signs of a, as PyTorch's. */
static inline C cg_divide(C a, C b)
{
    const int wide = fabs(b.x) >= fabs(b.y);
    const T big = wide ? b.x : b.y, small = wide ? b.y : b.x, r = big == 0 ? L(0.0) : small / big;
    const T d = big == 0 ? L(0.0) : L(1.0) / (big + small * r);
    return big == 0 ? (C)(a.x / fabs(b.x), a.y / fabs(b.y))
                    : wide ? (C)((a.x + a.y * r) * d, (a.y - a.x * r) * d) : (C)((a.x * r + a.y) * d, (a.y * r - a.x) * d);
}
static inline C cg_reciprocal(C a) { return cg_divide((C)(L(1.0), L(0.0)), a); }

static inline C cg_sign(C a)
{
    const T size = cg_abs(a);
    return size == 0 ? (C)(L(0.0), L(0.0)) : a / size;
}

/* An infinite real part wins over an undefined imaginary one; a zero imaginary part stays one. */
static inline C cg_exp(C a)
{
    const T size = exp(a.x);
    if (a.y == 0) return (C)(size, a.y);
    if (size == 0) return (C)(L(0.0), L(0.0));
    return (C)(size * cos(a.y), size * sin(a.y));
}

/* exp(x) (cos(y) + i sin(y)) - 1, where exp(x) cos(y) - 1 = expm1(x) cos(y) - 2 sin(y/2)^2. */
static inline C cg_expm1(C a)
{
    const T s = sin(a.y * L(0.5));
    return (C)(expm1(a.x) * cos(a.y) - L(2.0) * s * s, exp(a.x) * sin(a.y));
}
static inline C cg_exp2(C a) { return cg_exp(a * L(0.6931471805599453)); }

/* Near the unit circle log|a| = log1p((x - 1)(x + 1) + y^2) / 2 keeps what hypot rounds away. */
static inline C cg_log(C a)
{
    const T x = fmax(fabs(a.x), fabs(a.y)), y = fmin(fabs(a.x), fabs(a.y)), size = hypot(x, y);
    const T near = L(0.5) * log1p((x - L(1.0)) * (x + L(1.0)) + y * y);
    return (C)((size > L(0.7)) & (size < L(1.5)) ? near : log(size), atan2(a.y, a.x));
}

/* log|1+a|^2 = log1p(x (2 + x) + y^2), which keeps a small a. */
static inline C cg_log1p(C a)
{
    const C far = cg_log((C)(L(1.0) + a.x, a.y));
    return cg_abs(a) < L(0.5) ? (C)(L(0.5) * log1p(a.x * (L(2.0) + a.x) + a.y * a.y), far.y) : far;
}

static inline C cg_sqrt(C a)
{
    const T big = fmax(fabs(a.x), fabs(a.y));
    if (fabs(a.y) == (T)INFINITY) return (C)((T)INFINITY, a.y);
    if (big == 0) return (C)(L(0.0), a.y);
    if (fabs(a.x) == (T)INFINITY)
        return a.x > 0 ? (C)(a.x, a.y != a.y ? a.y : copysign(L(0.0), a.y)) : (C)(a.y != a.y ? a.y : L(0.0), copysign((T)INFINITY, a.y));
    /* Scaled where squares would leave the range. */
    const T scale = (big > L(1e18)) | (big < L(1e-18)) ? big : L(1.0);
    const T x = a.x / scale, y = a.y / scale, t = sqrt((fabs(x) + hypot(x, y)) * L(0.5)), root = sqrt(scale);
    return x >= 0 ? (C)(t * root, y / (L(2.0) * t) * root) : (C)(fabs(y) / (L(2.0) * t) * root, copysign(t, a.y) * root);
}

static inline C cg_pow(C a, C b)
{
    if ((b.x == 0) & (b.y == 0)) return (C)(L(1.0), L(0.0));
    if ((a.x == 0) & (a.y == 0)) {
        if (b.x > 0) return (C)(L(0.0), L(0.0));
        return b.y == 0 ? (C)((T)INFINITY, (T)NAN) : (C)((T)NAN, (T)NAN);
    }
    if ((b.y == 0) & (b.x == rint(b.x)) & (fabs(b.x) <= L(64.0))) { /* by squaring: exact for small powers */
        C r = (C)(L(1.0), L(0.0)), s = a;
        for (int n = abs((int)b.x); n; n >>= 1) {
            if (n & 1) r = cg_mul(r, s);
            s = cg_mul(s, s);
        }
        return b.x < 0 ? cg_reciprocal(r) : r;
    }
    return cg_exp(cg_mul(b, cg_log(a)));
}

static inline C cg_sinh(C a)
{
    return (C)(a.x == 0 ? a.x : sinh(a.x) * cos(a.y), a.y == 0 ? a.y : cosh(a.x) * sin(a.y));
}
static inline C cg_cosh(C a)
{
    return (C)(cosh(a.x) * cos(a.y), (a.x == 0) | (a.y == 0) ? a.x * a.y : sinh(a.x) * sin(a.y));
}
/* tanh(x+iy) = (tanh(x) (1 + t^2) + i t (1 - tanh(x)^2)) / (1 + tanh(x)^2 t^2), t = tan(y), without its poles. */
static inline C cg_tanh(C a)
{
    if (fabs(a.x) > L(20.0)) return (C)(copysign(L(1.0), a.x), L(4.0) * sin(a.y) * cos(a.y) * exp(L(-2.0) * fabs(a.x)));
    const T s = sin(a.y), c = cos(a.y), h = sinh(a.x), d = c * c + h * h;
    return (C)(h * cosh(a.x) / d, s * c / d);
}
/* f(z) = -i g(iz) for the circular twins of hyperbolic functions. */
static inline C cg_sin(C a) { const C r = cg_sinh((C)(-a.y, a.x)); return (C)(r.y, -r.x); }
static inline C cg_cos(C a) { return cg_cosh((C)(-a.y, a.x)); }
static inline C cg_tan(C a) { const C r = cg_tanh((C)(-a.y, a.x)); return (C)(r.y, -r.x); }

/* Kahan 1987: branch cuts with the sign of zero. */
static inline C cg_asin(C a)
{
    const C p = cg_sqrt(cg_sub_real(L(1.0), a)), q = cg_sqrt(cg_add_real(L(1.0), a));
    return (C)(atan2(a.x, p.x * q.x - p.y * q.y), asinh(p.x * q.y - p.y * q.x));
}
static inline C cg_acos(C a)
{
    const C p = cg_sqrt(cg_sub_real(L(1.0), a)), q = cg_sqrt(cg_add_real(L(1.0), a));
    return (C)(L(2.0) * atan2(p.x, q.x), asinh(q.x * p.y - q.y * p.x));
}
static inline C cg_acosh(C a)
{
    const C p = cg_sqrt(cg_add_real(L(-1.0), a)), q = cg_sqrt(cg_add_real(L(1.0), a));
    return (C)(asinh(p.x * q.x + p.y * q.y), L(2.0) * atan2(p.y, q.x));
}
static inline C cg_asinh(C a) { const C r = cg_asin((C)(-a.y, a.x)); return (C)(r.y, -r.x); }
static inline C cg_atanh(C a)
{
    const T x = fabs(a.x), far = L(1.0) - x;
    const T big = L(0.25) * log1p(L(4.0) * x / (far * far + a.y * a.y));
    const T y = L(0.5) * atan2(L(2.0) * a.y, far * (L(1.0) + x) - a.y * a.y);
    /* Beyond the squares' range 1/a is what is left. */
    return fmax(x, fabs(a.y)) > L(1e17) ? (C)(cg_reciprocal(a).x, copysign(L(1.5707963267948966), a.y)) : (C)(copysign(big, a.x), y);
}
static inline C cg_atan(C a) { const C r = cg_atanh((C)(-a.y, a.x)); return (C)(r.y, -r.x); }

static inline C cg_sigmoid(C a)
{
    return cg_reciprocal(cg_add_real(L(1.0), cg_exp(-a)));
}
static inline C cg_lerp(C a, C b, C w)
{
    return cg_abs(w) < L(0.5) ? a + cg_mul(w, b - a) : b - cg_mul(b - a, cg_sub_real(L(1.0), w));
}
static inline C cg_logaddexp(C a, C b)
{
    return a.x >= b.x ? a + cg_log1p(cg_exp(b - a)) : b + cg_log1p(cg_exp(a - b));
}
static inline C cg_sinc(C a)
{
    const C x = a * L(3.141592653589793);
    return cg_eq(a, (C)(L(0.0), L(0.0))) ? (C)(L(1.0), L(0.0)) : cg_divide(cg_sin(x), x);
}
