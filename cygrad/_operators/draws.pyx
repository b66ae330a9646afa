"""Random tensors on the CPU, in PyTorch's order: `torch.rand` and its fellows, and the in-place draws.

`_kernels/random.pyx` turns the generator's words into numbers on raw memory; here are the arguments, the order in which
elements are visited (see the head of that file) and the gradients, which are zero: a drawn value does not depend on
what was overwritten.
"""
cimport cython
from libc.stdint cimport uint8_t

from cygrad._core cimport (
    BOOL, CFLOAT, DOUBLE, FLOAT, HALF, INT64, MAX_DIMS, META, UINT8, Tensor, as_device_code, attach, bump, data_of,
    default_dtype_code, device_object, grad_enabled, make_size, node_type, raw_view, rebase,
    refuse_complex, shallow)
from cygrad._core cimport new_tensor as make
from libc.math cimport sqrt
from cygrad._ops cimport contiguous, copy_into, expand_to, to_dtype
from cygrad._creation.factories cimport check_layout, device_option, dtype_option, finish, parse_sizes
from cygrad._creation.bridge cimport PRESERVE, copy_as, empty_in_format, format_code
from cygrad._kernels.random cimport Generator as Stream, fill_normal, fill_uniform
from cygrad import _core, _ops
from cygrad._creation import bridge as _bridge
from cygrad._operators import complex as _complex, gamma as _gamma
from cygrad._kernels import random as _random


# ------------------------------------------------------------------ generators

@cython.binding(False)    # its methods check the type of `self`
cdef class Generator(Stream):
    """Generator(device='cpu'): a stream of random numbers with a state of its own."""

    def __init__(self, device="cpu"):
        cdef int dev = as_device_code(device, 0)
        need_host("Generator", dev)
        self.device = device_object(dev)

    def get_state(self):
        """The state as a tensor of 5,056 bytes that PyTorch can read."""
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


cdef int need_host(str function, int dev) except -1:
    if dev:
        raise NotImplementedError(f"{function}: random numbers on device '{device_object(dev)}' are not implemented")
    return 0


cdef int need_host_or_meta(str function, int dev) except -1:
    """For draws that only fill: on meta there is nothing to fill."""
    return 0 if dev == META else need_host(function, dev)


default_generator = Generator()
cdef Stream _default = default_generator


cdef Stream stream(str function, object generator):
    if generator is None:
        return _default
    if not isinstance(generator, Stream):
        raise TypeError(f"{function}(): argument 'generator' must be torch.Generator, not {type(generator).__name__}")
    return <Stream> generator


# ------------------------------------------------------------------ arguments

cdef double real(str function, str name, int position, object x) except? -1e300:
    if isinstance(x, (float, int)):
        return x
    if isinstance(x, Tensor) and (<Tensor> x).nd == 0 or getattr(x, "ndim", 1) == 0 and hasattr(x, "dtype"):
        return float(x)
    raise TypeError(f"{function}(): argument '{name}' (position {position}) must be float, not {type(x).__name__}")


cdef object whole(str function, str name, int position, object x):
    if isinstance(x, bool) or not hasattr(x, "__index__") or isinstance(x, Tensor) and (<Tensor> x).dt >= HALF:
        raise TypeError(f"{function}(): argument '{name}' (position {position}) must be int, not {type(x).__name__}")
    return x.__index__()


cdef Tensor tensor_argument(str function, str name, object x):
    if not isinstance(x, Tensor):
        raise TypeError(f"{function}(): argument '{name}' (position 1) must be Tensor, not {type(x).__name__}")
    need_host(function, (<Tensor> x).dev)
    return <Tensor> x


cdef Tensor real_argument(str function, str name, object x):
    cdef Tensor t = tensor_argument(function, name, x)
    refuse_complex(function, t)
    return t


cdef Tensor target(str function, tuple args, object size, object out, object dtype, object layout, object device,
                   int default):
    """The new tensor that a function with PyTorch's usual options fills, or `out` brought to the shape."""
    cdef Py_ssize_t[MAX_DIMS] sizes
    cdef int nd = parse_sizes(function, "size", args, size, sizes)
    cdef int dt = dtype_option(function, dtype, default)
    cdef int dev = device_option(function, device)
    check_layout(function, layout)
    need_host_or_meta(function, dev)
    if out is None:
        return make(nd, sizes, dt, dev)
    return fitted(function, out, make_size(nd, sizes), dtype)


