"""Generators of random numbers, and the default one of each device: torch.Generator.

The CPU's stream is in the object (`_kernels/random.pyx`); another device's is an object of the device's module, which
the generator holds.
"""
cimport cython

from cygrad._core cimport META, UINT8, Tensor, as_device_code, data_of, device_object
from cygrad._kernels.random cimport Generator as Stream
from cygrad import _core
from cygrad._creation import bridge as _bridge

cdef object _device_seed = 67280421310721       # what the streams of devices start at when they are first used
cdef dict _device_generators = {}               # device code -> default generator


@cython.binding(False)    # its methods check the type of `self`
cdef class Generator(Stream):
    """Generator(device='cpu'): a stream of random numbers with a state of its own."""

    def __init__(self, device="cpu"):
        cdef int dev = as_device_code(device, 0)
        if dev == META:
            raise RuntimeError("Device type META is not supported for torch.Generator() api.")
        self.device = device_object(dev)
        self.engine = _core.backend_of(dev).generator() if dev else None

    def manual_seed(self, seed):
        """Restart the stream at `seed`, an int in [-2^63, 2^64); negative ones count from 2^64."""
        Stream.manual_seed(self, seed)
        if self.engine is not None:
            self.engine.start(Stream.initial_seed(self))
        return self

    def seed(self):
        """Restart at a seed from the operating system and return it."""
        start = Stream.seed(self)
        if self.engine is not None:
            self.engine.start(start)
        return start

    def initial_seed(self):
        return Stream.initial_seed(self) if self.engine is None else self.engine.seed

    def get_offset(self):
        return Stream.get_offset(self) if self.engine is None else self.engine.offset

    def set_offset(self, offset):
        if self.engine is None:
            Stream.set_offset(self, offset)
        self.engine.set_offset(offset)
        return self

    def state_bytes(self):
        return Stream.state_bytes(self) if self.engine is None else self.engine.state_bytes()

    def set_state_bytes(self, bytes state not None):
        if self.engine is None:
            Stream.set_state_bytes(self, state)
        else:
            self.engine.set_state_bytes(state)
        return self

    def get_state(self):
        """The state as a tensor of bytes that PyTorch can read: 5,056 of the CPU's, 16 of other streams."""
        cdef bytes state = self.state_bytes()
        return _bridge.rebuild_tensor(_bridge.rebuild_storage(state), _core.DTYPES[UINT8], 0, (len(state),), (1,))

    def set_state(self, new_state):
        """Goes on from a state that `get_state` gave, here or in PyTorch."""
        cdef Tensor t
        if not isinstance(new_state, Tensor):
            raise TypeError(f"expected a torch.ByteTensor, but got {type(new_state).__name__}")
        t = <Tensor> new_state
        if t.dt != UINT8 or t.dev or not t.contiguous:
            raise TypeError("RNG state must be a torch.ByteTensor")
        self.set_state_bytes(data_of(t)[:t.count])
        return self


default_generator = Generator()
cdef Stream _default = default_generator


def default_for(int dev):
    """The generator that draws on a device use when they are given none."""
    if dev == 0:
        return _default
    if dev not in _device_generators:
        g = Generator(device_object(dev))
        (<Generator> g).engine = _core.backend_of(dev).generator(dev, _device_seed)
        _device_generators[dev] = g
    return _device_generators[dev]


def seed_devices(seed):
    """Restarts the streams of all devices, those too that are not in use yet."""
    global _device_seed
    _device_seed = seed
    for g in _device_generators.values():
        g.manual_seed(seed)


cdef Stream stream(str function, object generator, int dev):
    """The generator for a draw on device `dev`."""
    if generator is None:
        if dev == 0 or dev == META:
            return _default
        return <Stream> default_for(dev)
    if not isinstance(generator, Stream):
        raise TypeError(f"{function}(): argument 'generator' must be torch.Generator, not {type(generator).__name__}")
    if dev != META and generator.device.type != device_object(dev).type:
        raise RuntimeError(f"Expected a '{device_object(dev).type}' device type for generator but found "
                           f"'{generator.device.type}'")
    return <Stream> generator
