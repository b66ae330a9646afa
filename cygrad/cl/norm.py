"""Normalisation on OpenCL devices.

Layer and group norm are rows by one work-item or group.  Sums per channel come in two stages: over splits of the
images (or rows), then over the splits; what is small per channel is worked out in the second.
"""

from cygrad import _ops
from cygrad.cl import _elements, _launch, _rows
from cygrad.cl._elements import as_code, dense, over_rows, working
from cygrad.cl.softmax import _given

ROWS = """
#define PLAIN(K, i) X(K, x, i)
#define CENTRED(K, i) (X(K, x, i) - m)
#define SQUARE(K, i) (CENTRED(K, i)*CENTRED(K, i))
#define BARE(K, i) (CENTRED(K, i)*q)
#define WEIGHED(K, i) (CENTRED(K, i)*q*Y(K, w, i))
#define BOTH(K, i) (CENTRED(K, i)*q*Y(K, w, i) + Y(K, b, i))
#define AFFINE(K, i) (X(K, x, i)*k + s)
/* w, b and what follows are null where their offset is negative. */
SINGLE void k_normalize(global E *y, long oy, global T *mean, long om, global T *rstd, long oq, global const E *x,
                        long ox, global const T *w_, long ow, global const T *b_, long ob, long rows, long n,
                        long block, long groups, long span, T eps)
{
    LOCALS
    global E *const ys = y + oy;
    global const E *const xs = x + ox;
    FOR_ROWS(r) {
        A sum;
        x = xs + r*n, y = ys + r*n;
        SUM(sum, PLAIN, n)
        const T m = sum/n;
        SUM(sum, SQUARE, n)
        const T q = 1/sqrt(sum/n + eps);
        const long c0 = r%groups*(n/span);
        if (LEADER) mean[om + r] = m, rstd[oq + r] = q;
        if (span == 1 && ow >= 0) {
            global const T *w = w_ + ow + c0, *b = ob < 0 ? w : b_ + ob + c0;
            if (ob < 0)
                MAP(SX, y, WEIGHED, n)
            else
                MAP(SX, y, BOTH, n)
        } else if (ow < 0 && ob < 0)
            MAP(SX, y, BARE, n)
        else
            for (long c = 0; c < n/span; c++, x += span, y += span) {
                const T k = ow < 0 ? q : q*w_[ow + c0 + c], s = (ob < 0 ? 0 : b_[ob + c0 + c]) - m*k;
                MAP(SX, y, AFFINE, span)
            }
    }
}
#define G(K, i) X(K, g, i)
#define DOT(K, i) (X(K, g, i)*CENTRED(K, i))
#define GW(K, i) (X(K, g, i)*Y(K, w, i))
#define DOTW(K, i) (GW(K, i)*CENTRED(K, i))
#define BACK(K, i) (q*(X(K, g, i)*k - c - CENTRED(K, i)*d))
#define BACKW(K, i) (q*(GW(K, i) - c - CENTRED(K, i)*d))
SINGLE void normalize_gradient(global E *dx, long od, global const E *x, long ox, global const E *g, long og,
                               global const T *w_, long ow, global const T *mean, long om, global const T *rstd,
                               long oq, long rows, long n, long block, long groups, long span)
{
    LOCALS
    global E *const ds = dx + od;
    global const E *const xs = x + ox, *const gs = g + og;
    FOR_ROWS(r) {
        const T m = mean[om + r], q = rstd[oq + r];
        const long c0 = r%groups*(n/span), channels = span == 1 || ow < 0 ? 1 : n/span, length = n/channels;
        A sum = 0, dot = 0, u, v;
        x = xs + r*n, g = gs + r*n, dx = ds + r*n;
        if (span == 1 && ow >= 0) {
            global const T *w = w_ + ow + c0;
            SUM2(sum, GW, dot, DOTW, n)
            const T c = sum/n, d = dot*q*q/n;
            MAP(SX, dx, BACKW, n)
        } else {
            for (long j = 0; j < channels; j++, x += length, g += length) {
                const T k = ow < 0 ? 1 : w_[ow + c0 + j];
                SUM2(u, G, v, DOT, length)
                sum += k*u, dot += k*v;
            }
            const T c = sum/n, d = dot*q*q/n;
            x = xs + r*n, g = gs + r*n;
            for (long j = 0; j < channels; j++, x += length, g += length, dx += length) {
                const T k = ow < 0 ? 1 : w_[ow + c0 + j];
                MAP(SX, dx, BACK, length)
            }
        }
    }
}
"""

