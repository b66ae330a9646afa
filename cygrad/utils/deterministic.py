"""torch.utils.deterministic: whether `torch.empty` is filled where algorithms must be deterministic.

It is kept, and not acted on.
"""

fill_uninitialized_memory = True
