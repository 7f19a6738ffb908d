#!/usr/bin/env python3
"""Has drctl bring containers and compose projects up on real Docker engines, from real image registries.

    tests/real/deploy_docker.py target/release/drctl [--only 'compose/*'] [--keep]

Each scenario has a repository whose runbook has one step, an engine for the fallback region and a registry
for each region. What drctl says is held against what the engine and the registries say themselves. Exit code
1 when something is not as it should be; what cannot be had here is skipped by name, with the reason.

Takes root and Debian's packages (`tests/testbed/engine.py`, `registry.py`), Docker Compose from PyPI
(`tests/testbed/compose.sh`) and Terraform. Python's standard library only.
"""

import contextlib
import json
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "testbed"))
# No cache of bytecode is left in the repository.
sys.dont_write_bytecode = True

from engine import Engine
from registry import Registry
from repository import commit
from bed import Failed, component
from scenarios import arguments, play_all

SECRET = "canary-of-a-secret\nin two lines"
HEALTHY = 'health = { run = ["test", "-e", "/"], interval = "200ms", retries = 2 }'
# What is told of a failure must come within this after the engine can know of it, in seconds.
TOLD = 5


class Scene(contextlib.ExitStack):
    """An engine, a registry a region, a repository, and drctl's own folder."""

    def __init__(self, drctl):
        super().__init__()
        self.drctl, self.wrong = drctl, []

    def __enter__(self):
        super().__enter__()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="drctl-deploy-"))
        self.shop = self.folder / "shop"
        self.shop.mkdir()
        registries = component("registry.sh")
        self.engine = self.enter_context(Engine(component("docker.sh"), "seoul", compose=component("compose.sh")))
        self.tokyo = self.enter_context(Registry(registries, "tokyo"))
        self.seoul = self.enter_context(Registry(registries, "seoul"))
        # That of the engine is in the runbook, and not in the environment.
        self.env = {**self.engine.env, "DRCTL_HOME": str(self.folder / "drctl")}
        del self.env["DOCKER_HOST"]
        self.engine.docker("tag", "busybox:local", "web:1")
        return self

    # The repository.

    def declare(self, step, files=None):
        """Commits a runbook with a step; TOKYO and SEOUL stand for the registries."""
        runbook = f"""
service "shop" {{
  rto     = "10m"
  primary = "tokyo"
}}

region "seoul" {{
  replace = {{ "TOKYO" = "SEOUL" }}
}}

docker "seoul" {{
  host = "{self.engine.host}"
}}

{step}
probe "command" "front" {{
  run      = ["test", "-n", region]
  interval = "100ms"
  up_after = 1
}}
"""
        def filled(text):
            return text.replace("TOKYO", self.tokyo.host).replace("SEOUL", self.seoul.host)

        files = {"drctl.hcl": runbook, **(files or {})}
        commit(self.shop, {path: filled(text) for path, text in files.items()})

    def push(self, *registries, tag="web:1"):
        """Pushes the image, and takes the names of the registries from the engine, so that it must pull."""
        for registry in registries:
            self.engine.push(tag, registry)
            self.engine.docker("rmi", f"{registry.host}/{tag}")

    # drctl.

    def run(self, *words, code=0, limit=120):
        began = time.monotonic()
        done = subprocess.run(
            [self.drctl, *words], cwd=self.shop, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, timeout=limit, check=False,
        )
        done.took = time.monotonic() - began
        if done.returncode != code:
            said = (done.stdout[-1500:] + done.stderr[-3000:]).strip()
            self.wrong.append(f"`drctl {' '.join(words[:2])}` ended with {done.returncode}, not {code}: {said}")
        return done

    def recover(self, code=0, command="failover", more=()):
        """Recovers the service in Seoul; returns how that went and the events of it."""
        plan = self.run("failover", "--region", "seoul", "--dry-run", "--json")
        digest = json.loads(plan.stdout)["digest"]
        done = self.run(
            command, "--region", "seoul", "--yes", "--expect-plan", digest, "--json", *more, code=code,
        )
        done.events = []
        for line in done.stdout.splitlines():
            with contextlib.suppress(ValueError):
                done.events.append(json.loads(line))
        return done

    def expect(self, holds, otherwise):
        if not holds:
            self.wrong.append(otherwise)
        return holds

    def expect_said(self, done, *words):
        said = done.stdout + done.stderr
        for word in words:
            self.expect(word in said, f"`{word}` is not said: {said[-3000:]}")

    def expect_no_secret(self):
        """Looks for the first line of the secret in all that is kept."""
        word = SECRET.split("\n", maxsplit=1)[0].encode()
        for path in (self.folder / "drctl").rglob("*"):
            if path.is_file() and word in path.read_bytes():
                self.wrong.append(f"`{path}` has the secret in it")

    # The engine.

    def inspect(self, name):
        with contextlib.suppress(Failed):
            return json.loads(self.engine.docker("inspect", "--type", "container", name))[0]
        return None

    def names(self):
        return sorted(self.engine.docker("ps", "--all", "--format", "{{.Names}}").split())


