"""The text of the elementwise kernels: rows of the table to OpenCL C.  Imports no OpenCL.

A kernel takes every memory layout.  Its last argument is the index space, a struct: sizes, and for each tensor where it
begins and its strides, innermost dimension first.
  cpu  a work-item takes a block of rows and of columns.  Where all is one gapless run, light formulas read and write
       memory directly; else a strip of 64 elements at a time is gathered, computed and scattered, so that the loop over
       the strip is the same, vectors, whatever the strides are.
  gpu  a work-item per element, whose place is worked out from its number; where all is one gapless run, four elements.
"""

import functools
import re
from dataclasses import dataclass

from cygrad._table import formula as _formula, rows as _table
from cygrad._table.formula import DTYPES
from cygrad.cl import _source
from cygrad.cl._source import (
    BOOL,
    CFLOAT,
    FLOAT,
    HALF,
    RANK,
    SCALAR,
    ctype,
    load,
    load_vector,
    reads_vectors,
    storage,
    store,
    store_vector,
    vectorisable,
    width,
)

# Rows of the backend's own, beside the table's: (operands, formula).
EXTRA = {"_copy": ("a", "a"), "_where": ("abc", "where(a!=0,b,c)")}
STRIP = 64


@dataclass(frozen=True, slots=True)
class Signature:
    """Everything but the row that an elementwise kernel is made for.

    out, operands: dtype codes (SCALAR for a number); compute: the compute dtype code; wide: 32 bits do not count the
    elements (gpu).
    """

    out: int
    operands: tuple
    compute: int
    wide: bool = False


def kernel_name(row_name):
    return "k_" + row_name.replace(".", "_")


def find(name, compute):
    """(operands, formula, params, dtype code of its value) of a row or gradient row; raises KeyError."""
    if name in EXTRA:
        return *EXTRA[name], (), compute
    base, _, operand = name.partition(".d")
    row = _table.by_name[base]
    if operand:
        text = row.gradients[operand]
        has = compute >= FLOAT and (compute < CFLOAT or row.complexes)
        return _formula.names(text), text if has else None, row.params, compute
    result = DTYPES.index(row.result(DTYPES[compute]))
    return row.operands, row.formula(DTYPES[compute]), row.params, result


# What a formula may call and still share a program: the others cost more to compile than a program does.
LIGHT = {"where", "isnan", "abs", "sign", "maximum", "minimum", "clamp", "sqrt", "floor", "exp", "sigmoid", "conj"}

# What a formula may call and still be compiled twice, for one gapless run and for strips.  (Polynomials all.)
DIRECT = LIGHT | {"tanh", "log", "log2", "log10", "log1p", "exp2", "expm1", "erf", "softplus"}


def light(name, compute, calls=LIGHT):
    text = find(name, compute)[1]
    return text is not None and _formula.functions(text) <= calls


def companions(name, sig):
    """The rows in the program of `name`, itself first: with it those light ones that have the same number of operands
    and the same kind of result (gradients apart), if it is one of them."""

    def fits(other):
        if not light(other, sig.compute):
            return False
        args, _, _, result = find(other, sig.compute)
        rare = other in EXTRA or _table.by_name[other.partition(".d")[0]].rare
        return len(args) == len(sig.operands) and result == want and (".d" in other) == (".d" in name) and not rare

    want = find(name, sig.compute)[3]
    if not fits(name):
        return [name]
    names = []
    for row in _table.rows():
        if not row.start:
            names += [row.name, *(f"{row.name}.d{x}" for x in row.gradients)]
    return [name, *(n for n in names if n != name and fits(n))]


@functools.cache
def value_of(text, compute, result):
    """The formula as scalar OpenCL C of dtype code `result`, which it has by itself but for complex numbers."""
    if compute < CFLOAT:
        return _formula.to_c(text, "cl", DTYPES[compute])
    value, kind = _formula.to_vector(text, DTYPES[compute])
    return value if kind != "c" and result < CFLOAT or kind == "c" and result >= CFLOAT else (
        f"({value}).x" if kind == "c" else f"({ctype(compute)})({value}, 0)"
    )  # fmt: skip


def space(tensors):
    """The struct of an index space over so many tensors."""
    return (f"typedef struct {{ long rank, flat, chunk, rows, block, count, size[{RANK}], at[{tensors}], "
            f"stride[{tensors}][{RANK}]; }} Space{tensors};\n")  # fmt: skip


