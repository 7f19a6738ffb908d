#!/usr/bin/env python3
"""Lets Chaos Monkey loose on real containers, real pods, and instances of a simulated AWS.

    tests/real/chaos_monkey.py target/release/drctl [--only 'chaos/docker*'] [--keep]

Each scenario makes a group, has `drctl chaos monkey --unleash --now` kill one of it, and holds what drctl
says against what the system itself says: who was killed, that the group is whole again or is not, and
the verdict. It prints the time to come back that drctl measured. Exit code 1 when something is not
as it should be; what cannot be had here is skipped by name, with the reason.

Containers and pods take root and Debian's packages (`tests/testbed/engine.py`), AWS takes moto and the AWS
command line from PyPI (`tests/testbed/moto.sh`, `tests/testbed/aws_cli.sh`). Python's standard library only.
"""

import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "testbed"))
# No cache of bytecode is left in the repository.
sys.dont_write_bytecode = True

from engine import Cluster, Engine, Failed, component
from scenarios import arguments, play_all

REGION = "ap-northeast-1"
SERVICE = f'service "shop" {{\n  rto     = "30m"\n  primary = "{REGION}"\n}}\n\nstack "web" {{\n  path = "web"\n}}\n\n'
NOBODY = 65534
REPLICAS = 3
MANIFEST = f"""
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: {REPLICAS}
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      hostNetwork: true
      automountServiceAccountToken: false
      terminationGracePeriodSeconds: 1
      containers:
      - name: web
        image: web:1
        readinessProbe:
          exec: {{command: [test, -e, /tmp/ready]}}
          periodSeconds: 1
"""


class Scene:
    """One scenario: a checkout with a runbook, drctl's own folder, and what is wrong so far."""

    def __init__(self, drctl):
        self.drctl = drctl
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="drctl-chaos-"))
        self.wrong = []
        self.env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(self.folder)}
        self.owner = None

    def declare(self, chaos):
        """Writes the runbook."""
        (self.folder / "shop/web").mkdir(parents=True, exist_ok=True)
        (self.folder / "shop/drctl.hcl").write_text(SERVICE + chaos, encoding="utf-8")

    def kill(self, group, code, limit=300):
        """Lets drctl kill one of a group, and returns what it says of that."""
        done = self.run("chaos", "monkey", "--unleash", "--now", group, "--any-hour", "--json", limit=limit)
        self.expect(done.returncode == code, f"drctl ended with {done.returncode}, not {code}: {done.stderr.strip()}")
        if not done.stdout.strip():
            raise Failed(f"drctl has no report: {done.stderr.strip()}")
        (line,) = json.loads(done.stdout)["groups"]
        listed = [json.loads(line) for line in self.run("chaos", "kills", "--json").stdout.splitlines()]
        if line["is"] == "killed":
            same = listed and all(listed[0][key] == line[key] for key in ("kill", "member", "back_after_ms", "verdict"))
            self.expect(same, f"what is kept of the kill is not what was reported: {listed[:1]}")
        return line

    def run(self, *arguments, limit=60):
        return subprocess.run(
            [self.drctl, *arguments], cwd=self.folder / "shop", env={**self.env, "DRCTL_HOME": str(self.folder / "drctl")},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=limit, check=False,
            user=self.owner,
        )

    def expect(self, holds, otherwise):
        if not holds:
            self.wrong.append(otherwise)
        return holds

    def expect_killed(self, line, verdict, by):
        """Makes sure that one was killed, with this verdict, and returns when the group was whole, in words."""
        if not self.expect(line["is"] == "killed", f"nothing was killed: {line}"):
            raise Failed("there is nothing more to look at")
        self.expect(line["verdict"]["is"] == verdict, f"the verdict should be {verdict}: {line['verdict']}")
        self.expect(line["by"] == by, f"it should be {by}: {line}")
        noticed, back = line["noticed_after_ms"], line["back_after_ms"]
        self.expect(noticed is not None, "it was never seen down")
        down = "never seen down" if noticed is None else f"down after {noticed / 1000:.2f} s"
        return f"{down}, {'not back' if back is None else f'back after {back / 1000:.2f} s'}"


# Containers.


def containers(scene, engine, restart, count=3):
    scene.env.update(engine.env)
    for number in range(1, count + 1):
        engine.docker(
            "run", "--detach", "--network", "host", "--name", f"web-{number}", "--label", "app=web",
            "--restart", restart, "busybox:local",
        )
    return states(engine)


def states(engine):
    """Returns the process of each container, 0 for one that does not run."""
    return {name: engine.pid(name) for name in engine.docker("ps", "--all", "--format", "{{.Names}}").split()}


def docker_group(scene, more=""):
    scene.declare(f'chaos "docker" "web" {{\n  label       = "app=web"\n  back_within = "5s"\n  {more}\n}}\n')


