/* Helpers of the complex formulas that complex.h lacks.
 *
 * The file is included once per type, with these macros set by the includer:
 *   C         the complex type            T     the type of its parts
 *   N(f)      the helper's own name: f_c64
 *   M(f)      libm's name for T           L(x)  a literal of type T
 *   R(f)      _table/scalar.h's helper for T    MAKE  a C of two T */

/* Smith 1962; of zero infinities with the signs of a, as PyTorch's. */
CG_INLINE C N(cg_divide)(C a, C b)
{
    const T x = M(creal)(a), y = M(cimag)(a), u = M(creal)(b), v = M(cimag)(b);
    const int wide = M(fabs)(u) >= M(fabs)(v);
    const T big = wide ? u : v, small = wide ? v : u, r = big == 0 ? L(0.0) : small / big;
    const T d = big == 0 ? L(0.0) : L(1.0) / (big + small * r);
    return big == 0 ? MAKE(x / M(fabs)(u), y / M(fabs)(v))
                    : wide ? MAKE((x + y * r) * d, (y - x * r) * d) : MAKE((x * r + y) * d, (y * r - x) * d);
}

CG_INLINE T N(cg_square)(T a) { return a * a; }
CG_INLINE C N(cg_times_i)(C a) { return MAKE(-M(cimag)(a), M(creal)(a)); }
CG_INLINE C N(cg_sigmoid)(C a) { return N(cg_divide)(L(1.0), L(1.0) + M(cexp)(-a)); }
CG_INLINE T N(cg_angle)(C a) { return R(cg_atan2)(M(cimag)(a), M(creal)(a)); }
CG_INLINE C N(cg_exp2)(C a) { return M(cexp)(a * L(0.6931471805599453)); }
CG_INLINE C N(cg_lerp)(C a, C b, C w)
{
    return M(cabs)(w) < L(0.5) ? a + w * (b - a) : b - (b - a) * (L(1.0) - w);
}

CG_INLINE int N(cg_isinf)(C a) { return isinf(M(creal)(a)) || isinf(M(cimag)(a)); }
CG_INLINE int N(cg_isfinite)(C a) { return isfinite(M(creal)(a)) && isfinite(M(cimag)(a)); }

CG_INLINE C N(cg_sign)(C a)
{
    const T size = M(cabs)(a);
    return size == 0 ? L(0.0) : a / size;
}

/* exp(x) (cos(y) + i sin(y)) - 1, where exp(x) cos(y) - 1 = expm1(x) cos(y) - 2 sin(y/2)^2. */
CG_INLINE C N(cg_expm1)(C a)
{
    const T x = M(creal)(a), y = M(cimag)(a), s = M(sin)(y * L(0.5));
    return MAKE(M(expm1)(x) * M(cos)(y) - L(2.0) * s * s, M(exp)(x) * M(sin)(y));
}

/* log|1+a|^2 = log1p(x (2 + x) + y^2), which keeps a small a. */
CG_INLINE C N(cg_log1p)(C a)
{
    const T x = M(creal)(a), y = M(cimag)(a);
    const C far = M(clog)(L(1.0) + a);
    return M(cabs)(a) < L(0.5) ? MAKE(L(0.5) * M(log1p)(x * (L(2.0) + x) + y * y), M(cimag)(far))
                               : far;
}

CG_INLINE C N(cg_logaddexp)(C a, C b)
{
    return M(creal)(a) >= M(creal)(b) ? a + N(cg_log1p)(M(cexp)(b - a)) : b + N(cg_log1p)(M(cexp)(a - b));
}

CG_INLINE C N(cg_sinc)(C a)
{
    const C x = a * L(3.141592653589793);
    return a == 0 ? L(1.0) : N(cg_divide)(M(csin)(x), x);
}
