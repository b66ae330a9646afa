"""Storages that are not made by an operator: of a size, over the memory of another object, given other memory."""
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer

from cygrad._core cimport Storage, as_device_code, borrow_storage, new_storage


def allocate(Storage s not None, Py_ssize_t nbytes, device=None):
    """Gives a storage without memory `nbytes` of it, uninitialised."""
    if nbytes < 0:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:98] ((ptrdiff_t)nbytes) >= 0. alloc_cpu() seems to have "
                           f"been called with negative number: {nbytes % 2 ** 64}")
    cdef Storage fresh = new_storage(nbytes, as_device_code(device, 0))
    s.ptr, s.size_bytes, s.dev, s.owns, s.owner = fresh.ptr, nbytes, fresh.dev, fresh.owns, fresh.owner
    fresh.owns = False


def over(buffer):
    """A storage over the memory of an object that has a contiguous buffer.

    The memory is written through the storage even if the buffer calls itself read-only.
    """
    cdef Py_buffer view
    held = memoryview(buffer)       # keeps the export, so that a bytearray is not resized underneath
    PyObject_GetBuffer(held, &view, PyBUF_SIMPLE)
    try:
        return borrow_storage(<char*> view.buf, view.len, held)
    finally:
        PyBuffer_Release(&view)


def rebind(Storage s not None, Storage other not None):
    """`s` takes the memory of `other`, which holds the same bytes.

    The old block lives as long as `s`: arrays and `.data` may point into it.
    """
    cdef Storage old = Storage.__new__(Storage)
    old.ptr, old.size_bytes, old.owns, old.owner = s.ptr, s.size_bytes, s.owns, s.owner
    s.ptr, s.size_bytes, s.owns, s.owner = other.ptr, other.size_bytes, False, (other, old)
