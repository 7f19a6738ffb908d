#!/usr/bin/env python3
"""Watches a service from the image that `make image` makes, on a real Docker engine, and under a real systemd.

    tests/real/watch_image.py target/release/drctl [--only 'image/*'] [--keep]

The service is a server of HTTP outside, which is up while a file is there. It is taken down, and what the
container says is held against what happened: that the outage is noticed, outlives a kill of the container,
and is over when it is over; that a failover runs in it to its end; what becomes of one when the container is
stopped halfway; and who is left over as a zombie. The unit that `drctl watch --unit` prints is checked by
systemd-analyze, and a systemd of its own, also in a container, runs it. Exit code 1 when something is not as
it should be; what cannot be had here is skipped by name, with the reason.

Takes root and Debian's packages (`tests/testbed/engine.py`), and a Terraform on PATH; the unit takes the
machine's systemd. Python's standard library only.
"""

import contextlib
import http.server
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "testbed"))
# No cache of bytecode is left in the repository.
sys.dont_write_bytecode = True

from engine import Engine, Failed, Skip, component, free_ports
from scenarios import arguments, play_all

PRIMARY, FALLBACK = "ap-northeast-1", "ap-northeast-2"
IMAGE = "drctl:test"
NAME = "watch"
# What `docker stop` gives a container before it kills it.
GRACE = 10


