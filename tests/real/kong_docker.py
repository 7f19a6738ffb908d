"""Chaos Kong and two Docker engines that stand for two regions: the containers of one are killed, and its
dockerd hangs."""

import contextlib
import pathlib
import shutil
import socket
import socketserver
import subprocess
import tempfile
import threading
import time
import urllib.request

from bed import Done, Failed, component
from engine import Engine, free_ports
from kong_scene import ASKED, Front, Scene, expect_survived, wait


class Forwarder(Front):
    """Forwards TCP to a port that a file names, as a cutover writes it there."""

    def __init__(self, file):
        super().__init__()
        self.file = file

    def __enter__(self):
        front = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                at = time.time()
                front.answers.append((at, front.forward(self.request)))

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def forward(self, client):
        """Passes one question and its answer on. Says whether there was one."""
        with contextlib.suppress(OSError, ValueError):
            client.settimeout(5)
            with socket.create_connection(("127.0.0.1", int(self.file.read_text())), timeout=5) as server:
                server.sendall(client.recv(65536))
                passed = 0
                while part := server.recv(65536):
                    client.sendall(part)
                    passed += len(part)
                return passed > 0
        return False

    def asked(self):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"http://127.0.0.1:{self.port}/", timeout=5) as answer:
            return answer.read().decode().strip()


DOCKER_RUNBOOK = f"""
service "shop" {{
  rto           = "10m"
  primary       = "tokyo"
  verify_within = "20s"
}}

region "seoul" {{}}

command "shop" {{
  run = ["./bin/deploy", region]
}}

command "cutover" {{
  needs = ["shop"]
  run   = ["./bin/point", region]
}}

probe "http" "front" {{
  url = "http://127.0.0.1:FRONT/"
  {ASKED}}}

probe "command" "tokyo" {{
  role = "primary"
  run  = ["./bin/asked", "tokyo"]
  {ASKED}}}

probe "command" "seoul" {{
  role = "fallback"
  run  = ["./bin/asked", "seoul"]
  {ASKED}}}

probe "tcp" "world" {{
  role    = "witness"
  address = "127.0.0.1:WORLD"
  {ASKED}}}

watch {{
  region  = "seoul"
  confirm = "1s"
}}

kong {{
  dark  = ["./bin/region", "cut", primary]
  light = ["./bin/region", "mend", primary]
}}
"""

# Each has HOSTS before it, which sets HOST, PORT and PID for a region.
DOCKER_PROGRAMS = {
    "deploy": (
        'of "$1"\n'
        'exec docker --host "$HOST" run --detach --network host --name shop --restart always "shop:$1"\n'
    ),
    "point": 'of "$1"; echo "$PORT" > TRAFFIC.new && mv TRAFFIC.new TRAFFIC\n',
    "asked": 'of "$1"; exec docker --host "$HOST" version --format "{{.Server.Version}}"\n',
    "region": (
        'of "$2"\n'
        'case $1 in\n'
        # What is killed by Docker's own word is not started again before dockerd is.
        'cut) docker --host "$HOST" kill shop && kill -STOP "$PID" ;;\n'
        'mend) kill -CONT "$PID" && docker --host "$HOST" start shop ;;\n'
        "esac\n"
    ),
}


class Place:
    """A folder with a repository and drctl's own, for what takes no AWS."""

    def __init__(self, asked, env):
        self.keep = asked.keep
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="drctl-kong-"))
        self.repository = self.folder / "repository"
        self.wrong = asked.wrong
        self.env = {**env, "HOME": str(self.folder), "DRCTL_HOME": str(self.folder / "drctl"), "LANG": "C.UTF-8"}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if not self.keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    def expect(self, holds, otherwise):
        if not holds:
            self.wrong.append(otherwise)
        return holds

    def run(self, name, *command, codes=(0,), limit=120):
        began = time.monotonic()
        done = subprocess.run(
            [str(word) for word in command], cwd=self.repository, env=self.env, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=limit, check=False,
        )
        if codes and done.returncode not in codes:
            raise Failed(f"{name} ended with {done.returncode}: {done.stderr.strip()}")
        return Done(done.returncode, done.stdout, done.stderr, time.monotonic() - began)


def docker(asked):
    programs = component("docker.sh")
    with contextlib.ExitStack() as stack:
        regions = {name: stack.enter_context(Engine(programs, name)) for name in ("tokyo", "seoul")}
        ports = dict(zip(regions, free_ports(2)))
        place = stack.enter_context(Place(asked, {"PATH": regions["tokyo"].env["PATH"]}))
        for name, engine in regions.items():
            page = {"www/index.html": f"served from {name}\n"}
            engine.image(f"shop:{name}", page, ["httpd", "-f", "-p", f"127.0.0.1:{ports[name]}", "-h", "/www"])
        traffic = place.folder / "traffic"
        traffic.write_text(f"{ports['tokyo']}\n", encoding="utf-8")
        front = stack.enter_context(Forwarder(traffic))
        world = stack.enter_context(Forwarder(traffic))
        hosts = "".join(
            f"{name}) HOST={engine.host} PORT={ports[name]} PID={engine.processes['dockerd'].pid} ;;\n"
            for name, engine in regions.items()
        )
        (place.repository / "bin").mkdir(parents=True)
        for name, text in DOCKER_PROGRAMS.items():
            file = place.repository / "bin" / name
            of = f"of() {{ case $1 in\n{hosts}*) exit 2 ;;\nesac; }}\n"
            file.write_text(f"#!/bin/sh\nset -eu\n{of}{text}".replace("TRAFFIC", str(traffic)), encoding="utf-8")
            file.chmod(0o755)
        runbook = DOCKER_RUNBOOK.replace("FRONT", str(front.port)).replace("WORLD", str(world.port))
        (place.repository / "drctl.hcl").write_text(runbook, encoding="utf-8")
        place.run("git", "git", "init", "--quiet")
        place.run("git", "git", "add", ".")
        nobody = ("-c", "user.name=test", "-c", "user.email=test@localhost")
        place.run("git", "git", *nobody, "commit", "--quiet", "-m", "the service")
        place.run("deploy", "./bin/deploy", "tokyo")
        wait("service", 10, lambda: serves(front) == "served from tokyo")

        scene = Scene(asked.drctl, place.repository, "seoul", None, place.run)
        at = time.time()
        done = scene.run("kong", *scene.kong(), codes=None, limit=180)
        said = expect_survived(place, scene, done, front, at)
        place.expect(serves(front) == "served from seoul", f"the front says: {serves(front)}")
        place.expect(regions["seoul"].pid("shop") > 0, "no container of the shop runs in seoul")
        # Light again: its engine answers, and what ran there runs.
        place.expect(regions["tokyo"].pid("shop") > 0, "no container of the shop runs in tokyo")
        return f"{said}; tokyo's engine answers again, and its container runs"


def serves(front):
    with contextlib.suppress(OSError):
        return front.asked()
    return None


SCENARIOS = {"docker": ("an engine hangs, its containers killed", docker)}
