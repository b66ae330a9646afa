"""Recurrent networks and their cells (Elman; Hochreiter and Schmidhuber, 1997; Cho et al., 2014).

A layer projects all its inputs by one matrix product; the steps then add the recurrent product.
Packed sequences run through the same steps: the batch shrinks as sequences end, and the states
that are done wait until the last step.
"""

import math
import numbers
import warnings

import cygrad
from cygrad._fronts import nn as _nn

from .. import functional as F, init
from ..module import Module
from ..parameter import Parameter
from ..utils.rnn import PackedSequence

_GATES = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}


def _lstm_cell(gates, c):
    """(h, c) from the four gates, side by side in the order input, forget, cell, output."""
    i, f, g, o = gates.chunk(4, -1)
    c = cygrad.sigmoid(f) * c + cygrad.sigmoid(i) * cygrad.tanh(g)
    return cygrad.sigmoid(o) * cygrad.tanh(c), c


def _gru_cell(x_gates, h_gates, h):
    """h from the gates of input and state, in the order reset, update, new."""
    xr, xz, xn = x_gates.chunk(3, -1)
    hr, hz, hn = h_gates.chunk(3, -1)
    z = cygrad.sigmoid(xz + hz)
    n = cygrad.tanh(xn + cygrad.sigmoid(xr + hr) * hn)
    return (h - n) * z + n


def _step(mode, x_gates, state, weight_hh, bias_hh, weight_hr):
    """One step: the new state, of which the first is the output."""
    h_gates = F.linear(state[0], weight_hh, bias_hh)
    if mode == "LSTM":
        h, c = _lstm_cell(x_gates + h_gates, state[1])
        return (h if weight_hr is None else F.linear(h, weight_hr), c)
    if mode == "GRU":
        return (_gru_cell(x_gates, h_gates, state[0]),)
    total = x_gates + h_gates
    return (total.tanh() if mode == "RNN_TANH" else total.relu(),)


def _run_layer(mode, input, state, weights, reverse, batch_sizes):
    """All steps of one direction of one layer: (outputs, last state).

    input (T, N, *), or (sum of batch sizes, *) with ``batch_sizes``.
    """
    weight_ih, weight_hh, bias_ih, bias_hh, weight_hr = weights
    gates = F.linear(input, weight_ih, bias_ih)
    if (
        mode == "LSTM"
        and weight_hr is None
        and not cygrad.is_autocast_enabled()
        and _nn.lstm_suits(gates, *state, weight_hh, bias_hh)
    ):
        rows = gates.flatten(0, 1) if batch_sizes is None else gates
        sizes = [gates.size(1)] * gates.size(0) if batch_sizes is None else batch_sizes
        output, *state = _nn.lstm_layer(
            rows, *state, weight_hh, bias_hh, sizes, reverse, _lstm_gradient
        )
        if batch_sizes is None:
            output = output.view(*gates.shape[:2], -1)
        return output, tuple(state)
    return _run_steps(mode, gates, state, weight_hh, bias_hh, weight_hr, reverse, batch_sizes)


def _lstm_gradient(inputs, grads, needs, sizes, reverse):
    """The gradients of `lstm_layer` as tensors of a graph: those of the same steps, composed."""
    with cygrad.enable_grad():
        # Views: one tensor may stand in several places, and each wants a gradient of its own.
        inputs = [None if x is None else x.view_as(x) for x in inputs]
        gates, h, c, weight, bias = inputs
        out, state = _run_steps("LSTM", gates, (h, c), weight, bias, None, reverse, sizes)
        pairs = [(y, g) for y, g in zip((out, *state), grads, strict=True) if g is not None]
        outs, given = zip(*pairs, strict=True)
        wanted = [x for x, need in zip(inputs, needs, strict=True) if need]
        found = iter(
            cygrad.autograd.grad(outs, wanted, given, create_graph=True, allow_unused=True)
        )
    return tuple(next(found) if need else None for need in needs)


