#!/usr/bin/env python3
"""Starts Docker engines and Kubernetes clusters that leave nothing behind.

From a shell, a command is run with all of it on its PATH and in its environment:

    tests/testbed/engine.py docker --for 'docker run --network host busybox:local echo hello'
    tests/testbed/engine.py cluster --for 'kubectl get nodes'
    tests/testbed/engine.py cluster tokyo seoul --for 'kubectl --context seoul get nodes'

`docker` sets DOCKER_HOST; `cluster` sets it too, to the engine of the first cluster, and KUBECONFIG, in which
each cluster is a context of its name. Each engine has the image `busybox:local` and each cluster besides it
`pause:local`; there is no registry to pull others from. The exit code is that of the command.

From Python:

    with Engine(component("docker.sh")) as engine:
        engine.image("web:1", {"www/index.html": "hello"}, ["httpd", "-f", "-p", "127.0.0.1:8080", "-h", "/www"])
        engine.docker("run", "--detach", "--name", "web", "--network", "host", "--restart", "always", "web:1")
        os.kill(engine.pid("web"), signal.SIGKILL)

    with Cluster(component("docker.sh"), component("kubernetes.sh"), "tokyo") as cluster:
        cluster.kubectl("apply", "--filename", "-", stdin=manifest)
        cluster.stop("kube-apiserver")
        cluster.start("kube-apiserver")

All of an engine runs in a mount namespace of its own, its files are in one temporary folder, its containers
in one group of cgroups, and it does not touch the network of the machine. A keeper ends and deletes it all,
also when this process is killed. Takes root. Python's standard library only.
"""

import argparse
import base64
import concurrent.futures
import contextlib
import io
import json
import os
import pathlib
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "real"))
# No cache of bytecode is left in the repository.
sys.dont_write_bytecode = True

from bed import Failed, Skip, component, last_line, read, shown

# Where programs put files whatever they are told. In the namespace these are folders of the engine's own.
# `/run` is first, since `mount` itself notes there what it does.
OWN = ("/run", "/var/lib", "/var/log")
# What the kubelet sets in the kernel of the whole machine. In the namespace these are files, and set already.
KERNEL = {
    "vm/overcommit_memory": 1, "vm/panic_on_oom": 0, "kernel/panic": 10, "kernel/panic_on_oops": 1,
    "kernel/keys/root_maxkeys": 1000000, "kernel/keys/root_maxbytes": 25000000,
}
APPLETS = ("cat", "echo", "false", "httpd", "kill", "ls", "ps", "sh", "sleep", "test", "touch", "true", "wget")
NODE = "localhost"
# Ports that were given away in this process and may not be listened on yet.
GIVEN = set()
GIVING = threading.Lock()