class Scene:
    """One scenario: an engine, a service outside of it, a repository, and what is wrong so far."""

    def __init__(self, drctl, engine):
        self.drctl = drctl
        self.engine = engine
        self.wrong = []
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="drctl-image-"))
        self.site = self.folder / "site"
        self.site.mkdir()
        # Whoever runs in the container is nobody of this machine.
        self.site.chmod(0o777)
        self.port, self.listen = free_ports(2)
        self.server = None
        # Where what the watch says is, if not with Docker.
        self.log = None

    def terraform(self):
        """Returns the Terraform that a failover is to run."""
        found = shutil.which(os.environ.get("TERRAFORM") or "terraform")
        if not found:
            raise Skip("there is no terraform on PATH for a failover to run; install one, or name it in TERRAFORM")
        return pathlib.Path(found).resolve()

    def build(self):
        """Builds the image, and returns what is said of it."""
        env = {**self.engine.env, "TERRAFORM": str(self.terraform())}
        done = subprocess.run(
            [HERE.parent / "image.sh", self.drctl, IMAGE], env=env, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=300, check=False,
        )
        if done.returncode:
            raise Failed(f"image.sh ended with {done.returncode}: {done.stderr.strip()}")
        return done.stdout.strip()

    def add_shell(self):
        """Puts a shell on top of the image, as whoever needs one does."""
        self.engine.image("tools:local", {}, [])
        dockerfile = f"FROM {IMAGE}\nCOPY --from=tools:local /bin /bin\n"
        self.engine.docker("build", "--quiet", "--tag", IMAGE, "-", stdin=dockerfile)

    def write(self, runbook="", main='resource "terraform_data" "web" {}\n'):
        """Makes the repository, owned by somebody whom the container does not know."""
        repository = self.folder / "repository"
        (repository / "web").mkdir(parents=True)
        (repository / "web/main.tf").write_text(main, encoding="utf-8")
        (repository / "drctl.hcl").write_text(
            f'service "shop" {{\n  rto     = "30m"\n  primary = "{PRIMARY}"\n}}\n\n'
            'stack "web" {\n  path = "web"\n}\n\n'
            f'probe "http" "front" {{\n  url      = "http://127.0.0.1:{self.port}/"\n'
            f'  interval = "300ms"\n  timeout  = "300ms"\n  up_after = 1\n}}\n\n{runbook}',
            encoding="utf-8",
        )
        # The check of the image, for a watch that listens elsewhere.
        health = self.folder / "health"
        health.mkdir()
        (health / "drctl.hcl").write_text(
            'service "watch" {}\n\n'
            f'probe "http" "healthz" {{\n  url = "http://127.0.0.1:{self.listen}/healthz"\n}}\n',
            encoding="utf-8",
        )
        self.git("init", "--quiet")
        self.git("add", ".")
        self.git("-c", "user.name=test", "-c", "user.email=test@localhost", "commit", "--quiet", "-m", "the service")

    def git(self, *arguments):
        env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(self.folder)}
        subprocess.run(["git", *arguments], cwd=self.folder / "repository", env=env, check=True)

    # The service.

    def serve(self):
        """Starts the server. It answers whether the service is up."""
        up = self.site / "up"

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200 if up.exists() else 503)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        up.touch()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def end_server(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    # The container.

    def run(self, *options, init=True):
        """Starts the watch as the Dockerfile says, but for the network, and waits until it knows that all is up."""
        self.engine.docker(
            "run", "--detach", *(["--init"] if init else []), "--restart", "always", "--name", NAME,
            "--volume", "state:/var/lib/drctl", "--network", "host",
            "--volume", f"{self.folder}/repository:/repo:ro", "--volume", f"{self.site}:/site",
            "--volume", f"{self.folder}/health:/usr/share/drctl/health:ro", "--health-interval", "1s",
            "--read-only", "--tmpfs", "/tmp:mode=1777", "--cap-drop", "ALL", "--security-opt", "no-new-privileges",
            *options, IMAGE, "watch", "--region", FALLBACK, "--listen", f"127.0.0.1:{self.listen}",
        )
        self.wait_up()

    def wait_up(self):
        self.wait("answer of the watch", lambda: "ok" in self.get("healthz"))
        self.wait("probe that is up", lambda: self.metric("drctl_probe_up", "front") == 1)

    def said(self):
        """Returns all that the watch said, also before it was started again."""
        if self.log:
            return self.log.read_text(encoding="utf-8") if self.log.exists() else ""
        done = subprocess.run(
            ["docker", "logs", NAME], env=self.engine.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, check=False,
        )
        return done.stdout

    def inspect(self, what):
        return self.engine.docker("inspect", "--format", f"{{{{{what}}}}}", NAME)

    def get(self, page):
        """Returns what the watch answers, or nothing."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with contextlib.suppress(OSError), opener.open(f"http://127.0.0.1:{self.listen}/{page}", timeout=3) as answer:
            return answer.read().decode()
        return ""

    def metric(self, name, probe=""):
        """Returns a figure of the metrics, or None."""
        for line in self.get("metrics").splitlines():
            if re.match(rf"{name}\b", line) and probe in line:
                return float(line.rsplit(" ", 1)[1])
        return None

    def memory(self):
        """Returns what the watch remembers."""
        place = pathlib.Path(self.engine.docker("volume", "inspect", "--format", "{{.Mountpoint}}", "state"))
        return json.loads((place / f"watch/shop--{FALLBACK}/state.json").read_text(encoding="utf-8"))

    def stop(self):
        """Stops the container, and makes sure that it ends by itself and well. Returns how long it took."""
        began = time.monotonic()
        self.engine.docker("stop", "--time", GRACE, NAME)
        took = time.monotonic() - began
        self.expect(took < GRACE, f"it had to be killed after {took:.1f} s")
        self.expect(self.inspect(".State.ExitCode") == "0", f"it ended with {self.inspect('.State.ExitCode')}")
        return took

    def inside(self):
        """Returns the processes in the container: the name and the state of each."""
        first = self.engine.pid(NAME)
        space = os.readlink(f"/proc/{first}/ns/pid")
        found = []
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if os.readlink(entry / "ns/pid") == space:
                    name, state = re.match(r"\d+ \((.*)\) (\S)", (entry / "stat").read_text()).groups()
                    found.append((name, state))
        return found

    def zombies(self):
        return [name for name, state in self.inside() if state == "Z"]

    def wait(self, what, holds, within=30):
        until = time.monotonic() + within
        while not holds():
            if time.monotonic() > until:
                raise Failed(f"no {what} within {within} s; the watch said:\n{self.said()}")
            time.sleep(0.1)

    def wait_said(self, words, within=30):
        self.wait(f"`{words}`", lambda: words in self.said(), within)

    def wait_met(self):
        """Waits for the end of a failover, which must be a good one, and returns its run."""
        over = re.compile(r"failover (\S+): (.*)")
        self.wait("end of a failover", lambda: over.search(self.said()), 90)
        run, how = over.search(self.said()).groups()
        self.expect(how.startswith("met:"), f"failover {run}: {how}")
        return run

    def expect(self, holds, otherwise):
        if not holds:
            self.wrong.append(otherwise)
        return holds

    def close(self, keep):
        self.end_server()
        if not keep:
            shutil.rmtree(self.folder, ignore_errors=True)


FAILS_OVER = 'watch {\n  confirm      = "1s"\n  service_down = "failover"\n  region_down  = "failover"\n}\n'


def stack(command):
    """A stack whose apply runs a command."""
    return (
        f'variable "region" {{\n  default = "{PRIMARY}"\n}}\n\n'
        'resource "terraform_data" "web" {\n  input = var.region\n\n'
        f'  provisioner "local-exec" {{\n    command = "{command}"\n  }}\n}}\n'
    )


def watch(scene):
    """The watch is the first process of its container: whatever it is sent, nobody stands in between."""
    said = scene.build()
    scene.write()
    scene.serve()
    scene.run(init=False)
    scene.wait("health", lambda: scene.inspect(".State.Health.Status") == "healthy")
    owner = {os.stat(f"/proc/{scene.engine.pid(NAME)}").st_uid}
    scene.expect(owner == {65532}, f"it runs as {owner}")

    scene.end_server()
    scene.wait_said("shop is out")
    scene.wait("outage in the metrics", lambda: scene.metric("drctl_outage") == 1)
    before, pid = scene.memory()["case"], scene.engine.pid(NAME)
    os.kill(pid, signal.SIGKILL)
    scene.wait_said(f"the outage {before['id']} goes on since")
    scene.expect(scene.engine.pid(NAME) not in (0, pid), "it was not started again")
    first, second = before["began"]["wall"], scene.memory()["case"]["began"]["wall"]
    scene.expect(first == second, f"the outage began at {first}, and after the kill at {second}")

    scene.serve()
    scene.wait_said("shop is back after")
    scene.expect(scene.said().count("shop is out") == 1, "the outage was told twice")
    took = scene.stop()
    return f"{said}; stopped in {took:.1f} s"


def failover(scene):
    scene.build()
    scene.add_shell()
    scene.write(FAILS_OVER, stack("sleep 1 && touch /site/up"))
    scene.serve()
    scene.run()
    (scene.site / "up").unlink()
    scene.wait_said("failing shop over into")
    run = scene.wait_met()
    scene.wait_said("shop is back after")
    report = json.loads(scene.engine.docker("exec", NAME, "drctl", "report", run, "--format", "json"))
    scene.expect((scene.site / "up").exists(), "the stack was not applied")
    scene.expect(not scene.zombies(), f"zombies are left: {scene.zombies()}")
    scene.stop()
    return f"recovered in {report['recovery_time_ms'] / 1000:.1f} s"


def stopped(scene):
    """In a container a failover cannot outlive the watch, which stops it and waits for it; it is not begun again."""
    scene.build()
    scene.add_shell()
    scene.write(FAILS_OVER, stack("touch /site/applies && sleep 300 && touch /site/up"))
    scene.serve()
    scene.run()
    (scene.site / "up").unlink()
    scene.wait("apply", (scene.site / "applies").exists, 60)
    run = re.search(r"run (\S+)", scene.said()).group(1)
    took = scene.stop()
    scene.engine.docker("start", NAME)
    scene.wait_said(f"failover {run}: interrupted")
    # As long as it took to begin the first one, and longer.
    time.sleep(6)
    scene.expect(scene.metric("drctl_outage") == 1, "the outage is forgotten")
    scene.expect(scene.said().count("failing shop over") == 1, f"it was begun again: {scene.said()}")
    states = scene.engine.docker("exec", NAME, "drctl", "state", "list", run)
    scene.expect("web" in states, f"the state of the stack is not kept: {states}")
    scene.stop()
    return f"stopped in {took:.1f} s; the failover was stopped with care, and started again the watch begins no other"


def zombies(scene):
    """Each time that the probe is asked, its program leaves a child behind, which ends later."""
    scene.build()
    scene.add_shell()
    scene.write(
        'probe "command" "leaves" {\n  run      = ["sh", "-c", "sleep 1 > /dev/null 2>&1 & exit 0"]\n'
        '  interval = "300ms"\n}\n'
    )
    scene.serve()
    left = {}
    for init in (False, True):
        scene.run(init=init)
        time.sleep(6)
        left[init] = len(scene.zombies())
        scene.engine.docker("rm", "--force", NAME)
    scene.expect(left[True] <= 1, f"with --init {left[True]} zombies are left after 6 s")
    return f"after 6 s {left[False]} are left, with --init {left[True]}"


# The unit.

# The machine's own programs, with nothing else of the machine.
SYSTEM = {
    "passwd": "root:x:0:0::/root:/bin/sh\ndrctl:x:990:990::/var/lib/drctl:/nowhere\n",
    "group": "root:x:0:\ndrctl:x:990:\n",
    "machine-id": "0123456789abcdef0123456789abcdef\n",
    "gitconfig": "[safe]\n\tdirectory = /repo\n",
    "drctl/watch.env": "DRCTL_TERRAFORM=/opt/terraform\n",
}
# The most that `systemd-analyze security` may find, in tenths.
EXPOSURE = 20


def printed_unit(scene):
    """Returns the unit that drctl prints, checked."""
    unit = subprocess.run([scene.drctl, "watch", "--unit"], stdout=subprocess.PIPE, text=True, check=True).stdout
    file = scene.folder / "drctl-watch.service"
    file.write_text(unit.replace("=/usr/local/bin/drctl ", f"={scene.drctl} "), encoding="utf-8")

    def analyze(*arguments):
        done = subprocess.run(
            ["systemd-analyze", *arguments, file], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, check=False,
            env={**os.environ, "LANG": "C.UTF-8", "SYSTEMD_COLORS": "0"},
        )
        return done.returncode, done.stdout

    code, said = analyze("verify")
    scene.expect(code == 0 and not said.strip(), f"systemd-analyze verify: {said}")
    code, said = analyze("security", "--offline=true", f"--threshold={EXPOSURE}")
    overall = said.strip().splitlines()[-1] if said.strip() else ""
    scene.expect(code == 0, f"systemd-analyze security: {overall}")
    found = re.search(r"exposure level .*: (\d\S*)", overall)
    return unit, found.group(1) if found else "not known"


def unit(scene):
    """The watch is killed in the middle of a failover, which goes on."""
    systemd = pathlib.Path("/usr/lib/systemd/systemd")
    if not systemd.exists() or not shutil.which("systemd-analyze") or not pathlib.Path("/bin").is_symlink():
        raise Skip("there is no systemd in /usr to run; install one (Debian: apt-get install systemd)")
    text, exposure = printed_unit(scene)
    kept = "/var/lib/drctl/site"
    scene.write(
        FAILS_OVER,
        stack(
            f"own=$${{TMPDIR:-/tmp}} && touch $own/mine {kept}/applies && sleep 5 && test -e $own/mine"
            f" && touch {kept}/up"
        ),
    )
    root = scene.folder / "system/root"
    more = (
        "[Unit]\nDefaultDependencies=no\n[Service]\nExecStart=\n"
        f"ExecStart=/opt/drctl watch --repo /repo --region {FALLBACK} --listen 127.0.0.1:{scene.listen}\n"
        f"StandardOutput=append:{kept}/said\nStandardError=inherit\n"
    )
    units = {"systemd/system/drctl-watch.service": text, "systemd/system/drctl-watch.service.d/test.conf": more}
    for name, content in {**SYSTEM, **units}.items():
        (root / "etc" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "etc" / name).write_text(content, encoding="utf-8")
    for name in ("bin", "sbin", "lib", "lib64"):
        (root / name).symlink_to(f"usr/{name}")
    (root.parent / "Dockerfile").write_text("FROM scratch\nCOPY root /\n", encoding="utf-8")
    scene.engine.docker("build", "--quiet", "--tag", "system:local", root.parent)

    scene.serve()
    scene.log = scene.site / "said"
    scene.engine.docker(
        "run", "--detach", "--tty", "--name", NAME, "--network", "host", "--env", "container=docker",
        "--cap-add", "SYS_ADMIN", "--security-opt", "seccomp=unconfined", "--tmpfs", "/run:exec", "--tmpfs", "/tmp",
        "--volume", "/usr:/usr:ro", "--volume", f"{scene.drctl}:/opt/drctl:ro",
        "--volume", f"{scene.terraform()}:/opt/terraform:ro", "--volume", f"{scene.folder}/repository:/repo:ro",
        "--volume", f"{scene.site}:{kept}", "system:local", "/bin/sh", "-c",
        "for each in /sys/fs/cgroup/systemd /sys/fs/cgroup; do mount -o remount,bind,rw $each && break; done\n"
        f"exec {systemd} --unit=drctl-watch.service",
    )
    scene.wait("systemd", lambda: scene.engine.done(["docker", "exec", NAME, "systemctl", "is-active", "drctl-watch"]))
    scene.wait_up()
    (scene.site / "up").unlink()
    scene.wait("apply", (scene.site / "applies").exists, 60)
    scene.engine.docker("exec", NAME, "systemctl", "kill", "--kill-whom=main", "--signal=KILL", "drctl-watch")
    scene.wait_said("goes on since")
    scene.wait_met()
    scene.expect(scene.said().count("failing shop over") == 1, "a second failover was begun")
    return f"exposure {exposure}; the watch was killed while its failover applied, came back, and saw it end well"


SCENARIOS = {
    "watch": ("an outage, a kill of the container, a stop", watch),
    "failover": ("a failover in the container", failover),
    "stopped": ("a container that is stopped while it fails over", stopped),
    "zombies": ("children that nobody waits for", zombies),
    "unit": ("the unit under systemd", unit),
}


def main():
    asked = arguments(__doc__, "image/SCENARIO")

    def play(act, playing):
        with Engine(component("docker.sh")) as engine:
            scene = Scene(asked.drctl, engine)
            scene.wrong, playing.folder = playing.wrong, scene.folder
            try:
                return act(scene)
            finally:
                scene.close(asked.keep)

    return play_all("image", SCENARIOS, asked, play)


if __name__ == "__main__":
    sys.exit(main())