def _run_steps(mode, gates, state, weight_hh, bias_hh, weight_hr, reverse, batch_sizes):
    """The steps, composed of operators, over the products of all inputs."""
    outputs = []
    if batch_sizes is None:
        steps = gates.unbind(0)
        for x in reversed(steps) if reverse else steps:
            state = _step(mode, x, state, weight_hh, bias_hh, weight_hr)
            outputs.append(state[0])
        if reverse:
            outputs.reverse()
        return cygrad.stack(outputs), state
    chunks = gates.split(batch_sizes)
    if reverse:
        # Sequences join as the batch grows towards the first step.
        first = state
        state = tuple(s[:batch_sizes[-1]] for s in first)
        for x, size in zip(reversed(chunks), reversed(batch_sizes), strict=True):
            have = state[0].size(0)
            if size > have:
                joining = [f[have:size] for f in first]
                state = tuple(cygrad.cat(pair) for pair in zip(state, joining, strict=True))
            state = _step(mode, x, state, weight_hh, bias_hh, weight_hr)
            outputs.append(state[0])
        outputs.reverse()
        return cygrad.cat(outputs), state
    done = []
    for x, size in zip(chunks, batch_sizes, strict=False):
        if size < state[0].size(0):
            done.append(tuple(s[size:] for s in state))
            state = tuple(s[:size] for s in state)
        state = _step(mode, x, state, weight_hh, bias_hh, weight_hr)
        outputs.append(state[0])
    done.append(state)
    state = tuple(cygrad.cat(parts) for parts in zip(*reversed(done), strict=False))
    return cygrad.cat(outputs), state


