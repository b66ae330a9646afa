"""The OpenCL backend against the CPU: every row of the table, layouts, reductions, copies, memory, the cache on disk.

Runs on whatever OpenCL device there is; PoCL (pip install pocl-binary-distribution) makes the CPU one.  The schedule of
the device's kind is tested in this process, the other one by a second process at the end.
"""

import itertools
import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import cygrad as torch
from cygrad import _ops, cl
from cygrad._table import formula as _formula, rows as _table
from cygrad.cl import _elementwise, _program, _reductions

try:
    DEV = cl.device_code("opencl", 0)
except RuntimeError as error:
    pytest.skip(str(error), allow_module_level=True)

pytestmark = pytest.mark.usefixtures("strict")
HALF, BFLOAT16, FLOAT, DOUBLE, CFLOAT, CDOUBLE = range(6, 12)
NUMPY = [bool, np.uint8, np.int8, np.int16, np.int32, np.int64, np.float16, np.void, np.float32, np.float64]
EPS = {HALF: 2.0**-10, BFLOAT16: 2.0**-7, FLOAT: 2.0**-23, DOUBLE: 2.0**-52}
ROWS = [row for row in _table.rows() if row.text]  # those without are of complex numbers alone, or reductions
REDUCTIONS = [row for row in _table.rows() if row.start]
# Library functions of the device may differ from libm's by their own error bound; formulas add a few roundings.
ULPS = 8


def host(a):
    """A CPU tensor with the elements of a NumPy array."""
    a = np.array(a, order="C")
    t = _ops.empty(a.shape, NUMPY.index(a.dtype), 0)
    memoryview(t.untyped_storage())[:] = a.tobytes()
    return t


def on(dev, t):
    r = _ops.empty(t.shape, t.dtype.code, dev)
    cl.copy(r, t)
    return r


def array(t):
    """The elements as a NumPy array; bfloat16 as float32."""
    if not t.is_cpu:
        t = _host_of(t)
    t = _ops.contiguous_tensor(t if t.dtype.code != BFLOAT16 else _ops.to_dtype_device(t, FLOAT, 0))
    data = bytes(memoryview(t.untyped_storage()))[: t.numel() * t.element_size()]
    return np.frombuffer(data, NUMPY[t.dtype.code]).reshape(t.shape)


def _host_of(t):
    r = _ops.empty(t.shape, t.dtype.code, 0)
    cl.copy(r, t)
    return r


def draw(rng, row, code, shape, k=0):
    """Elements from the row's domain for operand k, as a CPU tensor."""
    domain = row.domain[k] if isinstance(row.domain[0], tuple) else row.domain
    if code >= HALF:
        t = host(rng.uniform(*domain, shape).astype(np.float64 if code == DOUBLE else np.float32))
        return _ops.to_dtype_device(t, code, 0)
    if code == 0:
        return host(rng.integers(0, 2, shape).astype(bool))
    unsigned = code == 1 or row.name.endswith("_shift")
    a = rng.integers(0 if unsigned else -6, 7, shape)
    return host(np.where((a == 0) & row.zero_division, 1, a).astype(NUMPY[code]))


def agree(actual, expected, ulps=ULPS):
    assert actual.dtype is expected.dtype and actual.shape == expected.shape
    code, x, y = expected.dtype.code, array(actual), array(expected)
    if code < HALF:
        np.testing.assert_array_equal(x, y)
        return
    # A half type rounds a float32 result that may differ in its last place: at most one of its own units.
    units = ulps if code >= FLOAT else 1
    np.testing.assert_allclose(x.astype(float), y.astype(float), rtol=units * EPS[code], atol=units * EPS[code] / 4)


def run(row, operands, out_code, dev):
    """The row's kernel itself, below promotion and its checks."""
    shape = operands[0].shape
    out = _ops.empty(shape, out_code, dev)
    cl.elementwise(row.name, out, [on(dev, x) for x in operands], [p for _, p in row.params], operands[0].dtype.code)
    return out


def reference(row, operands):
    params = tuple(p for _, p in row.params)
    return _ops.call(_ops.OPS[row.name], tuple(operands), params or None)


def has_kernel(row, code):
    half = code in (HALF, BFLOAT16)
    return row.formula("float32" if half else _formula.DTYPES[code]) is not None and (row.half or not half)


def check_rows(rows, code):
    rng = np.random.default_rng(code)
    for row in rows:
        if not has_kernel(row, code) or (row.zero_division and code < HALF):  # see test_integer_division
            continue
        operands = [draw(rng, row, code, (3, 50), k) for k in range(row.arity)]
        expected = reference(row, operands)
        # 1+erf(a) cancels, and the CPU's error may be to the other side of the true value.
        # Series that the CPU computes in double are float on a device, which need not have double.
        ulps = 4 * ULPS if row.wide else 2 * ULPS if row.name == "gelu" else ULPS
        agree(run(row, operands, expected.dtype.code, DEV), expected, ulps)


def test_every_row_float32():
    check_rows(ROWS, FLOAT)


def test_every_row_int32():
    check_rows(ROWS, 4)


@pytest.mark.parametrize("code", [0, 1, 2, 3, 5, HALF, BFLOAT16, DOUBLE])
def test_rows_of_other_dtypes(code):
    names = "add mul div maximum eq logical_not abs sigmoid exp log floor bitwise_and bitwise_not pow sign lerp"
    check_rows([r for r in ROWS if r.name in names.split()], code)