def fours(tensors, sig, t, declare, value, result):
    """The text of a gpu kernel for one gapless run: four elements by each work-item."""
    at = "ulong" if sig.wide else "uint"
    held = [("o", sig.out), *tensors]
    arrays = " ".join(f"{'float' if d == HALF else storage(d)} v{x}_[4];" for x, d in held)
    reads = " ".join(f"vstore4({'vload_half4' if d == HALF else 'vload4'}(0, {x}_ + s_.at[{k + 1}] + i_), 0, v{x}_);"
                     for k, (x, d) in enumerate(tensors))  # fmt: skip
    inner = "".join(
        f"const {t} {x} = "
        + (_source.cast(f"v{x}_[k_]", FLOAT, sig.compute) if d == HALF else load(d, f"v{x}_", "k_", sig.compute))
        + "; " for x, d in tensors)  # fmt: skip
    rest = "".join(f"const {t} {x} = {load(d, x + '_', f's_.at[{k + 1}] + i_', sig.compute)}; "
                   for k, (x, d) in enumerate(tensors))  # fmt: skip
    half = sig.out == HALF
    put = f"vo_[k_] = (float)({value});" if half else store(sig.out, "vo_", "k_", value, result)
    return f"""    if (s_.flat) {{
        {at} i_ = get_global_id(0)*4;
{declare}        if (i_ + 4 <= ({at})s_.count) {{
            {arrays}
            {reads}
            for (int k_ = 0; k_ < 4; k_++) {{ {inner}{put} }}
            {"vstore_half4_rte" if half else "vstore4"}(vload4(0, vo_), 0, o_ + s_.at[0] + i_);
            return;
        }}
        for (; i_ < ({at})s_.count; i_++) {{ {rest}{store(sig.out, "o_", "s_.at[0] + i_", value, result)} }}
        return;
    }}
"""