cdef Tensor fitted(str function, object out, object shape, object dtype):
    if not isinstance(out, Tensor):
        raise TypeError(f"{function}(): argument 'out' must be Tensor, not {type(out).__name__}")
    need_host_or_meta(function, (<Tensor> out).dev)
    if dtype is not None and out.dtype != dtype:
        raise RuntimeError(f"dtype {_core.SCALAR_TYPE_NAMES[dtype_option(function, dtype, 0)]} does not match dtype of "
                           f"out parameter ({_core.SCALAR_TYPE_NAMES[(<Tensor> out).dt]})")
    if out.shape != shape:
        out.resize_(shape)
    return <Tensor> out


cdef Tensor like(str function, object input, object dtype, object layout, object device, object memory_format):
    if not isinstance(input, Tensor):
        tensor_argument(function, "input", input)
    cdef Tensor t = <Tensor> input
    check_layout(function, layout)
    cdef int dev = t.dev if device is None else device_option(function, device)
    need_host_or_meta(function, dev)
    return empty_in_format(t, dtype_option(function, dtype, t.dt), dev,
                           PRESERVE if memory_format is None else format_code(memory_format))


# ------------------------------------------------------------------ filling

cdef Tensor memory_view(Tensor t):
    """`t` with its dimensions in the order of memory: largest stride first."""
    cdef Py_ssize_t[MAX_DIMS] sizes
    cdef Py_ssize_t[MAX_DIMS] strides
    cdef int i, d
    order = sorted(range(t.nd), key=lambda i: -t.strides[i])
    for i in range(t.nd):
        d = order[i]
        sizes[i], strides[i] = t.sizes[d], t.strides[d]
    return raw_view(t, t.nd, sizes, strides, t.offset)


cdef Tensor draw(Tensor t, object filler):
    """Has `filler(address, count, strided)` fill the elements of `t` in the order of memory."""
    cdef Tensor view, buffer
    cdef int i
    if t.dev:
        return t
    refuse_complex("random draw", t)
    if t.contiguous:
        filler(<size_t> data_of(t), t.count, False)
        return t
    for i in range(t.nd):
        if t.strides[i] == 0 and t.sizes[i] > 1:
            raise RuntimeError("unsupported operation: more than one element of the written-to tensor refers to a "
                               "single memory location. Please clone() the tensor before performing the operation.")
    view = memory_view(t)
    buffer = make(view.nd, view.sizes, t.dt, 0)
    filler(<size_t> data_of(buffer), t.count, True)
    copy_into(view, buffer)
    return t


def _zero_gradient(node, g):
    return g.new_zeros(g.shape)


cdef Tensor parts_of(Tensor t):
    """The real numbers that a draw fills: of a complex tensor its parts."""
    return <Tensor> _complex.view_as_real(shallow(t)) if t.dt >= CFLOAT else t


cdef int part_dtype(Tensor t) noexcept:
    return t.dt - 2 if t.dt >= CFLOAT else t.dt


cdef Tensor overwrite(str function, Tensor t, str name, object filler):
    """An in-place draw: checks, fills and records it."""
    need_host_or_meta(function, t.dev)
    if function != "uniform_" and function != "normal_":
        refuse_complex(function, t)
    cdef bint recorded = _core.prepare_inplace(t)
    draw(parts_of(t), filler)
    if recorded:
        node = _core.new_function_node(node_type(name, _core.FunctionNode), "", (t,))
        _core.set_function(node, _zero_gradient, 1)
        rebase(t, node)
    bump(t)
    return t


# ------------------------------------------------------------------ new tensors

cdef Tensor fill_rand(Stream g, Tensor t):
    if t.dev:
        return t
    if t.dt >= CFLOAT:
        fill_rand(g, parts_of(t))
        return t
    if t.contiguous and t.dt >= HALF:
        fill_uniform(&g.mt, data_of(t), t.count, t.dt, 0, 1)
        return t
    return draw(t, lambda p, n, strided: _random.uniform(g, p, n, t.dt))


