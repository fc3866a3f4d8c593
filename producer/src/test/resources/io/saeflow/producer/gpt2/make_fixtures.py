# SPDX-License-Identifier: Apache-2.0
"""Makes the small random GPT-2 beside this file, and what the reference implementation says of it.

Run: python make_fixtures.py    (numpy, torch, transformers, safetensors)

The weights are exact in float32, float16 and bfloat16 alike, so that every stored variant is the
same model and has the same expected activations. These are computed in float64.
"""
import json
import pathlib

import numpy
import torch
from safetensors.torch import save_file
from transformers import GPT2Config, GPT2LMHeadModel

HERE = pathlib.Path(__file__).parent
LAYERS, WIDTH, HEADS, VOCABULARY, INNER, POSITIONS = 2, 16, 2, 61, 24, 32
CONFIG = dict(
    n_layer=LAYERS, n_embd=WIDTH, n_head=HEADS, vocab_size=VOCABULARY, n_inner=INNER,
    n_positions=POSITIONS, layer_norm_epsilon=1e-3, activation_function="gelu_new",
    attn_pdrop=0, embd_pdrop=0, resid_pdrop=0, bos_token_id=0, eos_token_id=0)


def exact(x):
    x = x.to(torch.bfloat16)
    return torch.where(x.abs() < 2.0**-10, torch.zeros_like(x), x).to(torch.float32)


def model_of(state):
    model = GPT2LMHeadModel(GPT2Config(**CONFIG, attn_implementation="eager"))
    missing, unexpected = model.transformer.load_state_dict(state, strict=False)
    assert not unexpected and all("attn." in name for name in missing), (missing, unexpected)
    model.tie_weights()
    return model.double().eval()


def activations(model, tokens):
    seen = {}

    def keep(name, value):
        seen[name] = value.detach().clone()

    handles = []
    for i, block in enumerate(model.transformer.h):
        p = f"blocks.{i}."
        handles += [
            block.register_forward_pre_hook(lambda m, a, p=p: keep(p + "hook_resid_pre", a[0])),
            block.attn.register_forward_hook(lambda m, a, o, p=p: keep(p + "hook_attn_out", o[0])),
            block.ln_2.register_forward_pre_hook(lambda m, a, p=p: keep(p + "hook_resid_mid", a[0])),
            block.mlp.act.register_forward_hook(lambda m, a, o, p=p: keep(p + "mlp.hook_post", o)),
            block.mlp.register_forward_hook(lambda m, a, o, p=p: keep(p + "hook_mlp_out", o)),
            block.register_forward_hook(
                lambda m, a, o, p=p: keep(p + "hook_resid_post", o[0] if isinstance(o, tuple) else o)),
        ]
    with torch.no_grad():
        out = model(tokens, output_hidden_states=True)
    for handle in handles:
        handle.remove()
    seen["final"] = out.hidden_states[-1]
    seen["logits"] = out.logits[:, -1]
    return {name: value.to(torch.float32).contiguous() for name, value in seen.items()}


def centred(state):
    """Subtracts the mean over the residual stream's dimension from all that writes into it."""
    result = dict(state)
    for name, value in state.items():
        if name in ("wte.weight", "wpe.weight") or ".c_proj." in name:
            v = value.numpy().astype(numpy.float64)
            result[name] = torch.from_numpy((v - v.mean(-1, keepdims=True)).astype(numpy.float32))
    return result


def write_config(directory, **changes):
    directory.mkdir(parents=True, exist_ok=True)
    config = dict(CONFIG, model_type="gpt2", **changes)
    (directory / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    return directory


def main():
    torch.manual_seed(20260101)
    reference = GPT2LMHeadModel(GPT2Config(**CONFIG))
    state = {}
    for name, parameter in reference.transformer.named_parameters():
        noise = torch.randn(parameter.shape) * 0.35
        state[name] = exact(1 + noise if ".ln_" in name and "weight" in name else noise)
    tokens = torch.randint(0, VOCABULARY, (2, 12))

    save_file(state, write_config(HERE / "float32") / "model.safetensors")

    half = {name: value.to(torch.float16) for name, value in state.items()}
    half["h.0.attn.bias"] = torch.ones(1, 1, 2, 2).tril()
    half["h.0.attn.masked_bias"] = torch.tensor(-1e4)
    save_file(half, write_config(HERE / "float16") / "model.safetensors")

    brain = {"transformer." + name: value.to(torch.bfloat16) for name, value in state.items()}
    brain["lm_head.weight"] = brain["transformer.wte.weight"].clone()
    save_file(brain, write_config(HERE / "prefixed-bfloat16") / "model.safetensors")

    sharded = write_config(HERE / "sharded")
    weight_map = {}
    for name in state:
        shard = 1 if name.startswith("h.1.") else 0
        weight_map[name] = f"model-{shard + 1:05d}-of-00002.safetensors"
    for file in sorted(set(weight_map.values())):
        save_file({n: half[n] for n in state if weight_map[n] == file}, sharded / file)
    index = {"metadata": {"total_size": 0}, "weight_map": weight_map}
    (sharded / "model.safetensors.index.json").write_text(json.dumps(index, indent=1) + "\n")

    torch.save({name: half[name] for name in state}, write_config(HERE / "pytorch") / "pytorch_model.bin")

    expected = activations(model_of(state), tokens)
    of_centred = activations(model_of(centred(state)), tokens)
    for name in ("blocks.0.hook_resid_pre", "blocks.0.hook_attn_out", "blocks.1.hook_mlp_out", "blocks.1.mlp.hook_post", "blocks.1.hook_resid_post"):
        expected["centred." + name] = of_centred[name]
    save_file(expected, HERE / "expected.safetensors")
    (HERE / "tokens.json").write_text(json.dumps(tokens.tolist()) + "\n")


if __name__ == "__main__":
    main()
