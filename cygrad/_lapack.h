/* LAPACK by kind of element: 0 float, 1 double, 2 complex float, 3 complex double.
 *
 * A routine has one name per kind (sgetrf, dgetrf, cgetrf, zgetrf) and one list of arguments, in which only the types of
 * pointers differ; those convert from void*.  Where the complex routine has a name of its own (orgqr, ungqr), both are
 * given.  Matrices are column-major.  Results are LAPACK's info.
 */
#ifndef CG_LAPACK_H
#define CG_LAPACK_H

#include <cblas.h>
#include <lapacke.h>

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
static int cg_geqrf(int kind, int m, int n, void *a, void *tau) { return CG_BY_KIND(kind, geqrf, geqrf, m, n, a, m, tau); }
static int cg_orgqr(int kind, int m, int n, int k, void *a, void *tau) {
    return CG_BY_KIND(kind, orgqr, ungqr, m, n, k, a, m, tau);
}
static int cg_ormqr(int kind, char side, char trans, int m, int n, int k, void *a, int lda, void *tau, void *c) {
    return CG_BY_KIND(kind, ormqr, unmqr, side, trans, m, n, k, a, lda, tau, c, m);
}
static int cg_gesdd(int kind, char job, int m, int n, void *a, void *s, void *u, void *vt, int ldvt) {
    return CG_BY_KIND(kind, gesdd, gesdd, job, m, n, a, m, s, u, m, vt, ldvt);
}
/* The SVD by bidiagonal form of a real matrix, m < n, as gesdd has it for matrices that are nearly square.
 * u is m by m, vt rows by n, rows m or n; work has m * (4 + m) elements. */
#define CG_WIDE_SVD(T, p)                                                                                               static int cg_wide_svd_##p(int m, int n, int rows, T *a, T *s, T *u, T *vt, T *work) {                                  T *e = work, *tauq = work + m, *taup = work + 2 * m, *right = work + 4 * m;                                         int i, j, info = scipy_LAPACKE_##p##gebrd(LAPACK_COL_MAJOR, m, n, a, m, s, e, tauq, taup);                          if (info) return info;                                                                                              info = scipy_LAPACKE_##p##bdsdc(LAPACK_COL_MAJOR, 'L', 'I', m, s, e, u, m, right, m, NULL, NULL);                   if (info) return info;                                                                                              for (j = 0; j < n; j++)                                                                                                 for (i = 0; i < rows; i++)                                                                                              vt[i + (size_t)j * rows] = i < m && j < m ? right[i + (size_t)j * m] : i == j;                              info = scipy_LAPACKE_##p##ormbr(LAPACK_COL_MAJOR, 'Q', 'L', 'N', m, m, n, a, m, tauq, u, m);                        return info ? info                                                                                                              : scipy_LAPACKE_##p##ormbr(LAPACK_COL_MAJOR, 'P', 'R', 'T', rows, n, m, a, m, taup, vt, rows);      }
CG_WIDE_SVD(float, s)
CG_WIDE_SVD(double, d)
#undef CG_WIDE_SVD
static int cg_wide_svd(int kind, int m, int n, int rows, void *a, void *s, void *u, void *vt, void *work) {
    return kind ? cg_wide_svd_d(m, n, rows, a, s, u, vt, work) : cg_wide_svd_s(m, n, rows, a, s, u, vt, work);
}
static int cg_syevd(int kind, char job, char uplo, int n, void *a, void *w) {
    return CG_BY_KIND(kind, syevd, heevd, job, uplo, n, a, n, w);
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
