#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Tests and measures the kernels on the first GPU of this machine, from within the unpacked kit:
#
#   OUT=FOLDER sh all.sh [STEP...]     STEP is tests, benchmark, torch or sanitize; all if none is
#                                      named
#
# Leaves report.txt, and of the measurements benchmark.csv and torch.csv, in FOLDER. Ends with 0 if
# every step passed, with torch and sanitize skipped where torch or compute-sanitizer, a part of the
# CUDA toolkit, is missing. Each step has its limit, and all together have ten minutes: one that is
# stopped for these can be run alone.
#
#   CUDA_DRIVER     the libcuda.so.1 to use, else it is searched for
#   CASES           random cases of the encoder's test; a tenth as many of others
#   WIDTH TOKENS LATENTS KS THREADS     sizes of the measurements; the last three are lists
#   HEAP            of the benchmark's JVM; 2,097,152 latents of width 768 are 6.4 GB
#   SANITIZER       the compute-sanitizer to use, else it is searched for
#   LIMIT           seconds for all steps together (580)

# As step calls functions by their names:
# shellcheck disable=SC2317
set -u

here=$(CDPATH='' cd -P -- "$(dirname -- "$0")" && pwd)
: "${OUT:?OUT names no folder for the report}"
mkdir -p "$OUT" || exit 1
report=$OUT/report.txt
steps=${*:-tests benchmark torch sanitize}
cases=${CASES:-3000}
width=${WIDTH:-768}
tokens=${TOKENS:-4096}
latents=${LATENTS:-32768,131072,2097152}
ks=${KS:-32,64,256}
threads=${THREADS:-1,4}
heap=${HEAP:-24g}
deadline=$(($(date +%s) + ${LIMIT:-580}))

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

# within SECONDS COMMAND...: ends it when the step has taken so long, or all steps their limit.
within() {
  now=$(date +%s)
  seconds=$((start + $1 - now))
  [ "$seconds" -le $((deadline - now)) ] || seconds=$((deadline - now))
  [ "$seconds" -ge 1 ] || seconds=1
  shift
  timeout -k 10 "$seconds" "$@"
}

# program SECONDS ARGUMENTS...: of a JVM with all of the kit.
program() {
  limit=$1
  shift
  within "$limit" "$here/jre/bin/java" --enable-native-access=ALL-UNNAMED \
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
  within 100 python3 "$here/torch_baseline.py" --width "$width" --tokens "$tokens" \
    --latents "$latents" --k "$ks" >"$OUT/torch.csv"
}

has_torch() {
  timeout 30 python3 -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' 2>/dev/null
}

# find_sanitizer: prints where compute-sanitizer is, if anywhere.
find_sanitizer() {
  for found in "$(command -v compute-sanitizer)" /usr/local/cuda*/bin/compute-sanitizer; do
    if [ -x "$found" ]; then
      printf '%s' "$found"
      return
    fi
  done
}

# can_sanitize: some virtual machines keep the device from debuggers and from compute-sanitizer.
can_sanitize() {
  ! CUDA_DRIVER=$driver timeout 60 "$sanitizer" "$here/programs/canonical_test" 0 1 2>&1 |
    grep -q 'Device not supported'
}

# sanitize: the C++ tests of all kernels, few cases of each, under each tool.
sanitize() {
  worst=0
  for tool in memcheck racecheck synccheck initcheck; do
    case $tool in
      memcheck) options='--padding 512 --leak-check full' ;;
      # The tests also copy out what kernels leave unwritten in the arrays that they share.
      initcheck) options='--check-api-memory-access no' ;;
      *) options= ;;
    esac
    for few in 'canonical 0 1' 'sparse 0 1' 'decode 1 12' 'aggregate 1 6' 'encoder 1 6'; do
      echo "---- $tool $few"
      # shellcheck disable=SC2086
      set -- $few
      # shellcheck disable=SC2086
      within 240 env CUDA_DRIVER="$driver" "$sanitizer" --tool "$tool" $options --print-limit 5 \
        --error-exitcode 86 "$here/programs/$1_test" "$2" "$3" "$here/test-classes/golden"
      code=$?
      echo "---- ended with $code"
      case $code in
        0) ;;
        124 | 137) return "$code" ;;
        *) worst=$code ;;
      esac
    done
  done
  return "$worst"
}

driver=${CUDA_DRIVER:-$(find_driver)}
sanitizer=${SANITIZER:-$(find_sanitizer)}
{
  cat "$here/VERSION"
  date -u '+%Y-%m-%dT%H:%M:%SZ'
  uname -srm
  ldd --version 2>&1 | head -n 1
  grep -m 1 'model name' /proc/cpuinfo
  "$here/jre/bin/java" -version 2>&1 | head -n 1
  echo "driver: ${driver:-no libcuda.so.1 is found}"
  echo "compute-sanitizer: ${sanitizer:-none is found}"
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
    sanitize)
      if [ "$ready" -ne 0 ]; then
        result sanitize 'not run: there is no GPU to use'
      elif [ -z "$sanitizer" ]; then
        result sanitize 'skipped: no compute-sanitizer'
      elif can_sanitize; then
        step sanitize
      else
        result sanitize 'skipped: compute-sanitizer does not support the device on this machine'
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
      result "$name" 'FAILED: no such step (expected: tests, benchmark, torch, sanitize)'
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
