"""Names that few programs use: methods as functions, other backends' methods, layouts that cygrad does not have."""

import inspect
import warnings

import cygrad
from cygrad._core import Tensor

# ---------------------------------------------------------------- methods that are functions as well


def _function_of(name):
    def function(input, *args, **kwargs):
        return getattr(Tensor, name).__wrapped__(input, *args, **kwargs)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"`Tensor.{name}` as a function."
    return function


detach, detach_, as_strided_, addmv_ = map(_function_of, ("detach", "detach_", "as_strided_", "addmv_"))


def unsafe_split_with_sizes(input, split_sizes, dim=0):
    """`split_with_sizes`, whose pieces are no views for autograd."""
    return tuple([piece.clone() for piece in input.split_with_sizes(split_sizes, dim)])


def slice_inverse(input, src, dim=0, start=None, end=None, step=1):
    """The tensor of src's shape over the memory that `input` is a slice of."""
    strides = list(src.stride())
    return input.as_strided(src.shape, strides, src.storage_offset())


def renorm_(self, p, dim, maxnorm):
    """`renorm` in place."""
    return self.copy_(self.renorm(p, dim, maxnorm))


def map2_(self, x, y, callable):
    """Replaces each element by callable(element, x's element, y's element); slow, on the CPU alone."""
    if self.device.type != "cpu":
        raise TypeError("map2_ is only implemented on CPU tensors")
    if self.requires_grad:
        raise RuntimeError("Can't call map2_() on Variable that requires grad. Use var.detach().map2_() instead.")
    lists = [t.expand_as(self).reshape(-1).tolist() for t in (self, x, y)]
    values = [callable(*three) for three in zip(*lists, strict=True)]
    return self.copy_(self.new_tensor(values).reshape(self.shape))


def const_data_ptr(self):
    """`data_ptr` for reading alone."""
    return self.data_ptr()


def _order_of_format(self, formats):
    """The order of the one memory format of a list that a tensor with several orders has."""
    orders = {
        cygrad.contiguous_format: range(self.dim()),
        cygrad.channels_last: (0, 2, 3, 1),
        cygrad.channels_last_3d: (0, 2, 3, 4, 1),
    }
    fits = [f for f in orders if self.dim() == len(orders[f]) and self.is_contiguous(memory_format=f)]
    given = fits + [cygrad.preserve_format] * self.is_contiguous()
    if formats is True or len([f for f in formats if f in given]) != 1:
        raise RuntimeError("The tensor does not have unique dim order, or cannot map to exact one of the given "
                           "memory formats.")
    if len(fits) != 1:
        raise RuntimeError("The tensor does not have unique dim order.")
    return tuple(orders[fits[0]])


def dim_order(self, *, ambiguity_check=False):
    """The dimensions from the outermost in memory to the innermost: (0, 2, 3, 1) for channels last."""
    if not isinstance(ambiguity_check, bool) and not isinstance(ambiguity_check, list):
        raise TypeError("The ambiguity_check argument must be a bool or a list of memory formats.")
    strides = self.stride()
    order = sorted(range(self.dim()), key=lambda d: (-strides[d], self.size(d) == 1, d))
    if ambiguity_check:
        ties = len({s for s, n in zip(strides, self.shape, strict=True) if n != 1}) != sum(n != 1 for n in self.shape)
        if ties or any(n == 1 for n in self.shape):
            return _order_of_format(self, ambiguity_check)
    return tuple(order)


def index(self, positions, dims):
    """Not there: indexing by first-class dimensions needs functorch.dim."""
    raise NotImplementedError("Tensor.index(): cygrad has no functorch.dim, whose dimensions it takes")


def _grad_dtype(self):
    """The dtype that a gradient of this tensor has: its own."""
    return self.dtype


def _set_grad_dtype(self, dtype):
    if dtype is not None and dtype is not self.dtype:
        raise NotImplementedError("Tensor.grad_dtype: cygrad's gradients have the dtype of their tensor")


def set_flush_denormal(mode):
    """Whether denormal numbers could be set to be flushed to zero: cygrad keeps them, so only False succeeds."""
    return not mode


# ---------------------------------------------------------------- other backends, layouts and quantization


