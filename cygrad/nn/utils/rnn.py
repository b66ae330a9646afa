"""Sequences of different lengths: padded, packed and back."""

from collections import namedtuple
from collections.abc import Iterable

import cygrad
from cygrad import Tensor

PackedSequence_ = namedtuple(
    "PackedSequence", ["data", "batch_sizes", "sorted_indices", "unsorted_indices"],
    defaults=(None, None, None),
)


def invert_permutation(permutation):
    """The permutation that undoes ``permutation``."""
    if permutation is None:
        return None
    places = cygrad.arange(permutation.numel(), device=permutation.device)
    return cygrad.empty_like(permutation).scatter_(0, permutation, places)


class PackedSequence(PackedSequence_):
    """Sequences step by step: ``data`` holds the batch_sizes[t] live sequences of each step t.

    ``sorted_indices`` sorts the batch by length, ``unsorted_indices`` puts it back.
    """

    def __new__(cls, data, batch_sizes=None, sorted_indices=None, unsorted_indices=None):
        if batch_sizes is None:
            if not isinstance(data, (list, tuple)) or len(data) != 2:
                raise AssertionError("Expected data to be a list or tuple of length 2")
            data, batch_sizes = data
        elif batch_sizes.device.type != "cpu":
            raise ValueError(
                "batch_sizes should always be on CPU. Instances of PackedSequence should never be "
                "created manually. They should be instantiated by functions like "
                "pack_sequence and pack_padded_sequences in nn.utils.rnn. "
                "https://pytorch.org/docs/stable/nn.html#torch.nn.utils.rnn.pack_sequence"
            )
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def __reduce__(self):
        return type(self), tuple(self)

    def _convert(self, data):
        if data is self.data:
            return self

        def move(index):
            return None if index is None else index.to(data.device)

        return type(self)(data, self.batch_sizes, move(self.sorted_indices),
                          move(self.unsorted_indices))

    def to(self, *args, **kwargs):
        """The sequences on another device or of another dtype."""
        return self._convert(self.data.to(*args, **kwargs))

    def cuda(self, *args, **kwargs):
        """The sequences on a GPU."""
        return self._convert(self.data.cuda(*args, **kwargs))

    def cpu(self, *args, **kwargs):
        """The sequences on the CPU."""
        return self._convert(self.data.cpu(*args, **kwargs))

    def double(self):
        return self.to(dtype=cygrad.double)

    def float(self):
        return self.to(dtype=cygrad.float)

    def half(self):
        return self.to(dtype=cygrad.half)

    def long(self):
        return self.to(dtype=cygrad.long)

    def int(self):
        return self.to(dtype=cygrad.int)

    def short(self):
        return self.to(dtype=cygrad.short)

    def char(self):
        return self.to(dtype=cygrad.int8)

    def byte(self):
        return self.to(dtype=cygrad.uint8)

    def pin_memory(self):
        """The sequences in page-locked memory."""
        return self._convert(self.data.pin_memory())

    @property
    def is_cuda(self):
        """Whether the data is on a GPU."""
        return self.data.is_cuda

    def is_pinned(self):
        """Whether the data is in page-locked memory."""
        return self.data.is_pinned()


def pack_padded_sequence(input, lengths, batch_first=False, enforce_sorted=True):
    """Pack (T, N, *) (or (N, T, *)) whose sequences have the given lengths."""
    if not isinstance(lengths, Tensor):
        lengths = cygrad.as_tensor(lengths, dtype=cygrad.int64, device="cpu")
    lengths = lengths.to(cygrad.int64)
    if lengths.dim() != 1:
        raise RuntimeError(
            "'lengths' argument should be a 1D CPU int64 tensor, but got "
            f"{lengths.dim()}D {lengths.device.type} Long tensor"
        )
    sorted_indices = None
    if not enforce_sorted:
        lengths, sorted_indices = cygrad.sort(lengths, descending=True)
        sorted_indices = sorted_indices.to(input.device)
        input = input.index_select(0 if batch_first else 1, sorted_indices)
    if batch_first:
        input = input.transpose(0, 1)
    counts = lengths.tolist()
    if len(counts) != input.size(1):
        raise RuntimeError(
            "Expected `len(lengths)` to be equal to batch_size, but got "
            f"{len(counts)} (batch_size={input.size(1)})"
        )
    if any(a < b for a, b in zip(counts, counts[1:], strict=False)):
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. "
            "You can pass `enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to "
            "sidestep this requirement if you do not need ONNX exportability."
        )
    if counts and counts[-1] <= 0:
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' "
            "that is <= 0"
        )
    if not counts:
        raise RuntimeError("Cannot pack empty tensors.")
    if counts[0] > input.size(0):
        raise RuntimeError(
            f"pack_padded_sequence: a length of {counts[0]} is more than the {input.size(0)} steps of the input"
        )
    sizes = [sum(c > t for c in counts) for t in range(counts[0])]
    # One copy for each run of steps with the same batch, not one for each step.
    pieces, t = [], 0
    while t < len(sizes):
        end = t
        while end < len(sizes) and sizes[end] == sizes[t]:
            end += 1
        pieces.append(input[t:end, :sizes[t]].reshape(-1, *input.shape[2:]))
        t = end
    return PackedSequence(cygrad.cat(pieces), cygrad.tensor(sizes, device="cpu"), sorted_indices, None)


