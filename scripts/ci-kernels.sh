# The kernels' part of .ci/run, which sources this file and has defined step, checks and section. One build folder serves
# all: kernels, emulator and checks three times (plain and two sanitizers), the rest of the engine once.

ci_kernels_emulated() {
  section "CUDA kernels in the emulator"
  step "rules of kernel source" node scripts/check-kernels.mjs
  if ! step "build kernel_check" kernels_build kernel_check; then return; fi
  checks "kernel_check, seeds 0, 1 and 2" kernels_halves build-emulated/kernel_check
  checks "kernel_check, the kernels for compute capability 9.0" kernels_halves env CUDA_EMULATION_CAPABILITY=90 \
    ATHANOR_CUDA_GEMM=hopper ATHANOR_CUDA_ATTENTION=hopper build-emulated/kernel_check gemm linear matmul attention
}

# The same with sanitizers.
ci_kernels_sanitized() {
  section "CUDA kernels in the emulator, with sanitizers"
  if ! step "build kernel_check_address, kernel_check_thread" kernels_build kernel_check_address kernel_check_thread
  then return; fi
  checks "kernel_check, address and undefined" kernels_halves env ASAN_OPTIONS=detect_leaks=0 \
    UBSAN_OPTIONS=print_stacktrace=1 build-emulated/kernel_check_address --seeds 0,1
  checks "kernel_check, thread" kernels_halves env ATHANOR_THREADS=1 \
    TSAN_OPTIONS=halt_on_error=1:report_thread_leaks=0 setarch -R build-emulated/kernel_check_thread --seeds 0
  checks "faults that the sanitizers must see" node scripts/check-faults.mjs
}

# COMMAND...: kernel_check in two processes, each with every other case; the last line sums theirs up.
kernels_halves() {
  local status=0 first
  "$@" --part 1/2 >"$work/half-1" 2>&1 &
  first=$!
  "$@" --part 2/2 >"$work/half-2" 2>&1 || status=$?
  wait $first || status=$?
  cat "$work/half-1" "$work/half-2"
  awk '/^[0-9]+ passed, [0-9]+ failed$/ { halves++; passed += $1; failed += $3 }
    END { if (halves < 2) exit 1; print passed " passed, " failed " failed" }' "$work/half-1" "$work/half-2" || status=1
  return $status
}

kernels_build() { # targets
  local generator=()
  command -v ninja >/dev/null && generator=(-G Ninja)
  cmake -S . -B build-emulated "${generator[@]}" -DATHANOR_CUDA_EMULATION=ON -DCMAKE_EXPORT_COMPILE_COMMANDS=ON &&
    cmake --build build-emulated --parallel "$(nproc)" --target "$@"
}

# One part of the mutants for each commit, another for the next: KERNEL_MUTANT_PARTS=1 takes all.
ci_kernels_mutants() {
  section "mutants of kernels"
  local parts=${KERNEL_MUTANT_PARTS:-8} count
  count=$(git rev-list --count HEAD 2>/dev/null || echo 0)
  checks "mutants, part $((count % parts + 1)) of $parts" node scripts/mutants.mjs --part "$((count % parts + 1))/$parts"
  grep -E '(caught|FAILED)' "$work/log" | tail -n 40
}

ci_kernels_registers() {
  section "registers"
  if ! command -v nvcc >/dev/null; then
    echo "skipped: no nvcc"
    return
  fi
  step "registers and spills are those of native/cuda/registers.txt" node scripts/registers.mjs --check
}

# Those that have changed since native/cuda/release.txt was written.
ci_kernels_released() {
  section "release architectures"
  if ! command -v nvcc >/dev/null; then
    echo "skipped: no nvcc"
    return
  fi
  checks "every kernel for all release architectures" node scripts/compile-release.mjs --check
}
