"""Every module of torch.nn against PyTorch: print, weights, output, first and second gradient."""

import warnings

import pytest
from nn_peer import leaves, same, to_cygrad, torch

import cygrad

pytestmark = pytest.mark.filterwarnings("ignore")


def ints(high, *shape):
    return ("int", high, shape)


def unit(*shape):
    return ("unit", None, shape)


def prob(*shape):
    return ("prob", None, shape)


def sign(*shape):
    return ("sign", None, shape)


def make(spec):
    if isinstance(spec, torch.Tensor) or spec is None or isinstance(spec, (int, float)):
        return spec
    if spec and spec[0] == "int":
        return torch.randint(0, spec[1], spec[2])
    if spec and spec[0] == "unit":
        return torch.rand(spec[2]) * 0.9 + 0.05
    if spec and spec[0] == "prob":
        return torch.rand(spec[2]).softmax(-1)
    if spec and spec[0] == "sign":
        return torch.randint(0, 2, spec[2]).float() * 2 - 1
    if spec and isinstance(spec[0], (tuple, list)):
        return tuple(make(s) for s in spec)
    return torch.randn(spec)


# constructor, inputs (a shape is a normal tensor). One line for each case.
CASES = [
    ("nn.Identity()", (3, 4)),
    ("nn.Linear(4, 5)", (3, 4)),
    ("nn.Linear(4, 5, bias=False)", (2, 3, 4)),
    ("nn.Linear(4, 5)", (4,)),
    ("nn.Bilinear(3, 4, 5)", (2, 3), (2, 4)),
    ("nn.Bilinear(3, 4, 5, bias=False)", (2, 6, 3), (2, 6, 4)),
    ("nn.Flatten()", (2, 3, 4)),
    ("nn.Flatten(0, 1)", (2, 3, 4)),
    ("nn.Unflatten(1, (2, 3))", (2, 6, 4)),
    ("nn.Conv1d(4, 6, 3)", (2, 4, 9)),
    ("nn.Conv1d(4, 6, 3, stride=2, padding=1, dilation=2, groups=2)", (2, 4, 9)),
    ("nn.Conv1d(4, 6, 3)", (4, 9)),
    ("nn.Conv2d(3, 6, 3)", (2, 3, 7, 8)),
    ("nn.Conv2d(3, 6, (3, 2), stride=(2, 1), padding=(1, 0), bias=False)", (2, 3, 7, 8)),
    ("nn.Conv2d(3, 6, 3)", (3, 7, 8)),
    ("nn.Conv2d(4, 8, 3, padding='same', dilation=2)", (2, 4, 7, 8)),
    ("nn.Conv2d(4, 8, (4, 2), padding='same')", (2, 4, 7, 8)),
    ("nn.Conv2d(4, 8, 3, padding='valid', groups=4)", (2, 4, 7, 8)),
    ("nn.Conv2d(3, 4, 3, padding=1, padding_mode='reflect')", (2, 3, 7, 8)),
    ("nn.Conv2d(3, 4, 3, padding=(2, 1), padding_mode='replicate')", (2, 3, 7, 8)),
    ("nn.Conv2d(3, 4, 3, padding=1, padding_mode='circular')", (2, 3, 7, 8)),
    ("nn.Conv2d(3, 4, 4, padding='same', padding_mode='circular')", (2, 3, 7, 8)),
    ("nn.Conv3d(2, 4, 3, padding=1)", (2, 2, 4, 5, 6)),
    ("nn.Conv3d(2, 4, (1, 2, 3), stride=(1, 2, 1))", (2, 4, 5, 6)),
    ("nn.ConvTranspose1d(4, 6, 3, stride=2)", (2, 4, 5)),
    ("nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1)", (2, 4, 5, 6)),
    ("nn.ConvTranspose2d(4, 6, 3, groups=2, dilation=2, bias=False)", (4, 5, 6)),
    ("nn.ConvTranspose3d(2, 3, 2, stride=2)", (2, 2, 3, 4, 3)),
    ("nn.MaxPool1d(3, 2, 1)", (2, 3, 9)),
    ("nn.MaxPool2d(2)", (2, 3, 6, 7)),
    ("nn.MaxPool2d((3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2), ceil_mode=True)",
     (2, 3, 8, 9)),
    ("nn.MaxPool2d(2, return_indices=True)", (3, 6, 7)),
    ("nn.MaxPool3d(2, ceil_mode=True)", (2, 3, 5, 6, 7)),
    ("nn.AvgPool1d(3, 2, 1)", (2, 3, 9)),
    ("nn.AvgPool2d(3, 2, 1, count_include_pad=False)", (2, 3, 8, 9)),
    ("nn.AvgPool2d(2, ceil_mode=True, divisor_override=3)", (3, 7, 9)),
    ("nn.AvgPool3d((1, 2, 2))", (2, 3, 4, 4, 5)),
    ("nn.AdaptiveAvgPool1d(4)", (2, 3, 9)),
    ("nn.AdaptiveAvgPool2d(1)", (2, 3, 6, 7)),
    ("nn.AdaptiveAvgPool2d((3, None))", (3, 7, 5)),
    ("nn.AdaptiveAvgPool3d((2, 3, 2))", (2, 3, 5, 5, 4)),
    ("nn.AdaptiveMaxPool1d(4)", (2, 3, 9)),
    ("nn.AdaptiveMaxPool2d((3, None))", (2, 3, 7, 5)),
    ("nn.AdaptiveMaxPool2d(2, return_indices=True)", (2, 3, 7, 5)),
    ("nn.AdaptiveMaxPool3d(2)", (2, 3, 5, 5, 4)),
    ("nn.LPPool1d(2, 3)", unit(2, 3, 9)),
    ("nn.LPPool2d(2, 3, stride=2)", unit(2, 3, 8, 9)),
    ("nn.LPPool3d(3, 2)", unit(2, 3, 4, 4, 4)),
    ("nn.FractionalMaxPool2d(2, output_size=(3, 4))", (2, 3, 7, 9)),
    ("nn.FractionalMaxPool2d((2, 3), output_ratio=0.5, return_indices=True)", (3, 8, 9)),
    ("nn.FractionalMaxPool3d(2, output_size=(3, 4, 2))", (2, 3, 7, 9, 5)),
    ("nn.Threshold(0.1, 20)", (3, 4)),
    ("nn.ReLU()", (3, 4)),
    ("nn.ReLU6()", (3, 4)),
    ("nn.RReLU().eval()", (3, 4)),
    ("nn.RReLU()", (13, 14)),
    ("nn.Hardtanh(-0.5, 0.7)", (3, 4)),
    ("nn.Sigmoid()", (3, 4)),
    ("nn.Hardsigmoid()", (3, 4)),
    ("nn.Tanh()", (3, 4)),
    ("nn.SiLU()", (3, 4)),
    ("nn.Mish()", (3, 4)),
    ("nn.Hardswish()", (3, 4)),
    ("nn.ELU(0.7)", (3, 4)),
    ("nn.CELU(1.7)", (3, 4)),
    ("nn.SELU()", (3, 4)),
    ("nn.GLU()", (3, 4)),
    ("nn.GLU(0)", (4, 3)),
    ("nn.GELU()", (3, 4)),
    ("nn.GELU('tanh')", (3, 4)),
    ("nn.Hardshrink(0.4)", (3, 4)),
    ("nn.LeakyReLU(0.2)", (3, 4)),
    ("nn.LogSigmoid()", (3, 4)),
    ("nn.Softplus(2.0, 3.0)", (3, 4)),
    ("nn.Softshrink(0.3)", (3, 4)),
    ("nn.PReLU()", (3, 4)),
    ("nn.PReLU(4)", (3, 4, 2)),
    ("nn.Softsign()", (3, 4)),
    ("nn.Tanhshrink()", (3, 4)),
    ("nn.Softmin(dim=1)", (3, 4)),
    ("nn.Softmax(dim=-1)", (3, 4)),
    ("nn.Softmax()", (3, 4)),
    ("nn.Softmax2d()", (2, 3, 4, 4)),
    ("nn.LogSoftmax(dim=0)", (3, 4)),
    ("nn.BatchNorm1d(4)", (5, 4)),
    ("nn.BatchNorm1d(4, momentum=None)", (5, 4, 3)),
    ("nn.BatchNorm1d(4).eval()", (5, 4, 3)),
    ("nn.BatchNorm1d(4, bias=False)", (5, 4)),
    ("nn.BatchNorm2d(3)", (2, 3, 4, 5)),
    ("nn.BatchNorm2d(3, affine=False, track_running_stats=False)", (2, 3, 4, 5)),
    ("nn.BatchNorm2d(3, track_running_stats=False).eval()", (2, 3, 4, 5)),
    ("nn.BatchNorm3d(3)", (2, 3, 4, 2, 2)),
    ("nn.InstanceNorm1d(3)", (2, 3, 5)),
    ("nn.InstanceNorm2d(3, affine=True)", (2, 3, 4, 5)),
    ("nn.InstanceNorm2d(3, affine=True, track_running_stats=True)", (2, 3, 4, 5)),
    ("nn.InstanceNorm2d(3, track_running_stats=True).eval()", (2, 3, 4, 5)),
    ("nn.InstanceNorm3d(3)", (3, 4, 2, 3)),
    ("nn.GroupNorm(2, 4)", (3, 4, 5)),
    ("nn.GroupNorm(4, 4, affine=False)", (3, 4, 5, 2)),
    ("nn.LayerNorm(4)", (3, 4)),
    ("nn.LayerNorm((3, 4), bias=False)", (2, 3, 4)),
    ("nn.LayerNorm(4, elementwise_affine=False)", (3, 4)),
    ("nn.RMSNorm(4)", (3, 4)),
    ("nn.RMSNorm((3, 4), eps=1e-3, elementwise_affine=False)", (2, 3, 4)),
    ("nn.LocalResponseNorm(3, alpha=0.1)", (2, 7, 4, 4)),
    ("nn.LocalResponseNorm(2)", (2, 7, 4)),
    ("nn.Dropout(0.3)", (13, 14)),
    ("nn.Dropout(0.3).eval()", (3, 4)),
    ("nn.Dropout1d(0.3)", (5, 6, 3)),
    ("nn.Dropout1d(0.3)", (15, 6)),
    ("nn.Dropout2d(0.3)", (5, 6, 3, 2)),
    ("nn.Dropout3d(0.3)", (5, 6, 3, 2, 2)),
    ("nn.AlphaDropout(0.3)", (13, 14)),
    ("nn.FeatureAlphaDropout(0.3)", (5, 6, 3)),
    ("nn.Embedding(7, 4)", ints(7, 3, 5)),
    ("nn.Embedding(7, 4, padding_idx=2)", ints(7, 3, 5)),
    ("nn.Embedding(7, 4, padding_idx=-1, max_norm=1.0)", ints(7, 3, 5)),
    ("nn.Embedding(7, 4, scale_grad_by_freq=True)", ints(7, 3, 5)),
    ("nn.EmbeddingBag(7, 4)", ints(7, 3, 5)),
    ("nn.EmbeddingBag(7, 4, mode='sum')", ints(7, 6), torch.tensor([0, 2, 2])),
    ("nn.EmbeddingBag(7, 4, mode='max')", ints(7, 6), torch.tensor([0, 2, 2])),
    ("nn.EmbeddingBag(7, 4, padding_idx=1)", ints(3, 9), torch.tensor([0, 2, 5])),
    ("nn.EmbeddingBag(7, 4, mode='sum')", ints(7, 3, 5), None, (3, 5)),
    ("nn.EmbeddingBag(7, 4, include_last_offset=True)", ints(7, 6), torch.tensor([0, 2, 6])),
    ("nn.L1Loss()", (3, 4), (3, 4)),
    ("nn.MSELoss()", (3, 4), (3, 4)),
    ("nn.MSELoss(reduction='sum')", (3, 4), (4,)),
    ("nn.SmoothL1Loss(beta=0.5)", (3, 4), (3, 4)),
    ("nn.HuberLoss(delta=0.5)", (3, 4), (3, 4)),
    ("nn.NLLLoss()", (5, 4), ints(4, 5)),
    ("nn.NLLLoss(reduction='none')", (5, 4, 3, 2), ints(4, 5, 3, 2)),
    ("nn.NLLLoss(weight=torch.tensor([1., 2., 3., 4.]), ignore_index=1)", (9, 4), ints(4, 9)),
    ("nn.CrossEntropyLoss()", (5, 4), ints(4, 5)),
    ("nn.CrossEntropyLoss(label_smoothing=0.1)", (5, 4), ints(4, 5)),
    ("nn.CrossEntropyLoss(weight=torch.tensor([1., 2., 3., 4.]), label_smoothing=0.1)",
     (5, 4, 3), ints(4, 5, 3)),
    ("nn.CrossEntropyLoss(ignore_index=2, reduction='none')", (5, 4), ints(4, 5)),
    ("nn.CrossEntropyLoss()", (5, 4), prob(5, 4)),
    ("nn.CrossEntropyLoss(label_smoothing=0.2, weight=torch.tensor([1., 2., 3., 4.]))",
     (5, 4, 2), prob(5, 4, 2)),
    ("nn.CrossEntropyLoss()", (4,), ints(4)),
    ("nn.BCELoss()", unit(3, 4), unit(3, 4)),
    ("nn.BCELoss(weight=torch.tensor([1., 2., 3., 4.]))", unit(3, 4), unit(3, 4)),
    ("nn.BCEWithLogitsLoss()", (3, 4), unit(3, 4)),
    ("nn.BCEWithLogitsLoss(pos_weight=torch.tensor([1., 2., 3., 4.]))", (3, 4), unit(3, 4)),
    ("nn.KLDivLoss(reduction='batchmean')", (3, 4), prob(3, 4)),
    ("nn.KLDivLoss(reduction='sum', log_target=True)", (3, 4), (3, 4)),
    ("nn.PoissonNLLLoss()", (3, 4), unit(3, 4)),
    ("nn.PoissonNLLLoss(log_input=False, full=True)", unit(3, 4), ints(5, 3, 4)),
    ("nn.GaussianNLLLoss(full=True)", (3, 4), (3, 4), unit(3, 4)),
    ("nn.GaussianNLLLoss()", (3, 4), (3, 4), unit(3, 1)),
    ("nn.MarginRankingLoss(0.3)", (5,), (5,), sign(5)),
    ("nn.HingeEmbeddingLoss()", (3, 4), sign(3, 4)),
    ("nn.CosineEmbeddingLoss(0.1)", (5, 4), (5, 4), sign(5)),
    ("nn.SoftMarginLoss()", (3, 4), sign(3, 4)),
    ("nn.MultiLabelMarginLoss()", (2, 4), torch.tensor([[3, 0, -1, 1], [1, -1, 2, 0]])),
    ("nn.MultiLabelSoftMarginLoss()", (3, 4), unit(3, 4)),
    ("nn.MultiMarginLoss()", (5, 4), ints(4, 5)),
    ("nn.MultiMarginLoss(p=2, margin=0.5, weight=torch.tensor([1., 2., 3., 4.]))",
     (5, 4), ints(4, 5)),
    ("nn.TripletMarginLoss()", (5, 4), (5, 4), (5, 4)),
    ("nn.TripletMarginLoss(p=1, swap=True, reduction='none')", (5, 4), (5, 4), (5, 4)),
    ("nn.TripletMarginWithDistanceLoss()", (5, 4), (5, 4), (5, 4)),
    ("nn.CTCLoss(blank=4)", (12, 3, 5), ints(4, 3, 4), torch.tensor([12, 10, 9]),
     torch.tensor([4, 2, 0])),
    ("nn.CTCLoss(blank=4, reduction='none')", (12, 3, 5), ints(4, 7), torch.tensor([12, 10, 9]),
     torch.tensor([4, 2, 1])),
    ("nn.CTCLoss(zero_infinity=True, reduction='sum')", (3, 2, 5),
     torch.tensor([[1, 1, 2], [1, 2, 3]]), torch.tensor([3, 3]), torch.tensor([3, 3])),
    ("nn.AdaptiveLogSoftmaxWithLoss(16, 20, [4, 10])", (9, 16), ints(20, 9)),
    ("nn.ReflectionPad1d((2, 1))", (2, 3, 5)),
    ("nn.ReflectionPad2d(2)", (2, 3, 5, 4)),
    ("nn.ReflectionPad3d(1)", (2, 3, 3, 4, 5)),
    ("nn.ReplicationPad1d(3)", (2, 3, 5)),
    ("nn.ReplicationPad2d((1, 2, 3, 0))", (3, 5, 4)),
    ("nn.ReplicationPad3d(1)", (2, 3, 3, 4, 5)),
    ("nn.ConstantPad1d(2, 3.5)", (2, 3, 5)),
    ("nn.ConstantPad2d((1, -1, 2, 0), 3.5)", (2, 3, 5)),
    ("nn.ConstantPad3d(1, 2.0)", (2, 3, 5, 4)),
    ("nn.ZeroPad1d(2)", (2, 5)),
    ("nn.ZeroPad2d((-1, 1, 2, 2))", (2, 3, 5)),
    ("nn.ZeroPad3d(1)", (2, 3, 5, 4)),
    ("nn.CircularPad1d((1, 2))", (2, 3, 5)),
    ("nn.CircularPad2d(2)", (2, 3, 5, 4)),
    ("nn.CircularPad3d(1)", (2, 3, 3, 4, 5)),
    ("nn.PixelShuffle(2)", (2, 8, 3, 4)),
    ("nn.PixelUnshuffle(2)", (2, 2, 6, 4)),
    ("nn.ChannelShuffle(2)", (2, 6, 3)),
    ("nn.Upsample(scale_factor=2)", (2, 3, 4, 5)),
    ("nn.Upsample(size=7)", (2, 3, 4)),
    ("nn.Upsample(scale_factor=1.7, mode='nearest-exact')", (2, 3, 4, 5)),
    ("nn.Upsample(scale_factor=2, mode='bilinear')", (2, 3, 4, 5)),
    ("nn.Upsample(scale_factor=(1.5, 0.7), mode='bilinear')", (2, 3, 8, 9)),
    ("nn.Upsample(size=(7, 9), mode='bilinear', align_corners=True)", (2, 3, 4, 5)),
    ("nn.Upsample(scale_factor=2, mode='linear')", (2, 3, 4)),
    ("nn.Upsample(scale_factor=2, mode='trilinear')", (2, 3, 4, 3, 2)),
    ("nn.Upsample(scale_factor=2, mode='bicubic')", (2, 3, 4, 5)),
    ("nn.Upsample(size=(3, 9), mode='bicubic', align_corners=True)", (2, 3, 4, 5)),
    ("nn.UpsamplingNearest2d(scale_factor=2)", (2, 3, 4, 5)),
    ("nn.UpsamplingBilinear2d(size=(6, 7))", (2, 3, 4, 5)),
    ("nn.CosineSimilarity()", (3, 4), (3, 4)),
    ("nn.PairwiseDistance()", (3, 4), (3, 4)),
    ("nn.PairwiseDistance(p=1, keepdim=True)", (3, 4), (3, 4)),
    ("nn.Fold((4, 5), (2, 3))", (2, 12, 9)),
    ("nn.Fold((4, 5), 2, dilation=2, padding=1, stride=2)", (2, 8, 6)),
    ("nn.Unfold(2)", (2, 3, 4, 5)),
    ("nn.Unfold((2, 3), dilation=2, padding=1, stride=(1, 2))", (3, 6, 7)),
    ("nn.RNN(3, 4)", (5, 2, 3)),
    ("nn.RNN(3, 4, 2, nonlinearity='relu', batch_first=True)", (2, 5, 3)),
    ("nn.LSTM(3, 4)", (5, 2, 3)),
    ("nn.LSTM(3, 4, 2, bidirectional=True, batch_first=True)", (2, 5, 3)),
    ("nn.LSTM(3, 4, bias=False)", (5, 3)),
    ("nn.LSTM(3, 4, proj_size=2, num_layers=2)", (5, 2, 3)),
    ("nn.LSTM(3, 4)", (5, 2, 3), ((1, 2, 4), (1, 2, 4))),
    ("nn.LSTM(3, 4, 2, dropout=0.4)", (5, 2, 3)),
    ("nn.GRU(3, 4)", (5, 2, 3)),
    ("nn.GRU(3, 4, 2, bidirectional=True)", (5, 2, 3), (4, 2, 4)),
    ("nn.GRU(3, 4, bias=False)", (5, 3), (1, 4)),
    ("nn.RNNCell(3, 4)", (2, 3)),
    ("nn.RNNCell(3, 4, False, 'relu')", (2, 3), (2, 4)),
    ("nn.LSTMCell(3, 4)", (2, 3), ((2, 4), (2, 4))),
    ("nn.GRUCell(3, 4)", (3,)),
    ("nn.MultiheadAttention(8, 2)", (5, 3, 8), (6, 3, 8), (6, 3, 8)),
    ("nn.MultiheadAttention(8, 2, batch_first=True)", (3, 5, 8), (3, 6, 8), (3, 6, 8)),
    ("nn.MultiheadAttention(8, 2, bias=False)", (5, 8), (6, 8), (6, 8)),
    ("nn.MultiheadAttention(8, 2, kdim=4, vdim=6)", (5, 3, 8), (6, 3, 4), (6, 3, 6)),
    ("nn.MultiheadAttention(8, 4, add_bias_kv=True, add_zero_attn=True)", (5, 3, 8), (6, 3, 8),
     (6, 3, 8)),
    ("nn.MultiheadAttention(8, 2, dropout=0.2)", (5, 3, 8), (6, 3, 8), (6, 3, 8)),
    ("nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0)", (5, 3, 8)),
    ("nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=True)", (3, 5, 8)),
    ("nn.TransformerEncoderLayer(8, 2, 16, activation='gelu').eval()", (5, 3, 8)),
    ("nn.TransformerDecoderLayer(8, 2, 16, 0.0)", (5, 3, 8), (6, 3, 8)),
    ("nn.TransformerDecoderLayer(8, 2, 16, 0.0, norm_first=True, bias=False)", (5, 3, 8),
     (6, 3, 8)),
    ("nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, 0.1), 2)", (5, 3, 8)),
    ("nn.Transformer(8, 2, 1, 2, 16, 0.0)", (5, 3, 8), (4, 3, 8)),
    ("nn.Sequential(nn.Linear(4, 5), nn.ReLU(inplace=True), nn.Linear(5, 2))", (3, 4)),
    ("nn.Sequential(nn.Linear(4, 5), nn.LeakyReLU(0.1, True))", (3, 4)),
    ("nn.Sequential(nn.Linear(4, 5), nn.ELU(inplace=True))", (3, 4)),
    ("nn.Sequential(nn.Linear(4, 5), nn.SELU(True))", (3, 4)),
    ("nn.Sequential(nn.Linear(4, 5), nn.Hardtanh(inplace=True))", (3, 4)),
    ("nn.Sequential(nn.Linear(4, 5), nn.SiLU(True), nn.Dropout(0.2, True))", (3, 4)),
    ("nn.LazyLinear(5)", (3, 4)),
    ("nn.LazyConv2d(5, 3, padding=1)", (2, 3, 6, 6)),
    ("nn.LazyConvTranspose2d(4, 3, groups=2)", (2, 6, 3, 3)),
    ("nn.LazyBatchNorm2d()", (2, 3, 6, 6)),
    ("nn.LazyInstanceNorm1d(affine=True)", (2, 3, 6)),
    ("nn.SyncBatchNorm(3).eval()", (2, 3, 4)),
    ("nn.utils.weight_norm(nn.Linear(4, 5))", (3, 4)),
    ("nn.utils.weight_norm(nn.Conv2d(4, 5, 2), dim=1)", (3, 4, 5, 5)),
    ("nn.utils.spectral_norm(nn.Linear(4, 5))", (3, 4)),
    ("nn.utils.parametrizations.weight_norm(nn.Linear(4, 5))", (3, 4)),
    ("nn.utils.parametrizations.spectral_norm(nn.Conv2d(4, 5, 2))", (3, 4, 5, 5)),
    ("nn.utils.parametrizations.spectral_norm(nn.ConvTranspose1d(4, 5, 2))", (3, 4, 5)),
    ("nn.utils.parametrizations.orthogonal(nn.Linear(4, 4))", (3, 4)),
    ("nn.utils.parametrizations.orthogonal(nn.Linear(4, 6), orthogonal_map='cayley')", (3, 4)),
    ("nn.utils.parametrizations.orthogonal(nn.Linear(6, 4))", (3, 6)),
    ("nn.LinearCrossEntropyLoss(4, 5)", (3, 4), ints(5, 3)),
]

