#!/usr/bin/env python3
"""Shows that what a service is deployed with does what the scenarios count on, and measures how long it takes.

    tests/testbed/deploy_check.py [registry | compose | regions | helm]

It prints a figure a line, and exits with 1 when something is not as it should be: that an image goes from one
engine to another through a registry, which can be locked, stopped, or lack it; that Compose waits until a
service is healthy; that of two clusters one can be stopped, or hang, with all its pods, while the other serves;
and that both Helms install, upgrade, and leave behind what they leave when they are killed.
"""

import contextlib
import json
import pathlib
import signal
import sys
import time

sys.dont_write_bytecode = True

from kept import free_ports
from engine import Cluster, Engine, Failed, component
from engine_check import checked, expect, say, timed, whole
from registry import Registry
from service import asked, compose_file, leave_pending, manifest, service_image, write_chart

HELMS = ("3.17", "4.1")


def refused(what, act):
    """Makes sure that something is refused, and says how long that took and what was said."""
    began = time.monotonic()
    try:
        act()
    except Failed as failed:
        said = str(failed).splitlines()[0].partition(": Error response from daemon: ")[2] or str(failed).splitlines()[0]
        return say(what, time.monotonic() - began, said[:80])
    return expect(False, f"{what}: is not refused")


def until(what, holds, within=60):
    began = time.monotonic()
    while not holds():
        if time.monotonic() - began > within:
            return expect(False, f"{what}: not within {within} s")
        time.sleep(0.1)
    return say(what, time.monotonic() - began)


# Images.


def check_registry():
    programs, docker = component("registry.sh"), component("docker.sh")
    made = [
        Engine(docker, "tokyo"), Engine(docker, "seoul"), Registry(programs, "registry"),
        Registry(programs, "locked", locked=True),
    ]
    with whole("two engines, two registries", made) as (tokyo, seoul, registry, locked):
        tokyo.image("hello:1", {}, ["echo", "hello"])
        with timed("push an image"):
            there = tokyo.push("hello:1", registry)
        with timed("pull it with another engine, and run it"):
            said = seoul.docker("run", "--rm", "--network", "host", there)
        expect(said == "hello", f"the image says {said!r}, not 'hello'")
        digest = registry.digest("hello:1")
        said = seoul.docker("run", "--rm", "--network", "host", f"{registry.host}/hello@{digest}")
        expect(said == "hello", f"the image of that digest says {said!r}, not 'hello'")
        expect(registry.digest("hello:2") is None, "a registry has an image that nobody pushed")
        refused("pull a tag that is not there", lambda: seoul.docker("pull", f"{registry.host}/hello:2"))

        refused("push to a registry that is locked", lambda: tokyo.push("hello:1", locked))
        tokyo.docker("login", "--username", locked.user, "--password-stdin", locked.host, stdin=locked.password)
        secret = tokyo.push("hello:1", locked)
        expect(locked.digest("hello:1") == digest, "the same image has another digest in another registry")
        refused("pull from it without a login", lambda: seoul.docker("pull", secret))

        registry.stop()
        refused("pull from a registry that is stopped", lambda: seoul.docker("pull", there))
        registry.start()
        expect(registry.digest("hello:1") == digest, "a registry that was started again has lost an image")
        registry.stop(number=signal.SIGSTOP)
        refused("pull within 2 s from a registry that hangs", lambda: seoul.docker("pull", there, limit=2))
        registry.stop(number=signal.SIGCONT)
        registry.delete("hello:1")
        refused("pull an image that was deleted", lambda: seoul.docker("pull", there))


# Compose.


def check_compose():
    with whole("engine with Compose", [Engine(component("docker.sh"), compose=component("compose.sh"))]) as (engine,):
        (port,) = free_ports(1)
        service_image(engine)
        file = engine.folder / "compose.yaml"

        def compose(*arguments, **env):
            file.write_text(compose_file("shop:1", {"REGION": "seoul", "PORT": port, **env}), encoding="utf-8")
            return engine.docker("compose", "--file", file, *arguments)

        with timed("compose up --wait"):
            compose("up", "--detach", "--wait")
        expect(asked(port) == "served from seoul", f"it answers {asked(port)!r}")
        (listed,) = json.loads(compose("ps", "--format", "json"))
        expect(listed["Health"] == "healthy", f"it is listed as {listed['Health']!r}")
        with timed("compose down"):
            compose("down")
        expect(asked(port) is None, "it answers after `down`")
        refused("compose up --wait of one that is unhealthy", lambda: compose("up", "--detach", "--wait", UNHEALTHY="1"))

        with timed("all of an engine stopped"):
            engine.stop_all()
        expect(not engine.done(["docker", "version"]), "an engine that was stopped answers")
        with timed("all of an engine started again"):
            engine.start_all()
        compose("up", "--detach", "--wait")


# Two regions.


