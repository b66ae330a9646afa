"""Order on OpenCL devices: one stable radix sort of unsigned keys, and what is found from sorted keys.

Keys are made from the elements in their dtype's order (NaN last, -0 equal to 0; inverted for a descending sort), so
that there is one program per size of element and not per dtype.  With each key goes its place in its row.

Long rows are sorted digit by digit, the lowest first: every chunk of a row counts its digits, the counts are added up
in the order (digit, chunk), and every chunk then knows where its elements go.  Digits in which all keys agree are
skipped.  Short rows are sorted whole, by one work-item (cpu) or in local memory by one group (gpu).
"""

from cygrad import _ops
from cygrad.cl import _launch, _rows
from cygrad.cl.scan import scan

UINT8, INT16, INT32, INT64, FLOAT, DOUBLE = 1, 3, 4, 5, 8, 9
SIZES = (1, 1, 1, 2, 4, 8, 2, 2, 4, 8)  # bytes of a dtype code's element
CODES = {1: UINT8, 2: INT16, 4: INT32, 8: INT64}  # of a key as a kernel argument
KEYS = {1: "uchar", 2: "ushort", 4: "uint", 8: "ulong"}
INFINITY = {6: 0x7C00, 7: 0x7F80, 8: 0x7F800000, 9: 0x7FF0000000000000}
SHORT = {"cpu": 2048, "gpu": 1024}  # a row up to this long is sorted whole
SKIPPING = 1 << 15  # elements from which on it pays to ask which digits differ
ITEMS = 8  # gpu: elements per work-item and pass

COMMON = """
typedef KEY K;

static inline K key_of(K v, K sign, K infinity)
{
    if (infinity) {
        const K a = v & (K)~sign;
        return a > infinity ? (K)~(K)0 : a == 0 ? sign : v & sign ? (K)~v : (K)(v | sign);
    }
    return v ^ sign;
}

/* Keys of n elements; `differ` collects the bits in which they are not all alike. */
kernel void keys(global K *key, global const K *x, long ox, long n, long share, K sign, K infinity, K flip,
                 global uint *differ, long od)
{
    const long g = get_global_id(0);
    ulong d = 0;
    if (n == 0) return;
    const K first = key_of(x[ox], sign, infinity) ^ flip;
    for (long i = FROM; i < TO; i += STEP) {
        const K k = key_of(x[ox + i], sign, infinity) ^ flip;
        key[i] = k;
        d |= k ^ first;
    }
    if ((uint)d) atomic_or(differ + od, (uint)d);
    if (d >> 32) atomic_or(differ + od + 1, (uint)(d >> 32));
}
"""

