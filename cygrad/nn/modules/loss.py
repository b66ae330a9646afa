"""Loss modules: each calls the function of the same name with the arguments it was made with."""

from .. import functional as F
from ..functional._common import legacy_reduction
from ..module import Module
from .distance import PairwiseDistance
from .linear import Linear


class _Loss(Module):
    def __init__(self, size_average=None, reduce=None, reduction="mean"):
        super().__init__()
        if size_average is not None or reduce is not None:
            reduction = legacy_reduction(size_average, reduce)
        self.reduction = reduction


class _WeightedLoss(_Loss):
    def __init__(self, weight=None, size_average=None, reduce=None, reduction="mean"):
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)


class L1Loss(_Loss):
    """\\|x - y\\|.

    size_average: deprecated: use reduction
    reduce: deprecated where there is a reduction; else the name of how values meet: 'sum', 'prod',
        'mean', 'amax', 'amin'
    reduction: what becomes of the losses: 'mean', 'sum', or 'none' for all of them

    >>> nn.L1Loss()(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0]))
    tensor(1.)
    """

    __constants__ = ["reduction"]

    def forward(self, input, target):
        return F.l1_loss(input, target, reduction=self.reduction)


class MSELoss(_Loss):
    """(x - y)^2.

    size_average: deprecated: use reduction
    reduce: deprecated where there is a reduction; else the name of how values meet: 'sum', 'prod',
        'mean', 'amax', 'amin'
    reduction: what becomes of the losses: 'mean', 'sum', or 'none' for all of them

    >>> nn.MSELoss()(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0]))
    tensor(2.)
    """

    __constants__ = ["reduction"]

    def forward(self, input, target):
        return F.mse_loss(input, target, reduction=self.reduction)


class SmoothL1Loss(_Loss):
    """0.5 d^2 / beta for d = \\|x - y\\| below beta, else d - beta / 2.

    size_average: deprecated: use reduction
    reduce: deprecated where there is a reduction; else the name of how values meet: 'sum', 'prod',
        'mean', 'amax', 'amin'
    reduction: what becomes of the losses: 'mean', 'sum', or 'none' for all of them
    beta: a factor

    >>> nn.SmoothL1Loss()(torch.zeros(1), torch.tensor([2.0]))
    tensor(1.5000)
    """

    __constants__ = ["reduction"]

    def __init__(self, size_average=None, reduce=None, reduction="mean", beta=1.0):
        super().__init__(size_average, reduce, reduction)
        self.beta = beta

    def forward(self, input, target):
        return F.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class HuberLoss(_Loss):
    """0.5 d^2 for d = \\|x - y\\| up to delta, else delta * (d - delta / 2).

    reduction: what becomes of the losses: 'mean', 'sum', or 'none' for all of them
    delta: where the loss turns from square to linear
    """

    __constants__ = ["reduction", "delta"]

    def __init__(self, reduction="mean", delta=1.0):
        super().__init__(reduction=reduction)
        self.delta = delta

    def forward(self, input, target):
        return F.huber_loss(input, target, reduction=self.reduction, delta=self.delta)


class NLLLoss(_WeightedLoss):
    """-log p of the class; the input holds log-probabilities.

    weight: the weight of each class or sample, or None
    size_average: deprecated: use reduction
    ignore_index: a target that counts nothing
    reduce: deprecated where there is a reduction; else the name of how values meet: 'sum', 'prod',
        'mean', 'amax', 'amin'
    reduction: what becomes of the losses: 'mean', 'sum', or 'none' for all of them

    >>> nn.NLLLoss()(torch.tensor([[-1.0, -2.0]]), torch.tensor([1]))
    tensor(2.)
    """

    __constants__ = ["ignore_index", "reduction"]

    def __init__(self, weight=None, size_average=None, ignore_index=-100, reduce=None,
                 reduction="mean"):
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index

    def forward(self, input, target):
        return F.nll_loss(input, target, weight=self.weight, ignore_index=self.ignore_index,
                          reduction=self.reduction)


