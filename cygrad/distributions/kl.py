"""Kullback-Leibler divergences in closed form, found by the types of both distributions.

KL(p || q) = E_p[log p - log q].  For two members of one exponential family it is the Bregman divergence of their log
normalizers; most pairs below are written out, which is shorter to compute.  "Infinite" is where p puts mass on what q
excludes.
"""

import functools
import math
import warnings

import cygrad

from .bernoulli import Bernoulli
from .beta import Beta
from .binomial import Binomial
from .categorical import Categorical
from .cauchy import Cauchy
from .continuous_bernoulli import ContinuousBernoulli
from .dirichlet import Dirichlet
from .exp_family import ExponentialFamily
from .exponential import Exponential
from .gamma import Gamma
from .geometric import Geometric
from .gumbel import Gumbel
from .half_normal import HalfNormal
from .independent import Independent
from .laplace import Laplace
from .lowrank_multivariate_normal import LowRankMultivariateNormal
from .multivariate_normal import MultivariateNormal
from .normal import Normal
from .one_hot_categorical import OneHotCategorical
from .pareto import Pareto
from .poisson import Poisson
from .transformed_distribution import TransformedDistribution
from .uniform import Uniform
from .utils import euler_constant, sum_rightmost

__all__ = ["kl_divergence", "register_kl"]

_KL_REGISTRY = {}  # (type of p, type of q) to function


def register_kl(type_p, type_q):
    """A decorator that makes a function of (p, q) the divergence of these types and their subclasses.

    Among several that fit, the one whose types lie nearest to those of p and q is taken.
    """
    if not isinstance(type_p, type):
        raise TypeError(f"Expected type_p to be a Distribution subclass but got {type_p}")
    if not isinstance(type_q, type):
        raise TypeError(f"Expected type_q to be a Distribution subclass but got {type_q}")

    def decorator(fun):
        _KL_REGISTRY[type_p, type_q] = fun
        _dispatch.cache_clear()
        return fun

    return decorator


@functools.cache
def _dispatch(type_p, type_q):
    """The registered function for two types, or None."""
    matches = [
        pair for pair in _KL_REGISTRY if issubclass(type_p, pair[0]) and issubclass(type_q, pair[1])
    ]
    if not matches:
        return None

    def distance(pair):
        return type_p.__mro__.index(pair[0]), type_q.__mro__.index(pair[1])

    by_p = min(matches, key=distance)
    by_q = min(matches, key=lambda pair: distance(pair)[::-1])
    if _KL_REGISTRY[by_p] is not _KL_REGISTRY[by_q]:
        names = [f"({a.__name__}, {b.__name__})" for a, b in ((type_p, type_q), by_p, by_q)]
        warnings.warn(
            f"Ambiguous kl_divergence{names[0]}. Please register_kl({by_p[0].__name__}, {by_q[1].__name__})",
            RuntimeWarning,
            stacklevel=3,
        )
    return _KL_REGISTRY[by_p]


def kl_divergence(p, q):
    """KL(p || q), of the batch shape; NotImplementedError where no function is registered for the two types.

    p: the exponent of a norm, or the probability of dropping an element
    """
    function = _dispatch(type(p), type(q))
    if function is None:
        raise NotImplementedError(
            f"No KL(p || q) is implemented for p type {type(p).__name__} and q type {type(q).__name__}"
        )
    return function(p, q)


def _infinite_like(x):
    return cygrad.full_like(x, math.inf)


def _x_log_x(x):
    return x * x.log()


def _is_outside(lower, upper, constraint):
    """Where the interval reaches beyond the support of q."""
    return (lower < constraint.lower_bound) | (upper > constraint.upper_bound)


# ---- one family


@register_kl(Bernoulli, Bernoulli)
def _bernoulli(p, q):
    def part(a, b):
        """a log(a / b)"""
        found = a * (a / b).log()
        return found.masked_fill(b == 0, math.inf).masked_fill(a == 0, 0)

    return part(p.probs, q.probs) + part(1 - p.probs, 1 - q.probs)


