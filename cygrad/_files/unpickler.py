"""Names between files and cygrad, and the unpickler that runs nothing but what it knows.

A file names PyTorch's places (`torch.nn.modules.linear.Linear`); cygrad's own begin with `cygrad`.
"""

import importlib
import operator
import pickle
import pickletools
import struct
import sys
from collections import Counter, OrderedDict
from contextlib import contextmanager

from cygrad import _core, _tensor, _types, _utils, storage
from cygrad.storage import UntypedStorage

# ------------------------------------------------------------------ names


def resolve(module, name):
    """What a file means by `name` of torch's (or cygrad's) `module`."""
    _, dot, rest = module.partition(".")
    if rest == "_C" and name in _COMPILED:
        return _COMPILED[name]()
    if rest == "_C._nn":
        rest = "nn.functional"
    try:
        found = importlib.import_module("cygrad" + dot + rest)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise pickle.UnpicklingError(
            f"the file needs torch{dot}{rest}.{name}, which cygrad does not have: {error}"
        ) from error
    return found


# What PyTorch's compiled part holds: the class whose methods are torch.relu and so on, and others.
_COMPILED = {
    "Generator": lambda: importlib.import_module("cygrad").Generator,
    "TensorBase": lambda: _core.Tensor,
    "_VariableFunctionsClass": lambda: importlib.import_module("cygrad"),
}


def torch_name(obj, name=None):
    """(module, name) under which files know a class or function of cygrad; None for anything else."""
    top, _, place = (getattr(obj, "__module__", None) or "").partition(".")
    if top not in ("cygrad", "torch"):
        return None
    name = name or getattr(obj, "__qualname__", None) or obj.__name__
    if name == "Generator" and obj is _COMPILED[name]():
        return "torch._C", name
    # Where PyTorch has no such module, the objects in it are known by the public place.
    if place.startswith("nn.functional."):
        place = "nn.functional"
    elif place.startswith("_") and place not in ("_utils", "_tensor"):
        place = ""
    module = "torch." + place if place else "torch"
    try:
        if resolve(module, name) is obj:
            return sys.intern(module), sys.intern(
                name
            )  # written once, where the protocol shares strings
    except pickle.UnpicklingError:
        pass
    raise pickle.PicklingError(f"Can't pickle {obj!r}: it's not found as {module}.{name}")


# ------------------------------------------------------------------ what is safe

_BLOCKED = frozenset(("sys", "os", "posix", "nt"))
_user_globals = []  # classes and functions, or pairs of one and its full name in files


def shown(obj):
    """A text that names what stands in a file; of containers the type, since what shares parts prints for ever."""
    if obj is None or isinstance(obj, (str, int, float, type)):
        return str(obj)[:200]
    name = getattr(obj, "__qualname__", None)
    return name if isinstance(name, str) else str(type(obj))


def _key_is_simple(key):
    """Whether hashing `key` is cheap; nested tuples that share their parts take exponential time."""
    budget = 256
    waiting = [key]
    while waiting:
        item = waiting.pop()
        budget -= 1
        if budget < 0:
            return False
        if isinstance(item, tuple):
            waiting.extend(item)
    return True


def _check_key(key):
    if isinstance(key, tuple) and not _key_is_simple(key):
        raise pickle.UnpicklingError("the key of a dict or set is too deeply nested")
    return key


def _pairs(items):
    items = items.items() if isinstance(items, dict) else items
    if not isinstance(items, (list, tuple, type({}.items()))):
        raise pickle.UnpicklingError(f"a dict cannot be made of {type(items)}")
    return [(_check_key(key), value) for key, value in items]


def _ordered_dict(items=()):
    return OrderedDict(_pairs(items))


def _counter(items=()):
    return Counter(dict(_pairs(items)))


def _set(items=()):
    if not isinstance(items, (list, tuple)):
        raise pickle.UnpicklingError(f"a set cannot be made of {type(items)}")
    return set(map(_check_key, items))


