#!/usr/bin/env python3
"""Loses a region, and has drctl bring what ran there up in another, from git alone.

    tests/real/deploy_region.py target/release/drctl [--only 'region/no-image'] [--keep]

Two Kubernetes clusters are two regions, each with an image registry. The shop runs in Tokyo, and the world
reaches it by a public port that leads there. Then Tokyo's cluster and registry are stopped, and drctl fails
over: a stack, objects, a release, and a cutover that leads the port to Seoul, once the shop answers there.
Each other scenario puts something in its way, holds the cause that is named against what it was, mends it, and
goes on with `drctl resume`.

It takes root, Debian's packages and npm (`tests/testbed/README.md`). Python's standard library only.
"""

import contextlib
import json
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "testbed"))
# No cache of bytecode is left in the repository.
sys.dont_write_bytecode = True

from engine import Cluster, Failed, component, free_ports
from registry import Registry
from repository import commit
from scenarios import arguments, play_all
from service import asked, leave_pending, service_image, write_chart

REGION = "ap-northeast-2"
SECRET = "s3cr3t-canary"

RUNBOOK = """
service "shop" {
  rto           = "10m"
  primary       = "ap-northeast-1"
  verify_within = "30s"
}

region "ap-northeast-2" {
  replace = { "TOKYO" = "SEOUL" }
}

stack "data" {
  path = "data"
}

cluster "seoul" {
  kubeconfig = stack.data.outputs.kubeconfig
}

kubernetes "base" {
  manifests = ["base"]
  namespace = "NAMESPACE"
  secrets   = { database = { password = stack.data.outputs.password } }
}

helm "web" {
  needs     = ["base"]
  chart     = "chart"
  namespace = "NAMESPACE"
  limit     = "LIMIT"
  values = {
    image = "TOKYO/shop:1"
    env   = { REGION = region, PORT = "LISTENS", DATABASE = stack.data.outputs.endpoint }
  }
}

command "cutover" {
  needs = ["web"]
  run   = ["sh", "-c", "echo LISTENS > SWITCH"]
}

probe "http" "front" {
  url      = "http://127.0.0.1:${stack.data.outputs.port}/health"
  interval = "200ms"
}

probe "http" "public" {
  url      = "http://127.0.0.1:PUBLIC/"
  contains = "served from ap-northeast-2"
  interval = "200ms"
}
"""

STACK = f"""
output "endpoint" {{ value = "db.{REGION}.example" }}
output "port"     {{ value = LISTENS }}
output "password" {{
  value     = "{SECRET}"
  sensitive = true
}}
output "kubeconfig" {{
  value     = file("KUBECONFIG")
  sensitive = true
}}
"""

BASE = """
apiVersion: v1
kind: LimitRange
metadata: { name: defaults }
spec:
  limits:
    - { type: Container, default: { memory: 64Mi } }
"""


class Public:
    """A port that leads where a file says, as a public name does."""

    def __init__(self, switch):
        self.switch = switch
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self.lead, args=(client,), daemon=True).start()

    def lead(self, client):
        with client, contextlib.suppress(OSError):
            request = client.recv(4096)
            with socket.create_connection(("127.0.0.1", int(self.switch.read_text())), timeout=2) as server:
                server.sendall(request)
                while data := server.recv(4096):
                    client.sendall(data)


class Beds:
    """Two regions, with a cluster and a registry each."""

    def __init__(self, stack, helm):
        parts = component("docker.sh"), component("kubernetes.sh")
        self.helm = pathlib.Path(helm)
        self.registries = [stack.enter_context(Registry(component("registry.sh"), name)) for name in ("tokyo", "seoul")]
        self.clusters = [stack.enter_context(Cluster(*parts, name)) for name in ("tokyo", "seoul")]


