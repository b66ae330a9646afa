"""The events of a profile, their sums by name, and the table that is printed of them."""

import bisect
import dataclasses
import json
import os
from collections import defaultdict, namedtuple

__all__ = [
    "EventList", "EventMetadata", "FormattedTimesMixin", "FunctionEvent", "FunctionEventAvg", "Interval", "Kernel",
    "MemRecordsAcc", "StringTable",
]  # fmt: skip

_SPACING = 2


def _format_time(time_us):
    """A time in the unit that suits it: 12.346us, 1.235ms, 1.235s."""
    if time_us >= 1e6:
        return f"{time_us / 1e6:.3f}s"
    if time_us >= 1e3:
        return f"{time_us / 1e3:.3f}ms"
    return f"{time_us:.3f}us"


def _format_time_in(time_us, unit):
    scale = {"us": 1, "ms": 1e3, "s": 1e6}
    if unit not in scale:
        raise AssertionError(f"unknown time_unit {unit!r}: us, ms or s")
    return f"{time_us / scale[unit]:.3f}{unit}"


def _format_time_share(time_us, total_us):
    """A share of the total in per cent: 12.35%."""
    if total_us == 0:
        return "NaN"
    return f"{time_us * 100.0 / total_us:.2f}%"


def _format_memory(nbytes):
    """A number of bytes in the unit that suits it: 12 B, 1.50 KB."""
    for unit, power in (("GB", 30), ("MB", 20), ("KB", 10)):
        if abs(nbytes) >= 1 << power:
            return f"{nbytes / (1 << power):.2f} {unit}"
    return f"{nbytes} B"


class Interval:
    """When an event started and ended, in microseconds."""

    def __init__(self, start, end):
        self.start, self.end = start, end

    def elapsed_us(self):
        """The length of the interval."""
        return self.end - self.start

    def __repr__(self):
        return f"Interval(start={self.start}, end={self.end})"


def _formatted(name):
    return property(lambda self: _format_time(getattr(self, name)))


class FormattedTimesMixin:
    """`cpu_time_str` and its fellows: times as the table prints them."""

    cpu_time_str = _formatted("cpu_time")
    cpu_time_total_str = _formatted("cpu_time_total")
    self_cpu_time_total_str = _formatted("self_cpu_time_total")
    device_time_str = cuda_time_str = _formatted("device_time")
    device_time_total_str = cuda_time_total_str = _formatted("device_time_total")
    self_device_time_total_str = self_cuda_time_total_str = _formatted("self_device_time_total")
    # Kernels of OpenCL devices are not timed one by one.
    device_time = device_time_total = self_device_time_total = 0.0
    cuda_time = cuda_time_total = self_cuda_time_total = 0.0
    device_memory_usage = self_device_memory_usage = cuda_memory_usage = self_cuda_memory_usage = 0

    @property
    def cpu_time(self):
        """The average time of a call in microseconds."""
        return 0.0 if self.count == 0 else self.cpu_time_total / self.count


class FunctionEvent(FormattedTimesMixin):
    """One call of an operator, or one region of `record_function`."""

    count = 1
    kernels = ()

    def __init__(
        self, id, name, thread, start_us, end_us, overload_name=None, fwd_thread=None, input_shapes=None, stack=None,
        scope=0, use_device=None, cpu_memory_usage=0, device_memory_usage=0, is_async=False, is_remote=False,
        sequence_nr=-1, node_id=-1, device_type=0, device_index=0, device_resource_id=None, is_legacy=False,
        flops=None, trace_name=None, concrete_inputs=None, kwinputs=None, is_user_annotation=False,
        is_python_function=False, activity_type=None, metadata_json=None, flow_id=None, flow_type=None,
        flow_start=None, external_id=0, linked_correlation_id=0, extra_meta=None, structured_input_shapes=None,
        structured_input_strides=None, input_dtypes=None, python_id=-1, python_parent_id=-1, python_module_id=-1,
    ):  # fmt: skip
        given = dict(locals())
        for own in ("self", "start_us", "end_us"):
            del given[own]
        vars(self).update(given)
        self.overload_name = overload_name or ""
        self.trace_name = name if trace_name is None else trace_name
        self.time_range = Interval(start_us, end_us)
        self.fwd_thread = thread if fwd_thread is None else fwd_thread
        self.input_shapes, self.stack = input_shapes or (), stack or ()
        self.cpu_parent, self.cpu_children = None, []

    def append_cpu_child(self, child):
        """Makes an event one that this one called."""
        self.cpu_children.append(child)

    def set_cpu_parent(self, parent):
        """Says which event called this one."""
        self.cpu_parent = parent

    @property
    def key(self):
        """What events are summed up by: the name."""
        return self.name

    @property
    def cpu_time_total(self):
        """The time of the call with all that it called, in microseconds."""
        return self.time_range.elapsed_us()

    @property
    def self_cpu_time_total(self):
        """The time of the call without the events in it."""
        return self.cpu_time_total - sum(child.cpu_time_total for child in self.cpu_children)

    @property
    def self_cpu_memory_usage(self):
        """Bytes that the call took, or gave back where negative, without the events in it."""
        return self.cpu_memory_usage - sum(child.cpu_memory_usage for child in self.cpu_children)

    def __repr__(self):
        return (
            f"<FunctionEvent id={self.id} name={self.name} overload_name= device_type=DeviceType.CPU "
            f"node_id={self.node_id} cpu_time={self.cpu_time_str} start_us={self.time_range.start:.3f} "
            f"end_us={self.time_range.end:.3f} cpu_children={[child.id for child in self.cpu_children]} "
            f"None_time=0.000us name={self.name} thread={self.thread} input_shapes={list(self.input_shapes)} "
            f"cpu_memory_usage={self.cpu_memory_usage} None_memory_usage=0 is_async=False is_remote=False "
            f"seq_nr={self.sequence_nr} is_legacy=False>"
        )


