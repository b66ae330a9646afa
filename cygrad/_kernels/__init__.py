"""The CPU's kernels that are written by hand: loops over memory, one file a family, and the random stream.

May use the core, the executor's threads, OpenBLAS and the scalar functions of `_table.rows`.
Must not know arguments as PyTorch has them, gradients, or that there are other devices.
"""
