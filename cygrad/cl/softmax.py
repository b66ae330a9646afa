"""Softmax and the losses of classes on OpenCL devices: rows by one work-item or one group, columns side by side."""

from cygrad import _walk
from cygrad.cl import _elements, _launch, _rows
from cygrad.cl._elements import as_code, dense, over_items, over_rows, working

ROWS = """
#define SHIFTED(K, i) (X(K, x, i) - m)
#define PLAIN(K, i) X(K, x, i)
#define EXPONENTIAL_OF(K, i) EXP(K, SHIFTED(K, i))
#define SCALED(K, i) (EXPONENTIAL_OF(K, i)*q)
#define TIMES(K, i) (X(K, y, i)*q)
#define LOGARITHM(K, i) (SHIFTED(K, i) - d)
SINGLE void softmax(global E *y, long oy, global const E *x, long ox, long rows, long n, long block, long logs)
{
    LOCALS
    y += oy, x += ox;
    FOR_ROWS(r) {
        global const E *xs = x;
        global E *ys = y;
        x += r*n, y += r*n;
        T m, s;
        MAX(m, PLAIN, n)
        if (logs) {
            SUM(s, EXPONENTIAL_OF, n)
            const T d = log(s);
            MAP(SX, y, LOGARITHM, n)
        } else {
#if HALF /* rounds once */
            SUM(s, EXPONENTIAL_OF, n)
            const T q = 1/s;
            MAP(SX, y, SCALED, n)
#else
            SUM_MAP(s, SX, y, EXPONENTIAL_OF, n)
            const T q = 1/s;
            MAP(SX, y, TIMES, n)
#endif
        }
        x = xs, y = ys;
    }
}
#define GRADIENT(K, i) X(K, g, i)
#define PRODUCT(K, i) (X(K, g, i)*X(K, y, i))
#define BACK(K, i) (X(K, y, i)*(X(K, g, i) - s))
#define BACK_LOG(K, i) (X(K, g, i) - EXP(K, X(K, y, i))*s)
SINGLE void softmax_gradient(global E *dx, long od, global const E *y, long oy, global const E *g, long og, long rows,
                             long n, long block, long logs)
{
    LOCALS
    dx += od, y += oy, g += og;
    FOR_ROWS(r) {
        global const E *ys = y, *gs = g;
        global E *ds = dx;
        y += r*n, g += r*n, dx += r*n;
        T s;
        if (logs) {
            SUM(s, GRADIENT, n)
            MAP(SX, dx, BACK_LOG, n)
        } else {
            SUM(s, PRODUCT, n)
            MAP(SX, dx, BACK, n)
        }
        y = ys, g = gs, dx = ds;
    }
}
"""

