#!/usr/bin/env python3
"""A DNS server that answers from the records of a simulated Route 53 (moto), as the real one would.

    dns_server.py --moto 127.0.0.1:5000 --zone ZONE [--port 0] [--lie 192.0.2.1] [--late SECONDS]

It prints its address, `127.0.0.1:PORT`, as soon as it listens. It knows records of the types A, AAAA and
CNAME: plain ones, weighted ones (a record by the dice of its weights; all alike when all are 0), failover
(the primary one: nothing is ever unhealthy here), and aliases of other records of the zone. With `--lie` every
question for an address is answered with that one, whatever the records say; with `--late` a change is known so
many seconds after it was seen. UDP only, and the standard library only.
"""

import argparse
import random
import socket
import struct
import time
import urllib.request
import xml.etree.ElementTree

TYPES = {1: "A", 5: "CNAME", 28: "AAAA"}
NO_ERROR, FORMAT_ERROR, NO_NAME, REFUSED = 0, 1, 3, 5


class Zone:
    """The records of a zone, asked for anew with every question."""

    def __init__(self, moto, zone, late):
        # moto tells its services apart by what a request is signed for.
        signed = "AWS4-HMAC-SHA256 Credential=test/20200101/us-east-1/route53/aws4_request"
        self.request = urllib.request.Request(
            f"http://{moto}/2013-04-01/hostedzone/{zone}/rrset", headers={"Authorization": signed}
        )
        self.late = late
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self.seen = []

    def records(self):
        with self.opener.open(self.request, timeout=10) as answer:
            tree = xml.etree.ElementTree.fromstring(answer.read())
        records = [Record(node) for node in tree.findall(".//{*}ResourceRecordSet")]
        now = time.monotonic()
        if not self.seen or self.seen[-1][1] != records:
            self.seen.append((now, records))
        known = [records for at, records in self.seen if at + self.late <= now]
        return known[-1] if known else self.seen[0][1]

    def answer(self, name, kind, depth=0):
        """Returns whether there is such a name, and what it has of a kind: values, each with its TTL."""
        there = [record for record in self.records() if record.name == name]
        chosen = choose([record for record in there if record.kind in (kind, "CNAME")])
        values = []
        for record in chosen:
            if record.alias and depth < 5:
                values += self.answer(record.alias, kind, depth + 1)[1]
            else:
                values += [(record.kind, value, record.ttl) for value in record.values]
        return bool(there), values


class Record:
    """One record set."""

    def __init__(self, node):
        def text(path):
            return node.findtext("/".join("{*}" + part for part in path.split("/")))

        self.name = plain(text("Name"))
        self.kind = text("Type")
        self.ttl = int(text("TTL") or 60)
        self.weight = int(text("Weight")) if text("Weight") else None
        self.failover = text("Failover")
        self.alias = plain(text("AliasTarget/DNSName"))
        self.values = [value.text for value in node.findall(".//{*}Value")]

    def __eq__(self, other):
        return vars(self) == vars(other)


def plain(name):
    return (name or "").rstrip(".").replace("\\052", "*").lower()


def choose(records):
    """Returns the records that an answer is made of."""
    weighted = [record for record in records if record.weight is not None]
    if weighted:
        weights = [record.weight for record in weighted]
        return random.choices(weighted, weights if any(weights) else None)
    if any(record.failover for record in records):
        return [record for record in records if record.failover == "PRIMARY"]
    return records


def encoded(name):
    labels = [label.encode() for label in name.split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def decoded(packet, at):
    labels = []
    while packet[at]:
        length = packet[at]
        if length > 63:
            raise ValueError("a question is not compressed")
        labels.append(packet[at + 1 : at + 1 + length].decode())
        at += length + 1
    return ".".join(labels), at + 1


def data(kind, value):
    if kind == "CNAME":
        return encoded(value)
    return socket.inet_pton(socket.AF_INET if kind == "A" else socket.AF_INET6, value)


def respond(packet, zone, lie):
    number, flags, questions = struct.unpack("!HHH", packet[:6])
    try:
        name, end = decoded(packet, 12)
        kind, _ = struct.unpack("!HH", packet[end : end + 4])
    except (ValueError, IndexError, struct.error):
        return struct.pack("!HHHHHH", number, 0x8000 | FORMAT_ERROR, 0, 0, 0, 0)
    if kind not in TYPES or questions != 1:
        there, values, code = True, [], REFUSED if questions != 1 else NO_ERROR
    else:
        there, values = zone.answer(plain(name), TYPES[kind])
        code = NO_ERROR if there else NO_NAME
    if lie and kind == 1:
        values, code = [("A", lie, 60)], NO_ERROR
    numbers = {word: number for number, word in TYPES.items()}
    answers = b""
    for record, value, ttl in values:
        rdata = data(record, value)
        answers += b"\xc0\x0c" + struct.pack("!HHIH", numbers[record], 1, ttl, len(rdata)) + rdata
    # A response with authority, to a question that may have asked for more.
    header = struct.pack("!HHHHHH", number, 0x8400 | (flags & 0x0100) | code, 1, len(values), 0, 0)
    return header + packet[12 : end + 4] + answers


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--moto", required=True, help="where moto is, HOST:PORT")
    parser.add_argument("--zone", required=True, help="the zone's identity")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--lie", help="an address that every question is answered with")
    parser.add_argument("--late", type=float, default=0, help="seconds after which a change is known")
    asked = parser.parse_args()
    zone = Zone(asked.moto, asked.zone, asked.late)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", asked.port))
        print(f"127.0.0.1:{server.getsockname()[1]}", flush=True)
        while True:
            packet, sender = server.recvfrom(4096)
            if len(packet) >= 12:
                server.sendto(respond(packet, zone, asked.lie), sender)


if __name__ == "__main__":
    main()
