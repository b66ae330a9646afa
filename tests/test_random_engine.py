"""The CPU random stream: stored numbers of PyTorch 2.13, and PyTorch as a peer where installed.

What torch.utils.data draws, in order ("s64" is torch.empty((), dtype=int64).random_(), two words):
    iter(DataLoader), every time         base seed: s64 from loader.generator or the default
    then, with shuffle=True, at the first batch (num_workers=0) or at once (workers prefetch):
        no generator given               s64 from the default seeds the sampler's own generator
        either way, from that one        randperm(n), and after the last index randperm(n) again, of
                                         which nothing is used: a given generator moves on by it
    persistent workers                   the base seed only once
    RandomSampler(num_samples=m)         randperm(n) for m // n rounds, then one, cut to m % n
    RandomSampler(replacement=True)      randint(n, (32,)) m // 32 times, then randint(n, (m % 32,))
    SubsetRandomSampler, random_split    randperm(n) from the given or the default generator
    WeightedRandomSampler                multinomial of the weights as float64
    DistributedSampler                   randperm(n) from a generator seeded with seed + epoch
    worker i                             random.seed and torch.manual_seed of base seed + i,
                                         numpy: SeedSequence([i, base's low, high word]), 4 words
"""
import copy
import ctypes
import math
import pickle
import struct
import zlib

import pytest

from cygrad._kernels import random as R

BOOL, U8, I8, I16, I32, I64, F16, BF16, F32, F64 = range(10)
SIZE = [1, 1, 1, 2, 4, 8, 2, 2, 4, 8]
FORMAT = "?BbhiqeHfd"
FLOATS = (F16, BF16, F32, F64)
SIZES = (0, 1, 2, 15, 16, 17, 31, 32, 33, 623, 624, 625, 1000, 100003)


class Memory:
    """n elements of a dtype at an address."""

    def __init__(self, n, dtype, values=()):
        self.n, self.dtype = n, dtype
        self.raw = ctypes.create_string_buffer(n * SIZE[dtype] + 1)
        self.at = ctypes.addressof(self.raw)
        if values:
            struct.pack_into(f"{n}{FORMAT[dtype]}", self.raw, 0, *values)

    def bytes(self):
        return self.raw.raw[:-1]

    def list(self):
        x = struct.unpack(f"{self.n}{FORMAT[self.dtype]}", self.bytes())
        if self.dtype == BF16:
            x = [struct.unpack("f", struct.pack("I", v << 16))[0] for v in x]
        return list(x)


def seeded(seed=0):
    return R.Generator().manual_seed(seed)


def draw(name, n, dtype, *args, gen=None, **kw):
    out = Memory(n, dtype)
    getattr(R, name)(gen or seeded(), out.at, n, dtype, *args, **kw)
    return out.list()


# ------------------------------------------------------------------ stored numbers, seed 0

def test_uniform():
    assert draw("uniform", 3, F16) == [0.496337890625, 0.76806640625, 0.0885009765625]
    assert draw("uniform", 3, BF16) == [0.49609375, 0.76953125, 0.08837890625]
    assert draw("uniform", 3, F32) == [0.49625658988952637, 0.7682217955589294, 0.08847743272781372]
    assert draw("uniform", 3, F64) == [0.9700530018065531, 0.707819864399788, 0.45938294312745087]
    x = draw("uniform", 4, F32, gen=seeded(1729))
    assert [round(v, 4) for v in x] == [0.3126, 0.3791, 0.3087, 0.0736]


def test_uniform_wide():
    x = draw("uniform_wide", 3, F32, 0.125, 0.25)
    assert x == [0.24625661969184875, 0.2134774774312973, 0.18242286145687103]


