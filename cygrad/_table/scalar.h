/* Scalar helpers of the formulas, valid as C and as OpenCL C 1.2.
 *
 * The file is included once per type, with these macros set by the includer:
 *   T         the type                    CG_KIND  1 float, 2 double, 3 integer
 *   N(f)      the helper's own name: f_f32 in C, plain f in OpenCL
 * for floating types
 *   M(f)      libm's name for T           L(x)     a floating literal of type T
 *   IT, IU    the signed and unsigned integers of T's width
 *   BITS(x), FLOAT(u)                     reinterpret T as IT and back
 * and for integers
 *   UT        the unsigned twin of T
 * Values pass by value and every literal is typed, so no address space and no silent double
 * appears.  What a fast strip calls is branch-free: gcc vectorises a conditional expression, not a
 * jump.  The file is long because an OpenCL program takes it whole, as its prelude; the parts are
 * integers, exp and log, trigonometry, small helpers, special functions. */

#ifndef CG_INLINE
#define CG_INLINE static inline
#endif

#if CG_KIND == 3 /* ------------------------------------------------------------------ integers */

/* Division by zero is refused before a kernel runs; INT_MIN / -1 would trap, so it wraps by
 * hand. */
CG_INLINE T N(cg_truncdiv)(T a, T b)
{
    return b == (T)-1 ? (T)((UT)0 - (UT)a) : (T)(a / (b ? b : (T)1));
}

CG_INLINE T N(cg_fmod)(T a, T b) { return b == (T)-1 ? (T)0 : (T)(a % (b ? b : (T)1)); }

CG_INLINE T N(cg_div_floor)(T a, T b)
{
    const T r = N(cg_fmod)(a, b);
    return (T)(N(cg_truncdiv)(a, b) - (T)((r != 0) & ((r < 0) != (b < 0))));
}

CG_INLINE T N(cg_remainder)(T a, T b)
{
    const T r = N(cg_fmod)(a, b);
    return (r != 0) & ((r < 0) != (b < 0)) ? (T)(r + b) : r;
}

/* A shift by the width or more, or by a negative count, pushes every bit out. */
#define OUT(b) (((b) < 0) | ((b) >= (T)(8 * sizeof(T))))
CG_INLINE T N(cg_lshift)(T a, T b) { return OUT(b) ? (T)0 : (T)((UT)a << b); }
CG_INLINE T N(cg_rshift)(T a, T b) { return OUT(b) ? (a < 0 ? (T)-1 : (T)0) : (T)(a >> b); }
#undef OUT

/* Without signs, since the least integer has no other: a remainder of -1 would divide it. */
CG_INLINE T N(cg_gcd)(T a, T b)
{
    UT x = a < 0 ? (UT)((UT)0 - (UT)a) : (UT)a, y = b < 0 ? (UT)((UT)0 - (UT)b) : (UT)b;
    while (x) {
        const UT r = (UT)(y % x);
        y = x;
        x = r;
    }
    return (T)y;
}

/* The product is taken in the promoted type and its sign dropped there, before it is cut to T. */
CG_INLINE T N(cg_lcm)(T a, T b)
{
    const T g = N(cg_gcd)(a, b);
    return g == 0 ? (T)0 : (T)((a / g * b) < 0 ? -(a / g * b) : a / g * b);
}

CG_INLINE T N(cg_clamp)(T a, T low, T high)
{
    const T b = a < low ? low : a;
    return b > high ? high : b;
}

/* a**b by squaring; a negative exponent truncates 1/a**|b| to 1, -1 or 0. */
CG_INLINE T N(cg_pow)(T a, T b)
{
    UT r = (UT)1, s = (UT)a;
    if (b < 0)
        return a == 1 ? (T)1 : a == (T)-1 ? (b & 1 ? (T)-1 : (T)1) : (T)0;
    for (; b; b >>= 1) {
        if (b & 1)
            r = (UT)(r * s);
        s = (UT)(s * s);
    }
    return (T)r;
}

#else /* ----------------------------------------------------------------------------- floating */

#if CG_KIND == 1
#define MANTISSA 23
#define BIAS 127
#define POLY(f, d) f
#else
#define MANTISSA 52
#define BIAS 1023
#define POLY(f, d) d
#endif

/* By bits: PoCL does not inline its own fabs and copysign, which keeps a kernel from being
 * vectorised. */
#define SIGN ((IT)((IU)1 << (8 * sizeof(IT) - 1)))
CG_INLINE T N(cg_abs)(T a) { return FLOAT(BITS(a) & ~SIGN); }
CG_INLINE T N(cg_copysign)(T a, T b) { return FLOAT((BITS(a) & ~SIGN) | (BITS(b) & SIGN)); }

/* exp, log and their kin.  Own polynomials (Chebyshev fits) rather than libm's calls: they
 * vectorise with every compiler and on every OpenCL device, and give the same bits on all of
 * them.  Errors stay within 2 ulp. */

/* ln 2 in two parts, the first exact under k * LN2_HI */
#define LN2_HI POLY(L(0.693359375), L(0.6931471803691238))
#define LN2_LO POLY(L(-2.12194440e-4), L(1.9082149292705877e-10))
#define LOG2E L(1.4426950408889634)
/* 1.5 * 2^MANTISSA: adding it rounds to an integer */
#define MAGIC POLY(L(12582912.0), L(6755399441055744.0))

/* (exp(r) - 1 - r) / r^2 on |r| <= ln 2 / 2. */
CG_INLINE T N(cg_exp_tail)(T r)
{
#if CG_KIND == 1
    return (((L(1.392618181e-3) * r + L(8.36317763e-3)) * r + L(4.166655463e-2)) * r
        + L(0.16666577)) * r + L(0.5);
#else
    T p = L(2.51003831958670213e-8);
    p = p * r + L(2.76200854550184157e-7);
    p = p * r + L(2.75572684648316265e-6);
    p = p * r + L(2.48015213022410831e-5);
    p = p * r + L(1.98412698630505055e-4);
    p = p * r + L(1.3888888917209671e-3);
    p = p * r + L(8.33333333333006246e-3);
    p = p * r + L(4.1666666666624136e-2);
    p = p * r + L(0.166666666666666675);
    return p * r + L(0.5);
#endif
}

/* 2^k (1 + r + r^2 tail) with t = k + MAGIC, for every k that a finite result or a subnormal one can have: k is added
 * to the exponent, and 2^BOOST more for very negative k, undone by a product. */
CG_INLINE T N(cg_exp_scale)(T t, T r, int low)
{
    const T p = L(1.0) + r * (L(1.0) + r * N(cg_exp_tail)(r));
    const IT k = BITS(t) + (low ? POLY(64, 128) : 0);
    const T y = FLOAT((IT)((IU)BITS(p) + ((IU)k << MANTISSA)));
    return y * (low ? POLY(L(5.421010862427522e-20), L(2.938735877055719e-39)) : L(1.0));
}

/* The largest number whose exponential is finite; the sum with infinity makes infinities and NaN of the rest. */
#define EXP_MOST POLY(L(88.72283), L(709.782712893384))
CG_INLINE T N(cg_exp)(T a)
{
    const T low = POLY(L(-104.0), L(-746.0)), x = a < low ? low : a;
    const T t = x * LOG2E + MAGIC, k = t - MAGIC;
    const T y = N(cg_exp_scale)(t, (x - k * LN2_HI) - k * LN2_LO, x < POLY(L(-80.0), L(-700.0)));
    return a <= EXP_MOST ? y : a + (T)INFINITY;
}

CG_INLINE T N(cg_exp2)(T a)
{
    const T low = POLY(L(-151.0), L(-1076.0)), x = a < low ? low : a;
    const T t = x + MAGIC;
    const T r = (x - (t - MAGIC)) * L(0.6931471805599453);
    const T y = N(cg_exp_scale)(t, r, x < POLY(L(-115.0), L(-1010.0)));
    return a < POLY(L(128.0), L(1024.0)) ? y : a + (T)INFINITY;
}

/* n / d for d in [1, 2].  Float: a quotient takes the time of ten products, so the reciprocal begins as a polynomial
 * (error 1 in 577), and a step of Newton and the remainder of the quotient make it exact to the last place. */
