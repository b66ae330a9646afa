"""Functions, initialisers and utilities that no module covers, against PyTorch."""

import warnings

import pytest
from nn_peer import leaves, same, to_cygrad, torch

import cygrad

pytestmark = pytest.mark.filterwarnings("ignore")

# An expression in x (2, 3, 6, 7) and, where it occurs, y of the shape given after it.
EXPRESSIONS = [
    ("F.interpolate(x, size=(3, 4), mode='bilinear', antialias=True)",),
    ("F.interpolate(x, size=(9, 4), mode='bicubic', antialias=True)",),
    ("F.interpolate(x, scale_factor=0.6, mode='bilinear', antialias=True)",),
    ("F.interpolate(x, size=(4, 5), mode='area')",),
    ("F.interpolate(x, size=(4, 17))",),
    ("F.interpolate(x, scale_factor=0.4)",),
    ("F.interpolate(x, scale_factor=1.9, mode='bicubic', recompute_scale_factor=True)",),
    ("F.interpolate(x, size=(4, 17), mode='nearest-exact')",),
    ("F.interpolate(x, scale_factor=(1.1, 1.6))",),
    # PyTorch's gradients of the next two are those of another forward pass.
    ("F.interpolate(x[0].detach(), scale_factor=1.1)",),
    ("F.interpolate(x.detach(), scale_factor=(1.1, 0.6), mode='bicubic', antialias=True)",),
    ("F.interpolate(x, scale_factor=(1.1, 1.6), mode='bilinear')",),
    ("F.interpolate(x, scale_factor=(1.1, 1.6), mode='bicubic')",),
    ("F.interpolate(x.unsqueeze(2), scale_factor=(1, 1.1, 1.6), mode='trilinear')",),
    ("F.binary_cross_entropy_with_logits(x * 200, y.sigmoid(), pos_weight=y.exp().detach())", (2, 3, 6, 7)),
    ("F.grid_sample(x, y, align_corners=False)", (2, 4, 5, 2)),
    ("F.grid_sample(x, y, align_corners=True, padding_mode='border')", (2, 4, 5, 2)),
    ("F.grid_sample(x, y * 2, align_corners=False, padding_mode='reflection')", (2, 4, 5, 2)),
    ("F.grid_sample(x, y * 2, align_corners=True, padding_mode='reflection')", (2, 4, 5, 2)),
    ("F.grid_sample(x, y, mode='nearest', align_corners=False)", (2, 4, 5, 2)),
    ("F.grid_sample(x.detach(), y, mode='nearest', align_corners=False)", (2, 4, 5, 2)),
    ("F.grid_sample(x, y, mode='bicubic', align_corners=False)", (2, 4, 5, 2)),
    ("F.grid_sample(x, y, mode='bicubic', padding_mode='border', align_corners=True)",
     (2, 4, 5, 2)),
    ("F.grid_sample(x.unsqueeze(2), y, align_corners=True)", (2, 3, 4, 5, 3)),
    ("F.affine_grid(y, (2, 3, 4, 5), align_corners=False)", (2, 2, 3)),
    ("F.affine_grid(y, (2, 3, 4, 5), align_corners=True)", (2, 2, 3)),
    ("F.affine_grid(y, (2, 3, 4, 1, 2), align_corners=False)", (2, 3, 4)),
    ("F.normalize(x)",),
    ("F.normalize(x, p=1, dim=-1)",),
    ("F.softmax(x, 1, dtype=torch.float64)",),
    ("F.gumbel_softmax(x, tau=0.7, dim=1)",),
    ("F.gumbel_softmax(x, hard=True, dim=-1)",),
    ("F.dropout(x, 0.4)",),
    ("F.dropout(x, 1.0)",),
    ("F.dropout2d(x, 0.4)",),
    ("F.alpha_dropout(x, 0.4, training=True)",),
    ("F.rrelu(x, 0.1, 0.4, training=True)",),
    ("F.pad(x, (1, 2, 0, 1), value=0.5)",),
    ("F.pad(x, (2, 1, 3, 0), mode='circular')",),
    ("F.pad(x, (-1, 1, 2, -3), mode='circular')",),
    ("F.pixel_shuffle(x[:, :0].detach(), 2)",),
    ("F.unfold(x[:0], 2)",),
    ("F.multi_margin_loss(x.mean(), torch.tensor(0))",),
    ("F.linear_cross_entropy(x[0, 0], y, torch.arange(18).reshape(6, 3) % 2)", (2, 3, 7)),
    ("F.pad(x, (-2, 1, 0, 1), mode='replicate')",),
    ("F.one_hot(torch.tensor([0, 3, 1]))",),
    ("F.one_hot(torch.tensor([[0], [2]]), 5)",),
    ("F.pdist(y)", (5, 3)),
    ("F.cosine_similarity(x, y, dim=1)", (3, 6, 7)),
    ("F.scaled_dot_product_attention(x, x, x)",),
    ("F.scaled_dot_product_attention(x, x, x, is_causal=True, scale=0.3)",),
    ("F.scaled_dot_product_attention(x, x, x, attn_mask=y > 0)", (6, 6)),
    ("F.scaled_dot_product_attention(x, x, x, attn_mask=y)", (2, 1, 6, 6)),
    ("F.scaled_dot_product_attention(torch.cat([x, x], 1), x, x, enable_gqa=True)",),
    ("F.conv_tbc(y, y[:2, :3].transpose(1, 2)[:, :4], y[0, 0, :3])", (5, 3, 4)),
    ("F.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), 2, output_size=(6, 7))",),
    ("F.max_unpool1d(*F.max_pool1d(y, 2, return_indices=True), 2)", (2, 3, 8)),
    ("F.lp_pool2d(x.abs(), 3, (2, 3))",),
    ("F.l1_loss(x, y, weight=y.abs())", (2, 3, 6, 7)),
    ("F.mse_loss(x, y, weight=y.abs())", (2, 3, 6, 7)),
    ("F.mse_loss(x, y, weight=y.abs(), reduction='sum')", (2, 3, 6, 7)),
    ("F.huber_loss(x, y, weight=y.abs())", (2, 3, 6, 7)),
    ("F.binary_cross_entropy(x.sigmoid().round(), y.sigmoid().round())", (2, 3, 6, 7)),
    ("F.logsigmoid(x * 200)",),
    ("F.softplus(x * 200)",),
    ("F.elu(x * 200)",),
    ("F.gelu(x * 200)",),
    ("F.mish(x * 100)",),
    ("F.binary_cross_entropy_with_logits(x * 200, y.sigmoid())", (2, 3, 6, 7)),
    ("F.relu(torch.tensor([float('nan'), -1., 1.]))",),
    ("F.relu6(torch.tensor([float('nan'), -1., 9.]))",),
    ("F.leaky_relu(torch.tensor([float('nan'), -1., 9.]))",),
    ("F.elu(torch.tensor([float('nan'), -1., float('inf'), -float('inf')]))",),
    ("F.softshrink(torch.tensor([float('nan'), -1., 9.]))",),
    ("F.hardshrink(torch.tensor([float('nan'), -1., 9.]))",),
    ("F.threshold(torch.tensor([float('nan'), -1., 9.]), 0, 3)",),
    ("F.hardswish(torch.tensor([float('nan'), -4., 4.]))",),
    ("F.hardtanh(torch.tensor([-3, 0, 4]))",),
    ("F.relu(x.half())",),
    ("F.gelu(x.bfloat16())",),
    ("F.batch_norm(x, torch.zeros(3), torch.ones(3), training=True)",),
    ("nn.grad.conv2d_input((2, 3, 6, 7), y, F.conv2d(x, y, stride=2), stride=2)", (4, 3, 3, 2)),
    # A small x: the test takes the cosine of the result, and that of hundreds keeps few digits.
    ("nn.grad.conv2d_weight(x / 8, y.shape, F.conv2d(x, y, padding=1), padding=1)", (4, 3, 3, 2)),
    ("nn.grad.conv2d_weight(x, y.shape, F.conv2d(x, y, stride=2, groups=3), stride=2, groups=3)",
     (6, 1, 3, 2)),
    ("nn.CrossMapLRN2d(3, alpha=0.1)(torch.cat([x, x], 1).detach())",),
    ("nn.CrossMapLRN2d(4)(torch.cat([x, x], 1).detach())",),
]


