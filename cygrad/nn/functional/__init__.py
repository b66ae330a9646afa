"""Functions of neural networks under PyTorch's names: ``import cygrad.nn.functional as F``.

Arguments are checked here with PyTorch's messages. Activations that are rows of the table come
whole from `cygrad._fronts.from_rows`. What training spends its time in is compiled and called by
its name in `cygrad._fronts.nn`; the rest is composed of public tensor functions, which work on every
device and differentiate twice by themselves.
"""

# ruff: noqa: F401

from cygrad import _dispatch
from cygrad._fronts.from_rows import FUNCTIONAL as _rows

from ._names import grouped_mm, scaled_grouped_mm, scaled_mm
from .activation import (
    _get_softmax_dim,
    gelu,
    glu,
    gumbel_softmax,
    log_softmax,
    prelu,
    relu6,
    rrelu,
    rrelu_,
    softmax,
    softmin,
    softshrink,
    softsign,
    tanhshrink,
)
from .attention import (
    _canonical_mask,
    _mha_shape_check,
    _none_or_dtype,
    multi_head_attention_forward,
    scaled_dot_product_attention,
)
from .conv import (
    bilinear,
    conv1d,
    conv2d,
    conv3d,
    conv_tbc,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
    linear,
)
from .distance import cosine_similarity, pairwise_distance, pdist
from .dropout import (
    alpha_dropout,
    dropout,
    dropout1d,
    dropout2d,
    dropout3d,
    feature_alpha_dropout,
)
from .loss import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cosine_embedding_loss,
    cross_entropy,
    ctc_loss,
    gaussian_nll_loss,
    hinge_embedding_loss,
    huber_loss,
    kl_div,
    l1_loss,
    linear_cross_entropy,
    margin_ranking_loss,
    mse_loss,
    multi_margin_loss,
    multilabel_margin_loss,
    multilabel_soft_margin_loss,
    nll_loss,
    poisson_nll_loss,
    smooth_l1_loss,
    soft_margin_loss,
    triplet_margin_loss,
    triplet_margin_with_distance_loss,
)
from .norm import (
    batch_norm,
    group_norm,
    instance_norm,
    layer_norm,
    local_response_norm,
    normalize,
    rms_norm,
)
from .padding import pad
from .pooling import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
    adaptive_max_pool1d,
    adaptive_max_pool1d_with_indices,
    adaptive_max_pool2d,
    adaptive_max_pool2d_with_indices,
    adaptive_max_pool3d,
    adaptive_max_pool3d_with_indices,
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    fractional_max_pool2d,
    fractional_max_pool2d_with_indices,
    fractional_max_pool3d,
    fractional_max_pool3d_with_indices,
    lp_pool1d,
    lp_pool2d,
    lp_pool3d,
    max_pool1d,
    max_pool1d_with_indices,
    max_pool2d,
    max_pool2d_with_indices,
    max_pool3d,
    max_pool3d_with_indices,
    max_unpool1d,
    max_unpool2d,
    max_unpool3d,
)
from .sparse import embedding, embedding_bag, one_hot
from .vision import (
    affine_grid,
    channel_shuffle,
    fold,
    grid_sample,
    interpolate,
    native_channel_shuffle,
    pixel_shuffle,
    pixel_unshuffle,
    unfold,
    upsample,
    upsample_bilinear,
    upsample_nearest,
)

globals().update(_rows)
_dispatch.publish(globals())

# Nobody interposes on these.
from ._names import (  # noqa: E402
    BroadcastingList1,
    BroadcastingList2,
    BroadcastingList3,
    ScalingType,
    SwizzleType,
    Tensor,
    assert_int_or_pair,
    boolean_dispatch,
    handle_torch_function,
    has_torch_function,
    has_torch_function_unary,
    has_torch_function_variadic,
)