cdef Tensor fill_randn(Stream g, Tensor t, double mean, double std):
    if t.dev:
        return t
    if t.dt >= CFLOAT:          # the variance is that of both parts together
        fill_randn(g, parts_of(t), mean, std * sqrt(0.5))
        return t
    if t.contiguous and t.dt >= HALF and std >= 0:
        fill_normal(&g.mt, data_of(t), t.count, t.dt, mean, std, False)
        return t
    return draw(t, lambda p, n, strided: _random.normal(g, p, n, t.dt, mean, std, strided))


def rand(*args, size=None, generator=None, out=None, dtype=None, layout=None, device=None, requires_grad=False,
         pin_memory=False):
    """Uniform numbers in [0, 1)."""
    cdef Stream g = stream("rand", generator)
    cdef Tensor t = target("rand", args, size, out, dtype, layout, device, default_dtype_code())
    fill_rand(g, t)
    return finish(t, requires_grad)


def randn(*args, size=None, generator=None, out=None, dtype=None, layout=None, device=None, requires_grad=False,
          pin_memory=False):
    """Numbers of the standard normal distribution."""
    cdef Stream g = stream("randn", generator)
    cdef Tensor t = target("randn", args, size, out, dtype, layout, device, default_dtype_code())
    fill_randn(g, t, 0, 1)
    return finish(t, requires_grad)


def rand_like(input, *, generator=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False,
              memory_format=None):
    """Uniform numbers in [0, 1) with the shape, dtype and memory order of `input`."""
    cdef Tensor t = like("rand_like", input, dtype, layout, device, memory_format)
    return finish(fill_rand(stream("rand_like", generator), t), requires_grad)


def randn_like(input, *, generator=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False,
               memory_format=None):
    """Standard normal numbers with the shape, dtype and memory order of `input`."""
    cdef Tensor t = like("randn_like", input, dtype, layout, device, memory_format)
    return finish(fill_randn(stream("randn_like", generator), t, 0, 1), requires_grad)


RANDINT_FORMS = "\n" + "".join(
    f" * ({bounds}, tuple of ints size, *, {options}torch.dtype dtype = None, torch.layout layout = None, torch.device "
    "device = None, bool pin_memory = False, bool requires_grad = False)\n"
    for bounds in ("int high", "int low, int high")
    for options in ("torch.Generator generator, Tensor out = None, ", "Tensor out = None, "))


cdef bint is_whole(object x):
    return (hasattr(x, "__index__") and not isinstance(x, bool)
            and not (isinstance(x, Tensor) and ((<Tensor> x).nd or (<Tensor> x).dt >= HALF)))


def randint(*args, low=None, high=None, size=None, generator=None, out=None, dtype=None, layout=None, device=None,
            requires_grad=False, pin_memory=False):
    """randint(high, size), randint(low, high, size): integers in [low, high), of dtype int64 unless told otherwise."""
    given = list(args)
    shape = size if size is not None else given.pop() if given else None
    if low is None and high is None and len(given) == 1:
        high = given.pop(0)
    if given and low is None:
        low = given.pop(0)
    if given and high is None:
        high = given.pop(0)
    if low is None:
        low = 0
    if given or not isinstance(shape, (tuple, list)) or not is_whole(high) or not is_whole(low):
        named = {k: v for k, v in (("low", None if low == 0 else low), ("high", high), ("size", size))
                 if v is not None and not args}
        raise _bridge.combination_error("randint", args, named, RANDINT_FORMS)
    cdef Stream g = stream("randint", generator)
    cdef Tensor t = target("randint", (), shape, out, dtype, layout, device, INT64)
    first, last = low.__index__(), high.__index__()
    draw(t, lambda p, n, strided: _random.random_from_to(g, p, n, t.dt, first, last))
    return finish(t, requires_grad)


def randint_like(input, low=None, high=None, *, generator=None, dtype=None, layout=None, device=None,
                 requires_grad=False, pin_memory=False, memory_format=None):
    """randint_like(input, high), randint_like(input, low, high): integers in [low, high)."""
    cdef Tensor t = like("randint_like", input, dtype, layout, device, memory_format)
    cdef Stream g = stream("randint_like", generator)
    if high is None:
        low, high = 0, low
    first = whole("randint_like", "low", 2, 0 if low is None else low)
    last = whole("randint_like", "high", 3, high)
    draw(t, lambda p, n, strided: _random.random_from_to(g, p, n, t.dt, first, last))
    return finish(t, requires_grad)


