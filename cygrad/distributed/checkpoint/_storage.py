"""The folder of a checkpoint: its files, written whole or not at all."""

import io
import os
import pathlib

import cygrad

from .metadata import MetadataIndex, TensorStorageMetadata, _StorageInfo, dumps, loads

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

    def write(self, name, contents):
        """Writes a file of the contents, one after the other; under another name until it is whole."""
        target = self.path / name
        part = target.with_name(name + ".part")
        try:
            with open(part, "wb") as file:
                for content in contents:
                    file.write(content)
                file.flush()
                if self.sync_files:
                    os.fsync(file.fileno())
            os.replace(part, target)
        except BaseException:
            part.unlink(missing_ok=True)
            raise

    def write_values(self, name, values):
        """Writes {MetadataIndex: value} as files of `torch.save` in one; {MetadataIndex: _StorageInfo}."""
        places, offset = {}, 0

        def contents():
            nonlocal offset
            for index, value in values.items():
                file = io.BytesIO()
                cygrad.save(value, file)
                places[index] = _StorageInfo(name, offset, file.tell())
                offset += file.tell()
                yield file.getbuffer()

        self.write(name, contents())
        return places

    def write_metadata(self, metadata):
        """Writes the index: from now on the checkpoint counts."""
        self.write(METADATA, [dumps(metadata)])


class FileSystemReader:
    """Where a checkpoint is read from."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self._metadata = None

    def read_metadata(self):
        """The index, a `metadata.Metadata`."""
        if self._metadata is None:
            self._metadata = loads((self.path / METADATA).read_bytes())
        return self._metadata

    def _read(self, index, weights_only):
        info = self.read_metadata().storage_data[index]
        if info.transform_descriptors:
            raise RuntimeError(f"{index.fqn} is stored as {info.transform_descriptors}, which cygrad does not read")
        if pathlib.PurePath(info.relative_path).name != info.relative_path:
            raise RuntimeError(f"{index.fqn} is stored outside of the checkpoint: {info.relative_path}")
        with open(self.path / info.relative_path, "rb") as file:
            file.seek(info.offset)
            return cygrad.load(io.BytesIO(file.read(info.length)), map_location="cpu", weights_only=weights_only)

    def read(self, key, target=None):
        """The value of a flat key. A tensor is written to `target`, part by part, if there is one."""
        known = self.read_metadata().state_dict_metadata[key]
        if not isinstance(known, TensorStorageMetadata):
            return self._read(MetadataIndex(key), weights_only=False)
        if target is None:
            target = cygrad.empty(known.size, dtype=known.properties.dtype)
        for chunk in known.chunks:
            part = target.detach()
            for dim, (start, size) in enumerate(zip(chunk.offsets, chunk.sizes, strict=True)):
                part = part.narrow(dim, start, size)
            part.copy_(self._read(MetadataIndex(key, cygrad.Size(chunk.offsets)), weights_only=True))
        return target


