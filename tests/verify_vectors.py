#!/usr/bin/env python3
"""Checks tests/vectors/index.json with an implementation of its own, written from the specification.

The strict CBOR reader, the rules of records and parts, and the Ed25519 arithmetic with its weak-key checks
are here; `cbor2` and `pycose` check the good vectors once more. Exits non-zero if any vector disagrees.
"""

import hashlib
import json
import pathlib
import sys

import cbor2
from pycose.headers import KID, Algorithm
from pycose.keys import OKPKey
from pycose.keys.curves import Ed25519
from pycose.messages import Sign1Message

KIB, MIB = 1 << 10, 1 << 20
MANIFEST_BYTES, SIGNED_BYTES, HEADER_BYTES, PART_BYTES = 64 * KIB, 68 * KIB, 48 * KIB, 64 * MIB
CATEGORIES, RELAYS = 16, 16
PARTS, SUPERSEDES, LIST, TEXT, DEPTH, LAST_TIME = 1024, 64, 1024, 256, 16, (1 << 63) - 1
PART_DOMAIN, SIGN_DOMAIN, ID_DOMAIN = "comity/part/1", b"comity/sign/record/1", b"comity/record-id/1"
HEAD_DOMAIN = b"comity/sign/head/1"
CHARTER_BYTES, MEMBERS, AFFILIATIONS, CRITERIA, ANSWER, JUSTIFICATIONS = 32 * KIB, 256, 16, 32, 1024, 32
CONSENT_RECIPIENTS, PURPOSES = 16, 32
AGREEMENT_BYTES, REPLACED = 32 * KIB, 8
CONTENT_KINDS, CONTROL_KINDS = range(0, 6), range(16, 28)
TRANSLATION, ADDRESSEE, LAST_SECTION, LAST_CLASS = 9, 11, 11, 4


class Refused(Exception):
    """What is wrong, by its code."""


def require(condition, code):
    if not condition:
        raise Refused(code)


# --- Deterministic CBOR (RFC 8949 section 4.2.1), strictly read -------------------------------------------

NULL = object()


class Reader:
    """Each method reads one item of one type at the cursor."""

    def __init__(self, data):
        self.data, self.at, self.depth = data, 0, 0

    def head(self):
        require(self.at < len(self.data), "truncated")
        initial = self.data[self.at]
        major, info = initial >> 5, initial & 31
        require(major != 6, "tag")
        require(not (major == 7 and info in (25, 26, 27)), "float")
        require(not (info == 31 and major in (2, 3, 4, 5, 7)), "indefinite-length")
        self.at += 1
        if major == 7:
            require(info in (20, 21, 22), "simple-value")
            return major, info
        require(info < 28, "simple-value")
        if info < 24:
            return major, info
        width = 1 << (info - 24)
        require(self.at + width <= len(self.data), "truncated")
        value = int.from_bytes(self.data[self.at : self.at + width], "big")
        self.at += width
        require(value >= (24 if width == 1 else 1 << (4 * width)), "long-integer")
        return major, value

    def of(self, wanted):
        major, value = self.head()
        require(major == wanted, "unexpected-type")
        return value

    def uint(self):
        return self.of(0)

    def integer(self):
        major, value = self.head()
        require(value <= LAST_TIME if major < 2 else True, "out-of-range")
        require(major < 2, "unexpected-type")
        return value if major == 0 else -1 - value

    def boolean(self):
        head = self.head()
        require(head in ((7, 20), (7, 21)), "unexpected-type")
        return head == (7, 21)

    def string(self, major, limit):
        length = self.of(major)
        require(length <= len(self.data) - self.at, "length-beyond-input")
        require(limit is None or length <= limit, "over-limit")
        self.at += length
        return self.data[self.at - length : self.at]

    def bytes(self, limit=None):
        return self.string(2, limit)

    def exactly(self, length):
        value = self.bytes()
        require(len(value) == length, "out-of-range")
        return value

    def text(self, limit=None):
        try:
            return self.string(3, limit).decode("utf-8", "strict")
        except UnicodeDecodeError:
            raise Refused("invalid-utf8") from None

    def label(self, limit=TEXT):
        text = self.text(limit)
        require(text, "empty")
        turns = "\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
        require(not any(ord(c) < 32 or 127 <= ord(c) < 160 or c in turns for c in text), "bad-text")
        return text

    def time(self):
        value = self.uint()
        require(value <= LAST_TIME, "out-of-range")
        return value

    def enter(self, major, limit):
        length = self.of(major)
        require(self.depth < DEPTH, "too-deep")
        require(length * (2 if major == 5 else 1) <= len(self.data) - self.at, "length-beyond-input")
        require(limit is None or length <= limit, "over-limit")
        self.depth += 1
        return length

    def leave(self):
        self.depth -= 1

    def tuple(self, length):
        found = self.enter(4, None)
        require(found >= length, "missing-field")
        require(found <= length, "unknown-field")

    def set(self, limit, item):
        items = []
        for _ in range(self.enter(4, limit)):
            items.append(item())
            ascending(items)
        self.leave()
        require(items, "empty")
        return items

    def keys(self):
        """The keys of a map with unsigned keys; the caller reads each value."""
        keys = []
        for _ in range(self.enter(5, LIST)):
            keys.append(self.uint())
            ascending(keys)
            yield keys[-1]
        self.leave()

    def skip(self):
        start = self.at
        require(start < len(self.data), "truncated")
        major = self.data[start] >> 5
        if major == 2:
            self.bytes()
        elif major == 3:
            self.text()
        elif major == 4:
            for _ in range(self.enter(4, None)):
                self.skip()
            self.leave()
        elif major == 5:
            keys = []
            for _ in range(self.enter(5, None)):
                keys.append(self.skip())
                ascending(keys)
                self.skip()
            self.leave()
        else:
            self.head()
        return self.data[start : self.at]

    def finish(self):
        require(self.at == len(self.data), "trailing-bytes")


