"""Batch normalisation modules."""

import sys

import cygrad

from .. import functional as F
from ..module import Module
from ..parameter import UninitializedBuffer, UninitializedParameter
from .lazy import LazyModuleMixin
from .normalization import make_affine, reset_affine


class _NormBase(Module):
    """Parameters and running statistics shared by batch and instance norm."""

    _version = 2
    __constants__ = ["track_running_stats", "momentum", "eps", "num_features", "affine"]

    def __init__(self, num_features, eps=1e-5, momentum=0.1, affine=True,
                 track_running_stats=True, device=None, dtype=None, *, bias=True):
        super().__init__()
        made = {"device": device, "dtype": dtype}
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        make_affine(self, num_features, **made, weight=affine, bias=affine and bias)
        if track_running_stats:
            self.register_buffer("running_mean", cygrad.zeros(num_features, **made))
            self.register_buffer("running_var", cygrad.ones(num_features, **made))
            self.register_buffer(
                "num_batches_tracked", cygrad.tensor(0, dtype=cygrad.long, device=device)
            )
        else:
            for name in ("running_mean", "running_var", "num_batches_tracked"):
                self.register_buffer(name, None)
        self.reset_parameters()

    def reset_running_stats(self):
        """Set the running mean to 0, the variance to 1 and the count to 0."""
        if self.track_running_stats:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self):
        """Reset the statistics; weight 1, bias 0."""
        self.reset_running_stats()
        reset_affine(self)

    def _check_input_dim(self, input):
        raise NotImplementedError

    def extra_repr(self):
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, "
            f"affine={self.affine}, bias={self.bias is not None}, "
            f"track_running_stats={self.track_running_stats}"
        )

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, strict, missing_keys,
                              unexpected_keys, error_msgs):
        version = local_metadata.get("version", None)
        if (version is None or version < 2) and self.track_running_stats:
            # Version 1 did not count batches.
            key = prefix + "num_batches_tracked"
            if key not in state_dict:
                counted = self.num_batches_tracked
                known = counted is not None and counted.device.type != "meta"
                state_dict[key] = counted if known else cygrad.tensor(0, dtype=cygrad.long)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, strict, missing_keys,
                                      unexpected_keys, error_msgs)


class _BatchNorm(_NormBase):
    def forward(self, input):
        self._check_input_dim(input)
        momentum = 0.0 if self.momentum is None else self.momentum
        if self.training and self.track_running_stats and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:
                momentum = 1.0 / float(self.num_batches_tracked)
        # Without running statistics evaluation, too, is by those of the batch.
        by_batch = self.training or (self.running_mean is None and self.running_var is None)
        tracked = not self.training or self.track_running_stats
        return F.batch_norm(
            input, self.running_mean if tracked else None, self.running_var if tracked else None,
            self.weight, self.bias, by_batch, momentum, self.eps,
        )


def _expect(input, *dims):
    if input.dim() not in dims:
        wanted = " or ".join(f"{d}D" for d in dims)
        raise ValueError(f"expected {wanted} input (got {input.dim()}D input)")


class BatchNorm1d(_BatchNorm):
    """Batch normalisation over (N, C) or (N, C, L).

    num_features: channels of the input: its size in dimension 1
    eps: a small number that keeps a divisor from zero
    momentum: how much of the new is taken
    affine: whether each channel has a weight and a bias of its own
    track_running_stats: whether mean and variance are kept for evaluation
    device: the device of the parameters
    dtype: the dtype of the parameters
    bias: whether a bias is learned, which is added to the result

    >>> nn.BatchNorm1d(1)(torch.tensor([[1.0], [3.0]])).detach().flatten()
    tensor([-1.0000,  1.0000])
    """

    def _check_input_dim(self, input):
        _expect(input, 2, 3)


