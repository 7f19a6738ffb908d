#!/usr/bin/env python3
"""Brings objects up on a real Kubernetes cluster, and keeps them from getting ready in every way.

    tests/real/deploy_kubernetes.py target/release/drctl [--only 'kubernetes/image*'] [--keep]

Each scenario commits manifests and a runbook, has drctl fail the service over or hold a drill, and holds
what it says against what the cluster itself says. Exit code 1 when something is not as it should be; what
cannot be had here is skipped by name, with the reason.

All scenarios share one cluster (`tests/testbed/engine.py`), which takes root and Debian's packages, and
each has a namespace of its own. Python's standard library only.
"""

import json
import pathlib
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

from bed import component
from engine import Cluster, free_ports
from repository import commit
from registry import Registry
from scenarios import arguments, play_all

REGION = "ap-northeast-2"
SECRET = "s3cr3t-canary"

RUNBOOK = """
service "shop" {
  rto     = "30m"
  rpo     = "5m"
  primary = "ap-northeast-1"
}

region "ap-northeast-2" {}

cluster "seoul" {
  kubeconfig = stack.data.outputs.kubeconfig
}

stack "data" {
  path = "stacks/data"
}

kubernetes "web" {
  needs        = ["data"]
  manifests    = ["deploy"]
  namespace    = "NAMESPACE"
  limit        = "LIMIT"
  check_images = false
  config_maps  = { settings = { endpoint = stack.data.outputs.endpoint } }
  secrets      = { db = { password = stack.data.outputs.password } }
}

probe "kubernetes" "web" {
  object    = "deployment/web"
  namespace = "NAMESPACE"
  interval  = "1s"
}
"""

STACK = """
output "endpoint" { value = "db.example:5432" }

output "password" {
  value     = "SECRET"
  sensitive = true
}

output "kubeconfig" {
  value     = file("KUBECONFIG")
  sensitive = true
}
"""

WEB = """
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 1
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      hostNetwork: true
      automountServiceAccountToken: false
      terminationGracePeriodSeconds: 0
      nodeSelector: NODES
      containers:
      - name: web
        image: IMAGE
        command: [httpd, -f, -p, "127.0.0.1:PORT", -h, /]
        envFrom:
        - configMapRef: { name: settings }
        - secretRef: { name: SECRET }
        readinessProbe:
          tcpSocket: { host: 127.0.0.1, port: ASKED }
          periodSeconds: 1
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec:
  selector: { app: web }
  ports: [{ port: 80, protocol: TCP }]
"""


# A job, a stateful set, and the definition of a kind. None is made of that kind: the API server of 1.20,
# built with Go 1.18 or newer, crashes when it iterates over a map by the reflect2 of its time.
KINDS = """
apiVersion: batch/v1
kind: Job
metadata: { name: migrate }
spec:
  template:
    spec:
      restartPolicy: Never
      automountServiceAccountToken: false
      hostNetwork: true
      containers: [{ name: migrate, image: "tokyo.example/busybox:local", command: ["true"] }]
---
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: store }
spec:
  serviceName: store
  selector: { matchLabels: { app: store } }
  template:
    metadata: { labels: { app: store } }
    spec:
      automountServiceAccountToken: false
      hostNetwork: true
      terminationGracePeriodSeconds: 0
      volumes: [{ name: settings, configMap: { name: settings, defaultMode: 0444 } }]
      containers:
      - name: store
        image: tokyo.example/busybox:local
        command: [sleep, infinity]
        volumeMounts: [{ name: settings, mountPath: /settings }]
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: tills.example.com }
spec:
  group: example.com
  scope: Namespaced
  names: { kind: Till, plural: tills, singular: till }
  versions:
  - name: v1
    served: true
    storage: true
    schema: { openAPIV3Schema: { type: object, x-kubernetes-preserve-unknown-fields: true } }
"""


