#!/usr/bin/env bash
# Unpacks the bundle beside which it lies and does the check-list of docs/gpu.md, or part of it:
#   bash run.sh [--steps 1,2,3] [--minutes 12] [--resume]
# Results are JSON files in $GPU_RESULTS (default ./gpu-results). GPU_RUN_DIR is where to unpack.
set -euo pipefail
pack=$(cd "$(dirname "$0")" && pwd)
export GPU_RESULTS=${GPU_RESULTS:-$PWD/gpu-results}
dir=${GPU_RUN_DIR:-/tmp/athanor-gpu-$(id -u)}
mkdir -p "$GPU_RESULTS" "$dir/bin" "$dir/work"

unpack_xz() {
  if command -v xz >/dev/null; then
    xz -dc "$1"
  else
    python3 -c 'import lzma, shutil, sys; shutil.copyfileobj(lzma.open(sys.argv[1]), sys.stdout.buffer)' "$1"
  fi
}
if ! cmp -s "$pack/node.stamp" "$dir/node.stamp"; then
  unpack_xz "$pack/node.xz" >"$dir/bin/node.new"
  chmod +x "$dir/bin/node.new"
  mv "$dir/bin/node.new" "$dir/bin/node"
  cp "$pack/node.stamp" "$dir/node.stamp"
fi
if ! cmp -s "$pack/files.sha256" "$dir/files.sha256"; then
  rm -rf "$dir/work"
  mkdir "$dir/work"
  unpack_xz "$pack/files.tar.xz" | tar --extract --directory "$dir/work" --no-same-owner
  cp "$pack/files.sha256" "$dir/files.sha256"
fi
cp "$pack/commit" "$pack/build" "$dir/work/"
export PATH="$dir/bin:$PATH"
cd "$dir/work"
exec node scripts/gpu/checklist.mjs "$@"
