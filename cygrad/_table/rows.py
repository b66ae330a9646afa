"""The table of operators: one row is the only place that an elementwise operator or a reduction
touches.

A row's texts are formulas in the sense of `_table/formula.py`: over the operands a, b, c, the result y,
the incoming gradient g and the row's parameters.  From them come the C strips, the OpenCL kernels,
the fused and the differentiable gradients, the names saved for the backward pass, the public
functions and a generated test.

A gradient text reads what PyTorch saves (a, b, c or y), because a later in-place write to a saved
tensor is an error there and must be one here.  Gradients at kinks and of NaN follow PyTorch;
`where()` keeps 0*inf out.  A function in a text is a row of that name, or `where`.
"""

from dataclasses import dataclass

from .docs import DOCS

ZERO = "zero"  # piecewise constant: the gradient is a tensor of zeros
MISSING = "missing"  # PyTorch records the operator and raises in the backward pass


@dataclass(frozen=True, slots=True)
class Row:
    """One operator.

    kind: "float"  integers are promoted to the default float type and the kernel is floating,
          "number" the result has the promoted type of the operands,
          "test"   the result is bool,
          "bits"   integers and bool only.
    ints, bools: the formula for integers / bool where it differs from `text` (`ints` also serves
          bool unless `bools` is given).  False = PyTorch has no kernel and raises
          `"{label}" not implemented for 'Int'`, or the text in `error`.
    da, db, dc: gradient formulas, ZERO, MISSING (error text in `missing`), or None: no gradient.
    saves: what PyTorch's node keeps for each operand's gradient though no formula reads it: ("b", "ab").
    params: (name, default) pairs, in the order in which kernels receive them.
    grad_name: PyTorch's node; grad_name_a, grad_name_b: its node where a or b is a Python scalar;
          grad_name_: that of the in-place form where it has another.
    aliases: further public names, each with its own forms after a "/" where these differ.
    forms: f torch.x, m Tensor.x, i Tensor.x_, I torch.x_, o out=, s torch.special.x (with out=),
          F nn.functional.x, P there with inplace=, Q nn.functional.x_; empty for a row that only
          other code calls (its name begins with "_").
    numbers: which of two operands may be Python numbers: "one", "other" (the second), "none"; "both" at once too.
    out: what PyTorch asks of out= besides that the result can be cast to it: "same", its very dtype; "bool".
    one_dtype: the error's text where the operands must have one dtype.
    signature: the arguments of the public functions where they are not the operands (input, other)
          and then the parameters with their defaults.  None: a front writes the functions by hand.
    refuses: (condition on the arguments, error, its text) of what the public functions refuse.
    doc:  the public functions' docstring; `_table/docs.py` has it where a row has none of its own.
    domain: the interval, or one per operand, on which a generated test draws.
    half: False = PyTorch has no half or bfloat16 kernel.
    complexes: the formula for complex numbers, True where it is `text`, None: no complex kernel.
          Gradient texts then hold for them too: PyTorch's gradient of a real loss is the conjugate
          of the derivative, so a factor stands as conj(...), which costs real kernels nothing.
    real_result: the result of complex operands has the dtype of their parts.
    no_complex: the error's text where PyTorch has one of its own.
    rare: compiled without CPU levels.
    wide: the CPU computes float32 in double: series and recurrences, whose rounding adds up.
    zero_division: integer kernels must not see b == 0 (RuntimeError "ZeroDivisionError").
    start, step, join, acc: reductions; p is the accumulator, q another one, a the element;
          acc: "wide" (double or int64), "same" (the input's type), "bool", "count" (int64).
    narrow: the reduction takes eight float32 elements in float32 before it widens.
    """

    name: str
    arity: int
    text: str = ""
    kind: str = "float"
    da: str | None = None
    db: str | None = None
    dc: str | None = None
    ints: str | bool | None = None
    bools: str | bool | None = None
    saves: tuple = ()
    params: tuple = ()
    grad_name: str = ""
    grad_name_a: str = ""
    grad_name_b: str = ""
    grad_name_: str = ""
    aliases: str = ""
    forms: str = ""
    numbers: str = "one"
    out: str = ""
    one_dtype: str = ""
    signature: str | None = ""
    refuses: tuple = ()
    domain: tuple = (-3.0, 3.0)
    label: str = ""
    error: str = ""
    bool_error: str = ""  # for one bool tensor among other operands
    missing: str = ""
    half: bool = True
    complexes: str | bool | None = None
    real_result: bool = False
    no_complex: str = ""
    rare: bool = False
    wide: bool = False
    zero_division: bool = False
    narrow: bool = False
    start: str = ""
    step: str = ""
    join: str = ""
    acc: str = ""
    doc: str = ""

    @property
    def gradients(self):
        """The gradient formulas that are text, by operand: {"a": "g*b", "b": "g*a"}."""
        texts = {"a": self.da, "b": self.db, "c": self.dc}
        return {k: t for k, t in texts.items() if t not in (None, ZERO, MISSING)}

    @property
    def operands(self):
        return "abc"[: self.arity]

    @property
    def arguments(self):
        """The arguments of the public functions, as a signature has them: ["input", "alpha=1.0"]."""
        if self.signature:
            return self.signature.split(", ")
        return ["input", "other"][: self.arity] + [f"{name}={value!r}" for name, value in self.params]

    def formula(self, dtype):
        """The kernel's text for a compute dtype ("bool", "int32", "float32", ...), None if none."""
        if dtype.startswith("complex"):
            return self.text if self.complexes is True else self.complexes
        if dtype.startswith("float"):
            return None if self.kind == "bits" else self.text or None
        if self.kind == "float":
            return None
        text = self.text if self.ints is None else self.ints
        if not text:  # a row of complex numbers alone
            return None
        if dtype == "bool" and self.bools is not None:
            text = self.bools
        return None if text is False else text

    def result(self, dtype):
        """The dtype that the kernel of a compute dtype writes."""
        if self.kind == "test":
            return "bool"
        if self.real_result and dtype.startswith("complex"):
            return {"complex64": "float32", "complex128": "float64"}[dtype]
        return dtype


