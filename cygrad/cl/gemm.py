"""Matrix products: the text of one family of tiles, and how a product is cut into them.

cpu schedule (one work-item per group; the accumulators of a tile stay in vector registers)
  direct  tiles of rows x two vectors; B is read where it lies, row by row.  For products whose B fits the cache.
  dots    4 x 4 (or 4 x 1) inner products along k, for A and B that both run along k, and few outputs of long sums: k
          may be cut into splits, which `join` adds in their order.
  packed  A and B are copied into panels as wide as the tile, B a block of k at a time meets A from the second cache;
          partial sums of a block of k wait in `part`.
gpu schedule
  tiles   64 x 64 outputs per group of 16 x 16 work-items, operands staged in local memory, 16 steps of k at a time;
          smaller groups where the device wants them.
  dots    one output (of one split) per group, a tree in local memory: vectors.
Sums are float32 for the half types; a tile's sum over a block of k starts at zero, which keeps the error of long sums
near the square root.  A complex product is a real one of (m, 2k) and (2k, 2n): A and the result as they lie, B spread
by a kernel to rows of (re, im) and of (-im, re).
"""

import functools
import struct

from cygrad.cl import _launch, _rows, _source
from cygrad.cl._source import BFLOAT16, DOUBLE, FLOAT, HALF, INT32, INT64

CFLOAT = 10  # complex64, complex128: the dtype of the parts is two codes less
STEP = 16  # steps of k between two barriers of the gpu schedule
BLOCK_M, BLOCK_N, BLOCK_K = 96, 256, 256  # what one group of `packed` makes; every tile's rows and columns divide it
LEAST_ROWS, LEAST_COLS = 6, 8  # of any tile
STRIP, ROWS = 32, 384  # columns and rows of a group of `direct`
DIRECT = 1 << 20  # bytes of B up to which it is read where it lies
FEW = 96  # rows or columns up to which turning an operand does not pay where both run along k
FEWER = 16  # rows up to which copying B does not pay
SHORT = 1 << 17  # multiply-adds up to which `dots` is faster than copies and launches
SPLIT, SPLITS = 4096, 32  # steps of k in a split of long sums with few outputs, and how many there are at most

# The arguments of all kernels, as one struct of longs: sizes, strides of A, B and C by row, column and (inner, outer)
# batch dimension, the inner batch size, what of k one split takes, and the rows of one group.
FIELDS = ("m", "n", "k", "ar", "ac", "a0", "a1", "br", "bc", "b0", "b1", "cr", "cc", "c0", "c1", "inner", "chunk",
          "rows", "splits")  # fmt: skip
LAYOUT = struct.Struct(f"{len(FIELDS)}q")


def computed(code):
    """The dtype code and the C type of sums: unsigned where integers wrap."""
    if code in (HALF, BFLOAT16, FLOAT):
        return FLOAT, "float"
    if code == DOUBLE:
        return DOUBLE, "double"
    return (INT64, "ulong") if code == INT64 else (INT32, "uint")


def plain(code):
    """Whether the elements are what is computed with."""
    return code >= FLOAT or code in (INT32, INT64)


def prelude(code, schedule, fp64):
    """Types and element access for products of dtype `code`."""
    compute, t = computed(code)
    element = f"({t})({_source.load(code, 'p_', 'i_', max(code, FLOAT))})"
    stored = _source.store(code, "p_", "i_", "(x_)", compute)
    halves = ""
    if code == HALF and schedule == "cpu":
        element = "cg_load_half(((global const ushort *)(p_))[i_])"
        stored, halves = "((global ushort *)(p_))[i_] = cg_store_half(x_);", _source.CPU_HALF
    lines = ["#pragma OPENCL EXTENSION cl_khr_fp64 : enable\n" if fp64 else "",
             _source.PRELUDE.replace("inline", "static inline").replace("FP_CONTRACT OFF", "FP_CONTRACT ON"),
             f"#define E {_source.storage(code)}\n#define T {t}\n",
             f"#define LOAD(p_, i_) {element}\n",
             f"#define STORE(p_, i_, x_) {stored}\n", halves,
             f"typedef struct {{ long {', '.join(FIELDS)}; }} G;\n"]  # fmt: skip
    if schedule == "cpu":
        wide, narrow = (8, 4) if compute in (DOUBLE, INT64) else (16, 8)
        four = "*(global const V4 *)((p_) + (i_))" if plain(code) else \
            f"(V4)({', '.join(f'LOAD(p_, (i_) + {x})' for x in range(4))})"  # fmt: skip
        lines.append(f"""\
#ifdef __AVX512F__
#define W {wide}
#define MR 12
typedef {t}{wide} V;
#else
#define W {narrow}
#define MR 6
typedef {t}{narrow} V;
#endif
#define NR (2*W)
static inline T cg_sum(V v)
{{
#if W == 16
    const {t}8 x = v.lo + v.hi;
    const {t}4 y = x.lo + x.hi;
#elif W == 8
    const {t}4 y = v.lo + v.hi;
#else
    const V y = v;
#endif
    return (y.x + y.z) + (y.y + y.w);
}}
typedef V VU __attribute__((aligned(sizeof(T))));
typedef {t}4 V4 __attribute__((aligned(sizeof(T))));
#define FOUR(p_, i_) {four}
#define SINGLE kernel __attribute__((reqd_work_group_size(1, 1, 1)))
#define LOOP _Pragma("clang loop vectorize(assume_safety)")
""")
    return "".join(lines)


