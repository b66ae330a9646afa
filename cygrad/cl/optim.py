"""Steps of optimizers on OpenCL devices: the formulas of `_kernels/optim_steps.h`, a kernel each."""

import functools
import struct
from importlib import resources

from cygrad.cl import _launch, _source
from cygrad.cl._elements import over_items

CONSTANTS = 10
DOUBLE = 9

KERNEL = """
typedef struct { T k[CONSTANTS]; } Constants;
#define CG_DENSE(NAME, T_, X, NUMBERS, ...) \\
kernel void step_##NAME(global T *restrict p, long op, global const T *restrict grad, long og, global T *restrict as, \\
                        long oa, global T *restrict bs, long ob, global T *restrict cs, long oc, Constants all, \\
                        long count, long block) \\
{ \\
    const T *k = all.k; \\
    const T sign = k[0], decay = k[1], shrink = k[2]; \\
    const T NUMBERS; \\
    p += op, grad += og; \\
    if (as) as += oa; \\
    if (bs) bs += ob; \\
    if (cs) cs += oc; \\
    const long from = (long)get_global_id(0)*block, to = LEAST(from + block, count); \\
    LOOP \\
    for (long i = from; i < to; i++) { \\
        T w = p[i]*shrink, g = sign*grad[i]; \\
        if (decay != 0) g += decay*w; \\
        __VA_ARGS__ \\
        p[i] = w; \\
    } \\
}
"""


@functools.cache
def _formulas():
    return resources.files("cygrad").joinpath("_kernels/optim_steps.h").read_text()


def optimizer_step(kind, param, grad, moments, constants):
    code = param.dtype.code
    device = _launch.device(_launch.code_of(param))

    def make():
        t, cpu = _source.ctype(code), device.schedule == "cpu"
        root = "m_sqrt" if cpu else "sqrt"
        plain = f"__builtin_sqrt{'' if code == DOUBLE else 'f'}"
        head = (f"typedef {t} T;\n#define CONSTANTS {CONSTANTS}\n"
                "#ifndef LOOP\n#define LOOP\n#endif\n"
                f"#if defined(__clang__) && !defined(CG_PLAIN)\n#define m_sqrt {plain}\n#else\n#define m_sqrt sqrt\n"
                "#endif\n")  # fmt: skip
        return (_source.prelude(device.schedule, device.fp64) + head + KERNEL + _formulas()
                + f"CG_DENSES(T, x, {root})\n")

    count = param.numel()
    sizes, local, block = over_items(device, count, 65536)
    given = []
    for t in moments:
        given += [None, 0] if t is None else [t]
    numbers = struct.pack(f"{CONSTANTS}{'d' if code == DOUBLE else 'f'}", *constants,
                          *[0] * (CONSTANTS - len(constants)))  # fmt: skip
    _launch.run(device, _launch.kernel(device, ("optim", code), f"step_{kind}", make), sizes, local, param, grad,
                *given, numbers, count, block)
