"""torch.autograd.profiler and torch.profiler: the events, the table, the schedule and the files."""

import gzip
import json
import re
import threading

import pytest

import cygrad as torch
import cygrad.nn.functional as F
from cygrad.autograd import profiler as autograd_profiler
from cygrad.profiler import (
    ProfilerAction,
    ProfilerActivity,
    itt,
    profile,
    record_function,
    schedule,
    supported_activities,
    tensorboard_trace_handler,
)


def names(events):
    return [event.name for event in events]


def counts(prof):
    return {event.key: event.count for event in prof.key_averages()}


# ---- events


def test_the_tutorial():
    x = torch.randn(2, 3, requires_grad=True)
    y = torch.rand(2, 3)
    z = torch.ones(2, 3, requires_grad=True)
    with torch.autograd.profiler.profile() as prf:
        for _ in range(10):
            z = (z / x) * y
    assert counts(prf) == {"aten::div": 10, "aten::mul": 10}
    lines = prf.key_averages().table(sort_by="self_cpu_time_total").split("\n")
    rule = "-------------" + "  ------------" * 6 + "  "
    assert lines[0] == lines[2] == lines[5] == rule
    assert lines[1] == (
        "         Name    Self CPU %      Self CPU   CPU total %     CPU total  CPU time avg    # of Calls  "
    )
    row = re.compile(r" {4}aten::(div|mul) +\d+\.\d\d% +\d+\.\d{3}(us|ms) +\d+\.\d\d% +\d+\.\d{3}(us|ms)"
                     r" +\d+\.\d{3}(us|ms) +10  ")  # fmt: skip
    assert row.fullmatch(lines[3]) and row.fullmatch(lines[4])
    assert len(lines[3]) == len(rule)
    assert re.fullmatch(r"Self CPU time total: \d+\.\d{3}(us|ms)", lines[6]) and lines[7:] == [""]


def test_names_are_those_of_pytorch():
    """The list is what PyTorch 2.13 reports at the top level for these calls."""
    x = torch.ones(4, 4)
    with profile() as prof:
        _ = (
            x[0],
            x[0:1],
            x[torch.tensor([0])],
            x[None],
            x[0, 1:2],
            x.t(),
            x.view(-1),
            x.reshape(-1),
            x.permute(1, 0),
        )
        torch.cat([x, x])
        x.to(torch.float64)
        x.sum().item()
        float(x.sum())
        _ = x == x, x > 0, 1 - x, x**2, -x, x / 2, x // 2, x % 2
        F.cross_entropy(x, torch.zeros(4, dtype=torch.long))
        F.linear(x, x)
        F.relu(x)
        F.max_pool2d(x[None], 2)
        x @ x
        x.float()
        x.detach()
        bool(x.sum() > 0)
        len(x)
        _ = x.shape, x.size(), x.dtype, x.is_contiguous(), x.tolist(), x.numpy()
    top = [event.name for event in prof.events() if event.cpu_parent is None]
    assert [name.removeprefix("aten::") for name in top] == (
        "select slice index unsqueeze select t view reshape permute cat to sum item sum item eq gt rsub pow neg div "
        "floor_divide remainder zeros cross_entropy_loss linear relu unsqueeze max_pool2d matmul to detach sum gt "
        "is_nonzero"
    ).split()


