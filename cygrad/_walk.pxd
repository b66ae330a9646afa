"""What the modules of data movement share."""
from libc.stdint cimport int64_t

from cygrad._core cimport Tensor

cdef extern from "_kernels/index.h" nogil:
    ctypedef void (*cg_move)(Py_ssize_t n, char** p, const Py_ssize_t* s) noexcept
    ctypedef Py_ssize_t (*cg_masked)(Py_ssize_t n, char* out, const char* inp, const char* mask) noexcept
    cg_move[5] cg_gets
    cg_move[5] cg_puts
    cg_move[5] cg_wheres
    cg_masked[5] cg_compresses
    cg_masked[5] cg_expands
    cg_move[4][12] cg_accumulates
    Py_ssize_t cg_count_mask(Py_ssize_t n, const char* mask)
    void cg_mask_positions(Py_ssize_t n, const char* mask, int64_t* out)
    Py_ssize_t cg_first_bad(Py_ssize_t n, const int64_t* index, int64_t size)
    Py_ssize_t cg_offsets(Py_ssize_t n, int64_t* table, const int64_t* index, int64_t size, int64_t step,
                          int adds, int wraps)

cdef enum:
    WALK_OPERANDS = 4
    # what happens to an element of the indexed side
    GET = -2
    PUT = -1
    ADD = 0
    MUL = 1
    MAX = 2
    MIN = 3


cdef struct Walk:
    int nd
    int n                                   # operands
    Py_ssize_t count
    Py_ssize_t sizes[64]
    Py_ssize_t strides[WALK_OPERANDS][64]   # bytes
    char* ptr[WALK_OPERANDS]
    Py_ssize_t scale                        # bytes per step of the table, where operand 2 is one
    bint safe[64]                           # different positions along the dimension never meet in one element


cdef struct View:
    int nd
    Py_ssize_t offset
    Py_ssize_t sizes[64]
    Py_ssize_t strides[64]


cdef int log2_size(int dt) noexcept nogil
cdef void run_walk(Walk* w, cg_move f) noexcept nogil

cdef int need_host(str name, Tensor t) except -1
cdef str shape_text(Tensor t)
cdef Tensor zeros_of(object shape, int dt, int dev)
cdef tuple broadcast_of(tuple tensors)
cdef Tensor expand_shape(Tensor t, object shape)
cdef Tensor plain(Tensor t)
cdef Tensor as_index(Tensor index)
cdef object finish_out(str name, object out, Tensor r)
cdef Tensor start_write(Tensor self, bint inplace, tuple others, bint* recorded)
cdef Tensor end_write(Tensor out, bint inplace, bint recorded, str name, tuple inputs, object function, tuple saved,
                      tuple args)
cpdef Tensor rewrite(Tensor self, object function, tuple args, dict kwargs)

cdef void load_view(View* v, Tensor t) noexcept
cdef void drop_dim(View* v, int dim) noexcept
cdef int insert_dim(View* v, int dim) except -1
cdef Tensor unsqueeze_one(Tensor t, int dim)
cdef Tensor alias_of(Tensor t)
cdef Tensor narrow_raw(Tensor t, int dim, Py_ssize_t start, Py_ssize_t length)
cpdef Tensor slice_of(Tensor t, int dim, Py_ssize_t start, Py_ssize_t length, Py_ssize_t step)
cpdef Tensor select_of(Tensor t, int dim, Py_ssize_t i)
cpdef Tensor strided_region(Tensor t, shape, stride, Py_ssize_t offset)
