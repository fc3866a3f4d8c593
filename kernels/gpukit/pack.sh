#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Packs all that a machine with a GPU needs to test and measure the kernels into one archive:
#
#   pack.sh [ARCHIVE]      ARCHIVE is kernels/target/gpukit/gpukit.tar.xz if it is not named
#
# A small Java run time, the kernels and their tests in Java and in C++, JUnit's console launcher,
# JCuda's one native library, and the programs of this folder. There all.sh runs it: it needs
# NVIDIA's driver and x86-64 Linux with glibc 2.17 or newer, no network and no JDK. The C++ programs
# alone, for compute-sanitizer, need a glibc as new as this machine's.
#
# Needs Maven, g++ and a JDK 24 or newer whose jlink runs (TEMURIN25), best a Temurin: the run times
# of distributions ask for newer C libraries. With nvcc, compute-sanitizer also tells lines of the
# kernels' sources.
set -eu

here=$(CDPATH='' cd -P -- "$(dirname -- "$0")" && pwd)
kernels=$(dirname "$here")
root=$(dirname "$kernels")
target=$kernels/target
archive=${1:-$target/gpukit/gpukit.tar.xz}
jdk=${TEMURIN25:-/usr/lib/jvm/temurin-25-jdk-amd64}
most_bytes=40000000

kit=$(mktemp -d)
trap 'rm -rf "$kit"' EXIT
mkdir -p "$kit/lib" "$kit/native" "$kit/programs" "$(dirname "$archive")"

# Uncompressed: xz makes less of it all together.
"$jdk/bin/jlink" --output "$kit/jre" --vm=server --compress=zip-0 \
  --strip-debug --no-header-files --no-man-pages \
  --add-modules java.base,java.logging,java.management,java.xml,jdk.unsupported

cd "$root"
# JUnit's platform 1.x belongs to Jupiter 5.x.
junit=$(sed -n 's:.*<junit.version>5\.\(.*\)</junit.version>.*:1.\1:p' pom.xml)
mvn -q -B -Pbenchmark -pl kernels package
mvn -q -B -pl kernels dependency:copy -DoutputDirectory="$kit/lib" \
  -Dartifact="org.junit.platform:junit-platform-console-standalone:$junit"

# The tests stay a folder, as the golden files are read as files. Of their dependencies only what
# those of a GPU use; JUnit's own are in its console launcher, and libtorch would be 110 MB.
cp "$target"/saeflow-kernels-*.jar "$kit/lib"
cp -R "$target/test-classes" "$kit"
tr ':' '\n' <"$target/benchmark.classpath" | while read -r jar; do
  case $jar in
    */jcuda-natives-* | */jcuda-natives/*) ;;
    */jcuda-[0-9]* | */assertj-core-* | */byte-buddy-[0-9]*) cp "$jar" "$kit/lib" ;;
  esac
done

# With lines or without, PTX becomes the same code.
if command -v "${NVCC:-nvcc}" >/dev/null 2>&1; then
  PTX=$target/gpukit/ptx
  export PTX
  NVCC_APPEND_FLAGS=-lineinfo "$kernels/build-ptx.sh" "$PTX"
fi
sh "$kernels/src/test/cuda/build.sh" "$target/gpukit/programs" device
for program in "$target"/gpukit/programs/*_test; do
  strip -o "$kit/programs/$(basename "$program")" "$program"
done

cp "$target"/native/libJCudaDriver-*.so "$kit/native"
cp "$here/all.sh" "$here/torch_baseline.py" "$kit"
{
  git log -1 --format='commit %H of %cI'
  git status --short
} >"$kit/VERSION"

tar -C "$kit" --owner=0 --group=0 --sort=name -c . | xz -6 -T2 >"$archive"
bytes=$(wc -c <"$archive")
echo "$archive: $bytes bytes"
if [ "$bytes" -gt "$most_bytes" ]; then
  echo "$archive: $bytes bytes (expected: at most $most_bytes)" >&2
  exit 1
fi