def randperm(n, *, generator=None, out=None, dtype=None, layout=None, device=None, requires_grad=False,
             pin_memory=False):
    """A permutation of 0 .. n-1."""
    cdef Stream g = stream("randperm", generator)
    count = whole("randperm", "n", 1, n)
    cdef Tensor t = target("randperm", (count,), None, out, dtype, layout, device, INT64)
    draw(t, lambda p, m, strided: _random.randperm(g, p, m, t.dt))
    return finish(t, requires_grad)


NORMAL_FORMS = """
 * (Tensor mean, Tensor std, *, torch.Generator generator = None, Tensor out = None)
 * (Tensor mean, float std = 1, *, torch.Generator generator = None, Tensor out = None)
 * (float mean, Tensor std, *, torch.Generator generator = None, Tensor out = None)
 * (float mean, float std, tuple of ints size, *, torch.Generator generator = None, Tensor out = None, torch.dtype \
dtype = None, torch.layout layout = None, torch.device device = None, bool pin_memory = False, bool requires_grad = \
False)
"""


def normal(mean=0.0, std=1.0, size=None, *, generator=None, out=None, dtype=None, layout=None, device=None,
           requires_grad=False, pin_memory=False):
    """Normal numbers: of a mean and a standard deviation and a size, or one for each element of tensors."""
    cdef Stream g = stream("normal", generator)
    cdef bint from_mean = isinstance(mean, Tensor), from_std = isinstance(std, Tensor)
    cdef Tensor t
    if not from_mean and not from_std:
        if size is None:
            raise _bridge.combination_error("normal", (mean, std), {}, NORMAL_FORMS)
        t = target("normal", (), (size,) if isinstance(size, int) else size, out, dtype, layout, device,
                   default_dtype_code())
        fill_randn(g, t, real("normal", "mean", 1, mean), real("normal", "std", 2, std))
        return finish(t, requires_grad)
    for x in (mean, std):
        if isinstance(x, Tensor):
            need_host("normal", (<Tensor> x).dev)
    if from_std:
        if (<Tensor> std).count and float(std.detach().min()) < 0:
            raise RuntimeError("normal expects all elements of std >= 0.0")
    elif not std >= 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std:g}")
    operands = tuple([x for x in (mean, std) if isinstance(x, Tensor)])
    t = _ops.empty(broadcast_shape(operands), (<Tensor> operands[0]).dt) if out is None else \
        fitted("normal", out, broadcast_shape(operands), None)
    fill_randn(g, t, 0, 1)
    plain = [x.detach() if isinstance(x, Tensor) else x for x in (mean, std)]
    recording = _core.set_grad_mode(False)
    try:
        t.mul_(plain[1]).add_(plain[0])
    finally:
        _core.set_grad_mode(recording)
    name = "NormalBackward3" if from_mean and from_std else "NormalBackward1" if from_mean else "NormalBackward2"
    return attach(t, name, operands, _zero_gradients, None, tuple([x.shape for x in operands]))


cdef object broadcast_shape(tuple tensors):
    """The shape that one or two tensors broadcast to."""
    a, b = tensors[0].shape, tensors[len(tensors) - 1].shape
    if a == b:
        return a
    n = max(len(a), len(b))
    shape = []
    for i in range(n):
        x, y = (s[i - n + len(s)] if i >= n - len(s) else 1 for s in (a, b))
        if x != y and x != 1 and y != 1:
            raise RuntimeError(f"The size of tensor a ({x}) must match the size of tensor b ({y}) at non-singleton "
                               f"dimension {i}")
        shape.append(y if x == 1 else x)
    return tuple(shape)


def _zero_gradients(node, g):
    return tuple([g.new_zeros(shape) for shape in node.args])


