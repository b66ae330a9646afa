"""Elements moved by an index, by a mask or into a triangle on OpenCL devices.

An index is checked where it is used: one out of range is noted in the device's error word (`Device.error_word`), which
whoever waits for the device next raises; its element is read as 0 and not written.

What an index names several times is the same on every run, sums and which element is the last: each element of the
target is served by one work-item, which goes through the index in its order.
Movement is by element size, arithmetic by element type; all kernels of a kind are one program.
"""

import struct

from cygrad import _core, _ops
from cygrad.cl import _launch, sort as _sort

INT32, INT64, DOUBLE = 4, 5, 9
ANY = (1 << 63) - 1
RANK = 12  # dimensions of a walk after merging
WORD = {1: "uchar", 2: "ushort", 4: "uint", 8: "ulong", 16: "ulong2"}
TYPES = ("uchar", "uchar", "char", "short", "int", "long", "half", "ushort", "float", "double", "float2", "double2")
UNSIGNED = {"char": "uchar", "short": "ushort", "int": "uint", "long": "ulong"}
OPERATIONS = ("add", "mul", "amax", "amin", "put")
STEPS = {
    "add": "(T)((U)a + (U)b)",
    "mul": "(T)((U)a*(U)b)",
    "amax": "a >= b || a != a ? a : b",
    "amin": "a <= b || a != a ? a : b",
    "put": "b",
}
COMPLEX_STEPS = {"add": "a + b", "mul": "(T)(a.x*b.x - a.y*b.y, a.x*b.y + a.y*b.x)", "put": "b"}

# Space: a walk over up to RANK dimensions, the innermost first, with the strides of three operands.
# Check: what an index is measured by.
COMMON = f"#define RANK {RANK}\n" + """
#define LEAST(a, b) ((a) < (b) ? (a) : (b))
#pragma OPENCL FP_CONTRACT OFF
typedef struct { long nd, size[RANK], a[RANK], b[RANK], c[RANK]; } Space;
typedef struct { long size, step, wraps, wide, error, place; } Check;

/* Offsets of flat position `at` in the dimensions from `first` on. */
#define PLACE(s, first, at, pa, pb, pc) \\
    { ulong u_ = at; \\
      for (int k_ = first; k_ < s.nd; k_++) { \\
          const ulong q_ = k_ + 1 < s.nd ? u_ / (ulong)s.size[k_] : 0; \\
          const long r_ = u_ - q_*s.size[k_]; \\
          pa += r_*s.a[k_]; pb += r_*s.b[k_]; pc += r_*s.c[k_]; \\
          u_ = q_; } }

/* The index at `at`, from the front; -1 if it is out of range. */
static inline long index_at(global const void *index, long at, const Check c, global int *word)
{
    const long i = c.wide ? ((global const long *)index)[at] : ((global const int *)index)[at];
    const long j = c.wraps && i < 0 ? i + c.size : i;
    if ((ulong)j >= (ulong)c.size) {
        if (atomic_cmpxchg(word, 0, 1) == 0) {
            global long *say = (global long *)word;
            say[1] = c.error; say[2] = i; say[3] = c.place; say[4] = c.size;
        }
        return -1;
    }
    return j;
}
"""