def _camel(name):
    return name.strip("_").title().replace("_", "") + "Backward0"


def _row(name, arity, text, default_forms, **kw):
    kw.setdefault("forms", "" if name.startswith("_") else default_forms)
    kw.setdefault("label", name.strip("_") + "_cpu")
    kw.setdefault("doc", DOCS.get(name, ""))
    if any(kw.get(d) is not None for d in ("da", "db", "dc")):
        kw.setdefault("grad_name", _camel(name))
    return Row(name, arity, text, **kw)


def unary(name, text, da=None, kind="float", **kw):
    return _row(name, 1, text, "fmiIo", da=da, kind=kind, **kw)


def special(name, text, da=None, db=None, arity=1, **kw):
    """A function that lives in torch.special alone."""
    kw = {"grad_name": _camel("special_" + name) if da else "", "rare": True} | kw
    return _row(name, arity, text, "s", da=da, db=db, **kw)


def binary(name, text, da=None, db=None, kind="number", **kw):
    return _row(name, 2, text, "fmio", da=da, db=db, kind=kind, **kw)


def ternary(name, text, da=None, db=None, dc=None, kind="number", **kw):
    return _row(name, 3, text, "fmio", da=da, db=db, dc=dc, kind=kind, **kw)


def reduce(name, start, step, join, acc="wide", kind="number", **kw):
    return _row(name, 1, "", "fm", start=start, step=step, join=join, acc=acc, kind=kind, **kw)


_NO_SUB = (
    "Subtraction, the `-` operator, with two bool tensors is not supported. "
    "Use the `^` or `logical_xor()` operator instead."
)
_NO_SUB_MIXED = (
    "Subtraction, the `-` operator, with a bool tensor is not supported. "
    "If you are trying to invert a mask, use the `~` or `logical_not()` operator instead."
)
_NO_NEG = (
    "Negation, the `-` operator, on a bool tensor is not supported. "
    "If you are trying to invert a mask, use the `~` or `logical_not()` operator instead."
)
_NO_ADDCDIV = (
    "Integer division with addcdiv is no longer supported, and in a future  release addcdiv will "
    "perform a true division of tensor1 and tensor2. The historic addcdiv behavior can be "
    "implemented as (input + value * torch.trunc(tensor1 / tensor2)).to(input.dtype) for integer "
    "inputs and as (input + value * tensor1 / tensor2) for float inputs. The future addcdiv "
    "behavior is just the latter implementation: (input + value * tensor1 / tensor2), for all "
    "dtypes."
)
_NO_CLAMP = "clamp is not supported for complex types"
_POSITIVE = (0.1, 3.0)
_UNIT = (-0.99, 0.99)
SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772  # Klambauer et al. 2017

