#!/usr/bin/env python3
"""Makes the autoencoders beside it, each in its family's own layout, and `NAME.json` with what must be read from it.

    pip install numpy torch safetensors && python make_fixtures.py

Each JSON holds the encoder in the product's form, an input `x` [3, 5], its `latents` [3, 7] and what these decode to [3, 5] (null
without a decoder), which are computed in float64 by the family's own rule and not from that form.
"""
import collections
import json
import pathlib
import shutil

import numpy as np
import torch
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).parent
D, N, K = 5, 7, 3
torch.manual_seed(3)
ENC, DEC = torch.randn(N, D), torch.randn(N, D)
PRE, BIAS, THRESHOLD = torch.randn(D), torch.randn(N) * 0.3, torch.rand(N)
X = torch.randn(3, D)


def f64(t):
    return t.double().numpy()


def normalised(x):
    x = x - x.mean(1, keepdims=True)
    return x / (x.std(1, ddof=1, keepdims=True) + 1e-5)


def top(pre, k=K):
    kept = np.zeros_like(pre)
    for row, out in zip(pre, kept):
        chosen = np.argsort(-row, kind="stable")[:k]
        out[chosen] = row[chosen]
    return kept


def relu(v):
    return np.maximum(v, 0)


def decode(latents, how):
    if how == "rescaled":
        latents = latents / np.sqrt((f64(DEC) ** 2).sum(1))
    out = latents @ f64(DEC) + f64(PRE)
    x = f64(X)
    return out * x.std(1, ddof=1, keepdims=True) + x.mean(1, keepdims=True) if how == "normalised" else out


def expect(name, latents, *, function, normalization="NONE", bias=PRE, encoder=ENC, latent_bias=BIAS, hook=None,
           decoded="plain", **more):
    flat = lambda t: [float(v) for v in np.asarray(t, dtype=np.float32).ravel()]
    (HERE / f"{name}.json").write_text(json.dumps(dict(
        width=D, latents=N, normalization=normalization, function=function, hook=hook, inputBias=flat(bias),
        encoderWeights=flat(encoder), latentBias=flat(latent_bias), x=flat(X),
        expectedLatents=[float(v) for v in latents.ravel()],
        expectedDecoded=None if decoded is None else [float(v) for v in decode(latents, decoded).ravel()], **more), indent=1) + "\n")


def openai():
    def save(name, entries):
        base = collections.OrderedDict([
            ("pre_bias", PRE), ("encoder.weight", ENC), ("latent_bias", BIAS),
            ("decoder.weight", DEC.t()), ("stats_last_nonzero", torch.zeros(N, dtype=torch.long))])
        base.update(entries)
        torch.save(collections.OrderedDict((k, v) for k, v in base.items() if v is not None), HERE / f"{name}.pt")

    topk = {"activation": "TopK", "activation_state_dict": {"k": K, "postact_fn": "ReLU"}}
    pre = (f64(X) - f64(PRE)) @ f64(ENC).T + f64(BIAS)
    save("openai-topk", {**topk, "encoder.weight": ENC.t().contiguous().t(), "latents_mean_square": torch.zeros(N)})
    expect("openai-topk", relu(top((normalised(f64(X)) - f64(PRE)) @ f64(ENC).T + f64(BIAS))), function="topk", k=K,
           normalization="LAYER_NORM", decoded="normalised")
    save("openai-relu", {"activation": "ReLU", "activation_state_dict": {}})
    expect("openai-relu", relu(pre), function="relu")
    save("openai-early", {"decoder.weight": None, "stats_last_nonzero": None})
    expect("openai-early", relu(pre), function="relu", decoded=None)
    save("openai-identity", {"activation": "Identity", "activation_state_dict": {}})
    expect("openai-identity", pre, function="identity")
    save("bad-activation", {"activation": "Swish"})
    save("bad-postact", {"activation": "TopK", "activation_state_dict": {"k": K, "postact_fn": "Identity"}})
    save("bad-k", {"activation": "TopK", "activation_state_dict": {"k": N + 1, "postact_fn": "ReLU"}})
    save("bad-no-k", {"activation": "TopK", "activation_state_dict": {"postact_fn": "ReLU"}})
    save("bad-encoder", {**topk, "encoder.weight": ENC.t().contiguous()})
    save("bad-decoder", {**topk, "decoder.weight": DEC})
    save("bad-latent-bias", {**topk, "latent_bias": BIAS[:1].reshape(1, 1)})
    save("bad-missing", {**topk, "pre_bias": None})
    save("bad-nan", {**topk, "latent_bias": torch.full((N,), float("nan"))})


