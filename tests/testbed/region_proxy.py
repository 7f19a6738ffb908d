#!/usr/bin/env python3
"""An HTTP reverse proxy in front of a simulated AWS that can cut a region off.

    region_proxy.py --upstream 127.0.0.1:5000 --log requests.jsonl [--port 0]

It prints its address, `127.0.0.1:PORT`, as soon as it listens. The region and the service of a
request are those of its signature (SigV4's credential scope). Services that AWS has in one place
for all regions, such as IAM, count as us-east-1 whatever the signature says: a client that was given
an endpoint signs for its own region. A request without a signature has no region and always passes.

    PUT    /_outage/ap-northeast-1?mode=refuse    the connection is reset, without an answer
    PUT    /_outage/ap-northeast-1?mode=hang      nothing is answered until the outage is over
    PUT    /_outage/ap-northeast-1?mode=503       everything is answered with 503
    DELETE /_outage/ap-northeast-1                the outage is over
    GET    /_outage                               what is cut, as JSON

Every request is a line of JSON in the log before it is passed on: time, region, the region that it is
signed for, service, method, path, the action where the protocol has it elsewhere than in the path, and
how it was cut, if so.
"""

import argparse
import datetime
import http.client
import http.server
import json
import re
import select
import socket
import struct
import sys
import threading
import urllib.parse

MODES = ("refuse", "hang", "503")
# Served from us-east-1 for the whole world.
GLOBAL = {"cloudfront", "iam", "organizations", "route53"}
SCOPE = re.compile(r"Credential=[^/,\s&]+/\d{8}/([^/]+)/([^/]+)/aws4_request")
NAMED = re.compile(r"/_region/([^/]+)(/.*)")
# What belongs to one connection and not to the message on it.
HOP_BY_HOP = {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "expect"}
UNAVAILABLE = b"<Error><Code>ServiceUnavailable</Code><Message>The region is out of service</Message></Error>"


class Outage:
    """A region that is cut off, and how."""

    def __init__(self, mode):
        self.mode = mode
        self.over = threading.Event()


class Log:
    """What was asked, a line of JSON a request."""

    def __init__(self, path):
        self.file = open(path, "a", encoding="utf-8", buffering=1)
        self.lock = threading.Lock()

    def write(self, entry):
        now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds")
        with self.lock:
            self.file.write(json.dumps({"time": now, **entry}) + "\n")


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128

    def __init__(self, port, upstream, log):
        super().__init__(("127.0.0.1", port), Handler)
        self.upstream = upstream
        self.log = log
        self.outages = {}

    def handle_error(self, request, client_address):
        # A client that leaves in the middle is no error of ours.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body leave in one packet, else each answer waits for the client to acknowledge the head.
    wbufsize = -1

    def do_any(self):
        if self.path.startswith("/_outage"):
            return self.control()
        scope = SCOPE.search(self.headers.get("Authorization", "")) or SCOPE.search(
            urllib.parse.unquote(self.path).replace("X-Amz-Credential=", "Credential=")
        )
        signed, service = scope.groups() if scope else (None, None)
        region = "us-east-1" if service in GLOBAL else signed
        path = self.path
        if named := NAMED.fullmatch(path):
            region, self.path = named.groups()
        outage = self.server.outages.get(region)
        # The body of a request that is cut is not even read.
        body = None if outage else self.body()
        self.server.log.write({
            "region": region,
            "signed": signed,
            "service": service,
            "method": self.command,
            "path": path,
            "action": self.action(body),
            "cut": outage and outage.mode,
        })
        return self.cut(outage) if outage else self.forward(body)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_any

    def control(self):
        self.body()
        asked = urllib.parse.urlsplit(self.path)
        region = asked.path.partition("/_outage/")[2]
        mode = dict(urllib.parse.parse_qsl(asked.query)).get("mode")
        outages = self.server.outages
        if self.command == "PUT" and region and mode in MODES:
            self.end(outages.get(region))
            outages[region] = Outage(mode)
        elif self.command == "DELETE" and region:
            self.end(outages.pop(region, None))
        elif self.command != "GET":
            usage = f"Ask with PUT /_outage/REGION?mode={'|'.join(MODES)} or DELETE /_outage/REGION\n"
            return self.answer(400, [("Content-Type", "text/plain")], usage.encode())
        cut = json.dumps({region: outage.mode for region, outage in outages.items()})
        return self.answer(200, [("Content-Type", "application/json")], cut.encode())

    @staticmethod
    def end(outage):
        if outage:
            outage.over.set()

    def cut(self, outage):
        self.close_connection = True
        if outage.mode == "503":
            return self.answer(503, [("Content-Type", "text/xml"), ("Connection", "close")], UNAVAILABLE)
        if outage.mode == "hang":
            # Whoever still waits when it is over gets no answer either: that request is lost.
            while not outage.over.wait(0.1) and not self.client_left():
                pass
        # With a linger of no time the kernel sends a reset instead of an orderly end.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return self.connection.close()

    def client_left(self):
        poll = select.poll()
        poll.register(self.connection, getattr(select, "POLLRDHUP", 0))
        return bool(poll.poll(0))

    def forward(self, body):
        upstream = http.client.HTTPConnection(*self.server.upstream)
        try:
            # The host stays as the client said it, since what is made from it, such as the URL
            # of a queue, must lead through here again.
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in HOP_BY_HOP | {"content-length"}:
                    upstream.putheader(name, value)
            if body or self.command in ("POST", "PUT", "PATCH"):
                upstream.putheader("Content-Length", str(len(body)))
            upstream.endheaders(body)
            said = upstream.getresponse()
            answer = said.read()
        except (OSError, http.client.HTTPException) as error:
            words = f"{self.server.upstream[0]}:{self.server.upstream[1]} does not answer: {error}\n"
            return self.answer(502, [("Content-Type", "text/plain")], words.encode())
        finally:
            upstream.close()
        headers = [(name, value) for name, value in said.getheaders() if name.lower() not in HOP_BY_HOP]
        return self.answer(said.status, headers, answer)

    def answer(self, status, headers, body):
        self.send_response_only(status)
        # The answer to HEAD has the length of a body that it does not have.
        length_stands = self.command == "HEAD" or status in (204, 304)
        for name, value in headers:
            if length_stands or name.lower() != "content-length":
                self.send_header(name, value)
        if not length_stands:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def body(self):
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.send_response_only(100)
            self.end_headers()
            self.wfile.flush()
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return b"".join(self.chunks())
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def chunks(self):
        while True:
            size = int(self.rfile.readline().split(b";")[0], 16)
            chunk = self.rfile.read(size)
            self.rfile.readline()
            if not size:
                return
            yield chunk

    def action(self, body):
        target = self.headers.get("X-Amz-Target")
        if target or not body or "form" not in self.headers.get("Content-Type", ""):
            return target
        return dict(urllib.parse.parse_qsl(body.decode(errors="replace"))).get("Action")

    def handle_expect_100(self):
        # Said when the body is read, and not at all where the region is cut.
        return True

    def log_message(self, *_):
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--upstream", required=True, metavar="HOST:PORT", help="where the simulated AWS listens")
    parser.add_argument("--log", required=True, metavar="FILE", help="where the requests are written down")
    parser.add_argument("--port", type=int, default=0, help="where to listen; a free one, if not given")
    asked = parser.parse_args()
    host, _, port = asked.upstream.rpartition(":")
    server = Server(asked.port, (host, int(port)), Log(asked.log))
    print(f"127.0.0.1:{server.server_address[1]}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