def first(events, kind, **fields):
    for event in events:
        if event["event"] == kind and all(event.get(name) == value for name, value in fields.items()):
            return event
    return None


def told_after(scene, done):
    """Returns how long after its container was started a failure was told, in seconds."""
    start = first(done.events, "phase_finished", phase="run") or first(done.events, "phase_started", phase="run")
    end = first(done.events, "object_seen", state="failed") or first(done.events, "step_finished")
    if not scene.expect(start and end, "there are no events of the start and the failure"):
        raise Failed("there is nothing more to look at")
    return (end["elapsed_ms"] - start["elapsed_ms"]) / 1000


# Containers.


def web(more=""):
    return f'container "web" {{\n  image   = "TOKYO/web:1"\n  network = "none"\n  options = ["--stop-signal", "KILL"]\n  {more}\n}}\n'


def container_up(scene):
    scene.push(scene.tokyo, scene.seoul)
    env = f"env = {{ TOKEN = {json.dumps(SECRET)}, PATH = \"/bin\", PLAIN = 1 }}"
    scene.declare(web(f'{HEALTHY}\n  restart = "always"\n  {env}\n  command = ["sleep", "1000"]'))
    done = scene.recover()
    found = scene.inspect("shop-web")
    if not scene.expect(found, f"there is no container: {scene.names()}"):
        return ""
    scene.expect(found["State"]["Health"]["Status"] == "healthy", f"it is not healthy: {found['State']}")
    scene.expect(found["Config"]["Image"] == f"{scene.seoul.host}/web:1", f"another image: {found['Config']['Image']}")
    scene.expect(
        {f"TOKEN={SECRET}", "PATH=/bin", "PLAIN=1"} <= set(found["Config"]["Env"]), f"env: {found['Config']['Env']}"
    )
    asked = first(done.events, "images_asked")
    scene.expect(
        asked and asked["images"][0]["digest"] == scene.seoul.digest("web:1"), f"the registry was not asked: {asked}"
    )
    scene.expect(first(done.events, "object_seen", state="ready"), "that it is ready was not told")
    scene.expect_no_secret()
    return f"healthy after {done.took:.1f}s in all"


def container_same(scene):
    scene.push(scene.tokyo, scene.seoul)
    scene.declare(web(HEALTHY))
    scene.recover()
    before = scene.inspect("shop-web")
    done = scene.recover()
    after = scene.inspect("shop-web")
    scene.expect(before["Id"] == after["Id"], "another container stands there")
    scene.expect(before["State"]["StartedAt"] == after["State"]["StartedAt"], "it was started again")
    scene.expect_said(done, "as it should be")
    scene.expect(scene.names() == ["shop-web"], f"there are others: {scene.names()}")
    return f"nothing done, {done.took:.1f}s in all"


def container_replaced(scene):
    scene.push(scene.tokyo, scene.seoul)
    ids = []
    for number in range(3):
        scene.declare(web(f'{HEALTHY}\n  restart = "always"\n  env = {{ NUMBER = {number} }}'))
        scene.recover()
        ids.append(scene.inspect("shop-web")["Id"])
    scene.expect(len(set(ids)) == 3, f"it was not replaced: {ids}")
    scene.expect(scene.names() == ["shop-web", "shop-web-before"], f"others stand there: {scene.names()}")
    aside = scene.inspect("shop-web-before")
    scene.expect(aside["Id"] == ids[1] and not aside["State"]["Running"], "it is not the one before, or it runs")
    scene.expect(aside["HostConfig"]["RestartPolicy"]["Name"] == "no", "it would come back with its engine")
    return "the one before is kept, stopped"


