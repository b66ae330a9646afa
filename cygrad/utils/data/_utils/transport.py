"""Messages between the loader and its workers.

What a worker sends is pickled with the large buffers (tensors, NumPy arrays) left out, by
protocol 5 of pickle. They go through a shared memory segment instead of the pipe: the worker
copies them in, the loader copies them out and gives the segment back with its next message, so
that a few segments are used again and again and their pages stay mapped. A segment is an
anonymous file whose descriptor is passed over the pipe: it has no name, so that nothing is left
behind, however the processes end. Copying out costs less than mapping fresh pages for every
batch, and a batch that the user keeps holds neither a descriptor nor shared memory.
"""

import io
import mmap
import os
import pickle
from multiprocessing import reduction

import cygrad

__all__ = ["Receiver", "Sender"]

# Below this a buffer goes through the pipe: it costs less than a segment's bookkeeping.
_SMALL = 16 * 1024
_ALIGNMENT = 64
# Descriptors can be passed and memory files made; where not, everything goes through the pipe.
_SHARED = hasattr(os, "memfd_create") and getattr(reduction, "HAVE_SEND_HANDLE", False)


class _Pickler(pickle.Pickler):
    """Pickles plain tensors and parameters as a buffer with a dtype and a shape."""

    def reducer_override(self, obj):
        if not isinstance(obj, cygrad.Tensor):
            return NotImplemented
        is_parameter = type(obj) is cygrad.nn.Parameter
        if not is_parameter and type(obj) is not cygrad.Tensor:
            return NotImplemented
        if obj.requires_grad and not obj.is_leaf:
            raise RuntimeError(
                "Cowardly refusing to serialize non-leaf tensor which requires_grad, since "
                "autograd does not support crossing process boundaries.  If you just want to "
                "transfer the data, call detach() on the tensor before serializing (e.g., putting "
                "it on the queue)."
            )
        if obj.device.type != "cpu" or obj.layout != cygrad.strided:
            return NotImplemented
        data = obj.detach().contiguous().reshape(-1).view(cygrad.uint8).numpy()
        args = (pickle.PickleBuffer(data), obj.dtype, tuple(obj.shape), obj.requires_grad)
        return _rebuild_tensor, (*args, is_parameter)


def _rebuild_tensor(buffer, dtype, shape, requires_grad: bool, is_parameter: bool):
    """The tensor over a buffer, which is a bytearray of its own."""
    if len(buffer):
        tensor = cygrad.frombuffer(buffer, dtype=dtype).reshape(shape)
    else:
        tensor = cygrad.empty(shape, dtype=dtype)
    if is_parameter:
        return cygrad.nn.Parameter(tensor, requires_grad=requires_grad)
    return tensor.requires_grad_() if requires_grad else tensor


class _Segment:
    """A piece of shared memory that grows."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.map: mmap.mmap | None = None

    def resize(self, size: int) -> mmap.mmap:
        """The mapping of the first `size` bytes; made anew where it is not that long."""
        if self.map is None or len(self.map) != size:
            if self.map is not None:
                self.map.close()
            self.map = mmap.mmap(self.fd, size)
        return self.map

    def close(self) -> None:
        if self.map is not None:
            self.map.close()
        os.close(self.fd)


class Sender:
    """The worker's end: sends objects over `connection`, large buffers by shared memory."""

    def __init__(self, connection) -> None:
        self._connection = connection
        self._segments: list[_Segment] = []
        self._free: list[int] = []

    def release(self, segments: list[int]) -> None:
        """Take back segments whose contents the loader has copied out."""
        self._free.extend(segments)

    def send(self, header: tuple, obj) -> None:
        """Send `header` and `obj`; what pickling raises is raised before anything is sent."""
        large: list[tuple[int, memoryview]] = []
        size = 0

        def take(buffer: pickle.PickleBuffer):
            nonlocal size
            raw = buffer.raw()
            if not _SHARED or raw.nbytes < _SMALL:
                return True  # in the pickle
            large.append((size, raw))
            size += -(-raw.nbytes // _ALIGNMENT) * _ALIGNMENT
            return False

        file = io.BytesIO()
        _Pickler(file, 5, buffer_callback=take).dump(obj)
        which, new = None, False
        length = 0
        if large:
            which, new = self._segment()
            segment = self._segments[which]
            length = max(size, len(segment.map) if segment.map is not None else 0)
            if segment.map is None or length > len(segment.map):
                os.ftruncate(segment.fd, length)
            target = memoryview(segment.resize(length))
            for start, raw in large:
                target[start : start + raw.nbytes] = raw
            target.release()
        spans = [(start, raw.nbytes) for start, raw in large]
        self._connection.send((header, which, new, length, spans))
        if new:
            reduction.send_handle(self._connection, self._segments[which].fd, os.getppid())
        self._connection.send_bytes(file.getbuffer())

    def _segment(self) -> tuple[int, bool]:
        """The number of a free segment, and whether the loader does not know it yet."""
        if self._free:
            return self._free.pop(), False
        self._segments.append(_Segment(os.memfd_create("cygrad_loader")))
        return len(self._segments) - 1, True


class Receiver:
    """The loader's end of the connection to one worker."""

    def __init__(self, connection) -> None:
        self.connection = connection
        self._segments: dict[int, _Segment] = {}
        self._used: list[int] = []

    def receive(self, wanted) -> tuple[tuple, object]:
        """The next message: its header, and its object if `wanted(header)`, else None."""
        header, which, new, length, spans = self.connection.recv()
        if new:
            self._segments[which] = _Segment(reduction.recv_handle(self.connection))
        data = self.connection.recv_bytes()
        obj = None
        try:
            if wanted(header):
                buffers = []
                if which is not None:
                    view = memoryview(self._segments[which].resize(length))
                    # A copy each: what is built on them outlives the use of the segment.
                    buffers = [bytearray(view[s : s + n]) for s, n in spans]
                    view.release()
                obj = pickle.loads(data, buffers=buffers)
        finally:
            if which is not None:
                self._used.append(which)
        return header, obj

    def send(self, message) -> None:
        """Send `message`, with the segments that the worker may use again."""
        self.connection.send((message, self._used))
        self._used = []

    def close(self) -> None:
        self.connection.close()
        for segment in self._segments.values():
            segment.close()
        self._segments.clear()
