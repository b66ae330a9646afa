"""What torch.cuda and torch.opencl offer alike: devices, memory, random states, streams and events of OpenCL devices.

"opencl:i" is any OpenCL device, GPUs first; "cuda:i" names the GPUs among them, or those that the environment variable
CYGRAD_DEVICE chose.  One queue a device works in order, so streams and events have little to do.
"""

import collections
import time

from cygrad import _core
from cygrad._operators import generators

PUBLIC = """can_device_access_peer current_device current_stream default_stream device_count empty_cache
    get_allocator_backend get_device_capability get_device_name get_device_properties get_per_process_memory_fraction
    get_rng_state get_rng_state_all init initial_seed ipc_collect is_available is_bf16_supported is_initialized
    manual_seed manual_seed_all max_memory_allocated max_memory_reserved mem_get_info memory_allocated memory_reserved
    memory_stats memory_stats_as_nested_dict memory_summary reset_accumulated_memory_stats reset_peak_memory_stats seed
    seed_all set_device set_per_process_memory_fraction set_rng_state set_rng_state_all set_stream stream
    synchronize""".split()


class DeviceProperties:
    """What the driver says of a device, under PyTorch's names; `handle` is pyopencl's device."""

    major = minor = 0  # of CUDA's capability: an OpenCL device has none

    def __init__(self, handle):
        self.handle = handle
        self.name, self.total_memory = handle.name, handle.global_mem_size
        self.multi_processor_count = handle.max_compute_units
        self.max_threads_per_block = handle.max_work_group_size
        self.shared_memory_per_block = handle.local_mem_size
        self.is_integrated = bool(handle.host_unified_memory)

    def __repr__(self):
        return (
            f"_CudaDeviceProperties(name='{self.name}', major=0, minor=0, "
            f"total_memory={self.total_memory // 2**20}MB, multi_processor_count={self.multi_processor_count})"
        )


