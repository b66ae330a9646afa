"""Results with named fields: tuples whose type is `torch.return_types.<operator>`."""

import operator

_made = {}


class NamedResult(tuple):
    """A tuple of tensors that are also attributes."""

    __slots__ = ()
    _fields = ()

    def __new__(cls, values, unnamed=None):  # PyTorch's files hold an empty dict beside the values
        values = tuple(values)
        if len(values) != len(cls._fields):
            raise TypeError(
                f"torch.return_types.{cls.__name__}() takes a {len(cls._fields)}-sequence "
                f"({len(values)}-sequence given)"
            )
        return tuple.__new__(cls, values)

    def __repr__(self):
        fields = ",\n".join(f"{f}={v!r}" for f, v in zip(self._fields, self, strict=True))
        return f"torch.return_types.{type(self).__name__}(\n{fields})"

    def __reduce__(self):
        return _rebuild, (type(self).__name__, self._fields, tuple(self))


def make(op, fields):
    """The class torch.return_types.<op>, whose instances are made of a sequence of values."""
    cls = _made.get(op)
    if cls is None:
        body = {f: property(operator.itemgetter(i)) for i, f in enumerate(fields)}
        body |= {
            "__slots__": (),
            "_fields": tuple(fields),
            "__module__": "torch.return_types",
            "n_fields": len(fields),
            "n_sequence_fields": len(fields),
            "n_unnamed_fields": 0,
        }
        cls = _made[op] = type(op, (NamedResult,), body)
    return cls


def named(op, fields, values):
    """A result of operator `op`."""
    return make(op, fields)(values)


def _rebuild(op, fields, values):
    return make(op, fields)(values)


# The types of the reductions exist before the first call, so that torch.return_types.max is there to be named.
for _op in ("max", "min", "sort", "topk", "kthvalue", "median", "nanmedian", "mode", "cummax", "cummin"):
    make(_op, ("values", "indices"))
make("aminmax", ("min", "max"))


def __getattr__(name):
    try:
        return _made[name]
    except KeyError:
        raise AttributeError(f"module 'torch.return_types' has no attribute '{name}'") from None
