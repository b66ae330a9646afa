"""The text of the OpenCL kernels: table rows and memory layouts to OpenCL C.  Imports no OpenCL.

Two schedules per family, both made from the same formulas:
  cpu  one work-item per group takes a chunk and loops over it: plain loops that the compiler vectorises, or explicit
       vectors where the formula calls the device's library (on a CPU these are calls, eight times cheaper by vector).
  gpu  one element (or output) per work-item; reductions of long rows by a tree in local memory.
A program holds every row that fits one signature (dtypes and layout): forty kernels build in the time of one.
Sixteen-wide vector builtins are never emitted: PoCL 3.0 aborts on them.
"""

import ast
import functools
import re
from dataclasses import dataclass
from importlib import resources

from cygrad._table import formula as _formula, rows as _table
from cygrad._table.formula import DTYPES

BOOL, INT32, INT64, HALF, BFLOAT16, FLOAT, DOUBLE = 0, 4, 5, 6, 7, 8, 9
SCALAR = 15  # in place of an operand's dtype code: a Python number
BROADCAST, UNIT, STRIDED = 0, 1, 2  # the innermost stride of an operand: 0, 1, or given at run time
LOCAL_SIZE = 256  # work-items per group of the gpu schedule
COLUMNS = 32  # outputs that one work-item of the cpu schedule keeps side by side in a column reduction
STORAGE = {"float16": "half", "bfloat16": "ushort"}
UNSIGNED = {"bool": "uchar", "int8": "uchar", "uint8": "uchar", "int16": "ushort", "int32": "uint", "int64": "ulong"}

