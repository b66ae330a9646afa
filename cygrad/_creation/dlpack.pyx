"""Memory shared with other libraries by DLPack: https://dmlc.github.io/dlpack/latest/c_api.html

Capsules of both protocols, "dltensor" and "dltensor_versioned", go out and come in, for tensors in host memory.
"""
from cpython.pycapsule cimport (
    PyCapsule_GetPointer, PyCapsule_IsValid, PyCapsule_New, PyCapsule_SetName)
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc

from cygrad._core cimport (
    BFLOAT16, BOOL, CDOUBLE, CFLOAT, DOUBLE, FLOAT, HALF, INT8, INT16, INT32, INT64, MAX_DIMS, UINT8, Tensor,
    borrow_storage, data_of,
    device_object, grad_required, itemsize_of, set_dims, shallow, update_contiguous)
from cygrad._creation.bridge cimport PRESERVE, copy_as


cdef struct DLDevice:
    int32_t device_type
    int32_t device_id

cdef struct DLDataType:
    uint8_t code
    uint8_t bits
    uint16_t lanes

cdef struct DLTensor:
    void* data
    DLDevice device
    int32_t ndim
    DLDataType dtype
    int64_t* shape
    int64_t* strides
    uint64_t byte_offset

cdef struct DLManagedTensor:
    DLTensor dl_tensor
    void* manager_ctx
    void (*deleter)(DLManagedTensor*) noexcept

cdef struct DLManagedTensorVersioned:
    uint32_t major
    uint32_t minor
    void* manager_ctx
    void (*deleter)(DLManagedTensorVersioned*) noexcept
    uint64_t flags
    DLTensor dl_tensor

cdef enum:
    DL_CPU = 1
    DL_READ_ONLY = 1
    DL_COPIED = 2
    DL_INT = 0
    DL_UINT = 1
    DL_FLOAT = 2
    DL_BFLOAT = 4
    DL_COMPLEX = 5
    DL_BOOL = 6


cdef void delete_managed(DLManagedTensor* m) noexcept with gil:
    Py_DECREF(<object> m.manager_ctx)
    free(m.dl_tensor.shape)
    free(m)


cdef void delete_versioned(DLManagedTensorVersioned* m) noexcept with gil:
    Py_DECREF(<object> m.manager_ctx)
    free(m.dl_tensor.shape)
    free(m)


cdef void drop_capsule(object capsule) noexcept:
    # A consumed capsule has another name, and its consumer calls the deleter.
    cdef DLManagedTensor* m
    if PyCapsule_IsValid(capsule, "dltensor"):
        m = <DLManagedTensor*> PyCapsule_GetPointer(capsule, "dltensor")
        m.deleter(m)


cdef void drop_versioned_capsule(object capsule) noexcept:
    cdef DLManagedTensorVersioned* m
    if PyCapsule_IsValid(capsule, "dltensor_versioned"):
        m = <DLManagedTensorVersioned*> PyCapsule_GetPointer(capsule, "dltensor_versioned")
        m.deleter(m)


cdef int describe(Tensor t, DLTensor* d) except -1:
    cdef int i
    d.data = data_of(t)
    d.device.device_type, d.device.device_id = DL_CPU, 0
    d.ndim = t.nd
    d.dtype.code = (DL_BOOL if t.dt == BOOL else DL_UINT if t.dt == UINT8 else DL_BFLOAT if t.dt == BFLOAT16 else
                    DL_COMPLEX if t.dt >= CFLOAT else DL_FLOAT if t.dt >= HALF else DL_INT)
    d.dtype.bits, d.dtype.lanes = 8 * itemsize_of(t.dt), 1
    d.byte_offset = 0
    d.shape = <int64_t*> malloc(2 * MAX_DIMS * sizeof(int64_t))
    if d.shape == NULL:
        raise MemoryError
    d.strides = d.shape + MAX_DIMS
    for i in range(t.nd):
        d.shape[i], d.strides[i] = t.sizes[i], t.strides[i]
    return 0


def __dlpack__(Tensor self not None, *, stream=-1, max_version=None, dl_device=None, copy=None):
    """A capsule on this tensor's memory for `from_dlpack` of another library."""
    cdef DLManagedTensor* m
    cdef DLManagedTensorVersioned* v
    cdef Tensor t = self
    if grad_required(t):
        raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
    if t.dev:
        raise BufferError(f"__dlpack__: tensors on '{device_object(t.dev)}' cannot be exported, use tensor.cpu()")
    if stream is not None and stream != -1:
        raise AssertionError("stream should be None on cpu.")
    if dl_device is not None and tuple(dl_device) != (DL_CPU, 0):
        raise BufferError(f"__dlpack__: cannot export to device {tuple(dl_device)}")
    if copy:
        t = copy_as(shallow(t), t.dt, 0, PRESERVE, None)
    if max_version is not None and max_version[0] >= 1:
        v = <DLManagedTensorVersioned*> malloc(sizeof(DLManagedTensorVersioned))
        if v == NULL:
            raise MemoryError
        describe(t, &v.dl_tensor)
        v.major, v.minor = 1, 0
        v.flags = DL_COPIED if copy else 0
        v.deleter = <void (*)(DLManagedTensorVersioned*) noexcept> delete_versioned
        Py_INCREF(t)
        v.manager_ctx = <void*> t
        return PyCapsule_New(v, "dltensor_versioned", <void (*)(object) noexcept> drop_versioned_capsule)
    m = <DLManagedTensor*> malloc(sizeof(DLManagedTensor))
    if m == NULL:
        raise MemoryError
    describe(t, &m.dl_tensor)
    m.deleter = <void (*)(DLManagedTensor*) noexcept> delete_managed
    Py_INCREF(t)
    m.manager_ctx = <void*> t
    return PyCapsule_New(m, "dltensor", <void (*)(object) noexcept> drop_capsule)


