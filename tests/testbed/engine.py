#!/usr/bin/env python3
"""Starts Docker engines and Kubernetes clusters that leave nothing behind.

From a shell, a command is run with all of it on its PATH and in its environment:

    tests/testbed/engine.py docker --for 'docker run --network host busybox:local echo hello'
    tests/testbed/engine.py cluster --for 'kubectl get nodes'
    tests/testbed/engine.py cluster tokyo seoul --for 'kubectl --context seoul get nodes'

`docker` sets DOCKER_HOST; `cluster` sets it too, to the engine of the first cluster, and KUBECONFIG, in which
each cluster is a context of its name. Each engine has the image `busybox:local` and each cluster besides it
`pause:local`; others are built, or pulled from a registry of `registry.py`. The exit code is that of the command.

From Python:

    with Engine(component("docker.sh")) as engine:
        engine.image("web:1", {"www/index.html": "hello"}, ["httpd", "-f", "-p", "127.0.0.1:8080", "-h", "/www"])
        engine.docker("run", "--detach", "--name", "web", "--network", "host", "--restart", "always", "web:1")
        os.kill(engine.pid("web"), signal.SIGKILL)

    with Cluster(component("docker.sh"), component("kubernetes.sh"), "tokyo") as cluster:
        cluster.kubectl("apply", "--filename", "-", stdin=manifest)
        cluster.stop("kube-apiserver")
        cluster.start("kube-apiserver")
        cluster.stop_all()
        cluster.start_all()

All of an engine runs in a mount namespace of its own, its files are in one temporary folder, its containers
in one group of cgroups, and it does not touch the network of the machine; what `kept.py` says of what it keeps
holds for it. Takes root. Python's standard library only.
"""

import argparse
import base64
import calendar
import concurrent.futures
import contextlib
import io
import json
import os
import pathlib
import secrets
import signal
import subprocess
import sys
import tarfile
import time

# No cache of bytecode is left in the repository.
sys.dont_write_bytecode = True

from kept import Kept, answers, free_ports
from bed import Failed, Skip, component

APPLETS = ("cat", "echo", "false", "httpd", "kill", "ls", "ps", "sh", "sleep", "test", "touch", "true", "wget")
NODE = "localhost"


class Engine(Kept):
    """A Docker engine: its programs, and a mount namespace to run them in."""

    def __init__(self, docker, name="engine", compose=None):
        """Takes the folder that `docker.sh` printed; and the one of `compose.sh`, for `docker compose`."""
        super().__init__(docker, name)
        self.plugins = compose and pathlib.Path(compose)

    def open(self):
        super().open()
        self.host = f"unix://{self.folder}/docker.sock"
        self.env.update(DOCKER_CONFIG=str(self.folder / "home"), DOCKER_HOST=self.host)
        if self.plugins:
            # Where `docker` looks for them.
            (self.folder / "home/cli-plugins").symlink_to(self.plugins)
        # Named, or the machine's own configuration would be read.
        configuration = {"deprecated-key-path": str(self.folder / "key.json")}
        (self.folder / "daemon.json").write_text(json.dumps(configuration), encoding="utf-8")
        self.launch(
            "dockerd",
            lambda: self.done(["docker", "version"]), 30,
            "--config-file", self.folder / "daemon.json", "--host", self.host, "--pidfile", self.folder / "docker.pid",
            "--data-root", self.folder / "data", "--exec-root", self.folder / "exec",
            "--cgroup-parent", f"/{self.folder.name}", "--exec-opt", "native.cgroupdriver=cgroupfs",
            "--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false",
            "--userland-proxy=false", "--oom-score-adjust=0", "--log-level=warn",
        )
        self.image("busybox:local", {}, ["sleep", "infinity"])

    def start(self, name):
        # containerd dies with dockerd and leaves this; nobody may have waited for it, so that it looks alive.
        if name == "dockerd":
            (self.folder / "exec/containerd/containerd.pid").unlink(missing_ok=True)
        super().start(name)

    # Images and containers.

    def docker(self, *arguments, stdin=None, limit=120):
        return self.run("docker", *arguments, stdin=stdin, limit=limit)

    def image(self, tag, files, command, entrypoint=(), lines=()):
        """Builds an image from nothing: busybox, and files by their path in it, each a text or a static program.

        More lines of its Dockerfile, such as `STOPSIGNAL SIGINT`, can be given.
        """
        dockerfile = [
            "FROM scratch", "COPY root /", "ENV PATH=/bin", f"ENTRYPOINT {json.dumps(list(entrypoint))}",
            f"CMD {json.dumps(command)}", *lines,
        ]
        context = io.BytesIO()
        with tarfile.open(fileobj=context, mode="w") as tar:
            def add(path, data, mode):
                member = tarfile.TarInfo(path)
                member.size, member.mode = len(data), mode
                tar.addfile(member, io.BytesIO(data))

            add("Dockerfile", "\n".join(dockerfile).encode(), 0o644)
            add("root/bin/busybox", (self.programs / "busybox").read_bytes(), 0o755)
            for applet in APPLETS:
                member = tarfile.TarInfo(f"root/bin/{applet}")
                member.type, member.linkname = tarfile.SYMTYPE, "busybox"
                tar.addfile(member)
            for path, what in files.items():
                if isinstance(what, pathlib.Path):
                    add(f"root/{path}", what.read_bytes(), 0o755)
                else:
                    add(f"root/{path}", what.encode(), 0o644)
        self.docker("build", "--quiet", "--tag", tag, "-", stdin=context.getvalue())

    def push(self, tag, registry):
        """Pushes an image to a `Registry` with its tag, and returns what it is called there."""
        there = f"{registry.host}/{tag}"
        self.docker("tag", tag, there)
        self.docker("push", "--quiet", there)
        return there

    def pid(self, container):
        """Returns the process on this machine that a container is, or 0 while it does not run."""
        return int(self.docker("inspect", "--format", "{{.State.Pid}}", container))