MORE = """
/* Where the median of each sorted row stands; nan: the greatest key is NaN; skip: leave NaNs out. */
kernel void medians(global long *place, long op, global const K *key, long rows, long n, int nan, int skip)
{
    const long row = get_global_id(0);
    if (row >= rows) return;
    long good = n;
    if (nan) {
        long lo = 0;
        while (lo < good) {
            const long mid = lo + (good - lo)/2;
            if (key[row*n + mid] == (K)~(K)0) good = mid; else lo = mid + 1;
        }
    }
    place[op + row] = good < n && (!skip || good == 0) ? good : (good - 1)/2;
}

/* At the first of every run of equal keys of a sorted row its length, elsewhere 0. */
kernel void lengths(global long *length, long ol, global const K *key, long count, long n)
{
    const long i = get_global_id(0), end = (i/n + 1)*n;
    if (i >= count) return;
    const K k = key[i];
    long lo = i + 1, hi = end;
    if (i != end - n && key[i - 1] == k) { length[ol + i] = 0; return; }
    while (lo < hi) {
        const long mid = lo + (hi - lo)/2;
        if (key[mid] == k) lo = mid + 1; else hi = mid;
    }
    length[ol + i] = lo - i;
}

/* What stands at place[row] of each row's order. */
kernel void pick(global K *value, long ov, global long *index, long oi, global const K *x, long ox,
                 global const uint *at, global const long *place, long op, long rows, long n, int values)
{
    const long row = get_global_id(0);
    if (row >= rows) return;
    const uint p = at[row*n + place[op + row]];
    index[oi + row] = p;
    if (values) value[ov + row] = x[ox + row*n + p];
}

static inline int compare(global const K *a, global const K *b, long m, K sign, K infinity)
{
    for (long j = 0; j < m; j++) {
        const K p = key_of(a[j], sign, infinity), q = key_of(b[j], sign, infinity);
        if (p != q) return p < q ? -1 : 1;
    }
    return 0;
}

/* One step of a merge sort of rows: sorted runs of `width` of a become those of twice that in b. */
kernel void merge(global const long *a, long oa, global long *b, long ob, global const K *x, long ox, long n, long m,
                  long width, K sign, K infinity, int start)
{
    const long i = get_global_id(0), run = i/width, other = (run ^ 1)*width;
    if (i >= n) return;
    const long row = start ? i : a[oa + i];
    long lo = min(other, n), hi = min(other + width, n);
    while (lo < hi) {
        const long mid = lo + (hi - lo)/2;
        const int c = compare(x + ox + (start ? mid : a[oa + mid])*m, x + ox + row*m, m, sign, infinity);
        if (c < 0 || (c == 0 && run & 1)) lo = mid + 1; else hi = mid;
    }
    b[ob + (run & ~1L)*width + i - run*width + lo - min(other, n)] = row;
}

/* 1 where a row differs from the one before, 0 at the first. */
kernel void changes(global long *flag, long of, global const K *x, long ox, global const long *order, long oo, long n,
                    long m, K sign, K infinity, int nan, int ordered)
{
    const long i = get_global_id(0);
    if (i >= n) return;
    long a = i, b = i - 1;
    if (ordered && i) { a = order[oo + a]; b = order[oo + b]; }
    flag[of + i] = i && (compare(x + ox + a*m, x + ox + b*m, m, sign, infinity) ||
                         (nan && key_of(x[ox + a], sign, infinity) == (K)~(K)0));
}

/* The first place in each line of bounds that is not less (right: greater) than a value. */
kernel void search(global long *out, long oo, global const K *bounds, long ob, global const K *value, long ov,
                   global const long *sorter, long os, long n, long share, long line, long per, K sign, K infinity,
                   int sorted, int right)
{
    const long g = get_global_id(0);
    for (long i = FROM; i < TO; i += STEP) {
        const long from = per ? i/per*line : 0;
        const K v = key_of(value[ov + i], sign, infinity);
        long lo = 0, hi = line;
        while (lo < hi) {
            const long mid = lo + (hi - lo)/2;
            const K k = key_of(bounds[ob + from + (sorted ? sorter[os + from + mid] : mid)], sign, infinity);
            if (right ? k <= v : k < v) lo = mid + 1; else hi = mid;
        }
        out[oo + i] = lo;
    }
}
"""