CG_INLINE T N(cg_over)(T n, T d)
{
#if CG_KIND == 1
    const T y = ((L(-0.22183347) * d + L(1.331006)) * d + L(-2.9393172)) * d + L(2.8284113);
    const T r = y + y * (L(1.0) - y * d), q = n * r;
    return q + r * (n - q * d);
#else
    return n / d;
#endif
}

CG_INLINE T N(cg_expm1)(T a)
{
    const T low = POLY(L(-20.0), L(-40.0)), high = POLY(L(89.0), L(710.0));
    const T x = a < low ? low : a > high ? high : a;
    const T t = x * LOG2E + MAGIC, k = t - MAGIC, r = (x - k * LN2_HI) - k * LN2_LO;
    /* 2^(k-1), which k = 128 does not overflow */
    const T mid = FLOAT((IT)((IU)(BITS(t) + (BIAS - 1)) << MANTISSA));
    const T y = L(2.0) * (mid * (r + r * r * N(cg_exp_tail)(r)) + (mid - L(0.5)));
    return N(cg_copysign)(y, a);
}

/* log(1 + f) for 1 + f in [sqrt(1/2), sqrt(2)).  Float: f - f^2/2 + f^3 p(f), p by weighted least squares.  Double: with
 * s = f / (2 + f), z = s^2 it is 2 s (1 + z/3 + z^2/5 + ...), arranged so that f itself enters unrounded. */
CG_INLINE T N(cg_log_near_1)(T f)
{
    const T h = L(0.5) * f * f;
#if CG_KIND == 1
    T p = L(0.06746601313352585);
    p = p * f + L(-0.11675640940666199);
    p = p * f + L(0.11888174712657928);
    p = p * f + L(-0.12405591458082199);
    p = p * f + L(0.14219550788402557);
    p = p * f + L(-0.1666799634695053);
    p = p * f + L(0.2000211924314499);
    p = p * f + L(-0.25000008940696716);
    p = p * f + L(0.3333331346511841);
    return f + (f * f * f * p - h);
#else
    const T s = f / (L(2.0) + f), z = s * s;
    T p = L(0.146165764216443859);
    p = p * z + L(0.15331711346672996);
    p = p * z + L(0.181828894337575164);
    p = p * z + L(0.222222111305607264);
    p = p * z + L(0.285714286260014256);
    p = p * z + L(0.399999999998994473);
    p = p * z + L(0.666666666666666969);
    return f - (h - s * (h + z * p));
#endif
}

#define SQRT1_2_BITS POLY((IT)0x3f3504f3, (IT)0x3fe6a09e667f3bcd)

/* The bits of x (positive, normal) as exponent and mantissa around 1: x = 2^e m with e =
 * LOG_E(v), m = LOG_M(v). */
#define LOG_V(x) (BITS(x) - SQRT1_2_BITS + ((IT)BIAS << MANTISSA))
#define LOG_E(v) (FLOAT((IT)((IU)(v) >> MANTISSA) | POLY((IT)0x4b000000, (IT)0x4330000000000000)) \
                  - POLY(L(8388735.0), L(4503599627371519.0)))
#define LOG_M(v) FLOAT(((v) & (((IT)1 << MANTISSA) - 1)) + SQRT1_2_BITS)

/* What log, log2 return outside (0, inf). */
CG_INLINE T N(cg_log_ends)(T a, T y)
{
    const T z = a < (T)INFINITY ? y : a;
    return a > L(0.0) ? z : a == L(0.0) ? -(T)INFINITY : (T)NAN;
}

CG_INLINE T N(cg_log)(T a)
{
    const int small = a < FLOAT((IT)1 << MANTISSA);
    const IT v = LOG_V(small ? a * POLY(L(33554432.0), L(18014398509481984.0)) : a);
    const T k = LOG_E(v) - (small ? POLY(L(25.0), L(54.0)) : L(0.0));
    return N(cg_log_ends)(a, k * LN2_HI + (k * LN2_LO + N(cg_log_near_1)(LOG_M(v) - L(1.0))));
}

CG_INLINE T N(cg_log2)(T a)
{
    const int small = a < FLOAT((IT)1 << MANTISSA);
    const IT v = LOG_V(small ? a * POLY(L(33554432.0), L(18014398509481984.0)) : a);
    const T k = LOG_E(v) - (small ? POLY(L(25.0), L(54.0)) : L(0.0));
    return N(cg_log_ends)(a, k + N(cg_log_near_1)(LOG_M(v) - L(1.0)) * LOG2E);
}

CG_INLINE T N(cg_log10)(T a)
{
    const int small = a < FLOAT((IT)1 << MANTISSA);
    const IT v = LOG_V(small ? a * POLY(L(33554432.0), L(18014398509481984.0)) : a);
    const T k = LOG_E(v) - (small ? POLY(L(25.0), L(54.0)) : L(0.0));
    return N(cg_log_ends)(a, k * POLY(L(0.301025390625), L(0.3010299955494702))
        + (k * POLY(L(4.605038981195214e-06), L(1.1451100898021838e-10))
            + N(cg_log_near_1)(LOG_M(v) - L(1.0)) * L(0.4342944819032518)));
}

/* log of the rounded 1 + a, with what the rounding lost added to the part near 1. */
CG_INLINE T N(cg_log1p)(T a)
{
    const T u = L(1.0) + a;
    const IT v = LOG_V(u);
    const T k = LOG_E(v), twice_down = FLOAT((IT)(((IU)(2 * BIAS + 1) - ((IU)v >> MANTISSA)) << MANTISSA));
    const T f = (LOG_M(v) - L(1.0)) + L(0.5) * (a - (u - L(1.0))) * twice_down;
    const T y = N(cg_log_ends)(u, k * LN2_HI + (k * LN2_LO + N(cg_log_near_1)(f)));
    return u == L(1.0) ? a : y;
}

/* -t / (2 + t) with t = exp(-2 |a|) - 1, which is in (-1, 0]. */
CG_INLINE T N(cg_tanh)(T a)
{
    const T m = L(-2.0) * N(cg_abs)(a), least = POLY(L(-20.0), L(-40.0)); /* where tanh rounds to 1 */
    const T x = m < least ? least : m;
    const T s = x * LOG2E + MAGIC, k = s - MAGIC, r = (x - k * LN2_HI) - k * LN2_LO;
    const T scale = FLOAT((IT)((IU)(BITS(s) + BIAS) << MANTISSA));
    const T t = scale * (r + r * r * N(cg_exp_tail)(r)) + (scale - L(1.0));
    return N(cg_copysign)(N(cg_over)(-t, L(2.0) + t), a);
}

/* cosh - of |a| - and sinh from half the exponential, which overflows only where they do. */
CG_INLINE T N(cg_half_exp)(T x)
{
    const T z = x > POLY(L(90.0), L(711.0)) ? POLY(L(90.0), L(711.0)) : x;
    const T t = z * LOG2E + MAGIC, k = t - MAGIC, r = (z - k * LN2_HI) - k * LN2_LO;
    /* 2^(k-2): k may exceed the largest exponent */
    const T mid = FLOAT((IT)((IU)(BITS(t) + (BIAS - 2)) << MANTISSA));
    return L(2.0) * (mid * (L(1.0) + (r + r * r * N(cg_exp_tail)(r))));
}

CG_INLINE T N(cg_cosh)(T a)
{
    const T h = N(cg_half_exp)(N(cg_abs)(a));
    return h + L(0.25) / h;
}

CG_INLINE T N(cg_sinh)(T a)
{
    const T m = N(cg_abs)(a), h = N(cg_half_exp)(m), t = N(cg_expm1)(m);
    return N(cg_copysign)(m < L(5.0) ? L(0.5) * (t + t / (t + L(1.0))) : h - L(0.25) / h, a);
}

/* The logarithmic forms; for large arguments the square would overflow, and log(2x) serves. */
#define LARGE POLY(L(1e8), L(1e16))
CG_INLINE T N(cg_asinh)(T a)
{
    const T m = N(cg_abs)(a), z = m * m;
    const T y = N(cg_log1p)(m > LARGE ? m : m + z / (L(1.0) + M(sqrt)(z + L(1.0))));
    return N(cg_copysign)(m > LARGE ? y + L(0.6931471805599453) : y, a);
}

