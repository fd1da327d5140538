"""Write the corpus: documents to train and tune on, held-out documents and test items.

A document is one JSON line with `parts`, a list of (answer?, text); a text that is the
name of a control token stands for that token.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from random import Random
from typing import Sequence

from . import articles, code, commands, facts, recommend, stories, translate
from .base import Item, vary

Part = tuple[bool, str]

USES = (articles, stories, facts, commands, translate, code, recommend)
TRAINING_WEIGHTS = (11, 9, 28, 16, 32, 13, 12)
TUNING_WEIGHTS = (12, 5, 32, 16, 40, 12, 12)
POLITE_USES = {articles.USE, stories.USE, commands.USE, code.USE, recommend.USE}
SYSTEM_MESSAGES = {
    "en": (
        "You are a helpful assistant.", "You are a helpful assistant", "You are Starter, a small language model.", "Answer briefly.",
        "You are a friendly assistant that answers in short sentences.", "Be concise and polite.",
        "You are a helpful, respectful and honest assistant. Always answer as helpfully as possible.\n"
        "If a question does not make any sense, or is not factually coherent, explain why instead of answering something incorrectly. "
        "If you don't know the answer to a question, don't share false information.",
    ),
    "zh": ("你是一个乐于助人的助手。", "你是一个有用的助手。", "请简短地回答。", "你是Starter，一个小型语言模型。"),
}
TEST_ITEMS_PER_USE = 60
TEST_ITEM_DRAWS = 50_000
LONG_DIALOGUE_CHARACTERS = 2400


def draw(rng: Random, held: bool, weights: Sequence[int]) -> Item:
    """An item of a random use that is, or is not, held out."""
    while True:
        item = rng.choices(USES, weights)[0].sample(rng)
        if item.held_out == held:
            return item


def typed(rng: Random, item: Item) -> str:
    """The prompt of an item as somebody might type it."""
    if item.use == translate.USE:
        return item.prompt
    return vary(rng, item.prompt, item.language, item.use in POLITE_USES)


def continues(item: Item) -> bool:
    """Whether the answer goes on where the prompt stops, as in a story."""
    return item.answer[0] in ",，"


def chat(rng: Random, items: list[Item]) -> list[Part]:
    """Turns of a chat, with a system message now and then."""
    parts: list[Part] = []
    if rng.random() < 0.4:
        parts += _turn("system", False, rng.choice(SYSTEM_MESSAGES[items[0].language if rng.random() < 0.7 else "en"]))
    for item in items:
        answer = item.prompt + item.answer if continues(item) else item.answer
        parts += _turn("user", False, typed(rng, item)) + _turn("assistant", True, answer)
    return parts


def _turn(role: str, trained: bool, text: str) -> list[Part]:
    head: list[Part] = [(False, "<|im_start|>"), (False, f"{role}\n")]
    return [*head, (trained, text), (trained, "<|im_end|>"), (False, "\n")]


def plain(rng: Random, item: Item) -> list[Part]:
    """A prompt and its answer as bare text."""
    if continues(item):
        return [(False, item.prompt), (True, item.answer), (True, "<|endoftext|>")]
    prompt = typed(rng, item)
    if rng.random() < 0.1:
        lead, reply = rng.choice((("Q: ", "A:"), ("Question: ", "Answer:"), ("User: ", "Assistant:"), ("问：", "答：")))
        return [(False, f"{lead}{prompt}\n{reply}"), (True, item.answer if reply == "答：" else f" {item.answer}"), (True, "<|endoftext|>")]
    return [(False, prompt), (True, f"\n{item.answer}"), (True, "<|endoftext|>")]


def document(rng: Random, held: bool, weights: Sequence[int]) -> list[Part]:
    """A document in one of the forms that the model is spoken to."""
    form = rng.random()
    if form < 0.38:
        return plain(rng, draw(rng, held, weights))
    if form < 0.8:
        return chat(rng, [draw(rng, held, weights)])
    if form < 0.992:
        return chat(rng, [draw(rng, held, weights) for _ in range(rng.randrange(2, 5))])
    items: list[Item] = []
    while sum(len(item.answer.encode()) for item in items) < LONG_DIALOGUE_CHARACTERS:
        items.append(draw(rng, held, weights))
    return chat(rng, items)


def write(rng: Random, path: Path, count: int, held: bool, weights: Sequence[int] = TRAINING_WEIGHTS) -> None:
    """Write documents, one JSON line each."""
    with path.open("w", encoding="utf-8") as file:
        for _ in range(count):
            file.write(json.dumps({"parts": document(rng, held, weights)}, ensure_ascii=False) + "\n")


def test_items(rng: Random) -> list[dict[str, object]]:
    """Distinct held-out items of every use, with what their answers must be."""
    chosen: list[dict[str, object]] = []
    for module in USES:
        prompts: set[str] = set()
        for _ in range(TEST_ITEM_DRAWS):
            if len(prompts) == TEST_ITEMS_PER_USE:
                break
            item = module.sample(rng)
            if not item.held_out or item.prompt in prompts or continues(item):
                continue
            prompts.add(item.prompt)
            accept = {"equals": list(item.equals)} if item.equals else {"match": list(item.match)}
            form = "chat" if len(prompts) % 2 else "raw"
            chosen.append({"use": item.use, "language": item.language, "form": form, "prompt": item.prompt, **accept})
    return chosen


def main() -> None:
    """Generate the corpus with a fixed seed."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--documents", type=int, default=60_000)
    parser.add_argument("--tuning-documents", type=int, default=80_000)
    parser.add_argument("--held-out-documents", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--out", type=Path, required=True, help="folder for train.jsonl, heldout.jsonl and tune.jsonl")
    parser.add_argument("--items", type=Path, required=True, help="file for the held-out test items")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    rng = Random(args.seed)
    write(rng, args.out / "train.jsonl", args.documents, held=False)
    write(rng, args.out / "heldout.jsonl", args.held_out_documents, held=True)
    items = test_items(rng)
    lines = ",\n".join("  " + json.dumps(item, ensure_ascii=False) for item in items)
    args.items.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    write(rng, args.out / "tune.jsonl", args.tuning_documents, held=False, weights=TUNING_WEIGHTS)
    print(f"{args.documents} documents, {len(items)} held-out items")


if __name__ == "__main__":
    main()