def check_regions():
    parts = component("docker.sh"), component("kubernetes.sh")
    registry = component("registry.sh")
    made = [Cluster(*parts, "tokyo"), Cluster(*parts, "seoul"), Registry(registry), Registry(registry, "locked", locked=True)]
    with whole("two clusters, two registries", made) as (tokyo, seoul, registry, locked):
        ports = dict(zip((tokyo, seoul), free_ports(2)))
        service_image(tokyo)
        image = tokyo.push("shop:1", registry)
        for cluster, port in ports.items():
            with timed(f"{cluster.name}: apply until it is rolled out, the image pulled"):
                deploy(cluster, image, port)
            expect(asked(port) == f"served from {cluster.name}", f"{cluster.name} answers {asked(port)!r}")
            expect(asked(port, "/health") is not None, f"{cluster.name} is not healthy")

        tokyo.docker("login", "--username", locked.user, "--password-stdin", locked.host, stdin=locked.password)
        secret = tokyo.push("shop:1", locked)
        seoul.kubectl(
            "create", "secret", "docker-registry", "login", f"--docker-server={locked.host}",
            f"--docker-username={locked.user}", f"--docker-password={locked.password}",
        )
        with timed("seoul: the same, pulled with a secret"):
            deploy(seoul, secret, ports[seoul], secret="login")

        pid = tokyo.pid(container(tokyo))
        with timed("tokyo: all stopped"):
            tokyo.stop_all()
        expect(ended(pid), "a pod lives in a cluster that was stopped")
        expect(asked(ports[tokyo]) is None, "the service of a cluster that was stopped answers")
        expect(not tokyo.answers("get", "nodes"), "the API server of a cluster that was stopped answers")
        expect(asked(ports[seoul]) == "served from seoul", "the service of the other cluster does not answer")
        expect(seoul.answers("get", "nodes"), "the API server of the other cluster does not answer")
        with timed("tokyo: all started again"):
            tokyo.start_all()
        until("tokyo: until the service answers again", lambda: asked(ports[tokyo]) == "served from tokyo")

        tokyo.stop("kube-apiserver", signal.SIGSTOP)
        with timed("API server hangs: until kubectl fails that was given 3 s"):
            expect(not tokyo.answers("get", "nodes"), "an API server that hangs answers")
        expect(asked(ports[tokyo]) == "served from tokyo", "the service does not answer while the API server hangs")
        tokyo.stop("kube-apiserver", signal.SIGCONT)
        until("API server hangs no more: until its node is ready", tokyo.ready)
        tokyo.stop_all(signal.SIGSTOP)
        expect(asked(ports[tokyo], within=1) is None, "the service of a cluster that hangs answers")
        expect(asked(ports[seoul]) == "served from seoul", "the service of the other cluster does not answer")
        tokyo.stop_all(signal.SIGCONT)
        until("tokyo hangs no more: until the service answers", lambda: asked(ports[tokyo]) is not None)


def deploy(cluster, image, port, **more):
    env = {"REGION": cluster.name, "PORT": port}
    cluster.kubectl("apply", "--filename", "-", stdin=manifest(image, env, pull="Always", **more))
    cluster.kubectl("rollout", "status", "deployment/shop", "--timeout=60s")


def container(cluster):
    return cluster.docker("ps", "--quiet", "--filter", "name=k8s_shop_")


def ended(pid):
    """Says whether a process has ended, be it that nobody has waited for it yet."""
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z"
    return True


# Helm.


def check_helm():
    parts = component("docker.sh"), component("kubernetes.sh")
    with whole("two clusters", [Cluster(*parts, "tokyo"), Cluster(*parts, "seoul")]) as clusters:
        for cluster, version in zip(clusters, HELMS):
            helm = component("helm.sh", version)
            (port,) = free_ports(1)
            service_image(cluster)
            chart = cluster.folder / "chart"
            write_chart(chart, "shop:1", {"REGION": cluster.name, "PORT": port})

            def upgrade(*arguments):
                cluster.run(
                    helm / "helm", "upgrade", "--install", "--wait", "--timeout", "60s", "shop", chart, *arguments
                )

            def status():
                return json.loads(cluster.run(helm / "helm", "status", "shop", "--output", "json"))["info"]["status"]

            expect(leave_pending(cluster, helm, "shop", chart) == "pending-install", "a first release is not pending")
            refused(f"helm {version}: upgrade of a release that is pending", upgrade)
            cluster.run(helm / "helm", "uninstall", "shop", "--wait")
            gone(cluster)
            with timed(f"helm {version}: upgrade --install --wait, of a new release"):
                upgrade()
            expect(asked(port) == f"served from {cluster.name}", f"helm {version}: it answers {asked(port)!r}")
            with timed(f"helm {version}: the same, with nothing new"):
                upgrade()
            with timed(f"helm {version}: the same, with a new value, so that the old pod goes first"):
                upgrade("--set", "env.REGION=elsewhere")
            expect(asked(port) == "served from elsewhere", f"helm {version}: it answers {asked(port)!r}")
            expect(leave_pending(cluster, helm, "shop", chart) == "pending-upgrade", "a release is not pending")
            expect(status() == "pending-upgrade", f"helm {version}: one that was killed left {status()}")
            with timed(f"helm {version}: rollback --wait of one that was left pending"):
                cluster.run(helm / "helm", "rollback", "shop", "--wait", "--timeout", "60s")
            expect(status() == "deployed", f"helm {version}: after a rollback it is {status()}")
            expect(asked(port) is not None, f"helm {version}: it does not answer after a rollback")

            cluster.stop("kube-apiserver")
            refused(f"helm {version}: status, the API server stopped", status)


def gone(cluster):
    until("until its pods are gone", lambda: not cluster.kubectl("get", "pods", "--output", "name"))


if __name__ == "__main__":
    checks = ("registry", check_registry), ("compose", check_compose), ("regions", check_regions), ("helm", check_helm)
    sys.exit(checked(checks, sys.argv[1:]))