def docker_always(scene):
    with Engine(component("docker.sh")) as engine:
        before = containers(scene, engine, "always")
        docker_group(scene, 'except = ["web-1"]')
        times = []
        # Each time that one ran for less than 10 s, Docker waits for longer before it starts it again.
        for _ in range(4):
            line = scene.kill("web", 0)
            times.append(scene.expect_killed(line, "met", "restarted"))
            scene.expect(line["member"] != "web-1", "one was killed that is excepted")
            after = states(engine)
            changed = {name for name in before if after[name] != before[name]}
            scene.expect(changed == {line["member"]}, f"{line['member']} was to be killed, and {changed} was")
            before = after
        return "; ".join(times)


def docker_beside(scene):
    """Who may use the engine and not signal its processes, as a member of the group `docker`."""
    with Engine(component("docker.sh")) as engine:
        before = containers(scene, engine, "always")
        docker_group(scene)
        for path in (engine.folder, scene.folder):
            path.chmod(0o711)
        (engine.folder / "docker.sock").chmod(0o666)
        (scene.folder / "drctl").mkdir()
        os.chown(scene.folder / "drctl", NOBODY, NOBODY)
        # What can be run and read by anybody.
        for name, program in (("program", scene.drctl), ("docker", (engine.programs / "docker").resolve())):
            shutil.copy(program, scene.folder / name)
            (scene.folder / name).chmod(0o755)
        scene.drctl = scene.folder / "program"
        scene.env.update(PATH=f"{scene.folder}:/usr/bin:/bin", HOME="/", DOCKER_CONFIG="/nowhere")
        scene.owner = NOBODY
        line = scene.kill("web", 0)
        said = scene.expect_killed(line, "met", "restarted")
        after = states(engine)
        changed = {name for name in after if after[name] != before.get(name)}
        scene.expect(changed == {line["member"]}, f"{line['member']} was to be killed, and {changed} was")
        return said


def docker_never(scene):
    with Engine(component("docker.sh")) as engine:
        containers(scene, engine, "no")
        docker_group(scene)
        line = scene.kill("web", 1)
        said = scene.expect_killed(line, "missed", None)
        scene.expect(states(engine)[line["member"]] == 0, f"{line['member']} runs")
        again = scene.kill("web", 0)
        scene.expect(again["is"] == "spared", f"one of a group that is not whole was killed: {again}")
        return f"{said}; and then left alone: {again.get('why')}"


def docker_reapply(scene):
    with Engine(component("docker.sh")) as engine:
        containers(scene, engine, "no")
        docker_group(scene, 'reapply     = ["sh", "-c", "docker start web-1 web-2 web-3"]')
        line = scene.kill("web", 1)
        said = scene.expect_killed(line, "missed", "restarted")
        scene.expect(line["reapplied"] and not line["reapplied"]["error"], f"it was not re-applied: {line}")
        scene.expect(all(states(engine).values()), f"not all run: {states(engine)}")
        return f"re-applied after {line['reapplied']['after_ms'] / 1000:.2f} s: {said}"


# Pods.


def kubernetes(scene):
    parts = component("docker.sh"), component("kubernetes.sh")
    with Cluster(*parts, "tokyo") as cluster:
        cluster.image("web:1", {"tmp/.keep": ""}, ["sh", "-c", "sleep 0.5; touch /tmp/ready; exec sleep infinity"])
        cluster.kubectl("apply", "--filename", "-", stdin=MANIFEST)
        cluster.kubectl("rollout", "status", "deployment/web", "--timeout=60s")
        scene.env.update(cluster.env)
        scene.declare(
            'chaos "kubernetes" "web" {\n  label       = "app=web"\n  namespace   = "default"\n'
            '  context     = "tokyo"\n  back_within = "30s"\n}\n'
        )
        times = []
        for _ in range(3):
            settle(cluster)
            before = pods(cluster)
            line = scene.kill("web", 0)
            times.append(scene.expect_killed(line, "met", "replaced"))
            scene.expect(line["member"] in before, f"{line['member']} was no pod")
            after = pods(cluster)
            scene.expect(line["member"] not in after, f"{line['member']} is still ready")
            scene.expect(line["replaced_by"] in after, f"{line['replaced_by']} is not there")
            scene.expect(len(after) == REPLICAS, f"{len(after)} pods are ready, not {REPLICAS}")
        cluster.stop("kube-apiserver")
        line = scene.kill("web", 3, limit=120)
        scene.expect(line["is"] == "failed", f"an API server that is down is no failure: {line}")
        return "; ".join(times)


def settle(cluster):
    """Waits until no pod is on its way out: a group in motion is left alone."""
    until = time.monotonic() + 60
    while len(cluster.kubectl("get", "pods", "--output", "name").split()) != REPLICAS:
        if time.monotonic() > until:
            raise Failed("a pod that was deleted is still there after 60 s")
        time.sleep(0.2)


def pods(cluster):
    """Returns the pods that are ready and stay."""
    items = json.loads(cluster.kubectl("get", "pods", "--output", "json"))["items"]
    return {
        pod["metadata"]["name"] for pod in items if "deletionTimestamp" not in pod["metadata"]
        and any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions", []))
    }


# AWS.


