"""Declarations of the core: what every compiled module of cygrad sees of tensors and nodes."""

cdef enum:                      # devices without memory
    META = 33
    SPARSE = 34

cdef enum:
    BOOL = 0
    UINT8 = 1
    INT8 = 2
    INT16 = 3
    INT32 = 4
    INT64 = 5
    HALF = 6
    BFLOAT16 = 7
    FLOAT = 8
    DOUBLE = 9
    CFLOAT = 10                 # complex64, complex128: the dtype of the parts is two codes less
    CDOUBLE = 11
    N_DTYPES = 12
    CHALF = 12                  # complex32 is a name: no tensor has it
    MAX_DIMS = 64
    INLINE_DIMS = 5


cdef class dtype:
    cdef readonly int code
    cdef readonly int itemsize
    cdef readonly bint is_floating_point
    cdef readonly bint is_complex
    cdef readonly bint is_signed
    cdef readonly str name
    cdef readonly object numpy_type


cdef class device:
    cdef readonly str type
    cdef readonly object index


cdef class Storage:
    cdef char* ptr
    cdef Py_ssize_t size_bytes
    cdef unsigned int version
    cdef int dev
    cdef bint owns          # ptr came from the allocator and goes back to it
    cdef Py_ssize_t[2] buffer_dims
    cdef object owner       # what keeps a borrowed ptr alive: an array, another Storage, a device buffer


cdef class AutogradMeta:
    """The seldom used part of a tensor's autograd state."""
    cdef Tensor grad
    cdef void* accumulator          # AccumulateGrad of a leaf, not owned: the node owns the leaf
    cdef Tensor base                # what this tensor is a view of
    cdef unsigned int base_version  # the storage's version when `history` was made
    cdef object hooks               # dict id -> callable on a leaf
    cdef object post_accumulate_hooks
    cdef bint retains_grad
    cdef int creation               # how the view came to be (see Creation)
    cdef object name


cdef class Tensor:
    cdef Storage storage
    cdef Py_ssize_t offset          # in elements
    cdef Py_ssize_t count            # of elements
    cdef Py_ssize_t* sizes
    cdef Py_ssize_t* strides        # in elements
    cdef int nd                     # of dimensions
    cdef int dt                     # dtype code
    cdef int dev                    # device code
    cdef bint contiguous
    cdef bint needs_grad            # requires_grad of a leaf; True wherever history is set
    cdef bint inference
    cdef readonly int output_nr
    cdef Node history               # grad_fn, unless a view's is stale: see current_grad_fn
    cdef AutogradMeta meta
    cdef Py_ssize_t inline_dims[10]
    cdef dict attributes            # what users set on the tensor
    cdef object __weakref__


cdef class Node:
    cdef tuple nexts                # Node or None, one per input
    cdef int* nrs                   # which output of nexts[i]
    cdef int inline_nrs[3]
    cdef int n_outputs
    cdef unsigned long long sequence
    cdef unsigned long long run     # the backward run that `slot` belongs to
    cdef Py_ssize_t slot
    cdef dict pre_hooks             # output number -> {id: hook}, the number -1: hooks on the whole tuple
    cdef dict post_hooks
    cdef dict retained              # output number -> weakref of the tensor that retains its gradient
    cdef readonly dict metadata_dict
    cdef void connect(self, tuple inputs)
    cdef object apply(self, list grads)     # -> sequence of gradients, one per input
    cdef void release(self)


cdef class FunctionNode(Node):
    cdef object function            # function(node, *grads) -> gradient or tuple of gradients
    cdef tuple saved_tensors        # SavedTensor or None
    cdef readonly tuple args
    cdef bint released


cdef class SavedTensor:
    cdef Tensor tensor
    cdef unsigned int version
    cdef Node node                  # of a saved output, else None
    cdef int output_nr
    cdef object packed, unpack
    cdef Tensor get(self, Node owner)


cdef bint grad_enabled()
cdef int default_dtype_code()

cdef inline int complex_of(int real) noexcept nogil:
    """The complex dtype whose parts have the floating dtype."""
    return CDOUBLE if real == DOUBLE else CHALF if real == HALF else CFLOAT
cdef inline bint is_complex_code(int dt) noexcept nogil:
    return dt >= CFLOAT
cdef dtype dtype_object(int code)
cdef int itemsize_of(int code) noexcept nogil
cdef int as_dtype_code(object d, int default, str function=*) except -2
cdef int as_device_code(object d, int default) except -1
cdef device device_object(int dev)

cdef Storage new_storage(Py_ssize_t nbytes, int dev)
cdef Storage borrow_storage(char* ptr, Py_ssize_t nbytes, object owner)
cdef int grow(Storage s, Py_ssize_t nbytes) except -1
cdef void update_contiguous(Tensor t) noexcept
cdef int set_dims(Tensor t, int ndim) except -1
cdef void assign(Tensor t, Tensor other)
cdef Tensor raw_view(Tensor base, int ndim, const Py_ssize_t* shape, const Py_ssize_t* strides, Py_ssize_t offset)
cdef object node_type(str name, object base)
cdef AutogradMeta need_meta(Tensor t)
cdef Tensor new_tensor(int ndim, const Py_ssize_t* shape, int dt, int dev)
cdef Tensor empty_strided_like(int ndim, const Py_ssize_t* shape, const Py_ssize_t* strides, int dt, int dev)
cdef Tensor new_view(Tensor base, int ndim, const Py_ssize_t* shape, const Py_ssize_t* strides, Py_ssize_t offset)
cdef Tensor retyped_view(Tensor base, int dt, int ndim, const Py_ssize_t* shape, const Py_ssize_t* strides,
                         Py_ssize_t offset)
cdef Tensor shallow(Tensor t)
cdef object make_size(int ndim, const Py_ssize_t* shape)
cdef int wrap_dim(Py_ssize_t dim, int ndim) except -1
cdef bint same_shape(Tensor a, Tensor b) noexcept nogil

cdef bint grad_required(Tensor t)
cdef Node current_grad_fn(Tensor t)
cdef Node gradient_edge(Tensor t)
cdef void set_history(Tensor out, Node node, int nr)
cdef inline char* data_of(Tensor t) noexcept:
    return t.storage.ptr + t.offset * itemsize_of(t.dt)

cdef int refuse_complex(str kernel, Tensor t) except -1
cdef object check_inplace(Tensor t)
cdef object bump(Tensor t)
cdef object rebase(Tensor t, Node node)
cdef SavedTensor save_input(Tensor t)
cdef SavedTensor save_output(Tensor t, Node node, int nr)
cdef bint any_needs_grad(tuple inputs)
cdef Tensor attach(Tensor out, str name, tuple inputs, object function, tuple saved, tuple args)


cdef class AccumulateGrad(Node):
    cdef readonly Tensor variable


cdef class CopySlices(Node):
    cdef Node writer
    cdef object shape, stride, base_shape, base_stride
    cdef Py_ssize_t view_offset
