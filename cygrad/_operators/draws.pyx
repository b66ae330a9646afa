"""Random tensors, in PyTorch's order: `torch.rand` and its fellows, and the in-place draws.

On the CPU `_kernels/random.pyx` turns the generator's words into numbers on raw memory (the order in which elements are
visited is in the head of that file); other devices have streams of their own, and primitives.  Here are the arguments
and the gradients, which are zero: a drawn value does not depend on what was overwritten.
"""
from libc.stdint cimport uint8_t

from cygrad._core cimport (
    BOOL, CFLOAT, DOUBLE, FLOAT, HALF, INT64, MAX_DIMS, META, Tensor, attach, bump, data_of, default_dtype_code,
    grad_enabled, make_size, node_type, raw_view, rebase, refuse_complex, shallow)
from cygrad._core cimport new_tensor as make
from libc.math cimport sqrt
from cygrad._ops cimport CHECKED, contiguous, copy_into, expand_to, refuse_self_overlap, store, to_dtype
from cygrad._creation.factories cimport check_layout, device_option, dtype_option, finish, parse_sizes
from cygrad._creation.bridge cimport PRESERVE, copy_as, empty_in_format, format_code
from cygrad._kernels.random cimport Generator as Stream, fill_normal, fill_uniform
from cygrad._operators.generators cimport Generator, stream
from cygrad._operators.family cimport one_device
from cygrad import _core, _ops
from cygrad._creation import bridge as _bridge
from cygrad._operators import complex as _complex, gamma as _gamma, sort as _sort
from cygrad._kernels import random as _random
from cygrad._operators.generators import default_for, default_generator

cdef Stream _default = default_generator


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
    if out is None:
        return make(nd, sizes, dt, dev)
    return fitted(function, out, make_size(nd, sizes), dtype)


cdef Tensor fitted(str function, object out, object shape, object dtype):
    if not isinstance(out, Tensor):
        raise TypeError(f"{function}(): argument 'out' must be Tensor, not {type(out).__name__}")
    if dtype is not None and out.dtype != dtype:
        raise RuntimeError(f"dtype {_core.SCALAR_TYPE_NAMES[dtype_option(function, dtype, 0)]} does not match dtype of "
                           f"out parameter ({_core.SCALAR_TYPE_NAMES[(<Tensor> out).dt]})")
    if out.shape != shape:
        out.resize_(shape)
    refuse_self_overlap(<Tensor> out)
    return <Tensor> out


cdef Tensor like(str function, object input, object dtype, object layout, object device, object memory_format):
    if not isinstance(input, Tensor):
        tensor_argument(function, "input", input)
    cdef Tensor t = <Tensor> input
    check_layout(function, layout)
    cdef int dev = t.dev if device is None else device_option(function, device)
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


cdef dict FILLERS = {f.__name__: f for f in (
    _random.uniform, _random.normal, _random.random_from_to, _random.random, _random.bernoulli, _random.exponential,
    _random.cauchy, _random.geometric, _random.log_normal)}


cdef int fill_plain(str name, Tensor t, Stream g, tuple params, bint strided) except -1:
    """Fills a contiguous tensor; `strided`: as one whose elements are not in a row."""
    filler = FILLERS[name]
    if t.dev:
        checked = filler(g, 0, t.count, t.dt, *params)
        if t.count and t.dev != META:
            if checked is not None:
                name, params = "integers", checked
            _core.backend_of(t.dev).random(name, t, (<Generator?> g).engine, params)
    elif name == "normal":
        filler(g, <size_t> data_of(t), t.count, t.dt, *params, strided)
    else:
        filler(g, <size_t> data_of(t), t.count, t.dt, *params)
    return 0


cdef Tensor draw(Tensor t, str name, Stream g, tuple params):
    """Fills the elements of `t` in the order of memory."""
    cdef Tensor view, buffer
    refuse_complex("random draw", t)
    if t.contiguous:
        fill_plain(name, t, g, params, False)
        return t
    refuse_self_overlap(t)
    view = memory_view(t)
    buffer = make(view.nd, view.sizes, t.dt, t.dev)
    fill_plain(name, buffer, g, params, True)
    copy_into(view, buffer)
    return t


def _zero_gradient(node, g):
    return g.new_zeros(g.shape)


