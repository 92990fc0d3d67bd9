#!/usr/bin/env bash
# Builds kernel_check for the emulator and runs the checks of some ops (all when none is named):
#
#   scripts/kernel-check.sh [--asan | --tsan] [OP[/PART OF A CASE'S NAME]...] [--seeds 0,1,2] [--times] [--list]
#
# Objects are kept in build-emulated: the first call builds the engine (minutes), later ones what has changed.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=build-emulated
target=kernel_check
runner=()
arguments=()
for argument in "$@"; do
  case $argument in
    --asan)
      target=kernel_check_address
      export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=0} UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
      ;;
    --tsan)
      # The detector needs a fixed memory layout. One thread: the CPU's code in the program is not instrumented.
      target=kernel_check_thread
      runner=(setarch -R)
      export ATHANOR_THREADS=1 TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=1:report_thread_leaks=0}
      ;;
    *) arguments+=("$argument") ;;
  esac
done
generator=()
if [[ ! -f $folder/CMakeCache.txt ]] && command -v ninja >/dev/null; then generator=(-G Ninja); fi
if [[ ! -f $folder/CMakeCache.txt ]]; then
  cmake -S . -B "$folder" "${generator[@]}" -DATHANOR_CUDA_EMULATION=ON -DCMAKE_EXPORT_COMPILE_COMMANDS=ON >/dev/null
fi
if ! cmake --build "$folder" --target "$target" --parallel "$(nproc)" >"$folder/$target.log" 2>&1; then
  grep -v '^\[' "$folder/$target.log"
  exit 1
fi
grep 'warning:' "$folder/$target.log" >&2 || true
exec "${runner[@]}" "$folder/$target" "${arguments[@]}"
