"""A bucket: the gradients of some parameters in one tensor, to be reduced at once."""

import cygrad


class GradBucket:
    """A bucket, as communication hooks see it: gradients one after the other in one flat tensor.

    A parameter whose gradient is sparse has a bucket of its own, whose tensor is that gradient.
    """

    def __init__(self, index, params, is_last, sparse=False):
        self._index, self._params, self._last, self._sparse = index, params, is_last, sparse
        if sparse:
            self._flat, self._views = None, [None]
        else:
            first = params[0]
            size = sum(p.numel() for p in params)
            self._flat = cygrad.zeros(size, dtype=first.dtype, device=first.device)
            parts = self._flat.split([p.numel() for p in params])
            self._views = [part.view(p.shape) for part, p in zip(parts, params, strict=True)]
        self._buffer = self._flat
        self._waiting = len(params)
        self._pending = None  # a Work, or a future where there is a hook

    def _start(self):
        """Makes ready for a backward pass."""
        self._waiting, self._pending = len(self._params), None
        if self._sparse:
            self._flat = None
        self._buffer = self._flat

    def _put(self, i, grad):
        """Writes the gradient of the i-th parameter, None where it has none; whether it is now a part of the bucket."""
        if self._sparse:
            if grad is None:
                param = self._params[0]
                places = cygrad.zeros((1, 0), dtype=cygrad.int64)
                grad = cygrad.sparse_coo_tensor(places, param.new_zeros((0, *param.shape[1:])), param.shape)
            self._buffer = self._flat = grad.detach().clone()
            return False
        view = self._views[i]
        if grad is None:
            view.zero_()
        elif grad.layout != cygrad.strided:
            raise RuntimeError(
                "DistributedDataParallel: a gradient is sparse that was to be dense: sparse gradients are those of "
                "nn.Embedding and nn.EmbeddingBag with sparse=True"
            )
        elif grad.device.type != "cpu" or grad.data_ptr() != view.data_ptr():
            view.copy_(grad)
            return True
        return False

    def _gradient(self, i):
        """The reduced gradient of the i-th parameter."""
        return self._flat if self._sparse else self._views[i]

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
        if self._sparse:
            return [self._buffer]
        parts = self._buffer.split([p.numel() for p in self._params])
        return [part.view(p.shape) for part, p in zip(parts, self._params, strict=True)]

    def parameters(self):
        """The parameters."""
        return list(self._params)

    def is_last(self):
        """Whether no other bucket comes after it."""
        return self._last


GradBucket.__module__ = "torch.distributed"