def container_missing(scene):
    scene.push(scene.tokyo)
    scene.declare(web())
    done = scene.recover(code=3)
    scene.expect_said(done, f"`{scene.seoul.host}` does not have `{scene.seoul.host}/web:1`", "drctl images --region seoul --copy")
    scene.expect(scene.names() == [], f"something was started: {scene.names()}")
    return f"said after {done.took:.1f}s"


def container_registry_down(scene):
    scene.push(scene.tokyo, scene.seoul)
    scene.seoul.stop()
    scene.declare(web())
    done = scene.recover(code=3)
    scene.expect_said(done, f"`{scene.seoul.host}`, which should have `{scene.seoul.host}/web:1`, does not answer", "onnection refused")
    scene.expect(done.took < TOLD, f"said after {done.took:.1f}s")
    return f"said after {done.took:.1f}s"


def container_on_engine(scene):
    scene.engine.docker("tag", "web:1", f"{scene.seoul.host}/web:1")
    scene.seoul.stop()
    scene.declare(web(HEALTHY))
    done = scene.recover()
    scene.expect(not first(done.events, "images_asked"), "a registry was asked")
    return "no registry was asked"


def container_unhealthy(scene):
    scene.push(scene.tokyo, scene.seoul)
    scene.declare(web(HEALTHY))
    scene.recover()
    before = scene.inspect("shop-web")["Id"]
    scene.declare(web('health = { run = "echo no orders table; false", interval = "300ms", retries = 2 }'))
    done = scene.recover(code=3)
    scene.expect_said(done, "container/shop-web is unhealthy: no orders table", "is back")
    after = scene.inspect("shop-web")
    scene.expect(after["Id"] == before and after["State"]["Running"], "the one before is not back")
    scene.expect(scene.names() == ["shop-web"], f"others stand there: {scene.names()}")
    told = told_after(scene, done)
    scene.expect(told < TOLD, f"told after {told:.1f}s")
    return f"told {told:.1f}s after the start, the one before is back"


def container_exits(scene):
    scene.push(scene.tokyo, scene.seoul)
    scene.declare(web('command = ["sh", "-c", "echo no such database >&2; exit 3"]'))
    done = scene.recover(code=3)
    scene.expect_said(done, "container/shop-web ended with exit code 3", "no such database")
    told = told_after(scene, done)
    scene.expect(told < TOLD, f"told after {told:.1f}s")
    return f"told {told:.1f}s after the start"


def container_loops(scene):
    scene.push(scene.tokyo, scene.seoul)
    scene.declare(web('restart = "always"\n  limit = "4s"\n  command = ["sh", "-c", "echo no such database >&2; exit 3"]'))
    done = scene.recover(code=3)
    troubled = first(done.events, "object_seen", state="troubled")
    if scene.expect(troubled, f"the trouble was not told: {[e for e in done.events if e['event'] == 'object_seen']}"):
        scene.expect("exit code 3" in troubled["detail"], f"the trouble is told as: {troubled}")
    scene.expect_said(done, "not ready within 4.0s", "no such database")
    return f"told: {troubled and troubled['detail']}"


def container_engine_down(scene):
    scene.push(scene.tokyo, scene.seoul)
    scene.declare(web())
    scene.engine.stop("dockerd")
    done = scene.recover(code=3)
    scene.expect_said(done, f"the Docker engine `seoul` at `{scene.engine.host}` does not answer", "version`")
    scene.engine.start("dockerd")
    return f"said after {done.took:.1f}s"


def container_theirs(scene):
    scene.push(scene.tokyo, scene.seoul)
    scene.engine.docker("run", "--detach", "--name", "shop-web", "--network", "none", "web:1")
    before = scene.inspect("shop-web")["Id"]
    scene.declare(web())
    done = scene.recover(code=3)
    scene.expect_said(done, "the container `shop-web` is there already, and is not one of this step's")
    scene.expect(scene.inspect("shop-web")["Id"] == before, "it was touched")
    return "left alone"


