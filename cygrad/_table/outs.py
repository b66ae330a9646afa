"""What operators that are no rows ask of the dtype of `out=`, and how they refuse another.

An operator of several results, or of several forms, says which after a blank: "sort values".
A text is formatted with the dtypes of the result and of out: {of} and {to} as messages name them ("Float"), {c_of} and
{c_to} as C++ does ("float").  An operator that is not here takes what `store` (in `_ops`) was told.
"""

_EXPECTED = "Expected out tensor to have dtype {c_of}, but got {c_to} instead"
_CAST = "result type {of} can't be cast to the desired output type {to}"
_SCALAR = "expected scalar_type {of} but found {to}"
_HISTOGRAM = (
    "torch.histogram: input tensor and {} tensor should have the same dtype, but got input {{c_of}} and {} {{c_to}}"
)

# Those that take the dtype of the result alone.
SAME = {
    **dict.fromkeys(
        "gather index_copy index_add index_reduce scatter scatter_add scatter_reduce take_along_dim msort max min "
        "argmax argmin tril triu diagonal_copy aminmax renorm norm linalg_vector_norm diag isin".split(),
        _EXPECTED,
    ),
    **dict.fromkeys(("sort values", "sort indices", "topk values", "topk indices"), _EXPECTED),
    **dict.fromkeys("cummax cummin logcumsumexp diff".split(), _SCALAR),
    **dict.fromkeys(
        ("amax", "amin"),
        "Expected the dtype for input and out to match, but got {of} for input's dtype and {to} for out's dtype.",
    ),
    **dict.fromkeys(("quantile", "nanquantile"), "quantile() out tensor must be same dtype as the input tensor"),
    **dict.fromkeys(
        ("searchsorted", "bucketize"),
        "torch.searchsorted(): output tensor's dtype is wrong, it can only be Int(int32) or Long(int64) depending on "
        "whether out_int32 flag is True",
    ),
    "masked_select": "masked_select(): self and result must have the same scalar type",
    "index_select": "index_select(): self and result must have the same scalar type",
    "take": "take(): self and out expected to have the same dtype, but got self.dtype = {of} and out.dtype = {to}",
    "where": "Expected out type to be {of} but got {to}",
    "nonzero": "nonzero: Expected out tensor to have scalar type {of} but got scalar type{to}",
    "kthvalue values": "output values must be of same type as input",
    "kthvalue indices": "output indices must be of scalar type Long",
    "mode values": "expected scalar type '{of}' but got '{to}' for values output",
    "mode indices": "expected scalar type '{of}' but got '{to}' for indices output",
    "histc": _HISTOGRAM.format("hist", "hist"),
    "histogram hist": _HISTOGRAM.format("hist", "hist"),
    "histogram bin_edges": _HISTOGRAM.format("bin_edges", "bin_edges") + " for dimension 0",
    "frexp exponent": "torch.frexp() expects exponent to have {c_of} dtype but got {c_to}",
    "linalg_vecdot": "linalg.vecdot: Expected out of dtype{of} but found {to}",
    "linalg_norm": "linalg.norm expected out tensor dtype {of} but got: {to}",
    "linalg_matrix_norm": "linalg.matrix_norm expected out tensor dtype {of} but got: {to}",
    "linalg_solve_triangular": "expected scalar type {of} but found {to}",
    "linalg_multi_dot": "multi_dot(): expected out tensor to have dtype {c_of} but got {c_to}",
    "tensordot": "tensordot: Expected the output tensor to have dtype {of}, but got an output tensor with dtype {to}",
    "dot": "result dtype {to} does not match input dtype {of}",
}
# Those that take any dtype that the result can be cast to.
CASTS = {
    **dict.fromkeys("mean nanmean std var addr outer kron inner".split(), _CAST),
    **dict.fromkeys(
        ("max of all", "min of all"),
        "Expected canCast( typeMetaToScalarType(self.dtype()), typeMetaToScalarType(out.dtype())) to be true, but got "
        "false.  (Could this error message be improved?  If so, please report an enhancement request to PyTorch.)",
    ),
    "cat": "torch.cat(): input types can't be cast to the desired output type {to}",
    **{
        name: shown + ": Expected result to be safely castable from {of} dtype, but got result with dtype {to}"
        for name, shown in (
            ("cholesky", "cholesky"), ("cholesky_inverse", "cholesky_inverse"), ("cholesky_solve", "cholesky_solve"),
            ("linalg_cond", "linalg.cond"), ("linalg_pinv", "linalg.pinv"), ("linalg_tensorinv", "tensorinv"),
            ("linalg_tensorsolve", "tensorsolve"),
            ("linalg_householder_product", "torch.linalg.householder_product"),
        )
    },
    "linalg_eigvals": "torch.linalg.eigvals: Expected eigenvalues to be safely castable from {of} dtype, but got "
                      "eigenvalues with dtype {to}",
}  # fmt: skip
# Those that take a dtype for its kind: what the kinds are called, which dtypes are meant.
KINDS = {
    "all": ("all only supports bool tensor for result, got: {to}", ("bool", "uint8")),
    "any": ("any only supports bool tensor for result, got: {to}", ("bool", "uint8")),
    "logsumexp": (
        "logsumexp(): Expected floating point type for result tensor, but got: {to}",
        ("float16", "bfloat16", "float32", "float64", "complex64", "complex128"),
    ),
}
# TypeError where all others raise RuntimeError.
TYPE_ERRORS = ("cat",)
