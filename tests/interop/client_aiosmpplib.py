"""Owns PyPI aiosmpplib as a sender, its loop on a thread of its own. Must never patch the client."""
import asyncio
import itertools
import struct
import sys
import threading
from datetime import datetime, timedelta, timezone

from aiosmpplib import ESME, AbstractHook
from aiosmpplib.log import CRITICAL
from aiosmpplib.protocol import DeliverSm, SubmitSm, SubmitSmResp
from aiosmpplib.state import NPI, TON, BindMode, PhoneNumber

from scenes import SETTING, Answer, Fields, Heard, NotSent, Play

LOOP = asyncio.new_event_loop()
threading.Thread(target=LOOP.run_forever, daemon=True).start()
WAIT = 30
NAMES = itertools.count(1)
NIGHT = datetime.strptime(SETTING["night"][:12], "%y%m%d%H%M%S").replace(tzinfo=timezone(timedelta(hours=1))) if SETTING else None


def now(coroutine):
    return asyncio.run_coroutine_threadsafe(coroutine, LOOP).result(WAIT + 5)


class Hook(AbstractHook):
    """Sees every PDU that comes in."""

    def __init__(self):
        self.changed = asyncio.Condition()
        self.bind_status, self.answers, self.heard, self.alive, self.sent = None, {}, [], False, set()

    async def sending(self, smpp_message, pdu, client_id):
        async with self.changed:
            self.sent.add(getattr(smpp_message, "log_id", ""))
            self.changed.notify_all()

    async def received(self, smpp_message, pdu, client_id):
        command, status = struct.unpack_from("!II", pdu, 4)
        async with self.changed:
            if command in (0x80000001, 0x80000002, 0x80000009):
                self.bind_status = status
            elif command == 0x80000015:
                self.alive = True
            elif isinstance(smpp_message, SubmitSmResp) and command == 0x80000004:
                self.answers[smpp_message.log_id] = Answer(status, smpp_message.message_id or "", len(pdu))
            elif isinstance(smpp_message, DeliverSm):
                text = smpp_message.short_message or smpp_message.message_payload
                self.heard.append(Heard(smpp_message.source.number, smpp_message.destination.number, smpp_message.esm_class, text))
            self.changed.notify_all()

    async def send_error(self, smpp_message, error, client_id):
        async with self.changed:
            self.answers[smpp_message.log_id] = Answer(-1, repr(error), 0)
            self.changed.notify_all()

    async def until(self, found, seconds=WAIT):
        async with self.changed:
            await asyncio.wait_for(self.changed.wait_for(found), seconds)
        return found()


class Session:
    def __init__(self, kind, account, password):
        self.hook = Hook()
        self.esme = ESME("127.0.0.1", SETTING["gateway"], account, password, bind_mode=BindMode[kind.upper()],
                         enquire_link_interval=1.5, log_level=CRITICAL, hook=self.hook)
        self.task = LOOP.create_task(self.esme.start())

    async def send(self, fields: Fields, **more):
        name = str(next(NAMES))
        text = {"message_payload": fields.text} if fields.payload else {"short_message": fields.text}
        await self.esme.broker.enqueue(SubmitSm(
            log_id=name, source=PhoneNumber(fields.source, TON.ALPHANUMERIC, NPI.UNKNOWN),
            destination=PhoneNumber(fields.destination, TON(fields.ton), NPI.ISDN),
            encoding={"default": None, "latin1": "latin_1", "ucs2": "ucs2"}[fields.coding],
            schedule_delivery_time=NIGHT if fields.schedule else None,
            registered_delivery=int(fields.receipt), **text, **more))
        return name

    async def all(self, many):
        names = [await self.send(fields) for fields in many]
        try:
            await self.hook.until(lambda: names[0] in self.hook.sent, 5)
        except asyncio.TimeoutError:
            raise NotSent from None
        await self.hook.until(lambda: all(name in self.hook.answers for name in names))
        return [self.hook.answers[name] for name in names]

    def submit(self, fields):
        return now(self.all([fields]))[0]

    def burst(self, many):
        return [answer.status for answer in now(self.all(many))]

    def parts(self, fields):
        """It cuts by itself, and tells the status of the whole with the last part."""
        async def whole():
            name = await self.send(fields, auto_message_payload=False, esm_class=0x40)
            await self.hook.until(lambda: name in self.hook.answers)
            return [self.hook.answers[name].status]
        return now(whole())

    def hear(self, test):
        return now(self.hook.until(lambda: next((one for one in self.hook.heard if test(one)), None)))

    def enquire(self):
        """Its keeper asks by itself once nothing came for 1.5 s."""
        return now(self.hook.until(lambda: self.hook.alive))

    def unbind(self):
        self.close()

    def close(self):
        """Stopped first: a refused client goes on binding by itself, and would spend the address's right to be wrong."""
        now(self.esme.stop())
        LOOP.call_soon_threadsafe(self.task.cancel)


class Aiosmpplib:
    def bind(self, kind, account, password):
        async def opened():
            session = Session(kind, account, password)
            await session.hook.until(lambda: session.hook.bind_status is not None)
            return session
        session = now(opened())
        return session, session.hook.bind_status


if __name__ == "__main__":
    sys.exit(1 if Play(Aiosmpplib(), 3, speaks=("latin1",)).run(long_repeats=60) else 0)
