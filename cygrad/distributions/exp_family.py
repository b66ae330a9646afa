"""Distributions of the form exp(<t(x), theta> - F(theta) + k(x))."""

from ..autograd import grad
from ..autograd.grad_mode import enable_grad
from .distribution import Distribution

__all__ = ["ExponentialFamily"]


class ExponentialFamily(Distribution):
    """The base of exponential families: `_natural_params` theta, `_log_normalizer` F, and `_mean_carrier_measure`,
    the mean of k(x), give the entropy and the divergence of two members of one family by Bregman divergences
    (Nielsen and Nock, Entropies and cross-entropies of exponential families, ICIP 2010).
    """

    @property
    def _natural_params(self):
        raise NotImplementedError

    def _log_normalizer(self, *natural_params):
        raise NotImplementedError

    @property
    def _mean_carrier_measure(self):
        raise NotImplementedError

    def _normalizer_and_means(self):
        """(theta, F(theta), its gradients, which are the means of t(x)), differentiable."""
        with enable_grad():
            theta = [
                p if p.requires_grad else p.detach().requires_grad_() for p in self._natural_params
            ]
            normalizer = self._log_normalizer(*theta)
        return theta, normalizer, grad(normalizer.sum(), theta, create_graph=True)

    def entropy(self):
        """F(theta) - <theta, grad F> - E[k]"""
        theta, normalizer, means = self._normalizer_and_means()
        result = normalizer - self._mean_carrier_measure
        for p, m in zip(theta, means, strict=True):
            product = p * m
            result = result - product.reshape(self._batch_shape + (-1,)).sum(-1)
        return result