def _elsewhere(device, error):
    def method(self, *args, **kwargs):
        raise error

    method.__name__ = method.__qualname__ = device
    method.__doc__ = f"Not there: cygrad has no {device} devices."
    return method


ipu = _elsewhere("ipu", RuntimeError("PyTorch is not linked with support for ipu devices"))
mtia = _elsewhere("mtia", AssertionError("Torch not compiled with MTIA enabled"))
xpu = _elsewhere("xpu", AssertionError("Torch not compiled with XPU enabled"))


def _refusing(name, why):
    def function(input, *args, **kwargs):
        kind = "Sparse" if input.layout != cygrad.strided else "CPU"
        raise NotImplementedError(f"Could not run 'aten::{name}' with arguments from the '{kind}' backend: {why}")

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"Not there: {why}."
    return function


_QUANTIZED = "cygrad has no quantized tensors"
qscheme, q_scale, q_zero_point, int_repr, q_per_channel_axis, q_per_channel_scales, q_per_channel_zero_points = [
    _refusing(name, _QUANTIZED) for name in
    "qscheme q_scale q_zero_point int_repr q_per_channel_axis q_per_channel_scales q_per_channel_zero_points".split()
]  # fmt: skip
_RESIZED = "cygrad's sparse tensors keep their size"
sparse_resize_, sparse_resize_and_clear_, resize_as_sparse_ = [
    _refusing(name, _RESIZED) for name in ("sparse_resize_", "sparse_resize_and_clear_", "resize_as_sparse_")
]
to_mkldnn = _refusing("to_mkldnn", "cygrad has no layout of oneDNN")
to_padded_tensor = _refusing("to_padded_tensor", "cygrad has no nested tensors")
to_sparse_csc, to_sparse_bsr, to_sparse_bsc = [
    _refusing(f"to_sparse_{x}", f"cygrad has no layout sparse_{x}; coo and csr are there")
    for x in ("csc", "bsr", "bsc")
]


def dequantize(self):
    """The tensor with its numbers as they are: none is quantized."""
    return self.float()


def _of_columns(name):
    def method(self):
        kind = {"torch.strided": "Strided", "torch.sparse_coo": "Sparse", "torch.sparse_csr": "SparseCsr"}
        found = kind.get(str(self.layout), str(self.layout))
        raise RuntimeError(f"{name} expected sparse column compressed tensor layout but got {found}")

    method.__name__ = method.__qualname__ = name
    method.__doc__ = "Of the layouts sparse_csc and sparse_bsc, which cygrad does not have."
    return method


ccol_indices, row_indices = _of_columns("ccol_indices"), _of_columns("row_indices")


def _copied(name):
    def function(input):
        return getattr(input, name)().clone()

    function.__name__ = function.__qualname__ = name + "_copy"
    function.__doc__ = f"A copy of `Tensor.{name}`."
    return function


_COPIES = ("ccol_indices", "col_indices", "crow_indices", "indices", "row_indices", "values")


def _compressed(layout, compressed, plain):
    def function(compressed_indices, plain_indices, values, size=None, *, dtype=None, device=None, pin_memory=False,
                 requires_grad=False, check_invariants=None):  # fmt: skip
        raise NotImplementedError(f"cygrad has no layout sparse_{layout}; coo and csr are there")

    names = {"compressed_indices": compressed, "plain_indices": plain}
    shown = inspect.signature(function)
    function.__signature__ = shown.replace(
        parameters=[p.replace(name=names.get(p.name, p.name)) for p in shown.parameters.values()]
    )
    function.__name__ = function.__qualname__ = f"sparse_{layout}_tensor"
    function.__doc__ = f"Not there: cygrad has no layout sparse_{layout}."
    return function


def sparse_compressed_tensor(compressed_indices, plain_indices, values, size=None, *, dtype=None, layout=None,
                             device=None, pin_memory=False, requires_grad=False, check_invariants=None):
    """A sparse tensor of one of the compressed layouts, of which there is sparse_csr."""
    if layout is None:
        raise RuntimeError("sparse_compressed_tensor_unsafe: expected sparse compressed tensor layout but got Strided")
    if layout != cygrad.sparse_csr:
        raise NotImplementedError(f"cygrad has no layout {layout}; sparse_coo and sparse_csr are there")
    return cygrad.sparse_csr_tensor(compressed_indices, plain_indices, values, size, dtype=dtype, device=device,
                                    requires_grad=requires_grad)