class DeviceFunctions:
    """The functions of torch.cuda or torch.opencl, as methods."""

    def __init__(self, kind, without):
        self.kind = kind
        self.without = without  # said by a `with` block on a device that is not there
        self.Stream = type("Stream", (Stream,), {"of": self, "__module__": f"cygrad.{kind}"})
        self.Event = type("Event", (Event,), {"of": self, "__module__": f"cygrad.{kind}"})
        self.device = type("device", (CurrentDevice,), {"of": self, "__module__": f"cygrad.{kind}"})

    def published(self):
        """Names and values for the module."""
        classes = {"Stream": self.Stream, "Event": self.Event, "StreamContext": StreamContext, "device": self.device}
        return {name: getattr(self, name) for name in PUBLIC} | classes

    def backend(self):
        return _core.backend(self.kind)

    def index_of(self, device):
        if device is None:
            return self.backend().current_device(self.kind)
        if isinstance(device, int):
            return device
        index = _core.device(device).index
        return self.backend().current_device(self.kind) if index is None else index

    def code_of(self, device):
        """The core's number of what a program names; an error where there is no such device."""
        return self.backend().device_code(self.kind, self.index_of(device))

    # ---- devices

    def is_available(self):
        """Whether there is such a device (for "cuda": an OpenCL GPU, or one that CYGRAD_DEVICE chose)."""
        return self.device_count() > 0

    def device_count(self):
        """How many there are; 0 without pyopencl or a driver."""
        return self.backend().device_count(self.kind)

    def current_device(self):
        """The index that the kind without an index means."""
        self.code_of(None)
        return self.index_of(None)

    def set_device(self, device):
        """Makes a device what the kind without an index means."""
        self.backend().set_device(self.kind, self.index_of(device))

    def get_device_name(self, device=None):
        """The driver's name of a device."""
        return self.backend().device_name(self.code_of(device))

    def get_device_properties(self, device=None):
        """What the driver says of a device: `DeviceProperties`."""
        return DeviceProperties(self.backend().device_properties(self.code_of(device)))

    def get_device_capability(self, device=None):
        """(0, 0): an OpenCL device has no version of CUDA's."""
        self.code_of(device)
        return 0, 0

    def is_bf16_supported(self, including_emulation=True):
        """Whether bfloat16 tensors work on the device."""
        return self.is_available()

    def can_device_access_peer(self, device, peer_device):
        """Whether a device reads another's memory: no."""
        self.code_of(device), self.code_of(peer_device)
        return False

    def ipc_collect(self):
        """Nothing is shared between processes."""
        self.code_of(None)

    def is_initialized(self):
        """Whether a device has been used."""
        return self.is_available() and _core.backend_loaded()

    def init(self):
        """Nothing: the first use of a device opens it."""
        self.code_of(None)

    def synchronize(self, device=None):
        """Waits until the device has done all it was given."""
        self.backend().synchronize(self.code_of(device))

    # ---- memory

    def _bytes(self, figure, device):
        return getattr(self.backend(), figure)(self.code_of(device)) if self.is_available() else 0

    def memory_allocated(self, device=None):
        """Bytes in live tensors."""
        return self._bytes("memory_allocated", device)

    def memory_reserved(self, device=None):
        """Bytes held from the driver: in tensors, or kept for the next ones."""
        return self._bytes("memory_reserved", device)

    def max_memory_allocated(self, device=None):
        """The most that `memory_allocated` was."""
        return self._bytes("max_memory_allocated", device)

    def max_memory_reserved(self, device=None):
        """The most that `memory_reserved` was."""
        return self._bytes("max_memory_reserved", device)

    def empty_cache(self):
        """Gives the unused blocks back to the drivers."""
        if self.is_available():
            self.backend().empty_cache()

    def reset_peak_memory_stats(self, device=None):
        """Starts `max_memory_allocated` and `max_memory_reserved` anew."""
        self.backend().reset_peak_memory_stats(self.code_of(device))

    def reset_accumulated_memory_stats(self, device=None):
        """Nothing is accumulated."""
        self.code_of(device)

    def memory_stats(self, device=None):
        """The figures of the memory by PyTorch's names, as far as they are kept; empty where there is no device."""
        if not self.is_available():
            return collections.OrderedDict()
        return collections.OrderedDict(
            {
                "allocated_bytes.all.current": self.memory_allocated(device),
                "allocated_bytes.all.peak": self.max_memory_allocated(device),
                "reserved_bytes.all.current": self.memory_reserved(device),
                "reserved_bytes.all.peak": self.max_memory_reserved(device),
            }
        )

    def memory_stats_as_nested_dict(self, device=None):
        """The figures of `memory_stats`, a dict for each part of their names."""
        nested = {}
        for name, value in self.memory_stats(device).items():
            *parts, last = name.split(".")
            into = nested
            for part in parts:
                into = into.setdefault(part, {})
            into[last] = value
        return nested

    def memory_summary(self, device=None, abbreviated=False):
        """The figures of `memory_stats` as lines of text."""
        self.code_of(device)
        return "".join(f"{name:<32}{value:>16}\n" for name, value in self.memory_stats(device).items())

    def mem_get_info(self, device=None):
        """(free, total) bytes of a device, as far as this process knows."""
        total = self.get_device_properties(device).total_memory
        return total - self.memory_reserved(device), total

    def set_per_process_memory_fraction(self, fraction, device=None):
        """What this process may take of a device's memory; more is an OutOfMemoryError."""
        if not isinstance(fraction, float):
            raise TypeError("Invalid type for fraction argument, must be `float`")
        if not 0 <= fraction <= 1:
            raise ValueError(f"Invalid fraction value: {fraction}. Allowed range: 0~1")
        total = self.get_device_properties(device).total_memory
        self.backend().set_memory_limit(self.code_of(device), int(total * fraction))

    def get_per_process_memory_fraction(self, device=None):
        """The part of a device's memory that this process may take."""
        total = self.get_device_properties(device).total_memory
        return self.backend().memory_limit(self.code_of(device)) / total

    def get_allocator_backend(self):
        """How memory is kept for the next tensors: as PyTorch's own allocator does."""
        return "native"

    # ---- random numbers

    def _generator(self, device=None):
        return generators.default_for(self.code_of(device))

    def manual_seed(self, seed):
        """Seeds the current device's generator; without a device it does nothing, as in PyTorch."""
        if self.is_available():
            self._generator().manual_seed(int(seed))

    def manual_seed_all(self, seed):
        """Seeds the generators of all devices; without a device it does nothing, as in PyTorch."""
        for i in range(self.device_count()):
            self._generator(i).manual_seed(int(seed))

    def seed(self):
        """As `manual_seed`, from the operating system; without a device it does nothing."""
        if self.is_available():
            self._generator().seed()

    def seed_all(self):
        """As `manual_seed_all`, from the operating system; without a device it does nothing."""
        if self.is_available():
            self.manual_seed_all(self._generator(0).seed())

    def initial_seed(self):
        """The seed of the current device's generator."""
        return self._generator().initial_seed()

    def get_rng_state(self, device=None):
        """The state of a device's generator: 16 bytes, its seed and its offset."""
        return self._generator(device).get_state()

    def set_rng_state(self, new_state, device=None):
        """Sets the state of a device's generator; without a device it does nothing, as in PyTorch."""
        if self.is_available():
            self._generator(device).set_state(new_state)

    def get_rng_state_all(self):
        """The states of the devices' generators."""
        return [self.get_rng_state(i) for i in range(self.device_count())]

    def set_rng_state_all(self, new_states):
        """Sets the states of the devices' generators."""
        for i, state in enumerate(new_states):
            self.set_rng_state(state, i)

    # ---- streams

    def stream(self, stream):
        """A `with` block whose work goes to `stream`; None is allowed."""
        return StreamContext(stream)

    def current_stream(self, device=None):
        """The queue of a device."""
        self.code_of(device)
        return self.Stream(device)

    default_stream = current_stream

    def set_stream(self, stream):
        """Does nothing: there is one queue."""
        self.code_of(None)


