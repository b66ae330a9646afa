"""What the texts of all kernels share: types, loads and stores, preludes.  Imports no OpenCL.

Two schedules per family, both made from the same formulas:
  cpu  one work-item per group takes a chunk and loops over it: plain loops that the compiler vectorises, or explicit
       vectors where the formula calls the device's library (on a CPU these are calls, eight times cheaper by vector).
  gpu  one element (or output) per work-item; reductions of long rows by a tree in local memory.
A program holds every row that fits one signature (dtypes): forty kernels build in the time of one.  Layouts are no part
of it: an index space goes to a kernel as one struct.
Sixteen-wide vector builtins are never emitted: PoCL 3.0 aborts on them.
"""

import ast
import functools
import re
from importlib import resources

from cygrad._table import formula as _formula
from cygrad._table.formula import DTYPES

BOOL, INT32, INT64, HALF, BFLOAT16, FLOAT, DOUBLE, CFLOAT, CDOUBLE = 0, 4, 5, 6, 7, 8, 9, 10, 11
SCALAR = 15  # in place of an operand's dtype code: a Python number
RANK = 8  # dimensions of an index space that a kernel walks (see _rows.pyx)
STORAGE = {"float16": "half", "bfloat16": "ushort"}
UNSIGNED = {"bool": "uchar", "int8": "uchar", "uint8": "uchar", "int16": "ushort", "int32": "uint", "int64": "ulong"}


def storage(code):
    """The OpenCL C type of an element in memory."""
    name = DTYPES[code]
    return STORAGE.get(name) or _formula.CTYPE["cl"][name]


def ctype(code):
    return _formula.CTYPE["cl"][DTYPES[code]]


# Functions that every CPU has as an instruction.  PoCL calls its library even for these, which ends vectorisation; the
# compiler's own names of them do not.
INLINE = ("fabs", "floor", "ceil", "trunc", "rint", "sqrt", "copysign")

