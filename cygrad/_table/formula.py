"""Text of a formula to C, to the names it reads, and to a function of tensors.

A formula is one Python expression over the operands g (gradient), a, b, c, y (result) and the row's
parameters.  Three readers share the text: the C compiler, the OpenCL compiler and Python itself,
which evaluates it on tensors when a gradient must be differentiable.  So the printer refuses
whatever Python and C read differently (`//`, `%`, `**`, `and`, `or`, `not`, chained comparison)
instead of guessing, and puts the type on every literal.  Imports nothing of the package.
"""

import ast
import functools
import math

DTYPES = (
    "bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64",
    "complex64", "complex128",
)  # fmt: skip
COMPLEX = {"complex64": "float32", "complex128": "float64"}  # and the type of their parts
OPERANDS = "gabcy"
SUFFIX = {
    "bool": "b8", "uint8": "u8", "int8": "i8", "int16": "i16", "int32": "i32", "int64": "i64",
    "float32": "f32", "float64": "f64", "complex64": "c64", "complex128": "c128",
}  # fmt: skip
CTYPE = {
    "c": {
        "bool": "unsigned char", "uint8": "uint8_t", "int8": "int8_t", "int16": "int16_t",
        "int32": "int32_t", "int64": "int64_t", "float32": "float", "float64": "double",
        "complex64": "float _Complex", "complex128": "double _Complex",
    },
    "cl": {
        "bool": "uchar", "uint8": "uchar", "int8": "char", "int16": "short",
        "int32": "int", "int64": "long", "float32": "float", "float64": "double",
        "complex64": "float2", "complex128": "double2",
    },
}  # fmt: skip
CONSTANTS = {
    "pi": math.pi, "ln2": math.log(2), "ln10": math.log(10), "sqrt1_2": math.sqrt(0.5),
    "inf": math.inf, "nan": math.nan, "lowest": -math.inf, "highest": math.inf,
}  # fmt: skip
INT_LIMITS = {"bool": (0, 1), "uint8": (0, 255)}
INT_LIMITS |= {f"int{k}": (-(2 ** (k - 1)), 2 ** (k - 1) - 1) for k in (8, 16, 32, 64)}

# Functions that libm and OpenCL C share; every other one is a cg_ helper of _table/scalar.h.
LIBM = {
    "sqrt": "sqrt", "sin": "sin", "cos": "cos", "pow": "pow", "hypot": "hypot", "lgamma": "lgamma",
    "nextafter": "nextafter", "floor": "floor", "ceil": "ceil", "trunc": "trunc", "round": "rint",
}  # fmt: skip

# Of these C takes the helper all the same: libm's own is no vector code.
OWN_IN_C = {"pow", "hypot", "lgamma"}

# The functions of complex.h; the rest of a complex formula's are cg_ helpers of _table/complex.h.
CLIBM = {
    name: "c" + name
    for name in (
        "abs real imag sqrt exp log sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh pow"
    ).split()
} | {"conj": "conj"}

_BINARY = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/",
    ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^",
}  # fmt: skip
_COMPARE = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}
_UNARY = {ast.USub: "-", ast.UAdd: "+", ast.Invert: "~"}


class FormulaError(ValueError):
    """The text uses something that C and Python read differently, or that is no formula at all."""


@functools.cache
def _parse(text):
    try:
        return ast.parse(text.strip(), mode="eval").body
    except SyntaxError as error:
        raise FormulaError(f"not an expression: {text!r}") from error