class Scene:
    """The shop in Tokyo, with the world on it."""

    number = 0

    def __init__(self, drctl, beds):
        Scene.number += 1
        self.drctl, self.beds, self.wrong = drctl, beds, []
        self.lost = False
        self.tokyo, self.seoul = beds.clusters
        self.there, self.here = beds.registries
        self.namespace = f"shop-{Scene.number}"
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="drctl-region-"))
        self.repository = self.folder / "shop"
        self.switch = self.folder / "switch"
        self.port, before = free_ports(2)
        self.switch.write_text(str(before), encoding="utf-8")
        self.public = Public(self.switch)
        self.env = {
            **self.seoul.env, "PATH": f"{beds.helm}:{self.seoul.env['PATH']}", "DRCTL_HOME": str(self.folder / "home"),
        }
        # The machine points at no cluster: what is needed is in git.
        self.env.pop("KUBECONFIG", None)
        self.running(before)

    def running(self, port):
        """Brings the shop up in Tokyo, by hand."""
        service_image(self.tokyo)
        self.tokyo.push("shop:1", self.there)
        write_chart(self.folder / "tokyo", f"{self.there.host}/shop:1", {"REGION": "ap-northeast-1", "PORT": port})
        self.tokyo.run(
            self.beds.helm / "helm", "upgrade", "--install", "--wait", "web", self.folder / "tokyo",
            "--namespace", self.namespace, "--create-namespace",
        )
        self.expect(asked(self.public.port) == "served from ap-northeast-1", "the shop does not serve from Tokyo")

    def expect(self, holds, otherwise):
        if not holds:
            self.wrong.append(otherwise)

    def commit(self, limit="60s", probes=None):
        """Commits the shop; its pods are probed on their own port, or on another."""
        words = {
            "TOKYO": self.there.host, "SEOUL": self.here.host, "NAMESPACE": self.namespace, "LIMIT": limit,
            "LISTENS": self.port, "SWITCH": self.switch, "PUBLIC": self.public.port, "KUBECONFIG": self.seoul.kubeconfig,
        }

        def filled(text):
            for word, value in words.items():
                text = text.replace(word, str(value))
            return text

        chart = self.repository / "chart"
        write_chart(chart, "", {"REGION": "", "PORT": self.port})
        if probes:
            template = chart / "templates/deployment.yaml"
            text = template.read_text(encoding="utf-8")
            template.write_text(text.replace("{{ .Values.env.PORT | int }}", str(probes)), encoding="utf-8")
        files = {"drctl.hcl": RUNBOOK, "data/main.tf": STACK, "base/limits.yaml": BASE}
        commit(self.repository, {path: filled(text) for path, text in files.items()})

    def have_image(self):
        """Copies the image to Seoul's registry, as a preparation does."""
        done = self.ask("images", "--region", REGION, "--copy")
        self.expect(done.returncode == 0, f"the image is not copied: {done.stdout}{done.stderr}")

    def lose_tokyo(self):
        self.lost = True
        self.tokyo.stop_all()
        self.there.stop()
        self.began = time.time()
        self.expect(asked(self.public.port, within=2) is None, "Tokyo is stopped and serves")

    def ask(self, *arguments):
        return subprocess.run(
            [self.drctl, *arguments], cwd=self.repository, env=self.env, capture_output=True, text=True, check=False,
            timeout=300,
        )

    def failover(self):
        since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.began))
        dry = self.ask("failover", "--region", REGION, "--dry-run", "--json")
        if dry.returncode:
            raise Failed(f"the dry run ended with {dry.returncode}: {dry.stderr}")
        digest = json.loads(dry.stdout)["digest"]
        return self.done("failover", "--region", REGION, "--outage-at", since, "--yes", "--expect-plan", digest)

    def resume(self):
        return self.done("resume", "--yes")

    def done(self, *arguments):
        done = self.ask(*arguments)
        self.expect(SECRET not in done.stdout + done.stderr, "a secret was shown")
        return done

    def failed(self, done, *words):
        """Holds that it failed, for the reason that is meant, and moved no traffic."""
        self.expect(done.returncode == 3, f"it ended with {done.returncode}, not 3: {done.stdout}{done.stderr}")
        for word in words:
            self.expect(word in done.stdout, f"`{word}` is not said: {done.stdout}")
        self.expect(asked(self.public.port, within=2) is None, "traffic was moved to what does not serve")

    def back(self, done):
        """Holds that the shop serves from Seoul, and returns what the report says."""
        self.expect(done.returncode == 0, f"it ended with {done.returncode}: {done.stdout}{done.stderr}")
        self.expect(asked(self.public.port) == f"served from {REGION}", f"the world gets {asked(self.public.port)}")
        report = json.loads(self.ask("report", "--json").stdout)
        self.expect(report["summary"] == "met", f"the report says {report['summary']}")
        for file in (self.folder / "home").rglob("*"):
            kept = file.is_file() and not any(part.startswith(("state", "work")) for part in file.parts) and SECRET.encode() in file.read_bytes()
            self.expect(not kept, f"{file.relative_to(self.folder)} holds the secret")
        return report

    def close(self):
        """Has Tokyo back, for whoever loses it next, and nothing of this scene in it."""
        self.public.listener.close()
        if self.lost:
            self.tokyo.start_all()
            self.there.start()
        for cluster in self.beds.clusters:
            with contextlib.suppress(Failed):
                cluster.run("kubectl", "delete", "namespace", self.namespace, "--wait=false")