def test_events_within_each_other():
    x = torch.ones(3, 3, requires_grad=True)
    with autograd_profiler.profile(record_shapes=True) as prof:
        with record_function("outer"):
            y = x @ x
            with record_function("inner"):
                z = y.sum()
        z.backward()
    events = {event.name: event for event in prof.function_events}
    assert names(prof.function_events)[:4] == ["outer", "aten::matmul", "inner", "aten::sum"]
    outer, inner = events["outer"], events["inner"]
    assert names(outer.cpu_children) == ["aten::matmul", "inner"] and outer.cpu_parent is None
    assert events["aten::sum"].cpu_parent is inner and inner.cpu_parent is outer
    assert outer.is_user_annotation and not events["aten::sum"].is_user_annotation
    assert outer.cpu_time_total >= inner.cpu_time_total >= events["aten::sum"].cpu_time_total > 0
    children = sum(child.cpu_time_total for child in outer.cpu_children)
    assert outer.self_cpu_time_total == pytest.approx(outer.cpu_time_total - children)
    assert (
        outer.time_range.start
        <= inner.time_range.start
        <= inner.time_range.end
        <= outer.time_range.end
    )
    assert events["aten::matmul"].input_shapes == [[3, 3], [3, 3]]
    total = sum(event.self_cpu_time_total for event in prof.function_events)
    assert prof.self_cpu_time_total == pytest.approx(total)
    assert total == pytest.approx(
        sum(e.cpu_time_total for e in prof.function_events if e.cpu_parent is None)
    )
    assert prof.total_average().key == "Total" and prof.total_average().count == len(
        prof.function_events
    )


def test_backward_events():
    x = torch.ones(3, requires_grad=True)
    loss = (x * x.exp()).sum()
    with profile() as prof:
        loss.backward()
    engine = "autograd::engine::evaluate_function: "
    leaf = "torch::autograd::AccumulateGrad"
    nodes = ["SumBackward0", "MulBackward0", "ExpBackward0", leaf]
    assert names(prof.events()) == [name for node in nodes for name in (engine + node, node)]
    assert all(event.cpu_parent.name == engine + event.name for event in prof.events()[1::2])
    assert x.grad.tolist() == pytest.approx([5.4365637] * 3)
    again = (x * 2).sum()
    again.backward()
    assert len(prof.events()) == 8


def test_backward_with_anomaly_detection():
    x = torch.ones(1, requires_grad=True)
    with torch.autograd.detect_anomaly(), profile() as prof:
        x.sqrt().backward()
    assert "SqrtBackward0" in names(prof.events()) and x.grad.item() == 0.5
    x = torch.zeros(1, requires_grad=True)
    with (
        pytest.raises(RuntimeError, match="returned nan values"),
        torch.autograd.detect_anomaly(),
        profile() as prof,
    ):
        (x.sqrt() * 0).backward()
    assert "SqrtBackward0" in names(prof.events())


def test_optimizer_and_loader_are_events():
    p = torch.ones(2, requires_grad=True)
    p.grad = torch.ones(2)
    with profile() as prof:
        torch.optim.SGD([p], lr=0.1).step()
        list(torch.utils.data.DataLoader([1, 2], batch_size=1))
    found = counts(prof)
    assert found["Optimizer.step#SGD.step"] == 1
    assert found["enumerate(DataLoader)#_SingleProcessDataLoaderIter.__next__"] == 3


def test_record_function_as_decorator():
    @record_function("mine")
    def double(x):
        """Docs."""
        return x * 2

    with profile() as prof:
        double(torch.ones(1))
        double(torch.ones(1))
    assert counts(prof) == {"aten::ones": 2, "mine": 2, "aten::mul": 2}
    assert double.__name__ == "double" and double(torch.ones(1)).item() == 2


def test_off_when_it_is_over():
    with profile() as prof:
        torch.ones(1)
    torch.ones(1) + 1
    assert names(prof.events()) == ["aten::ones"]
    with pytest.raises(ZeroDivisionError), profile() as prof:
        raise ZeroDivisionError
    torch.ones(1)
    assert names(prof.events()) == []
    with autograd_profiler.profile(enabled=False) as nothing:
        torch.ones(1)
    assert nothing is None


def test_of_its_thread():
    with profile() as prof:
        thread = threading.Thread(target=torch.ones, args=(3,))
        thread.start()
        thread.join()
        torch.zeros(1)
    assert names(prof.events()) == ["aten::zeros"]


def test_with_autocast_and_modes():
    from cygrad.overrides import BaseTorchFunctionMode

    x = torch.ones(2, 2)
    with profile() as prof, torch.autocast("cpu"), BaseTorchFunctionMode():
        product = x @ x
    assert product.dtype is torch.bfloat16 and counts(prof)["aten::matmul"] == 1