# Rows of the backend's own, beside the table's: (operands, formula).
EXTRA = {"_copy": ("a", "a"), "_where": ("abc", "where(a!=0,b,c)")}


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
VECTOR_PRELUDE = """\
#define LEAST(a, b) ((a) < (b) ? (a) : (b)) /* min may be the name of a parameter */
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


def prelude(schedule, fp64, compute=None):
    """What stands before the kernels: extensions, helpers, and `_table/scalar.h` for the compute dtype."""
    parts = []
    if fp64:
        parts.append("#pragma OPENCL EXTENSION cl_khr_fp64 : enable\n")
    # PoCL and clang know the pragma: iterations are independent, though output and operand may be one buffer.
    parts.append('#define LOOP _Pragma("clang loop vectorize(assume_safety)")\n' if schedule == "cpu" else "")
    parts.append(PRELUDE.replace("inline", "static inline"))
    if schedule == "cpu":
        parts.append(VECTOR_PRELUDE + ("TYPES(double)\n" if fp64 else ""))
    if compute is not None:
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
        parts += [_scalar_h(), *(f"#undef {name.partition('(')[0]}\n" for name in macros)]
    return "".join(parts)


def load(code, pointer, index, to):
    """An element of dtype `code`, as the C type of dtype `to`."""
    if code == HALF:
        value = f"vload_half({index}, {pointer})"
    elif code == BFLOAT16:
        value = f"as_float((uint){pointer}[{index}] << 16)"
    else:
        value = f"{pointer}[{index}]"
    return value if to == max(code, FLOAT) else cast(value, code, to)


def cast(value, of, to):
    """The conversion of a value of dtype `of` to dtype `to`, as x86 does it: out of range is unspecified, not UB."""
    if to == BOOL:
        return value if of == BOOL else f"(uchar)({value} != 0)"
    if of >= HALF and to < INT32:
        return f"({ctype(to)})(int)({value})"
    return f"({ctype(to)})({value})"


def store(code, pointer, index, value, of):
    """Statement that stores `value` of dtype `of` (or a truth value, of = BOOL) as dtype `code`."""
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
        value, of = f"vload_half{n}(0, {pointer})", FLOAT
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
        return f"vstore_half{n}_rte({value}, 0, {pointer});"
    if code == BFLOAT16:
        return f"*(global ushort{n}u *)({pointer}) = cg_store_bf16_{n}({value});"
    value = value if code == of else f"convert_{ctype(code)}{n}({value})"
    return f"*(global {ctype(code)}{n}u *)({pointer}) = {value};"


@functools.cache
def vectorisable(text):
    """Whether the formula, read with vectors for its operands, is OpenCL C and worth it: it calls the library for
    more than an instruction, none of the scalar helpers, and no function of two arguments gets a bare number."""
    calls = [n for n in ast.walk(ast.parse(text.strip(), mode="eval")) if isinstance(n, ast.Call)]
    library = [c for c in calls if c.func.id in _formula.LIBM]
    if all(_formula.LIBM[c.func.id] in INLINE for c in library):
        return False
    return all(c.func.id in (*_formula.LIBM, "where", "isnan") for c in calls) and all(
        any(isinstance(n, ast.Name) and n.id not in _formula.CONSTANTS for n in ast.walk(a))
        for c in library if len(c.args) > 1 for a in c.args
    )  # fmt: skip


# ------------------------------------------------------------------ elementwise


@dataclass(frozen=True, slots=True)
class Signature:
    """Everything but the row that an elementwise kernel is made for.

    out, operands: dtype codes (SCALAR for a number); compute: the compute dtype code; layout: the innermost stride
    class of the output and of each operand; rank: how many further dimensions are walked; wide: their number of
    elements does not fit 32 bits.
    """

    out: int
    operands: tuple
    compute: int
    layout: tuple
    rank: int
    wide: bool = False


def kernel_name(row_name):
    return "k_" + row_name.replace(".", "_")


def find(name, compute):
    """(operands, formula, params, is a test) of a row or gradient row for a compute dtype; raises KeyError."""
    if name in EXTRA:
        return *EXTRA[name], (), False
    base, _, operand = name.partition(".d")
    row = _table.by_name[base]
    if operand:
        text = row.gradients[operand]
        return _formula.names(text), text if compute >= FLOAT else None, row.params, False
    return row.operands, row.formula(DTYPES[compute]), row.params, row.kind == "test"


# What a formula may call and still share a program: the others cost more to compile than a program does.
LIGHT = {"where", "isnan", "abs", "sign", "maximum", "minimum", "clamp", "sqrt", "floor", "exp", "sigmoid"}


def companions(name, sig):
    """The rows in the program of `name`, itself first: with it those light ones that have the same number of operands
    and the same kind of result (gradients apart), if it is one of them."""

    def light(other):
        args, text, _, test = find(other, sig.compute)
        fits = text is not None and len(args) == len(sig.operands) and test == want
        fits = fits and (".d" in other) == (".d" in name)
        rare = other in EXTRA or _table.by_name[other.partition(".d")[0]].rare
        return fits and not rare and _formula.functions(text) <= LIGHT

    want = find(name, sig.compute)[3]
    if not light(name):
        return [name]
    names = []
    for row in _table.rows():
        if not row.start:
            names += [row.name, *(f"{row.name}.d{x}" for x in row.gradients)]
    return [name, *(n for n in names if n != name and light(n))]


def elementwise_kernel(name, sig, schedule):
    """One kernel.  Arguments: output, its offset; each operand, its offset (a number: its value); the parameters; the
    innermost size; cpu: chunk of it per work-item; rank > 0: rows, cpu: rows per work-item; the sizes of the outer
    dimensions, innermost first; for the output and each operand the strides: innermost if STRIDED, then the outer."""
    args, text, params, test = find(name, sig.compute)
    t = ctype(sig.compute)
    result = BOOL if test else sig.compute
    tensors = [("o", sig.out, sig.layout[0])]
    tensors += [(x, d, w) for x, d, w in zip(args, sig.operands, sig.layout[1:], strict=True) if d != SCALAR]
    numbers = [x for x, d in zip(args, sig.operands, strict=True) if d == SCALAR]
    header = [f"global {storage(sig.out)} *o_, long oo_"]
    for x, d in zip(args, sig.operands, strict=True):
        header.append(f"{t} {x}_" if d == SCALAR else f"global const {storage(d)} *{x}_, long o{x}_")
    header += [f"{t} {p}_p" for p, _ in params] + ["long n_"]
    header += ["long chunk_"] if schedule == "cpu" else []
    if sig.rank:
        header += ["long rows_"] + (["long block_"] if schedule == "cpu" else [])
        header += [f"long d{k}_" for k in range(sig.rank)]
    for x, _, w in tensors:
        header += [f"long s{x}_"] if w == STRIDED else []
        header += [f"long s{x}{k}_" for k in range(sig.rank)]
    values = {x: x + "_" for x in numbers} | {p: p + "_p" for p, _ in params}
    declare = "".join(f"    const {t} {x} = {value};\n" for x, value in values.items())

    def index(x, way):
        inner = {BROADCAST: "", UNIT: " + i_", STRIDED: f" + i_*s{x}_"}[way]
        return f"p{x}_{inner}"

    def body(indent):
        lines = [f"const {t} {x} = {load(d, x + '_', index(x, w), sig.compute)};" for x, d, w in tensors[1:]]
        value = scalar(_formula.to_c(text, "cl", DTYPES[sig.compute]), schedule)
        lines.append(store(sig.out, "o_", index("o", sig.layout[0]), value, result))
        return "".join(f"{indent}{line}\n" for line in lines)

    offsets = "long po_ = oo_" + "".join(f", p{x}_ = o{x}_" for x, _, _ in tensors[1:]) + ";"

    def walk(indent, row):
        """Adds the offsets of outer index `row` to po_, pa_, ..."""
        kind = "ulong" if sig.wide or schedule == "cpu" else "uint"
        lines = [f"{kind} u_ = ({kind}){row};"] if sig.rank else []
        for k in range(sig.rank):
            last = k == sig.rank - 1
            lines.append(f"{{ const long x_ = {'u_' if last else f'u_ % ({kind})d{k}_'}; "
                         + " ".join(f"p{x}_ += x_*s{x}{k}_;" for x, _, _ in tensors)
                         + ("" if last else f" u_ /= ({kind})d{k}_;") + " }")  # fmt: skip
        return "".join(f"{indent}{line}\n" for line in lines)

    head = f"kernel void {kernel_name(name)}({', '.join(header)})\n{{\n"
    if schedule == "gpu":
        kind = "ulong" if sig.wide else "uint"
        if not sig.rank:
            place = "    const long i_ = get_global_id(0);\n    if (i_ >= n_) return;\n"
            return head + place + declare + f"    {offsets}\n" + body("    ") + "}\n"
        place = (f"    const {kind} at_ = get_global_id(0);\n    if (at_ >= n_*rows_) return;\n"
                 f"    const {kind} r_ = at_ / ({kind})n_;\n    const long i_ = at_ - r_*({kind})n_;\n")  # fmt: skip
        return head + place + declare + f"    {offsets}\n" + walk("    ", "r_") + body("    ") + "}\n"

    indent = "        " if sig.rank else "    "
    vector = ""
    unit = sig.layout[0] == UNIT and all(w != STRIDED for _, _, w in tensors)
    # Not from int64: PoCL 3.0 aborts on the conversion of eight longs to floats.
    if (sig.compute >= FLOAT and unit and vectorisable(text) and (test or sig.out >= HALF)
            and INT64 not in sig.operands):  # fmt: skip
        n = width(sig.compute)
        v = f"{t}{n}"

        def read(x, d, w):
            if w == UNIT:
                return load_vector(d, f"{x}_ + {index(x, UNIT)}", sig.compute)
            return f"({v})({load(d, x + '_', index(x, w), sig.compute)})"

        lines = [f"const {v} {x} = {read(x, d, w)};" for x, d, w in tensors[1:]]
        lines += [f"const {v} {x} = ({v})({value});" for x, value in values.items()]
        value = _formula.to_c(text, "cl", DTYPES[sig.compute])
        at = f"o_ + {index('o', UNIT)}"
        lines.append(f"*(global uchar{n}u *)({at}) = convert_uchar{n}(({value}) & 1);" if test else
                     store_vector(sig.out, at, value, sig.compute))  # fmt: skip
        vector = (f"{indent}for (; i_ + {n} <= to_; i_ += {n}) {{\n"
                  + "".join(f"{indent}    {line}\n" for line in lines) + f"{indent}}}\n")  # fmt: skip
    loop = f"{indent}LOOP\n{indent}for (; i_ < to_; i_++) {{\n{body(indent + '    ')}{indent}}}\n"
    # A broadcast operand is read once, outside of the loop, where the vector form does not name it anew.
    inner = f"{indent}{offsets}\n{walk(indent, 'r_')}{indent}long i_ = from_;\n{vector}{loop}"
    span = "    const long from_ = (long)get_global_id(0)*chunk_, to_ = LEAST(from_ + chunk_, n_);\n"
    if sig.rank:
        first = "(long)get_global_id(1)*block_"
        inner = (
            f"    const long last_ = LEAST({first} + block_, rows_);\n"
            f"    for (long r_ = {first}; r_ < last_; r_++) {{\n{inner}    }}\n"
        )
    return head + span + declare + inner + "}\n"


def elementwise_program(name, sig, schedule, fp64):
    """(source, row names) of the program that holds `name`."""
    names = companions(name, sig)
    kernels = "".join(elementwise_kernel(n, sig, schedule) for n in names)
    helpers = re.search(r"\b(cg_(?!store_bf16)|m_)\w+\(", kernels)  # a plain copy is spared their compilation
    return prelude(schedule, fp64, sig.compute if helpers else None) + kernels, names


# ------------------------------------------------------------------ reductions


@dataclass(frozen=True, slots=True)
class Reduction:
    """What a reduction kernel is made for.

    x: input dtype code; out: dtype code of the result, or None: the row's accumulator (a partial result).
    mode: "rows" (the innermost dimension of x is reduced), "columns" (it is kept), or "items" (gpu: one output per
    work-item), "tree" (gpu: one per group).  kept, reduced: how many dimensions; unit: the innermost stride is 1;
    wide: an output reads more elements than 32 bits count.
    """

    x: int
    out: int | None
    mode: str
    kept: int
    reduced: int
    unit: bool
    wide: bool = False


def accumulator(row, x, fp64):
    """The accumulator's dtype code for an input dtype code, or None where the row has no kernel."""
    if row.kind == "float" and x < HALF:
        return None
    if row.acc == "same":
        return FLOAT if x in (HALF, BFLOAT16) else x
    if row.acc in ("bool", "count"):
        return BOOL if row.acc == "bool" else INT64
    return INT64 if x < HALF else DOUBLE if fp64 or x == DOUBLE else FLOAT


