"""PyTorch's functions and methods as Python: signatures over compiled operators, and what is composed of operators.

May use everything compiled, and lists what it offers (`FUNCTIONS`, `METHODS`, `PROPERTIES`) for `cygrad/__init__.py`.
Must not know nn, optim, files, or the devices that tensors live on.
"""
