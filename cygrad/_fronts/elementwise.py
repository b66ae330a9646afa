"""The elementwise functions and methods that do more than call a row (`from_rows.py` makes those), Python's operators,
and what the rows' gradient texts call.
"""

import math

from cygrad import _core, _ops
from cygrad._core import Tensor
from cygrad._fronts.from_rows import (
    FUNCTIONS,
    METHODS,
    SPECIAL,
    row_function,
    tensor_argument as _tensor,
)
from cygrad._operators import complex as _complex
from cygrad._operators.family import deliver
from cygrad._table import rows as _table

OPS = _ops.OPS
call, call_ = _ops.call, _ops.call_

ONE = 1  # the default alpha is recognised by identity


def _of_complex(name):
    """Sends complex tensors to the row of their own."""
    op = OPS[f"_{name}_complex"]

    def sent(plain):
        def f(input, *, out=None):
            if isinstance(input, Tensor) and input.is_complex():
                return call(op, (input,), None, out)
            return plain(input) if out is None else plain(input, out=out)

        def f_(self):
            return call_(op, self) if self.is_complex() else plain(self)

        f = f_ if plain.__name__.endswith("_") else f
        f.__name__ = f.__qualname__ = plain.__name__
        return f

    for target in (FUNCTIONS, METHODS):
        for form in (name, name + "_"):
            if form in target:
                target[form] = sent(target[form])


for _name in ("sgn", "angle"):
    _of_complex(_name)


def public(*targets):
    """Registers a function under its name (without leading underscore) as torch.x and so on."""

    def register(f):
        f.__qualname__ = f.__name__
        for target in targets:
            target[f.__name__] = f
        return f

    return register


# ---- addition with alpha


def _alpha_forms(name):
    plain, scaled = OPS[name], OPS[f"_{name}_alpha"]
    fast = _ops.binary_function(plain, name)
    fast_method, fast_method_ = _ops.binary_method(plain, name), _ops.binary_method_(plain, name + "_")

    def check(input, other, alpha):
        dt = _ops.result_type(input, other)
        if isinstance(alpha, bool) and dt is not _core.DTYPE_BY_NAME["bool"]:
            raise RuntimeError("Boolean alpha only supported for Boolean results.")
        if isinstance(alpha, complex) and not dt.is_complex and dt.is_floating_point:
            raise RuntimeError("For non-complex input tensors, argument alpha must not be a complex number.")
        if isinstance(alpha, (float, complex)) and not (dt.is_floating_point or dt.is_complex):
            raise RuntimeError("For integral input tensors, argument alpha must not be a floating point number.")
        return (alpha,)

    def function(input, other, *, alpha=ONE, out=None):
        if alpha is ONE or (alpha == 1 and not isinstance(alpha, (bool, float))):
            return fast(input, other, out=out)
        return call(scaled, (input, other), check(input, other, alpha), out)

    def method(self, other, *, alpha=ONE):
        if alpha is ONE:
            return fast_method(self, other)
        return call(scaled, (self, other), check(self, other, alpha))

    def method_(self, other, *, alpha=ONE):
        if alpha is ONE:
            return fast_method_(self, other)
        return call_(scaled, self, (other,), check(self, other, alpha))

    for f, suffix in ((function, ""), (method, ""), (method_, "_")):
        f.__name__ = f.__qualname__ = name + suffix
    return function, method, method_


for _name, _alias in (("add", None), ("sub", "subtract")):
    _f, _m, _i = _alpha_forms(_name)
    for _n in filter(None, (_name, _alias)):
        FUNCTIONS[_n], METHODS[_n], METHODS[_n + "_"] = _f, _m, _i


@public(FUNCTIONS)
def rsub(input, other, *, alpha=ONE):
    """other - alpha * input"""
    if not isinstance(input, Tensor):
        raise TypeError(
            f"rsub() received an invalid combination of arguments - got ({type(input).__name__}, "
            f"{type(other).__name__}), but expected one of:\n * (Tensor input, Tensor other, *, Number alpha = 1)\n"
            " * (Tensor input, Number other, Number alpha = 1)\n"
        )
    if alpha == 1:
        return call(OPS["rsub"], (input, other))
    return FUNCTIONS["sub"](other if isinstance(other, Tensor) else input.new_tensor(other), input, alpha=alpha)


# ---- division


def _division(rounding_mode):
    if rounding_mode is None:
        return OPS["div"]
    if rounding_mode == "floor":
        return OPS["_div_floor"]
    if rounding_mode == "trunc":
        return OPS["_div_trunc"]
    raise RuntimeError(
        f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{rounding_mode}'"
    )