class NLLLoss2d(NLLLoss):
    """The deprecated name of NLLLoss for images.

    weight: the weight of each class or sample, or None
    size_average: deprecated: use reduction
    ignore_index: a target that counts nothing
    reduce: deprecated where there is a reduction; else the name of how values meet: 'sum', 'prod',
        'mean', 'amax', 'amin'
    reduction: what becomes of the losses: 'mean', 'sum', or 'none' for all of them
    """


class CrossEntropyLoss(_WeightedLoss):
    """NLLLoss of log_softmax; targets are class indices or class probabilities.

    weight: the weight of each class or sample, or None
    size_average: deprecated: use reduction
    ignore_index: a target that counts nothing
    reduce: deprecated where there is a reduction; else the name of how values meet: 'sum', 'prod',
        'mean', 'amax', 'amin'
    reduction: what becomes of the losses: 'mean', 'sum', or 'none' for all of them
    label_smoothing: the share of each target that is spread over all classes

    >>> nn.CrossEntropyLoss()(torch.zeros(2, 4), torch.tensor([0, 3]))
    tensor(1.3863)
    """

    __constants__ = ["ignore_index", "reduction", "label_smoothing"]

    def __init__(self, weight=None, size_average=None, ignore_index=-100, reduce=None,
                 reduction="mean", label_smoothing=0.0):
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    def forward(self, input, target):
        return F.cross_entropy(
            input, target, weight=self.weight, ignore_index=self.ignore_index,
            reduction=self.reduction, label_smoothing=self.label_smoothing,
        )


class BCELoss(_WeightedLoss):
    """-(y log x + (1 - y) log(1 - x)).

    weight: the weight of each class or sample, or None
    size_average: deprecated: use reduction
    reduce: deprecated where there is a reduction; else the name of how values meet: 'sum', 'prod',
        'mean', 'amax', 'amin'
    reduction: what becomes of the losses: 'mean', 'sum', or 'none' for all of them

    >>> nn.BCELoss()(torch.tensor([0.5]), torch.tensor([1.0]))
    tensor(0.6931)
    """

    __constants__ = ["reduction"]

    def forward(self, input, target):
        return F.binary_cross_entropy(input, target, weight=self.weight,
                                      reduction=self.reduction)


class BCEWithLogitsLoss(_Loss):
    """BCELoss of sigmoid(x), computed without overflow.

    weight: the weight of each class or sample, or None
    size_average: deprecated: use reduction
    reduce: deprecated where there is a reduction; else the name of how values meet: 'sum', 'prod',
        'mean', 'amax', 'amin'
    reduction: what becomes of the losses: 'mean', 'sum', or 'none' for all of them
    pos_weight: the weight of positive targets, one for each class

    >>> nn.BCEWithLogitsLoss()(torch.zeros(2), torch.tensor([0.0, 1.0]))
    tensor(0.6931)
    """

    def __init__(self, weight=None, size_average=None, reduce=None, reduction="mean",
                 pos_weight=None):
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input, target):
        return F.binary_cross_entropy_with_logits(
            input, target, self.weight, pos_weight=self.pos_weight, reduction=self.reduction
        )


class KLDivLoss(_Loss):
    """y (log y - x); the input holds log-probabilities.

    size_average: deprecated: use reduction
    reduce: deprecated where there is a reduction; else the name of how values meet: 'sum', 'prod',
        'mean', 'amax', 'amin'
    reduction: what becomes of the losses: 'mean', 'sum', or 'none' for all of them
    log_target: whether the target is given as logarithms
    """

    __constants__ = ["reduction"]

    def __init__(self, size_average=None, reduce=None, reduction="mean", log_target=False):
        super().__init__(size_average, reduce, reduction)
        self.log_target = log_target

    def forward(self, input, target):
        return F.kl_div(input, target, reduction=self.reduction, log_target=self.log_target)