@register_kl(Beta, Beta)
def _beta(p, q):
    a, b, c, d = p.concentration1, p.concentration0, q.concentration1, q.concentration0
    total_p, total_q = a + b, c + d
    normalizers = (
        c.lgamma() + d.lgamma() + total_p.lgamma() - a.lgamma() - b.lgamma() - total_q.lgamma()
    )
    return (
        normalizers
        + (a - c) * cygrad.digamma(a)
        + (b - d) * cygrad.digamma(b)
        + (total_q - total_p) * cygrad.digamma(total_p)
    )


@register_kl(Binomial, Binomial)
def _binomial(p, q):
    if p.total_count.lt(q.total_count).any():
        raise NotImplementedError(
            "KL between Binomials where q.total_count > p.total_count is not implemented"
        )
    kl = p.total_count * (p.probs * (p.logits - q.logits) + (-p.probs).log1p() - (-q.probs).log1p())
    return kl.masked_fill(p.total_count > q.total_count, math.inf)


@register_kl(Categorical, Categorical)
def _categorical(p, q):
    t = p.probs * (p.logits - q.logits)
    t = t.masked_fill((q.probs == 0).expand_as(t), math.inf).masked_fill(
        (p.probs == 0).expand_as(t), 0
    )
    return t.sum(-1)


@register_kl(Cauchy, Cauchy)
def _cauchy(p, q):
    """Chyzak and Nielsen 2019"""
    apart = (p.scale + q.scale).pow(2) + (p.loc - q.loc).pow(2)
    return apart.log() - (4 * p.scale * q.scale).log()


@register_kl(ContinuousBernoulli, ContinuousBernoulli)
def _continuous_bernoulli(p, q):
    return (
        p.mean * (p.logits - q.logits)
        + (p._log_norm() + cygrad.log1p(-p.probs))
        - (q._log_norm() + cygrad.log1p(-q.probs))
    )


@register_kl(Dirichlet, Dirichlet)
def _dirichlet(p, q):
    a, b = p.concentration, q.concentration
    total_a, total_b = a.sum(-1), b.sum(-1)
    means = a.digamma() - total_a.digamma().unsqueeze(-1)
    return (
        total_a.lgamma()
        - total_b.lgamma()
        - (a.lgamma() - b.lgamma()).sum(-1)
        + ((a - b) * means).sum(-1)
    )


@register_kl(Exponential, Exponential)
def _exponential(p, q):
    ratio = q.rate / p.rate
    return ratio - ratio.log() - 1


@register_kl(ExponentialFamily, ExponentialFamily)
def _expfamily(p, q):
    if type(p) is not type(q):
        raise NotImplementedError(
            "The cross KL-divergence between different exponential families cannot"
            "                             be computed using Bregman divergences"
        )
    theta_p, normalizer_p, means = p._normalizer_and_means()
    theta_q = q._natural_params
    result = q._log_normalizer(*theta_q) - normalizer_p
    for a, b, m in zip(theta_p, theta_q, means, strict=True):
        result = result - sum_rightmost((b - a) * m, len(q.event_shape))
    return result


@register_kl(Gamma, Gamma)
def _gamma(p, q):
    a, b = p.concentration, q.concentration
    return (
        b * (p.rate / q.rate).log()
        + cygrad.lgamma(b)
        - cygrad.lgamma(a)
        + (a - b) * cygrad.digamma(a)
        + (q.rate - p.rate) * (a / p.rate)
    )


@register_kl(Gumbel, Gumbel)
def _gumbel(p, q):
    ratio = p.scale / q.scale
    apart = (p.loc - q.loc) / q.scale
    return (
        apart
        - ratio.log()
        - 1
        + euler_constant * (ratio - 1)
        + ((1 + ratio).lgamma() - apart).exp()
    )


@register_kl(Geometric, Geometric)
def _geometric(p, q):
    return -p.entropy() - cygrad.log1p(-q.probs) / p.probs - q.logits


@register_kl(HalfNormal, HalfNormal)
def _halfnormal(p, q):
    return _normal(p.base_dist, q.base_dist)