_true_div = FUNCTIONS["div"]
_true_div_method, _true_div_method_ = METHODS["div"], METHODS["div_"]


@public(FUNCTIONS)
def div(input, other, *, rounding_mode=None, out=None):
    """The quotient; rounded towards zero with "trunc", down with "floor"."""
    if rounding_mode is None:
        return _true_div(input, other, out=out)
    return call(_division(rounding_mode), (input, other), None, out)


def _div_method(self, other, *, rounding_mode=None):
    if rounding_mode is None:
        return _true_div_method(self, other)
    return call(_division(rounding_mode), (self, other))


def _div_method_(self, other, *, rounding_mode=None):
    if rounding_mode is None:
        return _true_div_method_(self, other)
    return call_(_division(rounding_mode), self, (other,))


FUNCTIONS["divide"] = div
METHODS["div"] = METHODS["divide"] = _div_method
METHODS["div_"] = METHODS["divide_"] = _div_method_


# ---- powers


def _power(base, exponent, out=None, inplace=False):
    """pow with a number as exponent: the common ones have kernels of their own."""
    op, params = OPS["_pow_scalar"], (exponent,)
    integral = isinstance(base, Tensor) and not base.is_floating_point() and not base.is_complex()
    promotes = integral and isinstance(exponent, float) or isinstance(exponent, complex) and not base.is_complex()
    if integral and isinstance(exponent, int) and exponent < 0:
        raise RuntimeError("Integers to negative integer powers are not allowed.")
    if promotes:
        op, params = None, None
    elif exponent == 2 and base.dtype is not _core.DTYPE_BY_NAME["bool"]:
        op, params = OPS["square"], None
    elif exponent == 3 and base.dtype is not _core.DTYPE_BY_NAME["bool"]:
        op, params = OPS["_cube"], None
    if op is None or base.dtype is _core.DTYPE_BY_NAME["bool"]:
        pow_op = OPS["pow"]
        return call_(pow_op, base, (exponent,)) if inplace else call(pow_op, (base, exponent), None, out)
    return call_(op, base, (), params) if inplace else call(op, (base,), params, out)


