"""torch.utils.benchmark and torch.utils.flop_counter: their tables are PyTorch's."""

import pytest

import cygrad as torch
import cygrad.utils.benchmark as B
from cygrad import nn
from cygrad.utils.flop_counter import FlopCounterMode, mm_flop, register_flop_formula


def measured(times, **kw):
    return B.Measurement(number_per_run=1, raw_times=times, task_spec=B.TaskSpec(stmt="s", setup="p", **kw))


def printed(measurement):
    first, _, rest = repr(measurement).partition("\n")
    assert first.startswith("<") and "Measurement object at 0x" in first
    return rest


def test_measurement():
    times = [0.001, 0.0012, 0.0011, 0.0013]
    m = B.Measurement(number_per_run=100, raw_times=times, task_spec=B.TaskSpec(stmt="x+y", setup="x=1\ny=2"))
    assert printed(m) == """x+y
setup:
  x=1
  y=2

  Median: 11.50 us
  IQR:    1.50 us (10.75 to 12.25)
  4 measurements, 100 runs per measurement, 1 thread
  WARNING: Interquartile range is 13.0% of the median measurement.
           This could indicate system fluctuation."""
    assert m.has_warnings and not m.meets_confidence() and m.significant_figures == 1
    assert m.median == pytest.approx(1.15e-5) and m.iqr == pytest.approx(1.5e-6) and m.stmt == "x+y"
    spec = B.TaskSpec(stmt="x", setup="", label="L", sub_label="S", description="D", num_threads=2)
    assert printed(B.Measurement(1, [0.5], spec)) == "L: S\nD\n  500.00 ms\n  1 measurement, 1 runs , 2 threads"
    assert printed(measured([1, 2])).startswith("s\nsetup: p\n  Median: 1.50 s\n  2 measurements, 1 runs per")
    assert "suggests significant environmental influence" in printed(measured([1, 2]))
    assert len(B.Measurement.merge([m, m])[0].times) == 8


def test_significant_figures():
    """Recorded from PyTorch 2.13."""
    assert [measured([t] * 9).significant_figures for t in (1e-9, 1e-6, 1e-5, 1e-4, 1e-3, 1)] == [1, 1, 2, 3, 4, 4]
    growing = [[1 + step * k for k in range(n)] for n in (2, 5, 9) for step in (0.01, 0.001, 0.2)]
    assert [measured(times).significant_figures for times in growing] == [2, 3, 1, 2, 3, 1, 1, 2, 1]


def test_units():
    assert [B.select_unit(t)[0] for t in (5, 1e-3, 1e-5, 1e-8)] == ["s", "ms", "us", "ns"]
    assert B.unit_to_english("us") == "microsecond"
    assert B.trim_sigfig(123456, 3) == 123000 and B.trim_sigfig(0.0012345, 2) == pytest.approx(0.0012)


ROWS = [
    measured([x, 1.01 * x, 0.99 * x], label="Batched dot", sub_label=f"[{n}, {n}]", description=d, num_threads=threads)
    for n, threads, d, x in [
        (1, 1, "mul/sum", 5.1e-6), (1, 1, "bmm", 9.23456e-6), (64, 1, "mul/sum", 8.8e-6), (64, 1, "bmm", 1100.2e-6),
        (1, 4, "mul/sum", 5.6e-6), (1, 4, "bmm", 9.9e-6), (64, 4, "mul/sum", 12345.6e-6), (64, 4, "bmm", 7e-6),
    ]
]  # fmt: skip