@register_kl(Laplace, Laplace)
def _laplace(p, q):
    ratio, apart = p.scale / q.scale, (p.loc - q.loc).abs()
    return -ratio.log() + apart / q.scale + ratio * (-apart / p.scale).exp() - 1


@register_kl(Normal, Normal)
def _normal(p, q):
    ratio = (p.scale / q.scale).pow(2)
    return 0.5 * (ratio + ((p.loc - q.loc) / q.scale).pow(2) - 1 - ratio.log())


@register_kl(OneHotCategorical, OneHotCategorical)
def _onehotcategorical(p, q):
    return _categorical(p._categorical, q._categorical)


@register_kl(Pareto, Pareto)
def _pareto(p, q):
    ratio = q.alpha / p.alpha
    kl = q.alpha * (p.scale / q.scale).log() - ratio.log() + ratio - 1
    return kl.masked_fill(p.support.lower_bound < q.support.lower_bound, math.inf)


@register_kl(Poisson, Poisson)
def _poisson(p, q):
    return p.rate * (p.rate.log() - q.rate.log()) - (p.rate - q.rate)


@register_kl(TransformedDistribution, TransformedDistribution)
def _transformed(p, q):
    if p.transforms != q.transforms or p.event_shape != q.event_shape:
        raise NotImplementedError
    return kl_divergence(p.base_dist, q.base_dist)


@register_kl(Independent, Independent)
def _independent(p, q):
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError
    return sum_rightmost(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)


@register_kl(Uniform, Uniform)
def _uniform(p, q):
    kl = ((q.high - q.low) / (p.high - p.low)).log()
    return kl.masked_fill((q.low > p.low) | (q.high < p.high), math.inf)


# ---- multivariate normals


def _check_event_shapes(p, q, names):
    if p.event_shape != q.event_shape:
        raise ValueError(
            f"KL-divergence between two {names} with different event shapes cannot be computed"
        )


def _multivariate(p, q):
    """By the covariance of p and the Mahalanobis norm of q, of whatever form both are."""

    def norm(vectors):
        if isinstance(q, LowRankMultivariateNormal):
            return q._mahalanobis(vectors)
        from ._matrices import mahalanobis

        return mahalanobis(q._unbroadcasted_scale_tril, vectors)

    def log_det(d):
        if isinstance(d, LowRankMultivariateNormal):
            return d._log_det()
        from ._matrices import half_log_det

        return 2 * half_log_det(d._unbroadcasted_scale_tril)

    # tr(Sigma_q^-1 Sigma_p): the norms of the columns that Sigma_p = sum of c c^T is made of
    columns = p.cov_factor.mT if isinstance(p, LowRankMultivariateNormal) else p.scale_tril.mT
    trace = _norms(norm, columns)
    if isinstance(p, LowRankMultivariateNormal):
        trace = trace + _norms(norm, p.cov_diag.sqrt().diag_embed())
    n = p.event_shape[0]
    return 0.5 * (log_det(q) - log_det(p) + trace + norm(q.loc - p.loc) - n)


def _norms(norm, rows):
    """The sum of norms over the second last dimension, which is moved to the front past the batch."""
    return norm(rows.movedim(-2, 0)).sum(0)


for _p in (MultivariateNormal, LowRankMultivariateNormal):
    for _q in (MultivariateNormal, LowRankMultivariateNormal):

        @register_kl(_p, _q)
        def _multivariates(p, q):
            same = type(p) is type(q)
            names = (
                "Low Rank Multivariate Normals"
                if same and isinstance(p, LowRankMultivariateNormal)
                else ("Multivariate Normals" if same else "(Low Rank) Multivariate Normals")
            )
            _check_event_shapes(p, q, names)
            return _multivariate(p, q)


# ---- between families


@register_kl(Bernoulli, Poisson)
def _bernoulli_poisson(p, q):
    return -p.entropy() - (p.probs * q.rate.log() - q.rate)


@register_kl(Poisson, Bernoulli)
@register_kl(Poisson, Binomial)
def _poisson_bounded(p, q):
    return _infinite_like(p.rate)


