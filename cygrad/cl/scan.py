"""Running sums, products and extremes on OpenCL devices, in three steps.

A line is cut into pieces.  Each piece is joined to one state, the states before each piece are joined in order, and
each piece is walked again from the state before it.  Where the lines are many or short they are not cut, and the last
step is the only one.  An array is seen as (outer, n, inner).  In the gpu schedule a group goes along a line whose
elements are neighbours.

A work-item of the cpu schedule walks COLUMNS neighbouring columns, or PIECES pieces of one line (inner = 1), side by
side: each alone would wait for its additions.  States are float64 where the device has it (integers: int64).
"""

from cygrad.cl import _launch
from cygrad.cl._source import cast, ctype, load, prelude, storage, store, vector_type, width

BOOL, INT64, HALF, BFLOAT16, FLOAT, DOUBLE, CFLOAT = 0, 5, 6, 7, 8, 9, 10
COLUMNS, PIECES = 32, 8
ALONG = 64  # elements of a line from which on a group goes along it
NAMES = ("cumsum", "cumprod", "logcumsumexp", "cummax", "cummin")

LOG_ADD = """
static inline A log_add(A a, A b)
{
    const A m = a > b ? a : b;
    if (a != a || b != b) return a + b;
    if (isinf(m)) return m;
    return m + log1p(exp((a < b ? a : b) - m));
}
"""

EXTREME = """
typedef struct { E v; long i; } state_NAME;

static inline state_NAME join_NAME(state_NAME a, state_NAME b)
{
    return a.i < 0 || (b.i >= 0 && (b.v != b.v || (a.v == a.v && b.v OP a.v))) ? b : a;
}
"""

# Running sums of exponentials, of 64 elements at a time by vectors: their exponentials, measured from the greatest, add
# up.  Elements so far apart that one of them would vanish, infinities and NaN are joined one by one.
LOG_RUN = """
static inline A log_run(global Y *y, long oy, global const X *x, long length, long step, A state)
{
    for (long i = 0; i < length; i += 64) {
        const int m = LEAST(64L, length - i);
        A v[64];
        bool odd = state != state || state == INFINITY;
        A high = state, low = state == -INFINITY ? INFINITY : state;
        for (int j = 0; j < m; j++) {
            const A e = FIRST(x, (i + j)*step);
            v[j] = e;
            odd |= !(fabs(e) < INFINITY);
            high = e > high ? e : high;
            low = e < low ? e : low;
        }
        if (odd || high - low > RANGE) {
            for (int j = 0; j < m; j++) v[j] = state = log_add(state, v[j]);
        } else {
            for (int j = m; j < 64; j++) v[j] = high;
            for (int j = 0; j < 64; j += W) *(V *)(v + j) = exp(*(V *)(v + j) - high);
            A s = exp(state - high);
            for (int j = 0; j < 64; j++) v[j] = s += v[j];
            for (int j = 0; j < 64; j += W) *(V *)(v + j) = high + log(*(V *)(v + j));
            state = v[m - 1];
        }
        if (y) for (int j = 0; j < m; j++) { LAST(y, oy + (i + j)*step, v[j]) }
    }
    return state;
}
kernel void NAME_total(global S *part, global const X *x, long ox, long n, long inner, long lines, long pieces,
                       long piece)
{
    const long id = get_global_id(0), line = id/pieces, from = id % pieces*piece;
    x += ox + line/inner*n*inner + line % inner + from*inner;
    part[id] = log_run(0, 0, x, LEAST(piece, n - from), inner, -INFINITY);
}
kernel void NAME_walk(global Y *y, long oy, global long *index, long oi, global S *part, global const X *x, long ox,
                      long n, long inner, long lines, long pieces, long piece, int cut)
{
    const long id = get_global_id(0), line = id/pieces, from = id % pieces*piece;
    const long at = line/inner*n*inner + line % inner + from*inner;
    log_run(y, oy + at, x + ox + at, LEAST(piece, n - from), inner, cut ? part[id] : -INFINITY);
}
"""