cdef Tensor parts_of(Tensor t):
    """The real numbers that a draw fills: of a complex tensor its parts."""
    return <Tensor> _complex.view_as_real(shallow(t)) if t.dt >= CFLOAT else t


cdef Tensor overwrite(str function, Tensor t, str node_name, str name, object generator, tuple params):
    """An in-place draw: checks, fills and records it."""
    if function != "uniform_" and function != "normal_":
        refuse_complex(function, t)
    cdef bint recorded = _core.prepare_inplace(t)
    draw(parts_of(t), name, stream(function, generator, t.dev), params)
    return overwritten(t, node_name, recorded)


cdef Tensor overwritten(Tensor t, str node_name, bint recorded):
    if recorded:
        node = _core.new_function_node(node_type(node_name, _core.FunctionNode), "", (t,))
        _core.set_function(node, _zero_gradient, 1)
        rebase(t, node)
    bump(t)
    return t


# ------------------------------------------------------------------ new tensors

cdef Tensor fill_rand(Stream g, Tensor t):
    if t.dt >= CFLOAT:
        fill_rand(g, parts_of(t))
        return t
    if t.contiguous and t.dt >= HALF and t.dev == 0:
        fill_uniform(&g.mt, data_of(t), t.count, t.dt, 0, 1)
        return t
    return draw(t, "uniform", g, (0.0, 1.0))


cdef Tensor fill_randn(Stream g, Tensor t, double mean, double std):
    if t.dt >= CFLOAT:          # the variance is that of both parts together
        fill_randn(g, parts_of(t), mean, std * sqrt(0.5))
        return t
    if t.contiguous and t.dt >= HALF and std >= 0 and t.dev == 0:
        fill_normal(&g.mt, data_of(t), t.count, t.dt, mean, std, False)
        return t
    return draw(t, "normal", g, (mean, std))


def rand(*args, size=None, generator=None, out=None, dtype=None, layout=None, device=None, requires_grad=False,
         pin_memory=False):
    """Uniform numbers in [0, 1)."""
    cdef Tensor t = target("rand", args, size, out, dtype, layout, device, default_dtype_code())
    cdef Stream g = stream("rand", generator, t.dev)
    fill_rand(g, t)
    return finish(t, requires_grad)


def randn(*args, size=None, generator=None, out=None, dtype=None, layout=None, device=None, requires_grad=False,
          pin_memory=False):
    """Numbers of the standard normal distribution."""
    cdef Tensor t = target("randn", args, size, out, dtype, layout, device, default_dtype_code())
    cdef Stream g = stream("randn", generator, t.dev)
    fill_randn(g, t, 0, 1)
    return finish(t, requires_grad)


def rand_like(input, *, generator=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False,
              memory_format=None):
    """Uniform numbers in [0, 1) with the shape, dtype and memory order of `input`."""
    cdef Tensor t = like("rand_like", input, dtype, layout, device, memory_format)
    return finish(fill_rand(stream("rand_like", generator, t.dev), t), requires_grad)


def randn_like(input, *, generator=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False,
               memory_format=None):
    """Standard normal numbers with the shape, dtype and memory order of `input`."""
    cdef Tensor t = like("randn_like", input, dtype, layout, device, memory_format)
    return finish(fill_randn(stream("randn_like", generator, t.dev), t, 0, 1), requires_grad)


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
    cdef Tensor t = target("randint", (), shape, out, dtype, layout, device, INT64)
    draw(t, "random_from_to", stream("randint", generator, t.dev), (low.__index__(), high.__index__()))
    return finish(t, requires_grad)


def randint_like(input, low=None, high=None, *, generator=None, dtype=None, layout=None, device=None,
                 requires_grad=False, pin_memory=False, memory_format=None):
    """randint_like(input, high), randint_like(input, low, high): integers in [low, high)."""
    cdef Tensor t = like("randint_like", input, dtype, layout, device, memory_format)
    if high is None:
        low, high = 0, low
    first = whole("randint_like", "low", 2, 0 if low is None else low)
    last = whole("randint_like", "high", 3, high)
    draw(t, "random_from_to", stream("randint_like", generator, t.dev), (first, last))
    return finish(t, requires_grad)


