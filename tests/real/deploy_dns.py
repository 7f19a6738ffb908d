#!/usr/bin/env python3
"""Moves traffic with the AWS command line in a simulated Route 53, and holds what drctl says against its records.

    tests/real/deploy_dns.py target/release/drctl [--only 'dns/weights'] [--keep]

A zone of moto has the records of `shop.example.com`, and a DNS server that stands for those of the zone answers
from them (`tests/testbed/dns_server.py`). A failover of a service without stacks moves them:

    weights, alias, failover, values    each by its way; servers get to know of it a little later
    there                               a second failover finds nothing to change
    no-zone, no-record                  what the runbook names is not there
    lie                                 the server goes on to answer the old address
    servers                             nobody knows the zone's own servers
    withheld                            the probe of the fallback does not pass, so nothing is moved
    dry-run                             the commands are shown, and nothing is moved

It prints a line a scenario, PASS, FAIL or SKIP, and exits with 1 when one has failed. It takes moto and the AWS
command line from PyPI.
"""

import contextlib
import http.server
import json
import os
import pathlib
import shutil
import sys
import threading

HERE = pathlib.Path(__file__).resolve().parent
# No cache of bytecode is left in the repository.
sys.dont_write_bytecode = True

from bed import Bed, Parts, Skip, component
from scenarios import arguments, play_all

TOKYO, SEOUL = "192.0.2.1", "192.0.2.2"
FALLBACK = "ap-northeast-2"
NAME = "shop.example.com"

RUNBOOK = """
service "shop" {
  rto           = "10m"
  primary       = "ap-northeast-1"
  verify_within = "3s"
}

region "ap-northeast-2" {}

command "shop" {
  run = ["true"]
}

dns "cutover" {
  needs    = ["shop"]
  zone     = "ZONE"
  record   = "shop.example.com"
  endpoint = "http://aws.example"
  WAY
}

probe "http" "front" {
  url            = "http://127.0.0.1:FRONT/"
  interval       = "100ms"
  up_after       = 2
  before_cutover = true
}
"""

WEIGHTS = 'weights = { tokyo = 0, seoul = 100 }\n  server = "SERVER"'


class Front:
    """What the probe asks: it answers, or it answers with an error."""

    def __init__(self, status=200):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


class Scene:
    """A zone with records, a DNS server that answers from them, and a repository that moves them."""

    def __init__(self, bed, records):
        self.bed = bed
        self.route53 = bed.client("route53", "us-east-1")
        made = self.route53.create_hosted_zone(Name="example.com", CallerReference="shop")
        self.zone = made["HostedZone"]["Id"].removeprefix("/hostedzone/")
        batch = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": record} for record in records]}
        self.route53.change_resource_record_sets(HostedZoneId=self.zone, ChangeBatch=batch)

    def records(self):
        """Returns all records of the name, by type and set identifier."""
        listed = self.route53.list_resource_record_sets(HostedZoneId=self.zone)["ResourceRecordSets"]
        found = [record for record in listed if record["Name"] == f"{NAME}."]
        return {(record["Type"], record.get("SetIdentifier")): record for record in found}

    def serve(self, *more):
        """Starts the DNS server, and returns its address."""
        server = self.bed.start(
            "dns", sys.executable, HERE.parent / "testbed" / "dns_server.py",
            "--moto", self.bed.moto, "--zone", self.zone, *more,
        )
        return "127.0.0.1:" + self.bed.announced(server, r"127\.0\.0\.1:(\d+)")

    def repository(self, way, front, server="", zone=None):
        template = self.bed.folder / "template"
        template.mkdir()
        text = RUNBOOK.replace("WAY", way).replace("ZONE", zone or self.zone)
        text = text.replace("SERVER", server).replace("FRONT", str(front.port))
        (template / "drctl.hcl").write_text(text, encoding="utf-8")
        self.bed.write_repository(template)

    def failover(self, code):
        """Fails over, and expects an exit code."""
        recovery = self.bed.failover("--region", FALLBACK, "--again", limit=60)
        done = recovery.done
        self.bed.expect(done.code == code, f"the exit code is {done.code}, not {code}: {recovery.why}")
        self.events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        return recovery

    def says(self, *words):
        """Expects words in how the cutover ended: in its causes or in its advice."""
        ended = [event["outcome"] for event in self.of("step_finished") if event["step"] == "cutover"]
        for word in words:
            self.bed.expect(word in json.dumps(ended), f"not said: {word}: {ended}")
        return words[0]

    def of(self, event):
        return [found for found in self.events if found.get("event") == event]

    def moved(self, before, after, ttl):
        """Expects one move, and that the server was waited for."""
        moves = [event["traffic"] for event in self.of("traffic_moved")]
        wanted = [{"name": NAME, "before": before, "after": after, "ttl_ms": ttl * 1000}]
        self.bed.expect(moves == wanted, f"traffic: {moves}, not {wanted}")
        seen = [event for event in self.of("object_seen") if event["state"] == "ready"]
        self.bed.expect(len(seen) == 1, f"{NAME} was not seen to lead there: {seen}")
        return ", ".join(after)

    def expect_records(self, **wanted):
        """Expects records by their set identifiers, each with some fields; `plain` has no identifier."""
        there = self.records()
        for name, fields in wanted.items():
            found = there.get(("A", None if name == "plain" else name), {})
            for field, value in fields.items():
                self.bed.expect(found.get(field) == value, f"{name}: {field} is {found.get(field)}, not {value}")

    def changes(self):
        """Returns how often Route 53 was asked to change something."""
        asked = [request["path"] for request in self.bed.requests() if request["method"] == "POST"]
        return sum("/rrset" in path for path in asked)