# Second derivatives that PyTorch does not have for these.
NO_SECOND = ("EmbeddingBag", "FractionalMax", "CTCLoss", "MultiMargin", "MultiLabelMargin",
             "Transformer", "weight_norm", "RReLU()", "orthogonal", "Hardsigmoid", "L1Loss", "p=1")


def built(lib, text):
    return eval(text, {"nn": lib.nn, "torch": lib})


def gradients(lib, module, inputs, second):
    """(output, gradients, second gradients, state after) of one call under one seed."""
    lib.manual_seed(3)
    output = module(*inputs)
    outs = [o for o in leaves(output) if o.is_floating_point()]
    wanted = [t for t in leaves(list(inputs)) if t.requires_grad]
    wanted += [p for p in module.parameters() if p.requires_grad]
    outs = [o for o in outs if o.requires_grad]
    if not wanted or not outs:
        return output, [], []
    zeros = [lib.zeros_like(w) for w in wanted]
    total = sum((o * o.detach().cos()).sum() for o in outs)
    first = lib.autograd.grad(total, wanted, create_graph=second, allow_unused=True)
    if not second:
        return output, [g for g in first if g is not None], []
    parts = [(g * g).sum() for g in first if g is not None and g.requires_grad]
    twice = lib.autograd.grad(sum(parts), wanted, allow_unused=True) if parts else zeros
    twice = [z if g is None else g for g, z in zip(twice, zeros, strict=True)]
    return output, [g for g in first if g is not None], twice


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_module(case):
    text, *specs = case
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(11)
        cygrad.manual_seed(11)
        torch.manual_seed(11)
        theirs = built(torch, text)
        cygrad.manual_seed(11)
        ours = built(cygrad, text)
    assert repr(ours) == repr(theirs)
    lazy = "Lazy" in text
    if not lazy:
        assert list(ours.state_dict()) == list(theirs.state_dict())
        same(ours.state_dict(), theirs.state_dict(), rtol=1e-5, atol=1e-6, what="initial weights")
    torch.manual_seed(5)
    inputs = tuple(make(spec) for spec in specs)
    for t in leaves(list(inputs)):
        if t.is_floating_point():
            t.requires_grad_()
    # Targets of some losses may not have a gradient in PyTorch.
    if any(n in text for n in ("SoftMargin", "PoissonNLL", "HingeEmb", "MarginRank", "CosineEmb",
                               "GaussianNLL")) and len(inputs) > 1:
        for t in inputs[1:]:
            t.requires_grad_(False)
    mine = to_cygrad(inputs)
    second = not any(n in text for n in NO_SECOND)
    a = gradients(cygrad, ours, mine, second)
    b = gradients(torch, theirs, inputs, second)
    same(a[0], b[0], what="output")
    same(a[1], b[1], rtol=1e-3, atol=1e-4, what="gradient")
    same(a[2], b[2], rtol=1e-2, atol=1e-3, what="second gradient")
    assert list(ours.state_dict()) == list(theirs.state_dict())
    same(ours.state_dict(), theirs.state_dict(), what="state after forward")
    assert repr(ours) == repr(theirs)
    assert type(ours).__name__ == type(theirs).__name__
