#!/usr/bin/env python3
"""Shows that engines and clusters do what the chaos tests count on, and measures how long it takes.

    tests/testbed/engine_check.py [docker | cluster]

It prints a figure a line, and exits with 1 when something is not as it should be: which of the ways to kill
a container bring one with `--restart always` back and which do not, that a Deployment is whole again after a
pod was deleted, in two clusters side by side that know nothing of each other, and that nothing is left.
"""

import concurrent.futures
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True

from kept import belonging, free_ports
from engine import Cluster, Engine, Failed, Skip, component

SLEEPS = ["sleep", "infinity"]
ENDS_WHEN_TOLD = ["sh", "-c", "trap 'exit 0' TERM INT; while :; do sleep 0.1; done"]
MANIFEST = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      hostNetwork: true
      automountServiceAccountToken: false
      terminationGracePeriodSeconds: 1
      containers:
      - name: web
        image: web:1
        readinessProbe:
          exec: {command: [test, -e, /tmp/ready]}
          periodSeconds: 1
"""

wrong = []


def say(what, seconds=None, note=""):
    print(f"{what:<66} {'' if seconds is None else f'{seconds:6.2f} s'} {note}".rstrip(), flush=True)


def expect(holds, otherwise):
    if not holds:
        wrong.append(otherwise)
        print(f"WRONG: {otherwise}", flush=True)


@contextlib.contextmanager
def timed(what):
    began = time.monotonic()
    yield
    say(what, time.monotonic() - began)


@contextlib.contextmanager
def whole(kind, made):
    """Starts engines at once, leaves them, and makes sure that nothing of them is left."""
    with contextlib.ExitStack() as stack:
        with timed(f"{kind}: start"), concurrent.futures.ThreadPoolExecutor() as pool:
            list(pool.map(stack.enter_context, made))
        yield made
        began = time.monotonic()
    say(f"{kind}: end", time.monotonic() - began)
    for one in made:
        left = belonging(one.folder) + list(pathlib.Path("/sys/fs/cgroup").glob(f"**/{one.folder.name}"))
        expect(not left and not one.folder.exists(), f"{one.name} has left something: {left or one.folder}")
        expect(one.folder.name not in pathlib.Path("/proc/mounts").read_text(), f"{one.name} has left a mount")


# Containers.


def check_docker():
    with whole("engine", [Engine(component("docker.sh"))]) as (engine,):
        (port,) = free_ports(1)
        with timed("engine: build an image"):
            engine.image("web:1", {"www/index.html": "hello"}, ["httpd", "-f", "-p", f"127.0.0.1:{port}", "-h", "/www"])
        with timed("engine: run a container"):
            engine.docker("run", "--detach", "--network", "host", "--name", "web", "--restart", "always", "web:1")
        say_hello = ["run", "--rm", "--network", "host", "busybox:local", "wget", "-q", "-O", "-"]
        said = engine.docker(*say_hello, f"http://127.0.0.1:{port}/index.html")
        expect(said == "hello", f"the container serves {said!r}, not 'hello'")

        def command(*words):
            return lambda name, _: engine.docker(*words, name)

        def inside(*words):
            return lambda name, _: engine.docker("exec", name, "kill", *words)

        def outside(number):
            return lambda _, pid: os.kill(pid, number)

        def beside(name, pid):
            engine.docker("run", "--rm", "--network", "none", "--pid", "host", "busybox:local", "kill", "-9", pid)

        for what, returns, main, kill, options in (
            ("docker kill", False, SLEEPS, command("kill"), ()),
            ("docker stop", False, SLEEPS, command("stop", "--time", "1"), ()),
            ("docker kill --signal INT", False, ENDS_WHEN_TOLD, command("kill", "--signal", "INT"), ()),
            ("docker kill --signal INT, the stop signal being TERM", True, ENDS_WHEN_TOLD,
             command("kill", "--signal", "INT"), ("--stop-signal", "TERM")),
            ("docker exec kill -9 1", False, SLEEPS, inside("-9", "1"), ()),
            ("docker exec kill 1, of one that has no handler", False, SLEEPS, inside("1"), ()),
            ("docker exec kill 1, of one that has a handler", True, ENDS_WHEN_TOLD, inside("1"), ()),
            ("docker exec kill 1, run with --init", True, SLEEPS, inside("1"), ("--init",)),
            ("SIGTERM to its process, of one that has no handler", False, SLEEPS, outside(signal.SIGTERM), ()),
            ("SIGKILL to its process", True, SLEEPS, outside(signal.SIGKILL), ()),
            ("SIGKILL to its process, from a container with --pid host", True, SLEEPS, beside, ()),
        ):
            engine.docker(
                "run", "--detach", "--network", "host", "--name", "victim", "--restart", "always", *options,
                "busybox:local", *main,
            )
            time.sleep(0.5)
            pid = engine.pid("victim")
            began = time.monotonic()
            kill("victim", pid)
            seconds = back(engine, "victim", pid, began)
            state = engine.docker("inspect", "--format", "{{.State.Status}}", "victim")
            say(f"{what}: {'is back after' if seconds else f'is not back: {state}'}", seconds)
            expect(bool(seconds) == returns, f"{what}: {'is' if seconds else 'is not'} back")
            engine.docker("rm", "--force", "victim")

        again = ["run", "--detach", "--network", "host", "--name", "victim", "--restart", "always"]
        engine.docker(*again, "busybox:local")
        pauses = []
        for _ in range(6):
            pid = engine.pid("victim")
            began = time.monotonic()
            os.kill(pid, signal.SIGKILL)
            pauses.append(back(engine, "victim", pid, began, 30) or 0)
        say("SIGKILL again and again: is back after", None, " ".join(f"{pause:.2f}" for pause in pauses) + " s")
        expect(all(pauses), "one that was killed again and again did not come back")


def back(engine, name, pid, began, within=3):
    """Returns when a container ran again in another process, in seconds, or None."""
    while time.monotonic() - began < within:
        if engine.pid(name) not in (0, pid):
            return time.monotonic() - began
        time.sleep(0.02)
    return None


# Clusters.


def check_cluster():
    parts = component("docker.sh"), component("kubernetes.sh")
    with whole("two clusters", [Cluster(*parts, name) for name in ("tokyo", "seoul")]) as (tokyo, seoul):
        tokyo.image("web:1", {"tmp/.keep": ""}, ["sh", "-c", "sleep 0.5; touch /tmp/ready; exec sleep infinity"])
        with timed("a Deployment with 3 replicas: apply until 3 are ready"):
            tokyo.kubectl("apply", "--filename", "-", stdin=MANIFEST)
            tokyo.kubectl("rollout", "status", "deployment/web", "--timeout=60s")
        expect(len(ready_pods(tokyo)) == 3, f"3 pods should be ready, not {len(ready_pods(tokyo))}")
        expect(seoul.kubectl("get", "pods", "--output", "name") == "", "a pod of one cluster is seen in the other")

        for what, delete in (
            ("one pod deleted", lambda pod: tokyo.kubectl("delete", "pod", pod, "--wait=false")),
            ("one pod deleted with --force", lambda pod: tokyo.kubectl(
                "delete", "pod", pod, "--force", "--grace-period=0", "--wait=false")),
        ):
            gone = sorted(ready_pods(tokyo))[0]
            began = time.monotonic()
            delete(gone)
            until_whole(tokyo, f"{what}: until 3 are ready again", began, gone)

        pod = sorted(ready_pods(tokyo))[0]
        for times in (1, 2):
            container = tokyo.docker("ps", "--quiet", "--filter", f"name=k8s_web_{pod}_")
            began = time.monotonic()
            os.kill(tokyo.pid(container), signal.SIGKILL)
            until_whole(
                tokyo, f"a pod's container killed from outside, {times}x: until 3 are ready again", began,
                restarts={pod: times},
            )

        container = tokyo.docker("ps", "--quiet", "--filter", "name=k8s_web_").split()[0]
        pid = tokyo.pid(container)
        tokyo.stop("kube-apiserver")
        with timed("API server killed: until kubectl fails"):
            expect(not tokyo.answers("get", "nodes"), "an API server that was killed answers")
        expect(tokyo.pid(container) == pid, "a pod ended when the API server did")
        expect(seoul.answers("get", "nodes"), "the API server of the other cluster does not answer")
        with timed("API server started again: until it answers"):
            tokyo.start("kube-apiserver")
        expect("web" in tokyo.kubectl("get", "deployments"), "the Deployment is lost")


def ready_pods(cluster):
    """Returns the pods that are ready, and how often the container of each was restarted."""
    pods = json.loads(cluster.kubectl("get", "pods", "--output", "json"))["items"]
    return {
        pod["metadata"]["name"]: pod["status"]["containerStatuses"][0]["restartCount"]
        for pod in pods if "deletionTimestamp" not in pod["metadata"]
        and any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions", []))
    }


def until_whole(cluster, what, began, gone=None, restarts=()):
    while time.monotonic() - began < 60:
        ready = ready_pods(cluster)
        if len(ready.keys() - {gone}) == 3 and all(ready.get(pod) == restarts[pod] for pod in restarts):
            return say(what, time.monotonic() - began)
        time.sleep(0.1)
    return expect(False, f"{what}: not within 60 s")


# What is left when something goes wrong.


def check_killed():
    """An engine whose owner is killed in the middle leaves nothing either."""
    script = (
        "import time\nfrom engine import Engine\n"
        f"with Engine({str(component('docker.sh'))!r}) as engine:\n"
        "    engine.docker('run', '--detach', '--network', 'host', '--restart', 'always', 'busybox:local')\n"
        "    print(engine.folder, flush=True)\n    time.sleep(600)\n"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", script], cwd=pathlib.Path(__file__).resolve().parent, stdout=subprocess.PIPE, text=True
    )
    folder = pathlib.Path(owner.stdout.readline().strip())
    expect(folder.is_dir() and len(belonging(folder)) > 3, "the engine of another process did not start")
    began = time.monotonic()
    owner.kill()
    owner.wait()
    while folder.exists() and time.monotonic() - began < 30:
        time.sleep(0.05)
    say("owner of an engine killed: until nothing is left", time.monotonic() - began)
    expect(not folder.exists() and not belonging(folder), f"it has left {folder}")


def checked(checks, asked):
    """Runs checks, those of one name where one is asked for, and returns an exit code."""
    names = dict(checks)
    if asked and (len(asked) > 1 or asked[0] not in names):
        print(f"no check is called `{' '.join(asked)}`; there are {', '.join(names)}", file=sys.stderr)
        return 2
    try:
        for name, check in checks:
            if asked in ([], [name]):
                check()
    except Skip as skip:
        print(f"SKIP: {skip}")
        return 0
    except Failed as failed:
        print(f"WRONG: {failed}")
        return 1
    print(f"{len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    checks = ("docker", check_docker), ("docker", check_killed), ("cluster", check_cluster)
    sys.exit(checked(checks, sys.argv[1:]))
