#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Compiles the tests of the kernels, and for tests without a GPU every kernel of src/main/cuda with
# the emulation of emu.h:
#
#   build.sh OUT             OUT/libcuda.so.1, a driver to load in place of the real one, and the
#                            programs below
#   build.sh OUT driver      the driver only
#   build.sh OUT sanitize    the programs only, with the address and undefined-behaviour sanitizers
#   build.sh OUT device      the programs only, for a GPU: with PTX in place of the emulation, and
#                            without its own test; they need NVIDIA's driver there. PTX names a
#                            folder of images to take in place of the committed ones
#
# Programs: each src/test/cuda/*_test.cpp, linked with all kernels; they end with 0 if all is well.
# Needs g++ 11 or newer (CXX) and a processor with FMA and F16C; ends with 77 and a line that says
# what is missing. What is newer than its sources is kept.
set -eu

out=${1:?usage: build.sh OUT [driver | sanitize | device]}
kind=${2:-plain}
here=$(CDPATH='' cd -P -- "$(dirname -- "$0")" && pwd)
main=$(CDPATH='' cd -P -- "$here/../../main/cuda" && pwd)
images=${PTX:-$here/../../main/resources/io/saeflow/kernels/cuda}
cxx=${CXX:-g++}

cannot() {
  printf '%s\n' "$1" >&2
  exit 77
}

command -v "$cxx" >/dev/null 2>&1 || cannot "$cxx is missing, which the emulated kernels need"
for instructions in fma f16c; do
  grep -qw "$instructions" /proc/cpuinfo ||
    cannot "this processor has no $instructions instructions, which the emulated kernels need"
done

mkdir -p "$out"
out=$(CDPATH='' cd -P -- "$out" && pwd)

# No contraction: an fma is one only where it is written. std::fma and the conversions of halves
# are single instructions with the two -m flags.
flags="-std=c++20 -O2 -g1 -fPIC -fvisibility=hidden -ffp-contract=off -fno-math-errno -mfma -mf16c"
flags="$flags -Wall -Wextra -Werror -Wno-unknown-pragmas -DSAEFLOW_EMULATION -I$main -I$here"
if [ "$kind" = sanitize ]; then
  flags="$flags -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer"
fi

# newer FILE SOURCE...: whether FILE is there and no source is newer.
newer() {
  file=$1
  shift
  [ -f "$file" ] || return 1
  for source; do
    [ ! "$source" -nt "$file" ] || return 1
  done
}

headers=$(ls "$main"/*.h "$here"/*.h)

# compile SOURCE OBJECT
compile() {
  # shellcheck disable=SC2086
  newer "$2" "$1" $headers "$0" || $cxx $flags -x c++ -c "$1" -o "$2"
}

objects=
if [ "$kind" != device ]; then
  for source in "$main"/*.cu "$here/emu.cpp"; do
    object=$out/$(basename "$source").o
    compile "$source" "$object"
    objects="$objects $object"
  done
fi

if [ "$kind" = plain ] || [ "$kind" = driver ]; then
  # All that JCuda's native library refers to must be defined, or a call of it ends the process.
  # The weak definitions give way to those of fakecuda.cpp.
  stubs=$out/stubs.cpp
  newer "$stubs" "$here/driver-functions.txt" "$0" ||
    sed 's/.*/extern "C" __attribute__((weak, visibility("default"))) int &() { return 801; }/' \
      "$here/driver-functions.txt" >"$stubs"
  compile "$stubs" "$out/stubs.o"
  compile "$here/fakecuda.cpp" "$out/fakecuda.o"
  # shellcheck disable=SC2086
  newer "$out/libcuda.so.1" $objects "$out/stubs.o" "$out/fakecuda.o" ||
    $cxx $flags -shared -Wl,-soname,libcuda.so.1 -Wl,-Bsymbolic -o "$out/libcuda.so.1" \
      $objects "$out/stubs.o" "$out/fakecuda.o"
fi
[ "$kind" != driver ] || exit 0

if [ "$kind" = device ]; then
  # The GPU's machine may have other C++ libraries. It is the assembler that includes the images.
  flags="$flags -static-libstdc++ -static-libgcc -Wa,-I$images"
  device=cuda_device
  newer "$out/$device.o" "$images"/*.ptx || rm -f "$out/$device.o"
else
  device=emulated_device
fi
compile "$here/$device.cpp" "$out/$device.o"
objects="$objects $out/$device.o"

for source in "$here"/*_test.cpp; do
  program=$out/$(basename "$source" .cpp)
  [ "$kind $program" != "device $out/emulation_test" ] || continue
  compile "$source" "$program.o"
  # shellcheck disable=SC2086
  newer "$program" $objects "$program.o" || $cxx $flags -o "$program" $objects "$program.o" -ldl
done
