"""What the profiler calls a public function: the name of PyTorch's operator, "aten::add" for torch.add and `a + b`."""

from cygrad import _dispatch

# Functions that PyTorch composes of operators, so that no operator has their name, or that are no operators at all.
_NONE = frozenset(
    """asarray as_tensor from_numpy frombuffer tensor set_default_tensor_type gumbel_softmax softmin softsign tanhshrink
    multi_head_attention_forward gaussian_nll_loss linear_cross_entropy multilabel_soft_margin_loss
    triplet_margin_with_distance_loss local_response_norm normalize upsample upsample_bilinear upsample_nearest data_ptr
    untyped_storage _bump_version _is_view register_hook register_post_accumulate_grad_hook nelement ndimension new type
    tolist __len__ __reversed__ numpy __array__ __array_wrap__ __deepcopy__ __dlpack__ __dlpack_device__ apply_ map_
    storage _typed_storage storage_type share_memory_ is_shared size dim numel stride storage_offset element_size
    is_contiguous is_floating_point is_complex is_signed is_inference is_set_to get_device requires_grad_ retain_grad
    backward grad is_same_size result_type promote_types can_cast __repr__ __format__ __contains__ __reduce_ex__
    new_tensor is_pinned is_coalesced is_sparse broadcast_shapes compiled_with_cxx11_abi""".split()
)
_RENAMED = {
    "cross_entropy": "cross_entropy_loss", "logsigmoid": "log_sigmoid", "dropout1d": "feature_dropout",
    "dropout2d": "feature_dropout", "dropout3d": "feature_dropout", "grid_sample": "grid_sampler",
    "affine_grid": "affine_grid_generator", "nn.functional.fold": "col2im", "nn.functional.unfold": "im2col",
    "__setitem__": "copy_", "__invert__": "bitwise_not", "__floordiv__": "floor_divide",
    "__rfloordiv__": "floor_divide", "__ifloordiv__": "floor_divide_", "__rmod__": "remainder",
    "__imod__": "remainder_", "__rpow__": "pow", "__rsub__": "rsub", "__rdiv__": "div", "__rtruediv__": "div",
    "__float__": "item", "__int__": "item", "__bool__": "is_nonzero", "__index__": "item", "__complex__": "item",
    "__eq__": "eq", "__rand__": "__and__", "__ror__": "__or__", "__rxor__": "__xor__", "__rlshift__": "__lshift__",
    "__rrshift__": "__rshift__", "special.expit": "sigmoid", "special.gammaln": "lgamma", "special.psi": "digamma",
    "special.erf": "erf", "special.erfc": "erfc", "special.exp2": "exp2", "special.expm1": "expm1",
    "special.log1p": "log1p", "special.round": "round", "special.sinc": "sinc",
}  # fmt: skip
_CASTS = frozenset(
    "bool byte char short int long half bfloat16 float double cfloat cdouble".split()
)


def operator_name(public):
    """The operator's name for a public function of this full name, "torch.Tensor.add"; None for what is none."""
    space, _, name = public.removeprefix("torch.").rpartition(".")
    name = _dispatch._TOLD.get(name, name)
    if name in _NONE or space == "autograd":
        return None
    if space == "Tensor" and name in _CASTS:
        return "aten::to"
    name = name.removesuffix("_with_indices")
    renamed = _RENAMED.get(f"{space}.{name}") or _RENAMED.get(name)
    if renamed:
        return f"aten::{renamed}"
    if space in ("linalg", "fft", "special"):
        return f"aten::{space}_{name}"
    return f"aten::{name}"


def of_index(index):
    """The operator of `x[index]`."""
    first = index[0] if isinstance(index, tuple) and index else index
    if isinstance(first, slice) or first is Ellipsis:
        return "aten::slice"
    if first is None:
        return "aten::unsqueeze"
    return "aten::select" if isinstance(first, int) else "aten::index"
