"""Devices, their memory, and launching kernels: what runs on every operator call, so it is Cython.

Design
------
* OpenCL is called through the function pointers of the loader that pyopencl mapped: half a microsecond for four
  arguments and a launch, against two to a hundred and fifty through pyopencl's calls.  No headers and no link
  dependency.  Without the pointers (`bind` was never called) the same steps go through pyopencl.
* One in-order queue per device.  Everything is asynchronous but reads to the host; a freed block may be handed out
  again at once, because whoever gets it is queued behind whoever had it.
* The pool keeps freed blocks by size class (eight per power of two) and does its own accounting: CPU drivers never
  refuse memory, so the limit is ours.
* The GIL is held from the first argument to the launch, since a kernel's arguments are its state; it is released
  where the host waits.
* One file for allocation, index spaces and launches, long as it is: they call each other on every operator, as plain C.
* Shapes are worked out on the host: operands become strided index spaces with as few dimensions as possible, so
  that contiguous work needs no division in the kernel.
"""
cimport cython
from libc.stdlib cimport malloc, calloc, free
from libc.string cimport memcpy, memmove

from cygrad._core cimport (
    BOOL, HALF, BFLOAT16, FLOAT, DOUBLE, CDOUBLE, INT64, Tensor, new_tensor, data_of, itemsize_of, dtype_object,
    device_object, same_shape)
from cygrad._ops cimport copy_into
from cygrad._ops import empty
from cygrad._table import rows as _table
from cygrad.cl import _device, _program, _source

import gc
import os

ctypedef int (*set_arg_t)(void*, unsigned int, size_t, const void*) noexcept nogil
ctypedef int (*enqueue_t)(void*, void*, unsigned int, const size_t*, const size_t*, const size_t*, unsigned int,
                          const void*, void*) noexcept nogil
ctypedef int (*transfer_t)(void*, void*, unsigned int, size_t, size_t, const void*, unsigned int, const void*,
                           void*) noexcept nogil
ctypedef int (*copy_t)(void*, void*, void*, size_t, size_t, size_t, unsigned int, const void*, void*) noexcept nogil
ctypedef int (*queue_t)(void*) noexcept nogil
ctypedef void* (*create_t)(void*, unsigned long long, size_t, void*, int*) noexcept nogil

FUNCTIONS = ("clSetKernelArg", "clEnqueueNDRangeKernel", "clEnqueueReadBuffer", "clEnqueueWriteBuffer",
             "clEnqueueCopyBuffer", "clFinish", "clFlush", "clCreateBuffer", "clReleaseMemObject")

cdef enum:
    MAX_ARGS = 160
    MAX_OPERANDS = 6
    MAX_RANK = 12               # dimensions beyond the innermost that a kernel can walk
    SCALAR = 15                 # dtype code of an operand that is a Python number
    BROADCAST = 0               # stride classes of an operand in the innermost dimension
    UNIT = 1
    STRIDED = 2
    N_BINS = 1024
    GROUP = 256                 # work-items per group of the gpu schedule
    COLUMNS = 32                # see _source
    STAGED = 65536              # bytes up to which a host tensor is copied aside instead of waited for
    MAX_STAGED = 1 << 22

cdef set_arg_t cl_set_arg = NULL
cdef enqueue_t cl_enqueue
cdef transfer_t cl_read, cl_write
cdef copy_t cl_copy
cdef queue_t cl_finish, cl_flush, cl_release
cdef create_t cl_create
cdef bint _forked = False


def bind(dict address):
    """Takes the addresses of FUNCTIONS."""
    global cl_set_arg, cl_enqueue, cl_read, cl_write, cl_copy, cl_finish, cl_flush, cl_create, cl_release
    cl_enqueue = <enqueue_t> <size_t> address["clEnqueueNDRangeKernel"]
    cl_read = <transfer_t> <size_t> address["clEnqueueReadBuffer"]
    cl_write = <transfer_t> <size_t> address["clEnqueueWriteBuffer"]
    cl_copy = <copy_t> <size_t> address["clEnqueueCopyBuffer"]
    cl_finish = <queue_t> <size_t> address["clFinish"]
    cl_flush = <queue_t> <size_t> address["clFlush"]
    cl_create = <create_t> <size_t> address["clCreateBuffer"]
    cl_release = <queue_t> <size_t> address["clReleaseMemObject"]
    cl_set_arg = <set_arg_t> <size_t> address["clSetKernelArg"]


class OutOfMemoryError(RuntimeError):
    """The device's memory (or the limit set on it) is used up."""


def _after_fork():      # of a process that had used OpenCL, whose drivers hang in a child
    global _forked
    _forked = bool(_devices)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def check_fork():
    if _forked:
        raise RuntimeError("Cannot re-initialize OpenCL in forked subprocess. To use OpenCL with multiprocessing, you "
                           "must use the 'spawn' start method")


cdef int failed(int code, str function) except -1:
    """Raises what an OpenCL error code says."""
    name = _device.pyopencl().status_code.to_string(code, "UNKNOWN ERROR %d")
    text = f"OpenCL error: {name} ({code}) in {function}"
    if code in (-4, -5, -6):        # MEM_OBJECT_ALLOCATION_FAILURE, OUT_OF_RESOURCES, OUT_OF_HOST_MEMORY
        raise OutOfMemoryError(text)
    raise RuntimeError(text)


# ------------------------------------------------------------------ devices and memory

cdef struct Block:
    void* handle
    Block* next


cdef Py_ssize_t bin_size(Py_ssize_t nbytes, int* index) noexcept:
    """The size class of a request, and its number: multiples of 512 bytes, eight classes per power of two."""
    cdef Py_ssize_t units = (nbytes + 511) >> 9
    cdef int shift = 0
    if units < 1:
        units = 1
    while units > 16:
        units = (units + 1) >> 1
        shift += 1
    index[0] = shift * 16 + <int> units - 1
    return units << shift << 9