# ------------------------------------------------------------------ cpu schedule

# A tile's sums, in private memory, to the output: alpha * sum + beta * c, rows and columns [0, rows) and [0, cols).
FINISH = """\
static inline void finish(global E *out, long at, long ldo, const T *sum, int wide, int rows, int cols,
                          global const E *c, long cat, long cr, long cc, T alpha, T beta)
{
    for (int r = 0; r < rows; r++) {
        const T *s = sum + r*wide;
        const long o = at + r*ldo, q = cat + r*cr;
        if (!c)
            LOOP for (int j = 0; j < cols; j++) { STORE(out, o + j, alpha*s[j]) }
        else if (cc == 1)
            LOOP for (int j = 0; j < cols; j++) { STORE(out, o + j, alpha*s[j] + beta*LOAD(c, q + j)) }
        else
            for (int j = 0; j < cols; j++) { STORE(out, o + j, alpha*s[j] + beta*LOAD(c, q + j*cc)) }
    }
}
"""


def tile(rows, vectors, width, a, b, loop, vector="V"):
    """Text that declares the sums s<r>_<v> of a tile and adds to them in `loop`; a(r) and b(v) read the operands."""
    text = "".join(f"{vector} s{r}_{v} = 0; " for r in range(rows) for v in range(vectors))
    body = "".join(f"const {vector} b{v} = {b(v)}; " for v in range(vectors))
    for r in range(rows):
        body += f"{{ const T a_ = {a(r)}; " + "".join(f"s{r}_{v} += a_*b{v}; " for v in range(vectors)) + "}\n"
    return f"{text}\n{loop} {{ {body} }}\n"


def spill(rows, vectors, to, plus="", vector="V", width="W"):
    return "".join(f"*({vector} *)({to} + {r}*{vectors}*{width} + {v}*{width}) {plus}= s{r}_{v}; "
                   for r in range(rows) for v in range(vectors))  # fmt: skip


def per_level(text):
    """text(rows of a tile) for both sets of vector registers."""
    return f"#ifdef __AVX512F__\n{text(12)}\n#else\n{text(6)}\n#endif\n"


BATCH = """\
    out += oo + z*g.m*g.n; a += ao + z0*g.a0 + z1*g.a1; b += bo + z0*g.b0 + z1*g.b1;
    if (c) c += co + z0*g.c0 + z1*g.c1;
"""
OPERANDS = "global E *out, long oo, global const E *a, long ao, global const E *b, long bo, global const E *c, long co"


def direct_function(name, rows, vectors, vector, width):
    """A tile of `rows` x (vectors * width) at row i and column j; rows beyond the matrix read its last one."""
    loop = "for (long k = k0; k < e; k++, q += g.br)"
    body = tile(rows, vectors, width, lambda r: f"a{r}[k*g.ac]",
                lambda v: f"*(global const {vector}{'U' if vector == 'V' else ''} *)(q + {v}*{width})", loop,
                vector if vector != "T" else "T")  # fmt: skip
    pointers = "".join(f"global const E *a{r} = a + LEAST(i + {r}, g.m - 1)*g.ar; " for r in range(rows))
    whole = "".join(f"*(global {vector}{'U' if vector == 'V' else ''} *)(out + (i + {r})*g.n + j + {v}*{width}) = "
                    f"alpha**({vector} *)(sum + {r * vectors + v}*{width}); "
                    for r in range(rows) for v in range(vectors))  # fmt: skip
    return f"""\
static inline void {name}(global E *out, global const E *a, global const E *b, global const E *c, T alpha, T beta, G g,
                          long i, long j)
{{
    global const E *q = b + j;
    {pointers}
    V sum_[({rows}*{vectors}*{width} + W - 1)/W];
    T *sum = (T *)sum_;
    for (long k0 = 0; k0 < g.k; k0 += {BLOCK_K}) {{
        const long e = LEAST(k0 + {BLOCK_K}, g.k);
        {body}
        if (k0) {{ {spill(rows, vectors, "sum", "+", vector, width)} }}
        else {{ {spill(rows, vectors, "sum", "", vector, width)} }}
    }}
    if (!c && i + {rows} <= g.m) {{ {whole} return; }}
    finish(out, i*g.n + j, g.n, sum, {vectors}*{width}, LEAST((long){rows}, g.m - i), {vectors}*{width},
           c, i*g.cr + j*g.cc, g.cr, g.cc, alpha, beta);
}}
"""


