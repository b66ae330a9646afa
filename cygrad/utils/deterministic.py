"""torch.utils.deterministic: whether `torch.empty` is filled where algorithms must be deterministic (kept, not acted on)."""

fill_uninitialized_memory = True
