"""Distances of rows on OpenCL devices: one output of the forward pass per item, one element of the gradient."""

import math

from cygrad.cl import _elements, _launch
from cygrad.cl._elements import dense, over_items

SOURCE = """
#define D(K, i) (X(K, x, i) - X(K, y, i))
kernel void distances(global E *out, long oo, global const E *a, long oa, global const E *b, long ob, long count,
                      long P, long R, long M, long mode, T p, long block)
{
    for (long at = (long)get_global_id(0)*block, end = LEAST(at + block, count); at < end; at++) {
        const long row = at/R;
        global const E *x = a + oa + row*M, *y = b + ob + (row/P*R + at%R)*M;
        A s = 0;
        for (long i = 0; i < M; i++) {
            const T d = fabs(D(T, i));
            if (mode == 0) s += d != 0;
            else if (mode == 1) s += d;
            else if (mode == 2) s += d*d;
            else if (mode == 3) s = d > s || d != d ? d : s;
            else s += pow(d, p);
        }
        out[oo + at] = mode == 2 ? sqrt((T)s) : mode == 4 ? pow((T)s, 1/p) : (T)s;
    }
}
kernel void distances_gradient(global E *out, long oo, global const E *a, long oa, global const E *b, long ob,
                               global const E *dist, long od, global const E *g, long og, long count, long P, long R,
                               long M, long mode, T p, long block)
{
    for (long at = (long)get_global_id(0)*block, end = LEAST(at + block, count); at < end; at++) {
        const long row = at/M, m = at%M;
        const T x = a[oa + at];
        A s = 0;
        for (long j = 0; j < R; j++) {
            const T d = x - b[ob + (row/P*R + j)*M + m], w = g[og + row*R + j], far = dist[od + row*R + j];
            if (mode == 1) s += d > 0 ? w : d < 0 ? -w : 0;
            else if (mode == 3) s += fabs(d) != far ? 0 : d > 0 ? w : d < 0 ? -w : 0;
            else if (d != 0)
                s += copysign(pow(fabs(d), p - 1), d)*(mode == 4 && far != 0 ? w/pow(far, p - 1) : w);
        }
        out[oo + at] = s;
    }
}
"""


def _run(name, out, operands, a, b, p):
    code = out.dtype.code
    device = _launch.device(_launch.code_of(out))
    mode = {0: 0, 1: 1, 2: 2, math.inf: 3}.get(p, 4)
    rows, others, size = a.shape[-2], b.shape[-2], a.shape[-1]
    sizes, local, block = over_items(device, out.numel(), 1024)
    kernel = _launch.kernel(device, ("distance", code), name, lambda: _elements.prelude(code, device) + SOURCE)
    _launch.run(device, kernel, sizes, local, out, *map(dense, operands), out.numel(), rows, others, size, mode,
                (code, p), block)


def distances(out, a, b, p):
    _run("distances", out, [a, b], a, b, p)


def distances_gradient(out, a, b, dist, g, p):
    _run("distances_gradient", out, [a, b, dist, g], a, b, p)
