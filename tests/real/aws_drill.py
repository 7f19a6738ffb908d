#!/usr/bin/env python3
"""Holds drills with the real Terraform and the real AWS provider, and looks at what they leave.

    tests/real/aws_drill.py target/release/drctl [--only 'drill/*'] [--keep]

AWS is moto behind a proxy that cuts one region off (`tests/testbed`). Every scenario builds the store of
`store/` in ap-northeast-1 with Terraform itself, drills its recovery into ap-northeast-2, and asks moto past
the proxy what is there afterwards: in both regions, and of what belongs to the whole account.

It prints a line a scenario, PASS, FAIL or SKIP, and exits with 1 when one has failed. What cannot be had here
is skipped by name, with the reason.
"""

import contextlib
import dataclasses
import fnmatch
import json
import os
import pathlib
import signal
import sys
import time
import traceback

if sys.version_info < (3, 9):
    print("SKIP drill: Python is older than 3.9; install a newer one")
    sys.exit(0)

# No cache of bytecode is left in the repository.
sys.dont_write_bytecode = True

from aws_failover import FALLBACK, PRIMARY, PROVIDER, listed, on_path, told, usable
from bed import HERE, Bed, Done, Failed, Parts, Skip, component, read
from scenarios import arguments

STATES = f"store-state-{PRIMARY}"
# Longer than anything here takes, in seconds.
PATIENCE = 180
NOTHING_LEFT = "No state knows of anything that is left of a drill"


# The store.


def build_primary(bed, files=None):
    """Builds the store where it is at home."""
    bed.bucket(STATES, PRIMARY)
    bed.write_repository(HERE / "store", files=files)
    outputs = {}
    for stack in ("network", "data", "app"):
        bed.terraform(stack, "init", "-input=false", "-no-color")
        bed.terraform(stack, "apply", "-auto-approve", "-input=false", "-no-color", variables=outputs)
        outputs = {**outputs, **bed.outputs(stack)}
    # The lock files, as a repository should have them.
    bed.commit("lock the provider")


@dataclasses.dataclass(frozen=True)
class Content:
    """What there is in AWS: in both regions, in the whole account, and in the primary's states."""

    primary: frozenset
    fallback: frozenset
    account: frozenset
    states: tuple

    @classmethod
    def take(cls, bed):
        return cls(bed.things(PRIMARY), bed.things(FALLBACK), names(bed), tuple(bed.versions(STATES, PRIMARY)))


def names(bed):
    """Returns the names that nothing else in the account, or in the world, can have."""
    roles = {f"role {role['RoleName']}" for role in bed.client("iam", PRIMARY).list_roles()["Roles"]}
    buckets = {f"bucket {bucket['Name']}" for bucket in bed.client("s3", PRIMARY).list_buckets()["Buckets"]}
    return frozenset(roles | buckets)


def expect_as_before(bed, before, when=""):
    """Makes sure that there is what there was, no more and no less."""
    now = Content.take(bed)
    for where in ("fallback", "primary", "account"):
        there, was = getattr(now, where), getattr(before, where)
        bed.expect(there <= was, f"{when}left in the {where}: {listed(there - was)}")
        bed.expect(there >= was, f"{when}lost in the {where}: {listed(was - there)}")
    bed.expect(now.states == before.states, f"{when}the primary's states were written")


def expect_left_alone(bed, since, when=""):
    """Makes sure that the primary was asked for nothing, not even for its states."""
    asked = [told(request) for request in bed.requests()[since:] if request["signed"] == PRIMARY]
    bed.expect(not asked, f"{when}asked of {PRIMARY}: {', '.join(asked)}")


# drctl.


def drctl(bed, name, *arguments, limit=PATIENCE):
    return bed.run(name, bed.parts.drctl, *arguments, codes=None, limit=limit)


def drill_arguments(bed, *more):
    return ["drill", "--repo", bed.repository, "--region", FALLBACK, "--yes", *more]


def report(bed, run="latest"):
    return json.loads(drctl(bed, "report", "report", run, "--json").stdout)


def sweep(bed):
    return drctl(bed, "sweep", "drill", "--sweep")


def last_words(done, lines=6):
    said = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    return " | ".join(said[-lines:])