def direct_kernel(name, rows, few):
    """All columns: pairs of vectors, then what is left by one vector, by 4 and by 1, a few rows at a time."""
    tiles = direct_function(f"{name}_2", rows, 2, "V", "W")
    for label, *part in (("1", 1, "V", "W"), ("4", 1, "V4", "4"), ("s", 1, "T", "1")):
        tiles += direct_function(f"{name}_{label}", few, *part)
    return tiles + f"""\
SINGLE void {name}({OPERANDS}, T alpha, T beta, G g)
{{
    const long batch = get_num_groups(2)/g.splits, split = get_global_id(2)/batch;
    const long z = get_global_id(2) % batch, z0 = z % g.inner, z1 = z/g.inner;
{BATCH}
    out += split*batch*g.m*g.n; a += split*g.chunk*g.ac; b += split*g.chunk*g.br;
    g.k = LEAST(g.chunk, g.k - split*g.chunk);
    const long j0 = get_global_id(0)*{STRIP}, i0 = get_global_id(1)*g.rows, i1 = LEAST(i0 + g.rows, g.m);
    const long e = LEAST(j0 + {STRIP}, g.n), whole = j0 + (e - j0)/NR*NR;
    for (long i = i0; i < i1; i += {rows})
        for (long j = j0; j < whole; j += NR) {name}_2(out, a, b, c, alpha, beta, g, i, j);
    if (whole == e) return;
    for (long i = i0; i < i1; i += {few}) {{
        long j = whole;
        for (; j + W <= e; j += W) {name}_1(out, a, b, c, alpha, beta, g, i, j);
        for (; j + 4 <= e; j += 4) {name}_4(out, a, b, c, alpha, beta, g, i, j);
        for (; j < e; j++) {name}_s(out, a, b, c, alpha, beta, g, i, j);
    }}
}}
"""


def dots_kernel(rows, cols):
    """Inner products of `rows` rows of A and `cols` columns of B, both running along k.  The arguments are the
    product's, but with splits the output is a buffer of T, (splits, batch, m, n)."""
    pairs = [(r, v) for r in range(rows) for v in range(cols)]
    pointers = "".join(f"global const E *a{r} = a + LEAST(i + {r}, g.m - 1)*g.ar; " for r in range(rows))
    pointers += "".join(f"global const E *b{v} = b + LEAST(j + {v}, g.n - 1)*g.bc; " for v in range(cols))
    sums = "".join(f"V s{r}_{v} = 0; T t{r}_{v} = 0; " for r, v in pairs)
    vectors = "".join(f"const V x{r} = *(global const VU *)(a{r} + k); " for r in range(rows))
    vectors += "".join(f"const V y{v} = *(global const VU *)(b{v} + k); " for v in range(cols))
    vectors += "".join(f"s{r}_{v} += x{r}*y{v}; " for r, v in pairs)
    scalars = "".join(f"t{r}_{v} += a{r}[k]*b{v}[k]; " for r, v in pairs)
    spilled = "".join(f"sum[{r * cols + v}] = t{r}_{v} + cg_sum(s{r}_{v});\n" for r, v in pairs)
    return f"""\
SINGLE void dots{rows}{cols}({OPERANDS}, global T *part, T alpha, T beta, G g, long batch)
{{
    const long split = get_global_id(2)/batch, k0 = split*g.chunk, k1 = LEAST(k0 + g.chunk, g.k);
    const long z = get_global_id(2) % batch, z0 = z % g.inner, z1 = z/g.inner;
{BATCH}
    const long j = get_global_id(0)*{cols}, i0 = get_global_id(1)*g.rows, i1 = LEAST(i0 + g.rows, g.m);
    for (long i = i0; i < i1; i += {rows}) {{
        {pointers}
        {sums}
        long k = k0;
        for (; k + W <= k1; k += W) {{ {vectors} }}
        for (; k < k1; k++) {{ {scalars} }}
        T sum[{rows * cols}];
        {spilled}
        const int rows = LEAST((long){rows}, i1 - i), cols = LEAST((long){cols}, g.n - j);
        if (part)
            for (int r = 0; r < rows; r++) for (int v = 0; v < cols; v++)
                part[(get_global_id(2)*g.m + i + r)*g.n + j + v] = sum[r*{cols} + v];
        else
            finish(out, i*g.n + j, g.n, sum, {cols}, rows, cols, c, i*g.cr + j*g.cc, g.cr, g.cc, alpha, beta);
    }}
}}
"""


JOIN = """\
kernel void join(global E *out, long oo, global const T *part, global const E *c, long co, T alpha, T beta, G g,
                 long batch)
{
    const long at = get_global_id(0), size = g.m*g.n, j = at % g.n, i = at/g.n % g.m, z = at/size;
    if (at >= batch*size) return;
    T x = 0;
    for (long s = 0; s < g.splits; s++) x += part[s*batch*size + at];
    x *= alpha;
    if (c) x += beta*LOAD(c, co + z % g.inner*g.c0 + z/g.inner*g.c1 + i*g.cr + j*g.cc);
    STORE(out, oo + at, x)
}
"""

