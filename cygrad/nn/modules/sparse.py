"""Tables of learnt vectors."""

import cygrad

from .. import functional as F, init
from ..module import Module
from ..parameter import Parameter


def _padding_index(padding_idx, num_embeddings, text):
    if padding_idx is None:
        return None
    if not -num_embeddings <= padding_idx < num_embeddings:
        raise AssertionError(text)
    return padding_idx % num_embeddings


class _Table(Module):
    """What Embedding and EmbeddingBag share: the table, and the options of looking up in it."""

    def _set_table(self, num_embeddings, embedding_dim, max_norm, norm_type, scale_grad_by_freq):
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq

    def _set_weight(self, given, device, dtype, requires_grad=True):
        shape = (self.num_embeddings, self.embedding_dim)
        if given is not None and tuple(given.shape) != shape:
            raise AssertionError("Shape of weight does not match num_embeddings and embedding_dim")
        table = cygrad.empty(shape, device=device, dtype=dtype) if given is None else given
        self.weight = Parameter(table, requires_grad=requires_grad)
        if given is None:
            self.reset_parameters()

    def reset_parameters(self):
        """Draw the table anew."""
        init.normal_(self.weight)
        self._fill_padding_idx_with_zero()

    def _fill_padding_idx_with_zero(self):
        if self.padding_idx is not None:
            with cygrad.no_grad():
                self.weight[self.padding_idx].fill_(0)

    def _parts(self, **options):
        """The text of the sizes, and of the options that are not at these defaults."""
        changed = [
            f"{name}={getattr(self, name)!r}"
            for name, default in options.items() if getattr(self, name) != default
        ]
        return ", ".join([f"{self.num_embeddings}, {self.embedding_dim}", *changed])

    @staticmethod
    def _shape_of(embeddings):
        if embeddings.dim() != 2:
            raise AssertionError("Embeddings parameter is expected to be 2-dimensional")
        return embeddings.shape


class Embedding(_Table):
    """num_embeddings rows of N(0, 1), looked up by index; the row padding_idx is zero.

    num_embeddings: how many vectors
    embedding_dim: the size of a vector
    padding_idx: the index whose vector gets no gradient
    max_norm: the norm that vectors or gradients are scaled down to
    norm_type: the exponent of the norm
    scale_grad_by_freq: whether gradients are divided by how often the index occurs
    sparse: whether the gradient is a sparse tensor
    device: the device of the parameters
    dtype: the dtype of the parameters

    >>> nn.Embedding(10, 3)(torch.tensor([[1, 2]])).shape
    torch.Size([1, 2, 3])
    """

    __constants__ = ["num_embeddings", "embedding_dim", "padding_idx", "max_norm", "norm_type",
                     "scale_grad_by_freq", "sparse"]

    def __init__(self, num_embeddings, embedding_dim, padding_idx=None, max_norm=None,
                 norm_type=2.0, scale_grad_by_freq=False, sparse=False, _weight=None,
                 _freeze=False, device=None, dtype=None):
        super().__init__()
        self._set_table(num_embeddings, embedding_dim, max_norm, norm_type, scale_grad_by_freq)
        self.padding_idx = _padding_index(
            padding_idx, num_embeddings, "Padding_idx must be within num_embeddings"
        )
        self._set_weight(_weight, device, dtype, requires_grad=not _freeze)
        self.sparse = sparse

    def forward(self, input):
        return F.embedding(input, self.weight, self.padding_idx, self.max_norm, self.norm_type,
                           self.scale_grad_by_freq, self.sparse)

    def extra_repr(self):
        return self._parts(padding_idx=None, max_norm=None, norm_type=2, scale_grad_by_freq=False,
                           sparse=False)

    @classmethod
    def from_pretrained(cls, embeddings, freeze=True, padding_idx=None, max_norm=None,
                        norm_type=2.0, scale_grad_by_freq=False, sparse=False):
        """An Embedding of the rows of a 2-d tensor, fixed if ``freeze``."""
        rows, columns = cls._shape_of(embeddings)
        return cls(rows, columns, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse,
                   _weight=embeddings, _freeze=freeze)


class EmbeddingBag(_Table):
    """Sums, means or maxima of bags of rows of a table.

    num_embeddings: how many vectors
    embedding_dim: the size of a vector
    max_norm: the norm that vectors or gradients are scaled down to
    norm_type: the exponent of the norm
    scale_grad_by_freq: whether gradients are divided by how often the index occurs
    mode: the name of the variant
    sparse: whether the gradient is a sparse tensor
    padding_idx: the index whose vector gets no gradient
    device: the device of the parameters
    dtype: the dtype of the parameters
    """

    __constants__ = ["num_embeddings", "embedding_dim", "max_norm", "norm_type",
                     "scale_grad_by_freq", "mode", "sparse", "include_last_offset", "padding_idx"]

    def __init__(self, num_embeddings, embedding_dim, max_norm=None, norm_type=2.0,
                 scale_grad_by_freq=False, mode="mean", sparse=False, _weight=None,
                 include_last_offset=False, padding_idx=None, device=None, dtype=None):
        super().__init__()
        self._set_table(num_embeddings, embedding_dim, max_norm, norm_type, scale_grad_by_freq)
        self.padding_idx = _padding_index(
            padding_idx, num_embeddings, "padding_idx must be within num_embeddings"
        )
        self._set_weight(_weight, device, dtype)
        self.mode = mode
        self.sparse = sparse
        self.include_last_offset = include_last_offset

    def forward(self, input, offsets=None, per_sample_weights=None):
        return F.embedding_bag(
            input, self.weight, offsets, self.max_norm, self.norm_type, self.scale_grad_by_freq,
            self.mode, self.sparse, per_sample_weights, self.include_last_offset, self.padding_idx,
        )

    def extra_repr(self):
        return self._parts(max_norm=None, norm_type=2, scale_grad_by_freq=False, mode=None,
                           padding_idx=None)

    @classmethod
    def from_pretrained(cls, embeddings, freeze=True, max_norm=None, norm_type=2.0,
                        scale_grad_by_freq=False, mode="mean", sparse=False,
                        include_last_offset=False, padding_idx=None):
        """An EmbeddingBag of the rows of a 2-d tensor, fixed if ``freeze``."""
        rows, columns = cls._shape_of(embeddings)
        bag = cls(rows, columns, max_norm, norm_type, scale_grad_by_freq, mode, sparse,
                  _weight=embeddings, include_last_offset=include_last_offset,
                  padding_idx=padding_idx)
        bag.weight.requires_grad = not freeze
        return bag