def sspaddmm(input, mat1, mat2, *, beta=1, alpha=1, out=None):
    """beta * input + alpha * mat1 @ mat2, with the first two sparse, as a sparse matrix."""
    if input.layout != cygrad.sparse_coo or mat1.layout != cygrad.sparse_coo:
        raise RuntimeError("tensor.sspaddmm(...) can only be called on sparse tensors")
    if out is not None:
        raise NotImplementedError("sspaddmm: out= of a sparse tensor")
    product = cygrad.mm(mat1, mat2).to_sparse()
    indices = cygrad.cat([input._indices(), product._indices()], 1)
    values = cygrad.cat([input._values() * beta, product._values() * alpha])
    return cygrad.sparse_coo_tensor(indices, values, input.shape)


def native_norm(input, p=2, dim=None, keepdim=False, dtype=None):
    """The norm of a sparse tensor's values."""
    if input.layout != cygrad.sparse_coo:
        raise NotImplementedError("Could not run 'aten::native_norm' with arguments from the 'CPU' backend")
    return input.coalesce().values().norm(p)


# ---------------------------------------------------------------- PyTorch's own, that libraries call


def _shape_as_tensor(self):
    """The shape as a tensor."""
    return cygrad.tensor(self.shape, dtype=cygrad.int64)


def _convert_indices_from_coo_to_csr(input, size, *, out_int32=False, out=None):
    """Where each row of sorted row numbers begins, and where the last ends."""
    result = cygrad.zeros(size + 1, dtype=cygrad.int64, device=input.device)
    result[1:] = cygrad.bincount(input, minlength=size).cumsum(0)
    result = result.to(cygrad.int32) if out_int32 else result
    return result if out is None else out.copy_(result)


def _convert_indices_from_csr_to_coo(crow_indices, col_indices, *, out_int32=False, transpose=False, out=None):
    """The (row, column) pairs of a compressed matrix; (column, row) with `transpose`."""
    rows = cygrad.arange(crow_indices.numel() - 1, device=crow_indices.device)
    rows = rows.repeat_interleave(crow_indices[1:] - crow_indices[:-1]).to(col_indices.dtype)
    result = cygrad.stack([col_indices, rows] if transpose else [rows, col_indices])
    result = result.to(cygrad.int32) if out_int32 else result
    return result if out is None else out.copy_(result)


def _assert_async(input, assert_msg="Expected Tensor with single nonzero value, but got zero"):
    """RuntimeError with this text where a tensor is false."""
    if not bool(input):
        raise RuntimeError(assert_msg)


def _softmax_backward_data(grad_output, output, dim, input_dtype):
    """The gradient of softmax, from its result."""
    product = grad_output * output
    return (product - output * product.sum(dim, keepdim=True)).to(input_dtype)


def _log_softmax_backward_data(grad_output, output, dim, input_dtype):
    """The gradient of log_softmax, from its result."""
    return (grad_output - output.exp() * grad_output.sum(dim, keepdim=True)).to(input_dtype)


def _cast(name, dtype):
    def function(input, non_blocking=False):
        return input.to(getattr(cygrad, dtype))

    function.__name__ = function.__qualname__ = f"_cast_{name}"
    function.__doc__ = f"The tensor as {dtype}."
    return function


_CASTS = {"Byte": "uint8", "Char": "int8", "Short": "int16", "Int": "int32", "Long": "int64", "Half": "float16",
          "Float": "float32", "Double": "float64"}  # fmt: skip


def _check_with(error_type, cond, message=None):
    """Raises an error of this type unless a condition holds; the message is a function."""
    if not isinstance(cond, bool):
        raise TypeError(f"cond must be a bool, but got {type(cond)}")
    if not cond:
        raise error_type("Expected cond to be True, but got False." if message is None else str(message()))