class BatchNorm2d(_BatchNorm):
    """Batch normalisation over (N, C, H, W).

    num_features: channels of the input: its size in dimension 1
    eps: a small number that keeps a divisor from zero
    momentum: how much of the new is taken
    affine: whether each channel has a weight and a bias of its own
    track_running_stats: whether mean and variance are kept for evaluation
    device: the device of the parameters
    dtype: the dtype of the parameters
    bias: whether a bias is learned, which is added to the result

    >>> nn.BatchNorm2d(3)(torch.rand(2, 3, 4, 4)).mean().abs() < 1e-4
    tensor(True)
    """

    def _check_input_dim(self, input):
        _expect(input, 4)


class BatchNorm3d(_BatchNorm):
    """Batch normalisation over (N, C, D, H, W).

    num_features: channels of the input: its size in dimension 1
    eps: a small number that keeps a divisor from zero
    momentum: how much of the new is taken
    affine: whether each channel has a weight and a bias of its own
    track_running_stats: whether mean and variance are kept for evaluation
    device: the device of the parameters
    dtype: the dtype of the parameters
    bias: whether a bias is learned, which is added to the result
    """

    def _check_input_dim(self, input):
        _expect(input, 5)


class SyncBatchNorm(_BatchNorm):
    """Batch normalisation by the mean and variance of the batches of all ranks of `process_group`.

    Alone, and outside of torch.distributed, it is that of the batch.

    num_features: channels of the input: its size in dimension 1
    eps: a small number that keeps a divisor from zero
    momentum: how much of the new is taken
    affine: whether each channel has a weight and a bias of its own
    track_running_stats: whether mean and variance are kept for evaluation
    device: the device of the parameters
    dtype: the dtype of the parameters
    bias: whether a bias is learned, which is added to the result
    """

    def __init__(self, num_features, eps=1e-5, momentum=0.1, affine=True,
                 track_running_stats=True, process_group=None, device=None, dtype=None, *,
                 bias=True):
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype,
                         bias=bias)
        self.process_group = process_group

    def _check_input_dim(self, input):
        if input.dim() < 2:
            raise ValueError(f"expected at least 2D input (got {input.dim()}D input)")

    def forward(self, input):
        self._check_input_dim(input)
        group = self._group()
        by_batch = self.training or (self.running_mean is None and self.running_var is None)
        if group is None or not by_batch:
            return super().forward(input)
        from cygrad.distributed.nn.functional import all_reduce

        dims = [0, *range(2, input.dim())]
        shape = [1, -1] + [1] * (input.dim() - 2)
        exact = input.float() if input.dtype in (cygrad.float16, cygrad.bfloat16) else input
        here = exact.new_tensor([input.numel() // max(input.shape[1], 1)])
        total = all_reduce(cygrad.cat([exact.sum(dims), here]), group=group)
        count = total[-1]
        if count <= 1:
            raise ValueError(f"Expected more than 1 value per channel when training, got input size {input.shape}")
        mean = total[:-1] / count
        centred = exact - mean.view(shape)
        var = all_reduce(centred.square().sum(dims), group=group) / count
        if self.training and self.track_running_stats:
            self._follow(mean.detach(), (var * (count / (count - 1))).detach())
        result = centred * (var + self.eps).rsqrt().view(shape)
        if self.weight is not None:
            result = result * self.weight.view(shape)
        if self.bias is not None:
            result = result + self.bias.view(shape)
        return result.to(input.dtype)

    def _group(self):
        """The group of several ranks, or None."""
        if "cygrad.distributed" not in sys.modules or not cygrad.distributed.is_initialized():
            return None
        group = cygrad.distributed.group.WORLD if self.process_group is None else self.process_group
        return group if group.size() > 1 else None

    @cygrad.no_grad()
    def _follow(self, mean, var):
        """Takes the statistics of this batch into the running ones."""
        self.num_batches_tracked.add_(1)
        momentum = 1.0 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), momentum)
        self.running_var.lerp_(var.to(self.running_var.dtype), momentum)

    @classmethod
    def convert_sync_batchnorm(cls, module, process_group=None):
        """A copy of the tree of modules with every batch norm replaced by SyncBatchNorm."""
        converted = module
        if isinstance(module, _BatchNorm):
            converted = cls(module.num_features, module.eps, module.momentum, module.affine,
                            module.track_running_stats, process_group,
                            bias=module.bias is not None)
            if module.affine:
                converted.weight = module.weight
                if module.bias is not None:
                    converted.bias = module.bias
            converted.running_mean = module.running_mean
            converted.running_var = module.running_var
            converted.num_batches_tracked = module.num_batches_tracked
            converted.training = module.training
        for name, child in module.named_children():
            converted.add_module(name, cls.convert_sync_batchnorm(child, process_group))
        return converted


