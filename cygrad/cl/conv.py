"""Convolutions: matrix products over a padded image, by the tiles of gemm.py.

The image is copied once, padded, and split into the phases of the strides (x[::2] and x[1::2] side by side); after
that row k of its im2col matrix is the image shifted by off[k], a constant, and no such matrix is written.  The adjoint
in the input is that with the roles of x and y exchanged, one product for each residue of the input position modulo the
stride: every element is gathered, none is added to twice.  The adjoint in the weight multiplies the image's rows with
y, laid out in lines as long as the image's, zeros in the gaps; splits over images are added in their order.
cpu schedule: tiles of 6, 8 or 12 channels by vectors of flattened pixels; gpu schedule: the tiles of gemm.py.
"""

import functools
import itertools
import math
import struct

from cygrad.cl import _launch, _rows
from cygrad.cl._source import DOUBLE, FLOAT, INT64
from cygrad.cl.gemm import (
    BLOCK_K,
    BLOCK_M,
    BLOCK_N,
    LAYOUT as PRODUCT,
    LEAST_COLS,
    LEAST_ROWS,
    STEP,
    TILES,
    Product,
    computed,
    copied,
    prelude,
    side,
)

# Sizes of one product: images (groups of channels apart), groups; taps (the inner dimension) and rows; the pixels of
# the result by dimension; a line and a plane of the image; where results lie: steps by dimension, by row, by image, and
# where the first is; elements of an image; steps of the weight by row and by group.
FIELDS = ("images", "groups", "taps", "rows", "n0", "n1", "n2", "line", "plane", "o0", "o1", "o2", "out_row",
          "out_group", "out_at", "image", "wrow", "wgroup")  # fmt: skip
LAYOUT = struct.Struct(f"{len(FIELDS)}q")
STRIP = 1024  # pixels of a group of the cpu schedule
ROWS = (12, 8, 6)  # channels of a tile of the cpu schedule: that is taken which leaves the fewest idle
PARTS = 64  # groups that the adjoint in the weight is cut into where images allow
MANY = 96  # channels and taps from which it is a product of panels on a CPU, of so many bytes at a time
PANEL_BYTES = 64 << 20
OVER = 16  # elements that a vector may read past the last pixel of a plane
SLACK = 64  # elements that a tile may read past the last pixel

PAD_FIELDS = ("s0", "s1", "s2", "x0", "x1", "x2", "xn", "xc", "channels", "q0", "q1", "q2", "p0", "p1", "p2", "l0",
              "l1", "l2", "count")  # fmt: skip
PAD_LAYOUT = struct.Struct(f"{len(PAD_FIELDS)}q")