# a: the dense side, b: the indexed side, c: the index.
MOVES = {
    "cpu": """
#define WALK(NAME, ONE) \\
kernel void NAME(global T *a, long oa, global T *b, long ob, global const void *index, long oc, Space s, Check c, \\
                 global int *word, long count, long share) \\
{ \\
    long from = get_global_id(0)*share; \\
    const long to = LEAST(from + share, count), n = s.size[0], sa = s.a[0], sb = s.b[0], sc = s.c[0]; \\
    while (from < to) { \\
        const long row = from / n, first = from - row*n, last = LEAST(n, first + to - from); \\
        long pa = oa, pb = ob, pc = oc; \\
        PLACE(s, 1, row, pa, pb, pc) \\
        from += last - first; \\
        if (sc == 0) { \\
            const long j = index_at(index, pc, c, word); \\
            pb += j*c.step; \\
            if (sa == 1 && sb == 1) for (long k = first; k < last; k++) { ONE(pa + k, pb + k) } \\
            else for (long k = first; k < last; k++) { ONE(pa + k*sa, pb + k*sb) } \\
        } else if (sa == 1 && sb == 0 && sc == 1 && c.wide) { \\
            global const long *const at = (global const long *)index + pc; \\
            const long step = c.step, back = c.wraps ? c.size : 0; \\
            const ulong size = c.size; \\
            for (long k = first; k < last; k++) { \\
                const long i = at[k]; \\
                long j = i < 0 ? i + back : i; \\
                if ((ulong)j >= size) j = index_at(index, pc + k, c, word); \\
                ONE(pa + k, pb + j*step) \\
            } \\
        } else for (long k = first; k < last; k++) { \\
            const long j = index_at(index, pc + k*sc, c, word); \\
            ONE(pa + k*sa, pb + k*sb + j*c.step) \\
        } \\
    } \\
}
#define GET(pa, pb) a[pa] = j < 0 ? (T)0 : b[pb];
#define PUT(pa, pb) if (j >= 0) b[pb] = a[pa];
WALK(gather, GET)
WALK(scatter, PUT)

kernel void triangle(global T *to, long oto, global const T *of, long oof, long rows, long columns, long diagonal,
                     int lower, long total, long share)
{
    const long last = LEAST(((long)get_global_id(0) + 1)*share, total);
    for (long row = get_global_id(0)*share; row < last; row++) {
        const long r = row % rows, at = row*columns;
        for (long k = 0; k < columns; k++)
            to[oto + at + k] = (lower ? k - r <= diagonal : k - r >= diagonal) ? of[oof + at + k] : (T)0;
    }
}
""",
    "gpu": """
#define WALK(NAME, ONE) \\
kernel void NAME(global T *a, long oa, global T *b, long ob, global const void *index, long oc, Space s, Check c, \\
                 global int *word, long count) \\
{ \\
    const long at = get_global_id(0); \\
    if (at >= count) return; \\
    PLACE(s, 0, at, oa, ob, oc) \\
    const long j = index_at(index, oc, c, word); \\
    ONE(oa, ob + j*c.step) \\
}
#define GET(pa, pb) a[pa] = j < 0 ? (T)0 : b[pb];
#define PUT(pa, pb) if (j >= 0) b[pb] = a[pa];
WALK(gather, GET)
WALK(scatter, PUT)

kernel void triangle(global T *to, long oto, global const T *of, long oof, long rows, long columns, long diagonal,
                     int lower, long total)
{
    const long at = get_global_id(0), row = at / columns, k = at - row*columns, r = row % rows;
    if (row >= total) return;
    to[oto + at] = (lower ? k - r <= diagonal : k - r >= diagonal) ? of[oof + at] : (T)0;
}
""",
}

# Every work-item has a run of the mask: it counts the ones, and with the counts added up knows where its own go.
COMPRESS = """
kernel void compress(global T *out, long oo, global const T *x, long ox, global const uchar *mask, long om, long n,
                     long run, global const long *count, long oc)
{
    const long g = get_global_id(0);
    if (g*run >= n) return;
    long at = oo + count[oc + g];
    const long end = oo + count[oc + g + 1];
    for (long i = g*run; at < end; i++) { /* no branch to guess: what is not wanted is overwritten */
        out[at] = x[ox + i];
        at += mask[om + i] != 0;
    }
}
"""

