#!/usr/bin/env python3
"""Brings releases up with real Helms, 3.17 and 4.1, on a real cluster.

    tests/real/deploy_helm.py target/release/drctl [--only 'helm/4.1*'] [--keep]

Each scenario makes a repository with a stack and a step of Helm, has `drctl` fail over, and holds what drctl
says against what Helm and the cluster say. Exit code 1 when something is not as it should be; what cannot be
had here is skipped by name, with the reason.

Takes root, Debian's packages (`tests/testbed/engine.py`) and npm (`tests/testbed/helm.sh`). Python's standard
library only.
"""

import contextlib
import functools
import http.server
import json
import os
import pathlib
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "testbed"))
# No cache of bytecode is left in the repository.
sys.dont_write_bytecode = True

from engine import Cluster, Failed, component
from registry import Registry
from repository import commit
from scenarios import arguments, play_all

REGION = "ap-northeast-2"
SECRET = "s3cr3t-canary"
STACK = f"""
output "endpoint" {{ value = "db.{REGION}.example" }}
output "password" {{
  value     = "PASSWORD"
  sensitive = true
}}
"""
RUNBOOK = """
service "shop" {
  rto     = "30m"
  primary = "ap-northeast-1"
}
stack "data" {
  path = "data"
}
cluster "seoul" {
  file    = "FILE"
  context = "cluster"
}
helm "web" {
  needs     = ["data"]
  chart     = "CHART"
  namespace = "NAMESPACE"
  limit     = "LIMIT"
  values = {
    endpoint = stack.data.outputs.endpoint
    password = stack.data.outputs.password
VALUES
  }
MORE
}
probe "command" "front" {
  run      = ["test", stack.data.outputs.endpoint]
  interval = "100ms"
}
"""


