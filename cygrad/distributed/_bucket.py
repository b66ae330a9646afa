"""A bucket: the gradients of some parameters in one tensor, to be reduced at once."""

import cygrad


class GradBucket:
    """A bucket, as communication hooks see it: gradients one after the other in one flat tensor."""

    def __init__(self, index, params, is_last):
        self._index, self._params, self._last = index, params, is_last
        first = params[0]
        size = sum(p.numel() for p in params)
        self._flat = cygrad.zeros(size, dtype=first.dtype, device=first.device)
        self._buffer = self._flat
        parts = self._flat.split([p.numel() for p in params])
        self._views = [part.view(p.shape) for part, p in zip(parts, params, strict=True)]
        self._waiting = len(params)
        self._pending = None  # a Work, or a future where there is a hook

    def index(self):
        """Its place in the order in which buckets are reduced."""
        return self._index

    def buffer(self):
        """The flat tensor of all gradients."""
        return self._buffer

    def set_buffer(self, buffer):
        """Puts another tensor in the place of the flat one, for the hook."""
        self._buffer = buffer

    def gradients(self):
        """The gradient of each parameter, views of the flat tensor."""
        parts = self._buffer.split([p.numel() for p in self._params])
        return [part.view(p.shape) for part, p in zip(parts, self._params, strict=True)]

    def parameters(self):
        """The parameters."""
        return list(self._params)

    def is_last(self):
        """Whether no other bucket comes after it."""
        return self._last


GradBucket.__module__ = "torch.distributed"
