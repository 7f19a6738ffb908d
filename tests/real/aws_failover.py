#!/usr/bin/env python3
"""Fails a service over with the real Terraform and the real AWS provider, its region cut off.

    tests/real/aws_failover.py target/release/drctl [--only 1.8.4/hang] [--jobs 2] [--keep]

AWS is moto behind a proxy that cuts one region off (`tests/testbed`). Every cell of the matrix builds the
shop of `shop/` in ap-northeast-1 with Terraform itself, does something to it, and looks at what is there
afterwards by asking moto past the proxy. A cell is called VERSION/SCENARIO:

    refuse, hang, 503   the region is cut off in that way, and drctl rebuilds the shop in ap-northeast-2
    declared            the same with `refuse`, and the runbook has the state kept in a bucket of ap-northeast-2
    snapshot            the same with `refuse`, and the newest snapshot of the database in ap-northeast-2, through
                        the provider's data, tells the recovery point
    naive               the runbook names the primary's own state by mistake, and nothing may be changed,
                        neither while the primary is up nor while it hangs
    replica             the runbook names a replica of the primary's state in ap-northeast-2, and nothing
                        may be changed

It prints a line a cell, PASS, FAIL or SKIP, and exits with 1 when one has failed.
"""

import concurrent.futures
import dataclasses
import fnmatch
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading
import time
import traceback
import typing

if sys.version_info < (3, 9):
    print("SKIP all: Python is older than 3.9; install a newer one")
    sys.exit(0)

# No cache of bytecode is left in the repository.
sys.dont_write_bytecode = True

from bed import HERE, Bed, Failed, Parts, Recovery, Skip, component, looks
from scenarios import arguments

PRIMARY = "ap-northeast-1"
FALLBACK = "ap-northeast-2"
STATES = f"shop-state-{PRIMARY}"
STATES_OF_FALLBACK = f"shop-state-{FALLBACK}"
STATE_KEYS = {"network/terraform.tfstate", "app/terraform.tfstate"}
PROVIDER = "aws 3.39.0"
# The oldest and the newest; the one on PATH comes in between.
MADE = ("1.8.4", "1.15.5")


# The shop.


def build_primary(bed, runbook="", files=None, template=HERE / "shop"):
    """Builds the shop where it is at home, from a template. Returns the objects that this made."""
    bed.bucket(STATES, PRIMARY)
    before = bed.things(PRIMARY)
    bed.write_repository(template, runbook, files)
    for stack in ("network", "app"):
        bed.terraform(stack, "init", "-input=false", "-no-color")
    # The lock files, as a repository should have them.
    bed.commit("lock the provider")
    bed.terraform("network", "apply", "-auto-approve", "-input=false", "-no-color")
    outputs = bed.outputs("network")
    bed.terraform("app", "apply", "-auto-approve", "-input=false", "-no-color", variables=outputs)
    made = bed.things(PRIMARY) - before
    keys = {version[0] for version in bed.versions(STATES, PRIMARY)}
    if not made or keys != STATE_KEYS:
        raise Failed(f"the primary is not what it should be: {listed(made)}, with the states {keys}")
    bed.say(f"the primary is up, {len(made)} objects")
    return made


def state_block(bucket, region):
    """Returns the part of a runbook that has the states of the fallback kept in a bucket."""
    return f"""
region "{FALLBACK}" {{
  state "s3" {{
    bucket                      = "{bucket}"
    key                         = "${{stack}}/terraform.tfstate"
    region                      = "{region}"
    access_key                  = "test"
    secret_key                  = "test"
    endpoints                   = {{ s3 = "http://aws.example" }}
    use_path_style              = true
    skip_credentials_validation = true
    skip_metadata_api_check     = true
    skip_requesting_account_id  = true
  }}
}}
"""


DATABASE = "orders"

# AWS gives a copy the time of the copying. `original_snapshot_create_time` is the time of the data, but the
# provider has it from 5.43.0 on only. So the fallback's snapshots are made there, and stand for copies.
NEWEST_SNAPSHOT = f"""
data "aws_db_snapshot" "newest" {{
  db_instance_identifier = "{DATABASE}"
  most_recent            = true
}}

output "newest_data" {{
  value = data.aws_db_snapshot.newest.snapshot_create_time
}}
"""

RECOVERY_POINT = f"""
recovery_point "{DATABASE}" {{
  time = stack.app.outputs.newest_data
}}
"""


@dataclasses.dataclass(frozen=True)
class Before:
    """What lies in the regions before anything is done to them."""

    primary: frozenset
    fallback: frozenset
    states: list

    @classmethod
    def take(cls, bed):
        return cls(bed.things(PRIMARY), bed.things(FALLBACK), bed.versions(STATES, PRIMARY))