@pytest.mark.parametrize("dtype, few, many", [
    (F16, [1.541015625, -0.29345703125, -2.1796875],
     [-1.1259765625, -1.3525390625, 1.8525390625, -0.84375]),
    (BF16, [1.5390625, -0.29296875, -2.171875], [-1.125, -1.3515625, 1.8515625, -0.84375]),
    (F32, [1.5409960746765137, -0.293428897857666, -2.1787893772125244],
     [-1.1258398294448853, -1.6959311962127686, 0.46809640526771545, 0.9318265914916992]),
    (F64, [1.5409961082440433, -0.2934289057609464, -2.1787893820745574],
     [-2.310411800234176, -0.6332746088675096, 0.23871805816817063, 0.6748575435940039]),
])
def test_normal(dtype, few, many):
    assert draw("normal", 3, dtype) == few
    x = draw("normal", 17, dtype)
    assert [x[0], x[1], x[8], x[16]] == many
    assert draw("normal", 17, dtype, strided=True)[:3] == few


def test_normal_bits_at_size():
    n = 100003
    out = Memory(n, F32)
    R.normal(seeded(), out.at, n, F32)
    assert zlib.crc32(out.bytes()) == 709263748


def test_randperm_bits_at_size():
    n = 100003
    out = Memory(n, I64)
    R.randperm(seeded(), out.at, n, I64)
    assert zlib.crc32(out.bytes()) == 2146511808


def test_the_kept_normal_waits_for_the_next_scalar_normal():
    gen = seeded()
    draw("normal", 3, F32, gen=gen)
    assert draw("normal", 20, F32, gen=gen)[0] == pytest.approx(-0.35612836480140686, rel=1e-6)
    assert draw("normal", 1, F32, gen=gen) == [0.5684312582015991]
    draw("normal", 1, F32, gen=gen)
    assert draw("normal", 3, F32, gen=gen.manual_seed(0))[0] == 1.5409960746765137


@pytest.mark.parametrize("dtype, want", [
    (BOOL, [False, True, True]), (U8, [172, 47, 117]), (I8, [44, 47, 117]),
    (I16, [2732, 10799, 9845]), (I32, [209652396, 398764591, 924231285]),
    (I64, [900450186894289455, 3969543146641149120, 1895649597198586619]),
    (F16, [1277, 1017, 1661]), (BF16, [149, 179, 47]), (F32, [8325664, 12888472, 1484222]),
    (F64, [8737460674930124, 6375474555111176, 4137753702977065]),
])
def test_random(dtype, want):
    assert draw("random", 3, dtype) == want


def test_random_from_to():
    assert draw("random_from_to", 5, I64, -5, 100) == [69, 19, 93, 25, 38]
    assert draw("random_from_to", 5, U8, 0, 5)[:4] == [4, 4, 3, 0]
    big = draw("random_from_to", 3, I64, 0, 2**40)
    assert big == [741280623151, 506137267392, 291447657211]
    full = draw("random_from_to", 2, I64, -2**63, None)
    assert full == [-8322921849960486353, -5253828890213626688]


def test_randperm():
    for dtype in range(U8, 10):
        assert draw("randperm", 8, dtype) == [4, 0, 7, 3, 2, 5, 1, 6]
    assert draw("randperm", 1, I64) == [0]


def test_bernoulli_and_dropout():
    for dtype in range(10):
        assert draw("bernoulli", 8, dtype, 0.5) == [0, 0, 1, 0, 0, 0, 1, 1]
    p = Memory(8, F32, [0.5] * 8)
    assert draw("bernoulli_tensor", 8, F32, p.at, F32) == [1, 0, 1, 1, 1, 0, 1, 0]
    p = Memory(8, F64, [0.5] * 8)
    assert draw("bernoulli_tensor", 8, I32, p.at, F64) == [0, 0, 1, 0, 0, 0, 1, 1]
    x, mask = Memory(6, F32, range(1, 7)), Memory(6, BOOL)
    R.dropout(seeded(), x.at, mask.at, x.at, 6, F32, 0.25)
    assert mask.list() == [False, True, True, False, True, False]
    assert x.list() == [0.0, 2.6666667461395264, 4.0, 0.0, 6.6666669845581055, 0.0]


