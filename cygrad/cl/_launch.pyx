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
* Host memory travels through a ring of staging memory; only reads wait.
* A profile swaps in a queue with time stamps and keeps the events; without one, launches have no events.
* The GIL is held from the first argument to the launch, since a kernel's arguments are its state; it is released
  where the host waits.
"""
cimport cython
from libc.stdlib cimport malloc, calloc, free
from libc.string cimport memcpy

from cygrad._core cimport BOOL, CFLOAT, CDOUBLE, FLOAT, DOUBLE, Tensor, itemsize_of, dtype_object, device_object
from cygrad._ops import empty
from cygrad.cl import _device, _program

import gc
import os
import threading

ctypedef int (*set_arg_t)(void*, unsigned int, size_t, const void*) noexcept nogil
ctypedef int (*enqueue_t)(void*, void*, unsigned int, const size_t*, const size_t*, const size_t*, unsigned int,
                          const void*, void*) noexcept nogil
ctypedef int (*transfer_t)(void*, void*, unsigned int, size_t, size_t, const void*, unsigned int, const void*,
                           void*) noexcept nogil
ctypedef int (*copy_t)(void*, void*, void*, size_t, size_t, size_t, unsigned int, const void*, void*) noexcept nogil
ctypedef int (*queue_t)(void*) noexcept nogil
ctypedef void* (*map_t)(void*, void*, unsigned int, unsigned long long, size_t, size_t, unsigned int, const void*,
                        void*, int*) noexcept nogil
ctypedef int (*wait_t)(unsigned int, void**) noexcept nogil
ctypedef int (*info_t)(void*, unsigned int, size_t, void*, size_t*) noexcept nogil
ctypedef void* (*create_t)(void*, unsigned long long, size_t, void*, int*) noexcept nogil

FUNCTIONS = ("clSetKernelArg", "clEnqueueNDRangeKernel", "clEnqueueReadBuffer", "clEnqueueWriteBuffer",
             "clEnqueueCopyBuffer", "clFinish", "clFlush", "clCreateBuffer", "clReleaseMemObject", "clEnqueueMapBuffer",
             "clWaitForEvents", "clRetainEvent", "clReleaseEvent", "clGetEventInfo", "clGetEventProfilingInfo")

cdef enum:
    N_BINS = 1024
    RING = 1 << 24              # bytes of host memory that copies to the device pass through
    ALONE = 1 << 22             # a copy larger than this has host memory of its own
    MAX_STAGED = 1 << 29        # bytes that may be on their way at a time
    N_PENDING = 4096            # copies that may be

cdef set_arg_t cl_set_arg = NULL
cdef enqueue_t cl_enqueue
cdef transfer_t cl_read, cl_write
cdef copy_t cl_copy
cdef queue_t cl_finish, cl_flush, cl_release, cl_retain_event, cl_release_event
cdef create_t cl_create
cdef map_t cl_map
cdef wait_t cl_wait
cdef info_t cl_event_info, cl_event_times
cdef bint _forked = False


def bind(dict address):
    """Takes the addresses of FUNCTIONS."""
    global cl_set_arg, cl_enqueue, cl_read, cl_write, cl_copy, cl_finish, cl_flush, cl_create, cl_release
    global cl_map, cl_wait, cl_retain_event, cl_release_event, cl_event_info, cl_event_times
    cl_map = <map_t> <size_t> address["clEnqueueMapBuffer"]
    cl_wait = <wait_t> <size_t> address["clWaitForEvents"]
    cl_retain_event = <queue_t> <size_t> address["clRetainEvent"]
    cl_release_event = <queue_t> <size_t> address["clReleaseEvent"]
    cl_event_info = <info_t> <size_t> address["clGetEventInfo"]
    cl_event_times = <info_t> <size_t> address["clGetEventProfilingInfo"]
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

    def __init__(self, int index, handle, context, queue, *, str schedule, bint fp64, limit, max_alloc, int units,
                 int group):
        self.index, self.handle, self.context, self.queue = index, handle, context, queue
        self.schedule, self.cpu, self.fp64 = schedule, schedule == "cpu", fp64
        self.limit, self.max_alloc, self.units, self.group = limit, max_alloc, units, group
        self.queue_handle = <void*> <size_t> queue.int_ptr
        self.context_handle = <void*> <size_t> context.int_ptr
        self.bins = <Block**> calloc(N_BINS, sizeof(Block*))
        self.pending = <Copy*> malloc(N_PENDING * sizeof(Copy))
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
        check_fork()
        cdef bint asked = self.read_word()
        if cl_set_arg != NULL:
            with nogil:
                code = cl_finish(self.queue_handle)
            if code:
                failed(code, "clFinish")
        else:
            self.queue.finish()
        self.retire()
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

    # Host copies pass through a ring of host memory that the driver has mapped (on a GPU: pinned), so that the host
    # goes on at once, whatever is queued before them.  `head` and `tail` count bytes for ever; the ring's place is
    # their remainder.  The queue is in order: when a copy is done, so are those before it.

    cdef int retire(self) noexcept:
        """Frees the room of the copies that are done."""
        cdef int status = 0
        cdef Copy* c
        while self.n_pending:
            c = &self.pending[self.first]
            if cl_event_info(c.event, 0x11D3, sizeof(int), &status, NULL) or status > 0:    # EXECUTION_STATUS
                return 0
            cl_release_event(c.event)
            self.staged_bytes -= c.nbytes
            if c.own != NULL:
                free(c.own)
            else:
                self.tail = c.end
            self.first = (self.first + 1) % N_PENDING
            self.n_pending -= 1
        self.tail = self.head
        return 0

    cdef int wait_oldest(self) except -1:
        """Waits for the oldest copy.  Other threads go on, and may retire it before."""
        cdef void* event = self.pending[self.first].event
        cl_retain_event(event)
        with nogil:
            cl_wait(1, &event)
        cl_release_event(event)
        self.retire()
        return 0

    cdef int write(self, Buffer buffer, Py_ssize_t offset, const char* host, Py_ssize_t nbytes) except -1:
        """Host memory to the device, without waiting for what is queued.  `host` may change afterwards."""
        cdef Copy c
        cdef void* at
        cdef void* event = NULL
        cdef int code = 0
        cdef Py_ssize_t place, skipped
        if cl_set_arg == NULL:
            _device.pyopencl().enqueue_copy(self.queue, self.kept[<size_t> buffer.handle], <char[:nbytes]> <char*> host,
                                            dst_offset=offset)
            return 0
        self.retire()
        while self.n_pending and (self.n_pending == N_PENDING or self.staged_bytes + nbytes > MAX_STAGED):
            self.wait_oldest()
        c.own, c.nbytes = NULL, nbytes
        if nbytes > ALONE:
            c.own = at = malloc(nbytes)
            if at == NULL:
                raise MemoryError()
        else:
            if self.ring == NULL:
                self.make_ring()
            while True:
                place = self.head % RING
                skipped = RING - place if place + nbytes > RING else 0
                if self.head + skipped + nbytes - self.tail <= RING:
                    break
                if self.n_pending == 0:
                    self.retire()
                else:
                    self.wait_oldest()
            at = self.ring + (0 if skipped else place)
            self.head += skipped + nbytes
            c.end = self.head
        memcpy(at, host, nbytes)
        code = cl_write(self.queue_handle, buffer.handle, 0, offset, nbytes, at, 0, NULL, &event)
        if code:
            free(c.own)
            failed(code, "clEnqueueWriteBuffer")
        if self.profile is not None:
            cl_retain_event(event)
            self.note("copy host to device", event)
        c.event = event
        self.pending[(self.first + self.n_pending) % N_PENDING] = c
        self.n_pending += 1
        self.staged_bytes += nbytes
        return 0

    cdef int make_ring(self) except -1:
        cdef int code = 0
        cdef void* handle = cl_create(self.context_handle, 1 | 16, RING, NULL, &code)   # READ_WRITE, ALLOC_HOST_PTR
        cdef void* ring = NULL
        if code == 0:                   # on a queue of its own: to map is to wait for a queue
            other = _device.new_queue(self.context, self.handle)
            ring = cl_map(<void*> <size_t> other.int_ptr, handle, 1, 3, 0, RING, 0, NULL, NULL, &code)
        self.ring = <char*> (malloc(RING) if code or ring == NULL else ring)
        if self.ring == NULL:
            raise MemoryError()
        return 0

    cdef int read(self, Buffer buffer, Py_ssize_t offset, char* host, Py_ssize_t nbytes) except -1:
        """Device memory to the host; waits for everything queued before."""
        cdef int code
        cdef void* event = NULL
        cdef void** noted = &event if self.profile is not None else NULL
        check_fork()
        cdef bint asked = self.read_word()
        if cl_set_arg == NULL:
            _device.pyopencl().enqueue_copy(self.queue, <char[:nbytes]> host, self.kept[<size_t> buffer.handle],
                                            src_offset=offset)
            if asked:
                self.raise_word()
            return 0
        with nogil:
            code = cl_read(self.queue_handle, buffer.handle, 1, offset, nbytes, host, 0, NULL, noted)
        if code:
            failed(code, "clEnqueueReadBuffer")
        if event != NULL:
            self.note("copy device to host", event)
        self.retire()
        if asked:
            self.raise_word()
        return 0

    cdef int copy(self, Buffer to, Py_ssize_t to_offset, Buffer of, Py_ssize_t of_offset, Py_ssize_t nbytes) except -1:
        cdef int code
        cdef void* event = NULL
        cdef void** noted = &event if self.profile is not None else NULL
        check_fork()
        if cl_set_arg == NULL:
            _device.pyopencl().enqueue_copy(self.queue, self.kept[<size_t> to.handle], self.kept[<size_t> of.handle],
                                            byte_count=nbytes, src_offset=of_offset, dst_offset=to_offset)
            return 0
        code = cl_copy(self.queue_handle, of.handle, to.handle, of_offset, to_offset, nbytes, 0, NULL, noted)
        if code:
            failed(code, "clEnqueueCopyBuffer")
        if event != NULL:
            self.note("copy device to device", event)
        return 0

    cdef int enqueue(self, Kernel kernel, int dims, const size_t* sizes, const size_t* local) except -1:
        """Launches a kernel whose arguments are set."""
        cdef void* event = NULL
        cdef void** noted = &event if self.profile is not None else NULL
        cdef int code = cl_enqueue(self.queue_handle, kernel.handle, dims, NULL, sizes, local, 0, NULL, noted)
        if code == -4 or code == -5 or code == -6:      # some drivers find memory for a buffer only now
            self.finish()
            self.empty_cache()
            code = cl_enqueue(self.queue_handle, kernel.handle, dims, NULL, sizes, local, 0, NULL, noted)
        if code:
            failed(code, f"clEnqueueNDRangeKernel of {kernel.kernel.function_name}")
        if event != NULL:
            self.note(kernel.kernel.function_name, event)
        if not self.cpu:                # some drivers hold launches back until asked
            self.unflushed += 1
            if self.unflushed >= 8:
                self.unflushed = 0
                cl_flush(self.queue_handle)
        return 0

    @property
    def profiling(self):
        return self.profile is not None

    def start_profile(self, queue, clock):
        """Records every kernel and copy from now on; `queue` is one with profiling, clock() the host's time in ns."""
        self.finish()
        self.plain_queue, self.queue = self.queue, queue
        self.queue_handle = <void*> <size_t> queue.int_ptr
        self.clock, self.profile = clock, []

    def stop_profile(self):
        """[(name, start, end)] of what was recorded, in the host's ns."""
        cdef unsigned long long queued = 0, start = 0, end = 0
        cdef void* event
        self.finish()
        found = []
        for name, handle, host in self.profile:
            event = <void*> <size_t> handle
            cl_event_times(event, 0x1280, 8, &queued, NULL)
            cl_event_times(event, 0x1282, 8, &start, NULL)
            cl_event_times(event, 0x1283, 8, &end, NULL)
            cl_release_event(event)
            found.append((name, host, queued, start, end))
        self.profile = None
        self.queue = self.plain_queue
        self.queue_handle = <void*> <size_t> self.queue.int_ptr
        # The device's clock starts anywhere: the least delay between a call and its queueing is their difference.
        shift = min([host - queued for _, host, queued, _, _ in found], default=0)
        return [(name, start + shift, end + shift) for name, _, _, start, end in found]

    cdef int note(self, str name, void* event) except -1:
        """Keeps an event, and its reference, for `stop_profile`."""
        self.profile.append((name, <size_t> event, self.clock()))
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