@cython.binding(False)    # its methods check the type of `self`
cdef class Device:
    """One OpenCL device: context, queue, pool, kernels."""
    cdef readonly int index
    cdef readonly object handle, context, queue
    cdef readonly str schedule
    cdef readonly bint fp64
    cdef readonly Py_ssize_t limit, max_alloc
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
    cdef void** staged              # host copies that queued writes still read
    cdef int n_staged
    cdef Py_ssize_t staged_bytes, staged_ever
    cdef int unflushed
    cdef Buffer word                # see error_word
    cdef bint word_asked            # whether a kernel may have written there since it was read
    cdef long long[5] word_read

    def __init__(self, int index, handle, context, queue, *, str schedule, bint fp64, limit, max_alloc, int units):
        self.index, self.handle, self.context, self.queue = index, handle, context, queue
        self.schedule, self.cpu, self.fp64 = schedule, schedule == "cpu", fp64
        self.limit, self.max_alloc, self.units = limit, max_alloc, units
        self.queue_handle = <void*> <size_t> queue.int_ptr
        self.context_handle = <void*> <size_t> context.int_ptr
        self.bins = <Block**> calloc(N_BINS, sizeof(Block*))
        self.staged = <void**> malloc(1024 * sizeof(void*))
        self.kept, self.elementwise_kernels, self.reduction_kernels, self.kernels = {}, {}, {}, {}

    def __repr__(self):
        return f"opencl:{self.index} ({self.handle.name})"

    def empty_cache(self):
        """Gives the blocks that no tensor uses back to the driver."""
        cdef int i
        cdef Block* block
        for i in range(N_BINS):
            while self.bins[i] != NULL:
                block = self.bins[i]
                self.bins[i] = block.next
                self.reserved -= <Py_ssize_t> (i % 16 + 1) << (i // 16) << 9
                if cl_set_arg != NULL:
                    cl_release(block.handle)
                else:
                    self.kept.pop(<size_t> block.handle).release()
                free(block)

    cdef void* create(self, Py_ssize_t nbytes):
        """A new block from the driver, or NULL."""
        cdef int code = 0
        cdef void* handle
        if self.reserved + nbytes > self.limit:
            return NULL
        if cl_set_arg != NULL:
            handle = cl_create(self.context_handle, 1, nbytes, NULL, &code)
            return handle if code == 0 else NULL
        cl = _device.pyopencl()
        try:
            buffer = cl.Buffer(self.context, cl.mem_flags.READ_WRITE, nbytes)
        except cl.MemoryError:
            return NULL
        self.kept[buffer.int_ptr] = buffer
        return <void*> <size_t> buffer.int_ptr

    cdef Buffer allocate(self, Py_ssize_t nbytes):
        cdef int i
        cdef Py_ssize_t size
        cdef Buffer buffer
        cdef Block* block
        cdef void* handle
        if _forked:
            check_fork()
        if nbytes > self.max_alloc:
            raise self.out_of_memory(nbytes)
        size = bin_size(nbytes, &i)
        block = self.bins[i]
        if block != NULL:
            self.bins[i] = block.next
            handle = block.handle
            free(block)
        else:
            handle = self.create(size)
            if handle == NULL:
                gc.collect()
                self.finish()
                self.empty_cache()
                handle = self.create(size)
            if handle == NULL:
                raise self.out_of_memory(nbytes)
            self.reserved += size
            if self.reserved > self.max_reserved:
                self.max_reserved = self.reserved
        buffer = Buffer.__new__(Buffer)
        buffer.device, buffer.handle, buffer.bin = self, handle, i
        buffer.nbytes = ((nbytes + 511) >> 9 << 9) if nbytes > 0 else 512
        self.allocated += buffer.nbytes
        if self.allocated > self.max_allocated:
            self.max_allocated = self.allocated
        return buffer

    cdef object out_of_memory(self, Py_ssize_t nbytes):
        allowed = "" if nbytes <= self.max_alloc else \
            f" One allocation of this device holds at most {in_words(self.max_alloc)}."
        return OutOfMemoryError(
            f"OpenCL out of memory. Tried to allocate {in_words(nbytes)}. opencl:{self.index} has a total capacity of "
            f"{in_words(self.limit)} of which {in_words(self.limit - self.reserved)} is free. Of the allocated memory "
            f"{in_words(self.allocated)} is allocated by cygrad, and {in_words(self.reserved - self.allocated)} is "
            f"reserved by cygrad but unallocated.{allowed}")

    cpdef finish(self):
        """Waits until the device has done everything that was queued."""
        cdef int code
        cdef Py_ssize_t ever = self.staged_ever
        check_fork()
        cdef bint asked = self.read_word()
        if cl_set_arg != NULL:
            with nogil:
                code = cl_finish(self.queue_handle)
            if code:
                failed(code, "clFinish")
        else:
            self.queue.finish()
        self.release_staged(ever)
        if asked:
            self.raise_word()

    def error_word(self):
        """Memory in which a kernel notes the first index out of range: an int, 0 until then, and from byte 8 on four
        longs: how the operator says it, the index, the dimension, its size (see _walk.out_of_range).  Whoever waits
        for the device next raises it."""
        if self.word is None:
            self.word = self.allocate(sizeof(self.word_read))
            self.clear_word()
        self.word_asked = True
        return self.word

    cdef int clear_word(self) except -1:
        cdef long long[5] zeros
        zeros[0] = zeros[1] = zeros[2] = zeros[3] = zeros[4] = 0
        return self.write(self.word, 0, <const char*> zeros, sizeof(zeros))

    cdef bint read_word(self) except -1:
        """Queues a read of the error word, if a kernel may have written there; the caller waits, then raises."""
        cdef int code
        if not self.word_asked:
            return False
        self.word_asked = False
        if cl_set_arg == NULL:
            from cygrad.cl import _device
            _device.pyopencl().enqueue_copy(self.queue, <char[:40]> <char*> self.word_read,
                                            self.kept[<size_t> self.word.handle])
            return True
        code = cl_read(self.queue_handle, self.word.handle, 0, 0, sizeof(self.word_read), self.word_read, 0, NULL, NULL)
        if code:
            failed(code, "clEnqueueReadBuffer")
        return True

    cdef int raise_word(self) except -1:
        if <int> self.word_read[0] == 0:
            return 0
        error, index, dim, size = self.word_read[1], self.word_read[2], self.word_read[3], self.word_read[4]
        self.clear_word()
        from cygrad import _walk
        raise _walk.out_of_range(error, index, dim, size)

    cdef void release_staged(self, Py_ssize_t ever) noexcept:
        """Frees what was queued when `staged_ever` was `ever`; another thread may have queued more since."""
        cdef int i, n = <int> (ever - (self.staged_ever - self.n_staged))
        if n <= 0:
            return
        for i in range(n):
            free(self.staged[i])
        self.n_staged -= n
        memmove(self.staged, self.staged + n, self.n_staged * sizeof(void*))
        if self.n_staged == 0:
            self.staged_bytes = 0

    cdef int write(self, Buffer buffer, Py_ssize_t offset, const char* host, Py_ssize_t nbytes) except -1:
        """Host memory to the device.  `host` may change afterwards."""
        cdef void* copy
        cdef int code
        if cl_set_arg == NULL:
            _device.pyopencl().enqueue_copy(self.queue, self.kept[<size_t> buffer.handle], <char[:nbytes]> <char*> host,
                                            dst_offset=offset)
            return 0
        if nbytes <= STAGED:
            while self.n_staged == 1024 or self.staged_bytes > MAX_STAGED:
                self.finish()
            copy = malloc(nbytes)
            if copy != NULL:
                memcpy(copy, host, nbytes)
                self.staged[self.n_staged] = copy
                self.n_staged += 1
                self.staged_ever += 1
                self.staged_bytes += nbytes
                code = cl_write(self.queue_handle, buffer.handle, 0, offset, nbytes, copy, 0, NULL, NULL)
                if code:
                    failed(code, "clEnqueueWriteBuffer")
                return 0
        with nogil:
            code = cl_write(self.queue_handle, buffer.handle, 1, offset, nbytes, host, 0, NULL, NULL)
        if code:
            failed(code, "clEnqueueWriteBuffer")
        return 0

    cdef int read(self, Buffer buffer, Py_ssize_t offset, char* host, Py_ssize_t nbytes) except -1:
        """Device memory to the host; waits for everything queued before."""
        cdef int code
        cdef Py_ssize_t ever = self.staged_ever
        check_fork()
        cdef bint asked = self.read_word()
        if cl_set_arg == NULL:
            _device.pyopencl().enqueue_copy(self.queue, <char[:nbytes]> host, self.kept[<size_t> buffer.handle],
                                            src_offset=offset)
            if asked:
                self.raise_word()
            return 0
        with nogil:
            code = cl_read(self.queue_handle, buffer.handle, 1, offset, nbytes, host, 0, NULL, NULL)
        if code:
            failed(code, "clEnqueueReadBuffer")
        self.release_staged(ever)       # a blocking read on an in-order queue: what was queued before is done
        if asked:
            self.raise_word()
        return 0

    cdef int copy(self, Buffer to, Py_ssize_t to_offset, Buffer of, Py_ssize_t of_offset, Py_ssize_t nbytes) except -1:
        cdef int code
        check_fork()
        if cl_set_arg == NULL:
            _device.pyopencl().enqueue_copy(self.queue, self.kept[<size_t> to.handle], self.kept[<size_t> of.handle],
                                            byte_count=nbytes, src_offset=of_offset, dst_offset=to_offset)
            return 0
        code = cl_copy(self.queue_handle, of.handle, to.handle, of_offset, to_offset, nbytes, 0, NULL, NULL)
        if code:
            failed(code, "clEnqueueCopyBuffer")
        return 0


cdef str in_words(Py_ssize_t nbytes):
    if nbytes >= 1 << 30:
        return f"{nbytes / (1 << 30):.2f} GiB"
    if nbytes >= 1 << 20:
        return f"{nbytes / (1 << 20):.2f} MiB"
    return f"{nbytes / 1024:.2f} KiB" if nbytes >= 1024 else f"{nbytes} bytes"


# Without a GC clear the device is there when __dealloc__ runs.
@cython.no_gc
@cython.final
@cython.freelist(256)
@cython.binding(False)    # its methods check the type of `self`
cdef class Buffer:
    """A block of device memory; goes back to the pool when nothing refers to it."""
    cdef readonly Device device
    cdef void* handle
    cdef readonly Py_ssize_t nbytes
    cdef int bin

    def __dealloc__(self):
        cdef Block* block
        if self.handle == NULL or _forked:
            return
        self.device.allocated -= self.nbytes
        block = <Block*> malloc(sizeof(Block))
        if block != NULL:
            block.handle, block.next = self.handle, self.device.bins[self.bin]
            self.device.bins[self.bin] = block

    @property
    def int_ptr(self):
        """The cl_mem handle, as pyopencl spells it."""
        return <size_t> self.handle

    def __repr__(self):
        return f"<{self.nbytes} bytes on {self.device!r}>"


cdef list _devices = []             # by device code - 1; "cuda:i" shares the object of its device


cdef Device device_of(int dev):
    if dev <= len(_devices):
        device = _devices[dev - 1]
        if device is not None:
            return <Device> device
    return open_code(dev)


cdef Device open_code(int dev):
    cdef int index = (dev - 1) % 16
    check_fork()
    parts = _device.opened(index)
    if not _devices:
        found = _device.addresses(FUNCTIONS)
        if found is not None:           # without them pyopencl is called
            bind(found)
        _devices.extend([None] * 32)
    device = Device(index, **parts)
    _devices[index] = _devices[index + 16] = device     # "opencl:i" and "cuda:i"
    return <Device> device


def device(int dev):
    """The device of a device code (1.. "opencl", 17.. "cuda")."""
    return device_of(dev)


def code_of(Tensor t not None):
    """The device code of a tensor."""
    return t.dev


def opened():
    """The devices that were used, each once."""
    return list({id(d): d for d in _devices if d is not None}.values())


def allocate(int dev, Py_ssize_t nbytes):
    """A block of at least `nbytes` (and at least 1) bytes on the device; raises OutOfMemoryError."""
    return device_of(dev).allocate(nbytes)


def copy_bytes(Buffer to not None, Buffer of not None, Py_ssize_t nbytes):
    """The first `nbytes` of one block into another of the same device."""
    if nbytes:
        to.device.copy(to, 0, of, 0, nbytes)


def data_ptr(Tensor t not None):
    """A number that tells the first element's place from others; no address that the host could read."""
    return (<size_t> buffer_of(t).handle) + <size_t> (t.offset * itemsize_of(t.dt)) if t.count else 0


cdef inline Buffer buffer_of(Tensor t):
    return <Buffer?> t.storage.owner


# ------------------------------------------------------------------ launching

@cython.binding(False)    # its methods check the type of `self`
cdef class Kernel:
    """A kernel object; its arguments are set and it is launched without letting another thread in between."""
    cdef object kernel
    cdef void* handle


cdef Kernel make_kernel(Device device, tuple key, str name, make):
    cdef Kernel k = Kernel.__new__(Kernel)
    k.kernel = _program.program(device, key, make).kernel(name)
    k.handle = <void*> <size_t> k.kernel.int_ptr
    return k


def kernel(Device device not None, tuple key, str name, make):
    """Kernel `name` of the program known as `key`; make() gives the program's source where it is not there yet."""
    found = device.kernels.get((key, name))
    if found is None:
        found = device.kernels[key, name] = make_kernel(device, key, name, lambda: (make(),))
    return found


def run(Device device not None, Kernel kernel not None, tuple sizes, tuple local, *args):
    """Launches a kernel over up to three dimensions of work-items in groups of `local`, both innermost first.

    Arguments: a Tensor (two arguments: its memory, and its offset in elements as a long), a Buffer, None (a null
    buffer), an int (long), a float (float), a pair (dtype code, number), bytes (a struct by value), or an instance of
    `Local` (so many bytes of local memory).  This is the launch for kernels that work long: a few microseconds.
    """
    cdef size_t[3] counts
    cdef size_t[3] groups
    cdef Args a
    cdef unsigned int n = 0
    cdef int i, dims = <int> len(sizes), code = 0
    cdef void* handle
    if _forked:
        check_fork()
    for i in range(dims):
        if sizes[i] == 0:
            return
        groups[i] = local[i]
        counts[i] = (<size_t> sizes[i] + groups[i] - 1) // groups[i] * groups[i]
    if cl_set_arg == NULL:
        run_pyopencl(device, kernel, tuple([counts[i] for i in range(dims)]), local, args)
        return
    for x in args:
        a.n = 0
        if isinstance(x, Tensor):
            handle = buffer_of(<Tensor> x).handle
            code = cl_set_arg(kernel.handle, n, sizeof(void*), &handle)
            n += 1
            add_long(&a, (<Tensor> x).offset)
        elif isinstance(x, Buffer):
            add_buffer(&a, <Buffer> x)
            a.size[0] = sizeof(void*)
        elif x is None:
            handle = NULL
            code = cl_set_arg(kernel.handle, n, sizeof(void*), &handle)
            n += 1
            continue
        elif isinstance(x, bytes):
            code = cl_set_arg(kernel.handle, n, len(x), <const char*> (<bytes> x))
            if code:
                failed(code, f"clSetKernelArg({n}) of {kernel.kernel.function_name}")
            n += 1
            continue
        elif isinstance(x, Local):
            code = cl_set_arg(kernel.handle, n, x.nbytes, NULL)
            n += 1
            continue
        elif isinstance(x, tuple):
            add_number(&a, x[0], x[1])
        elif isinstance(x, float):
            add_number(&a, FLOAT, x)
        else:
            add_long(&a, x)
        code = code or cl_set_arg(kernel.handle, n, a.size[0], a.value[0])
        if code:
            failed(code, f"clSetKernelArg({n}) of {kernel.kernel.function_name}")
        n += 1
    code = cl_enqueue(device.queue_handle, kernel.handle, dims, NULL, counts, groups, 0, NULL, NULL)
    if code:
        failed(code, f"clEnqueueNDRangeKernel of {kernel.kernel.function_name}")
    flush_sometimes(device)


def place(Tensor t not None):
    """(device, memory, offset, sizes, strides) of a tensor, in elements: what a primitive in Python works with."""
    return (device_of(t.dev), buffer_of(t), t.offset, tuple([t.sizes[i] for i in range(t.nd)]),
            tuple([t.strides[i] for i in range(t.nd)]))


def need_dtype(Tensor t not None):
    """TypeError where the tensor's device lacks its dtype."""
    check_fp64(device_of(t.dev), t.dev, DOUBLE if t.dt == CDOUBLE else t.dt)


def empty_near(Tensor t not None, tuple shape, int dt):
    """An uninitialised tensor on t's device."""
    return empty(shape, dt, t.dev)


class Local:
    """An argument of `run`: so many bytes of local memory."""

    __slots__ = ("nbytes",)

    def __init__(self, nbytes):
        self.nbytes = nbytes


cdef object run_pyopencl(Device device, Kernel kernel, tuple counts, tuple local, tuple args):
    cdef Args a
    from cygrad.cl import _device
    cl = _device.pyopencl()
    given = []
    for x in args:
        a.n = 0
        if isinstance(x, Tensor):
            given.append(device.kept[<size_t> buffer_of(<Tensor> x).handle])
            add_long(&a, (<Tensor> x).offset)
        elif isinstance(x, Buffer):
            given.append(device.kept[<size_t> (<Buffer> x).handle])
            continue
        elif x is None or isinstance(x, bytes):
            given.append(x)
            continue
        elif isinstance(x, Local):
            given.append(cl.LocalMemory(x.nbytes))
            continue
        elif isinstance(x, tuple):
            add_number(&a, x[0], x[1])
        elif isinstance(x, float):
            add_number(&a, FLOAT, x)
        else:
            add_long(&a, x)
        given.append(a.value[0][:a.size[0]])
    for i, x in enumerate(given):
        kernel.kernel.set_arg(i, x)
    cl.enqueue_nd_range_kernel(device.queue, kernel.kernel, counts, local)


cdef int flush_sometimes(Device device) except -1:
    """Some drivers hold launches back until asked."""
    if not device.cpu:
        device.unflushed += 1
        if device.unflushed >= 8:
            device.unflushed = 0
            cl_flush(device.queue_handle)
    return 0


cdef struct Args:
    int n
    int size[MAX_ARGS]              # 0: a buffer
    char value[MAX_ARGS][8]


cdef inline void add_buffer(Args* a, Buffer b) noexcept:
    a.size[a.n] = 0
    (<void**> a.value[a.n])[0] = b.handle
    a.n += 1


cdef inline void add_long(Args* a, Py_ssize_t x) noexcept:
    a.size[a.n] = 8
    (<long long*> a.value[a.n])[0] = x
    a.n += 1


cdef int add_number(Args* a, int dt, object x) except -1:
    """A Python number as a kernel argument of dtype `dt`."""
    cdef char* to = a.value[a.n]
    cdef long long i
    if dt == FLOAT:
        (<float*> to)[0] = <float> <double> x
    elif dt == DOUBLE:
        (<double*> to)[0] = x
    else:
        i = (1 if x else 0) if dt == BOOL else <long long> int(x)
        memcpy(to, &i, 8)           # little-endian: the low bytes are the narrow integer
    a.size[a.n] = itemsize_of(dt)
    a.n += 1
    return 0


cdef int launch(Device device, Kernel k, Args* a, size_t gx, size_t gy, size_t local) except -1:
    cdef size_t[2] sizes
    cdef size_t[2] locals
    cdef int i, code
    if _forked:
        check_fork()
    sizes[0], sizes[1] = gx, gy
    locals[0], locals[1] = local, 1
    if cl_set_arg == NULL:
        return launch_pyopencl(device, k, a, gx, gy, local)
    for i in range(a.n):
        code = cl_set_arg(k.handle, i, a.size[i] if a.size[i] else sizeof(void*), a.value[i])
        if code:
            failed(code, f"clSetKernelArg({i}) of {k.kernel.function_name}")
    code = cl_enqueue(device.queue_handle, k.handle, 2 if gy > 1 else 1, NULL, sizes, locals, 0, NULL, NULL)
    if code:
        failed(code, f"clEnqueueNDRangeKernel of {k.kernel.function_name}")
    return flush_sometimes(device)


cdef int launch_pyopencl(Device device, Kernel k, Args* a, size_t gx, size_t gy, size_t local) except -1:
    cdef int i
    for i in range(a.n):
        if a.size[i]:
            k.kernel.set_arg(i, a.value[i][:a.size[i]])
        else:
            k.kernel.set_arg(i, device.kept[<size_t> (<void**> a.value[i])[0]])
    _device.pyopencl().enqueue_nd_range_kernel(device.queue, k.kernel, (gx, gy), (local, 1))
    return 0


cdef int check_fp64(Device device, int dev, int dt) except -1:
    if dt == DOUBLE and not device.fp64:
        raise TypeError(f"the device {device_object(dev)} ({device.handle.name}) doesn't support {dtype_object(dt)!r}. "
                        f"Please use float32 instead.")
    return 0


# ------------------------------------------------------------------ index spaces

cdef struct Space:
    int n                           # tensors, the output first
    int nd
    Py_ssize_t count
    Py_ssize_t sizes[64]            # outermost first
    Py_ssize_t strides[MAX_OPERANDS][64]    # elements


cdef bint before(Space* p, int i, int j) noexcept nogil:
    """Whether dimension i belongs outside of dimension j."""
    cdef int k
    for k in range(p.n):
        if p.strides[k][i] and p.strides[k][j] and p.strides[k][i] != p.strides[k][j]:
            return p.strides[k][i] > p.strides[k][j]
    return False


cdef void coalesce(Space* p, bint reorder) noexcept nogil:
    """Drops dimensions of size 1, orders the rest by stride (if `reorder`) and merges what is one run for all."""
    cdef int i, j, k, kept = 0
    cdef Py_ssize_t x
    for i in range(p.nd):
        if p.sizes[i] != 1:
            p.sizes[kept] = p.sizes[i]
            for k in range(p.n):
                p.strides[k][kept] = p.strides[k][i]
            kept += 1
    p.nd = kept
    if kept == 0:
        return
    if reorder:
        for i in range(1, kept):
            j = i
            while j > 0 and before(p, j, j - 1):
                x = p.sizes[j]
                p.sizes[j] = p.sizes[j - 1]
                p.sizes[j - 1] = x
                for k in range(p.n):
                    x = p.strides[k][j]
                    p.strides[k][j] = p.strides[k][j - 1]
                    p.strides[k][j - 1] = x
                j -= 1
    kept = 0
    for i in range(1, p.nd):
        for k in range(p.n):
            if p.strides[k][kept] != p.strides[k][i] * p.sizes[i]:
                break
        else:
            p.sizes[kept] *= p.sizes[i]
            for k in range(p.n):
                p.strides[k][kept] = p.strides[k][i]
            continue
        kept += 1
        p.sizes[kept] = p.sizes[i]
        for k in range(p.n):
            p.strides[k][kept] = p.strides[k][i]
    p.nd = kept + 1


cdef Py_ssize_t ceil_div(Py_ssize_t a, Py_ssize_t b) noexcept nogil:
    return (a + b - 1) // b


# ------------------------------------------------------------------ elementwise

def elementwise(str name, Tensor out not None, list operands, list params, int compute):
    """Row `name` of the table (or a gradient such as "sigmoid.da") on operands of out's shape (expanded tensors of any
    dtype, or numbers), computed in dtype code `compute` (half types: in float32), stored as out's dtype."""
    cdef Device device = device_of(out.dev)
    cdef Space p
    cdef Args a
    cdef Tensor t
    cdef int i, k, rank, n_ops = <int> len(operands)
    cdef unsigned long long key
    cdef Py_ssize_t n, rows = 1, chunk = 1, block = 1
    cdef bint wide
    if out.count == 0:
        return
    if compute == HALF or compute == BFLOAT16:
        compute = FLOAT
    if n_ops >= MAX_OPERANDS:
        raise ValueError(f"{name} has more than {MAX_OPERANDS - 1} operands")
    # --- the index space
    p.nd = out.nd
    for i in range(out.nd):
        p.sizes[i] = out.sizes[i]
        p.strides[0][i] = out.strides[i]
    p.n = 1
    for x in operands:
        if isinstance(x, Tensor):
            t = <Tensor> x
            if t.dev != out.dev and device_of(t.dev) is not device:
                raise RuntimeError("Expected all tensors to be on the same device, but found at least two devices, "
                                   f"{device_object(out.dev)} and {device_object(t.dev)}!")
            if not same_shape(t, out):
                raise ValueError(f"{name}: an operand of shape {list(t.shape)} for an output of {list(out.shape)}")
            for i in range(t.nd):
                p.strides[p.n][i] = t.strides[i]
            p.n += 1
    coalesce(&p, True)
    if p.nd == 0:                   # one element: as a contiguous run of one
        p.nd, p.sizes[0] = 1, 1
        for i in range(p.n):
            p.strides[i][0] = 1
    rank = p.nd - 1
    n = p.sizes[rank]
    for i in range(rank):
        rows *= p.sizes[i]
    wide = n * rows >= 1 << 32
    # --- the kernel
    key = out.dt | compute << 4 | rank << 8 | <int> wide << 15
    p.n = 0
    key |= <unsigned long long> way_of(p.strides[0][rank]) << 16
    i = 18
    for x in operands:
        if isinstance(x, Tensor):
            p.n += 1
            key |= <unsigned long long> ((<Tensor> x).dt | way_of(p.strides[p.n][rank]) << 4) << i
        else:
            key |= <unsigned long long> SCALAR << i
        i += 6
    p.n += 1
    kernels = device.elementwise_kernels.get(name)
    kernel = None if kernels is None else (<dict> kernels).get(key)
    if kernel is None:
        kernel = elementwise_kernel(device, name, out, operands, compute, rank, wide, &p, key)
    # --- arguments
    a.n = 0
    add_buffer(&a, buffer_of(out))
    add_long(&a, out.offset)
    for x in operands:
        if isinstance(x, Tensor):
            add_buffer(&a, buffer_of(<Tensor> x))
            add_long(&a, (<Tensor> x).offset)
        else:
            add_number(&a, compute, x)
    for i, x in enumerate(params):
        add_number(&a, compute, default_param(name, i) if x is None else x)
    add_long(&a, n)
    if device.cpu:
        chunk = min(max(ceil_div(n * rows, 4 * device.units), 4096), 65536) // 64 * 64
        if rank and n < chunk:
            block = max(chunk // n, 1)
            chunk = n
        add_long(&a, chunk)
    if rank:
        add_long(&a, rows)
        if device.cpu:
            add_long(&a, block)
        for i in range(rank - 1, -1, -1):
            add_long(&a, p.sizes[i])
    for k in range(p.n):
        if way_of(p.strides[k][rank]) == STRIDED:
            add_long(&a, p.strides[k][rank])
        for i in range(rank - 1, -1, -1):
            add_long(&a, p.strides[k][i])
    if device.cpu:
        launch(device, <Kernel> kernel, &a, ceil_div(n, chunk), ceil_div(rows, block) if rank else 1, 1)
    else:
        launch(device, <Kernel> kernel, &a, ceil_div(n * rows, GROUP) * GROUP, 1, GROUP)


cdef object default_param(str name, int i):
    """What the table gives for a parameter that was not given; NaN where it gives nothing, as on the CPU."""
    default = _table.by_name[name.partition(".d")[0]].params[i][1]
    return float("nan") if default is None else default


cdef inline int way_of(Py_ssize_t stride) noexcept:
    return BROADCAST if stride == 0 else UNIT if stride == 1 else STRIDED


cdef Kernel elementwise_kernel(Device device, str name, Tensor out, list operands, int compute, int rank, bint wide,
                               Space* p, unsigned long long key):
    cdef int k = 0
    if rank > MAX_RANK:
        raise RuntimeError(f"{name}: the operands' strides need {rank + 1} dimensions on an OpenCL device, at most "
                           f"{MAX_RANK + 1} are possible; call contiguous() first")
    check_fp64(device, out.dev, out.dt)
    check_fp64(device, out.dev, compute)
    layout, dts = [way_of(p.strides[0][rank])], []
    for x in operands:
        if isinstance(x, Tensor):
            k += 1
            check_fp64(device, out.dev, (<Tensor> x).dt)
            layout.append(way_of(p.strides[k][rank]))
            dts.append((<Tensor> x).dt)
        else:
            layout.append(BROADCAST)
            dts.append(SCALAR)
    sig = _source.Signature(out.dt, tuple(dts), compute, tuple(layout), rank, wide)
    if _source.find(name, compute)[1] is None:
        raise NotImplementedError(f"\"{name}\" not implemented for {dtype_object(compute)!r} on OpenCL devices")
    names = _source.companions(name, sig)
    kernel = make_kernel(device, ("elementwise", sig, min(names)), _source.kernel_name(name),
                         lambda: _source.elementwise_program(name, sig, device.schedule, device.fp64))
    device.elementwise_kernels.setdefault(name, {})[key] = kernel
    return kernel


# ------------------------------------------------------------------ copies

cdef int compute_dtype(int dt) noexcept:
    return FLOAT if dt == HALF or dt == BFLOAT16 else dt


def fill(Tensor dst not None, value):
    """Every element becomes the Python number."""
    elementwise("_copy", dst, [value], [], compute_dtype(dst.dt))


def where(Tensor out not None, Tensor cond not None, a, b):
    """out = a where cond else b; a and b are expanded tensors or numbers."""
    elementwise("_where", out, [cond, a, b], [], compute_dtype(out.dt))


cdef bint same_layout(Tensor a, Tensor b) noexcept:
    """Whether both have the same elements in the same order in one gapless run each."""
    cdef int i
    cdef Py_ssize_t extent = 1
    if a.contiguous and b.contiguous:
        return True
    for i in range(a.nd):
        if a.sizes[i] != 1 and a.strides[i] != b.strides[i]:
            return False
        extent += (a.sizes[i] - 1) * a.strides[i]
    return extent == a.count


cdef Tensor host_copy(Tensor t, int dt):
    """A contiguous CPU tensor of dtype `dt` with t's elements: `t` itself where it is one."""
    cdef Tensor r
    if t.contiguous and t.dt == dt:
        return t
    r = new_tensor(t.nd, t.sizes, dt, 0)
    copy_into(r, t)
    return r


def copy(Tensor dst not None, Tensor src not None):
    """The elements of `src`, which has dst's shape, cast to dst's dtype; one at least is on an OpenCL device."""
    cdef Device device
    cdef Tensor t
    cdef Py_ssize_t size
    cdef int dt
    if not same_shape(dst, src):
        raise ValueError(f"copy: the shapes {list(dst.shape)} and {list(src.shape)} differ")
    if dst.count == 0:
        return
    if dst.dev and src.dev and device_of(dst.dev) is device_of(src.dev):
        device = device_of(dst.dev)
        if dst.dt == src.dt and buffer_of(dst) is not buffer_of(src) and same_layout(dst, src):
            size = itemsize_of(dst.dt)
            device.copy(buffer_of(dst), dst.offset * size, buffer_of(src), src.offset * size, dst.count * size)
        else:
            elementwise("_copy", dst, [src], [], compute_dtype(src.dt))
    elif src.dev == 0:
        device = device_of(dst.dev)
        dt = src.dt
        # The cast is done where the smaller type travels, and never by a device that lacks the type.
        if itemsize_of(dst.dt) <= itemsize_of(dt) or (dt == DOUBLE and not device.fp64):
            dt = dst.dt
        if dst.dt == dt and dst.contiguous:
            t = dst
        else:
            t = new_tensor(dst.nd, dst.sizes, dt, dst.dev)
        src = host_copy(src, dt)
        device.write(buffer_of(t), t.offset * itemsize_of(dt), data_of(src), t.count * itemsize_of(dt))
        if t is not dst:
            copy(dst, t)
    elif dst.dev == 0:
        device = device_of(src.dev)
        dt = src.dt
        if device.fp64 and itemsize_of(dst.dt) <= itemsize_of(dt):
            dt = dst.dt
        if not src.contiguous or src.dt != dt:
            t = new_tensor(src.nd, src.sizes, dt, src.dev)
            copy(t, src)
            src = t
        t = dst if dst.contiguous and dst.dt == dt else new_tensor(dst.nd, dst.sizes, dt, 0)
        device.read(buffer_of(src), src.offset * itemsize_of(dt), data_of(t), t.count * itemsize_of(dt))
        if t is not dst:
            copy_into(dst, t)
    else:
        t = new_tensor(src.nd, src.sizes, src.dt, 0)
        copy(t, src)
        copy(dst, t)


# ------------------------------------------------------------------ reductions

cdef int split_dims(Tensor x, tuple dims, Space* kept, Space* reduced) except -1:
    """The dimensions of x as those that stay (with the strides of a contiguous result) and those that go."""
    cdef unsigned long long gone = 0
    cdef Py_ssize_t step = 1
    cdef int i, k
    for d in dims:
        gone |= <unsigned long long> 1 << <int> (d + x.nd if d < 0 else d)
    kept.n, reduced.n, kept.nd, reduced.nd = 2, 1, 0, 0
    for i in range(x.nd):
        if gone >> i & 1:
            reduced.sizes[reduced.nd] = x.sizes[i]
            reduced.strides[0][reduced.nd] = x.strides[i]
            reduced.nd += 1
        else:
            kept.sizes[kept.nd] = x.sizes[i]
            kept.strides[0][kept.nd] = x.strides[i]
            kept.nd += 1
    for k in range(kept.nd - 1, -1, -1):
        kept.strides[1][k] = step
        step *= kept.sizes[k]
    return 0


cdef void at_least_one(Space* p) noexcept:
    """An empty list of dimensions as one of size 1."""
    if p.nd == 0:
        p.nd, p.sizes[0] = 1, 1
        p.strides[0][0] = p.strides[1][0] = 1


cdef Py_ssize_t product(Space* p) noexcept:
    cdef Py_ssize_t n = 1
    cdef int i
    for i in range(p.nd):
        n *= p.sizes[i]
    return n


def reduce(str name, Tensor out not None, Tensor x not None, tuple dims, list params):
    """Reduction row `name` over the dimensions `dims` of x into `out`, which is contiguous with the kept sizes.

    Sums accumulate in float64 where the device has it, else blockwise in float32; integers in int64.  The order of
    the additions depends on the shape alone.
    """
    cdef Device device = device_of(x.dev)
    cdef Space kept, reduced
    cdef Args a
    cdef Buffer partial = None
    cdef Py_ssize_t outs, total, splits, chunk, block = 1, cells, per_item
    cdef int i, acc
    cdef bint columns, unit, tree = False
    cdef str mode
    row = _table.by_name[name]
    check_fp64(device, x.dev, x.dt)
    check_fp64(device, x.dev, out.dt)
    if not out.contiguous:
        raise ValueError(f"{name}: the result must be contiguous")
    found = _source.accumulator(row, x.dt, device.fp64)
    if found is None:
        raise NotImplementedError(f"\"{name}\" not implemented for {dtype_object(x.dt)!r} on OpenCL devices")
    acc = found
    split_dims(x, dims, &kept, &reduced)
    outs = product(&kept)
    if outs != out.count:
        raise ValueError(f"{name}: {out.count} results where x has {outs}")
    if outs == 0:
        return
    total = product(&reduced)
    coalesce(&kept, True)
    coalesce(&reduced, True)
    at_least_one(&kept)
    at_least_one(&reduced)
    if kept.nd > MAX_RANK or reduced.nd > MAX_RANK:
        raise RuntimeError(f"{name}: more than {MAX_RANK} separate dimensions on an OpenCL device; "
                           "call contiguous() first")
    unit = reduced.strides[0][reduced.nd - 1] == 1
    columns = not unit and kept.strides[0][kept.nd - 1] == 1 and kept.sizes[kept.nd - 1] >= 8
    # --- how the work is cut: by the shape alone
    if device.cpu:
        mode = "columns" if columns else "rows"
        if columns:
            cells = ceil_div(kept.sizes[kept.nd - 1], COLUMNS) * (outs // kept.sizes[kept.nd - 1])
            per_item, i = 16384 // COLUMNS, 1
        else:
            cells, per_item, i = outs, 32768, 512
        splits = min(ceil_div(total, per_item), max(64 // cells, 1))
        if not columns and total:
            block = max(32768 // total, 1)
    else:
        tree = not columns and total >= GROUP
        mode = "tree" if tree else "items"
        cells, i = outs, 1
        splits = min(ceil_div(total, 4096 if tree else 64), max((1024 if tree else 65536) // outs, 1))
    splits = max(splits, 1)
    chunk = ceil_div(ceil_div(total, splits), i) * i
    splits = max(ceil_div(total, chunk), 1) if chunk else 1
    # --- launch
    if splits > 1:
        partial = device.allocate(outs * splits * itemsize_of(acc))
    key = (name, x.dt, out.dt if splits == 1 else None, mode, kept.nd, reduced.nd, unit, total >= 1 << 32)
    kernel = device.reduction_kernels.get(key)
    if kernel is None:
        sig = _source.Reduction(*key[1:])
        kernel = make_kernel(device, ("reduction", sig), _source.kernel_name(name),
                             lambda: _source.reduction_program(name, sig, device.schedule, device.fp64))
        device.reduction_kernels[key] = kernel
    a.n = 0
    add_buffer(&a, buffer_of(out) if splits == 1 else partial)
    add_long(&a, out.offset if splits == 1 else 0)
    add_buffer(&a, buffer_of(x))
    add_long(&a, x.offset)
    for value in params:
        add_number(&a, acc, value)
    add_long(&a, outs)
    add_long(&a, block)
    add_long(&a, splits)
    add_long(&a, chunk)
    add_dims(&a, &kept, 2)
    add_dims(&a, &reduced, 1)
    if device.cpu:
        launch(device, <Kernel> kernel, &a, cells if columns else ceil_div(outs, block), splits, 1)
    elif tree:
        launch(device, <Kernel> kernel, &a, outs * splits * GROUP, 1, GROUP)
    else:
        launch(device, <Kernel> kernel, &a, ceil_div(outs * splits, GROUP) * GROUP, 1, GROUP)
    if splits == 1:
        return
    key = (name, x.dt, out.dt)
    kernel = device.reduction_kernels.get(key)
    if kernel is None:
        kernel = make_kernel(device, ("join", x.dt, out.dt), _source.kernel_name(name) + "_join",
                             lambda: _source.join_program(name, x.dt, out.dt, device.schedule, device.fp64))
        device.reduction_kernels[key] = kernel
    a.n = 0
    add_buffer(&a, buffer_of(out))
    add_long(&a, out.offset)
    add_buffer(&a, partial)
    add_long(&a, outs)
    add_long(&a, splits)
    launch_items(device, <Kernel> kernel, &a, outs)


cdef void add_dims(Args* a, Space* p, int strides) noexcept:
    """Sizes, innermost first, then the strides of each tensor."""
    cdef int i, k
    for i in range(p.nd - 1, -1, -1):
        add_long(a, p.sizes[i])
    for k in range(strides):
        for i in range(p.nd - 1, -1, -1):
            add_long(a, p.strides[k][i])


cdef int launch_items(Device device, Kernel kernel, Args* a, Py_ssize_t n) except -1:
    """At least n work-items; the kernel guards its end."""
    cdef Py_ssize_t local = 16 if device.cpu else GROUP
    return launch(device, kernel, a, ceil_div(n, local) * local, 1, local)


def arg_reduce(str name, Tensor values, Tensor indices not None, Tensor x not None, dim):
    """The place (int64, into `indices`) and, if `values` is a tensor, the value of the greatest ("argmax") or least
    ("argmin") element of x along `dim`, or of all of x in its logical order (dim None).  The first of equal ones; NaN
    counts as the greatest and the least.  Results are contiguous."""
    cdef Device device = device_of(x.dev)
    cdef Space kept, reduced
    cdef Args a
    cdef Buffer part_values, part_indices
    cdef Py_ssize_t outs, total, splits, chunk
    cdef int element = compute_dtype(x.dt)
    check_fp64(device, x.dev, x.dt)
    if indices.dt != INT64 or not indices.contiguous or (values is not None and
                                                         (values.dt != x.dt or not values.contiguous)):
        raise ValueError(f"{name}: the indices must be contiguous int64, the values contiguous of x's dtype")
    split_dims(x, tuple(range(x.nd)) if dim is None else (dim,), &kept, &reduced)
    outs, total = product(&kept), product(&reduced)
    if outs != indices.count:
        raise ValueError(f"{name}: {indices.count} results where x has {outs}")
    if outs == 0:
        return
    if total == 0:
        raise IndexError(f"{name}(): Expected reduction dim to have non-zero size.")
    kept.n = 1
    coalesce(&kept, False)          # in logical order: an output's number is its place in `indices`
    coalesce(&reduced, False)
    at_least_one(&kept)
    at_least_one(&reduced)
    if kept.nd > MAX_RANK or reduced.nd > MAX_RANK:
        raise RuntimeError(f"{name}: more than {MAX_RANK} separate dimensions on an OpenCL device; "
                           "call contiguous() first")
    if device.cpu:
        splits = min(ceil_div(total, 8192), max(64 // outs, 1))
    else:
        splits = min(ceil_div(total, 32), max(65536 // outs, 1))
    chunk = ceil_div(total, splits)
    splits = ceil_div(total, chunk)
    part_values = device.allocate(outs * splits * itemsize_of(element))
    part_indices = device.allocate(outs * splits * 8)
    key = (name, x.dt, kept.nd, reduced.nd)
    kernels = device.reduction_kernels.get(key)
    if kernels is None:
        def make():
            return _source.arg_program(key[1], key[2], key[3], device.schedule, device.fp64)

        kernels = tuple([make_kernel(device, ("arg", *key[1:]), f"k_{name}{end}", make) for end in ("", "_join")])
        device.reduction_kernels[key] = kernels
    a.n = 0
    add_buffer(&a, part_values)
    add_buffer(&a, part_indices)
    add_buffer(&a, buffer_of(x))
    add_long(&a, x.offset)
    add_long(&a, outs)
    add_long(&a, splits)
    add_long(&a, chunk)
    add_dims(&a, &kept, 1)
    add_dims(&a, &reduced, 1)
    launch_items(device, <Kernel> kernels[0], &a, outs * splits)
    a.n = 0
    add_buffer(&a, buffer_of(indices if values is None else values))
    add_long(&a, 0 if values is None else values.offset)
    add_buffer(&a, buffer_of(indices))
    add_long(&a, indices.offset)
    add_buffer(&a, part_values)
    add_buffer(&a, part_indices)
    add_long(&a, outs)
    add_long(&a, splits)
    add_long(&a, values is not None)
    launch_items(device, <Kernel> kernels[1], &a, outs)
