#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the data of feature dashboards the way SAEDashboard does, written anew.

    saedashboard_way.py --case CASE --tokens N --out DIR [--batch 32] [--features 128] [--feature-batches 3] [--window 64]

Once: the model over all tokens, each minibatch's activations saved to disk. Then for every batch of features: all activations read again,
all latents encoded again (TopK needs them all), the batch's kept as a dense [sequences, context, features]; from it each feature's density,
histogram, strongest tokens and random ones of 5 intervals, with the text around them; a JSON file.

Every batch of features costs the same, so only the first --feature-batches are run; the rest is reckoned at the median of those.
The closing line says how much was not run.
"""

import argparse
import json
import pathlib
import statistics

import torch

from peers import BATCH, Case, HookedGpt2, Stopwatch, TopKEncoder, report

BINS = 50
STRONGEST = 20
INTERVALS = 5
OF_AN_INTERVAL = 5

torch.set_grad_enabled(False)


def cache_activations(model: HookedGpt2, hook: str, minibatches: tuple[torch.Tensor, ...], folder: pathlib.Path) -> None:
    for number, minibatch in enumerate(minibatches):
        torch.save({hook: model(minibatch)}, folder / f"activations_{number}.pt")


def encode_again(encoder: TopKEncoder, hook: str, folder: pathlib.Path, minibatches: int, features: range) -> torch.Tensor:
    """[sequences, context, features]"""
    parts = []
    for number in range(minibatches):
        activations = torch.load(folder / f"activations_{number}.pt")[hook]
        latents = encoder.dense(activations.flatten(0, 1)).unflatten(0, activations.shape[:2])
        parts.append(latents[:, :, features.start : features.stop].clone())
    return torch.cat(parts)


def at(flat: torch.Tensor, context: int) -> torch.Tensor:
    """Indices into a flattened [sequences, context] to rows of (sequence, position)."""
    return torch.stack((flat // context, flat % context), dim=1)


def groups(acts: torch.Tensor) -> list[tuple[float, float, float, torch.Tensor]]:
    """(lower, upper, share of tokens, places) of the strongest tokens, then of each interval of [0, max], the highest first."""
    context = acts.shape[1]
    flat = acts.flatten()
    largest = float(flat.max())
    found = [(-1.0, largest, -1.0, at(flat.topk(min(STRONGEST, len(flat))).indices, context))]
    edges = torch.linspace(0, largest, INTERVALS + 1).tolist()
    for lower, upper in reversed(list(zip(edges, edges[1:]))):
        inside = (flat >= lower) & (flat <= upper)
        candidates = inside.nonzero().squeeze(1)
        chosen = candidates[torch.randperm(len(candidates))[:OF_AN_INTERVAL]]
        found.append((lower, upper, float(inside.float().mean()), at(chosen, context)))
    return found


def dashboard(index: int, acts: torch.Tensor, tokens: torch.Tensor, text: list[str], window: int) -> dict:
    """One feature's data; acts and tokens are [sequences, context]."""
    positive = acts[acts > 0]
    edges = torch.linspace(float(positive.min()), float(positive.max()), BINS + 1) if len(positive) else torch.zeros(0)
    heights = torch.histc(positive, BINS) if len(positive) else torch.zeros(0)
    activations = []
    for lower, upper, contains, places in groups(acts):
        begins = (places[:, 1] - window // 2).clamp(0, acts.shape[1] - window)
        columns = begins[:, None] + torch.arange(window)
        shown_tokens = tokens[places[:, :1], columns].tolist()
        shown_acts = acts[places[:, :1], columns].tolist()
        for (_, position), begin, ids, values in zip(places.tolist(), begins.tolist(), shown_tokens, shown_acts):
            activations.append({
                "bin_min": lower, "bin_max": upper, "bin_contains": contains, "qualifying_token_index": position - begin,
                "tokens": [text[token] for token in ids], "values": [round(value, 4) for value in values]})
    return {
        "feature_index": index, "frac_nonzero": len(positive) / acts.numel(),
        "freq_hist_data_bar_values": [round(value, 5) for value in ((edges[:-1] + edges[1:]) / 2).tolist()],
        "freq_hist_data_bar_heights": [int(height) for height in heights.tolist()],
        "activations": activations}


def token_text(model: pathlib.Path) -> list[str]:
    vocabulary = json.loads((model / "vocab.json").read_text())
    return [word.replace("\u0120", " ") for word in sorted(vocabulary, key=vocabulary.get)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", required=True)
    parser.add_argument("--tokens", type=int, required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--batch", type=int, default=BATCH, help="sequences of a minibatch")
    parser.add_argument("--features", type=int, default=128, help="features of a batch")
    parser.add_argument("--feature-batches", type=int, default=3, help="how many of the batches to run; 0 for all")
    parser.add_argument("--window", type=int, default=64, help="tokens that an example shows")
    parser.add_argument("--model-dtype", choices=("float32", "bfloat16"), default="float32")
    args = parser.parse_args()

    torch.manual_seed(0)
    case = Case(args.case)
    tokens = case.tokens(args.tokens)
    text = token_text(case.folder / "model")
    model = HookedGpt2(case.folder / "model", case.layer, getattr(torch, args.model_dtype), up_to_hook=True)
    encoder = TopKEncoder(case.folder / "sae")
    window = min(args.window, tokens.shape[1])
    out = pathlib.Path(args.out)
    cache = out / "cached_activations"
    cache.mkdir(parents=True)

    watch = Stopwatch()
    minibatches = tokens.split(args.batch)
    cache_activations(model, case.hook, minibatches, cache)
    once = watch.read()[0]

    feature_batches = [range(first, min(first + args.features, encoder.latents)) for first in range(0, encoder.latents, args.features)]
    run = feature_batches[: args.feature_batches or None]
    costs = []
    for number, features in enumerate(run):
        of_batch = Stopwatch()
        acts = encode_again(encoder, case.hook, cache, len(minibatches), features)
        data = [dashboard(feature, acts[..., i], tokens, text, window) for i, feature in enumerate(features)]
        (out / f"batch-{number}.json").write_text(json.dumps({"features": data}))
        costs.append(of_batch.read())
    not_run = len(feature_batches) - len(run)
    seconds, cpu_seconds = (not_run * statistics.median(cost) for cost in zip(*costs))
    report(tokens.numel(), watch.read()[0] + seconds, seconds_not_run=seconds, cpu_seconds_not_run=cpu_seconds,
           seconds_of_model=once, seconds_of_feature_batches=[round(wall, 3) for wall, _ in costs],
           feature_batches_not_run=not_run, feature_batches=len(feature_batches))


if __name__ == "__main__":
    main()