def folder(name, config, weights, file):
    path = HERE / name
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    (path / "cfg.json").write_text(json.dumps(config, indent=1) + "\n")
    save_file({k: v.contiguous() for k, v in weights.items()}, path / file)


def saelens():
    def save(name, config, **extra):
        folder(name, config, dict(W_enc=ENC.t(), b_enc=BIAS, W_dec=DEC, b_dec=PRE, **extra), "sae_weights.safetensors")

    def config(architecture, **more):
        return dict(architecture=architecture, d_in=D, d_sae=N, dtype="float32", device="cpu", apply_b_dec_to_input=True,
                    normalize_activations="none", reshape_activations="none",
                    metadata=dict(model_name="gpt2", hook_name="blocks.1.hook_resid_post", hook_head_index=None,
                                  sae_lens_version="6.18.0", prepend_bos=True), **more)

    hook = "blocks.1.hook_resid_post"
    pre = (f64(X) - f64(PRE)) @ f64(ENC).T + f64(BIAS)
    save("saelens-standard", config("standard"))
    expect("saelens-standard", relu(pre), function="relu", hook=hook)
    save("saelens-topk", config("topk", k=K))
    expect("saelens-topk", relu(top(pre)), function="topk", k=K, hook=hook)
    save("saelens-jumprelu", config("jumprelu"), threshold=THRESHOLD)
    expect("saelens-jumprelu", relu(pre) * (pre > f64(THRESHOLD)), function="jumprelu", hook=hook,
           thresholds=[float(v) for v in THRESHOLD])
    norm = np.sqrt((f64(DEC) ** 2).sum(1))
    save("saelens-rescaled", config("topk", k=K, rescale_acts_by_decoder_norm=True))
    expect("saelens-rescaled", relu(top(pre * norm)), function="topk", k=K, hook=hook,
           encoder=f64(ENC) * norm[:, None], latent_bias=f64(BIAS) * norm, decoded="rescaled")
    other = config("standard")
    other.update(apply_b_dec_to_input=False, normalize_activations="layer_norm")
    save("saelens-layer-norm", other)
    expect("saelens-layer-norm", relu(normalised(f64(X)) @ f64(ENC).T + f64(BIAS)), function="relu", hook=hook,
           normalization="LAYER_NORM", bias=torch.zeros(D), decoded="normalised")
    save("saelens-before-6", dict(
        d_in=D, d_sae=N, hook_point="blocks.8.hook_resid_pre", hook_point_head_index=None, activation_fn_str="topk",
        activation_fn_kwargs={"k": K}, normalize_activations=False, sae_lens_version="3.1.0"), scaling_factor=torch.ones(N))
    expect("saelens-before-6", relu(top(pre)), function="topk", k=K, hook="blocks.8.hook_resid_pre")
    save("saelens-scaled", config("standard"), scaling_factor=torch.full((N,), 2.0))


def sparsify():
    config = dict(activation="topk", expansion_factor=2, normalize_decoder=True, num_latents=N, k=K, multi_topk=True,
                  skip_connection=False, transcode=False, d_in=D)
    weights = {"encoder.weight": ENC, "encoder.bias": BIAS, "W_dec": DEC, "b_dec": PRE}
    folder("sparsify", config, weights, "sae.safetensors")
    latents = top(relu((f64(X) - f64(PRE)) @ f64(ENC).T + f64(BIAS)))
    expect("sparsify", latents, function="topk", k=K)


if __name__ == "__main__":
    openai()
    saelens()
    sparsify()