# Over the middle of (outer, n, inner): U vectors of neighbouring columns by one item, or a column each.
COLUMNS = """
#define EACH_LANE(U) for (int l = 0; l < U; l++)
#define SOFTMAX(K, WIDTH_, U) { \\
    K m[U], s[U]; \\
    EACH_LANE(U) m[l] = -INFINITY, s[l] = 0; \\
    for (long k = 0; k < n; k++) \\
        EACH_LANE(U) { const K v = X_(K, x, ((o*n + k)*inner + j + l*WIDTH_)); m[l] = v > m[l] ? v : m[l]; } \\
    for (long k = 0; k < n; k++) \\
        EACH_LANE(U) s[l] += EXP_(K, (X_(K, x, ((o*n + k)*inner + j + l*WIDTH_)) - m[l])); \\
    EACH_LANE(U) s[l] = logs ? m[l] + log(s[l]) : 1/s[l]; \\
    for (long k = 0; k < n; k++) \\
        EACH_LANE(U) { \\
            const long at = (o*n + k)*inner + j + l*WIDTH_; \\
            const K v = X_(K, x, at); \\
            SX_(K, y, at, (logs ? v - s[l] : EXP_(K, (v - m[l]))*s[l])); \\
        } }
#define BACK_SOFTMAX(K, WIDTH_, U) { \\
    K s[U]; \\
    EACH_LANE(U) s[l] = 0; \\
    for (long k = 0; k < n; k++) \\
        EACH_LANE(U) { \\
            const long at = (o*n + k)*inner + j + l*WIDTH_; \\
            const K v = X_(K, g, at); \\
            s[l] += logs ? v : v*X_(K, y, at); \\
        } \\
    for (long k = 0; k < n; k++) \\
        EACH_LANE(U) { \\
            const long at = (o*n + k)*inner + j + l*WIDTH_; \\
            const K u = X_(K, y, at), v = X_(K, g, at); \\
            SX_(K, dx, at, (logs ? v - EXP_(K, u)*s[l] : u*(v - s[l]))); \\
        } }
#define X_(K, p, i) X(K, p, i)
#define SX_(K, p, i, v) SX(K, p, i, v)
#define EXP_(K, x) EXP(K, x)
#ifdef VECTORS
#define ALL(WHAT) { \\
    const long strips = (inner + 63)/64, end = LEAST((long)get_global_id(0)*block + block, outer*strips); \\
    for (long c = (long)get_global_id(0)*block; c < end; c++) { \\
        const long o = c / strips, last = LEAST((c % strips + 1)*64, inner); \\
        long j = c % strips*64; \\
        for (; j + 4*W <= last; j += 4*W) WHAT(V, W, 4) \\
        for (; j + W <= last; j += W) WHAT(V, W, 1) \\
        for (; j < last; j++) WHAT(T, 1, 1) \\
    } }
#else
#define ALL(WHAT) { \\
    const long c = get_global_id(0); \\
    if (c < outer*inner) { const long o = c / inner, j = c % inner; WHAT(T, 1, 1) } }
#endif
kernel void softmax_columns(global E *y, long oy, global const E *x, long ox, long outer, long n, long inner,
                            long block, long logs)
{
    y += oy, x += ox;
    ALL(SOFTMAX)
}
kernel void softmax_columns_gradient(global E *dx, long od, global const E *y, long oy, global const E *g, long og,
                                     long outer, long n, long inner, long block, long logs)
{
    dx += od, y += oy, g += og;
    ALL(BACK_SOFTMAX)
}
"""

