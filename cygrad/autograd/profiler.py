"""torch.autograd.profiler: how long the operators of a block take.

While a profile runs, `_dispatch` reports every public operator of the thread, and the engine every node of a backward
pass. Without one nothing is asked.
"""

import enum
import functools
import os
import sys
import threading
import warnings
from time import perf_counter_ns

import cygrad
from cygrad import Tensor, _core, _dispatch, _engine, cl

from . import _operator_names
from .profiler_util import EventList, FunctionEvent, MemRecordsAcc

__all__ = [
    "DeviceType",
    "EnforceUnique",
    "KinetoStepTracker",
    "MemRecordsAcc",
    "parse_nvprof_trace",
    "profile",
    "record_function",
    "emit_itt",
    "emit_nvtx",
    "load_nvprof",
    "EventList",
    "FunctionEvent",
]

_USER_SCOPE, _BACKWARD_SCOPE = 7, 1
_PACKAGE = os.path.dirname(cygrad.__file__) + os.sep
_users = 0  # profiles under way


class _Event:
    """What is written down while an event runs; a FunctionEvent is made of it afterwards."""

    __slots__ = (
        "name", "parent", "scope", "shapes", "stack", "args", "flops", "bytes", "start", "end",
    )  # fmt: skip


class Recorder:
    """Writes events down, in the order in which they start."""

    operator_name = staticmethod(_operator_names.operator_name)

    def __init__(self, record_shapes, profile_memory, with_stack, with_flops):
        self.record_shapes, self.profile_memory = record_shapes, profile_memory
        self.with_stack, self.with_flops = with_stack, with_flops
        self.events = []
        self.device_events = {}  # device code: (name, start, end) of kernels and copies
        self.rows = []  # (where, name, start, end) of what other threads did for this one
        self.running = None
        self.started = perf_counter_ns()

    def enter(self, name, args, backward=False, user=False):
        """Starts an event; returns what `leave` takes.

        An operator that calls one of its own name, as `F.relu` calls `torch.relu`, is one event.
        """
        if self.running is not None and self.running.name == name and not user:
            return None
        event = _Event()
        event.name = _operator_names.of_index(args[1]) if name == "aten::__getitem__" else name
        event.parent = self.running
        event.scope = _USER_SCOPE if user else _BACKWARD_SCOPE if backward else 0
        event.shapes = [_shape(x) for x in args] if self.record_shapes else ()
        event.stack = _stack() if self.with_stack else ()
        event.args = args if self.with_flops else None
        event.flops = None
        event.end = None
        self.events.append(event)
        self.running = event
        event.bytes = _core.memory_stats()[0] if self.profile_memory else 0
        event.start = perf_counter_ns()
        return event

    def leave(self, event, result=None):
        """Ends an event."""
        if event is None:
            return
        event.end = perf_counter_ns()
        if self.profile_memory:
            event.bytes = _core.memory_stats()[0] - event.bytes
        self.running = event.parent
        if event.args:
            outer = _dispatch.set_recorder(None)
            event.flops = _flops(event.name, event.args, result)
            _dispatch.set_recorder(outer)
            event.args = None

    def function_events(self, first_id=1):
        """The events that have ended, as an EventList."""
        thread = threading.get_native_id()
        made, of = [], {}
        for number, event in enumerate(self.events):
            if event.end is None:
                continue
            of[event] = FunctionEvent(
                first_id + number,
                event.name,
                thread,
                (event.start - self.started) / 1000,
                (event.end - self.started) / 1000,
                input_shapes=event.shapes if self.record_shapes else [],
                stack=list(event.stack),
                scope=event.scope,
                cpu_memory_usage=event.bytes,
                flops=event.flops,
                is_user_annotation=event.scope == _USER_SCOPE,
            )
            caller = of.get(event.parent)
            if caller is not None:
                of[event].set_cpu_parent(caller)
                caller.append_cpu_child(of[event])
            made.append(of[event])
        events = EventList(made, profile_memory=self.profile_memory, with_flops=self.with_flops)
        events.device_rows = [
            (str(_core.device_of_code(code)), name, (start - self.started) / 1000, (end - start) / 1000)
            for code, found in self.device_events.items()
            for name, start, end in found
        ] + [
            (where, name, (start - self.started) / 1000, (end - start) / 1000)
            for where, name, start, end in self.rows
        ]
        return events


def _shape(x):
    if isinstance(x, Tensor):
        return list(x.shape)
    if isinstance(x, (list, tuple)) and x and all(isinstance(item, Tensor) for item in x):
        return [list(item.shape) for item in x]
    return []


