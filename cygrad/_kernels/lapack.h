/* LAPACK by kind of element: 0 float, 1 double, 2 complex float, 3 complex double.
 *
 * A routine has one name per kind (sgetrf, dgetrf, cgetrf, zgetrf) and one list of arguments, in which only the types of
 * pointers differ; those convert from void*.  Where the complex routine has a name of its own (orgqr, ungqr), both are
 * given.  Matrices are column-major.  Results are LAPACK's info.
 */
#ifndef CG_LAPACK_H
#define CG_LAPACK_H

#include <cblas.h>
#include <float.h>
#include <lapacke.h>
#include <math.h>
#include <string.h>

#define CG_BY_KIND(kind, real, complex, ...)                                                        \
    ((kind) == 0   ? scipy_LAPACKE_s##real(LAPACK_COL_MAJOR, __VA_ARGS__)                           \
     : (kind) == 1 ? scipy_LAPACKE_d##real(LAPACK_COL_MAJOR, __VA_ARGS__)                           \
     : (kind) == 2 ? scipy_LAPACKE_c##complex(LAPACK_COL_MAJOR, __VA_ARGS__)                        \
                   : scipy_LAPACKE_z##complex(LAPACK_COL_MAJOR, __VA_ARGS__))

static int cg_getrf(int kind, int m, int n, void *a, int *pivots) {
    return CG_BY_KIND(kind, getrf, getrf, m, n, a, m, pivots);
}
static int cg_getrs(int kind, char trans, int n, int columns, void *lu, int *pivots, void *b) {
    return CG_BY_KIND(kind, getrs, getrs, trans, n, columns, lu, n, pivots, b, n);
}
static int cg_potrf(int kind, char uplo, int n, void *a) { return CG_BY_KIND(kind, potrf, potrf, uplo, n, a, n); }
static int cg_potri(int kind, char uplo, int n, void *a) { return CG_BY_KIND(kind, potri, potri, uplo, n, a, n); }
static int cg_potrs(int kind, char uplo, int n, int columns, void *a, void *b) {
    return CG_BY_KIND(kind, potrs, potrs, uplo, n, columns, a, n, b, n);
}
static int cg_sytrf(int kind, int hermitian, int n, void *a, int *pivots) {
    return hermitian ? CG_BY_KIND(kind, sytrf, hetrf, 'L', n, a, n, pivots)
                     : CG_BY_KIND(kind, sytrf, sytrf, 'L', n, a, n, pivots);
}
static int cg_sytrs(int kind, int hermitian, int n, int columns, void *a, int *pivots, void *b) {
    return hermitian ? CG_BY_KIND(kind, sytrs, hetrs, 'L', n, columns, a, n, pivots, b, n)
                     : CG_BY_KIND(kind, sytrs, sytrs, 'L', n, columns, a, n, pivots, b, n);
}
/* `work` of CG_BLOCK * n elements serves a whole batch; without one, each call would ask for the size and allocate. */
#define CG_BLOCK 32
static int cg_geqrf(int kind, int m, int n, void *a, void *tau, void *work) {
    return CG_BY_KIND(kind, geqrf_work, geqrf_work, m, n, a, m, tau, work, CG_BLOCK * n);
}
static int cg_orgqr(int kind, int m, int n, int k, void *a, void *tau, void *work) {
    return CG_BY_KIND(kind, orgqr_work, ungqr_work, m, n, k, a, m, tau, work, CG_BLOCK * n);
}
static int cg_ormqr(int kind, char side, char trans, int m, int n, int k, void *a, int lda, void *tau, void *c) {
    return CG_BY_KIND(kind, ormqr, unmqr, side, trans, m, n, k, a, lda, tau, c, m);
}
static int cg_gesdd(int kind, char job, int m, int n, void *a, void *s, void *u, void *vt, int ldvt) {
    return CG_BY_KIND(kind, gesdd, gesdd, job, m, n, a, m, s, u, m, vt, ldvt);
}
/* The SVD by bidiagonal form of a real matrix, m < n, as gesdd has it for matrices that are nearly square.
 * u is m by m, vt rows by n, rows m or n; work has m * (4 + m) elements. */
#define CG_WIDE_SVD(T, p)                                                                                           \
    static int cg_wide_svd_##p(int m, int n, int rows, T *a, T *s, T *u, T *vt, T *work) {                          \
        T *e = work, *tauq = work + m, *taup = work + 2 * m, *right = work + 4 * m;                                 \
        int i, j, info = scipy_LAPACKE_##p##gebrd(LAPACK_COL_MAJOR, m, n, a, m, s, e, tauq, taup);                  \
        if (info) return info;                                                                                      \
        info = scipy_LAPACKE_##p##bdsdc(LAPACK_COL_MAJOR, 'L', 'I', m, s, e, u, m, right, m, NULL, NULL);           \
        if (info) return info;                                                                                      \
        for (j = 0; j < n; j++)                                                                                     \
            for (i = 0; i < rows; i++)                                                                              \
                vt[i + (size_t)j * rows] = i < m && j < m ? right[i + (size_t)j * m] : i == j;                      \
        info = scipy_LAPACKE_##p##ormbr(LAPACK_COL_MAJOR, 'Q', 'L', 'N', m, m, n, a, m, tauq, u, m);                \
        return info ? info                                                                                          \
                    : scipy_LAPACKE_##p##ormbr(LAPACK_COL_MAJOR, 'P', 'R', 'T', rows, n, m, a, m, taup, vt, rows);  \
    }
