"""Vision Transformer (Dosovitskiy et al., "An Image is Worth 16x16 Words", 2020)."""

import math
from collections import OrderedDict
from functools import partial
from typing import NamedTuple

import cygrad
from cygrad import nn

from ..ops.misc import MLP, Conv2dNormActivation
from ._api import builder, fit_classes, overwrite, weights_enum

_norm = partial(nn.LayerNorm, eps=1e-6)


class ConvStemConfig(NamedTuple):
    """One convolution before the patches are cut (Xiao et al., 2021)."""

    out_channels: int
    kernel_size: int
    stride: int
    norm_layer: object = nn.BatchNorm2d
    activation_layer: object = nn.ReLU


class MLPBlock(MLP):
    """The two linear layers of an encoder block."""

    def __init__(self, in_dim, mlp_dim, dropout):
        super().__init__(
            in_dim, [mlp_dim, in_dim], activation_layer=nn.GELU, inplace=None, dropout=dropout
        )
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.normal_(module.bias, std=1e-6)

    def _load_from_state_dict(self, state_dict, prefix, *args):
        for old, new in (("linear_1", "0"), ("linear_2", "3")):  # as the published files name them
            for kind in ("weight", "bias"):
                if f"{prefix}{old}.{kind}" in state_dict:
                    state_dict[f"{prefix}{new}.{kind}"] = state_dict.pop(f"{prefix}{old}.{kind}")
        super()._load_from_state_dict(state_dict, prefix, *args)


class EncoderBlock(nn.Module):
    """Self-attention and two linear layers, each after a norm and beside the identity."""

    def __init__(
        self,
        num_heads,
        hidden_dim,
        mlp_dim,
        dropout,
        attention_dropout,
        norm_layer=_norm,
    ):
        super().__init__()
        self.num_heads = num_heads
        self.ln_1 = norm_layer(hidden_dim)
        self.self_attention = nn.MultiheadAttention(
            hidden_dim, num_heads, dropout=attention_dropout, batch_first=True
        )
        self.dropout = nn.Dropout(dropout)
        self.ln_2 = norm_layer(hidden_dim)
        self.mlp = MLPBlock(hidden_dim, mlp_dim, dropout)

    def forward(self, input):
        if input.dim() != 3:
            raise AssertionError(f"Expected (batch_size, seq_length, hidden_dim) got {input.shape}")
        x = self.ln_1(input)
        x, _ = self.self_attention(x, x, x, need_weights=False)
        x = self.dropout(x) + input
        return x + self.mlp(self.ln_2(x))


class Encoder(nn.Module):
    """Adds the embedding of the positions, then runs the blocks and a norm."""

    def __init__(
        self,
        seq_length,
        num_layers,
        num_heads,
        hidden_dim,
        mlp_dim,
        dropout,
        attention_dropout,
        norm_layer=_norm,
    ):
        super().__init__()
        self.pos_embedding = nn.Parameter(cygrad.empty(1, seq_length, hidden_dim).normal_(std=0.02))
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.Sequential(
            OrderedDict(
                (
                    f"encoder_layer_{i}",
                    EncoderBlock(
                        num_heads, hidden_dim, mlp_dim, dropout, attention_dropout, norm_layer
                    ),
                )
                for i in range(num_layers)
            )
        )
        self.ln = norm_layer(hidden_dim)

    def forward(self, input):
        if input.dim() != 3:
            raise AssertionError(f"Expected (batch_size, seq_length, hidden_dim) got {input.shape}")
        return self.ln(self.layers(self.dropout(input + self.pos_embedding)))


