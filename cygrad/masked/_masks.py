"""What a MaskedTensor is to the operations on it: a tensor whose mask can be asked for."""

from cygrad import Tensor, _core, _dispatch


def _same(node, g):
    return g


class WithMask(Tensor):
    """A tensor that keeps a boolean mask as an attribute; MaskedTensor gives it the meaning of operators."""

    def get_data(self):
        """The elements, masked out or not, as a tensor that differentiates."""
        with _dispatch.DisableTorchFunctionSubclass():
            data = self.detach()
            return (
                _core.record(data, "GetDataBackward", (self,), _same)
                if self.requires_grad
                else data
            )

    def get_mask(self):
        """The boolean mask: True for elements that count."""
        return mask_of(self)


def mask_of(x):
    return x.__dict__["_masked_mask"]


def is_masked_tensor(obj, /):
    """Whether the object is a MaskedTensor."""
    return isinstance(obj, WithMask)
