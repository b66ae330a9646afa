"""Pooling on OpenCL devices: an output per item of a gpu, rows of outputs per item of a cpu.

Gradients are gathers: an element asks the windows that it is in, so that no two items write to one place.  On a cpu,
where there are planes enough for all cores, an item has planes to itself and adds up in them.
"""

import struct

from cygrad.cl import _launch, _source
from cygrad.cl._elements import dense, over_items

FLOAT, INT64 = 8, 5

SOURCE = """
#ifndef LOOP
#define LOOP
#endif
typedef struct { long size[3], out[3], kernel_[3], stride[3], pad[3], dilation[3], count_padding, divisor, adaptive; }
    Windows;

/* The window of output o in one dimension: first and last + 1 source index, clipped, and the padded length. */
static inline long window(const Windows *p, int i, long o, long *lo, long *hi)
{
    if (p->adaptive) {
        *lo = o*p->size[i]/p->out[i];
        *hi = ((o + 1)*p->size[i] + p->out[i] - 1)/p->out[i];
        return *hi - *lo;
    }
    const long start = o*p->stride[i] - p->pad[i], d = p->dilation[i], end = start + (p->kernel_[i] - 1)*d + 1;
    *lo = start < 0 ? start + (-start + d - 1)/d*d : start;
    *hi = LEAST(end, p->size[i]);
    return LEAST(end, p->size[i] + p->pad[i]) - start;
}
/* The outputs whose windows may hold element e: first and last + 1. */
static inline void holders(const Windows *p, int i, long e, long *lo, long *hi)
{
    if (p->adaptive) {
        *lo = e*p->out[i]/p->size[i];
        *hi = LEAST(((e + 1)*p->out[i] + p->size[i] - 1)/p->size[i], p->out[i]);
        return;
    }
    const long first = e + p->pad[i] - (p->kernel_[i] - 1)*p->dilation[i];
    *lo = first > 0 ? (first + p->stride[i] - 1)/p->stride[i] : 0;
    *hi = LEAST((e + p->pad[i])/p->stride[i] + 1, p->out[i]);
}
#define EACH(i, lo, hi, d) for (long i = lo; i < hi; i += d)
/* Loops over the places of an item: rows along the last dimension (cpu), or one place. */
#ifdef STRIPS
#define FOR_ROWS(sizes) \\
    for (long row = (long)get_global_id(0)*block, end = LEAST(row + block, count/p.sizes[2]); row < end; row++)
#define FOR_COLUMNS(sizes) for (long o2 = 0; o2 < p.sizes[2]; o2++)
#else
#define FOR_ROWS(sizes) for (long row = get_global_id(0)/p.sizes[2]; row < count/p.sizes[2]; row = count)
#define FOR_COLUMNS(sizes) for (long o2 = get_global_id(0)%p.sizes[2], once = 1; once; once = 0)
#endif
#define PLACE(sizes) \\
    const long o1 = row % p.sizes[1], o0 = row/p.sizes[1] % p.sizes[0], plane = row/(p.sizes[1]*p.sizes[0]);

kernel void pool_max(global E *y, long oy, global long *indices, long oi, global const E *x, long ox, Windows p,
                     long count, long block)
{
    const long d0 = p.adaptive ? 1 : p.dilation[0], d1 = p.adaptive ? 1 : p.dilation[1];
    const long d2 = p.adaptive ? 1 : p.dilation[2], area = p.size[1]*p.size[2];
    FOR_ROWS(out) {
        PLACE(out)
        long lo0, lo1, lo2, hi0, hi1, hi2;
        window(&p, 0, o0, &lo0, &hi0), window(&p, 1, o1, &lo1, &hi1);
        FOR_COLUMNS(out) {
        window(&p, 2, o2, &lo2, &hi2);
        const long at = row*p.out[2] + o2;
        long k = lo0*area + lo1*p.size[2] + lo2;
        T m = LOWEST;
        EACH(i, lo0, hi0, d0) EACH(j, lo1, hi1, d1) EACH(l, lo2, hi2, d2) {
            const long e = i*area + j*p.size[2] + l;
            const T v = LOAD(x, ox + plane*p.size[0]*area + e);
            if (v > m || v != v) m = v, k = e;
        }
        STORE(y, oy + at, m);
        indices[oi + at] = k;
        }
    }
}
/* 2 x 2 windows side by side; an item takes rows of outputs. */
kernel void pool_max_2x2(global E *restrict y, long oy, global long *restrict indices, long oi, global const E *x,
                         long ox, Windows p, long count, long block)
{
    const long width = p.size[2], ow = p.out[2];
    for (long r = (long)get_global_id(0)*block, end = LEAST(r + block, count/ow); r < end; r++) {
        const long row = r % p.out[1];
        global const E *a = x + ox + (r/p.out[1]*p.size[1] + 2*row)*width, *b = a + width;
        global E *to = y + oy + r*ow;
        global long *at = indices + oi + r*ow;
        LOOP
        for (long j = 0; j < ow; j++) {
            T m = LOAD(a, 2*j), v;
            int k = 0;
            v = LOAD(a, 2*j + 1); k = (v > m) | (v != v) ? 1 : k; m = (v > m) | (v != v) ? v : m;
            v = LOAD(b, 2*j); k = (v > m) | (v != v) ? (int)width : k; m = (v > m) | (v != v) ? v : m;
            v = LOAD(b, 2*j + 1); k = (v > m) | (v != v) ? (int)width + 1 : k; m = (v > m) | (v != v) ? v : m;
            STORE(to, j, m);
            at[j] = 2*row*width + 2*j + k;
        }
    }
}
kernel void pool_max_gradient(global E *x, long ox, global const E *g, long og, global const long *indices, long oi,
                              Windows p, long count, long block)
{
    const long outside = p.out[0]*p.out[1]*p.out[2];
    FOR_ROWS(size) {
        PLACE(size)
        long lo0, lo1, lo2, hi0, hi1, hi2;
        holders(&p, 0, o0, &lo0, &hi0), holders(&p, 1, o1, &lo1, &hi1);
        FOR_COLUMNS(size) {
        const long e = (o0*p.size[1] + o1)*p.size[2] + o2, at = row*p.size[2] + o2;
        T s = 0;
        holders(&p, 2, o2, &lo2, &hi2);
        EACH(i, lo0, hi0, 1) EACH(j, lo1, hi1, 1) EACH(l, lo2, hi2, 1) {
            const long o = plane*outside + (i*p.out[1] + j)*p.out[2] + l;
            if (indices[oi + o] == e) s += LOAD(g, og + o);
        }
        STORE(x, ox + at, s);
        }
    }
}
static inline long share(const Windows *p, const long *lo, const long *hi, const long *padded)
{
    return p->divisor ? p->divisor : p->count_padding ? padded[0]*padded[1]*padded[2]
        : (hi[0] - lo[0])*(hi[1] - lo[1])*(hi[2] - lo[2]);
}
kernel void pool_average(global E *y, long oy, global const E *x, long ox, Windows p, long count, long block)
{
    const long area = p.size[1]*p.size[2];
    FOR_ROWS(out) {
        PLACE(out)
        long lo[3], hi[3], padded[3];
        padded[0] = window(&p, 0, o0, lo, hi), padded[1] = window(&p, 1, o1, lo + 1, hi + 1);
        FOR_COLUMNS(out) {
        T s = 0;
        padded[2] = window(&p, 2, o2, lo + 2, hi + 2);
        EACH(i, lo[0], hi[0], 1) EACH(j, lo[1], hi[1], 1) {
            const long row = ox + (plane*p.size[0] + i)*area + j*p.size[2];
            EACH(l, lo[2], hi[2], 1) s += LOAD(x, row + l);
        }
        STORE(y, oy + row*p.out[2] + o2, s/(T)share(&p, lo, hi, padded));
        }
    }
}
kernel void pool_average_gradient(global E *x, long ox, global const E *g, long og, Windows p, long count, long block)
{
    const long outside = p.out[0]*p.out[1]*p.out[2];
    FOR_ROWS(size) {
        PLACE(size)
        long first[3], last[3], lo[3], hi[3], padded[3];
        holders(&p, 0, o0, first, last), holders(&p, 1, o1, first + 1, last + 1);
        FOR_COLUMNS(size) {
        T s = 0;
        holders(&p, 2, o2, first + 2, last + 2);
        EACH(i, first[0], last[0], 1) EACH(j, first[1], last[1], 1) EACH(l, first[2], last[2], 1) {
            const long o[3] = {i, j, l};
            for (int k = 0; k < 3; k++) padded[k] = window(&p, k, o[k], lo + k, hi + k);
            s += LOAD(g, og + plane*outside + (i*p.out[1] + j)*p.out[2] + l)/(T)share(&p, lo, hi, padded);
        }
        STORE(x, ox + row*p.size[2] + o2, s);
        }
    }
}
/* The same gradients where an item has planes of its own: it adds up in its plane. */
kernel void pool_max_scatter(global T *x, long ox, global const E *g, long og, global const long *indices, long oi,
                             Windows p, long count, long block)
{
    const long outside = p.out[0]*p.out[1]*p.out[2], inside = p.size[0]*p.size[1]*p.size[2];
    for (long plane = (long)get_global_id(0)*block, end = LEAST(plane + block, count/inside); plane < end; plane++) {
        global T *to = x + ox + plane*inside;
        for (long i = 0; i < inside; i++) to[i] = 0;
        for (long o = plane*outside; o < (plane + 1)*outside; o++) {
            const ulong e = indices[oi + o];
            if (e < inside) to[e] += LOAD(g, og + o);
        }
    }
}
kernel void pool_average_scatter(global T *x, long ox, global const E *g, long og, Windows p, long count, long block)
{
    const long outside = p.out[0]*p.out[1]*p.out[2], inside = p.size[0]*p.size[1]*p.size[2];
    for (long plane = (long)get_global_id(0)*block, end = LEAST(plane + block, count/inside); plane < end; plane++) {
        global T *to = x + ox + plane*inside;
        long o = og + plane*outside, lo[3], hi[3], padded[3];
        for (long i = 0; i < inside; i++) to[i] = 0;
        EACH(o0, 0, p.out[0], 1) EACH(o1, 0, p.out[1], 1) {
            padded[0] = window(&p, 0, o0, lo, hi), padded[1] = window(&p, 1, o1, lo + 1, hi + 1);
            EACH(o2, 0, p.out[2], 1) {
                padded[2] = window(&p, 2, o2, lo + 2, hi + 2);
                const T s = LOAD(g, o++)/(T)share(&p, lo, hi, padded);
                EACH(i, lo[0], hi[0], 1) EACH(j, lo[1], hi[1], 1) EACH(l, lo[2], hi[2], 1)
                    to[(i*p.size[1] + j)*p.size[2] + l] += s;
            }
        }
    }
}
"""
LOWEST = {0: "0", 1: "0", 2: "CHAR_MIN", 3: "SHRT_MIN", 4: "INT_MIN", 5: "LONG_MIN"}