class RNNBase(Module):
    """Weights and checks of RNN, LSTM and GRU.

    mode: the name of the variant
    input_size: features of the input
    hidden_size: features of the hidden state
    num_layers: how many layers, each on the output of the one before
    bias: whether a bias is learned, which is added to the result
    batch_first: whether the batch is the first dimension, instead of the second
    dropout: the probability of dropping an element
    bidirectional: whether a second layer runs from the end
    proj_size: the size that the hidden state is projected to; 0: it is not
    device: the device of the parameters
    dtype: the dtype of the parameters
    """

    __constants__ = ["mode", "input_size", "hidden_size", "num_layers", "bias", "batch_first",
                     "dropout", "bidirectional", "proj_size"]

    def __init__(self, mode, input_size, hidden_size, num_layers=1, bias=True, batch_first=False,
                 dropout=0.0, bidirectional=False, proj_size=0, device=None, dtype=None):
        super().__init__()
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        self._check_arguments(mode, dropout)
        made = {"device": device, "dtype": dtype}
        gates = _GATES[mode] * hidden_size
        real = proj_size if proj_size > 0 else hidden_size
        directions = 2 if bidirectional else 1
        self._all_weights = []
        for layer in range(num_layers):
            for direction in range(directions):
                width = input_size if layer == 0 else real * directions
                suffix = f"_l{layer}" + ("_reverse" if direction else "")
                shapes = {"weight_ih": (gates, width), "weight_hh": (gates, real)}
                if bias:
                    shapes.update(bias_ih=(gates,), bias_hh=(gates,))
                if proj_size > 0:
                    shapes["weight_hr"] = (proj_size, hidden_size)
                names = [name + suffix for name in shapes]
                for name, shape in zip(names, shapes.values(), strict=False):
                    setattr(self, name, Parameter(cygrad.empty(shape, **made)))
                self._all_weights.append(names)
        self.reset_parameters()

    def _check_arguments(self, mode, dropout):
        for name in ("bias", "batch_first"):
            value = getattr(self, name)
            if not isinstance(value, bool):
                raise TypeError(f"{name} should be of type bool, got: {type(value).__name__}")
        if (
            not isinstance(dropout, numbers.Number)
            or isinstance(dropout, bool)
            or not 0 <= dropout <= 1
        ):
            raise ValueError(
                "dropout should be a number in range [0, 1] "
                "representing the probability of an element being zeroed"
            )
        if dropout > 0 and self.num_layers == 1:
            warnings.warn(
                "dropout option adds dropout after all but last recurrent layer, so non-zero "
                "dropout expects num_layers greater than 1, but got "
                f"dropout={dropout} and num_layers={self.num_layers}",
                stacklevel=3,
            )
        if not isinstance(self.hidden_size, int):
            raise TypeError(
                f"hidden_size should be of type int, got: {type(self.hidden_size).__name__}"
            )
        if self.hidden_size <= 0:
            raise ValueError("hidden_size must be greater than zero")
        if self.num_layers <= 0:
            raise ValueError("num_layers must be greater than zero")
        if self.proj_size < 0:
            raise ValueError(
                "proj_size should be a positive integer or zero to disable projections"
            )
        if self.proj_size >= self.hidden_size:
            raise ValueError("proj_size has to be smaller than hidden_size")
        if mode not in _GATES:
            raise ValueError("Unrecognized RNN mode: " + mode)

    @property
    def all_weights(self):
        """The parameters, one list for each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    def __getstate__(self):
        # PyTorch keeps in files what are properties here.
        flat = {name: getattr(self, name) for name in self._PROPERTIES_IN_FILES}
        return self.__dict__ | flat

    def __setstate__(self, state):
        super().__setstate__({k: v for k, v in state.items() if k not in self._PROPERTIES_IN_FILES})

    _PROPERTIES_IN_FILES = ("_flat_weights_names", "_flat_weights")

    @property
    def _flat_weights_names(self):
        return [name for names in self._all_weights for name in names]

    @property
    def _flat_weights(self):
        return [getattr(self, name) for name in self._flat_weights_names]

    def flatten_parameters(self):
        """Does nothing: the weights need no common memory here."""

    def reset_parameters(self):
        """Draw every weight from U(-k, k), k = 1 / sqrt(hidden_size)."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def check_input(self, input, batch_sizes):
        """Raise if the input does not fit the weights."""
        weight = getattr(self, self._all_weights[0][0])
        if input.dtype != weight.dtype and not cygrad.is_autocast_enabled():
            raise ValueError(
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({weight.dtype}). "
                f"Convert input: input.to({weight.dtype}), or convert model: "
                f"model.to({input.dtype})"
            )
        expected = 2 if batch_sizes is not None else 3
        if input.dim() != expected:
            raise RuntimeError(f"input must have {expected} dimensions, got {input.dim()}")
        if self.input_size != input.size(-1):
            raise RuntimeError(
                "input.size(-1) must be equal to input_size. "
                f"Expected {self.input_size}, got {input.size(-1)}"
            )
        if batch_sizes is None and input.size(0 if not self.batch_first else 1) == 0:
            raise RuntimeError("Expected sequence length to be larger than 0 in RNN")

    def get_expected_hidden_size(self, input, batch_sizes):
        """The shape that the initial hidden state must have."""
        if batch_sizes is not None:
            batch = int(batch_sizes[0])
        else:
            batch = input.size(0) if self.batch_first else input.size(1)
        layers = self.num_layers * (2 if self.bidirectional else 1)
        real = self.proj_size if self.proj_size > 0 else self.hidden_size
        return layers, batch, real

    def check_hidden_size(self, hx, expected_hidden_size, msg="Expected hidden size {}, got {}"):
        """Raise unless ``hx`` has the expected shape."""
        if hx.size() != expected_hidden_size:
            raise RuntimeError(msg.format(expected_hidden_size, list(hx.size())))

    def check_forward_args(self, input, hidden, batch_sizes):
        """Raise unless input and hidden state fit."""
        self.check_input(input, batch_sizes)
        self.check_hidden_size(hidden, self.get_expected_hidden_size(input, batch_sizes))

    def permute_hidden(self, hx, permutation):
        """The hidden state with its batch in another order."""
        return hx if permutation is None else hx.index_select(1, permutation)

    def extra_repr(self):
        parts = [f"{self.input_size}, {self.hidden_size}"]
        if self.proj_size != 0:
            parts.append(f"proj_size={self.proj_size}")
        if self.num_layers != 1:
            parts.append(f"num_layers={self.num_layers}")
        if self.bias is not True:
            parts.append(f"bias={self.bias}")
        if self.batch_first is not False:
            parts.append(f"batch_first={self.batch_first}")
        if self.dropout != 0:
            parts.append(f"dropout={self.dropout}")
        if self.bidirectional is not False:
            parts.append(f"bidirectional={self.bidirectional}")
        return ", ".join(parts)

    def _layer_weights(self, index):
        """(w_ih, w_hh, b_ih, b_hh, w_hr) of a layer and direction, None where there is none."""
        weights = [getattr(self, name) for name in self._all_weights[index]]
        projection = weights.pop() if self.proj_size > 0 else None
        if not self.bias:
            weights += [None, None]
        return (*weights, projection)

    def _run(self, input, state, batch_sizes):
        """All layers: (output, final state tensors); input is (T, N, *) or packed."""
        directions = 2 if self.bidirectional else 1
        finals = []
        for layer in range(self.num_layers):
            outputs = []
            for direction in range(directions):
                index = layer * directions + direction
                output, final = _run_layer(
                    self.mode, input, tuple(s[index] for s in state),
                    self._layer_weights(index), direction == 1, batch_sizes,
                )
                outputs.append(output)
                finals.append(final)
            input = outputs[0] if directions == 1 else cygrad.cat(outputs, -1)
            if self.dropout and self.training and layer < self.num_layers - 1:
                input = F.dropout(input, self.dropout, True)
        return input, tuple(cygrad.stack(parts) for parts in zip(*finals, strict=False))

    def _zero_state(self, input, batch_sizes):
        return (input.new_zeros(self.get_expected_hidden_size(input, batch_sizes)),)

    def _check_unbatched_state(self, state, batched):
        wanted, kind = (3, "batched 3-D") if batched else (2, "unbatched 2-D")
        if state[0].dim() != wanted:
            raise RuntimeError(
                f"For {kind} input, hx should also be {wanted}-D but got "
                f"{state[0].dim()}-D tensor"
            )

    def _state_in(self, hx):
        return (hx,)

    def _state_out(self, state):
        return state[0]

    def _check_state(self, input, state, batch_sizes):
        self.check_forward_args(input, state[0], batch_sizes)

    def forward(self, input, hx=None):
        packed = isinstance(input, PackedSequence)
        batch_sizes = sorted_indices = unsorted_indices = None
        batched = True
        if packed:
            original = input
            input, batch_sizes, sorted_indices, unsorted_indices = input
        else:
            if input.dim() not in (2, 3):
                raise ValueError(
                    f"{self._get_name()}: Expected input to be 2D or 3D, got {input.dim()}D "
                    "instead"
                )
            batched = input.dim() == 3
            if not batched:
                input = input.unsqueeze(0 if self.batch_first else 1)
        if hx is None:
            state = self._zero_state(input, batch_sizes)
        else:
            state = self._state_in(hx)
            if not packed:
                self._check_unbatched_state(state, batched)
            if not batched:
                state = tuple(s.unsqueeze(1) for s in state)
            state = tuple(self.permute_hidden(s, sorted_indices) for s in state)
        self._check_state(input, state, batch_sizes)
        swap = self.batch_first and not packed
        sizes = None if batch_sizes is None else batch_sizes.tolist()
        output, state = self._run(input.transpose(0, 1) if swap else input, state, sizes)
        if packed:
            output = PackedSequence(output, batch_sizes, sorted_indices, unsorted_indices)
            state = tuple(self.permute_hidden(s, original.unsorted_indices) for s in state)
            return output, self._state_out(state)
        if swap:
            output = output.transpose(0, 1)
        if not batched:
            output = output.squeeze(0 if self.batch_first else 1)
            state = tuple(s.squeeze(1) for s in state)
        return output, self._state_out(state)