class Engine:
    """A Docker engine: its programs, and a mount namespace to run them in."""

    def __init__(self, docker, name="engine"):
        """Takes the folder that `docker.sh` printed."""
        self.programs = pathlib.Path(docker)
        self.name = name
        self.commands = {}
        self.processes = {}

    # An engine is started and left.

    def __enter__(self):
        if os.geteuid():
            raise Skip("an engine needs root to start; run it as root")
        for path in (self.programs, pathlib.Path(tempfile.gettempdir())):
            if any(str(path.resolve()).startswith(f"{own}/") for own in OWN):
                raise Skip(f"`{path}` cannot be seen in the namespace; set XDG_CACHE_HOME and TMPDIR to elsewhere")
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="drctl-bed-"))
        self.keeper = subprocess.Popen(
            [sys.executable, __file__, "keep", self.folder], stdin=subprocess.PIPE, start_new_session=True
        )
        try:
            self.open()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def open(self):
        for folder in ("logs", "home", *(f"own{own}" for own in OWN)):
            (self.folder / folder).mkdir(parents=True)
        self.host = f"unix://{self.folder}/docker.sock"
        self.env = {
            "PATH": f"{self.programs}:{os.environ.get('PATH', '')}:/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
            "HOME": str(self.folder / "home"),
            "DOCKER_CONFIG": str(self.folder / "home"),
            "DOCKER_HOST": self.host,
        }
        binds = {own: f"own{own}" for own in OWN}
        for name, value in KERNEL.items():
            binds[f"/proc/sys/{name}"] = f"kernel/{name}"
            file = self.folder / "kernel" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{value}\n", encoding="utf-8")
        mounts = "".join(f"mount --no-mtab --bind '{self.folder}/{here}' {there}\n" for there, here in binds.items())
        self.spawn(
            "namespace", "unshare", "--mount", "--propagation", "private",
            "sh", "-ec", f"{mounts}touch '{self.folder}/mounted'\nexec sleep infinity",
        )
        self.wait("namespace", (self.folder / "mounted").exists, 10)
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

    def close(self):
        """Leaves it all to the keeper, which has done its work when it ends."""
        self.keeper.stdin.close()
        self.keeper.wait()
        for process in self.processes.values():
            process.wait()

    # Its programs.

    def launch(self, name, ready, within, *arguments):
        """Starts a program in the namespace, and waits until it is ready."""
        self.commands[name] = (ready, within, [name, *map(str, arguments)])
        self.start(name)

    def start(self, name):
        """Starts a program anew, as it was started before, and waits until it is ready."""
        ready, within, command = self.commands[name]
        # containerd dies with dockerd and leaves this; nobody may have waited for it, so that it looks alive.
        if name == "dockerd":
            (self.folder / "exec/containerd/containerd.pid").unlink(missing_ok=True)
        self.spawn(name, "nsenter", f"--mount=/proc/{self.processes['namespace'].pid}/ns/mnt", *command)
        self.wait(name, ready, within)

    def stop(self, name, number=signal.SIGKILL):
        """Ends a program, `dockerd` or one of a cluster. With SIGSTOP it hangs until SIGCONT."""
        process = self.processes[name]
        process.send_signal(number)
        if number not in (signal.SIGSTOP, signal.SIGCONT):
            process.wait()

    def spawn(self, name, *command):
        with open(self.folder / "logs" / name, "ab") as log:
            self.processes[name] = subprocess.Popen(
                command, cwd=self.folder, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )

    def wait(self, name, ready, within):
        until = time.monotonic() + within
        while not ready():
            code = self.processes[name].poll()
            if code is not None or time.monotonic() > until:
                why = f"ended with {code}" if code is not None else f"is not ready after {within}s"
                raise Failed(f"{self.name}: {name} {why}: {last_line(read(self.folder / 'logs' / name))}")
            time.sleep(0.1)

    def done(self, command):
        """Says whether a command succeeds."""
        return not subprocess.run(
            command, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            check=False,
        ).returncode

    def run(self, *command, stdin=None, limit=120):
        """Runs a command with the engine in its environment, and returns what it printed."""
        command = [str(word) for word in command]
        stdin = stdin.encode() if isinstance(stdin, str) else stdin or b""
        try:
            done = subprocess.run(
                command, env=self.env, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=limit,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise Failed(f"{self.name}: `{shown(command)}` did not end within {limit}s") from None
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip()
            raise Failed(f"{self.name}: `{shown(command)}` ended with {done.returncode}: {said}")
        return done.stdout.decode(errors="replace").strip()

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

    def ready(self):
        """Says whether the node is ready."""
        path = '{.status.conditions[?(@.type=="Ready")].status}'
        with contextlib.suppress(Failed):
            return self.kubectl("get", "node", NODE, "--output", f"jsonpath={path}") == "True"
        return False

    def kubectl(self, *arguments, stdin=None, limit=120):
        return self.run("kubectl", "--request-timeout=10s", *arguments, stdin=stdin, limit=limit)


def answers(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def free_ports(count):
    """Returns ports that nothing uses, from below those that the system gives to whoever asks for any."""
    found = []
    with GIVING:
        for port in random.SystemRandom().sample(sorted(set(range(20000, 32000)) - GIVEN), 12000 - len(GIVEN)):
            with socket.socket() as probe, contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                found.append(port)
            if len(found) == count:
                GIVEN.update(found)
                return found
    raise Failed("no ports are free on 127.0.0.1 between 20000 and 32000; end what uses them")


def private_key():
    """Returns a new private key on the curve P-256: its number suffices, in the form of RFC 5915."""
    number = secrets.token_bytes(31).rjust(32, b"\1")
    der = b"\x30\x31\x02\x01\x01\x04\x20" + number + bytes.fromhex("a00a06082a8648ce3d030107")
    return f"-----BEGIN EC PRIVATE KEY-----\n{base64.encodebytes(der).decode()}-----END EC PRIVATE KEY-----\n"


# The keeper.


def keep(folder):
    """Waits until whoever started it is done with a folder, or gone, and then leaves nothing of it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.read()
    until = time.monotonic() + 30
    # What is killed may have started something a moment before.
    while time.monotonic() < until and (found := belonging(folder)):
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)
    for root in pathlib.Path("/sys/fs/cgroup").glob(f"**/{folder.name}"):
        for path, _, _ in os.walk(root, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(path)
    shutil.rmtree(folder, ignore_errors=True)


def belonging(folder):
    """Returns the processes that have mounted something of a folder: nothing outside its namespace has."""
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        # Of one that has ended and was not waited for, nothing can be read.
        with contextlib.suppress(OSError):
            if folder.name in (entry / "mountinfo").read_text(errors="replace"):
                found.append(int(entry.name))
    return found


# The command line.


def main():
    parser = argparse.ArgumentParser(description="Runs a command with a Docker engine or Kubernetes clusters.")
    kinds = parser.add_subparsers(dest="kind", required=True)
    docker = kinds.add_parser("docker", help="with an engine")
    cluster = kinds.add_parser("cluster", help="with one cluster or several")
    cluster.add_argument("names", nargs="*", default=["cluster"], metavar="NAME", help="a name for each cluster")
    for kind in (docker, cluster):
        kind.add_argument("--for", dest="command", required=True, metavar="COMMAND", help="what `sh` runs")
    kinds.add_parser("keep").add_argument("folder", type=pathlib.Path)
    arguments = parser.parse_args()
    if arguments.kind == "keep":
        return keep(arguments.folder)

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
