"""torch.cpu.amp.autocast_mode: where PyTorch keeps the older `autocast` of the CPU."""

from . import autocast

__all__ = ["autocast"]