def expect_primary_untouched(bed, before):
    now = bed.things(PRIMARY)
    bed.expect(before.primary <= now, f"the primary lost {listed(before.primary - now)}")
    bed.expect(now <= before.primary, f"made in {PRIMARY}: {listed(now - before.primary)}")
    states = bed.versions(STATES, PRIMARY)
    other = sorted({version[0] for version in set(states) ^ set(before.states)})
    bed.expect(not other, f"changed in the primary's bucket for states: {', '.join(other)}")


def expect_primary_not_asked(bed, asked):
    # By its signature, or by the name of a bucket: a probe signs nothing.
    to_primary = [request for request in asked if PRIMARY in (request["signed"] or "") + request["path"]]
    bed.expect(not to_primary, f"asked {PRIMARY} during the outage: {', '.join(map(told, to_primary))}")


def told(request):
    return f"{request['service']} {request['method']} {request['action'] or request['path']}"


def expect_no_changes(bed):
    """Whoever looks after the primary finds it as it was."""
    variables = bed.outputs("network")
    for stack, given in (("network", {}), ("app", variables)):
        plan = bed.terraform(
            stack, "plan", "-detailed-exitcode", "-input=false", "-no-color", variables=given, codes=(0, 1, 2)
        )
        bed.expect(plan.code == 0, f"the primary's `{stack}` has something to do: {in_short(plan)}")


def in_short(plan):
    """Returns what a plan would do, or why there is none, in a line."""
    lines = [line.strip("# ") for line in plan.stdout.splitlines() if line.startswith(("  # ", "Plan:"))]
    return " | ".join(lines) or plan.stderr.strip()


def listed(things):
    return ", ".join(sorted(map(str, things)))


# The scenarios. Each takes a bed and returns what is to be said of it.


@dataclasses.dataclass(frozen=True)
class Rebuilt:
    """A shop that was rebuilt in the fallback."""

    recovery: Recovery
    # In seconds since 1970.
    outage_at: int
    things: frozenset
    # What was asked meanwhile.
    asked: list

    def __str__(self):
        return (
            f"rebuilt in {self.recovery.seconds:.1f}s, {len(self.things)} objects, {len(self.asked)} requests, "
            f"none to {PRIMARY}; the primary and its states untouched"
        )


def rebuild(bed, mode):
    """The region is cut off, and the shop is rebuilt in another."""
    return str(fail_over(bed, mode, build_primary(bed)))


def fail_over(bed, mode, made, *more):
    """Cuts the primary off, has the shop rebuilt, with more arguments for drctl, and ends the outage."""
    before = Before.take(bed)

    bed.cut(PRIMARY, mode)
    since = len(bed.requests())
    outage_at = int(time.time())
    told_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(outage_at))
    recovery = bed.failover("--region", FALLBACK, "--outage-at", told_at, *more)
    asked = bed.requests()[since:]
    bed.say(f"drctl ended with {recovery.done.code} after {recovery.done.seconds:.1f}s")

    bed.expect(recovery.done.code == 0, f"drctl ended with {recovery.done.code}: {recovery.why}")
    bed.expect(asked, "asked nothing at all through the proxy")
    expect_primary_not_asked(bed, asked)
    rebuilt = bed.things(FALLBACK) - before.fallback
    bed.expect(
        looks(rebuilt) == looks(made),
        f"missing in {FALLBACK}: {dict(looks(made) - looks(rebuilt))}, too many: {dict(looks(rebuilt) - looks(made))}",
    )
    expect_primary_untouched(bed, before)
    bed.expect(not bed.strays(), "processes of the failover are left running")

    bed.restore(PRIMARY)
    expect_no_changes(bed)
    expect_primary_untouched(bed, before)
    return Rebuilt(recovery, outage_at, rebuilt, asked)


def declared(bed):
    """The state of the fallback is kept in a bucket there, which the runbook names."""
    bucket = STATES_OF_FALLBACK
    bed.bucket(bucket, FALLBACK)
    rebuilt = fail_over(bed, "refuse", build_primary(bed, state_block(bucket, FALLBACK)))
    keys = {version[0] for version in bed.versions(bucket, FALLBACK)}
    if bed.expect(keys == STATE_KEYS, f"the declared bucket holds {keys}"):
        state = bed.content(bucket, "network/terraform.tfstate", FALLBACK)
        unknown = [thing for thing in rebuilt.things if thing.kind == "VPC" and thing.name not in state]
        bed.expect(not unknown, f"the declared state does not know {listed(unknown)}")
    return str(rebuilt)


