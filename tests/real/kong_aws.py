"""Chaos Kong and a simulated AWS: a region of moto is cut off by a proxy, in three ways.

The service is the shop of `shop/`, by the provider hashicorp/aws and the Terraform on PATH.
"""

import contextlib
import http.server
import json
import os
import pathlib
import shutil
import signal
import threading
import time
import urllib.request

from aws_failover import (
    FALLBACK, PRIMARY, Before, build_primary, expect_no_changes, expect_primary_not_asked, expect_primary_untouched,
    listed, on_path, usable,
)
from bed import HERE, Bed, Failed, Parts, component, looks
from kong_scene import ASKED, DETECTED_WITHIN, Front, Scene, expect_survived, journal, runs, wait


class AwsFront(Front):
    """Serves from a region of AWS: what it says is read there each time, through the proxy.

    `PUT /REGION` moves the traffic.
    """

    def __init__(self, bed):
        super().__init__()
        self.bed = bed
        self.region = PRIMARY

    def __enter__(self):
        front = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                at = time.time()
                words = front.asked()
                front.answers.append((at, words is not None))
                self.answer(503 if words is None else 200, words or "the region does not answer")

            def do_PUT(self):
                front.region = self.path.strip("/")
                self.answer(200, front.region)

            def answer(self, status, words):
                with contextlib.suppress(OSError):
                    self.send_response(status)
                    self.end_headers()
                    self.wfile.write(words.encode())

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def asked(self):
        """Returns what the region in which the traffic is has to say, or nothing."""
        region = self.region
        with contextlib.suppress(Exception):
            ssm = self.bed.client("ssm", region, through=self.bed.proxy, connect_timeout=1, read_timeout=1)
            subnets = ssm.get_parameter(Name="/shop/subnets")["Parameter"]["Value"]
            return f"served from {region}, by {subnets}"
        return None


AWS_RUNBOOK = f"""
service "shop" {{
  rto           = "30m"
  primary       = "{PRIMARY}"
  verify_within = "20s"
}}

region "{FALLBACK}" {{}}

stack "network" {{
  path = "stacks/network"
}}

stack "app" {{
  path = "stacks/app"
  variables = {{
    vpc_id     = stack.network.outputs.vpc_id
    subnet_ids = stack.network.outputs.subnet_ids
  }}
}}

command "cutover" {{
  needs = ["app"]
  run   = ["./bin/point", region]
}}

probe "http" "front" {{
  url      = "FRONT/"
  contains = "served from"
  {ASKED}}}

probe "region" "tokyo" {{
  cloud    = "aws"
  endpoint = "http://aws.example/_region/{{region}}/{{service}}"
  {ASKED}}}

probe "region" "seoul" {{
  cloud    = "aws"
  role     = "fallback"
  endpoint = "http://aws.example/_region/{{region}}/{{service}}"
  {ASKED}}}

probe "region" "oregon" {{
  cloud    = "aws"
  role     = "witness"
  region   = "us-west-2"
  endpoint = "http://aws.example/_region/{{region}}/{{service}}"
  {ASKED}}}

watch {{
  region  = "{FALLBACK}"
  confirm = "1s"
}}

kong {{
  dark  = ["./bin/region", "cut", primary]
  light = ["./bin/region", "mend", primary]
}}
"""

POINT = """#!/usr/bin/env python3
import sys, urllib.request
request = urllib.request.Request("FRONT/" + sys.argv[1], method="PUT")
urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10)
"""

REGION = """#!/usr/bin/env python3
import sys, urllib.request
method, path = {"cut": ("PUT", sys.argv[2] + "?mode=MODE"), "mend": ("DELETE", sys.argv[2])}[sys.argv[1]]
request = urllib.request.Request("http://aws.example/_outage/" + path, method=method)
urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10)
"""


@contextlib.contextmanager
def aws(asked, mode):
    """Builds the shop in its primary region. Gives the bed, its front, the scene and what was made."""
    moto, mirror = component("moto.sh"), component("aws_provider.sh")
    version, terraform = on_path()
    parts = Parts(asked.drctl, usable(version, terraform), version, mirror, moto)
    say = lambda words: print(f"  {words}", flush=True)  # noqa: E731
    with Bed(parts, say, asked.keep) as bed, AwsFront(bed) as front:
        bed.wrong = asked.wrong
        fill = lambda text: text.replace("FRONT", front.address).replace("MODE", mode)  # noqa: E731
        for folder in ("template", "tmp"):
            (bed.folder / folder).mkdir()
        # What is killed leaves its temporary files.
        bed.env["TMPDIR"] = str(bed.folder / "tmp")
        template = bed.folder / "template/shop"
        shutil.copytree(HERE / "shop", template)
        (template / "bin").mkdir()
        (template / "drctl.hcl").write_text(fill(AWS_RUNBOOK), encoding="utf-8")
        for name, text in (("point", POINT), ("region", REGION)):
            (template / "bin" / name).write_text(fill(text), encoding="utf-8")
            (template / "bin" / name).chmod(0o755)
        made = build_primary(bed, template=template)
        scene = Scene(
            asked.drctl, bed.repository, FALLBACK,
            lambda name, *command: bed.spawn(name, command, bed.repository, bed.env)[0],
            lambda name, *command, **more: bed.run(name, *command, folder=bed.repository, **more),
        )
        yield bed, front, scene, made


def dark_regions(bed):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://{bed.proxy}/_outage", timeout=10) as answer:
        return json.loads(answer.read())