# The image: (images, channels, phases, l0, l1, l2), from x with sizes s, strides x, split into q phases, padded by p.
# One row of it, of phase f2 in the last dimension; `i0` and `i1` are where it comes from in the others.
PAD = f"""\
#define SLACK {SLACK}
typedef struct {{ long {", ".join(PAD_FIELDS)}; }} P;
typedef struct {{ long {", ".join(FIELDS)}; }} C;
#ifdef CPU
kernel __attribute__((reqd_work_group_size(1, 1, 1)))
void pad(global T *image, global const E *x, long xo, P g)
{{
    const long z = get_global_id(0), rows = g.q0*g.q1*g.q2*g.l0*g.l1;
    global T *to = image + z*rows*g.l2;
    if (z == get_num_groups(0) - 1)
        for (int i = 0; i < SLACK; i++) to[rows*g.l2 + i] = 0;
    x += xo + z/g.channels*g.xn + z % g.channels*g.xc;
    for (long f = 0; f < g.q0*g.q1*g.q2; f++)
        for (long a = 0; a < g.l0; a++)
            for (long b = 0; b < g.l1; b++, to += g.l2) {{
                const long f2 = f % g.q2, i0 = a*g.q0 + f/g.q2/g.q1 - g.p0, i1 = b*g.q1 + f/g.q2 % g.q1 - g.p1;
                long c = 0, e = 0;
                if (i0 >= 0 && i0 < g.s0 && i1 >= 0 && i1 < g.s1) {{
                    c = LEAST(g.l2, (LEAST(0L, f2 - g.p2)*-1 + g.q2 - 1)/g.q2);
                    e = g.s2 - 1 + g.p2 - f2 < 0 ? 0 : LEAST(g.l2, (g.s2 - 1 + g.p2 - f2)/g.q2 + 1);
                }}
                for (long i = 0; i < c; i++) to[i] = 0;
                global const E *of = x + i0*g.x0 + i1*g.x1;
                if (g.q2 == 1 && g.x2 == 1) {{
                    of += f2 - g.p2;
                    LOOP for (long i = c; i < e; i++) to[i] = LOAD(of, i);
                }} else
                    for (long i = c; i < e; i++) to[i] = LOAD(of, (i*g.q2 + f2 - g.p2)*g.x2);
                for (long i = LEAST(g.l2, (c > e ? c : e)); i < g.l2; i++) to[i] = 0;
            }}
}}
#else
kernel void pad(global T *image, global const E *x, long xo, P g)
{{
    const long at = get_global_id(0);
    if (at >= g.count) return;
    long r = at;
    const long l2 = r % g.l2; r /= g.l2;
    const long l1 = r % g.l1; r /= g.l1;
    const long l0 = r % g.l0; r /= g.l0;
    const long f2 = r % g.q2; r /= g.q2;
    const long f1 = r % g.q1; r /= g.q1;
    const long f0 = r % g.q0; r /= g.q0;
    const long i0 = l0*g.q0 + f0 - g.p0, i1 = l1*g.q1 + f1 - g.p1, i2 = l2*g.q2 + f2 - g.p2;
    const int in = i0 >= 0 && i0 < g.s0 && i1 >= 0 && i1 < g.s1 && i2 >= 0 && i2 < g.s2;
    image[at] = in ? LOAD(x, xo + r/g.channels*g.xn + r % g.channels*g.xc + i0*g.x0 + i1*g.x1 + i2*g.x2) : 0;
}}
#endif
"""

# Tap t = (channel, j0, j1, j2) is the kernel's place k = kf + j * ks, q = k * dilation: it reads the image at
# at + sign * (q / stride), in phase q % stride where the image has phases, and has its weight at wat[t].
TAP_FIELDS = ("channels", "j0", "j1", "j2", "f0", "f1", "f2", "ks0", "ks1", "ks2", "k0", "k1", "k2", "d0", "d1", "d2",
              "s0", "s1", "s2", "a0", "a1", "a2", "l0", "l1", "l2", "sign", "wchannel")  # fmt: skip
TAP_LAYOUT = struct.Struct(f"{len(TAP_FIELDS)}q")
TAPS = f"""\
typedef struct {{ long {", ".join(TAP_FIELDS)}; }} J;
kernel void taps(global long *off, global long *wat, J g)
{{
    const long t = get_global_id(0);
    if (t >= g.channels*g.j0*g.j1*g.j2) return;
    const long c = t/g.j2/g.j1/g.j0;
    const long k0 = g.f0 + t/g.j2/g.j1 % g.j0*g.ks0, k1 = g.f1 + t/g.j2 % g.j1*g.ks1, k2 = g.f2 + t % g.j2*g.ks2;
    const long q0 = k0*g.d0, q1 = k1*g.d1, q2 = k2*g.d2, up = g.sign > 0;
    const long phases = up ? g.s0*g.s1*g.s2 : 1;
    const long phase = up ? (q0 % g.s0*g.s1 + q1 % g.s1)*g.s2 + q2 % g.s2 : 0;
    const long at = ((g.a0 + g.sign*(q0/g.s0))*g.l1 + g.a1 + g.sign*(q1/g.s1))*g.l2 + g.a2 + g.sign*(q2/g.s2);
    off[t] = (c*phases + phase)*g.l0*g.l1*g.l2 + at;
    wat[t] = c*g.wchannel + (k0*g.k1 + k1)*g.k2 + k2;
}}
kernel void join_weight(global E *out, long oo, global const T *part, long total, long splits)
{{
    const long at = get_global_id(0);
    if (at >= total) return;
    T x = 0;
    for (long s = 0; s < splits; s++) x += part[s*total + at];
    STORE(out, oo + at, x)
}}
"""

