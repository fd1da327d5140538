"""The architecture: a small Llama (RMSNorm, RoPE, SwiGLU, tied embeddings)."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class Config:
    """Sizes of the model; widths are multiples of 32, as Q8_0 blocks need."""

    vocab: int = 4096
    width: int = 192
    layers: int = 5
    heads: int = 6
    hidden: int = 512
    context: int = 1024
    rope_base: float = 10_000.0
    epsilon: float = 1e-5


class RMSNorm(nn.Module):
    """Root-mean-square normalisation with a learned gain."""

    def __init__(self, width: int, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.epsilon) * self.weight


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary position embedding on neighbouring pairs, the layout llama.cpp expects."""
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2)


class Block(nn.Module):
    """Attention and feed-forward, each behind a norm and added to the stream."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.heads = config.heads
        self.attn_norm = RMSNorm(config.width, config.epsilon)
        self.attn_q = nn.Linear(config.width, config.width, bias=False)
        self.attn_k = nn.Linear(config.width, config.width, bias=False)
        self.attn_v = nn.Linear(config.width, config.width, bias=False)
        self.attn_output = nn.Linear(config.width, config.width, bias=False)
        self.ffn_norm = RMSNorm(config.width, config.epsilon)
        self.ffn_gate = nn.Linear(config.width, config.hidden, bias=False)
        self.ffn_up = nn.Linear(config.width, config.hidden, bias=False)
        self.ffn_down = nn.Linear(config.hidden, config.width, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor) -> Tensor:
        batch, length, width = x.shape
        shape = (batch, length, self.heads, width // self.heads)
        normed = self.attn_norm(x)
        q = rotate(self.attn_q(normed).view(shape).transpose(1, 2), cos, sin)
        k = rotate(self.attn_k(normed).view(shape).transpose(1, 2), cos, sin)
        v = self.attn_v(normed).view(shape).transpose(1, 2)
        scores = q @ k.transpose(-1, -2) / math.sqrt(width // self.heads) + mask
        mixed = (scores.softmax(-1) @ v).transpose(1, 2).reshape(batch, length, width)
        x = x + self.attn_output(mixed)
        normed = self.ffn_norm(x)
        return x + self.ffn_down(F.silu(self.ffn_gate(normed)) * self.ffn_up(normed))


class Llama(nn.Module):
    """The whole model; `forward` gives logits for every position."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.token_embd = nn.Embedding(config.vocab, config.width)
        self.blk = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.output_norm = RMSNorm(config.width, config.epsilon)
        head = config.width // config.heads
        frequencies = config.rope_base ** (-torch.arange(0, head, 2).float() / head)
        angles = torch.arange(config.context).float()[:, None] * frequencies
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)

    def initialise(self) -> None:
        """Normal weights; what is added to the stream starts smaller, by depth."""
        for name, weight in self.named_parameters():
            if weight.dim() < 2:
                continue
            residual = name.endswith(("attn_output.weight", "ffn_down.weight"))
            nn.init.normal_(weight, std=0.02 / math.sqrt(2 * self.config.layers) if residual else 0.02)

    def forward(self, ids: Tensor, segments: Tensor | None = None) -> Tensor:
        return self.head(self.trunk(ids, segments))

    def trunk(self, ids: Tensor, segments: Tensor | None = None) -> Tensor:
        """Final hidden states; tokens see earlier tokens of their own segment only."""
        length = ids.shape[1]
        allowed = torch.ones(length, length, dtype=torch.bool).tril()
        if segments is not None:
            allowed = allowed & (segments[:, None, :, None] == segments[:, None, None, :])
        mask = torch.zeros(allowed.shape).masked_fill_(~allowed, float("-inf"))
        x = self.token_embd(ids)
        for block in self.blk:
            x = block(x, self.cos[:length], self.sin[:length], mask)
        return self.output_norm(x)

    def head(self, hidden: Tensor) -> Tensor:
        """Logits, by the tied embedding."""
        return hidden @ self.token_embd.weight.T

    def save(self, path: Path) -> None:
        """Write configuration and weights."""
        torch.save({"config": asdict(self.config), "weights": self.state_dict()}, path)

    @classmethod
    def load(cls, path: Path) -> "Llama":
        """Read what `save` wrote."""
        stored = torch.load(path)
        model = cls(Config(**stored["config"]))
        model.load_state_dict(stored["weights"])
        return model