CPU = """
#define DIGIT(k) ((k) >> shift & 255)

/* One item per chunk and row: count[row][digit][chunk]. */
kernel void histogram(global const K *key, global uint *count, long oc, long n, long chunk, uint shift)
{
    const long c = get_global_id(0), chunks = get_global_size(0), row = get_global_id(1);
    const long from = c*chunk, to = min(from + chunk, n);
    uint h[256];
    for (int d = 0; d < 256; d++) h[d] = 0;
    for (long i = from; i < to; i++) h[DIGIT(key[row*n + i])]++;
    for (int d = 0; d < 256; d++) count[oc + (row*256 + d)*chunks + c] = h[d];
}

kernel void sums(global uint *count, long m)
{
    global uint *c = count + get_global_id(0)*m;
    uint sum = 0;
    for (long i = 0; i < m; i++) { const uint v = c[i]; c[i] = sum; sum += v; }
}

kernel void scatter(global const K *key, global const uint *at, global K *key2, global uint *at2,
                    global const uint *count, long n, long chunk, uint shift, uint start)
{
    const long c = get_global_id(0), chunks = get_global_size(0), row = get_global_id(1);
    const long from = c*chunk, to = min(from + chunk, n);
    uint h[256];
    for (int d = 0; d < 256; d++) h[d] = count[(row*256 + d)*chunks + c];
    key += row*n; key2 += row*n; at += row*n; at2 += row*n;
    for (long i = from; i < to; i++) {
        const K k = key[i];
        const uint p = h[DIGIT(k)]++;
        key2[p] = k;
        at2[p] = start ? (uint)i : at[i];
    }
}

/* The keys of a row whose digit is at most `top`, with their places, in order; counts are those of `histogram`. */
kernel void firsts(global const K *key, global K *key2, global uint *at2, global const uint *count, long oc, long n,
                   long chunk, uint shift, uint top)
{
    const long c = get_global_id(0), chunks = get_global_size(0);
    uint p = 0;
    for (long d = 0; d <= top; d++)
        for (long b = 0; b < c; b++) p += count[oc + d*chunks + b];
    for (long i = c*chunk; i < min((c + 1)*chunk, n); i++)
        if (DIGIT(key[i]) <= top) { key2[p] = key[i]; at2[p++] = i; }
}

kernel void compose(global uint *at, global const uint *of, long n)
{
    const long i = get_global_id(0);
    if (i < n) at[i] = of[at[i]];
}

/* A block of rows, each whole; key2 and at2 are room to work. */
kernel void rows(global K *key_, global uint *at_, global K *key2_, global uint *at2_, long rows, long n, long block)
{
    const long end = min(((long)get_global_id(0) + 1)*block, rows);
    for (long row = get_global_id(0)*block; row < end; row++) {
        global K *key = key_ + row*n, *key2 = key2_ + row*n;
        global uint *at = at_ + row*n, *at2 = at2_ + row*n;
        if (n <= 48) {
            for (long i = 0; i < n; i++) {
                const K k = key[i];
                long j = i;
                for (; j > 0 && key[j - 1] > k; j--) { key[j] = key[j - 1]; at[j] = at[j - 1]; }
                key[j] = k;
                at[j] = i;
            }
            continue;
        }
        for (long i = 0; i < n; i++) at[i] = i;
        for (uint shift = 0; shift < 8*sizeof(K); shift += 8) {
            uint h[256], sum = 0;
            for (int d = 0; d < 256; d++) h[d] = 0;
            for (long i = 0; i < n; i++) h[DIGIT(key[i])]++;
            if (h[DIGIT(key[0])] == n) continue;
            for (int d = 0; d < 256; d++) { const uint v = h[d]; h[d] = sum; sum += v; }
            for (long i = 0; i < n; i++) { const uint p = h[DIGIT(key[i])]++; key2[p] = key[i]; at2[p] = at[i]; }
            global K *k = key; key = key2; key2 = k;
            global uint *a = at; at = at2; at2 = a;
        }
        if (key != key_ + row*n)
            for (long i = 0; i < n; i++) { key2[i] = key[i]; at2[i] = at[i]; }
    }
}

/* The elements at places from .. from + k of every row's order. */
kernel void take(global K *value, long ov, global long *index, long oi, global const K *x, long ox,
                 global const uint *at, long rows, long n, long from, long k, long block, long share, int values)
{
    const long end = min(((long)get_global_id(1) + 1)*block, rows);
    const long lo = get_global_id(0)*share, hi = min(lo + share, k);
    for (long row = get_global_id(1)*block; row < end; row++)
        for (long j = lo; j < hi; j++) {
            const uint p = at[row*n + from + j];
            index[oi + row*k + j] = p;
            if (values) value[ov + row*k + j] = x[ox + row*n + p];
        }
}
"""