def test_compare():
    table = B.Compare(ROWS)
    assert str(table) == """\
[----------- Batched dot -----------]
                |  mul/sum  |   bmm  
1 threads: --------------------------
      [1, 1]    |      5.1  |     9.2
      [64, 64]  |      8.8  |  1100.2
4 threads: --------------------------
      [1, 1]    |      5.6  |     9.9
      [64, 64]  |  12345.6  |     7.0

Times are in microseconds (us).
"""  # noqa: W291
    table.trim_significant_figures()
    table.colorize()
    best, worst, end = "\033[92m\033[1m", "\033[31m\033[1m", "\033[0m\033[0m"
    assert str(table) == f"""\
[---------- Batched dot ----------]
                |  mul/sum  |  bmm 
1 threads: ------------------------
      [1, 1]    |  {best}     5 {end}  |  {best}   9{end}
      [64, 64]  |       9   |  {worst}1100{end}
4 threads: ------------------------
      [1, 1]    |  {best}     6 {end}  |    10
      [64, 64]  |  {worst} 12000 {end}  |  {best}   7{end}

Times are in microseconds (us).
"""  # noqa: W291


def test_compare_environments_and_labels(capsys):
    table = B.Compare([
        measured([t], label=label, sub_label=sub, description="d1", env=env)
        for label, sub, env, t in [
            ("A", "s1", "env1", 1e-3), ("A", "s1", "env2", 2e-3), ("B", "q", None, 3.0), ("A", "s2", "env1", 1.5e-3),
        ]
    ])  # fmt: skip
    table.print()
    assert capsys.readouterr().out == """\
[------- A --------]
              |   d1
1 threads: ---------
  (env1)  s1  |  1.0
          s2  |  1.5
  (env2)  s1  |  2.0

Times are in milliseconds (ms).

[----- B -----]
         |   d1
1 threads: ----
      q  |  3.0

Times are in seconds (s).

"""


def test_compare_warnings():
    rows = [measured([v * 1e-6 * (1 + 0.1 * k) for k in range(5)], label="L", sub_label=str(v), description="d")
            for v in (1, 2)]  # fmt: skip
    table = B.Compare([*rows, measured([1e-6], label="L", sub_label="1", description="e")])
    table.highlight_warnings()
    assert str(table) == """\
[------------- L -------------]
         |       d       |   e 
1 threads: --------------------
      1  |  1.2 (! 17%)  |  1.0
      2  |  2.4 (! 17%)  |     

Times are in microseconds (us).
(! XX%) Measurement has high variance, where XX is the IQR / median * 100.
"""  # noqa: W291


def test_timer():
    threads = torch.get_num_threads()
    setup = "y = torch.ones(3); z = torch.ones(3)"
    timer = B.Timer("torch.add(x, y, out=z)", setup, globals={"x": torch.ones(3)}, label="l")
    m = timer.timeit(20)
    assert m.number_per_run == 20 and len(m.times) == 1 and m.median > 0 and m.label == "l"
    m = timer.blocked_autorange(min_run_time=0.01)
    assert sum(m.raw_times) >= 0.01 and m.median < 1e-3
    calls = []
    m = timer.adaptive_autorange(max_run_time=0.05, callback=lambda number, seconds: calls.append(number))
    assert calls == [m.number_per_run] * len(m.raw_times)
    assert torch.get_num_threads() == threads
    with pytest.raises(NameError, match="zork"):
        B.Timer("zork").timeit(1)
    for options, kind, message in (
        ((3,), ValueError, "^Currently only a `str` stmt is supported.$"),
        (("1", "", "2"), ValueError, "^global_setup is C\\+\\+ only, got `2`"),
    ):
        with pytest.raises(kind, match=message):
            B.Timer(*options)
    with pytest.raises(ValueError, match="^Invalid language `zork`.$"):
        B.Timer("1", language="zork")
    with pytest.raises(NotImplementedError, match="collect_callgrind is not in cygrad"):
        timer.collect_callgrind()