class Scene:
    """A service with a namespace of its own."""

    number = 0

    def __init__(self, drctl, cluster):
        Scene.number += 1
        self.drctl, self.cluster, self.wrong = drctl, cluster, []
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="drctl-real-"))
        self.repository = self.folder / "repository"
        self.namespace = f"shop-{Scene.number}"
        self.port = free_ports(1)[0]
        self.env = {**cluster.env, "DRCTL_HOME": str(self.folder / "home"), "LANG": "C.UTF-8"}
        # The machine points at no cluster: the way there is a stack's output.
        self.env.pop("KUBECONFIG", None)

    def expect(self, holds, otherwise):
        if not holds:
            self.wrong.append(otherwise)

    def commit(self, limit="60s", web=WEB, **words):
        """Commits the service as it should be, but for what is said otherwise."""
        words = {
            "IMAGE": "busybox:local", "PORT": self.port, "ASKED": self.port, "NODES": "{}", "SECRET": "db", **words,
        }
        for word, value in words.items():
            web = web.replace(word, str(value))
        stack = STACK.replace("SECRET", SECRET).replace("KUBECONFIG", str(self.cluster.kubeconfig))
        runbook = RUNBOOK.replace("NAMESPACE", self.namespace).replace("LIMIT", limit)
        files = {"drctl.hcl": runbook, "stacks/data/main.tf": stack, "deploy/web.yaml": web}
        commit(self.repository, files)

    def ask(self, *arguments):
        return subprocess.run(
            [self.drctl, *arguments], cwd=self.repository, env=self.env, capture_output=True, text=True, check=False,
            timeout=300,
        )

    def run(self, command="failover"):
        """Runs drctl and returns its events, and what it said."""
        dry = self.ask(command, "--region", REGION, "--dry-run", "--json")
        digest = json.loads(dry.stdout)["digest"] if dry.returncode == 0 else "0" * 12
        done = self.ask(command, "--region", REGION, "--yes", "--expect-plan", digest, "--json", "--again")
        events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        self.expect(SECRET not in done.stdout + done.stderr, "a secret was shown")
        return events, done

    def kubectl(self, *arguments):
        return self.cluster.kubectl("--namespace", self.namespace, *arguments)

    def close(self):
        subprocess.run(
            ["kubectl", "delete", "namespace", self.namespace, "--ignore-not-found", "--wait=false"],
            env=self.cluster.env, capture_output=True, check=False,
        )


def outcome(events):
    """How the step ended, why, and when that and its wait were, in seconds."""
    end = next((e for e in events if e["event"] == "step_finished" and e["step"] == "web"), None)
    if end is None:
        return "unknown", "", 0.0
    return end["outcome"]["is"], " ".join(end["outcome"].get("cause", [])), end["elapsed_ms"] / 1000


def first(events, words):
    """When words were first said of an object, in seconds after the wait began."""
    waits = [e["elapsed_ms"] for e in events if e["event"] == "phase_started" and e.get("phase") == "wait"]
    for event in events:
        if event["event"] == "object_seen" and words in event["detail"]:
            return (event["elapsed_ms"] - waits[0]) / 1000
    return None


def comes_up(scene):
    scene.commit()
    events, _ = scene.run()
    how, why, _ = outcome(events)
    scene.expect(how == "done", f"it should be up: {how} {why}")
    verified = any(event["event"] == "service_verified" for event in events)
    scene.expect(verified, f"the probe should pass: {[e for e in events if e['event'].startswith('probe')][-1:]}")
    data = scene.kubectl("get", "configmap", "settings", "--output", "jsonpath={.data.endpoint}")
    scene.expect(data == "db.example:5432", f"the config map should hold the stack's output: {data}")
    version = scene.kubectl("get", "deployment", "web", "--output", "jsonpath={.metadata.generation}")
    events, _ = scene.run()
    scene.expect(outcome(events)[0] == "done", "it should be up again")
    again = scene.kubectl("get", "deployment", "web", "--output", "jsonpath={.metadata.generation}")
    scene.expect(again == version, f"a second run should change nothing: {version}, {again}")
    files = subprocess.run(
        ["grep", "-rl", "--include=*.jsonl", "--include=*.out", "--include=*.err", SECRET, scene.folder / "home"],
        capture_output=True, text=True, check=False,
    ).stdout
    scene.expect(not files, f"a secret is in {files}")
    asked = scene.ask("probe")
    scene.expect(asked.returncode != 0 and "only a run knows" in asked.stdout + asked.stderr, f"{asked.stdout} {asked.stderr}")
    return "up, up again without a change, and ready by its probe"