# Panels: dst[panel][k][P], the matrix's last panel filled up with zeros.  `si` and `sk` are the source's strides across
# and along k.  A source that runs along k is turned 16 steps at a time: its rows may lie a page apart.
PACK = """\
SINGLE void pack_{name}(global T *dst, global const E *src, long at, long size, long k, long si, long sk, long inner,
                        long s0, long s1)
{{
    const long panels = (size + {width} - 1)/{width}, p = get_global_id(0), z = get_global_id(1);
    if (p >= panels) return;
    const int n = LEAST((long){width}, size - p*{width});
    src += at + z % inner*s0 + z/inner*s1 + p*{width}*si;
    dst += (z*panels + p)*k*{width};
    if (n < {width})
        for (long q = 0; q < k; q++)
            for (int i = n; i < {width}; i++) dst[q*{width} + i] = 0;
    long q = 0;
    if (si == 1 && n == {width})
        for (; q < k; q++) LOOP for (int i = 0; i < {width}; i++) dst[q*{width} + i] = LOAD(src, q*sk + i);
    else if (sk == 1)
        for (; q + 16 <= k; q += 16) {{
            int i = 0;
            for (; i + 4 <= n; i += 4)
                for (long x = q; x < q + 16; x += 4) {{
                    const V4 r0 = FOUR(src, i*si + x), r1 = FOUR(src, i*si + si + x);
                    const V4 r2 = FOUR(src, i*si + 2*si + x), r3 = FOUR(src, i*si + 3*si + x);
                    *(global V4 *)(dst + x*{width} + i) = (V4)(r0.x, r1.x, r2.x, r3.x);
                    *(global V4 *)(dst + (x + 1)*{width} + i) = (V4)(r0.y, r1.y, r2.y, r3.y);
                    *(global V4 *)(dst + (x + 2)*{width} + i) = (V4)(r0.z, r1.z, r2.z, r3.z);
                    *(global V4 *)(dst + (x + 3)*{width} + i) = (V4)(r0.w, r1.w, r2.w, r3.w);
                }}
            for (; i < n; i++) for (long x = q; x < q + 16; x++) dst[x*{width} + i] = LOAD(src, i*si + x);
        }}
    for (; q < k; q++) for (int i = 0; i < n; i++) dst[q*{width} + i] = LOAD(src, i*si + q*sk);
}}
"""


def packed_kernel(rows, plain):
    body = tile(rows, 2, "W", lambda r: f"x[{r}]", lambda v: f"((global const V *)y)[{v}]",
                f'_Pragma("unroll 4") for (int q = 0; q < steps; q++, x += {rows}, y += NR)')  # fmt: skip
    whole = "".join(f"*(global VU *)(out + (i + {r})*g.n + j + {v}*W) = alpha*s{r}_{v}; "
                    for r in range(rows) for v in range(2))  # fmt: skip
    whole = f"if (!c && i + {rows} <= g.m && j + NR <= g.n) {{ {whole} continue; }}" if plain else ""
    add = "".join(f"s{r}_{v} += ((global const V *)held)[{2 * r + v}]; " for r in range(rows) for v in range(2))
    hold = "".join(f"((global V *)held)[{2 * r + v}] = s{r}_{v}; " for r in range(rows) for v in range(2))
    return f"""\
SINGLE void packed(global E *out, long oo, global const T *a, global const T *b, global const E *c, long co,
                   global T *part, T alpha, T beta, G g)
{{
    const long z = get_global_id(2), z0 = z % g.inner, z1 = z/g.inner;
    const long across = (g.m + {rows} - 1)/{rows}, along = (g.n + NR - 1)/NR;
    out += oo + z*g.m*g.n; a += (g.a0 || g.a1 ? z : 0)*across*g.k*{rows}; b += (g.b0 || g.b1 ? z : 0)*along*g.k*NR;
    if (c) c += co + z0*g.c0 + z1*g.c1;
    if (part) part += ((z*get_num_groups(1) + get_group_id(1))*get_num_groups(0) + get_group_id(0))*{BLOCK_M}*{BLOCK_N};
    const long i0 = get_global_id(1)*{BLOCK_M}, i1 = LEAST(i0 + {BLOCK_M}, g.m);
    const long j0 = get_global_id(0)*{BLOCK_N}, j1 = LEAST(j0 + {BLOCK_N}, g.n);
    for (long k = 0; k < g.k; k += {BLOCK_K}) {{
        const int steps = LEAST((long){BLOCK_K}, g.k - k), last = k + steps == g.k;
        global T *held = part;
        for (long j = j0; j < j1; j += NR)
            for (long i = i0; i < i1; i += {rows}, held += {rows}*NR) {{
                global const T *x = a + (i*g.k + k*{rows}), *y = b + (j*g.k + k*NR);
                {body}
                if (k) {{ {add} }}
                if (!last) {{ {hold} continue; }}
                {whole}
                V sum_[{rows}*2];
                T *sum = (T *)sum_;
                {spill(rows, 2, "sum")}
                finish(out, i*g.n + j, g.n, sum, NR, LEAST((long){rows}, g.m - i), LEAST((long)NR, g.n - j),
                       c, i*g.cr + j*g.cc, g.cr, g.cc, alpha, beta);
            }}
    }}
}}
"""


def cpu_source(code, fp64):
    text = prelude(code, "cpu", fp64) + FINISH
    text += PACK.format(name="a", width="MR") + PACK.format(name="b", width="NR")
    text += per_level(lambda rows: packed_kernel(rows, plain(code)))
    if plain(code):
        text += per_level(lambda rows: direct_kernel("direct", min(rows, 8), 4)) + direct_kernel("direct_row", 1, 1)
        text += dots_kernel(4, 4) + dots_kernel(4, 1) + dots_kernel(1, 1) + JOIN
    return text


