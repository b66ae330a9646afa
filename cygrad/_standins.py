"""What stands in for parts of PyTorch that cygrad does not have: classes and functions that can be named, not used.

Modules that are here in part make their missing names of these; the table of modules that are not here at all is
`_as_torch/standins.py`.
"""

import builtins
import functools
import importlib
import importlib.util
import types


def error(name, why):
    """What the use of torch.NAME raises."""
    return NotImplementedError(f"torch.{name} is not in cygrad: {why}")


def refusing(name, why):
    """A function that raises when it is called."""

    def function(*args, **kwargs):
        raise error(name, why)

    return function


def answer(value):
    """A function that returns the value, whatever it is asked."""
    return lambda *args, **kwargs: value


class Member:
    """A constant of a class that stands in for an enumeration."""

    def __init__(self, name):
        self._name = name

    def __repr__(self):
        return self._name


class _Kind(type):
    """Classes that can be named, subclassed and compared with, but not instantiated."""

    def __call__(cls, *args, **kwargs):
        raise error(cls._stand_in, cls._why)

    def __getattr__(cls, name):
        if name.startswith("__"):
            raise AttributeError(name)
        raise AttributeError(
            f"type object '{cls.__name__}' has no attribute '{name}': {error(cls._stand_in, cls._why)}"
        )


def _decorator(*args, **kwargs):
    """Returns what it decorates."""
    if len(args) == 1 and not kwargs and callable(args[0]):
        return args[0]
    return lambda function: function


def _class(name, module, inside, why):
    members = [member.strip() for member in inside.split(",") if member.strip()]
    if len(members) == 1 and members[0].endswith(("Error", "Exception")):
        return type(name, (getattr(builtins, members[0]),), {})
    full = f"{module}.{name}"
    body = {m: Member(f"{name}.{m}") for m in members}
    return _Kind(name, (), body | {"_stand_in": full, "_why": why})


def _value(text):
    import ast  # of use only where a stand-in is

    if text.startswith("torch."):
        return functools.reduce(getattr, text.split(".")[1:], importlib.import_module("cygrad"))
    if text.startswith("Settings("):
        call = ast.parse(text, mode="eval").body
        return types.SimpleNamespace(**{k.arg: ast.literal_eval(k.value) for k in call.keywords})
    return ast.literal_eval(text)


def stand_in(name, why):
    """What stands in for torch.NAME, or for the class torch.NAME()."""
    module, dot, last = name.removesuffix("()").rpartition(".")
    result = _class(last, module, "", why) if name.endswith("()") else refusing(name, why)
    result.__module__, result.__qualname__, result.__name__ = f"cygrad{dot}{module}", last, last
    return result


def made(module, why, names):
    """{name: its stand-in} of names of torch.MODULE, written with semicolons between them in these forms:

    name                raises when it is called
    name = False        a function that returns the value
    @name               a decorator that returns what it decorates, with arguments or without
    Name()              a class that cannot be instantiated; Name(A, B) has members A and B
    Name(Exception)     an exception
    .name = value       an attribute
    = module            all names of another module
    """
    found = {}
    for line in filter(None, (" ".join(n.split()) for n in names.split(";"))):
        name, _, value = (part.strip() for part in line.partition("="))
        if not name:
            same = vars(importlib.import_module(f"cygrad.{value}"))
            found.update({n: v for n, v in same.items() if not n.startswith("__")})
            continue
        if name[0] == ".":
            found[name[1:]] = _value(value)
            continue
        if name[0] == "@":
            name, result = name[1:], types.FunctionType(_decorator.__code__, globals(), name[1:])
        elif "(" in name:
            name, _, inside = name.partition("(")
            result = _class(name, module, inside.rstrip(")"), why)
        else:
            result = answer(_value(value)) if value else refusing(f"{module}.{name}", why)
        result.__module__, result.__qualname__, result.__name__ = f"cygrad.{module}", name, name
        found[name] = result
    return found


def submodule(package, name):
    """The module `name` of a package of cygrad, or its stand-in; AttributeError if there is neither."""
    package = package.partition(".")[2] if package.startswith(("cygrad.", "torch.")) else package
    full = f"cygrad.{package}.{name}"
    if not name.startswith("__") and importlib.util.find_spec(full):
        return importlib.import_module(full)
    raise AttributeError(
        f"module 'torch.{package}' has no attribute '{name}': cygrad does not have it"
    )