def randperm(n, *, generator=None, out=None, dtype=None, layout=None, device=None, requires_grad=False,
             pin_memory=False):
    """A permutation of 0 .. n-1."""
    count = whole("randperm", "n", 1, n)
    cdef Tensor t = target("randperm", (count,), None, out, dtype, layout, device, INT64), buffer
    cdef Stream g = stream("randperm", generator, t.dev)
    refuse_complex("random draw", t)
    buffer = t if t.contiguous else make(1, t.sizes, t.dt, t.dev)
    _random.randperm(g, <size_t> data_of(buffer) if t.dev == 0 else 0, t.count, t.dt)
    if t.dev and t.dev != META and t.count:
        _core.backend_of(t.dev).randperm(buffer, (<Generator?> g).engine)
    if buffer is not t:
        copy_into(t, buffer)
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
    cdef bint from_mean = isinstance(mean, Tensor), from_std = isinstance(std, Tensor)
    cdef Tensor t
    if not from_mean and not from_std:
        if size is None:
            raise _bridge.combination_error("normal", (mean, std), {}, NORMAL_FORMS)
        t = target("normal", (), (size,) if isinstance(size, int) else size, out, dtype, layout, device,
                   default_dtype_code())
        fill_randn(stream("normal", generator, t.dev), t, real("normal", "mean", 1, mean),
                   real("normal", "std", 2, std))
        return finish(t, requires_grad)
    if from_std:
        if (<Tensor> std).count and (<Tensor> std).dev != META and float(std.detach().min()) < 0:
            raise RuntimeError("normal expects all elements of std >= 0.0")
    elif not std >= 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std:g}")
    operands = tuple([x for x in (mean, std) if isinstance(x, Tensor)])
    one_device("normal", <Tensor> operands[0], <Tensor> operands[len(operands) - 1])
    t = fitted("normal", out, broadcast_shape(operands), None) if out is not None else \
        _ops.empty(broadcast_shape(operands), (<Tensor> operands[0]).dt, (<Tensor> operands[0]).dev)
    fill_randn(stream("normal", generator, t.dev), t, 0, 1)
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
    cdef Tensor t = real_argument("bernoulli", "input", input), r
    cdef Stream g = stream("bernoulli", generator, t.dev)
    if p is not None:
        chance = real("bernoulli", "p", 2, p)
        r = empty_in_format(t, t.dt, t.dev, PRESERVE) if out is None else fitted("bernoulli", out, t.shape, None)
        return draw(r, "bernoulli", g, (chance,))
    r = make(t.nd, t.sizes, t.dt, t.dev)
    by_chances(r, t, g)
    if out is not None:
        return deliver("bernoulli", out, r)
    return attach(r, "BernoulliBackward0", (t,), _zero_gradient, None, ())


cdef int by_chances(Tensor r, Tensor chances, Stream g) except -1:
    """Fills contiguous r with 0 and 1 by the probabilities `chances`, of r's shape."""
    cdef Tensor q = contiguous(shallow(chances))
    if r.dev == 0:
        _random.bernoulli_tensor(g, <size_t> data_of(r), r.count, r.dt, <size_t> data_of(q), q.dt)
        return 0
    _random.bernoulli_tensor(g, 0, 0, r.dt, 0, q.dt)
    if r.dev == META or r.count == 0:
        return 0
    if not bool(((q >= 0) & (q <= 1)).all().item()):
        raise RuntimeError("Expected p_in >= 0 && p_in <= 1 to be true, but got false.  (Could this error message be "
                           "improved?  If so, please report an enhancement request to PyTorch.)")
    _core.backend_of(r.dev).random_of("bernoulli", r, (<Generator?> g).engine, [to_dtype(q, FLOAT)])
    return 0


def multinomial(input, num_samples, replacement=False, *, generator=None, out=None):
    """Indices drawn from each row of weights, (m,) or (n, m), as int64: (num_samples,) or (n, num_samples)."""
    cdef Tensor t = real_argument("multinomial", "input", input), r
    cdef Stream g = stream("multinomial", generator, t.dev)
    if isinstance(out, Tensor) and (<Tensor> out).dt != INT64:
        raise RuntimeError(f"multinomial expects Long tensor out, got: {_core.SCALAR_TYPE_NAMES[(<Tensor> out).dt]}")
    if t.nd not in (1, 2):
        raise RuntimeError("prob_dist must be 1 or 2 dim")
    samples = whole("multinomial", "num_samples", 2, num_samples)
    if t.dev:
        r = multinomial_of(g, shallow(t), samples, bool(replacement))
        return r if out is None else deliver("multinomial", out, r)
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
    return <Tensor> store(function, out, r, CHECKED)