def has_gradient(value):
    return [v for v in leaves(value) if v.requires_grad]


@pytest.mark.parametrize("case", EXPRESSIONS, ids=lambda c: c[0])
def test_expression(case):
    torch.manual_seed(2)
    x = torch.randn(2, 3, 6, 7, requires_grad=True)
    y = torch.randn(case[1], requires_grad=True) if len(case) > 1 else None
    results = []
    for lib in (cygrad, torch):
        lib.manual_seed(7)
        scope = {"x": x, "y": y}
        results.append(_evaluate(lib, case[0], scope))
    (a, grads_a), (b, grads_b) = results
    half = any(v.dtype in (torch.float16, torch.bfloat16) for v in leaves(b))
    same(a, b, rtol=1e-2 if half else 1e-4, atol=1e-2 if half else 1e-5, what="value")
    same(grads_a, grads_b, rtol=1e-2 if half else 1e-3, atol=1e-2 if half else 1e-4,
         what="gradient")


def _evaluate(lib, text, values):
    if lib is cygrad:
        values = {k: to_cygrad(v) for k, v in values.items()}
    names = {"torch": lib, "nn": lib.nn, "F": lib.nn.functional, **values}
    value = eval(text, names)
    outs = has_gradient(value)
    wanted = [v for v in values.values() if v is not None]
    if not outs:
        return value, []
    total = sum((o.float() * o.detach().float().cos()).sum() for o in outs)
    grads = lib.autograd.grad(total, wanted, allow_unused=True)
    pairs = zip(wanted, grads, strict=True)
    return value, [lib.zeros_like(w) if g is None else g for w, g in pairs]