_opening = threading.Lock()
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
    with _opening:                      # two threads must not make two contexts of one device
        if _devices and _devices[index] is not None:
            return <Device> _devices[index]
        parts = _device.opened(index)
        if not _devices:
            found = _device.addresses(FUNCTIONS)
            if found is not None:       # without them pyopencl is called
                bind(found)
            _devices.extend([None] * 32)
        device = Device(index, **parts)
        if _device.clock is not None:
            _device.start_profile(device)
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


# ------------------------------------------------------------------ launching

@cython.binding(False)    # its methods check the type of `self`
cdef class Kernel:
    """A kernel object; its arguments are set and it is launched without letting another thread in between."""


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
    device.enqueue(kernel, dims, counts, groups)


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


cdef int add_number(Args* a, int dt, object x) except -1:
    """A Python number as a kernel argument of dtype `dt`."""
    cdef char* to = a.value[a.n]
    cdef long long i
    if dt == FLOAT:
        (<float*> to)[0] = <float> <double> x
    elif dt == DOUBLE:
        (<double*> to)[0] = x
    elif dt == CFLOAT:
        z = complex(x)
        (<float*> to)[0], (<float*> to)[1] = <float> <double> z.real, <float> <double> z.imag
    elif dt == CDOUBLE:
        z = complex(x)
        (<double*> to)[0], (<double*> to)[1] = <double> z.real, <double> z.imag
    else:
        i = (1 if x else 0) if dt == BOOL else <long long> int(x)
        memcpy(to, &i, 8)           # little-endian: the low bytes are the narrow integer
    a.size[a.n] = itemsize_of(dt)
    a.n += 1
    return 0