def test_integer_division():
    a, b = np.array([7, -7, 7, -7, -(2**31), 0], np.int32), np.array([2, 2, -2, -2, -1, 5], np.int32)
    operands = [host(a), host(b)]
    floor = run(_table.by_name["floor_divide"], operands, 4, DEV)
    assert array(floor).tolist()[:4] == [3, -4, -4, 3]
    assert array(run(_table.by_name["remainder"], operands, 4, DEV)).tolist() == [1, 1, -1, -1, 0, 0]
    # Division by zero is refused above; a kernel that gets one all the same must not end the process.
    run(_table.by_name["floor_divide"], [host(a), host(np.zeros(6, np.int32))], 4, DEV)
    cl.synchronize(DEV)


def test_every_gradient():
    """Against central differences in float64 of the row itself, on the CPU."""
    rng = np.random.default_rng(3)
    for row in ROWS:
        params = [p for _, p in row.params]
        if row.kind == "bits":
            continue
        operands = [draw(rng, row, DOUBLE, (3, 20), k) for k in range(row.arity)]
        values = dict(zip("abc", operands, strict=False))
        values["y"] = reference(row, operands)
        values["g"] = host(rng.uniform(0.5, 1.5, (3, 20)))
        for letter, text in row.gradients.items():
            names = _formula.names(text)
            out = _ops.empty((3, 20), DOUBLE, DEV)
            cl.elementwise(f"{row.name}.d{letter}", out, [on(DEV, values[n]) for n in names], params, DOUBLE)
            k, h = "abc".index(letter), 1e-6
            shifted = []
            for sign in (1, -1):
                moved = [host(array(x) + sign * h) if i == k else x for i, x in enumerate(operands)]
                shifted.append(array(reference(row, moved)))
            numeric = (shifted[0] - shifted[1]) / (2 * h) * array(values["g"])
            smooth = np.abs(shifted[0] + shifted[1] - 2 * array(values["y"])) < 1e-7  # not across a kink or a step
            np.testing.assert_allclose(array(out)[smooth], numeric[smooth], rtol=2e-5, atol=2e-5, err_msg=row.name)


def test_nan_and_infinity():
    a = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, np.nan, 3e38], np.float32)
    b = np.array([1.0, np.nan, np.inf, -0.0, 0.0, np.nan, np.nan, 3e38], np.float32)
    for name in ("add", "maximum", "minimum", "eq", "lt", "isnan", "isinf", "isfinite", "relu", "exp", "log", "sqrt"):
        row = _table.by_name[name]
        operands = [host(a), host(b)][: row.arity]
        expected = reference(row, operands)
        np.testing.assert_array_equal(array(run(row, operands, expected.dtype.code, DEV)), array(expected), name)


# ------------------------------------------------------------------ layouts


def strided(rng, a):
    """A device tensor of these elements whose dimensions lie in a random order, with gaps."""
    steps, step = [0] * a.ndim, int(rng.integers(1, 3))
    for d in rng.permutation(a.ndim):
        steps[d] = step
        step *= max(a.shape[d], 1) * int(rng.choice([1, 1, 2]))
    t = _ops.empty_strided_tensor(a.shape, steps, NUMPY.index(a.dtype), DEV)
    cl.copy(t, host(a))
    return t


