"""A small web service for the scenarios: what it is deployed as, in every way there is.

It answers `/health` with 200 and `/` with `served from REGION`, on 127.0.0.1. It is told by its environment:

    REGION      what it says that it is
    PORT        where it listens
    START_AFTER seconds until it listens; 0 without it
    UNHEALTHY   when it is set, `/health` is answered with 404, always

    service_image(engine, "shop:1")
    cluster.kubectl("apply", "--filename", "-", stdin=manifest("shop:1", {"REGION": "seoul", "PORT": port}))
    write_chart(folder, "shop:1", {"REGION": "seoul", "PORT": port})
    compose_file("shop:1", {"REGION": "seoul", "PORT": port})
    asked(port)                                  # "served from seoul", or None
    leave_pending(cluster, helm, "shop", folder) # the release is left in `pending-upgrade`, or `pending-install`

It ends at once when it is told to. Python's standard library only.
"""

import contextlib
import json
import pathlib
import subprocess
import sys
import time
import urllib.request

# No cache of bytecode is left in the repository.
sys.dont_write_bytecode = True

from kept import Failed

PROGRAM = """
trap 'exit 0' TERM INT
sleep "${START_AFTER:-0}" & wait $!
echo "served from $REGION" > /www/index.html
[ -n "$UNHEALTHY" ] || echo well > /www/health
httpd -f -p "127.0.0.1:$PORT" -h /www & wait $!
"""


def service_image(engine, tag="shop:1", files=None, lines=()):
    """Builds the image. With other files, or lines of its Dockerfile, its digest is another."""
    files = {"www/.keep": "", "service": PROGRAM, **(files or {})}
    engine.image(tag, files, ["sh", "/service"], lines=lines)


def pod(image, env, name="shop", pull="IfNotPresent", secret=None):
    """Returns the spec of its pod: in the network of the machine, ready when `/health` says so."""
    return {
        "hostNetwork": True,
        "automountServiceAccountToken": False,
        # Not 0, or a kubelet as old as this one may start a container again of a pod that is deleted.
        "terminationGracePeriodSeconds": 1,
        "imagePullSecrets": [{"name": secret}] if secret else [],
        "containers": [{
            "name": name,
            "image": image,
            "imagePullPolicy": pull,
            "env": [{"name": key, "value": str(value)} for key, value in env.items()],
            "readinessProbe": {
                "httpGet": {"host": "127.0.0.1", "port": int(env["PORT"]), "path": "/health"},
                "periodSeconds": 1,
            },
        }],
    }


def deployment(image, env, name="shop", **more):
    """Returns a Deployment of one: a second could not listen on the same port, so that it goes before another comes."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": 1,
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": pod(image, env, name, **more)},
        },
    }


def manifest(image, env, name="shop", **more):
    """Returns the Deployment as a manifest."""
    return json.dumps(deployment(image, env, name, **more), indent=2) + "\n"


def write_chart(folder, image, env, name="shop", **more):
    """Writes a chart of the Deployment into a folder. Its values are `image` and `env`."""
    folder = pathlib.Path(folder)
    (folder / "templates").mkdir(parents=True, exist_ok=True)
    chart = {"apiVersion": "v2", "name": name, "version": "0.1.0", "appVersion": "1"}
    (folder / "Chart.yaml").write_text(json.dumps(chart) + "\n", encoding="utf-8")
    values = {"image": image, "env": {key: str(value) for key, value in env.items()}}
    (folder / "values.yaml").write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    template = deployment("IMAGE", {**env, "PORT": 0}, name, **more)
    container = template["spec"]["template"]["spec"]["containers"][0]
    container["env"] = "ENV"
    container["readinessProbe"]["httpGet"]["port"] = "PORT"
    text = json.dumps(template, indent=2)
    for word, value in (
        ("IMAGE", "{{ .Values.image | toJson }}"),
        ("PORT", "{{ .Values.env.PORT | int }}"),
        ("ENV", '[{{ range $i, $name := keys .Values.env | sortAlpha }}{{ if $i }}, {{ end }}{"name": {{ $name | toJson }},'
                ' "value": {{ get $.Values.env $name | toString | toJson }}}{{ end }}]'),
    ):
        text = text.replace(f'"{word}"', value)
    (folder / "templates/deployment.yaml").write_text(text + "\n", encoding="utf-8")


def compose_file(image, env, name="shop"):
    """Returns a Compose file of it, which says when it is healthy."""
    service = {
        "image": image,
        "network_mode": "host",
        "environment": {key: str(value) for key, value in env.items()},
        "healthcheck": {
            "test": ["CMD", "wget", "-q", "-O", "-", f"http://127.0.0.1:{env['PORT']}/health"],
            "interval": "1s", "timeout": "1s", "retries": 3,
        },
    }
    return json.dumps({"name": name, "services": {name: service}}, indent=2) + "\n"


def asked(port, path="/", within=5):
    """Returns what it answers on a port, or None when it does not answer with 200."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with contextlib.suppress(OSError), opener.open(f"http://127.0.0.1:{port}{path}", timeout=within) as answer:
        return answer.read().decode().strip()
    return None


def leave_pending(cluster, helm, release, chart, *arguments, namespace="default", within=20):
    """Kills a Helm amid an upgrade that waits for an image that is nowhere, and returns the status of the release.

    Takes the folder that `helm.sh` printed. What Helm does with SIGINT or SIGTERM is to note that it failed.
    """
    helm = pathlib.Path(helm) / "helm"
    upgrade = subprocess.Popen(
        [helm, "upgrade", "--install", "--wait", "--timeout", "5m", release, chart, "--set", "image=127.0.0.1:1/none:1",
         "--namespace", namespace, *arguments],
        env=cluster.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    try:
        until = time.monotonic() + within
        while time.monotonic() < until:
            with contextlib.suppress(Failed):
                status = json.loads(cluster.run(helm, "status", release, "--namespace", namespace, "--output", "json"))["info"]["status"]
                if status.startswith("pending-"):
                    return status
            time.sleep(0.1)
        raise Failed(f"{cluster.name}: the release {release} is not pending after {within}s")
    finally:
        upgrade.kill()
        upgrade.wait()
