"""What the compiled modules of OpenCL see of devices, memory and launches."""

from cygrad._core cimport Tensor

cdef struct Block:
    void* handle
    Block* next


cdef struct Copy:                   # of host memory, on its way
    void* event
    void* own                       # memory of its own, or NULL: of the ring, up to `end`
    Py_ssize_t end
    Py_ssize_t nbytes


cdef class Device:
    cdef readonly int index
    cdef readonly object handle, context, queue
    cdef readonly str schedule
    cdef readonly bint fp64
    cdef readonly int group         # work-items per group of the gpu schedule: a power of two
    cdef public Py_ssize_t limit            # of the memory taken from the driver
    cdef readonly Py_ssize_t max_alloc
    cdef public Py_ssize_t allocated, reserved, max_allocated, max_reserved
    cdef bint cpu
    cdef readonly int units
    cdef void* queue_handle
    cdef void* context_handle
    cdef Block** bins
    cdef dict kept                  # handle -> pyopencl buffer, where pyopencl makes them
    cdef dict elementwise_kernels   # row name -> {signature: Kernel}
    cdef dict reduction_kernels
    cdef dict kernels               # (program's key, kernel's name) -> Kernel
    cdef char* ring                 # see write()
    cdef Py_ssize_t head, tail, staged_bytes
    cdef Copy* pending              # a queue: the oldest is `first`
    cdef int first, n_pending
    cdef int unflushed
    cdef list profile               # (name, event, the host's time) of what was queued, or None
    cdef object clock, plain_queue
    cdef Buffer word                # see error_word
    cdef bint word_asked            # whether a kernel may have written there since it was read
    cdef long long[5] word_read
    cdef void* create(self, Py_ssize_t nbytes)
    cdef Buffer allocate(self, Py_ssize_t nbytes)
    cdef object out_of_memory(self, Py_ssize_t nbytes)
    cpdef finish(self)
    cdef int clear_word(self) except -1
    cdef bint read_word(self) except -1
    cdef int raise_word(self) except -1
    cdef int retire(self) noexcept
    cdef int wait_oldest(self) except -1
    cdef int make_ring(self) except -1
    cdef int enqueue(self, Kernel kernel, int dims, const size_t* sizes, const size_t* local) except -1
    cdef int note(self, str name, void* event) except -1
    cdef int write(self, Buffer buffer, Py_ssize_t offset, const char* host, Py_ssize_t nbytes) except -1
    cdef int read(self, Buffer buffer, Py_ssize_t offset, char* host, Py_ssize_t nbytes) except -1
    cdef int copy(self, Buffer to, Py_ssize_t to_offset, Buffer of, Py_ssize_t of_offset, Py_ssize_t nbytes) except -1


cdef class Buffer:
    cdef readonly Device device
    cdef void* handle
    cdef readonly Py_ssize_t nbytes
    cdef int bin


cdef class Kernel:
    cdef object kernel
    cdef void* handle


cdef enum:
    MAX_ARGS = 24


cdef struct Args:
    int n
    int size[MAX_ARGS]              # 0: a buffer
    char value[MAX_ARGS][16]


cdef inline void add_buffer(Args* a, Buffer b) noexcept:
    a.size[a.n] = 0
    (<void**> a.value[a.n])[0] = b.handle
    a.n += 1


cdef inline void add_long(Args* a, Py_ssize_t x) noexcept:
    a.size[a.n] = 8
    (<long long*> a.value[a.n])[0] = x
    a.n += 1


cdef inline Buffer buffer_of(Tensor t):
    return <Buffer?> t.storage.owner


cdef Device device_of(int dev)
cdef Kernel make_kernel(Device device, tuple key, str name, make)
cdef int add_number(Args* a, int dt, object x) except -1
cdef int launch(Device device, Kernel k, Args* a, const void* space, size_t size, size_t gx, size_t gy,
                size_t local) except -1
cdef int check_fp64(Device device, int dev, int dt) except -1
