"""Perplexity of a model on the held-out documents."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import torch
from torch.nn import functional as F

from model import Llama
from pack import IGNORED, read_documents
from tokenizer import Tokenizer


@torch.no_grad()
def perplexity(model: Llama, corpus: Path, tokenizer: Tokenizer, answers_only: bool) -> tuple[float, int]:
    """Perplexity per predicted token, and how many tokens were predicted."""
    loss, count = 0.0, 0
    for ids, targets in read_documents(corpus, tokenizer, answers_only):
        logits = model(torch.tensor([ids]))[0]
        wanted = torch.tensor(targets)
        loss += F.cross_entropy(logits, wanted, ignore_index=IGNORED, reduction="sum").item()
        count += int((wanted != IGNORED).sum())
    return math.exp(loss / count), count


def main() -> None:
    """Measure all tokens, then the answers alone."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    model, tokenizer = Llama.load(args.model), Tokenizer.load(args.tokenizer)
    for label, answers_only in (("all tokens", False), ("answers", True)):
        value, count = perplexity(model, args.corpus, tokenizer, answers_only)
        print(f"perplexity on {label}: {value:.3f} over {count} tokens")


if __name__ == "__main__":
    main()
