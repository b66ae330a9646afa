"""PyTorch's module of the readers and writers."""

from ._storage import FileSystemReader, FileSystemWriter

__all__ = ["FileSystemReader", "FileSystemWriter"]