cdef Tensor ranked(Stream g, Tensor weights, Py_ssize_t samples):
    """The places of the largest weights / exponential(1)."""
    if weights.dev != META and (not bool((weights >= 0).all()) or bool((weights == float("inf")).any())):
        raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
    cdef Tensor q = empty_in_format(weights, weights.dt, weights.dev, PRESERVE)
    draw(q, "exponential", g, (1.0,))
    q = <Tensor> (weights / q)
    return <Tensor> q.argmax(-1, True) if samples == 1 else <Tensor> q.topk(samples).indices


cdef Tensor multinomial_of(Stream g, Tensor weights, Py_ssize_t samples, bint replacement):
    """multinomial on other devices than the CPU: by the ranks of weights / exponential(1); with replacement, by where
    uniform numbers fall among the running sums."""
    cdef Py_ssize_t n = weights.sizes[weights.nd - 1]
    _random.multinomial(g, 0, 0, 0, n, weights.dt, samples, replacement)
    if not replacement or samples == 1:
        if weights.dev != META and bool((weights.sum(-1) <= 0).any()):
            raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
        return ranked(g, weights, samples)
    sums = to_dtype(weights, FLOAT if weights.dt < FLOAT else weights.dt).cumsum(-1)
    total = sums.narrow(-1, n - 1, 1)
    if weights.dev != META and (not bool((weights >= 0).all()) or bool((total == float("inf")).any())):
        raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
    if weights.dev != META and bool((total <= 0).any()):
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
    u = _ops.empty((*tuple(weights.shape)[:weights.nd - 1], samples), (<Tensor> sums).dt, weights.dev)
    draw(<Tensor> u, "uniform", g, (0.0, 1.0))
    return <Tensor> _sort.searchsorted(sums, u * total, right=True).clamp_(max=n - 1)


def poisson(input, generator=None):
    """Poisson numbers, one for each rate in `input`."""
    cdef Tensor t = real_argument("poisson", "input", input), r, rate
    cdef Stream g = stream("poisson", generator, t.dev)
    rate = contiguous(shallow(t))
    r = make(t.nd, t.sizes, t.dt, t.dev)
    if t.dev == 0:
        _random.poisson(g, <size_t> data_of(r), <size_t> data_of(rate), r.count, r.dt)
    else:
        _random.poisson(g, 0, 0, 0, r.dt)
        draw_own("poisson", r, g, [rate])
    return attach(r, "PoissonBackward0", (t,), _zero_gradient, None, ())


cdef int draw_own(str name, Tensor r, Stream g, list operands) except -1:
    """Has another device than the CPU draw one number for each element of the operands."""
    if r.count and r.dev != META:
        _core.backend_of(r.dev).random_of(name, r, (<Generator?> g).engine, operands)
    return 0


def binomial(count, prob, generator=None):
    """Binomial numbers of `count` trials with probability `prob`, tensors that broadcast."""
    cdef Tensor c = real_argument("binomial", "count", count), q = real_argument("binomial", "prob", prob), r
    cdef Stream g = stream("binomial", generator, c.dev)
    one_device("binomial", c, q)
    shape = broadcast_shape((c, q))
    r = _ops.empty(shape, c.dt, c.dev)
    c = contiguous(expand_to(c, r.nd, r.sizes))
    q = to_dtype(contiguous(expand_to(q, r.nd, r.sizes)), c.dt)
    if r.dev == 0:
        _random.binomial(g, <size_t> data_of(r), <size_t> data_of(c), <size_t> data_of(q), r.count, r.dt)
    else:
        _random.binomial(g, 0, 0, 0, 0, r.dt)
        draw_own("binomial", r, g, [c, q])
    return attach(r, "BinomialBackward0", (count, prob), _zero_gradients, None, (count.shape, prob.shape))


# ------------------------------------------------------------------ in place