def kinds(scene):
    """A kustomization: a kind, a job, a stateful set; images of another registry."""
    scene.commit(web=KINDS)
    (scene.repository / "deploy/kustomization.yaml").write_text("resources: [web.yaml]\nnamePrefix: dr-\n")
    runbook = scene.repository / "drctl.hcl"
    text = runbook.read_text().replace('manifests    = ["deploy"]', 'kustomization = "deploy"').split("probe ")[0]
    text = text.replace('region "ap-northeast-2" {}', 'region "ap-northeast-2" {\n  replace = { "tokyo.example/" = "" }\n}')
    runbook.write_text(text)
    commit(scene.repository)
    events, done = scene.run()
    how, why, _ = outcome(events)
    scene.expect(how == "done", f"it should be up: {how} {why} {done.stderr[-500:]}")
    ready = {e["object"] for e in events if e["event"] == "object_seen" and e["state"] == "ready"}
    wanted = {f"{scene.namespace}/job/dr-migrate", f"{scene.namespace}/statefulset/dr-store"}
    scene.expect(wanted < ready, f"these should be ready: {wanted}, and {ready} are")
    mode = scene.kubectl("get", "statefulset", "dr-store", "--output", "jsonpath={..volumes[0].configMap.defaultMode}")
    scene.expect(mode == str(0o444), f"a mode should be applied as it is written, in octal: {mode}")
    events, _ = scene.run()
    scene.expect(outcome(events)[0] == "done", f"it should be up again: {outcome(events)}")
    return f"ready: {', '.join(sorted(name.split('/', 1)[-1] for name in ready))}"


def named(scene, words, fails_at_once, limit="20s", within=5.0, **how):
    """A deployment that does not get ready: the reason is named within seconds."""
    scene.commit(limit=limit, **how)
    events, _ = scene.run()
    ended, why, _ = outcome(events)
    scene.expect(ended == "failed" and words in why, f"it should fail for `{words}`: {ended} {why}")
    said = first(events, words)
    scene.expect(said is not None and said < within, f"`{words}` should be said within {within} s: {said}")
    waits = [e["elapsed_ms"] for e in events if e.get("phase") == "wait"]
    took = (waits[-1] - waits[0]) / 1000 if len(waits) > 1 else 0
    scene.expect((took < 10) == fails_at_once, f"it ended {took:.1f} s after the wait began")
    return f"named after {said} s, ended after {took:.1f} s"


def image_name(scene):
    return named(scene, "the image's name is invalid", True, IMAGE="'NOPE:::1'")


def image_missing(scene):
    with Registry(component("registry.sh"), "seoul") as registry:
        said = named(scene, f"the image `{registry.host}/web:1` cannot be pulled", True, IMAGE=f"{registry.host}/web:1")
        # The same, asked beforehand: then nothing is applied.
        scene.close()
        runbook = scene.repository / "drctl.hcl"
        runbook.write_text(runbook.read_text().replace("  check_images = false\n", ""))
        commit(scene.repository)
        events, _ = scene.run()
        how, why, at = outcome(events)
        scene.expect(how == "failed" and f"{registry.host}/web:1" in why, f"it should be missing: {how} {why}")
        begun = [e for e in events if e["event"] == "phase_started" and e["step"] == "web" and e["phase"] == "run"]
        scene.expect(not begun, "something was applied")
        return f"{said}; asked beforehand, named after {at:.1f} s"


def image_unreachable(scene):
    return named(scene, "cannot be pulled", False, limit="12s", IMAGE="127.0.0.1:9/web:1")


def probe(scene):
    return named(scene, "Readiness probe failed", False, limit="12s", ASKED=free_ports(1)[0])