# Without contraction a*b+c rounds twice, as it does in the CPU's kernels.
PRELUDE = """\
#define LEAST(a, b) ((a) < (b) ? (a) : (b)) /* min may be the name of a parameter */
#pragma OPENCL FP_CONTRACT OFF
inline ushort cg_store_bf16(float f)
{
    const uint u = as_uint(f);
    return (ushort)((u & 0x7fffffffu) > 0x7f800000u ? 0x7fc0u : (u + 0x7fffu + (u >> 16 & 1)) >> 16);
}
"""
# sin, cos and pow of eight floats, several times as fast as PoCL's, to which arguments that need more care are left.
# sin, cos: x less a multiple of pi/2 in four parts, then the polynomials of Cephes; the added 1.5*2^23 rounds, and
# leaves the quadrant in the last bits.
CPU_SIN = """\
static inline float8 cg_quadrant(float8 x, int shift)
{
    const float8 t = x*0.636619772f + 12582912.0f, k = t - 12582912.0f;
    const float8 q0 = (x - k*1.5703125f) - k*0.0004837512969970703f;
    const float8 r = (q0 - k*7.549533620476723e-08f) - k*2.5633440682570896e-12f;
    const float8 z = r*r;
    const int8 q = as_int8(t) + shift;
    const float8 s = r*(1.0f + ((-1.9515295891e-4f*z + 8.3321608736e-3f)*z - 1.6666654611e-1f)*z); /* -0 stays */
    const float8 c = ((2.443315711809948e-5f*z - 1.388731625493765e-3f)*z + 4.166664568298827e-2f)*z*z - 0.5f*z
                     + 1.0f;
    return as_float8(as_int8(q << 31 ? c : s) ^ ((q & 2) << 30));
}
static inline int cg_all(int8 m)
{
    const int4 n = m.lo & m.hi;
    const int2 k = n.lo & n.hi;
    return k.x & k.y;
}
#define TRIGONOMETRIC(f, shift) \\
static inline float8 cg_v##f(float8 x) \\
{ \\
    const int8 near = (as_int8(x) & 0x7fffffff) < 0x46000000; /* 8192 */ \\
    const float8 r = cg_quadrant(x, shift); \\
    return cg_all(near) ? r : near ? r : f(near ? (float8)1.0f : x); /* whose vectors mix large and small badly */ \\
}
TRIGONOMETRIC(sin, 0) TRIGONOMETRIC(cos, 1)
"""
# exp2(b*log2(a)) in float64, whose error a float32 does not show, for normal a > 0 and results that are normal.
CPU_POW = """\
static inline double4 cg_pow_log(float4 m, int4 e, float4 b)
{
    const double4 x = convert_double4(m), s = (x - 1.0)/(x + 1.0), z = s*s;
    const double4 l = ((((z*(1.0/11) + 1.0/9)*z + 1.0/7)*z + 1.0/5)*z + 1.0/3)*z + 1.0;
    return convert_double4(b)*(s*2.8853900817779268*l + convert_double4(e));
}
static inline float4 cg_pow_exp(double4 p)
{
    const double4 n = (p + 6755399441055744.0) - 6755399441055744.0, f = (p - n)*0.6931471805599453;
    const double4 v = ((((((f*(1.0/5040) + 1.0/720)*f + 1.0/120)*f + 1.0/24)*f + 1.0/6)*f + 0.5)*f + 1.0)*f + 1.0;
    return as_float4(as_int4(convert_float4(v)) + (convert_int4(n) << 23));
}
static inline float8 cg_vpow(float8 a, float8 b)
{
    const int8 bits = as_int8(a), e = (bits - 0x3f3504f3) >> 23;
    const float8 m = as_float8(bits - (e << 23));
    const double4 p = cg_pow_log(m.lo, e.lo, b.lo), q = cg_pow_log(m.hi, e.hi, b.hi);
    const long4 in = (p > -125.0) & (p < 125.0) & (q > -125.0) & (q < 125.0);
    const long2 k = in.lo & in.hi;
    if (cg_all((bits >= 0x00800000) & (bits < 0x7f800000)) & (int)(k.x & k.y))
        return (float8)(cg_pow_exp(p), cg_pow_exp(q));
    return pow(a, b);
}
"""
VECTOR_FUNCTIONS = ("sin", "cos", "pow")
# float16 as whole numbers: a CPU's compiler makes vectors of these, but calls a function for vload_half.  A half that
# is no normal number is one as a float32; the multiplication moves the exponent.
CPU_HALF = """\
static inline float cg_load_half(ushort h)
{
    const uint u = (uint)(h & 0x7fff) << 13;
    const uint f = as_uint(as_float(u) * 0x1p112f) | ((h & 0x7c00) == 0x7c00 ? 0x7f800000u : 0u);
    return as_float(f | (uint)(h & 0x8000) << 16);
}
static inline ushort cg_store_half(float x)
{
    const uint u = as_uint(x) & 0x7fffffffu;
    const uint small = as_uint(as_float(u) + 0.5f) - 0x3f000000u, far = u > 0x7f800000u ? 0x7e00u : 0x7c00u;
    const uint normal = (u - 0x37fff001u + (u >> 13 & 1)) >> 13; /* - 112 * 2^23 + 0xfff */
    return (ushort)((u >= 0x47800000u ? far : u < 0x38800000u ? small : normal) | (as_uint(x) >> 16 & 0x8000u));
}
"""
VECTOR_PRELUDE = """\
#define TYPE(t, n) typedef t##n t##n##u __attribute__((aligned(sizeof(t))));
#define TYPES(t) TYPE(t, 4) TYPE(t, 8)
TYPES(char) TYPES(uchar) TYPES(short) TYPES(ushort) TYPES(int) TYPES(long) TYPES(float)
#define STORE_BF16(n) \\
static inline ushort##n cg_store_bf16_##n(float##n f) \\
{ \\
    const uint##n u = as_uint##n(f), m = u & 0x7fffffffu; \\
    return convert_ushort##n(m > 0x7f800000u ? (uint##n)0x7fc0u : (u + 0x7fffu + (u >> 16 & 1)) >> 16); \\
}
STORE_BF16(4) STORE_BF16(8)
#if defined(__F16C__) && !defined(CG_PLAIN) && __has_builtin(__builtin_ia32_vcvtph2ps256)
#define cg_load_half_8(p) __builtin_ia32_vcvtph2ps256(as_short8(*(global const ushort8u *)(p)))
#define cg_store_half_8(v, p) *(global ushort8u *)(p) = as_ushort8(__builtin_ia32_vcvtps2ph256(v, 4))
#else
#define cg_load_half_8(p) vload_half8(0, p)
#define cg_store_half_8(v, p) vstore_half8_rte(v, 0, p)
#endif
"""


