"""The folder of a checkpoint: its files, written whole or not at all."""

import os
import pathlib

import cygrad

METADATA = ".metadata"


class FileSystemWriter:
    """Where a checkpoint is to be written."""

    def __init__(self, path, single_file_per_rank=True, sync_files=True, overwrite=True):
        self.path, self.sync_files, self.overwrite = pathlib.Path(path), sync_files, overwrite

    def prepare(self):
        """Makes the folder."""
        self.path.mkdir(parents=True, exist_ok=True)
        if not self.overwrite and (self.path / METADATA).exists():
            raise RuntimeError(f"Checkpoint already exists and self.overwrite={self.overwrite}.")

    def write(self, name, value):
        """Writes a file: under another name until it is whole."""
        target = self.path / name
        part = target.with_name(name + ".part")
        try:
            with open(part, "wb") as file:
                cygrad.save(value, file)
                file.flush()
                if self.sync_files:
                    os.fsync(file.fileno())
            os.replace(part, target)
        except BaseException:
            part.unlink(missing_ok=True)
            raise


class FileSystemReader:
    """Where a checkpoint is read from."""

    def __init__(self, path):
        self.path = pathlib.Path(path)

    def read_metadata(self):
        """{flat key: what is known of it}."""
        return cygrad.load(self.path / METADATA, weights_only=True)["items"]

    def read(self, name):
        """The content of a file; tensors are read from it when they are used."""
        return cygrad.load(self.path / name, map_location="cpu", mmap=True, weights_only=False)