class RNN(RNNBase):
    """h = tanh (or relu) of W x + b + V h + c, over a sequence (T, N, input_size).

    >>> output, h = nn.RNN(4, 8)(torch.zeros(5, 2, 4))
    >>> output.shape
    torch.Size([5, 2, 8])
    """

    def __init__(self, *args, **kwargs):
        if "proj_size" in kwargs:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        first, rest = args[:3], args[4:]
        self.nonlinearity = args[3] if len(args) > 3 else kwargs.pop("nonlinearity", "tanh")
        modes = {"tanh": "RNN_TANH", "relu": "RNN_RELU"}
        if self.nonlinearity not in modes:
            raise ValueError(
                f"Unknown nonlinearity '{self.nonlinearity}'. Select from 'tanh' or 'relu'."
            )
        super().__init__(modes[self.nonlinearity], *first, *rest, **kwargs)


class LSTM(RNNBase):
    """Long short-term memory over a sequence; the state is (h, c).

    >>> output, (h, c) = nn.LSTM(4, 8, batch_first=True)(torch.zeros(2, 5, 4))
    >>> output.shape, h.shape
    (torch.Size([2, 5, 8]), torch.Size([1, 2, 8]))
    """

    def __init__(self, *args, **kwargs):
        super().__init__("LSTM", *args, **kwargs)

    def get_expected_cell_size(self, input, batch_sizes):
        """The shape that the initial cell state must have."""
        layers, batch, _ = self.get_expected_hidden_size(input, batch_sizes)
        return layers, batch, self.hidden_size

    def check_forward_args(self, input, hidden, batch_sizes):
        """Raise unless input, hidden and cell state fit."""
        self.check_input(input, batch_sizes)
        self.check_hidden_size(hidden[0], self.get_expected_hidden_size(input, batch_sizes),
                               "Expected hidden[0] size {}, got {}")
        self.check_hidden_size(hidden[1], self.get_expected_cell_size(input, batch_sizes),
                               "Expected hidden[1] size {}, got {}")

    def _check_state(self, input, state, batch_sizes):
        self.check_forward_args(input, state, batch_sizes)

    def _zero_state(self, input, batch_sizes):
        return (
            input.new_zeros(self.get_expected_hidden_size(input, batch_sizes)),
            input.new_zeros(self.get_expected_cell_size(input, batch_sizes)),
        )

    def _check_unbatched_state(self, state, batched):
        wanted, kind = (3, "batched 3-D") if batched else (2, "unbatched 2-D")
        if any(s.dim() != wanted for s in state):
            got = ", ".join(f"{s.dim()}-D" for s in state)
            raise RuntimeError(
                f"For {kind} input, hx and cx should also be {wanted}-D but got ({got}) tensors"
            )

    def _state_in(self, hx):
        return hx[0], hx[1]

    def _state_out(self, state):
        return state


