"""What the scenarios on real components are made of.

A `Bed` is the place of one scenario: a folder of its own, a simulated AWS behind a proxy that can cut
regions off, Terraform with the provider hashicorp/aws, and drctl. A scenario does things in it, says with
`expect` what must hold, and when the `Bed` is left nothing of it remains: no process, no file.

Python's standard library only, but for boto3, which comes with moto (`tests/testbed/moto.sh`).
"""

import collections
import contextlib
import dataclasses
import hashlib
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
TESTBED = HERE.parent / "testbed"

# Stands in the files of a repository for wherever AWS can be reached.
AWS_ADDRESS = "http://aws.example"
KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}


class Skip(Exception):
    """A component cannot be had here."""


class Failed(Exception):
    """What a scenario stands on did not work, so that there is nothing more to look at."""


def component(script, *arguments):
    """Makes a component with a script of the testbed, and returns its path."""
    try:
        made = subprocess.run(
            [TESTBED / script, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False
        )
    except OSError as error:
        raise Skip(f"{script} cannot be run: {error}") from error
    if made.returncode:
        raise Skip(f"{script}: {last_line(made.stderr) or f'exit code {made.returncode}'}")
    return pathlib.Path(made.stdout.strip())


def last_line(text):
    lines = text.strip().splitlines()
    return lines[-1].strip() if lines else ""


@dataclasses.dataclass(frozen=True)
class Parts:
    """The programs that a scenario is run with."""

    drctl: pathlib.Path
    terraform: pathlib.Path
    version: str
    # The mirror that holds the provider, and the folder of moto's programs.
    mirror: pathlib.Path
    moto: pathlib.Path


@dataclasses.dataclass(frozen=True)
class Done:
    """A program that has ended."""

    code: int
    stdout: str
    stderr: str
    seconds: float


@dataclasses.dataclass(frozen=True)
class Thing:
    """An object in AWS: what it is, its identity, and how it looks when its region is not told."""

    kind: str
    name: str
    looks: str

    def __str__(self):
        return f"{self.kind} {self.name}"


@dataclasses.dataclass(frozen=True)
class Recovery:
    """A failover that drctl has done, or has not."""

    done: Done
    # Why the gate refused plans, and the whole report as JSON; empty when it did not come that far.
    refusals: list
    report: dict

    @property
    def seconds(self):
        return (self.report.get("recovery_time_ms") or 0) / 1000

    @property
    def why(self):
        """Why it ended as it did, as far as drctl says, in a line."""
        said = [line.strip() for line in self.done.stderr.splitlines() if line.strip()]
        errors = [number for number, line in enumerate(said) if line.startswith("error:")]
        return " | ".join(self.refusals or (said[errors[0]:] if errors else said[-6:]))


class Bed:
    """The place of one scenario."""

    live = set()
    stopped = threading.Event()

    def __init__(self, parts, say, keep=False):
        self.parts = parts
        self.say = say
        self.keep = keep
        self.wrong = []
        self.processes = []
        self.clients = {}
        self.counter = 0
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="drctl-real-"))
        self.repository = self.folder / "repository"

    # A bed is made and left.

    def __enter__(self):
        self.live.add(self)
        try:
            self.open()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def open(self):
        for folder in ("logs", "home"):
            (self.folder / folder).mkdir()
        config = self.folder / "terraformrc"
        # Named without a fallback, so that nothing else is ever asked for.
        config.write_text(
            f'provider_installation {{\n  filesystem_mirror {{\n    path = "{self.parts.mirror}"\n  }}\n}}\n',
            encoding="utf-8",
        )
        self.env = {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": str(self.folder / "home"),
            "TF_CLI_CONFIG_FILE": str(config),
            "CHECKPOINT_DISABLE": "1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "DRCTL_HOME": str(self.folder / "drctl"),
            "DRCTL_TERRAFORM": str(self.parts.terraform),
        }
        moto = self.start("moto", self.parts.moto / "moto_server", "-H", "127.0.0.1", "-p", "0")
        self.moto = "127.0.0.1:" + self.announced(moto, r"Running on http://127\.0\.0\.1:(\d+)")
        self.log = self.folder / "requests.jsonl"
        proxy = self.start(
            "proxy", sys.executable, TESTBED / "region_proxy.py", "--upstream", self.moto, "--log", self.log
        )
        self.proxy = "127.0.0.1:" + self.announced(proxy, r"127\.0\.0\.1:(\d+)")

    def close(self):
        for process in self.processes:
            kill_group(process.pid)
            process.wait()
        for pid in self.strays():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.live.discard(self)
        if not self.keep:
            # What was killed a moment ago may still hold or write a file.
            shutil.rmtree(self.folder, ignore_errors=True)

    def strays(self):
        """Returns the processes that came from this bed and outlive what started them.

        drctl gives Terraform a process group of its own, so the groups alone do not tell. All that was
        started here has this bed's folder in its environment, and nothing else has.
        """
        mark = f"={self.folder}/".encode()
        found = []
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if mark in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
        return [pid for pid in found if pid not in {process.pid for process in self.processes}]

    @classmethod
    def stop_all(cls):
        """Ends every bed at once: what runs in it fails, and is cleaned up by whoever waits for it."""
        cls.stopped.set()
        for bed in list(cls.live):
            for process in list(bed.processes):
                kill_group(process.pid)

    # Programs.

    def start(self, name, *command):
        """Starts a program that runs until the bed is closed."""
        process, _ = self.spawn(name, command, self.folder, self.env)
        return process

    def spawn(self, name, command, folder, env):
        if self.stopped.is_set():
            raise Failed("stopped")
        self.counter += 1
        base = self.folder / "logs" / f"{self.counter:02}-{name}"
        with open(f"{base}.out", "wb") as out, open(f"{base}.err", "wb") as err:
            process = subprocess.Popen(
                [str(word) for word in command],
                cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True,
            )
        process.base = base
        self.processes.append(process)
        return process, base

    def announced(self, process, pattern, within=30):
        """Returns what a server says when it listens."""
        until = time.monotonic() + within
        while time.monotonic() < until and process.poll() is None:
            for suffix in (".out", ".err"):
                found = re.search(pattern, read(f"{process.base}{suffix}"))
                if found:
                    return found.group(1)
            time.sleep(0.05)
        raise Failed(f"{process.base.name} does not listen: {last_line(read(f'{process.base}.err'))}")

    def run(self, name, *command, folder=None, env=None, codes=(0,), limit=300):
        """Runs a program to its end. Ends the scenario when its exit code is none of `codes`."""
        began = time.monotonic()
        process, base = self.spawn(name, command, folder or self.folder, {**self.env, **(env or {})})
        try:
            code = process.wait(limit)
        except subprocess.TimeoutExpired:
            kill_group(process.pid)
            process.wait()
            said = last_line(read(f"{base}.err"))
            raise Failed(f"`{shown(command)}` did not end within {limit}s, and last said: {said}") from None
        finally:
            self.processes.remove(process)
        done = Done(code, read(f"{base}.out"), read(f"{base}.err"), time.monotonic() - began)
        if codes and code not in codes:
            said = " | ".join((done.stderr.strip() or done.stdout.strip()).splitlines()[-12:])
            raise Failed(f"`{shown(command)}` ended with {code}: {said}")
        return done

    def expect(self, holds, otherwise):
        """Notes what is wrong when something does not hold. The scenario goes on."""
        if not holds:
            self.wrong.append(otherwise)
        return holds

    # The simulated AWS.

    def client(self, service, region, through=None, **config):
        """Returns a boto3 client: of moto itself, or through the proxy with `through`."""
        import boto3
        import botocore.config

        key = (service, region, through, repr(config))
        if key not in self.clients:
            session = boto3.session.Session(**KEYS)
            self.clients[key] = session.client(
                service,
                region_name=region,
                endpoint_url=f"http://{through or self.moto}",
                config=botocore.config.Config(
                    s3={"addressing_style": "path"}, proxies={}, retries={"max_attempts": 0}, **config
                ),
            )
        return self.clients[key]

    def bucket(self, name, region):
        """Makes a bucket that keeps all versions, as one for states should."""
        s3 = self.client("s3", region)
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": region})
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})

    def content(self, bucket, key, region):
        """Returns the text of an object in a bucket."""
        return self.client("s3", region).get_object(Bucket=bucket, Key=key)["Body"].read().decode()

    def versions(self, bucket, region):
        """Returns everything in a bucket that ever was: the key, version, ETag and SHA-256 of each."""
        s3 = self.client("s3", region)
        listed = s3.list_object_versions(Bucket=bucket)
        found = []
        for version in listed.get("Versions", []):
            key, number = version["Key"], version["VersionId"]
            body = s3.get_object(Bucket=bucket, Key=key, VersionId=number)["Body"].read()
            found.append((key, number, version["ETag"], version["IsLatest"], hashlib.sha256(body).hexdigest()))
        found += [(marker["Key"], marker["VersionId"], "deleted") for marker in listed.get("DeleteMarkers", [])]
        return sorted(found, key=str)

    def database(self, name, region):
        """Makes a database."""
        self.client("rds", region).create_db_instance(
            DBInstanceIdentifier=name, DBInstanceClass="db.t3.micro", Engine="postgres", AllocatedStorage=20,
            MasterUsername="test", MasterUserPassword="test-test",
        )

    def snapshot(self, database, name, region):
        """Makes a snapshot of a database, and returns when AWS says that it was made."""
        snapshot = self.client("rds", region).create_db_snapshot(
            DBInstanceIdentifier=database, DBSnapshotIdentifier=name
        )
        return snapshot["DBSnapshot"]["SnapshotCreateTime"]

    def things(self, region):
        """Returns every object of a region that the scenarios know of, asked of moto itself."""
        ec2 = self.client("ec2", region)
        found = []

        def add(kind, name, looks=""):
            found.append(Thing(kind, name, looks.replace(region, "REGION")))

        for vpc in ec2.describe_vpcs()["Vpcs"]:
            add("VPC", vpc["VpcId"], vpc["CidrBlock"])
        for subnet in ec2.describe_subnets()["Subnets"]:
            in_region = subnet["AvailabilityZone"].startswith(region)
            add("subnet", subnet["SubnetId"], f"{subnet['CidrBlock']}, in the region: {in_region}")
        for group in ec2.describe_security_groups()["SecurityGroups"]:
            add("security group", group["GroupId"], group["GroupName"])
        for name in self.client("dynamodb", region).list_tables()["TableNames"]:
            add("table", name, name)
        for topic in self.client("sns", region).list_topics()["Topics"]:
            add("topic", topic["TopicArn"], topic["TopicArn"])
        for parameter in self.client("ssm", region).describe_parameters()["Parameters"]:
            add("parameter", parameter["Name"], parameter["Name"])
        # These two are listed for all regions together.
        s3 = self.client("s3", region)
        for bucket in s3.list_buckets()["Buckets"]:
            if s3.get_bucket_location(Bucket=bucket["Name"])["LocationConstraint"] == region:
                add("bucket", bucket["Name"], bucket["Name"])
                # What lies in it, but for states: of these, whoever keeps some looks at every version.
                if "state" not in bucket["Name"]:
                    for file in s3.list_objects_v2(Bucket=bucket["Name"]).get("Contents", []):
                        add("file", f"{bucket['Name']}/{file['Key']} {file['ETag']}", file["Key"])
        for role in self.client("iam", region).list_roles()["Roles"]:
            if region in role["RoleName"]:
                add("role", role["RoleName"], role["RoleName"])
        return frozenset(found)

    # Outages.

    def cut(self, region, mode):
        """Cuts a region off, and makes sure that it is, in that way, and that no other is."""
        import botocore.exceptions

        self.outage("PUT", f"{region}?mode={mode}")
        found = {}
        for asked, wait in ((region, 2), ("us-west-2", 30)):
            try:
                self.client("sns", asked, through=self.proxy, read_timeout=wait).list_topics()
                found[asked] = "answers"
            except botocore.exceptions.ConnectionClosedError:
                found[asked] = "refuse"
            except botocore.exceptions.ReadTimeoutError:
                found[asked] = "hang"
            except botocore.exceptions.ClientError as error:
                found[asked] = str(error.response["ResponseMetadata"]["HTTPStatusCode"])
        if found != {region: mode, "us-west-2": "answers"}:
            raise Failed(f"{region} should be cut off by `{mode}` and no other region: {found}")

    def restore(self, region):
        """Ends the outage of a region."""
        self.outage("DELETE", region)

    def outage(self, method, path):
        request = urllib.request.Request(f"http://{self.proxy}/_outage/{path}", method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=10):
            pass

    def requests(self):
        """Returns what was asked through the proxy so far."""
        return [json.loads(line) for line in read(self.log).splitlines()]

    # The repository, the primary that was built from it, and drctl.

    def write_repository(self, template, runbook="", files=None):
        """Makes the repository from a template, with more at the end of its runbook, and commits it.

        More files, if any, are given as their text by their path in the repository.
        """
        shutil.copytree(template, self.repository)
        for path, text in (files or {}).items():
            (self.repository / path).write_text(text, encoding="utf-8")
        with open(self.repository / "drctl.hcl", "a", encoding="utf-8") as file:
            file.write(runbook)
        for path in self.repository.rglob("*"):
            if path.is_file():
                path.write_text(
                    path.read_text(encoding="utf-8").replace(AWS_ADDRESS, f"http://{self.proxy}"), encoding="utf-8"
                )
        self.git("init", "--quiet")
        self.commit("the service")

    def commit(self, message):
        self.git("add", ".")
        self.git("-c", "user.name=test", "-c", "user.email=test@localhost", "commit", "--quiet", "-m", message)

    def git(self, *arguments):
        return self.run("git", "git", *arguments, folder=self.repository)

    def terraform(self, stack, command, *arguments, variables=None, codes=(0,)):
        """Runs Terraform itself in a stack, as whoever looks after the primary does."""
        return self.run(
            f"{stack}-{command}", self.parts.terraform, command, *arguments,
            folder=self.repository / "stacks" / stack,
            env={f"TF_VAR_{name}": json.dumps(value) if not isinstance(value, str) else value
                 for name, value in (variables or {}).items()},
            codes=codes,
        )

    def outputs(self, stack):
        outputs = json.loads(self.terraform(stack, "output", "-json").stdout)
        return {name: output["value"] for name, output in outputs.items()}

    def failover(self, *arguments, limit=300):
        """Fails over, with the word that the dry run gave. It is asked for also when that gave none."""
        dry_run = self.drctl("dry-run", *arguments, "--dry-run", "--json", limit=limit)
        digest = "0" * 12 if dry_run.code else json.loads(dry_run.stdout)["digest"]
        done = self.drctl("failover", *arguments, "--yes", "--expect-plan", digest, "--json", limit=limit)
        events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        refusals = [
            f"{event['step']}: {refusal['address'] or ''} {refusal['detail']}"
            for event in events if event.get("event") == "gate_answered"
            for refusal in event["answer"]["refusals"]
        ]
        report = self.run("report", self.parts.drctl, "report", "latest", "--json", codes=None).stdout
        return Recovery(done, refusals, json.loads(report) if report.strip() else {})

    def drctl(self, name, *arguments, limit):
        return self.run(
            name, self.parts.drctl, "failover", "--repo", self.repository, *arguments, codes=None, limit=limit
        )


def kill_group(group):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def read(path):
    return pathlib.Path(path).read_text(encoding="utf-8", errors="replace")


def shown(command):
    return shlex.join([pathlib.Path(command[0]).name, *map(str, command[1:])])


def looks(things):
    """Returns how objects look when neither their regions nor their identities are told, and how often."""
    return collections.Counter((thing.kind, thing.looks) for thing in things)