def unschedulable(scene):
    return named(scene, "no node takes its pod", False, limit="12s", NODES="{ disk: ssd }")


def no_secret(scene):
    return named(scene, 'secret "missing" not found', True, SECRET="missing")


def crash(scene):
    web = WEB.replace("command: [httpd", "command: [sh, -c, 'echo no database at db.example; exit 3']\n        args: [httpd")
    return named(scene, "it said: no database", False, limit="12s", web=web)


def server_gone(scene):
    scene.commit()
    scene.cluster.stop("kube-apiserver")
    try:
        began = time.monotonic()
        events, _ = scene.run()
        took = time.monotonic() - began
        how, why, _ = outcome(events)
        scene.expect(how == "failed" and "does not answer" in why and "refused" in why, f"{how} {why}")
        scene.expect(took < 15, f"it took {took:.1f} s")
    finally:
        scene.cluster.start("kube-apiserver")
    events, _ = scene.run()
    scene.expect(outcome(events)[0] == "done", f"it should come up once the server is back: {outcome(events)}")
    return f"named after {took:.1f} s, and up once it was back"


def server_hangs(scene):
    scene.commit()
    scene.cluster.stop("kube-apiserver", signal.SIGSTOP)
    try:
        events, _ = scene.run()
        how, why, _ = outcome(events)
        scene.expect(how == "failed" and "no answer within 5 s" in why, f"{how} {why}")
    finally:
        scene.cluster.stop("kube-apiserver", signal.SIGCONT)
    return why


def hangs_meanwhile(scene):
    scene.commit(limit="90s", web=WEB.replace("periodSeconds: 1", "periodSeconds: 1\n          initialDelaySeconds: 6"))

    def hang():
        time.sleep(4)
        scene.cluster.stop("kube-apiserver", signal.SIGSTOP)
        time.sleep(9)
        scene.cluster.stop("kube-apiserver", signal.SIGCONT)

    thread = threading.Thread(target=hang)
    thread.start()
    events, _ = scene.run()
    thread.join()
    how, why, _ = outcome(events)
    scene.expect(how == "done", f"it should be up once the server goes on: {how} {why}")
    said = first(events, "does not answer")
    scene.expect(said is not None, "that the server is silent should be said")
    return f"said {said} s after the wait began, and up in the end"


def taken_back(scene):
    scene.commit()
    events, done = scene.run("drill")
    how, why, _ = outcome(events)
    scene.expect(how == "done", f"it should be up: {how} {why}")
    left = scene.cluster.kubectl("get", "namespaces", "--output", "name").split()
    scene.expect(f"namespace/{scene.namespace}" not in left, f"the namespace is left: {done.stderr[-500:]}")
    # What was there before is put back.
    scene.cluster.kubectl("create", "namespace", scene.namespace)
    scene.kubectl("create", "configmap", "settings", "--from-literal=endpoint=before")
    scene.kubectl("create", "configmap", "other", "--from-literal=a=b")
    scene.commit(web=WEB)
    runbook = scene.repository / "drctl.hcl"
    runbook.write_text(runbook.read_text().replace("check_images =", "force_conflicts = true\n  check_images ="))
    commit(scene.repository)
    events, done = scene.run("drill")
    scene.expect(outcome(events)[0] == "done", f"it should be up: {outcome(events)}")
    data = scene.kubectl("get", "configmap", "settings", "--output", "jsonpath={.data.endpoint}")
    scene.expect(data == "before", f"the config map should be as before: {data}")
    names = scene.kubectl("get", "deployments,services,secrets,configmaps", "--output", "name").split()
    scene.expect("configmap/other" in names and "deployment.apps/web" not in names, f"left: {names}")
    return "what it made is gone, what it changed is as before"


def conflict(scene):
    scene.cluster.kubectl("create", "namespace", scene.namespace)
    scene.kubectl("create", "configmap", "settings", "--from-literal=endpoint=before")
    scene.commit()
    events, done = scene.run()
    how, why, _ = outcome(events)
    owner = "others own `.data.endpoint` (`kubectl-create`)"
    scene.expect(how == "failed" and owner in why, f"the owner should be named: {how} {why}")
    return why


