"""Finds OpenBLAS before the modules are imported that are linked to it (matmul, lapack).

An installed wheel finds the library beside itself.  Where cygrad and scipy-openblas32 lie in
different places (an editable install, one of the two in the user's site) the library is loaded from
here first: the dynamic linker then takes the one of that name that the process already has.
"""

import os
import sys
from pathlib import Path

NAME = "libscipy_openblas.so"


def load():
    """Loads OpenBLAS if the modules would not find it themselves, or raises ImportError."""
    site = str(Path(__file__).resolve().parents[2])
    if not sys.platform.startswith("linux") or _in(os.path.join(site, "scipy_openblas32")):
        return
    from importlib.machinery import PathFinder

    spec = PathFinder.find_spec("scipy_openblas32")
    path = _in(os.path.dirname(spec.origin)) if spec and spec.origin else None
    if path is None:
        raise ImportError("cygrad needs OpenBLAS: pip install scipy-openblas32")
    import ctypes

    ctypes.CDLL(path)


def _in(package):
    path = os.path.join(package, "lib", NAME)
    return path if os.path.exists(path) else None