def uniform_(Tensor self not None, object lo=0, object hi=1, *, generator=None, **named):
    """Uniform numbers in [from, to)."""
    # `from` is a keyword of Python's, so that the names arrive by a dictionary.
    lo, hi = named.pop("from", lo), named.pop("to", hi)
    if named:
        raise TypeError(f"uniform_() got an unexpected keyword argument '{next(iter(named))}'")
    cdef double a = real("uniform_", "from", 1, lo), b = real("uniform_", "to", 2, hi)
    return overwrite("uniform_", self, "UniformBackward0", "uniform", generator, (a, b))


def normal_(Tensor self not None, mean=0, std=1, *, generator=None):
    """Normal numbers."""
    cdef double m = real("normal_", "mean", 1, mean), s = real("normal_", "std", 2, std)
    if self.dt >= CFLOAT:
        s *= sqrt(0.5)
    return overwrite("normal_", self, "NormalBackward0", "normal", generator, (m, s))


def random_(Tensor self not None, *args, generator=None, **named):
    """random_(), random_(to), random_(from, to): integers over the dtype's range, below `to`, in [from, to)."""
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
        return overwrite("random_", self, "RandomBackward2", "random", generator, ())
    name = "RandomBackward1" if lo is None else "RandomBackward0"
    first = 0 if lo is None else whole("random_", "from", 1, lo)
    last = None if hi is None else whole("random_", "to", 2, hi)
    return overwrite("random_", self, name, "random_from_to", generator, (first, last))


def bernoulli_(Tensor self not None, p=0.5, *, generator=None):
    """1 with probability p (a number, or a tensor that broadcasts to this one), else 0."""
    cdef Tensor q, view, buffer
    cdef bint recorded
    if not isinstance(p, Tensor):
        return overwrite("bernoulli_", self, "BernoulliBackward2", "bernoulli", generator,
                         (real("bernoulli_", "p", 1, p),))
    q = shallow(<Tensor> p.expand(self.shape))
    one_device("bernoulli_", self, q)
    refuse_complex("bernoulli_", self)
    recorded = _core.prepare_inplace(self)
    view = self
    if not self.contiguous:     # the probabilities in the order in which the elements are visited
        order = sorted(range(self.nd), key=lambda i: -self.strides[i])
        q, view = <Tensor> q.permute(order), memory_view(self)
    buffer = view if view.contiguous else make(view.nd, view.sizes, view.dt, view.dev)
    by_chances(buffer, q, stream("bernoulli_", generator, self.dev))
    if buffer is not view:
        copy_into(view, buffer)
    return overwritten(self, "BernoulliBackward1", recorded)


def exponential_(Tensor self not None, lambd=1, *, generator=None):
    """Exponential numbers of rate `lambd`."""
    cdef double rate = real("exponential_", "lambd", 1, lambd)
    return overwrite("exponential_", self, "ExponentialBackward0", "exponential", generator, (rate,))


def cauchy_(Tensor self not None, median=0, sigma=1, *, generator=None):
    """Cauchy numbers."""
    cdef double m = real("cauchy_", "median", 1, median), s = real("cauchy_", "sigma", 2, sigma)
    return overwrite("cauchy_", self, "CauchyBackward0", "cauchy", generator, (m, s))


def geometric_(Tensor self not None, p, *, generator=None):
    """How many trials of probability p until the first success."""
    cdef double chance = real("geometric_", "p", 1, p)
    return overwrite("geometric_", self, "GeometricBackward0", "geometric", generator, (chance,))


def log_normal_(Tensor self not None, mean=1, std=2, *, generator=None):
    """exp of normal numbers."""
    cdef double m = real("log_normal_", "mean", 1, mean), s = real("log_normal_", "std", 2, std)
    return overwrite("log_normal_", self, "LogNormalBackward0", "log_normal", generator, (m, s))


