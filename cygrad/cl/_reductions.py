"""The text of the reduction kernels: rows of the table, and argmax and argmin, to OpenCL C.  Imports no OpenCL.

The last argument of a kernel is a struct: how the work is cut, and two index spaces, innermost dimension first: the
dimensions that stay, with their strides in x and in the result, and those that are reduced.
  cpu  a work-item reduces whole rows with explicit vectors, or some neighbouring columns side by side.
  gpu  one output per work-item, or, where many elements make one output, per group: a tree in local memory.
Long reductions are split; a second kernel joins the parts.  The order of the additions depends on the shape alone.
"""

from dataclasses import dataclass

from cygrad._table import formula as _formula, rows as _table
from cygrad._table.formula import DTYPES
from cygrad.cl._elementwise import kernel_name
from cygrad.cl._source import (
    BFLOAT16,
    BOOL,
    CDOUBLE,
    CFLOAT,
    DOUBLE,
    FLOAT,
    HALF,
    INT64,
    RANK,
    ctype,
    load,
    load_vector,
    prelude,
    storage,
    store,
    width,
)

COLUMNS = 64  # outputs that one work-item of the cpu schedule keeps side by side

# WALK(u, n, size, step): the dimensions of index u, which each step sees as x_ (its place in dimension k_).
SPACE = f"""\
typedef struct {{
    long outs, block, splits, chunk, total, at_o, at_x, kept, reduced;
    long kd[{RANK}], kx[{RANK}], ko[{RANK}], rd[{RANK}], rx[{RANK}];
}} Cut;
#define WALK(kind, u, first, n, size, step) \\
    for (int k_ = first; k_ < n; k_++) {{ \\
        const kind q_ = k_ + 1 < n ? u / (kind)size[k_] : 0; const long x_ = u - q_*(kind)size[k_]; u = q_; step }}
#define PLACE \\
    long ox_ = s_.at_x, oo_ = s_.at_o; ulong w_ = out_; \\
    WALK(ulong, w_, 0, s_.kept, s_.kd, ox_ += x_*s_.kx[k_]; oo_ += x_*s_.ko[k_];)
"""


@dataclass(frozen=True, slots=True)
class Reduction:
    """What a reduction kernel is made for.

    x: input dtype code; out: dtype code of the result, or None: the row's accumulator (a partial result).
    mode: "rows" (the innermost dimension of x is reduced), "columns" (it is kept), or "items" (gpu: one output per
    work-item), "tree" (gpu: one per group).  wide: an output reads more elements than 32 bits count; group: work-items
    of a tree.
    """

    x: int
    out: int | None
    mode: str
    wide: bool = False
    group: int = 0


def accumulator(row, x, fp64):
    """The accumulator's dtype code for an input dtype code, or None where the row has no kernel."""
    if row.kind == "float" and x < HALF or x >= CFLOAT and not row.complexes:
        return None
    if row.acc == "same":
        return FLOAT if x in (HALF, BFLOAT16) else x
    if row.acc in ("bool", "count"):
        return BOOL if row.acc == "bool" else INT64
    if x >= CFLOAT:
        return CDOUBLE if fp64 else CFLOAT
    return INT64 if x < HALF else DOUBLE if fp64 or x == DOUBLE else FLOAT


def reduction_text(text, acc, element):
    """A reduction's formula; read with vectors too, so of the helpers only abs, which OpenCL has for both."""
    if element >= CFLOAT:
        return _formula.to_vector(text, DTYPES[element], "" if acc >= CFLOAT else "pq")[0]
    if _formula.functions(text) - {"where", "isnan", "abs", "pow"}:
        raise _formula.FormulaError(f"{text!r} calls a function that reduction kernels do not have")
    return _formula.to_c(text, "cl", DTYPES[acc]).replace("cg_abs(", "fabs(")


def first_value(row, acc):
    """The value that a reduction starts with."""
    if acc >= CFLOAT:
        return f"({ctype(acc)})({row.start}, 0)"
    return reduction_text(row.start, acc, acc)