# ------------------------------------------------------------------ gpu schedule

# D x D work-items, each with 4 x 4 outputs D apart: neighbours read neighbouring elements of local memory and of C.
# `along` says which way an operand runs, so that neighbouring work-items load neighbouring elements.
TILES = """\
kernel __attribute__((reqd_work_group_size(D, D, 1)))
void {name}({arguments}, global T *part, T alpha, T beta, G g, long batch)
{{
    const long z = get_global_id(2) % batch, z0 = z % g.inner, z1 = z/g.inner, split = get_global_id(2)/batch;
    const long first = split*g.chunk, end = LEAST(first + g.chunk, g.k);
    {setup}
    local T as[{step}][4*D + 1], bs[{step}][4*D + 1];
    const int x = get_local_id(0), y = get_local_id(1), me = y*D + x;
    const long j0 = get_group_id(0)*(4*D), i0 = get_group_id(1)*(4*D);
    T sum[4][4];
    for (int r = 0; r < 4; r++) for (int v = 0; v < 4; v++) sum[r][v] = 0;
    for (long k0 = first; k0 < end; k0 += {step}) {{
        for (int e = me; e < 4*D*{step}; e += D*D) {{
            const int q = {a_runs} ? e % {step} : e/(4*D), p = {a_runs} ? e/{step} : e % (4*D);
            const long i = i0 + p, k = k0 + q;
            as[q][p] = i < g.m && k < end ? {a} : 0;
        }}
        for (int e = me; e < 4*D*{step}; e += D*D) {{
            const int q = {b_runs} ? e % {step} : e/(4*D), p = {b_runs} ? e/{step} : e % (4*D);
            const long j = j0 + p, k = k0 + q;
            bs[q][p] = j < g.n && k < end ? {b} : 0;
        }}
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int q = 0; q < {step}; q++) {{
            T u[4], w[4];
            for (int r = 0; r < 4; r++) u[r] = as[q][y + r*D];
            for (int v = 0; v < 4; v++) w[v] = bs[q][x + v*D];
            for (int r = 0; r < 4; r++) for (int v = 0; v < 4; v++) sum[r][v] += u[r]*w[v];
        }}
        barrier(CLK_LOCAL_MEM_FENCE);
    }}
    for (int r = 0; r < 4; r++) for (int v = 0; v < 4; v++) {{
        const long i = i0 + y + r*D, j = j0 + x + v*D;
        if (i >= g.m || j >= g.n) continue;
        if (part) {{ part[(get_global_id(2)*g.m + i)*g.n + j] = sum[r][v]; continue; }}
        {store}
    }}
}}
"""
STORE_C = """\
T value = alpha*sum[r][v];
        if (c) value += beta*LOAD(c, i*g.cr + j*g.cc);
        STORE(out, i*g.n + j, value)"""

TREE = """\
kernel __attribute__((reqd_work_group_size(D*D, 1, 1)))
void dots({operands}, global T *part, T alpha, T beta, G g, long batch)
{{
    local T sums[D*D];
    const int me = get_local_id(0);
    const long j = get_group_id(0) % g.n, i = get_group_id(0)/g.n, split = get_global_id(2)/batch;
    const long z = get_global_id(2) % batch, z0 = z % g.inner, z1 = z/g.inner;
    const long k0 = split*g.chunk, k1 = LEAST(k0 + g.chunk, g.k);
    a += ao + z0*g.a0 + z1*g.a1 + i*g.ar; b += bo + z0*g.b0 + z1*g.b1 + j*g.bc;
    T x = 0;
    for (long k = k0 + me; k < k1; k += D*D) x += LOAD(a, k*g.ac)*LOAD(b, k*g.br);
    sums[me] = x;
    for (int w = D*D/2; w; w /= 2) {{
        barrier(CLK_LOCAL_MEM_FENCE);
        if (me < w) sums[me] += sums[me + w];
    }}
    if (me) return;
    x = sums[0];
    if (part) {{ part[(get_global_id(2)*g.m + i)*g.n + j] = x; return; }}
    x *= alpha;
    if (c) x += beta*LOAD(c, co + z0*g.c0 + z1*g.c1 + i*g.cr + j*g.cc);
    STORE(out, oo + (z*g.m + i)*g.n + j, x)
}}
"""


@functools.lru_cache
def side(device):
    """D of the gpu schedule: a group has D x D work-items."""
    most = device.handle.max_work_group_size
    return 16 if most >= 256 else 8 if most >= 64 else 4 if most >= 16 else 2 if most >= 4 else 1


def gpu_source(code, fp64):
    return prelude(code, "gpu", fp64) + TREE.format(operands=OPERANDS) + JOIN + TILES.format(
        name="tiles", arguments=OPERANDS, setup=BATCH, step=STEP, a_runs="(g.ac == 1)", b_runs="(g.br == 1)",
        a="LOAD(a, i*g.ar + k*g.ac)", b="LOAD(b, k*g.br + j*g.bc)", store=STORE_C)  # fmt: skip


# ------------------------------------------------------------------ complex numbers

