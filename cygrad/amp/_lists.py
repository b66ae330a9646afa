"""What autocast does with each operator: the lists of PyTorch's documentation of torch.amp."""

DOWN, FLOAT32, WIDEST, NONE_INSIDE, GPU_SHIFT = 1, 2, 4, 8, 4  # as in _dispatch.pyx

# Products; then what PyTorch composes of them, which here has kernels of its own.
_PRODUCTS = """conv1d conv2d conv3d conv_tbc conv_transpose1d conv_transpose2d conv_transpose3d bmm mm linalg.vecdot
    baddbmm addmm addbmm linear matmul rmatmul linalg.matmul scaled_dot_product_attention einsum tensordot
    chain_matmul linalg.multi_dot inner matrix_power linalg.matrix_power multi_head_attention_forward"""
_CPU = {
    DOWN: _PRODUCTS,
    FLOAT32: """avg_pool3d binary_cross_entropy grid_sample polar prod quantile nanquantile stft cdist trace
        view_as_complex cholesky cholesky_inverse cholesky_solve inverse lu_solve orgqr ormqr pinverse max_pool3d
        max_unpool1d max_unpool2d max_unpool3d adaptive_avg_pool3d mse_loss cosine_embedding_loss nll_loss
        hinge_embedding_loss poisson_nll_loss cross_entropy l1_loss smooth_l1_loss huber_loss margin_ranking_loss
        soft_margin_loss triplet_margin_loss multi_margin_loss ctc_loss kl_div multilabel_margin_loss
        binary_cross_entropy_with_logits local_response_norm linalg.cond linalg.matrix_rank linalg.solve
        linalg.cholesky linalg.svdvals linalg.eigvals linalg.eigvalsh linalg.inv linalg.householder_product
        linalg.tensorinv linalg.tensorsolve linalg.pinv linalg.qr linalg.cholesky_ex linalg.svd linalg.eig linalg.eigh
        linalg.lstsq linalg.inv_ex geqrf qr svd triangular_solve fractional_max_pool2d fractional_max_pool3d
        adaptive_max_pool3d""",
    WIDEST: "index_copy",
    NONE_INSIDE: "bilinear",
}
_GPU = {
    DOWN: _PRODUCTS + " addmv addr mv prelu",
    FLOAT32: """pow rpow acos asin cosh erfinv exp expm1 log log10 log2 log1p reciprocal rsqrt sinh tan
        softplus layer_norm group_norm norm nuclear_norm cosine_similarity poisson_nll_loss cosine_embedding_loss
        nll_loss hinge_embedding_loss kl_div l1_loss smooth_l1_loss huber_loss mse_loss margin_ranking_loss
        multilabel_margin_loss soft_margin_loss triplet_margin_loss multi_margin_loss
        binary_cross_entropy_with_logits dist pdist cdist renorm logsumexp softmax log_softmax cross_entropy cumprod
        cumsum prod sum""",
    WIDEST: "addcdiv addcmul atan2 bilinear cross dot grid_sample index_put scatter_add tensordot",
}
_BACKWARD = ("torch.Tensor.backward", "torch.autograd.backward", "torch.autograd.grad")


def _by_name(lists):
    return {name: what for what, names in lists.items() for name in names.split()}


_CPU_POLICY, _GPU_POLICY = _by_name(_CPU), _by_name(_GPU)


def policy(name):
    """The bits for a public function of this full name, "torch.nn.functional.linear"."""
    if name in _BACKWARD:
        return NONE_INSIDE | NONE_INSIDE << GPU_SHIFT
    short = name.removeprefix("torch.").removeprefix("nn.functional.").removeprefix("Tensor.")
    if short.startswith("fft.") and not short.startswith(("fft.fftfreq", "fft.rfftfreq")):
        return FLOAT32
    short = short.removeprefix("__").removesuffix("__")
    return _CPU_POLICY.get(short, 0) | _GPU_POLICY.get(short, 0) << GPU_SHIFT
