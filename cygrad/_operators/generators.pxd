"""Generators of random numbers (see generators.pyx)."""
from cygrad._kernels.random cimport Generator as Stream

cdef class Generator(Stream):
    cdef readonly object engine     # the device's stream; None on the CPU

cdef Stream stream(str function, object generator, int dev)