def bernoulli(input, p=None, *, generator=None, out=None):
    """1 with the probability that each element of `input` says, else 0; bernoulli(input, p): with probability p."""
    cdef Tensor t = real_argument("bernoulli", "input", input), r, probability
    cdef Stream g = stream("bernoulli", generator)
    if p is not None:
        chance = real("bernoulli", "p", 2, p)
        r = empty_in_format(t, t.dt, 0, PRESERVE) if out is None else fitted("bernoulli", out, t.shape, None)
        return draw(r, lambda at, n, strided: _random.bernoulli(g, at, n, r.dt, chance))
    probability = contiguous(shallow(t))
    r = make(t.nd, t.sizes, t.dt, 0)
    _random.bernoulli_tensor(g, <size_t> data_of(r), r.count, r.dt, <size_t> data_of(probability), probability.dt)
    if out is not None:
        return deliver("bernoulli", out, r)
    return attach(r, "BernoulliBackward0", (t,), _zero_gradient, None, ())


def multinomial(input, num_samples, replacement=False, *, generator=None, out=None):
    """Indices drawn from each row of weights, (m,) or (n, m), as int64: (num_samples,) or (n, num_samples)."""
    cdef Tensor t = real_argument("multinomial", "input", input), r
    cdef Stream g = stream("multinomial", generator)
    if t.nd not in (1, 2):
        raise RuntimeError("prob_dist must be 1 or 2 dim")
    samples = whole("multinomial", "num_samples", 2, num_samples)
    if not t.contiguous and not replacement and 0 < samples <= t.sizes[t.nd - 1] and t.dt >= HALF:
        # The draws follow the memory of the weights, which the kernel takes row by row.
        r = ranked(g, shallow(t), samples)
        return r if out is None else deliver("multinomial", out, r)
    t = contiguous(shallow(t))
    rows = t.sizes[0] if t.nd == 2 else 1
    r = _ops.empty((*t.shape[:-1], max(samples, 0)), INT64)
    _random.multinomial(g, <size_t> data_of(r), <size_t> data_of(t), rows, t.sizes[t.nd - 1], t.dt, samples,
                        bool(replacement))
    return r if out is None else deliver("multinomial", out, r)


cdef Tensor deliver(str function, object out, Tensor r):
    cdef Tensor o = fitted(function, out, r.shape, None)
    copy_into(o, r)
    bump(o)
    return o


cdef Tensor ranked(Stream g, Tensor weights, Py_ssize_t samples):
    """The places of the largest weights / exponential(1)."""
    if not bool((weights >= 0).all()) or bool((weights == float("inf")).any()):
        raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
    cdef Tensor q = empty_in_format(weights, weights.dt, 0, PRESERVE)
    draw(q, lambda p, n, strided: _random.exponential(g, p, n, q.dt, 1))
    return <Tensor> (weights / q).topk(samples).indices


def poisson(input, generator=None):
    """Poisson numbers, one for each rate in `input`."""
    cdef Tensor t = real_argument("poisson", "input", input), r, rate
    rate = contiguous(shallow(t))
    r = make(t.nd, t.sizes, t.dt, 0)
    _random.poisson(stream("poisson", generator), <size_t> data_of(r), <size_t> data_of(rate), r.count, r.dt)
    return attach(r, "PoissonBackward0", (t,), _zero_gradient, None, ())


def binomial(count, prob, generator=None):
    """Binomial numbers of `count` trials with probability `prob`, tensors that broadcast."""
    cdef Tensor c = real_argument("binomial", "count", count), q = real_argument("binomial", "prob", prob), r
    shape = broadcast_shape((c, q))
    r = _ops.empty(shape, c.dt)
    c = contiguous(expand_to(c, r.nd, r.sizes))
    q = to_dtype(contiguous(expand_to(q, r.nd, r.sizes)), c.dt)
    _random.binomial(stream("binomial", generator), <size_t> data_of(r), <size_t> data_of(c), <size_t> data_of(q),
                     r.count, r.dt)
    return attach(r, "BinomialBackward0", (count, prob), _zero_gradients, None, (count.shape, prob.shape))


# ------------------------------------------------------------------ in place

def uniform_(Tensor self not None, object lo=0, object hi=1, *, generator=None, **named):
    """Uniform numbers in [from, to)."""
    # `from` is a keyword of Python's, so that the names arrive by a dictionary.
    lo, hi = named.pop("from", lo), named.pop("to", hi)
    if named:
        raise TypeError(f"uniform_() got an unexpected keyword argument '{next(iter(named))}'")
    cdef Stream g = stream("uniform_", generator)
    cdef double a = real("uniform_", "from", 1, lo), b = real("uniform_", "to", 2, hi)
    cdef int dt = part_dtype(self)
    return overwrite("uniform_", self, "UniformBackward0",
                     lambda p, n, strided: _random.uniform(g, p, n, dt, a, b))