class PoissonNLLLoss(_Loss):
    """The negative log likelihood of counts of a Poisson distribution.

    log_input: whether the input is a logarithm
    full: whether the constant term is added
    size_average: deprecated: use reduction
    eps: a small number that keeps a divisor from zero
    reduce: deprecated where there is a reduction; else the name of how values meet: 'sum', 'prod',
        'mean', 'amax', 'amin'
    reduction: what becomes of the losses: 'mean', 'sum', or 'none' for all of them
    """

    __constants__ = ["log_input", "full", "eps", "reduction"]

    def __init__(self, log_input=True, full=False, size_average=None, eps=1e-8, reduce=None,
                 reduction="mean"):
        super().__init__(size_average, reduce, reduction)
        self.log_input = log_input
        self.full = full
        self.eps = eps

    def forward(self, log_input, target):
        return F.poisson_nll_loss(log_input, target, log_input=self.log_input, full=self.full,
                                  eps=self.eps, reduction=self.reduction)


class GaussianNLLLoss(_Loss):
    """The negative log likelihood of a normal distribution of given mean and variance.

    full: whether the constant term is added
    eps: a small number that keeps a divisor from zero
    reduction: what becomes of the losses: 'mean', 'sum', or 'none' for all of them
    """

    __constants__ = ["full", "eps", "reduction"]

    def __init__(self, *, full=False, eps=1e-6, reduction="mean"):
        super().__init__(None, None, reduction)
        self.full = full
        self.eps = eps

    def forward(self, input, target, var):
        return F.gaussian_nll_loss(input, target, var, full=self.full, eps=self.eps,
                                   reduction=self.reduction)


class MarginRankingLoss(_Loss):
    """max(0, -y (x1 - x2) + margin).

    margin: the distance that is asked for
    size_average: deprecated: use reduction
    reduce: deprecated where there is a reduction; else the name of how values meet: 'sum', 'prod',
        'mean', 'amax', 'amin'
    reduction: what becomes of the losses: 'mean', 'sum', or 'none' for all of them
    """

    __constants__ = ["margin", "reduction"]

    def __init__(self, margin=0.0, size_average=None, reduce=None, reduction="mean"):
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input1, input2, target):
        return F.margin_ranking_loss(input1, input2, target, margin=self.margin,
                                     reduction=self.reduction)


class HingeEmbeddingLoss(_Loss):
    """x where y = 1, max(0, margin - x) where y = -1.

    margin: the distance that is asked for
    size_average: deprecated: use reduction
    reduce: deprecated where there is a reduction; else the name of how values meet: 'sum', 'prod',
        'mean', 'amax', 'amin'
    reduction: what becomes of the losses: 'mean', 'sum', or 'none' for all of them
    """

    __constants__ = ["margin", "reduction"]

    def __init__(self, margin=1.0, size_average=None, reduce=None, reduction="mean"):
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input, target):
        return F.hinge_embedding_loss(input, target, margin=self.margin,
                                      reduction=self.reduction)


class CosineEmbeddingLoss(_Loss):
    """1 - cos where y = 1, max(0, cos - margin) where y = -1.

    margin: the distance that is asked for
    size_average: deprecated: use reduction
    reduce: deprecated where there is a reduction; else the name of how values meet: 'sum', 'prod',
        'mean', 'amax', 'amin'
    reduction: what becomes of the losses: 'mean', 'sum', or 'none' for all of them
    """

    __constants__ = ["margin", "reduction"]

    def __init__(self, margin=0.0, size_average=None, reduce=None, reduction="mean"):
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input1, input2, target):
        return F.cosine_embedding_loss(input1, input2, target, margin=self.margin,
                                       reduction=self.reduction)


