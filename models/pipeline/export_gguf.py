"""Write a model and its tokenizer as one GGUF file that llama.cpp runs."""

from __future__ import annotations

import argparse
import struct
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from model import Llama
from tokenizer import CONTROL_TOKENS, END_OF_TEXT, IM_END, Tokenizer, byte_alphabet

ALIGNMENT = 32
UINT32, FLOAT32, BOOL, STRING, ARRAY, INT32 = 4, 6, 7, 8, 9, 5
TYPE_F32, TYPE_Q8_0 = 0, 8
FILE_TYPE_Q8_0 = 7
TOKEN_NORMAL, TOKEN_CONTROL = 1, 3
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def metadata(model: Llama, tokenizer: Tokenizer) -> list[tuple[str, int, Any]]:
    """Everything the file says about the model: architecture, tokenizer, chat template."""
    config = model.config
    alphabet = byte_alphabet()
    spelled = ["".join(alphabet[byte] for byte in piece) for piece in tokenizer.pieces]
    kinds = [TOKEN_NORMAL] * len(spelled) + [TOKEN_CONTROL] * len(CONTROL_TOKENS)
    end = tokenizer.control[END_OF_TEXT]
    return [
        ("general.architecture", STRING, "llama"),
        ("general.name", STRING, "Starter"),
        ("general.file_type", UINT32, FILE_TYPE_Q8_0),
        ("general.quantization_version", UINT32, 2),
        ("llama.context_length", UINT32, config.context),
        ("llama.embedding_length", UINT32, config.width),
        ("llama.block_count", UINT32, config.layers),
        ("llama.feed_forward_length", UINT32, config.hidden),
        ("llama.attention.head_count", UINT32, config.heads),
        ("llama.attention.head_count_kv", UINT32, config.heads),
        ("llama.attention.layer_norm_rms_epsilon", FLOAT32, config.epsilon),
        ("llama.rope.dimension_count", UINT32, config.width // config.heads),
        ("llama.rope.freq_base", FLOAT32, config.rope_base),
        ("llama.vocab_size", UINT32, config.vocab),
        ("tokenizer.ggml.model", STRING, "gpt2"),
        ("tokenizer.ggml.pre", STRING, "qwen2"),
        ("tokenizer.ggml.tokens", ARRAY, (STRING, [*spelled, *CONTROL_TOKENS])),
        ("tokenizer.ggml.token_type", ARRAY, (INT32, kinds)),
        ("tokenizer.ggml.merges", ARRAY, (STRING, [f"{spelled[left]} {spelled[right]}" for left, right in tokenizer.merges])),
        ("tokenizer.ggml.bos_token_id", UINT32, end),
        ("tokenizer.ggml.eos_token_id", UINT32, tokenizer.control[IM_END]),
        ("tokenizer.ggml.eot_token_id", UINT32, tokenizer.control[IM_END]),
        ("tokenizer.ggml.padding_token_id", UINT32, end),
        ("tokenizer.ggml.add_bos_token", BOOL, False),
        ("tokenizer.chat_template", STRING, CHAT_TEMPLATE),
    ]


def quantise(weights: np.ndarray) -> bytes:
    """Q8_0: blocks of 32 weights as one half-precision scale and 32 signed bytes."""
    blocks = weights.astype(np.float32).reshape(-1, 32)
    scales = np.abs(blocks).max(1, keepdims=True) / 127
    inverse = np.divide(1, scales, out=np.zeros_like(scales), where=scales > 0)
    stored = np.empty(len(blocks), dtype=[("scale", "<f2"), ("values", "i1", 32)])
    stored["scale"] = scales[:, 0]
    stored["values"] = np.rint(blocks * inverse)
    return stored.tobytes()


def tensors(model: Llama) -> list[tuple[str, tuple[int, ...], int, bytes]]:
    """Name, shape, type and bytes of every tensor; vectors stay in single precision."""
    written: list[tuple[str, tuple[int, ...], int, bytes]] = []
    for name, parameter in model.named_parameters():
        weights = parameter.detach().numpy()
        if weights.ndim == 1:
            written.append((name, weights.shape, TYPE_F32, weights.astype("<f4").tobytes()))
        else:
            written.append((name, weights.shape, TYPE_Q8_0, quantise(weights)))
    return written


def _string(text: str) -> bytes:
    encoded = text.encode("utf-8")
    return struct.pack("<Q", len(encoded)) + encoded


def _value(kind: int, value: Any) -> bytes:
    if kind == STRING:
        return _string(value)
    if kind == ARRAY:
        element, items = value
        return struct.pack("<IQ", element, len(items)) + b"".join(_value(element, item) for item in items)
    return struct.pack({UINT32: "<I", INT32: "<i", FLOAT32: "<f", BOOL: "<?"}[kind], value)


def _padding(size: int) -> bytes:
    return b"\0" * (-size % ALIGNMENT)


def write(file: BinaryIO, model: Llama, tokenizer: Tokenizer) -> None:
    """Header, metadata, tensor table and tensor data, in GGUF version 3."""
    pairs, blobs = metadata(model, tokenizer), tensors(model)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(blobs), len(pairs))
    head += b"".join(_string(key) + struct.pack("<I", kind) + _value(kind, value) for key, kind, value in pairs)
    offset = 0
    for name, shape, kind, blob in blobs:
        head += _string(name) + struct.pack(f"<I{len(shape)}Q", len(shape), *reversed(shape)) + struct.pack("<IQ", kind, offset)
        offset += len(blob) + len(_padding(len(blob)))
    file.write(head + _padding(len(head)))
    for _, _, _, blob in blobs:
        file.write(blob + _padding(len(blob)))


def main() -> None:
    """Export a trained model."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    with args.out.open("wb") as file:
        write(file, Llama.load(args.model), Tokenizer.load(args.tokenizer))
    print(f"{args.out}: {args.out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
