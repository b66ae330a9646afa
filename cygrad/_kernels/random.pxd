from libc.stdint cimport uint32_t, uint64_t

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


# These write n contiguous elements of the dtype code at `out`; see the head of _kernels/random.pyx.
# The caller keeps other threads away from `g` (holding the GIL is enough).
cdef void fill_uniform(mt19937 *g, void *out, Py_ssize_t n, int dtype, double lo,
                       double hi) noexcept nogil
cdef void fill_normal(mt19937 *g, void *out, Py_ssize_t n, int dtype, double mean, double std,
                      bint strided) noexcept nogil