def reduction_kernel(row, sig, schedule, fp64):
    """One reduction kernel.  Arguments: output, x, the parameters, the cut.  Split s of an output is stored at s*outs
    behind it."""
    acc = accumulator(row, sig.x, fp64)
    # any, all and count_nonzero test the element in its own type
    element = acc if row.acc in ("wide", "same") else FLOAT if sig.x in (HALF, BFLOAT16) else sig.x
    if sig.x >= CFLOAT:
        element = CDOUBLE if fp64 else CFLOAT
    out = acc if sig.out is None else sig.out
    t, e = ctype(acc), ctype(element)
    start, step = first_value(row, acc), reduction_text(row.step, acc, element)
    join = reduction_text(row.join, acc, acc)
    narrow = row.narrow and sig.x in (HALF, BFLOAT16, FLOAT) and FLOAT <= acc < CFLOAT
    header = [f"global {storage(out)} *o_", f"global const {storage(sig.x)} *x_"]
    header += [f"{t} {p}_p" for p, _ in row.params] + ["const Cut s_"]
    head = f"kernel void {kernel_name(row.name)}({', '.join(header)})\n{{\n"
    head += "".join(f"    const {t} {p} = {p}_p;\n" for p, _ in row.params)

    def take(p, value, text=step, kind=t, element=e):
        return f"{{ const {kind} p = {p}; const {element} a = {value}; {p} = ({kind})({text}); }}"

    def save(index, value):
        return store(out, "o_", index, value, acc, schedule)

    def merge(p, q):
        return f"{{ const {t} p = {p}, q = {q}; {p} = ({t})({join}); }}"

    def get(index, to=element):
        return load(sig.x, "x_", index, to, schedule)

    if sig.mode == "columns":
        rows = ("for (long r_ = from_; r_ < to_; r_++) { long at_ = ox_; ulong u_ = r_; "
                "WALK(ulong, u_, 0, s_.reduced, s_.rd, at_ += x_*s_.rx[k_];) ")  # fmt: skip

        def strip(m):
            """The reduction of m columns."""
            each = f"for (int c_ = 0; c_ < {m}; c_++) "
            if not narrow:
                return rows + each + take("p_[c_]", get("at_ + c_")) + " }"
            # Sixteen float32 elements of each column add up before they widen.
            zero, step32 = (_formula.to_c(x, "cl", "float32") for x in (row.start, row.step))
            one = take("n_[c_]", get("at_ + c_", FLOAT), step32, "float", "float")
            if m == COLUMNS:
                eights = range(0, m, 8)
                start8 = "".join(f"float8 f{k}_ = (float8)({zero}); " for k in eights)
                step8 = "".join(f"{{ const float8 p = f{k}_, a = {load_vector(sig.x, f'x_ + at_ + {k}', FLOAT)}; "
                                f"f{k}_ = {step32}; }}" for k in eights)  # fmt: skip
                spill = "".join(f"*(float8u *)(n_ + {k}) = f{k}_; " for k in eights)
                return (f"for (long b_ = from_; b_ < to_; b_ += 16) {{ {start8}"
                        + rows.replace("from_", "b_").replace("r_ < to_", "r_ < LEAST(b_ + 16, to_)")
                        + f"{step8} }} float n_[{m}]; {spill}{each}{merge('p_[c_]', f'({t})n_[c_]')} }}")  # fmt: skip
            return (f"for (long b_ = from_; b_ < to_; b_ += 16) {{ float n_[{COLUMNS}]; {each}n_[c_] = {zero}; "
                    + rows.replace("from_", "b_").replace("r_ < to_", "r_ < LEAST(b_ + 16, to_)")
                    + f"{each}{one} }} {each}{merge('p_[c_]', f'({t})n_[c_]')} }}")  # fmt: skip

        body = f"""\
    const long wide_ = (s_.kd[0] + {COLUMNS - 1})/{COLUMNS};
    const long cell_ = get_global_id(0), c0_ = cell_ % wide_*{COLUMNS}, out_ = cell_/wide_*s_.kd[0] + c0_;
    const long split_ = get_global_id(1), from_ = split_*s_.chunk, to_ = LEAST(from_ + s_.chunk, s_.total);
    PLACE
    {t} p_[{COLUMNS}];
    const int m_ = LEAST((long){COLUMNS}, s_.kd[0] - c0_);
    for (int c_ = 0; c_ < {COLUMNS}; c_++) p_[c_] = {start};
    if (m_ == {COLUMNS})
        {strip(COLUMNS)}
    else
        {strip("m_")}
    for (int c_ = 0; c_ < m_; c_++) {{ {save("split_*s_.outs + oo_ + c_*s_.ko[0]", "p_[c_]")} }}
}}
"""
        return head + body
    if schedule == "gpu":
        return head + _gpu_reduction(row, sig, acc, take, merge, save, get, start, narrow)

    # Rows: runs of the innermost reduced dimension, from flat index from_ to to_.
    unit = f"for (; i_ < e_; i_++) {take('p_', get('at_ + i_'))}"
    declare = finish = ""
    if FLOAT <= acc < CFLOAT and HALF <= sig.x < CFLOAT:
        n = width(acc)
        v = f"{t}{n}"
        part = load_vector(sig.x, "x_ + at_ + i_ + {k}", acc).format
        declare = " ".join(f"{v} v{k}_ = ({v})({start});" for k in range(4))
        # The scalar names p, a and q of the formula are vectors here, and so are its parameters.
        splat = "".join(f"const {v} {p} = ({v})({p}_p); " for p, _ in row.params)
        steps = " ".join(f"{{ const {v} p = v{k}_, a = {part(k=n * k)}; v{k}_ = {step}; }}" for k in range(4))
        vector = f"for (; i_ + {4 * n} <= e_; i_ += {4 * n}) {{ {splat}{steps} }}\n"
        if narrow:
            # Sixteen float32 elements per lane before they widen: half the work, an error below the result's rounding.
            part = load_vector(sig.x, "x_ + at_ + j_ + {k}", FLOAT).format
            zero, step32 = (_formula.to_c(x, "cl", "float32") for x in (row.start, row.step))
            steps = " ".join(f"{{ const float8 p = f{k}_, a = {part(k=8 * k)}; f{k}_ = {step32}; }}" for k in range(4))
            parts = [f"f{k}_" for k in range(4)]
            if acc == DOUBLE:
                parts = [f"convert_double4({f}.{half})" for f in parts for half in ("lo", "hi")]
            flush = " ".join(
                f"{{ const {v} p = v{k % 4}_, q = {f}; v{k % 4}_ = {join}; }}" for k, f in enumerate(parts)
            )
            vector = ("for (; i_ + 512 <= e_; i_ += 512) { float8 "
                      + ", ".join(f"f{k}_ = (float8)({zero})" for k in range(4))
                      + f"; for (long j_ = i_; j_ < i_ + 512; j_ += 32) {{ {steps} }} {flush} }}\n                "
                      + vector)  # fmt: skip
        unit = vector + "                " + unit
        lanes = [f"{{ const {v} p = v{i}_, q = v{j}_; v{i}_ = {join}; }}" for i, j in ((0, 1), (2, 3), (0, 2))]
        finish = " ".join(lanes) + " " + " ".join(merge("p_", f"v0_.s{k}") for k in range(n))
    body = f"""\
    const long split_ = get_global_id(1), from_ = split_*s_.chunk, to_ = LEAST(from_ + s_.chunk, s_.total);
    const long end_ = LEAST(((long)get_global_id(0) + 1)*s_.block, s_.outs), row_ = s_.rd[0], t_ = s_.rx[0];
    for (long out_ = (long)get_global_id(0)*s_.block; out_ < end_; out_++) {{
        PLACE
        {t} p_ = {start};
        {declare}
        for (long f_ = from_; f_ < to_;) {{
            long i_ = f_ % row_, at_ = ox_;
            const long e_ = LEAST(row_, i_ + to_ - f_);
            ulong u_ = f_/row_;
            WALK(ulong, u_, 1, s_.reduced, s_.rd, at_ += x_*s_.rx[k_];)
            f_ += e_ - i_;
            if (t_ == 1) {{
                {unit}
            }} else
                for (; i_ < e_; i_++) {take("p_", get("at_ + i_*t_"))}
        }}
        {finish}
        {save("split_*s_.outs + oo_", "p_")}
    }}
}}
"""
    return head + body