INITIALISERS = [
    "nn.init.uniform_(t, -1, 2)", "nn.init.normal_(t, 1, 2)", "nn.init.constant_(t, 0.3)",
    "nn.init.ones_(t)", "nn.init.zeros_(t)", "nn.init.xavier_uniform_(t, 1.5)",
    "nn.init.xavier_normal_(t)", "nn.init.kaiming_uniform_(t, nonlinearity='relu')",
    "nn.init.kaiming_normal_(t, a=0.1, mode='fan_out')", "nn.init.trunc_normal_(t, std=0.02)",
    "nn.init.trunc_normal_(t, 0.5, 1.0, -0.3, 0.9)", "nn.init.orthogonal_(t, 1.3)",
    "nn.init.dirac_(t)", "nn.init.eye_(t[:, :, 0])", "nn.init.sparse_(t[:, :, 0], 0.4)",
    "nn.init.orthogonal_(t[:, :2])", "nn.init.dirac_(t, 2)",
]


@pytest.mark.parametrize("text", INITIALISERS)
def test_init(text):
    results = []
    for lib in (cygrad, torch):
        lib.manual_seed(4)
        t = lib.zeros(6, 5, 3)
        eval(text, {"nn": lib.nn, "t": t, "torch": lib})
        results.append(t)
    same(*results)