def expect_rebuilt(bed, front, before, made):
    """The fallback has what the primary has and the traffic, and the primary is as it was."""
    rebuilt = bed.things(FALLBACK) - before.fallback
    bed.expect(
        looks(rebuilt) == looks(made),
        f"missing in {FALLBACK}: {listed(made)} was made, {listed(rebuilt)} is rebuilt",
    )
    bed.expect(front.region == FALLBACK, f"the traffic is in {front.region}")
    expect_primary_untouched(bed, before)
    expect_no_changes(bed)
    bed.expect(not bed.strays(), "processes of the failover are left running")
    return len(rebuilt)


def aws_mode(asked, mode):
    with aws(asked, mode) as (bed, front, scene, made):
        before, since, at = Before.take(bed), len(bed.requests()), time.time()
        done = scene.run("kong", *scene.kong(), codes=None, limit=300)
        cut = [request for request in bed.requests()[since:] if request["cut"]]
        bed.expect({request["cut"] for request in cut} == {mode}, f"cut in other ways than `{mode}`")
        # Who asks for the parameter is the front, and below `/_region/` it is the probes.
        expect_primary_not_asked(
            bed, [one for one in cut if one["service"] != "ssm" and not one["path"].startswith("/_region/")]
        )
        said = expect_survived(bed, scene, done, front, at)
        bed.expect(dark_regions(bed) == {}, f"still dark: {dark_regions(bed)}")
        count = expect_rebuilt(bed, front, before, made)
        return f"{said}; {count} objects rebuilt, the primary and its states untouched"


def until_applying(bed, scene, kong):
    """Waits until the failover makes the first resource. Returns its run."""
    def applying():
        if kong.poll() is not None:
            raise Failed(f"drctl ended with {kong.returncode}: {bed_said(kong)}")
        return any(event["event"] == "resource_started" for run in runs(bed) for event in journal(bed, run))

    wait("resource of the failover", 120, applying)
    (run,) = runs(bed)
    bed.expect(dark_regions(bed) == {PRIMARY: "refuse"}, f"dark is {dark_regions(bed)}")
    return run


def bed_said(process):
    return pathlib.Path(f"{process.base}.err").read_text(encoding="utf-8", errors="replace").strip()


def finished(bed, run):
    return any(event["event"] == "run_finished" for event in journal(bed, run))


def aws_killed(asked):
    with aws(asked, "refuse") as (bed, front, scene, made):
        before = Before.take(bed)
        kong = scene.spawn("kong", *scene.kong())
        run = until_applying(bed, scene, kong)
        os.kill(kong.pid, signal.SIGKILL)
        kong.wait()
        time.sleep(1)
        bed.expect(dark_regions(bed) == {PRIMARY: "refuse"}, "the region is light, and nobody made it so")
        bed.expect(not finished(bed, run), "the failover was over before drctl was killed, so that this shows nothing")
        # The watch finds the region dark, an outage that goes on, and a failover that it did not begin itself.
        watch = scene.spawn("watch", scene.drctl, "watch", "--listen", "none")
        wait("watch", 30, lambda: "goes on since" in bed_said(watch))
        light = scene.run("light", scene.drctl, "chaos", "kong", "--light")
        bed.expect(dark_regions(bed) == {}, f"still dark: {dark_regions(bed)}; {light.stderr}")
        wait("end of the failover", 120, lambda: finished(bed, run))
        wait("word of the watch", 30, lambda: f"failover {run}: " in bed_said(watch))
        # Longer than it takes to notice an outage and confirm it.
        time.sleep(DETECTED_WITHIN + 2)
        watch.send_signal(signal.SIGINT)
        watch.wait(30)
        word = next(line for line in bed_said(watch).splitlines() if f"failover {run}: " in line)
        bed.expect(": met: " in word, f"the watch says: {word}")
        bed.expect(runs(bed) == [run], f"there is more than one run: {runs(bed)}")
        report = scene.report(run)
        bed.expect(report["summary"] == "met", f"the failover is {report['summary']}")
        count = expect_rebuilt(bed, front, before, made)
        return (
            f"dark until `--light`, the failover went on to its end in {report['recovery_time_ms'] / 1000:.1f}s with"
            f" {count} objects, and the watch that was begun in the dark says so: {word.partition(' ')[2]}"
        )


def aws_interrupted(asked):
    with aws(asked, "refuse") as (bed, front, scene, made):
        before = Before.take(bed)
        kong = scene.spawn("kong", *scene.kong())
        run = until_applying(bed, scene, kong)
        began = time.monotonic()
        kong.send_signal(signal.SIGINT)
        wait("light", 30, lambda: dark_regions(bed) == {})
        light_after = time.monotonic() - began
        code = kong.wait(30)
        bed.expect(code == 5, f"drctl ended with {code}: {bed_said(kong)}")
        survived = json.loads(pathlib.Path(f"{kong.base}.out").read_text(encoding="utf-8"))
        bed.expect(
            (survived["summary"], survived["light"], survived["run"]) == ("interrupted", True, run),
            f"the report says: {survived}",
        )
        wait("end of the failover", 120, lambda: finished(bed, run))
        report = scene.report(run)
        bed.expect(report["summary"] == "met", f"the failover is {report['summary']}")
        expect_rebuilt(bed, front, before, made)
        return f"light after {light_after:.1f}s, exit code 5; the failover went on to its end: met"


SCENARIOS = {
    "aws-refuse": ("a region of moto refuses", lambda asked: aws_mode(asked, "refuse")),
    "aws-hang": ("a region of moto hangs", lambda asked: aws_mode(asked, "hang")),
    "aws-503": ("a region of moto answers 503", lambda asked: aws_mode(asked, "503")),
    "aws-killed": ("drctl killed in the dark", aws_killed),
    "aws-interrupted": ("drctl interrupted in the dark", aws_interrupted),
}