@public(FUNCTIONS, METHODS)
def pow(input, exponent, *, out=None):
    """input ** exponent; either may be a number."""
    if isinstance(exponent, Tensor) or not isinstance(input, Tensor):
        if isinstance(input, Tensor) or isinstance(exponent, Tensor):
            return call(OPS["pow"], (input, exponent), None, out)
        raise TypeError(f"pow(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    number = _ops.number_of("pow", "exponent", 2, exponent)
    return _power(input, number, out)


def pow_(self, exponent):
    if isinstance(exponent, Tensor):
        return call_(OPS["pow"], self, (exponent,))
    return _power(self, _ops.number_of("pow_", "exponent", 1, exponent), None, True)


METHODS["pow_"] = pow_


def _pow_operator(self, exponent):
    if isinstance(exponent, Tensor):
        return call(OPS["pow"], (self, exponent))
    number = _ops.as_number_or_none(exponent)
    return NotImplemented if number is None else _power(self, number)


def _ipow_operator(self, exponent):
    return pow_(self, exponent)


def square(input, *, out=None):
    """The square of each element."""
    _tensor("square", input)
    if input.dtype is _core.DTYPE_BY_NAME["bool"]:
        input = input.long()
    return call(OPS["square"], (input,), None, out)


FUNCTIONS["square"] = METHODS["square"] = square


@public(FUNCTIONS, METHODS)
def float_power(input, exponent, *, out=None):
    """pow computed in float64."""
    return pow(_wide(input), _wide(exponent), out=out)


def _wide(x):
    """A number or tensor in double precision."""
    if isinstance(x, Tensor):
        return x.to(_core.DTYPE_BY_NAME["complex128" if x.is_complex() else "float64"])
    return x if isinstance(x, complex) else float(x)


def float_power_(self, exponent):
    if self.dtype is not _core.DTYPE_BY_NAME["float64"]:
        raise RuntimeError(
            f"the base given to float_power_ has dtype {_core.SCALAR_TYPE_NAMES[self.dtype.code]} but the operation's "
            "result requires dtype Double"
        )
    return pow_(self, exponent.double() if isinstance(exponent, Tensor) else float(exponent))


METHODS["float_power_"] = float_power_


# ---- three operands


@public(FUNCTIONS, METHODS)
def lerp(input, end, weight, *, out=None):
    """input + weight * (end - input); the weight is a number or a tensor."""
    if _tensor("lerp", input).dtype is not _tensor("lerp", end, "end", 2).dtype:
        raise RuntimeError(
            f"expected dtype {_c_name(input)} for `end` but got dtype {_c_name(end)}"
        )
    if isinstance(weight, Tensor):
        if weight.dtype is not input.dtype:
            raise RuntimeError(f"expected dtype {_c_name(input)} for `weight` but got dtype {_c_name(weight)}")
        return call(OPS["lerp"], (input, end, weight), None, out)
    return call(OPS["_lerp_scalar"], (input, end), (weight,), out)


def lerp_(self, end, weight):
    if isinstance(weight, Tensor):
        return call_(OPS["lerp"], self, (end, weight))
    return call_(OPS["_lerp_scalar"], self, (end,), (weight,))


METHODS["lerp_"] = lerp_


def _c_name(t):
    return _core.C_TYPE_NAMES[t.dtype.code]


# ---- clamping


def _clamp(input, low, high, out=None, inplace=False):
    if low is None and high is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    tensors = isinstance(low, Tensor), isinstance(high, Tensor)
    if any(tensors):
        if (low is not None and not tensors[0]) or (high is not None and not tensors[1]):
            raise TypeError("clamp(): 'min' and 'max' must both be Tensors or both be Numbers")
        if low is None:
            op, operands = OPS["_clamp_max_tensor"], (high,)
        elif high is None:
            op, operands = OPS["_clamp_min_tensor"], (low,)
        else:
            op, operands = OPS["_clamp_tensor"], (low, high)
        return call_(op, input, operands) if inplace else call(op, (input, *operands), None, out)
    given = [n for n in (low, high) if n is not None]
    number = max(given, key=lambda n: isinstance(n, float))
    result = _ops.result_type(input, number)
    if inplace and result is not input.dtype and not _ops.can_cast(result, input.dtype):
        raise RuntimeError(
            f"result type {_core.SCALAR_TYPE_NAMES[result.code]} can't be cast to the desired output type "
            f"{_core.SCALAR_TYPE_NAMES[input.dtype.code]}"
        )
    if not inplace and result is not input.dtype:
        input = input.to(result)
    if any(isinstance(n, float) and math.isnan(n) for n in given):
        return input.fill_(math.nan) if inplace else input * math.nan
    if low is None:
        op, params = OPS["_clamp_max"], (high,)
    elif high is None:
        op, params = OPS["_clamp_min"], (low,)
    else:
        op, params = OPS["_clamp"], (low, high)
    return call_(op, input, (), params) if inplace else call(op, (input,), params, out)


@public(FUNCTIONS, METHODS)
def clamp(input, min=None, max=None, *, out=None):
    """Every element moved into [min, max]; the bounds are numbers or tensors, and one may be None."""
    return _clamp(_tensor("clamp", input), min, max, out)


def clamp_(self, min=None, max=None):
    return _clamp(self, min, max, None, True)


FUNCTIONS["clip"] = METHODS["clip"] = clamp
METHODS["clamp_"] = METHODS["clip_"] = FUNCTIONS["clamp_"] = FUNCTIONS["clip_"] = clamp_


@public(FUNCTIONS, METHODS)
def clamp_min(input, min, *, out=None):
    return _clamp(_tensor("clamp_min", input), min, None, out)


@public(FUNCTIONS, METHODS)
def clamp_max(input, max, *, out=None):
    return _clamp(_tensor("clamp_max", input), None, max, out)


METHODS["clamp_min_"] = FUNCTIONS["clamp_min_"] = lambda self, min: _clamp(self, min, None, None, True)
METHODS["clamp_max_"] = FUNCTIONS["clamp_max_"] = lambda self, max: _clamp(self, None, max, None, True)


# ---- one operand and numbers


def _not_whole(input):
    """A tensor whose elements may have decimals: PyTorch rounds no others to a number of them."""
    input = _tensor("round", input)
    if not (input.is_floating_point() or input.is_complex()):
        raise NotImplementedError(f'"round_cpu" not implemented for \'{_core.SCALAR_TYPE_NAMES[input.dtype.code]}\'')
    return input


@public(FUNCTIONS, METHODS, SPECIAL)
def round(input, *, decimals=0, out=None):
    """To the nearest integer (halves to even), or to `decimals` decimal places."""
    if decimals == 0:
        return call(OPS["round"], (_tensor("round", input),), None, out)
    return call(OPS["_round_decimals"], (_not_whole(input),), (decimals,), out)


def round_(self, *, decimals=0):
    return (
        call_(OPS["round"], self) if decimals == 0 else call_(OPS["_round_decimals"], _not_whole(self), (), (decimals,))
    )


METHODS["round_"] = FUNCTIONS["round_"] = round_


def _nan_params(input, nan, posinf, neginf):
    if not input.is_floating_point():
        return (0, 0, 0)
    from cygrad import finfo

    limits = finfo(input.dtype)
    return (
        0.0 if nan is None else nan,
        limits.max if posinf is None else posinf,
        limits.min if neginf is None else neginf,
    )


@public(FUNCTIONS, METHODS)
def nan_to_num(input, nan=None, posinf=None, neginf=None, *, out=None):
    """NaN and infinities replaced by numbers (0 and the dtype's limits unless given)."""
    if _tensor("nan_to_num", input).is_complex():  # part by part
        r = nan_to_num(_complex.view_as_real(input), nan, posinf, neginf)
        r = _complex.view_as_complex(r)
        return r if out is None else out.resize_(r.shape).copy_(r)
    return call(OPS["nan_to_num"], (input,), _nan_params(input, nan, posinf, neginf), out)


def nan_to_num_(self, nan=None, posinf=None, neginf=None):
    if self.is_complex():
        nan_to_num_(_complex.view_as_real(self), nan, posinf, neginf)
        return self
    return call_(OPS["nan_to_num"], self, (), _nan_params(self, nan, posinf, neginf))


METHODS["nan_to_num_"] = FUNCTIONS["nan_to_num_"] = nan_to_num_


def _polygamma(n, input, out=None, inplace=False):
    if n < 0:
        raise RuntimeError("polygamma(n, x) does not support negative n.")
    if n == 0:
        op, params = OPS["digamma"], None
    else:
        op, params = OPS["polygamma"], (n,)
    return call_(op, input, (), params) if inplace else call(op, (input,), params, out)


@public(FUNCTIONS, SPECIAL)
def polygamma(n, input, *, out=None):
    """The n-th derivative of the digamma function."""
    return _polygamma(n, _tensor("polygamma", input, "input", 2), out)


METHODS["polygamma"] = lambda self, n: _polygamma(n, self)
METHODS["polygamma_"] = lambda self, n: _polygamma(n, self, None, True)


@public(FUNCTIONS, METHODS)
def mvlgamma(input, p, *, out=None):
    """The multivariate log-gamma function of dimension p."""
    _tensor("mvlgamma", input)
    if p < 1:
        raise RuntimeError("p has to be greater than or equal to 1")
    if p > 2**16:  # a term each
        raise RuntimeError(f"mvlgamma: {p} dimensions are more than are added up here (65536)")
    x = input if input.is_floating_point() else input.to(_core.get_default_dtype())
    total = sum((FUNCTIONS["lgamma"](x - j / 2) for j in range(1, p)), FUNCTIONS["lgamma"](x))
    total = total + p * (p - 1) / 4 * math.log(math.pi)
    return total if out is None else out.resize_(total.shape).copy_(total)


def mvlgamma_(self, p):
    return self.copy_(mvlgamma(self, p))


METHODS["mvlgamma_"] = mvlgamma_
SPECIAL["multigammaln"] = mvlgamma


@public(FUNCTIONS, METHODS)
def positive(input):
    """The tensor itself; refused for bool."""
    if _tensor("positive", input).dtype is _core.DTYPE_BY_NAME["bool"]:
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return input


@public(FUNCTIONS)
def frexp(input, *, out=None):
    """(mantissa, exponent) with input = mantissa * 2**exponent and |mantissa| in [0.5, 1)."""
    from cygrad.return_types import named

    if not _tensor("frexp", input).is_floating_point():
        raise RuntimeError("torch.frexp() only supports floating-point dtypes")
    mantissa = call(OPS["_frexp_mantissa"], (input,), None, None if out is None else out[0])
    exponent = call(OPS["_frexp_exponent"], (input.detach(),)).int()
    if out is not None:
        exponent = deliver(out[1], exponent, "frexp exponent")
    return named("frexp", ("mantissa", "exponent"), (mantissa, exponent))


METHODS["frexp"] = lambda self: frexp(self)


@public(FUNCTIONS)
def isclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False):
    """|input - other| <= atol + rtol * |other|, element by element."""
    if input.dtype is not other.dtype:
        names = [_core.SCALAR_TYPE_NAMES[t.dtype.code] for t in (input, other)]
        raise RuntimeError(f"{names[0]} did not match {names[1]}")
    if rtol < 0:
        raise RuntimeError(f"rtol must be greater than or equal to zero, but got {rtol:g}")
    if atol < 0:
        raise RuntimeError(f"atol must be greater than or equal to zero, but got {atol:g}")
    if not (input.is_floating_point() or input.is_complex()):
        input, other = input.double(), other.double()
    return call(OPS["_isclose"], (input.detach(), other.detach()), (rtol, atol, 1.0 if equal_nan else 0.0))


