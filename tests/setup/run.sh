#!/usr/bin/env bash
# Runs every test once: the Rust tests, the deploy files, the real clients. Ends with the sum of all of them on a line of its own.
set -u -o pipefail
cd "$(dirname "$0")/../.."
log=target/setup/test.log
mkdir -p target/setup
: >"$log"
failed=""
part() {
  printf '\n== %s\n' "$1"
  shift
  "$@" 2>&1 | tee -a "$log" || failed="$failed [$*]"
}
part "Rust tests" cargo test --locked --no-fail-fast
part "deploy files" tests/deploy/check.sh
part "real clients" tests/interop/run.sh
grep -F SKIPPED "$log" | sed 's/^/make test: /'
# A Rust test that skips says so itself; cargo counts it as passed.
skipped=$(grep -cF 'SKIPPED: ' "$log")
if [ -n "$failed" ]; then
  printf '\nmake test: FAILED:%s\n' "$failed"
fi
# cargo: "test result: ok. 12 passed; 0 failed; …"; ours: "12 passed, 0 failed, 1 skipped".
sed -nE 's/^test result: [a-zA-Z]+\. ([0-9]+) passed; ([0-9]+) failed; ([0-9]+) ignored.*/\1 \2 \3/p
         s/^([0-9]+) passed, ([0-9]+) failed, ([0-9]+) skipped$/\1 \2 \3/p' "$log" |
  awk -v own="$skipped" '{ p += $1; f += $2; s += $3 } END { printf "\n%d passed, %d failed, %d skipped\n", p - own, f, s + own }'
[ -z "$failed" ]