# Row k of B, interleaved, becomes two: (re, im) and (-im, re).  `gather` makes a contiguous copy of an operand.
COMPLEX = """\
kernel void spread(global T *dst, global const T *b, long bo, long inner, long b0, long b1, long br, long bc, long k,
                   long n, long total)
{
    const long at = get_global_id(0), j = at % n, i = at/n % k, z = at/n/k;
    if (at >= total) return;
    b += 2*(bo + z % inner*b0 + z/inner*b1 + i*br + j*bc);
    dst += (z*k + i)*4*n + 2*j;
    dst[0] = b[0]; dst[1] = b[1]; dst[2*n] = -b[1]; dst[2*n + 1] = b[0];
}
kernel void gather(global T *dst, global const T *b, long bo, long inner, long b0, long b1, long br, long bc, long k,
                   long n, long total)
{
    const long at = get_global_id(0), j = at % n, i = at/n % k, z = at/n/k;
    if (at >= total) return;
    b += 2*(bo + z % inner*b0 + z/inner*b1 + i*br + j*bc);
    dst[2*at] = b[0]; dst[2*at + 1] = b[1];
}
"""


# ------------------------------------------------------------------ the cut of a product


def program_kernel(device, code, name):
    """A kernel of the products of dtype `code`."""

    def make():
        if device.schedule == "cpu":
            text = cpu_source(code, device.fp64)
        else:
            text = f"#define D {side(device)}\n" + gpu_source(code, device.fp64)
        return text + (COMPLEX if code in (FLOAT, DOUBLE) else "")

    return _launch.kernel(device, ("gemm", code), name, make)


_plans = {}  # of products that are one launch and take no memory: what Product.only notes
MOST_PLANS = 4096


def planned(key, out, a, b, c):
    """Launches the product again that was noted under `key`; whether there is one."""
    plan = _plans.get(key)
    if plan is None:
        return False
    device, kernel, sizes, local, swapped, rest = plan
    if swapped:
        a, b = b, a
    _launch.run(device, kernel, sizes, local, *out, *a, *b, *c, *rest)
    return True