class Stream:
    """The queue of a device: all streams of a device are this one. RuntimeError where there is no device."""

    def __init__(self, device=None, priority=0, **kwargs):
        if not self.of.device_count():
            raise RuntimeError(f"torch.{self.of.kind}.Stream requires {self.of.kind.upper()} support")
        self._device_code = self.of.code_of(device)
        self.stream_id = 0

    def synchronize(self):
        """Waits until the device has done all it was given."""
        self.of.backend().synchronize(self._device_code)

    def query(self):
        """Whether the device has done all it was given; waits for it."""
        self.synchronize()
        return True

    def wait_event(self, event):
        """Does nothing: what the event stands for is already before what follows."""

    def wait_stream(self, stream):
        """Does nothing: there is one queue."""

    def record_event(self, event=None):
        """Records an event, a new one if none is given, and returns it."""
        event = self.of.Event() if event is None else event
        event.record(self)
        return event

    def __eq__(self, other):
        return isinstance(other, Stream) and other._device_code == self._device_code

    def __hash__(self):
        return hash(self._device_code)


class Event:
    """A point in the work of a device. RuntimeError where there is no device."""

    def __init__(self, enable_timing=False, blocking=False, interprocess=False, external=False, *, device=None):
        if not self.of.device_count():
            raise RuntimeError("Tried to instantiate dummy base class Event")
        self._timing, self._time, self._stream = enable_timing, None, None

    def record(self, stream=None):
        """Marks this point; with timing it waits for the device, to read the clock."""
        self._stream = self.of.current_stream() if stream is None else stream
        if self._timing:
            self._stream.synchronize()
        self._time = time.perf_counter()

    def synchronize(self):
        """Waits until the device has come to this point."""
        if self._stream is not None:
            self._stream.synchronize()

    def query(self):
        """Whether the device has come to this point; waits for it."""
        self.synchronize()
        return True

    def wait(self, stream=None):
        """Does nothing: what the event stands for is already before what follows."""

    def elapsed_time(self, end_event):
        """Milliseconds between two recorded events that were made with ``enable_timing=True``."""
        if not (self._timing and end_event._timing):
            raise ValueError("Both events must be created with argument 'enable_timing=True'.")
        if self._time is None or end_event._time is None:
            raise ValueError("Both events must be recorded before calculating elapsed time.")
        return 1e3 * (end_event._time - self._time)


class StreamContext:
    """A `with` block whose work goes to a stream: there is one queue, so it changes nothing."""

    def __init__(self, stream):
        self.stream = stream

    def __enter__(self):
        return None

    def __exit__(self, *exc):
        return None


class CurrentDevice:
    """A `with` block in which another device is the current one; None or a negative index leaves it."""

    def __init__(self, device):
        self.idx = -1 if device is None else self.of.index_of(device)

    def __enter__(self):
        if self.idx >= 0:
            if not self.of.is_available():
                raise RuntimeError(self.of.without)
            self._before = self.of.current_device()
            self.of.set_device(self.idx)

    def __exit__(self, *exc):
        if self.idx >= 0:
            self.of.set_device(self._before)


def get_device_module(device=None):
    """torch.cuda for "cuda", torch.opencl for "opencl", ...; without a device, that of the accelerator or the CPU."""
    import cygrad

    if device is None:
        device = cygrad.accelerator.current_accelerator() or "cpu"
    if not isinstance(device, (str, _core.device)):
        raise RuntimeError(f"Invalid value of device '{device}', expect torch.device, str, or None")
    kind = _core.device(device).type
    module = getattr(cygrad, kind, None)
    if module is None:
        raise RuntimeError(f"Device '{kind}' does not have a corresponding module registered as 'torch.{kind}'.")
    return module