LOSSES = """
#define TARGET(k) (t[k] == ignore ? -1 : t[k] >= 0 && t[k] < n ? t[k] : refuse(word, t[k], n))
/* Notes a target that is no class in the device's error word. */
static inline long refuse(global int *word, long target, long n)
{
    if (atomic_cmpxchg(word, 0, 1) == 0) {
        global long *say = (global long *)word;
        say[1] = NO_CLASS; say[2] = target; say[3] = 0; say[4] = n;
    }
    return -1;
}
#define TIMES_P(K, i) (Y(K, p, i)*q)
/* The losses of rows and the weights of their targets. */
SINGLE void cross_entropy(global T *loss, global T *weights, global T *p, long op, global const E *x, long ox,
                          global const long *t, long ot, global const T *w, long ow, global int *word,
                          long ignore, long rows, long n, long block)
{
    LOCALS
    x += ox, t += ot;
    if (op >= 0) p += op;
    if (ow >= 0) w += ow;
    FOR_ROWS(r) {
        global const E *xs = x;
        global T *ps = p;
        x += r*n;
        if (op >= 0) p += r*n;
        const long k = TARGET(r);
        T m, s;
        MAX(m, PLAIN, n)
        if (op >= 0)
            SUM_MAP(s, SY, p, EXPONENTIAL_OF, n)
        else
            SUM(s, EXPONENTIAL_OF, n)
        if (LEADER) {
            const T c = k < 0 ? 0 : ow < 0 ? 1 : w[k];
            loss[r] = k < 0 ? 0 : c*(log(s) - (X(T, x, k) - m));
            weights[r] = c;
        }
        if (op >= 0) {
            const T q = 1/s;
            MAP(SY, p, TIMES_P, n)
        }
        x = xs, p = ps;
    }
}
#define NOTHING(K, i) (K)0
#define PART(K, i) (c*Y(K, p, i))
SINGLE void cross_entropy_gradient(global E *dx, long od, global const T *p, long op, global const long *t, long ot,
                                   global const T *w, long ow, global const T *g, long og, global const T *divisor,
                                   long odi, long ignore, long each, long rows, long n, long block)
{
    dx += od, p += op, t += ot, g += og;
    if (ow >= 0) w += ow;
    if (odi >= 0) divisor += odi;
    FOR_ROWS(r) {
        global const T *ps = p;
        global E *ds = dx;
        p += r*n, dx += r*n;
        const long k = t[r] == ignore || (ulong)t[r] >= (ulong)n ? -1 : t[r];
        const T c = k < 0 ? 0 : g[each ? r : 0]*(ow < 0 ? 1 : w[k])/(odi < 0 ? 1 : divisor[0]);
        if (k < 0)
            MAP(SX, dx, NOTHING, n)
        else
            MAP(SX, dx, PART, n)
        SYNC
        if (LEADER && k >= 0) SX(T, dx, k, c*p[k] - c);
        p = ps, dx = ds;
    }
}
/* Of the middle of (outer, n, inner). */
kernel void nll(global T *loss, global T *weights, global const E *x, long ox, global const long *t, long ot,
                global const T *w, long ow, global int *word, long ignore, long count,
                long n, long inner, long block)
{
    x += ox, t += ot;
    if (ow >= 0) w += ow;
    for (long r = (long)get_global_id(0)*block, end = LEAST(r + block, count); r < end; r++) {
        const long k = TARGET(r);
        const T c = k < 0 ? 0 : ow < 0 ? 1 : w[k];
        loss[r] = k < 0 ? 0 : -X(T, x, r/inner*n*inner + r%inner + k*inner)*c;
        weights[r] = c;
    }
}
kernel void nll_gradient(global E *dx, long od, global const long *t, long ot, global const T *w, long ow,
                         global const T *g, long og, global const T *divisor, long odi, long ignore, long each,
                         long count, long n, long inner, long block)
{
    dx += od, t += ot, g += og;
    if (ow >= 0) w += ow;
    if (odi >= 0) divisor += odi;
    for (long r = (long)get_global_id(0)*block, end = LEAST(r + block, count); r < end; r++) {
        const long k = t[r] == ignore || (ulong)t[r] >= (ulong)n ? -1 : t[r];
        if (k < 0) continue;
        const T c = g[each ? r : 0]*(ow < 0 ? 1 : w[k])/(odi < 0 ? 1 : divisor[0]);
        SX(T, dx, r/inner*n*inner + r%inner + k*inner, -c);
    }
}
kernel void keep(global E *out, long oo, global const T *loss, long count, long block)
{
    for (long r = (long)get_global_id(0)*block, end = LEAST(r + block, count); r < end; r++)
        SX(T, out, oo + r, loss[r]);
}
#define LOSS(K, i) Y(K, loss, i)
#define WEIGHT(K, i) Y(K, weights, i)
SINGLE void finish(global E *out, long oo, global T *divisor, long od, global const T *loss, global const T *weights,
                   long rows, long n, long block)
{
    LOCALS
    FOR_ROWS(r) {
        A s, t;
        SUM2(s, LOSS, t, WEIGHT, n)
        if (LEADER) {
            if (od >= 0) divisor[od] = t;
            SX(T, out, oo, (T)(od >= 0 ? s/t : s));
        }
    }
}
"""


def _kernel(device, code, name):
    def make():
        # Oclgrind and GPUs have no use for strips.
        vectors = "#define VECTORS\n" if device.schedule == "cpu" else ""
        vectors += f"#define NO_CLASS {_walk.TARGET}\n"
        return vectors + _elements.prelude(code, device) + ROWS + COLUMNS + LOSSES

    return _launch.kernel(device, ("softmax", code), name, make)


def _parts(x, dim):
    """The sizes before, of and behind a dimension."""
    outer = inner = 1
    for i, size in enumerate(x.shape):
        outer *= size if i < dim else 1
        inner *= size if i > dim else 1
    return outer, x.shape[dim] if x.dim() else 1, inner


