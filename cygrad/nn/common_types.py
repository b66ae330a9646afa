"""torch.nn.common_types: names for annotations."""

from typing import TypeVar, Union

from cygrad import Tensor

T = TypeVar("T")


def _of(n, kind):
    return Union[kind, tuple[(kind,) * n]]  # noqa: UP007


_scalar_or_tuple_any_t = Union[T, tuple[T, ...]]  # noqa: UP007
_scalar_or_tuple_1_t, _scalar_or_tuple_2_t, _scalar_or_tuple_3_t = (_of(n, T) for n in (1, 2, 3))
_scalar_or_tuple_4_t, _scalar_or_tuple_5_t, _scalar_or_tuple_6_t = (_of(n, T) for n in (4, 5, 6))
_size_any_t = _scalar_or_tuple_any_t[int]
_size_1_t, _size_2_t, _size_3_t, _size_4_t, _size_5_t, _size_6_t = (_of(n, int) for n in range(1, 7))
_size_any_opt_t = tuple[int | None, ...]
_size_2_opt_t, _size_3_opt_t = tuple[(int | None,) * 2], tuple[(int | None,) * 3]
_ratio_any_t = _scalar_or_tuple_any_t[float]
_ratio_2_t, _ratio_3_t = _of(2, float), _of(3, float)
_tensor_list_t = _scalar_or_tuple_any_t[Tensor]
_maybe_indices_t = _of(2, Tensor)
