"""What hand-written kernels over rows share: the types of a dtype, loads and stores, sums and maps of a row.

A kernel is written once for both schedules.  `FOR_ROWS(r)` is the loop over a block of rows of one work-item (cpu), or
the one row of a group (gpu); within it
  SUM(to, F, n)           to (of type A) = the sum of F(T, LD, i) over i < n
  SUM2(to, F, to2, F2, n) two sums in one pass
  SUM_MAP(to, ST, p, F, n) SUM and MAP in one pass
  MAX(to, F, n)           the greatest, NaN left aside
  MAP(ST, p, F, n)        ST(T, p, i, F(T, LD, i))
F is a macro of a type (the vector V of the cpu schedule, or the scalar T), its loading macro and the index; X(T, p, i)
loads an element of dtype E, Y(T, p, i) one of T; SX and SY store.  All items of a group get the same sum.  Sums
are float32 over some thousands of elements at most; beyond, float64 where the device has it.
"""

from cygrad import _ops
from cygrad.cl import _launch, _rows, _source
from cygrad.cl._source import DOUBLE, FLOAT

GROUP = 256  # work-items per row of the gpu schedule, at most

COMMON = """
#define EXPONENTIAL(V, I, name) \\
/* exp: 2^n * e^r, 2^n in two steps so that small results are right. */ \\
static inline V name(V x) \\
{ \\
    const V c = x > (V)89 ? (V)89 : x < (V)-104 ? (V)-104 : x; \\
    const V t = c*1.44269504f + 12582912.0f; \\
    const I n = AS_##I(t) - 0x4b400000, h = n >> 1; \\
    const V k = t - 12582912.0f; \\
    const V r = c - k*0.693359375f + k*2.12194440e-4f; \\
    V p = ((((1.9875691500e-4f*r + 1.3981999507e-3f)*r + 8.3334519073e-3f)*r + 4.1665795894e-2f)*r \\
           + 1.6666665459e-1f)*r + 5.0000001201e-1f; \\
    p = p*r*r + r + 1.0f; \\
    return x != x ? x : p*FROM_##I((h + 127) << 23)*FROM_##I((n - h + 127) << 23); \\
}
#define AS_int as_int
#define AS_int8 as_int8
#define FROM_int as_float
#define FROM_int8 as_float8
"""

CPU = """
typedef VECTOR V;
#define CHUNK 4096
#define LEADER 1
#define SYNC
#define SINGLE kernel __attribute__((reqd_work_group_size(1, 1, 1)))
#define LOCALS
#define FOR_ROWS(r) \\
    for (long r = (long)get_global_id(0)*block, r##_end = LEAST(r + block, rows); r < r##_end; r++)
#define SUM2(to, F, to2, F2, n) { \\
    A a_ = 0, b_ = 0; \\
    for (long c_ = 0; c_ < (n); c_ += CHUNK) { \\
        const long e_ = LEAST(c_ + CHUNK, (n)); \\
        V u_ = 0, v_ = 0; \\
        T s_ = 0, t_ = 0; \\
        long i = c_; \\
        for (; i + W <= e_; i += W) { u_ += F(V, i); v_ += F2(V, i); } \\
        for (; i < e_; i++) { s_ += F(T, i); t_ += F2(T, i); } \\
        a_ += s_ + lanes(u_), b_ += t_ + lanes(v_); \\
    } \\
    to = a_, to2 = b_; }
#define SUM(to, F, n) { \\
    A a_ = 0; \\
    for (long c_ = 0; c_ < (n); c_ += CHUNK) { \\
        const long e_ = LEAST(c_ + CHUNK, (n)); \\
        V u_ = 0, v_ = 0; \\
        T s_ = 0; \\
        long i = c_; \\
        for (; i + 2*W <= e_; i += 2*W) { u_ += F(V, i); v_ += F(V, i + W); } \\
        for (; i < e_; i++) s_ += F(T, i); \\
        a_ += s_ + lanes(u_ + v_); \\
    } \\
    to = a_; }
#define SUM_MAP(to, ST, p, F, n) { \\
    A a_ = 0; \\
    for (long c_ = 0; c_ < (n); c_ += CHUNK) { \\
        const long e_ = LEAST(c_ + CHUNK, (n)); \\
        V u_ = 0; \\
        T s_ = 0; \\
        long i = c_; \\
        for (; i + W <= e_; i += W) { const V v_ = F(V, i); u_ += v_; ST(V, p, i, v_); } \\
        for (; i < e_; i++) { const T v_ = F(T, i); s_ += v_; ST(T, p, i, v_); } \\
        a_ += s_ + lanes(u_); \\
    } \\
    to = a_; }
#define MAX(to, F, n) { \\
    V u_ = -INFINITY; \\
    T s_ = -INFINITY; \\
    long i = 0; \\
    for (; i + W <= (n); i += W) { const V v_ = F(V, i); u_ = v_ > u_ ? v_ : u_; } \\
    for (; i < (n); i++) { const T v_ = F(T, i); s_ = v_ > s_ ? v_ : s_; } \\
    to = greatest(u_); \\
    to = s_ > to ? s_ : to; }
#define MAP(ST, p, F, n) { \\
    long i = 0; \\
    for (; i + W <= (n); i += W) { ST(V, p, i, F(V, i)); } \\
    for (; i < (n); i++) { ST(T, p, i, F(T, i)); } }
"""