CG_INLINE T N(cg_acosh)(T a)
{
    const T t = a - L(1.0), y = N(cg_log1p)(a > LARGE ? a : t + M(sqrt)(t * (t + L(2.0))));
    return a < L(1.0) ? (T)NAN : a > LARGE ? y + L(0.6931471805599453) : y;
}
#undef LARGE

CG_INLINE T N(cg_atanh)(T a)
{
    const T m = N(cg_abs)(a);
    return N(cg_copysign)(L(0.5) * N(cg_log1p)(L(2.0) * m / (L(1.0) - m)), a);
}

#define PI_2 L(1.5707963267948966)
#define PI_2_LO POLY(L(-4.371139e-8), L(6.123233995736766e-17)) /* pi/2 less its rounding */

/* (atan(t) / t - 1) / t^2 at z = t^2, |t| <= tan(pi/8). */
CG_INLINE T N(cg_atan_tail)(T z)
{
#if CG_KIND == 1
    return (((L(-6.451841277e-2) * z + L(0.1074370526)) * z + L(-0.1426395317)) * z
        + L(0.1999954041)) * z
        + L(-0.3333333176);
#else
    T p = L(-0.0191762715175263401);
    p = p * z + L(0.0392311556198723048);
    p = p * z + L(-0.0508543233769907671);
    p = p * z + L(0.0585814558762820175);
    p = p * z + L(-0.066645110645993717);
    p = p * z + L(0.0769218316365089391);
    p = p * z + L(-0.0909090457695411683);
    p = p * z + L(0.111111110152275715);
    p = p * z + L(-0.14285714284666185);
    p = p * z + L(0.19999999999995519);
    return p * z + L(-0.333333333333333302);
#endif
}

/* atan(n / d) for n, d >= 0, by the angles 0, pi/4 and pi/2 nearest to it. */
CG_INLINE T N(cg_atan_ratio)(T n, T d)
{
    const int big = n > L(2.414213562373095) * d, mid = n > L(0.4142135623730951) * d;
    const T t = (big ? -d : mid ? n - d : n) / (big ? n : mid ? n + d : d), z = t * t;
    const T quarter = big ? L(2.0) : mid ? L(1.0) : L(0.0);
    const T y = t + t * z * N(cg_atan_tail)(z);
    return L(0.5) * quarter * PI_2 + (L(0.5) * quarter * PI_2_LO + y);
}

CG_INLINE T N(cg_atan)(T a)
{
    const T m = N(cg_abs)(a);
    return N(cg_copysign)(m > POLY(L(1e30), L(1e300)) ? PI_2 : N(cg_atan_ratio)(m, L(1.0)), a);
}

/* The quotient is taken within the octant, so that it neither overflows nor is 0/0 or inf/inf. */
CG_INLINE T N(cg_atan2)(T a, T b)
{
    const T y = N(cg_abs)(a), x = N(cg_abs)(b), low = y < x ? y : x, high = y < x ? x : y;
    const T q = low == high ? (high == L(0.0) ? L(0.0) : L(1.0)) : low / high,
        r = N(cg_atan_ratio)(q, L(1.0));
    const T s = y > x ? (PI_2 - r) + PI_2_LO : r;
    const T u = N(cg_copysign)(L(1.0), b) < L(0.0) ? (L(2.0) * PI_2 - s) + L(2.0) * PI_2_LO : s;
    return (a != a) | (b != b) ? a + b : N(cg_copysign)(u, a);
}

/* asin(s) for s in [0, 1/2], z = s^2. */
CG_INLINE T N(cg_asin_small)(T s, T z)
{
#if CG_KIND == 1
    return s + s * z * ((((L(3.808502356e-2) * z + L(2.655454221e-2)) * z + L(4.500138007e-2)) * z
        + L(7.498855073e-2)) * z
        + L(0.1666667241));
#else
    T p = L(0.0287578513674215647);
    p = p * z + L(-0.0148518870712472032);
    p = p * z + L(0.0174008794426940224);
    p = p * z + L(0.0054575067186403583);
    p = p * z + L(0.0103228143501857793);
    p = p * z + L(0.0114791774151849059);
    p = p * z + L(0.0139712129735529333);
    p = p * z + L(0.0173523927208699729);
    p = p * z + L(0.0223721729421498879);
    p = p * z + L(0.0303819441385312473);
    p = p * z + L(0.0446428571463554298);
    p = p * z + L(0.0749999999999843293);
    p = p * z + L(0.166666666666666678);
    return s + s * z * p;
#endif
}

/* Above 1/2 by the half angle: asin(m) = pi/2 - 2 asin(sqrt((1 - m) / 2)). */
CG_INLINE T N(cg_asin)(T a)
{
    const T m = N(cg_abs)(a);
    const int big = m > L(0.5);
    const T z = big ? L(0.5) * (L(1.0) - m) : m * m, p = N(cg_asin_small)(big ? M(sqrt)(z) : m, z);
    return N(cg_copysign)(big ? (PI_2 - L(2.0) * p) + PI_2_LO : p, a);
}

CG_INLINE T N(cg_acos)(T a)
{
    const T m = N(cg_abs)(a);
    const int big = m > L(0.5);
    const T z = big ? L(0.5) * (L(1.0) - m) : m * m, p = N(cg_asin_small)(big ? M(sqrt)(z) : m, z);
    const T far = a < L(0.0) ? (L(2.0) * PI_2 - L(2.0) * p) + L(2.0) * PI_2_LO : L(2.0) * p;
    return big ? far : (PI_2 - N(cg_copysign)(p, a)) + PI_2_LO;
}

/* cos(a) would make gcc call a scalar sincos */
CG_INLINE T N(cg_tan)(T a) { return M(sin)(a) / M(cos)(N(cg_abs)(a)); }

/* The smaller of two positive numbers, and the greater, by their bits: a limit that is compared as a float again has gcc
 * split the loop's body in two, which it can't vectorise then.  NaN counts as large. */
CG_INLINE T N(cg_at_most)(T a, T b) { return FLOAT(BITS(a) < BITS(b) ? BITS(a) : BITS(b)); }
CG_INLINE T N(cg_at_least)(T a, T b) { return FLOAT(BITS(a) > BITS(b) ? BITS(a) : BITS(b)); }

/* erf(a) for |a| <= 1: a (2 / sqrt(pi) + a^2 p(a^2)).  Fits of this group: float by Lawson's weighted least squares, double
 * by interpolation at Chebyshev's nodes. */
CG_INLINE T N(cg_erf_small)(T a)
{
    const T z = a * a;
#if CG_KIND == 1
    T p = L(7.898686453700066e-05);
    p = p * z + L(-0.0008024816052056849);
    p = p * z + L(0.0051901619881391525);
    p = p * z + L(-0.02685491554439068);
    p = p * z + L(0.11283617466688156);
    p = p * z + L(-0.3761262893676758);
#else
    T p = L(-8.104604390891201e-10);
    p = p * z + L(1.3885993761269141e-08);
    p = p * z + L(-1.6246879043757455e-07);
    p = p * z + L(1.6452426695576325e-06);
    p = p * z + L(-1.492513967141986e-05);
    p = p * z + L(0.0001205531561733556);
    p = p * z + L(-0.0008548326654375318);
    p = p * z + L(0.005223977620857795);
    p = p * z + L(-0.026866170644838858);
    p = p * z + L(0.11283791670954398);
    p = p * z + L(-0.3761263890318375);
#endif
    return a + a * (L(0.1283791670955126) + z * p);
}

/* erfc(x) for x in [0.48, 27]: exp(-x^2) / (1 + 2x) times a polynomial in (x - 3) / (x + 3); x^2 is split so that the
 * exponent is exact to far below an ulp. */
