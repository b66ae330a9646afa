"""Random numbers on OpenCL devices: the stream of PyTorch on CUDA, from Philox4x32-10.

A call has T threads.  Thread q has its own stream of the seed, in which round r of a call that starts at `offset` is
the block offset / 4 + r, of four words: U = 4 numbers (2 of eight bytes).  Number i is number c of thread q in round r
where i = (r*U + c)*T + q.  T grows with the size up to what the GPU holds at a time, so that larger results differ
from one GPU to another.  Here it is the same on every device: that of an A100, of 108 multiprocessors with 2048
threads each, or what the environment variable CYGRAD_PHILOX_SMS says ("132:2048").

Gamma, Poisson and binomial numbers, and multinomial ones with replacement, have mappings of their own: element i is
drawn from the stream i.

The kernels of the cpu schedule make the words of BLOCK threads at a time and then the numbers, by vectors.
"""

import functools
import math
import os
import struct

from cygrad import _ops
from cygrad.cl import _launch, _rows
from cygrad.cl._source import load, prelude, storage, store
from cygrad.cl.sort import by_digit, by_item, sort_keys

BOOL, INT32, INT64, HALF, BFLOAT16, FLOAT, DOUBLE = 0, 4, 5, 6, 7, 8, 9
DEFAULT_SEED = 67280421310721
OWN_WORDS = 1024  # by which the offset moves on where an element takes as many words as it needs


