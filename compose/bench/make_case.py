#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes a case: a random GPT-2 of any size with a tokenizer, a random TopK autoencoder, and tokens.

    make_case.py --dir CASE                         # GPT-2 small, 32,768 latents, k 32, 204,800 tokens

    CASE/model/      config.json, model.safetensors, vocab.json, merges.txt
    CASE/sae/        a sparsify autoencoder: cfg.json, sae.safetensors
    CASE/tokens.npy  int32 [sequences, context]
    CASE/case.json   what it is
"""

import argparse
import json
import pathlib

import numpy as np
import torch
from safetensors.torch import save_file

from peers import HookedGpt2, TopKEncoder

LONGEST_PIECE = 8  # characters of a token
CALIBRATION = 32  # sequences that the autoencoder's centre is the mean of

torch.set_grad_enabled(False)


def write_model(folder: pathlib.Path, layers: int, width: int, heads: int, vocabulary: int, context: int) -> None:
    def matrix(rows: int, columns: int, scale: float) -> torch.Tensor:
        return torch.randn(rows, columns) * scale

    def vector(size: int, mean: float = 0.0) -> torch.Tensor:
        return mean + 0.05 * torch.randn(size)

    # Each matrix keeps the size of what it is given, so that every block changes the stream by about as much.
    tensors = {"wte.weight": matrix(vocabulary, width, 0.5), "wpe.weight": matrix(context, width, 0.1)}
    for layer in range(layers):
        for name, rows, columns in (("attn.c_attn", width, 3 * width), ("attn.c_proj", width, width),
                                    ("mlp.c_fc", width, 4 * width), ("mlp.c_proj", 4 * width, width)):
            tensors[f"h.{layer}.{name}.weight"] = matrix(rows, columns, rows ** -0.5)
            tensors[f"h.{layer}.{name}.bias"] = vector(columns)
        for name in ("ln_1", "ln_2"):
            tensors[f"h.{layer}.{name}.weight"] = vector(width, 1.0)
            tensors[f"h.{layer}.{name}.bias"] = vector(width)
    tensors["ln_f.weight"], tensors["ln_f.bias"] = vector(width, 1.0), vector(width)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    config = dict(model_type="gpt2", architectures=["GPT2Model"], activation_function="gelu_new", n_layer=layers, n_embd=width,
                  n_head=heads, n_positions=context, n_ctx=context, vocab_size=vocabulary, layer_norm_epsilon=1e-5,
                  bos_token_id=vocabulary - 1, eos_token_id=vocabulary - 1)
    (folder / "config.json").write_text(json.dumps(config, indent=1))


def byte_symbols() -> list[str]:
    """The 256 characters that stand for bytes in GPT-2's vocabulary: printable ones for themselves, the rest from U+0100 on."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return [chr(byte) for byte in printable] + [chr(256 + i) for i in range(len(others))]


def write_tokenizer(folder: pathlib.Path, size: int, rng: np.random.Generator) -> None:
    """Byte-level BPE of invented words, so that tokens are written as text and take the time that this takes."""
    space = chr(256 + 32)  # the byte 0x20 in GPT-2's alphabet
    vocabulary = byte_symbols()
    known = set(vocabulary)
    pieces = [chr(letter) for letter in range(ord("a"), ord("z") + 1)] + [space]
    merges = []
    while len(vocabulary) < size - 1:
        for first, second in rng.integers(len(pieces), size=(size, 2)):
            left, right = pieces[first], pieces[second]
            word = left + right
            if len(word) <= LONGEST_PIECE and space not in right and word not in known and len(vocabulary) < size - 1:
                known.add(word)
                vocabulary.append(word)
                pieces.append(word)
                merges.append(f"{left} {right}")
    vocabulary.append("<|endoftext|>")
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(vocabulary)}))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")


def write_sae(folder: pathlib.Path, latents: int, k: int, center: torch.Tensor) -> None:
    """Unit-norm random encoder rows, small biases, and the decoder that sparsify begins with: the encoder."""
    width = len(center)
    encoder = torch.nn.functional.normalize(torch.randn(latents, width), dim=1)
    folder.mkdir(parents=True, exist_ok=True)
    save_file({"encoder.weight": encoder, "encoder.bias": 0.05 * torch.randn(latents),
               "W_dec": encoder.clone(), "b_dec": center}, folder / "sae.safetensors")
    config = dict(activation="topk", num_latents=latents, k=k, d_in=width, normalize_decoder=True, multi_topk=False,
                  skip_connection=False, transcode=False)
    (folder / "cfg.json").write_text(json.dumps(config, indent=1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dir", required=True)
    parser.add_argument("--hook", default="blocks.8.hook_resid_post", help="a resid_post")
    for name, default in dict(layers=12, width=768, heads=12, vocabulary=50257, context=256, tokens=204800,
                              latents=32768, k=32, seed=1).items():
        parser.add_argument("--" + name, type=int, default=default)
    parser.add_argument("--sae-only", metavar="NAME", help="add another autoencoder, CASE/NAME, to a case that is there")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    case = pathlib.Path(args.dir)

    if args.sae_only:
        center = TopKEncoder(case / "sae").center
        write_sae(case / args.sae_only, args.latents, args.k, center)
        return

    layer = int(args.hook.split(".")[1])
    if args.hook != f"blocks.{layer}.hook_resid_post" or layer >= args.layers:
        raise SystemExit(f"--hook: {args.hook} (expected: blocks.L.hook_resid_post, L below {args.layers})")
    if case.exists() and any(case.iterdir()):
        raise SystemExit(f"--dir: {case} is not empty (expected: a new folder)")
    rng = np.random.default_rng(args.seed)
    write_model(case / "model", args.layers, args.width, args.heads, args.vocabulary, args.context)
    write_tokenizer(case / "model", args.vocabulary, rng)

    # Ids by Zipf's law, in no order of frequency: some features fire often, most seldom.
    share = 1 / np.arange(1, args.vocabulary + 1)
    ids = rng.permutation(args.vocabulary)
    tokens = ids[rng.choice(args.vocabulary, size=(args.tokens // args.context, args.context), p=share / share.sum())]
    np.save(case / "tokens.npy", tokens.astype(np.int32))

    sample = torch.from_numpy(tokens[:CALIBRATION].astype(np.int64))
    activations = HookedGpt2(case / "model", layer, torch.float32, up_to_hook=True)(sample).flatten(0, 1)
    write_sae(case / "sae", args.latents, args.k, activations.mean(0))
    latents = TopKEncoder(case / "sae").dense(activations)
    fired = (latents > 0).sum(0)
    about = {name: value for name, value in vars(args).items() if name not in ("dir", "sae_only")}
    (case / "case.json").write_text(json.dumps(about, indent=1))
    print(f"{case}: {tokens.size:,} tokens; over the first {len(activations):,}, {latents.count_nonzero() / len(activations):.1f} latents a token, "
          f"{(fired > 0).sum():,} of {args.latents:,} fired, the most frequent at {fired.max() / len(activations):.1%} of the tokens")


if __name__ == "__main__":
    main()
