"""Convolutions by panels of channels (see conv_panels.pyx)."""
from cygrad._core cimport Tensor
from cygrad._kernels.conv_plan cimport Geometry, Plan

cdef Py_ssize_t panel_rows(Py_ssize_t rows, int dt) noexcept nogil
cdef bint by_panels(Plan plan, Geometry g, int dt, int nt) noexcept
cdef int run_panels(Tensor y, Plan plan, Geometry g, Tensor w, Tensor x, Tensor bias, int nt) except -1
cdef int weigh_panels(Tensor w, Tensor x, Tensor y, Geometry g, Plan plan, Tensor off, int nt) except -1