CG_INLINE T N(cg_erfc_large)(T x)
{
    const T d = L(1.0) + L(2.0) * x, z = d * (x + L(3.0));
#if CG_KIND == 1
    /* 1 / z from its negated exponent (error 1 in 18), by a cubic and a quadratic step */
    const T v = FLOAT((IT)0x7ef311c3 - BITS(z)), g = L(1.0) - z * v, v2 = v + v * (g + g * g);
    const T over = v2 + v2 * (L(1.0) - z * v2);
#else
    const T over = L(1.0) / z;
#endif
    const T u = (x - L(3.0)) * d * over, w0 = (x + L(3.0)) * over, w = w0 + w0 * (L(1.0) - d * w0);
    const T h = FLOAT(BITS(x) & ~POLY((IT)0xfff, (IT)0x7ffffff)), y = -h * h;
    const T t = y * LOG2E + MAGIC, k = t - MAGIC;
    const T r = ((y - k * LN2_HI) - k * LN2_LO) - (x - h) * (x + h);
    const T e = N(cg_exp_scale)(t, r, y < POLY(L(-80.0), L(-700.0)));
#if CG_KIND == 1
    T p = L(-0.0005395664415);
    p = p * u + L(0.00181795608);
    p = p * u + L(0.002392533104);
    p = p * u + L(-0.02375300763);
    p = p * u + L(0.06833914922);
    p = p * u + L(-0.119275683);
    p = p * u + L(0.129642388);
    p = p * u + L(-0.04756219098);
    p = p * u + L(-0.1356210384);
    p = p * u + L(1.253008057);
#else
    T p = L(8.891565072186887e-09);
    p = p * u + L(7.081867085486116e-08);
    p = p * u + L(-8.461506718882347e-08);
    p = p * u + L(-5.831642139674775e-07);
    p = p * u + L(3.031433373377666e-07);
    p = p * u + L(3.451712910084721e-06);
    p = p * u + L(-7.010931512456492e-07);
    p = p * u + L(-2.0092603468159477e-05);
    p = p * u + L(4.938670517155903e-06);
    p = p * u + L(0.0001250973890943002);
    p = p * u + L(-0.00010515737014041625);
    p = p * u + L(-0.0007798319633522501);
    p = p * u + L(0.0018886900225147383);
    p = p * u + L(0.002529391786211825);
    p = p * u + L(-0.02377051489161505);
    p = p * u + L(0.06830802734561034);
    p = p * u + L(-0.11927366341641678);
    p = p * u + L(0.12964515870271834);
    p = p * u + L(-0.04756229435343309);
    p = p * u + L(-0.13562110612458084);
    p = p * u + L(1.2530080582697296);
#endif
    return e * w * p;
}

CG_INLINE T N(cg_erfc)(T a)
{
    const T m = N(cg_abs)(a), x = N(cg_at_least)(N(cg_at_most)(m, POLY(L(10.5), L(27.5))), L(0.48));
    const T tail = N(cg_erfc_large)(x), up = a < L(0.0) ? L(2.0) - tail : tail;
    return m < L(0.6) ? L(1.0) - N(cg_erf_small)(a) : a != a ? a : up;
}

/* Above 1, float: 1 - exp(-p(|a|)), p a fit of -log(erfc). */
CG_INLINE T N(cg_erf)(T a)
{
#if CG_KIND == 1
    const T m = N(cg_abs)(a), x = N(cg_at_most)(m, L(4.05)), small = N(cg_erf_small)(a);
    T p = L(-0.00018882364383898675);
    p = p * x + L(0.0029724424239248037);
    p = p * x + L(-0.021940432488918304);
    p = p * x + L(0.10332734882831573);
    p = p * x + L(0.6378830671310425);
    p = p * x + L(1.1272515058517456);
    p = p * x + L(0.0003004280151799321);
    /* exp(-p), of which the last places are below those of the result */
    const T t = MAGIC - p * LOG2E, r = -p - (t - MAGIC) * L(0.6931471805599453);
    T e = L(0.008374514058232307);
    e = e * r + L(0.04189835116267204);
    e = e * r + L(0.16666458547115326);
    e = e * r + L(0.4999914765357971);
    e = L(1.0) + r * (L(1.0) + r * e);
    const T big = N(cg_copysign)(L(1.0) - FLOAT((IT)((IU)BITS(e) + ((IU)BITS(t) << MANTISSA))), a);
    return m <= L(1.0) ? small : a != a ? a : big;
#else
    const T m = N(cg_abs)(a), x = N(cg_at_least)(N(cg_at_most)(m, L(6.0)), L(0.9)), small = N(cg_erf_small)(a);
    const T big = N(cg_copysign)(L(1.0) - N(cg_erfc_large)(x), a);
    return m <= L(1.0) ? small : a != a ? a : big;
#endif
}

CG_INLINE T N(cg_sign)(T a) { return (T)((L(0.0) < a) - (a < L(0.0))); }
CG_INLINE int N(cg_signbit)(T a) { return N(cg_copysign)(L(1.0), a) < L(0.0); }

/* Float in C: exact in double while the quotient has at most 29 bits; the rest, rarely met, is
 * libm's. */
CG_INLINE T N(cg_fmod)(T a, T b)
{
#if CG_KIND == 1 && !defined(__OPENCL_VERSION__)
    const double q = trunc((double)a / (double)b);
    if (fabs(q) < 536870912.0 && N(cg_abs)(b) < (T)INFINITY)
        return N(cg_copysign)((T)((double)a - q * (double)b), a);
#endif
    return M(fmod)(a, b);
}

/* Python's remainder: the sign of the divisor.  The choice is made by mask, since its branch
 * would be a coin toss. */
CG_INLINE T N(cg_remainder)(T a, T b)
{
    const T r = N(cg_fmod)(a, b);
    const IT m = -(IT)((r != L(0.0)) & ((b < L(0.0)) != (r < L(0.0))));
    return FLOAT((BITS(r + b) & m) | (BITS(r) & ~m));
}

/* Python's floor division: from the exact remainder, so that 1 // 0.1 is 9. */
CG_INLINE T N(cg_div_floor)(T a, T b)
{
    const T r = N(cg_fmod)(a, b);
    const T q = (a - r) / b - ((r != L(0.0)) & ((b < L(0.0)) != (r < L(0.0))) ? L(1.0) : L(0.0));
    const T f = M(floor)(q);
    const T up = f + (q - f > L(0.5) ? L(1.0) : L(0.0));
    const T z = q == L(0.0) ? N(cg_copysign)(L(0.0), a / b) : up;
    return b == L(0.0) ? a / b : z;
}

/* NaN wins, here and in clamp. */
CG_INLINE T N(cg_maximum)(T a, T b) { return (a > b) | (a != a) ? a : b; }
CG_INLINE T N(cg_minimum)(T a, T b) { return (a < b) | (a != a) ? a : b; }

CG_INLINE T N(cg_clamp)(T a, T low, T high)
{
    const T b = a < low ? low : a;
    return b > high ? high : b;
}

CG_INLINE T N(cg_square)(T a) { return a * a; }

/* The squares neither overflow nor vanish: float's in double, double's under a scale. */
CG_INLINE T N(cg_hypot)(T a, T b)
{
    const T x = N(cg_abs)(a), y = N(cg_abs)(b);
#if CG_KIND == 1 && !defined(__OPENCL_VERSION__)
    const T z = (T)sqrt((double)x * x + (double)y * y);
#elif CG_KIND == 1
    const T z = hypot(x, y);
#else
    const T m = x > y ? x : y;
    const T s = m > L(1e150) ? L(2.409919865102884e-181) : m < L(1e-150) ? L(4.149515568880993e+180) : L(1.0);
    const T back = m > L(1e150) ? L(4.149515568880993e+180) : m < L(1e-150) ? L(2.409919865102884e-181) : L(1.0);
    const T z = M(sqrt)((x * s) * (x * s) + (y * s) * (y * s)) * back;
#endif
    return (x == (T)INFINITY) | (y == (T)INFINITY) ? (T)INFINITY : z;
}

/* By exp(-|a|), which does not overflow. */
CG_INLINE T N(cg_sigmoid)(T a)
{
    const T low = POLY(L(-104.0), L(-746.0)), m = -N(cg_abs)(a), x = m < low ? low : m;
    const T t = x * LOG2E + MAGIC, k = t - MAGIC;
    const T e = N(cg_exp_scale)(t, (x - k * LN2_HI) - k * LN2_LO, x < POLY(L(-80.0), L(-700.0)));
    const T y = N(cg_over)(a < L(0.0) ? e : L(1.0), L(1.0) + e);
    return a == a ? y : a;
}
CG_INLINE T N(cg_softplus)(T a) { return a > L(20.0) ? a : N(cg_log1p)(N(cg_exp)(a)); }

