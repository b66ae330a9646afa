from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

ctypedef struct mt19937:
    uint32_t state[624]
    uint32_t word[624]      # the block of outputs made from `state`
    int next                # index of the next unused output; 624 = block used up
    bint fresh              # seeded, and nothing drawn yet
    bint has_normal         # `normal` holds the second half of the last Box-Muller pair
    double normal
    bint has_normal_float   # kept only so that a state goes round unchanged
    float normal_float
    uint64_t seed


cdef class Generator:
    cdef mt19937 mt
    cdef readonly object device


# All write n contiguous elements of the dtype code at `out`; see the head of _kernels/random.pyx.
# The caller keeps other threads away from `g` (holding the GIL is enough).
cdef void seed_mt(mt19937 *g, uint64_t seed) noexcept nogil
cdef uint32_t random32(mt19937 *g) noexcept nogil
cdef uint64_t random64(mt19937 *g) noexcept nogil
cdef double uniform53(mt19937 *g) noexcept nogil
cdef double normal_scalar(mt19937 *g) noexcept nogil
cdef void fill_uniform(mt19937 *g, void *out, Py_ssize_t n, int dtype, double lo,
                       double hi) noexcept nogil
cdef void fill_uniform_wide(mt19937 *g, void *out, Py_ssize_t n, int dtype, double lo,
                            double hi) noexcept nogil
cdef void fill_normal(mt19937 *g, void *out, Py_ssize_t n, int dtype, double mean, double std,
                      bint strided) noexcept nogil
cdef void fill_random_range(mt19937 *g, void *out, Py_ssize_t n, int dtype, int64_t lo,
                            uint64_t range_, bint full) noexcept nogil
cdef void fill_random(mt19937 *g, void *out, Py_ssize_t n, int dtype) noexcept nogil
cdef void fill_randperm(mt19937 *g, void *out, Py_ssize_t n, int dtype) noexcept nogil
cdef void fill_bernoulli(mt19937 *g, void *out, Py_ssize_t n, int dtype, double p) noexcept nogil
# False where a probability lies outside [0, 1]; the output is then half written.
cdef bint fill_bernoulli_tensor(mt19937 *g, void *out, Py_ssize_t n, int dtype, const void *p,
                                int p_dtype) noexcept nogil
cdef void fill_exponential(mt19937 *g, void *out, Py_ssize_t n, int dtype,
                           double lambd) noexcept nogil
cdef void fill_cauchy(mt19937 *g, void *out, Py_ssize_t n, int dtype, double median,
                      double sigma) noexcept nogil
cdef void fill_geometric(mt19937 *g, void *out, Py_ssize_t n, int dtype, double p) noexcept nogil
cdef void fill_log_normal(mt19937 *g, void *out, Py_ssize_t n, int dtype, double mean,
                          double std) noexcept nogil