def container_taken_back(scene):
    scene.push(scene.tokyo, scene.seoul)
    scene.declare(web(f'{HEALTHY}\n  restart = "always"'))
    scene.recover()
    before = scene.inspect("shop-web")["Id"]
    scene.declare(web(f"{HEALTHY}\n  env = {{ DRILL = 1 }}"))
    done = drilled(scene)
    after = scene.inspect("shop-web")
    scene.expect(after["Id"] == before and after["State"]["Running"], "the one before is not back")
    scene.expect(after["HostConfig"]["RestartPolicy"]["Name"] == "always", "its restart policy is not back")
    scene.expect(scene.names() == ["shop-web"], f"others stand there: {scene.names()}")
    return f"drilled and taken back in {done.took:.1f}s"


def drilled(scene):
    plan = scene.run("drill", "--region", "seoul", "--dry-run", "--json")
    digest = json.loads(plan.stdout)["digest"]
    return scene.run("drill", "--region", "seoul", "--yes", "--expect-plan", digest)


# Compose.


def services(*more, web="", image="TOKYO/web:1"):
    """A compose file: a web server with a health check, and what else is said."""
    return (
        f"services:\n  web:\n    image: {image}\n    network_mode: none\n    stop_grace_period: 0s\n"
        + (web or '    healthcheck: {test: [CMD, test, -e, /], interval: 300ms, retries: 3}\n')
        + "".join(more)
    )


SHOP = 'compose "shop" {}\n'


def compose_up(scene):
    scene.push(scene.tokyo, scene.seoul)
    text = services("    environment: {TOKEN: '${TOKEN}'}\n    volumes: ['data:/data']\nvolumes: {data: {}}\n")
    scene.declare(f"compose \"shop\" {{\n  env = {{ TOKEN = {json.dumps(SECRET)} }}\n}}\n", {"compose.yaml": text})
    done = scene.recover()
    found = scene.inspect("shop-web-1")
    if not scene.expect(found, f"there is no container: {scene.names()}"):
        return ""
    scene.expect(found["State"]["Health"]["Status"] == "healthy", f"it is not healthy: {found['State']}")
    scene.expect(found["Config"]["Image"] == f"{scene.seoul.host}/web:1", f"another image: {found['Config']['Image']}")
    scene.expect(f"TOKEN={SECRET}" in found["Config"]["Env"], f"env: {found['Config']['Env']}")
    scene.expect(first(done.events, "object_seen", object="service/web", state="ready"), "that it is ready was not told")
    scene.expect_no_secret()
    again = scene.recover()
    scene.expect(scene.inspect("shop-web-1")["Id"] == found["Id"], "another container stands there")
    return f"healthy after {done.took:.1f}s in all, {again.took:.1f}s when it was up already"


def compose_missing(scene):
    scene.push(scene.tokyo)
    scene.declare(SHOP, {"compose.yaml": services("  api:\n    image: TOKYO/api:2\n")})
    done = scene.recover(code=3)
    scene.expect_said(done, f"does not have `{scene.seoul.host}/api:2`, `{scene.seoul.host}/web:1`")
    scene.expect(scene.names() == [], f"something was started: {scene.names()}")
    return f"both named after {done.took:.1f}s"


def compose_unhealthy(scene):
    scene.push(scene.tokyo, scene.seoul)
    check = "    healthcheck: {test: [CMD-SHELL, 'echo no orders table; false'], interval: 300ms, retries: 2}\n"
    scene.declare(SHOP, {"compose.yaml": services(web=check)})
    done = scene.recover(code=3)
    scene.expect_said(done, "service/web is unhealthy: no orders table")
    told = told_after(scene, done)
    scene.expect(told < TOLD, f"told after {told:.1f}s")
    return f"told {told:.1f}s after the start"


