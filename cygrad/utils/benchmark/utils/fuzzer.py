"""Random shapes and tensors to time operators with."""

import itertools

import numpy as np

import cygrad

_ids = itertools.count()


class FuzzedParameter:
    """A named random number: "uniform" or "loguniform" in [minval, maxval], or one of {value: probability}.

    A value may be a `ParameterAlias`. A `strict` parameter is drawn anew only with all others.
    """

    def __init__(self, name, minval=None, maxval=None, distribution=None, strict=False):
        self._name, self._minval, self._maxval, self.strict = name, minval, maxval, strict
        if distribution not in ("uniform", "loguniform") and not isinstance(distribution, dict):
            raise AssertionError(f"Unknown distribution: {distribution}")
        if isinstance(distribution, dict) and abs(sum(distribution.values()) - 1) > 1e-6:
            raise AssertionError("Distribution is not normalized")
        if not isinstance(distribution, dict) and (minval is None or maxval is None):
            raise AssertionError(f"A {distribution} parameter needs minval and maxval")
        self._distribution = distribution

    @property
    def name(self):
        return self._name

    def sample(self, state):
        """A value drawn from a NumPy RandomState."""
        if isinstance(self._distribution, dict):
            values = list(self._distribution)
            return values[state.choice(len(values), p=list(self._distribution.values()))]
        integer = isinstance(self._minval, int) and isinstance(self._maxval, int)
        if self._distribution == "loguniform":
            value = np.exp2(state.uniform(np.log2(self._minval), np.log2(self._maxval)))
            return int(np.clip(round(value), self._minval, self._maxval)) if integer else float(value)
        if integer:
            return int(state.randint(self._minval, self._maxval + 1))
        return float(state.uniform(self._minval, self._maxval))


class ParameterAlias:
    """The value of another parameter."""

    def __init__(self, alias_to):
        self.alias_to = alias_to


class FuzzedTensor:
    """A named random tensor whose sizes and steps are numbers or names of parameters.

    With a probability of ``1 - probability_contiguous`` its dimensions are permuted in memory. Of sizes with fewer than
    `min_elements` or more than `max_elements` the fuzzer draws others.
    """

    def __init__(
        self, name, size, steps=None, probability_contiguous=0.5, min_elements=None, max_elements=None,
        max_allocation_bytes=None, dim_parameter=None, roll_parameter=None, dtype=cygrad.float32, cuda=False,
        tensor_constructor=None,
    ):  # fmt: skip
        self._name, self._size, self._steps = name, size, steps
        self._contiguous = probability_contiguous
        self._limits = min_elements or 0, max_elements or float("inf"), max_allocation_bytes or float("inf")
        self._dim, self._roll = dim_parameter, roll_parameter
        self._dtype, self._device, self._constructor = dtype, "cuda" if cuda else "cpu", tensor_constructor

    @property
    def name(self):
        return self._name

    def _shape(self, params):
        dim = len(self._size) if self._dim is None else params[self._dim]
        size = [params.get(s, s) for s in self._size[:dim]]
        steps = [params.get(s, s) for s in (self._steps or ())][:dim]
        return size, steps + [1] * (dim - len(steps))

    def satisfies_constraints(self, params):
        """Whether the tensor's size is within the limits."""
        size, steps = self._shape(params)
        least, most, most_bytes = self._limits
        count = int(np.prod(size))
        allocated = int(np.prod([n * s for n, s in zip(size, steps)])) * self._dtype.itemsize
        return least <= count <= most and allocated <= most_bytes

    def make(self, params, state):
        """(the tensor, a dict that describes it)"""
        size, steps = self._shape(params)
        dim = len(size)
        order = np.arange(dim)
        if state.rand() > self._contiguous:
            order = state.permutation(order)
        full = [n * s for n, s in zip(size, steps)]
        stored = [full[i] for i in order]
        if self._constructor is not None:
            tensor = self._constructor(size=stored, dtype=self._dtype, **params)
        elif self._dtype.is_floating_point or self._dtype.is_complex:
            tensor = cygrad.rand(stored, dtype=self._dtype, device=self._device)
        else:
            tensor = cygrad.randint(1, 127, stored, dtype=self._dtype, device=self._device)
        tensor = tensor.permute(tuple(int(i) for i in np.argsort(order)))
        tensor = tensor[tuple(slice(None, None, step) for step in steps)]
        if self._roll is not None and dim > 1:
            tensor = tensor.permute([(i - params[self._roll]) % dim for i in range(dim)])
        properties = {
            "numel": tensor.numel(), "order": order, "steps": tuple(steps), "is_contiguous": tensor.is_contiguous(),
            "dtype": str(self._dtype),
        }  # fmt: skip
        return tensor, properties


class Fuzzer:
    """Draws parameters and the tensors that they describe, by its own random numbers."""

    def __init__(self, parameters, tensors, constraints=None, seed=None):
        self._parameters, self._tensors = _flat(parameters), _flat(tensors)
        self._constraints = constraints or ()
        self._seed = np.random.randint(0, 2**32 - 1, dtype=np.int64) if seed is None else seed
        names = [thing.name for thing in self._parameters + self._tensors]
        repeated = {name for name in names if names.count(name) > 1}
        if repeated:
            raise ValueError(f"Parameter and tensor names must be distinct: {sorted(repeated)} came more than once")
        self._rejections = self._draws = 0

    @property
    def rejection_rate(self):
        """The share of draws that broke a constraint."""
        if not self._draws:
            return 0.0
        return self._rejections / self._draws

    def take(self, n):
        """Yields `n` times (tensors by name, their descriptions by name, parameters by name)."""
        state = np.random.RandomState(self._seed)
        with cygrad.random.fork_rng():
            cygrad.manual_seed(int(self._seed))
            for _ in range(n):
                params = self._draw(state)
                made = {tensor.name: tensor.make(params, state) for tensor in self._tensors}
                yield (
                    {name: tensor for name, (tensor, _) in made.items()},
                    {name: properties for name, (_, properties) in made.items()},
                    params,
                )

    def _draw(self, state):
        for _ in range(1000):
            params = {p.name: p.sample(state) for p in self._parameters}
            for name, value in params.items():
                while isinstance(value, ParameterAlias):
                    value = params[value.alias_to]
                params[name] = value
            self._draws += 1
            if all(check(params) for check in self._constraints) and all(
                tensor.satisfies_constraints(params) for tensor in self._tensors
            ):
                return params
            self._rejections += 1
        raise ValueError("Failed to generate a set of valid parameters.")


def _flat(things):
    return [x for thing in things for x in (thing if isinstance(thing, list | tuple) else [thing])]