def ascending(items):
    if len(items) > 1:
        require(items[-1] != items[-2], "duplicate-key")
        require(items[-1] > items[-2], "unsorted-keys")


def read_map(reader, readers):
    """A map of known keys, and whether there was another."""
    values, unknown = {}, False
    for key in reader.keys():
        if key in readers:
            values[key] = readers[key]()
        else:
            reader.skip()
            unknown = True
    return values, unknown


def read_closed(reader, readers):
    """A map in which every key is known."""
    values = {}
    for key in reader.keys():
        require(key in readers, "unknown-field")
        values[key] = readers[key]()
    return values


# --- Ed25519 (RFC 8032), with the checks that libraries leave out -----------------------------------------

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
IDENTITY = (0, 1, 1, 0)


def add(one, two):
    x1, y1, z1, t1 = one
    x2, y2, z2, t2 = two
    a, b = (y1 - x1) * (y2 - x2) % P, (y1 + x1) * (y2 + x2) % P
    c, d = 2 * t1 * t2 * D % P, 2 * z1 * z2 % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(scalar, point):
    result = IDENTITY
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point, scalar = add(point, point), scalar >> 1
    return result


def encode(point):
    x, y, z, _ = point
    inverse = pow(z, P - 2, P)
    x, y = x * inverse % P, y * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def decode(data):
    """The point, or None where the bytes are not its only encoding."""
    value = int.from_bytes(data, "little")
    sign, y = value >> 255, value & (1 << 255) - 1
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * pow(2, (P - 1) // 4, P) % P
    if x * x % P != square or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


def is_identity(point):
    return encode(point) == encode(IDENTITY)


BASE = decode((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def check_key(key):
    point = decode(key)
    require(point, "key-not-canonical")
    require(not is_identity(times(8, point)), "key-small-order")
    require(is_identity(times(L, point)), "key-mixed-order")
    return point


def check_signature(key, message, signature):
    point = check_key(key)
    commitment, s = decode(signature[:32]), int.from_bytes(signature[32:], "little")
    require(commitment and s < L, "bad-signature")
    require(not is_identity(times(8, commitment)), "bad-signature")
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % L
    require(encode(times(s, BASE)) == encode(add(commitment, times(h, point))), "bad-signature")


# --- Markings ---------------------------------------------------------------------------------------------


def read_marking(r):
    def onward():
        value = r.uint()
        require(value != 0, "redundant-default")
        return value

    values, unknown = read_map(
        r,
        {
            0: r.uint,
            1: r.uint,
            2: lambda: r.set(CATEGORIES, lambda: r.label().encode()),
            3: lambda: r.exactly(32),
            4: r.time,
            5: r.time,
            6: r.time,
            7: onward,
            8: r.label,
        },
    )
    require(0 in values, "missing-field")
    known = values[0] <= 4 and values.get(1, 0) <= 3 and values.get(7, 0) <= 2
    return values, unknown or not known


def at_least(own, floor):
    """Whether `own` is as strict as `floor` in every dimension."""
    for key in (0, 1, 4, 5, 7):
        if key in floor and own.get(key, -1) < floor[key]:
            return False
    if 6 in floor and own.get(6, LAST_TIME + 1) > floor[6]:
        return False
    if not set(floor.get(2, [])) <= set(own.get(2, [])):
        return False
    return all(own.get(key) == floor[key] for key in (3, 8) if key in floor)


# --- Parts ------------------------------------------------------------------------------------------------


def root(leaves):
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\1" + root(leaves[:split]) + root(leaves[split:])).digest()


def part_digest(data):
    view = memoryview(data)
    return root([hashlib.sha256(b"\0" + view[at : at + MIB]).digest() for at in range(0, len(data), MIB)])


def size_class(length):
    return max(0, (length - 1).bit_length() - 10)


def read_part(data):
    require(len(data) <= PART_BYTES, "part-too-large")
    r = Reader(data)
    r.tuple(4)
    require(r.text(TEXT) == PART_DOMAIN, "part-domain")
    require(len(r.bytes()) == 16, "salt-length")
    start = r.at
    header = read_header(r)
    require(r.at - start <= HEADER_BYTES, "header-too-large")
    content = r.bytes()
    r.finish()
    require(not (header["section"] == ADDRESSEE and content), "addressee-content")
    return part_digest(data), header


def read_header(r):
    def file_name():
        name = r.label()
        require(name not in (".", "..") and not set("/\\") & set(name), "file-name")
        return name

    values, unknown = read_map(
        r,
        {
            0: r.uint,
            1: lambda: r.set(LIST, r.uint),
            2: r.label,
            3: r.label,
            4: r.uint,
            5: file_name,
            6: lambda: r.exactly(32),
            7: lambda: read_marking(r),
            8: lambda: read_addressee(r),
        },
    )
    require(all(key in values for key in (0, 1, 2)), "missing-field")
    section, translates = values[0], values.get(4)
    if section <= LAST_SECTION:
        if section == TRANSLATION:
            require(translates not in (None, TRANSLATION, ADDRESSEE), "missing-translates")
        else:
            require(translates is None, "unexpected-translates")
        require(section != ADDRESSEE or 8 in values, "missing-addressee")
        require(section == ADDRESSEE or 8 not in values, "unexpected-addressee")
        require(section != ADDRESSEE or not {3, 5, 6} & set(values), "addressee-content")
    marking, marking_unknown = values.get(7, (None, False))
    listed, addressee_unknown = values.get(8, (None, False))
    known = (
        section <= LAST_SECTION
        and (translates is None or translates <= LAST_SECTION)
        and max(values[1]) <= LAST_CLASS
    )
    return {
        "section": section,
        "marking": None if marking_unknown else marking,
        "lists": listed,
        "unknown": unknown or marking_unknown or addressee_unknown or not known,
    }


def read_addressee(r):
    def group():
        r.tuple(2)
        value = r.exactly(32), r.uint()
        r.leave()
        return value

    values, unknown = read_map(
        r,
        {
            0: lambda: r.exactly(32),
            1: r.label,
            2: group,
            3: lambda: r.set(RELAYS, lambda: r.exactly(32)),
            4: lambda: r.set(PARTS, lambda: r.exactly(32)),
        },
    )
    require((0 in values or 2 in values) and 4 in values, "missing-field")
    require(not (1 in values and 2 in values), "desk-and-group")
    require(values.get(0) not in values.get(3, []), "relay-is-addressee")
    return values[4], unknown


# --- Records ----------------------------------------------------------------------------------------------


def read_record(data):
    """The manifest of a rightly signed record."""
    require(len(data) <= SIGNED_BYTES, "record-too-large")
    r = Reader(data)
    length = r.enter(4, LIST)
    if r.uint() != 0:
        for _ in range(length - 1):
            r.skip()
        r.finish()
        raise Refused("unsupported-form")
    require(length >= 2, "missing-field")
    require(length <= 2, "unknown-field")
    r.tuple(4)
    protected = r.bytes(TEXT)
    key = read_protected(protected)
    require(r.data[r.at : r.at + 1] and r.data[r.at] >> 5 == 5, "unexpected-type")
    require(r.data[r.at] == 0xA0, "unprotected-header")
    r.enter(5, 0)
    r.leave()
    require(r.data[r.at : r.at + 1] != b"\xf6", "nil-payload")
    payload, signature = r.bytes(), r.bytes()
    require(len(signature) == 64, "signature-length")
    require(len(payload) <= MANIFEST_BYTES, "manifest-too-large")
    r.finish()
    manifest = read_manifest(payload)
    require(manifest["author"] == key, "key-id-mismatch")
    message = b"".join([b"\x84\x6aSignature1", *map(byte_string, (protected, SIGN_DOMAIN, payload))])
    check_signature(key, message, signature)
    manifest["id"] = hashlib.sha256(ID_DOMAIN + b"\0" + payload).digest()
    manifest["bytes"] = payload
    return manifest


def byte_string(data):
    length = len(data)
    for width, info in ((1, 24), (2, 25), (4, 26)):
        if length < 24:
            return bytes([0x40 | length]) + data
        if length < 1 << 8 * width:
            return bytes([0x40 | info]) + length.to_bytes(width, "big") + data
    raise ValueError(length)


def read_protected(data):
    require(data, "missing-algorithm")
    r = Reader(data)
    values = {}
    for label in r.keys():
        require(label in (1, 4), "protected-header")
        values[label] = r.integer() if label == 1 else r.exactly(32)
    r.finish()
    require(1 in values, "missing-algorithm")
    require(values[1] == -8, "unsupported-algorithm")
    require(4 in values, "missing-key-id")
    return values[4]


def read_manifest(data):
    r = Reader(data)

    def version():
        require(r.uint() == 1, "unsupported-version")

    values, unknown = read_map(
        r,
        {
            0: version,
            1: r.uint,
            2: r.uint,
            3: lambda: r.exactly(32),
            4: lambda: r.exactly(32),
            5: r.time,
            6: r.uint,
            7: lambda: read_marking(r),
            8: r.boolean,
            9: lambda: r.set(SUPERSEDES, lambda: r.exactly(32)),
            10: lambda: read_part_lines(r),
            11: lambda: r.bytes(MANIFEST_BYTES),
        },
    )
    require(all(key in values for key in range(9)), "missing-field")
    r.finish()
    kind, parts, body = values[1], values.get(10, {}), values.get(11)
    if body is not None:
        item = Reader(body)
        try:
            item.skip()
            item.finish()
        except Refused:
            raise Refused("malformed-body") from None
    require(len(parts) & (len(parts) - 1) == 0, "unpadded")
    if kind in CONTENT_KINDS:
        require(body is None, "unexpected-body")
        require(parts, "no-parts")
    elif kind in CONTROL_KINDS:
        require(body is not None, "missing-body")
        require(not parts, "unexpected-parts")
        require(not values[8], "addressed-control")
    floor, floor_unknown = values[7]
    known = (kind in CONTENT_KINDS or kind in CONTROL_KINDS) and values[2] <= 1 and values[6] <= 2
    return {
        "author": values[4],
        "floor": None if floor_unknown else floor,
        "addressed": values[8],
        "parts": parts,
        "unknown": unknown or floor_unknown or not known,
    }


def read_part_lines(r):
    length = r.enter(4, None)
    require(length > 0, "empty")
    require(length <= PARTS, "too-many-parts")
    lines, last = {}, b""
    for _ in range(length):
        r.tuple(2)
        digest, size = r.exactly(32), r.uint()
        r.leave()
        require(size <= 16, "size-class")
        require(digest != last, "duplicate-part")
        require(digest > last, "unsorted-parts")
        lines[digest], last = size, digest
    r.leave()
    return lines


def check_part(manifest, data):
    digest, header = read_part(data)
    lines = manifest["parts"]
    require(digest in lines, "unlisted-part")
    require(size_class(len(data)) == lines[digest], "wrong-size-class")
    if header["marking"] is not None and manifest["floor"] is not None:
        require(at_least(header["marking"], manifest["floor"]), "below-floor")
    if header["lists"] is not None:
        require(manifest["addressed"], "not-addressed")
        require(all(listed in lines for listed in header["lists"]), "addressee-lists")
    return digest, header


# --- Vectors ----------------------------------------------------------------------------------------------


# --- Bodies about groups ----------------------------------------------------------------------------------


def says(data):
    """What the first key says that the body is."""
    r = Reader(data)
    length = r.enter(5, LIST)
    require(length > 0 and r.uint() == 0, "missing-field")
    return r.uint()


def read_body(data, shapes):
    what = says(data)
    require(what in shapes, "out-of-range")
    r = Reader(data)
    readers, needed, *checks = shapes[what](r)
    values = read_closed(r, {0: r.uint} | readers)
    r.finish()
    require(all(key in values for key in needed), "missing-field")
    for check in checks:
        check(values)


def group_shapes():
    def charter(r):
        def version():
            require(r.uint() == 1, "out-of-range")

        def economies():
            return r.set(MEMBERS, lambda: r.exactly(32))

        return {1: version, 2: lambda: r.text(CHARTER_BYTES), 3: economies, 4: economies}, (1, 2, 3)

    def application(r):
        def answer():
            text = r.text(ANSWER)
            require(text, "empty")
            return text

        def answers():
            found = [answer() for _ in range(r.enter(4, CRITERIA))]
            r.leave()
            require(found, "empty")

        return {1: lambda: r.exactly(32), 2: lambda: read_affiliations(r), 3: answers}, (1,)

    def about(fields):
        def shape(r):
            readers = {
                1: lambda: r.exactly(32),
                2: r.uint,
                3: lambda: r.exactly(32),
                4: lambda: r.label(ANSWER),
            }
            return {key: readers[key] for key in fields}, [key for key in fields if key != 4]

        return shape

    return {
        0: charter,
        1: application,
        2: about((1, 2, 3)),
        3: about((1, 2, 3, 4)),
        4: about((1, 2, 3)),
        5: about((1, 3)),
    }


def read_affiliations(r):
    return r.set(AFFILIATIONS, lambda: r.label().encode())


def roster_shapes():
    def by_economy(r, rest):
        economies = []
        for _ in range(r.enter(4, MEMBERS)):
            length = r.enter(4, None)
            require(length > 0, "missing-field")
            economies.append(r.exactly(32))
            ascending(economies)
            rest(length)
            r.leave()
        r.leave()
        require(economies, "empty")

    def roster(r):
        def epoch():
            require(r.uint() > 0, "out-of-range")

        def member(length):
            require(length <= 2, "unknown-field")
            if length == 2:
                read_affiliations(r)

        def change(length):
            require(length >= 2, "missing-field")
            require(length <= 2, "unknown-field")
            r.set(JUSTIFICATIONS, lambda: r.exactly(32))

        readers = {
            1: lambda: r.exactly(32),
            2: epoch,
            3: lambda: r.exactly(32),
            4: lambda: by_economy(r, member),
            5: lambda: by_economy(r, change),
            6: lambda: r.exactly(32),
        }
        return readers, (1, 2, 3, 4)

    def head(r):
        return {1: lambda: r.exactly(32), 2: r.uint, 3: lambda: r.exactly(32)}, (1, 2, 3)

    return {0: roster, 1: head}


# --- Bodies about consent ---------------------------------------------------------------------------------


def is_label(text):
    turns = "\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    return bool(text) and not any(ord(c) < 32 or 127 <= ord(c) < 160 or c in turns for c in text)


def read_terms(r):
    length = r.enter(4, 3)
    require(length == 3, "missing-field")
    onward = r.uint()
    require(onward <= 2, "out-of-range")
    days = r.uint()
    require(days < 1 << 32, "out-of-range")
    purposes = [r.text(TEXT) for _ in range(r.enter(4, PURPOSES))]
    r.leave()
    encoded = [purpose.encode() for purpose in purposes]
    require(all(one < other for one, other in zip(encoded, encoded[1:])), "unsorted-keys")
    r.leave()
    require(onward != 0, "out-of-range")
    require(all(map(is_label, purposes)), "bad-text")
    require((onward, days, purposes) != (1, 0, []), "redundant-default")


def consent_shapes():
    def an_id(r):
        return lambda: r.exactly(32)

    def parts(r):
        return lambda: r.set(PARTS, an_id(r))

    def reason(r):
        return lambda: r.label(ANSWER)

    def ask(r):
        recipients = lambda: r.set(CONSENT_RECIPIENTS, an_id(r))
        readers = {1: an_id(r), 2: parts(r), 3: an_id(r), 4: recipients, 5: reason(r), 6: r.time}
        return readers, (1, 2, 3, 4, 5)

    def grant(r):
        ids = {key: an_id(r) for key in (1, 3, 4, 5)}

        def not_to_asker(values):
            require(values[3] != values[4], "out-of-range")

        return ids | {2: parts(r), 6: r.time, 7: lambda: read_terms(r)}, range(1, 7), not_to_asker

    def refusal(r):
        return {key: an_id(r) for key in (1, 3, 5)} | {6: reason(r)}, (1, 3, 5, 6)

    return {0: ask, 1: grant, 2: refusal}


# --- Agreements ----------------------------------------------------------------------------------------


def read_agreement(data):
    r = Reader(data)

    def parties():
        r.tuple(2)
        found = [r.exactly(32) for _ in range(2)]
        r.leave()
        require(found[0] < found[1], "unsorted-keys")

    def replaced():
        found = [r.exactly(32) for _ in range(r.enter(4, REPLACED))]
        r.leave()
        require(found, "out-of-range")
        require(all(one < other for one, other in zip(found, found[1:])), "unsorted-keys")

    values = read_closed(r, {0: lambda: r.text(AGREEMENT_BYTES), 1: parties, 2: replaced})
    r.finish()
    require(0 in values and 1 in values, "missing-field")


# --- Withdrawals, and the answers to them -----------------------------------------------------------------


def read_withdrawal(data):
    r = Reader(data)

    def ids():
        found = [r.exactly(32) for _ in range(r.enter(4, LIST))]
        r.leave()
        require(found, "out-of-range")
        require(all(one < other for one, other in zip(found, found[1:])), "unsorted-keys")

    values, _later = read_map(r, {0: ids, 1: r.uint, 2: ids})
    r.finish()
    require(0 in values, "missing-field")


def read_answer(data):
    r, code = Reader(data), None

    def bounded(least, most):
        value = r.uint()
        require(least <= value <= most, "out-of-range")
        return value

    found = []
    for key in r.keys():
        kept, refused = code in (1, 2), code == 2
        if key in (0, 1):
            r.exactly(32)
        elif key == 2:
            r.time()
        elif key == 3:
            code = bounded(0, 2)
        elif key == 4 and kept:
            bounded(1, 2**64 - 1)
        elif key == 5 and kept:
            r.uint()
        elif key == 6 and refused:
            r.label(ANSWER)
        else:
            raise Refused("unknown-field")
        found.append(key)
    r.finish()
    needed = [0, 1, 2, 3] + ([4, 5] if code else [])
    require(all(key in found for key in needed), "missing-field")


def read_approval(data):
    r, found, emergency = Reader(data), [], False
    for key in r.keys():
        if key == 0:
            r.exactly(32)
        elif key == 1:
            verdict = r.uint()
            require(verdict in (0, 1, 3), "out-of-range")
            emergency = verdict == 3
        elif key == 2:
            r.label(ANSWER)
        elif key == 3 and emergency:
            r.exactly(32)
        else:
            raise Refused("unknown-field")
        found.append(key)
    r.finish()
    needed = [0, 1] + ([2, 3] if emergency else [])
    require(all(key in found for key in needed), "missing-field")


def read_head(data):
    """A dated head whose key signed it."""

    def exactly(reader, length):
        require(reader.enter(4, length) == length, "missing-field")

    r = Reader(data)
    exactly(r, 3)
    payload = r.bytes(128)
    inner = Reader(payload)
    exactly(inner, 5)
    inner.exactly(32)
    rotations, version = inner.uint(), inner.uint()
    inner.exactly(32)
    inner.time()
    inner.leave()
    inner.finish()
    require(version > 0 and rotations <= 64, "out-of-range")
    key, signature = r.exactly(32), r.exactly(64)
    r.leave()
    r.finish()
    protected = b"\xa2\x01\x27\x04\x58\x20" + key
    message = b"".join(
        [b"\x84\x6aSignature1", *map(byte_string, (protected, HEAD_DOMAIN, payload))]
    )
    check_signature(key, message, signature)


PLAIN = {
    "agreement-body": read_agreement,
    "head": read_head,
    "withdrawal-body": read_withdrawal,
    "acknowledgement-body": read_answer,
    "approval-body": read_approval,
}
BODIES = {"group-body": group_shapes(), "roster-body": roster_shapes(), "consent-body": consent_shapes()}


def expand(described):
    if isinstance(described, str):
        return bytes.fromhex(described)
    pieces = (
        bytes.fromhex(piece) if isinstance(piece, str) else bytes.fromhex(piece["repeat"]) * piece["times"]
        for piece in described
    )
    return b"".join(pieces)


def say_part(vector, read):
    try:
        digest, header = read(expand(vector["bytes"]))
    except Refused as refused:
        return {"expect": str(refused)}
    return {"expect": "ok", "digest": digest.hex(), "unknown": header["unknown"]}


def say(vector):
    """What this implementation says of a vector, in the vector's own terms."""
    data = expand(vector["bytes"])
    try:
        if vector["of"] == "part":
            return say_part(vector, read_part)
        if vector["of"] == "key":
            check_key(data)
            return {"expect": "ok"}
        if vector["of"] in PLAIN:
            PLAIN[vector["of"]](data)
            return {"expect": "ok"}
        if vector["of"] in BODIES:
            read_body(data, BODIES[vector["of"]])
            return {"expect": "ok"}
        manifest = read_record(data)
    except Refused as refused:
        return {"expect": str(refused)}
    check_with_libraries(data, manifest)
    said = {"expect": "ok", "id": manifest["id"].hex(), "unknown": manifest["unknown"]}
    parts = [say_part(part, lambda data: check_part(manifest, data)) for part in vector.get("parts", [])]
    return said | ({"parts": parts} if parts else {})


def check_with_libraries(data, manifest):
    """cbor2 encodes the manifest to the same bytes; pycose verifies the signature."""
    decoded = cbor2.loads(manifest["bytes"])
    assert cbor2.dumps(decoded, canonical=True) == manifest["bytes"]
    form, sign1 = cbor2.loads(data)
    message = Sign1Message.decode(cbor2.dumps(cbor2.CBORTag(18, sign1)))
    message.external_aad = SIGN_DOMAIN
    message.key = OKPKey(crv=Ed25519, x=manifest["author"])
    assert form == 0 and message.phdr[Algorithm].identifier == -8 and message.phdr[KID] == manifest["author"]
    assert message.verify_signature()


def expected(vector):
    kept = {key: vector[key] for key in ("expect", "id", "digest", "unknown") if key in vector}
    parts = [expected(part) for part in vector.get("parts", [])]
    return kept | ({"parts": parts} if parts else {})


def main():
    path = pathlib.Path(__file__).parent / "vectors" / "index.json"
    vectors = json.loads(path.read_text())
    wrong = 0
    for vector in vectors:
        said, wanted = say(vector), expected(vector)
        if said != wanted:
            wrong += 1
            print(f"{vector['name']}: says {said}, expected {wanted}")
    print(f"{len(vectors)} vectors, {wrong} disagree")
    return 1 if wrong or not vectors else 0


if __name__ == "__main__":
    sys.exit(main())