# ---- sums and tables


def test_sums():
    x, y = torch.ones(2), torch.ones(3)
    with profile(record_shapes=True) as prof:
        _ = x + x, y + y, x + x, x * 2
    assert counts(prof) == {"aten::add": 3, "aten::mul": 1}
    by_shape = {
        (e.key, str(e.input_shapes)): e.count for e in prof.key_averages(group_by_input_shape=True)
    }
    assert by_shape == {
        ("aten::add", "[[2], [2]]"): 2,
        ("aten::add", "[[3], [3]]"): 1,
        ("aten::mul", "[[2], []]"): 1,
    }
    total = prof.key_averages()[0]
    adds = [event for event in prof.events() if event.name == "aten::add"]
    assert total.cpu_time_total == pytest.approx(sum(event.cpu_time_total for event in adds))
    assert total.cpu_time == pytest.approx(total.cpu_time_total / 3)
    assert total.cuda_time_total == total.self_device_time_total == 0
    assert repr(total).startswith("<FunctionEventAvg key=aten::add self_cpu_time=")
    table = prof.key_averages(group_by_input_shape=True).table()
    assert "    Input Shapes  " in table.split("\n")[1] and "    [[2], [2]]  " in table


def test_memory():
    with profile(profile_memory=True) as prof:
        with record_function("mine"):
            kept = torch.zeros(1024)
            (kept + 1).sum()
    events = {event.key: event for event in prof.key_averages()}
    assert (
        events["aten::zeros"].cpu_memory_usage == events["aten::add"].self_cpu_memory_usage == 4096
    )
    mine = events["mine"]
    inside = sum(
        events[name].cpu_memory_usage for name in ("aten::zeros", "aten::add", "aten::sum")
    )
    assert mine.self_cpu_memory_usage == mine.cpu_memory_usage - inside <= 0
    table = prof.key_averages().table(sort_by="self_cpu_memory_usage")
    assert "     CPU Mem  Self CPU Mem  " in table and "     4.00 KB" in table


def test_flops():
    x = torch.ones(64, 64)
    with profile(with_flops=True) as prof:
        x @ x
        F.relu(x)
        F.conv2d(torch.ones(1, 2, 8, 8), torch.ones(3, 2, 3, 3), padding=1)
    flops = {event.key: event.flops for event in prof.key_averages() if event.flops}
    assert flops == {"aten::matmul": 2 * 64**3, "aten::conv2d": 2 * 8 * 8 * 3 * 2 * 9}
    assert (
        "  Total KFLOPs  " in prof.key_averages().table()
        and "     524.288  " in prof.key_averages().table()
    )


def test_table():
    x = torch.ones(2)
    with profile() as prof:
        with record_function("a name that is longer than the column of names is allowed to be"):
            _ = x + x, x * x, x + 1
    average = prof.key_averages()
    rows = average.table(sort_by="count", row_limit=1).split("\n")
    assert (
        len(rows) == 7
        and rows[3].split()[0] == "aten::add"
        and rows[3].endswith("             2  ")
    )
    assert "    a name that is longer than the column of names is a..." not in rows[3]
    assert "a name that is longer than the column of names is al..." in average.table()
    assert "a name that is lo...  " in average.table(max_name_column_width=20)
    headed = average.table(header="HEAD", row_limit=0).split("\n")
    assert (
        headed[0] == "=" * (len(headed[2]) - 2)
        and headed[1] == "HEAD"
        and headed[4] == headed[5] == headed[2]
    )
    assert re.search(r" \d+\.\d{3}ms ", average.table(time_unit="ms"))
    top = prof.events().table(top_level_events_only=True)
    assert (
        top.split("\n")[1] == "This report only display top-level ops statistics"
        and "aten::add" not in top
    )
    with pytest.raises(
        AttributeError, match="'FunctionEventAvg' object has no attribute 'nothing'"
    ):
        average.table(sort_by="nothing")
    with profile() as empty:
        pass
    assert empty.key_averages().table() == ""