GPU = """
typedef T V;
#define LEADER (get_local_id(0) == 0)
#define SYNC barrier(CLK_GLOBAL_MEM_FENCE);
#define SINGLE kernel
#define LOCALS local A l_[GROUP];
#define FOR_ROWS(r) const long r = get_group_id(0); if (r < rows)
static inline A tree(local A *l, A v, int greatest)
{
    const int i = get_local_id(0);
    barrier(CLK_LOCAL_MEM_FENCE);
    l[i] = v;
    for (int w = get_local_size(0)/2; w; w /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (i < w) l[i] = greatest ? l[i + w] > l[i] ? l[i + w] : l[i] : l[i] + l[i + w];
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    return l[0];
}
#define EACH(n) for (long i = get_local_id(0); i < (n); i += get_local_size(0))
#define SUM(to, F, n) { \\
    A a_ = 0; \\
    for (long i = get_local_id(0); i < (n);) { \\
        T s_ = 0; \\
        for (int k_ = 0; k_ < 32 && i < (n); k_++, i += get_local_size(0)) s_ += F(T, i); \\
        a_ += s_; \\
    } \\
    to = tree(l_, a_, 0); }
#define SUM_MAP(to, ST, p, F, n) { \\
    A a_ = 0; \\
    for (long i = get_local_id(0); i < (n);) { \\
        T s_ = 0; \\
        for (int k_ = 0; k_ < 32 && i < (n); k_++, i += get_local_size(0)) { \\
            const T v_ = F(T, i); \\
            s_ += v_; \\
            ST(T, p, i, v_); \\
        } \\
        a_ += s_; \\
    } \\
    to = tree(l_, a_, 0); }
#define SUM2(to, F, to2, F2, n) { \\
    A a_ = 0, b_ = 0; \\
    for (long i = get_local_id(0); i < (n);) { \\
        T s_ = 0, t_ = 0; \\
        for (int k_ = 0; k_ < 32 && i < (n); k_++, i += get_local_size(0)) { s_ += F(T, i); t_ += F2(T, i); } \\
        a_ += s_, b_ += t_; \\
    } \\
    to = tree(l_, a_, 0); \\
    to2 = tree(l_, b_, 0); }
#define MAX(to, F, n) { \\
    T s_ = -INFINITY; \\
    EACH(n) { const T v_ = F(T, i); s_ = v_ > s_ ? v_ : s_; } \\
    to = tree(l_, s_, 1); }
#define MAP(ST, p, F, n) EACH(n) { ST(T, p, i, F(T, i)); }
"""


