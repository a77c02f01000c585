"""Owns PyPI smpplib as a sender. Must never patch the client."""
import logging
import sys
import time

import smpplib.client
import smpplib.consts
import smpplib.exceptions
import smpplib.gsm
import smpplib.smpp

from scenes import SETTING, Answer, Fields, Heard, Play

logging.disable(logging.CRITICAL)


class Session:
    def __init__(self):
        self.client = smpplib.client.Client("127.0.0.1", SETTING["gateway"], timeout=20, allow_unknown_opt_params=True)
        self.answers, self.heard = {}, []
        self.client.set_message_sent_handler(lambda pdu: self.note(pdu))
        self.client.set_error_pdu_handler(lambda pdu: self.note(pdu))
        self.client.set_message_received_handler(lambda pdu: self.deliver(pdu))

    def note(self, pdu):
        message_id = getattr(pdu, "message_id", None) or b""
        message_id = message_id.decode() if isinstance(message_id, bytes) else message_id
        self.answers.setdefault(pdu.sequence, Answer(int(pdu.status), message_id, pdu.length))

    def deliver(self, pdu):
        text = (pdu.short_message or pdu.message_payload or b"").decode("latin-1")
        self.heard.append(Heard(pdu.source_addr.decode(), pdu.destination_addr.decode(), pdu.esm_class, text))
        return smpplib.consts.SMPP_ESME_ROK

    def send(self, fields: Fields):
        coding = {"default": 0, "latin1": 3, "ucs2": 8}[fields.coding]
        encode = {0: smpplib.gsm.gsm_encode, 3: lambda t: t.encode("latin-1"), 8: lambda t: t.encode("utf-16-be")}[coding]
        octets = fields.octets or encode(fields.text)
        more = {"message_payload": octets, "short_message": b""} if fields.payload else {"short_message": octets}
        if fields.schedule:
            more["schedule_delivery_time"] = SETTING["night"]
        return self.client.send_message(
            source_addr_ton=5, source_addr_npi=0, source_addr=fields.source, dest_addr_ton=fields.ton, dest_addr_npi=1,
            destination_addr=fields.destination, data_coding=fields.data_coding or coding,
            registered_delivery=fields.receipt, **more).sequence

    def submit(self, fields):
        sequence = self.send(fields)
        while sequence not in self.answers:
            self.client.read_once(auto_send_enquire_link=False)
        return self.answers[sequence]

    def burst(self, many):
        sequences = [self.send(fields) for fields in many]
        while not all(one in self.answers for one in sequences):
            self.client.read_once(auto_send_enquire_link=False)
        return [self.answers[one].status for one in sequences]

    def parts(self, fields):
        octets, coding, esm_class = smpplib.gsm.make_parts(fields.text)
        sequences = [self.client.send_message(
            source_addr_ton=5, source_addr=fields.source, dest_addr_ton=1, dest_addr_npi=1, destination_addr=fields.destination,
            data_coding=coding, esm_class=esm_class, short_message=part).sequence for part in octets]
        while not all(one in self.answers for one in sequences):
            self.client.read_once(auto_send_enquire_link=False)
        return [self.answers[one].status for one in sequences]

    def hear(self, test):
        until = time.monotonic() + 20
        while time.monotonic() < until:
            for one in self.heard:
                if test(one):
                    return one
            self.client.read_once(auto_send_enquire_link=False)
        raise TimeoutError("nothing like it was heard")

    def enquire(self):
        self.client.send_pdu(smpplib.smpp.make_pdu("enquire_link", client=self.client))
        return self.client.read_pdu().command == "enquire_link_resp"

    def unbind(self):
        self.client.unbind()
        self.client.disconnect()

    def close(self):
        self.client.disconnect()


class Smpplib:
    def bind(self, kind, account, password):
        session = Session()
        session.client.connect()
        try:
            getattr(session.client, f"bind_{kind}")(system_id=account, password=password)
        except smpplib.exceptions.PDUError as error:
            return session, error.args[1]
        return session, 0


if __name__ == "__main__":
    sys.exit(1 if Play(Smpplib(), 2).run(long_repeats=30) else 0)
