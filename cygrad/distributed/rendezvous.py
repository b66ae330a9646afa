"""How the processes of a job find each other, and which of them this one is: env://, file:// and tcp:// addresses."""

import os
from urllib.parse import parse_qs, urlparse

from . import _environment


def _given(scheme, name, value):
    if value in (-1, None):
        raise ValueError(
            f"Error initializing torch.distributed using {scheme}:// rendezvous: {name} parameter missing"
        )
    return int(value)


def _variable(name):
    if name not in os.environ:
        raise ValueError(
            "Error initializing torch.distributed using env:// rendezvous: environment variable "
            f"{name} expected, but not set"
        )
    return os.environ[name]


def resolve(init_method, rank=-1, world_size=-1, store=None):
    """(rank, number of ranks, where they meet) of an address.

    Processes that mpiexec has started need to be told nothing. Of the others env:// asks for RANK, WORLD_SIZE,
    MASTER_ADDR and MASTER_PORT, and with none of them set the process is alone.
    """
    url = urlparse(init_method or "env://")
    if url.scheme not in ("env", "file", "tcp"):
        raise RuntimeError(f"No rendezvous handler for {url.scheme}://")
    query = parse_qs(url.query)
    rank = int(query.get("rank", [rank])[0])
    world_size = int(query.get("world_size", [world_size])[0])
    told = _environment.told() if _environment.launched() else {}
    if told:
        size = int(told["WORLD_SIZE"])
        if world_size not in (-1, size):
            raise ValueError(f"world_size is {world_size}, but mpiexec started {size} processes")
        if rank == -1:
            rank = int(os.environ.get("RANK", told["RANK"]) if url.scheme == "env" else told["RANK"])
        return rank, size, None
    if store is not None:
        address = store._address()
        if address is None and world_size > 1:
            raise ValueError(
                f"{world_size} processes cannot meet in a {type(store).__name__}, which is of one process"
            )
    elif url.scheme == "env":
        if rank == world_size == -1 and not {"RANK", "WORLD_SIZE"} & set(os.environ):
            return 0, 1, None
        rank = int(_variable("RANK")) if rank == -1 else rank
        world_size = int(_variable("WORLD_SIZE")) if world_size == -1 else world_size
        address = _variable("MASTER_ADDR") + ":" + _variable("MASTER_PORT")
    else:
        if url.scheme == "file" and not url.path:
            raise ValueError(
                "Error initializing torch.distributed using file:// rendezvous: path parameter missing"
            )
        if url.scheme == "tcp" and url.port is None:
            raise ValueError(
                "Error initializing torch.distributed using tcp:// rendezvous: port number missing"
            )
        rank = _given(url.scheme, "rank", rank)
        world_size = _given(url.scheme, "world size", world_size)
        address = os.path.abspath(url.path) if url.scheme == "file" else url.netloc
    if not 0 <= rank < world_size:
        raise ValueError(f"rank {rank} is not of a world of {world_size}")
    return rank, world_size, address
