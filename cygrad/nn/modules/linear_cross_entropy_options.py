"""How `linear_cross_entropy` cuts the batch; here it is computed whole."""

import dataclasses

import cygrad

__all__ = ["LinearCrossEntropyOptions"]


@dataclasses.dataclass
class LinearCrossEntropyOptions:
    """Options of PyTorch's implementation in pieces. They change memory and rounding there; here nothing."""

    allow_retain_graph: bool = False
    batch_chunk_size: int | None = None
    chunking_method: str | None = "auto"
    acc_policy: str = "auto"
    acc_dtype: cygrad.dtype | None = None

    def __post_init__(self):
        if self.acc_policy not in ("accurate", "balanced", "compact", "auto"):
            raise ValueError(f"acc_policy must be one of accurate, balanced, compact or auto, got {self.acc_policy!r}")