def prelude(code, device):
    """What stands before kernels on elements of dtype `code` (a float)."""
    cpu, fp64 = device.schedule == "cpu", device.fp64
    compute = DOUBLE if code == DOUBLE else FLOAT
    t, n = _source.ctype(compute), _source.width(compute)
    pairs = [("T", _source.load(code, "p", "(i)", compute), f"{_source.store(code, 'p', '(i)', '(v)', compute)}",
              "p[i]", "p[i] = v")]  # fmt: skip
    if cpu:
        pairs.append(("V", _source.load_vector(code, "((p) + (i))", compute),
                      _source.store_vector(code, "((p) + (i))", "(v)", compute),
                      f"*(global const {t}{n}u *)((p) + (i))", f"*(global {t}{n}u *)((p) + (i)) = v"))  # fmt: skip
    lines = [_source.prelude(device.schedule, fp64), f"#define E {_source.storage(code)}\ntypedef {t} T;\n",
             f"#define A {'double' if fp64 else 'float'}\n#define W {n}\n#define GROUP {group(device)}\n",
             f"#define VECTOR {t}{n}\n#define HALF {int(code < FLOAT)}\n"]  # fmt: skip
    for kind, load, store, plain, keep in pairs:
        lines.append(f"#define X_{kind}(p, i) ({load})\n#define SX_{kind}(p, i, v) {store}\n"
                     f"#define Y_{kind}(p, i) ({plain})\n#define SY_{kind}(p, i, v) {keep}\n")  # fmt: skip
    lines.append("".join(f"#define {m}(K, p, i) {m}_##K(p, i)\n#define S{m}(K, p, i, v) S{m}_##K(p, i, v)\n"
                         for m in "XY"))  # fmt: skip
    lines.append(COMMON)
    lines.append("#define EXP(K, x) EXP_##K(x)\n#define EXP_T(x) exp_T(x)\n#define EXP_V(x) exp_V(x)\n")
    if cpu:
        lines.append(CPU)
        lines.append("static inline T lanes(V v) { "
                     f"return {' + '.join(f'v.s{k}' for k in range(n))}; }}\n")
        lines.append("static inline T greatest(V v) { T m = v.s0; " +
                     " ".join(f"m = v.s{k} > m ? v.s{k} : m;" for k in range(1, n)) + " return m; }\n")
        if compute == FLOAT:
            # Contracted, the polynomial is faster, and no worse.
            lines.append("#pragma OPENCL FP_CONTRACT ON\nEXPONENTIAL(T, int, exp_T)\n"
                         "EXPONENTIAL(VECTOR, int8, exp_V)\n#pragma OPENCL FP_CONTRACT OFF\n")  # fmt: skip
    else:
        lines.append(GPU)
    if not cpu or compute == DOUBLE:
        lines.append("#define exp_T exp\n#define exp_V exp\n")
    return "".join(lines)


def group(device):
    """Work-items per row of the gpu schedule, at most: a power of two."""
    return 1 << (min(GROUP, device.handle.max_work_group_size).bit_length() - 1)


def over_rows(device, rows, n):
    """(work-items, local size, rows of one work-item) for a kernel over rows of n elements."""
    if device.schedule == "cpu":
        block = max(min(16384 // max(n, 1), -(-rows // (4 * device.units))), 1)
        return (-(-rows // block),), (1,), block
    local = min(group(device), max(16, 1 << (n - 1).bit_length()) if n > 1 else 16)
    return (rows * local,), (local,), 1


def over_items(device, n, most=4096):
    """(work-items, local size, items of one work-item) for a kernel over n independent items."""
    if device.schedule == "cpu":
        block = max(min(most, -(-n // (4 * device.units))), 1)
        return (-(-n // block),), (1,), block
    return (n,), (group(device),), 1


def dense(t):
    """The tensor, or a contiguous copy of it on its device, outside the graph."""
    return t if t.is_contiguous() else as_code(t, t.dtype.code)


def as_code(t, code):
    """The tensor as a contiguous one of dtype `code`, outside the graph; None stays None."""
    if t is None or (t.dtype.code == code and t.is_contiguous()):
        return t
    r = _ops.empty(tuple(t.shape), code, _launch.code_of(t))
    if t.numel():
        _rows.copy(r, t)
    return r


def working(code):
    return DOUBLE if code == DOUBLE else FLOAT