CG_WIDE_SVD(float, s)
CG_WIDE_SVD(double, d)
#undef CG_WIDE_SVD
static int cg_wide_svd(int kind, int m, int n, int rows, void *a, void *s, void *u, void *vt, void *work) {
    return kind ? cg_wide_svd_d(m, n, rows, a, s, u, vt, work) : cg_wide_svd_s(m, n, rows, a, s, u, vt, work);
}
static int cg_syevd(int kind, char job, char uplo, int n, void *a, void *w) {
    return CG_BY_KIND(kind, syevd, heevd, job, uplo, n, a, n, w);
}
static int cg_sytrd(int kind, char uplo, int n, void *a, void *d, void *e, void *tau) {
    return CG_BY_KIND(kind, sytrd, hetrd, uplo, n, a, n, d, e, tau);
}
static int cg_orgtr(int kind, char uplo, int n, void *a, void *tau) {
    return CG_BY_KIND(kind, orgtr, ungtr, uplo, n, a, n, tau);
}

/* Eigenvalues (ascending, in d) and eigenvectors (the columns of z, `rows` numbers each, turned as the basis is) of a
 * symmetric tridiagonal matrix, by implicit QL or QR from the end with the smaller element on (Parlett, The symmetric
 * eigenvalue problem, chapter 8; LAPACK's steqr).  LAPACK's own has plane rotations of another sign convention since
 * 3.10, and so eigenvectors of other signs than libraries with the older one, which PyTorch's is.  Not 0 where it does
 * not converge. */