def test_fuzzer():
    fuzzer = B.Fuzzer(
        parameters=[
            B.FuzzedParameter("k0", 1, 16, "loguniform"), B.FuzzedParameter("k1", 1, 16, "uniform"),
            B.FuzzedParameter("k2", distribution={1: 0.25, B.ParameterAlias("k0"): 0.75}),
        ],
        tensors=[B.FuzzedTensor("x", ("k0", "k1", "k2"), min_elements=8, max_elements=500, probability_contiguous=0.3)],
        seed=3,
    )  # fmt: skip
    taken = list(fuzzer.take(20))
    for tensors, properties, params in taken:
        x = tensors["x"]
        assert x.shape == (params["k0"], params["k1"], params["k2"]) and 8 <= x.numel() <= 500
        assert properties["x"]["is_contiguous"] == x.is_contiguous()
    assert not all(properties["x"]["is_contiguous"] for _, properties, _ in taken) and 0 < fuzzer.rejection_rate < 1
    again = list(fuzzer.take(20))
    assert all(torch.equal(a["x"], b["x"]) for (a, _, _), (b, _, _) in zip(taken, again))
    with pytest.raises(AssertionError, match="^Distribution is not normalized$"):
        B.FuzzedParameter("a", distribution={1: 0.4})
    with pytest.raises(ValueError, match="Failed to generate"):
        next(B.Fuzzer([B.FuzzedParameter("a", 1, 4, "uniform")], [], [lambda params: False], seed=0).take(1))


def test_op_fuzzers():
    from cygrad.utils.benchmark.op_fuzzers import binary, unary

    (tensors, _, params), = binary.BinaryOpFuzzer(seed=1).take(1)
    assert tensors["x"].shape == tensors["y"].shape and tensors["x"].ndim == params["dim"]
    (tensors, _, _), = unary.UnaryOpFuzzer(seed=1).take(1)
    assert 4096 <= tensors["x"].numel()


def test_flops_of_a_network():
    """Forward and backward, by module: as PyTorch counts them."""
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 26 * 26, 10))
    with FlopCounterMode(display=False) as counter:
        net(torch.ones(2, 1, 28, 28)).sum().backward()
    assert counter.get_total_flops() == 519168
    assert counter.get_table() == """\
Module                           FLOP    % Total
---------------------------  --------  ---------
Sequential                   519.168K    100.00%
- aten.convolution            97.344K     18.75%
- aten.addmm                 108.160K     20.83%
- aten.mm                    216.320K     41.67%
- aten.convolution_backward   97.344K     18.75%
Sequential.0                 194.688K     37.50%
- aten.convolution            97.344K     18.75%
- aten.convolution_backward   97.344K     18.75%
Sequential.3                 324.480K     62.50%
- aten.addmm                 108.160K     20.83%
- aten.mm                    216.320K     41.67%"""


def test_flops_of_operators(capsys):
    x = torch.ones(5, 2, 8, requires_grad=True)

    def count(f, backward=True):
        with FlopCounterMode(display=False) as counter:
            result = f()
            if backward:
                result.sum().backward()
        return {str(op): n for op, n in counter.get_flop_counts().get("Global", {}).items()}

    assert count(lambda: torch.einsum("bij,bjk->bik", x, x.transpose(1, 2))) == {"aten.bmm": 960}
    assert count(lambda: x @ torch.ones(8, 3)) == {"aten.mm": 960}
    assert count(lambda: nn.MultiheadAttention(8, 2)(x, x, x)[0]) == {
        "aten.addmm": 5120, "aten.bmm": 4800, "aten.mm": 10240
    }  # fmt: skip
    assert count(lambda: torch.mv(torch.ones(2, 3), torch.ones(3)) + 1, backward=False) == {}
    with FlopCounterMode():
        torch.ones(2, 3) @ torch.ones(3, 4)
    assert capsys.readouterr().out == """\
Module       FLOP    % Total
---------  ------  ---------
Global         48    100.00%
- aten.mm      48    100.00%
"""


def test_flop_formulas():
    assert mm_flop((2, 3), (3, 4)) == 48
    mm = torch.ops.aten.mm
    with FlopCounterMode(display=False, custom_mapping={mm: lambda *shapes, **kw: 7}) as counter:
        torch.ones(2, 3) @ torch.ones(3, 4)
    assert counter.get_total_flops() == 7
    with pytest.raises(NotImplementedError, match="are not seen by cygrad's FlopCounterMode"):
        register_flop_formula(torch.ops.aten.sin)(lambda *shapes, **kw: 1)
