#!/usr/bin/env bash
# Real SMPP clients through the real binary; see run.py.
set -u
cd "$(dirname "$0")/../.."
if ! command -v python3 >/dev/null 2>&1; then
  printf 'interop: SKIPPED, python3 is not installed\n0 passed, 0 failed, 1 skipped\n'
  [ "${STRICT:-0}" != 1 ]
  exit
fi
cargo build --locked --quiet --bin stopgate || exit 1
exec python3 tests/interop/run.py "$@"