class Cluster(Engine):
    """A Kubernetes cluster of one node, with the engine that runs its pods."""

    def __init__(self, docker, kubernetes, name="cluster"):
        """Takes the folders that `docker.sh` and `kubernetes.sh` printed."""
        super().__init__(docker, name)
        self.kubernetes = pathlib.Path(kubernetes)

    def open(self):
        super().open()
        self.env["PATH"] = f"{self.kubernetes}:{self.env['PATH']}"
        self.image("pause:local", {"pause": self.kubernetes / "pause"}, [], ["/pause"])
        folder = self.folder / "cluster"
        folder.mkdir()
        client, peer, api, manager, scheduler, kubelet = free_ports(6)
        etcd = f"http://127.0.0.1:{client}"
        token = secrets.token_hex(16)
        (folder / "tokens").write_text(f"{token},admin,admin,system:masters\n", encoding="utf-8")
        (folder / "key.pem").write_text(private_key(), encoding="utf-8")
        self.kubeconfig = folder / "kubeconfig"
        self.env["KUBECONFIG"] = str(self.kubeconfig)
        self.launch(
            "etcd", lambda: answers(client), 30,
            "--name", "etcd", "--data-dir", folder / "etcd", "--unsafe-no-fsync", "--log-level", "warn",
            "--listen-client-urls", etcd, "--advertise-client-urls", etcd,
            "--listen-peer-urls", f"http://127.0.0.1:{peer}",
            "--initial-advertise-peer-urls", f"http://127.0.0.1:{peer}",
            "--initial-cluster", f"etcd=http://127.0.0.1:{peer}",
        )
        self.launch(
            "kube-apiserver", lambda: self.write_kubeconfig(api, token) and self.answers("get", "--raw", "/readyz"), 90,
            "--etcd-servers", etcd, "--bind-address", "127.0.0.1", "--advertise-address", "127.0.0.1",
            "--secure-port", api, "--cert-dir", folder / "certificates", "--endpoint-reconciler-type", "none",
            "--token-auth-file", folder / "tokens", "--authorization-mode", "AlwaysAllow",
            "--disable-admission-plugins", "ServiceAccount", "--service-cluster-ip-range", "10.0.0.0/24",
            "--service-account-issuer", "https://kubernetes.default.svc", "--api-audiences", "kubernetes",
            "--service-account-key-file", folder / "key.pem", "--service-account-signing-key-file", folder / "key.pem",
            "--kubelet-preferred-address-types", "Hostname",
        )
        self.launch(
            "kube-controller-manager", lambda: answers(manager), 60,
            "--kubeconfig", self.kubeconfig, "--bind-address", "127.0.0.1", "--port", 0, "--secure-port", manager,
            "--cert-dir", folder / "manager", "--leader-elect=false", "--node-monitor-grace-period", "10s",
            "--flex-volume-plugin-dir", folder / "plugins",
        )
        self.launch(
            "kube-scheduler", lambda: answers(scheduler), 60,
            "--kubeconfig", self.kubeconfig, "--bind-address", "127.0.0.1", "--port", 0, "--secure-port", scheduler,
            "--cert-dir", folder / "scheduler", "--leader-elect=false",
        )
        self.launch(
            "kubelet", self.ready, 90,
            "--kubeconfig", self.kubeconfig, "--root-dir", folder / "kubelet", "--cert-dir", folder / "kubelet/pki",
            "--address", "127.0.0.1", "--port", kubelet, "--read-only-port", 0, "--healthz-port", 0,
            "--hostname-override", NODE, "--container-runtime", "docker", "--docker-endpoint", self.host,
            "--container-runtime-endpoint", f"unix://{self.folder}/shim.sock",
            "--image-service-endpoint", f"unix://{self.folder}/shim.sock",
            "--pod-infra-container-image", "pause:local", "--volume-plugin-dir", folder / "plugins",
            "--cgroup-driver", "cgroupfs", "--cgroups-per-qos=false", "--enforce-node-allocatable=",
            "--cgroup-root", f"/{self.folder.name}", "--fail-swap-on=false", "--make-iptables-util-chains=false",
            "--node-status-update-frequency", "2s",
            # A disk that is nearly full is no reason to throw pods out.
            "--eviction-hard", "memory.available<1Mi",
        )

    def write_kubeconfig(self, port, token):
        """Writes how the cluster is reached, once its certificate is there."""
        certificate = self.folder / "cluster/certificates/apiserver.crt"
        if not certificate.exists():
            return False
        if not self.kubeconfig.exists():
            authority = base64.b64encode(certificate.read_bytes()).decode()
            cluster = {"server": f"https://127.0.0.1:{port}", "certificate-authority-data": authority}
            self.kubeconfig.write_text(
                json.dumps({
                    "apiVersion": "v1",
                    "kind": "Config",
                    "clusters": [{"name": self.name, "cluster": cluster}],
                    "users": [{"name": self.name, "user": {"token": token}}],
                    "contexts": [{"name": self.name, "context": {"cluster": self.name, "user": self.name}}],
                    "current-context": self.name,
                }),
                encoding="utf-8",
            )
        return True

    def answers(self, *arguments):
        return self.done(["kubectl", "--request-timeout=3s", *arguments])

    def start(self, name):
        self.since = int(time.time())
        super().start(name)

    def ready(self):
        """Says whether the node is ready, by what its kubelet says since it was started."""
        path = '{range .status.conditions[?(@.type=="Ready")]}{.status} {.lastHeartbeatTime}'
        with contextlib.suppress(Failed, ValueError):
            status, told = self.kubectl("get", "node", NODE, "--output", f"jsonpath={path}{{end}}").split()
            return status == "True" and calendar.timegm(time.strptime(told, "%Y-%m-%dT%H:%M:%SZ")) >= self.since
        return False

    def kubectl(self, *arguments, stdin=None, limit=120):
        return self.run("kubectl", "--request-timeout=10s", *arguments, stdin=stdin, limit=limit)