# What is summed per channel of (images, channels, pixels), by number: x; (x - mean)^2; g and g*(x - mean); and these
# last with a mean and rstd for each group of channels of an image, or (pixels == 1) for each image.
SUMS = """
SINGLE void channel_sums(global A *part, global const E *x, long ox, global const E *g, long og, global const T *mean,
                         long om, global const T *rstd, long oq, long rows, long images, long channels, long pixels,
                         long splits, long block, long what, long groups)
{
    LOCALS
    global const E *const xs = x + ox, *const gs = what < 2 ? 0 : g + og;
    FOR_ROWS(r) {
        const long channel = r%channels, split = r/channels;
        A sum = 0, dot = 0, u, v;
        T m = what == 0 || what == 3 ? 0 : mean[om + channel];
        for (long i = split*images/splits; i < (split + 1)*images/splits; i++) {
            x = xs + (i*channels + channel)*pixels;
            if (what == 0) {
                SUM(u, PLAIN, pixels)
                sum += u;
            } else if (what == 1) {
                SUM(u, SQUARE, pixels)
                sum += u;
            } else {
                g = gs + (i*channels + channel)*pixels;
                const long at = i*groups + channel/(channels/groups);
                if (what == 3) m = mean[om + at];
                SUM2(u, G, v, DOT, pixels)
                sum += u, dot += what == 3 ? v*rstd[oq + at] : v;
            }
        }
        if (LEADER) part[r] = sum, part[rows + r] = dot;
    }
}
#define COLUMN(K, n) { \\
    T u_[n], v_[n]; \\
    K u = 0, v = 0; \\
    A us[n], vs[n]; \\
    for (int l = 0; l < n; l++) us[l] = vs[l] = 0; \\
    for (long from = split*images/splits; from < last; from += 256) { \\
        const long to = LEAST(from + 256, last); \\
        u = 0, v = 0; \\
        for (long i = from; i < to; i++) { \\
            const long at = i*channels + c; \\
            if (what == 0) \\
                u += X_(K, x, at); \\
            else if (what == 1) { \\
                const K d = X_(K, x, at) - Y_(K, mean, c); \\
                u += d*d; \\
            } else { \\
                const K h = X_(K, g, at); \\
                u += h; \\
                v += what == 3 ? h*((X_(K, x, at) - mean[i])*rstd[i]) : h*(X_(K, x, at) - Y_(K, mean, c)); \\
            } \\
        } \\
        KEEP_(K, u_, u); \\
        KEEP_(K, v_, v); \\
        for (int l = 0; l < n; l++) us[l] += u_[l], vs[l] += v_[l]; \\
    } \\
    for (int l = 0; l < n; l++) part[split*channels + c + l] = us[l], part[rows + split*channels + c + l] = vs[l]; }
#define X_(K, p, i) X(K, p, i)
#define Y_(K, p, i) Y(K, p, i)
#define KEEP_(K, to, v) KEEP_##K(to, v)
#define KEEP_T(to, v) to[0] = v
#define KEEP_V(to, v) *(VU *)to = v
/* The same of (images, channels): columns side by side. */
kernel void column_sums(global A *part, global const E *x, long ox, global const E *g, long og, global const T *mean,
                        long om, global const T *rstd, long oq, long rows, long images, long channels, long splits,
                        long what)
{
    x += ox;
    if (what > 1) g += og;
    if (what > 0) mean += om;
    if (what > 2) rstd += oq;
    const long split = get_global_id(1), last = (split + 1)*images/splits;
#ifdef STRIPS
    typedef V VU __attribute__((aligned(sizeof(T))));
    const long end = LEAST(((long)get_global_id(0) + 1)*64, channels);
    long c = get_global_id(0)*64;
    for (; c + W <= end; c += W) COLUMN(V, W)
    for (; c < end; c++) COLUMN(T, 1)
#else
    const long c = get_global_id(0);
    if (c < channels) COLUMN(T, 1)
#endif
}
"""