def overhead(scene):
    """What drctl adds to `kubectl apply && kubectl rollout status`, in the middle of five runs each."""
    scene.commit(limit="120s")
    bare, own = [], []
    text = (scene.repository / "deploy/web.yaml").read_text()
    settings = (
        "---\napiVersion: v1\nkind: ConfigMap\nmetadata: { name: settings }\ndata: { endpoint: db }\n"
        "---\napiVersion: v1\nkind: Secret\nmetadata: { name: db }\nstringData: { password: x }\n"
    )
    for _ in range(5):
        for way in ("bare", "own"):
            scene.cluster.kubectl("delete", "namespace", scene.namespace, "--ignore-not-found")
            if way == "bare":
                scene.cluster.kubectl("create", "namespace", scene.namespace)
                (scene.folder / "all.yaml").write_text(text + settings)
                kubectl = ["kubectl", "--namespace", scene.namespace]
                began = time.monotonic()
                subprocess.run([*kubectl, "apply", "--server-side", "-f", scene.folder / "all.yaml"], env=scene.cluster.env, check=True, stdout=subprocess.DEVNULL)
                subprocess.run([*kubectl, "rollout", "status", "deployment/web"], env=scene.cluster.env, check=True, stdout=subprocess.DEVNULL)
                bare.append(time.monotonic() - began)
            else:
                events, _ = scene.run()
                scene.expect(outcome(events)[0] == "done", f"it should be up: {outcome(events)}")
                ends = {e["step"]: e["elapsed_ms"] for e in events if e["event"] == "step_finished"}
                own.append((ends["web"] - ends["data"]) / 1000)
    bare_s, own_s = statistics.median(bare), statistics.median(own)
    added = own_s - bare_s
    scene.expect(added <= max(0.1, bare_s * 0.05), f"drctl adds {added:.3f} s to {bare_s:.3f} s")
    each = lambda all_: ", ".join(f"{one:.2f}" for one in sorted(all_))
    return f"drctl {own_s:.2f} s ({each(own)}), kubectl {bare_s:.2f} s ({each(bare)})"


SCENARIOS = {
    "up": ("a deployment with a service, a config map and a secret; twice", comes_up),
    "kinds": ("a kustomization with a kind of its own, a job and a stateful set", kinds),
    "image-name": ("an image whose name is invalid", image_name),
    "image-missing": ("an image that the registry does not have", image_missing),
    "image-unreachable": ("an image whose registry does not answer", image_unreachable),
    "probe": ("a readiness probe that fails", probe),
    "unschedulable": ("a pod that no node takes", unschedulable),
    "no-secret": ("a secret that is not there", no_secret),
    "crash": ("a container that ends again and again", crash),
    "server-gone": ("an API server that is not there", server_gone),
    "server-hangs": ("an API server that hangs", server_hangs),
    "hangs-meanwhile": ("an API server that hangs while it is waited", hangs_meanwhile),
    "conflict": ("a field that somebody else owns", conflict),
    "taken-back": ("a drill", taken_back),
    "overhead": ("against `kubectl apply && kubectl rollout status`", overhead),
}


def main():
    asked = arguments(__doc__, "kubernetes/SCENARIO")
    clusters = []

    def play(act, playing):
        if not clusters:
            made = Cluster(component("docker.sh"), component("kubernetes.sh"), "seoul")
            clusters.append(made.__enter__())
        scene = Scene(asked.drctl, clusters[0])
        scene.wrong, playing.folder = playing.wrong, scene.folder
        try:
            return act(scene)
        finally:
            scene.close()
            if not asked.keep:
                shutil.rmtree(scene.folder, ignore_errors=True)

    try:
        return play_all("kubernetes", SCENARIOS, asked, play)
    finally:
        for made in clusters:
            made.__exit__(None, None, None)


if __name__ == "__main__":
    sys.exit(main())