class _LazyNormBase(LazyModuleMixin, _NormBase):
    """Takes num_features from the first input."""

    def __init__(self, eps=1e-5, momentum=0.1, affine=True, track_running_stats=True, device=None,
                 dtype=None, *, bias=True):
        made = {"device": device, "dtype": dtype}
        # Built without tensors, which then are put in uninitialised.
        super().__init__(0, eps, momentum, False, False)
        self.affine = affine
        self.track_running_stats = track_running_stats
        if affine:
            self.weight = UninitializedParameter(**made)
            if bias:
                self.bias = UninitializedParameter(**made)
        if track_running_stats:
            self.running_mean = UninitializedBuffer(**made)
            self.running_var = UninitializedBuffer(**made)
            self.num_batches_tracked = cygrad.tensor(0, dtype=cygrad.long, device=device)

    def reset_parameters(self):
        if not self.has_uninitialized_params() and self.num_features != 0:
            super().reset_parameters()

    def initialize_parameters(self, input):
        """Take the number of channels from ``input`` and reset everything."""
        if self.has_uninitialized_params():
            self.num_features = input.shape[1]
            for value in (self.weight, self.bias, self.running_mean, self.running_var):
                if value is not None:
                    value.materialize((self.num_features,))
            self.reset_parameters()
        elif self.num_features == 0:
            known = self.weight if self.weight is not None else self.running_mean
            self.num_features = 0 if known is None else known.shape[0]


class LazyBatchNorm1d(_LazyNormBase, _BatchNorm):
    """A BatchNorm1d that takes num_features from its first input.

    eps: a small number that keeps a divisor from zero
    momentum: how much of the new is taken
    affine: whether each channel has a weight and a bias of its own
    track_running_stats: whether mean and variance are kept for evaluation
    device: the device of the parameters
    dtype: the dtype of the parameters
    bias: whether a bias is learned, which is added to the result
    """

    cls_to_become = BatchNorm1d
    _check_input_dim = BatchNorm1d._check_input_dim


class LazyBatchNorm2d(_LazyNormBase, _BatchNorm):
    """A BatchNorm2d that takes num_features from its first input.

    eps: a small number that keeps a divisor from zero
    momentum: how much of the new is taken
    affine: whether each channel has a weight and a bias of its own
    track_running_stats: whether mean and variance are kept for evaluation
    device: the device of the parameters
    dtype: the dtype of the parameters
    bias: whether a bias is learned, which is added to the result
    """

    cls_to_become = BatchNorm2d
    _check_input_dim = BatchNorm2d._check_input_dim


class LazyBatchNorm3d(_LazyNormBase, _BatchNorm):
    """A BatchNorm3d that takes num_features from its first input.

    eps: a small number that keeps a divisor from zero
    momentum: how much of the new is taken
    affine: whether each channel has a weight and a bias of its own
    track_running_stats: whether mean and variance are kept for evaluation
    device: the device of the parameters
    dtype: the dtype of the parameters
    bias: whether a bias is learned, which is added to the result
    """

    cls_to_become = BatchNorm3d
    _check_input_dim = BatchNorm3d._check_input_dim
