"""mpiexec: where it is, and how it is told to start processes."""

import os
import shutil
import sys


def find():
    """The mpiexec of this environment, where the extra `mpi` put one, else that of the system."""
    beside = os.path.join(os.path.dirname(sys.executable), "mpiexec")
    found = beside if os.access(beside, os.X_OK) else shutil.which("mpiexec") or shutil.which("mpirun")
    if found is None:
        raise RuntimeError(
            'mpiexec was not found; `pip install "cygrad[mpi]"` or a package of the system brings it'
        )
    return found


def environment():
    """Settings of Open MPI, which others ignore: more ranks than cores, on any cores, and root may start them."""
    return {
        "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
        "PRTE_MCA_hwloc_default_binding_policy": "none",
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        "PRTE_ALLOW_RUN_AS_ROOT": "1",
        "PRTE_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    }
