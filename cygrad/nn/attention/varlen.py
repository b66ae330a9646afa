"""Attention over sequences of different lengths, packed one after the other."""

from typing import NamedTuple

import cygrad

from .. import functional as F

__all__ = ["AuxRequest", "varlen_attn", "varlen_attn_out"]


class AuxRequest(NamedTuple):
    """What `varlen_attn` is to give besides its output."""

    lse: bool = False


def varlen_attn(
    query, key, value, cu_seq_q, cu_seq_k, max_q, max_k, *, return_aux=None, scale=None, window_size=(-1, -1),
    enable_gqa=False, seqused_k=None, block_table=None, num_splits=None,
):  # fmt: skip
    """Attention of packed sequences: query (T_q, H, D), key and value (T_k, H, D).

    Sequence i holds the rows `cu_seq_q[i]` to `cu_seq_q[i + 1]` of the queries, and likewise of the keys. A key counts
    where it lies at most `window_size[0]` before and `window_size[1]` behind its query, counted from the ends of both
    sequences; -1 is no bound. Returns the output, with the log-sum-exp (H, T_q) if `return_aux` asks for it.
    """
    if block_table is not None:
        raise NotImplementedError("varlen_attn: cygrad has no paged keys and values (block_table)")
    if cu_seq_k is None:
        raise ValueError("cu_seq_k must be given unless keys and values are paged")
    ends_q, ends_k = cu_seq_q.tolist(), cu_seq_k.tolist()
    used = None if seqused_k is None else seqused_k.tolist()
    outputs, sums = [], []
    for i in range(len(ends_q) - 1):
        q = query[ends_q[i] : ends_q[i + 1]].transpose(0, 1)
        stop = ends_k[i + 1] if used is None else ends_k[i] + used[i]
        k, v = (t[ends_k[i] : stop].transpose(0, 1) for t in (key, value))
        if enable_gqa:
            k, v = (t.repeat_interleave(q.size(0) // t.size(0), 0) for t in (k, v))
        scores = (q * (q.size(-1) ** -0.5 if scale is None else scale)).matmul(k.transpose(1, 2))
        scores = scores.masked_fill(~_window(q.size(1), k.size(1), window_size, query.device), float("-inf"))
        nowhere = (scores == float("-inf")).all(-1, keepdim=True)
        weights = F.softmax(scores.masked_fill(nowhere, 0.0), -1).masked_fill(nowhere, 0.0)
        outputs.append(weights.matmul(v).transpose(0, 1))
        sums.append(scores.float().logsumexp(-1))
    output = cygrad.cat(outputs)
    if return_aux is not None and return_aux.lse:
        return output, cygrad.cat(sums, 1)
    return output


def _window(length, source, window_size, device):
    left, right = window_size
    offset = cygrad.arange(source, device=device) - (cygrad.arange(length, device=device) + source - length)[:, None]
    inside = cygrad.ones((length, source), dtype=cygrad.bool, device=device)
    if left >= 0:
        inside = inside & (offset >= -left)
    return inside & (offset <= right) if right >= 0 else inside


def varlen_attn_out(out, *args, **kwargs):
    """`varlen_attn`, written into `out`."""
    result = varlen_attn(*args, **kwargs)
    if isinstance(result, tuple):
        return out.copy_(result[0]), *result[1:]
    return out.copy_(result)