PLACES = """
kernel void count(global long *count, long oc, global const uchar *mask, long om, long n, long run)
{
    const long g = get_global_id(0), to = LEAST((g + 1)*run, n);
    if (g*run >= n) return;
    long sum = 0;
    for (long i = g*run; i < to; i++) sum += mask[om + i] != 0;
    count[oc + g] = sum;
}

kernel void positions(global long *out, long oo, global const uchar *mask, long om, long n, long run,
                      global const long *count, long oc)
{
    const long g = get_global_id(0);
    if (g*run >= n) return;
    long at = oo + count[oc + g];
    const long end = oo + count[oc + g + 1];
    for (long i = g*run; at < end; i++) {
        out[at] = i;
        at += mask[om + i] != 0;
    }
}

/* The sums of what stands before each of m counts, and behind them that of all, by one group. */
kernel void add_up(global long *count, long oc, long m, local long *sums)
{
    const long me = get_local_id(0), group = get_local_size(0), share = (m + group - 1)/group;
    const long from = LEAST(me*share, m), to = LEAST(from + share, m);
    long sum = 0;
    count += oc;
    for (long i = from; i < to; i++) sum += count[i];
    sums[me] = sum;
    barrier(CLK_LOCAL_MEM_FENCE);
    if (me == 0) {
        long all = 0;
        for (long i = 0; i < group; i++) { const long v = sums[i]; sums[i] = all; all += v; }
        count[m] = all;
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    sum = sums[me];
    for (long i = from; i < to; i++) { const long v = count[i]; count[i] = sum; sum += v; }
}

kernel void coordinates(global long *out, long oo, global const long *flat, long of, Space s, long n, long share)
{
    const long from = get_global_id(0)*share, to = LEAST(from + share, n), inner = s.size[0];
    long here[RANK], start = -inner; /* of the first element of the row */
    for (long i = from; i < to; i++) {
        const long f = flat[of + i];
        if (f - start >= inner) {
            ulong rest = (ulong)f / (ulong)inner;
            start = rest*inner;
            for (int k = 1; k < s.nd; k++) {
                const ulong q = k + 1 < s.nd ? rest / (ulong)s.size[k] : 0;
                here[k] = rest - q*s.size[k];
                rest = q;
            }
        }
        for (int k = 1; k < s.nd; k++) out[oo + (s.nd - 1 - k)*n + i] = here[k];
        out[oo + (s.nd - 1)*n + i] = f - start;
    }
}

kernel void require(global const uchar *condition, long oc, global int *word, long error)
{
    if (!condition[oc] && atomic_cmpxchg(word, 0, 1) == 0) {
        global long *say = (global long *)word;
        say[1] = error; say[2] = say[3] = say[4] = 0;
    }
}

/* out (+)= index*step; a: out, c: the index. */
kernel void linear(global long *out, long oo, global const void *index, long oi, Space s, Check c, global int *word,
                   int adds, long n, long share)
{
    const long to = LEAST(((long)get_global_id(0) + 1)*share, n);
    for (long i = get_global_id(0)*share; i < to; i++) {
        long pa = oo, pb = 0, pc = oi;
        PLACE(s, 0, i, pa, pb, pc)
        const long j = index_at(index, pc, c, word);
        out[pa] = (adds ? out[pa] : 0) + LEAST(j, c.size - 1)*(j < 0 ? 0 : c.step);
    }
}

/* How many of the ends, which ascend, are not above each position: found by bisection, then by steps. */
kernel void interleave(global long *out, long oo, global const long *end, long oe, long m, long n, long share)
{
    long i = get_global_id(0)*share, low = 0, high = m;
    const long to = LEAST(i + share, n);
    while (low < high) {
        const long middle = (low + high)/2;
        if (end[oe + middle] <= i) low = middle + 1; else high = middle;
    }
    for (; i < to; low++)
        for (const long last = LEAST(end[oe + low], to); i < last; i++) out[oo + i] = low;
}

/* The elements of a triangle before row r: those of rows with some but not all columns, then whole rows. */
static inline long before(long r, long columns, long diagonal)
{
    const long some = clamp(-diagonal, 0L, r), all = clamp(columns - diagonal, some, r);
    return (all - some)*(some + all + 2*diagonal + 1)/2 + (r - all)*columns;
}

kernel void triangle_indices(global long *out, long oo, long rows, long columns, long diagonal, int lower, long n,
                             long share)
{
#define BEFORE(r) (lower ? before(r, columns, diagonal) : (r)*columns - before(r, columns, diagonal - 1))
    long i = get_global_id(0)*share, low = 0, high = rows;
    const long to = LEAST(i + share, n);
    if (i >= to) return;
    while (high - low > 1) {
        const long middle = (low + high)/2;
        if (BEFORE(middle) <= i) low = middle; else high = middle;
    }
    for (; i < to; low++) {
        const long left = (lower ? 0 : max(low + diagonal, 0L)) - BEFORE(low), last = LEAST(BEFORE(low + 1), to);
        for (; i < last; i++) {
            out[oo + i] = low;
            out[oo + n + i] = i + left;
        }
    }
}

/* The place in the target of every position of the index, `none` where it is out of range; b: the target. */
#define KEYS(NAME, K) \\
kernel void NAME(global K *key, global const void *index, long oi, Space s, Check c, global int *word, long none, \\
                 long n, long share) \\
{ \\
    const long to = LEAST(((long)get_global_id(0) + 1)*share, n); \\
    for (long i = get_global_id(0)*share; i < to; i++) { \\
        long pa = 0, pb = 0, pc = oi; \\
        PLACE(s, 0, i, pa, pb, pc) \\
        const long j = index_at(index, pc, c, word); \\
        key[i] = j < 0 ? none : pb + j*c.step; \\
    } \\
}
KEYS(keys4, uint)
KEYS(keys8, ulong)
"""