def private_key():
    """Returns a new private key on the curve P-256: its number suffices, in the form of RFC 5915."""
    number = secrets.token_bytes(31).rjust(32, b"\1")
    der = b"\x30\x31\x02\x01\x01\x04\x20" + number + bytes.fromhex("a00a06082a8648ce3d030107")
    return f"-----BEGIN EC PRIVATE KEY-----\n{base64.encodebytes(der).decode()}-----END EC PRIVATE KEY-----\n"


# The command line.


def main():
    parser = argparse.ArgumentParser(description="Runs a command with a Docker engine or Kubernetes clusters.")
    kinds = parser.add_subparsers(dest="kind", required=True)
    docker = kinds.add_parser("docker", help="with an engine")
    cluster = kinds.add_parser("cluster", help="with one cluster or several")
    cluster.add_argument("names", nargs="*", default=["cluster"], metavar="NAME", help="a name for each cluster")
    for kind in (docker, cluster):
        kind.add_argument("--for", dest="command", required=True, metavar="COMMAND", help="what `sh` runs")
    arguments = parser.parse_args()

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        if arguments.kind == "docker":
            engines = [Engine(component("docker.sh"))]
        else:
            parts = component("docker.sh"), component("kubernetes.sh")
            engines = [Cluster(*parts, name) for name in arguments.names]
        with contextlib.ExitStack() as stack:
            began = time.monotonic()
            with concurrent.futures.ThreadPoolExecutor() as pool:
                for engine in [pool.submit(stack.enter_context, engine) for engine in engines]:
                    engine.result()
            print(f"engine.py: ready after {time.monotonic() - began:.1f}s", file=sys.stderr)
            env = {name: engines[0].env[name] for name in ("PATH", "DOCKER_HOST", "DOCKER_CONFIG")}
            if arguments.kind == "cluster":
                env["KUBECONFIG"] = ":".join(str(engine.kubeconfig) for engine in engines)
            return subprocess.run(["sh", "-c", arguments.command], env={**os.environ, **env}, check=False).returncode
    except (Failed, Skip) as error:
        print(f"engine.py: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
