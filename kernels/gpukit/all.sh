#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Tests and measures the kernels on the first GPU of this machine, from within the unpacked kit:
#
#   OUT=FOLDER sh all.sh [STEP...]     STEP is tests, benchmark or torch; all if none is named
#
# Leaves report.txt, and of the measurements benchmark.csv and torch.csv, in FOLDER. Ends with 0 if
# every step passed, with torch skipped where it is missing. All limits together are ten minutes.
#
#   CUDA_DRIVER     the libcuda.so.1 to use, else it is searched for
#   CASES           random cases of the encoder's test; a tenth as many of others
#   WIDTH TOKENS LATENTS KS THREADS     sizes of the measurements; the last three are lists
#   HEAP            of the benchmark's JVM; 2,097,152 latents of width 768 are 6.4 GB

# As step calls functions by their names:
# shellcheck disable=SC2317
set -u

here=$(CDPATH='' cd -P -- "$(dirname -- "$0")" && pwd)
: "${OUT:?OUT names no folder for the report}"
mkdir -p "$OUT" || exit 1
report=$OUT/report.txt
steps=${*:-tests benchmark torch}
cases=${CASES:-3000}
width=${WIDTH:-768}
tokens=${TOKENS:-4096}
latents=${LATENTS:-32768,131072,2097152}
ks=${KS:-32,64,256}
threads=${THREADS:-1,4}
heap=${HEAP:-24g}

results=
failed=0

# result NAME WORDS
result() {
  results="$results$1: $2
"
  printf '%s: %s\n' "$1" "$2" | tee -a "$report"
}

# step NAME: runs the function of this name; 0 if it ends with that.
step() {
  printf '\n==== %s\n' "$1" >>"$report"
  start=$(date +%s)
  "$1" >>"$report" 2>&1
  code=$?
  took="after $(($(date +%s) - start)) s"
  case $code in
    0) result "$1" "passed $took" ;;
    124 | 137) result "$1" "FAILED: stopped $took" ;;
    *) result "$1" "FAILED with $code $took" ;;
  esac
  [ "$code" -eq 0 ] || failed=1
  return "$code"
}

# program SECONDS ARGUMENTS...: of a JVM with all of the kit.
program() {
  limit=$1
  shift
  timeout -k 10 "$limit" "$here/jre/bin/java" --enable-native-access=ALL-UNNAMED \
    -Djava.library.path="$here/native" ${driver:+"-Dsaeflow.cuda.driver=$driver"} \
    -cp "$here/test-classes:$here/lib/*" "$@"
}

# find_driver: prints where libcuda.so.1 is, if anywhere. Of containers it may be a mount.
find_driver() {
  found=$(ldconfig -p 2>/dev/null | awk '/libcuda\.so\.1 .*x86-64/ { print $NF; exit }')
  [ -n "$found" ] || found=$(timeout 20 find /usr /lib /opt /run /var /mnt -name libcuda.so.1 \
    -not -path '*/stubs/*' 2>/dev/null | head -n 1)
  printf '%s' "$found"
}

# probe: whether the first GPU can be used; prints what was found.
probe() {
  found=$(program 40 io.saeflow.kernels.cuda.ProbeProgram probe 0 2>&1)
  printf '%s\n' "$found"
  printf '%s\n' "$found" | grep -qx READY
}

tests() {
  program 200 -Dgpu.required=true -Dgpu.cases="$cases" \
    org.junit.platform.console.ConsoleLauncher execute \
    --scan-class-path="$here/test-classes" --include-engine=junit-jupiter --include-tag=gpu \
    --fail-if-no-tests --details=tree --details-theme=ascii --disable-ansi-colors --disable-banner
}

benchmark() {
  program 150 -Xmx"$heap" io.saeflow.kernels.cuda.GpuBenchmark \
    "$width" "$tokens" "$latents" "$ks" "$threads" >"$OUT/benchmark.csv"
}

torch() {
  timeout -k 10 100 python3 "$here/torch_baseline.py" --width "$width" --tokens "$tokens" \
    --latents "$latents" --k "$ks" >"$OUT/torch.csv"
}

has_torch() {
  timeout 30 python3 -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' 2>/dev/null
}

driver=${CUDA_DRIVER:-$(find_driver)}
{
  cat "$here/VERSION"
  date -u '+%Y-%m-%dT%H:%M:%SZ'
  uname -srm
  ldd --version 2>&1 | head -n 1
  grep -m 1 'model name' /proc/cpuinfo
  "$here/jre/bin/java" -version 2>&1 | head -n 1
  echo "driver: ${driver:-no libcuda.so.1 is found}"
  timeout 20 nvidia-smi 2>&1 || echo 'nvidia-smi: not there, or it fails'
} >"$report"

step probe
ready=$?
for name in $steps; do
  case $name in
    tests | benchmark)
      if [ "$ready" -eq 0 ]; then
        step "$name"
      else
        result "$name" 'not run: there is no GPU to use'
      fi
      ;;
    torch)
      if has_torch; then
        step torch
      else
        result torch 'skipped: no torch that finds a GPU'
      fi
      ;;
    *)
      result "$name" 'FAILED: no such step (expected: tests, benchmark, torch)'
      failed=1
      ;;
  esac
done

for table in benchmark torch; do
  if [ -s "$OUT/$table.csv" ]; then
    printf '\n==== %s.csv\n' "$table" >>"$report"
    cat "$OUT/$table.csv" >>"$report"
  fi
done
printf '\n==== results\n%s' "$results" >>"$report"
cat "$report"
exit "$failed"