class Product:
    """One (batched) product: sizes, operands as (memory, offset), and their strides along rows, columns, the inner and
    the outer batch dimension.  `c` is (None, 0) where nothing is added."""

    def __init__(self, device, code, sizes, batch, inner, out, a, b, c, a_steps, b_steps, c_steps, alpha, beta):
        self.device, self.code, self.batch, self.inner = device, code, batch, inner
        self.m, self.n, self.k = sizes
        self.out, self.a, self.b, self.c = out, a, b, c
        self.a_steps, self.b_steps, self.c_steps = a_steps, b_steps, c_steps
        self.compute = computed(code)[0]
        self.itemsize = 8 if self.compute in (DOUBLE, INT64) else 4
        self.scales = (self.compute, alpha), (self.compute, beta)
        self.key, self.swapped = None, False  # of _plans; and whether a and b have changed places

    def fields(self, rows=0, chunk=0, splits=1):
        return LAYOUT.pack(self.m, self.n, self.k, *self.a_steps, *self.b_steps, *self.c_steps, self.inner,
                           chunk or self.k, rows, splits)  # fmt: skip

    def run(self, name, sizes, local, *args):
        _launch.run(self.device, program_kernel(self.device, self.code, name), sizes, local, *args)

    def only(self, name, sizes, local, *rest):
        """The one launch of a product, which is noted for the next with the key."""
        kernel = program_kernel(self.device, self.code, name)
        if self.key is not None:
            if len(_plans) >= MOST_PLANS:
                _plans.clear()
            _plans[self.key] = self.device, kernel, sizes, local, self.swapped, rest
        _launch.run(self.device, kernel, sizes, local, *self.out, *self.a, *self.b, *self.c, *rest)

    def allocate(self, elements):
        return _launch.allocate(self.device.index + 1, elements * self.itemsize)

    def turned(self):
        """The transpose, of a product with one row or one column: the same result in memory."""
        a, b, c = ((x[1], x[0], *x[2:]) for x in (self.a_steps, self.b_steps, self.c_steps))
        scales = (x for _, x in self.scales)
        other = Product(self.device, self.code, (self.n, self.m, self.k), self.batch, self.inner, self.out, self.b,
                        self.a, self.c, b, a, c, *scales)  # fmt: skip
        other.key, other.swapped = self.key, not self.swapped
        return other

    def rows(self, name, of, steps, down, across, outer):
        """A complex operand as reals that run along its rows: as it lies, or by the kernel `name`."""
        row, column, b0, b1 = steps
        if name == "gather" and column == 1:
            return (of[0], 2 * of[1]), (2 * row, 1, 2 * b0, 2 * b1)
        inner = self.inner
        times = 2 if name == "spread" else 1
        batch = inner * outer if b0 or b1 else 1
        r = self.allocate(batch * down * across * 2 * times)
        total = batch * down * across
        self.items(name, total, r, *of, inner, b0, b1, row, column, down, across, total)
        step = 0 if batch == 1 else down * across * 2 * times
        return (r, 0), (2 * across, 1, step, step * inner)

    def items(self, name, count, *args):
        """A kernel of one work-item for each element."""
        self.run(name, (count,), (min(64, side(self.device) ** 2),), *args)

    def launch(self):
        (self.on_cpu if self.device.schedule == "cpu" else self.on_gpu)()

    def on_cpu(self):
        m, n, k = self.m, self.n, self.k
        if m == 1 and n > 1:
            return self.turned().on_cpu()
        (ar, ac, *_), (br, bc, *_) = self.a_steps, self.b_steps
        if plain(self.code):  # else the elements widen on their way into panels
            if ac == 1 and br == 1 and (m <= FEW or n <= FEW or m * n * k <= SHORT):
                rows, cols = (4, 4) if n > 1 else (4, 1) if m > 1 else (1, 1)
                return self.dots(f"dots{rows}{cols}", -(-n // cols), -(-m // (8 * rows)), (1, 1, 1), 8 * rows, SPLIT)
            if n == 1 and (ar == 1 or m == 1):
                return self.turned().direct("direct_row")
            if bc == 1 and (k * n * self.itemsize <= DIRECT or m <= FEWER):
                return self.direct("direct")
        self.packed()

    def on_gpu(self):
        m, n = self.m, self.n
        (_, ac, *_), (br, _, *_) = self.a_steps, self.b_steps
        d = side(self.device)
        if (n == 1 and ac == 1) or (m == 1 and br == 1) or m * n == 1:
            return self.dots("dots", m * n * d * d, 1, (d * d, 1, 1), 0, 4 * SPLIT)
        self.dots("tiles", -(-n // (4 * d)) * d, -(-m // (4 * d)) * d, (d, d, 1), 0, SPLIT)

    def direct(self, name):
        block = min(ROWS, -(-self.m // 24) * 24)
        across, down = -(-self.n // STRIP), -(-self.m // block)
        splits, chunk, part = self.splits(across * down, SPLIT)
        fields = self.fields(block, chunk, splits)
        size = (across, down, self.batch * splits)
        if part is None:
            self.only(name, size, (1, 1, 1), *self.scales, fields)
        else:
            one, zero = (self.compute, 1), (self.compute, 0)
            self.run(name, size, (1, 1, 1), part, 0, *self.a, *self.b, None, 0, one, zero, fields)
            self.join(part, fields)

    def dots(self, name, across, down, local, rows, split):
        splits, chunk, part = self.splits(across // local[0] * (down // local[1]), split)
        fields = self.fields(rows, chunk, splits)
        size = (across, down, self.batch * splits)
        if part is None:
            self.only(name, size, local, None, *self.scales, fields, self.batch)
        else:
            self.run(name, size, local, *self.out, *self.a, *self.b, *self.c, part, *self.scales, fields, self.batch)
            self.join(part, fields)

    def splits(self, groups, least):
        """Into how many parts the sums are cut (few groups, long sums), steps of each, and memory for the parts."""
        splits = min(SPLITS, self.k // least) if groups * self.batch < SPLITS else 1
        if splits < 2:
            return 1, self.k, None
        chunk = -(-self.k // splits // 64) * 64
        splits = -(-self.k // chunk)
        return splits, chunk, self.allocate(splits * self.batch * self.m * self.n)

    def join(self, part, fields):
        self.items("join", self.batch * self.m * self.n, *self.out, part, *self.c, *self.scales, fields, self.batch)

    def packed(self):
        m, n, k = self.m, self.n, self.k
        (ar, ac, *a_batch), (br, bc, *b_batch) = self.a_steps, self.b_steps
        batch_a, batch_b = (self.batch if any(x) else 1 for x in (a_batch, b_batch))
        a = self.allocate(batch_a * (m + BLOCK_M) * k)
        b = self.allocate(batch_b * (n + BLOCK_N) * k)
        self.run("pack_a", (-(-m // LEAST_ROWS), batch_a), (1, 1), a, *self.a, m, k, ar, ac, self.inner, *a_batch)
        self.run("pack_b", (-(-n // LEAST_COLS), batch_b), (1, 1), b, *self.b, n, k, bc, br, self.inner, *b_batch)
        self.multiply_panels(a, b)

    def multiply_panels(self, a, b):
        down, across = -(-self.m // BLOCK_M), -(-self.n // BLOCK_N)
        part = self.allocate(self.batch * down * across * BLOCK_M * BLOCK_N) if self.k > BLOCK_K else None
        self.run("packed", (across, down, self.batch), (1, 1, 1), *self.out, a, b, *self.c, part, *self.scales,
                 self.fields())  # fmt: skip


# ------------------------------------------------------------------ the primitives


def squeezed(sizes, *strides):
    """Batch sizes and the operands' strides along them: dimensions of size 1 gone, those merged that can be."""
    out = []
    for n, *steps in zip(sizes, *strides, strict=True):
        if n == 1:
            continue
        if out and all(p == n * s for p, s in zip(out[-1][1:], steps, strict=True)):
            out[-1] = (out[-1][0] * n, *steps)
        else:
            out.append((n, *steps))
    return out


def batch_steps(nd, sizes, strides):
    """An operand's strides along `nd` batch dimensions, 0 where it has none or size 1."""
    own = tuple([0 if n == 1 else s for n, s in zip(sizes[:-2], strides[:-2], strict=True)])
    return (0,) * (nd - len(own)) + own


def copied(t, batch=()):
    """A contiguous copy, with all of the batch dimensions."""
    t = t.detach()
    if batch:
        t = t.expand(*batch, *t.shape[-2:])
    r = _launch.empty_near(t, tuple(t.shape), t.dtype.code)
    _rows.copy(r, t)
    return r


def gemm(out, a, b, c, alpha, beta):
    device, *to, sizes, _ = _launch.place(out)
    _, *of_a, a_sizes, a_steps = _launch.place(a)
    _, *of_b, b_sizes, b_steps = _launch.place(b)
    of_c, c_steps = (None, 0), (0,) * len(sizes)
    if c is not None:
        _, *of_c, _, c_steps = _launch.place(c)
    code = out.dtype.code
    key = None
    if code < CFLOAT and alpha == 1 and (c is None or beta == 1):
        key = device.index, code, c is None, sizes, a_sizes, a_steps, b_steps, c_steps
        if planned(key, to, of_a, of_b, of_c):
            return
    *batch, m, n = sizes
    k = a_sizes[-1]
    _launch.need_dtype(out)
    if k == 0:
        return no_terms(out, c, beta)
    outer = inner = (1, 0, 0, 0)
    if batch:
        nd = len(batch)
        dims = squeezed(batch, batch_steps(nd, a_sizes, a_steps), batch_steps(nd, b_sizes, b_steps), c_steps[:-2])
        if len(dims) > 2:
            return gemm(out, copied(a, batch), copied(b, batch), None if c is None else copied(c), alpha, beta)
        outer, inner = [outer] * (2 - len(dims)) + dims
    steps = [(x[-2], x[-1], inner[i], outer[i]) for i, x in enumerate((a_steps, b_steps, c_steps), 1)]
    make = real_parts if code >= CFLOAT else Product
    product = make(device, code, (m, n, k), outer[0] * inner[0], inner[0], to, of_a, of_b, of_c, *steps, alpha, beta)
    product.key = key
    product.launch()


def no_terms(out, c, beta):
    """A product over k = 0: beta * c."""
    if c is None:
        _rows.fill(out, 0)
    else:
        _rows.elementwise("mul", out, [c, beta], [], computed(out.dtype.code)[0])


def real_parts(device, code, sizes, batch, inner, out, a, b, c, a_steps, b_steps, c_steps, alpha, beta):
    """The product of complex numbers as one of their parts."""
    m, n, k = sizes
    one = Product(device, code - 2, (m, 2 * n, 2 * k), batch, inner, (out[0], 2 * out[1]), *[None] * 6, alpha, beta)
    rows, outer = one.rows, batch // inner
    one.a, one.a_steps = rows("gather", a, a_steps, m, k, outer)
    one.b, one.b_steps = rows("spread", b, b_steps, k, n, outer)
    one.c, one.c_steps = rows("gather", c, c_steps, m, n, outer) if c[0] is not None else (c, c_steps)
    return one


def gemv(out, a, v):
    device, *to, _, _ = _launch.place(out)
    _, *of_a, (m, k), a_steps = _launch.place(a)
    _, *of_v, _, (step,) = _launch.place(v)
    _launch.need_dtype(out)
    if k == 0:
        return no_terms(out, None, 0)
    Product(device, out.dtype.code, (m, 1, k), 1, 1, to, of_a, of_v, (None, 0), (*a_steps, 0, 0), (step, 1, 0, 0),
            (0, 0, 0, 0), 1, 0).launch()  # fmt: skip


def dot(out, a, b):
    device, *to, _, _ = _launch.place(out)
    _, *of_a, (k,), (a_step,) = _launch.place(a)
    _, *of_b, _, (b_step,) = _launch.place(b)
    _launch.need_dtype(out)
    if k == 0:
        return no_terms(out, None, 0)
    if a_step != 1 or b_step != 1:
        return dot(out, copied(a), copied(b))
    Product(device, out.dtype.code, (1, 1, k), 1, 1, to, of_a, of_b, (None, 0), (k, a_step, 0, 0), (b_step, 1, 0, 0),
            (0, 0, 0, 0), 1, 0).launch()  # fmt: skip


def linear(out, x, weight, bias):
    device, *to, _, _ = _launch.place(out)
    _, *of_x, (rows, k), x_steps = _launch.place(x)
    _, *of_w, (n, _), (w_row, w_column) = _launch.place(weight)
    _, *of_bias, _, (step,) = (None, None, 0, None, (0,)) if bias is None else _launch.place(bias)
    code = out.dtype.code
    key = None
    if code < CFLOAT:
        key = device.index, code, bias is None, rows, n, k, x_steps, w_row, w_column, step
        if planned(key, to, of_x, of_w, of_bias):
            return
    _launch.need_dtype(out)
    if k == 0:
        return no_terms(out, bias if bias is None else bias.detach().expand(out.shape), 1)
    make = real_parts if code >= CFLOAT else Product
    product = make(device, code, (rows, n, k), 1, 1, to, of_x, of_w, of_bias, (*x_steps, 0, 0), (w_column, w_row, 0, 0),
                   (0, step, 0, 0), 1, 1)  # fmt: skip
    product.key = key
    product.launch()