def normal_(Tensor self not None, mean=0, std=1, *, generator=None):
    """Normal numbers."""
    cdef Stream g = stream("normal_", generator)
    cdef double m = real("normal_", "mean", 1, mean), s = real("normal_", "std", 2, std)
    cdef int dt = part_dtype(self)
    if self.dt >= CFLOAT:
        s *= sqrt(0.5)
    return overwrite("normal_", self, "NormalBackward0",
                     lambda p, n, strided: _random.normal(g, p, n, dt, m, s, strided))


def trunc_normal_(Tensor self not None, double mean=0, double std=1, double a=-2, double b=2, *, generator=None):
    """Normal numbers that lie in [a, b]: what nn.init.trunc_normal_ draws."""
    cdef Stream g = stream("trunc_normal_", generator)
    return overwrite("trunc_normal_", self, "NormalBackward0",
                     lambda p, n, strided: _random.trunc_normal(g, p, n, self.dt, mean, std, a, b, strided))


def random_(Tensor self not None, *args, generator=None, **named):
    """random_(), random_(to), random_(from, to): integers over the dtype's range, below `to`, in [from, to)."""
    cdef Stream g = stream("random_", generator)
    lo, hi = named.pop("from", None), named.pop("to", None)
    if named:
        raise TypeError(f"random_() got an unexpected keyword argument '{next(iter(named))}'")
    given = list(args)
    if len(given) == 1 and lo is None and hi is None:
        hi = given.pop()
    if given and lo is None:
        lo = given.pop(0)
    if given and hi is None:
        hi = given.pop(0)
    if given:
        raise TypeError(f"random_() takes from 0 to 2 positional arguments but {len(args)} were given")
    if lo is None and hi is None:
        return overwrite("random_", self, "RandomBackward2",
                         lambda p, n, strided: _random.random(g, p, n, self.dt))
    name = "RandomBackward1" if lo is None else "RandomBackward0"
    first = 0 if lo is None else whole("random_", "from", 1, lo)
    last = None if hi is None else whole("random_", "to", 2, hi)
    return overwrite("random_", self, name,
                     lambda p, n, strided: _random.random_from_to(g, p, n, self.dt, first, last))


def bernoulli_(Tensor self not None, p=0.5, *, generator=None):
    """1 with probability p (a number, or a tensor that broadcasts to this one), else 0."""
    cdef Stream g = stream("bernoulli_", generator)
    cdef Tensor q
    cdef double chance
    if isinstance(p, Tensor):
        need_host("bernoulli_", (<Tensor> p).dev)
        q = shallow(<Tensor> p.expand(self.shape))
        # The probabilities in the order in which the elements are visited.
        if not self.contiguous:
            order = sorted(range(self.nd), key=lambda i: -self.strides[i])
            q = <Tensor> q.permute(order)
        q = contiguous(shallow(q))
        return overwrite("bernoulli_", self, "BernoulliBackward1", lambda at, n, strided: _random.bernoulli_tensor(
            g, at, n, self.dt, <size_t> data_of(q), q.dt))
    chance = real("bernoulli_", "p", 1, p)
    return overwrite("bernoulli_", self, "BernoulliBackward2",
                     lambda at, n, strided: _random.bernoulli(g, at, n, self.dt, chance))


def exponential_(Tensor self not None, lambd=1, *, generator=None):
    """Exponential numbers of rate `lambd`."""
    cdef Stream g = stream("exponential_", generator)
    cdef double rate = real("exponential_", "lambd", 1, lambd)
    return overwrite("exponential_", self, "ExponentialBackward0",
                     lambda p, n, strided: _random.exponential(g, p, n, self.dt, rate))


def cauchy_(Tensor self not None, median=0, sigma=1, *, generator=None):
    """Cauchy numbers."""
    cdef Stream g = stream("cauchy_", generator)
    cdef double m = real("cauchy_", "median", 1, median), s = real("cauchy_", "sigma", 2, sigma)
    return overwrite("cauchy_", self, "CauchyBackward0",
                     lambda p, n, strided: _random.cauchy(g, p, n, self.dt, m, s))


