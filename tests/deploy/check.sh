#!/usr/bin/env bash
# Checks the deploy files with the tools of their trade. A tool that is missing is said loudly; STRICT=1 makes that a failure.
set -u
cd "$(dirname "$0")/../.."
passed=0 failed=0 skipped=0
check() { # name, tool, command...
  local name=$1 tool=$2 out
  shift 2
  if ! command -v "$tool" >/dev/null 2>&1; then
    printf 'deploy: %s ... SKIPPED, %s is not installed\n' "$name" "$tool"
    skipped=$((skipped + 1))
  elif out=$("$@" 2>&1); then
    printf 'deploy: %s ... ok\n' "$name"
    passed=$((passed + 1))
  else
    printf 'deploy: %s ... FAILED\n%s\n' "$name" "$out"
    failed=$((failed + 1))
  fi
}
# The unit names the installed binary: give the verifier one that exists here.
unit_is_well_formed() {
  local dir=target/deploy
  mkdir -p "$dir"
  sed 's,/usr/bin/stopgate,/bin/true,' deploy/systemd/stopgate.service >"$dir/stopgate.service"
  local said
  said=$(systemd-analyze verify --man=no "$dir/stopgate.service" 2>&1 | grep -F stopgate.service)
  printf '%s' "$said"
  [ -z "$said" ]
}
unit_is_confined() {
  systemd-analyze security --offline=true --threshold=20 --no-pager deploy/systemd/stopgate.service
}
alerts_behave() (cd deploy/prometheus && promtool test rules alerts_test.yml)
check "the unit file is well formed" systemd-analyze unit_is_well_formed
check "the unit's exposure is at most 2.0" systemd-analyze unit_is_confined
check "the scrape configuration and its rules are valid" promtool promtool check config deploy/prometheus/prometheus.yml
check "every alert fires and stays quiet as its test says" promtool alerts_behave
printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
[ "$failed" = 0 ] && { [ "${STRICT:-0}" != 1 ] || [ "$skipped" = 0 ]; }