# ------------------------------------------------------------------ cpu schedule

# Packed weights: [group][panel][tap][rows of a tile], rows beyond the last are zero.
PACK_WEIGHT = """\
SINGLE void pack_weight(global T *dst, global const E *w, long wo, global const long *wat, C g, long tile)
{
    const long panel = get_global_id(0), panels = (g.rows + tile - 1)/tile, group = get_global_id(1);
    w += wo + group*g.wgroup + panel*tile*g.wrow;
    dst += (group*panels + panel)*g.taps*tile;
    const long n = LEAST(tile, g.rows - panel*tile);
    for (long k = 0; k < g.taps; k++)
        for (long r = 0; r < tile; r++) dst[k*tile + r] = r < n ? LOAD(w, wat[k] + r*g.wrow) : 0;
}
"""

# A tile's sums at flattened pixels f.. of plane p: whole lines of the image, whose ends are no pixels of the result.
LAY = """\
static inline void lay(global E *out, const T *sum, int wide, int rows, long f, long width, long p, C g,
                       global const E *bias, long bo)
{
    const long last = LEAST(f + width, (g.n1 - 1)*g.line + g.n2);
    for (long at = f; at < last;) {
        const long y = at/g.line, x = at - y*g.line, n = LEAST(g.line - x, last - at), v = LEAST(g.n2 - x, n);
        for (int r = 0; r < rows; r++) {
            const T *s = sum + r*wide + (at - f);
            const long o = g.out_at + p*g.o0 + y*g.o1 + x*g.o2 + r*g.out_row;
            const T b = bias ? LOAD(bias, bo + r) : 0;
            if (g.o2 == 1)
                LOOP for (long j = 0; j < v; j++) { STORE(out, o + j, s[j] + b) }
            else
                for (long j = 0; j < v; j++) { STORE(out, o + j*g.o2, s[j] + b) }
        }
        at += n;
    }
}
"""


def slide_kernel(rows, vectors):
    """Strips of pixels of one plane (dimension 0), a panel of channels (1), an image and group (2)."""
    sums = [(r, v) for r in range(rows) for v in range(vectors)]
    zero = "".join(f"V s{r}_{v} = 0; " for r, v in sums)
    body = "".join(f"const V b{v} = *(global const VU *)(q + off[k] + {v}*W); " for v in range(vectors))
    for r in range(rows):
        body += f"{{ const T a_ = x[{r}]; " + "".join(f"s{r}_{v} += a_*b{v}; " for v in range(vectors)) + "}\n"
    hold = "".join(f"sum[{r * vectors + v}] = s{r}_{v}; " for r, v in sums)
    add = "".join(f"sum[{r * vectors + v}] += s{r}_{v}; " for r, v in sums)
    return f"""\
SINGLE void slide{rows}(global E *out, long oo, global const T *image, global const T *w, global const long *off,
                        global const E *bias, long bo, C g)
{{
    const long z = get_global_id(2), group = z % g.groups, panel = get_global_id(1), panels = get_num_groups(1);
    const long flat = (g.n1 - 1)*g.line + g.n2, strips = (flat + {STRIP - 1})/{STRIP};
    const long p = get_global_id(0)/strips, f0 = get_global_id(0) % strips*{STRIP}, f1 = LEAST(f0 + {STRIP}, flat);
    const int rows = LEAST((long){rows}, g.rows - panel*{rows});
    image += z*g.image + p*g.plane;
    w += (group*panels + panel)*g.taps*{rows};
    out += oo + z*g.out_group + panel*{rows}*g.out_row;
    if (bias) bias += group*g.rows + panel*{rows};
    for (long f = f0; f < f1; f += {vectors}*W) {{
        global const T *q = image + f, *x = w;
        V sum[{rows * vectors}];
        for (long k0 = 0;;) {{
            const long e = LEAST(k0 + {BLOCK_K}, g.taps);
            {zero}
            for (long k = k0; k < e; k++, x += {rows}) {{ {body} }}
            if (k0) {{ {add} }} else {{ {hold} }}
            k0 = e;
            if (e == g.taps) break;
        }}
        lay(out, (const T *)sum, {vectors}*W, rows, f, {vectors}*W, p, g, bias, bo);
    }}
}}
"""


