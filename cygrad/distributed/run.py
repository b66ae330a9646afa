"""Starts a program on several ranks, with the options of torchrun; mpiexec does the work.

    python -m cygrad.distributed.run --nproc-per-node 4 train.py [argument ...]
    python -m cygrad.distributed.run --nnodes 2 --nproc-per-node 4 --hosts one,two train.py [argument ...]

In each rank `import torch` means cygrad, and RANK, LOCAL_RANK, WORLD_SIZE and their like are set. The second command is
given on one of the machines; mpiexec starts the ranks of the others, by ssh or the cluster's scheduler.
"""

import argparse
import os
import signal
import subprocess
import sys
import uuid

from . import _mpiexec

_IGNORED = {  # options about how torchrun's agents find each other and about its workers: MPI does that
    "--rdzv-backend": {}, "--rdzv-id": {}, "--rdzv-conf": {}, "--standalone": {"action": "store_true"},
    "--monitor-interval": {}, "--start-method": {}, "--role": {}, "--local-addr": {}, "--shutdown-timeout": {},
    "--use-env": {"action": "store_true"},
}  # fmt: skip
_MISSING = (
    "--log-dir", "--redirects", "--tee", "--local-ranks-filter", "--logs-specs", "--numa-binding",
    "--event-log-handler", "--duplicate-stdout-filters", "--duplicate-stderr-filters", "--signals-to-handle",
    "--virtual-local-rank",
)  # fmt: skip


def _option(parser, name, *short, **how):
    parser.add_argument(name, *short, name.replace("-", "_").replace("__", "--", 1), **how)


def get_args_parser():
    """The options of torchrun, and two of MPI's: --hosts and --hostfile."""
    parser = argparse.ArgumentParser(
        prog="python -m cygrad.distributed.run", description=__doc__, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    _option(parser, "--nnodes", default="1:1", help="number of machines")
    _option(parser, "--nproc-per-node", default="1", help="ranks on each machine; or auto, cpu, gpu")
    _option(parser, "--node-rank", type=int, default=0, help="mpiexec starts all machines: only 0 does something")
    _option(parser, "--master-addr", default="127.0.0.1", help="MASTER_ADDR, which cygrad does not need")
    _option(parser, "--master-port", type=int, default=29500, help="MASTER_PORT, which cygrad does not need")
    _option(parser, "--rdzv-endpoint", help="<host>:<port> for MASTER_ADDR and MASTER_PORT")
    _option(parser, "--max-restarts", type=int, default=0, help="how often a job that fails is started again")
    parser.add_argument("--hosts", help="names of the machines, with commas")
    parser.add_argument("--hostfile", help="a file of the names of the machines, as mpiexec reads it")
    parser.add_argument("-m", "--module", action="store_true", help="the program is a module, as for python -m")
    _option(parser, "--no-python", action="store_true", help="the program is not one of Python")
    _option(parser, "--run-path", action="store_true", help="as without it")
    for name, how in _IGNORED.items():
        _option(parser, name, help="accepted, without effect", **how)
    for name in _MISSING:
        short = {"--redirects": ("-r",), "--tee": ("-t",)}.get(name, ())
        _option(parser, name, *short, action=_Missing, help="not in cygrad")
    parser.add_argument("training_script", help="the program")
    parser.add_argument("training_script_args", nargs=argparse.REMAINDER, help="its arguments")
    return parser


class _Missing(argparse.Action):
    def __call__(self, parser, namespace, values, option_string=None):
        parser.error(f"{option_string} is not in cygrad")


def _ranks_per_node(text):
    if text.isdigit() and int(text) > 0:
        return int(text)
    if text in ("auto", "gpu"):
        import cygrad

        count = cygrad.cuda.device_count()
        if count or text == "gpu":
            if not count:
                raise ValueError("Cuda is not available.")
            return count
    if text in ("auto", "cpu"):
        return os.cpu_count()
    raise ValueError(f"Unsupported nproc_per_node value: {text}")


def command(args):
    """(the command of mpiexec, the environment it runs in)."""
    nodes = args.nnodes.partition(":")[2] or args.nnodes
    nodes, each = int(nodes), _ranks_per_node(args.nproc_per_node)
    if args.rdzv_endpoint and not args.standalone:
        host, _, port = args.rdzv_endpoint.partition(":")
        args.master_addr, args.master_port = host, int(port or 29400)
    settings = {
        "MASTER_ADDR": args.master_addr,
        "MASTER_PORT": str(args.master_port),
        "TORCHELASTIC_RUN_ID": args.rdzv_id or uuid.uuid4().hex[:8],
        "TORCHELASTIC_MAX_RESTARTS": str(args.max_restarts),
        "GROUP_WORLD_SIZE": str(nodes),
    }
    if each > 1 and "OMP_NUM_THREADS" not in os.environ:
        settings["OMP_NUM_THREADS"] = "1"  # as torchrun does
    line = [_mpiexec.find(), "-n", str(nodes * each)]
    if nodes > 1:
        if args.hosts:
            line += ["--host", ",".join(f"{h.partition(':')[0]}:{each}" for h in args.hosts.split(","))]
        line += ["--map-by", f"ppr:{each}:node"]
        for name in (*settings, "PYTHONPATH", "PATH", "LD_LIBRARY_PATH"):
            if name in settings or name in os.environ:
                line += ["-x", name]
    if args.hostfile:
        line += ["--hostfile", args.hostfile]
    if args.no_python:
        if args.module:
            raise ValueError("Don't use both the '--no-python' flag and the '--module' flag at the same time.")
        line += [sys.executable, "-m", "cygrad.distributed._environment"]
    else:
        line += [sys.executable, "-u", "-m", "cygrad", *(["-m"] if args.module else [])]
    line += [args.training_script, *args.training_script_args]
    return line, {**_mpiexec.environment(), **os.environ, **settings}


class _Stopped(BaseException):
    """This process was told to end."""


def _finished(line, settings):
    """(the exit code of mpiexec, whether somebody ended it); who ends this process ends mpiexec, and that all ranks."""

    def stop(number, frame):
        raise _Stopped

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    process = subprocess.Popen(line, env=settings)
    try:
        return process.wait(), False
    except _Stopped:
        for number in before:
            signal.signal(number, signal.SIG_IGN)
        # Ctrl-C reaches mpiexec as well; one that waits for a machine that does not answer does not end by itself.
        for end, seconds in ((process.terminate, 1), (process.kill, 10)):
            try:
                return process.wait(seconds), True
            except subprocess.TimeoutExpired:
                end()
        return process.wait(), True
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def main(args=None):
    """Runs the program; the exit code of mpiexec, which ends all ranks as soon as one fails."""
    args = get_args_parser().parse_args(args)
    if args.node_rank > 0:
        print(
            f"cygrad.distributed.run: node {args.node_rank} has nothing to do: mpiexec on node 0 starts its ranks "
            "(--hosts or --hostfile there)",
            file=sys.stderr,
        )
        return 0
    try:
        line, settings = command(args)
    except (ValueError, RuntimeError) as error:
        print(f"cygrad.distributed.run: {error}", file=sys.stderr)
        return 2
    for attempt in range(args.max_restarts + 1):
        code, stopped = _finished(line, {**settings, "TORCHELASTIC_RESTART_COUNT": str(attempt)})
        if code == 0:
            return 0
        again = attempt < args.max_restarts and not stopped
        print(
            f"cygrad.distributed.run: the job ended with code {code}{'; it is started again' if again else ''}",
            file=sys.stderr,
        )
        if not again:
            break
    return code if code > 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