def weighted(name, weight, value, **more):
    return record(value, SetIdentifier=name, Weight=weight, **more)


def record(value, **more):
    return {"Name": NAME, "Type": "A", "TTL": 30, "ResourceRecords": [{"Value": value}], **more}


def two_weights():
    return [weighted("tokyo", 100, TOKYO), weighted("seoul", 0, SEOUL), weighted("canary", 0, "192.0.2.3", TTL=5)]


def weights(bed):
    scene = Scene(bed, two_weights())
    with Front() as front:
        scene.repository(WEIGHTS, front, scene.serve("--late", "1"))
        recovery = scene.failover(0)
    scene.expect_records(tokyo={"Weight": 0, "TTL": 30}, seoul={"Weight": 100}, canary={"Weight": 0, "TTL": 5})
    bed.expect(len(scene.of("fallback_verified")) == 1, "the fallback was not verified before")
    return f"{scene.moved([TOKYO], [SEOUL], 30)} after {recovery.seconds:.1f}s"


def alias(bed):
    def at(name, weight, target):
        found = weighted(name, weight, "")
        del found["TTL"], found["ResourceRecords"]
        target = {"HostedZoneId": "Z1", "DNSName": target, "EvaluateTargetHealth": True}
        return {**found, "AliasTarget": target}

    balancers = [record(TOKYO, Name="tokyo.example.com"), record(SEOUL, Name="seoul.example.com")]
    records = [at("tokyo", 1, "tokyo.example.com"), at("seoul", 0, "seoul.example.com")]
    scene = Scene(bed, balancers + records)
    before = scene.records()
    with Front() as front:
        scene.repository('weights = { tokyo = 0, seoul = 1 }\n  server = "SERVER"', front, scene.serve())
        scene.failover(0)
    after = scene.records()
    kept = all(before[key]["AliasTarget"] == after[key]["AliasTarget"] for key in before)
    bed.expect(kept, f"the targets were changed: {after}")
    return scene.moved(["tokyo.example.com"], ["seoul.example.com"], 60)


def failover(bed):
    scene = Scene(bed, [
        record(TOKYO, SetIdentifier="tokyo", Failover="PRIMARY", TTL=20),
        record(SEOUL, SetIdentifier="seoul", Failover="SECONDARY", TTL=10),
    ])
    with Front() as front:
        scene.repository('failover = "seoul"\n  server = "SERVER"', front, scene.serve("--late", "1"))
        scene.failover(0)
    scene.expect_records(
        tokyo={"Failover": "SECONDARY", "TTL": 20}, seoul={"Failover": "PRIMARY", "TTL": 10}
    )
    return scene.moved([TOKYO], [SEOUL], 20)


def values(bed):
    scene = Scene(bed, [record(TOKYO, TTL=300)])
    with Front() as front:
        scene.repository(f'values = ["{SEOUL}"]\n  ttl = "20s"\n  server = "SERVER"', front, scene.serve())
        scene.failover(0)
    scene.expect_records(plain={"TTL": 20, "ResourceRecords": [{"Value": SEOUL}]})
    return scene.moved([TOKYO], [SEOUL], 300)


def there(bed):
    scene = Scene(bed, two_weights())
    with Front() as front:
        scene.repository(WEIGHTS, front, scene.serve())
        scene.failover(0)
        bed.expect(scene.changes() == 1, f"{scene.changes()} changes at first")
        scene.failover(0)
    bed.expect(scene.changes() == 1, f"{scene.changes()} changes in the end")
    bed.expect(not scene.of("traffic_moved"), "traffic is said to be moved")
    notes = [note["message"] for note in scene.of("noted") if "already" in note["message"]]
    bed.expect(notes == [f"`{NAME}` leads to {SEOUL} already"], f"notes: {notes}")
    return notes[0] if notes else ""


