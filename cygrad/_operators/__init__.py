"""The compiled operators beyond rows of the table, one file a family: arguments, dtypes, shapes, gradients.

May use the core, the executor and the primitives of the operands' device (`_devices`; on the CPU `_kernels` at once).
Must not know names of the public package (`_fronts` gives them), nn, or how any device computes.
"""