def snapshot(bed):
    """The newest snapshot of the database, through the provider's data, tells the recovery point."""
    # The primary's and the older of the fallback are from before the build: they would tell another time.
    for region in (PRIMARY, FALLBACK):
        bed.database(DATABASE, region)
        bed.snapshot(DATABASE, f"{DATABASE}-1", region)
    made = build_primary(bed, RECOVERY_POINT, {"stacks/app/snapshot.tf": NEWEST_SNAPSHOT})
    newest = bed.snapshot(DATABASE, f"{DATABASE}-2", FALLBACK)
    # The data must have an age.
    time.sleep(3)
    rebuilt = fail_over(bed, "refuse", made, "--rpo", "1h")
    asked_for = [(request["action"], request["signed"]) for request in rebuilt.asked]
    bed.expect(("DescribeDBSnapshots", FALLBACK) in asked_for, f"{FALLBACK} was not asked for its snapshots")
    expected = rebuilt.outage_at - newest.timestamp()
    report = rebuilt.recovery.report
    point = report.get("recovery_points", {}).get(DATABASE)
    age = point and point["before_outage_ms"]
    # AWS and the objective count in seconds.
    bed.expect(
        age is not None and abs(age / 1000 - expected) <= 1,
        f"the newest snapshot was made {expected:.1f}s before the outage, and the report says: {point}",
    )
    rpo = report.get("verdicts", {}).get("rpo")
    bed.expect(rpo and rpo["is"] == "met", f"the RPO should be met, and the report says: {rpo}")
    return f"{rebuilt}; the newest data is of {age}ms before the outage, as its snapshot, and within the RPO"


def naive(bed):
    """The runbook names the primary's own state as that of the fallback, by mistake."""
    made = build_primary(bed, state_block(STATES, PRIMARY))
    before = Before.take(bed)
    # Where the primary can still be reached a flip would do harm; where it hangs, Terraform would wait for it.
    while_up = expect_refusal(bed, before, "while it is up")
    bed.cut(PRIMARY, "hang")
    while_hung = expect_refusal(bed, before, "while it hangs")
    bed.restore(PRIMARY)
    expect_no_changes(bed)
    harm = flip_by_hand(bed, made)
    return f"{while_up}; {while_hung}; nothing was changed; {harm}"


def replica(bed):
    """The fallback's bucket holds a replica of the primary's states, as some keep one, and is declared."""
    bed.bucket(STATES_OF_FALLBACK, FALLBACK)
    build_primary(bed, state_block(STATES_OF_FALLBACK, FALLBACK))
    for key in STATE_KEYS:
        body = bed.content(STATES, key, PRIMARY).encode()
        bed.client("s3", FALLBACK).put_object(Bucket=STATES_OF_FALLBACK, Key=key, Body=body)
    before = Before.take(bed)
    replicas = bed.versions(STATES_OF_FALLBACK, FALLBACK)
    bed.cut(PRIMARY, "refuse")
    since = len(bed.requests())
    said = expect_refusal(bed, before, "while the primary is cut off")
    expect_primary_not_asked(bed, bed.requests()[since:])
    bed.expect(bed.versions(STATES_OF_FALLBACK, FALLBACK) == replicas, "the replica was changed")
    bed.restore(PRIMARY)
    expect_no_changes(bed)
    return f"{said}; nothing was changed"


def expect_refusal(bed, before, when):
    recovery = bed.failover("--region", FALLBACK, limit=60)
    bed.say(f"{when}, drctl ended with {recovery.done.code} after {recovery.done.seconds:.1f}s: {recovery.why}")
    bed.expect(recovery.done.code != 0, f"{when}, drctl went on and says that all went well")
    now = bed.things(FALLBACK)
    bed.expect(now == before.fallback, f"changed in {FALLBACK}: {listed(now ^ before.fallback)}")
    expect_primary_untouched(bed, before)
    return f"refused with exit code {recovery.done.code} in {recovery.done.seconds:.1f}s {when}"


def flip_by_hand(bed, made):
    """Does with Terraform alone what drctl has refused: the refusal means little if that does no harm."""
    override = bed.repository / "stacks/network/override.tf.json"
    override.write_text(json.dumps({"provider": {"aws": [{"region": FALLBACK}]}}), encoding="utf-8")
    flip = bed.terraform("network", "apply", "-auto-approve", "-input=false", "-no-color")
    override.unlink()
    plan = next((line for line in flip.stdout.splitlines() if line.startswith("Plan:")), "no plan")
    state = bed.content(STATES, "network/terraform.tfstate", PRIMARY)
    orphans = [thing for thing in made if thing.kind in ("VPC", "subnet") and thing.name not in state]
    bed.expect("0 to destroy" in plan and orphans, f"the same by hand does no harm: {plan}")
    return f"by hand, `{plan}` makes orphans of {len(orphans)} objects"


# The matrix.


@dataclasses.dataclass(frozen=True)
class Cell:
    """One scenario on one Terraform."""

    version: str
    scenario: str
    words: str
    run: typing.Callable

    @property
    def name(self):
        return f"{self.version}/{self.scenario}"