# total: one state per piece.  walk: the results; part NULL stands for lines that are not cut.
KERNELS = """
kernel void NAME_total(global S *part, global const X *x, long ox, long n, long inner, long lines, long pieces,
                       long piece)
{
    const long wide = inner > 1 ? (inner + COLUMNS - 1)/COLUMNS : 1, tasks = lines/inner*wide;
    const long id = get_global_id(0), t = id % tasks, c = id/tasks*(inner > 1 ? 1 : PIECES);
    if (c >= pieces) return;
    const long outer = t/wide, c0 = t % wide*COLUMNS, from = c*piece;
    const int w = inner > 1 ? min((long)COLUMNS, inner - c0) : min((long)PIECES, pieces - c);
    const bool even = inner > 1 || from + w*piece <= n;
    x += ox + outer*n*inner + from*inner + c0;
    part += (outer*inner + c0)*pieces + c;
    for (int k = 0; k < (even ? 1 : w); k++) {
        const long length = max(min(from + (k + 1)*piece, n) - from - k*piece, 0L);
        if (inner == 1 && even && w == PIECES) {
            S s[PIECES];
            UNROLL for (int j = 0; j < PIECES; j++) s[j] = START;
            for (long i = 0; i < length; i++)
                UNROLL for (int j = 0; j < PIECES; j++) { STEP(s[j], j*piece + i, from + j*piece + i) }
            UNROLL for (int j = 0; j < PIECES; j++) part[j] = s[j];
        } else if (inner == 1) {
            for (int j = k; j < (even ? w : k + 1); j++) {
                S s = START;
                for (long i = 0; i < length; i++) { STEP(s, j*piece + i, from + j*piece + i) }
                part[j] = s;
            }
        } else {
            S s[COLUMNS];
            for (int j = 0; j < w; j++) s[j] = START;
            for (long i = 0; i < length; i++)
                for (int j = 0; j < w; j++) { STEP(s[j], i*inner + j, from + i) }
            for (int j = 0; j < w; j++) part[j*pieces] = s[j];
        }
    }
}

kernel void NAME_walk(global Y *y, long oy, global long *index, long oi, global S *part, global const X *x, long ox,
                      long n, long inner, long lines, long pieces, long piece, int cut)
{
    const long wide = inner > 1 ? (inner + COLUMNS - 1)/COLUMNS : 1, tasks = lines/inner*wide;
    const long id = get_global_id(0), t = id % tasks, c = id/tasks*(inner > 1 ? 1 : PIECES);
    if (c >= pieces) return;
    const long outer = t/wide, c0 = t % wide*COLUMNS, from = c*piece;
    const int w = inner > 1 ? min((long)COLUMNS, inner - c0) : min((long)PIECES, pieces - c);
    const bool even = inner > 1 || from + w*piece <= n;
    const long at = outer*n*inner + from*inner + c0;
    x += ox + at;
    part += (outer*inner + c0)*pieces + c;
    for (int k = 0; k < (even ? 1 : w); k++) {
        const long length = max(min(from + (k + 1)*piece, n) - from - k*piece, 0L);
        if (inner == 1 && even && w == PIECES) {
            S s[PIECES];
            UNROLL for (int j = 0; j < PIECES; j++) s[j] = cut ? part[j] : START;
            for (long i = 0; i < length; i++)
                UNROLL for (int j = 0; j < PIECES; j++) {
                    STEP(s[j], j*piece + i, from + j*piece + i)
                    SAVE(s[j], at + j*piece + i)
                }
        } else if (inner == 1) {
            for (int j = k; j < (even ? w : k + 1); j++) {
                S s = cut ? part[j] : START;
                for (long i = 0; i < length; i++) {
                    STEP(s, j*piece + i, from + j*piece + i)
                    SAVE(s, at + j*piece + i)
                }
            }
        } else {
            S s[COLUMNS];
            for (int j = 0; j < w; j++) s[j] = cut ? part[j*pieces] : START;
            for (long i = 0; i < length; i++)
                for (int j = 0; j < w; j++) {
                    STEP(s[j], i*inner + j, from + i)
                    SAVE(s[j], at + i*inner + j)
                }
        }
    }
}
"""

CPU_JOIN = """
kernel void NAME_join(global S *part, long pieces)
{
    S s = START;
    part += get_global_id(0)*pieces;
    for (long c = 0; c < pieces; c++) { const S p = part[c]; part[c] = s; s = JOIN(s, p); }
}
"""

