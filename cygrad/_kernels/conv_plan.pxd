"""What a convolution on the CPU comes to: products of padded images with weights (see conv_plan.pyx)."""
from cygrad._core cimport Tensor

cdef extern from "_kernels/conv_table.h" nogil:
    ctypedef struct cg_segment:
        Py_ssize_t g, b, n
    ctypedef struct cg_tiles_f32:
        int vw, mr, nv, gr, gt, ar
    ctypedef struct cg_tiles_f64:
        int vw, mr, nv, gr, gt, ar
    ctypedef struct cg_product:
        Py_ssize_t taps, rows, plane, line, out_row, out_at
        Py_ssize_t count[3]
        Py_ssize_t out_step[3]
        int mr
    ctypedef struct cg_image:
        Py_ssize_t channels, channel_step
        Py_ssize_t size[3]
        Py_ssize_t step[3]
        Py_ssize_t pad[3]
        Py_ssize_t split[3]
        Py_ssize_t length[3]
        const unsigned char* used

cdef enum:
    CACHE = 512 << 10           # bytes that a core's own cache holds beside what runs through it
    CHUNK = 32 << 20            # bytes of padded images kept at a time by the weight gradient

cdef const cg_tiles_f32* tiles_f32
cdef const cg_tiles_f64* tiles_f64


cdef class Geometry:
    """A convolution from (n, c, size...) to (n, o, out...); dimensions missing in front have size 1."""
    cdef Py_ssize_t n, c, o, groups, taps
    cdef Py_ssize_t size[3]
    cdef Py_ssize_t kernel[3]
    cdef Py_ssize_t out[3]
    cdef Py_ssize_t stride[3]
    cdef Py_ssize_t pad[3]
    cdef Py_ssize_t dilation[3]


cdef class Product:
    """One stride-1 product over the padded image: its tile counts, its taps and its packed weights (per group)."""
    cdef cg_product c
    cdef Tensor off             # of the taps in the image
    cdef Tensor at              # and in a row's weights
    cdef Tensor packed, pixels, places
    cdef Py_ssize_t row_step, packed_group, tiles, work


cdef class Plan:
    """What F or I does to every image: the padded copy, and the products over it."""
    cdef cg_image image
    cdef Py_ssize_t image_size, in_group, out_group
    cdef list products
    cdef bint of_input          # the input's gradient
    cdef bytearray used         # which phases are read


cdef Geometry geometry(Tensor x, Tensor w, Tensor y, tuple stride, tuple padding, tuple dilation, Py_ssize_t groups)
cdef Tensor offsets(Py_ssize_t count)
cdef int vector_width(int dt) noexcept nogil
cdef Py_ssize_t area_of(const cg_product* c) noexcept nogil
cdef Plan new_plan(Py_ssize_t channels, const Py_ssize_t* size)
cdef Tensor input_taps(Plan plan, Geometry g)
cdef Plan plan_forward(Geometry g, int dt)
cdef Plan plan_input(Geometry g, int dt)
