"""Owns one gateway under test with its operators: configuration, start, commands, metrics, stop. Must never judge a result."""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.request

import confinement

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORK = ROOT / "target/interop"
BINARY = pathlib.Path(os.environ.get("STOPGATE_BINARY", ROOT / "target/debug/stopgate"))
# A Wednesday morning in Paris; NIGHT is the same evening, closed by fr-strict.
CLOCK, NIGHT = "2026-11-25T10:00:00+01:00", "261125230000004+"
STATUS_NUMBER = "33639989999"

CONFIG = """\
node = "interop"
data_dir = "{dir}/data"

[smpp]
listen = "127.0.0.1:0"

[admin]
listen = "127.0.0.1:0"
{smscs}{accounts}
"""
SMSC = """
[[smsc]]
name = "{name}"
address = "127.0.0.1:{port}"
system_id = "stopgate"
password = "secret"
links = {links}
window = {window}
grace = "300ms"
response_timeout = "{timeout}"
reconnect_min = "100ms"
"""
ACCOUNT = """
[[account]]
system_id = "{id}"
password = "secret"
smsc = "{smsc}"
class = "{kind}"
senders = {senders}
binds = 10
throughput = {rate}
{more}
"""
COMMERCIAL = """\
stop_codes = ["{code}"]
identity = "ACME SAS, 1 rue de la Paix, 75002 Paris, 01 99 00 12 34"
"""
DECLARED = COMMERCIAL + 'consent = "declared"\nconsent_statement = "Opt-in by web form, wording v3, signed 2026-10-01"'
OFF = 'consent = "off"'
# id, operator, class, senders, messages a second, more
ACCOUNTS = [
    ("acme", "main", "commercial", ["ACME", "36111"], 0, DECLARED.format(code=36111)),
    ("told", "main", "commercial", ["TOLD"], 0, DECLARED.format(code=36444) + '\nrefusal = { style = "receipt" }'),
    ("several", "main", "commercial", ["SEVERAL"], 0, DECLARED.format(code=36555) + '\nsubmit_multi = "filter"'),
    ("otp", "main", "transactional", ["BANQUE"], 0, OFF),
    ("proof", "main", "commercial", ["PROOF"], 0, COMMERCIAL.format(code=36333) + 'consent = "proof"'),
    ("slow", "main", "transactional", ["SLOW"], 1, OFF),
    ("down", "down", "transactional", ["DOWN"], 0, OFF),
    ("mute", "mute", "commercial", ["MUTE"], 0, DECLARED.format(code=36222)),
    ("muteotp", "mute", "transactional", ["BANQUE"], 0, OFF),
]


def closed_port():
    """A port where nobody listens: bound and left at once."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(what, found, seconds=30):
    """Asks `found` until it says something, for at most so long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = found()
        if value:
            return value
        time.sleep(0.05)
    raise TimeoutError(f"{what}: nothing within {seconds} s")


class Speaker:
    """A process that says on its standard output where it listens. Its lines are read to the end, on a thread."""

    def __init__(self, command, log, folder=ROOT):
        self.log, self.lines = log, []
        self.process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=open(log, "wb"), text=True)
        threading.Thread(target=lambda: self.lines.extend(self.process.stdout), daemon=True).start()

    def alive(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.process.args[0]} ended with {self.process.returncode}:\n{self.log.read_text()[-2000:]}")

    def port(self, what):
        """The port in the line that says where `what` listens."""
        def found():
            self.alive()
            return next((line for line in list(self.lines) if line.startswith(f"listening on {what} ")), None)
        return int(until(f"where {what} listens", found).rsplit(":", 1)[1])

    def kill(self):
        self.process.kill()
        self.process.wait()


class Operator(Speaker):
    """A simulated operator with a control port: made with npm smpp, or our own."""

    def __init__(self, kind, folder, name):
        own = [str(BINARY), "sim", "smsc", "--listen", "127.0.0.1:0", "--control", "127.0.0.1:0"]
        super().__init__(["node", "tests/interop/smsc.js"] if kind == "npm" else own, folder / f"operator-{name}.log")
        self.smpp, self.control = self.port("smpp"), self.port("control")

    def ask(self, what):
        with socket.create_connection(("127.0.0.1", self.control), timeout=20) as link:
            link.sendall(json.dumps(what).encode() + b"\n")
            return json.loads(link.makefile("rb").readline())


class Gateway:
    def __init__(self, kind, traced=False):
        self.traced = traced
        self.folder = WORK / f"run-{kind}"
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.daemon, self.operators = None, []
        try:
            self.start(kind)
        except BaseException:
            self.stop()
            raise

    def operator(self, kind, name):
        self.operators.append(Operator(kind, self.folder, name))
        return self.operators[-1]

    def start(self, kind):
        self.main, self.mute = self.operator(kind, "main"), self.operator(kind, "mute")
        self.main.ask({"set": ["receipts=DELIVRD", f"status=0xc2@to:{STATUS_NUMBER}"]})
        self.mute.ask({"set": ["drop=always"]})
        self.config = self.folder / "stopgate.toml"
        smscs = [("main", self.main.smpp, 2, 20, "10s"), ("mute", self.mute.smpp, 1, 1, "1s"), ("down", closed_port(), 1, 1, "1s")]
        self.config.write_text(CONFIG.format(
            dir=self.folder,
            smscs="".join(SMSC.format(name=n, port=p, links=l, window=w, timeout=t) for n, p, l, w, t in smscs),
            accounts="".join(ACCOUNT.format(id=i, smsc=s, kind=k, senders=json.dumps(f), rate=r, more=m)
                             for i, s, k, f, r, m in ACCOUNTS)))
        self.log = self.folder / "gateway.log"
        command = [str(BINARY), "--config", str(self.config), "run", "--clock", CLOCK]
        self.calls = self.folder / "syscalls"
        if self.traced:
            command = confinement.traced(command, self.calls)
        self.daemon = Speaker(command, self.log, self.folder)
        self.smpp, self.admin = self.daemon.port("smpp"), self.daemon.port("admin")
        until("/readyz", self.ready)

    def ready(self):
        self.daemon.alive()
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{self.admin}/readyz", timeout=2).status == 200
        except OSError:
            return False

    def metrics(self):
        return urllib.request.urlopen(f"http://127.0.0.1:{self.admin}/metrics", timeout=5).read().decode()

    def command(self, *words):
        where = ["--config", str(self.config), "--admin", f"http://127.0.0.1:{self.admin}"]
        return subprocess.run([str(BINARY), *where, *words], cwd=self.folder, timeout=30, capture_output=True, text=True)

    def stop(self):
        """Asks it to drain; the exit code, or None when it had to be killed."""
        try:
            if self.daemon:
                self.daemon.process.send_signal(signal.SIGTERM)
                return self.daemon.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.daemon.kill()
        finally:
            for operator in self.operators:
                operator.kill()
