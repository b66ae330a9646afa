"""The table of operators: rows, what their texts mean, and what is generated from them for the CPU's compiler.

May use Python alone: `setup.py` runs it before anything else of the package exists.
Knows no tensors: not what runs the kernels, and not what PyTorch calls their functions beyond the aliases of a row.
"""