class Begun:
    """A drill or a sweep that is on."""

    def __init__(self, bed, *arguments):
        self.bed = bed
        self.since = len(bed.requests())
        self.began = time.monotonic()
        self.process, self.base = bed.spawn("begun", [bed.parts.drctl, *arguments], bed.folder, bed.env)

    @classmethod
    def drill(cls, bed, *more):
        return cls(bed, *drill_arguments(bed, *more))

    def until(self, what, holds):
        """Waits until something holds."""
        while not holds(self):
            if self.process.poll() is not None:
                raise Failed(f"{what} never happened: {self.process.returncode}, {last_words(self.end())}")
            if time.monotonic() - self.began > PATIENCE:
                raise Failed(f"{what} never happened")
            time.sleep(0.02)

    def said(self, *words):
        """Whether a line of what it says has all these words."""
        return any(set(words) <= set(line.split()) for line in read(f"{self.base}.err").splitlines())

    def asked(self, *actions):
        """Returns how often the fallback was asked for one of these actions."""
        return sum(
            request["signed"] == FALLBACK and request["action"] in actions
            for request in self.bed.requests()[self.since:]
        )

    def kill(self, everything):
        """Kills drctl, and with it all that it has started, as when the machine is lost."""
        self.process.kill()
        self.process.wait()
        if everything:
            for pid in self.bed.strays():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        return self.end()

    def end(self):
        """Waits for its end."""
        code = self.process.wait(PATIENCE)
        if self.process in self.bed.processes:
            self.bed.processes.remove(self.process)
        return Done(code, read(f"{self.base}.out"), read(f"{self.base}.err"), time.monotonic() - self.began)


# The scenarios. Each takes a bed and returns what is to be said of it.


def whole(bed):
    """Two drills in a row, each whole."""
    build_primary(bed)
    before = Content.take(bed)
    used, times = [], []
    for _ in range(2):
        drill = Begun.drill(bed)
        seen = set()
        # Looked at all the time, so that the names are those that AWS has seen.
        while drill.process.poll() is None:
            seen |= names(bed) - before.account
            time.sleep(0.2)
        done = drill.end()
        bed.expect(done.code == 0, f"the drill ended with {done.code}: {last_words(done)}")
        used.append(seen)
        expect_as_before(bed, before)
        expect_left_alone(bed, drill.since)
        facts = report(bed)
        bed.expect(facts.get("removed") is True, f"the report says that removed is {facts.get('removed')}")
        bed.expect(facts["summary"] == "met", f"the report says: {facts['summary']}")
        bed.expect("the probe `outside` is left out" in done.stdout, "the probe that asks the primary is not left out")
        times.append(f"{done.seconds:.1f}s, recovered after {(facts['recovery_time_ms'] or 0) / 1000:.1f}s")
    for seen in used:
        bed.expect(len(seen) == 2, f"AWS saw these names: {sorted(seen)}")
    bed.expect(not used[0] & used[1], f"both used the names {sorted(used[0] & used[1])}")
    runs = drctl(bed, "runs", "runs", "--kind", "drill")
    bed.expect(runs.stdout.count(", removed") == 2, f"`drctl runs` says: {runs.stdout}")
    expect_swept(bed)
    return f"{'; then '.join(times)}; nothing left; names such as {min(used[1], default='none')}"


# moto makes a VPC in no time. This keeps Terraform from its end in the fallback, on the way up and down.
SLOW = f"""
resource "terraform_data" "slow" {{
  input = aws_vpc.store.id

  provisioner "local-exec" {{
    command = "[ x$AWS_REGION != x{FALLBACK} ] || sleep SECONDS"
  }}

  provisioner "local-exec" {{
    when    = destroy
    command = "[ x$AWS_REGION != x{FALLBACK} ] || sleep 4"
  }}
}}
"""


def slow(seconds):
    """Returns the file that lets the apply of the network stack take so long."""
    return {"stacks/network/slow.tf": SLOW.replace("SECONDS", str(seconds))}


# When a drill is killed, whether all that it has started is killed with it, and whether the first sweep is.
MOMENTS = {
    "while it plans": (lambda drill: drill.said("Began", "network", "plan"), False, False),
    "in the middle of an apply": (lambda drill: drill.asked("CreateSubnet") == 2, False, False),
    "in the middle of an apply, and so the sweep": (lambda drill: drill.asked("CreateSubnet") == 2, False, True),
    "in the middle of an apply, with Terraform": (lambda drill: drill.asked("CreateSubnet") == 2, True, False),
    "in the teardown": (lambda drill: drill.asked("DeleteSubnet") == 2, False, False),
    "in the teardown, with Terraform": (lambda drill: drill.asked("DeleteSubnet") == 2, True, False),
}

