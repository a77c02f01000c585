"""Owns what each Python client is put through: the table of cases.json and the scenes. Must never know which client plays.

A client is an object with: bind(kind, account, password) -> (session, status); and a session has submit(fields) -> Answer,
burst(list of fields) -> list of statuses, parts(fields) -> list of statuses, hear(test) -> Heard, enquire() -> bool or None, unbind(), close().
"""
import json
import pathlib
import socket
import sys
import threading
import time
from dataclasses import dataclass


class NotSent(Exception):
    """The client itself did not write the message: seen with aiosmpplib now and then just after its bind."""


@dataclass
class Answer:
    status: int
    message_id: str
    octets: int


@dataclass
class Heard:
    source: str
    destination: str
    esm_class: int
    text: str


@dataclass
class Fields:
    source: str
    destination: str
    text: str = ""
    ton: int = 1
    coding: str = "default"
    octets: bytes = b""
    data_coding: int = 0
    schedule: bool = False
    receipt: bool = False
    payload: bool = False


SETTING = json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}
CASES = json.loads((pathlib.Path(__file__).parent / "cases.json").read_text())
PROMO = "Promo -20% today. STOP 36111"
CODE = "Your code is 1234"


def ask(what):
    """One line to the operator's control port."""
    with socket.create_connection(("127.0.0.1", SETTING["control"]), timeout=20) as link:
        link.sendall(json.dumps(what).encode() + b"\n")
        line = link.makefile("rb").readline()
    return json.loads(line)