#define CG_STEQR(T, p, F)                                                                                           \
    static void cg_rotate_##p(int rows, T *x, T *y, T c, T s) {                                                     \
        for (int i = 0; i < rows; i++) {                                                                            \
            const T t = y[i];                                                                                       \
            y[i] = c * t - s * x[i];                                                                                \
            x[i] = s * t + c * x[i];                                                                                \
        }                                                                                                           \
    }                                                                                                               \
    /* [c s; -s c] [f; g] = [r; 0], c positive where |f| > |g|. */                                                  \
    static T cg_plane_##p(T f, T g, T *c, T *s) {                                                                   \
        T r = f;                                                                                                    \
        *c = 1, *s = 0;                                                                                             \
        if (g == 0) return r;                                                                                       \
        if (f == 0) {                                                                                               \
            *c = 0, *s = 1;                                                                                         \
            return g;                                                                                               \
        }                                                                                                           \
        r = hypot##F(f, g);                                                                                         \
        if (fabs##F(f) > fabs##F(g) && f < 0) r = -r;                                                               \
        *c = f / r, *s = g / r;                                                                                     \
        return r;                                                                                                   \
    }                                                                                                               \
    /* Eigenvalues and the rotation of [a b; b c] (LAPACK's laev2). */                                              \
    static void cg_pair_##p(T a, T b, T c, T *first, T *second, T *cs, T *sn) {                                     \
        const T sum = a + c, df = a - c, tb = b + b;                                                                \
        const T root = hypot##F(df, tb), most = fabs##F(a) > fabs##F(c) ? a : c, least = most == a ? c : a;         \
        const int one = sum < 0 ? -1 : 1, two = df >= 0 ? 1 : -1;                                                   \
        if (sum != 0) {                                                                                             \
            *first = (sum + one * root) / 2;                                                                        \
            *second = (most / *first) * least - (b / *first) * b;                                                   \
        } else                                                                                                      \
            *first = root / 2, *second = -root / 2;                                                                 \
        const T side = df + two * root;                                                                             \
        T x = 1, y = 0;                                                                                             \
        if (fabs##F(side) > fabs##F(tb)) {                                                                          \
            const T cot = -tb / side;                                                                               \
            y = 1 / sqrt##F(1 + cot * cot), x = cot * y;                                                            \
        } else if (tb != 0) {                                                                                       \
            const T tan = -side / tb;                                                                               \
            x = 1 / sqrt##F(1 + tan * tan), y = tan * x;                                                            \
        }                                                                                                           \
        *cs = one == two ? -y : x, *sn = one == two ? x : y;                                                        \
    }                                                                                                               \
    static int cg_steqr_##p(int n, int rows, T *d, T *e, T *z, T eps, T tiny) {                                     \
        int start = 0, patience = 30 * n;                                                                           \
        while (start < n) {                                                                                         \
            int l = start, end = n - 1;                                                                             \
            if (start > 0) e[start - 1] = 0;                                                                        \
            for (int i = start; i < n - 1; i++)                                                                     \
                if (fabs##F(e[i]) <= sqrt##F(fabs##F(d[i])) * sqrt##F(fabs##F(d[i + 1])) * eps) {                   \
                    e[i] = 0, end = i;                                                                              \
                    break;                                                                                          \
                }                                                                                                   \
            start = end + 1;                                                                                        \
            if (fabs##F(d[end]) < fabs##F(d[l])) {                                                                  \
                const int t = l;                                                                                    \
                l = end, end = t;                                                                                   \
            }                                                                                                       \
            /* One step of direction: e between i and i + step is at i or i - 1. */                                 \
            const int step = end >= l ? 1 : -1, shift = step > 0 ? 0 : -1;                                          \
            while ((end - l) * step >= 0) {                                                                         \
                int m = l;                                                                                          \
                while (m != end) {                                                                                  \
                    const T t = e[m + shift];                                                                       \
                    if (t * t <= eps * eps * fabs##F(d[m]) * fabs##F(d[m + step]) + tiny) {                         \
                        e[m + shift] = 0;                                                                           \
                        break;                                                                                      \
                    }                                                                                               \
                    m += step;                                                                                      \
                }                                                                                                   \
                if (m == l) {                                                                                       \
                    l += step;                                                                                      \
                    continue;                                                                                       \
                }                                                                                                   \
                const int low = step > 0 ? l : l - 1;                                                               \
                T c = 1, s = 1;                                                                                     \
                if (m == l + step) {                                                                                \
                    T first, second;                                                                                \
                    cg_pair_##p(d[low], e[low], d[low + 1], &first, &second, &c, &s);                               \
                    cg_rotate_##p(rows, z + (size_t)low * rows, z + (size_t)(low + 1) * rows, c, s);                \
                    d[low] = first, d[low + 1] = second, e[low] = 0;                                                \
                    l += 2 * step;                                                                                  \
                    continue;                                                                                       \
                }                                                                                                   \
                if (patience-- == 0) return 1;                                                                      \
                T p_ = d[l], g = (d[l + step] - p_) / (2 * e[l + shift]);                                           \
                g = d[m] - p_ + e[l + shift] / (g + copysign##F(hypot##F(g, 1), g));                                \
                p_ = 0;                                                                                             \
                for (int i = m - step;; i -= step) {                                                                \
                    const T f = s * e[i + shift], b = c * e[i + shift];                                             \
                    T r = cg_plane_##p(g, f, &c, &s);                                                               \
                    if (i != m - step) e[i + step + shift] = r;                                                     \
                    g = d[i + step] - p_;                                                                           \
                    r = (d[i] - g) * s + 2 * c * b;                                                                 \
                    p_ = s * r;                                                                                     \
                    d[i + step] = g + p_;                                                                           \
                    g = c * r - b;                                                                                  \
                    const int at = step > 0 ? i : i - 1;                                                            \
                    cg_rotate_##p(rows, z + (size_t)at * rows, z + (size_t)(at + 1) * rows, c, -step * s);          \
                    if (i == l) break;                                                                              \
                }                                                                                                   \
                d[l] -= p_;                                                                                         \
                e[l + shift] = g;                                                                                   \
            }                                                                                                       \
        }                                                                                                           \
        for (int i = 0; i < n; i++) { /* in ascending order */                                                      \
            int k = i;                                                                                              \
            for (int j = i + 1; j < n; j++)                                                                         \
                if (d[j] < d[k]) k = j;                                                                             \
            if (k == i) continue;                                                                                   \
            T t = d[k];                                                                                             \
            d[k] = d[i], d[i] = t;                                                                                  \
            for (int j = 0; j < rows; j++)                                                                          \
                t = z[j + (size_t)i * rows], z[j + (size_t)i * rows] = z[j + (size_t)k * rows],                     \
                z[j + (size_t)k * rows] = t;                                                                        \
        }                                                                                                           \
        return 0;                                                                                                   \
    }
