"""Turn corpus documents into fixed-length rows of token ids.

A document is a list of (trained, text) parts where the text may be the name of a control
token. Short documents share rows of 256 tokens, long ones rows of 1024; `segments` keeps
them apart in attention, and a `targets` entry of -100 is not trained on.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Iterable, Iterator

import numpy as np

from tokenizer import CONTROL_TOKENS, Tokenizer

IGNORED = -100
ROW_LENGTHS = (256, 1024)
OPEN_ROWS = 48

Document = tuple[list[int], list[int]]


def encode_document(parts: list[tuple[bool, str]], tokenizer: Tokenizer, answers_only: bool) -> Document:
    """Ids of a document and the target that each position is trained to predict."""
    ids: list[int] = []
    trained: list[bool] = []
    for is_trained, text in parts:
        piece = [tokenizer.control[text]] if text in CONTROL_TOKENS else tokenizer.encode(text)
        ids.extend(piece)
        trained.extend([is_trained or not answers_only] * len(piece))
    targets = [token if wanted else IGNORED for token, wanted in zip(ids[1:], trained[1:])]
    return ids, [*targets, IGNORED]


def read_documents(path: Path, tokenizer: Tokenizer, answers_only: bool) -> Iterator[Document]:
    """Encode every document of a corpus file that fits the longest row."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            document = encode_document(json.loads(line)["parts"], tokenizer, answers_only)
            if len(document[0]) <= ROW_LENGTHS[-1]:
                yield document


def pack(documents: Iterable[Document]) -> dict[int, np.ndarray]:
    """Best-fit the documents into rows; per row length an array (rows, 3, length)."""
    done: dict[int, list[np.ndarray]] = {length: [] for length in ROW_LENGTHS}
    open_rows: dict[int, list[list[Document]]] = {length: [] for length in ROW_LENGTHS}
    used = lambda row: sum(len(ids) for ids, _ in row)  # noqa: E731
    for document in documents:
        length = next(size for size in ROW_LENGTHS if len(document[0]) <= size)
        rows = open_rows[length]
        fitting = [row for row in rows if used(row) + len(document[0]) <= length]
        if fitting:
            max(fitting, key=used).append(document)
            continue
        rows.append([document])
        if len(rows) > OPEN_ROWS:
            fullest = max(range(len(rows)), key=lambda i: used(rows[i]))
            done[length].append(_row(rows.pop(fullest), length))
    for length, rows in open_rows.items():
        done[length].extend(_row(row, length) for row in rows)
    return {length: np.stack(rows) for length, rows in done.items() if rows}


def _row(documents: list[Document], length: int) -> np.ndarray:
    row = np.zeros((3, length), dtype=np.int16)
    row[1] = IGNORED
    at = 0
    for segment, (ids, targets) in enumerate(documents, start=1):
        row[0, at : at + len(ids)] = ids
        row[1, at : at + len(ids)] = targets
        row[2, at : at + len(ids)] = segment
        at += len(ids)
    return row