@contextlib.contextmanager
def moto(scene):
    """Starts a simulated AWS, and returns the AWS command line as a function."""
    programs, cli = component("moto.sh"), component("aws_cli.sh")
    log = open(scene.folder / "moto.log", "w+b")
    server = subprocess.Popen(
        [programs / "moto_server", "-H", "127.0.0.1", "-p", "0"], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        start_new_session=True,
    )
    try:
        until = time.monotonic() + 30
        while not (found := re.search(rb"127\.0\.0\.1:(\d+)", (scene.folder / "moto.log").read_bytes())):
            if server.poll() is not None or time.monotonic() > until:
                raise Failed("moto does not listen")
            time.sleep(0.05)
        scene.env.update(
            PATH=f"{cli}:{os.environ['PATH']}", AWS_ENDPOINT_URL=f"http://127.0.0.1:{found.group(1).decode()}",
            AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", AWS_EC2_METADATA_DISABLED="true",
        )

        def aws(*arguments):
            done = subprocess.run(
                [cli / "aws", "--region", REGION, "--output", "json", *arguments], env=scene.env,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False,
            )
            if done.returncode:
                raise Failed(f"aws {' '.join(arguments[:2])}: {done.stderr.strip()}")
            return json.loads(done.stdout or "null")

        yield aws
    finally:
        server.kill()
        server.wait()
        log.close()


def instances(aws):
    """Returns the state of each instance with the tag."""
    found = aws("ec2", "describe-instances", "--filters", "Name=tag:app,Values=web")["Reservations"]
    return {one["InstanceId"]: one["State"]["Name"] for part in found for one in part["Instances"]}


def image(aws):
    return aws("ec2", "describe-images", "--owners", "amazon")["Images"][0]["ImageId"]


def aws_group(scene, more=""):
    scene.declare(f'chaos "aws" "web" {{\n  tag         = "app=web"\n  region      = region\n  back_within = "20s"\n  {more}\n}}\n')


def aws_auto_scaling(scene):
    with moto(scene) as aws:
        aws(
            "autoscaling", "create-launch-configuration", "--launch-configuration-name", "web",
            "--image-id", image(aws), "--instance-type", "t3.micro",
        )
        aws(
            "autoscaling", "create-auto-scaling-group", "--auto-scaling-group-name", "web",
            "--launch-configuration-name", "web", "--min-size", "1", "--max-size", "4", "--desired-capacity", "3",
            "--availability-zones", f"{REGION}a", "--tags", "Key=app,Value=web,PropagateAtLaunch=true",
        )
        # The tag begins like that of the group, and is another.
        aws(
            "ec2", "run-instances", "--image-id", image(aws), "--count", "1",
            "--tag-specifications", "ResourceType=instance,Tags=[{Key=app,Value=webshop}]",
        )
        before = instances(aws)
        scene.expect(len(before) == 3, f"there should be 3 instances: {before}")
        aws_group(scene)
        line = scene.kill("web", 0)
        said = scene.expect_killed(line, "met", "replaced")
        after = instances(aws)
        scene.expect(after[line["member"]] != "running", f"{line['member']} runs")
        scene.expect(after.get(line["replaced_by"]) == "running", f"{line['replaced_by']} does not run: {after}")
        return said


def aws_alone(scene):
    with moto(scene) as aws:
        aws(
            "ec2", "run-instances", "--image-id", image(aws), "--count", "2",
            "--tag-specifications", "ResourceType=instance,Tags=[{Key=app,Value=web}]",
        )
        run = (
            f"aws ec2 run-instances --region $DRCTL_REGION --image-id {image(aws)} --count 1"
            " --tag-specifications ResourceType=instance,Tags=[{Key=app,Value=web}]"
        )
        aws_group(scene, f'reapply     = ["sh", "-c", "{run}"]')
        line = scene.kill("web", 1)
        said = scene.expect_killed(line, "missed", "replaced")
        scene.expect(line["reapplied"] and not line["reapplied"]["error"], f"it was not re-applied: {line}")
        running = [name for name, state in instances(aws).items() if state == "running"]
        scene.expect(len(running) == 2, f"two should run: {running}")
        return f"re-applied after {line['reapplied']['after_ms'] / 1000:.2f} s: {said}"


SCENARIOS = {
    "docker-always": ("containers with `--restart always`", docker_always),
    "docker-beside": ("the same, by somebody who may not signal their processes", docker_beside),
    "docker-never": ("containers without a restart policy", docker_never),
    "docker-reapply": ("the same, re-applied", docker_reapply),
    "kubernetes": ("pods of a Deployment", kubernetes),
    "aws-auto-scaling": ("instances of an auto-scaling group (moto)", aws_auto_scaling),
    "aws-alone": ("instances of no group, re-applied (moto)", aws_alone),
}


def main():
    asked = arguments(__doc__, "chaos/SCENARIO")

    def play(act, playing):
        scene = Scene(asked.drctl)
        scene.wrong, playing.folder = playing.wrong, scene.folder
        try:
            return act(scene)
        finally:
            if not asked.keep:
                shutil.rmtree(scene.folder, ignore_errors=True)

    return play_all("chaos", SCENARIOS, asked, play)


if __name__ == "__main__":
    sys.exit(main())
