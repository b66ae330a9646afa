"""Results with named fields: tuples whose type is `torch.return_types.<operator>`, as `torch.return_types.max`."""

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
for _op, _fields in (
    ("aminmax", ("min", "max")),
    ("frexp", ("mantissa", "exponent")),
    ("histogram", ("hist", "bin_edges")),
    ("histogramdd", ("hist", "bin_edges")),
):
    make(_op, _fields)


# Those of linear algebra are made when they are first asked for.
FIELDS = {
    "_lu_with_info": ("LU", "pivots", "info"),
    "geqrf": ("a", "tau"),
    "linalg_cholesky_ex": ("L", "info"),
    "linalg_eig": ("eigenvalues", "eigenvectors"),
    "linalg_eigh": ("eigenvalues", "eigenvectors"),
    "linalg_inv_ex": ("inverse", "info"),
    "linalg_ldl_factor": ("LD", "pivots"),
    "linalg_ldl_factor_ex": ("LD", "pivots", "info"),
    "linalg_lstsq": ("solution", "residuals", "rank", "singular_values"),
    "linalg_lu": ("P", "L", "U"),
    "linalg_lu_factor": ("LU", "pivots"),
    "linalg_lu_factor_ex": ("LU", "pivots", "info"),
    "linalg_qr": ("Q", "R"),
    "linalg_slogdet": ("sign", "logabsdet"),
    "linalg_solve_ex": ("result", "info"),
    "linalg_svd": ("U", "S", "Vh"),
    "lu_unpack": ("P", "L", "U"),
    "qr": ("Q", "R"),
    "slogdet": ("sign", "logabsdet"),
    "svd": ("U", "S", "V"),
    "triangular_solve": ("solution", "cloned_coefficient"),
}


def _with_out(op):
    """The result with `out=`: a type of its own in PyTorch, with the same fields."""
    return make(op + "_out", _made[op]._fields)


for _op in [op for op in _made if op != "histogramdd"]:
    _with_out(_op)


def pytree_register_structseq(cls):
    """Tells torch.utils._pytree of a type of results: it knows all that have fields."""


def __getattr__(name):
    if name == "all_return_types":
        for op, fields in FIELDS.items():
            if not op.startswith("_"):
                make(op, fields), make(op + "_out", fields)
        return [_made[op] for op in sorted(_made)]
    if name not in _made and name.removesuffix("_out") not in FIELDS:
        raise AttributeError(f"module 'torch.return_types' has no attribute '{name}'")
    return _made.get(name) or make(name, FIELDS[name.removesuffix("_out")])


def __dir__():
    later = [op for op in FIELDS if not op.startswith("_")]
    return sorted({*_made, *later, *[op + "_out" for op in later]})
