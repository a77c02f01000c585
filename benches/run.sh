#!/usr/bin/env bash
# Runs the benches part by part and writes docs/performance.md from what was measured: benches/run.sh [part...]
# A part that fails loses no other: what it had measured before stays. Everything it makes lies under target/bench; every process
# it starts is its own child and ends with it. No part takes five minutes, except those of `make bench-long`.
set -u
cd "$(dirname "$0")/.."
everything="scan judge import relay storm growth soak ledger"
[ $# -gt 0 ] || set -- $everything
cargo=${CARGO:-cargo}
mkdir -p target/bench
# What a run that was killed has left behind.
rm -rf target/bench/home-*
"$cargo" bench --locked --no-run --bench relay --bench judge --bench scan || exit 2
failed=""
for part in "$@"; do
  printf '\n== %s, %s\n' "$part" "$(date +%H:%M:%S)"
  case $part in
    scan | judge) "$cargo" bench --locked --bench "$part" || failed="$failed $part" ;;
    import | relay | storm | growth | soak | ledger | long)
      "$cargo" bench --locked --bench relay -- "$part" || failed="$failed $part"
      ;;
    *)
      printf 'no such part: %s; there are: %s, and long\n' "$part" "$everything"
      failed="$failed $part"
      ;;
  esac
done
printf '\n== page\n'
"$cargo" bench --locked --bench relay -- page || failed="$failed page"
if [ -n "$failed" ]; then
  printf '\nbench: FAILED:%s\n' "$failed"
  exit 1
fi