def _dims(first, names, kind, row, size):
    """Statements that walk index `row` over the dims numbered `first` and add to offsets: names = {offset: strides}."""
    lines = []
    count = len(first)
    for i, k in enumerate(first):
        last = i == count - 1
        lines.append(f"{{ const long x_ = {'u_' if last else f'u_ % ({kind}){size}{k}_'}; "
                     + " ".join(f"{o} += x_*{s}{k}_;" for o, s in names.items())
                     + ("" if last else f" u_ /= ({kind}){size}{k}_;") + " }")  # fmt: skip
    return (f"{kind} u_ = ({kind})({row}); " + " ".join(lines)) if lines else ""


def _reduction_text(text, dtype):
    """A reduction's formula; read with vectors too, so of the helpers only abs, which OpenCL has for both."""
    if _formula.functions(text) - {"where", "isnan", "abs", "pow"}:
        raise _formula.FormulaError(f"{text!r} calls a function that reduction kernels do not have")
    return _formula.to_c(text, "cl", DTYPES[dtype]).replace("cg_abs(", "fabs(")


def reduction_kernel(row, sig, schedule, fp64):
    """One reduction kernel.  Arguments: output, its offset, x, its offset, the parameters, then longs:
    outs (outputs), block (outputs per work-item), splits, chunk (what one split takes of the reduced index space),
    sizes of the kept dimensions (innermost first), their strides in x, in out; sizes and strides of the reduced ones.
    Split s of an output is stored at s*outs behind it."""
    acc = accumulator(row, sig.x, fp64)
    # any, all and count_nonzero test the element in its own type
    element = acc if row.acc in ("wide", "same") else FLOAT if sig.x in (HALF, BFLOAT16) else sig.x
    out = acc if sig.out is None else sig.out
    t, e = ctype(acc), ctype(element)
    start, step, join = (_reduction_text(x, acc) for x in (row.start, row.step, row.join))
    narrow = row.narrow and sig.x in (HALF, BFLOAT16, FLOAT) and acc >= FLOAT
    header = [f"global {storage(out)} *o_", "long oo_", f"global const {storage(sig.x)} *x_", "long xo_"]
    header += [f"{t} {p}_p" for p, _ in row.params] + ["long outs_", "long block_", "long splits_", "long chunk_"]
    header += [f"long {n}{k}_" for n in ("kd", "kx", "ko") for k in range(sig.kept)]
    header += [f"long {n}{k}_" for n in ("rd", "rx") for k in range(sig.reduced)]
    head = f"kernel void {kernel_name(row.name)}({', '.join(header)})\n{{\n"
    head += "".join(f"    const {t} {p} = {p}_p;\n" for p, _ in row.params)
    total = " * ".join(f"rd{k}_" for k in range(sig.reduced)) or "1"
    head += f"    const long total_ = {total};\n"
    stride = "" if sig.unit else "*rx0_"
    kept, outer = range(sig.kept), range(1, sig.reduced)
    offsets = {"ox_": "kx", "oo2_": "ko"}

    def take(p, value, text=step, kind=t, element=e):
        return f"{{ const {kind} p = {p}; const {element} a = {value}; {p} = ({kind})({text}); }}"

    def save(index, value):
        return store(out, "o_", index, value, acc)

    def merge(p, q):
        return f"{{ const {t} p = {p}, q = {q}; {p} = ({t})({join}); }}"

    place = f"long ox_ = xo_, oo2_ = oo_; {_dims(kept, offsets, 'ulong', 'out_', 'kd')}"
    if sig.mode == "columns":
        value = load(sig.x, "x_", "at_ + c_", element)
        step_row = "for (int c_ = 0; c_ < {}; c_++) " + take("p_[c_]", value).replace("{", "{{").replace("}", "}}")
        walk = _dims(range(sig.reduced), {"at_": "rx"}, "ulong", "r_", "rd")
        rows = f"for (long r_ = from_; r_ < to_; r_++) {{ long at_ = ox_; {walk} "
        body = f"""\
    const long wide_ = (kd0_ + {COLUMNS - 1})/{COLUMNS};
    const long cell_ = get_global_id(0), c0_ = cell_ % wide_*{COLUMNS}, out_ = cell_/wide_*kd0_ + c0_;
    const long split_ = get_global_id(1), from_ = split_*chunk_, to_ = LEAST(from_ + chunk_, total_);
    {place}
    {t} p_[{COLUMNS}];
    const int m_ = LEAST((long){COLUMNS}, kd0_ - c0_);
    for (int c_ = 0; c_ < {COLUMNS}; c_++) p_[c_] = {start};
    if (m_ == {COLUMNS})
        {rows}{step_row.format(COLUMNS)} }}
    else
        {rows}{step_row.format("m_")} }}
    for (int c_ = 0; c_ < m_; c_++) {{ {save("split_*outs_ + oo2_ + c_*ko0_", "p_[c_]")} }}
}}
"""
        return head + body
    if schedule == "gpu":
        return head + _gpu_reduction(sig, row, acc, element, take, merge, save, place, start, narrow)

    # Rows: runs of the innermost reduced dimension, from flat index from_ to to_.
    vector = ""
    declare = finish = ""
    if acc >= FLOAT and sig.unit and sig.x >= HALF:
        n = width(acc)
        v = f"{t}{n}"
        get = load_vector(sig.x, "x_ + at_ + i_ + {k}", acc).format
        declare = " ".join(f"{v} v{k}_ = ({v})({start});" for k in range(4))
        # The scalar names p, a and q of the formula are vectors here, and so are its parameters.
        splat = "".join(f"const {v} {p} = ({v})({p}_p); " for p, _ in row.params)
        steps = " ".join(f"{{ const {v} p = v{k}_, a = {get(k=n * k)}; v{k}_ = {step}; }}" for k in range(4))
        vector = f"for (; i_ + {4 * n} <= e_; i_ += {4 * n}) {{ {splat}{steps} }}\n"
        if narrow:
            # Sixteen float32 elements per lane before they widen: half the work, an error below the result's rounding.
            get = load_vector(sig.x, "x_ + at_ + j_ + {k}", FLOAT).format
            zero, step32 = (_formula.to_c(x, "cl", "float32") for x in (row.start, row.step))
            steps = " ".join(f"{{ const float8 p = f{k}_, a = {get(k=8 * k)}; f{k}_ = {step32}; }}" for k in range(4))
            parts = [f"f{k}_" for k in range(4)]
            if acc == DOUBLE:
                parts = [f"convert_double4({f}.{half})" for f in parts for half in ("lo", "hi")]
            flush = " ".join(
                f"{{ const {v} p = v{k % 4}_, q = {f}; v{k % 4}_ = {join}; }}" for k, f in enumerate(parts)
            )
            vector = ("for (; i_ + 512 <= e_; i_ += 512) { float8 "
                      + ", ".join(f"f{k}_ = (float8)({zero})" for k in range(4))
                      + f"; for (long j_ = i_; j_ < i_ + 512; j_ += 32) {{ {steps} }} {flush} }}\n            "
                      + vector)  # fmt: skip
        lanes = [f"{{ const {v} p = v{i}_, q = v{j}_; v{i}_ = {join}; }}" for i, j in ((0, 1), (2, 3), (0, 2))]
        finish = " ".join(lanes) + " " + " ".join(merge("p_", f"v0_.s{k}") for k in range(n))
    value = load(sig.x, "x_", f"at_ + i_{stride}", element)
    body = f"""\
    const long split_ = get_global_id(1), from_ = split_*chunk_, to_ = LEAST(from_ + chunk_, total_);
    const long end_ = LEAST(((long)get_global_id(0) + 1)*block_, outs_);
    for (long out_ = (long)get_global_id(0)*block_; out_ < end_; out_++) {{
        {place}
        {t} p_ = {start};
        {declare}
        for (long f_ = from_; f_ < to_;) {{
            long i_ = f_ % rd0_, at_ = ox_;
            const long e_ = LEAST(rd0_, i_ + to_ - f_);
            {_dims(outer, {"at_": "rx"}, "ulong", "f_/rd0_", "rd")}
            f_ += e_ - i_;
            {vector}for (; i_ < e_; i_++) {take("p_", value)}
        }}
        {finish}
        {save("split_*outs_ + oo2_", "p_")}
    }}
}}
"""
    return head + body