CG_INLINE T N(cg_logaddexp)(T a, T b)
{
    const T m = a > b ? a : b, d = N(cg_abs)(a - b);
    /* d is NaN where both are the same infinity */
    return (a == b) & (d != d) ? a : m + N(cg_log1p)(N(cg_exp)(-d));
}

CG_INLINE T N(cg_logaddexp2)(T a, T b)
{
    const T m = a > b ? a : b, d = N(cg_abs)(a - b);
    return (a == b) & (d != d) ? a : m + N(cg_log1p)(N(cg_exp2)(-d)) * L(1.4426950408889634);
}

CG_INLINE T N(cg_xlogy)(T a, T b) { return (a == L(0.0)) & (b == b) ? L(0.0) : a * N(cg_log)(b); }

CG_INLINE T N(cg_logit)(T a, T eps)
{
    const T z = eps < L(0.0) ? a : a < eps ? eps : a > L(1.0) - eps ? L(1.0) - eps : a;
    return N(cg_log)(z / (L(1.0) - z));
}

CG_INLINE T N(cg_round_decimals)(T a, T decimals)
{
    const T s = M(pow)(L(10.0), N(cg_abs)(decimals));
    return decimals < L(0.0) ? M(rint)(a / s) * s : M(rint)(a * s) / s;
}

/* a**b from |a|**b: libmvec does one negative base at a time. */
CG_INLINE T N(cg_pow)(T a, T b)
{
    const T m = N(cg_abs)(a), y = M(pow)(m, b), half = L(0.5) * b;
    const int whole = M(trunc)(b) == b, odd = whole & (M(trunc)(half) != half);
    const T z = odd ? N(cg_copysign)(y, a) : y;
    return (a < L(0.0)) & (m < (T)INFINITY) & !whole ? (T)NAN : z;
}

/* 2^k for a whole k that is the exponent of a normal number. */
CG_INLINE T N(cg_power_of_2)(T k) { return FLOAT((IT)((IU)(BITS(k + MAGIC) + BIAS) << MANTISSA)); }

/* Exact at both ends: the nearer end is the base of the step. */
CG_INLINE T N(cg_lerp)(T a, T b, T w)
{
    return N(cg_abs)(w) < L(0.5) ? a + w * (b - a) : b - (b - a) * (L(1.0) - w);
}

/* a = m * 2^e with m in [0.5, 1); zero, infinity and NaN are their own m, with e = 0.  A
 * subnormal a is first scaled. */
CG_INLINE T N(cg_frexp_exponent)(T a)
{
    const T up = (T)((IT)1 << (MANTISSA + 1)), m = N(cg_abs)(a);
    const int small = m < FLOAT((IT)1 << MANTISSA);
    const IT e = (BITS(small ? m * up : m) >> MANTISSA) - (BIAS - 1) - (small ? MANTISSA + 1 : 0);
    /* to floating without a conversion, which AVX2 has not for 64 bits */
    return (m > L(0.0)) & (m < (T)INFINITY) ? FLOAT(BITS(MAGIC) + e) - MAGIC : L(0.0);
}

CG_INLINE T N(cg_frexp_mantissa)(T a)
{
    const T up = (T)((IT)1 << (MANTISSA + 1)), m = N(cg_abs)(a);
    const IT u = BITS(m < FLOAT((IT)1 << MANTISSA) ? m * up : m) & (((IT)1 << MANTISSA) - 1);
    const T m1 = FLOAT(u | (IT)(BIAS - 1) << MANTISSA);
    return (m > L(0.0)) & (m < (T)INFINITY) ? N(cg_copysign)(m1, a) : a;
}

/* a * 2^b where 2^b alone would overflow or vanish: the exponents are added first, so that one product rounds. */
CG_INLINE T N(cg_ldexp)(T a, T b)
{
    const T least = POLY(L(-126.0), L(-1022.0)), up = POLY(L(64.0), L(128.0));
    const T k = M(floor)(b), m = N(cg_frexp_mantissa)(a) * L(2.0) * N(cg_exp2)(b - k);
    const T e = N(cg_frexp_exponent)(a) - L(1.0) + k, low = e < least ? up : L(0.0), s = e + low;
    const T t = s < least ? least : s, scale = N(cg_power_of_2)(t > (T)BIAS ? (T)BIAS : t);
    const T down = e < least ? POLY(L(5.421010862427522e-20), L(2.938735877055719e-39)) : L(1.0);
    const T y = m * scale * (e > (T)BIAS ? L(2.0) : down);
    return N(cg_abs)(b) < (T)INFINITY ? y : a * N(cg_exp2)(b);
}

CG_INLINE T N(cg_sinc)(T a)
{
    /* sin(pi (a - k)) up to its sign, of the nearest integer k: pi a itself would lose what is left beside k */
    const T m = N(cg_abs)(a), k = M(rint)(m), half = L(0.5) * k, y = M(sin)((m - k) * L(3.141592653589793));
    const T z = (M(floor)(half) == half ? y : -y) / (m * L(3.141592653589793));
    return a == L(0.0) ? L(1.0) : z;
}

/* ------------------------------------------------------------------------- special functions
 * Series, recurrences and quadrature, no tables.  Formula numbers are those of the NIST Digital
 * Library of Mathematical Functions (dlmf.nist.gov). */

#define EPS POLY(L(6e-8), L(1.1e-16))
#define PI L(3.141592653589793)

/* Psi by recurrence up to 10, then 5.11.2; reflection 5.5.4 for negative a. */
CG_INLINE T N(cg_digamma)(T a)
{
    T x = a, y = L(0.0), z;
    if (a == L(0.0))
        return N(cg_copysign)((T)INFINITY, -a);
    if (a < L(0.0)) {
        const T r = a - M(rint)(a); /* exact, and tan has the period pi */
        if (!(N(cg_abs)(r) > L(0.0)))
            return (T)NAN;
        x = L(1.0) - a;
        y = -PI / M(tan)(PI * r);
    }
    for (; x < L(10.0); x += L(1.0))
        y -= L(1.0) / x;
    z = L(1.0) / (x * x);
    return y + N(cg_log)(x) - L(0.5) / x
        - z * (L(8.333333333333333e-2) - z * (L(8.333333333333333e-3) - z * (L(3.968253968253968e-3)
        - z * (L(4.1666666666666667e-3)
        - z * (L(7.575757575757576e-3) - z * L(2.1092796092796093e-2))))));
}

/* Hurwitz zeta by Euler-Maclaurin summation, 25.2.9 with a general start. */
CG_INLINE T N(cg_zeta)(T s, T q)
{
    T sum = L(0.0), x = q, t;
    int k;
    const T bernoulli[8] = { /* B(2k) / (2k)! */
        L(8.333333333333333e-2), L(-1.388888888888889e-3), L(3.306878306878307e-5),
        L(-8.267195767195767e-7), L(2.0876756987868099e-8), L(-5.284190138687493e-10),
        L(1.3382536530684679e-11), L(-3.3896802963225829e-13)};
    if (s == L(1.0))
        return (T)INFINITY;
    if (!(s > L(1.0)) | (q != q))
        return (T)NAN;
    if (q == (T)INFINITY)
        return L(0.0);
    if (q <= L(0.0)) {
        if (q == M(floor)(q))
            return (T)INFINITY;
        if (s != M(floor)(s))
            return (T)NAN;
    }
    for (k = 0; (x < L(10.0) + L(0.5) * s) & (k < 1000000); k++, x += L(1.0)) {
        t = M(pow)(x, -s);
        sum += t;
        /* A large s: the rest is below the rounding */
        if ((x > L(0.0)) & (t < EPS * L(0.01) * sum))
            return sum;
    }
    t = M(pow)(x, -s);
    sum += x * t / (s - L(1.0)) + L(0.5) * t;
    t *= s / x;
    for (k = 0; k < 8; k++) {
        sum += bernoulli[k] * t;
        t *= (s + (T)(2 * k + 1)) * (s + (T)(2 * k + 2)) / (x * x);
    }
    return sum;
}