SHAPES = [
    (),
    (1,),
    (5,),
    (300,),
    (0,),
    (3, 0, 2),
    (4, 5),
    (1, 7),
    (33, 9),
    (2, 3, 4),
    (5, 1, 40),
    (2, 3, 2, 3),
    (2, 1, 3, 2, 4),
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_layouts(shape):
    rng = np.random.default_rng(len(shape))
    sub, exp = _ops.OPS["sub"], _ops.OPS["exp"]
    for _ in range(3):
        narrow = [1 if rng.random() < 0.4 else n for n in shape]
        a = rng.standard_normal(shape).astype(np.float32)
        b = rng.standard_normal(narrow[int(rng.integers(0, len(shape) + 1)) :]).astype(np.float32)
        da, db = strided(rng, a), strided(rng, b)
        np.testing.assert_array_equal(array(da), a)
        np.testing.assert_array_equal(array(_ops.call(sub, (da, db))), a - b)
        np.testing.assert_array_equal(array(_ops.call(sub, (2.5, da))), np.float32(2.5) - a)
        np.testing.assert_allclose(array(_ops.call(exp, (da,))), np.exp(a), rtol=1e-6)
        out = strided(rng, np.zeros(shape, np.float32))
        _ops.call(sub, (da, db), None, out)
        np.testing.assert_array_equal(array(out), a - b)
        _ops.call_(sub, da, (db,))
        np.testing.assert_array_equal(array(da), a - b)


def test_vector_functions():
    """sin, cos and pow of the cpu schedule are ours for ordinary arguments; others sit in the same vectors."""
    rng = np.random.default_rng(0)
    far = 10.0 ** rng.uniform(-30, 30, 1000)
    x = np.concatenate([rng.uniform(-8190, 8190, 5000), np.arange(5000) * np.pi / 2, far])
    x = rng.permutation(np.append(x, [np.inf, -np.inf, np.nan, 0, -0.0])).astype(np.float32)
    for f in (torch.sin, torch.cos):
        expected = getattr(np, f.__name__)(x.astype(float), where=np.isfinite(x), out=np.full(x.shape, np.nan))
        actual = array(f(torch.from_numpy(x).to("opencl")))
        np.testing.assert_allclose(actual, expected, rtol=1e-6, atol=1e-9)
        np.testing.assert_array_equal(np.signbit(actual[x == 0]), np.signbit(expected[x == 0]))
    a = np.exp(rng.uniform(-80, 80, 5000)).astype(np.float32)
    b = rng.uniform(-5, 5, 5000).astype(np.float32)
    a[:500], b[:500] = 1 + rng.uniform(-1e-3, 1e-3, 500), rng.uniform(-50000, 50000, 500)
    special = [0, -0.0, -2, 1, 0.5, 3, np.inf, -np.inf, np.nan]
    pairs = np.array([(p, q) for p in special for q in special], np.float32)
    a, b = np.append(a, pairs[:, 0]), np.append(b, pairs[:, 1])
    with np.errstate(all="ignore"):
        expected = np.power(a.astype(float), b.astype(float)).astype(np.float32)
    actual = array(torch.pow(torch.from_numpy(a).to("opencl"), torch.from_numpy(b).to("opencl")))
    np.testing.assert_allclose(actual, expected, rtol=3e-7, atol=1e-37)


def test_many_elements():
    """More than one work-item, and an end that fills none."""
    a = np.random.default_rng(0).standard_normal(300_007).astype(np.float32)
    t = on(DEV, host(a))
    np.testing.assert_array_equal(array(_ops.call(_ops.OPS["mul"], (t, t))), a * a)
    np.testing.assert_allclose(array(_ops.call(_ops.OPS["sin"], (t,))), np.sin(a), rtol=1e-6, atol=1e-7)


def test_more_dimensions_than_a_kernel_walks():
    a = np.random.default_rng(0).integers(-9, 9, (2,) * 14).astype(np.float32)
    t = strided(np.random.default_rng(1), a)
    np.testing.assert_array_equal(array(_ops.call(_ops.OPS["add"], (t, 1.0))), a + 1)
    for dims in ((0, 2, 4, 6, 8, 10, 12), (13,), tuple(range(14))):
        check_reduction(np.random.default_rng(2), "sum", a, dims)
    index = _ops.empty((2,) * 13, 5, DEV)
    cl.arg_reduce("argmax", None, index, t, 5)
    np.testing.assert_array_equal(array(index), a.argmax(5))


@pytest.mark.parametrize("code", [1, 3, HALF, FLOAT, DOUBLE])
def test_transposed_copies(code):
    a = np.random.default_rng(0).integers(0, 99, (3, 150, 70)).astype(NUMPY[code])
    t = on(DEV, host(a))
    for dims in ((0, 2, 1), (2, 1, 0), (1, 2, 0)):
        np.testing.assert_array_equal(array(_ops.contiguous_tensor(t.permute(dims))), a.transpose(dims))


def test_every_half():
    """All float16 numbers to float32 and back, and the rounding between them."""
    every = np.arange(65536).astype(np.uint16).view(np.float16)
    out = _ops.empty((65536,), FLOAT, DEV)
    cl.copy(out, on(DEV, host(every)))
    np.testing.assert_array_equal(array(out), every.astype(np.float32))
    rng = np.random.default_rng(0)
    with np.errstate(over="ignore", invalid="ignore"):
        x = np.concatenate([every.astype(np.float32) * np.float32(1 + d) for d in (0, 2.0**-12, 2.0**-11, -(2.0**-12))])
        x = np.concatenate([x, rng.integers(0, 2**32, 50_000, np.uint32).view(np.float32)])
        out = _ops.empty(x.shape, HALF, DEV)
        cl.copy(out, on(DEV, host(x)))
        np.testing.assert_array_equal(array(out), x.astype(np.float16))


def test_mixed_dtypes():
    a, b = host(np.arange(-6, 6)), host(np.linspace(-2, 2, 12).astype(np.float32))
    for x, y in [(a, b), (b, a), (_ops.to_dtype_device(b, HALF, 0), b), (_ops.to_dtype_device(b, BFLOAT16, 0), a)]:
        for name in ("add", "div", "lt"):
            agree(_ops.call(_ops.OPS[name], (on(DEV, x), on(DEV, y))), _ops.call(_ops.OPS[name], (x, y)))


def test_where_and_fill():
    rng = np.random.default_rng(0)
    c, a, b = rng.random((4, 9)) < 0.5, rng.integers(-9, 9, (4, 9)), rng.integers(-9, 9, (4, 9))
    out = _ops.empty((4, 9), 5, DEV)
    cl.where(out, on(DEV, host(c)), on(DEV, host(a)), on(DEV, host(b)))
    np.testing.assert_array_equal(array(out), np.where(c, a, b))
    for code, value in [(0, True), (5, 2**62 + 1), (HALF, 0.1), (BFLOAT16, 0.1), (FLOAT, 0.1), (2, -3)]:
        expected, actual = _ops.full((3, 5), value, code, 0), _ops.empty((3, 5), code, DEV)
        cl.fill(actual, value)
        agree(actual, expected, ulps=0)


# ------------------------------------------------------------------ reductions


def check_reduction(rng, row, a, dims):
    t = host(a)
    kept = [n for i, n in enumerate(a.shape) if i not in dims]
    found = {
        "any": np.any,
        "all": np.all,
        "count_nonzero": np.count_nonzero,
        "amax": np.max,
        "amin": np.min,
        "sum": np.sum,
    }
    expected = np.asarray(found[row](a, axis=dims))
    out_code = {"any": 0, "all": 0, "count_nonzero": 5}.get(row, t.dtype.code)
    for x in (on(DEV, t), strided(rng, a)):
        out = _ops.empty(kept, out_code, DEV)
        cl.reduce(row, out, x, dims, [])
        np.testing.assert_array_equal(array(out), expected, f"{row} {a.shape} {dims}")


@pytest.mark.parametrize("shape", [(), (5,), (4, 9), (3, 4, 5), (2, 3, 4, 5)], ids=str)
def test_reductions_over_every_set_of_dimensions(shape):
    rng = np.random.default_rng(1)
    for k in range(len(shape) + 1):
        for dims in itertools.combinations(range(len(shape)), k):
            a = rng.integers(-3, 4, shape)
            for row in ("sum", "amax"):
                check_reduction(rng, row, a.astype(np.float32), dims)
            check_reduction(rng, "any", a, dims)


@pytest.mark.parametrize("shape", [(100_003,), (700, 301), (3, 40_001), (40_001, 3), (5, 2000, 7)], ids=str)
def test_long_reductions(shape):
    """Split over work-items, groups and a second stage; small whole numbers make every order exact."""
    rng = np.random.default_rng(2)
    a = rng.integers(-3, 4, shape).astype(np.float32)
    for dims in [tuple(range(len(shape))), *((d,) for d in range(len(shape)))]:
        for row in ("sum", "amin", "count_nonzero"):
            check_reduction(rng, row, a, dims)


def test_every_reduction():
    rng = np.random.default_rng(5)
    a = rng.uniform(0.9, 1.1, (6, 70)) * rng.choice([-1, 1], (6, 70))
    p, m = 3.0, 0.25
    values = {
        "sum": a.sum(1), "nansum": a.sum(1), "prod": a.prod(1), "amax": a.max(1), "amin": a.min(1),
        "_sumsq": (a * a).sum(1), "_sumabs": np.abs(a).sum(1), "_sumdev": ((a - m) ** 2).sum(1),
        "_powsum": (np.abs(a) ** p).sum(1), "_absmax": np.abs(a).max(1), "_absmin": np.abs(a).min(1),
        "any": np.ones(6, bool), "all": np.ones(6, bool),
        "count_nonzero": np.full(6, 70), "_count_numbers": np.full(6, 70),
    }  # fmt: skip
    for row in REDUCTIONS:
        code = {"bool": 0, "count": 5}.get(row.acc, FLOAT)
        out = _ops.empty((6,), code, DEV)
        params = [{"mean": m, "exponent": p}[n] for n, _ in row.params]
        cl.reduce(row.name, out, on(DEV, host(a.astype(np.float32))), (1,), params)
        np.testing.assert_allclose(array(out), values[row.name], rtol=1e-5, atol=1e-5, err_msg=row.name)


@pytest.mark.parametrize("code", [0, 1, 5, HALF, BFLOAT16, DOUBLE])
def test_sum_of_other_dtypes(code):
    a = np.random.default_rng(0).integers(0, 2, (40, 70))
    x = _ops.to_dtype_device(host(a), code, 0)
    for dims in ((0,), (1,), (0, 1)):
        expected = a.sum(dims)
        out = _ops.empty(expected.shape, code if code >= HALF else 5, DEV)
        cl.reduce("sum", out, on(DEV, x), dims, [])
        rounded = _ops.to_dtype_device(host(np.asarray(expected)), out.dtype.code, 0)
        np.testing.assert_array_equal(array(out), array(rounded))


def test_empty_reductions():
    for row, expected in (("sum", 0.0), ("prod", 1.0)):
        out = _ops.empty((3,), FLOAT, DEV)
        cl.reduce(row, out, _ops.empty((3, 0), FLOAT, DEV), (1,), [])
        assert array(out).tolist() == [expected] * 3


def test_sum_is_accurate():
    a = np.random.default_rng(0).random(1_000_003).astype(np.float32)
    out = _ops.empty((), FLOAT, DEV)
    cl.reduce("sum", out, on(DEV, host(a)), (0,), [])
    assert abs(float(array(out)) / a.astype(float).sum() - 1) < 1e-6


def test_places_of_extremes():
    rng = np.random.default_rng(7)
    a = rng.integers(-4, 5, (5, 6, 30)).astype(np.float32)  # with ties: the first wins
    a[1, 2, 3] = np.nan
    for x in (on(DEV, host(a)), strided(rng, a)):
        for name, find, value in (("argmax", np.argmax, np.max), ("argmin", np.argmin, np.min)):
            for d in range(3):
                expected = find(a, axis=d)
                values, indices = _ops.empty(expected.shape, FLOAT, DEV), _ops.empty(expected.shape, 5, DEV)
                cl.arg_reduce(name, values, indices, x, d)
                np.testing.assert_array_equal(array(indices), expected)
                np.testing.assert_array_equal(array(values), value(a, axis=d))
            index = _ops.empty((), 5, DEV)
            cl.arg_reduce(name, None, index, x, None)
            assert array(index) == find(a)
    big = rng.standard_normal(50_001).astype(np.float32)
    index = _ops.empty((), 5, DEV)
    cl.arg_reduce("argmax", None, index, on(DEV, host(big)), None)
    assert array(index) == big.argmax()


# ------------------------------------------------------------------ copies and memory


@pytest.mark.parametrize("code", range(10))
def test_copies_to_and_fro(code):
    a = np.random.default_rng(code).integers(0, 2 if code == 0 else 90, (7, 11))
    x = _ops.to_dtype_device(host(a), code, 0)
    np.testing.assert_array_equal(array(on(DEV, x)), a)
    big = _ops.to_dtype_device(host(np.resize(a, 100_000)), code, 0)  # beyond what is copied aside
    np.testing.assert_array_equal(array(on(DEV, big)), np.resize(a, 100_000))


@pytest.mark.parametrize(
    "of, to", [(5, 8), (8, 5), (8, 6), (6, 8), (8, 7), (7, 9), (9, 8), (9, 2), (8, 0), (0, 8), (4, 6)]
)
def test_casts(of, to):
    a = np.random.default_rng(of).uniform(0 if of == 0 else -50, 50, (6, 10)).round(2 if of >= HALF else 0)
    x = _ops.to_dtype_device(host(a), of, 0)
    expected = _ops.to_dtype_device(x, to, 0)
    for source, target in ((DEV, DEV), (0, DEV), (DEV, 0)):
        out = _ops.empty((6, 10), to, target)
        cl.copy(out, on(DEV, x) if source else x)
        agree(out, expected, ulps=0)


def test_source_may_change_after_the_copy():
    x = host(np.zeros(1000, np.float32))
    t = on(DEV, x)
    memoryview(x.untyped_storage())[:] = np.ones(1000, np.float32).tobytes()
    assert not array(t).any()


def test_host_copies_do_not_wait():
    """More copies, and larger ones, than the ring of staging memory holds; each source changes at once."""
    copies = []
    for i in range(60):
        x = torch.full((400_000 if i % 20 else 2_000_000,), float(i))
        copies.append(x.to("opencl"))
        x.fill_(-1)
    assert all(bool((t == i).all()) for i, t in enumerate(copies))


def test_threads():
    """Eight at once, from programs that nobody has built yet to launches of the same kernels."""
    errors, begin = [], threading.Barrier(8)

    def work(k):
        try:
            begin.wait()
            for i in range(60):
                t = torch.full((50 + k,), float(k)).to("opencl")
                assert ((t + i) * 2).cpu().tolist() == [(k + i) * 2.0] * (50 + k)
                rows = t.reshape(-1, 1) + torch.arange(4.0, device="opencl")
                assert torch.allclose((rows @ rows.T).cpu(), rows.cpu() @ rows.cpu().T)
                assert torch.allclose(rows.softmax(1).sum(0).cpu(), rows.cpu().softmax(1).sum(0))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not errors


def test_profile():
    t = torch.ones(1000, device="opencl")
    before = time.perf_counter_ns()
    cl.start_profile()
    (t + t).cpu()
    (found,) = cl.stop_profile().values()
    assert [name for name, _, _ in found] == ["k_add", "copy device to host"]
    assert all(before < start <= end < time.perf_counter_ns() for _, start, end in found)
    assert cl.stop_profile() == {}
    assert (t + t).cpu().tolist() == [2.0] * 1000


def test_build_error_shows_the_line():
    from cygrad.cl import _launch

    device = _launch.device(DEV)
    with pytest.raises(RuntimeError, match=r"(?s)refuses a program of cygrad.*2 \| \{ nonsense here;"):
        _launch.kernel(device, ("test",), "k", lambda: "kernel void k(global int *x)\n{ nonsense here;\n}\n")


def test_pool():
    before = cl.memory_allocated(DEV)
    t = _ops.empty((1000,), FLOAT, DEV)
    assert cl.memory_allocated(DEV) == before + 4096
    assert cl.memory_reserved(DEV) >= cl.memory_allocated(DEV)
    handle = t.untyped_storage().handle.int_ptr
    del t
    assert cl.memory_allocated(DEV) == before
    again = _ops.empty((1000,), FLOAT, DEV)
    assert again.untyped_storage().handle.int_ptr == handle  # the block was reused
    assert cl.max_memory_allocated(DEV) >= before + 4096
    del again
    cl.synchronize(DEV)
    cl.empty_cache()
    assert cl.memory_reserved(DEV) >= cl.memory_allocated(DEV)


def test_out_of_memory():
    with pytest.raises(cl.OutOfMemoryError, match="OpenCL out of memory. Tried to allocate"):
        _ops.empty((1 << 50,), FLOAT, DEV)
    assert issubclass(cl.OutOfMemoryError, RuntimeError)


def test_an_index_out_of_range_is_told_by_the_next_wait():
    x = torch.zeros(3, device="opencl")
    y = x[torch.tensor([1, 7], device="opencl")] + 1
    with pytest.raises(IndexError, match="index 7 is out of bounds for dimension 0 with size 3"):
        torch.opencl.synchronize()
    assert y.shape == (2,) and (x + 1).tolist() == [1, 1, 1]


def test_unknown_device():
    with pytest.raises(RuntimeError, match="invalid device ordinal"):
        cl.device_code("opencl", 99)


@pytest.mark.parametrize("dtype", ["uint8", "float16", "float32", "complex128"])
def test_copies_turn_layouts(dtype):
    """Whole tiles, parts of tiles, dimensions around them, outputs with gaps, and an expanded operand."""
    for shape, order in (((70, 33), (1, 0)), ((3, 40, 50), (2, 0, 1)), ((4, 20, 30, 9), (0, 3, 1, 2)),
                         ((2, 3, 16, 5, 17), (4, 1, 3, 2, 0))):  # fmt: skip
        count = int(np.prod(shape))
        x = (torch.arange(count + 3) % 251).to(getattr(torch, dtype))[3:].reshape(shape)
        want = x.permute(order)
        assert torch.equal(x.to("opencl").permute(order).contiguous().cpu(), want)
        wide = torch.zeros([2 * n for n in shape], dtype=x.dtype, device="opencl")
        part = wide[tuple(slice(1, 1 + n) for n in shape)].permute(order)
        part.copy_(want.contiguous().to("opencl"))
        assert torch.equal(part.cpu(), want) and torch.equal(wide.sum().cpu(), x.sum())
    x = torch.arange(2000.0).reshape(40, 50).to("opencl").t()[:, None].expand(50, 3, 40)
    assert torch.equal(x.contiguous().cpu(), x.cpu())


@pytest.mark.parametrize("dtype", ["bool", "float16", "float32", "complex64"])
def test_runs_of_any_length_and_place(dtype):
    for n in (1, 3, 4, 9, 1026):
        for first in (0, 1):
            x = (torch.arange(n + 1) % 7).to(getattr(torch, dtype))[first : first + n]
            y = (torch.arange(n + 1) % 5).to(getattr(torch, dtype))[1 - first : 1 - first + n]
            for f in (torch.add, torch.eq, lambda a, b: a * 2, lambda a, b: torch.where(a == b, a, b),
                      lambda a, b: b.to(torch.complex64 if b.is_complex() else torch.float16)):  # fmt: skip
                got, want = f(x.to("opencl"), y.to("opencl")).cpu(), f(x, y)
                assert got.dtype == want.dtype and torch.equal(got, want), (n, first)


@pytest.mark.parametrize("schedule", ["cpu", "gpu"])
def test_no_double_where_the_device_has_none(schedule):
    sig = _elementwise.Signature(FLOAT, (FLOAT, FLOAT), FLOAT)
    mode = "rows" if schedule == "cpu" else "tree"
    texts = [
        _elementwise.elementwise_program("add", sig, schedule, False)[0],
        _reductions.reduction_program("sum", _reductions.Reduction(FLOAT, None, mode, group=64), schedule, False)[0],
        _reductions.join_program("sum", FLOAT, FLOAT, schedule, False)[0],
    ]
    for text in texts:
        kernels = text[text.index("kernel void") :]
        assert "double" not in kernels


# ------------------------------------------------------------------ in processes of their own


def python(code, **env):
    """The output of a Python process with these environment variables."""
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | env, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


SUM = """
from cygrad import _ops, cl
x, out = _ops.full((1000,), 1.0, 8, 1), _ops.empty((), 8, 1)
cl.reduce("sum", out, _ops.call(_ops.OPS["sigmoid"], (x,)), (0,), [])
h = _ops.empty((), 8, 0)
cl.copy(h, out)
import struct
print(round(struct.unpack("f", bytes(memoryview(h.untyped_storage())))[0], 2))
"""


def test_import_needs_no_opencl():
    assert python("import cygrad.cl, sys; print('pyopencl' in sys.modules)") == ["False"]


def test_cuda_is_a_name_for_the_chosen_device():
    code = "from cygrad import cl; print(cl.is_available(), cl.device_count('cuda'), cl.device_code('cuda', None))"
    available, count, number = python(code, CYGRAD_DEVICE="opencl:0")
    assert (available, number) == ("True", "17") and int(count) == 1


def test_launch_through_pyopencl():
    assert python(SUM, CYGRAD_CL_LAUNCH="pyopencl") == ["731.06"]


COPY = """
from cygrad import _ops, cl
x, h = _ops.full((4,), 1.5, 8, 1), _ops.empty((4,), 8, 0)
cl.copy(h, x)
print(memoryview(h.untyped_storage()).cast("f").tolist() == [1.5] * 4)
"""


def test_disk_cache(tmp_path):
    env, code = {"XDG_CACHE_HOME": str(tmp_path), "CYGRAD_CL_CACHE": "1"}, COPY
    assert python(code, **env) == ["True"]
    files = list((tmp_path / "cygrad" / "cl").glob("*.bin"))
    assert files
    times = [f.stat().st_mtime_ns for f in files]
    assert python(code, **env) == ["True"]
    assert [f.stat().st_mtime_ns for f in files] == times  # used, not made again
    damages = (
        lambda data: data[:-100] + bytes(100), lambda data: data[:40], lambda data: b"", lambda data: b"x" + data,
        lambda data: data.replace(b'"ran"', b'"run"'),
    )  # fmt: skip
    for i, f in enumerate(files):
        f.write_bytes(damages[i % len(damages)](f.read_bytes()))
        assert _program.read(f) is None
    assert python(code, **env) == ["True"]
    for f in files:  # whole, but no driver's
        _program.write(f, ["k"], b"nothing that a driver knows")
    assert python(code, **env) == ["True"]


def test_processes_share_the_disk_cache(tmp_path):
    """Several start at once, on the same empty cache: each finds or makes whole files, and leaves no others."""
    env = os.environ | {"XDG_CACHE_HOME": str(tmp_path), "CYGRAD_CL_CACHE": "1"}
    ask, pipe = [sys.executable, "-c", COPY], subprocess.PIPE
    running = [subprocess.Popen(ask, env=env, stdout=pipe, stderr=pipe, text=True) for _ in range(3)]
    for process in running:
        out, errors = process.communicate(timeout=300)
        assert out.split() == ["True"], errors
    files = list((tmp_path / "cygrad" / "cl").iterdir())
    assert files and all(f.suffix == ".bin" and _program.read(f) is not None for f in files)


@pytest.mark.parametrize("schedule", ["cpu", "gpu"])
def test_small_work_groups(schedule):
    code = """
import cygrad as torch
from cygrad.cl import _launch
x = torch.arange(21000.0).reshape(300, 70)
for f in (torch.sum, torch.argmax, lambda t: t.sum(0), lambda t: t.T.contiguous(), lambda t: (t > 0.5).any(1)):
    print(torch.equal(f(x.to("opencl")).cpu(), f(x)))
print(_launch.device(1).group)
"""
    found = python(code, POCL_MAX_WORK_GROUP_SIZE="16", CYGRAD_CL_SCHEDULE=schedule)
    assert found[:5] == ["True"] * 5
    if cl.device_properties(DEV).platform.name == "Portable Computing Language":
        assert found[5] == "16"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_fork():
    code = (
        SUM
        + """
import os
child = os.fork()
if child == 0:
    try:
        _ops.empty((3,), 8, 1)
    except RuntimeError as error:
        os._exit(7 if str(error).startswith("Cannot re-initialize OpenCL in forked subprocess")
                 and "'spawn' start method" in str(error) else 1)
    os._exit(2)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    )
    assert python(code)[-1] == "7"


def test_two_devices():
    if cl.device_properties(DEV).platform.name != "Portable Computing Language":
        pytest.skip("PoCL can show one CPU as two devices")
    code = (
        SUM.replace(", 8, 1)", ", 8, 2)")
        + """
a, b = _ops.full((5,), 3.0, 8, 2), _ops.empty((5,), 8, 1)
cl.copy(b, a)
try:
    _ops.call(_ops.OPS["add"], (a, b))
except RuntimeError as error:
    print("Expected all tensors to be on the same device" in str(error))
"""
    )
    assert python(code, POCL_DEVICES="pthread pthread") == ["731.06", "True"]


def test_the_other_schedule():
    if os.environ.get("CYGRAD_CL_SCHEDULE"):
        pytest.skip("this is the other schedule")
    other = "gpu" if cl.device_properties(DEV).type & 2 else "cpu"
    chosen = (
        "layouts or many_elements or long_reductions or every_reduction or places or mixed or dimensions or complex_red"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-k", chosen, __file__],
        env=os.environ | {"CYGRAD_CL_SCHEDULE": other}, capture_output=True, text=True, timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]


FULL = """
import cygrad as torch
total = torch.opencl.get_device_properties().total_memory
torch.opencl.set_per_process_memory_fraction((64 << 20) / total)
mib = lambda n: torch.empty(n << 20, dtype=torch.uint8, device="opencl")
a = mib(40)
del a
b = mib(48)
print(torch.opencl.memory_reserved() >> 20)
circle = [b]
circle.append(circle)
del b, circle
c = mib(56)
print(torch.opencl.memory_reserved() >> 20)
try:
    mib(30)
except torch.OutOfMemoryError as error:
    print(type(error) is torch.cuda.OutOfMemoryError, str(error).replace(" ", "_"))
del c
print(mib(60).numel() >> 20)
torch.opencl.set_per_process_memory_fraction(1.0)
print(mib(200).numel() >> 20)
"""


def test_out_of_memory_after_a_retry():
    """What the pool keeps, and what circles of garbage hold, is given back before an allocation fails."""
    first, second, same, text, third, last = python(FULL)
    assert (first, second, same, third, last) == ("48", "56", "True", "60", "200")
    assert "Tried_to_allocate_30.00_MiB" in text and "56.00_MiB_is_allocated_by_cygrad" in text


SINGLE = """
import cygrad as torch
from cygrad import nn
from cygrad.cl import _device
opened = _device.opened
_device.opened = lambda index: opened(index) | {"fp64": False}
x = torch.linspace(-1, 1, 12).reshape(4, 3).to("opencl")
for make in (x.double, lambda: torch.ones(3, dtype=torch.float64, device="opencl"), lambda: x.to(torch.cdouble)):
    try:
        make()
    except TypeError as error:
        print("doesn't support torch." in str(error))
net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)).to("opencl")
optimizer = torch.optim.Adam(net.parameters())
y = torch.tensor([0, 1, 0, 1], device="opencl")
loss = nn.functional.cross_entropy(net(x), y)
loss.backward()
optimizer.step()
print(0 < loss.item() < 5, round(x.sum().item(), 3) == 0, x.square().mean().item() > 0, x.std().item() > 0)
"""


@pytest.mark.parametrize("schedule", ["cpu", "gpu"])
def test_a_device_without_float64(schedule):
    """float64 is refused by name, all else works."""
    assert python(SINGLE, CYGRAD_CL_SCHEDULE=schedule) == ["True"] * 7


# ------------------------------------------------------------------ through the public interface


def test_autograd_on_the_device():
    import cygrad as torch

    torch.manual_seed(0)
    x, w = torch.rand(30, 7), torch.rand(7)
    gradients = []
    for device in ("cpu", "opencl"):
        a, b = (t.detach().to(device).requires_grad_() for t in (x.clone(), w.clone()))
        (a * b).sigmoid().sum().backward()
        assert str(a.grad.device).startswith(device)
        gradients.append((a.grad.cpu(), b.grad.cpu()))
    for expected, actual in zip(*gradients, strict=True):
        assert torch.allclose(actual, expected, rtol=1e-5, atol=1e-6)


# ------------------------------------------------------------------ complex numbers


def draw_complex(rng, code, shape):
    """Numbers of both axes, all quadrants and sizes from 0.1 to 3, off the branch cuts."""
    x, y = (rng.uniform(0.1, 2, shape) * rng.choice([-1, 1], shape) for _ in range(2))
    z = x + 1j * y
    return torch.from_numpy(z.astype(np.complex64 if code == CFLOAT else np.complex128))


def test_every_complex_row():
    check_complex_rows(CFLOAT, [r for r in _table.rows() if r.complexes and not r.start])


def test_complex128_rows():
    check_complex_rows(CDOUBLE, [_table.by_name[name] for name in ("add", "mul", "div", "log", "abs", "eq")])


def check_complex_rows(code, rows):
    """The rows and their gradients against the CPU's."""
    rng = np.random.default_rng(code)
    for row in rows:
        operands = [draw_complex(rng, code, (3, 50)) for _ in range(row.arity)]
        result = code - 2 if row.real_result else 0 if row.kind == "test" else code
        params = [2 if p is None else p for _, p in row.params]
        values = dict(zip("abc", operands, strict=False))
        for name in [row.name, *(f"{row.name}.d{x}" for x in row.gradients)]:
            if name == row.name:
                given, out_code = operands, result
            else:
                given = [values[n] for n in _formula.names(row.gradients[name[-1]])]
                out_code = code
            expected, out = _ops.empty((3, 50), out_code, 0), _ops.empty((3, 50), out_code, DEV)
            if name == row.name:
                expected = _ops.call(_ops.OPS[row.name], tuple(operands), tuple(params) or None)
                values |= {"y": expected, "g": draw_complex(rng, code, (3, 50))}
                if row.real_result:
                    values["g"] = values["g"].real.contiguous()
            else:
                expected = complex_gradient(row, name[-1], values, params)
            cl.elementwise(name, out, [on(DEV, x) for x in given], params, code)
            tolerance = 3e-5 if code == CFLOAT else 1e-12
            x, y = out.cpu().numpy(), expected.numpy()
            np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance, err_msg=name)


