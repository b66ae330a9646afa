"""torch.__config__: what the library was built with."""

import sys

from . import get_num_threads, version


def show():
    """Lines about the build."""
    compiler = sys.version.partition("[")[2].rstrip("]")
    python = sys.version.split()[0]
    return f"cygrad {version.cygrad} built with:\n  - Python {python}, {compiler}\n  - OpenMP\n  - OpenBLAS\n"


def parallel_info():
    """Lines about threads."""
    return f"cygrad/Parallel:\n\tget_num_threads() : {get_num_threads()}\n\tOpenMP\n\tOpenBLAS\n"