GPU = """
#define DIGIT(k) ((k) >> shift & 15)

/* One group per tile of ITEMS elements an item, and row: count[row][digit][tile]. */
kernel void histogram(global const K *key, global uint *count, long oc, long n, uint shift, local uint *h)
{
    const long tile = get_group_id(0), tiles = get_num_groups(0), row = get_group_id(1);
    const uint me = get_local_id(0), group = get_local_size(0);
    if (me < 16) h[me] = 0;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int e = 0; e < ITEMS; e++) {
        const long i = (tile*ITEMS + e)*group + me;
        if (i < n) atomic_inc(h + DIGIT(key[row*n + i]));
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    if (me < 16) count[oc + (row*16 + me)*tiles + tile] = h[me];
}

/* s[i] = the sum of s[0] .. s[i] over a group. */
static inline void add_up(local uint *s)
{
    const uint me = get_local_id(0);
    for (uint step = 1; step < get_local_size(0); step *= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        const uint v = me >= step ? s[me - step] : 0;
        barrier(CLK_LOCAL_MEM_FENCE);
        s[me] += v;
    }
    barrier(CLK_LOCAL_MEM_FENCE);
}

/* One group per row. */
kernel void sums(global uint *count, long m, local uint *s)
{
    const uint me = get_local_id(0), group = get_local_size(0);
    uint carry = 0;
    count += get_group_id(0)*m;
    for (long from = 0; from < m; from += group) {
        const uint v = from + me < m ? count[from + me] : 0;
        s[me] = v;
        add_up(s);
        if (from + me < m) count[from + me] = carry + s[me] - v;
        carry += s[group - 1];
        barrier(CLK_LOCAL_MEM_FENCE);
    }
}

/* An item takes ITEMS elements in a row, which keeps equal digits in their order.  h: 16*group, s: group. */
kernel void scatter(global const K *key, global const uint *at, global K *key2, global uint *at2,
                    global const uint *count, long n, uint shift, uint start, local uint *h, local uint *s)
{
    const long tile = get_group_id(0), tiles = get_num_groups(0), row = get_group_id(1);
    const uint me = get_local_id(0), group = get_local_size(0);
    const long from = (tile*group + me)*ITEMS, to = min(from + ITEMS, n);
    uint first[16], sum = 0;
    key += row*n; key2 += row*n; at += row*n; at2 += row*n;
    for (int d = 0; d < 16; d++) h[d*group + me] = 0;
    for (long i = from; i < to; i++) h[DIGIT(key[i])*group + me]++;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int d = 0; d < 16; d++) sum += h[me*16 + d];
    s[me] = sum;
    add_up(s);
    sum = s[me] - sum;
    for (int d = 0; d < 16; d++) { const uint v = h[me*16 + d]; h[me*16 + d] = sum; sum += v; }
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int d = 0; d < 16; d++) first[d] = count[(row*16 + d)*tiles + tile] - h[d*group];
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int d = 0; d < 16; d++) h[d*group + me] += first[d];
    for (long i = from; i < to; i++) {
        const K k = key[i];
        const uint p = h[DIGIT(k)*group + me]++;
        key2[p] = k;
        at2[p] = start ? (uint)i : at[i];
    }
}

/* One group per row: a bitonic network on m = 2^j >= n pairs (key, place). */
kernel void rows(global K *key, global uint *at, long n, uint m, local K *k, local uint *a)
{
    const uint me = get_local_id(0), group = get_local_size(0);
    key += get_group_id(0)*n; at += get_group_id(0)*n;
    for (uint i = me; i < m; i += group) { k[i] = i < n ? key[i] : (K)~(K)0; a[i] = i < n ? i : 0xffffffffu; }
    for (uint size = 2; size <= m; size *= 2)
        for (uint step = size/2; step; step /= 2) {
            barrier(CLK_LOCAL_MEM_FENCE);
            for (uint t = me; t < m/2; t += group) {
                const uint i = 2*t - (t & (step - 1)), j = i + step;
                const K x = k[i], y = k[j];
                const uint p = a[i], q = a[j];
                if ((x > y || (x == y && p > q)) == !(i & size)) { k[i] = y; k[j] = x; a[i] = q; a[j] = p; }
            }
        }
    barrier(CLK_LOCAL_MEM_FENCE);
    for (uint i = me; i < n; i += group) { key[i] = k[i]; at[i] = a[i]; }
}

kernel void take(global K *value, long ov, global long *index, long oi, global const K *x, long ox,
                 global const uint *at, long rows, long n, long from, long k, int values)
{
    const long i = get_global_id(0), row = i/k, j = i - row*k;
    if (row >= rows) return;
    const uint p = at[row*n + from + j];
    index[oi + i] = p;
    if (values) value[ov + i] = x[ox + row*n + p];
}
"""

PLACES = """
kernel void places(global long *first, long of, global long *inverse, long oi, global const long *group, long og,
                   global const long *order, long oo, long n, int ordered)
{
    const long i = get_global_id(0);
    if (i >= n) return;
    const long g = group[og + i];
    if (i == 0 || group[og + i - 1] != g) first[of + g] = i;
    inverse[oi + (ordered ? order[oo + i] : i)] = g;
}

kernel void counts(global long *count, long oc, global const long *first, long of, long runs, long n)
{
    const long g = get_global_id(0);
    if (g < runs) count[oc + g] = (g + 1 < runs ? first[of + g + 1] : n) - first[of + g];
}
"""