def _check_tensor_all_with(error_type, cond, message=None):
    """Raises an error of this type unless all elements of a tensor of bools hold."""
    if not isinstance(cond, Tensor):
        raise TypeError(f"cond must be a tensor, but got {type(cond)}")
    if cond.dtype != cygrad.bool:
        raise TypeError(f"cond tensor must have dtype torch.bool, but got {cond.dtype}")
    _check_with(error_type, bool(cond.all()), message)


def _grouped_mm(self, mat2, offs=None, bias=None, out_dtype=None):
    """`nn.functional.grouped_mm`."""
    return cygrad.nn.functional.grouped_mm(self, mat2, offs=offs, bias=bias, out_dtype=out_dtype)


# ---------------------------------------------------------------- the library itself


class FatalError(Exception):
    """What PyTorch's C++ raises where it can't go on."""


class JITException(Exception):
    """What compiled programs raise."""


class qscheme_type:
    """The ways to quantize a tensor, to be named alone."""

    def __init__(self, name):
        self._name = name

    def __repr__(self):
        return f"torch.{self._name}"


FatalError.__module__ = qscheme_type.__module__ = "torch"
JITException.__module__, JITException.__qualname__ = "torch.jit", "Error"
qscheme_type.__name__ = qscheme_type.__qualname__ = "qscheme"


def get_device_module(device=None):
    """The module of a kind of device: torch.cpu, torch.opencl."""
    if isinstance(device, cygrad.device):
        name = device.type
    elif isinstance(device, str):
        name = cygrad.device(device).type
    elif device is None:
        found = cygrad.accelerator.current_accelerator()
        name = "cpu" if found is None else found.type
    else:
        raise RuntimeError(
            f"Invalid value of device '{device}', expect torch.device, str, or None"
        )
    module = getattr(cygrad, name, None)
    if module is None:
        raise RuntimeError(f"Device '{name}' does not have a corresponding module registered as 'torch.{name}'.")
    return module


def set_anomaly_enabled(enabled, check_nan=True):
    """Turns the detection of anomalies in backward passes on or off for good."""
    cygrad.autograd.set_detect_anomaly(enabled, check_nan)


def _volatile(self):
    warnings.warn("volatile was removed (Variable.volatile is always False)", stacklevel=2)
    return False


FUNCTIONS = {
    f.__name__: f
    for f in (
        detach, detach_, as_strided_, addmv_, unsafe_split_with_sizes, slice_inverse, sspaddmm, native_norm,
        resize_as_sparse_, sparse_compressed_tensor, dequantize, int_repr, q_scale, q_zero_point, set_flush_denormal,
        get_device_module, set_anomaly_enabled, *map(_copied, _COPIES),
        _compressed("csc", "ccol_indices", "row_indices"),
        _compressed("bsr", "crow_indices", "col_indices"), _compressed("bsc", "ccol_indices", "row_indices"),
        _shape_as_tensor, _convert_indices_from_coo_to_csr,
        _convert_indices_from_csr_to_coo, _assert_async, _softmax_backward_data, _log_softmax_backward_data,
        _check_with, _check_tensor_all_with, _grouped_mm, *[_cast(*pair) for pair in _CASTS.items()],
    )
} | {"saddmm": sspaddmm, "FatalError": FatalError, "JITException": JITException, "qscheme": qscheme_type}  # fmt: skip
for _name in ("per_tensor_affine", "per_channel_affine", "per_tensor_symmetric", "per_channel_symmetric",
              "per_channel_affine_float_qparams"):  # fmt: skip
    FUNCTIONS[_name] = qscheme_type(_name)
METHODS = {
    f.__name__: f
    for f in (
        unsafe_split_with_sizes, slice_inverse, renorm_, map2_, const_data_ptr, dim_order, index, ipu, mtia, xpu,
        qscheme, q_scale, q_zero_point, int_repr, q_per_channel_axis, q_per_channel_scales, q_per_channel_zero_points,
        sparse_resize_, sparse_resize_and_clear_, resize_as_sparse_, to_mkldnn, to_padded_tensor, to_sparse_csc,
        to_sparse_bsr, to_sparse_bsc, dequantize, ccol_indices, row_indices, sspaddmm,
    )
}  # fmt: skip
PROPERTIES = {"grad_dtype": property(_grad_dtype, _set_grad_dtype), "volatile": _volatile}