def _bytearray(data=b"", *encoding):
    # Of a number it would be as many zeros.
    if not isinstance(data, (bytes, bytearray, str)):
        raise pickle.UnpicklingError(f"a bytearray cannot be made of {type(data)}")
    return bytearray(data.encode("latin1") if isinstance(data, str) else data)


def _encode(text, encoding="utf-8"):
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1", "utf8", "utf-8", "ascii"):
        raise pickle.UnpicklingError("only text can be encoded, as latin1, utf-8 or ascii")
    return text.encode(encoding)


def _safe_rebuild_from_type(func, new_type, args, state):
    if not any(func is known for known in _REBUILDERS):
        raise pickle.UnpicklingError(f"{shown(func)} does not rebuild tensors")
    if not (isinstance(new_type, type) and issubclass(new_type, _core.Tensor)):
        raise pickle.UnpicklingError(f"{shown(new_type)} is no class of tensors")
    return _tensor._rebuild_from_type_v2(func, new_type, args, state)


def _plain(function):
    """The function for arguments that are text and numbers, since others would be hashed, printed or gone through."""

    def call(*args):
        if not all(arg is None or isinstance(arg, (str, int, float, complex)) for arg in args):
            raise pickle.UnpicklingError(f"{shown(function)} takes text and numbers")
        return function(*args)

    return call


def _size(numbers=()):
    if not isinstance(numbers, (tuple, list)):
        raise pickle.UnpicklingError(f"a torch.Size cannot be made of {type(numbers)}")
    return _core.Size([operator.index(n) for n in numbers])


_REBUILDERS = (
    _utils._rebuild_tensor,
    _utils._rebuild_tensor_v2,
    _utils._rebuild_tensor_v3,
    _utils._rebuild_parameter,
    _utils._rebuild_parameter_with_state,
    _utils._rebuild_sparse_tensor,
)
# What may be called, and what is called instead.
_CALLS = {OrderedDict: _ordered_dict, Counter: _counter, _core.Size: _size}
_CALLS |= {f: _plain(f) for f in (_types._get_layout, complex, _core.device)}
_CALLS |= {f: f for f in (_set, _bytearray, _encode, _safe_rebuild_from_type, *_REBUILDERS)}


def _default_globals():
    from cygrad.nn.parameter import Parameter

    known = {
        "collections.OrderedDict": OrderedDict,
        "collections.Counter": Counter,
        "builtins.set": _set,
        "builtins.bytearray": _bytearray,
        "builtins.complex": complex,
        "_codecs.encode": _encode,
        "torch.Size": _core.Size,
        "torch.device": _core.device,
        "torch.Tensor": _core.Tensor,
        "torch.nn.parameter.Parameter": Parameter,
        "torch.storage.UntypedStorage": UntypedStorage,
        "torch.storage.TypedStorage": storage.TypedStorage,
        "torch.serialization._get_layout": _types._get_layout,
        "torch._tensor._rebuild_from_type_v2": _safe_rebuild_from_type,
    }
    known |= {f"__builtin__.{n}": known[f"builtins.{n}"] for n in ("set", "bytearray", "complex")}
    known |= {f"torch._utils.{f.__name__}": f for f in _REBUILDERS}
    known |= {f"torch.{name}": cls for name, cls in storage.TYPES.items()}
    known |= {f"torch.{d.name}": d for d in _core.DTYPES}
    return known


_defaults = None


def default_globals():
    """Full name in files -> what it becomes, of everything that is safe without being asked for."""
    global _defaults
    if _defaults is None:
        _defaults = _default_globals()
    return _defaults


def full_name(obj):
    """The name under which a file knows a class or function."""
    place = torch_name(obj) if getattr(obj, "__module__", "").startswith("cygrad") else None
    return ".".join(place or (obj.__module__, obj.__qualname__))


