"""Activation modules and multi-head attention."""

import inspect
import warnings

import cygrad
from cygrad import Tensor
from cygrad._fronts.from_rows import define

from .. import functional as F, init
from ..module import Module
from ..parameter import Parameter
from .linear import NonDynamicallyQuantizableLinear
from .utils import OwnInit


class _Activation(Module):
    """A module that is one function: `class ELU(_Activation, of=F.elu)`.

    Its constructor takes what the function takes but the input, and keeps it in attributes of these names.
    """

    _arguments = ()

    def __init_subclass__(cls, of=None, **kwargs):
        super().__init_subclass__(**kwargs)
        if of is None:  # a user's class, which inherits all
            return
        _, *parameters = inspect.signature(of).parameters.values()
        names = cls._arguments = [parameter.name for parameter in parameters]
        values = "".join(f", self.{name}" for name in names)
        made = [define("forward", ["self", "input"], [f"return F.{of.__name__}(input{values})"], F=F)]
        if names:
            cls.__constants__ = cls.__dict__.get("__constants__", names)
            lines = ["super(cls, self).__init__()", *(f"self.{name} = {name}" for name in names)]
            made.append(define("__init__", ["self", *map(str, parameters)], lines, cls=cls))
        for method in made:
            method.__qualname__, method.__module__ = f"{cls.__name__}.{method.__name__}", cls.__module__
            setattr(cls, method.__name__, method)

    def extra_repr(self):
        shown = [f"{name}={getattr(self, name)}" for name in self._arguments if name != "inplace"]
        if getattr(self, "inplace", False):
            shown.append("inplace=True")
        return ", ".join(shown)


class ReLU(_Activation, of=F.relu):
    """max(0, x).

    inplace: whether the result is written into the input

    >>> nn.ReLU()(torch.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """


class SELU(_Activation, of=F.selu):
    """The scaled exponential linear unit of self-normalising networks.

    inplace: whether the result is written into the input
    """


class SiLU(_Activation, of=F.silu):
    """x * sigmoid(x).

    inplace: whether the result is written into the input

    >>> nn.SiLU()(torch.tensor([1.0]))
    tensor([0.7311])
    """


class Mish(_Activation, of=F.mish):
    """x * tanh(softplus(x)).

    inplace: whether the result is written into the input
    """


class Hardsigmoid(_Activation, of=F.hardsigmoid):
    """min(max(x + 3, 0), 6) / 6.

    inplace: whether the result is written into the input
    """

    def extra_repr(self):
        return ""


class Hardswish(_Activation, of=F.hardswish):
    """x * min(max(x + 3, 0), 6) / 6.

    inplace: whether the result is written into the input
    """

    def extra_repr(self):
        return ""


class Threshold(_Activation, of=F.threshold):
    """x where x > threshold, else ``value``.

    threshold: the threshold
    value: a number
    inplace: whether the result is written into the input
    """


class RReLU(Module):
    """Leaky ReLU with a slope drawn from U(lower, upper) in training.

    lower: the least slope
    upper: whether the upper triangle is meant, instead of the lower
    inplace: whether the result is written into the input
    """

    __constants__ = ["lower", "upper", "inplace"]

    def __init__(self, lower=1.0 / 8, upper=1.0 / 3, inplace=False):
        super().__init__()
        self.lower = lower
        self.upper = upper
        self.inplace = inplace

    def forward(self, input):
        return F.rrelu(input, self.lower, self.upper, self.training, self.inplace)

    def extra_repr(self):
        tail = ", inplace=True" if self.inplace else ""
        return f"lower={self.lower}, upper={self.upper}{tail}"