def __dlpack_device__(Tensor self not None):
    if self.dev:
        raise BufferError(f"__dlpack_device__: tensors on '{device_object(self.dev)}' cannot be exported")
    return DL_CPU, 0


def to_dlpack(Tensor tensor not None):
    """A DLPack capsule on the memory of `tensor`, to be consumed once."""
    return __dlpack__(tensor)


cdef class ManagedMemory:
    """Keeps what a DLPack capsule handed over until nothing looks at it any more."""
    cdef DLManagedTensor* managed
    cdef DLManagedTensorVersioned* versioned

    def __dealloc__(self):
        if self.managed != NULL and self.managed.deleter != NULL:
            self.managed.deleter(self.managed)
        if self.versioned != NULL and self.versioned.deleter != NULL:
            self.versioned.deleter(self.versioned)


def from_dlpack(ext_tensor):
    """A tensor on the memory of an object with `__dlpack__`, or of a DLPack capsule."""
    cdef ManagedMemory owner = ManagedMemory.__new__(ManagedMemory)
    cdef DLTensor* d
    cdef Tensor t
    cdef Py_ssize_t step = 1, extent = 1
    cdef int i, dt = -1
    capsule = ext_tensor
    if hasattr(ext_tensor, "__dlpack__"):
        try:
            capsule = ext_tensor.__dlpack__(max_version=(1, 0))
        except TypeError:           # a producer from before the versioned protocol
            capsule = ext_tensor.__dlpack__()
    if PyCapsule_IsValid(capsule, "dltensor_versioned"):
        owner.versioned = <DLManagedTensorVersioned*> PyCapsule_GetPointer(capsule, "dltensor_versioned")
        PyCapsule_SetName(capsule, "used_dltensor_versioned")
        if owner.versioned.major > 1:
            raise BufferError(f"from_dlpack: DLPack version {owner.versioned.major} is not supported")
        d = &owner.versioned.dl_tensor
    elif PyCapsule_IsValid(capsule, "dltensor"):
        owner.managed = <DLManagedTensor*> PyCapsule_GetPointer(capsule, "dltensor")
        PyCapsule_SetName(capsule, "used_dltensor")
        d = &owner.managed.dl_tensor
    else:
        raise RuntimeError("from_dlpack received an invalid capsule. Note that DLTensor capsules can be consumed only "
                           "once, so you might have already constructed a tensor from it once.")
    if d.device.device_type != DL_CPU:
        raise BufferError(f"from_dlpack: memory of device type {d.device.device_type} is not supported")
    if d.dtype.lanes == 1:
        dt = {(DL_BOOL, 8): BOOL, (DL_UINT, 8): UINT8, (DL_INT, 8): INT8, (DL_INT, 16): INT16, (DL_INT, 32): INT32,
              (DL_INT, 64): INT64, (DL_FLOAT, 16): HALF, (DL_BFLOAT, 16): BFLOAT16, (DL_FLOAT, 32): FLOAT,
              (DL_FLOAT, 64): DOUBLE, (DL_COMPLEX, 64): CFLOAT, (DL_COMPLEX, 128): CDOUBLE}.get(
                  (d.dtype.code, d.dtype.bits), -1)
    if dt < 0:
        raise BufferError(f"from_dlpack: unsupported data type: code {d.dtype.code}, {d.dtype.bits} bits, "
                          f"{d.dtype.lanes} lanes")
    if d.ndim > MAX_DIMS:
        raise RuntimeError(f"tensors with more than {MAX_DIMS} dimensions are not supported, got {d.ndim}")
    t = Tensor.__new__(Tensor)
    set_dims(t, d.ndim)
    t.count = 1
    for i in range(d.ndim - 1, -1, -1):
        t.sizes[i] = d.shape[i]
        t.strides[i] = d.strides[i] if d.strides != NULL else step
        if t.strides[i] < 0:
            raise ValueError("from_dlpack: tensors with negative strides are not supported")
        step *= d.shape[i]
        t.count *= d.shape[i]
        extent += (d.shape[i] - 1) * t.strides[i]
    t.dt = dt
    t.storage = borrow_storage(<char*> d.data + d.byte_offset, extent * itemsize_of(dt) if t.count else 0, owner)
    update_contiguous(t)
    return t


FUNCTIONS = {"from_dlpack": from_dlpack, "to_dlpack": to_dlpack}
METHODS = {"__dlpack__": __dlpack__, "__dlpack_device__": __dlpack_device__}