# Every work-item of the cpu schedule has counts of its own; those of the gpu schedule count together.
COUNT = """
kernel void count(global uint *part, global const T *x, long ox, long n, long share, long bins, T low, T high)
{
    const long g = get_global_id(0);
    if (OWN) {
        part += g*bins;
        for (long b = 0; b < bins; b++) part[b] = 0;
    }
    for (long i = FROM; i < TO; i += STEP) {
        const T v = x[ox + i];
        if (!(v >= low && v <= high)) continue;
        const long b = BIN(v);
        if (OWN) part[b]++; else atomic_inc(part + b);
    }
}

kernel void zero(global uint *part, long bins)
{
    const long b = get_global_id(0);
    if (b < bins) part[b] = 0;
}

kernel void total(global R *out, long oo, global const uint *part, long parts, long bins)
{
    const long b = get_global_id(0);
    if (b >= bins) return;
    ulong sum = 0;
    for (long p = 0; p < parts; p++) sum += part[p*bins + b];
    out[oo + b] = (R)sum;
}
"""

SPAN = {
    "cpu": "#define FROM (g*share)\n#define TO min(FROM + share, n)\n#define STEP 1\n",
    "gpu": "#define FROM g\n#define TO n\n#define STEP share\n",
}


def kernel_of(device, size, name):
    """Kernel `name` of the program for elements of `size` bytes."""

    def make():
        schedule = device.schedule
        head = f"#define KEY {KEYS[size]}\n#define ITEMS {ITEMS}\n" + SPAN[schedule]
        return head + COMMON + MORE + (CPU if schedule == "cpu" else GPU)

    return _launch.kernel(device, ("sort", size), name, make)


def group_size(device, most=256):
    """Work-items of a group: a power of two that the device allows, 16 at least."""
    most = min(most, device.handle.max_work_group_size)
    return 1 << (most.bit_length() - 1)


def signed(value, size):
    """An unsigned number of `size` bytes as `_launch.run` takes it."""
    bits = 8 * size
    value &= (1 << bits) - 1
    return CODES[size], value - (1 << bits) if value >> (bits - 1) and size > 1 else value


def order_of(dt):
    """(sign, infinity): how elements of a dtype code become keys."""
    return 0 if dt < 2 else 1 << (8 * SIZES[dt] - 1), INFINITY.get(dt, 0)


def keys_of(x, descending=False):
    """Keys of contiguous x, in its order, as memory; and a tensor with the bits in which they are not all alike."""
    dev, dt, n = _launch.code_of(x), x.dtype.code, x.numel()
    device, size = _launch.device(dev), SIZES[dt]
    key, differ = _launch.allocate(dev, n * size), _ops.full((2,), 0, INT32, dev)
    items, group, share = shares(device, n)
    _launch.run(
        device, kernel_of(device, size, "keys"), (items,), (group,), key, x, n, share, *order_numbers(dt),
        signed(-1 if descending else 0, size), differ,
    )  # fmt: skip
    return key, differ


