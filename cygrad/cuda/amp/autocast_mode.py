"""The module of `torch.cuda.amp.autocast`."""

from cygrad.amp._older import cuda_autocast as autocast, custom_bwd, custom_fwd

__all__ = ["autocast", "custom_fwd", "custom_bwd"]
