#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes the PTX images that are committed: all kernels of src/main/cuda, once for each target.
#
#   build-ptx.sh [OUT]     OUT is src/main/resources/io/saeflow/kernels/cuda if it is not named
#
# Needs nvcc 13.0 (NVCC); nothing else of the build does.
#
# nvcc 13.0 marks PTX with the newest version of the language, which drivers before 580 refuse. The
# kernels use nothing newer than version 7.0, so that is what the images say; ptxas holds the text
# to what its header says, and drivers from 450 on read it.
set -eu

here=$(CDPATH='' cd -P -- "$(dirname -- "$0")" && pwd)
sources=$here/src/main/cuda
out=${1:-$here/src/main/resources/io/saeflow/kernels/cuda}
nvcc=${NVCC:-nvcc}
ptx_version=7.0
targets="75 80"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out"

# One image of all files: the driver then compiles once. In the C locale the order is the same
# everywhere.
LC_ALL=C
export LC_ALL
for source in "$sources"/*.cu; do
  printf '#include "%s"\n' "$(basename "$source")"
done >"$work/saeflow.cu"

for target in $targets; do
  image=saeflow_sm$target.ptx
  # No fast mathematics: the bits are part of the contract.
  "$nvcc" -std=c++17 -O3 -ptx "-gencode=arch=compute_$target,code=compute_$target" \
    -ftz=false -prec-div=true -prec-sqrt=true "-I$sources" "$work/saeflow.cu" -o "$work/$image"
  # The comments at the top name the compiler's build.
  sed -e '/^\/\//d' -e "s/^\.version .*/.version $ptx_version/" "$work/$image" >"$out/$image"
done

# Which sources the images are of.
cat "$sources"/*.h "$sources"/*.cu | sha256sum | cut -d ' ' -f 1 >"$out/sources.sha256"