def seconds(ms):
    return "never" if ms is None else f"{ms / 1000:.1f}s"


def lost(scene):
    scene.commit()
    scene.have_image()
    scene.lose_tokyo()
    report = scene.back(scene.failover())
    steps = {step["id"]: step for step in report["steps"]}
    scene.expect(all(step["outcome"]["is"] == "done" for step in steps.values()), "not every step is done")
    return f"back after {seconds(report['recovery_time_ms'])}, {seconds(report['execution_ms'])} of it drctl's"


def no_image(scene):
    if scene.here.digest("shop:1"):
        scene.here.delete("shop:1")
    scene.commit()
    scene.lose_tokyo()
    began = time.monotonic()
    scene.failed(scene.failover(), f"{scene.here.host}/shop:1")
    named = time.monotonic() - began
    service_image(scene.seoul)
    scene.seoul.push("shop:1", scene.here)
    scene.back(scene.resume())
    return f"named and ended after {named:.1f}s; pushed, and resumed"


def probe(scene):
    # Its pods are ready when something else is, too, and nobody has started that.
    (other,) = free_ports(1)
    scene.commit(limit="12s", probes=other)
    scene.have_image()
    scene.lose_tokyo()
    scene.failed(scene.failover(), "deployment/shop", "connection refused")
    with socket.create_server(("127.0.0.1", other)) as listener:
        threading.Thread(target=well, args=(listener,), daemon=True).start()
        scene.back(scene.resume())
    return "what its probe met was named; mended, and resumed"


def well(listener):
    """Answers whoever asks that all is well."""
    with contextlib.suppress(OSError):
        while True:
            client, _ = listener.accept()
            with client, contextlib.suppress(OSError):
                client.recv(1024)
                client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


def unreachable(scene):
    scene.commit(limit="20s")
    scene.have_image()
    scene.lose_tokyo()
    scene.seoul.stop("kube-apiserver", signal.SIGSTOP)
    began = time.monotonic()
    try:
        scene.failed(scene.failover(), "seoul")
        named = time.monotonic() - began
    finally:
        scene.seoul.stop("kube-apiserver", signal.SIGCONT)
    scene.seoul.wait("kube-apiserver", lambda: scene.seoul.answers("get", "--raw", "/readyz"), 30)
    scene.back(scene.resume())
    return f"a cluster that hangs was named after {named:.1f}s; it went on, and the run was resumed"


def pending(scene):
    scene.commit(limit="60s")
    scene.have_image()
    scene.lose_tokyo()
    chart = scene.repository / "chart"
    arguments = ["--namespace", scene.namespace, "--create-namespace"]
    scene.seoul.run(
        scene.beds.helm / "helm", "upgrade", "--install", "--wait", "web", chart, *arguments,
        "--set", f"image={scene.here.host}/shop:1", "--set", "env.REGION=before",
    )
    status = leave_pending(scene.seoul, scene.beds.helm, "web", chart, namespace=scene.namespace)
    began = time.monotonic()
    report = scene.back(scene.failover())
    took = time.monotonic() - began
    notes = " ".join(note["message"] for note in report["notes"])
    scene.expect(status in notes, f"that it was {status} is not said: {notes}")
    return f"a release that was {status} was put right, and brought up, after {took:.1f}s"


SCENARIOS = {
    "lost": ("Tokyo is stopped, Seoul brings the shop up from git, and the world is led there", lost),
    "no-image": ("Seoul's registry lacks the image", no_image),
    "probe": ("the shop does not answer its readiness probe", probe),
    "unreachable": ("Seoul's API server hangs", unreachable),
    "pending": ("a Helm was killed amid an upgrade in Seoul", pending),
}


def main():
    asked_for = arguments(__doc__, "SCENARIO")

    with contextlib.ExitStack() as stack:
        beds = []

        def play(act, playing):
            if not beds:
                beds.append(Beds(stack, component("helm.sh", "4.1")))
            scene = Scene(asked_for.drctl, beds[0])
            playing.wrong, playing.folder = scene.wrong, str(scene.folder)
            try:
                return act(scene)
            finally:
                scene.close()
                if not asked_for.keep:
                    shutil.rmtree(scene.folder, ignore_errors=True)

        return play_all("region", SCENARIOS, asked_for, play)


if __name__ == "__main__":
    sys.exit(main())
