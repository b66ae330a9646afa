"""Convolutions: matrix products over a padded image, by the tiles of gemm.py.

The image is copied once, padded, and split into the phases of the strides (x[::2] and x[1::2] side by side); after
that row k of its im2col matrix is the image shifted by off[k], a constant, and no such matrix is written.  The adjoint
in the input is that with the roles of x and y exchanged, one product for each residue of the input position modulo the
stride: every element is gathered, none is added to twice.  The adjoint in the weight multiplies the image's rows with
y, laid out in lines as long as the image's, zeros in the gaps; splits over images are added in their order.
cpu schedule: tiles of 6, 8 or 12 channels by vectors of flattened pixels; gpu schedule: the tiles of gemm.py.
"""

import itertools
import math
import struct

from cygrad.cl import _launch
from cygrad.cl.gemm import (
    BLOCK_K,
    DOUBLE,
    INT64,
    LAYOUT as PRODUCT,
    STEP,
    TILES,
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
SLACK = 64  # elements that a tile may read past the last pixel

PAD_FIELDS = ("s0", "s1", "s2", "x0", "x1", "x2", "xn", "xc", "channels", "q0", "q1", "q2", "p0", "p1", "p2", "l0",
              "l1", "l2", "count")  # fmt: skip
PAD_LAYOUT = struct.Struct(f"{len(PAD_FIELDS)}q")

# The image: (images, channels, phases, l0, l1, l2), from x with sizes s, strides x, split into q phases, padded by p.
# One row of it, of phase f2 in the last dimension; `i0` and `i1` are where it comes from in the others.
PAD = f"""\
typedef struct {{ long {", ".join(PAD_FIELDS)}; }} P;
typedef struct {{ long {", ".join(FIELDS)}; }} C;
#ifdef CPU
kernel __attribute__((reqd_work_group_size(1, 1, 1)))
void pad(global T *image, global const E *x, long xo, P g)
{{
    const long z = get_global_id(0), rows = g.q0*g.q1*g.q2*g.l0*g.l1;
    global T *to = image + z*rows*g.l2;
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


def weigh_kernel(rows, cols):
    """Sums over pixels: `rows` channels of y by `cols` taps, of one group and some of the images."""
    pairs = [(r, v) for r in range(rows) for v in range(cols)]
    pointers = "".join(f"global const T *a{r} = spread + LEAST(i + {r}, g.rows - 1)*area; " for r in range(rows))
    pointers += "".join(f"global const T *b{v} = image + off[LEAST(j + {v}, g.taps - 1)]; " for v in range(cols))
    sums = "".join(f"V s{r}_{v} = 0; T t{r}_{v} = 0; " for r, v in pairs)
    vectors = "".join(f"const V x{r} = *(global const VU *)(a{r} + at + f); " for r in range(rows))
    vectors += "".join(f"const V y{v} = *(global const VU *)(b{v} + in + f); " for v in range(cols))
    vectors += "".join(f"s{r}_{v} += x{r}*y{v}; " for r, v in pairs)
    scalars = "".join(f"t{r}_{v} += a{r}[at + f]*b{v}[in + f]; " for r, v in pairs)
    store = "".join(
        f"if (i + {r} < g.rows && j + {v} < g.taps) {{ const T *l = (const T *)&s{r}_{v}; T x = t{r}_{v}; "
        f"for (int w = 0; w < W; w++) x += l[w]; part[(i + {r})*g.taps + j + {v}] = x; }}\n"
        for r, v in pairs
    )  # fmt: skip
    return f"""\
SINGLE void weigh(global T *part, global const T *spread, global const T *image, global const long *off, C g,
                  long chunk)
{{
    const long group = get_global_id(2) % g.groups, split = get_global_id(2)/g.groups;
    const long n0 = split*chunk, n1 = LEAST(n0 + chunk, g.images);
    const long j = get_global_id(0)*{cols}, i = get_global_id(1)*{rows};
    const long run = g.n1*g.line, area = g.n0*run, flat = run - g.line + g.n2;
    part += (split*g.groups + group)*g.rows*g.taps;
    {pointers}
    {sums}
    for (long n = n0; n < n1; n++)
        for (long p = 0; p < g.n0; p++) {{
            const long at = (n*g.groups + group)*g.rows*area + p*run, in = (n*g.groups + group)*g.image + p*g.plane;
            long f = 0;
            for (; f + W <= flat; f += W) {{ {vectors} }}
            for (; f < flat; f++) {{ {scalars} }}
        }}
    {store}
}}
"""


def cpu_source(code, fp64):
    text = "#define CPU\n" + prelude(code, "cpu", fp64) + PAD + TAPS + PACK_WEIGHT + LAY
    wide = "".join(slide_kernel(r, 2) for r in ROWS)
    narrow = "".join(slide_kernel(r, 2 if r <= 6 else 1) for r in ROWS)
    return f"{text}\n#ifdef __AVX512F__\n{wide}\n#else\n{narrow}\n#endif\n" + weigh_kernel(4, 4)


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


# ------------------------------------------------------------------ the primitives


def three(values, missing):
    """Sizes, strides or options of three dimensions: those in front that a convolution lacks are `missing`."""
    return (missing,) * (3 - len(values)) + tuple(values)


class Convolution:
    """One call of a primitive: the device, its kernels, and the sizes by dimension."""

    def __init__(self, out, x, weight, y, stride, padding, dilation, groups):
        self.device = _launch.place(out)[0]
        _launch.need_dtype(out)
        self.code = out.dtype.code
        self.compute = computed(self.code)[0]
        self.cpu = self.device.schedule == "cpu"
        self.x, self.y, self.groups = x, y, groups
        self.images, self.channels, self.outputs = x.shape[0], x.shape[1] // groups, y.shape[1] // groups
        self.size, self.kernel, self.pixels = (three(t.shape[2:], 1) for t in (x, weight, y))
        self.stride, self.dilation, self.padding = three(stride, 1), three(dilation, 1), three(padding, 0)
        self.taps = math.prod(self.kernel)  # of one channel

    def run(self, name, sizes, local, *args):
        def make():
            text = (cpu_source if self.cpu else gpu_source)(self.code, self.device.fp64)
            return text if self.cpu else f"#define D {side(self.device)}\n{text}"

        kernel = _launch.kernel(self.device, ("conv", self.code), name, make)
        _launch.run(self.device, kernel, sizes, local, *args)

    def items(self, name, count, *args):
        """A kernel of one work-item for each element."""
        self.run(name, (count,), (min(64, side(self.device) ** 2),), *args)

    def allocate(self, elements, size=0):
        size = size or (8 if self.compute in (DOUBLE, INT64) else 4)
        return _launch.allocate(self.device.index + 1, elements * size)

    def padded(self, t, stride, padding, length):
        """The images of `t` as the products read them."""
        _, memory, offset, sizes, steps = _launch.place(t)
        phases, area = math.prod(stride), math.prod(length)
        planes = sizes[0] * sizes[1]
        count = planes * phases * area
        image = self.allocate(count + SLACK)
        fields = PAD_LAYOUT.pack(*three(sizes[2:], 1), *three(steps[2:], 0), *steps[:2], sizes[1], *stride, *padding,
                                 *length, count)  # fmt: skip
        if self.cpu:
            self.run("pad", (planes,), (1,), image, memory, offset, fields)
        else:
            self.items("pad", count, image, memory, offset, fields)
        return image

    def tables(self, count, *fields):
        """Where each tap reads the image, and where its weight is."""
        off, wat = self.allocate(count, 8), self.allocate(count, 8)
        self.items("taps", count, off, wat, TAP_LAYOUT.pack(*fields))
        return off, wat

    def forward_length(self):
        return tuple(
            n + (k - 1) * d // s
            for n, k, d, s in zip(self.pixels, self.kernel, self.dilation, self.stride, strict=True)
        )

    def forward_tables(self, length):
        return self.tables(
            self.channels * self.taps, self.channels, *self.kernel, 0, 0, 0, 1, 1, 1, *self.kernel, *self.dilation,
            *self.stride, 0, 0, 0, *length, 1, self.taps,
        )  # fmt: skip

    def fields(self, taps, rows, pixels, length, steps, out_row, out_at, image, wrow):
        return LAYOUT.pack(
            self.images, self.groups, taps, rows, *pixels, length[2], length[1] * length[2], *steps, out_row,
            rows * out_row, out_at, image, wrow, self.outputs * self.channels * self.taps,
        )  # fmt: skip

    def slide(self, out, image, weight, bias, off, wat, taps, rows, pixels, length, fields):
        """One product over the padded image."""
        _, *to, _, _ = _launch.place(out)
        _, *of_w, _, _ = _launch.place(weight)
        of_bias = (None, 0) if bias is None else _launch.place(bias)[1:3]
        batch = self.images * self.groups
        if not self.cpu:
            d = side(self.device)
            n = math.prod(pixels)
            product = PRODUCT.pack(rows, n, taps, *[0] * 12, 1, taps, 0, 1)
            one, zero = (self.compute, 1), (self.compute, 0)
            self.run("slide", (-(-n // (4 * d)) * d, -(-rows // (4 * d)) * d, batch), (d, d, 1), *to, image, *of_w,
                     off, wat, *of_bias, None, one, zero, product, batch, fields)  # fmt: skip
            return
        tile = min(ROWS, key=lambda r: (-(-rows // r) * r, -r))
        panels = -(-rows // tile)
        packed = self.allocate(self.groups * panels * tile * taps)
        self.run("pack_weight", (panels, self.groups), (1, 1), packed, *of_w, wat, fields, tile)
        strips = -(-((pixels[1] - 1) * length[2] + pixels[2]) // STRIP)
        self.run(f"slide{tile}", (pixels[0] * strips, panels, batch), (1, 1, 1), *to, image, packed, off, *of_bias,
                 fields)  # fmt: skip


def convolve(out, x, weight, bias, stride, padding, dilation, groups):
    c = Convolution(out, x, weight, out, stride, padding, dilation, groups)
    weight, bias = (t if t is None or t.is_contiguous() else copied(t) for t in (weight, bias))
    length, taps = c.forward_length(), c.channels * c.taps
    image = c.padded(x, c.stride, c.padding, length)
    off, wat = c.forward_tables(length)
    n0, n1, n2 = c.pixels
    fields = c.fields(taps, c.outputs, c.pixels, length, (n1 * n2, n2, 1), n0 * n1 * n2, 0,
                      c.channels * math.prod(c.stride) * math.prod(length), taps)  # fmt: skip
    c.slide(out, image, weight, bias, off, wat, taps, c.outputs, c.pixels, length, fields)


def reached(size, n, kernel, stride, padding, dilation):
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


def convolve_input(out, y, weight, bias, stride, padding, dilation, groups):
    c = Convolution(out, out, weight, y, stride, padding, dilation, groups)
    weight, bias = (t if t is None or t.is_contiguous() else copied(t) for t in (weight, bias))
    ends = [reached(*x) for x in zip(c.size, c.pixels, c.kernel, c.stride, c.padding, c.dilation, strict=True)]
    length = tuple(hi - lo + 1 for lo, hi in ends)
    image = c.padded(y, (1, 1, 1), tuple(-lo for lo, _ in ends), length)
    steps = (c.size[1] * c.size[2], c.size[2], 1)
    for r in itertools.product(*map(range, c.stride)):
        parts = [residue(*x) for x in zip(r, c.size, c.kernel, c.stride, c.padding, c.dilation, strict=True)]
        first, count, k, every, places = zip(*parts, strict=True)
        if min(count) <= 0:
            continue
        taps = c.outputs * math.prod(places)
        at = tuple(f - lo for f, (lo, _) in zip(first, ends, strict=True))
        off, wat = c.tables(taps, c.outputs, *places, *k, *every, *c.kernel, *c.dilation, *c.stride, *at, *length, -1,
                            c.channels * c.taps)  # fmt: skip
        begin = sum((f * s + x - p) * step
                    for f, s, x, p, step in zip(first, c.stride, r, c.padding, steps, strict=True))  # fmt: skip
        fields = c.fields(taps, c.channels, count, length, [s * step for s, step in zip(c.stride, steps, strict=True)],
                          math.prod(c.size), begin, c.outputs * math.prod(length), c.taps)  # fmt: skip
        c.slide(out, image, weight, bias, off, wat, taps, c.channels, count, length, fields)


def convolve_weight(out, x, y, stride, padding, dilation, groups):
    if not x.numel() or not y.numel():
        return _launch.fill(out, 0)
    c = Convolution(out, x, out, y, stride, padding, dilation, groups)
    length, taps = c.forward_length(), c.channels * c.taps
    image = c.padded(x, c.stride, c.padding, length)
    off, _ = c.forward_tables(length)
    spread = c.padded(y, (1, 1, 1), (0, 0, 0), (c.pixels[0], c.pixels[1], length[2]))
    fields = c.fields(taps, c.outputs, c.pixels, length, (0, 0, 0), 0, 0,
                      c.channels * math.prod(c.stride) * math.prod(length), 0)  # fmt: skip
    total = c.groups * c.outputs * taps
    if c.cpu:
        tiles = -(-taps // 4), -(-c.outputs // 4)
        splits = max(1, min(c.images, -(-PARTS // (tiles[0] * tiles[1] * c.groups))))
        chunk = -(-c.images // splits)
        splits = -(-c.images // chunk)
        part = c.allocate(splits * total)
        c.run("weigh", (*tiles, c.groups * splits), (1, 1, 1), part, spread, image, off, fields, chunk)
    else:
        d = side(c.device)
        tiles = -(-taps // (4 * d)), -(-c.outputs // (4 * d))
        k = c.images * c.pixels[0] * c.pixels[1] * length[2]
        splits = max(1, min(k // 1024, -(-PARTS // (tiles[0] * tiles[1] * c.groups))))
        chunk = -(-k // splits)
        splits = -(-k // chunk)
        part = c.allocate(splits * total)
        product = PRODUCT.pack(c.outputs, taps, k, *[0] * 12, 1, chunk, 0, splits)
        one, zero = (c.compute, 1), (c.compute, 0)
        c.run("weigh", (tiles[0] * d, tiles[1] * d, c.groups * splits), (d, d, 1), spread, image, off, part, one, zero,
              product, c.groups, fields)  # fmt: skip
    _, *to, _, _ = _launch.place(out)
    c.items("join_weight", total, *to, part, total, splits)
