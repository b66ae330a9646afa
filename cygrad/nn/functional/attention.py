"""Attention, as a composite, and the pieces that MultiheadAttention needs."""

import math
import warnings

import cygrad

from ._common import c_name, is_tensor
from .activation import softmax
from .dropout import dropout
from .padding import pad


def linear(x, weight, bias):
    """The public function: a mode that watches the calls within attention sees it."""
    return cygrad.nn.functional.linear(x, weight, bias)


def scaled_dot_product_attention(query, key, value, attn_mask=None, dropout_p=0.0,
                                 is_causal=False, scale=None, enable_gqa=False):
    """softmax(query @ key^T * scale + mask) @ value (Attention is all you need, 2017).

    query (..., H, L, E), key (..., H, S, E), value (..., H, S, Ev). A boolean ``attn_mask`` is
    True where a key takes part; another is added. A row that may look nowhere gives zeros.
    ``enable_gqa`` repeats the heads of key and value to match those of query.
    """
    _check_sdpa(query, key, value, attn_mask)
    if enable_gqa:
        if query.size(-3) % key.size(-3) or query.size(-3) % value.size(-3):
            raise RuntimeError(
                "Number of heads in key and value must divide the number of heads in "
            )
        key = key.repeat_interleave(query.size(-3) // key.size(-3), -3)
        value = value.repeat_interleave(query.size(-3) // value.size(-3), -3)
    scale = 1 / math.sqrt(query.size(-1) or 1) if scale is None else scale
    return _scaled_dot_product_attention(query, key, value, attn_mask, dropout_p, is_causal, scale)


def _scaled_dot_product_attention(query, key, value, attn_mask, dropout_p, is_causal, scale):
    scores = (query * scale).matmul(key.transpose(-2, -1))
    if is_causal:
        shape = (query.size(-2), key.size(-2))
        causal = cygrad.ones(shape, dtype=cygrad.bool, device=query.device).tril()
        if attn_mask is not None and attn_mask.dtype != cygrad.bool:
            attn_mask = attn_mask.masked_fill(~causal, float("-inf"))
        else:
            attn_mask = causal if attn_mask is None else attn_mask & causal
    if attn_mask is None:
        weights = softmax(scores, -1)
    elif attn_mask.dtype == cygrad.bool:
        weights = softmax(scores.masked_fill(~attn_mask, float("-inf")), -1)
        weights = weights.masked_fill(~attn_mask.any(-1, keepdim=True), 0.0)
    else:
        weights = softmax(scores + attn_mask, -1)
        nowhere = (attn_mask == float("-inf")).all(-1, keepdim=True)
        weights = weights.masked_fill(nowhere, 0.0)
    if dropout_p > 0.0:
        weights = dropout(weights, dropout_p)
    return weights.matmul(value)


def _check_sdpa(query, key, value, attn_mask):
    if not query.dtype == key.dtype == value.dtype:
        raise RuntimeError(
            "Expected query, key, and value to have the same dtype, but got query.dtype: "
            f"{c_name(query.dtype)} key.dtype: {c_name(key.dtype)} and value.dtype: {c_name(value.dtype)} instead."
        )
    if query.dim() < 2 or key.dim() < 2 or value.dim() < 2:
        raise RuntimeError(
            "Expected query, key, and value to all be  at least 2 dimensional, but got "
            f"query.dim: {query.dim()} key.dim: {key.dim()} and value.dim: {value.dim()} instead."
        )
    if attn_mask is None:
        return
    if attn_mask.dtype not in (cygrad.bool, cygrad.float32, query.dtype):
        raise RuntimeError(
            "Expected attn_mask dtype to be bool or float or to match query dtype, but got "
            f"attn_mask.dtype: {c_name(attn_mask.dtype)} and  query.dtype: {c_name(query.dtype)} instead."
        )


def _canonical_mask(mask, mask_name, other_type, other_name, target_type, check_other=True):
    """A mask as an additive one: -inf where a boolean mask is True."""
    if mask is None:
        return None
    if mask.dtype != cygrad.bool and not mask.is_floating_point():
        raise AssertionError(f"only bool and floating types of {mask_name} are supported")
    if check_other and other_type is not None and mask.dtype != other_type:
        warnings.warn(
            f"Support for mismatched {mask_name} and {other_name} is deprecated. "
            "Use same type for both instead.",
            stacklevel=4,
        )
    if mask.is_floating_point():
        return mask
    result = cygrad.zeros(mask.shape, dtype=target_type, device=mask.device)
    return result.masked_fill_(mask, float("-inf"))


def _none_or_dtype(input):
    return input.dtype if is_tensor(input) else None


def _mha_shape_check(query, key, value, key_padding_mask, attn_mask, num_heads):
    """Whether the input is batched. Raises AssertionError for shapes that do not fit."""
    if query.dim() not in (2, 3):
        raise AssertionError(
            "query should be unbatched 2D or batched 3D tensor but received "
            f"{query.dim()}-D query tensor"
        )
    batched = query.dim() == 3
    kind, n = ("batched", 3) if batched else ("unbatched", 2)
    if key.dim() != n or value.dim() != n:
        raise AssertionError(
            f"For {kind} ({n}-D) `query`, expected `key` and `value` to be {n}-D but found "
            f"{key.dim()}-D and {value.dim()}-D tensors respectively"
        )
    if key_padding_mask is not None and key_padding_mask.dim() != n - 1:
        raise AssertionError(
            f"For {kind} ({n}-D) `query`, expected `key_padding_mask` to be `None` or {n - 1}-D "
            f"but found {key_padding_mask.dim()}-D tensor instead"
        )
    if attn_mask is not None and attn_mask.dim() not in (2, 3):
        raise AssertionError(
            f"For {kind} ({n}-D) `query`, expected `attn_mask` to be `None`, 2-D or 3-D but "
            f"found {attn_mask.dim()}-D tensor instead"
        )
    if not batched and attn_mask is not None and attn_mask.dim() == 3:
        expected = (num_heads, query.shape[0], key.shape[0])
        if attn_mask.shape != expected:
            raise AssertionError(
                f"Expected `attn_mask` shape to be {expected} but got {attn_mask.shape}"
            )
    return batched


def _in_projection_packed(q, k, v, w, b=None):
    """Project q, k, v by one packed weight; less work where some of them are the same tensor."""
    size = q.size(-1)
    if k is v:
        if q is k:
            return linear(q, w, b).chunk(3, -1)
        w_q, w_kv = w.split([size, 2 * size])
        b_q, b_kv = (None, None) if b is None else b.split([size, 2 * size])
        return [linear(q, w_q, b_q), *linear(k, w_kv, b_kv).chunk(2, -1)]
    weights = w.chunk(3)
    biases = (None, None, None) if b is None else b.chunk(3)
    return [linear(x, wx, bx) for x, wx, bx in zip((q, k, v), weights, biases, strict=False)]


def multi_head_attention_forward(
    query, key, value, embed_dim_to_check, num_heads, in_proj_weight, in_proj_bias, bias_k,
    bias_v, add_zero_attn, dropout_p, out_proj_weight, out_proj_bias, training=True,
    key_padding_mask=None, need_weights=True, attn_mask=None, use_separate_proj_weight=False,
    q_proj_weight=None, k_proj_weight=None, v_proj_weight=None, static_k=None, static_v=None,
    average_attn_weights=True, is_causal=False,
):
    """The forward of nn.MultiheadAttention; query is (L, N, E) or (L, E).

    Returns the output and, if ``need_weights``, the attention weights (N, L, S), averaged over
    the heads or (N, H, L, S).
    """
    batched = _mha_shape_check(query, key, value, key_padding_mask, attn_mask, num_heads)
    if not batched:
        # The three may be one tensor, which the packed projection makes use of.
        same_kv, same_qk = key is value, query is key
        query = query.unsqueeze(1)
        key = query if same_qk else key.unsqueeze(1)
        value = key if same_kv else value.unsqueeze(1)
        if key_padding_mask is not None:
            key_padding_mask = key_padding_mask.unsqueeze(0)
    length, bsz, embed_dim = query.shape
    source = key.shape[0]
    key_padding_mask = _canonical_mask(key_padding_mask, "key_padding_mask",
                                       _none_or_dtype(attn_mask), "attn_mask", query.dtype)
    if is_causal and attn_mask is None:
        raise RuntimeError(
            "Need attn_mask if specifying the is_causal hint. You may use the Transformer module "
            "method `generate_square_subsequent_mask` to create this mask."
        )
    if is_causal and key_padding_mask is None and not need_weights:
        attn_mask = None
    else:
        attn_mask = _canonical_mask(attn_mask, "attn_mask", None, "", query.dtype, False)
        if key_padding_mask is not None:
            is_causal = False
    if embed_dim != embed_dim_to_check:
        raise AssertionError(
            f"was expecting embedding dimension of {embed_dim_to_check}, but got {embed_dim}"
        )
    head_dim = embed_dim // num_heads
    if head_dim * num_heads != embed_dim:
        raise AssertionError(f"embed_dim {embed_dim} not divisible by num_heads {num_heads}")
    if use_separate_proj_weight:
        if key.shape[:2] != value.shape[:2]:
            raise AssertionError(
                f"key's sequence and batch dims {key.shape[:2]} do not match value's "
                f"{value.shape[:2]}"
            )
        biases = (None,) * 3 if in_proj_bias is None else in_proj_bias.chunk(3)
        q = linear(query, q_proj_weight, biases[0])
        k = linear(key, k_proj_weight, biases[1])
        v = linear(value, v_proj_weight, biases[2])
    else:
        if key.shape != value.shape:
            raise AssertionError(f"key shape {key.shape} does not match value shape {value.shape}")
        q, k, v = _in_projection_packed(query, key, value, in_proj_weight, in_proj_bias)

    if attn_mask is not None:
        expected = (length, source) if attn_mask.dim() == 2 else (bsz * num_heads, length, source)
        if tuple(attn_mask.shape) != expected:
            raise RuntimeError(
                f"The shape of the {attn_mask.dim()}D attn_mask is {attn_mask.shape}, "
                f"but should be {expected}."
            )
        if attn_mask.dim() == 2:
            attn_mask = attn_mask.unsqueeze(0)

    def grow_masks():
        nonlocal attn_mask, key_padding_mask
        attn_mask = None if attn_mask is None else pad(attn_mask, (0, 1))
        key_padding_mask = None if key_padding_mask is None else pad(key_padding_mask, (0, 1))

    if bias_k is not None and bias_v is not None:
        k = cygrad.cat([k, bias_k.repeat(1, bsz, 1)])
        v = cygrad.cat([v, bias_v.repeat(1, bsz, 1)])
        grow_masks()

    def heads(x):
        return x.reshape(x.shape[0], bsz * num_heads, head_dim).transpose(0, 1)

    q = heads(q)
    k = heads(k) if static_k is None else static_k
    v = heads(v) if static_v is None else static_v
    if add_zero_attn:
        zeros = k.new_zeros((bsz * num_heads, 1, head_dim))
        k, v = cygrad.cat([k, zeros], 1), cygrad.cat([v, zeros], 1)
        grow_masks()
    source = k.size(1)
    if key_padding_mask is not None:
        if tuple(key_padding_mask.shape) != (bsz, source):
            axis = 0 if key_padding_mask.shape[0] != bsz else 1
            raise AssertionError(
                f"Expected key_padded_mask.shape[{axis}] to be {(bsz, source)[axis]}, but got "
                f"{key_padding_mask.shape[axis]}"
            )
        by_head = key_padding_mask.reshape(bsz, 1, 1, source).expand(-1, num_heads, -1, -1)
        by_head = by_head.reshape(bsz * num_heads, 1, source)
        attn_mask = by_head if attn_mask is None else attn_mask + by_head
    if not training:
        dropout_p = 0.0

    if need_weights:
        scores = (q * math.sqrt(1.0 / head_dim)).matmul(k.transpose(-2, -1))
        if attn_mask is not None:
            scores = scores + attn_mask
        weights = softmax(scores, -1)
        if dropout_p > 0.0:
            weights = dropout(weights, dropout_p)
        output = weights.matmul(v)
        output = output.transpose(0, 1).reshape(length * bsz, embed_dim)
        output = linear(output, out_proj_weight, out_proj_bias)
        output = output.reshape(length, bsz, output.size(1))
        weights = weights.reshape(bsz, num_heads, length, source)
        if average_attn_weights:
            weights = weights.mean(1)
        return (output, weights) if batched else (output.squeeze(1), weights.squeeze(0))

    if attn_mask is not None:
        if attn_mask.size(0) == 1:
            attn_mask = attn_mask.unsqueeze(0)
        else:
            attn_mask = attn_mask.reshape(bsz, num_heads, -1, source)
    output = scaled_dot_product_attention(
        q.reshape(bsz, num_heads, length, head_dim), k.reshape(bsz, num_heads, source, head_dim),
        v.reshape(bsz, num_heads, source, head_dim), attn_mask, dropout_p,
        is_causal and attn_mask is None,
    )
    output = output.permute(2, 0, 1, 3).reshape(length * bsz, embed_dim)
    output = linear(output, out_proj_weight, out_proj_bias).reshape(length, bsz, -1)
    return (output, None) if batched else (output.squeeze(1), None)