cdef int launch(Device device, Kernel k, Args* a, const void* space, size_t size, size_t gx, size_t gy,
                size_t local) except -1:
    """Launches gx by gy work-items in groups of `local` by 1.  Unless it is empty, `space` is the last argument."""
    cdef size_t[2] sizes
    cdef size_t[2] locals
    cdef int i, code
    if _forked:
        check_fork()
    sizes[0], sizes[1] = gx, gy
    locals[0], locals[1] = local, 1
    if cl_set_arg == NULL:
        return launch_pyopencl(device, k, a, (<const char*> space)[:size] if size else None, gx, gy, local)
    for i in range(a.n):
        code = cl_set_arg(k.handle, i, a.size[i] if a.size[i] else sizeof(void*), a.value[i])
        if code:
            failed(code, f"clSetKernelArg({i}) of {k.kernel.function_name}")
    if size:
        code = cl_set_arg(k.handle, a.n, size, space)
        if code:
            failed(code, f"clSetKernelArg({a.n}) of {k.kernel.function_name}")
    return device.enqueue(k, 2 if gy > 1 else 1, sizes, locals)


cdef int launch_pyopencl(Device device, Kernel k, Args* a, bytes space, size_t gx, size_t gy, size_t local) except -1:
    cdef int i
    for i in range(a.n):
        if a.size[i]:
            k.kernel.set_arg(i, a.value[i][:a.size[i]])
        else:
            k.kernel.set_arg(i, device.kept[<size_t> (<void**> a.value[i])[0]])
    if space is not None:
        k.kernel.set_arg(a.n, space)
    _device.pyopencl().enqueue_nd_range_kernel(device.queue, k.kernel, (gx, gy), (local, 1))
    return 0


cdef int check_fp64(Device device, int dev, int dt) except -1:
    if (dt == DOUBLE or dt == CDOUBLE) and not device.fp64:
        raise TypeError(f"the device {device_object(dev)} ({device.handle.name}) doesn't support {dtype_object(dt)!r}. "
                        f"Please use {'float32' if dt == DOUBLE else 'complex64'} instead.")
    return 0