class GRU(RNNBase):
    """Gated recurrent units over a sequence.

    >>> output, h = nn.GRU(4, 8)(torch.zeros(5, 2, 4))
    >>> output.shape
    torch.Size([5, 2, 8])
    """

    def __init__(self, *args, **kwargs):
        if "proj_size" in kwargs:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        super().__init__("GRU", *args, **kwargs)


class RNNCellBase(Module):
    """Weights of one step.

    input_size: features of the input
    hidden_size: features of the hidden state
    bias: whether a bias is learned, which is added to the result
    device: the device of the parameters
    dtype: the dtype of the parameters
    """

    __constants__ = ["input_size", "hidden_size", "bias"]

    def __init__(self, input_size, hidden_size, bias, num_chunks, device=None, dtype=None):
        super().__init__()
        made = {"device": device, "dtype": dtype}
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        rows = num_chunks * hidden_size
        self.weight_ih = Parameter(cygrad.empty((rows, input_size), **made))
        self.weight_hh = Parameter(cygrad.empty((rows, hidden_size), **made))
        if bias:
            self.bias_ih = Parameter(cygrad.empty(rows, **made))
            self.bias_hh = Parameter(cygrad.empty(rows, **made))
        else:
            self.register_parameter("bias_ih", None)
            self.register_parameter("bias_hh", None)
        self.reset_parameters()

    def extra_repr(self):
        parts = [f"{self.input_size}, {self.hidden_size}"]
        if self.bias is not True:
            parts.append(f"bias={self.bias}")
        if getattr(self, "nonlinearity", "tanh") != "tanh":
            parts.append(f"nonlinearity={self.nonlinearity}")
        return ", ".join(parts)

    def reset_parameters(self):
        """Draw every weight from U(-k, k), k = 1 / sqrt(hidden_size)."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def _cell(self, mode, input, state, count):
        """One step of ``mode``; ``state`` is None or a tuple of ``count`` tensors."""
        name = self._get_name()
        if input.dim() not in (1, 2):
            raise ValueError(
                f"{name}: Expected input to be 1D or 2D, got {input.dim()}D instead"
            )
        if state is not None:
            for i, s in enumerate(state):
                if s.dim() not in (1, 2):
                    what = f"hx[{i}]" if count > 1 else "hidden"
                    raise ValueError(
                        f"{name}: Expected {what} to be 1D or 2D, got {s.dim()}D instead"
                    )
        batched = input.dim() == 2
        if not batched:
            input = input.unsqueeze(0)
        if state is None:
            zeros = input.new_zeros((input.size(0), self.hidden_size))
            state = (zeros,) * count
        elif not batched:
            state = tuple(s.unsqueeze(0) for s in state)
        if input.size(1) != self.input_size:
            raise RuntimeError(
                f"input has inconsistent input_size: got {input.size(1)} expected "
                f"{self.input_size}"
            )
        for i, s in enumerate(state):
            if s.size(0) != input.size(0):
                raise RuntimeError(
                    f"Input batch size {input.size(0)} doesn't match hidden{i} batch size "
                    f"{s.size(0)}"
                )
            if s.size(1) != self.hidden_size:
                raise RuntimeError(
                    f"hidden{i} has inconsistent hidden_size: got {s.size(1)}, expected "
                    f"{self.hidden_size}"
                )
        gates = F.linear(input, self.weight_ih, self.bias_ih)
        state = _step(mode, gates, state, self.weight_hh, self.bias_hh, None)
        return state if batched else tuple(s.squeeze(0) for s in state)


class RNNCell(RNNCellBase):
    """One step of an Elman network.

    input_size: features of the input
    hidden_size: features of the hidden state
    bias: whether a bias is learned, which is added to the result
    nonlinearity: 'tanh' or 'relu'; for initialisers the name of the activation
    device: the device of the parameters
    dtype: the dtype of the parameters
    """

    __constants__ = ["input_size", "hidden_size", "bias", "nonlinearity"]

    def __init__(self, input_size, hidden_size, bias=True, nonlinearity="tanh", device=None,
                 dtype=None):
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input, hx=None):
        if self.nonlinearity not in ("tanh", "relu"):
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        mode = "RNN_" + self.nonlinearity.upper()
        return self._cell(mode, input, None if hx is None else (hx,), 1)[0]


class LSTMCell(RNNCellBase):
    """One step of an LSTM: (h, c) from (h, c)."""

    def __init__(self, input_size, hidden_size, bias=True, device=None, dtype=None):
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input, hx=None):
        return self._cell("LSTM", input, None if hx is None else tuple(hx), 2)


class GRUCell(RNNCellBase):
    """One step of a GRU.

    input_size: features of the input
    hidden_size: features of the hidden state
    bias: whether a bias is learned, which is added to the result
    device: the device of the parameters
    dtype: the dtype of the parameters
    """

    def __init__(self, input_size, hidden_size, bias=True, device=None, dtype=None):
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input, hx=None):
        return self._cell("GRU", input, None if hx is None else (hx,), 1)[0]