def weigh_kernel(rows, cols, down, across):
    """Sums over pixels: rows channels of y by cols taps, of one group and some of the images, in tiles of down x
    across.  Lines of y end in zeros; what the last vector reads of the image beyond them is a number."""
    pairs = [(r, v) for r in range(down) for v in range(across)]
    pointers = "".join(f"global const T *a{r} = spread + LEAST(i + {r}, g.rows - 1)*area; " for r in range(down))
    pointers += "".join(f"global const T *b{v} = image + off[LEAST(j + {v}, g.taps - 1)]; " for v in range(across))
    sums = "".join(f"V s{r}_{v} = 0; " for r, v in pairs)
    body = "".join(f"const V x{r} = *(global const VU *)(a{r} + at + f); " for r in range(down))
    for v in range(across):
        body += f"{{ const V y = *(global const VU *)(b{v} + in + f); "
        body += "".join(f"s{r}_{v} += x{r}*y; " for r in range(down)) + "}\n"
    store = "".join(
        f"if (i + {r} < g.rows && j + {v} < g.taps) part[(i + {r})*g.taps + j + {v}] = cg_sum(s{r}_{v});\n"
        for r, v in pairs
    )
    return f"""\
SINGLE void weigh{rows}(global T *part, global const T *spread, global const T *image, global const long *off, C g,
                        long chunk)
{{
    const long group = get_global_id(2) % g.groups, split = get_global_id(2)/g.groups;
    const long n0 = split*chunk, n1 = LEAST(n0 + chunk, g.images);
    const long run = (g.n1 + {OVER - 1}/g.line + 1)*g.line, area = g.n0*run, flat = (g.n1 - 1)*g.line + g.n2;
    part += (split*g.groups + group)*g.rows*g.taps;
    for (long i = get_global_id(1)*{rows}; i < LEAST(g.rows, (long)(get_global_id(1) + 1)*{rows}); i += {down})
    for (long j = get_global_id(0)*{cols}; j < LEAST(g.taps, (long)(get_global_id(0) + 1)*{cols}); j += {across}) {{
        {pointers}
        {sums}
        for (long n = n0; n < n1; n++)
            for (long p = 0; p < g.n0; p++) {{
                const long at = (n*g.groups + group)*g.rows*area + p*run, in = (n*g.groups + group)*g.image + p*g.plane;
                for (long f = 0; f < flat; f += W) {{ {body} }}
            }}
        {store}
    }}
}}
"""