class FunctionEventAvg(FormattedTimesMixin):
    """The sum of the events of one name."""

    use_device = None
    is_async = is_remote = is_legacy = False
    node_id = 0

    def __init__(self):
        self.key = None
        self.count = 0
        self.cpu_time_total = self.self_cpu_time_total = 0.0
        self.cpu_memory_usage = self.self_cpu_memory_usage = 0
        self.input_shapes = self.stack = self.scope = self.cpu_parent = None
        self.cpu_children = None
        self.flops = 0
        self.is_user_annotation = False
        self.overload_name = ""

    def add(self, other):
        """Adds an event, or another sum, of the same name; returns self."""
        if self.key is None:
            self.key, self.input_shapes, self.stack = (
                _step_name(other),
                other.input_shapes,
                other.stack,
            )
            self.cpu_parent, self.scope = other.cpu_parent, other.scope
            self.is_user_annotation = other.is_user_annotation
        self.count += other.count
        self.cpu_time_total += other.cpu_time_total
        self.self_cpu_time_total += other.self_cpu_time_total
        self.cpu_memory_usage += other.cpu_memory_usage
        self.self_cpu_memory_usage += other.self_cpu_memory_usage
        self.flops += other.flops or 0
        return self

    def __iadd__(self, other):
        return self.add(other)

    def __repr__(self):
        return (
            f"<FunctionEventAvg key={self.key} self_cpu_time={self.self_cpu_time_total_str} "
            f"cpu_time={self.cpu_time_str}  self_cuda_time=0.000us cuda_time=0.000us "
            f"input_shapes={self.input_shapes} cpu_memory_usage={self.cpu_memory_usage} cuda_memory_usage=0>"
        )