def scenarios():
    """Returns what is done on every Terraform: its name, what is said of it, and how it is done."""
    return [
        ("refuse", "region refused", lambda bed: rebuild(bed, "refuse")),
        ("hang", "region hung", lambda bed: rebuild(bed, "hang")),
        ("503", "region answers 503", lambda bed: rebuild(bed, "503")),
        ("declared", "region refused, state declared", declared),
        ("snapshot", "region refused, a snapshot tells the recovery point", snapshot),
        ("naive", "the primary's own state declared", naive),
        ("replica", "a replica of the primary's state declared", replica),
    ]


def main():
    asked = arguments(
        __doc__, "VERSION/SCENARIO",
        lambda parser: parser.add_argument("--jobs", type=int, default=2, metavar="N", help="how many cells at a time (2)"),
    )
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, lambda number, _: sys.exit(128 + number))
    try:
        moto = component("moto.sh")
        # boto3 lies in that environment, so all else runs there.
        if pathlib.Path(sys.prefix).resolve() != moto.parent.resolve():
            os.execv(moto / "python", [str(moto / "python"), __file__, *sys.argv[1:]])
        mirror = component("aws_provider.sh")
    except Skip as skip:
        print(f"SKIP all: {skip}")
        return 0
    # By version, so the one on PATH is not tried twice. A made one is only made when it is asked for.
    cells = {}
    skipped = 0
    for version, terraform in ((MADE[0], None), on_path(), (MADE[1], None)):
        of_it = [Cell(version, *scenario) for scenario in scenarios()]
        of_it = [cell for cell in of_it if fnmatch.fnmatch(cell.name, asked.only) and cell.name not in cells]
        if not of_it:
            continue
        try:
            parts = Parts(asked.drctl, usable(version, terraform), version, mirror, moto)
        except Skip as skip:
            skipped += len(of_it)
            print(f"SKIP {version}: {skip}", flush=True)
            continue
        cells.update({cell.name: (cell, parts) for cell in of_it})
    if not cells and not skipped:
        print(f"no cell is called `{asked.only}`; say for example 1.8.4/hang or '*/naive'", file=sys.stderr)
        return 2
    return run_all(list(cells.values()), asked)


def on_path():
    """Returns the version and the path of the Terraform on PATH."""
    path = shutil.which("terraform")
    if path:
        env = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
        said = subprocess.run(
            [path, "version", "-json"], stdout=subprocess.PIPE, env={**env, "CHECKPOINT_DISABLE": "1"}, check=False
        )
        if not said.returncode:
            return json.loads(said.stdout)["terraform_version"], pathlib.Path(path)
    return "PATH", None


def usable(version, path):
    """Returns the path of a Terraform; the testbed makes one that has none yet."""
    if version == "PATH":
        raise Skip("no `terraform` that runs is on it; put one of 1.8 or newer there")
    if [int(number) for number in version.split(".")[:2]] < [1, 8]:
        raise Skip("the shop needs 1.8 or newer")
    if path:
        return path
    path = component("terraform.sh", version)
    print(f"Terraform {version} is a third party's build of its code, see tests/testbed/README.md", flush=True)
    return path


def run_all(cells, asked):
    began = time.monotonic()
    lock = threading.Lock()

    def say(words, name=None):
        with lock:
            print(f"[{time.monotonic() - began:6.1f}s] {name}: {words}" if name else words, flush=True)

    def run_one(cell, parts):
        began_here = time.monotonic()
        head = f"{PROVIDER} on Terraform {cell.version}, {cell.words}"
        bed = Bed(parts, lambda said: say(said, cell.name), asked.keep)
        words = ""
        try:
            with bed:
                words = cell.run(bed)
        except Failed as failed:
            bed.wrong.append(str(failed))
        except Exception:
            # Such as an answer of AWS that nobody expected: this cell's failure, and no other's.
            bed.wrong.append(traceback.format_exc())
        if Bed.stopped.is_set():
            return False
        took = f"(cell {time.monotonic() - began_here:.1f}s{f', in {bed.folder}' if asked.keep else ''})"
        if bed.wrong:
            say(f"FAIL {head} {took}" + "".join(f"\n  - {line}" for line in bed.wrong))
        else:
            say(f"PASS {head}: {words} {took}")
        return not bed.wrong

    with concurrent.futures.ThreadPoolExecutor(asked.jobs) as pool:
        futures = [pool.submit(run_one, *cell) for cell in cells]
        try:
            passed = [future.result() for future in futures]
        except BaseException:
            for future in futures:
                future.cancel()
            Bed.stop_all()
            raise
    say(f"{sum(passed)} of {len(passed)} passed in {time.monotonic() - began:.0f}s")
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
