"""Instruction tuning: the pre-trained model learns from the answers alone.

The learning rate, constant before, decays to zero over this phase.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from model import Llama
from pack import pack, read_documents
from tokenizer import Tokenizer
from train import Schedule, fit


def main() -> None:
    """Tune on fresh documents, with the loss on answers and their ends only."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True, help="the pre-trained model")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=1700)
    parser.add_argument("--batch-tokens", type=int, default=2048)
    parser.add_argument("--seed", type=int, default=21)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    rows = pack(read_documents(args.corpus, Tokenizer.load(args.tokenizer), answers_only=True))
    model = Llama.load(args.model)
    schedule = Schedule(args.steps, warmup=10, decay=args.steps, matrix_rate=0.02, vector_rate=0.004)
    fit(model, rows, schedule, args.batch_tokens, args.seed, args.out.with_suffix(".resume"))
    model.save(args.out)


if __name__ == "__main__":
    main()