class Play:
    def __init__(self, client, digit, speaks=("latin1", "octets")):
        self.client, self.digit, self.speaks, self.bad = client, digit, speaks, 0

    def number(self, tail):
        return f"3363998{self.digit}{tail}"

    def scene(self, name, play):
        try:
            try:
                fault = play()
            except NotSent:
                print(f"# {name}: the client did not send it; once more", flush=True)
                fault = play()
        except Exception as error:  # a scene's fault is reported, the next scene plays on
            fault = f"{type(error).__name__}: {error}"
        self.bad += bool(fault)
        print(f"not ok - {name}: {fault}" if fault else f"ok - {name}", flush=True)

    def bound(self, account, kind="transceiver"):
        session, status = self.client.bind(kind, account, "secret")
        if status != 0:
            raise RuntimeError(f"bind: {status:#x}")
        return session

    def seen(self, number):
        return [one for one in ask({"received": 50})["received"] if one["destination"] == number]

    def run(self, long_repeats):
        for kind in ("transmitter", "receiver", "transceiver"):
            self.scene(f"bind_{kind}, enquire_link, unbind", lambda: self.binds(kind))
        # Once for each client: an address that goes on guessing is closed without an answer, as it should be.
        self.scene("a wrong password is answered 0x0e", self.refused_bind)
        for case in CASES:
            if "octets" in case and "octets" not in self.speaks or case.get("coding", "ucs2") not in ("ucs2", *self.speaks):
                print(f"# {case['name']}: this client cannot say it", flush=True)
                continue
            self.scene(case["name"], lambda: self.case(case))
        session = self.bound("acme")
        long = "Promo. " * long_repeats + "STOP 36111"
        self.scene("a long promotion passes in message_payload", lambda: self.payload(session, "100", long, 0))
        bare = "Promo. " * long_repeats
        self.scene("a long promotion without its mention is refused", lambda: self.payload(session, "101", bare, 0x65))
        self.scene("a receipt comes back to its sender", lambda: self.receipt(session))
        self.scene("a refusal by receipt is accepted, and its receipt says REJECTD", self.rejected)
        self.scene("a person's message arrives", lambda: self.message(session))
        self.scene("STOP: told, confirmed, and the next promotion is refused", lambda: self.stop(session))
        session.unbind()
        self.scene("a long code in parts passes, transactional", self.parts)
        self.scene("SG141 a burst over the contract is slowed down", lambda: self.burst("slow", "SLOW", "11", 6, CODE, {0, 0x58}))
        self.scene("SG152 more than the operator's window may wait", lambda: self.burst("mute", "MUTE", "12", 10, PROMO.replace("36111", "36222"), {0xFF, 0x14}))
        return self.bad

    def binds(self, kind):
        session = self.bound("acme", kind)
        if session.enquire() is False:
            return "enquire_link was not answered"
        session.unbind()

    def refused_bind(self):
        session, status = self.client.bind("transceiver", "acme", "wrong")
        session.close()
        return None if status == 0x0E else f"{status:#x}"

    def case(self, case):
        number = case.get("number") or self.number(case["to"])
        national = case.get("spelling") == "national"
        session = self.bound(case["account"], "transmitter")
        answer = session.submit(Fields(
            source=case["source"], destination="0" + number[2:] if national else number, ton=2 if national else 1,
            text=case.get("text", ""), coding=case.get("coding", "default"), octets=bytes.fromhex(case.get("octets", "")),
            data_coding=case.get("data_coding", 0), schedule="schedule" in case))
        session.unbind()
        if answer.status != case["status"]:
            return f"{answer.status:#x} instead of {case['status']:#x}"
        if answer.status != 0:
            return None if answer.octets == 16 else f"{answer.octets} octets instead of 16"
        seen = self.seen(number)
        if not seen:
            return "the operator did not get it"
        if seen[-1]["message_id"] != answer.message_id:
            return f"message_id {answer.message_id} instead of {seen[-1]['message_id']}"
        return None if seen[-1]["text"] == case["text"] else f"the operator got {seen[-1]['text']!r}"

    def payload(self, session, tail, text, status):
        answer = session.submit(Fields("ACME", self.number(tail), text, payload=True))
        if answer.status != status:
            return f"{answer.status:#x} instead of {status:#x}"
        got = [one["text"] for one in self.seen(self.number(tail))]
        return None if got == ([text] if status == 0 else []) else f"the operator got {got}"

    def parts(self):
        """In UCS-2, because aiosmpplib packs septets into its parts."""
        text = "Votre code \u20ac 1234 \u2026 " * 12
        session = self.bound("otp")
        statuses = session.parts(Fields("BANQUE", self.number("105"), text, coding="ucs2"))
        session.unbind()
        got = [one["text"] for one in self.seen(self.number("105"))]
        return None if set(statuses) == {0} and len(got) > 1 and "".join(got) == text else f"{statuses}, {got}"

    def receipt(self, session):
        answer = session.submit(Fields("ACME", self.number("102"), PROMO, receipt=True))
        if answer.status != 0:
            return f"{answer.status:#x}"
        heard = session.hear(lambda one: one.esm_class == 4 and one.text.startswith(f"id:{answer.message_id} "))
        return None if heard.source == self.number("102") else f"from {heard.source}"

    def rejected(self):
        session = self.bound("told")
        answer = session.submit(Fields("TOLD", self.number("106"), "Promo -20% today only", receipt=True))
        if answer.status != 0 or not answer.message_id.startswith("stopgate-"):
            return f"{answer.status:#x} {answer.message_id}"
        heard = session.hear(lambda one: one.esm_class == 4 and one.text.startswith(f"id:{answer.message_id} "))
        session.unbind()
        wanted = "stat:REJECTD err:121 text:SG121 missing stop mention"
        if self.seen(self.number("106")):
            return "the operator got it"
        return None if heard.text.endswith(wanted) and heard.source == self.number("106") else str(heard)

    def write(self, session, number, text):
        """A person writes to 36111 while the client listens: a blocking client answers only while it reads."""
        told = []
        thread = threading.Thread(target=lambda: told.append(ask({"mo": {"from": number, "to": "36111", "text": text}})))
        thread.start()
        heard = session.hear(lambda one: one.source == number)
        thread.join()
        return told[0], heard

    def message(self, session):
        text = "What time do you open?"
        told, heard = self.write(session, self.number("103"), text)
        if told.get("answered", {}).get("status") != 0:
            return str(told)
        return None if (heard.text, heard.destination) == (text, "36111") else str(heard)

    def stop(self, session):
        number = self.number("104")
        before = session.submit(Fields("ACME", number, PROMO)).status
        if before != 0:
            return f"before: {before:#x}"
        told, _ = self.write(session, number, "Stop")
        if told.get("answered", {}).get("status") != 0:
            return str(told)
        after = session.submit(Fields("ACME", number, PROMO)).status
        if after != 0x66:
            return f"after: {after:#x}"
        until = time.monotonic() + 10
        while True:
            seen = self.seen(number)
            if len(seen) == 2 and seen[1]["source"] == "36111":
                return None
            if len(seen) > 2 or time.monotonic() > until:
                return f"the operator got {seen}"
            time.sleep(0.05)

    def burst(self, account, source, tail, count, text, wanted):
        session = self.bound(account)
        statuses = session.burst([Fields(source, self.number(f"{tail}{n}"), text) for n in range(count)])
        session.unbind()
        return None if set(statuses) == wanted and len(statuses) == count else " ".join(map(hex, statuses))
