"""torch.cpu.amp: the older names of torch.amp on the CPU."""

from cygrad.amp._older import CpuGradScaler as GradScaler, cpu_autocast as autocast

__all__ = ["autocast", "GradScaler"]
