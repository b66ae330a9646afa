"""The profile of torch.profiler, on top of the recorder of torch.autograd.profiler."""

import enum
import os
import socket
import time
import warnings

import cygrad
from cygrad.autograd import profiler as _profiler
from cygrad.autograd.profiler_util import EventList


class ProfilerActivity(enum.Enum):
    """What can be profiled; cygrad profiles the CPU, on which OpenCL kernels are launched."""

    CPU = 0
    XPU = 1
    MTIA = 2
    CUDA = 3
    HPU = 4
    PrivateUse1 = 5


class ProfilerAction(enum.Enum):
    """What a profile does in a step."""

    NONE = 0
    WARMUP = 1
    RECORD = 2
    RECORD_AND_SAVE = 3
    DEVICE_STOPPED = 4


_RECORDING = (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE)


def supported_activities():
    """{ProfilerActivity.CPU}"""
    return {ProfilerActivity.CPU}


def schedule(*, wait, warmup, active, repeat=0, skip_first=0, skip_first_wait=0):
    """A function of the step's number for `profile(schedule=...)`.

    After `skip_first` steps, cycles of `wait` idle steps, `warmup` steps whose events are dropped and `active` steps
    that are recorded; `repeat` cycles, or no end of them. With `skip_first_wait` the first cycle does not wait.
    """
    if min(wait, warmup, active - 1, repeat, skip_first) < 0:
        raise AssertionError(
            f"Invalid profiler schedule arguments. Got wait={wait} (need >= 0), warmup={warmup} (need >= 0), "
            f"active={active} (need > 0), repeat={repeat} (need >= 0), skip_first={skip_first} (need >= 0)."
        )
    if warmup == 0:
        warnings.warn(
            "Profiler won't be using warmup, this can skew profiler results", stacklevel=2
        )

    cycle = wait + warmup + active
    ends = {
        ProfilerAction.NONE: wait,
        ProfilerAction.WARMUP: wait + warmup,
        ProfilerAction.RECORD: cycle - 1,
        ProfilerAction.RECORD_AND_SAVE: cycle,
    }

    def action(step):
        if step < 0:
            raise AssertionError(f"Step must be non-negative. Got {step}.")
        place = step - skip_first + (wait if skip_first_wait else 0)
        if step < skip_first or (repeat and place >= repeat * cycle):
            return ProfilerAction.NONE
        return next(found for found, end in ends.items() if place % cycle < end)

    return action


def tensorboard_trace_handler(dir_name, worker_name=None, use_gzip=False, use_python_export=False):
    """An `on_trace_ready` that writes traces to `dir_name`, where TensorBoard's plugin finds them."""

    def handler(prof):
        if not os.path.isdir(dir_name):
            try:
                os.makedirs(dir_name, exist_ok=True)
            except Exception as error:
                raise RuntimeError("Can't create directory: " + str(dir_name)) from error
        worker = worker_name or f"{socket.gethostname()}_{os.getpid()}"
        name = f"{worker}.{time.time_ns()}.pt.trace.json" + (".gz" if use_gzip else "")
        prof.export_chrome_trace(os.path.join(dir_name, name))

    return handler


