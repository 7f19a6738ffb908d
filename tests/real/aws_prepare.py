#!/usr/bin/env python3
"""Prepares failovers with the real Terraform and the real AWS provider, and then cuts everything off.

    tests/real/aws_prepare.py target/release/drctl [--only 'prepare/*'] [--keep]

AWS is moto behind a proxy that cuts one region off (`tests/testbed`). Every scenario builds the shop of `shop/`
in ap-northeast-1 with Terraform itself, serves its repository with git's own daemon, has drctl prepare its
failover to ap-northeast-2, and then takes away what a failover would otherwise ask.

It prints a line a scenario, PASS, FAIL or SKIP, and exits with 1 when one has failed. What cannot be had here
is skipped by name, with the reason.
"""

import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

if sys.version_info < (3, 9):
    print("SKIP prepare: Python is older than 3.9; install a newer one")
    sys.exit(0)

# No cache of bytecode is left in the repository.
sys.dont_write_bytecode = True

from aws_failover import (
    FALLBACK, PRIMARY, PROVIDER, Before, build_primary, expect_no_changes, expect_primary_not_asked,
    expect_primary_untouched, on_path, usable,
)
from bed import Bed, Failed, Parts, Skip, component, looks
from scenarios import arguments, play_all


def silent():
    """Returns a server that takes connections and says nothing, and its port."""
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(("127.0.0.1", 0))
    server.listen(64)
    return server, server.getsockname()[1]


class Origin:
    """The repository, as a git server serves it, until it falls silent."""

    def __init__(self, bed):
        server, self.port = silent()
        server.close()
        self.bed = bed
        self.url = f"git://127.0.0.1:{self.port}/repository"
        path = pathlib.Path(bed.run("git", "git", "--exec-path").stdout.strip()) / "git-daemon"
        self.daemon = bed.start(
            "origin", path, "--listen=127.0.0.1", f"--port={self.port}", "--reuseaddr", "--export-all",
            f"--base-path={bed.folder}",
        )
        until = time.monotonic() + 20
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            if time.monotonic() > until:
                raise Failed("git-daemon does not listen")
            time.sleep(0.05)

    def fall_silent(self):
        self.daemon.send_signal(signal.SIGKILL)
        self.daemon.wait()
        self.bed.processes.remove(self.daemon)
        server = socket.socket()
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", self.port))
        server.listen(64)
        return server


def prepare(bed, url, *more):
    done = bed.run(
        "prepare", bed.parts.drctl, "prepare", "--repo", url, "--region", FALLBACK, "--json", *more, codes=None
    )
    bed.expect(done.code == 0, f"drctl prepare ended with {done.code}: {done.stderr.strip()}")
    return json.loads(done.stdout), done.seconds


def fail_over(bed, url, *more):
    """Fails over with the word of a dry run; returns how that ended, its events and its report."""
    common = ("--repo", url, "--region", FALLBACK, *more)
    dry = bed.run("dry-run", bed.parts.drctl, "failover", *common, "--dry-run", "--json")
    digest = json.loads(dry.stdout)["digest"]
    done = bed.run(
        "failover", bed.parts.drctl, "failover", *common, "--yes", "--expect-plan", digest, "--json", codes=None
    )
    events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"seq"')]
    report = bed.run("report", bed.parts.drctl, "report", "latest", "--json", codes=None).stdout
    return done, events, json.loads(report) if report.strip() else {}


def told(done):
    return " | ".join(line.strip() for line in done.stderr.splitlines()[-6:])


def seconds(report, phase):
    return sum(p["took_ms"] or 0 for p in report.get("phases", []) if p["name"] == phase) / 1000


def size(folder):
    """Returns how much a folder takes on the disk, in megabytes; what is linked counts once."""
    said = subprocess.run(["du", "-sm", str(folder)], stdout=subprocess.PIPE, text=True, check=True)
    return int(said.stdout.split()[0])