def user_globals():
    """Full name -> object of what users have called safe."""
    named = {}
    for item in _user_globals:
        obj, name = item if isinstance(item, tuple) else (item, None)
        named[name or full_name(obj)] = obj
    return named


def add_safe_globals(safe_globals):
    """Lets `load(weights_only=True)` use these classes and functions.

    An item is a class or function, or a pair of one and the full name that files know it by.
    """
    _user_globals.extend(item for item in safe_globals if item not in _user_globals)


def get_safe_globals():
    """What users have called safe."""
    return list(_user_globals)


def clear_safe_globals():
    """Forgets what users have called safe."""
    _user_globals.clear()


@contextmanager
def safe_globals(safe_globals):
    """Within it these classes and functions are safe, as by `add_safe_globals`."""
    before = get_safe_globals()
    add_safe_globals(safe_globals)
    try:
        yield
    finally:
        _user_globals[:] = before


# ------------------------------------------------------------------ the restricted unpickler

# What is safe in PyTorch, but not here.
_LACKING = frozenset(
    f"torch.{name}"
    for name in """_utils._rebuild_sparse_tensor _utils._rebuild_qtensor _utils._rebuild_nested_tensor
    _utils._rebuild_meta_tensor_no_storage _utils._rebuild_wrapper_subclass _utils._rebuild_device_tensor_from_numpy
    uint16 uint32 uint64 complex32 float8_e4m3fn float8_e4m3fnuz float8_e5m2 float8_e5m2fnuz float8_e8m0fnu
    quint8 qint8 qint32""".split()
)

# The opcodes of protocol 2 that PyTorch's files hold.
_OPCODES = b"(.GJKMQRUX]abcehjqrstu}\x80\x81\x85\x86\x87\x88\x89\x8a)N"