/* (-1)^(n+1) n! zeta(n + 1, a), 5.15.1 */
CG_INLINE T N(cg_polygamma)(T n, T a)
{
    const T z = n == L(0.0) ? L(0.0) : M(tgamma)(n + L(1.0)) * N(cg_zeta)(n + L(1.0), a);
    return n == L(0.0) ? N(cg_digamma)(a) : M(fmod)(n, L(2.0)) == L(0.0) ? -z : z;
}

/* log |gamma(a)|.  Float in C: in double throughout, Stirling's series 5.11.1 of an argument that the recurrence brought
 * above 8, and reflection 5.5.3 below 1/2; the logarithms meet in one.  Near its zeros it loses nothing that a float has. */
CG_INLINE T N(cg_lgamma)(T a)
{
#if CG_KIND == 1 && !defined(__OPENCL_VERSION__)
    const double x = (double)a, w = x < 0.5 ? 1.0 - x : x, r = x - rint(x), s = r * r;
    const double first = (w * (w + 7.0)) * ((w + 1.0) * (w + 6.0));
    const double shifted = first * (((w + 2.0) * (w + 5.0)) * ((w + 3.0) * (w + 4.0)));
    const double big = w < 8.0 ? w + 8.0 : w, product = w < 8.0 ? shifted : 1.0;
    const double i = 1.0 / big, z = i * i;
    double p = -0.02955065359477124, q = 1.3522815814661438e-06; /* q: sin(pi r) / r in r^2 */
    p = p * z + 0.00641025641025641;
    p = p * z - 0.0019175269175269176;
    p = p * z + 0.0008417508417508417;
    p = p * z - 0.0005952380952380953;
    p = p * z + 0.0007936507936507937;
    p = p * z - 0.002777777777777778;
    p = p * z + 0.08333333333333333;
    q = q * s - 2.244732352954922e-05;
    q = q * s + 0.00046650461976142953;
    q = q * s - 0.007370470262437246;
    q = q * s + 0.08214589075464777;
    q = q * s - 0.5992645295423382;
    q = q * s + 2.5501640398818837;
    q = q * s - 5.167712780049975;
    q = q * s + 3.141592653589793;
    const double part = x < 0.5 ? product * 3.141592653589793 / cg_abs_f64(r * q) : product;
    const double y = (big - 0.5) * cg_log_f64(big) - big + (0.9189385332046727 + i * p), l = cg_log_f64(part);
    const double whole = x < 0.5 ? l - y : y - l;
    const double ends = x == 1.0 || x == 2.0 ? 0.0 : whole;
    return cg_abs_f64(x) < INFINITY ? (float)ends : a != a ? a : (float)INFINITY;
#else
    return M(lgamma)(a);
#endif
}

/* exp(x^2), of which the square is taken exactly, in two parts. */
CG_INLINE T N(cg_exp_square)(T x)
{
    const T h = FLOAT(BITS(x) & ~POLY((IT)0xfff, (IT)0x7ffffff));
    return N(cg_exp)(h * h) * N(cg_exp)((x - h) * (x + h));
}

/* exp(x^2) erfc(x): the product up to 5, beyond it the continued fraction 7.9.1. */
CG_INLINE T N(cg_erfcx)(T a)
{
    const T x = N(cg_abs)(a);
    T y;
    if (x < L(5.0)) {
        y = N(cg_exp_square)(x) * N(cg_erfc)(x);
    } else {
        T t = x;
        for (int k = 40; k; k--)
            t = x + L(0.5) * (T)k / t;
        y = L(0.5641895835477563) / t;
    }
    return a < L(-26.7) ? (T)INFINITY : a < L(0.0) ? L(2.0) * N(cg_exp_square)(x) - y : y;
}

CG_INLINE T N(cg_ndtr)(T a) { return L(0.5) * N(cg_erfc)(-a * L(0.7071067811865476)); }

CG_INLINE T N(cg_log_ndtr)(T a)
{
    const T x = a * L(0.7071067811865476);
    return a < L(-1.0) ? N(cg_log)(L(0.5) * N(cg_erfcx)(-x)) - x * x
                       : N(cg_log1p)(L(-0.5) * N(cg_erfc)(x));
}

/* a times a function of w = -log(1 - a^2), in two pieces (weighted least squares, error 6e-9); for double two steps of
 * Halley follow, very near 1 from the leading terms of erfc's expansion. */
CG_INLINE T N(cg_erfinv)(T a)
{
    const T w = -N(cg_log)((L(1.0) - a) * (L(1.0) + a)), u = w - L(10.5);
    T p = L(-8.791056771428885e-09), q = L(2.146057420313041e-12) * u + L(-3.9240558719066954e-11), y;
    p = p * w + L(2.2103141361640155e-07), q = q * u + L(3.349917288009152e-10);
    p = p * w + L(-1.976470002773567e-06), q = q * u + L(-1.952463302146157e-09);
    p = p * w + L(3.9832830225350335e-06), q = q * u + L(-1.315920844513485e-10);
    p = p * w + L(4.456507667827716e-05), q = q * u + L(3.077553003549838e-07);
    p = p * w + L(-0.00012748139852192253), q = q * u + L(-7.625670605193591e-06);
    p = p * w + L(-0.0023342964705079794), q = q * u + L(0.00015550291573163122);
    p = p * w + L(0.011548654176294804), q = q * u + L(-0.003562340047210455);
    p = p * w + L(0.23201382160186768), q = q * u + L(0.15509869158267975);
    p = p * w + L(0.8862268924713135), q = q * u + L(3.0742058753967285);
    y = a * (w < L(5.0) ? p : q);
#if CG_KIND == 2
    const T far = w + L(0.6931471805599453);
    const T z = N(cg_copysign)(M(sqrt)(far - L(0.5) * N(cg_log)(far * L(3.141592653589793))), a);
    y = w > L(16.0) ? z : y;
    /* d = erf(y) - a, near 1 by way of erfc, which loses nothing there */
    for (int k = 0; k < 2; k++) {
        const T m = N(cg_abs)(y), b = N(cg_abs)(a);
        const T d = b < L(0.5) ? N(cg_erf)(m) - b : (L(1.0) - b) - N(cg_erfc)(m);
        const T e = d * L(0.8862269254527580) * N(cg_exp)(m * m);
        y = N(cg_copysign)(m - e / (L(1.0) + m * e), a);
    }
#endif
    return N(cg_abs)(a) == L(1.0) ? a * (T)INFINITY : y; /* beyond 1 the logarithm is NaN */
}

/* Quantile of the normal distribution: Abramowitz & Stegun 26.2.23 (error 4.5e-4), then two
 * steps of Halley, which cube the error.  Worked in the lower tail, where erfc is accurate; in the middle, where 2 a - 1 is
 * exact, by erfinv. */
CG_INLINE T N(cg_ndtri)(T a)
{
    const T p = a > L(0.5) ? L(1.0) - a : a, t = M(sqrt)(L(-2.0) * N(cg_log)(p));
    T x = (L(2.515517) + t * (L(0.802853) + t * L(0.010328)))
        / (L(1.0) + t * (L(1.432788) + t * (L(0.189269) + t * L(0.001308)))) - t;
    if ((a == L(0.0)) | (a == L(1.0)))
        return a == L(0.0) ? -(T)INFINITY : (T)INFINITY;
    if (p > L(0.25))
        return L(1.4142135623730951) * N(cg_erfinv)(L(2.0) * a - L(1.0));
    for (int k = 0; k < 2; k++) {
        const T e = (N(cg_ndtr)(x) - p) * L(2.5066282746310002) * N(cg_exp)(L(0.5) * x * x);
        x -= e / (L(1.0) + L(0.5) * x * e);
    }
    return a > L(0.5) ? -x : x;
}

CG_INLINE T N(cg_xlog1py)(T a, T b)
{
    return (a == L(0.0)) & (b == b) ? L(0.0) : a * N(cg_log1p)(b);
}

CG_INLINE T N(cg_entr)(T a)
{
    return a > L(0.0) ? -a * N(cg_log)(a) : a == L(0.0) ? L(0.0) : a < L(0.0) ? -(T)INFINITY : a;
}