def cut(bed):
    """The primary hangs; the origin and the mirror of providers take connections and say nothing."""
    made = build_primary(bed)
    before = Before.take(bed)
    origin = Origin(bed)
    bundle, took = prepare(bed, origin.url)
    stacks = bundle["stacks"]
    bed.expect(stacks["network"]["plan"], f"`network` should be planned: {bundle['unprepared']}")
    kept = size(bundle["dir"])
    bed.say(f"prepared in {took:.1f}s, {kept} MB")

    bed.cut(PRIMARY, "hang")
    mute = origin.fall_silent()
    registry, port = silent()
    # What Terraform would ask for providers; named without a fallback.
    (bed.folder / "terraformrc").write_text(
        f'provider_installation {{\n  network_mirror {{\n    url = "https://127.0.0.1:{port}/"\n  }}\n}}\n',
        encoding="utf-8",
    )
    since = len(bed.requests())
    done, events, report = fail_over(bed, origin.url)
    asked = bed.requests()[since:]
    registry.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        registry.accept()
        bed.expect(False, "the mirror of providers was asked")
    mute.close()
    registry.close()
    bed.expect(done.code == 0, f"drctl ended with {done.code}: {told(done)}")
    started = [event for event in events if event["event"] == "started_prepared"]
    bed.expect(started and started[0]["planned"] == ["network"], f"it started from {started}")
    logs = {path.name.split("-", 1)[1] for path in bed.folder.glob("drctl/runs/*/logs/*.err")}
    bed.expect("network-init.err" not in logs and "network-plan.err" not in logs, f"it ran {sorted(logs)}")
    expect_primary_not_asked(bed, asked)
    rebuilt = bed.things(FALLBACK) - before.fallback
    bed.expect(looks(rebuilt) == looks(made), f"rebuilt is {looks(rebuilt)}, and was {looks(made)}")
    expect_primary_untouched(bed, before)
    bed.restore(PRIMARY)
    # Whoever looks after the primary has the providers still.
    (bed.folder / "terraformrc").write_text(
        f'provider_installation {{\n  filesystem_mirror {{\n    path = "{bed.parts.mirror}"\n  }}\n}}\n',
        encoding="utf-8",
    )
    expect_no_changes(bed)
    return (
        f"prepared in {took:.1f}s ({kept} MB); rebuilt in {done.seconds:.1f}s, {len(rebuilt)} objects, of which "
        f"{seconds(report, 'workspace'):.1f}s workspace and {seconds(report, 'plan'):.1f}s plan; asked neither the "
        f"primary nor a registry"
    )


def faster(bed):
    """The same failover twice, each in a cloud of its own: with what was prepared, and without."""
    took = []
    for one in (bed, Bed(bed.parts, bed.say, bed.keep)):
        with contextlib.nullcontext() if one is bed else one:
            build_primary(one)
            origin = Origin(one)
            if one is bed:
                prepare(one, origin.url)
            one.cut(PRIMARY, "refuse")
            done, _, _ = fail_over(one, origin.url)
            bed.expect(done.code == 0, f"drctl ended with {done.code}: {told(done)}")
            took.append(done.seconds)
    with_it, without = took
    bed.expect(with_it < without, f"it took {with_it:.1f}s with what was prepared, and {without:.1f}s without")
    return f"{with_it:.1f}s with what was prepared, {without:.1f}s without: {with_it / without:.2f} of it"


SCENARIOS = {
    "cut": ("origin, registry and primary all silent", cut),
    "faster": ("with what was prepared, and without", faster),
}


def main():
    asked = arguments(__doc__, "prepare/SCENARIO")
    try:
        moto = component("moto.sh")
        # boto3 lies in that environment, so all else runs there.
        if pathlib.Path(sys.prefix).resolve() != moto.parent.resolve():
            os.execv(moto / "python", [str(moto / "python"), __file__, *sys.argv[1:]])
        version, terraform = on_path()
        parts = Parts(asked.drctl, usable(version, terraform), version, component("aws_provider.sh"), moto)
    except Skip as skip:
        print(f"SKIP prepare: {skip}")
        return 0

    def play(act, playing):
        bed = Bed(parts, lambda said: print(f"prepare: {said}", flush=True), asked.keep)
        playing.folder = bed.folder
        playing.wrong = bed.wrong
        with bed:
            said = act(bed)
            bed.expect(not bed.strays(), "processes of a failover are left running")
        return f"{PROVIDER} on Terraform {version}: {said}"

    return play_all("prepare", SCENARIOS, asked, play)


if __name__ == "__main__":
    sys.exit(main())