def compose_exits(scene):
    scene.push(scene.tokyo, scene.seoul)
    ends = '  api:\n    image: TOKYO/web:1\n    network_mode: none\n    command: [sh, -c, "echo no such database >&2; exit 3"]\n'
    scene.declare(SHOP, {"compose.yaml": services(ends)})
    done = scene.recover(code=3)
    scene.expect_said(done, "service/api ended with exit code 3", "no such database")
    told = told_after(scene, done)
    scene.expect(told < TOLD, f"told after {told:.1f}s")
    return f"told {told:.1f}s after the start"


def compose_once(scene):
    scene.push(scene.tokyo, scene.seoul)
    once = "  migrate:\n    image: TOKYO/web:1\n    network_mode: none\n    command: ['true']\n"
    scene.declare(SHOP, {"compose.yaml": services(once)})
    done = scene.recover()
    scene.expect_said(done, "done, with exit code 0")
    return "a service that ends well is done"


def compose_engine_down(scene):
    scene.push(scene.tokyo, scene.seoul)
    scene.declare(SHOP, {"compose.yaml": services()})
    scene.engine.stop("dockerd")
    done = scene.recover(code=3)
    scene.expect_said(done, f"the Docker engine `seoul` at `{scene.engine.host}` does not answer")
    scene.engine.start("dockerd")
    return f"said after {done.took:.1f}s"


def compose_none(scene):
    scene.push(scene.tokyo, scene.seoul)
    scene.declare(SHOP, {"compose.yaml": services()})
    (scene.folder / "docker").mkdir()
    scene.env["DOCKER_CONFIG"] = str(scene.folder / "docker")
    done = scene.recover(code=3)
    scene.expect_said(done, "`docker compose` is not there", "Install Docker Compose v2")
    return "what to install is said"


def compose_taken_back(scene):
    scene.push(scene.tokyo, scene.seoul)
    text = services("    volumes: ['data:/data']\nvolumes: {data: {}}\n")
    scene.declare(SHOP, {"compose.yaml": text})
    done = drilled(scene)
    scene.expect(scene.names() == [], f"something is left: {scene.names()}")
    volumes = scene.engine.docker("volume", "ls", "--quiet")
    scene.expect(volumes == "", f"a volume is left: {volumes}")
    scene.recover()
    before = scene.inspect("shop-web-1")["Id"]
    drilled(scene)
    scene.expect(scene.inspect("shop-web-1")["Id"] == before, "what stood there before the drill is gone")
    return f"drilled and taken back in {done.took:.1f}s; what stood there before stays"


def compose_overhead(scene, runs=5):
    scene.push(scene.tokyo, scene.seoul)
    scene.declare(SHOP, {"compose.yaml": services()})
    file = scene.folder / "bare.yaml"
    file.write_text((scene.shop / "compose.yaml").read_text().replace(scene.tokyo.host, scene.seoul.host))
    bare, ours = [], []
    down = ("compose", "--project-name", "shop", "--file", file, "down")
    scene.engine.docker("pull", f"{scene.seoul.host}/web:1")
    for _ in range(runs):
        began = time.monotonic()
        scene.engine.docker("compose", "--project-name", "shop", "--file", file, "up", "--detach", "--wait")
        bare.append(time.monotonic() - began)
        scene.engine.docker(*down)
        done = scene.recover()
        check = first(done.events, "phase_finished", phase="check")
        # All that it does on the engine, from the end of what is done before.
        end = first(done.events, "step_finished")
        ours.append((end["elapsed_ms"] - check["elapsed_ms"]) / 1000)
        scene.engine.docker(*down)
    bare, ours = statistics.median(bare), statistics.median(ours)
    allowed = max(bare * 0.05, 0.1)
    scene.expect(ours <= bare + allowed, f"{ours:.2f}s against {bare:.2f}s of Docker Compose alone")
    return f"{ours:.2f}s, Docker Compose alone {bare:.2f}s (medians of {runs})"


# Images.