/* x^a e^-x / gamma(a + 1); for a large a by Stirling 5.11.1 around x = a, so that no large
 * logarithms cancel. */
CG_INLINE T N(cg_gamma_front)(T a, T x)
{
    const T d = (x - a) / a, z = L(1.0) / (a * a);
    const T stirling = (L(8.333333333333333e-2) - z * (L(2.777777777777778e-3)
        - z * (L(7.936507936507937e-4) - z * L(5.952380952380953e-4)))) / a;
    if (a < L(10.0))
        return N(cg_exp)(a * N(cg_log)(x) - x - N(cg_lgamma)(a + L(1.0)));
    return N(cg_exp)(a * (N(cg_log1p)(d) - d) - stirling) / M(sqrt)(L(2.0) * PI * a);
}

/* Regularised incomplete gamma functions: lower by 8.7.1, upper by the continued fraction 8.9.2,
 * each where it converges fast; for a beyond 1e4 the first terms of the uniform expansion
 * 8.12.3. */
CG_INLINE T N(cg_incomplete_gamma)(T a, T x, int upper)
{
    T y;
    int is_upper = 0;
    if ((a != a) | (x != x) | (a < L(0.0)) | (x < L(0.0)) | ((a == L(0.0)) & (x == L(0.0)))
        | ((a == (T)INFINITY) & (x == (T)INFINITY)))
        return (T)NAN;
    if ((x == L(0.0)) | (a == (T)INFINITY)) {
        y = L(0.0);
    } else if ((a == L(0.0)) | (x == (T)INFINITY)) {
        y = L(1.0);
    } else if (a > L(1e4)) {
        const T d = (x - a) / a, h = N(cg_maximum)(d - N(cg_log1p)(d), L(0.0));
        const T n = N(cg_copysign)(M(sqrt)(L(2.0) * h), d);
        const T c = N(cg_abs)(n) < L(0.01) ? L(-0.3333333333333333) + n * L(8.333333333333333e-2)
                                           : L(1.0) / d - L(1.0) / n;
        const T width = N(cg_exp)(-a * h) / M(sqrt)(L(2.0) * PI * a);
        const T r = width * (c - L(1.8518518518518519e-3) / a);
        is_upper = d > L(0.0);
        y = L(0.5) * N(cg_erfc)(N(cg_abs)(n) * M(sqrt)(L(0.5) * a)) + (is_upper ? r : -r);
    } else if (x < a + L(1.0)) {
        T t = L(1.0);
        y = L(1.0);
        for (int k = 1; (k < 2000) & (t > EPS * y); k++) {
            t *= x / (a + (T)k);
            y += t;
        }
        y *= N(cg_gamma_front)(a, x);
    } else {
        T b = x + L(1.0) - a, c = L(1e30), d = L(1.0) / b, f = d;
        for (int k = 1; k < 2000; k++) {
            const T e = -(T)k * ((T)k - a);
            b += L(2.0);
            d = L(1.0) / (e * d + b);
            c = b + e / c;
            f *= c * d;
            if (N(cg_abs)(c * d - L(1.0)) < EPS)
                break;
        }
        is_upper = 1;
        y = a * N(cg_gamma_front)(a, x) * f;
    }
    return is_upper == upper ? y : L(1.0) - y;
}

CG_INLINE T N(cg_igamma)(T a, T b) { return N(cg_incomplete_gamma)(a, b, 0); }
CG_INLINE T N(cg_igammac)(T a, T b) { return N(cg_incomplete_gamma)(a, b, 1); }

/* I0 and I1: the power series 10.25.2 up to 20 (all terms positive), then 10.40.1.  `scaled` =
 * times exp(-|a|). */
CG_INLINE T N(cg_bessel_i)(int order, T a, int scaled)
{
    const T x = N(cg_abs)(a), z = L(0.25) * x * x, mu = (T)(4 * order * order);
    T y = L(1.0), t = L(1.0), slope = L(0.0);
    if (x < L(20.0)) {
        for (int k = 1; (k < 100) & (t > EPS * y); k++) {
            t *= z / ((T)k * (T)(k + order));
            y += t;
            slope += (T)k * t;
        }
        /* what the rounding of z did to all of the terms: x = h + l exactly, and so are the products of h */
        const T h = FLOAT(BITS(x) & ~POLY((IT)0xfff, (IT)0x7ffffff)), l = x - h;
        y += z > L(0.0) ? slope * (((L(0.25) * h * h - z) + L(0.5) * h * l + L(0.25) * l * l) / z) : L(0.0);
        y *= (order ? L(0.5) * x : L(1.0)) * (scaled ? N(cg_exp)(-x) : L(1.0));
    } else {
        for (int k = 1; (k < 40) & (N(cg_abs)(t) > EPS); k++) {
            t *= ((T)((2 * k - 1) * (2 * k - 1)) - mu) / ((T)(8 * k) * x);
            y += t;
        }
        y /= M(sqrt)(L(2.0) * PI * x);
        /* exp(x) alone overflows too early */
        y = scaled ? y : x < POLY(L(88.0), L(709.0)) ? y * N(cg_exp)(x)
            : y * N(cg_exp)(L(0.5) * x) * N(cg_exp)(L(0.5) * x);
    }
    return order && a < L(0.0) ? -y : y;
}

CG_INLINE T N(cg_i0)(T a) { return N(cg_bessel_i)(0, a, 0); }
CG_INLINE T N(cg_i0e)(T a) { return N(cg_bessel_i)(0, a, 1); }
CG_INLINE T N(cg_i1)(T a) { return N(cg_bessel_i)(1, a, 0); }
CG_INLINE T N(cg_i1e)(T a) { return N(cg_bessel_i)(1, a, 1); }

/* exp(x) K_order(x) by the trapezoidal rule on 10.32.9, which converges exponentially; the step
 * follows the width of the integrand, 1 / sqrt(x). */
CG_INLINE T N(cg_bessel_k)(T order, T x, int scaled)
{
    const T h = L(0.5) / M(sqrt)(x > L(4.0) ? x : L(4.0));
    T y = L(0.5);
    if (!(x > L(0.0)))
        return x == L(0.0) ? (T)INFINITY : (T)NAN;
    for (int k = 1; k < 4000; k++) {
        const T t = (T)k * h, s = N(cg_sinh)(L(0.5) * t);
        const T e = N(cg_exp)(L(-2.0) * x * s * s) * N(cg_cosh)(order * t);
        y += e;
        if (!(e > EPS * L(0.1) * y))
            break;
    }
    return h * y * (scaled ? L(1.0) : N(cg_exp)(-x));
}

CG_INLINE T N(cg_k0)(T a) { return N(cg_bessel_k)(L(0.0), a, 0); }
CG_INLINE T N(cg_k1)(T a) { return N(cg_bessel_k)(L(1.0), a, 0); }
CG_INLINE T N(cg_k0e)(T a) { return N(cg_bessel_k)(L(0.0), a, 1); }
CG_INLINE T N(cg_k1e)(T a) { return N(cg_bessel_k)(L(1.0), a, 1); }

/* J0, J1, Y0, Y1 of x >= 0 (kind 0 to 3).  Below 25: Miller's backward recurrence (3.6), scaled
 * by 10.12.4, with the Neumann series 10.8.1 for Y0 and its derivative for Y1.  Above: Hankel's
 * expansion 10.17.3. */