def _run(name, out, operands, windows, count):
    code = out.dtype.code
    device = _launch.device(_launch.code_of(out))
    cpu = device.schedule == "cpu"
    compute = max(code, FLOAT) if code > INT64 else INT64

    def make():
        t = _source.ctype(compute)
        load = f"({t})({_source.load(code, 'p_', '(i_)', max(code, FLOAT))})"
        store = _source.store(code, "p_", "(i_)", "(v_)", compute)
        return (
            _source.prelude(device.schedule, device.fp64) + ("#define STRIPS\n" if cpu else "")
            + f"#define E {_source.storage(code)}\ntypedef {t} T;\n#define LOWEST {LOWEST.get(code, '-INFINITY')}\n"
            f"#define LOAD(p_, i_) {load}\n#define STORE(p_, i_, v_) {store}\n" + SOURCE
        )  # fmt: skip

    numbers = windows.numbers
    if cpu:
        units, size = count // out.shape[-1], out.shape[-1]
        if name.endswith("_gradient") and code == compute and windows.planes >= 2 * device.units:
            name, units, size = name.replace("_gradient", "_scatter"), windows.planes, windows.inside
        elif name == "pool_max" and _squares(numbers):
            name = "pool_max_2x2"
        sizes, local, block = over_items(device, units, max(4096 // size, 1))
    else:
        sizes, local, block = over_items(device, count)
    _launch.run(device, _launch.kernel(device, ("pool", code), name, make), sizes, local, out, *operands,
                struct.pack("21q", *numbers), count, block)


def _squares(numbers):
    """Whether windows are 2 x 2, side by side and whole."""
    size, out, kernel, stride, pad, dilation = (numbers[i : i + 3] for i in range(0, 18, 3))
    return (not numbers[20] and size[0] == 1 and kernel == [1, 2, 2] and stride[1:] == [2, 2] and pad == [0, 0, 0]
            and dilation[1:] == [1, 1] and 2 * out[1] <= size[1] and 2 * out[2] <= size[2])  # fmt: skip


def pool_max(out, indices, x, windows):
    _run("pool_max", out, [indices, dense(x)], windows, out.numel())


def pool_max_gradient(out, g, indices, windows):
    _run("pool_max_gradient", out, [dense(g), dense(indices)], windows, out.numel())


def pool_average(out, x, windows):
    _run("pool_average", out, [dense(x)], windows, out.numel())


def pool_average_gradient(out, g, windows):
    _run("pool_average_gradient", out, [dense(g)], windows, out.numel())
