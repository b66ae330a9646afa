"""A rank that fails, in the way that the argument names: the job is to end, and to say which and why."""

import datetime
import os
import signal
import sys
import time

import torch
import torch.distributed as dist

kind = sys.argv[1]
seconds = 2 if kind in ("late", "order") else 30
dist.init_process_group("gloo", timeout=datetime.timedelta(seconds=seconds))
rank, size = dist.get_rank(), dist.get_world_size()
bad = rank == size - 1
x = torch.ones(1000)
dist.all_reduce(x)
print("process", os.getpid(), flush=True)
if kind == "raises" and bad:
    raise ValueError("something is wrong")
if kind == "killed" and bad:
    time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGKILL)
if kind == "exits" and bad:
    sys.exit(3)
if kind == "late" and bad:
    time.sleep(20)
if kind == "order":
    if bad:
        dist.recv(x, 0)
    else:
        dist.all_reduce(x)
if kind == "shape":
    dist.all_reduce(torch.ones(4 if bad else 3))
if kind == "mismatch":
    dist.barrier() if bad else dist.broadcast(x, 0)
if kind == "message":
    dist.recv(torch.ones(3), 0) if bad else rank == 0 and dist.send(torch.ones(4), size - 1)
if kind == "barrier":
    if bad:
        time.sleep(4)
    dist.monitored_barrier(timeout=datetime.timedelta(seconds=1), wait_all_ranks=True)
if kind == "queue":
    works = [dist.all_reduce(x, async_op=True) for _ in range(3 - bad)]
    for work in works:
        work.wait()
dist.all_reduce(x)
time.sleep(0.1)