class VisionTransformer(nn.Module):
    """Patches of ``patch_size`` squared pixels as a sequence of ``hidden_dim`` numbers each, with a class token."""

    def __init__(
        self,
        image_size,
        patch_size,
        num_layers,
        num_heads,
        hidden_dim,
        mlp_dim,
        dropout=0.0,
        attention_dropout=0.0,
        num_classes=1000,
        representation_size=None,
        norm_layer=_norm,
        conv_stem_configs=None,
    ):
        super().__init__()
        if image_size % patch_size:
            raise AssertionError("Input shape indivisible by patch size!")
        self.image_size = image_size
        self.patch_size = patch_size
        self.hidden_dim = hidden_dim
        self.mlp_dim = mlp_dim
        self.attention_dropout = attention_dropout
        self.dropout = dropout
        self.num_classes = num_classes
        self.representation_size = representation_size
        self.norm_layer = norm_layer
        if conv_stem_configs is not None:
            self.conv_proj = self._conv_stem(conv_stem_configs)
        else:
            self.conv_proj = nn.Conv2d(3, hidden_dim, kernel_size=patch_size, stride=patch_size)
        seq_length = (image_size // patch_size) ** 2
        self.class_token = nn.Parameter(cygrad.zeros(1, 1, hidden_dim))
        seq_length += 1
        self.encoder = Encoder(
            seq_length,
            num_layers,
            num_heads,
            hidden_dim,
            mlp_dim,
            dropout,
            attention_dropout,
            norm_layer,
        )
        self.seq_length = seq_length
        heads = OrderedDict()
        if representation_size is None:
            heads["head"] = nn.Linear(hidden_dim, num_classes)
        else:
            heads["pre_logits"] = nn.Linear(hidden_dim, representation_size)
            heads["act"] = nn.Tanh()
            heads["head"] = nn.Linear(representation_size, num_classes)
        self.heads = nn.Sequential(heads)
        self._reset()

    def _conv_stem(self, configs):
        stem = nn.Sequential()
        channels = 3
        for i, config in enumerate(configs):
            stem.add_module(
                f"conv_bn_relu_{i}",
                Conv2dNormActivation(
                    in_channels=channels,
                    out_channels=config.out_channels,
                    kernel_size=config.kernel_size,
                    stride=config.stride,
                    norm_layer=config.norm_layer,
                    activation_layer=config.activation_layer,
                ),
            )
            channels = config.out_channels
        stem.add_module("conv_last", nn.Conv2d(channels, self.hidden_dim, kernel_size=1))
        return stem

    def _reset(self):
        conv = self.conv_proj
        if isinstance(conv, nn.Conv2d):
            fan_in = conv.in_channels * conv.kernel_size[0] * conv.kernel_size[1]
            nn.init.trunc_normal_(conv.weight, std=math.sqrt(1 / fan_in))
        else:
            conv = conv.conv_last
            nn.init.normal_(conv.weight, mean=0.0, std=math.sqrt(2.0 / conv.out_channels))
        if conv.bias is not None:
            nn.init.zeros_(conv.bias)
        if hasattr(self.heads, "pre_logits"):
            first = self.heads.pre_logits
            nn.init.trunc_normal_(first.weight, std=math.sqrt(1 / first.in_features))
            nn.init.zeros_(first.bias)
        nn.init.zeros_(self.heads.head.weight)
        nn.init.zeros_(self.heads.head.bias)

    def _process_input(self, x):
        """Images (N, 3, H, W) as sequences (N, patches, hidden_dim)."""
        n, _, height, width = x.shape
        for name, size in (("height", height), ("width", width)):
            if size != self.image_size:
                raise AssertionError(
                    f"Wrong image {name}! Expected {self.image_size} but got {size}!"
                )
        return self.conv_proj(x).reshape(n, self.hidden_dim, -1).permute(0, 2, 1)

    def forward(self, x):
        x = self._process_input(x)
        token = self.class_token.expand(x.shape[0], -1, -1)
        x = self.encoder(cygrad.cat([token, x], dim=1))
        return self.heads(x[:, 0])


def interpolate_embeddings(
    image_size, patch_size, model_state, interpolation_mode="bicubic", reset_heads=False
):
    """A state dict whose embedding of the positions is resized for images of ``image_size``.

    ``reset_heads`` leaves the last layers out.
    """
    embedding = model_state["encoder.pos_embedding"]
    n, seq_length, hidden_dim = embedding.shape
    if n != 1:
        raise ValueError(f"Unexpected position embedding shape: {embedding.shape}")
    wanted = (image_size // patch_size) ** 2 + 1
    if wanted == seq_length:
        return model_state
    token, patches = embedding[:, :1, :], embedding[:, 1:, :].permute(0, 2, 1)
    side = int(math.sqrt(seq_length - 1))
    if side * side != seq_length - 1:
        raise ValueError(
            f"seq_length is not a perfect square! Instead got seq_length_1d * seq_length_1d = {side * side} and "
            f"seq_length = {seq_length - 1}"
        )
    resized = nn.functional.interpolate(
        patches.reshape(1, hidden_dim, side, side),
        size=image_size // patch_size,
        mode=interpolation_mode,
        align_corners=True,
    )
    resized = resized.reshape(1, hidden_dim, wanted - 1).permute(0, 2, 1)
    model_state["encoder.pos_embedding"] = cygrad.cat([token, resized], dim=1)
    if reset_heads:
        return OrderedDict((k, v) for k, v in model_state.items() if not k.startswith("heads"))
    return model_state


def _fit(weights, kwargs):
    fit_classes(weights, kwargs)
    overwrite(kwargs, "image_size", weights.meta["min_size"][0])


def _builder(
    name, enum, patch_size, num_layers, num_heads, hidden_dim, mlp_dim, legacy="IMAGENET1K_V1"
):
    def make(*, image_size=224, **kwargs):
        return VisionTransformer(
            image_size, patch_size, num_layers, num_heads, hidden_dim, mlp_dim, **kwargs
        )

    return builder(name, enum, make, fit=_fit, legacy=legacy)


ViT_B_16_Weights = weights_enum("ViT_B_16", __name__)
ViT_B_32_Weights = weights_enum("ViT_B_32", __name__)
ViT_L_16_Weights = weights_enum("ViT_L_16", __name__)
ViT_L_32_Weights = weights_enum("ViT_L_32", __name__)
ViT_H_14_Weights = weights_enum("ViT_H_14", __name__)
vit_b_16 = _builder("vit_b_16", ViT_B_16_Weights, 16, 12, 12, 768, 3072)
vit_b_32 = _builder("vit_b_32", ViT_B_32_Weights, 32, 12, 12, 768, 3072)
vit_l_16 = _builder("vit_l_16", ViT_L_16_Weights, 16, 24, 16, 1024, 4096)
vit_l_32 = _builder("vit_l_32", ViT_L_32_Weights, 32, 24, 16, 1024, 4096)
vit_h_14 = _builder("vit_h_14", ViT_H_14_Weights, 14, 32, 16, 1280, 5120, "IMAGENET1K_SWAG_E2E_V1")