METHODS["isclose"] = isclose


# ---- Python's operators


def _neg(self):
    return call(OPS["neg"], (self,))


def _rtruediv(self, other):
    """Times the reciprocal, as PyTorch has it: other last bits than a division's, MulBackward0."""
    return METHODS["reciprocal"](self).__mul__(other)


def _invert(self):
    if self.is_floating_point() or self.is_complex():
        raise TypeError("~ (operator.invert) is only implemented on integer and Boolean-type tensors")
    return call(OPS["bitwise_not"], (self,))


def _operators():
    found = {}
    for name, row, both in (
        ("add", "add", True), ("sub", "sub", True), ("mul", "mul", True), ("truediv", "div", True),
        ("floordiv", "floor_divide", True), ("mod", "remainder", True), ("and", "bitwise_and", True),
        ("or", "bitwise_or", True), ("xor", "bitwise_xor", True), ("lshift", "bitwise_left_shift", True),
        ("rshift", "bitwise_right_shift", True), ("eq", "eq", False), ("ne", "ne", False), ("lt", "lt", False),
        ("le", "le", False), ("gt", "gt", False), ("ge", "ge", False),
    ):  # fmt: skip
        op = OPS[row]
        found[f"__{name}__"] = _ops.binary_operator(op, f"__{name}__")
        if both:
            # 2 * x is recorded as x * 2: a reader of next_functions finds the tensor first.
            reflected = name not in ("add", "mul")
            found[f"__r{name}__"] = _ops.binary_operator(op, f"__r{name}__", reflected=reflected)
            found[f"__i{name}__"] = _ops.binary_operator(op, f"__i{name}__", inplace=True)
    found["__rsub__"] = _ops.binary_operator(OPS["rsub"], "__rsub__")
    found["__rtruediv__"] = found["__rdiv__"] = _rtruediv
    # of Python 2, as PyTorch has them
    found["__div__"], found["__idiv__"] = found["__truediv__"], found["__itruediv__"]
    found["__long__"], found["__nonzero__"] = (lambda self: int(self)), (lambda self: bool(self))
    found["__pow__"] = _pow_operator
    found["__rpow__"] = _ops.binary_operator(OPS["pow"], "__rpow__", reflected=True)
    found["__ipow__"] = _ipow_operator
    found["__neg__"] = _neg
    found["__pos__"] = positive
    found["__abs__"] = METHODS["abs"]
    found["__invert__"] = _invert
    return found


