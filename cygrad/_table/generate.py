"""Writes the C kernels of the table: `python -m cygrad._table.generate OUT_DIR`.

Output: `kernels.h` (the interface), `kernels_<x>.c` (the kernels, in parts that compile side by
side) and `kernels.c` (casts and the tables over all of it).  Needs
`cygrad/` on the include path.  Nothing outside of this folder is imported, so that a build can run it
before anything is compiled.  Compile with -O3 -fno-math-errno -fno-trapping-math -fwrapv.
"""

import pathlib
import re
import sys

from . import formula as _formula, rows as _table

PARTS = 4
DTYPES = _formula.DTYPES
HALF = {
    "float16": ("cg_half_to_float", "cg_float_to_half"),
    "bfloat16": ("cg_bfloat_to_float", "cg_float_to_bfloat"),
}
COMPUTE = tuple(d for d in DTYPES if d not in HALF)  # half types are widened by the executor
FLOATS = ("float32", "float64")
COMPLEX = tuple(_formula.COMPLEX)
# Functions that are polynomials in the main: their strips may fuse products and sums.
POLYNOMIALS = frozenset((
    "exp exp2 ldexp sinc expm1 log log2 log10 log1p sigmoid softplus logaddexp logaddexp2 xlogy xlog1py entr logit "
    "tan asin acos atan atan2 sinh cosh tanh asinh acosh atanh erf erfc erfinv erfcx ndtr ndtri log_ndtr lgamma "
    "digamma i0 i0e i1 i1e"
).split())  # fmt: skip
UNSIGNED = {
    "uint8": "uint8_t", "int8": "uint8_t", "int16": "uint16_t", "int32": "uint32_t",
    "int64": "uint64_t",
}  # fmt: skip

HEADER = """\
/* Generated from cygrad/_table/rows.py.  dtype codes: 0 bool, 1 uint8, 2 int8, 3 int16, 4 int32, 5 int64,
 * 6 float16, 7 bfloat16, 8 float32, 9 float64, 10 complex64, 11 complex128.  A missing kernel is
 * NULL. */
#ifndef CG_KERNELS_H
#define CG_KERNELS_H
#include <stddef.h>
#include <stdint.h>

#define CG_DTYPES 12

typedef struct { union { double f; long long i; }; double im; } cg_param;

/* p[0] is the output, p[1..] the operands in the order of `args`; strides in bytes, 0 = one value
 * for all.  p[0] may be the address of an operand.  q holds the row's parameters in order: .f in
 * floating kernels, .f and .im in complex ones, .i in integer ones. */
typedef void (*cg_kernel)(ptrdiff_t n, char **p, const ptrdiff_t *stride, const cg_param *q);
typedef struct { const char *name; int nargs; const char *args; cg_kernel k[CG_DTYPES]; } cg_op;
extern const cg_op cg_ops[];
extern const int cg_n_ops;

/* All are indexed by the input's dtype code; acc[] is the accumulator's dtype code or -1.
 *   inner  p[0] one accumulator, p[1] the input: folds n elements into it
 *   outer  p[0] n accumulators, p[1] the input: acc[j] = step(acc[j], in[j])
 *   rows   the same of CG_ROWS rows of packed float32, stride[1] apart, eight added before they widen; or 0
 *   join   p[0] n accumulators, p[1] those of another part: acc[j] = join(acc[j], other[j])
 *   init   p[0] n accumulators: set to the start value */
#define CG_ROWS 16
typedef struct {
    const char *name;
    int acc[CG_DTYPES];
    cg_kernel inner[CG_DTYPES], outer[CG_DTYPES], rows[CG_DTYPES], join[CG_DTYPES], init[CG_DTYPES];
} cg_reduction;
extern const cg_reduction cg_reductions[];
extern const int cg_n_reductions;

/* [to][from]; strides in bytes. */
typedef void (*cg_cast)(ptrdiff_t n, char *out, ptrdiff_t so, const char *in, ptrdiff_t si);
extern const cg_cast cg_casts[CG_DTYPES][CG_DTYPES];
#endif
"""


