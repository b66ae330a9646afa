"""`import torch` in a process that was started by one which runs cygrad as torch: PYTHONPATH leads here."""

import sys
from pathlib import Path

try:
    import cygrad
except ImportError:
    sys.path.append(str(Path(__file__).parents[3]))
    import cygrad

cygrad.install_as_torch()
