"""What other compiled modules use of the executor."""
from cygrad._core cimport Tensor, Node, SavedTensor

cdef extern from "kernels.h" nogil:
    ctypedef struct cg_param:       # f and i share their place, im follows
        double f
        long long i
        double im
    ctypedef void (*cg_kernel)(Py_ssize_t n, char** p, const Py_ssize_t* stride, const cg_param* q) noexcept
    ctypedef void (*cg_cast)(Py_ssize_t n, char* out, Py_ssize_t so, const char* inp, Py_ssize_t si) noexcept
    ctypedef struct cg_op:
        const char* name
        int nargs
        const char* args
        cg_kernel* k
    int CG_ROWS
    ctypedef struct cg_reduction:
        const char* name
        int* acc
        cg_kernel* inner
        cg_kernel* outer
        cg_kernel* rows
        cg_kernel* join
        cg_kernel* init

cdef enum:
    MAX_OPERANDS = 6
    GRAIN = 32768               # elements below which a second thread costs more than it saves
    BLOCK = 1024                # elements converted at a time
    BLOCK_BYTES = 8192          # of complex128 half a BLOCK fits


cdef enum OutRule:
    CASTS                       # `out` has a dtype that the result can be cast to
    SAME_DTYPE
    CHECKED                     # the caller has seen to the dtype


cdef struct Plan:
    int n                                   # operands, the output first
    int nd
    Py_ssize_t count
    Py_ssize_t sizes[64]
    Py_ssize_t strides[MAX_OPERANDS][64]    # bytes
    char* ptr[MAX_OPERANDS]
    int dt[MAX_OPERANDS]


cdef class Op:
    cdef readonly str name
    cdef readonly object row
    cdef int arity
    cdef int kind
    cdef const cg_op* c                     # forward kernels
    cdef int n_params
    cdef int fast_from, fast_to             # the dtypes that `fast` may take: fast_from <= dt < fast_to
    cdef bint no_ints, no_half              # dtypes that PyTorch has no kernel for
    cdef bint no_bool_operand               # a bool tensor is refused among operands of other dtypes too
    cdef bint real_result                   # complex operands give the dtype of their parts
    cdef list node_types                      # by which operands are Python numbers
    cdef int grad_mode[3]                   # NONE, ZERO, MISSING, IDENTITY, TEXT
    cdef list grads                         # Op of each fused gradient, or None
    cdef list grad_texts                    # evaluated on tensors under create_graph
    cdef int needs[3]                       # bit set of the operands (gabcy) that a gradient reads
    cdef cg_param defaults[6]


cdef cg_cast cast_kernel(int to, int of) noexcept nogil
cdef const cg_reduction* reduction_kernels(str name) except NULL
cdef Tensor contiguous(Tensor t)
cdef Tensor to_dtype(Tensor t, int dt)
cdef Tensor clone(Tensor t)
cdef int copy_into(Tensor dst, Tensor src) except -1
cdef int fill(Tensor t, object value) except -1
cpdef int refuse_self_overlap(Tensor out) except -1
cpdef int refuse_partial_overlap(Tensor out, Tensor x) except -1
cdef Tensor new_like_operands(int nd, const Py_ssize_t* sizes, tuple operands, int dt, int dev)
cdef int strides_in_order(int nd, const Py_ssize_t* sizes, tuple operands, Py_ssize_t* strides) except -1
cdef Tensor sum_to(Tensor g, object shape)
cdef Tensor elementwise(Op op, tuple operands, tuple params, Tensor out, bint inplace)
cdef int promote(int a, int b) noexcept nogil
cdef int result_dtype(tuple operands) except -1
cdef int number_param(object x, cg_param* p) except -1
cdef bint holds(int dt, const cg_param* p, int kind) noexcept nogil
cdef void store_param(int dt, const cg_param* p, int kind, char* to) noexcept nogil
cdef int warn_of_parts(int of, int to) except -1
cdef object broadcast_shapes_of(tuple tensors)
cdef Tensor expand_to(Tensor t, int nd, const Py_ssize_t* sizes)
cdef object different_devices(str name, int a, int b)
cpdef object store(str name, object out, Tensor r, OutRule rule)
cdef void coalesce(Plan* p, bint reorder) noexcept nogil
