"""Owns the run: real clients against the real binary, a capture of all of it, its metrics in a real Prometheus. Prints what
passed and what did not. Must never pass because a tool was missing: that is counted as skipped, and fails with STRICT=1.
"""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.parse
import urllib.request

import confinement
from gateway import NIGHT, ROOT, WORK, Gateway, until

PYTHON, NODE_MODULE = WORK / "venv/bin/python", WORK / "node/node_modules/smpp"
CLIENTS = [
    ("npm smpp", ["node", "tests/interop/client.js"], "1", NODE_MODULE),
    ("smpplib", [str(PYTHON), "tests/interop/client_smpplib.py"], "2", PYTHON),
    ("aiosmpplib", [str(PYTHON), "tests/interop/client_aiosmpplib.py"], "3", PYTHON),
]
# Expressions that have nothing to show in a run of a minute.
MAY_BE_EMPTY = {"Refused share by account", "PDUs", "annotation"}


class Tally:
    def __init__(self):
        self.passed, self.failed, self.skipped = 0, 0, 0

    def result(self, name, fault=None):
        if fault:
            self.failed += 1
            print(f"interop: {name} ... FAILED: {fault}", flush=True)
        else:
            self.passed += 1
            print(f"interop: {name} ... ok", flush=True)

    def skip(self, name, why):
        self.skipped += 1
        print(f"interop: {name} ... SKIPPED, {why}", flush=True)


def play(tally, gateway, operator, name, command, digit, needs):
    label = f"{name}, operator {operator}"
    if not needs.exists():
        return tally.skip(label, f"{needs} is not there")
    if shutil.which(command[0]) is None:
        return tally.skip(label, f"{command[0]} is not installed")
    added = gateway.command("stop", "add", f"3363998{digit}900", "--evidence", "interop: asked by telephone")
    tally.result(f"{label}: stop add", (added.stderr.strip() or added.stdout.strip()) if added.returncode else None)
    setting = json.dumps({"gateway": gateway.smpp, "control": gateway.main.control, "night": NIGHT})
    log = gateway.folder / f"{needs.name}-{digit}.log"
    with open(log, "wb") as errors:
        run = subprocess.run([*command, setting], cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, timeout=300)
    seen = 0
    for line in run.stdout.decode().splitlines():
        if line.startswith("ok - "):
            tally.result(f"{label}: {line[5:]}")
        elif line.startswith("not ok - "):
            what, _, fault = line[9:].partition(": ")
            tally.result(f"{label}: {what}", fault or "no reason given")
        else:
            print(f"interop: {label}: {line}")
            continue
        seen += 1
    tally.result(f"{label}: ran to its end", None if seen >= 25 else f"only {seen} results, see {log}")


class Capture:
    """Everything on the gateway's and the operators' ports, by tshark."""

    def __init__(self, gateway):
        self.ports = [gateway.smpp, gateway.main.smpp, gateway.mute.smpp]
        self.file, self.process = gateway.folder / "run.pcapng", None
        self.why = "tshark is not installed" if shutil.which("tshark") is None else None
        if not self.why and os.geteuid() != 0:
            self.why = "capturing needs root"
        if self.why:
            return
        which = " or ".join(f"tcp port {port}" for port in self.ports)
        self.log = gateway.folder / "tshark.log"
        self.process = subprocess.Popen(["tshark", "-q", "-i", "lo", "-f", which, "-w", str(self.file)],
                                        stdout=subprocess.DEVNULL, stderr=open(self.log, "wb"))
        try:
            until("tshark", lambda: self.process.poll() is not None or b"Capturing on" in self.log.read_bytes())
            until("the capture file", lambda: self.process.poll() is not None or self.file.exists())
        except TimeoutError as error:
            self.why = str(error)
        if self.process.poll() is not None:
            self.why = "tshark cannot capture here: " + self.log.read_text()[-200:].strip()

    def count(self, display):
        decode = [word for port in self.ports for word in ("-d", f"tcp.port=={port},smpp")]
        read = subprocess.run(["tshark", "-r", str(self.file), *decode, "-Y", display], capture_output=True, text=True, timeout=120)
        if read.returncode != 0:
            raise RuntimeError(read.stderr[-300:])
        return read.stdout.splitlines()

    def check(self, tally, operator):
        name = f"capture, operator {operator}: nothing malformed"
        if self.process and self.process.poll() is None:
            time.sleep(0.5)  # the last packets may still be in the kernel's buffer
            self.process.send_signal(signal.SIGINT)
            self.process.wait(timeout=20)
        if self.why:
            return tally.skip(name, self.why)
        dissected, malformed = len(self.count("smpp")), self.count("_ws.malformed")
        if dissected < 200:
            return tally.result(name, f"only {dissected} packets with SMPP in the capture")
        tally.result(f"{name} in {dissected} packets", "\n".join(malformed[:5]) or None)


def expressions():
    board = json.loads((ROOT / "deploy/grafana/stopgate.json").read_text())
    found = [(panel["title"], target["expr"]) for panel in board["panels"] for target in panel.get("targets", [])]
    found += [("annotation", note["expr"]) for note in board["annotations"]["list"]]
    return [(title, expr.replace("$__rate_interval", "1m").replace("$instance", ".*")) for title, expr in found]


