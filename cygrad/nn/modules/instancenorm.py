"""Instance normalisation modules."""

import warnings

from .. import functional as F
from .batchnorm import _expect, _LazyNormBase, _NormBase


class _InstanceNorm(_NormBase):
    """``_nd`` spatial dimensions; an input without a batch dimension is taken too."""

    def __init__(self, num_features, eps=1e-5, momentum=0.1, affine=False,
                 track_running_stats=False, device=None, dtype=None, *, bias=True):
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype,
                         bias=bias)

    def _check_input_dim(self, input):
        _expect(input, self._nd + 1, self._nd + 2)

    def _apply_instance_norm(self, input):
        return F.instance_norm(
            input, self.running_mean, self.running_var, self.weight, self.bias,
            self.training or not self.track_running_stats,
            0.0 if self.momentum is None else self.momentum, self.eps,
        )

    def forward(self, input):
        self._check_input_dim(input)
        axis = input.dim() - self._nd - 1
        if input.size(axis) != self.num_features:
            if self.affine:
                raise ValueError(
                    f"expected input's size at dim={axis} to match num_features"
                    f" ({self.num_features}), but got: {input.size(axis)}."
                )
            warnings.warn(
                f"input's size at dim={axis} does not match num_features. "
                "You can silence this warning by not passing in num_features, "
                "which is not used because affine=False",
                stacklevel=2,
            )
        if axis == 0:
            return self._apply_instance_norm(input.unsqueeze(0)).squeeze(0)
        return self._apply_instance_norm(input)


class InstanceNorm1d(_InstanceNorm):
    """Instance normalisation over (N, C, L) or (C, L).

    num_features: channels of the input: its size in dimension 1
    eps: a small number that keeps a divisor from zero
    momentum: how much of the new is taken
    affine: whether each channel has a weight and a bias of its own
    track_running_stats: whether mean and variance are kept for evaluation
    device: the device of the parameters
    dtype: the dtype of the parameters
    bias: whether a bias is learned, which is added to the result
    """

    _nd = 1


class InstanceNorm2d(_InstanceNorm):
    """Instance normalisation over (N, C, H, W) or (C, H, W).

    num_features: channels of the input: its size in dimension 1
    eps: a small number that keeps a divisor from zero
    momentum: how much of the new is taken
    affine: whether each channel has a weight and a bias of its own
    track_running_stats: whether mean and variance are kept for evaluation
    device: the device of the parameters
    dtype: the dtype of the parameters
    bias: whether a bias is learned, which is added to the result
    """

    _nd = 2


class InstanceNorm3d(_InstanceNorm):
    """Instance normalisation over (N, C, D, H, W) or (C, D, H, W).

    num_features: channels of the input: its size in dimension 1
    eps: a small number that keeps a divisor from zero
    momentum: how much of the new is taken
    affine: whether each channel has a weight and a bias of its own
    track_running_stats: whether mean and variance are kept for evaluation
    device: the device of the parameters
    dtype: the dtype of the parameters
    bias: whether a bias is learned, which is added to the result
    """

    _nd = 3


class _LazyInstanceNorm(_LazyNormBase):
    def initialize_parameters(self, input):
        batched = input.dim() == self._nd + 2
        super().initialize_parameters(input if batched else input.unsqueeze(0))


class LazyInstanceNorm1d(_LazyInstanceNorm, _InstanceNorm):
    """An InstanceNorm1d that takes num_features from its first input.

    eps: a small number that keeps a divisor from zero
    momentum: how much of the new is taken
    affine: whether each channel has a weight and a bias of its own
    track_running_stats: whether mean and variance are kept for evaluation
    device: the device of the parameters
    dtype: the dtype of the parameters
    bias: whether a bias is learned, which is added to the result
    """

    cls_to_become = InstanceNorm1d
    _nd = 1


class LazyInstanceNorm2d(_LazyInstanceNorm, _InstanceNorm):
    """An InstanceNorm2d that takes num_features from its first input.

    eps: a small number that keeps a divisor from zero
    momentum: how much of the new is taken
    affine: whether each channel has a weight and a bias of its own
    track_running_stats: whether mean and variance are kept for evaluation
    device: the device of the parameters
    dtype: the dtype of the parameters
    bias: whether a bias is learned, which is added to the result
    """

    cls_to_become = InstanceNorm2d
    _nd = 2


class LazyInstanceNorm3d(_LazyInstanceNorm, _InstanceNorm):
    """An InstanceNorm3d that takes num_features from its first input.

    eps: a small number that keeps a divisor from zero
    momentum: how much of the new is taken
    affine: whether each channel has a weight and a bias of its own
    track_running_stats: whether mean and variance are kept for evaluation
    device: the device of the parameters
    dtype: the dtype of the parameters
    bias: whether a bias is learned, which is added to the result
    """

    cls_to_become = InstanceNorm3d
    _nd = 3