class SoftMarginLoss(_Loss):
    """log(1 + exp(-y x)).

    size_average: deprecated: use reduction
    reduce: deprecated where there is a reduction; else the name of how values meet: 'sum', 'prod',
        'mean', 'amax', 'amin'
    reduction: what becomes of the losses: 'mean', 'sum', or 'none' for all of them
    """

    __constants__ = ["reduction"]

    def forward(self, input, target):
        return F.soft_margin_loss(input, target, reduction=self.reduction)


class MultiLabelMarginLoss(_Loss):
    """The hinge loss of several labels for each row.

    size_average: deprecated: use reduction
    reduce: deprecated where there is a reduction; else the name of how values meet: 'sum', 'prod',
        'mean', 'amax', 'amin'
    reduction: what becomes of the losses: 'mean', 'sum', or 'none' for all of them
    """

    __constants__ = ["reduction"]

    def forward(self, input, target):
        return F.multilabel_margin_loss(input, target, reduction=self.reduction)


class MultiLabelSoftMarginLoss(_WeightedLoss):
    """The mean over classes of binary cross-entropies with logits.

    weight: the weight of each class or sample, or None
    size_average: deprecated: use reduction
    reduce: deprecated where there is a reduction; else the name of how values meet: 'sum', 'prod',
        'mean', 'amax', 'amin'
    reduction: what becomes of the losses: 'mean', 'sum', or 'none' for all of them
    """

    __constants__ = ["reduction"]

    def forward(self, input, target):
        return F.multilabel_soft_margin_loss(input, target, weight=self.weight,
                                             reduction=self.reduction)


class MultiMarginLoss(_WeightedLoss):
    """The hinge loss of one class for each row, to the power p.

    p: the exponent of a norm, or the probability of dropping an element
    margin: the distance that is asked for
    weight: the weight of each class or sample, or None
    size_average: deprecated: use reduction
    reduce: deprecated where there is a reduction; else the name of how values meet: 'sum', 'prod',
        'mean', 'amax', 'amin'
    reduction: what becomes of the losses: 'mean', 'sum', or 'none' for all of them
    """

    __constants__ = ["p", "margin", "reduction"]

    def __init__(self, p: float = 1, margin=1.0, weight=None, size_average=None, reduce=None,
                 reduction="mean"):
        super().__init__(weight, size_average, reduce, reduction)
        if p not in (1, 2):
            raise ValueError("only p == 1 and p == 2 supported")
        if weight is not None and weight.dim() != 1:
            raise ValueError(
                "MultiMarginLoss: expected weight to be None or 1D tensor, got "
                f"{weight.dim()}D instead"
            )
        self.p = p
        self.margin = margin

    def forward(self, input, target):
        return F.multi_margin_loss(input, target, p=self.p, margin=self.margin,
                                   weight=self.weight, reduction=self.reduction)


def _checked_margin(name, margin):
    if margin <= 0:
        raise ValueError(f"{name}: expected margin to be greater than 0, got {margin} instead")
    return margin


class TripletMarginLoss(_Loss):
    """max(0, d(a, p) - d(a, n) + margin).

    margin: the distance that is asked for
    p: the exponent of a norm, or the probability of dropping an element
    eps: a small number that keeps a divisor from zero
    swap: whether the distance of positive and negative counts where it is the smaller one
    size_average: deprecated: use reduction
    reduce: deprecated where there is a reduction; else the name of how values meet: 'sum', 'prod',
        'mean', 'amax', 'amin'
    reduction: what becomes of the losses: 'mean', 'sum', or 'none' for all of them
    """

    __constants__ = ["margin", "p", "eps", "swap", "reduction"]

    def __init__(self, margin=1.0, p=2.0, eps=1e-6, swap=False, size_average=None, reduce=None,
                 reduction="mean"):
        super().__init__(size_average, reduce, reduction)
        self.margin = _checked_margin("TripletMarginLoss", margin)
        self.p = p
        self.eps = eps
        self.swap = swap

    def forward(self, anchor, positive, negative):
        return F.triplet_margin_loss(
            anchor, positive, negative, margin=self.margin, p=self.p, eps=self.eps,
            swap=self.swap, reduction=self.reduction,
        )