# fmt: off
ROWS = (
    # Arithmetic.  `add` and `sub` have a twin for alpha != 1, so that the common case stays bare.
    binary("add", "a+b", "g", "g", bools="a|b", complexes=True, numbers="both"),
    binary("_add_alpha", "a+alpha*b", "g", "g*conj(alpha)", bools="where(alpha!=0,a|b,a)",
           params=(("alpha", 1),), grad_name="AddBackward0", complexes=True),
    binary("sub", "a-b", "g", "-g", bools=False, error=_NO_SUB, bool_error=_NO_SUB_MIXED, aliases="subtract",
           complexes=True, numbers="both"),
    binary("_sub_alpha", "a-alpha*b", "g", "-g*conj(alpha)", params=(("alpha", 1),),
           bools=False, error=_NO_SUB, bool_error=_NO_SUB_MIXED, grad_name="SubBackward0", complexes=True),
    binary("rsub", "b-a", "-g", "g", bools=False, error=_NO_SUB, bool_error=_NO_SUB_MIXED, forms="f",
           grad_name_b="RsubBackward1", complexes=True, numbers="other"),
    binary("mul", "a*b", "g*conj(b)", "g*conj(a)", bools="a&b", aliases="multiply",
           complexes=True, numbers="both"),
    binary("div", "a/b", "g/conj(b)", "-g*conj((a/b)/b)", kind="float",
           aliases="divide true_divide", complexes=True, numbers="both"),
    binary("floor_divide", "_div_floor(a,b)", MISSING, MISSING, bools=False, label="div_floor_cpu",
           zero_division=True, grad_name="NotImplemented",
           missing="derivative for aten::floor_divide is not implemented", domain=(1.0, 5.0),
           numbers="both"),
    binary("_div_floor", "_div_floor(a,b)", ZERO, ZERO, bools=False, label="div_floor_cpu",
           zero_division=True, grad_name="DivBackward2", saves=("b", "ab")),
    binary("_div_trunc", "trunc(a/b)", ZERO, ZERO, ints="truncdiv(a,b)", bools=False,
           label="div_trunc_cpu", zero_division=True, grad_name="DivBackward2", saves=("b", "ab")),
    binary("remainder", "remainder(a,b)", "g", "-g*_div_floor(a,b)", bools=False,
           zero_division=True, grad_name="RemainderBackward1", grad_name_b="RemainderBackward0"),
    binary("fmod", "fmod(a,b)", "g", "-g*trunc(a/b)", bools=False, zero_division=True,
           grad_name="FmodBackward1", grad_name_b="FmodBackward0", numbers="other"),
    ternary("addcmul", "a+value*b*c", "g", "g*conj(c*value)", "g*conj(b*value)",
            params=(("value", 1),), bools=False, label="addcmul_cpu_out", complexes=True,
            signature="input, tensor1, tensor2, *, value=1", doc="x + value * y * z."),
    ternary("addcdiv", "a+value*(b/c)", "g", "g*conj(value/c)", "-g*conj(value*b/(c*c))",
            params=(("value", 1),), ints=False, error=_NO_ADDCDIV, domain=_POSITIVE,
            complexes=True, signature="input, tensor1, tensor2, *, value=1",
            doc="x + value * y / z."),
    ternary("lerp", "lerp(a,b,c)", "g*conj(1-c)", "g*conj(c)", "g*conj(b-a)", ints=False,
            grad_name="LerpBackward1", label="lerp_kernel_tensor", complexes=True, signature=None),
    binary("_lerp_scalar", "lerp(a,b,weight)", "g*conj(1-weight)", "g*conj(weight)",
           ints=False, params=(("weight", 0.5),), grad_name="LerpBackward0",
           label="lerp_kernel_scalar", complexes=True),
    unary("neg", "-a", "-g", "number", bools=False, error=_NO_NEG, aliases="negative",
          complexes=True, out="same"),
    unary("abs", "abs(a)", "g*sign(a)", "number", ints="where(a<0,-a,a)", bools=False,
          aliases="absolute/fmio", complexes=True, real_result=True, out="same"),
    unary("sign", "sign(a)", ZERO, "number", ints="where(a>0,1,where(a<0,-1,0))", bools="a",
          forms="fmio", no_complex="Unlike NumPy, torch.sign is not intended to support complex "
          "numbers. Please use torch.sgn instead.", out="same"),
    unary("sgn", "sign(a)", ZERO, "number", ints="where(a>0,1,where(a<0,-1,0))", bools="a",
          forms="fmio", out="same", saves=("ay",)),
    unary("_sgn_complex", "", "where(a==0,0,(g-y*real(g*conj(y)))/abs(a))", label="sgn_cpu",
          grad_name="SgnBackward0", complexes="sign(a)"),
    unary("square", "a*a", "g*conj(2*a)", "number", bools=False, grad_name="PowBackward0",
          complexes=True),
    unary("_cube", "a*a*a", "g*conj(3*(a*a))", "number", bools=False, grad_name="PowBackward0",
          complexes=True),
    unary("reciprocal", "1/a", "-g*conj(y*y)", domain=_POSITIVE, complexes=True),
    unary("_conj", "", "conj(g)", complexes="conj(a)"),
    unary("_conj_physical", "", "conj(g)", complexes="conj(a)"),

    # Rounding.
    unary("floor", "floor(a)", ZERO, "number", ints="a", bools=False, label="floor_vml_cpu",
          no_complex="floor is not supported for complex inputs", out="same"),
    unary("ceil", "ceil(a)", ZERO, "number", ints="a", bools=False, label="ceil_vml_cpu",
          no_complex="ceil is not supported for complex inputs", out="same"),
    unary("trunc", "trunc(a)", ZERO, "number", ints="a", bools=False, label="trunc_vml_cpu",
          aliases="fix", no_complex="trunc is not supported for complex inputs", out="same"),
    unary("round", "round(a)", ZERO, "number", ints="a", bools=False, label="round_vml_cpu",
          aliases="special.round", signature=None, out="same"),
    unary("_round_decimals", "round_decimals(a,decimals)", ZERO, "number", ints="a", bools=False,
          params=(("decimals", 0),), grad_name="RoundBackward1", label="round_vml_cpu", out="same"),
    unary("frac", "a-trunc(a)", "g", "number", ints=False, out="same"),

    # Powers, exponentials, logarithms.
    binary("pow", "pow(a,b)", "where(b==0,0,g*conj(b*pow(a,b-1)))",
           "where((a==0)&(real(b)>=0),0,g*conj(y*log(a)))", bools=False, label="pow",
           grad_name="PowBackward1", grad_name_a="PowBackward2", domain=_POSITIVE, complexes=True),
    unary("_pow_scalar", "pow(a,exponent)",
          "where(exponent==0,0,g*conj(exponent*pow(a,exponent-1)))", "number", bools=False,
          label="pow", params=(("exponent", 2),), grad_name="PowBackward0", domain=_POSITIVE,
          complexes=True),
    unary("sqrt", "sqrt(a)", "g/conj(2*y)", domain=_POSITIVE, complexes=True),
    unary("rsqrt", "1/sqrt(a)", "-0.5*g*conj(y*y*y)", domain=_POSITIVE, complexes=True),
    unary("exp", "exp(a)", "g*conj(y)", complexes=True),
    unary("exp2", "exp2(a)", "g*conj(y*ln2)", aliases="special.exp2", complexes=True),
    unary("expm1", "expm1(a)", "g*conj(y+1)", aliases="special.expm1", complexes=True),
    unary("log", "log(a)", "g/conj(a)", domain=_POSITIVE, complexes=True),
    unary("log2", "log2(a)", "g/conj(a*ln2)", domain=_POSITIVE, complexes="log(a)*(1/ln2)"),
    unary("log10", "log10(a)", "g/conj(a*ln10)", domain=_POSITIVE, complexes="log(a)*(1/ln10)"),
    unary("log1p", "log1p(a)", "g/conj(a+1)", domain=_POSITIVE, aliases="special.log1p",
          complexes=True),
    binary("hypot", "hypot(a,b)", "g*(a/y)", "g*(b/y)", ints=False, numbers="none"),
    binary("ldexp", "ldexp(a,b)", "g*conj(exp2(b))", "g*conj(y*ln2)", kind="float", forms="fmiIo",
           complexes="a*exp2(b)", numbers="none"),
    binary("logaddexp", "logaddexp(a,b)", "g/conj(1+exp(b-a))", "g/conj(1+exp(a-b))", ints=False,
           complexes=True, numbers="none"),
    binary("logaddexp2", "logaddexp2(a,b)", "g/(1+exp2(b-a))", "g/(1+exp2(a-b))", ints=False,
           numbers="none"),
    binary("xlogy", "xlogy(a,b)", "where((a==0)&(b<=0),0,g*log(b))", "g*(a/b)", kind="float",
           forms="fmiIo", aliases="special.xlogy", grad_name_a="XlogyBackward1",
           grad_name_b="XlogyBackward2", domain=_POSITIVE),
    unary("logit", "logit(a,eps)",
          "where(eps<0,where((a<0)|(a>1),nan,g/(a*(1-a))),where((a<eps)|(a>1-eps),0,g/(a*(1-a))))",
          params=(("eps", -1.0),), domain=(0.01, 0.99), aliases="special.logit",
          signature="input, eps=None",
          doc="log(x / (1 - x)), of x clamped to [eps, 1 - eps] where eps is given."),

    # Trigonometry.
    unary("sin", "sin(a)", "g*conj(cos(a))", complexes=True),
    unary("cos", "cos(a)", "-g*conj(sin(a))", complexes=True),
    unary("tan", "tan(a)", "g*conj(1+y*y)", domain=(-1.4, 1.4), complexes=True),
    unary("asin", "asin(a)", "g/conj(sqrt(1-a*a))", domain=_UNIT, aliases="arcsin",
          complexes=True),
    unary("acos", "acos(a)", "-g/conj(sqrt(1-a*a))", domain=_UNIT, aliases="arccos",
          complexes=True),
    unary("atan", "atan(a)", "g/conj(a*a+1)", aliases="arctan", complexes=True),
    unary("sinh", "sinh(a)", "g*conj(cosh(a))", complexes=True),
    unary("cosh", "cosh(a)", "g*conj(sinh(a))", complexes=True),
    unary("tanh", "tanh(a)", "g*conj(1-y*y)", forms="fmiIoF", complexes=True,
          doc="The hyperbolic tangent."),
    unary("asinh", "asinh(a)", "g/conj(sqrt(a*a+1))", aliases="arcsinh", complexes=True),
    # Two roots: on half of the plane the root of their product has the other sign.
    unary("acosh", "acosh(a)", "g/conj(sqrt(a-1)*sqrt(a+1))", domain=(1.1, 3.0),
          aliases="arccosh", complexes=True),
    unary("atanh", "atanh(a)", "g/conj(1-a*a)", domain=_UNIT, aliases="arctanh", complexes=True),
    unary("sinc", "sinc(a)", "where(a==0,0,g*conj((cos(pi*a)-sinc(a))/a))",
          aliases="special.sinc", complexes=True),
    # The factors are rounded once, to the dtype.
    unary("deg2rad", "a*0.017453292519943295", "g*0.017453292519943295",
          no_complex="deg2rad is not supported for complex tensors."),
    unary("rad2deg", "a*57.29577951308232", "g*57.29577951308232",
          no_complex="rad2deg is not supported for complex tensors."),
    unary("angle", "where(isnan(a),a,where(a<0,pi,0))", ZERO, forms="fmo", saves=("a",)),
    unary("_angle_complex", "", "where(a==0,0,g*times_i(a)/square(abs(a)))", label="angle_cpu",
          grad_name="AngleBackward0", complexes="angle(a)", real_result=True),
    binary("atan2", "atan2(a,b)", "where(a*a+b*b==0,0,g*b/(a*a+b*b))",
           "where(a*a+b*b==0,0,-g*a/(a*a+b*b))", kind="float", aliases="arctan2", numbers="none"),

    # Activations.
    unary("sigmoid", "sigmoid(a)", "g*conj((1-y)*y)", forms="fmiIoF", aliases="special.expit",
          complexes=True, doc="1 / (1 + exp(-x))."),
    unary("relu", "where(a<0,0,a)", "where(y<=0,0,g)", "number", bools=False, forms="fmiIFPQ",
          error="Boolean inputs not supported for relu", no_complex=_NO_CLAMP, doc="max(0, x)."),
    unary("leaky_relu", "where(a>0,a,a*negative_slope)", "where(a>0,g,g*negative_slope)", "number",
          ints=False, forms="FPQ", params=(("negative_slope", 0.01),),
          grad_name_="LeakyReluBackward1", doc="x for x > 0, negative_slope * x otherwise."),
    unary("elu", "where(a>0,a,alpha*expm1(a))", "where(a<=0,g*(alpha*exp(a)),g)", "number",
          ints=False, forms="FPQ", params=(("alpha", 1.0),), grad_name_="EluBackward1",
          doc="x for x > 0, alpha * (exp(x) - 1) otherwise."),
    unary("selu", f"where(a>0,a*{SELU_SCALE},{SELU_SCALE}*{SELU_ALPHA}*expm1(a))",
          f"where(a<=0,g*({SELU_SCALE}*{SELU_ALPHA}*exp(a)),g*{SELU_SCALE})", "number", ints=False, forms="fIFPQ",
          grad_name="EluBackward0", grad_name_="EluBackward1", label="elu_cpu",
          doc="scale * elu(x, alpha) with the constants of self-normalising networks (2017)."),
    unary("celu", "where(a>0,a,alpha*expm1(a*(1/alpha)))", "where(a<=0,g*exp(a*(1/alpha)),g)",
          "number", ints=False, forms="fIFPQ", params=(("alpha", 1.0),),
          grad_name_="CeluBackward1", label="elu_cpu",
          refuses=("alpha == 0", RuntimeError, "ZeroDivisionError: alpha cannot be 0 for CELU"),
          doc="max(0, x) + min(0, alpha * (exp(x / alpha) - 1))."),
    unary("gelu", "0.5*a*(1+erf(a*sqrt1_2))",
          "g*(0.5*(1+erf(a*sqrt1_2))+a*(exp(-0.5*a*a)*0.3989422804014327))", "number", ints=False,
          forms="F", signature=None, label="GeluKernelImpl"),
    unary("_gelu_tanh", "0.5*a*(1+tanh(0.7978845608028654*(a+0.044715*(a*a*a))))",
          "g*(0.5*(1+tanh(0.7978845608028654*(a+0.044715*(a*a*a))))"
          "+0.5*a*((0.7978845608028654*(1+0.134145*(a*a)))"
          "*(1-square(tanh(0.7978845608028654*(a+0.044715*(a*a*a)))))))",
          "number", ints=False, grad_name="GeluBackward0", label="GeluKernelImpl"),
    unary("silu", "a*sigmoid(a)", "g*conj(sigmoid(a)*(1+a*(1-sigmoid(a))))", "number", ints=False,
          forms="FP", complexes=True, doc="x * sigmoid(x)."),
    unary("mish", "a*tanh(softplus(a))",
          "g*(tanh(softplus(a))+a*(sigmoid(a)*(1-square(tanh(softplus(a))))))", "number",
          ints=False, forms="FP", doc="x * tanh(softplus(x))."),
    unary("softplus", "where(a*beta>threshold,a,log1p(exp(a*beta))/beta)",
          "where(a*beta>threshold,g,g*sigmoid(a*beta))", "number", ints=False, forms="F",
          params=(("beta", 1.0), ("threshold", 20.0)),
          doc="log(1 + exp(beta * x)) / beta, and x itself where beta * x > threshold."),
    unary("logsigmoid", "where(a<0,a,0)-log1p(exp(-abs(a)))", "g*sigmoid(-a)", "number", ints=False,
          forms="F", grad_name="LogSigmoidBackward0", label="log_sigmoid_cpu",
          doc="log(1 / (1 + exp(-x)))."),
    unary("hardtanh", "where(a<min_val,min_val,where(a>max_val,max_val,a))",
          "where((a<=min_val)|(a>=max_val),0,g)", "number", bools=False, forms="FPQ",
          params=(("min_val", -1.0), ("max_val", 1.0)), no_complex=_NO_CLAMP,
          error="Bool inputs not supported for hardtanh",
          refuses=("min_val > max_val", ValueError, "min_val cannot be greater than max_val"),
          doc="x clipped to [min_val, max_val]; the gradient is zero at the ends."),
    unary("hardsigmoid", "clamp(a+3,0,6)/6", "where((a>-3)&(a<3),g/6,0)", "number", ints=False,
          forms="FP", doc="min(max(x + 3, 0), 6) / 6."),
    unary("hardswish", "a*clamp(a+3,0,6)/6", "where(a<=-3,0,where(a<3,g*(a/3+0.5),g))", "number",
          ints=False, forms="FP", doc="x * min(max(x + 3, 0), 6) / 6."),
    unary("threshold", "where(a<=threshold,value,a)", "where(a<=threshold,0,g)", "number",
          bools=False, forms="fIoFPQ", params=(("threshold", 0.0), ("value", 0.0)),
          signature="input, threshold, value", grad_name_="ThresholdBackward1",
          doc="x where x > threshold, else ``value``."),
    unary("hardshrink", "where((a>=-lambd)&(a<=lambd),0,a)", "where((a>=-lambd)&(a<=lambd),0,g)",
          "number", ints=False, forms="fmoF", params=(("lambd", 0.5),),
          doc="x where \\|x\\| > lambd, else 0."),
    unary("softshrink", "where(a>lambd,a-lambd,where(a<-lambd,a+lambd,a*0))",
          "where((a>=-lambd)&(a<=lambd),0,g)", "number", ints=False, forms="F", signature=None,
          params=(("lambd", 0.5),), label="softshrink_check"),
    binary("_prelu", "where(a>0,a,a*b)", "where(a>0,g,g*b)", "where(a>0,0,g*a)", ints=False,
           grad_name="PreluKernelBackward0"),

    # Losses before their reduction: a input, b target.
    binary("_mse_loss", "(a-b)*(a-b)", "g*(2*(a-b))", "g*(2*(b-a))", ints=False, label="mse_cpu"),
    binary("_smooth_l1_loss", "where(abs(a-b)<beta,0.5*((a-b)*(a-b))/beta,abs(a-b)-0.5*beta)",
           "where(a-b>=beta,g,where(a-b<=-beta,-g,g*((a-b)/beta)))",
           "where(a-b>=beta,-g,where(a-b<=-beta,g,g*((b-a)/beta)))", ints=False,
           params=(("beta", 1.0),), grad_name="SmoothL1LossBackward0", label="smooth_l1_cpu"),
    binary("_huber_loss", "where(abs(a-b)<=delta,0.5*((a-b)*(a-b)),delta*(abs(a-b)-0.5*delta))",
           "where(a-b>delta,g*delta,where(a-b<-delta,-g*delta,g*(a-b)))",
           "where(a-b>delta,-g*delta,where(a-b<-delta,g*delta,g*(b-a)))", ints=False,
           params=(("delta", 1.0),), label="huber_cpu"),
    binary("_binary_cross_entropy", "(b-1)*where(log1p(-a)<-100,-100,log1p(-a))-b*where(log(a)<-100,-100,log(a))",
           "g*((a-b)/maximum((1-a)*a,1e-12))", "g*(log1p(-a)-log(a))", ints=False,
           domain=(0.05, 0.95), label="binary_cross_entropy"),
    binary("_binary_cross_entropy_with_logits", "(1-b)*a+where(a<0,-a,0)+log1p(exp(-abs(a)))",
           "g*(sigmoid(a)-b)", "-g*a", ints=False, label="log_sigmoid_cpu"),
    binary("_soft_margin_loss", "log1p(exp(-a*b))", "-g*(b*sigmoid(-a*b))", ints=False),

    # Comparison and logic.
    binary("eq", "a==b", kind="test", complexes=True, numbers="other"),
    binary("ne", "a!=b", kind="test", aliases="not_equal", complexes=True, numbers="other"),
    binary("lt", "a<b", kind="test", aliases="less", numbers="other"),
    binary("le", "a<=b", kind="test", aliases="less_equal", numbers="other"),
    binary("gt", "a>b", kind="test", aliases="greater", numbers="other"),
    binary("ge", "a>=b", kind="test", aliases="greater_equal", numbers="other"),
    binary("logical_and", "(a!=0)&(b!=0)", kind="test", complexes=True, numbers="none"),
    binary("logical_or", "(a!=0)|(b!=0)", kind="test", complexes=True, numbers="none"),
    binary("logical_xor", "(a!=0)!=(b!=0)", kind="test", complexes=True, numbers="none"),
    unary("logical_not", "a==0", kind="test", forms="fmio", complexes=True),
    unary("isnan", "isnan(a)", kind="test", ints="0", forms="fm", complexes=True),
    unary("isinf", "abs(a)==inf", kind="test", ints="0", forms="fm",
          complexes="isinf(a)"),
    unary("isfinite", "abs(a)<inf", kind="test", ints="1", forms="fm",
          complexes="isfinite(a)"),
    unary("isreal", "1", kind="test", forms="fm", complexes="imag(a)==0"),
    unary("isposinf", "a==inf", kind="test", ints="0", forms="fmo",
          no_complex="isposinf does not support complex inputs.", out="bool"),
    unary("isneginf", "a==-inf", kind="test", ints="0", forms="fmo",
          no_complex="isneginf does not support complex inputs.", out="bool"),
    unary("signbit", "signbit(a)", kind="test", ints="a<0", forms="fmo",
          no_complex="signbit is not implemented for complex tensors.", out="bool"),
    binary("_isclose", "(a==b)|((abs(a-b)<=atol+abs(rtol*b))&(abs(a-b)<inf))"
           "|((equal_nan!=0)&(isnan(a)&isnan(b)))", kind="test", ints=False,
           complexes="(a==b)|((abs(a-b)<=real(atol)+abs(rtol*b))&(abs(a-b)<inf))"
           "|((equal_nan!=0)&(isnan(a)&isnan(b)))",
           params=(("rtol", 1e-5), ("atol", 1e-8), ("equal_nan", 0))),

    # Choice.  NaN wins in maximum, minimum and clamp and loses in fmax and fmin.
    binary("maximum", "maximum(a,b)", "where(a==b,g/2,where(a<b,0,g))",
           "where(a==b,g/2,where(a>b,0,g))", ints="where(a>b,a,b)", forms="fmo",
           no_complex="maximum not implemented for complex tensors.", numbers="none"),
    binary("minimum", "minimum(a,b)", "where(a==b,g/2,where(a>b,0,g))",
           "where(a==b,g/2,where(a<b,0,g))", ints="where(a<b,a,b)", forms="fmo",
           no_complex="minimum not implemented for complex tensors.", numbers="none"),
    binary("fmax", "where((a>=b)|isnan(b),a,b)", "where((a>=b)|isnan(b),g,0)",
           "where((a>=b)|isnan(b),0,g)", ints="where(a>b,a,b)", forms="fmo",
           no_complex="fmax not implemented for complex tensors.", numbers="none"),
    binary("fmin", "where((a<=b)|isnan(b),a,b)", "where((a<=b)|isnan(b),g,0)",
           "where((a<=b)|isnan(b),0,g)", ints="where(a<b,a,b)", forms="fmo",
           no_complex="fmin not implemented for complex tensors.", numbers="none"),
    unary("_clamp", "clamp(a,min,max)", "where((a>=min)&(a<=max),g,0)", "number",
          ints="clamp(a,min,max)", bools=False, params=(("min", 0), ("max", 0)),
          grad_name="ClampBackward1", no_complex=_NO_CLAMP),
    unary("_clamp_min", "where(a<min,min,a)", "where(a>=min,g,0)", "number", bools=False,
          params=(("min", 0),), no_complex=_NO_CLAMP),
    unary("_clamp_max", "where(a>max,max,a)", "where(a<=max,g,0)", "number", bools=False,
          params=(("max", 0),), no_complex=_NO_CLAMP),
    ternary("_clamp_tensor", "where((b==b)&(c==c),where(where(a<b,b,a)>c,c,where(a<b,b,a)),b+c)",
            "where((a>=b)&(a<=c),g,0)",
            "where((b<c)&(a<b),g,0)", "where((b>c)|(a>c),g,0)", ints="clamp(a,b,c)",
            grad_name="ClampBackward0", label="clamp_cpu"),
    binary("_clamp_min_tensor", "maximum(a,b)", "where(a>=b,g,0)", "where(a<b,g,0)",
           ints="where(a>b,a,b)", grad_name="ClampMinBackward1", label="clamp_min_cpu"),
    binary("_clamp_max_tensor", "minimum(a,b)", "where(a<=b,g,0)", "where(a>b,g,0)",
           ints="where(a<b,a,b)", grad_name="ClampMaxBackward1", label="clamp_max_cpu"),
    unary("nan_to_num", "where(isnan(a),value,where(a==inf,posinf,where(a==-inf,neginf,a)))",
          "where(abs(a)<inf,g,0)", "number", ints="a",
          params=(("value", 0.0), ("posinf", 0.0), ("neginf", 0.0)), signature=None, out="same"),
    binary("copysign", "copysign(a,b)", "where(a==0,0,g*(y/a))", ZERO, kind="float",
           grad_name_b="CopysignBackward1", numbers="other"),
    binary("heaviside", "where(a==0,b,where(a>0,1,0))", MISSING, MISSING,
           grad_name="NotImplemented", missing="derivative for aten::heaviside is not implemented",
           no_complex="heaviside is not yet implemented for complex tensors.", numbers="none",
           one_dtype="heaviside is not yet implemented for tensors with different dtypes.",
           signature="input, values"),
    binary("nextafter", "nextafter(a,b)", "where(a==b,0,g)", ZERO, ints=False, rare=True,
           numbers="none"),
    unary("_frexp_mantissa", "frexp_mantissa(a)", "g*where((a==0)|(abs(a)==inf)|isnan(a),1,y/a)",
          "number", ints=False, grad_name="FrexpBackward0", label="frexp", out="same"),
    unary("_frexp_exponent", "frexp_exponent(a)", None, "number", ints=False, label="frexp"),

    # Bits and integers.
    unary("bitwise_not", "~a", kind="bits", bools="a^1", forms="fmio", out="same"),
    binary("bitwise_and", "a&b", kind="bits"),
    binary("bitwise_or", "a|b", kind="bits"),
    binary("bitwise_xor", "a^b", kind="bits"),
    binary("bitwise_left_shift", "lshift(a,b)", kind="bits", bools=False, label="lshift_cpu"),
    binary("bitwise_right_shift", "rshift(a,b)", kind="bits", bools=False, label="rshift_cpu"),
    binary("gcd", "gcd(a,b)", kind="bits", bools=False, forms="fmiIo", rare=True, numbers="none"),
    binary("lcm", "lcm(a,b)", kind="bits", bools=False, forms="fmiIo", rare=True, numbers="none"),

    # Special functions.
    unary("erf", "erf(a)", "g*(1.1283791670955126*exp(-a*a))", aliases="special.erf",
          label="erf_vml_cpu"),
    unary("erfc", "erfc(a)", "-g*(1.1283791670955126*exp(-a*a))", aliases="special.erfc",
          label="erfc_vml_cpu"),
    unary("erfinv", "erfinv(a)", "g*(0.886226925452758*exp(square(erfinv(a))))", domain=_UNIT,
          forms="fmio", aliases="special.erfinv", label="erfinv_vml_cpu"),
    unary("lgamma", "lgamma(a)", "g*digamma(a)", domain=_POSITIVE, forms="fmio",
          aliases="special.gammaln", label="lgamma_vml_cpu"),
    unary("digamma", "digamma(a)", "g*polygamma(1,a)", domain=_POSITIVE, forms="fmio", rare=True,
          aliases="special.digamma special.psi", label="digamma", wide=True),
    unary("polygamma", "polygamma(n,a)", "g*polygamma(n+1,a)", domain=_POSITIVE, params=(("n", 0),),
          forms="fmio", aliases="special.polygamma", signature=None, rare=True, wide=True),
    unary("i0", "i0(a)", "g*i1(a)", aliases="special.i0", rare=True, label="i0_vml_cpu", wide=True),
    special("i0e", "i0e(a)", "g*(i1e(a)-sign(a)*y)", wide=True),
    special("i1", "i1(a)", "g*where(abs(a)>1e-7,i0(a)-y/a,0.5)", wide=True),
    special("i1e", "i1e(a)", "g*where(abs(a)>1e-7,i0e(a)-y*(sign(a)+1/a),0.5)", wide=True),
    special("entr", "entr(a)", "-g*(log(a)+1)", domain=_POSITIVE),
    special("erfcx", "erfcx(a)", "g*(2*a*y-1.1283791670955126)", half=False, wide=True),
    special("ndtr", "ndtr(a)", "g*(0.3989422804014327*exp(-0.5*(a*a)))", grad_name="MulBackward1", wide=True),
    special("log_ndtr", "log_ndtr(a)", "g*(0.7978845608028654/erfcx(-a*sqrt1_2))", half=False, wide=True),
    special("ndtri", "ndtri(a)", "g*(2.5066282746310002*exp(0.5*(y*y)))", domain=(0.01, 0.99),
            half=False, wide=True),
    special("airy_ai", "airy_ai(a)", half=False, wide=True),
    special("bessel_j0", "bessel_j0(a)", half=False, wide=True),
    special("bessel_j1", "bessel_j1(a)", half=False, wide=True),
    special("bessel_y0", "bessel_y0(a)", domain=_POSITIVE, half=False, wide=True),
    special("bessel_y1", "bessel_y1(a)", domain=_POSITIVE, half=False, wide=True),
    special("modified_bessel_i0", "i0(a)", half=False, wide=True),
    special("modified_bessel_i1", "i1(a)", half=False, wide=True),
    special("modified_bessel_k0", "k0(a)", domain=_POSITIVE, half=False, wide=True),
    special("modified_bessel_k1", "k1(a)", domain=_POSITIVE, half=False, wide=True),
    special("scaled_modified_bessel_k0", "k0e(a)", domain=_POSITIVE, half=False, wide=True),
    special("scaled_modified_bessel_k1", "k1e(a)", domain=_POSITIVE, half=False, wide=True),
    special("spherical_bessel_j0", "spherical_bessel_j0(a)", half=False, wide=True),
    special("xlog1py", "xlog1py(a,b)", "where((a==0)&(b<=-1),0,g*log1p(b))", "g*(a/(b+1))", arity=2,
            domain=_POSITIVE, grad_name_a="SpecialXlog1PyBackward1",
            grad_name_b="SpecialXlog1PyBackward2"),
    special("zeta", "zeta(a,b)", MISSING, "-g*(a*zeta(a+1,b))", arity=2,
            domain=((1.5, 4.0), (0.5, 4.0)), half=False, grad_name_a="SpecialZetaBackward1",
            grad_name_b="SpecialZetaBackward2",
            missing="the derivative for 'zeta' is not implemented.", wide=True),
    binary("igamma", "igamma(a,b)", MISSING, "g*exp((a-1)*log(b)-b-lgamma(a))", ints=False,
           domain=_POSITIVE, rare=True, aliases="special.gammainc",
           missing="the derivative for 'igamma: input' is not implemented.", numbers="none", wide=True),
    binary("igammac", "igammac(a,b)", MISSING, "-g*exp((a-1)*log(b)-b-lgamma(a))", ints=False,
           domain=_POSITIVE, rare=True, aliases="special.gammaincc",
           missing="the derivative for 'igammac: input' is not implemented.", numbers="none", wide=True),
    special("chebyshev_polynomial_t", "chebyshev_t(a,b)", arity=2, domain=((-1.5, 1.5), (0, 8)),
            half=False),
    special("chebyshev_polynomial_u", "chebyshev_u(a,b)", arity=2, domain=((-1.5, 1.5), (0, 8)),
            half=False),
    special("chebyshev_polynomial_v", "chebyshev_v(a,b)", arity=2, domain=((-1.5, 1.5), (0, 8)),
            half=False),
    special("chebyshev_polynomial_w", "chebyshev_w(a,b)", arity=2, domain=((-1.5, 1.5), (0, 8)),
            half=False),
    special("shifted_chebyshev_polynomial_t", "chebyshev_t(2*a-1,b)", arity=2,
            domain=((-0.5, 1.5), (0, 8)), half=False),
    special("shifted_chebyshev_polynomial_u", "chebyshev_u(2*a-1,b)", arity=2,
            domain=((-0.5, 1.5), (0, 8)), half=False),
    special("shifted_chebyshev_polynomial_v", "chebyshev_v(2*a-1,b)", arity=2,
            domain=((-0.5, 1.5), (0, 8)), half=False),
    special("shifted_chebyshev_polynomial_w", "chebyshev_w(2*a-1,b)", arity=2,
            domain=((-0.5, 1.5), (0, 8)), half=False),
    special("hermite_polynomial_h", "hermite_h(a,b)", arity=2, domain=((-2.0, 2.0), (0, 8)),
            half=False),
    special("hermite_polynomial_he", "hermite_he(a,b)", arity=2, domain=((-2.0, 2.0), (0, 8)),
            half=False),
    special("laguerre_polynomial_l", "laguerre(a,b)", arity=2, domain=((-2.0, 2.0), (0, 8)),
            half=False),
    special("legendre_polynomial_p", "legendre(a,b)", arity=2, domain=((-1.5, 1.5), (0, 8)),
            half=False),

    # Reductions.
    reduce("sum", "0", "p+a", "p+q", narrow=True, complexes=True),
    reduce("nansum", "0", "where(isnan(a),p,p+a)", "p+q"),
    reduce("prod", "1", "p*a", "p*q", complexes=True),
    reduce("amax", "lowest", "where((a>p)|isnan(a),a,p)", "where((q>p)|isnan(q),q,p)", acc="same"),
    reduce("amin", "highest", "where((a<p)|isnan(a),a,p)", "where((q<p)|isnan(q),q,p)", acc="same"),
    reduce("any", "0", "p|(a!=0)", "p|q", acc="bool", complexes=True),
    reduce("all", "1", "p&(a!=0)", "p&q", acc="bool", complexes=True),
    reduce("count_nonzero", "0", "p+(a!=0)", "p+q", acc="count", complexes=True),
    reduce("_count_numbers", "0", "p+(a==a)", "p+q", acc="count", kind="float", complexes=True),
    reduce("_sumsq", "0", "p+a*a", "p+q", kind="float"),
    reduce("_sumabs", "0", "p+abs(a)", "p+q", kind="float"),
    reduce("_sumdev", "0", "p+(a-mean)*(a-mean)", "p+q", kind="float", params=(("mean", 0),)),
    reduce("_powsum", "0", "p+pow(abs(a),exponent)", "p+q", kind="float",
           params=(("exponent", 2),)),
    reduce("_absmax", "0", "where((abs(a)>p)|isnan(a),abs(a),p)", "where((q>p)|isnan(q),q,p)",
           acc="same", kind="float"),
    reduce("_absmin", "highest", "where((abs(a)<p)|isnan(a),abs(a),p)", "where((q<p)|isnan(q),q,p)",
           acc="same", kind="float"),
)
# fmt: on


def rows():
    """Every row, in the order of the table."""
    return ROWS


by_name = {row.name: row for row in ROWS}


def aliases():
    """{public name: (row name, forms)}; the names of torch.special begin with "special."."""
    found = {}
    for row in ROWS:
        if row.forms:
            found["special." + row.name if row.forms == "s" else row.name] = (row.name, row.forms)
        for alias in row.aliases.split():
            name, _, forms = alias.partition("/")
            found[name] = (row.name, forms or ("s" if name.startswith("special.") else row.forms))
    return found