class EventList(list):
    """Events, or their sums, that print as a table."""

    def __init__(self, *args, profile_memory=False, with_flops=False, **kwargs):
        super().__init__(*args)
        self._profile_memory, self._with_flops = profile_memory, with_flops
        self._with_shapes = self._with_stack = False
        self.device_rows = []  # (device, name, start, duration) in microseconds: what devices ran

    def _like(self, events):
        made = EventList(events, profile_memory=self._profile_memory, with_flops=self._with_flops)
        made._with_shapes, made._with_stack = self._with_shapes, self._with_stack
        return made

    @property
    def self_cpu_time_total(self):
        """The time of all events, each without the events in it, in microseconds."""
        return sum(event.self_cpu_time_total for event in self)

    def __str__(self):
        return self.table()

    def key_averages(
        self, group_by_input_shapes=False, group_by_stack_n=0, group_by_overload_name=False
    ):
        """The sums by name, and by the shapes of inputs or the first `group_by_stack_n` lines of the stack as well."""
        sums = defaultdict(FunctionEventAvg)
        for event in self:
            key = [
                _step_name(event),
                str(event.input_shapes) if group_by_input_shapes else "",
                event.is_user_annotation,
            ]
            key += event.stack[:group_by_stack_n] if group_by_stack_n > 0 else []
            sums[tuple(key)].add(event)
        averages = self._like(sums.values())
        averages._with_shapes, averages._with_stack = group_by_input_shapes, group_by_stack_n > 0
        for event in averages:
            if not group_by_input_shapes:
                event.input_shapes = ""
            event.stack = list(event.stack[:group_by_stack_n]) if group_by_stack_n > 0 else []
        return averages

    def total_average(self):
        """The sum of all events, under the name "Total"."""
        total = FunctionEventAvg()
        for event in self:
            total.add(event)
            total.key = None
        total.key, total.input_shapes, total.stack = "Total", [], []
        return total

    def table(self, sort_by=None, row_limit=100, max_src_column_width=75, max_name_column_width=55,
              max_shapes_column_width=80, header=None, top_level_events_only=False, time_unit=None):  # fmt: skip
        """The table of the events, largest `sort_by` (an attribute of theirs) first, as text."""
        if not self:
            return ""
        events = self
        if sort_by is not None:
            events = sorted(events, key=lambda event: getattr(event, sort_by), reverse=True)
        total = self.self_cpu_time_total

        def time(us):
            return _format_time(us) if time_unit is None else _format_time_in(us, time_unit)

        columns = [
            ("Name", None, lambda e: _cut(e.key, max_name_column_width)),
            ("Self CPU %", 12, lambda e: _format_time_share(e.self_cpu_time_total, total)),
            ("Self CPU", 12, lambda e: time(e.self_cpu_time_total)),
            ("CPU total %", 12, lambda e: _format_time_share(e.cpu_time_total, total)),
            ("CPU total", 12, lambda e: time(e.cpu_time_total)),
            ("CPU time avg", 12, lambda e: time(e.cpu_time)),
        ]
        if self._profile_memory:
            columns += [
                ("CPU Mem", 12, lambda e: _format_memory(e.cpu_memory_usage)),
                ("Self CPU Mem", 12, lambda e: _format_memory(e.self_cpu_memory_usage)),
            ]
        columns.append(("# of Calls", 12, lambda e: str(e.count)))
        if self._with_shapes:
            columns.append(
                ("Input Shapes", None, lambda e: str(e.input_shapes)[:max_shapes_column_width])
            )
        if self._with_flops:
            unit, scale = _flops_unit(max((e.flops or 0 for e in events), default=0))
            columns.append(
                (f"Total {unit}", 12, lambda e: f"{e.flops / scale:.3f}" if e.flops else "--")
            )
        if self._with_stack:
            columns.append(
                ("Source Location", None, lambda e: _cut_front(_line(e, 0), max_src_column_width))
            )
        limits = {"Name": max_name_column_width, "Input Shapes": max_shapes_column_width,
                  "Source Location": max_src_column_width}  # fmt: skip
        full = {"Name": lambda e: e.key, "Input Shapes": lambda e: str(e.input_shapes),
                "Source Location": lambda e: _line(e, 0)}  # fmt: skip
        widths = [
            min(max(len(full[title](e)) for e in events) + 4, limits[title])
            if width is None
            else width
            for title, width, _ in columns
        ]
        rule = "  ".join("-" * width for width in widths) + "  "
        lines = []

        def row(cells):
            return "".join(
                f"{cell:>{width}}" + " " * _SPACING
                for cell, width in zip(cells, widths, strict=True)
            )

        if header is not None or top_level_events_only:
            lines.append("=" * (len(rule) - _SPACING))
        if header is not None:
            lines.append(header)
        if top_level_events_only:
            if header is not None:
                lines.append("=" * (len(rule) - _SPACING))
            lines.append("This report only display top-level ops statistics")
        lines += [rule, row([title for title, _, _ in columns]), rule]
        shown = 0
        for event in events:
            if shown == row_limit:
                break
            if top_level_events_only and event.cpu_parent is not None:
                continue
            shown += 1
            lines.append(row([text(event) for _, _, text in columns]))
            if self._with_stack:
                lines += [
                    row([""] * (len(columns) - 1) + [_cut_front(line, max_src_column_width)])
                    for line in event.stack[1:]
                ]
                lines.append(row([""] * len(columns)))
        lines.append(rule)
        lines.append(f"Self CPU time total: {_format_time(total)}")
        return "\n".join(lines) + "\n"

    def export_chrome_trace(self, path, metadata=None):
        """Writes the events as the JSON that chrome://tracing and Perfetto read."""
        import gzip

        pid = os.getpid()
        trace = [
            {
                "ph": "M",
                "name": "process_name",
                "ts": 0,
                "pid": pid,
                "tid": 0,
                "args": {"name": "python"},
            }
        ]
        for event in self:
            args = {"External id": event.id, "Sequence number": event.sequence_nr}
            if event.input_shapes:
                args["Input Dims"] = event.input_shapes
            if event.stack:
                args["Call stack"] = ";".join(event.stack)
            trace.append({
                "ph": "X",
                "cat": "user_annotation" if event.is_user_annotation else "cpu_op",
                "name": event.name,
                "pid": pid,
                "tid": event.thread,
                "ts": event.time_range.start,
                "dur": event.cpu_time_total,
                "args": args,
            })  # fmt: skip
        for device, name, start, duration in self.device_rows:
            kind = "gpu_memcpy" if name.startswith("copy ") else "kernel"
            trace.append({"ph": "X", "cat": kind, "name": name, "pid": device, "tid": "queue", "ts": start,
                          "dur": duration, "args": {}})  # fmt: skip
        contents = {
            "schemaVersion": 1,
            **(metadata or {}),
            "displayTimeUnit": "ms",
            "traceEvents": trace,
        }
        with gzip.open(path, "wt") if str(path).endswith(".gz") else open(path, "w") as file:
            json.dump(contents, file)

    def export_stacks(self, path, metric):
        """Writes the stacks with their times, one a line, as programs that draw flame graphs read them."""
        if metric not in ("self_cpu_time_total", "self_cuda_time_total", "self_device_time_total"):
            raise ValueError(
                "metric should be one of: ['self_cpu_time_total', 'self_cuda_time_total']"
            )
        totals = defaultdict(float)
        for event in self:
            if event.stack and getattr(event, metric) > 0:
                totals[";".join(line.replace(" ", "_") for line in reversed(event.stack))] += (
                    getattr(event, metric)
                )
        with open(path, "w") as file:
            file.writelines(f"{stack} {int(time)}\n" for stack, time in totals.items())