@pytest.mark.parametrize(
    ("us", "text"),
    [(0.5, "0.500us"), (138.957, "138.957us"), (8095.0, "8.095ms"), (2500000.0, "2.500s")],
)
def test_times(us, text):
    from cygrad.autograd import profiler_util

    assert profiler_util._format_time(us) == text


def test_stacks(tmp_path):
    with profile(with_stack=True) as prof:
        torch.ones(1) + 1
    (line,) = [line for line in prof.events()[0].stack if "test_stacks" in line]
    assert re.fullmatch(r".*test_profiler\.py\(\d+\): test_stacks", line)
    assert prof.events()[0].stack[0] == line  # nothing of the library itself
    table = prof.key_averages(group_by_stack_n=1).table()
    assert "Source Location  " in table and "test_profiler.py" in table
    prof.export_stacks(tmp_path / "stacks.txt")
    with open(tmp_path / "stacks.txt") as file:
        assert all(re.fullmatch(r"\S.*test_stacks \d+", line.rstrip()) for line in file)
    with profile() as prof:
        pass
    with pytest.raises(AssertionError):
        prof.export_stacks(tmp_path / "none.txt")


# ---- files


@pytest.mark.parametrize("name", ["trace.json", "trace.json.gz"])
def test_chrome_trace(tmp_path, name):
    with profile(record_shapes=True) as prof:
        with record_function("mine"):
            torch.ones(2) + 1
    prof.add_metadata("who", "me")
    prof.add_metadata_json("what", '{"a": 1}')
    path = tmp_path / name
    prof.export_chrome_trace(str(path))
    with gzip.open(path, "rt") if name.endswith("gz") else open(path) as file:
        trace = json.load(file)
    assert trace["displayTimeUnit"] == "ms" and trace["who"] == "me" and trace["what"] == {"a": 1}
    events = [event for event in trace["traceEvents"] if event["ph"] == "X"]
    assert [(e["name"], e["cat"]) for e in events] == [
        ("mine", "user_annotation"), ("aten::ones", "cpu_op"), ("aten::add", "cpu_op")]  # fmt: skip
    mine, ones, add = events
    assert (
        mine["ts"]
        <= ones["ts"]
        <= ones["ts"] + ones["dur"]
        <= add["ts"]
        <= mine["ts"] + mine["dur"]
    )
    assert add["args"]["Input Dims"] == [[2], []]


def test_autograd_profile_files(tmp_path):
    with autograd_profiler.profile() as prof:
        torch.ones(1)
    prof.export_chrome_trace(tmp_path / "trace.json")
    with open(tmp_path / "trace.json") as file:
        assert any(event["name"] == "aten::ones" for event in json.load(file)["traceEvents"])


def test_tensorboard_handler(tmp_path):
    handler = tensorboard_trace_handler(str(tmp_path / "runs"), worker_name="w")
    with profile(
        schedule=schedule(wait=1, warmup=1, active=1, repeat=2), on_trace_ready=handler
    ) as prof:
        for _ in range(8):
            torch.ones(1)
            prof.step()
    files = sorted(path.name for path in (tmp_path / "runs").iterdir())
    assert len(files) == 2 and all(re.fullmatch(r"w\.\d+\.pt\.trace\.json", name) for name in files)
    (tmp_path / "file").write_text("")
    with pytest.raises(RuntimeError, match="Can't create directory: "):
        tensorboard_trace_handler(str(tmp_path / "file"))(prof)


# ---- steps