def geometric_(Tensor self not None, p, *, generator=None):
    """How many trials of probability p until the first success."""
    cdef Stream g = stream("geometric_", generator)
    cdef double chance = real("geometric_", "p", 1, p)
    return overwrite("geometric_", self, "GeometricBackward0",
                     lambda at, n, strided: _random.geometric(g, at, n, self.dt, chance))


def log_normal_(Tensor self not None, mean=1, std=2, *, generator=None):
    """exp of normal numbers."""
    cdef Stream g = stream("log_normal_", generator)
    cdef double m = real("log_normal_", "mean", 1, mean), s = real("log_normal_", "std", 2, std)
    return overwrite("log_normal_", self, "LogNormalBackward0",
                     lambda p, n, strided: _random.log_normal(g, p, n, self.dt, m, s))


def standard_gamma(input, generator=None):
    """Gamma numbers of scale 1, one for each shape parameter in `input`; differentiable once (see `gamma.pyx`)."""
    cdef Tensor t = real_argument("_standard_gamma", "input", input), r, alpha
    alpha = contiguous(shallow(t))
    r = make(t.nd, t.sizes, t.dt, 0)
    _random.standard_gamma(stream("_standard_gamma", generator), <size_t> data_of(r), <size_t> data_of(alpha), r.count,
                           r.dt)
    return attach(r, "StandardGammaBackward0", (t,), _standard_gamma_backward, (t, r), ())


def _standard_gamma_backward(node, g):
    alpha, sample = node.saved()
    return g * standard_gamma_grad(alpha, sample)


cdef Tensor same_layout(str function, Tensor t, Tensor like):
    """`t` expanded to the shape of `like`, contiguous."""
    if t.dt != like.dt or t.dt not in (FLOAT, DOUBLE):
        raise NotImplementedError(f"{function}: expected tensors of one dtype, float32 or float64")
    return contiguous(expand_to(shallow(t), like.nd, like.sizes))


def standard_gamma_grad(Tensor input not None, Tensor output not None):
    """How gamma samples `output` move with their shape parameters `input`."""
    cdef Tensor x = same_layout("_standard_gamma_grad", output, output), r = make(x.nd, x.sizes, x.dt, 0)
    cdef Tensor alpha = same_layout("_standard_gamma_grad", input, output)
    _gamma.gamma_gradients(<size_t> data_of(r), <size_t> data_of(alpha), <size_t> data_of(x), r.count, r.dt == DOUBLE)
    return r


def sample_dirichlet(input, generator=None):
    """Points of the simplex: gamma numbers of the shape parameters `input`, (..., n), over their sum."""
    cdef Tensor t = tensor_argument("_sample_dirichlet", "input", input), r
    recording = _core.set_grad_mode(False)
    try:
        x = standard_gamma(t.double() if t.dt == FLOAT else t, generator)  # small ones leave float's range
        r = to_dtype(<Tensor> (x / x.sum(-1, True)), t.dt)
        r = <Tensor> r.clamp_(2.0 ** -126 if r.dt == FLOAT else 2.0 ** -1022)
    finally:
        _core.set_grad_mode(recording)
    return attach(r, "DirichletBackward", (t,), _dirichlet_backward, (t, r), ())


def _dirichlet_backward(node, g):
    alpha, x = node.saved()
    moved = dirichlet_grad(x, alpha, alpha.sum(-1, True).expand(alpha.shape))
    return moved * (g - (x * g).sum(-1, True))


def dirichlet_grad(Tensor x not None, Tensor alpha not None, Tensor total not None):
    """What `_gamma.dirichlet_gradients` says, elementwise."""
    cdef Tensor y = same_layout("_dirichlet_grad", x, x), r = make(y.nd, y.sizes, y.dt, 0)
    cdef Tensor a = same_layout("_dirichlet_grad", alpha, x), s = same_layout("_dirichlet_grad", total, x)
    _gamma.dirichlet_gradients(<size_t> data_of(r), <size_t> data_of(y), <size_t> data_of(a), <size_t> data_of(s),
                               r.count, r.dt == DOUBLE)
    return r


# ------------------------------------------------------------------ dropout