class WeightsUnpickler(pickle._Unpickler):
    """Runs only the opcodes that data needs, and calls only what is known to be safe.

    In Python since the compiled one takes memory by what the file says, not by what it holds.
    """

    dispatch = {op: pickle._Unpickler.dispatch[op] for op in _OPCODES}

    def __init__(self, file, persistent_load=None, **options):
        super().__init__(file, **options)
        trusted = user_globals()
        self._allowed = default_globals() | trusted
        self._calls = _CALLS | {f: f for f in trusted.values()}
        self._trusted = tuple(o for o in trusted.values() if isinstance(o, type))
        if persistent_load is not None:
            self.persistent_load = persistent_load

    def load(self):
        try:
            return super().load()
        except KeyError as error:
            op = error.args[0]
            if error.__traceback__.tb_next.tb_next is None and isinstance(op, int):
                raise pickle.UnpicklingError(f"Unsupported operand {op}") from None
            raise

    def find_class(self, module, name):
        full = f"{module}.{name}"
        if module in _BLOCKED:
            raise pickle.UnpicklingError(
                f"Trying to load unsupported GLOBAL {full} whose module {module} is blocked."
            )
        if full not in self._allowed:
            if full in _LACKING:
                raise pickle.UnpicklingError(f"the file needs {full}, which cygrad does not have")
            shown = name if module in ("builtins", "__builtin__") else full
            raise pickle.UnpicklingError(
                f"Unsupported global: GLOBAL {shown} was not an allowed global by default. Please use "
                f"`torch.serialization.add_safe_globals([{shown}])` or the "
                f"`torch.serialization.safe_globals([{shown}])` context manager to allowlist this global if you "
                "trust this class/function."
            )
        return self._allowed[full]

    def persistent_load(self, pid):
        raise pickle.UnpicklingError("the pickle refers to something outside of it")

    def load_reduce(self):
        args = self.stack.pop()
        function = self.stack[-1]
        # Callables alone, so that nothing from the file is hashed.
        call = self._calls.get(function) if callable(function) else None
        if call is None:
            raise pickle.UnpicklingError(
                f"Trying to call reduce for unrecognized function {shown(function)}"
            )
        # What is copied; an honest file copies each part once, a hostile one the same part again and again.
        _utils.spend(
            sum([len(x) for x in args if isinstance(x, (str, bytes, bytearray, list, tuple, dict))])
        )
        self.stack[-1] = call(*args)

    dispatch[pickle.REDUCE[0]] = load_reduce

    def load_newobj(self):
        args = self.stack.pop()
        cls = self.stack.pop()
        known = isinstance(cls, type) and (
            cls in self._trusted or cls in (_core.Tensor, OrderedDict, Counter) and not args
        )
        if not known:
            raise pickle.UnpicklingError(
                f"Trying to create new object for unrecognized class {shown(cls)}"
            )
        self.append(cls.__new__(cls, *args))

    dispatch[pickle.NEWOBJ[0]] = load_newobj

    def load_build(self):
        state = self.stack.pop()
        inst = self.stack[-1]
        if type(inst) is OrderedDict:
            if type(state) not in (dict, OrderedDict) or not all(
                type(name) is str for name in state
            ):
                raise pickle.UnpicklingError(
                    "the attributes of an OrderedDict must be a dict with names"
                )
            _utils.spend(len(state))
            inst.__dict__.update(state)
        elif isinstance(inst, self._trusted):
            self.stack.append(state)
            super().load_build()
        else:
            raise pickle.UnpicklingError(
                "Can only build Tensor, Parameter, OrderedDict or types allowlisted via `add_safe_globals`, but got "
                f"{type(inst)}"
            )

    dispatch[pickle.BUILD[0]] = load_build

    def load_append(self):
        item = self.stack.pop()
        if type(self.stack[-1]) is not list:
            raise pickle.UnpicklingError(
                f"Can only append to lists, but got {type(self.stack[-1])}"
            )
        self.stack[-1].append(item)

    dispatch[pickle.APPEND[0]] = load_append

    def load_appends(self):
        items = self.pop_mark()
        if type(self.stack[-1]) is not list:
            raise pickle.UnpicklingError(f"Can only extend lists, but got {type(self.stack[-1])}")
        self.stack[-1].extend(items)

    dispatch[pickle.APPENDS[0]] = load_appends

    def _set_items(self, opcode, items):
        if type(self.stack[-1]) not in (dict, OrderedDict, Counter) and not isinstance(
            self.stack[-1], self._trusted
        ):
            raise pickle.UnpicklingError(
                f"Can only {opcode} for dict, collections.OrderedDict, collections.Counter, but got "
                f"{type(self.stack[-1])}"
            )
        for key, value in zip(items[::2], items[1::2], strict=True):
            self.stack[-1][_check_key(key)] = value

    def load_setitem(self):
        value, key = self.stack.pop(), self.stack.pop()
        self._set_items("SETITEM", [key, value])

    dispatch[pickle.SETITEM[0]] = load_setitem

    def load_setitems(self):
        items = self.pop_mark()
        self._set_items("SETITEMS", items)

    dispatch[pickle.SETITEMS[0]] = load_setitems


# What a malformed pickle makes the unpickler's own code raise.
MALFORMED = (
    AssertionError, AttributeError, IndexError, KeyError, NameError, NotImplementedError, OverflowError, RecursionError,
    TypeError, ValueError, struct.error,
)  # fmt: skip


def globals_of(data):
    """The full names that a pickle mentions as globals, in the order of their first mention."""
    names = {}
    strings = []
    for op, arg, _ in pickletools.genops(data):
        if op.name == "GLOBAL":
            module, _, name = arg.partition(" ")
            names[f"{_RENAMED.get(module, module)}.{name}"] = None
        elif op.name == "STACK_GLOBAL":
            names[".".join(strings[-2:])] = None
        elif isinstance(arg, str):
            strings.append(arg)
    return list(names)


_RENAMED = {"__builtin__": "builtins", "copy_reg": "copyreg"}  # as protocol 2 spells them