FOLD = """
static inline A joined(global const A *part, long c, long channels, long splits)
{
    A s = 0;
    for (long i = 0; i < splits; i++) s += part[i*channels + c];
    return s;
}
kernel void means(global T *mean, long om, global const A *part, long channels, long splits, long n)
{
    const long c = get_global_id(0);
    if (c < channels) mean[om + c] = joined(part, c, channels, splits)/n;
}
/* rstd, scale and shift of each channel; the running statistics. */
kernel void fold(global T *scale, global T *shift, global T *mean, long om, global T *rstd, long oq,
                 global const A *part, global T *rm, long orm, global T *rv, long orv, global const T *w, long ow,
                 global const T *b, long ob, long channels, long splits, long n, long training, T momentum,
                 T eps)
{
    const long c = get_global_id(0);
    if (c >= channels) return;
    A var;
    if (training) {
        var = joined(part, c, channels, splits)/n;
        if (orm >= 0) rm[orm + c] = (1 - momentum)*rm[orm + c] + momentum*mean[om + c];
        if (orv >= 0) rv[orv + c] = (1 - momentum)*rv[orv + c] + momentum*(n > 1 ? var*n/(n - 1) : NAN);
    } else {
        mean[om + c] = rm[orm + c];
        var = rv[orv + c];
    }
    const T q = 1/sqrt(var + eps), k = ow < 0 ? q : q*w[ow + c];
    rstd[oq + c] = q;
    scale[c] = k;
    shift[c] = (ob < 0 ? 0 : b[ob + c]) - mean[om + c]*k;
}
/* What the gradient of x is made of, and those of weight and bias. */
kernel void unfold(global T *scale, global T *slope, global T *shift, global T *dw, long odw, global T *db, long odb,
                   global const T *rstd, long oq, global const A *part, global const T *w, long ow, long channels,
                   long splits, long n, long training, long plain)
{
    const long c = get_global_id(0);
    if (c >= channels) return;
    const A total = joined(part, c, channels, splits), dot = joined(part + channels*splits, c, channels, splits);
    if (odw >= 0) dw[odw + c] = plain ? dot : dot*rstd[oq + c];
    if (odb >= 0) db[odb + c] = total;
    if (plain) return;
    const T q = rstd[oq + c], k = ow < 0 ? q : q*w[ow + c];
    scale[c] = k;
    slope[c] = training ? -k*q*q*dot/n : 0;
    shift[c] = training ? -k*total/n : 0;
}
#define SCALED(K, i) (X(K, x, i)*k + s)
#define SLOPED(K, i) (X(K, g, i)*k + (X(K, x, i) - m)*d + s)
#define SCALED_ROW(K, i) (X(K, x, i)*Y(K, scale, i) + Y(K, shift, i))
#define SLOPED_ROW(K, i) (X(K, g, i)*Y(K, scale, i) + (X(K, x, i) - Y(K, mean, i))*Y(K, slope, i) + Y(K, shift, i))
/* y = x*scale + shift, or dx = g*scale + (x - mean)*slope + shift; rows are planes, or images where pixels is 1. */
SINGLE void scaled(global E *y, long oy, global const E *x, long ox, global const E *g, long og, global const T *mean,
                   long om, global const T *scale, global const T *slope, global const T *shift, long rows, long n,
                   long block, long channels, long pixels, long back)
{
    LOCALS
    global E *const ys = y + oy;
    global const E *const xs = x + ox, *const gs = back ? g + og : 0;
    if (back) mean += om;
    FOR_ROWS(r) {
        x = xs + r*n, y = ys + r*n;
        if (back) g = gs + r*n;
        if (pixels == 1) {
            if (back)
                MAP(SX, y, SLOPED_ROW, n)
            else
                MAP(SX, y, SCALED_ROW, n)
        } else {
            const long c = r%channels;
            const T k = scale[c], s = shift[c];
            if (back) {
                const T m = mean[c], d = slope[c];
                MAP(SX, y, SLOPED, n)
            } else
                MAP(SX, y, SCALED, n)
        }
    }
}
"""


def _run(device, code, name, sizes, local, *args):
    def make():
        strips = "#define STRIPS\n" if device.schedule == "cpu" else ""
        return strips + _elements.prelude(code, device) + ROWS + SUMS + FOLD

    _launch.run(device, _launch.kernel(device, ("norm", code), name, make), sizes, local, *args)


def _of(t):
    """Device, device code, dtype code, and a function that makes room for so many numbers per channel."""
    dev, code = _launch.code_of(t), t.dtype.code
    size = 8 if working(code) == 9 else 4
    return _launch.device(dev), code, lambda n: _launch.allocate(dev, n * size)


def normalize(out, mean, rstd, x, weight, bias, groups, span, eps):
    device, code, _ = _of(out)
    rows = mean.numel()
    n = x.numel() // rows
    sizes, local, block = over_rows(device, rows, n)
    weight, bias = as_code(weight, mean.dtype.code), as_code(bias, mean.dtype.code)
    _run(device, code, "k_normalize", sizes, local, out, mean, rstd, dense(x), *_given(weight), *_given(bias), rows, n,
         block, groups, span, (mean.dtype.code, eps))