GPU_JOIN = """
kernel void NAME_join(global S *part, long pieces)
{
    local S l[GROUP];
    S carry = START;
    const uint me = get_local_id(0);
    part += get_group_id(0)*pieces;
    for (long from = 0; from < pieces; from += GROUP) {
        l[me] = from + me < pieces ? part[from + me] : START;
        for (uint step = 1; step < GROUP; step *= 2) {
            barrier(CLK_LOCAL_MEM_FENCE);
            const S p = l[me], q = me >= step ? l[me - step] : START;
            barrier(CLK_LOCAL_MEM_FENCE);
            l[me] = JOIN(q, p);
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        if (from + me < pieces) part[from + me] = me ? JOIN(carry, l[me - 1]) : carry;
        carry = JOIN(carry, l[GROUP - 1]);
        barrier(CLK_LOCAL_MEM_FENCE);
    }
}
"""


# Lines whose elements are neighbours: a group goes along its piece, GROUP elements at a time.
GROUPS = """
kernel __attribute__((reqd_work_group_size(GROUP, 1, 1)))
void NAME_group(global Y *y, long oy, global long *index, long oi, global S *part, global const X *x, long ox, long n,
                long pieces, long piece, int total, int cut)
{
    local S l[GROUP];
    const long id = get_group_id(0), from = id % pieces*piece, at = id/pieces*n + from;
    const long length = min(piece, n - from);
    const uint me = get_local_id(0);
    S carry = START;
    if (cut) carry = part[id];
    x += ox + at;
    for (long i = 0; i < length; i += GROUP) {
        S s = START;
        if (i + me < length) { STEP(s, i + me, from + i + me) }
        l[me] = s;
        for (uint step = 1; step < GROUP; step *= 2) {
            barrier(CLK_LOCAL_MEM_FENCE);
            const S p = l[me], q = me >= step ? l[me - step] : START;
            barrier(CLK_LOCAL_MEM_FENCE);
            l[me] = JOIN(q, p);
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        s = JOIN(carry, l[me]);
        if (!total && i + me < length) { SAVE(s, at + i + me) }
        carry = JOIN(carry, l[GROUP - 1]);
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    if (total && me == 0) part[id] = carry;
}
"""


def state_dtype(name, dt, fp64):
    """The dtype code of a state's number: sums and products widen, extremes do not."""
    if dt in (HALF, BFLOAT16):
        dt = FLOAT
    if name in ("cummax", "cummin"):
        return dt
    return DOUBLE if dt == FLOAT and fp64 else dt


def source(dt, schedule, fp64, group):
    """The program of an element's dtype code; of complex numbers it has the products."""
    cpu = schedule == "cpu"
    text = prelude(schedule, fp64) + '#define UNROLL _Pragma("unroll")\n'
    pair = dt >= CFLOAT
    real = dt - 2 if pair else dt
    for name in ("cumprod",) if pair else NAMES:
        acc = state_dtype(name, real, fp64)
        if name == "logcumsumexp" and dt < HALF:
            continue
        extreme = name in ("cummax", "cummin")
        element = load(real, "x", "(AT)", acc)
        macros = {"COLUMNS": COLUMNS if cpu else 1, "PIECES": PIECES if cpu else 1, "GROUP": group}
        macros |= {"X": storage(real), "Y": storage(real), "A": ctype(acc), "E": ctype(acc)}
        macros["S"] = f"state_{name}" if extreme else ctype(acc)
        kernels = KERNELS + (CPU_JOIN if cpu else GPU_JOIN + GROUPS)
        helpers, start = "", {"cumsum": "0", "cumprod": "1", "logcumsumexp": "-INFINITY"}.get(name)
        join = {"cumsum": "((a) + (b))", "cumprod": "((a)*(b))", "logcumsumexp": "log_add(a, b)"}.get(name)
        step = f"s = JOIN(s, {element});"
        save = store(real, "y", "oy + (AT)", "s", acc)
        if extreme:
            helpers = EXTREME.replace("OP", ">=" if name == "cummax" else "<=").replace("NAME", name)
            start, join = "((S){0, -1})", f"join_{name}(a, b)"
            step = f"{{ const S new_ = {{{element}, PLACE}}; s = JOIN(s, new_); }}"
            save = store(real, "y", "oy + (AT)", "s.v", acc) + " index[oi + (AT)] = s.i;"
        elif name == "logcumsumexp":
            helpers = LOG_ADD
            if cpu:
                macros |= {"W": width(acc), "V": vector_type(acc), "RANGE": 600 if acc == DOUBLE else 80}
                macros |= {"FIRST(x, AT)": element, "LAST(y, AT, s)": store(real, "y", "(AT)", "(s)", acc)}
                kernels = LOG_RUN + CPU_JOIN
        elif pair:
            r, t = ctype(real), ctype(acc)
            macros |= {"S": t + "2", "X": r + "2", "Y": r + "2"}
            start, join = f"(({t}2)(1, 0))", "product(a, b)"
            helpers = "static inline S product(S a, S b) { return (S)(a.x*b.x - a.y*b.y, a.x*b.y + a.y*b.x); }\n"
            step = f"s = JOIN(s, ((S)({cast('x[AT].x', real, acc)}, {cast('x[AT].y', real, acc)})));"
            save = f"y[oy + (AT)] = (Y)({cast('s.x', acc, real)}, {cast('s.y', acc, real)});"
        macros |= {"START": start, "JOIN(a, b)": join, "STEP(s, AT, PLACE)": step, "SAVE(s, AT)": save}
        text += "".join(f"#define {k} {v}\n" for k, v in macros.items()) + helpers
        text += kernels.replace("NAME", name)
        text += "".join(f"#undef {k.partition('(')[0]}\n" for k in macros)
    return text