class _Printer:
    def __init__(self, text, dialect, dtype):
        self.text, self.dialect, self.dtype = text, dialect, dtype
        self.ctype = CTYPE[dialect][dtype]
        self.helper_type = "uint8" if dtype == "bool" else dtype  # bool has no helpers of its own
        self.complex = dtype in COMPLEX
        self.floating = self.complex or dtype.startswith("float")
        self.single = dtype in ("float32", "complex64")
        # A literal in a complex formula is real: C multiplies a complex number by it part by part.
        self.literal_type = CTYPE[dialect][COMPLEX.get(dtype, dtype)]

    def refuse(self, what):
        raise FormulaError(f"{what} is refused in {self.text!r}")

    def literal(self, value):
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            self.refuse(f"literal {value!r}")
        if not self.floating:
            if value != int(value):
                self.refuse(f"literal {value!r} in an integer formula")
            return f"(({self.ctype}){int(value)})"
        return repr(float(value)) + ("f" if self.single else "")

    def name(self, name):
        if name not in CONSTANTS:
            return name
        if name in ("inf", "nan") or (self.floating and name in ("lowest", "highest")):
            if not self.floating:
                self.refuse(f"{name} in an integer formula")
            c = {"nan": "NAN", "lowest": "-INFINITY"}.get(name, "INFINITY")
            return f"(({self.literal_type}){c})"
        if name in ("lowest", "highest"):
            low, high = INT_LIMITS[self.dtype]
            suffix = "L" if self.dtype == "int64" else ""
            if name == "highest":
                return f"(({self.ctype}){high}{suffix})"
            # The digits of the least value overflow before the minus applies.
            return f"(({self.ctype})({low + 1}{suffix} - 1))" if low else f"(({self.ctype})0)"
        return self.literal(CONSTANTS[name])

    def call(self, node):
        if not isinstance(node.func, ast.Name) or node.keywords:
            self.refuse("this form of call")
        name, args = node.func.id, [self.expr(x) for x in node.args]
        if name == "where":
            if len(args) != 3:
                self.refuse("where() without three arguments")
            return f"({args[0]} ? {args[1]} : {args[2]})"
        if name == "isnan":
            return f"({args[0]} != {args[0]})"
        if name in ("conj", "real") and not self.complex:
            return args[0]
        known = CLIBM if self.complex else LIBM
        own = name in OWN_IN_C and self.dialect == "c" and not self.complex
        if self.floating and name in known and not own:
            name = known[name] + ("f" if self.dialect == "c" and self.single else "")
        else:
            suffix = f"_{SUFFIX[self.helper_type]}" if self.dialect == "c" else ""
            name = f"cg_{name.lstrip('_')}{suffix}"
        return f"{name}({', '.join(args)})"

    def expr(self, node):
        if isinstance(node, ast.Constant):
            return self.literal(node.value)
        if isinstance(node, ast.Name):
            return self.name(node.id)
        if isinstance(node, ast.Call):
            return self.call(node)
        if isinstance(node, ast.BinOp):
            op = _BINARY.get(type(node.op)) or self.refuse(type(node.op).__name__)
            if op == "/" and not self.floating:
                self.refuse("/ in an integer formula")
            if op == "/" and self.complex:
                return f"cg_divide_{SUFFIX[self.dtype]}({self.expr(node.left)}, {self.expr(node.right)})"
            text = f"({self.expr(node.left)} {op} {self.expr(node.right)})"
            # C computes small integers as int; the cast keeps every step in the row's own type.
            return text if self.floating or op in "&|^" else f"(({self.ctype}){text})"
        if isinstance(node, ast.UnaryOp):
            op = _UNARY.get(type(node.op)) or self.refuse(type(node.op).__name__)
            if op == "~" and (self.floating or isinstance(node.operand, ast.Compare)):
                self.refuse("~ of a truth value")
            text = f"({op}{self.expr(node.operand)})"
            return text if self.floating else f"(({self.ctype}){text})"
        if isinstance(node, ast.Compare):
            if len(node.ops) != 1:
                self.refuse("chained comparison")
            op = _COMPARE.get(type(node.ops[0])) or self.refuse(type(node.ops[0]).__name__)
            return f"({self.expr(node.left)} {op} {self.expr(node.comparators[0])})"
        self.refuse(type(node).__name__)


