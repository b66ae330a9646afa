"""Checkpoints: PyTorch's archives and its older format, and the unpickler that runs nothing but what it knows.

May use tensors, storages and names of the whole package, which files name.
Must not be known by anything but `serialization` and `hub`.
"""