def _gpu_reduction(sig, row, acc, element, take, merge, save, place, start, narrow):
    """The body for one output per work-item ("items") or per group ("tree")."""
    t = ctype(acc)
    tree = sig.mode == "tree"
    step, first = (f"{LOCAL_SIZE}", "from_ + get_local_id(0)") if tree else ("1", "from_")
    walk = _dims(range(sig.reduced), {"at_": "rx"}, "ulong" if sig.wide else "uint", "f_", "rd")
    get = load(sig.x, "x_", "at_", element)
    if narrow:
        # Up to 32 float32 elements add up before they widen.
        zero, step32 = _formula.to_c(row.start, "cl", "float32"), _formula.to_c(row.step, "cl", "float32")
        one = take("n_", load(sig.x, "x_", "at_", FLOAT), step32, "float", "float")
        loop = (f"for (long f_ = {first}; f_ < to_;) {{ float n_ = {zero}; for (int k_ = 0; k_ < 32 && f_ < to_; k_++, "
                f"f_ += {step}) {{ long at_ = ox_; {walk} {one} }} {merge('p_', f'({t})n_')} }}")  # fmt: skip
    else:
        loop = f"for (long f_ = {first}; f_ < to_; f_ += {step}) {{ long at_ = ox_; {walk} {take('p_', get)} }}"
    cell = "get_group_id(0)" if tree else "get_global_id(0)"
    guard = "" if tree else "    if (cell_ >= outs_*splits_) return;\n"
    body = f"""\
    const long cell_ = {cell}, out_ = cell_ % outs_, split_ = cell_/outs_;
{guard}    const long from_ = split_*chunk_, to_ = LEAST(from_ + chunk_, total_);
    {place}
    {t} p_ = {start};
    {loop}
"""
    if not tree:
        return body + f"    {save('split_*outs_ + oo2_', 'p_')}\n}}\n"
    return (
        body
        + f"""\
    local {t} l_[{LOCAL_SIZE}];
    const int lid_ = get_local_id(0);
    l_[lid_] = p_;
    for (int w_ = {LOCAL_SIZE // 2}; w_; w_ /= 2) {{
        barrier(CLK_LOCAL_MEM_FENCE);
        if (lid_ < w_) {merge("l_[lid_]", "l_[lid_ + w_]")}
    }}
    if (lid_ == 0) {{ {save("split_*outs_ + oo2_", "l_[0]")} }}
}}
"""
    )


