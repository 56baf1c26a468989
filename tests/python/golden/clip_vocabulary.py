"""CLIP's vocabulary in a compact form, and what two tokenizers that are not ours make of some queries with it.

    pip download --no-deps open_clip_torch==3.3.0    # a wheel is a zip: the file and the tokenizer are in its folder open_clip
    python clip_vocabulary.py open_clip/bpe_simple_vocab_16e6.txt.gz open_clip/tokenizer.py

It writes detector-svc/models/clip/merges.bin (see the README there) and tests/golden/clip-tokens.json: queries and their
token identifiers, on which OpenAI's own tokenizer (as open_clip ships it) and transformers' CLIPTokenizer agree.
Packages: transformers, ftfy, regex (open_clip's tokenizer), torch.
"""

import gzip
import importlib.util
import json
import struct
import sys
from pathlib import Path

from transformers import CLIPTokenizer

ROOT = Path(__file__).resolve().parents[3]
# The published models know the first 49,152 - 256 - 2 merges of the file; before them is a line with its version.
MERGES = 49_152 - 256 - 2
QUERIES = [
    "person", "a photo of a person", "Traffic Light", "don't walk", "they're we've I'll she'd he's I'm", "Fahrräder",
    "l'été à 9€", "日本の車", "naïve café", "  two\tspaces \n and lines ", "42 buses, 3 cars", "x-ray/e-bike (red) & blue",
    "hello!", "!", "...", "ÀÉÎ", "ß", "Привет мир", "🚗 car", "supercalifragilisticexpialidocious", "it's", "IT'S", "a_b",
    "1234567890", "ﬁre", "e\u0301te\u0301", "teddy bear", "hair drier", "person's bag", "<|endoftext|> person",
]


def symbols():
    """The 256 symbols that stand for bytes, in the order of their identifiers: printable ones first."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in printable]
    return [chr(byte) for byte in printable] + [chr(256 + number) for number in range(len(others))]


def main(vocabulary, tokenizer):
    lines = gzip.decompress(Path(vocabulary).read_bytes()).decode("utf-8").split("\n")[1:MERGES + 1]
    merges = [tuple(line.split()) for line in lines]
    tokens = symbols()
    tokens += [symbol + "</w>" for symbol in tokens]
    ids = {token: number for number, token in enumerate(tokens)}
    packed = bytearray()
    for left, right in merges:
        packed += struct.pack("<HH", ids[left], ids[right])
        ids.setdefault(left + right, len(ids))
    assert len(ids) == 512 + MERGES, "two merges make one token"
    (ROOT / "detector-svc/models/clip/merges.bin").write_bytes(packed)
    for token in ("<|startoftext|>", "<|endoftext|>"):
        ids[token] = len(ids)

    spec = importlib.util.spec_from_file_location("open_clip_tokenizer", tokenizer)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    ours, theirs = module.SimpleTokenizer(vocabulary), CLIPTokenizer(vocab=ids, merges=merges)
    first, last = ids["<|startoftext|>"], ids["<|endoftext|>"]
    found = {}
    for query in QUERIES:
        one, other = [first, *ours.encode(query), last], theirs(query)["input_ids"]
        if one == other:
            found[query] = one
        else:
            print(f"left out, for the two do not agree: {query!r}: {one}, {other}")
    text = ",\n".join(f"  {json.dumps(query)}: {json.dumps(tokens)}" for query, tokens in found.items())
    (ROOT / "tests/golden/clip-tokens.json").write_text("{\n" + text + "\n}\n")
    print(len(packed), "bytes of merges,", len(found), "queries")


if __name__ == "__main__":
    main(*sys.argv[1:])