# p: positions along which the index decides where an element goes; f: the slices that never meet.  a: the source,
# b: the target, c: the index.  On a cpu every work-item looks at the whole index and serves a part of its range, which
# costs less than to sort it; on a gpu the positions have been sorted by their places.
SEGMENTS = {
    "cpu": """
static inline long counted(global const void *index, long at, const long wide, const long back)
{
    const long i = wide ? ((global const long *)index)[at] : ((global const int *)index)[at];
    return i < 0 ? i + back : i;
}
#define INDEX(l) counted(index, pc + (l)*p.c[0], c.wide, back)
#define SEGMENTS(NAME, STEP) \\
kernel void NAME(global T *b, long ob, global const T *a, long oa, global const void *index, long oc, Space p, \\
                 Space f, Check c, global int *word, long n, long range, long block) \\
{ \\
    const long blocks = (f.size[0] + block - 1)/block, y = get_global_id(1), row = y / blocks; \\
    const long first = (y - row*blocks)*block, width = LEAST(block, f.size[0] - first), sa = f.a[0], sb = f.b[0]; \\
    const long low = get_global_id(0)*range, q = p.size[0], rows = n / q, step = c.step; \\
    const long back = c.wraps ? c.size : 0; \\
    PLACE(f, 1, row, oa, ob, oc) \\
    oa += first*sa; ob += first*sb; \\
    for (long r = 0; r < rows; r++) { \\
        long pa = oa, pb = ob, pc = oc; \\
        PLACE(p, 1, r, pa, pb, pc) \\
        for (long k = 0; k < q; k += 256, pa += 256*p.a[0], pc += 256*p.c[0]) { \\
            const long m = LEAST(256, q - k); \\
            uchar mine[257]; \\
            int found = 0, bad = 0; \\
            for (int l = 0; l < m; l++) { /* no branch to guess: what is not wanted is overwritten */ \\
                const long j = INDEX(l); \\
                mine[found] = l; \\
                found += (ulong)(j - low) < (ulong)range; \\
                bad |= (ulong)j >= (ulong)c.size; \\
            } \\
            if (bad) for (int l = 0; l < m; l++) index_at(index, pc + l*p.c[0], c, word); \\
            for (int l = 0; l < found; l++) { \\
                const long j = INDEX(mine[l]), at = pa + mine[l]*p.a[0]; \\
                global T *const t = b + pb + j*step; \\
                if ((ulong)j >= (ulong)c.size) continue; \\
                if (width == 1) *t = STEP(*t, a[at]); \\
                else if (sa == 1 && sb == 1) for (long x = 0; x < width; x++) t[x] = STEP(t[x], a[at + x]); \\
                else for (long x = 0; x < width; x++) t[x*sb] = STEP(t[x*sb], a[at + x*sa]); \\
            } \\
        } \\
    } \\
}
""",
    "gpu": """
#define SEGMENTS(NAME, K, STEP) \\
kernel void NAME(global const K *key, global const uint *place, global T *b, long ob, global const T *a, long oa, \\
                 Space p, Space f, long none, long n, long slices) \\
{ \\
    const long g = get_global_id(0), k = g / slices; \\
    long i = k, unused = 0; \\
    if (i >= n || key[i] == (K)none || (i && key[i] == key[i - 1])) return; \\
    PLACE(f, 0, g - k*slices, oa, ob, unused) \\
    const K here = key[i]; \\
    T v = b[ob + here]; \\
    do { \\
        long pa = oa, pb = 0, pc = 0; \\
        PLACE(p, 0, place[i], pa, pb, pc) \\
        v = STEP(v, a[pa]); \\
    } while (++i < n && key[i] == here); \\
    b[ob + here] = v; \\
}
""",
}