class Scene:
    """One scenario: a repository, drctl's own folder, a namespace, and a Helm."""

    number = 0

    def __init__(self, drctl, cluster, registry, helm):
        Scene.number += 1
        self.drctl, self.cluster, self.registry = drctl, cluster, registry
        # A registry that answers, and does not have it.
        self.nowhere = f"{registry.host}/nowhere:1"
        self.namespace = f"shop-{Scene.number}"
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="drctl-helm-"))
        self.repository = self.folder / "shop"
        self.wrong = []
        self.env = {
            "PATH": f"{cluster.kubernetes}:{helm}:{os.environ['PATH']}", "LANG": "C.UTF-8",
            "HOME": str(self.folder / "home"), "DRCTL_HOME": str(self.folder / "drctl"), "CHECKPOINT_DISABLE": "1",
        }

    def expect(self, holds, otherwise):
        if not holds:
            self.wrong.append(otherwise)
        return holds

    def commit(self, values="", more="", limit="60s", password=SECRET, chart="charts/web", besides=""):
        """Writes the repository anew, and commits it."""
        text = RUNBOOK.replace("FILE", str(self.cluster.kubeconfig)).replace("NAMESPACE", self.namespace)
        text = text.replace("CHART", chart) + besides
        text = text.replace("LIMIT", limit).replace("VALUES", values).replace("MORE", more)
        shutil.copytree(HERE / "web", self.repository / "charts/web", dirs_exist_ok=True)
        commit(self.repository, {"drctl.hcl": text, "data/main.tf": STACK.replace("PASSWORD", password)})

    def run(self, *command, folder=None, limit=300, codes=None):
        done = subprocess.run(
            [str(word) for word in command], cwd=folder or self.folder, env=self.env, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=limit, check=False,
        )
        if codes and done.returncode not in codes:
            raise Failed(f"`{' '.join(map(str, command))}` ended with {done.returncode}: {done.stderr.strip()}")
        return done

    def begin(self, *command):
        return subprocess.Popen(
            [str(word) for word in command], cwd=self.folder, env=self.env, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )

    def resume(self, code):
        return self.told(self.run(self.drctl, "resume", "--yes", "--json"), code)

    def digest(self, kind="failover"):
        dry_run = self.run(self.drctl, kind, "--repo", self.repository, "--region", REGION, "--dry-run", "--json")
        if dry_run.returncode:
            raise Failed(f"the dry run ended with {dry_run.returncode}: {dry_run.stderr.strip()}")
        return json.loads(dry_run.stdout)["digest"]

    def command(self, kind="failover"):
        return [
            self.drctl, kind, "--repo", self.repository, "--region", REGION, "--yes",
            "--expect-plan", self.digest(kind), "--json",
        ]

    def failover(self, code, kind="failover"):
        """Fails over, and returns the events and what was said besides."""
        done = self.run(*self.command(kind))
        return self.told(done, code)

    def told(self, done, code):
        self.expect(done.returncode == code, f"drctl ended with {done.returncode}, not {code}: {done.stderr.strip()}")
        events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"seq"')]
        for where, text in (("its output", done.stdout), ("its messages", done.stderr)):
            self.expect(SECRET not in text, f"the secret is in {where}")
        return events, done.stderr

    def helm(self, *args, codes=(0,)):
        at = ["--kubeconfig", self.cluster.kubeconfig, "--namespace", self.namespace]
        return self.run("helm", *args, *at, codes=codes).stdout

    def history(self):
        """Returns the states of all revisions."""
        return [revision["status"] for revision in json.loads(self.helm("history", "web", "--output", "json"))]

    def live(self, path):
        return self.cluster.kubectl("--namespace", self.namespace, "get", "deployment", "web", "--output", f"jsonpath={{{path}}}")

    def install(self, *more):
        """Installs the release as somebody else does, without drctl."""
        values = ["--set", "endpoint=before"]
        self.helm("upgrade", "--install", "web", HERE / "web", "--create-namespace", "--wait", *values, *more)

    def kill_helm(self, *more, status):
        """Has Helm killed in the middle of its work on the release."""
        at = ["--kubeconfig", self.cluster.kubeconfig, "--namespace", self.namespace, "--create-namespace"]
        helm = subprocess.Popen(
            ["helm", "upgrade", "--install", "web", str(HERE / "web"), "--wait", "--set", "endpoint=killed", *map(str, at), *more],
            env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        until(lambda: self.states()[-1:] == [status], f"a release that is {status}")
        helm.send_signal(signal.SIGKILL)
        helm.wait()

    def states(self):
        done = self.run("helm", "history", "web", "--output", "json", "--kubeconfig", self.cluster.kubeconfig, "--namespace", self.namespace)
        return [revision["status"] for revision in json.loads(done.stdout)] if done.returncode == 0 else []

    def no_secret_is_kept(self):
        """Makes sure that no file of the run has the secret but the state of the stack, and the repository."""
        for path in (self.folder / "drctl").rglob("*"):
            told = path.is_file() and not {"state", "work"} & set(path.parts) and SECRET.encode() in path.read_bytes()
            self.expect(not told, f"the secret is in {path}")


def until(holds, what, within=30):
    deadline = time.monotonic() + within
    while not holds():
        if time.monotonic() > deadline:
            raise Failed(f"not seen within {within}s: {what}")
        time.sleep(0.05)


def outcome(events):
    """How the step of Helm ended."""
    found = [event["outcome"] for event in events if event["event"] == "step_finished" and event["step"] == "web"]
    return found[-1] if found else {}


def cause(events):
    return " | ".join(outcome(events).get("cause", []))


def notes(events):
    return " | ".join(event["message"] for event in events if event["event"] == "noted")


def took(events):
    """Seconds from when the step could begin until it ended."""
    at = {event["step"]: event["elapsed_ms"] for event in events if event["event"] == "step_finished"}
    return (at["web"] - at["data"]) / 1000


# The scenarios.


def install_and_upgrade(scene):
    scene.commit()
    first, _ = scene.failover(0)
    scene.expect(scene.history() == ["deployed"], f"history: {scene.history()}")
    endpoint = scene.live(".spec.template.metadata.annotations.endpoint")
    scene.expect(endpoint == f"db.{REGION}.example", f"the value of the output is not there: {endpoint}")
    secret = scene.cluster.kubectl("--namespace", scene.namespace, "get", "secret", "web", "--output", "jsonpath={.data.password}")
    scene.expect(secret == "czNjcjN0LWNhbmFyeQ==", f"the sensitive output is not there: {secret}")
    again, _ = scene.failover(0)
    scene.expect(scene.history() == ["superseded", "deployed"], f"history: {scene.history()}")
    scene.commit("replicas = 2")
    scene.failover(0)
    scene.expect(scene.live(".status.readyReplicas") == "2", "the upgrade has no second pod")
    scene.no_secret_is_kept()
    return f"installed in {took(first):.2f} s, again in {took(again):.2f} s"


def sources(scene):
    scene.commit()
    packed, umbrella = scene.folder / "packed", scene.repository / "charts/umbrella"
    scene.run("helm", "package", scene.repository / "charts/web", "--destination", packed, codes=(0,))
    host = scene.registry.host
    scene.run("helm", "push", packed / "web-0.1.0.tgz", f"oci://{host}/charts", "--plain-http", codes=(0,))
    replace = f'region "{REGION}" {{\n  replace = {{ "tokyo.example" = "{host}" }}\n}}\n'
    scene.commit(more='version = "0.1.0"', chart="oci://tokyo.example/charts/web", besides=replace)
    scene.failover(0)
    scene.run("helm", "repo", "index", packed, codes=(0,))
    with serving(packed) as address:
        scene.commit(more=f'repository = "{address}"', chart="web")
        scene.failover(0)
    umbrella.mkdir()
    needs = "dependencies: [{name: web, version: 0.1.0, repository: file://../web}]"
    (umbrella / "Chart.yaml").write_text(f"apiVersion: v2\nname: umbrella\nversion: 1.0.0\n{needs}\n", encoding="utf-8")
    scene.commit("web = { endpoint = stack.data.outputs.endpoint }", chart="charts/umbrella")
    scene.failover(0)
    scene.expect(scene.history() == ["superseded"] * 2 + ["deployed"], f"history: {scene.history()}")
    scene.expect(not (umbrella / "charts").exists(), "something was written into the repository")
    charts = {revision["chart"] for revision in json.loads(scene.helm("history", "web", "--output", "json"))}
    scene.expect(charts == {"web-0.1.0", "umbrella-1.0.0"}, f"charts: {charts}")
    return "from a registry of the fallback, from a chart repository, and one that needs another"


@contextlib.contextmanager
def serving(folder):
    """Serves a folder over HTTP, and returns its address."""
    handler = functools.partial(Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def hooks(scene):
    scene.commit('migrate = "busybox:local"')
    events, _ = scene.failover(0)
    scene.failover(0)
    scene.commit(f'migrate = "{scene.nowhere}", pull = "IfNotPresent"'.replace(", ", "\n"), "check_images = false")
    failed, _ = scene.failover(3)
    scene.expect("migrate" in cause(failed) and scene.nowhere in cause(failed), f"the cause is not named: {cause(failed)}")
    scene.expect(scene.live(".status.readyReplicas") == "1", "what was up is not up any more")
    return f"with a hook in {took(events):.2f} s; a hook without an image named after {took(failed):.2f} s: {cause(failed)}"


def missing_image(scene):
    values = f'image = "{scene.nowhere}"\npull = "IfNotPresent"'
    scene.commit()
    scene.failover(0)
    scene.commit(values, "check_images = false")
    events, _ = scene.failover(3)
    scene.expect(scene.nowhere in cause(events), f"the image is not named: {cause(events)}")
    scene.expect(scene.history()[-1] == "deployed" and scene.history()[-2] in ("failed",), f"history: {scene.history()}")
    scene.expect(scene.live(".spec.template.spec.containers[0].image") == "busybox:local", "not rolled back")
    scene.commit("replicas = 1")
    scene.failover(0)
    return f"named and rolled back after {took(events):.2f} s: {cause(events)}"


def first_missing_image(scene):
    scene.commit(f'image = "{scene.nowhere}"\npull = "IfNotPresent"', "check_images = false")
    events, _ = scene.failover(3)
    scene.expect(scene.nowhere in cause(events), f"the image is not named: {cause(events)}")
    scene.expect(scene.history() == ["failed"], f"history: {scene.history()}")
    # The cluster knows it once it has tried to pull, which is after drctl began.
    seen = took(events)
    scene.expect(seen < 6, f"told after {seen:.1f} s")
    scene.commit()
    scene.failover(0)
    scene.expect(scene.history()[-1] == "deployed", f"history: {scene.history()}")
    return f"named after {seen:.2f} s: {cause(events)}"


def unknown_image(scene):
    scene.commit(f'image = "{scene.nowhere}"\npull = "IfNotPresent"')
    events, _ = scene.failover(3)
    scene.expect(scene.nowhere in cause(events), f"the image is not named: {cause(events)}")
    scene.expect(scene.states() == [], f"something was changed: {scene.states()}")
    return cause(events)


def failing_probe(scene):
    scene.commit('ready = ["false"]', limit="8s")
    events, _ = scene.failover(3)
    scene.expect("probe" in cause(events).lower(), f"the probe is not named: {cause(events)}")
    return f"named after {took(events):.2f} s of 8 s: {cause(events)}"


def refused_values(scene):
    scene.commit(password=f"{SECRET} with a space")
    events, said = scene.failover(3)
    scene.expect("[hidden]" in cause(events), f"the refusal is not told: {cause(events)}")
    scene.no_secret_is_kept()
    scene.expect(scene.states() == [], f"something was changed: {scene.states()}")
    return cause(events)


def stuck_upgrade(scene):
    scene.install()
    scene.kill_helm("--set", f"image={scene.nowhere},pull=IfNotPresent", status="pending-upgrade")
    scene.commit()
    events, _ = scene.failover(0)
    scene.expect("pending-upgrade" in notes(events), f"nothing is told of it: {notes(events)}")
    scene.expect(scene.history()[-1] == "deployed", f"history: {scene.history()}")
    return f"repaired and upgraded after {took(events):.1f} s: {notes(events)}"


def stuck_install(scene):
    scene.kill_helm("--set", f"image={scene.nowhere},pull=IfNotPresent", status="pending-install")
    scene.commit()
    events, _ = scene.failover(0)
    scene.expect("pending-install" in notes(events), f"nothing is told of it: {notes(events)}")
    scene.expect(scene.history() == ["deployed"], f"history: {scene.history()}")
    return f"repaired and installed after {took(events):.1f} s: {notes(events)}"


def killed_and_resumed(scene):
    scene.commit('ready = ["test", "-e", "/ready"]')
    drctl = scene.begin(*scene.command())
    until(lambda: scene.states() == ["pending-install"], "a release that is being installed")
    drctl.send_signal(signal.SIGKILL)
    drctl.wait()
    scene.expect(scene.states() == ["pending-install"], f"history: {scene.states()}")
    drctl = scene.begin(scene.drctl, "resume", "--yes", "--json")
    until(lambda: len(scene.states()) == 2 and pods(scene), "a second revision, and a pod")
    for pod in pods(scene):
        scene.cluster.kubectl("--namespace", scene.namespace, "exec", pod, "--", "touch", "/ready")
    out, err = drctl.communicate(timeout=120)
    events, _ = scene.told(subprocess.CompletedProcess([], drctl.returncode, out, err), 0)
    scene.expect(scene.history() == ["superseded", "deployed"], f"history: {scene.history()}")
    return "gone on with, and its Helm is gone"


def pods(scene):
    path = '{range .items[?(@.status.phase=="Running")]}{.metadata.name} {end}'
    return scene.cluster.kubectl("--namespace", scene.namespace, "get", "pods", "--output", f"jsonpath={path}").split()


def unreachable(scene):
    scene.commit()
    command = scene.command()
    scene.cluster.stop("kube-apiserver")
    try:
        events, _ = scene.told(scene.run(*command), 3)
        scene.expect(cause(events), "no cause is told")
    finally:
        scene.cluster.start("kube-apiserver")
    scene.resume(0)
    scene.expect(scene.history() == ["deployed"], f"history: {scene.history()}")
    return f"told after {took(events):.2f} s: {cause(events)}"


def taken_back(scene):
    scene.commit()
    scene.failover(0, kind="drill")
    scene.expect(scene.states() == [], f"the release is still there: {scene.states()}")
    scene.install()
    scene.failover(0, kind="drill")
    scene.expect(scene.history()[-1] == "deployed", f"history: {scene.history()}")
    endpoint = scene.live(".spec.template.metadata.annotations.endpoint")
    scene.expect(endpoint == "before", f"the release is not as it was: {endpoint}")
    return "a new release is removed, one that was there is as it was"


def overhead(scene):
    """Alternates, so that both see the same machine; without a probe, which would be asked at any time in its second."""
    scene.commit("ready = []")
    bare, ours, own, name = [], [], [], scene.namespace
    values = ["--set", f"endpoint=db.{REGION}.example,password={SECRET}", "--set-json", "ready=[]"]
    for number in range(5):
        scene.namespace = f"{name}-bare-{number}"
        # The kubelet looks once a second, and sooner after something ended: neither is to begin just then.
        time.sleep(random.uniform(2, 3))
        began = time.monotonic()
        scene.helm("upgrade", "--install", "web", HERE / "web", "--create-namespace", "--wait", *values)
        bare.append(time.monotonic() - began)
        scene.helm("uninstall", "web", "--wait")
        scene.namespace = f"{name}-ours-{number}"
        scene.commit("ready = []")
        time.sleep(random.uniform(1, 2))
        events, _ = scene.failover(0)
        ours.append(took(events))
        own.append(beside(events))
        scene.helm("uninstall", "web", "--wait")
    told = f"before and after Helm {words(own)}; as a whole, helm {words(bare)}, drctl {words(ours)}"
    # When the kubelet looks decides about more than that, so the whole is only told.
    scene.expect(statistics.median(own) <= 0.1, told)
    return told


def beside(events):
    """Seconds that a step takes before it starts Helm and after Helm ended."""
    phases = [event for event in events if event["event"].startswith("phase_") and event["step"] == "web" and event["phase"] != "check"]
    return took(events) - (phases[-1]["elapsed_ms"] - phases[0]["elapsed_ms"]) / 1000


def words(times):
    return f"{statistics.median(times):.2f} s ({min(times):.2f} to {max(times):.2f})"


SCENARIOS = {
    "install": ("installs, upgrades, and does the same again", install_and_upgrade),
    "sources": ("charts that are elsewhere, or need others", sources),
    "hooks": ("hooks run, and one that cannot is named", hooks),
    "missing-image": ("an upgrade to an image that is nowhere", missing_image),
    "missing-image-first": ("an installation of an image that is nowhere", first_missing_image),
    "failing-probe": ("a probe that never passes", failing_probe),
    "refused-values": ("values that the chart refuses, and quotes", refused_values),
    "stuck-upgrade": ("a release that was left pending-upgrade", stuck_upgrade),
    "stuck-install": ("a release that was left pending-install", stuck_install),
    "killed": ("drctl is killed, and its Helm lives on", killed_and_resumed),
    "unknown-image": ("an image that no registry has, before anything starts", unknown_image),
    "unreachable": ("an API server that is down", unreachable),
    "taken-back": ("drills take back what they did", taken_back),
    "overhead": ("what drctl adds to Helm", overhead),
}


def main():
    asked = arguments(__doc__, "helm/VERSION-SCENARIO")
    scenarios = {
        f"{version}-{name}": (words, lambda scene, act=act: act(scene), version)
        for version in ("3.17", "4.1") for name, (words, act) in SCENARIOS.items()
    }
    versions = {name: version for name, (_, _, version) in scenarios.items()}
    made = {}

    with contextlib.ExitStack() as stack:
        def bed():
            if not made:
                parts = component("docker.sh"), component("kubernetes.sh")
                made["registry"] = stack.enter_context(Registry(component("registry.sh"), "seoul"))
                made["cluster"] = stack.enter_context(Cluster(*parts))
            return made["cluster"], made["registry"]

        def play(act, playing):
            act, version = act
            scene = Scene(asked.drctl, *bed(), component("helm.sh", version))
            playing.wrong, playing.folder = scene.wrong, scene.folder
            try:
                return act(scene)
            finally:
                if not asked.keep:
                    shutil.rmtree(scene.folder, ignore_errors=True)

        return play_all("helm", {name: (words, (act, versions[name])) for name, (words, act, _) in scenarios.items()}, asked, play)


if __name__ == "__main__":
    sys.exit(main())
