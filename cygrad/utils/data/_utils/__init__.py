"""What the loader is made of: collating, fetching, the worker process and its messages."""

from . import collate, fetch, transport, worker

__all__ = ["collate", "fetch", "transport", "worker"]