def images_copied(scene):
    scene.push(scene.tokyo)
    scene.declare(web())
    done = scene.run("images", "--region", "seoul", "--json", code=1)
    (row,) = json.loads(done.stdout)["images"]
    scene.expect(row["digest"] is None and "does not have it" in row["cause"], f"it should be missing: {row}")
    copied = scene.run("images", "--region", "seoul", "--copy", "--json")
    (row,) = json.loads(copied.stdout)["images"]
    scene.expect(row["copied"] and row["digest"] == scene.tokyo.digest("web:1"), f"it should be copied: {row}")
    scene.expect(scene.seoul.digest("web:1") == scene.tokyo.digest("web:1"), "the registries differ")
    again = scene.run("images", "--region", "seoul", "--copy", "--json")
    (row,) = json.loads(again.stdout)["images"]
    scene.expect(not row["copied"] and row["digest"], f"it should be there: {row}")
    scene.recover()
    return f"copied in {copied.took:.1f}s, looked at in {again.took:.1f}s"


def images_locked(scene):
    locked = scene.enter_context(Registry(component("registry.sh"), "locked", locked=True))
    login = ("login", "--username", locked.user, "--password", locked.password, locked.host)
    scene.push(scene.tokyo)
    scene.declare(web())
    words = ("images", "--region", "seoul", "--replace", f"{scene.tokyo.host}={locked.host}", "--json")
    # What the runbook says comes first, so that is taken out of the way.
    text = (scene.shop / "drctl.hcl").read_text().replace(f'"{scene.tokyo.host}" = "{scene.seoul.host}"', "")
    commit(scene.shop, {"drctl.hcl": text})
    done = scene.run(*words, code=6)
    (row,) = json.loads(done.stdout)["images"]
    scene.expect("may not be read without credentials" in row["cause"], f"it should be locked: {row}")
    scene.engine.docker(*login)
    done = scene.run(*words, code=1)
    done = scene.run(*words, "--copy")
    scene.expect(locked.digest("web:1") == scene.tokyo.digest("web:1"), "the registries differ")
    return "not told without credentials, copied with those of `docker login`"


CONTAINER = {
    "up": ("a container is pulled, run and healthy", container_up),
    "same": ("one that is as it should be is left alone", container_same),
    "replaced": ("one that differs is replaced", container_replaced),
    "missing": ("an image that is missing is named", container_missing),
    "registry-down": ("a registry that is down is named", container_registry_down),
    "on-engine": ("an image on the engine needs no registry", container_on_engine),
    "unhealthy": ("one that is unhealthy gives way to the one before", container_unhealthy),
    "exits": ("one that ends at once is named with its last words", container_exits),
    "loops": ("one that ends again and again is in trouble", container_loops),
    "engine-down": ("an engine that is down is named", container_engine_down),
    "theirs": ("the container of somebody else is left alone", container_theirs),
    "taken-back": ("a drill puts back what stood there", container_taken_back),
}
COMPOSE = {
    "up": ("a project is pulled, up and healthy", compose_up),
    "missing": ("every image that is missing is named", compose_missing),
    "unhealthy": ("a service that is unhealthy is named", compose_unhealthy),
    "exits": ("a service that ends at once is named with its last words", compose_exits),
    "once": ("a service that does something once is no failure", compose_once),
    "engine-down": ("an engine that is down is named", compose_engine_down),
    "none": ("a missing Docker Compose is named", compose_none),
    "taken-back": ("a drill takes down what it brought up, and nothing else", compose_taken_back),
    "overhead": ("drctl adds hardly anything to Docker Compose", compose_overhead),
}
IMAGES = {
    "copied": ("an image that is missing is copied from region to region", images_copied),
    "locked": ("a registry is used with the credentials of Docker", images_locked),
}


def main():
    asked = arguments(__doc__, "SCENARIO")

    def play(act, playing):
        with Scene(asked.drctl) as scene:
            playing.wrong, playing.folder = scene.wrong, scene.folder
            try:
                return act(scene)
            finally:
                if not asked.keep:
                    shutil.rmtree(scene.folder, ignore_errors=True)

    families = {"container": CONTAINER, "compose": COMPOSE, "registry": IMAGES}
    wanted = asked.only.split("/", maxsplit=1)[0]
    codes = [
        play_all(family, scenarios, asked, play)
        for family, scenarios in families.items()
        if wanted in (family, "*")
    ]
    return max(codes, default=2)


if __name__ == "__main__":
    sys.exit(main())
