#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Caches latents the way EleutherAI's delphi does, written anew.

    delphi_way.py --case CASE --tokens N --out DIR [--batch 32] [--model-dtype float32|bfloat16] [--up-to-hook]

Batch by batch: the model, the encoder's top k, scattered into a dense [sequences, context, latents], its non-zeros appended to lists.
At the end: everything concatenated, then a mask over all of it and a safetensors file for each of 5 ranges of latents.
"""

import argparse
import pathlib

import numpy as np
import torch
from safetensors.numpy import save_file

from peers import BATCH, Case, HookedGpt2, Stopwatch, TopKEncoder, report

SMALLEST = 1e-5  # |activation| that is kept
SHARDS = 5

torch.set_grad_enabled(False)


def save_shard(file: pathlib.Path, first: int, inside: torch.Tensor, locations: torch.Tensor, activations: torch.Tensor,
               tokens: np.ndarray) -> None:
    places = locations[inside].numpy()
    places[:, 2] -= first
    small = len(places) == 0 or places.max() < 1 << 16
    save_file({"locations": places.astype(np.uint16 if small else np.uint32),
               "activations": activations[inside].half().numpy(), "tokens": tokens}, file)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", required=True)
    parser.add_argument("--tokens", type=int, required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--batch", type=int, default=BATCH, help="sequences")
    parser.add_argument("--model-dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--up-to-hook", action="store_true", help="run no block after the hooked one, which delphi does")
    args = parser.parse_args()

    case = Case(args.case)
    tokens = case.tokens(args.tokens)
    model = HookedGpt2(case.folder / "model", case.layer, getattr(torch, args.model_dtype), args.up_to_hook)
    encoder = TopKEncoder(case.folder / "sae")

    watch = Stopwatch()
    all_locations, all_activations, all_tokens = [], [], []
    for number, batch in enumerate(tokens.split(args.batch)):
        latents = encoder.dense(model(batch).flatten(0, 1)).unflatten(0, batch.shape)
        # The mask is computed twice, as delphi does.
        locations = (latents.abs() > SMALLEST).nonzero()
        activations = latents[latents.abs() > SMALLEST]
        locations[:, 0] += number * args.batch
        all_locations.append(locations)
        all_activations.append(activations)
        all_tokens.append(batch)
    cached = watch.read()[0]

    # Each list goes as soon as its concatenation is there.
    locations = torch.cat(all_locations)
    del all_locations
    activations = torch.cat(all_activations)
    del all_activations, latents
    matrix = torch.cat(all_tokens).numpy()
    folder = pathlib.Path(args.out) / "latents" / f"h.{case.layer}"
    folder.mkdir(parents=True)
    bounds = torch.linspace(0, encoder.latents, SHARDS + 1).long().tolist()
    for first, end in zip(bounds, bounds[1:]):
        inside = (locations[:, 2] >= first) & (locations[:, 2] < end)
        save_shard(folder / f"{first}_{end - 1}.safetensors", first, inside, locations, activations, matrix)
    report(tokens.numel(), watch.read()[0], seconds_of_batches=cached, entries=len(activations))


if __name__ == "__main__":
    main()