# E_p[-log q] of these q, by the moments of p.


def _to_normal(p, q):
    square = (p.variance + (p.mean - q.loc).pow(2)) / (2 * q.scale.pow(2))
    return square + (2 * math.pi * q.scale.pow(2)).log() / 2


def _to_exponential(p, q):
    return p.mean * q.rate - q.rate.log()


def _to_gamma(p, q, log_mean, mean=None):
    log_normalizer = q.concentration.lgamma() - q.concentration * q.rate.log()
    mean = p.mean if mean is None else mean
    return log_normalizer - (q.concentration - 1) * log_mean + q.rate * mean


@register_kl(Beta, ContinuousBernoulli)
def _beta_continuous_bernoulli(p, q):
    return -p.entropy() - p.mean * q.logits - cygrad.log1p(-q.probs) - q._log_norm()


def _infinite(p, q):
    return _infinite_like(p.mean)


_REAL = (Gumbel, Laplace, Normal)
_POSITIVE = (Exponential, Gamma)
for _q, _reach_beyond in {
    **dict.fromkeys((Beta, ContinuousBernoulli, Uniform), (*_POSITIVE, *_REAL, Pareto)),
    **dict.fromkeys(_POSITIVE, _REAL),
    Pareto: (Beta, ContinuousBernoulli, *_POSITIVE, *_REAL),
}.items():
    for _p in _reach_beyond:
        register_kl(_p, _q)(_infinite)


@register_kl(Beta, Exponential)
@register_kl(ContinuousBernoulli, Exponential)
@register_kl(Gamma, Exponential)
def _any_exponential(p, q):
    return -p.entropy() + _to_exponential(p, q)


@register_kl(Beta, Gamma)
def _beta_gamma(p, q):
    log_mean = p.concentration1.digamma() - (p.concentration1 + p.concentration0).digamma()
    return -p.entropy() + _to_gamma(p, q, log_mean)


@register_kl(Beta, Normal)
@register_kl(ContinuousBernoulli, Normal)
@register_kl(Exponential, Normal)
@register_kl(Gamma, Normal)
@register_kl(Gumbel, Normal)
@register_kl(Laplace, Normal)
@register_kl(Uniform, Normal)
def _any_normal(p, q):
    return -p.entropy() + _to_normal(p, q)


@register_kl(Beta, Uniform)
def _beta_uniform(p, q):
    kl = -p.entropy() + (q.high - q.low).log()
    return kl.masked_fill(
        (q.low > p.support.lower_bound) | (q.high < p.support.upper_bound), math.inf
    )


@register_kl(ContinuousBernoulli, Uniform)
def _continuous_bernoulli_uniform(p, q):
    return _beta_uniform(p, q)


@register_kl(Exponential, Gamma)
def _exponential_gamma(p, q):
    log_mean = -euler_constant - p.rate.log()
    return -p.entropy() + _to_gamma(p, q, log_mean)


@register_kl(Exponential, Gumbel)
def _exponential_gumbel(p, q):
    """E[exp(-x / s)] = rate / (rate + 1 / s)"""
    scaled = p.rate * q.scale
    tail = (q.loc / q.scale).exp() * scaled / (scaled + 1)
    return scaled.log() - 1 + scaled.reciprocal() - q.loc / q.scale + tail


@register_kl(Gamma, Gumbel)
def _gamma_gumbel(p, q):
    scaled = p.rate * q.scale
    tail = (q.loc / q.scale).exp() * (1 + scaled.reciprocal()).pow(-p.concentration)
    return -p.entropy() + q.scale.log() + p.concentration / scaled - q.loc / q.scale + tail


@register_kl(Normal, Gumbel)
def _normal_gumbel(p, q):
    apart, ratio = (p.loc - q.loc) / q.scale, (p.scale / q.scale).pow(2)
    return -p.entropy() + q.scale.log() + apart + (0.5 * ratio - apart).exp()


