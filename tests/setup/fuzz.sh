#!/usr/bin/env bash
# Runs each fuzz target for N seconds; a crash fails. Needs cargo-fuzz; the one stable toolchain will do.
set -u
cd "$(dirname "$0")/../.."
seconds=${1:-10}
if ! cargo fuzz --version >/dev/null 2>&1; then
  printf 'fuzz: SKIPPED: cargo-fuzz is not installed (cargo install cargo-fuzz)\n'
  [ "${STRICT:-0}" = 1 ] && exit 1
  exit 0
fi
passed=0 failed=0
for target in $(RUSTC_BOOTSTRAP=1 cargo fuzz list); do
  if RUSTC_BOOTSTRAP=1 cargo fuzz run "$target" -- -max_total_time="$seconds" -rss_limit_mb=1024; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
  fi
done
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
