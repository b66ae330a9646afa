"""3x3 convolutions by Winograd's transforms (see winograd.pyx)."""
from cygrad._core cimport Tensor
from cygrad._kernels.conv_plan cimport Geometry

cdef bint by_transform(Geometry g, int dt) noexcept
cdef int run_transformed(Tensor y, Geometry g, Tensor w, Tensor x, Tensor bias, bint of_input, int nt) except -1
cdef int weigh_transformed(Tensor w, Tensor x, Tensor y, Geometry g, int nt) except -1
