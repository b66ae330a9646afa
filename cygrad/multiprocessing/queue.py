"""Queues whose tensors travel in shared memory, as those of every multiprocessing here."""

import io
import multiprocessing.queues
import pickle
from multiprocessing.reduction import ForkingPickler

__all__ = ["ConnectionWrapper", "Queue", "SimpleQueue"]


class ConnectionWrapper:
    """A connection that pickles by the pickler that knows of shared memory."""

    def __init__(self, conn):
        self.conn = conn

    def send(self, obj):
        """Sends an object."""
        buffer = io.BytesIO()
        ForkingPickler(buffer, pickle.HIGHEST_PROTOCOL).dump(obj)
        self.send_bytes(buffer.getvalue())

    def recv(self):
        """Receives one."""
        return pickle.loads(self.recv_bytes())

    def __getattr__(self, name):
        if "conn" in self.__dict__:
            return getattr(self.conn, name)
        raise AttributeError(f"'{type(self).__name__}' object has no attribute 'conn'")


class Queue(multiprocessing.queues.Queue):
    """multiprocessing.Queue."""

    def __init__(self, *args, ctx=None, **kwargs):
        super().__init__(*args, ctx=ctx or multiprocessing.get_context(), **kwargs)


class SimpleQueue(multiprocessing.queues.SimpleQueue):
    """multiprocessing.SimpleQueue."""

    def __init__(self, *, ctx=None):
        super().__init__(ctx=ctx or multiprocessing.get_context())
