"""Small types without tensors in them: layouts, memory formats, the limits of dtypes."""

from cygrad import _core
from cygrad._standins import Member

dtype = _core.dtype


class _Constants:
    """A closed set of named objects: `torch.strided`, `torch.channels_last`, ..."""

    __slots__ = ("_name",)

    def __new__(cls, *args, **kwargs):
        raise TypeError(f"cannot create 'torch.{cls.__name__}' instances")

    def __repr__(self):
        return f"torch.{self._name}"

    def __reduce__(self):
        return _constant, (self._name,)

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self


def _make(cls, name):
    constant = object.__new__(cls)
    constant._name = name
    return constant


def _constant(name):
    return CONSTANTS[name]


class layout(_Constants):
    """How the elements of a tensor are kept; all tensors of cygrad are `torch.strided`."""


class memory_format(_Constants):
    """The order of the strides that a function is asked to give its result."""


for _type in (layout, memory_format):
    _type.__module__ = "torch"

_LAYOUTS = (
    "strided",
    "sparse_coo",
    "sparse_csr",
    "sparse_csc",
    "sparse_bsr",
    "sparse_bsc",
    "jagged",
    "_mkldnn",
)
_FORMATS = ("contiguous_format", "preserve_format", "channels_last", "channels_last_3d")
CONSTANTS = {name: _make(layout, name) for name in _LAYOUTS} | {
    name: _make(memory_format, name) for name in _FORMATS
}
strided = CONSTANTS["strided"]
contiguous_format = CONSTANTS["contiguous_format"]
preserve_format = CONSTANTS["preserve_format"]
channels_last = CONSTANTS["channels_last"]
channels_last_3d = CONSTANTS["channels_last_3d"]

# digits that survive a round trip, bits of the significand, largest and smallest exponents
_FLOATS = {
    "float16": (3, 11, 16, -14),
    "bfloat16": (2, 8, 128, -126),
    "float32": (6, 24, 128, -126),
    "float64": (15, 53, 1024, -1022),
}


def _get_layout(name):
    """The layout called "torch.strided" and so on."""
    return CONSTANTS[name.removeprefix("torch.")]


_get_layout.__module__ = "torch.serialization"  # where files look for it

# eps, max, tiny of the dtypes of one byte, which no tensor has; libraries ask for them when they are imported.
_FLOATS_8 = {
    "torch.float8_e4m3fn": (0.125, 448.0, 2.0**-6),
    "torch.float8_e4m3fnuz": (0.125, 240.0, 2.0**-7),
    "torch.float8_e5m2": (0.25, 57344.0, 2.0**-14),
    "torch.float8_e5m2fnuz": (0.125, 57344.0, 2.0**-15),
}


class finfo:
    """The limits of a floating point dtype.

    bits, eps, max, min, tiny (= smallest_normal), resolution, dtype.
    """

    def __init__(self, type=None):
        if type is None:
            type = _core.get_default_dtype()
        if isinstance(type, Member) and repr(type) in _FLOATS_8:
            self.eps, self.max, self.tiny = _FLOATS_8[repr(type)]
            self.dtype = repr(type).removeprefix("torch.")
            self.bits, self.min, self.smallest_normal = 8, -self.max, self.tiny
            self.resolution = 1.0
            return
        if not isinstance(type, dtype):
            raise TypeError(
                f"finfo(): argument 'type' (position 1) must be torch.dtype, not "
                f"{type.__class__.__name__}"
            )
        type = type.to_real()
        if type.name not in _FLOATS:
            raise TypeError(
                "torch.finfo() requires a floating point input type. Use torch.iinfo to handle "
                "'torch.finfo'"
            )
        digits, bits, top, bottom = _FLOATS[type.name]
        self.dtype = type.name
        self.bits = 8 * type.itemsize
        self.eps = 2.0 ** (1 - bits)
        self.max = (2 - self.eps) * 2.0 ** (top - 1)
        self.min = -self.max
        self.tiny = self.smallest_normal = 2.0**bottom
        self.resolution = float(f"1e-{digits}")

    def __eq__(self, other):
        return isinstance(other, finfo) and self.dtype == other.dtype

    def __hash__(self):
        return hash(self.dtype)

    def __repr__(self):
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, "
            f"eps={self.eps:g}, smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, "
            f"dtype={self.dtype})"
        )


class iinfo:
    """The limits of an integer dtype: bits, max, min, dtype."""

    def __init__(self, type):
        if not isinstance(type, dtype):
            raise TypeError(
                f"iinfo(): argument 'type' (position 1) must be torch.dtype, not "
                f"{type.__class__.__name__}"
            )
        if type.is_floating_point or type.is_complex:
            raise TypeError(
                "torch.iinfo() requires an integer input type. Use torch.finfo to handle "
                "'torch.iinfo'"
            )
        if type.name == "bool":
            raise TypeError("torch.bool is not supported by torch.iinfo")
        self.dtype = type.name
        self.bits = 8 * type.itemsize
        value_bits = self.bits - type.is_signed
        self.max = 2**value_bits - 1
        self.min = -(2**value_bits) if type.is_signed else 0

    def __eq__(self, other):
        return isinstance(other, iinfo) and self.dtype == other.dtype

    def __hash__(self):
        return hash(self.dtype)

    def __repr__(self):
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"


FUNCTIONS = {
    "layout": layout,
    "memory_format": memory_format,
    "finfo": finfo,
    "iinfo": iinfo,
    **CONSTANTS,
}
METHODS = {}
PROPERTIES = {}
