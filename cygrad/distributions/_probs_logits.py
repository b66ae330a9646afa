"""Distributions that take either probabilities or logits, and compute the other at its first use."""

import operator

from .utils import broadcast_all, lazy_property, logits_to_probs, probs_to_logits


class ProbsOrLogits:
    """`probs` and `logits`, one of them given; `_is_binary` says whether each element stands alone."""

    _is_binary = True

    def _take(self, probs, logits):
        """Which of the two was given, after checking that just one was."""
        if (probs is None) == (logits is None):
            raise ValueError("Either `probs` or `logits` must be specified, but not both.")
        return "logits" if probs is None else "probs"

    def _set(self, probs, logits, *others):
        """Stores the given one, broadcast with `others`; returns these, and the shape of all."""
        name = self._take(probs, logits)
        found = broadcast_all(probs if logits is None else logits, *others)
        setattr(self, name, found[0])
        return found[1:], found[0].shape

    @lazy_property
    def logits(self):
        """The log-odds, or logarithms of the probabilities."""
        return probs_to_logits(self.probs, self._is_binary)

    @lazy_property
    def probs(self):
        return logits_to_probs(self.logits, self._is_binary)

    @property
    def _param(self):
        return self.__dict__["probs" if "probs" in self.__dict__ else "logits"]

    @property
    def param_shape(self):
        return self._param.shape


def read_from(part, *names):
    """Properties that read these names of the attribute `part`."""
    return [property(operator.attrgetter(f"{part}.{name}")) for name in names]


class OfCategorical:
    """The parameters of `_categorical`, which the distribution is made of."""

    probs, logits, param_shape, _param = read_from(
        "_categorical", "probs", "logits", "param_shape", "_param"
    )
