"""torch.cuda.amp: the older names of torch.amp on CUDA devices."""

from . import autocast_mode, grad_scaler
from .autocast_mode import autocast, custom_bwd, custom_fwd
from .grad_scaler import GradScaler

__all__ = ["autocast", "autocast_mode", "custom_bwd", "custom_fwd", "grad_scaler", "GradScaler"]