def sort_keys(dev, key, size, rows, n, bits=None):
    """(keys, places) of `rows` rows of n unsigned keys of `size` bytes, sorted stably; the places (uint) are those in
    the row.  `bits` are those in which keys may differ, all by default.  The memory of `key` is used up."""
    device = _launch.device(dev)
    at = _launch.allocate(dev, rows * n * 4)
    if device.schedule == "cpu":
        units = device.handle.max_compute_units
        if n <= SHORT["cpu"] or rows >= units:
            key2, at2 = (_launch.allocate(dev, rows * n * b) if n > 48 else at for b in (size, 4))
            block = max(4096 // n, 1)
            _launch.run(device, kernel_of(device, size, "rows"), (-(-rows // block),), (1,), key, at, key2, at2, rows,
                        n, block)  # fmt: skip
            return key, at
        width, group, local = 8, 1, ()
        chunks = min(-(-4 * units // rows), -(-n // 4096))
        grid, spread = (chunks, rows), (-(-n // chunks),)
    else:
        group = group_size(device)
        room = 1 << (n - 1).bit_length()
        if room <= SHORT["gpu"]:
            group = min(group, max(room // 2, 1))
            _launch.run(device, kernel_of(device, size, "rows"), (rows * group,), (group,), key, at, n,
                        (INT32, room), _launch.Local(room * size), _launch.Local(room * 4))  # fmt: skip
            return key, at
        width, local, spread = 4, (_launch.Local(4 * group),), ()
        chunks = -(-n // (ITEMS * group))
        grid = (chunks * group, rows)
    digits = (1 << width) - 1
    key2, at2 = _launch.allocate(dev, rows * n * size), _launch.allocate(dev, rows * n * 4)
    count = _launch.allocate(dev, rows * chunks * (digits + 1) * 4)
    histogram, sums, scatter = (kernel_of(device, size, k) for k in ("histogram", "sums", "scatter"))
    cpu, start = device.schedule == "cpu", 1
    shifts = [s for s in range(0, 8 * size, width) if bits is None or bits >> s & digits] or [0]
    for shift in shifts:
        by = (INT32, shift)
        _launch.run(device, histogram, grid, (group, 1), key, count, 0, n, *spread, by,
                    *(() if cpu else (_launch.Local(64),)))  # fmt: skip
        _launch.run(device, sums, (rows * group,), (group,), count, chunks * (digits + 1), *local)
        _launch.run(device, scatter, grid, (group, 1), key, at, key2, at2, count, n, *spread, by, (INT32, start),
                    *(() if cpu else (_launch.Local(64 * group), *local)))  # fmt: skip
        key, key2, at, at2, start = key2, key, at2, at, 0
    return key, at


def by_digit(dev, key, size, n, shift):
    """(keys, places) of one row of n keys on a CPU device, put together by the eight bits from `shift` on alone."""
    device = _launch.device(dev)
    chunks = 4 * device.handle.max_compute_units
    chunk, by = -(-n // chunks), (INT32, shift)
    count = _launch.allocate(dev, chunks * 256 * 4)
    key2, at = _launch.allocate(dev, n * size), _launch.allocate(dev, n * 4)
    histogram, sums, scatter = (kernel_of(device, size, k) for k in ("histogram", "sums", "scatter"))
    _launch.run(device, histogram, (chunks, 1), (1, 1), key, count, 0, n, chunk, by)
    _launch.run(device, sums, (1,), (1,), count, chunks * 256)
    _launch.run(device, scatter, (chunks, 1), (1, 1), key, at, key2, at, count, n, chunk, by, (INT32, 1))
    return key2, at


def first_of_row(dev, key, size, n, k):
    """The places of the first k keys (and some more) of one row, in order: of those alone that the highest digit puts
    there.  None where they are more than a quarter of the row."""
    device = _launch.device(dev)
    chunks = 4 * device.handle.max_compute_units
    chunk, by = -(-n // chunks), (INT32, 8 * size - 8)
    count = _ops.empty((256, chunks), INT32, dev)
    _launch.run(device, kernel_of(device, size, "histogram"), (chunks, 1), (1, 1), key, count, n, chunk,
                by)  # fmt: skip
    top, m = -1, 0
    for found in count.sum(1).tolist():
        top, m = top + 1, m + found
        if m >= k:
            break
    if 4 * m > n:
        return None
    key2, at2 = _launch.allocate(dev, m * size), _launch.allocate(dev, m * 4)
    _launch.run(device, kernel_of(device, size, "firsts"), (chunks,), (1,), key, key2, at2, count, n, chunk, by,
                (INT32, top))  # fmt: skip
    _, at = sort_keys(dev, key2, size, 1, m)
    by_item(dev, kernel_of(device, size, "compose"), m, at, at2, m)
    return at


def ordered(x, n, descending=False):
    """sort_keys of contiguous x as rows of n elements."""
    size, count = SIZES[x.dtype.code], x.numel()
    key, differ = keys_of(x, descending)
    bits = None
    if size >= 4 and count >= SKIPPING and n > SHORT["cpu"]:
        low, high = (b & 0xFFFFFFFF for b in differ.tolist())
        bits = low | high << 32
    return sort_keys(_launch.code_of(x), key, size, count // n, n, bits)


def take(values, indices, x, at, n, start, k):
    """values, indices (rows, k), contiguous: what stands at places start .. start + k of the order `at` of x's rows."""
    device, size, rows = _launch.device(_launch.code_of(x)), SIZES[x.dtype.code], x.numel() // n
    kernel = kernel_of(device, size, "take")
    there = (INT32, values is not None)
    values = indices if values is None else values
    if device.schedule == "cpu":
        share, block = max(-(-k // (4 * device.handle.max_compute_units)), 4096), max(4096 // k, 1)
        _launch.run(device, kernel, (-(-k // share), -(-rows // block)), (1, 1), values, indices, x, at, rows, n,
                    start, k, block, share, there)  # fmt: skip
    else:
        _launch.run(device, kernel, (rows * k,), (group_size(device),), values, indices, x, at, rows, n, start, k,
                    there)  # fmt: skip


def dim_last(x, dim):
    """x, contiguous, with dimension `dim` behind all others."""
    return x.transpose(dim, -1).contiguous() if x.dim() else x.contiguous()


def along(values, indices, x, dim, fill):
    """Has fill(values, indices, x) work on contiguous tensors with `dim` last."""
    x = x.detach()
    if x.dim() == 0 or dim == x.dim() - 1:
        fill(values, indices, x.contiguous())
        return
    shape = indices.transpose(dim, -1).shape
    dev = _launch.code_of(x)
    index = _ops.empty(shape, INT64, dev)
    value = None if values is None else _ops.empty(shape, x.dtype.code, dev)
    fill(value, index, dim_last(x, dim))
    _rows.copy(indices.transpose(dim, -1), index)
    if values is not None:
        _rows.copy(values.transpose(dim, -1), value)


def sort(values, indices, x, dim, descending):
    n = x.shape[dim] if x.dim() else 1
    if n >= 1 << 32:
        raise RuntimeError("sorting along a dimension of 2**32 or more elements is not supported")

    def fill(values, indices, x):
        _, at = ordered(x, n, descending)
        take(values, indices, x, at, n, 0, n)

    along(values, indices, x, dim, fill)


def by_item(dev, kernel, n, *args):
    """Launches a kernel that guards its end with a work-item for each of n."""
    device = _launch.device(dev)
    _launch.run(device, kernel, (n,), (group_size(device, 16 if device.schedule == "cpu" else 256),), *args)


def shares(device, n, least=4096):
    """(work-items, group, share) for a kernel that loops FROM .. TO by STEP over n."""
    if device.schedule == "cpu":
        share = max(-(-n // (4 * device.handle.max_compute_units)), least)
        return -(-n // share), 1, share
    group = group_size(device)
    items = min(-(-n // group), 1024) * group
    return items, group, items


def order_numbers(dt):
    """`order_of` as kernel arguments."""
    return tuple(signed(number, SIZES[dt]) for number in order_of(dt))


def choose(name, values, indices, x, dim, k, largest):
    n, dt = x.shape[dim] if x.dim() else 1, x.dtype.code
    if n >= 1 << 32:
        raise RuntimeError("sorting along a dimension of 2**32 or more elements is not supported")

    def fill(values, indices, x):
        dev, rows, size = _launch.code_of(x), x.numel() // n, SIZES[dt]
        device = _launch.device(dev)
        at = None
        if rows == 1 and n >= SKIPPING and device.schedule == "cpu" and name in ("topk", "kthvalue"):
            key, _ = keys_of(x, name == "topk" and largest)
            at = first_of_row(dev, key, size, n, k + (name == "kthvalue"))
        if at is None:
            key, at = ordered(x, n, name == "topk" and largest)
        if name == "topk":
            take(values, indices, x, at, n, 0, k)
            return
        if name == "kthvalue":
            take(values, indices, x, at, n, k, 1)
            return
        if name == "mode":
            length = _ops.empty((rows, n), INT64, dev)
            by_item(dev, kernel_of(device, size, "lengths"), rows * n, length, key, rows * n, n)
            most, place = _ops.empty((rows,), INT64, dev), _ops.empty((rows,), INT64, dev)
            _rows.arg_reduce("argmax", most, place, length, 1)
            place = place + most - 1  # the last of the run
        else:
            place = _ops.empty((rows,), INT64, dev)
            by_item(dev, kernel_of(device, size, "medians"), rows, place, key, rows, n, (INT32, dt in INFINITY),
                    (INT32, name == "nanmedian"))  # fmt: skip
        by_item(dev, kernel_of(device, size, "pick"), rows, values, indices, x, at, place, rows, n, (INT32, 1))

    along(values, indices, x, dim, fill)


def order_rows(order, x):
    n, m = x.shape
    x = x.detach().contiguous()
    dev, dt = _launch.code_of(x), x.dtype.code
    if m == 1:
        sort(None, order, x.reshape((-1,)), 0, False)
        return
    kernel = kernel_of(_launch.device(dev), SIZES[dt], "merge")
    a, width, start = _ops.empty((n,), INT64, dev), 1, 1
    steps = max((n - 1).bit_length(), 1)
    a, b = (order, a) if steps % 2 == 0 else (a, order)  # the last step writes to `order`
    for _ in range(steps):
        by_item(dev, kernel, n, a, b, x, n, m, width, *order_numbers(dt), (INT32, start))
        a, b, width, start = b, a, 2 * width, 0


def runs(group, x, order, nan_equal):
    n, m = x.shape
    x = x.detach().contiguous()
    dev, dt = _launch.code_of(x), x.dtype.code
    flag = _ops.empty((n,), INT64, dev)
    by_item(dev, kernel_of(_launch.device(dev), SIZES[dt], "changes"), n, flag, x, flag if order is None else order, n,
            m, *order_numbers(dt), (INT32, dt in INFINITY and m == 1 and not nan_equal),
            (INT32, order is not None))  # fmt: skip
    scan("cumsum", group, None, flag, 0)
    return group[n - 1].item() + 1


def run_places(first, inverse, counts, group, order):
    dev, n = _launch.code_of(group), group.numel()
    device = _launch.device(dev)
    by_item(dev, _launch.kernel(device, ("runs",), "places", lambda: PLACES), n, first, inverse, group,
            group if order is None else order, n, (INT32, order is not None))  # fmt: skip
    by_item(dev, _launch.kernel(device, ("runs",), "counts", lambda: PLACES), first.numel(), counts, first,
            first.numel(), n)  # fmt: skip


def search(out, bounds, values, sorter, right):
    bounds, values = bounds.detach().contiguous(), values.detach().contiguous()
    sorter = None if sorter is None else sorter.contiguous()
    dev, dt, n = _launch.code_of(out), values.dtype.code, values.numel()
    device = _launch.device(dev)
    items, group, share = shares(device, n, 512)
    _launch.run(
        device, kernel_of(device, SIZES[dt], "search"), (items,), (group,), out, bounds, values,
        out if sorter is None else sorter, n, share, bounds.shape[-1], 0 if bounds.dim() == 1 else values.shape[-1],
        *order_numbers(dt), (INT32, sorter is not None), (INT32, right),
    )  # fmt: skip


def count_into(out, x, low, high, bin_of):
    """out[b] = how many elements of x from low to high are in bin b, which the C expression of v says."""
    x = x.detach().contiguous()
    dev, dt, n, bins = _launch.code_of(x), x.dtype.code, x.numel(), out.numel()
    device = _launch.device(dev)
    own = device.schedule == "cpu"

    def make():
        kinds = {INT64: "long", FLOAT: "float", DOUBLE: "double"}
        head = "#pragma OPENCL EXTENSION cl_khr_fp64 : enable\n" if dt == DOUBLE else ""
        head += f"#define T {kinds[dt]}\n#define R {kinds[out.dtype.code]}\n#define BIN(v) {bin_of}\n"
        return head + f"#define OWN {int(own)}\n" + SPAN[device.schedule] + COUNT

    count, zero, total = (_launch.kernel(device, ("count", dt), k, make) for k in ("count", "zero", "total"))
    items, group, share = shares(device, n)
    parts = 1
    if own:  # room for all counts: not more than for the elements
        parts = max(min(items, n // bins), 1)
        share = -(-n // parts)
        items = parts = -(-n // share)
    part = _launch.allocate(dev, parts * bins * 4)
    if not own:
        by_item(dev, zero, bins, part, bins)
    _launch.run(device, count, (items,), (group,), part, x, n, share, bins, (dt, low), (dt, high))
    by_item(dev, total, bins, out, part, parts, bins)


def bincount(out, x):
    count_into(out, x, 0, out.numel() - 1, "v")


def histc(out, x, low, high):
    count_into(out, x, low, high, "min((long)((v - low)*bins/(high - low)), bins - 1)")
