"""Autoregressive training, shared by pre-training (`train.py`) and tuning (`tune.py`)."""

from __future__ import annotations

import argparse
import random
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from model import Config, Llama
from pack import IGNORED, pack, read_documents
from tokenizer import Tokenizer


@dataclass(frozen=True)
class Schedule:
    """Learning rates and steps: linear warm-up, constant, linear decay to zero."""

    steps: int
    warmup: int
    decay: int
    matrix_rate: float
    vector_rate: float

    def scale(self, step: int) -> float:
        """Factor on the learning rates at a step."""
        return min(1.0, (step + 1) / max(1, self.warmup), (self.steps - step) / max(1, self.decay))


class Muon(torch.optim.Optimizer):
    """Momentum whose update is orthogonalised by Newton-Schulz steps, for matrices."""

    def __init__(self, params: list[Tensor], lr: float, momentum: float = 0.95, weight_decay: float = 0.01) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self) -> None:
        """Update every matrix that has a gradient."""
        for group in self.param_groups:
            for weight in group["params"]:
                state = self.state[weight]
                buffer = state.setdefault("momentum", torch.zeros_like(weight))
                buffer.lerp_(weight.grad, 1 - group["momentum"])
                update = orthogonalise(weight.grad.lerp(buffer, group["momentum"]))
                stretch = max(1.0, weight.shape[0] / weight.shape[1]) ** 0.5
                weight.mul_(1 - group["lr"] * group["weight_decay"])
                weight.add_(update, alpha=-group["lr"] * stretch)


def orthogonalise(matrix: Tensor, steps: int = 5) -> Tensor:
    """Bring all singular values of a matrix near one."""
    wide = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    x = wide / (wide.norm() + 1e-7)
    for _ in range(steps):
        gram = x @ x.T
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return x.T if matrix.shape[0] > matrix.shape[1] else x


def batches(rows: dict[int, np.ndarray], tokens: int, seed: int) -> Iterator[np.ndarray]:
    """Endless batches of about `tokens` tokens, reshuffled every epoch."""
    shuffler = random.Random(seed)
    while True:
        epoch: list[tuple[int, np.ndarray]] = []
        for length, array in rows.items():
            order = list(range(len(array)))
            shuffler.shuffle(order)
            size = tokens // length
            epoch += [(length, np.array(order[i : i + size])) for i in range(0, len(order) - size + 1, size)]
        shuffler.shuffle(epoch)
        for length, chosen in epoch:
            yield rows[length][chosen]


def loss_of(model: Llama, batch: np.ndarray) -> Tensor:
    """Mean cross-entropy over the trained positions of a batch."""
    ids, targets, segments = torch.from_numpy(batch.astype(np.int64)).unbind(1)
    hidden = model.trunk(ids, segments)
    wanted = targets != IGNORED
    return F.cross_entropy(model.head(hidden[wanted]), targets[wanted])


def fit(model: Llama, rows: dict[int, np.ndarray], schedule: Schedule, tokens: int, seed: int, checkpoint: Path) -> None:
    """Train in place; resumes from the checkpoint where one is left."""
    blocks = [p for name, p in model.named_parameters() if p.dim() == 2 and name.startswith("blk.")]
    others = [p for name, p in model.named_parameters() if not (p.dim() == 2 and name.startswith("blk."))]
    muon = Muon(blocks, lr=schedule.matrix_rate)
    adam = torch.optim.AdamW(others, lr=schedule.vector_rate, betas=(0.9, 0.98), weight_decay=0.0)
    first = 0
    if checkpoint.exists():
        stored = torch.load(checkpoint)
        model.load_state_dict(stored["model"])
        muon.load_state_dict(stored["muon"])
        adam.load_state_dict(stored["adam"])
        first = stored["step"]
    started, average = time.monotonic(), None
    for step, batch in zip(range(schedule.steps), batches(rows, tokens, seed)):
        if step < first:
            continue
        for optimiser, rate in ((muon, schedule.matrix_rate), (adam, schedule.vector_rate)):
            for group in optimiser.param_groups:
                group["lr"] = rate * schedule.scale(step)
        loss = loss_of(model, batch)
        model.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(others, 1.0)
        muon.step()
        adam.step()
        average = loss.item() if average is None else 0.95 * average + 0.05 * loss.item()
        if (step + 1) % 50 == 0:
            speed = (step + 1 - first) * tokens / (time.monotonic() - started)
            print(f"step {step + 1} loss {average:.4f} tokens/s {speed:.0f}", flush=True)
        if (step + 1) % 250 == 0:
            state = {"model": model.state_dict(), "muon": muon.state_dict(), "adam": adam.state_dict(), "step": step + 1}
            torch.save(state, checkpoint)


def main() -> None:
    """Pre-train on every token of the corpus."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--decay", type=int, default=0)
    parser.add_argument("--batch-tokens", type=int, default=2048)
    parser.add_argument("--seed", type=int, default=20)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    tokenizer = Tokenizer.load(args.tokenizer)
    rows = pack(read_documents(args.corpus, tokenizer, answers_only=False))
    print({length: len(array) for length, array in rows.items()}, "rows", flush=True)
    model = Llama(Config(vocab=tokenizer.size))
    model.initialise()
    print(sum(p.numel() for p in model.parameters()), "parameters", flush=True)
    schedule = Schedule(args.steps, warmup=100, decay=args.decay, matrix_rate=0.02, vector_rate=0.004)
    fit(model, rows, schedule, args.batch_tokens, args.seed, args.out.with_suffix(".resume"))
    model.save(args.out)


if __name__ == "__main__":
    main()
