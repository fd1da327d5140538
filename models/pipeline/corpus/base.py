"""What every use shares: items, choices written inline, and the held-out rule."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, field
from random import Random

HELD_OUT_SALT = 20
HELD_OUT_ONE_IN = 20
CELL_BORDER = re.compile(r"\|(?![^\[\]]*\])")
INNERMOST_CHOICE = re.compile(r"\[([^\[\]]*\|[^\[\]]*)\]")


@dataclass(frozen=True)
class Item:
    """A prompt and its answer; `key` names the combination that may be held out."""

    use: str
    language: str
    prompt: str
    answer: str
    key: str
    equals: tuple[str, ...] = ()
    match: tuple[str, ...] = field(default=())

    @property
    def held_out(self) -> bool:
        """Whether the combination is kept out of training."""
        return held_out(f"{self.use}/{self.language}/{self.key}")


def held_out(key: str) -> bool:
    """One combination in twenty, by a checksum that never changes."""
    return zlib.crc32(f"{HELD_OUT_SALT}:{key}".encode()) % HELD_OUT_ONE_IN == 0


def choose(rng: Random, template: str) -> str:
    """Expand every `[one|another]` of a template, innermost first."""
    while found := INNERMOST_CHOICE.search(template):
        template = template[: found.start()] + rng.choice(found[1].split("|")) + template[found.end() :]
    return template


def rows(table: str) -> list[list[str]]:
    """Cells of a table written one row a line, cells parted by `|` outside brackets."""
    return [[cell.strip() for cell in CELL_BORDER.split(line)] for line in table.strip().splitlines()]


def upper_first(text: str) -> str:
    """The text with its first letter in upper case."""
    return text[:1].upper() + text[1:]


def lower_first(text: str) -> str:
    """The text with its first letter in lower case, unless the word is a name or 'I'."""
    return text if text[:2] in ("I ", "I'") else text[:1].lower() + text[1:]


def vary(rng: Random, prompt: str, language: str, polite: bool) -> str:
    """Type a prompt as people do: case, final punctuation and politeness vary."""
    if language == "zh":
        if polite and rng.random() < 0.1 and not prompt.startswith(("请", "帮我", "有")):
            prompt = rng.choice(("请", "请你", "麻烦你")) + prompt
        if rng.random() < 0.3:
            prompt = prompt.rstrip("。？！")
        elif prompt[-1] not in "。？！" and rng.random() < 0.3:
            prompt += "。"
        return prompt
    if polite and rng.random() < 0.08 and not prompt.endswith("?"):
        prompt = rng.choice(("Please ", "Can you ", "Could you ", "Hey, ")) + lower_first(prompt)
    if rng.random() < 0.25:
        prompt = prompt[:1].lower() + prompt[1:]
    elif rng.random() < 0.08:
        prompt = prompt.lower()
    if rng.random() < 0.3:
        prompt = prompt.rstrip(".?!")
    elif prompt[-1] not in ".?!:" and rng.random() < 0.3:
        prompt += "."
    return prompt
