"""Sequences on OpenCL devices: a number from each index, in float64 where the device has it, or in whole numbers."""

from cygrad.cl import _launch, _source
from cygrad.cl._elements import over_items
from cygrad.cl._source import DOUBLE, FLOAT, HALF, INT64

SOURCE = """
kernel void whole(global E *y, long o, long n, long start, long step, long block)
{
    for (long i = (long)get_global_id(0)*block, end = LEAST(i + block, n); i < end; i++) {
        const long v = (long)((ulong)start + (ulong)step*(ulong)i);
        KEEP_WHOLE
    }
}
kernel void real(global E *y, long o, long n, F start, F step, F stop, F base, long half_way, long powers, long block)
{
    for (long i = (long)get_global_id(0)*block, end = LEAST(i + block, n); i < end; i++) {
        const F x = i < half_way ? fma(step, (F)i, start) : fma(-step, (F)(n - 1 - i), stop);
        const F v = powers ? pow(base, x) : x;
        KEEP_REAL
    }
}
"""


def sequence(out, start, step, end, base):
    n, code = out.numel(), out.dtype.code
    device = _launch.device(_launch.code_of(out))
    _launch.need_dtype(out)
    wide = DOUBLE if device.fp64 else FLOAT

    def make():
        text = SOURCE.replace("KEEP_WHOLE", _source.store(code, "(y + o)", "i", "v", INT64, device.schedule))
        text = text.replace("KEEP_REAL", _source.store(code, "(y + o)", "i", "v", wide, device.schedule))
        types = f"#define E {_source.storage(code)}\n#define F {_source.ctype(wide)}\n"
        return _source.prelude(device.schedule, device.fp64) + types + text

    whole = code < HALF and isinstance(start, int) and isinstance(step, int)
    kernel = _launch.kernel(device, ("sequence", code), "whole" if whole else "real", make)
    sizes, local, block = over_items(device, n)
    if whole:
        _launch.run(device, kernel, sizes, local, out, n, start, step, block)
        return
    numbers = [(wide, float(x or 0)) for x in (start, step, end, base)]
    half_way = n if end is None or n == 1 else n // 2
    _launch.run(device, kernel, sizes, local, out, n, *numbers, half_way, int(base is not None), block)