# The macros that scalar.h asks for, per kind of type.
_SECTION = {
    "float32": """\
#define M(name) name##f
#define L(x) x##f
#define IT int32_t
#define IU uint32_t
#define BITS(x) ((int32_t)cg_to_bits(x))
#define FLOAT(u) cg_from_bits((uint32_t)(u))
""",
    "float64": """\
#define M(name) name
#define L(x) x
#define IT int64_t
#define IU uint64_t
#define BITS(x) ((int64_t)cg_to_bits64(x))
#define FLOAT(u) cg_from_bits64((uint64_t)(u))
""",
}
_SECTION |= {d: f"#define UT {u}\n" for d, u in UNSIGNED.items()}


def _included(define, header):
    """The text that reads a header under macros, which end with it."""
    undef = "".join(f"#undef {m}\n" for m in re.findall(r"^#define (\w+)", define, re.MULTILINE))
    return f'{define}#include "{header}"\n{undef}\n'


def scalar_sections():
    """scalar.h once per real compute type, complex.h once per complex one."""
    out = []
    # float64 before float32, whose helpers may compute in double
    for dtype in ("uint8", "int8", "int16", "int32", "int64", "float64", "float32"):
        ctype, suffix = _formula.CTYPE["c"][dtype], _formula.SUFFIX[dtype]
        kind = {"float32": 1, "float64": 2}.get(dtype, 3)
        define = f"#define T {ctype}\n#define N(name) name##_{suffix}\n#define CG_KIND {kind}\n"
        out.append(_included(define + _SECTION[dtype], "_table/scalar.h"))
    for dtype, part in _formula.COMPLEX.items():
        real, f = _formula.CTYPE["c"][part], "f" if part == "float32" else ""
        define = (
            f"#define T {real}\n#define C {real} _Complex\n#define MAKE CMPLX{f.upper()}\n"
            f"#define N(name) name##_{_formula.SUFFIX[dtype]}\n"
            f"#define R(name) name##_{_formula.SUFFIX[part]}\n"
            f"#define M(name) name{f and '##' + f}\n#define L(x) x{f and '##' + f}\n"
        )
        out.append(_included(define, "_table/complex.h"))
    return "".join(out)


def _params(row, dtype, text):
    """Declarations of the parameters that the text reads."""
    ctype = _formula.CTYPE["c"][dtype]
    value = "({1})q_[{0}].f" if dtype.startswith("float") else "({1})q_[{0}].i"
    if dtype in COMPLEX:
        value = "({1})CMPLX(q_[{0}].f, q_[{0}].im)"
    used = _formula.identifiers(text)
    return "".join(
        f"    const {ctype} {name} = {value.format(k, ctype)};\n"
        for k, (name, _) in enumerate(row.params)
        if name in used
    )


def elementwise(name, row, text, args, dtype, out_dtype):
    """One kernel, the contiguous strip and its wrapper: (function name, C text)."""
    t, r = _formula.CTYPE["c"][dtype], _formula.CTYPE["c"][out_dtype]
    inner = "float64" if row.wide and dtype == "float32" else dtype  # what the formula computes in
    v = _formula.CTYPE["c"][inner]
    func = f"cgk_{name.replace('.', '_')}_{_formula.SUFFIX[dtype]}"
    # Levels pay where a loop vectorises: most complex functions are calls of libm.
    inline = {"conj", "where", "real", "imag", "angle", "times_i"}
    plain = not row.rare and not (dtype in COMPLEX and _formula.functions(text) - inline)
    clones = "CG_CLONES " if plain else ""
    if dtype in FLOATS and POLYNOMIALS & _formula.functions(text):
        clones = "CG_FUSED " + clones
    used = [(k, x) for k, x in enumerate(args, 1) if x in _formula.names(text)]
    pointers = "".join(f"    const {t} *{x}_ = (const {t} *)p_[{k}];\n" for k, x in used)
    whole = " != 0" if dtype == "bool" else ""  # NumPy's views make bools of any byte
    loads = "".join(f"        const {v} {x} = {x}_[i_]{whole};\n" for _, x in used)
    return func, f"""\
{clones}static void {func}_strip(ptrdiff_t n_, char **p_, const cg_param *q_)
{{
    {r} *o_ = ({r} *)p_[0];
{pointers}{_params(row, inner, text)}\
    CG_IVDEP
    for (ptrdiff_t i_ = 0; i_ < n_; i_++) {{
{loads}        o_[i_] = ({r})({_formula.to_c(text, "c", inner)});
    }}
}}
CG_WRAPPER void {func}(ptrdiff_t n, char **p, const ptrdiff_t *s, const cg_param *q)
{{ cg_blocks(n, p, s, q, {len(args)}, sizeof({r}), sizeof({t}), {func}_strip); }}

"""


