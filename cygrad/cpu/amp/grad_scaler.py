"""torch.cpu.amp.grad_scaler: where PyTorch keeps the older `GradScaler` of the CPU."""

from . import GradScaler

__all__ = ["GradScaler"]