PROGRAMS = {
    "packed": """
seqs = [x[0, 0], x[0, 1, :3], x[1, 2, :5]]
packed = R.pack_sequence(seqs, enforce_sorted=False)
m = nn.LSTM(7, 4, 2, bidirectional=True)
out, (h, c) = m(packed)
padded, lengths = R.pad_packed_sequence(out, batch_first=True, padding_value=-1.0)
r = [packed, padded, lengths, h, c, R.unpack_sequence(packed), R.pad_sequence(seqs)]
""",
    "packed_gru_state": """
packed = R.pack_padded_sequence(x[0], [3, 2, 2, 1, 1, 1])
m = nn.GRU(7, 4)
out, h = m(packed, torch.ones(1, 6, 4))
r = [out, h, R.pad_packed_sequence(out, total_length=5),
     R.pad_sequence([x[0, 0], x[0, 1, :2]], True, 3.0, 'left'),
     R.unpad_sequence(x[0].detach().clone(), torch.tensor([1, 2, 3, 1, 1, 1]))]
""",
    "packed_rnn": """
packed = R.pack_padded_sequence(x[0].transpose(0, 1), torch.tensor([6, 2, 4]), True, False)
out, h = nn.RNN(7, 4, bidirectional=True)(packed)
r = [out.data, out.batch_sizes, out.sorted_indices, out.unsorted_indices, h]
""".replace("x[0].transpose(0, 1)", "x[0]"),
    "clip": """
m = nn.Linear(3, 4)
m(torch.ones(2, 3)).pow(2).sum().backward()
n1 = U.clip_grad_norm_(m.parameters(), 0.5)
n2 = U.clip_grad_norm_(m.parameters(), 0.1, norm_type=float('inf'))
U.clip_grad_value_(m.parameters(), 0.01)
v = U.parameters_to_vector(m.parameters())
U.vector_to_parameters(v * 2, m.parameters())
r = [n1, n2, m.weight.grad, v, m.weight, U.get_total_norm([m.weight, m.bias], 1.0)]
""",
    "fuse": """
c, b = nn.Conv2d(3, 4, 3).eval(), nn.BatchNorm2d(4).eval()
b.running_mean.uniform_(); b.running_var.uniform_(1, 2)
l, d = nn.Linear(7, 4).eval(), nn.BatchNorm1d(4).eval()
d.running_mean.uniform_()
f = U.fuse_conv_bn_eval(c, b)
r = [f(x), f.weight, U.fuse_linear_bn_eval(l, d)(x[0, 0])]
""",
    "parametrize": """
class Symmetric(nn.Module):
    def forward(self, X):
        return X.triu() + X.triu(1).transpose(-1, -2)
m = nn.Linear(4, 4)
U.parametrize.register_parametrization(m, 'weight', Symmetric())
a = m(x[0, 0, :, :4])
keys, text = list(m.state_dict()), repr(m)
with U.parametrize.cached():
    same = m.weight is m.weight
U.parametrize.remove_parametrizations(m, 'weight')
r = [a, keys, text, same, m.weight, repr(m), list(m.state_dict())]
""",
    "orthogonal": """
m = U.parametrizations.orthogonal(nn.Linear(3, 5))
w = m.weight
r = [w, (w.t() @ w).round(decimals=3), repr(m)]
""",
    "spectral": """
m = U.spectral_norm(nn.Conv2d(3, 4, 2))
m(x); m(x)
m.eval()
a = m(x)
U.remove_spectral_norm(m)
r = [a, m(x), list(m.state_dict()), repr(m)]
""",
    "weight_norm": """
m = U.weight_norm(nn.Linear(7, 4), dim=None)
keys = list(m.state_dict())
a = m(x)
U.remove_weight_norm(m)
r = [a, m(x), keys, list(m.state_dict())]
""",
    "prune": """
m = nn.Sequential(nn.Linear(7, 5), nn.ReLU(), nn.Linear(5, 4))
P = U.prune
P.random_unstructured(m[0], 'weight', 0.3)
P.l1_unstructured(m[0], 'weight', 5)
P.ln_structured(m[2], 'weight', 0.5, n=2, dim=0)
P.random_structured(m[2], 'weight', 1, dim=1)
P.l1_unstructured(m[2], 'bias', 1)
keys = list(m.state_dict())
a = m(x)
masks = [m[0].weight_mask, m[2].weight_mask, m[2].bias_mask]
P.remove(m[0], 'weight')
r = [a, masks, keys, m[0].weight, P.is_pruned(m), list(m.state_dict())]
""",
    "prune_global": """
m = nn.Sequential(nn.Linear(7, 5), nn.Linear(5, 4))
P = U.prune
P.global_unstructured([(m[0], 'weight'), (m[1], 'weight')], P.L1Unstructured, amount=0.4)
P.global_unstructured([(m[0], 'weight'), (m[1], 'bias')], P.L1Unstructured, amount=3)
r = [m[0].weight_mask, m[1].weight_mask, m[1].bias_mask, list(m.state_dict())]
""",
    "functional_call": """
m = nn.Sequential(nn.Linear(7, 4), nn.BatchNorm2d(3))
new = {'0.weight': torch.ones(4, 7), '1.running_mean': torch.ones(3)}
a = U.stateless.functional_call(m, new, x)
r = [a, new['1.running_mean'], m[0].weight, m[1].running_mean]
""",
    "masks": """
m = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True), 2)
s = torch.cat([x[0], x[0]], -1)[..., :8]
mask = nn.Transformer.generate_square_subsequent_mask(6)
pad = torch.tensor([[False] * 6, [False] * 4 + [True] * 2, [False] * 5 + [True]])
d = nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 16, 0.0, batch_first=True), 1)
a = nn.MultiheadAttention(8, 2, batch_first=True)
r = [m(s), m(s, mask, is_causal=True), m(s, mask), m(s, src_key_padding_mask=pad),
     m(s, mask == 0), d(s, s, mask, tgt_key_padding_mask=pad, memory_key_padding_mask=pad),
     a(s, s, s, key_padding_mask=pad), a(s, s, s, attn_mask=mask, need_weights=False),
     a(s, s, s, average_attn_weights=False)[1], a(s, s, s, attn_mask=mask.expand(6, 6, 6))]
""",
    "adaptive_softmax": """
m = nn.AdaptiveLogSoftmaxWithLoss(8, 20, [4, 9], div_value=2.0, head_bias=True)
s = torch.cat([x[0, 0], x[0, 1]], -1)[:, :8]
r = [m.log_prob(s), m.predict(s), *m(s, torch.tensor([0, 5, 12, 19, 3, 8]))]
""",
    "hooks": """
seen = []
m = nn.Sequential(nn.Linear(7, 4), nn.ReLU())
m[0].register_forward_pre_hook(lambda m, a: (a[0] * 2,))
m[0].register_forward_hook(lambda m, a, o: o + 1)
m[0].register_full_backward_hook(lambda m, gi, go: seen.extend([gi, go]))
m[1].register_full_backward_pre_hook(lambda m, go: (go[0] * 3,))
m.register_forward_hook(lambda m, a, k, o: seen.append(o), with_kwargs=True)
h = m[1].register_full_backward_hook(lambda m, gi, go: (gi[0] * 2,))
m(x).sum().backward()
h.remove()
r = [seen, x.grad, m[0].weight.grad]
""",
    "data_parallel": """
m = nn.DataParallel(nn.Linear(7, 4))
r = [m(x), list(m.state_dict()), repr(m)]
""",
    "flex": """
from importlib import import_module
x = x.detach()
flex = import_module(torch.__name__ + '.nn.attention.flex_attention')
mask = flex.create_block_mask(lambda b, h, q, k: (q >= k) & (k > 0), None, None, 6, 6, 'cpu')
score = lambda s, b, h, q, k: s + (q - k) * 0.1 * (h + 1)
r = [flex.flex_attention(x, x, x), flex.flex_attention(x, x, x, score_mod=score, scale=0.2),
     flex.flex_attention(x, x, x, block_mask=mask), mask.shape[2], mask.sparsity()]
""",
    "skip_init": "r = [U.skip_init(nn.Linear, 3, 4).weight.shape[0]]",
    "bias": """
r = [nn.attention.SDPBackend.MATH, str(nn.attention.SDPBackend.FLASH_ATTENTION)]
with nn.attention.sdpa_kernel([nn.attention.SDPBackend.MATH]):
    r.append(F.scaled_dot_product_attention(x, x, x))
""",
}




@pytest.mark.parametrize("name", PROGRAMS)
def test_program(name):
    torch.manual_seed(2)
    x = torch.randn(2, 3, 6, 7, requires_grad=True)
    results = []
    for lib in (cygrad, torch):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            __import__(lib.__name__ + ".nn.utils.prune")
            lib.manual_seed(6)
            own = to_cygrad(x) if lib is cygrad else x
            names = {"torch": lib, "nn": lib.nn, "F": lib.nn.functional, "x": own,
                     "U": lib.nn.utils, "R": lib.nn.utils.rnn}
            exec(PROGRAMS[name], names)
            results.append(names["r"])
    a, b = results
    same(a, b, rtol=1e-3, atol=1e-5, what=name)
    for mine, theirs in zip(a, b, strict=True):
        if isinstance(theirs, (str, bool, int)) or (
            isinstance(theirs, list) and theirs and isinstance(theirs[0], str)
        ):
            assert mine == theirs
