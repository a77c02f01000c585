#!/usr/bin/env bash
# Runs every test once: the Rust tests, the deploy files, the real clients. Prints each part's own closing line.
set -u
cd "$(dirname "$0")/../.."
failed=""
part() {
  printf '\n== %s\n' "$1"
  shift
  "$@" || failed="$failed [$*]"
}
part "Rust tests" cargo test --locked
[ -x tests/deploy/check.sh ] && part "deploy files" tests/deploy/check.sh
[ -x tests/interop/run.sh ] && part "real clients" tests/interop/run.sh
if [ -n "$failed" ]; then
  printf '\nmake test: FAILED:%s\n' "$failed"
  exit 1
fi
printf '\nmake test: all parts passed\n'