def metrics(tally, gateway):
    """/metrics is well formed, has every name the dashboard and the alerts use, and a real Prometheus answers each panel."""
    text = gateway.metrics()
    here = set(re.findall(r"^([a-z_]+)(?:\{| )", text, re.M))
    named = set()
    for file in ("deploy/grafana/stopgate.json", "deploy/prometheus/alerts.yml"):
        named |= set(re.findall(r"\b((?:stopgate|process)_[a-z_]+)", (ROOT / file).read_text()))
    named = {name for name in named if not name.startswith("stopgate_pack_valid_until")}  # only for packs that end
    tally.result(f"/metrics has all {len(named)} names of dashboard and alerts", ", ".join(sorted(named - here)) or None)
    if shutil.which("promtool") is None:
        tally.skip("promtool check metrics", "promtool is not installed")
    else:
        lint = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=30)
        tally.result("promtool check metrics", lint.stdout + lint.stderr if lint.returncode else None)
    if shutil.which("prometheus") is None:
        return tally.skip("each panel in a real Prometheus", "prometheus is not installed")
    folder = gateway.folder / "prometheus"
    folder.mkdir()
    scrape = {"global": {"scrape_interval": "1s"}, "scrape_configs": [
        {"job_name": "stopgate", "static_configs": [{"targets": [f"127.0.0.1:{gateway.admin}"]}]}]}
    (folder / "prometheus.yml").write_text(json.dumps(scrape))
    log = folder / "log"
    server = subprocess.Popen(["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
                               "--web.listen-address=127.0.0.1:0"], stdout=subprocess.DEVNULL, stderr=open(log, "wb"))
    try:
        address = until("prometheus", lambda: re.search(r'"?Listening on"? address=(127\.0\.0\.1:[1-9]\d*)', log.read_text()))

        def query(expr):
            url = f"http://{address.group(1)}/api/v1/query?" + urllib.parse.urlencode({"query": expr})
            return json.load(urllib.request.urlopen(url, timeout=10))["data"]["result"]

        until("two scrapes", lambda: query('count_over_time(up{job="stopgate"}[1m]) >= 3'))
        panels = expressions()
        empty = [title for title, expr in panels if not query(expr) and title not in MAY_BE_EMPTY]
        tally.result(f"each of {len(panels)} panel expressions in a real Prometheus", "nothing for: " + ", ".join(empty) if empty else None)
    finally:
        server.terminate()
        server.wait()


def canaries(tally, gateway, operator):
    """No number, text or password of the run in the log, the metrics or on disk."""
    words = [b"3363998", b"Promo", b"Your code is", b"What time do you open", b"secret"]
    files = [gateway.log, *(path for path in (gateway.folder / "data").rglob("*") if path.is_file())]
    found = []
    for path in files:
        octets = path.read_bytes()
        found += [f"{word.decode()} in {path.relative_to(gateway.folder)}" for word in words if word in octets]
    tally.result(f"operator {operator}: no number, text or password in {len(files)} files of log and data", "; ".join(found) or None)


def confined(tally, gateway):
    """Every system call of the run is one the systemd unit allows."""
    name = "the unit allows every system call of the run"
    if confinement.missing():
        return tally.skip(name, confinement.missing())
    until("strace's summary", lambda: gateway.calls.exists() and "total" in gateway.calls.read_text())
    made, denied = confinement.denied(gateway.calls)
    fault = f"only {len(made)} calls seen" if len(made) < 20 else ", ".join(sorted(denied))
    tally.result(f"{name} ({len(made)} different)", fault or None)


def run(tally, operator):
    traced = operator == "sim" and not confinement.missing()
    gateway = Gateway(operator, traced)
    capture = Capture(gateway)
    try:
        # Traced, the gateway is several times slower: one client is enough to see its system calls.
        for name, command, digit, needs in CLIENTS if operator == "npm" else CLIENTS[1:2]:
            play(tally, gateway, operator, name, command, digit, needs)
        scraped = gateway.metrics()
        metrics(tally, gateway)
    finally:
        code = gateway.stop()
    tally.result(f"operator {operator}: SIGTERM drains, exit 0", None if code == 0 else f"exit {code}")
    tally.result("no number in /metrics", "3363998" if "3363998" in scraped else None)
    canaries(tally, gateway, operator)
    if operator == "sim":
        confined(tally, gateway)
    capture.check(tally, operator)


def main():
    tally = Tally()
    for operator in sys.argv[1:] or ("npm", "sim"):
        if operator == "npm" and not (NODE_MODULE.exists() and shutil.which("node")):
            tally.skip("operator npm", "npm smpp is not installed")
            continue
        try:
            run(tally, operator)
        except Exception as error:
            tally.result(f"operator {operator}", f"{type(error).__name__}: {error}")
    print(f"{tally.passed} passed, {tally.failed} failed, {tally.skipped} skipped")
    strict = os.environ.get("STRICT") == "1"
    return 1 if tally.failed or not tally.passed or (strict and tally.skipped) else 0


if __name__ == "__main__":
    sys.exit(main())
