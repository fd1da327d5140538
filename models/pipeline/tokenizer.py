"""Byte-level BPE tokenizer: training, encoding and decoding.

The pre-tokenisation pattern and the byte alphabet are those that llama.cpp uses for
`tokenizer.ggml.model = "gpt2"` with `tokenizer.ggml.pre = "qwen2"`, so that both sides
produce the same ids. Every byte has a token of its own: any text can be encoded, and
decoding gives it back exactly.
"""

from __future__ import annotations

import argparse
import heapq
import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Iterable

import regex

PATTERN = regex.compile(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
    r"|[^\r\n\p{L}\p{N}]?\p{L}+"
    r"|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+"
    r"|\s+(?!\S)"
    r"|\s+"
)
IM_START, IM_END, END_OF_TEXT = "<|im_start|>", "<|im_end|>", "<|endoftext|>"
CONTROL_TOKENS = (END_OF_TEXT, IM_START, IM_END)
MAX_ASCII_BYTES = 14
MAX_OTHER_BYTES = 6

Pair = tuple[int, int]


def byte_alphabet() -> list[str]:
    """The printable character that stands for each byte in a GPT-2 style vocabulary."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    alphabet = [""] * 256
    for byte in printable:
        alphabet[byte] = chr(byte)
    for index, byte in enumerate(b for b in range(256) if b not in set(printable)):
        alphabet[byte] = chr(256 + index)
    return alphabet


class Tokenizer:
    """Ids 0-255 are the bytes, then one id per merge, then the control tokens."""

    def __init__(self, merges: list[Pair]) -> None:
        self.merges = merges
        self.ranks = {pair: rank for rank, pair in enumerate(merges)}
        self.pieces = [bytes([byte]) for byte in range(256)]
        for left, right in merges:
            self.pieces.append(self.pieces[left] + self.pieces[right])
        self.control = {name: len(self.pieces) + i for i, name in enumerate(CONTROL_TOKENS)}
        self.size = len(self.pieces) + len(CONTROL_TOKENS)
        self._cache: dict[str, list[int]] = {}

    @classmethod
    def load(cls, path: Path) -> "Tokenizer":
        """Read a tokenizer that `save` wrote."""
        return cls([tuple(pair) for pair in json.loads(path.read_text())["merges"]])

    def save(self, path: Path) -> None:
        """Write the merges, from which all else follows."""
        path.write_text(json.dumps({"merges": self.merges}))

    def encode(self, text: str) -> list[int]:
        """Ids of a text; control tokens cannot be spelled by text."""
        ids: list[int] = []
        for word in PATTERN.findall(text):
            cached = self._cache.get(word)
            if cached is None:
                cached = self._cache[word] = self._merge(list(word.encode("utf-8")))
            ids.extend(cached)
        return ids

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ids; control tokens have none."""
        pieces = (self.pieces[i] for i in ids if i < len(self.pieces))
        return b"".join(pieces).decode("utf-8", errors="replace")

    def _merge(self, ids: list[int]) -> list[int]:
        while len(ids) > 1:
            ranked = [(self.ranks.get(pair, len(self.ranks)), i) for i, pair in enumerate(zip(ids, ids[1:]))]
            rank, at = min(ranked)
            if rank == len(self.ranks):
                break
            ids[at : at + 2] = [256 + rank]
        return ids


def train(texts: Iterable[str], size: int) -> Tokenizer:
    """Learn merges until the vocabulary, control tokens included, has `size` entries."""
    counts = Counter(word for text in texts for word in PATTERN.findall(text))
    words = [list(word.encode("utf-8")) for word in counts]
    weights = list(counts.values())
    pieces = [bytes([byte]) for byte in range(256)]
    pair_counts: Counter[Pair] = Counter()
    pair_words: defaultdict[Pair, set[int]] = defaultdict(set)
    for index, word in enumerate(words):
        for pair in zip(word, word[1:]):
            pair_counts[pair] += weights[index]
            pair_words[pair].add(index)
    heap = [(-count, pair) for pair, count in pair_counts.items()]
    heapq.heapify(heap)
    merges: list[Pair] = []
    while heap and len(pieces) + len(CONTROL_TOKENS) < size:
        count, pair = heapq.heappop(heap)
        if -count != pair_counts[pair] or count == 0:
            continue
        merged = pieces[pair[0]] + pieces[pair[1]]
        if len(merged) > (MAX_ASCII_BYTES if merged.isascii() else MAX_OTHER_BYTES):
            continue
        new_id = len(pieces)
        pieces.append(merged)
        merges.append(pair)
        changed: set[Pair] = set()
        for index in pair_words.pop(pair):
            old = words[index]
            new = _replace(old, pair, new_id)
            for before in zip(old, old[1:]):
                pair_counts[before] -= weights[index]
                changed.add(before)
            for after in zip(new, new[1:]):
                pair_counts[after] += weights[index]
                pair_words[after].add(index)
                changed.add(after)
            words[index] = new
        for other in sorted(changed - {pair}):
            if pair_counts[other] > 0:
                heapq.heappush(heap, (-pair_counts[other], other))
    return Tokenizer(merges)


def _replace(word: list[int], pair: Pair, new_id: int) -> list[int]:
    out: list[int] = []
    i = 0
    while i < len(word):
        if i + 1 < len(word) and (word[i], word[i + 1]) == pair:
            out.append(new_id)
            i += 2
        else:
            out.append(word[i])
            i += 1
    return out


def main() -> None:
    """Train on the text of a corpus file and write the tokenizer."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--size", type=int, default=4096)
    parser.add_argument("--documents", type=int, default=40_000, help="documents of the corpus to learn from")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    texts: list[str] = []
    with args.corpus.open(encoding="utf-8") as lines:
        for _, line in zip(range(args.documents), lines):
            texts.extend(text for _, text in json.loads(line)["parts"])
    tokenizer = train(texts, args.size)
    tokenizer.save(args.out)
    chinese = [c for text in texts[:20_000] for c in regex.findall(r"\p{Han}+", text)]
    ratio = sum(len(tokenizer.encode(c)) for c in chinese) / max(1, sum(map(len, chinese)))
    print(f"vocabulary {tokenizer.size}, tokens per Chinese character {ratio:.3f}")


if __name__ == "__main__":
    main()