# Many channels: y and what the taps see as panels of the product of gemm.py, whose inner dimension is the pixels of
# some images: [group][panel][image, pixel][rows or columns of a tile].
PANELS = """\
SINGLE void panels_y(global T *dst, global const E *y, long yo, C g, long first, long images)
{
    const long panel = get_global_id(0), panels = (g.rows + MR - 1)/MR, group = get_global_id(1);
    if (panel >= panels) return;
    const long area = g.n0*g.n1*g.n2, n = LEAST((long)MR, g.rows - panel*MR);
    dst += (group*panels + panel)*images*area*MR;
    for (long z = 0; z < images; z++) {
        const long at = yo + (((first + z)*g.groups + group)*g.rows + panel*MR)*area;
        long p = 0;
        for (; p + 16 <= area; p += 16, dst += 16*MR)
            for (int r = 0; r < MR; r++)
                for (int x = 0; x < 16; x++) dst[x*MR + r] = r < n ? LOAD(y, at + r*area + p + x) : 0;
        for (; p < area; p++, dst += MR) for (int r = 0; r < MR; r++) dst[r] = r < n ? LOAD(y, at + r*area + p) : 0;
    }
}
SINGLE void panels_x(global T *dst, global const T *image, global const long *off, C g, long first, long images)
{
    const long panel = get_global_id(0), panels = (g.taps + NR - 1)/NR, group = get_global_id(1);
    if (panel >= panels) return;
    const long n = LEAST((long)NR, g.taps - panel*NR);
    dst += (group*panels + panel)*images*g.n0*g.n1*g.n2*NR;
    off += panel*NR;
    for (long z = 0; z < images; z++)
        for (long p0 = 0; p0 < g.n0; p0++)
            for (long p1 = 0; p1 < g.n1; p1++, dst += g.n2*NR) {
                global const T *of = image + ((first + z)*g.groups + group)*g.image + p0*g.plane + p1*g.line;
                for (int i = 0; i < NR; i++) {
                    global const T *from = of + (i < n ? off[i] : 0);
                    for (long x = 0; x < g.n2; x++) dst[x*NR + i] = i < n ? from[x] : 0;
                }
            }
}
"""


def cpu_source(code, fp64):
    text = "#define CPU\n" + prelude(code, "cpu", fp64) + PAD + TAPS + PACK_WEIGHT + PANELS + LAY
    wide = "".join(slide_kernel(r, 2) for r in ROWS)
    narrow = "".join(slide_kernel(r, 2 if r <= 6 else 1) for r in ROWS)
    wide += weigh_kernel(4, 6, 4, 6) + weigh_kernel(6, 4, 6, 4)
    narrow += weigh_kernel(4, 6, 4, 3) + weigh_kernel(6, 4, 3, 4)
    return f"{text}\n#ifdef __AVX512F__\n{wide}\n#else\n{narrow}\n#endif\n"


# ------------------------------------------------------------------ gpu schedule


def gpu_source(code, fp64):
    slide = TILES.format(
        name="slide", step=STEP, a_runs="1", b_runs="0",
        arguments="global E *out, long oo, global const T *image, global const E *w, long wo, global const long *off, "
                  "global const long *wat, global const E *bias, long bo",
        setup="image += z*c.image; w += wo + z % c.groups*c.wgroup; out += oo + z*c.out_group + c.out_at; "
              "if (bias) bias += bo + z % c.groups*c.rows;",
        a="LOAD(w, wat[k] + i*c.wrow)",
        b="image[off[k] + j/c.n2/c.n1*c.plane + j/c.n2 % c.n1*c.line + j % c.n2]",
        store="STORE(out, i*c.out_row + j/c.n2/c.n1*c.o0 + j/c.n2 % c.n1*c.o1 + j % c.n2*c.o2, "
              "sum[r][v] + (bias ? LOAD(bias, i) : 0))",
    )  # fmt: skip
    weigh = TILES.format(
        name="weigh", step=STEP, a_runs="1", b_runs="1",
        arguments="global const T *spread, global const T *image, global const long *off",
        setup="const long run = c.n1*c.line, area = c.n0*run;",
        a="spread[((k/area*c.groups + z)*c.rows + i)*area + k % area]",
        b="k % c.line >= c.n2 ? 0 : image[(k/area*c.groups + z)*c.image + off[j] + k % area/run*c.plane + k % run]",
        store="",
    )  # fmt: skip
    text = (slide + weigh).replace("long batch)", "long batch, C c)")
    return prelude(code, "gpu", fp64) + PAD + TAPS + text


# ------------------------------------------------------------------ shapes


def three(values, missing):
    """Sizes, strides or options of three dimensions: those in front that a convolution lacks are `missing`."""
    return (missing,) * (3 - len(values)) + tuple(values)