def join_kernel(row, x, out, fp64):
    """The second stage: joins the splits of each output.  Arguments: output, offset, partials, outs, splits."""
    acc = accumulator(row, x, fp64)
    t = ctype(acc)
    return f"""\
kernel void {kernel_name(row.name)}_join(global {storage(out)} *o_, long oo_, global const {t} *x_,
                                         long outs_, long splits_)
{{
    const long out_ = get_global_id(0);
    if (out_ >= outs_) return;
    {t} p_ = x_[out_];
    for (long s_ = 1; s_ < splits_; s_++) {{
        const {t} p = p_, q = x_[s_*outs_ + out_];
        p_ = ({t})({_formula.to_c(row.join, "cl", DTYPES[acc])});
    }}
    {store(out, "o_", "oo_ + out_", "p_", acc)}
}}
"""


def _reductions(x, fp64):
    return [r for r in _table.rows() if r.start and accumulator(r, x, fp64) is not None]


def reduction_program(name, sig, schedule, fp64):
    """(source, kernel stems) of the program with every reduction of this signature."""
    rows = _reductions(sig.x, fp64)
    text = prelude(schedule, fp64) + "".join(reduction_kernel(r, sig, schedule, fp64) for r in rows)
    return text, [r.name for r in rows]


def join_program(name, x, out, schedule, fp64):
    rows = _reductions(x, fp64)
    text = prelude(schedule, fp64) + "".join(join_kernel(r, x, out, fp64) for r in rows)
    return text, [r.name + "_join" for r in rows]