def complex_gradient(row, letter, values, params):
    """What the CPU's autograd gives."""
    operands = [v.clone().requires_grad_() for k, v in values.items() if k in row.operands]
    y = _ops.call(_ops.OPS[row.name], tuple(operands), tuple(params) or None)
    return torch.autograd.grad(y, operands["abc".index(letter)], values["g"])[0]


def test_complex_reductions_and_casts():
    rng = np.random.default_rng(0)
    for code in (CFLOAT, CDOUBLE):
        z = draw_complex(rng, code, (6, 40))
        d = z.to("opencl")
        for t in (d, d.T):
            e = t.cpu()
            for dims in ((0,), (1,), (0, 1)):
                for name in ("sum", "prod") if len(dims) == 1 else ("sum",):
                    x, y = (getattr(torch, name)(q, dims[0] if name == "prod" else dims) for q in (t, e))
                    np.testing.assert_allclose(x.cpu().numpy(), y.numpy(), rtol=1e-4)
                assert torch.equal(torch.count_nonzero(t, dims).cpu(), torch.count_nonzero(e, dims))
            assert torch.equal(t.all(0).cpu(), e.all(0)) and torch.equal(t.any(1).cpu(), e.any(1))
        for other in (torch.complex64, torch.complex128):
            assert torch.equal(d.to(other).cpu(), z.to(other))
        assert torch.equal(d.real.cpu(), z.real) and torch.equal(torch.view_as_real(d.T).cpu(), torch.view_as_real(z.T))
        assert torch.equal((d.real * 1j).cpu(), z.real * 1j)
        assert torch.equal(d.imag.to(z.dtype).cpu(), z.imag.to(z.dtype))
        assert torch.equal(torch.full((3,), 2 - 1j, device="opencl").cpu(), torch.full((3,), 2 - 1j))
        assert torch.equal(torch.where(d.real > 0, d, 1j).cpu(), torch.where(z.real > 0, z, 1j))