class Hardtanh(Module):
    """x clipped to [min_val, max_val].

    min_val: the least value
    max_val: the greatest value
    inplace: whether the result is written into the input
    """

    __constants__ = ["min_val", "max_val", "inplace"]

    def __init__(self, min_val=-1.0, max_val=1.0, inplace=False, min_value=None, max_value=None):
        super().__init__()
        if min_value is not None:
            warnings.warn(
                "keyword argument `min_value` is deprecated and rename to `min_val`",
                FutureWarning,
                stacklevel=2,
            )
            min_val = min_value
        if max_value is not None:
            warnings.warn(
                "keyword argument `max_value` is deprecated and rename to `max_val`",
                FutureWarning,
                stacklevel=2,
            )
            max_val = max_value
        if max_val <= min_val:
            raise AssertionError(f"max_val ({max_val}) must be greater than min_val ({min_val})")
        self.min_val, self.max_val = min_val, max_val
        self.inplace = inplace

    def forward(self, input):
        return F.hardtanh(input, self.min_val, self.max_val, self.inplace)

    def extra_repr(self):
        tail = ", inplace=True" if self.inplace else ""
        return f"min_val={self.min_val}, max_val={self.max_val}{tail}"


class ReLU6(Hardtanh):
    """min(max(0, x), 6).

    inplace: whether the result is written into the input
    """

    def __init__(self, inplace=False):
        super().__init__(0.0, 6.0, inplace)

    def extra_repr(self):
        return "inplace=True" if self.inplace else ""


class ELU(_Activation, of=F.elu):
    """x for x > 0, alpha * (exp(x) - 1) otherwise.

    alpha: a factor
    inplace: whether the result is written into the input
    """


class CELU(_Activation, of=F.celu):
    """max(0, x) + min(0, alpha * (exp(x / alpha) - 1)).

    alpha: a factor
    inplace: whether the result is written into the input
    """


class LeakyReLU(_Activation, of=F.leaky_relu):
    """x for x > 0, negative_slope * x otherwise.

    negative_slope: the slope for negative inputs
    inplace: whether the result is written into the input

    >>> nn.LeakyReLU(0.1)(torch.tensor([-1.0, 2.0]))
    tensor([-0.1000,  2.0000])
    """

    __constants__ = ["inplace", "negative_slope"]


class Sigmoid(Module):
    """1 / (1 + exp(-x)).

    >>> nn.Sigmoid()(torch.zeros(1))
    tensor([0.5000])
    """

    def forward(self, input):
        return input.sigmoid()


class Tanh(Module):
    """The hyperbolic tangent.

    >>> nn.Tanh()(torch.zeros(1))
    tensor([0.])
    """

    def forward(self, input):
        return input.tanh()


class LogSigmoid(_Activation, of=F.logsigmoid):
    """log(sigmoid(x))."""


class Softsign(_Activation, of=F.softsign):
    """x / (1 + \\|x\\|)."""


class Tanhshrink(_Activation, of=F.tanhshrink):
    """x - tanh(x)."""


class GLU(_Activation, of=F.glu):
    """a * sigmoid(b) for the two halves of the input.

    dim: the dimension, counted from the last where it is negative
    """


class GELU(Module):
    """x * Phi(x); ``approximate`` is none or tanh.

    approximate: 'none', or 'tanh' for the approximation

    >>> nn.GELU()(torch.tensor([1.0]))
    tensor([0.8413])
    """

    __constants__ = ["approximate"]

    def __init__(self, approximate="none"):
        super().__init__()
        self.approximate = approximate

    def forward(self, input):
        return F.gelu(input, approximate=self.approximate)

    def extra_repr(self):
        return f"approximate={self.approximate!r}"


class Hardshrink(_Activation, of=F.hardshrink):
    """x where \\|x\\| > lambd, else 0.

    lambd: the threshold
    """

    def extra_repr(self):
        return f"{self.lambd}"


class Softshrink(_Activation, of=F.softshrink):
    """x moved towards zero by lambd.

    lambd: the threshold
    """

    extra_repr = Hardshrink.extra_repr


class Softplus(_Activation, of=F.softplus):
    """log(1 + exp(beta * x)) / beta.

    beta: a factor
    threshold: the threshold
    """


