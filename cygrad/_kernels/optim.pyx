"""Steps of optimizers on the CPU (see _devices/primitives.py): one pass over one parameter, shared out over threads."""
from cython.parallel cimport prange

from cygrad._core cimport DOUBLE, Tensor, data_of
from cygrad._threads cimport Region, close_region, end_part, num_threads, open_region

cdef extern from "_kernels/optim.h" nogil:
    ctypedef void (*cg_dense)(Py_ssize_t, void*, const void*, void* const*, const double*)
    ctypedef struct Dense "__typeof__(*cg_denses)":
        const char* name
        cg_dense loops[2]
    const Dense cg_denses[]
    const int CG_DENSE_COUNT

cdef enum:
    GRAIN = 65536           # elements below which a second thread costs more than it saves

cdef dict places = {(<bytes> cg_denses[i].name).decode(): i for i in range(CG_DENSE_COUNT)}


cdef int place_of(str kind) except -1:
    """The number of a formula of `optim_steps.h`."""
    return places[kind]


cdef void part(cg_dense loop, Py_ssize_t size, char* p, char* g, char** moments, const double* k, Py_ssize_t lo,
               Py_ssize_t hi) noexcept nogil:
    cdef void* some[MOMENTS]
    cdef int j
    for j in range(MOMENTS):
        some[j] = NULL if moments[j] == NULL else moments[j] + lo * size
    loop(hi - lo, p + lo * size, g + lo * size, some, k)


cdef void step(int place, Tensor param, Tensor grad, char** moments, const double* k) noexcept:
    """One step in place; `moments` has MOMENTS pointers, NULL for one that there is not."""
    cdef Region region
    cdef cg_dense loop = cg_denses[place].loops[param.dt == DOUBLE]
    cdef Py_ssize_t count = param.count, size = 8 if param.dt == DOUBLE else 4
    cdef char* p = data_of(param)
    cdef char* g = data_of(grad)
    cdef int t, nt = 1 if count < GRAIN else num_threads()
    if nt == 1:
        part(loop, size, p, g, moments, k, 0, count)
    else:
        with nogil:
            open_region(&region, nt)
            for t in prange(nt, num_threads=region.n, schedule="static"):
                part(loop, size, p, g, moments, k, count * t // nt, count * (t + 1) // nt)
                end_part(&region)
            close_region(&region)


cpdef int optimizer_step(str kind, Tensor param, Tensor grad, list moments, list constants) except -1:
    cdef char* pointers[MOMENTS]
    cdef double k[CONSTANTS]
    cdef int j
    for j in range(MOMENTS):
        pointers[j] = NULL if j >= len(moments) or moments[j] is None else data_of(<Tensor> moments[j])
    for j in range(len(constants)):
        k[j] = constants[j]
    step(place_of(kind), param, grad, pointers, k)
    return 0