def test_complex_gradients():
    z = draw_complex(np.random.default_rng(1), CDOUBLE, (4, 3))
    found = []
    for device in ("cpu", "opencl"):
        a = z.to(device).detach().requires_grad_()
        loss = ((a * a.conj()).real.sqrt() + (a / (a + 2j)).abs() + torch.exp(a * 1j).imag).sum()
        (g,) = torch.autograd.grad(loss, a, create_graph=True)
        (h,) = torch.autograd.grad(g.abs().sum(), a)
        found.append((g.detach().cpu(), h.cpu()))
    for expected, actual in zip(*found, strict=True):
        assert torch.allclose(actual, expected, rtol=1e-9, atol=1e-9)


def test_bool_bytes_of_other_values_become_one():
    odd = np.array([0, 1, 2, 255, 0, 7], np.uint8).view(bool)
    there = torch.from_numpy(odd).to("opencl")
    assert there.view(torch.uint8).tolist() == [0, 1, 1, 1, 0, 1] and there.sum() == 4
    assert torch.from_numpy(odd)[::2].to("opencl", torch.float32).tolist() == [0, 1, 0]
    assert odd.view(np.uint8).tolist() == [0, 1, 2, 255, 0, 7]


def test_extremes_of_all_elements_give_nan_the_gradient():
    for values, wanted in ([1.0, float("nan"), 3], [0, 1, 0]), ([1.0, 3, 3], [0, 0.5, 0.5]):
        x = torch.tensor(values, device="opencl", requires_grad=True)
        x.max().backward()
        assert x.grad.tolist() == wanted


def test_only_memory_of_the_host_can_be_pinned():
    with pytest.raises(RuntimeError, match="cannot pin 'torch.opencl.FloatTensor' only dense CPU tensors"):
        torch.ones(2, device="opencl").pin_memory()
