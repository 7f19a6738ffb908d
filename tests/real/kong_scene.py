"""What the scenarios of Chaos Kong share: the front of a service, and what its reports are held against."""

import calendar
import dataclasses
import json
import pathlib
import time
import typing

from bed import Failed

# Of every probe, in seconds: from one question to the next, for an answer, and how many bad ones count.
INTERVAL, TIMEOUT, DOWN_AFTER = 1, 1, 3
# A failure is noticed one interval and, for each bad answer, one timeout after it began; and a busy machine.
DETECTED_WITHIN = INTERVAL + DOWN_AFTER * TIMEOUT + 1.5
ASKED = f'interval = "{INTERVAL}s"\n  timeout  = "{TIMEOUT}s"\n  down_after = {DOWN_AFTER}\n  up_after = 2\n'


class Front:
    """Where users arrive, whichever region serves. It notes when it was asked and whether that went well."""

    def __init__(self):
        self.region = None
        self.answers = []

    def failed_first(self, since):
        """Returns when the first question after a time arrived that was not answered well."""
        return min((at for at, well in self.answers if at >= since and not well), default=None)


# What drctl is asked, and what it answers.


@dataclasses.dataclass(frozen=True)
class Scene:
    """A service that is watched: drctl, its environment, and where it is run."""

    drctl: pathlib.Path
    repository: pathlib.Path
    region: str
    spawn: typing.Callable
    run: typing.Callable

    def digest(self):
        dry_run = self.run("dry-run", self.drctl, "failover", "--region", self.region, "--dry-run", "--json")
        return json.loads(dry_run.stdout)["digest"]

    def kong(self):
        return [self.drctl, "chaos", "kong", "--real", "--yes", "--expect-plan", self.digest(), "--json"]

    def report(self, run="latest"):
        done = self.run("report", self.drctl, "report", run, "--json", codes=None)
        return json.loads(done.stdout) if done.stdout.strip() else {}


def seconds(survived, name):
    return None if survived.get(name) is None else survived[name] / 1000


def expect_survived(bed, scene, done, front, dark_since):
    """Holds the report of Kong and that of its failover against what was seen beside them."""
    bed.expect(done.code == 0, f"drctl ended with {done.code}: {done.stderr.strip()[-1500:]}")
    if not done.stdout.strip():
        raise Failed(f"drctl has no report: {done.stderr.strip()[-1500:]}")
    survived = json.loads(done.stdout)
    names = ("dark", "first_failure", "detected", "decided", "verified")
    times = {name: seconds(survived, f"{name}_ms") for name in names}
    if not bed.expect(None not in times.values(), f"something never happened: {times}"):
        raise Failed(f"there is nothing more to look at: {survived.get('headline')}")
    # It counts from when the program is begun; the region is dark when that has ended.
    bed.expect(
        times["detected"] - times["dark"] <= DETECTED_WITHIN,
        f"detected after {times['detected']}s, {times['dark']}s of it the program's; it may take {DETECTED_WITHIN}s",
    )
    bed.expect(survived["scope"] == "region", f"the region is down, and it is called: {survived['scope']}")
    bed.expect(survived["summary"] == "met", f"it should be met: {survived['summary']}, {survived['headline']}")
    bed.expect(survived["light"] is True and survived["simulated"] is False, f"it is not light: {survived}")
    bed.expect(survived["failback"], "nothing is said of the way back")

    report = scene.report(survived["run"])
    outage = report["run"]["outage"]
    bed.expect(outage["known_by"] == "probed", f"the outage should be known by probes: {outage}")
    began = timestamp(report["run"]["began_at"]) - outage["before_ms"] / 1000
    failed = front.failed_first(dark_since)
    bed.expect(
        failed is not None and abs(began - failed) <= 0.3,
        f"the first failed probe arrived at {failed}, and the report counts from {began}",
    )
    milestones = {each["name"]: each.get("since_outage_ms") for each in report["milestones"]}
    bed.expect(
        milestones.get("detected") is not None
        and abs(milestones["detected"] / 1000 - (times["detected"] - times["first_failure"])) <= 0.01,
        f"detected at another time than Kong says: {milestones}, {times}",
    )
    bed.expect(
        report["recovery_time_ms"] / 1000 <= times["verified"] and not report["caveats"],
        f"the report has another time, or caveats: {report['recovery_time_ms']}, {report['caveats']}",
    )
    bed.expect(declared_by(bed, survived["run"]) == "policy", f"declared by {declared_by(bed, survived['run'])}")
    return (
        f"first failed probe after {times['first_failure']:.1f}s, detected after {times['detected']:.1f}s,"
        f" decided after {times['decided']:.1f}s, verified after {times['verified']:.1f}s,"
        f" {report['recovery_time_ms'] / 1000:.1f}s from the first failed probe on"
    )


def timestamp(text):
    """Returns a time in seconds since 1970; Python before 3.11 knows no nanoseconds and no `Z`."""
    whole, _, fraction = text.rstrip("Z").partition(".")
    return calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) + float(f"0.{fraction or 0}")


def journal(bed, run):
    path = bed.folder / "drctl/runs" / run / "journal.jsonl"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return [json.loads(line) for line in text.splitlines() if line.endswith("}")]


def declared_by(bed, run):
    return next((event["by"] for event in journal(bed, run) if event["event"] == "declared"), None)


def runs(bed):
    folder = bed.folder / "drctl/runs"
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def wait(what, within, holds):
    until = time.monotonic() + within
    while not holds():
        if time.monotonic() > until:
            raise Failed(f"no {what} within {within}s")
        time.sleep(0.05)