# Sums of few targets: every work-item of a cpu adds up its part of the index, in four sums for each target, so that one
# need not wait for the other; `few_join` adds the parts in their order.
FEW, PARTS = 512, 8  # targets, and parts of the index
FEW_TARGETS = f"#define FEW {FEW}\n" + """
kernel void few(global T *part, global const T *a, long oa, global const void *index, long oc, Space p, Check c,
                global int *word, long n, long share)
{
    const long from = get_global_id(0)*share, to = LEAST(from + share, n), sa = p.a[0], sc = p.c[0];
    const long back = c.wraps ? c.size : 0;
    T sum[4][FEW];
    for (int k = 0; k < 4; k++) for (long j = 0; j < c.size; j++) sum[k][j] = NOTHING;
    for (long i = from; i < to; i++) {
        const long j = counted(index, oc + i*sc, c.wide, back);
        if ((ulong)j >= (ulong)c.size) index_at(index, oc + i*sc, c, word);
        else sum[i & 3][j] = step_add(sum[i & 3][j], a[oa + i*sa]);
    }
    part += get_global_id(0)*c.size;
    for (long j = 0; j < c.size; j++)
        part[j] = step_add(step_add(sum[0][j], sum[1][j]), step_add(sum[2][j], sum[3][j]));
}
kernel void few_join(global T *b, long ob, global const T *part, Check c, long parts)
{
    const long j = get_global_id(0);
    T sum = b[ob + j*c.step];
    for (long k = 0; k < parts; k++) sum = step_add(sum, part[k*c.size + j]);
    b[ob + j*c.step] = sum;
}
"""


# ------------------------------------------------------------------ launching


def _device(t):
    return _launch.device(_launch.code_of(t))


def _moves(device, size, name):
    """A kernel that moves elements of `size` bytes."""

    def make():
        return COMMON + f"typedef {WORD[size]} T;\n" + MOVES[device.schedule] + COMPRESS

    return _launch.kernel(device, ("moves", size), name, make)


def _places(device, name):
    return _launch.kernel(device, ("places",), name, lambda: COMMON + PLACES)


def _segments(device, code, name):
    """A kernel that reduces segments of elements of dtype `code`."""

    def make():
        t, steps = TYPES[code], COMPLEX_STEPS if code > DOUBLE else STEPS
        text = "#pragma OPENCL EXTENSION cl_khr_fp64 : enable\n" if "double" in t else ""
        text += COMMON + f"typedef {t} T;\ntypedef {UNSIGNED.get(t, t)} U;\n"
        for op, step in steps.items():
            text += f"static inline T step_{op}(const T a, const T b) {{ return {step}; }}\n"
        text += SEGMENTS[device.schedule]
        if device.schedule == "cpu":
            if code <= DOUBLE:
                nothing = "-0.0f" if t in ("float", "double") else "0"  # -0 + -0 is -0
                text += f"#define NOTHING {nothing}\n{FEW_TARGETS}"
            return text + "".join(f"SEGMENTS({op}, step_{op})\n" for op in steps)
        return text + "".join(f"SEGMENTS({op}{k}, {WORD[k]}, step_{op})\n" for op in steps for k in (4, 8))

    return _launch.kernel(device, ("segments", code), name, make)


