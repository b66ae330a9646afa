"""torch.cuda's streams and events on OpenCL: a device has one queue, which works in order."""

import time

from ._device import backend, code_of

__all__ = ["Event", "Stream", "StreamContext", "current_stream", "default_stream", "set_stream", "stream"]


class Stream:
    """The queue of a device: all streams of a device are this one. RuntimeError where there is no device."""

    def __init__(self, device=None, priority=0, **kwargs):
        if not backend().device_count("cuda"):
            raise RuntimeError("torch.cuda.Stream requires CUDA support")
        self._device_code = code_of(device)
        self.stream_id = 0

    def synchronize(self):
        """Waits until the device has done all it was given."""
        backend().synchronize(self._device_code)

    def query(self):
        """Whether the device has done all it was given; waits for it."""
        self.synchronize()
        return True

    def wait_event(self, event):
        """Does nothing: what the event stands for is already before what follows."""

    def wait_stream(self, stream):
        """Does nothing: there is one queue."""

    def record_event(self, event=None):
        """Records an event, a new one if none is given, and returns it."""
        event = Event() if event is None else event
        event.record(self)
        return event

    def __eq__(self, other):
        return isinstance(other, Stream) and other._device_code == self._device_code

    def __hash__(self):
        return hash(self._device_code)


class Event:
    """A point in the work of a device. RuntimeError where there is no device."""

    def __init__(self, enable_timing=False, blocking=False, interprocess=False, external=False):
        if not backend().device_count("cuda"):
            raise RuntimeError("Tried to instantiate dummy base class Event")
        self._timing, self._time, self._stream = enable_timing, None, None

    def record(self, stream=None):
        """Marks this point; with timing it waits for the device, to read the clock."""
        self._stream = current_stream() if stream is None else stream
        if self._timing:
            self._stream.synchronize()
        self._time = time.perf_counter()

    def synchronize(self):
        """Waits until the device has come to this point."""
        if self._stream is not None:
            self._stream.synchronize()

    def query(self):
        """Whether the device has come to this point; waits for it."""
        self.synchronize()
        return True

    def wait(self, stream=None):
        """Does nothing: what the event stands for is already before what follows."""

    def elapsed_time(self, end_event):
        """Milliseconds between two recorded events that were made with ``enable_timing=True``."""
        if not (self._timing and end_event._timing):
            raise ValueError("Both events must be created with argument 'enable_timing=True'.")
        if self._time is None or end_event._time is None:
            raise ValueError("Both events must be recorded before calculating elapsed time.")
        return 1e3 * (end_event._time - self._time)


class StreamContext:
    """A `with` block whose work goes to a stream: there is one queue, so it changes nothing."""

    def __init__(self, stream):
        self.stream = stream

    def __enter__(self):
        return None

    def __exit__(self, *exc):
        return None


def stream(stream):
    """A `with` block whose work goes to `stream`; None is allowed."""
    return StreamContext(stream)


def current_stream(device=None):
    """The queue of a device."""
    code_of(device)
    return Stream(device)


default_stream = current_stream


def set_stream(stream):
    """Does nothing: there is one queue."""
    backend().synchronize(code_of(None))