CG_STEQR(float, s, f)
CG_STEQR(double, d, )
#undef CG_STEQR
static int cg_steqr(int kind, int n, void *d, void *e, void *z) {
    return kind % 2 ? cg_steqr_d(n, kind >= 2 ? 2 * n : n, d, e, z, DBL_EPSILON / 2, DBL_MIN)
                    : cg_steqr_s(n, kind >= 2 ? 2 * n : n, d, e, z, FLT_EPSILON / 2, FLT_MIN);
}
/* geev of a real matrix by its parts (Golub and Van Loan, Matrix computations, 7.6), for the sake of the last: that the
 * largest component of a complex eigenvector is real leaves its sign open, and a plane rotation decides (see above).
 * Results as geev's; work has 2 * n elements. */
#define CG_EIG(T, p, F)                                                                                             \
    static int cg_eig_##p(int n, T *a, T *re, T *im, T *v, T *work) {                                               \
        int lo, hi, found, info = scipy_LAPACKE_##p##gebal(LAPACK_COL_MAJOR, 'B', n, a, n, &lo, &hi, work);         \
        if (!info && lo < hi) /* else triangular: gehrd's own answer for its workspace is too small */         \
            info = scipy_LAPACKE_##p##gehrd(LAPACK_COL_MAJOR, n, lo, hi, a, n, work + n);                           \
        memcpy(v, a, sizeof(T) * n * n);                                                                            \
        if (!info) info = scipy_LAPACKE_##p##orghr(LAPACK_COL_MAJOR, n, lo, hi, v, n, work + n);                    \
        if (!info) info = scipy_LAPACKE_##p##hseqr(LAPACK_COL_MAJOR, 'S', 'V', n, lo, hi, a, n, re, im, v, n);      \
        if (!info)                                                                                                  \
            info = scipy_LAPACKE_##p##trevc(LAPACK_COL_MAJOR, 'R', 'B', NULL, n, a, n, NULL, n, v, n, n, &found);   \
        if (!info) info = scipy_LAPACKE_##p##gebak(LAPACK_COL_MAJOR, 'B', 'R', n, lo, hi, work, n, v, n);           \
        if (info) return info;                                                                                      \
        for (int j = 0; j < n; j++) {                                                                               \
            T *x = v + (size_t)j * n, *y = x + n, size = 0, most = 0, c, s;                                         \
            const int pair = im[j] != 0, width = pair ? 2 * n : n;                                                  \
            int k = 0;                                                                                              \
            for (int i = 0; i < width; i++)                                                                         \
                size += x[i] * x[i];                                                                                \
            for (int i = 0; i < width; i++)                                                                         \
                x[i] /= sqrt##F(size);                                                                              \
            if (!pair) continue;                                                                                    \
            for (int i = 0; i < n; i++)                                                                             \
                if (x[i] * x[i] + y[i] * y[i] > most) most = x[i] * x[i] + y[i] * y[i], k = i;                      \
            cg_plane_##p(x[k], y[k], &c, &s);                                                                       \
            cg_rotate_##p(n, x, y, c, s);                                                                           \
            y[k] = 0;                                                                                               \
            j++;                                                                                                    \
        }                                                                                                           \
        return 0;                                                                                                   \
    }