cdef int check_dropout(double p, Tensor t) except -1:
    if not 0 <= p <= 1:
        raise RuntimeError(f"dropout probability has to be between 0 and 1, but got {p:g}")
    return 0


def dropout(Tensor input not None, double p, bint train):
    """Each element times 1 / (1 - p) with probability 1 - p, else times 0; `input` itself outside of training."""
    cdef Tensor x, r, mask
    check_dropout(p, input)
    if not train or p == 0 or input.count == 0:
        return input
    need_host("dropout", input.dev)
    if input.dt < HALF:
        raise RuntimeError("result type Float can't be cast to the desired output type "
                           f"{_core.SCALAR_TYPE_NAMES[input.dt]}")
    if p == 1:
        return input * 0
    # The mask is drawn in the order of memory, with the strides of the input where those leave no gaps.
    x = shallow(input) if input.contiguous or _ops.is_dense(input) else \
        copy_as(shallow(input), input.dt, 0, PRESERVE, None)
    r = empty_in_format(x, x.dt, 0, PRESERVE)
    mask = empty_in_format(x, BOOL, 0, PRESERVE)
    _random.dropout(_default, <size_t> data_of(r), <size_t> data_of(mask), <size_t> data_of(x), x.count, x.dt, p)
    return attach(r, "MulBackward0", (input,), _dropout_backward, (mask,), (p,))


def _dropout_backward(node, Tensor g):
    cdef Tensor mask = (<tuple> tuple(node.saved()))[0], r
    cdef double scale = 1 / (1 - <double> node.args[0])
    cdef Py_ssize_t i, n = g.count
    cdef const uint8_t* keep
    cdef const float* a
    cdef float* b
    cdef float f = <float> scale
    if g.dt == FLOAT and g.contiguous and mask.contiguous and not grad_enabled():
        r = make(g.nd, g.sizes, FLOAT, 0)
        keep, a, b = <const uint8_t*> data_of(mask), <const float*> data_of(g), <float*> data_of(r)
        with nogil:
            for i in range(n):
                b[i] = a[i] * (f * keep[i])
        return r
    return g * (to_dtype(mask, g.dt) * scale)


cdef Tensor noise(Tensor input, double p):
    """0 with probability p, else 1 / (1 - p)."""
    cdef Tensor r = empty_in_format(input, input.dt, 0, PRESERVE)
    draw(r, lambda at, n, strided: _random.bernoulli(_default, at, n, r.dt, 1 - p))
    return <Tensor> r.mul_(1 / (1 - p))


def dropout_(Tensor self not None, double p, bint train):
    """dropout in place."""
    check_dropout(p, self)
    if not train or p == 0 or self.count == 0:
        return self
    need_host("dropout_", self.dev)
    return self.mul_(0) if p == 1 else self.mul_(noise(self, p))


def feature_dropout(Tensor input not None, double p, bint train):
    """dropout of whole channels: one draw for each of the first two dimensions' positions."""
    cdef Tensor mask
    check_dropout(p, input)
    if not train or p == 0 or input.count == 0:
        return input
    need_host("feature_dropout", input.dev)
    if input.nd < 2:
        raise RuntimeError("Feature dropout requires at least 2 dimensions in the input")
    if p == 1:
        return input * 0
    mask = _ops.empty((*input.shape[:2], *[1] * (input.nd - 2)), input.dt)
    draw(mask, lambda at, n, strided: _random.bernoulli(_default, at, n, mask.dt, 1 - p))
    return input * mask.mul_(1 / (1 - p))


FUNCTIONS = {f.__name__: f for f in (
    rand, randn, rand_like, randn_like, randint, randint_like, randperm, normal, bernoulli, multinomial, poisson,
    binomial, dropout, dropout_, feature_dropout)}
FUNCTIONS |= {"_standard_gamma": standard_gamma, "_standard_gamma_grad": standard_gamma_grad,
              "_sample_dirichlet": sample_dirichlet, "_dirichlet_grad": dirichlet_grad,
              "Generator": Generator, "default_generator": default_generator}
METHODS = {f.__name__: f for f in (
    uniform_, normal_, random_, bernoulli, bernoulli_, exponential_, cauchy_, geometric_, log_normal_, multinomial)}
PROPERTIES = {}
