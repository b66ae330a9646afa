"""Loads libgomp, and has its threads sleep soon when they have nothing to do.

By default they spin for milliseconds, on processors that other programs want.  libgomp reads this once, when it is
loaded, from the environment; what the user has said there stands, and child processes find it as it was.
"""

import os

SPINS = "3000"  # about a hundred microseconds: longer than a program takes from one region to the next

if "GOMP_SPINCOUNT" in os.environ or "OMP_WAIT_POLICY" in os.environ:
    from . import _threads  # noqa: F401
else:
    os.environ["GOMP_SPINCOUNT"] = SPINS
    try:
        from . import _threads  # noqa: F401
    finally:
        del os.environ["GOMP_SPINCOUNT"]