def _stack():
    """The lines of the program that lead here, the innermost first, without the library's own."""
    lines, frame = [], sys._getframe(2)
    while frame is not None:
        code = frame.f_code
        if not code.co_filename.startswith(_PACKAGE):
            lines.append(f"{code.co_filename}({frame.f_lineno}): {code.co_name}")
        frame = frame.f_back
    return lines


def _flops(name, args, result):
    """The multiplications and additions of products, convolutions, `mul` and `add`; None of other operators."""
    tensors = [x for x in args if isinstance(x, Tensor)]
    if len(tensors) < 2 or not isinstance(result, Tensor):
        return None
    if name in ("aten::mm", "aten::matmul", "aten::bmm", "aten::linear"):
        return 2 * result.numel() * tensors[0].shape[-1]
    if name in ("aten::addmm", "aten::baddbmm"):
        return 2 * result.numel() * tensors[1].shape[-1]
    if name == "aten::conv2d":
        return 2 * result.numel() * tensors[1][0].numel()
    return result.numel() if name in ("aten::mul", "aten::add") else None


def _start(recorder):
    """Has operators of this thread, nodes and steps of optimizers reported; returns what `_stop` takes."""
    global _users
    if _users == 0:
        _engine.set_recorder(_dispatch.get_recorder)
        cl.start_profile(perf_counter_ns)
    _users += 1
    return _dispatch.set_recorder(recorder), recorder


def _stop(started):
    """Ends what `_start` began."""
    global _users
    _dispatch.set_recorder(started[0])
    _users -= 1
    if _users == 0:
        started[1].device_events = cl.stop_profile()
        _engine.set_recorder(None)


class profile:
    """A context that times the operators in it.

    with profile() as prof: ...; print(prof.key_averages().table(sort_by="self_cpu_time_total"))

    `record_shapes` notes the shapes of the inputs, `profile_memory` the bytes taken, `with_stack` the lines of the
    program, `with_flops` the operations of products. Operators on OpenCL devices count with the time that it takes to
    launch them; how long their kernels and copies ran is in the trace, a row per device. Of profiles within each
    other, the innermost has the events.
    """

    def __init__(self, enabled=True, *, use_cuda=False, use_device=None, record_shapes=False, with_flops=False,
                 profile_memory=False, with_stack=False, with_modules=False, use_kineto=False, use_cpu=True,
                 experimental_config=None, acc_events=False, custom_trace_id_callback=None,
                 post_processing_timeout_s=None, activity_filters=None):  # fmt: skip
        self.enabled = enabled
        if use_cuda:
            warnings.warn(
                "The attribute `use_cuda` will be deprecated soon, please use ``use_device = 'cuda'`` instead.",
                FutureWarning,
                stacklevel=2,
            )
            use_device = "cuda"
        if enabled and use_device == "cuda" and not cygrad.cuda.is_available():
            warnings.warn("CUDA is not available, disabling CUDA profiling", stacklevel=2)
            use_device = None
        self.use_device, self.use_cuda = use_device, use_device == "cuda"
        self.record_shapes, self.with_flops = record_shapes or with_flops, with_flops
        self.profile_memory, self.with_stack, self.with_modules = (
            profile_memory,
            with_stack,
            with_modules,
        )
        self.entered = False
        self.function_events = None
        self._recorder = self._started = None

    def __enter__(self):
        if not self.enabled:
            return None
        if self.entered:
            raise RuntimeError("Profiler context manager is not reentrant")
        self.entered = True
        self._recorder = Recorder(
            self.record_shapes, self.profile_memory, self.with_stack, self.with_flops
        )
        self._started = _start(self._recorder)
        return self

    def __exit__(self, exc_type, exc_value, traceback):
        if self.enabled:
            _stop(self._started)
            self.function_events = self._recorder.function_events()
            self._recorder = self._started = None
        return False

    def _finished(self):
        if self.function_events is None:
            raise RuntimeError("Profiler didn't finish running")
        return self.function_events

    def __repr__(self):
        return (
            "<unfinished torch.autograd.profile>"
            if self.function_events is None
            else repr(self.function_events)
        )

    def __str__(self):
        return (
            "<unfinished torch.autograd.profile>"
            if self.function_events is None
            else str(self.function_events)
        )

    def table(self, sort_by=None, row_limit=100, max_src_column_width=75, max_name_column_width=55,
              max_shapes_column_width=80, header=None, top_level_events_only=False, time_unit=None):  # fmt: skip
        """The events, not summed up, as `EventList.table` prints them."""
        events = self._finished()
        events._with_shapes = self.record_shapes
        return events.table(sort_by, row_limit, max_src_column_width, max_name_column_width,
                            max_shapes_column_width, header, top_level_events_only, time_unit)  # fmt: skip

    def export_chrome_trace(self, path):
        """Writes the events as the JSON that chrome://tracing reads."""
        self._finished().export_chrome_trace(path)

    def export_stacks(self, path, metric="self_cpu_time_total"):
        """Writes the stacks of the events, which need `with_stack=True`, with their times."""
        if not self.with_stack:
            raise AssertionError("export_stacks() requires with_stack=True")
        self._finished().export_stacks(path, metric)

    def key_averages(
        self, group_by_input_shape=False, group_by_stack_n=0, group_by_overload_name=False
    ):
        """The events summed up by name, and by the shapes of the inputs or lines of the stack as well."""
        return self._finished().key_averages(
            group_by_input_shape, group_by_stack_n, group_by_overload_name
        )

    def total_average(self):
        """The sum of all events."""
        return self._finished().total_average()

    @property
    def self_cpu_time_total(self):
        """The time of all events in microseconds."""
        return self._finished().self_cpu_time_total