# Where in the code an object comes from, by what it is.
ADDRESSES = {
    "VPC": "aws_vpc.store",
    "subnet": "aws_subnet.store",
    "security group": "aws_security_group.front",
    "table": "aws_dynamodb_table.orders",
    "parameter": "aws_ssm_parameter.orders",
    "bucket": "aws_s3_bucket.assets",
    "file": "aws_s3_bucket_object.health",
    "role": "aws_iam_role.app",
}


def killed(bed):
    """drctl is killed with -9, and swept up after."""
    build_primary(bed, slow(4))
    before = Content.take(bed)
    said = []
    for moment, (come, everything, also_sweep) in MOMENTS.items():
        wrong = len(bed.wrong)
        drill = Begun.drill(bed)
        drill.until(moment, come)
        # What was asked for has been answered.
        time.sleep(0.5)
        drill.kill(everything)
        there = bed.things(FALLBACK) - before.fallback
        bed.expect(there or "plans" in moment, f"{moment}: nothing was there, so that nothing is shown")
        if also_sweep:
            first = Begun(bed, "drill", "--sweep")
            first.until("the removal by the sweep", lambda sweep: sweep.asked("DeleteSubnet"))
            first.kill(everything=True)
        swept = sweep(bed)
        # Terraform alone knows what it has made and not yet written down.
        if bed.expect(swept.code in ((0, 6) if everything else (0,)), f"{moment}: swept with {swept.code}"):
            left = bed.things(FALLBACK) - before.fallback
            if swept.code == 6:
                expect_named(bed, left, swept, f"{moment}: ")
                bed.expect(report(bed).get("removed") is False, f"{moment}: the report says that all was removed")
                remove_by_hand(bed, left)
            expect_as_before(bed, before, f"{moment}: ")
            named = f", what is left of {len(left)} named" if left else ""
            said.append(f"{moment}: of {len(there)} objects, swept in {swept.seconds:.1f}s with {swept.code}{named}")
        if len(bed.wrong) > wrong:
            bed.say(f"killed {moment}, the sweep: {last_words(swept, 20)}")
        expect_left_alone(bed, drill.since, f"{moment}: ")
        expect_swept(bed, f"{moment}: ")
    return "; ".join(said)


def expect_named(bed, left, done, when=""):
    """Makes sure that what is left is named by its addresses."""
    words = done.stdout + done.stderr
    # A VPC comes with a security group that no code speaks of.
    kinds = {thing.kind for thing in left if (thing.kind, thing.looks) != ("security group", "default")}
    unnamed = sorted(ADDRESSES[kind] for kind in kinds if ADDRESSES[kind] not in words)
    bed.expect(not unnamed, f"{when}left, and not named: {', '.join(unnamed)} in: {last_words(done, 20)}")


def remove_by_hand(bed, left):
    """Does what the sweep leaves to somebody who looks."""
    ec2 = bed.client("ec2", FALLBACK)
    for thing in left:
        if thing.kind == "subnet":
            ec2.delete_subnet(SubnetId=thing.name)
    for thing in left:
        if thing.kind == "VPC":
            ec2.delete_vpc(VpcId=thing.name)


def expect_swept(bed, when=""):
    """Makes sure that a sweep finds nothing to do."""
    swept = sweep(bed)
    bed.expect(
        swept.code == 0 and NOTHING_LEFT in swept.stdout,
        f"{when}another sweep ended with {swept.code}: {last_words(swept)}",
    )


def region_lost(bed):
    """The fallback goes in the middle of the apply, and comes back after the drill."""
    build_primary(bed)
    before = Content.take(bed)
    drill = Begun.drill(bed)
    # Two stacks are up, and the third has begun.
    drill.until("the apply of the third stack", lambda drill: drill.asked("CreateSecurityGroup"))
    bed.cut(FALLBACK, "503")
    done = drill.end()
    left = bed.things(FALLBACK) - before.fallback
    bed.expect(done.code == 3, f"the drill ended with {done.code}: {last_words(done)}")
    bed.expect(left, "nothing was left, so that nothing is shown")
    expect_named(bed, left, done)
    facts = report(bed)
    bed.expect(facts.get("removed") is False, f"the report says that removed is {facts.get('removed')}")
    again = drctl(bed, "again", *drill_arguments(bed))
    bed.expect(again.code == 4, f"a drill behind one that could not be removed ended with {again.code}")

    still = sweep(bed)
    bed.expect(still.code == 3, f"with the region lost the sweep ended with {still.code}")
    expect_named(bed, bed.things(FALLBACK) - before.fallback, still, "with the region lost: ")
    bed.restore(FALLBACK)
    swept = sweep(bed)
    bed.expect(swept.code == 0, f"with the region back the sweep ended with {swept.code}: {last_words(swept)}")
    expect_as_before(bed, before)
    expect_swept(bed)
    expect_left_alone(bed, drill.since)
    return (
        f"exit code 3 after {done.seconds:.1f}s with all of {len(left)} objects named, 3 again while it was lost, "
        f"swept in {swept.seconds:.1f}s"
    )


