"""Tensors that a Module registers by themselves: parameters, buffers and their lazy forms."""

from collections import OrderedDict

import cygrad
from cygrad import Tensor, _dispatch
from cygrad._utils import _rebuild_parameter, _rebuild_parameter_with_state


class _TaggedMeta(type(Tensor)):
    """Lets a tensor subclass that cannot change its class still pass as a Parameter or a Buffer."""

    def __instancecheck__(cls, instance):
        if super().__instancecheck__(instance):
            return True
        return "_tag" in cls.__dict__ and isinstance(instance, Tensor) and getattr(
            instance, cls._tag, False
        )


class Parameter(Tensor, metaclass=_TaggedMeta):
    """A tensor that a Module lists among its parameters once it is set as an attribute.

    ``data`` is shared, not copied; ``requires_grad`` is True unless told otherwise, and only
    floating point and complex tensors may ask for it (RuntimeError).

    data: numbers, nested sequences, an array or a tensor
    requires_grad: whether operators on the result are recorded

    >>> nn.Parameter(torch.zeros(2))
    Parameter containing:
    tensor([0., 0.], requires_grad=True)
    """

    _tag = "_is_param"
    __torch_function__ = _dispatch._disabled_torch_function_impl

    def __new__(cls, data=None, requires_grad=True):
        if data is None:
            data = cygrad.empty(0)
        if type(data) is Tensor or isinstance(data, Parameter):
            return Tensor._make_subclass(cls, data, requires_grad)
        data = data.detach().requires_grad_(requires_grad)
        data._is_param = True
        return data

    def __deepcopy__(self, memo):
        if id(self) not in memo:
            copied = self.data.clone(memory_format=cygrad.preserve_format)
            memo[id(self)] = type(self)(copied, self.requires_grad)
        return memo[id(self)]

    def __repr__(self):
        return f"Parameter containing:\n{self.detach().requires_grad_(self.requires_grad)!r}"

    def __reduce_ex__(self, protocol):
        # The empty dictionary stands where PyTorch's own files keep backward hooks.
        args = (self.data, self.requires_grad, OrderedDict())
        if self.__dict__:
            return _rebuild_parameter_with_state, (*args, dict(self.__dict__))
        return _rebuild_parameter, args


_dispatch.set_parameter_type(Parameter)


class Buffer(Tensor, metaclass=_TaggedMeta):
    """A tensor that a Module lists among its buffers once it is set as an attribute.

    ``persistent=False`` keeps it out of the module's ``state_dict``.

    data: numbers, nested sequences, an array or a tensor
    """

    _tag = "_is_buffer"
    __torch_function__ = _dispatch._disabled_torch_function_impl

    def __new__(cls, data=None, *, persistent=True):
        if data is None:
            data = cygrad.empty(0)
        data = data.detach().requires_grad_(data.requires_grad)
        data.persistent = persistent
        data._is_buffer = True
        return data


# What a lazy module does to its parameters before the first batch: moving and converting them.
_ALLOWED_UNINITIALIZED = frozenset(
    "__hash__ __get__ __set__ __delete__ size copy_ is_complex is_floating_point half float double "
    "char short int long cuda cpu to get_device _has_compatible_shallow_copy_type".split()
)


class UninitializedTensorMixin:
    """The behaviour shared by UninitializedParameter and UninitializedBuffer."""

    __slots__ = ()

    def materialize(self, shape, device=None, dtype=None):
        """Give the tensor memory of ``shape`` and turn it into the ordinary class, in place."""
        device = self.data.device if device is None else device
        dtype = self.data.dtype if dtype is None else dtype
        self.data = cygrad.empty(shape, device=device, dtype=dtype)
        self.__class__ = self.cls_to_become

    @property
    def shape(self):
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer. "
            "This error usually happens in `load_state_dict` when trying to load "
            "an uninitialized parameter into an initialized one. "
            "Call `forward` to initialize the parameters before accessing their attributes."
        )

    def share_memory_(self):
        raise RuntimeError(
            "Can't share memory on an uninitialized parameter or buffer. "
            "Call `forward` to initialize the parameters before calling "
            "`module.share_memory()`."
        )

    def __repr__(self):
        return f"<{type(self).__name__}>"

    def __reduce_ex__(self, protocol):
        return type(self), (self.requires_grad,)

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        name = getattr(func, "__name__", "")
        if name in _ALLOWED_UNINITIALIZED or type(func).__name__ == "method-wrapper":
            return super().__torch_function__(func, types, args, kwargs or {})
        raise ValueError(
            f"Attempted to use an uninitialized parameter in {func}. "
            "This error happens when you are using a `LazyModule` or "
            "explicitly manipulating `torch.nn.parameter."
            f"{cls.__name__}` objects. When using LazyModules Call "
            "`forward` with a dummy batch to initialize the parameters "
            "before calling torch functions"
        )


class UninitializedParameter(UninitializedTensorMixin, Parameter):
    """A parameter whose shape is not known until the first batch is seen.

    requires_grad: whether operators on the result are recorded
    device: the device of the parameters
    dtype: the dtype of the parameters
    """

    cls_to_become = Parameter

    def __new__(cls, requires_grad=True, device=None, dtype=None):
        data = cygrad.empty(0, device=device, dtype=dtype)
        return Tensor._make_subclass(cls, data, requires_grad)

    def __deepcopy__(self, memo):
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.requires_grad, self.data.device, self.data.dtype)
        return memo[id(self)]


class UninitializedBuffer(UninitializedTensorMixin, Tensor):
    """A buffer whose shape is not known until the first batch is seen.

    requires_grad: whether operators on the result are recorded
    device: the device of the parameters
    dtype: the dtype of the parameters
    """

    __slots__ = ()  # the layout of Tensor, which `materialize` makes it
    cls_to_become = Tensor

    def __new__(cls, requires_grad=False, device=None, dtype=None, persistent=True):
        data = cygrad.empty(0, device=device, dtype=dtype)
        result = Tensor._make_subclass(cls, data, requires_grad)
        result.persistent = persistent
        result._is_buffer = True
        return result


def clear_grad(param, set_to_none):
    """Drop the gradient of a parameter, or fill it with zeros."""
    grad = param.grad
    if set_to_none:
        param.grad = None
    elif grad is not None:
        if grad.grad_fn is not None:
            grad.detach_()
        else:
            grad.requires_grad_(False)
        grad.zero_()


def is_lazy(param):
    """Whether ``param`` still waits for its shape."""
    return isinstance(param, UninitializedTensorMixin)