class TripletMarginWithDistanceLoss(_Loss):
    """max(0, d(a, p) - d(a, n) + margin) for any distance.

    margin: the distance that is asked for
    swap: whether the distance of positive and negative counts where it is the smaller one
    reduction: what becomes of the losses: 'mean', 'sum', or 'none' for all of them
    """

    __constants__ = ["margin", "swap", "reduction"]

    def __init__(self, *, distance_function=None, margin=1.0, swap=False, reduction="mean"):
        super().__init__(reduction=reduction)
        margin = _checked_margin("TripletMarginWithDistanceLoss", margin)
        self.distance_function = (
            PairwiseDistance() if distance_function is None else distance_function
        )
        self.margin = margin
        self.swap = swap

    def forward(self, anchor, positive, negative):
        return F.triplet_margin_with_distance_loss(
            anchor, positive, negative, distance_function=self.distance_function,
            margin=self.margin, swap=self.swap, reduction=self.reduction,
        )


class CTCLoss(_Loss):
    """Connectionist temporal classification (Graves et al., 2006).

    blank: the label of the blank
    reduction: what becomes of the losses: 'mean', 'sum', or 'none' for all of them
    zero_infinity: whether infinite losses count as zero
    """

    __constants__ = ["blank", "reduction"]

    def __init__(self, blank=0, reduction="mean", zero_infinity=False):
        super().__init__(reduction=reduction)
        self.blank = blank
        self.zero_infinity = zero_infinity

    def forward(self, log_probs, targets, input_lengths, target_lengths):
        return F.ctc_loss(log_probs, targets, input_lengths, target_lengths, self.blank,
                          self.reduction, self.zero_infinity)


class LinearCrossEntropyLoss(_WeightedLoss):
    """The cross-entropy of a linear map that the loss owns.

    Only ``out_features=()`` and ``options=None`` are available: no chunked evaluation.

    in_features: the size of the input's last dimension
    num_classes: how many classes; default: one more than the greatest
    out_features: the size of the output's last dimension
    bias: whether a bias is learned, which is added to the result
    device: the device of the parameters
    dtype: the dtype of the parameters
    reduction: what becomes of the losses: 'mean', 'sum', or 'none' for all of them
    weight: the weight of each class or sample, or None
    ignore_index: a target that counts nothing
    label_smoothing: the share of each target that is spread over all classes
    """

    __constants__ = ["num_classes", "out_features", "reduction", "ignore_index",
                     "label_smoothing"]

    def __init__(self, in_features, num_classes, *, out_features=(), bias=False, device=None,
                 dtype=None, reduction="mean", weight=None, ignore_index=None,
                 label_smoothing=0.0, options=None):
        if out_features != ():
            raise NotImplementedError(
                "LinearCrossEntropyLoss with out_features is not available in cygrad"
            )
        if options is not None:
            raise NotImplementedError(
                "LinearCrossEntropyLoss with options is not available in cygrad"
            )
        super().__init__(weight, reduction=reduction)
        self.in_features = in_features
        self.num_classes = num_classes
        self.out_features = out_features
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing
        self.options = options
        self.linear = Linear(in_features, num_classes, bias, device, dtype)

    def extra_repr(self):
        return (
            f"in_features={self.in_features}, num_classes={self.num_classes}, "
            f"out_features={self.out_features}, bias={self.linear.bias is not None}, "
            f"reduction={self.reduction}, ignore_index={self.ignore_index}, "
            f"label_smoothing={self.label_smoothing}, options={self.options}"
        )

    def forward(self, input, target):
        return F.linear_cross_entropy(
            input, self.linear.weight, target, linear_bias=self.linear.bias, weight=self.weight,
            reduction=self.reduction, ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
        )