def interrupted(bed):
    """A person ends it in the middle of the apply."""
    build_primary(bed, slow(60))
    before = Content.take(bed)
    drill = Begun.drill(bed)
    drill.until("the apply", lambda drill: drill.asked("CreateSubnet"))
    time.sleep(0.5)
    there = bed.things(FALLBACK) - before.fallback
    drill.process.send_signal(signal.SIGINT)
    sent = time.monotonic()
    return ended(bed, drill, before, there, 5, sent, "SIGINT received")


def limit(bed):
    """It stands for longer than it may."""
    build_primary(bed, slow(60))
    before = Content.take(bed)
    drill = Begun.drill(bed, "--max-time", "15s")
    drill.until("the apply", lambda drill: drill.asked("CreateSubnet"))
    time.sleep(0.5)
    there = bed.things(FALLBACK) - before.fallback
    drill.until("the limit", lambda drill: drill.said("Note", "limit", "reached:"))
    # Not as a signal: that is nobody's wish, and the drill has failed.
    return ended(bed, drill, before, there, 3, time.monotonic(), "the time limit of 15.0s is reached")


def ended(bed, drill, before, there, code, since, words):
    """Makes sure that a drill that was ended early is torn down, and returns what it was."""
    done = drill.end()
    took = time.monotonic() - since
    bed.expect(there, "nothing was there yet, so that nothing is shown")
    bed.expect(done.code == code, f"the drill ended with {done.code}, not {code}: {last_words(done)}")
    bed.expect(words in done.stdout + done.stderr, f"it does not say `{words}`: {last_words(done, 20)}")
    facts = report(bed)
    bed.expect(facts.get("removed") is True, f"the report says that removed is {facts.get('removed')}")
    expect_as_before(bed, before)
    expect_left_alone(bed, drill.since)
    expect_swept(bed)
    return f"{len(there)} objects were there, all removed {took:.1f}s later, exit code {done.code}"


SCENARIOS = {
    "whole": ("two in a row", whole),
    "killed": ("drctl killed, and swept up after", killed),
    "region-lost": ("the fallback lost in the apply and the teardown", region_lost),
    "interrupted": ("interrupted in the apply", interrupted),
    "limit": ("a time limit in the apply", limit),
}


def main():
    asked = arguments(__doc__, "drill/SCENARIO")
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, lambda number, _: sys.exit(128 + number))
    chosen = {f"drill/{name}": what for name, what in SCENARIOS.items() if fnmatch.fnmatch(f"drill/{name}", asked.only)}
    if not chosen:
        print(f"no scenario is called `{asked.only}`; there are drill/{', drill/'.join(SCENARIOS)}", file=sys.stderr)
        return 2
    try:
        moto = component("moto.sh")
        # boto3 lies in that environment, so all else runs there.
        if pathlib.Path(sys.prefix).resolve() != moto.parent.resolve():
            os.execv(moto / "python", [str(moto / "python"), __file__, *sys.argv[1:]])
        version, terraform = on_path()
        parts = Parts(asked.drctl, usable(version, terraform), version, component("aws_provider.sh"), moto)
    except Skip as skip:
        for name in chosen:
            print(f"SKIP {name}: {skip}", flush=True)
        return 0
    failed = 0
    for name, (words, play) in chosen.items():
        began = time.monotonic()
        bed = Bed(parts, lambda said, name=name: print(f"{name}: {said}", flush=True), asked.keep)
        said = ""
        try:
            with bed:
                said = play(bed)
                bed.expect(not bed.strays(), "processes of a drill are left running")
        except Failed as error:
            bed.wrong.append(str(error))
        except Exception:
            # Such as an answer of AWS that nobody expected: this scenario's failure, and no other's.
            bed.wrong.append(traceback.format_exc())
        head = f"{name}: {PROVIDER} on Terraform {version}, {words}"
        took = f"({time.monotonic() - began:.1f}s{f', in {bed.folder}' if asked.keep else ''})"
        if bed.wrong:
            failed += 1
            print(f"FAIL {head} {took}" + "".join(f"\n  - {line}" for line in bed.wrong), flush=True)
        else:
            print(f"PASS {head}: {said} {took}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