def elementwise_kernel(name, sig, schedule):
    """One kernel.  Arguments: the output; each operand (a number: its value); the parameters; the index space."""
    args, text, params, result = find(name, sig.compute)
    t, r = ctype(sig.compute), ctype(result)
    pairs = list(zip(args, sig.operands, strict=True))
    tensors = [(x, d) for x, d in pairs if d != SCALAR]
    header = [f"global {storage(sig.out)} *o_"]
    header += [f"{t} {x}_" if d == SCALAR else f"global const {storage(d)} *{x}_" for x, d in pairs]
    header += [f"{t} {p}_p" for p, _ in params] + [f"const Space{len(tensors) + 1} s_"]
    values = {x: x + "_" for x, d in pairs if d == SCALAR} | {p: p + "_p" for p, _ in params}
    declare = "".join(f"    const {t} {x} = {value};\n" for x, value in values.items())
    value = value_of(text, sig.compute, result)
    value = _source.scalar(value, schedule) if sig.compute < CFLOAT else value
    head = f"kernel void {kernel_name(name)}({', '.join(header)})\n{{\n"

    def read(x, d, index):
        return load(d, x + "_", index, sig.compute, schedule)

    if schedule == "gpu":
        at, place = ("ulong", "long") if sig.wide else ("uint", "int")
        names = ["po_", *(f"p{x}_" for x, _ in tensors)]
        step = " ".join(f"{p} += x_*({place})s_.stride[{k}][k_];" for k, p in enumerate(names))
        lines = "".join(f"    const {t} {x} = {read(x, d, f'p{x}_')};\n" for x, d in tensors)
        four = "" if max(sig.out, sig.compute, *(d for _, d in tensors)) >= CFLOAT else fours(
            tensors, sig, t, declare, value, result)  # fmt: skip
        return f"""{head}{four}    {at} u_ = get_global_id(0);
    if (u_ >= ({at})s_.count) return;
    {place} {", ".join(f"{p} = s_.at[{k}]" for k, p in enumerate(names))};
    const int last_ = s_.rank - 1;
    for (int k_ = 0; k_ < last_; k_++) {{
        const {at} n_ = s_.size[k_], q_ = u_ / n_;
        const {place} x_ = u_ - q_*n_;
        u_ = q_;
        {step}
    }}
    {{ const {place} x_ = u_; {step.replace("k_]", "last_]")} }}
{declare}{lines}    {store(sig.out, "o_", "po_", value, result)}
}}
"""
    names = ["o", *(x for x, _ in tensors)]
    halves = sig.compute == FLOAT and HALF in (sig.out, *sig.operands)  # vectors of the compiler's own instructions
    eights = ""
    if halves and not vectorisable(text) and reads_vectors(text) and result == FLOAT:
        lines = [f"const float8 {x} = {load_vector(d, f'{x}_ + s_.at[{k + 1}] + i_', FLOAT)};"
                 for k, (x, d) in enumerate(tensors)]  # fmt: skip
        vector = f"(float8)({_formula.to_c(text, 'cl', 'float32')})"
        put = store_vector(sig.out, "o_ + s_.at[0] + i_", vector, FLOAT)
        eights = f"for (; i_ + 8 <= to_; i_ += 8) {{ {' '.join(lines)} {put} }}"
    direct = ""
    if light(name, sig.compute, DIRECT) and not vectorisable(text) and (eights or not halves):
        lines = " ".join(f"const {t} {x} = {read(x, d, f's_.at[{k + 1}] + i_')};" for k, (x, d) in enumerate(tensors))
        direct = f"""    if (s_.flat) {{
        long i_ = from_;
        {eights}
        LOOP
        for (; i_ < to_; i_++) {{
            {lines} {store(sig.out, "o_", "s_.at[0] + i_", value, result, schedule)}
        }}
        return;
    }}
"""

    def by_eight(dtype, step, kind=FLOAT):
        return f"for (; j_ + 8 <= m_; j_ += 8) {{ {step} }}" if dtype == HALF and halves and kind == FLOAT else ""

    gather = ""
    for k, (x, d) in enumerate(tensors):
        gather += f"""            {{
                const long t_ = s_.stride[{k + 1}][0], base_ = p{x}_ + i_*t_;
                if (t_ == 1) {{
                    int j_ = 0;
                    {by_eight(d, f"*(float8u *)(x{x}_ + j_) = {load_vector(d, f'{x}_ + base_ + j_', FLOAT)};")}
                    LOOP
                    for (; j_ < m_; j_++) x{x}_[j_] = {read(x, d, "base_ + j_")};
                }} else if (t_ == 0) {{
                    const {t} v_ = {read(x, d, "base_")};
                    for (int j_ = 0; j_ < {STRIP}; j_++) x{x}_[j_] = v_;
                }} else
                    for (int j_ = 0; j_ < m_; j_++) x{x}_[j_] = {read(x, d, "base_ + j_*t_")};
            }}
"""
    tiles = "".join(f"    {t} x{x}_[{STRIP}] = {{0}};\n" for x, _ in tensors) + f"    {r} xo_[{STRIP}];\n"
    if FLOAT <= sig.compute < CFLOAT and vectorisable(text):
        v, n = _source.vector_type(sig.compute), width(sig.compute)
        lines = [f"const {v} {x} = *({v}u *)(x{x}_ + j_);" for x, _ in tensors]
        lines += [f"const {v} {x} = ({v})({y});" for x, y in values.items()]
        value = _source.vector(_formula.to_c(text, "cl", DTYPES[sig.compute]), sig.compute)
        put = f"*(uchar{n}u *)(xo_ + j_) = convert_uchar{n}(({value}) & 1);" if result == BOOL else \
            f"*({v}u *)(xo_ + j_) = {value};"  # fmt: skip
        compute = f"            for (int j_ = 0; j_ < m_; j_ += {n}) {{ {' '.join(lines)} {put} }}\n"
    else:
        lines = " ".join(f"const {t} {x} = x{x}_[j_];" for x, _ in tensors)
        compute = "            LOOP\n            for (int j_ = 0; j_ < m_; j_++) "
        compute += f"{{ {lines} xo_[j_] = {value}; }}\n"
    offsets = " ".join(f"p{x}_ += x_*s_.stride[{k}][k_];" for k, x in enumerate(names))
    return f"""{head}    const long from_ = (long)get_global_id(0)*s_.chunk, to_ = LEAST(from_ + s_.chunk, s_.size[0]);
{declare}{direct}{tiles}    const long first_ = (long)get_global_id(1)*s_.block;
    const long end_ = LEAST(first_ + s_.block, s_.rows);
    for (long r_ = first_; r_ < end_; r_++) {{
        long u_ = r_, {", ".join(f"p{x}_ = s_.at[{k}]" for k, x in enumerate(names))};
        for (int k_ = 1; k_ < s_.rank; k_++) {{
            const long q_ = k_ + 1 < s_.rank ? u_ / s_.size[k_] : 0, x_ = u_ - q_*s_.size[k_];
            u_ = q_;
            {offsets}
        }}
        for (long i_ = from_; i_ < to_; i_ += {STRIP}) {{
            const int m_ = LEAST((long){STRIP}, to_ - i_);
{gather}{compute}            const long t_ = s_.stride[0][0], base_ = po_ + i_*t_;
            if (t_ == 1) {{
                int j_ = 0;
                {by_eight(sig.out, store_vector(sig.out, "o_ + base_ + j_", "*(float8u *)(xo_ + j_)", FLOAT), result)}
                LOOP
                for (; j_ < m_; j_++) {store(sig.out, "o_", "base_ + j_", "xo_[j_]", result, schedule)}
            }} else
                for (int j_ = 0; j_ < m_; j_++) {store(sig.out, "o_", "base_ + j_*t_", "xo_[j_]", result, schedule)}
        }}
    }}
}}
"""


def elementwise_program(name, sig, schedule, fp64):
    """(source, row names) of the program that holds `name`."""
    names = companions(name, sig)
    kernels = "".join(elementwise_kernel(n, sig, schedule) for n in names)
    # A plain copy is spared the helpers' compilation.
    helpers = re.search(r"\b(cg_(?!store_bf16|store_half|load_half|v)|m_)\w+\(", kernels)
    contract = schedule == "cpu" and sig.compute == FLOAT and all(light(n, sig.compute, DIRECT) for n in names)
    head = _source.prelude(schedule, fp64, sig.compute if helpers else None, contract)
    head += _source.vector_functions(kernels, fp64) + space(1 + sum(d != SCALAR for d in sig.operands))
    return head + kernels, names
