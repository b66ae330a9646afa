"""Names of nn.functional that few programs use: products of groups, helpers that libraries import."""

import enum

import cygrad
from cygrad import Tensor  # noqa: F401 - PyTorch's module has it
from cygrad.overrides import (  # noqa: F401
    handle_torch_function,
    has_torch_function,
    has_torch_function_unary,
    has_torch_function_variadic,
)


class ScalingType(enum.IntEnum):
    """How the scales of a scaled product lie."""

    TensorWise = 0
    RowWise = 1
    BlockWise1x16 = 2
    BlockWise1x32 = 3
    BlockWise1x128 = 4
    BlockWise128x128 = 5


class SwizzleType(enum.IntEnum):
    """How scales are shuffled in memory."""

    NO_SWIZZLE = 0
    SWIZZLE_32_4_4 = 1


class _BroadcastingList:
    def __getitem__(self, types):
        return None


BroadcastingList1, BroadcastingList2, BroadcastingList3 = (_BroadcastingList() for _ in range(3))


def assert_int_or_pair(arg, arg_name, message):
    """AssertionError unless an argument is a number or two."""
    if not (isinstance(arg, int) or len(arg) == 2):
        raise AssertionError(message.format(arg_name))


def boolean_dispatch(arg_name, arg_index, default, if_true, if_false, module_name, func_name):
    """A function that calls one of two, as an argument of it says."""

    def fn(*args, **kwargs):
        flag = kwargs[arg_name] if arg_name in kwargs else args[arg_index] if arg_index < len(args) else default
        return if_true(*args, **kwargs) if flag else if_false(*args, **kwargs)

    if (if_true.__doc__ is None) == (if_false.__doc__ is None):
        if if_true.__doc__ is not None:
            raise RuntimeError("only one function can have a docstring")
    fn.__doc__ = if_true.__doc__ or if_false.__doc__
    fn.__name__ = func_name or fn.__name__
    fn.__module__ = module_name or fn.__module__
    return fn


def grouped_mm(mat_a, mat_b, *, offs=None, bias=None, out_dtype=None):
    """Products of groups of matrices: of (G, M, K) by (G, K, N), or of a matrix cut at the ends `offs`.

    (T, K) by (G, K, N) multiplies the rows of each group by its own matrix; (M, T) by (T, N) gives (G, M, N); (G, M, K)
    by (K, T) gives (M, T).
    """
    if bias is not None:
        raise RuntimeError("Bias not supported yet")
    if mat_a.dim() not in (2, 3) or mat_b.dim() not in (2, 3):
        raise RuntimeError("mat_a and mat_b must be 2 or 3 dimensional")
    if mat_a.dim() == 3 and mat_b.dim() == 3:
        if offs is not None:
            raise RuntimeError("Offsets tensor not supported for 3d/3d grouped gemm")
        result = mat_a.bmm(mat_b)
    else:
        if offs is None:
            raise RuntimeError("Have to provide offsets if there is a 2d matrix")
        ends = [0, *offs.tolist()]
        spans = list(zip(ends, ends[1:], strict=False))
        if mat_a.dim() == 2 and mat_b.dim() == 3:
            parts = [mat_a[i:j].mm(mat_b[k]) for k, (i, j) in enumerate(spans)]
            parts.append(mat_a.new_zeros((mat_a.size(0) - ends[-1], mat_b.size(-1))))
            result = cygrad.cat(parts)
        elif mat_a.dim() == 3:
            parts = [mat_a[k].mm(mat_b[:, i:j]) for k, (i, j) in enumerate(spans)]
            parts.append(mat_b.new_zeros((mat_a.size(1), mat_b.size(1) - ends[-1])))
            result = cygrad.cat(parts, 1)
        else:
            result = cygrad.stack([mat_a[:, i:j].mm(mat_b[i:j]) for i, j in spans])
    return result if out_dtype is None else result.to(out_dtype)


def scaled_mm(
    mat_a, mat_b, scale_a, scale_recipe_a, scale_b, scale_recipe_b, swizzle_a=None, swizzle_b=None, bias=None,
    output_dtype=cygrad.bfloat16, contraction_dim=(), use_fast_accum=False,
):  # fmt: skip
    """Not there: products of numbers of 8 bits and less, which cygrad has no dtypes for."""
    raise NotImplementedError("scaled_mm: cygrad has no dtypes of 8 bits or less with a floating point")


def scaled_grouped_mm(
    mat_a, mat_b, scale_a, scale_recipe_a, scale_b, scale_recipe_b, swizzle_a=None, swizzle_b=None, bias=None,
    offs=None, output_dtype=cygrad.bfloat16, contraction_dim=(), use_fast_accum=False,
):  # fmt: skip
    """Not there: products of numbers of 8 bits and less, which cygrad has no dtypes for."""
    raise NotImplementedError("scaled_grouped_mm: cygrad has no dtypes of 8 bits or less with a floating point")