def _shares(device, count, least=4096):
    """(sizes, local, elements each) of a launch over `count` elements."""
    if device.schedule == "gpu":
        return (count,), (_sort.group_size(device),), 1
    share = max(-(-count // (4 * device.handle.max_compute_units)), least)
    return (-(-count // share),), (1,), share


def _space(dims, alone=False):
    """The dimensions of (size, strides of three operands), outermost first, merged, innermost first; and the struct
    Space.  `alone`: within them all is one of size 1."""
    merged = [[1, 0, 0, 0]] if alone else []
    for size, *strides in reversed(dims):
        if size == 1:
            continue
        if len(merged) > alone and all(s == m * merged[-1][0] for s, m in zip(strides, merged[-1][1:], strict=True)):
            merged[-1][0] *= size
        else:
            merged.append([size, *strides])
    merged = merged or [[1, 0, 0, 0]]
    if len(merged) > RANK:
        raise RuntimeError(f"more than {RANK} separate dimensions on an OpenCL device; call contiguous() first")
    columns = [[d[k] for d in merged] + [0] * (RANK - len(merged)) for k in range(4)]
    return merged, struct.pack(f"{1 + 4 * RANK}q", len(merged), *(v for c in columns for v in c))


def _check(index, x, dim, wraps, error, place):
    wide = index.dtype.code == INT64
    return struct.pack("6q", x.shape[dim] if error else ANY, x.stride(dim), wraps, wide, error, place)


def _dims(index, a, b, dim):
    """Per dimension of the index: size, stride in a, in b (0 along `dim`), in the index."""
    steps = list(b.stride())
    steps[dim] = 0
    return list(zip(index.shape, a.stride(), steps, index.stride(), strict=True))


def _arithmetic(x, op):
    """The dtype code to work in: of any integer of the size where elements only move."""
    return x.dtype.code if op >= 0 or x.itemsize == 16 else _sort.CODES[x.itemsize]


def _long_or_int(index):
    return index if index.dtype.code in (INT32, INT64) else index.to(_core.DTYPES[INT64])


def _move(name, dense, x, dim, index, wraps, error, place):
    device, count = _device(x), index.numel()
    index = _long_or_int(index)
    _, space = _space(_dims(index, dense, x, dim))
    sizes, local, share = _shares(device, count)
    shares = (share,) if device.schedule == "cpu" else ()
    _launch.run(device, _moves(device, x.itemsize, name), sizes, local, dense, x, index, space,
                _check(index, x, dim, wraps, error, place), device.error_word(), count, *shares)  # fmt: skip


# ------------------------------------------------------------------ by index


def gather(out, x, dim, index, wraps, error, place):
    _move("gather", out, x, dim, index, wraps, error, place)


def scatter(x, dim, index, src, op, wraps, error, place):
    if op < 0 and (index.numel() == 1 or not any(src.stride())):  # nothing to lose by a race
        _move("scatter", src, x, dim, index, wraps, error, place)
        return
    index = _long_or_int(index)
    (_add_by_parts if _device(x).schedule == "cpu" else _add_sorted)(x, dim, index, src, op, wraps, error, place)


def _add_by_parts(x, dim, index, src, op, wraps, error, place):
    device, units = _device(x), _device(x).handle.max_compute_units
    positions, slices = [], []
    for k, d in enumerate(_dims(index, src, x, dim)):
        (slices if k != dim and d[2] else positions).append(d)
    alone = not slices or slices[-1][3] != 0  # an inner slice has one place in the index
    walk, space = _space(positions)
    merged, spaces = _space(slices, alone)
    n = 1
    for d in positions:
        n *= d[0]
    width = merged[0][0]
    check = _check(index, x, dim, wraps, error, place)
    size = x.shape[dim]
    if op == 0 and not slices and size <= FEW and len(walk) == 1 and n >= max(8 * size, 4096):
        share = -(-n // PARTS)
        part, parts = _launch.allocate(_launch.code_of(x), PARTS * size * x.itemsize), -(-n // share)
        _launch.run(device, _segments(device, x.dtype.code, "few"), (parts,), (1,), part, src, index, space, check,
                    device.error_word(), n, share)  # fmt: skip
        _launch.run(device, _segments(device, x.dtype.code, "few_join"), (size,), (1,), x, part, check, parts)
        return
    rows = index.numel() // n // width
    block = width if rows >= units else max(-(-width // units), 64)
    cells = rows * -(-width // block)
    parts = 1 if cells >= units or n < 4096 else units
    kernel = _segments(device, _arithmetic(x, op), OPERATIONS[op])
    _launch.run(device, kernel, (parts, cells), (1, 1), x, src, index, space, spaces, check, device.error_word(), n,
                -(-size // parts), block)  # fmt: skip


def _add_sorted(x, dim, index, src, op, wraps, error, place):
    device, dev = _device(x), _launch.code_of(x)
    positions, slices = [], []  # dimensions that the place depends on, and those of whole slices
    for k, d in enumerate(_dims(index, src, x, dim)):
        (slices if k != dim and d[2] and not d[3] else positions).append(d)
    n = 1
    for d in positions:
        n *= d[0]
    if n >= 1 << 32:
        raise RuntimeError("an index of 2**32 or more elements is not supported on an OpenCL device")
    none = 1 + sum((d[0] - 1) * d[2] for d in positions) + max((x.shape[dim] - 1) * x.stride(dim), 0)
    size = 4 if none < 1 << 32 else 8
    key = _launch.allocate(dev, n * size)
    _, space = _space(positions)
    sizes, local, share = _shares(device, n)
    _launch.run(device, _places(device, f"keys{size}"), sizes, local, key, index, space,
                _check(index, x, dim, wraps, error, place), device.error_word(), none, n, share)  # fmt: skip
    key, place_of = _sort.sort_keys(dev, key, size, 1, n, (1 << none.bit_length()) - 1)
    many = index.numel() // n
    kernel = _segments(device, _arithmetic(x, op), f"{OPERATIONS[op]}{size}")
    _launch.run(device, kernel, (n * many,), (_sort.group_size(device),), key, place_of, x, src, space,
                _space(slices)[1], none, n, many)  # fmt: skip


def require(condition, error):
    device = _device(condition)
    _launch.run(device, _places(device, "require"), (1,), (1,), condition.detach(), device.error_word(), error)


def linear_index(out, x, dims, indices):
    device, n = _device(x), out.numel()
    sizes, local, share = _shares(device, n)
    for k, (dim, index) in enumerate(zip(dims, indices, strict=True)):
        index = _long_or_int(index)
        _, space = _space([(s, a, 0, c) for s, a, c in zip(out.shape, out.stride(), index.stride(), strict=True)])
        _launch.run(device, _places(device, "linear"), sizes, local, out, index, space,
                    _check(index, x, dim, True, 1, k), device.error_word(), (INT32, k > 0), n, share)  # fmt: skip


# ------------------------------------------------------------------ by mask


def _counted(mask):
    """(contiguous mask, elements per run, the ones before each run, how many there are)."""
    mask = mask.contiguous()
    device, n = _device(mask), mask.numel()
    run = max(-(-n // (4 * device.handle.max_compute_units)), 4096) if device.schedule == "cpu" else \
        max(-(-n // 65536), 32)  # fmt: skip
    runs = -(-n // run)
    counts = _ops.empty((runs + 1,), INT64, _launch.code_of(mask))
    local = _local(device)
    _launch.run(device, _places(device, "count"), (runs,), local, counts, mask, n, run)
    _launch.run(device, _places(device, "add_up"), local, local, counts, runs, _launch.Local(8 * local[0]))
    return mask, run, counts, counts[runs].item()


def _local(device):
    return (1 if device.schedule == "cpu" else _sort.group_size(device),)


def positions(mask):
    mask, run, counts, total = _counted(mask.detach())
    out = _ops.empty((total,), INT64, _launch.code_of(mask))
    device, n = _device(mask), mask.numel()
    if total:
        _launch.run(device, _places(device, "positions"), (-(-n // run),), _local(device), out, mask, n, run,
                    counts)  # fmt: skip
    return out


def compress(x, mask):
    mask, run, counts, total = _counted(mask.detach())
    x = x.detach().contiguous()
    out = _ops.empty((total,), x.dtype.code, _launch.code_of(mask))
    device, n = _device(mask), mask.numel()
    if total:
        _launch.run(device, _moves(device, x.itemsize, "compress"), (-(-n // run),), _local(device), out, x, mask, n,
                    run, counts)  # fmt: skip
    return out


def masked_put(out, mask, src):
    at = positions(mask)
    if at.numel() > src.numel():
        from cygrad import _walk

        raise _walk.too_few()
    if at.numel():
        src = src.detach().reshape(-1)[: at.numel()]
        _move("scatter", src, out.detach().view(-1), 0, at, False, 0, 0)


def interleave(counts):
    from cygrad import _walk

    device, dev, m = _device(counts), _launch.code_of(counts), counts.numel()
    starts = _ops.empty((m + 1,), INT64, dev)
    sizes, local, share = _shares(device, m)
    _, space = _space([(m, 1, 0, counts.stride(0))])
    check = struct.pack("6q", ANY, 1, False, counts.dtype.code == INT64, _walk.REPEATS, 0)
    _launch.run(device, _places(device, "linear"), sizes, local, starts, counts, space, check, device.error_word(),
                (INT32, 0), m, share)  # fmt: skip
    local = _local(device)
    _launch.run(device, _places(device, "add_up"), local, local, starts, m, _launch.Local(8 * local[0]))
    n = starts[m].item()
    out = _ops.empty((n,), INT64, dev)
    if n:
        sizes, local, share = _shares(device, n)
        _launch.run(device, _places(device, "interleave"), sizes, local, out, starts[1:], m, n, share)
    return out


def coordinates(out, flat, sizes):
    device, n = _device(out), flat.numel()
    if len(sizes) > RANK:
        raise RuntimeError(f"more than {RANK} dimensions on an OpenCL device")
    space = struct.pack(f"{1 + 4 * RANK}q", len(sizes), *reversed(sizes), *[0] * (4 * RANK - len(sizes)))
    sizes, local, share = _shares(device, n)
    _launch.run(device, _places(device, "coordinates"), sizes, local, out, flat, space, n, share)


# ------------------------------------------------------------------ places known beforehand


def triangle(out, x, diagonal, lower):
    device, x = _device(out), x.contiguous()
    rows, columns = x.shape[-2:]
    total = x.numel() // columns
    kernel = _moves(device, x.itemsize, "triangle")
    given = out, x, rows, columns, diagonal, (INT32, lower), total
    if device.schedule == "gpu":
        _launch.run(device, kernel, (total * columns,), (_sort.group_size(device),), *given)
        return
    sizes, local, share = _shares(device, total, max(4096 // columns, 1))
    _launch.run(device, kernel, sizes, local, *given, share)


def triangle_indices(out, rows, columns, diagonal, lower):
    device, n = _device(out), out.shape[1]
    sizes, local, share = _shares(device, n)
    _launch.run(device, _places(device, "triangle_indices"), sizes, local, out, rows, columns, diagonal,
                (INT32, lower), n, share)  # fmt: skip
