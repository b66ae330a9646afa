"""Adaptive softmax for many classes of very different frequency."""

from collections import namedtuple

import cygrad

from .. import functional as F
from ..module import Module
from .container import ModuleList, Sequential
from .linear import Linear

_ASMoutput = namedtuple("_ASMoutput", ["output", "loss"])


class AdaptiveLogSoftmaxWithLoss(Module):
    """Grave et al., Efficient softmax approximation for GPUs (2016).

    Classes sorted by frequency are cut into a head and tails; a tail of cluster i is projected
    down by div_value^(i + 1).

    in_features: the size of the input's last dimension
    device: the device of the parameters
    dtype: the dtype of the parameters
    """

    def __init__(self, in_features, n_classes, cutoffs, div_value=4.0, head_bias=False,
                 device=None, dtype=None):
        super().__init__()
        cutoffs = list(cutoffs)
        if not cutoffs:
            raise ValueError("cutoffs should be a sequence of length larger than 0")
        if (
            cutoffs != sorted(cutoffs)
            or min(cutoffs) <= 0
            or max(cutoffs) > n_classes - 1
            or len(set(cutoffs)) != len(cutoffs)
            or any(int(c) != c for c in cutoffs)
        ):
            raise ValueError(
                "cutoffs should be a sequence of unique, positive integers sorted in an "
                "increasing order, where each value is between 1 and n_classes-1"
            )
        made = {"device": device, "dtype": dtype}
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = [*cutoffs, n_classes]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = self.cutoffs[0]
        self.n_clusters = len(self.cutoffs) - 1
        self.head_size = self.shortlist_size + self.n_clusters
        self.head = Linear(in_features, self.head_size, bias=head_bias, **made)
        self.tail = ModuleList()
        for i in range(self.n_clusters):
            hidden = int(in_features // div_value ** (i + 1))
            size = self.cutoffs[i + 1] - self.cutoffs[i]
            self.tail.append(Sequential(
                Linear(in_features, hidden, bias=False, **made),
                Linear(hidden, size, bias=False, **made),
            ))

    def reset_parameters(self):
        """Draw all weights anew."""
        self.head.reset_parameters()
        for down, out in self.tail:
            down.reset_parameters()
            out.reset_parameters()

    def forward(self, input_, target_):
        """(log-probability of each target, mean negative log-likelihood)."""
        unbatched = target_.dim() == 0
        if target_.dim() == 1:
            if input_.shape[0] != target_.shape[0]:
                raise RuntimeError(
                    "Input and target should have the same size in the batch dimension."
                )
            if input_.dim() != 2:
                raise RuntimeError(
                    "1D target tensor expects 2D input tensors, but found inputs with size "
                    f"{tuple(input_.size())}"
                )
        elif unbatched:
            if input_.dim() != 1:
                raise RuntimeError(
                    "0D target tensor expects 1D input tensors, but found inputs with size "
                    f"{tuple(input_.size())}"
                )
        else:
            raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
        input = input_.unsqueeze(0) if unbatched else input_
        target = target_.unsqueeze(0) if unbatched else target_
        if target.numel() and not 0 <= int(target.min()) <= int(target.max()) < self.n_classes:
            raise RuntimeError(
                f"Target values should be in [0, {self.n_classes - 1}], but values in range "
                f"[{int(target.min())}, {int(target.max())}] were found. "
            )
        head_index = target.clone()
        output = input.new_zeros(target.shape)
        for i in range(self.n_clusters):
            low, high = self.cutoffs[i], self.cutoffs[i + 1]
            rows = ((target >= low) & (target < high)).nonzero().squeeze(1)
            if rows.numel() == 0:
                continue
            logp = F.log_softmax(self.tail[i](input.index_select(0, rows)), 1)
            place = (target.index_select(0, rows) - low).unsqueeze(1)
            output = output.index_copy(0, rows, logp.gather(1, place).squeeze(1))
            head_index[rows] = self.shortlist_size + i
        head = F.log_softmax(self.head(input), 1)
        output = output + head.gather(1, head_index.unsqueeze(1)).squeeze(1)
        loss = (-output).mean()
        return _ASMoutput(output.squeeze(0) if unbatched else output, loss)

    def _full(self, input, head):
        head_logp = F.log_softmax(head, 1)
        parts = [head_logp[:, :self.shortlist_size]]
        for i, tail in enumerate(self.tail):
            cluster = head_logp[:, self.shortlist_size + i].unsqueeze(1)
            parts.append(F.log_softmax(tail(input), 1) + cluster)
        return cygrad.cat(parts, 1)

    def log_prob(self, input):
        """Log-probabilities (N, n_classes) of all classes."""
        return self._full(input, self.head(input))

    def predict(self, input):
        """The most likely class of every row."""
        return self.log_prob(input).argmax(1)