@functools.cache
def most_threads():
    """The largest T, in groups of 256."""
    text = os.environ.get("CYGRAD_PHILOX_SMS", "108:2048")
    units, _, threads = text.partition(":")
    if not units.isdigit() or not (threads or "2048").isdigit() or int(units) < 1 or int(threads or 2048) < 256:
        raise RuntimeError(f"CYGRAD_PHILOX_SMS must be like 108:2048 (multiprocessors:threads of each), not {text!r}")
    return int(units) * (int(threads or 2048) // 256) * 256


class Philox:
    """The stream of a device: a seed, and an offset, which is a multiple of 4."""

    state_size = 16

    def __init__(self, seed=DEFAULT_SEED):
        self.seed, self.offset = seed, 0

    def start(self, seed):
        self.seed, self.offset = seed, 0

    def take(self, words):
        """The offset at which a call starts that uses up to `words` words of each thread."""
        offset = self.offset
        self.offset += -(-words // 4) * 4
        return offset

    def state_bytes(self):
        return struct.pack("<QQ", self.seed, self.offset)

    def set_state_bytes(self, state):
        if len(state) not in (8, 16):
            raise RuntimeError("RNG state is wrong size")
        self.seed, offset = struct.unpack("<QQ", state.ljust(16, b"\0"))
        self.set_offset(offset)

    def set_offset(self, offset):
        if offset % 4:
            raise RuntimeError("offset must be a multiple of 4")
        self.offset = offset


_defaults = {}


def generator(dev=None, seed=DEFAULT_SEED):
    """A new stream; with a device code the default one of the device, which starts at `seed`."""
    if dev is None:
        return Philox(seed)
    return _defaults.setdefault((dev - 1) % 16, Philox(seed))


WORDS = """
#define ROUND { \\
    const ulong a = (ulong)0xD2511F53u*x, b = (ulong)0xCD9E8D57u*z; \\
    x = (uint)(b >> 32) ^ y ^ k; y = (uint)b; \\
    z = (uint)(a >> 32) ^ w ^ l; w = (uint)a; \\
    k += 0x9E3779B9u; l += 0xBB67AE85u; }
/* Makes the block `counter` of thread `thread` into x, y, z, w.  In a row: a loop here would not be vectorised. */
#define PHILOX(seed, counter, thread) \\
    uint x = (uint)(counter), y = (uint)((ulong)(counter) >> 32), z = (uint)(thread); \\
    uint w = (uint)((ulong)(thread) >> 32), k = (uint)(seed), l = (uint)((ulong)(seed) >> 32); \\
    ROUND ROUND ROUND ROUND ROUND ROUND ROUND ROUND ROUND ROUND

static inline uint4 words(ulong seed, ulong counter, ulong thread)
{
    PHILOX(seed, counter, thread)
    return (uint4)(x, y, z, w);
}
"""

# Numbers in (0, 1] and pairs of normal ones, as CUDA's library makes them of words.
FLOATS = """
#define UNIT(c) (convert_F(LOAD_U(word[c]))*(F)2.3283064365386963e-10f + (F)1.1641532182693481e-10f)
#define NORMAL(c) { \\
    const F u_ = UNIT(c); \\
    const F v_ = fma(convert_F(LOAD_U(word[c + 1])), (F)1.4629180792671596e-09f, (F)7.314590396335798e-10f); \\
    const F s_ = sqrt((F)-2.0f*log(u_)); \\
    F b_; \\
    const F a_ = s_*sincos(v_, &b_); \\
    SAVE(o[c], fma(a_, (F)q, (F)p)) SAVE(o[c + 1], fma(s_*b_, (F)q, (F)p)) }
#define UNROLL 4
"""
DOUBLES = """
#define WIDE(c) (word[c][j] ^ ((ulong)word[c + 1][j] << 21))
#define UNIT(c) ((double)WIDE(2*(c))*1.1102230246251565e-16 + 5.5511151231257827e-17)
#define NORMAL(c) { \\
    const double u_ = UNIT(c), v_ = (double)WIDE(2*(c) + 2)*2.220446049250313e-16 + 1.1102230246251565e-16; \\
    const double s_ = sqrt(-2.0*log(u_)); \\
    SAVE(o[c], s_*sinpi(v_)*q + p) SAVE(o[c + 1], s_*cospi(v_)*q + p) }
#define UNROLL 2
"""

KERNEL = """
kernel void NAME(global Y *y, long oy, long n, long threads, long seed, long counter, long share, R p, R q, long base,
                 long range)
{
    const long r = get_global_id(1), begin = get_global_id(0)*share, end = min(begin + share, threads);
    for (long t = begin; t < end && r*PER*threads + t < n; t += BLOCK) {
        uint word[4][BLOCK];
        O o[4][BLOCK];
        for (int j = 0; j < BLOCK; j++) {
            PHILOX(seed, counter + r, t + j)
            word[0][j] = x; word[1][j] = y; word[2][j] = z; word[3][j] = w;
        }
        for (int j = 0; j < BLOCK; j += STEP) { BODY }
        for (int c = 0; c < PER; c++) {
            const long at = (r*PER + c)*threads + t;
            const int m = max(min(min((long)BLOCK, end - t), n - at), 0L);
            for (int j = 0; j < m; j++) { PUT }
        }
    }
}
"""

# keep and scale by a mask; `group` numbers of a thread lie next to each other
DROPOUT = """
kernel void dropout(global Y *y, long oy, global uchar *mask, long om, global const Y *x, long ox, long n, long threads,
                    long seed, long counter, long share, float p, int group)
{
    const long r = get_global_id(1), begin = get_global_id(0)*share, end = min(begin + share, threads);
    const R scale = (R)1/(R)p;
    for (long t = begin; t < end && r*4*threads + t*group < n; t++) {
        const uint4 v = words(seed, counter + r, t);
        const uint w[4] = {v.x, v.y, v.z, v.w};
        for (int a = 0; a < 4/group; a++)
            for (int b = 0; b < group; b++) {
                const long i = ((r*(4/group) + a)*threads + t)*group + b;
                if (i >= n) continue;
                const float u = fma((float)w[a*group + b], 2.3283064365386963e-10f, 1.1641532182693481e-10f);
                const bool keep = u < p;
                const R v_ = LOAD_X(i);
                mask[om + i] = keep;
                STORE_Y(oy + i, keep ? v_*scale : v_*(R)0)
            }
    }
}
"""

# Element i from the stream i, as many words as it needs.
OWN = """
typedef struct { ulong seed, counter, thread; uint4 v; int next; } Stream;

static inline uint word(Stream *s)
{
    if (s->next == 4) { s->v = words(s->seed, s->counter++, s->thread); s->next = 0; }
    switch (s->next++) { case 0: return s->v.x; case 1: return s->v.y; case 2: return s->v.z; default: return s->v.w; }
}

/* in (0, 1) */
static inline R unit(Stream *s)
{
    return ((R)(word(s) >> 8) + (R)0.5)*(R)5.9604644775390625e-08;
}

static inline R normal_of(Stream *s)
{
    const R r = sqrt((R)-2*log(unit(s)));
    return r*cos((R)6.283185307179586*unit(s));
}

/* Marsaglia and Tsang, "A simple method for generating gamma variables" (2000) */
static R gamma_of(Stream *s, R alpha)
{
    R scale = 1;
    if (!(alpha > 0)) return alpha != alpha ? alpha : 0;
    if (alpha < 1) { scale = pow(unit(s), 1/alpha); alpha += 1; }
    const R d = alpha - (R)1/3, c = 1/sqrt(9*d);
    for (;;) {
        R x, y;
        do { x = normal_of(s); y = 1 + c*x; } while (y <= 0);
        const R v = y*y*y, u = unit(s), xx = x*x;
        if (u < 1 - (R)0.0331*xx*xx || log(u) < (R)0.5*xx + d*(1 - v + log(v))) return max(scale*d*v, SMALLEST);
    }
}

/* Hoermann, "The transformed rejection method for generating Poisson random variables" (1993) */
static R poisson_of(Stream *s, R rate)
{
    if (!(rate > 0)) return rate != rate ? rate : 0;
    if (rate >= 10) {
        const R b = (R)0.931 + (R)2.53*sqrt(rate), a = (R)-0.059 + (R)0.02483*b;
        const R inverse = (R)1.1239 + (R)1.1328/(b - (R)3.4), most = (R)0.9277 - (R)3.6224/(b - 2);
        for (;;) {
            const R u = unit(s) - (R)0.5, v = unit(s), us = (R)0.5 - fabs(u);
            const R k = floor((2*a/us + b)*u + rate + (R)0.43);
            if (us >= (R)0.07 && v <= most) return k;
            if (k < 0 || (us < (R)0.013 && v > us)) continue;
            if (log(v) + log(inverse) - log(a/(us*us) + b) <= -rate + k*log(rate) - lgamma(k + 1)) return k;
        }
    }
    const R limit = exp(-rate);
    R product = unit(s), k = 0;
    for (; product > limit; k++) product *= unit(s);
    return k;
}

/* Hoermann, "The generation of binomial random variates" (1993), algorithm BTRS */
static R binomial_of(Stream *s, R n, R p)
{
    if (n != n || p != p) return n + p;
    if (!(n > 0) || p <= 0) return 0;
    if (p >= 1) return n;
    const bool turned = p > (R)0.5;
    R k = 0;
    if (turned) p = 1 - p;
    if (n*p < 10) {
        for (R total = 0;; k++) {
            total += ceil(log(unit(s))/log1p(-p));
            if (total > n) break;
        }
        return turned ? n - k : k;
    }
    const R root = sqrt(n*p*(1 - p)), b = (R)1.15 + (R)2.53*root, a = (R)-0.0873 + (R)0.0248*b + (R)0.01*p;
    const R c = n*p + (R)0.5, most = (R)0.92 - (R)4.2/b, r = p/(1 - p), alpha = ((R)2.83 + (R)5.1/b)*root;
    const R m = floor((n + 1)*p);
    for (;;) {
        const R u = unit(s) - (R)0.5, v = unit(s), us = (R)0.5 - fabs(u);
        k = floor((2*a/us + b)*u + c);
        if (us >= (R)0.07 && v <= most) break;
        if (k < 0 || k > n) continue;
        if (log(v*alpha/(a/(us*us) + b)) <= (m - k)*-log(r) - lgamma(k + 1) - lgamma(n - k + 1) + lgamma(m + 1)
                                                + lgamma(n - m + 1)) break;
    }
    return turned ? n - k : k;
}

#define OWN(NAME, CALL) \\
kernel void NAME(global Y *y, long oy, global const Y *x, long ox, global const Y *z, long oz, long n, long seed, \\
                 long counter) \\
{ \\
    const long i = get_global_id(0); \\
    if (i >= n) return; \\
    Stream s = {seed, counter, i, (uint4)(0), 4}; \\
    const R a = LOAD_A(ox + i), b = LOAD_B(oz + i); \\
    STORE_Y(oy + i, CALL) \\
}
OWN(standard_gamma, gamma_of(&s, a + 0*b))
OWN(poisson, poisson_of(&s, a + 0*b))
OWN(binomial, binomial_of(&s, a, b))
"""

# What _operators/gamma.pyx has for the CPU, where the formulas are explained; in double where the device has it.
GRADIENTS = """
static D digamma_of(D a)
{
    D shift = 0, z;
    while (a < 10) { shift -= 1/a; a += 1; }
    z = 1/(a*a);
    z *= (D)(1.0/12) - z*((D)(1.0/120) - z*((D)(1.0/252) - z*((D)(1.0/240) - z*((D)(1.0/132) - z*(D)(691.0/32760)))));
    return shift + log(a) - (D)0.5/a - z;
}

static D gamma_gradient(D a, D x)
{
    if (!(a > 0 && x >= 0) || isinf(x)) return NAN;
    if (x == 0) return 0;
    if (a > (D)1e6) return 1 + (x - a)/(2*a);
    if (x > a + 12*sqrt(a) + 30) {
        const D rate = 1 - (a - 1)/x;
        return (log(x + 1/rate) - digamma_of(a))/rate;
    }
    D digamma = digamma_of(a + 1), r = x/a, total = 0;
    for (int n = 1; n < MOST_TERMS; n++) {
        const D part = r*(log(x) - digamma);
        total -= part;
        if (a + n > x && fabs(part) < TINY*fabs(total)) break;
        digamma += 1/(a + n);
        r *= x/(a + n);
    }
    return total;
}

static D beta_gradient(D x, D a, D b)
{
    if (!(a > 0 && b > 0 && x >= 0 && x <= 1)) return NAN;
    if (x == 0 || x == 1) return 0;
    /* of 1 - x, a sample of Beta(b, a), on the other side of the mean */
    const bool near = x*(a + b + 2) < a + 1;
    const D y = near ? x : 1 - x, log_x = near ? log(x) : log1p(-(1 - x)), c = near ? a : b;
    D u = digamma_of(a + b), v = digamma_of(near ? a + 1 : a), r = x*(1 - x)/c, total = 0;
    for (int n = 1; n < MOST_TERMS; n++) {
        const D part = r*(log_x + u - v);
        total += near ? -part : part;
        if ((a + b + n)*y < c + n && fabs(part) < TINY*fabs(total)) break;
        u += 1/(a + b + n - 1);
        if (near) v += 1/(a + n);
        r *= (a + b + n - 1)/(c + n)*y;
    }
    return total;
}

kernel void gamma_gradients(global R *y, long oy, global const R *alpha, long oa, global const R *sample, long os,
                            long n)
{
    const long i = get_global_id(0);
    if (i < n) y[oy + i] = gamma_gradient(alpha[oa + i], sample[os + i]);
}

kernel void dirichlet_gradients(global R *y, long oy, global const R *sample, long os, global const R *alpha, long oa,
                                global const R *sum, long ot, long n)
{
    const long i = get_global_id(0);
    if (i >= n) return;
    const D x = sample[os + i], a = alpha[oa + i], b = sum[ot + i] - a;
    y[oy + i] = x < 1 ? beta_gradient(x, a, b)/(1 - x) : (digamma_of(a + b) - digamma_of(a))/b;
}
"""

BY_TENSOR = """
/* Four elements in a row from one thread's block. */
kernel void bernoulli_tensor(global Y *y, long oy, global const P *x, long ox, long n, long seed, long counter)
{
    const long t = get_global_id(0);
    if (4*t >= n) return;
    const uint4 v = words(seed, counter, t);
    const uint w[4] = {v.x, v.y, v.z, v.w};
    for (int c = 0; c < 4 && 4*t + c < n; c++) {
        const float u = fma((float)w[c], 2.3283064365386963e-10f, 1.1641532182693481e-10f);
        const R o_ = u <= x[ox + 4*t + c];
        STORE_Y(oy + 4*t + c, o_)
    }
}
"""

PERMUTE = """
/* Keys that are equal were not drawn in an order: each run of them is shuffled by the thread where it begins. */
kernel void islands(global long *y, long oy, global const K *key, long n, long seed, long counter)
{
    const long i = get_global_id(0);
    if (i >= n - 1 || key[i] != key[i + 1] || (i && key[i - 1] == key[i])) return;
    long end = i + 2;
    uint4 v = (uint4)(0);
    int next = 4;
    while (end < n && key[end] == key[i]) end++;
    for (long m = end - i - 1; m > 0; m--) {
        if (next == 4) { v = words(seed, counter++, i); next = 0; }
        const uint w = next == 0 ? v.x : next == 1 ? v.y : next == 2 ? v.z : v.w;
        const long j = w % (m + 1), keep = y[oy + i + m];
        next++;
        y[oy + i + m] = y[oy + i + j];
        y[oy + i + j] = keep;
    }
}

kernel void widen(global long *y, long oy, global const uint *at, long n)
{
    const long i = get_global_id(0);
    if (i < n) y[oy + i] = at[i];
}
"""

# name: how a number v (of the unit interval) is turned; p and q are the parameters.  eps: half of the type's epsilon.
BY_UNIT = {
    "uniform": "SAVE(o[c], fma(u, (F)(q - p), (F)p))",
    "bernoulli": "SAVE(o[c], u < (F)p ? (F)1 : (F)0)",
    "exponential": "SAVE(o[c], (F)(-1/p)*(u >= (F)(1 - EPS/2) ? (F)(-EPS/2) : log(u)))",
    "cauchy": "u = u > (F)(1 - EPS) ? (F)(1 - EPS) : u < (F)EPS ? (F)EPS : u; "
              "SAVE(o[c], (F)p + (F)q*tan((F)3.14159265358979323846*(u - (F)0.5)))",
    "geometric": "SAVE(o[c], ceil(log(u)/(F)log(1 - p)))",
}  # fmt: skip


def source(dt, schedule, fp64):
    """The program of one result dtype."""
    cpu, double = schedule == "cpu", dt == DOUBLE
    real, inner = (DOUBLE, "double") if double else (FLOAT, "float")
    vector = cpu and not double
    f = "float8" if vector else inner
    head = [prelude(schedule, fp64), WORDS]
    macros = {"Y": storage(dt), "R": inner, "F": f, "convert_F": f"convert_{f}", "STEP": 8 if vector else 1}
    macros |= {"BLOCK": 64 if cpu else 1, "P": "float", "EPS": "2.220446049250313e-16" if double else "1.1920929e-07f"}
    macros["SMALLEST"] = "2.2250738585072014e-308" if double else "1.1754943508222875e-38f"
    macros["LOAD_U(a)"] = "vload8(0, a + j)" if vector else "a[j]"
    macros["SAVE(a, v)"] = "vstore8(v, 0, a + j);" if vector else "a[j] = v;"
    value = f"({inner})(v)"
    macros["STORE_Y(at, v)"] = store(dt, "y", "(at)", value, real)
    macros["LOAD_X(i)"] = load(dt, "x", "(ox + (i))", real)
    macros["LOAD_A(i)"], macros["LOAD_B(i)"] = load(dt, "x", "(i)", real), load(dt, "z", "(i)", real)
    head += [f"#define {k} {v}\n" for k, v in macros.items()]
    head.append(DOUBLES if double else FLOATS)

    def kernel(name, body, put, per="UNROLL", o="R"):
        text = KERNEL.replace("NAME", name).replace("BODY", body).replace("PUT", put)
        return f"#define PER {per}\n#define O {o}\n{text}#undef PER\n#undef O\n"

    plain = "STORE_Y(oy + at + j, o[c][j])"
    texts = []
    for name, body in BY_UNIT.items():
        put = plain
        if name == "uniform":  # the upper bound is left out, whatever was rounded up to it
            got = load(dt, "y", "(oy + at + j)", real)
            put = ("const R v_ = o[c][j]; STORE_Y(oy + at + j, v_ == q ? p : v_)" if dt in (FLOAT, DOUBLE) else
                   f"{plain} if ({got} == q) {{ STORE_Y(oy + at + j, p) }}")  # fmt: skip
        if dt >= HALF or name in ("bernoulli", "geometric"):
            texts.append(kernel(name, f"for (int c = 0; c < UNROLL; c++) {{ F u = UNIT(c); {body} }}", put))
    if dt >= HALF:
        pairs = "NORMAL(0)" if double else "NORMAL(0) NORMAL(2)"
        texts.append(kernel("normal", pairs, plain))
        texts.append(kernel("log_normal", pairs, "STORE_Y(oy + at + j, exp(o[c][j]))"))
        texts.append(DROPOUT)
        texts.append(OWN)
    # integers: of one word, or of two
    put = store(dt, "y", "oy + at + j", "o[c][j]", INT64)
    one = "o[c][j] = base + (long)(word[c][j] % (uint)range);"
    two = "const ulong d = (ulong)word[2*c][j] << 32 | word[2*c + 1][j]; "
    two += "o[c][j] = base + (long)(range ? d % (ulong)range : d);"
    step = "for (int j_ = 0; j_ < STEP; j_++) for (int c = 0; c < {}; c++) {{ {} }}"
    texts.append(kernel("integers", step.format(4, one.replace("[j]", "[j + j_]")), put, 4, "long"))
    texts.append(kernel("integers_wide", step.format(2, two.replace("[j]", "[j + j_]")), put, 2, "long"))
    texts.append(BY_TENSOR)
    return "".join(head + texts)


def kernel_of(device, dt, name):
    return _launch.kernel(device, ("random", dt), name, lambda: source(dt, device.schedule, device.fp64))


def threads_of(n):
    """T for n numbers."""
    return min(-(-n // 256) * 256, most_threads())


def launch(device, name, kernel, n, unroll, stream, before, after):
    """Takes the words of a call from the stream and launches its threads and rounds."""
    threads = threads_of(n)
    rounds = (n - 1) // (threads * unroll) + 1
    offset = stream.take(4 * rounds)
    cpu = device.schedule == "cpu"
    share = max(-(-threads // (4 * device.handle.max_compute_units)), 1024) // 64 * 64 if cpu else 1
    group = 1 if cpu else 1 << (min(256, device.handle.max_work_group_size).bit_length() - 1)
    _launch.run(device, kernel, (-(-threads // share), rounds), (group, 1), *before, n, threads, signed(stream.seed),
                offset // 4, share, *after)  # fmt: skip


def signed(seed):
    return seed - (1 << 64) if seed >> 63 else seed


def random(name, out, generator, params):
    dt, n = out.dtype.code, out.numel()
    device = _launch.device(_launch.code_of(out))
    if dt == DOUBLE:
        check_fp64(device, out)
    real = DOUBLE if dt == DOUBLE else FLOAT
    p, q, base, width = 0, 0, 0, 0
    unroll = 2 if dt == DOUBLE else 4
    if name == "integers":
        base, width, wide = params
        wide = wide or width >= 1 << 28
        name, unroll = ("integers_wide", 2) if wide else ("integers", 4)
        width = 0 if width >> 64 else signed(width)
    else:
        p, q = (*params, 0, 0)[:2]
    launch(device, name, kernel_of(device, dt, name), n, unroll, generator, (out,),
           ((real, p), (real, q), base, width))  # fmt: skip


def check_fp64(device, t):
    if not device.fp64:
        raise TypeError(f"the device {t.device} ({device.handle.name}) doesn't support {t.dtype!r}. "
                        "Please use float32 instead.")  # fmt: skip


def random_of(name, out, generator, operands):
    dev, dt, n = _launch.code_of(out), out.dtype.code, out.numel()
    device = _launch.device(dev)
    operands = [x.detach().contiguous() for x in operands]
    if name == "bernoulli":
        at = generator.take(12)
        by_item(dev, kernel_of(device, dt, "bernoulli_tensor"), -(-n // 4), out, operands[0], n,
                signed(generator.seed), at // 4)  # fmt: skip
        return
    at = generator.take(OWN_WORDS)
    by_item(dev, kernel_of(device, dt, name), n, out, operands[0], operands[-1], n, signed(generator.seed), at // 4)


def gradients(name, out, *operands):
    """Kernel `name` of GRADIENTS, whose arguments are contiguous tensors of one dtype."""
    dev, dt = _launch.code_of(out), out.dtype.code
    device = _launch.device(dev)
    if dt == DOUBLE:
        check_fp64(device, out)

    def make():
        head = "#pragma OPENCL EXTENSION cl_khr_fp64 : enable\n" if device.fp64 else ""
        inner = ("double", "1e-17", 1000000) if device.fp64 else ("float", "1e-9f", 10000)
        names = ("R", "double" if dt == DOUBLE else "float"), *zip(("D", "TINY", "MOST_TERMS"), inner, strict=True)
        return head + "".join(f"#define {k} {v}\n" for k, v in names) + GRADIENTS

    by_item(dev, _launch.kernel(device, ("gamma", dt), name, make), out.numel(), out, *operands, out.numel())


def gamma_gradients(out, alpha, sample):
    gradients("gamma_gradients", out, alpha, sample)


def dirichlet_gradients(out, sample, alpha, total):
    gradients("dirichlet_gradients", out, sample, alpha, total)


def dropout(out, mask, x, generator, p):
    dt, n = out.dtype.code, out.numel()
    device = _launch.device(_launch.code_of(out))
    group = 4 if n % 4 == 0 else 2 if n % 2 == 0 else 1
    launch(device, "dropout", kernel_of(device, dt, "dropout"), n, 4, generator, (out, mask, x),
           (float(1 - p), (INT32, group)))  # fmt: skip


def randperm(out, generator):
    dev, n = _launch.code_of(out), out.numel()
    device = _launch.device(dev)
    bits = min(64, math.ceil(math.log2(n - (6 * n * n + 1) / (12 * math.log(0.9)))))
    size = 4 if bits <= 32 else 8
    keys = _ops.empty((n,), INT32 if size == 4 else INT64, dev)
    low = -(1 << (8 * size - 1))
    random("integers", keys, generator, (low, (1 << 8 * size) - 1, True))
    mask, offset = signed((1 << bits) - 1), generator.take(n)
    order = out if out.dtype.code == INT64 else _ops.empty((n,), INT64, dev)

    def make():
        return "".join((WORDS, f"#define K {'uint' if size == 4 else 'ulong'}\n", PERMUTE, COPY_KEYS))

    islands, widen, copy, refine = (
        _launch.kernel(device, ("randperm", size), k, make) for k in ("islands", "widen", "copy_keys", "refine")
    )
    if device.schedule == "cpu" and 1 << 15 <= n <= 1 << 22:
        top = bits - 8
        parts, at = by_digit(dev, _launch.place(keys)[1], size, n, top)
        key = _launch.allocate(dev, n * size)
        _launch.run(device, refine, (256,), (1,), parts, at, key, order, n, (INT32, top), mask)
    else:
        key = _launch.allocate(dev, n * size)
        by_item(dev, copy, n, key, keys, n, mask)
        key, at = sort_keys(dev, key, size, 1, n, (1 << bits) - 1)
        by_item(dev, widen, n, order, at, n)
    by_item(dev, islands, n, order, key, n, signed(generator.seed), offset // 4)
    if order is not out:
        _rows.copy(out, order)


COPY_KEYS = """
kernel void copy_keys(global K *key, global const K *x, long ox, long n, long mask)
{
    const long i = get_global_id(0);
    if (i < n) key[i] = x[ox + i] & (K)mask;
}

static long first_of(global const K *part, long n, int top, uint digit)
{
    long lo = 0, hi = n;
    while (lo < hi) {
        const long mid = lo + (hi - lo)/2;
        if ((part[mid] >> top & 255) < digit) lo = mid + 1; else hi = mid;
    }
    return lo;
}

/* The keys of one digit at bit `top`, which stand together, in order: by the twelve bits below, then, since drawn keys
   are spread so evenly that few are left to be told apart, by insertion. */
kernel void refine(global const K *part, global const uint *at, global K *key, global long *y, long oy, long n, int top,
                   long mask)
{
    const uint digit = get_global_id(0);
    const long from = first_of(part, n, top, digit), to = first_of(part, n, top, digit + 1);
    uint place[4096];
    uint sum = 0;
    y += oy;
    for (int d = 0; d < 4096; d++) place[d] = 0;
    for (long i = from; i < to; i++) place[part[i] >> (top - 12) & 4095]++;
    for (int d = 0; d < 4096; d++) { const uint v = place[d]; place[d] = sum; sum += v; }
    for (long i = from; i < to; i++) {
        const long p = from + place[part[i] >> (top - 12) & 4095]++;
        key[p] = part[i] & (K)mask;
        y[p] = at[i];
    }
    for (long i = from + 1; i < to; i++) {
        const K k = key[i];
        const long v = y[i];
        long p = i;
        for (; p > from && key[p - 1] > k; p--) { key[p] = key[p - 1]; y[p] = y[p - 1]; }
        if (p < i) { key[p] = k; y[p] = v; }
    }
}
"""