# ------------------------------------------------------------------ the place of the extreme


def arg_program(x, kept, reduced, schedule, fp64):
    """argmax and argmin, and the second stage of each: (source, kernel stems).

    The first of equal elements wins and NaN wins over everything, so the result does not depend on the order in which
    the parts are looked at.  Arguments: values, indices (partial, splits of `outs` behind each other), x, its offset,
    outs, splits, chunk, kept sizes, strides in x; reduced sizes, strides.  Second stage: values or none, their offset,
    indices, offset, the partial ones, outs, splits."""
    element = FLOAT if x in (HALF, BFLOAT16) else x
    e = ctype(element)
    header = [f"global {e} *v_", "global long *i_", f"global const {storage(x)} *x_", "long xo_"]
    header += ["long outs_", "long splits_", "long chunk_"]
    header += [f"long {n}{k}_" for n in ("kd", "kx") for k in range(kept)]
    header += [f"long {n}{k}_" for n in ("rd", "rx") for k in range(reduced)]
    total = " * ".join(f"rd{k}_" for k in range(reduced))
    # Neighbouring work-items of a gpu read neighbouring elements; those of a cpu their own runs.
    span = (
        ("const long from_ = split_*chunk_, to_ = LEAST(from_ + chunk_, total_), step_ = 1;")
        if schedule == "cpu"
        else "const long from_ = split_, to_ = total_, step_ = splits_;"
    )
    text = [prelude(schedule, fp64)]
    for name, op in (("argmax", ">"), ("argmin", "<")):
        better = (f"(v_new {op} best_) || (v_new != v_new && best_ == best_) || "
                  "((v_new == best_ || (v_new != v_new && best_ != best_)) && i_new < at_best_)")  # fmt: skip
        update = f"if ({better}) {{ best_ = v_new; at_best_ = i_new; }}"
        text.append(f"""\
kernel void k_{name}({", ".join(header)})
{{
    const long cell_ = get_global_id(0), total_ = {total};
    if (cell_ >= outs_*splits_) return;
    const long out_ = cell_ % outs_, split_ = cell_/outs_;
    {span}
    long ox_ = xo_;
    {_dims(range(kept), {"ox_": "kx"}, "ulong", "out_", "kd")}
    {e} best_ = 0;
    long at_best_ = -1;
    for (long f_ = from_; f_ < to_; f_ += step_) {{
        long at_ = ox_;
        {_dims(range(reduced), {"at_": "rx"}, "ulong", "f_", "rd")}
        const {e} v_new = {load(x, "x_", "at_", element)};
        const long i_new = f_;
        if (at_best_ < 0) {{ best_ = v_new; at_best_ = i_new; }}
        else {update}
    }}
    v_[cell_] = best_;
    i_[cell_] = at_best_;
}}
kernel void k_{name}_join(global {storage(x)} *vo_, long ov_, global long *io_, long oi_, global const {e} *v_,
                          global const long *i_, long outs_, long splits_, long values_)
{{
    const long out_ = get_global_id(0);
    if (out_ >= outs_) return;
    {e} best_ = v_[out_];
    long at_best_ = i_[out_];
    for (long s_ = 1; s_ < splits_; s_++) {{
        const {e} v_new = v_[s_*outs_ + out_];
        const long i_new = i_[s_*outs_ + out_];
        if (i_new >= 0) {update}
    }}
    if (values_) {{ {store(x, "vo_", "ov_ + out_", "best_", element)} }}
    io_[oi_ + out_] = at_best_;
}}
""")
    return "".join(text), ["argmax", "argmax_join", "argmin", "argmin_join"]