def _builtins(compute):
    """The macros m_<function> by which scalar code of the cpu schedule calls the library."""
    f = "f" if compute == FLOAT else ""
    lines = ["#if defined(__clang__) && !defined(CG_PLAIN)\n", *(f"#define m_{n} __builtin_{n}{f}\n" for n in INLINE)]
    lines += ["#else\n", *(f"#define m_{n} {n}\n" for n in INLINE), "#endif\n"]
    called = set(re.findall(r"\bM\((\w+)\)", _scalar_h()))
    lines += [f"#define m_{n} {n}\n" for n in sorted(called - set(INLINE))]
    return "".join(lines)


def scalar(text, schedule):
    """A formula's C text as scalar code of the schedule calls the library."""
    return re.sub(rf"\b({'|'.join(INLINE)})\(", r"m_\1(", text) if schedule == "cpu" else text


@functools.cache
def _scalar_h():
    return resources.files("cygrad").joinpath("_table/scalar.h").read_text()


def vector_type(code):
    return f"{ctype(code)}{width(code)}"


@functools.cache
def _complex(compute):
    """The helpers of complex formulas."""
    macros = {"C": ctype(compute), "T": ctype(compute - 2), "L(x)": "x" if compute == CDOUBLE else "x##f"}
    text = resources.files("cygrad").joinpath("cl/complex.cl").read_text()
    defined = "".join(f"#define {name} {value}\n" for name, value in macros.items())
    return defined + text + "".join(f"#undef {name.partition('(')[0]}\n" for name in macros)


def prelude(schedule, fp64, compute=None, contract=False):
    """What stands before the kernels: extensions, helpers, and those of the formulas in the compute dtype.

    contract: these helpers may round a*b+c once, which makes polynomials faster, and no worse.
    """
    parts = []
    if fp64:
        parts.append("#pragma OPENCL EXTENSION cl_khr_fp64 : enable\n")
    # PoCL and clang know the pragma: iterations are independent, though output and operand may be one buffer.
    # Two vectors of float32 side by side hide the latency of a polynomial.
    loop = "vectorize(assume_safety)" + (" vectorize_width(16)" if compute == FLOAT else "")
    parts.append(f'#define LOOP _Pragma("clang loop {loop}")\n' if schedule == "cpu" else "")
    parts.append(PRELUDE.replace("inline", "static inline"))
    if schedule == "cpu":
        parts.append(CPU_HALF + VECTOR_PRELUDE + ("TYPES(double)\n" if fp64 else ""))
    if compute is not None and compute >= CFLOAT:
        parts.append(_complex(compute))
    elif compute is not None:
        kind = {FLOAT: 1, DOUBLE: 2}.get(compute, 3)
        macros = {"T": ctype(compute), "N(f)": "f", "CG_KIND": kind, "half": "half_"}  # half: a word of OpenCL C
        if kind == 3:
            macros["UT"] = UNSIGNED[DTYPES[compute]]
        else:
            it = "int" if kind == 1 else "long"
            macros |= {"M(f)": "m_##f" if schedule == "cpu" else "f", "L(x)": "x##f" if kind == 1 else "x", "IT": it,
                       "IU": "u" + it, "BITS(x)": f"as_{it}(x)", "FLOAT(u)": f"as_{ctype(compute)}(u)"}  # fmt: skip
            parts.append(_builtins(compute) if schedule == "cpu" else "")
        parts += [f"#define {name} {value}\n" for name, value in macros.items()]
        helpers = _scalar_h()
        if contract:
            helpers = f"#pragma OPENCL FP_CONTRACT ON\n{helpers}#pragma OPENCL FP_CONTRACT OFF\n"
        parts += [helpers, *(f"#undef {name.partition('(')[0]}\n" for name in macros)]
    return "".join(parts)


def load(code, pointer, index, to, schedule="gpu"):
    """An element of dtype `code`, as the C type of dtype `to`."""
    if code == HALF:
        word = f"((global const ushort *){pointer})[{index}]"
        value = f"cg_load_half({word})" if schedule == "cpu" else f"vload_half({index}, {pointer})"
    elif code == BFLOAT16:
        value = f"as_float((uint){pointer}[{index}] << 16)"
    else:
        value = f"{pointer}[{index}]"
    return value if to == max(code, FLOAT) else cast(value, code, to)


