#!/bin/sh
# Makes the cases of this folder anew with the oracle (PyTorch and transformers), which shares no
# code with saeflow. Usage: make-cases.sh PYTHON ORACLE.PY, from this folder.
#
# All cases have the same model and tokens; cases/<sae>--<hook> holds the autoencoder, and in
# truth.npz every non-zero latent and its value.
set -eu
python=$1
oracle=$2
shape="--seed 5 --layers 2 --d-model 40 --heads 4 --vocab 97 --ctx 24 --sequences 26 --latents 96 --k 6"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for sae in openai-topk openai-relu saelens-standard saelens-topk saelens-jumprelu sparsify; do
  for hook in blocks.1.hook_resid_post blocks.0.mlp.hook_post blocks.1.hook_attn_out; do
    name="$sae--$hook"
    # shellcheck disable=SC2086
    "$python" "$oracle" make --dir "$work/$name" --sae "$sae" --hook "$hook" $shape
    "$python" "$oracle" truth --dir "$work/$name" --out "$work/$name/truth.npz"
    mkdir -p "cases/$name"
    cp -r "$work/$name/sae" "$work/$name/case.json" "$work/$name/truth.npz" "cases/$name/"
    cp -r "$work/$name/model" "$work/$name/tokens.npy" .
  done
done