def accumulator(row, dtype):
    """The accumulator's dtype for an input dtype, or None where the row has no kernel."""
    floating = "float" in dtype
    if dtype in COMPLEX:
        if not row.complexes:
            return None
        return {"bool": "bool", "count": "int64"}.get(row.acc, "complex128")
    if row.kind == "float" and not floating:
        return None
    if row.acc == "same":
        return "float32" if dtype in HALF else dtype
    return {"bool": "bool", "count": "int64"}.get(row.acc) or ("float64" if floating else "int64")


def _size(dtype):
    return 1 if dtype == "bool" else int("".join(c for c in dtype if c.isdigit())) // 8


def reduction(row, dtype):
    """The four kernels of a reduction for one input dtype: (function stem, C text).

    `inner` keeps a few cache lines of independent accumulators ("lanes"), which is what lets gcc
    vectorise it without reordering anything by itself; they are joined pairwise.  A plain float32
    sum (`narrow`) adds eight floats per lane before it widens: half the work, and an error below
    the rounding of the result.
    """
    acc = accumulator(row, dtype)
    t, r = _formula.CTYPE["c"][dtype], _formula.CTYPE["c"][acc]
    func = f"cgk_{row.name}_{_formula.SUFFIX[dtype]}"
    lanes = min(64, 256 // _size(acc))
    # any, all and count_nonzero test the element in its own type
    element = r if row.acc in ("wide", "same") else t
    start, step, join = (_formula.to_c(x, "c", acc) for x in (row.start, row.step, row.join))
    params = _params(row, acc, row.step)
    whole = " != 0" if dtype == "bool" else ""

    def fold(index, width):
        return (
            f"for (int l_ = 0; l_ < {width}; l_++) {{\n"
            f"            const {r} p = lane_[l_];\n"
            f"            const {element} a = ({element})(in_[{index}]{whole});\n"
            f"            lane_[l_] = ({r}){step};\n        }}"
        )

    narrow = ""
    if row.narrow and dtype == "float32":
        narrow = f"""\
    for (; i_ + {8 * lanes} <= n_; i_ += {8 * lanes})
        for (int l_ = 0; l_ < {lanes}; l_++) {{
            float part_ = {_formula.to_c(row.start, "c", "float32")};
            for (int k_ = 0; k_ < {8 * lanes}; k_ += {lanes}) {{
                const float p = part_, a = in_[i_ + k_ + l_];
                part_ = {_formula.to_c(row.step, "c", "float32")};
            }}
            {{ const {r} p = lane_[l_], q = (double)part_; lane_[l_] = {join}; }}
        }}
"""
    text = f"""\
CG_CLONES static void {func}_inner_strip(ptrdiff_t n_, char **p_, const cg_param *q_)
{{
    const {t} *in_ = (const {t} *)p_[1];
    {r} lane_[{lanes}], *acc_ = ({r} *)p_[0];
    ptrdiff_t i_ = 0;
{params}\
    for (int l_ = 0; l_ < {lanes}; l_++) lane_[l_] = {start};
{narrow}\
    for (; i_ + {lanes} <= n_; i_ += {lanes})
        {fold("i_ + l_", lanes)}
    {fold("i_ + l_", "n_ - i_")}
    for (int w_ = {lanes // 2}; w_; w_ /= 2)
        for (int l_ = 0; l_ < w_; l_++) {{
            const {r} p = lane_[l_], q = lane_[l_ + w_];
            lane_[l_] = ({r}){join};
        }}
    {{ const {r} p = *acc_, q = lane_[0]; *acc_ = ({r}){join}; }}
}}
CG_CLONES static void {func}_outer_strip(ptrdiff_t n_, char **p_, const cg_param *q_)
{{
    {r} *acc_ = ({r} *)p_[0];
    const {t} *in_ = (const {t} *)p_[1];
{params}\
    CG_IVDEP
    for (ptrdiff_t i_ = 0; i_ < n_; i_++) {{
        const {r} p = acc_[i_];
        const {element} a = ({element})(in_[i_]{whole});
        acc_[i_] = ({r}){step};
    }}
}}
CG_WRAPPER void {func}_inner(ptrdiff_t n, char **p, const ptrdiff_t *s, const cg_param *q)
{{ cg_fold(n, p, s, q, sizeof({t}), {func}_inner_strip); }}
CG_WRAPPER void {func}_outer(ptrdiff_t n, char **p, const ptrdiff_t *s, const cg_param *q)
{{ cg_update(n, p, s, q, sizeof({r}), sizeof({t}), {func}_outer_strip); }}

"""
    if narrow:
        zero, step32 = (_formula.to_c(x, "c", "float32") for x in (row.start, row.step))
        text += f"""\
CG_CLONES static void {func}_rows_strip(ptrdiff_t n_, char **p_, const ptrdiff_t *s_)
{{
    {r} *acc_ = ({r} *)p_[0];
    const ptrdiff_t row_ = s_[1];
    for (int from_ = 0; from_ < CG_ROWS; from_ += 8) {{
        const char *in_ = p_[1] + from_ * row_;
        CG_IVDEP
        for (ptrdiff_t i_ = 0; i_ < n_; i_++) {{
            float part_ = {zero};
            for (int k_ = 0; k_ < 8; k_++) {{
                const float p = part_, a = *(const float *)(in_ + k_ * row_ + i_ * 4);
                part_ = {step32};
            }}
            {{ const {r} p = acc_[i_], q = (double)part_; acc_[i_] = {join}; }}
        }}
    }}
}}
CG_WRAPPER void {func}_rows(ptrdiff_t n, char **p, const ptrdiff_t *s, const cg_param *q)
{{ {func}_rows_strip(n, p, s); }}

"""
    return func, text


def joining(row, acc):
    """The kernels that depend on the accumulator's type alone: (function stem, C text)."""
    r = _formula.CTYPE["c"][acc]
    func = f"cgk_{row.name}_acc_{_formula.SUFFIX[acc]}"
    start, join = _formula.to_c(row.start, "c", acc), _formula.to_c(row.join, "c", acc)
    return func, f"""\
CG_CLONES static void {func}_join_strip(ptrdiff_t n_, char **p_, const cg_param *q_)
{{
    {r} *acc_ = ({r} *)p_[0];
    const {r} *in_ = (const {r} *)p_[1];
    CG_IVDEP
    for (ptrdiff_t i_ = 0; i_ < n_; i_++) {{
        const {r} p = acc_[i_], q = in_[i_];
        acc_[i_] = ({r}){join};
    }}
}}
CG_WRAPPER void {func}_join(ptrdiff_t n, char **p, const ptrdiff_t *s, const cg_param *q)
{{ cg_update(n, p, s, q, sizeof({r}), sizeof({r}), {func}_join_strip); }}
CG_WRAPPER void {func}_init(ptrdiff_t n, char **p, const ptrdiff_t *s, const cg_param *q)
{{ for (ptrdiff_t i = 0; i < n; i++) *({r} *)(p[0] + i * s[0]) = {start}; }}

"""


def _kernel_list(functions):
    """A C initializer of one kernel pointer per dtype from {dtype: function name}."""
    return "{" + ", ".join(functions.get(d, "0") for d in DTYPES) + "}"


def row_kernels(row):
    """A row as (C text, its cg_op initializers, its cg_reduction initializers)."""
    if row.step:
        return _reduction_kernels(row)
    out, entries = [], []
    kernels = {"": (row.operands, {d: row.formula(d) for d in COMPUTE})}
    for operand, text in row.gradients.items():
        dtypes = (FLOATS if row.text else ()) + (COMPLEX if row.complexes else ())
        kernels[f".d{operand}"] = (_formula.names(text), dict.fromkeys(dtypes, text))
    for suffix, (args, texts) in kernels.items():
        functions = {}
        for dtype, text in texts.items():
            if text is None:
                continue
            result = row.result(dtype) if not suffix else dtype
            functions[dtype], c = elementwise(row.name + suffix, row, text, args, dtype, result)
            out.append(c)
        table = _kernel_list(functions)
        entries.append(f'    {{"{row.name}{suffix}", {len(args)}, "{args}", {table}}},\n')
    return "".join(out), entries, []


def _reduction_kernels(row):
    out, stems, acc_stems = [], {}, {}
    accs = {d: accumulator(row, d) for d in DTYPES}
    for acc in sorted({a for a in accs.values() if a}):
        acc_stems[acc], c = joining(row, acc)
        out.append(c)
    for dtype in COMPUTE:
        if accs[dtype]:
            stems[dtype], c = reduction(row, dtype)
            out.append(c)
    codes = ", ".join(str(DTYPES.index(a)) if a else "-1" for a in accs.values())
    joins = {d: acc_stems[a] for d, a in accs.items() if a}
    fields = [_kernel_list({d: f"{s}_{k}" for d, s in stems.items()}) for k in ("inner", "outer")]
    fields += [_kernel_list({d: f"{stems[d]}_rows" for d in ("float32",) if row.narrow})]
    fields += [_kernel_list({d: f"{s}_{k}" for d, s in joins.items()}) for k in ("join", "init")]
    entry = ",\n     ".join([f'    {{"{row.name}", {{{codes}}}', *fields])
    return "".join(out), [], [entry + "},\n"]


def casts():
    """The conversions between all pairs of dtypes."""
    out, table = [], []
    for to in DTYPES:
        line = []
        for source in DTYPES:
            func = f"cast_{to}_{source}"
            line.append(func)
            t = _formula.CTYPE["c"].get(to, "uint16_t")
            s = _formula.CTYPE["c"].get(source, "uint16_t")
            value = "(x != 0)" if source == "bool" else "x"  # NumPy's views make bools of any byte
            if to != source:
                floating = "float" in source
                value = f"{HALF[source][0]}(x)" if source in HALF else value
                if source in COMPLEX and to not in ("bool", *COMPLEX):
                    value, floating = "creal(x)", True
                if to == "bool":
                    value = f"({value} != 0)"
                elif to in HALF:
                    value = f"{HALF[to][1]}((float){value})"
                elif floating and to in ("uint8", "int8", "int16"):
                    value = f"(int32_t){value}"  # as x86: out of range is INT_MIN, cut to T
            out.append(f"CG_CAST({func}, {t}, {s}, {value})\n")
        table.append("    {" + ", ".join(line) + "},\n")
    return "".join(out) + "\nconst cg_cast cg_casts[CG_DTYPES][CG_DTYPES] = {\n" + "".join(table) + "};\n"


def generate(out_dir):
    """Writes the kernels into out_dir; returns the paths of the C files, to be linked together."""
    head = '/* Generated from cygrad/_table/rows.py. */\n#include "_table/strips.h"\n\n'
    made = [row_kernels(row) for row in _table.rows()]
    total, done = sum(len(text) for text, _, _ in made), 0
    parts = [[] for _ in range(PARTS)]
    for text, _, _ in made:
        parts[done * PARTS // total].append(text)
        done += len(text)
    top = head + scalar_sections()
    files = {f"kernels_{'abcdefgh'[k]}.c": top + "".join(p) for k, p in enumerate(parts)}
    wrappers = re.findall(r"^CG_WRAPPER void (\w+)\(", "".join(files.values()), re.MULTILINE)
    ops, reductions = ([e for m in made for e in m[k]] for k in (1, 2))
    files["kernels.h"] = HEADER
    files["kernels.c"] = "".join([
        head,
        "#define CG_KERNEL(f) \\\n",
        "    CG_WRAPPER void f(ptrdiff_t, char **, const ptrdiff_t *, const cg_param *);\n",
        *(f"CG_KERNEL({w})\n" for w in wrappers),
        f"\nconst int cg_n_ops = {len(ops)};\nconst cg_op cg_ops[] = {{\n", *ops, "};\n",
        f"\nconst int cg_n_reductions = {len(reductions)};\n",
        "const cg_reduction cg_reductions[] = {\n", *reductions, "};\n",
        casts(),
    ])  # fmt: skip
    out_dir = pathlib.Path(out_dir)
    out_dir.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        path = out_dir / name
        if not path.exists() or path.read_text() != text:  # an unchanged part is not compiled again
            path.write_text(text)
    return [out_dir / name for name in files if name.endswith(".c")]


if __name__ == "__main__":
    generate(sys.argv[1])