def cast(value, of, to):
    """The conversion of a value of dtype `of` to dtype `to`, as x86 does it: out of range is unspecified, not UB."""
    if of == to:
        return value
    if to >= CFLOAT:
        return f"convert_{ctype(to)}({value})" if of >= CFLOAT else f"({ctype(to)})({cast(value, of, to - 2)}, 0)"
    if of >= CFLOAT and to == BOOL:
        return f"(uchar)(any(({value}) != ({ctype(of)})(0)) != 0)"
    if of >= CFLOAT:  # the real part
        return cast(f"({value}).x", of - 2, to)
    if to == BOOL:
        return f"(uchar)({value} != 0)"
    if of >= HALF and to < INT32:
        return f"({ctype(to)})(int)({value})"
    return f"({ctype(to)})({value})"


def store(code, pointer, index, value, of, schedule="gpu"):
    """Statement that stores `value` of dtype `of` (or a truth value, of = BOOL) as dtype `code`."""
    if code in (HALF, BFLOAT16) and of >= CFLOAT:
        value = f"({value}).x"
    if code == HALF and schedule == "cpu":
        return f"((global ushort *){pointer})[{index}] = cg_store_half((float)({value}));"
    if code == HALF:
        return f"vstore_half_rte((float)({value}), {index}, {pointer});"
    if code == BFLOAT16:
        return f"{pointer}[{index}] = cg_store_bf16((float)({value}));"
    return f"{pointer}[{index}] = {value if code == of else cast(f'({value})', of, code)};"


def width(compute):
    """Elements of an explicit vector.  Four doubles: PoCL 3.0 loses programs that call fabs(double8) in its cache."""
    return 4 if compute == DOUBLE else 8


def load_vector(code, pointer, to):
    """width(to) elements in a row as the vector type of dtype `to` (float32 or float64)."""
    n = width(to)
    if code == HALF:
        value, of = f"cg_load_half_8({pointer})" if n == 8 else f"vload_half{n}(0, {pointer})", FLOAT
    elif code == BFLOAT16:
        value, of = f"as_float{n}(convert_uint{n}(*(global const ushort{n}u *)({pointer})) << 16)", FLOAT
    else:
        value, of = f"*(global const {ctype(code)}{n}u *)({pointer})", code
    return value if of == to else f"convert_{ctype(to)}{n}({value})"


def store_vector(code, pointer, value, of):
    n = width(of)
    if code in (HALF, BFLOAT16) and of == DOUBLE:
        value, of = f"convert_float{n}({value})", FLOAT
    if code == HALF:
        return f"cg_store_half_8(({value}), {pointer});" if n == 8 else f"vstore_half{n}_rte({value}, 0, {pointer});"
    if code == BFLOAT16:
        return f"*(global ushort{n}u *)({pointer}) = cg_store_bf16_{n}({value});"
    value = value if code == of else f"convert_{ctype(code)}{n}({value})"
    return f"*(global {ctype(code)}{n}u *)({pointer}) = {value};"


def vector(text, compute):
    """A formula's C text as code with explicit vectors calls the library."""
    return re.sub(rf"\b({'|'.join(VECTOR_FUNCTIONS)})\(", r"cg_v\1(", text) if compute == FLOAT else text


def vector_functions(kernels, fp64):
    """The functions that the kernels got from `vector`."""
    called = set(re.findall(r"\bcg_v(\w+)\(", kernels))
    text = CPU_SIN if called else ""
    return text + ("" if "pow" not in called else CPU_POW if fp64 else "#define cg_vpow pow\n")


def _calls(text):
    return [n for n in ast.walk(ast.parse(text.strip(), mode="eval")) if isinstance(n, ast.Call)]


@functools.cache
def reads_vectors(text):
    """Whether the formula, read with vectors for its operands, is OpenCL C: it calls none of the scalar helpers, and
    no function of two arguments gets a bare number."""
    calls = _calls(text)
    library = [c for c in calls if c.func.id in _formula.LIBM]
    return all(c.func.id in (*_formula.LIBM, "where", "isnan") for c in calls) and all(
        any(isinstance(n, ast.Name) and n.id not in _formula.CONSTANTS for n in ast.walk(a))
        for c in library if len(c.args) > 1 for a in c.args
    )  # fmt: skip


@functools.cache
def vectorisable(text):
    """Whether vectors are worth it: the formula calls the library for more than an instruction."""
    called = [c.func.id for c in _calls(text) if c.func.id in _formula.LIBM]
    return any(_formula.LIBM[f] not in INLINE for f in called) and reads_vectors(text)