def scan(name, out, indices, x, dim):
    x = x.detach().contiguous()
    dt, n = x.dtype.code, x.shape[dim] if x.dim() else 1
    device = _launch.device(_launch.code_of(x))
    group = 1 << (min(256, device.handle.max_work_group_size).bit_length() - 1)
    inner = 1
    for size in x.shape[dim + 1 :] if x.dim() else ():
        inner *= size
    count = x.numel()
    if dt >= CFLOAT and name != "cumprod":  # of sums, the parts go side by side
        dt, inner, count = dt - 2, 2 * inner, 2 * count
    if dt in (DOUBLE, CFLOAT + 1) and not device.fp64:
        raise TypeError(f"the device {x.device} ({device.handle.name}) doesn't support {x.dtype!r}. "
                        "Please use float32 instead.")  # fmt: skip
    lines = count // n
    cpu = device.schedule == "cpu"
    grouped = not cpu and inner == 1 and n >= ALONG
    columns, beside = (COLUMNS, PIECES) if cpu and name != "logcumsumexp" else (1, 1)
    tasks = lines // inner * -(-inner // columns) if inner > 1 else lines
    if cpu:
        units = device.handle.max_compute_units
        pieces = 1 if tasks >= units else min(-(-4 * units // tasks), max(n // 4096, 1))
        pieces *= beside if inner == 1 and pieces > 1 else 1
    elif grouped:
        pieces = max(min(1024 // lines, n // (4 * group)), 1)
    else:
        pieces = max(min(32768 // lines, n // 16), 1)
    piece = -(-n // pieces)
    pieces = -(-n // piece)

    def kernel(end):
        return _launch.kernel(device, ("scan", dt), f"{name}_{end}",
                              lambda: source(dt, device.schedule, device.fp64, group))  # fmt: skip

    sizes = (n, inner, lines, pieces, piece)
    # items that walk: a task's pieces one by one, or `beside` at a time
    items = tasks * (pieces if inner > 1 else -(-pieces // beside))
    local = 1 if cpu else group
    part = None
    given = out, out if indices is None else indices
    if pieces > 1:
        part = _launch.allocate(_launch.code_of(x), lines * pieces * 16)
        if grouped:
            _launch.run(device, kernel("group"), (lines * pieces * group,), (group,), *given, part, x, n, pieces, piece,
                        (4, 1), (4, 0))  # fmt: skip
        else:
            _launch.run(device, kernel("total"), (items,), (local,), part, x, *sizes)
        _launch.run(device, kernel("join"), (lines * local,), (local,), part, pieces)
    cut = (4, part is not None)
    if grouped:
        _launch.run(device, kernel("group"), (lines * pieces * group,), (group,), *given, part, x, n, pieces, piece,
                    (4, 0), cut)  # fmt: skip
    else:
        _launch.run(device, kernel("walk"), (items,), (local,), *given, part, x, *sizes, cut)