def _gpu_reduction(row, sig, acc, take, merge, save, get, start, narrow):
    """The body for one output per work-item ("items") or per group ("tree")."""
    t = ctype(acc)
    tree = sig.mode == "tree"
    step, first = (f"{sig.group}", "from_ + get_local_id(0)") if tree else ("1", "from_")
    kind = "ulong" if sig.wide else "uint"
    walk = f"{kind} u_ = f_; WALK({kind}, u_, 0, s_.reduced, s_.rd, at_ += x_*s_.rx[k_];)"
    if narrow:
        # Up to 32 float32 elements add up before they widen.
        zero, step32 = _formula.to_c(row.start, "cl", "float32"), _formula.to_c(row.step, "cl", "float32")
        one = take("n_", get("at_", FLOAT), step32, "float", "float")
        loop = (f"for (long f_ = {first}; f_ < to_;) {{ float n_ = {zero}; for (int j_ = 0; j_ < 32 && f_ < to_; j_++, "
                f"f_ += {step}) {{ long at_ = ox_; {walk} {one} }} {merge('p_', f'({t})n_')} }}")  # fmt: skip
    else:
        loop = f"for (long f_ = {first}; f_ < to_; f_ += {step}) {{ long at_ = ox_; {walk} {take('p_', get('at_'))} }}"
    cell = "get_group_id(0)" if tree else "get_global_id(0)"
    guard = "" if tree else "    if (cell_ >= s_.outs*s_.splits) return;\n"
    body = f"""\
    const long cell_ = {cell}, out_ = cell_ % s_.outs, split_ = cell_/s_.outs;
{guard}    const long from_ = split_*s_.chunk, to_ = LEAST(from_ + s_.chunk, s_.total);
    PLACE
    {t} p_ = {start};
    {loop}
"""
    if not tree:
        return body + f"    {save('split_*s_.outs + oo_', 'p_')}\n}}\n"
    return (
        body
        + f"""\
    local {t} l_[{sig.group}];
    const int lid_ = get_local_id(0);
    l_[lid_] = p_;
    for (int w_ = {sig.group // 2}; w_; w_ /= 2) {{
        barrier(CLK_LOCAL_MEM_FENCE);
        if (lid_ < w_) {merge("l_[lid_]", "l_[lid_ + w_]")}
    }}
    if (lid_ == 0) {{ {save("split_*s_.outs + oo_", "l_[0]")} }}
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
        p_ = ({t})({reduction_text(row.join, acc, acc)});
    }}
    {store(out, "o_", "oo_ + out_", "p_", acc)}
}}
"""


def _reductions(x, fp64):
    return [r for r in _table.rows() if r.start and accumulator(r, x, fp64) is not None]


def _prelude(x, schedule, fp64):
    return prelude(schedule, fp64, (CDOUBLE if fp64 else CFLOAT) if x >= CFLOAT else None)


def reduction_program(name, sig, schedule, fp64):
    """(source, kernel stems) of the program with every reduction of this signature."""
    rows = _reductions(sig.x, fp64)
    text = _prelude(sig.x, schedule, fp64) + SPACE
    return text + "".join(reduction_kernel(r, sig, schedule, fp64) for r in rows), [r.name for r in rows]


def join_program(name, x, out, schedule, fp64):
    rows = _reductions(x, fp64)
    text = _prelude(x, schedule, fp64) + "".join(join_kernel(r, x, out, fp64) for r in rows)
    return text, [r.name + "_join" for r in rows]


# ------------------------------------------------------------------ the place of the extreme


def arg_program(x, schedule, fp64):
    """argmax and argmin, and the second stage of each: (source, kernel stems).

    The first of equal elements wins and NaN wins over everything, so the result does not depend on the order in which
    the parts are looked at.  Arguments: values, indices (partial, splits of `outs` behind each other), x, the cut.
    Second stage: values or none, their offset, indices, offset, the partial ones, outs, splits, whether values."""
    element = FLOAT if x in (HALF, BFLOAT16) else x
    e = ctype(element)
    # Neighbouring work-items of a gpu read neighbouring elements; those of a cpu their own runs.
    span = (
        ("const long from_ = split_*s_.chunk, to_ = LEAST(from_ + s_.chunk, s_.total), step_ = 1;")
        if schedule == "cpu"
        else "const long from_ = split_, to_ = s_.total, step_ = s_.splits;"
    )
    text = [prelude(schedule, fp64), SPACE]
    for name, op in (("argmax", ">"), ("argmin", "<")):
        better = (f"(v_new {op} best_) || (v_new != v_new && best_ == best_) || "
                  "((v_new == best_ || (v_new != v_new && best_ != best_)) && i_new < at_best_)")  # fmt: skip
        update = f"if ({better}) {{ best_ = v_new; at_best_ = i_new; }}"
        text.append(f"""\
kernel void k_{name}(global {e} *v_, global long *i_, global const {storage(x)} *x_, const Cut s_)
{{
    const long cell_ = get_global_id(0);
    if (cell_ >= s_.outs*s_.splits) return;
    const long out_ = cell_ % s_.outs, split_ = cell_/s_.outs;
    {span}
    PLACE
    {e} best_ = 0;
    long at_best_ = -1;
    for (long f_ = from_; f_ < to_; f_ += step_) {{
        long at_ = ox_;
        ulong u_ = f_;
        WALK(ulong, u_, 0, s_.reduced, s_.rd, at_ += x_*s_.rx[k_];)
        const {e} v_new = {load(x, "x_", "at_", element, schedule)};
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