class PReLU(Module):
    """x for x > 0, a * x otherwise, with one learnt ``a`` or one for each channel.

    num_parameters: one slope for all channels, or one for each
    init: the slope at the beginning
    device: the device of the parameters
    dtype: the dtype of the parameters
    """

    __constants__ = ["num_parameters"]

    def __init__(self, num_parameters=1, init=0.25, device=None, dtype=None):
        self.num_parameters = num_parameters
        super().__init__()
        self.init = init
        self.weight = Parameter(cygrad.empty(num_parameters, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self):
        """Set every slope to its initial value."""
        init.constant_(self.weight, self.init)

    def forward(self, input):
        return F.prelu(input, self.weight)

    def extra_repr(self):
        return f"num_parameters={self.num_parameters}"


class _AlongDim(OwnInit, Module):
    """A softmax-like function of one dimension."""

    __constants__ = ["dim"]

    def __init__(self, dim=None):
        super().__init__()
        self.dim = dim

    def __setstate__(self, state):
        super().__setstate__(state)
        self.__dict__.setdefault("dim", None)

    def extra_repr(self):
        return f"dim={self.dim}"


class Softmin(_AlongDim):
    """softmax(-x).

    dim: the dimension, counted from the last where it is negative
    """

    def forward(self, input):
        return F.softmin(input, self.dim, _stacklevel=5)


class Softmax(_AlongDim):
    """exp(x) / sum(exp(x)) along ``dim``.

    dim: the dimension, counted from the last where it is negative

    >>> nn.Softmax(dim=0)(torch.zeros(2))
    tensor([0.5000, 0.5000])
    """

    def forward(self, input):
        return F.softmax(input, self.dim, _stacklevel=5)


class LogSoftmax(_AlongDim):
    """log(softmax(x)) along ``dim``.

    dim: the dimension, counted from the last where it is negative

    >>> nn.LogSoftmax(dim=0)(torch.zeros(2))
    tensor([-0.6931, -0.6931])
    """

    def forward(self, input):
        return F.log_softmax(input, self.dim, _stacklevel=5)

    def extra_repr(self):
        return f"dim={self.dim}"


class Softmax2d(Module):
    """Softmax over the channels of (N, C, H, W) or (C, H, W)."""

    def forward(self, input):
        n = input.dim()
        if n not in (3, 4):
            raise ValueError(f"Softmax2d: expected input to be 3D or 4D, got {n}D instead")
        return F.softmax(input, -3, _stacklevel=5)


class MultiheadAttention(Module):
    """Multi-head attention (Attention is all you need, 2017).

    Inputs are (L, N, E), or (N, L, E) with ``batch_first``, or (L, E). Returns the output and
    the attention weights (None when ``need_weights`` is False).

    embed_dim: features of the query, over all heads
    num_heads: how many heads of attention
    dropout: the probability of dropping an element
    bias: whether a bias is learned, which is added to the result
    kdim: features of the keys
    vdim: features of the values
    batch_first: whether the batch is the first dimension, instead of the second
    device: the device of the parameters
    dtype: the dtype of the parameters

    >>> x = torch.zeros(2, 5, 8)
    >>> output, weights = nn.MultiheadAttention(8, 2, batch_first=True)(x, x, x)
    >>> output.shape, weights.shape
    (torch.Size([2, 5, 8]), torch.Size([2, 5, 5]))
    """

    __constants__ = ["batch_first"]

    def __init__(self, embed_dim, num_heads, dropout=0.0, bias=True, add_bias_kv=False,
                 add_zero_attn=False, kdim=None, vdim=None, batch_first=False, device=None,
                 dtype=None):
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(
                "embed_dim and num_heads must be greater than 0,"
                f" got embed_dim={embed_dim} and num_heads={num_heads} instead"
            )
        super().__init__()
        made = {"device": device, "dtype": dtype}
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == embed_dim and self.vdim == embed_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        if self.head_dim * num_heads != embed_dim:
            raise AssertionError("embed_dim must be divisible by num_heads")
        if self._qkv_same_embed_dim:
            self.in_proj_weight = Parameter(cygrad.empty((3 * embed_dim, embed_dim), **made))
            for name in ("q_proj_weight", "k_proj_weight", "v_proj_weight"):
                self.register_parameter(name, None)
        else:
            self.q_proj_weight = Parameter(cygrad.empty((embed_dim, embed_dim), **made))
            self.k_proj_weight = Parameter(cygrad.empty((embed_dim, self.kdim), **made))
            self.v_proj_weight = Parameter(cygrad.empty((embed_dim, self.vdim), **made))
            self.register_parameter("in_proj_weight", None)
        if bias:
            self.in_proj_bias = Parameter(cygrad.empty(3 * embed_dim, **made))
        else:
            self.register_parameter("in_proj_bias", None)
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias=bias, **made)
        if add_bias_kv:
            self.bias_k = Parameter(cygrad.empty((1, 1, embed_dim), **made))
            self.bias_v = Parameter(cygrad.empty((1, 1, embed_dim), **made))
        else:
            self.bias_k = self.bias_v = None
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    def _reset_parameters(self):
        if self._qkv_same_embed_dim:
            init.xavier_uniform_(self.in_proj_weight)
        else:
            init.xavier_uniform_(self.q_proj_weight)
            init.xavier_uniform_(self.k_proj_weight)
            init.xavier_uniform_(self.v_proj_weight)
        if self.in_proj_bias is not None:
            init.constant_(self.in_proj_bias, 0.0)
            init.constant_(self.out_proj.bias, 0.0)
        if self.bias_k is not None:
            init.xavier_normal_(self.bias_k)
        if self.bias_v is not None:
            init.xavier_normal_(self.bias_v)

    def __setstate__(self, state):
        state.setdefault("_qkv_same_embed_dim", True)
        super().__setstate__(state)

    def forward(self, query, key, value, key_padding_mask=None, need_weights=True, attn_mask=None,
                average_attn_weights=True, is_causal=False):
        if self.batch_first and query.dim() == 3:
            # One transposed tensor where one was given: the packed projection looks at identity.
            same_qk, same_kv = query is key, key is value
            query = query.transpose(1, 0)
            key = query if same_qk else key.transpose(1, 0)
            value = key if same_kv else value.transpose(1, 0)
            swapped = True
        else:
            swapped = False
        separate = {}
        if not self._qkv_same_embed_dim:
            separate = {
                "use_separate_proj_weight": True,
                "q_proj_weight": self.q_proj_weight,
                "k_proj_weight": self.k_proj_weight,
                "v_proj_weight": self.v_proj_weight,
            }
        output, weights = F.multi_head_attention_forward(
            query, key, value, self.embed_dim, self.num_heads, self.in_proj_weight,
            self.in_proj_bias, self.bias_k, self.bias_v, self.add_zero_attn, self.dropout,
            self.out_proj.weight, self.out_proj.bias, training=self.training,
            key_padding_mask=key_padding_mask, need_weights=need_weights, attn_mask=attn_mask,
            average_attn_weights=average_attn_weights, is_causal=is_causal, **separate,
        )
        return (output.transpose(1, 0) if swapped else output), weights

    def merge_masks(self, attn_mask, key_padding_mask, query):
        """The two masks as one (N, H, L, L), and its kind: 0 attention, 1 padding, 2 both."""
        kind, merged = None, None
        if key_padding_mask is not None:
            kind, merged = 1, key_padding_mask
        if isinstance(attn_mask, Tensor):
            batch, length, _ = query.shape
            kind = 2
            if attn_mask.dim() == 3:
                merged = attn_mask.reshape(batch, -1, length, length)
            else:
                merged = attn_mask.reshape(1, 1, length, length)
                merged = merged.expand(batch, self.num_heads, -1, -1)
            if key_padding_mask is not None:
                padding = key_padding_mask.reshape(batch, 1, 1, length)
                merged = merged + padding.expand(-1, self.num_heads, -1, -1)
        return merged, kind
