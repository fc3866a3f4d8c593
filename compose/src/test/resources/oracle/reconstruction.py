#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes `reconstruction.json` beside it: L0 and the normalised mean squared error of every case, in PyTorch.

    PYTHONPATH=<folder of oracle.py> python reconstruction.py

Activations and latents are the oracle's, in float32; what they decode to and the errors are float64, by each family's own decode().
"""
import json
import pathlib

import numpy as np
import oracle
import torch
from safetensors.torch import load_file

HERE = pathlib.Path(__file__).parent


def decoder(folder):
    """-> f(latents [tokens, n], x [tokens, d]) = what they decode to [tokens, d], float64."""
    if (folder / "sae.pt").exists():
        s = torch.load(folder / "sae.pt", weights_only=False)
        weight, bias = s["decoder.weight"].double().t(), s["pre_bias"].double()
        if s["activation"] == "TopK":
            return lambda z, x: (z @ weight + bias) * x.std(-1, keepdim=True) + x.mean(-1, keepdim=True)
    else:
        name = "sae.safetensors" if (folder / "sae.safetensors").exists() else "sae_weights.safetensors"
        t = load_file(str(folder / name))
        weight, bias = t["W_dec"].double(), t["b_dec"].double()
    return lambda z, x: z @ weight + bias


def measure(case):
    info = json.loads((case / "case.json").read_text())
    tokens = torch.from_numpy(np.load(HERE / "tokens.npy")).long()
    x = oracle.activations(oracle.load_model(HERE / "model"), tokens, info["hook"])
    x = x.reshape(-1, x.shape[-1])
    encode, _ = oracle.load_encoder(case / "sae")
    z = encode(x)
    error = (decoder(case / "sae")(z.double(), x.double()) - x.double()).square().mean(-1) / x.double().square().mean(-1)
    return dict(l0=(z != 0).sum(-1).double().mean().item(), normalizedMse=error.mean().item())


cases = sorted((HERE / "cases").iterdir())
(HERE / "reconstruction.json").write_text(json.dumps({case.name: measure(case) for case in cases}, indent=1) + "\n")