@register_kl(Normal, Laplace)
def _normal_laplace(p, q):
    """E|x - loc|, the mean of a folded normal distribution"""
    z = (p.loc - q.loc) / p.scale
    folded = math.sqrt(2 / math.pi) * (-0.5 * z.pow(2)).exp() + z * cygrad.erf(math.sqrt(0.5) * z)
    return -p.entropy() + (2 * q.scale).log() + p.scale * folded / q.scale


@register_kl(Pareto, Exponential)
def _pareto_exponential(p, q):
    kl = -p.entropy() + p.scale * q.rate * p.alpha / (p.alpha - 1) - q.rate.log()
    return kl.masked_fill(p.alpha <= 1, math.inf)


@register_kl(Pareto, Gamma)
def _pareto_gamma(p, q):
    log_mean = p.scale.log() + p.alpha.reciprocal()
    kl = -p.entropy() + _to_gamma(p, q, log_mean, p.scale * p.alpha / (p.alpha - 1))
    return kl.masked_fill(p.alpha <= 1, math.inf)


@register_kl(Pareto, Normal)
def _pareto_normal(p, q):
    mean = p.scale * p.alpha / (p.alpha - 1)
    variance = p.scale.pow(2) * p.alpha / ((p.alpha - 1).pow(2) * (p.alpha - 2))
    square = (variance + (mean - q.loc).pow(2)) / (2 * q.scale.pow(2))
    kl = -p.entropy() + square + (2 * math.pi * q.scale.pow(2)).log() / 2
    return kl.masked_fill(p.alpha <= 2, math.inf)


def _x_log_x_mean(p):
    """E[log x] of a uniform p: (b log b - a log a) / (b - a) - 1, 0 log 0 = 0"""
    low = cygrad.xlogy(p.low, p.low)
    return (cygrad.xlogy(p.high, p.high) - low) / (p.high - p.low) - 1


@register_kl(Uniform, Beta)
def _uniform_beta(p, q):
    def log_mean(low, high):
        return (_x_log_x(high) - cygrad.xlogy(low, low)) / (high - low) - 1

    def guarded(x):
        return x.clamp(min=cygrad.finfo(x.dtype).tiny)

    near_0 = (q.concentration1 - 1) * log_mean(p.low, p.high)
    near_1 = (q.concentration0 - 1) * log_mean(1 - p.high, guarded(1 - p.low))
    normalizer = (
        q.concentration1.lgamma()
        + q.concentration0.lgamma()
        - (q.concentration1 + q.concentration0).lgamma()
    )
    kl = -p.entropy() + normalizer - near_0 - near_1
    return kl.masked_fill(_is_outside(p.low, p.high, q.support), math.inf)


@register_kl(Uniform, ContinuousBernoulli)
def _uniform_continuous_bernoulli(p, q):
    kl = -p.entropy() - p.mean * q.logits - cygrad.log1p(-q.probs) - q._log_norm()
    return kl.masked_fill(_is_outside(p.low, p.high, q.support), math.inf)


@register_kl(Uniform, Exponential)
def _uniform_exponential(p, q):
    kl = -p.entropy() + _to_exponential(p, q)
    return kl.masked_fill(p.low < q.support.lower_bound, math.inf)


@register_kl(Uniform, Gamma)
def _uniform_gamma(p, q):
    kl = -p.entropy() + _to_gamma(p, q, _x_log_x_mean(p))
    return kl.masked_fill(p.low < q.support.lower_bound, math.inf)


@register_kl(Uniform, Gumbel)
def _uniform_gumbel(p, q):
    low, high = (p.low - q.loc) / q.scale, (p.high - q.loc) / q.scale
    tail = ((-low).exp() - (-high).exp()) * q.scale / (p.high - p.low)
    return -p.entropy() + q.scale.log() + 0.5 * (low + high) + tail


@register_kl(Uniform, Pareto)
def _uniform_pareto(p, q):
    kl = -p.entropy() - (q.alpha * q.scale.pow(q.alpha)).log() + (q.alpha + 1) * _x_log_x_mean(p)
    return kl.masked_fill(p.low < q.support.lower_bound, math.inf)