class Slide:
    """One product over a padded image: what its kernels are told."""

    def __init__(self, g, taps, rows, pixels, length, steps, out_row, out_at, image, wrow, taps_fields):
        self.taps, self.rows, self.pixels = taps, rows, pixels
        self.fields = LAYOUT.pack(
            g.images, g.groups, taps, rows, *pixels, length[2], length[1] * length[2], *steps, out_row, rows * out_row,
            out_at, image, wrow, g.outputs * g.channels * g.places,
        )  # fmt: skip
        self.taps_fields = TAP_LAYOUT.pack(*taps_fields)
        self.tile = min(ROWS, key=lambda r: (-(-rows // r) * r, -r))
        self.panels = -(-rows // self.tile)
        self.strips = pixels[0] * -(-((pixels[1] - 1) * length[2] + pixels[2]) // STRIP)


class Geometry:
    """The sizes of a convolution, of one group's channels: by dimension, or in all."""

    def __init__(self, x_shape, w_shape, y_shape, stride, padding, dilation, groups):
        self.groups, self.images = groups, x_shape[0]
        self.channels, self.outputs = x_shape[1] // groups, y_shape[1] // groups
        self.size, self.kernel, self.pixels = (three(shape[2:], 1) for shape in (x_shape, w_shape, y_shape))
        self.stride, self.dilation, self.padding = three(stride, 1), three(dilation, 1), three(padding, 0)
        self.places = math.prod(self.kernel)

    @functools.cached_property
    def forward(self):
        """(length of the padded image of x, the product that gives y)"""
        length = tuple([
            n + (k - 1) * d // s
            for n, k, d, s in zip(self.pixels, self.kernel, self.dilation, self.stride, strict=True)
        ])  # fmt: skip
        n0, n1, n2 = self.pixels
        taps = self.channels * self.places
        slide = Slide(
            self, taps, self.outputs, self.pixels, length, (n1 * n2, n2, 1), n0 * n1 * n2, 0,
            self.channels * math.prod(self.stride) * math.prod(length), taps,
            (self.channels, *self.kernel, 0, 0, 0, 1, 1, 1, *self.kernel, *self.dilation, *self.stride, 0, 0, 0,
             *length, 1, self.places),
        )  # fmt: skip
        return length, slide

    @functools.cached_property
    def adjoint(self):
        """(padding and length of the padded image of y, the products that give x)"""
        dims = self.size, self.kernel, self.stride, self.padding, self.dilation
        ends = [reached(n, *x) for n, *x in zip(self.pixels, *dims, strict=True)]
        length = tuple([hi - lo + 1 for lo, hi in ends])
        steps = (self.size[1] * self.size[2], self.size[2], 1)
        slides = []
        for r in itertools.product(*map(range, self.stride)):
            parts = [residue(*x) for x in zip(r, *dims, strict=True)]
            first, count, k, every, places = zip(*parts, strict=True)
            if min(count) <= 0:
                continue
            at = [f - lo for f, (lo, _) in zip(first, ends, strict=True)]
            begin = [f * s + x - p for f, s, x, p in zip(first, self.stride, r, self.padding, strict=True)]
            slides.append(Slide(
                self, self.outputs * math.prod(places), self.channels, count, length,
                [s * step for s, step in zip(self.stride, steps, strict=True)], math.prod(self.size),
                sum([b * step for b, step in zip(begin, steps, strict=True)]), self.outputs * math.prod(length),
                self.places,
                (self.outputs, *places, *k, *every, *self.kernel, *self.dilation, *self.stride, *at, *length, -1,
                 self.channels * self.places),
            ))  # fmt: skip
        return tuple([-lo for lo, _ in ends]), length, slides


geometry = functools.lru_cache(1024)(Geometry)


def reached(n, size, kernel, stride, padding, dilation):
    """The first and last place, beside those of y (0 to n - 1), that positions of x read along one dimension."""
    lo, hi = 0, n - 1
    for q in range(0, kernel * dilation, dilation):
        rest, m = q % stride, q // stride
        lo = min(lo, -((rest - padding) // stride) - m)
        hi = max(hi, (size - 1 + padding - rest) // stride - m)
    return lo, hi


def residue(r, size, kernel, stride, padding, dilation):
    """Of the positions q * stride + r - padding along one dimension: the first q, how many there are; of the places k
    of the kernel that reach them: the first, every how many, how many."""
    first = -((r - padding) // stride)
    count = (size - 1 + padding - r) // stride - first + 1
    every = stride // math.gcd(stride, dilation)
    k = next((k for k in range(every) if k * dilation % stride == r), kernel)
    return first, count, k, every, max(0, -(-(kernel - k) // every))


# ------------------------------------------------------------------ the primitives


class Work:
    """The kernels of a device for one dtype, and memory for them."""

    def __init__(self, out):
        _launch.need_dtype(out)
        self.device, *self.out, _, _ = _launch.place(out)
        self.code = out.dtype.code
        self.compute = computed(self.code)[0]
        self.itemsize = 8 if self.compute in (DOUBLE, INT64) else 4
        self.cpu = self.device.schedule == "cpu"
        self.side = side(self.device)

    def run(self, name, sizes, local, *args):
        _launch.run(self.device, _launch.kernel(self.device, ("conv", self.code), name, self.source), sizes, local,
                    *args)  # fmt: skip

    def source(self):
        if self.cpu:
            return cpu_source(self.code, self.device.fp64)
        return f"#define D {self.side}\n{gpu_source(self.code, self.device.fp64)}"

    def items(self, name, count, *args):
        """A kernel of one work-item for each element."""
        self.run(name, (count,), (min(64, self.side**2),), *args)

    def allocate(self, elements, size=None):
        return _launch.allocate(self.device.index + 1, elements * (size or self.itemsize))

    def padded(self, t, stride, padding, length):
        """The images of `t` as the products read them."""
        _, memory, offset, sizes, steps = _launch.place(t)
        planes = sizes[0] * sizes[1]
        count = planes * math.prod(stride) * math.prod(length)
        image = self.allocate(count + SLACK)
        fields = PAD_LAYOUT.pack(*three(sizes[2:], 1), *three(steps[2:], 0), *steps[:2], sizes[1], *stride, *padding,
                                 *length, count)  # fmt: skip
        if self.cpu:
            self.run("pad", (planes,), (1,), image, memory, offset, fields)
        else:
            self.items("pad", count, image, memory, offset, fields)
        return image

    def tables(self, slide):
        """Where each tap reads the image, and where its weight is."""
        off, wat = self.allocate(slide.taps, 8), self.allocate(slide.taps, 8)
        self.items("taps", slide.taps, off, wat, slide.taps_fields)
        return off, wat

    def slide(self, slide, images, groups, image, weight, bias):
        """One product over the padded image."""
        of_bias = (None, 0) if bias is None else _launch.place(bias)[1:3]
        off, wat = self.tables(slide)
        if self.cpu:
            packed = self.allocate(groups * slide.panels * slide.tile * slide.taps)
            self.run("pack_weight", (slide.panels, groups), (1, 1), packed, *weight, wat, slide.fields, slide.tile)
            self.run(f"slide{slide.tile}", (slide.strips, slide.panels, images * groups), (1, 1, 1), *self.out, image,
                     packed, off, *of_bias, slide.fields)  # fmt: skip
            return
        d, n, batch = self.side, math.prod(slide.pixels), images * groups
        product = PRODUCT.pack(slide.rows, n, slide.taps, *[0] * 12, 1, slide.taps, 0, 1)
        self.run("slide", (-(-n // (4 * d)) * d, -(-slide.rows // (4 * d)) * d, batch), (d, d, 1), *self.out, image,
                 *weight, off, wat, *of_bias, None, (self.compute, 1), (self.compute, 0), product, batch,
                 slide.fields)  # fmt: skip


def contiguous(t):
    return t if t is None or t.is_contiguous() else copied(t)


def convolve(out, x, weight, bias, stride, padding, dilation, groups):
    g = geometry(x.shape, weight.shape, out.shape, stride, padding, dilation, groups)
    length, slide = g.forward
    work, weight = Work(out), contiguous(weight)
    image = work.padded(x, g.stride, g.padding, length)
    work.slide(slide, g.images, groups, image, _launch.place(weight)[1:3], contiguous(bias))


def convolve_input(out, y, weight, bias, stride, padding, dilation, groups):
    g = geometry(out.shape, weight.shape, y.shape, stride, padding, dilation, groups)
    before, length, slides = g.adjoint
    work, weight, bias = Work(out), contiguous(weight), contiguous(bias)
    image = work.padded(y, (1, 1, 1), before, length)
    for slide in slides:
        work.slide(slide, g.images, groups, image, _launch.place(weight)[1:3], bias)


def convolve_weight(out, x, y, stride, padding, dilation, groups):
    if not x.numel() or not y.numel():
        return _rows.fill(out, 0)
    g = geometry(x.shape, out.shape, y.shape, stride, padding, dilation, groups)
    length, slide = g.forward
    work, taps = Work(out), slide.taps
    image = work.padded(x, g.stride, g.padding, length)
    off, _ = work.tables(slide)
    each = taps * groups * math.prod(g.pixels) * work.itemsize  # bytes of the panels of one image
    at_once = max(1, min(g.images, PANEL_BYTES // each))
    exact = at_once == g.images or work.code >= FLOAT  # sums in the output's dtype
    if work.cpu and g.outputs >= MANY and taps >= MANY and exact:
        return weigh_panels(work, g, slide, image, off, contiguous(y), at_once)
    more = (OVER - 1) // length[2] + 1 if work.cpu else 0
    spread = work.padded(y, (1, 1, 1), (0, 0, 0), (g.pixels[0], g.pixels[1] + more, length[2]))
    total = groups * g.outputs * taps
    rows = cols = 4 * work.side
    if work.cpu:
        rows, cols = min(((4, 6), (6, 4)), key=lambda t: -(-g.outputs // t[0]) * -(-taps // t[1]))
    across, down = -(-taps // cols), -(-g.outputs // rows)
    k = g.images if work.cpu else g.images * math.prod(g.pixels[:2]) * length[2]  # what is split
    chunk = -(-k // max(1, min(k if work.cpu else k // 1024, -(-PARTS // (across * down * groups)))))
    splits = -(-k // chunk)
    part = work.allocate(splits * total)
    if work.cpu:
        work.run(f"weigh{rows}", (across, down, groups * splits), (1, 1, 1), part, spread, image, off, slide.fields,
                 chunk)  # fmt: skip
    else:
        d = work.side
        product = PRODUCT.pack(g.outputs, taps, k, *[0] * 12, 1, chunk, 0, splits)
        work.run("weigh", (across * d, down * d, groups * splits), (d, d, 1), spread, image, off, part,
                 (work.compute, 1), (work.compute, 0), product, groups, slide.fields)  # fmt: skip
    work.items("join_weight", total, *work.out, part, total, splits)


def weigh_panels(work, g, slide, image, off, y, images):
    """The adjoint in the weight by the tiles of large products, so many images at a time."""
    of_y = _launch.place(y)[1:3]
    for first in range(0, g.images, images):
        count = min(images, g.images - first)
        k = count * math.prod(g.pixels)
        a = work.allocate(g.groups * (g.outputs + BLOCK_M) * k)
        b = work.allocate(g.groups * (slide.taps + BLOCK_N) * k)
        work.run("panels_y", (-(-g.outputs // LEAST_ROWS), g.groups), (1, 1), a, *of_y, slide.fields, first, count)
        across = -(-slide.taps // LEAST_COLS)
        work.run("panels_x", (across, g.groups), (1, 1), b, image, off, slide.fields, first, count)
        size = g.outputs * slide.taps
        before = (work.out, (slide.taps, 1, size, 0)) if first else ((None, 0), (0, 0, 0, 0))
        Product(work.device, work.code, (g.outputs, slide.taps, k), g.groups, g.groups, work.out, None, None, before[0],
                (0, 0, 1, 0), (0, 0, 1, 0), before[1], 1, 1).multiply_panels(a, b)  # fmt: skip
