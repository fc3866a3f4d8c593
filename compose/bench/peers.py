# SPDX-License-Identifier: Apache-2.0
"""What both peers' ways share: the case's tokens, GPT-2 in transformers, the TopK encoder in torch, and the closing line."""

import json
import os
import pathlib
import time

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import torch
from safetensors.torch import load_file
from transformers import GPT2Model

BATCH = 32  # sequences; both peers' default


class Case:
    """The folder that make_case.py writes."""

    def __init__(self, folder: str):
        self.folder = pathlib.Path(folder)
        about = json.loads((self.folder / "case.json").read_text())
        self.hook: str = about["hook"]
        self.layer = int(self.hook.split(".")[1])

    def tokens(self, count: int) -> torch.Tensor:
        """int64 [sequences, context]: the first `count` tokens."""
        matrix = np.load(self.folder / "tokens.npy")
        sequences, rest = divmod(count, matrix.shape[1])
        if rest or not 0 < sequences <= len(matrix):
            raise SystemExit(f"--tokens: {count} (expected: a multiple of {matrix.shape[1]}, at most {matrix.size})")
        return torch.from_numpy(matrix[:sequences].astype(np.int64))


class HookedGpt2:
    """A GPT-2 with a forward hook on a block's output, and perhaps without what comes after it."""

    def __init__(self, folder: pathlib.Path, layer: int, dtype: torch.dtype, up_to_hook: bool):
        self.model = GPT2Model.from_pretrained(folder, dtype=dtype).eval()
        if up_to_hook:
            self.model.h = self.model.h[: layer + 1]
            self.model.ln_f = torch.nn.Identity()
        self.model.h[layer].register_forward_hook(self._keep)

    def __call__(self, tokens: torch.Tensor) -> torch.Tensor:
        """int64 [sequences, context] to float32 [sequences, context, width]."""
        self.model(tokens, use_cache=False)
        return self.output.float()

    def _keep(self, _block, _inputs, output) -> None:
        self.output = output[0] if isinstance(output, tuple) else output


class TopKEncoder:
    """A sparsify autoencoder's encoder, float32."""

    def __init__(self, folder: pathlib.Path):
        tensors = load_file(folder / "sae.safetensors")
        self.weight = tensors["encoder.weight"]
        self.bias = tensors["encoder.bias"]
        self.center = tensors["b_dec"]
        self.k: int = json.loads((folder / "cfg.json").read_text())["k"]
        self.latents = len(self.bias)

    def dense(self, activations: torch.Tensor) -> torch.Tensor:
        """[tokens, width] to [tokens, latents], where all but the k largest of a token are zero."""
        scores = torch.addmm(self.bias, activations - self.center, self.weight.T).relu_()
        values, indices = scores.topk(self.k, dim=-1, sorted=False)
        del scores
        return torch.zeros(len(activations), self.latents).scatter_(1, indices, values)


class Stopwatch:
    """Seconds, and seconds of processor time of all threads, since it was made."""

    def __init__(self):
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def read(self) -> tuple[float, float]:
        return time.perf_counter() - self._wall, time.process_time() - self._cpu


def report(tokens: int, seconds: float, **more) -> None:
    """The line that bench.py reads: the work proper, without start-up."""
    print(json.dumps(dict(tokens=tokens, seconds=seconds, threads=torch.get_num_threads(), **more)), flush=True)