CG_EIG(float, s, f)
CG_EIG(double, d, )
#undef CG_EIG
static int cg_eig(int kind, int n, void *a, void *re, void *im, void *v, void *work) {
    return kind ? cg_eig_d(n, a, re, im, v, work) : cg_eig_s(n, a, re, im, v, work);
}
/* Real matrices: eigenvalues in w (real parts) and wi (imaginary parts). */
static int cg_geev(int kind, char job, int n, void *a, void *w, void *wi, void *v) {
    switch (kind) {
    case 0: return scipy_LAPACKE_sgeev(LAPACK_COL_MAJOR, 'N', job, n, a, n, w, wi, NULL, n, v, n);
    case 1: return scipy_LAPACKE_dgeev(LAPACK_COL_MAJOR, 'N', job, n, a, n, w, wi, NULL, n, v, n);
    case 2: return scipy_LAPACKE_cgeev(LAPACK_COL_MAJOR, 'N', job, n, a, n, w, NULL, n, v, n);
    default: return scipy_LAPACKE_zgeev(LAPACK_COL_MAJOR, 'N', job, n, a, n, w, NULL, n, v, n);
    }
}
static int cg_gels(int kind, int m, int n, int columns, void *a, void *b, int ldb) {
    return CG_BY_KIND(kind, gels, gels, 'N', m, n, columns, a, m, b, ldb);
}
/* Drivers by their last letter: gelsy, gelsd, gelss. */
static int cg_gelsx(int kind, char driver, int m, int n, int columns, void *a, void *b, int ldb, void *s, int *pivots,
                    double rcond, int *rank) {
    switch (driver) {
    case 'y': return CG_BY_KIND(kind, gelsy, gelsy, m, n, columns, a, m, b, ldb, pivots, rcond, rank);
    case 'd': return CG_BY_KIND(kind, gelsd, gelsd, m, n, columns, a, m, b, ldb, s, rcond, rank);
    default: return CG_BY_KIND(kind, gelss, gelss, m, n, columns, a, m, b, ldb, s, rcond, rank);
    }
}

/* b = a^-1 b (left) or b a^-1, a triangular; b is m by n. */
static void cg_trsm(int kind, int left, int upper, int unit, int m, int n, void *a, void *b) {
    static const float one_c[2] = {1, 0};
    static const double one_z[2] = {1, 0};
    int k = left ? m : n;
#define CG_TRSM(name, one)                                                                                          \
    name(CblasColMajor, left ? CblasLeft : CblasRight, upper ? CblasUpper : CblasLower, CblasNoTrans,               \
         unit ? CblasUnit : CblasNonUnit, m, n, one, a, k, b, m)
    switch (kind) {
    case 0: CG_TRSM(scipy_cblas_strsm, 1.0f); break;
    case 1: CG_TRSM(scipy_cblas_dtrsm, 1.0); break;
    case 2: CG_TRSM(scipy_cblas_ctrsm, one_c); break;
    default: CG_TRSM(scipy_cblas_ztrsm, one_z); break;
    }
#undef CG_TRSM
}

#endif