def test_continuous():
    x = draw("exponential", 3, F32, 2)
    assert x == [1.754163146018982, 0.6151923537254333, 0.3075220584869385]
    x = draw("cauchy", 3, F32)
    assert x == [10.597729682922363, 0.7647672891616821, -0.12829934060573578]
    x = draw("log_normal", 3, F32, 0, 0.5)
    assert x == [2.160842180252075, 0.863540530204773, 0.33642005920410156]
    for dtype in (I64, F32, F64):
        assert draw("geometric", 6, dtype, 0.2) == [1, 2, 4, 1, 2, 2]


def test_trunc_normal():
    x = draw("trunc_normal", 3, F32)
    assert x == [1.5409960746765137, -0.293428897857666, -1.3985954523086548]
    x = draw("trunc_normal", 3, F32, 0, 1, 2, 3)
    assert x == [2.4962565898895264, 2.1688590049743652, 2.088477373123169]


def multinomial(p, rows, samples, replacement=False, dtype=F32):
    p = Memory(len(p), dtype, p)
    out = Memory(rows * samples, I64)
    R.multinomial(seeded(), out.at, p.at, rows, p.n // rows, dtype, samples, replacement)
    return out.list()


def test_multinomial():
    assert multinomial([.1, .2, .3, .4], 1, 8, True) == [3, 3, 2, 3, 3, 3, 1, 2]
    assert multinomial([1.0] * 10, 1, 4) == [6, 9, 7, 2]
    assert multinomial([1.0] * 10, 2, 3) == [2, 4, 1, 1, 4, 2]
    assert multinomial([0.0, 1.0, 0.0], 1, 1) == [1]
    assert multinomial([0.0, 1.0, 0.0], 1, 4, True) == [1] * 4


def test_discrete_by_rejection():
    rate = Memory(5, F32, [0.5, 3, 9, 20, 1000])
    assert draw_from("poisson", rate) == [2, 4, 9, 22, 971]
    n, p = Memory(4, F32, [5, 50, 500, 500]), Memory(4, F32, [0.5, 0.1, 0.3, 0.8])
    assert draw_from("binomial", n, p) == [4, 5, 139, 397]
    alpha = Memory(3, F32, [0.1, 1, 7])
    assert draw_from("standard_gamma", alpha) == pytest.approx(
        [3.1292356392933324e-16, 0.11898370087146759, 7.089402198791504], rel=1e-6)


def draw_from(name, *inputs):
    first = inputs[0]
    out = Memory(first.n, first.dtype)
    getattr(R, name)(seeded(), out.at, *(x.at for x in inputs), first.n, first.dtype)
    return out.list()


# ------------------------------------------------------------------ generator

def test_seeds():
    assert R.Generator().initial_seed() == 67280421310721
    assert draw("uniform", 1, F32, gen=seeded(-1)) == [0.9937993884086609]
    assert seeded(-1).initial_seed() == 2**64 - 1
    assert draw("uniform", 1, F32, gen=seeded(5)) == draw("uniform", 1, F32, gen=seeded(2**32 + 5))
    gen = R.Generator()
    assert gen.seed() == gen.initial_seed() != gen.seed()
    assert gen.device == "cpu" and R.Generator("x").device == "x"


@pytest.mark.parametrize("seed, error, text", [
    (2**64, ValueError, "Overflow when unpacking long long"),
    (-2**63 - 1, ValueError, "Overflow when unpacking long long"),
    (1.5, RuntimeError, "manual_seed expected a long, but got float"),
    (True, RuntimeError, "manual_seed expected a long, but got bool"),
    (None, RuntimeError, "manual_seed expected a long, but got NoneType"),
])
def test_bad_seeds(seed, error, text):
    with pytest.raises(error) as caught:
        R.Generator().manual_seed(seed)
    assert str(caught.value) == text


def test_state_bytes_are_torchs():
    assert zlib.crc32(R.Generator().state_bytes()) == 3499555337
    gen = seeded(7)
    assert zlib.crc32(gen.state_bytes()) == 2460441901
    draw("uniform", 5, F32, gen=gen)
    draw("normal", 3, F32, gen=gen)
    assert zlib.crc32(gen.state_bytes()) == 1911247608


def test_state_goes_round():
    gen = seeded(3)
    draw("normal", 3, F32, gen=gen)
    copies = [R.Generator().set_state_bytes(gen.state_bytes()), gen.clone_state(),
              copy.deepcopy(gen), pickle.loads(pickle.dumps(gen))]
    want = draw("normal", 1, F64, gen=gen) + draw("uniform", 1000, F32, gen=gen)
    for other in copies:
        assert other.initial_seed() == 3
        assert draw("normal", 1, F64, gen=other) + draw("uniform", 1000, F32, gen=other) == want


def test_bad_states():
    gen = R.Generator()
    for size in (0, 10, 5048):
        with pytest.raises(RuntimeError) as caught:
            gen.set_state_bytes(bytes(size))
        assert str(caught.value) == ("Expected a CPUGeneratorImplState of size 5056 but found the "
                                     f"input RNG state size to be {size}")
    for state in (bytes(5056), b"\1" * 5056):
        with pytest.raises(RuntimeError, match="^Invalid mt19937 state$"):
            gen.set_state_bytes(state)
    with pytest.raises(TypeError):
        gen.set_state_bytes(bytearray(5056))
    for call in (gen.get_offset, lambda: gen.set_offset(1)):
        with pytest.raises(RuntimeError, match="^CPU Generator does not use offset$"):
            call()


@pytest.mark.filterwarnings("ignore:.*is out of bounds")
@pytest.mark.parametrize("name, dtype, args, error, text", [
    ("uniform", F32, (1, 0), RuntimeError,
     "uniform_ expects to return a [from, to) range, but found from=1 > to=0"),
    ("uniform", F32, (-3e38, 3e38), RuntimeError,
     "uniform_ expects to-from <= std::numeric_limits<Float>::max(), but found to=3e+38 and "
     "from=-3e+38 which result in to-from to exceed the limit"),
    ("uniform", F32, (0, math.nan), RuntimeError, "to is out of bounds for float"),
    ("uniform", F16, (0, 1e6), RuntimeError, "to is out of bounds for c10::Half"),
    ("uniform", I32, (), NotImplementedError, "\"check_uniform_bounds\" not implemented for 'Int'"),
    ("normal", F32, (0, -1), RuntimeError, "normal expects std >= 0.0, but found std -1"),
    ("normal", F32, (0, math.nan), RuntimeError, "normal expects std >= 0.0, but found std nan"),
    ("normal", I64, (), NotImplementedError, "\"normal_kernel_cpu\" not implemented for 'Long'"),
    ("random_from_to", F32, (3, 3), RuntimeError,
     "random_ expects 'from' to be less than 'to', but got from=3 >= to=3"),
    ("random_from_to", U8, (0, 300), RuntimeError, "to - 1 is out of bounds for unsigned char"),
    ("random_from_to", U8, (-1, 3), RuntimeError, "from is out of bounds for unsigned char"),
    ("random_from_to", F16, (0, 2**40), RuntimeError, "to - 1 is out of bounds for c10::Half"),
    ("random_from_to", F16, (3000, None), RuntimeError,
     "random_ expects 'from' casted to dtype to be less than or equal to 'to_inc' casted to dtype, "
     "but got from=3000 > to_inc=2048"),
    ("random_from_to", F16, (-2**63, None), NotImplementedError,
     "\"random_full_64_bits_range_kernel_cpu\" not implemented for 'Half'"),
    ("random_from_to", I32, (-2**63, None), RuntimeError,
     "random_full_64_bits_range_kernel_cpu handles only int64, double, float and bfloat16"),
    ("random_from_to", I64, (0, 2**63), ValueError, "Overflow when unpacking long long"),
    ("randperm", BOOL, (), NotImplementedError, "\"randperm\" not implemented for 'Bool'"),
    ("bernoulli", F32, (1.1,), RuntimeError, "bernoulli_ expects p to be in [0, 1], but got p=1.1"),
    ("exponential", F32, (0,), RuntimeError,
     "exponential_ expects lambda > 0.0, but found lambda=0"),
    ("exponential", I64, (), RuntimeError, "Exponential distribution is a continuous probability "
     "distribution. dtype must be a floating point but you specified Long"),
    ("cauchy", I64, (), RuntimeError, "Cauchy distribution is a continuous probability "
     "distribution. dtype must be a floating point but you specified long int"),
    ("cauchy", F32, (0, -1), RuntimeError, "cauchy_ expects sigma > 0.0, but found sigma=-1"),
    ("geometric", F32, (1,), RuntimeError, "geometric_ expects p to be in (0, 1), but got p=1"),
    ("log_normal", F32, (0, 0), RuntimeError, "log_normal_ expects std > 0.0, but found std=0"),
])
def test_errors(name, dtype, args, error, text):
    with pytest.raises(error) as caught:
        draw(name, 4, dtype, *args)
    assert str(caught.value) == text


def test_randperm_sizes():
    for dtype, n, text in (
            (U8, 257, "value cannot be converted to type uint8_t without overflow"),
            (I16, 2**15 + 1, "value cannot be converted to type int16_t without overflow"),
            (F16, 2050, "n cannot be greater than 2049 for Half type."),
            (F32, 2**24 + 2, "n cannot be greater than 2^24+1 for Float type.")):
        with pytest.raises(RuntimeError) as caught:
            R.randperm(seeded(), 0, n, dtype)
        assert str(caught.value) == text


@pytest.mark.parametrize("p, samples, replacement, text", [
    ([1.0] * 3, 4, False,
     "cannot sample n_sample > prob_dist.size(-1) samples without replacement"),
    ([1.0] * 3, 0, False, "cannot sample n_sample <= 0 samples"),
    ([0.0] * 3, 1, False, "invalid multinomial distribution (sum of probabilities <= 0)"),
    ([0.0] * 3, 2, True, "invalid multinomial distribution (sum of probabilities <= 0)"),
    ([-1.0, 1.0], 1, False, "probability tensor contains either `inf`, `nan` or element < 0"),
    ([math.nan, 1.0], 1, True, "probability tensor contains either `inf`, `nan` or element < 0"),
    ([-1.0, 1.0], 2, True,
     "invalid multinomial distribution (encountering probability entry < 0)"),
    ([math.nan, 1.0], 2, True,
     "invalid multinomial distribution (encountering probability entry < 0)"),
    ([math.inf, 1.0], 2, True,
     "invalid multinomial distribution (encountering probability entry = infinity or NaN)"),
])
def test_multinomial_errors(p, samples, replacement, text):
    with pytest.raises(RuntimeError) as caught:
        multinomial(p, 1, samples, replacement)
    assert str(caught.value) == text


def test_tensor_argument_errors():
    for p in (-0.1, 1.5, math.nan):
        bad = Memory(2, F32, [0.5, p])
        with pytest.raises(RuntimeError, match="^Expected p_in >= 0 && p_in <= 1 to be true"):
            draw("bernoulli_tensor", 2, F32, bad.at, F32)
    for rate in (-1.0, math.nan):
        with pytest.raises(RuntimeError, match="^invalid Poisson rate, expected rate"):
            draw_from("poisson", Memory(1, F32, [rate]))
    with pytest.raises(NotImplementedError, match="\"gamma_cpu\" not implemented for 'Half'"):
        draw_from("standard_gamma", Memory(1, F16, [1.0]))


def test_words_of_a_float_that_cannot_hold_the_bound_warn():
    with pytest.warns(UserWarning, match=r"to - 1 is out of bounds \[-\(2\^24\), 2\^24\]"):
        draw("random_from_to", 1, F32, 0, 2**30)


# ------------------------------------------------------------------ PyTorch beside us

@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


def dtype_of(torch, code):
    names = "bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64"
    return getattr(torch, names.split()[code])


def compare(torch, theirs, ours, codes=FLOATS, sizes=SIZES, seeds=(0, 12345)):
    """theirs(t) fills a torch tensor, ours(gen, address, n, code) our memory; then the numbers, and
    the whole state after them, are the same bits."""
    # without AVX2, torch's float randn is another formula
    exact = torch.backends.cpu.get_cpu_capability() != "DEFAULT"
    for code in codes:
        for n in sizes:
            for seed in seeds:
                gen = seeded(seed)
                torch.manual_seed(seed)
                if seed:    # start inside a block, and off the grid of word pairs
                    torch.rand(3)
                    draw("uniform", 3, F32, gen=gen)
                want = theirs(torch.zeros(n, dtype=dtype_of(torch, code)))
                have = torch.zeros(n, dtype=dtype_of(torch, code))
                ours(gen, have.data_ptr(), n, code)
                if exact:
                    assert torch.equal(have, want), (code, n, seed)
                else:
                    torch.testing.assert_close(have, want, rtol=1e-5, atol=1e-5, equal_nan=True)
                assert bytes(torch.get_rng_state().tolist()) == gen.state_bytes(), (code, n, seed)


@pytest.mark.parametrize("lo, hi", [(0, 1), (-3.3, 1.7), (0.1, 0.1001), (5, 5)])
def test_peer_uniform(torch, lo, hi):
    compare(torch, lambda t: t.uniform_(lo, hi),
            lambda g, at, n, d: R.uniform(g, at, n, d, lo, hi))


@pytest.mark.parametrize("mean, std", [(0, 1), (3.7, 2.5), (1, 0)])
def test_peer_normal(torch, mean, std):
    compare(torch, lambda t: t.normal_(mean, std),
            lambda g, at, n, d: R.normal(g, at, n, d, mean, std))
    compare(torch, lambda t: torch.stack([t, t], 1)[:, 0].normal_(mean, std),
            lambda g, at, n, d: R.normal(g, at, n, d, mean, std, True), sizes=(5, 16, 1000))


def test_peer_random(torch):
    compare(torch, lambda t: t.random_(), R.random, codes=range(10))


@pytest.mark.filterwarnings("ignore:.*is out of bounds")
@pytest.mark.parametrize("lo", [0, 3, -100, -4103, -2**24 - 3, -2**25 - 7, -2**40 - 1, -2**63])
def test_peer_random_from_to(torch, lo):
    for hi in (None, 1, 5, 127, 255, 2**11, 2**15 - 1, 2**24 + 4, 2**28 - 1, 2**28, 2**31,
               2**53 + 3, 2**63 - 1):
        for code in range(U8, 10):
            args = (lo, hi)
            try:
                torch.empty(1, dtype=dtype_of(torch, code)).random_(*args)
            except (RuntimeError, NotImplementedError) as error:
                with pytest.raises(type(error)) as caught:
                    draw("random_from_to", 1, code, *args)
                assert str(caught.value) == str(error)
                continue
            compare(torch, lambda t, args=args: t.random_(*args),
                    lambda g, at, n, d, args=args: R.random_from_to(g, at, n, d, *args),
                    codes=[code], sizes=[700])


def test_peer_randperm(torch):
    compare(torch, lambda t: torch.randperm(len(t), dtype=t.dtype), R.randperm,
            codes=[I64, F64, I32])
    compare(torch, lambda t: torch.randperm(len(t), dtype=t.dtype), R.randperm,
            codes=range(U8, 10), sizes=[100])


@pytest.mark.parametrize("p", [0.0, 0.3, 0.5, 0.999, 1.0])
def test_peer_bernoulli(torch, p):
    compare(torch, lambda t: t.bernoulli_(p), lambda g, at, n, d: R.bernoulli(g, at, n, d, p),
            codes=range(10), sizes=(0, 1, 17, 1000))
    for code in FLOATS:
        for n in (1, 1000):
            probs = torch.full((n,), p, dtype=dtype_of(torch, code))
            compare(torch, lambda t, probs=probs: t.bernoulli_(probs),
                    lambda g, at, n, d, probs=probs, code=code:
                    R.bernoulli_tensor(g, at, n, d, probs.data_ptr(), code),
                    codes=range(10), sizes=[n])


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_peer_dropout(torch, p):
    def input_of(n, code):
        return torch.linspace(-3, 3, n, dtype=torch.float64).to(dtype_of(torch, code))

    def ours(gen, at, n, code):
        x, mask = input_of(n, code), torch.empty(n, dtype=torch.bool)
        R.dropout(gen, at, mask.data_ptr(), x.data_ptr(), n, code, p)

    codes = {dtype_of(torch, code): code for code in FLOATS}
    compare(torch, lambda t: torch.dropout(input_of(len(t), codes[t.dtype]), p, True), ours)


@pytest.mark.parametrize("name, args", [
    ("exponential", (1.0,)), ("exponential", (2.5,)), ("cauchy", (1.5, 2.5)),
    ("log_normal", (0.5, 0.75)), ("geometric", (0.3,)), ("geometric", (0.01,)),
])
def test_peer_continuous(torch, name, args):
    codes = range(U8, 10) if name == "geometric" else FLOATS
    compare(torch, lambda t: getattr(t, name + "_")(*args),
            lambda g, at, n, d: getattr(R, name)(g, at, n, d, *args), codes=codes,
            sizes=(0, 1, 15, 16, 1000, 10007))


def test_peer_rrelu(torch):
    compare(torch, lambda t: -torch.nn.functional.rrelu(t - 1, 0.1, 1 / 3, True),
            lambda g, at, n, d: R.uniform_wide(g, at, n, d, 0.1, 1 / 3), codes=(F32, F64))


@pytest.mark.filterwarnings("ignore:mean is more than 2 std")
@pytest.mark.parametrize("args", [
    (0, 1, -2, 2), (0, 0.02, -2, 2), (1, 2, 0, 1), (0, 1, 3, 4), (5, 1, -2, 2),
    (0.1, 1, -0.77, 1.33), (0.123, 0.321, 0.5, 0.9)])
def test_peer_trunc_normal(torch, args):
    compare(torch, lambda t: torch.nn.init.trunc_normal_(t, *args),
            lambda g, at, n, d: R.trunc_normal(g, at, n, d, *args), sizes=(0, 1, 15, 16, 1003))


@pytest.mark.parametrize("rows, cols", [(1, 5), (1, 1000), (4, 7), (3, 500)])
def test_peer_multinomial(torch, rows, cols):
    for code in (F32, F64):
        p = torch.linspace(0.01, 1, rows * cols, dtype=dtype_of(torch, code)).view(rows, cols)
        for samples, replacement in ((1, False), (1, True), (5, False), (3, True), (50, True)):
            compare(torch,
                    lambda t, p=p, k=samples, r=replacement: torch.multinomial(p, k, r).view(-1),
                    lambda g, at, n, d, p=p, code=code, k=samples, r=replacement:
                    R.multinomial(g, at, p.data_ptr(), rows, cols, code, k, r),
                    codes=[I64], sizes=[rows * samples])


@pytest.mark.parametrize("rate", [0.0, 0.5, 9.99, 10.0, 50.0, 1e6])
def test_peer_poisson(torch, rate):
    for code in FLOATS:
        x = (torch.linspace(0.5, 1, 1003, dtype=torch.float64) * rate).to(dtype_of(torch, code))
        if code == F16 and rate > 65504:    # infinite there; torch then casts NaN to an integer
            continue
        compare(torch, lambda t, x=x: torch.poisson(x),
                lambda g, at, n, d, x=x: R.poisson(g, at, x.data_ptr(), n, d),
                codes=[code], sizes=[1003])


@pytest.mark.parametrize("count", [0, 10, 100, 1000, 10**6])
def test_peer_binomial(torch, count):
    for code in (F32, F64):
        n = torch.full((1003,), count, dtype=dtype_of(torch, code))
        p = torch.linspace(0, 1, 1003, dtype=n.dtype)
        compare(torch, lambda t, n=n, p=p: torch.binomial(n, p),
                lambda g, at, k, d, n=n, p=p: R.binomial(g, at, n.data_ptr(), p.data_ptr(), k, d),
                codes=[code], sizes=[1003])


@pytest.mark.parametrize("alpha", [0.0, 0.01, 0.3, 1.0, 2.5, 100.0, 1e5])
def test_peer_standard_gamma(torch, alpha):
    for code in (F32, F64):
        a = torch.full((1003,), alpha, dtype=dtype_of(torch, code))
        compare(torch, lambda t, a=a: torch._standard_gamma(a),
                lambda g, at, n, d, a=a: R.standard_gamma(g, at, a.data_ptr(), n, d),
                codes=[code], sizes=[1003])


def test_peer_sizes_of_millions(torch):
    n = 3_000_001
    for theirs, ours, code in (
            (lambda t: t.uniform_(), R.uniform, F32), (lambda t: t.normal_(), R.normal, F32),
            (lambda t: t.normal_(), R.normal, BF16),
            (lambda t: t.exponential_(), R.exponential, F32),
            (lambda t: torch.randperm(n), R.randperm, I64)):
        compare(torch, theirs, ours, codes=[code], sizes=[n], seeds=[5])


def test_peer_takes_our_state_in_mid_stream(torch):
    for before in (0, 1, 3, 623, 624, 625, 2000):
        gen, peer = seeded(11), torch.Generator()
        draw("uniform", before, F32, gen=gen)
        draw("normal", 3, F64, gen=gen)
        peer.set_state(torch.tensor(list(gen.state_bytes()), dtype=torch.uint8))
        assert bytes(peer.get_state().tolist()) == gen.state_bytes()
        assert torch.randn(5, generator=peer).tolist() == draw("normal", 5, F32, gen=gen)
        torch.rand(700, generator=peer)
        back = R.Generator().set_state_bytes(bytes(peer.get_state().tolist()))
        assert draw("normal", 3, F32, gen=back) == torch.randn(3, generator=peer).tolist()


def test_peer_mixed_calls(torch):
    gen = seeded(99)
    torch.manual_seed(99)
    calls = [
        (lambda t: t.normal_(), R.normal), (lambda t: t.uniform_(), R.uniform),
        (lambda t: t.bernoulli_(0.4), lambda *a: R.bernoulli(*a, 0.4)),
        (lambda t: t.log_normal_(), R.log_normal), (lambda t: t.exponential_(), R.exponential),
        (lambda t: t.random_(0, 9), lambda *a: R.random_from_to(*a, 0, 9)),
        (lambda t: t.cauchy_(), R.cauchy)]
    for step in range(200):
        theirs, ours = calls[step * 5 % len(calls)]
        n, code = (1, 3, 15, 16, 17, 7, 40)[step * 3 % 7], (F32, F64, BF16, F16)[step % 4]
        want = theirs(torch.empty(n, dtype=dtype_of(torch, code)))
        have = torch.empty_like(want)
        ours(gen, have.data_ptr(), n, code)
        assert torch.equal(have, want), step
    assert bytes(torch.get_rng_state().tolist()) == gen.state_bytes()