class _VectorPrinter(_Printer):
    """Complex formulas for OpenCL C, which has no complex type: a number is a vector of two, and functions of
    `cl/complex.cl` do what operators do in C.  So every part has a kind: "c" complex, "r" real, "b" a truth value."""

    REAL = {"abs", "angle"}  # functions with a real result
    TESTS = {"isnan", "isinf", "isfinite"}

    def __init__(self, text, dtype, reals):
        super().__init__(text, "cl", dtype)
        self.reals = reals

    def complex_of(self, text, kind):
        return text if kind == "c" else f"({self.ctype})({self.real_of(text, kind)}, 0)"

    def real_of(self, text, kind):
        return f"({self.literal_type})({text})" if kind == "b" else text

    def call(self, node):
        if not isinstance(node.func, ast.Name) or node.keywords:
            self.refuse("this form of call")
        name, args = node.func.id, [self.typed(x) for x in node.args]
        if name == "where":
            (cond, kind), *ways = args
            if kind == "c" or len(ways) != 2:
                self.refuse("this form of where()")
            kinds = {k for _, k in ways}
            make = self.complex_of if "c" in kinds else self.real_of
            return f"({cond} ? {make(*ways[0])} : {make(*ways[1])})", "c" if "c" in kinds else "r"
        first, kind = args[0]
        if name in ("conj", "real", "imag", "abs", "square", "isnan") and kind != "c":
            real = {"imag": "0", "abs": f"fabs({first})", "square": f"({first} * {first})", "isnan": f"isnan({first})"}
            return real.get(name, first), "b" if name == "isnan" else "r"
        if name in ("real", "imag"):
            return f"({first}).{'x' if name == 'real' else 'y'}", "r"
        text = f"cg_{name.lstrip('_')}({', '.join(self.complex_of(*x) for x in args)})"
        return text, "r" if name in self.REAL else "b" if name in self.TESTS else "c"

    def binary(self, op, left, right):
        kinds = left[1] + right[1]
        if op in "&|^":
            if "c" in kinds:
                self.refuse(f"{op} of complex numbers")
            return f"({left[0]} {op} {right[0]})", "b" if kinds == "bb" else "r"
        if op == "/" and "c" in kinds:
            return f"cg_divide({self.complex_of(*left)}, {self.complex_of(*right)})", "c"
        if kinds == "cc":
            return f"cg_mul({left[0]}, {right[0]})" if op == "*" else f"({left[0]} {op} {right[0]})", "c"
        if "c" not in kinds:
            return f"({self.real_of(*left)} {op} {self.real_of(*right)})", "r"
        # Real with complex: the imaginary part keeps the sign of its zero, as in C.
        if op == "*":
            return f"({' * '.join(x if k == 'c' else self.real_of(x, k) for x, k in (left, right))})", "c"
        if left[1] == "c":
            left, right = (f"({'-' if op == '-' else ''}{self.real_of(*right)})", "r"), left
            op = "+"
        return f"cg_{'add' if op == '+' else 'sub'}_real({self.real_of(*left)}, {right[0]})", "c"

    def typed(self, node):
        """(text, kind) of a part."""
        if isinstance(node, ast.Constant):
            return self.literal(node.value), "r"
        if isinstance(node, ast.Name):
            return self.name(node.id), "r" if node.id in CONSTANTS or node.id in self.reals else "c"
        if isinstance(node, ast.Call):
            return self.call(node)
        if isinstance(node, ast.BinOp):
            op = _BINARY.get(type(node.op)) or self.refuse(type(node.op).__name__)
            return self.binary(op, self.typed(node.left), self.typed(node.right))
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            text, kind = self.typed(node.operand)
            return f"(-{text})", kind
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            op = _COMPARE[type(node.ops[0])]
            left, right = self.typed(node.left), self.typed(node.comparators[0])
            if "c" not in left[1] + right[1]:
                return f"({left[0]} {op} {right[0]})", "b"
            if op in ("==", "!="):
                same = f"cg_eq({self.complex_of(*left)}, {self.complex_of(*right)})"
                return same if op == "==" else f"(!{same})", "b"
        self.refuse(type(node).__name__)


@functools.cache
def to_vector(text, dtype, reals=""):
    """(OpenCL C expression, kind) of a formula computed in a complex dtype; `reals`: names of real numbers."""
    return _VectorPrinter(text, dtype, reals).typed(_parse(text))


@functools.cache
def to_c(text, dialect="c", dtype="float32"):
    """The formula as a C ("c") or OpenCL C ("cl") expression computed in `dtype`.

    Raises FormulaError where C and Python would read the text differently.
    """
    return _Printer(text, dialect, dtype).expr(_parse(text))


@functools.cache
def names(text):
    """Which of g, a, b, c, y the formula reads, in that order: names("g*y*(1-y)") == "gy"."""
    used = {node.id for node in ast.walk(_parse(text)) if isinstance(node, ast.Name)}
    return "".join(n for n in OPERANDS if n in used)


@functools.cache
def identifiers(text):
    """Every name that the formula reads: operands, parameters and functions."""
    return frozenset(n.id for n in ast.walk(_parse(text)) if isinstance(n, ast.Name))


@functools.cache
def functions(text):
    """The names of the functions that the formula calls."""
    return frozenset(n.func.id for n in ast.walk(_parse(text)) if isinstance(n, ast.Call))


@functools.cache
def compile_tensor(text):
    """The formula as a function f(namespace) of a mapping from names to values and functions.

    With tensors in the namespace the result is a tensor recorded by autograd, so a gradient so
    computed can be differentiated again.  Functions go by their row's name, plus `where`.
    """
    to_c(text)  # refuses here what the other readers would refuse
    code = compile(text.strip(), f"<formula {text}>", "eval")

    def evaluate(namespace):
        return eval(code, {"__builtins__": {}}, CONSTANTS | dict(namespace))

    return evaluate