def standard_gamma(input, generator=None):
    """Gamma numbers of scale 1, one for each shape parameter in `input`; differentiable once (see `gamma.pyx`)."""
    cdef Tensor t = real_argument("_standard_gamma", "input", input), r, alpha
    cdef Stream g = stream("_standard_gamma", generator, t.dev)
    alpha = contiguous(shallow(t))
    r = make(t.nd, t.sizes, t.dt, t.dev)
    if t.dev == 0:
        _random.standard_gamma(g, <size_t> data_of(r), <size_t> data_of(alpha), r.count, r.dt)
    else:
        _random.standard_gamma(g, 0, 0, 0, r.dt)
        draw_own("standard_gamma", r, g, [alpha])
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
    cdef Tensor x = same_layout("_standard_gamma_grad", output, output), r = make(x.nd, x.sizes, x.dt, x.dev)
    cdef Tensor alpha = same_layout("_standard_gamma_grad", input, output)
    one_device("_standard_gamma_grad", alpha, x)
    if r.dev == 0:
        _gamma.gamma_gradients(<size_t> data_of(r), <size_t> data_of(alpha), <size_t> data_of(x), r.count,
                               r.dt == DOUBLE)
    elif r.count:
        _core.backend_of(r.dev).gamma_gradients(r, alpha, x)
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
    cdef Tensor y = same_layout("_dirichlet_grad", x, x), r = make(y.nd, y.sizes, y.dt, y.dev)
    cdef Tensor a = same_layout("_dirichlet_grad", alpha, x), s = same_layout("_dirichlet_grad", total, x)
    if r.dev == 0:
        _gamma.dirichlet_gradients(<size_t> data_of(r), <size_t> data_of(y), <size_t> data_of(a), <size_t> data_of(s),
                                   r.count, r.dt == DOUBLE)
    elif r.count:
        _core.backend_of(r.dev).dirichlet_gradients(r, y, a, s)
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
    if input.dt < HALF:
        raise RuntimeError("result type Float can't be cast to the desired output type "
                           f"{_core.SCALAR_TYPE_NAMES[input.dt]}")
    if p == 1:
        return input * 0
    # The mask is drawn in the order of memory, with the strides of the input where those leave no gaps.
    x = shallow(input) if input.contiguous or _ops.is_dense(input) else \
        copy_as(shallow(input), input.dt, input.dev, PRESERVE, None)
    r = empty_in_format(x, x.dt, x.dev, PRESERVE)
    mask = empty_in_format(x, BOOL, x.dev, PRESERVE)
    if x.dev == 0:
        _random.dropout(_default, <size_t> data_of(r), <size_t> data_of(mask), <size_t> data_of(x), x.count, x.dt, p)
    elif x.dev != META:
        _core.backend_of(x.dev).dropout(memory_view(r), memory_view(mask), memory_view(x),
                                        (<Generator> default_for(x.dev)).engine, p)
    return attach(r, "MulBackward0", (input,), _dropout_backward, (mask,), (p,))


def _dropout_backward(node, Tensor g):
    cdef Tensor mask = (<tuple> tuple(node.saved()))[0], r
    cdef double scale = 1 / (1 - <double> node.args[0])
    cdef Py_ssize_t i, n = g.count
    cdef const uint8_t* keep
    cdef const float* a
    cdef float* b
    cdef float f = <float> scale
    if g.dt == FLOAT and g.dev == 0 and g.contiguous and mask.contiguous and not grad_enabled():
        r = make(g.nd, g.sizes, FLOAT, 0)
        keep, a, b = <const uint8_t*> data_of(mask), <const float*> data_of(g), <float*> data_of(r)
        with nogil:
            for i in range(n):
                b[i] = a[i] * (f * keep[i])
        return r
    return g * (to_dtype(mask, g.dt) * scale)


cdef Tensor noise(Tensor input, double p):
    """0 with probability p, else 1 / (1 - p)."""
    cdef Tensor r = empty_in_format(input, input.dt, input.dev, PRESERVE)
    draw(r, "bernoulli", stream("dropout", None, r.dev), (1 - p,))
    return <Tensor> r.mul_(1 / (1 - p))


def dropout_(Tensor self not None, double p, bint train):
    """dropout in place."""
    check_dropout(p, self)
    if not train or p == 0 or self.count == 0:
        return self
    return self.mul_(0) if p == 1 else self.mul_(noise(self, p))


def feature_dropout(Tensor input not None, double p, bint train):
    """dropout of whole channels: one draw for each of the first two dimensions' positions."""
    cdef Tensor mask
    check_dropout(p, input)
    if not train or p == 0 or input.count == 0:
        return input
    if input.nd < 2:
        raise RuntimeError("Feature dropout requires at least 2 dimensions in the input")
    if p == 1:
        return input * 0
    mask = _ops.empty((*input.shape[:2], *[1] * (input.nd - 2)), input.dt, input.dev)
    draw(mask, "bernoulli", stream("feature_dropout", None, mask.dev), (1 - p,))
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
