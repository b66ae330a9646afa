"""The base class of all distributions."""

import warnings

import cygrad

from .._core import Size, Tensor
from ..autograd.grad_mode import no_grad
from . import constraints
from .utils import lazy_property

__all__ = ["Distribution"]

EMPTY = Size()


class Distribution:
    """A distribution, or a batch of them: samples have shape sample_shape + batch_shape + event_shape.

    A subclass says by `arg_constraints` (name of parameter to constraint) what its parameters are; with
    `validate_args`, which is on by default, these and the values given to `log_prob` are checked.
    """

    has_rsample = False
    has_enumerate_support = False
    _validate_args = __debug__

    @staticmethod
    def set_default_validate_args(value):
        """Whether distributions made from here on check their arguments."""
        if value not in (True, False):
            raise ValueError
        Distribution._validate_args = value

    def __init__(self, batch_shape=EMPTY, event_shape=EMPTY, validate_args=None):
        self._batch_shape, self._event_shape = Size(batch_shape), Size(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args
        if self._validate_args:
            self._check_arguments()

    def _check_arguments(self):
        try:
            arg_constraints = self.arg_constraints
        except NotImplementedError:
            arg_constraints = {}
            warnings.warn(
                f"{self.__class__} does not define `arg_constraints`. Please set `arg_constraints = {{}}` or "
                "initialize the distribution with `validate_args=False` to turn off validation.",
                stacklevel=4,
            )
        for name, constraint in arg_constraints.items():
            if constraints.is_dependent(constraint):
                continue
            if name not in self.__dict__ and isinstance(
                getattr(type(self), name, None), lazy_property
            ):
                continue
            value = getattr(self, name)
            if not constraint.check(value).all():
                raise ValueError(
                    f"Expected parameter {name} ({type(value).__name__} of shape {tuple(value.shape)}) of "
                    f"distribution {self!r} to satisfy the constraint {constraint!r}, but found invalid values:\n"
                    f"{value}"
                )

    def expand(self, batch_shape, _instance=None):
        """This distribution with its batch dimensions expanded to `batch_shape`."""
        if type(self) is Distribution or not self._own_parameters():
            raise NotImplementedError
        new = self._expanded(self._expanding_class(), batch_shape, _instance)
        self._expand_rest(new, new._batch_shape)
        return new

    def _expanded(self, cls, batch_shape, _instance, **attributes):
        """An instance for `cls.expand`: with this batch shape, the expanded parameters, and these attributes."""
        new = self._get_checked_instance(cls, _instance)
        batch_shape = Size(batch_shape)
        for name, event_dim in self._own_parameters():
            value = self.__dict__[name]
            new.__dict__[name] = value.expand(batch_shape + value.shape[value.dim() - event_dim :])
        new.__dict__.update(attributes)
        Distribution.__init__(new, batch_shape, self._event_shape, validate_args=False)
        new._validate_args = self._validate_args
        return new

    def _own_parameters(self):
        """(name, event_dim) of the parameters that are there as attributes."""
        try:
            found = self.arg_constraints
        except NotImplementedError:
            return []
        return [(name, c.event_dim) for name, c in found.items() if name in self.__dict__]

    def _expand_rest(self, new, batch_shape):
        """What `new` needs beside the parameters; for subclasses that keep more."""

    def _expanding_class(self):
        """The nearest class of this library, whose attributes `expand` knows."""
        package = Distribution.__module__.rpartition(".")[0]  # not __package__: it may go by the name torch
        return next(c for c in type(self).__mro__ if c.__module__.startswith(package))

    def _get_checked_instance(self, cls, _instance=None):
        if _instance is None and type(self).__init__ != cls.__init__:
            raise NotImplementedError(
                f"Subclass {self.__class__.__name__} of {cls.__name__} that defines a custom __init__ method must "
                "also define a custom .expand() method."
            )
        return self.__new__(type(self)) if _instance is None else _instance

    @property
    def batch_shape(self):
        return self._batch_shape

    @property
    def event_shape(self):
        return self._event_shape

    @property
    def arg_constraints(self):
        raise NotImplementedError

    @property
    def support(self):
        raise NotImplementedError

    @property
    def mean(self):
        raise NotImplementedError

    @property
    def mode(self):
        raise NotImplementedError(f"{self.__class__} does not implement mode")

    @property
    def variance(self):
        raise NotImplementedError

    @property
    def stddev(self):
        return self.variance.sqrt()

    def sample(self, sample_shape=EMPTY):
        """Random values without a graph."""
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape=EMPTY):
        """Random values that are differentiable in the parameters."""
        raise NotImplementedError

    def sample_n(self, n):
        warnings.warn(
            "`sample_n(n)` will be deprecated. Use `sample((n,))` instead.",
            FutureWarning,
            stacklevel=2,
        )
        return self.sample(Size((n,)))

    def log_prob(self, value):
        """The logarithm of the density or mass at `value`."""
        raise NotImplementedError

    def cdf(self, value):
        raise NotImplementedError

    def icdf(self, value):
        raise NotImplementedError

    def enumerate_support(self, expand=True):
        """All values of a discrete distribution, along a new first dimension."""
        raise NotImplementedError

    def entropy(self):
        raise NotImplementedError

    def perplexity(self):
        """exp of the entropy"""
        return cygrad.exp(self.entropy())

    def _extended_shape(self, sample_shape=EMPTY):
        """The shape of a sample."""
        return Size(tuple(sample_shape) + self._batch_shape + self._event_shape)

    def _check_sample(self, value):
        if self._validate_args:
            self._validate_sample(value)

    def _validate_sample(self, value):
        if not isinstance(value, Tensor):
            raise ValueError("The value argument to log_prob must be a Tensor")
        event = len(self._event_shape)
        if value.shape[value.dim() - event :] != self._event_shape:
            raise ValueError(
                "The right-most size of value must match event_shape: "
                f"{value.shape} vs {self._event_shape}."
            )
        expected = self._batch_shape + self._event_shape
        for i, j in zip(reversed(value.shape), reversed(expected)):
            if i != 1 and j != 1 and i != j:
                raise ValueError(
                    f"Value is not broadcastable with batch_shape+event_shape: {value.shape} vs {expected}."
                )
        try:
            support = self.support
        except NotImplementedError:
            warnings.warn(
                f"{self.__class__} does not define `support` to enable sample validation. Please initialize the "
                "distribution with `validate_args=False` to turn off validation.",
                stacklevel=3,
            )
            return
        if not support.check(value).all():
            raise ValueError(
                f"Expected value argument ({type(value).__name__} of shape {tuple(value.shape)}) to be within the "
                f"support ({support!r}) of the distribution {self!r}, but found invalid values:\n{value}"
            )

    def _enumerated(self, values, expand):
        """`values` (n,) as enumerate_support returns them for a batch of scalar events."""
        values = values.view((-1,) + (1,) * len(self._batch_shape))
        return values.expand((-1,) + self._batch_shape) if expand else values

    def __repr__(self):
        said = []
        for name in self.arg_constraints:
            if name in self.__dict__:
                value = self.__dict__[name]
                said.append(f"{name}: {value if value.numel() == 1 else value.shape}")
        return f"{self.__class__.__name__}({', '.join(said)})"