def _softmax(name, out, operands, dim, log):
    device, code = _launch.device(_launch.code_of(out)), out.dtype.code
    operands = [dense(x) for x in operands]
    outer, n, inner = _parts(out, dim)
    if inner == 1:
        sizes, local, block = over_rows(device, outer, n)
        kernel = _kernel(device, code, name)
        _launch.run(device, kernel, sizes, local, out, *operands, outer, n, block, int(log))
        return
    columns = outer * (-(-inner // 64)) if device.schedule == "cpu" else outer * inner
    sizes, local, block = over_items(device, columns, max(16384 // (64 * n), 1))
    kernel = _kernel(device, code, name.replace("softmax", "softmax_columns"))
    _launch.run(device, kernel, sizes, local, out, *operands, outer, n, inner, block, int(log))


def softmax(out, x, dim, log):
    _softmax("softmax", out, [x], dim, log)


def softmax_gradient(out, y, g, dim, log):
    _softmax("softmax_gradient", out, [y, g], dim, log)


NONE = (None, -1)  # a tensor that there is not, and its offset


def _given(t):
    return NONE if t is None else (t,)


class _Classes:
    """What the losses of classes share: rows, memory for their parts, and the end."""

    def __init__(self, x, target, weight, ignore_index):
        self.dev, self.code = _launch.code_of(x), x.dtype.code
        self.device = _launch.device(self.dev)
        self.target, self.ignore = target, ignore_index
        self.weight = as_code(weight, working(self.code))

    def start(self):
        """Where losses and weights go, and the word that gets a bad target."""
        size = 8 if working(self.code) == 9 else 4
        count = self.target.numel()
        self.loss, self.weights = (_launch.allocate(self.dev, count * size) for _ in range(2))
        return self.device.error_word()

    def end(self, out, divisor, reduction):
        if reduction:
            count = self.target.numel()
            sizes, local, block = over_rows(self.device, 1, count)
            _launch.run(self.device, _kernel(self.device, self.code, "finish"), sizes, local, out, *_given(divisor),
                        self.loss, self.weights, 1, count, block)
        else:
            kernel = _kernel(self.device, self.code, "keep")
            sizes, local, block = over_items(self.device, self.target.numel())
            _launch.run(self.device, kernel, sizes, local, out, self.loss, self.target.numel(), block)


def cross_entropy(out, p, divisor, x, target, weight, ignore_index, reduction):
    of = _Classes(x, target, weight, ignore_index)
    rows, n = target.numel(), x.shape[-1]
    word = of.start()
    sizes, local, block = over_rows(of.device, rows, n)
    _launch.run(of.device, _kernel(of.device, of.code, "cross_entropy"), sizes, local, of.loss, of.weights,
                *_given(p), dense(x), target, *_given(of.weight), word, ignore_index, rows, n, block)
    of.end(out, divisor, reduction)


def cross_entropy_gradient(out, p, target, weight, g, divisor, ignore_index):
    of = _Classes(out, target, weight, ignore_index)
    rows, n = target.numel(), p.shape[-1]
    sizes, local, block = over_rows(of.device, rows, n)
    _launch.run(of.device, _kernel(of.device, of.code, "cross_entropy_gradient"), sizes, local, out, p, target,
                *_given(of.weight), as_code(g, p.dtype.code), *_given(divisor), ignore_index, int(g.dim() > 0), rows,
                n, block)


def _classes_of(x):
    return _parts(x, 0 if x.dim() == 1 else 1)[1:]


def nll(out, divisor, x, target, weight, ignore_index, reduction):
    of = _Classes(x, target, weight, ignore_index)
    count, (n, inner) = target.numel(), _classes_of(x)
    word = of.start()
    sizes, local, block = over_items(of.device, count)
    _launch.run(of.device, _kernel(of.device, of.code, "nll"), sizes, local, of.loss, of.weights, dense(x), target,
                *_given(of.weight), word, ignore_index, count, n, inner, block)
    of.end(out, divisor, reduction)


def nll_gradient(out, target, weight, g, divisor, ignore_index):
    of = _Classes(out, target, weight, ignore_index)
    count, (n, inner) = target.numel(), _classes_of(out)
    _rows.fill(out, 0)
    sizes, local, block = over_items(of.device, count)
    _launch.run(of.device, _kernel(of.device, of.code, "nll_gradient"), sizes, local, out, target, *_given(of.weight),
                as_code(g, working(of.code)), *_given(divisor), ignore_index, int(g.dim() > 0), count, n, inner, block)
