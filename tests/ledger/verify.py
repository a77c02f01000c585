#!/usr/bin/env python3
"""Owns a second verification of ledgers and proofs, in standard-library Python and from docs/ledger.md alone.
Must never import anything that is not in the standard library, nor share code with the gateway.

usage: verify.py [--key PUB] [--since FILE] [--tag-key FILE] DIR|FILE...     a line for each; exit 0: all hold; exit 3: one does not,
and its first fault is printed. Opt-outs and counters are replayed from the records, sending hours are not. With the tag key (its
later generations beside it) opt-outs are followed past its replacements.
"""
import base64
import hashlib
import hmac
import json
import os
import struct
import sys

# --- CRC32C ---------------------------------------------------------------------------------------------------------
TABLE = []
for byte in range(256):
    for _ in range(8):
        byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
    TABLE.append(byte)


def crc32c(*pieces):
    crc = 0xFFFFFFFF
    for piece in pieces:
        for octet in piece:
            crc = TABLE[(crc ^ octet) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


# --- Ed25519 (RFC 8032), verification only ----------------------------------------------------------------------------
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)


def plus(a, b):
    """The sum of two points in extended coordinates."""
    m, n = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    o, q = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = n - m, q - o, q + o, n + m
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(scalar, point):
    total = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            total = plus(total, point)
        point = plus(point, point)
        scalar >>= 1
    return total


def same(a, b):
    return (a[0] * b[2] - b[0] * a[2]) % P == 0 and (a[1] * b[2] - b[1] * a[2]) % P == 0


def point(octets):
    """Reads a point; None when there is none."""
    y = int.from_bytes(octets, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


BASE = point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


KNOWN = {}


def signed(public, text, signature):
    """Whether a signature holds: each is computed once."""
    asked = (public, text, signature)
    if asked not in KNOWN:
        KNOWN[asked] = computed(public, text, signature)
    return KNOWN[asked]


def computed(public, text, signature):
    a, r = point(public), point(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if a is None or r is None or len(signature) != 64 or s >= L:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + public + text).digest(), "little") % L
    return same(times(s, BASE), plus(r, times(h, a)))