def normalize_gradient(dx, dw, db, x, g, weight, mean, rstd, groups, span):
    device, code, _ = _of(x)
    rows = mean.numel()
    n = x.numel() // rows
    x, g = dense(x), dense(g)
    if dx is not None:
        sizes, local, block = over_rows(device, rows, n)
        _run(device, code, "normalize_gradient", sizes, local, dx, x, g, *_given(as_code(weight, mean.dtype.code)),
             mean, rstd, rows, n, block, groups, span)
    if dw is None and db is None:
        return
    channels = n // span * groups
    part, splits = _sums(x, g, mean, rstd, 3, rows // groups, channels, x.numel() // (rows // groups) // channels,
                         groups)
    _unfold(x, dw, db, None, mean, rstd, part, splits, channels, 1, False)


def _sums(x, g, mean, rstd, what, images, channels, pixels, groups=1):
    """The sums per channel over splits of the images, and the number of splits: by the shape alone."""
    device, code, _ = _of(x)
    splits = max(min(images, 64 if device.schedule == "cpu" else 1024 // channels, x.numel() // channels // 1024), 1)
    if pixels == 1:
        splits = max(min(images // 64, 64), 1)
    rows = channels * splits
    part = _launch.allocate(_launch.code_of(x), 2 * rows * (8 if device.fp64 else 4))
    operands = (x, *_given(g), *_given(mean), *_given(rstd))
    if pixels == 1 and groups == 1:
        if device.schedule == "cpu":
            sizes, local = (-(-channels // 64), splits), (1, 1)
        else:
            sizes, local = (channels, splits), (_elements.group(device), 1)
        _run(device, code, "column_sums", sizes, local, part, *operands, rows, images, channels, splits, what)
    else:
        sizes, local, block = over_rows(device, rows, max(images * pixels // splits, 1))
        _run(device, code, "channel_sums", sizes, local, part, *operands, rows, images, channels, pixels, splits,
             block, what, groups)
    return part, splits


def _unfold(x, dw, db, weight, mean, rstd, part, splits, channels, count, training, factors=(None,) * 3):
    """Writes dw and db, and the factors of the gradient of x if they are given."""
    device, code, _ = _of(x)
    plain = mean.dtype.code
    results = []
    for t in (dw, db):
        own = t is None or t.dtype.code == plain
        results.append(t if own else _ops.empty(tuple(t.shape), plain, _launch.code_of(t)))
    _run(device, code, "unfold", (channels,), (16,), *factors, *_given(results[0]), *_given(results[1]), rstd, part,
         *_given(as_code(weight, plain)), channels, splits, count, int(training), int(factors[0] is None))
    for t, r in zip((dw, db), results, strict=True):
        if r is not t:
            _rows.copy(t, r)


def _scaled(out, x, g, mean, scale, slope, shift, channels):
    device, code, _ = _of(out)
    pixels = x.numel() // (x.shape[0] * channels)
    rows, n = (x.shape[0], channels) if pixels == 1 else (x.shape[0] * channels, pixels)
    sizes, local, block = over_rows(device, rows, n)
    _run(device, code, "scaled", sizes, local, out, x, *_given(g), *_given(mean), scale, slope, shift, rows, n, block,
         channels, pixels, int(g is not None))


def batch_norm(out, mean, rstd, x, weight, bias, running_mean, running_var, training, momentum, eps):
    device, code, room = _of(out)
    plain, channels = mean.dtype.code, mean.numel()
    count = x.numel() // channels
    x = dense(x)
    images, pixels = x.shape[0], count // x.shape[0]
    running = [as_code(t, plain) for t in (running_mean, running_var)]
    part, splits = None, 1
    if training:
        part, splits = _sums(x, None, None, None, 0, images, channels, pixels)
        _run(device, code, "means", (channels,), (16,), mean, part, channels, splits, count)
        part, splits = _sums(x, None, mean, None, 1, images, channels, pixels)
    scale, shift = room(channels), room(channels)
    _run(device, code, "fold", (channels,), (16,), scale, shift, mean, rstd, part, *_given(running[0]),
         *_given(running[1]), *_given(as_code(weight, plain)), *_given(as_code(bias, plain)), channels, splits, count,
         int(training), (plain, momentum), (plain, eps))
    if training:
        for t, r in zip((running_mean, running_var), running, strict=True):
            if r is not t:
                _rows.copy(t, r)
    _scaled(out, x, None, None, scale, None, shift, channels)


def batch_norm_gradient(dx, dw, db, x, g, weight, mean, rstd, training):
    _, _, room = _of(x)
    channels = mean.numel()
    count = x.numel() // channels
    x, g = dense(x), dense(g)
    part, splits = _sums(x, g, mean, None, 2, x.shape[0], channels, count // x.shape[0])
    factors = tuple(room(channels) for _ in range(3))
    _unfold(x, dw, db, weight, mean, rstd, part, splits, channels, count, training, factors)
    if dx is not None:
        scale, slope, shift = factors
        _scaled(dx, x, g, mean, scale, slope, shift, channels)
