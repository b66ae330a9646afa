"""Block masks of flex_attention, attention of packed sequences, products of groups: against PyTorch or plain forms."""

import numpy as np
import pytest

import cygrad
from cygrad.nn.attention import flex_attention as ours
from cygrad.nn.attention.varlen import AuxRequest, varlen_attn
from cygrad.nn.functional import grouped_mm, scaled_dot_product_attention

_PARTS = """kv_num_blocks kv_indices full_kv_num_blocks full_kv_indices q_num_blocks q_indices full_q_num_blocks
    full_q_indices""".split()
_MASKS = {
    "causal": (lambda b, h, q, k: q >= k, (None, None, 256, 300), 128),
    "blocks": (lambda b, h, q, k: (q // 64 == k // 64) | (k < 10) | (b == 1), (2, None, 300, 300), 64),
    "heads": (lambda b, h, q, k: (q - k).abs() <= 20 * h, (1, 3, 100, 70), (32, 16)),
}


@pytest.mark.parametrize("separate", [True, False])
@pytest.mark.parametrize("name", _MASKS)
def test_block_masks_as_pytorch(name, separate):
    pytest.importorskip("torch")
    from torch.nn.attention import flex_attention as theirs

    mask_mod, sizes, block = _MASKS[name]
    a, b = (
        m.create_block_mask(mask_mod, *sizes, device="cpu", BLOCK_SIZE=block, separate_full_blocks=separate)
        for m in (ours, theirs)
    )
    for x, y in ((a, b), (a[0], b[0])):
        assert x.shape == y.shape and x.sparsity() == pytest.approx(y.sparsity()) and str(x) == str(y)
        for part in _PARTS:
            one, other = getattr(x, part), getattr(y, part)
            assert (one is None) == (other is None)
            if one is not None:
                assert str(one.dtype) == "torch.int32"
                np.testing.assert_array_equal(one.numpy(), other.numpy())
    assert repr(a).replace("cygrad", "torch") == repr(b)
    if name != "causal":  # PyTorch's own indices run over
        return
    mine, yours = a._adjust(90, 65), b._adjust(90, 65)
    assert mine.shape == yours.shape
    np.testing.assert_array_equal(mine.to_dense().numpy(), yours.to_dense().numpy())


def _plain(q, k, v, mask):
    return scaled_dot_product_attention(q, k, v, attn_mask=mask)


def test_attention_under_a_block_mask():
    mask_mod, sizes, block = _MASKS["blocks"]
    q = cygrad.arange(2 * 300 * 4.0).reshape(2, 1, 300, 4).sin()
    mask = ours.create_block_mask(mask_mod, *sizes, BLOCK_SIZE=block)
    whole = ours.create_mask(mask_mod, *sizes)
    result, aux = ours.flex_attention(q, q, q, block_mask=mask, return_aux=ours.AuxRequest(lse=True))
    assert cygrad.allclose(result, _plain(q, q, q, whole), atol=1e-6)
    assert aux.lse.shape == (2, 1, 300) and aux.max_scores is None
    by_blocks = ours.BlockMask.from_kv_blocks(mask.kv_num_blocks, mask.kv_indices, BLOCK_SIZE=block, mask_mod=mask_mod)
    with pytest.raises(ValueError, match="created for a larger length"):
        ours.flex_attention(q, q, q, block_mask=by_blocks)
    with pytest.raises(RuntimeError, match="sliced BlockMask"):
        ours.flex_attention(q[:1], q[:1], q[:1], block_mask=mask[0])


def test_packed_sequences():
    ends = [0, 3, 3, 8]
    q = cygrad.arange(8 * 2 * 4.0).reshape(8, 2, 4).sin().requires_grad_()
    cu = cygrad.tensor(ends, dtype=cygrad.int32)
    output, lse = varlen_attn(q, q, q, cu, cu, 5, 5, window_size=(-1, 0), return_aux=AuxRequest(lse=True))
    for i, j in zip(ends, ends[1:]):
        part = q[i:j].transpose(0, 1)
        expected = scaled_dot_product_attention(part, part, part, is_causal=True).transpose(0, 1)
        assert cygrad.allclose(output[i:j], expected, atol=1e-6)
    assert lse.shape == (2, 8)
    output.sum().backward()
    assert q.grad.isfinite().all()


def test_products_of_groups():
    a, b = cygrad.arange(24.0).reshape(6, 4).sin(), cygrad.arange(24.0).reshape(2, 4, 3).cos()
    offs = cygrad.tensor([2, 6], dtype=cygrad.int32)
    assert cygrad.allclose(grouped_mm(a, b, offs=offs), cygrad.cat([a[:2] @ b[0], a[2:] @ b[1]]))
    pair = grouped_mm(a.t(), a, offs=offs)
    assert cygrad.allclose(pair, cygrad.stack([a.t()[:, :2] @ a[:2], a.t()[:, 2:] @ a[2:]]))
    c = cygrad.arange(16.0).reshape(2, 2, 4)
    split = cygrad.cat([c[0] @ a.t()[:, :2], c[1] @ a.t()[:, 2:]], 1)
    assert cygrad.allclose(grouped_mm(c, a.t(), offs=offs), split)
    assert grouped_mm(c, b).shape == (2, 2, 3)
    with pytest.raises(RuntimeError, match="provide offsets"):
        grouped_mm(a, b)