# --- ChaCha20-Poly1305 (RFC 8439), opening only ------------------------------------------------------------------------
def chacha_block(key, counter, nonce):
    start = list(struct.unpack("<16I", b"expand 32-byte k" + key + struct.pack("<I", counter) + nonce))
    w = list(start)

    def quarter(a, b, c, d):
        for left, right in ((16, 12), (8, 7)):
            w[a] = w[a] + w[b] & 0xFFFFFFFF
            w[d] ^= w[a]
            w[d] = (w[d] << left | w[d] >> 32 - left) & 0xFFFFFFFF
            w[c] = w[c] + w[d] & 0xFFFFFFFF
            w[b] ^= w[c]
            w[b] = (w[b] << right | w[b] >> 32 - right) & 0xFFFFFFFF

    for _ in range(10):
        for i in range(4):
            quarter(i, 4 + i, 8 + i, 12 + i)
        for i in range(4):
            quarter(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
    return struct.pack("<16I", *((a + b) & 0xFFFFFFFF for a, b in zip(w, start)))


def opened(key, nonce, sealed, context):
    """The clear octets, or None when the authentication tag does not hold."""
    cipher, tag = sealed[:-16], sealed[-16:]
    once = chacha_block(key, 0, nonce)
    r = int.from_bytes(once[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    s = int.from_bytes(once[16:32], "little")
    padded = lambda octets: octets + bytes(-len(octets) % 16)
    data = padded(context) + padded(cipher) + struct.pack("<QQ", len(context), len(cipher))
    total = 0
    for at in range(0, len(data), 16):
        total = (total + int.from_bytes(data[at : at + 16] + b"\1", "little")) * r % (2**130 - 5)
    if (total + s & (1 << 128) - 1).to_bytes(16, "little") != tag:
        return None
    stream = b"".join(chacha_block(key, 1 + at, nonce) for at in range(len(cipher) // 64 + 1))
    return bytes(a ^ b for a, b in zip(cipher, stream))


# --- trees (RFC 6962) -----------------------------------------------------------------------------------------------
def sha(*pieces):
    return hashlib.sha256(b"".join(pieces)).digest()


def leaf_hash(leaf):
    return sha(b"\0", leaf)


class Tree:
    """Grows by a leaf; `nodes` holds every complete subtree whose level is a multiple of eight."""

    def __init__(self):
        self.size, self.peaks, self.kept = 0, [], {}

    def begin(self, folder, size):
        """Goes on behind `size` leaves that are gone: the hashes that were kept stand for them."""
        self.size, level = size, size.bit_length()
        while level:
            level -= 1
            if size >> level & 1:
                self.peaks.append(kept_node(folder, level, (size >> level) - 1))

    def push(self, leaf):
        node, level, index = leaf, 0, self.size
        self.kept[0, index] = node
        while index & 1:
            node, level, index = sha(b"\1", self.peaks.pop(), node), level + 1, index >> 1
            if level % 8 == 0:
                self.kept[level, index] = node
        self.peaks.append(node)
        self.size += 1

    def root(self):
        if not self.peaks:
            return sha(b"")
        node = self.peaks[-1]
        for left in reversed(self.peaks[:-1]):
            node = sha(b"\1", left, node)
        return node


def kept_node(folder, level, index):
    if level % 8:
        return sha(b"\1", kept_node(folder, level - 1, 2 * index), kept_node(folder, level - 1, 2 * index + 1))
    with open(os.path.join(folder, f"{level // 8}-{index // 65536:010}.hash"), "rb") as file:
        file.seek(index % 65536 * 32)
        node = file.read(32)
    must(len(node) == 32 and any(node), folder, "records are gone, and the hashes that stand for them too")
    return node


def inclusion_root(leaf, index, size, path):
    """The root a path leads to, by the recursion of RFC 6962; None when its length is wrong."""
    if index >= size:
        return None
    if size == 1:
        return leaf if not path else None
    if not path:
        return None
    middle = 1 << (size - 1).bit_length() - 1
    if index < middle:
        left, right = inclusion_root(leaf, index, middle, path[:-1]), path[-1]
    else:
        left, right = path[-1], inclusion_root(leaf, index - middle, size - middle, path[:-1])
    return None if left is None or right is None else sha(b"\1", left, right)


# --- notes and checkpoints ------------------------------------------------------------------------------------------
class Fault(Exception):
    """What is wrong, and where."""


def must(holds, *what):
    if not holds:
        raise Fault(": ".join(str(word) for word in what))


def unbase64(text):
    octets = base64.b64decode(text, validate=True)
    must(base64.b64encode(octets).decode() == text, "this base64 is not the one way to write it")
    return octets


class Key:
    def __init__(self, text):
        self.text = text
        self.name, number, encoded = text.strip().split("+", 2)
        octets = unbase64(encoded)
        must(len(octets) == 33 and octets[0] == 1, "this is no Ed25519 key")
        self.public = octets[1:]
        must(self.id_as(self.name).hex() == number, "the key's id is not that of its name")
        must(self.name.endswith("/events"), "the key is of no events' log")
        self.origin = self.name[: -len("/events")]
        self.chain, self.by = [self.public], None

    def id_as(self, name, public=None):
        return sha(name.encode(), b"\n\1", public or self.public)[:4]

    def follow(self, rotations, given):
        """Takes the keys before this one, each replaced by a statement that it and the next one signed."""
        keys = [rotation[1] for rotation in rotations] + [self.public]
        for at, (number, old, new, by_old, by_new) in enumerate(rotations):
            must(number == at + 1 and old == keys[at] and new == keys[at + 1], "rotations: they do not follow each other")
            encoded = base64.b64encode(old).decode(), base64.b64encode(new).decode()
            text = "stopgate key rotation 1\n" + "".join(f"{line}\n" for line in (self.origin, number, *encoded))
            must(signed(old, text.encode(), by_old) and signed(new, text.encode(), by_new), "rotations: not signed by both keys")
        self.chain = keys
        must(given is None or given.public in keys, "not the key you gave, nor one that replaced it")

    def check(self, note, name, where):
        """The text of a note, when it bears exactly one signature and that is this key's under `name`."""
        note = note.decode("utf-8")
        must(not any(letter < " " and letter != "\n" or letter == "\x7f" for letter in note), where, "a control character")
        at = note.rfind("\n\n")
        must(at >= 0 and note.endswith("\n"), where, "this is no signed note")
        text, lines = note[: at + 1], note[at + 2 : -1].split("\n")
        must(len(lines) == 1 and lines[0].startswith("\u2014 "), where, "not one signature")
        signer, encoded = lines[0][2:].split(" ", 1)
        octets = unbase64(encoded)
        known = [at for at, public in enumerate(self.chain) if octets[:4] == self.id_as(name, public)]
        must(signer == name and known, where, f"signed by another than {name}")
        self.by = known[0]
        must(signed(self.chain[self.by], text.encode(), octets[4:]), where, "the signature does not hold")
        return text


def checkpoint(key, note, stream, where):
    """Sizes and roots of both streams, and the epoch."""
    other = {"events": "verdicts", "verdicts": "events"}[stream]
    lines = key.check(note, f"{key.origin}/{stream}", where).split("\n")
    must(len(lines) == 7 and lines[0] == f"{key.origin}/{stream}" and lines[6] == "", where, "this is no checkpoint")
    must(lines[3].startswith("time ") and lines[4].startswith("epoch "), where, "this is no checkpoint")
    last = lines[5].split(" ")
    must(len(last) == 3 and last[0] == other, where, "this is no checkpoint")
    heads = {stream: (int(lines[1]), unbase64(lines[2])), other: (int(last[1]), unbase64(last[2]))}
    return heads, int(lines[4][len("epoch ") :])


def notes_of(octets):
    """The notes of a file that holds one behind the other; zeros behind them are what a power cut leaves."""
    written = octets.rstrip(b"\0")
    torn = len(written) < len(octets)
    half = not octets.endswith(b"\n")
    sector = len(written) % 512 == 0 and (torn or half)
    octets = written
    while octets:
        blank = octets.find(b"\n\n")
        if sector and (blank < 0 or octets.find(b"\n", blank + 2) < 0):
            return
        must(blank >= 0, "a torn note")
        end = octets.find(b"\n", blank + 2) + 1
        must(end > 0, "a torn note")
        yield octets[:end]
        octets = octets[end:]


# --- segments and records -------------------------------------------------------------------------------------------
def segments(folder, stream):
    """The segments of a stream, oldest first: path, octets, first record, where its records end (None for the last), its mark."""
    found = {}
    for name in sorted(os.listdir(folder)):
        if not name.endswith(".seg"):
            continue
        path = os.path.join(folder, name)
        with open(path, "rb") as file:
            octets = file.read()
        if not any(octets[:512]):
            must(not any(octets), path, "octets where nothing was written")
            continue
        magic, named, index, first, before, end, label, crc = struct.unpack(">8s8sQQQQ16sI", octets[:68])
        whole = magic == b"SGSEG\0\0\1" and crc == crc32c(octets[:64]) and not any(octets[68:512])
        must(whole and named.rstrip(b"\0").decode() == stream and index == int(name[:-4]), path, "its header does not hold")
        found[index] = (path, octets, first, before, end, label)
    must(found, folder, "no segment")
    chain, end, index = [], None, max(found)
    while True:
        must(index in found, folder, f"segment {index} is missing")
        path, octets, first, before, left_at, label = found.pop(index)
        chain.append((path, octets, first, end, label))
        if before == index:
            break
        index, end = before, left_at
    must(not found, folder, "segments that are no part of the stream")
    return reversed(chain)


def records(folder, stream, ended):
    """Every record: sequence number, leaf, blob, where it stands, the mark of its segment. `ended` says, once all are read, whether octets may follow."""
    seq = None
    for path, octets, first, end, label in segments(folder, stream):
        seq = first if seq is None else seq
        must(first == seq, path, f"it begins with record {first} where {seq} follows")
        at, limit = 512, len(octets) if end is None else end
        while at < limit:
            where = f"{stream} record {seq}, {path}, octet {at}"
            length, crc, number, leaf, zero = struct.unpack(">IIQHH", (octets[at : at + 20] + bytes(20))[:20])
            if end is None and length == 0:
                break
            whole = 20 + leaf <= length <= min(1 << 20, limit - at) and zero == 0
            must(whole and crc == crc32c(octets[at : at + 4], octets[at + 8 : at + length]), where, "it does not hold its checksum")
            must(number == seq, where, f"it is numbered {number}")
            yield seq, octets[at + 20 : at + 20 + leaf], octets[at + 20 + leaf : at + length], where, label
            at, seq = at + length, seq + 1
        must(not ended() or not any(octets[at:]) or end is not None, path, "octets behind the last record")


NAMES = b"SGNAMES\2"
SEALED = 4


def first_of(folder, stream):
    """The number of the first record that is still here."""
    return next(iter(segments(folder, stream)))[2]


def hashes_of(folder, count):
    """The hashes of the first leaves, which stand for records that were given up."""
    for file in range((count + 65535) // 65536):
        path = os.path.join(folder, f"0-{file:010}.hash")
        with open(path, "rb") as opened_file:
            octets = opened_file.read(32 * min(65536, count - file * 65536))
        must(len(octets) == 32 * min(65536, count - file * 65536), path, "hashes of what was given up are missing")
        yield from (octets[at : at + 32] for at in range(0, len(octets), 32))


KINDS = {"events": range(32, 96), "verdicts": range(1, 32)}


def head(leaf, seq, stream, where):
    """Kind, flags, start and what follows the head."""
    must(len(leaf) >= 24, where, "its leaf is too short")
    version, kind, flags, zero, number, _, boot = struct.unpack(">BBBBQqI", leaf[:24])
    must(version == 1 and zero == 0 and kind in KINDS[stream], where, "its head is none")
    must(number == seq, where, "its own number is not that of its place")
    must(stream == "events" or len(leaf) == 108, where, "a verdict has 108 octets")
    return kind, flags, boot, leaf[24:]


def tag_links(path):
    """The tag key in a file and in those of its other generations beside it, each by its generation."""
    stem, number = path, 1
    if path.rsplit(".", 1)[-1].isdigit():
        stem, number = path.rsplit(".", 1)[0], int(path.rsplit(".", 1)[-1])
    name = lambda generation: stem if generation == 1 else f"{stem}.{generation}"
    while number > 1 and os.path.exists(name(number - 1)):
        number -= 1
    links = {}
    while not links or os.path.exists(name(number)):
        with open(name(number), encoding="ascii") as file:
            links[number] = bytes.fromhex(file.read().strip())
        number += 1
    return links


def committed(secret):
    return hmac.digest(secret, b"stopgate key check 1: tag", "sha256")


class Generations:
    """The keys as the records bring them in: the mark of each start's segments, and what carries a tag past a replacement."""

    def __init__(self, links):
        self.links, self.tags, self.marks, self.sealing, self.awaits = links, [], [], None, False

    def begin(self, commitment, boot, mark, where):
        self.awaits = False
        if not self.tags:
            own = [number for number, secret in self.links.items() if committed(secret) == commitment]
            self.tags.append([own[0] if own else 1, 0, commitment])
            must(mark is None or mark[:8] == commitment[:8], where, "its segment says other keys than it does")
            self.marks.append((boot, mark, 0))
        must(self.tags[-1][2] == commitment, where, "made with another tag key than the one on record")

    def rekey(self, seq, boot, fields, where):
        secret, generation, old, new, length = struct.unpack(">BI32s32sH", fields[:71])
        must(len(fields) == 71 + length and secret in (1, 2) and generation >= 2 and old != new, where, "no replacement of a key")
        fields[71:].decode("utf-8")
        must(self.tags, where, "a key is replaced before there is one")
        mark = self.marks[-1][1] or bytes(16)
        if secret == 1:
            if len(self.tags) == 1:
                self.tags[0][0] = generation - 1
            known = self.tags[-1]
            must(known[0] + 1 == generation and known[2] == old, where, "it replaces another tag key than the one on record")
            self.tags.append([generation, seq, new])
            mark = new[:8] + mark[8:]
        else:
            known = self.sealing or (generation - 1, old)
            same = known == (generation - 1, old) and mark[8:] == old[:8]
            must(same, where, "it replaces another sealing key than the one on record")
            self.sealing, mark = (generation, new), mark[:8] + new[:8]
        self.marks.append((boot, mark, len(self.tags) - 1))
        self.awaits = True

    def settled(self, mark, where):
        must(not self.awaits, where, "a key was replaced, and no start follows")
        must(not self.marks or self.marks[-1][1] == mark, where, "its segment says other keys than the records do")

    def place_of(self, boot, mark, where):
        known = [one for one in self.marks if one[0] <= boot]
        must(mark is None or not known or known[-1][1] == mark, where, "its segment says other keys than the records do")
        return known[-1][2] if known else 0

    def compare(self):
        """What was brought along is what the records commit to."""
        if not self.links:
            return
        known = [(number, seq, said) for number, seq, said in self.tags if number in self.links]
        must(known, "events record 0:", "it commits to another tag key")
        for number, seq, said in known:
            must(committed(self.links[number]) == said, f"events record {seq}:", "it commits to another tag key")

    def reaches(self):
        return all(number in self.links for number, _, _ in self.tags[1:])

    def carry(self, tag, place):
        for number, _, _ in self.tags[place + 1 :] if self.reaches() else []:
            tag = hmac.digest(self.links[number], tag, "sha256")[:16]
        return tag


class Lineage:
    """Which checkpoints are this ledger's: those of each epoch from where it began to where a restore left it."""

    def __init__(self):
        self.spans, self.restores, self.awaited = [[0, (0, 0), (1 << 64, 1 << 64)]], [], None
        self.closed = []

    def begin(self, epoch, events, verdicts, where):
        must(epoch >= self.spans[-1][0], where, "its epoch is an earlier one")
        if epoch > self.spans[-1][0]:
            for span in self.spans:
                span[2] = min(span[2][0], events), min(span[2][1], verdicts)
            self.spans.append([epoch, (events, verdicts), (1 << 64, 1 << 64)])
            self.awaited = epoch

    def take(self, seq, at, kind, rest, where):
        """Every event behind a start."""
        must(kind == 44 or self.awaited is None, where, "a new epoch without its record")
        if kind == 44:
            must(self.awaited == struct.unpack(">I", rest[:4])[0], where, "a restore where no new epoch began")
            self.restores.append({"epoch": self.awaited, "kept": self.spans[-1][1], "open": False})
            self.closed.append([seq, None])
            self.awaited = None
        if kind == 45:
            epoch, how, first, second, _ = struct.unpack(">IBIII", rest)
            must(self.restores and self.restores[-1]["epoch"] == epoch, where, "no such restore")
            must(how == 1 or how == 2 and first != second, where, "one person alone")
            self.restores[-1]["open"] = True
            self.closed[-1][1] = self.closed[-1][1] or (seq, at)

    def weigh(self, at, events, where):
        """Whether a commercial message may have left, as far as restores go."""
        for seq, opened in self.closed:
            again = opened is not None and (events > opened[0] or opened[1] <= at + 5_000_000)
            must(events <= seq or again, where, f"a commercial message left although event {seq} had closed the restored ledger")

    def holds(self, stream, size, epoch):
        at = ("events", "verdicts").index(stream)
        return any(span[0] == epoch and span[1][at] <= size <= span[2][at] for span in self.spans)


class Law:
    """Opt-outs and counters, read again from the records."""

    LEFT, COUNTED = (1, 3), {1: 0, 3: 0, 4: 1, 6: 2, 5: 3}

    def __init__(self, links):
        self.keys = Generations(links)
        self.acts, self.begins, self.gaps, self.wanted, self.last = {}, {}, {}, [], {}
        self.boot, self.sums, self.ahead, self.replayed, self.names = 0, {}, {}, [0, 0], []
        self.boots = {}

    def event(self, seq, at, boot, kind, rest, where):
        known = self.boots.setdefault(boot, [at, at])
        known[1] = max(known[1], at)
        if kind == 32:
            self.begins[boot] = [struct.unpack(">Q", rest[-28:-20])[0], False]
        elif kind == 33:
            self.begins[boot][1] = True
        elif kind == 34:
            handle, length = struct.unpack(">IH", rest[:6])
            must(handle == len(self.names) + 1 and len(rest) == 6 + length, where, "a name takes a handle that is taken, or skips one")
            self.names.append(rest[6:])
        elif kind == 36:
            origin, number, tag, scope, value = struct.unpack(">IQ16sBQ", rest[:37])
            self.acts.setdefault((tag, len(self.keys.tags) - 1), []).append((seq, at, "stop", (scope, value), origin, number))
        elif kind == 37:
            tag, count = struct.unpack(">16sxH", rest[12:31])
            accounts = struct.unpack(f">{count}I", rest[31 : 31 + 4 * count])
            at_seen = 31 + 4 * count
            for nth in range(struct.unpack(">H", rest[at_seen : at_seen + 2])[0]):
                origin, number = struct.unpack(">IQ", rest[at_seen + 2 + 12 * nth : at_seen + 14 + 12 * nth])
                self.acts.setdefault((tag, len(self.keys.tags) - 1), []).append((seq, at, "lift", accounts, origin, number))
        elif kind == 42:
            self.gaps.setdefault(boot, []).append(seq)
        elif kind == 64:
            account, upto, received, permitted, refused, waiting, answered, unresolved, withdrawn, flying = struct.unpack(">I9Q", rest)
            must(received == permitted + refused + waiting, where, "received is not permitted, refused and waiting")
            must(permitted == answered + unresolved + withdrawn + flying, where, "permitted is not what became of it")
            before = self.last.get((boot, account), (0, 0, 0))
            must(all(old <= new for old, new in zip(before, (received, permitted, upto))), where, "the counter is smaller than the one before")
            self.last[boot, account] = received, permitted, upto
            self.wanted.append((upto, len(self.last), boot, seq, account, (permitted, refused, unresolved, withdrawn)))
        elif kind == 65:
            _, _, received, acked, refused, unanswered = struct.unpack(">IIQQQQ", rest)
            must(received == acked + refused + unanswered, where, "received is not acked, refused and unanswered")

    def carried(self):
        """All events are read: each act goes to the newest tag of its number."""
        self.keys.compare()
        acts, self.acts = self.acts, {}
        for (tag, place), of_tag in acts.items():
            self.acts.setdefault(self.keys.carry(tag, place), []).extend(of_tag)
        for of_tag in self.acts.values():
            of_tag.sort(key=lambda act: act[0])

    def standing(self, acts, account, sender):
        """The first stop that concerns the message and that no lift for its account has seen."""
        for seq, at, what, scope, origin, number in acts:
            if what == "stop" and (scope[0] == 0 or scope in ((1, account), (2, sender))):
                lifts = (act for act in acts if act[2] == "lift" and account in act[3])
                if not any(act[4] == origin and act[5] >= number for act in lifts):
                    return seq, at
        return None

    def verdict(self, seq, at, boot, kind, flags, rest, first, lineage, where, label):
        place = self.keys.place_of(boot, label, where)
        self.compare(seq, first, where)
        self.enter(boot)
        (account, tag), commercial = struct.unpack(">I16s", rest[:20]), rest[20] == 1
        sender, events = struct.unpack(">Q", rest[28:36])[0], struct.unpack(">Q", rest[68:76])[0]
        if kind in self.COUNTED:
            self.sums.setdefault(account, [0] * 4)[self.COUNTED[kind]] += 1
        if kind not in self.LEFT or not commercial:
            return
        must(flags & 2, where, "a commercial message left to nobody that is named")
        acts = self.acts.get(self.keys.carry(tag, place), [])
        known = self.standing([act for act in acts if act[0] < events], account, sender)
        must(known is None, where, "a commercial message left to a number that had opted out")
        late = self.standing(acts, account, sender)
        stale = late is not None and late[0] >= events and late[1] + 60_000_000 < at and not flags & 1
        must(not stale, where, "a commercial message was judged by a list that was out of date")
        lineage.weigh(at, events, where)
        self.replayed[0] += 1

    def enter(self, boot):
        if boot != self.boot:
            self.boot, self.sums, self.ahead = boot, {}, {}

    def compare(self, seq, first, where):
        """Counters that hold up to (not with) this verdict."""
        due = sorted(one for one in self.wanted if one[0] <= seq)
        if not due:
            return
        self.wanted = [one for one in self.wanted if one[0] > seq]
        for upto, _, boot, event, account, said in due:
            begun, ended = self.begins.get(boot, (0, False))
            if begun < first or self.begins.get(boot + 1, (upto, False))[0] < upto:
                continue
            self.enter(max(boot, self.boot))
            found = self.sums.get(account, [0] * 4) if boot == self.boot else [0] * 4
            ahead, last = self.ahead.get(account, ((0, 0, 0, 0), 0))
            missing = tuple(a - b for a, b in zip(said, found))
            gap = any(gap > last for gap in self.gaps.get(boot, []))
            grown = all(a >= b for a, b in zip(missing, ahead)) and (gap or not ended)
            must(missing == ahead or grown, where, f"the verdicts add up to {found}, but the counter of event {event} says {said}")
            self.ahead[account] = missing, event
            self.replayed[1] += 1

    def unsigned(self, folder):
        """Why a ledger without a checkpoint must have had one; None when it can be too young."""
        for name in ("hourly", "recent", "recent-old"):
            path = os.path.join(folder, "checkpoints", name)
            if os.path.exists(path) and os.path.getsize(path):
                return f"checkpoints/{name} is not empty"
        if any(ended for _, ended in self.begins.values()):
            return "one of its starts ended in order"
        if any(last - began > 15_000_000 for began, last in self.boots.values()):
            return "one of its starts lasted longer than a checkpoint takes"
        return None


def beside(folder, law):
    """What stands beside the streams and is held against them."""
    with open(os.path.join(folder, "format"), encoding="utf-8") as file:
        must(file.read() in ("stopgate 1 live\n", "stopgate 1 rehearsal\n"), "format", "no format that is known")
    with open(os.path.join(folder, "names"), "rb") as file:
        octets = file.read()
    must(any(octets[8:24] == mark for _, mark, _ in law.keys.marks), "names", "of other keys")
    must(struct.unpack(">I", octets[-4:])[0] == crc32c(octets[:-4]), "names", "damaged")
    at, count = 52, struct.unpack(">I", octets[48:52])[0]
    must(octets[:8] == NAMES and count <= len(law.names), "names", "none")
    for name in law.names[:count]:
        length = struct.unpack(">H", octets[at : at + 2])[0]
        must(octets[at + 2 : at + 2 + length] == name, "names", "a name is not the one the events give")
        at += 2 + length
    must(at == len(octets) - 4, "names", "something stands behind them")
    room = os.path.join(folder, "packs")
    for name in sorted(os.listdir(room)) if os.path.isdir(room) else []:
        with open(os.path.join(room, name), "rb") as file:
            must(name.endswith(".tmp") or hashlib.sha256(file.read()).hexdigest() + ".pack" == name, f"packs/{name}", "another pack")


def ledger(folder, given, since, links):
    missing, key = [], given
    if os.path.exists(os.path.join(folder, "checkpoints/key")):
        with open(os.path.join(folder, "checkpoints/key"), encoding="utf-8") as file:
            text = file.read()
        key = Key(text)
        must(text == key.text.strip() + "\n", "checkpoints/key", "not written as a key is")
    else:
        missing.append("checkpoints/key")
        must(since is None or key is not None, "checkpoints/key", "missing: nobody can tell whose the kept checkpoint is")
    rotations, path = [], os.path.join(folder, "checkpoints/rotations")
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            for line in file:
                number, *fields = line.rstrip("\n").split(" ")
                must(len(fields) == 4, path, "this is no rotation")
                rotations.append((int(number), *(unbase64(field) for field in fields)))
    if key is not None:
        key.follow(rotations, given)
    turns, replaced = [], []
    marks, taken = {"events": {}, "verdicts": {}}, 0
    for name in ("newest", "newest-verdicts", "hourly", "recent-old", "recent"):
        path = os.path.join(folder, "checkpoints", name)
        if not os.path.exists(path):
            missing += [path] if name.startswith("newest") else []
            continue
        if key is None:
            continue
        with open(path, "rb") as file:
            octets = file.read()
        for note in notes_of(octets):
            taken += 1
            heads, epoch = checkpoint(key, note, "verdicts" if name == "newest-verdicts" else "events", path)
            turns.append((key.by, heads["events"][0], epoch, path))
            for stream, (size, root) in heads.items():
                must(marks[stream].setdefault((size, epoch), root) == root, path, f"two roots over {size} {stream}")
    must(not missing or taken <= 1, missing, "missing: nothing says that this ledger is whole")
    kept_outside = {"events": set(), "verdicts": set()}
    if since is not None:
        with open(since, "rb") as file:
            octets = file.read()
        for note in notes_of(octets):
            heads, epoch = checkpoint(key, note, "events", since)
            for stream, (size, root) in heads.items():
                must(marks[stream].setdefault((size, epoch), root) == root, since, f"two roots over {size} {stream}")
                kept_outside[stream].add((size, epoch))
    counts, start, blank, law, given_up = {}, 0, set(), Law(links), 0
    state, lineage = {"ended": False}, Lineage()
    for stream in ("events", "verdicts"):
        tree = Tree()
        of_size = {}
        for (size, epoch), root in marks[stream].items():
            of_size.setdefault(size, []).append((epoch, root))
        nothing = tree.root()
        must(all(root == nothing for _, root in of_size.get(0, [])), f"{stream}: the root of nothing is another")
        hashes, first = Kept(os.path.join(folder, "tree", stream)), first_of(os.path.join(folder, stream), stream)
        must(stream == "verdicts" or first == 0, stream, "events are never given up")
        must(first <= given_up, stream, f"{first} are gone, and {given_up} were given up")
        for leaf in hashes_of(hashes.folder, first):
            tree.push(leaf)
            hashes.check(tree, stream)
            for epoch, root in of_size.get(tree.size, []):
                own = lineage.holds(stream, tree.size, epoch)
                must(not own or root == tree.root(), stream, "hashes of what was given up are not those that were signed")
        for seq, leaf, blob, where, label in records(os.path.join(folder, stream), stream, lambda: state["ended"]):
            must(seq == tree.size, where, "it is not the next one")
            kind, flags, boot, rest = head(leaf, seq, stream, where)
            try:
                at = struct.unpack(">q", leaf[12:20])[0]
                if stream == "events":
                    start += kind == 32
                    must(boot == start + (kind == 48), where, f"a record of start {boot} among those of start {start}")
                    state["ended"] = kind == 33
                    fields = rest[32:] if flags & SEALED else rest
                    if kind == 48:
                        law.keys.rekey(seq, boot, fields, where)
                    elif kind == 32:
                        law.keys.begin(fields[-64:-32], boot, label, where)
                    if kind != 48:
                        law.keys.settled(label, where)
                    if kind == 32:
                        lineage.begin(struct.unpack(">I", fields[-4:])[0], seq, struct.unpack(">Q", fields[-28:-20])[0], where)
                    else:
                        lineage.take(seq, at, kind, fields, where)
                    if flags & SEALED:
                        must(not any(blob) or hashlib.sha256(blob).digest() == rest[:32], where, "its sealed data are others")
                        if not any(blob):
                            blank.add(seq)
                        rest = rest[32:]
                    else:
                        must(not blob, where, "sealed data beside a record that has none")
                    if kind != 48:
                        law.event(seq, at, boot, kind, rest, where)
                    if kind == 39:
                        count = struct.unpack(">H", rest[24:26])[0]
                        erased = set(struct.unpack(f">{count}Q", rest[26 : 26 + 8 * count]))
                        must(all(one < seq for one in erased), where, "it erases what does not stand before it")
                        blank -= erased
                    if kind == 47:
                        before = struct.unpack(">Q", rest[:8])[0]
                        must(before >= given_up, where, "it gives up fewer verdicts than were given up before")
                        given_up = before
                else:
                    must(not blob, where, "something stands behind a verdict")
                    must(boot <= start, where, f"a verdict of start {boot}")
                    law.verdict(seq, at, boot, kind, flags, rest, first, lineage, where, label)
                if stream == "events" and kind == 46:
                    rotation = struct.unpack(">I32s32s64s64s", fields)
                    if len(replaced) < len(rotations):
                        must(rotation == rotations[len(replaced)], where, "another rotation than the published one")
                        replaced.append(seq)
            except (struct.error, IndexError, ValueError) as error:
                raise Fault(f"{where}: the record cannot be read: {error}") from error
            tree.push(leaf_hash(leaf))
            hashes.check(tree, where)
            for epoch, root in of_size.get(tree.size, []):
                own = lineage.holds(stream, tree.size, epoch)
                must(not own or root == tree.root(), where, "up to here the records are not those that were signed")
        signed_size = max((size for size, epoch in marks[stream] if lineage.holds(stream, size, epoch)), default=0)
        must(signed_size <= tree.size, stream, f"{signed_size} were signed, {tree.size} are here")
        hashes.finish(tree, signed_size)
        if stream == "events":
            beside(folder, law)
            law.carried()
        else:
            law.compare(tree.size, first or 0, f"{stream} record {tree.size - 1}")
        counts[stream] = (tree.size, signed_size, tree.root().hex())
    must(len(replaced) == len(rotations), "rotations", "one that is published is not on record")
    for by, size, epoch, where in turns:
        early = by > 0 and size <= replaced[by - 1]
        late = by < len(replaced) and size > replaced[by] + 2
        must(not lineage.holds("events", size, epoch) or not early and not late, where, "signed with a key out of its turn")
    lost = []
    for stream in ("events", "verdicts"):
        for size, epoch in sorted(marks[stream]):
            if not lineage.holds(stream, size, epoch):
                must(epoch < lineage.spans[-1][0], stream, f"{size} were signed in epoch {epoch}, which is not here")
                must((size, epoch) not in kept_outside[stream], since, f"{size} {stream} were signed in epoch {epoch}: LOST by a restore")
                lost.append(f"{size} {stream} of epoch {epoch}")
    must(not blank, f"events {sorted(blank)}", "sealed data were removed and no erase record says so")
    why = law.unsigned(folder) if missing else None
    must(why is None, "checkpoints", f"this ledger was signed, and no checkpoint is here any more: {why}")
    found = {"origin": key.origin if key else None, "events": counts["events"], "verdicts": counts["verdicts"]}
    found.update(signed=taken > 0, against_stops=law.replayed[0], counters=law.replayed[1])
    if len(law.keys.tags) > 1:
        found["followed_past_replaced_tag_keys"] = law.keys.reaches()
    return {**found, "restores": lineage.restores, "lost": lost} if lineage.restores else found


def covered(folder):
    """Leaves whose hashes were kept."""
    with open(os.path.join(folder, "size"), "rb") as file:
        octets = file.read()
    must(len(octets) == 20 and octets[:8] == b"SGTREE\0\1", folder, "its size is none")
    size, crc = struct.unpack(">QI", octets[8:])
    must(crc == crc32c(octets[:16]), folder, "its size does not hold")
    return size


class Kept:
    """The hashes on disk, held against those of the records."""

    def __init__(self, folder):
        self.folder, self.files = folder, {}
        self.size = covered(folder) if os.path.exists(os.path.join(folder, "size")) else None

    def check(self, tree, where):
        """What the record just read has made whole."""
        for level in (0, 8, 16, 24, 32):
            index = (tree.size >> level) - 1
            if tree.size & (1 << level) - 1 or index >= (self.size or 0) >> level:
                continue
            name = os.path.join(self.folder, f"{level // 8}-{index // 65536:010}.hash")
            if name not in self.files:
                with open(name, "rb") as file:
                    self.files[name] = file.read()
            at = index % 65536 * 32
            must(self.files[name][at : at + 32] == tree.kept[level, index], where, "another hash was kept")

    def finish(self, tree, signed):
        must(self.size is not None or not signed, self.folder, "no hashes were kept")
        must((self.size or 0) <= tree.size, self.folder, f"hashes of {self.size} records were kept, {tree.size} are here")


def proof(path, given, links):
    with open(path, "rb") as file:
        octets = file.read()
    text = octets.decode("utf-8")
    body = json.loads(text[: text.rfind("\n\n") + 1])
    key = Key(body["key"])
    leaves = [bytes.fromhex(record["leaf"]) for record in body["records"] if record["stream"] == "events"]
    rotations = [struct.unpack(">I32s32s64s64s", leaf[24:]) for leaf in leaves if leaf[1] == 46]
    key.follow(rotations, given)
    text = key.check(octets, f"{key.origin}/proof", path)
    must(key.by == len(key.chain) - 1, path, "signed with a key that had been replaced")
    must(json.dumps(body, indent=2, ensure_ascii=False) + "\n" == text, path, "not written as a proof is")
    earlier = body.get("earlier_tags", [])
    must(body["format"] == f"stopgate proof {2 if earlier else 1}", path, "no proof")
    must(earlier or "earlier_tags" not in body, path, "no proof")
    heads, _ = checkpoint(key, body["checkpoint"].encode(), "events", path)
    tags, keys = [bytes.fromhex(tag) for tag in [*earlier, body["tag"]]], Generations(links)
    number, last, shown = int(body["number"]), ("", -1), 0
    for record in body["records"]:
        stream, seq, leaf = record["stream"], record["seq"], bytes.fromhex(record["leaf"])
        where = f"{path}: {stream} record {seq}"
        must(last < (stream, seq), where, "not in order")
        last = (stream, seq)
        kind, flags, boot, rest = head(leaf, seq, stream, where)
        size, root = heads[stream]
        path_up = [unbase64(hash) for hash in record["path"]]
        must(inclusion_root(leaf_hash(leaf), seq, size, path_up) == root, where, "its path does not lead to the signed root")
        if kind == 32:
            keys.begin(rest[-64:-32], boot, None, where)
        if kind == 48:
            must(rest[0] == 1, where, "it has no place in a proof of a number")
            keys.rekey(seq, boot, rest, where)
        place = len(keys.tags) - 1 if stream == "events" else keys.place_of(boot, None, where)
        own = tags[place] if place < len(tags) else None
        must(kind in (32, 34, 46, 48) or own is not None and own in rest, where, "it is about another number")
        shown += kind not in (32, 34, 46, 48)
        if "sealed" in record:
            blob, once = bytes.fromhex(record["sealed"]["blob"]), bytes.fromhex(record["sealed"]["key"])
            must(flags & SEALED and hashlib.sha256(blob).digest() == rest[:32], where, "its sealed data are others")
            clear = opened(once, bytes(4) + blob[32:40], blob[40:], b"stopgate personal 1")
            must(clear is not None, where, "its sealed data do not open")
            must(clear[0] != 1 or int.from_bytes(clear[3:11], "big") == number, where, "they name another number")
    must(len(keys.tags) == len(tags), path, "its tags are not as many as the replacements of the tag key")
    keys.compare()
    # From the number on, or from the first tag on where the first link is not at hand.
    before = str(number).encode() if keys.tags[0][0] == 1 else None
    for tag, (generation, _, _) in zip(tags, keys.tags):
        link = links.get(generation)
        follows = link is None or before is None or hmac.digest(link, before, "sha256")[:16] == tag
        must(follows, path, "its tag is not the one that this tag key makes of its number")
        before = tag
    return {"origin": key.origin, "number": body["number"], "records": shown}


def counts(path, octets, given):
    """A party's counters."""
    text = octets.decode("utf-8")
    body = json.loads(text[: text.rfind("\n\n") + 1])
    key = Key(body["key"])
    leaves = [bytes.fromhex(record["leaf"]) for record in body["records"]]
    key.follow([struct.unpack(">I32s32s64s64s", leaf[24:]) for leaf in leaves if leaf[1] == 46], given)
    text = key.check(octets, f"{key.origin}/counts", path)
    must(key.by == len(key.chain) - 1, path, "signed with a key that had been replaced")
    must(json.dumps(body, indent=2, ensure_ascii=False) + "\n" == text, path, "not written as a list of counters is")
    must(list(body) == ["format", "party", "name", "key", "checkpoint", "records"], path, "no list of counters")
    must(body["party"] in ("account", "operator"), path, "no party")
    heads, _ = checkpoint(key, body["checkpoint"].encode(), "events", path)
    own, last, known, shown = None, -1, {}, 0
    for record in body["records"]:
        seq, leaf = record["seq"], bytes.fromhex(record["leaf"])
        where = f"{path}: events record {seq}"
        must(record["stream"] == "events" and last < seq and "sealed" not in record, where, "not in order, or no counter")
        last = seq
        kind, _, boot, rest = head(leaf, seq, "events", where)
        size, root = heads["events"]
        path_up = [unbase64(hash) for hash in record["path"]]
        must(inclusion_root(leaf_hash(leaf), seq, size, path_up) == root, where, "its path does not lead to the signed root")
        if kind == 34 and own is None and rest[6:].decode() == body["name"]:
            own = rest[:4]
            continue
        if kind == 46:
            continue
        must(kind in ((42, 64) if body["party"] == "account" else (65,)) and rest[:4] == own, where, "it is no counter of this party")
        if kind == 42:
            continue
        if kind == 64:
            _, upto, received, permitted, refused, waiting, answered, unresolved, withdrawn, flying = struct.unpack(">I9Q", rest)
            whole = received == permitted + refused + waiting and permitted == answered + unresolved + withdrawn + flying
            place, grows = (boot, 0), (received, permitted, upto)
        else:
            _, link, received, acked, refused, unanswered = struct.unpack(">IIQQQQ", rest)
            whole, place, grows = received == acked + refused + unanswered, (boot, link), (received,)
        must(whole, where, "its sums do not add up")
        must(all(old <= new for old, new in zip(known.get(place, grows), grows)), where, "the counter is smaller than the one before")
        known[place] = grows
        shown += 1
    return {"origin": key.origin, "party": f"{body['party']} {body['name']}", "counters": shown}


def file_of(path, given, links):
    with open(path, "rb") as file:
        octets = file.read()
    if octets.startswith(b'{\n  "format": "stopgate counts 1"'):
        return counts(path, octets, given)
    return proof(path, given, links)


def main(arguments):
    given = None
    if "--key" in arguments:
        at = arguments.index("--key")
        given = Key(arguments[at + 1])
        del arguments[at : at + 2]
    since = None
    if "--since" in arguments:
        at = arguments.index("--since")
        since = arguments[at + 1]
        del arguments[at : at + 2]
    links = {}
    if "--tag-key" in arguments:
        at = arguments.index("--tag-key")
        links = tag_links(arguments[at + 1])
        del arguments[at : at + 2]
    worst = 0
    for target in arguments:
        try:
            found = ledger(target, given, since, links) if os.path.isdir(target) else file_of(target, given, links)
            print(json.dumps(found))
        except Fault as fault:
            worst = 3
            print(f"DOES NOT HOLD: {fault}".replace("\n", " "))
        except (ValueError, KeyError, TypeError, IndexError, OSError, struct.error) as error:
            worst = 3
            print(f"DOES NOT HOLD: {target}: {error!r}".replace("\n", " "))
    return worst


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