class record_function:
    """A context, or a decorator, that is an event of this name in a profile."""

    def __init__(self, name, args=None):
        self.name, self.args = name, args
        self._running = None

    def __enter__(self):
        recorder = _dispatch.get_recorder()
        self._running = recorder and (recorder, recorder.enter(self.name, (), user=True))
        return self

    def __exit__(self, exc_type, exc_value, traceback):
        if self._running:
            self._running[0].leave(self._running[1])
            self._running = None
        return False

    def __call__(self, function):
        @functools.wraps(function)
        def decorated(*args, **kwargs):
            with record_function(self.name, self.args):
                return function(*args, **kwargs)

        return decorated


class emit_nvtx:
    """Would mark operators for NVIDIA's tools, which do not see OpenCL: entering it raises."""

    def __init__(self, enabled=True, record_shapes=False):
        self.enabled = enabled

    def __enter__(self):
        if self.enabled:
            raise AssertionError("Torch not compiled with CUDA enabled")

    def __exit__(self, exc_type, exc_value, traceback):
        return False


class emit_itt(emit_nvtx):
    """Would mark operators for Intel's tools: entering it raises."""

    def __enter__(self):
        if self.enabled:
            raise RuntimeError("ITT functions not installed. Are you sure you have a ITT build?")


def load_nvprof(path):
    """Would read a trace of nvprof; raises."""
    raise NotImplementedError("cygrad runs on OpenCL, of which nvprof writes no traces")


class DeviceType(enum.IntEnum):
    """Kinds of devices, by PyTorch's numbers."""

    CPU, CUDA, MKLDNN, OPENGL, OPENCL, IDEEP, HIP, FPGA, MAIA, XLA, Vulkan, Metal, XPU, MPS = range(14)
    Meta, HPU, VE, Lazy, IPU, MTIA, PrivateUse1 = range(14, 21)

    def __repr__(self):
        return f"<DeviceType.{self.name}: {self.value}>"

    def __str__(self):
        return f"DeviceType.{self.name}"


class EnforceUnique:
    """Raises where a key comes a second time."""

    def __init__(self):
        self._seen = set()

    def see(self, *key):
        """Takes note of a key."""
        if key in self._seen:
            raise RuntimeError("duplicate key: " + str(key))
        self._seen.add(key)


class KinetoStepTracker:
    """Counts the steps of several requesters: the number of steps of a program is the largest."""

    _current_step = 0
    _steps = {}

    @classmethod
    def init_step_count(cls, requester):
        """Starts a requester at the present step."""
        cls._steps[requester] = cls._current_step

    @classmethod
    def erase_step_count(cls, requester):
        """Forgets a requester; whether there was one."""
        return cls._steps.pop(requester, None) is not None

    @classmethod
    def increment_step(cls, requester):
        """One more step of a requester; returns the present step."""
        if requester not in cls._steps:
            cls.init_step_count(requester)
        cls._steps[requester] += 1
        cls._current_step = max(cls._current_step, cls._steps[requester])
        return cls._current_step

    @classmethod
    def current_step(cls):
        """The present step."""
        return cls._current_step


def parse_nvprof_trace(path):
    """Not there: cygrad does not read traces of nvprof."""
    raise NotImplementedError("cygrad does not read traces of nvprof")