def pad_packed_sequence(sequence, batch_first=False, padding_value=0.0, total_length=None):
    """The inverse of `pack_padded_sequence`: (padded batch, lengths)."""
    sizes = sequence.batch_sizes.tolist()
    if not sizes or sum(sizes) != len(sequence.data) or any(s < 1 for s in sizes):
        raise RuntimeError(
            f"pad_packed_sequence: the batch sizes do not fit {len(sequence.data)} steps of data"
        )
    longest = len(sizes)
    if total_length is not None:
        if total_length < longest:
            raise ValueError(
                "Expected total_length to be at least the length of the longest sequence in input, "
                f"but got total_length={total_length} and max sequence length being {longest}"
            )
        longest = total_length
    data = sequence.data
    counts = [sum(s > i for s in sizes) for i in range(sizes[0])]
    # Row t * N + i of the flattened batch holds step t of sequence i.
    place = [t * sizes[0] + i for t, size in enumerate(sizes) for i in range(size)]
    index = cygrad.tensor(place, dtype=cygrad.int64, device=data.device)
    flat = data.new_full((longest * sizes[0], *data.shape[1:]), padding_value)
    padded = flat.index_copy(0, index, data).reshape(longest, sizes[0], *data.shape[1:])
    if batch_first:
        padded = padded.transpose(0, 1)
    lengths = cygrad.tensor(counts, device="cpu")
    order = sequence.unsorted_indices
    if order is not None:
        padded = padded.index_select(0 if batch_first else 1, order)
        lengths = lengths[order.cpu()]
    return padded, lengths


def pad_sequence(sequences, batch_first=False, padding_value=0.0, padding_side="right"):
    """Stack sequences (L_i, *) into (max L, N, *), padded on one side."""
    if not isinstance(sequences, Iterable):
        raise RuntimeError(
            "pad_sequence: Expected iterable for input sequences, but got arg of type: "
            f"{type(sequences)}"
        )
    sequences = tuple(sequences.unbind(0)) if isinstance(sequences, Tensor) else tuple(sequences)
    if not sequences:
        raise RuntimeError("received an empty list of sequences")
    if padding_side not in ("left", "right"):
        raise RuntimeError(
            f"Expected padding_side to be one of left or right, but got {padding_side}."
        )
    longest = max(s.size(0) for s in sequences)
    rows = []
    for s in sequences:
        missing = longest - s.size(0)
        if missing:
            fill = s.new_full((missing, *sequences[0].shape[1:]), padding_value)
            s = cygrad.cat([fill, s] if padding_side == "left" else [s, fill])
        rows.append(s)
    return cygrad.stack(rows, 0 if batch_first else 1)


def unpad_sequence(padded_sequences, lengths, batch_first=False):
    """The sequences that `pad_sequence` stacked."""
    if not batch_first:
        padded_sequences = padded_sequences.transpose(0, 1)
    return [row[:int(n)] for row, n in zip(padded_sequences, lengths, strict=False)]


def pack_sequence(sequences, enforce_sorted=True):
    """Pack a list of sequences (L_i, *)."""
    lengths = cygrad.as_tensor([s.size(0) for s in sequences])
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences):
    """The list of sequences that `pack_sequence` packed."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
