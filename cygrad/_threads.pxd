"""What a loop over threads asks, and tells."""

cdef struct Region:
    int n                       # threads
    double opened, ended        # seconds; when the caller's own part had ended


cdef int num_threads() noexcept nogil
cdef void open_region(Region* region, int n) noexcept nogil
cdef void end_part(Region* region) noexcept nogil
cdef void close_region(Region* region) noexcept nogil