OPERATORS = _operators()


# ---- what gradient texts call


def _select(condition, a, b):
    """where() of formulas: a condition on numbers alone is a bool."""
    import cygrad

    if isinstance(condition, bool):
        chosen = a if condition else b
        if isinstance(chosen, Tensor):
            return chosen
        condition = _ops.full((), condition, 0)
    return cygrad.where(condition, a, b)


def _number_or_tensor(name, scalar):
    tensor = FUNCTIONS[name]
    return lambda x: tensor(x) if isinstance(x, Tensor) else scalar(x)


def _namespace():
    space = _ops.GRADIENT_NAMESPACE
    for source in (SPECIAL, FUNCTIONS):
        for name, f in source.items():
            space[name] = f
    for row in _table.rows():
        if row.name in OPS and row.name not in space:
            space[row.name] = row_function(row.name)
        elif row.numbers == "none":  # in a text, numbers may stand where the public function takes tensors alone
            space[row.name] = lambda a, b, op=OPS[row.name]: call(op, (a, b))
    space["where"] = _select
    space["log"] = _number_or_tensor("log", lambda x: math.log(x) if x > 0 else (-math.inf if x == 0 else math.nan))
    space["sqrt"] = _number_or_tensor("sqrt", math.sqrt)
    space["exp"] = _number_or_tensor("exp", math.exp)
    space["abs"] = _number_or_tensor("abs", lambda x: x if x >= 0 else -x)
    space["isnan"] = _number_or_tensor("isnan", math.isnan)
    space["floor_divide"] = space["_div_floor"]
    space["conj"] = lambda x: x.conj() if isinstance(x, Tensor) else x.conjugate()
    space["real"] = lambda x: x.real
    space["sign"] = FUNCTIONS["sgn"]  # of real numbers the same
    space["times_i"] = lambda x: x * 1j


_namespace()