def _step_name(event):
    """The key of an event; the steps of a profile have one together."""
    return "ProfilerStep*" if event.key.startswith("ProfilerStep#") else event.key


def _cut(text, width):
    return text if len(text) <= width else text[: width - 3] + "..."


def _cut_front(text, width):
    return text if len(text) <= width else "..." + text[3 - width :]


def _line(event, number):
    return event.stack[number] if len(event.stack) > number else ""


def _flops_unit(largest):
    for unit, scale in (("TFLOPs", 1e12), ("GFLOPs", 1e9), ("MFLOPs", 1e6), ("KFLOPs", 1e3)):
        if largest >= scale:
            return unit, scale
    return "FLOPs", 1


# ---------------------------------------------------------------- what traces of devices hold

Kernel = namedtuple("Kernel", ["name", "device", "duration"])


@dataclasses.dataclass
class EventMetadata:
    """What Kineto knows of an event on a device; nothing fills it here."""

    registers_per_thread: int | None = None
    shared_memory: int | None = None
    grid: list | None = None
    block: list | None = None
    priority: int | None = None
    blocks_per_sm: float | None = None
    warps_per_sm: float | None = None
    occupancy: dict | None = None
    est_occupancy_pct: float | None = None
    queued: int | None = None
    graph_id: int | None = None
    graph_node_id: int | None = None
    stream: int | None = None
    context: int | None = None
    channel: int | None = None
    channel_type: int | None = None
    bytes: int | None = None
    bandwidth_gb_s: float | None = None
    collective_name: str | None = None
    dtype: str | None = None
    in_msg_nelems: int | None = None
    out_msg_nelems: int | None = None
    in_split_size: str | None = None
    out_split_size: str | None = None
    global_rank_start: int | None = None
    global_rank_stride: int | None = None
    group_size: int | None = None
    process_group_name: str | None = None
    process_group_desc: str | None = None
    group_ranks: str | None = None
    rank: int | None = None
    src_rank: int | None = None
    dst_rank: int | None = None
    seq: int | None = None
    is_async: bool | None = None


class StringTable(defaultdict):
    """Names by themselves: what is missing is the name itself."""

    def __missing__(self, key):
        self[key] = key
        return key


class MemRecordsAcc:
    """Records of memory by their start, to ask which lie in an interval."""

    def __init__(self, mem_records):
        self._records = sorted(mem_records, key=lambda record: record[0].start_ns())
        self._starts = [record[0].start_ns() for record in self._records]

    def in_interval(self, start_us, end_us):
        """Those that start between two times in microseconds."""
        first = bisect.bisect_left(self._starts, start_us * 1000)
        last = bisect.bisect_right(self._starts, end_us * 1000)
        return iter(self._records[first:last])
