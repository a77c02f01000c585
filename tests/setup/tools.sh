#!/usr/bin/env bash
# Installs what the tests need: Debian packages (root only), one npm and two Python clients at pinned versions.
# Quick when all is there. Never fails: what cannot be had is said loudly, and the check that needs it says that it was skipped.
set -u
cd "$(dirname "$0")/../.."
say() { printf 'tools: %s\n' "$*"; }

# command=package
wanted="promtool=prometheus tshark=tshark strace=strace faketime=faketime node=nodejs npm=npm python3=python3 systemd-analyze=systemd"
missing=""
for pair in $wanted; do
  command -v "${pair%%=*}" >/dev/null 2>&1 || missing="$missing ${pair#*=}"
done
python3 -c 'import venv, ensurepip' >/dev/null 2>&1 || missing="$missing python3-venv"
if [ -n "$missing" ]; then
  if [ "$(id -u)" != 0 ]; then
    say "SKIPPED: not root, cannot install:$missing"
  elif ! command -v apt-get >/dev/null 2>&1; then
    say "SKIPPED: no apt-get, cannot install:$missing"
  else
    say "installing Debian packages:$missing"
    export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
    log=target/setup/apt.log
    mkdir -p target/setup
    # shellcheck disable=SC2086 # one word a package is meant
    { apt-get update -q && apt-get install -q -y --no-install-recommends $missing; } >"$log" 2>&1 ||
      say "SKIPPED: apt-get failed, see $log"
  fi
fi

root=target/interop
mkdir -p "$root"
# npm smpp 0.5.1 with the hashes of its lock file.
node_dir=$root/node
if ! cmp -s tests/interop/package-lock.json "$node_dir/installed.lock"; then
  if command -v npm >/dev/null 2>&1; then
    rm -rf "$node_dir"
    mkdir -p "$node_dir"
    cp tests/interop/package.json tests/interop/package-lock.json "$node_dir/"
    if (cd "$node_dir" && npm ci --silent --no-audit --no-fund --cache ../npm-cache) >"$root/npm.log" 2>&1; then
      cp tests/interop/package-lock.json "$node_dir/installed.lock"
      say "npm smpp installed"
    else
      say "SKIPPED: npm could not install smpp, see $root/npm.log"
    fi
  else
    say "SKIPPED: no npm, the npm client is not tried"
  fi
fi
# smpplib and aiosmpplib.
venv=$root/venv
if ! cmp -s tests/interop/requirements.txt "$venv/installed.txt"; then
  if command -v python3 >/dev/null 2>&1; then
    rm -rf "$venv"
    if python3 -m venv "$venv" >"$root/pip.log" 2>&1 &&
      "$venv/bin/pip" install -q --no-cache-dir -r tests/interop/requirements.txt >>"$root/pip.log" 2>&1; then
      cp tests/interop/requirements.txt "$venv/installed.txt"
      say "Python clients installed"
    else
      say "SKIPPED: the Python clients could not be installed, see $root/pip.log"
    fi
  else
    say "SKIPPED: no python3, the Python clients are not tried"
  fi
fi
exit 0
