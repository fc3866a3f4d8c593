# SPDX-License-Identifier: Apache-2.0
"""Trains the tiny byte-level tokenizer beside this file on two sentences.

Run: python make_fixtures.py    (tokenizers, transformers)

tokenizer/ has GPT-2's two files, tokenizer-json/ the one file of the same tokenizer; expected.json
has the ids that the reference implementation gives, read from the two files.
"""
import json
import pathlib

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GPT2Tokenizer

HERE = pathlib.Path(__file__).parent
TEXT = [
    "A stream of tokens flows through the model, and the model turns the tokens into activations.",
    "The encoder reads the activations; the features of the stream are what the encoder finds.",
]
SAMPLES = [
    "the stream of features",
    "  Two  spaces,\n\n\ttabs and 12345 -- isn't it?",
    "ünïcode 🙂 日本",
    "before<|endoftext|> after",
    "# # hash",
    "",
]


def main():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=["<|endoftext|>"], show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()))
    tokenizer.train_from_iterator(TEXT, trainer)
    tokenizer.model.save(str(HERE / "tokenizer"))
    tokenizer.save(str(HERE / "tokenizer-json" / "tokenizer.json"))
    reference = GPT2Tokenizer(
        str(HERE / "tokenizer" / "vocab.json"), str(HERE / "tokenizer" / "merges.txt"))
    expected = [{"text": s, "ids": reference.encode(s)} for s in SAMPLES]
    (HERE / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main()
