"""Sobol's sequences: points that fill a cube more evenly than random ones."""

import cygrad

__all__ = ["SobolEngine"]


def _direction_numbers(dimension):
    """Joe and Kuo's direction numbers, (dimension, 30) of int64; SciPy has the table."""
    try:
        from scipy.stats import qmc
    except ImportError as error:
        raise NotImplementedError(
            "SobolEngine: cygrad takes the table of direction numbers from SciPy, which is not installed"
        ) from error
    table = qmc.Sobol(dimension, scramble=False, bits=SobolEngine.MAXBIT)._sv
    return cygrad.as_tensor(table.astype("int64"))


class SobolEngine:
    """Draws the points of a Sobol sequence in up to 21201 dimensions, scrambled (Owen's way, by digits) or not.

    Scrambled sequences of one seed are the same each time.
    """

    MAXBIT = 30
    MAXDIM = 21201

    def __init__(self, dimension, scramble=False, seed=None):
        if dimension > self.MAXDIM or dimension < 1:
            raise ValueError(f"Supported range of dimensionality for SobolEngine is [1, {self.MAXDIM}]")
        self.seed, self.scramble, self.dimension = seed, scramble, dimension
        self.sobolstate = _direction_numbers(dimension)
        self.shift = cygrad.zeros(dimension, dtype=cygrad.int64)
        if scramble:
            self._scramble()
        self.quasi = self.shift.clone()
        self._first_point = (self.quasi / 2**self.MAXBIT).reshape(1, -1)
        self.num_generated = 0

    def draw(self, n=1, out=None, dtype=None):
        """The next `n` points, (n, dimension)."""
        dtype = cygrad.get_default_dtype() if dtype is None else dtype
        if n == 0:
            result = cygrad.empty((0, self.dimension), dtype=dtype)
        else:
            result = self._points(n).to(dtype) / 2**self.MAXBIT
            if self.num_generated == 0:
                result[0] = self._first_point[0]  # in float32, whatever dtype is asked for, as PyTorch's
            self.num_generated += n
        if out is not None:
            out.resize_as_(result).copy_(result)
            return out
        return result

    def _points(self, n):
        """The next `n` points as integers: each differs from the one before by one direction number."""
        rows = []
        if self.num_generated == 0:
            rows.append(self.quasi.clone())
            steps = range(n - 1)
        else:
            steps = range(self.num_generated - 1, self.num_generated - 1 + n)
        toggled = cygrad.tensor([_lowest_zero(i) for i in steps], dtype=cygrad.int64)
        numbers = self.sobolstate.t()
        for bit in toggled.tolist():
            self.quasi = self.quasi ^ numbers[bit]
            rows.append(self.quasi)
        return cygrad.stack(rows)

    def draw_base2(self, m, out=None, dtype=None):
        """The next 2**m points, where their number so far and now is a power of 2: then they are balanced."""
        n = 2**m
        total = self.num_generated + n
        if total & (total - 1):
            raise ValueError(
                f"The balance properties of Sobol' points require n to be a power of 2. {self.num_generated} points "
                f"have been previously generated, then: n={self.num_generated}+2**{m}={total}. If you still want to "
                "do this, please use 'SobolEngine.draw()' instead."
            )
        return self.draw(n, out=out, dtype=dtype)

    def reset(self):
        """Goes back to the first point."""
        self.quasi = self.shift.clone()
        self.num_generated = 0
        return self

    def fast_forward(self, n):
        """Passes over `n` points."""
        last = self.num_generated + n - 1  # the number of the point that `quasi` is to be
        if n > 0:
            code, quasi = last ^ (last >> 1), self.shift.clone()
            for bit in range(self.MAXBIT):
                if code >> bit & 1:
                    quasi = quasi ^ self.sobolstate[:, bit]
            self.quasi = quasi
        self.num_generated += n
        return self

    def _scramble(self):
        generator = None
        if self.seed is not None:
            generator = cygrad.Generator().manual_seed(self.seed)
        bits = self.MAXBIT
        powers = 2 ** cygrad.arange(bits)
        self.shift = (cygrad.randint(2, (self.dimension, bits), generator=generator) * powers).sum(1)
        lower = cygrad.randint(2, (self.dimension, bits, bits), generator=generator).tril()
        # Digits of the direction numbers from the highest down, times a lower triangular matrix with ones on its
        # diagonal, in arithmetic modulo 2.
        lower.diagonal(dim1=-2, dim2=-1).fill_(1)
        falling = powers.flip(0)
        digits = (self.sobolstate.unsqueeze(1) // falling.reshape(-1, 1)) % 2
        mixed = lower.double().matmul(digits.double()).long() % 2
        self.sobolstate = (mixed * falling.reshape(-1, 1)).sum(1)

    def __repr__(self):
        parts = [f"dimension={self.dimension}"]
        if self.scramble:
            parts.append("scramble=True")
        if self.seed is not None:
            parts.append(f"seed={self.seed}")
        return f"{type(self).__name__}({', '.join(parts)})"


def _lowest_zero(n):
    """The place of the lowest bit of a number that is 0."""
    return (~n & (n + 1)).bit_length() - 1