def no_zone(bed):
    scene = Scene(bed, two_weights())
    with Front() as front:
        scene.repository(WEIGHTS, front, scene.serve(), zone="ZNOSUCHZONE")
        scene.failover(3)
    return scene.says("there is no hosted zone `ZNOSUCHZONE`")


def no_record(bed):
    scene = Scene(bed, two_weights())
    with Front() as front:
        scene.repository('weights = { osaka = 1 }\n  resolve = false', front)
        scene.failover(3)
    bed.expect(scene.changes() == 0, "something was changed")
    return scene.says("has no weighted record `osaka`", "`canary`, `seoul`, `tokyo`")


def lie(bed):
    scene = Scene(bed, two_weights())
    with Front() as front:
        scene.repository(f'{WEIGHTS}\n  limit = "4s"', front, scene.serve("--lie", TOKYO))
        scene.failover(3)
    wanted = scene.says(f"does not lead to `{SEOUL}` everywhere", f": {TOKYO}")
    memory = list((bed.folder / "drctl").rglob("deploy/cutover.json"))
    kept = json.loads(memory[0].read_text(encoding="utf-8")) if memory else []
    before = {change["before"]["SetIdentifier"]: change["before"]["Weight"] for change in kept}
    bed.expect(before == {"tokyo": 100, "seoul": 0}, f"remembered: {before}")
    return f"{wanted}, and what was before is remembered"


def servers(bed):
    scene = Scene(bed, two_weights())
    with Front() as front:
        scene.repository('weights = { tokyo = 0, seoul = 1 }\n  limit = "4s"', front)
        scene.failover(3)
    return scene.says("ns-2048.awsdns-64.com", "`resolve = false` trusts Route 53 alone")


def withheld(bed):
    scene = Scene(bed, two_weights())
    with Front(503) as front:
        scene.repository(WEIGHTS, front, scene.serve())
        scene.failover(3)
    scene.expect_records(tokyo={"Weight": 100}, seoul={"Weight": 0})
    bed.expect(scene.changes() == 0, "something was changed")
    return scene.says("the probe `front` does not pass in the fallback")


def dry_run(bed):
    scene = Scene(bed, two_weights())
    with Front() as front:
        scene.repository(WEIGHTS, front, "127.0.0.1:53")
        done = bed.drctl("dry-run", "--region", FALLBACK, "--dry-run", limit=60)
    bed.expect(done.code == 0, done.stderr)
    for word in ("get-hosted-zone", "list-resource-record-sets", "change-resource-record-sets", "get-change"):
        line = f"aws route53 {word}"
        bed.expect(line in done.stdout, f"`{line}` is not shown")
    bed.expect(scene.changes() == 0, "something was changed")
    return "four commands"


SCENARIOS = {
    "weights": ("weights move, and servers that know it late are waited for", weights),
    "alias": ("aliases keep their targets", alias),
    "failover": ("two records swap their roles", failover),
    "values": ("a plain record gets another value and TTL", values),
    "there": ("a second failover finds nothing to change", there),
    "no-zone": ("the zone is not there", no_zone),
    "no-record": ("a record is not there", no_record),
    "lie": ("the server goes on to answer the old address", lie),
    "servers": ("the zone's own servers cannot be asked", servers),
    "withheld": ("a fallback that does not pass gets no traffic", withheld),
    "dry-run": ("a dry run moves nothing", dry_run),
}


def main():
    asked = arguments(__doc__, "dns/SCENARIO")
    with contextlib.suppress(Skip):
        moto = component("moto.sh")
        # boto3 lies in moto's environment.
        if pathlib.Path(sys.prefix).resolve() != moto.parent.resolve():
            os.execv(moto / "python", [str(moto / "python"), __file__, *sys.argv[1:]])

    def play(act, playing):
        moto, aws = component("moto.sh"), component("aws_cli.sh")
        # No stack is restored, but a Terraform is looked for.
        terraform = shutil.which("terraform")
        if not terraform:
            raise Skip("there is no terraform on the PATH")
        parts = Parts(asked.drctl, pathlib.Path(terraform), "", pathlib.Path("/nowhere"), moto)
        with Bed(parts, print, asked.keep) as bed:
            playing.wrong, playing.folder = bed.wrong, bed.folder
            bed.env["PATH"] = f"{aws}:{bed.env['PATH']}"
            bed.env.update(AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", NO_PROXY="127.0.0.1")
            return act(bed)

    return play_all("dns", SCENARIOS, asked, play)


if __name__ == "__main__":
    sys.exit(main())