CG_INLINE T N(cg_bessel_jy)(T x, int kind)
{
    const int order = kind & 1;
    /* 10.7: one term is exact to rounding, and the recurrence would overflow */
    if (x < POLY(L(1e-4), L(1e-8))) {
        const T y0 = N(cg_log)(L(0.5) * x) + L(0.5772156649015329);
        const T y = kind == 2 ? L(2.0) / PI * y0 : L(-2.0) / (PI * x);
        return kind == 0 ? L(1.0) : kind == 1 ? L(0.5) * x : y;
    }
    if (x < L(25.0)) {
        const int start = 2 * ((int)(L(0.65) * x) + 14);
        T above = L(0.0), here = POLY(L(1e-30), L(1e-200)), norm = L(0.0);
        T y0 = L(0.0), y1 = L(0.0), j1 = L(0.0), log_x;
        for (int k = start; k; k--) { /* here = J_k up to a factor */
            const T m = (T)(k / 2), sign = (k / 2) & 1 ? L(-1.0) : L(1.0);
            const T below = L(2.0) * (T)k / x * here - above;
            if (k == 1) {
                j1 = here;
                y1 -= here;
            } else if (k & 1) {
                y1 -= sign * (L(1.0) / m + L(1.0) / (m + L(1.0))) * here;
            } else {
                norm += L(2.0) * here;
                y0 += sign * here / m;
            }
            above = here;
            here = below;
            if (N(cg_abs)(here) > POLY(L(1e25), L(1e200))) {
                const T down = POLY(L(1e-25), L(1e-200));
                above *= down, here *= down, norm *= down, y0 *= down, y1 *= down, j1 *= down;
            }
        }
        norm += here;
        log_x = N(cg_log)(L(0.5) * x) + L(0.5772156649015329);
        y0 = log_x * here - L(2.0) * y0;
        y1 = log_x * j1 - here / x + y1;
        if (kind < 2)
            return (kind ? j1 : here) / norm;
        return L(2.0) / PI * (kind == 2 ? y0 : y1) / norm;
    } else {
        /* of x - pi/4 and x - 3pi/4 by the sum of both */
        const T mu = (T)(4 * order), s = M(sin)(x), c = M(cos)(x);
        const T cos_chi = (order ? s - c : c + s) * L(0.7071067811865476);
        const T sin_chi = (order ? -s - c : s - c) * L(0.7071067811865476);
        const T front = M(sqrt)(L(2.0) / (PI * x));
        T p = L(1.0), q = L(0.0), t = L(1.0);
        for (int k = 1; (k < 40) & (N(cg_abs)(t) > EPS); k++) {
            t *= (mu - (T)((2 * k - 1) * (2 * k - 1))) / ((T)(8 * k) * x);
            if (k & 1)
                q += k & 2 ? -t : t;
            else
                p += k & 2 ? -t : t;
        }
        return front * (kind < 2 ? p * cos_chi - q * sin_chi : p * sin_chi + q * cos_chi);
    }
}

CG_INLINE T N(cg_bessel_j0)(T a) { return N(cg_bessel_jy)(N(cg_abs)(a), 0); }
CG_INLINE T N(cg_bessel_j1)(T a)
{
    const T y = N(cg_bessel_jy)(N(cg_abs)(a), 1);
    return a < L(0.0) ? -y : y;
}

CG_INLINE T N(cg_bessel_y0)(T a) { return a < L(0.0) ? (T)NAN : N(cg_bessel_jy)(a, 2); }
CG_INLINE T N(cg_bessel_y1)(T a) { return a < L(0.0) ? (T)NAN : N(cg_bessel_jy)(a, 3); }

CG_INLINE T N(cg_spherical_bessel_j0)(T a)
{
    const T z = a * a;
    if (z < L(0.25)) /* 10.53.1 */
        return L(1.0) - z / L(6.0) * (L(1.0) - z / L(20.0) * (L(1.0) - z / L(42.0)
            * (L(1.0) - z / L(72.0) * (L(1.0) - z / L(110.0) * (L(1.0) - z / L(156.0))))));
    return z == (T)INFINITY ? L(0.0) : M(sin)(a) / a;
}

/* Ai: 9.6.2 above 1; between -12 and 1 Taylor steps of w'' = x w from 0, stable where w
 * oscillates; below -12 9.7.9. */
CG_INLINE T N(cg_airy_ai)(T a)
{
    if (a > L(1.0))
        return M(sqrt)(a / L(3.0)) / PI
            * N(cg_bessel_k)(L(0.3333333333333333), L(0.6666666666666667) * a * M(sqrt)(a), 0);
    if (a > L(-12.0)) {
        T x = L(0.0), w = L(0.3550280538878172), d = L(-0.2588194037928068);
        for (int step = 0; (step < 14) & (x != a); step++) {
            const T h = a - x < L(-1.0) ? L(-1.0) : a - x;
            T older = L(0.0), old = w, c = d, power = h, next_w = w + d * h, next_d = d;
            for (int n = 0; n < 24; n++) { /* c_(n+2) = (x c_n + c_(n-1)) / ((n + 1) (n + 2)) */
                const T e = (x * old + older) / (T)((n + 1) * (n + 2));
                next_d += (T)(n + 2) * e * power;
                power *= h;
                next_w += e * power;
                older = old, old = c, c = e;
            }
            w = next_w, d = next_d;
            x = h == L(-1.0) ? x - L(1.0) : a;
        }
        return w;
    } else {
        const T z = -a, f = L(0.6666666666666667) * z * M(sqrt)(z), s = M(sin)(f), c = M(cos)(f);
        T p = L(1.0), q = L(0.0), t = L(1.0);
        for (int k = 1; (k < 30) & (N(cg_abs)(t) > EPS); k++) {
            t *= (T)((6 * k - 5) * (6 * k - 3) * (6 * k - 1)) / ((T)(216 * k * (2 * k - 1)) * f);
            if (k & 1)
                q += k & 2 ? -t : t;
            else
                p += k & 2 ? -t : t;
        }
        return ((c + s) * p + (s - c) * q) * L(0.7071067811865476) / M(sqrt)(PI * M(sqrt)(z));
    }
}

/* Orthogonal polynomials by their three-term recurrences (18.9), n cut to an integer; n <= -1
 * and NaN give 0. */
#define DEGREE(n) ((n) < L(1e6) ? (int)(n) : 1000000)

/* Chebyshev's four kinds share the recurrence and differ in the polynomial of degree one. */
CG_INLINE T N(cg_chebyshev)(T x, T first, T n)
{
    T p = L(1.0), y = first;
    if (!(n > L(-1.0)))
        return L(0.0);
    if (n < L(1.0))
        return L(1.0);
    for (int k = DEGREE(n); k > 1; k--) {
        const T next = L(2.0) * x * y - p;
        p = y;
        y = next;
    }
    return y;
}

CG_INLINE T N(cg_chebyshev_t)(T x, T n) { return N(cg_chebyshev)(x, x, n); }
CG_INLINE T N(cg_chebyshev_u)(T x, T n) { return N(cg_chebyshev)(x, L(2.0) * x, n); }
CG_INLINE T N(cg_chebyshev_v)(T x, T n) { return N(cg_chebyshev)(x, L(2.0) * x - L(1.0), n); }
CG_INLINE T N(cg_chebyshev_w)(T x, T n) { return N(cg_chebyshev)(x, L(2.0) * x + L(1.0), n); }

/* kind 0 Hermite H, 1 Hermite He, 2 Laguerre, 3 Legendre */
CG_INLINE T N(cg_orthogonal)(T x, T n, int kind)
{
    T p = L(1.0), y = kind == 0 ? L(2.0) * x : kind == 2 ? L(1.0) - x : x;
    if (!(n > L(-1.0)))
        return L(0.0);
    if (n < L(1.0))
        return L(1.0);
    for (int k = 1; k < DEGREE(n); k++) {
        const T m = (T)k, odd = L(2.0) * m + L(1.0);
        const T next = kind == 0 ? L(2.0) * (x * y - m * p) : kind == 1 ? x * y - m * p
            : ((kind == 2 ? odd - x : odd * x) * y - m * p) / (m + L(1.0));
        p = y;
        y = next;
    }
    return y;
}

CG_INLINE T N(cg_hermite_h)(T x, T n) { return N(cg_orthogonal)(x, n, 0); }
CG_INLINE T N(cg_hermite_he)(T x, T n) { return N(cg_orthogonal)(x, n, 1); }
CG_INLINE T N(cg_laguerre)(T x, T n) { return N(cg_orthogonal)(x, n, 2); }
CG_INLINE T N(cg_legendre)(T x, T n) { return N(cg_orthogonal)(x, n, 3); }

#undef EPS
#undef PI
#undef DEGREE
#undef MANTISSA
#undef SIGN
#undef BIAS
#undef POLY
#undef LN2_HI
#undef LN2_LO
#undef LOG2E
#undef MAGIC
#undef SQRT1_2_BITS
#undef EXP_MOST
#undef LOG_V
#undef LOG_E
#undef LOG_M
#undef PI_2
#undef PI_2_LO
#endif
