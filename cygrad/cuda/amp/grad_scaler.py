"""The module of `torch.cuda.amp.GradScaler`."""

from cygrad.amp._older import CudaGradScaler as GradScaler
from cygrad.amp.grad_scaler import OptState

__all__ = ["GradScaler", "OptState"]