def test_schedule():
    plan = schedule(wait=1, warmup=1, active=2, repeat=2, skip_first=1)
    assert [plan(step).name for step in range(11)] == (
        "NONE NONE WARMUP RECORD RECORD_AND_SAVE NONE WARMUP RECORD RECORD_AND_SAVE NONE NONE".split()
    )
    endless = schedule(wait=1, warmup=1, active=1)
    assert [
        endless(step).name for step in range(5)
    ] == "NONE WARMUP RECORD_AND_SAVE NONE WARMUP".split()
    with pytest.warns(
        UserWarning, match="Profiler won't be using warmup, this can skew profiler results"
    ):
        plan = schedule(wait=0, warmup=0, active=1)
    with pytest.raises(AssertionError, match="Step must be non-negative. Got -1."):
        plan(-1)
    with pytest.raises(
        AssertionError, match=r"Invalid profiler schedule arguments. Got wait=-1 \(need >= 0\)"
    ):
        schedule(wait=-1, warmup=0, active=1)


def test_steps():
    ready, actions = [], []
    with profile(
        schedule=schedule(wait=1, warmup=1, active=2, repeat=1),
        on_trace_ready=lambda prof: ready.append(
            (prof.step_num, counts(prof), names(prof.events()))
        ),
    ) as prof:
        for _ in range(6):
            torch.ones(1)
            prof.step()
            actions.append(prof.current_action)
    assert ready == [
        (
            4,
            {"ProfilerStep*": 2, "aten::ones": 2},
            ["ProfilerStep#2", "aten::ones", "ProfilerStep#3", "aten::ones"],
        )
    ]
    assert [
        action.name for action in actions
    ] == "WARMUP RECORD RECORD_AND_SAVE NONE NONE NONE".split()


def test_start_and_stop():
    ready = []
    prof = profile(on_trace_ready=ready.append)
    prof.start()
    torch.ones(1)
    prof.step()
    torch.ones(1)
    prof.stop()
    assert counts(prof) == {"aten::ones": 2} and ready == [prof]
    assert prof.profiler.self_cpu_time_total == prof.events().self_cpu_time_total > 0
    with profile(schedule=schedule(wait=0, warmup=1, active=1), acc_events=True) as prof:
        for _ in range(4):
            torch.ones(1)
            prof.step()
    assert counts(prof)["aten::ones"] == 2


def test_refusals():
    with pytest.raises(
        AssertionError, match="Profiler must be initialized before getting key averages"
    ):
        profile().key_averages()
    with pytest.raises(
        AssertionError, match="Profiler must be initialized before accessing events"
    ):
        profile().events()
    with pytest.raises(AssertionError, match="No valid profiler activities found"):
        profile(activities=[])
    prof = autograd_profiler.profile()
    assert str(prof) == "<unfinished torch.autograd.profile>"
    with prof, pytest.raises(RuntimeError, match="Profiler context manager is not reentrant"):
        prof.__enter__()
    with (
        pytest.raises(AssertionError, match="Torch not compiled with CUDA enabled"),
        autograd_profiler.emit_nvtx(),
    ):
        pass
    with pytest.raises(
        RuntimeError, match="ITT functions not installed. Are you sure you have a ITT build?"
    ):
        with autograd_profiler.emit_itt():
            pass
    with pytest.raises(RuntimeError, match="ITT functions not installed"):
        itt.range_push("a")
    assert not itt.is_available() and supported_activities() == {ProfilerActivity.CPU}
    assert [action.name for action in ProfilerAction] == ["NONE", "WARMUP", "RECORD", "RECORD_AND_SAVE",
                                                          "DEVICE_STOPPED"]  # fmt: skip


@pytest.mark.skipif(torch.cuda.is_available(), reason="warnings of a machine without a GPU")
def test_warnings_without_a_gpu():
    with pytest.warns(FutureWarning, match="The attribute `use_cuda` will be deprecated soon"):
        with pytest.warns(UserWarning, match="CUDA is not available, disabling CUDA profiling"):
            prof = autograd_profiler.profile(use_cuda=True)
    with prof:
        torch.ones(1)
    assert counts(prof) == {"aten::ones": 1}
    with pytest.warns(UserWarning, match="CUDA is not available, disabling CUDA profiling"):
        with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]):
            pass