class profile:
    """A context that times the operators in it, in all of its steps or those that `schedule` names.

    `on_trace_ready(prof)` is called after each recorded cycle, `step()` tells that a step is over. The other
    arguments are those of `torch.autograd.profiler.profile`.
    """

    def __init__(self, *, activities=None, schedule=None, on_trace_ready=None, record_shapes=False,
                 profile_memory=False, with_stack=False, with_flops=False, with_modules=False,
                 experimental_config=None, execution_trace_observer=None, acc_events=False, use_cuda=None,
                 custom_trace_id_callback=None, post_processing_timeout_s=None):  # fmt: skip
        self.activities = set(activities) if activities is not None else supported_activities()
        if use_cuda is not None:
            warnings.warn(
                "`use_cuda` is deprecated, use `activities` argument instead",
                FutureWarning,
                stacklevel=2,
            )
            (self.activities.add if use_cuda else self.activities.discard)(ProfilerActivity.CUDA)
        if not self.activities:
            raise AssertionError("No valid profiler activities found")
        if execution_trace_observer is not None:
            raise NotImplementedError("cygrad has no execution trace observers")
        self.schedule = schedule or (lambda step: ProfilerAction.RECORD)
        self.record_steps = schedule is not None
        self.on_trace_ready = on_trace_ready
        self.record_shapes, self.with_flops = record_shapes or with_flops, with_flops
        self.profile_memory, self.with_stack, self.with_modules = (
            profile_memory,
            with_stack,
            with_modules,
        )
        self.acc_events = acc_events
        self.step_num = 0
        self.current_action = self.schedule(0)
        self.step_rec_fn = None
        self._metadata = {}
        self._recorder = self._started = self._events = None
        self._running = False
        self.profiler = None  # the finished torch.autograd.profiler.profile

    # ---- running

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, exc_type, exc_value, traceback):
        self.stop()
        return False

    def start(self):
        """Starts with step 0."""
        if ProfilerActivity.CUDA in self.activities and not cygrad.cuda.is_available():
            warnings.warn("CUDA is not available, disabling CUDA profiling", stacklevel=3)
        self._running = True
        if self.current_action in _RECORDING:
            self._start_recording()
        self._begin_step()

    def stop(self):
        """Ends the profile; a trace under way is ready."""
        self._running = False
        self._end_step()
        if self._started is not None:
            self._finish()
        self.current_action = ProfilerAction.NONE

    def step(self):
        """Says that the next step begins."""
        if not self._running:
            return
        self._end_step()
        before, self.step_num = self.current_action, self.step_num + 1
        self.current_action = self.schedule(self.step_num)
        if before is ProfilerAction.RECORD_AND_SAVE or (
            before in _RECORDING and self.current_action not in _RECORDING
        ):
            self._finish()
        if self.current_action in _RECORDING and self._started is None:
            self._start_recording()
        self._begin_step()

    def _begin_step(self):
        if self.record_steps:
            self.step_rec_fn = _profiler.record_function(f"ProfilerStep#{self.step_num}")
            self.step_rec_fn.__enter__()

    def _end_step(self):
        if self.step_rec_fn is not None:
            self.step_rec_fn.__exit__(None, None, None)
            self.step_rec_fn = None

    def _start_recording(self):
        self._recorder = _profiler.Recorder(
            self.record_shapes, self.profile_memory, self.with_stack, self.with_flops
        )
        self._started = _profiler._start(self._recorder)

    def _finish(self):
        _profiler._stop(self._started)
        kept = self._events if self.acc_events and self._events is not None else []
        events = self._recorder.function_events(len(kept) + 1)
        self._events = EventList(
            [*kept, *events], profile_memory=self.profile_memory, with_flops=self.with_flops
        )
        self._events.device_rows = [*getattr(kept, "device_rows", []), *events.device_rows]
        self._recorder = self._started = None
        self.profiler = _profiler.profile(
            record_shapes=self.record_shapes,
            profile_memory=self.profile_memory,
            with_stack=self.with_stack,
        )
        self.profiler.function_events = self._events
        if self.on_trace_ready is not None:
            self.on_trace_ready(self)

    # ---- what was recorded

    def events(self):
        """The events, in the order in which they started."""
        if self._events is None:
            raise AssertionError("Profiler must be initialized before accessing events")
        self._events._with_shapes = self.record_shapes
        return self._events

    def key_averages(
        self, group_by_input_shape=False, group_by_stack_n=0, group_by_overload_name=False
    ):
        """The events summed up by name, and by the shapes of the inputs or lines of the stack as well."""
        if self._events is None:
            raise AssertionError("Profiler must be initialized before getting key averages")
        return self._events.key_averages(
            group_by_input_shape, group_by_stack_n, group_by_overload_name
        )

    def export_chrome_trace(self, path, use_python_export=False):
        """Writes the trace as the JSON that chrome://tracing reads; gzipped if the name ends in ".gz"."""
        self.events().export_chrome_trace(path, self._metadata)

    def export_stacks(self, path, metric="self_cpu_time_total"):
        """Writes the stacks of the events, which need `with_stack=True`, with their times."""
        if not self.with_stack:
            raise AssertionError("export_stacks() requires with_stack=True")
        self.events().export_stacks(path, metric)

    def export_memory_timeline(self, path, device=None):
        """Would draw memory over time; raises."""
        raise NotImplementedError(
            "cygrad's profiler does not draw memory timelines: see profile_memory=True"
        )

    def add_metadata(self, key, value):
        """Adds a string to the trace."""
        self._metadata[key] = value

    def add_metadata_json(self, key, value):
        """Adds a string to the trace that is JSON already."""
        import json

        self._metadata[key] = json.loads(value)
